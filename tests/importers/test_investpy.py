from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import Etf, Stock
from catalog.domain.identifiers import currency, mic
from catalog.errors import PayloadError
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.investpy import InvestpyEtfsImporter, InvestpyStocksImporter
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
from tests.importers.support import parse, read, record, reject, stream, tally
from tests.importers.test_documentation import DOCS, names, table

STOCK = {
    "country": "australia", "name": "BHP Group", "full_name": "BHP Group Ltd", "tag": "bhp", "isin": "AU000000BHP4",
    "id": "1", "currency": "AUD", "symbol": "BHP",
}  # fmt: skip
ETF = {
    "country": "united states", "name": "Invesco QQQ", "full_name": "Invesco QQQ Trust", "symbol": "QQQ", "tag": "qqq",
    "id": "2", "isin": "US46090E1038", "asset_class": "equity", "currency": "USD", "stock_exchange": "NASDAQ",
    "def_stock_exchange": "True",
}  # fmt: skip


def payload(*rows: dict[str, str], delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def stock(**changes: str) -> Any:
    return record(parse("investpy-stocks", payload(STOCK | changes)))


def etf(**changes: str) -> Any:
    return record(parse("investpy-etfs", payload(ETF | changes)))


def refused(base: dict[str, str] = STOCK, **changes: str) -> str:
    source, kind = ("investpy-etfs", "etf") if base is ETF else ("investpy-stocks", "stock")
    results = parse(source, payload(base, base | changes, base))
    found = reject(results)
    assert (found.place.partition(",")[0], found.record) == ("line 3", kind)
    assert [r.place for r in results if isinstance(r, Parsed)] == ["line 2", "line 4"]
    return found.code


def test_a_row_is_a_line() -> None:
    assert stock().known() == {
        "record": "stock", "mic": "XASX", "isin": "AU000000BHP4", "ticker": "BHP", "currency": "AUD", "name": "BHP Group Ltd",
    }  # fmt: skip
    assert etf().known() == {
        "record": "etf", "mic": "XNAS", "isin": "US46090E1038", "ticker": "QQQ", "currency": "USD", "name": "Invesco QQQ Trust",
    }  # fmt: skip
    assert stock(full_name="").name == "BHP Group"


def test_one_symbol_in_two_countries_is_two_lines() -> None:
    here, there = stock(symbol="AGL", isin=""), stock(country="turkey", currency="TRY", symbol="AGL", isin="")
    assert here.ticker == there.ticker
    assert here.id != there.id


def test_one_fund_has_a_line_on_every_exchange() -> None:
    rows = [
        ETF | {"country": "germany", "currency": "EUR", "stock_exchange": e} for e in ("Xetra", "Berlin", "TradeGate")
    ]
    found = [r.record for r in parse("investpy-etfs", payload(*rows)) if isinstance(r, Parsed)]
    assert [r.mic for r in found if isinstance(r, Etf)] == ["XETR", "XBER", "XGAT"]
    assert len({r.id for r in found}) == 3


@pytest.mark.parametrize(
    ("country", "money", "symbol"),
    [
        ("france", "EUR", "OREP"),
        ("united kingdom", "GBP", "VOD"),
        ("thailand", "THB", "PTTf"),
        ("argentina", "ARS", "LOMAh"),
        ("russia", "RUB", "SBER_p"),
        ("israel", "ILS", "VTLC-M"),
    ],
)
def test_a_symbol_of_the_vendors_own_is_no_ticker(country: str, money: str, symbol: str) -> None:
    assert stock(country=country, currency=money, symbol=symbol).ticker is None
    assert refused(country=country, currency=money, symbol=symbol, isin="") == "vendor_symbol"


def test_without_an_isin_the_ticker_identifies() -> None:
    found = stock(isin="")
    assert found.identity == ("equity-by-ticker", "XASX", "BHP", "AUD", "")
    assert stock(symbol="").ticker is None
    assert refused(isin="", symbol=" ") == "missing_symbol"


@pytest.mark.parametrize(
    ("symbol", "market"),
    [
        ("601857", "XSHG"),
        ("688001", "XSHG"),
        ("900901", "XSHG"),
        ("000001", "XSHE"),
        ("300750", "XSHE"),
        ("200002", "XSHE"),
    ],
)
def test_chinese_codes_tell_the_exchange(symbol: str, market: str) -> None:
    money = {"9": "USD", "2": "HKD"}.get(symbol[0], "CNY")
    assert stock(country="china", symbol=symbol, currency=money).mic == market


@pytest.mark.parametrize("symbol", ["430047", "60185", "6018577", "60185A", "", "ABC"])
def test_other_chinese_symbols_do_not(symbol: str) -> None:
    assert refused(country="china", symbol=symbol, currency="CNY") == "ambiguous_market"


@pytest.mark.parametrize("country", SEVERAL)
def test_a_country_with_several_exchanges_is_refused(country: str) -> None:
    assert refused(country=country) == "ambiguous_market"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"country": ""}, "missing_country"),
        ({"country": "atlantis"}, "unknown_market"),
        ({"currency": ""}, "missing_currency"),
        ({"currency": "EUR"}, "wrong_currency"),
        ({"currency": "aud"}, "wrong_currency"),
        ({"isin": "AU000000BHP5"}, "invalid_isin"),
        ({"isin": "BBG000B9XRY4"}, "invalid_isin"),
        ({"symbol": "\x1b[2J"}, "invalid_symbol"),
        ({"full_name": "a\x07"}, "invalid_name"),
        ({"name": "\x00"}, "nul_byte"),
    ],
)
def test_a_bad_row_stops_nothing(changes: dict[str, str], code: str) -> None:
    assert refused(STOCK, **changes) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"stock_exchange": ""}, "missing_exchange"),
        ({"stock_exchange": "Nowhere"}, "unknown_market"),
        ({"stock_exchange": "NYSE"}, "ambiguous_market"),
        ({"country": "euro zone", "stock_exchange": "BATS Europe"}, "not_a_home_market"),
        ({"currency": "PKR"}, "wrong_currency"),
        ({"full_name": "iNAV iShares MSCI UK UCITS in GBP iNAV"}, "indicative_value"),
        ({"country": ""}, "missing_country"),
        ({"isin": "NSCNL00IBGM5"}, "invalid_isin"),
    ],
)
def test_a_bad_row_of_a_fund_stops_nothing(changes: dict[str, str], code: str) -> None:
    assert refused(ETF, **changes) == code


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_files_that_a_spreadsheet_saved(delimiter: str) -> None:
    text = "\ufeffinvestpy stocks; saved\n# by hand\n" + payload(
        STOCK, STOCK | {"full_name": "two\nlines, and; more"}, delimiter=delimiter
    )
    results = parse("investpy-stocks", text)
    assert InvestpyStocksImporter().can_parse(text.encode())
    assert tally(results) == {"stock": 2}
    assert [r.place for r in results] == ["line 4", "line 5"]


