"""Broker contracts: what a broker lets its customers trade, under the broker's own symbol."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from catalog.domain.base import (
    Amount,
    Clock,
    CurrencyCode,
    EndMoment,
    Generation,
    IdText,
    Increment,
    Key,
    Mic,
    Record,
    Slug,
    Text,
    Zone,
)
from catalog.domain.vocabulary import SettlementType
from catalog.errors import InvalidRecord

#: Contract details by what is traded: those of one line exclude those of the others.
DETAILS: dict[str, tuple[str, ...]] = {
    "stock": ("shares_outstanding", "dividend_yield"),
    "future": ("tick_value", "settlement_type"),
    "option": ("premium_multiplier",),
}
_SESSIONS = (
    ("session_open", "session_close"),
    ("pre_market_open", "pre_market_close"),
    ("after_hours_open", "after_hours_close"),
)


class BrokerContract(Record):
    """An instrument as a broker offers it. `mic` is the market to which the broker routes.

    Session times are those of a regular day in `timezone` (an IANA name); a session whose close is before its open
    ends on the next day. Margins per contract are in `margin_currency`; margin rates and the dividend yield are
    fractions. `tick_value` is what one tick of one contract is worth, `premium_multiplier` what an option's premium
    is multiplied with.
    """

    record: Literal["broker_contract"] = "broker_contract"
    broker: Slug
    symbol: Key
    generation: Generation | None = None
    instrument_id: IdText | None = None
    mic: Mic | None = None
    name: Text | None = None
    timezone: Zone | None = None
    session_open: Clock | None = None
    session_close: Clock | None = None
    pre_market_open: Clock | None = None
    pre_market_close: Clock | None = None
    after_hours_open: Clock | None = None
    after_hours_close: Clock | None = None
    shares_outstanding: Amount | None = None
    dividend_yield: Amount | None = None
    contract_multiplier: Increment | None = None
    tick_value: Increment | None = None
    settlement_type: SettlementType | None = None
    premium_multiplier: Increment | None = None
    margin_currency: CurrencyCode | None = None
    initial_margin: Amount | None = None
    maintenance_margin: Amount | None = None
    long_margin_rate: Amount | None = None
    short_margin_rate: Amount | None = None
    tick_size: Increment | None = None
    lot_size: Increment | None = None
    min_quantity: Amount | None = None
    is_tradable: bool | None = None
    is_marginable: bool | None = None
    is_shortable: bool | None = None
    is_easy_to_borrow: bool | None = None
    is_fractionable: bool | None = None
    venue_status: Key | None = None
    delist_at: EndMoment = None

    IDENTITY: ClassVar = ("broker", "symbol", "generation")
    BREAKING: ClassVar = ("contract_multiplier",)
    REFERENCES: ClassVar = {"instrument_id": "instrument"}

    @model_validator(mode="after")
    def _consistent(self) -> BrokerContract:
        for start, end in _SESSIONS:
            if (getattr(self, start) is None) != (getattr(self, end) is None):
                raise InvalidRecord(start, "half a session", f"{start} and {end} come together")
            if getattr(self, start) is not None and self.timezone is None:
                raise InvalidRecord("timezone", "nothing", "session times need one", code="missing_field")
        details = [(kind, name) for kind, names in DETAILS.items() for name in names if getattr(self, name) is not None]
        if len({kind for kind, _ in details}) > 1:
            (first, one), (other, two) = details[0], details[-1]
            raise InvalidRecord(two, getattr(self, two), f"of a contract on {other}s, and {one} of one on {first}s")
        return self

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.broker, self.symbol, self.generation or "")
