"""Trading calendars: what one venue's sessions and holidays are over a range of days.

They are facts of days and not records: they have no id, no golden copy and no place in a snapshot (docs/calendars.md).
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple


class Hours(NamedTuple):
    """The hours of a regular session from a day on (None: since ever), in the calendar's zone."""

    since: date | None
    opens: time
    closes: time


class Calendar(NamedTuple):
    """Whose calendar it is, who says so, and the days (both included) of which it says everything.

    `calendar` is what the library calls it, `hours` every change of the regular hours that the library knows, oldest
    first.
    """

    mic: str
    calendar: str
    library_version: str
    timezone: str
    first_day: date
    last_day: date
    hours: tuple[Hours, ...]

    def hours_on(self, day: date | None) -> Hours:
        """The regular hours in force on a day; on the last day of the calendar for None."""
        day = day or self.last_day
        return next((h for h in reversed(self.hours) if h.since is None or h.since <= day), self.hours[0])


class Session(NamedTuple):
    """One session: from `opens_at` until just before `closes_at`, in UTC.

    `day` is the day that the venue counts it to, which need not be the day on which it opens or closes. `is_short`:
    there is less time to trade than in a regular session (a late opening, an early close).
    """

    day: date
    opens_at: datetime
    closes_at: datetime
    break_starts_at: datetime | None = None
    break_ends_at: datetime | None = None
    is_short: bool = False

    @property
    def length(self) -> timedelta:
        """How long one can trade in it: without its break."""
        length = self.closes_at - self.opens_at
        if self.break_starts_at is not None and self.break_ends_at is not None:
            length -= self.break_ends_at - self.break_starts_at
        return length

    def problem(self) -> str | None:
        """What is wrong with its times, as a clause; None for nothing."""
        if self.opens_at >= self.closes_at:
            return "it closes before it opens"
        starts, ends = self.break_starts_at, self.break_ends_at
        if (starts is None) != (ends is None):
            return "half a break"
        if starts is not None and ends is not None and not self.opens_at < starts < ends < self.closes_at:
            return "its break is not inside it"
        return None
