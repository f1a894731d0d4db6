"""The open-addressing tables of docs/protocol.md §8: how they are laid out, and how the writer makes them.

Keys are hashes, and an entry's home slot grows with its key. So a table is its sorted entries, each pushed to the
first free slot from its home on: it is written front to back, two writers make the same bytes, and no probe wraps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from struct import Struct
from typing import Any, NamedTuple

from blake3 import blake3

from catalog.snapshot.faults import SnapshotContentError
from catalog.wire.frame import HEADER_SIZE
from catalog.wire.layout import (
    EXCHANGE_SYMBOLS,
    INDEX_EXCHANGE_SYMBOL,
    INDEX_NAMES,
    INDEX_NUMBER,
    INDEX_PAIR_LEGS,
    INDEX_POOL_LEGS,
    INDEXED_FIELDS,
    INDEXED_REFERENCES,
    KIND_CODES,
    LAST_ID_INDEX,
    LAYOUTS,
    OTHER_SYMBOLS,
)
from catalog.wire.messages import INDEX_HEAD, slots_offset

#: The bit of a slot's value that says: the rest is the offset of a list of offsets.
LIST_BIT = 1 << 63
#: From this many bytes of entries on, numpy is worth its import, if it is there.
_MANY = 1 << 21
_LENGTHS = [bytes((n,)) for n in range(256)]


def hash_key(message: bytes) -> bytes:
    """The 16 bytes that a text key is found under; a file with 64-bit ids uses the first 8."""
    return blake3(message).digest(length=16)


def pair_key(first: bytes, second: bytes) -> bytes:
    """The message of a key of two parts: each as u8 length and bytes."""
    return _LENGTHS[len(first)] + first + _LENGTHS[len(second)] + second


class Indexes:
    """All indexes of one file: what the writer collects, and what `verify` collects again to compare.

    Entries wait as packed bytes (key, offset), one buffer for each index, in the order of the file.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._entries: dict[int, bytearray] = {}
        self._venues: dict[str, bytes] = {}
        self._plans: dict[str, _Plan] = {}
        self._exchange_symbols = self._of(INDEX_EXCHANGE_SYMBOL)

    def codes(self) -> list[int]:
        """The indexes that have entries, ascending."""
        return sorted(code for code, entries in self._entries.items() if entries)

    def build(self, code: int, offset: int) -> bytearray:
        """The payload of the index message at `offset`; the collected entries are used up."""
        entries = self._entries.pop(code)
        if len(entries) >= _MANY:
            try:
                from catalog.snapshot.index_arrays import lay_out_arrays
            except ImportError:  # numpy makes it faster, and nothing else
                pass
            else:
                return lay_out_arrays(code, self._width, entries, offset)
        return lay_out(code, self._width, entries, offset)

    def add_id(self, kind: int, id: bytes, offset: int) -> None:
        """Note the id of an alias, or of any record."""
        entries = self._of(kind)
        entries += id[: self._width] + offset.to_bytes(8, "little")

    def add_reference(self, code: int, id: bytes, offset: int) -> None:
        """Note a message under the id of another record, in an index whose keys are ids."""
        entries = self._of(code)
        entries += id[: self._width] + offset.to_bytes(8, "little")

    def add_record(self, record: str, id: bytes, values: Mapping[str, Any], offset: int) -> None:
        """Note every key of a record: its id and its text keys, as `layout` says which."""
        plan = self._plans.get(record)
        if plan is None:
            plan = self._plans[record] = self._plan(record)
        place, width, get = offset.to_bytes(8, "little"), self._width, values.get
        if id:
            entries = plan.ids
            entries += id[:width] + place
        for field, entries in plan.fields:
            value = get(field)
            if value is not None:
                entries += blake3(value.encode()).digest(length=width) + place
        if plan.exchanges:
            symbol = get(plan.symbol)
            exchange = next((said for name in plan.exchanges if (said := get(name)) is not None), None)
            if symbol is not None and exchange is not None:
                self._add_exchange_symbol(exchange.encode(), symbol, place)
                for other in (get(plan.others) or ()) if plan.others else ():
                    self._add_exchange_symbol(exchange.encode(), other, place)
        if plan.reference:
            named = get(plan.reference)
            if named is not None:
                entries = plan.referrers
                entries += bytes.fromhex(named)[:width] + place
        if plan.special:
            plan.special(id, values, place)

    def _add_venue(self, id: bytes, values: Mapping[str, Any], place: bytes) -> None:  # noqa: ARG002
        self._venues[id.hex()] = (values.get("mic") or values.get("slug") or "").encode()

    def _add_pair(self, id: bytes, values: Mapping[str, Any], place: bytes) -> None:  # noqa: ARG002
        width = self._width
        legs = bytes.fromhex(values["base_id"])[:width] + bytes.fromhex(values["quote_id"])[:width]
        self._add_hashed(INDEX_PAIR_LEGS, legs, place)

    def _add_pool(self, id: bytes, values: Mapping[str, Any], place: bytes) -> None:  # noqa: ARG002
        for legs in combinations(sorted(bytes.fromhex(id_of_token(token)) for token in values["tokens"]), 2):
            self._add_hashed(INDEX_POOL_LEGS, b"".join(leg[: self._width] for leg in legs), place)

    def _add_event_type(self, id: bytes, values: Mapping[str, Any], place: bytes) -> None:  # noqa: ARG002
        self._add_hashed(INDEX_NUMBER, id[:4], place)

    def _add_listing(self, id: bytes, values: Mapping[str, Any], place: bytes) -> None:  # noqa: ARG002
        exchange = self._venues.get(values["venue_id"])
        if exchange is None:
            raise SnapshotContentError(f"a listing names the venue `{values['venue_id']}`, which is not in the file")
        if values.get("symbol") is not None:
            self._add_exchange_symbol(exchange, values["symbol"], place)

    def _add_exchange_symbol(self, exchange: bytes, symbol: str, place: bytes) -> None:
        self._exchange_symbols += blake3(pair_key(exchange, symbol.encode())).digest(length=self._width) + place

    def _add_hashed(self, code: int, message: bytes, place: bytes) -> None:
        entries = self._of(code)
        entries += blake3(message).digest(length=self._width) + place

    def _plan(self, record: str) -> _Plan:
        kind = KIND_CODES[LAYOUTS[record].kind]
        exchanges, symbol = EXCHANGE_SYMBOLS.get(record, ((), ""))
        fields = [(field, self._of(code)) for field, code in INDEXED_FIELDS.get(record, ())]
        ids = self._of(kind) if LAYOUTS[record].has_id else bytearray()
        reference, code = INDEXED_REFERENCES.get(record, ("", 0))
        special = {
            "venue": self._add_venue,
            "pair": self._add_pair,
            "pool": self._add_pool,
            "listing": self._add_listing,
            "event_type": self._add_event_type,
        }
        referrers = self._of(code) if code else bytearray()
        others = OTHER_SYMBOLS.get(record, "")
        return _Plan(ids, fields, exchanges, symbol, others, reference, referrers, special.get(record))

    def _of(self, code: int) -> bytearray:
        return self._entries.setdefault(code, bytearray())


