"""Identities of every record type: the project's ids equal those of an implementation from docs/ids.md alone."""

from __future__ import annotations

import json
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.domain.claims import identity_of
from catalog.domain.identity import compute_id
from tests.domain import independent_ids as independent

DOCUMENT = (Path(__file__).parents[2] / "docs" / "ids.md").read_text(encoding="utf-8")
VECTORS = [
    [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]
    for line in DOCUMENT.split("## Vectors")[1].splitlines()
    if "`[" in line
]
Value = dict[str, Any]


def base58(raw: bytes) -> str:
    number, text = int.from_bytes(raw), ""
    while number:
        number, digit = divmod(number, 58)
        text = independent.BASE58[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def isin(body: str) -> str:
    for digit in "0123456789":
        try:
            return independent.isin(body + digit)
        except ValueError:
            continue
    raise AssertionError(body)


SOLANA = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
OWNERS = sorted(independent.EXCHANGES)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CAPITALS = LETTERS + "0123456789"
SYMBOLS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=40)
#: As sources write them: not in NFC, with blanks around.
KEYS = SYMBOLS.map(lambda s: f" {s}\t") | SYMBOLS | st.sampled_from(["e\u0301", "Å", "가", "币安人生", "a b"])
FITTING_KEYS = KEYS.filter(lambda s: len(unicodedata.normalize("NFC", s).strip().encode()) <= 255)
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
WRITTEN_ADDRESSES = ADDRESSES | ADDRESSES.map(independent.checksummed)
CHAINS = st.sampled_from(["eip155:1", "eip155:137", "eip155:42220"]) | st.integers(1, 10**9).map("eip155:{}".format)
PLACES = st.one_of(
    st.fixed_dictionaries({"blockchain": CHAINS, "address": WRITTEN_ADDRESSES}),
    st.fixed_dictionaries({"blockchain": st.just(SOLANA), "address": st.binary(min_size=32, max_size=32).map(base58)}),
)
ISINS = st.builds(
    lambda country, body: isin(country + body),
    st.sampled_from(["US", "DE", "GB", "IE", "CA", "JP", "XS"]),
    st.text(CAPITALS, min_size=9, max_size=9),
)
MICS = st.sampled_from(["XNAS", "XNGS", "XNMS", "XNCM", "XETR", "XETA", "XETB", "XJPX", "XTKS", "XASE", "ARCX", "XLON"])
CURRENCIES = st.sampled_from(["USD", "EUR", "GBP", "ILS", "ZAR", "JPY", "DEM"])
QUOTED = CURRENCIES | st.sampled_from(["GBX", "GBp", "ILA", "ZAC", "ZAc"])
DAYS = st.dates(max_value=date(2098, 12, 31)).map(str)
GENERATIONS = st.none() | st.integers(2, 99_999).map(str)
STRIKES = st.sampled_from(["0", "0.0", "+1", "01", "1e2", "1.", ".5", "100", "340.50", "1000000"]) | st.integers(
    1, 10**7
).map(str)
MARKETS = st.one_of(
    st.fixed_dictionaries({"mic": st.sampled_from(["XCME", "XCBT", "XNYM", "XCEC"])}),
    st.fixed_dictionaries({"exchange": st.sampled_from(OWNERS)}),
    st.sampled_from([{"exchange": s, "segment": e} for s, all_ in independent.SEGMENTS.items() for e in sorted(all_)]),
)
KEYED = {"symbol": FITTING_KEYS, "generation": GENERATIONS}


def of(record: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Value]:
    return st.fixed_dictionaries({"record": st.just(record), **fields})


