"""`nasdaq-directory`: Nasdaq's symbol directory, that is what Nasdaq lists and what the other US exchanges list.

The directory has two tables, `nasdaqlisted.txt` and `otherlisted.txt`, between bars, and is passed on as CSV with
fewer columns. Each row is a line of a share or fund at the exchange that lists it, and the listing there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from catalog.domain import calendar, text
from catalog.domain.decimals import canonical_decimal
from catalog.domain.instruments import Equity, Etf, Stock
from catalog.domain.listings import Listing
from catalog.domain.venues import Venue
from catalog.domain.vocabulary import Authority
from catalog.errors import CatalogError, InvalidIdentifier, InvalidRecord
from catalog.importers.base import Heading, Parsed, Reject, rejected
from catalog.importers.csv_rows import CODES as ROW_CODES
from catalog.importers.csv_rows import MAX_ROW_BYTES, CsvRow, Header, find_header, read_csv
from catalog.importers.lines import read_lines
from catalog.importers.us_securities import NOT_EQUITIES, Kind, kind_of

#: The least columns of a table: of what Nasdaq lists, and of what the others list.
NASDAQ_COLUMNS = frozenset({"Symbol", "Security Name"})
OTHER_COLUMNS = frozenset({"ACT Symbol", "Security Name", "Exchange"})
#: The tiers of Nasdaq's market by the letter of the column Market Category.
TIERS: dict[str, str] = {"Q": "XNGS", "G": "XNMS", "S": "XNCM"}
#: The exchanges by the letter of the column Exchange.
EXCHANGES: dict[str, str] = {"A": "XASE", "N": "XNYS", "P": "ARCX", "V": "IEXG", "Z": "BATS"}
#: What the end of a symbol of the other exchanges says (behind a `.` in the column ACT Symbol).
SUFFIXES: dict[str, Kind] = {"R": "right", "U": "unit", "W": "warrant"}
#: How the last line of a table begins: mmddyyyyHH:MM follows, in the time of New York.
TRAILER = b"File Creation Time"
_CREATED = re.compile(rb"\s*File Creation Time:\s*(\d{2})(\d{2})(\d{4})(\d{2}):(\d{2})\b")
# Test issues of a table without the column Test Issue.
_TEST_NAME = re.compile(r"\btest (?:common )?stock\b", re.IGNORECASE)
_FLAGS = {"Y": True, "N": False}


class NasdaqDirectoryImporter:
    """`Symbol|Security Name|Market Category|Test Issue|…` or `ACT Symbol|Security Name|Exchange|CQS Symbol|…`."""

    source = "nasdaq-directory"
    authority: Authority = "venue"
    codes: Mapping[str, str] = ROW_CODES | {
        "missing_symbol": "no symbol",
        "invalid_symbol": "the symbol is longer than 255 bytes or has control characters",
        "missing_name": "no security name, and no column that says what the security is",
        "invalid_name": "the security name is longer than 65,535 bytes or has control characters",
        "test_issue": "a symbol for tests, not a security",
        "invalid_flag": "Test Issue, ETF or NextShares is neither Y, N nor blank",
        "invalid_market_category": "the market category is none of the table's letters",
        "unknown_exchange": "the exchange is none of the table's letters, or blank",
        "invalid_round_lot": "the round lot is not a number above zero",
        "unknown_type": "neither a column nor the name says whether it is a share or a fund",
        **NOT_EQUITIES,
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether it has the header of one of the two tables."""
        return _header(head) is not None

    def heading(self, stream: BinaryIO) -> Heading:
        """The feed `nasdaqlisted` or `otherlisted`, and the time of the last line."""
        columns, feed = _table(stream)
        next(read_csv(stream, columns, trailers=(TRAILER,)))
        return Heading(feed, _created(stream))

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """A share or fund and, where the row has a round lot, its listing; or a reject."""
        columns, _ = _table(stream)
        header: list[str] = []
        for row in read_csv(stream, columns, trailers=(TRAILER,)):
            if isinstance(row, Reject):
                yield row
            elif isinstance(row, CsvRow):
                if any(field.strip() for field in row.fields):
                    yield from _parse_row(row, header)
            else:
                header = row


def _header(head: bytes) -> Header | None:
    return find_header(head, OTHER_COLUMNS) or find_header(head, NASDAQ_COLUMNS)


def _table(stream: BinaryIO) -> tuple[frozenset[str], str]:
    """(The columns, the name) of the table that a stream is."""
    stream.seek(0)
    header = _header(stream.read(MAX_ROW_BYTES))
    if header is not None and header.names >= OTHER_COLUMNS:
        return OTHER_COLUMNS, "otherlisted"
    return NASDAQ_COLUMNS, "nasdaqlisted"


