"""Registration: idempotent, independent of order, and never silent about what it holds back."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog import Catalog
from catalog.domain import Asset, Etf, Listing, Native, Pair, Record, Security, Stock, Token, Venue, compute_id
from catalog.errors import BreakingChange, Conflict, InvalidRecord, NotFound
from tests.states import state

APPLE = "US0378331005"
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"


def usdc(**changes: Any) -> Token:
    fields: dict[str, Any] = {"blockchain": "eip155:1", "address": USDC, "decimals": 6, "symbol": "USDC"}
    return Token(**fields | changes)


def apple(**changes: Any) -> Stock:
    return Stock(**({"mic": "XNAS", "isin": APPLE, "currency": "USD", "ticker": "AAPL"} | changes))


def lines(*records: Record) -> str:
    return "\n".join(json.dumps(r.to_json() if r.record == "listing" else r.known()) for r in records) + "\n"


@pytest.fixture
def feed_in(catalog: Catalog, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Import records as a named feed at a day of January 2026."""
    numbers = itertools.count()

    def run(*records: Record, feed: str = "one", day: int = 1) -> dict[str, Any]:
        path = tmp_path / f"{next(numbers)}.jsonl"
        path.write_text(lines(*records))
        at = datetime(2026, 1, day, tzinfo=UTC)
        return catalog.import_file("jsonl", str(path), feed=feed, observed_at=at).to_json()

    return run


def test_registering_twice_is_one_change(catalog: Catalog) -> None:
    first = catalog.instruments.register(usdc())
    assert catalog.instruments.register(usdc()) == first == "de16575aee83f5b239f1490846f29f2a"
    assert [c["action"] for c in catalog.changes()] == ["register"]
    assert catalog.instruments.get(first) == usdc(status="active")


def test_a_stock_brings_its_security_venue_home_listing_and_alias(catalog: Catalog) -> None:
    id = catalog.instruments.register(apple(cusip="037833100", name="Apple Inc."))
    assert catalog.securities.find(isin=APPLE)[0].to_json()["cusip"] == "037833100"
    assert catalog.instruments.get(compute_id("instrument", ("equity-by-ticker", "XNAS", "AAPL", "USD", ""))).id == id
    assert catalog.venues.get(compute_id("venue", ("mic", "XNAS"))).to_json()["country"] == "US"
    listing = catalog.listings.list()[0]
    assert isinstance(listing, Listing)
    assert (listing.instrument_id, listing.symbol, listing.status) == (id, "AAPL", "active")


def test_one_token_address_on_two_chains_is_two_tokens(catalog: Catalog) -> None:
    report = catalog.instruments.register_many([usdc(), usdc(blockchain="eip155:10"), usdc(blockchain="eip155:137")])
    assert report.registered == 3
    assert len(catalog.instruments.find(address=USDC)) == len(catalog.instruments.find(symbol="USDC")) == 3


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_isin_learnt_later_and_known_first_end_in_the_same_state(
    order: tuple[int, ...], feed_in: Callable[..., Any], catalog: Catalog
) -> None:
    """Whichever of a by-ticker row, a row with the ISIN and a listing elsewhere comes first."""
    by_ticker = Stock(mic="XNAS", ticker="AAPL", currency="USD", sector="Technology")
    steps = [
        lambda: feed_in(by_ticker, feed="without", day=3),
        lambda: feed_in(apple(name="Apple"), feed="with", day=2),
        lambda: feed_in(apple(name="APPLE", status="active"), feed="third", day=1),
    ]
    for n in order:
        steps[n]()
    assert catalog.stats()["by_record"] | {"venue": 1} == dict.fromkeys(catalog.stats()["by_record"], 0) | {
        "stock": 1, "security": 1, "venue": 1, "listing": 1,
    }  # fmt: skip
    found = catalog.instruments.get(by_ticker.id)
    assert found.to_json() | {"id": "", "id64": ""} == {
        "record": "stock", "id": "", "id64": "", "mic": "XNAS", "isin": APPLE, "ticker": "AAPL", "currency": "USD",
        "name": "Apple", "sector": "Technology", "status": "active",
    }  # fmt: skip


def _rivals() -> list[tuple[Record, str, int]]:
    return [
        (apple(isin="US5949181045"), "one", 1),
        (apple(), "two", 2),
        (Stock(mic="XNAS", ticker="AAPL", currency="USD", name="whose?"), "three", 3),
    ]


