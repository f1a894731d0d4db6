"""From decoded fields to a domain record. This is where pydantic comes in, so the reader imports it late."""

from __future__ import annotations

from typing import Any

from blake3 import blake3

from catalog.domain.base import Record
from catalog.domain.identity import KINDS, Id
from catalog.domain.records import RECORDS
from catalog.domain.vocabulary import RECORD_KINDS
from catalog.errors import CatalogError, DecodeError, SnapshotCorrupt

_LENGTHS = [n.to_bytes(4, "little") for n in range(256)]
#: Per record type, a hasher that has its context already: copying it is cheaper than deriving the key again.
_HASHERS = {
    record: blake3(derive_key_context=f"instrument-catalog v1 {kind}")
    for record, kind in RECORD_KINDS.items()
    if kind in KINDS
}


def build_record(record: str, id: bytes, values: dict[str, Any], offset: int) -> Record:
    """The validated record at `offset`, its id proved to be the one of its identity.

    Raises SnapshotCorrupt when the model refuses the values, or when the file names another id.
    """
    try:
        found = RECORDS[record](**values)
    except CatalogError as error:
        raise SnapshotCorrupt(f"the {record} at byte {offset} is not valid: {error}") from error
    if id:
        hasher = _HASHERS[record].copy()
        hasher.update(_identity_bytes(found.identity))
        computed = hasher.digest(length=16)
        if computed != id:
            raise SnapshotCorrupt(f"the {record} at byte {offset} is not the one its id names") from DecodeError(
                offset + 32, f"{record}.id", computed.hex(), id.hex()
            )
        found.__dict__["id"] = str.__new__(Id, id.hex())
    return found


def _identity_bytes(fields: tuple[str, ...]) -> bytes:
    """What domain.identity.encode_identity gives, for fields that are keys: at most 255 bytes each."""
    parts: list[bytes] = []
    for field in fields:
        data = field.encode()
        parts += (_LENGTHS[len(data)], data)
    return b"".join(parts)
