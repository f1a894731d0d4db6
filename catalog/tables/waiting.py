"""Records that wait for what they name, or for what makes them complete."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Code, Hash, Json
from catalog.tables.metadata import Base


class WaitingRow(Base):
    __tablename__ = "waiting"
    __table_args__ = (
        UniqueConstraint(
            "kind",
            "stated_id",
            "feed_id",
            "observed_at",
            "payload_hash",
            "statement_hash",
            name="uq_waiting__statement",
        ),
        Index("ix_waiting__needs_kind_needs_id", "needs_kind", "needs_id"),
        {"comment": "Statements that wait for what they name: they are registered as soon as it is there"},
    )

    waiting_id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, comment="Number of the row")
    kind: Mapped[Code] = mapped_column(SmallInteger, comment="Kind of the stated id; 8 for a listing")
    stated_id: Mapped[UUID] = mapped_column(comment="The id that the record will have")
    feed_id: Mapped[int] = mapped_column(Integer, ForeignKey("feeds.feed_id"), comment="The feed that says it")
    observed_at: Mapped[datetime] = mapped_column(comment="Time of the statement")
    payload_hash: Mapped[bytes] = mapped_column(comment="BLAKE3 of its payload")
    statement_hash: Mapped[Hash] = mapped_column(comment="BLAKE3 of the canonical statement, and of `through`")
    statement: Mapped[Json] = mapped_column(comment="Every field that it knows")
    through: Mapped[Json | None] = mapped_column(comment="Fields that are the instrument of a broker contract")
    needs_kind: Mapped[Code] = mapped_column(SmallInteger, comment="Kind of what it waits for")
    needs_id: Mapped[UUID] = mapped_column(
        comment="Id of what it waits for; its own when another feed has to complete it"
    )
    field: Mapped[str] = mapped_column(Text, comment="The field that names it, or that is missing")
    place: Mapped[str] = mapped_column(Text, comment="Where in the payload it stands")
    run_id: Mapped[int] = mapped_column(ForeignKey("import_runs.run_id"), index=True, comment="The run that brought it")
    since: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), comment="Since when it waits")
