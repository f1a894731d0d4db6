"""Payloads of records: the document's example, short input, round trip, any bytes, what has no wire form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.vocabulary import VOCABULARIES
from catalog.errors import CatalogError, DecodeError, InvalidRecord, LimitExceeded, Truncated
from catalog.wire.layout import LAYOUTS, MAX_DAYS, MAX_ITEMS, Field
from catalog.wire.layout import VOCABULARIES as SIZES
from catalog.wire.primitives import Cursor, encode_decimal, to_decimal
from catalog.wire.records import (
    _compiled_decoder,
    _compiled_encoder,
    _encode_carefully,
    decode_carefully,
    prefix_size,
    record_decoder,
    record_encoder,
)

CODES: dict[str, dict[str, int]] = VOCABULARIES | {"blockchain": {"eip155:1": 1, "eip155:31337": 0x8000}}
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


TYPES: dict[str, st.SearchStrategy[Any]] = {
    "key": texts(255, 1),
    "text": texts(65_535),
    "u8": st.integers(0, 255),
    "u32": st.integers(0, 2**32 - 1),
    "u64": st.integers(0, 2**64 - 1),
    "bool": st.booleans(),
    "decimal": DECIMALS | st.just(Decimal(0)),
    "date": st.dates() | st.sampled_from([date.min, date(1970, 1, 1), date.max]),
    "time": st.datetimes(datetime(1970, 1, 1), datetime(2261, 12, 31, 23, 59, 59, 999_999), timezones=st.just(UTC)),  # noqa: DTZ001
    "clock": st.builds(time, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59)),
    "keys": st.lists(texts(255, 1), min_size=1, max_size=3, unique=True).map(sorted).map(tuple),
    "ref": st.binary(min_size=16, max_size=16).map(lambda b: (b[:8] + ID[:8]).hex()),
}


def value_of(field: Field) -> st.SearchStrategy[Any]:
    if field.type == "list":
        found: st.SearchStrategy[Any] = st.lists(values_of(field.items), max_size=3).map(tuple)
    elif field.type in TYPES:
        found = TYPES[field.type]
    else:
        found = st.sampled_from(sorted(CODES[field.domain]))
    return found | st.none() if field.optional else found


def values_of(fields: Iterable[Field]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({field.name: value_of(field) for field in fields})


def record_values() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    return st.sampled_from(sorted(LAYOUTS)).flatmap(lambda record: st.tuples(st.just(record), VALUES[record]))


VALUES = {record: values_of(layout.fields) for record, layout in LAYOUTS.items()}


def full(fields: Iterable[Field]) -> dict[str, Any]:
    """A value for every field, so that each of its bytes can be missed."""
    samples: dict[str, Any] = {
        "key": "k\u00e9y",
        "text": "some t\u00e9xt",
        "u8": 18,
        "u32": 2**31,
        "u64": 2**63,
        "bool": True,
        "decimal": Decimal("-12.5"),
        "date": date(2026, 12, 18),
        "time": datetime(2026, 12, 18, 14, 30, 0, 1, UTC),
        "clock": time(9, 30, 15),
        "keys": ("a", "bc"),
        "ref": "22" * 16,
    }
    return {
        f.name: [full(f.items)] * 2 if f.items else samples[f.type] if f.type in samples else max(CODES[f.domain])
        for f in fields
    }


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Decoded values as the encoder takes them: the elements of lists as mappings."""
    return {
        name: [e._asdict() for e in v] if isinstance(v, tuple) and v and hasattr(v[0], "_asdict") else v
        for name, v in values.items()
    }


def decoded(fields: Iterable[Field], values: Mapping[str, Any], width: int = 16) -> dict[str, Any]:
    """What a decoder makes of encoded values: nulls are left out (of elements they are None), ids are resolved."""
    known = {}
    for field in fields:
        value = values[field.name]
        if value is not None and field.type == "ref":
            value = resolve(bytes.fromhex(value)[:width], field.domain)
        if field.items:
            value = tuple(tuple(decoded(field.items, e, width).get(i.name) for i in field.items) for e in value)
        if value is not None:
            known[field.name] = value
    return known


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


