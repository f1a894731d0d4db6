"""Payloads of records: the document's example, short input, round trip, any bytes, what has no wire form."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import CatalogError, DecodeError, InvalidRecord, LimitExceeded, Truncated
from catalog.wire.layout import LAYOUTS, Field
from catalog.wire.primitives import Cursor, encode_decimal, to_decimal
from catalog.wire.records import decode_carefully, prefix_size, record_decoder, record_encoder

CODES = {
    "blockchain": {"eip155:1": 1, "eip155:31337": 0x8000},
    "market_kind": {"spot": 1},
    "status": {"active": 1, "suspended": 2, "retired": 3},
    "token_standard": {"erc20": 1},
    "venue_type": {"dex": 5},
}
NAMES = {name: {code: value for value, code in codes.items()} for name, codes in CODES.items()}
ID = bytes(range(16))
DECIMALS = st.builds(
    to_decimal, st.integers(-(10**18) + 1, 10**18 - 1).filter(lambda n: n % 10), st.integers(-128, 127)
)


def resolve(reference: bytes, kind: str) -> str:
    return (reference + ID)[:16].hex()


def texts(limit: int, least: int = 0) -> st.SearchStrategy[str]:
    alphabet = st.characters(exclude_categories=["Cs"])
    return st.text(alphabet, min_size=least, max_size=40).filter(lambda t: least <= len(t.encode()) <= limit)


def value_of(field: Field) -> st.SearchStrategy[Any]:
    types: dict[str, st.SearchStrategy[Any]] = {
        "key": texts(255, 1),
        "text": texts(65_535),
        "u8": st.integers(0, 255),
        "decimal": DECIMALS | st.just(Decimal(0)),
        "ref": st.binary(min_size=16, max_size=16).map(lambda b: (b[:8] + ID[:8]).hex()),
    }
    found = types[field.type] if field.type in types else st.sampled_from(sorted(CODES[field.domain]))
    return found | st.none() if field.optional else found


@st.composite
def record_values(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    record = draw(st.sampled_from(sorted(LAYOUTS)))
    return record, {field.name: draw(value_of(field)) for field in LAYOUTS[record].fields}


def encode(record: str, values: dict[str, Any], width: int = 16) -> bytes:
    return record_encoder(record, CODES, width)(ID if LAYOUTS[record].has_id else b"", values)


def decode(record: str, payload: bytes, width: int = 16, base: int = 0) -> dict[str, Any]:
    return record_decoder(record, NAMES, width, resolve)(payload, base)


TOKEN = bytes.fromhex(
    "000102030405060708090a0b0c0d0e0f"  # id
    "01"  # instrument_type: token
    "02"  # status: suspended
    "0080"  # blockchain: the file's own code 0x8000
    "03 307861"  # address: 0xa
    "00"  # token_id: null
    "01 02 c3a9"  # symbol: é
    "01 0200 6162"  # name: ab
    "01 12"  # decimals: 18
    "00"  # token_standard: null
)
TOKEN_VALUES = {
    "status": "suspended",
    "blockchain": "eip155:31337",
    "address": "0xa",
    "symbol": "é",
    "name": "ab",
    "decimals": 18,
}


def test_a_token_is_laid_out_as_the_document_says() -> None:
    assert encode("token", TOKEN_VALUES) == TOKEN
    assert decode("token", TOKEN) == TOKEN_VALUES


def test_references_have_the_width_of_the_file() -> None:
    values = {"status": "active", "instrument_id": "11" * 16, "venue_id": "22" * 16, "tick_size": Decimal("-12.5")}
    tail = "00 00 01 83ffffffffffffff ff 00"
    assert encode("listing", values) == bytes.fromhex("01" + "11" * 16 + "22" * 16 + tail)
    assert encode("listing", values, 8) == bytes.fromhex("01" + "11" * 8 + "22" * 8 + tail)


@pytest.mark.parametrize("size", range(len(TOKEN)))
def test_a_token_cut_anywhere_is_truncated(size: int) -> None:
    with pytest.raises(Truncated) as caught:
        decode("token", TOKEN[:size], base=1000)
    assert 1000 <= caught.value.offset <= 1000 + size
    assert caught.value.field.startswith("token.")


@given(record_values(), st.sampled_from([8, 16]))
def test_what_is_encoded_is_decoded(record: tuple[str, dict[str, Any]], width: int) -> None:
    name, values = record
    payload = encode(name, values, width)
    known = {field: value for field, value in values.items() if value is not None}
    if width == 8:
        references = {f.name for f in LAYOUTS[name].fields if f.type == "ref"}
        known |= {f: resolve(bytes.fromhex(known[f])[:8], "") for f in references}
    assert decode(name, payload, width) == known
    assert decode(name, payload + b"added by a newer format", width) == known
    assert decode_carefully(LAYOUTS[name], payload, 0, NAMES, width, resolve) == known


@given(st.sampled_from(sorted(LAYOUTS)), st.binary(max_size=120), st.sampled_from([8, 16]))
def test_any_bytes_decode_or_raise_decode_error(record: str, data: bytes, width: int) -> None:
    start = prefix_size(LAYOUTS[record])
    with suppress(DecodeError):
        again = encode(record, decode(record, data, width), width)
        assert again[start:] == data[start : len(again)]


@given(record_values(), st.data())
def test_the_fast_and_the_careful_decoder_agree(record: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    name, values = record
    payload = bytearray(encode(name, values))
    if not payload:
        return
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))

    def outcome(run: Callable[[bytes], dict[str, Any]]) -> object:
        try:
            return run(bytes(payload))
        except DecodeError as error:
            return type(error), str(error)

    careful = outcome(lambda p: decode_carefully(LAYOUTS[name], p, 0, NAMES, 16, resolve))
    assert outcome(lambda p: decode(name, p)) == careful


@pytest.mark.parametrize(
    ("payload", "field", "message"),
    [
        (TOKEN[:17] + b"\x09" + TOKEN[18:], "token.status", "expected a code of the vocabulary `status`, found 9"),
        (TOKEN[:18] + b"\x07\x00" + TOKEN[20:], "token.blockchain", "found 7"),
        (TOKEN[:20] + b"\x00" + TOKEN[21:], "token.address", "expected a key of 1 to 255 bytes"),
        (TOKEN[:24] + b"\x02" + TOKEN[25:], "token.token_id", "expected a presence byte of 0 or 1, found 2"),
        (TOKEN[:27] + b"\xff" + TOKEN[28:], "token.symbol", "expected UTF-8"),
    ],
)
def test_decode_errors_name_offset_and_field(payload: bytes, field: str, message: str) -> None:
    with pytest.raises(DecodeError, match=message) as caught:
        decode("token", payload, base=500)
    assert caught.value.field == field
    assert 517 <= caught.value.offset < 530


@pytest.mark.parametrize(
    ("record", "changes", "field"),
    [
        ("token", {"address": ""}, "token.address"),
        ("token", {"address": None}, "token.address"),
        ("token", {"address": "x" * 256}, "token.address"),
        ("token", {"address": 7}, "token.address"),
        ("token", {"symbol": "\ud800"}, "token.symbol"),
        ("token", {"name": "x" * 65_536}, "token.name"),
        ("token", {"decimals": 256}, "token.decimals"),
        ("token", {"decimals": -1}, "token.decimals"),
        ("token", {"decimals": "18"}, "token.decimals"),
        ("token", {"status": "gone"}, "token.status"),
        ("token", {"blockchain": "eip155:2"}, "token.blockchain"),
        ("etf", {"expense_ratio": Decimal("NaN")}, "etf.expense_ratio"),
        ("etf", {"expense_ratio": Decimal(1234567890123456789)}, "etf.expense_ratio"),
        ("etf", {"expense_ratio": Decimal("1e128")}, "etf.expense_ratio"),
        ("etf", {"expense_ratio": 0.5}, "etf.expense_ratio"),
        ("listing", {"venue_id": "22" * 15}, "listing.venue_id"),
        ("listing", {"venue_id": "zz" * 16}, "listing.venue_id"),
    ],
)
def test_what_has_no_wire_form_is_refused(record: str, changes: dict[str, Any], field: str) -> None:
    good: dict[str, dict[str, Any]] = {
        "token": TOKEN_VALUES,
        "etf": {"status": "active", "mic": "ARCX", "ticker": "SPY", "currency": "USD"},
        "listing": {"status": "active", "instrument_id": "11" * 16, "venue_id": "22" * 16},
    }
    with pytest.raises(InvalidRecord) as caught:
        encode(record, good[record] | changes)
    assert caught.value.field in (field, field.partition(".")[2])


@pytest.mark.parametrize("id", [b"", b"\0" * 15, b"\0" * 17])
def test_an_id_has_sixteen_bytes(id: bytes) -> None:
    with pytest.raises(InvalidRecord, match="16 bytes"):
        record_encoder("token", CODES, 16)(id, TOKEN_VALUES)


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-128, 127))
def test_a_decimal_has_one_form(mantissa: int, exponent: int) -> None:
    try:
        value = to_decimal(mantissa, exponent)
    except ValueError:
        assert mantissa % 10 == 0 or abs(mantissa) >= 10**18
    else:
        assert value == Decimal(mantissa).scaleb(exponent)
        assert encode_decimal(value) == mantissa.to_bytes(8, "little", signed=True) + exponent.to_bytes(
            1, "little", signed=True
        )


def test_decimals_are_those_of_the_domain() -> None:
    from catalog.domain.decimals import canonical_decimal

    for text in ("0", "1000", "9e20", "-0.00000001", "1e127", "123456789012345678", "1e-128", "12e17"):
        value = canonical_decimal(text)
        data = encode_decimal(value)
        back = to_decimal(
            int.from_bytes(data[:8], "little", signed=True), int.from_bytes(data[8:], "little", signed=True)
        )
        assert back.as_tuple() == value.as_tuple(), text


def test_a_cursor_refuses_what_passes_a_limit() -> None:
    with pytest.raises(LimitExceeded, match="at byte 10, counts: expected at most 5, found 6"):
        Cursor(b"", base=10).limited(6, 5, "counts")


def test_an_unknown_record_type_has_no_encoder() -> None:
    with pytest.raises((KeyError, CatalogError)):
        record_encoder("fish", CODES, 16)