def test_two_isins_of_one_ticker_whatever_the_order(
    database_url: str, tmp_path: Path, fresh_catalog: Callable[[], Catalog]
) -> None:
    states = []
    for order in itertools.permutations(_rivals()):
        with fresh_catalog() as catalog:
            for n, (record, feed, day) in enumerate(order):
                path = tmp_path / f"{n}.jsonl"
                path.write_text(lines(record))
                catalog.import_file("jsonl", str(path), feed=feed, observed_at=datetime(2026, 1, day, tzinfo=UTC))
            states.append(state(catalog))
            rules = sorted(d["rule"] for d in catalog.disputes())
            assert rules == ["ambiguous_ticker", "ticker_conflict"]
            tickers = {r.to_json()["isin"]: r.to_json().get("ticker") for r in catalog.instruments.list()}
            assert tickers == {APPLE: "AAPL", "US5949181045": None}
    assert all(s == states[0] for s in states)


def test_several_tickers_of_one_line_register_nothing(feed_in: Callable[..., Any], catalog: Catalog) -> None:
    report = feed_in(apple(ticker="AAPL"), apple(ticker="AAPLB"), usdc())
    assert (report["conflicts"], report["registered"]) == (1, 1)
    (dispute,) = catalog.disputes()
    assert dispute["rule"] == "line_conflict"
    assert {side["ticker"] for side in dispute["sides"]} == {"AAPL", "AAPLB"}
    assert feed_in(apple(ticker="AAPL"), feed="two")["by_record"]["stock"]["registered"] == 1
    again = feed_in(apple(ticker="AAPL"), apple(ticker="AAPLB"), usdc())
    assert (again["conflicts"], again["registered"], len(catalog.disputes())) == (1, 0, 1)


def test_a_contradicting_cusip_is_quarantined_at_home_and_held_back_abroad(
    feed_in: Callable[..., Any], catalog: Catalog
) -> None:
    home = Stock(mic="XASE", isin="FI0009003727", ticker="MTA", currency="USD", cusip="59124U605")
    abroad = Stock(mic="XMIL", isin="IT0004007560", ticker="PRL", currency="EUR", cusip="751212101")
    report = feed_in(home, abroad)
    assert (report["conflicts"], report["disputes"], report["by_record"]["stock"]["registered"]) == (1, 2, 1)
    assert {d["rule"] for d in catalog.disputes()} == {"cusip_contradicts_isin", "cusip_held_back"}
    assert "cusip" not in catalog.securities.find(isin="IT0004007560")[0].to_json()


def test_two_claimants_of_a_cusip_get_none_whatever_the_order(
    tmp_path: Path, fresh_catalog: Callable[[], Catalog]
) -> None:
    one, two = Security(isin="GB0002634946", cusip="G06940103"), Security(isin="GB0005405286", cusip="G06940103")
    states = []
    for order in ((one, two), (two, one)):
        with fresh_catalog() as catalog:
            for record in order:
                path = tmp_path / "x.jsonl"
                path.write_text(lines(record))
                catalog.import_file("jsonl", str(path), observed_at=datetime(2026, 1, 1, tzinfo=UTC))
            states.append(state(catalog))
            assert catalog.find("G06940103", by="cusip") == []
            assert {d["rule"] for d in catalog.disputes()} == {"cusip_conflict"}
    assert states[0] == states[1]


def test_lists_that_disagree_on_decimals_suspend_the_token(feed_in: Callable[..., Any], catalog: Catalog) -> None:
    feed_in(usdc(), feed="one")
    feed_in(usdc(decimals=18), feed="two")
    held = catalog.instruments.get(usdc().id)
    assert (held.to_json().get("decimals"), held.status) == (None, "suspended")
    assert catalog.disputes()[0]["rule"] == "breaking_conflict"
    with pytest.raises(NotFound):
        catalog.dispute(999)
    catalog.instruments.update(usdc().id, {"decimals": 6}, reason="read from the contract")
    settled = catalog.instruments.get(usdc().id)
    assert (settled.to_json()["decimals"], settled.status, catalog.disputes()) == (6, "active", [])


def test_a_feed_that_changes_its_decimals_keeps_its_first_word(feed_in: Callable[..., Any], catalog: Catalog) -> None:
    feed_in(usdc(decimals=18), day=9)
    feed_in(usdc(), day=2)
    assert catalog.instruments.get(usdc().id).to_json()["decimals"] == 6
    assert [d["rule"] for d in catalog.disputes()] == ["breaking_change"]


def test_unknown_never_overwrites_known(feed_in: Callable[..., Any], catalog: Catalog) -> None:
    feed_in(usdc(name="USD Coin"), day=1)
    assert feed_in(usdc(), day=2)["unchanged"] == 1
    assert catalog.instruments.get(usdc().id).to_json()["name"] == "USD Coin"


def test_the_operator_overrules_and_a_breaking_change_wants_confirmation(catalog: Catalog) -> None:
    id = catalog.instruments.register(usdc())
    with pytest.raises(BreakingChange):
        catalog.instruments.update(id, {"decimals": 18})
    assert catalog.instruments.update(id, {"decimals": 18}, confirm_breaking=True).to_json()["decimals"] == 18
    with pytest.raises(InvalidRecord, match="part of the identity"):
        catalog.instruments.update(id, {"address": "0x" + "1" * 40})


