"""ccxt without its network: an exchange's own parser of markets, and the exact digits of what ccxt made floats of.

ccxt is an optional dependency and slow to import, so only what needs it imports it, when it needs it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Context, Decimal
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple

from catalog.domain.decimals import canonical_decimal, format_decimal
from catalog.errors import InvalidIdentifier, InvalidRecord, PayloadError, quote

#: A binary float of 64 bits keeps every decimal of so many significant digits.
FLOAT_DIGITS = 15
#: A number of at most so many digits is told from what floating-point arithmetic left of it.
SHORT_DIGITS = 12
#: Larger powers of ten make ccxt write out as many zeros, so no number with one is given to it.
_MAX_POWER = 400
_FLOAT = Context(prec=FLOAT_DIGITS)
_WITH_POWER = re.compile(r"\s*[+-]?[\d._]*[eE][+-]?(\d+)\s*")


class Reply(NamedTuple):
    """How a class without a parser of single markets is made to parse one.

    `call` is the request whose answer lists the exchange's markets; `answer` makes such an answer of (id, info);
    `types` says which of its markets the class has to ask for, where it asks for several kinds one after the other.
    """

    call: str
    answer: Callable[[str, Any], Any]
    types: Callable[[str, Any], str] | None = None


def _bybit_category(kind: str, info: Any) -> str:
    is_contract = kind in ("swap", "future")
    return ("linear" if str(info["contractType"]).startswith("Linear") else "inverse") if is_contract else kind


#: By ccxt's id, for the classes that parse what they fetch in one piece.
REPLIES: dict[str, Reply] = {
    "bitso": Reply("publicGetAvailableBooks", lambda _, info: {"success": True, "payload": [info]}),
    "bybit": Reply(
        "publicGetV5MarketInstrumentsInfo",
        lambda _, info: (
            {"result": {"category": _bybit_category("swap", info), "list": [info]}}
            if "contractType" in info
            else {"result": {"list": [info]}}
        ),
        _bybit_category,
    ),
    "coinbaseexchange": Reply("publicGetProducts", lambda _, info: [info]),
    "coinmate": Reply("publicGetTradingPairs", lambda _, info: {"data": [info]}),
    "cryptocom": Reply("v1PublicGetPublicGetInstruments", lambda _, info: {"result": {"data": [info]}}),
    "delta": Reply("publicGetProducts", lambda _, info: {"result": [info]}),
    "deribit": Reply("publicGetGetInstruments", lambda _, info: {"result": [info]}),
    "hitbtc": Reply("publicGetPublicSymbol", lambda id, info: {id: info}),
    "kraken": Reply("publicGetAssetPairs", lambda id, info: {"result": {id: info}}),
    "krakenfutures": Reply("publicGetInstruments", lambda _, info: {"instruments": [info]}),
    "tokocrypto": Reply("publicGetOpenV1CommonSymbols", lambda _, info: {"data": {"list": [info]}}),
}
#: What a parser reads of its exchange's options that only a request would have put there, by family.
OPTIONS: dict[str, dict[str, Any]] = {"binance": {"crossMarginPairsData": [], "isolatedMarginPairsData": []}}


class OfflineExchange:
    """One of ccxt's exchanges by its id. Raises PayloadError when ccxt is not installed or has no such exchange."""

    def __init__(self, id: str) -> None:
        ccxt = _ccxt()
        if id not in ccxt.exchanges:
            near = get_close_matches(id, ccxt.exchanges, 3) or ["binance", "kraken", "okx"]
            raise PayloadError(
                f"ccxt {ccxt.__version__} has no exchange {quote(id)}", hint=f"one of ccxt's ids: {', '.join(near)} …"
            )
        known = getattr(ccxt, id)
        #: The exchange and those that it is a branch of: `binanceusdm` is of the family of `binance`.
        self.family = tuple(base.__name__ for base in known.__mro__)
        # Numbers stay the text that the exchange wrote, in the class already: its description holds some.
        parts = {"number": str, "parse_precision": _guarded(known), "fetch": _no_network}
        self._exchange = type(known.__name__, (known,), parts)({"enableRateLimit": False})
        for family in self.family:
            self._exchange.options |= OPTIONS.get(family, {})
        self.id = id
        self.name = str(self._exchange.name)
        self.is_dex = bool(getattr(self._exchange, "dex", False))
        self.counts_places = self._exchange.precisionMode == ccxt.DECIMAL_PLACES
        self.counts_digits = self._exchange.precisionMode == ccxt.SIGNIFICANT_DIGITS
        base = ccxt.Exchange
        self._is_parser = known.parse_market is not base.parse_market or known.parse_markets is not base.parse_markets

    @property
    def can_parse(self) -> bool:
        """Whether the class can make a market of its `info` alone."""
        return self._is_parser or self.id in REPLIES

    def parse(self, info: Any, id: str, kind: str) -> dict[str, Any]:
        """The market that ccxt makes of `info`, its numbers as text; empty where it makes none, or another one."""
        if not self.can_parse or info is None:
            return {}
        try:
            markets = self._markets(_native(info), id, kind)
            found = [market for market in markets if market["id"] == id and market["type"] == kind]
        except Exception:  # noqa: BLE001 - a parser of ccxt may fail with anything on what it does not expect
            return {}
        return dict(found[0]) if found else {}

    def _markets(self, info: Any, id: str, kind: str) -> Any:
        if self._is_parser:
            return self._exchange.parse_markets([info])
        reply = REPLIES[self.id]
        if reply.types:
            self._exchange.options["fetchMarkets"] = {"types": [reply.types(kind, info)]}
        setattr(self._exchange, reply.call, lambda *_: reply.answer(id, info))
        return self._exchange.fetch_markets()


