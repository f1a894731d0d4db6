"""A file for people: its summary, its messages in order, and what answers to a key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalog.domain import parse_record
from catalog.errors import DecodeError
from catalog.snapshot import Snapshot
from catalog.snapshot.show import cat, find, rfc3339, show
from tests.snapshot import support
from tests.snapshot.support import AAPL, APPLE, BTC, PAIR, TOKEN


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "a.snap"
    place.write_bytes(support.golden("v2-64"))
    return place


def test_the_summary_says_what_the_file_is(path: Path) -> None:
    summary = json.loads(json.dumps(show(path)))
    assert summary["contents"] == "full"
    assert summary["as_of"] == "2023-11-14T22:13:20.000001Z"
    assert summary["instruments"] == support.INSTRUMENTS
    assert summary["counts"]["venue"] == 4
    assert summary["indexes"]["symbol"]["num_keys"] == support.INSTRUMENTS


def test_every_message_is_given_in_order(path: Path) -> None:
    lines = [json.loads(json.dumps(line)) for line in cat(path)]
    assert [line["offset"] for line in lines] == sorted(line["offset"] for line in lines)
    assert [line["message"] for line in lines][:16] == ["snapshot", *["vocabulary"] * 14, "security"]
    assert lines[-1]["message"] == "end"
    assert lines[-1]["content"]["num_messages"] == len(lines)
    records = [line["content"] for line in lines if line["content"].get("record") and line["message"] != "tombstone"]
    assert {parse_record(r) for r in records} == set(support.RECORDS)
    assert next(r for r in records if r["record"] == "pair")["max_quantity"] == "9000"


def test_a_broken_message_ends_it(path: Path, tmp_path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    broken = tmp_path / "broken"
    broken.write_bytes(data)
    lines = cat(broken)
    assert next(lines)["message"] == "snapshot"
    with pytest.raises(DecodeError, match="checksum"):
        list(lines)


@pytest.mark.parametrize(
    ("key", "records"),
    [
        (AAPL.id, [AAPL]),
        (PAIR.id, [PAIR]),
        ("US0378331005", [APPLE, AAPL]),
        ("037833100", [APPLE, AAPL]),
        ("BBG000B9XRY4", [AAPL]),
        ("AAPL", [AAPL]),
        (support.USDC, [TOKEN]),
        (support.USDC.replace("a0b", "A0b"), []),
        ("binance BTC", [BTC]),
        ("binance:BTCUSDT", [support.PERPETUAL, PAIR]),
        ("binance:BTC/USDT", [PAIR]),
        ("nothing", []),
        ("", []),
        (support.ALIASES[1].id.hex(), []),
    ],
)
def test_a_key_of_any_kind_is_found(path: Path, key: str, records: list[object]) -> None:
    with Snapshot.open(path) as snapshot:
        assert find(snapshot, key) == records


def test_times_are_rfc_3339() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000000Z"
    assert rfc3339(1_700_000_000_000_001_001) == "2023-11-14T22:13:20.000001001Z"
    assert rfc3339(2**64 - 1).startswith("2554-")
