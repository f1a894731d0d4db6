"""The doctor: content with a catalog in which much has happened, and finding each state that was broken on purpose."""

from __future__ import annotations

import itertools
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from pytest_postgresql.executors import NoopExecutor
from sqlalchemy import event

from catalog import Catalog
from catalog.database.engine import make_engine
from catalog.domain import Asset, BrokerContract, Listing, Option, Pool, Record, Stock, Synthetic, Token, Venue
from catalog.domain.pools import PoolToken
from catalog.errors import DatabaseUnavailable, InvalidRecord
from catalog.repositories.doctor.rows import part_of
from catalog.services.doctor import CHECKS, Finding, Limits, Report, Scope, examination, examine, intake, registry
from catalog.services.doctor.examination import Check, Examination
from catalog.services.nightly import Plan
from tests.cli.test_app import all_commands
from tests.conftest import Server
from tests.make import make
from tests.services.test_lifecycle import says, supersedes
from tests.states import state

SAMPLE = Path(__file__).parents[2] / "catalog" / "sample.jsonl"
DOCUMENT = Path(__file__).parents[2] / "docs" / "doctor.md"
ONE, TWO = ("finance-database", "one"), ("finance-database", "two")
LIST, OTHER_LIST = ("token-list", "one"), ("token-list", "two")
DESK = ("jsonl", "desk")


def line(isin: str, ticker: str, **fields: Any) -> Stock:
    return make(Stock, mic="XLON", isin=isin, ticker=ticker, currency="GBP", **fields)


def token(number: int, **fields: Any) -> Token:
    return make(Token, blockchain="eip155:1", address=f"0x{number:040x}", **({"decimals": 18} | fields))


RENAMED, RENAMED_LATER = line("GB0002374006", "OLD", name="Old"), line("GB0002374006", "NEW", name="New")
SPLIT, AFTER_SPLIT = line("GB0007980591", "SPL"), line("GB00BP6MXD84", "SPL")
RIVAL, OTHER_RIVAL = line("GB0005405286", "BOTH"), line("GB00B10RZP78", "BOTH")
KNOWN, UNKNOWN = token(1, symbol="ONE"), token(2)
WAITS = Pool(
    blockchain="eip155:1", address="0x" + "b0" * 20,
    tokens=(PoolToken(instrument_id=KNOWN.id), PoolToken(instrument_id=UNKNOWN.id)),
)  # fmt: skip
POOL = Pool(
    blockchain="eip155:1", address="0x" + "b1" * 20,
    tokens=(PoolToken(instrument_id=KNOWN.id), PoolToken(instrument_id=token(3).id)),
)  # fmt: skip
RETIRED = Asset(exchange="binance", symbol="GONE")
BROKER = BrokerContract(broker="alpaca", symbol="SPL", instrument_id=SPLIT.id)
ELSEWHERE = Listing(instrument_id=SPLIT.id, venue_id=Venue(mic="XETR").id, symbol="SPLD")
TWICE = make(Synthetic, name="Twice", formula="A * 2", components=[{"variable": "A", "instrument_id": SPLIT.id}])
CALL = make(
    Option, osi_root="SPL", expiry_date="2099-01-15", option_kind="call", strike_price="10", underlying_id=SPLIT.id
)  # fmt: skip


def live(catalog: Catalog, folder: Path) -> None:
    """Imports, renames, disputes, a succession, an alias, a retirement, something that waits, a published snapshot."""
    catalog.import_file("jsonl", str(SAMPLE), observed_at=datetime(2026, 11, 1, tzinfo=UTC))
    for step in (
        says(ONE, "2024-01-01T00:00:00Z", RENAMED, SPLIT, RIVAL),
        says(
            TWO,
            "2024-02-01T00:00:00Z",
            RENAMED_LATER,
            OTHER_RIVAL,
            make(Stock, mic="XLON", ticker="SPL", currency="GBP"),
        ),
        says(LIST, "2024-01-01T00:00:00Z", KNOWN, token(3), token(4, decimals=6)),
        says(OTHER_LIST, "2024-01-02T00:00:00Z", KNOWN, token(4, decimals=8)),
        says(DESK, "2024-01-03T00:00:00Z", POOL, BROKER, ELSEWHERE, TWICE, CALL),
        says(ONE, "2024-03-01T00:00:00Z", AFTER_SPLIT, RENAMED.replace(ticker="NEW", name="Newest")),
        supersedes(SPLIT, AFTER_SPLIT, "isin_change"),
    ):
        step(catalog)
    catalog.register(RETIRED)
    catalog.instruments.retire(RETIRED.id)
    path = folder / "waits.jsonl"
    path.write_text(WAITS.canonical_json())
    assert catalog.import_file("jsonl", str(path), observed_at=datetime(2024, 1, 1, tzinfo=UTC)).waiting == 1
    assert catalog.nightly(Plan(folder / "published")).state == "published"


