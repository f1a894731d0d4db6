"""How far the sources that are followed have been read."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Hash
from catalog.tables.metadata import Base


class IngestPage(Base):
    __tablename__ = "ingest_pages"
    __table_args__ = {"comment": "What was last imported of each followed HTTP source, page by page"}

    name: Mapped[str] = mapped_column(Text, primary_key=True, comment="Name of the followed source")
    page: Mapped[int] = mapped_column(
        Integer, primary_key=True, autoincrement=False, comment="0, 1, 2 … in the answer; 0 where it has no pages"
    )
    request: Mapped[Hash] = mapped_column(comment="BLAKE3 of what was asked: the row holds for this request alone")
    payload_hash: Mapped[Hash] = mapped_column(comment="BLAKE3 of the payload that was imported")
    etag: Mapped[str | None] = mapped_column(Text, comment="ETag that came with it")
    last_modified: Mapped[str | None] = mapped_column(Text, comment="Last-Modified that came with it")
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("import_runs.run_id", ondelete="SET NULL"), index=True, comment="The run that imported it"
    )
    polled_at: Mapped[datetime] = mapped_column(
        server_default=text("clock_timestamp()"), comment="When it was last imported or found unchanged"
    )


class IngestBlock(Base):
    __tablename__ = "ingest_blocks"
    __table_args__ = (
        CheckConstraint("block_number >= 0", name="block_number_natural"),
        CheckConstraint("block_hash ~ '^0x[0-9a-f]{64}$'", name="block_hash_form"),
        {"comment": "The last block whose logs were imported of each followed chain"},
    )

    name: Mapped[str] = mapped_column(Text, primary_key=True, comment="Name of the followed source")
    request: Mapped[Hash] = mapped_column(
        comment="BLAKE3 of chain, addresses, topics and first block: the row holds for these alone"
    )
    block_number: Mapped[int] = mapped_column(BigInteger, comment="The last block that was read")
    block_hash: Mapped[str] = mapped_column(Text, comment="Its hash, by which a re-org is seen")
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("import_runs.run_id", ondelete="SET NULL"), index=True, comment="The last run that imported logs"
    )
    polled_at: Mapped[datetime] = mapped_column(
        server_default=text("clock_timestamp()"), comment="When it was last read"
    )
