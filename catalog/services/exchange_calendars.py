"""The calendars of the library `exchange_calendars`: whose they are, and each as the payload that its importer reads.

The library brings pandas, so it is an extra, and loaded only when a calendar is rendered. The same version of the
library (and of the time zones) and the same range give the same bytes.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from importlib import import_module
from importlib.metadata import version
from typing import Any, NamedTuple

from catalog.domain.calendar import format_clock, format_moment
from catalog.domain.identifiers import mic as check_mic
from catalog.domain.reference import market
from catalog.domain.sessions import Session
from catalog.domain.vocabulary import MARKET_MICS, market_mic
from catalog.errors import CatalogError, InvalidRecord, NotFound, quote
from catalog.importers.exchange_calendars import FORMAT
from catalog.snapshot.extra import needing

LIBRARY = "exchange_calendars"
#: MIC → the library's calendar, where it calls it by another market's MIC, or by a name that is none.
CALENDARS: dict[str, str] = {
    "XCME": "CMES", "XCBT": "CMES", "XNYM": "CMES", "XCEC": "CMES",  # to ISO 10383, CMES is where CME's swaps trade
    "IFUS": "IEPA",  # and IEPA the company behind it
    "MISX": "XMOS",  # and XMOS a clearing house
}  # fmt: skip
#: The days that can be asked for: what a moment of ours can hold, and before `never` begins.
FIRST_DAY, LAST_DAY = date(1970, 1, 2), date(2098, 12, 31)
_DAY = timedelta(days=1)
#: The library computes nothing over a range without a session, so that it is asked for a little more.
_MARGIN = timedelta(days=31)


class CalendarUnusable(CatalogError, RuntimeError):
    """The library fails on a calendar of its own, or contradicts itself. Nothing of it is taken."""

    code = "calendar_unusable"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"{LIBRARY} {version(LIBRARY)} cannot give its calendar {quote(name)}: {reason}",
            f"it ran with pandas {version('pandas')}, and needs one before 3.1: pip install 'pandas<3.1'; or other days",
        )
        self.name = name


def calendar_name(mic: str) -> str:
    """What the library calls the calendar of a market.

    Raises InvalidIdentifier for what is no MIC, NotFound when the library has no calendar of it, MissingExtra.
    """
    found = _calendar_name(_library(), check_mic(mic))
    if found is None:
        raise NotFound("calendar", mic, _advice(_library(), mic))
    return found


def known_mics() -> list[str]:
    """The MICs of which the library has a calendar, sorted. Raises MissingExtra."""
    library = _library()
    names = {*CALENDARS, *MARKET_MICS, *library.get_calendar_names(include_aliases=True)}
    return sorted(n for n in names if len(n) == 4 and _calendar_name(library, n) is not None)


def bounds(name: str) -> tuple[date, date]:
    """The first and the last day that the library knows of a calendar."""
    kind = _class(_library(), name)
    first, last = kind.bound_min(), kind.bound_max()
    return max(FIRST_DAY, first.date() if first else FIRST_DAY), min(LAST_DAY, last.date() if last else LAST_DAY)


def default_range(name: str, today: date) -> tuple[date, date]:
    """From the beginning of last year to the end of the next, as far as the library knows the calendar.

    Whole years, so that the same range comes out all year long. Most calendars are rules that go on for ever: what
    they say of later years is less and less likely.
    """
    first, last = bounds(name)
    return max(first, date(today.year - 1, 1, 1)), min(last, date(today.year + 1, 12, 31))


def render(mic: str, first: date, last: date) -> bytes:
    """The calendar of a market from `first` to `last`, both included.

    Raises InvalidIdentifier, NotFound, InvalidRecord for a range that the library does not know, CalendarUnusable,
    MissingExtra.
    """
    name = calendar_name(mic)
    lowest, highest = bounds(name)
    if not lowest <= first <= last <= highest:
        reason = f"the calendar {name} is known from {lowest} to {highest}, and a range has a day or more"
        raise InvalidRecord("range", f"{first} to {last}", reason, hint="choose --from and --to accordingly")
    source = _Source.load(name, max(lowest, first - _MARGIN), min(highest, last + _MARGIN))
    sessions, holidays = source.days(first, last)
    head = {
        "format": FORMAT,
        "library": LIBRARY,
        "library_version": version(LIBRARY),
        "calendar": name,
        "mic": mic,
        "timezone": source.calendar.tz.key,
        "first_day": first.isoformat(),
        "last_day": last.isoformat(),
        "opens_on_day": source.calendar.open_offset,
        "closes_on_day": source.calendar.close_offset,
        "hours": [_hours_line(hours) for hours in source.hours],
    }
    members = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    members.append(f'"sessions": {_array([_session_line(s) for s in sessions])}')
    members.append(f'"holidays": {_array([day.isoformat() for day in holidays])}')
    return ("{\n" + ",\n".join(members) + "\n}\n").encode()


def _array(rows: Sequence[Any]) -> str:
    """A JSON array with a line for each element."""
    return "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]" if rows else "[]"


# What the library says


class _Regular(NamedTuple):
    """The hours of a regular session from a day on, local time; `since` is None for the first ones."""

    since: date | None
    opens: time
    closes: time
    break_starts: time | None
    break_ends: time | None


class _Source(NamedTuple):
    """A calendar of the library over some days, and its regular hours."""

    name: str
    calendar: Any
    hours: list[_Regular]

    @classmethod
    def load(cls, name: str, first: date, last: date) -> _Source:
        kind = _class(_library(), name)
        try:
            with _without_deprecations():
                calendar = kind(start=first.isoformat(), end=last.isoformat())
        except Exception as error:  # whatever it is, it comes out of the library
            reason = str(error) or type(error).__name__
            raise CalendarUnusable(name, reason[:200].rstrip()) from error
        return cls(name, calendar, _regular_hours(calendar))

    def days(self, first: date, last: date) -> tuple[list[Session], list[date]]:
        """The sessions, and the days of the venue's week without one. Raises CalendarUnusable when they don't add up."""
        sessions = [s for s in map(self._session, self.calendar.schedule.itertuples()) if first <= s.day <= last]
        open_days = {s.day for s in sessions}
        closed, masks = self._closed(first, last), self._week_masks()
        holidays = []
        for n in range((last - first).days + 1):
            day = first + n * _DAY
            is_weekday = next(m for since, until, m in masks if since <= day <= until)[day.weekday()] == "1"
            if (day in open_days) != (is_weekday and day not in closed):
                raise CalendarUnusable(self.name, f"its sessions and its rules disagree about {day}")
            if is_weekday and day in closed:
                holidays.append(day)
        return sessions, holidays

    def _closed(self, first: date, last: date) -> set[date]:
        with _without_deprecations():
            rules = self.calendar.regular_holidays
            regular = () if rules is None else rules.holidays(first.isoformat(), last.isoformat())
            return {_day(d) for d in (*regular, *self.calendar.adhoc_holidays)}

    def _week_masks(self) -> list[tuple[date, date, str]]:
        """From when until when which days of the week (Monday first, `1` for one with sessions); the first one counts."""
        special = [
            (_day(since) if since is not None else date.min, _day(until) if until is not None else date.max, mask)
            for since, until, mask in getattr(self.calendar, "special_weekmasks", ())
        ]
        return [*special, (date.min, date.max, self.calendar.weekmask)]

    def _session(self, row: Any) -> Session:
        opens, closes, break_starts, break_ends = map(_moment, (row.open, row.close, row.break_start, row.break_end))
        assert opens is not None
        assert closes is not None
        session = Session(_day(row.Index), opens, closes, break_starts, break_ends)
        return session._replace(is_short=session.length < self._regular_length(session.day))

    def _regular_length(self, day: date) -> timedelta:
        """How long a regular session of a day is, without its break."""
        hours = next(h for h in reversed(self.hours) if h.since is None or h.since <= day)

        def at(clock: time, offset: int = 0) -> datetime:
            # in UTC, since a difference of two local times forgets that a clock may be set in between
            return datetime.combine(day + offset * _DAY, clock, self.calendar.tz).astimezone(UTC)

        length = at(hours.closes, self.calendar.close_offset) - at(hours.opens, self.calendar.open_offset)
        if hours.break_starts is not None and hours.break_ends is not None:
            length -= at(hours.break_ends) - at(hours.break_starts)
        return length


def _regular_hours(calendar: Any) -> list[_Regular]:
    """Every change of the regular hours, oldest first: the library lists each of the four times by itself."""
    kinds = (calendar.open_times, calendar.close_times, calendar.break_start_times, calendar.break_end_times)
    lists: list[list[tuple[date, Any]]] = [
        [(date.min if since is None else _day(since), clock) for since, clock in times or [(None, None)]]
        for times in kinds
    ]
    found: list[_Regular] = []
    for start in sorted({since for times in lists for since, _ in times}):
        known = [[clock for since, clock in times if since <= start][-1] for times in lists]
        hours = _Regular(None if start == date.min else start, *known)
        if not found or found[-1][1:] != hours[1:]:
            found.append(hours)
    return found


def _hours_line(hours: _Regular) -> dict[str, str]:
    line = {} if hours.since is None else {"since": hours.since.isoformat()}
    return line | {name: format_clock(c) for name, c in hours._asdict().items() if name != "since" and c is not None}


def _session_line(session: Session) -> dict[str, Any]:
    line = {n: format_moment(v) for n, v in session._asdict().items() if isinstance(v, datetime)}
    return {"day": session.day.isoformat()} | line | ({"is_short": True} if session.is_short else {})


def _day(value: Any) -> date:
    """The day of a timestamp of pandas or numpy."""
    return date.fromisoformat(str(value)[:10])


def _moment(value: Any) -> datetime | None:
    """A moment of a timestamp of pandas; None for its `NaT`, the only value that does not equal itself."""
    return value.to_pydatetime().astimezone(UTC) if value == value else None


# The library


def _library() -> Any:
    with needing("calendars"), _without_deprecations():
        return import_module(LIBRARY)


@contextmanager
def _without_deprecations() -> Iterator[None]:
    """What the library uses of pandas that is to go is its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _class(library: Any, name: str) -> Any:
    """The class of a calendar: the library's own look-up would make the calendar, over a range that ends a year from today."""
    return library.calendar_utils._default_calendar_factories[name]


def _calendar_name(library: Any, mic: str) -> str | None:
    if mic in CALENDARS:
        return CALENDARS[mic]
    name = market_mic(mic)
    if name in CALENDARS.values() or market(name) is None:  # a MIC that means another market, or a name that is no MIC
        return None
    names = library.get_calendar_names(include_aliases=True)
    return str(library.resolve_alias(name)) if name in names else None


def _advice(library: Any, mic: str) -> str:
    """What to do instead."""
    if mic in library.get_calendar_names(include_aliases=True):
        name = library.resolve_alias(mic)
        mics = [market for market, calendar in CALENDARS.items() if calendar == name] or [name]
        return f"what {LIBRARY} calls {mic} is the calendar of {', '.join(mics)}"
    return f"{LIBRARY} has none of it; `catalog venue update` states its hours"
