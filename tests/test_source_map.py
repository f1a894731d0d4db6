"""docs/source-map.md against the schema, the wire layouts and the records, both ways, and against the source design."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from catalog.domain import RECORDS
from catalog.repositories.mapping import NOUNS
from catalog.tables import metadata
from catalog.wire.layout import INDEX_NAMES, LAYOUTS

PAGE = (Path(__file__).parents[1] / "docs" / "source-map.md").read_text(encoding="utf-8")
HEAD = "| struct | field | column | wire field | JSON field | why not |"
EXTRA_HEAD = "| field | records | why |"
#: What may be left for later; everything else needs a reason.
LATER = {"fees", "limits", "capabilities", "metrics", "connectivity", "routing", "event codecs"}


class Line(NamedTuple):
    """One line of the map; `why` is empty where the field has all three places."""

    struct: str
    field: str
    columns: tuple[str, ...]
    wire: tuple[str, ...]
    json: tuple[str, ...]
    why: str

    @property
    def name(self) -> str:
        return f"{self.struct}.{self.field}"


def cells(head: str) -> list[list[str]]:
    """The cells of every line of every table with this head."""
    tables = re.findall(rf"^{re.escape(head)}\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    lines = [line.removeprefix("|").removesuffix("|") for table in tables for line in table.splitlines()]
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def codes(cell: str) -> tuple[str, ...]:
    """The names in a cell that holds nothing else."""
    found = re.findall(r"`([^`]+)`", cell)
    assert cell == ", ".join(f"`{name}`" for name in found)
    return tuple(found)


def line_of(row: list[str]) -> Line:
    struct, field, columns, wire, json, why = row
    return Line(struct.strip("`"), field.strip("`"), codes(columns), codes(wire), codes(json), why)


LINES = [line_of(row) for row in cells(HEAD)]
#: Fields of ours that the source design does not have, with the reason.
EXTRA = {
    f"{record}.{field}": why
    for fields, records, why in cells(EXTRA_HEAD)
    for field in codes(fields)
    for record in codes(records)
}
COLUMNS = {f"{table.name}.{column.name}" for table in metadata.tables.values() for column in table.columns}
WIRE_FIELDS = {
    f"{record}.{name}"
    for record, layout in LAYOUTS.items()
    for field in layout.fields
    for name in (field.name, *(f"{field.name}.{item.name}" for item in field.items))
}


def our_fields() -> Iterator[tuple[str, str]]:
    """Every field of every record with the column that holds it; a list with the table of its elements."""
    for record, model in RECORDS.items():
        noun = NOUNS[record]
        lists = dict(noun.lists)
        for field in noun.fields:
            if field not in lists:
                yield f"{record}.{field}", f"{noun.home(field)}.{field}"
                continue
            yield f"{record}.{field}", lists[field]
            for inner in model.LISTS[field].model_fields:
                yield f"{record}.{field}.{inner}", f"{lists[field]}.{inner}"


OURS = dict(our_fields())


def test_the_page_has_both_tables() -> None:
    assert len(LINES) > 300
    assert len(EXTRA) > 50


def test_no_line_stands_there_twice() -> None:
    names = [line.name for line in LINES]
    assert sorted(names) == sorted(set(names))
    rows = [f"{r}.{f}" for fields, records, _ in cells(EXTRA_HEAD) for f in codes(fields) for r in codes(records)]
    assert sorted(rows) == sorted(set(rows))


def test_a_line_has_its_places_or_a_reason() -> None:
    for line in LINES:
        assert set(line.columns) <= COLUMNS, line.name
        assert set(line.wire) <= WIRE_FIELDS, line.name
        assert set(line.json) <= OURS.keys(), line.name
        if line.why:
            assert not line.wire, line.name
            assert not line.json, line.name
        else:
            assert line.columns, line.name
            assert line.wire, line.name
            assert line.json, line.name


def test_the_three_places_of_a_line_are_those_of_the_same_fields() -> None:
    for line in LINES:
        if line.json:
            assert line.wire == line.json, line.name
            homes = {OURS[field] for field in line.json}
            lists = homes & metadata.tables.keys()
            assert {c for c in line.columns if c.partition(".")[0] not in lists} == homes - lists, line.name
            assert lists <= {c.partition(".")[0] for c in line.columns}, line.name


def test_reasons_name_what_exists() -> None:
    structs = {line.struct for line in LINES} | {line.struct.partition("::")[0] for line in LINES}
    for line in LINES:
        if line.why.startswith("later"):
            assert line.why.removeprefix("later: ") in LATER, line.name
            assert not line.columns, line.name
        for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", line.why):
            assert name in COLUMNS, line.name
        for listed in re.findall(r"\bsee ((?:`[^`]+`(?:, )?)+)", line.why):
            assert set(codes(listed)) <= structs, line.name
        for name in re.findall(r"the index `([^`]+)`", line.why):
            assert name in INDEX_NAMES.values(), line.name


def test_every_field_of_every_record_has_its_place_on_the_page() -> None:
    mapped = {field for line in LINES for field in line.json}
    lists = {f"{record}.{field}" for record, model in RECORDS.items() for field in model.LISTS}
    assert mapped & EXTRA.keys() == set(), "both on the map and among the fields that the source design does not have"
    assert EXTRA.keys() - OURS.keys() == set()
    assert OURS.keys() - lists - mapped - EXTRA.keys() == set()
    assert [field for field, why in EXTRA.items() if not why] == []


def test_the_page_speaks_of_the_catalog_alone() -> None:
    assert not re.search(r"/work|/home|/tmp|spec/|\brust\b|\.rs\b", PAGE, re.IGNORECASE)


# --- the source design itself


def body(text: str, start: int) -> str:
    """What stands between the bracket at `start` and the one that closes it."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(text[place], 0)
        if not depth:
            return text[start + 1 : place]
    raise AssertionError(f"nothing closes {text[start - 60 : start + 60]}")


