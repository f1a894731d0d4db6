from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import Asset, Future, Option, Pair, Venue
from catalog.domain.vocabulary import EXCHANGES
from catalog.errors import InvalidRecord, PayloadError
from catalog.importers import ccxt_offline
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.ccxt_markets import IMPORTER, SLUGS, CcxtMarkets
from catalog.importers.ccxt_offline import OPTIONS, REPLIES, OfflineExchange, exact_number
from catalog.importers.registry import IMPORTERS, named
from tests.importers.ccxt_infos import DIGITS, MARKETS
from tests.importers.support import PAYLOADS, read, records, reject, stream, tally, until_broken
from tests.importers.test_documentation import DOCS, table

ccxt: Any = import_module("ccxt")
Results = list[Parsed | Reject]
BULLISH: dict[str, Any] = json.loads(PAYLOADS["ccxt"])


def parse(id: str, dump: Any, observed_at: datetime | None = None) -> Results:
    return list(named(f"ccxt:{id}").parse(stream(dump), observed_at))


def unified(id: str, info: Any, symbol: str = "") -> list[dict[str, Any]]:
    """The markets that ccxt makes of `info` with its floats, as `fetch_markets` would."""
    exchange = getattr(ccxt, id)()
    for family in OfflineExchange(id).family:
        exchange.options |= OPTIONS.get(family, {})
    if id not in REPLIES:
        return list(exchange.parse_markets([info]))
    reply = REPLIES[id]
    if reply.types:
        kind = "swap" if "contractType" in info else "option" if "optionsType" in info else "spot"
        exchange.options["fetchMarkets"] = {"types": [reply.types(kind, info)]}
    setattr(exchange, reply.call, lambda *_: reply.answer(symbol, info))
    return list(exchange.fetch_markets())


def market(**changes: Any) -> dict[str, Any]:
    """A spot market of nobody in particular."""
    found: dict[str, Any] = {"id": "BTC-EUR", "type": "spot", "baseId": "BTC", "quoteId": "EUR", "active": True}
    found |= {"precision": {"amount": 1e-8, "price": 0.01}, "limits": {"amount": {"min": 0.5, "max": 10}}}
    return {k: v for k, v in (found | changes).items() if v is not ...}


def contract(kind: str = "swap", /, **changes: Any) -> dict[str, Any]:
    terms: dict[str, Any] = {"type": kind, "settleId": "EUR", "contractSize": 1, "linear": True, "inverse": False}
    if kind != "swap":
        terms["expiry"] = 1_774_598_400_000
    if kind == "option":
        terms |= {"strike": 0.25, "optionType": "call"}
    return market(**(terms | changes))


def one(id: str, dump: dict[str, Any]) -> Any:
    return records(parse(id, [dump]))[-1]


# --- telling the exchange


def test_the_exchange_has_to_be_told() -> None:
    for read_it in (lambda: IMPORTER.heading(stream({})), lambda: IMPORTER.parse(stream({}), None)):
        with pytest.raises(PayloadError, match="does not say its exchange") as caught:
            read_it()
        assert caught.value.hint == "name it: ccxt:kraken"
    for importer in (IMPORTER, named("ccxt:kraken")):
        assert importer.source == "ccxt"
        assert not importer.can_parse(PAYLOADS["ccxt"])


def test_an_exchange_that_ccxt_does_not_have() -> None:
    with pytest.raises(PayloadError, match=r"ccxt [\d.]+ has no exchange `krakken`") as caught:
        named("ccxt:krakken")
    assert "kraken" in (caught.value.hint or "")
    for nothing in ("", "Exchange", "base"):
        with pytest.raises(PayloadError):
            named(f"ccxt:{nothing}")


def test_without_ccxt_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ccxt", None)
    with pytest.raises(PayloadError, match="ccxt is not installed") as caught:
        named("ccxt:kraken")
    assert caught.value.hint == "run: pip install 'instrument-catalog[ccxt]'"


def test_ccxt_is_imported_by_nobody_else() -> None:
    code = "import sys, catalog.importers.registry; sys.exit('ccxt' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_feed_is_the_exchange() -> None:
    importer = named("ccxt:gate")
    for dump in ({}, {"A/B": market()}, [market()]):
        assert importer.heading(stream(dump)) == Heading("gate")
    with pytest.raises(PayloadError):
        importer.heading(stream("oops"))


