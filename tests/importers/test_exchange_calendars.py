"""`exchange-calendars`: the venue's record of the day, and every day of the calendar proved."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import pytest

from catalog.domain.sessions import Calendar, Session
from catalog.errors import PayloadError
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.exchange_calendars import IMPORTER, Placed, read
from tests.calendars import CHICAGO, HONG_KONG, NEW_YORK
from tests.importers.support import parse, record, reject, stream

HOURS = [{"opens": "09:00", "closes": "15:00"}, {"since": "2024-11-05", "opens": "09:00", "closes": "15:30"}]
SESSION = NEW_YORK["sessions"][1]


def test_a_calendar_gives_the_venue_and_nothing_else() -> None:
    venue = record(parse("exchange-calendars", CHICAGO))
    assert venue.known() == {
        "record": "venue", "mic": "XCME", "timezone": "America/Chicago", "session_open": "17:00", "session_close": "17:00",
    }  # fmt: skip
    assert IMPORTER.heading(stream(CHICAGO)) == Heading("XCME", is_listing=False)


def test_read_gives_everything_in_order() -> None:
    calendar, *rest = read(stream(HONG_KONG))
    assert isinstance(calendar, Calendar)
    assert (calendar.mic, calendar.calendar, calendar.first_day) == ("XHKG", "XHKG", date(2026, 12, 24))
    assert rest == [
        Placed(Session(date(2026, 12, 24), at("24T01:30"), at("24T04:00"), is_short=True), "/sessions/0"),
        Placed(
            Session(date(2026, 12, 28), at("28T01:30"), at("28T08:00"), at("28T04:00"), at("28T05:00")), "/sessions/1"
        ),
        Placed(date(2026, 12, 25), "/holidays/0"),
    ]


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-12-{text}Z")


@pytest.mark.parametrize(
    ("observed_at", "close"),
    [
        ("2024-11-04T14:59:59Z", time(15)),  # still 4 November in Tokyo
        ("2024-11-04T15:00:00Z", time(15, 30)),
        ("1999-01-01T00:00:00Z", time(15)),
        ("2030-01-01T00:00:00Z", time(15, 30)),
        (None, time(15, 30)),
    ],
)
def test_the_hours_are_those_of_the_day_of_observation(observed_at: str | None, close: time) -> None:
    tokyo = NEW_YORK | {"mic": "XTKS", "timezone": "Asia/Tokyo", "hours": HOURS}
    moment = datetime.fromisoformat(observed_at) if observed_at else None
    assert record(parse("exchange-calendars", tokyo, moment)).session_close == close


def test_without_a_time_the_hours_are_those_of_the_last_day() -> None:
    old = NEW_YORK | {
        "first_day": "2024-10-01",
        "last_day": "2024-10-31",
        "hours": HOURS,
        "sessions": [],
        "holidays": [],
    }
    assert record(parse("exchange-calendars", old)).session_close == time(15)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mic": None}, "missing_field"),
        ({"mic": "xnys"}, "invalid_mic"),
        ({"mic": 4}, "invalid_field"),
        ({"calendar": " "}, "invalid_key"),
        ({"library_version": "4\x00"}, "invalid_key"),
        ({"timezone": "America/Gotham"}, "invalid_timezone"),
        ({"timezone": "../../etc/passwd"}, "invalid_timezone"),
        ({"timezone": "America"}, "invalid_timezone"),
        ({"timezone": "a\x00b"}, "invalid_timezone"),
        ({"timezone": ""}, "invalid_timezone"),
        ({"first_day": "2026-11-31"}, "invalid_date"),
        ({"last_day": "20261130"}, "invalid_date"),
        ({"last_day": "2026-11-24"}, "invalid_range"),
        ({"hours": []}, "invalid_hours"),
        ({"hours": {}}, "invalid_hours"),
        ({"hours": [7]}, "not_an_object"),
        ({"hours": HOURS[::-1]}, "invalid_hours"),
        ({"hours": [HOURS[1], HOURS[1]]}, "invalid_hours"),
        ({"hours": [{"opens": "09:30"}]}, "missing_field"),
        ({"hours": [{"opens": "9:30", "closes": "16:00"}]}, "invalid_time_of_day"),
        ({"hours": [{"since": "never", "opens": "09:30", "closes": "16:00"}]}, "invalid_date"),
    ],
)
def test_a_calendar_that_is_no_good_gives_one_reject_and_nothing_behind_it(change: dict[str, Any], code: str) -> None:
    results = parse("exchange-calendars", NEW_YORK | change)
    assert len(results) == 1
    assert reject(results).code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"day": None}, "missing_field"),
        ({"day": 20261127}, "invalid_date"),
        ({"opens_at": "2026-11-27T14:30:00"}, "invalid_time"),
        ({"closes_at": 7}, "invalid_time"),
        ({"closes_at": SESSION["opens_at"]}, "invalid_session"),
        ({"opens_at": "2026-11-25T20:59:59Z"}, "invalid_session"),  # the one before is open then
        ({"day": "2026-11-25"}, "invalid_session"),  # there was one of that day
        ({"day": "2026-12-01"}, "invalid_session"),  # not in the range
        ({"day": "2026-11-24"}, "invalid_session"),
        ({"break_starts_at": "2026-11-27T15:00:00Z"}, "invalid_session"),
        ({"break_starts_at": "2026-11-27T15:00:00Z", "break_ends_at": "2026-11-27T18:00:00Z"}, "invalid_session"),
        ({"break_starts_at": "2026-11-27T15:00:00Z", "break_ends_at": "2026-11-27T15:00:00Z"}, "invalid_session"),
        ({"is_short": "yes"}, "invalid_field"),
        ({"is_short": 1}, "invalid_field"),
    ],
)
def test_a_session_that_is_no_good_is_a_reject_among_good_ones(change: dict[str, Any], code: str) -> None:
    first, second, third = NEW_YORK["sessions"]
    results = list(read(stream(NEW_YORK | {"sessions": [first, second | change, third]})))
    found = [r for r in results if isinstance(r, Reject)]
    assert [(r.place, r.code, r.record) for r in found] == [("/sessions/1", code, "venue")]
    assert [r.place for r in results if isinstance(r, Placed)] == ["/sessions/0", "/sessions/2", "/holidays/0"]
    assert isinstance(parse("exchange-calendars", NEW_YORK | {"sessions": [second | change]})[0], Parsed)


@pytest.mark.parametrize(
    ("holidays", "code"),
    [
        (["2026-11-26", 7], "invalid_date"),
        (["2026-11-26", "2026-11-27"], "invalid_holiday"),  # there is a session on it
        (["2026-11-26", "2026-11-26"], "invalid_holiday"),
        (["2026-11-29", "2026-11-28"], "invalid_holiday"),
        (["2026-11-26", "2026-12-01"], "invalid_holiday"),
    ],
)
def test_a_holiday_that_is_no_good(holidays: list[Any], code: str) -> None:
    found = reject(parse("exchange-calendars", NEW_YORK | {"holidays": holidays}))
    assert (found.place, found.code) == ("/holidays/1", code)


def test_a_session_on_a_holiday_that_came_first() -> None:
    turned = {k: v for k, v in NEW_YORK.items() if k != "sessions"}
    turned |= {"holidays": ["2026-11-27"], "sessions": NEW_YORK["sessions"]}
    found = reject(parse("exchange-calendars", turned))
    assert (found.place, found.code) == ("/sessions/1", "invalid_session")


def test_a_key_that_comes_twice() -> None:
    twice = str(NEW_YORK["sessions"][0]).replace("'", '"').replace("{", '{"day": "2026-11-30", ')
    payload = b'{"format": "exchange-calendar/1", "mic": "XNYS", "calendar": "XNYS", "library_version": "4", "timezone": "UTC", '
    payload += (
        b'"first_day": "2026-11-25", "last_day": "2026-11-30", "hours": [{"opens": "00:00", "closes": "00:00"}], '
    )
    assert reject(parse("exchange-calendars", payload + f'"sessions": [{twice}]}}'.encode())).code == "duplicate_key"


@pytest.mark.parametrize(
    ("payload", "match"),
    [
        ({"format": "exchange-calendar/2"} | {"sessions": []}, "no calendar of ours"),
        ({k: v for k, v in NEW_YORK.items() if k not in ("sessions", "holidays")}, "no array"),
        ({"sessions": []} | NEW_YORK, "no calendar of ours"),
        (NEW_YORK | {"sessions": {}}, "an array is expected"),
        (NEW_YORK | {"later": 1}, "comes too late"),
        ([NEW_YORK], "no array"),
        (b"", "empty"),
        (b'{"format": "exchange-calendar/1", "mic": "XNYS"', "ends"),
    ],
)
def test_what_is_no_calendar_cannot_be_read(payload: Any, match: str) -> None:
    with pytest.raises(PayloadError, match=match):
        parse("exchange-calendars", payload)


def test_a_feed_is_a_mic_or_nothing() -> None:
    for mic in (None, 7, "nyse", ""):
        assert IMPORTER.heading(stream(NEW_YORK | {"mic": mic})) == Heading("", is_listing=False)
    assert IMPORTER.heading(stream({"format": "x", "sessions": [1], "mic": "XNYS"})) == Heading("", is_listing=False)
