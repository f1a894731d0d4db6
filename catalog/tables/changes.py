"""The change log with its contiguous sequence, and what records looked like before."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Code, FreeText, Json
from catalog.tables.metadata import Base


class ChangeCounter(Base):
    __tablename__ = "change_counter"
    __table_args__ = (
        CheckConstraint("only_row", name="only_row"),
        {"comment": "The last sequence given: one row, the last lock that a writing transaction takes"},
    )

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"), comment="Always true")
    last_sequence: Mapped[int] = mapped_column(comment="Sequence of the last change")
    last_changed_at: Mapped[datetime] = mapped_column(comment="Time of the last change")


class ChangeRow(Base):
    __tablename__ = "changes"
    __table_args__ = (
        Index("ix_changes__kind_record_id_sequence", "kind", "record_id", "sequence"),
        CheckConstraint(
            "action IN ('register', 'update', 'suspend', 'retire', 'resume', 'relist', 'alias', 'move', 'remove', 'supersede')",
            name="action_known",
        ),
        {"comment": "Every change of every record, in the order of commit, without gaps"},
    )

    sequence: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, comment="1, 2, 3 … no gaps"
    )
    kind: Mapped[Code] = mapped_column(SmallInteger, comment="Kind of the record's id; 8 for a listing")
    record_id: Mapped[UUID] = mapped_column(comment="Id of the record; the row key of a listing")
    record: Mapped[str] = mapped_column(ForeignKey("record_types.record"), comment="Type of the record")
    action: Mapped[str] = mapped_column(Text, comment="What happened")
    changed_at: Mapped[datetime] = mapped_column(comment="When; rises with the sequence from commit to commit")
    actor: Mapped[str] = mapped_column(Text, comment="Who did it")
    reason: Mapped[FreeText | None] = mapped_column(comment="Why")
    run_id: Mapped[int | None] = mapped_column(comment="The import run it belongs to")
    difference: Mapped[Json | None] = mapped_column(
        comment="Changed fields as [before, after]; NULL for a registration"
    )


class HistoryRow(Base):
    __tablename__ = "history"
    __table_args__ = (
        Index("ix_history__image", "image", postgresql_using="gin", postgresql_ops={"image": "jsonb_path_ops"}),
        CheckConstraint("valid_from < valid_to", name="valid_for_a_time"),
        {"comment": "Former states of records; the present one is the record itself, since its last change"},
    )

    kind: Mapped[Code] = mapped_column(
        SmallInteger, primary_key=True, comment="Kind of the record's id; 8 for a listing"
    )
    record_id: Mapped[UUID] = mapped_column(primary_key=True, comment="Id of the record; the row key of a listing")
    until_sequence: Mapped[int] = mapped_column(
        BigInteger, primary_key=True, autoincrement=False, comment="The change that ended this state"
    )
    from_sequence: Mapped[int] = mapped_column(comment="The change that began this state")
    valid_from: Mapped[datetime] = mapped_column(comment="When this state began (included)")
    valid_to: Mapped[datetime] = mapped_column(comment="When this state ended (excluded)")
    image: Mapped[Json] = mapped_column(comment="The record as it was, in its JSON form")