@pytest.fixture(scope="module")
def lived(
    database_server: Server, migrated_server: NoopExecutor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of a database with such a catalog, to be cloned."""
    with database_server.database(migrated_server.template_dbname) as url:
        with Catalog.open(url, actor="tester") as catalog:
            live(catalog, tmp_path_factory.mktemp("doctor"))
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture
def url(database_server: Server, lived: str) -> Iterator[str]:
    with database_server.database(lived) as clone:
        yield clone


def look(url: str, *only: str, scope: Scope | None = None) -> Report:
    engine = make_engine(url)
    try:
        return examine(engine, scope or Scope(), only or None)
    finally:
        engine.dispose()


def run(url: str, statements: Iterable[str]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def found(report: Report) -> dict[str, list[Finding]]:
    return {result.name: list(result.findings) for result in report.results if result.state != "ok"}


# -- sound -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_full", [False, True])
def test_a_sound_catalog(url: str, is_full: bool) -> None:
    with Catalog.open(url) as catalog:
        before, sequence = state(catalog), catalog.stats()["last_sequence"]
        report = examine(catalog.engine, Scope(is_full=is_full))
        assert [(r.name, r.state, r.findings, r.reason) for r in report.results] == [
            (check.name, "ok", [], None) for check in CHECKS
        ]
        assert report.is_content
        assert (state(catalog), catalog.stats()["last_sequence"]) == (before, sequence)


def test_an_empty_catalog(database_url: str) -> None:
    assert found(look(database_url)) == {}


def test_small_samples_begin_anywhere(url: str) -> None:
    for _ in range(5):
        assert found(look(url, "ids", "records", "derivation", "orphans", "payloads", scope=Scope(sample=3))) == {}


def test_a_catalog_of_128_bits(url: str) -> None:
    with Catalog.open(url) as catalog:
        catalog.widen_ids()
    assert found(look(url)) == {}


def test_two_runs_released_at_once_leave_one_former_state(catalog: Catalog, tmp_path: Path) -> None:
    numbers = itertools.count()

    def put(feed: str, *records: Record) -> None:
        path = tmp_path / f"{next(numbers)}.jsonl"
        path.write_text("\n".join(r.canonical_json() for r in records))
        catalog.import_file("jsonl", str(path), feed=feed, observed_at=datetime(2026, 1, next(numbers) + 1, tzinfo=UTC))

    contract = {"broker": "alpaca", "symbol": "X"}
    put("one", make(BrokerContract, **contract, name="First"))
    put("two", make(BrokerContract, **contract, name="Second", instrument_id=UNKNOWN.id))
    put("three", make(BrokerContract, **contract, name="Third", instrument_id=UNKNOWN.id))
    put("one", UNKNOWN)
    report = examine(catalog.engine, Scope())
    assert found(report) == {}
    with catalog.transaction() as cursor:
        cursor.execute("SELECT image ->> 'name' FROM history")
        assert cursor.fetchall() == [("First",)]


# -- broken ------------------------------------------------------------------------------------------------------------

REPLICA = "SET session_replication_role = replica"
LAST = "(SELECT max(sequence) FROM changes)"
TOKEN = f"'{KNOWN.id}'"


@dataclass(frozen=True)
class Broken:
    """How something is broken, which check says what of it, and whether the SQL that it names mends it."""

    check: str
    says: str
    statements: tuple[str, ...]
    is_mended: bool = False
    is_advice: bool = False


def broken(check: str, says: str, *statements: str, **more: Any) -> Broken:
    return Broken(check, says, statements, **more)


UNCHECKED = "ALTER TABLE instruments DROP CONSTRAINT ck_instruments__name_text"
RECHECKED = (
    "ALTER TABLE instruments ADD CONSTRAINT ck_instruments__name_text CHECK "
    "(octet_length(name) BETWEEN 1 AND 65535 AND name IS NFC NORMALIZED) NOT VALID"
)
BROKEN = {
    "schema behind": broken(
        "schema", "the schema is behind", "DELETE FROM alembic_version"
    ),
    "schema ahead": broken("schema", "the schema is ahead", "UPDATE alembic_version SET version_num = 'future'"),
    "a column more": broken("schema", "a column is not the catalog's", "ALTER TABLE tokens ADD COLUMN extra text"),
    "a column less": broken(
        "schema", "a column is missing", "ALTER TABLE import_runs DROP COLUMN argument",
    ),
    "another comment": broken(
        "schema", "a comment differs", "COMMENT ON TABLE tokens IS 'Things'", "COMMENT ON SCHEMA reporting IS 'It''s'",
        "COMMENT ON COLUMN tokens.symbol IS NULL", is_mended=True,
    ),
    "a view less": broken("schema", "a view is missing", "DROP VIEW reporting.currencies"),
    "a function that lets all pass": broken(
        "schema", "a function differs",
        "CREATE OR REPLACE FUNCTION is_key_list(list text[]) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN true",
    ),
    "a constraint less": broken(
        "constraints", "a constraint is missing", "ALTER TABLE pools DROP CONSTRAINT ck_pools__fee_is_a_fraction",
        is_mended=True,
    ),
    "a constraint more": broken(
        "constraints", "a constraint is not the catalog's", "ALTER TABLE pools ADD CONSTRAINT mine CHECK (true)", is_mended=True
    ),
    "a constraint that is not valid": broken(
        "constraints", "a constraint differs", UNCHECKED, RECHECKED, is_mended=True
    ),
    "a constraint that says something else": broken(
        "constraints", "a constraint differs", UNCHECKED,
        "ALTER TABLE instruments ADD CONSTRAINT ck_instruments__name_text CHECK (octet_length(name) > 0)", is_mended=True,
    ),
    "an index less": broken("indexes", "an index is missing", "DROP INDEX ix_instruments__record_id", is_mended=True),
    "an index more": broken(
        "indexes", "an index is not the catalog's", "CREATE INDEX mine ON instruments (name)", is_mended=True
    ),
    "triggers behind foreign keys switched off": broken(
        "triggers", "triggers are switched off", "ALTER TABLE listings DISABLE TRIGGER ALL", is_mended=True
    ),
    "a trigger less": broken("triggers", "a trigger is missing", "DROP TRIGGER refuse_cycles ON successions", is_mended=True),
    "sessions that pass by triggers": broken(
        "triggers", "pass by triggers", "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET session_replication_role = replica', "
        "current_database()); END $$",
    ),
    "numbers that are taken": broken(
        "numbering", "the next number of import_runs.run_id is taken", "SELECT setval('import_runs_run_id_seq', 1)",
        is_mended=True,
    ),
    "numbers that run out": broken(
        "numbering", "the numbers of feeds.feed_id are nearly used up", "SELECT setval('feeds_feed_id_seq', 2147483000)"
    ),
    "numbers half used up": broken(
        "numbering", "the numbers of feeds.feed_id are nearly used up", "SELECT setval('feeds_feed_id_seq', 1147483000)",
        is_advice=True,
    ),
    "another wire code": broken(
        "vocabulary", "token_standards has other codes", "UPDATE token_standards SET code = 99 WHERE code = 1", is_mended=True
    ),
    "another identity behind an id": broken(
        "ids", "not what their identities hash to",
        f"UPDATE identities SET identity = identity || '\\x0100000041' WHERE id = {TOKEN}",
    ),
    "another identity behind a venue's id": broken(
        "ids", "not what their identities hash to", "UPDATE identities SET identity = '\\xff' WHERE kind = 3",
    ),
    "another short form": broken(
        "ids", "the 64-bit form is not the beginning", f"UPDATE identities SET id64 = id64 + 1 WHERE id = {TOKEN}"
    ),
    "another number of an event type": broken(
        "ids", "numbers of event types", "UPDATE event_types SET number = 1 WHERE id = (SELECT min(id::text)::uuid FROM event_types)"
    ),
    "a listing under another key": broken(
        "ids", "rows of listings are not keyed", REPLICA, "UPDATE listings SET symbol = 'OTHER' WHERE symbol = 'SPLD'",
    ),
    "a collision": broken(
        "id-width", "records were refused because their ids are taken",
        f"""INSERT INTO id_collisions (kind, id, existing_identity, refused_identity, id_bits, actor)
        VALUES (1, {TOKEN}, '\\x00', '\\x01', 64, 'tester')""",
    ),
    "a blockchain read with narrow ids": broken(
        "id-width", "blockchains are read", "UPDATE sources SET authority = 'chain' WHERE source = 'jsonl'", is_advice=True
    ),
    "a record that cannot be": broken(
        "records", "records are not valid", "UPDATE equities SET currency = 'QQQ' WHERE ticker = 'NEW'"
    ),
    "a record with another identity": broken(
        "records", "the fields of another identity", f"UPDATE tokens SET address = '0x{9:040x}' WHERE id = {TOKEN}"
    ),
    "a value that nobody said": broken(
        "derivation", "not what follows from what feeds said", f"UPDATE tokens SET symbol = 'NOBODY' WHERE id = {TOKEN}"
    ),
    "a dispute that vanished": broken(
        "derivation", "disputes are open that should not be", "DELETE FROM disputes WHERE rule = 'breaking_conflict'"
    ),
    "a dispute that is no more": broken(
        "derivation", "disputes are open that should not be",
        f"""INSERT INTO disputes (dispute_key, rule, kind, subject_id, sides)
        VALUES ('x', 'breaking_conflict', 1, {TOKEN}, '[]')""",
    ),
    "an id without its record": broken(
        "orphans", "ids without a record", REPLICA, f"DELETE FROM tokens WHERE id = {TOKEN}",
        f"DELETE FROM instruments WHERE id = {TOKEN}",
    ),
    "a record without its id": broken(
        "orphans", "records without their id", REPLICA, f"DELETE FROM identities WHERE id = {TOKEN}"
    ),
    "an instrument of no type": broken(
        "orphans", "instruments without the row of their type", REPLICA, f"DELETE FROM tokens WHERE id = {TOKEN}"
    ),
    "an instrument of another type": broken(
        "orphans", "instruments without the row of their type", f"UPDATE instruments SET record = 'asset' WHERE id = {TOKEN}"
    ),
    "an observation of nothing": broken(
        "orphans", "observations of records that are not there",
        f"UPDATE observations SET subject_id = gen_random_uuid() WHERE stated_id = {TOKEN}",
    ),
    "an observation of another": broken(
        "orphans", "observations that count for another record",
        f"UPDATE observations SET subject_id = '{token(3).id}' WHERE stated_id = {TOKEN}",
    ),
    "a record that nobody speaks of": broken(
        "orphans", "records of which no feed says anything", f"DELETE FROM observations WHERE stated_id = {TOKEN}"
    ),
    "a record without a change": broken(
        "orphans", "records of which the change log tells nothing", f"UPDATE changes SET record_id = '{token(3).id}' WHERE record_id = {TOKEN}"
    ),
    "an alias of nobody": broken(
        "orphans", "aliases that stand for nobody", "DELETE FROM disputes WHERE rule = 'ticker_conflict'"
    ),
    "a claim on nothing": broken(
        "orphans", "claims on what is no alias", REPLICA, "UPDATE alias_claims SET alias_id = gen_random_uuid() WHERE ticker = 'NEW'"
    ),
    "a pool of one token": broken(
        "orphans", "lists that are too short", f"DELETE FROM pool_tokens WHERE id = '{POOL.id}' AND position = 1"
    ),
    "a list with a hole": broken(
        "orphans", "lists that are too short", f"UPDATE pool_tokens SET position = 5 WHERE id = '{POOL.id}' AND position = 1"
    ),
    "a listing of no venue": broken(
        "references", "rows name what is not there", REPLICA, "UPDATE listings SET venue_id = gen_random_uuid() WHERE symbol = 'SPLD'"
    ),
    "a pool of a token that is not there": broken(
        "references", "rows name what is not there", REPLICA,
        f"UPDATE pool_tokens SET instrument_id = gen_random_uuid() WHERE id = '{POOL.id}' AND position = 1",
    ),
    "text that is not normal": broken(
        "text", "not in normal form C", UNCHECKED, f"UPDATE instruments SET name = 'Cafe\u0301' WHERE id = {TOKEN}", RECHECKED
    ),
    "a statement that is not normal": broken(
        "text", "not in normal form C",
        f"""UPDATE observations SET statement = statement || '{{"name": "Cafe\u0301"}}' WHERE stated_id = {TOKEN}""",
    ),
    "a change less": broken("changes", "the change log has gaps", "DELETE FROM changes WHERE sequence IN (7, 8, 11)"),
    "the first change less": broken("changes", "has lost its beginning", "DELETE FROM changes WHERE sequence = 1"),
    "the counter behind": broken(
        "changes", "the counter of the change log is not at its last change",
        "UPDATE change_counter SET last_sequence = last_sequence - 2", is_mended=True,
    ),
    "the last changes less": broken(
        "changes", "the counter of the change log is not at its last change", f"DELETE FROM changes WHERE sequence = {LAST}"
    ),
    "no counter": broken("changes", "the counter of the change log is gone", "DELETE FROM change_counter", is_mended=True),
    "changes out of order": broken(
        "changes", "dated before the one that precedes them",
        f"UPDATE changes SET changed_at = changed_at - interval '1 day' WHERE sequence = {LAST} - 3",
    ),
    "the counter's time": broken(
        "changes", "the time of the counter", "UPDATE change_counter SET last_changed_at = now() - interval '1 year'", is_mended=True
    ),
    "a catalog that was set back": broken(
        "changes", "it was set back", "UPDATE snapshots SET as_of_sequence = 1000000"
    ),
    "two states at one time": broken(
        "history", "former states overlap",
        """INSERT INTO history SELECT kind, record_id, until_sequence - 1, from_sequence, valid_from,
        valid_to - interval '1 microsecond', image FROM history LIMIT 1""",
    ),
    "a state that ends before it begins": broken(
        "history", "end before they begin", "ALTER TABLE history DROP CONSTRAINT ck_history__valid_for_a_time",
        "UPDATE history SET valid_to = valid_from",
        "ALTER TABLE history ADD CONSTRAINT ck_history__valid_for_a_time CHECK (valid_from < valid_to) NOT VALID",
    ),
    "a hole between states": broken(
        "history", "holes between former states",
        """UPDATE history h SET valid_from = valid_from + interval '1 microsecond' WHERE EXISTS (
        SELECT FROM history p WHERE p.record_id = h.record_id AND p.until_sequence < h.until_sequence)""",
    ),
    "a state between no changes": broken(
        "history", "do not begin and end with changes", "UPDATE history SET valid_to = valid_to + interval '1 second'"
    ),
    "a state less": broken("history", "changes left no former state behind", "DELETE FROM history"),
    "a damaged payload": broken(
        "payloads", "cannot be decompressed", "UPDATE payload_chunks SET data = '\\x00112233'"
    ),
    "a payload with other bytes": broken(
        "payloads", "stored payloads are damaged",
        """UPDATE payload_chunks SET data = (SELECT data FROM payload_chunks ORDER BY payload_hash LIMIT 1)
        WHERE payload_hash = (SELECT payload_hash FROM payload_chunks ORDER BY payload_hash DESC LIMIT 1)""",
    ),
    "a payload without its bytes": broken("payloads", "0 bytes, and", "DELETE FROM payload_chunks"),
    "a payload without its first piece": broken("payloads", "piece 0 is missing", "UPDATE payload_chunks SET number = 1"),
    "a pruned payload with bytes": broken("payloads", "given up still have bytes", "UPDATE payloads SET pruned_at = now()"),
    "a run whose program is gone": broken(
        "runs", "whoever ran them is gone",
        "UPDATE import_runs SET state = 'running', finished_at = NULL, started_at = now() - interval '3 hours'", is_mended=True,
    ),
    "what waits for what is there": broken(
        "waiting", "records wait for what is there", f"UPDATE waiting SET needs_id = {TOKEN}",
    ),
    "an unknown kind of voice": broken(
        "precedence", "sources are of an unknown kind", "UPDATE sources SET authority = 'rumour' WHERE source = 'jsonl'"
    ),
    "a voice like the operator's": broken(
        "precedence", "weigh as much as the operator", "UPDATE sources SET precedence = 10 WHERE source = 'jsonl'"
    ),
    "precedence for no field": broken(
        "precedence", "fields that no record has", "INSERT INTO field_precedence VALUES ('jsonl', 'token', 'colour', 20)"
    ),
    "a nightly run that failed": broken(
        "nightly", "the last nightly run failed",
        "INSERT INTO nightly_runs (directory, actor, state, finished_at, reason) VALUES ('d', 'me', 'failed', now(), 'disk full')",
    ),
    "a nightly run that was held": broken(
        "nightly", "the last nightly run was held",
        "INSERT INTO nightly_runs (directory, actor, state, finished_at) VALUES ('d', 'me', 'held', now())",
    ),
    "a nightly run that was killed": broken(
        "nightly", "never said how it ended",
        "INSERT INTO nightly_runs (directory, actor, started_at) VALUES ('d', 'me', now() - interval '2 days')",
    ),
    "a nightly run of long ago": broken(
        "nightly", "no nightly run has ended well for long",
        "UPDATE nightly_runs SET started_at = started_at - interval '5 days', finished_at = finished_at - interval '5 days'",
    ),
    "a change of tomorrow": broken(
        "clock", "the last change is dated ahead", "UPDATE change_counter SET last_changed_at = now() + interval '1 day'"
    ),
    "a payload of tomorrow": broken(
        "clock", "speak for a time that lies ahead", "UPDATE import_runs SET observed_at = now() + interval '1 year'", is_advice=True
    ),
}  # fmt: skip


COMMANDS = {" ".join(words) for words in all_commands()}


def assert_commands(text: str) -> None:
    """What stands in backticks and begins with `catalog` are commands that there are."""
    for command in re.findall(r"`catalog ([^`…]+)`", text):
        words = [word for word in command.split() if not word.startswith("-")]
        assert any(" ".join(words[:n]) in COMMANDS for n in (1, 2)), command


@pytest.mark.parametrize("name", BROKEN)
def test_it_finds(name: str, url: str) -> None:
    case = BROKEN[name]
    run(url, case.statements)
    report = look(url)
    results = {result.name: result for result in report.results}
    result = results[case.check]
    assert result.state == ("advice" if case.is_advice else "finding"), found(report)
    told = [f for f in result.findings if case.says in f.what or any(case.says in e for e in f.examples)]
    assert told, result.findings
    for finding in (f for r in report.results for f in r.findings):
        assert finding.mend
        assert finding.count >= len(finding.examples) > 0 or finding.count == 1
        assert_commands(finding.mend)
    assert report.is_content == case.is_advice
    assert not [r for r in report.results if r.state == "error"], found(report)
    if case.is_mended:
        for finding in result.findings:
            run(url, [re.sub(r"; (publish nothing|then `|`catalog).*", "", finding.mend, flags=re.DOTALL)])
        assert found(look(url, case.check)) == {}


def test_it_finds_at_least_fifteen() -> None:
    assert len(BROKEN) >= 15
    assert {case.check for case in BROKEN.values()} >= {c.name for c in CHECKS} - {
        "connection", "due", "extensions", "collation", "locks", "transactions", "vacuum",
    }  # fmt: skip


def one(report: Report, check: str) -> Finding:
    """The only finding of a check."""
    (finding,) = found(report)[check]
    return finding


def test_it_finds_what_a_failed_concurrent_index_leaves(url: str) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        run(url, ["CREATE UNIQUE INDEX CONCURRENTLY mine ON instruments (record)"])
    finding = one(look(url, "indexes"), "indexes")
    assert "indexes are invalid" in finding.what
    assert finding.mend == "DROP INDEX CONCURRENTLY mine"
    run(url, [finding.mend])
    assert found(look(url, "indexes")) == {}


def test_an_invalid_index_of_ours_is_made_anew(url: str) -> None:
    run(url, ["UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_instruments__record_id'::regclass"])
    finding = one(look(url, "indexes"), "indexes")
    assert finding.mend == "REINDEX INDEX CONCURRENTLY ix_instruments__record_id"
    run(url, [finding.mend])
    assert found(look(url, "indexes")) == {}


def test_it_finds_an_extension_that_is_needed(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        available = connection.execute("SELECT name FROM pg_available_extensions WHERE name IN ('citext', 'vector')")
        (name, *_) = (name for (name,) in available)
        connection.execute(f"CREATE EXTENSION {name}")
        assert found(look(url, "extensions")) == {}
        connection.execute(f"ALTER TABLE tokens ADD COLUMN extra {name}")
    finding = one(look(url, "extensions"), "extensions")
    assert name in finding.examples[0]
    assert "tokens" in finding.examples[0]


def test_it_finds_a_clock_that_is_wrong(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for minutes in (-3, 3):
        monkeypatch.setattr(examination, "now", lambda m=minutes: datetime.now(UTC) + timedelta(minutes=m))
        assert "clocks" in one(look(url, "clock"), "clock").what


def test_it_finds_who_holds_a_lock(url: str) -> None:
    limits = Scope(limits=Limits(lock_seconds=0, idle_seconds=0.1))
    with psycopg.connect(url) as holder, ThreadPoolExecutor() as threads:
        holder.execute("LOCK TABLE disputes IN ACCESS EXCLUSIVE MODE")
        pid = holder.info.backend_pid
        assert found(look(url, "locks", scope=limits)) == {}
        waiter = threads.submit(run, url, ["SELECT count(*) FROM disputes"])
        report = look(url, "locks", "transactions", scope=limits)
        for _ in range(100):
            if "locks" in found(report) and "transactions" in found(report):
                break
            time.sleep(0.05)
            report = look(url, "locks", "transactions", scope=limits)
        finding = one(report, "locks")
        assert finding.mend == f"SELECT pg_terminate_backend({pid})"
        assert "disputes" in finding.examples[0]
        finding = one(report, "transactions")
        assert f"pid {pid}" in finding.examples[0]
        assert "idle in transaction" in finding.examples[0]
        assert found(look(url, "locks", "transactions")) == {}
        holder.rollback()
        waiter.result()


def test_a_check_that_waits_for_a_lock_is_an_error_and_the_others_go_on(url: str) -> None:
    with psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE history IN ACCESS EXCLUSIVE MODE")
        results = {result.name: result for result in look(url, scope=Scope(timeout_seconds=1)).results}
    assert results["history"].state == "error"
    assert results["history"].reason == "it was not done in 1 seconds"
    assert results["nightly"].state == "ok"


def test_it_finds_dead_rows(url: str) -> None:
    run(
        url,
        [
            "ALTER TABLE import_rejects SET (autovacuum_enabled = false)",
            """INSERT INTO import_rejects SELECT 1, n, '', 'token', 'x', 'x', '' FROM generate_series(1, 30000) n""",
            "DELETE FROM import_rejects WHERE number > 100",
            "SELECT pg_stat_force_next_flush()",
        ],
    )
    finding = found(look(url, "vacuum"))["vacuum"][0]
    assert (finding.what, finding.is_advice) == ("tables have more dead rows than live ones", False)
    run(url, [finding.mend, "SELECT pg_stat_force_next_flush()"])
    assert found(look(url, "vacuum")) == {}


def test_a_run_that_is_at_work_is_left_alone_for_a_day(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = Scope(limits=Limits(run_hours=0))
    with psycopg.connect(url, application_name="instrument-catalog") as worker:
        worker.execute("SELECT 1")
        run(url, ["UPDATE import_runs SET state = 'running', finished_at = NULL, started_at = clock_timestamp()"])
        assert found(look(url, "runs", scope=scope)) == {}
        monkeypatch.setattr(intake, "LONG_RUN_HOURS", 0)
        assert "import runs take more than" in one(look(url, "runs", scope=scope), "runs").what
    assert "is gone" in one(look(url, "runs", scope=scope), "runs").what


def test_it_says_what_is_over(url: str) -> None:
    with Catalog.open(url) as catalog:
        says(
            DESK,
            "2024-01-01T00:00:00Z",
            make(Asset, exchange="binance", symbol="OVER", delist_at="2024-02-01T00:00:00Z"),
        )(catalog)
        assert one(look(url), "due").is_advice
        catalog.apply_due()
    assert found(look(url)) == {}


def test_the_mending_commands_mend(url: str) -> None:
    run(
        url,
        [
            f"UPDATE tokens SET symbol = 'NOBODY' WHERE id = {TOKEN}",
            REPLICA,
            f"DELETE FROM tokens WHERE id = '{token(4).id}'",
            f"DELETE FROM instruments WHERE id = '{token(4).id}'",
            f"UPDATE waiting SET needs_id = {TOKEN}",
        ],
    )
    report = look(url)
    assert found(report).keys() == {"derivation", "orphans", "waiting"}
    mend = found(report)["derivation"][0].mend
    told = re.match(r"`catalog precedence set (\S+) (\d+)`", mend)
    assert told, mend
    with Catalog.open(url) as catalog:
        assert catalog.set_precedence(told[1], int(told[2])) == 2
        catalog.release_waiting()
    assert found(look(url)) == {}


# -- how it behaves ----------------------------------------------------------------------------------------------------


def test_a_database_without_a_schema(empty_database_url: str) -> None:
    report = look(empty_database_url)
    assert one(report, "schema").mend == "run `catalog db upgrade`"
    assert {r.name for r in report.results if r.state == "skipped"} == {c.name for c in CHECKS if c.needs_schema}
    assert not [r for r in report.results if r.state == "error"]


def test_no_database() -> None:
    with pytest.raises(DatabaseUnavailable):
        look("postgresql://nobody@127.0.0.1:1/nothing")


def test_an_unknown_check(url: str) -> None:
    with pytest.raises(InvalidRecord, match="`fortune`: one of connection, extensions"):
        look(url, "ids", "fortune")


def failing(exam: Examination) -> Iterator[Finding]:
    exam.cursor.execute("SELECT 1 / 0")
    yield from ()


def slow(exam: Examination) -> Iterator[Finding]:
    exam.cursor.execute("SELECT pg_sleep(60)")
    yield from ()


def raising(exam: Examination) -> Iterator[Finding]:
    raise KeyError("what")


def dying(exam: Examination) -> Iterator[Finding]:
    exam.cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    yield from ()


def writing(exam: Examination) -> Iterator[Finding]:
    exam.cursor.execute("DELETE FROM disputes")
    yield from ()


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (failing, "DivisionByZero: division by zero"),
        (slow, "it was not done in 0.2 seconds"),
        (raising, "KeyError: 'what'"),
    ],
)
def test_a_check_that_fails_is_a_finding_and_the_others_go_on(
    url: str, check: Callable[[Examination], Iterator[Finding]], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "CHECKS", (Check("bad", "", check), CHECKS[-1]))
    report = look(url, scope=Scope(timeout_seconds=0.2))
    assert [(r.name, r.state, r.reason) for r in report.results] == [
        ("bad", "error", reason),
        ("transactions", "ok", None),
    ]
    assert not report.is_content


def test_no_check_can_write(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "CHECKS", (Check("bad", "", writing),))
    (result,) = look(url).results
    assert (result.state, list(result.findings)) == ("error", [])
    assert (result.reason or "").startswith("ReadOnlySqlTransaction: cannot execute DELETE")


def test_a_lost_connection_is_an_error_and_the_others_go_on(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "CHECKS", (Check("bad", "", dying), CHECKS[-1]))
    report = look(url)
    assert [(r.name, r.state) for r in report.results] == [("bad", "error"), ("transactions", "ok")]


def test_a_server_that_stops_ends_the_examination(
    database_server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = urlsplit(url).path.removeprefix("/")

    def closing(exam: Examination) -> Iterator[Finding]:
        run(database_server.url_of("postgres"), [f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"])
        yield from dying(exam)

    monkeypatch.setattr(registry, "CHECKS", (Check("bad", "", closing), CHECKS[-1]))
    with pytest.raises(DatabaseUnavailable):
        look(url)


def take_role(connection: Any, name: str) -> None:
    connection.execute(f"SET ROLE {name}")
    connection.commit()


def test_a_role_that_may_only_read(database_server: Server, url: str) -> None:
    name = f"doctor_{secrets.token_hex(4)}"
    run(
        url, [f"CREATE ROLE {name}", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}", f"GRANT {name} TO CURRENT_USER"]
    )  # fmt: skip
    try:
        engine = make_engine(url)
        event.listen(engine, "connect", lambda connection, _: take_role(connection, name))
        report = examine(engine, Scope())
        assert {r.name: r.state for r in report.results if r.state != "ok"} == {
            "derivation": "skipped",
            "transactions": "advice",
        }
        assert report.is_content
        run(url, [f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {name}"])
        with pytest.raises(DatabaseUnavailable, match="may not read"):
            examine(engine, Scope())
        engine.dispose()
    finally:
        run(url, [f"DROP OWNED BY {name}", f"DROP ROLE {name}"])


def test_nothing_false_is_said_while_others_write(url: str, tmp_path: Path) -> None:
    done = threading.Event()

    def write(writer: int) -> None:
        with Catalog.open(url, actor=f"writer {writer}") as catalog:
            for n in itertools.count():
                if done.is_set():
                    return
                made, listed = token(100 + n % 7, symbol=f"S{n}"), line("GB00BH4HKS39", f"T{n % 5}")
                says((*DESK[:1], f"writer {writer}"), f"2025-01-01T00:00:00.{n:06}Z", made, listed)(catalog)
                asset = Asset(exchange="kraken", symbol=f"W{writer}N{n % 50}", name=f"{n}")
                catalog.register(asset)
                if n % 3 == 0:
                    catalog.instruments.retire(asset.id)
                path = tmp_path / f"{writer}.jsonl"
                path.write_text(asset.replace(name=f"import {n}").canonical_json())
                catalog.import_file("jsonl", str(path), feed=f"file {writer}")

    with ThreadPoolExecutor() as threads:
        writers = [threads.submit(write, number) for number in range(2)]
        reports = [look(url, scope=Scope(is_full=n % 2 == 0, limits=Limits(run_hours=0))) for n in range(4)]
        done.set()
        for writer in writers:
            writer.result()
    told = [(name, f.what, f.examples) for r in reports for name, said in found(r).items() for f in said]
    assert all(report.is_content for report in reports), told
    assert {name for name, *_ in told} <= {"derivation", "waiting"}
    assert found(look(url)) == {}


def test_writers_are_not_in_its_way(url: str) -> None:
    """A record that somebody is writing is left for another time, and nothing false is said of it."""
    with psycopg.connect(url) as writer:
        writer.execute(f"SELECT FROM identities WHERE id = {TOKEN} FOR NO KEY UPDATE")
        finding = one(look(url, "derivation"), "derivation")
    assert finding.is_advice
    assert "others were writing" in finding.what


def test_a_large_table_is_looked_at_in_part(database_url: str) -> None:
    run(
        database_url,
        ["CREATE TABLE many AS SELECT n, repeat('x', 100) AS fill FROM generate_series(1, 50000) n", "ANALYZE many"],
    )
    with Catalog.open(database_url) as catalog, catalog.transaction() as cursor:
        assert part_of(cursor, "many", "m", None) == part_of(cursor, "many", "m", 60_000) == "many AS m"
        cursor.execute(f"SELECT count(*) FROM {part_of(cursor, 'many', 'm', 10_000)}")
        (number,) = cursor.fetchone() or (0,)
        assert 5_000 < number < 15_000


def test_the_page_has_a_section_for_each_check() -> None:
    headings = re.findall(r"^### `([a-z-]+)`", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert headings == [check.name for check in CHECKS]
    assert_commands(DOCUMENT.read_text("utf-8"))
