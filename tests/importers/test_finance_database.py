from __future__ import annotations

import csv
import io
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import Stock
from catalog.errors import PayloadError
from catalog.importers import csv_rows
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.finance_database import FinanceDatabaseImporter
from catalog.importers.finance_markets import COUNTRIES, MICS, SINGLE_CURRENCIES, SUFFIXES, local_ticker
from tests.importers.support import endless, parse, read, record, records, reject, stream, tally

HEADER = [
    "symbol", "name", "summary", "currency", "sector", "industry_group", "industry", "exchange", "mic", "market", "country",
    "state", "city", "zipcode", "website", "market_cap", "isin", "cusip", "figi", "composite_figi", "shareclass_figi",
    "delisted",
]  # fmt: skip
APPLE = {
    "symbol": "APC.DE",
    "name": "Apple Inc.",
    "currency": "EUR",
    "sector": "Information Technology",
    "industry": "Hardware",
    "exchange": "GER",
    "mic": "XETR",
    "country": "United States",
    "isin": "US0378331005",
    "cusip": "037833100",
    "figi": "BBG000B9XRY4",
    "shareclass_figi": "BBG001S5N8V8",
    "delisted": "False",
}


def payload(*rows: dict[str, str]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, HEADER, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def row(**changes: str) -> dict[str, str]:
    return APPLE | changes


def one(**changes: str) -> Stock:
    stock = record(parse("finance-database", payload(row(**changes))))
    assert isinstance(stock, Stock)
    return stock


def refused(**changes: str) -> str:
    return reject(parse("finance-database", payload(row(), row(**changes), row()))).code


def test_a_row_is_a_stock() -> None:
    assert one().known() == {
        "record": "stock",
        "mic": "XETR",
        "ticker": "APC",
        "currency": "EUR",
        "name": "Apple Inc.",
        "sector": "Information Technology",
        "industry": "Hardware",
        "country": "US",
        "isin": "US0378331005",
        "cusip": "037833100",
        "figi": "BBG000B9XRY4",
        "share_class_figi": "BBG001S5N8V8",
    }


def test_blank_fields_are_unknown() -> None:
    stock = one(**dict.fromkeys(APPLE, " ") | {"symbol": "NA ", "exchange": "NCM", "mic": "XNAS", "currency": "USD"})
    assert stock.known() == {"record": "stock", "mic": "XNAS", "ticker": "NA", "currency": "USD"}


@pytest.mark.parametrize("ticker", ["NA", "NAN", "TRUE", "NULL", "1E5", "-", "007"])
def test_tickers_that_other_readers_turn_into_something_else(ticker: str) -> None:
    assert one(symbol=ticker, exchange="NCM", mic="XNAS", currency="USD").ticker == ticker


def test_delisted_is_retired_and_else_nothing_is_said() -> None:
    assert one(delisted="True").status == "retired"
    for value in ("False", "", "FALSE"):
        assert "status" not in one(delisted=value).model_fields_set
    assert refused(delisted="maybe") == "invalid_delisted"


@pytest.mark.parametrize(
    ("exchange", "symbol", "ticker"),
    [
        ("GER", "APC.DE", "APC"),
        ("HKG", "0700.HK", "0700"),
        ("TWO", "6488.TWO", "6488"),
        ("FKA", "2927.F", "2927"),
        ("SES", "PRM SP.SI", "PRM SP"),
        ("STO", "ATCO-A.ST", "ATCO-A"),
        ("SET", "PTT-R.BK", "PTT-R"),
        ("LSE", "BT-A.L", "BT.A"),
        ("LSE", "0R2V.L", "0R2V"),
        ("NYQ", "BRK-B", "BRK.B"),
        ("ASE", "BRK/A", "BRK.A"),
        ("ASE", "AIG^A", "AIG^A"),
        ("ASE", "ALTG-PA", "ALTG-PA"),
        ("ASE", "HWM-P", "HWM-P"),
        ("ASE", "ADRA-WT", "ADRA-WT"),
        ("ASE", "UMH PR-A", "UMH PR-A"),
        ("ASE", "FEI           ", "FEI"),
        ("TOR", "AP-UN.TO", "AP.UN"),
        ("TOR", "AIM-PA.TO", "AIM.PR.A"),
        ("TOR", "BPO-PR.TO", "BPO.PR.R"),
        ("TOR", "BAM-PFD.TO", "BAM.PF.D"),
        ("TOR", "AH-WTB.TO", "AH.WT.B"),
        ("TOR", "BBD-B.TO", "BBD.B"),
        ("TOR", "DIR-WT.TO", "DIR.WT"),
        ("CNQ", "FONE-DBB.CN", "FONE.DB.B"),
        ("CNQ", "ACRG-AU.CN", "ACRG.A.U"),
        ("VAN", "AF-P.V", "AF.P"),
        ("VAN", "AF.P.V", "AF.P"),
        ("VAN", "AEL-H.V", "AEL.H"),
    ],
)
def test_tickers_are_the_exchange_s_own(exchange: str, symbol: str, ticker: str) -> None:
    assert one(exchange=exchange, symbol=symbol).ticker == ticker


def test_only_the_suffix_of_the_row_s_own_exchange_goes() -> None:
    for symbol in ("APC", "APC.F", "APC.de", ".DE"):
        assert refused(symbol=symbol) == "wrong_market"
    assert one(exchange="NCM", symbol="APC.DE").ticker == "APC.DE"
    assert refused(exchange="XXX") == "unknown_exchange"
    assert refused(exchange="") == "unknown_exchange"


def test_an_isin_in_the_place_of_the_ticker_is_no_ticker() -> None:
    for isin in ("", "US0378331005"):
        stock = one(symbol="US0378331005.DE", isin=isin)
        assert (stock.isin, stock.ticker) == ("US0378331005", None)
    assert refused(symbol="DE0007164600.DE") == "isin_mismatch"
    assert one(symbol="US0378331006.DE").ticker == "US0378331006"


def test_currencies() -> None:
    stock = one(symbol="NPN.JO", exchange="JNB", mic="XJSE", currency="ZAC")
    assert (stock.currency, stock.price_unit) == ("ZAR", "ZAC")
    stock = one(symbol="X.TA", exchange="TLV", mic="XTAE", currency="")
    assert (stock.currency, stock.price_unit) == ("ILS", None)
    assert one(currency="").currency == "EUR"
    assert refused(symbol="X.L", exchange="LSE", mic="XLON", currency="") == "missing_currency"
    assert refused(currency="QQQ") == refused(currency="eur") == refused(currency="XXXX") == "invalid_currency"


def test_markets() -> None:
    assert one(symbol="ACA.TI", exchange="TLO", mic="").mic == "ETLX"
    stock = one(symbol="7203.T", exchange="JPX", mic="XJPX", currency="JPY")
    assert (stock.mic, stock.segment_mic) == ("XTKS", "XJPX")
    assert refused(mic="") == refused(exchange="", mic="") == "missing_mic"
    assert refused(mic="XETRA") == refused(mic="xetr") == "invalid_mic"
    assert refused(symbol="") == "missing_symbol"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("South Korea", "KR"),
        ("Taiwan", "TW"),
        ("Netherlands Antilles", None),
        ("Narnia", None),
    ],
)
def test_countries_by_name(name: str, code: str | None) -> None:
    assert one(country=name).country == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"isin": "US0378331006"}, "invalid_isin"),
        ({"isin": "BBG000B9XRY4"}, "invalid_isin"),
        ({"isin": "ZZ0378331005"}, "invalid_isin"),
        ({"isin": "US037833100"}, "invalid_isin"),
        ({"cusip": "037833101"}, "invalid_cusip"),
        ({"figi": "BBG000B9XRY5"}, "invalid_figi"),
        ({"composite_figi": "US0378331005"}, "invalid_figi"),
        ({"shareclass_figi": "x"}, "invalid_figi"),
        ({"symbol": "A\x1bB.DE"}, "invalid_symbol"),
        ({"symbol": "x" * 256 + ".DE"}, "invalid_symbol"),
        ({"name": "a\x81"}, "invalid_name"),
        ({"name": "n" * 65_536}, "invalid_name"),
        ({"sector": "\x1b[2J"}, "invalid_sector"),
        ({"industry": "\x07"}, "invalid_industry"),
        ({"summary": "\x00"}, "nul_byte"),
        ({"summary": "s" * (1 << 20)}, "row_too_long"),
    ],
)
def test_a_bad_row_stops_nothing(changes: dict[str, str], code: str) -> None:
    results = parse("finance-database", payload(row(), row(**changes), row()))
    found = reject(results)
    assert (found.code, found.place.partition(",")[0], found.record) == (code, "line 3", "stock")
    assert [r.place for r in results if isinstance(r, Parsed)] == ["line 2", "line 4"]


