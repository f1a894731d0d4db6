"""Lays an index out with numpy: the same bytes as `index.lay_out`, for files of many records.

The reader never comes here, and the writer does without where numpy is not installed. Keys and values are columns of
64-bit numbers; a number that stands for key bytes is big-endian, so that numbers are in the order of the bytes.
"""

from __future__ import annotations

from typing import Any

import numpy

from catalog.snapshot.index import LIST_BIT, same_id
from catalog.wire.frame import HEADER_SIZE
from catalog.wire.layout import LAST_ID_INDEX
from catalog.wire.messages import INDEX_HEAD, slots_offset

_Array = Any


def lay_out_arrays(code: int, width: int, collected: bytearray, offset: int) -> bytearray:
    """The payload of the index message at `offset`, of entries (key, offset of a message) by ascending offset.

    `collected` is empty afterwards: what is used up is freed at once, since ten million keys weigh something.
    """
    size = width + 8
    entries = _sorted(collected, size // 8)
    starts = numpy.flatnonzero(_changes(entries[:, :-1]))
    postings = numpy.empty(0, "<u8")
    if len(starts) != len(entries):
        if code <= LAST_ID_INDEX:
            twice = int(starts[numpy.diff(starts, append=len(entries)) > 1][0])
            raise same_id(code, entries[twice, :-1].tobytes())
        entries, postings = _with_lists(entries, starts)
    del starts
    num_home = 2 * len(entries)
    places, longest = _places(entries, num_home)
    num_slots = num_home + longest - 1
    ofs_slots = slots_offset(offset)
    first = ofs_slots - offset - HEADER_SIZE
    payload = bytearray(first + num_slots * size + postings.nbytes)
    INDEX_HEAD.pack_into(
        payload, 0, code, width, 0, len(entries), num_home, num_slots, longest, len(postings), ofs_slots
    )
    values = entries[:, -1]
    values[values >= LIST_BIT] += numpy.uint64(ofs_slots + num_slots * size)
    numpy.frombuffer(payload, "<u8", num_slots * size // 8, first).reshape(num_slots, -1)[places] = entries
    payload[first + num_slots * size :] = postings.tobytes()
    return payload


def _sorted(collected: bytearray, columns: int) -> _Array:
    """The entries in ascending order of key and offset, each once; `collected` is emptied."""
    found = numpy.frombuffer(collected, "<u8").reshape(-1, columns)
    order = numpy.lexsort([found[:, n].byteswap() for n in reversed(range(columns - 1))])  # keeps the order of offsets
    entries = found[order]
    del found, order
    collected.clear()
    fresh = _changes(entries)
    return entries if fresh.all() else entries[fresh]


def _places(entries: _Array, num_home: int) -> tuple[_Array, int]:
    """The slot of each entry, and `max_probe`.

    An entry stands at its home or right behind the one before it. Less its number, that is the running maximum.
    """
    homes = entries[:, 0].byteswap()
    homes >>= 32
    homes *= num_home
    homes >>= 32
    homes = homes.view("<i8")
    numbers = numpy.arange(len(entries))
    places = homes - numbers
    numpy.maximum.accumulate(places, out=places)
    places += numbers
    return places, int((places - homes).max()) + 1


def _changes(rows: _Array) -> _Array:
    """Whether each row differs from the one before it."""
    found = numpy.ones(len(rows), bool)
    numpy.any(rows[1:] != rows[:-1], axis=1, out=found[1:])
    return found


def _with_lists(entries: _Array, starts: _Array) -> tuple[_Array, _Array]:
    """Every key once, and the postings: those with several answers point to a list, counted from the first list."""
    counts = numpy.diff(starts, append=len(entries))
    several = counts > 1
    lists = counts[several]
    at = numpy.cumsum(lists + 1) - lists - 1
    postings = numpy.empty(int((lists + 1).sum()), "<u8")
    is_count = numpy.zeros(len(postings), bool)
    is_count[at] = True
    postings[at] = lists
    postings[~is_count] = entries[numpy.repeat(several, counts), -1]
    keys = entries[starts]
    keys[several, -1] = numpy.uint64(LIST_BIT) + 8 * at.astype("u8")
    return keys, postings
