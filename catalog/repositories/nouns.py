"""Writing the records themselves: inserting new ones, updating changed ones, and the home listings that follow them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from catalog.domain.identity import LISTING_KIND, compute_id
from catalog.repositories import mapping
from catalog.repositories.driver import Cursor, copy_rows
from catalog.repositories.statements import Key, listing_key

Values = dict[str, Any]


def insert(cursor: Cursor, records: Mapping[Key, Values]) -> None:
    """Insert new records, table by table in the order of their foreign keys."""
    rows: dict[tuple[str, tuple[str, ...]], list[tuple[Any, ...]]] = {}
    for key, values in records.items():
        noun = mapping.NOUNS[values["record"]]
        for table in noun.tables:
            cells = mapping.row(noun, table, key.id, values)
            rows.setdefault((table, mapping.row_columns(noun, table)), []).append(cells)
        for field, table in noun.lists:
            elements = mapping.list_rows(noun, field, table, key.id, values)
            rows.setdefault((table, mapping.list_row_columns(noun, table)), []).extend(elements)
    for (table, columns), cells_list in sorted(rows.items(), key=lambda r: mapping.TABLE_ORDER.index(r[0][0])):
        copy_rows(cursor, table, columns, cells_list)


def update(cursor: Cursor, records: Mapping[Key, Values]) -> None:
    """Write the values of existing records."""
    for key, values in sorted(records.items()):
        noun = mapping.NOUNS[values["record"]]
        for table in noun.tables:
            columns = mapping.row_columns(noun, table)[1:]
            cells = mapping.row(noun, table, key.id, values)
            assigned = ", ".join(f"{c} = %s" for c in columns)
            cursor.execute(f"UPDATE {table} SET {assigned} WHERE id = %s", [*cells[1:], key.id])
        for field, table in noun.lists:
            cursor.execute(f"DELETE FROM {table} WHERE id = %s", [key.id])
            elements = mapping.list_rows(noun, field, table, key.id, values)
            copy_rows(cursor, table, mapping.list_row_columns(noun, table), elements)


def release(cursor: Cursor, table: str, column: str, ids: Iterable[UUID]) -> None:
    """Set a unique value to NULL, before it goes to another record."""
    cursor.execute(f"UPDATE {table} SET {column} = NULL WHERE id = ANY(%s)", [list(ids)])


def retire_tickers(cursor: Cursor, ids: Iterable[UUID]) -> None:
    """Take lines out of the rule that a ticker is unique among those not retired, just before they are replaced."""
    wanted = list(ids)
    if wanted:
        cursor.execute("UPDATE equities SET is_retired = true WHERE id = ANY(%s)", [wanted])


def delete_instrument(cursor: Cursor, id: UUID, record: str) -> None:
    """Remove an instrument that became an alias, after everything that referred to it has been moved."""
    cursor.execute("DELETE FROM alias_claims WHERE claimant_id = %s", [id])
    noun = mapping.NOUNS[record]
    for table in (*dict(noun.lists).values(), *reversed(noun.tables)):
        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [id])


def home_listing(instrument: UUID, equity: Values, ticker: str) -> tuple[Key, Values]:
    """The listing of an equity at its home market under one of its tickers: active under the present one."""
    venue = compute_id("venue", ("mic", equity["mic"]))
    if equity.get("ticker") == ticker:
        status = equity["status"]
    else:
        status = "suspended" if equity.get("ticker") is None and equity["status"] != "retired" else "retired"
    values = {
        "record": "listing",
        "instrument_id": instrument.hex,
        "venue_id": str(venue),
        "symbol": ticker,
        "currency": equity["currency"],
        "status": status,
    }
    return Key(LISTING_KIND, listing_key(instrument.hex, venue, ticker)), values


def mark_home(cursor: Cursor, ids: Iterable[UUID]) -> None:
    """Say of listings that they are at home."""
    cursor.execute("UPDATE listings SET is_home = true WHERE id = ANY(%s) AND NOT is_home", [list(ids)])


def home_keys(cursor: Cursor, instruments: Iterable[UUID]) -> set[UUID]:
    """The home listings that these instruments have."""
    cursor.execute("SELECT id FROM listings WHERE is_home AND instrument_id = ANY(%s)", [list(instruments)])
    return {id for (id,) in cursor.fetchall()}
