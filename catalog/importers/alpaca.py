"""`alpaca`: what Alpaca lets its customers trade, one broker contract per asset, and the share or fund where it is said.

`us_equity` covers shares, funds, warrants, rights and units alike, so that only an asset's name can say which it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO

from catalog.domain import text
from catalog.domain.brokers import BrokerContract
from catalog.domain.decimals import canonical_decimal
from catalog.domain.instruments import Equity, Etf, Stock
from catalog.domain.vocabulary import Authority
from catalog.errors import CatalogError, InvalidIdentifier, InvalidRecord, PayloadError
from catalog.importers.base import Heading, Parsed, Reject, rejected
from catalog.importers.json_document import Row, read_head, read_rows
from catalog.importers.json_values import CODES as VALUE_CODES
from catalog.importers.json_values import optional_text, require_object
from catalog.importers.us_securities import NOT_EQUITIES, kind_of

BROKER = "alpaca"
#: The broker's words for the exchange that lists an asset, and its market; other words name no market of shares.
EXCHANGES: dict[str, str] = {
    "AMEX": "XASE",
    "ARCA": "ARCX",
    "BATS": "BATS",
    "NASDAQ": "XNAS",
    "NYSE": "XNYS",
    "NYSEARCA": "ARCX",
    "OTC": "OTCM",
}
#: The classes that this importer knows; a contract of any other is refused.
CLASSES = frozenset({"us_equity", "crypto", "us_option"})
#: The broker's words for what it offers; behind every other word it does not, at least for now.
ACTIVE_STATUSES = frozenset({"active"})
#: A single asset is kept whole, so it may not go on for ever.
MAX_MEMBERS = 256
_FLAGS = {
    "tradable": "is_tradable",
    "marginable": "is_marginable",
    "shortable": "is_shortable",
    "easy_to_borrow": "is_easy_to_borrow",
    "fractionable": "is_fractionable",
}
# Theirs, ours, and whether zero means that there is no such step.
_NUMBERS = (
    ("min_order_size", "min_quantity", False),
    ("min_trade_increment", "lot_size", True),
    ("price_increment", "tick_size", True),
)
# A symbol that is the exchange's ticker too. For preferred shares (`ABR.PRD`) every vendor has a notation of its own.
_TICKER = re.compile(r"[A-Z]+(\.[A-Z])?")
_ASSET_KEYS = frozenset({"symbol", "class", "exchange", "tradable"})

#: The codes of what this module's functions refuse, which the broker's other payloads share.
CONTRACT_CODES = VALUE_CODES | {
    "not_an_object": "the row is not a JSON object",
    "missing_symbol": "no symbol, or a blank one",
    "invalid_symbol": "the symbol is no text, is longer than 255 bytes, or has control characters",
    "invalid_status": "the same of the status",
    "invalid_name": "the name is no text, is longer than 65,535 bytes, or has control characters",
    "invalid_flag": "a flag such as tradable is neither true, false nor null",
}


class AlpacaImporter:
    """`[{symbol, class, exchange, tradable, …}]` of GET /v2/assets, or one such object."""

    source = "alpaca"
    authority: Authority = "curated"
    codes: Mapping[str, str] = CONTRACT_CODES | {
        "missing_class": "no class, or a blank one",
        "invalid_class": "the class is no text",
        "unknown_class": "the class is none of us_equity, crypto and us_option",
        "invalid_exchange": "the exchange is no text",
        "unknown_exchange": "the exchange of a us_equity has no entry in the table of markets",
        "invalid_cusip": "not a CUSIP: its form or check digit",
        "invalid_number": "`NaN`, `Infinity`, no number, one of more than 18 digits, or a negative one",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether the document is an asset, or an array that begins with one."""
        rows = read_head(head, frozenset())
        if any(r.member is None for r in rows):
            return any(isinstance(r.value, dict) and r.value.keys() >= _ASSET_KEYS for r in rows)
        return {r.member for r in rows} >= _ASSET_KEYS

    def heading(self, stream: BinaryIO) -> Heading:
        """The one feed of this source; no time. Raises PayloadError for what is neither an object nor an array."""
        next(read_rows(stream, frozenset()), None)
        return Heading("assets")

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """For every asset the share or fund, if its name says that it is one, and the contract; or a reject."""
        for row in _assets(stream):
            yield from _parse_row(row)


def _assets(stream: BinaryIO) -> Iterator[Row]:
    """The elements of the array, or the members of the object as one row."""
    members: dict[str, Any] = {}
    texts: list[str] = []
    problem: InvalidRecord | None = None
    for row in read_rows(stream, frozenset()):
        if row.member is None:
            if row.is_element:
                yield row
            continue
        if len(members) == MAX_MEMBERS:
            raise PayloadError(f"an asset has at most {MAX_MEMBERS} members", row.place)
        members[row.member] = row.value
        problem = problem or row.problem
        texts.append(row.text)
    if not members:
        return
    if not members.keys() & _ASSET_KEYS:
        raise PayloadError("this is no asset", hint="one of GET /v2/assets has a symbol, a class and an exchange")
    shown = ", ".join(f'"{key}": {value}' for key, value in zip(members, texts, strict=True))
    yield Row(None, True, "", members, f"{{{shown}}}", problem)


