"""Trading calendars in the database: replaced for their range, all or nothing, by one writer or by two."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any

import psycopg
import pytest

from catalog import Catalog
from catalog.database import migrations, schema
from catalog.database.engine import make_engine
from catalog.domain import Venue
from catalog.errors import InvalidRecord, NotFound, PayloadError
from catalog.repositories import calendars as rows
from catalog.repositories.driver import copy_rows, cursor_of
from catalog.services import calendars, exchange_calendars, imports, payloads
from catalog.services.exchange_calendars import CalendarUnusable
from catalog.services.run import Order
from tests.calendars import AT, CHICAGO, HONG_KONG, NEW_YORK, days, encoded, imported, kept
from tests.states import state


@pytest.fixture
def venues(catalog: Catalog) -> Catalog:
    """A catalog with three markets."""
    for mic in ("XNYS", "XHKG", "XCME"):
        catalog.register(Venue(mic=mic))
    return catalog


def physical(catalog: Catalog) -> list[tuple[Any, ...]]:
    """Every row of the three tables with the transaction that wrote it."""
    found = []
    with catalog.transaction() as cursor:
        for table in ("venue_calendars", "venue_sessions", "venue_holidays"):
            cursor.execute(f"SELECT '{table}', xmin::text, t::text FROM {table} t ORDER BY 3".encode())
            found += cursor.fetchall()
    return found


def opened(catalog: Catalog, mic: str) -> list[date]:
    return [s.day for s in catalog.venues.sessions(mic)]


def test_a_calendar_is_kept_and_the_venue_learns_its_hours(venues: Catalog) -> None:
    report = kept(venues, NEW_YORK)
    assert report.to_json() == {
        "mic": "XNYS", "calendar": "XNYS", "first_day": "2026-11-25", "last_day": "2026-11-30", "sessions": 3,
        "holidays": 1, "added": 4, "removed": 0, "run_id": report.run_id,
    }  # fmt: skip
    assert opened(venues, "XNYS") == days("2026-11-25 2026-11-27 2026-11-30")
    assert venues.venues.holidays("XNYS") == days("2026-11-26")
    assert [s.is_short for s in venues.venues.sessions("XNYS")] == [False, True, False]
    assert venues.venues.timezone("XNYS") == "America/New_York"
    venue = venues.venues.get(Venue(mic="XNYS").id).to_json()
    assert [venue[f] for f in ("timezone", "session_open", "session_close")] == ["America/New_York", "09:30", "16:00"]
    last = venues.changes()[-1]
    assert (last["run_id"], last["action"], sorted(last["difference"])) == (
        report.run_id,
        "update",
        ["session_close", "session_open", "timezone"],
    )
    run = venues.import_run(report.run_id)
    assert (run["source"], run["feed"], run["state"]) == ("exchange-calendars", "XNYS", "done")


def test_what_is_kept_equals_what_was_read(venues: Catalog) -> None:
    for calendar in (NEW_YORK, HONG_KONG, CHICAGO):
        kept(venues, calendar)
        _, sessions, holidays = calendars._read(io.BytesIO(encoded(calendar)))
        assert venues.venues.sessions(calendar["mic"]) == sessions
        assert venues.venues.holidays(calendar["mic"]) == holidays


def test_a_second_run_changes_nothing(venues: Catalog) -> None:
    first = kept(venues, HONG_KONG)
    held, last, before = physical(venues), venues.stats()["last_sequence"], state(venues)
    again = kept(venues, HONG_KONG)
    assert (again.added, again.removed, again.run_id > first.run_id) == (0, 0, True)
    assert calendars.keep(venues.engine, first.run_id).added == 0  # an old run once more
    assert physical(venues) == held
    assert venues.stats()["last_sequence"] == last
    assert state(venues) == before


def test_only_the_range_is_replaced_and_only_what_differs(venues: Catalog) -> None:
    first = kept(venues, NEW_YORK)
    changed = NEW_YORK | {
        "first_day": "2026-11-26", "last_day": "2026-11-27", "sessions": [], "holidays": ["2026-11-26", "2026-11-27"],
    }  # fmt: skip
    second = kept(venues, changed)
    assert (second.added, second.removed) == (1, 1)
    assert opened(venues, "XNYS") == days("2026-11-25 2026-11-30")
    assert venues.venues.holidays("XNYS") == days("2026-11-26 2026-11-27")
    with venues.transaction() as cursor:
        cursor.execute("SELECT day, run_id FROM venue_holidays ORDER BY day")
        assert [run for _, run in cursor.fetchall()] == [first.run_id, second.run_id]
    kept(venues, NEW_YORK)
    assert opened(venues, "XNYS") == days("2026-11-25 2026-11-27 2026-11-30")
    assert venues.venues.holidays("XNYS") == days("2026-11-26")


def test_the_catalog_knows_which_days_it_knows(venues: Catalog) -> None:
    with pytest.raises(NotFound, match="no calendar of `XNYS`"):
        venues.venues.sessions("XNYS")
    with pytest.raises(NotFound, match="no venue `XLON`"):
        venues.venues.holidays("XLON")
    kept(venues, NEW_YORK)
    later = {"first_day": "2026-12-05", "last_day": "2026-12-06", "sessions": [], "holidays": []}
    kept(venues, NEW_YORK | later)
    ask = venues.venues.sessions
    assert [s.day for s in ask("XNYS", date(2026, 11, 26), date(2026, 11, 28))] == days("2026-11-27")
    assert [s.day for s in ask("XNYS", date(2026, 11, 27), date(2026, 11, 27))] == days("2026-11-27")
    assert len(ask("XNYS")) == 3
    for first, last in (("2026-11-24", "2026-11-26"), ("2026-11-30", "2026-12-01"), ("2026-11-25", "2026-12-06")):
        with pytest.raises(NotFound, match=f"{first} to {last}") as caught:
            ask("XNYS", date.fromisoformat(first), date.fromisoformat(last))
        assert "2026-11-25 to 2026-11-30, 2026-12-05 to 2026-12-06" in str(caught.value.hint)
        assert f"update XNYS --from {first} --to {last}" in str(caught.value.hint)
    with pytest.raises(InvalidRecord, match="a day or more"):
        ask("XNYS", date(2026, 11, 27), date(2026, 11, 26))
    gap = {"first_day": "2026-12-01", "last_day": "2026-12-04", "sessions": [], "holidays": []}
    kept(venues, NEW_YORK | gap)
    assert len(ask("XNYS", date(2026, 11, 25), date(2026, 12, 6))) == 3


def test_an_operator_is_believed_before_the_library(venues: Catalog) -> None:
    id = Venue(mic="XNYS").id
    venues.venues.update(id, {"session_open": "09:00", "session_close": "16:00", "timezone": "America/New_York"})
    kept(venues, NEW_YORK)
    assert venues.venues.get(id).to_json()["session_open"] == "09:00"


def test_a_day_that_is_no_good_keeps_the_whole_calendar_out(venues: Catalog) -> None:
    kept(venues, NEW_YORK)
    held = physical(venues)
    broken = NEW_YORK | {"sessions": [*NEW_YORK["sessions"][:2], {"day": "2026-11-30"}], "holidays": []}
    with pytest.raises(PayloadError, match="/sessions/2"):
        kept(venues, broken)
    assert physical(venues) == held


def test_only_calendars_of_venues_can_be_kept(venues: Catalog) -> None:
    payload = payloads.in_memory("one.jsonl", b'{"record": "venue", "mic": "XLON"}', AT)
    run = imports.import_payload(venues.engine, "jsonl", payload, Order("tester")).run_id
    assert run is not None
    with pytest.raises(PayloadError, match="read `jsonl`"):
        calendars.keep(venues.engine, run)
    with pytest.raises(NotFound, match="import run"):
        calendars.keep(venues.engine, 999)


def test_nothing_is_half_written(venues: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(venues, NEW_YORK)
    held = physical(venues)

    def fail(cursor: Any, table: str, *arguments: Any) -> None:
        if table == "venue_holidays":
            raise KeyboardInterrupt
        copy_rows(cursor, table, *arguments)

    monkeypatch.setattr(rows, "copy_rows", fail)
    with pytest.raises(KeyboardInterrupt):
        kept(venues, NEW_YORK | {"sessions": NEW_YORK["sessions"][:1], "holidays": [], "library_version": "9"})
    assert physical(venues) == held


def test_sessions_that_overlap_with_those_of_other_days_are_refused(venues: Catalog) -> None:
    kept(venues, CHICAGO)
    held = physical(venues)
    early = {"day": "2026-11-25", "opens_at": "2026-11-24T22:59:59Z", "closes_at": "2026-11-25T23:00:00Z"}
    changed = CHICAGO | {"first_day": "2026-11-25", "last_day": "2026-11-25", "sessions": [early]}
    with pytest.raises(InvalidRecord, match="overlap") as caught:
        kept(venues, changed)
    assert caught.value.hint == "choose a wider range"
    assert physical(venues) == held
    # half-open: one may open at the moment at which the one before closes
    assert kept(venues, changed | {"sessions": [early | {"opens_at": "2026-11-24T23:00:00Z"}]}).added == 1


def test_two_writers_at_once(venues: Catalog) -> None:
    """Both have read the old state when they begin to write; the one that waits sees what the other wrote."""
    other = NEW_YORK | {"sessions": NEW_YORK["sessions"][1:], "holidays": ["2026-11-25", "2026-11-26"]}
    runs = [imported(venues, calendar) for calendar in (NEW_YORK, other)] * 4
    gate = threading.Barrier(len(runs))

    def keep(run: int) -> None:
        gate.wait()
        calendars.keep(venues.engine, run)

    with ThreadPoolExecutor(len(runs)) as pool:
        list(pool.map(keep, runs))
    sessions, holidays = opened(venues, "XNYS"), venues.venues.holidays("XNYS")
    assert (sessions, holidays) in [
        (days("2026-11-25 2026-11-27 2026-11-30"), days("2026-11-26")),
        (days("2026-11-27 2026-11-30"), days("2026-11-25 2026-11-26")),
    ]


def test_a_writer_waits_for_the_other(venues: Catalog) -> None:
    runs = [imported(venues, NEW_YORK), imported(venues, NEW_YORK | {"sessions": []})]
    with venues.engine.connect() as connection, ThreadPoolExecutor(1) as pool:
        calendar, sessions, holidays = calendars._read(io.BytesIO(encoded(NEW_YORK)))
        venue = rows.venue(cursor_of(connection), "XNYS")
        assert venue is not None
        rows.replace(cursor_of(connection), venue, calendar, sessions, holidays, runs[0])
        waiting = pool.submit(calendars.keep, venues.engine, runs[1])
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.5)
        connection.commit()
        assert waiting.result(timeout=20).removed == 3
    assert opened(venues, "XNYS") == []


def test_update_renders_imports_and_keeps(venues: Catalog) -> None:
    first, last = date(2024, 11, 1), date(2024, 12, 31)
    report = venues.venues.update_calendar("XNYS", first, last)
    assert (report.sessions, report.holidays, report.added) == (41, 2, 43)
    with venues.transaction() as cursor:
        stored = payloads.fetch(cursor, bytes.fromhex(venues.import_run(report.run_id)["payload_hash"]))
    assert stored == exchange_calendars.render("XNYS", first, last)
    held, sequence = physical(venues), venues.stats()["last_sequence"]
    assert venues.venues.update_calendar("XNYS", first, last).added == 0
    assert (physical(venues), venues.stats()["last_sequence"]) == (held, sequence)
    # the library's own answer, asked in another way
    library = exchange_calendars._library()
    with exchange_calendars._without_deprecations():
        theirs = library.get_calendar("XNYS", start="2024-10-01", end="2025-01-31")
    ours = venues.venues.sessions("XNYS")
    assert [s.day for s in ours] == [t.date() for t in theirs.sessions_in_range("2024-11-01", "2024-12-31")]
    for session in ours:
        day = session.day.isoformat()
        assert (session.opens_at, session.closes_at) == theirs.session_open_close(day)
        assert session.is_short == (day in theirs.early_closes)


def test_update_by_default_is_three_years(venues: Catalog) -> None:
    report = venues.venues.update_calendar("XHKG")
    year = datetime.now(tz=AT.tzinfo).year
    assert (report.first_day, report.last_day) == (date(year - 1, 1, 1), date(year + 1, 12, 31))


def test_update_without_such_a_venue_or_calendar(venues: Catalog) -> None:
    with pytest.raises(NotFound, match="no venue `XLON`") as caught:
        venues.venues.update_calendar("XLON")
    assert "catalog venue register" in str(caught.value.hint)
    with pytest.raises(NotFound, match="no calendar `NYSE`"):
        venues.venues.update_calendar("NYSE")
    with pytest.raises(InvalidRecord, match="2026-01-02 to 2026-01-01"):
        venues.venues.update_calendar("XNYS", date(2026, 1, 2), date(2026, 1, 1))
    assert venues.imports() == []


def test_a_calendar_that_fails_leaves_everything_as_it_was(venues: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(venues, NEW_YORK)
    held, runs = physical(venues), venues.imports()
    monkeypatch.setattr(
        exchange_calendars._Source, "days", lambda *_: (_ for _ in ()).throw(CalendarUnusable("X", "no"))
    )
    with pytest.raises(CalendarUnusable):
        venues.venues.update_calendar("XNYS")
    assert (physical(venues), venues.imports()) == (held, runs)


def test_all_are_those_of_the_catalog_that_the_library_has(venues: Catalog) -> None:
    venues.register(Venue(mic="IEXG"))
    venues.register(Venue(slug="kraken"))
    venues.register(Venue(mic="XLON", status="retired"))
    assert venues.venues.with_calendar() == ["XCME", "XHKG", "XNYS"]


def test_an_import_by_hand_checks_and_keeps_no_days(venues: Catalog, tmp_path: Any) -> None:
    path = tmp_path / "new-york.json"
    path.write_bytes(encoded(NEW_YORK))
    report = venues.import_file("auto", str(path), observed_at=AT)
    assert (report.source, report.is_clean, physical(venues)) == ("exchange-calendars", True, [])
    assert report.run_id is not None
    assert venues.venues.keep_calendar(report.run_id).added == 4
    again = imports.replay(venues.engine, report.run_id, actor="tester")
    assert again.run_id is not None
    assert venues.venues.keep_calendar(again.run_id).added == 0


# The database's own rules

ROW = "INSERT INTO venue_sessions VALUES (%(venue)s, '2026-11-28', {}, false, %(run)s)"


@pytest.mark.parametrize(
    ("cells", "constraint"),
    [
        ("'2026-11-28T15:00Z', '2026-11-28T15:00Z', NULL, NULL", "ck_venue_sessions__closes_after_opening"),
        ("'2026-11-28T15:00Z', '2026-11-28T16:00Z', '2026-11-28T15:30Z', NULL", "ck_venue_sessions__whole_break"),
        ("'2026-11-28T15:00Z', '2026-11-28T16:00Z', '2026-11-28T15:30Z', '2026-11-28T16:00Z'", "ck_venue_sessions__break_inside"),
        ("'2026-11-27T17:59Z', '2026-11-28T16:00Z', NULL, NULL", "ex_venue_sessions__no_overlap"),
        ("'2026-11-28T15:00Z', '2026-11-30T14:31Z', NULL, NULL", "ex_venue_sessions__no_overlap"),
        ("'1969-11-28T15:00Z', '1970-11-30T14:31Z', NULL, NULL", "ck_venue_sessions__opens_at_moment"),
        ("'2026-11-27T18:00Z', '2026-11-30T14:30Z', NULL, NULL", None),
    ],
)  # fmt: skip
def test_what_a_session_must_be(venues: Catalog, cells: str, constraint: str | None) -> None:
    kept(venues, NEW_YORK | {"mic": "XCME"})  # sessions of two venues may be at the same time
    given = {"venue": Venue(mic="XNYS").id, "run": kept(venues, NEW_YORK).run_id}
    with venues.transaction() as cursor:
        if constraint is None:
            cursor.execute(ROW.format(cells).encode(), given)
            return
        with pytest.raises(psycopg.IntegrityError) as caught:
            cursor.execute(ROW.format(cells).encode(), given)
        assert caught.value.diag.constraint_name == constraint
        cursor.connection.rollback()


def test_one_session_and_one_holiday_for_a_day_and_a_zone_that_exists(venues: Catalog) -> None:
    run = kept(venues, NEW_YORK).run_id
    given = {"venue": Venue(mic="XNYS").id, "run": run}
    for statement in (
        "INSERT INTO venue_sessions VALUES (%(venue)s, '2026-11-25', '2027-01-01', '2027-01-02', NULL, NULL, false, %(run)s)",
        "INSERT INTO venue_holidays VALUES (%(venue)s, '2026-11-26', %(run)s)",
        "UPDATE venue_calendars SET timezone = 'America/Gotham' WHERE venue_id = %(venue)s",
        "UPDATE venue_calendars SET run_id = 999",
    ):
        with venues.transaction() as cursor:
            with pytest.raises((psycopg.IntegrityError, psycopg.DataError)):
                cursor.execute(statement.encode(), given)
            cursor.connection.rollback()


def test_the_revision_goes_down_and_up_with_data(venues: Catalog, database_url: str) -> None:
    kept(venues, HONG_KONG)
    venues.engine.dispose()
    migrations.downgrade(database_url, "0006_calendars")
    migrations.downgrade(database_url, "-1")
    engine = make_engine(database_url)
    with engine.connect() as connection:
        left = schema.describe(connection)
    assert not [name for name in left if "venue_sessions" in name or "reporting.holidays" in name]
    migrations.upgrade(database_url)
    with engine.connect() as connection:
        assert schema.differences(schema.describe(connection), schema.expected()) == []
    engine.dispose()
    assert kept(venues, HONG_KONG).added == 3


def test_a_payload_made_here_is_like_one_from_a_file() -> None:
    payload = payloads.in_memory("XNYS.json", b"{}", AT)
    assert (payload.head(), payload.size, payload.modified_at, payload.stem) == (b"{}", 2, AT, "XNYS")
    assert isinstance(payload.stream, io.BytesIO)
