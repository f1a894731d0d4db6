"""Objects of the schema in a state that their definition does not show: switched off, broken, nearly used up."""

from __future__ import annotations

from typing import NamedTuple

from catalog.repositories.driver import Cursor

_OURS = "n.nspname IN ('public', 'reporting')"


def disabled_triggers(cursor: Cursor) -> list[tuple[str, str]]:
    """(table, trigger) that do not fire for an ordinary session; those of foreign keys are called by their constraint."""
    cursor.execute(
        f"""SELECT DISTINCT c.relname, coalesce(o.conname, t.tgname) FROM pg_trigger t
        JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_constraint o ON o.oid = t.tgconstraint
        WHERE {_OURS} AND t.tgenabled NOT IN ('O', 'A') ORDER BY 1, 2"""
    )
    return [(table, name) for table, name in cursor.fetchall()]


def unenforced_constraints(cursor: Cursor) -> list[tuple[str, str]]:
    """(table, constraint) that PostgreSQL 18 and later can be told not to enforce."""
    cursor.execute(
        f"""SELECT c.relname, o.conname FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS} AND to_jsonb(o) ->> 'conenforced' = 'false' ORDER BY 1, 2"""
    )
    return [(table, name) for table, name in cursor.fetchall()]


def broken_indexes(cursor: Cursor) -> list[str]:
    """Indexes that are not kept up, or not used: what a failed CREATE INDEX CONCURRENTLY leaves, and others in between."""
    cursor.execute(
        f"""SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS} AND NOT (i.indisvalid AND i.indisready AND i.indislive) ORDER BY 1"""
    )
    return [name for (name,) in cursor.fetchall()]


class Numbering(NamedTuple):
    """A column that numbers its rows: the last number given, the greatest there is room for, the greatest in use."""

    sequence: str
    table: str
    column: str
    last: int | None
    limit: int
    used: int | None


def numberings(cursor: Cursor) -> list[Numbering]:
    """All of them. The last number is None when none was given, or this role may not see it."""
    cursor.execute(
        f"""SELECT s.relname, c.relname, a.attname, v.last_value, v.max_value
        FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
        JOIN pg_class c ON c.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
        JOIN pg_sequences v ON v.schemaname = n.nspname AND v.sequencename = s.relname
        WHERE d.classid = 'pg_class'::regclass AND d.deptype IN ('i', 'a') AND {_OURS} ORDER BY 1"""
    )
    found = []
    for sequence, table, column, last, limit in cursor.fetchall():
        cursor.execute(f"SELECT max({column}) FROM {table}")
        row = cursor.fetchone()
        found.append(Numbering(sequence, table, column, last, limit, row[0] if row else None))
    return found


def vocabulary(cursor: Cursor, table: str, column: str) -> dict[str, int]:
    """The words of a vocabulary with their codes on the wire."""
    cursor.execute(f"SELECT {column}, code FROM {table}")
    return dict(cursor.fetchall())
