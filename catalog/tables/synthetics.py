"""Synthetics: definitions of instruments that are a formula over others."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import FreeText, Increment, Key, Name, Nanoseconds, Signed
from catalog.tables.instruments import OfInstrument
from catalog.tables.metadata import Base, on_table


class SyntheticRow(Base):
    __tablename__ = "synthetics"
    __table_args__ = (
        CheckConstraint("min_value <= max_value", name="range"),
        {"comment": "Instruments that are a formula over others; only defined here, never evaluated"},
    )

    id: Mapped[OfInstrument]
    name: Mapped[Key] = mapped_column(unique=True, comment="Its name, which identifies it")
    formula: Mapped[FreeText] = mapped_column(comment="The formula in its canonical spelling")
    update_interval_ns: Mapped[Nanoseconds | None] = mapped_column(comment="Nanoseconds between two evaluations")
    min_value: Mapped[Signed | None] = mapped_column(comment="The lowest value that can be believed")
    max_value: Mapped[Signed | None] = mapped_column(comment="The highest value that can be believed")
    outlier_threshold: Mapped[Increment | None] = mapped_column(comment="Standard deviations that make an outlier")
    stale_after_ns: Mapped[Nanoseconds | None] = mapped_column(comment="Greatest age of a price, nanoseconds")


class SyntheticComponentRow(Base):
    __tablename__ = "synthetic_components"
    __table_args__ = (
        UniqueConstraint("id", "variable"),
        CheckConstraint("num_nonnulls(instrument_id, pair_id, pool_id) = 1", name="one_target"),
        {"comment": "What the variables of each formula stand for"},
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("synthetics.id"), primary_key=True, comment="The synthetic")
    position: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, comment="0, 1, 2 …")
    variable: Mapped[Name] = mapped_column(comment="Its name in the formula")
    instrument_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("instruments.id"), index=True, comment="The instrument, if it is one"
    )
    pair_id: Mapped[UUID | None] = mapped_column(ForeignKey("pairs.id"), index=True, comment="The pair, if it is one")
    pool_id: Mapped[UUID | None] = mapped_column(ForeignKey("pools.id"), index=True, comment="The pool, if it is one")
    measure: Mapped[str] = mapped_column(
        ForeignKey("component_measures.component_measure"), comment="What is taken: its price, or days to its expiry"
    )


#: One writer at a time changes what synthetics are made of, so that two cannot close a circle together.
REFUSE_CYCLES = """
CREATE FUNCTION refuse_synthetic_cycles() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    culprit text;
BEGIN
    IF NOT EXISTS (SELECT FROM changed c JOIN synthetics s ON s.id = c.instrument_id) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('catalog synthetic_components', 0));
    WITH RECURSIVE way(first, part) AS (
        SELECT id, instrument_id FROM changed WHERE instrument_id IS NOT NULL
        UNION SELECT way.first, c.instrument_id FROM way JOIN synthetic_components c ON c.id = way.part
            WHERE c.instrument_id IS NOT NULL)
    SELECT s.name INTO culprit FROM way JOIN synthetics s ON s.id = way.first WHERE way.first = way.part LIMIT 1;
    IF culprit IS NOT NULL THEN
        RAISE EXCEPTION 'the synthetic is made of itself' USING ERRCODE = 'check_violation', DETAIL = culprit,
            CONSTRAINT = 'ck_synthetic_components__no_cycle', TABLE = 'synthetic_components';
    END IF;
    RETURN NULL;
END $$"""
on_table(
    SyntheticComponentRow.__table__,
    REFUSE_CYCLES,
    "COMMENT ON FUNCTION refuse_synthetic_cycles() IS 'Refuses a synthetic that would be made of itself'",
    """CREATE TRIGGER refuse_cycles AFTER INSERT ON synthetic_components REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_synthetic_cycles()""",
    """CREATE TRIGGER refuse_cycles_of_updates AFTER UPDATE ON synthetic_components REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_synthetic_cycles()""",
)
