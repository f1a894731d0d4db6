"""`catalog snapshot` and `catalog demo`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from catalog.domain import RECORDS
from catalog.snapshot import Snapshot
from catalog.snapshot.entries import AnyEntry
from tests.cli.conftest import APPLE, USDC, Run
from tests.snapshot import support
from tests.snapshot.test_signature import key_pair


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
        for record in stored.values():
            record.pop("verified", None)  # no part of the record: a snapshot does not know it
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


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, str]:
    """A universe, and the same with other decimals of a token, a new name of a stock, and one asset less."""
    token = support.entry_of(support.TOKEN.replace(decimals=18))
    stock = support.entry_of(support.AAPL)
    stock = stock._replace(values={**stock.values, "name": "Apple\x1b[31m\u202e"})
    changed: dict[bytes, list[AnyEntry]] = {token.id: [token], stock.id: [stock], support.SPY.id.bytes: []}
    after = [new for e in support.universe() for new in changed.get(getattr(e, "id", b""), [e])]
    support.write(tmp_path / "before", support.universe())
    support.write(tmp_path / "after", support.numbered(after), 128)
    return str(tmp_path / "before"), str(tmp_path / "after")


def test_diff_lists_what_breaks_first(run: Run, two: tuple[str, str]) -> None:
    done = run("snapshot", "diff", *two)
    assert (done.code, done.err) == (1, "")
    assert done.out.splitlines() == [
        "id_bits: 64 → 128",
        "as_of_sequence: 35 → 34",
        f"breaking: changed token {support.TOKEN.id} USDC",
        "    decimals: 6 → 18  (breaking)",
        f"removed etf {support.SPY.id} ARCX:SPY (without a tombstone)",
        f"changed stock {support.AAPL.id} XNAS:AAPL",
        "    name: Apple Inc. → Apple\\x1b[31m\\u202e",
        "3 differences: 1 breaking, 1 removed, 1 changed",
    ]
    added = run("snapshot", "diff", *two[::-1]).out
    assert f"added etf {support.SPY.id} ARCX:SPY\n" in added
    for limit, more in ((2, 1), (0, 3)):
        done = run("snapshot", "diff", *two, "--limit", str(limit))
        assert f"… and {more} more (--limit 3 lists all)" in done.out
        assert done.out.count("stock") == 0


def test_diff_as_json_has_all_of_it(run: Run, two: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("snapshot", "diff", *two, "--json", "--limit", "0")
    assert done.code == 1
    found = done.json
    assert (found["before"], found["is_equal"], found["is_same_catalog"]) == (two[0], False, True)
    assert found["total"] == {"added": 0, "removed": 1, "changed": 2, "breaking": 1}
    assert found["counts"]["token"] == {"added": 0, "removed": 0, "changed": 1, "breaking": 1}
    assert [len(found[name]) for name in ("breaking", "removed", "changed", "added")] == [1, 1, 1, 0]
    assert found["breaking"][0]["fields"] == [{"field": "decimals", "before": 6, "after": 18, "is_breaking": True}]
    assert found["changed"][0]["fields"][0]["after"] == "Apple\x1b[31m\u202e"
    assert all(line.isprintable() for line in done.out.splitlines())
    monkeypatch.setattr("catalog.snapshot.diff.LIMIT", 0)  # then every list is read from the files again
    assert run("snapshot", "diff", *two, "--json").json == found


def test_diff_of_equal_files_is_exit_0(run: Run, two: tuple[str, str]) -> None:
    done = run("snapshot", "diff", two[0], two[0])
    assert (done.code, done.out, done.err) == (0, "no differences\n", "")
    done = run("snapshot", "diff", two[0], two[0], "--json")
    assert (done.code, done.json["is_equal"], done.json["breaking"]) == (0, True, [])


def test_diff_says_first_that_the_catalogs_are_two(run: Run, two: tuple[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other"
    support.write(other, support.universe(), catalog_id=bytes(16))
    done = run("snapshot", "diff", two[0], str(other))
    assert done.code == 1
    assert done.out.splitlines()[0] == "these are snapshots of two catalogs"
    assert done.out.splitlines()[-1] == "no differences"
    assert run("snapshot", "diff", two[0], str(other), "--json").json["is_same_catalog"] is False


@pytest.mark.parametrize("position", [0, 1])
def test_diff_that_cannot_run_is_exit_2(run: Run, two: tuple[str, str], tmp_path: Path, position: int) -> None:
    broken = tmp_path / "broken"
    data = bytearray(Path(two[position]).read_bytes())
    data[1500] ^= 1
    for content in (data, b"nonsense", None):
        broken.unlink(missing_ok=True)
        if content is not None:
            broken.write_bytes(content)
        paths = list(two)
        paths[position] = str(broken)
        for options in ((), ("--json",)):
            done = run("snapshot", "diff", *paths, *options)
            assert (done.code, done.out) == (2, "")
            assert done.lines[0].startswith("error: ")
            assert str(broken) in done.err
    assert run("snapshot", "diff", *two, "--limit", "-1").code == 2
    assert run("snapshot", "diff", two[0]).code == 2


def test_diff_of_two_exports(sample: Run, snapshot: str, tmp_path: Path) -> None:
    later = str(tmp_path / "later")
    assert sample("instrument", "update", USDC, "decimals=8", "--confirm-breaking").code == 0
    assert sample("snapshot", "export", later, "--ids", "128").code == 0
    done = sample("snapshot", "diff", snapshot, later, "--json")
    assert (done.code, done.json["total"]["breaking"]) == (1, 1)
    assert (done.json["breaking"][0]["id"], done.json["breaking"][0]["label"]) == (USDC, "USDC")


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


def test_deltas(sample: Run, snapshot: str, tmp_path: Path) -> None:
    with Snapshot.open(snapshot) as opened:
        since = str(opened.as_of_sequence)
    assert sample("instrument", "suspend", APPLE).code == 0
    delta, later, full = (str(tmp_path / name) for name in ("delta", "later", "full"))
    done = sample("snapshot", "export", delta, "--since", since, "--json")
    assert (done.code, done.json["counts"]["stock"]) == (0, 1)
    assert sample("snapshot", "show", delta, "--json").json["base_sequence"] == int(since)
    assert sample("snapshot", "export", f"{delta}.2", "--since", snapshot).code == 0
    assert Path(f"{delta}.2").read_bytes() == Path(delta).read_bytes()
    assert sample("snapshot", "apply", snapshot, delta, "--to", later).code == 0
    assert sample("snapshot", "export", full).code == 0
    assert Path(later).read_bytes() == Path(full).read_bytes()
    done = sample("snapshot", "apply", later, delta, "--to", later, "--force")
    assert (done.code, done.out) == (2, "")
    assert done.lines[0].startswith(f"error: cannot apply `{delta}`: it starts from {since}, and the snapshot is at ")
    assert sample("snapshot", "export", delta, "--force", "--since", "0").code == 2


def test_nightly(sample: Run, tmp_path: Path) -> None:
    published = tmp_path / "published"
    done = sample("snapshot", "nightly", "--dir", str(published), "--json")
    assert (done.code, done.json["state"]) == (0, "published")
    assert Path(done.json["path"]).parent == published
    assert sample("snapshot", "verify", str(published / "latest")).code == 0
    done = sample("snapshot", "nightly", "--dir", str(published))
    assert (done.code, done.out.split()[:2]) == (0, ["state", "unchanged"])
    assert sample("instrument", "update", USDC, "decimals=18", "--confirm-breaking").code == 0
    done = sample("snapshot", "nightly", "--dir", str(published))
    assert (done.code, done.out.split()[:2]) == (1, ["state", "held"])
    assert done.lines[0].startswith("error: not published: 1 breaking: token")
    assert done.lines[1] == "hint: look at it, then repeat with --confirm"
    assert sample("snapshot", "nightly", "--dir", str(published), "--confirm", "--keep", "1").code == 0
    assert len(list(published.glob("*.snap"))) == 1
    assert sample("snapshot", "nightly", "--dir", str(published), "--keep", "0").code == 2
    runs = sample("snapshot", "runs", "--json").json
    assert [run["state"] for run in runs] == ["published", "held", "unchanged", "published"]
    assert runs[1]["reason"].startswith("1 breaking: token")
    assert runs[0]["manifest"]["confirmed"] == [runs[1]["reason"]]
    assert "held" in sample("snapshot", "runs", "--limit", "3").out


def test_signatures(run: Run, two: tuple[str, str], tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    path = two[0]
    assert run("snapshot", "verify", path, "--public-key", str(public)).code == 1
    done = run("snapshot", "sign", path, "--key", str(private), "--json")
    assert (done.code, done.json) == (0, {"signature": f"{path}.sig"})
    assert run("snapshot", "verify", path, "--public-key", str(public)).code == 0
    _, other = key_pair(tmp_path, "other")
    done = run("snapshot", "verify", path, "--public-key", str(other))
    assert done.code == 1
    assert "is refused" in done.lines[0]
    assert run("snapshot", "sign", path, "--key", str(public)).code == 2
