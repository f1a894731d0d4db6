"""Formats before and after this one: version 1 is read as it always was; of a made-up version 3 what is not known is
passed over, and what is known is found."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from catalog.domain import RECORDS, Record
from catalog.errors import UnsupportedVersion
from catalog.snapshot import Snapshot
from catalog.snapshot.entries import AliasEntry, AnyEntry, Entry, SuccessionEntry
from catalog.snapshot.index import Indexes
from catalog.snapshot.show import cat
from catalog.snapshot.verify import verify
from catalog.wire import layout
from catalog.wire.frame import Message, decode_stream, encode_message
from catalog.wire.messages import EndMessage, encode_end
from tests.snapshot import support
from tests.snapshot.support import AAPL, INSTRUMENTS, PAIR

INDEX_FUND = 10  # an instrument type that version 2 does not have
FUND = b"\x11" * 16 + bytes((INDEX_FUND,)) + b"a fund, which version 2 cannot read"
BOND = 0x0F  # a message type that version 2 does not have
BONDS = b"\x22" * 16 + b"a bond"


def version_3(id_bits: int) -> bytes:
    """The universe as a later version might write it.

    Bytes stand behind every payload; there are unknown messages, an instrument of an unknown type, a bond, another
    vocabulary, another index, and their counts. What version 2 defines is as version 2 defines it.
    """
    good = support.golden(f"v2-{id_bits}")
    indexes = Indexes(id_bits // 8)
    data = bytearray()
    sections, places = [0] * 16, [0] * 32
    number = 0

    def emit(type: int, payload: bytes | bytearray, like: Message) -> None:
        nonlocal number
        if type < 16 and type != layout.VOCABULARY:
            sections[type] = sections[type] or len(data)
        data.extend(encode_message(type, payload, like.sequence, like.timestamp_ns))
        number += 1

    by_offset = dict(zip(record_offsets(good), support.universe(), strict=True))
    for message in decode_stream(good):
        if message.type == layout.PAIR:
            emit(BOND, BONDS, message)
        entry = by_offset.get(message.offset)
        add_to(indexes, entry, len(data))
        if message.type == layout.SNAPSHOT:
            emit(layout.SNAPSHOT, with_counts(message.payload) + b"new", message)
        elif message.type == layout.INDEX:
            code = message.payload[0]
            places[code] = len(data)
            emit(layout.INDEX, indexes.build(code, len(data)) + b"new", message)
        elif message.type == layout.END:
            places[30] = len(data)
            indexes.add_id(30, BONDS[:16], sections[BOND])
            emit(layout.INDEX, indexes.build(30, len(data)), message)
            size = len(data) + 32 + len(message.payload)
            end = EndMessage(tuple(sections), tuple(places), number + 1, size, blake3(bytes(data)).digest())
            emit(layout.END, encode_end(end), message)
        else:
            emit(message.type, message.payload + b"new", message)
        if message.payload.startswith(b"\x0avenue_type"):
            emit(layout.VOCABULARY, b"\x05zebra\x01\x00\x01\x00\x01z", message)
            emit(0x7E, b"an unknown message", message)
        if isinstance(entry, Entry) and entry.record in ("etf", "pair"):
            emit(*{"etf": (1, FUND), "pair": (0x7E, b"another")}[entry.record], message)
    return bytes(data)


def add_to(indexes: Indexes, entry: AnyEntry | None, offset: int) -> None:
    """Note the keys of what stands at `offset`."""
    if isinstance(entry, AliasEntry):
        indexes.add_id(1, entry.id, offset)
    elif isinstance(entry, SuccessionEntry):
        for id in (entry.predecessor, entry.successor):
            indexes.add_reference(layout.INDEX_SUCCESSION, id, offset)
    elif isinstance(entry, Entry):
        indexes.add_record(entry.record, entry.id, entry.values, offset)


def record_offsets(data: bytes) -> list[int]:
    return [m.offset for m in decode_stream(data) if m.type < 0x0D or m.type == layout.SUCCESSION]


def with_counts(payload: bytes) -> bytes:
    """A snapshot payload of version 3, with counts of a fund and a bond added."""
    end = 54 + 10 * payload[52]
    rows = sorted([*struct.iter_unpack("<BBQ", payload[54:end]), (1, INDEX_FUND, 1), (BOND, 0, 1)])
    table = b"".join(struct.pack("<BBQ", *row) for row in rows)
    return b"\3\0" + payload[2:52] + struct.pack("<H", len(rows)) + table + payload[end:]


def expected() -> list[Record]:
    by_values = {(r.record, r.identity): r for r in support.RECORDS}
    entries = [e for e in support.universe() if isinstance(e, Entry)]
    return [by_values[e.record, RECORDS[e.record](**known(e)).identity] for e in entries]


def known(entry: Entry) -> dict[str, Any]:
    return {name: value for name, value in entry.values.items() if value is not None}


def test_a_version_2_reader_reads_what_a_version_3_adds(tmp_path: Path) -> None:
    path = tmp_path / "v3.snap"
    path.write_bytes(version_3(64))
    with Snapshot.open(path) as snapshot:
        assert snapshot.header.format_version == 3
        assert list(snapshot.records()) == expected()
        assert snapshot.get(AAPL.id) == AAPL
        assert snapshot.get(support.ALIASES[0].id) == AAPL
        assert snapshot.by_symbol("AAPL") == [AAPL]
        assert snapshot.get(PAIR.id, "pair") == PAIR
        assert len(list(snapshot.aliases())) == len(list(snapshot.tombstones())) == 2
        assert len(snapshot) == len(list(snapshot)) == INSTRUMENTS
    assert verify(path).problems == []
    names = [line["message"] for line in cat(path)]
    assert names.count("unknown") == 4


def test_a_flip_in_what_is_not_known_is_still_found(tmp_path: Path) -> None:
    path = tmp_path / "v3.snap"
    good = version_3(64)
    for words in (b"which version 2 cannot read", b"an unknown message", b"a bond", b"new"):
        flipped = bytearray(good)
        flipped[good.index(words)] ^= 1
        path.write_bytes(flipped)
        assert not verify(path).ok


def test_another_header_version_is_refused(tmp_path: Path) -> None:
    data = bytearray(support.golden("v2-64"))
    data[5] = 2
    path = tmp_path / "other.snap"
    path.write_bytes(data)
    with pytest.raises(UnsupportedVersion, match="at byte 5, version: expected 1, found 2"):
        Snapshot.open(path)
