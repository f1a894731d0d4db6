"""`pool-list`: lists of pools, as people collect them and as Balancer and Curve publish them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO

from catalog.domain import identifiers
from catalog.domain.pools import Pool
from catalog.domain.vocabulary import Authority, PoolType
from catalog.errors import CatalogError, InvalidRecord, PayloadError, quote
from catalog.importers import balancer_pools, chain_pools, curve_pools
from catalog.importers.base import Heading, Importer, Parsed, Reject, rejected
from catalog.importers.chain_pools import Described
from catalog.importers.evm_deployments import POOL_MANAGERS
from catalog.importers.json_document import Row, read_head, read_rows
from catalog.importers.json_nested import read_nested, read_nested_head
from catalog.importers.json_values import CODES as VALUE_CODES
from catalog.importers.json_values import require_object, whole_number
from catalog.importers.lines import BOM

SOURCE = "pool-list"
#: Where the pools of an object are: ours or a subgraph's, Balancer's two queries, Curve's answer.
ARRAYS = ("pools", "poolData", "data/pools", "data/poolGetPools", "data/aggregatorPools", "data/poolData")
#: `type` of a collected list → exchange, curve (None: as the flag `stable` says).
TYPES: dict[str, tuple[str, PoolType | None]] = {
    "UniswapV2": ("uniswap_v2", "constant_product"),
    "SushiswapV2": ("sushiswap_v2", "constant_product"),
    "PancakeswapV2": ("pancakeswap_v2", "constant_product"),
    "SwapbasedV2": ("swapbased_v2", "constant_product"),
    "AerodromeV2": ("aerodrome_v2", None),
    "UniswapV3": ("uniswap_v3", "concentrated_liquidity"),
    "SushiswapV3": ("sushiswap_v3", "concentrated_liquidity"),
    "PancakeswapV3": ("pancakeswap_v3", "concentrated_liquidity"),
    "AerodromeV3": ("aerodrome_v3", "concentrated_liquidity"),
    "UniswapV4": ("uniswap_v4", "concentrated_liquidity"),
}
#: Names under which Balancer and Curve know blockchains.
CHAINS: dict[str, int] = {
    "arbitrum": 42161,
    "avalanche": 43114,
    "base": 8453,
    "bsc": 56,
    "celo": 42220,
    "ethereum": 1,
    "fantom": 250,
    "fraxtal": 252,
    "gnosis": 100,
    "mainnet": 1,
    "mode": 34443,
    "optimism": 10,
    "polygon": 137,
    "sonic": 146,
    "xdai": 100,
    "zkevm": 1101,
    "zksync": 324,
}


class PoolListImporter:
    """`[{type, pool_address or pool_id, token0, token1, …}]`, Balancer's `pools`, Curve's `poolData`."""

    source = SOURCE
    authority: Authority = "community"
    codes: Mapping[str, str] = (
        VALUE_CODES
        | chain_pools.CODES
        | {
            "not_an_object": "the row, or a token of it, is not a JSON object",
            "missing_type": "no type",
            "unknown_type": "the type (in Curve: the registry) is none that we know the curve of",
            "missing_address": "no address of the pool or of a token",
            "invalid_address": "not an address, or its mixed case is not the EIP-55 checksum",
            "missing_pool_id": "a Uniswap v4 pool without its id, fee, tick spacing or hooks",
            "invalid_pool_id": "not `0x` and 64 hex digits",
            "unknown_pool_manager": "the blockchain's PoolManager of Uniswap v4 is not known",
            "invalid_stable": "no flag that says whether the pool is stable, or another value than true and false",
            "invalid_tokens": "the tokens are no list of 2 to 64",
            "invalid_weights": "weights that are no numbers above zero, are not there for each token, or do not add up to 1",
            "invalid_decimals": "decimals are not a whole number from 0 to 255",
            "invalid_symbol": "a token's symbol is no text, over 255 bytes, or has control characters or lone surrogates",
            "invalid_name": "a name is no text, over 65,535 bytes, or has control characters or lone surrogates",
            "unknown_chain": "the row names a blockchain that we do not know by this name",
            "wrong_chain": "the row is of another blockchain than was told",
        }
    )

    def __init__(self, blockchain: str | None = None) -> None:
        self._told = blockchain

    def told(self, argument: str) -> Importer:
        """The importer of pools of the blockchain `argument`, such as `eip155:8453`."""
        return PoolListImporter(chain_pools.evm_blockchain(SOURCE, argument))

    def can_parse(self, head: bytes) -> bool:
        """Whether a pool is in the head, in any of the shapes."""
        is_array = head.removeprefix(BOM).lstrip().startswith(b"[")
        rows = read_head(head, frozenset()) if is_array else read_nested_head(head, *ARRAYS)
        return any(row.is_element and _shape(row.value) is not None for row in rows)

    def heading(self, stream: BinaryIO) -> Heading:
        """No name; the time at which Curve made its answer."""
        has_rows = False
        try:
            for row in _rows(stream):
                has_rows = has_rows or row.is_element
                if row.member == "generatedTimeMs":
                    return Heading("", _moment(row.value))
        except PayloadError:
            if not has_rows:
                raise
        return Heading("")

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """The pool of every row, each of its tokens before it when it is new, or a reject."""
        tokens = chain_pools.Once()
        has_array = False
        for row in _rows(stream):
            if row.member in (None, *ARRAYS):
                if not row.is_element and row.value != []:
                    raise PayloadError("an array of pools is expected", row.place)
                has_array = True
            if not row.is_element:
                continue
            described = self._describe(row)
            if isinstance(described, Reject):
                yield described
                continue
            for token in described.tokens:
                if tokens.new(token):
                    yield Parsed(token, row.place)
            assert described.pool is not None
            yield Parsed(described.pool, row.place)
        if not has_array:
            raise PayloadError("there is no array of pools")

    def _describe(self, row: Row) -> Described | Reject:
        try:
            if row.problem:
                raise row.problem
            fields = require_object(row.value)
            blockchain = self._blockchain(fields)
            describe = {"balancer": balancer_pools.describe, "curve": curve_pools.describe}.get(_shape(fields) or "")
            return describe(blockchain, fields) if describe else _collected(blockchain, fields)
        except PayloadError:
            raise
        except CatalogError as error:
            return rejected(row.place, error, row.text, "pool")

    def _blockchain(self, fields: dict[str, Any]) -> str:
        """The one that was told, or that the row states; they may not differ."""
        name = fields.get("blockchainId", fields.get("chain"))
        if name is None:
            if self._told is None:
                raise chain_pools.unsaid_blockchain(SOURCE)
            return self._told
        number = CHAINS.get(name.lower()) if isinstance(name, str) else None
        if number is None:
            raise InvalidRecord("chain", quote(name), "no blockchain that we know by this name", code="unknown_chain")
        stated = f"eip155:{number}"
        if self._told not in (None, stated):
            raise InvalidRecord("chain", name, f"that is {stated}, not {self._told}", code="wrong_chain")
        return stated


def _rows(stream: BinaryIO) -> Iterator[Row]:
    stream.seek(0)
    if stream.read(1 << 10).removeprefix(BOM).lstrip().startswith(b"["):
        return read_rows(stream, frozenset())
    return read_nested(stream, *ARRAYS)


def _shape(value: Any) -> str | None:
    """`collected`, `balancer` or `curve`; None for what is no pool."""
    if not isinstance(value, dict):
        return None
    keys = value.keys()
    if {"address", "coinsAddresses"} <= keys:
        return "curve"
    if "poolTokens" in keys or ("tokens" in keys and keys & {"poolType", "swapFee"}):
        return "balancer"
    return "collected" if {"token0", "token1", "type"} <= keys and keys & {"pool_address", "pool_id"} else None


def _moment(milliseconds: Any) -> datetime | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int) or not 0 < milliseconds < 9_183_110_400_000:
        return None
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)


def _collected(blockchain: str, row: dict[str, Any]) -> Described:
    """A row of a collected list: two tokens, and the terms that their kind of pool has."""
    kind = row.get("type")
    if kind is None:
        raise InvalidRecord("type", "nothing", "it is required", code="missing_type")
    if not isinstance(kind, str) or kind not in TYPES:
        raise InvalidRecord("type", quote(kind), f"one of {', '.join(TYPES)} is expected", code="unknown_type")
    dex, curve = TYPES[kind]
    pair = chain_pools.address(row, "token0"), chain_pools.address(row, "token1")
    chain_pools.ordered(*pair)
    terms: dict[str, Any] = {"dex": dex, "pool_type": curve or _curve(row)}
    if row.get("fee") is not None:
        terms |= chain_pools.fee_fields(_whole(row, "fee"))
    if row.get("tick_spacing") is not None:
        terms["tick_spacing"] = chain_pools.tick_spacing(_whole(row, "tick_spacing"))
    if dex == "uniswap_v4":
        terms |= _v4_place(blockchain, row, pair)
    else:
        terms["address"] = chain_pools.contract("pool_address", chain_pools.address(row, "pool_address"))
        chain_pools.contract("token0", pair[0])
    tokens = tuple(chain_pools.currency(blockchain, token) for token in pair)
    return Described(tokens, Pool(blockchain=blockchain, tokens=chain_pools.distinct(tokens), **terms))


def _curve(row: dict[str, Any]) -> PoolType:
    stable = row.get("stable")
    if not isinstance(stable, bool):
        raise InvalidRecord("stable", quote(stable), "true or false is expected", code="invalid_stable")
    return "stable_swap" if stable else "constant_product"


def _v4_place(blockchain: str, row: dict[str, Any], pair: tuple[str, str]) -> dict[str, Any]:
    """Where a v4 pool is: in the blockchain's PoolManager, under the hash of its key."""
    for field in ("pool_id", "fee", "tick_spacing", "hooks"):
        if row.get(field) is None:
            raise InvalidRecord(field, "nothing", "it is part of the pool's key", code="missing_pool_id")
    if blockchain not in POOL_MANAGERS:
        raise InvalidRecord("pool_id", row["pool_id"], f"no PoolManager on {blockchain}", code="unknown_pool_manager")
    hooks = chain_pools.address(row, "hooks")
    id = row["pool_id"]
    pool_id = identifiers.pool_id(id.lower() if isinstance(id, str) else quote(id))
    key = (*pair, _whole(row, "fee"), _whole(row, "tick_spacing"), hooks)
    terms = {"address": POOL_MANAGERS[blockchain], "pool_id": chain_pools.check_v4_pool_id(pool_id, *key)}
    return terms | {"hooks": hooks} | ({} if key[2] == chain_pools.DYNAMIC_FEE else {"is_dynamic_fee": False})


def _whole(row: dict[str, Any], field: str) -> int:
    number = whole_number(row[field])
    if number is None:
        raise InvalidRecord(field, quote(row[field]), "a whole number is expected", code=f"invalid_{field}")
    return number


IMPORTER = PoolListImporter()
