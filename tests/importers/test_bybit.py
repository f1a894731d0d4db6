from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from catalog.domain import Asset, Future, Option, Pair
from catalog.errors import PayloadError
from catalog.importers import bybit
from catalog.importers.base import Heading
from catalog.importers.bybit import IMPORTER
from tests.importers.support import parse, records, reject, stream, tally, until_broken
from tests.importers.test_documentation import DOCS, table

#: 2023-12-29T08:00:00Z
DELIVERY = "1703836800000"
NOW = 1_700_000_000_000
PRICE = {"minPrice": "0.50", "maxPrice": "999999.00", "tickSize": "0.50"}
LOT = {"minOrderQty": "0.001", "maxOrderQty": "100.000", "qtyStep": "0.001", "minNotionalValue": "5"}
SPOT_LOT = {"basePrecision": "0.000001", "minOrderQty": "0.00004", "maxOrderQty": "63.5", "minOrderAmt": "1"}


def row(category: str = "linear", **changes: Any) -> dict[str, Any]:
    """A row of a category; `...` takes a field away."""
    found: dict[str, Any] = {"symbol": "BTCUSDT", "status": "Trading", "baseCoin": "BTC", "quoteCoin": "USDT"}
    if category == "spot":
        found |= {"lotSizeFilter": SPOT_LOT, "priceFilter": {"tickSize": "0.01"}, "marginTrading": "both"}
    else:
        found |= {"lotSizeFilter": LOT, "priceFilter": PRICE, "settleCoin": "USDT", "launchTime": "1585526400000"}
        found |= {"contractType": "LinearPerpetual", "deliveryTime": "0"}
    if category == "inverse":
        found |= {"symbol": "BTCUSD", "contractType": "InversePerpetual", "quoteCoin": "USD", "settleCoin": "BTC"}
    if category == "option":
        found |= {"symbol": "BTC-29DEC23-80000-C", "quoteCoin": "USD", "settleCoin": "USDC", "optionsType": "Call"}
        found |= {"deliveryTime": DELIVERY, "contractType": ...}
    return {k: v for k, v in (found | changes).items() if v is not ...}


def payload(category: Any, *rows: Any, **changes: Any) -> dict[str, Any]:
    result = {"category": category, "list": list(rows), "nextPageCursor": ""}
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": NOW} | changes


def one(category: str = "linear", **changes: Any) -> Any:
    return records(parse("bybit", payload(category, row(category, **changes))))[-1]


def asset_id(code: str) -> str:
    return str(Asset(exchange="bybit", symbol=code).id)


def test_a_pair() -> None:
    found = one("spot")
    assert isinstance(found, Pair)
    assert found.known() == {
        "record": "pair",
        "exchange": "bybit",
        "market_kind": "spot",
        "symbol": "BTCUSDT",
        "base_id": asset_id("BTC"),
        "quote_id": asset_id("USDT"),
        "tick_size": "0.01",
        "lot_size": "0.000001",
        "min_quantity": "0.00004",
        "max_quantity": "63.5",
        "min_notional": "1",
        "status": "active",
        "venue_status": "Trading",
    }
    assert one("spot", lotSizeFilter=SPOT_LOT | {"maxLimitOrderQty": "83"}).max_quantity == 83


def test_linear_and_inverse_are_segments() -> None:
    linear, inverse = one("linear"), one("inverse")
    assert isinstance(linear, Future)
    assert linear.identity == ("future", "bybit", "linear", "BTCUSDT", "", "")
    assert inverse.identity == ("future", "bybit", "inverse", "BTCUSD", "", "")
    assert (linear.is_inverse, inverse.is_inverse) == (False, True)
    assert (inverse.underlying_id, inverse.quote_id) == (asset_id("BTC"), asset_id("USD"))
    assert inverse.settlement_id == inverse.margin_id == asset_id("BTC")
    assert linear.contract_multiplier == inverse.contract_multiplier == 1
    assert linear.first_trading_date == date(2020, 3, 30)
    assert (linear.tick_size, linear.min_price, linear.max_price) == (Decimal("0.5"), Decimal("0.5"), Decimal(999999))
    assert (linear.lot_size, linear.min_quantity, linear.max_quantity) == (
        Decimal("0.001"),
        Decimal("0.001"),
        Decimal(100),
    )
    assert linear.min_notional == 5


@pytest.mark.parametrize(("category", "kind"), [("linear", "LinearFutures"), ("inverse", "InverseFutures")])
def test_dated_futures(category: str, kind: str) -> None:
    found = one(category, contractType=kind, deliveryTime=DELIVERY, symbol="BTC-29DEC23")
    assert (found.last_trading_date, found.expires_at) == (
        date(2023, 12, 29),
        datetime(2023, 12, 29, 8, tzinfo=UTC),
    )
    assert found.segment == category


def test_a_perpetual_that_leaves_has_the_time() -> None:
    found = one(deliveryTime=DELIVERY)
    assert found.delist_at == datetime(2023, 12, 29, 8, tzinfo=UTC)
    assert (found.is_perpetual, found.id) == (True, one().id)
    for never in ("", "0", 0, None, ..., "4133404800000"):
        assert one(deliveryTime=never).delist_at is None


