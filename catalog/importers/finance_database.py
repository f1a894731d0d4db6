"""`finance-database`: the equities of FinanceDatabase, one line of a stock per row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, BinaryIO

from catalog.domain import identifiers, text
from catalog.domain.instruments import Stock
from catalog.domain.vocabulary import Authority
from catalog.errors import InvalidIdentifier, InvalidRecord
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.csv_rows import CODES as ROW_CODES
from catalog.importers.csv_rows import find_header, parse_rows, read_csv
from catalog.importers.finance_markets import COUNTRIES, MICS, SINGLE_CURRENCIES, SUFFIXES, local_ticker

COLUMNS = frozenset(
    {
        "symbol", "name", "currency", "sector", "industry", "exchange", "mic", "country",
        "isin", "cusip", "figi", "composite_figi", "shareclass_figi", "delisted",
    }
)  # fmt: skip
# Columns that the record takes as they are, by their own name or ours.
_PLAIN = {
    "isin": "isin",
    "cusip": "cusip",
    "figi": "figi",
    "composite_figi": "composite_figi",
    "shareclass_figi": "share_class_figi",
}
#: The codes of what `line` refuses.
LINE_CODES = ROW_CODES | {
    "missing_symbol": "no symbol",
    "missing_mic": "no mic, and the exchange code does not say which market it is",
    "invalid_mic": "the mic is not four capital letters or digits",
    "unknown_exchange": "the exchange code has no entry in the table of suffixes, so the ticker cannot be told",
    "wrong_market": "the symbol does not end with its exchange's suffix: the row is of another market than it says",
    "missing_currency": "no currency, and the market has no single one",
    "invalid_currency": "the currency is no ISO 4217 code, price unit included",
    "invalid_isin": "not an ISIN: its form, prefix or check digit, or a FIGI in its column",
    "isin_mismatch": "the symbol is an ISIN, and not the one in the isin column",
    "invalid_cusip": "not a CUSIP: its form or check digit",
    "invalid_figi": "not a FIGI, in one of the three columns",
    "invalid_delisted": "delisted is neither True, False nor blank",
    "invalid_symbol": "the ticker is longer than 255 bytes or has control characters",
    "invalid_name": "the name is longer than 65,535 bytes or has control characters",
}


class FinanceDatabaseImporter:
    """The CSV with symbol, name, currency, exchange, mic, isin, cusip, figi … and delisted."""

    source = "finance-database"
    authority: Authority = "community"
    codes: Mapping[str, str] = LINE_CODES | {
        "invalid_sector": "the same of the sector",
        "invalid_industry": "the same of the industry",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether it has the header."""
        return find_header(head, COLUMNS) is not None

    def heading(self, stream: BinaryIO) -> Heading:
        """The feed `equities`; the file has no time of its own."""
        next(read_csv(stream, COLUMNS))
        return Heading("equities")

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """A stock, or a reject, for every row."""
        return parse_rows(stream, COLUMNS, "stock", _stock)


def line(row: dict[str, str]) -> dict[str, Any]:
    """The fields that a stock and a fund have in common."""
    fields: dict[str, Any] = {ours: row[theirs] for theirs, ours in _PLAIN.items() if theirs in row}
    fields["mic"], ticker = _market(row)
    if _is_isin(ticker):
        # The vendor's symbol of a line for which it has no ticker.
        if fields.setdefault("isin", ticker) != ticker:
            raise InvalidRecord("isin", fields["isin"], f"the symbol says `{ticker}`", code="isin_mismatch")
    else:
        fields["ticker"] = text.key(ticker, "symbol")
    fields["currency"] = _currency(row, fields["mic"])
    if "name" in row:
        fields["name"] = text.free_text(row["name"], "name")
    if _is_delisted(row.get("delisted", "")):
        fields["status"] = "retired"
    return fields


def _stock(row: dict[str, str]) -> Stock:
    fields = line(row)
    for name in ("sector", "industry"):
        if name in row:
            fields[name] = text.free_text(row[name], name)
    if country := _country(row.get("country", "")):
        fields["country"] = country
    return Stock(**fields)


def _market(row: dict[str, str]) -> tuple[str, str]:
    """(MIC, the exchange's own ticker)."""
    exchange = row.get("exchange", "")
    mic = row.get("mic") or MICS.get(exchange)
    if mic is None:
        raise InvalidRecord("mic", exchange or "nothing", "it is needed to name the market", code="missing_mic")
    symbol = row.get("symbol")
    if symbol is None:
        raise InvalidRecord("symbol", "nothing", "it is required", code="missing_symbol")
    suffix = SUFFIXES.get(exchange)
    if suffix is None:
        raise InvalidRecord("exchange", exchange, "not in the table of exchanges", code="unknown_exchange")
    ticker = symbol.removesuffix(suffix).rstrip()
    if not ticker or (suffix and not symbol.endswith(suffix)):
        raise InvalidRecord("symbol", symbol, f"a symbol of {exchange} ends with `{suffix}`", code="wrong_market")
    return identifiers.mic(mic), local_ticker(exchange, ticker)


def _currency(row: dict[str, str], mic: str) -> str:
    currency = row.get("currency") or SINGLE_CURRENCIES.get(mic)
    if currency is None:
        raise InvalidRecord(
            "currency", "nothing", f"{mic} is not one of the markets with a single currency", code="missing_currency"
        )
    return currency


@cache
def _country(name: str) -> str | None:
    """The alpha-2 code of a country's name; None, that is unknown, for what ISO 3166 does not know."""
    import pycountry

    if name in COUNTRIES:
        return COUNTRIES[name]
    for key in ("name", "common_name", "official_name"):
        found: Any = pycountry.countries.get(**{key: name})  # type: ignore[arg-type]
        if found:
            return str(found.alpha_2)
    return None


def _is_isin(ticker: str) -> bool:
    if len(ticker) != 12:
        return False
    try:
        identifiers.isin(ticker)
    except InvalidIdentifier:
        return False
    return True


def _is_delisted(value: str) -> bool:
    if value.lower() not in ("", "true", "false"):
        raise InvalidRecord("delisted", value, "True or False is expected", code="invalid_delisted")
    return value.lower() == "true"


IMPORTER = FinanceDatabaseImporter()