class _Plan(NamedTuple):
    """Where the keys of one record type go."""

    ids: bytearray
    fields: list[tuple[str, bytearray]]
    exchanges: tuple[str, ...]
    symbol: str
    others: str
    reference: str
    referrers: bytearray
    special: Callable[[bytes, Mapping[str, Any], bytes], None] | None


def id_of_token(token: Any) -> str:
    """The instrument id of a pool's token, a mapping or an object."""
    found: str = token["instrument_id"] if isinstance(token, Mapping) else token.instrument_id
    return found


def lay_out(code: int, width: int, collected: bytearray, offset: int) -> bytearray:
    """The payload of the index message at `offset`, of entries (key, offset of a message)."""
    size = width + 8
    postings: list[int] = []
    num_keys = 0
    buckets = [bytearray() for _ in range(256)]  # by the key's first byte: only a part is ever sorted as objects
    for at in range(0, len(collected), size):
        bucket = buckets[collected[at]]
        bucket += collected[at : at + size]
    for n, bucket in enumerate(buckets):
        if not bucket:
            continue
        entries = sorted([bytes(bucket[at : at + size]) for at in range(0, len(bucket), size)])
        if len({entry[:width] for entry in entries}) != len(entries):
            entries = _with_lists(code, width, entries, postings)
        num_keys += len(entries)
        buckets[n] = bytearray(b"".join(entries))
    num_home = 2 * num_keys
    ofs_slots = slots_offset(offset)
    first = ofs_slots - offset - HEADER_SIZE  # where the slots begin in the payload, behind head and padding
    payload = bytearray(first + num_home * size)
    head_of = Struct(f">I{size - 4}x").iter_unpack
    lists: list[int] = []
    last, longest = -1, 1
    for n, bucket in enumerate(buckets):
        at = 0
        for (head,) in head_of(bucket):
            home = head * num_home >> 32
            if home > last:
                last = home
            else:
                last += 1
                if last - home >= longest:
                    longest = last - home + 1
            start = first + last * size
            payload[start : start + size] = bucket[at : at + size]
            at += size
            if bucket[at - 1] & 0x80:
                lists.append(start + width)
        buckets[n] = bytearray()
    num_slots = num_home + longest - 1
    payload += bytes(first + num_slots * size - len(payload))
    ofs_postings = ofs_slots + num_slots * size
    for at in lists:  # their values count from the first list, whose place is known only now
        value = int.from_bytes(payload[at : at + 8], "little") + ofs_postings
        payload[at : at + 8] = value.to_bytes(8, "little")
    payload += Struct(f"<{len(postings)}Q").pack(*postings)
    INDEX_HEAD.pack_into(payload, 0, code, width, 0, num_keys, num_home, num_slots, longest, len(postings), ofs_slots)
    return payload


def _with_lists(code: int, width: int, entries: list[bytes], postings: list[int]) -> list[bytes]:
    """The sorted entries with every key once: those with several answers point to a new list in `postings`."""
    found = []
    at, end = 0, len(entries)
    while at < end:
        entry = entries[at]
        key = entry[:width]
        at += 1
        if at == end or entries[at][:width] != key:
            found.append(entry)
            continue
        group = {entry[width:]}
        while at < end and entries[at][:width] == key:
            group.add(entries[at][width:])
            at += 1
        offsets = sorted([int.from_bytes(place, "little") for place in group])
        if len(offsets) == 1:
            found.append(entry)
        elif code <= LAST_ID_INDEX:
            raise same_id(code, key)
        else:
            found.append(key + (LIST_BIT | 8 * len(postings)).to_bytes(8, "little"))
            postings += (len(offsets), *offsets)
    return found


def same_id(code: int, key: bytes) -> SnapshotContentError:
    """Two records that an index of ids could not tell apart."""
    hint = "export with --ids 128" if len(key) == 8 else None
    return SnapshotContentError(f"two records have the {INDEX_NAMES[code]} `{key.hex()}` in this file", hint)
