from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from catalog.domain import Asset, Future, Option, Pair
from catalog.errors import PayloadError
from catalog.importers import deribit
from catalog.importers.base import Heading, Reject
from catalog.importers.deribit import IMPORTER
from tests.importers.support import parse, records, reject, stream, tally, until_broken
from tests.importers.test_documentation import DOCS, table

NEVER = 32_503_708_800_000
#: 2025-06-27T08:00:00Z
EXPIRY = 1_751_011_200_000
USDC = {"quote_currency": "USDC", "counter_currency": "USDC", "settlement_currency": "USDC"}


def row(kind: str = "future", /, **changes: Any) -> dict[str, Any]:
    """A row of a kind; `...` takes a field away."""
    found: dict[str, Any] = {
        "kind": kind,
        "instrument_name": "BTC-PERPETUAL",
        "base_currency": "BTC",
        "quote_currency": "USD",
        "counter_currency": "USD",
        "settlement_currency": "BTC",
        "settlement_period": "perpetual",
        "instrument_type": "reversed",
        "tick_size": 0.5,
        "contract_size": 10.0,
        "min_trade_amount": 20.0,
        "maker_commission": -0.0001,
        "taker_commission": 0.0005,
        "expiration_timestamp": NEVER,
        "creation_timestamp": 1_534_242_287_000,
        "is_active": True,
        "state": "open",
    }
    if kind == "option":
        found |= {"instrument_name": "BTC-27JUN25-100000-C", "quote_currency": "BTC", "settlement_period": "month"}
        found |= {"strike": 100000.0, "option_type": "call", "contract_size": 1.0, "min_trade_amount": 0.1}
        found |= {"expiration_timestamp": EXPIRY, "tick_size": 0.0005}
    if kind == "spot":
        found |= {"instrument_name": "BTC_USDC", "contract_size": 0.0001, "min_trade_amount": 0.0001, **USDC}
        for name in ("settlement_currency", "settlement_period", "instrument_type"):
            del found[name]
    return {k: v for k, v in (found | changes).items() if v is not ...}


def payload(*rows: Any, **changes: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "result": list(rows),
        "usIn": 1,
        "usOut": 1_700_000_000_000_123,
        "testnet": False,
    } | changes


def one(kind: str = "future", /, **changes: Any) -> Any:
    return records(parse("deribit", payload(row(kind, **changes))))[-1]


def asset_id(code: str) -> str:
    return str(Asset(exchange="deribit", symbol=code).id)


def test_a_perpetual() -> None:
    found = one()
    assert isinstance(found, Future)
    assert found.known() == {
        "record": "future",
        "exchange": "deribit",
        "symbol": "BTC-PERPETUAL",
        "underlying_id": asset_id("BTC"),
        "quote_id": asset_id("USD"),
        "settlement_id": asset_id("BTC"),
        "margin_id": asset_id("BTC"),
        "contract_multiplier": "10",
        "is_inverse": True,
        "tick_size": "0.5",
        "lot_size": "2",
        "min_quantity": "2",
        "maker_fee_bps": "-1",
        "taker_fee_bps": "5",
        "first_trading_date": "2018-08-14",
        "status": "active",
        "venue_status": "open",
    }


def test_a_linear_perpetual_counts_contracts_too() -> None:
    found = one(instrument_type="linear", contract_size=0.0001, min_trade_amount=0.01, **USDC)
    assert (found.is_inverse, found.min_quantity, found.contract_multiplier) == (False, 100, Decimal("0.0001"))
    assert found.settlement_id == found.quote_id == asset_id("USDC")


def test_older_answers_call_it_future_type() -> None:
    assert one(instrument_type=..., future_type="linear").is_inverse is False
    assert one(instrument_type=...).is_inverse is None


def test_a_dated_future() -> None:
    found = one(settlement_period="month", expiration_timestamp=EXPIRY, instrument_name="BTC-27JUN25")
    assert (found.last_trading_date, found.expires_at) == (date(2025, 6, 27), datetime(2025, 6, 27, 8, tzinfo=UTC))


def test_the_option_of_the_vectors() -> None:
    found = one("option")
    assert isinstance(found, Option)
    assert found.id == "84cfa33c03afcb60caa792260a902d0b"
    assert (found.option_kind, found.strike_price, found.exercise_style) == ("call", Decimal(100000), "european")
    assert found.quote_id == found.settlement_id == found.underlying_id == asset_id("BTC")
    assert (found.lot_size, found.min_quantity, found.contract_multiplier) == (
        Decimal("0.1"),
        Decimal("0.1"),
        Decimal(1),
    )


def test_spot_is_a_pair() -> None:
    found = one("spot")
    assert isinstance(found, Pair)
    assert (found.base_id, found.quote_id) == (asset_id("BTC"), asset_id("USDC"))
    assert (found.min_quantity, found.lot_size, found.delist_at) == (Decimal("0.0001"), Decimal("0.0001"), None)


