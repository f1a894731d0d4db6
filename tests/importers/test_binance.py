from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import Asset, Id, Pair
from catalog.errors import PayloadError
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.binance import BinanceImporter
from tests.importers.support import parse, read, records, reject, stream, tally, until_broken

NOW = 1_600_000_000_000
FILTERS: list[dict[str, Any]] = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": "0.01000000"},
    {"filterType": "LOT_SIZE", "minQty": "0.00000100", "maxQty": "9000.00000000", "stepSize": "0.00000100"},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "100.00000000", "stepSize": "0.00000000"},
    {"filterType": "MIN_NOTIONAL", "minNotional": "10.00000000", "applyToMarket": True},
]


def row(base: str = "BTC", quote: str = "USDT", **changes: Any) -> dict[str, Any]:
    pair = {"symbol": base + quote, "status": "TRADING", "baseAsset": base, "baseAssetPrecision": 8}
    pair |= {"quoteAsset": quote, "quoteAssetPrecision": 8, "filters": FILTERS} | changes
    return {k: v for k, v in pair.items() if v is not ...}


def payload(*rows: Any, **changes: Any) -> dict[str, Any]:
    return {"timezone": "UTC", "serverTime": NOW, "symbols": list(rows)} | changes


def pair(**changes: Any) -> Pair:
    found = records(parse("binance", payload(row(**changes))))[-1]
    assert isinstance(found, Pair)
    return found


def limits(*filters: dict[str, Any]) -> dict[str, Any]:
    known = pair(filters=list(filters)).known()
    return {k: v for k, v in known.items() if k.startswith(("tick", "lot", "min", "max"))}


def test_assets_come_once_and_before_the_pairs() -> None:
    results = parse("binance", payload(row("BTC", "USDT"), row("ETH", "USDT"), row("ETH", "BTC")))
    assert [r.symbol for r in records(results)] == [
        "BTC",
        "USDT",
        "ETH",
        "BTCUSDT",
        "ETHUSDT",
        "ETHBTC",
    ]
    assert [r.place for r in results] == [
        "/symbols/0/baseAsset",
        "/symbols/0/quoteAsset",
        "/symbols/1/baseAsset",
        "/symbols/0",
        "/symbols/1",
        "/symbols/2",
    ]
    assert results[0] == Parsed(Asset(exchange="binance", symbol="BTC", decimals=8), "/symbols/0/baseAsset")


def test_a_pair_with_all_its_limits() -> None:
    assert pair().known() == {
        "record": "pair",
        "exchange": "binance",
        "market_kind": "spot",
        "symbol": "BTCUSDT",
        "base_id": Asset(exchange="binance", symbol="BTC").id,
        "quote_id": Asset(exchange="binance", symbol="USDT").id,
        "tick_size": "0.01",
        "lot_size": "0.000001",
        "min_quantity": "0.000001",
        "max_quantity": "9000",
        "min_price": "0.01",
        "max_price": "1000000",
        "min_notional": "10",
        "status": "active",
        "venue_status": "TRADING",
    }


@pytest.mark.parametrize(
    "word", ["BREAK", "HALT", "END_OF_DAY", "PRE_TRADING", "POST_TRADING", "AUCTION_MATCH", "NEW_WORD"]
)
def test_whatever_does_not_trade_is_suspended(word: str) -> None:
    assert (pair(status=word).status, pair(status=word).venue_status) == ("suspended", word)


def test_no_status_says_nothing() -> None:
    for value in (..., None, ""):
        assert not {"status", "venue_status"} & pair(status=value).model_fields_set


def test_zero_switches_steps_and_maxima_off() -> None:
    assert limits(
        {"filterType": "PRICE_FILTER", "minPrice": "0.00000000", "maxPrice": "0.00000000", "tickSize": "0.00000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00", "maxQty": "0.00", "stepSize": "0"},
        {"filterType": "MIN_NOTIONAL", "minNotional": "0"},
    ) == {"min_price": "0", "min_quantity": "0", "min_notional": "0"}


def test_the_notional_of_either_filter() -> None:
    assert limits({"filterType": "NOTIONAL", "minNotional": "5", "maxNotional": "9"}) == {"min_notional": "5"}
    both = ({"filterType": "NOTIONAL", "minNotional": "5"}, {"filterType": "MIN_NOTIONAL", "minNotional": "7"})
    assert limits(*both) == limits(*reversed(both)) == {"min_notional": "7"}


def test_no_filters_are_no_limits() -> None:
    assert limits() == {}
    assert (
        limits({"filterType": "PRICE_FILTER", "tickSize": None, "minPrice": ""}, {"limit": 5}, {"filterType": 7}) == {}
    )
    assert pair(filters=...).tick_size is None


