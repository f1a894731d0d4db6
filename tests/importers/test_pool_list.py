from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.domain import Native, Pool, Token
from catalog.errors import PayloadError
from catalog.importers import balancer_pools, pool_list
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.evm_deployments import POOL_MANAGERS
from catalog.importers.registry import named
from tests.importers.support import read, records, reject, stream, tally
from tests.importers.test_documentation import table
from tests.importers.test_mutations import JSON, check

SOURCE = "pool-list:eip155:1"
LOW, HIGH, POOL, ZERO = ("0x" + byte * 20 for byte in ("11", "22", "aa", "00"))
NATIVE = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"


def row(kind: str = "UniswapV3", **changes: Any) -> dict[str, Any]:
    fields = {"type": kind, "pool_address": POOL, "token0": LOW, "token1": HIGH, "fee": 3000} | changes
    return {key: value for key, value in fields.items() if value is not ...}


def v4(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": "UniswapV4", "token0": ZERO, "token1": HIGH, "fee": 1, "tick_spacing": 1}
    fields |= {"hooks": ZERO} | changes
    key = [fields[name] for name in ("token0", "token1", "fee", "tick_spacing", "hooks")]
    id = "0x" + keccak(encode(["address", "address", "uint24", "int24", "address"], key)).hex()
    return {"pool_id": id} | fields


def balancer(kind: str = "Weighted", weights: tuple[Any, ...] = ("0.8", "0.2"), **changes: Any) -> dict[str, Any]:
    tokens = [
        {"address": f"0x{n:040x}", "symbol": f"T{n}", "decimals": 18, "weight": weight}
        for n, weight in enumerate(weights, start=1)
    ]
    id = POOL + "00020000000000000000000a"
    fields = {"id": id, "address": POOL, "poolType": kind, "swapFee": "0.003", "tokens": tokens} | changes
    return {key: value for key, value in fields.items() if value is not ...}


def curve(*addresses: str, **changes: Any) -> dict[str, Any]:
    coins = [{"address": address, "symbol": f"C{n}", "decimals": "6"} for n, address in enumerate(addresses)]
    padding = 4 - len(coins)
    fields = {
        "id": "0",
        "address": POOL,
        "coinsAddresses": [*addresses, *[ZERO] * padding],
        "decimals": ["6"] * len(coins) + ["0"] * padding,
        "coins": coins,
        "registryId": "main",
    } | changes
    return {key: value for key, value in fields.items() if value is not ...}


def parse(*rows: Any, source: str = SOURCE) -> list[Parsed | Reject]:
    return list(named(source).parse(stream(list(rows)), None))


def pool(one: dict[str, Any], source: str = SOURCE) -> Pool:
    *tokens, found = records(parse(one, source=source))
    assert isinstance(found, Pool)
    assert [token.id for token in tokens] == [token.instrument_id for token in found.tokens]
    return found


def refused(one: Any) -> str:
    found = reject(parse(one))
    assert found.record == "pool"
    return found.code


def test_fees_are_hundredths_of_a_basis_point() -> None:
    for fee, exact in ((0, "0"), (1, "0.000001"), (3000, "0.003"), ("500", "0.0005"), (1_000_000, "1")):
        assert pool(row(fee=fee)).fee == Decimal(exact)
    assert pool(row(fee=...)).fee is None
    wrongs: list[Any] = [-1, 1_000_001, 30.5, "0.003", "x", True, []]
    for wrong in wrongs:
        assert refused(row(fee=wrong)) == "invalid_fee"


def test_a_v4_pool_is_in_the_pool_manager_of_its_blockchain() -> None:
    found = pool(v4())
    assert (found.address, found.pool_id) == (POOL_MANAGERS["eip155:1"], v4()["pool_id"])
    assert (found.fee, found.is_dynamic_fee, found.hooks) == (Decimal("0.000001"), False, ZERO)
    assert found.tokens[0].instrument_id == Native(blockchain="eip155:1").id
    assert pool(v4(), "pool-list:eip155:8453").address == POOL_MANAGERS["eip155:8453"]
    assert reject(parse(v4(), source="pool-list:eip155:128")).code == "unknown_pool_manager"


def test_a_v4_pool_with_a_dynamic_fee() -> None:
    found = pool(v4(fee=0x800000, hooks=LOW))
    assert (found.fee, found.is_dynamic_fee, found.hooks) == (None, True, LOW)


def test_a_v4_id_is_the_hash_of_the_key() -> None:
    for change in ({"fee": 2}, {"tick_spacing": 2}, {"hooks": LOW}, {"token1": LOW}, {"pool_id": "0x" + "12" * 32}):
        assert refused(v4() | change) == "wrong_pool_id"
    for field in ("fee", "tick_spacing", "hooks", "pool_id"):
        assert refused(v4() | {field: None}) == "missing_pool_id"
    assert refused(v4() | {"pool_id": "0x12"}) == refused(v4() | {"pool_id": 5}) == "invalid_pool_id"


def test_the_same_pair_has_a_stable_and_a_volatile_pool() -> None:
    stable, volatile = (pool(row("AerodromeV2", stable=flag, fee=...)) for flag in (True, False))
    assert (stable.pool_type, volatile.pool_type) == ("stable_swap", "constant_product")
    assert refused(row("AerodromeV2")) == refused(row("AerodromeV2", stable="true")) == "invalid_stable"


@pytest.mark.parametrize("kind", ["", "uniswapV3", "UniswapV5", 5, []])
def test_a_type_that_we_do_not_know(kind: Any) -> None:
    assert refused(row(kind)) == "unknown_type"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"type": None}, "missing_type"),
        ({"token0": None}, "missing_address"),
        ({"pool_address": ""}, "missing_address"),
        ({"token1": 5}, "invalid_address"),
        ({"pool_address": POOL[:-1]}, "invalid_address"),
        ({"token0": "0x" + "Ab" * 20}, "invalid_address"),
        ({"pool_address": ZERO}, "zero_address"),
        ({"token0": ZERO}, "zero_address"),
        ({"token0": HIGH}, "same_token"),
        ({"token0": HIGH, "token1": LOW}, "unsorted_tokens"),
        ({"tick_spacing": 0}, "invalid_tick_spacing"),
        ({"tick_spacing": "x"}, "invalid_tick_spacing"),
    ],
)
def test_rows_that_are_refused(change: dict[str, Any], code: str) -> None:
    assert refused(row(**change)) == code


