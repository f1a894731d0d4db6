from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import Etf, Listing, Stock
from catalog.errors import PayloadError
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.nasdaq_directory import EXCHANGES, TIERS, NasdaqDirectoryImporter
from tests.importers.support import parse, records, reject, stream, tally
from tests.importers.test_documentation import DOCS, table

NASDAQ = "Symbol|Security Name|Market Category|Test Issue|Financial Status|Round Lot Size|ETF|NextShares"
OTHER = "ACT Symbol|Security Name|Exchange|CQS Symbol|ETF|Round Lot Size|Test Issue|NASDAQ Symbol"
APPLE = {
    "Symbol": "AAPL",
    "Security Name": "Apple Inc. - Common Stock",
    "Market Category": "Q",
    "Test Issue": "N",
    "Financial Status": "N",
    "Round Lot Size": "100",
    "ETF": "N",
    "NextShares": "N",
}
BERKSHIRE = {
    "ACT Symbol": "BRK.B",
    "Security Name": "Berkshire Hathaway Inc. Class B Common Stock",
    "Exchange": "N",
    "CQS Symbol": "BRK.B",
    "ETF": "N",
    "Round Lot Size": "100",
    "Test Issue": "N",
    "NASDAQ Symbol": "BRK.B",
}
TRAILER = "File Creation Time: 1124202621:30"


def nasdaq(*rows: dict[str, str], trailer: str = TRAILER + "|||||||") -> str:
    return "\r\n".join([NASDAQ, *("|".join((APPLE | row).values()) for row in rows), trailer, ""])


def other(*rows: dict[str, str], trailer: str = TRAILER + "|||||||") -> str:
    return "\r\n".join([OTHER, *("|".join((BERKSHIRE | row).values()) for row in rows), trailer, ""])


def one(text: str) -> Any:
    return records(parse("nasdaq-directory", text))[0]


def test_a_row_is_a_line_and_its_listing() -> None:
    stock, listing = records(parse("nasdaq-directory", nasdaq({})))
    assert isinstance(stock, Stock)
    assert stock.known() == {
        "record": "stock", "mic": "XNAS", "segment_mic": "XNGS", "ticker": "AAPL", "currency": "USD",
        "name": "Apple Inc. - Common Stock", "status": "active",
    }  # fmt: skip
    assert isinstance(listing, Listing)
    assert listing.known() == {
        "record": "listing", "instrument_id": str(stock.id), "venue_id": "b1ea027cf83551e737397144d479b2d6",
        "symbol": "AAPL", "currency": "USD", "lot_size": "100",
    }  # fmt: skip


def test_a_row_of_another_exchange() -> None:
    stock, listing = records(parse("nasdaq-directory", other({})))
    assert (stock.mic, stock.segment_mic, stock.ticker) == ("XNYS", None, "BRK.B")
    assert listing.instrument_id == str(stock.id)
    assert (
        one(other({"ACT Symbol": "ABR$D", "Security Name": "Arbor 6.375% Series D Preferred Stock"})).ticker == "ABR$D"
    )


def test_without_a_round_lot_there_is_no_listing() -> None:
    assert tally(parse("nasdaq-directory", nasdaq({"Round Lot Size": ""}))) == {"stock": 1}
    assert one(nasdaq({"Round Lot Size": "40"})) == one(nasdaq({}))
    assert records(parse("nasdaq-directory", nasdaq({"Round Lot Size": "40"})))[1].lot_size == 40


@pytest.mark.parametrize(("letter", "mic"), TIERS.items())
def test_tiers_are_one_market(letter: str, mic: str) -> None:
    stock = one(nasdaq({"Market Category": letter}))
    assert (stock.mic, stock.segment_mic) == ("XNAS", mic)
    assert stock.id == one(nasdaq({})).id


@pytest.mark.parametrize(("letter", "mic"), EXCHANGES.items())
def test_exchanges(letter: str, mic: str) -> None:
    assert one(other({"Exchange": letter})).mic == mic


@pytest.mark.parametrize("symbol", ["NA", "NAN", "TRUE", "NULL", "NA   ", " NAN"])
def test_no_symbol_is_special(symbol: str) -> None:
    assert one(nasdaq({"Symbol": symbol})).ticker == symbol.strip()


