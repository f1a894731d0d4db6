"""`catalog venue calendar update`, `venue sessions`, `venue holidays`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest

from tests.calendars import NEW_YORK
from tests.cli.conftest import Run

WEEK = ("--from", "2024-11-25", "--to", "2024-11-29")


@pytest.fixture
def markets(catalog: Run) -> Run:
    """Run one command on a catalog with some markets."""
    venues = [{"record": "venue", "mic": mic} for mic in ("XNYS", "XTKS", "XCME", "IEXG")]
    assert catalog("venue", "register", "-", stdin=json.dumps(venues)).code == 0
    return catalog


def test_update_and_look(markets: Run) -> None:
    done = markets("venue", "calendar", "update", "XNYS", "XCME", "XNYS", *WEEK, "--json")
    assert (done.code, done.err) == (0, "")
    assert [(r["mic"], r["calendar"], r["sessions"], r["holidays"], r["added"]) for r in done.json] == [
        ("XNYS", "XNYS", 4, 1, 5),
        ("XCME", "CMES", 5, 0, 5),
    ]
    assert [r["added"] for r in markets("venue", "calendar", "update", "XNYS", *WEEK, "--json").json] == [0]
    sessions = markets("venue", "sessions", "XNYS", "--json").json
    assert sessions[-1] == {
        "day": "2024-11-29", "opens_at": "2024-11-29T14:30:00Z", "closes_at": "2024-11-29T18:00:00Z",
        "break_starts_at": None, "break_ends_at": None, "is_short": True,
    }  # fmt: skip
    assert markets("venue", "holidays", "XNYS", "--json").json == [{"day": "2024-11-28", "weekday": "Thursday"}]
    assert markets("venue", "holidays", "XNYS", "--from", "2024-11-29", "--json").json == []
    assert len(markets("venue", "sessions", "XNYS", "--to", "2024-11-26", "--json").json) == 2


def test_a_calendar_from_a_file(markets: Run, write: Callable[[str], str]) -> None:
    report = markets("import", "auto", write(json.dumps(NEW_YORK)), "--json").json
    assert markets("venue", "sessions", "XNYS").code == 1
    done = markets("venue", "calendar", "keep", str(report["run_id"]), "--json")
    assert (done.code, done.json["sessions"], done.json["added"]) == (0, 3, 4)
    assert len(markets("venue", "sessions", "XNYS", "--json").json) == 3
    assert markets("venue", "calendar", "keep", "999").code == 1


def test_people_see_local_times(markets: Run) -> None:
    markets("venue", "calendar", "update", "XNYS", "XCME", *WEEK)
    done = markets("venue", "sessions", "XNYS")
    assert done.out.splitlines()[1].split() == ["2024-11-25", "09:30", "16:00", "no"]
    assert done.out.splitlines()[-1].split() == ["2024-11-29", "09:30", "13:00", "yes"]
    assert done.err == "times are local: America/New_York\n"
    evening = markets("venue", "sessions", "XCME", "--quiet")
    assert evening.out.splitlines()[1].split() == ["2024-11-25", "2024-11-24", "17:00", "17:00", "no"]
    assert evening.err == ""
    assert "Thursday" in markets("venue", "holidays", "XNYS").out


def test_all_markets_that_have_a_calendar(markets: Run) -> None:
    done = markets("venue", "calendar", "update", "--all", *WEEK, "--json")
    assert (done.code, [r["mic"] for r in done.json]) == (0, ["XCME", "XNYS", "XTKS"])


def test_one_that_fails_does_not_stop_the_others(markets: Run) -> None:
    done = markets("venue", "calendar", "update", "NYSE", "XLON", "XTKS", *WEEK, "--json")
    assert (done.code, [r["mic"] for r in done.json]) == (1, ["XTKS"])
    assert done.lines == [
        "error: no calendar `NYSE`",
        "hint: what exchange_calendars calls NYSE is the calendar of XNYS",
        "error: no venue `XLON`",
        "hint: `catalog venue register` makes it; `catalog venue list` shows what there is",
    ]


@pytest.mark.parametrize(
    ("words", "code", "error", "hint"),
    [
        (("update", "XBRN"), 1, "error: no calendar `XBRN`", "catalog venue update"),
        (("update", "xnys"), 2, "error: invalid MIC `xnys`", ""),
        (("update", "XNYS", "--from", "1969-01-01"), 2, "error: invalid range `1969-01-01 to", "--from and --to"),
        (("update", "XNYS", "--from", "yesterday"), 2, "error: invalid date `yesterday`", ""),
        (("update",), 2, "error: invalid value: name markets by their MICs, or give --all", "--help"),
        (("update", "XNYS", "--all"), 2, "error: invalid value: name markets by their MICs, or give --all", "--help"),
    ],
)
def test_what_cannot_be_updated(markets: Run, words: tuple[str, ...], code: int, error: str, hint: str) -> None:
    done = markets("venue", "calendar", *words)
    assert (done.code, done.out) == (code, "")
    assert done.lines[0].startswith(error)
    assert hint in done.lines[-1]


def test_what_is_not_known(markets: Run) -> None:
    done = markets("venue", "sessions", "XNYS")
    assert (done.code, done.lines) == (
        1,
        ["error: no calendar of `XNYS`", "hint: `catalog venue calendar update XNYS` gets it"],
    )
    assert markets("venue", "holidays", "XLON").code == 1
    markets("venue", "calendar", "update", "XNYS", *WEEK)
    done = markets("venue", "sessions", "XNYS", "--to", "2024-12-01")
    assert done.code == 1
    assert "known: 2024-11-25 to 2024-11-29" in done.lines[1]


def test_without_the_extra(markets: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    markets("venue", "calendar", "update", "XNYS", *WEEK)
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    for words in (("XNYS",), ("--all",)):
        done = markets("venue", "calendar", "update", *words)
        assert (done.code, done.lines) == (
            2,
            [
                "error: this needs exchange_calendars, which is not installed",
                "hint: run: pip install 'instrument-catalog[calendars]'",
            ],
        )
    assert len(markets("venue", "sessions", "XNYS", "--json").json) == 4
