"""The one edge where registrations are committed, and where collisions outlive the rollback."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import psycopg
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from catalog.domain.base import Record
from catalog.repositories import bulk, faults, feeds, identities
from catalog.repositories.driver import Cursor, cursor_of
from catalog.repositories.statements import Author, Collision, Outcome, Submission

AUDIT_LOCK_TIMEOUT = "5s"
log = logging.getLogger("catalog")


def write(
    engine: Engine, submissions: Sequence[Submission], author: Author, *, all_or_nothing: bool = False
) -> Outcome:
    """Register in one transaction of its own.

    With `all_or_nothing` an error of any record takes everything back. Collisions are written to the audit on another
    connection after the transaction has ended either way.
    """
    with engine.connect() as connection:
        outcome = bulk.register(connection, submissions, author)
        if all_or_nothing and outcome.errors:
            connection.rollback()
        else:
            bulk.log_changes(connection, outcome, author)
            connection.commit()
    audit(engine, outcome.collisions, author)
    return outcome


def by_operator(
    cursor: Cursor, record: Record, stated: frozenset[str] | None = None, *, is_decided: bool = False
) -> Submission:
    """A record as this catalog's operator states it now."""
    return Submission(record, feeds.operator(cursor), datetime.now(UTC), is_decided=is_decided, stated=stated)


def run(engine: Engine, work: Callable[[Connection], Outcome], author: Author) -> Outcome:
    """Do something that changes records in one transaction, its changes logged last; again when other writers were in
    the way. An error takes everything back."""
    for attempt in range(1, bulk.MAX_ATTEMPTS + 1):
        with engine.connect() as connection:
            try:
                outcome = work(connection)
                bulk.log_changes(connection, outcome, author)
                connection.commit()
            except bulk.Again:
                connection.rollback()
                if attempt == bulk.MAX_ATTEMPTS:
                    raise
            except psycopg.Error as error:
                connection.rollback()
                if isinstance(error, bulk.AGAIN) and attempt < bulk.MAX_ATTEMPTS:
                    continue
                if faults.is_row_fault(error):
                    raise faults.translate(error) from None
                if isinstance(error, bulk.AGAIN):
                    raise bulk.Again from None
                raise
            except DBAPIError as error:  # a rule that is looked at when the transaction is committed
                connection.rollback()
                if isinstance(error.orig, psycopg.Error) and faults.is_row_fault(error.orig):
                    raise faults.translate(error.orig) from None
                raise
            else:
                return outcome
    raise AssertionError("unreachable")


def audit(engine: Engine, collisions: Iterable[Collision], author: Author) -> None:
    """Keep refused identities in `id_collisions`, and say it where operators look."""
    found = list(collisions)
    if not found:
        return
    for collision in found:
        log.critical("id collision: %s", identities.collision_error(collision))
    with engine.connect() as connection:
        connection.execute(text(f"SET LOCAL lock_timeout = '{AUDIT_LOCK_TIMEOUT}'"))
        _record(connection, found, author)
        connection.commit()


def _record(connection: Connection, collisions: list[Collision], author: Author) -> None:
    identities.record_collisions(cursor_of(connection), collisions, author.actor, author.run_id)