def test_the_flags_say_what_is_a_fund() -> None:
    name = "Invesco QQQ Trust, Series 1"
    assert isinstance(one(nasdaq({"Security Name": name, "ETF": "Y"})), Etf)
    assert isinstance(one(nasdaq({"Security Name": name, "NextShares": "Y"})), Etf)
    assert isinstance(one(nasdaq({"Security Name": name})), Stock)
    assert isinstance(one(nasdaq({"Security Name": "Some Fund Warrants", "ETF": "Y"})), Etf)
    assert isinstance(one(nasdaq({"Security Name": "ETF Managers Inc."})), Stock)
    assert isinstance(one(nasdaq({"Security Name": "", "ETF": "Y"})), Etf)
    assert isinstance(one(nasdaq({"Security Name": "X ETF", "ETF": ""})), Etf)


@pytest.mark.parametrize(("symbol", "code"), [("AAC.W", "warrant"), ("AAC.U", "unit"), ("AAC.R", "right")])
def test_the_end_of_a_symbol_says_what_is_no_share(symbol: str, code: str) -> None:
    row = {"ACT Symbol": symbol, "Security Name": "Ares Acquisition Corporation Class A Ordinary Shares"}
    assert reject(parse("nasdaq-directory", other(row))).code == code
    assert one(other({"ACT Symbol": symbol[-1]})).ticker == symbol[-1]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Symbol": " "}, "missing_symbol"),
        ({"Symbol": "A\x1bB"}, "invalid_symbol"),
        ({"Symbol": "x" * 256}, "invalid_symbol"),
        ({"Security_Name": "", "ETF": ""}, "missing_name"),
        ({"Security_Name": "a\x07 - Common Stock"}, "invalid_name"),
        ({"Test_Issue": "Y"}, "test_issue"),
        ({"Test_Issue": "?"}, "invalid_flag"),
        ({"ETF": "yes"}, "invalid_flag"),
        ({"NextShares": "1"}, "invalid_flag"),
        ({"Market_Category": "X"}, "invalid_market_category"),
        ({"Round_Lot_Size": "0"}, "invalid_round_lot"),
        ({"Round_Lot_Size": "many"}, "invalid_round_lot"),
        ({"Security_Name": "Some Corp - Warrant"}, "warrant"),
        ({"Security_Name": "Some Corp - Rights"}, "right"),
        ({"Security_Name": "Some Corp - Units"}, "unit"),
        ({"Security_Name": "Some Corp - 5% Notes due 2030"}, "debt"),
        ({"Security_Name": "Some Corp", "ETF": ""}, "unknown_type"),
        ({"Security_Name": "Some - Fund", "ETF": ""}, "unknown_type"),
        ({"Symbol": "A\x00"}, "nul_byte"),
        ({"Symbol": "A|B"}, "malformed_row"),
    ],
)
def test_a_bad_row_stops_nothing(changes: dict[str, str], code: str) -> None:
    row = {name.replace("_", " "): value for name, value in changes.items()}
    results = parse("nasdaq-directory", nasdaq({}, row, {}))
    assert (reject(results).code, reject(results).place.partition(",")[0]) == (code, "line 3")
    assert [r.place for r in results if isinstance(r, Parsed)] == ["line 2", "line 2", "line 4", "line 4"]


@pytest.mark.parametrize("exchange", ["", "M", "n"])
def test_unknown_exchanges(exchange: str) -> None:
    assert reject(parse("nasdaq-directory", other({"Exchange": exchange}))).code == "unknown_exchange"


def test_test_issues_without_their_column() -> None:
    text = "Symbol,Security Name\nZVZZT,NASDAQ TEST STOCK\nZXYZ.A,Nasdaq Symbology Test Common Stock\nT,Test Inc. - Common Stock\n"
    assert tally(parse("nasdaq-directory", text)) == {"test_issue": 2, "stock": 1}


