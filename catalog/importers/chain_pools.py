"""What pools on a chain have in common, whoever speaks of them: their tokens, fees and ids, and the rules for these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Any, NamedTuple

from catalog.domain import identifiers, text
from catalog.domain.decimals import canonical_decimal
from catalog.domain.identity import Id
from catalog.domain.instruments import Native, Token
from catalog.domain.pools import MAX_TOKENS, Pool, PoolToken
from catalog.domain.vocabulary import native_aliases
from catalog.errors import InvalidIdentifier, InvalidRecord, PayloadError, quote
from catalog.importers.json_values import optional_text, whole_number

ZERO = "0x" + "0" * 40
#: Uniswap counts a fee in millionths of a swap (hundredths of a basis point).
FEE_UNITS = 1_000_000
#: In place of a fee in Uniswap v4: the hook contract sets it anew for every swap.
DYNAMIC_FEE = 0x800000
MAX_TICK_SPACING = 0x7FFF
#: No block is later: of the year 2260, in seconds since the epoch.
LAST_SECOND = 9_183_110_400

CODES = {
    "same_token": "the pool would have one token twice",
    "unsorted_tokens": "the tokens are not in the order of their addresses, in which such a contract keeps them",
    "zero_address": "the zero address where a contract is expected",
    "invalid_fee": "the fee is no number, negative, or more than the whole swap",
    "invalid_tick_spacing": "the tick spacing is not a whole number from 1 to 32767",
    "wrong_pool_id": "the id of a Uniswap v4 pool is not the hash of its tokens, fee, tick spacing and hooks",
}


class Described(NamedTuple):
    """What a log or a row describes: the pool, if there is one, and every token that it names."""

    tokens: tuple[Token | Native, ...]
    pool: Pool | None = None


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


def currency(blockchain: str, at: str, **fields: Any) -> Token | Native:
    """The token at the address `at` (in normal form), or the native coin where the address means it."""
    if at in native_aliases(blockchain):
        return Native(blockchain=blockchain, **fields)
    return Token(blockchain=blockchain, address=at, **fields)


def described_token(blockchain: str, row: dict[str, Any]) -> Token | Native:
    """The token of an object with its address and, where they are known, decimals, symbol and name."""
    fields: dict[str, Any] = name_field(row)
    if symbol := optional_text(row, "symbol"):
        fields["symbol"] = text.key(symbol, "symbol")
    if (decimals := row.get("decimals")) is not None:
        fields["decimals"] = whole_number(decimals)
        if fields["decimals"] is None or not 0 <= fields["decimals"] <= 255:
            reason = "a whole number from 0 to 255 is expected"
            raise InvalidRecord("decimals", quote(decimals), reason, code="invalid_decimals")
    return currency(blockchain, address(row, "address"), **fields)


def name_field(row: dict[str, Any]) -> dict[str, Any]:
    """The field `name`, if the row has one."""
    name = optional_text(row, "name")
    return {"name": text.free_text(name, "name")} if name else {}


def address(row: dict[str, Any], field: str) -> str:
    """The address under `field`, in its normal form."""
    value = row.get(field)
    if value is None or value == "":
        raise InvalidRecord(field, "nothing", "it is required", code="missing_address")
    if not isinstance(value, str):
        raise InvalidRecord(field, quote(value), "text is expected", code="invalid_address")
    return identifiers.evm_address(value.strip())


def listed(value: Any) -> list[Any]:
    """The tokens of a row as the list of at least two that they have to be."""
    if not isinstance(value, list) or not 2 <= len(value) <= MAX_TOKENS:
        reason = f"a list of 2 to {MAX_TOKENS} tokens is expected"
        raise InvalidRecord("tokens", quote(value), reason, code="invalid_tokens")
    return value


def contract(field: str, at: str) -> str:
    """The address `at`, which has to be a contract's. Raises InvalidRecord for the zero address."""
    if at == ZERO:
        raise InvalidRecord(field, at, "a contract is expected", code="zero_address")
    return at


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


def fraction(value: Any) -> Decimal:
    """A fee or weight that is stated as a fraction."""
    number = canonical_decimal(value)
    if not 0 <= number <= 1:
        raise InvalidIdentifier("decimal", value, "a fraction from 0 to 1 is expected")
    return number


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
