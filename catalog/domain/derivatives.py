"""Futures, perpetuals and options: contracts on something else, of an exchange or cleared by OCC."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from catalog.domain import calendar, identifiers
from catalog.domain.base import (
    Amount,
    CurrencyCode,
    Day,
    EndMoment,
    Generation,
    IdText,
    Increment,
    Key,
    Moment,
    Record,
    Signed,
    Slug,
    Text,
)
from catalog.domain.decimals import format_decimal
from catalog.domain.vocabulary import EXCHANGES, PLATFORMS, ExerciseStyle, OptionKind, SettlementType
from catalog.errors import InvalidRecord

#: A strike of an OSI symbol has five digits and three decimal places.
OSI_STRIKE_LIMIT = Decimal(100_000)
OSI_STRIKE_STEP = Decimal("0.001")


def listing_mic(value: object) -> str:
    """The MIC of the exchange that lists a contract; a platform such as GLBX is refused."""
    if not isinstance(value, str):
        raise InvalidRecord("mic", value, "text is expected")
    if value in PLATFORMS:
        raise InvalidRecord("mic", value, "a platform; name the exchange that lists the contract, such as XCME")
    return identifiers.mic(value)


def _last_trading_date(value: object) -> object:
    """A day; None for a perpetual, which feeds write as a date in 2099 or later."""
    if value is None:
        return None
    found = calendar.day(value)
    return None if found >= calendar.NEVER else found


class _Derivative(Record):
    """What futures and options have in common.

    The contract is of an exchange: `mic` or `exchange` (never both), `segment` where the exchange has several. Sizes
    are in contracts, prices in `currency` or in the asset `quote_id`; `contract_multiplier` says how much of the
    underlying one contract is. `product` is the exchange's root code (ES). Fees are in basis points. `expires_at` is
    the exact moment, where it is known; `delist_at` the moment from which it trades no more.
    """

    mic: Annotated[str, BeforeValidator(listing_mic)] | None = None
    exchange: Slug | None = None
    segment: Key | None = None
    symbol: Key | None = None
    generation: Generation | None = None
    name: Text | None = None
    product: Key | None = None
    underlying_id: IdText | None = None
    quote_id: IdText | None = None
    settlement_id: IdText | None = None
    margin_id: IdText | None = None
    currency: CurrencyCode | None = None
    contract_multiplier: Increment | None = None
    tick_size: Increment | None = None
    lot_size: Increment | None = None
    min_quantity: Amount | None = None
    max_quantity: Amount | None = None
    min_price: Amount | None = None
    max_price: Amount | None = None
    min_notional: Amount | None = None
    maker_fee_bps: Signed | None = None
    taker_fee_bps: Signed | None = None
    settlement_type: SettlementType | None = None
    first_trading_date: Day | None = None
    expires_at: Moment | None = None
    delist_at: EndMoment = None
    venue_status: Key | None = None

    BREAKING: ClassVar = ("contract_multiplier",)
    REFERENCES: ClassVar = {
        "underlying_id": "instrument",
        "quote_id": "instrument",
        "settlement_id": "instrument",
        "margin_id": "instrument",
    }

    @property
    def place(self) -> str:
        """The MIC or slug that stands in the identity; empty for an option of OCC."""
        return self.mic or self.exchange or ""

    def _check_exchange(self) -> None:
        if (self.mic is None) == (self.exchange is None):
            raise InvalidRecord(
                "mic", self.mic or "nothing", "a contract has either a MIC or an exchange's slug", code="missing_field"
            )
        if self.symbol is None:
            raise InvalidRecord("symbol", "nothing", "it is required", code="missing_field")
        check_segment(self.segment, self.exchange)

    def _check_listed_before(self, end: Any, field: str) -> None:
        if self.first_trading_date is not None and end is not None and end < self.first_trading_date:
            raise InvalidRecord(field, end, f"before its first trading date {self.first_trading_date}")


def check_segment(segment: str | None, exchange: str | None) -> None:
    """Refuse a segment that the exchange does not have by the table of docs/ids.md."""
    known = EXCHANGES.get(exchange or "")
    allowed = known.segments if known else ()
    if segment is not None and segment not in allowed:
        raise InvalidRecord(
            "segment", segment, f"one of {', '.join(allowed)} is expected" if allowed else "none is expected here"
        )


class Future(_Derivative):
    """A future, or a perpetual: one without a last trading date.

    `is_inverse` says that it is margined and settled in what it is on.
    """

    record: Literal["future"] = "future"
    last_trading_date: Annotated[Day | None, BeforeValidator(_last_trading_date)] = None
    is_inverse: bool | None = None

    IDENTITY: ClassVar = ("mic", "exchange", "segment", "symbol", "last_trading_date", "generation")

    @model_validator(mode="after")
    def _identified(self) -> Future:
        self._check_exchange()
        self._check_listed_before(self.last_trading_date, "last_trading_date")
        if self.last_trading_date is None and self.expires_at is not None:
            raise InvalidRecord("expires_at", self.expires_at, "a perpetual does not expire; see delist_at")
        return self

    @property
    def is_perpetual(self) -> bool:
        """Whether it has no expiration."""
        return self.last_trading_date is None

    @property
    def identity(self) -> tuple[str, ...]:
        day = self.last_trading_date.isoformat() if self.last_trading_date else ""
        return ("future", self.place, self.segment or "", self.symbol or "", day, self.generation or "")


class Option(_Derivative):
    """An option. One cleared by OCC has an `osi_root` and no exchange: every US options exchange trades it.

    Its `symbol` is then the 21 characters of the Option Symbology Initiative (`AAPL  250620C00100000`), made here.
    An adjusted option has a root with a digit (`GE1`) and says in `deliverable` what one contract delivers.
    """

    record: Literal["option"] = "option"
    osi_root: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,6}$")] | None = None
    expiry_date: Day
    option_kind: OptionKind
    strike_price: Increment
    exercise_style: ExerciseStyle | None = None
    is_adjusted: bool | None = None
    deliverable: Text | None = None

    IDENTITY: ClassVar = (
        "osi_root", "mic", "exchange", "segment", "symbol", "expiry_date", "option_kind", "strike_price", "generation",
    )  # fmt: skip

    @model_validator(mode="after")
    def _identified(self) -> Option:
        self._check_listed_before(self.expiry_date, "expiry_date")
        if self.osi_root is None:
            self._check_exchange()
            return self
        for field in ("mic", "exchange", "segment", "generation"):
            if getattr(self, field) is not None:
                raise InvalidRecord(field, getattr(self, field), "an option with an OSI root is of no single exchange")
        symbol = osi_symbol(self)
        if self.symbol not in (None, symbol):
            raise InvalidRecord("symbol", self.symbol, f"the OSI symbol of these terms is `{symbol}`")
        if self.symbol is None:
            self.__dict__["symbol"] = symbol
            self.__pydantic_fields_set__.add("symbol")
        return self

    @property
    def identity(self) -> tuple[str, ...]:
        day = self.expiry_date.isoformat()
        if self.osi_root is not None:
            return ("occ-option", self.osi_root, day, self.option_kind[0].upper(), format_decimal(self.strike_price))
        return ("option", self.place, self.segment or "", self.symbol or "", day, self.generation or "")


def osi_symbol(option: Option) -> str:
    """The 21-character symbol of the Option Symbology Initiative (OCC, 2010): root, yymmdd, C or P, strike × 1000."""
    strike = option.strike_price
    if strike >= OSI_STRIKE_LIMIT or strike % OSI_STRIKE_STEP:
        raise InvalidRecord("strike_price", strike, "an OSI strike is below 100000 with at most three decimal places")
    day = option.expiry_date.strftime("%y%m%d")
    return f"{option.osi_root:<6}{day}{option.option_kind[0].upper()}{int(strike * 1000):08d}"
