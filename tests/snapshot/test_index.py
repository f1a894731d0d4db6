"""Both ways to lay an index out make the same bytes, and those of docs/protocol.md §8."""

from __future__ import annotations

import random

import pytest

from catalog.snapshot.faults import SnapshotContentError
from catalog.snapshot.index import Indexes, lay_out
from catalog.snapshot.index_arrays import lay_out_arrays
from catalog.wire.layout import INDEX_SYMBOL


def collected(width: int, count: int, chance: random.Random, *, distinct: int, crowded: bool = False) -> bytearray:
    """`count` entries of at most `distinct` keys; `crowded` ones have their homes side by side, at either end."""
    heads = [b"\x00\x00\x00", b"\xff\xff\xff"] if crowded else [b""]
    keys = [(chance.choice(heads) + chance.randbytes(width))[:width] for _ in range(distinct)]
    offsets = sorted(chance.choices(range(500, 1 << 40), k=count))
    return bytearray(b"".join(chance.choice(keys) + offset.to_bytes(8, "little") for offset in offsets))


@pytest.mark.parametrize("width", [8, 16])
@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize(("count", "distinct"), [(1, 1), (2, 1), (2, 2), (300, 40), (5000, 5000), (5000, 1)])
def test_arrays_make_the_same_bytes(width: int, count: int, distinct: int, crowded: bool) -> None:
    chance = random.Random(count * distinct)
    entries = collected(width, count, chance, distinct=distinct, crowded=crowded)
    entries += entries[-width - 8 :]  # a message with the same key twice has one entry
    for offset in (1000, 1023, 1024):
        expected = lay_out(INDEX_SYMBOL, width, bytearray(entries), offset)
        assert lay_out_arrays(INDEX_SYMBOL, width, bytearray(entries), offset) == expected


@pytest.mark.parametrize("width", [8, 16])
def test_keys_that_differ_late_and_at_the_extremes(width: int) -> None:
    keys = [n.to_bytes(width, "big") for n in (0, 1, 255, 256, 2 ** (8 * width) - 2, 2 ** (8 * width) - 1)]
    entries = b"".join(key + (n + 1000).to_bytes(8, "little") for n, key in enumerate(reversed(keys)))

    expected = lay_out(INDEX_SYMBOL, width, bytearray(entries), 64)
    assert lay_out_arrays(INDEX_SYMBOL, width, bytearray(entries), 64) == expected


@pytest.mark.parametrize("make", [lay_out, lay_out_arrays])
@pytest.mark.parametrize(("width", "hint"), [(8, "export with --ids 128"), (16, None)])
def test_an_id_that_two_records_have_is_refused(make: object, width: int, hint: str | None) -> None:
    key = bytes(range(width))
    entries = bytearray(key + (700).to_bytes(8, "little") + key + (800).to_bytes(8, "little"))
    with pytest.raises(SnapshotContentError, match=f"two records have the instrument id `{key.hex()}`") as caught:
        make(1, width, entries, 0)  # type: ignore[operator]
    assert caught.value.hint == hint


def test_many_entries_are_laid_out_like_few(monkeypatch: pytest.MonkeyPatch) -> None:
    def built(many: int) -> bytearray:
        monkeypatch.setattr("catalog.snapshot.index._MANY", many)
        indexes = Indexes(8)
        for n in range(1000):
            indexes.add_id(1, n.to_bytes(2, "big") * 8, n * 100)
        assert indexes.codes() == [1]
        return indexes.build(1, 777)

    assert built(many=0) == built(many=1 << 30)
