"""What a process weighs that opens a snapshot and has decoded no record yet. Imports nothing else, so as to measure it."""

from __future__ import annotations

from benchmarks.child import memory


def bare() -> dict[str, float]:
    """An interpreter that has done nothing."""
    return {}


def opened(path: str) -> dict[str, float]:
    """`import catalog.snapshot` and open."""
    from catalog.snapshot import Snapshot

    snapshot = Snapshot.open(path)
    used = memory()
    snapshot.close()
    return used


def located(path: str, ids: str) -> dict[str, float]:
    """The same after looking up every id of the file `ids` (16 bytes each)."""
    from catalog.snapshot import Snapshot

    with open(ids, "rb") as file:  # noqa: PTH123 - pathlib would be measured, too
        data = file.read()
    snapshot = Snapshot.open(path)
    for at in range(0, len(data), 16):
        assert snapshot.locate(data[at : at + 16]) is not None
    return memory()
