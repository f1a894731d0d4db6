"""`ccxt`: the unified markets of any exchange that ccxt knows, from the JSON of what `load_markets` gave.

The importer is told its exchange (`ccxt:kraken`), which no dump says. Identities are those of the exchange's own
importer where there is one: native ids and codes, slugs and segments of docs/ids.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO

from catalog.domain.derivatives import Future, Option
from catalog.domain.instruments import Asset
from catalog.domain.pairs import Pair
from catalog.domain.venues import Venue
from catalog.domain.vocabulary import CCXT_NAMES, EXCHANGES, Authority, VenueType
from catalog.errors import InvalidRecord, PayloadError
from catalog.importers import exchange_values as rows
from catalog.importers.base import Heading, Importer, Parsed, Reject
from catalog.importers.binance_futures import ASSET_TYPE
from catalog.importers.ccxt_offline import OfflineExchange, exact_number
from catalog.importers.deribit import COMBINATIONS
from catalog.importers.exchange_values import Assets, known
from catalog.importers.json_document import read_rows
from catalog.importers.okx import CRYPTO

#: ccxt's ids whose slug is another word; every other id is the slug. ccxt's `coinbase` is not Coinbase Exchange.
SLUGS = CCXT_NAMES | {"coinbase": "coinbaseadvanced"}
#: The segment of a contract, by the exchange's slug: of a linear one, of an inverse one.
SEGMENTS = {"binance": ("usdm", "coinm"), "bybit": ("linear", "inverse")}
_SEGMENT_OF_ID = {"binanceusdm": "usdm", "binancecoinm": "coinm"}
#: Where the exchange's own codes of base and quote are, for families in which ccxt's baseId and quoteId are others.
CODES_IN_INFO = {
    "coinbaseexchange": ("base_currency", "quote_currency"),
    "deribit": ("base_currency", "quote_currency"),
    "kraken": ("base", "quote"),
}
#: Where a family says what kind of thing a contract is on, and its word for an asset of the exchange.
ASSET_CLASSES = {"binance": ("underlyingType", ASSET_TYPE), "okx": ("instCategory", CRYPTO)}
#: Families whose options are European by the exchange's rules.
EUROPEAN = frozenset({"binance", "bybit", "deribit", "okx"})
_RECORDS = {"spot": "pair", "swap": "future", "future": "future", "option": "option"}
_CODES: Mapping[str, str] = {
    **rows.CODES,
    "unknown_type": "the market is none of spot, swap, future and option, or Binance says of a contract no type at all",
    "unknown_segment": "the exchange has several segments, and the market is neither linear nor inverse",
    "combination": "a combination of futures or options",
    "inexact": "a float of more digits than it can be trusted with, and the market's info does not have the number",
    "disagreement": "the installed ccxt makes another number of the market's info: the dump is of another version",
}


class CcxtImporter:
    """What `ccxt` is before it is told an exchange: it can only be told one."""

    source = "ccxt"
    authority: Authority = "community"
    codes = _CODES

    def told(self, argument: str) -> Importer:
        """The importer of one exchange's markets, by ccxt's id of it. Raises PayloadError when there is none."""
        return CcxtMarkets(argument)

    def can_parse(self, head: bytes) -> bool:  # noqa: ARG002
        """Never: a dump does not say its exchange."""
        return False

    def heading(self, stream: BinaryIO) -> Heading:  # noqa: ARG002
        """Raises PayloadError: the exchange is not known."""
        raise _untold()

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """Raises PayloadError: the exchange is not known."""
        raise _untold()


def _untold() -> PayloadError:
    return PayloadError("a dump of ccxt does not say its exchange", hint="name it: ccxt:kraken")


class CcxtMarkets:
    """`{symbol: market, …}` or `[market, …]` of one exchange."""

    source = "ccxt"
    authority: Authority = "community"
    codes = _CODES

    def __init__(self, id: str) -> None:
        self._exchange = OfflineExchange(id)
        self.slug = SLUGS.get(id, id)

    def can_parse(self, head: bytes) -> bool:  # noqa: ARG002
        """Never: a dump does not say its exchange."""
        return False

    def heading(self, stream: BinaryIO) -> Heading:
        """The feed is ccxt's id of the exchange; a dump has no time."""
        next(read_rows(stream, frozenset()), None)
        return Heading(self._exchange.id)

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        """The venue, where it is none of our table; then every market, behind the assets that it is the first to name."""
        if self.slug not in EXCHANGES:
            kind: VenueType = "dex" if self._exchange.is_dex else "crypto_exchange"
            yield Parsed(Venue(slug=self.slug, name=self._exchange.name, venue_type=kind), "")
        markets = (row for row in read_rows(stream, frozenset()) if row.is_element or row.member is not None)
        yield from rows.parse_rows(markets, Assets(self.slug, observed_at), self._record, _record_type)

    def _record(self, dump: dict[str, Any], place: str, assets: Assets) -> Pair | Future | Option:
        return _Market(self._exchange, self.slug, dump, place, assets).record()


