"""Where values come from, and who is believed."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog import Catalog
from catalog.domain import Asset, Listing, Record, Stock, Token, Venue
from catalog.errors import InvalidRecord, NotFound
from catalog.repositories import bulk
from tests.states import state

AT = datetime(2026, 3, 1, tzinfo=UTC)
USDC = Token(blockchain="eip155:1", address="0x" + "a0" * 20, symbol="USDC", name="USD Coin", decimals=6)
Import = Callable[..., dict[str, Any]]


@pytest.fixture
def say(tmp_path: Path) -> Import:
    """Import records as a payload of their own, of a source and a feed."""
    names = itertools.count()

    def import_records(catalog: Catalog, *records: Record, feed: str = "one", at: datetime = AT) -> dict[str, Any]:
        path = tmp_path / f"{next(names)}.jsonl"
        path.write_text("\n".join(r.canonical_json() for r in records))
        return catalog.import_file("jsonl", str(path), feed=feed, observed_at=at).to_json()

    def import_list(catalog: Catalog, **fields: Any) -> dict[str, Any]:
        row = {"chainId": 1, "address": USDC.address, "symbol": "USDC", "name": "x", "decimals": 6} | fields
        path = tmp_path / f"{next(names)}.json"
        path.write_text(json.dumps({"name": "A list", "timestamp": AT.isoformat(), "tokens": [row]}))
        return catalog.import_file("token-list", str(path)).to_json()

    import_records.of_a_list = import_list  # type: ignore[attr-defined]
    return import_records


def with_(record: Record, **fields: Any) -> Record:
    return type(record)(**{k: v for k, v in record.known().items() if k != "record"} | fields)


def field(catalog: Catalog, id: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = catalog.why(id, name)["fields"][name]
    return found


def test_a_value_that_nobody_else_speaks_of(catalog: Catalog, say: Import) -> None:
    report = say(catalog, USDC)
    told = catalog.why(USDC.id)
    assert (told["id"], told["record"]) == (USDC.id, "token")
    assert [run["run_id"] for run in told["runs"]] == [report["run_id"]]
    assert list(told["fields"]) == ["status", "blockchain", "address", "symbol", "name", "decimals"]
    assert told["fields"]["symbol"] == {
        "value": "USDC",
        "rule": "only",
        "because": "nobody else speaks of it",
        "won": {
            "feed": "jsonl:one",
            "value": "USDC",
            "precedence": 40,
            "observed_at": "2026-03-01T00:00:00Z",
            "payload": report["payload_hash"],
            "file_name": told["runs"][0]["file_name"],
        },
        "agreed": [],
        "lost": [],
    }
    assert told["fields"]["status"]["rule"] == "derived"


def test_the_rules(catalog: Catalog, say: Import) -> None:
    say.of_a_list(catalog, name="Of a list", symbol="USDC")  # type: ignore[attr-defined]
    say(catalog, with_(USDC, name="Older"), feed="old", at=AT)
    say(catalog, with_(USDC, name="Newer"), feed="new", at=AT + timedelta(days=1))
    name = field(catalog, USDC.id, "name")
    assert (name["value"], name["rule"], name["won"]["feed"]) == ("Newer", "newest", "jsonl:new")
    assert [(v["feed"], v["value"], v["precedence"]) for v in name["lost"]] == [
        ("jsonl:old", "Older", 40),
        ("token-list:A list", "Of a list", 50),
    ]
    symbol = field(catalog, USDC.id, "symbol")
    assert (symbol["rule"], len(symbol["agreed"]), symbol["lost"]) == ("newest", 2, [])
    assert field(catalog, USDC.id, "decimals")["rule"] == "first_stated"
    catalog.instruments.update(USDC.id, {"name": "By hand"})
    assert (field(catalog, USDC.id, "name")["rule"], field(catalog, USDC.id, "name")["won"]["feed"]) == (
        "precedence",
        "operator:operator",
    )


def test_two_payloads_for_one_time(catalog: Catalog, say: Import) -> None:
    hashes = {say(catalog, with_(USDC, name=name), feed=name)["payload_hash"]: name for name in ("a", "b")}
    name = field(catalog, USDC.id, "name")
    assert (name["rule"], name["value"]) == ("payload", hashes[max(hashes)])


def test_a_disputed_value(catalog: Catalog, say: Import) -> None:
    say(catalog, USDC, feed="one")
    say(catalog, with_(USDC, decimals=8), feed="other")
    decimals = field(catalog, USDC.id, "decimals")
    assert (decimals["value"], decimals["rule"], "won" in decimals) == (None, "disputed", False)
    assert sorted(v["value"] for v in decimals["lost"]) == [6, 8]
    [dispute] = catalog.disputes()
    catalog.accept_dispute(dispute["number"], value="6")
    decimals = field(catalog, USDC.id, "decimals")
    assert (decimals["value"], decimals["rule"]) == (6, "confirmed")


def test_what_is_said_of_an_alias_counts(catalog: Catalog, say: Import) -> None:
    by_ticker = Stock(mic="XNAS", ticker="AAPL", currency="USD", sector="Technology")
    line = Stock(mic="XNAS", isin="US0378331005", ticker="AAPL", currency="USD", name="Apple")
    first = say(catalog, by_ticker, feed="early")
    say(catalog, line, feed="late")
    told = catalog.why(by_ticker.id)
    assert told["id"] == line.id
    assert told["runs"][0]["run_id"] == first["run_id"]
    assert told["fields"]["sector"]["won"]["feed"] == "jsonl:early"
    security = next(r for r in catalog.find("US0378331005") if r.record == "security")
    assert catalog.why(str(security.id))["fields"]["name"]["value"] == "Apple"
    listing = Listing(instrument_id=line.id, venue_id=Venue(mic="XNAS").id, symbol="AAPL")
    assert catalog.why(listing.key)["fields"]["symbol"] == {
        "value": "AAPL",
        "rule": "derived",
        "because": "it follows from other records, from its calendar, or is held back by a dispute",
    }


def test_what_cannot_be_asked(catalog: Catalog, say: Import) -> None:
    say(catalog, USDC)
    for nothing in ("0" * 32, "USDC", ""):
        with pytest.raises(NotFound):
            catalog.why(nothing)
    with pytest.raises(InvalidRecord, match="isin"):
        catalog.why(USDC.id, "isin")
    assert catalog.why(USDC.id, "token_standard")["fields"] == {}


def test_a_feed_can_be_believed_more(catalog: Catalog, say: Import) -> None:
    say.of_a_list(catalog, name="Of a list")  # type: ignore[attr-defined]
    say(catalog, USDC)
    before = state(catalog)
    assert catalog.set_precedence("token-list", 35, feed="A list") == 1
    assert field(catalog, USDC.id, "name")["value"] == "Of a list"
    last = catalog.changes(after=catalog.stats()["last_sequence"] - 1)
    assert (last[0]["action"], last[0]["record"]) == ("update", "token")
    assert catalog.set_precedence("token-list", None, feed="A list") == 1
    assert state(catalog) == before


def test_a_field_can_be_believed_otherwise(catalog: Catalog, say: Import) -> None:
    say.of_a_list(catalog, name="Of a list", symbol="usdc")  # type: ignore[attr-defined]
    say(catalog, USDC)
    assert catalog.set_precedence("token-list", 30, record="token", field="name") == 1
    assert field(catalog, USDC.id, "name")["value"] == "Of a list"
    assert field(catalog, USDC.id, "symbol")["value"] == "USDC"
    assert {"precedence": 30, "authority": "community", "source": "token-list", "record": "token", "field": "name"} in (
        catalog.precedence()
    )
    # what is said later is judged by the same table
    say(catalog, with_(USDC, name="Newer"), at=AT + timedelta(days=9))
    assert field(catalog, USDC.id, "name")["value"] == "Of a list"
    assert catalog.set_precedence("token-list", None, record="token", field="name") == 1
    assert field(catalog, USDC.id, "name")["value"] == "Newer"


def test_a_source_can_be_believed_otherwise(fresh_catalog: Callable[[], Catalog], say: Import) -> None:
    """Changed before or after, the table leads to the same records."""
    states = []
    for is_early in (True, False):
        with fresh_catalog() as catalog:
            if is_early:
                catalog.set_precedence("token-list", 20)
            say.of_a_list(catalog, decimals=8, symbol="OTHER")  # type: ignore[attr-defined]
            say(catalog, USDC)
            if not is_early:
                catalog.set_precedence("token-list", 20)
            states.append(state(catalog))
            assert field(catalog, USDC.id, "decimals")["value"] == 8
    assert states[0] == states[1]


@pytest.mark.parametrize("scope", [{}, {"feed": "A list"}, {"record": "token", "field": "name"}])
def test_a_change_waits_for_what_its_source_is_about_to_say(
    catalog: Catalog, say: Import, database_url: str, monkeypatch: pytest.MonkeyPatch, scope: dict[str, str]
) -> None:
    say(catalog, with_(USDC, name="By hand"))
    say.of_a_list(catalog, address="0x" + "bb" * 20)  # type: ignore[attr-defined]
    log_changes = bulk.log_changes

    def change() -> None:
        with Catalog.open(database_url) as other:
            other.set_precedence("token-list", 35, **scope)

    other = threading.Thread(target=change)

    def late(*arguments: Any) -> int | None:
        if not other.ident:
            other.start()
            other.join(0.5)
        return log_changes(*arguments)

    monkeypatch.setattr(bulk, "log_changes", late)
    say.of_a_list(catalog, name="Of a list")  # type: ignore[attr-defined]
    other.join(30)
    assert not other.is_alive()
    assert field(catalog, USDC.id, "name")["value"] == "Of a list"


@pytest.mark.parametrize(
    ("source", "value", "scope", "error"),
    [
        ("token-list", 10, {}, InvalidRecord),
        ("token-list", 1000, {}, InvalidRecord),
        ("operator", 20, {}, InvalidRecord),
        ("nobody", 20, {}, NotFound),
        ("token-list", 20, {"feed": "nobody"}, NotFound),
        ("token-list", 20, {"record": "token"}, InvalidRecord),
        ("token-list", 20, {"record": "token", "field": "isin"}, InvalidRecord),
        ("token-list", 20, {"record": "token", "field": "name", "feed": "A list"}, InvalidRecord),
    ],
)
def test_what_precedence_cannot_be(
    catalog: Catalog, source: str, value: int, scope: dict[str, str], error: type[Exception]
) -> None:
    before = catalog.precedence()
    with pytest.raises(error):
        catalog.set_precedence(source, value, **scope)
    assert catalog.precedence() == before


def test_assets_have_stories_too(catalog: Catalog, say: Import) -> None:
    asset = Asset(exchange="kraken", symbol="XXBT", name="Bitcoin")
    say(catalog, asset)
    assert field(catalog, asset.id, "name")["value"] == "Bitcoin"
