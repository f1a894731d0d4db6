from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from catalog.domain import Asset, Future, Option, Pair
from catalog.errors import PayloadError
from catalog.importers import okx
from catalog.importers.base import Reject
from catalog.importers.okx import IMPORTER
from tests.importers.support import parse, records, reject, stream, tally, until_broken
from tests.importers.test_documentation import DOCS, table

DAY = 86_400_000
#: 2026-03-27T08:00:00Z
EXPIRY = "1774598400000"


def row(kind: str = "SPOT", **changes: Any) -> dict[str, Any]:
    """A row of a type; `...` takes a field away."""
    found = {"instType": kind, "tickSz": "0.1", "lotSz": "0.01", "minSz": "0.02", "state": "live"}
    if kind in ("SPOT", "MARGIN"):
        found |= {"instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT", "uly": "", "expTime": "", "ctVal": ""}
    else:
        found |= {"uly": "BTC-USDT", "instFamily": "BTC-USDT", "settleCcy": "USDT", "ctVal": "0.01", "ctMult": "1"}
        found |= {"listTime": str(20_000 * DAY), "ctType": "linear", "baseCcy": "", "expTime": EXPIRY}
    if kind == "SWAP":
        found |= {"instId": "BTC-USDT-SWAP", "expTime": ""}
    if kind == "FUTURES":
        found |= {"instId": "BTC-USDT-260327"}
    if kind == "OPTION":
        found |= {"instId": "BTC-USD-260327-90000-C", "uly": "BTC-USD", "settleCcy": "BTC", "ctType": ""}
        found |= {"instFamily": "BTC-USD", "optType": "C", "stk": "90000", "ctVal": "1", "ctMult": "0.01"}
    return {k: v for k, v in (found | changes).items() if v is not ...}


def payload(*rows: Any, **changes: Any) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": list(rows)} | changes


def one(kind: str = "SPOT", **changes: Any) -> Any:
    return records(parse("okx", payload(row(kind, **changes))))[-1]


def asset_id(code: str) -> str:
    return str(Asset(exchange="okx", symbol=code).id)


def test_assets_come_once_and_before_what_names_them() -> None:
    results = parse("okx", payload(row(), row("SWAP"), row(instId="ETH-BTC", baseCcy="ETH", quoteCcy="BTC")))
    found = [(r.symbol, place) for r, place in zip(records(results), [r.place for r in results], strict=True)]
    assert found == [
        ("BTC", "/data/0/baseCcy"),
        ("USDT", "/data/0/quoteCcy"),
        ("BTC-USDT", "/data/0"),
        ("BTC-USDT-SWAP", "/data/1"),
        ("ETH", "/data/2/baseCcy"),
        ("ETH-BTC", "/data/2"),
    ]


def test_a_refused_row_names_no_assets() -> None:
    results = parse("okx", payload(row(tickSz="x"), row(instId="ETH-USDT", baseCcy="ETH")))
    assert [r.symbol for r in records(results[1:])] == ["ETH", "USDT", "ETH-USDT"]


def test_a_pair() -> None:
    found = one(maxLmtSz="5000")
    assert isinstance(found, Pair)
    assert found.known() == {
        "record": "pair",
        "exchange": "okx",
        "market_kind": "spot",
        "symbol": "BTC-USDT",
        "base_id": asset_id("BTC"),
        "quote_id": asset_id("USDT"),
        "tick_size": "0.1",
        "lot_size": "0.01",
        "min_quantity": "0.02",
        "max_quantity": "5000",
        "status": "active",
        "venue_status": "live",
    }


def test_margin_is_the_same_pair_and_says_nothing_of_its_state() -> None:
    margin = one("MARGIN", state="suspend", maxLmtSz="7")
    assert margin.id == one().id
    assert not {"status", "venue_status", "max_quantity", "delist_at"} & margin.model_fields_set
    assert (margin.tick_size, margin.base_id) == (Decimal("0.1"), asset_id("BTC"))


def test_a_linear_perpetual() -> None:
    found = one("SWAP")
    assert isinstance(found, Future)
    assert (found.is_perpetual, found.is_inverse, found.segment) == (True, False, None)
    assert (found.underlying_id, found.quote_id) == (asset_id("BTC"), asset_id("USDT"))
    assert found.settlement_id == found.margin_id == asset_id("USDT")
    assert (found.contract_multiplier, found.product) == (Decimal("0.01"), "BTC-USDT")
    assert found.first_trading_date == date(2024, 10, 4)


def test_an_inverse_perpetual_is_quoted_in_an_asset_too() -> None:
    found = one("SWAP", uly="BTC-USD", settleCcy="BTC", ctType="inverse", ctVal="100")
    assert found.is_inverse
    assert (found.underlying_id, found.quote_id, found.settlement_id) == (
        asset_id("BTC"),
        asset_id("USD"),
        asset_id("BTC"),
    )
    assert found.currency is None
    assert one("SWAP", uly="BTC-USD_UM").quote_id == asset_id("USD")