def test_bad_rows_stop_nothing() -> None:
    results = parse(row(), 5, None, row("x"), row("UniswapV2", pool_address=LOW))
    assert tally(results) == {"token": 2, "pool": 2, "not_an_object": 2, "unknown_type": 1}
    assert [r.place for r in results] == ["/0", "/0", "/0", "/1", "/2", "/3", "/4"]


def test_weights_are_exact_fractions() -> None:
    third = "0.333333333333333333"
    found = pool(balancer(weights=(third, third, "0.333333333333333334")))
    assert [token.weight for token in found.tokens] == [Decimal(third)] * 2 + [Decimal("0.333333333333333334")]
    assert (found.pool_type, found.fee, found.dex, found.pool_id) == ("weighted", Decimal("0.003"), "balancer_v2", None)


@pytest.mark.parametrize(
    "weights", [("0.8", "0.3"), ("1", "0"), ("1.5", "-0.5"), ("0.8", None), (None, None), ("x", "0.2"), ([], "1")]
)
def test_weights_that_are_none(weights: tuple[Any, ...]) -> None:
    assert refused(balancer(weights=weights)) == "invalid_weights"


@pytest.mark.parametrize("kind", ["Stable", "MetaStable", "STABLE", "COMPOSABLE_STABLE", "ComposableStable"])
def test_stable_pools_of_many_tokens(kind: str) -> None:
    found = pool(balancer(kind, (None,) * 5))
    assert (found.pool_type, len(found.tokens)) == ("stable_swap", 5)


def test_pools_with_a_curve_of_their_own() -> None:
    found = pool(balancer("GYROE", (None, None)))
    assert (found.pool_type, found.algorithm) == ("custom", "gyro_eclp")
    moving = pool(balancer("LIQUIDITY_BOOTSTRAPPING", ("0.99", "0.01")))
    assert [token.weight for token in moving.tokens] == [None, None]
    assert refused(balancer("Quadratic")) == refused(balancer(poolType=5)) == "unknown_type"
    assert refused(balancer(poolType=...)) == "missing_type"


def test_both_answers_of_balancer_give_the_same() -> None:
    subgraph = balancer()
    api = balancer(
        poolType=...,
        type="WEIGHTED",
        swapFee=...,
        tokens=...,
        poolTokens=subgraph["tokens"],
        dynamicData={"swapFee": "0.003"},
        chain="MAINNET",
        protocolVersion=2,
    )
    assert pool(api) == pool(subgraph)
    assert pool(api | {"protocolVersion": 3, "id": POOL}).dex == "balancer_v3"
    assert pool(balancer(id=POOL)).dex is None
    assert refused(balancer(id=LOW + "0" * 24)) == "invalid_pool_id"


