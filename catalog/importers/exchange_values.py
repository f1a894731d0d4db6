"""What the answers of crypto exchanges have in common: codes, amounts, moments, and assets that come once each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, BinaryIO

from catalog.domain import text
from catalog.domain.calendar import NEVER
from catalog.domain.decimals import MAX_DIGITS, canonical_decimal
from catalog.domain.derivatives import Future, Option
from catalog.domain.generations import generation_in_force, latest_generation
from catalog.domain.instruments import Asset
from catalog.domain.pairs import Pair
from catalog.domain.vocabulary import OptionKind
from catalog.errors import CatalogError, InvalidIdentifier, InvalidRecord, PayloadError, quote
from catalog.importers.base import Parsed, Reject, rejected
from catalog.importers.json_document import Row, read_rows
from catalog.importers.json_values import CODES as VALUE_CODES
from catalog.importers.json_values import is_unset, require_object, whole_number

CODES: Mapping[str, str] = VALUE_CODES | {
    "not_an_object": "the row, or a group of fields in it, has another JSON type",
    "missing_symbol": "the exchange's own symbol is absent or blank",
    "missing_asset": "a code of an asset that the record needs is absent or blank",
    "missing_expiry": "a dated contract without its date, or with one from 2099 on",
    "invalid_text": "a symbol, code or word is no text, is longer than 255 bytes, or has control characters",
    "invalid_amount": "a price, size or fee is no decimal of at most 18 digits, has a unit, is negative, or is no exact number of contracts",
    "invalid_time": "a time is not a whole number of milliseconds since the epoch, or out of range",
    "invalid_option": "neither call nor put, or no strike price above zero",
    "ambiguous_generation": "the exchange has reused the code, and neither the payload nor --observed-at says when",
    "invalid_record": "the terms contradict each other, such as an expiry before the first trading date",
}
#: Largest numbers of integer types (the last one as a float writes it), which stand where there is no limit.
NO_LIMIT = frozenset([Decimal(2**31 - 1), Decimal(2**63 - 1), Decimal(9_223_372_036_854_776_000)])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(NEVER.year, NEVER.month, NEVER.day, tzinfo=UTC)
_END_MILLISECONDS = int((_END - _EPOCH).total_seconds()) * 1000
_EXACT = Context(prec=2 * MAX_DIGITS, traps=[Inexact])
_KINDS: dict[str, OptionKind] = {"c": "call", "call": "call", "p": "put", "put": "put"}


class Assets:
    """The assets of one exchange: each is given once, before the first record that names it.

    `moment` decides the generation of a code that the exchange gave to someone new.
    """

    def __init__(self, exchange: str, moment: datetime | None = None) -> None:
        self._exchange, self._moment = exchange, moment
        self._given: set[str] = set()
        self._named: dict[str, tuple[Asset, str]] = {}

    def asset(self, code: str, place: str) -> Asset:
        """The asset behind `code`; `place` is where the row names it."""
        generation = generation_in_force(self._exchange, code, self._moment)
        fields: dict[str, Any] = {"generation": generation} if generation else {}
        asset = Asset(exchange=self._exchange, symbol=code, **fields)
        self._named.setdefault(str(asset.id), (asset, place))
        return asset

    def generation(self, symbol: str) -> str | None:
        """The generation of a symbol that is made of what was named: a reused code takes its symbols with it."""
        own = generation_in_force(self._exchange, symbol, self._moment)
        return own or latest_generation(*(asset.generation for asset, _ in self._named.values()))

    def new(self) -> Iterator[Parsed]:
        """What was named since the last call and never given before."""
        named, self._named = self._named, {}
        for id, (asset, place) in named.items():
            if id not in self._given:
                self._given.add(id)
                yield Parsed(asset, place)

    def forget(self) -> None:
        """Drops what was named since the last call: the row that named it is no record."""
        self._named.clear()


Maker = Callable[[dict[str, Any], str, Assets], Pair | Future | Option]


def parse_rows(
    rows: Iterable[Row], assets: Assets, make: Maker, record_of: Callable[[Any], str]
) -> Iterator[Parsed | Reject]:
    """A record of every row, behind the assets that nobody named before; or a reject, of the type `record_of` says.

    `make` takes the row, its place and the assets.
    """
    for row in rows:
        try:
            if row.problem:
                raise row.problem
            record = make(require_object(row.value), row.place, assets)
            if generation := assets.generation(record.symbol or ""):
                record = record.replace(generation=generation)
        except CatalogError as error:
            assets.forget()
            yield rejected(row.place, error, row.text, record_of(row.value))
            continue
        yield from assets.new()
        yield Parsed(record, row.place)


def survey(
    stream: BinaryIO, array: str, wanted: frozenset[str], keys: tuple[str, ...]
) -> tuple[dict[str, Any], tuple[str | None, ...]]:
    """(the wanted members of the document, for each key the one word that all rows of `array` have under it, or None).

    Raises PayloadError when the document is broken before its first row.
    """
    members: dict[str, Any] = {}
    words: list[set[Any]] = [set() for _ in keys]
    has_rows = False
    try:
        for row in read_rows(stream, frozenset({array})):
            if not row.is_element:
                if row.member in wanted:
                    members[row.member or ""] = row.value
                continue
            has_rows = True
            for key, seen in zip(keys, words, strict=True):
                word = row.value.get(key) if isinstance(row.value, dict) else None
                if len(seen) < 2:
                    seen.add(word if isinstance(word, str) else None)
    except PayloadError:
        if not has_rows:
            raise
    return members, tuple(seen.pop() if len(seen) == 1 else None for seen in words)


def check_answer(members: Mapping[str, Any], key: str) -> None:
    """Raises PayloadError when the exchange's code for the outcome, under `key`, is not zero: it is no empty list."""
    if members.get(key) not in (None, "0", 0):
        raise PayloadError(f"the exchange answered with the error {quote(members[key])}", f"/{key}")


