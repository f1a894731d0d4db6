"""`exchange-calendars`: a venue's trading calendar, as `catalog venue calendar update` renders it of the library.

The record that it gives is the venue's, with its zone and regular hours. Sessions and holidays are no records: `read`
gives them to the service that keeps them, and `parse` proves that each of them is good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

from catalog.domain import calendar as moments
from catalog.domain import identifiers, text
from catalog.domain.sessions import Calendar, Hours, Session
from catalog.domain.venues import Venue
from catalog.errors import CatalogError, InvalidIdentifier, InvalidRecord, PayloadError, quote
from catalog.importers.base import Heading, Parsed, Reject, rejected
from catalog.importers.json_document import Row, read_head, read_rows
from catalog.importers.json_values import CODES as VALUE_CODES
from catalog.importers.json_values import require_object

#: The first member of every payload: what it is, and the version of its shape.
FORMAT = "exchange-calendar/1"
_ARRAYS = frozenset({"sessions", "holidays"})


class Placed(NamedTuple):
    """A session or a holiday, and where it stands in the payload."""

    value: Session | date
    place: str


class ExchangeCalendarsImporter:
    """`{format, library_version, calendar, mic, timezone, first_day, last_day, hours, sessions: […], holidays: […]}`."""

    source = "exchange-calendars"
    authority = "curated"
    codes: Mapping[str, str] = VALUE_CODES | {
        "not_an_object": "a session or the hours have another JSON type",
        "missing_field": "the calendar or a session lacks something that it must have",
        "invalid_field": "a field has another JSON type than it should",
        "invalid_key": "the calendar's name or the library's version is empty, over 255 bytes, or has control characters",
        "invalid_mic": "not four capital letters or digits",
        "invalid_timezone": "not the name of an IANA time zone",
        "invalid_date": "not a day such as 2026-12-18",
        "invalid_time": "not a time with a zone, to the microsecond, from 1970 to 2261",
        "invalid_time_of_day": "not a time of day such as 09:30",
        "invalid_range": "the first day comes after the last",
        "invalid_hours": "no regular hours, or not in the order of their days",
        "invalid_session": "a session that closes before it opens, that overlaps with another or is out of order, whose "
        "break is not inside it, or whose day is a holiday or not in the calendar's range",
        "invalid_holiday": "a holiday on which there is a session, that is out of order, or not in the calendar's range",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether the document says that it is such a calendar."""
        return any(row.member == "format" and row.value == FORMAT for row in read_head(head, _ARRAYS))

    def heading(self, stream: BinaryIO) -> Heading:
        """The feed is the MIC, so that each venue's calendar is followed by itself; a calendar has no time of its own."""
        for row in read_rows(stream, _ARRAYS):
            if row.member == "mic" and isinstance(row.value, str):
                return Heading(row.value if _is_mic(row.value) else "", is_listing=False)
            if row.is_element:
                break
        return Heading("", is_listing=False)

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        """The venue with the regular hours of the day `observed_at`, and a reject for every session that is no good."""
        for found in read(stream):
            if isinstance(found, Calendar):
                zone = ZoneInfo(found.timezone)
                hours = found.hours_on(observed_at.astimezone(zone).date() if observed_at else None)
                venue = Venue(
                    mic=found.mic, timezone=found.timezone, session_open=hours.opens, session_close=hours.closes
                )
                yield Parsed(venue, "/hours")
            elif isinstance(found, Reject):
                yield found


def read(stream: BinaryIO) -> Iterator[Calendar | Placed | Reject]:
    """The calendar, then its sessions and holidays one by one; a reject for what is no good.

    Nothing comes behind a reject of the calendar itself. Raises PayloadError where the payload is no JSON, or when it
    is no calendar.
    """
    said: dict[str, Row] = {}
    days: _Days | None = None
    for row in read_rows(stream, _ARRAYS):
        if row.member not in _ARRAYS:
            if days is not None:
                raise PayloadError(
                    f"{quote(row.member)} comes too late", row.place, "first the calendar, then its days"
                )
            said[row.member or ""] = row
            continue
        if days is None:
            calendar = _calendar(said)
            yield calendar
            if isinstance(calendar, Reject):
                return
            days = _Days(calendar)
        if row.is_element:
            yield days.take(row)
        elif row.value != []:
            raise PayloadError("an array is expected", row.place)
    if days is None:
        raise PayloadError("there is no array `sessions`", hint="is it a calendar of ours, and whole?")


