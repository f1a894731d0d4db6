"""The driver's own cursor under a SQLAlchemy connection, for COPY and set-based statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from sqlalchemy import Connection

Cursor = psycopg.Cursor[tuple[Any, ...]]


def cursor_of(connection: Connection) -> Cursor:
    """A psycopg cursor inside the connection's transaction, which is begun if it was not."""
    if not connection.in_transaction():
        connection.begin()
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw.cursor()


def copy_rows(cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into a table."""
    with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
        for cells in rows:
            copy.write_row(cells)
