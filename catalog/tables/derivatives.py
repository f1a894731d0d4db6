"""Futures, perpetuals and options."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import (
    Amount,
    CurrencyCode,
    Day,
    EndMoment,
    FreeText,
    Generation,
    Increment,
    Key,
    Mic,
    Moment,
    Signed,
)
from catalog.tables.instruments import OfInstrument
from catalog.tables.metadata import Base


class _Contract:
    """The columns that futures and options have in common."""

    id: Mapped[OfInstrument]
    mic: Mapped[Mic | None] = mapped_column(ForeignKey("venues.mic"), comment="MIC of the exchange that lists it")
    exchange: Mapped[str | None] = mapped_column(ForeignKey("venues.slug"), comment="Slug of the exchange")
    segment: Mapped[Key | None] = mapped_column(comment="Part of the exchange, such as usdm")
    symbol: Mapped[Key] = mapped_column(index=True, comment="The exchange's own symbol; the OSI symbol of OCC options")
    generation: Mapped[Generation | None] = mapped_column(comment="2, 3 … for a later holder of a reused symbol")
    product: Mapped[Key | None] = mapped_column(index=True, comment="The exchange's root code, such as ES")
    underlying_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("instruments.id"), index=True, comment="What the contract is on"
    )
    quote_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("instruments.id"), index=True, comment="Asset that prices are in"
    )
    settlement_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("instruments.id"), index=True, comment="Asset that it settles in"
    )
    margin_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("instruments.id"), index=True, comment="Asset that margin is paid in"
    )
    currency: Mapped[CurrencyCode | None] = mapped_column(comment="Currency of the price, ISO 4217")
    contract_multiplier: Mapped[Increment | None] = mapped_column(
        comment="How much of the underlying one contract is; NULL when unknown or while feeds disagree"
    )
    tick_size: Mapped[Increment | None] = mapped_column(comment="Smallest price step")
    lot_size: Mapped[Increment | None] = mapped_column(comment="Smallest quantity step, in contracts")
    min_quantity: Mapped[Amount | None] = mapped_column(comment="Smallest order, in contracts")
    max_quantity: Mapped[Amount | None] = mapped_column(comment="Largest order, in contracts")
    min_price: Mapped[Amount | None] = mapped_column(comment="Lowest price")
    max_price: Mapped[Amount | None] = mapped_column(comment="Highest price")
    min_notional: Mapped[Amount | None] = mapped_column(comment="Smallest order value")
    maker_fee_bps: Mapped[Signed | None] = mapped_column(comment="Fee of a resting order, basis points")
    taker_fee_bps: Mapped[Signed | None] = mapped_column(comment="Fee of an order that takes, basis points")
    settlement_type: Mapped[str | None] = mapped_column(
        ForeignKey("settlement_types.settlement_type"), comment="cash or physical"
    )
    first_trading_date: Mapped[Day | None] = mapped_column(comment="First day of trading, venue's calendar")
    expires_at: Mapped[Moment | None] = mapped_column(comment="The exact moment of expiration, if known")
    delist_at: Mapped[EndMoment | None] = mapped_column(comment="From when on it trades no more")
    venue_status: Mapped[Key | None] = mapped_column(comment="The exchange's own word for the status")


class FutureRow(_Contract, Base):
    __tablename__ = "futures"
    __table_args__ = (
        UniqueConstraint(
            "mic", "exchange", "segment", "symbol", "last_trading_date", "generation",
            name="uq_futures__identity", postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint("num_nonnulls(mic, exchange) = 1", name="mic_or_exchange"),
        CheckConstraint("first_trading_date <= last_trading_date", name="listed_before_its_end"),
        CheckConstraint("expires_at IS NULL OR last_trading_date IS NOT NULL", name="a_perpetual_does_not_expire"),
        CheckConstraint("last_trading_date < '2099-01-01'", name="no_sentinel"),
        {"comment": "Futures and perpetuals"},
    )  # fmt: skip

    last_trading_date: Mapped[Day | None] = mapped_column(
        index=True, comment="Last day of trading, venue's calendar; NULL for a perpetual"
    )
    is_inverse: Mapped[bool | None] = mapped_column(comment="True when settled in what it is on")


class OptionRow(_Contract, Base):
    __tablename__ = "options"
    __table_args__ = (
        Index(
            "uq_options__osi_root_expiry_date_option_kind_strike_price",
            "osi_root", "expiry_date", "option_kind", "strike_price",
            unique=True, postgresql_where=text("osi_root IS NOT NULL"),
        ),
        Index(
            "uq_options__identity", "mic", "exchange", "segment", "symbol", "expiry_date", "generation",
            unique=True, postgresql_nulls_not_distinct=True, postgresql_where=text("osi_root IS NULL"),
        ),
        CheckConstraint("num_nonnulls(osi_root, mic, exchange) = 1", name="osi_root_or_exchange"),
        CheckConstraint("osi_root ~ '^[A-Z0-9]{1,6}$'", name="osi_root_form"),
        CheckConstraint("first_trading_date <= expiry_date", name="listed_before_its_end"),
        {"comment": "Options: cleared by OCC (with an OSI root), or of one exchange"},
    )  # fmt: skip

    osi_root: Mapped[str | None] = mapped_column(Text, comment="Root of the OSI symbol, of options cleared by OCC")
    expiry_date: Mapped[Day] = mapped_column(index=True, comment="Day of expiration, venue's calendar")
    option_kind: Mapped[str] = mapped_column(ForeignKey("option_kinds.option_kind"), comment="call or put")
    strike_price: Mapped[Increment] = mapped_column(comment="Strike price")
    exercise_style: Mapped[str | None] = mapped_column(
        ForeignKey("exercise_styles.exercise_style"), comment="american, european or bermudan"
    )
    is_adjusted: Mapped[bool | None] = mapped_column(comment="True when a corporate action changed what it delivers")
    deliverable: Mapped[FreeText | None] = mapped_column(comment="What one contract delivers, in words")
