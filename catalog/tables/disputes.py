"""The quarantine desk: values that feeds disagree on, and rows that could not be believed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Code, FreeText, Json
from catalog.tables.metadata import Base


class DisputeRow(Base):
    __tablename__ = "disputes"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'accepted', 'rejected')", name="state_known"),
        CheckConstraint("(state = 'open') = (decided_at IS NULL)", name="decided_when_closed"),
        Index("uq_disputes__open_dispute_key", "dispute_key", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_disputes__dispute_key", "dispute_key"),
        Index("ix_disputes__kind_subject_id", "kind", "subject_id"),
        Index("ix_disputes__state_number", "state", "number"),
        {"comment": "What awaits an operator's decision, with both sides, and what was decided"},
    )

    number: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, comment="Number of the dispute")
    dispute_key: Mapped[str] = mapped_column(Text, comment="What it is about: one open dispute per key")
    rule: Mapped[str] = mapped_column(Text, comment="The rule that opened it, such as line_conflict")
    kind: Mapped[Code] = mapped_column(SmallInteger, comment="Kind of the subject's id; 8 for a listing")
    subject_id: Mapped[UUID] = mapped_column(comment="Id that the dispute is about, registered or not")
    field: Mapped[str | None] = mapped_column(Text, comment="The disputed field, when it is one")
    sides: Mapped[Json] = mapped_column(comment="What each side says, and which feed says it")
    state: Mapped[str] = mapped_column(Text, server_default=text("'open'"), comment="open, accepted or rejected")
    opened_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), comment="When it was opened")
    run_id: Mapped[int | None] = mapped_column(comment="The import run that opened it")
    decided_at: Mapped[datetime | None] = mapped_column(comment="When it was decided")
    decided_by: Mapped[str | None] = mapped_column(Text, comment="Who decided")
    reason: Mapped[FreeText | None] = mapped_column(comment="Why it was decided so")
    chosen: Mapped[Json | None] = mapped_column(comment="The side that was accepted")