def test_the_heads() -> None:
    stocks, etfs = payload(STOCK), payload(ETF)
    for importer, own, other, feed in (
        (InvestpyStocksImporter(), stocks, etfs, "stocks"),
        (InvestpyEtfsImporter(), etfs, stocks, "etfs"),
    ):
        assert importer.can_parse(own.encode())
        assert not importer.can_parse(other.encode())
        assert importer.heading(stream(own)) == Heading(feed)
        with pytest.raises(PayloadError):
            importer.heading(stream("country,name\n"))


def test_the_tables_agree() -> None:
    markets = {*COUNTRIES.values(), *EXCHANGES.values(), *CHINESE_CODES.values()}
    assert markets == set(CURRENCIES)
    assert set(OWN_TICKERS) <= markets
    assert not COUNTRIES.keys() & SEVERAL.keys()
    assert not EXCHANGES.keys() & (SEVERAL_EXCHANGES.keys() | NO_HOMES.keys())
    for market, codes in CURRENCIES.items():
        assert mic(market) == market
        assert [currency(code) for code in codes.split()] == sorted(set(codes.split()))


def test_the_markets_are_those_of_iso_10383(real_data: Path) -> None:
    rows = csv.DictReader(io.StringIO(read(real_data / "iso" / "iso10383_mic_2025.csv.xz").decode()))
    active = {row["MIC"] for row in rows if row["STATUS"] != "EXPIRED"}
    assert set(CURRENCIES) <= active