def feed_name(*words: str | None) -> str:
    """The words that are known, as one name; empty when that is none."""
    try:
        return text.key(" ".join(word for word in words if word))
    except InvalidIdentifier:
        return ""


def word(row: Mapping[str, Any], key: str) -> str | None:
    """The text under `key`; None when it is absent, null or blank."""
    value = row.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRecord(key, value, "text is expected", code="invalid_text")
    return text.key(value, "text") if value.strip() else None


def symbol(row: Mapping[str, Any], key: str) -> str:
    """The exchange's own symbol of the row."""
    return _required(row, key, "missing_symbol")


def code(row: Mapping[str, Any], key: str) -> str:
    """The code of an asset."""
    return _required(row, key, "missing_asset")


def asset(row: Mapping[str, Any], key: str, place: str, assets: Assets) -> Asset:
    """The asset whose code stands under `key`."""
    return assets.asset(code(row, key), f"{place}/{key}")


def optional_asset(row: Mapping[str, Any], key: str, place: str, assets: Assets) -> Asset | None:
    """The asset whose code stands under `key`; None when it is absent, null or blank."""
    found = word(row, key)
    return assets.asset(found, f"{place}/{key}") if found else None


def _required(row: Mapping[str, Any], key: str, reject: str) -> str:
    found = word(row, key)
    if found is None:
        raise InvalidRecord(key, "nothing", "it is required", code=reject)
    return found