class _Days:
    """The sessions and holidays of a calendar on their way, each seen beside those before it."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._last: Session | None = None
        self._last_holiday: date | None = None
        self._open: set[date] = set()
        self._closed: set[date] = set()

    def take(self, row: Row) -> Placed | Reject:
        """The session or holiday of a row."""
        try:
            if row.problem:
                raise row.problem
            value = self._session(row.value) if row.member == "sessions" else self._holiday(row.value)
        except CatalogError as error:
            return rejected(row.place, error, row.text, "venue")
        return Placed(value, row.place)

    def _session(self, value: Any) -> Session:
        row = require_object(value)
        session = Session(
            day=moments.day(_needed(row, "day")),
            opens_at=moments.moment(_needed(row, "opens_at")),
            closes_at=moments.moment(_needed(row, "closes_at")),
            break_starts_at=_optional_moment(row, "break_starts_at"),
            break_ends_at=_optional_moment(row, "break_ends_at"),
            is_short=_flag(row, "is_short"),
        )
        problem = session.problem()
        if not self._calendar.first_day <= session.day <= self._calendar.last_day:
            problem = "its day is not in the calendar's range"
        elif self._last is not None and (session.day <= self._last.day or session.opens_at < self._last.closes_at):
            problem = problem or f"it is not behind the session of {self._last.day}"
        elif session.day in self._closed:
            problem = problem or "there is a holiday on its day"
        if problem:
            raise InvalidRecord("session", session.day, problem, code="invalid_session")
        self._last = session
        self._open.add(session.day)
        return session

    def _holiday(self, value: Any) -> date:
        day, problem = moments.day(value), None
        if not self._calendar.first_day <= day <= self._calendar.last_day:
            problem = "it is not in the calendar's range"
        elif day in self._open:
            problem = "there is a session on it"
        elif self._last_holiday is not None and day <= self._last_holiday:
            problem = f"it is not behind {self._last_holiday}"
        if problem:
            raise InvalidRecord("holiday", day, problem, code="invalid_holiday")
        self._last_holiday = day
        self._closed.add(day)
        return day


def _calendar(said: Mapping[str, Row]) -> Calendar | Reject:
    """What the members before the days say."""
    if "format" not in said or said["format"].value != FORMAT:
        raise PayloadError(f"the payload is no calendar of ours: its `format` is not {quote(FORMAT)}")
    row: Row | None = None
    try:
        for row in said.values():
            if row.problem:
                raise row.problem
        row = None
        values = {name: row.value for name, row in said.items()}
        found = Calendar(
            mic=identifiers.mic(_text(values, "mic")),
            calendar=text.key(_text(values, "calendar")),
            library_version=text.key(_text(values, "library_version")),
            timezone=_timezone(_text(values, "timezone")),
            first_day=moments.day(_text(values, "first_day")),
            last_day=moments.day(_text(values, "last_day")),
            hours=_hours(_needed(values, "hours")),
        )
        if found.first_day > found.last_day:
            raise InvalidRecord("last_day", found.last_day, f"before {found.first_day}", code="invalid_range")
    except CatalogError as error:
        return rejected(row.place if row else "", error, row.text if row else "", "venue")
    return found


def _hours(value: Any) -> tuple[Hours, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidRecord("hours", value, "a list of hours is expected", code="invalid_hours")
    found = []
    for entry in map(require_object, value):
        since = entry.get("since")
        opens, closes = (moments.clock(_text(entry, name)) for name in ("opens", "closes"))
        found.append(Hours(None if since is None else moments.day(since), opens, closes))
    starts = [hours.since or date.min for hours in found]
    if starts != sorted(set(starts)):
        raise InvalidRecord("hours", value, "they are not in the order of their days", code="invalid_hours")
    return tuple(found)


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError):  # a path, a folder, no such zone
        raise InvalidRecord("timezone", value, "no such IANA time zone", code="invalid_timezone") from None
    return value


def _is_mic(value: str) -> bool:
    try:
        return identifiers.mic(value) == value
    except InvalidIdentifier:
        return False


def _needed(row: Mapping[str, Any], name: str) -> Any:
    if row.get(name) is None:
        raise InvalidRecord(name, "nothing", "it is required", code="missing_field")
    return row[name]


def _text(row: Mapping[str, Any], name: str) -> str:
    value = _needed(row, name)
    if not isinstance(value, str):
        raise InvalidRecord(name, value, "text is expected", code="invalid_field")
    return value


def _flag(row: Mapping[str, Any], name: str) -> bool:
    value = row.get(name)
    if value is not None and not isinstance(value, bool):
        raise InvalidRecord(name, value, "true or false is expected", code="invalid_field")
    return bool(value)


def _optional_moment(row: Mapping[str, Any], name: str) -> datetime | None:
    value = row.get(name)
    return None if value is None else moments.moment(value)


IMPORTER = ExchangeCalendarsImporter()
