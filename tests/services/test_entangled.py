"""Stories that meet: successions of what others share, calendars that hold something impossible, words that clash."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog import Catalog
from catalog.domain import (
    BrokerContract,
    EventType,
    Future,
    Pool,
    Record,
    Security,
    Stock,
    Synthetic,
    Token,
)
from catalog.errors import Conflict, InvalidRecord
from catalog.snapshot.verify import verify
from tests.make import make
from tests.services.test_lifecycle import same_end, says, supersedes, told

APPLE, MICROSOFT, AMAZON, META = "US0378331005", "US5949181045", "US0231351067", "US30303M1027"
ONE, TWO, THREE = ("finance-database", "one"), ("finance-database", "two"), ("jsonl", "three")
MONDAY, TUESDAY, FRIDAY = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-05T00:00:00Z"
Fresh = Callable[[], Catalog]


def line(isin: str, ticker: str | None = "TICK", **fields: Any) -> Stock:
    named = {"ticker": ticker} if ticker else {}
    return make(Stock, mic="XNAS", isin=isin, currency="USD", **named, **fields)


def by_ticker(ticker: str = "TICK", **fields: Any) -> Stock:
    return make(Stock, mic="XNAS", ticker=ticker, currency="USD", **fields)


def token(number: int, **fields: Any) -> Token:
    return make(Token, blockchain="eip155:1", address=f"0x{number:040x}", decimals=18, **fields)


def soon(old: Record, new: Record, kind: str) -> Callable[[Catalog], None]:
    def step(catalog: Catalog) -> None:
        catalog.instruments.supersede(old.id, new.id, kind, effective_at=datetime.now(UTC) + timedelta(seconds=0.3))

    return step


def the_snapshot_is_good(catalog: Catalog, folder: Path) -> None:
    path = folder / "snapshot"
    catalog.export_snapshot(str(path))
    problems = verify(str(path)).problems
    assert not problems, problems


def test_nothing_said_of_a_ticker_is_lost_when_its_isin_is_learnt(fresh_catalog: Fresh) -> None:
    early = says(ONE, TUESDAY, by_ticker(name="Newer", status="suspended", country="US"))
    late = says(TWO, MONDAY, line(APPLE, name="Older"))
    catalog = same_end(fresh_catalog, [early, late], [late, early])
    found = catalog.instruments.get(line(APPLE).id)
    assert (getattr(found, "name", None), found.status) == ("Newer", "suspended")


@pytest.mark.parametrize("kind", ["isin_change", "merger", "migration"])
@pytest.mark.parametrize("isins", [(APPLE, MICROSOFT), (MICROSOFT, APPLE)])
def test_a_ticker_goes_on_whoever_held_it(fresh_catalog: Fresh, kind: str, isins: tuple[str, str]) -> None:
    old, new = line(isins[0]), line(isins[1])
    story = [says(TWO, MONDAY, new), says(ONE, TUESDAY, old)]
    catalog = told(fresh_catalog, [*story, supersedes(old, new, kind)])
    assert getattr(catalog.instruments.get(new.id), "ticker", None) == "TICK"
    assert catalog.instruments.get(by_ticker().id).id == new.id
    assert not catalog.disputes()


@pytest.mark.parametrize("isins", [(APPLE, MICROSOFT), (MICROSOFT, APPLE)])
def test_a_holder_that_is_delisted_leaves_its_ticker(fresh_catalog: Fresh, isins: tuple[str, str]) -> None:
    story = [says(TWO, MONDAY, line(isins[1])), says(ONE, TUESDAY, line(isins[0], delist_at="2025-01-01T00:00:00Z"))]
    catalog = told(fresh_catalog, story)
    (due,) = [d for d in catalog.apply_due() if d["what"] == "delist"]
    assert "error" not in due
    assert catalog.instruments.get(line(isins[0]).id).status == "retired"
    assert getattr(catalog.instruments.get(line(isins[1]).id), "ticker", None) == "TICK"


def test_corrections_of_corrections(fresh_catalog: Fresh, tmp_path: Path) -> None:
    a, b, c = token(1, symbol="A"), token(2), token(3)
    there = says(ONE, MONDAY, a, b, c)
    onward = [there, supersedes(a, b, "corrected"), supersedes(b, c, "corrected")]
    backward = [there, supersedes(b, c, "corrected"), supersedes(a, c, "corrected")]
    catalog = same_end(fresh_catalog, onward, backward)
    assert catalog.instruments.get(a.id).id == c.id
    assert getattr(catalog.instruments.get(c.id), "symbol", None) == "A"
    there(catalog)
    assert catalog.instruments.get(a.id).id == c.id
    the_snapshot_is_good(catalog, tmp_path)


@pytest.mark.parametrize("kinds", list(itertools.product(["corrected", "migration"], repeat=2)))
def test_successions_that_are_due_at_once(fresh_catalog: Fresh, tmp_path: Path, kinds: tuple[str, str]) -> None:
    a, b, c = token(1), token(2), token(3)
    catalog = told(fresh_catalog, [says(ONE, MONDAY, a, b, c), soon(b, c, kinds[1]), soon(a, b, kinds[0])])
    time.sleep(0.4)
    assert not [d for d in catalog.apply_due() if "error" in d]
    assert catalog.apply_due() == []
    the_snapshot_is_good(catalog, tmp_path)


def test_what_became_an_alias_takes_its_successions_along(fresh_catalog: Fresh, tmp_path: Path) -> None:
    a, b, c = token(1), token(2), token(3)
    moved = [says(ONE, MONDAY, a, b, c), supersedes(a, b, "migration"), supersedes(a, c, "corrected")]
    straight = [says(ONE, MONDAY, a, b, c), supersedes(a, c, "corrected"), supersedes(c, b, "migration")]
    catalog = told(fresh_catalog, moved)
    other = told(fresh_catalog, straight)
    assert catalog.instruments.get(c.id).status == other.instruments.get(c.id).status == "retired"
    lines = [(s["predecessor"], s["successor"]) for s in catalog.instruments.successions(c.id)]
    assert (c.id, b.id) in lines
    the_snapshot_is_good(catalog, tmp_path)


def test_a_line_that_was_known_by_ticker_when_it_was_succeeded(fresh_catalog: Fresh, tmp_path: Path) -> None:
    old, new, heir = by_ticker("OLD"), line(APPLE, "OLD"), line(META, "NEW")
    contract = make(BrokerContract, broker="alpaca", symbol="OLD", instrument_id=old.id)
    there, learnt = says(ONE, MONDAY, old, heir), says(TWO, TUESDAY, new)
    change, trades = supersedes(old, heir, "isin_change"), says(THREE, TUESDAY, contract)
    catalog = same_end(fresh_catalog, [there, trades, change, learnt], [there, change, trades, learnt])
    assert getattr(catalog.broker_contracts.get(contract.id), "instrument_id", None) == heir.id
    assert catalog.instruments.get(old.id).status == "retired"
    the_snapshot_is_good(catalog, tmp_path)


def test_of_several_heirs_the_last_one_counts(fresh_catalog: Fresh) -> None:
    a, b, c = line(APPLE, "A"), line(MICROSOFT, "B"), line(AMAZON, "C")
    there = says(ONE, MONDAY, a, b, c)
    trades = says(THREE, TUESDAY, make(BrokerContract, broker="alpaca", symbol="A", instrument_id=a.id))
    first = supersedes(a, b, "isin_change", effective_at=datetime(2024, 1, 1, tzinfo=UTC))
    second = supersedes(a, c, "isin_change", effective_at=datetime(2024, 2, 1, tzinfo=UTC))
    orders = [[there, *rest] for rest in itertools.permutations([trades, first, second])]
    catalog = same_end(fresh_catalog, *orders)
    (contract,) = catalog.broker_contracts.list()
    assert getattr(contract, "instrument_id", None) == c.id


def test_a_ticker_shared_by_the_ends_of_a_chain(fresh_catalog: Fresh) -> None:
    a, m, z = line(APPLE, "ENDS"), line(MICROSOFT, "MIDDLE"), line(AMAZON, "ENDS")
    there = says(ONE, MONDAY, a, m, z)
    one, two = supersedes(a, m, "isin_change"), supersedes(m, z, "isin_change")
    catalog = told(fresh_catalog, [there, one, two])
    assert told(fresh_catalog, [there, two, one]).disputes() == catalog.disputes() == []
    assert catalog.instruments.get(by_ticker("ENDS").id).id == z.id


def test_two_tickers_that_meet_in_one_line(fresh_catalog: Fresh) -> None:
    steps = [
        says(THREE, MONDAY, line(META, "AA")), says(TWO, TUESDAY, line(MICROSOFT, "BB")),
        says(ONE, "2024-01-03T00:00:00Z", line(MICROSOFT, "AA")), says(TWO, "2024-01-04T00:00:00Z", line(APPLE, "BB")),
    ]  # fmt: skip
    same_end(fresh_catalog, steps, steps[::-1])


def test_one_succession_that_cannot_be_applied_does_not_stop_the_others(fresh_catalog: Fresh) -> None:
    a, b, x, y = token(1), token(2), token(3), token(4)
    pool = make(
        Pool, blockchain="eip155:1", address="0x" + "9" * 40, tokens=[{"instrument_id": a.id}, {"instrument_id": b.id}]
    )
    ending = make(Future, exchange="binance", segment="usdm", symbol="GONE", delist_at="2025-01-01T00:00:00Z")
    there = [says(ONE, MONDAY, a, b, x, y), says(THREE, MONDAY, pool, ending)]
    catalog = told(fresh_catalog, [*there, soon(a, b, "corrected"), soon(x, y, "migration")])
    time.sleep(0.4)
    applied = catalog.apply_due()
    assert [("error" in d, d["id"]) for d in applied if d["what"] == "succeed"] == [(True, a.id), (False, x.id)]
    assert catalog.instruments.get(x.id).status == catalog.instruments.get(ending.id).status == "retired"
    assert catalog.instruments.get(a.id).status == "active"
    assert [d["id"] for d in catalog.apply_due()] == [a.id]


def test_two_kinds_between_the_same_two(catalog: Catalog) -> None:
    a, b = token(1), token(2)
    told(lambda: catalog, [says(ONE, MONDAY, a, b), supersedes(a, b, "split_off")])
    with pytest.raises(Conflict, match="split_off"):
        catalog.instruments.supersede(a.id, b.id, "migration")


def test_a_future_is_not_followed_by_a_currency(catalog: Catalog) -> None:
    contract = make(Future, exchange="binance", segment="usdm", symbol="BTCUSDT")
    catalog.register(contract)
    catalog.register(token(1))
    with pytest.raises(InvalidRecord, match="cannot follow"):
        catalog.instruments.supersede(contract.id, token(1).id, "migration")


def test_a_retired_security_stays_so_when_its_cusip_is_contested(fresh_catalog: Fresh) -> None:
    old, new = Security(isin="IE00B5BMR087", cusip="G0177J108"), Security(isin=APPLE)
    rival = Security(isin="GB0002634946", cusip="G0177J108")

    def merge(catalog: Catalog) -> None:
        catalog.securities.supersede(old.id, new.id, "merger")

    there, late = says(ONE, MONDAY, old, new), says(TWO, TUESDAY, rival)
    catalog = same_end(fresh_catalog, [there, late, merge], [there, merge, late])
    assert catalog.securities.get(old.id).status == "retired"


def test_an_older_word_of_the_operator_does_not_hide_that_it_trades(fresh_catalog: Fresh) -> None:
    contract = make(Future, exchange="binance", segment="usdm", symbol="BACK", delist_at="2025-02-01T00:00:00Z")
    stays = contract.replace(status="active")
    steps = [says(("operator", "operator"), MONDAY, stays), says(("binance", "usdm"), "2025-03-01T00:00:00Z", stays)]
    for order in itertools.permutations(steps):
        catalog = told(fresh_catalog, list(order))
        catalog.apply_due()
        assert catalog.instruments.get(contract.id).status == "active"


POOL = {"blockchain": "eip155:1", "address": "0x" + "9" * 40}


def test_words_that_make_no_pool_together(fresh_catalog: Fresh, tmp_path: Path) -> None:
    t, u = token(1), token(2)
    halves = [{"instrument_id": t.id, "weight": "0.5"}, {"instrument_id": u.id, "weight": "0.5"}]
    weighted = make(Pool, **POOL, pool_type="weighted", tokens=halves)
    plain = make(Pool, **POOL, tokens=[{"instrument_id": t.id}, {"instrument_id": u.id}])
    there = says(ONE, MONDAY, t, u)
    one, two = says(ONE, MONDAY, weighted), says(TWO, TUESDAY, plain)
    catalog = same_end(fresh_catalog, [there, one, two], [there, two, one])
    (pool,) = catalog.pools.list()
    assert pool == plain
    (dispute,) = catalog.disputes()
    assert dispute["rule"] == "inconsistent_record"
    shown = catalog.dispute(dispute["number"])
    (side,) = [s["side"] for s in shown["sides"] if s.get("pool_type")]
    catalog.accept_dispute(dispute["number"], side)
    assert getattr(catalog.pools.get(plain.id), "pool_type", None) == "weighted"
    assert not catalog.disputes()
    two(catalog)
    assert not catalog.disputes()
    the_snapshot_is_good(catalog, tmp_path)


def test_words_that_make_no_event_together(fresh_catalog: Fresh, tmp_path: Path) -> None:
    common = {"name": "tick", "version": 1, "event_source": "internal", "component": "x", "event_class": "y"}
    fixed = make(
        EventType, **common, priority="low", size_hint=8,
        fields=[{"name": "a", "field_type": "uint64", "byte_offset": 0}],
    )  # fmt: skip
    variable = make(
        EventType, **common, priority="low", fields=[{"name": "a", "field_type": "string", "max_length": 9}]
    )
    one, two = says(ONE, MONDAY, fixed), says(TWO, TUESDAY, variable)
    catalog = same_end(fresh_catalog, [one, two], [two, one])
    assert catalog.event_types.list() == [variable]
    the_snapshot_is_good(catalog, tmp_path)


def test_an_operators_part_that_no_longer_fits(catalog: Catalog, tmp_path: Path) -> None:
    t, u = token(1), token(2)
    both = [{"variable": "A", "instrument_id": t.id}, {"variable": "B", "instrument_id": u.id}]
    spread = make(Synthetic, name="X", formula="A - B", components=both)
    says(ONE, MONDAY, t, u, spread)(catalog)
    catalog.synthetics.update(spread.id, {"formula": "A + B"})
    other = make(Synthetic, name="X", formula="Q", components=[{"variable": "Q", "instrument_id": t.id}])
    says(ONE, FRIDAY, other)(catalog)
    assert getattr(catalog.synthetics.get(spread.id), "formula", None) == "Q"
    assert [d["rule"] for d in catalog.disputes()] == ["inconsistent_record"]
    the_snapshot_is_good(catalog, tmp_path)


def test_a_third_that_claims_a_decided_ticker_is_asked_about(catalog: Catalog) -> None:
    a, b, c = line(APPLE), line(MICROSOFT), line(AMAZON)
    told(lambda: catalog, [says(ONE, MONDAY, a), says(TWO, TUESDAY, b)])
    number = catalog.disputes()[0]["number"]
    sides = catalog.dispute(number)["sides"]
    catalog.accept_dispute(number, next(s["side"] for s in sides if s["instrument_id"] == a.id))
    says(TWO, FRIDAY, b)(catalog)
    assert not catalog.disputes()
    says(THREE, FRIDAY, c)(catalog)
    (dispute,) = catalog.disputes()
    assert len(dispute["sides"]) == 3
    assert catalog.instruments.get(by_ticker().id).id == a.id


def test_a_decided_ticker_goes_on_to_the_successor(fresh_catalog: Fresh) -> None:
    a, b, c = line(APPLE), line(MICROSOFT), line(AMAZON)
    for kind in ("isin_change", "corrected"):
        catalog = told(fresh_catalog, [says(ONE, MONDAY, a), says(TWO, TUESDAY, b), says(THREE, FRIDAY, c)])
        number = catalog.disputes()[0]["number"]
        sides = catalog.dispute(number)["sides"]
        catalog.accept_dispute(number, next(s["side"] for s in sides if s["instrument_id"] == a.id))
        supersedes(a, b, kind)(catalog)
        assert catalog.instruments.get(by_ticker().id).id == b.id


def test_what_was_learnt_of_a_ticker_is_a_claim(catalog: Catalog) -> None:
    old, new, rival = by_ticker(), line(APPLE, None), line(MICROSOFT)
    told(lambda: catalog, [says(ONE, MONDAY, old, new), supersedes(old, new, "learnt"), says(TWO, TUESDAY, rival)])
    assert catalog.instruments.get(old.id).id == new.id
    assert [d["rule"] for d in catalog.disputes()] == ["ticker_conflict"]
    assert catalog.instruments.get(rival.id).status == "active"


@pytest.mark.parametrize("last", [MONDAY, FRIDAY])
@pytest.mark.parametrize("isin", [APPLE, None])
def test_corrected_to_a_line_known_by_ticker(catalog: Catalog, isin: str | None, last: str) -> None:
    wrong = line(isin, "AAA") if isin else by_ticker("AAA")
    right = by_ticker("BBB")
    steps = [says(ONE, TUESDAY, wrong), says(TWO, last, right), supersedes(wrong, right, "corrected")]
    told(lambda: catalog, [*steps, says(ONE, "2024-02-01T00:00:00Z", wrong.replace(name="nightly"))])
    found = catalog.instruments.get(wrong.id)
    assert (found.id, getattr(found, "ticker", None), getattr(found, "name", None)) == (right.id, "BBB", "nightly")


def test_disputes_of_what_is_an_alias_go(catalog: Catalog) -> None:
    a, b = token(1), token(2)
    one, two = ("token-list", "one"), ("token-list", "two")
    told(lambda: catalog, [says(one, MONDAY, a, b), says(two, TUESDAY, a.replace(decimals=8))])
    assert [d["subject_id"] for d in catalog.disputes()] == [a.id]
    supersedes(a, b, "corrected")(catalog)
    assert [d["subject_id"] for d in catalog.disputes()] == [b.id]


def test_a_rejected_doubt_ends_when_the_ticker_is_decided(catalog: Catalog) -> None:
    a, b = line(APPLE), line(MICROSOFT)
    contract = make(BrokerContract, broker="alpaca", symbol="A", instrument_id=by_ticker().id)
    told(lambda: catalog, [says(ONE, MONDAY, a), says(TWO, TUESDAY, b), says(THREE, FRIDAY, contract)])
    numbers = {d["rule"]: d["number"] for d in catalog.disputes()}
    catalog.reject_dispute(numbers["ambiguous_reference"], "not now")
    sides = catalog.dispute(numbers["ticker_conflict"])["sides"]
    catalog.accept_dispute(numbers["ticker_conflict"], next(s["side"] for s in sides if s["instrument_id"] == a.id))
    assert getattr(catalog.broker_contracts.get(contract.id), "instrument_id", None) == a.id


def test_a_token_in_a_pool_stays_on_its_blockchain(catalog: Catalog) -> None:
    a, b = token(1), token(2)
    elsewhere = make(Token, blockchain="eip155:137", address="0x" + "5" * 40, decimals=18)
    pool = make(Pool, **POOL, tokens=[{"instrument_id": a.id}, {"instrument_id": b.id}])
    told(lambda: catalog, [says(ONE, MONDAY, a, b, elsewhere), says(THREE, TUESDAY, pool)])
    with pytest.raises(InvalidRecord, match="eip155:1"):
        catalog.instruments.supersede(a.id, elsewhere.id, "corrected")


def test_a_corrected_line_that_takes_the_ticker_of_its_successor(catalog: Catalog) -> None:
    """What is said of the old line counts for the new one, whose ticker it is already."""
    catalog.register_many([line(MICROSOFT, "BB"), by_ticker("AA")])
    catalog.instruments.supersede(line(MICROSOFT).id, by_ticker("AA").id, "corrected")
    for _ in range(2):
        report = catalog.register_many([line(MICROSOFT, "AA")])
        assert not report.errors
    assert catalog.instruments.get(line(MICROSOFT).id).id == by_ticker("AA").id


def test_a_line_without_an_isin_keeps_the_ticker_that_others_claim(catalog: Catalog) -> None:
    """It would be no record without it."""
    old = make(Stock, mic="XNAS", ticker="AA", currency="USD", generation="2")
    catalog.register_many([line(AMAZON, None), line(MICROSOFT, "AA"), old.replace(status="retired")])
    catalog.instruments.supersede(line(AMAZON).id, old.id, "learnt")
    catalog.register_many([line(AMAZON, "AA")])
    for dispute in catalog.disputes():
        catalog.accept_dispute(dispute["number"], side=1)
    catalog.instruments.update(old.id, {"status": "suspended"})
    assert getattr(catalog.instruments.get(old.id), "ticker", None) == "AA"
