"""What every record is: frozen, validated, with an identity, an id and one canonical JSON form."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from catalog.domain import identifiers, text
from catalog.domain.decimals import canonical_decimal, format_decimal
from catalog.domain.identity import KINDS, Id, compute_id, encode_identity
from catalog.domain.vocabulary import RECORD_KINDS, Status
from catalog.errors import CatalogError, InvalidRecord


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


class Record(BaseModel):
    """Base of all records. Constructing one validates it; a bad value raises InvalidRecord (or InvalidIdentifier).

    `record` names the type, `IDENTITY` the fields that make the id, `BREAKING` those whose change changes what a
    number means. An unset field is unknown. `status` is the exception: unset it means that this record says nothing
    of it, which for a new record amounts to active.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    record: str
    status: Status = "active"

    IDENTITY: ClassVar[tuple[str, ...]] = ()
    BREAKING: ClassVar[tuple[str, ...]] = ()

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise invalid_record(error) from None

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

    def known(self) -> dict[str, Any]:
        """What this record states: every field that was set and is not None, as JSON-ready values."""
        values = self.model_dump(mode="json", exclude_none=True, exclude_unset=True)
        values["record"] = self.record
        for name in self.IDENTITY:
            if name not in values and (value := getattr(self, name)) is not None:
                values[name] = value  # an identity field at its default, such as a pair's market kind
        return values

    def canonical_json(self) -> str:
        """`known()` as JSON with sorted keys and no blanks: the form whose order decides between equals."""
        return json.dumps(self.known(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def to_json(self) -> dict[str, Any]:
        """The record as everyone prints it: `record`, `id`, `id64`, then every known field."""
        values = self.model_dump(mode="json", exclude_none=True)
        values.pop("record")
        head: dict[str, Any] = {"record": self.record}
        if self.kind in KINDS:
            head |= {"id": str(self.id), "id64": self.id.id64}
        return head | values

    def replace(self, **changes: Any) -> Self:
        """A copy with other values, validated anew."""
        return type(self)(**{n: getattr(self, n) for n in self.model_fields_set} | changes)

    def identity_bytes(self) -> bytes:
        """The canonical identity bytes that are stored beside the id."""
        return encode_identity(self.identity)


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


def utc(value: datetime) -> datetime:
    """Refuses a time without a zone."""
    if value.tzinfo is None:
        raise ValueError("a time needs a zone, such as `Z`")
    return value