def _created(stream: BinaryIO) -> datetime | None:
    """The time that the trailer states; None without one, or where it is no time."""
    for line in read_lines(stream, MAX_ROW_BYTES):
        if line.data.startswith(TRAILER) and (match := _CREATED.match(line.data)):
            month, day, year, hour, minute = map(int, match.groups())
            try:
                return calendar.moment(datetime(year, month, day, hour, minute, tzinfo=_new_york()))
            except ValueError:  # an InvalidIdentifier is one
                return None
    return None


@cache
def _new_york() -> ZoneInfo:
    return ZoneInfo("America/New_York")


def _parse_row(row: CsvRow, header: list[str]) -> Iterator[Parsed | Reject]:
    stated = {name: value for name, field in zip(header, row.fields, strict=True) if (value := field.strip())}
    try:
        equity, round_lot = _equity(stated), _round_lot(stated)
    except CatalogError as error:
        yield rejected(row.place, error, row.text, "stock")
        return
    yield Parsed(equity, row.place)
    if round_lot is not None:
        yield Parsed(_listing(equity, round_lot), row.place)


def _equity(row: dict[str, str]) -> Equity:
    symbol = row.get("ACT Symbol") or row.get("Symbol")
    if symbol is None:
        raise InvalidRecord("Symbol", "nothing", "it is required", code="missing_symbol")
    name = row.get("Security Name", "")
    if _flag(row, "Test Issue") or ("Test Issue" not in row and _TEST_NAME.search(name)):
        raise InvalidRecord("Symbol", symbol, "a test issue is no security", code="test_issue")
    fields: dict[str, Any] = {"mic": _mic(row), "ticker": text.key(symbol, "symbol"), "currency": "USD"}
    if name:
        fields["name"] = text.free_text(name, "name")
    kind = _kind(row, symbol, name)
    if kind not in ("stock", "etf"):
        raise InvalidRecord("Security Name", name or symbol, NOT_EQUITIES[kind], code=kind)
    return (Etf if kind == "etf" else Stock)(**fields, status="active")


def _kind(row: dict[str, str], symbol: str, name: str) -> Kind:
    """By the columns, then by the end of the symbol, then by the name."""
    is_etf = _flag(row, "ETF")
    if is_etf or _flag(row, "NextShares"):
        return "etf"
    if "ACT Symbol" in row and (kind := SUFFIXES.get(symbol.rpartition(".")[2] if "." in symbol else "")):
        return kind
    found = kind_of(name)
    if is_etf is False and found in ("etf", None):
        return "stock"
    if found is None and " - " not in name and name.split()[-1:] == ["Fund"]:
        return "etf"  # the directory names the kind of a closed-end fund behind a dash
    if found is None:
        code = "unknown_type" if name else "missing_name"
        raise InvalidRecord("Security Name", name or "nothing", "it does not say what the security is", code=code)
    return found


def _flag(row: dict[str, str], column: str) -> bool | None:
    value = row.get(column)
    if value is not None and value not in _FLAGS:
        raise InvalidRecord(column, value, "Y or N is expected", code="invalid_flag")
    return None if value is None else _FLAGS[value]


def _mic(row: dict[str, str]) -> str:
    if "ACT Symbol" in row:
        letter = row.get("Exchange", "nothing")
        if letter not in EXCHANGES:
            raise InvalidRecord(
                "Exchange", letter, f"one of {', '.join(EXCHANGES)} is expected", code="unknown_exchange"
            )
        return EXCHANGES[letter]
    tier = row.get("Market Category")
    if tier is None:
        return "XNAS"
    if tier not in TIERS:
        expected = f"one of {', '.join(TIERS)} is expected"
        raise InvalidRecord("Market Category", tier, expected, code="invalid_market_category")
    return TIERS[tier]


def _round_lot(row: dict[str, str]) -> Decimal | None:
    value = row.get("Round Lot Size") or row.get("Round Lot")
    if value is None:
        return None
    try:
        number = canonical_decimal(value)
    except InvalidIdentifier as error:
        raise InvalidRecord("Round Lot Size", value, error.reason, code="invalid_round_lot") from None
    if number <= 0:
        raise InvalidRecord("Round Lot Size", value, "must be above zero", code="invalid_round_lot")
    return number


def _listing(equity: Equity, round_lot: Decimal) -> Listing:
    """The listing at home, whose venue is the market that the identity names."""
    return Listing(
        instrument_id=str(equity.id),
        venue_id=str(Venue(mic=equity.mic).id),
        symbol=equity.ticker,
        currency=equity.currency,
        lot_size=round_lot,
    )


IMPORTER = NasdaqDirectoryImporter()
