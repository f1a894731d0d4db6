"""`tradovate`: the futures that Tradovate offers, each with a broker contract on it.

The broker keeps a contract in five tables: contract → maturity → product → exchange and currency. The payload is one
object with the answers of their lists by name. Contracts alone, without the tables that say what they are, cannot be
told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Context, Decimal
from functools import cache
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from catalog.domain import calendar, identifiers, text
from catalog.domain.brokers import BrokerContract
from catalog.domain.decimals import canonical_decimal
from catalog.domain.derivatives import Future
from catalog.domain.vocabulary import Authority
from catalog.errors import CatalogError, InvalidIdentifier, InvalidRecord, PayloadError
from catalog.importers.base import Heading, Parsed, Reject, rejected
from catalog.importers.json_document import Row, read_array, read_head, read_rows
from catalog.importers.json_values import CODES as VALUE_CODES
from catalog.importers.json_values import optional_text, require_object

BROKER = "tradovate"
#: The broker's names for the exchanges that list futures: their MIC, and the zone in which their days are counted.
EXCHANGES: dict[str, tuple[str, str]] = {
    "CBOT": ("XCBT", "America/Chicago"),
    "CME": ("XCME", "America/Chicago"),
    "COMEX": ("XCEC", "America/New_York"),
    "NYMEX": ("XNYM", "America/New_York"),
}
#: The words for a contract and for a product that trade; behind every other word they do not, at least for now.
ACTIVE_CONTRACTS = frozenset({"DefinitionChecked"})
ACTIVE_PRODUCTS = frozenset({"ReadyToTrade", "Verified"})
#: The product type whose contracts are read.
FUTURES = "Futures"
_TABLES = ("maturities", "products", "exchanges", "currencies")
_ARRAYS = frozenset({"contracts", *_TABLES})
_CONTRACT_KEYS = frozenset({"id", "name", "contractMaturityId"})

# The product of two canonical decimals has at most twice their 18 digits.
_EXACT = Context(prec=40)

#: The rows of the tables by name and id; None where the payload has two different rows under one id.
_Tables = dict[str, dict[int, dict[str, Any] | None]]


class TradovateImporter:
    """`{contracts: […], maturities: […], products: […], exchanges: […], currencies: […]}`, or contracts alone."""

    source = "tradovate"
    authority: Authority = "curated"
    codes: Mapping[str, str] = VALUE_CODES | {
        "not_an_object": "the row is not a JSON object",
        "missing_id": "a row of a table that others name has no whole number as its id",
        "missing_maturity": "the contract's maturity is not in the payload (contractMaturityId)",
        "missing_product": "the maturity's product is not in the payload (productId)",
        "missing_exchange": "the product's exchange is not in the payload (exchangeId)",
        "missing_currency": "the product's currency is not in the payload (currencyId)",
        "duplicate_id": "a table that the contract needs has two different rows under one id",
        "not_a_future": "the product type is not Futures",
        "missing_name": "the contract, its product, exchange or currency has no name",
        "invalid_name": "such a name is no text, is longer than 255 bytes, or has control characters",
        "unknown_exchange": "the exchange has no entry in the table of exchanges",
        "unknown_currency": "the currency's name is no ISO 4217 code",
        "missing_expiration_date": "the maturity has no expirationDate",
        "invalid_expiration_date": "the expirationDate is no time, or one that only a perpetual has",
        "invalid_description": "the description is no text, is longer than 65,535 bytes, or has control characters",
        "invalid_status": "the status is no text, is longer than 255 bytes, or has control characters",
        "invalid_number": "`NaN`, `Infinity`, or a tickSize or valuePerPoint that is no number above zero of 18 digits",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether `contracts`, or the document itself, holds contracts; or whether the tables come first."""
        rows = read_head(head, _ARRAYS)
        if any(_is_contract(r) for r in rows):
            return True
        return any(
            r.is_element and r.member == member and isinstance(r.value, dict) and key in r.value
            for r in rows
            for member, key in (("maturities", "expirationDate"), ("products", "valuePerPoint"))
        )

    def heading(self, stream: BinaryIO) -> Heading:
        """The one feed of this source; no time. Raises PayloadError for what is neither an object nor an array."""
        next(read_rows(stream, _ARRAYS), None)
        return Heading("contracts", is_listing=False)

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """For every contract the future and the broker contract on it, or a reject.

        The tables are read first, wherever they stand, and kept; the contracts are read one at a time.
        """
        tables: _Tables = {name: {} for name in _TABLES}
        try:
            for row in read_rows(stream, _ARRAYS):
                if row.is_element and row.member in tables and (reject := _keep(row, tables[row.member])):
                    yield reject
        except PayloadError:
            pass  # the second reading raises it, behind the good contracts
        for row in read_array(stream, "contracts", may_be_document=True):
            yield from _parse_row(row, tables)


def _is_contract(row: Row) -> bool:
    is_there = row.is_element and row.member in (None, "contracts") and isinstance(row.value, dict)
    return is_there and row.value.keys() >= _CONTRACT_KEYS


def _keep(row: Row, table: dict[int, dict[str, Any] | None]) -> Reject | None:
    """Enter a row into its table; a reject for one that cannot be named."""
    try:
        if row.problem:
            raise row.problem
        value = require_object(row.value)
        number: Any = value.get("id")
        if not _is_id(number):
            shown = "nothing" if number is None else number
            raise InvalidRecord("id", shown, "a whole number is expected", code="missing_id")
    except CatalogError as error:
        return rejected(row.place, error, row.text, "")
    table[number] = value if table.get(number, value) == value else None
    return None


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _parse_row(row: Row, tables: _Tables) -> Iterator[Parsed | Reject]:
    try:
        if row.problem:
            raise row.problem
        future, contract = _records(require_object(row.value), tables)
    except CatalogError as error:
        yield rejected(row.place, error, row.text, "future")
        return
    yield Parsed(future, row.place)
    yield Parsed(contract, row.place)


