"""What every record is: frozen, validated, with an identity, an id and one canonical JSON form."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache, cached_property
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from catalog.domain import calendar, identifiers, text
from catalog.domain.decimals import canonical_decimal, format_decimal
from catalog.domain.identity import KINDS, Id, compute_id, encode_identity, event_type_number
from catalog.domain.vocabulary import RECORD_KINDS, Status
from catalog.errors import CatalogError, InvalidIdentifier, InvalidRecord


def _identifier(check: Any) -> Any:
    def validate(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError("text is expected")
        return str(check(value))

    return BeforeValidator(validate)


def _non_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise ValueError("negative")
    return value


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError("must be above zero")
    return value


_decimal = BeforeValidator(canonical_decimal)
_decimal_text = PlainSerializer(format_decimal, return_type=str)

Key = Annotated[str, AfterValidator(text.key)]
Text = Annotated[str, AfterValidator(text.free_text)]
Amount = Annotated[Decimal, _decimal, AfterValidator(_non_negative), _decimal_text]
Increment = Annotated[Decimal, _decimal, AfterValidator(_positive), _decimal_text]
Signed = Annotated[Decimal, _decimal, _decimal_text]
Isin = Annotated[str, _identifier(identifiers.isin)]
Cusip = Annotated[str, _identifier(identifiers.cusip)]
Figi = Annotated[str, _identifier(identifiers.figi)]
Sedol = Annotated[str, _identifier(identifiers.sedol)]
Lei = Annotated[str, _identifier(identifiers.lei)]
Mic = Annotated[str, _identifier(identifiers.mic)]
Slug = Annotated[str, _identifier(identifiers.slug)]
Caip2 = Annotated[str, _identifier(identifiers.caip2)]
CurrencyCode = Annotated[str, _identifier(identifiers.currency)]
CountryCode = Annotated[str, _identifier(identifiers.country)]
IdText = Annotated[str, AfterValidator(Id)]
Generation = Annotated[str, Field(pattern=r"^([2-9]|[1-9][0-9]{1,4})$")]
Day = Annotated[date, BeforeValidator(calendar.day), PlainSerializer(date.isoformat, return_type=str)]
Moment = Annotated[datetime, BeforeValidator(calendar.moment), PlainSerializer(calendar.format_moment, return_type=str)]
#: A moment after which something is over; a sentinel (any from 2099 on) means that it is not.
EndMoment = Annotated[Moment | None, BeforeValidator(calendar.end_moment)]
Clock = Annotated[time, BeforeValidator(calendar.clock), PlainSerializer(calendar.format_clock, return_type=str)]
Zone = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$", max_length=64)]
#: A length of time, whole nanoseconds.
Nanoseconds = Annotated[int, Field(gt=0, lt=1 << 63)]
#: A size, offset or count that fits the wire's u32.
Natural = Annotated[int, Field(ge=0, le=0xFFFF_FFFF)]
Positive = Annotated[int, Field(ge=1, le=0xFFFF_FFFF)]


class Model(BaseModel):
    """What records and their parts have in common: frozen, strict, without unknown fields, with our own errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
            return
        except ValidationError as error:
            refusal = invalid_record(error)
        # raised out here: with the ValidationError, which holds it, as its context it would never be freed
        raise refusal


class Part(Model):
    """One element of a record's list field, such as a token of a pool. It has no id and no life of its own."""

    REFERENCES: ClassVar[dict[str, str]] = {}


P = TypeVar("P", bound=Part)


def parts(model: type[P], field: str) -> Callable[[object], tuple[P, ...]]:
    """A validator for a list field: a sequence of parts, or of mappings (or named tuples) that make them.

    An error names the element: `tokens.1.weight`.
    """

    def validate(value: object) -> tuple[P, ...]:
        if not isinstance(value, list | tuple):
            raise InvalidRecord(field, value, "a list is expected")
        return tuple(_part(model, f"{field}.{n}", element) for n, element in enumerate(value))

    return validate


def _part(model: type[P], path: str, element: object) -> P:
    if isinstance(element, model):
        return element
    if isinstance(element, tuple) and hasattr(element, "_asdict"):
        element = element._asdict()
    if not isinstance(element, dict):
        raise InvalidRecord(path, element, "an object is expected")
    try:
        return model(**{str(name): said for name, said in element.items() if said is not None})
    except InvalidRecord as error:
        raise InvalidRecord(f"{path}.{error.field}", error.value, error.reason, code=error.code) from None
    except InvalidIdentifier as error:
        raise InvalidRecord(path, error.value, f"invalid {error.scheme}: {error.reason}", code=error.code) from None


def _keys(value: object) -> tuple[str, ...]:
    """A set of names as a sorted tuple; each is a key."""
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
        raise ValueError("a list of texts is expected")
    return tuple(sorted({text.key(v) for v in value}))


