"""Securities: what an ISIN names, wherever it is traded."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from catalog.domain.base import CountryCode, Cusip, Figi, Isin, Lei, Record, Text


class Security(Record):
    """One ISIN (ISO 6166) with what belongs to it and not to a market: CUSIP, share-class FIGI, issuer, CFI."""

    record: Literal["security"] = "security"
    isin: Isin
    cusip: Cusip | None = None
    share_class_figi: Figi | None = None
    name: Text | None = None
    issuer_lei: Lei | None = None
    cfi: Annotated[str, Field(pattern=r"^[A-Z]{6}$")] | None = None
    sector: Text | None = None
    country: CountryCode | None = None

    IDENTITY: ClassVar = ("isin",)

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.isin,)


def cusip_fits(isin: str, cusip: str) -> bool:
    """Whether a CUSIP can belong to an ISIN: the ISIN's own nine characters for US and CA, a CINS for all others."""
    return cusip == isin[2:11] if isin[:2] in ("US", "CA") else cusip[0].isalpha()
