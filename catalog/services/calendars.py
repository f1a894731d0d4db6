"""Trading calendars in the catalog: made of the library's, through an import run, into the tables of sessions and holidays."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy import Engine

from catalog.domain.sessions import Calendar, Session
from catalog.errors import InvalidRecord, NotFound, PayloadError
from catalog.importers.base import Reject
from catalog.importers.exchange_calendars import IMPORTER, read
from catalog.repositories import calendars, runs
from catalog.repositories.driver import Cursor, cursor_of
from catalog.services import exchange_calendars, imports, payloads
from catalog.services.run import Order


@dataclass(frozen=True)
class CalendarReport:
    """What an update did: whose calendar, of which days, how many sessions and holidays these have, how many rows of
    both it wrote and took away, and the import run. Of the venue's record the run's own report tells."""

    mic: str
    calendar: str
    first_day: date
    last_day: date
    sessions: int
    holidays: int
    added: int
    removed: int
    run_id: int

    def to_json(self) -> dict[str, Any]:
        """The report as users see it."""
        return asdict(self) | {"first_day": self.first_day.isoformat(), "last_day": self.last_day.isoformat()}


def update(engine: Engine, mic: str, first: date | None, last: date | None, actor: str) -> CalendarReport:
    """Render the library's calendar of a market, import it, and keep its days.

    Without days: from the beginning of last year to the end of the next, as far as the library knows.
    Raises InvalidIdentifier, NotFound (no such calendar, no such venue), InvalidRecord (a range that the library does
    not know), CalendarUnusable, MissingExtra.
    """
    name = exchange_calendars.calendar_name(mic)
    with engine.connect() as connection:
        _venue(cursor_of(connection), mic)
    now = datetime.now(UTC)
    earliest, latest = exchange_calendars.default_range(name, now.date())
    first, last = first or earliest, last or latest
    payload = payloads.in_memory(f"{mic}_{first}_{last}.json", exchange_calendars.render(mic, first, last), now)
    report = imports.import_payload(engine, IMPORTER.source, payload, Order(actor, observed_at=now))
    assert report.run_id is not None
    return keep(engine, report.run_id)


def keep(engine: Engine, run_id: int) -> CalendarReport:
    """Put the sessions and holidays of the calendar that a run read into their tables, all or none of them.

    Doing it again changes nothing. Raises NotFound, and PayloadError for a payload that is no calendar, or has a day
    that is no good.
    """
    with engine.connect() as connection:
        run = runs.past(cursor_of(connection), run_id)
    if run is None:
        raise NotFound("import run", run_id, "`catalog imports list` shows them")
    if run.source != IMPORTER.source:
        raise PayloadError(f"import run {run_id} read `{run.source}`, and no trading calendar")
    with payloads.restored(engine, run.payload_hash, run.file_name, run.observed_at) as payload:
        calendar, sessions, holidays = _read(payload.stream)
    with engine.connect() as connection:
        cursor = cursor_of(connection)
        venue = _venue(cursor, calendar.mic)
        written = calendars.replace(cursor, venue, calendar, sessions, holidays, run_id)
        connection.commit()
    return CalendarReport(
        calendar.mic, calendar.calendar, calendar.first_day, calendar.last_day, len(sessions), len(holidays),
        written.added, written.removed, run_id,
    )  # fmt: skip


def with_calendar(cursor: Cursor) -> list[str]:
    """The MICs of the catalog's markets of which the library has a calendar. Raises MissingExtra."""
    known = set(exchange_calendars.known_mics())
    return [mic for mic in calendars.markets(cursor) if mic in known]


def sessions(cursor: Cursor, mic: str, first: date | None, last: date | None) -> list[Session]:
    """The sessions of a market's days; see `Venues.sessions`."""
    return calendars.sessions(cursor, *_days(cursor, mic, first, last))


def holidays(cursor: Cursor, mic: str, first: date | None, last: date | None) -> list[date]:
    """The holidays of a market among these days; see `Venues.holidays`."""
    return calendars.holidays(cursor, *_days(cursor, mic, first, last))


def timezone(cursor: Cursor, mic: str) -> str:
    """The zone of a market's hours. Raises NotFound."""
    return _known(cursor, mic, _venue(cursor, mic)).timezone


def _read(stream: BinaryIO) -> tuple[Calendar, list[Session], list[date]]:
    found = list(read(stream))
    for reject in (f for f in found if isinstance(f, Reject)):
        raise PayloadError(f"none of its days is kept: {reject.reason}", reject.place)
    calendar = next(f for f in found if isinstance(f, Calendar))
    values = [f.value for f in found if not isinstance(f, Calendar | Reject)]
    return calendar, [v for v in values if isinstance(v, Session)], [v for v in values if not isinstance(v, Session)]


def _days(cursor: Cursor, mic: str, first: date | None, last: date | None) -> tuple[UUID, date, date]:
    """The venue, and the days that are meant; all that are known for None."""
    venue = _venue(cursor, mic)
    ranges = _known(cursor, mic, venue).ranges
    start, end = first or ranges[0][0], last or ranges[-1][1]
    if start > end:
        raise InvalidRecord("range", f"{start} to {end}", "a range has a day or more")
    if (first or last) and not any(a <= start and end <= b for a, b in ranges):
        shown = ", ".join(f"{a} to {b}" for a, b in ranges)
        raise NotFound(
            f"complete calendar of {mic} for", f"{start} to {end}",
            f"known: {shown}; `catalog venue calendar update {mic} --from {start} --to {end}` gets more",
        )  # fmt: skip
    return venue, start, end


def _venue(cursor: Cursor, mic: str) -> UUID:
    found = calendars.venue(cursor, mic)
    if found is None:
        raise NotFound("venue", mic, "`catalog venue register` makes it; `catalog venue list` shows what there is")
    return found


def _known(cursor: Cursor, mic: str, venue: UUID) -> calendars.Known:
    known = calendars.known(cursor, venue)
    if known is None:
        raise NotFound("calendar of", mic, f"`catalog venue calendar update {mic}` gets it")
    return known
