"""The one place where a record becomes rows and rows become a record.

In between stands its *values*: a dict of the record's known fields in their JSON form (decimals and ids as text), which
is also what observations hold and what a snapshot is written from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache, cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import Numeric, Table, Uuid

from catalog.domain.calendar import format_clock, format_moment
from catalog.domain.decimals import format_decimal
from catalog.domain.identity import KINDS, LISTING_KIND, Id, event_type_number
from catalog.domain.lookalikes import appearance
from catalog.domain.records import RECORDS
from catalog.domain.vocabulary import RECORD_KINDS
from catalog.repositories.driver import Cursor
from catalog.tables import metadata

#: Kind codes, that of listings included.
KIND_CODES: dict[str, int] = {**KINDS, "listing": LISTING_KIND}


@dataclass(frozen=True)
class Noun:
    """How a record type lies in the database: its tables (the one with the id first), where each field is, and the
    tables of its list fields, with a row per element."""

    record: str
    tables: tuple[str, ...]
    lists: tuple[tuple[str, str], ...] = ()

    @property
    def kind(self) -> int:
        """Code of the kind of its ids."""
        return KIND_CODES[RECORD_KINDS[self.record]]

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The record's fields but its type, in the model's order."""
        return tuple(name for name in RECORDS[self.record].model_fields if name != "record")

    @cached_property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """The columns of each of its tables that hold its fields or follow from them, after `id`."""
        own = {field for field, _ in self.lists}
        return {
            table: tuple(
                c.name
                for c in table_of(table).columns
                if (c.name in self.fields and c.name not in own and self.home(c.name) == table) or c.name in DERIVED
            )
            for table in self.tables
        }

    @cached_property
    def list_columns(self) -> dict[str, tuple[str, ...]]:
        """The columns of each table of a list field that hold the fields of an element."""
        parts = RECORDS[self.record].LISTS
        return {table: tuple(parts[field].model_fields) for field, table in self.lists}

    def home(self, field: str) -> str:
        """The table that holds a field: the last one that has such a column."""
        return next(t for t in reversed(self.tables) if field in table_of(t).columns)


#: The field that instruments of these types are called by. Contracts and synthetics have no symbol that resembles one.
SYMBOL_FIELDS: dict[str, str] = {
    "token": "symbol", "native": "symbol", "asset": "symbol", "stock": "ticker", "etf": "ticker", "currency": "iso_code",
}  # fmt: skip


def _skeleton(record: str, said: str | None) -> str | None:
    return appearance(said) if record in SYMBOL_FIELDS and said is not None else None


#: Columns that no field has: they follow from others. (type of the record, id, its values) → value.
DERIVED: dict[str, Callable[[str, UUID, Mapping[str, Any]], Any]] = {
    "is_retired": lambda _record, _id, values: values["status"] == "retired",
    "number": lambda _record, id, _values: event_type_number(Id(id.bytes)),
    "symbol_skeleton": lambda record, _id, values: _skeleton(record, values.get(SYMBOL_FIELDS.get(record, ""))),
    "name_skeleton": lambda record, _id, values: _skeleton(record, values.get("name")),
}

#: Record types in the order in which they can be imported: what is named comes before what names it.
NOUNS: dict[str, Noun] = {
    noun.record: noun
    for noun in (
        Noun("venue", ("venues",)),
        Noun("security", ("securities",)),
        Noun("token", ("instruments", "tokens")),
        Noun("native", ("instruments", "natives")),
        Noun("asset", ("instruments", "assets")),
        Noun("stock", ("instruments", "equities")),
        Noun("etf", ("instruments", "equities")),
        Noun("currency", ("instruments", "currencies")),
        Noun("future", ("instruments", "futures")),
        Noun("option", ("instruments", "options")),
        Noun("listing", ("listings",)),
        Noun("pool", ("pools",), (("tokens", "pool_tokens"),)),
        Noun("pair", ("pairs",)),
        Noun("synthetic", ("instruments", "synthetics"), (("components", "synthetic_components"),)),
        Noun("broker_contract", ("broker_contracts",)),
        Noun("event_type", ("event_types",), (("fields", "event_fields"),)),
    )
}
#: The order in which tables are written, which is the order of their foreign keys.
TABLE_ORDER = tuple(table.name for table in metadata.sorted_tables)


def table_of(name: str) -> Table:
    """The table of that name."""
    return metadata.tables[name]