@pytest.mark.parametrize("fee", ["1.1", "-0.1", "x", "0.0000000000000000001234567890123456789", []])
def test_fractions_that_are_none(fee: Any) -> None:
    assert refused(balancer(swapFee=fee)) == "invalid_fee"


@pytest.mark.parametrize("tokens", [[], [{"address": LOW}], {}, "x", [5] * 65])
def test_tokens_that_are_none(tokens: Any) -> None:
    assert refused(balancer(tokens=tokens)) == "invalid_tokens"


def test_tokens_of_lists_that_describe_them() -> None:
    *tokens, _ = records(parse(balancer(weights=("0.5", "0.5"))))
    assert tokens[0] == Token(blockchain="eip155:1", address="0x" + "0" * 39 + "1", symbol="T1", decimals=18)
    for change, code in (
        ({"decimals": 256}, "invalid_decimals"),
        ({"decimals": "x"}, "invalid_decimals"),
        ({"symbol": 5}, "invalid_symbol"),
        ({"symbol": "\x00"}, "invalid_symbol"),
        ({"name": []}, "invalid_name"),
        ({"address": None}, "missing_address"),
    ):
        one = balancer()
        one["tokens"][1] |= change
        assert refused(one) == code
    assert refused(balancer(tokens=[5, 6])) == "not_an_object"


def test_curve_has_many_coins_and_native_ones() -> None:
    found = pool(curve(NATIVE, LOW, HIGH, name="Three", isBroken=False))
    assert (found.dex, found.pool_type, found.name, found.status) == ("curve", "stable_swap", "Three", "active")
    assert found.tokens[0].instrument_id == Native(blockchain="eip155:1").id
    assert pool(curve(LOW, HIGH, isBroken=True)).status == "suspended"
    assert "status" not in pool(curve(LOW, HIGH)).model_fields_set
    assert refused(curve(LOW, LOW)) == "same_token"


def test_curve_s_registries_say_the_curve() -> None:
    crypto = pool(curve(LOW, HIGH, registryId="factory-tricrypto"))
    assert (crypto.pool_type, crypto.algorithm) == ("custom", "curve_cryptoswap")
    assert pool(curve(LOW, HIGH, registryId=...)).pool_type is None
    assert refused(curve(LOW, HIGH, registryId="main2")) == refused(curve(LOW, HIGH, registryId=[])) == "unknown_type"


def test_places_filled_with_zeros_are_no_coins() -> None:
    assert records(parse(curve(HIGH, LOW, coins=...))) == [
        *(Token(blockchain="eip155:1", address=address, decimals=6) for address in (HIGH, LOW)),
        pool(curve(HIGH, LOW)),
    ]
    assert refused(curve(coins=...)) == "invalid_tokens"


@pytest.mark.parametrize("name", ["pools", "poolGetPools", "aggregatorPools", "poolData"])
def test_answers_have_their_pools_inside(name: str) -> None:
    rows = [balancer(), curve(LOW, HIGH)]
    answer = {"data": {"total": 2, name: rows}, "success": True, "generatedTimeMs": 1_693_066_896_001}
    importer = named(SOURCE)
    assert importer.can_parse(stream(answer).read())
    assert records(list(importer.parse(stream(answer), None))) == records(parse(*rows))
    assert importer.heading(stream(answer)) == Heading("", datetime(2023, 8, 26, 16, 21, 36, 1000, tzinfo=UTC))
    assert [r.place for r in importer.parse(stream(answer), None)][-1] == f"/data/{name}/1"


def test_answers_without_pools() -> None:
    payloads: list[Any] = [
        {"errors": [{"message": "x"}], "data": None},
        {"data": {}},
        {"pools": {}},
        {"pools": None},
        {},
    ]
    for payload in payloads:
        with pytest.raises(PayloadError):
            list(named(SOURCE).parse(stream(payload), None))
    assert list(named(SOURCE).parse(stream({"pools": []}), None)) == parse() == []


def test_the_blockchain_is_told_or_stated_and_never_guessed() -> None:
    with pytest.raises(PayloadError, match="does not say of which blockchain") as caught:
        parse(row(), source="pool-list")
    assert caught.value.hint is not None
    assert "catalog import pool-list:eip155:1 FILE" in caught.value.hint
    assert pool(curve(LOW, HIGH, blockchainId="base"), "pool-list").blockchain == "eip155:8453"
    assert pool(balancer(chain="GNOSIS"), "pool-list").blockchain == "eip155:100"
    assert refused(curve(LOW, HIGH, blockchainId="base")) == "wrong_chain"
    assert refused(balancer(chain="MOON")) == refused(balancer(chain=5)) == "unknown_chain"
    with pytest.raises(PayloadError, match="names no blockchain"):
        named("pool-list:base")


