"""The library's calendars as payloads: right where the facts are known, the same bytes each time, refused where it errs."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from catalog.domain.reference import market
from catalog.domain.sessions import Calendar, Session
from catalog.errors import InvalidIdentifier, InvalidRecord, NotFound
from catalog.importers.base import Reject
from catalog.importers.exchange_calendars import IMPORTER, read
from catalog.services import exchange_calendars
from catalog.services.exchange_calendars import (
    CalendarUnusable,
    bounds,
    calendar_name,
    default_range,
    known_mics,
    render,
)
from catalog.snapshot.extra import MissingExtra
from tests.calendars import days

ROOT = Path(__file__).parents[2]
TODAY = date(2026, 11, 24)
#: Calendars that some versions of pandas break; they are then refused, and never wrong.
FRAGILE = {"ASEX", "XBEL", "XBSE", "XCYS", "XBOM", "XTAE", "MISX"}


class Rendered:
    """A rendered calendar, taken apart by its importer."""

    def __init__(self, mic: str, first: str, last: str) -> None:
        self.payload = render(mic, date.fromisoformat(first), date.fromisoformat(last))
        found = list(read(BytesIO(self.payload)))
        assert not [f for f in found if isinstance(f, Reject)]
        assert isinstance(found[0], Calendar)
        self.calendar = found[0]
        values = [f.value for f in found[1:]]  # type: ignore[union-attr]
        self.sessions = {v.day: v for v in values if isinstance(v, Session)}
        self.holidays = [v for v in values if not isinstance(v, Session)]

    def local(self, day: str) -> list[str]:
        """Opening, start and end of the break, close of a session, in the venue's time."""
        session = self.sessions[date.fromisoformat(day)]
        moments = (session.opens_at, session.break_starts_at, session.break_ends_at, session.closes_at)
        zone = ZoneInfo(self.calendar.timezone)
        return [f"{m.astimezone(zone):%d %H:%M}" for m in moments if m is not None]


#: MIC, zone, regular opening and close on TODAY, as the exchanges publish them.
HOURS = {
    "XNYS": ("America/New_York", time(9, 30), time(16)), "XNAS": ("America/New_York", time(9, 30), time(16)),
    "XNGS": ("America/New_York", time(9, 30), time(16)), "XLON": ("Europe/London", time(8), time(16, 30)),
    "XTKS": ("Asia/Tokyo", time(9), time(15, 30)), "XHKG": ("Asia/Hong_Kong", time(9, 30), time(16)),
    "XETR": ("Europe/Berlin", time(9), time(17, 30)), "XPAR": ("Europe/Paris", time(9), time(17, 30)),
    "XTSE": ("America/Toronto", time(9, 30), time(16)), "XASX": ("Australia/Sydney", time(10), time(16)),
    "XSWX": ("Europe/Zurich", time(9), time(17, 30)), "XSHG": ("Asia/Shanghai", time(9, 30), time(15)),
    "XSAU": ("Asia/Riyadh", time(10), time(15)), "XKRX": ("Asia/Seoul", time(9), time(15, 30)),
    "XCME": ("America/Chicago", time(17), time(17)), "XSES": ("Asia/Singapore", time(9), time(17)),
}  # fmt: skip


@pytest.mark.parametrize("mic", HOURS)
def test_regular_hours(mic: str) -> None:
    payload = render(mic, date(2026, 1, 1), date(2026, 12, 31))
    [venue] = IMPORTER.parse(BytesIO(payload), datetime(2026, 11, 24, 12, tzinfo=UTC))
    assert not isinstance(venue, Reject)
    assert venue.record.known() == {
        "record": "venue", "mic": mic, "timezone": HOURS[mic][0], "session_open": f"{HOURS[mic][1]:%H:%M}",
        "session_close": f"{HOURS[mic][2]:%H:%M}",
    }  # fmt: skip


def test_hours_that_change_with_the_season_are_those_of_the_day() -> None:
    """Santiago closes an hour later while New York does, by the wall clock of Santiago."""
    payload = render("XSGO", date(2026, 1, 1), date(2026, 12, 31))
    closes = []
    for month in (7, 12):
        [venue] = IMPORTER.parse(BytesIO(payload), datetime(2026, month, 15, tzinfo=UTC))
        closes.append(venue.record.session_close)  # type: ignore[union-attr]
    assert closes == [time(16), time(17)]


