"""The views of `reporting`: described in full, right in what they show, quick where an index can help, as documented."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

import catalog as package
from catalog import Catalog
from catalog.domain import (
    Asset,
    BrokerContract,
    EventField,
    EventType,
    Future,
    Listing,
    Native,
    Option,
    Pair,
    Pool,
    PoolToken,
    Record,
    Stock,
    Synthetic,
    SyntheticComponent,
    Token,
    Venue,
)
from catalog.domain.identity import KIND_NAMES
from catalog.tables import reporting
from tests.calendars import CHICAGO, HONG_KONG, NEW_YORK, kept

SAMPLE = Path(package.__file__).parent / "sample.jsonl"
PAGE = Path(__file__).parents[2] / "docs" / "reporting.md"
APPLE = "US0378331005"
APPLE_LINE = "bab9c8dc24815bbdcc4a47f18643879f"
NAMES = [view.name for view in reporting.VIEWS]

TEST_VENUE = Venue(slug="testex", name="Test Exchange", venue_type="crypto_exchange")
TEST_MARKET = Venue(mic="XCME", name="Chicago Mercantile Exchange")
TEST_BROKER = Venue(slug="testbroker", name="Test Broker", venue_type="broker")
COIN = Native(blockchain="eip155:8453", symbol="ETH", name="Ether on Base", decimals=18)
ONE = Token(blockchain="eip155:8453", address="0x" + "1" * 40, symbol="ONE", name="One", decimals=6)
TWO = Token(blockchain="eip155:8453", address="0x" + "2" * 40, symbol="TWO", decimals=8)
BASE = Asset(exchange="testex", symbol="XBT", name="Bitcoin")
QUOTE = Asset(exchange="testex", symbol="TUSD")
PAIR = Pair(
    exchange="testex", symbol="XBTTUSD", base_id=BASE.id, quote_id=QUOTE.id, tick_size=Decimal("0.5"),
    other_symbols=("XBT/TUSD", "XBT-TUSD"),
)  # fmt: skip
POOL = Pool(
    blockchain="eip155:8453", address="0x" + "3" * 40, dex="testswap_v2", pool_type="weighted", fee=Decimal("0.0025"),
    tokens=(
        PoolToken(instrument_id=TWO.id, weight=Decimal("0.2")), PoolToken(instrument_id=ONE.id, weight=Decimal("0.3")),
        PoolToken(instrument_id=COIN.id, weight=Decimal("0.5")),
    ),
)  # fmt: skip
PLAIN_POOL = Pool(
    blockchain="eip155:8453", address="0x" + "4" * 40,
    tokens=(PoolToken(instrument_id=ONE.id), PoolToken(instrument_id=TWO.id)),
)  # fmt: skip
PERPETUAL = Future(
    exchange="testex", symbol="XBT-PERP", underlying_id=BASE.id, quote_id=QUOTE.id, settlement_id=QUOTE.id,
    margin_id=QUOTE.id, contract_multiplier=Decimal("0.001"),
)  # fmt: skip
FUTURE = Future(
    mic="XCME", symbol="TESTZ6", product="TEST", name="Test, December 2026", currency="USD",
    last_trading_date=date(2026, 12, 18), contract_multiplier=Decimal(50),
)  # fmt: skip
OPTION = Option(
    osi_root="AAPL", expiry_date=date(2027, 6, 18), option_kind="put", strike_price=Decimal("187.5"),
    underlying_id=APPLE_LINE, currency="USD",
)  # fmt: skip
SYNTHETIC = Synthetic(
    name="test basis", formula="(fut - spot) / spot * depth",
    components=(
        SyntheticComponent(variable="fut", instrument_id=FUTURE.id), SyntheticComponent(variable="spot", pair_id=PAIR.id),
        SyntheticComponent(variable="depth", pool_id=POOL.id),
    ),
)  # fmt: skip
CONTRACT = BrokerContract(broker="testbroker", symbol="TESTZ6.CME", instrument_id=FUTURE.id, mic="XCME", name="Test")
EVENT = EventType(
    name="test_swap", version=3, event_source="defi", blockchain="eip155:8453", protocol="testswap", priority="high",
    size_hint=24,
    fields=(
        EventField(name="pool", field_type="pool_id", byte_offset=0),
        EventField(name="amount", field_type="int128", byte_offset=8, is_required=False),
    ),
)  # fmt: skip
#: Passes for ONE: its first letter is Cyrillic.
FAKE = Token(blockchain="eip155:8453", address="0x" + "5" * 40, symbol="\u041eNE", name="One", decimals=6)
UNNAMED = Stock(mic="XCME", ticker="NOISIN", currency="USD", cusip="594918104", name="No ISIN Inc.")
RECORDS: tuple[Record, ...] = (
    TEST_VENUE, TEST_MARKET, TEST_BROKER, COIN, ONE, TWO, BASE, QUOTE, PAIR, POOL, PLAIN_POOL, PERPETUAL, FUTURE, OPTION,
    SYNTHETIC, CONTRACT, EVENT, UNNAMED,
)  # fmt: skip

Rows = list[dict[str, Any]]
Ask = Callable[..., Rows]


@pytest.fixture
def ask(catalog: Catalog, database_url: str) -> Iterator[Ask]:
    """`ask(query)` gives the rows of a query on the sample and the records above, as a reader's session would."""
    catalog.import_file("jsonl", str(SAMPLE))
    for record in RECORDS:
        catalog.register(record)
    with psycopg.connect(database_url, row_factory=dict_row, autocommit=True) as connection:
        connection.execute("SET search_path = reporting")
        connection.execute("SET default_transaction_read_only = on")
        connection.execute("SET timezone = 'UTC'")

        def run(query: str, *values: object) -> Rows:
            # without values no per cent sign means anything, as in psql
            return connection.execute(query.encode(), values or None).fetchall()

        yield run


