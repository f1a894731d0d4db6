"""Reads a snapshot file in place: `Snapshot.open` maps it, every look-up searches the mapped bytes.

Nothing is loaded at open but the header and the end of the file, so that ten million instruments open like ten.
Nothing the file says is believed before it is proved to lie inside the file. All methods only read: a snapshot may be
shared by threads and across a fork.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any, Self

from catalog.errors import CatalogError, DecodeError, InvalidIdentifier, NotFound, Truncated, UnsupportedVersion
from catalog.snapshot.entries import AliasEntry, TombstoneEntry
from catalog.snapshot.faults import SnapshotError
from catalog.snapshot.index import LIST_BIT, hash_key, pair_key
from catalog.snapshot.view import View
from catalog.wire import layout
from catalog.wire.frame import HEADER, HEADER_SIZE, Buffer, Message, decode_message, refuse_header
from catalog.wire.layout import KIND_CODES, LAYOUTS, RECORD_OF
from catalog.wire.messages import (
    END_SIZE,
    INDEX_HEAD,
    IndexHead,
    SnapshotMessage,
    decode_alias,
    decode_end,
    decode_index_head,
    decode_snapshot,
    decode_tombstone,
    decode_vocabulary,
)
from catalog.wire.records import Names, RecordDecoder, record_decoder, split_prefix

if TYPE_CHECKING:
    from catalog.domain.base import Record
    from catalog.domain.identity import Id

    AnyId = str | bytes | Id

_TRAILER_SIZE = HEADER_SIZE + END_SIZE
_first_u32 = Struct(">I").unpack_from
_u64_at = Struct("<Q").unpack_from
_from_hex = bytes.fromhex
#: (offset of the slots, home slots, bytes to search from a home on, bytes of a slot)
_Table = tuple[int, int, int, int]
_NO_TABLE: _Table = (0, 0, 0, 1)


class Snapshot:
    """A snapshot file, open for look-ups. Close it, or use it in a `with`.

    `header` is the file's 0x21 message. `len()` is the number of instruments; iterating gives them sorted by id.
    Every id argument takes 32 hex digits, 16 bytes or an Id. Bytes that break the format raise a DecodeError that
    names offset and field; whether all bytes are those that were written is what `verify` proves.
    """

    def __init__(self, data: Buffer, path: Path) -> None:
        self.path = path
        self._data = data
        self._size = len(data)
        self.header: SnapshotMessage = self._read_header()
        end = self._read_end()
        self.digest: bytes = end.digest
        self._sections, self._places = end.sections, end.indexes
        self._width = self.header.id_bits // 8
        self._tables: dict[str | int, _Table] = {}
        self._heads: dict[int, IndexHead] = {}
        self._names: Names | None = None
        self._decoders: dict[str, RecordDecoder] = {}
        self._build_record: Callable[[str, bytes, dict[str, Any], int], Record] | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, copy: bool = False) -> Self:
        """Map the file at `path`. With `copy` it is read into memory, for places where somebody may truncate it.

        Raises SnapshotError when there is no such file to read, DecodeError when it is no snapshot.
        """
        place = Path(path)
        try:
            with place.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size < HEADER_SIZE + _TRAILER_SIZE:
                    raise Truncated(0, "snapshot", f"at least {HEADER_SIZE + _TRAILER_SIZE} bytes", size)
                data: Buffer = file.read() if copy else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise SnapshotError(place, "open", error.strerror or str(error)) from error
        try:
            return cls(data, place)
        except CatalogError:
            if isinstance(data, mmap.mmap):
                data.close()
            raise

    def close(self) -> None:
        """Unmap the file; any later use raises ValueError."""
        if isinstance(self._data, mmap.mmap):
            self._data.close()
        self._data = _CLOSED

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what the file says of itself -----------------------------------------------------------------------------

    def __len__(self) -> int:
        return sum(self.header.counts.get(record, 0) for record in layout.INSTRUMENT_RECORDS)

    @property
    def as_of_sequence(self) -> int:
        """The sequence of the last change that the file covers: deltas go on from here."""
        return self.header.as_of_sequence

    @property
    def as_of_ns(self) -> int:
        """The time of that change, nanoseconds since the epoch."""
        return self.header.as_of_ns

    @property
    def data(self) -> Buffer:
        """The bytes of the file, for those who read messages themselves."""
        return self._data

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    @property
    def counts(self) -> dict[str, int]:
        """Records per record name, and `alias` and `tombstone`."""
        return dict(self.header.counts)

    @property
    def vocabularies(self) -> Names:
        """The file's codes: vocabulary → code → name."""
        if self._names is None:
            self._names = self._read_vocabularies()
        return self._names

    # --- finding --------------------------------------------------------------------------------------------------

    def locate(self, id: AnyId, kind: str = "instrument") -> int | None:
        """Where the record (or alias) with this id begins in the file; None when it is not there. The hot path."""
        try:
            key = _from_hex(id)  # type: ignore[arg-type]  # bytes raise TypeError, which is the cheapest question
        except (TypeError, ValueError):
            key = _id_bytes(id)
        try:
            start, homes, span, size = self._tables[kind]
        except KeyError:
            start, homes, span, size = self._load_id_table(kind)
        data = self._data
        prefix = key[: size - 8]
        at = home = start + (_first_u32(key)[0] * homes >> 32) * size
        while (at := data.find(prefix, at, home + span)) >= 0:
            if not (at - home) % size:
                offset: int = _u64_at(data, at + size - 8)[0]
                if data[offset + 32 : offset + 48] == key:
                    return offset
                if not offset:
                    break
                self._check_mismatch(at, offset, prefix)
                return None
            at += 1
        if len(key) != 16:
            raise InvalidIdentifier("id", id, "32 hex digits or 16 bytes are expected")
        return None

    def _check_mismatch(self, at: int, offset: int, prefix: bytes) -> None:
        """A slot has the key, and the record that it names another id: in a 64-bit file an honest miss."""
        if self._data[offset + 32 : offset + 32 + len(prefix)] != prefix or len(prefix) != 8:
            raise DecodeError(at + len(prefix), "index.value", f"the record with the id `{prefix.hex()}`", offset)

    def locate_key(self, index: int, message: bytes) -> tuple[int, ...]:
        """The offsets, ascending, that a text index has for the bytes of a key (codes as in docs/protocol.md §7).

        In a file with 64-bit ids a foreign key may share the 64 bits of its hash; the `by_` methods compare the field.
        """
        return self._search(index, hash_key(message))

    def locate_isin(self, isin: str) -> tuple[int, ...]:
        """Offsets of the security and the instruments with this ISIN."""
        return self._search(layout.INDEX_ISIN, hash_key(isin.encode()))

    def locate_cusip(self, cusip: str) -> tuple[int, ...]:
        """Offsets of the security and the instruments that carry this CUSIP themselves."""
        return self._search(layout.INDEX_CUSIP, hash_key(cusip.encode()))

    def locate_figi(self, figi: str) -> tuple[int, ...]:
        """Offsets of what has this FIGI on any of its levels."""
        return self._search(layout.INDEX_FIGI, hash_key(figi.encode()))

    def locate_symbol(self, symbol: str) -> tuple[int, ...]:
        """Offsets of the instruments with this symbol, ticker or currency code."""
        return self._search(layout.INDEX_SYMBOL, hash_key(symbol.encode()))

    def locate_address(self, address: str) -> tuple[int, ...]:
        """Offsets of the tokens at this (normalised) address, on any blockchain."""
        return self._search(layout.INDEX_ADDRESS, hash_key(address.encode()))

    def _search(self, index: int, key: bytes) -> tuple[int, ...]:
        try:
            start, homes, span, size = self._tables[index]
        except KeyError:
            start, homes, span, size = self._load_table(index)
        data = self._data
        prefix = key[: size - 8]
        at = home = start + (_first_u32(key)[0] * homes >> 32) * size
        while (at := data.find(prefix, at, home + span)) >= 0:
            if not (at - home) % size:
                value: int = _u64_at(data, at + size - 8)[0]
                if not value:
                    break
                return (value,) if value < LIST_BIT else self._postings(index, at + size - 8, value - LIST_BIT)
            at += 1
        return ()

    def _postings(self, index: int, at: int, offset: int) -> tuple[int, ...]:
        head = self._heads[index]
        if offset % 8 or not head.ofs_postings <= offset <= head.end - 8:
            raise DecodeError(at, "index.value", f"a list from {head.ofs_postings} to {head.end}", offset)
        (count,) = _u64_at(self._data, offset)
        if count > (head.end - offset) // 8 - 1:
            raise DecodeError(offset, "index.count", f"at most {(head.end - offset) // 8 - 1}", count)
        return Struct(f"<{count}Q").unpack_from(self._data, offset + 8)

    # --- records --------------------------------------------------------------------------------------------------

    def view(self, id: AnyId, kind: str = "instrument") -> View:
        """The record with this id, of which single fields are decoded when they are asked for. Raises NotFound."""
        return self.view_at(self._find(id, kind))

    def view_at(self, offset: int) -> View:
        """The record at an offset that a look-up gave."""
        message = decode_message(self._data, offset)
        record = self._record_name(message)
        return View(LAYOUTS[record], message, self.vocabularies, self._width, self._resolve)

    def get(self, id: AnyId, kind: str = "instrument") -> Record:
        """The full, validated record with this id; an alias answers with its target. Raises NotFound."""
        return self.get_at(self._find(id, kind))

    def get_at(self, offset: int) -> Record:
        """The full, validated record at an offset that a look-up gave. Raises DecodeError when it is none."""
        return self._build(decode_message(self._data, offset))

    def by_isin(self, isin: str) -> list[Record]:
        """The security and every instrument with this ISIN, in file order (securities come first)."""
        return [r for r in map(self.get_at, self.locate_isin(isin)) if getattr(r, "isin", None) == isin]

    def by_cusip(self, cusip: str) -> list[Record]:
        """The security with this CUSIP, its instruments, and instruments without an ISIN that carry it."""
        found = {}
        for offset in self.locate_cusip(cusip):
            record = self.get_at(offset)
            if getattr(record, "cusip", None) != cusip:
                continue
            found[offset] = record
            if record.record == "security":
                isin = getattr(record, "isin", "")
                found |= {o: self.get_at(o) for o in self.locate_isin(isin) if o != offset}
        return [found[offset] for offset in sorted(found)]

    def by_figi(self, figi: str) -> list[Record]:
        """What has this FIGI: instruments (own, composite or share class) and the security (share class)."""
        levels = ("figi", "composite_figi", "share_class_figi")
        records = map(self.get_at, self.locate_figi(figi))
        return [r for r in records if figi in [getattr(r, level, None) for level in levels]]

    def by_symbol(self, symbol: str) -> list[Record]:
        """Every instrument with this symbol, ticker or currency code; one symbol is often many instruments."""
        return [r for r in map(self.get_at, self.locate_symbol(symbol)) if getattr(r, "symbol", None) == symbol]

    def by_address(self, address: str, blockchain: str | None = None) -> list[Record]:
        """Every token at this address, on `blockchain` (a CAIP-2 name) or on all. Addresses are normalised."""
        from catalog.domain import identifiers

        if blockchain is not None:
            wanted = identifiers.address(blockchain, address)
        else:
            wanted = identifiers.evm_address(address) if address[:2] in ("0x", "0X") else address
        found = []
        for offset in self.locate_address(wanted):
            record = self.get_at(offset)
            chain = getattr(record, "blockchain", None)
            if getattr(record, "address", None) == wanted and blockchain in (None, chain):
                found.append(record)
        return found

    def by_exchange_symbol(self, exchange: str, symbol: str) -> list[Record]:
        """What `exchange` (a slug or MIC) calls `symbol`: its assets and pairs, and the instruments listed there so."""
        offsets: dict[int, None] = {}
        message = pair_key(exchange.encode(), symbol.encode())
        for offset in self.locate_key(layout.INDEX_EXCHANGE_SYMBOL, message):
            view = self.view_at(offset)
            if view.record in layout.EXCHANGE_SYMBOLS:
                if (exchange, symbol) == tuple(getattr(view, name) for name in layout.EXCHANGE_SYMBOLS[view.record]):
                    offsets[offset] = None
            elif view.record == "listing" and view.symbol == symbol:
                venue = self.view(view.venue_id, "venue")
                if exchange in (venue.mic, venue.slug):
                    offsets[self._find(view.instrument_id, "instrument")] = None
        return [self.get_at(offset) for offset in sorted(offsets)]

    def pairs_for(self, base: AnyId, quote: AnyId) -> list[Record]:
        """The pairs that trade this base asset against this quote asset, on any exchange."""
        legs = _id_bytes(base), _id_bytes(quote)
        message = b"".join(leg[: self._width] for leg in legs)
        records = map(self.get_at, self.locate_key(layout.INDEX_PAIR_LEGS, message))
        wanted = tuple(leg.hex() for leg in legs)
        return [r for r in records if (getattr(r, "base_id", None), getattr(r, "quote_id", None)) == wanted]

    def listings_of(self, instrument: AnyId) -> list[Record]:
        """The listings of an instrument, home market included, sorted by venue and local symbol."""
        key = _id_bytes(instrument)
        records = map(self.get_at, self._search(layout.INDEX_LISTINGS, key))
        return [r for r in records if getattr(r, "instrument_id", None) == key.hex()]

    # --- going through all ----------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Record]:
        return map(self._build, self._instruments())

    def records(self, record_type: str | None = None) -> Iterator[Record]:
        """All records in file order, or those of one type. Types of a newer format are passed over."""
        if record_type is None:
            for message in layout.SECTION_ORDER:
                yield from map(self._build, self._known(message))
        elif record_type not in LAYOUTS:
            raise NotFound("record type", record_type, f"one of {', '.join(LAYOUTS)}")
        else:
            table = LAYOUTS[record_type]
            for found in self._known(table.message):
                if self._record_name(found) == record_type:
                    yield self._build(found)

    def aliases(self) -> Iterator[AliasEntry]:
        """All aliases, sorted by id, with 16-byte ids."""
        for message in self._section(layout.ALIAS):
            yield self.alias_entry(message)

    def tombstones(self) -> Iterator[TombstoneEntry]:
        """All tombstones, sorted by kind and id; their ids have the file's width."""
        for message in self._section(layout.TOMBSTONE):
            found = decode_tombstone(message.payload, message.offset + HEADER_SIZE, self._width)
            yield TombstoneEntry(found.kind, found.id, found.record, message.sequence, message.timestamp_ns)

    def _instruments(self) -> Iterator[Message]:
        return self._known(layout.INSTRUMENT)

    def _known(self, message_type: int) -> Iterator[Message]:
        for message in self._section(message_type):
            if self.knows(message):
                yield message

    def knows(self, message: Message) -> bool:
        """Whether this version can decode the message as a record."""
        subtype = message.payload[16:17] if message.type == layout.INSTRUMENT else b"\0"
        return (message.type, subtype) in _KNOWN_RECORDS

    def _section(self, message_type: int) -> Iterator[Message]:
        offset = self._sections[message_type]
        end = self._size - _TRAILER_SIZE
        while 0 < offset < end:
            message = decode_message(self._data, offset)
            if message.type == message_type:
                yield message
            elif message.type in _SECTION_ENDS:
                return
            offset = message.end

    # --- decoding -------------------------------------------------------------------------------------------------

    def _find(self, id: AnyId, kind: str) -> int:
        """The offset of the record that this id means, through an alias if it is one. Raises NotFound."""
        offset = self.locate(id, kind)
        if offset is None:
            raise NotFound(kind, _id_bytes(id).hex(), "it is not in this snapshot")
        if self._data[offset + 4] != layout.ALIAS:
            return offset
        return self._target(decode_message(self._data, offset))

    def _target(self, message: Message) -> int:
        base = message.offset + HEADER_SIZE
        alias = decode_alias(message.payload, base, self._width)
        if alias.target is None:
            hint = "it is an alias that two instruments claim; a dispute is open"
            raise NotFound("instrument", alias.id.hex(), hint)
        offset = self._locate_reference(alias.target, "instrument", base)
        if self._data[offset + 4] == layout.ALIAS:
            raise DecodeError(base, "alias.target", "a record", "another alias")
        return offset

    def alias_entry(self, message: Message) -> AliasEntry:
        """An alias message, its target as 16 bytes."""
        alias = decode_alias(message.payload, message.offset + HEADER_SIZE, self._width)
        target = None if alias.target is None else _from_hex(self._resolve(alias.target, "instrument"))
        return AliasEntry(alias.id, target, message.sequence, message.timestamp_ns, alias.identity)

    def _resolve(self, reference: bytes, kind: str) -> str:
        """The 32 digits of the id that a reference means."""
        if len(reference) == 16:
            return reference.hex()
        offset = self._locate_reference(reference, kind, 0)
        return self._data[offset + 32 : offset + 48].hex()

    def _locate_reference(self, reference: bytes, kind: str, base: int) -> int:
        found = self._search(KIND_CODES[kind], reference)
        if not found or self._data[found[0] + 32 : found[0] + 32 + len(reference)] != reference:
            raise DecodeError(base, "reference", f"the id of a {kind} in this file", reference)
        return found[0]

    def _record_name(self, message: Message) -> str:
        subtype = message.payload[16] if message.type == layout.INSTRUMENT and len(message.payload) > 16 else 0
        record = RECORD_OF.get((message.type, subtype))
        if record not in LAYOUTS:
            found = f"0x{message.type:02x}/{subtype}"
            raise DecodeError(message.offset + 4, "type", "a record of a type that this version knows", found)
        return record

    def decode(self, message: Message) -> tuple[str, bytes, dict[str, Any]]:
        """(record name, id, fields that are not null) of a record message."""
        record = self._record_name(message)
        decoder = self._decoders.get(record)
        if decoder is None:
            decoder = record_decoder(record, self.vocabularies, self._width, self._resolve)
            self._decoders[record] = decoder
        base = message.offset + HEADER_SIZE
        return record, split_prefix(LAYOUTS[record], message.payload, base), decoder(message.payload, base)

    def _build(self, message: Message) -> Record:
        build = self._build_record
        if build is None:
            from catalog.snapshot.build import build_record

            build = self._build_record = build_record
        return build(*self.decode(message), message.offset)

    # --- the parts of the file that open and the first look-ups read -----------------------------------------------

    def _read_header(self) -> SnapshotMessage:
        message = decode_message(self._data, 0)
        if message.type != layout.SNAPSHOT:
            raise DecodeError(4, "type", "0x21 (snapshot)", f"0x{message.type:02x}")
        self._first = message.end
        return decode_snapshot(message.payload, HEADER_SIZE)

    def _read_end(self) -> Any:
        offset = self._size - _TRAILER_SIZE
        message = decode_message(self._data, offset)
        if message.type != layout.END:
            raise Truncated(offset, "end", "0x24 (snapshot end)", f"0x{message.type:02x}")
        end = decode_end(message.payload, offset + HEADER_SIZE)
        if end.file_size != self._size:
            raise Truncated(offset + HEADER_SIZE + END_SIZE - 40, "end.file_size", self._size, end.file_size)
        for place in (*end.sections, *end.indexes):
            if place > offset:
                raise DecodeError(offset + HEADER_SIZE, "end.sections", f"offsets below {offset}", place)
        return end

    def _read_vocabularies(self) -> Names:
        names: Names = {}
        offset = self._first
        while offset < self._size - _TRAILER_SIZE:
            message = decode_message(self._data, offset)
            if message.type == layout.VOCABULARY:
                name, codes = decode_vocabulary(message.payload, offset + HEADER_SIZE)
                names[name] = codes
            elif message.type in _SECTION_ENDS:
                break
            offset = message.end
        return names

    def _load_id_table(self, kind: str) -> _Table:
        if kind not in KIND_CODES or kind == "listing":
            raise InvalidIdentifier("kind", kind, f"one of {', '.join([*KIND_CODES][:-1])} is expected")
        table = self._load_table(KIND_CODES[kind])
        self._tables[kind] = table
        return table

    def _load_table(self, index: int) -> _Table:
        place = self._places[index]
        if not place:
            self._tables[index] = (0, 0, 0, self._width + 8)
            return self._tables[index]
        data = self._data
        if place > self._size - HEADER_SIZE:
            raise Truncated(place, "index", f"{HEADER_SIZE} bytes", self._size - place)
        refuse_header(data, place)
        _, message_type, _, _, _, length, *_ = HEADER.unpack_from(data, place)
        if message_type != layout.INDEX:
            raise DecodeError(place + 4, "type", "0x23 (snapshot index)", f"0x{message_type:02x}")
        start = place + HEADER_SIZE
        head = decode_index_head(data[start : start + INDEX_HEAD.size], place, length, self._width)
        if head.code != index:
            raise DecodeError(start, "index.code", index, head.code)
        self._heads[index] = head
        self._tables[index] = (head.ofs_slots, head.num_home, head.max_probe * head.slot_size, head.slot_size)
        return self._tables[index]


class _Closed(bytes):
    """Stands where the data of a closed snapshot was."""

    def find(self, *_: Any) -> int:
        raise ValueError("the snapshot is closed")

    def __getitem__(self, _: Any) -> Any:
        raise ValueError("the snapshot is closed")

    def __len__(self) -> int:
        raise ValueError("the snapshot is closed")


_CLOSED = _Closed()
_SECTION_ENDS = frozenset((*layout.SECTION_ORDER, layout.INDEX, layout.END))
_KNOWN_RECORDS = frozenset((table.message, bytes((table.subtype,))) for table in LAYOUTS.values())


def _id_bytes(id: Any) -> bytes:
    """The 16 bytes of an id given as text or bytes; raises InvalidIdentifier."""
    if isinstance(id, bytes | bytearray):
        key = bytes(id)
    else:
        try:
            key = _from_hex(id)
        except (ValueError, TypeError):
            key = b""
    if len(key) != 16:
        raise InvalidIdentifier("id", id, "32 hex digits or 16 bytes are expected")
    return key


__all__ = ["Snapshot", "UnsupportedVersion", "View"]
