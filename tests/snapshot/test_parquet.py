"""Parquet files of a snapshot: the same tables, the same bytes every time, and never half a file."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import ChecksumMismatch
from catalog.snapshot import Snapshot, SnapshotError, columns, extra, parquet, write_parquet
from catalog.snapshot.columns import arrow_schema
from tests.snapshot import support
from tests.snapshot.support import AAPL, BTC, PAIR, USDT

pa, pq, duckdb, polars = (extra.load(name) for name in ("pyarrow", "pyarrow.parquet", "duckdb", "polars"))


@pytest.fixture(params=[64, 128])
def snapshot(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Snapshot]:
    support.write(tmp_path / "universe.snap", support.universe(), request.param)
    with Snapshot.open(tmp_path / "universe.snap") as opened:
        yield opened


def as_written(table: Any) -> Any:
    """A table as Parquet gives it back: times of day have milliseconds there."""
    fields = [f.with_type(pa.time32("ms")) if f.type == pa.time32("s") else f for f in table.schema]
    return table.cast(pa.schema(fields))


def test_every_type_that_has_records_has_a_file_with_its_table(snapshot: Snapshot, tmp_path: Path) -> None:
    files = write_parquet(snapshot, tmp_path / "tables")
    assert sorted(files) == sorted(snapshot.counts)
    assert sorted(tmp_path.glob("tables/*")) == sorted(file.path for file in files.values())
    for name, file in files.items():
        assert tuple(file) == (tmp_path / "tables" / f"{name}.parquet", snapshot.counts[name], ())
        found, expected = pq.read_table(file.path), snapshot.to_arrow(name)
        assert found.cast(as_written(expected).schema).equals(as_written(expected))
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o444


def test_duckdb_reads_what_the_table_says(snapshot: Snapshot, tmp_path: Path) -> None:
    files = write_parquet(snapshot, tmp_path / "tables")
    for name, file in files.items():
        table = snapshot.to_arrow(name)
        left = duckdb.read_parquet(str(file.path))
        assert left.columns == table.column_names
        both = f"(SELECT * FROM '{file.path}' EXCEPT ALL SELECT * FROM t) UNION ALL (SELECT * FROM t EXCEPT ALL SELECT * FROM '{file.path}')"
        assert duckdb.from_arrow(as_written(table)).query("t", both).fetchall() == []
        assert left.count("*").fetchall() == [(table.num_rows,)]
    ((tick,),) = duckdb.sql(f"SELECT tick_size FROM '{files['pair'].path}'").fetchall()
    assert tick == PAIR.tick_size
    assert polars.read_parquet(files["stock"].path)["id"].to_list() == [AAPL.id]


def test_the_file_says_of_which_snapshot_it_is(snapshot: Snapshot, tmp_path: Path) -> None:
    files = write_parquet(snapshot, tmp_path)
    assert pq.read_schema(files["token"].path).metadata == {
        b"catalog_id": bytes(range(16)).hex().encode(),
        b"digest": snapshot.digest.hex().encode(),
        b"as_of_sequence": str(snapshot.as_of_sequence).encode(),
        b"as_of_ns": str(support.AS_OF_NS).encode(),
    }


def test_the_same_snapshot_gives_the_same_bytes(snapshot: Snapshot, tmp_path: Path) -> None:
    one = write_parquet(snapshot, tmp_path / "one", threads=1)
    two = write_parquet(snapshot, tmp_path / "two", threads=3)
    for name, file in one.items():
        assert file.path.read_bytes() == two[name].path.read_bytes()


def test_rows_are_written_in_groups(snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "ROWS", 1)
    monkeypatch.setattr(parquet, "GROUP", 3)
    file = write_parquet(snapshot, tmp_path)["asset"]
    found = pq.ParquetFile(file.path)
    assert [found.metadata.row_group(n).num_rows for n in range(found.num_row_groups)] == [3, 1]
    assert found.read().cast(arrow_schema("asset")).equals(snapshot.to_arrow("asset"))


def test_decimals_that_do_not_fit_are_texts(tmp_path: Path) -> None:
    pair = support.entry_of(PAIR)
    values = {**pair.values, "min_price": Decimal("1e-30"), "max_price": Decimal("1e20"), "tick_size": Decimal("0.10")}
    entries = support.numbered([*map(support.entry_of, (BTC, USDT)), pair._replace(values=values)])
    support.write(tmp_path / "fine.snap", entries)
    with Snapshot.open(tmp_path / "fine.snap") as snapshot:
        files = write_parquet(snapshot, tmp_path / "tables")
    assert files["pair"].text_decimals == ("max_price", "min_price")
    assert files["asset"].text_decimals == ()
    assert len(list(tmp_path.glob("tables/*"))) == 2
    (row,) = pq.read_table(files["pair"].path).to_pylist()
    assert row["min_price"] == "0." + "0" * 29 + "1"
    assert row["max_price"] == "1" + "0" * 20
    assert row["tick_size"] == Decimal("0.1")


def test_nothing_is_replaced_but_by_force(snapshot: Snapshot, tmp_path: Path) -> None:
    place = tmp_path / "tables"
    files = write_parquet(snapshot, place)
    before = {path: path.stat().st_mtime_ns for path in place.iterdir()}
    with pytest.raises(SnapshotError, match=r"token\.parquet`: it exists"):
        write_parquet(snapshot, place)
    assert {path: path.stat().st_mtime_ns for path in place.iterdir()} == before
    (place / "mine.txt").write_text("mine", encoding="utf-8")
    support.write(tmp_path / "less.snap", [support.entry_of(BTC)])
    with Snapshot.open(tmp_path / "less.snap") as less:
        assert list(write_parquet(less, place, force=True)) == ["asset"]
    assert sorted(path.name for path in place.iterdir()) == ["asset.parquet", "mine.txt"]
    assert pq.read_table(files["asset"].path).num_rows == 1


def test_a_failure_leaves_nothing_behind(snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ChecksumMismatch(0, "end.digest", "this", "that")

    whole = parquet._write

    def write(reader: Any, record_type: str, *rest: Any) -> int:
        if record_type == "venue":
            fail()
        return whole(reader, record_type, *rest)

    monkeypatch.setattr(parquet, "_write", write)
    with pytest.raises(ChecksumMismatch):
        write_parquet(snapshot, tmp_path / "tables")
    assert list(tmp_path.glob("tables/*")) == list(tmp_path.glob("tables/.*")) == []


def test_a_full_disk_is_said_and_leaves_nothing(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("catalog.snapshot.writer.os.write", full)
    with pytest.raises(SnapshotError, match="No space left on device"):
        write_parquet(snapshot, tmp_path / "tables")
    monkeypatch.undo()
    assert list(tmp_path.glob("tables/*")) == list(tmp_path.glob("tables/.*")) == []


def test_a_place_that_takes_no_files_is_named(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for place in (tmp_path / "file", tmp_path / "no" / "where"):
        with pytest.raises(SnapshotError, match="cannot write"):
            write_parquet(snapshot, place)


def test_no_records_make_no_files(tmp_path: Path) -> None:
    support.write(tmp_path / "empty.snap", [])
    with Snapshot.open(tmp_path / "empty.snap") as snapshot:
        assert write_parquet(snapshot, tmp_path / "tables") == {}
    assert list(tmp_path.glob("tables/*")) == []
