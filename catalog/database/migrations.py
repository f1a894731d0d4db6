"""Moves a database's schema up and down its revisions, one process at a time, never waiting long for a lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from catalog.database import schema
from catalog.database.engine import is_connection_failure, make_engine, unavailable
from catalog.errors import SchemaAhead, SchemaBehind, SchemaDiverged, SchemaMismatch

#: Key of the advisory lock that keeps two migrations apart ("catalog" in ASCII, cut to fit).
ADVISORY_LOCK = 0x636174616C6F67
LOCK_TIMEOUT = "10s"
STATEMENT_TIMEOUT = "15min"


@dataclass(frozen=True)
class SchemaState:
    """Where a database stands: `state` is current, behind, ahead or diverged."""

    state: str
    current: str | None
    wanted: str
    differences: list[str]

    def problem(self) -> SchemaMismatch | None:
        """The error that says so, or None when current."""
        if self.state == "behind":
            return SchemaBehind(self.current, self.wanted)
        if self.state == "ahead":
            return SchemaAhead(self.current or "", self.wanted)
        return SchemaDiverged(self.differences) if self.state == "diverged" else None


def upgrade(url: str, revision: str = "head") -> None:
    """Apply revisions up to `revision`. Raises DatabaseUnavailable, SchemaAhead or SchemaMismatch."""
    _migrate(url, "upgrade", revision)


def downgrade(url: str, revision: str) -> None:
    """Take revisions back down to `revision` (`base` for all of them)."""
    _migrate(url, "downgrade", revision)


def head() -> str:
    """The newest revision that this program knows."""
    with _configured() as config:
        from alembic.script import ScriptDirectory

        found = ScriptDirectory.from_config(config).get_current_head()
    assert found is not None
    return found


def known_revisions() -> set[str]:
    """All revisions that this program knows."""
    with _configured() as config:
        from alembic.script import ScriptDirectory

        return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def current(connection: Connection) -> str | None:
    """The revision that the database says it is at; None when it has none."""
    if connection.execute(text("SELECT to_regclass('public.alembic_version')")).scalar() is None:
        return None
    row = connection.execute(text("SELECT version_num FROM public.alembic_version")).scalar()
    return None if row is None else str(row)


def check(connection: Connection) -> SchemaState:
    """Compare the database with this program: its revision first, then, when that is right, every object of it."""
    wanted, found = head(), current(connection)
    if found == wanted:
        different = schema.differences(schema.describe(connection), schema.expected(schema.id_bits(connection)))
        return SchemaState("diverged" if different else "current", found, wanted, different)
    return SchemaState("behind" if found is None or found in known_revisions() else "ahead", found, wanted, [])


def require_current(connection: Connection) -> None:
    """Raise SchemaBehind or SchemaAhead unless the database is at our revision. Quick: asks for the revision only."""
    found = current(connection)
    if found != head():
        state = check(connection)
        problem = state.problem()
        if problem is not None:
            raise problem


@contextmanager
def _configured(connection: Connection | None = None) -> Iterator[Any]:
    from alembic.config import Config

    with as_file(files("migrations")) as location:
        config = Config(attributes={"connection": connection})
        # a percent sign in a path would be read as an interpolation
        config.set_main_option("script_location", str(location).replace("%", "%%"))
        yield config


def _migrate(url: str, direction: str, revision: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
            try:
                connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
                connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
                connection.commit()
                found = current(connection)
                encoding = connection.execute(text("SHOW server_encoding")).scalar()
                if encoding != "UTF8":
                    raise SchemaMismatch(
                        f"the database is encoded in {encoding}, and the catalog needs UTF8",
                        "make it with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
                    )
                if found is not None and found not in known_revisions():
                    raise SchemaAhead(found, head())
                with _configured(connection) as config:
                    getattr(command, direction)(config, revision)
                connection.commit()
            finally:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
                connection.commit()
    except CommandError as error:
        raise SchemaMismatch(f"cannot {direction} to `{revision}`: {error}", "see `catalog db current`") from None
    except DBAPIError as error:
        if is_connection_failure(error):
            raise unavailable(error, url) from None
        if getattr(error.orig, "sqlstate", None) == "55P03":
            raise SchemaMismatch(
                f"cannot {direction}: another session holds a table for more than {LOCK_TIMEOUT}",
                "nothing was changed; try again when it is quiet",
            ) from None
        raise
    finally:
        engine.dispose()
