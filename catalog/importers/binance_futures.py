"""`binance-futures`: the exchangeInfo of the USD-M and COIN-M markets, that is assets, perpetuals and dated futures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO, Literal, NamedTuple

from catalog.domain.derivatives import Future
from catalog.domain.vocabulary import Authority
from catalog.errors import InvalidRecord, PayloadError
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.binance_rows import ARRAYS, CODES, EXCHANGE, limits, optional_moment, payload_time, status
from catalog.importers.exchange_rows import Assets, Mention, market_generation, optional_key, read_market, required_key
from catalog.importers.json_document import Row, read_array, read_head, read_rows
from catalog.importers.json_values import optional_decimal, optional_text

Segment = Literal["usdm", "coinm"]

#: Contract types; True for those without an expiration.
CONTRACT_TYPES: dict[str, bool] = {
    "PERPETUAL": True,
    "PERPETUAL_DELIVERING": True,
    "PERPETUAL DELIVERING": True,
    "TRADIFI_PERPETUAL": True,
    "CURRENT_MONTH": False,
    "NEXT_MONTH": False,
    "CURRENT_QUARTER": False,
    "NEXT_QUARTER": False,
    "CURRENT_MONTH DELIVERING": False,
    "NEXT_MONTH DELIVERING": False,
    "CURRENT_QUARTER DELIVERING": False,
    "NEXT_QUARTER DELIVERING": False,
}
#: The underlying type whose baseAsset is an asset of the exchange; that of an index, a stock or a metal is only a name.
ASSET_TYPE = "COIN"
_COINM_KEYS = frozenset({"contractSize", "contractStatus"})


class BinanceFuturesImporter:
    """`{serverTime, symbols: [{symbol, contractType, deliveryDate, marginAsset, …}]}` of fapi and dapi exchangeInfo."""

    source = "binance-futures"
    authority: Authority = "venue"
    codes: Mapping[str, str] = CODES | {
        "missing_symbol": "no symbol, baseAsset or quoteAsset, or a blank one",
        "invalid_symbol": "the contract's symbol is no text, is longer than 255 bytes, or has control characters",
        "invalid_margin_asset": "the same of marginAsset",
        "invalid_pair": "the same of pair",
        "invalid_underlying_type": "underlyingType is no text",
        "unknown_contract_type": "contractType is blank, or a kind of contract that this importer does not know",
        "unclear_segment": "the payload does not say whether it is USD-M's, or the contract has keys of COIN-M's",
        "missing_contract_size": "a COIN-M contract without contractSize",
        "invalid_contract_size": "contractSize is no decimal of at most 18 digits above zero",
        "missing_delivery_date": "a dated contract whose deliveryDate is absent, or stands for never",
        "invalid_delivery_date": "deliveryDate is no whole number of milliseconds",
        "invalid_onboard_date": "the same of onboardDate, or it is later than deliveryDate",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether `symbols` holds contracts with contractType, baseAsset, quoteAsset and filters."""
        return any(
            isinstance(r.value, dict)
            and r.value.keys() >= {"symbol", "contractType", "deliveryDate", "baseAsset", "quoteAsset", "filters"}
            for r in read_head(head, ARRAYS)
            if r.is_element and r.member == "symbols"
        )

    def heading(self, stream: BinaryIO) -> Heading:
        """The segment as the feed, and the payload's serverTime."""
        about = _about(stream)
        return Heading(about.segment or "", about.time)

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        """Every asset once, then every contract."""
        about = _about(stream)
        moment = observed_at or about.time
        assets = Assets(EXCHANGE, moment, read_array(stream, "symbols"), _mentions)
        yield from assets.results()
        for row in read_array(stream, "symbols"):
            yield read_market(row, "future", lambda value: _future(value, about.segment, assets, moment))


class _About(NamedTuple):
    segment: Segment | None
    time: datetime | None


def _about(stream: BinaryIO) -> _About:
    """What the payload says of itself, wherever it does; `futuresType` is only in that of USD-M."""
    segment: Segment | None = None
    time: datetime | None = None
    is_timed = has_rows = False
    try:
        for row in read_rows(stream, ARRAYS):
            has_rows = has_rows or row.is_element
            if row.member == "serverTime":
                time, is_timed = payload_time(row.value), True
            segment = segment or _segment(row)
            if segment and is_timed:
                break
    except PayloadError:
        if not has_rows:
            raise
    return _About(segment, time)


