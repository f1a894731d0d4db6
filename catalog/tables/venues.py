"""Venues: where things trade."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Clock, CountryCode, FreeText, Keys, Lei, Mic, Slug
from catalog.tables.metadata import Base


class VenueRow(Base):
    __tablename__ = "venues"
    __table_args__ = (
        CheckConstraint("num_nonnulls(mic, slug) = 1", name="mic_or_slug"),
        CheckConstraint("(session_open IS NULL) = (session_close IS NULL)", name="whole_session"),
        CheckConstraint("session_open IS NULL OR timezone IS NOT NULL", name="session_in_a_zone"),
        {"comment": "Markets (by MIC) and crypto exchanges or brokers (by slug)"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, comment="Venue id")
    mic: Mapped[Mic | None] = mapped_column(unique=True, comment="Market Identifier Code, ISO 10383")
    slug: Mapped[Slug | None] = mapped_column(
        unique=True, comment="Our name of an exchange or broker without a MIC here"
    )
    name: Mapped[FreeText | None] = mapped_column(comment="Name of the market or firm")
    venue_type: Mapped[str | None] = mapped_column(ForeignKey("venue_types.venue_type"), comment="Kind of place")
    operating_mic: Mapped[Mic | None] = mapped_column(comment="MIC of the operator, ISO 10383")
    country: Mapped[CountryCode | None] = mapped_column(comment="ISO 3166 alpha-2 country")
    city: Mapped[FreeText | None] = mapped_column(comment="City")
    timezone: Mapped[FreeText | None] = mapped_column(comment="IANA time zone of its sessions")
    website: Mapped[FreeText | None] = mapped_column(comment="Website")
    lei: Mapped[Lei | None] = mapped_column(comment="LEI of the operator, ISO 17442")
    session_open: Mapped[Clock | None] = mapped_column(comment="Opening of a regular session, local time")
    session_close: Mapped[Clock | None] = mapped_column(comment="Close of a regular session, local time")
    clearing_house: Mapped[FreeText | None] = mapped_column(comment="Who clears what trades there")
    contract_types: Mapped[Keys | None] = mapped_column(comment="Kinds of contracts, in the venue's own words")
    exercise_styles: Mapped[Keys | None] = mapped_column(comment="Exercise styles of its options")
    blockchains: Mapped[Keys | None] = mapped_column(comment="CAIP-2 names of the blockchains that it supports")
    status: Mapped[str] = mapped_column(ForeignKey("statuses.status"), comment="active, suspended or retired")
