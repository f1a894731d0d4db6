"""Event types: the schemas of binary events, which name instruments by id."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, model_validator

from catalog.domain.base import Caip2, Key, Natural, Part, Positive, Record, Slug, parts
from catalog.domain.vocabulary import EVENT_FIELD_SIZES, EventPriority, EventSource
from catalog.errors import InvalidRecord

MAX_FIELDS = 1024
MAX_VERSION = 999_999_999
#: What each source of events is described by.
SOURCE_FIELDS: dict[str, tuple[str, ...]] = {
    "defi": ("blockchain", "protocol"),
    "cex": ("exchange", "stream_type"),
    "tradfi": ("broker", "feed_type"),
    "internal": ("component", "event_class"),
}


def _field_type(value: object) -> str:
    if not isinstance(value, str) or value not in EVENT_FIELD_SIZES:
        raise InvalidRecord("field_type", value, f"one of {', '.join(EVENT_FIELD_SIZES)} is expected")
    return value


FieldType = Annotated[str, BeforeValidator(_field_type)]


class EventField(Part):
    """One field of an event. `byte_offset` counts bytes from the event's first one.

    A string has a `max_length` in bytes, an array one in elements and an `element_type`.
    """

    name: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,63}$")]
    field_type: FieldType
    byte_offset: Natural | None = None
    is_required: bool = True
    max_length: Positive | None = None
    element_type: FieldType | None = None

    @model_validator(mode="after")
    def _consistent(self) -> EventField:
        variable = self.field_type in ("string", "array")
        if variable != (self.max_length is not None):
            raise InvalidRecord("max_length", self.max_length or "nothing", "a string or array has one, and no other")
        if (self.field_type == "array") != (self.element_type is not None):
            raise InvalidRecord("element_type", self.element_type or "nothing", "an array has one, and no other")
        if self.element_type in ("string", "array"):
            raise InvalidRecord("element_type", self.element_type, "elements have a fixed size")
        return self

    def size(self, id_bits: int) -> int | None:
        """Bytes of the field in a schema with ids of `id_bits`; None for one of variable size."""
        size = EVENT_FIELD_SIZES[self.field_type]
        return id_bits // 8 if size == 0 else size


class EventType(Record):
    """The schema of one binary event, in one version. Its id is shown as a number of 32 bits.

    With a `size_hint` the event has that many bytes, and every field an offset and a fixed size; without one the
    fields follow each other. `id_bits` is the width of the ids in it: a schema of 64 bits cannot be used while the
    catalog's ids need 128.
    """

    record: Literal["event_type"] = "event_type"
    name: Key
    version: Annotated[int, Field(ge=1, le=MAX_VERSION)]
    event_source: EventSource
    blockchain: Caip2 | None = None
    protocol: Key | None = None
    exchange: Slug | None = None
    stream_type: Key | None = None
    broker: Slug | None = None
    feed_type: Key | None = None
    component: Key | None = None
    event_class: Key | None = None
    priority: EventPriority
    id_bits: Literal[64, 128] = 64
    size_hint: Positive | None = None
    fields: Annotated[
        tuple[EventField, ...],
        BeforeValidator(parts(EventField, "fields")),
        Field(min_length=1, max_length=MAX_FIELDS),
    ]

    IDENTITY: ClassVar = ("name", "version")
    LISTS: ClassVar = {"fields": EventField}

    @model_validator(mode="after")
    def _consistent(self) -> EventType:
        for source, names in SOURCE_FIELDS.items():
            for name in names:
                if (source == self.event_source) != (getattr(self, name) is not None):
                    reason = "it is required" if source == self.event_source else f"only {source} events have one"
                    raise InvalidRecord(name, getattr(self, name) or "nothing", reason)
        names_seen: set[str] = set()
        for n, field in enumerate(self.fields):
            if field.name in names_seen:
                raise InvalidRecord(f"fields.{n}.name", field.name, "this field stands there twice")
            names_seen.add(field.name)
        self._check_offsets()
        return self

    def _check_offsets(self) -> None:
        placed: list[tuple[int, int, str]] = []
        for n, field in enumerate(self.fields):
            size = field.size(self.id_bits)
            if self.size_hint is not None and (size is None or field.byte_offset is None):
                what = "fixed sizes" if size is None else "offsets"
                raise InvalidRecord(f"fields.{n}", field.name, f"an event of fixed size has only fields with {what}")
            if field.byte_offset is None:
                continue
            if size is None:
                raise InvalidRecord(
                    f"fields.{n}.byte_offset", field.byte_offset, f"a {field.field_type} has no fixed place"
                )
            if self.size_hint is not None and field.byte_offset + size > self.size_hint:
                raise InvalidRecord(
                    f"fields.{n}.byte_offset",
                    field.byte_offset,
                    f"{size} bytes from there pass the size of {self.size_hint}",
                )
            placed.append((field.byte_offset, field.byte_offset + size, field.name))
        placed.sort()
        for (_, end, one), (start, _, other) in pairwise(placed):
            if start < end:
                raise InvalidRecord("fields", other, f"it begins at byte {start}, inside {one}, which ends at {end}")

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.name, str(self.version))


assert set(get_args(EventSource)) == set(SOURCE_FIELDS)
