"""Venues: where things trade. A market has a MIC, a crypto exchange or broker of our table a slug."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from catalog.domain.base import CountryCode, Lei, Mic, Record, Slug, Text
from catalog.domain.vocabulary import VenueType
from catalog.errors import InvalidRecord


class Venue(Record):
    """A venue, identified by its MIC (ISO 10383) or by the slug of docs/ids.md, never both."""

    record: Literal["venue"] = "venue"
    mic: Mic | None = None
    slug: Slug | None = None
    name: Text | None = None
    venue_type: VenueType | None = None
    operating_mic: Mic | None = None
    country: CountryCode | None = None
    city: Text | None = None
    timezone: Text | None = None
    website: Text | None = None
    lei: Lei | None = None

    IDENTITY: ClassVar = ("mic", "slug")

    @model_validator(mode="after")
    def _identified(self) -> Venue:
        if (self.mic is None) == (self.slug is None):
            raise InvalidRecord(
                "mic", self.mic or "nothing", "a venue has either a MIC or a slug", code="missing_field"
            )
        return self

    @property
    def identity(self) -> tuple[str, ...]:
        return ("mic", self.mic) if self.mic is not None else ("slug", self.slug or "")