def test_a_place_is_the_line_on_which_the_row_starts() -> None:
    results = parse("finance-database", payload(row(), row(summary="one\r\ntwo\nthree"), row(isin="x"), row()))
    assert [r.place for r in results] == ["line 2", "line 3", "line 6", "line 7"]
    assert reject(results).row.startswith("APC.DE,Apple Inc.,")


LINE = payload(row()).splitlines()[1]


@pytest.mark.parametrize(
    ("broken", "code", "place"),
    [
        ("a,b", "malformed_row", "line 3"),
        (LINE + ",", "malformed_row", "line 3"),
        ('"' + LINE, "malformed_row", "line 3"),
        (LINE.replace("Apple", '"Apple"x'), "malformed_row", "line 3"),
        ("a\rb", "malformed_row", "line 3"),
        (" ", "malformed_row", "line 3"),
        (LINE.replace("Apple", "\x00"), "nul_byte", "line 3, column 8"),
        (LINE.replace("Apple", "\udcff"), "invalid_utf8", "line 3, column 8"),
    ],
)
def test_a_broken_line_stops_nothing(broken: str, code: str, place: str) -> None:
    text = "\n".join([",".join(HEADER), LINE, broken, LINE, "", LINE]) + "\n"
    results = parse("finance-database", text.encode("utf-8", "surrogateescape"))
    found = reject(results)
    assert (found.code, found.place) == (code, place)
    assert [r.place for r in results if isinstance(r, Parsed)] == ["line 2", "line 4", "line 6"]


