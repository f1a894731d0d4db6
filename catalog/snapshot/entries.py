"""What a snapshot file is made of, as plain data: what the writer takes, and what the reader gives for non-records."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """A record: its name, its 16-byte id (`b""` for a listing), its last change, and its fields as plain values.

    Values are text, int, bool, Decimal, date, datetime, time, or None (absent is None too), and sequences of texts or of
    mappings for lists; ids among them are 32 hex digits.
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


class SuccessionEntry(NamedTuple):
    """One record follows another: `kind` is the code of the kind of both 16-byte ids."""

    kind: int
    predecessor: bytes
    successor: bytes
    succession_kind: str
    ratio: Decimal | None
    effective_ns: int
    is_in_effect: bool
    sequence: int
    timestamp_ns: int


AnyEntry = Entry | AliasEntry | SuccessionEntry | TombstoneEntry