def _records(row: dict[str, Any], tables: _Tables) -> tuple[Future, BrokerContract]:
    symbol = _name(row)
    maturity = _joined(tables["maturities"], row, "contractMaturityId", "maturity")
    product = _joined(tables["products"], maturity, "productId", "product")
    if (kind := product.get("productType")) != FUTURES:
        raise InvalidRecord(
            "productType", "nothing" if kind is None else kind, f"{FUTURES} is expected", code="not_a_future"
        )
    exchange = _name(_joined(tables["exchanges"], product, "exchangeId", "exchange"))
    if exchange not in EXCHANGES:
        raise InvalidRecord("exchange", exchange, f"one of {', '.join(EXCHANGES)}", code="unknown_exchange")
    mic, zone = EXCHANGES[exchange]
    last_day, moment = _expiration(maturity, zone)
    shared = _shared(product)
    fields = shared | {
        "mic": mic,
        "symbol": symbol,
        "last_trading_date": last_day,
        "product": _name(product),
        "currency": _currency(_joined(tables["currencies"], product, "currencyId", "currency")),
    }
    future = Future(**fields | ({} if moment is None else {"expires_at": moment}))
    offered = shared | _tick_value(shared) | _offered(row, product)
    return future, BrokerContract(broker=BROKER, symbol=symbol, mic=mic, instrument_id=str(future.id), **offered)


def _shared(product: dict[str, Any]) -> dict[str, Any]:
    """What the product says of the future and of the broker contract alike."""
    fields: dict[str, Any] = {}
    if description := optional_text(product, "description"):
        fields["name"] = text.free_text(description, "description")
    for theirs, ours in (("tickSize", "tick_size"), ("valuePerPoint", "contract_multiplier")):
        if (number := _number(product, theirs)) is not None:
            fields[ours] = number
    return fields


def _tick_value(fields: dict[str, Any]) -> dict[str, Any]:
    """What one tick is worth; nothing where a factor is unknown or the product has too many digits."""
    if "tick_size" not in fields or "contract_multiplier" not in fields:
        return {}
    try:
        return {"tick_value": canonical_decimal(_EXACT.multiply(fields["tick_size"], fields["contract_multiplier"]))}
    except InvalidIdentifier:
        return {}


def _offered(row: dict[str, Any], product: dict[str, Any]) -> dict[str, Any]:
    """Whether the broker offers it: the contract's word and the product's both have to say so. That against it is kept."""
    words = ((_status(row), ACTIVE_CONTRACTS), (_status(product), ACTIVE_PRODUCTS))
    stated = [(word, word in active) for word, active in words if word is not None]
    if not stated:
        return {}
    word, is_active = min(stated, key=lambda s: s[1])
    return {"venue_status": word, "status": "active" if is_active else "suspended"}


def _joined(table: dict[int, dict[str, Any] | None], row: dict[str, Any], key: str, what: str) -> dict[str, Any]:
    number = row.get(key)
    if not _is_id(number) or number not in table:
        shown = "nothing" if number is None else number
        hint = f"give the {what} lists beside the contracts, in one object"
        raise InvalidRecord(key, shown, f"the payload has no such {what}", code=f"missing_{what}", hint=hint)
    found = table[number]
    if found is None:
        raise InvalidRecord(key, number, f"there are two of this {what}, and they differ", code="duplicate_id")
    return found


def _name(row: dict[str, Any]) -> str:
    name = optional_text(row, "name")
    if name is None:
        raise InvalidRecord("name", "nothing", "it is required", code="missing_name")
    return text.key(name, "name")


def _status(row: dict[str, Any]) -> str | None:
    status = optional_text(row, "status")
    return None if status is None else text.key(status, "status")


def _currency(row: dict[str, Any]) -> str:
    name = _name(row)
    try:
        return identifiers.currency(name)
    except InvalidIdentifier as error:
        raise InvalidRecord("currency", name, error.reason, code="unknown_currency") from None


def _expiration(maturity: dict[str, Any], zone: str) -> tuple[date, datetime | None]:
    """(The last trading date, the moment). Midnight in UTC is how a day without a time is written."""
    value = maturity.get("expirationDate")
    if value is None or value == "":
        raise InvalidRecord("expirationDate", "nothing", "it is required", code="missing_expiration_date")
    try:
        if isinstance(value, str) and len(value) == len("2026-12-18"):
            day, moment = calendar.day(value), None
        else:
            moment = calendar.moment(value)
            is_day = not (moment.hour or moment.minute or moment.second or moment.microsecond)
            day = moment.date() if is_day else moment.astimezone(_zone(zone)).date()
            moment = None if is_day else moment
    except InvalidIdentifier as error:
        raise InvalidRecord("expirationDate", value, error.reason, code="invalid_expiration_date") from None
    if day >= calendar.NEVER:
        raise InvalidRecord("expirationDate", value, "a future has an end", code="invalid_expiration_date")
    return day, moment


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _number(row: dict[str, Any], key: str) -> Decimal | None:
    value = row.get(key)
    if value is None:
        return None
    try:
        number = canonical_decimal(value)
    except InvalidIdentifier as error:
        raise InvalidRecord(key, value, error.reason, code="invalid_number") from None
    if number <= 0:
        raise InvalidRecord(key, value, "must be above zero", code="invalid_number")
    return number


IMPORTER = TradovateImporter()
