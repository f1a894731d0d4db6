"""Exchange pairs: two assets that a crypto exchange trades against each other."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from catalog.domain.base import Amount, EndMoment, Generation, IdText, Increment, Key, Keys, Record, Signed, Slug
from catalog.domain.vocabulary import MarketKind
from catalog.errors import InvalidRecord


class Pair(Record):
    """A spot market of a crypto exchange. `symbol` is the exchange's own; sizes in base, prices and notional in quote.

    Fees are in basis points. `venue_status` is the exchange's own word behind `status`. `other_symbols` are what the
    exchange calls the same market elsewhere (in its feeds, on its website): keys to find it by, never what identifies it.
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
    other_symbols: Keys | None = None

    IDENTITY: ClassVar = ("exchange", "market_kind", "symbol", "generation")
    REFERENCES: ClassVar = {"base_id": "instrument", "quote_id": "instrument"}

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.exchange, self.market_kind, self.symbol, self.generation or "")

    @model_validator(mode="after")
    def _others_are_others(self) -> Self:
        if self.symbol in (self.other_symbols or ()):
            raise InvalidRecord("other_symbols", self.symbol, "it is the symbol itself; leave it out")
        return self
