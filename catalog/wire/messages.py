"""The payloads that are no records: snapshot, vocabulary, alias, tombstone, index head and end (docs/protocol.md)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from struct import Struct
from typing import NamedTuple

from catalog.errors import DecodeError, InvalidRecord, LimitExceeded, Truncated, UnsupportedVersion
from catalog.wire.layout import (
    CODE_OF,
    DELTA,
    FORMAT_VERSION,
    FULL,
    ID_SIZE,
    KIND_CODES,
    KIND_NAMES,
    MAX_CODES,
    MAX_COUNTS,
    NUM_INDEX_PLACES,
    NUM_SECTION_PLACES,
    RECORD_OF,
    VOCABULARIES,
)
from catalog.wire.primitives import U8, U16, U64, Cursor, encode_exact, encode_flag, encode_key, to_flag, to_nanoseconds

_SNAPSHOT = Struct("<HBB16sQQQQH")
_COUNT = Struct("<BBQ")
INDEX_HEAD = Struct("<BBHIIIIIQ")
_END = Struct(f"<{NUM_SECTION_PLACES}Q{NUM_INDEX_PLACES}QQQ32s")
END_SIZE = _END.size
INDEX_ALIGNMENT = 64


class SnapshotMessage(NamedTuple):
    """0x21: what the file holds. `counts` is per record name (`0x01/7` for a type that this version does not know).

    The time of the base tells two histories apart that share their sequences, as after a restore of the database.
    """

    format_version: int
    contents: int
    id_bits: int
    catalog_id: bytes
    base_sequence: int
    as_of_sequence: int
    as_of_ns: int
    horizon_ns: int
    counts: dict[str, int]
    schema_revision: str
    base_as_of_ns: int | None = None  # in a delta only


class _IndexHead(NamedTuple):
    code: int
    key_width: int
    reserved: int
    num_keys: int
    num_home: int
    num_slots: int
    max_probe: int
    num_postings: int
    ofs_slots: int


class IndexHead(_IndexHead):
    """0x23: where an index's slots are and how to probe them. Every list that is looked up asks for these places."""

    @cached_property
    def slot_size(self) -> int:
        return self.key_width + 8

    @cached_property
    def ofs_postings(self) -> int:
        return self.ofs_slots + self.num_slots * self.slot_size

    @cached_property
    def end(self) -> int:
        return self.ofs_postings + 8 * self.num_postings


class EndMessage(NamedTuple):
    """0x24: where sections and indexes begin (0: there is none), and the BLAKE3 of all bytes before this message."""

    sections: tuple[int, ...]
    indexes: tuple[int, ...]
    num_messages: int
    file_size: int
    digest: bytes


class Alias(NamedTuple):
    """0x0C: an id that is not the current one. `target` has the file's width; None while a dispute is open."""

    id: bytes
    kind: int
    target: bytes | None
    identity: bytes


class Succession(NamedTuple):
    """0x0E: one record follows another. References have the file's width; `succession_kind` is a code of the file."""

    kind: int
    predecessor: bytes
    successor: bytes
    succession_kind: int
    ratio: Decimal | None
    effective_ns: int
    is_in_effect: bool


class Tombstone(NamedTuple):
    """0x0B: an id (of the file's width) whose record is retired, deleted or out of the file."""

    kind: int
    id: bytes
    record: str


def count_name(codes: tuple[int, int]) -> str:
    return RECORD_OF.get(codes, f"0x{codes[0]:02x}/{codes[1]}")


def encode_snapshot(message: SnapshotMessage) -> bytes:
    if message.id_bits not in (64, 128):
        raise InvalidRecord("id_bits", message.id_bits, "64 or 128 is expected")
    if len(message.catalog_id) != ID_SIZE:
        raise InvalidRecord("catalog_id", message.catalog_id, "16 bytes are expected")
    for field in ("base_sequence", "as_of_sequence", "as_of_ns", "horizon_ns"):
        value = getattr(message, field)
        if not isinstance(value, int) or not 0 <= value < 1 << 64:
            raise InvalidRecord(field, value, "an unsigned number of 64 bits is expected")
    unknown = set(message.counts) - set(CODE_OF)
    if unknown:
        raise InvalidRecord("counts", min(unknown), f"one of {', '.join(CODE_OF)} is expected")
    counts = sorted((CODE_OF[name], count) for name, count in message.counts.items())
    head = _SNAPSHOT.pack(*message[:8], len(counts))
    table = b"".join(_COUNT.pack(*codes, count) for codes, count in counts)
    payload = head + table + encode_key(message.schema_revision, "schema_revision")
    if message.contents != DELTA:
        return payload
    base_as_of = message.base_as_of_ns
    if not isinstance(base_as_of, int) or not 0 <= base_as_of < 1 << 64:
        raise InvalidRecord("base_as_of_ns", base_as_of, "a delta needs the time of its base")
    return payload + U64.pack(base_as_of)


