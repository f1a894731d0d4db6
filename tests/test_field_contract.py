"""The field contract: every field of every record has a column, a wire field and a JSON field that say the same.

They agree on the name, on whether it may be absent, on what it is, and on how long it may be.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, Numeric, SmallInteger, Text, Time, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from catalog.domain import RECORDS
from catalog.domain.base import Part, Record
from catalog.repositories.mapping import NOUNS, table_of
from catalog.repositories.snapshots import VOCABULARY_TABLES
from catalog.wire.layout import LAYOUTS, Field

#: Fields that a record may lack and a row may not, and why.
NEVER_NULL = {
    "future.symbol": "required of every future; optional only in the class that it shares with options",
    "option.symbol": "the OSI symbol is made of the terms, so that every option has one",
}
#: Wire keys whose column has no rule that keeps them to 255 bytes, and what keeps them short instead.
SHORT_ENOUGH = {
    "stock.price_unit": "CHECK: one of three words",
    "etf.price_unit": "CHECK: one of three words",
    "currency.numeric_code": "CHECK: three digits",
    "option.osi_root": "CHECK: up to six characters",
    "pool.pool_id": "CHECK: 0x and 64 hex digits",
}
#: Column types by wire types; those of the codes are references to the table of a vocabulary.
COLUMN_TYPES: dict[str, tuple[type[Any], ...]] = {
    "key": (Text,),
    "text": (Text,),
    "u8": (SmallInteger,),
    "u32": (Integer, BigInteger),
    "u64": (BigInteger,),
    "bool": (Boolean,),
    "decimal": (Numeric,),
    "date": (Date,),
    "time": (DateTime,),
    "clock": (Time,),
    "keys": (ARRAY,),
    "ref": (Uuid,),
    "code8": (Text,),
    "code16": (Text,),
}
#: The tables that hold the ids of each kind.
TABLES_OF_KINDS = {"instrument": "instruments", "venue": "venues", "pair": "pairs", "pool": "pools"}
TEXT_RULES = ("text",)


class Contract(NamedTuple):
    """One field in its three forms."""

    path: str
    model: type[Record | Part]
    field: str
    column: Column[Any]
    wire: Field

    @property
    def is_optional(self) -> bool:
        """Whether a record may leave the field unknown."""
        stated = self.model.model_fields[self.field]
        return not stated.is_required() and stated.default is None


def contracts() -> Iterator[Contract]:
    for record, model in RECORDS.items():
        noun, wire = NOUNS[record], {field.name: field for field in LAYOUTS[record].fields}
        lists = dict(noun.lists)
        for name in noun.fields:
            if name not in lists:
                column = table_of(noun.home(name)).columns[name]
                yield Contract(f"{record}.{name}", model, name, column, wire[name])
                continue
            items = {item.name: item for item in wire[name].items}
            assert wire[name].type == "list"
            assert items.keys() == model.LISTS[name].model_fields.keys()
            for inner, item in items.items():
                column = table_of(lists[name]).columns[inner]
                yield Contract(f"{record}.{name}.{inner}", model.LISTS[name], inner, column, item)


CONTRACTS = list(contracts())


def target_of(column: Column[Any]) -> tuple[str, str] | None:
    """The (table, column) that a column refers to."""
    keys = [key.column for key in column.foreign_keys]
    assert len(keys) <= 1, column
    return (keys[0].table.name, keys[0].name) if keys else None


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_has_the_fields_of_its_wire_form_and_no_others(record: str) -> None:
    wire = [field.name for field in LAYOUTS[record].fields]
    assert sorted(wire) == sorted(NOUNS[record].fields)
    assert {f for f, _ in NOUNS[record].lists} == RECORDS[record].LISTS.keys()


def test_a_field_is_optional_in_all_forms_or_in_none() -> None:
    assert [c.path for c in CONTRACTS if c.wire.optional is not c.is_optional] == []
    differing = [c.path for c in CONTRACTS if bool(c.column.nullable) is not c.is_optional]
    assert sorted(differing) == sorted(NEVER_NULL)


def test_a_field_is_the_same_thing_in_the_column_and_on_the_wire() -> None:
    for contract in CONTRACTS:
        column, wire = contract.column, contract.wire
        assert isinstance(column.type, COLUMN_TYPES[wire.type]), contract.path
        if wire.type in ("code8", "code16"):
            table = VOCABULARY_TABLES[wire.domain]
            assert target_of(column) == (table, wire.domain), contract.path
        if wire.type == "ref":
            assert target_of(column) == (TABLES_OF_KINDS[wire.domain], "id"), contract.path
            assert contract.model.REFERENCES[contract.field] == wire.domain, contract.path
        if isinstance(column.type, DateTime):
            assert column.type.timezone, contract.path


def test_every_reference_of_a_record_is_one_on_the_wire() -> None:
    wired = {c.path for c in CONTRACTS if c.wire.type == "ref"}
    stated = {f"{record}.{field}" for record, model in RECORDS.items() for field in model.REFERENCES}
    stated |= {
        f"{record}.{name}.{field}"
        for record, model in RECORDS.items()
        for name, part in model.LISTS.items()
        for field in part.REFERENCES
    }
    assert wired == stated


def test_a_column_holds_no_longer_text_than_the_wire_carries() -> None:
    ruleless = []
    for contract in CONTRACTS:
        rule = contract.column.info.get("rule")
        if contract.wire.type == "key" and not contract.column.foreign_keys:
            assert rule not in TEXT_RULES, contract.path
            ruleless += [contract.path] if rule is None else []
        if contract.wire.type in ("text", "decimal", "u32", "u64", "clock", "keys"):
            assert rule is not None or contract.path == "event_type.version", contract.path
    assert sorted(ruleless) == sorted(SHORT_ENOUGH)


def test_every_row_of_a_list_is_an_element_of_it() -> None:
    for record, noun in NOUNS.items():
        for field, table in noun.lists:
            columns = {column.name for column in table_of(table).columns}
            assert columns == {"id", "position", *RECORDS[record].LISTS[field].model_fields}
            assert target_of(table_of(table).columns["id"]) == (noun.tables[-1], "id")