def _kind(dump: Mapping[str, Any]) -> str | None:
    """The market's type, or the one of the flags that is set."""
    return rows.word(dump, "type") or next((kind for kind in _RECORDS if dump.get(kind) is True), None)


def _record_type(dump: Any) -> str:
    kind = dump.get("type") if isinstance(dump, dict) else None
    return _RECORDS.get(kind, "") if isinstance(kind, str) else ""


class _Market:
    """One market of a dump, beside what the exchange's parser makes of its `info`."""

    def __init__(self, exchange: OfflineExchange, slug: str, dump: dict[str, Any], place: str, assets: Assets) -> None:
        self._exchange, self._slug, self._dump = exchange, slug, dump
        self._place, self._assets = place, assets
        self._symbol = rows.symbol(dump, "id")
        kind = _kind(dump)
        if kind not in _RECORDS:
            raise InvalidRecord("type", kind or "nothing", "spot, swap, future or option", code="unknown_type")
        self._kind = kind
        self._info = dump.get("info")
        self._native: Mapping[str, Any] = self._info if isinstance(self._info, dict) else {}
        if self._is_of("binance") and self._native.get("contractType") == "":
            raise InvalidRecord("contractType", "nothing", "whether it expires is not known", code="unknown_type")
        self._parsed = exchange.parse(self._info, self._symbol, kind)

    def record(self) -> Pair | Future | Option:
        """The pair, perpetual, future or option that the market is."""
        if self._is_of("deribit") and self._native.get("kind") in COMBINATIONS:
            raise InvalidRecord("type", self._kind, "a combination of instruments is none itself", code="combination")
        base, quote = self._asset("base"), self._asset("quote")
        common: dict[str, Any] = {
            "exchange": self._slug,
            "symbol": self._symbol,
            "quote_id": quote.id,
            **self._limits(),
            **self._status(),
        }
        if self._kind == "spot":
            return Pair(market_kind="spot", base_id=base.id, **common)
        contract = common | self._contract(base, quote)
        if self._kind == "option":
            return self._option(contract)
        if segment := self._segment():
            contract["segment"] = segment
        if isinstance(self._dump.get("inverse"), bool):
            contract["is_inverse"] = self._dump["inverse"]
        if self._kind == "future":
            expires_at = rows.expiry(self._dump, "expiry")
            contract |= {"last_trading_date": expires_at.date(), "expires_at": expires_at}
        return Future(**contract)

    def _is_of(self, family: str) -> bool:
        return family in self._exchange.family

    def _asset(self, side: str) -> Asset:
        """The base or quote asset, under the exchange's own code."""
        code, place = self._code(side)
        if side == "base" and self._kind != "spot" and not self._is_on_asset():
            # Named by nobody as an asset: the code stands for a stock, an index or a metal.
            return Asset(exchange=self._slug, symbol=code)
        return self._assets.asset(code, f"{self._place}/{place}")

    def _code(self, side: str) -> tuple[str, str]:
        """(code of the base or quote, the field that has it)."""
        for family, keys in CODES_IN_INFO.items():
            key = keys[side == "quote"]
            if self._is_of(family) and (code := rows.word(self._native, key)):
                return code, f"info/{key}"
        key = "baseId" if side == "quote" and self._is_quoted_otherwise() else f"{side}Id"
        code = rows.code(self._dump, key)
        return (code.upper() if self._is_of("krakenfutures") else code), key

    def _is_quoted_otherwise(self) -> bool:
        """Whether it is an option that is quoted, as it is settled, in the coin that it is on."""
        is_coin_settled = self._dump.get("settleId") == self._dump.get("baseId")
        return self._is_of("okx") and self._kind == "option" and is_coin_settled

    def _is_on_asset(self) -> bool:
        for family, (key, asset) in ASSET_CLASSES.items():
            if self._is_of(family) and (word := rows.word(self._native, key)):
                return word == asset
        return not (self._is_of("binance") and self._native.get("contractType") == "TRADIFI_PERPETUAL")

    def _contract(self, base: Asset, quote: Asset) -> dict[str, Any]:
        settlement = self._settlement(base, quote)
        created = rows.moment(self._dump, "created")
        return known(
            underlying_id=base.id if self._is_on_asset() else None,
            settlement_id=settlement and settlement.id,
            margin_id=settlement and settlement.id,
            contract_multiplier=self._contract_size(),
            first_trading_date=created and created.date(),
        )

    def _settlement(self, base: Asset, quote: Asset) -> Asset | None:
        """The base or the quote, where ccxt's code for it is theirs, else an asset of its own."""
        code = rows.word(self._dump, "settleId")
        if code is not None and self._is_on_asset() and code == self._dump.get("baseId"):
            return base
        if code is not None and code == self._dump.get("quoteId") and not self._is_quoted_otherwise():
            return quote
        return self._assets.asset(code, f"{self._place}/settleId") if code else None

    def _option(self, contract: dict[str, Any]) -> Option:
        expires_at = rows.expiry(self._dump, "expiry")
        return Option(
            expiry_date=expires_at.date(),
            expires_at=expires_at,
            option_kind=rows.option_kind(self._dump, "optionType"),
            strike_price=rows.strike({"strike": self._number("strike")}, "strike"),
            **known(exercise_style="european" if EUROPEAN & set(self._exchange.family) else None),
            **contract,
        )

    def _segment(self) -> str | None:
        if self._slug not in SEGMENTS:
            return None
        if self._exchange.id in _SEGMENT_OF_ID:
            return _SEGMENT_OF_ID[self._exchange.id]
        linear, inverse = SEGMENTS[self._slug]
        if self._dump.get("linear") is True:
            return linear
        if self._dump.get("inverse") is True:
            return inverse
        raise InvalidRecord("linear", self._dump.get("linear"), "neither linear nor inverse", code="unknown_segment")

    def _number(self, *path: str) -> Decimal | None:
        """The exact number at `path`; zero is one."""
        stated: Mapping[str, Any] = self._dump
        parsed: Any = self._parsed
        for key in path[:-1]:
            stated = rows.group(stated, key)
            parsed = parsed.get(key) if isinstance(parsed, dict) else None
        inner = parsed.get(path[-1]) if isinstance(parsed, dict) else None
        number = exact_number(".".join(path), stated.get(path[-1]), inner, self._info)
        return rows.amount({path[-1]: number}, path[-1])

    def _maximum(self, side: str) -> Decimal | None:
        if rows.is_no_limit(rows.group(rows.group(self._dump, "limits"), side).get("max")):
            return None
        return self._number("limits", side, "max") or None

    def _increment(self, side: str) -> Decimal | None:
        """The step of a price or an amount: a number of decimal places is one, a number of digits is none."""
        number = self._number("precision", side)
        if number is None or self._exchange.counts_digits:
            return None
        if not self._exchange.counts_places:
            return number or None
        if number != number.to_integral_value() or number > 100:
            raise InvalidRecord(f"precision.{side}", number, "decimal places are expected", code="invalid_amount")
        return Decimal(1).scaleb(-int(number))

    def _limits(self) -> dict[str, Any]:
        amount = {"min": self._number("limits", "amount", "min"), "max": self._maximum("amount")}
        lot = self._increment("amount")
        if self._is_of("deribit") and self._kind != "spot" and (size := self._number("contractSize")):
            # ccxt hands on Deribit's amounts, which are in coins or dollars.
            amount = {k: None if n is None else rows.quotient("limits.amount", n, size) for k, n in amount.items()}
            lot = rows.quotient("precision.amount", lot, size) if lot else None
        return known(
            tick_size=self._increment("price"),
            lot_size=lot,
            min_quantity=amount["min"],
            max_quantity=amount["max"],
            min_price=None if self._is_of("deribit") else self._number("limits", "price", "min"),
            max_price=self._maximum("price"),
            min_notional=self._number("limits", "cost", "min"),
            **self._fees(),
        )

    def _fees(self) -> dict[str, Decimal | None]:
        """In basis points; of some exchanges an absolute amount, which is none."""
        if self._dump.get("percentage") is False:
            return {}
        rates = {key: exact_number(key, self._dump.get(key), None, self._info) for key in ("maker", "taker")}
        return {f"{key}_fee_bps": rows.basis_points(rates, key) for key in rates}

    def _status(self) -> dict[str, Any]:
        """Of `active`; for Kraken it is false also where the exchange says nothing."""
        is_active = self._dump.get("active")
        if not isinstance(is_active, bool) or (self._is_of("kraken") and "status" not in self._native):
            return {}
        return {"status": "active" if is_active else "suspended"}

    def _contract_size(self) -> Decimal | None:
        """How much one contract is. Bybit's are one unit each; OKX's have a multiplier that ccxt leaves out."""
        if self._is_of("bybit"):
            return Decimal(1)
        size = self._number("contractSize") or None
        if size and self._is_of("okx"):
            multiplier = rows.positive(self._native, "ctMult")
            return rows.product("contractSize", size, multiplier) if multiplier else None
        return size


IMPORTER = CcxtImporter()
