"""Trading calendars: the sessions and holidays of venues, beside the records and outside of the change log."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, text
from sqlalchemy.dialects.postgresql import DATEMULTIRANGE, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Day, Key, Moment, Zone
from catalog.tables.metadata import Base

#: A venue as a range of numbers: GiST compares ranges without an extension, and uuid only with one.
_VENUE = "numrange(uuid_hash_extended(venue_id, 0)::numeric, uuid_hash_extended(venue_id, 0)::numeric, '[]')"


class VenueCalendarRow(Base):
    __tablename__ = "venue_calendars"
    __table_args__ = (
        # an unknown zone is an error of this expression; it would be one of every view that asks for local times
        CheckConstraint("timezone(timezone, timestamp '2000-01-01 00:00:00') IS NOT NULL", name="timezone_known"),
        {"comment": "Trading calendars of venues: which days are known, and who says so"},
    )

    venue_id: Mapped[UUID] = mapped_column(ForeignKey("venues.id"), primary_key=True, comment="The venue")
    covered: Mapped[Any] = mapped_column(
        DATEMULTIRANGE, comment="The days of which everything is known: one without a session is one without trading"
    )
    timezone: Mapped[Zone] = mapped_column(comment="IANA time zone of its hours")
    calendar: Mapped[Key] = mapped_column(comment="What exchange_calendars calls it")
    library_version: Mapped[Key] = mapped_column(comment="Version of exchange_calendars that said it last")
    run_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("import_runs.run_id"), comment="The import run that changed this row last"
    )


class VenueSessionRow(Base):
    __tablename__ = "venue_sessions"
    __table_args__ = (
        ExcludeConstraint(
            (text(_VENUE), "&&"),
            (text("tstzrange(opens_at, closes_at)"), "&&"),
            name="ex_venue_sessions__no_overlap",
            using="gist",
        ),
        CheckConstraint("opens_at < closes_at", name="closes_after_opening"),
        CheckConstraint("(break_starts_at IS NULL) = (break_ends_at IS NULL)", name="whole_break"),
        CheckConstraint(
            "opens_at < break_starts_at AND break_starts_at < break_ends_at AND break_ends_at < closes_at",
            name="break_inside",
        ),
        {"comment": "Trading sessions of venues"},
    )

    venue_id: Mapped[UUID] = mapped_column(
        ForeignKey("venue_calendars.venue_id"), primary_key=True, comment="The venue"
    )
    day: Mapped[Day] = mapped_column(
        primary_key=True, comment="The day that the venue counts it to; it may open the evening before"
    )
    opens_at: Mapped[Moment] = mapped_column(comment="When it opens")
    closes_at: Mapped[Moment] = mapped_column(comment="When it closes; at that moment it is closed")
    break_starts_at: Mapped[Moment | None] = mapped_column(comment="When its break starts; NULL for none")
    break_ends_at: Mapped[Moment | None] = mapped_column(comment="When its break ends; at that moment it is open")
    is_short: Mapped[bool] = mapped_column(
        comment="True when there is less time to trade than in a regular session: a late opening, an early close"
    )
    run_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("import_runs.run_id"), comment="The import run that wrote it"
    )


class VenueHolidayRow(Base):
    __tablename__ = "venue_holidays"
    __table_args__ = {"comment": "Holidays of venues: days of the week on which there are sessions, without one"}

    venue_id: Mapped[UUID] = mapped_column(
        ForeignKey("venue_calendars.venue_id"), primary_key=True, comment="The venue"
    )
    day: Mapped[date] = mapped_column(primary_key=True, comment="The day")
    run_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("import_runs.run_id"), comment="The import run that wrote it"
    )