def only(rows: Rows) -> dict[str, Any]:
    assert len(rows) == 1, rows
    return rows[0]


def test_every_view_and_every_column_has_a_comment(database_url: str) -> None:
    query = """SELECT c.relname, a.attname, col_description(c.oid, a.attnum) AS said, obj_description(c.oid) AS whole
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relnamespace = 'reporting'::regnamespace"""
    with psycopg.connect(database_url) as connection:
        found = connection.execute(query).fetchall()
        about = connection.execute("SELECT obj_description('reporting'::regnamespace)").fetchone()
    assert about
    assert about[0]
    assert {view for view, *_ in found} == set(NAMES)
    assert len(found) == sum(len(view.columns) for view in reporting.VIEWS)
    assert [(view, column) for view, column, said, whole in found if not (said and whole)] == []


def test_every_view_has_rows(ask: Ask, catalog: Catalog) -> None:
    catalog.instruments.supersede(TWO.id, ONE.id, "migration")
    kept(catalog, NEW_YORK)
    with catalog.transaction() as cursor:
        cursor.execute(
            """INSERT INTO disputes (dispute_key, rule, kind, subject_id, sides)
            SELECT 'test', 'line_conflict', 8, id, '[]' FROM listings WHERE is_home LIMIT 1"""
        )
    catalog.register(FAKE)
    catalog.instruments.unverify(FAKE.id)
    for name in NAMES:
        assert ask(f"SELECT * FROM {name} LIMIT 1"), name


def test_there_is_one_row_per_record(ask: Ask, catalog: Catalog) -> None:
    counts = catalog.stats()["by_record"]
    rows = {name: only(ask(f"SELECT count(*) AS n FROM {name}"))["n"] for name in NAMES}
    assert {r["record"]: r["n"] for r in ask("SELECT record, count(*) AS n FROM instruments GROUP BY record")} == {
        r: counts[r] for r in ("token", "native", "asset", "stock", "etf", "currency", "future", "option", "synthetic")
    }
    assert rows["tokens"] == counts["token"] + counts["native"]
    assert rows["derivatives"] == counts["future"] + counts["option"]
    for view, record in {
        "securities": "security", "venues": "venue", "listings": "listing", "pools": "pool", "exchange_pairs": "pair",
        "event_types": "event_type", "broker_contracts": "broker_contract", "currencies": "currency",
        "synthetics": "synthetic",
    }.items():  # fmt: skip
        assert rows[view] == counts[record], view


