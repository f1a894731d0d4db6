"""Records that name what is not there yet wait for it, whoever brings it, in whatever order."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from sqlalchemy import Connection

from catalog import Catalog
from catalog.domain import (
    Asset,
    BrokerContract,
    Future,
    Listing,
    Native,
    Option,
    Pair,
    Pool,
    Record,
    Stock,
    Token,
    Venue,
)
from catalog.domain.pools import PoolToken
from catalog.domain.vocabulary import Authority
from catalog.errors import UnknownReference
from catalog.importers.base import Heading, Parsed
from catalog.importers.registry import IMPORTERS
from catalog.repositories import bulk
from catalog.repositories.statements import Author, Outcome, Submission
from catalog.services import releases
from tests.states import state

ETHEREUM = "eip155:1"
USDC = Token(blockchain=ETHEREUM, address="0x" + "a0" * 20, symbol="USDC", decimals=6)
DAI = Token(blockchain=ETHEREUM, address="0x" + "da" * 20, symbol="DAI", decimals=18)
SEEN = Token(blockchain=ETHEREUM, address=USDC.address, token_standard="erc20")
POOL = Pool(
    blockchain=ETHEREUM,
    address="0x" + "b0" * 20,
    tokens=(PoolToken(instrument_id=USDC.id), PoolToken(instrument_id=DAI.id)),
)
BTC, USD = Asset(exchange="kraken", symbol="XXBT"), Asset(exchange="kraken", symbol="ZUSD")
PAIR = Pair(exchange="kraken", symbol="XXBTZUSD", base_id=BTC.id, quote_id=USD.id)
PERPETUAL = Future(exchange="deribit", symbol="BTC-PERPETUAL", underlying_id=BTC.id)
AT = datetime(2026, 3, 1, tzinfo=UTC)
Import = Callable[..., dict[str, Any]]


@pytest.fixture
def put(tmp_path: Path) -> Import:
    """Import records as a payload of their own."""
    numbers = itertools.count()

    def import_records(catalog: Catalog, *records: Record, feed: str = "one", at: datetime = AT) -> dict[str, Any]:
        path = tmp_path / f"{next(numbers)}.jsonl"
        path.write_text("\n".join(r.canonical_json() for r in records))
        return catalog.import_file("jsonl", str(path), feed=feed, observed_at=at).to_json()

    return import_records


def counts(report: dict[str, Any]) -> dict[str, int]:
    names = ("registered", "updated", "unchanged", "rejected", "waiting", "released")
    return {name: report[name] for name in names if report[name]}


def test_a_pool_waits_for_each_of_its_tokens(catalog: Catalog, put: Import) -> None:
    assert counts(put(catalog, POOL)) == {"rejected": 1, "waiting": 1}
    [waits] = catalog.waiting()
    assert (waits["record"], waits["id"], waits["needs"], waits["needs_id"]) == ("pool", POOL.id, "instrument", USDC.id)
    assert (waits["field"], waits["place"], waits["feed"]) == ("tokens.0.instrument_id", "line 1", "jsonl:one")
    assert counts(put(catalog, USDC)) == {"registered": 1}
    assert catalog.waiting()[0]["needs_id"] == DAI.id
    assert counts(put(catalog, DAI)) == {"registered": 1, "released": 1}
    assert catalog.waiting() == []
    assert catalog.pools.get(POOL.id) == POOL
    assert counts(put(catalog, POOL)) == {"unchanged": 1}


def test_a_pair_waits_for_an_asset_and_a_contract_for_its_underlying(catalog: Catalog, put: Import) -> None:
    listing = Listing(instrument_id=PERPETUAL.id, venue_id=Venue(slug="deribit").id, symbol="BTC-PERPETUAL")
    assert counts(put(catalog, PAIR, PERPETUAL, listing)) == {"rejected": 3, "waiting": 3}
    assert counts(put(catalog, BTC, USD)) == {"registered": 2, "released": 3}
    assert catalog.pairs.get(PAIR.id) == PAIR
    assert catalog.instruments.get(PERPETUAL.id) == PERPETUAL
    assert catalog.waiting() == []


def test_a_token_without_decimals_waits_for_somebody_who_knows_them(catalog: Catalog, put: Import) -> None:
    assert counts(put(catalog, SEEN, POOL, feed="chain")) == {"rejected": 2, "waiting": 2}
    assert [w["needs"] for w in catalog.waiting()] == ["decimals", "instrument"]
    assert counts(put(catalog, USDC, DAI, feed="list")) == {"registered": 2, "released": 2}
    token = catalog.instruments.get(USDC.id)
    assert isinstance(token, Token)
    assert (token.decimals, token.token_standard) == (6, "erc20")
    assert counts(put(catalog, SEEN, POOL, feed="chain")) == {"unchanged": 2}


def test_one_payload_may_say_a_token_with_and_without_decimals(catalog: Catalog, put: Import) -> None:
    assert counts(put(catalog, USDC, SEEN)) == {"registered": 1}
    token = catalog.instruments.get(USDC.id)
    assert isinstance(token, Token)
    assert (token.decimals, token.token_standard) == (6, "erc20")
    assert catalog.waiting() == []


def test_any_of_several_rows_may_name_what_is_missing(catalog: Catalog, put: Import) -> None:
    bare = Future(exchange=PERPETUAL.exchange, symbol=PERPETUAL.symbol)
    assert counts(put(catalog, PERPETUAL, bare)) == {"rejected": 1, "waiting": 1}
    assert {waits["needs_id"] for waits in catalog.waiting()} == {BTC.id}
    assert counts(put(catalog, BTC)) == {"registered": 1, "released": 1}
    assert catalog.instruments.get(PERPETUAL.id) == PERPETUAL


def test_a_single_registration_releases_too(catalog: Catalog, put: Import) -> None:
    put(catalog, PAIR)
    catalog.register(USD)
    catalog.register_many([BTC])
    assert catalog.pairs.get(PAIR.id) == PAIR
    assert catalog.waiting() == []


def test_what_an_operator_registers_does_not_wait(catalog: Catalog) -> None:
    with pytest.raises(UnknownReference):
        catalog.register(PAIR)
    assert catalog.register_many([PAIR]).rejected == 1
    assert catalog.waiting() == []


def test_a_statement_waits_once(catalog: Catalog, put: Import) -> None:
    for day in (1, 3, 2, 4, 4):
        assert counts(put(catalog, PAIR, at=AT.replace(day=day)))["waiting"] == 1
    assert len(catalog.waiting()) == 2  # the first and the last of five
    put(catalog, PAIR.model_copy(update={"tick_size": 1}), at=AT.replace(day=9))
    assert len(catalog.waiting()) == 3
    put(catalog, BTC, USD)
    pair = catalog.pairs.get(PAIR.id)
    assert isinstance(pair, Pair)
    assert pair.tick_size == 1


def test_a_released_record_keeps_the_run_that_brought_it(catalog: Catalog, put: Import) -> None:
    brought = put(catalog, PAIR)["run_id"]
    put(catalog, BTC, USD, feed="other")
    seen = catalog.why(PAIR.id)
    assert [run["run_id"] for run in seen["runs"]] == [brought]
    assert seen["fields"]["base_id"]["won"]["feed"] == "jsonl:one"


def test_what_is_refused_when_its_time_comes_is_a_reject_of_its_run(catalog: Catalog, put: Import) -> None:
    elsewhere = Token(blockchain="eip155:10", address=USDC.address, decimals=6)
    wrong = POOL.model_copy(
        update={"tokens": (POOL.tokens[0].model_copy(update={"instrument_id": elsewhere.id}), POOL.tokens[1])}
    )
    report = put(catalog, wrong)
    put(catalog, DAI, elsewhere)
    assert catalog.waiting() == []
    assert [(r["code"], r["place"]) for r in catalog.import_rejects(report["run_id"])] == [
        ("unknown_instrument", "line 1"),
        ("wrong_blockchain", "line 1"),
    ]


def test_any_order_gives_the_same_catalog(fresh_catalog: Callable[[], Catalog], put: Import) -> None:
    payloads = [
        ((POOL, SEEN), "chain"),
        ((PAIR, PERPETUAL, USDC), "mixed"),
        ((BTC, USD), "assets"),
        ((DAI, Native(blockchain=ETHEREUM, decimals=18)), "list"),
    ]
    states = []
    for order in itertools.permutations(payloads):
        with fresh_catalog() as catalog:
            for records, feed in order:
                put(catalog, *records, feed=feed)
            assert catalog.waiting() == []
            states.append(state(catalog))
    assert all(other == states[0] for other in states)


class _Options:
    """A source whose option names its underlying by the broker's symbol."""

    source = "options"
    authority: Authority = "venue"
    codes: dict[str, str] = {}  # noqa: RUF012

    def can_parse(self, head: bytes) -> bool:
        return False

    def heading(self, stream: BinaryIO) -> Heading:
        return Heading("options", AT)

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed]:
        terms = {"osi_root": "AAPL", "expiry_date": "2026-06-19", "option_kind": "call", "strike_price": "100"}
        contract = BrokerContract(broker="alpaca", symbol="AAPL")
        yield Parsed(Option(**terms), "/0", {"underlying_id": contract.id})  # type: ignore[arg-type]


