"""The spool gives back everything in order, however little memory it has, and is read as often as one likes."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.services import spool as spool_module
from catalog.services.spool import Spool


@given(st.lists(st.integers(0, 9)), st.integers(1, 7))
def test_items_come_sorted_and_equal_keys_as_they_were_added(keys: list[int], memory: int) -> None:
    with Spool[tuple[int, int]](memory) as spool:
        for number, key in enumerate(keys):
            spool.add(key, (key, number))
        expected = sorted((key, number) for number, key in enumerate(keys))
        assert len(spool) == len(keys)
        assert list(spool) == expected
        assert list(spool) == expected


def test_few_files_are_open_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "MERGED", 3)
    opened: list[io.BytesIO] = []

    def make() -> io.BytesIO:
        opened.append(io.BytesIO())
        return opened[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", make)
    with Spool[int](2) as spool:
        for number in range(500):
            spool.add(-number // 7, number)
        assert list(spool) == sorted(range(500), key=lambda number: (-number // 7, number))
        assert len(opened) > 250
        assert sum(not file.closed for file in opened) < 20
    assert all(file.closed for file in opened)


def test_its_files_go_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Spool[str](2) as spool:
        for number in range(9):
            spool.add(-number, "x" * number)
        assert list(tmp_path.iterdir()) == []  # they have no name at all
        assert next(iter(spool)) == "x" * 8
    with pytest.raises(ValueError, match="closed"):
        list(spool)
