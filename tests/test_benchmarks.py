"""The benchmarks run: a tiny universe passes through every step. What they measure is nothing that a test asserts."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from benchmarks import export, harness, importers, snapshots
from benchmarks.database import fill
from benchmarks.harness import Figure, Goal, Report, Step
from benchmarks.universe import VOCABULARIES, Universe
from catalog import Catalog
from catalog.importers.registry import named
from catalog.services.agreement import disagreements
from catalog.services.export import consistent_view
from catalog.snapshot import Snapshot, write_snapshot
from catalog.snapshot.verify import verify


def test_snapshots_run_from_the_first_step_to_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, values = tmp_path / "page.md", tmp_path / "values.json"
    options = ["--sizes", "1000", "--large", "2000", "--rounds", "1", "--folder", str(tmp_path)]

    report = snapshots.main([*options, "--json", str(values), "--markdown", str(page)])

    assert list(report.figures) == [1000, 2000]
    for figures in report.figures.values():
        assert {"open", "locate by id", "locate by CUSIP", "write, processor time per record"} <= {
            f.name for f in figures if f.values
        }
        assert all(f.note for f in figures if not f.values), "what was not run says why"
        assert all(value > 0 for f in figures for value in f.values)
    assert {f.name for f in report.figures[1000] if f.values} >= {
        "dict: load the pickle",
        "SQLite: payload by id",
        "verify, per record",
    }
    assert all(goal.met is not None for goal in report.goals if "Arrow" not in goal.what)
    assert json.loads(values.read_text(encoding="utf-8"))["figures"]["2000"]
    assert "| locate by id, 2,000 to 1,000 | at most 1.3 × |" in page.read_text(encoding="utf-8")
    assert "## From size to size" in page.read_text(encoding="utf-8")
    assert "Snapshots: 1,000 instruments" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"page.md", "values.json"}, "the data is gone"


@pytest.mark.database
def test_the_export_is_measured_on_a_catalog_that_holds_together(database_url: str, tmp_path: Path) -> None:
    universe, order, place = Universe(200), tmp_path / "order", tmp_path / "snapshot"
    universe.prepare(order)
    assert fill(database_url, universe, order) == sum(universe.header.counts.values())
    assert export.export(database_url, str(place))["seconds"] > 0
    assert export.copy(database_url)["seconds"] > 0
    assert verify(place).problems == []
    with Snapshot.open(place) as snapshot, Catalog.open(database_url) as catalog:
        assert snapshot.counts == universe.header.counts
        with consistent_view(catalog.engine) as view:
            assert disagreements(view.cursor, snapshot) == []


def test_a_universe_is_the_same_every_time_and_valid(tmp_path: Path) -> None:
    universe, order, place = Universe(700), tmp_path / "order", tmp_path / "snapshot"
    universe.prepare(order)
    first = write_snapshot(place, universe.header, VOCABULARIES, universe.entries(order))
    again = write_snapshot(tmp_path / "again", universe.header, VOCABULARIES, Universe(700).entries(order))

    assert first.digest == again.digest
    assert verify(place).problems == []
    with Snapshot.open(place) as snapshot:
        assert len(snapshot) == universe.size
        stock = snapshot.get(universe.id("stock", 11))
        assert stock.model_dump(exclude_unset=True).items() >= universe.values("stock", 11).items()


def test_a_universe_refuses_a_size_that_it_cannot_share_out() -> None:
    with pytest.raises(ValueError, match="multiple of 100 instruments, not 150"):
        Universe(150)


def test_steps_take_turns() -> None:
    seen: list[str] = []
    steps = [
        Step("one", lambda: seen.append("one")),
        Step("two", lambda: seen.append("two"), rounds=1),
        Step("own clock", lambda: 6.0, per=3, rounds=2),
    ]

    one, two, own = harness.measure(steps, 3)

    assert seen == ["one", "one", "two", "one", "one"], "once untimed, and then by turns"
    assert len(one.values) == 3
    assert len(two.values) == 1
    assert own.values == [2.0, 2.0]


def test_a_process_that_fails_says_so() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)opened failed with exit code 1.*there-is-none"):
        harness.fresh("benchmarks.footprint:opened", "there-is-none")


def test_a_dict_is_weighed_while_it_is_there(tmp_path: Path) -> None:
    place, keys = tmp_path / "pickle", tmp_path / "keys"
    keys.write_bytes(bytes(16))
    place.write_bytes(pickle.dumps({bytes(16): b"x" * 30_000_000}))

    found = harness.fresh("benchmarks.peers:load_dictionary", place, keys)

    assert found["weight"] > 30_000_000


def test_a_goal_is_judged_by_the_median() -> None:
    report = Report("Snapshots", "", {})
    report.figures[1000] = [Figure("open", "s", [0.0005, 0.9, 0.0004]), Figure("locate by id", "s", [2e-6])]
    report.figures[10_000_000] = [Figure("open", "s", [0.0009])]

    goals = {goal.what: goal for goal in snapshots.judge(report, 1000, 10_000_000)}

    assert goals["open (1,000)"] == Goal("open (1,000)", "under 1 ms", "500 µs", met=True)
    assert goals["locate by id (1,000)"].met is False
    assert goals["get (1,000)"].met is None
    assert goals["open, 10,000,000 to 1,000"].found == "1.8 ×"
    assert goals["open, 10,000,000 to 1,000"].met is False


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.5, "s", "2.5 s"),
        (0.0025, "s", "2.5 ms"),
        (999.4e-9, "s", "999 ns"),
        (4000.0, "s", "4,000 s"),
        (512.0, "B", "512 B"),
        (3 * 2**20, "B", "3 MiB"),
        (1.25, "x", "1.25 ×"),
    ],
)
def test_values_are_shown_as_people_write_them(value: float, unit: str, text: str) -> None:
    assert harness.show(value, unit) == text


@pytest.mark.database
def test_importers_run_on_payloads_and_say_what_did_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(__file__).parent / "importers/payloads"
    files = [folder / name for name in ("binance.json", "finance-database.csv", "README.md")]
    page = tmp_path / "table.md"

    heading, *rows = importers.main([*map(str, files), "--rounds", "1", "--markdown", str(page)])

    assert heading == ["source", "rows", *importers.COLUMNS]
    assert [row[:2] for row in rows] == [["binance", "3"], ["finance-database", "3"]]
    assert all(int(row[n].replace(",", "")) > 0 for row in rows for n in (2, 3))
    assert all(int(rows[0][n].replace(",", "")) > 0 for n in (4, 5)), "ccxt reads the same payload"
    assert rows[1][4:] == ["no such reader", "no such reader", "not installed"]
    assert page.read_text(encoding="utf-8").startswith("| source | rows | parse |")
    assert "Importers: rows a second" in capsys.readouterr().out


def test_rows_for_nautilus_are_pairs_with_their_currencies_and_shares(tmp_path: Path) -> None:
    results = []
    for name in ("binance", "finance-database"):
        results += list(
            importers.read(named(name), next((Path(__file__).parent / "importers/payloads").glob(f"{name}.[jc]s*")))
        )
    assert importers.rows_for_nautilus(results, tmp_path / "rows") == 6
    first, *_, last = map(json.loads, (tmp_path / "rows").read_text(encoding="utf-8").splitlines())
    assert first == {
        "kind": "pair", "id": "BTCUSDT.BINANCE", "symbol": "BTCUSDT", "base": "BTC", "quote": "USDT", "tick": "0.01",
        "lot": "0.000001",
    }  # fmt: skip
    assert (last["kind"], last["id"], last["currency"], last["isin"]) == ("equity", "APC.XETR", "EUR", "US0378331005")