@pytest.mark.parametrize("time", [None, 0, -1, True, "1693066896001", 10**18, 1.5])
def test_a_time_that_is_none(time: Any) -> None:
    assert named(SOURCE).heading(stream({"generatedTimeMs": time, "pools": []})) == Heading("")


def test_the_page_has_the_tables() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sources" / "pool-list.md").read_text()
    assert {name: int(number) for name, number in table(page, "name").items()} == pool_list.CHAINS
    assert table(page, "type") == {k: d for k, (d, _) in pool_list.TYPES.items()}
    assert table(page, "Balancer type") == balancer_pools.CURVES
    assert table(page, "Balancer type with a curve of its own") == balancer_pools.ALGORITHMS


REAL = {
    "aerodrome_v2": (8453, {"token": 129, "pool": 200}),
    "pancakeswap_v2": (8453, {"token": 153, "pool": 200}),
    "uniswap_v3_mainnet": (1, {"token": 147, "pool": 200}),
    "uniswap_v4_mainnet": (1, {"token": 168, "native": 1, "pool": 200}),
}


@pytest.mark.parametrize("name", REAL)
def test_real_lists(name: str, real_data: Path) -> None:
    chain, counts = REAL[name]
    payload = read(real_data / "pools" / f"degenbot_first_200_{name}.json")
    rows = json.loads(payload)
    assert named("pool-list").can_parse(payload[:65536])
    results = list(named(f"pool-list:eip155:{chain}").parse(stream(payload), None))
    assert tally(results) == counts
    found = [r.record for r in results if isinstance(r, Parsed)]
    instruments = {str(record.id): record for record in found if isinstance(record, Token | Native)}
    pools = [record for record in found if isinstance(record, Pool)]
    assert len({record.id for record in pools}) == len(rows) == 200
    for listed, one in zip(rows, pools, strict=True):
        tokens = [instruments[token.instrument_id] for token in one.tokens]
        expected = [listed["token0"].lower(), listed["token1"].lower()]
        assert [token.address if isinstance(token, Token) else ZERO for token in tokens] == expected
        assert one.fee == (Decimal(listed["fee"]) / 10**6 if "fee" in listed else None)
        assert (one.pool_id or one.address) == (listed.get("pool_id") or listed["pool_address"].lower())
        assert one.tick_spacing == listed.get("tick_spacing")
        assert one.hooks == (listed["hooks"].lower() if "hooks" in listed else None)
        is_stable = one.pool_type == "stable_swap"
        assert is_stable == listed.get("stable", False)


def test_real_sentences(real_data: Path) -> None:
    """What the recorded lists show: v4 fees up to 90 %, hooks, native coins; one pair in a stable and a volatile pool."""
    v4_rows = json.loads(read(real_data / "pools" / "degenbot_first_200_uniswap_v4_mainnet.json"))
    found = [r for r in records(parse(*v4_rows)) if isinstance(r, Pool)]
    assert {Decimal(0), Decimal("0.000001"), Decimal("0.9")} <= {one.fee for one in found}
    assert sum(one.hooks != ZERO for one in found) == 13
    assert all(re.fullmatch("0x[0-9a-f]{64}", one.pool_id or "") for one in found)
    aerodrome = json.loads(read(real_data / "pools" / "degenbot_first_200_aerodrome_v2.json"))
    pools = [r for r in records(parse(*aerodrome, source="pool-list:eip155:8453")) if isinstance(r, Pool)]
    kinds: dict[Any, set[Any]] = {}
    for one in pools:
        kinds.setdefault(one.tokens, set()).add(one.pool_type)
    assert sum(len(types) == 2 for types in kinds.values()) == 20


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_rows_with_any_value_anywhere(data: st.DataObject) -> None:
    rows = [row(), row("AerodromeV2", stable=True), v4(), balancer(), curve(LOW, HIGH)]
    one = data.draw(st.sampled_from(rows))
    key = data.draw(st.sampled_from(sorted(one)) | st.sampled_from(["chain", "poolTokens", "dynamicData", "hook", "x"]))
    if isinstance(one.get(key), list) and data.draw(st.booleans()):
        element = one[key][0]
        if isinstance(element, dict):
            element[data.draw(st.sampled_from(sorted(element)))] = data.draw(JSON)
    else:
        one[key] = data.draw(JSON)
    check(named(SOURCE), json.dumps(rows).encode())
    check(named(SOURCE), json.dumps({"data": {"pools": rows, key: data.draw(JSON)}}).encode())
