"""`catalog doctor`: what it prints, and its exit codes."""

from __future__ import annotations

import psycopg
import pytest

from catalog.services.doctor import CHECKS
from tests.cli.conftest import USDC, Run

NAMES = [check.name for check in CHECKS]


def break_a_value(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE tokens SET symbol = E'\\x1b[31mBAD' WHERE id = %s", [USDC])


def test_a_sound_catalog(sample: Run) -> None:
    done = sample("doctor")
    assert (done.code, done.err) == (0, "")
    first, *lines = done.out.splitlines()
    assert first.split() == ["check", "state", "what"]
    assert [line.split(maxsplit=2) for line in lines] == [[check.name, "ok", check.about] for check in CHECKS]


def test_a_sound_catalog_in_json(sample: Run) -> None:
    done = sample("doctor", "--json", "--full")
    assert done.code == 0
    assert (done.json["is_content"], done.json["full"]) == (True, True)
    assert done.json["versions"]["schema"] == done.json["versions"]["expected_schema"]
    assert [(c["name"], c["state"], c["findings"]) for c in done.json["checks"]] == [(n, "ok", []) for n in NAMES]


def test_a_finding_comes_with_what_mends_it(sample: Run, database_url: str) -> None:
    break_a_value(database_url)
    done = sample("doctor", "--only", "derivation", "--only", "ids,changes")
    assert done.code == 1
    assert [line.split()[:2] for line in done.out.splitlines()[1:4]] == [
        ["ids", "ok"],
        ["derivation", "finding"],
        ["changes", "ok"],
    ]
    told = done.out.partition("\n\n")[2].splitlines()
    assert told[0] == "derivation: records are not what follows from what feeds said of them"
    assert told[1] == f"    token {USDC}: symbol `\\x1b[31mBAD`, should be `USDC`"
    assert told[2].startswith("  mend: `catalog precedence set jsonl ")
    command = told[2].split("`")[1].split()
    assert sample(*command[1:]).code == 0
    assert sample("doctor").code == 0


def test_a_finding_in_json(sample: Run, database_url: str) -> None:
    break_a_value(database_url)
    done = sample("doctor", "--only", "derivation", "--json")
    assert (done.code, done.json["is_content"]) == (1, False)
    (check,) = done.json["checks"]
    (finding,) = check["findings"]
    assert finding.keys() == {"what", "value", "count", "examples", "mend", "is_advice"}
    assert (finding["count"], len(finding["examples"]), finding["is_advice"]) == (1, 1, False)


def test_advice_is_no_finding(sample: Run, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE import_runs SET observed_at = now() + interval '1 year'")
    done = sample("doctor", "--only", "clock")
    assert done.code == 0
    assert "  advice  " in done.out


def test_an_error_is_told_with_its_reason(sample: Run, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE history IN ACCESS EXCLUSIVE MODE")
        done = sample("doctor", "--only", "history,changes", "--timeout", "0.2")
        shown = sample("doctor", "--only", "history", "--timeout", "0.2", "--json").json["checks"][0]
    assert done.code == 1
    assert "history: it was not done in 0.2 seconds\n  mend: repeat it with a longer --timeout" in done.out
    assert (shown["state"], shown["reason"]) == ("error", "it was not done in 0.2 seconds")


def test_how_old_a_nightly_snapshot_may_be(sample: Run, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            """INSERT INTO nightly_runs (directory, actor, state, started_at, finished_at)
            VALUES ('d', 'me', 'published', now() - interval '3 hours', now() - interval '3 hours')"""
        )
    assert sample("doctor", "--only", "nightly").code == 0
    assert sample("doctor", "--only", "nightly", "--nightly-hours", "2").code == 1


@pytest.mark.parametrize("words", [("--only", "fortune"), ("--timeout", "0"), ("--only", "")])
def test_what_cannot_be_run(sample: Run, words: tuple[str, ...]) -> None:
    done = sample("doctor", *words)
    assert done.code == 2
    assert done.out == ""


def test_no_database(run: Run) -> None:
    done = run("doctor", "--database-url", "postgresql://nobody:secret@127.0.0.1:1/nothing")
    assert done.code == 2
    assert "not available" in done.err
    assert "secret" not in done.err


def test_a_schema_that_is_behind(run: Run, empty_database_url: str) -> None:
    done = run("doctor", "--database-url", empty_database_url)
    assert done.code == 1
    assert "schema: the schema is behind (empty)" in done.out
    assert "run `catalog db upgrade`" in done.out