def test_contract_value_times_multiplier() -> None:
    assert one("OPTION").contract_multiplier == Decimal("0.01")
    assert one("SWAP", ctVal="0.1", ctMult="0.1").contract_multiplier == Decimal("0.01")
    for changes in ({"ctMult": ""}, {"ctVal": ""}, {"ctVal": ...}, {"ctMult": "0"}):
        assert one("SWAP", **changes).contract_multiplier is None


def test_a_dated_future_ends_on_its_day_in_utc() -> None:
    found = one("FUTURES")
    assert (found.last_trading_date, found.settlement_type) == (date(2026, 3, 27), "cash")
    assert found.expires_at == datetime(2026, 3, 27, 8, tzinfo=UTC)
    assert one("FUTURES", expTime=str(1774569599999)).last_trading_date == date(2026, 3, 26)


def test_an_option_settled_in_coin_is_quoted_in_coin() -> None:
    found = one("OPTION")
    assert isinstance(found, Option)
    assert (found.option_kind, found.strike_price, found.exercise_style) == ("call", Decimal(90000), "european")
    assert found.expiry_date == date(2026, 3, 27)
    assert found.underlying_id == found.quote_id == found.settlement_id == asset_id("BTC")
    assert one("OPTION", settleCcy="USDC").quote_id == asset_id("USD")
    assert one("OPTION", optType="P").option_kind == "put"


def test_a_perpetual_that_leaves_has_the_time() -> None:
    assert one("SWAP", expTime=EXPIRY).delist_at == datetime(2026, 3, 27, 8, tzinfo=UTC)
    assert one("SWAP", expTime=EXPIRY).id == one("SWAP").id
    assert one(expTime=EXPIRY).delist_at == datetime(2026, 3, 27, 8, tzinfo=UTC)
    for never in ("", "0", None, ..., "4133404800000", "4133404802000", str(2**63 - 1)):
        assert one("SWAP", expTime=never).delist_at is None


def test_a_swap_may_have_nothing_but_its_name() -> None:
    [found] = records(parse("okx", payload({"instType": "SWAP", "instId": "X-USD-SWAP", "state": "preopen"})))
    assert found.known() == {
        "record": "future",
        "exchange": "okx",
        "symbol": "X-USD-SWAP",
        "status": "suspended",
        "venue_status": "preopen",
    }


def test_what_is_no_crypto_has_no_underlying() -> None:
    assert one("SWAP", instCategory="1").underlying_id == asset_id("BTC")
    results = records(parse("okx", payload(row("SWAP", instCategory="3", uly="TSLA-USDT"))))
    assert [r.symbol for r in results] == ["USDT", "BTC-USDT-SWAP"]
    assert results[-1].underlying_id is None


def test_states() -> None:
    page = table((DOCS / "sources" / "okx.md").read_text(), "status word")
    for word in (*page, "new_word"):
        if word != "any other":
            found = one(state=word)
            assert (found.status, found.venue_status) == (page.get(word, page["any other"]), word)
    assert {w: s for w, s in page.items() if s != "suspended"} == okx.STATUSES
    assert "status" not in one(state="").model_fields_set


def test_unset_numbers_are_unset() -> None:
    for value in ("", " ", None, ...):
        known = one(tickSz=value, lotSz=value, minSz=value, maxLmtSz=value).known()
        assert not {"tick_size", "lot_size", "min_quantity", "max_quantity"} & set(known)
    known = one(tickSz="0", lotSz="0.0", minSz="0", maxLmtSz="0").known()
    assert {k: v for k, v in known.items() if k in ("tick_size", "lot_size", "min_quantity", "max_quantity")} == {
        "min_quantity": "0"
    }
    for sentinel in ("2147483647", str(2**63 - 1), 2**31 - 1):
        assert one(maxLmtSz=sentinel).max_quantity is None


def test_numbers_that_are_json_numbers_are_exact_too() -> None:
    text = json.dumps(payload(row(tickSz="#"))).replace('"#"', "0.10000000000000001")
    assert records(parse("okx", text))[-1].tick_size == Decimal("0.10000000000000001")
    assert records(parse("okx", json.dumps(payload(row(tickSz="#"))).replace('"#"', "1e-8")))[-1].tick_size == Decimal(
        "0.00000001"
    )


