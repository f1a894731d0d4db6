"""Good snapshot files to start from, taken apart into messages and put together again with all sums and places right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from struct import Struct
from tempfile import TemporaryDirectory
from typing import NamedTuple
from zlib import crc32

from blake3 import blake3

from catalog.domain import Asset, Record, Stock, Token
from catalog.errors import CatalogError
from catalog.snapshot.entries import AnyEntry, Entry, SuccessionEntry, TombstoneEntry
from catalog.snapshot.index import LIST_BIT, Indexes
from catalog.snapshot.reader import Snapshot
from catalog.wire import layout
from catalog.wire.frame import HEADER, HEADER_SIZE, decode_message
from catalog.wire.layout import LAYOUTS
from catalog.wire.messages import (
    END_SIZE,
    INDEX_HEAD,
    IndexHead,
    count_name,
    decode_snapshot,
    encode_snapshot,
    slots_offset,
)
from tests.snapshot import support

U64 = Struct("<Q")
_END = Struct("<16Q32QQQ32s")
_DIGEST_AT = END_SIZE - 32
_RECORDS = {table.message for table in LAYOUTS.values()} | {layout.ALIAS, layout.SUCCESSION, layout.TOMBSTONE}


@dataclass
class Part:
    """One message: `place` is its offset in the good file, `lies` what its header says against the truth."""

    type: int
    payload: bytes
    sequence: int
    timestamp: int
    place: int
    lies: dict[str, int] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Header and payload, the lies included."""
        names = ("magic", "type", "version", "flags", "reserved", "payload_size", "sequence", "timestamp", "checksum")
        truth = (
            layout.MAGIC, self.type, layout.VERSION, 0, 0, len(self.payload),
            self.sequence, self.timestamp, crc32(self.payload),
        )  # fmt: skip
        return HEADER.pack(*(self.lies.get(name, said) for name, said in zip(names, truth, strict=True))) + self.payload


class Keys(NamedTuple):
    """What can be looked up in a good file."""

    ids: list[tuple[str, str]]  # (id, kind)
    texts: dict[str, list[str]]  # look-up → keys
    exchanges: list[tuple[str, str]]
    numbers: list[int]


class Good(NamedTuple):
    """A good file: its bytes, and what is in it."""

    name: str
    data: bytes
    width: int
    keys: Keys


@cache
def good_files() -> tuple[Good, ...]:
    """Small files of every sort; the first one is the one that is cut at each of its lengths."""
    universe = support.universe()
    gone = TombstoneEntry(8, support.id_of("a", "b", "c"), "listing", 0, 0)
    delta = support.numbered([*universe, gone])
    many: list[Record] = [Token(blockchain="eip155:1", address=f"0x{n:040x}", symbol=f"T{n % 4}") for n in range(1, 90)]
    many += [Stock(mic=mic, isin="US0378331005", currency="USD", ticker="T1") for mic in ("XNAS", "XETR", "XLON")]
    many += [Asset(exchange="binance", symbol=f"A{n}") for n in range(60)]
    crowd = support.numbered(map(support.entry_of, many))
    few = support.numbered(map(support.entry_of, (support.AAPL, support.NASDAQ, support.HOME)))
    return (
        _good("v2-64", support.golden("v2-64"), universe),
        _good("v2-128", support.golden("v2-128"), universe),
        _good("delta-64", _written(delta, 64, base_sequence=7), delta),
        _good("delta-128", _written(delta, 128, base_sequence=7), delta),
        _good("empty-64", _written([], 64), []),
        _good("few-128", _written(few, 128), few),
        _good("crowd-64", _written(crowd, 64), crowd),
    )


def _written(entries: list[AnyEntry], id_bits: int, base_sequence: int = 0) -> bytes:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "good"
        support.write(path, entries, id_bits, base_sequence=base_sequence)
        return path.read_bytes()


_TEXTS = {
    "isin": "by_isin", "cusip": "by_cusip", "figi": "by_figi", "composite_figi": "by_figi",
    "share_class_figi": "by_figi", "symbol": "by_symbol", "ticker": "by_symbol", "iso_code": "by_symbol",
    "name": "by_symbol", "address": "by_address",
}  # fmt: skip


