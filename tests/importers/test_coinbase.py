from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import Asset, Id, Pair
from catalog.domain.vocabulary import REUSED_CODES
from catalog.errors import PayloadError
from catalog.importers import coinbase
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.coinbase import CoinbaseImporter
from tests.importers.support import parse, read, records, reject, stream, tally, until_broken
from tests.importers.test_documentation import DOCS, table


def row(base: str = "BTC", quote: str = "USD", **changes: Any) -> dict[str, Any]:
    product: dict[str, Any] = {
        "id": f"{base}-{quote}",
        "base_currency": base,
        "quote_currency": quote,
        "base_min_size": "0.0010",
    }
    product |= {"base_max_size": "280", "quote_increment": "0.01", "base_increment": "0.00000001"}
    product |= {"display_name": f"{base}/{quote}", "min_market_funds": "5.0", "max_market_funds": "1000000"}
    product |= dict.fromkeys(("post_only", "limit_only", "cancel_only", "trading_disabled", "margin_enabled"), False)
    return {k: v for k, v in (product | {"status": "online", "status_message": ""} | changes).items() if v is not ...}


def pair(**changes: Any) -> Pair:
    found = records(parse("coinbase", [row(**changes)]))[-1]
    assert isinstance(found, Pair)
    return found


def test_assets_come_once_and_before_the_pairs() -> None:
    results = parse("coinbase", [row("BTC", "USD"), row("ETH", "USD"), row("ETH", "BTC")])
    assert [(r.symbol, p.place) for p in results for r in records([p])] == [
        ("BTC", "/0/base_currency"),
        ("USD", "/0/quote_currency"),
        ("ETH", "/1/base_currency"),
        ("BTC-USD", "/0"),
        ("ETH-USD", "/1"),
        ("ETH-BTC", "/2"),
    ]
    assert results[0] == Parsed(Asset(exchange="coinbase", symbol="BTC"), "/0/base_currency")


def test_a_pair_with_all_its_limits() -> None:
    assert pair().known() == {
        "record": "pair",
        "exchange": "coinbase",
        "market_kind": "spot",
        "symbol": "BTC-USD",
        "base_id": Asset(exchange="coinbase", symbol="BTC").id,
        "quote_id": Asset(exchange="coinbase", symbol="USD").id,
        "tick_size": "0.01",
        "lot_size": "0.00000001",
        "min_quantity": "0.001",
        "max_quantity": "280",
        "min_notional": "5",
        "status": "active",
        "venue_status": "online",
    }


def test_products_without_sizes() -> None:
    found = pair(base_min_size=..., base_max_size=..., max_market_funds=..., fx_stablecoin=False, auction_mode=False)
    assert found.known() == {k: v for k, v in pair().known().items() if k not in ("min_quantity", "max_quantity")}


def test_the_currencies_are_not_read_off_the_id() -> None:
    found = records(parse("coinbase", [row(id="BTCAUCTION-USD", auction_mode=True)]))
    assert [r.symbol for r in found] == ["BTC", "USD", "BTCAUCTION-USD"]
    assert found[-1].base_id == found[0].id


def test_zero_is_no_increment_and_no_maximum() -> None:
    zeros = dict.fromkeys(("quote_increment", "base_increment", "base_min_size", "base_max_size"), "0.0")
    found = pair(**zeros, min_market_funds="0")
    assert (found.tick_size, found.lot_size, found.max_quantity) == (None, None, None)
    assert {found.min_quantity, found.min_notional} == {Decimal(0)}
    for nothing in ("", " ", None, ...):
        assert pair(quote_increment=nothing, min_market_funds=nothing).known().keys() == pair().known().keys() - {
            "tick_size",
            "min_notional",
        }


def test_numbers_that_are_json_numbers_are_exact_too() -> None:
    text = json.dumps([row(quote_increment="#")]).replace('"#"', "0.10")
    assert records(parse("coinbase", text))[-1].tick_size == Decimal("0.1")


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({}, "active", "online"),
        ({"limit_only": True}, "active", "online limit_only"),
        ({"cancel_only": True}, "suspended", "online cancel_only"),
        ({"post_only": True}, "suspended", "online post_only"),
        ({"trading_disabled": True}, "suspended", "online trading_disabled"),
        ({"auction_mode": True}, "suspended", "online auction_mode"),
        ({"trading_disabled": True, "limit_only": True}, "suspended", "online trading_disabled limit_only"),
        ({"status": "offline"}, "suspended", "offline"),
        ({"status": "delisted", "limit_only": True}, "suspended", "delisted limit_only"),
        ({"status": "internal"}, "suspended", "internal"),
        ({"status": "new word"}, "suspended", "new word"),
        ({"status": None, "trading_disabled": True}, "suspended", "trading_disabled"),
        ({"limit_only": None, "post_only": ...}, "active", "online"),
    ],
)
def test_status_and_restrictions(changes: dict[str, Any], status: str, word: str) -> None:
    assert (pair(**changes).status, pair(**changes).venue_status) == (status, word)