def test_precisions_that_agree_are_the_asset_s_decimals() -> None:
    same = parse("binance", payload(row("BTC", "EUR", quoteAssetPrecision=2), row("ETH", "EUR", quoteAssetPrecision=2)))
    assert {r.symbol: r.decimals for r in records(same) if isinstance(r, Asset)} == {"BTC": 8, "EUR": 2, "ETH": 8}
    for other in (3, None, "2", True, -1, 256):
        unlike = parse(
            "binance", payload(row("BTC", "EUR", quoteAssetPrecision=2), row("ETH", "EUR", quoteAssetPrecision=other))
        )
        assert next(r for r in records(unlike) if r.symbol == "EUR").decimals is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": ...}, "missing_symbol"),
        ({"symbol": " "}, "missing_symbol"),
        ({"symbol": "A\x00"}, "invalid_symbol"),
        ({"symbol": 5}, "invalid_symbol"),
        ({"symbol": "x" * 256}, "invalid_symbol"),
        ({"baseAsset": ""}, "missing_symbol"),
        ({"baseAsset": "\x1b"}, "invalid_base_asset"),
        ({"baseAsset": 5}, "invalid_base_asset"),
        ({"quoteAsset": None}, "missing_symbol"),
        ({"quoteAsset": "\ud800"}, "invalid_quote_asset"),
        ({"status": 5}, "invalid_status"),
        ({"status": "\x00"}, "invalid_status"),
        ({"filters": "x"}, "not_an_object"),
        ({"filters": ["x"]}, "not_an_object"),
        ({"filters": [*FILTERS, FILTERS[0] | {"tickSize": "5"}]}, "duplicate_filter"),
        ({"filters": [FILTERS[0] | {"tickSize": "-1"}]}, "invalid_filter"),
        ({"filters": [FILTERS[0] | {"tickSize": "NaN"}]}, "invalid_filter"),
        ({"filters": [FILTERS[0] | {"tickSize": "1e400"}]}, "invalid_filter"),
        ({"filters": [FILTERS[0] | {"tickSize": "0." + "1" * 300}]}, "invalid_filter"),
        ({"filters": [FILTERS[0] | {"tickSize": "x"}]}, "invalid_filter"),
        ({"filters": [FILTERS[0] | {"tickSize": ["1"]}]}, "invalid_filter"),
        ({"filters": [FILTERS[0] | {"tickSize": True}]}, "invalid_filter"),
    ],
)
def test_a_bad_pair_stops_nothing(changes: dict[str, Any], code: str) -> None:
    results = parse("binance", payload(row("ETH", "BTC"), row(**changes), row("BNB", "BTC")))
    found = reject(results)
    assert (found.code, found.place, found.record) == (code, "/symbols/1", "pair")
    assert [r.record.symbol for r in results if isinstance(r, Parsed) and isinstance(r.record, Pair)] == [
        "ETHBTC",
        "BNBBTC",
    ]


def test_a_filter_given_twice_the_same_is_one() -> None:
    assert pair(filters=FILTERS + FILTERS).tick_size == Decimal("0.01")


def test_numbers_that_are_json_numbers_are_exact_too() -> None:
    text = json.dumps(payload(row(filters=[{"filterType": "PRICE_FILTER", "tickSize": "#"}]))).replace('"#"', "0.10")
    assert records(parse("binance", text))[-1].tick_size == Decimal("0.1")


LUNA = (row("LUNA", "USDT"), row("BTC", "USDT"), row("BTC", "LUNA"))


@pytest.mark.parametrize(
    ("time", "generation"), [(datetime(2022, 5, 27, tzinfo=UTC), None), (datetime(2022, 5, 29, tzinfo=UTC), "2")]
)
def test_a_reused_code_takes_its_pairs_with_it(time: datetime, generation: str | None) -> None:
    for results in (
        parse("binance", payload(*LUNA), time),
        parse("binance", payload(*LUNA, serverTime=int(time.timestamp() * 1000))),
    ):
        found = {r.symbol: r for r in records(results)}
        assert {s: r.generation for s, r in found.items() if r.generation} == (
            {"LUNA": "2", "LUNAUSDT": "2", "BTCLUNA": "2"} if generation else {}
        )
        assert found["LUNAUSDT"].base_id == found["BTCLUNA"].quote_id == found["LUNA"].id