#: A value for each field that a record must have.
GOOD: dict[str, dict[str, Any]] = {
    "token": TOKEN_VALUES,
    "asset": {"status": "active", "exchange": "a", "symbol": "A"},
    "etf": {"status": "active", "mic": "ARCX", "ticker": "SPY", "currency": "USD"},
    "listing": {"status": "active", "instrument_id": "11" * 16, "venue_id": "22" * 16},
    "future": {"status": "active", "mic": "XCME", "symbol": "ESZ6"},
    "option": {"status": "active", "expiry_date": date(2027, 1, 15), "option_kind": "put", "strike_price": Decimal(5)},
    "venue": {"status": "active", "mic": "XNAS"},
    "pool": {"status": "active", "blockchain": "eip155:1", "address": "0xa", "tokens": []},
    "synthetic": {"status": "active", "name": "a", "formula": "a", "components": []},
    "event_type": {
        "status": "active",
        "name": "a",
        "version": 1,
        "event_source": "cex",
        "priority": "low",
        "id_bits": 64,
        "fields": [],
    },
}


def test_a_token_is_laid_out_as_the_document_says() -> None:
    assert encode("token", TOKEN_VALUES) == TOKEN
    assert decode("token", TOKEN) == TOKEN_VALUES


def test_references_have_the_width_of_the_file() -> None:
    values = {"status": "active", "instrument_id": "11" * 16, "venue_id": "22" * 16, "tick_size": Decimal("-12.5")}
    tail = "00 00 01 83ffffffffffffff ff 00 00"
    assert encode("listing", values) == bytes.fromhex("01" + "11" * 16 + "22" * 16 + tail)
    assert encode("listing", values, 8) == bytes.fromhex("01" + "11" * 8 + "22" * 8 + tail)


@pytest.mark.parametrize("size", range(len(TOKEN)))
def test_a_token_cut_anywhere_is_truncated(size: int) -> None:
    with pytest.raises(Truncated) as caught:
        decode("token", TOKEN[:size], base=1000)
    assert 1000 <= caught.value.offset <= 1000 + size
    assert caught.value.field.startswith("token.")


@pytest.mark.parametrize("record", LAYOUTS)
def test_a_record_cut_anywhere_is_truncated(record: str) -> None:
    payload, older = encode(record, full(LAYOUTS[record].fields)), encode(record, full(first_fields(record)))
    for size in set(range(len(payload))) - {len(older)}:
        with pytest.raises(Truncated) as caught:
            decode(record, payload[:size], base=1000)
        assert 1000 <= caught.value.offset <= 1000 + size
        assert caught.value.field.startswith(f"{record}.")


def first_fields(record: str) -> list[Field]:
    """Those that it had from the first."""
    return [field for field in LAYOUTS[record].fields if field.since == 1]


def test_a_field_that_was_added_later_has_bytes_only_where_it_has_a_value() -> None:
    older = full(first_fields("pair"))
    payload = encode("pair", older)
    assert encode("pair", older | {"other_symbols": None}) == payload
    assert encode("pair", older | {"other_symbols": ("A/B", "AB")}) == payload + bytes.fromhex(
        "01 0200 03412f42 024142"
    )
    for decoded_by in (decode, lambda *given: decode_carefully(LAYOUTS["pair"], given[1], 0, NAMES, 16, resolve)):
        assert "other_symbols" not in decoded_by("pair", payload)
        assert "other_symbols" not in decoded_by("pair", payload + b"\0")  # as before a field that a later format adds
        assert decoded_by("pair", payload + bytes.fromhex("01 0100 0141") + b"more")["other_symbols"] == ("A",)
        for tail in ("01", "01 00", "01 0000", "02", "01 0200 0142 0141"):
            with pytest.raises(DecodeError) as caught:
                decoded_by("pair", payload + bytes.fromhex(tail))
            assert caught.value.field.startswith("pair.other_symbols")


def test_no_value_of_an_added_field_is_lost_behind_a_null_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a made-up third format, of which this one's nulls have bytes where something stands behind them."""
    pair = LAYOUTS["pair"]
    later = (*pair.fields, Field("rank", "u8", optional=True, since=3), Field("name", "text", optional=True, since=3))
    monkeypatch.setitem(LAYOUTS, "pair", pair._replace(fields=later))
    older = full(first_fields("pair"))
    payload = encode("pair", older)
    _compiled_encoder.cache_clear()
    _compiled_decoder.cache_clear()
    try:
        for values, tail in (
            ({}, ""),
            ({"other_symbols": ("A",)}, "01 0100 0141"),
            ({"rank": 0}, "00 01 00"),
            ({"name": "\0"}, "00 00 01 0100 00"),
            ({"other_symbols": ("A",), "name": ""}, "01 0100 0141 00 01 0000"),
        ):
            given = older | values
            assert encode("pair", given) == payload + bytes.fromhex(tail)
            assert _encode_carefully(LAYOUTS["pair"], 16, packed(), ID, given) == payload + bytes.fromhex(tail)
            assert {name: decode("pair", encode("pair", given))[name] for name in values} == values
    finally:
        _compiled_encoder.cache_clear()
        _compiled_decoder.cache_clear()


