"""Venues: where things trade. A market has a MIC, a crypto exchange or broker of our table a slug."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import model_validator

from catalog.domain.base import Clock, CountryCode, Keys, Lei, Mic, Record, Slug, Text
from catalog.domain.vocabulary import VenueType
from catalog.errors import InvalidRecord


class Venue(Record):
    """A venue, identified by its MIC (ISO 10383) or by the slug of docs/ids.md, never both.

    Session times are those of a regular day in `timezone`. `contract_types` are the venue's own words, `blockchains`
    the CAIP-2 names of the chains that it supports.
    """

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
    session_open: Clock | None = None
    session_close: Clock | None = None
    clearing_house: Text | None = None
    contract_types: Keys | None = None
    exercise_styles: Keys | None = None
    blockchains: Keys | None = None

    IDENTITY: ClassVar = ("mic", "slug")

    @model_validator(mode="after")
    def _identified(self) -> Venue:
        if (self.mic is None) == (self.slug is None):
            raise InvalidRecord(
                "mic", self.mic or "nothing", "a venue has either a MIC or a slug", code="missing_field"
            )
        if (self.session_open is None) != (self.session_close is None):
            raise InvalidRecord("session_open", "half a session", "session_open and session_close come together")
        if self.session_open is not None and self.timezone is None:
            raise InvalidRecord("timezone", "nothing", "session times need one", code="missing_field")
        return self

    @property
    def identity(self) -> tuple[str, ...]:
        return ("mic", self.mic) if self.mic is not None else ("slug", self.slug or "")