# --- every exchange of ccxt


@pytest.mark.parametrize("id", ccxt.exchanges)
def test_every_exchange_works_without_network(id: str) -> None:
    importer = CcxtMarkets(id)
    results = list(importer.parse(stream([market(info={"symbol": "?"}), contract(info=[None])]), datetime.now(UTC)))
    assert not [r for r in results if isinstance(r, Reject)]
    found = [r.record for r in results if isinstance(r, Parsed)]
    assert [type(r) for r in found if isinstance(r, Venue)] == ([] if importer.slug in EXCHANGES else [Venue])
    assert {r.exchange for r in found if not isinstance(r, Venue)} == {importer.slug}  # type: ignore[attr-defined]


def test_slugs_are_those_of_the_table_of_ids() -> None:
    body = (DOCS / "ids.md").read_text().partition("## Exchanges and brokers")[2].partition("##")[0]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in body.splitlines() if "|" in line][2:]
    stated = {id: row[0] for row in rows for id in row[-1].split(", ") if id in ccxt.exchanges}
    assert len(stated) > 8
    assert stated == {id: SLUGS.get(id, id) for id in ccxt.exchanges if SLUGS.get(id, id) in EXCHANGES}
    page = table((DOCS / "sources" / "ccxt.md").read_text(), "ccxt")
    assert {a: b for a, b in page.items() if a != "any other"} == SLUGS


def test_no_request_is_ever_made() -> None:
    exchange = OfflineExchange("kraken")
    with pytest.raises(ConnectionError):
        exchange._exchange.fetch_time()


# --- the exchange's own digits


@pytest.mark.parametrize(("id", "info", "expected"), MARKETS, ids=[id for id, _, _ in MARKETS])
def test_the_digits_of_the_native_info_are_kept(id: str, info: dict[str, Any], expected: dict[str, Any]) -> None:
    [dump] = unified(id, info, expected["symbol"])
    assert OfflineExchange(id).parse(info, dump["id"], dump["type"])
    known = one(id, dump).known()
    assert {key: known.get(key) for key in expected} == expected


def test_classes_that_parse_whole_answers_are_those_listed() -> None:
    assert set(REPLIES) <= set(ccxt.exchanges)
    for id in REPLIES:
        assert not OfflineExchange(id)._is_parser
    assert not OfflineExchange("gate").can_parse
    assert OfflineExchange("gate").parse({}, "A", "spot") == {}


def test_floats_of_the_dump_are_decimals_of_its_text() -> None:
    dump = json.dumps([market(precision={"amount": "#", "price": 0.1})])
    for text, expected in (("1e-08", "0.00000001"), ("1.0", "1"), ("5E+2", "500"), ('"0.10"', "0.1"), ("7", "7")):
        assert records(parse("gate", dump.replace('"#"', text)))[-1].known()["lot_size"] == expected


def test_a_float_with_too_many_digits() -> None:
    stated = Decimal("0.10000000000000002")
    assert exact_number("x", stated, None, {"a": [{"b": "0.100000000000000017"}, None, "x"]}) == Decimal(
        "0.100000000000000017"
    )
    assert exact_number("x", stated, None, {"a": "0.100000000000000017", "b": "0.100000000000000018"}) == Decimal("0.1")
    assert exact_number("x", stated, None, None) == Decimal("0.1")
    assert exact_number("x", Decimal("0.123456789012345"), None, {"a": "0.1234567890123450001"}) == Decimal(
        "0.123456789012345"
    )
    assert exact_number("x", "0.10000000000000002", None, None) == stated
    with pytest.raises(InvalidRecord) as caught:
        exact_number("x", Decimal("123456789012345.67"), None, None)
    assert caught.value.code == "inexact"
    assert exact_number("x", 12345678901234567, None, None) == 12345678901234567
    assert exact_number("x", None, "5", None) is exact_number("x", "", "5", None) is None
    assert exact_number("x", stated, DIGITS.replace("06", "17"), None) == Decimal("0.100000000000000017")
    # a parser that made a float itself has nothing to add
    assert exact_number("x", stated, 0.5, None) == Decimal("0.1")


