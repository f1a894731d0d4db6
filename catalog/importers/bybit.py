"""`bybit`: the instruments of Bybit, that is spot pairs, linear and inverse perpetuals and futures, and options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, BinaryIO, NamedTuple

from catalog.domain.derivatives import Future, Option
from catalog.domain.pairs import Pair
from catalog.domain.vocabulary import Authority, Status
from catalog.errors import InvalidRecord, PayloadError
from catalog.importers import exchange_values as rows
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.exchange_values import Assets, known
from catalog.importers.json_document import read_array, read_head

EXCHANGE = "bybit"
#: The exchange's words for an instrument's status; any other word means that it does not trade, at least for now.
STATUSES: dict[str, Status] = {"Trading": "active", "Closed": "retired"}
#: The category of an answer, with the record that its rows become.
CATEGORIES = {"spot": "pair", "linear": "future", "inverse": "future", "option": "option"}
#: The category, and whether the contract is a perpetual, of each contract type.
CONTRACT_TYPES = {
    "LinearPerpetual": ("linear", True),
    "LinearFutures": ("linear", False),
    "InversePerpetual": ("inverse", True),
    "InverseFutures": ("inverse", False),
}
_LIST = "result/list"


class BybitImporter:
    """`{retCode, result: {category, list: [{symbol, …}]}, time}` of GET /v5/market/instruments-info."""

    source = "bybit"
    authority: Authority = "venue"
    codes: Mapping[str, str] = {
        **rows.CODES,
        "unknown_contract_type": "the contractType is blank, or none of those of the answer's category",
        "strike_mismatch": "the symbol of an option does not end with a strike and the letter of its optionsType",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether `result.list` holds objects with symbol, baseCoin and lotSizeFilter."""
        return any(
            r.is_element and isinstance(r.value, dict) and r.value.keys() >= {"symbol", "baseCoin", "lotSizeFilter"}
            for r in read_head(head, frozenset({_LIST}))
        )

    def heading(self, stream: BinaryIO) -> Heading:
        """The feed is the category, with the coin behind it where all rows are options on one; the time is `time`.

        An answer with a nextPageCursor is one page, and no listing of all.
        """
        about = _about(stream)
        coin = about.coin if about.category == "option" else None
        return Heading(rows.feed_name(about.category, coin), about.time, about.is_last_page)

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        """Every instrument, behind the assets that it is the first to name."""
        about = _about(stream)
        return rows.parse_rows(
            read_array(stream, _LIST),
            Assets(EXCHANGE, observed_at or about.time),
            partial(_record, about.category),
            lambda _: CATEGORIES[about.category],
        )


class _About(NamedTuple):
    """What an answer says of itself; `coin` is the one base coin of all its rows."""

    category: str
    coin: str | None
    time: datetime | None
    is_last_page: bool


def _about(stream: BinaryIO) -> _About:
    """Raises PayloadError for the exchange's errors and for an answer without a category."""
    wanted = frozenset({"retCode", "result/category", "result/nextPageCursor", "time"})
    members, (coin,) = rows.survey(stream, _LIST, wanted, ("baseCoin",))
    rows.check_answer(members, "retCode")
    category = members.get("result/category")
    if not isinstance(category, str) or category not in CATEGORIES:
        raise PayloadError("the answer does not say its category", "/result/category")
    time = members.get("time")
    moment = None
    if isinstance(time, int) and 0 < time < 4_000_000_000_000:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time)
    return _About(category, coin, moment, not members.get("result/nextPageCursor"))


def _record(category: str, row: dict[str, Any], place: str, assets: Assets) -> Pair | Future | Option:
    symbol = rows.symbol(row, "symbol")
    if category == "spot":
        return _pair(row, symbol, place, assets)
    terms = _contract(row, place, assets)
    if category == "option":
        return _option(row, symbol, terms)
    contract_type = rows.word(row, "contractType")
    of_category, is_perpetual = CONTRACT_TYPES.get(contract_type or "", ("", False))
    if of_category != category:
        raise InvalidRecord(
            "contractType", contract_type or "nothing", f"not one of {category}", code="unknown_contract_type"
        )
    if is_perpetual:
        terms |= known(delist_at=rows.end(row, "deliveryTime"))
    else:
        expires_at = rows.expiry(row, "deliveryTime")
        terms |= {"last_trading_date": expires_at.date(), "expires_at": expires_at, "settlement_type": "cash"}
    return Future(symbol=symbol, segment=category, is_inverse=category == "inverse", **terms)


def _pair(row: dict[str, Any], symbol: str, place: str, assets: Assets) -> Pair:
    price, lot = rows.group(row, "priceFilter"), rows.group(row, "lotSizeFilter")
    return Pair(
        exchange=EXCHANGE,
        market_kind="spot",
        symbol=symbol,
        base_id=rows.asset(row, "baseCoin", place, assets).id,
        quote_id=rows.asset(row, "quoteCoin", place, assets).id,
        **known(
            tick_size=rows.positive(price, "tickSize"),
            lot_size=rows.positive(lot, "basePrecision"),
            min_quantity=rows.amount(lot, "minOrderQty"),
            max_quantity=rows.maximum(lot, "maxLimitOrderQty") or rows.maximum(lot, "maxOrderQty"),
            min_notional=rows.amount(lot, "minOrderAmt"),
        ),
        **_status(row),
    )


def _status(row: dict[str, Any]) -> dict[str, Any]:
    status = rows.word(row, "status")
    return {"venue_status": status, "status": STATUSES.get(status, "suspended")} if status else {}


def _contract(row: dict[str, Any], place: str, assets: Assets) -> dict[str, Any]:
    """What perpetuals, futures and options have in common.

    A contract is one unit of the base coin, or one of the quote coin when it is inverse: sizes are in these.
    """
    price, lot = rows.group(row, "priceFilter"), rows.group(row, "lotSizeFilter")
    underlying = rows.asset(row, "baseCoin", place, assets)
    quote = rows.asset(row, "quoteCoin", place, assets)
    settlement = rows.optional_asset(row, "settleCoin", place, assets)
    launched = rows.moment(row, "launchTime")
    return {
        "exchange": EXCHANGE,
        "underlying_id": underlying.id,
        "quote_id": quote.id,
        "contract_multiplier": 1,
        **_status(row),
        **known(
            settlement_id=settlement and settlement.id,
            margin_id=settlement and settlement.id,
            tick_size=rows.positive(price, "tickSize"),
            min_price=rows.amount(price, "minPrice"),
            max_price=rows.maximum(price, "maxPrice"),
            lot_size=rows.positive(lot, "qtyStep"),
            min_quantity=rows.amount(lot, "minOrderQty"),
            max_quantity=rows.maximum(lot, "maxOrderQty"),
            min_notional=rows.amount(lot, "minNotionalValue"),
            first_trading_date=launched and launched.date(),
        ),
    }


def _option(row: dict[str, Any], symbol: str, terms: dict[str, Any]) -> Option:
    expires_at = rows.expiry(row, "deliveryTime")
    kind = rows.option_kind(row, "optionsType")
    strike, letter = (*symbol.split("-"), "", "", "", "")[2:4]
    if letter != kind[0].upper():
        raise InvalidRecord(
            "symbol", symbol, f"`BTC-29DEC23-80000-{kind[0].upper()}` is the form", code="strike_mismatch"
        )
    return Option(
        symbol=symbol,
        expiry_date=expires_at.date(),
        expires_at=expires_at,
        option_kind=kind,
        strike_price=rows.strike({"symbol": strike}, "symbol"),
        exercise_style="european",
        settlement_type="cash",
        **terms,
    )


IMPORTER = BybitImporter()