def test_new_york() -> None:
    found = Rendered("XNYS", "2024-11-01", "2025-03-31")
    assert found.holidays == days("2024-11-28 2024-12-25 2025-01-01 2025-01-09 2025-01-20 2025-02-17")
    assert found.local("2024-11-29") == ["29 09:30", "29 13:00"]
    assert [s.day for s in found.sessions.values() if s.is_short] == days("2024-11-29 2024-12-24")
    # summer time ended on 3 November and began on 9 March; the wall clock does not care
    assert {found.local(day)[0][3:] for day in ("2024-11-01", "2024-11-04", "2025-03-07", "2025-03-10")} == {"09:30"}
    assert found.sessions[date(2024, 11, 1)].opens_at == datetime(2024, 11, 1, 13, 30, tzinfo=UTC)
    assert found.sessions[date(2024, 11, 4)].opens_at == datetime(2024, 11, 4, 14, 30, tzinfo=UTC)


def test_tokyo_has_lunch_and_closes_later_since_2024_11_05() -> None:
    found = Rendered("XTKS", "2024-10-28", "2024-11-08")
    assert found.local("2024-11-01") == ["01 09:00", "01 11:30", "01 12:30", "01 15:00"]
    assert found.local("2024-11-05") == ["05 09:00", "05 11:30", "05 12:30", "05 15:30"]
    assert found.holidays == days("2024-11-04")
    assert not any(s.is_short for s in found.sessions.values())


def test_hong_kong_goes_home_before_lunch() -> None:
    found = Rendered("XHKG", "2024-12-23", "2024-12-27")
    assert found.local("2024-12-23") == ["23 09:30", "23 12:00", "23 13:00", "23 16:00"]
    assert found.local("2024-12-24") == ["24 09:30", "24 12:00"]
    assert [s.is_short for s in found.sessions.values()] == [False, True, False]
    assert found.holidays == days("2024-12-25 2024-12-26")


def test_chicago_opens_the_evening_before() -> None:
    found = Rendered("XCME", "2024-11-01", "2024-11-29")
    assert found.calendar.calendar == "CMES"
    assert found.local("2024-11-25") == ["24 17:00", "25 17:00"]
    assert found.local("2024-11-28") == ["27 17:00", "28 12:00"]  # Thanksgiving: a short session, no holiday
    assert found.sessions[date(2024, 11, 28)].is_short
    assert found.holidays == []
    # the night in which summer time ends is not between two sessions of a week, so that none is a different length
    lengths = {s.closes_at - s.opens_at for s in found.sessions.values() if not s.is_short}
    assert lengths == {timedelta(days=1)}


def test_a_week_is_not_from_monday_to_friday_everywhere() -> None:
    found = Rendered("XSAU", "2025-03-23", "2025-04-12")
    assert date(2025, 3, 23) in found.sessions  # a Sunday
    assert {d.weekday() for d in found.holidays} <= {6, 0, 1, 2, 3}
    assert found.holidays
    assert not [d for d in found.sessions if d.weekday() in (4, 5)]


def test_a_late_opening_is_short_and_a_late_day_is_not() -> None:
    """On the day of the university examinations Seoul opens and closes an hour later."""
    found = Rendered("XKRX", "2019-01-01", "2019-11-15")
    assert found.local("2019-01-02") == ["02 10:00", "02 15:30"]
    assert found.sessions[date(2019, 1, 2)].is_short
    assert found.local("2019-11-14") == ["14 10:00", "14 16:30"]
    assert not found.sessions[date(2019, 11, 14)].is_short


def test_one_day_and_a_range_without_sessions() -> None:
    assert [*Rendered("XNYS", "2026-11-24", "2026-11-24").sessions] == days("2026-11-24")
    weekend = Rendered("XNYS", "2026-11-21", "2026-11-22")
    assert (weekend.sessions, weekend.holidays) == ({}, [])
    holiday = Rendered("XNYS", "2026-11-26", "2026-11-26")
    assert (holiday.sessions, holiday.holidays) == ({}, days("2026-11-26"))


def test_pieces_are_the_same_as_the_whole() -> None:
    whole = Rendered("XHKG", "2025-01-01", "2026-12-31")
    parts = [Rendered("XHKG", "2025-01-01", "2025-10-01"), Rendered("XHKG", "2025-10-02", "2026-12-31")]
    assert parts[0].sessions | parts[1].sessions == whole.sessions
    assert parts[0].holidays + parts[1].holidays == whole.holidays
    assert parts[0].calendar.hours == whole.calendar.hours


def test_the_same_range_gives_the_same_bytes_whenever(monkeypatch: pytest.MonkeyPatch) -> None:
    first = render("XLON", *default_range("XLON", date(2026, 1, 1)))
    assert first == render("XLON", *default_range("XLON", date(2026, 12, 31)))
    assert first.startswith(b'{\n"format": "exchange-calendar/1",\n')
    assert first.isascii()


