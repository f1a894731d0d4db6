"""Recorded payloads of exchanges as ccxt reads them, market by market, beside what the importers make of them.

Both read the same bytes, and neither asks the network. ccxt gives its numbers as text here, so that none has been a
float. A market is compared by the exchange's own symbol; every difference is listed with its reason.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

import ccxt  # type: ignore[import-untyped]
import pytest

from catalog.domain import Asset, Future, Pair
from catalog.importers.base import Parsed
from tests.importers.support import PAYLOADS, parse, read
from tests.importers.test_binance_futures import EXPIRY, coin_payload, coin_row


class Market(NamedTuple):
    """What is compared. `symbol` is the unified one: `BTC/USDT`, `BTC/USDT:USDT`, `BTC/USDT:USDT-210924`."""

    symbol: str
    base: str
    quote: str
    tick_size: Decimal | None
    lot_size: Decimal | None
    min_quantity: Decimal | None
    min_notional: Decimal | None
    is_active: bool


def ours(source: str, raw: bytes, codes: dict[str, str]) -> dict[str, Market]:
    """Markets by the exchange's symbol; `codes` has ccxt's word for each code of the exchange that it renames."""
    found = [r.record for r in parse(source, raw) if isinstance(r, Parsed)]
    assets = {str(r.id): codes.get(r.symbol, r.symbol) for r in found if isinstance(r, Asset)}
    markets: dict[str, Market] = {}
    for record in found:
        if isinstance(record, Pair):
            base, quote, behind = assets[record.base_id], assets[record.quote_id], ""
        elif isinstance(record, Future):
            base, quote = assets.get(record.underlying_id or "", ""), assets[record.quote_id or ""]
            behind = f":{assets[record.settlement_id or '']}"
            if record.last_trading_date:
                behind += f"-{record.last_trading_date:%y%m%d}"
        else:
            continue
        limits = (record.tick_size, record.lot_size, record.min_quantity, record.min_notional)
        symbol = f"{base}/{quote}{behind}"
        markets[record.symbol or ""] = Market(symbol, base, quote, *limits, record.status == "active")
    return markets


def theirs(markets: list[dict[str, Any]]) -> dict[str, Market]:
    """The same of ccxt's markets."""
    return {
        market["id"]: Market(
            market["symbol"],
            market["base"],
            market["quote"],
            _decimal(market["precision"]["price"]),
            _decimal(market["precision"]["amount"]),
            _decimal(market["limits"]["amount"]["min"]),
            _decimal(market["limits"]["cost"]["min"]),
            market["active"],
        )
        for market in markets
    }


def _decimal(value: Any) -> Decimal | None:
    assert value is None or isinstance(value, str), "a number has been a float"
    return None if value is None else Decimal(value)


def exchange(kind: type[Any]) -> Any:
    """An exchange of ccxt that gives numbers as text and has asked nothing yet."""
    made = kind()
    made.number = str
    made.options |= {"crossMarginPairsData": [], "isolatedMarginPairsData": []}
    return made


def load(raw: bytes) -> Any:
    """JSON with its numbers as text."""
    return json.loads(raw, parse_float=str)


