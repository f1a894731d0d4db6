"""`investpy-stocks` and `investpy-etfs`: the tables of shares and funds that the package investpy carries.

A row is a line of a share or fund in a country, of funds also on an exchange. A share's row does not name its exchange.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO

from catalog.domain import identifiers, text
from catalog.domain.instruments import Equity, Etf, Stock
from catalog.domain.vocabulary import Authority
from catalog.errors import InvalidRecord
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.csv_rows import CODES as ROW_CODES
from catalog.importers.csv_rows import find_header, parse_rows, read_csv
from catalog.importers.investpy_markets import (
    CHINESE_CODES,
    COUNTRIES,
    CURRENCIES,
    EXCHANGES,
    NO_HOMES,
    OWN_TICKERS,
    SEVERAL,
    SEVERAL_EXCHANGES,
)

COLUMNS = frozenset({"country", "name", "full_name", "tag", "id", "isin", "currency", "symbol"})
ETF_COLUMNS = COLUMNS | {"asset_class", "stock_exchange"}
_TICKER = re.compile(r"[A-Z0-9]+")
# Figures that a fund's issuer publishes about it, which stand among the funds and do not trade.
_INDICATIVE = re.compile(r"\biNAV\b")

_CODES = ROW_CODES | {
    "missing_country": "no country",
    "unknown_market": "the country, or the exchange in it, has no entry in the tables of markets",
    "ambiguous_market": "the country or exchange has several markets, and the row does not say which",
    "missing_currency": "no currency",
    "wrong_currency": "a currency in which nothing trades on the market, by the table of currencies",
    "invalid_isin": "not an ISIN: its form, prefix or check digit",
    "missing_symbol": "neither an ISIN nor a symbol",
    "vendor_symbol": "no ISIN, and the symbol is the vendor's own and not the exchange's ticker",
    "invalid_symbol": "the symbol is longer than 255 bytes or has control characters",
    "invalid_name": "the name is longer than 65,535 bytes or has control characters",
}


class InvestpyStocksImporter:
    """The CSV with country, name, full_name, tag, isin, id, currency, symbol."""

    source = "investpy-stocks"
    authority: Authority = "community"
    codes: Mapping[str, str] = _CODES

    def can_parse(self, head: bytes) -> bool:
        """Whether it has the header, without an exchange."""
        header = find_header(head, COLUMNS)
        return header is not None and not header.names >= ETF_COLUMNS

    def heading(self, stream: BinaryIO) -> Heading:
        """The feed `stocks`; the file has no time of its own."""
        next(read_csv(stream, COLUMNS))
        return Heading("stocks")

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """A share, or a reject, for every row."""
        return parse_rows(stream, COLUMNS, "stock", lambda row: _line(Stock, row, _market_of_country(row)))


class InvestpyEtfsImporter:
    """The CSV with the same columns, asset_class and stock_exchange."""

    source = "investpy-etfs"
    authority: Authority = "community"
    codes: Mapping[str, str] = _CODES | {
        "missing_exchange": "no stock_exchange",
        "not_a_home_market": "the exchange trades lines of other markets, or is gone",
        "indicative_value": "an indicative net asset value (iNAV) of a fund, which does not trade",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether it has the header."""
        return find_header(head, ETF_COLUMNS) is not None

    def heading(self, stream: BinaryIO) -> Heading:
        """The feed `etfs`; the file has no time of its own."""
        next(read_csv(stream, ETF_COLUMNS))
        return Heading("etfs")

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """A fund, or a reject, for every row."""
        return parse_rows(stream, ETF_COLUMNS, "etf", _etf)


def _etf(row: dict[str, str]) -> Equity:
    name = row.get("full_name") or row.get("name", "")
    if _INDICATIVE.search(name):
        raise InvalidRecord("full_name", name, "an indicative value does not trade", code="indicative_value")
    return _line(Etf, row, _market_of_exchange(row))


def _line(record: type[Stock] | type[Etf], row: dict[str, str], mic: str) -> Equity:
    currency = row.get("currency")
    if currency is None:
        raise InvalidRecord("currency", "nothing", "it is required", code="missing_currency")
    if currency not in CURRENCIES[mic].split():
        reason = f"on {mic} shares and funds trade in {', '.join(CURRENCIES[mic].split())}"
        raise InvalidRecord("currency", currency, reason, code="wrong_currency")
    fields: dict[str, Any] = {"mic": mic, "currency": currency}
    if isin := row.get("isin"):
        fields["isin"] = identifiers.isin(isin)
    if ticker := _ticker(row, mic):
        fields["ticker"] = ticker
    if name := row.get("full_name") or row.get("name"):
        fields["name"] = text.free_text(name, "name")
    return record(**fields)


def _ticker(row: dict[str, str], mic: str) -> str | None:
    """The exchange's ticker; None where the symbol is the vendor's own, and the ISIN identifies the row."""
    symbol = row.get("symbol")
    if symbol is not None:
        symbol = text.key(symbol, "symbol")
        if mic in OWN_TICKERS and _TICKER.fullmatch(symbol):
            return symbol
    if "isin" in row:
        return None
    if symbol is None:
        raise InvalidRecord("symbol", "nothing", "without an ISIN it is required", code="missing_symbol")
    raise InvalidRecord("symbol", symbol, f"not a ticker of {mic}, and there is no ISIN", code="vendor_symbol")


def _market_of_country(row: dict[str, str]) -> str:
    country = _country(row)
    if country == "china" and (mic := CHINESE_CODES.get(row.get("symbol", "")[:2])) and _is_code(row["symbol"]):
        return mic
    if country in SEVERAL:
        raise InvalidRecord("country", country, f"one of {SEVERAL[country]}", code="ambiguous_market")
    if country not in COUNTRIES:
        raise InvalidRecord("country", country, "not in the table of countries", code="unknown_market")
    return COUNTRIES[country]


def _is_code(symbol: str) -> bool:
    return len(symbol) == 6 and symbol.isascii() and symbol.isdigit()


def _market_of_exchange(row: dict[str, str]) -> str:
    exchange = row.get("stock_exchange")
    if exchange is None:
        raise InvalidRecord("stock_exchange", "nothing", "it is required", code="missing_exchange")
    key = _country(row), exchange
    if key in SEVERAL_EXCHANGES:
        raise InvalidRecord("stock_exchange", exchange, f"one of {SEVERAL_EXCHANGES[key]}", code="ambiguous_market")
    if key in NO_HOMES:
        raise InvalidRecord("stock_exchange", exchange, NO_HOMES[key], code="not_a_home_market")
    if key not in EXCHANGES:
        raise InvalidRecord("stock_exchange", exchange, "not in the table for its country", code="unknown_market")
    return EXCHANGES[key]


def _country(row: dict[str, str]) -> str:
    country = row.get("country")
    if country is None:
        raise InvalidRecord("country", "nothing", "it names the market", code="missing_country")
    return country.lower()


IMPORTERS = (InvestpyStocksImporter(), InvestpyEtfsImporter())
