"""`binance`: the spot market's exchangeInfo, that is every asset once and every pair with its filters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO

from catalog.domain.pairs import Pair
from catalog.domain.vocabulary import Authority
from catalog.errors import InvalidRecord, PayloadError
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.binance_rows import ARRAYS, CODES, EXCHANGE, limits, payload_time, status
from catalog.importers.exchange_rows import Assets, Mention, market_generation, read_market, required_key
from catalog.importers.json_document import read_array, read_head, read_rows

# A derivative's symbol has one of these; a spot pair has none.
_DERIVATIVE_KEYS = frozenset({"contractType", "contractSize", "marginAsset"})


class BinanceImporter:
    """`{serverTime, symbols: [{symbol, status, baseAsset, quoteAsset, filters, …}]}` of GET /api/v3/exchangeInfo."""

    source = "binance"
    authority: Authority = "venue"
    codes: Mapping[str, str] = CODES | {
        "not_spot": "the row is a contract of the futures market, which `binance-futures` reads",
        "missing_symbol": "no symbol, baseAsset or quoteAsset, or a blank one",
        "invalid_symbol": "the pair's symbol is no text, is longer than 255 bytes, or has control characters",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether `symbols` holds pairs with baseAsset, quoteAsset and filters, and no derivative."""
        rows = read_head(head, ARRAYS)
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
            for row in read_rows(stream, ARRAYS):
                if row.member == "futuresType":
                    raise PayloadError(
                        "this is the futures market's exchangeInfo", row.place, "it is for `binance-futures`"
                    )
                if row.member == "serverTime":
                    return Heading("spot", payload_time(row.value))
                has_rows = has_rows or row.is_element
        except PayloadError:
            if not has_rows:
                raise
        return Heading("spot")

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        """Every asset once, then every pair."""
        moment = observed_at or self.heading(stream).observed_at
        assets = Assets(EXCHANGE, moment, read_array(stream, "symbols"), _mentions)
        yield from assets.results()
        for row in read_array(stream, "symbols"):
            yield read_market(row, "pair", lambda value: _pair(value, assets, moment))


def _mentions(row: dict[str, Any]) -> tuple[Mention, Mention]:
    if found := sorted(row.keys() & _DERIVATIVE_KEYS):
        raise InvalidRecord(
            found[0], row[found[0]], "only a derivative has it", code="not_spot", hint="binance-futures"
        )
    base = required_key(row, "baseAsset", "base_asset")
    quote = required_key(row, "quoteAsset", "quote_asset")
    return (
        Mention(base, "baseAsset", row.get("baseAssetPrecision")),
        Mention(quote, "quoteAsset", row.get("quoteAssetPrecision")),
    )


def _pair(row: dict[str, Any], assets: Assets, moment: datetime | None) -> Pair:
    symbol = required_key(row, "symbol", "symbol")
    base, quote = (assets.find(mention.code) for mention in _mentions(row))
    fields: dict[str, Any] = {
        **limits(row.get("filters")),
        **status(row),
        **market_generation(EXCHANGE, symbol, moment, base, quote),
    }
    return Pair(exchange=EXCHANGE, market_kind="spot", symbol=symbol, base_id=base.id, quote_id=quote.id, **fields)


IMPORTER = BinanceImporter()
