"""ccxt without its network: an exchange's own parser of markets, and the exact digits of what ccxt made floats of.

ccxt is an optional dependency and slow to import, so only what needs it imports it, when it needs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from decimal import Context, Decimal
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from catalog.domain.decimals import canonical_decimal
from catalog.errors import InvalidIdentifier, InvalidRecord, PayloadError

#: A binary float of 64 bits keeps every decimal of so many significant digits.
FLOAT_DIGITS = 15
#: Larger powers of ten make ccxt write out as many zeros, so no number with one is given to it.
_MAX_POWER = 400
_FLOAT = Context(prec=FLOAT_DIGITS)
_POWER = re.compile(r"[eE][+-]?0*([1-9][0-9]*)")


class OfflineExchange:
    """One of ccxt's exchanges by its id. Raises PayloadError when ccxt is not installed or has no such exchange."""

    def __init__(self, id: str) -> None:
        ccxt = _ccxt()
        if id not in ccxt.exchanges:
            near = get_close_matches(id, ccxt.exchanges, 3) or ["binance", "kraken", "okx"]
            raise PayloadError(
                f"ccxt {ccxt.__version__} has no exchange `{id}`", hint=f"one of ccxt's ids: {', '.join(near)} …"
            )
        known = getattr(ccxt, id)
        # Numbers stay the text that the exchange wrote, in the class already: its description holds some.
        exact = type(known.__name__, (known,), {"number": str, "parse_precision": _guarded(known)})
        self._exchange = exact({"enableRateLimit": False})
        self.id = id
        self.name = str(self._exchange.name)
        self.is_dex = bool(getattr(self._exchange, "dex", False))
        self.version = str(ccxt.__version__)
        #: The exchange and those that it is a branch of: `binanceusdm` is of the family of `binance`.
        self.family = tuple(base.__name__ for base in known.__mro__)
        base = ccxt.Exchange
        self.has_parser = known.parse_market is not base.parse_market or known.parse_markets is not base.parse_markets
        self.counts_places = self._exchange.precisionMode == ccxt.DECIMAL_PLACES
        self.counts_digits = self._exchange.precisionMode == ccxt.SIGNIFICANT_DIGITS

    def parse(self, info: Any, id: str, kind: str) -> dict[str, Any]:
        """The market that ccxt makes of `info`, its numbers as text; empty where it makes none, or another one."""
        if not self.has_parser or info is None:
            return {}
        try:
            [market] = self._exchange.parse_markets([_native(info)])
            is_it = market["id"] == id and market["type"] == kind
        except Exception:  # noqa: BLE001 - a parser of ccxt may fail with anything on what it does not expect
            return {}
        return market if is_it else {}


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
    if isinstance(value, str) and any(len(p) > 3 or int(p) > _MAX_POWER for p in _POWER.findall(value)):
        raise ValueError("too large or too small")
    return value


def exact_number(field: str, stated: Any, parsed: Any, info: Any) -> Decimal | None:
    """The exact value of a number that the dump states; None when it states none.

    `parsed` is the same number as ccxt parsed it anew from `info`: as text, it has the exchange's own digits, and has
    to be the same float. Otherwise the digits of the dump count. Where a float has more of them than it can be trusted
    with, the one number of `info` that is this float has the true ones, else it is rounded to what can be trusted.
    """
    if stated is None or stated == "":
        return None
    number = _decimal(field, stated)
    if isinstance(parsed, str):
        exact = _decimal(field, parsed)
        if float(exact) != float(number):
            reason = f"the installed ccxt reads {exact} from the market's info"
            raise InvalidRecord(field, stated, reason, code="disagreement")
        return exact
    if not isinstance(stated, Decimal) or len(number.as_tuple().digits) <= FLOAT_DIGITS:
        return number
    same = {leaf for leaf in _numbers(info) if float(leaf) == float(number)}
    return same.pop() if len(same) == 1 else canonical_decimal(_FLOAT.plus(number))


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