def _good(name: str, data: bytes, entries: Iterable[AnyEntry]) -> Good:
    ids: list[tuple[str, str]] = []
    texts: dict[str, set[str]] = {look_up: set() for look_up in _TEXTS.values()}
    exchanges, numbers = set(), []
    for entry in entries:
        if isinstance(entry, SuccessionEntry):
            continue
        if not isinstance(entry, Entry):
            ids.append((entry.id.hex(), "instrument"))
            continue
        if entry.id:
            ids.append((entry.id.hex(), LAYOUTS[entry.record].kind))
        if entry.record == "event_type":
            numbers.append(int.from_bytes(entry.id[:4], "little"))
        for key, value in entry.values.items():
            if key in _TEXTS and isinstance(value, str):
                texts[_TEXTS[key]].add(value)
        symbol = entry.values.get("symbol") or entry.values.get("ticker")
        for place in ("exchange", "mic", "broker"):
            if symbol and entry.values.get(place):
                exchanges.add((entry.values[place], symbol))
                exchanges |= {(entry.values[place], other) for other in entry.values.get("other_symbols") or ()}
    keys = Keys(ids, {look_up: sorted(found) for look_up, found in texts.items()}, sorted(exchanges), numbers)
    return Good(name, data, data[HEADER_SIZE + 3] // 8, keys)


def take_apart(data: bytes) -> list[Part]:
    """The messages of a good file."""
    parts, at = [], 0
    while at < len(data):
        _, kind, _, _, _, size, sequence, timestamp, _ = HEADER.unpack_from(data, at)
        parts.append(Part(kind, data[at + HEADER_SIZE : at + HEADER_SIZE + size], sequence, timestamp, at))
        at += HEADER_SIZE + size
    return parts


def put_together(parts: list[Part]) -> bytes:
    """The bytes of the messages as they are."""
    return b"".join(part.encode() for part in parts)


def settle_sums(data: bytes) -> bytes:
    """The bytes with each checksum right, and the digest, as far as one header leads to the next."""
    found, at = bytearray(data), 0
    while at + HEADER_SIZE <= len(found):
        size = int.from_bytes(found[at + 8 : at + 12], "little")
        start, end = at + HEADER_SIZE, at + HEADER_SIZE + size
        if end > len(found):
            break
        if found[at + 4] == layout.END and size == END_SIZE:
            found[end - 32 : end] = blake3(found[:at]).digest()
        found[at + 28 : at + 32] = crc32(found[start:end]).to_bytes(4, "little")
        at = end
    return bytes(found)


def settle_places(parts: list[Part]) -> None:
    """Move indexes to where they now are, point their entries to where messages now are, and renew the end."""
    heads = {}
    moved: dict[int, int] = {}
    at = 0
    for part in parts:
        head = _true_head(part)
        if head is not None:
            new = head._replace(ofs_slots=slots_offset(at))
            slots = part.payload[head.ofs_slots - part.place - HEADER_SIZE :]
            part.payload = INDEX_HEAD.pack(*new).ljust(new.ofs_slots - at - HEADER_SIZE, b"\0") + slots
            heads[id(part)] = head, new
        moved.setdefault(part.place, at)
        at += HEADER_SIZE + len(part.payload)
    for part in parts:
        if id(part) in heads:
            part.payload = _repointed(part, *heads[id(part)], moved)
    settle_end(parts)


def _true_head(part: Part) -> IndexHead | None:
    """The head of an index that is as long as it says; None for all else."""
    if part.type != layout.INDEX or len(part.payload) < INDEX_HEAD.size:
        return None
    head = IndexHead(*INDEX_HEAD.unpack_from(part.payload))
    fits = head.ofs_slots >= part.place + HEADER_SIZE + INDEX_HEAD.size and head.key_width in (8, 16)
    return head if fits and head.end == part.place + HEADER_SIZE + len(part.payload) else None


def _repointed(part: Part, old: IndexHead, new: IndexHead, moved: dict[int, int]) -> bytes:
    payload = bytearray(part.payload)
    start = len(payload) - (old.end - old.ofs_slots)

    def change(at: int, to: Callable[[int], int]) -> None:
        if 0 <= at <= len(payload) - 8:
            (value,) = U64.unpack_from(payload, at)
            U64.pack_into(payload, at, to(value) & 0xFFFF_FFFF_FFFF_FFFF)

    def follow(value: int) -> int:
        if value >= LIST_BIT:
            return value + new.ofs_postings - old.ofs_postings
        return moved.get(value, value)

    for slot in range(old.num_slots):
        change(start + slot * old.slot_size + old.key_width, follow)
    at, end = start + old.num_slots * old.slot_size, len(payload)
    while at <= end - 8:
        (count,) = U64.unpack_from(payload, at)
        for place in range(at + 8, min(at + 8 + 8 * count, end), 8):
            change(place, lambda value: moved.get(value, value))
        at += 8 + 8 * count
    return bytes(payload)


def settle_end(parts: list[Part]) -> None:
    """Sections, indexes, number of messages, size and digest of the last message, when it is an end."""
    if not parts or parts[-1].type != layout.END:
        return
    sections, indexes = [0] * layout.NUM_SECTION_PLACES, [0] * layout.NUM_INDEX_PLACES
    at = 0
    for part in parts[:-1]:
        if part.type in _RECORDS:
            sections[part.type] = sections[part.type] or at
        elif part.type == layout.INDEX and part.payload and part.payload[0] < layout.NUM_INDEX_PLACES:
            indexes[part.payload[0]] = indexes[part.payload[0]] or at
        at += HEADER_SIZE + len(part.payload)
    digest = blake3(put_together(parts[:-1])).digest()
    size = at + HEADER_SIZE + END_SIZE
    parts[-1].payload = _END.pack(*sections, *indexes, len(parts), size, digest)


def settle_content(parts: list[Part]) -> None:
    """Make counts and indexes anew from the records, as a writer would; what cannot be read is left as it is."""
    try:
        _renew_counts(parts)
        settle_places(parts)
        snapshot = Snapshot(put_together(parts), Path("settled"))
        indexes = _collect(snapshot, parts)
        end = parts.pop()
        parts[:] = [part for part in parts if part.type != layout.INDEX]
        at = len(put_together(parts))
        for code in indexes.codes():
            payload = bytes(indexes.build(code, at))
            parts.append(Part(layout.INDEX, payload, end.sequence, end.timestamp, at))
            at += HEADER_SIZE + len(payload)
        parts.append(end)
    except CatalogError:
        pass
    settle_end(parts)


def _renew_counts(parts: list[Part]) -> None:
    codes = Counter(
        (part.type, part.payload[16] if part.type == layout.INSTRUMENT and len(part.payload) > 16 else 0)
        for part in parts
        if part.type in _RECORDS
    )
    counts = {count_name(code): n for code, n in codes.items()}
    if parts and parts[0].type == layout.SNAPSHOT:
        parts[0].payload = encode_snapshot(decode_snapshot(parts[0].payload, HEADER_SIZE)._replace(counts=counts))


def _collect(snapshot: Snapshot, parts: list[Part]) -> Indexes:
    indexes = Indexes(snapshot.header.id_bits // 8)
    at = 0
    for part in parts:
        message = decode_message(snapshot.data, at)
        if part.type == layout.ALIAS:
            indexes.add_id(1, snapshot.alias_entry(message).id, at)
        elif part.type == layout.SUCCESSION:
            entry = snapshot.succession_entry(message)
            indexes.add_reference(layout.INDEX_SUCCESSION, entry.predecessor, at)
            indexes.add_reference(layout.INDEX_SUCCESSION, entry.successor, at)
        elif part.type in layout.MESSAGE_KINDS:
            indexes.add_record(*snapshot.decode(message), at)
        at += HEADER_SIZE + len(part.payload)
    return indexes