def members(text: str) -> list[str]:
    """The parts between the commas of the outermost level."""
    found, depth = [""], 0
    for character in text:
        depth += {"<": 1, "(": 1, "{": 1, "[": 1, ">": -1, ")": -1, "}": -1, "]": -1}.get(character, 0)
        if character == "," and not depth:
            found.append("")
        else:
            found[-1] += character
    return [part.strip() for part in found if part.strip()]


def field_names(text: str) -> list[str]:
    """The names of `name: type` members."""
    found = [re.match(r"(?:pub\s+)?(\w+)\s*:", member) for member in members(text)]
    assert all(found), text
    return [match[1] for match in found if match]


def fields_of(document: str) -> set[tuple[str, str]]:
    """(struct, field) of all structs in a document's code, and of all variants of enums that have named fields."""
    code = "\n".join(re.findall(r"^```rust\n(.*?)^```", document, re.MULTILINE | re.DOTALL))
    code = re.sub(r"#\[[^\]]*\]", "", re.sub(r"//[^\n]*", "", code))
    found: set[tuple[str, str]] = set()
    for match in re.finditer(r"\b(struct|enum)\s+(\w+)(?:<[^>]*>)?\s*([{(;])", code):
        what, name, opening = match.groups()
        inner = body(code, match.end() - 1) if opening != ";" else ""
        if what == "enum":
            for member in members(inner):
                if variant := re.match(r"(\w+)\s*(?=\{)", member):
                    found |= {(f"{name}::{variant[1]}", f) for f in field_names(body(member, variant.end()))}
        elif opening == "(":
            found |= {(name, str(n)) for n in range(len(members(inner)))}
        elif opening == "{":
            found |= {(name, field) for field in field_names(inner)}
    return found


def test_the_source_design_is_read_as_it_is_meant() -> None:
    document = """```rust
    #[derive(Debug, Clone)]
    pub struct One { pub a: Arc<DashMap<(X, Y), Vec<Z>>>, // b: not this
        c: (T, T), }
    pub struct Two(pub u64);
    struct Three;
    struct Four<T> { id: T }
    enum Five { Plain, Tuple(One), Named { d: HashMap<String, u8>, e: Option<u8> }, Numbered = 0x01 }
    ```
    struct NotCode { f: u8 }
    """.replace("\n    ", "\n")
    wanted = {("One", "a"), ("One", "c"), ("Two", "0"), ("Four", "id"), ("Five::Named", "d"), ("Five::Named", "e")}
    assert fields_of(document) == wanted


def test_every_field_of_the_source_design_is_on_the_page(real_data: Path) -> None:
    (document,) = (real_data.parent / "spec").glob("*.txt")
    assert {(line.struct, line.field) for line in LINES} == fields_of(document.read_text(encoding="utf-8"))
