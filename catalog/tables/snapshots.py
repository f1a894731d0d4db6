"""Snapshot files that were written from this catalog."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Identity, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Code, Hash, Json
from catalog.tables.metadata import Base


class SnapshotRow(Base):
    __tablename__ = "snapshots"
    __table_args__ = (
        CheckConstraint("id_bits IN (64, 128)", name="id_bits_known"),
        {"comment": "Snapshot files written from this catalog"},
    )

    number: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, comment="Number of the export")
    file_name: Mapped[str] = mapped_column(Text, comment="Name of the file")
    digest: Mapped[Hash] = mapped_column(comment="BLAKE3 that the file ends with")
    id_bits: Mapped[Code] = mapped_column(comment="Width of references in the file")
    base_sequence: Mapped[int] = mapped_column(comment="0 for a full snapshot, else the sequence a delta starts after")
    as_of_sequence: Mapped[int] = mapped_column(comment="The last change that it holds")
    size: Mapped[int] = mapped_column(BigInteger, comment="Length in bytes")
    counts: Mapped[Json] = mapped_column(comment="Records per type")
    written_at: Mapped[datetime] = mapped_column(
        server_default=text("clock_timestamp()"), comment="When it was written"
    )


class NightlyRun(Base):
    __tablename__ = "nightly_runs"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'published', 'unchanged', 'held', 'failed')", name="state_known"),
        CheckConstraint("(state = 'running') = (finished_at IS NULL)", name="finished_when_over"),
        {"comment": "Runs of the nightly snapshot"},
    )

    number: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, comment="Number of the run")
    directory: Mapped[str] = mapped_column(Text, comment="Where it publishes")
    actor: Mapped[str] = mapped_column(Text, comment="Who started it")
    state: Mapped[str] = mapped_column(
        Text, server_default=text("'running'"), comment="running, published, unchanged, held or failed"
    )
    started_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), comment="When it started")
    finished_at: Mapped[datetime | None] = mapped_column(comment="When it ended")
    file_name: Mapped[str | None] = mapped_column(Text, comment="The file that it published, or found unchanged")
    as_of_sequence: Mapped[int | None] = mapped_column(comment="The last change that it looked at")
    manifest: Mapped[Json | None] = mapped_column(comment="The manifest beside the published file")
    reason: Mapped[str | None] = mapped_column(Text, comment="The reasons and remarks that it gave")
