"""Counting rows that should not be there, in all of a table or in a fair part of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from catalog.repositories.driver import Cursor

SHOWN = 5
_ROWS_PER_PAGE = 50


class Found(NamedTuple):
    """How many rows a query gave, and the first of them as text."""

    number: int
    examples: list[str]


def count(cursor: Cursor, query: str, values: Sequence[Any] = ()) -> Found:
    """Run a query of one column. Its rows never come here: the server counts them, and sends the first."""
    cursor.execute(
        f"""WITH found(shown) AS MATERIALIZED ({query})
        SELECT (SELECT count(*) FROM found), ARRAY(SELECT shown::text FROM found LIMIT {SHOWN})""",
        values or None,
    )
    row = cursor.fetchone()
    assert row is not None
    return Found(row[0], list(row[1]))


def part_of(cursor: Cursor, table: str, alias: str, rows: int | None) -> str:
    """The table as FROM names it: all of it, or so many pages of it that about `rows` rows are seen.

    Costs the same for a table of any size: the server picks the pages without reading the others.
    """
    named = f"{table} AS {alias}"
    if rows is None:
        return named
    cursor.execute(
        """SELECT pg_relation_size(c.oid) / current_setting('block_size')::int,
            CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN c.reltuples / c.relpages END
        FROM pg_class c WHERE c.oid = %s::regclass""",
        [table],
    )
    row = cursor.fetchone()
    assert row is not None
    estimate = row[0] * (row[1] or _ROWS_PER_PAGE)
    if estimate <= rows:
        return named
    return f"{named} TABLESAMPLE SYSTEM ({max(100 * rows / estimate, 0.0001):.4f})"