def test_a_reused_code_without_a_moment_is_refused_with_its_pairs() -> None:
    document = payload(*LUNA)
    del document["serverTime"]
    results = parse("binance", document)
    assert tally(results) == {"asset": 2, "pair": 1, "ambiguous_generation": 3}
    assert [(r.place, r.record) for r in results if isinstance(r, Reject)] == [
        ("/symbols/0/baseAsset", "asset"),
        ("/symbols/0", "pair"),
        ("/symbols/2", "pair"),
    ]


def test_the_heading() -> None:
    importer = BinanceImporter()
    expected = Heading("spot", datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC))
    assert importer.heading(stream(payload(row()))) == expected
    assert importer.heading(stream({"symbols": [row()], "serverTime": NOW})) == expected
    for time in (None, "x", 0, -1, 10**18, True, 1.5):
        assert importer.heading(stream(payload(serverTime=time))).observed_at in (
            None,
            datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC),
        )
    assert importer.heading(stream('{"symbols": [1, oops')) == Heading("spot")
    with pytest.raises(PayloadError):
        importer.heading(stream('{"timezone": oops'))


def test_a_truncated_payload_gives_what_is_whole() -> None:
    text = json.dumps(payload(row("ETH", "BTC"), row("BNB", "BTC"), row("XRP", "USDT")))
    results, error = until_broken(BinanceImporter(), text[: text.index("XRPUSDT")].encode())
    assert tally(results) == {"asset": 3, "pair": 2}
    assert error is not None
    assert error.place == f"line 1, column {text.index('XRPUSDT') + 1}"


def test_what_is_no_exchange_info() -> None:
    documents: tuple[Any, ...] = ({"symbols": {}}, {}, [row()])
    for document in documents:
        with pytest.raises(PayloadError):
            parse("binance", document)
    assert parse("binance", payload()) == []


def test_spot_is_told_from_derivatives() -> None:
    importer = BinanceImporter()
    assert importer.can_parse(json.dumps(payload(row())).encode())
    assert not importer.can_parse(json.dumps(payload(row(contractType="PERPETUAL"))).encode())
    assert not importer.can_parse(json.dumps({"futuresType": "U_MARGINED"} | payload(row())).encode())
    assert not importer.can_parse(json.dumps([row()]).encode())


def test_the_real_payload(real_data: Path) -> None:
    raw = read(real_data / "binance" / "spot_exchangeInfo_2021-08-26.json.xz")
    symbols = {s["symbol"]: s for s in json.loads(raw, parse_float=Decimal)["symbols"]}
    results = parse("binance", raw)
    assert tally(results) == {"pair": 1608, "asset": 445}
    assets = {r.record.id: r.record for r in results if isinstance(r, Parsed) and isinstance(r.record, Asset)}
    assert {a.symbol for a in assets.values()} == {
        s[side] for s in symbols.values() for side in ("baseAsset", "quoteAsset")
    }
    pairs = [r.record for r in results if isinstance(r, Parsed) and isinstance(r.record, Pair)]
    for found in pairs:
        theirs = symbols.pop(found.symbol)
        filters = {f["filterType"]: f for f in theirs["filters"]}
        base, quote = assets[Id(found.base_id)], assets[Id(found.quote_id)]
        assert (base.symbol, base.decimals) == (theirs["baseAsset"], theirs["baseAssetPrecision"])
        assert (quote.symbol, quote.decimals) == (theirs["quoteAsset"], theirs["quoteAssetPrecision"])
        assert found.venue_status == theirs["status"]
        assert (found.status == "active") == (theirs["status"] == "TRADING")
        price, lot = filters["PRICE_FILTER"], filters["LOT_SIZE"]
        assert [
            (found.tick_size, found.min_price, found.max_price),
            (found.lot_size, found.min_quantity, found.max_quantity),
            (found.min_notional,),
        ] == [
            tuple(Decimal(price[k]) for k in ("tickSize", "minPrice", "maxPrice")),
            tuple(Decimal(lot[k]) for k in ("stepSize", "minQty", "maxQty")),
            (Decimal(filters["MIN_NOTIONAL"]["minNotional"]),),
        ]
    assert not symbols
    assert sum(p.status == "suspended" for p in pairs) == 401


def test_the_futures_market_is_not_spot() -> None:
    with pytest.raises(PayloadError, match="futures market") as caught:
        BinanceImporter().heading(stream({"futuresType": "U_MARGINED", "serverTime": NOW, "symbols": [row()]}))
    assert caught.value.hint == "it is for `binance-futures`"
    results = parse("binance", {"symbols": [row(contractType="PERPETUAL"), row("ETH")], "serverTime": NOW})
    assert reject(results).code == "not_spot"
    assert tally(results) == {"asset": 2, "pair": 1, "not_spot": 1}
