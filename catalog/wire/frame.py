"""The header of every message: 32 bytes, packed, little-endian (docs/protocol.md §3)."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from zlib import crc32

from catalog.errors import ChecksumMismatch, DecodeError, LimitExceeded, Truncated, UnsupportedVersion
from catalog.wire.layout import INDEX, MAGIC, MAX_PAYLOAD, MAX_RECORD, VERSION

if TYPE_CHECKING:
    from mmap import mmap

#: What messages are read from.
Buffer: TypeAlias = "bytes | mmap"

HEADER = Struct("<IBBBBIQQI")
HEADER_SIZE = HEADER.size
_pack = HEADER.pack
_unpack_from = HEADER.unpack_from


class Message(NamedTuple):
    """One message of a stream: where it starts, its header's fields, and its payload."""

    offset: int
    type: int
    sequence: int
    timestamp_ns: int
    payload: bytes

    @property
    def end(self) -> int:
        return self.offset + HEADER_SIZE + len(self.payload)


def encode_header(type: int, payload: bytes | bytearray, sequence: int, timestamp_ns: int) -> bytes:
    """The 32 bytes that stand before `payload`."""
    return _pack(MAGIC, type, VERSION, 0, 0, len(payload), sequence, timestamp_ns, crc32(payload))


def encode_message(type: int, payload: bytes | bytearray, sequence: int, timestamp_ns: int) -> bytes:
    """Header and payload."""
    return _pack(MAGIC, type, VERSION, 0, 0, len(payload), sequence, timestamp_ns, crc32(payload)) + payload


def decode_message(data: Buffer, offset: int) -> Message:
    """The message at `offset`, its checksum proved. Raises a DecodeError; never reads past the end of `data`."""
    size = len(data)
    if offset < 0 or offset + HEADER_SIZE > size:
        raise Truncated(offset, "header", f"{HEADER_SIZE} bytes", f"{max(0, size - offset)} of {size}")
    magic, message_type, version, flags, reserved, length, sequence, timestamp, checksum = _unpack_from(data, offset)
    start = offset + HEADER_SIZE
    if magic != MAGIC or version != VERSION or flags or reserved or length > size - start:
        refuse_header(data, offset)
    if length > MAX_RECORD and message_type != INDEX:
        raise LimitExceeded(offset + 8, "payload_size", f"at most {MAX_RECORD}", length)
    payload = data[start : start + length]
    if crc32(payload) != checksum:
        raise ChecksumMismatch(offset + 28, "checksum", f"0x{crc32(payload):08x}", f"0x{checksum:08x}")
    return Message(offset, message_type, sequence, timestamp, payload)


def refuse_header(data: Buffer, offset: int) -> None:
    """Say what is wrong with the header at `offset` (which lies inside `data`)."""
    magic, _, version, flags, reserved, length, *_ = _unpack_from(data, offset)
    if magic != MAGIC:
        raise DecodeError(offset, "magic", f"0x{MAGIC:08x}", f"0x{magic:08x}")
    if version != VERSION:
        raise UnsupportedVersion(offset + 5, "version", VERSION, version)
    if flags or reserved:
        raise DecodeError(offset + 6, "flags", "0, and reserved 0", f"{flags}, and reserved {reserved}")
    if length > len(data) - offset - HEADER_SIZE:
        raise Truncated(offset + 8, "payload_size", f"at most {len(data) - offset - HEADER_SIZE}", length)


def decode_stream(data: Buffer, offset: int = 0, end: int | None = None) -> Iterator[Message]:
    """Every message from `offset` to `end`, one after the other; a message that crosses `end` is Truncated."""
    limit = len(data) if end is None else end
    while offset < limit:
        message = decode_message(data, offset)
        if message.end > limit:
            raise Truncated(offset + 8, "payload_size", f"at most {limit - offset - HEADER_SIZE}", len(message.payload))
        yield message
        offset = message.end


def check_payload_size(size: int) -> None:
    """Refuse what the header's u32 cannot say."""
    if size > MAX_PAYLOAD:
        raise LimitExceeded(0, "payload_size", f"at most {MAX_PAYLOAD}", size)
