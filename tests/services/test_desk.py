"""The quarantine desk: every rule accepted and rejected, what that applies, and that the same words do not ask again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from catalog import Catalog
from catalog.domain import Asset, BrokerContract, Future, Record, Security, Stock, Token
from catalog.errors import CatalogError, Conflict, InvalidRecord, NotFound
from catalog.repositories import feeds
from catalog.repositories.statements import Author, Outcome, Submission
from catalog.services import writing
from tests.make import make

ADDRESS = "0x" + "1" * 40
SIX = Token(blockchain="eip155:1", address=ADDRESS, symbol="ABC", decimals=6)
EIGHT = SIX.replace(decimals=8)


def say(catalog: Catalog, feed: str, at: str, *records: Record, source: str = "token-list") -> Outcome:
    with catalog.transaction() as cursor:
        voice = feeds.ensure(cursor, source, feed)
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    payload = feed.encode().ljust(32, b"\0")
    return writing.write(catalog.engine, [Submission(r, voice, moment, payload) for r in records], Author("tester"))


def only(catalog: Catalog, state: str | None = "open") -> dict[str, Any]:
    (found,) = catalog.disputes(state)
    return catalog.dispute(found["number"])


@pytest.fixture
def torn(catalog: Catalog) -> Catalog:
    """Two feeds disagree on decimals."""
    say(catalog, "a", "2024-01-01", SIX)
    say(catalog, "b", "2024-01-02", EIGHT)
    return catalog


def test_both_sides_their_payloads_and_the_rule_are_shown(torn: Catalog) -> None:
    found = only(torn)
    assert (found["rule"], found["field"], found["state"]) == ("breaking_conflict", "decimals", "open")
    sides = [(s["side"], s["feed"], s["value"], s["observed_at"]) for s in found["sides"]]
    assert sides == [(1, "token-list:a", 6, "2024-01-01T00:00:00Z"), (2, "token-list:b", 8, "2024-01-02T00:00:00Z")]
    assert found["sides"][0]["payload"] == b"a".ljust(32, b"\0").hex()
    assert "disagree" in found["noticed"]
    assert found["subject"]["status"] == "suspended"


def test_accepting_applies_and_says_who_and_why(torn: Catalog) -> None:
    number = only(torn)["number"]
    done = torn.accept_dispute(number, side=2, reason="read the contract")
    assert (done["state"], done["decided_by"], done["reason"]) == ("accepted", "tester", "read the contract")
    assert done["chosen"]["value"] == 8
    token = torn.instruments.get(SIX.id).to_json()
    assert (token["decimals"], token["status"]) == (8, "active")
    assert torn.disputes() == []
    last = torn.changes(after=torn.stats()["last_sequence"] - 1)[0]
    assert (last["action"], last["actor"], last["reason"]) == ("resume", "tester", "read the contract")
    assert say(torn, "a", "2024-02-01", SIX).disputes == set()
    assert torn.instruments.get(SIX.id).to_json()["decimals"] == 8


def test_a_value_of_ones_own(torn: Catalog) -> None:
    torn.accept_dispute(only(torn)["number"], value="18", reason="both were wrong")
    assert torn.instruments.get(SIX.id).to_json()["decimals"] == 18


def test_rejecting_is_remembered(torn: Catalog) -> None:
    number = only(torn)["number"]
    done = torn.reject_dispute(number, "wait for the audit")
    assert (done["state"], done["reason"]) == ("rejected", "wait for the audit")
    assert torn.instruments.get(SIX.id).status == "suspended"
    assert say(torn, "b", "2024-01-02", EIGHT).disputes == set()
    assert say(torn, "b", "2024-03-01", EIGHT).disputes == set()
    assert torn.disputes() == []
    assert [d["number"] for d in torn.disputes("rejected")] == [number]


def test_a_new_side_asks_again(torn: Catalog) -> None:
    torn.reject_dispute(only(torn)["number"], "both are wrong")
    assert say(torn, "c", "2024-04-01", SIX.replace(decimals=18)).disputes
    found = only(torn)
    assert [s["value"] for s in found["sides"]] == [6, 8, 18]


def test_a_decided_dispute_stays_decided(torn: Catalog) -> None:
    number = only(torn)["number"]
    torn.accept_dispute(number, side=1)
    with pytest.raises(Conflict):
        torn.accept_dispute(number, side=2)
    with pytest.raises(Conflict):
        torn.reject_dispute(number, "no")
    assert torn.instruments.get(SIX.id).to_json()["decimals"] == 6


@pytest.mark.parametrize("side", [None, 0, 3])
def test_a_side_must_be_one_of_them(torn: Catalog, side: int | None) -> None:
    with pytest.raises(InvalidRecord):
        torn.accept_dispute(only(torn)["number"], side=side)
    assert only(torn)["state"] == "open"


def test_a_bad_value_decides_nothing(torn: Catalog) -> None:
    with pytest.raises(CatalogError):
        torn.accept_dispute(only(torn)["number"], value="many")
    assert only(torn)["state"] == "open"
    with pytest.raises(NotFound):
        torn.accept_dispute(999)


def test_a_feed_that_changed_its_own_word(catalog: Catalog) -> None:
    say(catalog, "a", "2024-01-01", SIX)
    say(catalog, "a", "2024-02-01", EIGHT)
    found = only(catalog)
    assert (found["rule"], found["sides"][0]["value"], found["sides"][0]["now"]) == ("breaking_change", 6, 8)
    assert catalog.instruments.get(SIX.id).to_json()["decimals"] == 6
    catalog.accept_dispute(found["number"])
    assert catalog.instruments.get(SIX.id).to_json()["decimals"] == 8
    assert say(catalog, "a", "2024-03-01", EIGHT).disputes == set()


def test_a_contract_multiplier_is_a_breaking_field(catalog: Catalog) -> None:
    es = make(Future, mic="XCME", symbol="ESZ6", last_trading_date="2026-12-18", contract_multiplier="50")
    say(catalog, "a", "2024-01-01", es)
    say(catalog, "b", "2024-01-01", es.replace(contract_multiplier="5"))
    assert "contract_multiplier" not in catalog.instruments.get(es.id).to_json()
    catalog.accept_dispute(only(catalog)["number"], side=1)
    assert catalog.instruments.get(es.id).to_json()["contract_multiplier"] == "50"


ONE = Stock(mic="XNAS", isin="US0378331005", ticker="TWICE", currency="USD")
TWO = Stock(mic="XNAS", isin="US5949181045", ticker="TWICE", currency="USD")
BY_TICKER = Stock(mic="XNAS", ticker="TWICE", currency="USD", name="Said of the ticker")


def test_a_ticker_that_two_claim(catalog: Catalog) -> None:
    say(catalog, "a", "2024-01-01", ONE)
    say(catalog, "b", "2024-01-02", TWO)
    say(catalog, "c", "2024-01-03", BY_TICKER)
    say(catalog, "d", "2024-01-04", BrokerContract(broker="alpaca", symbol="TWICE", instrument_id=BY_TICKER.id))
    numbers = {d["rule"]: d["number"] for d in catalog.disputes()}
    assert set(numbers) == {"ticker_conflict", "ambiguous_ticker", "ambiguous_reference"}
    for elsewhere in ("ambiguous_ticker", "ambiguous_reference"):
        with pytest.raises(InvalidRecord, match="decided together"):
            catalog.accept_dispute(numbers[elsewhere])
    sides = catalog.dispute(numbers["ticker_conflict"])["sides"]
    chosen = next(s["side"] for s in sides if s["instrument_id"] == ONE.id)
    catalog.accept_dispute(numbers["ticker_conflict"], chosen)
    assert catalog.disputes() == []
    assert catalog.instruments.get(BY_TICKER.id).to_json()["name"] == "Said of the ticker"
    assert catalog.instruments.get(ONE.id).to_json()["ticker"] == "TWICE"
    assert "ticker" not in catalog.instruments.get(TWO.id).to_json()
    say(catalog, "b", "2024-02-02", TWO)
    assert catalog.disputes() == []
    assert catalog.instruments.get(BY_TICKER.id).id == ONE.id


def test_a_ticker_conflict_rejected_stays_as_it_is(catalog: Catalog) -> None:
    say(catalog, "a", "2024-01-01", ONE)
    say(catalog, "b", "2024-01-02", TWO)
    catalog.reject_dispute(only(catalog)["number"], "neither")
    say(catalog, "a", "2024-02-01", ONE)
    say(catalog, "b", "2024-02-02", TWO)
    assert catalog.disputes() == []
    with catalog.transaction() as cursor:
        cursor.execute("SELECT target_id FROM identities WHERE is_alias")
        assert cursor.fetchall() == [(None,)]


def test_a_cusip_that_two_claim(catalog: Catalog) -> None:
    # a foreign issue may carry any CINS, so that both pass the rule
    one, two = Security(isin="IE00B5BMR087", cusip="G0177J108"), Security(isin="GB0002634946", cusip="G0177J108")
    say(catalog, "a", "2024-01-01", one)
    say(catalog, "b", "2024-01-02", two)
    numbers = [d["number"] for d in catalog.disputes()]
    found = catalog.dispute(numbers[0])
    assert found["rule"] == "cusip_conflict"
    side = next(s["side"] for s in found["sides"] if s["isin"] == two.isin)
    catalog.accept_dispute(numbers[0], side)
    assert catalog.securities.get(two.id).to_json()["cusip"] == "G0177J108"
    assert "cusip" not in catalog.securities.get(one.id).to_json()
    say(catalog, "a", "2024-02-01", one)
    assert catalog.disputes() == []


def test_a_cusip_that_does_not_fit(catalog: Catalog) -> None:
    odd = Security(isin="IE00B5BMR087", cusip="037833100")
    say(catalog, "a", "2024-01-01", odd)
    assert "cusip" not in catalog.securities.get(odd.id).to_json()
    catalog.accept_dispute(only(catalog)["number"], reason="seen on the certificate")
    assert catalog.securities.get(odd.id).to_json()["cusip"] == "037833100"
    assert say(catalog, "a", "2024-02-01", odd).disputes == set()
    assert catalog.securities.get(odd.id).to_json()["cusip"] == "037833100"


def test_a_row_that_contradicts_itself(catalog: Catalog) -> None:
    row = Stock(mic="XASE", isin="FI0009003727", ticker="MTA", currency="USD", cusip="59124U605")
    outcome = say(catalog, "a", "2024-01-01", row)
    assert {outcome.results[key] for key in outcome.records} == {"conflicts"}
    number = only(catalog)["number"]
    catalog.accept_dispute(number, reason="they say it is so")
    assert catalog.instruments.get(row.id).to_json()["ticker"] == "MTA"
    assert catalog.securities.get(Security(isin="FI0009003727").id).to_json()["cusip"] == "59124U605"
    assert say(catalog, "a", "2024-02-01", row).disputes == set()


def test_two_tickers_for_one_line(catalog: Catalog) -> None:
    rows = (ONE, ONE.replace(ticker="OTHER"))
    say(catalog, "a", "2024-01-01", *rows)
    found = only(catalog)
    assert found["rule"] == "line_conflict"
    side = next(s["side"] for s in found["sides"] if s["ticker"] == "OTHER")
    catalog.accept_dispute(found["number"], side)
    assert catalog.instruments.get(ONE.id).to_json()["ticker"] == "OTHER"
    assert say(catalog, "a", "2024-02-01", *rows).disputes == set()
    assert catalog.instruments.get(ONE.id).to_json()["ticker"] == "OTHER"


def test_an_import_that_was_rejected_once_is_quiet(catalog: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "odd.jsonl"
    file.write_text(json.dumps({"record": "security", "isin": "IE00B5BMR087", "cusip": "037833100"}) + "\n")
    assert catalog.import_file("jsonl", str(file)).disputes == 1
    found = only(catalog)
    assert found["sides"][0]["payload_file"] == str(file)
    catalog.reject_dispute(found["number"], "a typing error")
    assert catalog.import_file("jsonl", str(file)).disputes == 0


def test_the_desk_knows_every_rule(catalog: Catalog) -> None:
    """Rules are spread over domain and repositories; the desk must have a word on each."""
    import re

    import catalog as package
    from catalog.services.desk import RULES

    sources = [p.read_text(encoding="utf-8") for p in Path(package.__file__).parent.rglob("*.py")]
    found = {name for text in sources for name in re.findall(r'(?:Draft|Doubt|FieldDispute)\(\s*"(\w+)"', text)}
    assert found == set(RULES)


def test_deciding_twice_at_once(torn: Catalog) -> None:
    from threading import Barrier, Thread

    number, results, start = only(torn)["number"], [], Barrier(2)

    def decide(side: int) -> None:
        start.wait()
        try:
            torn.accept_dispute(number, side)
            results.append("done")
        except Conflict:
            results.append("late")

    threads = [Thread(target=decide, args=(side,)) for side in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["done", "late"]
    assert torn.instruments.get(SIX.id).status == "active"


def test_an_asset_has_no_breaking_field(catalog: Catalog) -> None:
    btc = Asset(exchange="binance", symbol="BTC", decimals=8)
    say(catalog, "a", "2024-01-01", btc)
    say(catalog, "b", "2024-01-02", btc.replace(decimals=9))
    assert catalog.disputes() == []
