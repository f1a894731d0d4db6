from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import Asset, Future, Id
from catalog.errors import PayloadError
from catalog.importers import binance_futures, binance_rows
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.binance_futures import BinanceFuturesImporter
from tests.importers.support import parse, read, records, reject, stream, tally, until_broken
from tests.importers.test_binance import row as spot_row
from tests.importers.test_documentation import DOCS, table

NOW = 1_600_000_000_000
NEVER = 4133404800000
EXPIRY = 1_608_883_200_000  # 2020-12-25T08:00:00Z
SOURCE = "binance-futures"
FILTERS: list[dict[str, Any]] = [
    {"filterType": "PRICE_FILTER", "minPrice": "556.72", "maxPrice": "1000000", "tickSize": "0.10"},
    {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.002", "maxQty": "30", "stepSize": "0.002"},
    {"filterType": "MIN_NOTIONAL", "notional": "5"},
]


def row(base: str = "BTC", quote: str = "USDT", **changes: Any) -> dict[str, Any]:
    contract = {"symbol": base + quote, "pair": base + quote, "contractType": "PERPETUAL", "deliveryDate": NEVER}
    contract |= {"onboardDate": 1_569_398_400_000, "status": "TRADING", "baseAsset": base, "quoteAsset": quote}
    contract |= {"marginAsset": quote, "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN"}
    return {k: v for k, v in (contract | {"filters": FILTERS} | changes).items() if v is not ...}


def coin_row(base: str = "BTC", **changes: Any) -> dict[str, Any]:
    own = {"symbol": f"{base}USD_PERP", "status": ..., "contractStatus": "TRADING", "contractSize": 100}
    own |= {"marginAsset": base, "equalQtyPrecision": 4, "filters": FILTERS[:3]}
    return row(base, "USD", **(own | changes))


def payload(*rows: Any, **changes: Any) -> dict[str, Any]:
    document = {"timezone": "UTC", "serverTime": NOW, "futuresType": "U_MARGINED", "symbols": list(rows)} | changes
    return {k: v for k, v in document.items() if v is not ...}


def coin_payload(*rows: Any) -> dict[str, Any]:
    return payload(*rows, futuresType=...)


def future(**changes: Any) -> Future:
    found = records(parse(SOURCE, payload(row(**changes))))[-1]
    assert isinstance(found, Future)
    return found


def asset(code: str, exchange: str = "binance") -> Id:
    return Asset(exchange=exchange, symbol=code).id


def test_assets_come_once_and_before_the_contracts() -> None:
    results = parse(SOURCE, payload(row("BTC", "USDT"), row("ETH", "USDT"), row("ETH", "BTC", marginAsset="BNB")))
    assert [(r.symbol, p.place) for p in results for r in records([p])] == [
        ("BTC", "/symbols/0/baseAsset"),
        ("USDT", "/symbols/0/quoteAsset"),
        ("ETH", "/symbols/1/baseAsset"),
        ("BNB", "/symbols/2/marginAsset"),
        ("BTCUSDT", "/symbols/0"),
        ("ETHUSDT", "/symbols/1"),
        ("ETHBTC", "/symbols/2"),
    ]


def test_the_assets_are_those_of_the_spot_market() -> None:
    spot = records(parse("binance", payload(spot_row(), futuresType=...)))
    derivatives = records(parse(SOURCE, payload(row())))
    assert spot[:2] == derivatives[:2]


def test_a_perpetual_with_all_its_fields() -> None:
    assert future().known() == {
        "record": "future",
        "exchange": "binance",
        "segment": "usdm",
        "symbol": "BTCUSDT",
        "product": "BTCUSDT",
        "underlying_id": asset("BTC"),
        "quote_id": asset("USDT"),
        "margin_id": asset("USDT"),
        "settlement_id": asset("USDT"),
        "is_inverse": False,
        "contract_multiplier": "1",
        "tick_size": "0.1",
        "lot_size": "0.001",
        "min_quantity": "0.001",
        "max_quantity": "1000",
        "min_price": "556.72",
        "max_price": "1000000",
        "min_notional": "5",
        "first_trading_date": "2019-09-25",
        "status": "active",
        "venue_status": "TRADING",
    }
    assert future().is_perpetual


def test_a_dated_contract_ends_at_its_delivery() -> None:
    for kind in ("CURRENT_QUARTER", "NEXT_QUARTER", "CURRENT_MONTH", "CURRENT_QUARTER DELIVERING"):
        found = future(symbol="BTCUSDT_201225", contractType=kind, deliveryDate=EXPIRY)
        assert (found.last_trading_date, found.delist_at) == (date(2020, 12, 25), None)
        assert found.expires_at == datetime(2020, 12, 25, 8, tzinfo=UTC)
        assert found.identity == ("future", "binance", "usdm", "BTCUSDT_201225", "2020-12-25", "")


@pytest.mark.parametrize(
    "never", [NEVER, 4133404802000, 4070908800000, 2**31 - 1, 2**63 - 1, str(NEVER), 0, "0", "", " ", None, ...]
)
def test_never_is_no_date(never: Any) -> None:
    for kind in ("PERPETUAL", "TRADIFI_PERPETUAL"):
        found = future(contractType=kind, deliveryDate=never)
        assert found.is_perpetual
        assert not {"delist_at", "expires_at", "last_trading_date"} & found.model_fields_set
    assert "first_trading_date" not in future(onboardDate=never).model_fields_set
    refused = reject(parse(SOURCE, payload(row(contractType="NEXT_QUARTER", deliveryDate=never))))
    assert refused.code == "missing_delivery_date"


def test_a_perpetual_to_be_delisted_has_the_time_of_it() -> None:
    for value in (EXPIRY, str(EXPIRY)):
        found = future(contractType="PERPETUAL_DELIVERING", deliveryDate=value)
        assert (found.is_perpetual, found.expires_at) == (True, None)
        assert found.delist_at == datetime(2020, 12, 25, 8, tzinfo=UTC)
        assert found.id == future().id
    assert future(deliveryDate=4070908799999).delist_at == datetime(2098, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)


@pytest.mark.parametrize("word", ["SETTLING", "PENDING_TRADING", "PRE_SETTLE", "CLOSE", "DELIVERING", "NEW_WORD"])
def test_whatever_does_not_trade_is_suspended(word: str) -> None:
    assert (future(status=word).status, future(status=word).venue_status) == ("suspended", word)


def test_no_status_says_nothing() -> None:
    for value in (..., None, ""):
        assert not {"status", "venue_status"} & future(status=value).model_fields_set


def test_what_is_on_no_asset_has_no_underlying() -> None:
    for kind in ("INDEX", "EQUITY", "COMMODITY", "PREMARKET", "NEW_KIND"):
        results = parse(SOURCE, payload(row("TSLA", underlyingType=kind)))
        assert [r.symbol for r in records(results)] == ["USDT", "TSLAUSDT"]
        assert records(results)[-1].underlying_id is None
    for coin in ("COIN", "", None, ...):
        assert future(underlyingType=coin).underlying_id == asset("BTC")
    assert future(contractType="TRADIFI_PERPETUAL", underlyingType=...).underlying_id is None


def test_a_contract_margined_in_a_third_asset_is_not_inverse() -> None:
    assert future(marginAsset="BNB").is_inverse is False
    assert future(marginAsset="BTC").is_inverse is True


def test_the_margin_may_be_unknown() -> None:
    assert not {"margin_id", "settlement_id", "is_inverse"} & future(marginAsset="").model_fields_set


def test_coin_margined_contracts() -> None:
    dated = coin_row(
        symbol="BTCUSD_201225", contractType="CURRENT_QUARTER", deliveryDate=EXPIRY, contractStatus="CLOSE"
    )
    results = parse(SOURCE, coin_payload(coin_row(), dated, coin_row("LTC", contractSize="10")))
    assert [r.symbol for r in records(results)[:3]] == ["BTC", "USD", "LTC"]
    perpetual, quarter, litecoin = records(results)[3:]
    assert perpetual.known() == {
        "record": "future",
        "exchange": "binance",
        "segment": "coinm",
        "symbol": "BTCUSD_PERP",
        "product": "BTCUSD",
        "underlying_id": asset("BTC"),
        "quote_id": asset("USD"),
        "margin_id": asset("BTC"),
        "settlement_id": asset("BTC"),
        "is_inverse": True,
        "contract_multiplier": "100",
        "tick_size": "0.1",
        "lot_size": "0.001",
        "min_quantity": "0.001",
        "max_quantity": "1000",
        "min_price": "556.72",
        "max_price": "1000000",
        "first_trading_date": "2019-09-25",
        "status": "active",
        "venue_status": "TRADING",
    }
    assert (quarter.status, quarter.venue_status, quarter.segment) == ("suspended", "CLOSE", "coinm")
    assert quarter.last_trading_date == date(2020, 12, 25)
    assert litecoin.contract_multiplier == 10


def test_the_segment_is_that_of_the_payload() -> None:
    importer = BinanceFuturesImporter()
    time = datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)
    assert importer.heading(stream(payload(row()))) == Heading("usdm", time)
    assert importer.heading(stream(payload(row(), futuresType=...))) == Heading("usdm", time)
    assert importer.heading(stream(coin_payload(coin_row()))) == Heading("coinm", time)
    assert importer.heading(stream({"symbols": [coin_row()], "serverTime": NOW})) == Heading("coinm", time)
    assert importer.heading(stream(payload(row(), serverTime="x"))) == Heading("usdm")
    assert importer.heading(stream(payload(futuresType=...))) == Heading("", time)
    assert importer.heading(stream('{"symbols": [1, oops')) == Heading("")
    with pytest.raises(PayloadError):
        importer.heading(stream('{"timezone": oops'))