def test_life_of_a_record(catalog: Catalog) -> None:
    id = catalog.instruments.register(apple(ticker="FB", isin="US30303M1027"))
    before = datetime.now(UTC)
    catalog.instruments.update(id, {"ticker": "META"}, reason="renamed")
    assert [r.id for r in catalog.find("FB", at=before)] == [id]
    assert [r.to_json().get("ticker") for r in catalog.find("FB", by="symbol", at=datetime.now(UTC))] == []
    assert {(r.to_json()["symbol"], r.status) for r in catalog.listings.list()} == {
        ("FB", "retired"),
        ("META", "active"),
    }
    catalog.instruments.suspend(id)
    catalog.instruments.retire(id, reason="gone")
    catalog.instruments.relist(id)
    actions = [h["action"] for h in catalog.instruments.history(id)]
    assert actions == ["register", "update", "suspend", "retire", "relist"]
    assert catalog.find("META", at=datetime(2000, 1, 1, tzinfo=UTC)) == []


def test_pairs_need_their_assets_and_exchange(catalog: Catalog) -> None:
    base, quote = Asset(exchange="binance", symbol="BTC"), Asset(exchange="binance", symbol="USDT")
    pair = Pair(exchange="binance", symbol="BTCUSDT", base_id=base.id, quote_id=quote.id, tick_size=Decimal("0.010"))
    with pytest.raises(InvalidRecord, match="no such instrument"):
        catalog.pairs.register(pair)
    report = catalog.register_many([pair, base, quote])
    assert (report.registered, report.errors) == (3, [])
    assert catalog.pairs.find(exchange_symbol="binance:BTCUSDT")[0].to_json()["tick_size"] == "0.01"
    with pytest.raises(InvalidRecord, match="no such exchange"):
        catalog.instruments.register(Asset(exchange="nowhere", symbol="BTC"))
    with pytest.raises(InvalidRecord, match="no such mic"):
        catalog.instruments.register(Stock(mic="QQQQ", ticker="A", currency="USD"))
    with pytest.raises(InvalidRecord, match="no such blockchain"):
        catalog.instruments.register(usdc(blockchain="eip155:987654321"))


def test_a_bad_row_never_stops_the_others(catalog: Catalog) -> None:
    report = catalog.register_many(
        [usdc(), usdc(blockchain="eip155:987654321"), Native(blockchain="eip155:1", symbol="ETH")]
    )
    assert (report.registered, report.rejected, len(report.errors)) == (2, 1, 1)


def test_a_ticker_that_another_holds_is_a_conflict(catalog: Catalog) -> None:
    catalog.instruments.register(Stock(mic="XNAS", ticker="T", currency="USD"))
    with pytest.raises(Conflict, match="ticker"):
        catalog.instruments.register(Stock(mic="XNAS", ticker="T", currency="USD", generation="2"))


def test_listing_of_an_alias_and_round_trip_of_what_show_prints(catalog: Catalog, tmp_path: Path) -> None:
    by_ticker = Stock(mic="XNAS", ticker="AAPL", currency="USD")
    arca = Venue(mic="ARCX")
    catalog.venues.register(arca)
    catalog.instruments.register(by_ticker)
    catalog.listings.register(
        Listing(instrument_id=by_ticker.id, venue_id=arca.id, symbol="AAPL", tick_size=Decimal("0.01"))
    )
    id = catalog.instruments.register(apple())
    listed = {r.to_json()["venue_id"]: r.to_json()["instrument_id"] for r in catalog.listings.list()}
    assert listed == {arca.id: id, compute_id("venue", ("mic", "XNAS")): id}
    last = catalog.stats()["last_sequence"]
    everything = [r for noun in catalog.nouns.values() for r in noun.list()]
    path = tmp_path / "all.jsonl"
    path.write_text("".join(json.dumps(r.to_json()) + "\n" for r in everything))
    report = catalog.import_file("jsonl", str(path)).to_json()
    assert (report["unchanged"], report["rejected"], catalog.stats()["last_sequence"]) == (len(everything), 0, last)


def test_stock_or_etf_is_an_attribute(feed_in: Callable[..., Any], catalog: Catalog) -> None:
    feed_in(apple(), day=1)
    feed_in(Etf(mic="XNAS", isin=APPLE, currency="USD", ticker="AAPL", expense_ratio=Decimal("0.0003")), day=2)
    assert catalog.instruments.get(apple().id).to_json()["record"] == "etf"


def test_keyset_paging(catalog: Catalog) -> None:
    catalog.register_many(usdc(address=f"0x{n:040x}") for n in range(1, 26))
    seen: list[str] = []
    while page := catalog.instruments.list(after=seen[-1] if seen else None, limit=10):
        seen += [r.id for r in page]
    assert len(seen) == 25
    assert seen == sorted(set(seen))
