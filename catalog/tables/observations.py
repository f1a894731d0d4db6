"""Observations: what each feed says of each record. The records themselves are derived from these rows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Code, Json
from catalog.tables.metadata import Base


class ObservationRow(Base):
    __tablename__ = "observations"
    __table_args__ = (
        Index("ix_observations__kind_subject_id", "kind", "subject_id"),
        Index(
            "ix_observations__cusip",
            text("(statement ->> 'cusip')"),
            postgresql_where=text("kind = 2 AND statement ? 'cusip'"),
        ),
        Index(
            "ix_observations__listing_instrument",
            text("(statement ->> 'instrument_id')"),
            postgresql_where=text("kind = 8"),
        ),
        {"comment": "What a feed says of a record: its newest statement, and what older ones said that it leaves out"},
    )

    kind: Mapped[Code] = mapped_column(SmallInteger, primary_key=True, comment="Kind of the stated id; 8 for a listing")
    stated_id: Mapped[UUID] = mapped_column(primary_key=True, comment="The id that the feed's own identity hashes to")
    feed_id: Mapped[int] = mapped_column(
        Integer, ForeignKey("feeds.feed_id"), primary_key=True, comment="The feed that says it"
    )
    subject_id: Mapped[UUID | None] = mapped_column(
        comment="The record it counts for: the stated one or its alias target; NULL while in quarantine"
    )
    observed_at: Mapped[datetime] = mapped_column(comment="Time of the newest statement: the payload's own, or as told")
    payload_hash: Mapped[bytes] = mapped_column(comment="BLAKE3 of its payload; empty when there was none")
    statement: Mapped[Json] = mapped_column(comment="The newest statement: every field that it knows")
    older: Mapped[Json | None] = mapped_column(
        comment="Fields only older statements know: value, time, payload, statement"
    )
    earliest: Mapped[Json | None] = mapped_column(comment="Breaking fields as first stated, when not by the newest")
    run_id: Mapped[int | None] = mapped_column(comment="Import run of the newest statement")
