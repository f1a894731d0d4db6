"""Broker contracts: what brokers offer."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import (
    Amount,
    Clock,
    CurrencyCode,
    EndMoment,
    FreeText,
    Generation,
    Increment,
    Key,
    Mic,
    Zone,
)
from catalog.tables.metadata import Base


class BrokerContractRow(Base):
    __tablename__ = "broker_contracts"
    __table_args__ = (
        UniqueConstraint("broker", "symbol", "generation", postgresql_nulls_not_distinct=True),
        CheckConstraint("(session_open IS NULL) = (session_close IS NULL)", name="whole_session"),
        CheckConstraint(
            "timezone IS NOT NULL OR coalesce(session_open, pre_market_open, after_hours_open) IS NULL",
            name="session_in_a_zone",
        ),
        CheckConstraint("(pre_market_open IS NULL) = (pre_market_close IS NULL)", name="whole_pre_market"),
        CheckConstraint("(after_hours_open IS NULL) = (after_hours_close IS NULL)", name="whole_after_hours"),
        CheckConstraint(
            """(num_nonnulls(shares_outstanding, dividend_yield) > 0)::int
            + (num_nonnulls(tick_value, settlement_type) > 0)::int + (premium_multiplier IS NOT NULL)::int <= 1""",
            name="details_of_one_kind",
        ),
        {"comment": "Instruments as brokers offer them"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, comment="Broker contract id")
    broker: Mapped[str] = mapped_column(ForeignKey("venues.slug"), comment="Slug of the broker")
    symbol: Mapped[Key] = mapped_column(index=True, comment="The broker's own symbol")
    generation: Mapped[Generation | None] = mapped_column(comment="2, 3 … for a later holder of a reused symbol")
    instrument_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("instruments.id"), index=True, comment="What it is; NULL while several instruments may be meant"
    )
    mic: Mapped[Mic | None] = mapped_column(ForeignKey("venues.mic"), comment="Market that the broker routes to")
    name: Mapped[FreeText | None] = mapped_column(comment="Name")
    timezone: Mapped[Zone | None] = mapped_column(comment="IANA time zone of the session times")
    session_open: Mapped[Clock | None] = mapped_column(comment="Opening of a regular session, local time")
    session_close: Mapped[Clock | None] = mapped_column(comment="Close; before the opening when on the next day")
    pre_market_open: Mapped[Clock | None] = mapped_column(comment="Beginning of trading before the session")
    pre_market_close: Mapped[Clock | None] = mapped_column(comment="End of trading before the session")
    after_hours_open: Mapped[Clock | None] = mapped_column(comment="Beginning of trading after the session")
    after_hours_close: Mapped[Clock | None] = mapped_column(comment="End of trading after the session")
    shares_outstanding: Mapped[Amount | None] = mapped_column(comment="Shares in existence, of a stock")
    dividend_yield: Mapped[Amount | None] = mapped_column(comment="Yearly dividends over price, of a stock, fraction")
    contract_multiplier: Mapped[Increment | None] = mapped_column(
        comment="How much of the underlying one contract is; NULL when unknown or while feeds disagree"
    )
    tick_value: Mapped[Increment | None] = mapped_column(comment="Worth of one tick of one contract, of a future")
    settlement_type: Mapped[str | None] = mapped_column(
        ForeignKey("settlement_types.settlement_type"), comment="cash or physical, of a future"
    )
    premium_multiplier: Mapped[Increment | None] = mapped_column(comment="What an option's premium is multiplied with")
    margin_currency: Mapped[CurrencyCode | None] = mapped_column(comment="Currency of the margins, ISO 4217")
    initial_margin: Mapped[Amount | None] = mapped_column(comment="Margin to open one contract")
    maintenance_margin: Mapped[Amount | None] = mapped_column(comment="Margin to keep one contract")
    long_margin_rate: Mapped[Amount | None] = mapped_column(comment="Margin of a long position, fraction of its value")
    short_margin_rate: Mapped[Amount | None] = mapped_column(comment="Margin of a short position, fraction")
    tick_size: Mapped[Increment | None] = mapped_column(comment="Smallest price step")
    lot_size: Mapped[Increment | None] = mapped_column(comment="Smallest quantity step")
    min_quantity: Mapped[Amount | None] = mapped_column(comment="Smallest order")
    is_tradable: Mapped[bool | None] = mapped_column(comment="Whether it can be traded now")
    is_marginable: Mapped[bool | None] = mapped_column(comment="Whether it can be bought on margin")
    is_shortable: Mapped[bool | None] = mapped_column(comment="Whether it can be sold short")
    is_easy_to_borrow: Mapped[bool | None] = mapped_column(comment="Whether it can be borrowed without asking")
    is_fractionable: Mapped[bool | None] = mapped_column(comment="Whether parts of one unit can be traded")
    venue_status: Mapped[Key | None] = mapped_column(comment="The broker's own word for the status")
    delist_at: Mapped[EndMoment | None] = mapped_column(comment="From when on the broker offers it no more")
    status: Mapped[str] = mapped_column(ForeignKey("statuses.status"), comment="active, suspended or retired")