@pytest.mark.parametrize(
    ("stated", "parsed"), [("x", None), (True, None), ([], None), (Decimal("1e400"), None), (1, "x"), ("1" * 19, None)]
)
def test_what_is_no_number(stated: Any, parsed: Any) -> None:
    with pytest.raises(InvalidRecord) as caught:
        exact_number("limits.amount.min", stated, parsed, None)
    assert caught.value.code == "invalid_amount"


def test_another_version_s_dump_is_refused() -> None:
    # Decimal places, as older versions of ccxt stated them where they now state steps.
    dump = BULLISH["ETH/USDC"] | {"precision": {"amount": 8, "price": 2}}
    found = reject(parse("bullish", [dump, BULLISH["ETH/USDC:USDC"]]))
    assert (found.code, found.place) == ("disagreement", "/0")
    assert "0.00000001" in found.reason
    raw = {"altname": "XBTUSD", "base": "XXBT", "quote": "ZUSD", "pair_decimals": 1, "lot_decimals": 8}
    dump = market(id="XXBTZUSD", precision={"amount": 8, "price": 1}, info=raw)
    assert reject(parse("kraken", [dump])).code == "disagreement"


def test_precision_modes(monkeypatch: pytest.MonkeyPatch) -> None:
    known = one("bitfinex", market(precision={"price": 5, "amount": 8})).known()
    assert not {"tick_size", "lot_size"} & set(known)
    known = one("gate", market(precision={"price": 0, "amount": None})).known()
    assert not {"tick_size", "lot_size"} & set(known)
    importer = CcxtMarkets("gate")
    monkeypatch.setattr(importer._exchange, "counts_places", True)
    known = records(list(importer.parse(stream([market(precision={"price": 0, "amount": 8})]), None)))[-1].known()
    assert (known["tick_size"], known["lot_size"]) == ("1", "0.00000001")
    for places in (0.01, 101):
        results = list(importer.parse(stream([market(precision={"price": places})]), None))
        assert reject(results).code == "invalid_amount"


def test_markets_whose_info_is_another_s() -> None:
    exchange = OfflineExchange("bullish")
    info = BULLISH["ETH/USDC"]["info"]
    assert exchange.parse(info, "ETHUSDC", "spot")
    assert exchange.parse(info, "BTCUSDC", "spot") == exchange.parse(info, "ETHUSDC", "swap") == {}
    infos: list[Any] = [None, {}, [], "x", 5, {"symbol": None}]
    for nothing in infos:
        assert exchange.parse(nothing, "ETHUSDC", "spot") == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"pricePrecision": "999999999"},
        {"pricePrecision": 10**9},
        {"minQuantityLimit": "1e999999999"},
        {"minQuantityLimit": Decimal("1e999999999")},
        {"minQuantityLimit": "1E-0999999999"},
        {"minQuantityLimit": " 1_0e٩٩٩٩ "},
        {"anything": [["1e12345"]]},
    ],
)
def test_numbers_that_would_cost_too_much_are_not_parsed(changes: dict[str, Any]) -> None:
    info = BULLISH["ETH/USDC"]["info"] | changes
    assert OfflineExchange("bullish").parse(info, "ETHUSDC", "spot") == {}
    names = BULLISH["ETH/USDC"]["info"] | {"marketId": "ONE20261231", "feeGroupId": "1e-8"}
    assert OfflineExchange("bullish").parse(names, "ETHUSDC", "spot")


# --- what becomes of a market


def test_both_shapes_of_a_dump() -> None:
    listed, keyed = parse("bullish", list(BULLISH.values())), parse("bullish", BULLISH)
    assert records(listed) == records(keyed)
    assert [r.place for r in keyed][:4] == ["", "/ETH~1USDC/baseId", "/ETH~1USDC/quoteId", "/ETH~1USDC"]
    assert [r.place for r in listed][:4] == ["", "/0/baseId", "/0/quoteId", "/0"]
    assert tally(parse("bullish", {})) == tally(parse("bullish", [])) == {"venue": 1}


def test_a_venue_of_no_table_comes_first() -> None:
    assert parse("hyperliquid", [])[0] == Parsed(Venue(slug="hyperliquid", name="Hyperliquid", venue_type="dex"), "")
    assert parse("kraken", []) == []