def test_a_contract_of_the_other_segment_is_refused() -> None:
    mixed = parse(SOURCE, payload(row(), coin_row()))
    assert [(r.code, r.place) for r in mixed if isinstance(r, Reject)] == [("unclear_segment", "/symbols/1")]
    mixed = parse(SOURCE, coin_payload(coin_row(), row()))
    assert [(r.code, r.place) for r in mixed if isinstance(r, Reject)] == [("missing_contract_size", "/symbols/1")]
    assert reject(parse(SOURCE, coin_payload(row(status=...)))).code == "unclear_segment"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": ...}, "missing_symbol"),
        ({"symbol": 5}, "invalid_symbol"),
        ({"symbol": "A\x00"}, "invalid_symbol"),
        ({"baseAsset": " "}, "missing_symbol"),
        ({"baseAsset": 5}, "invalid_base_asset"),
        ({"quoteAsset": None}, "missing_symbol"),
        ({"quoteAsset": "\ud800"}, "invalid_quote_asset"),
        ({"marginAsset": ["USDT"]}, "invalid_margin_asset"),
        ({"marginAsset": "x" * 256}, "invalid_margin_asset"),
        ({"pair": 5}, "invalid_pair"),
        ({"pair": "\x00"}, "invalid_pair"),
        ({"underlyingType": 5}, "invalid_underlying_type"),
        ({"status": 5}, "invalid_status"),
        ({"contractType": ""}, "unknown_contract_type"),
        ({"contractType": None}, "unknown_contract_type"),
        ({"contractType": ...}, "unknown_contract_type"),
        ({"contractType": 5}, "unknown_contract_type"),
        ({"contractType": "perpetual"}, "unknown_contract_type"),
        ({"contractType": "WEEKLY"}, "unknown_contract_type"),
        ({"contractType": "CURRENT_QUARTER"}, "missing_delivery_date"),
        ({"deliveryDate": "soon"}, "invalid_delivery_date"),
        ({"deliveryDate": True}, "invalid_delivery_date"),
        ({"deliveryDate": -1}, "invalid_delivery_date"),
        ({"deliveryDate": "1608883200000.5"}, "invalid_delivery_date"),
        ({"deliveryDate": [EXPIRY]}, "invalid_delivery_date"),
        ({"onboardDate": "soon"}, "invalid_onboard_date"),
        ({"onboardDate": EXPIRY + 1, "deliveryDate": EXPIRY}, "invalid_onboard_date"),
        ({"filters": "x"}, "not_an_object"),
        ({"filters": [*FILTERS, FILTERS[0] | {"tickSize": "5"}]}, "duplicate_filter"),
        ({"filters": [FILTERS[3] | {"notional": "-5"}]}, "invalid_filter"),
        ({"contractSize": 100}, "unclear_segment"),
    ],
)
def test_a_bad_contract_stops_nothing(changes: dict[str, Any], code: str) -> None:
    results = parse(SOURCE, payload(row("ETH"), row(**changes), row("BNB")))
    found = reject(results)
    assert (found.code, found.place, found.record) == (code, "/symbols/1", "future")
    assert [r.record.symbol for r in results if isinstance(r, Parsed) and isinstance(r.record, Future)] == [
        "ETHUSDT",
        "BNBUSDT",
    ]


