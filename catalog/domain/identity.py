"""Identities and the ids they hash to: docs/ids.md, which this module must never move away from.

An identity is a kind and a tuple of text fields. Its canonical bytes are each field as u32-LE length + UTF-8; its id
is the first 16 bytes of BLAKE3 in derive_key mode under the context `instrument-catalog v1 KIND`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from blake3 import blake3

from catalog.errors import InvalidIdentifier

#: Kinds that have public ids, with the code that the database and the indexes of a snapshot use.
KINDS = {"instrument": 1, "security": 2, "venue": 3, "pool": 4, "pair": 5, "broker-contract": 6, "event-type": 7}
#: A listing has no id; this kind keys its rows inside the database and is never shown.
LISTING_KIND = 8
KIND_NAMES = {code: name for name, code in KINDS.items()} | {LISTING_KIND: "listing"}

_HEX = re.compile(r"[0-9a-f]{32}")


class Id(str):
    """An id as its 32 lower-case hex digits, which is what it looks like everywhere outside of the database."""

    __slots__ = ()

    def __new__(cls, value: str | bytes | Id) -> Id:
        if isinstance(value, bytes | bytearray):
            if len(value) != 16:
                raise InvalidIdentifier("id", bytes(value), "16 bytes are expected")
            return super().__new__(cls, value.hex())
        if not _HEX.fullmatch(value):
            raise InvalidIdentifier("id", value, "32 lower-case hex digits are expected")
        return super().__new__(cls, value)

    @property
    def bytes(self) -> bytes:
        """The 16 bytes."""
        return bytes.fromhex(self)

    @property
    def id64(self) -> str:
        """The 64-bit form: the first 16 digits."""
        return self[:16]

    @property
    def u64(self) -> int:
        """The 64-bit form as the number that a little-endian reader of its 8 bytes sees."""
        return int.from_bytes(self.bytes[:8], "little")


InstrumentId = Id


def encode_identity(fields: Iterable[str]) -> bytes:
    """The canonical bytes of an identity: each field as u32-LE byte length and UTF-8."""
    parts = []
    for field in fields:
        data = field.encode()
        parts.append(len(data).to_bytes(4, "little"))
        parts.append(data)
    return b"".join(parts)


def decode_identity(data: bytes) -> tuple[str, ...]:
    """The fields of canonical identity bytes (as stored beside every id)."""
    fields, offset = [], 0
    while offset < len(data):
        end = offset + 4 + int.from_bytes(data[offset : offset + 4], "little")
        fields.append(data[offset + 4 : end].decode())
        offset = end
    return tuple(fields)


def digest(kind: str, message: bytes) -> bytes:
    """The 16 bytes that `message`, an encoded identity, hashes to under the context of `kind`."""
    return blake3(message, derive_key_context=f"instrument-catalog v1 {kind}").digest(length=16)


def compute_id(kind: str, fields: Iterable[str]) -> Id:
    """The id of the identity `fields` of `kind`. Raises InvalidIdentifier for a kind that has no ids."""
    if kind not in KINDS:
        raise InvalidIdentifier("kind", kind, f"one of {', '.join(KINDS)} is expected")
    return Id(digest(kind, encode_identity(fields)))


def event_type_number(id: Id) -> int:
    """The u32 that an event type's id is shown as: its first 4 bytes, little-endian."""
    return int.from_bytes(id.bytes[:4], "little")


def id64_key(id: bytes) -> int:
    """The signed 64-bit number under which the database orders the 64-bit form as it orders the 16 bytes."""
    return int.from_bytes(id[:8], "big") - (1 << 63)