def packed() -> dict[str, dict[str, bytes]]:
    return {name: {v: c.to_bytes(SIZES[name], "little") for v, c in codes.items()} for name, codes in CODES.items()}


@given(record_values(), st.sampled_from([8, 16]))
def test_what_is_encoded_is_decoded(record: tuple[str, dict[str, Any]], width: int) -> None:
    name, values = record
    payload = encode(name, values, width)
    known = decoded(LAYOUTS[name].fields, values, width)
    assert decode(name, payload, width) == known
    nulls = sum(field.since > 1 and values[field.name] is None for field in LAYOUTS[name].fields)
    assert decode(name, payload + bytes(nulls) + b"added by a newer format", width) == known
    assert decode_carefully(LAYOUTS[name], payload, 0, NAMES, width, resolve) == known


@given(st.sampled_from(sorted(LAYOUTS)), st.binary(max_size=120), st.sampled_from([8, 16]))
def test_any_bytes_decode_or_raise_decode_error(record: str, data: bytes, width: int) -> None:
    start = prefix_size(LAYOUTS[record])
    with suppress(DecodeError):
        again = encode(record, plain(decode(record, data, width)), width)
        assert again[start:] == data[start : len(again)]


def outcome(run: Callable[[], dict[str, Any]]) -> object:
    try:
        return run()
    except DecodeError as error:
        return type(error), str(error)


def assert_decoders_agree(record: str, payload: bytes, width: int) -> None:
    careful = outcome(lambda: decode_carefully(LAYOUTS[record], payload, 70, NAMES, width, resolve))
    assert outcome(lambda: decode(record, payload, width, 70)) == careful


@given(record_values(), st.sampled_from([8, 16]), st.data())
def test_the_fast_and_the_careful_decoder_agree(
    record: tuple[str, dict[str, Any]], width: int, data: st.DataObject
) -> None:
    name, values = record
    payload = bytearray(encode(name, values, width))
    for place in data.draw(st.lists(st.integers(0, len(payload) - 1), max_size=3)):
        payload[place] = data.draw(st.integers(0, 255))
    assert_decoders_agree(
        name, bytes(payload[: data.draw(st.integers(0, len(payload)) | st.just(len(payload)))]), width
    )


@given(st.sampled_from(sorted(LAYOUTS)), st.lists(st.sampled_from([0, 0, 0, 1, 1, 2, 4]), max_size=80).map(bytes))
def test_the_decoders_agree_on_any_bytes(record: str, data: bytes) -> None:
    assert_decoders_agree(record, ID[: prefix_size(LAYOUTS[record])] + data, 8)


# Payloads up to a field that can be wrong in many ways, behind as few others as its record has.
ASSET = ID + bytes.fromhex("08 01 01 61 01 41 00 00 00")  # … delist_at
FUTURE = ID + bytes.fromhex("04 01")  # … last_trading_date
INVERSE = FUTURE + bytes.fromhex("00")  # … is_inverse
VENUE = ID + bytes.fromhex("01") + bytes(10)  # … session_open
CONTRACT_TYPES = VENUE + bytes.fromhex("00 00 00")
POOL = ID + bytes.fromhex("01 0100 03 307861 00")  # … tokens
COMPONENTS = ID + bytes.fromhex("01 01 61 0100 61")
EVENT_FIELDS = ID + bytes.fromhex("01 01 61 01000000 02 00 00 00 00 00 00 00 00 01 40 00")
EVENT_FIELD = EVENT_FIELDS + bytes.fromhex("0100 01 61")  # … fields.0.field_type


