"""Exchange pairs: two assets that a crypto exchange trades against each other."""

from __future__ import annotations

from typing import ClassVar, Literal

from catalog.domain.base import Amount, EndMoment, Generation, IdText, Increment, Key, Record, Signed, Slug
from catalog.domain.vocabulary import MarketKind


class Pair(Record):
    """A spot market of a crypto exchange. `symbol` is the exchange's own; sizes in base, prices and notional in quote.

    Fees are in basis points. `venue_status` is the exchange's own word behind `status`.
    """

    record: Literal["pair"] = "pair"
    exchange: Slug
    market_kind: MarketKind = "spot"
    symbol: Key
    generation: Generation | None = None
    base_id: IdText
    quote_id: IdText
    tick_size: Increment | None = None
    lot_size: Increment | None = None
    min_quantity: Amount | None = None
    max_quantity: Amount | None = None
    min_price: Amount | None = None
    max_price: Amount | None = None
    min_notional: Amount | None = None
    maker_fee_bps: Signed | None = None
    taker_fee_bps: Signed | None = None
    venue_status: Key | None = None
    delist_at: EndMoment = None

    IDENTITY: ClassVar = ("exchange", "market_kind", "symbol", "generation")
    REFERENCES: ClassVar = {"base_id": "instrument", "quote_id": "instrument"}

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.exchange, self.market_kind, self.symbol, self.generation or "")
