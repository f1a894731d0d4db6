"""What the exchangeInfo of Binance's spot and derivatives markets have in common: filters, statuses and times."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from catalog.domain.calendar import NEVER
from catalog.errors import InvalidRecord
from catalog.importers.exchange_rows import CODES as EXCHANGE_CODES
from catalog.importers.exchange_rows import optional_key
from catalog.importers.json_values import is_unset, optional_decimal, require_object, whole_number

EXCHANGE = "binance"
ARRAYS = frozenset({"symbols"})
#: The exchange's words for a market that trades; behind every other word it does not, at least for now.
ACTIVE_STATUSES = frozenset({"TRADING"})
CODES = EXCHANGE_CODES | {
    "not_an_object": "the row, its filters or one of them have another JSON type",
    "invalid_base_asset": "the same of baseAsset",
    "invalid_quote_asset": "the same of quoteAsset",
    "invalid_status": "the status is no text, is longer than 255 bytes, or has control characters",
    "duplicate_filter": "the market has two different filters of one type",
    "invalid_filter": "a filter's number is no decimal of at most 18 digits, or is negative",
}
# Filter, its field, ours, and whether zero means that the rule is switched off.
_FILTERS = (
    ("PRICE_FILTER", "tickSize", "tick_size", True),
    ("PRICE_FILTER", "minPrice", "min_price", False),
    ("PRICE_FILTER", "maxPrice", "max_price", True),
    ("LOT_SIZE", "stepSize", "lot_size", True),
    ("LOT_SIZE", "minQty", "min_quantity", False),
    ("LOT_SIZE", "maxQty", "max_quantity", True),
)
# Where the least value of an order may stand: spot writes minNotional, derivatives notional.
_NOTIONALS = (("MIN_NOTIONAL", "minNotional"), ("MIN_NOTIONAL", "notional"), ("NOTIONAL", "minNotional"))
_NEVER_MILLISECONDS = int(datetime(NEVER.year, NEVER.month, NEVER.day, tzinfo=UTC).timestamp()) * 1000


def limits(value: Any) -> dict[str, Decimal]:
    """Ours of the exchange's filters. Zero switches a step or a maximum off; a minimum of zero is a minimum."""
    filters: dict[str, dict[str, Any]] = {}
    for item in value if isinstance(value, list) else [require_object(value)] if value is not None else []:
        name = require_object(item).get("filterType")
        if isinstance(name, str) and filters.setdefault(name, item) != item:
            raise InvalidRecord("filters", name, "there are two of them, and they differ", code="duplicate_filter")
    found: dict[str, Decimal] = {}
    for name, key, ours, is_off_at_zero in _FILTERS:
        number = _number(filters, name, key)
        if number is not None and not (is_off_at_zero and not number):
            found[ours] = number
    for name, key in _NOTIONALS:
        number = _number(filters, name, key)
        if number is not None:
            found.setdefault("min_notional", number)
    return found


def _number(filters: dict[str, dict[str, Any]], name: str, key: str) -> Decimal | None:
    return optional_decimal(filters.get(name, {}).get(key), f"{name}.{key}", "invalid_filter")


def status(row: dict[str, Any], key: str = "status") -> dict[str, str]:
    """Our status and the exchange's word for it; nothing where the row has none."""
    word = optional_key(row, key, "status")
    return {"venue_status": word, "status": "active" if word in ACTIVE_STATUSES else "suspended"} if word else {}


def payload_time(server_time: Any) -> datetime | None:
    """The moment of milliseconds since the epoch; None for what is no such number."""
    if not isinstance(server_time, int) or not 0 < server_time < 253_402_300_800_000:
        return None
    return _moment(server_time)


def optional_moment(row: dict[str, Any], key: str, code: str) -> datetime | None:
    """The moment of milliseconds since the epoch under `key`.

    None for null, blank, zero, and what feeds write for "never": any time from 2099 on, and 2147483647. Raises
    InvalidRecord with the given code for what is no whole number.
    """
    value = row.get(key)
    if is_unset(value):
        return None
    number = whole_number(value)
    if number is None or number < 0:
        raise InvalidRecord(key, value, "a whole number of milliseconds is expected", code=code)
    return None if number in (0, 2**31 - 1) or number >= _NEVER_MILLISECONDS else _moment(number)


def _moment(milliseconds: int) -> datetime:
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)