def test_no_status_says_nothing() -> None:
    for value in (..., None, ""):
        assert not {"status", "venue_status"} & pair(status=value).model_fields_set
    assert pair(status="", limit_only=True).model_fields_set & {"status", "venue_status"} == {"venue_status"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": ...}, "missing_symbol"),
        ({"id": " "}, "missing_symbol"),
        ({"id": 5}, "invalid_symbol"),
        ({"id": "A\x00"}, "invalid_symbol"),
        ({"id": "x" * 256}, "invalid_symbol"),
        ({"base_currency": ""}, "missing_symbol"),
        ({"base_currency": 5}, "invalid_base_currency"),
        ({"quote_currency": None}, "missing_symbol"),
        ({"quote_currency": "\ud800"}, "invalid_quote_currency"),
        ({"status": 5}, "invalid_status"),
        ({"status": "\x00"}, "invalid_status"),
        ({"status": "x" * 250, "limit_only": True}, "invalid_status"),
        ({"cancel_only": "false"}, "invalid_restriction"),
        ({"auction_mode": 0}, "invalid_restriction"),
        ({"quote_increment": "x"}, "invalid_amount"),
        ({"base_increment": "-1"}, "invalid_amount"),
        ({"base_min_size": "NaN"}, "invalid_amount"),
        ({"base_max_size": "0." + "1" * 19}, "invalid_amount"),
        ({"min_market_funds": ["1"]}, "invalid_amount"),
        ({"min_market_funds": True}, "invalid_amount"),
    ],
)
def test_a_bad_product_stops_nothing(changes: dict[str, Any], code: str) -> None:
    results = parse("coinbase", [row("ETH", "USD"), row(**changes), row("LTC", "USD")])
    found = reject(results)
    assert (found.code, found.place, found.record) == (code, "/1", "pair")
    assert [r.record.symbol for r in results if isinstance(r, Parsed) and isinstance(r.record, Pair)] == [
        "ETH-USD",
        "LTC-USD",
    ]


def test_what_is_no_object_or_has_a_key_twice() -> None:
    results = parse("coinbase", json.dumps([row(), 5, row("ETH")]).replace('"status": "online"', '"id": "x"', 1))
    assert [(r.code, r.place) for r in results if isinstance(r, Reject)] == [
        ("duplicate_key", "/0"),
        ("not_an_object", "/1"),
    ]


def test_a_reused_code_takes_its_pairs_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REUSED_CODES, ("coinbase", "LUNA"), ("2022-05-28T00:00:00Z",))
    document = [row("LUNA"), row("BTC")]
    new = records(parse("coinbase", document, datetime(2022, 6, 1, tzinfo=UTC)))
    assert {r.symbol for r in new if r.generation == "2"} == {"LUNA", "LUNA-USD"}
    old = records(parse("coinbase", document, datetime(2022, 5, 1, tzinfo=UTC)))
    assert not any(r.generation for r in old)
    assert tally(parse("coinbase", document)) == {"asset": 2, "pair": 1, "ambiguous_generation": 2}


def test_the_heading() -> None:
    assert CoinbaseImporter().heading(stream([row()])) == Heading("spot")


def test_what_is_no_list_of_products() -> None:
    for document in ({"message": "NotFound"}, {"products": [row()]}, {}):
        with pytest.raises(PayloadError):
            parse("coinbase", document)
        assert not CoinbaseImporter().can_parse(json.dumps(document).encode())
    assert parse("coinbase", []) == []
    assert CoinbaseImporter().can_parse(json.dumps([row(base_min_size=...)]).encode())


def test_a_truncated_payload_gives_what_is_whole() -> None:
    text = json.dumps([row("ETH"), row("LTC"), row("XRP")])
    results, error = until_broken(CoinbaseImporter(), text[: text.index("XRP-USD")].encode())
    assert tally(results) == {"asset": 3, "pair": 2}
    assert error is not None


def test_the_page_says_what_the_tables_do() -> None:
    page = (DOCS / "sources" / "coinbase.md").read_text()
    words = table(page, "status word")
    assert {word for word, status in words.items() if status == "active"} == coinbase.ACTIVE_STATUSES
    restrictions = table(page, "restriction")
    assert list(restrictions) == list(coinbase.RESTRICTIONS)
    assert {name: trades == "no" for name, trades in restrictions.items()} == coinbase.RESTRICTIONS


def test_the_real_payload(real_data: Path) -> None:
    raw = read(real_data / "coinbase" / "products_2021-04-17.json")
    products = {p["id"]: p for p in json.loads(raw, parse_float=Decimal)}
    results = parse("coinbase", raw)
    assert tally(results) == {"pair": 162, "asset": 58}
    assets = {r.record.id: r.record.symbol for r in results if isinstance(r, Parsed) and isinstance(r.record, Asset)}
    pairs = [r.record for r in results if isinstance(r, Parsed) and isinstance(r.record, Pair)]
    for found in pairs:
        theirs = products.pop(found.symbol)
        base, quote = assets[Id(found.base_id)], assets[Id(found.quote_id)]
        assert (base, quote) == (theirs["base_currency"], theirs["quote_currency"])
        assert theirs["display_name"] == f"{base}/{quote}"
        assert [
            found.tick_size, found.lot_size, found.min_quantity, found.max_quantity, found.min_notional
        ] == [
            Decimal(theirs[k])
            for k in ("quote_increment", "base_increment", "base_min_size", "base_max_size", "min_market_funds")
        ]  # fmt: skip
        assert found.status == "active"
        assert found.venue_status == ("online limit_only" if theirs["limit_only"] else "online")
    assert not products
    assert sum(p.venue_status == "online limit_only" for p in pairs) == 8
