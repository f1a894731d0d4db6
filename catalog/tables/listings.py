"""Listings: instrument × venue × local symbol."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ForeignKey, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import CurrencyCode, EndMoment, Increment, Key
from catalog.tables.metadata import Base


class ListingRow(Base):
    __tablename__ = "listings"
    __table_args__ = (
        UniqueConstraint("instrument_id", "venue_id", "symbol", postgresql_nulls_not_distinct=True),
        {"comment": "Where an instrument trades and under which symbol, its home market included"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, comment="Key of the row inside this database; never shown")
    instrument_id: Mapped[UUID] = mapped_column(ForeignKey("instruments.id"), comment="The instrument")
    venue_id: Mapped[UUID] = mapped_column(ForeignKey("venues.id"), index=True, comment="The venue")
    symbol: Mapped[Key | None] = mapped_column(index=True, comment="Local symbol")
    currency: Mapped[CurrencyCode | None] = mapped_column(comment="Currency of the price here, ISO 4217")
    tick_size: Mapped[Increment | None] = mapped_column(comment="Smallest price step")
    lot_size: Mapped[Increment | None] = mapped_column(comment="Smallest quantity step")
    delist_at: Mapped[EndMoment | None] = mapped_column(comment="From when on it trades no more on this venue")
    is_home: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="True on the home market: the row follows its instrument"
    )
    status: Mapped[str] = mapped_column(ForeignKey("statuses.status"), comment="active, suspended or retired")
