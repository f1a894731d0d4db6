"""All record types in one table, and the one way from JSON to a record."""

from __future__ import annotations

from typing import Any

from catalog.domain.base import Record
from catalog.domain.brokers import BrokerContract
from catalog.domain.derivatives import Future, Option
from catalog.domain.events import EventType
from catalog.domain.identity import KINDS
from catalog.domain.instruments import Asset, Currency, Etf, Native, Stock, Token
from catalog.domain.listings import Listing
from catalog.domain.pairs import Pair
from catalog.domain.pools import Pool
from catalog.domain.securities import Security
from catalog.domain.synthetics import Synthetic
from catalog.domain.venues import Venue
from catalog.errors import InvalidRecord

#: Record types by name.
RECORDS: dict[str, type[Record]] = {
    "token": Token,
    "native": Native,
    "asset": Asset,
    "stock": Stock,
    "etf": Etf,
    "currency": Currency,
    "future": Future,
    "option": Option,
    "synthetic": Synthetic,
    "security": Security,
    "venue": Venue,
    "listing": Listing,
    "pool": Pool,
    "pair": Pair,
    "broker_contract": BrokerContract,
    "event_type": EventType,
}


def parse_record(data: object) -> Record:
    """A record of a decoded JSON object. `id` and `id64`, when given, are checked and not trusted.

    `verified`, which `find` adds, is no part of the record and is left aside. Raises InvalidRecord or InvalidIdentifier,
    with the field, the value and the reason.
    """
    if not isinstance(data, dict):
        raise InvalidRecord("record", type(data).__name__, "a JSON object is expected")
    name = data.get("record")
    if not isinstance(name, str) or name not in RECORDS:
        raise InvalidRecord("record", name, f"one of {', '.join(RECORDS)} is expected", code="unknown_record")
    fields: dict[str, Any] = {k: v for k, v in data.items() if k not in ("id", "id64", "verified") and v is not None}
    record = RECORDS[name](**fields)
    if record.kind in KINDS:
        for field, expected in (("id", record.shown_id), ("id64", record.id.id64)):
            if data.get(field) not in (None, expected):
                raise InvalidRecord(field, data[field], f"this identity has the {field} `{expected}`", code="wrong_id")
    return record