def differences(one: dict[str, Market], other: dict[str, Market]) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Field → market → (ours, theirs) where they differ; both have the same markets."""
    assert one.keys() == other.keys()
    found: dict[str, dict[str, tuple[Any, Any]]] = {}
    for key, market in one.items():
        for name, a, b in zip(Market._fields, market, other[key], strict=True):
            if a != b:
                found.setdefault(name, {})[key] = (a, b)
    return found


#: Codes that ccxt renames, since other exchanges call the same coin so: presentation, where ours are identities.
BINANCE_CODES = {"BCHSV": "BSV", "YOYO": "YOYOW"}
COINBASE_CODES = {"CGLD": "CELO"}
#: Kraken's prefixes X and Z, and its own names for coins. ccxt calls Augur's old coin (XREP) and its new one (REPV2)
#: by one name; they are two assets.
KRAKEN_CODES = {
    "XXBT": "BTC", "XETH": "ETH", "XXRP": "XRP", "XLTC": "LTC", "XETC": "ETC", "XXLM": "XLM", "XXMR": "XMR",
    "XZEC": "ZEC", "XMLN": "MLN", "XXDG": "DOGE", "XREP": "REP", "REPV2": "REP", "ZUSD": "USD", "ZEUR": "EUR",
    "ZGBP": "GBP", "ZJPY": "JPY", "ZCAD": "CAD", "ZAUD": "AUD",
}  # fmt: skip


def binance_markets(raw: bytes) -> list[dict[str, Any]]:
    binance = exchange(ccxt.binance)
    return [binance.parse_market(symbol) for symbol in load(raw)["symbols"]]


def coinbase_markets(raw: bytes) -> list[dict[str, Any]]:
    coinbase = exchange(ccxt.coinbaseexchange)
    coinbase.publicGetProducts = lambda _: load(raw)
    markets: list[dict[str, Any]] = coinbase.fetch_markets()
    return markets


def kraken_markets(raw: bytes) -> list[dict[str, Any]]:
    kraken = exchange(ccxt.kraken)
    kraken.publicGetAssetPairs = lambda _: load(raw)
    markets: list[dict[str, Any]] = kraken.fetch_markets()
    return markets


def test_binance_spot(real_data: Path) -> None:
    raw = read(real_data / "binance" / "spot_exchangeInfo_2021-08-26.json.xz")
    markets = theirs(binance_markets(raw))
    assert len(markets) == 1608
    assert differences(ours("binance", raw, BINANCE_CODES), markets) == {}


def test_binance_usdm(real_data: Path) -> None:
    raw = read(real_data / "binance" / "usdm_futures_exchangeInfo_2021-07-22.json")
    markets = theirs(binance_markets(raw))
    # No contract type and not trading yet: ccxt takes it for a perpetual, for its delivery date; refused here.
    assert markets.pop("BTCSTUSDT").is_active is False
    assert len(markets) == 121
    # The base of a contract on an index is the name of the index, and no asset of the exchange.
    assert differences(ours("binance-futures", raw, BINANCE_CODES), markets) == {
        "symbol": {
            "DEFIUSDT": ("/USDT:USDT", "DEFI/USDT:USDT"),
            "BTCDOMUSDT": ("/USDT:USDT", "BTCDOM/USDT:USDT"),
        },
        "base": {"DEFIUSDT": ("", "DEFI"), "BTCDOMUSDT": ("", "BTCDOM")},
    }


def test_coinbase(real_data: Path) -> None:
    raw = read(real_data / "coinbase" / "products_2021-04-17.json")
    markets = theirs(coinbase_markets(raw))
    assert len(markets) == 162
    found = differences(ours("coinbase", raw, COINBASE_CODES), markets)
    # The exchange has sent no base_min_size since 2022, and ccxt does not read it any more; this payload has it.
    sizes = {product["id"]: Decimal(product["base_min_size"]) for product in load(raw)}
    assert found.pop("min_quantity") == {symbol: (size, None) for symbol, size in sizes.items()}
    assert found == {}


def test_kraken(real_data: Path) -> None:
    raw = read(real_data / "kraken" / "AssetPairs_2021-04-17.json")
    markets = theirs(kraken_markets(raw))
    assert len(markets) == 304
    found = differences(ours("kraken", raw, KRAKEN_CODES), markets)
    # The payload has no status: ccxt concludes that nothing trades; here it says nothing, which for new pairs is active.
    assert found.pop("is_active") == dict.fromkeys(markets, (True, False))
    assert found == {}


def test_kraken_fees(real_data: Path) -> None:
    raw = read(real_data / "kraken" / "AssetPairs_2021-04-17.json")
    markets = {market["id"]: market for market in kraken_markets(raw)}
    pairs = [r.record for r in parse("kraken", raw) if isinstance(r, Parsed) and isinstance(r.record, Pair)]
    assert len(pairs) == 304
    for pair in pairs:
        market = markets[pair.symbol]
        for fee, fraction in ((pair.taker_fee_bps, market["taker"]), (pair.maker_fee_bps, market["maker"])):
            assert fee == (None if fraction is None else 10_000 * Decimal(fraction))


@pytest.mark.parametrize(
    ("source", "codes", "read_markets", "expected"),
    [
        ("binance", {}, binance_markets, {}),
        (
            "binance-futures",
            {},
            binance_markets,
            # A stock is no asset of the exchange. Its perpetual has a word and a sentinel of its own: ccxt takes it for a
            # future that ends in 2100.
            {"symbol": {"TSLAUSDT": ("/USDT:USDT", "TSLA/USDT:USDT-001225")}, "base": {"TSLAUSDT": ("", "TSLA")}},
        ),
        (
            "coinbase",
            {},
            coinbase_markets,
            # ccxt looks at the status alone, and reads no base_min_size.
            {"is_active": {"ETH-EUR": (False, True)}, "min_quantity": {"BTC-USD": (Decimal("0.001"), None)}},
        ),
        # A pair without a status, as all were in 2021.
        ("kraken", KRAKEN_CODES, kraken_markets, {"is_active": {"XETHXXBT.d": (True, False)}}),
    ],
)
def test_shapes_of_today(
    source: str,
    codes: dict[str, str],
    read_markets: Callable[[bytes], list[dict[str, Any]]],
    expected: dict[str, dict[str, tuple[Any, Any]]],
) -> None:
    markets = theirs(read_markets(PAYLOADS[source]))
    assert differences(ours(source, PAYLOADS[source], codes), markets) == expected


def test_binance_coinm() -> None:
    quarter = coin_row("ETH", symbol="ETHUSD_201225", contractType="CURRENT_QUARTER", deliveryDate=EXPIRY)
    closed = coin_row("LTC", contractSize=10, contractStatus="CLOSE")
    raw = json.dumps(coin_payload(coin_row(), quarter, closed)).encode()
    assert differences(ours("binance-futures", raw, {}), theirs(binance_markets(raw))) == {}


def test_the_terms_of_binance_derivatives(real_data: Path) -> None:
    coinm = json.dumps(coin_payload(coin_row(), coin_row("LTC", contractSize=10))).encode()
    usdm = read(real_data / "binance" / "usdm_futures_exchangeInfo_2021-07-22.json")
    for raw, count in ((coinm, 2), (usdm, 121), (PAYLOADS["binance-futures"], 5)):
        markets = {market["id"]: market for market in binance_markets(raw)}
        found = [r.record for r in parse("binance-futures", raw) if isinstance(r, Parsed)]
        futures = [record for record in found if isinstance(record, Future)]
        assert len(futures) == count
        assets = {str(record.id): record.symbol for record in found if isinstance(record, Asset)}
        for future in futures:
            market = markets[future.symbol or ""]
            assert future.contract_multiplier == Decimal(market["contractSize"])
            assert (future.is_inverse, assets[future.settlement_id or ""]) == (market["inverse"], market["settle"])
            assert future.margin_id == future.settlement_id
            if future.symbol == "TSLAUSDT":
                assert (future.is_perpetual, market["expiry"]) == (True, 4133404802000)  # as above
            elif future.is_perpetual:
                assert (future.expires_at, market["expiry"], market["swap"]) == (None, None, True)
            else:
                assert future.expires_at == datetime.fromtimestamp(market["expiry"] / 1000, UTC)
            assert future.first_trading_date == datetime.fromtimestamp(market["created"] / 1000, UTC).date()


def numbers(value: Any) -> Iterator[Decimal]:
    """Every number that stands anywhere in a JSON value, in text or not."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from numbers(inner)
    elif isinstance(value, str):
        with contextlib.suppress(InvalidOperation):
            yield Decimal(value)