def _no_network(*_: Any, **__: Any) -> Any:
    raise ConnectionError("nothing is fetched here")


def _ccxt() -> Any:
    try:
        return import_module("ccxt")
    except ImportError:
        raise PayloadError("ccxt is not installed", hint="run: pip install 'instrument-catalog[ccxt]'") from None


def _guarded(known: Any) -> Any:
    def parse_precision(exchange: Any, precision: str | None) -> Any:
        """ccxt's own, but for a number of places that no number has."""
        if precision is not None and abs(int(precision)) > _MAX_POWER:
            raise ValueError("too many decimal places")
        return known.parse_precision(exchange, precision)

    return parse_precision


def _native(value: Any) -> Any:
    """`value` as ccxt would have got it, with every number of a fraction as text."""
    if isinstance(value, dict):
        return {key: _native(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_native(inner) for inner in value]
    if isinstance(value, Decimal):
        if abs(value.adjusted()) > _MAX_POWER:
            raise ValueError("too large or too small")
        return format(value, "f")
    if isinstance(value, str) and (number := _WITH_POWER.fullmatch(value)) and int(number[1][:400]) > _MAX_POWER:
        raise ValueError("too large or too small")
    return value


def exact_number(field: str, stated: Any, parsed: Any, info: Any) -> Decimal | None:
    """The exact value of a number that the dump states; None when it states none.

    `parsed` is the same number as ccxt parsed it anew from `info`: as text, it has the exchange's own digits, and has
    to be the same float. Otherwise the digits of the dump count. Where a float has more of them than it can be trusted
    with, the one number of `info` that is this float has the true ones. Else it is what arithmetic left of a short
    number (0.0007000000000000001), or is refused, since nobody can tell which number it was.
    """
    if stated is None or stated == "":
        return None
    number = _decimal(field, stated)
    if isinstance(parsed, str):
        exact = _decimal(field, parsed)
        if float(exact) != float(number):
            reason = f"the installed ccxt reads {format_decimal(exact)} from the market's info"
            raise InvalidRecord(field, stated, reason, code="disagreement")
        return exact
    if not isinstance(stated, Decimal) or len(number.as_tuple().digits) <= FLOAT_DIGITS:
        return number
    same = {leaf for leaf in _numbers(info) if float(leaf) == float(number)}
    if len(same) == 1:
        return same.pop()
    rounded = canonical_decimal(_FLOAT.plus(number))
    if len(rounded.as_tuple().digits) > SHORT_DIGITS:
        raise InvalidRecord(
            field, stated, "a float this long is not exact, and `info` does not have it", code="inexact"
        )
    return rounded


def _decimal(field: str, value: Any) -> Decimal:
    try:
        return canonical_decimal(value)
    except InvalidIdentifier as error:
        raise InvalidRecord(field, value, error.reason, code="invalid_amount") from None


def _numbers(info: Any) -> Iterator[Decimal]:
    """Every number in `info`, be it a number or text, that can be one of ours."""
    left = [info]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        else:
            with suppress(InvalidIdentifier):
                yield canonical_decimal(value)