def row(noun: Noun, table: str, id: UUID, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """One row of one of a noun's tables, in the order of `row_columns`."""
    cells: list[Any] = [id]
    if table == "instruments":
        cells.append(noun.record)
    for column in noun.columns[table]:
        derive = DERIVED.get(column)
        cells.append(derive(noun.record, id, values) if derive else values.get(column))
    return tuple(cells)


def row_columns(noun: Noun, table: str) -> tuple[str, ...]:
    """The columns that `row` gives, in order."""
    return ("id", *(("record",) if table == "instruments" else ()), *noun.columns[table])


def list_rows(noun: Noun, field: str, table: str, id: UUID, values: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of a list field, in the order of `list_row_columns`."""
    for position, element in enumerate(values.get(field) or ()):
        yield (id, position, *(element.get(column) for column in noun.list_columns[table]))


def list_row_columns(noun: Noun, table: str) -> tuple[str, ...]:
    """The columns that `list_rows` gives, in order."""
    return ("id", "position", *noun.list_columns[table])


def select(record: str) -> str:
    """`SELECT id, field, … FROM …` of a record type, without WHERE; the id's table is called `t0`.

    A list field comes as a JSON array of objects, with its decimals as text.
    """
    noun = NOUNS[record]
    lists = dict(noun.lists)
    columns = [
        _list_select(noun, lists[field]) if field in lists else f"{_alias(noun, field)}.{field}"
        for field in noun.fields
    ]
    source = " JOIN ".join(f"{name} t{n}" + (f" ON t{n}.id = t0.id" if n else "") for n, name in enumerate(noun.tables))
    return f"SELECT {', '.join(['t0.id', *columns])} FROM {source}"


def _list_select(noun: Noun, table: str) -> str:
    cells = []
    for name in noun.list_columns[table]:
        column, shown = table_of(table).columns[name], f"e.{name}"
        if isinstance(column.type, Uuid):
            shown = f"replace({shown}::text, '-', '')"
        elif isinstance(column.type, Numeric):
            shown = f"{shown}::text"
        cells.append(f"'{name}', {shown}")
    return f"""(SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object({", ".join(cells)})) ORDER BY e.position)
        FROM {table} e WHERE e.id = t0.id)"""


def of_type(record: str) -> str:
    """The WHERE condition that keeps other types of the same table out."""
    return f"t0.record = '{record}'" if NOUNS[record].tables[0] == "instruments" else "true"


def to_values(record: str, cells: tuple[Any, ...]) -> dict[str, Any]:
    """The values of a record from the cells of `select` after the id."""
    values: dict[str, Any] = {"record": record}
    for name, cell in zip(NOUNS[record].fields, cells, strict=True):
        if cell is not None:
            values[name] = plain(cell)
    return values


def plain(cell: Any) -> Any:
    """A cell in its JSON form."""
    if isinstance(cell, str | bool | int):
        return cell
    if isinstance(cell, Decimal):
        return format_decimal(cell)
    if isinstance(cell, UUID):
        return cell.hex
    if isinstance(cell, datetime):
        return format_moment(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    return format_clock(cell) if isinstance(cell, time) else cell


def natives(noun: Noun) -> dict[str, Callable[[Any], Any]]:
    """How cells become what the wire takes, for the fields where that is something else: ids as hex, and the decimals
    inside lists as decimals."""
    found: dict[str, Callable[[Any], Any]] = {}
    lists = dict(noun.lists)
    for field in noun.fields:
        if field in lists:
            found[field] = _native_list(_numbers(noun, lists[field]))
        elif isinstance(table_of(noun.home(field)).columns[field].type, Uuid):
            found[field] = _hex
    return found


def _hex(id: UUID) -> str:
    return id.hex


def _native_list(numbers: frozenset[str]) -> Callable[[Any], Any]:
    def native(cell: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{k: Decimal(v) if k in numbers else v for k, v in element.items()} for element in cell]

    return native


@cache
def _numbers(noun: Noun, table: str) -> frozenset[str]:
    return frozenset(n for n in noun.list_columns[table] if isinstance(table_of(table).columns[n].type, Numeric))


def load(cursor: Cursor, record: str, ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """The values of those records of one type that exist."""
    wanted = list(ids)
    if not wanted:
        return {}
    cursor.execute(f"{select(record)} WHERE t0.id = ANY(%s) AND {of_type(record)}", [wanted])
    return {cells[0]: to_values(record, cells[1:]) for cells in cursor.fetchall()}


def load_kind(cursor: Cursor, kind: int, ids: Iterable[UUID]) -> dict[UUID, dict[str, Any]]:
    """The values of those records of one kind that exist, whatever their type."""
    wanted = list(ids)
    found: dict[UUID, dict[str, Any]] = {}
    if wanted and kind == KINDS["instrument"]:
        cursor.execute("SELECT record, array_agg(id) FROM instruments WHERE id = ANY(%s) GROUP BY record", [wanted])
        for record, of_record in cursor.fetchall():
            found |= load(cursor, record, of_record)
    elif wanted:
        for record, noun in NOUNS.items():
            if noun.kind == kind:
                found |= load(cursor, record, wanted)
    return found


def _alias(noun: Noun, field: str) -> str:
    return f"t{noun.tables.index(noun.home(field))}"
