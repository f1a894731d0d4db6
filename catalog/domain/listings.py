"""Listings: an instrument on a venue under a local symbol, its home market included."""

from __future__ import annotations

from typing import ClassVar, Literal

from catalog.domain.base import CurrencyCode, EndMoment, IdText, Increment, Key, Record


class Listing(Record):
    """An instrument that trades on a venue. It has no id: its key is (instrument, venue, local symbol)."""

    record: Literal["listing"] = "listing"
    instrument_id: IdText
    venue_id: IdText
    symbol: Key | None = None
    currency: CurrencyCode | None = None
    tick_size: Increment | None = None
    lot_size: Increment | None = None
    delist_at: EndMoment = None

    IDENTITY: ClassVar = ("instrument_id", "venue_id", "symbol")
    REFERENCES: ClassVar = {"instrument_id": "instrument", "venue_id": "venue"}

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.instrument_id, self.venue_id, self.symbol or "")

    @property
    def key(self) -> str:
        """The name of a listing everywhere: `INSTRUMENT@VENUE[:SYMBOL]`."""
        return f"{self.instrument_id}@{self.venue_id}" + (f":{self.symbol}" if self.symbol else "")
