"""A catalog full of made-up instruments, put into the tables by COPY.

It goes around registration, which is measured elsewhere, and gives what a first import would have left: a row of every
record with its identity and its change. Foreign keys are not checked on the way; the export reads them all the same.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from benchmarks.universe import Universe
from catalog.domain.identity import LISTING_KIND, encode_identity
from catalog.domain.records import RECORDS
from catalog.repositories import mapping
from catalog.repositories.driver import copy_rows
from catalog.repositories.identities import short_key
from catalog.repositories.statements import Key
from catalog.snapshot.apply import listing_digest
from catalog.snapshot.entries import Entry

_BATCH = 50_000
_START = datetime(2026, 1, 1, tzinfo=UTC)


def fill(url: str, universe: Universe, order: Path) -> int:
    """Put a universe into an empty, migrated catalog; returns how many records that are."""
    count = 0
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET LOCAL synchronous_commit = off")
        entries = universe.entries(order)
        while batch := list(islice(entries, _BATCH)):
            _copy(cursor, batch, count)
            count += len(batch)
        cursor.execute(
            "UPDATE change_counter SET last_sequence = %s, last_changed_at = %s", [count, _START + _after(count)]
        )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return count


def _after(sequence: int) -> timedelta:
    return timedelta(microseconds=sequence)


def _copy(cursor: psycopg.Cursor[Any], batch: list[Entry], before: int) -> None:
    tables: dict[tuple[str, tuple[str, ...]], list[tuple[Any, ...]]] = {}
    identities, changes = [], []
    for n, entry in enumerate(batch, before + 1):
        noun = mapping.NOUNS[entry.record]
        values = {name: value for name, value in entry.values.items() if value is not None}
        id = UUID(bytes=entry.id or listing_digest(values))
        if noun.kind != LISTING_KIND:
            identity = encode_identity(RECORDS[entry.record](**values).identity)
            identities.append((noun.kind, id, short_key(Key(noun.kind, id)), identity, False))
        changes.append((n, noun.kind, id, entry.record, "register", _START + _after(n), "benchmark"))
        for table in noun.tables:
            columns = mapping.row_columns(noun, table)
            tables.setdefault((table, columns), []).append(mapping.row(noun, table, id, values))
        for field, table in noun.lists:
            rows = list(mapping.list_rows(noun, field, table, id, values))
            tables.setdefault((table, mapping.list_row_columns(noun, table)), []).extend(rows)
    copy_rows(cursor, "identities", ("kind", "id", "id64", "identity", "is_alias"), identities)
    for (table, columns), rows in tables.items():
        copy_rows(cursor, table, columns, rows)
    names = ("sequence", "kind", "record_id", "record", "action", "changed_at", "actor")
    copy_rows(cursor, "changes", names, changes)
