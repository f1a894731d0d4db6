"""Lives of real things: each story told in both orders ends in the same state, and each moment can be looked back to."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from catalog import Catalog
from catalog.domain import (
    Asset,
    BrokerContract,
    Future,
    Listing,
    Option,
    Pair,
    Pool,
    Record,
    Security,
    Stock,
    Synthetic,
    Token,
    Venue,
)
from catalog.errors import Conflict, InUse, InvalidRecord, NotFound
from catalog.repositories import feeds
from catalog.repositories.statements import Author, Submission
from catalog.services import writing
from tests.make import make
from tests.states import state

Story = list[Callable[[Catalog], object]]
ARCX = Venue(mic="ARCX")


def says(feed: tuple[str, str], at: str, *records: Record) -> Callable[[Catalog], None]:
    """A step of a story: a feed states records at a time."""

    def step(catalog: Catalog) -> None:
        with catalog.transaction() as cursor:
            voice = feeds.ensure(cursor, *feed)
        moment = datetime.fromisoformat(at)
        submissions = [Submission(r, voice, moment, bytes(32)) for r in records]
        outcome = writing.write(catalog.engine, submissions, Author("tester"))
        assert not outcome.errors, outcome.errors

    return step


def supersedes(old: Record, new: Record, kind: str, **details: Any) -> Callable[[Catalog], None]:
    def step(catalog: Catalog) -> None:
        catalog.instruments.supersede(old.id, new.id, kind, **details)

    return step


def told(fresh_catalog: Callable[[], Catalog], story: Iterable[Callable[[Catalog], object]]) -> Catalog:
    catalog = fresh_catalog()
    for step in story:
        step(catalog)
    return catalog


def same_end(fresh_catalog: Callable[[], Catalog], *stories: Iterable[Callable[[Catalog], object]]) -> Catalog:
    """Tell the stories in catalogs of their own; all must end in one state, and any of them is returned."""
    catalogs = [told(fresh_catalog, story) for story in stories]
    first = state(catalogs[0])
    for other in catalogs[1:]:
        assert state(other) == first
    return catalogs[0]


LIST = ("finance-database", "list")
BINANCE = ("binance", "spot")


# -- Facebook becomes Meta: one ISIN, another ticker and name ----------------------------------------------------------

FB = Stock(mic="XNAS", isin="US30303M1027", ticker="FB", currency="USD", name="Facebook, Inc.")
META = Stock(mic="XNAS", isin="US30303M1027", ticker="META", currency="USD", name="Meta Platforms, Inc.")


def test_facebook_becomes_meta(fresh_catalog: Callable[[], Catalog]) -> None:
    before, after = says(LIST, "2022-06-08T00:00:00Z", FB), says(LIST, "2022-06-09T00:00:00Z", META)
    catalog = same_end(fresh_catalog, [before, after], [after, before])
    (found,) = catalog.instruments.find(symbol="META")
    assert isinstance(found, Stock)
    assert (found.id, found.name) == (FB.id, "Meta Platforms, Inc.")
    assert catalog.instruments.find(symbol="FB") == []
    by_ticker = Stock(mic="XNAS", ticker="FB", currency="USD")
    assert catalog.instruments.get(by_ticker.id).id == META.id
    listings = {r.to_json()["symbol"]: r.status for r in catalog.listings.list()}
    assert listings == {"FB": "retired", "META": "active"}


def test_facebook_is_found_at_its_time(catalog: Catalog) -> None:
    says(LIST, "2022-06-08T00:00:00Z", FB)(catalog)
    then = datetime.now(UTC)
    says(LIST, "2022-06-09T00:00:00Z", META)(catalog)
    (found,) = catalog.find("FB", "symbol", at=then)
    assert found.to_json()["name"] == "Facebook, Inc."
    assert catalog.find("META", "symbol", at=then) == []
    (now,) = catalog.find("META", "symbol", at=datetime.now(UTC))
    assert now.id == FB.id
    assert catalog.find("FB", "symbol", at=datetime.now(UTC)) == []
    actions = [line["action"] for line in catalog.instruments.history(FB.id)]
    assert actions == ["register", "update"]


# -- A reverse split: the line trades on under a new ISIN --------------------------------------------------------------

OLD = Stock(mic="XNAS", isin="US0378331005", ticker="SPLT", currency="USD", name="Split Inc.")
NEW = Stock(mic="XNAS", isin="US5949181045", ticker="SPLT", currency="USD", name="Split Inc.")
OFFERED = BrokerContract(broker="alpaca", symbol="SPLT", instrument_id=OLD.id)
CALL = make(
    Option, osi_root="SPLT", expiry_date="2027-01-15", option_kind="call", strike_price="10", underlying_id=OLD.id
)
ELSEWHERE = Listing(instrument_id=OLD.id, venue_id=ARCX.id, symbol="SPLT")
AT_HOME = Listing(instrument_id=OLD.id, venue_id=Venue(mic="XNAS").id, symbol="SPLT", currency="USD")
HALF = make(Synthetic, name="Half a split", formula="A / 2", components=[{"variable": "A", "instrument_id": OLD.id}])
SPLIT = supersedes(OLD, NEW, "isin_change", ratio=Decimal("0.1"))


def the_split() -> dict[str, Callable[[Catalog], None]]:
    return {
        "old": says(LIST, "2024-01-01T00:00:00Z", OLD, ARCX),
        "referrers": says(("jsonl", "desk"), "2024-01-02T00:00:00Z", OFFERED, CALL, ELSEWHERE, AT_HOME, HALF),
        "new": says(LIST, "2024-02-01T00:00:00Z", NEW),
        "split": SPLIT,
    }


ORDERS = [
    ("old", "referrers", "new", "split"),
    ("old", "new", "referrers", "split"),
    ("new", "old", "split", "referrers"),
    ("old", "new", "split", "referrers"),
]


def test_a_reverse_split_moves_what_trades_there_now(fresh_catalog: Callable[[], Catalog]) -> None:
    steps = the_split()
    catalog = same_end(fresh_catalog, *[[steps[name] for name in order] for order in ORDERS])
    assert catalog.instruments.get(OLD.id).status == "retired"
    new = catalog.instruments.get(NEW.id)
    assert (new.status, new.to_json()["ticker"]) == ("active", "SPLT")
    assert catalog.instruments.get(Stock(mic="XNAS", ticker="SPLT", currency="USD").id).id == NEW.id
    assert catalog.broker_contracts.get(OFFERED.id).to_json()["instrument_id"] == NEW.id
    assert catalog.instruments.get(CALL.id).to_json()["underlying_id"] == NEW.id
    assert catalog.synthetics.get(HALF.id).to_json()["components"][0]["instrument_id"] == NEW.id
    listings = {(r.to_json()["instrument_id"], r.to_json()["venue_id"]): r.status for r in catalog.listings.list()}
    home = Venue(mic="XNAS").id
    assert listings == {(NEW.id, ARCX.id): "active", (OLD.id, home): "retired", (NEW.id, home): "active"}
    assert catalog.disputes() == []
    (succession,) = catalog.instruments.successions(NEW.id)
    assert (succession["predecessor"], succession["ratio"]) == (OLD.id, "0.1")


def test_before_the_split_both_claim_the_ticker(fresh_catalog: Callable[[], Catalog]) -> None:
    steps = the_split()
    catalog = told(fresh_catalog, [steps["old"], steps["new"]])
    (dispute,) = catalog.disputes()
    assert dispute["rule"] == "ticker_conflict"
    then = datetime.now(UTC)
    SPLIT(catalog)
    assert catalog.disputes() == []
    (before,) = catalog.find(OLD.id, "id", at=then)
    assert before.status == "active"
    (after,) = catalog.find(OLD.id, "id", at=datetime.now(UTC))
    assert after.status == "retired"


def test_every_move_is_in_the_change_log(fresh_catalog: Callable[[], Catalog]) -> None:
    steps = the_split()
    catalog = told(fresh_catalog, [steps[name] for name in ORDERS[0][:3]])
    last = catalog.stats()["last_sequence"]
    SPLIT(catalog)
    changes = catalog.changes(after=last)
    assert [c["sequence"] for c in changes] == list(range(last + 1, last + 1 + len(changes)))
    said = {(c["record"], c["action"]) for c in changes}
    assert {("stock", "supersede"), ("stock", "retire"), ("broker_contract", "update"), ("option", "update")} <= said
    assert {("synthetic", "update"), ("listing", "move"), ("listing", "register")} <= said
    moved = next(c for c in changes if c["record"] == "broker_contract")
    assert moved["difference"] == {"instrument_id": [OLD.id, NEW.id]}


def test_a_split_of_a_split(fresh_catalog: Callable[[], Catalog]) -> None:
    third = Stock(mic="XNAS", isin="US0231351067", ticker="SPLT", currency="USD")
    steps = the_split()
    again = supersedes(NEW, third, "isin_change")
    later = says(LIST, "2024-03-01T00:00:00Z", third)
    catalog = same_end(
        fresh_catalog,
        [steps["old"], steps["referrers"], steps["new"], SPLIT, later, again],
        [later, steps["new"], again, steps["old"], SPLIT, steps["referrers"]],
    )
    assert catalog.broker_contracts.get(OFFERED.id).to_json()["instrument_id"] == third.id
    assert {r.to_json()["instrument_id"] for r in catalog.listings.list() if r.status == "active"} == {third.id}


# -- MATIC becomes POL: another contract; pools and pairs hold what they hold -------------------------------------------

MATIC = Token(blockchain="eip155:1", address="0x7d1afa7b718fb893db30a3abc0cfc608aacfebb0", symbol="MATIC", decimals=18)
POL = Token(blockchain="eip155:1", address="0x455e53cbb86018ac2b8092fdcd39d8444affc3f6", symbol="POL", decimals=18)
WETH = Token(blockchain="eip155:1", address="0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2", symbol="WETH", decimals=18)
IN_POOL = make(
    Pool,
    blockchain="eip155:1",
    address="0x290a6a7460b308ee3f19023d2d00de604bcf5b42",
    tokens=[{"instrument_id": MATIC.id}, {"instrument_id": WETH.id}],
)


def test_matic_becomes_pol(fresh_catalog: Callable[[], Catalog]) -> None:
    community = ("token-list", "some")
    old = says(community, "2024-01-01T00:00:00Z", MATIC, WETH)
    pool = says(("jsonl", "pools"), "2024-01-01T00:00:00Z", IN_POOL)
    new = says(community, "2024-10-01T00:00:00Z", POL)
    migrated = supersedes(MATIC, POL, "migration", ratio=Decimal(1), effective_at=datetime(2024, 9, 4, tzinfo=UTC))
    catalog = same_end(
        fresh_catalog, [old, pool, new, migrated], [new, old, migrated, pool], [old, new, pool, migrated]
    )
    assert catalog.instruments.get(MATIC.id).status == "retired"
    assert catalog.instruments.get(POL.id).status == "active"
    tokens = catalog.pools.get(IN_POOL.id).to_json()["tokens"]
    assert [t["instrument_id"] for t in tokens] == [MATIC.id, WETH.id]
    assert catalog.pools.get(IN_POOL.id).status == "active"


# -- LUNA becomes LUNC, and its code goes to somebody new ---------------------------------------------------------------

LUNA, LUNA2 = Asset(exchange="binance", symbol="LUNA"), Asset(exchange="binance", symbol="LUNA", generation="2")
LUNC, USDT = Asset(exchange="binance", symbol="LUNC"), Asset(exchange="binance", symbol="USDT")
PAIR1 = make(Pair, exchange="binance", symbol="LUNAUSDT", base_id=LUNA.id, quote_id=USDT.id)
PAIR2 = make(Pair, exchange="binance", symbol="LUNAUSDT", generation="2", base_id=LUNA2.id, quote_id=USDT.id)
RENAMED = make(Pair, exchange="binance", symbol="LUNCUSDT", base_id=LUNC.id, quote_id=USDT.id)


def test_luna_becomes_lunc(fresh_catalog: Callable[[], Catalog]) -> None:
    first = says(BINANCE, "2022-05-01T00:00:00Z", LUNA, USDT, PAIR1)
    gone = says(BINANCE, "2022-05-13T00:00:00Z", LUNA, USDT, PAIR1.replace(status="retired"))
    second = says(BINANCE, "2022-06-01T00:00:00Z", LUNA2, LUNC, USDT, PAIR2, RENAMED)
    renamed = supersedes(LUNA, LUNC, "migration", ratio=Decimal(1), effective_at=datetime(2022, 5, 28, tzinfo=UTC))
    catalog = same_end(
        fresh_catalog, [first, gone, second, renamed], [second, first, renamed, gone], [second, gone, first, renamed]
    )
    assert catalog.instruments.get(LUNA.id).status == "retired"
    assert catalog.instruments.get(LUNA2.id).status == "active"
    assert catalog.pairs.get(PAIR1.id).to_json()["base_id"] == LUNA.id
    assert catalog.pairs.get(PAIR1.id).status == "retired"
    assert catalog.pairs.get(RENAMED.id).to_json()["base_id"] == LUNC.id
    found = catalog.find("binance:LUNAUSDT", "exchange-symbol")
    assert {(r.to_json().get("generation"), r.status) for r in found} == {(None, "retired"), ("2", "active")}


# -- A futures contract that goes and comes back -----------------------------------------------------------------------

PERPETUAL = make(Future, exchange="binance", segment="usdm", symbol="XYZUSDT", venue_status="TRADING", status="active")


def test_a_relisted_contract(fresh_catalog: Callable[[], Catalog]) -> None:
    feed = ("binance", "usdm")
    there = says(feed, "2023-01-01T00:00:00Z", PERPETUAL)
    gone = says(feed, "2023-06-01T00:00:00Z", PERPETUAL.replace(status="retired", venue_status="SETTLING"))
    back = says(feed, "2024-01-01T00:00:00Z", PERPETUAL)
    catalog = same_end(fresh_catalog, *itertools.permutations([there, gone, back]))
    assert catalog.instruments.get(PERPETUAL.id).status == "active"


def test_a_relisted_contract_in_its_history(catalog: Catalog) -> None:
    feed = ("binance", "usdm")
    says(feed, "2023-01-01T00:00:00Z", PERPETUAL)(catalog)
    says(feed, "2023-06-01T00:00:00Z", PERPETUAL.replace(status="retired", venue_status="SETTLING"))(catalog)
    then = datetime.now(UTC)
    says(feed, "2024-01-01T00:00:00Z", PERPETUAL)(catalog)
    actions = [line["action"] for line in catalog.instruments.history(PERPETUAL.id)]
    assert actions == ["register", "retire", "relist"]
    (found,) = catalog.find("XYZUSDT", "symbol", at=then)
    assert (found.status, found.to_json()["venue_status"]) == ("retired", "SETTLING")


# -- ISIN learnt later, with referrers ---------------------------------------------------------------------------------

BY_TICKER = Stock(mic="XNAS", ticker="LATE", currency="USD")
WITH_ISIN = Stock(mic="XNAS", isin="US0378331005", ticker="LATE", currency="USD")
OF_TICKER = BrokerContract(broker="alpaca", symbol="LATE", instrument_id=BY_TICKER.id)
LISTED = Listing(instrument_id=BY_TICKER.id, venue_id=ARCX.id, symbol="LATE")


def test_an_isin_learnt_later_moves_every_referrer(fresh_catalog: Callable[[], Catalog]) -> None:
    ticker = says(("finance-database", "a"), "2024-01-01T00:00:00Z", BY_TICKER, ARCX)
    referrers = says(("jsonl", "b"), "2024-01-02T00:00:00Z", OF_TICKER, LISTED)
    isin = says(("finance-database", "c"), "2024-01-03T00:00:00Z", WITH_ISIN)
    catalog = same_end(fresh_catalog, [ticker, referrers, isin], [ticker, isin, referrers], [isin, ticker, referrers])
    assert catalog.broker_contracts.get(OF_TICKER.id).to_json()["instrument_id"] == WITH_ISIN.id
    assert {r.to_json()["instrument_id"] for r in catalog.listings.list()} == {WITH_ISIN.id}


def test_a_reference_that_two_may_be_meant_by_waits(fresh_catalog: Callable[[], Catalog]) -> None:
    rival = Stock(mic="XNAS", isin="US5949181045", ticker="LATE", currency="USD")
    one = says(("finance-database", "c"), "2024-01-03T00:00:00Z", WITH_ISIN, ARCX)
    referrers = says(("jsonl", "b"), "2024-01-02T00:00:00Z", OF_TICKER)
    two = says(("finance-database", "d"), "2024-01-04T00:00:00Z", rival)
    catalog = same_end(fresh_catalog, [one, referrers, two], [one, two, referrers], [two, one, referrers])
    waiting = catalog.broker_contracts.get(OF_TICKER.id)
    assert ("instrument_id" in waiting.to_json(), waiting.status) == (False, "suspended")
    rules = {d["rule"]: d["number"] for d in catalog.disputes()}
    assert set(rules) == {"ticker_conflict", "ambiguous_reference"}
    sides = catalog.dispute(rules["ticker_conflict"])["sides"]
    chosen = next(s["side"] for s in sides if s["instrument_id"] == rival.id)
    catalog.accept_dispute(rules["ticker_conflict"], chosen, reason="looked it up")
    settled = catalog.broker_contracts.get(OF_TICKER.id)
    assert (settled.to_json()["instrument_id"], settled.status) == (rival.id, "active")
    assert catalog.disputes() == []


def test_corrected_makes_an_alias_and_keeps_what_was_said(fresh_catalog: Callable[[], Catalog]) -> None:
    wrong = Token(blockchain="eip155:1", address="0x" + "1" * 40, symbol="ONE", name="One", decimals=18)
    right = Token(blockchain="eip155:1", address="0x" + "2" * 40, decimals=18)
    said = says(("token-list", "a"), "2024-01-01T00:00:00Z", wrong)
    other = says(("token-list", "b"), "2024-01-02T00:00:00Z", right)
    pool = says(
        ("jsonl", "p"), "2024-01-02T00:00:00Z", WETH,
        IN_POOL.replace(tokens=[{"instrument_id": wrong.id}, {"instrument_id": WETH.id}]),
    )  # fmt: skip
    fixed = supersedes(wrong, right, "corrected")
    catalog = same_end(fresh_catalog, [said, other, pool, fixed], [other, said, fixed, pool])
    found = catalog.instruments.get(wrong.id)
    assert isinstance(found, Token)
    assert (found.id, found.symbol, found.address) == (right.id, "ONE", right.address)
    assert catalog.pools.get(IN_POOL.id).to_json()["tokens"][0]["instrument_id"] == right.id
    said(catalog)
    assert catalog.stats()["by_record"]["token"] == 2


# -- by the calendar ---------------------------------------------------------------------------------------------------


def test_what_is_due_is_listed_and_applied_once(catalog: Catalog) -> None:
    now = datetime.now(UTC)
    gone = make(Future, exchange="binance", segment="usdm", symbol="GONE", delist_at=now - timedelta(days=1))
    soon = make(Future, exchange="binance", segment="usdm", symbol="SOON", delist_at=now + timedelta(days=3))
    late = make(Future, exchange="binance", segment="usdm", symbol="LATE", delist_at=now + timedelta(days=30))
    expired = make(Future, mic="XCME", symbol="ESU6", last_trading_date=(now - timedelta(days=40)).date())
    begins = make(
        Future,
        mic="XCME",
        symbol="ESZ9",
        last_trading_date="2029-12-21",
        first_trading_date=(now + timedelta(days=2)).date(),
    )
    option = make(
        Option, osi_root="XYZ", expiry_date=(now + timedelta(days=1)).date(), option_kind="put", strike_price="1"
    )
    pair = make(
        Pair,
        exchange="binance",
        symbol="LUNAUSDT",
        base_id=LUNA.id,
        quote_id=USDT.id,
        delist_at=now - timedelta(hours=1),
    )
    for record in (gone, soon, late, expired, begins, option, LUNA, USDT, pair):
        catalog.register(record)
    coming = catalog.upcoming(days=7)
    assert [(line["what"], line["id"]) for line in coming] == [
        ("expire", expired.id), ("delist", gone.id), ("delist", pair.id), ("begin", begins.id), ("expire", option.id), ("delist", soon.id),
    ]  # fmt: skip
    applied = catalog.apply_due(reason="nightly")
    assert {line["id"] for line in applied} == {expired.id, gone.id, pair.id}
    assert [catalog.instruments.get(r.id).status for r in (gone, soon, expired, option)] == [
        "retired", "active", "retired", "active",
    ]  # fmt: skip
    assert catalog.pairs.get(pair.id).status == "retired"
    last = catalog.stats()["last_sequence"]
    assert catalog.apply_due() == []
    assert catalog.stats()["last_sequence"] == last
    assert {c["reason"] for c in catalog.changes(after=last - 3)} == {"nightly"}


def test_a_word_after_the_end_outlasts_it(catalog: Catalog) -> None:
    """An exchange that says it trades after its delisting knows better than the calendar."""
    feed = ("binance", "usdm")
    end = PERPETUAL.replace(delist_at="2023-06-01T00:00:00Z")
    says(feed, "2023-05-01T00:00:00Z", end)(catalog)
    catalog.apply_due()
    assert catalog.instruments.get(end.id).status == "retired"
    says(feed, "2023-07-01T00:00:00Z", end)(catalog)
    assert catalog.instruments.get(end.id).status == "active"
    assert catalog.apply_due() == []


def test_a_succession_in_the_future_waits_for_its_day(catalog: Catalog) -> None:
    steps = the_split()
    for name in ORDERS[0][:3]:
        steps[name](catalog)
    at = datetime.now(UTC) + timedelta(seconds=1)
    done = catalog.instruments.supersede(OLD.id, NEW.id, "isin_change", effective_at=at)
    assert done["is_in_effect"] is False
    assert catalog.instruments.get(OLD.id).status == "active"
    (coming,) = [line for line in catalog.upcoming() if line["what"] == "succeed"]
    assert (coming["id"], coming["successor"]) == (OLD.id, NEW.id)
    assert catalog.apply_due() == []
    time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()) + 0.01)
    assert [line["id"] for line in catalog.apply_due()] == [OLD.id]
    assert catalog.instruments.get(OLD.id).status == "retired"
    assert catalog.broker_contracts.get(OFFERED.id).to_json()["instrument_id"] == NEW.id
    assert catalog.disputes() == []


def test_the_future_cannot_be_applied(catalog: Catalog) -> None:
    with pytest.raises(InvalidRecord):
        catalog.apply_due(datetime.now(UTC) + timedelta(hours=1))


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_supersede_refuses_circles_strangers_and_contradictions(catalog: Catalog) -> None:
    one, two, three = (Token(blockchain="eip155:1", address=f"0x{n:040x}", decimals=18) for n in (1, 2, 3))
    for record in (one, two, three):
        catalog.register(record)
    catalog.instruments.supersede(one.id, two.id, "migration", ratio=Decimal(2))
    catalog.instruments.supersede(two.id, three.id, "migration")
    for old, new in ((three, one), (two, one), (one, one)):
        with pytest.raises(InvalidRecord) as caught:
            catalog.instruments.supersede(old.id, new.id, "migration")
        assert caught.value.code == "cycle"
    with pytest.raises(NotFound):
        catalog.instruments.supersede(one.id, "0" * 32, "migration")
    with pytest.raises(InvalidRecord):
        catalog.instruments.supersede(one.id, three.id, "nonsense")
    with pytest.raises(InvalidRecord):
        catalog.instruments.supersede(one.id, three.id, "merger", ratio=Decimal(0))
    last = catalog.stats()["last_sequence"]
    again = catalog.instruments.supersede(one.id, two.id, "migration", ratio=Decimal(2))
    assert again["ratio"] == "2"
    assert catalog.stats()["last_sequence"] == last
    with pytest.raises(Conflict):
        catalog.instruments.supersede(one.id, two.id, "migration", ratio=Decimal(3))


def test_what_cannot_be_one_thing_is_not_corrected(catalog: Catalog) -> None:
    catalog.register(LUNA)
    catalog.register(WETH)
    with pytest.raises(InvalidRecord):
        catalog.instruments.supersede(LUNA.id, WETH.id, "corrected")
    catalog.register(Security(isin="US0378331005"))
    catalog.register(Security(isin="US5949181045"))
    ids = [Security(isin=isin).id for isin in ("US0378331005", "US5949181045")]
    with pytest.raises(InvalidRecord):
        catalog.securities.supersede(ids[0], ids[1], "corrected")
    catalog.securities.supersede(ids[0], ids[1], "merger")
    assert catalog.securities.get(ids[0]).status == "retired"


def test_what_others_need_is_not_retired(catalog: Catalog) -> None:
    for record in (MATIC, WETH, IN_POOL):
        catalog.register(record)
    with pytest.raises(InUse) as caught:
        catalog.instruments.retire(WETH.id)
    assert caught.value.users == [f"pool {IN_POOL.id}"]
    assert catalog.instruments.get(WETH.id).status == "active"
    assert catalog.instruments.retire(WETH.id, force=True).status == "retired"
    catalog.pools.retire(IN_POOL.id)
    assert catalog.instruments.retire(MATIC.id).status == "retired"


def test_split_off_leaves_the_predecessor(catalog: Catalog) -> None:
    catalog.register(OLD)
    catalog.register(WITH_ISIN.replace(isin="US5949181045", ticker="OFF"))
    off = WITH_ISIN.replace(isin="US5949181045", ticker="OFF")
    catalog.instruments.supersede(OLD.id, off.id, "split_off", ratio=Decimal("0.5"))
    assert catalog.instruments.get(OLD.id).status == "active"


def test_what_a_record_cannot_be_without_stays_while_it_is_unclear(fresh_catalog: Callable[[], Catalog]) -> None:
    rival = Stock(mic="XNAS", isin="US5949181045", ticker="LATE", currency="USD")
    half = make(Synthetic, name="H", formula="A / 2", components=[{"variable": "A", "instrument_id": BY_TICKER.id}])
    catalog = told(
        fresh_catalog,
        [
            says(("finance-database", "c"), "2024-01-03T00:00:00Z", WITH_ISIN),
            says(("jsonl", "b"), "2024-01-02T00:00:00Z", half),
            says(("finance-database", "d"), "2024-01-04T00:00:00Z", rival),
        ],
    )
    held = catalog.synthetics.get(half.id)
    assert (held.status, held.to_json()["components"][0]["instrument_id"]) == ("suspended", WITH_ISIN.id)
    numbers = {d["rule"]: d["number"] for d in catalog.disputes()}
    assert set(numbers) == {"ticker_conflict", "ambiguous_reference"}
    sides = catalog.dispute(numbers["ticker_conflict"])["sides"]
    catalog.accept_dispute(numbers["ticker_conflict"], next(s["side"] for s in sides if s["instrument_id"] == rival.id))
    settled = catalog.synthetics.get(half.id)
    assert (settled.status, settled.to_json()["components"][0]["instrument_id"]) == ("active", rival.id)
    assert catalog.disputes() == []


def test_a_recorded_succession_does_not_hide_what_was_before(catalog: Catalog) -> None:
    old, new = (make(Token, blockchain="eip155:1", address=f"0x{n:040x}", decimals=18, symbol="EARLY") for n in (1, 2))
    catalog.register_many([old, new])
    registered = datetime.now(UTC)
    catalog.instruments.supersede(old.id, new.id, "split_off")
    catalog.instruments.update(old.id, {"symbol": "LATE"})
    assert [getattr(r, "symbol", None) for r in catalog.find(old.id, at=registered)] == ["EARLY"]
