"""The events of EVM contracts that describe something registered: tokens moved, pools created.

Decoded strictly: a word that its type cannot have, a missing or a further word is refused, never read around.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from catalog.domain.instruments import Native, Token
from catalog.domain.pools import Pool
from catalog.domain.vocabulary import TokenStandard, native_aliases
from catalog.errors import InvalidRecord
from catalog.importers import chain_pools
from catalog.importers.chain_pools import Described
from catalog.importers.evm_deployments import DEXES, POOL_MANAGERS, UNKNOWN_CURVES

#: Transfer(address,address,uint256). With a fourth topic the number is a token id: an NFT's.
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
ERC20: TokenStandard = "erc20"
CODES = chain_pools.CODES | {
    "invalid_topics": "the topics are not words of 32 bytes, or not as many as the event has",
    "invalid_data": "the data are not bytes in hex, or not as many as the event has",
    "invalid_word": "a word holds more than its type, such as an address of more than 20 bytes",
}


@dataclass(frozen=True)
class Event:
    """An event by its signature: types of its indexed words and of its data, all of one word each."""

    signature: str
    topic: str
    indexed: tuple[str, ...]
    data: tuple[str, ...]
    record: str
    describe: Callable[..., Described]


def decode(event: Event, blockchain: str, emitter: str, topics: list[bytes], data: bytes) -> Described:
    """What a log of `event` says. `topics` are those behind the first. Raises InvalidRecord for any other log."""
    from eth_abi.abi import decode as decode_abi
    from eth_abi.exceptions import DecodingError

    if len(topics) != len(event.indexed):
        reason = f"{event.signature} has {len(event.indexed) + 1}"
        raise InvalidRecord("topics", len(topics) + 1, reason, code="invalid_topics")
    if len(data) != 32 * len(event.data):
        reason = f"{event.signature} has {32 * len(event.data)} bytes"
        raise InvalidRecord("data", f"{len(data)} bytes", reason, code="invalid_data")
    words = b"".join(topics) + data
    try:
        values = decode_abi(event.indexed + event.data, words, strict=True)
    except (DecodingError, ValueError, OverflowError) as error:
        raise InvalidRecord("words", words, f"not those of {event.signature}: {error}", code="invalid_word") from None
    return event.describe(blockchain, emitter, *values)


def _transfer(blockchain: str, emitter: str, *_: Any) -> Described:
    if emitter in native_aliases(blockchain):
        return Described((Native(blockchain=blockchain),))
    return Described((Token(blockchain=blockchain, address=emitter, token_standard=ERC20),))


def _pair(blockchain: str, factory: str, token0: str, token1: str, pair: str, _count: int) -> Described:
    return _pool(blockchain, factory, (token0, token1), pair, pool_type="constant_product")


def _solidly_pair(
    blockchain: str, factory: str, token0: str, token1: str, is_stable: bool, pair: str, _count: int
) -> Described:
    curve = "stable_swap" if is_stable else "constant_product"
    return _pool(blockchain, factory, (token0, token1), pair, pool_type=curve)


def _v3_pool(blockchain: str, factory: str, token0: str, token1: str, fee: int, spacing: int, pool: str) -> Described:
    if fee == chain_pools.DYNAMIC_FEE:
        raise InvalidRecord("fee", fee, "a pool of this kind has a fixed one", code="invalid_fee")
    terms = chain_pools.fee_fields(fee) | {"tick_spacing": chain_pools.tick_spacing(spacing)}
    return _pool(blockchain, factory, (token0, token1), pool, pool_type="concentrated_liquidity", **terms)


def _slipstream_pool(blockchain: str, factory: str, token0: str, token1: str, spacing: int, pool: str) -> Described:
    terms = {"pool_type": "concentrated_liquidity", "tick_spacing": chain_pools.tick_spacing(spacing)}
    return _pool(blockchain, factory, (token0, token1), pool, **terms)


def _pool(blockchain: str, factory: str, pair: tuple[str, str], address: str, **terms: Any) -> Described:
    chain_pools.ordered(*pair)
    tokens = tuple(chain_pools.currency(blockchain, chain_pools.contract("token", token)) for token in pair)
    if dex := DEXES.get((blockchain, factory)):
        terms["dex"] = dex
        if dex in UNKNOWN_CURVES:
            del terms["pool_type"]
    pool = Pool(
        blockchain=blockchain,
        address=chain_pools.contract("pool", address),
        tokens=chain_pools.distinct(tokens),
        factory=factory,
        **terms,
    )
    return Described(tokens, pool)


def _v4_pool(
    blockchain: str,
    manager: str,
    id: bytes,
    currency0: str,
    currency1: str,
    fee: int,
    spacing: int,
    hooks: str,
    _price: int,
    _tick: int,
) -> Described:
    chain_pools.ordered(currency0, currency1)
    tokens = tuple(chain_pools.currency(blockchain, address) for address in (currency0, currency1))
    terms = {"is_dynamic_fee": False} | chain_pools.fee_fields(fee)
    if POOL_MANAGERS.get(blockchain) == manager:
        terms["dex"] = "uniswap_v4"
    pool = Pool(
        blockchain=blockchain,
        address=manager,
        pool_id=chain_pools.check_v4_pool_id("0x" + id.hex(), currency0, currency1, fee, spacing, hooks),
        tokens=chain_pools.distinct(tokens),
        pool_type="concentrated_liquidity",
        tick_spacing=chain_pools.tick_spacing(spacing),
        hooks=hooks,
        **terms,
    )
    return Described(tokens, pool)


_TWO = ("address", "address")
#: Topic 0 → the event.
EVENTS: dict[str, Event] = {
    event.topic: event
    for event in (
        Event("Transfer(address,address,uint256)", TRANSFER, _TWO, ("uint256",), "token", _transfer),
        Event(
            "PairCreated(address,address,address,uint256)",
            "0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9",
            _TWO,
            ("address", "uint256"),
            "pool",
            _pair,
        ),
        Event(
            "PoolCreated(address,address,uint24,int24,address)",
            "0x783cca1c0412dd0d695e784568c96da2e9c22ff989357a2e8b1d9b2b4e6b7118",
            (*_TWO, "uint24"),
            ("int24", "address"),
            "pool",
            _v3_pool,
        ),
        Event(
            "Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)",
            "0xdd466e674ea557f56295e2d0218a125ea4b4f0f6f3307b95f85e6110838d6438",
            ("bytes32", *_TWO),
            ("uint24", "int24", "address", "uint160", "int24"),
            "pool",
            _v4_pool,
        ),
        Event(
            "PoolCreated(address,address,bool,address,uint256)",
            "0x2128d88d14c80cb081c1252a5acff7a264671bf199ce226b53788fb26065005e",
            (*_TWO, "bool"),
            ("address", "uint256"),
            "pool",
            _solidly_pair,
        ),
        Event(
            "PairCreated(address,address,bool,address,uint256)",
            "0xc4805696c66d7cf352fc1d6bb633ad5ee82f6cb577c453024b6e0eb8306c6fc9",
            _TWO,
            ("bool", "address", "uint256"),
            "pool",
            _solidly_pair,
        ),
        Event(
            "PoolCreated(address,address,int24,address)",
            "0xab0d57f0df537bb25e80245ef7748fa62353808c54d6e528a9dd20887aed9ac2",
            (*_TWO, "int24"),
            ("address",),
            "pool",
            _slipstream_pool,
        ),
    )
}