def decode_snapshot(payload: bytes, base: int) -> SnapshotMessage:
    """Raises UnsupportedVersion for the version 0; higher versions than ours only add what we skip."""
    cursor = Cursor(payload, base=base)
    fields = _SNAPSHOT.unpack(cursor.take(_SNAPSHOT.size, "snapshot"))
    version, contents, bits, catalog_id, base_sequence, as_of_sequence, as_of_ns, horizon_ns, num_counts = fields
    if version < 1:
        raise UnsupportedVersion(base, "format_version", f"1 to {FORMAT_VERSION} or later", version)
    if contents not in (FULL, DELTA):
        raise DecodeError(base + 2, "contents", "1 (full) or 2 (delta)", contents)
    if bits not in (64, 128):
        raise DecodeError(base + 3, "id_bits", "64 or 128", bits)
    cursor.limited(num_counts, MAX_COUNTS, "num_counts")
    counts: dict[str, int] = {}
    for _ in range(num_counts):
        at = base + cursor.at
        message, subtype, count = _COUNT.unpack(cursor.take(_COUNT.size, "counts"))
        name = count_name((message, subtype))
        if name in counts:
            raise DecodeError(at, "counts", "each record type once", name)
        counts[name] = count
    return SnapshotMessage(
        version,
        contents,
        bits,
        catalog_id,
        base_sequence,
        as_of_sequence,
        as_of_ns,
        horizon_ns,
        counts,
        cursor.key("schema_revision"),
        cursor.u64("base_as_of") if contents == DELTA else None,
    )


def encode_vocabulary(name: str, codes: Mapping[str, int]) -> bytes:
    """The codes of one vocabulary in ascending order."""
    limit = 1 << 8 * VOCABULARIES[name]
    entries = sorted((code, value) for value, code in codes.items())
    for n, (code, value) in enumerate(entries):
        if not 0 < code < limit:
            raise InvalidRecord(f"vocabulary.{name}", code, f"a code from 1 to {limit - 1} is expected for `{value}`")
        if n and entries[n - 1][0] == code:
            raise InvalidRecord(f"vocabulary.{name}", code, f"`{value}` and `{entries[n - 1][1]}` have one code")
    head = encode_key(name) + U16.pack(len(entries))
    return head + b"".join(U16.pack(code) + encode_key(value, f"vocabulary.{name}") for code, value in entries)


def decode_vocabulary(payload: bytes, base: int) -> tuple[str, dict[int, str]]:
    """(name, code → value); codes ascend, no value stands twice."""
    cursor = Cursor(payload, base=base)
    name = cursor.key("vocabulary.name")
    num_codes = cursor.limited(cursor.u16("vocabulary.num_codes"), MAX_CODES, "vocabulary.num_codes")
    codes: dict[int, str] = {}
    last, limit = 0, 1 << 8 * VOCABULARIES.get(name, 2)
    for _ in range(num_codes):
        at = base + cursor.at
        code = cursor.u16("vocabulary.code")
        if not last < code < limit:
            raise DecodeError(at, "vocabulary.code", f"a code above {last} and below {limit}", code)
        codes[code] = cursor.key("vocabulary.value")
        last = code
    if len(set(codes.values())) != len(codes):
        raise DecodeError(base, "vocabulary.value", "each value once", name)
    return name, codes


def encode_alias(id: bytes, target: bytes | None, identity: bytes, width: int) -> bytes:
    if len(id) != ID_SIZE or (target is not None and len(target) != ID_SIZE):
        raise InvalidRecord("alias.id", id, "16 bytes are expected, of the target too")
    if len(identity) > 0xFFFF:
        raise InvalidRecord("alias.identity", f"{len(identity)} bytes", "at most 65,535 bytes are allowed")
    reference = b"\0" if target is None else b"\1" + target[:width]
    return b"".join((id, bytes((KIND_CODES["instrument"],)), reference, U16.pack(len(identity)), identity))


def decode_alias(payload: bytes, base: int, width: int) -> Alias:
    cursor = Cursor(payload, base=base)
    own = cursor.take(ID_SIZE, "alias.id")
    kind = cursor.u8("alias.kind")
    if kind != KIND_CODES["instrument"]:
        raise DecodeError(base + ID_SIZE, "alias.kind", "1 (instrument)", kind)
    target = cursor.take(width, "alias.target") if cursor.present("alias.target") else None
    return Alias(own, kind, target, cursor.take(cursor.u16("alias.identity"), "alias.identity"))


