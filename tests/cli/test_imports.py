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


def _list(path: Path, day: int, *numbers: int) -> str:
    rows = [{"chainId": 1, "address": f"0x{n:040x}", "symbol": f"T{n}", "name": "x", "decimals": 6} for n in numbers]
    path.write_text(json.dumps({"name": "A list", "timestamp": f"2026-03-{day:02}T00:00:00Z", "tokens": rows}))
    return str(path)


def test_a_listing_that_shrank(catalog: Run, tmp_path: Path) -> None:
    assert catalog("import", "auto", _list(tmp_path / "a.json", 1, *range(1, 11))).code == 0
    short = _list(tmp_path / "b.json", 2, 1, 2, 3)
    done = catalog("import", "auto", short)
    assert done.code == 1
    assert done.lines[0].startswith(f"error: `{short}`: 3 rows, and the listing before it (run 1) had 10: under 80 %")
    assert done.lines[1] == "hint: look whether the payload is whole; --accept-shrink believes it"
    assert catalog("imports", "show", "2", "--json").json["state"] == "stopped"
    done = catalog("imports", "replay", "2", "--accept-shrink", "--suspend-missing", "--json")
    assert (done.code, done.json["missing"], done.json["suspended"]) == (0, 7, 7)
    assert done.lines == [
        "hint: 7 records of the listing before are not in this one; `catalog imports missing 3` shows them"
    ]
    assert {row["status"] for row in catalog("imports", "missing", "3", "--json").json} == {"suspended"}
    assert catalog("imports", "replay", "9").code == 1


def test_what_waits_is_shown_and_let_go(catalog: Run, tmp_path: Path) -> None:
    pair = {"record": "pair", "exchange": "okx", "symbol": "A-B"}
    ids = [
        catalog(
            "id", "compute", "-", "--json", stdin=json.dumps({"record": "asset", "exchange": "okx", "symbol": s})
        ).json["id"]
        for s in "AB"
    ]
    path = tmp_path / "pair.jsonl"
    path.write_text(json.dumps(pair | {"base_id": ids[0], "quote_id": ids[1]}))
    done = catalog("import", "jsonl", str(path), "--json")
    assert (done.code, done.json["rejected"], done.json["waiting"]) == (1, 1, 1)
    [waits] = catalog("imports", "waiting", "--run", "1", "--json").json
    assert (waits["record"], waits["needs"], waits["needs_id"]) == ("pair", "instrument", ids[0])
    assert "base_id" in catalog("imports", "waiting").out
    assert catalog("imports", "release", "--json").json == {"released": 0}
    done = catalog("imports", "retry", "1", "--tolerate", "rejects", "--json")
    assert (done.code, done.json["waiting"]) == (0, 1)


def test_feeds_and_payloads(catalog: Run, tmp_path: Path) -> None:
    catalog("import", "auto", _list(tmp_path / "a.json", 1, 1))
    catalog("import", "auto", _list(tmp_path / "b.json", 2, 1, 2))
    [line] = catalog("imports", "sources", "--json").json
    assert (line["source"], line["feed"], line["runs"], line["rows"]) == ("token-list", "A list", 2, 3)
    assert catalog("imports", "prune", "--json").json == {"payloads": 0, "bytes": 0}
    assert catalog("imports", "prune", "--days", "0", "--keep", "0", "--json").json["payloads"] == 2
    done = catalog("imports", "replay", "1")
    assert done.code == 2
    assert done.lines[1] == "hint: import its file again"


def test_a_listing_that_is_cut_says_so_first(catalog: Run, tmp_path: Path) -> None:
    whole = Path(_list(tmp_path / "a.json", 1, *range(1, 11)))
    assert catalog("import", "auto", str(whole)).code == 0
    cut = tmp_path / "b.json"
    cut.write_text(_list(tmp_path / "c.json", 2, 1) and whole.read_text().replace("2026-03-01", "2026-03-02")[:500])
    done = catalog("import", "token-list", str(cut))
    assert done.code == 2
    assert "the document ends too early" in done.lines[0]
    assert "under 80 %" in done.lines[1]


def test_auto_takes_no_argument_and_an_empty_file_says_so(catalog: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text("\n")
    assert catalog("import", "auto", str(empty)).lines[0].endswith("the payload is empty")
    assert catalog("import", "auto:eip155:1", str(empty)).lines[0] == "error: `auto` takes nothing behind its name"
