"""From the fields that identify a record to its identity, for all record types, with nothing else of the record known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

from catalog.domain import identifiers, text
from catalog.domain.decimals import canonical_decimal, format_decimal
from catalog.domain.identity import Id, compute_id, event_type_number
from catalog.domain.records import RECORDS
from catalog.errors import InvalidRecord

Fields = Mapping[str, Any]
Parts = tuple[str, tuple[str, ...]]
_ANY_ID = "0" * 32


class Identity(NamedTuple):
    """A record type, the kind of its id, and the identity's fields in their order."""

    record: str
    kind: str
    fields: tuple[str, ...]

    @property
    def id(self) -> Id:
        """The id: a pure function of kind and fields."""
        return compute_id(self.kind, self.fields)

    def to_json(self) -> dict[str, Any]:
        """As `catalog id compute` prints it. An event type's id is a number."""
        shown: dict[str, Any] = {"id": str(self.id), "id64": self.id.id64}
        if self.kind == "event-type":
            shown = {"id": event_type_number(self.id)}
        return shown | {"record": self.record, "kind": self.kind, "identity": list(self.fields)}


def identify(data: object) -> Identity:
    """The identity of a JSON object that has `record` and the fields that identify it; others are passed over.

    An `id` or `id64` in it is checked. Raises InvalidRecord or InvalidIdentifier.
    """
    if not isinstance(data, dict):
        raise InvalidRecord("record", type(data).__name__, "a JSON object is expected")
    given = {name: value for name, value in data.items() if value is not None and value != ""}
    record = given.get("record")
    if record == "listing":
        raise InvalidRecord("record", record, "a listing has no id", hint="its key is INSTRUMENT@VENUE[:SYMBOL]")
    if isinstance(record, str) and record in RECORDS:
        found = _of_record(record, given)
    elif isinstance(record, str) and record in _OTHERS:
        found = Identity(record, *_OTHERS[record](given))
    else:
        names = ", ".join(name for name in (*RECORDS, *_OTHERS) if name != "listing")
        shown_record = "nothing" if record is None else record
        raise InvalidRecord("record", shown_record, f"one of {names} is expected", code="unknown_record")
    shown = found.to_json()
    for field in ("id", "id64"):
        if field in given and field in shown and given[field] != shown[field]:
            raise InvalidRecord(field, given[field], f"this identity has the {field} `{shown[field]}`", code="wrong_id")
    return found


def _of_record(name: str, given: Fields) -> Identity:
    model = RECORDS[name]
    values = {field: given[field] for field in model.IDENTITY if field in given}
    if "isin" in values:
        values.pop("ticker", None)  # an attribute then, and no part of the identity
    # what a record must have beside its identity (a pair its assets) does not matter to its id
    required = {field for field, info in model.model_fields.items() if info.is_required()} - set(model.IDENTITY)
    found = model(**values, **dict.fromkeys(required, _ANY_ID))
    return Identity(name, found.kind, found.identity)


def _text(given: Fields, name: str, check: Callable[[str], str] = text.key) -> str:
    value = given.get(name)
    if value is None:
        raise InvalidRecord(name, "nothing", "it is required", code="missing_field")
    if not isinstance(value, str):
        raise InvalidRecord(name, value, "text is expected")
    return check(value)


def _optional(given: Fields, name: str, check: Callable[[str], str] = text.key) -> str:
    return _text(given, name, check) if name in given else ""


def _date(value: str) -> str:
    try:
        if date.fromisoformat(value).isoformat() == value:
            return value
    except ValueError:
        pass
    raise InvalidRecord("date", value, "a date such as 2026-12-18 is expected")


def _generation(value: str) -> str:
    if not (value.isascii() and value.isdigit() and len(value) <= 5 and value[0] != "0" and int(value) >= 2):
        raise InvalidRecord("generation", value, "a number from 2 on is expected; the first holder has none")
    return value


def _market(given: Fields) -> str:
    if ("mic" in given) == ("exchange" in given):
        said = "both" if "mic" in given else "nothing"
        raise InvalidRecord("mic", said, "either a `mic` or an `exchange` is expected", code="missing_field")
    return _text(given, "mic", identifiers.mic) if "mic" in given else _text(given, "exchange", identifiers.slug)


def _future(given: Fields) -> Parts:
    segment, symbol = _optional(given, "segment", identifiers.slug), _text(given, "symbol")
    last, generation = _optional(given, "last_trading_date", _date), _optional(given, "generation", _generation)
    return "instrument", ("future", _market(given), segment, symbol, last, generation)


def _option(given: Fields) -> Parts:
    expiry = _text(given, "expiry_date", _date)
    if "osi_root" not in given:
        segment, symbol = _optional(given, "segment", identifiers.slug), _text(given, "symbol")
        generation = _optional(given, "generation", _generation)
        return "instrument", ("option", _market(given), segment, symbol, expiry, generation)
    said = _text(given, "option_kind")
    kind = {"call": "C", "put": "P", "C": "C", "P": "P"}.get(said)
    if kind is None:
        raise InvalidRecord("option_kind", said, "`call` or `put` is expected")
    if "strike_price" not in given:
        raise InvalidRecord("strike_price", "nothing", "it is required", code="missing_field")
    strike = canonical_decimal(given["strike_price"])
    if strike < 0:
        raise InvalidRecord("strike_price", given["strike_price"], "negative")
    return "instrument", ("occ-option", _text(given, "osi_root"), expiry, kind, format_decimal(strike))


def _pool(given: Fields) -> Parts:
    blockchain = _text(given, "blockchain", identifiers.caip2)
    address = identifiers.address(blockchain, _text(given, "address"))
    return "pool", (blockchain, address, _optional(given, "pool_id", identifiers.pool_id))


def _broker_contract(given: Fields) -> Parts:
    generation = _optional(given, "generation", _generation)
    return "broker-contract", (_text(given, "broker", identifiers.slug), _text(given, "symbol"), generation)


def _event_type(given: Fields) -> Parts:
    version = given.get("version")
    is_number = isinstance(version, int) and not isinstance(version, bool)
    return "event-type", (_text(given, "name"), str(version) if is_number else _text(given, "version"))


def _synthetic(given: Fields) -> Parts:
    return "instrument", ("synthetic", _text(given, "name"))


#: Record types whose ids are fixed by docs/ids.md though no record class has them here.
_OTHERS: dict[str, Callable[[Fields], Parts]] = {
    "future": _future,
    "option": _option,
    "synthetic": _synthetic,
    "pool": _pool,
    "broker_contract": _broker_contract,
    "event_type": _event_type,
}
