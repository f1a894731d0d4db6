"""The bytes of a snapshot file, searched in place: header and end, indexes, messages and the fields of records.

`reader.Snapshot` stands on it and makes records. Nothing the file says is believed before it is proved to lie inside
the file.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import weakref
from collections.abc import Iterator
from contextlib import suppress
from operator import lt
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any, Self

from blake3 import blake3

from catalog.errors import (
    CatalogError,
    ChecksumMismatch,
    DecodeError,
    InvalidIdentifier,
    LimitExceeded,
    NotFound,
    Truncated,
)
from catalog.snapshot.entries import AliasEntry, SuccessionEntry
from catalog.snapshot.faults import SnapshotError
from catalog.snapshot.index import LIST_BIT, hash_key
from catalog.wire import layout
from catalog.wire.frame import HEADER, HEADER_SIZE, Buffer, Message, decode_message, refuse_header
from catalog.wire.layout import ID_SIZE, KIND_CODES, KIND_NAMES, LAYOUTS, RECORD_OF
from catalog.wire.messages import (
    END_SIZE,
    INDEX_HEAD,
    EndMessage,
    IndexHead,
    SnapshotMessage,
    decode_alias,
    decode_end,
    decode_index_head,
    decode_snapshot,
    decode_succession,
    decode_vocabulary,
)
from catalog.wire.records import Names, RecordDecoder, Resolve, record_decoder, split_prefix

if TYPE_CHECKING:
    from catalog.domain.identity import Id

    AnyId = str | bytes | Id

_TRAILER_SIZE = HEADER_SIZE + END_SIZE
_CHUNK = 1 << 24
_first_u32 = Struct(">I").unpack_from
_u64_at = Struct("<Q").unpack_from
_from_hex = bytes.fromhex
#: (offset of the slots, home slots, bytes to search from a home on, bytes of a slot)
_Table = tuple[int, int, int, int]


class MappedFile:
    """A snapshot file, open. Bytes that break the format raise a DecodeError that names offset and field."""

    def __init__(self, data: Buffer, path: Path) -> None:
        self.path = path
        self._data = data
        self._size = len(data)
        self._last = self._size - _TRAILER_SIZE - HEADER_SIZE  # no record begins behind it
        self.header: SnapshotMessage = self._read_header()
        end = self._read_end()
        self.digest: bytes = end.digest
        self._sections, self._places = end.sections, end.indexes
        self._width = self.header.id_bits // 8
        self._tables: dict[str | int, _Table] = {}
        self._heads: dict[int, IndexHead] = {}
        self._names: Names | None = None
        self._is_proved = False
        self._decoders: dict[str, RecordDecoder] = {}

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, copy: bool = False, public_key: str | os.PathLike[str] | None = None
    ) -> Self:
        """Map the file at `path`. With `copy` it is read into memory, for places where somebody may truncate it.

        With `public_key` (a PEM file) the signature beside the file must be its owner's; every byte is then proved by
        the digest that was signed, which takes as long as reading the file once. Raises SnapshotError when there is no
        such file to read, DecodeError when it is no snapshot, SignatureRefused.
        """
        # a link is followed once, so that the signature is looked for beside the file that is read
        place = Path(path) if public_key is None else Path(os.path.realpath(path))
        data = map_file(place, copy=copy)
        try:
            opened = cls(data, place)
            if public_key is not None:
                from catalog.snapshot.signature import check

                check(place, opened.digest, public_key)
                opened.prove()
            return opened
        except CatalogError:
            if isinstance(data, mmap.mmap):
                data.close()
            raise

    def close(self) -> None:
        """Unmap the file; any later use raises ValueError. What still reads columns keeps it until it is done."""
        data, self._data = self._data, _CLOSED
        if isinstance(data, mmap.mmap):
            with suppress(BufferError):  # somebody looks at the bytes: unmapped with the last who does
                data.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def data(self) -> Buffer:
        """The bytes of the file, for those who read messages themselves."""
        return self._data

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    @property
    def vocabularies(self) -> Names:
        """The file's codes: vocabulary → code → name."""
        if self._names is None:
            self._names = self._read_vocabularies()
        return self._names

    def prove(self) -> None:
        """Prove every byte of the file by the BLAKE3 that it ends with. Raises ChecksumMismatch."""
        if self._is_proved:
            return
        end = len(self._data) - _TRAILER_SIZE
        found = blake3(max_threads=blake3.AUTO)
        with memoryview(self._data) as view:
            for start in range(0, end, _CHUNK):
                with view[start : min(end, start + _CHUNK)] as part:
                    found.update(part)
        if found.digest() != self.digest:
            raise ChecksumMismatch(self._size - len(self.digest), "end.digest", found.hexdigest(), self.digest.hex())
        self._is_proved = True

    def index_head(self, code: int) -> IndexHead | None:
        """The head of one index, None when the file has none."""
        self._load_table(code)
        return self._heads.get(code)

    def index_heads(self) -> dict[int, IndexHead]:
        """The head of every index in the file that this version knows, by code."""
        for code in layout.INDEX_NAMES:
            self._load_table(code)
        return dict(sorted(self._heads.items()))

    def locate(self, id: AnyId, kind: str = "instrument") -> int | None:
        """Where the record (or alias) with this id begins in the file; None when it is not there. The hot path."""
        try:
            key = id if id.__class__ is bytes else _from_hex(id)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            key = id_bytes(id)
        if len(key) != 16:
            raise InvalidIdentifier("id", id, "32 hex digits or 16 bytes are expected")
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
        return None

    def _check_mismatch(self, at: int, offset: int, prefix: bytes) -> None:
        """A slot has the key, and the record that it names another id: in a 64-bit file an honest miss."""
        if self._data[offset + 32 : offset + 32 + len(prefix)] != prefix or len(prefix) != 8:
            raise DecodeError(at + len(prefix), "index.value", f"the record with the id `{prefix.hex()}`", offset)

    def locate_key(self, index: int, message: bytes) -> tuple[int, ...]:
        """The offsets, ascending, that a text index has for the bytes of a key (codes as in docs/protocol.md §8.1).

        In a file with 64-bit ids a foreign key may share the 64 bits of its hash; the `by_` methods compare the field.
        """
        return self._search(index, hash_key(message))

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
                if value <= self._last:
                    return (value,)
                return self._postings(index, at + size - 8, value)
            at += 1
        return ()

    def _postings(self, index: int, at: int, value: int) -> tuple[int, ...]:
        """The list that the value at `at` points to, proved to be in order and to stay in the file."""
        if value < LIST_BIT:
            raise DecodeError(at, "index.value", f"an offset of at most {self._last}", value)
        head, offset = self._heads[index], value - LIST_BIT
        if offset % 8 or not head.ofs_postings <= offset <= head.end - 8:
            raise DecodeError(at, "index.value", f"a list from {head.ofs_postings} to {head.end}", offset)
        (count,) = _u64_at(self._data, offset)
        if count > (head.end - offset) // 8 - 1:
            raise DecodeError(offset, "index.count", f"at most {(head.end - offset) // 8 - 1}", count)
        offsets: tuple[int, ...] = Struct(f"<{count}Q").unpack_from(self._data, offset + 8)
        if count < 2 or not offsets[0] > 0 or offsets[-1] > self._last or not all(map(lt, offsets, offsets[1:])):
            expected = f"two or more ascending offsets of at most {self._last}"
            raise DecodeError(offset + 8, "index.postings", expected, f"{count} that are not")
        return offsets

    def whole_id(self, prefix: bytes, kind: str) -> bytes | None:
        """The 16 bytes of an id of this kind that begins with `prefix` (8 or 16 bytes); None when the file has none."""
        for offset in self._search(KIND_CODES[kind], prefix):
            id = bytes(self._data[offset + 32 : offset + 48])
            if id[: len(prefix)] == prefix:
                return id
        return None

    def section_offset(self, message_type: int) -> int:
        """Where the records of a message type begin; 0 when there are none."""
        return self._sections[message_type]

    def knows(self, message: Message) -> bool:
        """Whether this version can decode the message as a record. Raises Truncated for one that ends before it says."""
        if message.type == layout.INSTRUMENT and len(message.payload) <= ID_SIZE:
            place = message.offset + HEADER_SIZE + len(message.payload)
            raise Truncated(place, "instrument_type", f"{ID_SIZE + 1} bytes", len(message.payload))
        subtype = message.payload[16:17] if message.type == layout.INSTRUMENT else b"\0"
        return (message.type, subtype) in _KNOWN_RECORDS

    def is_behind(self, offset: int, message_type: int) -> bool:
        """Whether the message at `offset` begins what stands behind the section of `message_type`.

        Only its header is read: behind the last section stands an index, which is as large as all records together.
        """
        if offset + HEADER_SIZE > self._size:
            return False  # whoever reads on is told that the file is cut
        refuse_header(self._data, offset)
        found = self._data[offset + 4]
        return found != message_type and found in _SECTION_ENDS

    def section_offsets(self, message_type: int) -> Iterator[int]:
        """Where the messages of a section begin."""
        return (message.offset for message in self._section(message_type))

    def _section(self, message_type: int) -> Iterator[Message]:
        offset = self._sections[message_type]
        end = self._size - _TRAILER_SIZE
        while 0 < offset < end and not self.is_behind(offset, message_type):
            message = decode_message(self._data, offset)
            if message.type == message_type:
                yield message
            offset = message.end

    def _find(self, id: AnyId, kind: str) -> int:
        """The offset of the record that this id means, through an alias if it is one. Raises NotFound."""
        offset = self.locate(id, kind)
        if offset is None:
            raise NotFound(kind, id_bytes(id).hex(), "it is not in this snapshot")
        if self._data[offset + 4] != layout.ALIAS:
            return offset
        return self._target(decode_message(self._data, offset))

    def _target(self, message: Message) -> int:
        alias = self.alias_entry(message)
        if alias.target is None:
            hint = "it is an alias that two instruments claim; a dispute is open"
            raise NotFound("instrument", alias.id.hex(), hint)
        offset = self.locate(alias.target)
        if offset is None or self._data[offset + 4] == layout.ALIAS:
            expected = f"the instrument `{alias.target.hex()}` in this file"
            raise DecodeError(message.offset + HEADER_SIZE, "alias.target", expected, "an alias" if offset else "none")
        return offset

    def alias_entry(self, message: Message) -> AliasEntry:
        """An alias message, its target as 16 bytes."""
        base = message.offset + HEADER_SIZE
        alias = decode_alias(message.payload, base, self._width)
        try:
            target = None if alias.target is None else _from_hex(self._resolve(alias.target, "instrument"))
        except LookupError as error:
            expected = "the id of an instrument in this file"
            raise DecodeError(base + ID_SIZE + 1, "alias.target", expected, alias.target) from error
        return AliasEntry(alias.id, target, message.sequence, message.timestamp_ns, alias.identity)

    def succession_entry(self, message: Message) -> SuccessionEntry:
        """A succession message, its ids as 16 bytes."""
        base = message.offset + HEADER_SIZE
        found = decode_succession(message.payload, base, self._width)
        kind = KIND_NAMES[found.kind]
        ends = []
        for place, reference in ((1, found.predecessor), (1 + self._width, found.successor)):
            try:
                ends.append(_from_hex(self._resolve(reference, kind)))
            except LookupError as error:
                expected = f"the id of a record of the kind {kind} in this file"
                raise DecodeError(base + place, "succession", expected, reference) from error
        names = self.vocabularies.get("succession_kind", {})
        if found.succession_kind not in names:
            place = base + 1 + 2 * self._width
            expected = "a code of the vocabulary `succession_kind`"
            raise DecodeError(place, "succession.succession_kind", expected, found.succession_kind)
        return SuccessionEntry(
            found.kind, ends[0], ends[1], names[found.succession_kind], found.ratio, found.effective_ns,
            found.is_in_effect, message.sequence, message.timestamp_ns,
        )  # fmt: skip

    def has_reference(self, reference: bytes, kind: str) -> bool:
        """Whether a record or alias has the id that begins with these bytes, as many as the file's references have."""
        return bool(self._search(KIND_CODES[kind], reference))

    def _resolve(self, reference: bytes, kind: str) -> str:
        """The 32 digits of the id that a reference means. Raises LookupError when nothing in the file has it."""
        if len(reference) == 16:
            return reference.hex()
        found = self._search(KIND_CODES[kind], reference)
        if not found:
            raise LookupError(reference)
        full = self._data[found[0] + 32 : found[0] + 48]
        if full[: len(reference)] != reference:
            raise DecodeError(found[0] + 32, "id", f"the id `{reference.hex()}`, which the index has here", full)
        return full.hex()

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
        base = message.offset + HEADER_SIZE
        own = split_prefix(LAYOUTS[record], message.payload, base)
        return record, own, self._decoder(record)(message.payload, base)

    def _decoder(self, record: str) -> RecordDecoder:
        decoder = self._decoders.get(record)
        if decoder is None:
            decoder = record_decoder(record, self.vocabularies, self._width, _resolver(self))
            self._decoders[record] = decoder
        return decoder

    def _read_header(self) -> SnapshotMessage:
        message = decode_message(self._data, 0)
        if message.type != layout.SNAPSHOT:
            raise DecodeError(4, "type", "0x21 (snapshot)", f"0x{message.type:02x}")
        self._first = message.end
        header = decode_snapshot(message.payload, HEADER_SIZE)
        if sum(header.counts.values()) > self._size // HEADER_SIZE:
            expected = f"as many records as fit into {self._size} bytes"
            raise LimitExceeded(HEADER_SIZE, "counts", expected, sum(header.counts.values()))
        return header

    def _read_end(self) -> EndMessage:
        offset = self._size - _TRAILER_SIZE
        if offset < HEADER_SIZE or HEADER.unpack_from(self._data, offset)[0] != layout.MAGIC:
            raise Truncated(offset, "end", "0x24 (snapshot end)", "other bytes; the file is not complete")
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
        if place > len(data) - HEADER_SIZE:
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