def test_retired_records_are_there(ask: Ask, catalog: Catalog) -> None:
    catalog.pairs.retire(PAIR.id, force=True)
    assert only(ask("SELECT status FROM exchange_pairs WHERE id = %s", PAIR.id))["status"] == "retired"


def test_instruments(ask: Ask) -> None:
    apple = only(ask("SELECT * FROM instruments WHERE uuid = %s", APPLE_LINE))
    shown = {
        "id": APPLE_LINE, "id64": APPLE_LINE[:16], "record": "stock", "symbol": "AAPL", "name": "Apple Inc.",
        "isin": APPLE, "cusip": "037833100", "figi": "BBG000B9Y5X2", "composite_figi": "BBG000B9XRY4",
        "share_class_figi": "BBG001S5N8V8", "currency": "USD", "mic": "XNAS", "venue_name": "Nasdaq",
        "blockchain": None, "status": "active",
    }  # fmt: skip
    assert {name: apple[name] for name in shown} == shown
    assert len(ask("SELECT FROM instruments WHERE isin = %s", APPLE)) == 3
    symbols = {
        COIN: "ETH", ONE: "ONE", BASE: "XBT", FUTURE: "TESTZ6", OPTION: OPTION.symbol, SYNTHETIC: "test basis",
        UNNAMED: "NOISIN",
    }  # fmt: skip
    for record, symbol in symbols.items():
        found = only(ask("SELECT record, symbol FROM instruments WHERE id = %s", record.id))
        assert found == {"record": record.record, "symbol": symbol}
    coin = only(ask("SELECT * FROM instruments WHERE id = %s", COIN.id))
    assert (coin["blockchain"], coin["blockchain_name"], coin["decimals"]) == ("eip155:8453", "Base", 18)
    assert only(ask("SELECT cusip FROM instruments WHERE id = %s", UNNAMED.id))["cusip"] == "594918104"
    assert only(ask("SELECT venue_name FROM instruments WHERE id = %s", BASE.id))["venue_name"] == "Test Exchange"
    assert only(ask("SELECT symbol FROM instruments WHERE symbol = 'EUR' AND record = 'currency'"))


def test_instruments_know_when_they_came_and_changed(ask: Ask, catalog: Catalog) -> None:
    query = "SELECT registered_at, last_changed_at FROM instruments WHERE id = %s"
    before = only(ask(query, ONE.id))
    assert before["registered_at"] == before["last_changed_at"] is not None
    catalog.instruments.suspend(ONE.id)
    after = only(ask(query, ONE.id))
    assert after["registered_at"] == before["registered_at"] < after["last_changed_at"]


def test_tokens(ask: Ask) -> None:
    token = only(ask("SELECT * FROM tokens WHERE id = %s", ONE.id))
    assert (token["is_native"], token["address"], token["blockchain_name"]) == (False, ONE.address, "Base")
    coin = only(ask("SELECT * FROM tokens WHERE id = %s", COIN.id))
    assert (coin["is_native"], coin["address"], coin["symbol"], coin["decimals"]) == (True, None, "ETH", 18)


def test_cross_listings_of_apple(ask: Ask) -> None:
    found = ask("SELECT * FROM cross_listings WHERE isin = %s ORDER BY ticker, mic", APPLE)
    assert [(r["ticker"], r["home_mic"], r["mic"], r["symbol"], r["currency"], r["is_home"]) for r in found] == [
        ("0R2V", "XLON", "XLON", "0R2V", "USD", True),
        ("AAPL", "XNAS", "ARCX", "AAPL", "USD", False),
        ("AAPL", "XNAS", "XNAS", "AAPL", "USD", True),
        ("APC", "XETR", "XETR", "APC", "EUR", True),
    ]
    assert {r["venue_count"] for r in found} == {4}
    security = only(ask("SELECT id, name FROM securities WHERE isin = %s", APPLE))
    assert {(r["security_id"], r["security_name"]) for r in found} == {(security["id"], security["name"])}
    assert found[1]["venue_name"] == "NYSE Arca"
    # the count is of the ISIN, whatever the filter; several listings on one venue count once
    assert {r["venue_count"] for r in ask("SELECT * FROM cross_listings WHERE isin = %s AND mic = 'XETR'", APPLE)} == {
        4
    }
    assert [r["venue_count"] for r in ask("SELECT * FROM cross_listings WHERE isin = 'IE00B5BMR087'")] == [1, 1]


