"""`iso4217`: the currencies of ISO 4217 as CSV, one row for each country that uses or used one."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from typing import Any, BinaryIO

from catalog.domain import identifiers, text
from catalog.domain.instruments import Currency
from catalog.domain.vocabulary import Authority
from catalog.errors import CatalogError, InvalidRecord
from catalog.importers.base import Heading, Parsed, Reject, rejected
from catalog.importers.csv_rows import CODES as ROW_CODES
from catalog.importers.csv_rows import CsvRow, is_named_header, read_csv, read_named

#: Column (its letters, small) → what it is. Tables, spreadsheets and the standard's own XML spell them differently.
COLUMNS: dict[str, str] = {
    "entity": "country",
    "ctrynm": "country",
    "currency": "name",
    "ccynm": "name",
    "alphabeticcode": "code",
    "ccy": "code",
    "numericcode": "number",
    "ccynbr": "number",
    "minorunit": "minor_unit",
    "ccymnrunts": "minor_unit",
    "withdrawaldate": "withdrawn",
    "wthdrwldt": "withdrawn",
}
REQUIRED = frozenset({"country", "name", "code", "number"})
#: A currency without a minor unit (gold, the code for no currency) has one of these in that column.
NO_MINOR_UNIT = frozenset({"", "-", "–", "N.A.", "N/A"})
_DATE = re.compile("[0-9]{4}(?:-[0-9]{2})?")


@dataclass
class _Uses:
    """What all rows of one code state, those in force apart from those of the past; then the currency that they make."""

    current: list[dict[str, str]] = field(default_factory=list)
    withdrawn: list[dict[str, str]] = field(default_factory=list)
    record: Currency | None = None

    @cached_property
    def last(self) -> str:
        """When the last of the rows was withdrawn; empty for a currency in force."""
        return "" if self.current else max(map(_last_date, self.withdrawn))

    @cached_property
    def speaking(self) -> list[dict[str, str]]:
        """The rows that count: those in force, else those that were withdrawn last."""
        return self.current or [row for row in self.withdrawn if _last_date(row) == self.last]

    @cached_property
    def believed(self) -> tuple[str | None, str | None] | None:
        """The numeric code and minor unit of more than half of the rows that count; None when there are no such."""
        [(numbers, count)] = Counter(map(_numbers, self.speaking)).most_common(1)
        return numbers if 2 * count > len(self.speaking) else None


class Iso4217Importer:
    """Country, currency, alphabetic and numeric code, minor unit, withdrawal date; one currency for each code."""

    source = "iso4217"
    authority: Authority = "reference"
    codes: Mapping[str, str] = ROW_CODES | {
        "missing_code": "no alphabetic code: the country has no currency of its own",
        "invalid_currency": "the alphabetic code is not one of ISO 4217",
        "invalid_number": "the numeric code is not three digits",
        "invalid_minor_unit": "the minor unit is neither a digit nor one of the words for none",
        "contradiction": "the numeric code or minor unit is another than in most rows of the currency, or no most rows agree",
        "invalid_name": "the name is longer than 65,535 bytes or has control characters",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether the first line is a header of such a table."""
        return is_named_header(head, _name_of, REQUIRED)

    def heading(self, stream: BinaryIO) -> Heading:
        """The feed `list-one` (in force), `list-three` (the past) or `codes` (both); the table has no time of its own."""
        for row in read_csv(stream, frozenset(), "currency"):
            if isinstance(row, list):
                columns = list(map(_name_of, row))
                if "withdrawn" not in columns:
                    return Heading("list-one")
                return Heading("codes" if "minor_unit" in columns else "list-three")
        raise AssertionError("a table begins with its header")

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """For every row the currency that all its rows describe together, or a reject.

        The payload is read twice; what is kept are the rows of codes that exist.
        """
        currencies = _collect(stream)
        is_history = not any(uses.current for uses in currencies.values())
        for row, stated in _read(stream):
            if isinstance(row, Reject):
                yield row
                continue
            try:
                uses = currencies[_check(stated)]
                if _last_date(stated) == uses.last and _numbers(stated) != uses.believed:
                    reason = "most rows of the currency state others, or no most rows agree"
                    raise InvalidRecord("numeric code and minor unit", _show(stated), reason, code="contradiction")
                if uses.record is None:
                    uses.record = _currency(stated["code"], uses, is_history)
                yield Parsed(uses.record, row.place)
            except CatalogError as error:
                yield rejected(row.place, error, row.text, "currency")