def test_an_unclosed_quote_swallows_no_good_row(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in (csv_rows.MAX_ROW_BYTES, 4 * len(LINE)):
        monkeypatch.setattr(csv_rows, "MAX_ROW_BYTES", limit)
        text = "\n".join([",".join(HEADER), '"oops', *[LINE] * 50])
        assert tally(parse("finance-database", text)) == {"malformed_row": 1, "stock": 50} or limit < 1000
        assert tally(parse("finance-database", text))["stock"] == 50


def test_bad_bytes_behind_an_unclosed_quote_are_judged_by_themselves() -> None:
    text = "\n".join([",".join(HEADER), '"oops', LINE, "\udcff", LINE]).encode("utf-8", "surrogateescape")
    results = parse("finance-database", text)
    assert [(r.place, r.code) for r in results if isinstance(r, Reject)] == [
        ("line 2", "malformed_row"),
        ("line 4, column 1", "invalid_utf8"),
    ]
    assert tally(results)["stock"] == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the payload is empty"),
        ("\n\n", "the payload is empty"),
        ("symbol,name\n", "the header lacks `composite_figi`, `country`"),
        (",".join([*HEADER, "isin"]), "names a column twice"),
        ('"symbol', "the header cannot be read"),
        ("symbol\x00", "a NUL byte"),
        ("x" * (2 << 20), "a row may have"),
    ],
)
def test_a_header_that_is_none(text: str, reason: str) -> None:
    for attempt in (FinanceDatabaseImporter().heading, lambda s: list(FinanceDatabaseImporter().parse(s, None))):
        with pytest.raises(PayloadError, match=reason):
            attempt(stream(text))


def test_columns_in_any_order_and_more_of_them() -> None:
    names = [*reversed(HEADER), "new"]
    line = next(csv.reader([LINE]))
    text = "\ufeff" + ",".join(names) + "\n" + ",".join([*reversed(line), "x"])
    assert record(parse("finance-database", text)) == one()


def test_the_heading_and_the_head() -> None:
    importer = FinanceDatabaseImporter()
    assert importer.heading(stream(payload(row()))) == Heading("equities")
    assert importer.can_parse(payload(row()).encode())
    for head in (b"", b"symbol,name\n", b'"', b"\x00", b"\xff,\n", payload(row()).encode("utf-16")):
        assert not importer.can_parse(head)


