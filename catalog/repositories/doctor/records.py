"""Ids and records page by page, from any id on: a stretch of hashes is a fair sample of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from catalog.repositories import mapping
from catalog.repositories.driver import Cursor
from catalog.repositories.statements import Key

PAGE = 10_000
#: The table that has the ids of each kind, that of the rows of listings included.
HEADS = {noun.kind: noun.tables[0] for noun in mapping.NOUNS.values()}
Row = tuple[Any, ...]


def identities(cursor: Cursor, kind: int, start: UUID, rows: int | None) -> Iterator[Row]:
    """(id, id64, identity) of one kind."""
    return _pages(cursor, "SELECT t0.id, t0.id64, t0.identity FROM identities t0", f"t0.kind = {kind}", start, rows)


def listings(cursor: Cursor, start: UUID, rows: int | None) -> Iterator[Row]:
    """(id, instrument, venue, symbol or empty) of listings."""
    query = "SELECT t0.id, t0.instrument_id, t0.venue_id, coalesce(t0.symbol, '') FROM listings t0"
    return _pages(cursor, query, "true", start, rows)


def event_numbers(cursor: Cursor, start: UUID, rows: int | None) -> Iterator[Row]:
    """(id, number) of event types."""
    return _pages(cursor, "SELECT t0.id, t0.number FROM event_types t0", "true", start, rows)


def values(cursor: Cursor, record: str, start: UUID, rows: int | None) -> Iterator[tuple[UUID, dict[str, Any]]]:
    """(id, values) of records of one type."""
    for cells in _pages(cursor, mapping.select(record), mapping.of_type(record), start, rows):
        yield cells[0], mapping.to_values(record, cells[1:])


def keys(cursor: Cursor, kind: int, start: UUID, rows: int | None) -> Iterator[Key]:
    """The records of one kind."""
    for (id,) in _pages(cursor, f"SELECT t0.id FROM {HEADS[kind]} t0", "true", start, rows):
        yield Key(kind, id)


def _pages(cursor: Cursor, query: str, condition: str, start: UUID, rows: int | None) -> Iterator[Row]:
    """The rows from `start` on, and then those before it, at most `rows`; a page at a time is held in memory."""
    left = sys.maxsize if rows is None else rows
    for last, bound in ((start, "true"), (UUID(int=0), f"t0.id < '{start}'")):
        comparison = ">="
        while left > 0:
            limit = min(PAGE, left)
            cursor.execute(
                f"{query} WHERE {condition} AND {bound} AND t0.id {comparison} %s ORDER BY t0.id LIMIT {limit}", [last]
            )
            page = cursor.fetchall()
            yield from page
            left -= len(page)
            if len(page) < limit:
                break
            comparison, last = ">", page[-1][0]


def speaker(cursor: Cursor, key: Key) -> tuple[str, int] | None:
    """A source, not the operator, that speaks of a record, and its precedence."""
    cursor.execute(
        """SELECT s.source, s.precedence FROM observations o JOIN feeds f USING (feed_id) JOIN sources s USING (source)
        WHERE o.kind = %s AND o.subject_id = %s AND s.authority <> 'operator' ORDER BY s.precedence, s.source LIMIT 1""",
        key,
    )
    found = cursor.fetchone()
    return (found[0], found[1]) if found else None


def open_disputes(cursor: Cursor) -> tuple[int, Any]:
    """A fingerprint of the disputes that are open."""
    cursor.execute(
        "SELECT count(*), coalesce(sum(hashtextextended(dispute_key, 0)::numeric), 0) FROM disputes WHERE state = 'open'"
    )
    found = cursor.fetchone()
    assert found is not None
    return found[0], found[1]
