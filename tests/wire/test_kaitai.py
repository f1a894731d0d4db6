"""docs/registry.ksy against the codec tables and the tables of docs/protocol.md; `make kaitai` compiles and runs it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.wire import layout
from catalog.wire.layout import LAYOUTS, Field
from catalog.wire.messages import END_SIZE
from tests.wire.test_layout import DOCUMENT, rows

Entry = dict[str, Any]

DESCRIPTION = yaml.safe_load((Path(__file__).parents[2] / "docs" / "registry.ksy").read_text(encoding="utf-8"))
TYPES: dict[str, Entry] = DESCRIPTION["types"]
ENUMS: dict[str, dict[int, str]] = {
    name: {code: case if isinstance(case, str) else case["id"] for code, case in cases.items()}
    for name, cases in DESCRIPTION["enums"].items()
}
NUMBERS = {"u1": "u8", "u2": "u16", "u4": "u32", "u8": "u64"}
#: The types of §4 by their fields, `…:?` where the description says no type but a size.
FIELD_TYPES = {
    "key": "len:u1 value:str",
    "text": "len:u2 value:str",
    "decimal": "mantissa:s8 exponent:s1",
    "bool": "value:u1",
    "date": "value:s4",
    "time": "value:u8",
    "clock": "value:u4",
    "keys": "count:u2 values:key",
    "code8": "value:u1",
    "code16": "value:u2",
    "ref": "value:?",
    "u8": "value:u1",
    "u32": "value:u4",
    "u64": "value:u8",
}
ITEMS = {"tokens": "pool_token", "components": "synthetic_component", "fields": "event_field"}
#: Where the document has the table of a type.
HEADINGS = {
    "message": "## 3. Message header",
    "alias": "### 5.3 Alias",
    "tombstone": "### 5.4 Tombstone",
    "succession": "### 5.5 Succession",
    "snapshot": "### 6.1 Snapshot",
    "count": "A row of `counts`:",
    "vocabulary": "### 6.2 Vocabulary",
    "snapshot_index": "### 8.2 Snapshot index",
    "slot": "### 8.3 Slots",
    "snapshot_end": "### 8.5 Snapshot end",
}
#: What the document's words for the type of a field are here.
SPELLED = {
    "table": "num_counts × count",
    "num_codes × (u16, key)": "num_codes × code",
    "slots": "num_slots × slot",
}
REPEATED = {"padding": "ofs_slots - head_end × u8", "postings": "num_postings × u64"}


def seq(type: str) -> list[Entry]:
    entries: list[Entry] = TYPES[type]["seq"]
    return entries


def every_entry() -> Iterator[tuple[str, Entry]]:
    yield from (("", entry) for entry in DESCRIPTION["seq"])
    for name in TYPES:
        yield from ((name, entry) for entry in seq(name))


def form(entry: Entry) -> str:
    """The type of a field as the document writes it."""
    if "size" in entry:
        if entry["size"] == "_root.width":
            return "bytes" if entry["id"] == "key" else "ref"
        return "id" if entry["id"] == "id" and entry["size"] == layout.ID_SIZE else "bytes"
    name: str = entry["type"]
    name = NUMBERS.get(name, name)
    if name.startswith("optional_"):
        name = name.removeprefix("optional_") + "?"
    return f"{entry['repeat-expr']} × {name}" if "repeat" in entry else name


def fields(entries: list[Entry]) -> tuple[Field, ...]:
    """The fields of a record as the codec tables have them; a list is its number and its elements."""
    found = []
    at = 0
    while at < len(entries):
        entry = entries[at]
        at += 1
        name = entry["id"]
        if name.startswith("num_"):
            name = name.removeprefix("num_")
            assert entry["type"] == "u2"
            assert without_doc(entries[at]) == {
                "id": name,
                "type": ITEMS[name],
                "repeat": "expr",
                "repeat-expr": f"num_{name}",
            }
            at += 1
            found.append(Field(name, "list", items=fields(seq(ITEMS[name]))))
            continue
        assert entry.keys() <= {"id", "type", "size", "if", "enum", "valid", "doc", "-vocabulary", "-kind"}
        assert entry.get("if", "not _io.eof") == "not _io.eof"
        spelled = form(entry)
        domain = entry.get("-vocabulary") or entry.get("-kind") or ""
        since = re.search(r"Since format version (\d+)", entry["doc"])
        assert ("if" in entry) is (since is not None)
        number = int(since[1]) if since else 1
        found.append(Field(name, spelled.rstrip("?"), spelled.endswith("?"), domain, since=number))
    return tuple(found)


def without_doc(entry: Entry) -> Entry:
    return {key: value for key, value in entry.items() if key != "doc"}


@pytest.mark.parametrize("record", LAYOUTS)
def test_a_record_has_the_fields_of_its_table(record: str) -> None:
    table = LAYOUTS[record]
    head = [Field("id", "id", domain=table.kind)] if table.has_id else []
    if table.message == layout.INSTRUMENT:
        head.append(Field("instrument_type", "u8"))
    assert fields(seq(record)) == (*head, *table.fields)


@pytest.mark.parametrize("record", LAYOUTS)
def test_a_list_has_the_limits_of_the_document(record: str) -> None:
    section = DOCUMENT.partition(f"#### `{record}` — message")[2]
    for field in LAYOUTS[record].fields:
        if field.items:
            number = next(entry for entry in seq(record) if entry["id"] == f"num_{field.name}")
            limits = re.search(rf"\| `list` \| `{field.name}` \| (\d+) to (\d+) elements", section)
            assert limits
            assert number["valid"] == {"min": int(limits[1]), "max": int(limits[2])}


@pytest.mark.parametrize("type", HEADINGS)
def test_a_message_has_the_fields_of_the_document(type: str) -> None:
    expected = []
    for cells in rows(HEADINGS[type]):
        kind, name = [cell.replace("`", "").strip("| ") for cell in cells[-3:-1]]
        expected.append((REPEATED.get(name, SPELLED.get(kind, kind)), name))
    assert [(form(entry), entry["id"]) for entry in seq(type)] == expected


@pytest.mark.parametrize(("type", "field"), [("snapshot", "catalog_id"), ("snapshot_end", "digest")])
def test_bytes_have_the_size_of_the_document(type: str, field: str) -> None:
    size = next(cells[1] for cells in rows(HEADINGS[type]) if cells[3].strip("` ") == field)
    assert next(entry["size"] for entry in seq(type) if entry["id"] == field) == int(size)


def test_a_code_is_its_number_and_its_name() -> None:
    assert [(form(entry), entry["id"]) for entry in seq("code")] == [("u16", "code"), ("key", "name")]


def test_an_identity_is_texts_to_its_end() -> None:
    assert [without_doc(entry) for entry in seq("identity")] == [
        {"id": "parts", "type": "identity_part", "repeat": "eos"}
    ]
    assert [without_doc(entry) for entry in seq("identity_part")] == [
        {"id": "len", "type": "u4"},
        {"id": "value", "type": "str", "size": "len"},
    ]


def test_codes_and_references_say_what_they_are_of() -> None:
    for name, entry in (
        ("alias", {"id": "target", "type": "optional_ref", "-kind": "instrument"}),
        ("succession", {"id": "succession_kind", "type": "code8", "-vocabulary": "succession_kind"}),
    ):
        assert entry in map(without_doc, seq(name))


@pytest.mark.parametrize("type", FIELD_TYPES)
def test_a_type_of_fields_is_made_of(type: str) -> None:
    for name in {type, f"optional_{type}"} & TYPES.keys():
        found = " ".join(f"{entry['id']}:{entry.get('type', '?')}" for entry in seq(name))
        assert found == ("presence:u1 " if name != type else "") + FIELD_TYPES[type]


@pytest.mark.parametrize("type", [name for name in TYPES if name.startswith("optional_")])
def test_what_may_be_null_is_a_presence_byte_and_the_same(type: str) -> None:
    presence, *rest = seq(type)
    assert without_doc(presence) == {"id": "presence", "type": "u1", "valid": {"max": 1}}
    assert all(entry["if"] == "presence == 1" for entry in rest)
    plain = type.removeprefix("optional_")
    if plain in TYPES:
        assert [{key: value for key, value in entry.items() if key != "if"} for entry in rest] == seq(plain)


def test_limits_are_those_of_the_codec() -> None:
    valid = {(name, entry["id"]): entry["valid"] for name, entry in every_entry() if "valid" in entry}
    assert int(valid["message", "magic"], 16) == layout.MAGIC
    assert valid["message", "version"] == layout.VERSION
    assert valid["message", "flags"] == valid["message", "reserved"] == valid["snapshot_index", "reserved"] == 0
    assert re.findall(r"\d+", valid["message", "payload_size"]["expr"]) == [str(END_SIZE), str(layout.MAX_RECORD)]
    assert valid["snapshot", "num_counts"] == {"max": layout.MAX_COUNTS}
    assert valid["key", "len"] == valid["code8", "value"] == valid["code16", "value"] == {"min": 1}
    assert valid["optional_keys", "count"] == {"min": 1, "max": layout.MAX_ITEMS}
    assert valid["bool", "value"] == {"max": 1}
    assert valid["date", "value"]["max"] == layout.MAX_DAYS
    assert int(valid["decimal", "mantissa"]["max"]) == 10**layout.MAX_DIGITS - 1
    assert int(valid["decimal", "mantissa"]["min"]) == 1 - 10**layout.MAX_DIGITS
    places = {entry["id"]: entry.get("repeat-expr") for entry in seq("snapshot_end")}
    assert (places["sections"], places["indexes"]) == (layout.NUM_SECTION_PLACES, layout.NUM_INDEX_PLACES)


def test_messages_are_read_by_their_type() -> None:
    messages = {table.message: table.record for table in LAYOUTS.values()} | {layout.INSTRUMENT: "instrument"}
    messages |= {
        layout.TOMBSTONE: "tombstone",
        layout.ALIAS: "alias",
        layout.VOCABULARY: "vocabulary",
        layout.SUCCESSION: "succession",
        layout.SNAPSHOT: "snapshot",
        layout.INDEX: "snapshot_index",
        layout.END: "snapshot_end",
    }
    assert messages.items() <= ENUMS["message_type"].items()
    payload = without_doc(seq("message")[-1])
    cases = {f"message_type::{name}": name for name in messages.values()}
    assert payload == {"id": "payload", "size": "payload_size", "type": {"switch-on": "type", "cases": cases}}


def test_instruments_are_read_by_their_type() -> None:
    types = {table.subtype: table.record for table in LAYOUTS.values() if table.message == layout.INSTRUMENT}
    assert ENUMS["instrument_type"] == {layout.NO_SUBTYPE: "none"} | types
    (record,) = seq("instrument")
    cases = {f"instrument_type::{name}": name for name in types.values()}
    assert without_doc(record) == {
        "id": "record",
        "size-eos": True,
        "type": {"switch-on": "instrument_type", "cases": cases},
    }
    assert TYPES["instrument"]["instances"]["instrument_type"]["pos"] == layout.ID_SIZE


def test_the_enums_are_those_of_the_document() -> None:
    messages = {}
    for code, name, _ in rows("### 3.1 Message types"):
        if "–" not in code:  # one number is one message
            messages[int(code.strip("`| "), 16)] = re.sub(r" \(.*", "", name).replace(" ", "_")
    assert ENUMS["message_type"] == messages
    assert ENUMS["kind"] == {code: name.replace("-", "_") for name, code in layout.KIND_CODES.items()}
    indexes = {code: name.replace("-", "_").replace(" ", "_") for code, name in layout.INDEX_NAMES.items()}
    assert ENUMS["index"] == indexes
    assert ENUMS["contents"] == {layout.FULL: "full", layout.DELTA: "delta"}


def test_every_type_is_used_and_every_thing_explained() -> None:
    used: set[str] = set()
    for _, entry in every_entry():
        found = entry.get("type", "")
        used |= set(found["cases"].values()) if isinstance(found, dict) else {found}
        assert entry["doc"]
    assert TYPES.keys() <= used
    assert all(details["doc"] for details in TYPES.values())