def encode_succession(message: Succession, width: int) -> bytes:
    """The payload of a succession whose ids are given whole."""
    if len(message.predecessor) != ID_SIZE or len(message.successor) != ID_SIZE:
        raise InvalidRecord(
            "succession.predecessor", message.predecessor, "16 bytes are expected, of the successor too"
        )
    try:
        to_nanoseconds(message.effective_ns)
    except ValueError as error:
        raise InvalidRecord("succession.effective_at", message.effective_ns, f"{error} are expected") from None
    ratio = b"\0" if message.ratio is None else b"\1" + encode_exact(message.ratio, "succession.ratio")
    head = bytes((message.kind,)) + message.predecessor[:width] + message.successor[:width]
    tail = U64.pack(message.effective_ns) + encode_flag(message.is_in_effect)
    return head + bytes((message.succession_kind,)) + ratio + tail


def decode_succession(payload: bytes, base: int, width: int) -> Succession:
    cursor = Cursor(payload, base=base)
    kind = cursor.u8("succession.kind")
    if kind not in KIND_NAMES or kind == KIND_CODES["listing"]:
        raise DecodeError(base, "succession.kind", "a kind of ids", kind)
    predecessor = cursor.take(width, "succession.predecessor")
    successor = cursor.take(width, "succession.successor")
    code = cursor.u8("succession.succession_kind")
    ratio = cursor.decimal("succession.ratio") if cursor.present("succession.ratio") else None
    at = cursor.proved(U64, to_nanoseconds, "succession.effective_at", "nanoseconds before 2262, in whole microseconds")
    in_effect = cursor.proved(U8, to_flag, "succession.is_in_effect", "a flag of 0 or 1")
    return Succession(kind, predecessor, successor, code, ratio, at, in_effect)


def encode_tombstone(kind: int, id: bytes, record: str, width: int) -> bytes:
    if record not in CODE_OF:
        raise InvalidRecord("tombstone.record", record, f"one of {', '.join(CODE_OF)} is expected")
    if kind not in KIND_CODES.values():
        raise InvalidRecord("tombstone.kind", kind, "a kind of ids is expected")
    if len(id) not in (width, ID_SIZE):
        raise InvalidRecord("tombstone.id", id, "16 bytes are expected, or as many as a reference has in the file")
    return bytes((kind, *CODE_OF[record])) + id[:width]


def decode_tombstone(payload: bytes, base: int, width: int) -> Tombstone:
    cursor = Cursor(payload, base=base)
    kind = cursor.u8("tombstone.kind")
    codes = cursor.u8("tombstone.record"), cursor.u8("tombstone.record")
    return Tombstone(kind, cursor.take(width, "tombstone.id"), count_name(codes))


def slots_offset(offset: int) -> int:
    """Where the slots of an index message at `offset` begin: behind both heads, aligned to a cache line."""
    return -(-(offset + 32 + INDEX_HEAD.size) // INDEX_ALIGNMENT) * INDEX_ALIGNMENT


def decode_index_head(payload: bytes, offset: int, payload_size: int, width: int) -> IndexHead:
    """The head of the index message at `offset`, with every number in it proved to stay inside that message."""
    base = offset + 32
    if len(payload) < INDEX_HEAD.size:
        raise Truncated(base, "index", f"{INDEX_HEAD.size} bytes", len(payload))
    head = IndexHead(*INDEX_HEAD.unpack_from(payload))
    if head.key_width != width:
        raise DecodeError(base + 1, "index.key_width", width, head.key_width)
    if head.reserved:
        raise DecodeError(base + 2, "index.reserved", 0, head.reserved)
    if head.ofs_slots != slots_offset(offset):
        raise DecodeError(base + 24, "index.ofs_slots", slots_offset(offset), head.ofs_slots)
    if not head.num_home or not head.max_probe or head.num_slots != head.num_home + head.max_probe - 1:
        raise DecodeError(base + 8, "index.num_slots", "num_home + max_probe - 1, none of them 0", tuple(head[4:7]))
    if head.end > base + payload_size:
        raise LimitExceeded(base + 12, "index.num_slots", f"slots up to byte {base + payload_size}", head.end)
    return head


def encode_end(message: EndMessage) -> bytes:
    return _END.pack(*message.sections, *message.indexes, message.num_messages, message.file_size, message.digest)


def decode_end(payload: bytes, base: int) -> EndMessage:
    if len(payload) != END_SIZE:
        raise DecodeError(base - 24, "payload_size", END_SIZE, len(payload))
    values = _END.unpack(payload)
    places = NUM_SECTION_PLACES + NUM_INDEX_PLACES
    return EndMessage(values[:NUM_SECTION_PLACES], values[NUM_SECTION_PLACES:places], *values[places:])
