"""The bundled sample: every line is a valid record, everything it refers to is in it, and every source is named."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

import catalog
from catalog.domain import (
    RECORDS,
    BrokerContract,
    EventType,
    Future,
    Listing,
    Native,
    Option,
    Pool,
    Record,
    Stock,
    Synthetic,
    Token,
    Venue,
    compute_id,
    parse_record,
)
from catalog.domain.identifiers import cusip, isin
from catalog.domain.identity import KINDS
from catalog.domain.instruments import EQUITIES
from catalog.domain.screening import screen, venue_keys
from catalog.domain.standard_events import STANDARD_EVENTS
from catalog.domain.vocabulary import BLOCKCHAINS, EXCHANGES

FOLDER = Path(catalog.__file__).parent


@pytest.fixture(scope="module")
def records() -> list[Record]:
    lines = (FOLDER / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    return [parse_record(json.loads(line)) for line in lines]


def name(record: Record) -> str:
    return record.key if isinstance(record, Listing) else str(record.id)


def venues_of(record: Record) -> list[tuple[str, str]]:
    """The venues that a record names by code."""
    if isinstance(record, EventType):
        return [("slug", slug) for slug in (record.exchange, record.broker) if slug]
    return venue_keys(record)


def test_no_record_stands_there_twice(records: list[Record]) -> None:
    assert [n for n, count in Counter(map(name, records)).items() if count > 1] == []


def test_every_kind_of_record_is_present(records: list[Record]) -> None:
    assert {r.record for r in records} == set(RECORDS)


def test_what_a_record_names_stands_before_it(records: list[Record]) -> None:
    seen: set[tuple[str, str]] = set()
    venues: set[tuple[str, str]] = set()
    for record in records:
        for path, kind, id in record.references():
            assert (kind, id) in seen, (name(record), path)
        assert set(venues_of(record)) <= venues, name(record)
        if isinstance(record, EQUITIES):
            assert ("security", compute_id("security", (record.isin or "",))) in seen
        if isinstance(record, Venue):
            venues.add(("mic" if record.mic else "slug", record.identity[1]))
        if record.kind in KINDS:
            seen.add((record.kind, str(record.id)))


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


def test_there_are_few_cusips_and_they_belong_to_their_isins(records: list[Record]) -> None:
    found = [r.known() for r in records if "cusip" in r.model_fields_set]
    assert len(found) <= 5
    assert all(cusip(said["cusip"]) == isin(said["isin"])[2:11] for said in found)


def test_exchanges_and_brokers_are_as_the_vocabulary_has_them(records: list[Record]) -> None:
    venues = [r for r in records if isinstance(r, Venue)]
    for venue in venues:
        if venue.slug is not None:
            assert (venue.name, venue.venue_type) == (EXCHANGES[venue.slug].name, EXCHANGES[venue.slug].venue_type)
        assert set(venue.blockchains or ()) <= set(BLOCKCHAINS)
    assert {v.venue_type for v in venues} == {"stock_exchange", "futures_exchange", "crypto_exchange", "broker"}
    said = {field for v in venues for field in v.model_fields_set}
    assert {
        "session_open",
        "session_close",
        "clearing_house",
        "contract_types",
        "exercise_styles",
        "blockchains",
    } <= said


def test_pools_of_every_kind(records: list[Record]) -> None:
    pools = {pool.dex: pool for pool in records if isinstance(pool, Pool)}
    assert {dex: (pool.pool_type, format(pool.fee or 0, "f"), pool.tick_spacing) for dex, pool in pools.items()} == {
        "uniswap_v2": ("constant_product", "0.003", None),
        "uniswap_v3": ("concentrated_liquidity", "0.0005", 10),
        "uniswap_v4": ("concentrated_liquidity", "0.0005", 10),
        "curve": ("stable_swap", "0.0001", None),
        "balancer_v2": ("weighted", "0.01", None),
    }
    assert [dex for dex, pool in pools.items() if pool.pool_id is not None] == ["uniswap_v4"]
    symbols = {str(r.id): r.symbol for r in records if isinstance(r, Token | Native)}
    assert [symbols[t.instrument_id] for t in pools["uniswap_v4"].tokens] == ["ETH", "USDC"]
    assert [symbols[t.instrument_id] for t in pools["curve"].tokens] == ["DAI", "USDC", "USDT"]
    assert [str(t.weight) for t in pools["balancer_v2"].tokens] == ["0.8", "0.2"]


def test_futures_that_end_and_one_that_does_not(records: list[Record]) -> None:
    futures = {f.symbol: f for f in records if isinstance(f, Future)}
    assert {symbol: f.is_perpetual for symbol, f in futures.items()} == {"ESZ6": False, "ETHF7": False, "BTCUSDT": True}
    for future in futures.values():
        assert (future.last_trading_date is None) == (future.expires_at is None) == future.is_perpetual
    assert futures["BTCUSDT"].segment == "usdm"


def test_options_of_occ_and_of_an_exchange(records: list[Record]) -> None:
    options = {o.symbol: o for o in records if isinstance(o, Option)}
    assert list(options) == ["AAPL  270115C00200000", "GE1   220121C00015000", "BTC-25DEC26-100000-C"]
    usual, adjusted, other = options.values()
    assert (usual.osi_root, usual.is_adjusted, usual.deliverable) == ("AAPL", False, None)
    assert (adjusted.osi_root, adjusted.is_adjusted, adjusted.status) == ("GE1", True, "retired")
    assert adjusted.deliverable
    assert (other.osi_root, other.exchange, other.exercise_style) == (None, "deribit", "european")


def test_broker_contracts_on_a_stock_a_future_and_an_option(records: list[Record]) -> None:
    kinds = {str(r.id): r.record for r in records if r.kind == "instrument"}
    contracts = [r for r in records if isinstance(r, BrokerContract)]
    assert [(c.broker, kinds[c.instrument_id or ""]) for c in contracts] == [
        ("alpaca", "stock"),
        ("tradovate", "future"),
        ("alpaca", "option"),
    ]


def test_the_standard_events_are_the_shipped_ones(records: list[Record]) -> None:
    events = [r for r in records if isinstance(r, EventType)]
    assert [e.to_json() for e in events] == [e.to_json() for e in STANDARD_EVENTS]


def test_the_synthetics_of_the_source(records: list[Record]) -> None:
    synthetics = {s.name: s for s in records if isinstance(s, Synthetic)}
    assert {name: s.formula for name, s in synthetics.items()} == {
        "ETH Basis Spread": "(CME_ETH_FUT - BINANCE_ETH_SPOT) / BINANCE_ETH_SPOT * 365 / DAYS_TO_EXPIRY",
        "DeFi-CEX Arbitrage Index": "abs(UNISWAP_ETH_USDC - BINANCE_ETH_USDT) / BINANCE_ETH_USDT * 10000",
    }
    named = {kind for s in synthetics.values() for _, kind, _ in s.references()}
    assert named == {"instrument", "pair", "pool"}
    assert {c.measure for s in synthetics.values() for c in s.components} == {"price", "days_to_expiry"}
