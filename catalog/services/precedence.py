"""Who is believed before whom, and changing it: what follows for the records is applied at once."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine

from catalog.domain.golden import OPERATOR_SOURCE
from catalog.domain.records import RECORDS
from catalog.domain.vocabulary import PRECEDENCE
from catalog.errors import InvalidRecord, NotFound
from catalog.repositories import bulk, feeds
from catalog.repositories.driver import cursor_of
from catalog.repositories.statements import Author, Outcome
from catalog.services import writing

BATCH = 5_000
WEAKEST = 999


def change(
    engine: Engine,
    source: str,
    precedence: int | None,
    author: Author,
    *,
    feed: str | None = None,
    record: str | None = None,
    field: str | None = None,
) -> int:
    """Let a source, one of its feeds, or one field of a record type be believed otherwise; the lowest number is first.

    None gives a feed or a field back what its source has, and a source what its kind of voice has. Every record of
    which the source speaks is derived anew in the same transaction. Returns how many records changed. Raises NotFound
    for a source or feed that has never spoken, InvalidRecord for a number or a field that cannot be.
    """
    strongest = PRECEDENCE["operator"]
    if precedence is not None and not strongest < precedence <= WEAKEST:
        reason = f"a number from {strongest + 1} to {WEAKEST} is expected; {strongest} is the operator's own"
        raise InvalidRecord("precedence", precedence, reason)
    if source == OPERATOR_SOURCE:
        raise InvalidRecord("source", source, "the operator is always believed first")
    if (record is None) != (field is None) or (feed is not None and field is not None):
        raise InvalidRecord(
            "field", field or record or "nothing", "a record type and a field go together, without a feed"
        )
    if record is not None and (record not in RECORDS or field not in RECORDS[record].model_fields):
        raise InvalidRecord("field", f"{record}.{field}", "no record has such a field")
    work = partial(_change, source=source, precedence=precedence, feed=feed, record=record, field=field, author=author)
    return len(writing.run(engine, work, author).changes)


def _change(
    connection: Connection,
    source: str,
    precedence: int | None,
    feed: str | None,
    record: str | None,
    field: str | None,
    author: Author,
) -> Outcome:
    cursor = cursor_of(connection)
    if not feeds.set_precedence(cursor, source, precedence, feed=feed, record=record, field=field):
        what = "source" if feed is None else "feed"
        raise NotFound(what, source if feed is None else f"{source}:{feed}", "`catalog imports sources` shows them")
    keys = feeds.spoken_of(cursor, source, feed, field)
    whole = Outcome()
    for start in range(0, len(keys), BATCH):
        bulk.join(whole, bulk.rederive(connection, keys[start : start + BATCH], author))
    return whole


def table(engine: Engine) -> list[dict[str, Any]]:
    """Every source, feed and field with a precedence of its own, the most believed first."""
    with engine.connect() as connection:
        return feeds.precedences(cursor_of(connection))