def group(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object under `key`; empty when it is absent or null."""
    value = row.get(key)
    return {} if value is None else require_object(value)


def signed(row: Mapping[str, Any], key: str) -> Decimal | None:
    """The number under `key`; None when it is absent, null or blank."""
    value = row.get(key)
    if is_unset(value):
        return None
    return _canonical(key, value.strip() if isinstance(value, str) else value)


def _canonical(key: str, value: object) -> Decimal:
    try:
        return canonical_decimal(value)
    except InvalidIdentifier as error:
        raise InvalidRecord(key, value, error.reason, code="invalid_amount") from None


def amount(row: Mapping[str, Any], key: str) -> Decimal | None:
    """The same of a number that is not negative: a minimum, for which zero is a value."""
    number = signed(row, key)
    if number is not None and number < 0:
        raise InvalidRecord(key, row[key], "negative", code="invalid_amount")
    return number


def positive(row: Mapping[str, Any], key: str) -> Decimal | None:
    """The same of an increment or a size: zero means that there is none."""
    return amount(row, key) or None


def maximum(row: Mapping[str, Any], key: str) -> Decimal | None:
    """The same of an upper limit: zero, or the largest number of an integer type, means that there is none."""
    return None if is_no_limit(row.get(key)) else positive(row, key)


def is_no_limit(value: object) -> bool:
    """Whether a number, or text that is one, is one of those that stand for no limit."""
    try:
        return isinstance(value, str | int | Decimal) and Decimal(value) in NO_LIMIT
    except InvalidOperation:
        return False


def basis_points(row: Mapping[str, Any], key: str) -> Decimal | None:
    """The fee under `key`, a fraction of the value traded, in basis points; negative for a rebate."""
    number = signed(row, key)
    return None if number is None else product(key, number, Decimal(10_000))


def product(key: str, first: Decimal, second: Decimal) -> Decimal:
    """Two numbers multiplied, exactly; `key` names the result in an error."""
    return _canonical(key, _EXACT.multiply(first, second))


def quotient(key: str, amount: Decimal, size: Decimal) -> Decimal:
    """How many times `size` an `amount` is, exactly; `key` names the amount in an error."""
    try:
        return _canonical(key, _EXACT.divide(amount, size))
    except Inexact:
        raise InvalidRecord(key, amount, f"no exact multiple of {size}", code="invalid_amount") from None


def known(**fields: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def milliseconds(row: Mapping[str, Any], key: str) -> int | None:
    """The whole number of milliseconds under `key`; None when it is absent, null, blank or zero."""
    value = row.get(key)
    if is_unset(value):
        return None
    number = whole_number(value)
    if number is None or number < 0:
        raise InvalidRecord(key, value, "milliseconds since the epoch are expected", code="invalid_time")
    return number or None


def moment(row: Mapping[str, Any], key: str) -> datetime | None:
    """The time of `milliseconds`."""
    value = milliseconds(row, key)
    if value is None:
        return None
    if value >= _END_MILLISECONDS:
        raise InvalidRecord(key, value, "2099 or later", code="invalid_time")
    return _EPOCH + timedelta(milliseconds=value)


def end(row: Mapping[str, Any], key: str) -> datetime | None:
    """The same of an end: any time from 2099 on means that there is none."""
    value = milliseconds(row, key)
    return None if value is None or value >= _END_MILLISECONDS else moment(row, key)


def expiry(row: Mapping[str, Any], key: str) -> datetime:
    """The end of a contract that has to have one."""
    found = end(row, key)
    if found is None:
        raise InvalidRecord(key, row.get(key) or "nothing", "a dated contract needs it", code="missing_expiry")
    return found


def strike(row: Mapping[str, Any], key: str) -> Decimal:
    """The strike price of an option."""
    found = positive(row, key)
    if found is None:
        raise InvalidRecord(key, row.get(key) or "nothing", "an option needs one above zero", code="invalid_option")
    return found


def option_kind(row: Mapping[str, Any], key: str) -> OptionKind:
    """`call` or `put`, of `C`, `Call`, `call` …"""
    found = word(row, key)
    kind = _KINDS.get((found or "").lower())
    if kind is None:
        raise InvalidRecord(key, found or "nothing", "call or put is expected", code="invalid_option")
    return kind
