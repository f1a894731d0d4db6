"""Pools as Balancer publishes them: rows of its subgraph (`tokens`, `poolType`) and of its API (`poolTokens`, `type`)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from catalog.domain.pools import Pool
from catalog.domain.vocabulary import PoolType
from catalog.errors import InvalidIdentifier, InvalidRecord, quote
from catalog.importers import chain_pools
from catalog.importers.chain_pools import Described
from catalog.importers.json_values import require_object, whole_number

#: Types whose curve has a name of ours; in small letters, as the API and the subgraph write them differently.
CURVES: dict[str, PoolType] = {
    "weighted": "weighted",
    "stable": "stable_swap",
    "metastable": "stable_swap",
    "stablephantom": "stable_swap",
    "phantomstable": "stable_swap",
    "composablestable": "stable_swap",
}
#: Types with a curve of their own, with the algorithm that they are stored under.
ALGORITHMS: dict[str, str] = {
    "cowamm": "balancer_cow_amm",
    "element": "balancer_element",
    "fx": "balancer_fx",
    "gyro": "gyro_2clp",
    "gyro2": "gyro_2clp",
    "gyro3": "gyro_3clp",
    "gyroe": "gyro_eclp",
    "investment": "balancer_investment",
    "liquiditybootstrapping": "balancer_liquidity_bootstrapping",
    "managed": "balancer_managed",
    "quantammweighted": "balancer_quantamm",
    "reclamm": "balancer_reclamm",
}


def describe(blockchain: str, row: dict[str, Any]) -> Described:
    """The pool of a row, with its tokens."""
    terms = _curve(row.get("poolType", row.get("type")))
    address = chain_pools.contract("address", chain_pools.address(row, "address"))
    if dex := _dex(row, address):
        terms["dex"] = dex
    dynamic = row.get("dynamicData")
    fee = row.get("swapFee", dynamic.get("swapFee") if isinstance(dynamic, dict) else None)
    if fee is not None:
        terms["fee"] = _fee(fee)
    if row.get("factory") is not None:
        terms["factory"] = chain_pools.address(row, "factory")
    if isinstance(row.get("hook"), dict):
        terms["hooks"] = chain_pools.address(row["hook"], "address")
    listed = [require_object(item) for item in chain_pools.listed(row.get("poolTokens", row.get("tokens")))]
    tokens = tuple(chain_pools.described_token(blockchain, item) for item in listed)
    weights = _weights(listed) if terms["pool_type"] == "weighted" else []
    return Described(
        tokens,
        Pool(
            blockchain=blockchain,
            address=address,
            tokens=chain_pools.distinct(tokens, weights),
            **terms,
            **chain_pools.name_field(row),
        ),
    )


def _curve(kind: Any) -> dict[str, Any]:
    if kind is None:
        raise InvalidRecord("type", "nothing", "it is required", code="missing_type")
    name = kind.replace("_", "").lower() if isinstance(kind, str) else ""
    if name in CURVES:
        return {"pool_type": CURVES[name]}
    if name in ALGORITHMS:
        return {"pool_type": "custom", "algorithm": ALGORITHMS[name]}
    raise InvalidRecord("type", quote(kind), "no type of Balancer's that we know", code="unknown_type")


def _dex(row: dict[str, Any], address: str) -> str | None:
    """Which Balancer it is: as the API says, or by the id, which in v2 is the address and 12 bytes more."""
    version, id = whole_number(row.get("protocolVersion")), row.get("id")
    if isinstance(id, str) and id[:2] == "0x" and id[:42].lower() != address:
        raise InvalidRecord("id", id, f"it does not begin with the address `{address}`", code="invalid_pool_id")
    if version is None and isinstance(id, str) and len(id) == 66:
        version = 2
    return f"balancer_v{version}" if version in (1, 2, 3) else None


def _fee(value: Any) -> Decimal:
    try:
        return chain_pools.fraction(value)
    except InvalidIdentifier as error:
        raise InvalidRecord("swapFee", quote(value), error.reason, code="invalid_fee") from None


def _weights(listed: list[dict[str, Any]]) -> list[Decimal]:
    """The weights of a weighted pool: one above zero for each token, together exactly 1."""
    try:
        weights = [chain_pools.fraction(item.get("weight")) for item in listed]
    except InvalidIdentifier as error:
        raise InvalidRecord("weight", quote(error.value), error.reason, code="invalid_weights") from None
    if 0 in weights or sum(map(Fraction, weights)) != 1:
        raise InvalidRecord("weights", ", ".join(map(str, weights)), "they add up to exactly 1", code="invalid_weights")
    return weights
