"""`catalog db grant-reader`: what it prints, and how it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from psycopg.sql import SQL, Identifier

from catalog.database.embedded import EmbeddedServer
from catalog.tables import reporting
from tests.cli.conftest import Run

NAME = 'cli "reader"'


@pytest.fixture
def session(database_url: str) -> Iterator[psycopg.Connection]:
    """The server's owner; the reader is dropped at the end."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection
        connection.execute("RESET ROLE")
        connection.execute(SQL("DROP OWNED BY {}").format(Identifier(NAME)))
        connection.execute(SQL("DROP ROLE {}").format(Identifier(NAME)))


def test_a_reader_is_made(catalog: Run, session: psycopg.Connection) -> None:
    done = catalog("db", "grant-reader", NAME)
    views = len(reporting.VIEWS)
    assert (done.code, done.out) == (0, f"{NAME} reads the {views} views of reporting\n")
    assert done.lines == ["""hint: it has no password yet; give it one: ALTER ROLE "cli ""reader\""" PASSWORD '…'"""]
    done = catalog("db", "grant-reader", NAME, "--json")
    assert (done.code, done.err) == (0, "")
    database = session.info.dbname
    assert done.json == {"role": NAME, "database": database, "created": False, "views": views, "remaining": []}
    session.execute(SQL("SET ROLE {}").format(Identifier(NAME)))
    session.execute("SELECT * FROM reporting.tokens")
    with pytest.raises(errors.InsufficientPrivilege):
        session.execute("SELECT * FROM tokens")


@pytest.mark.parametrize("name", ["catalog", "pg_reader", "public", "", "x" * 64])
def test_a_name_that_cannot_be(catalog: Run, name: str) -> None:
    done = catalog("db", "grant-reader", name)
    assert (done.code, done.out) == (2, "")
    assert done.lines[0].startswith("error: `")
    assert " cannot be a reader: " in done.lines[0]
    assert done.lines[1].startswith("hint: ")


def test_a_role_that_is_more_keeps_what_it_has(catalog: Run, session: psycopg.Connection) -> None:
    session.execute(SQL("CREATE ROLE {} CREATEDB").format(Identifier(NAME)))
    done = catalog("db", "grant-reader", NAME)
    assert done.code == 2
    assert done.lines[0] == f"error: `{NAME}` cannot be a reader: it may create databases"
    assert catalog("db", "check").code == 0


def test_a_database_without_a_schema(run: Run, empty_database_url: str) -> None:
    done = run("db", "grant-reader", "nobody", "--database-url", empty_database_url)
    assert done.code == 2
    assert done.lines[1] == "hint: run `catalog db upgrade`"


def test_on_the_embedded_server(run: Run, scratch_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is let in there: the command says so, and asks for no password."""
    home = scratch_directory / "readers"
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    with EmbeddedServer(home / "instrument-catalog", durable=False):
        assert run("db", "upgrade").code == 0
        done = run("db", "grant-reader", NAME)
        assert done.code == 0
        assert done.lines == [
            "hint: the embedded server lets in nobody but its owner; try the role with SET ROLE and SET search_path TO reporting"
        ]