def test_a_fund_without_a_word_for_it() -> None:
    text = "Symbol,Security Name\nATL,Atlas America Fund\n"
    fund = one(text)
    assert (type(fund), fund.mic, fund.segment_mic) == (Etf, "XNAS", None)


def test_quotes_between_bars_are_characters() -> None:
    assert one(nasdaq({"Security Name": 'The "Best" Inc. - Common Stock'})).name == 'The "Best" Inc. - Common Stock'
    assert one(nasdaq({"Security Name": '"Best Inc. - Common Stock'})).name == '"Best Inc. - Common Stock'


@pytest.mark.parametrize(
    ("trailer", "time"),
    [
        (TRAILER + "|||||||", datetime(2026, 11, 25, 2, 30, tzinfo=UTC)),
        ("File Creation Time: 0801202621:31", datetime(2026, 8, 2, 1, 31, tzinfo=UTC)),
        ("File Creation Time: 1302202621:31|||||||", None),
        ("File Creation Time: unknown|||||||", None),
        ("File Creation Time: 0101000100:00|", None),
        ("", None),
    ],
)
def test_the_time_is_that_of_the_trailer_in_new_york(trailer: str, time: datetime | None) -> None:
    importer = NasdaqDirectoryImporter()
    assert importer.heading(stream(nasdaq({}, trailer=trailer))) == Heading("nasdaqlisted", time)
    assert importer.heading(stream(other({}, trailer=trailer))) == Heading("otherlisted", time)
    assert tally(parse("nasdaq-directory", nasdaq({}, trailer=trailer))) == {"stock": 1, "listing": 1}


def test_blank_rows_are_blank_lines() -> None:
    assert tally(parse("nasdaq-directory", nasdaq({}) + "|||||||\n \r\n|||||||")) == {
        "stock": 1, "listing": 1, "malformed_row": 1,
    }  # fmt: skip


def test_the_head() -> None:
    importer = NasdaqDirectoryImporter()
    for known in (nasdaq({}), other({}), "Symbol,Security Name\n", "ACT Symbol,Company Name,Security Name,Exchange\n"):
        assert importer.can_parse(known.encode())
    for unknown in ("", "Symbol,Name\n", "symbol|security name\n", "ACT Symbol|Security Name\n"):
        assert not importer.can_parse(unknown.encode())
        with pytest.raises(PayloadError):
            importer.heading(stream(unknown))


def test_the_page_has_the_tables() -> None:
    page = (DOCS / "sources" / "nasdaq-directory.md").read_text()
    assert table(page, "market category") == TIERS
    assert table(page, "exchange") == EXCHANGES


@pytest.fixture(scope="module")
def real(request: pytest.FixtureRequest) -> bytes:
    folder: Path = request.getfixturevalue("real_data")
    return (folder / "tradfi" / "nasdaq-listed_datasets.csv").read_bytes()


def test_real_rows_by_kind(real: bytes) -> None:
    results = parse("nasdaq-directory", real)
    assert NasdaqDirectoryImporter().heading(stream(real)).observed_at == datetime(2026, 8, 1, 1, 31, tzinfo=UTC)
    assert tally(results) == {
        "stock": 3529, "etf": 1238, "warrant": 376, "unit": 247, "right": 100, "debt": 58, "unknown_type": 13, "test_issue": 8,
    }  # fmt: skip
    unknown = {r.row.split(",")[0] for r in results if isinstance(r, Reject) and r.code == "unknown_type"}
    assert unknown == {
        "BIB", "BIS", "EQQQ", "OBTC", "ORGO", "QQDN", "QQQ", "QQUP", "QQXL", "SKYU", "SQQQ", "TQQQ", "UCYB",
    }  # fmt: skip


def test_every_real_row_is_accounted_for(real: bytes) -> None:
    rows = list(csv.reader(io.StringIO(real.decode())))[1:-2]
    results = parse("nasdaq-directory", real)
    assert len(results) == len(rows)
    for (symbol, name), result in zip(rows, results, strict=True):
        if isinstance(result, Parsed):
            assert isinstance(result.record, Stock | Etf)
            assert (result.record.ticker, result.record.name) == (symbol, name.strip())
        else:
            assert result.row.startswith(symbol + ",")
