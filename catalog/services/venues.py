"""Venues as users handle them: what every noun can do, and their trading calendars."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from catalog.domain.sessions import Session
from catalog.services import calendars
from catalog.services.nouns import Noun

if TYPE_CHECKING:
    from catalog.services.catalog import Catalog


class Venues(Noun):
    """The venues of a catalog, `catalog.venues`."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog, "venue")

    def sessions(self, mic: str, first: date | None = None, last: date | None = None) -> list[Session]:
        """The sessions of a market counted to the days from `first` to `last`, both included; all that are known without.

        Raises NotFound when there is no calendar of the market, or none of some of these days.
        """
        with self.catalog.transaction() as cursor:
            return calendars.sessions(cursor, mic, first, last)

    def holidays(self, mic: str, first: date | None = None, last: date | None = None) -> list[date]:
        """The days of a market's week without a session, from `first` to `last`, both included. Raises as `sessions`."""
        with self.catalog.transaction() as cursor:
            return calendars.holidays(cursor, mic, first, last)

    def timezone(self, mic: str) -> str:
        """The zone in which a market's calendar has its hours. Raises NotFound when there is none."""
        with self.catalog.transaction() as cursor:
            return calendars.timezone(cursor, mic)

    def update_calendar(
        self, mic: str, first: date | None = None, last: date | None = None
    ) -> calendars.CalendarReport:
        """Get the library's calendar of a market for a range of days; see `catalog.services.calendars.update`."""
        return calendars.update(self.catalog.engine, mic, first, last, self.catalog.actor)

    def keep_calendar(self, run_id: int) -> calendars.CalendarReport:
        """Keep the days of a calendar that was imported by hand or replayed; see `catalog.services.calendars.keep`."""
        return calendars.keep(self.catalog.engine, run_id)

    def with_calendar(self) -> list[str]:
        """The MICs of this catalog's markets of which the library has a calendar. Raises MissingExtra."""
        with self.catalog.transaction() as cursor:
            return calendars.with_calendar(cursor)
