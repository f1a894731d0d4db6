"""`kraken`: the tradable asset pairs of Kraken's spot market, that is every asset once and every pair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, BinaryIO

from catalog.domain.decimals import MIN_EXPONENT
from catalog.domain.pairs import Pair
from catalog.domain.vocabulary import Authority
from catalog.errors import InvalidRecord, PayloadError, quote
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.exchange_rows import CODES, Assets, Mention, market_generation, optional_key, read_market
from catalog.importers.exchange_rows import required_key as required
from catalog.importers.json_document import Row, read_head, read_rows
from catalog.importers.json_values import is_unset, optional_decimal, whole_number

EXCHANGE = "kraken"
#: The exchange's words for a pair that trades; behind every other word it does not, at least for now.
ACTIVE_STATUSES = frozenset({"online", "limit_only"})
#: Where a pair has its names beside its key: the short one of the REST interface, and that of the WebSocket feeds.
NAMES = ("altname", "wsname")
_OBJECTS = frozenset({"result"})
_HUNDRED = Decimal(100)


class KrakenImporter:
    """`{error: [], result: {KEY: {altname, base, quote, pair_decimals, …}}}` of GET /0/public/AssetPairs."""

    source = "kraken"
    authority: Authority = "venue"
    codes: Mapping[str, str] = CODES | {
        "duplicate_key": "an object of the row has a key twice, or an earlier pair has the same key",
        "not_an_object": "the pair is not a JSON object",
        "missing_symbol": "a blank key, or no base or quote, or a blank one",
        "invalid_symbol": "the pair's key is longer than 255 bytes, or has control characters",
        "invalid_base": "base is no text, is longer than 255 bytes, or has control characters",
        "invalid_quote": "the same of quote",
        "invalid_other_symbol": "the same of altname or wsname",
        "invalid_status": "the same of status",
        "invalid_amount": "tick_size, ordermin or costmin is no decimal of at most 18 digits, or is negative",
        "invalid_precision": "pair_decimals or lot_decimals is no whole number from 0 to 128",
        "invalid_fee": "fees or fees_maker is no list of [volume, percent], or the first percentage is none",
        "unknown_lot_multiplier": "lot_multiplier is not 1, so that sizes would be in something else than the base",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether `result` holds objects with altname, base, quote and pair_decimals."""
        return any(
            isinstance(r.value, dict) and r.value.keys() >= {"altname", "base", "quote", "pair_decimals"}
            for r in read_head(head, frozenset(), _OBJECTS)
            if r.is_element and r.member == "result"
        )

    def heading(self, stream: BinaryIO) -> Heading:  # noqa: ARG002
        """The feed `spot`; the payload has no time."""
        return Heading("spot")

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        """Every asset once, then every pair."""
        assets = Assets(EXCHANGE, observed_at, _rows(stream), _mentions)
        yield from assets.results()
        for row in _rows(stream):
            yield read_market(row, "pair", partial(_pair, row.key, assets=assets, moment=observed_at))


def _rows(stream: BinaryIO) -> Iterator[Row]:
    """The pairs of the payload. Raises PayloadError for an answer that is an error."""
    is_there = False
    for row in read_rows(stream, frozenset(), _OBJECTS):
        if row.member == "error" and row.value not in ([], None):
            raise PayloadError(f"the exchange answered with an error: {quote(row.text)}", row.place)
        if row.member != "result":
            continue
        if row.is_element:
            yield row
        elif row.value != {}:
            raise PayloadError("an object is expected", row.place)
        is_there = True
    if not is_there:
        raise PayloadError("there is no object `result`")


def _mentions(row: dict[str, Any]) -> tuple[Mention, Mention]:
    return Mention(required(row, "base", "base"), "base"), Mention(required(row, "quote", "quote"), "quote")


def _pair(key: str, row: dict[str, Any], assets: Assets, moment: datetime | None) -> Pair:
    symbol = required({"key": key}, "key", "symbol")
    base, quote = (assets.find(mention.code) for mention in _mentions(row))
    if optional_decimal(row.get("lot_multiplier"), "lot_multiplier", "unknown_lot_multiplier") not in (None, 1):
        reason = "1 is expected"
        raise InvalidRecord("lot_multiplier", row["lot_multiplier"], reason, code="unknown_lot_multiplier")
    found = {
        "tick_size": _amount(row, "tick_size") or _step(row, "pair_decimals"),
        "lot_size": _step(row, "lot_decimals"),
        "min_quantity": _amount(row, "ordermin"),
        "min_notional": _amount(row, "costmin"),
        "taker_fee_bps": _fee(row, "fees"),
        "maker_fee_bps": _fee(row, "fees_maker"),
    }
    fields: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
    if others := {optional_key(row, name, "other_symbol") for name in NAMES} - {symbol, None}:
        fields["other_symbols"] = tuple(others)
    if word := optional_key(row, "status", "status"):
        fields |= {"venue_status": word, "status": "active" if word in ACTIVE_STATUSES else "suspended"}
    fields |= market_generation(EXCHANGE, symbol, moment, base, quote)
    return Pair(exchange=EXCHANGE, market_kind="spot", symbol=symbol, base_id=base.id, quote_id=quote.id, **fields)


def _amount(row: dict[str, Any], key: str) -> Decimal | None:
    return optional_decimal(row.get(key), key, "invalid_amount")


def _step(row: dict[str, Any], key: str) -> Decimal | None:
    """The step of a number of decimal places: 10^-n."""
    if is_unset(value := row.get(key)):
        return None
    places = whole_number(value)
    if places is None or not 0 <= places <= -MIN_EXPONENT:
        reason = f"a whole number from 0 to {-MIN_EXPONENT} is expected"
        raise InvalidRecord(key, value, reason, code="invalid_precision")
    return Decimal(1).scaleb(-places)


def _fee(row: dict[str, Any], key: str) -> Decimal | None:
    """The fee of the first tier, that of the least volume, in basis points; the payload has it in per cent."""
    tiers = row.get(key)
    if tiers is None or tiers == []:
        return None
    if not isinstance(tiers, list) or not isinstance(tiers[0], list) or len(tiers[0]) != 2:
        raise InvalidRecord(key, tiers, "a list of [volume, percent] is expected", code="invalid_fee")
    percent = optional_decimal(tiers[0][1], key, "invalid_fee", is_signed=True)
    if percent is None or abs(percent) > _HUNDRED:
        raise InvalidRecord(key, tiers[0][1], "a percentage is expected", code="invalid_fee")
    return percent * _HUNDRED


IMPORTER = KrakenImporter()
