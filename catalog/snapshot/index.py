"""The open-addressing tables of docs/protocol.md §7: how they are laid out, and how the writer makes them.

Keys are hashes, and an entry's home slot grows with its key. So a table is its sorted entries, each pushed to the
first free slot from its home on: it is written front to back, two writers make the same bytes, and no probe wraps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blake3 import blake3

from catalog.snapshot.faults import SnapshotContentError
from catalog.wire.layout import (
    EXCHANGE_SYMBOLS,
    INDEX_EXCHANGE_SYMBOL,
    INDEX_LISTINGS,
    INDEX_NAMES,
    INDEX_PAIR_LEGS,
    INDEXED_FIELDS,
    KIND_CODES,
    LAST_ID_INDEX,
    LAYOUTS,
)
from catalog.wire.messages import INDEX_HEAD, IndexHead, slots_offset

#: The bit of a slot's value that says: the rest is the offset of a list of offsets.
LIST_BIT = 1 << 63
_BUCKETS = 256


def hash_key(message: bytes) -> bytes:
    """The 16 bytes that a text key is found under; a file with 64-bit ids uses the first 8."""
    return blake3(message).digest(length=16)


def pair_key(first: bytes, second: bytes) -> bytes:
    """The message of a key of two parts: each as u8 length and bytes."""
    return b"%c%b%c%b" % (len(first), first, len(second), second)


class Indexes:
    """All indexes of one file: what the writer collects, and what `verify` collects again to compare."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._builders: dict[int, IndexBuilder] = {}
        self._venues: dict[str, str] = {}

    def codes(self) -> list[int]:
        """The indexes that have entries, ascending."""
        return sorted(self._builders)

    def build(self, code: int, offset: int) -> bytes:
        """The payload of an index message at `offset`; the collected entries are used up."""
        return self._builders.pop(code).build(offset)

    def add_id(self, kind: int, id: bytes, offset: int) -> None:
        self._add(kind, id, offset)

    def add_record(self, record: str, id: bytes, values: Mapping[str, Any], offset: int) -> None:
        """Note every key of a record: its id and its text keys, as `layout` says which."""
        if id:
            self._add(KIND_CODES[LAYOUTS[record].kind], id, offset)
            if record == "venue":
                self._venues[id.hex()] = values.get("mic") or values.get("slug") or ""
        else:
            self._add_listing(values, offset)
        for field, code in INDEXED_FIELDS[record]:
            value = values.get(field)
            if value is not None:
                self._add(code, hash_key(value.encode()), offset)
        names = EXCHANGE_SYMBOLS.get(record)
        if names is not None:
            self._add_exchange_symbol(values[names[0]], values.get(names[1]), offset)
        if record == "pair":
            width = self._width
            legs = bytes.fromhex(values["base_id"])[:width] + bytes.fromhex(values["quote_id"])[:width]
            self._add(INDEX_PAIR_LEGS, hash_key(legs), offset)

    def _add_listing(self, values: Mapping[str, Any], offset: int) -> None:
        self._add(INDEX_LISTINGS, bytes.fromhex(values["instrument_id"]), offset)
        exchange = self._venues.get(values["venue_id"])
        if exchange is None:
            raise SnapshotContentError(f"a listing names the venue `{values['venue_id']}`, which is not in the file")
        self._add_exchange_symbol(exchange, values.get("symbol"), offset)

    def _add_exchange_symbol(self, exchange: str, symbol: str | None, offset: int) -> None:
        if symbol is not None:
            self._add(INDEX_EXCHANGE_SYMBOL, hash_key(pair_key(exchange.encode(), symbol.encode())), offset)

    def _add(self, code: int, key: bytes, offset: int) -> None:
        builder = self._builders.get(code)
        if builder is None:
            builder = self._builders[code] = IndexBuilder(code, self._width)
        builder.add(key, offset)


class IndexBuilder:
    """Collects (key, offset) pairs of one index and lays them out.

    Entries wait as packed bytes, split by the key's first byte so that only a part is ever sorted as objects.
    """

    def __init__(self, code: int, width: int) -> None:
        self.code, self.width = code, width
        self._buckets = [bytearray() for _ in range(_BUCKETS)]

    def add(self, key: bytes, offset: int) -> None:
        """Note that `key` (at least `width` bytes) is answered by the message at `offset`."""
        self._buckets[key[0]] += key[: self.width] + offset.to_bytes(8, "big")

    def __bool__(self) -> bool:
        return any(self._buckets)

    def groups(self) -> Iterator[tuple[bytes, list[int]]]:
        """Keys in ascending order, each with its offsets in ascending order, every offset once."""
        width, size = self.width, self.width + 8
        for n, bucket in enumerate(self._buckets):
            entries = sorted([bytes(bucket[i : i + size]) for i in range(0, len(bucket), size)])
            self._buckets[n] = bytearray()
            last, offsets = b"", list[int]()
            for entry in entries:
                key, offset = entry[:width], int.from_bytes(entry[width:], "big")
                if key != last:
                    if offsets:
                        yield last, offsets
                    last, offsets = key, [offset]
                elif offset != offsets[-1]:
                    offsets.append(offset)
            if offsets:
                yield last, offsets

    def build(self, offset: int) -> bytes:
        """The payload of the table in the message at `offset` of the file. The collected entries are used up."""
        keys, values, postings = bytearray(), [], bytearray()
        unique = self.code <= LAST_ID_INDEX
        for key, offsets in self.groups():
            keys += key
            if len(offsets) == 1:
                values.append(offsets[0])
            elif unique:
                raise SnapshotContentError(
                    f"two records have the {INDEX_NAMES[self.code]} `{key.hex()}` in this file",
                    "export with --ids 128" if self.width == 8 else None,
                )
            else:
                values.append(LIST_BIT | len(postings))
                postings += len(offsets).to_bytes(8, "little")
                postings += b"".join([n.to_bytes(8, "little") for n in offsets])
        return _lay_out(self.code, self.width, bytes(keys), values, bytes(postings), offset)


def _lay_out(code: int, width: int, keys: bytes, values: list[int], postings: bytes, offset: int) -> bytes:
    num_keys = len(values)
    num_home = 2 * num_keys
    size = width + 8
    ofs_slots = slots_offset(offset)
    slots: list[int] = []
    last, longest = -1, 1
    for at in range(0, num_keys * width, width):
        home = int.from_bytes(keys[at : at + 4], "big") * num_home >> 32
        last = home if home > last else last + 1
        slots.append(last)
        if last - home >= longest:
            longest = last - home + 1
    num_slots = num_home + longest - 1
    ofs_postings = ofs_slots + num_slots * size
    table = bytearray(num_slots * size)
    at = 0
    for slot, value in zip(slots, values, strict=True):
        start = slot * size
        if value >= LIST_BIT:
            value += ofs_postings
        table[start : start + size] = keys[at : at + width] + value.to_bytes(8, "little")
        at += width
    head = IndexHead(code, width, 0, num_keys, num_home, num_slots, longest, len(postings) // 8, ofs_slots)
    padding = bytes(ofs_slots - offset - 32 - INDEX_HEAD.size)
    return b"".join((INDEX_HEAD.pack(*head), padding, table, postings))
