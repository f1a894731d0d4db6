"""The listing of a line at its home market is there as long as the line is, whatever else is said and in what order."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from catalog import Catalog
from catalog.domain import Listing, Record, Stock, Venue
from catalog.snapshot.verify import verify
from tests.make import make
from tests.services.test_lifecycle import same_end, supersedes

APPLE, MICROSOFT, AMAZON = "US0378331005", "US5949181045", "US0231351067"
MONDAY, TUESDAY, FRIDAY = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-05T00:00:00Z"
VENUES = {mic: make(Venue, mic=mic) for mic in ("XNAS", "XNYS", "ARCX")}
Fresh = Callable[[], Catalog]
Step = Callable[[Catalog], None]


def line(isin: str, mic: str = "XNAS", ticker: str | None = "TICK", **fields: Any) -> Stock:
    named = {"ticker": ticker} if ticker else {}
    return make(Stock, mic=mic, isin=isin, currency="USD", **named, **fields)


def by_ticker(**fields: Any) -> Stock:
    return make(Stock, mic="XNAS", ticker="TICK", currency="USD", **fields)


def listing(line: Record, mic: str = "XNAS", symbol: str = "TICK", **fields: Any) -> Listing:
    return make(Listing, instrument_id=line.id, venue_id=VENUES[mic].id, symbol=symbol, **fields)


@pytest.fixture
def says(tmp_path: Path) -> Callable[..., Step]:
    """Steps of a story: a feed's payload, in which a record may name what is not there yet."""
    numbers = itertools.count()

    def payload(feed: str, at: str, *records: Record) -> Step:
        path = tmp_path / f"{next(numbers)}.jsonl"
        path.write_text("\n".join(r.canonical_json() for r in records))

        def step(catalog: Catalog) -> None:
            catalog.import_file("jsonl", str(path), feed=feed, observed_at=datetime.fromisoformat(at))

        return step

    return payload


def decides_for(claimant: Record) -> Step:
    """A step of a story: the desk gives a ticker to one of those who claim it."""

    def step(catalog: Catalog) -> None:
        ticker = ("ticker_conflict", by_ticker().id)
        (number,) = (d["number"] for d in catalog.disputes() if (d["rule"], d["subject_id"]) == ticker)
        sides = catalog.dispute(number)["sides"]
        catalog.accept_dispute(number, next(s["side"] for s in sides if s["instrument_id"] == claimant.id))

    return step


def quotes(catalog: Catalog) -> dict[tuple[str, str], tuple[str, str | None]]:
    """Of each listing, by its instrument and venue: its status and its tick."""
    found = (r.to_json() for r in catalog.listings.list())
    return {(r["instrument_id"], r["venue_id"]): (r["status"], r.get("tick_size")) for r in found}


def the_snapshot_is_good(catalog: Catalog, folder: Path) -> None:
    path = folder / "snapshot"
    catalog.export_snapshot(str(path))
    problems = verify(str(path)).problems
    assert not problems, problems


XNAS, ARCX = VENUES["XNAS"].id, VENUES["ARCX"].id
ONE, TWO, THREE = line(APPLE), line(MICROSOFT), line(AMAZON)
CLAIMS = {"one": ("one", TUESDAY, ONE), "two": ("two", MONDAY, TWO), "ticker": ("four", MONDAY, by_ticker(name="Tick"))}


@pytest.mark.parametrize("claims", [("one",), ("one", "two"), ("ticker", "one"), ("ticker", "one", "two")])
def test_a_listing_under_a_ticker_takes_no_home_away(
    fresh_catalog: Fresh, says: Callable[..., Step], tmp_path: Path, claims: tuple[str, ...]
) -> None:
    quoted = says("three", FRIDAY, listing(by_ticker(), tick_size="0.01"))
    steps = [quoted, *(says(*CLAIMS[name]) for name in claims)]
    catalog = same_end(fresh_catalog, *itertools.permutations(steps))
    if "two" in claims:  # whose tick that is, nobody can tell
        assert quotes(catalog) == {(ONE.id, XNAS): ("active", None), (TWO.id, XNAS): ("suspended", None)}
    else:
        assert quotes(catalog) == {(ONE.id, XNAS): ("active", "0.01")}
    the_snapshot_is_good(catalog, tmp_path)


@pytest.mark.parametrize("mic", ["XNAS", "ARCX"])
def test_what_is_said_of_a_line_itself_stays(fresh_catalog: Fresh, says: Callable[..., Step], mic: str) -> None:
    """Its listing is left with what other feeds say, when a feed's ticker may mean another line."""
    steps = [
        says("one", MONDAY, ONE, VENUES["ARCX"]),
        says("two", MONDAY, TWO, VENUES["ARCX"]),
        says("three", MONDAY, listing(ONE, mic, lot_size="100")),
        says("four", FRIDAY, listing(by_ticker(), mic, tick_size="0.01")),
    ]
    catalog = same_end(fresh_catalog, *itertools.permutations(steps))
    (found,) = (
        r.to_json()
        for r in catalog.listings.list()
        if r.to_json()["venue_id"] == VENUES[mic].id and "lot_size" in r.to_json()
    )
    assert (found["instrument_id"], found["lot_size"], "tick_size" in found) == (ONE.id, "100", False)


