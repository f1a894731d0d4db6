"""`find`, `changes`, `stats`, `schema`."""

from __future__ import annotations

import pytest

from catalog.domain import RECORDS
from catalog.domain.vocabulary import RECORD_KINDS
from tests.cli.conftest import APPLE, USDC, Run


@pytest.mark.parametrize(
    ("key", "by", "count"),
    [
        ("US0378331005", "isin", 4),
        ("037833100", "cusip", 4),
        ("USDC", "symbol", 6),
        ("XBT/USD", "symbol", 1),
        ("kraken:XBTUSD", "exchange-symbol", 1),
        ("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "address", 1),
        (USDC, "id", 1),
    ],
)
def test_find(sample: Run, key: str, by: str, count: int) -> None:
    named = sample("find", key, "--by", by, "--json")
    guessed = sample("find", key, "--json")
    assert named.code == guessed.code == 0
    assert named.json == guessed.json
    assert len(named.json) == count
    assert named.json[0]["id"] in sample("find", key).out


def test_find_nothing(sample: Run) -> None:
    done = sample("find", "NOTHING\x1b[2J", "--json")
    assert (done.code, done.json) == (1, [])
    assert done.lines[0] == r"error: no record `NOTHING\x1b[2J`"
    assert sample("find", "USDC", "--by", "odd").code == 2
    assert sample("find", "USDC", "--at", "2020-01-01").code == 1
    assert sample("find", "USDC", "--at", "then").code == 2
    assert len(sample("find", "USDC", "--source", "eip155:1", "--json").json) == 1


def test_changes_are_contiguous(sample: Run) -> None:
    found = sample("changes", "--json").json
    assert [c["sequence"] for c in found] == list(range(1, len(found) + 1))
    assert sample("changes", "--after", "3", "--limit", "2", "--json").json == found[3:5]
    assert "register" in sample("changes", "--limit", "1").out


def test_stats(sample: Run) -> None:
    found = sample("stats", "--json").json
    assert set(found["by_record"]) == set(RECORDS)
    assert found["by_record"]["token"] == 13
    assert "token" in sample("stats").out


@pytest.mark.parametrize("record", RECORDS)
def test_the_schema_names_all_that_is_printed(sample: Run, record: str) -> None:
    schema = sample("schema", record).json
    assert schema["properties"]["record"]["const"] == record
    noun = {"broker-contract": "broker", "event-type": "event"}.get(RECORD_KINDS[record], RECORD_KINDS[record])
    found = sample(noun, "list", "--limit", "1000", "--json").json
    printed = [r for r in found if r["record"] == record]
    assert printed
    for shown in printed:
        assert set(shown) <= set(schema["properties"])
        assert set(schema["required"]) <= set(shown)


def test_the_schema_of_all_records(run: Run) -> None:
    schema = run("schema").json
    assert set(schema["$defs"]) == set(RECORDS)
    done = run("schema", "nonsense")
    assert done.code == 2
    assert "token" in done.lines[0]


def test_history_of_apple_is_printed(sample: Run) -> None:
    assert "register" in sample("instrument", "history", APPLE).out
