"""`alpaca-options`: the option contracts that Alpaca offers, each an option cleared by OCC and a broker contract on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO

from catalog.domain import calendar, text
from catalog.domain.brokers import BrokerContract
from catalog.domain.decimals import format_decimal
from catalog.domain.derivatives import OSI_STRIKE_LIMIT, OSI_STRIKE_STEP, Option
from catalog.domain.vocabulary import EXERCISE_STYLES, OPTION_KINDS, Authority
from catalog.errors import CatalogError, InvalidIdentifier, InvalidRecord, quote
from catalog.importers.alpaca import BROKER, CONTRACT_CODES, amount, contract_fields
from catalog.importers.base import Heading, Parsed, Reject, rejected
from catalog.importers.json_document import Row, read_array, read_head, read_rows
from catalog.importers.json_values import optional_text, require_object

_ARRAY = "option_contracts"
_KEYS = frozenset({"symbol", "expiration_date", "type", "strike_price", "underlying_symbol"})


class AlpacaOptionsImporter:
    """`{option_contracts: [{symbol, root_symbol, expiration_date, type, strike_price, …}]}`, a page of them."""

    source = "alpaca-options"
    authority: Authority = "curated"
    codes: Mapping[str, str] = CONTRACT_CODES | {
        "missing_term": "no root_symbol, expiration_date, type or strike_price, or a blank one",
        "invalid_term": "root_symbol, expiration_date, type, style or strike_price is not what an option cleared by OCC has",
        "symbol_mismatch": "the symbol states other terms than the fields",
        "invalid_underlying_symbol": "the underlying's symbol is no text, is longer than 255 bytes, or has control characters",
        "invalid_number": "`NaN`, `Infinity`, or a size, multiplier or amount that is no number above zero",
        "invalid_deliverables": "the deliverables are no list of objects, or one has no symbol",
    }  # fmt: skip

    def can_parse(self, head: bytes) -> bool:
        """Whether `option_contracts`, or the document itself, holds options."""
        return any(
            row.is_element and isinstance(row.value, dict) and row.value.keys() >= _KEYS
            for row in read_head(head, frozenset({_ARRAY}))
        )

    def heading(self, stream: BinaryIO) -> Heading:
        """The one feed of this source; no time. Raises PayloadError for what is neither an object nor an array."""
        next(read_rows(stream, frozenset({_ARRAY})), None)
        return Heading("option contracts", is_listing=False)

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """For every contract the option and the broker contract on it, or a reject."""
        for row in read_array(stream, _ARRAY, may_be_document=True):
            yield from _parse_row(row)


def _parse_row(row: Row) -> Iterator[Parsed | Reject]:
    try:
        if row.problem:
            raise row.problem
        stated = require_object(row.value)
        fields = contract_fields(stated)
        option = _option(stated, fields)
        underlying = _symbol(stated, "underlying_symbol")
        contract = BrokerContract(**fields, **_sizes(stated), instrument_id=str(option.id))
    except CatalogError as error:
        yield rejected(row.place, error, row.text, "option")
        return
    through = {} if underlying is None else {"underlying_id": str(BrokerContract(broker=BROKER, symbol=underlying).id)}
    yield Parsed(option, row.place, through)
    yield Parsed(contract, row.place)


def _option(row: dict[str, Any], contract: dict[str, Any]) -> Option:
    root, day, kind = (_term(row, key) for key in ("root_symbol", "expiration_date", "type"))
    if kind not in OPTION_KINDS:
        raise InvalidRecord("type", kind, "call or put is expected", code="invalid_term")
    fields: dict[str, Any] = {"osi_root": root, "option_kind": kind, "strike_price": _strike(row), "currency": "USD"}
    try:
        fields["expiry_date"] = calendar.day(day)
    except InvalidIdentifier as error:
        raise InvalidRecord("expiration_date", day, error.reason, code="invalid_term") from None
    if row.get("style") not in (None, ""):
        style = _term(row, "style")
        if style not in EXERCISE_STYLES:
            raise InvalidRecord("style", style, f"one of {', '.join(EXERCISE_STYLES)} is expected", code="invalid_term")
        fields["exercise_style"] = style
    if "name" in contract:
        fields["name"] = contract["name"]
    size = _above_zero(row, "size")
    if size is not None:
        fields["contract_multiplier"] = size
    fields |= _deliverables(row, size)
    try:
        option = Option(**fields)
    except InvalidRecord as error:
        raise InvalidRecord(error.field, error.value, error.reason, code="invalid_term") from None
    assert option.symbol is not None
    if contract["symbol"] != option.symbol.replace(" ", ""):
        raise InvalidRecord(
            "symbol", contract["symbol"], f"the terms are those of `{option.symbol}`", code="symbol_mismatch"
        )
    return option


def _term(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise InvalidRecord(key, "nothing", "it is required", code="missing_term")
    if not isinstance(value, str):
        raise InvalidRecord(key, value, "text is expected", code="invalid_term")
    return value.strip()


def _strike(row: dict[str, Any]) -> Decimal:
    strike = amount(row, "strike_price")
    if strike is None:
        raise InvalidRecord("strike_price", "nothing", "it is required", code="missing_term")
    if not 0 < strike < OSI_STRIKE_LIMIT or strike % OSI_STRIKE_STEP:
        reason = "above zero and below 100000, with at most three decimal places, is expected"
        raise InvalidRecord("strike_price", strike, reason, code="invalid_term")
    return strike


def _sizes(row: dict[str, Any]) -> dict[str, Any]:
    """What one contract delivers, and what a premium is multiplied with."""
    sizes = {"contract_multiplier": _above_zero(row, "size"), "premium_multiplier": _above_zero(row, "multiplier")}
    return {ours: number for ours, number in sizes.items() if number is not None}


def _above_zero(row: dict[str, Any], key: str) -> Decimal | None:
    number = amount(row, key)
    if number == 0:
        raise InvalidRecord(key, row[key], "must be above zero", code="invalid_number")
    return number


def _symbol(row: dict[str, Any], key: str) -> str | None:
    value = optional_text(row, key)
    return None if value is None else text.key(value, key)


def _deliverables(row: dict[str, Any], size: Decimal | None) -> dict[str, Any]:
    """What one contract delivers, as text (`100 AAPL + 12.5 USD`), and whether that is more than its size of shares.

    An answer that was asked for without deliverables says nothing of either.
    """
    value = row.get("deliverables")
    if value is None or value == []:
        return {}
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        raise InvalidRecord("deliverables", type(value).__name__, "a list of objects", code="invalid_deliverables")
    delivered = [_deliverable(part) for part in value]
    standard = (size, row.get("underlying_symbol"))
    shown = (symbol if number is None else f"{format_decimal(number)} {symbol}" for number, symbol in delivered)
    return {"is_adjusted": delivered != [standard], "deliverable": text.free_text(" + ".join(shown), "deliverables")}


def _deliverable(part: dict[str, Any]) -> tuple[Decimal | None, str]:
    """(The number, of what). A deliverable without a symbol is money, whose symbol is that of the currency."""
    number = amount(part, "amount")
    symbol = part.get("symbol")
    if symbol is None and part.get("type") == "cash":
        symbol = "USD"
    if not isinstance(symbol, str) or not symbol.strip():
        shown = "nothing" if symbol is None else quote(symbol)
        raise InvalidRecord("deliverables", shown, "a symbol is expected", code="invalid_deliverables")
    return number, symbol.strip()


IMPORTER = AlpacaOptionsImporter()