def test_segments() -> None:
    assert one("binance", contract()).segment == one("binanceusdm", contract(linear=None)).segment == "usdm"
    inverse = contract(linear=False, inverse=True)
    assert one("binance", inverse).segment == one("binancecoinm", inverse).segment == "coinm"
    assert (one("bybit", contract()).segment, one("bybit", inverse).segment) == ("linear", "inverse")
    for id in ("okx", "gate", "deribit", "bybiteu"):
        assert one(id, contract()).segment is None
    assert one("bybit", contract("option")).segment is None
    neither = contract(linear=False)
    assert reject(parse("binance", [neither])).code == "unknown_segment"
    assert one("gate", neither).segment is None


def test_futures_and_options() -> None:
    found = one("gate", contract("future", created=1_700_000_000_000))
    assert isinstance(found, Future)
    assert (found.last_trading_date, found.expires_at) == (date(2026, 3, 27), datetime(2026, 3, 27, 8, tzinfo=UTC))
    assert found.first_trading_date == date(2023, 11, 14)
    assert one("gate", contract(expiry=1_774_598_400_000)).is_perpetual
    option = one("gate", contract("option"))
    assert isinstance(option, Option)
    assert (option.strike_price, option.option_kind, option.exercise_style) == (Decimal("0.25"), "call", None)
    assert one("myokx", contract("option")).exercise_style == "european"


def test_settlement_and_margin() -> None:
    eur = Asset(exchange="gate", symbol="EUR").id
    found = one("gate", contract())
    assert (found.quote_id, found.settlement_id, found.margin_id) == (eur, eur, eur)
    assert one("gate", contract(settleId="BTC")).settlement_id == found.underlying_id
    assert one("gate", contract(settleId="USDT")).settlement_id == Asset(exchange="gate", symbol="USDT").id
    assert one("gate", contract(settleId=None)).settlement_id is None


def test_fees_are_in_basis_points() -> None:
    found = one("gate", market(maker=-0.0001, taker=0.00075))
    assert (found.maker_fee_bps, found.taker_fee_bps) == (-1, Decimal("7.5"))
    assert one("gate", market(taker=0.0007000000000000001)).taker_fee_bps == 7
    assert one("gate", market(taker=1, percentage=False)).taker_fee_bps is None
    assert one("gate", market(taker=None)).taker_fee_bps is None


def test_statuses() -> None:
    for value, status in ((True, "active"), (False, "suspended")):
        assert one("gate", market(active=value)).status == status
    for unknown in (None, ..., "yes"):
        assert "status" not in one("gate", market(active=unknown)).model_fields_set


@pytest.mark.parametrize("none", [None, "", 0, 2147483647, 9223372036854775807, 9.223372036854776e18, "2147483647"])
def test_no_maximum(none: Any) -> None:
    found = one("gate", market(limits={"amount": {"min": 0, "max": none}, "price": {"max": none}}))
    assert (found.max_quantity, found.max_price, found.min_quantity) == (None, None, 0)


def test_unset_groups() -> None:
    assert one("gate", market(limits=None, precision=..., active=None)).known().keys() == {
        "record", "exchange", "market_kind", "symbol", "base_id", "quote_id",
    }  # fmt: skip


def test_the_type_may_be_a_flag() -> None:
    assert isinstance(one("gate", market(type=None, spot=True, swap=False)), Pair)


def test_a_reused_code() -> None:
    dump = [market(id="LUNAUSDT", baseId="LUNA", quoteId="USDT")]
    for moment, generation in ((datetime(2021, 1, 1, tzinfo=UTC), None), (datetime(2023, 1, 1, tzinfo=UTC), "2")):
        asset, _, pair = records(parse("binance", dump, moment))
        assert (asset.generation, pair.generation, pair.base_id) == (generation, generation, asset.id)
    assert reject(parse("binance", dump)).code == "ambiguous_generation"