def test_the_pages_have_the_tables() -> None:
    page = (DOCS / "sources" / "investpy-stocks.md").read_text()
    assert table(page, "country") == COUNTRIES
    assert table(page, "country with several") == SEVERAL
    assert table(page, "code begins") == CHINESE_CODES
    assert {m: " ".join(names(codes)) for m, codes in table(page, "market").items()} == CURRENCIES
    [own] = [line for line in page.splitlines() if line.startswith("`") and line.endswith("`.")]
    assert set(names(own.rstrip("."))) == OWN_TICKERS
    page = (DOCS / "sources" / "investpy-etfs.md").read_text()

    def keyed(known: dict[tuple[str, str], str]) -> dict[str, str]:
        return {f"{country}, {exchange}": value for (country, exchange), value in known.items()}

    assert table(page, "country and exchange") == keyed(EXCHANGES)
    assert table(page, "country and exchange with several") == keyed(SEVERAL_EXCHANGES)
    assert table(page, "country and exchange that is no home") == keyed(NO_HOMES)


class Real:
    """A recorded table and what became of its rows."""

    def __init__(self, folder: Path, name: str, source: str) -> None:
        raw = read(folder / "tradfi" / name)
        self.rows = list(csv.DictReader(io.StringIO(raw.decode(), newline="")))
        self.results = parse(source, raw)

    def rows_of(self, code: str) -> list[dict[str, str]]:
        pairs = zip(self.rows, self.results, strict=True)
        return [row for row, result in pairs if isinstance(result, Reject) and result.code == code]

    def lines(self) -> list[tuple[dict[str, str], Stock | Etf]]:
        pairs = zip(self.rows, self.results, strict=True)
        return [(row, r.record) for row, r in pairs if isinstance(r, Parsed) and isinstance(r.record, Stock | Etf)]


@pytest.fixture(scope="module")
def stocks(request: pytest.FixtureRequest) -> Real:
    return Real(request.getfixturevalue("real_data"), "investpy_stocks.csv.xz", "investpy-stocks")


@pytest.fixture(scope="module")
def etfs(request: pytest.FixtureRequest) -> Real:
    return Real(request.getfixturevalue("real_data"), "investpy_etfs.csv.xz", "investpy-etfs")


def test_real_shares_by_kind(stocks: Real) -> None:
    assert tally(stocks.results) == {
        "stock": 21_349, "ambiguous_market": 18_567, "wrong_currency": 20, "vendor_symbol": 14, "invalid_isin": 2,
    }  # fmt: skip
    assert {(row["country"], row["symbol"]) for row in stocks.rows_of("invalid_isin")} == {
        ("tanzania", "SWALA"), ("tanzania", "YETU"),
    }  # fmt: skip
    assert {row["country"] for row in stocks.rows_of("ambiguous_market")} == SEVERAL.keys() - {"china"}
    assert Counter(row["country"] for row in stocks.rows_of("vendor_symbol")) == {
        "jamaica": 12, "pakistan": 1, "sri lanka": 1,
    }  # fmt: skip
    assert Counter((row["country"], row["currency"]) for row in stocks.rows_of("wrong_currency")) == {
        ("australia", "EUR"): 1, ("austria", "CHF"): 1, ("brazil", "EUR"): 1, ("china", "CHF"): 1, ("hong kong", "EUR"): 3,
        ("malaysia", "EUR"): 1, ("new zealand", "CAD"): 1, ("norway", "DKK"): 1, ("norway", "EUR"): 1, ("serbia", "BAM"): 9,
    }  # fmt: skip


