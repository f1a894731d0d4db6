"""What a snapshot is made of, read in the file's own order from one consistent view of the catalog."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from catalog.domain.identity import KINDS, LISTING_KIND
from catalog.domain.vocabulary import ALIASING_SUCCESSIONS
from catalog.repositories import mapping, references
from catalog.repositories.driver import Cursor
from catalog.snapshot.entries import AliasEntry, AnyEntry, Entry, SuccessionEntry, TombstoneEntry

PAGE = 20_000
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
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

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


class Contents:
    """Which records are in a full snapshot: all that are not retired, and every retired one that a record in it names.

    `named` has those, by the head table of their records: the rows to be read beside the ones that are not retired.
    """

    def __init__(self, cursor: Cursor) -> None:
        self.named: dict[str, set[UUID]] = {}
        for reference in references.references():
            self._add(cursor, reference, "r.status <> 'retired'", [])
        self._add_successions(cursor)
        waiting = {head: set(ids) for head, ids in self.named.items()}
        while any(waiting.values()):
            before = {head: set(ids) for head, ids in self.named.items()}
            for reference in references.references():
                ids = list(waiting.get(reference.head, ()))
                if ids:
                    self._add(cursor, reference, "r.id = ANY(%s)", [ids])
            waiting = {head: ids - before.get(head, set()) for head, ids in self.named.items()}

    def _add(self, cursor: Cursor, reference: references.Reference, condition: str, values: list[Any]) -> None:
        """Note the retired records that records of `condition` name by one foreign key."""
        r = reference
        own = "r" if r.table == r.head else "x"
        joined = "" if r.table == r.head else f"JOIN {r.table} x ON x.id = r.id"
        target = "t0" if r.target_table == r.target_head else "t1"
        table = "" if target == "t0" else f"JOIN {r.target_table} t1 ON t1.id = t0.id"
        cursor.execute(
            f"""SELECT t0.id FROM {r.target_head} t0 {table} WHERE t0.status = 'retired' AND EXISTS (
                SELECT FROM {r.head} r {joined} WHERE {own}.{r.column} = {target}.{r.target_column} AND {condition})""",
            values,
        )
        self.named.setdefault(r.target_head, set()).update(id for (id,) in cursor.fetchall())

    def _add_successions(self, cursor: Cursor) -> None:
        """Both sides of every succession are in the file."""
        heads = {noun.kind: noun.tables[0] for noun in mapping.NOUNS.values()}
        for side in ("predecessor_id", "successor_id"):
            cursor.execute(f"SELECT DISTINCT kind, {side} FROM successions")
            for kind, id in cursor.fetchall():
                cursor.execute(f"SELECT id FROM {heads[kind]} WHERE id = %s AND status = 'retired'", [id])
                if cursor.fetchone():
                    self.named.setdefault(heads[kind], set()).add(id)

    def condition(self, record: str) -> tuple[str, list[Any]]:
        """The WHERE condition for records of a type that are in the file, and its parameters."""
        head = mapping.NOUNS[record].tables[0]
        extra = sorted(self.named.get(head, ()))
        if not extra:
            return f"{mapping.of_type(record)} AND t0.status <> 'retired'", []
        return f"{mapping.of_type(record)} AND (t0.status <> 'retired' OR t0.id = ANY(%s))", [extra]

    def aliases(self) -> tuple[str, list[Any]]:
        """FROM and WHERE of the aliases in the file: those whose target is in it, and those without one."""
        extra = sorted(self.named.get("instruments", ()))
        return (
            """FROM identities i LEFT JOIN instruments t0 ON t0.id = i.target_id
            WHERE i.kind = 1 AND i.is_alias AND (i.target_id IS NULL OR t0.status <> 'retired' OR t0.id = ANY(%s))""",
            [extra],
        )


def counts(cursor: Cursor, contents: Contents, horizon: datetime) -> dict[str, int]:
    """How many entries of each kind `entries` will give."""
    found: dict[str, int] = {}
    for record, noun in mapping.NOUNS.items():
        condition, values = contents.condition(record)
        cursor.execute(f"SELECT count(*) FROM {noun.tables[0]} t0 WHERE {condition}", values)
        found[record] = _one(cursor)
    source, values = contents.aliases()
    cursor.execute(f"SELECT count(*) {source}", values)
    found["alias"] = _one(cursor)
    cursor.execute(_SUCCESSIONS.format("count(*)"), [sorted(ALIASING_SUCCESSIONS)])
    found["succession"] = _one(cursor)
    found["tombstone"] = sum(1 for _ in tombstones(cursor, contents, horizon))
    return found


def entries(connection: psycopg.Connection[Any], contents: Contents, horizon: datetime) -> Iterator[AnyEntry]:
    """Every entry of a full snapshot, in the order of the file, in bounded memory."""
    for section in SECTIONS[:_BEFORE_ALIASES]:
        yield from _section(connection, contents, section)
    yield from _aliases(connection, contents)
    for section in SECTIONS[_BEFORE_ALIASES:]:
        yield from _section(connection, contents, section)
    with connection.cursor() as cursor:
        yield from _successions(cursor)
        yield from tombstones(cursor, contents, horizon)


def _section(connection: psycopg.Connection[Any], contents: Contents, records: Iterable[str]) -> Iterator[Entry]:
    streams = [_records(connection, contents, record) for record in records]
    return (entry for _, entry in heapq.merge(*streams, key=lambda pair: pair[0]))


def _records(connection: psycopg.Connection[Any], contents: Contents, record: str) -> Iterator[tuple[Any, Entry]]:
    noun = mapping.NOUNS[record]
    condition, parameters = contents.condition(record)
    order = "t0.instrument_id, t0.venue_id, t0.symbol NULLS FIRST" if record == "listing" else "t0.id"
    select = mapping.select(record).replace("SELECT t0.id", "SELECT c.sequence, c.changed_at, t0.id", 1)
    query = f"""{select} CROSS JOIN LATERAL (SELECT sequence, changed_at FROM changes
        WHERE kind = {noun.kind} AND record_id = t0.id ORDER BY sequence DESC LIMIT 1) c
        WHERE {condition} ORDER BY {order.replace("t0.symbol", 't0.symbol COLLATE "C"')}"""
    names = noun.fields
    with connection.cursor(name=f"snapshot_{record}") as cursor:
        cursor.itersize = PAGE
        cursor.execute(query, parameters)
        for sequence, changed_at, id, *cells in cursor:
            values = {n: mapping.native(noun, n, c) for n, c in zip(names, cells, strict=True) if c is not None}
            key: Any = id.bytes
            if noun.kind == LISTING_KIND:
                key = (values["instrument_id"], values["venue_id"], values.get("symbol", "").encode())
            yield (
                key,
                Entry(
                    record, b"" if noun.kind == LISTING_KIND else id.bytes, sequence, nanoseconds(changed_at), values
                ),
            )


def _aliases(connection: psycopg.Connection[Any], contents: Contents) -> Iterator[AliasEntry]:
    source, parameters = contents.aliases()
    query = f"""SELECT i.id, i.target_id, i.identity, c.sequence, c.changed_at {
        source.replace(
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
        cursor.execute(query, parameters)
        for id, target, identity, sequence, changed_at in cursor:
            yield AliasEntry(
                id.bytes,
                target.bytes if target else None,
                sequence or 0,
                nanoseconds(changed_at or _EPOCH),
                bytes(identity),
            )


#: A side that became an alias is no record any more: the alias says all that there is to say.
_SUCCESSIONS = """SELECT {} FROM successions s JOIN succession_kinds k USING (succession_kind)
    WHERE NOT (s.is_in_effect AND s.succession_kind = ANY(%s)) AND NOT EXISTS (SELECT 1 FROM identities i
        WHERE i.kind = s.kind AND i.id IN (s.predecessor_id, s.successor_id) AND i.is_alias)"""


def _successions(cursor: Cursor) -> Iterator[SuccessionEntry]:
    columns = """s.kind, s.predecessor_id, s.successor_id, s.succession_kind, s.ratio, s.effective_at, s.is_in_effect,
        c.sequence, c.changed_at"""
    lateral = """CROSS JOIN LATERAL (SELECT sequence, changed_at FROM changes c WHERE c.kind = s.kind
        AND c.record_id = s.predecessor_id ORDER BY c.action = 'supersede' DESC, sequence DESC LIMIT 1) c WHERE"""
    query = _SUCCESSIONS.format(columns).replace("WHERE", lateral, 1)
    cursor.execute(f"{query} ORDER BY s.kind, s.predecessor_id, s.successor_id, k.code", [sorted(ALIASING_SUCCESSIONS)])
    for kind, old, new, name, ratio, at, in_effect, sequence, changed_at in cursor.fetchall():
        yield SuccessionEntry(
            kind, old.bytes, new.bytes, name, ratio, nanoseconds(at), in_effect, sequence, nanoseconds(changed_at)
        )


def tombstones(cursor: Cursor, contents: Contents, horizon: datetime) -> Iterator[TombstoneEntry]:
    """What was retired after the horizon and is named by nothing in the file; listings, having no id, leave none."""
    found: list[TombstoneEntry] = []
    for record, noun in mapping.NOUNS.items():
        if noun.kind == LISTING_KIND:
            continue
        condition, values = contents.condition(record)
        cursor.execute(
            f"""SELECT t0.id, c.sequence, c.changed_at FROM {noun.tables[0]} t0 CROSS JOIN LATERAL (
            SELECT sequence, changed_at FROM changes WHERE kind = {noun.kind} AND record_id = t0.id
            ORDER BY sequence DESC LIMIT 1) c
            WHERE t0.status = 'retired' AND {mapping.of_type(record)} AND NOT ({condition}) AND c.changed_at > %s""",
            [*values, horizon],
        )
        found += [
            TombstoneEntry(noun.kind, id.bytes, record, sequence, nanoseconds(at))
            for id, sequence, at in cursor.fetchall()
        ]
    yield from sorted(found, key=lambda t: (t.kind, t.id))


def vocabularies(cursor: Cursor) -> dict[str, dict[str, int]]:
    """The codes of every vocabulary."""
    found: dict[str, dict[str, int]] = {}
    for name, table in VOCABULARY_TABLES.items():
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