def test_whoever_gets_the_ticker_gets_its_listings(fresh_catalog: Fresh, says: Callable[..., Step]) -> None:
    quoted = says(
        "three", FRIDAY, listing(by_ticker(), tick_size="0.01"), listing(by_ticker(), "ARCX", tick_size="0.02")
    )
    for chosen, other in ((ONE, TWO), (TWO, ONE)):
        both = [says("one", TUESDAY, ONE, VENUES["ARCX"]), says("two", MONDAY, TWO, VENUES["ARCX"])]
        decided = decides_for(chosen)
        catalog = same_end(
            fresh_catalog, [*both, quoted, decided], [*both, decided, quoted], [quoted, *both, decided],
            [both[1], quoted, both[0], decided],
        )  # fmt: skip
        assert quotes(catalog) == {
            (chosen.id, XNAS): ("active", "0.01"), (chosen.id, ARCX): ("active", "0.02"),
            (other.id, XNAS): ("suspended", None),
        }  # fmt: skip


def test_a_listing_that_moves_on_leaves_the_home_where_it_was(fresh_catalog: Fresh, says: Callable[..., Step]) -> None:
    """Abroad it is a listing of the first heir, at whose home that is; then another heir has it."""
    old, heir, last = ONE, line(MICROSOFT, "XNYS"), line(AMAZON, "XNAS", "LAST")
    there = says("one", MONDAY, old, heir, last)
    quoted = says("three", FRIDAY, listing(old, "XNYS", tick_size="0.01"))
    first = supersedes(old, heir, "isin_change", effective_at=datetime.fromisoformat(MONDAY))
    second = supersedes(old, last, "isin_change", effective_at=datetime.fromisoformat(TUESDAY))
    catalog = same_end(fresh_catalog, *([there, *order] for order in itertools.permutations([quoted, first, second])))
    assert quotes(catalog)[heir.id, VENUES["XNYS"].id] == ("active", None)
    assert quotes(catalog)[last.id, VENUES["XNYS"].id] == ("active", "0.01")


def test_an_end_that_is_put_off_is_no_end(fresh_catalog: Fresh, says: Callable[..., Step]) -> None:
    """What was said of a home listing is not left in it when its feed says otherwise."""

    def ends(at: str, moment: str) -> Step:
        return says("three", at, listing(ONE, delist_at=moment))

    def due(catalog: Catalog) -> None:
        catalog.apply_due()

    there = says("one", MONDAY, ONE)
    early, late = ends(TUESDAY, "2024-02-01T00:00:00Z"), ends(FRIDAY, "2098-02-01T00:00:00Z")
    catalog = same_end(fresh_catalog, [there, due, early, late], [there, due, late, early], [early, due, late, there])
    assert quotes(catalog) == {(ONE.id, XNAS): ("active", None)}


Payload = tuple[str, str, Record]


def a_mix(rng: random.Random) -> list[Payload]:
    """Payloads of many feeds about the ticker, the lines that claim it, and their listings."""
    found: list[Payload] = []
    for n in range(rng.randint(3, 7)):
        named = rng.choice((by_ticker(), by_ticker(), ONE, TWO))
        said: dict[str, Any] = rng.choice(
            ({}, {"status": "suspended"}, {"lot_size": "100"}, {"tick_size": f"0.0{n + 1}"})
        )
        records: list[Record] = [
            listing(named, rng.choice(("XNAS", "XNAS", "XNYS", "ARCX")), **said),
            listing(named, symbol=rng.choice(("TICK", "OLD")), **said),
            by_ticker(name=f"Name {n}", **rng.choice(({}, {"status": "suspended"}))),
            line(rng.choice((APPLE, MICROSOFT)), ticker=rng.choice(("TICK", "OLD", None)), name=f"Name {n}"),
            line(AMAZON, "XNYS", "TICK"),
        ]
        feed = rng.choice((f"feed{n}", "often"))
        found.append((feed, f"2024-02-{n + 1:02}T00:00:00Z", rng.choices(records, [6, 3, 1, 1, 1])[0]))
    return found


@pytest.mark.parametrize("seed", range(6))
def test_any_mix_in_any_order(fresh_catalog: Fresh, says: Callable[..., Step], tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    payloads = a_mix(rng)
    first = rng.sample(payloads, len(payloads))
    claimants = [ONE, TWO, THREE][: rng.choice((2, 3))]
    base = [says(f"claim{n}", MONDAY, c, *VENUES.values()) for n, c in enumerate(claimants)]
    decided = [decides_for(rng.choice(claimants))] if rng.random() < 0.6 else []
    stories = [[*rng.sample([*base, *(says(*p) for p in first)], len(base) + len(first)), *decided] for _ in range(4)]
    if decided:  # before anything else is said, too
        stories.append([*base, *decided, *(says(*p) for p in first)])
    catalog = same_end(fresh_catalog, *stories)
    homes = {(c.id, XNAS) for c in claimants}
    assert homes <= quotes(catalog).keys()
    the_snapshot_is_good(catalog, tmp_path)
