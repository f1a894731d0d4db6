"""`binance`: the spot market's exchangeInfo, that is every asset once and every pair with its filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from catalog.domain import text
from catalog.domain.decimals import canonical_decimal
from catalog.domain.generations import generation_in_force, latest_generation
from catalog.domain.instruments import Asset
from catalog.domain.pairs import Pair
from catalog.domain.vocabulary import Authority
from catalog.errors import CatalogError, InvalidIdentifier, InvalidRecord, PayloadError
from catalog.importers.base import Heading, Parsed, Reject, rejected
from catalog.importers.json_document import Row, read_array, read_head, read_rows
from catalog.importers.json_values import CODES as VALUE_CODES
from catalog.importers.json_values import optional_text, require_object

EXCHANGE = "binance"
#: The exchange's words for a pair that trades; behind every other word it does not, at least for now.
ACTIVE_STATUSES = frozenset({"TRADING"})
_ARRAYS = frozenset({"symbols"})
# Filter, its field, ours, and whether zero means that the rule is switched off.
_FILTERS = (
    ("PRICE_FILTER", "tickSize", "tick_size", True),
    ("PRICE_FILTER", "minPrice", "min_price", False),
    ("PRICE_FILTER", "maxPrice", "max_price", True),
    ("LOT_SIZE", "stepSize", "lot_size", True),
    ("LOT_SIZE", "minQty", "min_quantity", False),
    ("LOT_SIZE", "maxQty", "max_quantity", True),
)
_NOTIONAL_FILTERS = ("MIN_NOTIONAL", "NOTIONAL")
# A derivative's symbol has one of these; a spot pair has none.
_DERIVATIVE_KEYS = frozenset({"contractType", "contractSize", "marginAsset"})


@dataclass
class _AssetSeen:
    """An asset as the pairs show it: where first, with which precisions; then its record, or why there is none."""

    place: str
    precisions: set[Any] = field(default_factory=set)
    record: Asset | CatalogError | None = None


class BinanceImporter:
    """`{serverTime, symbols: [{symbol, status, baseAsset, quoteAsset, filters, …}]}` of GET /api/v3/exchangeInfo."""

    source = "binance"
    authority: Authority = "venue"
    codes: Mapping[str, str] = VALUE_CODES | {
        "not_an_object": "the row, its filters or one of them have another JSON type",
        "missing_symbol": "no symbol, baseAsset or quoteAsset, or a blank one",
        "invalid_symbol": "the pair's symbol is no text, is longer than 255 bytes, or has control characters",
        "invalid_base_asset": "the same of baseAsset",
        "invalid_quote_asset": "the same of quoteAsset",
        "invalid_status": "the status is no text, is longer than 255 bytes, or has control characters",
        "duplicate_filter": "the pair has two different filters of one type",
        "invalid_filter": "a filter's number is no decimal of at most 18 digits, or is negative",
        "ambiguous_generation": "the exchange has reused the code, and neither the payload nor --observed-at says when",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether `symbols` holds pairs with baseAsset, quoteAsset and filters, and no derivative."""
        rows = read_head(head, _ARRAYS)
        if any(r.member == "futuresType" for r in rows):
            return False
        return any(
            isinstance(r.value, dict)
            and r.value.keys() >= {"symbol", "status", "baseAsset", "quoteAsset", "filters"}
            and not r.value.keys() & _DERIVATIVE_KEYS
            for r in rows
            if r.is_element and r.member == "symbols"
        )

    def heading(self, stream: BinaryIO) -> Heading:
        """The feed `spot` and the payload's serverTime."""
        has_rows = False
        try:
            for row in read_rows(stream, _ARRAYS):
                if row.member == "serverTime":
                    return Heading("spot", _moment(row.value))
                has_rows = has_rows or row.is_element
        except PayloadError:
            if not has_rows:
                raise
        return Heading("spot")

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        """Every asset once, then every pair; a second reading of the payload, so that no pair has to be kept."""
        if observed_at is None:
            observed_at = self.heading(stream).observed_at
        assets = _collect_assets(stream)
        for code, seen in assets.items():
            yield _asset(code, seen, observed_at)
        for row in read_array(stream, "symbols"):
            yield _pair(row, assets, observed_at)


def _moment(server_time: Any) -> datetime | None:
    """Milliseconds since the epoch; None for what is no such number."""
    if not isinstance(server_time, int) or not 0 < server_time < 253_402_300_800_000:
        return None
    seconds, milliseconds = divmod(server_time, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)