@pytest.mark.parametrize(
    ("record", "head", "tail", "field", "message"),
    [
        ("asset", ASSET, "01 e703000000000000", "delist_at", "expected nanoseconds before 2262, in whole microseconds"),
        ("asset", ASSET, "01 00a8cb2dcf40e17f", "delist_at", "expected nanoseconds before 2262"),
        ("asset", ASSET, "01 ffffffffffffffff", "delist_at", "found 18446744073709551615"),
        ("asset", ASSET, "02", "delist_at", "expected a presence byte of 0 or 1, found 2"),
        ("future", FUTURE, "01 a1c02c00", "last_trading_date", "expected days since 1970 within the years 1 to 9999"),
        ("future", FUTURE, "01 c506f5ff", "last_trading_date", "found -719163"),
        ("future", FUTURE, "01 00000080", "last_trading_date", "found -2147483648"),
        ("future", INVERSE, "01 02", "is_inverse", "expected a flag of 0 or 1, found 2"),
        ("venue", VENUE, "01 80510100", "session_open", "expected seconds of a day, below 86400, found 86400"),
        ("venue", VENUE, "01 ffffffff", "session_open", "found 4294967295"),
        ("venue", CONTRACT_TYPES, "01 0000", "contract_types", "expected at least one key, found 0"),
        ("venue", CONTRACT_TYPES, "01 0200 0161 00", "contract_types.1", "expected a key of 1 to 255 bytes"),
        ("venue", CONTRACT_TYPES, "01 0100 01ff", "contract_types.0", "expected UTF-8"),
        ("event_type", EVENT_FIELD, "00", "fields.0.field_type", "a code of the vocabulary `event_field_type`, found 0"),
        ("event_type", EVENT_FIELD, "03 00 02", "fields.0.is_required", "expected a flag of 0 or 1, found 2"),
        ("event_type", EVENT_FIELD, "03 00 01 03", "fields.0.max_length", "a presence byte of 0 or 1, found 3"),
        ("pool", POOL, "0100" + "11" * 16 + "01 0a00000000000000 00", "tokens.0.weight", "no trailing zeros"),
    ],
)  # fmt: skip
def test_decode_errors_of_any_type_name_offset_and_field(
    record: str, head: bytes, tail: str, field: str, message: str
) -> None:
    payload = head + bytes.fromhex(tail)
    with pytest.raises(DecodeError, match=message) as caught:
        decode(record, payload + bytes(200), base=500)
    assert caught.value.field == f"{record}.{field}"
    assert 500 + len(head) <= caught.value.offset < 500 + len(payload)


def test_a_reference_to_nothing_in_the_file_is_a_decode_error() -> None:
    def nobody(reference: bytes, kind: str) -> str:
        raise KeyError(reference)

    payload = POOL + bytes.fromhex("0100") + b"\x11" * 8 + bytes(20)
    with pytest.raises(DecodeError, match="expected the id of a record of the kind instrument in this file") as caught:
        record_decoder("pool", NAMES, 8, nobody)(payload, 500)
    assert (caught.value.offset, caught.value.field) == (500 + len(POOL) + 2, "pool.tokens.0.instrument_id")


@pytest.mark.parametrize(
    ("record", "head", "field"),
    [
        ("venue", CONTRACT_TYPES + b"\1", "contract_types"),
        ("pool", POOL, "tokens"),
        ("synthetic", COMPONENTS, "components"),
        ("event_type", EVENT_FIELDS, "fields"),
    ],
)
@pytest.mark.parametrize("count", [MAX_ITEMS + 1, 0xFFFF])
def test_a_count_over_the_limit_is_refused_before_anything_is_read(
    record: str, head: bytes, field: str, count: int
) -> None:
    with pytest.raises(LimitExceeded, match=f"expected at most {MAX_ITEMS}, found {count}") as caught:
        decode(record, head + count.to_bytes(2, "little"))
    assert caught.value.field == f"{record}.{field}"
    with pytest.raises(Truncated):
        decode(record, head + MAX_ITEMS.to_bytes(2, "little"))


def test_as_many_elements_as_the_limit_allows_pass() -> None:
    keys = tuple(f"{n:04}" for n in range(MAX_ITEMS))
    tokens = [{"instrument_id": f"{n:032x}"} for n in range(MAX_ITEMS)]
    assert decode("venue", encode("venue", GOOD["venue"] | {"contract_types": keys}))["contract_types"] == keys
    found = decode("pool", encode("pool", GOOD["pool"] | {"tokens": tokens}))["tokens"]
    assert [token.instrument_id for token in found] == [token["instrument_id"] for token in tokens]


