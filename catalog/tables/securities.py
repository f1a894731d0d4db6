"""Securities: what an ISIN names."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Cfi, CountryCode, Cusip, Figi, FreeText, Isin, Lei
from catalog.tables.metadata import Base


class SecurityRow(Base):
    __tablename__ = "securities"
    __table_args__ = {"comment": "One row per ISIN, with what belongs to it and not to a market"}

    id: Mapped[UUID] = mapped_column(primary_key=True, comment="Security id")
    isin: Mapped[Isin] = mapped_column(unique=True, comment="ISIN, ISO 6166")
    cusip: Mapped[Cusip | None] = mapped_column(unique=True, comment="CUSIP or CINS; NULL while two claim it")
    share_class_figi: Mapped[Figi | None] = mapped_column(index=True, comment="FIGI of the share class")
    name: Mapped[FreeText | None] = mapped_column(comment="Name of the issue")
    issuer_lei: Mapped[Lei | None] = mapped_column(comment="LEI of the issuer, ISO 17442")
    cfi: Mapped[Cfi | None] = mapped_column(comment="Classification, ISO 10962")
    sector: Mapped[FreeText | None] = mapped_column(comment="Sector of the issuer")
    country: Mapped[CountryCode | None] = mapped_column(comment="Country of the issuer, ISO 3166 alpha-2")
    status: Mapped[str] = mapped_column(ForeignKey("statuses.status"), comment="active, suspended or retired")
