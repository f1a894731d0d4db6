"""Exchange pairs."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Amount, EndMoment, Generation, Increment, Key, Keys, Signed
from catalog.tables.metadata import Base


class PairRow(Base):
    __tablename__ = "pairs"
    __table_args__ = (
        UniqueConstraint("exchange", "market_kind", "symbol", "generation", postgresql_nulls_not_distinct=True),
        CheckConstraint("symbol <> ALL (other_symbols)", name="others_are_others"),
        Index("ix_pairs__other_symbols", "other_symbols", postgresql_using="gin"),
        {"comment": "Two assets that a crypto exchange trades against each other"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, comment="Pair id")
    exchange: Mapped[str] = mapped_column(ForeignKey("venues.slug"), comment="Slug of the exchange")
    market_kind: Mapped[str] = mapped_column(ForeignKey("market_kinds.market_kind"), comment="spot")
    symbol: Mapped[Key] = mapped_column(index=True, comment="The exchange's own symbol")
    generation: Mapped[Generation | None] = mapped_column(comment="2, 3 … for a later holder of a reused symbol")
    base_id: Mapped[UUID] = mapped_column(ForeignKey("instruments.id"), index=True, comment="What is bought and sold")
    quote_id: Mapped[UUID] = mapped_column(ForeignKey("instruments.id"), index=True, comment="What it is paid in")
    tick_size: Mapped[Increment | None] = mapped_column(comment="Smallest price step, in quote")
    lot_size: Mapped[Increment | None] = mapped_column(comment="Smallest quantity step, in base")
    min_quantity: Mapped[Amount | None] = mapped_column(comment="Smallest order, in base")
    max_quantity: Mapped[Amount | None] = mapped_column(comment="Largest order, in base")
    min_price: Mapped[Amount | None] = mapped_column(comment="Lowest price, in quote")
    max_price: Mapped[Amount | None] = mapped_column(comment="Highest price, in quote")
    min_notional: Mapped[Amount | None] = mapped_column(comment="Smallest order value, in quote")
    maker_fee_bps: Mapped[Signed | None] = mapped_column(comment="Fee of a resting order, basis points")
    taker_fee_bps: Mapped[Signed | None] = mapped_column(comment="Fee of an order that takes, basis points")
    venue_status: Mapped[Key | None] = mapped_column(comment="The exchange's own word for the status")
    delist_at: Mapped[EndMoment | None] = mapped_column(comment="From when on it trades no more")
    other_symbols: Mapped[Keys | None] = mapped_column(comment="The exchange's other names of this market")
    status: Mapped[str] = mapped_column(ForeignKey("statuses.status"), comment="active, suspended or retired")