def _collect_assets(stream: BinaryIO) -> dict[str, _AssetSeen]:
    """The assets of all rows that a pair can be made of, as far as the payload can be read."""
    assets: dict[str, _AssetSeen] = {}
    try:
        for row in read_array(stream, "symbols"):
            if row.problem or not isinstance(row.value, dict):
                continue
            try:
                codes = _asset_codes(row.value)
            except CatalogError:
                continue
            for code, side in zip(codes, ("baseAsset", "quoteAsset"), strict=True):
                seen = assets.setdefault(code, _AssetSeen(f"{row.place}/{side}"))
                precision = row.value.get(f"{side}Precision")
                seen.precisions.add(precision if _is_precision(precision) else None)
    except PayloadError:
        pass  # the second reading raises it, behind the good pairs
    return assets


def _is_precision(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255


def _asset_codes(row: dict[str, Any]) -> tuple[str, str]:
    return _code(row, "baseAsset", "base_asset"), _code(row, "quoteAsset", "quote_asset")


def _code(row: dict[str, Any], key: str, name: str) -> str:
    try:
        value = optional_text(row, key)
    except InvalidRecord as error:
        raise InvalidRecord(key, row[key], error.reason, code=f"invalid_{name}") from None
    if value is None:
        raise InvalidRecord(key, "nothing", "it is required", code="missing_symbol")
    return text.key(value, name)


def _asset(code: str, seen: _AssetSeen, moment: datetime | None) -> Parsed | Reject:
    try:
        generation = generation_in_force(EXCHANGE, code, moment)
    except CatalogError as error:
        seen.record = error
        return rejected(seen.place, error, code, "asset")
    fields: dict[str, Any] = {"generation": generation} if generation else {}
    if len(seen.precisions) == 1 and (precision := next(iter(seen.precisions))) is not None:
        fields["decimals"] = precision
    seen.record = Asset(exchange=EXCHANGE, symbol=code, **fields)
    return Parsed(seen.record, seen.place)


def _pair(row: Row, assets: dict[str, _AssetSeen], moment: datetime | None) -> Parsed | Reject:
    try:
        if row.problem:
            raise row.problem
        return Parsed(_pair_record(require_object(row.value), assets, moment), row.place)
    except CatalogError as error:
        return rejected(row.place, error, row.text, "pair")


def _pair_record(row: dict[str, Any], assets: dict[str, _AssetSeen], moment: datetime | None) -> Pair:
    symbol = _code(row, "symbol", "symbol")
    base, quote = (_resolve(assets[code]) for code in _asset_codes(row))
    fields: dict[str, Any] = {"base_id": base.id, "quote_id": quote.id, **_limits(row.get("filters"))}
    # A symbol made of a reused code was reused with it, unless the table has moments for the symbol itself.
    generation = generation_in_force(EXCHANGE, symbol, moment) or latest_generation(base.generation, quote.generation)
    if generation:
        fields["generation"] = generation
    if status := optional_text(row, "status"):
        fields["venue_status"] = text.key(status, "status")
        fields["status"] = "active" if status in ACTIVE_STATUSES else "suspended"
    return Pair(exchange=EXCHANGE, market_kind="spot", symbol=symbol, **fields)


def _resolve(seen: _AssetSeen) -> Asset:
    if isinstance(seen.record, CatalogError):
        raise seen.record.with_traceback(None)
    assert seen.record is not None
    return seen.record


def _limits(value: Any) -> dict[str, Decimal]:
    """Ours of the exchange's filters. Zero switches a step or a maximum off; a minimum of zero is a minimum."""
    filters: dict[str, dict[str, Any]] = {}
    for item in value if isinstance(value, list) else [require_object(value)] if value is not None else []:
        name = require_object(item).get("filterType")
        if isinstance(name, str) and filters.setdefault(name, item) != item:
            raise InvalidRecord("filters", name, "there are two of them, and they differ", code="duplicate_filter")
    limits: dict[str, Decimal] = {}
    for name, key, ours, is_off_at_zero in _FILTERS:
        number = _number(filters.get(name, {}).get(key), f"{name}.{key}")
        if number is not None and not (is_off_at_zero and not number):
            limits[ours] = number
    for name in _NOTIONAL_FILTERS:
        number = _number(filters.get(name, {}).get("minNotional"), f"{name}.minNotional")
        if number is not None:
            limits.setdefault("min_notional", number)
    return limits


def _number(value: Any, field_name: str) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        number = canonical_decimal(value)
    except InvalidIdentifier as error:
        raise InvalidRecord(field_name, value, error.reason, code="invalid_filter") from None
    if number < 0:
        raise InvalidRecord(field_name, value, "negative", code="invalid_filter")
    return number


IMPORTER = BinanceImporter()