def test_days_reach_from_the_first_to_the_last_of_the_calendar() -> None:
    for day, number in ((date.min, -719162), (date(1969, 12, 31), -1), (date.max, MAX_DAYS)):
        payload = encode("future", GOOD["future"] | {"last_trading_date": day})
        assert payload[19:23] == number.to_bytes(4, "little", signed=True)
        assert decode("future", payload)["last_trading_date"] == day


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
        ("etf", {"expense_ratio": 1}, "etf.expense_ratio"),
        ("listing", {"venue_id": "22" * 15}, "listing.venue_id"),
        ("listing", {"venue_id": "zz" * 16}, "listing.venue_id"),
        ("asset", {"delist_at": datetime(2027, 1, 1)}, "asset.delist_at"),  # noqa: DTZ001
        ("asset", {"delist_at": datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)}, "asset.delist_at"),
        ("asset", {"delist_at": datetime(2262, 1, 1, tzinfo=UTC)}, "asset.delist_at"),
        ("asset", {"delist_at": date(2027, 1, 1)}, "asset.delist_at"),
        ("asset", {"delist_at": "2027-01-01T00:00:00Z"}, "asset.delist_at"),
        ("future", {"last_trading_date": datetime(2027, 1, 1, tzinfo=UTC)}, "future.last_trading_date"),
        ("future", {"last_trading_date": "2027-01-01"}, "future.last_trading_date"),
        ("future", {"is_inverse": 1}, "future.is_inverse"),
        ("future", {"is_inverse": "true"}, "future.is_inverse"),
        ("option", {"option_kind": "straddle"}, "option.option_kind"),
        ("option", {"strike_price": None}, "option.strike_price"),
        ("venue", {"session_open": time(9, 30, 0, 1)}, "venue.session_open"),
        ("venue", {"session_open": "09:30"}, "venue.session_open"),
        ("venue", {"session_open": 34_200}, "venue.session_open"),
        ("venue", {"contract_types": ()}, "venue.contract_types"),
        ("venue", {"contract_types": ("a",) * 1025}, "venue.contract_types"),
        ("venue", {"contract_types": "abc"}, "venue.contract_types"),
        ("venue", {"contract_types": ("a", "")}, "venue.contract_types"),
        ("venue", {"contract_types": ("x" * 256,)}, "venue.contract_types"),
        ("venue", {"contract_types": ("a", None)}, "venue.contract_types"),
        ("event_type", {"version": -1}, "event_type.version"),
        ("event_type", {"version": 2**32}, "event_type.version"),
        ("event_type", {"version": True}, "event_type.version"),
        ("event_type", {"version": "1"}, "event_type.version"),
        ("synthetic", {"stale_after_ns": 2**64}, "synthetic.stale_after_ns"),
        ("synthetic", {"stale_after_ns": 0.5}, "synthetic.stale_after_ns"),
        ("pool", {"tokens": None}, "pool.tokens"),
        ("pool", {"tokens": "ab"}, "pool.tokens"),
        ("pool", {"tokens": [{"instrument_id": "11" * 16}] * 1025}, "pool.tokens"),
        ("pool", {"tokens": [{"weight": Decimal(1)}]}, "pool.tokens.0.instrument_id"),
        ("pool", {"tokens": [{"instrument_id": "11" * 16}, {"instrument_id": "11"}]}, "pool.tokens.1.instrument_id"),
        ("pool", {"tokens": [{"instrument_id": "11" * 16, "weight": "0.5"}]}, "pool.tokens.0.weight"),
        ("event_type", {"fields": [{"name": "a", "field_type": "int7"}]}, "event_type.fields.0.field_type"),
        ("event_type", {"fields": [{"name": "a", "field_type": "hash"}]}, "event_type.fields.0.is_required"),
    ],
)
def test_what_has_no_wire_form_is_refused(record: str, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        encode(record, GOOD[record] | changes)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("record", "value", "likeness", "field"),
    [
        pytest.param("token", {"decimals": 18}, {"decimals": True}, "token.decimals"),
        pytest.param("token", {"decimals": 18}, {"decimals": 18.0}, "token.decimals"),
        pytest.param("etf", {"expense_ratio": Decimal("0.5")}, {"expense_ratio": 0.5}, "etf.expense_ratio"),
        pytest.param(
            "venue",
            {"session_open": time(9)},
            {"session_open": time(9, tzinfo=UTC)},
            "venue.session_open",
        ),
        pytest.param("pool", {"tokens": []}, {"tokens": ["ab"]}, "pool.tokens.0"),
        pytest.param("pool", {"tokens": []}, {"tokens": [None]}, "pool.tokens.0"),
    ],
)
def test_what_only_looks_like_a_value_is_refused(
    record: str, value: dict[str, Any], likeness: dict[str, Any], field: str
) -> None:
    encode(record, GOOD[record] | value)
    with pytest.raises(InvalidRecord) as caught:
        encode(record, GOOD[record] | likeness)
    assert caught.value.field == field


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