def _segment(row: Row) -> Segment | None:
    """The segment that a value of the payload speaks of: `futuresType`, or a contract by its keys."""
    if row.member == "futuresType":
        return "usdm" if row.value == "U_MARGINED" else None
    if row.member != "symbols" or not row.is_element or not isinstance(row.value, dict):
        return None
    if row.value.keys() & _COINM_KEYS:
        return "coinm"
    return "usdm" if "status" in row.value else None


def _mentions(row: dict[str, Any]) -> list[Mention]:
    """The assets of a contract: base where it is one, quote, margin."""
    base = required_key(row, "baseAsset", "base_asset")
    quote = required_key(row, "quoteAsset", "quote_asset")
    found = [Mention(quote, "quoteAsset", row.get("quotePrecision"))]
    if _is_on_asset(row):
        found.insert(0, Mention(base, "baseAsset", row.get("baseAssetPrecision")))
    if margin := optional_key(row, "marginAsset", "margin_asset"):
        found.append(Mention(margin, "marginAsset"))
    return found


def _is_on_asset(row: dict[str, Any]) -> bool:
    kind = optional_text(row, "underlyingType", "invalid_underlying_type")
    return kind == ASSET_TYPE or (kind is None and row.get("contractType") != "TRADIFI_PERPETUAL")


def _future(row: dict[str, Any], segment: Segment | None, assets: Assets, moment: datetime | None) -> Future:
    symbol = required_key(row, "symbol", "symbol")
    found = {mention.key: assets.find(mention.code) for mention in _mentions(row)}
    base, quote, margin = (found.get(key) for key in ("baseAsset", "quoteAsset", "marginAsset"))
    fields: dict[str, Any] = {
        "contract_multiplier": _multiplier(row, segment),
        **_dates(row),
        **limits(row.get("filters")),
        **status(row, "contractStatus" if "contractStatus" in row else "status"),
        **market_generation(EXCHANGE, symbol, moment, base, quote, margin),
    }
    if product := optional_key(row, "pair", "pair"):
        fields["product"] = product
    if base:
        fields["underlying_id"] = base.id
    if quote:
        fields["quote_id"] = quote.id
    if margin:
        fields |= {"margin_id": margin.id, "settlement_id": margin.id, "is_inverse": margin == base}
    return Future(exchange=EXCHANGE, segment=segment, symbol=symbol, **fields)


def _multiplier(row: dict[str, Any], segment: Segment | None) -> Decimal:
    """How much one contract is: in the quote of COIN-M; a contract of USD-M is one of its base."""
    if segment is None:
        raise InvalidRecord("futuresType", "nothing", "no row says it either", code="unclear_segment")
    if segment == "usdm":
        if strange := sorted(row.keys() & _COINM_KEYS):
            raise InvalidRecord(strange[0], row[strange[0]], "a contract of USD-M has none", code="unclear_segment")
        return Decimal(1)
    size = optional_decimal(row.get("contractSize"), "contractSize", "invalid_contract_size")
    if size is None:
        raise InvalidRecord("contractSize", "nothing", "it is required", code="missing_contract_size")
    if not size:
        raise InvalidRecord("contractSize", size, "must be above zero", code="invalid_contract_size")
    return size


def _dates(row: dict[str, Any]) -> dict[str, Any]:
    """First and last trading date in UTC, and the exact moment of the end: of a perpetual, its delisting."""
    kind = optional_text(row, "contractType", "unknown_contract_type") or ""
    if kind not in CONTRACT_TYPES:
        reason = "whether it expires is not known"
        raise InvalidRecord("contractType", kind or "nothing", reason, code="unknown_contract_type")
    end = optional_moment(row, "deliveryDate", "invalid_delivery_date")
    start = optional_moment(row, "onboardDate", "invalid_onboard_date")
    if start and end and start > end:
        raise InvalidRecord("onboardDate", row["onboardDate"], "later than deliveryDate", code="invalid_onboard_date")
    found: dict[str, Any] = {"first_trading_date": start.date()} if start else {}
    if CONTRACT_TYPES[kind]:
        return found | ({"delist_at": end} if end else {})
    if end is None:
        reason = f"a contract of type {kind} has one"
        raise InvalidRecord("deliveryDate", row.get("deliveryDate") or "nothing", reason, code="missing_delivery_date")
    return found | {"last_trading_date": end.date(), "expires_at": end}


IMPORTER = BinanceFuturesImporter()
