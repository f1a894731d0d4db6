"""Days, moments and times of day, in the one form that each has here: ISO 8601 / RFC 3339 text, UTC, microseconds."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from catalog.errors import InvalidIdentifier

#: From this day on a date is a sentinel: feeds write 2100-12-25 or 4133404800000 for "never".
NEVER = date(2099, 1, 1)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6}0*)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
#: What the wire's u64 nanoseconds and the database both hold.
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
#: A contract's day is over everywhere on Earth when it is noon of the next day in UTC.
DAY_IS_OVER = timedelta(days=1, hours=12)


def day(value: object) -> date:
    """A calendar day of a `date` or of text such as `2026-12-18`."""
    if isinstance(value, date) and not isinstance(value, datetime):
        found = value
    elif isinstance(value, str):
        try:
            found = date.fromisoformat(value)
        except ValueError:
            raise InvalidIdentifier("date", value, "a day such as `2026-12-18` is expected") from None
        if found.isoformat() != value:
            raise InvalidIdentifier("date", value, "a day is written with its dashes, such as `2026-12-18`")
    else:
        raise InvalidIdentifier("date", value, "a day such as `2026-12-18` is expected")
    return found


def moment(value: object) -> datetime:
    """A moment in UTC of a `datetime` with a zone, or of RFC 3339 text; from 1970 to 2261, whole microseconds."""
    if isinstance(value, str):
        if not _RFC_3339.fullmatch(value):
            raise InvalidIdentifier(
                "time", value, "a time such as `2026-12-18T14:30:00Z`, to the microsecond, is expected"
            )
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidIdentifier("time", value, "there is no such time") from None
    elif isinstance(value, datetime):
        found = value
    else:
        raise InvalidIdentifier("time", value, "a time such as `2026-12-18T14:30:00Z` is expected")
    if found.tzinfo is None:
        raise InvalidIdentifier("time", value, "a time needs a zone, such as `Z`")
    try:
        found = found.astimezone(UTC)
    except OverflowError:
        found = LAST
    if not FIRST <= found < LAST:
        raise InvalidIdentifier("time", value, "a time from 1970 to 2261 is expected")
    return found


def end_moment(value: object) -> object:
    """`moment` for the end of something: None for a sentinel, since what ends in 2099 or later does not end."""
    if value is None:
        return None
    found = moment(value)
    return None if found.date() >= NEVER else found


def clock(value: object) -> time:
    """A time of day without a zone, of a `time` or of text such as `09:30` or `09:30:15`; whole seconds."""
    if isinstance(value, str):
        try:
            found = time.fromisoformat(value)
        except ValueError:
            raise InvalidIdentifier("time of day", value, "a time such as `09:30` is expected") from None
        if len(value) not in (5, 8) or value[2] != ":":
            raise InvalidIdentifier("time of day", value, "a time such as `09:30` or `09:30:15` is expected")
    elif isinstance(value, time):
        found = value
    else:
        raise InvalidIdentifier("time of day", value, "a time such as `09:30` is expected")
    if found.tzinfo is not None or found.microsecond:
        raise InvalidIdentifier("time of day", value, "whole seconds without a zone are expected")
    return found


def format_moment(value: datetime) -> str:
    """RFC 3339 in UTC: `2026-12-18T14:30:00Z`, with six digits behind the seconds where they are not zero."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def format_clock(value: time) -> str:
    """`09:30`, or `09:30:15`."""
    return value.isoformat("minutes" if not value.second else "seconds")


def end_of_day(value: date) -> datetime:
    """The moment at which a day is over everywhere on Earth."""
    return datetime(value.year, value.month, value.day, tzinfo=UTC) + DAY_IS_OVER