def test_venues_of_an_isin_without_retired_listings(ask: Ask, catalog: Catalog) -> None:
    arca = only(ask("SELECT id FROM venues WHERE mic = 'ARCX'"))["id"]
    catalog.listings.retire(f"{APPLE_LINE}@{arca}:AAPL")
    found = ask("SELECT status, venue_count FROM cross_listings WHERE isin = %s", APPLE)
    assert sorted(r["status"] for r in found) == ["active", "active", "active", "retired"]
    assert {r["venue_count"] for r in found} == {3}


def test_listings(ask: Ask, catalog: Catalog) -> None:
    catalog.register(Listing(instrument_id=APPLE_LINE, venue_id=TEST_VENUE.id, symbol="AAPLX", currency="USD"))
    found = only(ask("SELECT * FROM listings WHERE slug = 'testex'"))
    shown = {
        "instrument_id": APPLE_LINE, "instrument_symbol": "AAPL", "instrument_name": "Apple Inc.", "isin": APPLE,
        "record": "stock", "venue_id": TEST_VENUE.id, "mic": None, "venue_name": "Test Exchange", "symbol": "AAPLX",
        "currency": "USD", "is_home": False, "status": "active",
    }  # fmt: skip
    assert {name: found[name] for name in shown} == shown
    assert len(ask("SELECT FROM listings WHERE instrument_uuid = %s", APPLE_LINE)) == 3


def test_pools(ask: Ask) -> None:
    pool = only(ask("SELECT * FROM pools WHERE id = %s", POOL.id))
    assert pool["token_ids"] == [TWO.id, ONE.id, COIN.id]
    assert pool["token_symbols"] == ["TWO", "ONE", "ETH"]
    assert pool["weights"] == [Decimal("0.2"), Decimal("0.3"), Decimal("0.5")]
    assert (pool["fee"], str(pool["fee_bps"]), pool["blockchain_name"]) == (Decimal("0.0025"), "25", "Base")
    plain = only(ask("SELECT * FROM pools WHERE id = %s", PLAIN_POOL.id))
    assert (plain["token_symbols"], plain["weights"], plain["fee"], plain["fee_bps"]) == (
        ["ONE", "TWO"],
        None,
        None,
        None,
    )


def test_exchange_pairs(ask: Ask) -> None:
    pair = only(ask("SELECT * FROM exchange_pairs WHERE symbol = 'XBTTUSD'"))
    shown = {
        "id": PAIR.id, "exchange": "testex", "venue_name": "Test Exchange", "market_kind": "spot", "base_id": BASE.id,
        "base_symbol": "XBT", "base_name": "Bitcoin", "quote_id": QUOTE.id, "quote_symbol": "TUSD", "quote_name": None,
        "tick_size": Decimal("0.5"), "other_symbols": ["XBT-TUSD", "XBT/TUSD"],
    }  # fmt: skip
    assert {name: pair[name] for name in shown} == shown


def test_derivatives(ask: Ask) -> None:
    perpetual, future, option = (
        only(ask("SELECT * FROM derivatives WHERE id = %s", record.id)) for record in (PERPETUAL, FUTURE, OPTION)
    )
    assert (perpetual["record"], perpetual["is_perpetual"], perpetual["expiry_date"]) == ("future", True, None)
    assert (perpetual["exchange"], perpetual["venue_name"]) == ("testex", "Test Exchange")
    assert perpetual["underlying_id"] == BASE.id
    names = ("underlying_symbol", "underlying_name", "quote_symbol", "settlement_symbol", "margin_symbol")
    assert [perpetual[name] for name in names] == ["XBT", "Bitcoin", "TUSD", "TUSD", "TUSD"]
    assert (future["is_perpetual"], future["expiry_date"], future["product"]) == (False, date(2026, 12, 18), "TEST")
    assert (future["mic"], future["venue_name"]) == ("XCME", "Chicago Mercantile Exchange")
    assert (option["is_perpetual"], option["expiry_date"]) == (False, date(2027, 6, 18))
    assert (option["option_kind"], option["strike_price"]) == ("put", Decimal("187.5"))
    assert (option["underlying_symbol"], option["mic"], option["venue_name"]) == ("AAPL", None, None)


