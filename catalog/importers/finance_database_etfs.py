"""`finance-database-etfs`: the exchange-traded funds of FinanceDatabase, one line of a fund per row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import BinaryIO

from catalog.domain.instruments import Etf
from catalog.domain.vocabulary import Authority
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.csv_rows import find_header, parse_rows, read_csv
from catalog.importers.finance_database import LINE_CODES, line

COLUMNS = frozenset({"symbol", "name", "currency", "category_group", "category", "family", "exchange", "mic", "isin"})
#: The table of mutual funds has all of those columns, and this one.
_OF_MUTUAL_FUNDS = "manager_name"


class FinanceDatabaseEtfsImporter:
    """The CSV with symbol, name, currency, category_group, category, family, exchange, mic, isin, delisted."""

    source = "finance-database-etfs"
    authority: Authority = "community"
    codes: Mapping[str, str] = LINE_CODES

    def can_parse(self, head: bytes) -> bool:
        """Whether it has the header, and is not that of mutual funds."""
        header = find_header(head, COLUMNS)
        return header is not None and _OF_MUTUAL_FUNDS not in header.names

    def heading(self, stream: BinaryIO) -> Heading:
        """The feed `etfs`; the file has no time of its own."""
        next(read_csv(stream, COLUMNS))
        return Heading("etfs")

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """A fund, or a reject, for every row."""
        return parse_rows(stream, COLUMNS, "etf", lambda row: Etf(**line(row)))


IMPORTER = FinanceDatabaseEtfsImporter()