def _parse_row(row: Row) -> Iterator[Parsed | Reject]:
    try:
        if row.problem:
            raise row.problem
        equity, contract = _records(require_object(row.value))
    except CatalogError as error:
        yield rejected(row.place, error, row.text, "broker_contract")
        return
    if equity is not None:
        yield Parsed(equity, row.place)
    yield Parsed(contract, row.place)


def _records(row: dict[str, Any]) -> tuple[Equity | None, BrokerContract]:
    asset_class = optional_text(row, "class")
    if asset_class is None:
        raise InvalidRecord("class", "nothing", "it is required", code="missing_class")
    if asset_class not in CLASSES:
        raise InvalidRecord("class", asset_class, f"one of {', '.join(sorted(CLASSES))}", code="unknown_class")
    fields = contract_fields(row)
    for theirs, ours, is_off_at_zero in _NUMBERS:
        number = amount(row, theirs)
        if number is not None and (number or not is_off_at_zero):
            fields[ours] = number
    fields |= _margin_rates(row)
    if asset_class != "us_equity" or (mic := _market(row)) is None:
        return None, BrokerContract(**fields)
    fields["mic"] = mic
    equity, names_line = _line(row, fields)
    if names_line:
        # Whether it is a share or a fund is no part of the id: it can be named while its kind is unknown.
        fields["instrument_id"] = str((equity or _by_ticker(Stock, fields)).id)
    return equity, BrokerContract(**fields)


def _line(row: dict[str, Any], fields: dict[str, Any]) -> tuple[Equity | None, bool]:
    """(The share or fund, if the name says that it is one; whether the contract is on such a line)."""
    kind = kind_of(fields.get("name", ""))
    if kind in NOT_EQUITIES or not _TICKER.fullmatch(fields["symbol"]):
        return None, False
    if kind is None:
        return None, True
    more = {"name": fields["name"]}
    if cusip := optional_text(row, "cusip"):
        more["cusip"] = cusip
    return _by_ticker(Etf if kind == "etf" else Stock, fields, **more), True


def _by_ticker(record: type[Stock] | type[Etf], fields: dict[str, Any], **more: Any) -> Equity:
    return record(mic=fields["mic"], ticker=fields["symbol"], currency="USD", **more)


def _market(row: dict[str, Any]) -> str | None:
    exchange = optional_text(row, "exchange")
    if exchange is None:
        return None
    if exchange not in EXCHANGES:
        raise InvalidRecord("exchange", exchange, "not in the table of markets", code="unknown_exchange")
    return EXCHANGES[exchange]


def _margin_rates(row: dict[str, Any]) -> dict[str, Decimal]:
    """Fractions of the per cents. The maintenance requirement is the older name of that of a long position."""
    rates: dict[str, Decimal] = {}
    long = amount(row, "margin_requirement_long")
    if long is None:
        long = amount(row, "maintenance_margin_requirement")
    short = amount(row, "margin_requirement_short")
    for ours, percent in (("long_margin_rate", long), ("short_margin_rate", short)):
        if percent is not None:
            try:
                rates[ours] = canonical_decimal(percent.scaleb(-2))
            except InvalidIdentifier as error:
                raise InvalidRecord(ours, percent, error.reason, code="invalid_number") from None
    return rates


def contract_fields(row: dict[str, Any]) -> dict[str, Any]:
    """What all of the broker's contracts have: symbol, name, flags and status."""
    symbol = optional_text(row, "symbol")
    if symbol is None:
        raise InvalidRecord("symbol", "nothing", "it is required", code="missing_symbol")
    fields: dict[str, Any] = {"broker": BROKER, "symbol": text.key(symbol, "symbol")}
    if name := optional_text(row, "name"):
        fields["name"] = text.free_text(name, "name")
    for theirs, ours in _FLAGS.items():
        value = row.get(theirs)
        if value is not None and not isinstance(value, bool):
            raise InvalidRecord(theirs, value, "true or false is expected", code="invalid_flag")
        if value is not None:
            fields[ours] = value
    if status := optional_text(row, "status"):
        fields["venue_status"] = text.key(status, "status")
        fields["status"] = "active" if status in ACTIVE_STATUSES else "suspended"
    return fields


def amount(row: dict[str, Any], key: str) -> Decimal | None:
    """The number under `key`, in text or not; None when it is absent, null or blank."""
    value = row.get(key)
    if value is None or value == "":
        return None
    try:
        number = canonical_decimal(value.strip() if isinstance(value, str) else value)
    except InvalidIdentifier as error:
        raise InvalidRecord(key, value, error.reason, code="invalid_number") from None
    if number < 0:
        raise InvalidRecord(key, value, "negative", code="invalid_number")
    return number


IMPORTER = AlpacaImporter()