@pytest.mark.parametrize(
    ("size", "code"),
    [
        (None, "missing_contract_size"),
        ("", "missing_contract_size"),
        (0, "invalid_contract_size"),
        ("-1", "invalid_contract_size"),
        ("x", "invalid_contract_size"),
    ],
)
def test_a_contract_without_a_size_is_refused(size: Any, code: str) -> None:
    assert reject(parse(SOURCE, coin_payload(coin_row(contractSize=size)))).code == code


@pytest.mark.parametrize(
    ("time", "generation"), [(datetime(2022, 5, 27, tzinfo=UTC), None), (datetime(2022, 5, 29, tzinfo=UTC), "2")]
)
def test_a_reused_code_takes_its_contracts_with_it(time: datetime, generation: str | None) -> None:
    document = payload(row("LUNA"), row("BTC"), row("BTC", symbol="B", marginAsset="LUNA"))
    for results in (
        parse(SOURCE, document, time),
        parse(SOURCE, document | {"serverTime": int(time.timestamp() * 1000)}),
    ):
        found = {r.symbol: r for r in records(results)}
        assert {s for s, r in found.items() if r.generation} == ({"LUNA", "LUNAUSDT", "B"} if generation else set())
        assert found["LUNAUSDT"].underlying_id == found["B"].margin_id == found["LUNA"].id
    del document["serverTime"]
    assert tally(parse(SOURCE, document)) == {"asset": 2, "future": 1, "ambiguous_generation": 3}


