"""docs/ids.md is normative: its tables equal the code's, its vectors reproduce, from its text and from the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from blake3 import blake3

import catalog
from catalog.domain import RECORDS, compute_id, parse_record
from catalog.domain.identity import KINDS, event_type_number
from catalog.domain.vocabulary import BLOCKCHAINS, EXCHANGES, MARKET_MICS, PRICE_UNITS, REUSED_CODES, split_price_unit

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "ids.md").read_text(encoding="utf-8")
#: The ids that were computed from the text alone.
STATED = json.loads((Path(__file__).parent / "id_vectors.json").read_text(encoding="utf-8"))
SAMPLE = (Path(catalog.__file__).parent / "sample.jsonl").read_text(encoding="utf-8").splitlines()


def table(*header: str) -> list[list[str]]:
    """The rows of the document's one table with this header, without code marks; `–` is empty."""
    lines = DOCUMENT.splitlines()
    start = lines.index(f"| {' | '.join(header)} |") + 2
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        rows.append(["" if cell == "–" else cell for cell in cells])
    return rows


VECTORS = [
    (kind, json.loads(fields.strip("`")), stated.strip("`"), origin)
    for kind, fields, stated, _what, origin in table("kind", "fields", "id", "what", "origin")
]


def identity_by_the_document(kind: str, fields: list[str]) -> str:
    """An id computed from the document's words alone."""
    contexts = {row[0]: row[1].strip("`") for row in table("kind", "context")}
    message = b"".join(len(f.encode()).to_bytes(4, "little") + f.encode() for f in fields)
    return blake3(message, derive_key_context=contexts[kind]).digest(length=16).hex()


def test_there_is_a_context_for_every_kind() -> None:
    contexts = {row[0]: row[1].strip("`") for row in table("kind", "context")}
    assert contexts == {kind: f"instrument-catalog v1 {kind}" for kind in KINDS}


def test_markets() -> None:
    assert [tuple(row) for row in table("MIC", "market MIC")] == list(MARKET_MICS.items())


def test_price_units() -> None:
    rows = table("quoted", "currency", "price unit")
    assert {row[0]: row[1] for row in rows} == PRICE_UNITS
    assert all(split_price_unit(quoted) == (currency, unit) for quoted, currency, unit in rows)


def test_exchanges() -> None:
    rows = table("slug", "name", "type", "covers", "segments", "ccxt")
    said = [(slug, name, kind, tuple(filter(None, segments.split(", ")))) for slug, name, kind, _, segments, _ in rows]
    assert said == [(e.slug, e.name, e.venue_type, e.segments) for e in EXCHANGES.values()]
    ccxt = [name for row in rows for name in row[5].split(", ") if name]
    assert len(ccxt) == len(set(ccxt))


def test_generations() -> None:
    said = [tuple(row) for row in table("exchange", "code", "generation", "from")]
    assert said == [
        (exchange, code, str(number), moment)
        for (exchange, code), moments in REUSED_CODES.items()
        for number, moment in enumerate(moments, start=2)
    ]


def test_blockchains() -> None:
    everywhere = ("0x" + "0" * 40, "0x" + "e" * 40)
    assert all(f"`{address}`" in DOCUMENT for address in everywhere)
    said = {}
    for caip2, name, addresses in table("blockchain", "name", "further addresses of the native coin"):
        further = tuple(re.findall(r"`([^`]+)`", addresses))
        said[caip2] = (name, (everywhere if caip2.startswith("eip155:") else ()) + further)
    assert said == {c: (b.name, b.native_aliases) for c, b in BLOCKCHAINS.items()}


def fields_by_the_document() -> dict[tuple[str, str], tuple[str, list[str]]]:
    """(kind, tag) → (record, field names); the tag is empty where an identity has none."""
    identities = {}
    for record, kind, text in table("record", "kind", "fields"):
        names = text.split(", ")
        tag = names[0].strip('"') if names[0].startswith('"') else ""
        identities[kind, tag] = (record, names)
    return identities


@pytest.mark.parametrize("line", SAMPLE)
def test_identities_of_the_sample_have_the_fields_of_the_table(line: str) -> None:
    record = parse_record(json.loads(line))
    if record.record == "listing":
        return
    identities = fields_by_the_document()
    tag = record.identity[0] if (record.kind, record.identity[0]) in identities else ""
    said, names = identities[record.kind, tag]
    assert record.record in said
    assert len(record.identity) == len(names)
    assert all(value or name.endswith("?") for name, value in zip(names, record.identity, strict=True))
    assert identity_by_the_document(record.kind, list(record.identity)) == record.id


def test_every_record_type_has_its_identity() -> None:
    described = " ".join(row[0] for row in table("record", "kind", "fields"))
    assert all(name in described for name in RECORDS if name != "listing")


def test_vectors_have_the_fields_of_the_table() -> None:
    identities = fields_by_the_document()
    seen = set()
    for kind, fields, _, _ in VECTORS:
        key = (kind, fields[0]) if (kind, fields[0]) in identities else (kind, "")
        assert len(fields) == len(identities[key][1]), fields
        seen.add(key)
    assert seen == set(identities)


def test_the_stated_vectors_are_in_the_document() -> None:
    stated = [(kind, fields, id) for kind, fields, id, origin in VECTORS if origin == "stated"]
    assert stated == [(v["kind"], v["fields"], str(v["id"])) for v in STATED]
    assert len(stated) == 27
    assert len(VECTORS) >= 30


@pytest.mark.parametrize(("kind", "fields", "expected", "origin"), VECTORS)
def test_vectors_reproduce(kind: str, fields: list[str], expected: str, origin: str) -> None:
    id = compute_id(kind, fields)
    assert (str(event_type_number(id)) if kind == "event-type" else id) == expected
    assert identity_by_the_document(kind, fields) == id


def test_the_worked_example() -> None:
    example = re.search(r"message +(.+)\nid +(\w+)\n64-bit +(\w+) = (\d+)", DOCUMENT)
    assert example is not None
    message, id, id64, number = example.groups()
    computed = compute_id("instrument", ("currency", "USD"))
    assert bytes.fromhex(message) == b"\x08\0\0\0currency\x03\0\0\0USD"
    assert (id, id64, int(number)) == (computed, computed.id64, computed.u64)
    assert int.from_bytes(bytes.fromhex(id64), "little") == computed.u64
