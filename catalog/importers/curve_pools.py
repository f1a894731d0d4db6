"""Pools as Curve publishes them: rows of `poolData` of its API's getPools."""

from __future__ import annotations

from typing import Any

from catalog.domain.pools import Pool
from catalog.domain.vocabulary import PoolType
from catalog.errors import InvalidRecord, quote
from catalog.importers import chain_pools
from catalog.importers.chain_pools import Described
from catalog.importers.json_values import require_object

#: The registries of pools with Curve's first curve, for what should be worth the same.
STABLE_REGISTRIES = frozenset({"main", "factory", "factory-crvusd", "factory-eywa", "factory-stable-ng"})
#: Those with its second one, for everything else.
CRYPTO_REGISTRIES = frozenset({"crypto", "factory-crypto", "factory-twocrypto", "factory-tricrypto"})
CRYPTO_ALGORITHM = "curve_cryptoswap"


def describe(blockchain: str, row: dict[str, Any]) -> Described:
    """The pool of a row, with its coins."""
    terms: dict[str, Any] = {"dex": "curve"} | _curve(row.get("registryId"))
    if isinstance(row.get("isBroken"), bool):
        terms["status"] = "suspended" if row["isBroken"] else "active"
    tokens = tuple(chain_pools.described_token(blockchain, coin) for coin in _coins(row))
    return Described(
        tokens,
        Pool(
            blockchain=blockchain,
            address=chain_pools.contract("address", chain_pools.address(row, "address")),
            tokens=chain_pools.distinct(tokens),
            **terms,
            **chain_pools.name_field(row),
        ),
    )


def _curve(registry: Any) -> dict[str, Any]:
    """The curve of the pools of a registry; none where an answer (of one registry) does not name it."""
    if registry is None:
        return {}
    if isinstance(registry, str) and registry in STABLE_REGISTRIES:
        curve: PoolType = "stable_swap"
        return {"pool_type": curve}
    if isinstance(registry, str) and registry in CRYPTO_REGISTRIES:
        return {"pool_type": "custom", "algorithm": CRYPTO_ALGORITHM}
    raise InvalidRecord("registryId", quote(registry), "no registry of Curve's that we know", code="unknown_type")


def _coins(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The coins, or what their addresses and decimals say: four places, the empty ones filled with zeros."""
    if row.get("coins") is not None:
        return [require_object(coin) for coin in chain_pools.listed(row["coins"])]
    addresses = [a for a in chain_pools.listed(row["coinsAddresses"]) if a != chain_pools.ZERO]
    decimals = row.get("decimals")
    known = decimals if isinstance(decimals, list) and len(decimals) >= len(addresses) else [None] * len(addresses)
    return [
        {"address": address, "decimals": number}
        for address, number in zip(chain_pools.listed(addresses), known, strict=False)
    ]
