"""What a snapshot is made of, read in the file's own order from one consistent view of the catalog."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import psycopg

from catalog.domain.identity import KINDS, LISTING_KIND
from catalog.domain.vocabulary import ALIASING_SUCCESSIONS
from catalog.repositories import mapping
from catalog.repositories.contents import ALIAS_CHANGE, ALIASES, SUCCESSIONS, Condition, Contents, nanoseconds
from catalog.repositories.driver import Cursor
from catalog.snapshot.entries import AliasEntry, AnyEntry, Entry, SuccessionEntry

#: Rows that are fetched at once, of each type in a section.
PAGE = 2_000
#: Every vocabulary of a file, and the table that has its names and codes.
VOCABULARY_TABLES = {
    "blockchain": "blockchains",
    "component_measure": "component_measures",
    "event_field_type": "event_field_types",
    "event_priority": "event_priorities",
    "event_source": "event_sources",
    "exercise_style": "exercise_styles",
    "market_kind": "market_kinds",
    "option_kind": "option_kinds",
    "pool_type": "pool_types",
    "settlement_type": "settlement_types",
    "status": "statuses",
    "succession_kind": "succession_kinds",
    "token_standard": "token_standards",
    "venue_type": "venue_types",
}

INSTRUMENT_RECORDS = tuple(r for r, noun in mapping.NOUNS.items() if noun.kind == KINDS["instrument"])
#: The sections of a file that hold records: those of one section are sorted by id together. Aliases come behind the
#: synthetics, successions behind the event types, tombstones last.
SECTIONS: tuple[tuple[str, ...], ...] = (
    ("security",),
    ("venue",),
    tuple(r for r in INSTRUMENT_RECORDS if r != "synthetic"),
    ("synthetic",),
    ("listing",),
    ("pool",),
    ("pair",),
    ("broker_contract",),
    ("event_type",),
)
_BEFORE_ALIASES = 4


def counts(cursor: Cursor, contents: Contents, horizon: datetime) -> dict[str, int]:
    """How many entries of each kind `entries` will give."""
    found: dict[str, int] = {}
    for record, noun in mapping.NOUNS.items():
        condition, values = contents.condition(record)
        cursor.execute(f"SELECT count(*) FROM {noun.tables[0]} t0 WHERE {condition}", values)
        found[record] = _one(cursor)
    condition, values = contents.aliases()
    cursor.execute(ALIASES.format("count(*)", condition), values)
    found["alias"] = _one(cursor)
    condition, values = contents.successions()
    cursor.execute(f"{SUCCESSIONS.format('count(*)')} AND {condition}", [sorted(ALIASING_SUCCESSIONS), *values])
    found["succession"] = _one(cursor)
    found["tombstone"] = len(contents.tombstones(cursor, horizon))
    return found


def entries(connection: psycopg.Connection[Any], contents: Contents, horizon: datetime) -> Iterator[AnyEntry]:
    """Every entry of a snapshot, in the order of the file, in bounded memory."""
    for section in SECTIONS[:_BEFORE_ALIASES]:
        yield from _section(connection, contents, section)
    yield from _aliases(connection, contents)
    for section in SECTIONS[_BEFORE_ALIASES:]:
        yield from _section(connection, contents, section)
    with connection.cursor() as cursor:
        yield from _successions(cursor, contents)
        yield from contents.tombstones(cursor, horizon)


def _section(connection: psycopg.Connection[Any], contents: Contents, records: Iterable[str]) -> Iterator[Entry]:
    streams = [_records(connection, contents, record) for record in records]
    if len(streams) == 1:
        return (entry for _, entry in streams[0])
    # no two records of a section have the same key, so that entries are never compared
    return (entry for _, entry in heapq.merge(*streams))


def record_query(contents: Contents, record: str) -> Condition:
    """The query for the records of a type in the order of the file: last change, id and fields; and its parameters."""
    noun = mapping.NOUNS[record]
    condition, parameters = contents.condition(record)
    is_listing = noun.kind == LISTING_KIND
    order = 't0.instrument_id, t0.venue_id, t0.symbol COLLATE "C" NULLS FIRST' if is_listing else "t0.id"
    select = mapping.select(record).replace("SELECT t0.id", "SELECT c.sequence, c.changed_at, t0.id", 1)
    query = f"""{select} CROSS JOIN LATERAL (SELECT sequence, changed_at FROM changes
        WHERE kind = {noun.kind} AND record_id = t0.id ORDER BY sequence DESC LIMIT 1) c
        WHERE {condition} ORDER BY {order}"""
    return query, parameters


def _records(connection: psycopg.Connection[Any], contents: Contents, record: str) -> Iterator[tuple[Any, Entry]]:
    """The records of a type, each with what it is sorted by."""
    noun = mapping.NOUNS[record]
    is_listing = noun.kind == LISTING_KIND
    query, parameters = record_query(contents, record)
    natives = mapping.natives(noun)
    fields = [(name, natives.get(name)) for name in noun.fields]
    with connection.cursor(name=f"snapshot_{record}", binary=True) as cursor:
        cursor.itersize = PAGE
        cursor.execute(query, parameters)
        for sequence, changed_at, id, *cells in cursor:
            values = {
                name: cell if native is None else native(cell)
                for (name, native), cell in zip(fields, cells, strict=True)
                if cell is not None
            }
            if is_listing:
                key: Any = (values["instrument_id"], values["venue_id"], values.get("symbol", "").encode())
                yield key, Entry(record, b"", sequence, nanoseconds(changed_at), values)
            else:
                yield id.bytes, Entry(record, id.bytes, sequence, nanoseconds(changed_at), values)


def _aliases(connection: psycopg.Connection[Any], contents: Contents) -> Iterator[AliasEntry]:
    condition, parameters = contents.aliases()
    query = ALIASES.format(f"i.id, i.target_id, i.identity, {ALIAS_CHANGE}", condition)
    with connection.cursor(name="snapshot_alias") as cursor:
        cursor.itersize = PAGE
        cursor.execute(f"{query} ORDER BY i.id", parameters)
        for id, target, identity, sequence, changed_at in cursor:
            yield AliasEntry(
                id.bytes, target.bytes if target else None, sequence, nanoseconds(changed_at), bytes(identity)
            )


def _successions(cursor: Cursor, contents: Contents) -> Iterator[SuccessionEntry]:
    columns = """s.kind, s.predecessor_id, s.successor_id, s.succession_kind, s.ratio, s.effective_at, s.is_in_effect,
        c.sequence, c.changed_at"""
    lateral = """CROSS JOIN LATERAL (SELECT sequence, changed_at FROM changes c WHERE c.kind = s.kind
        AND c.record_id = s.predecessor_id ORDER BY c.action = 'supersede' DESC, sequence DESC LIMIT 1) c WHERE"""
    query = SUCCESSIONS.format(columns).replace("WHERE", lateral, 1)
    condition, values = contents.successions()
    order = "ORDER BY s.kind, s.predecessor_id, s.successor_id, k.code"
    cursor.execute(f"{query} AND {condition} {order}", [sorted(ALIASING_SUCCESSIONS), *values])
    for kind, old, new, name, ratio, at, in_effect, sequence, changed_at in cursor.fetchall():
        yield SuccessionEntry(
            kind, old.bytes, new.bytes, name, ratio, nanoseconds(at), in_effect, sequence, nanoseconds(changed_at)
        )


def vocabularies(cursor: Cursor) -> dict[str, dict[str, int]]:
    """The codes of every vocabulary."""
    found: dict[str, dict[str, int]] = {}
    for name, table in VOCABULARY_TABLES.items():
        cursor.execute(f"SELECT {name}, code FROM {table}")
        found[name] = dict(cursor.fetchall())
    return found


def _one(cursor: Cursor) -> int:
    found = cursor.fetchone()
    assert found is not None
    return int(found[0])