def test_synthetics(ask: Ask) -> None:
    found = only(ask("SELECT * FROM synthetics WHERE name = 'test basis'"))
    assert found["variables"] == ["fut", "spot", "depth"]
    assert found["component_kinds"] == ["instrument", "pair", "pool"]
    assert found["component_ids"] == [FUTURE.id, PAIR.id, POOL.id]
    assert found["measures"] == ["price"] * 3


def test_event_types(ask: Ask) -> None:
    found = only(ask("SELECT * FROM event_types WHERE number = %s", EVENT.shown_id))
    assert (found["id"], found["name"], found["version"], found["blockchain_name"]) == (
        EVENT.id,
        "test_swap",
        3,
        "Base",
    )
    assert (found["event_source"], found["priority"], found["size_hint"], found["field_count"]) == (
        "defi",
        "high",
        24,
        2,
    )
    assert found["fields"] == [
        {"name": "pool", "field_type": "pool_id", "byte_offset": 0, "is_required": True},
        {"name": "amount", "field_type": "int128", "byte_offset": 8, "is_required": False},
    ]


def test_broker_contracts(ask: Ask) -> None:
    found = only(ask("SELECT * FROM broker_contracts WHERE broker = 'testbroker'"))
    shown = {
        "id": CONTRACT.id, "broker_name": "Test Broker", "symbol": "TESTZ6.CME", "instrument_id": FUTURE.id,
        "instrument_symbol": "TESTZ6", "mic": "XCME", "venue_name": "Chicago Mercantile Exchange", "name": "Test",
    }  # fmt: skip
    assert {name: found[name] for name in shown} == shown


def test_changes_name_kinds_and_listings(ask: Ask, catalog: Catalog) -> None:
    catalog.register(Listing(instrument_id=APPLE_LINE, venue_id=TEST_VENUE.id, symbol="AAPLX"))
    found = ask("SELECT * FROM changes ORDER BY sequence")
    assert [r["sequence"] for r in found] == list(range(1, len(found) + 1))
    last = found[-1]
    assert (last["kind"], last["record"], last["record_id"]) == ("listing", "listing", None)
    assert last["listing"] == f"{APPLE_LINE}@{TEST_VENUE.id}:AAPLX"
    by_record = {r["record_id"]: r for r in found if r["record_id"]}
    for record in RECORDS:
        change = by_record[record.id]
        assert (change["kind"], change["action"], change["actor"]) == (record.kind, "register", "tester"), record
        assert change["listing"] is None
    assert {r["kind"] for r in found} == set(KIND_NAMES.values())


def test_disputes_and_successions(ask: Ask, catalog: Catalog) -> None:
    catalog.instruments.supersede(TWO.id, ONE.id, "migration", ratio=Decimal("0.1"), reason="swapped")
    succession = only(ask("SELECT * FROM successions WHERE predecessor_id = %s", TWO.id))
    shown = {
        "kind": "instrument", "successor_id": ONE.id, "succession_kind": "migration", "ratio": Decimal("0.1"),
        "is_in_effect": True, "actor": "tester", "reason": "swapped",
    }  # fmt: skip
    assert {name: succession[name] for name in shown} == shown
    with catalog.transaction() as cursor:
        cursor.execute(
            """INSERT INTO disputes (dispute_key, rule, kind, subject_id, field, sides)
            VALUES ('test', 'breaking_conflict', 1, %s, 'decimals', '[{"value": 6}, {"value": 8}]')""",
            [ONE.id],
        )
    dispute = only(ask("SELECT * FROM disputes WHERE rule = 'breaking_conflict'"))
    assert (dispute["kind"], dispute["subject_id"], dispute["field"]) == ("instrument", ONE.id, "decimals")
    assert (dispute["state"], dispute["decided_at"], dispute["sides"][1]) == ("open", None, {"value": 8})


