"""Writing: the same bytes for the same content, entries that make no file, and targets that take none."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import Asset
from catalog.errors import InvalidRecord
from catalog.snapshot import SnapshotError, writer
from catalog.snapshot.entries import AnyEntry, Entry
from catalog.snapshot.faults import SnapshotContentError
from catalog.snapshot.writer import write_snapshot
from tests.snapshot import support
from tests.snapshot.support import AAPL, APPLE, HOME


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    support.write(first, support.universe(), 64)
    padded = [
        e._replace(values=dict(reversed([*e.values.items()]))) if isinstance(e, Entry) else e
        for e in support.universe()
    ]
    turned = {name: dict(reversed(codes.items())) for name, codes in reversed(support.VOCABULARIES.items())}
    info = support.write(second, padded, 64, turned)
    assert first.read_bytes() == second.read_bytes()
    assert info.counts == support.count(support.universe())


@pytest.mark.parametrize("batch", [1, 33, 100, 1000])
def test_how_much_is_written_at_once_changes_nothing(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_BATCH", batch)
    support.write(tmp_path / "a.snap", support.universe(), 64)
    assert (tmp_path / "a.snap").read_bytes() == support.golden("v2-64")


def test_a_decimal_has_one_form_whatever_its_digits(tmp_path: Path) -> None:
    files = []
    for text in ("100", "1e2", "100.000"):
        entry = support.entry_of(HOME)
        entries = [
            *map(support.entry_of, (support.NASDAQ, AAPL)),
            entry._replace(values={**entry.values, "lot_size": Decimal(text)}),
        ]
        support.write(tmp_path / text, support.numbered(entries), 64)
        files.append((tmp_path / text).read_bytes())
    assert files[0] == files[1] == files[2]


def test_the_file_is_read_only_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.snap"
    support.write(path, support.universe(), 64)
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert [p.name for p in tmp_path.iterdir()] == ["a.snap"]


def write(path: Path, entries: Any, *, force: bool = False, **changes: Any) -> None:
    listed = support.universe()
    write_snapshot(path, support.header(listed, **changes), support.VOCABULARIES, entries, force=force)


def test_an_existing_file_gives_way_to_force_only(tmp_path: Path) -> None:
    path = tmp_path / "a.snap"
    path.write_bytes(b"precious")
    with pytest.raises(SnapshotError, match="it exists") as caught:
        write(path, support.universe())
    assert "--force" in str(caught.value.hint)
    assert path.read_bytes() == b"precious"
    write(path, support.universe(), force=True)
    assert path.read_bytes() == support.golden("v2-64")


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.snap"

    def entries() -> Iterator[AnyEntry]:
        yield from support.universe()
        path.write_bytes(b"precious")

    with pytest.raises(SnapshotError, match="it exists"):
        write(path, entries())
    assert path.read_bytes() == b"precious"
    assert [p.name for p in tmp_path.iterdir()] == ["a.snap"]


def test_targets_that_take_no_file(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="it is a directory"):
        write(tmp_path, support.universe(), force=True)
    with pytest.raises(SnapshotError, match="there is no directory"):
        write(tmp_path / "none" / "a.snap", support.universe())
    with pytest.raises(SnapshotError, match="cannot write"):
        write(tmp_path / ("x" * 300), support.universe())


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    real = os.write
    monkeypatch.setattr(os, "write", lambda _, data: real(full, data))
    with pytest.raises(SnapshotError, match="No space left") as caught:
        write(tmp_path / "a.snap", support.universe())
    os.close(full)
    assert "nothing was published" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_source_leaves_nothing(tmp_path: Path) -> None:
    def entries() -> Iterator[AnyEntry]:
        yield support.universe()[0]
        raise RuntimeError("the database went away")

    with pytest.raises(RuntimeError):
        write(tmp_path / "a.snap", entries())
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_cleaned_and_a_running_one_is_not(tmp_path: Path) -> None:
    program = f"""
import sys, time
from pathlib import Path
from tests.snapshot import support
from catalog.snapshot.writer import write_snapshot
def entries():
    yield from support.universe()[:3]
    print("writing", flush=True)
    time.sleep(60)
write_snapshot(Path({str(tmp_path / "a.snap")!r}), support.header(support.universe()), support.VOCABULARIES, entries())
"""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    support.write(tmp_path / "a.snap", support.universe(), 64)
    assert len(list(tmp_path.glob(".a.snap.*.tmp"))) == 1  # its writer lives
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 10
    while list(tmp_path.glob(".a.snap.*.tmp")) and time.monotonic() < deadline:
        support.write(tmp_path / "a.snap", support.universe(), 64)
    assert [p.name for p in tmp_path.iterdir()] == ["a.snap"]


def refused(tmp_path: Path, entries: list[AnyEntry], match: str, **changes: Any) -> None:
    with pytest.raises(SnapshotContentError, match=match):
        support.write(tmp_path / "a.snap", entries, **changes)
    assert list(tmp_path.iterdir()) == []


def test_entries_out_of_order_are_refused(tmp_path: Path) -> None:
    entries = support.universe()
    for n in range(len(entries) - 1):
        turned = [*entries[:n], entries[n + 1], entries[n], *entries[n + 2 :]]
        refused(tmp_path, turned, "sort behind|has ended|not in the file")
    refused(tmp_path, [entries[0], *entries], "does not sort behind")


def test_miscounted_entries_are_refused(tmp_path: Path) -> None:
    refused(
        tmp_path, support.universe(), "asset: 4, announced 5", counts={**support.count(support.universe()), "asset": 5}
    )
    refused(tmp_path, support.universe(), "token: 1, announced 0", counts={})


def test_ids_that_share_64_bits_need_a_wide_file(tmp_path: Path) -> None:
    one, two = (support.entry_of(Asset(exchange="binance", symbol=s)) for s in ("A", "B"))
    entries: list[AnyEntry] = [one, two._replace(id=one.id[:8] + b"\xff" * 8)]
    with pytest.raises(SnapshotContentError, match="two records have the instrument id") as caught:
        support.write(tmp_path / "a.snap", entries, 64)
    assert caught.value.hint == "export with --ids 128"
    support.write(tmp_path / "a.snap", entries, 128)


def test_a_change_after_the_snapshot_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, [support.entry_of(APPLE, sequence=9)], "has the number 9", as_of_sequence=8)


def test_values_without_a_wire_form_name_their_field(tmp_path: Path) -> None:
    entry = support.entry_of(AAPL)
    with pytest.raises(InvalidRecord, match=r"stock\.currency"):
        support.write(tmp_path / "a.snap", [entry._replace(values={**entry.values, "currency": None})])
    with pytest.raises(InvalidRecord, match="record"):
        support.write(tmp_path / "a.snap", [entry._replace(record="fish")], counts={"stock": 1})
    with pytest.raises(InvalidRecord, match="vocabulary"):
        support.write(tmp_path / "a.snap", [entry], vocabularies={"fish": {}})
    assert list(tmp_path.iterdir()) == []
