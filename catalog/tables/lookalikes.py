"""Which instruments are verified: what operators said of them, and the rule where they said nothing."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.domain.identity import KINDS
from catalog.domain.vocabulary import PRECEDENCE
from catalog.tables.columns import FreeText
from catalog.tables.metadata import Base


class VerificationRow(Base):
    __tablename__ = "verifications"
    __table_args__ = {"comment": "What operators said of instruments: that they are what they are called, or not"}

    number: Mapped[int] = mapped_column(
        BigInteger, Identity(), primary_key=True, comment="Number of the decision; the last one of an instrument holds"
    )
    instrument_id: Mapped[UUID] = mapped_column(
        ForeignKey("instruments.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        index=True,
        comment="The instrument",
    )
    is_verified: Mapped[bool] = mapped_column(comment="True when it is what its symbol and name say")
    actor: Mapped[str] = mapped_column(Text, comment="Who said so")
    reason: Mapped[FreeText | None] = mapped_column(comment="Why")
    decided_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), comment="When")


#: Fields by which a feed says what it calls an instrument.
_CALLED = "ARRAY['symbol', 'ticker', 'osi_root']"
#: What an operator said last, else: what nobody outside can make (a currency, a native coin, a synthetic), or what an
#: operator, a venue or a curated list called by a symbol. A chain's word is not enough: anybody can deploy a contract.
#: `i` is a row of instruments.
IS_VERIFIED = f"""coalesce(
        (SELECT m.is_verified FROM verifications m WHERE m.instrument_id = i.id ORDER BY m.number DESC LIMIT 1),
        i.record IN ('currency', 'native', 'synthetic') OR EXISTS (
            SELECT FROM observations o JOIN feeds f ON f.feed_id = o.feed_id JOIN sources s ON s.source = f.source
            WHERE o.kind = {KINDS["instrument"]} AND o.subject_id = i.id AND s.authority <> 'chain'
                AND coalesce(f.precedence, s.precedence) <= {PRECEDENCE["curated"]}
                AND (o.statement ?| {_CALLED} OR o.older ?| {_CALLED})))"""  # noqa: S608 - of our own constants