def test_lookalikes_and_verified_instruments(ask: Ask, catalog: Catalog) -> None:
    catalog.register(FAKE)
    verified = "SELECT symbol FROM verified_instruments WHERE uuid = %s"
    assert only(ask(verified, FAKE.id))["symbol"] == FAKE.symbol
    assert ask("SELECT * FROM lookalikes") == []
    catalog.instruments.unverify(FAKE.id)
    assert ask(verified, FAKE.id) == []
    assert only(ask(verified, ONE.id))["symbol"] == "ONE"
    found = only(ask("SELECT * FROM lookalikes"))
    shown = {
        "id": FAKE.id, "record": "token", "field": "symbol", "spelling": "\u041eNE", "resembles": "ONE",
        "resembles_id": ONE.id, "exchange": None, "blockchain": "eip155:8453",
    }  # fmt: skip
    assert {name: found[name] for name in shown} == shown
    assert (
        found["since"] == only(ask("SELECT registered_at FROM instruments WHERE uuid = %s", FAKE.id))["registered_at"]
    )


def test_import_runs(ask: Ask, catalog: Catalog) -> None:
    run = only(ask("SELECT * FROM import_runs"))
    report = catalog.import_run(run["run_id"])["report"]
    assert (run["source"], run["feed"], run["state"]) == ("jsonl", "jsonl", "done")
    assert run["file_name"].endswith("sample.jsonl")
    assert run["payload_hash"] == report["payload_hash"]
    counts = ("seen", "registered", "updated", "unchanged", "rejected", "conflicts", "collisions", "disputes")
    assert {name: run[name] for name in counts} == {name: report[name] for name in counts}
    assert run["by_record"] == report["by_record"]
    assert run["started_at"] <= run["finished_at"]


