"""From decoded fields to a domain record. This is where pydantic comes in, so the reader imports it late."""

from __future__ import annotations

from typing import Any

from catalog.domain.base import Record
from catalog.domain.identity import Id, digest
from catalog.domain.records import RECORDS
from catalog.errors import CatalogError, DecodeError, SnapshotCorrupt


def build_record(record: str, id: bytes, values: dict[str, Any], offset: int) -> Record:
    """The validated record at `offset`. Raises SnapshotCorrupt when the model refuses it, or when it claims an id
    that is not the one of its identity."""
    try:
        found = RECORDS[record](**values)
    except CatalogError as error:
        raise SnapshotCorrupt(f"the {record} at byte {offset} is not valid: {error}") from error
    if id:
        computed = digest(found.kind, found.identity_bytes())
        if computed != id:
            raise SnapshotCorrupt(f"the {record} at byte {offset} is not the one its id names") from DecodeError(
                offset + 32, f"{record}.id", computed.hex(), id.hex()
            )
        found.__dict__["id"] = str.__new__(Id, id.hex())
    return found
