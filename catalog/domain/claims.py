"""The identity that a JSON object with `record` and identity fields claims, for every record type of docs/ids.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from catalog.domain import identifiers
from catalog.domain.decimals import canonical_decimal, format_decimal
from catalog.domain.records import RECORDS
from catalog.domain.text import key
from catalog.domain.vocabulary import RECORD_KINDS
from catalog.errors import InvalidRecord

#: Identity fields of record types whose records are not registered here yet: (leading words, fields).
_LATER: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "future": (("future",), ("mic|exchange", "segment", "symbol", "last_trading_date", "generation")),
    "occ_option": (("occ-option",), ("osi_root", "expiry_date", "option_kind", "strike_price")),
    "option": (("option",), ("mic|exchange", "segment", "symbol", "expiry_date", "generation")),
    "synthetic": (("synthetic",), ("name",)),
    "pool": ((), ("blockchain", "address", "pool_id")),
    "broker_contract": ((), ("broker", "symbol", "generation")),
    "event_type": ((), ("name", "version")),
}
_OPTIONAL = frozenset(["segment", "generation", "last_trading_date", "pool_id"])


def identity_of(value: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """(kind, identity fields) of a JSON object. Raises InvalidRecord or InvalidIdentifier."""
    record = value.get("record")
    if not isinstance(record, str) or record not in RECORD_KINDS or record == "listing":
        raise InvalidRecord("record", record, "a record type that has ids is expected", code="unknown_record")
    kind = RECORD_KINDS[record]
    if record in RECORDS:
        model = RECORDS[record]
        names = set(model.IDENTITY) | {"record"}
        given = {k: v for k, v in value.items() if k in names and v is not None}
        if record == "pair":
            # the assets are no part of a pair's identity, but a record needs them
            given |= {"base_id": "0" * 32, "quote_id": "0" * 32}
        return kind, model(**given).identity
    lead, fields = _LATER["occ_option" if record == "option" and "osi_root" in value else record]
    return kind, (*lead, *(_field(name, value) for name in fields))


def _field(name: str, value: Mapping[str, Any]) -> str:
    names = name.split("|")
    given = next((n for n in names if value.get(n) is not None), None)
    if given is None:
        if name in _OPTIONAL:
            return ""
        raise InvalidRecord(names[0], "nothing", "it is part of the identity", code="missing_field")
    return _normal(given, value[given], value)


def _normal(name: str, said: Any, value: Mapping[str, Any]) -> str:
    if name == "strike_price":
        return format_decimal(canonical_decimal(said))
    if name == "version" and isinstance(said, int):
        return str(said)
    if not isinstance(said, str):
        raise InvalidRecord(name, said, "text is expected")
    if name in ("last_trading_date", "expiry_date"):
        try:
            return date.fromisoformat(said).isoformat()
        except ValueError:
            raise InvalidRecord(name, said, "a date such as 2026-12-18 is expected") from None
    if name == "option_kind":
        kinds = {"call": "C", "put": "P", "C": "C", "P": "P"}
        if said not in kinds:
            raise InvalidRecord(name, said, "call or put is expected")
        return kinds[said]
    if name == "address":
        return identifiers.address(identifiers.caip2(str(value.get("blockchain"))), said)
    checks = {
        "mic": identifiers.mic,
        "exchange": identifiers.slug,
        "broker": identifiers.slug,
        "blockchain": identifiers.caip2,
        "pool_id": identifiers.pool_id,
    }
    return checks[name](said) if name in checks else key(said, name)
