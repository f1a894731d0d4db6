"""The bundled sample: every line is a valid record, everything it refers to is in it, and every source is named."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

import catalog
from catalog.domain import RECORDS, Listing, Pair, Record, Stock, Token, parse_record
from catalog.domain.instruments import EQUITIES
from catalog.domain.screening import screen

FOLDER = Path(catalog.__file__).parent


@pytest.fixture(scope="module")
def records() -> list[Record]:
    lines = (FOLDER / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    return [parse_record(json.loads(line)) for line in lines]


def name(record: Record) -> str:
    return record.key if isinstance(record, Listing) else str(record.id)


def test_no_record_stands_there_twice(records: list[Record]) -> None:
    assert [n for n, count in Counter(map(name, records)).items() if count > 1] == []


def test_every_kind_of_record_is_present(records: list[Record]) -> None:
    assert {r.record for r in records} == set(RECORDS)


def test_every_reference_is_inside_the_file(records: list[Record]) -> None:
    ids = {str(r.id) for r in records if not isinstance(r, Listing)}
    venues = {v for r in records if r.record == "venue" for v in (r.identity[1],)}
    isins = {r.identity[0] for r in records if r.record == "security"}
    for record in records:
        if isinstance(record, Listing):
            assert {record.instrument_id, record.venue_id} <= ids, record
        elif isinstance(record, Pair):
            assert {record.base_id, record.quote_id} <= ids, record
            assert record.exchange in venues
        elif isinstance(record, EQUITIES):
            assert record.mic in venues
            assert record.isin in isins


def test_nothing_in_it_is_in_doubt(records: list[Record]) -> None:
    assert [doubt for r in records for doubt in screen(r).doubts] == []


def test_every_record_has_its_source_named(records: list[Record]) -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (FOLDER / "sample-sources.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    assert [(row[0].strip("`"), row[1]) for row in rows] == [(name(r), r.record) for r in records]
    assert all(len(row) == 4 and row[2] and row[3] for row in rows)


def test_apple_is_one_security_three_instruments_four_listings_four_venues(records: list[Record]) -> None:
    lines = {r.id for r in records if isinstance(r, Stock) and r.isin == "US0378331005"}
    listings = [r for r in records if isinstance(r, Listing) and r.instrument_id in lines]
    assert sum(r.identity == ("US0378331005",) for r in records) == 1
    assert (len(lines), len(listings), len({r.venue_id for r in listings})) == (3, 4, 4)


def test_the_cases_it_is_there_to_show(records: list[Record]) -> None:
    tokens = [r for r in records if isinstance(r, Token)]
    assert len({t.blockchain for t in tokens if t.symbol == "USDC"}) == 6
    assert Counter(t.symbol for t in tokens if t.blockchain == "eip155:1")["GTC"] == 2
    polygon = {t.symbol for t in tokens if t.blockchain == "eip155:137"}
    assert polygon == {"USDC", "USDC.e"}
    etf = {(r.currency, r.price_unit) for r in records if isinstance(r, EQUITIES) and r.isin == "IE00B5BMR087"}
    assert etf == {("USD", None), ("GBP", "GBX")}
    assert sum("cusip" in r.model_fields_set for r in records) <= 5