Keys = Annotated[tuple[str, ...], BeforeValidator(_keys), Field(min_length=1, max_length=64)]


class Record(Model):
    """Base of all records. Constructing one validates it; a bad value raises InvalidRecord (or InvalidIdentifier).

    `record` names the type, `IDENTITY` the fields that make the id, `BREAKING` those whose change changes what a
    number means, `REFERENCES` the fields that hold ids of other records with the kind of those ids, `LISTS` the fields
    that are lists of parts. An unset field is unknown. `status` is the exception: unset it means that this
    record says nothing of it, which for a new record amounts to active.
    """

    record: str
    status: Status = "active"

    IDENTITY: ClassVar[tuple[str, ...]] = ()
    BREAKING: ClassVar[tuple[str, ...]] = ()
    REFERENCES: ClassVar[dict[str, str]] = {}
    LISTS: ClassVar[dict[str, type[Part]]] = {}

    @property
    def identity(self) -> tuple[str, ...]:
        """The identity's fields as DESIGN's table orders them, absent ones empty."""
        raise AssertionError(f"{type(self).__name__} defines no identity")

    @property
    def kind(self) -> str:
        """The kind of its id (`instrument`, `security` …; `listing` for a listing, which has none)."""
        return RECORD_KINDS[self.record]

    @cached_property
    def id(self) -> Id:
        """The id: a pure function of the identity."""
        return compute_id(self.kind, self.identity)

    @property
    def shown_id(self) -> str | int:
        """The id as JSON has it: 32 hex digits; the number of an event type."""
        return event_type_number(self.id) if self.kind == "event-type" else str(self.id)

    def references(self) -> list[tuple[str, str, str]]:
        """The ids that this record names: (path of the field, kind, id)."""
        found = [
            (field, kind, id) for field, kind in self.REFERENCES.items() if (id := getattr(self, field)) is not None
        ]
        for field, model in self.LISTS.items():
            for n, part in enumerate(getattr(self, field) or ()):
                found += [
                    (f"{field}.{n}.{inner}", kind, id)
                    for inner, kind in model.REFERENCES.items()
                    if (id := getattr(part, inner)) is not None
                ]
        return found

    def known(self) -> dict[str, Any]:
        """What this record states: every field that was set and is not None, as JSON-ready values.

        A field with a default of its own (a pair's market kind) is always stated.
        """
        values = self.model_dump(mode="json", exclude_none=True, exclude_unset=True)
        values["record"] = self.record
        for name in _defaulted(type(self)):
            values[name] = getattr(self, name)
        for name in self.LISTS:
            if name in values:
                values[name] = [part.model_dump(mode="json", exclude_none=True) for part in getattr(self, name)]
        return values

    def canonical_json(self) -> str:
        """`known()` as JSON with sorted keys and no blanks: the form whose order decides between equals."""
        return canonical(self.known())

    def to_json(self) -> dict[str, Any]:
        """The record as everyone prints it: `record`, `id`, `id64`, then every known field."""
        values = self.model_dump(mode="json", exclude_none=True)
        values.pop("record")
        head: dict[str, Any] = {"record": self.record}
        if self.kind == "event-type":
            head["id"] = self.shown_id
        elif self.kind in KINDS:
            head |= {"id": str(self.id), "id64": self.id.id64}
        return head | values

    def replace(self, **changes: Any) -> Self:
        """A copy with other values, validated anew."""
        return type(self)(**{n: getattr(self, n) for n in self.model_fields_set} | changes)

    def identity_bytes(self) -> bytes:
        """The canonical identity bytes that are stored beside the id."""
        return encode_identity(self.identity)


def canonical(values: dict[str, Any]) -> str:
    """The canonical JSON of stated values: sorted keys, no blanks."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@cache
def _defaulted(model: type[Record]) -> tuple[str, ...]:
    """The fields that are never unknown, since they have a default: a text or a number."""
    fields = model.model_fields.items()
    return tuple(
        n for n, f in fields if n not in ("record", "status") and not f.is_required() and f.default is not None
    )


def invalid_record(error: ValidationError) -> CatalogError:
    """The first problem of a pydantic error as our own error: a field path, the value, a reason."""
    problem = error.errors(include_url=False)[0]
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, CatalogError):
        return cause
    field = ".".join(str(part) for part in problem["loc"]) or "record"
    value: object = problem.get("input")
    reason = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "missing":
        return InvalidRecord(field, "nothing", "it is required", code="missing_field")
    if problem["type"] == "extra_forbidden":
        return InvalidRecord(field, value, "there is no such field", code="unknown_field")
    if isinstance(value, dict):
        value = value.get("record", "record")
    return InvalidRecord(field, value, reason[:1].lower() + reason[1:])
