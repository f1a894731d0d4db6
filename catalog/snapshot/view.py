"""A record of which single fields are read: each is decoded when first asked for, those behind it not at all."""

from __future__ import annotations

from typing import Any

from catalog.wire.frame import HEADER_SIZE, Message
from catalog.wire.layout import RecordLayout
from catalog.wire.primitives import Cursor
from catalog.wire.records import FieldReader, Names, Resolve, prefix_size, split_prefix


class View:
    """One record in the file. Its fields are attributes, under the names they have in the domain; a null is None.

    `record` is its type, `id` its 32 digits (None for a listing), `offset` its place, `sequence` and `changed_at_ns`
    those of its last change. Values are those on the wire: text, numbers, days, times and (for lists) tuples, not
    validated by the domain. A view reads on in its record as it is asked, so threads don't share one.
    """

    __slots__ = (
        "_layout",
        "_next",
        "_reader",
        "_values",
        "changed_at_ns",
        "id",
        "offset",
        "sequence",
    )

    def __init__(self, layout: RecordLayout, message: Message, names: Names, width: int, resolve: Resolve) -> None:
        base = message.offset + HEADER_SIZE
        self.id = split_prefix(layout, message.payload, base).hex() or None
        self.offset, self.sequence, self.changed_at_ns = message.offset, message.sequence, message.timestamp_ns
        self._layout = layout
        cursor = Cursor(message.payload, prefix_size(layout), base)
        self._reader = FieldReader(cursor, layout.record, names, width, resolve)
        self._values: dict[str, Any] = {}
        self._next = 0

    @property
    def record(self) -> str:
        return self._layout.record

    def __getattr__(self, name: str) -> Any:
        values, fields = self._values, self._layout.fields
        while name not in values and self._next < len(fields):
            field = fields[self._next]
            values[field.name] = self._reader.read(field)
            self._next += 1
        if name in values:
            return values[name]
        raise AttributeError(f"a {self.record} has no field {name!r}")

    def values(self) -> dict[str, Any]:
        """All fields that are not null."""
        for field in self._layout.fields:
            getattr(self, field.name)
        return {name: value for name, value in self._values.items() if value is not None}

    def __repr__(self) -> str:
        return f"<View of {self.record} {self.id or ''} at byte {self.offset}>"
