"""The standard events of the source design, as definitions ready to be registered; imported only where one needs them.

Version 1 has the layouts as they were published, because the id of a schema, its name and version, must go on meaning
the same bytes. They are kept with their faults: `pair_id` is an instrument_id and the venues are pool_ids; what comes
after the last field up to the size hint is padding; and integers of a chain stand in a uint64. A value out of its
field's range is an error, never a wrap. With ids of 64 bits, version 1 is not usable while a catalog needs 128.

Version 2 is what to write today, in the order of version 1 and packed: each field begins where the one before ends,
and the last one ends at the size hint. Integers are as wide as the chain's (`int24` and `uint24` in 32 bits; a fee in
hundredths of a basis point), prices, quantities and costs are exact decimals, references name what they point to, and
an event that is a log says which one by its transaction and `log_index`.
"""

from __future__ import annotations

from typing import Any

from catalog.domain.events import EventField, EventType

_UNISWAP_V3 = {"event_source": "defi", "blockchain": "eip155:1", "protocol": "uniswap_v3"}
_BINANCE = {"event_source": "cex", "exchange": "binance", "stream_type": "trade"}
_ARBITRAGE = {"event_source": "internal", "component": "arbitrage_engine", "event_class": "opportunity"}


def _published(
    name: str, source: dict[str, str], priority: str, size_hint: int, *fields: tuple[str, str, int]
) -> EventType:
    """Version 1, with ids of 64 bits: each field's name, type and offset as the source states them."""
    placed = tuple(EventField(name=field, field_type=kind, byte_offset=offset) for field, kind, offset in fields)
    said: dict[str, Any] = {"name": name, "version": 1, "priority": priority, **source}
    return EventType(**said, id_bits=64, size_hint=size_hint, fields=placed)


def _packed(name: str, source: dict[str, str], priority: str, *fields: tuple[str, str]) -> EventType:
    """Version 2, with ids of 128 bits: field behind field, and nothing behind the last."""
    placed: list[EventField] = []
    end = 0
    for field, kind in fields:
        placed.append(EventField(name=field, field_type=kind, byte_offset=end))
        end += placed[-1].size(128) or 0
    said: dict[str, Any] = {"name": name, "version": 2, "priority": priority, **source}
    return EventType(**said, id_bits=128, size_hint=end, fields=tuple(placed))


# The source has a function for TradFi events too, but it has no body: there is none to ship.
STANDARD_EVENTS: tuple[EventType, ...] = (
    _published(
        "uniswap_v3_swap", _UNISWAP_V3, "critical", 128,
        ("pool_id", "pool_id", 0),
        ("token0_id", "instrument_id", 8),
        ("token1_id", "instrument_id", 16),
        ("amount0", "uint64", 24),
        ("amount1", "uint64", 32),
        ("sqrt_price_x96", "uint64", 40),
        ("liquidity", "uint64", 48),
        ("tick", "uint64", 56),
        ("transaction_hash", "hash", 64),
        ("block_number", "uint64", 96),
        ("timestamp", "timestamp", 104),
    ),
    _packed(
        "uniswap_v3_swap", _UNISWAP_V3, "critical",
        ("pool_id", "pool_id"),
        ("token0_id", "instrument_id"),
        ("token1_id", "instrument_id"),
        ("amount0", "int256"),
        ("amount1", "int256"),
        ("sqrt_price_x96", "uint160"),
        ("liquidity", "uint128"),
        ("tick", "int32"),
        ("transaction_hash", "hash"),
        ("log_index", "uint32"),
        ("block_number", "uint64"),
        ("timestamp", "timestamp"),
    ),
    _published(
        "uniswap_v3_pool_created", _UNISWAP_V3, "high", 96,
        ("token0_address", "address", 0),
        ("token1_address", "address", 20),
        ("fee", "uint64", 40),
        ("pool_address", "address", 48),
        ("block_number", "uint64", 68),
        ("timestamp", "timestamp", 76),
    ),
    _packed(
        "uniswap_v3_pool_created", _UNISWAP_V3, "high",
        ("token0_address", "address"),
        ("token1_address", "address"),
        ("fee", "uint32"),
        ("tick_spacing", "int32"),  # the log has it, and a pool is not known without it
        ("pool_address", "address"),
        ("transaction_hash", "hash"),
        ("log_index", "uint32"),
        ("block_number", "uint64"),
        ("timestamp", "timestamp"),
    ),
    _published(
        "binance_trade", _BINANCE, "critical", 64,
        ("pair_id", "instrument_id", 0),
        ("price", "float64", 8),
        ("quantity", "float64", 16),
        ("is_buyer_maker", "uint64", 24),
        ("trade_id", "uint64", 32),
        ("timestamp", "timestamp", 40),
    ),
    _packed(
        "binance_trade", _BINANCE, "critical",
        ("pair_id", "pair_id"),
        ("price", "decimal"),
        ("quantity", "decimal"),
        ("is_buyer_maker", "boolean"),
        ("trade_id", "uint64"),
        ("timestamp", "timestamp"),
    ),
    _published(
        "arbitrage_opportunity", _ARBITRAGE, "critical", 128,
        ("opportunity_id", "uint64", 0),
        ("base_instrument_id", "instrument_id", 8),
        ("quote_instrument_id", "instrument_id", 16),
        ("venue_a_id", "pool_id", 24),
        ("venue_b_id", "pool_id", 32),
        ("profit_estimate", "float64", 40),
        ("confidence_score", "float64", 48),
        ("execution_cost", "float64", 56),
        ("expires_at", "timestamp", 64),
        ("discovery_timestamp", "timestamp", 72),
    ),
    _packed(
        "arbitrage_opportunity", _ARBITRAGE, "critical",
        ("opportunity_id", "uint64"),
        ("base_instrument_id", "instrument_id"),
        ("quote_instrument_id", "instrument_id"),
        ("venue_a_id", "venue_id"),
        ("venue_b_id", "venue_id"),
        ("profit_estimate", "decimal"),
        ("confidence_score", "float64"),  # a score is no amount of anything
        ("execution_cost", "decimal"),
        ("expires_at", "timestamp"),
        ("discovery_timestamp", "timestamp"),
    ),
)  # fmt: skip
