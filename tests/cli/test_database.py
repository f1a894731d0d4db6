"""`catalog db`, and what the others say when the schema is not the right one."""

from __future__ import annotations

import psycopg
import pytest

from tests.cli.conftest import Run


@pytest.fixture
def empty(run: Run, empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("CATALOG_DATABASE_URL", empty_database_url)
    return run


def test_from_nothing_to_current_and_back(empty: Run) -> None:
    assert empty("db", "current").out == "empty\n"
    done = empty("db", "check")
    assert (done.code, done.out) == (1, "behind\n")
    done = empty("stats")
    assert done.code == 2
    assert done.lines[1] == "hint: run `catalog db upgrade`"
    assert empty("db", "upgrade").code == 0
    done = empty("db", "check", "--json")
    assert (done.code, done.json["state"]) == (0, "current")
    assert done.json["current"] == done.json["wanted"] == empty("db", "current", "--json").json["current"]
    assert empty("db", "downgrade", "base").code == 0
    assert empty("db", "current", "--json").json["current"] is None


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("UPDATE alembic_version SET version_num = 'from_the_future'", "ahead"),
        ("DROP TABLE snapshots", "diverged"),
    ],
)
def test_ahead_and_diverged(catalog: Run, database_url: str, statement: str, state: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(statement.encode())
    done = catalog("db", "check")
    assert (done.code, done.out) == (1, f"{state}\n")
    assert [line.partition(":")[0] for line in done.lines] == ["error", "hint"]
    if state == "ahead":
        assert catalog("stats").code == 2
        assert catalog("db", "upgrade").code == 2


def test_an_unknown_revision(catalog: Run) -> None:
    done = catalog("db", "upgrade", "nonsense")
    assert done.code == 2
    assert "nonsense" in done.lines[0]


@pytest.mark.parametrize("url", ["mysql://x/y", "nonsense", "postgresql://u:hunter2@127.0.0.1:1/x"])
@pytest.mark.parametrize("command", ["upgrade", "current", "check"])
def test_a_database_that_is_none(run: Run, url: str, command: str) -> None:
    done = run("db", command, "--database-url", url)
    assert done.code == 2
    assert done.lines[0].startswith("error: the database is not available: ")
    assert "hunter2" not in done.err
