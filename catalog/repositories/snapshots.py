"""What a snapshot is made of, read in the file's own order from one consistent view of the catalog."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from catalog.domain.identity import KINDS, LISTING_KIND
from catalog.repositories import mapping
from catalog.repositories.driver import Cursor
from catalog.snapshot.entries import AliasEntry, AnyEntry, Entry, TombstoneEntry

PAGE = 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_USED_BY_PAIR = "EXISTS (SELECT 1 FROM pairs p WHERE t0.id IN (p.base_id, p.quote_id) AND p.status <> 'retired')"
_INSTRUMENT = f"""(t0.status <> 'retired' OR {_USED_BY_PAIR}
    OR EXISTS (SELECT 1 FROM listings l WHERE l.instrument_id = t0.id AND l.status <> 'retired'))"""
#: Whether a record is in a full snapshot: unless retired; and a retired one, too, when a record in the file names it.
IN_FILE: dict[str, str] = {
    "security": """(t0.status <> 'retired' OR EXISTS (SELECT 1 FROM equities e WHERE e.isin = t0.isin AND NOT e.is_retired))""",
    "venue": """(t0.status <> 'retired' OR EXISTS (SELECT 1 FROM listings l WHERE l.venue_id = t0.id AND l.status <> 'retired')
        OR EXISTS (SELECT 1 FROM equities e WHERE e.mic = t0.mic AND NOT e.is_retired)
        OR EXISTS (SELECT 1 FROM pairs p WHERE p.exchange = t0.slug AND p.status <> 'retired'))""",
    "listing": "t0.status <> 'retired'",
    "pair": "t0.status <> 'retired'",
}
INSTRUMENT_RECORDS = tuple(r for r, noun in mapping.NOUNS.items() if noun.kind == KINDS["instrument"])
#: The sections of a file: records of one section are sorted by id together.
SECTIONS: tuple[tuple[str, ...], ...] = (("security",), ("venue",), INSTRUMENT_RECORDS, ("listing",), ("pair",))
_ALIASES = f"""FROM identities i LEFT JOIN instruments t0 ON t0.id = i.target_id
    WHERE i.kind = 1 AND i.is_alias AND (i.target_id IS NULL OR {_INSTRUMENT})"""


def condition(record: str) -> str:
    """The WHERE condition for records of a type that are in a full snapshot."""
    return f"{mapping.of_type(record)} AND {IN_FILE.get(record, _INSTRUMENT)}"


def counts(cursor: Cursor, horizon: datetime) -> dict[str, int]:
    """How many entries of each kind `entries` will give."""
    found: dict[str, int] = {}
    for record, noun in mapping.NOUNS.items():
        cursor.execute(f"SELECT count(*) FROM {noun.tables[0]} t0 WHERE {condition(record)}")
        found[record] = _one(cursor)
    cursor.execute(f"SELECT count(*) {_ALIASES}")
    found["alias"] = _one(cursor)
    found["tombstone"] = sum(1 for _ in tombstones(cursor, horizon))
    return found


def entries(connection: psycopg.Connection[Any], horizon: datetime) -> Iterator[AnyEntry]:
    """Every entry of a full snapshot, in the order of the file, in bounded memory."""
    for section in SECTIONS[:3]:
        yield from _section(connection, section)
    yield from _aliases(connection)
    for section in SECTIONS[3:]:
        yield from _section(connection, section)
    with connection.cursor() as cursor:
        yield from tombstones(cursor, horizon)


def _section(connection: psycopg.Connection[Any], records: Iterable[str]) -> Iterator[Entry]:
    streams = [_records(connection, record) for record in records]
    return (entry for _, entry in heapq.merge(*streams, key=lambda pair: pair[0]))


def _records(connection: psycopg.Connection[Any], record: str) -> Iterator[tuple[Any, Entry]]:
    noun = mapping.NOUNS[record]
    order = "t0.instrument_id, t0.venue_id, t0.symbol NULLS FIRST" if record == "listing" else "t0.id"
    select = mapping.select(record).replace("SELECT t0.id", "SELECT c.sequence, c.changed_at, t0.id", 1)
    query = f"""{select} CROSS JOIN LATERAL (SELECT sequence, changed_at FROM changes
        WHERE kind = {noun.kind} AND record_id = t0.id ORDER BY sequence DESC LIMIT 1) c
        WHERE {condition(record)} ORDER BY {order.replace("t0.symbol", 't0.symbol COLLATE "C"')}"""
    names = noun.fields
    with connection.cursor(name=f"snapshot_{record}") as cursor:
        cursor.itersize = PAGE
        cursor.execute(query)
        for sequence, changed_at, id, *cells in cursor:
            values = {
                n: c.hex if isinstance(c, UUID) else c for n, c in zip(names, cells, strict=True) if c is not None
            }
            key: Any = id.bytes
            if noun.kind == LISTING_KIND:
                key = (values["instrument_id"], values["venue_id"], values.get("symbol", "").encode())
            yield (
                key,
                Entry(
                    record, b"" if noun.kind == LISTING_KIND else id.bytes, sequence, nanoseconds(changed_at), values
                ),
            )


def _aliases(connection: psycopg.Connection[Any]) -> Iterator[AliasEntry]:
    query = f"""SELECT i.id, i.target_id, i.identity, c.sequence, c.changed_at {
        _ALIASES.replace(
            "WHERE",
            '''
        LEFT JOIN LATERAL (SELECT max(sequence) AS sequence, max(changed_at) AS changed_at FROM (
            SELECT l.sequence, l.changed_at FROM alias_claims a CROSS JOIN LATERAL (
                SELECT sequence, changed_at FROM changes WHERE kind = 1 AND record_id = a.claimant_id
                ORDER BY sequence LIMIT 1) l WHERE a.alias_id = i.id) s) c ON true WHERE''',
            1,
        )
    } ORDER BY i.id"""
    with connection.cursor(name="snapshot_alias") as cursor:
        cursor.itersize = PAGE
        cursor.execute(query)
        for id, target, identity, sequence, changed_at in cursor:
            yield AliasEntry(
                id.bytes,
                target.bytes if target else None,
                sequence or 0,
                nanoseconds(changed_at or _EPOCH),
                bytes(identity),
            )


def tombstones(cursor: Cursor, horizon: datetime) -> Iterator[TombstoneEntry]:
    """What was retired after the horizon and is named by nothing in the file; listings, having no id, leave none."""
    found: list[TombstoneEntry] = []
    for record, noun in mapping.NOUNS.items():
        if noun.kind == LISTING_KIND:
            continue
        cursor.execute(
            f"""SELECT t0.id, c.sequence, c.changed_at FROM {noun.tables[0]} t0 CROSS JOIN LATERAL (
            SELECT sequence, changed_at FROM changes WHERE kind = {noun.kind} AND record_id = t0.id
            ORDER BY sequence DESC LIMIT 1) c
            WHERE t0.status = 'retired' AND {mapping.of_type(record)} AND NOT ({condition(record)}) AND c.changed_at > %s""",
            [horizon],
        )
        found += [
            TombstoneEntry(noun.kind, id.bytes, record, sequence, nanoseconds(at))
            for id, sequence, at in cursor.fetchall()
        ]
    yield from sorted(found, key=lambda t: (t.kind, t.id))


def vocabularies(cursor: Cursor) -> dict[str, dict[str, int]]:
    """The codes of every vocabulary."""
    tables = {
        "blockchain": "blockchains",
        "market_kind": "market_kinds",
        "status": "statuses",
        "token_standard": "token_standards",
        "venue_type": "venue_types",
    }
    found: dict[str, dict[str, int]] = {}
    for name, table in tables.items():
        cursor.execute(f"SELECT {name}, code FROM {table}")
        found[name] = dict(cursor.fetchall())
    return found


def nanoseconds(at: datetime) -> int:
    """Whole nanoseconds since the epoch, exact."""
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000


def _one(cursor: Cursor) -> int:
    found = cursor.fetchone()
    assert found is not None
    return int(found[0])
