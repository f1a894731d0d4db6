from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from catalog.domain import Etf
from catalog.errors import PayloadError
from catalog.importers.base import Heading, Parsed
from catalog.importers.finance_database_etfs import FinanceDatabaseEtfsImporter
from tests.importers.support import parse, record, reject, stream

SPY = {
    "symbol": "SPY", "name": "SPDR S&P 500 ETF Trust", "currency": "USD", "summary": "Tracks\nan index", "category_group": "Equities",
    "category": "Large Cap", "family": "State Street", "exchange": "PCX", "mic": "ARCX", "isin": "US78462F1030",
    "delisted": "False",
}  # fmt: skip


def payload(*rows: dict[str, str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def one(**changes: str) -> Any:
    return record(parse("finance-database-etfs", payload(SPY | changes)))


def test_a_row_is_a_fund() -> None:
    fund = one()
    assert isinstance(fund, Etf)
    assert fund.known() == {
        "record": "etf", "mic": "ARCX", "isin": "US78462F1030", "ticker": "SPY", "currency": "USD",
        "name": "SPDR S&P 500 ETF Trust",
    }  # fmt: skip


def test_tickers_and_currencies_are_those_of_the_equities() -> None:
    fund = one(symbol="ISF.L", exchange="LSE", mic="XLON", currency="GBX", isin="IE0005042456")
    assert (fund.ticker, fund.currency, fund.price_unit) == ("ISF", "GBP", "GBX")
    assert one(currency="").currency == "USD"
    assert one(isin="").identity == ("equity-by-ticker", "ARCX", "SPY", "USD", "")


def test_delisted_is_retired() -> None:
    assert one(delisted="True").status == "retired"
    assert "status" not in one().model_fields_set


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "^SPY", "exchange": "NIM", "mic": ""}, "missing_mic"),
        ({"exchange": "XXX"}, "unknown_exchange"),
        ({"symbol": ""}, "missing_symbol"),
        ({"exchange": "GER", "mic": "XETR"}, "wrong_market"),
        ({"isin": "US78462F1031"}, "invalid_isin"),
        ({"currency": "XXXX"}, "invalid_currency"),
        ({"mic": "arcx"}, "invalid_mic"),
        ({"delisted": "maybe"}, "invalid_delisted"),
        ({"name": "a\x81"}, "invalid_name"),
    ],
)
def test_a_bad_row_stops_nothing(changes: dict[str, str], code: str) -> None:
    results = parse("finance-database-etfs", payload(SPY, SPY | changes, SPY))
    found = reject(results)
    assert (found.code, found.place, found.record) == (code, "line 4", "etf")
    assert [r.place for r in results if isinstance(r, Parsed)] == ["line 2", "line 6"]


def test_the_head() -> None:
    importer = FinanceDatabaseEtfsImporter()
    assert importer.can_parse(payload(SPY).encode())
    assert importer.heading(stream(payload(SPY))) == Heading("etfs")
    assert not importer.can_parse(payload(SPY | {"manager_name": "Somebody"}).encode())
    assert not importer.can_parse(b"symbol,name,currency\n")
    with pytest.raises(PayloadError, match="lacks `category`"):
        importer.heading(stream("symbol,name,currency\n"))
