"""Sessions and holidays of venues as rows: replaced for a range of days, and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from psycopg.errors import ExclusionViolation
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from catalog.domain.sessions import Calendar, Session
from catalog.errors import InvalidRecord
from catalog.repositories.driver import Cursor, copy_rows

_SESSION = ", ".join(Session._fields)


@dataclass(frozen=True)
class Written:
    """How many sessions and holidays a replacement wrote and took away; one that changed counts in both."""

    added: int
    removed: int


@dataclass(frozen=True)
class Known:
    """What the catalog knows of a venue's days: its zone, and the ranges, last days included, oldest first."""

    timezone: str
    ranges: tuple[tuple[date, date], ...]


def venue(cursor: Cursor, mic: str) -> UUID | None:
    """The id of the venue with this MIC."""
    cursor.execute("SELECT id FROM venues WHERE mic = %s", [mic])
    found = cursor.fetchone()
    return found[0] if found else None


def markets(cursor: Cursor) -> list[str]:
    """The MICs of the venues that are not retired, sorted."""
    cursor.execute("SELECT mic FROM venues WHERE mic IS NOT NULL AND status <> 'retired' ORDER BY mic COLLATE \"C\"")
    return [mic for (mic,) in cursor.fetchall()]


def replace(
    cursor: Cursor,
    venue_id: UUID,
    calendar: Calendar,
    sessions: Sequence[Session],
    holidays: Sequence[date],
    run_id: int,
) -> Written:
    """Make the sessions and holidays of the calendar's range these ones. What is so already is not touched.

    Writers of one venue wait for each other here. Raises InvalidRecord when a session overlaps with one of another day.
    """
    _cover(cursor, venue_id, calendar, run_id)
    days = {"venue": venue_id, "first": calendar.first_day, "last": calendar.last_day}
    parts = (
        _replace(cursor, "venue_sessions", Session._fields, sessions, days, run_id),
        _replace(cursor, "venue_holidays", ("day",), [(day,) for day in holidays], days, run_id),
    )
    return Written(sum(added for added, _ in parts), sum(removed for _, removed in parts))


def _cover(cursor: Cursor, venue_id: UUID, calendar: Calendar, run_id: int) -> None:
    """Lock the venue's calendar, and say of the range that it is known."""
    said = {
        "venue": venue_id, "range": _multirange(calendar.first_day, calendar.last_day), "zone": calendar.timezone,
        "calendar": calendar.calendar, "version": calendar.library_version, "run": run_id,
    }  # fmt: skip
    cursor.execute(
        """INSERT INTO venue_calendars (venue_id, covered, timezone, calendar, library_version, run_id)
        VALUES (%(venue)s, %(range)s, %(zone)s, %(calendar)s, %(version)s, %(run)s) ON CONFLICT DO NOTHING""",
        said,
    )
    cursor.execute("SELECT FROM venue_calendars WHERE venue_id = %(venue)s FOR NO KEY UPDATE", said)
    cursor.execute(
        """UPDATE venue_calendars SET covered = covered + %(range)s, timezone = %(zone)s, calendar = %(calendar)s,
            library_version = %(version)s, run_id = %(run)s
        WHERE venue_id = %(venue)s AND (NOT covered @> %(range)s
            OR (timezone, calendar, library_version) <> (%(zone)s, %(calendar)s, %(version)s))""",
        said,
    )


def _replace(
    cursor: Cursor,
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    days: dict[str, Any],
    run_id: int,
) -> tuple[int, int]:
    """Rows of a table whose first column is the day: (how many were added, how many taken away)."""
    cursor.execute(
        f"SELECT {', '.join(columns)} FROM {table} WHERE venue_id = %(venue)s AND day BETWEEN %(first)s AND %(last)s",
        days,
    )
    held, wanted = set(cursor.fetchall()), set(map(tuple, rows))
    gone = [row[0] for row in held - wanted]
    cursor.execute(f"DELETE FROM {table} WHERE venue_id = %s AND day = ANY(%s)", [days["venue"], gone])
    added = sorted(wanted - held, key=lambda row: row[0])
    try:
        copy_rows(cursor, table, ("venue_id", "run_id", *columns), [(days["venue"], run_id, *row) for row in added])
    except ExclusionViolation:
        reason, hint = "its sessions overlap with those of days before or after", "choose a wider range"
        raise InvalidRecord("range", f"{days['first']} to {days['last']}", reason, hint=hint) from None
    return len(added), len(gone)


def known(cursor: Cursor, venue_id: UUID) -> Known | None:
    """What is known of a venue's days; None when there is no calendar of it."""
    cursor.execute("SELECT timezone, covered FROM venue_calendars WHERE venue_id = %s", [venue_id])
    found = cursor.fetchone()
    if found is None:
        return None
    zone, covered = found
    return Known(zone, tuple((r.lower, r.upper - timedelta(days=1)) for r in covered))


def sessions(cursor: Cursor, venue_id: UUID, first: date, last: date) -> list[Session]:
    """The sessions of the days from `first` to `last`, in order."""
    cursor.execute(
        f"SELECT {_SESSION} FROM venue_sessions WHERE venue_id = %s AND day BETWEEN %s AND %s ORDER BY day",
        [venue_id, first, last],
    )
    return [Session(*cells) for cells in cursor.fetchall()]


def holidays(cursor: Cursor, venue_id: UUID, first: date, last: date) -> list[date]:
    """The holidays from `first` to `last`, in order."""
    cursor.execute(
        "SELECT day FROM venue_holidays WHERE venue_id = %s AND day BETWEEN %s AND %s ORDER BY day",
        [venue_id, first, last],
    )
    return [day for (day,) in cursor.fetchall()]


def _multirange(first: date, last: date) -> Multirange[date]:
    return Multirange([Range(first, last + timedelta(days=1), "[)")])