def _read(stream: BinaryIO) -> Iterator[tuple[CsvRow | Reject, dict[str, str]]]:
    return read_named(stream, "currency", _name_of, REQUIRED)


def _name_of(column: str) -> str:
    """Our name of a column; empty for one that is not read."""
    return COLUMNS.get(re.sub("[^a-z]+", "", column.lower()), "")


def _collect(stream: BinaryIO) -> dict[str, _Uses]:
    """The good rows of every code, as far as the payload can be read."""
    currencies: dict[str, _Uses] = defaultdict(_Uses)
    for row, stated in _read(stream):
        if isinstance(row, Reject):
            continue
        try:
            uses = currencies[_check(stated)]
        except CatalogError:
            continue
        (uses.withdrawn if "withdrawn" in stated else uses.current).append(stated)
    return currencies


def _check(row: dict[str, str]) -> str:
    """The row's alphabetic code; raises for a row that states something wrong."""
    if "code" not in row:
        raise InvalidRecord("alphabetic code", "nothing", "there is no currency without one", code="missing_code")
    if "number" in row and not re.fullmatch("[0-9]{3}", row["number"]):
        raise InvalidRecord("numeric code", row["number"], "three digits are expected", code="invalid_number")
    unit = row.get("minor_unit", "")
    if unit not in NO_MINOR_UNIT and not re.fullmatch("[0-9]", unit):
        raise InvalidRecord("minor unit", unit, "a digit is expected", code="invalid_minor_unit")
    if "name" in row:
        text.free_text(row["name"], "name")
    return identifiers.currency(row["code"])


def _currency(code: str, uses: _Uses, is_history: bool) -> Currency:
    """The currency that the rows of a code make. A table of nothing but the past doesn't tell which are withdrawn."""
    facts: dict[str, Any] = {}
    if uses.current:
        facts["status"] = "active"
    elif not is_history:
        facts["status"] = "retired"
    if uses.believed:
        number, unit = uses.believed
        if number:
            facts["numeric_code"] = number
        if unit:
            facts["decimals"] = int(unit)
    names = {row.get("name") for row in uses.speaking}
    if len(names) == 1 and (name := names.pop()):
        facts["name"] = text.free_text(name, "name")
    countries = {_country(row.get("country", "")) for row in uses.speaking}
    if len(countries) == 1 and (country := countries.pop()):
        facts["country"] = country
    return Currency(iso_code=code, **facts)


def _numbers(row: dict[str, str]) -> tuple[str | None, str | None]:
    unit = row.get("minor_unit", "")
    return row.get("number"), None if unit in NO_MINOR_UNIT else unit


def _show(row: dict[str, str]) -> str:
    return " and ".join(said or "nothing" for said in _numbers(row))


def _last_date(row: dict[str, str]) -> str:
    """`1990-09` of `1990-07 to 1990-09`; empty for a row in force."""
    return max(_DATE.findall(row["withdrawn"]), default=row["withdrawn"]) if "withdrawn" in row else ""


@cache
def _countries() -> dict[tuple[str, ...], str]:
    """The alpha-2 codes of ISO 3166 by the words of their names."""
    import pycountry

    found: dict[tuple[str, ...], str] = {}
    for country in pycountry.countries:
        for kind in ("name", "common_name", "official_name"):
            if name := getattr(country, kind, None):
                found[_words(name)] = country.alpha_2
    return found


def _country(name: str) -> str | None:
    """The country of that name; None for an organisation, a metal, a country that is gone."""
    return _countries().get(_words(name))


def _words(name: str) -> tuple[str, ...]:
    """The words of a country's name without accents and articles: both standards, each in its own spelling."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return tuple(word for word in re.findall("[A-Z]+", plain.upper()) if word != "THE")


IMPORTER = Iso4217Importer()