def test_a_line_of_two_gigabytes_is_one_reject_in_bounded_memory() -> None:
    head = (",".join(HEADER) + "\n" + LINE + "\n").encode()
    tracemalloc.start()
    results = list(FinanceDatabaseImporter().parse(endless(head, b"x" * 4096, 2 << 30, b"\n" + LINE.encode()), None))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert tally(results) == {"stock": 2, "row_too_long": 1}
    assert peak < 16 << 20


def test_the_tables_agree() -> None:
    assert set(MICS) <= set(SUFFIXES)
    assert all(not s or s.startswith(".") for s in SUFFIXES.values())
    assert not any(local_ticker(e, "A-B").endswith("-") for e in SUFFIXES)
    for currency in SINGLE_CURRENCIES.values():
        assert one(currency=currency).currency == currency
    for name, code in COUNTRIES.items():
        assert one(country=name).country == code


@pytest.fixture(scope="module")
def real(request: pytest.FixtureRequest) -> dict[str, Any]:
    folder: Path = request.getfixturevalue("real_data")
    raw = read(folder / "tradfi" / "financedatabase_equities_concat_2026-08-16.csv.xz")
    results = parse("finance-database", raw)
    return {"rows": list(csv.DictReader(io.StringIO(raw.decode(), newline=""))), "results": results}


def stocks(real: dict[str, Any]) -> list[Stock]:
    return [r.record for r in real["results"] if isinstance(r, Parsed) and isinstance(r.record, Stock)]


def test_real_rows_by_kind(real: dict[str, Any]) -> None:
    assert tally(real["results"]) == {
        "stock": 67_590,
        "missing_currency": 1_020,
        "missing_mic": 485,
        "isin_mismatch": 42,
        "wrong_market": 13,
        "invalid_name": 2,
    }


def test_real_rows_become_what_they_say(real: dict[str, Any]) -> None:
    filled: Counter[str] = Counter()
    for theirs, result in zip(real["rows"], real["results"], strict=True):
        if isinstance(result, Reject):
            continue
        stock = result.record
        assert stock.isin == (theirs["isin"] or (stock.isin if stock.ticker is None else None))
        assert (stock.cusip or "", stock.figi or "") == (theirs["cusip"], theirs["figi"])
        assert (stock.composite_figi or "", stock.share_class_figi or "") == (
            theirs["composite_figi"],
            theirs["shareclass_figi"],
        )
        assert (stock.name or "", stock.sector or "") == (theirs["name"].strip(), theirs["sector"])
        assert (stock.status == "retired") == (theirs["delisted"] == "True")
        assert (stock.segment_mic or stock.mic) == (theirs["mic"] or "ETLX")
        if theirs["currency"]:
            assert (stock.price_unit or stock.currency) == theirs["currency"]
        else:
            filled[stock.currency] += 1
        assert (stock.country is None) == (theirs["country"] in ("", "Netherlands Antilles"))
    assert sum(filled.values()) == 457
    tickers = [s.ticker or "" for s in stocks(real)]
    assert not any(t.endswith((".DE", ".HK", ".TO")) for t in tickers)


def test_a_market_with_one_currency_has_no_other_in_the_real_rows(real: dict[str, Any]) -> None:
    stated: dict[str, set[str]] = {}
    for theirs, result in zip(real["rows"], real["results"], strict=True):
        if isinstance(result, Parsed) and theirs["currency"]:
            assert isinstance(result.record, Stock)
            stated.setdefault(theirs["mic"], set()).add(result.record.currency)
    assert {
        mic for mic, found in stated.items() if mic in SINGLE_CURRENCIES and found != {SINGLE_CURRENCIES[mic]}
    } == set()


def test_every_line_of_apple_is_there(real: dict[str, Any]) -> None:
    apple = {(s.mic, s.currency, s.ticker) for s in stocks(real) if s.isin == "US0378331005"}
    assert len(apple) == sum(r["isin"] == "US0378331005" for r in real["rows"])
    assert ("XETR", "EUR", "APC") in apple


def test_records_are_given_in_the_order_of_the_rows() -> None:
    assert [r.ticker for r in records(parse("finance-database", payload(row(symbol="A.DE"), row(symbol="B.DE"))))] == [
        "A",
        "B",
    ]