def at(where: st.SearchStrategy[Value], what: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.builds(lambda a, b: {**a, **b}, where, what)


EQUITY = {"mic": MICS, "currency": QUOTED}
RECORDS = {
    "token": at(PLACES, of("token", token_id=st.none() | st.integers(0, 2**256 - 1).map(str))),
    "native": of("native", blockchain=CHAINS | st.just(SOLANA)),
    "asset": of("asset", exchange=st.sampled_from(OWNERS), **KEYED),
    "stock": of("stock", isin=ISINS, line=st.none() | st.text(CAPITALS, min_size=1, max_size=32), **EQUITY),
    "stock by ticker": of("stock", ticker=FITTING_KEYS, generation=GENERATIONS, **EQUITY),
    "etf": of("etf", isin=ISINS, ticker=FITTING_KEYS, **EQUITY),
    "etf by ticker": of("etf", ticker=FITTING_KEYS, isin=st.none(), **EQUITY),
    "currency": of("currency", iso_code=CURRENCIES),
    "security": of("security", isin=ISINS),
    "venue with a MIC": of("venue", mic=st.sampled_from(["XNAS", "XNGS", "XLON", "ARCX"])),
    "venue with a slug": of("venue", slug=st.sampled_from([*OWNERS, *sorted(independent.BROKERS)])),
    "pair": of("pair", exchange=st.sampled_from(OWNERS), market_kind=st.just("spot"), **KEYED),
    "future": at(MARKETS, of("future", last_trading_date=st.none() | DAYS, **KEYED)),
    "occ option": of(
        "option",
        osi_root=st.text(LETTERS, min_size=1, max_size=6),
        expiry_date=DAYS,
        option_kind=st.sampled_from("CP"),
        strike_price=STRIKES,
    ),
    "other option": at(MARKETS, of("option", expiry_date=DAYS, **KEYED)),
    "synthetic": of("synthetic", name=FITTING_KEYS),
    "pool": at(
        PLACES, of("pool", pool_id=st.none() | st.binary(min_size=32, max_size=32).map(lambda b: "0x" + b.hex()))
    ),
    "broker_contract": of("broker_contract", broker=st.sampled_from(sorted(independent.BROKERS)), **KEYED),
    "event_type": of("event_type", name=FITTING_KEYS, version=st.integers(1, 10**6) | st.integers(1, 10**6).map(str)),
}


@pytest.mark.parametrize("name", RECORDS)
@settings(deadline=None, max_examples=60)
@given(st.data())
def test_ids_are_the_document_s(name: str, data: st.DataObject) -> None:
    value = data.draw(RECORDS[name])
    try:
        kind, fields = independent.identity(value)
    except ValueError:  # a token at an address of the coin
        with pytest.raises(ValueError):
            identity_of(value)
        return
    found_kind, found = identity_of(value)
    assert (found_kind, tuple(found)) == (kind, fields)
    assert str(compute_id(found_kind, found)) == independent.compute(kind, fields)


@pytest.mark.parametrize(("kind", "fields", "stated"), [row[:3] for row in VECTORS], ids=[row[3] for row in VECTORS])
def test_vectors(kind: str, fields: str, stated: str) -> None:
    identity = tuple(json.loads(fields))
    if kind == "event-type":
        assert independent.event_type_number(identity) == int(stated)
    else:
        assert independent.compute(kind, identity) == stated
        assert independent.id64(kind, identity) == stated[:16]


def test_every_vector_is_read() -> None:
    assert len(VECTORS) == 35


def test_checksums() -> None:
    right = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    assert independent.checksummed(right.lower()) == right
    with pytest.raises(ValueError):
        independent.address("eip155:1", right.replace("aA", "Aa"))


@pytest.mark.parametrize(
    "value",
    [
        {"record": "token", "blockchain": "eip155:1", "address": "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
        {"record": "token", "blockchain": "eip155:01", "address": "0x" + "1" * 40},
        {"record": "token", "blockchain": "eip155:999", "address": "0x" + "e" * 40},
        {"record": "token", "blockchain": SOLANA, "address": "1" * 32},
        {"record": "token", "blockchain": SOLANA, "address": "1" * 31},
        {"record": "token", "blockchain": "eip155:1", "address": "0x" + "1" * 40, "token_id": "01"},
        {"record": "token", "blockchain": "eip155:1", "address": "0x" + "1" * 40, "token_id": str(2**256)},
        {"record": "native", "blockchain": "cosmos:cosmoshub-4"},
        {"record": "asset", "exchange": "binance", "symbol": "LUNA", "generation": "1"},
        {"record": "asset", "exchange": "binance", "symbol": " "},
        {"record": "asset", "exchange": "binance", "symbol": "a\0b"},
        {"record": "asset", "exchange": "binance", "symbol": "a" * 256},
        {"record": "asset", "exchange": "binance", "symbol": "\ud800"},
        {"record": "security", "isin": "US0378331006"},
        {"record": "stock", "mic": "XNAS", "currency": "USD"},
        {"record": "stock", "mic": "XNAS", "currency": "USD", "isin": "US0378331005", "line": "b"},
        {"record": "venue", "mic": "XNAS", "slug": "nasdaq"},
        {"record": "venue"},
        {"record": "pair", "exchange": "binance", "symbol": "BTCUSDT", "market_kind": "swap"},
        {"record": "future", "mic": "XCME", "symbol": "ESZ6", "last_trading_date": "2026-02-30"},
        {"record": "option", "mic": "XCME", "symbol": "ESZ6"},
        {"record": "option", "osi_root": "A", "expiry_date": "2025-06-20", "option_kind": "X", "strike_price": "1"},
        {"record": "pool", "blockchain": "eip155:1", "address": "0x" + "1" * 40, "pool_id": "7"},
    ],
    ids=str,
)
def test_what_has_no_identity_by_the_document_is_refused(value: Value) -> None:
    with pytest.raises(ValueError):
        independent.identity(value)
    with pytest.raises(ValueError):
        identity_of(value)


@pytest.mark.parametrize(
    "value",
    [
        {"record": "asset", "exchange": "krakenfutures", "symbol": "BTC"},
        {"record": "future", "mic": "GLBX", "symbol": "ESZ6"},
        {"record": "future", "mic": "XCME", "symbol": "ESZ6", "segment": "usdm"},
        {"record": "future", "exchange": "binance", "symbol": "BTCUSDT", "segment": "linear"},
        {"record": "future", "mic": "XCME", "exchange": "binance", "symbol": "ESZ6"},
        {"record": "broker_contract", "broker": "nowhere", "symbol": "AAPL"},
        {"record": "event_type", "name": "a", "version": "one"},
        {"record": "event_type", "name": "a", "version": "01"},
        {"record": "future", "mic": "XCME", "symbol": "ESZ6", "generation": "1"},
    ],
    ids=str,
)
def test_what_only_the_document_refuses(value: Value) -> None:
    with pytest.raises(ValueError):
        independent.identity(value)
    with pytest.raises(ValueError):
        identity_of(value)


@pytest.mark.parametrize(
    "value",
    [
        {"record": "future", "mic": "XCME", "symbol": "ESZ6", "last_trading_date": "2099-01-01"},
    ],
    ids=str,
)
def test_what_differs(value: Value) -> None:
    expected = independent.identity(value)
    assert identity_of(value) == expected