def test_a_perpetual_that_leaves_has_the_time() -> None:
    assert one(expiration_timestamp=EXPIRY).delist_at == datetime(2025, 6, 27, 8, tzinfo=UTC)
    assert one(expiration_timestamp=EXPIRY).id == one().id
    for never in (NEVER, 4133404800000, 2**63 - 1, None, ...):
        assert one(expiration_timestamp=never).delist_at is None


def test_states() -> None:
    page = table((DOCS / "sources" / "deribit.md").read_text(), "status word")
    for word in (*page, "new_word"):
        found = one(state=word)
        assert (found.status, found.venue_status) == (page.get(word, page["any other"]), word)
    assert {w: s for w, s in page.items() if s != "suspended"} == deribit.STATUSES
    assert one(is_active=False).status == "suspended"
    assert one(is_active=False, state="delivered").status == "retired"
    for is_active, status in ((True, "active"), (False, "suspended")):
        assert one(state=..., is_active=is_active).status == status
        assert "venue_status" not in one(state=..., is_active=is_active).model_fields_set
    assert "status" not in one(state=..., is_active=...).model_fields_set


def test_floats_are_exact() -> None:
    text = json.dumps(payload(row(tick_size="#"))).replace('"#"', "1e-06")
    assert records(parse("deribit", text))[-1].tick_size == Decimal("0.000001")
    text = json.dumps(payload(row(contract_size="#"))).replace('"#"', "10.0000000000000000")
    assert records(parse("deribit", text))[-1].contract_multiplier == 10


@pytest.mark.parametrize("kind", sorted(deribit.COMBINATIONS))
def test_combinations_are_no_instruments(kind: str) -> None:
    results = parse("deribit", payload(row(kind, instrument_name="BTC-FS-27JUN25_PERP"), row()))
    found = reject(results)
    assert (found.code, found.place, found.record) == ("combination", "/result/0", "")


@pytest.mark.parametrize(
    ("kind", "changes", "code"),
    [
        ("future", {"instrument_name": ""}, "missing_symbol"),
        ("future", {"kind": "swaption"}, "unknown_type"),
        ("future", {"kind": ...}, "unknown_type"),
        ("future", {"base_currency": None}, "missing_asset"),
        ("future", {"instrument_type": "quanto"}, "unknown_contract_type"),
        ("future", {"settlement_period": "month"}, "missing_expiry"),
        ("future", {"min_trade_amount": 1, "contract_size": 3}, "invalid_amount"),
        ("future", {"min_trade_amount": -1}, "invalid_amount"),
        ("future", {"taker_commission": "0.05%"}, "invalid_amount"),
        ("future", {"creation_timestamp": 1.5}, "invalid_time"),
        ("future", {"is_active": "yes"}, "invalid_activity"),
        ("option", {"strike": None}, "invalid_option"),
        ("option", {"option_type": 5}, "invalid_text"),
        ("option", {"creation_timestamp": EXPIRY + 10**9}, "invalid_record"),
        ("spot", {"quote_currency": "\x00"}, "invalid_text"),
    ],
)
def test_a_bad_row_stops_nothing(kind: str, changes: dict[str, Any], code: str) -> None:
    results = parse("deribit", payload(row(), row(kind, **changes), row("spot")))
    found = reject(results)
    assert (found.code, found.place) == (code, "/result/1")
    assert found.record == ("" if "kind" in changes else deribit._RECORDS[kind])
    assert [r.code for r in results if isinstance(r, Reject)] == [code]
    assert tally(results) == {"asset": 3, "future": 1, "pair": 1, code: 1}


def test_the_heading() -> None:
    moment = datetime(2023, 11, 14, 22, 13, 20, 123, tzinfo=UTC)
    assert IMPORTER.heading(stream(payload(row()))) == Heading("future BTC", moment)
    assert IMPORTER.heading(stream(payload(row(), row("option")))) == Heading("BTC", moment)
    assert IMPORTER.heading(stream(payload(row("spot")))) == Heading("spot", moment)
    assert IMPORTER.heading(stream(payload(row(), row(settlement_currency="ETH"), row("spot")))) == Heading("", moment)
    for time in (None, "x", 0, -1, 10**18, 1.5):
        assert IMPORTER.heading(stream(payload(usOut=time))).observed_at is None


def test_the_test_network_and_errors_are_refused() -> None:
    for document in (payload(row(), testnet=True), {"jsonrpc": "2.0", "error": {"code": 1}}, {}):
        with pytest.raises(PayloadError):
            parse("deribit", document)


def test_a_truncated_payload_gives_what_is_whole() -> None:
    text = json.dumps(payload(row(), row("option"), row("spot")))
    results, error = until_broken(IMPORTER, text[: text.index("BTC_USDC")].encode())
    assert tally(results) == {"asset": 2, "future": 1, "option": 1}
    assert error is not None
