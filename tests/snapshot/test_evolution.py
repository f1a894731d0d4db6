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
from catalog.snapshot.apply import apply
from catalog.snapshot.entries import AliasEntry, AnyEntry, Entry, SuccessionEntry
from catalog.snapshot.faults import DeltaRefused
from catalog.snapshot.index import Indexes
from catalog.snapshot.show import cat
from catalog.snapshot.verify import verify
from catalog.wire import layout
from catalog.wire.frame import Message, decode_stream, encode_message
from catalog.wire.messages import EndMessage, encode_end
from tests.snapshot import independent_apply, support
from tests.snapshot.independent_decoder import Refused, decode
from tests.snapshot.support import AAPL, BINANCE, BTC, INSTRUMENTS, PAIR, entry_of

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


@pytest.mark.parametrize("id_bits", [64, 128])
def test_a_file_of_version_1_is_read_and_written_as_it_was(tmp_path: Path, id_bits: int) -> None:
    """Its pairs end before `other_symbols`; to every reader that is a null."""
    path, good = tmp_path / "v1.snap", support.golden(f"v1-{id_bits}")
    path.write_bytes(good)
    assert verify(path).problems == []
    plain = PAIR.replace(other_symbols=None)
    with Snapshot.open(path) as snapshot:
        assert snapshot.header.format_version == 1
        assert list(snapshot.records()) == [plain if record == PAIR else record for record in expected()]
        assert snapshot.view(PAIR.id, "pair").other_symbols is None
        assert snapshot.by_exchange_symbol("binance", "BTC/USDT") == []
        assert snapshot.to_arrow("pair")["other_symbols"].to_pylist() == [None]
    support.write(tmp_path / "again", universe_1(), id_bits, format_version=1)
    assert (tmp_path / "again").read_bytes() == good
    assert decode(good).of("pair")[0]["other_symbols"] is None


def universe_1() -> list[AnyEntry]:
    """The universe without what version 1 lacks."""
    return [
        e._replace(values={**e.values, "other_symbols": None}) if isinstance(e, Entry) and e.record == "pair" else e
        for e in support.universe()
    ]


def test_deltas_of_version_1_make_what_they_made(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("v1-64", "v1-64-delta", "v1-64-later")]
    for path in paths:
        path.write_bytes(support.golden(path.name))
    apply(paths[0], [paths[1]], tmp_path / "applied")
    assert (tmp_path / "applied").read_bytes() == paths[2].read_bytes()


@pytest.mark.parametrize("id_bits", [64, 128])
def test_a_delta_of_version_2_leads_on_from_version_1(tmp_path: Path, id_bits: int) -> None:
    """What did not change has the same bytes in both, so that they lead to the file that version 2 would write."""
    base, delta, later = (tmp_path / name for name in ("base", "delta", "later"))
    base.write_bytes(support.golden(f"v1-{id_bits}"))
    changed = entry_of(BTC.replace(name="Bitcoin"), 36, support.AS_OF_NS + 1000)
    head: dict[str, Any] = {"as_of_sequence": 36, "as_of_ns": changed.timestamp_ns, "horizon_ns": 0}
    support.write(delta, support.in_order([changed, entry_of(BINANCE)]), id_bits, base_sequence=35, **head)
    apply(base, [delta], later)
    assert verify(later).problems == []
    entries = [changed if getattr(e, "id", b"") == changed.id else e for e in universe_1()]
    entries = [entry_of(BINANCE) if getattr(e, "id", b"") == BINANCE.id.bytes else e for e in entries]
    support.write(tmp_path / "written", entries, id_bits, **head)
    assert later.read_bytes() == (tmp_path / "written").read_bytes()
    assert independent_apply.apply(base.read_bytes(), [delta.read_bytes()]) == later.read_bytes()


def test_a_delta_of_an_older_version_than_its_base_is_refused(tmp_path: Path) -> None:
    base, delta = tmp_path / "base", tmp_path / "delta"
    base.write_bytes(support.golden("v2-64"))
    delta.write_bytes(support.golden("v1-64-delta"))
    with pytest.raises(DeltaRefused, match="its format version is 1, and the snapshot's is 2 already"):
        apply(base, [delta], tmp_path / "later")
    with pytest.raises(Refused, match="format_version"):
        independent_apply.apply(base.read_bytes(), [delta.read_bytes()])


@pytest.mark.parametrize(
    ("version", "tail", "problem"),
    [
        (1, "01 0100 0141", "pair.other_symbols: there is no such field before format version 2"),
        (1, "00", "the payload is not the one form that its content has"),
        (2, "00", "the payload is not the one form that its content has"),
        (2, "02", "pair.other_symbols: expected a presence byte of 0 or 1, found 2"),
        (2, "01 0100 07425443555344 54", "`BTCUSDT`: it is the symbol itself"),
    ],
)
def test_a_pair_that_ends_otherwise_is_found(tmp_path: Path, version: int, tail: str, problem: str) -> None:
    path = tmp_path / "bad"
    support.write(tmp_path / "good", universe_1(), format_version=version)
    good = decode((tmp_path / "good").read_bytes())
    things = [
        thing._replace(payload=thing.payload + bytes.fromhex(tail)) if thing.type == layout.PAIR else thing
        for thing in independent_apply.things_of(good, good)
    ]
    path.write_bytes(independent_apply.assemble(good, things))
    assert problem in "\n".join(p.message for p in verify(path).problems)
    with pytest.raises(Refused):
        decode(path.read_bytes())


def test_another_header_version_is_refused(tmp_path: Path) -> None:
    data = bytearray(support.golden("v2-64"))
    data[5] = 2
    path = tmp_path / "other.snap"
    path.write_bytes(data)
    with pytest.raises(UnsupportedVersion, match="at byte 5, version: expected 1, found 2"):
        Snapshot.open(path)