def test_an_underlying_named_by_a_brokers_symbol(
    catalog: Catalog, put: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(IMPORTERS, "options", _Options())
    (tmp_path / "options").write_bytes(b"")
    apple = Stock(mic="XNAS", ticker="AAPL", currency="USD")
    contract = BrokerContract(broker="alpaca", symbol="AAPL")

    def run() -> dict[str, int]:
        return counts(catalog.import_file("options", str(tmp_path / "options")).to_json())

    assert run() == {"rejected": 1, "waiting": 1}
    put(catalog, contract, apple)
    assert run() == {"rejected": 1, "waiting": 1}
    assert len(catalog.waiting()) == 1
    stated = contract.model_copy(update={"instrument_id": apple.id})
    stated.__pydantic_fields_set__.add("instrument_id")
    assert counts(put(catalog, stated)) == {"updated": 1, "released": 1}
    [option] = [r for r in catalog.instruments.list() if isinstance(r, Option)]
    assert option.underlying_id == apple.id
    assert run() == {"unchanged": 1}


def test_two_writers_of_which_one_brings_the_pair_and_the_other_its_assets(
    fresh_catalog: Callable[[], Catalog], put: Import
) -> None:
    for _ in range(8):
        with fresh_catalog() as catalog, Catalog.open(catalog.engine.url.render_as_string(False)) as other:
            barrier = threading.Barrier(2)

            def write(catalog: Catalog, *records: Record, feed: str, barrier: threading.Barrier = barrier) -> None:
                barrier.wait()
                put(catalog, *records, feed=feed)

            threads = [
                threading.Thread(target=write, args=(catalog, PAIR, POOL), kwargs={"feed": "pairs"}),
                threading.Thread(target=write, args=(other, BTC, USD, USDC, DAI), kwargs={"feed": "assets"}),
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert catalog.waiting() == []
            assert catalog.pairs.get(PAIR.id) == PAIR
            assert catalog.pools.get(POOL.id) == POOL


def test_more_may_wait_for_a_registration_than_one_transaction_takes(
    catalog: Catalog, put: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releases, "BATCH", 3)
    pairs = [Pair(exchange="kraken", symbol=f"P{n}", base_id=BTC.id, quote_id=USD.id) for n in range(8)]
    put(catalog, USD, *pairs)
    catalog.register(BTC)
    assert catalog.waiting() == []
    assert len(catalog.pairs.list()) == 8


def test_what_is_put_back_is_looked_for_again(
    catalog: Catalog, put: Import, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One writer has taken the pair and misses its quote; another brings that, and finds the pair locked."""
    put(catalog, PAIR)
    register = bulk.register

    def slow(connection: Connection, submissions: Sequence[Submission], author: Author) -> Outcome:
        outcome = register(connection, submissions, author)
        if any(waits.needs.id.hex == USD.id for waits in outcome.waiting):
            monkeypatch.setattr(bulk, "register", register)
            with Catalog.open(database_url) as other:
                other.register(USD)
        return outcome

    monkeypatch.setattr(bulk, "register", slow)
    catalog.register(BTC)
    assert catalog.waiting() == []
    assert catalog.pairs.get(PAIR.id) == PAIR


def test_what_another_writer_releases_may_be_refused_before_its_run_has_ended(
    catalog: Catalog, put: Import, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Token(blockchain="eip155:10", address=USDC.address, decimals=6)
    wrong = POOL.model_copy(
        update={"tokens": (POOL.tokens[0].model_copy(update={"instrument_id": elsewhere.id}), POOL.tokens[1])}
    )
    put(catalog, DAI)
    release = releases.release

    def late(*arguments: Any) -> int:
        monkeypatch.setattr(releases, "release", release)
        with Catalog.open(database_url) as other:
            other.register(elsewhere)
        return release(*arguments)

    monkeypatch.setattr(releases, "release", late)
    report = put(catalog, wrong)
    assert catalog.import_run(report["run_id"])["state"] == "done"
    assert [(r["number"], r["code"]) for r in catalog.import_rejects(report["run_id"])] == [
        (1, "wrong_blockchain"),
        (2, "unknown_instrument"),
    ]


def test_the_rows_are_what_a_report_says(catalog: Catalog, put: Import) -> None:
    report = put(catalog, POOL, PAIR)
    rejects = catalog.import_rejects(report["run_id"])
    assert [r["code"] for r in rejects] == ["unknown_instrument"] * 2
    assert json.loads(rejects[0]["row"])["record"] in ("pool", "pair")
    assert report["by_record"]["pool"]["rejected"] == report["by_record"]["pair"]["rejected"] == 1


def test_nothing_waits_on_a_blockchain_that_nobody_knows(catalog: Catalog, put: Import) -> None:
    strange = Token(blockchain="eip155:999999", address=USDC.address)
    report = put(catalog, strange)
    assert counts(report) == {"rejected": 1}
    assert [r["code"] for r in catalog.import_rejects(report["run_id"])] == ["unknown_blockchain"]
