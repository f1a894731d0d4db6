"""Liquidity pools: two or more tokens in one contract, or in one place of a singleton contract."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from catalog.domain import identifiers
from catalog.domain.base import Amount, Caip2, IdText, Increment, Key, Part, Positive, Record, Text, parts
from catalog.domain.vocabulary import PoolType
from catalog.errors import InvalidRecord

MAX_TOKENS = 64


class PoolToken(Part):
    """One token of a pool: a token or the native coin of the pool's blockchain, with its weight as a fraction."""

    instrument_id: IdText
    weight: Increment | None = None

    REFERENCES: ClassVar = {"instrument_id": "instrument"}


class Pool(Record):
    """A pool of a decentralised exchange.

    `fee` is the exact fraction of a swap (0.003 is 0.30 %). A dynamic fee is no fee: `is_dynamic_fee` is then true and
    `fee` unknown. `pool_id` names a pool inside a singleton contract (Uniswap v4). `hooks` is the hook contract; the
    zero address says that there is none. Tokens stand in the contract's own order.
    """

    record: Literal["pool"] = "pool"
    blockchain: Caip2
    address: str
    pool_id: Annotated[str, BeforeValidator(identifiers.pool_id)] | None = None
    tokens: Annotated[
        tuple[PoolToken, ...], BeforeValidator(parts(PoolToken, "tokens")), Field(min_length=2, max_length=MAX_TOKENS)
    ]
    name: Text | None = None
    dex: Key | None = None
    pool_type: PoolType | None = None
    algorithm: Key | None = None
    fee: Annotated[Amount, Field(le=1)] | None = None
    is_dynamic_fee: bool | None = None
    tick_spacing: Positive | None = None
    hooks: str | None = None
    factory: str | None = None

    IDENTITY: ClassVar = ("blockchain", "address", "pool_id")
    LISTS: ClassVar = {"tokens": PoolToken}

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("blockchain"), str):
            return data
        blockchain = identifiers.caip2(data["blockchain"])
        changes = {
            name: normal
            for name in ("address", "hooks", "factory")
            if isinstance(data.get(name), str) and (normal := identifiers.address(blockchain, data[name])) != data[name]
        }
        return data | changes if changes else data

    @model_validator(mode="after")
    def _consistent(self) -> Pool:
        seen: set[str] = set()
        for n, token in enumerate(self.tokens):
            if token.instrument_id in seen:
                raise InvalidRecord(f"tokens.{n}.instrument_id", token.instrument_id, "this token stands there twice")
            seen.add(token.instrument_id)
        self._check_weights()
        if self.is_dynamic_fee and self.fee is not None:
            raise InvalidRecord("fee", self.fee, "a dynamic fee has no fixed value")
        if (self.pool_type == "custom") != (self.algorithm is not None):
            raise InvalidRecord(
                "algorithm", self.algorithm or "nothing", "a custom pool names its algorithm, and no other pool does"
            )
        return self

    def _check_weights(self) -> None:
        weights = [token.weight for token in self.tokens if token.weight is not None]
        if self.pool_type == "weighted" and not weights:
            raise InvalidRecord("tokens", "no weights", "a weighted pool gives the weight of each token")
        if weights and len(weights) != len(self.tokens):
            raise InvalidRecord("tokens", f"{len(weights)} weights", f"{len(self.tokens)} tokens need one each")
        if weights and sum(map(Fraction, weights)) != 1:  # a sum of decimals would be rounded to 28 digits
            raise InvalidRecord("tokens", f"weights of {sum(weights)}", "weights add up to exactly 1")

    @property
    def identity(self) -> tuple[str, ...]:
        return (self.blockchain, self.address, self.pool_id or "")
