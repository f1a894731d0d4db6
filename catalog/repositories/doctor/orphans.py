"""Rows that lack what they belong to. Each query is limited to a part of its table, or goes over all of it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ForeignKeyConstraint

from catalog.domain.identity import KIND_NAMES, KINDS, LISTING_KIND
from catalog.repositories import mapping
from catalog.repositories.doctor.records import HEADS
from catalog.repositories.doctor.rows import Found, count, part_of
from catalog.repositories.driver import Cursor
from catalog.tables import metadata

#: The tables of list fields with how many elements a record has at least.
_LEAST = {"pool_tokens": 2, "synthetic_components": 1, "event_fields": 0}
#: Kinds that have ids of their own.
_KINDS = {code: table for code, table in HEADS.items() if code != LISTING_KIND}
_TYPES = {
    table: [noun.record for noun in mapping.NOUNS.values() if noun.tables[1:] == (table,)]
    for table in dict.fromkeys(noun.tables[1] for noun in mapping.NOUNS.values() if len(noun.tables) > 1)
}
Named = tuple[str, Found]


def dangling_references(cursor: Cursor, rows: int | None) -> Iterator[Named]:
    """Rows that name what is not there, by each foreign key of the schema."""
    for table in metadata.sorted_tables:
        for key in sorted(table.foreign_key_constraints, key=lambda k: str(k.name)):
            yield f"{table.name}.{key.name}", _dangling(cursor, key, rows)


def _dangling(cursor: Cursor, key: ForeignKeyConstraint, rows: int | None) -> Found:
    pairs = [(element.parent.name, element.column.name) for element in key.elements]
    own = key.table.name
    source = part_of(cursor, own, "x", rows)
    there = " AND ".join(f"t.{target} = x.{column}" for column, target in pairs)
    named = " AND ".join(f"x.{column} IS NOT NULL" for column, _ in pairs)
    shown = " || ' ' || ".join(f"coalesce(x.{c.name}::text, '')" for c in key.table.primary_key.columns)
    return count(
        cursor,
        f"""SELECT '{own} ' || {shown} || ' names ' || concat_ws(' ', {", ".join(f"x.{c}" for c, _ in pairs)})
        FROM {source} WHERE {named} AND NOT EXISTS (SELECT FROM {key.referred_table.name} t WHERE {there})""",
    )


def identities_without_record(cursor: Cursor, rows: int | None) -> Iterator[Named]:
    """Ids, not aliases, of which there is no record, by kind."""
    for kind, head in _KINDS.items():
        source = part_of(cursor, "identities", "i", rows)
        query = f"""SELECT replace(i.id::text, '-', '') FROM {source} WHERE i.kind = {kind} AND NOT i.is_alias
            AND NOT EXISTS (SELECT FROM {head} h WHERE h.id = i.id)"""
        yield KIND_NAMES[kind], count(cursor, query)


def records_without_identity(cursor: Cursor, rows: int | None) -> Iterator[Named]:
    """Records whose id is not given to them, or to an alias, by kind."""
    for kind, head in _KINDS.items():
        query = f"""SELECT replace(h.id::text, '-', '') FROM {part_of(cursor, head, "h", rows)}
            WHERE NOT EXISTS (SELECT FROM identities i WHERE i.kind = {kind} AND i.id = h.id AND NOT i.is_alias)"""
        yield KIND_NAMES[kind], count(cursor, query)


def records_of_no_type(cursor: Cursor, rows: int | None) -> Iterator[Named]:
    """Instruments without the row of their type, and such rows without their instrument, by table."""
    for table, types in _TYPES.items():
        listed = ", ".join(f"'{name}'" for name in types)
        lacking = f"""SELECT replace(i.id::text, '-', '') FROM {part_of(cursor, "instruments", "i", rows)}
            WHERE i.record IN ({listed}) AND NOT EXISTS (SELECT FROM {table} t WHERE t.id = i.id)"""
        strange = f"""SELECT replace(t.id::text, '-', '') FROM {part_of(cursor, table, "t", rows)}
            WHERE NOT EXISTS (SELECT FROM instruments i WHERE i.id = t.id AND i.record IN ({listed}))"""
        yield table, count(cursor, f"{lacking} UNION ALL {strange}")


def observations_of_nothing(cursor: Cursor, rows: int | None) -> Iterator[Named]:
    """Observations that count for a record which is not there, by kind."""
    for kind, head in HEADS.items():
        query = f"""SELECT replace(o.subject_id::text, '-', '') FROM {part_of(cursor, "observations", "o", rows)}
            WHERE o.kind = {kind} AND o.subject_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM {head} h WHERE h.id = o.subject_id)"""
        yield KIND_NAMES[kind], count(cursor, query)


def observations_of_others(cursor: Cursor, rows: int | None) -> Found:
    """Observations that count for another record than their id stands for, or whose id was never given."""
    return count(
        cursor,
        f"""SELECT replace(o.stated_id::text, '-', '') FROM {part_of(cursor, "observations", "o", rows)}
        LEFT JOIN identities i ON i.kind = o.kind AND i.id = o.stated_id
        WHERE o.kind <> {LISTING_KIND}
            AND (i.id IS NULL OR o.subject_id IS DISTINCT FROM CASE WHEN i.is_alias THEN i.target_id ELSE i.id END)""",
    )


def records_unspoken_of(cursor: Cursor, rows: int | None) -> Iterator[Named]:
    """Records of which no feed says anything, by kind. A listing at home follows from its instrument."""
    for kind, head in HEADS.items():
        away = "AND NOT h.is_home" if kind == LISTING_KIND else ""
        query = f"""SELECT replace(h.id::text, '-', '') FROM {part_of(cursor, head, "h", rows)} WHERE NOT EXISTS (
            SELECT FROM observations o WHERE o.kind = {kind} AND o.subject_id = h.id) {away}"""
        yield KIND_NAMES[kind], count(cursor, query)


def records_unlogged(cursor: Cursor, rows: int | None) -> Iterator[Named]:
    """Records of which the change log, while it is whole, tells nothing, by kind."""
    cursor.execute("SELECT coalesce(min(sequence), 1) = 1 FROM changes")
    row = cursor.fetchone()
    if row is None or not row[0]:
        return
    for kind, head in HEADS.items():
        query = f"""SELECT replace(h.id::text, '-', '') FROM {part_of(cursor, head, "h", rows)} WHERE NOT EXISTS (
            SELECT FROM changes c WHERE c.kind = {kind} AND c.record_id = h.id)"""
        yield KIND_NAMES[kind], count(cursor, query)


def aliases_of_nobody(cursor: Cursor, rows: int | None) -> Found:
    """Aliases that stand for nobody, without a dispute that says why."""
    return count(
        cursor,
        f"""SELECT replace(i.id::text, '-', '') FROM {part_of(cursor, "identities", "i", rows)}
        WHERE i.is_alias AND i.target_id IS NULL AND NOT EXISTS (
            SELECT FROM disputes d WHERE d.kind = i.kind AND d.subject_id = i.id AND d.rule = 'ticker_conflict')""",
    )


def claims_on_nothing(cursor: Cursor, rows: int | None) -> Found:
    """Claims on ids that are not aliases."""
    return count(
        cursor,
        f"""SELECT replace(c.alias_id::text, '-', '') FROM {part_of(cursor, "alias_claims", "c", rows)} WHERE NOT EXISTS (
            SELECT FROM identities i WHERE i.kind = {KINDS["instrument"]} AND i.id = c.alias_id AND i.is_alias)""",
    )


def broken_lists(cursor: Cursor, rows: int | None) -> Iterator[Named]:
    """Records whose list is too short or has a hole, by the table of its elements."""
    for noun in mapping.NOUNS.values():
        for _, table in noun.lists:
            head = part_of(cursor, noun.tables[0], "h", rows)
            kept = f"h.record = '{noun.record}'" if noun.tables[0] == "instruments" else "true"
            query = f"""SELECT replace(h.id::text, '-', '') FROM {head} CROSS JOIN LATERAL (
                SELECT count(*) AS n, min(e.position) AS first, max(e.position) AS last FROM {table} e WHERE e.id = h.id
                ) AS list WHERE {kept} AND (n < {_LEAST[table]} OR first <> 0 OR last <> n - 1)"""
            yield table, count(cursor, query)


def text_not_normal(cursor: Cursor, rows: int | None) -> Iterator[Named]:
    """Text of records that is not in Unicode's normal form C, and what feeds said that is not, by table."""
    for table in metadata.sorted_tables:
        columns = [c.name for c in table.columns if c.info.get("rule") in ("key", "text")]
        if table.name == "observations":
            columns = ["statement::text"]
        if columns:
            source = part_of(cursor, table.name, "x", rows)
            wrong = " OR ".join(f"x.{column} IS NOT NFC NORMALIZED" for column in columns)
            shown = " || ' ' || ".join(f"coalesce(x.{c.name}::text, '')" for c in table.primary_key.columns)
            yield table.name, count(cursor, f"SELECT '{table.name} ' || {shown} FROM {source} WHERE {wrong}")
