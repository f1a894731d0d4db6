"""What the new record types refuse, each with the field that is wrong and a reason; and what they make canonical."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from catalog.domain import (
    BrokerContract,
    EventType,
    Future,
    Option,
    Pool,
    Synthetic,
    Venue,
    parse_record,
)
from catalog.errors import CatalogError, InvalidIdentifier, InvalidRecord

A, B, C = ("a" * 32, "b" * 32, "c" * 32)
POOL: dict[str, Any] = {
    "record": "pool",
    "blockchain": "eip155:1",
    "address": "0x" + "1" * 40,
    "tokens": [{"instrument_id": A}, {"instrument_id": B}],
}
OPTION: dict[str, Any] = {
    "record": "option",
    "osi_root": "AAPL",
    "expiry_date": "2027-01-15",
    "option_kind": "call",
    "strike_price": "200",
}
FUTURE: dict[str, Any] = {"record": "future", "mic": "XCME", "symbol": "ESZ6", "last_trading_date": "2026-12-18"}
EVENT: dict[str, Any] = {
    "record": "event_type",
    "name": "e",
    "version": 1,
    "event_source": "internal",
    "component": "c",
    "event_class": "d",
    "priority": "low",
    "size_hint": 16,
    "fields": [
        {"name": "a", "field_type": "instrument_id", "byte_offset": 0},
        {"name": "b", "field_type": "uint64", "byte_offset": 8},
    ],
}
SYNTHETIC: dict[str, Any] = {
    "record": "synthetic",
    "name": "S",
    "formula": "A / B",
    "components": [{"variable": "A", "instrument_id": A}, {"variable": "B", "instrument_id": B}],
}
BROKER: dict[str, Any] = {"record": "broker_contract", "broker": "alpaca", "symbol": "AAPL"}


def weights(*values: str | None) -> list[dict[str, Any]]:
    ids = (A, B, C)
    return [
        {"instrument_id": ids[n]} | ({"weight": value} if value is not None else {}) for n, value in enumerate(values)
    ]


def fields(*elements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": f"f{n}", "field_type": "uint64"} | element for n, element in enumerate(elements)]


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("one token", POOL | {"tokens": [{"instrument_id": A}]}, "tokens"),
    ("no token", POOL | {"tokens": []}, "tokens"),
    ("one token twice", POOL | {"tokens": [{"instrument_id": A}, {"instrument_id": A}]}, "tokens.1.instrument_id"),
    ("too many tokens", POOL | {"tokens": [{"instrument_id": f"{n:032x}"} for n in range(65)]}, "tokens"),
    ("a token that is no id", POOL | {"tokens": [{"instrument_id": A}, {"instrument_id": "x"}]}, "tokens.1"),
    ("a token that is no object", POOL | {"tokens": [A, B]}, "tokens.0"),
    ("a token with more to say", POOL | {"tokens": [{"instrument_id": A, "x": 1}, {"instrument_id": B}]}, "tokens.0.x"),
    ("tokens that are no list", POOL | {"tokens": {"instrument_id": A}}, "tokens"),
    ("weights below 1", POOL | {"tokens": weights("0.5", "0.4")}, "tokens"),
    ("weights above 1", POOL | {"tokens": weights("0.5", "0.500000000000000001")}, "tokens"),
    ("weights for some", POOL | {"tokens": weights("0.5", "0.5", None)}, "tokens"),
    ("a weight of nothing", POOL | {"tokens": weights("1", "0")}, "tokens.1.weight"),
    ("a weighted pool without weights", POOL | {"pool_type": "weighted"}, "tokens"),
    ("a fee above everything", POOL | {"fee": "1.1"}, "fee"),
    ("a negative fee", POOL | {"fee": "-0.1"}, "fee"),
    ("a fee that is dynamic", POOL | {"fee": "0.003", "is_dynamic_fee": True}, "fee"),
    ("a custom pool without its algorithm", POOL | {"pool_type": "custom"}, "algorithm"),
    ("an algorithm of no custom pool", POOL | {"algorithm": "x", "pool_type": "stable_swap"}, "algorithm"),
    ("a pool id in capitals", POOL | {"pool_id": "0x" + "A" * 64}, "pool id"),
    ("a tick spacing of 0", POOL | {"tick_spacing": 0}, "tick_spacing"),
    ("hooks that are no address", POOL | {"hooks": "0x1"}, "address"),
    ("strike 0", OPTION | {"strike_price": "0"}, "strike_price"),
    ("a negative strike", OPTION | {"strike_price": "-1"}, "strike_price"),
    ("a strike that OSI cannot say", OPTION | {"strike_price": "0.0001"}, "strike_price"),
    ("a strike too great for OSI", OPTION | {"strike_price": "100000"}, "strike_price"),
    ("expired before it was listed", OPTION | {"first_trading_date": "2027-01-16"}, "expiry_date"),
    ("an OSI symbol of other terms", OPTION | {"symbol": "AAPL  270115C00200001"}, "symbol"),
    ("an OCC option on one exchange", OPTION | {"exchange": "deribit"}, "exchange"),
    ("an OSI root of seven", OPTION | {"osi_root": "ABCDEFG"}, "osi_root"),
    ("no exchange at all", {k: v for k, v in OPTION.items() if k != "osi_root"} | {"symbol": "X"}, "mic"),
    ("no kind", {k: v for k, v in OPTION.items() if k != "option_kind"}, "option_kind"),
    ("no such day", OPTION | {"expiry_date": "2027-02-30"}, "date"),
    ("a day without dashes", OPTION | {"expiry_date": "20270115"}, "date"),
    ("a day that is a time", OPTION | {"expiry_date": "2027-01-15T00:00:00Z"}, "date"),
    ("a platform as exchange", FUTURE | {"mic": "GLBX"}, "mic"),
    ("two exchanges", FUTURE | {"exchange": "binance"}, "mic"),
    ("no symbol", {k: v for k, v in FUTURE.items() if k != "symbol"}, "symbol"),
    ("a segment of no exchange", FUTURE | {"segment": "usdm"}, "segment"),
    ("listed behind its end", FUTURE | {"first_trading_date": "2026-12-19"}, "last_trading_date"),
    ("a perpetual that expires", FUTURE | {"last_trading_date": None, "expires_at": "2026-12-18T14:30:00Z"}, "expires_at"),
    ("a time without a zone", FUTURE | {"expires_at": "2026-12-18T14:30:00"}, "time"),
    ("a time to the nanosecond", FUTURE | {"expires_at": "2026-12-18T14:30:00.0000001Z"}, "time"),
    ("a time before 1970", FUTURE | {"expires_at": "1969-12-31T23:59:59Z"}, "time"),
    ("a float", FUTURE | {"tick_size": 0.25}, "decimal"),
    ("a multiplier of 0", FUTURE | {"contract_multiplier": "0"}, "contract_multiplier"),
    ("fields that overlap", EVENT | {"fields": fields({"byte_offset": 0}, {"byte_offset": 7})}, "fields"),
    ("a field past the size", EVENT | {"fields": fields({"byte_offset": 9})}, "fields.0.byte_offset"),
    ("an unknown type", EVENT | {"fields": fields({"field_type": "uint63", "byte_offset": 0})}, "fields.0.field_type"),
    ("an id type that is none", EVENT | {"fields": fields({"field_type": "token_id"})}, "fields.0.field_type"),
    ("a field without its place", EVENT | {"fields": fields({})}, "fields.0"),
    ("a string of fixed size", EVENT | {"fields": fields({"field_type": "string", "max_length": 8})}, "fields.0"),
    ("a string without a limit", EVENT | {"fields": fields({"field_type": "string"})}, "fields.0.max_length"),
    ("a number with a limit", EVENT | {"fields": fields({"max_length": 8})}, "fields.0.max_length"),
    ("an array of nothing", EVENT | {"fields": fields({"field_type": "array", "max_length": 8})}, "fields.0.element_type"),
    (
        "an array of arrays",
        EVENT | {"fields": fields({"field_type": "array", "max_length": 8, "element_type": "array"})},
        "fields.0.element_type",
    ),
    ("one field twice", EVENT | {"fields": [{"name": "a", "field_type": "boolean", "byte_offset": n} for n in (0, 1)]}, "fields.1.name"),
    ("no fields", EVENT | {"fields": []}, "fields"),
    ("an offset below 0", EVENT | {"fields": fields({"byte_offset": -1})}, "fields.0.byte_offset"),
    ("an offset of nothing", EVENT | {"size_hint": None, "fields": fields({"field_type": "string", "max_length": 3, "byte_offset": 0})}, "fields.0.byte_offset"),
    ("version 0", EVENT | {"version": 0}, "version"),
    ("a version in text", EVENT | {"version": "1"}, "version"),
    ("ids of 96 bits", EVENT | {"id_bits": 96}, "id_bits"),
    ("half a source", EVENT | {"component": None}, "component"),
    ("two sources", EVENT | {"exchange": "binance"}, "exchange"),
    ("code", SYNTHETIC | {"formula": "__import__('os').system('true')"}, "formula"),
    ("an attribute", SYNTHETIC | {"formula": "A.b / B"}, "formula"),
    ("an unknown name", SYNTHETIC | {"formula": "A / B + C"}, "formula"),
    ("a component that is not used", SYNTHETIC | {"formula": "A + 1"}, "components"),
    ("division by zero", SYNTHETIC | {"formula": "A / (1 - 1) + B"}, "formula"),
    ("division by nothing left", SYNTHETIC | {"formula": "A / (B - B)"}, "formula"),
    ("endless parentheses", SYNTHETIC | {"formula": "(" * 2000 + "A / B" + ")" * 2000}, "formula"),
    ("a constant", SYNTHETIC | {"formula": "1 + 1", "components": SYNTHETIC["components"][:1]}, "formula"),
    (
        "two targets",
        SYNTHETIC | {"components": [{"variable": "A", "instrument_id": A, "pair_id": B}, {"variable": "B", "pair_id": B}]},
        "components.0.instrument_id",
    ),
    ("no target", SYNTHETIC | {"components": [{"variable": "A"}, {"variable": "B", "pair_id": B}]}, "components.0.instrument_id"),
    ("one variable twice", SYNTHETIC | {"components": [{"variable": "A", "pair_id": A}] * 2}, "components"),
    ("limits the wrong way round", SYNTHETIC | {"min_value": "1", "max_value": "0"}, "min_value"),
    ("an interval of 0", SYNTHETIC | {"update_interval_ns": 0}, "update_interval_ns"),
    ("half a session", BROKER | {"timezone": "America/New_York", "session_open": "09:30"}, "session_open"),
    ("a session nowhere", BROKER | {"session_open": "09:30", "session_close": "16:00"}, "timezone"),
    ("25 o'clock", BROKER | {"session_open": "25:00"}, "time of day"),
    ("parts of a second", BROKER | {"session_open": "09:30:00.5"}, "time of day"),
    ("a stock and a future", BROKER | {"dividend_yield": "0.01", "tick_value": "1"}, "tick_value"),
    ("a future and an option", BROKER | {"settlement_type": "cash", "premium_multiplier": "100"}, "premium_multiplier"),
    ("a number for a flag", BROKER | {"is_tradable": 1}, "is_tradable"),
]  # fmt: skip


@pytest.mark.parametrize(("record", "field"), [(r, f) for _, r, f in BAD], ids=[name for name, _, _ in BAD])
def test_it_is_refused_with_its_field(record: dict[str, Any], field: str) -> None:
    with pytest.raises(CatalogError) as caught:
        parse_record(record)
    error = caught.value
    assert (error.field if isinstance(error, InvalidRecord) else str(error)).removeprefix("invalid ").startswith(field)


@pytest.mark.parametrize("good", [POOL, OPTION, FUTURE, EVENT, SYNTHETIC, BROKER])
def test_the_good_ones_are_good(good: dict[str, Any]) -> None:
    record = parse_record(good)
    assert parse_record(record.to_json()) == record


def test_a_synthetic_of_itself() -> None:
    own = parse_record(SYNTHETIC)
    with pytest.raises(InvalidRecord) as caught:
        parse_record(
            SYNTHETIC | {"components": [{"variable": "A", "instrument_id": own.id}, {"variable": "B", "pair_id": B}]}
        )
    assert caught.value.code == "cycle"


def test_what_is_written_in_other_ways_is_one_thing() -> None:
    perpetual = parse_record({k: v for k, v in FUTURE.items() if k != "last_trading_date"})
    assert isinstance(perpetual, Future)
    assert perpetual.is_perpetual
    for never in ("2100-12-25", "2099-01-01"):
        assert parse_record(FUTURE | {"last_trading_date": never}).id == perpetual.id
    assert parse_record(FUTURE | {"delist_at": "2100-12-25T08:00:00Z"}) == parse_record(FUTURE).replace(delist_at=None)
    option = parse_record(OPTION)
    assert isinstance(option, Option)
    assert option.symbol == "AAPL  270115C00200000"
    assert parse_record(OPTION | {"strike_price": "200.00"}) == option
    pool = parse_record(POOL | {"hooks": "0x" + "AB" * 20})
    assert isinstance(pool, Pool)
    assert pool.hooks == "0x" + "ab" * 20
    synthetic = parse_record(SYNTHETIC | {"formula": " ( A ) /B"})
    assert isinstance(synthetic, Synthetic)
    assert synthetic.formula == "A / B"
    event = parse_record(EVENT)
    assert isinstance(event, EventType)
    assert event.shown_id == parse_record(event.to_json()).shown_id
    venue = Venue(slug="x", contract_types=("b", "a", "b"))
    assert venue.contract_types == ("a", "b")
    broker = parse_record(
        BROKER
        | {
            "timezone": "Asia/Tokyo",
            "session_open": "09:00:00",
            "session_close": "15:30",
            "delist_at": "2027-01-01T01:00:00+01:00",
        }
    )
    assert isinstance(broker, BrokerContract)
    shown = broker.to_json()
    assert (shown["session_open"], shown["delist_at"]) == ("09:00", "2027-01-01T00:00:00Z")


def test_what_is_refused_is_freed() -> None:
    """An error that its own cause holds would stay for ever, with all that its traceback sees."""

    def alive() -> int:
        gc.collect()
        return sum(isinstance(thing, InvalidIdentifier) for thing in gc.get_objects())

    before = alive()
    for _ in range(20):
        with pytest.raises(InvalidIdentifier):
            Venue(mic="????")
    assert alive() < before + 20
