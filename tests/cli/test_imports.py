"""`catalog import` and `catalog imports`: reports, exit codes, bad files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import SAMPLE, Run

GOOD = '{"record": "currency", "iso_code": "USD"}'
BAD = '{"record": "currency", "iso_code": "ZZZ"}'
PARTS = ("registered", "updated", "unchanged", "rejected", "conflicts", "collisions")


def test_the_report_adds_up_and_a_second_import_changes_nothing(catalog: Run) -> None:
    first = catalog("--json", "import", "jsonl", str(SAMPLE))
    again = catalog("import", "auto", str(SAMPLE), "--json")
    for done in (first, again):
        assert done.code == 0
        report = done.json
        assert report["seen"] == sum(report[part] for part in PARTS)
        assert report["seen"] == sum(counts["seen"] for counts in report["by_record"].values())
    assert first.json["registered"] == again.json["unchanged"] == first.json["seen"]


def test_a_dry_run_says_what_would_change_and_changes_nothing(catalog: Run) -> None:
    done = catalog("import", "jsonl", "-", "--dry-run", "--json", stdin=GOOD)
    assert (done.code, done.json["run_id"], done.json["registered"]) == (0, None, 1)
    (difference,) = done.json["differences"]
    assert difference["action"] == "register"
    assert catalog("stats", "--json").json["by_record"]["currency"] == 0
    assert catalog("imports", "list", "--json").json == []
    assert "register" in catalog("import", "jsonl", "-", "--dry-run", stdin=GOOD).out


def test_rejects_are_exit_1_unless_tolerated(catalog: Run) -> None:
    done = catalog("import", "jsonl", "-", "--json", stdin=f"{GOOD}\n{BAD}\n")
    assert (done.code, done.json["registered"], done.json["rejected"]) == (1, 1, 1)
    assert f"catalog imports rejects {done.json['run_id']}" in done.err
    (reject,) = catalog("imports", "rejects", str(done.json["run_id"]), "--json").json
    assert reject["place"] == "line 2"
    assert reject["code"]
    assert reject["reason"]
    assert catalog("import", "jsonl", "-", "--tolerate", "rejects", stdin=f"{GOOD}\n{BAD}\n").code == 0


def test_several_files_give_an_array_and_an_unreadable_one_stops_none(catalog: Run, tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_text(GOOD, encoding="utf-8")
    done = catalog("import", "jsonl", str(tmp_path / "missing"), str(tmp_path / "good.jsonl"), "--json")
    assert done.code == 2
    assert [report.get("registered") for report in done.json] == [None, 1]
    assert "missing" in done.json[0]["failure"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("jsonl", "."),
        ("auto", "missing"),
        ("nonsense", "good"),
        ("auto", "empty"),
        ("binance", "truncated"),
        ("jsonl", "fake.gz"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(catalog: Run, tmp_path: Path, source: str, name: str) -> None:
    (tmp_path / "good").write_text(GOOD, encoding="utf-8")
    (tmp_path / "empty").touch()
    (tmp_path / "truncated").write_text('{"symbols": [', encoding="utf-8")
    (tmp_path / "fake.gz").write_text("not compressed", encoding="utf-8")
    done = catalog("import", source, str(tmp_path / name))
    assert (done.code, done.out) == (2, "")
    assert [line.partition(":")[0] for line in done.lines] in (["error"], ["error", "hint"])


@pytest.mark.parametrize("time", ["yesterday", "2026-11-01T00:00:00"])
def test_a_time_must_have_its_zone(catalog: Run, time: str) -> None:
    assert catalog("import", "jsonl", "-", "--observed-at", time, stdin=GOOD).code == 2


def test_past_runs(sample: Run) -> None:
    (run,) = sample("imports", "list", "--json").json
    assert (run["source"], run["observed_at"]) == ("jsonl", "2026-11-01T00:00:00Z")
    shown = sample("imports", "show", str(run["run_id"]), "--json").json
    assert shown["report"]["registered"] == len(SAMPLE.read_text(encoding="utf-8").splitlines())
    assert "registered" in sample("imports", "show", str(run["run_id"])).out
    assert sample("imports", "rejects", str(run["run_id"]), "--json").json == []
    assert sample("imports", "show", "99").code == 1
    assert sample("imports", "rejects", "9" * 30).code == 1
    assert "sample" in sample("imports", "list").out


def test_disputes(catalog: Run) -> None:
    token = {"record": "token", "blockchain": "eip155:1", "address": "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"}
    assert catalog("import", "jsonl", "-", "--feed", "one", stdin=json.dumps(token | {"decimals": 6})).code == 0
    line = json.dumps(token | {"decimals": 18})
    done = catalog("import", "jsonl", "-", "--feed", "two", "--json", "--tolerate", "rejects", stdin=line)
    assert (done.code, done.json["disputes"]) == (1, 1)
    (dispute,) = catalog("disputes", "list", "--json").json
    assert (dispute["rule"], dispute["field"]) == ("breaking_conflict", "decimals")
    assert catalog("disputes", "show", str(dispute["number"]), "--json").json["sides"]
    assert catalog("disputes", "list", "--state", "accepted", "--json").json == []
    assert len(catalog("disputes", "list", "--state", "all", "--json").json) == 1
    assert catalog("disputes", "list", "--state", "odd").code == 2
    assert catalog("disputes", "show", "99").code == 1
