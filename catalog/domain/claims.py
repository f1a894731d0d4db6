"""The identity that a JSON object with `record` and identity fields claims, for every record type of docs/ids.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from catalog.domain import calendar, identifiers
from catalog.domain.decimals import canonical_decimal, format_decimal
from catalog.domain.derivatives import check_segment, listing_mic
from catalog.domain.identity import compute_id, event_type_number
from catalog.domain.records import RECORDS
from catalog.domain.text import key
from catalog.domain.vocabulary import CCXT_NAMES, EXCHANGES, RECORD_KINDS
from catalog.errors import InvalidRecord

#: Identities of records that need more than their identity to be a record: (leading words, fields).
_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "future": (("future",), ("mic|exchange", "segment", "symbol", "last_trading_date", "generation")),
    "occ_option": (("occ-option",), ("osi_root", "expiry_date", "option_kind", "strike_price")),
    "option": (("option",), ("mic|exchange", "segment", "symbol", "expiry_date", "generation")),
    "synthetic": (("synthetic",), ("name",)),
    "pool": ((), ("blockchain", "address", "pool_id")),
    "broker_contract": ((), ("broker", "symbol", "generation")),
    "event_type": ((), ("name", "version")),
}
_GENERATION = re.compile(r"[2-9]|[1-9][0-9]{1,4}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_OPTIONAL = frozenset(["segment", "generation", "last_trading_date", "pool_id"])


def describe(value: object) -> dict[str, Any]:
    """What `catalog id compute` prints: the id behind a JSON object, with its record type, kind and identity.

    An `id` or `id64` in the object is checked and not trusted; the id of an event type is its number.
    """
    if not isinstance(value, dict):
        raise InvalidRecord("record", type(value).__name__, "a JSON object is expected")
    given = {name: said for name, said in value.items() if said is not None and said != ""}
    kind, identity = identity_of(given)
    id = compute_id(kind, identity)
    found: dict[str, Any] = {"id": str(id), "id64": id.id64} if kind != "event-type" else {"id": event_type_number(id)}
    for name, expected in found.items():
        if given.get(name, expected) != expected:
            raise InvalidRecord(name, given[name], f"this identity has the {name} `{expected}`", code="wrong_id")
    return found | {"record": given["record"], "kind": kind, "identity": list(identity)}


def identity_of(value: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """(kind, identity fields) of a JSON object. Raises InvalidRecord or InvalidIdentifier."""
    record = value.get("record")
    if record == "listing":
        raise InvalidRecord("record", record, "a listing has no id", hint="its key is INSTRUMENT@VENUE[:SYMBOL]")
    if not isinstance(record, str) or record not in RECORD_KINDS:
        names = ", ".join(name for name in RECORD_KINDS if name != "listing")
        raise InvalidRecord(
            "record", "nothing" if record is None else record, f"one of {names} is expected", code="unknown_record"
        )
    kind = RECORD_KINDS[record]
    if record not in ("option", *_FIELDS):
        model = RECORDS[record]
        wanted = set(model.IDENTITY) | {"record"}
        given = {k: v for k, v in value.items() if k in wanted and v is not None}
        if isinstance(given.get("exchange"), str):
            known_slug(given["exchange"])
        if record == "pair":
            # the assets are no part of a pair's identity, but a record needs them
            given |= {"base_id": "0" * 32, "quote_id": "0" * 32}
        return kind, model(**given).identity
    lead, fields = _FIELDS["occ_option" if record == "option" and "osi_root" in value else record]
    return kind, (*lead, *(_field(name, value) for name in fields))


def _field(name: str, value: Mapping[str, Any]) -> str:
    names = name.split("|")
    if all(value.get(n) is not None for n in names[:2]) and len(names) > 1:
        raise InvalidRecord(names[0], value[names[0]], f"either this or {names[1]}, not both")
    given = next((n for n in names if value.get(n) is not None), None)
    if given is None:
        if name in _OPTIONAL:
            return ""
        raise InvalidRecord(names[0], "nothing", "it is part of the identity", code="missing_field")
    return _normal(given, value[given], value)


def _normal(name: str, said: Any, value: Mapping[str, Any]) -> str:
    if name == "strike_price":
        strike = canonical_decimal(said)
        if strike < 0:
            raise InvalidRecord(name, said, "negative")
        return format_decimal(strike)
    if name == "version" and isinstance(said, int) and not isinstance(said, bool):
        said = str(said)
    if not isinstance(said, str):
        raise InvalidRecord(name, said, "text is expected")
    if name in ("last_trading_date", "expiry_date"):
        return _date(name, said)
    if name == "option_kind":
        kinds = {"call": "C", "put": "P", "C": "C", "P": "P"}
        if said not in kinds:
            raise InvalidRecord(name, said, "call or put is expected")
        return kinds[said]
    if name == "address":
        return identifiers.address(identifiers.caip2(str(value.get("blockchain"))), said)
    if name == "segment":
        check_segment(said, str(value.get("exchange")))
        return said
    for field, pattern in (("generation", _GENERATION), ("version", _VERSION)):
        if name == field and not pattern.fullmatch(said):
            raise InvalidRecord(name, said, "a number without leading zeros is expected")
    checks: dict[str, Callable[[str], str]] = {
        "mic": listing_mic,
        "exchange": known_slug,
        "broker": known_broker,
        "blockchain": identifiers.caip2,
        "pool_id": identifiers.pool_id,
    }
    return checks[name](said) if name in checks else key(said, name)


def known_slug(value: str) -> str:
    """A slug, but not another name for an exchange of the table in docs/ids.md: that would be another id for one thing."""
    if identifiers.slug(value) in CCXT_NAMES:
        raise InvalidRecord("exchange", value, f"`{CCXT_NAMES[value]}` is its slug, by the table of docs/ids.md")
    return value


def known_broker(value: str) -> str:
    """The slug of a broker, by the table of docs/ids.md."""
    if identifiers.slug(value) not in EXCHANGES:
        raise InvalidRecord("broker", value, f"not in the table of docs/ids.md: {', '.join(EXCHANGES)}")
    return value


def _date(name: str, said: str) -> str:
    day = calendar.day(said)
    return "" if name == "last_trading_date" and day >= calendar.NEVER else day.isoformat()