def _resolver(file: MappedFile) -> Resolve:
    """`file._resolve` for the decoders that the file itself keeps: were it to hold the file, neither would ever go
    before the garbage collector comes, and the mapping would stay with them.
    """
    reference_to = weakref.ref(file)

    def resolve(reference: bytes, kind: str) -> str:
        file = reference_to()
        assert file is not None, "a decoder is only used by its file"
        return file._resolve(reference, kind)

    return resolve


def map_file(path: Path, *, copy: bool = False) -> Buffer:
    """The bytes of the file at `path`, mapped, or with `copy` read. Raises SnapshotError, and Truncated for too few."""
    try:
        # without waiting, should it be a pipe that nobody writes to
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123
            status = os.fstat(file.fileno())
            if stat.S_ISDIR(status.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if not stat.S_ISREG(status.st_mode):
                raise SnapshotError(path, "open", "it is not a file")
            size = status.st_size
            if size < HEADER_SIZE + _TRAILER_SIZE:
                raise Truncated(0, "snapshot", f"at least {HEADER_SIZE + _TRAILER_SIZE} bytes", size)
            return file.read() if copy else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except SnapshotError:
        raise
    except OSError as error:
        raise SnapshotError(path, "open", error.strerror or str(error)) from error


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


def id_bytes(id: Any) -> bytes:
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
