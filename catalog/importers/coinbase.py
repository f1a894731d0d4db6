"""`coinbase`: the products of Coinbase Exchange, that is every asset once and every pair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO

from catalog.domain import text
from catalog.domain.pairs import Pair
from catalog.domain.vocabulary import Authority
from catalog.errors import InvalidRecord
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.exchange_rows import (
    CODES,
    Assets,
    Mention,
    market_generation,
    optional_key,
    read_market,
    required_key,
)
from catalog.importers.json_document import read_array, read_head
from catalog.importers.json_values import optional_decimal

EXCHANGE = "coinbase"
ACTIVE_STATUSES = frozenset({"online"})
#: The exchange's restrictions, in the order in which they stand in `venue_status`; True where nothing trades under it.
RESTRICTIONS: dict[str, bool] = {
    "trading_disabled": True,
    "cancel_only": True,
    "post_only": True,
    "limit_only": False,
    "auction_mode": True,
}
# Their field, ours, and whether zero means that there is none.
_LIMITS = (
    ("quote_increment", "tick_size", True),
    ("base_increment", "lot_size", True),
    ("base_min_size", "min_quantity", False),
    ("base_max_size", "max_quantity", True),
    ("min_market_funds", "min_notional", False),
)


class CoinbaseImporter:
    """`[{id, base_currency, quote_currency, quote_increment, …}]` of GET /products, with or without base_min_size."""

    source = "coinbase"
    authority: Authority = "venue"
    codes: Mapping[str, str] = CODES | {
        "not_an_object": "the row is not a JSON object",
        "missing_symbol": "no id, base_currency or quote_currency, or a blank one",
        "invalid_symbol": "the id is no text, is longer than 255 bytes, or has control characters",
        "invalid_base_currency": "the same of base_currency",
        "invalid_quote_currency": "the same of quote_currency",
        "invalid_status": "the same of the status, or it would be too long with the restrictions",
        "invalid_restriction": "cancel_only or the like is neither true nor false",
        "invalid_amount": "an increment, size or fund is no decimal of at most 18 digits, or is negative",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether the document is an array of objects with id, base_currency, quote_currency and quote_increment."""
        return any(
            isinstance(r.value, dict) and r.value.keys() >= {"id", "base_currency", "quote_currency", "quote_increment"}
            for r in read_head(head, frozenset())
            if r.is_element and r.member is None
        )

    def heading(self, stream: BinaryIO) -> Heading:  # noqa: ARG002
        """The feed `spot`; the payload has no time."""
        return Heading("spot")

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        """Every asset once, then every pair."""
        assets = Assets(EXCHANGE, observed_at, read_array(stream, None, may_be_document=True), _mentions)
        yield from assets.results()
        for row in read_array(stream, None, may_be_document=True):
            yield read_market(row, "pair", lambda value: _pair(value, assets, observed_at))


def _mentions(row: dict[str, Any]) -> tuple[Mention, Mention]:
    return (
        Mention(required_key(row, "base_currency", "base_currency"), "base_currency"),
        Mention(required_key(row, "quote_currency", "quote_currency"), "quote_currency"),
    )


def _pair(row: dict[str, Any], assets: Assets, moment: datetime | None) -> Pair:
    symbol = required_key(row, "id", "symbol")
    base, quote = (assets.find(mention.code) for mention in _mentions(row))
    fields: dict[str, Any] = {**_status(row), **market_generation(EXCHANGE, symbol, moment, base, quote)}
    for key, ours, is_none_at_zero in _LIMITS:
        number = optional_decimal(row.get(key), key, "invalid_amount")
        if number is not None and not (is_none_at_zero and not number):
            fields[ours] = number
    return Pair(exchange=EXCHANGE, market_kind="spot", symbol=symbol, base_id=base.id, quote_id=quote.id, **fields)


def _status(row: dict[str, Any]) -> dict[str, str]:
    """Our status, and the exchange's word with the restrictions that are in force behind it: `online limit_only`."""
    word = optional_key(row, "status", "status")
    restrictions = [name for name in RESTRICTIONS if _is_set(row, name)]
    words = [word, *restrictions] if word else restrictions
    if not words:
        return {}
    found = {"venue_status": text.key(" ".join(words), "status")}
    if any(RESTRICTIONS[name] for name in restrictions):
        return found | {"status": "suspended"}
    return found | ({"status": "active" if word in ACTIVE_STATUSES else "suspended"} if word else {})


def _is_set(row: dict[str, Any], name: str) -> bool:
    value = row.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InvalidRecord(name, value, "true or false is expected", code="invalid_restriction")


IMPORTER = CoinbaseImporter()
