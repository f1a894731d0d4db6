"""Facts that the world publishes and a library carries: ISO 10383 markets. Loaded on first use."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from catalog.domain.identifiers import countries
from catalog.domain.venues import Venue
from catalog.domain.vocabulary import EXCHANGES

#: The time for which the library's table of markets speaks, so that it loses against any newer word.
REFERENCE_TIME = datetime(2025, 2, 10, tzinfo=UTC)
#: What the list of ISO 10383 writes where it states nothing; `ZZ` is also the country of no place (XOFF).
ISO10383_UNSET = frozenset(["N/A", "ZZ"])


@lru_cache(maxsize=4096)
def market(mic: str) -> Venue | None:
    """The venue that ISO 10383 knows under `mic`, or None."""
    import iso10383

    try:
        entry = iso10383.MIC[mic.lower()].value
    except KeyError:
        return None
    facts: dict[str, Any] = {
        "mic": mic,
        "name": entry.market_name,
        "operating_mic": entry.operating_mic.mic if entry.operating_mic else mic,
    }
    if entry.iso_country_code is not None and (code := entry.iso_country_code.name.strip("_").upper()) in countries():
        facts["country"] = code
    if entry.city is not None:
        facts["city"] = entry.city.name.strip("_").replace("_", " ").title()
    if entry.website and entry.website.upper() not in ISO10383_UNSET:
        facts["website"] = entry.website.lower()
    if entry.status.name == "expired":
        facts["status"] = "retired"
    return Venue(**facts)


def exchange(slug: str) -> Venue | None:
    """The venue of an exchange or broker in our published table, or None."""
    known = EXCHANGES.get(slug)
    return Venue(slug=slug, name=known.name, venue_type=known.venue_type) if known else None
