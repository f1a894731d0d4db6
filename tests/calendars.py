"""Small trading calendars as payloads, written by hand, and a way to keep them: no test of what is kept needs the library."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

from catalog import Catalog
from catalog.services import calendars, imports, payloads
from catalog.services.calendars import CalendarReport
from catalog.services.run import Order

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
#: Thanksgiving of 2026 in New York: a holiday, and a short day behind it.
NEW_YORK: dict[str, Any] = {
    "format": "exchange-calendar/1", "library": "exchange_calendars", "library_version": "4.13.2", "calendar": "XNYS",
    "mic": "XNYS", "timezone": "America/New_York", "first_day": "2026-11-25", "last_day": "2026-11-30",
    "opens_on_day": 0, "closes_on_day": 0, "hours": [{"opens": "09:30", "closes": "16:00"}],
    "sessions": [
        {"day": "2026-11-25", "opens_at": "2026-11-25T14:30:00Z", "closes_at": "2026-11-25T21:00:00Z"},
        {"day": "2026-11-27", "opens_at": "2026-11-27T14:30:00Z", "closes_at": "2026-11-27T18:00:00Z", "is_short": True},
        {"day": "2026-11-30", "opens_at": "2026-11-30T14:30:00Z", "closes_at": "2026-11-30T21:00:00Z"},
    ],
    "holidays": ["2026-11-26"],
}  # fmt: skip
HONG_KONG: dict[str, Any] = NEW_YORK | {
    "calendar": "XHKG", "mic": "XHKG", "timezone": "Asia/Hong_Kong", "first_day": "2026-12-24", "last_day": "2026-12-28",
    "sessions": [
        {"day": "2026-12-24", "opens_at": "2026-12-24T01:30:00Z", "closes_at": "2026-12-24T04:00:00Z", "is_short": True},
        {"day": "2026-12-28", "opens_at": "2026-12-28T01:30:00Z", "closes_at": "2026-12-28T08:00:00Z",
         "break_starts_at": "2026-12-28T04:00:00Z", "break_ends_at": "2026-12-28T05:00:00Z"},
    ],
    "holidays": ["2026-12-25"],
}  # fmt: skip
#: Chicago opens the evening before.
CHICAGO: dict[str, Any] = NEW_YORK | {
    "calendar": "CMES", "mic": "XCME", "timezone": "America/Chicago", "first_day": "2026-11-23", "last_day": "2026-11-24",
    "hours": [{"opens": "17:00", "closes": "17:00"}], "opens_on_day": -1,
    "sessions": [
        {"day": "2026-11-23", "opens_at": "2026-11-22T23:00:00Z", "closes_at": "2026-11-23T23:00:00Z"},
        {"day": "2026-11-24", "opens_at": "2026-11-23T23:00:00Z", "closes_at": "2026-11-24T23:00:00Z"},
    ],
    "holidays": [],
}  # fmt: skip


def encoded(calendar: dict[str, Any]) -> bytes:
    """A calendar as its payload."""
    return json.dumps(calendar).encode()


def imported(catalog: Catalog, calendar: dict[str, Any]) -> int:
    """Import a calendar, as an update does; the number of the run."""
    payload = payloads.in_memory(f"{calendar['mic']}.json", encoded(calendar), AT)
    report = imports.import_payload(catalog.engine, "exchange-calendars", payload, Order("tester", observed_at=AT))
    assert report.run_id is not None
    return report.run_id


def kept(catalog: Catalog, calendar: dict[str, Any]) -> CalendarReport:
    """Import a calendar and keep its days."""
    return calendars.keep(catalog.engine, imported(catalog, calendar))


def days(text: str) -> list[date]:
    """Days, written with blanks between them."""
    return [date.fromisoformat(word) for word in text.split()]
