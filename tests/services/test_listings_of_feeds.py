"""Listings: one that shrank is not believed, what vanished is said, and runs can be done again."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog import Catalog
from catalog.domain import Asset, Pair, Record, Stock, Token
from catalog.errors import NotFound, PayloadError
from catalog.importers import token_list
from catalog.importers.base import Parsed
from catalog.importers.jsonl import JsonlImporter
from catalog.repositories import runs
from catalog.repositories.driver import Cursor
from catalog.services import payloads
from catalog.services.run import Order, Run
from tests.states import state

AT = datetime(2026, 3, 1, tzinfo=UTC)
Import = Callable[..., dict[str, Any]]


def address(number: int) -> str:
    return f"0x{number:040x}"


def tokens(*numbers: int, name: str = "A list", at: datetime | None = AT) -> dict[str, Any]:
    rows = [{"chainId": 1, "address": address(n), "symbol": f"T{n}", "name": "x", "decimals": 6} for n in numbers]
    known = {"timestamp": at.isoformat()} if at is not None else {}
    return {"name": name, "tokens": rows, **known}


@pytest.fixture
def put(tmp_path: Path) -> Import:
    """Import a token list."""
    names = itertools.count()

    def import_list(catalog: Catalog, payload: dict[str, Any], **options: Any) -> dict[str, Any]:
        path = tmp_path / f"{next(names)}.json"
        path.write_text(json.dumps(payload))
        return catalog.import_file("token-list", str(path), **options).to_json()

    return import_list


@pytest.fixture
def put_records(tmp_path: Path) -> Import:
    """Import records as a full listing, each a day later than the one before."""
    days = itertools.count()

    def import_records(catalog: Catalog, *rows: Record, suspend_missing: bool = False) -> dict[str, Any]:
        at = AT + timedelta(days=next(days))
        path = tmp_path / at.isoformat()
        path.write_text("\n".join(row.canonical_json() for row in rows))
        order = Order("tester", observed_at=at, suspend_missing=suspend_missing)
        with (
            payloads.opened(str(path)) as payload,
            Run(catalog.engine, payload, JsonlImporter(), None, order) as run,
        ):
            run.is_listing = True
            run.read()
            run.go()
        return run.report.to_json()

    return import_records


def test_a_listing_that_shrank_registers_nothing(catalog: Catalog, put: Import) -> None:
    first = put(catalog, tokens(*range(1, 11)))
    assert (first["rows"], "rows_expected" in first, "missing" in first) == (10, False, False)
    later = AT + timedelta(days=1)
    short = put(catalog, tokens(*range(20, 27), at=later))
    assert "7 rows, and the listing before it (run 1) had 10" in short["stopped"]
    assert (short["registered"], short["rows_expected"]) == (0, 10)
    assert catalog.stats()["by_record"]["token"] == 10
    run = catalog.import_run(short["run_id"])
    assert (run["state"], run["rows_seen"], run["rows_expected"]) == ("stopped", 7, 10)
    # a stopped run is no measure for the next one, and can be done again when it is believed
    assert "stopped" in put(catalog, tokens(*range(30, 36), at=later))
    again = catalog.replay(short["run_id"], accept_shrink=True).to_json()
    assert (again["registered"], again["missing"]) == (7, 10)
    assert put(catalog, tokens(*range(20, 26), at=later + timedelta(days=1)))["unchanged"] == 6


def test_eighty_of_a_hundred_are_enough(catalog: Catalog, put: Import) -> None:
    put(catalog, tokens(*range(1, 11)))
    report = put(catalog, tokens(*range(1, 9), at=AT + timedelta(days=1)))
    assert (report["unchanged"], report["missing"]) == (8, 2)
    assert [t["symbol"] for t in catalog.missing(report["run_id"])] == sorted(
        ["T9", "T10"], key=lambda s: Token(blockchain="eip155:1", address=address(int(s[1:]))).id
    )


def test_only_older_listings_of_the_same_feed_count(catalog: Catalog, put: Import) -> None:
    put(catalog, tokens(*range(1, 11)))
    assert "stopped" not in put(catalog, tokens(1, 2))  # the same time
    assert "stopped" not in put(catalog, tokens(1, 2, at=AT - timedelta(days=1)))
    assert "stopped" not in put(catalog, tokens(1, 2, name="Another list", at=AT + timedelta(days=1)))
    assert "stopped" not in put(catalog, tokens(1, at=AT + timedelta(days=1)), feed="a feed of its own")
    assert "stopped" in put(catalog, tokens(1, at=AT + timedelta(days=1)), dry_run=True)


def test_rejected_rows_were_seen_too(catalog: Catalog, put: Import) -> None:
    payload = tokens(*range(1, 11))
    for row in payload["tokens"][:5]:
        row["decimals"] = "many"
    assert put(catalog, payload)["rejected"] == 5
    assert "stopped" in put(catalog, tokens(1, 2, 3, 4, 5, 6, 7, at=AT + timedelta(days=1)))


def test_records_without_an_end_are_no_listing(catalog: Catalog, tmp_path: Path) -> None:
    for number, count in enumerate((10, 1)):
        path = tmp_path / f"{number}.jsonl"
        path.write_text("\n".join(Asset(exchange="okx", symbol=f"A{n}").canonical_json() for n in range(count)))
        report = catalog.import_file("jsonl", str(path), observed_at=AT + timedelta(days=number)).to_json()
        assert ("stopped" in report, "missing" in report, report["unchanged"]) == (False, False, number)


def test_what_vanished_is_suspended_until_it_is_listed_again(catalog: Catalog, put: Import) -> None:
    put(catalog, tokens(*range(1, 11)))
    put(catalog, tokens(9, name="Another list"))
    report = put(catalog, tokens(*range(1, 9), at=AT + timedelta(days=1)), suspend_missing=True)
    assert (report["missing"], report["suspended"]) == (2, 1)  # the other list still has token 9
    gone = Token(blockchain="eip155:1", address=address(10)).id
    assert catalog.instruments.get(gone).status == "suspended"
    story = catalog.why(gone, "status")["fields"]["status"]
    assert (story["won"]["feed"], story["value"]) == ("token-list:A list (absent)", "suspended")
    assert put(catalog, tokens(*range(1, 9), at=AT + timedelta(days=2)), suspend_missing=True)["suspended"] == 0
    back = put(catalog, tokens(*range(1, 11), at=AT + timedelta(days=3)))
    assert (back["updated"], back["unchanged"]) == (1, 9)
    assert catalog.instruments.get(gone).status == "active"
    last = catalog.changes(after=catalog.stats()["last_sequence"] - 1)
    assert [c["action"] for c in last] == ["resume"]
    assert put(catalog, tokens(*range(1, 11), at=AT + timedelta(days=4)))["unchanged"] == 10


def test_an_old_listing_does_not_bring_back_what_vanished_later(catalog: Catalog, put: Import) -> None:
    put(catalog, tokens(*range(1, 6)))
    put(catalog, tokens(*range(1, 5), at=AT + timedelta(days=2)), suspend_missing=True)
    put(catalog, tokens(*range(1, 6), at=AT + timedelta(days=1)))
    assert catalog.instruments.get(Token(blockchain="eip155:1", address=address(5)).id).status == "suspended"


def test_what_was_rejected_and_what_an_alias_stands_for_is_not_missing(catalog: Catalog, put_records: Import) -> None:
    stocks = [Stock(mic="XNAS", ticker=f"A{n}", currency="USD") for n in range(9)]
    nowhere = Token(blockchain="eip155:424242", address=address(1), decimals=6)
    assert put_records(catalog, *stocks, nowhere)["rejected"] == 1
    apple = Stock(mic="XNAS", ticker="A0", currency="USD", isin="US0378331005")
    later = put_records(catalog, apple, *stocks[1:])
    assert (later["missing"], catalog.missing(later["run_id"])) == (0, [])
    last = put_records(catalog, *stocks[2:], apple)
    assert (last["missing"], [gone["ticker"] for gone in catalog.missing(last["run_id"])]) == (1, ["A1"])


def test_an_old_listing_suspends_nothing_that_a_later_one_has(catalog: Catalog, put: Import) -> None:
    put(catalog, tokens(*range(1, 6)))
    put(catalog, tokens(*range(1, 6), at=AT + timedelta(days=2)))
    old = put(catalog, tokens(*range(1, 5), at=AT + timedelta(days=1)), suspend_missing=True)
    assert (old["missing"], old["suspended"]) == (1, 0)
    assert catalog.replay(old["run_id"], suspend_missing=True).to_json()["suspended"] == 0
    assert catalog.instruments.get(Token(blockchain="eip155:1", address=address(5)).id).status == "active"


def test_a_row_that_is_read_after_all_is_no_longer_missing(
    catalog: Catalog, put: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tokens(*range(1, 7))
    first["tokens"][5]["decimals"] = "six"
    put(catalog, first)
    payload = tokens(*range(1, 6), at=AT + timedelta(days=1))
    payload["tokens"][4]["decimals"] = "six"
    report = put(catalog, payload, suspend_missing=True)
    gone = Token(blockchain="eip155:1", address=address(5)).id
    assert (report["rejected"], catalog.instruments.get(gone).status) == (1, "suspended")
    known = token_list._decimals
    monkeypatch.setattr(token_list, "_decimals", lambda value: 6 if value == "six" else known(value))
    assert catalog.retry(report["run_id"]).to_json()["updated"] == 1
    assert catalog.instruments.get(gone).status == "active"


def test_absence_is_believed_as_much_as_the_feed(catalog: Catalog, put_records: Import) -> None:
    stocks = [
        Stock(mic=mic, ticker="AAPL", currency="USD", isin="US0378331005", status="active")
        for mic in ("XNAS", "XLON", "XPAR", "XETR", "XNYS")
    ]
    put_records(catalog, *stocks)
    report = put_records(catalog, *stocks[:4], suspend_missing=True)
    assert (report["missing"], report["suspended"]) == (1, 1)  # its listing at home follows, and was not missing
    for precedence in (35, 45, None):
        catalog.set_precedence("jsonl", precedence, feed="jsonl")
        assert catalog.instruments.get(stocks[4].id).status == "suspended"


@pytest.mark.parametrize("name", ["x" * 300, "x" * 250, "a\0b", "a\nb", "\ud800", " ", "A list (absent)"])
def test_names_that_no_feed_can_have(catalog: Catalog, put: Import, name: str) -> None:
    with pytest.raises(PayloadError) as refused:
        put(catalog, tokens(1), feed=name)
    assert refused.value.hint == "--feed gives it another name"
    assert catalog.imports() == []


def test_a_list_cannot_call_itself_the_absence_of_another(catalog: Catalog, put: Import) -> None:
    with pytest.raises(PayloadError, match="vanished"):
        put(catalog, tokens(1, name="A list (absent)"))


@pytest.mark.parametrize(
    ("file", "feed"),
    [("e\u0301", "\u00e9"), ("a\udc80b", "a\\udc80b"), ("a\x1b[31m", "a\\x1b[31m"), ("x" * 246, "x" * 246)],
)
def test_a_feed_that_has_its_name_from_a_file(catalog: Catalog, tmp_path: Path, file: str, feed: str) -> None:
    (tmp_path / file).write_text(json.dumps(tokens(1)["tokens"]))
    report = catalog.import_file("token-list", str(tmp_path / file)).to_json()
    assert report["registered"] == 1
    assert catalog.import_run(report["run_id"])["feed"] == feed
    assert catalog.replay(report["run_id"]).to_json()["unchanged"] == 1


def test_a_replay_changes_nothing_and_is_a_run_of_its_own(catalog: Catalog, put: Import) -> None:
    payload = tokens(*range(1, 5), at=None)
    payload["tokens"][0]["decimals"] = None
    first = put(catalog, payload, observed_at=AT, feed="by hand")
    held = state(catalog)
    again = catalog.replay(first["run_id"]).to_json()
    assert (again["unchanged"], again["rejected"]) == (3, 1)
    assert again["run_id"] != first["run_id"]
    assert [r["place"] for r in catalog.import_rejects(again["run_id"])] == ["/tokens/0"]
    assert state(catalog) == held
    one, other = catalog.import_run(first["run_id"]), catalog.import_run(again["run_id"])
    assert [one[k] == other[k] for k in ("feed", "observed_at", "payload_hash", "file_name")] == [True] * 4
    with pytest.raises(NotFound):
        catalog.replay(99)


def test_a_retry_takes_the_rejected_rows_alone(catalog: Catalog, tmp_path: Path) -> None:
    base, quote = Asset(exchange="okx", symbol="A"), Asset(exchange="okx", symbol="B")
    chain = Token(blockchain="eip155:999999", address=address(1), decimals=1)
    pair = Pair(exchange="okx", symbol="A-B", base_id=base.id, quote_id=quote.id)
    path = tmp_path / "mixed.jsonl"
    path.write_text(
        "\n".join([base.canonical_json(), chain.canonical_json(), "{", quote.canonical_json(), pair.canonical_json()])
    )
    first = catalog.import_file("jsonl", str(path), observed_at=AT).to_json()
    assert (first["registered"], first["rejected"]) == (3, 2)
    with catalog.transaction() as cursor:
        cursor.execute(
            """INSERT INTO blockchains (blockchain, name, code, address_format, native_aliases)
            VALUES ('eip155:999999', 'Mine', 40000, 'evm', '{}')"""
        )
    again = catalog.retry(first["run_id"]).to_json()
    assert (again["registered"], again["unchanged"], again["rejected"], again["seen"]) == (1, 0, 1, 2)
    assert [r["place"].split(",")[0] for r in catalog.import_rejects(again["run_id"])] == ["line 3"]
    with catalog.transaction() as cursor:
        cursor.execute("SELECT retry_of, is_listing FROM import_runs WHERE run_id = %s", [again["run_id"]])
        assert cursor.fetchone() == (first["run_id"], False)


def test_a_retry_finds_the_row_of_a_place_with_a_column(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text('{"record": "asset", "exchange": "okx", "symbol": "A",}\n')
    first = catalog.import_file("jsonl", str(path)).to_json()
    assert catalog.import_rejects(first["run_id"])[0]["place"] == "line 1, column 54"
    asset = Asset(exchange="okx", symbol="A")
    monkeypatch.setattr(JsonlImporter, "parse", lambda *_: iter([Parsed(asset, "line 1"), Parsed(asset, "line 2")]))
    assert catalog.retry(first["run_id"]).to_json()["registered"] == 1


def test_pruned_payloads_are_gone_and_say_so(catalog: Catalog, put: Import) -> None:
    first = put(catalog, tokens(1, 2))
    second = put(catalog, tokens(1, 2, 3, at=AT + timedelta(days=1)))
    soon = datetime.now(UTC) + timedelta(minutes=1)
    assert catalog.prune_payloads(datetime.now(UTC) - timedelta(days=1))["payloads"] == 0
    pruned = catalog.prune_payloads(soon)
    assert pruned["payloads"] == 1
    assert pruned["bytes"] > 100
    with pytest.raises(PayloadError, match="pruned"):
        catalog.replay(first["run_id"])
    assert catalog.replay(second["run_id"]).to_json()["unchanged"] == 3
    # whoever imports it again brings its bytes back
    assert put(catalog, tokens(1, 2))["unchanged"] == 2
    assert catalog.replay(first["run_id"]).to_json()["unchanged"] == 2


def test_a_payload_that_is_being_read_is_not_pruned_from_under_it(
    catalog: Catalog, put: Import, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payloads, "CHUNK", 1000)
    first = put(catalog, tokens(*range(1, 101)))
    stored = payloads._stored

    def prune() -> None:
        with Catalog.open(database_url) as other:
            other.prune_payloads(datetime.now(UTC) + timedelta(minutes=1), 0)

    other = threading.Thread(target=prune)

    def slow(cursor: Cursor, payload_hash: bytes) -> Iterator[bytes]:
        for number, block in enumerate(stored(cursor, payload_hash)):
            if number == 1:
                other.start()
                other.join(0.5)
            yield block

    monkeypatch.setattr(payloads, "_stored", slow)
    assert catalog.replay(first["run_id"]).to_json()["unchanged"] == 100
    other.join(30)
    assert not other.is_alive()


def test_statistics_of_feeds(catalog: Catalog, put: Import) -> None:
    payload = tokens(1, 2, 3)
    payload["tokens"][0]["address"] = "nowhere"
    put(catalog, payload)
    put(catalog, tokens(2, 3, at=AT + timedelta(days=1)))
    [line] = catalog.feed_statistics()
    names = ("source", "feed", "runs", "not_done", "rows", "records", "rejects")
    assert [line[name] for name in names] == ["token-list", "A list", 2, 1, 5, 2, {"invalid_address": 1}]


def test_who_saw_a_record(catalog: Catalog, put: Import) -> None:
    put(catalog, tokens(1, 2))
    put(catalog, tokens(1, 2, 3, at=AT + timedelta(days=1)))
    third = Token(blockchain="eip155:1", address=address(3))
    with catalog.transaction() as cursor:
        from catalog.repositories.statements import key_of

        assert [run["run_id"] for run in runs.seen_by(cursor, [key_of(third)])] == [2]


def test_what_two_lists_dropped_is_suspended(catalog: Catalog, put: Import) -> None:
    for name in ("A list", "Another list"):
        put(catalog, tokens(*range(1, 6), name=name))
    later = AT + timedelta(days=1)
    assert put(catalog, tokens(*range(1, 5), at=later), suspend_missing=True)["suspended"] == 0
    gone = Token(blockchain="eip155:1", address=address(5)).id
    assert catalog.instruments.get(gone).status == "active"
    report = put(catalog, tokens(*range(1, 5), name="Another list", at=later), suspend_missing=True)
    assert (report["missing"], report["suspended"]) == (1, 1)
    assert catalog.instruments.get(gone).status == "suspended"
    # whoever lists it later brings it back
    back = put(catalog, tokens(*range(1, 6), at=AT + timedelta(days=2)))
    assert (back["missing"], back["updated"]) == (0, 1)
    assert catalog.instruments.get(gone).status == "active"


def test_nothing_is_suspended_by_a_list_that_is_harder_to_read(catalog: Catalog, put: Import) -> None:
    put(catalog, tokens(*range(1, 11)))
    payload = tokens(*range(1, 10), at=AT + timedelta(days=1))
    payload["tokens"][0]["decimals"] = "many"
    report = put(catalog, payload, suspend_missing=True)
    assert (report["missing"], report["suspended"], report["rejected"]) == (2, 0, 1)
    assert report["not_suspended"].startswith("1 rows were rejected, and 0 of the listing before")
    assert put(catalog, tokens(*range(1, 9), at=AT + timedelta(days=2)), suspend_missing=True)["suspended"] == 1


def test_rows_that_say_the_same_are_one(catalog: Catalog, put: Import) -> None:
    payload = tokens(*[1] * 50, 2)
    report = put(catalog, payload)
    assert (report["rows"], report["registered"]) == (51, 2)