@pytest.mark.parametrize(
    ("kind", "changes", "code"),
    [
        ("SPOT", {"instType": "SPREAD"}, "unknown_type"),
        ("SPOT", {"instType": ...}, "unknown_type"),
        ("SPOT", {"instType": 5}, "invalid_text"),
        ("SPOT", {"instId": ""}, "missing_symbol"),
        ("SPOT", {"instId": 5}, "invalid_text"),
        ("SPOT", {"instId": "x" * 256}, "invalid_text"),
        ("SPOT", {"instId": "a\x00b"}, "invalid_text"),
        ("SPOT", {"baseCcy": ""}, "missing_asset"),
        ("MARGIN", {"quoteCcy": None}, "missing_asset"),
        ("SPOT", {"state": "test"}, "test_instrument"),
        ("SWAP", {"instFamily": "TEST-USDT"}, "test_instrument"),
        ("SPOT", {"tickSz": "-1"}, "invalid_amount"),
        ("SPOT", {"tickSz": "$159.00"}, "invalid_amount"),
        ("SPOT", {"tickSz": "1.727%"}, "invalid_amount"),
        ("SPOT", {"tickSz": "NaN"}, "invalid_amount"),
        ("SPOT", {"lotSz": "1" * 19}, "invalid_amount"),
        ("SPOT", {"minSz": True}, "invalid_amount"),
        ("SPOT", {"minSz": []}, "invalid_amount"),
        ("SWAP", {"ctType": "quanto"}, "unknown_contract_type"),
        ("SWAP", {"uly": "BTC"}, "invalid_underlying"),
        ("SWAP", {"uly": "-USD"}, "invalid_underlying"),
        ("SWAP", {"uly": "BTC-_UM"}, "invalid_underlying"),
        ("SWAP", {"uly": "BTC-USD-X"}, "invalid_underlying"),
        ("SWAP", {"listTime": "soon"}, "invalid_time"),
        ("SWAP", {"listTime": "-5"}, "invalid_time"),
        ("SWAP", {"listTime": "4133404800000"}, "invalid_time"),
        ("SWAP", {"ctVal": "0.111111111111111111", "ctMult": "0.111111111111111111"}, "invalid_amount"),
        ("FUTURES", {"expTime": ""}, "missing_expiry"),
        ("FUTURES", {"expTime": "4133404800000"}, "missing_expiry"),
        ("FUTURES", {"expTime": True}, "invalid_time"),
        ("FUTURES", {"listTime": str(int(EXPIRY) + DAY)}, "invalid_record"),
        ("OPTION", {"expTime": "0"}, "missing_expiry"),
        ("OPTION", {"optType": ""}, "invalid_option"),
        ("OPTION", {"optType": "X"}, "invalid_option"),
        ("OPTION", {"stk": ""}, "invalid_option"),
        ("OPTION", {"stk": "0"}, "invalid_option"),
    ],
)
def test_a_bad_row_stops_nothing(kind: str, changes: dict[str, Any], code: str) -> None:
    results = parse("okx", payload(row(instId="A-B"), row(kind, **changes), row(instId="C-D")))
    found = reject(results)
    assert (found.code, found.place) == (code, "/data/1")
    assert found.record == ("" if "instType" in changes else okx._RECORDS[kind])
    assert tally(results) == {"asset": 2, "pair": 2, code: 1}


def test_rows_that_are_no_objects() -> None:
    results = parse("okx", payload("x", None, [], row()))
    assert [(r.code, r.record) for r in results if isinstance(r, Reject)] == [("not_an_object", "")] * 3


def test_the_feed_is_what_all_rows_are() -> None:
    swaps = [row("SWAP"), row("SWAP", instFamily="ETH-USDT")]
    assert IMPORTER.heading(stream(payload(row()))).feed == "spot"
    assert IMPORTER.heading(stream(payload(*swaps))).feed == "swap"
    assert IMPORTER.heading(stream(payload(row("OPTION"), row("OPTION")))).feed == "option BTC-USD"
    assert IMPORTER.heading(stream(payload(row("OPTION"), row("OPTION", instFamily="ETH-USD")))).feed == "option"
    assert IMPORTER.heading(stream(payload(row(), *swaps))).feed == ""
    assert IMPORTER.heading(stream(payload(row("x" * 300)))).feed == ""
    assert IMPORTER.heading(stream(payload())).observed_at is None


def test_an_error_is_no_empty_list() -> None:
    documents: list[dict[str, Any]] = [
        payload(code="51000", msg="no"),
        payload(code="\ud800"),
        {"code": "50011"},
        {"data": {}},
        {},
    ]
    for text in documents:
        with pytest.raises(PayloadError) as caught:
            parse("okx", text)
        assert str(caught.value).isprintable()
    assert parse("okx", payload()) == []


def test_a_truncated_payload_gives_what_is_whole() -> None:
    text = json.dumps(payload(row(), row("SWAP"), row("OPTION")))
    results, error = until_broken(IMPORTER, text[: text.index("BTC-USD-260327")].encode())
    assert tally(results) == {"asset": 2, "pair": 1, "future": 1}
    assert error is not None