def test_real_funds_by_kind(etfs: Real) -> None:
    assert tally(etfs.results) == {
        "etf": 9_543, "ambiguous_market": 1_800, "not_a_home_market": 46, "wrong_currency": 9, "indicative_value": 4,
        "invalid_isin": 1,
    }  # fmt: skip
    assert {row["isin"] for row in etfs.rows_of("invalid_isin")} == {"NSCNL00IBGM5"}
    assert Counter(row["stock_exchange"] for row in etfs.rows_of("not_a_home_market")) == {"BATS Europe": 45, "SOMA": 1}
    assert {row["stock_exchange"] for row in etfs.rows_of("ambiguous_market")} == {"NYSE"}
    assert Counter(row["currency"] for row in etfs.rows_of("wrong_currency")) == {
        "HNL": 1, "HTG": 1, "MXN": 1, "ILS": 1, "ANG": 1, "AUD": 1, "PKR": 3,
    }  # fmt: skip


def test_real_rows_become_what_they_say(stocks: Real, etfs: Real) -> None:
    for theirs, ours in stocks.lines() + etfs.lines():
        assert (ours.isin or "", ours.currency, ours.name) == (theirs["isin"], theirs["currency"], theirs["full_name"])
        assert ours.ticker == (theirs["symbol"] if ours.ticker else None)
        assert ours.ticker is None or ours.mic in OWN_TICKERS
        assert (ours.isin, ours.ticker) != (None, None)
    assert sum(line.isin is None for _, line in stocks.lines()) == 43
    assert sum(line.isin is None for _, line in etfs.lines()) == 51


def test_real_funds_with_several_listings_have_several_lines(etfs: Real) -> None:
    isins = Counter(row["isin"] for row in etfs.rows if row["isin"])
    assert sum(n > 1 for n in isins.values()) == 1_545
    lines = {line.id for _, line in etfs.lines()}
    twice = [n for n in Counter(line.id for _, line in etfs.lines()).values() if n > 1]
    assert (len(lines), twice) == (9_540, [2, 2, 2])


def test_every_real_pair_of_country_and_exchange_is_in_a_table(stocks: Real, etfs: Real) -> None:
    assert {row["country"] for row in stocks.rows} == COUNTRIES.keys() | SEVERAL.keys()
    assert {(row["country"], row["stock_exchange"]) for row in etfs.rows} == (
        EXCHANGES.keys() | SEVERAL_EXCHANGES.keys() | NO_HOMES.keys()
    )


def test_real_tickers_are_believed_where_another_source_agrees(stocks: Real, real_data: Path) -> None:
    """On each market whose symbols are believed, at most one in twelve differs from FinanceDatabase's for the same line."""
    others: dict[tuple[str, str], set[str]] = {}
    folder = real_data / "tradfi" / "financedatabase_equities_concat_2026-08-16.csv.xz"
    for result in parse("finance-database", read(folder)):
        if (
            isinstance(result, Parsed)
            and isinstance(result.record, Stock)
            and result.record.isin
            and result.record.ticker
        ):
            others.setdefault((result.record.mic, result.record.isin), set()).add(result.record.ticker)
    seen: Counter[str] = Counter()
    differing: Counter[str] = Counter()
    for _, line in stocks.lines():
        known = others.get((line.mic, line.isin or ""))
        if known and line.ticker:
            seen[line.mic] += 1
            differing[line.mic] += line.ticker not in known
    assert sum(seen.values()) > 700
    assert {m: (differing[m], seen[m]) for m in seen if seen[m] > 3 and differing[m] * 12 > seen[m]} == {}
