"""`iso10383`: the list of Market Identifier Codes that the standard's registration authority publishes, as CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, BinaryIO

from catalog.domain import identifiers, text
from catalog.domain.reference import ISO10383_UNSET
from catalog.domain.venues import Venue
from catalog.domain.vocabulary import Authority, Status, VenueType
from catalog.errors import CatalogError, InvalidRecord
from catalog.importers.base import Heading, Parsed, Reject, rejected
from catalog.importers.csv_rows import CODES as ROW_CODES
from catalog.importers.csv_rows import CsvRow, is_named_header, read_named

#: Column (in capitals, with blanks for all punctuation) → what it is. The list has had two headers.
COLUMNS: dict[str, str] = {
    "MIC": "mic",
    "OPERATING MIC": "operating_mic",
    "OPRT SGMT": "level",
    "O S": "level",
    "MARKET NAME INSTITUTION DESCRIPTION": "name",
    "NAME INSTITUTION DESCRIPTION": "name",
    "LEI": "lei",
    "MARKET CATEGORY CODE": "category",
    "ISO COUNTRY CODE ISO 3166": "country",
    "ISO COUNTRY CODE": "country",
    "CITY": "city",
    "WEBSITE": "website",
    "STATUS": "status",
    "LAST UPDATE DATE": "changed",
    "STATUS DATE": "changed",
}
REQUIRED = frozenset({"mic", "operating_mic", "level", "name", "country", "status"})
STATUSES: dict[str, Status] = {
    "ACTIVE": "active",
    "UPDATED": "active",
    "MODIFIED": "active",
    "EXPIRED": "retired",
    "DELETED": "retired",
}
#: Market category → type, for the categories that say it. A regulated market or trading facility may trade anything.
VENUE_TYPES: dict[str, VenueType] = {
    "APPA": "other",
    "ARMS": "other",
    "CTPS": "other",
    "DCMS": "futures_exchange",
    "IDQS": "otc",
    "OTHR": "other",
    "TRFS": "other",
}
# Whether a row is a market of its own or a segment of one.
_LEVELS = {"OPRT": True, "O": True, "SGMT": False, "S": False}
_MONTHS = {
    name: number
    for number, name in enumerate(
        (
            "JANUARY",
            "FEBRUARY",
            "MARCH",
            "APRIL",
            "MAY",
            "JUNE",
            "JULY",
            "AUGUST",
            "SEPTEMBER",
            "OCTOBER",
            "NOVEMBER",
            "DECEMBER",
        ),
        start=1,
    )
}
_FIRST_SENTINEL = 2099


class Iso10383Importer:
    """One venue per row: MIC, OPERATING MIC, name, LEI, market category, country, city, website, status, dates."""

    source = "iso10383"
    authority: Authority = "reference"
    codes: Mapping[str, str] = ROW_CODES | {
        "missing_mic": "no MIC",
        "invalid_mic": "the MIC or the operating MIC is not four capital letters or digits",
        "wrong_level": "neither an operating MIC nor a segment, or an operating MIC of which another is the operating MIC",
        "invalid_status": "no status, or none of the words of the table",
        "invalid_country": "not an ISO 3166 code",
        "invalid_lei": "not an LEI: its form or check digits",
        "invalid_name": "the name is longer than 65,535 bytes or has control characters",
        "invalid_city": "the same of the city",
        "invalid_website": "the same of the website",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether the first line is one of the two headers."""
        return is_named_header(head, _name_of, REQUIRED)

    def heading(self, stream: BinaryIO) -> Heading:
        """The feed `list`, and the day on which the newest row changed."""
        days = (_day(stated.get("changed", "")) for _, stated in _read(stream))
        newest = max((day for day in days if day), default=None)
        return Heading("list", datetime(newest.year, newest.month, newest.day, tzinfo=UTC) if newest else None)

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """A venue, or a reject, for every row."""
        for row, stated in _read(stream):
            if isinstance(row, Reject):
                yield row
                continue
            try:
                yield Parsed(_venue(stated), row.place)
            except CatalogError as error:
                yield rejected(row.place, error, row.text, "venue")


def _read(stream: BinaryIO) -> Iterator[tuple[CsvRow | Reject, dict[str, str]]]:
    return read_named(stream, "venue", _name_of, REQUIRED, ISO10383_UNSET)


def _name_of(column: str) -> str:
    """Our name of a column; empty for one that is not read."""
    return COLUMNS.get(re.sub("[^A-Z0-9]+", " ", column.upper()).strip(), "")


def _venue(row: dict[str, str]) -> Venue:
    if "mic" not in row:
        raise InvalidRecord("MIC", "nothing", "it is required", code="missing_mic")
    mic = identifiers.mic(row["mic"])
    facts: dict[str, Any] = {"mic": mic, "operating_mic": _operating_mic(row, mic), "status": _status(row)}
    facts |= {field: row[field] for field in ("country", "lei") if field in row}
    if venue_type := VENUE_TYPES.get(row.get("category", "")):
        facts["venue_type"] = venue_type
    if "name" in row:
        facts["name"] = text.free_text(row["name"], "name")
    if city := row.get("city"):
        facts["city"] = text.free_text(city.title() if city.isupper() else city, "city")
    if website := row.get("website"):
        facts["website"] = text.free_text(website.lower() if website.isupper() else website, "website")
    return Venue(**facts)


def _operating_mic(row: dict[str, str], mic: str) -> str:
    level = row.get("level", "nothing")
    is_operating = _LEVELS.get(level)
    operating = row.get("operating_mic", mic if is_operating else "")
    if is_operating is None or not operating or (is_operating and operating != mic):
        said = f"{level} of {operating or 'nothing'}"
        reason = "an operating MIC is its own, a segment names one"
        raise InvalidRecord("level", said, reason, code="wrong_level")
    return identifiers.mic(operating)


def _status(row: dict[str, str]) -> Status:
    word = row.get("status", "nothing")
    if word not in STATUSES:
        raise InvalidRecord("status", word, f"one of {', '.join(STATUSES)} is expected", code="invalid_status")
    return STATUSES[word]


def _day(said: str) -> date | None:
    """`20250526`, or the first of `MAY 2025`; None for what is neither, and for a far date that means none."""
    try:
        if said.isascii() and said.isdigit() and len(said) == 8:
            day = date(int(said[:4]), int(said[4:6]), int(said[6:]))
        else:
            month, year = said.upper().split()
            day = date(int(year), _MONTHS[month], 1)
    except (ValueError, KeyError):
        return None
    return day if 1970 <= day.year < _FIRST_SENTINEL else None


IMPORTER = Iso10383Importer()