def symbols_by_key(document: Any) -> dict[str, Any]:
    return {row["symbol"]: row for row in document["symbols"]}


@pytest.mark.parametrize(
    ("source", "file", "rows", "count"),
    [
        ("binance", "binance/spot_exchangeInfo_2021-08-26.json.xz", symbols_by_key, 1608 * 7),
        ("binance-futures", "binance/usdm_futures_exchangeInfo_2021-07-22.json", symbols_by_key, 121 * 7),
        ("coinbase", "coinbase/products_2021-04-17.json", lambda d: {row["id"]: row for row in d}, 162 * 5),
        ("kraken", "kraken/AssetPairs_2021-04-17.json", lambda d: d["result"], 304 * 3 + 293 * 2),
    ],
)
def test_every_number_stands_in_the_payload(
    source: str, file: str, rows: Callable[[Any], dict[str, Any]], count: int, real_data: Path
) -> None:
    """Digit for digit in value, whatever field it is; steps of Kraken's from places, and its fees from per cent."""
    raw = read(real_data / file)
    found = rows(json.loads(raw, parse_float=str, parse_int=str))
    seen = 0
    for result in parse(source, raw):
        if not isinstance(result, Parsed) or not isinstance(result.record, Pair | Future):
            continue
        record = result.record
        said = set(numbers(found[record.symbol or ""]))
        for name in record.model_fields_set:
            number = getattr(record, name)
            if not isinstance(number, Decimal) or name == "contract_multiplier":
                continue
            if source == "kraken" and name in ("tick_size", "lot_size"):
                number = Decimal(-number.adjusted())
            elif name.endswith("_bps"):
                number = number / 100
            assert number in said, (record.symbol, name)
            seen += 1
    assert seen == count
