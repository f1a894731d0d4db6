"""Whatever bytes come, an importer gives records and rejects, or raises PayloadError; never anything else."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.domain import Asset, Pair, Stock
from catalog.errors import PayloadError
from catalog.importers.base import MAX_ROW, Importer, Parsed
from catalog.importers.registry import IMPORTERS
from tests.importers.support import PAYLOADS, importer_for, stream, until_broken
from tests.importers.test_binance import row as binance_row
from tests.importers.test_finance_database import payload as finance_database
from tests.importers.test_finance_database import row as finance_row
from tests.importers.test_token_list import LIST, MINT
from tests.importers.test_token_list import row as token_row

BTC = Asset(exchange="binance", symbol="BTC", decimals=8)
LINES = [
    BTC.to_json(),
    Pair(exchange="binance", symbol="BTCBTC", base_id=BTC.id, quote_id=BTC.id).to_json() | {"tick_size": "0.01"},
    Stock(mic="XNAS", isin="US0378331005", currency="USD", ticker="AAPL").to_json(),
    {"record": "token", "blockchain": "eip155:1", "address": "0x" + "ab" * 20, "name": "é\n"},
    {"record": "listing", "instrument_id": str(BTC.id), "venue_id": str(BTC.id), "lot_size": "1"},
    {"record": "venue", "mic": "XNAS", "lei": "549300L8X1Q78ERXFD06", "website": "x"},
    {"record": "security", "isin": "US0378331005", "cusip": "037833100", "cfi": "ESVUFR"},
    {"record": "currency", "iso_code": "USD", "decimals": 2, "numeric_code": "840"},
]
TOKENS = [token_row(), token_row(chainId=101, address=MINT, name="é💎"), token_row(address="0x" + "e" * 40)]
ROWS = {
    "jsonl": LINES,
    "token-list": TOKENS,
    "binance": [binance_row(), binance_row("LUNA"), binance_row("ETH", "BTC", status="BREAK")],
}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["", "\x00", "\ud800", "0x", "1e400", "USD", "US0378331005", 10**400, -1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
SNIPPETS = st.sampled_from(
    [b"\x00", b"\xff", b'"', b"\n", b"\r", b",", b"{", b"}", b"[", b"]", b"\\", b"\\ud800", b"NaN", b"1e999999999999999999", b"-",
     b"\x1b[2J", b"9" * 500, b"[" * 5000, b"\xef\xbb\xbf", b"null", b'"a":1,"a":2,']
)  # fmt: skip
SOURCES = pytest.mark.parametrize("source", IMPORTERS)


def check(importer: Importer, payload: bytes) -> None:
    """The promises that hold for any bytes."""
    importer.can_parse(payload[:65536])
    with contextlib.suppress(PayloadError):
        importer.heading(stream(payload))
    results, error = until_broken(importer, payload)
    assert error is None or str(error).isprintable()
    for result in results:
        if isinstance(result, Parsed):
            result.record.canonical_json().encode()
            result.record.identity_bytes()
        else:
            assert result.code in importer.codes
            assert result.reason.isprintable()
            assert len(result.row) <= MAX_ROW
            result.row.encode()


@SOURCES
def test_damaged_payloads_were_good(source: str) -> None:
    results, error = until_broken(importer_for(source), PAYLOADS[source])
    assert error is None
    assert all(isinstance(result, Parsed) for result in results)


@SOURCES
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_payloads(source: str, data: st.DataObject) -> None:
    payload = PAYLOADS[source]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(payload)))
        end = min(len(payload), start + data.draw(st.sampled_from([0, 0, 1, 2, 40])))
        payload = payload[:start] + data.draw(SNIPPETS | st.binary(max_size=4)) + payload[end:]
    check(importer_for(source), payload)


@SOURCES
@given(data=st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_bytes(source: str, data: bytes) -> None:
    check(importer_for(source), data)


@SOURCES
def test_truncated_payloads_are_no_surprise(source: str) -> None:
    whole, _ = until_broken(importer_for(source), PAYLOADS[source])
    for end in range(0, len(PAYLOADS[source]), 7):
        check(importer_for(source), PAYLOADS[source][:end])
        results, _ = until_broken(importer_for(source), PAYLOADS[source][:end])
        good = [r.place for r in results if isinstance(r, Parsed)]
        # The last one may be what was cut, still a row, but of less.
        assert set(good[:-1]) <= {r.place for r in whole}


@pytest.mark.parametrize("source", ROWS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_rows_with_any_value_anywhere(source: str, data: st.DataObject) -> None:
    rows: list[Any] = json.loads(json.dumps(ROWS[source]))
    number = data.draw(st.integers(0, len(rows) - 1))
    key = data.draw(st.sampled_from(sorted(rows[number])) | st.text(max_size=5))
    rows[number][key] = data.draw(JSON)
    if source == "jsonl":
        document = "\n".join(map(json.dumps, rows))
    else:
        document = json.dumps(LIST | {"serverTime": 1, "tokens": rows, "symbols": rows})
    check(importer_for(source), document.encode())


@given(st.dictionaries(st.sampled_from(sorted(finance_row())), st.text(max_size=300), max_size=4))
@settings(max_examples=150, deadline=None)
def test_cells_with_any_text(changes: dict[str, str]) -> None:
    check(IMPORTERS["finance-database"], finance_database(finance_row(**changes), finance_row()).encode())


@given(
    st.lists(
        st.sampled_from(['"', '""', "x", ",", "\n", "\r\n", finance_database(finance_row()).splitlines()[1]]),
        max_size=40,
    )
)
@settings(max_examples=150, deadline=None)
def test_good_rows_survive_any_quotes_around_them(pieces: list[str]) -> None:
    header, good = finance_database(finance_row()).splitlines()
    payload = "\n".join([header, good, "".join(pieces), good, good]).encode()
    check(IMPORTERS["finance-database"], payload)
    results, _ = until_broken(IMPORTERS["finance-database"], payload)
    first, last = results[0], results[-1]
    assert (isinstance(first, Parsed), isinstance(last, Parsed)) == (True, True)
    assert results[-2].place != last.place
