"""What a snapshot file is made of, as plain data: what the writer takes, and what the reader gives for non-records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """A record: its name, its 16-byte id (`b""` for a listing), its last change, and its fields as plain values.

    Values are text, int, Decimal or None (absent is None too); ids among them are 32 hex digits.
    """

    record: str
    id: bytes
    sequence: int
    timestamp_ns: int
    values: Mapping[str, Any]


class AliasEntry(NamedTuple):
    """An instrument id that answers with another record, or with none while a dispute is open."""

    id: bytes
    target: bytes | None
    sequence: int
    timestamp_ns: int
    identity: bytes


class TombstoneEntry(NamedTuple):
    """A record that is gone: `kind` is the code of its id's kind. Read from a 64-bit file, `id` has 8 bytes."""

    kind: int
    id: bytes
    record: str
    sequence: int
    timestamp_ns: int


AnyEntry = Entry | AliasEntry | TombstoneEntry