def test_sessions_and_holidays(ask: Ask, catalog: Catalog) -> None:
    reports = [kept(catalog, calendar) for calendar in (NEW_YORK, HONG_KONG, CHICAGO)]
    short = only(ask("SELECT * FROM sessions WHERE mic = 'XNYS' AND is_short"))
    shown = {
        "venue_name": "New York Stock Exchange", "day": date(2026, 11, 27), "timezone": "America/New_York",
        "opens_at": datetime(2026, 11, 27, 14, 30, tzinfo=UTC), "closes_at": datetime(2026, 11, 27, 18, tzinfo=UTC),
        "opens_local": datetime(2026, 11, 27, 9, 30), "closes_local": datetime(2026, 11, 27, 13),  # noqa: DTZ001
        "break_starts_at": None, "break_ends_local": None, "venue_id": Venue(mic="XNYS").id, "run_id": reports[0].run_id,
    }  # fmt: skip
    assert {name: short[name] for name in shown} == shown
    lunch = only(ask("SELECT break_starts_local, break_ends_local FROM sessions WHERE break_starts_at IS NOT NULL"))
    assert [f"{moment}" for moment in lunch.values()] == ["2026-12-28 12:00:00", "2026-12-28 13:00:00"]
    evening = ask("SELECT opens_local, closes_local FROM sessions WHERE mic = 'XCME' ORDER BY day")[0]
    assert [f"{moment}" for moment in evening.values()] == ["2026-11-22 17:00:00", "2026-11-23 17:00:00"]
    found = ask("SELECT mic, venue_name, day, venue_id, run_id FROM holidays ORDER BY mic")
    assert [(r["mic"], r["day"], r["run_id"]) for r in found] == [
        ("XHKG", date(2026, 12, 25), reports[1].run_id),
        ("XNYS", date(2026, 11, 26), reports[0].run_id),
    ]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM sessions WHERE mic = 'XNYS' AND day = '2026-11-25'",
        "SELECT * FROM holidays WHERE mic = 'XNYS' AND day > '2026-11-25'",
        "SELECT * FROM instruments WHERE uuid = 'bab9c8dc24815bbdcc4a47f18643879f'",
        "SELECT * FROM instruments WHERE symbol = 'AAPL'",
        "SELECT * FROM instruments WHERE isin = 'US0378331005'",
        "SELECT * FROM instruments WHERE cusip = '037833100'",
        "SELECT * FROM instruments WHERE figi = 'BBG000B9Y5X2'",
        "SELECT * FROM tokens WHERE symbol = 'USDC'",
        "SELECT * FROM derivatives WHERE symbol = 'ESZ6'",
        "SELECT * FROM cross_listings WHERE isin = 'US0378331005'",
        "SELECT * FROM listings WHERE instrument_uuid = 'bab9c8dc24815bbdcc4a47f18643879f'",
        "SELECT * FROM listings WHERE symbol = 'AAPL'",
        "SELECT * FROM exchange_pairs WHERE symbol = 'BTCUSDT'",
        "SELECT * FROM pools WHERE uuid = 'bab9c8dc24815bbdcc4a47f18643879f'",
        "SELECT * FROM changes WHERE sequence > 10 ORDER BY sequence LIMIT 10",
    ],
)
def test_look_ups_use_indexes(database_url: str, query: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("SET search_path = reporting")
        connection.execute(
            "SET enable_seqscan = off"
        )  # tables are empty here: whether it can do without is the question
        plan = "\n".join(line for (line,) in connection.execute(b"EXPLAIN " + query.encode()))
    small = "venues|blockchains"
    assert [line for line in re.findall(r"Seq Scan on (\w+)", plan) if line not in small.split("|")] == [], plan


def test_columns_that_nobody_asks_for_cost_nothing(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        plan = "\n".join(
            line for (line,) in connection.execute("EXPLAIN SELECT symbol, expiry_date FROM reporting.derivatives")
        )
    assert set(re.findall(r" on (\w+)", plan)) == {"futures", "options", "instruments"}, plan


def test_a_search_path_does_not_change_a_view(database_url: str) -> None:
    """What a view reads is settled when it is made: a name in the reader's own path cannot slip in between."""
    with psycopg.connect(database_url) as connection:
        connection.execute("SET search_path = reporting")
        for name in NAMES:
            connection.execute(SQL("SELECT count(*) FROM {}").format(Identifier(name)))


def test_the_page_names_every_view_and_its_queries_run(ask: Ask, catalog: Catalog) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in NAMES if f"| `{name}` |" not in page] == []
    queries = re.findall(r"^```sql\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(queries) >= 5
    answers = [ask(query) for query in queries]
    assert [tuple(row.values()) for row in answers[0]] == [
        ("0R2V", "XLON", "0R2V", "USD", True),
        ("AAPL", "XNAS", "AAPL", "USD", True),
        ("AAPL", "ARCX", "AAPL", "USD", False),
        ("APC", "XETR", "APC", "EUR", True),
    ]
    assert {
        "blockchain_name": "Ethereum",
        "symbol": "GTC",
        "tokens": 2,
        "names": ["Game.com Token", "Gitcoin"],
    } in answers[1]
    assert {"binance", "kraken"} <= {row["venue_name"].lower() for row in answers[2]}
    assert [(row["venue_name"], row["symbol"]) for row in answers[3]] == [("Kraken", "XXBTZUSD")]
    assert OPTION.symbol in [row["symbol"] for row in answers[4]]
    assert [row["source"] for row in answers[5]] == ["jsonl"]
    assert {ONE.id, PAIR.id, EVENT.id} <= {row["subject"] for row in answers[6]}
    kept(catalog, NEW_YORK)
    assert [(row["day"].day, f"{row['closes_local']:%H:%M}", row["is_short"]) for row in ask(queries[7])] == [
        (25, "16:00", False),
        (27, "13:00", True),
        (30, "16:00", False),
    ]
    assert ask(queries[8]) == [{"day": date(2026, 11, 26), "closed": "XNYS"}]
