"""The codec tables against the records of the domain and against the tables of docs/protocol.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from catalog.domain import vocabulary
from catalog.domain.identity import KINDS, LISTING_KIND
from catalog.domain.records import RECORDS
from catalog.wire import layout
from catalog.wire.layout import LAYOUTS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")


def rows(heading: str, document: str = DOCUMENT) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    section = document.partition(heading)[2]
    table = re.search(r"((?:^\|.*\n)+)", section, re.MULTILINE)
    assert table, heading
    return [[cell.strip() for cell in line.strip("|\n").split(" |")] for line in table[1].splitlines()[2:]]


@pytest.mark.parametrize("record", RECORDS)
def test_every_field_of_a_record_is_a_wire_field(record: str) -> None:
    fields = [field.name for field in LAYOUTS[record].fields]
    assert sorted(fields) == sorted(set(RECORDS[record].model_fields) - {"record"})


@pytest.mark.parametrize("record", RECORDS)
def test_a_field_is_optional_where_the_record_may_lack_it(record: str) -> None:
    for field in LAYOUTS[record].fields:
        model_field = RECORDS[record].model_fields[field.name]
        required = model_field.is_required() or model_field.default is not None
        assert field.optional is not required, field.name
        assert tuple(item.name for item in field.items) == tuple(
            RECORDS[record].LISTS[field.name].model_fields if field.items else ()
        )


def test_added_fields_are_optional_and_stand_behind_all_older_ones() -> None:
    for table in LAYOUTS.values():
        since = [field.since for field in table.fields]
        assert since == sorted(since)
        assert all(1 <= version <= layout.FORMAT_VERSION for version in since)
        assert all(field.optional for field in table.fields if field.since > 1)
        assert all(item.since == 1 for field in table.fields for item in field.items)
    versions = {field.since for table in LAYOUTS.values() for field in table.fields}
    assert versions == {int(cells[0].strip("| ")) for cells in rows("Versions so far:")}
    assert max(versions) == layout.FORMAT_VERSION


def test_every_record_has_a_layout_and_none_is_left_over() -> None:
    assert LAYOUTS.keys() == RECORDS.keys()
    for record, table in LAYOUTS.items():
        assert table.kind == vocabulary.RECORD_KINDS[record]
        if table.message == layout.INSTRUMENT:
            assert table.subtype == vocabulary.INSTRUMENT_TYPES[record]


def test_kinds_are_those_of_the_ids() -> None:
    assert {**KINDS, "listing": LISTING_KIND} == layout.KIND_CODES


def test_vocabulary_codes_fit_their_width() -> None:
    codes = {"blockchain": {b.caip2: b.code for b in vocabulary.BLOCKCHAINS.values()}} | vocabulary.VOCABULARIES
    assert codes.keys() == layout.VOCABULARIES.keys()
    for name, width in layout.VOCABULARIES.items():
        assert all(0 < code < 1 << (8 * width - 1) for code in codes[name].values())


@pytest.mark.parametrize("record", LAYOUTS)
def test_the_document_has_the_fields_of(record: str) -> None:
    table = LAYOUTS[record]
    expected = [(f.type + "?" * f.optional, f.name) for f in table.fields]
    if table.message == layout.INSTRUMENT:
        expected.insert(0, ("u8", "instrument_type"))
        assert f"#### `{record}` — message `0x01`, `instrument_type` {table.subtype}\n" in DOCUMENT
    if table.has_id:
        expected.insert(0, ("id", "id"))
    found = rows(f"#### `{record}` — message `0x{table.message:02X}`")
    assert [(cells[0].strip("`| "), cells[1].strip("` ")) for cells in found] == expected
    added = {field.name: field.since for field in table.fields if field.since > 1}
    told = {cells[1].strip("` "): re.match(r" *since format (\d+): ", cells[2]) for cells in found}
    assert {name: int(match[1]) for name, match in told.items() if match} == added
    for field in table.fields:
        if field.items:
            section = DOCUMENT.partition(f"#### `{record}` — message")[2]
            elements = rows(f"Each element of `{field.name}`:", section)
            shown = [(cells[0].strip("`| "), cells[1].strip("` ")) for cells in elements]
            assert shown == [(i.type + "?" * i.optional, i.name) for i in field.items]


def test_the_document_assigns_the_blockchain_codes() -> None:
    found = {caip2.strip("` "): (int(code.strip("| ")), name) for code, caip2, name in rows("### 6.3 Blockchain codes")}
    assert found == {b.caip2: (b.code, b.name) for b in vocabulary.BLOCKCHAINS.values()}


def test_the_document_assigns_the_codes_of_the_small_vocabularies() -> None:
    section = DOCUMENT.partition("### 6.2")[2].partition("### 6.3")[0]
    for name, codes in vocabulary.VOCABULARIES.items():
        line = next(line for line in section.splitlines() if line.startswith(f"| `{name}` |"))
        assert dict(re.findall(r"`(\w+)` (\d+)", line)) == {value: str(code) for value, code in codes.items()}


def test_the_document_has_the_message_types_and_indexes() -> None:
    messages = {cell[0].strip("`| "): cell[1] for cell in rows("### 3.1 Message types")}
    for table in LAYOUTS.values():
        assert messages[f"0x{table.message:02X}"] == (
            "instrument" if table.message == layout.INSTRUMENT else table.record
        )
    named = {int(cell[0].strip("| ")): cell[1].replace(" ", "").replace("-", "") for cell in rows("### 8.1 Keys")}
    assert named == {code: name.replace(" ", "").replace("-", "") for code, name in layout.INDEX_NAMES.items()}
