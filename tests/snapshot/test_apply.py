"""Which files can be applied to which, without a database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import ChecksumMismatch, Truncated
from catalog.snapshot import Snapshot, SnapshotError
from catalog.snapshot.apply import apply
from catalog.snapshot.entries import AnyEntry, Entry, TombstoneEntry
from catalog.snapshot.faults import DeltaRefused
from catalog.snapshot.verify import verify
from tests.snapshot import support
from tests.snapshot.support import DOLLAR, ETHER, TOKEN, entry_of

BASE_AT = 35
LATER_NS = support.AS_OF_NS + 1_000_000


def renamed(sequence: int = BASE_AT + 1) -> Entry:
    return entry_of(TOKEN.replace(name="Dollar coin"), sequence, LATER_NS)


def base(path: Path, id_bits: int = 64, **changes: Any) -> Path:
    support.write(path, support.universe(), id_bits, **changes)
    return path


def delta(path: Path, *entries: AnyEntry, id_bits: int = 64, **changes: Any) -> Path:
    values = {"base_sequence": BASE_AT, "as_of_sequence": BASE_AT + 1, "as_of_ns": LATER_NS}
    support.write(path, support.in_order(entries or [renamed()]), id_bits, **values | changes)
    return path


@pytest.mark.parametrize("id_bits", [64, 128])
def test_the_later_state(tmp_path: Path, id_bits: int) -> None:
    gone = TombstoneEntry(1, DOLLAR.id.bytes, "currency", BASE_AT + 1, LATER_NS)
    change = delta(tmp_path / "delta", renamed(), gone, id_bits=id_bits)
    info = apply(base(tmp_path / "base", id_bits), [change], tmp_path / "later")
    assert verify(info.path).problems == []
    replaced = (TOKEN.id.bytes, DOLLAR.id.bytes)
    # the tombstones of the universe lie behind its horizon
    kept = [
        e for e in support.universe() if getattr(e, "id", b"") not in replaced and not isinstance(e, TombstoneEntry)
    ]
    entries = support.in_order([*kept, renamed(), gone])
    support.write(tmp_path / "expected", entries, id_bits, as_of_sequence=BASE_AT + 1, as_of_ns=LATER_NS)
    assert info.path.read_bytes() == (tmp_path / "expected").read_bytes()


def test_tombstones_behind_the_horizon_are_forgotten(tmp_path: Path) -> None:
    gone = TombstoneEntry(1, DOLLAR.id.bytes, "currency", BASE_AT + 1, LATER_NS)
    change = delta(tmp_path / "delta", renamed(), gone, horizon_ns=LATER_NS)
    apply(base(tmp_path / "base"), [change], tmp_path / "later")
    with Snapshot.open(tmp_path / "later") as later:
        assert "tombstone" not in later.counts


def test_deltas_follow_one_another(tmp_path: Path) -> None:
    second = renamed(BASE_AT + 2)._replace(values={**renamed().values, "name": "Second"})
    deltas = [
        delta(tmp_path / "one"),
        delta(tmp_path / "two", second, base_sequence=BASE_AT + 1, as_of_sequence=BASE_AT + 2, base_as_of_ns=LATER_NS),
    ]
    apply(base(tmp_path / "base"), deltas, tmp_path / "at-once")
    apply(tmp_path / "base", deltas[:1], tmp_path / "first")
    apply(tmp_path / "first", deltas[1:], tmp_path / "stepwise")
    assert (tmp_path / "at-once").read_bytes() == (tmp_path / "stepwise").read_bytes()
    with Snapshot.open(tmp_path / "at-once") as later:
        assert getattr(later.get(TOKEN.id), "name", None) == "Second"


REFUSED: dict[str, tuple[Callable[[Path], list[Path]], str]] = {
    "a gap": (
        lambda d: [delta(d / "d", renamed(BASE_AT + 6), base_sequence=BASE_AT + 5, as_of_sequence=BASE_AT + 6)],
        "starts from 40, and the snapshot is at 35",
    ),
    "an overlap": (lambda d: [delta(d / "d", base_sequence=BASE_AT - 1)], "make one with --since 35"),
    "an older one": (
        lambda d: [delta(d / "d", entry_of(ETHER, 20), base_sequence=10, as_of_sequence=20)],
        "ends at 20, and the snapshot is at 35 already",
    ),
    "the same twice": (lambda d: [delta(d / "d"), d / "d"], "starts from 35, and the snapshot is at 36"),
    "another catalog's": (lambda d: [delta(d / "d", catalog_id=bytes(16))], f"of the catalog {'0' * 32}"),
    "another history's": (
        lambda d: [delta(d / "d", base_as_of_ns=support.AS_OF_NS + 1000)],
        "the change 35 that it starts from is another one than the snapshot's",
    ),
    "another width": (lambda d: [delta(d / "d", id_bits=128)], "its ids have 128 bits"),
    "a full snapshot": (lambda d: [base(d / "d")], "a full snapshot, not a delta"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_belong_together(tmp_path: Path, case: str) -> None:
    make, sentence = REFUSED[case]
    deltas, before = make(tmp_path), base(tmp_path / "base")
    with pytest.raises(DeltaRefused) as refused:
        apply(before, deltas, tmp_path / "later")
    assert sentence in f"{refused.value} {refused.value.hint}"
    assert not (tmp_path / "later").exists()


def test_a_delta_is_no_base(tmp_path: Path) -> None:
    change = delta(tmp_path / "delta")
    with pytest.raises(DeltaRefused, match="it is a delta itself"):
        apply(change, [change], tmp_path / "later")


def test_half_a_file_is_no_delta(tmp_path: Path) -> None:
    data = delta(tmp_path / "delta").read_bytes()
    for size in (0, 31, len(data) // 2, len(data) - 1):
        (tmp_path / "half").write_bytes(data[:size])
        with pytest.raises(Truncated):
            apply(base(tmp_path / "base"), [tmp_path / "half"], tmp_path / "later")
    assert not (tmp_path / "later").exists()


@pytest.mark.parametrize("name", ["base", "delta"])
def test_every_byte_of_the_inputs_is_proved(tmp_path: Path, name: str) -> None:
    files = {"base": base(tmp_path / "base"), "delta": delta(tmp_path / "delta")}
    data = bytearray(files[name].read_bytes())
    data[-600] ^= 1  # in an index, which applying does not look into
    files[name] = tmp_path / "spoilt"
    files[name].write_bytes(data)
    with pytest.raises(ChecksumMismatch):
        apply(files["base"], [files["delta"]], tmp_path / "later")
    assert not (tmp_path / "later").exists()


def test_a_file_that_is_there_gives_way_to_force_only(tmp_path: Path) -> None:
    files = base(tmp_path / "base"), [delta(tmp_path / "delta")]
    apply(*files, tmp_path / "later")
    with pytest.raises(SnapshotError, match="it exists"):
        apply(*files, tmp_path / "later")
    assert apply(*files, tmp_path / "later", force=True).counts["token"] == 1


def test_a_snapshot_can_be_replaced_by_its_own_later_state(tmp_path: Path) -> None:
    before = base(tmp_path / "base")
    info = apply(before, [delta(tmp_path / "delta")], before, force=True)
    assert info.path == before
    with Snapshot.open(before) as later:
        assert later.as_of_sequence == BASE_AT + 1


def test_headers_are_those_of_the_last_delta(tmp_path: Path) -> None:
    apply(base(tmp_path / "base"), [delta(tmp_path / "delta", schema_revision="0002_later")], tmp_path / "later")
    with Snapshot.open(tmp_path / "later") as later:
        header = later.header
    assert (header.schema_revision, header.base_sequence, header.as_of_ns) == ("0002_later", 0, LATER_NS)
