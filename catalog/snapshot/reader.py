"""Reads a snapshot file in place: `Snapshot.open` maps it, every look-up searches the mapped bytes.

Nothing is loaded at open but the header and the end of the file, so that ten million instruments open like ten.
All methods only read: a snapshot may be shared by threads and across a fork. What is filled at first use (tables of
indexes, codes, decoders, known values) is the same whoever fills it, so that nothing is locked. Only a `View` belongs
to one thread at a time, and nobody may close a snapshot that another still uses: left alone, it goes with the last
reference to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from catalog.errors import NotFound
from catalog.snapshot.entries import AliasEntry, SuccessionEntry, TombstoneEntry
from catalog.snapshot.index import hash_key, pair_key
from catalog.snapshot.mapped import MappedFile, id_bytes
from catalog.snapshot.view import View
from catalog.wire import layout
from catalog.wire.frame import HEADER_SIZE, Buffer, Message, decode_message
from catalog.wire.layout import KIND_CODES, LAYOUTS
from catalog.wire.messages import decode_tombstone
from catalog.wire.records import RecordDecoder

if TYPE_CHECKING:
    from catalog.domain.base import Record
    from catalog.snapshot.follow import Follower
    from catalog.snapshot.mapped import AnyId

#: How columns give decimals.
Decimals: TypeAlias = Literal["decimal128", "text"]
_Maker = tuple[RecordDecoder, Callable[[bytes, dict[str, Any], int], "Record"]]


class Snapshot(MappedFile):
    """A snapshot file, open for look-ups. Close it, or use it in a `with`.

    `header` is the file's 0x21 message, `digest` the BLAKE3 of its content. `len()` is the number of instruments;
    iterating gives them sorted by id. Every id argument takes 32 hex digits, 16 bytes or an Id. Bytes that break the
    format raise a DecodeError that names offset and field; whether all bytes are those that were written is what
    `verify` proves.
    """

    def __init__(self, data: Buffer, path: Path) -> None:
        super().__init__(data, path)
        self._makers: dict[int, _Maker] = {}

    @staticmethod
    def follow(directory: str | os.PathLike[str], *, public_key: str | os.PathLike[str] | None = None) -> Follower:
        """The newest of the snapshots that are published into a directory, as `latest` there names it.

        With `public_key` only those that its owner signed. Raises SnapshotError when there is none, DecodeError when
        it is no good snapshot, SignatureRefused.
        """
        from catalog.snapshot.follow import Follower

        return Follower(directory, public_key=public_key)

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
    def counts(self) -> dict[str, int]:
        """Records per record name, and `alias` and `tombstone`."""
        return dict(self.header.counts)

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
        """Offsets of the tokens and pools at this (normalised) address, on any blockchain."""
        return self._search(layout.INDEX_ADDRESS, hash_key(address.encode()))

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
        message = decode_message(self._data, offset)
        kind, payload = message.type, message.payload
        try:
            decode, build = self._makers[kind << 8 | payload[16] if kind == layout.INSTRUMENT else kind << 8]
        except LookupError:
            decode, build = self._maker(message)
        values = decode(payload, offset + HEADER_SIZE)
        return build(payload[:16] if kind != layout.LISTING else b"", values, offset)

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
        """Every token and pool at this address, on `blockchain` (a CAIP-2 name) or on all. Addresses are normalised."""
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
        """What `exchange` (a slug or MIC) calls `symbol`: its assets, pairs (by all their symbols), futures, options and
        broker contracts, and the instruments listed there so."""
        offsets: dict[int, None] = {}
        message = pair_key(exchange.encode(), symbol.encode())
        for offset in self.locate_key(layout.INDEX_EXCHANGE_SYMBOL, message):
            view = self.view_at(offset)
            if view.record in layout.EXCHANGE_SYMBOLS:
                places, name = layout.EXCHANGE_SYMBOLS[view.record]
                if exchange in [getattr(view, place) for place in places] and symbol in _symbols(view, name):
                    offsets[offset] = None
            elif view.record == "listing" and view.symbol == symbol:
                venue = self.view(view.venue_id, "venue")
                if exchange in (venue.mic, venue.slug):
                    offsets[self._find(view.instrument_id, "instrument")] = None
        return [self.get_at(offset) for offset in sorted(offsets)]

    def pairs_for(self, base: AnyId, quote: AnyId) -> list[Record]:
        """The pairs that trade this base asset against this quote asset, on any exchange."""
        legs = id_bytes(base), id_bytes(quote)
        message = b"".join(leg[: self._width] for leg in legs)
        records = map(self.get_at, self.locate_key(layout.INDEX_PAIR_LEGS, message))
        wanted = tuple(leg.hex() for leg in legs)
        return [r for r in records if (getattr(r, "base_id", None), getattr(r, "quote_id", None)) == wanted]

    def pools_for(self, token_a: AnyId, token_b: AnyId) -> list[Record]:
        """The pools that hold both of these tokens, in whichever order, on any exchange."""
        legs = sorted((id_bytes(token_a), id_bytes(token_b)))
        message = b"".join(leg[: self._width] for leg in legs)
        records = map(self.get_at, self.locate_key(layout.INDEX_POOL_LEGS, message))
        wanted = {leg.hex() for leg in legs}
        return [r for r in records if wanted <= {token.instrument_id for token in getattr(r, "tokens", ())}]

    def listings_of(self, instrument: AnyId) -> list[Record]:
        """The listings of an instrument, home market included, sorted by venue and local symbol."""
        return self._naming(layout.INDEX_LISTINGS, "instrument_id", instrument)

    def options_of(self, underlying: AnyId) -> list[Record]:
        """The options on an instrument, sorted by id."""
        return [r for r in self.derivatives_of(underlying) if r.record == "option"]

    def derivatives_of(self, underlying: AnyId) -> list[Record]:
        """The futures and options on an instrument, sorted by id."""
        return self._naming(layout.INDEX_UNDERLYING, "underlying_id", underlying)

    def broker_contracts_of(self, instrument: AnyId) -> list[Record]:
        """What brokers offer of an instrument, sorted by id."""
        return self._naming(layout.INDEX_INSTRUMENT, "instrument_id", instrument)

    def event_type(self, number: int) -> Record:
        """The event type that is shown as this number. Raises NotFound."""
        if not 0 <= number < 1 << 32:
            raise NotFound("event type", number, "a number of 32 bits is expected")
        key = number.to_bytes(4, "little")
        for offset in self.locate_key(layout.INDEX_NUMBER, key):
            record = self.get_at(offset)
            if record.kind == "event-type" and record.shown_id == number:
                return record
        raise NotFound("event type", number, "it is not in this snapshot")

    def successions_of(self, id: AnyId, kind: str = "instrument") -> list[SuccessionEntry]:
        """The successions in which a record is one side: what it follows, and what follows it."""
        key = id_bytes(id)
        offsets = self._search(layout.INDEX_SUCCESSION, key)
        entries = [self.succession_entry(decode_message(self._data, offset)) for offset in offsets]
        return [e for e in entries if e.kind == KIND_CODES.get(kind) and key in (e.predecessor, e.successor)]

    def _naming(self, index: int, field: str, id: AnyId) -> list[Record]:
        key = id_bytes(id)
        records = map(self.get_at, self._search(index, key))
        return [r for r in records if getattr(r, field, None) == key.hex()]

    def __iter__(self) -> Iterator[Record]:
        """Every instrument, sorted by id: synthetics, which have a section of their own, stand among the others."""
        sections = (self.messages(layout.INSTRUMENT), self.messages(layout.SYNTHETIC))
        return map(self._build, merge(*sections, key=lambda message: message.payload[:16]))

    def records(self, record_type: str | None = None) -> Iterator[Record]:
        """All records in file order, or those of one type. Types of a newer format are passed over."""
        if record_type is None:
            for message in layout.SECTION_ORDER:
                yield from map(self._build, self.messages(message))
        elif record_type not in LAYOUTS:
            raise NotFound("record type", record_type, f"one of {', '.join(LAYOUTS)}")
        else:
            table = LAYOUTS[record_type]
            for found in self.messages(table.message):
                if self._record_name(found) == record_type:
                    yield self._build(found)

    def to_arrow(self, record_type: str, *, decimals: Decimals = "decimal128", threads: int | None = None) -> Any:
        """All records of a type as a `pyarrow.Table`, in file order; also of `alias`, `succession` and `tombstone`.

        The columns are those of `columns.arrow_schema`. Decimals are decimal128(38, 18); with "text" they are texts,
        which hold every value. `threads` is how many decode at once: one per processor when None.

        The digest of the whole file is proved first, once. Raises ChecksumMismatch when it is another, a DecodeError
        for bytes that break the format, NotFound for what is no record type, InexactDecimal for a value that is none of
        decimal128(38, 18), and MissingExtra without numpy and pyarrow.
        """
        from catalog.snapshot.columns import to_table

        return to_table(self, record_type, decimals=decimals, threads=threads)

    def to_batches(
        self, record_type: str, *, decimals: Decimals = "decimal128", threads: int | None = None
    ) -> Iterator[Any]:
        """`to_arrow` in parts: one `pyarrow.RecordBatch` after the other, so that memory stays small."""
        from catalog.snapshot.columns import to_batches

        return to_batches(self, record_type, decimals=decimals, threads=threads)

    def aliases(self) -> Iterator[AliasEntry]:
        """All aliases, sorted by id, with 16-byte ids."""
        for message in self._section(layout.ALIAS):
            yield self.alias_entry(message)

    def successions(self) -> Iterator[SuccessionEntry]:
        """All successions, sorted by kind, predecessor and successor, with 16-byte ids."""
        return map(self.succession_entry, self._section(layout.SUCCESSION))

    def tombstones(self) -> Iterator[TombstoneEntry]:
        """All tombstones, sorted by kind and id; their ids have the file's width."""
        for message in self._section(layout.TOMBSTONE):
            found = decode_tombstone(message.payload, message.offset + HEADER_SIZE, self._width)
            yield TombstoneEntry(found.kind, found.id, found.record, message.sequence, message.timestamp_ns)

    def messages(self, message_type: int) -> Iterator[Message]:
        """The record messages of a section, in the order of the file; those of a newer format are passed over."""
        for message in self._section(message_type):
            if self.knows(message):
                yield message

    def _build(self, message: Message) -> Record:
        """The record of a message, for walks: each comes once, so that there is nothing to remember."""
        from catalog.snapshot.build import build_record

        return build_record(*self.decode(message), message.offset)

    def _maker(self, message: Message) -> _Maker:
        """The decoder and builder for records like this one."""
        from catalog.snapshot.build import Builder

        record = self._record_name(message)
        maker = self._decoder(record), Builder(record)
        subtype = LAYOUTS[record].subtype
        return self._makers.setdefault(message.type << 8 | subtype, maker)


def _symbols(view: View, name: str) -> tuple[str | None, ...]:
    """All symbols that its exchange has for a record; `name` is the field of the first."""
    others = layout.OTHER_SYMBOLS.get(view.record)
    return (getattr(view, name), *((others and getattr(view, others)) or ()))