@pytest.mark.parametrize(
    ("dump", "code", "record"),
    [
        ("x", "not_an_object", ""),
        (None, "not_an_object", ""),
        (market(id=None), "missing_symbol", "pair"),
        (market(id=5), "invalid_text", "pair"),
        (market(type="index"), "unknown_type", ""),
        (market(type=None), "unknown_type", ""),
        (market(baseId=None), "missing_asset", "pair"),
        (market(quoteId=""), "missing_asset", "pair"),
        (market(precision=5), "not_an_object", "pair"),
        (market(limits={"amount": [1]}), "not_an_object", "pair"),
        (market(limits={"amount": {"min": -1}}), "invalid_amount", "pair"),
        (market(limits={"amount": {"min": "1.727%"}}), "invalid_amount", "pair"),
        (market(maker="x"), "invalid_amount", "pair"),
        (contract("future", expiry=None), "missing_expiry", "future"),
        (contract("future", expiry=4133404800000), "missing_expiry", "future"),
        (contract("future", expiry=1.5), "invalid_time", "future"),
        (contract("future", created=1_900_000_000_000), "invalid_record", "future"),
        (contract("option", strike=None), "invalid_option", "option"),
        (contract("option", optionType=None), "invalid_option", "option"),
    ],
)
def test_a_bad_market_stops_nothing(dump: Any, code: str, record: str) -> None:
    results = parse("gate", [market(id="A"), dump, market(id="B")])
    found = reject(results)
    assert (found.code, found.place, found.record) == (code, "/1", record)
    assert tally(results) == {"venue": 1, "asset": 2, "pair": 2, code: 1}


def test_a_dump_with_numbers_that_json_does_not_have() -> None:
    text = json.dumps({"A/B": market(maker=float("nan")), "C/D": market()})
    results = parse("gate", text)
    assert (reject(results).code, reject(results).place) == ("invalid_number", "/A~1B")
    assert tally(results)["pair"] == 1


def test_a_truncated_dump_gives_what_is_whole() -> None:
    text = json.dumps({"A/B": market(), "C/D": market()})
    results, error = until_broken(named("ccxt:gate"), text[:-20].encode())
    assert tally(results) == {"venue": 1, "asset": 2, "pair": 1}
    assert error is not None


# --- the exchanges that have importers of their own


def deribit_info(**changes: Any) -> dict[str, Any]:
    rows: list[dict[str, Any]] = json.loads(PAYLOADS["deribit"])["result"]
    return rows[0] | changes


def test_combinations_of_deribit_are_none() -> None:
    info = deribit_info(kind="option_combo", instrument_name="X")
    assert reject(parse("deribit", [contract("option", info=info)])).code == "combination"


def test_a_contract_of_binance_without_a_type_is_unknown() -> None:
    assert reject(parse("binanceusdm", [contract(info={"contractType": ""})])).code == "unknown_type"


def test_what_is_no_asset_of_the_exchange() -> None:
    infos = {"binance": {"underlyingType": "EQUITY"}, "okx": {"instCategory": "3"}}
    for id, info in (*infos.items(), ("binanceusdm", {"contractType": "TRADIFI_PERPETUAL"})):
        results = records(parse(id, [contract(info=info)]))
        assert [r.symbol for r in results] == ["EUR", "BTC-EUR"]
        assert results[-1].underlying_id is None
    assert one("binance", contract(info={"underlyingType": "COIN"})).underlying_id is not None


def kraken(folder: Path) -> list[dict[str, Any]]:
    exchange = ccxt.kraken()
    exchange.publicGetAssetPairs = lambda *_: json.loads(read(folder / "kraken" / "AssetPairs_2021-04-17.json"))
    return list(exchange.fetch_markets())


def coinbase(folder: Path) -> list[dict[str, Any]]:
    exchange = ccxt.coinbaseexchange()
    exchange.publicGetProducts = lambda *_: json.loads(read(folder / "coinbase" / "products_2021-04-17.json"))
    return list(exchange.fetch_markets())


def binance(folder: Path) -> list[dict[str, Any]]:
    document = json.loads(read(folder / "binance" / "spot_exchangeInfo_2021-08-26.json.xz"))
    exchange = ccxt.binance({"options": OPTIONS["binance"]})
    return list(exchange.parse_markets(document["symbols"]))


def usdm(folder: Path) -> list[dict[str, Any]]:
    document = json.loads(read(folder / "binance" / "usdm_futures_exchangeInfo_2021-07-22.json"))
    exchange = ccxt.binanceusdm({"options": OPTIONS["binance"]})
    return list(exchange.parse_markets(document["symbols"]))