@pytest.mark.parametrize("mic", {calendar_name(mic): mic for mic in known_mics()}.values())
def test_every_calendar_is_right_by_its_own_rules_or_refused(mic: str) -> None:
    first, last = default_range(calendar_name(mic), TODAY)
    try:
        found = Rendered(mic, first.isoformat(), last.isoformat())
    except CalendarUnusable:
        assert mic in FRAGILE
        return
    assert found.calendar.mic == mic
    assert found.sessions
    zone, short = ZoneInfo(found.calendar.timezone), 0
    for session in found.sessions.values():
        hours = found.calendar.hours_on(session.day)
        opens, closes = (m.astimezone(zone).time() for m in (session.opens_at, session.closes_at))
        short += session.is_short
        assert session.is_short or (opens, closes) == (hours.opens, hours.closes) or mic == "XKRX"
    assert short < len(found.sessions) / 4 or mic == "XTAE"  # where one day of each week is shorter


def test_the_library_is_not_taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """What newer versions of pandas do to some calendars: a session of a special Saturday is gone."""
    factories = exchange_calendars._library().calendar_utils._default_calendar_factories
    masks = ((None, datetime(2026, 11, 22), "1111110"),)  # noqa: DTZ001 - as the library has it
    monkeypatch.setitem(factories, "XNYS", type("Forgetful", (factories["XNYS"],), {"special_weekmasks": masks}))
    with pytest.raises(CalendarUnusable, match="disagree about 2026-11-21"):
        render("XNYS", date(2026, 11, 16), date(2026, 11, 27))
    assert render("XNYS", date(2026, 11, 22), date(2026, 11, 27))

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(factories, "XNYS", type("Broken", (factories["XNYS"],), {"__init__": fail}))
    with pytest.raises(CalendarUnusable, match="ZeroDivisionError"):
        render("XNYS", date(2026, 11, 16), date(2026, 11, 27))


def test_whose_calendar_is_whose() -> None:
    names = {mic: calendar_name(mic) for mic in known_mics()}
    shared = {mic: name for mic, name in names.items() if mic != name}
    assert shared == {
        "ARCX": "XNYS", "BATS": "XNYS", "OOTC": "XNYS", "XASE": "XNYS", "XNAS": "XNYS", "XNCM": "XNYS", "XNGS": "XNYS",
        "XNMS": "XNYS", "XTSX": "XTSE", "XETA": "XETR", "XETB": "XETR", "XJPX": "XTKS", "XCME": "CMES", "XCBT": "CMES",
        "XNYM": "CMES", "XCEC": "CMES", "IFUS": "IEPA", "MISX": "XMOS",
    }  # fmt: skip
    assert all(market(mic) is not None for mic in names)
    library = exchange_calendars._library()
    unused = {*library.get_calendar_names(include_aliases=False)} - set(names.values())
    assert unused == {"24/7", "24/5", "us_futures"}


@pytest.mark.parametrize(
    ("mic", "hint"),
    [
        ("NYSE", "XNYS"), ("TASE", "XTAE"), ("HKEX", "XHKG"), ("CBOT", "XCME, XCBT, XNYM, XCEC"), ("NYFE", "IFUS"),
        ("CMES", "XCME"), ("IEPA", "IFUS"), ("XMOS", "MISX"), ("XBRN", "has none"), ("24/7", None), ("xnys", None),
        ("us_futures", None),
    ],
)  # fmt: skip
def test_what_has_no_calendar_says_what_to_name(mic: str, hint: str | None) -> None:
    with pytest.raises(InvalidIdentifier if hint is None else NotFound) as caught:
        calendar_name(mic)
    if hint is not None:
        assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("mic", "first", "last"),
    [
        ("XTKS", "1996-12-31", "2000-01-01"),
        ("XSHG", "2026-01-01", "2200-01-01"),
        ("XNYS", "1970-01-01", "1970-02-01"),
        ("XNYS", "2098-01-01", "2099-01-01"),
        ("XNYS", "2026-02-01", "2026-01-01"),
    ],
)
def test_a_range_that_is_not_known(mic: str, first: str, last: str) -> None:
    with pytest.raises(InvalidRecord, match=f"{first} to {last}") as caught:
        render(mic, date.fromisoformat(first), date.fromisoformat(last))
    assert str(bounds(calendar_name(mic))[1]) in str(caught.value)


def test_the_first_and_the_last_day_can_be_had() -> None:
    for name in ("XTKS", "XNYS", "XHKG", "CMES"):
        first, last = bounds(name)
        mic = "XCME" if name == "CMES" else name
        assert render(mic, first, first + timedelta(days=10))
        assert render(mic, last - timedelta(days=10), last)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    for ask in (known_mics, lambda: calendar_name("XNYS")):
        with pytest.raises(MissingExtra, match="exchange_calendars") as caught:
            ask()
        assert "instrument-catalog[calendars]" in str(caught.value.hint)


def test_only_rendering_loads_it() -> None:
    program = "import sys, catalog.services.catalog, cli.app; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT).returncode == 0
