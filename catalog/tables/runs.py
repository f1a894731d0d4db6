"""Import runs: the payloads, what became of each, and every row that was rejected."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Integer, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Code, Hash, Json, Uuids
from catalog.tables.metadata import Base


class PayloadRow(Base):
    __tablename__ = "payloads"
    __table_args__ = {"comment": "Payloads as received (decompressed), each once"}

    payload_hash: Mapped[Hash] = mapped_column(primary_key=True, comment="BLAKE3 of the payload")
    size: Mapped[int] = mapped_column(BigInteger, comment="Its length in bytes")
    stored_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), comment="When it was stored")
    pruned_at: Mapped[datetime | None] = mapped_column(comment="When its bytes were given up; NULL while they are kept")


class PayloadChunk(Base):
    __tablename__ = "payload_chunks"
    __table_args__ = {"comment": "The payloads' bytes in pieces"}

    payload_hash: Mapped[bytes] = mapped_column(
        ForeignKey("payloads.payload_hash", ondelete="CASCADE"), primary_key=True, comment="The payload"
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False, comment="0, 1, 2 …")
    data: Mapped[bytes] = mapped_column(comment="A Zstandard frame of at most 8 MiB of it")


class ImportRun(Base):
    __tablename__ = "import_runs"
    __table_args__ = (
        CheckConstraint("state IN ('running', 'done', 'stopped', 'failed')", name="state_known"),
        CheckConstraint("(state = 'running') = (finished_at IS NULL)", name="finished_when_over"),
        {"comment": "Runs of importers: one row per payload given to one"},
    )

    run_id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, comment="Number of the run")
    source: Mapped[str] = mapped_column(ForeignKey("sources.source"), comment="Source whose importer read the payload")
    feed_id: Mapped[int] = mapped_column(Integer, ForeignKey("feeds.feed_id"), index=True, comment="Feed that spoke")
    payload_hash: Mapped[Hash] = mapped_column(ForeignKey("payloads.payload_hash"), index=True, comment="The payload")
    file_name: Mapped[str] = mapped_column(Text, comment="Name of the file, or - for standard input")
    observed_at: Mapped[datetime] = mapped_column(comment="Time for which the payload speaks")
    actor: Mapped[str] = mapped_column(Text, comment="Who started it")
    state: Mapped[str] = mapped_column(
        Text, server_default=text("'running'"), comment="running, done, stopped or failed"
    )
    started_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), comment="When it started")
    finished_at: Mapped[datetime | None] = mapped_column(comment="When it ended")
    report: Mapped[Json | None] = mapped_column(comment="Its report: counts per record type")
    failure: Mapped[str | None] = mapped_column(Text, comment="Why it failed, or was stopped")
    argument: Mapped[str | None] = mapped_column(Text, comment="What stood behind the source's name: ccxt:kraken")
    is_time_stated: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Whether the payload or an operator said its time, not the file's clock"
    )
    is_listing: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="Whether the payload lists all that its feed has"
    )
    rows_seen: Mapped[int | None] = mapped_column(BigInteger, comment="Rows of the payload, the rejected ones included")
    rows_expected: Mapped[int | None] = mapped_column(
        BigInteger, comment="Rows of the last listing of its feed with an older time; NULL when there was none"
    )
    retry_of: Mapped[int | None] = mapped_column(
        ForeignKey("import_runs.run_id"), comment="The run whose rejected rows it tried again"
    )


class ImportReject(Base):
    __tablename__ = "import_rejects"
    __table_args__ = {"comment": "Rows that could not become records"}

    run_id: Mapped[int] = mapped_column(ForeignKey("import_runs.run_id"), primary_key=True, comment="The run")
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False, comment="1, 2, 3 … in the run")
    place: Mapped[str] = mapped_column(Text, comment="Where in the payload: a line or a JSON pointer")
    record: Mapped[str] = mapped_column(Text, comment="The record type it would have been")
    code: Mapped[str] = mapped_column(Text, index=True, comment="Reason code")
    reason: Mapped[str] = mapped_column(Text, comment="The reason as a sentence")
    row: Mapped[str] = mapped_column(Text, comment="The row as it came, cut when long")


class Sighting(Base):
    __tablename__ = "sightings"
    __table_args__ = {"comment": "Which records each run saw, in batches"}

    run_id: Mapped[int] = mapped_column(ForeignKey("import_runs.run_id"), primary_key=True, comment="The run")
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False, comment="0, 1, 2 … in the run")
    kind: Mapped[Code] = mapped_column(
        SmallInteger, primary_key=True, autoincrement=False, comment="Kind of the ids; 8 for listings"
    )
    ids: Mapped[Uuids] = mapped_column(comment="Stated ids of the records seen")
