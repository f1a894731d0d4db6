"""The standard events: version 1 is what the source published, version 2 holds what it forgot, and ids stay."""

from __future__ import annotations

import pytest

from catalog.domain.events import EventType
from catalog.domain.standard_events import STANDARD_EVENTS

BY_KEY = {(event.name, event.version): event for event in STANDARD_EVENTS}

#: Version 1, copied from the source by hand: (name, source, priority, size hint), then name, offset and type of each field.
PUBLISHED = """
uniswap_v3_swap defi eip155:1 uniswap_v3 critical 128
    pool_id             0  pool_id
    token0_id           8  instrument_id
    token1_id          16  instrument_id
    amount0            24  uint64
    amount1            32  uint64
    sqrt_price_x96     40  uint64
    liquidity          48  uint64
    tick               56  uint64
    transaction_hash   64  hash
    block_number       96  uint64
    timestamp         104  timestamp
uniswap_v3_pool_created defi eip155:1 uniswap_v3 high 96
    token0_address      0  address
    token1_address     20  address
    fee                40  uint64
    pool_address       48  address
    block_number       68  uint64
    timestamp          76  timestamp
binance_trade cex binance trade critical 64
    pair_id             0  instrument_id
    price               8  float64
    quantity           16  float64
    is_buyer_maker     24  uint64
    trade_id           32  uint64
    timestamp          40  timestamp
arbitrage_opportunity internal arbitrage_engine opportunity critical 128
    opportunity_id      0  uint64
    base_instrument_id  8  instrument_id
    quote_instrument_id 16 instrument_id
    venue_a_id         24  pool_id
    venue_b_id         32  pool_id
    profit_estimate    40  float64
    confidence_score   48  float64
    execution_cost     56  float64
    expires_at         64  timestamp
    discovery_timestamp 72 timestamp
"""

#: Bytes of the types that version 2 uses, with ids of 128 bits.
SIZES = {
    "instrument_id": 16, "pool_id": 16, "pair_id": 16, "venue_id": 16, "boolean": 1, "int32": 4, "uint32": 4,
    "uint64": 8, "float64": 8, "timestamp": 8, "decimal": 9, "uint128": 16, "address": 20, "uint160": 20, "int256": 32,
    "hash": 32,
}  # fmt: skip

#: The numbers under which the schemas are known for ever.
NUMBERS = {
    ("uniswap_v3_swap", 1): 2318513829,  # docs/ids.md, vector 26
    ("uniswap_v3_swap", 2): 2462635909,
    ("uniswap_v3_pool_created", 1): 2150791767,
    ("uniswap_v3_pool_created", 2): 1598163011,
    ("binance_trade", 1): 3875994903,
    ("binance_trade", 2): 340991529,
    ("arbitrage_opportunity", 1): 575861792,
    ("arbitrage_opportunity", 2): 2532623542,
}


def source(event: EventType) -> tuple[str, ...]:
    """The event's source with what describes it."""
    said = (
        event.blockchain, event.protocol, event.exchange, event.stream_type, event.broker, event.feed_type,
        event.component, event.event_class,
    )  # fmt: skip
    return (event.event_source, *(value for value in said if value is not None))


def types(name: str, version: int) -> dict[str, str]:
    return {field.name: field.field_type for field in BY_KEY[name, version].fields}


def test_version_1_is_as_published() -> None:
    lines: list[tuple[str, ...]] = []
    for event in STANDARD_EVENTS:
        if event.version == 1:
            assert event.id_bits == 64
            lines.append((event.name, *source(event), event.priority, str(event.size_hint)))
            lines += [(field.name, str(field.byte_offset), field.field_type) for field in event.fields]
    assert lines == [tuple(line.split()) for line in PUBLISHED.strip().splitlines()]


def test_each_event_has_both_versions_of_one_source() -> None:
    assert list(BY_KEY) == list(NUMBERS)
    for name, version in BY_KEY:
        one, two = BY_KEY[name, 1], BY_KEY[name, version]
        assert (source(one), one.priority) == (source(two), two.priority)


@pytest.mark.parametrize("event", [e for e in STANDARD_EVENTS if e.version == 2], ids=lambda e: e.name)
def test_version_2_is_packed(event: EventType) -> None:
    end = 0
    for field in event.fields:
        assert field.byte_offset == end, field.name
        end += SIZES[field.field_type]
    assert (event.size_hint, event.id_bits) == (end, 128)
    assert all(field.is_required for field in event.fields)


def test_version_2_keeps_every_field_in_its_order() -> None:
    added = {
        "uniswap_v3_swap": ["log_index"],
        "uniswap_v3_pool_created": ["tick_spacing", "transaction_hash", "log_index"],
        "binance_trade": [],
        "arbitrage_opportunity": [],
    }
    for name, new in added.items():
        before, after = list(types(name, 1)), list(types(name, 2))
        assert [field for field in after if field in before] == before
        assert [field for field in after if field not in before] == new


def test_version_2_holds_what_the_chain_and_the_exchange_send() -> None:
    swap = types("uniswap_v3_swap", 2)
    assert (swap["amount0"], swap["amount1"]) == ("int256", "int256")
    assert (swap["sqrt_price_x96"], swap["liquidity"], swap["tick"]) == ("uint160", "uint128", "int32")
    created = types("uniswap_v3_pool_created", 2)
    assert (created["fee"], created["tick_spacing"]) == ("uint32", "int32")
    trade = types("binance_trade", 2)
    assert (trade["price"], trade["quantity"], trade["is_buyer_maker"]) == ("decimal", "decimal", "boolean")
    found = types("arbitrage_opportunity", 2)
    assert (found["profit_estimate"], found["execution_cost"]) == ("decimal", "decimal")


def test_version_2_names_the_right_kind_of_thing() -> None:
    references = {
        field.name: field.field_type
        for event in STANDARD_EVENTS
        if event.version == 2
        for field in event.fields
        if field.name.endswith("_id") and field.field_type != "uint64"
    }
    assert references == {
        "pool_id": "pool_id",
        "token0_id": "instrument_id",
        "token1_id": "instrument_id",
        "pair_id": "pair_id",
        "base_instrument_id": "instrument_id",
        "quote_instrument_id": "instrument_id",
        "venue_a_id": "venue_id",
        "venue_b_id": "venue_id",
    }


def test_the_numbers_never_change() -> None:
    assert {key: event.shown_id for key, event in BY_KEY.items()} == NUMBERS
    assert len({event.id for event in STANDARD_EVENTS}) == len(set(NUMBERS.values())) == len(STANDARD_EVENTS) == 8
