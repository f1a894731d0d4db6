"""`catalog snapshot` and `catalog demo`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalog.domain import RECORDS
from tests.cli.conftest import APPLE, USDC, Run


@pytest.fixture
def snapshot(sample: Run, tmp_path: Path) -> str:
    path = str(tmp_path / "catalog.snap")
    done = sample("snapshot", "export", path, "--json")
    assert done.code == 0, done.err
    assert done.json["counts"]["token"] == 13
    return path


def test_two_exports_are_the_same(sample: Run, snapshot: str) -> None:
    before = Path(snapshot).read_bytes()
    assert sample("snapshot", "export", snapshot).code == 2
    assert sample("snapshot", "export", snapshot, "--force").code == 0
    assert Path(snapshot).read_bytes() == before
    assert sample("snapshot", "export", snapshot, "--force", "--ids", "32").code == 2
    assert sample("snapshot", "export", snapshot, "--force", "--ids", "128").code == 0


def test_verify(sample: Run, snapshot: str) -> None:
    done = sample("snapshot", "verify", snapshot, "--json")
    assert (done.code, done.json["ok"], done.json["problems"]) == (0, True, [])
    data = bytearray(Path(snapshot).read_bytes())
    data[len(data) // 2] ^= 1
    spoilt = str(Path(snapshot).with_name("spoilt.snap"))  # a published file is read-only
    Path(spoilt).write_bytes(data)
    done = sample("snapshot", "verify", spoilt, "--json")
    assert (done.code, done.json["ok"]) == (1, False)
    assert done.json["problems"]
    assert done.lines[0].startswith("error: the snapshot is corrupt: ")
    assert "ok        no" in sample("snapshot", "verify", spoilt).out


@pytest.mark.parametrize("command", ["verify", "show", "cat"])
@pytest.mark.parametrize("name", ["missing", "."])
def test_no_file_is_exit_2(run: Run, tmp_path: Path, command: str, name: str) -> None:
    done = run("snapshot", command, str(tmp_path / name))
    assert (done.code, done.out) == (2, "")
    assert done.lines[0].startswith("error: ")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\0" * 1000])
def test_no_snapshot(run: Run, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert run("snapshot", "verify", str(path)).code == 1
    assert run("snapshot", "show", str(path)).code == 2
    assert run("snapshot", "cat", str(path)).code == 2


def test_show(sample: Run, snapshot: str) -> None:
    shown = sample("snapshot", "show", snapshot, "--json").json
    assert (shown["id_bits"], shown["counts"]["stock"]) == (64, 6)
    assert shown["digest"] in sample("snapshot", "show", snapshot).out
    for key in (APPLE, USDC, "US0378331005", "037833100", "USDC", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"):
        stored = {r["id"]: r for r in sample("find", key, "--json").json}
        found = sample("snapshot", "show", snapshot, key, "--json").json
        assert {r["id"]: r for r in found} == stored
    found = sample("snapshot", "show", snapshot, "binance:BTCUSDT", "--json").json
    assert {r["record"] for r in found} == {"future", "pair"}
    done = sample("snapshot", "show", snapshot, "NOTHING", "--json")
    assert (done.code, done.json) == (1, [])


def test_cat(sample: Run, snapshot: str) -> None:
    messages = [json.loads(line) for line in sample("snapshot", "cat", snapshot).out.splitlines()]
    assert [m["message"] for m in messages][:1] == ["snapshot"]
    assert [m["offset"] for m in messages] == sorted(m["offset"] for m in messages)
    assert messages[-1]["message"] == "end"


def test_the_demo_runs_twice(run: Run, empty_database_url: str) -> None:
    for words in (("registered", "unchanged"), ("unchanged", "registered")):
        done = run("demo", "--json", "--database-url", empty_database_url)
        assert done.code == 0, done.err
        report = done.json["import"]
        assert (report[words[0]], report[words[1]]) == (report["seen"], 0)
        assert done.json["snapshot"]["ok"]
        assert {line["look-up"] for line in done.json["look_ups"]} >= {"ISIN", "CUSIP", "address", "symbol", "id"}
        assert {line["record"]: bool(line["count"]) for line in done.json["one_of_each"]} == dict.fromkeys(
            RECORDS, True
        )
        assert all(line["found"] and line["µs"] > 0 for line in done.json["look_ups"])
    done = run("demo", "--database-url", empty_database_url)
    assert "US0378331005" in done.out
    assert "verify" in done.err
