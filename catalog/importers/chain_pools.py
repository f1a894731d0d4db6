"""What pools on a chain have in common, whoever speaks of them: their tokens, fees and ids, and the rules for these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from catalog.domain import identifiers
from catalog.domain.identity import Id
from catalog.domain.instruments import Native, Token
from catalog.domain.pools import PoolToken
from catalog.domain.vocabulary import native_aliases
from catalog.errors import InvalidIdentifier, InvalidRecord, PayloadError, quote

ZERO = "0x" + "0" * 40
#: Uniswap counts a fee in millionths of a swap (hundredths of a basis point).
FEE_UNITS = 1_000_000
#: In place of a fee in Uniswap v4: the hook contract sets it anew for every swap.
DYNAMIC_FEE = 0x800000
MAX_TICK_SPACING = 0x7FFF

CODES = {
    "same_token": "the pool would have one token twice",
    "unsorted_tokens": "the tokens are not in the order of their addresses, in which such a contract keeps them",
    "zero_address": "the zero address where a contract is expected",
    "invalid_fee": "the fee is no number, negative, or more than the whole swap",
    "invalid_tick_spacing": "the tick spacing is not a whole number from 1 to 32767",
    "wrong_pool_id": "the id of a Uniswap v4 pool is not the hash of its tokens, fee, tick spacing and hooks",
}


def evm_blockchain(source: str, argument: str) -> str:
    """The EVM blockchain that is told to an importer. Raises PayloadError, which says what to write, for another."""
    try:
        if identifiers.caip2(argument).startswith("eip155:"):
            return argument
        reason = "not an EVM chain"
    except InvalidIdentifier as error:
        reason = error.reason
    raise PayloadError(f"{quote(argument)} names no blockchain: {reason}", hint=f"write `{source}:eip155:1`")


def unsaid_blockchain(source: str) -> PayloadError:
    """The error of a payload that does not say its blockchain, when nobody else did either."""
    return PayloadError(
        "the payload does not say of which blockchain it speaks",
        hint=f"say it behind the source: `catalog import {source}:eip155:1 FILE` is Ethereum",
    )


def currency(blockchain: str, address: str, **fields: Any) -> Token | Native:
    """The token at `address` (in normal form), or the native coin where the address means it."""
    if address in native_aliases(blockchain):
        return Native(blockchain=blockchain, **fields)
    return Token(blockchain=blockchain, address=address, **fields)


def contract(field: str, address: str) -> str:
    """`address`, which has to be a contract's. Raises InvalidRecord for the zero address."""
    if address == ZERO:
        raise InvalidRecord(field, address, "a contract is expected", code="zero_address")
    return address


def ordered(first: str, second: str) -> None:
    """Refuses two token addresses that a contract which sorts its tokens would not have kept so."""
    if first == second:
        raise InvalidRecord("token1", second, "it is token0 too", code="same_token")
    if first > second:
        raise InvalidRecord("token1", second, f"it stands before token0 `{first}`", code="unsorted_tokens")


def distinct(currencies: Iterable[Token | Native], weights: Sequence[Decimal] = ()) -> tuple[PoolToken, ...]:
    """The tokens of a pool. Raises InvalidRecord when one stands there twice, be it under two addresses."""
    tokens: dict[Id, PoolToken] = {}
    for one, weight in zip_longest(currencies, weights):
        if one.id in tokens:
            shown = one.address if isinstance(one, Token) else one.blockchain
            raise InvalidRecord("tokens", shown, "it is there twice", code="same_token")
        tokens[one.id] = (
            PoolToken(instrument_id=one.id) if weight is None else PoolToken(instrument_id=one.id, weight=weight)
        )
    return tuple(tokens.values())


def fee_fields(millionths: int) -> dict[str, Any]:
    """The fee as a fraction; a dynamic one as none."""
    if millionths == DYNAMIC_FEE:
        return {"is_dynamic_fee": True}
    if not 0 <= millionths <= FEE_UNITS:
        raise InvalidRecord("fee", millionths, f"at most {FEE_UNITS} millionths are expected", code="invalid_fee")
    return {"fee": Decimal(millionths).scaleb(-6)}


def tick_spacing(value: int) -> int:
    """A tick spacing that Uniswap allows."""
    if not 1 <= value <= MAX_TICK_SPACING:
        raise InvalidRecord("tick_spacing", value, f"1 to {MAX_TICK_SPACING} is expected", code="invalid_tick_spacing")
    return value


def v4_pool_id(first: str, second: str, fee: int, spacing: int, hooks: str) -> str:
    """The id of a Uniswap v4 pool: Keccak-256 of its key, ABI-encoded."""
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    types = ("address", "address", "uint24", "int24", "address")
    return "0x" + keccak(encode(types, (first, second, fee, spacing, hooks))).hex()


def check_v4_pool_id(pool_id: str, *key: Any) -> str:
    """`pool_id`, which has to be that of the key (two currencies, fee, tick spacing, hooks)."""
    if pool_id != v4_pool_id(*key):
        raise InvalidRecord("pool_id", pool_id, "not the hash of the pool's key", code="wrong_pool_id")
    return pool_id


class Once:
    """Says of each token whether it comes for the first time; forgets all after so many, so that memory is bounded."""

    LIMIT = 100_000

    def __init__(self) -> None:
        self._seen: set[tuple[Id, str]] = set()

    def new(self, token: Token | Native) -> bool:
        """Whether nothing was said of `token` before, or something else."""
        key = (token.id, token.canonical_json())
        if key in self._seen:
            return False
        if len(self._seen) >= self.LIMIT:
            self._seen.clear()
        self._seen.add(key)
        return True