def test_an_option_has_its_strike_in_its_symbol() -> None:
    found = one("option")
    assert isinstance(found, Option)
    assert found.identity == ("option", "bybit", "", "BTC-29DEC23-80000-C", "2023-12-29", "")
    assert (found.option_kind, found.strike_price, found.exercise_style) == ("call", Decimal(80000), "european")
    assert (found.quote_id, found.settlement_id) == (asset_id("USD"), asset_id("USDC"))
    other = one("option", symbol="DOGE-29DEC23-0.1250-P-USDT", optionsType="Put")
    assert (other.option_kind, other.strike_price) == ("put", Decimal("0.125"))


def test_statuses() -> None:
    page = table((DOCS / "sources" / "bybit.md").read_text(), "status word")
    for word in (*page, "NewWord"):
        found = one(status=word)
        assert (found.status, found.venue_status) == (page.get(word, page["any other"]), word)
    assert {w: s for w, s in page.items() if s != "suspended"} == bybit.STATUSES
    assert "status" not in one(status=None).model_fields_set


def test_contract_types_are_those_of_the_page() -> None:
    page = table((DOCS / "sources" / "bybit.md").read_text(), "contract type")
    assert page == {word: category for word, (category, _) in bybit.CONTRACT_TYPES.items()}


def test_unset_numbers_are_unset() -> None:
    empty = {"minOrderQty": "", "maxOrderQty": "0", "qtyStep": "0", "minNotionalValue": None}
    known = one(lotSizeFilter=empty, priceFilter={"maxPrice": "2147483647", "minPrice": "0"}).known()
    assert {k: v for k, v in known.items() if k.startswith(("min", "max", "lot", "tick"))} == {"min_price": "0"}
    assert one(lotSizeFilter=None, priceFilter=...).tick_size is None


@pytest.mark.parametrize(
    ("category", "changes", "code"),
    [
        ("linear", {"symbol": " "}, "missing_symbol"),
        ("linear", {"baseCoin": ""}, "missing_asset"),
        ("linear", {"quoteCoin": 5}, "invalid_text"),
        ("linear", {"lotSizeFilter": []}, "not_an_object"),
        ("linear", {"priceFilter": "x"}, "not_an_object"),
        ("linear", {"contractType": ""}, "unknown_contract_type"),
        ("linear", {"contractType": "InversePerpetual"}, "unknown_contract_type"),
        ("inverse", {"contractType": "LinearFutures"}, "unknown_contract_type"),
        ("linear", {"contractType": "LinearFutures"}, "missing_expiry"),
        ("linear", {"contractType": "LinearFutures", "deliveryTime": "4133404800000"}, "missing_expiry"),
        ("linear", {"launchTime": "x"}, "invalid_time"),
        ("linear", {"priceFilter": {"tickSize": "1 USDT"}}, "invalid_amount"),
        ("option", {"optionsType": ""}, "invalid_option"),
        ("option", {"optionsType": "Put"}, "strike_mismatch"),
        ("option", {"symbol": "BTC-29DEC23"}, "strike_mismatch"),
        ("option", {"symbol": "BTC-29DEC23-x-C"}, "invalid_amount"),
        ("option", {"symbol": "BTC-29DEC23--C"}, "invalid_option"),
        ("option", {"deliveryTime": "0"}, "missing_expiry"),
        ("option", {"launchTime": "1900000000000"}, "invalid_record"),
        ("spot", {"quoteCoin": None}, "missing_asset"),
    ],
)
def test_a_bad_row_stops_nothing(category: str, changes: dict[str, Any], code: str) -> None:
    results = parse("bybit", payload(category, row(category), row(category, **changes), row(category)))
    found = reject(results)
    assert (found.code, found.place, found.record) == (code, "/result/list/1", bybit.CATEGORIES[category])
    assert tally(results)[bybit.CATEGORIES[category]] == 2


def test_the_heading() -> None:
    moment = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert IMPORTER.heading(stream(payload("spot", row("spot")))) == Heading("spot", moment)
    assert IMPORTER.heading(stream(payload("linear", row(), row(baseCoin="ETH")))) == Heading("linear", moment)
    assert IMPORTER.heading(stream(payload("option", row("option")))) == Heading("option BTC", moment)
    mixed = payload("option", row("option"), row("option", baseCoin="ETH"))
    assert IMPORTER.heading(stream(mixed)) == Heading("option", moment)
    page = payload("spot", row("spot"))
    page["result"]["nextPageCursor"] = "first%3D1"
    assert IMPORTER.heading(stream(page)) == Heading("spot", moment, is_listing=False)
    for time in (None, "x", 0, -1, 10**18, 1.5):
        assert IMPORTER.heading(stream(payload("spot", time=time))).observed_at is None


def test_the_category_may_stand_behind_the_list() -> None:
    text = {"result": {"list": [row("inverse")], "category": "inverse"}}
    assert records(parse("bybit", text))[-1].segment == "inverse"


def test_what_is_no_answer() -> None:
    documents: tuple[Any, ...] = (
        payload("linear", retCode=10001),
        payload("linear", retCode="\ud800"),
        payload("futures", row()),
        payload(None, row()),
        {"result": {}},
        {},
    )
    for document in documents:
        with pytest.raises(PayloadError) as caught:
            parse("bybit", document)
        assert str(caught.value).isprintable()
    assert parse("bybit", payload("spot")) == []


def test_a_truncated_payload_gives_what_is_whole() -> None:
    text = json.dumps(payload("linear", row(), row(symbol="ETHUSDT"), row(symbol="XRPUSDT")))
    results, error = until_broken(IMPORTER, text[: text.index("XRPUSDT")].encode())
    assert tally(results) == {"asset": 2, "future": 2}
    assert error is not None