#: By source of the native importer: ccxt's id, the recorded payload, ccxt's markets of it, what ccxt says otherwise,
#: records and rejects.
RECORDED: dict[str, tuple[str, str, Callable[[Path], list[dict[str, Any]]], set[str], dict[str, int]]] = {
    "binance": (
        "binance",
        "binance/spot_exchangeInfo_2021-08-26.json.xz",
        binance,
        set(),
        {"pair": 1608, "asset": 445},
    ),
    "binance-futures": (
        "binanceusdm",
        "binance/usdm_futures_exchangeInfo_2021-07-22.json",
        usdm,
        set(),
        {"future": 121, "asset": 117, "unknown_type": 1},
    ),
    "coinbase": (
        "coinbaseexchange",
        "coinbase/products_2021-04-17.json",
        coinbase,
        {"status"},
        {"pair": 162, "asset": 58},
    ),
    "kraken": ("kraken", "kraken/AssetPairs_2021-04-17.json", kraken, set(), {"pair": 304, "asset": 64}),
}


@pytest.mark.parametrize("source", RECORDED)
def test_recorded_payloads_parsed_by_ccxt(source: str, real_data: Path) -> None:
    id, name, markets, otherwise, counts = RECORDED[source]
    # The codes that were reused since mean what they meant then.
    then = datetime(2021, 8, 1, tzinfo=UTC)
    results = parse(id, markets(real_data), then)
    assert tally(results) == counts
    if source in IMPORTERS:
        native = list(named(source).parse(stream(read(real_data / name)), then))
        agree(results, native, otherwise)


@pytest.mark.parametrize("id", ["bybit", "deribit", "okx"])
def test_payloads_of_the_native_importers_parsed_by_ccxt(id: str) -> None:
    document = json.loads(PAYLOADS[id])
    if id == "okx":
        # A margin instrument is none of ccxt's types, and one that has nothing but its name has no base.
        rows = [row for row in document["data"] if row["instType"] != "MARGIN" and row["state"] != "preopen"]
        document["data"] = rows
        markets = ccxt.okx().parse_markets(rows)
    elif id == "bybit":
        exchange = ccxt.bybit()
        exchange.publicGetV5MarketInstrumentsInfo = lambda *_: document
        markets = exchange.fetch_future_markets({"category": "linear"})[: len(document["result"]["list"])]
    else:
        exchange = ccxt.deribit()
        exchange.publicGetGetInstruments = lambda *_: document
        markets = exchange.fetch_markets()
    native = list(named(id).parse(stream(document), None))
    # ccxt knows no end but false, and knows fees that these exchanges do not send.
    agree(parse(id, markets), native, {"status"})


def agree(results: Results, native: Results, otherwise: set[str]) -> None:
    """Both have the same identities, and the same value wherever both state one, but for the fields `otherwise`.

    A native importer may also give the assets of a row that it refuses.
    """
    ours = {r.record.id: r.record.known() for r in results if isinstance(r, Parsed)}
    theirs = {r.record.id: r.record.known() for r in native if isinstance(r, Parsed)}
    assert {id for id, known in theirs.items() if known["record"] != "asset"} <= set(ours) <= set(theirs)
    for id in ours:
        known = theirs[id]
        both = (ours[id].keys() & known.keys()) - otherwise
        assert {key: ours[id][key] for key in both} == {key: known[key] for key in both}
        assert len(both) >= 3


def test_margin_of_okx_is_no_type_of_ccxt_s() -> None:
    [dump] = ccxt.okx().parse_markets([r for r in json.loads(PAYLOADS["okx"])["data"] if r["instType"] == "MARGIN"])
    assert reject(parse("okx", [dump])).code == "unknown_type"


def test_the_page_names_the_classes_that_parse_whole_answers() -> None:
    text = (DOCS / "sources" / "ccxt.md").read_text()
    [line] = re.findall(r"^Whole answers only: (.+)\.$", text, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", line)) == set(REPLIES)


def test_a_guard_stands_before_ccxt_s_zeros() -> None:
    assert ccxt_offline._guarded(ccxt.kraken)(ccxt.kraken(), "8") == "0.00000001"
    with pytest.raises(ValueError, match="too many"):
        ccxt_offline._guarded(ccxt.kraken)(ccxt.kraken(), "401")
