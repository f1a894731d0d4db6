"""Successions: which record follows which, how, and from when on."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Code, FreeText, Increment, Moment
from catalog.tables.metadata import Base, on_table


class SuccessionRow(Base):
    __tablename__ = "successions"
    __table_args__ = (
        ForeignKeyConstraint(["kind", "predecessor_id"], ["identities.kind", "identities.id"]),
        ForeignKeyConstraint(["kind", "successor_id"], ["identities.kind", "identities.id"]),
        CheckConstraint("predecessor_id <> successor_id", name="two_records"),
        Index("ix_successions__kind_successor_id", "kind", "successor_id"),
        Index("ix_successions__effective_at", "effective_at", postgresql_where=text("NOT is_in_effect")),
        {"comment": "Which record follows which; many may follow one, and one may follow many"},
    )

    kind: Mapped[Code] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, comment="Kind of both ids")
    predecessor_id: Mapped[UUID] = mapped_column(primary_key=True, comment="What was there before")
    successor_id: Mapped[UUID] = mapped_column(primary_key=True, comment="What is there instead")
    succession_kind: Mapped[str] = mapped_column(
        ForeignKey("succession_kinds.succession_kind"), comment="learnt, corrected, isin_change …"
    )
    ratio: Mapped[Increment | None] = mapped_column(comment="Units of the successor for one of the predecessor")
    effective_at: Mapped[Moment] = mapped_column(comment="From when on")
    is_in_effect: Mapped[bool] = mapped_column(comment="Whether it has been applied to the records")
    actor: Mapped[str] = mapped_column(Text, comment="Who said so")
    reason: Mapped[FreeText | None] = mapped_column(comment="Why")
    recorded_at: Mapped[datetime] = mapped_column(
        server_default=text("clock_timestamp()"), comment="When it was recorded"
    )


REFUSE_CYCLES = """
CREATE FUNCTION refuse_succession_cycles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('catalog successions', 0));
    IF EXISTS (
        WITH RECURSIVE line(first, kind, id) AS (
            SELECT predecessor_id, kind, successor_id FROM changed
            UNION SELECT line.first, line.kind, s.successor_id FROM line
                JOIN successions s ON (s.kind, s.predecessor_id) = (line.kind, line.id))
        SELECT FROM line WHERE first = id) THEN
        RAISE EXCEPTION 'the record succeeds itself' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'ck_successions__no_cycle', TABLE = 'successions';
    END IF;
    RETURN NULL;
END $$"""
on_table(
    SuccessionRow.__table__,
    REFUSE_CYCLES,
    "COMMENT ON FUNCTION refuse_succession_cycles() IS 'Refuses a succession that leads back to its own predecessor'",
    """CREATE TRIGGER refuse_cycles AFTER INSERT ON successions REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_succession_cycles()""",
)