def test_a_truncated_payload_gives_what_is_whole() -> None:
    text = json.dumps(payload(row("ETH"), row("BNB"), row("XRP")))
    results, error = until_broken(BinanceFuturesImporter(), text[: text.index("XRPUSDT")].encode())
    assert tally(results) == {"asset": 3, "future": 2}
    assert error is not None
    assert error.place == f"line 1, column {text.index('XRPUSDT') + 1}"


def test_derivatives_are_told_from_spot() -> None:
    importer = BinanceFuturesImporter()
    for document in (payload(row()), coin_payload(coin_row())):
        assert importer.can_parse(json.dumps(document).encode())
    assert not importer.can_parse(json.dumps(payload(spot_row(), futuresType=...)).encode())
    assert not importer.can_parse(json.dumps([row()]).encode())


def test_the_page_says_what_the_tables_do() -> None:
    page = (DOCS / "sources" / "binance-futures.md").read_text()
    kinds = table(page, "contract type")
    assert {kind: expires == "no" for kind, expires in kinds.items()} == binance_futures.CONTRACT_TYPES
    words = table(page, "status word")
    assert {word for word, status in words.items() if status == "active"} == binance_rows.ACTIVE_STATUSES
    assert f"`{binance_futures.ASSET_TYPE}`" in page


def test_the_real_payload(real_data: Path) -> None:
    raw = read(real_data / "binance" / "usdm_futures_exchangeInfo_2021-07-22.json")
    symbols = {s["symbol"]: s for s in json.loads(raw, parse_float=Decimal)["symbols"]}
    results = parse(SOURCE, raw)
    assert tally(results) == {"future": 121, "asset": 118, "unknown_contract_type": 1}
    refused = reject(results)
    assert (refused.place, symbols.pop("BTCSTUSDT")["status"]) == ("/symbols/94", "PENDING_TRADING")
    assets = {r.record.id: r.record.symbol for r in results if isinstance(r, Parsed) and isinstance(r.record, Asset)}
    futures = [r.record for r in results if isinstance(r, Parsed) and isinstance(r.record, Future)]
    for found in futures:
        theirs = symbols.pop(found.symbol or "")
        filters = {f["filterType"]: f for f in theirs["filters"]}
        ids = (found.underlying_id, found.quote_id, found.margin_id, found.settlement_id)
        base = theirs["baseAsset"] if theirs["underlyingType"] == "COIN" else None
        assert [assets.get(Id(id)) if id else None for id in ids] == [
            base, theirs["quoteAsset"], theirs["marginAsset"], theirs["marginAsset"]
        ]  # fmt: skip
        price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
        assert (found.tick_size, found.min_price, found.max_price) == tuple(
            Decimal(price[k]) for k in ("tickSize", "minPrice", "maxPrice")
        )
        assert (found.lot_size, found.min_quantity, found.max_quantity) == tuple(
            Decimal(lot[k]) for k in ("stepSize", "minQty", "maxQty")
        )
        assert found.min_notional == Decimal(filters["MIN_NOTIONAL"]["notional"])
        assert (found.status, found.venue_status, found.product) == ("active", theirs["status"], theirs["pair"])
        end = None if theirs["deliveryDate"] == NEVER else datetime.fromtimestamp(theirs["deliveryDate"] // 1000, UTC)
        assert (found.expires_at, found.delist_at) == (end, None)
    assert not symbols
    assert sorted(f.symbol or "" for f in futures if not f.is_perpetual) == ["BTCUSDT_210924", "ETHUSDT_210924"]
    assert sorted(f.symbol or "" for f in futures if not f.underlying_id) == ["BTCDOMUSDT", "DEFIUSDT"]
