"""What the checks work with: a read-only transaction with a time limit, and how much is to be looked at."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from catalog.database import migrations, schema
from catalog.database.engine import is_connection_failure, unavailable
from catalog.database.migrations import SchemaState
from catalog.repositories.doctor import server
from catalog.repositories.driver import Cursor, cursor_of
from catalog.services.doctor.report import Finding

#: Rows of each kind that are looked at, unless all are to be.
SAMPLE = 100_000


@dataclass(frozen=True)
class Limits:
    """From when on something is found: seconds of a wait, a skew, an idle or a long transaction; hours of runs."""

    skew_seconds: float = 5
    lock_seconds: float = 30
    idle_seconds: float = 300
    transaction_seconds: float = 3600
    run_hours: float = 1
    nightly_hours: float = 36


@dataclass(frozen=True)
class Scope:
    """How much is looked at, and for how long: seconds that a single statement may take.

    Ids are hashes, so that a stretch of them which begins anywhere is a fair sample: it begins at `start`.
    """

    is_full: bool = False
    sample: int = SAMPLE
    timeout_seconds: float = 60
    limits: Limits = Limits()
    start: UUID = field(default_factory=lambda: UUID(bytes=secrets.token_bytes(16)))

    @property
    def rows(self) -> int | None:
        """How many rows of a table are enough; None for all."""
        return None if self.is_full else self.sample


def now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


class Examination:
    """One examination of a catalog. `cursor` is that of the present check's transaction."""

    def __init__(self, engine: Engine, scope: Scope) -> None:
        self.engine, self.scope = engine, scope
        self._connection: Connection | None = None

    @contextmanager
    def opened(self) -> Iterator[None]:
        """A read-only view of one moment for the checks inside; a statement that takes too long is ended."""
        with self._connected() as connection:
            server.begin(cursor_of(connection), self.scope.timeout_seconds, is_read_only=True)
            self._connection = connection
            try:
                yield
            finally:
                self._connection = None

    @contextmanager
    def scratch(self) -> Iterator[Connection]:
        """A transaction that may write, and is taken back whatever happens."""
        with self._connected() as connection:
            server.begin(cursor_of(connection), self.scope.timeout_seconds, is_read_only=False)
            try:
                yield connection
            finally:
                connection.rollback()

    def _connected(self) -> Connection:
        try:
            return self.engine.connect()
        except DBAPIError as error:
            if is_connection_failure(error):
                raise unavailable(error, self.engine.url.render_as_string()) from None
            raise

    @property
    def connection(self) -> Connection:
        """The present check's connection."""
        assert self._connection is not None, "a check runs inside opened()"
        return self._connection

    @property
    def cursor(self) -> Cursor:
        """A cursor on it."""
        return cursor_of(self.connection)

    @cached_property
    def revision(self) -> str | None:
        """The revision that the database says it is at."""
        return migrations.current(self.connection)

    @property
    def is_ours(self) -> bool:
        """Whether that is this program's: what is asked of the tables makes sense only then."""
        return self.revision == migrations.head()

    @cached_property
    def schema_state(self) -> SchemaState:
        """How the database's objects compare with what this program expects."""
        return migrations.check(self.connection)

    @cached_property
    def expected(self) -> dict[str, str]:
        """Every object that should be there, with its definition."""
        return schema.expected(schema.id_bits(self.connection))

    def differences(self, *parts: str) -> Iterator[tuple[str, str, str]]:
        """What is different in these parts of the schema: (part, name, is missing | is not ours | differs: …)."""
        for sentence in self.schema_state.differences:
            part, _, rest = sentence.partition(" ")
            if part in parts:
                for words in (" is missing", " is not ours", " differs: "):
                    name, found, more = rest.partition(words)
                    if found:
                        yield part, name, (words + more).strip()
                        break


Look = Callable[[Examination], Iterable[Finding]]


class Check(NamedTuple):
    """A check: its name, what it looks at in one line, how, and what it needs beyond the right to read."""

    name: str
    about: str
    look: Look
    needs_schema: bool = True
