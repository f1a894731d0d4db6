from __future__ import annotations

import json
import tracemalloc
from decimal import Decimal

import pytest

from catalog.domain import Asset, Currency, Pair, Token
from catalog.importers.base import MAX_ROW, Parsed, Reject
from catalog.importers.json_lines import MAX_LINE
from catalog.importers.jsonl import JsonlImporter
from tests.importers.support import endless, parse, record, reject, stream, tally

USD = '{"record": "currency", "iso_code": "USD"}'
BASE, QUOTE = (Asset(exchange="binance", symbol=code) for code in ("BTC", "USDT"))


def test_any_mix_of_records_one_per_line() -> None:
    token = {"record": "token", "blockchain": "eip155:1", "address": "0x" + "ab" * 20, "decimals": 6}
    results = parse("jsonl", f"\ufeff{USD}\n\n  \t\n{json.dumps(token)}\r\n")
    assert results == [
        Parsed(Currency(iso_code="USD"), "line 1"),
        Parsed(Token(blockchain="eip155:1", address="0x" + "ab" * 20, decimals=6), "line 4"),
    ]


def test_what_a_record_prints_is_read_back() -> None:
    pair = Pair(exchange="binance", symbol="BTCUSDT", base_id=BASE.id, quote_id=QUOTE.id, tick_size=Decimal("0.01"))
    assert record(parse("jsonl", json.dumps(pair.to_json()))).known() == pair.known() | {
        "status": "active",
        "market_kind": "spot",
    }


def test_numbers_arrive_exactly() -> None:
    head = f'{{"record": "pair", "exchange": "binance", "symbol": "X", "base_id": "{BASE.id}", "quote_id": "{QUOTE.id}"'
    found = record(parse("jsonl", f'{head}, "tick_size": 0.1, "lot_size": 100, "min_price": 0.12345678901234567}}'))
    assert (found.tick_size, found.lot_size) == (Decimal("0.1"), Decimal(100))
    assert found.min_price == Decimal("0.12345678901234567")


@pytest.mark.parametrize(
    ("line", "code", "place"),
    [
        (b"{", "invalid_json", "line 2, column 2"),
        (b'  {"record": oops}', "invalid_json", "line 2, column 14"),
        (USD.encode() + b" {}", "invalid_json", f"line 2, column {len(USD) + 1}"),
        (b'{"record": "currency\x00"}', "invalid_json", "line 2, column 21"),
        (b"[" * 100_000, "invalid_json", "line 2"),
        (b'{"record": "\xff"}', "invalid_utf8", "line 2, column 13"),
        (b'{"record": "currency", "iso_code": "USD", "iso_code": "EUR"}', "duplicate_key", "line 2"),
        (b'{"record": "currency", "iso_code": "USD", "decimals": NaN}', "invalid_number", "line 2"),
        (b'{"record": "currency", "iso_code": "USD", "decimals": 1e99999999999999999999}', "invalid_number", "line 2"),
        (b'{"record": "currency", "iso_code": "USD", "decimals": ' + b"1" * 5000 + b"}", "invalid_number", "line 2"),
        (b'{"record": "currency", "iso_code": "USD", "decimals": 2.5}', "invalid_record", "line 2"),
        (b'{"record": "currency", "iso_code": "QQQ"}', "invalid_currency", "line 2"),
        (b'{"record": "currency"}', "missing_field", "line 2"),
        (b'{"record": "currency", "iso_code": "USD", "colour": 1}', "unknown_field", "line 2"),
        (b'{"record": "currency", "iso_code": "USD", "id": "00"}', "wrong_id", "line 2"),
        (b'{"record": "nothing"}', "unknown_record", "line 2"),
        (b'{"record": ["token"]}', "unknown_record", "line 2"),
        (b"[]", "invalid_record", "line 2"),
        (b"null", "invalid_record", "line 2"),
        (b'{"record": "stock", "mic": "XNAS", "currency": "USD", "isin": "US0378331006"}', "invalid_isin", "line 2"),
    ],
)
def test_a_bad_line_is_one_reject_and_the_next_ones_count(line: bytes, code: str, place: str) -> None:
    results = parse("jsonl", USD.encode() + b"\n" + line + b"\n" + USD.encode())
    found = reject(results)
    assert (found.code, found.place) == (code, place)
    assert [r.place for r in results if isinstance(r, Parsed)] == ["line 1", "line 3"]
    assert len(found.row) <= MAX_ROW


def test_a_reject_keeps_what_is_hostile() -> None:
    assert "\x1b[2J" in reject(parse("jsonl", b'{"record": "\x1b[2J"}')).row
    assert reject(parse("jsonl", b'"\xff"')).row == '"\\xff"'


def test_a_line_of_two_gigabytes_is_one_reject_in_bounded_memory() -> None:
    payload = endless(USD.encode() + b'\n{"record": "', b"x" * 4096, 2 << 30, b'"}\n' + USD.encode())
    tracemalloc.start()
    results = list(JsonlImporter().parse(payload, None))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert tally(results) == {"currency": 2, "line_too_long": 1}
    assert isinstance(results[1], Reject)
    assert (results[1].place, len(results[1].row)) == ("line 2", MAX_ROW)
    assert peak < 4 * MAX_LINE


def test_no_lines_are_no_records() -> None:
    assert parse("jsonl", b"") == []


@pytest.mark.parametrize("head", [USD, "\ufeff\n \n" + USD, USD[:-1] + ', "name": "' + "x" * 70_000, USD + "\n{broken"])
def test_it_knows_its_payload(head: str) -> None:
    assert JsonlImporter().can_parse(head.encode()[:65536])


@pytest.mark.parametrize(
    "head", ["", "[]", '{"a": 1}', '{"a": "\\"record\\""}', "{broken}\n" + USD, '{"a"\n:1, "record"']
)
def test_it_knows_what_is_not_its_payload(head: str) -> None:
    assert not JsonlImporter().can_parse(head.encode())


def test_the_feed_has_no_time_of_its_own() -> None:
    heading = JsonlImporter().heading(stream(USD))
    assert (heading.feed, heading.observed_at) == ("jsonl", None)


def test_the_reason_is_short_however_long_the_name_of_a_field_is() -> None:
    found = reject(parse("jsonl", json.dumps({"record": "currency", "iso_code": "USD", "x" * 100_000: 1})))
    assert (found.code, len(found.reason) < 500) == ("unknown_field", True)
