from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.domain import Native, Pool, Token
from catalog.errors import PayloadError
from catalog.importers import evm_logs
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.chain_pools import Once
from catalog.importers.evm_deployments import DEXES, POOL_MANAGERS
from catalog.importers.evm_events import EVENTS
from catalog.importers.registry import named
from tests.importers.support import read, records, reject, stream, tally, until_broken
from tests.importers.test_mutations import JSON, check

SOURCE = "evm-logs:eip155:1"
PAIR_CREATED = "PairCreated(address,address,address,uint256)"
POOL_CREATED = "PoolCreated(address,address,uint24,int24,address)"
INITIALIZE = "Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)"
AERODROME = "PoolCreated(address,address,bool,address,uint256)"
SOLIDLY = "PairCreated(address,address,bool,address,uint256)"
SLIPSTREAM = "PoolCreated(address,address,int24,address)"
TRANSFER = "Transfer(address,address,uint256)"
V2 = "0x5c69bee701ef814a2b6a3edd4b1652cb9cc5aa6f"
V3 = "0x1f98431c8ad98523631ae4a59f267346ea31f984"
V4 = "0x000000000004444c5dc75cb358380d2e3de08a90"
ZERO, LOW, HIGH, POOL, HOOKS = ("0x" + byte * 20 for byte in ("00", "11", "22", "aa", "cc"))
#: The blockchains of the collected pool logs, by the names that stand there.
CHAINS = {"arbitrum": 42161, "base": 8453, "ethereum": 1, "polygon": 137, "hydration-evm": 222222}


def word(kind: str, value: Any) -> str:
    return "0x" + encode([kind], [value]).hex()


def log(emitter: str, signature: str, *indexed: Any, data: tuple[Any, ...] = (), **changes: Any) -> dict[str, Any]:
    """A log as a node writes it; the types of its words are those of the signature."""
    types = signature.partition("(")[2].rstrip(")").split(",")
    inside = types[len(indexed) :]
    fields = {
        "address": emitter,
        "topics": ["0x" + keccak(text=signature).hex(), *map(word, types, indexed)],
        "data": "0x" + encode(inside, data).hex(),
        "blockNumber": "0x112a880",
        "blockHash": "0x" + "ab" * 32,
        "logIndex": "0x1",
        "removed": False,
    } | changes
    return {key: value for key, value in fields.items() if value is not ...}


def transfer(emitter: str = LOW, **changes: Any) -> dict[str, Any]:
    return log(emitter, TRANSFER, HIGH, POOL, data=(5,), **changes)


def pair(token0: str = LOW, token1: str = HIGH, pool: str = POOL, factory: str = V2, **changes: Any) -> dict[str, Any]:
    return log(factory, PAIR_CREATED, token0, token1, data=(pool, 1), **changes)


def v3(fee: int = 3000, spacing: int = 60, factory: str = V3) -> dict[str, Any]:
    return log(factory, POOL_CREATED, LOW, HIGH, fee, data=(spacing, POOL))


def v4(
    fee: int = 500,
    spacing: int = 10,
    currency0: str = ZERO,
    currency1: str = HIGH,
    hooks: str = ZERO,
    manager: str = V4,
    id: bytes | None = None,
) -> dict[str, Any]:
    key = encode(["address", "address", "uint24", "int24", "address"], [currency0, currency1, fee, spacing, hooks])
    data = (fee, spacing, hooks, 1 << 96, -887272)
    return log(manager, INITIALIZE, id or keccak(key), currency0, currency1, data=data)


def parse(*logs: Any, source: str = SOURCE) -> list[Parsed | Reject]:
    return list(named(source).parse(stream(list(logs)), None))


def pool(one: dict[str, Any], source: str = SOURCE) -> Pool:
    *tokens, found = records(parse(one, source=source))
    assert isinstance(found, Pool)
    assert [token.id for token in tokens] == [token.instrument_id for token in found.tokens]
    return found


def refused(one: Any) -> str:
    return reject(parse(one)).code


def test_the_topics_are_the_hashes_of_the_signatures() -> None:
    assert {event.topic: event.signature for event in EVENTS.values()} == {
        "0x" + keccak(text=signature).hex(): signature
        for signature in (TRANSFER, PAIR_CREATED, POOL_CREATED, INITIALIZE, AERODROME, SOLIDLY, SLIPSTREAM)
    }
    assert [topic for topic, event in EVENTS.items() if topic != event.topic] == []


def test_the_topics_of_the_design() -> None:
    prefixes = {
        "0xddf252ad": TRANSFER,
        "0x0d3648bd": PAIR_CREATED,
        "0x783cca1c": POOL_CREATED,
        "0xdd466e67": INITIALIZE,
    }
    assert {p: EVENTS[t].signature for p in prefixes for t in EVENTS if t.startswith(p)} == prefixes


def test_the_types_of_the_words_are_those_of_the_signature() -> None:
    for event in EVENTS.values():
        assert f"({','.join(event.indexed + event.data)})" == event.signature[event.signature.index("(") :]


def test_a_transfer_names_its_token() -> None:
    [token] = records(parse(transfer()))
    assert token == Token(blockchain="eip155:1", address=LOW, token_standard="erc20")
    assert token.model_fields_set == {"blockchain", "address", "token_standard"}


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        (42220, "0x471ece3750da237f93b8e339c536989b8978a438"),
        (137, "0x0000000000000000000000000000000000001010"),
        (324, "0x000000000000000000000000000000000000800a"),
    ],
)
def test_a_native_coin_that_emits_transfers_is_no_token(chain: int, address: str) -> None:
    assert records(parse(transfer(address), source=f"evm-logs:eip155:{chain}")) == [
        Native(blockchain=f"eip155:{chain}")
    ]
    assert isinstance(records(parse(transfer(address)))[0], Token)


def test_nfts_are_one_reject_for_all() -> None:
    nft = log(LOW, TRANSFER, HIGH, POOL, 7)
    results = parse(transfer(), nft, transfer(), nft | {"address": HIGH}, nft)
    assert tally(results) == {"token": 2, "nft_transfer": 1}
    found = reject(results)
    assert (found.place, found.record) == ("/1", "token")
    assert found.reason == "3 Transfers with four topics: NFTs of 2 contracts"
    assert json.loads(found.row) == nft


def test_other_events_are_one_reject_for_all() -> None:
    swap, sync = (log(LOW, signature, data=(1,)) for signature in ("Swap(uint256)", "Sync(uint256)"))
    nameless = swap | {"topics": []}
    found = reject(parse(transfer(), swap, sync, nameless, swap))
    assert (found.place, found.code, found.record) == ("/1", "other_event", "")
    assert found.reason.startswith(
        f"4 logs of 3 other events, nothing of which is registered here: 2 × {swap['topics'][0]}"
    )


def test_a_payload_that_breaks_says_what_it_passed_over_until_there() -> None:
    payload = json.dumps([log(LOW, "Swap(uint256)", data=(1,)), transfer()])[:-1] + ", oops"
    results, error = until_broken(named(SOURCE), payload.encode())
    assert tally(results) == {"token": 1, "other_event": 1}
    assert error is not None


@pytest.mark.parametrize("topics", [1, 2])
def test_a_transfer_with_unindexed_addresses_is_another_event(topics: int) -> None:
    one = transfer()
    assert refused(one | {"topics": one["topics"][:topics]}) == "invalid_topics"


def test_a_pair_of_uniswap_v2() -> None:
    found = pool(pair())
    assert found == Pool(
        blockchain="eip155:1",
        address=POOL,
        tokens=[{"instrument_id": Token(blockchain="eip155:1", address=a).id} for a in (LOW, HIGH)],  # type: ignore[arg-type]
        dex="uniswap_v2",
        pool_type="constant_product",
        factory=V2,
    )
    assert "fee" not in found.model_fields_set


@pytest.mark.parametrize(("fee", "exact"), [(0, "0"), (1, "0.000001"), (500, "0.0005"), (3000, "0.003"), (10**6, "1")])
def test_fees_are_millionths(fee: int, exact: str) -> None:
    assert pool(v3(fee)).fee == pool(v4(fee)).fee == Decimal(exact)


def test_a_pool_of_uniswap_v3() -> None:
    found = pool(v3(10_000, 200))
    assert (found.dex, found.pool_type, found.tick_spacing) == ("uniswap_v3", "concentrated_liquidity", 200)
    assert (found.factory, found.pool_id, found.hooks, found.is_dynamic_fee) == (V3, None, None, None)


def test_a_pool_of_uniswap_v4_is_in_the_singleton() -> None:
    one = v4(hooks=HOOKS)
    found = pool(one)
    assert (found.address, found.pool_id, found.factory) == (V4, one["topics"][1], None)
    assert (found.dex, found.hooks, found.is_dynamic_fee) == ("uniswap_v4", HOOKS, False)
    assert found.tokens[0].instrument_id == Native(blockchain="eip155:1").id
    assert pool(v4()).hooks == ZERO
    assert pool(v4(manager=LOW)).dex is None


def test_one_address_on_two_blockchains_is_two() -> None:
    for one in (pair(), v4()):
        here, there = (records(parse(one, source=f"evm-logs:eip155:{chain}")) for chain in (1, 8453))
        assert not {record.id for record in here} & {record.id for record in there}


@pytest.mark.parametrize("address", [ZERO, "0x" + "ee" * 20])
def test_addresses_that_mean_the_native_coin(address: str) -> None:
    one = v4(currency0=min(address, LOW), currency1=max(address, LOW))
    native, token = sorted(records(parse(one))[:2], key=lambda record: str(record.record))
    assert (native, token) == (Native(blockchain="eip155:1"), Token(blockchain="eip155:1", address=LOW))


def test_a_dynamic_fee_is_no_fee() -> None:
    found = pool(v4(0x800000))
    assert (found.is_dynamic_fee, found.fee) == (True, None)
    assert refused(v3(0x800000)) == "invalid_fee"


@pytest.mark.parametrize("fee", [10**6 + 1, 0x800001, 0xFFFFFF])
def test_fees_above_the_whole_swap(fee: int) -> None:
    assert refused(v3(fee)) == refused(v4(fee)) == "invalid_fee"


@pytest.mark.parametrize("spacing", [0, -1, -60, 0x8000])
def test_tick_spacings_that_are_none(spacing: int) -> None:
    assert refused(v3(spacing=spacing)) == refused(v4(spacing=spacing)) == "invalid_tick_spacing"


def test_a_v4_id_is_the_hash_of_its_key() -> None:
    assert refused(v4(id=b"\x01" * 32)) == "wrong_pool_id"
    known = "0x21c67e77068de97969ba93d4aab21826d33ca12bb9f565d8496e8fda8a82ca27"
    assert pool(v4(500, 10, ZERO, "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48")).pool_id == known


@pytest.mark.parametrize("signature", [AERODROME, SOLIDLY])
@pytest.mark.parametrize(("stable", "curve"), [(True, "stable_swap"), (False, "constant_product")])
def test_the_same_pair_has_a_stable_and_a_volatile_pool(signature: str, stable: bool, curve: str) -> None:
    words: tuple[Any, ...] = (LOW, HIGH, stable)
    is_indexed = signature == AERODROME
    one = log(V2, signature, *words[: 3 if is_indexed else 2], data=(*words[3 if is_indexed else 2 :], POOL, 9))
    found = pool(one)
    assert (found.pool_type, found.fee, found.address) == (curve, None, POOL)


def test_slipstream() -> None:
    one = log("0x5e7bb104d84c7cb9b682aac2f3d509f5f406809a", SLIPSTREAM, LOW, HIGH, 100, data=(POOL,))
    found = pool(one, "evm-logs:eip155:8453")
    assert (found.dex, found.tick_spacing, found.fee) == ("aerodrome_v3", 100, None)


def test_forks_are_told_by_factory_and_blockchain() -> None:
    assert DEXES["eip155:1", V2] == "uniswap_v2"
    sushi = "0xc35dadb65012ec5796536bd9864ed8773abc74c4"
    assert pool(pair(factory=sushi), "evm-logs:eip155:137").dex == "sushiswap_v2"
    assert pool(pair(factory=sushi)).dex is None
    assert pool(pair(factory=HOOKS)).pool_type == "constant_product"
    camelot = pool(pair(factory="0x6eccab422d763ac031210895c81787e87b43a652"), "evm-logs:eip155:42161")
    assert (camelot.dex, camelot.pool_type) == ("camelot_v2", None)


def test_the_tables_have_addresses_in_normal_form_and_each_once() -> None:
    for address in {address for _, address in DEXES} | set(POOL_MANAGERS.values()):
        assert address == address.lower()
        assert len(bytes.fromhex(address[2:])) == 20
    assert not {(chain, manager) for chain, manager in POOL_MANAGERS.items()} & set(DEXES)


def test_tokens_that_cannot_be_a_pair() -> None:
    assert refused(pair(LOW, LOW)) == refused(v4(currency0=LOW, currency1=LOW)) == "same_token"
    assert refused(pair(HIGH, LOW)) == refused(v4(currency0=HIGH, currency1=LOW)) == "unsorted_tokens"
    assert refused(pair(ZERO, LOW)) == refused(pair(pool=ZERO)) == "zero_address"
    celo = v4(currency1="0x471ece3750da237f93b8e339c536989b8978a438")
    assert reject(parse(celo, source="evm-logs:eip155:42220")).code == "same_token"


@pytest.mark.parametrize("make", [transfer, pair, v3, v4])
def test_data_of_another_length(make: Any) -> None:
    one = make()
    for data in (one["data"][:-2], one["data"] + "00", one["data"][:-64], one["data"] + "00" * 32, "0x"):
        assert refused(one | {"data": data}) == "invalid_data"
    assert refused(one | {"topics": one["topics"][:-1]}) == "invalid_topics"


def test_a_topic_too_many() -> None:
    one = pair()
    assert refused(one | {"topics": [*one["topics"], "0x" + "00" * 32]}) == "invalid_topics"


@pytest.mark.parametrize("number", [1, 2])
def test_dirty_upper_bytes_of_a_topic(number: int) -> None:
    for make in (transfer, pair, v3):
        one = make()
        one["topics"][number] = "0x01" + one["topics"][number][4:]
        assert refused(one) == "invalid_word"


@pytest.mark.parametrize(
    ("one", "at", "dirt"),
    [
        (pair(), 0, "01"),
        (v3(), 0, "01"),  # an int24 that is neither extended with zeros nor with ones
        (v3(), 32, "ff"),
        (v4(), 0, "01"),
        (v4(), 64, "01"),
    ],
)
def test_dirty_upper_bytes_in_the_data(one: dict[str, Any], at: int, dirt: str) -> None:
    data = one["data"]
    assert refused(one | {"data": data[: 2 + 2 * at] + dirt + data[4 + 2 * at :]}) == "invalid_word"


def test_a_flag_is_zero_or_one() -> None:
    one = log(V2, AERODROME, LOW, HIGH, True, data=(POOL, 9))
    one["topics"][3] = word("uint256", 2)
    assert refused(one) == "invalid_word"


def test_what_the_chain_does_not_hold() -> None:
    assert refused(transfer(removed=True)) == "removed_log"
    assert refused(transfer(removed="false")) == "invalid_removed"
    assert refused(transfer(blockNumber=None, blockHash=None)) == "pending_log"
    assert refused(transfer(blockNumber=..., block_number=None)) == "pending_log"
    assert (
        records(parse(transfer(removed=None), transfer(removed=..., blockNumber=...))) == records(parse(transfer())) * 2
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"topics": None}, "invalid_topics"),
        ({"topics": "0x"}, "invalid_topics"),
        ({"topics": ["0x12"]}, "invalid_topics"),
        ({"topics": [5]}, "invalid_topics"),
        ({"topics": [None, "0x" + "00" * 32]}, "invalid_topics"),
        ({"topics": ["0x" + "00" * 32] * 5}, "invalid_topics"),
        ({"topics": ...}, "not_a_log"),
        ({"address": ...}, "not_a_log"),
        ({"data": ...}, "not_a_log"),
        ({"data": None}, "invalid_data"),
        ({"data": "0x0"}, "invalid_data"),
        ({"data": "00"}, "invalid_data"),
        ({"address": None}, "invalid_address"),
        ({"address": LOW[:-2]}, "invalid_address"),
        ({"address": "0x" + "Ab" * 20}, "invalid_address"),
    ],
)
def test_rows_that_are_no_logs(change: dict[str, Any], code: str) -> None:
    row = transfer() | change
    assert refused({key: value for key, value in row.items() if value is not ...}) == code


def test_rows_of_other_types() -> None:
    rows: list[Any] = [5, None, [], "x"]
    assert [refused(row) for row in rows] == ["not_an_object"] * 4


def test_nulls_behind_the_topics_go() -> None:
    one = transfer()
    assert records(parse(one | {"topics": [*one["topics"], None]})) == records(parse(one))


def test_tokens_of_pools_come_once_and_before_them() -> None:
    results = parse(pair(), v3(), v4(currency0=LOW))
    assert [type(r).__name__ for r in records(results)] == ["Token", "Token", "Pool", "Pool", "Pool"]
    assert [r.place for r in results] == ["/0", "/0", "/0", "/1", "/2"]


SNAKE = {"blockNumber": "block_number", "blockHash": "block_hash", "logIndex": "log_index"}


def test_all_shapes_give_the_same() -> None:
    logs = [transfer(), pair(), v4()]
    answer = {"jsonrpc": "2.0", "id": 1, "result": logs}
    block = {"jsonrpc": "2.0", "id": 2, "result": {"hash": "0x1", "timestamp": "0x64ea268f", "number": "0x1"}}
    snake = [{SNAKE.get(key, key): value for key, value in one.items()} for one in logs]
    payloads: dict[str, Any] = {
        "array": logs,
        "answer": answer,
        "error null": answer | {"error": None},
        "batch": [block, answer],
        "lines": "\n".join(map(json.dumps, logs)),
        "snake lines": "\r\n\r\n".join(json.dumps(one | {"block_number": 18_000_000}) for one in snake),
        "wrapped": {"blockchain": "eip155:1", "fromBlock": "0x1", "toBlock": "0x2", "result": logs},
        "pretty": json.dumps([block, answer], indent=1),
    }
    expected = records(parse(*logs))
    for name, payload in payloads.items():
        importer = named(SOURCE)
        raw = stream(payload).read()
        assert importer.can_parse(raw), name
        assert records(list(importer.parse(stream(payload), None))) == expected, name
    assert [r.place for r in named(SOURCE).parse(stream([block, answer]), None)][:2] == ["/1/result/0", "/1/result/1"]


def test_the_blockchain_is_told_or_stated_and_never_guessed() -> None:
    wrapped = {"blockchain": "eip155:10", "result": [transfer()]}
    [token] = records(list(named("evm-logs").parse(stream(wrapped), None)))
    assert token.blockchain == "eip155:10"
    assert named("evm-logs").heading(stream(wrapped)).feed == "eip155:10"
    for action in ("heading", "parse"):
        with pytest.raises(PayloadError, match="does not say of which blockchain") as caught:
            run(action, "evm-logs", [transfer()])
        assert caught.value.hint is not None
        assert "catalog import evm-logs:eip155:1 FILE" in caught.value.hint
        with pytest.raises(PayloadError, match="`eip155:10`, not of `eip155:1`"):
            run(action, SOURCE, wrapped)
        for blockchain in (5, "ethereum", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"):
            with pytest.raises(PayloadError, match="names no blockchain"):
                run(action, "evm-logs", wrapped | {"blockchain": blockchain})
    with pytest.raises(PayloadError, match="does not say"):
        run("parse", "evm-logs", {"result": [], "blockchain": "eip155:1"})


def run(action: str, source: str, payload: Any) -> Any:
    importer = named(source)
    return importer.heading(stream(payload)) if action == "heading" else list(importer.parse(stream(payload), None))


@pytest.mark.parametrize(
    "argument", ["", "1", "ethereum", "eip155:", "eip155:01", "cosmos:hub", "eip155:1:2", "solana:x"]
)
def test_what_is_told_is_a_blockchain(argument: str) -> None:
    with pytest.raises(PayloadError, match="names no blockchain") as caught:
        named(f"evm-logs:{argument}")
    assert caught.value.hint == "write `evm-logs:eip155:1`"


def test_answers_without_logs() -> None:
    error = {"jsonrpc": "2.0", "id": 1, "error": {"code": -32005, "message": "query returned more than 10000 results"}}
    with pytest.raises(PayloadError, match="more than 10000 results"):
        run("parse", SOURCE, error)
    results: list[Any] = [{}, None, "0x1", 5]
    for result in results:
        with pytest.raises(PayloadError, match="an array of logs is expected"):
            run("parse", SOURCE, {"jsonrpc": "2.0", "id": 1, "result": result})
    with pytest.raises(PayloadError, match="no array `result`"):
        run("parse", SOURCE, {"jsonrpc": "2.0", "id": 1})
    assert run("parse", SOURCE, {"jsonrpc": "2.0", "id": 1, "result": []}) == run("parse", SOURCE, []) == []
    good = {"jsonrpc": "2.0", "id": 2, "result": [transfer()]}
    batch = [good, error, good, {"id": 3, "result": "0x1"}, {"id": 4, "result": None}, 5, {"id": 5, "result": []}]
    assert tally(run("parse", SOURCE, batch)) == {"token": 2, "node_error": 1, "no_logs": 3}


def test_the_time_is_that_of_the_latest_block() -> None:
    logs = [
        transfer(blockTimestamp="0x64ea268f"),
        transfer(blockTimestamp="0x64ea2690"),
        transfer(blockTimestamp="0x1"),
    ]
    latest = datetime(2023, 8, 26, 16, 21, 36, tzinfo=UTC)
    assert run("heading", SOURCE, logs) == Heading("eip155:1", latest, is_listing=False)
    lines = "\n".join(json.dumps(transfer(block_timestamp=n)) for n in (1693066896, 5))
    assert run("heading", SOURCE, lines) == Heading("eip155:1", latest, is_listing=False)
    assert run("heading", SOURCE, lines + "\n{oops") == Heading("eip155:1", latest, is_listing=False)
    nonsenses: list[Any] = [None, "0x", "soon", -1, 0, True, 1.5, 2**63, "0x" + "f" * 16, []]
    for nonsense in nonsenses:
        assert run("heading", SOURCE, [transfer(blockTimestamp=nonsense)]).observed_at is None


def test_broken_lines_cost_no_other() -> None:
    payload = b"\n".join([json.dumps(transfer()).encode(), b"{oops", b"\xff", json.dumps(transfer()).encode()])
    results = run("parse", SOURCE, payload)
    assert tally(results) == {"token": 2, "invalid_json": 1, "invalid_utf8": 1}


def test_other_answers_of_the_same_protocol_are_not_ours() -> None:
    deribit = {"jsonrpc": "2.0", "result": [{"instrument_name": "BTC-PERPETUAL"}], "usIn": 1, "usOut": 2}
    strangers: list[Any] = [
        deribit,
        deribit | {"result": []},
        {"record": "token"},
        [{"address": LOW, "chainId": 1}],
        [],
        {},
    ]
    for payload in strangers:
        assert not named("evm-logs").can_parse(stream(payload).read())


def independent(payload_logs: list[dict[str, Any]], chain: int) -> tuple[set[str], dict[str, dict[str, Any]]]:
    """Token addresses and pools of logs, decoded here and without the importer."""
    tokens: set[str] = set()
    pools: dict[str, dict[str, Any]] = {}
    for one in payload_logs:
        topics = [bytes.fromhex(topic[2:]) for topic in one["topics"]]
        data = bytes.fromhex(one["data"][2:])
        if topics and topics[0] == keccak(text=TRANSFER) and len(topics) == 3:
            decode(["address", "address", "uint256"], topics[1] + topics[2] + data)
            tokens.add(one["address"])
        if topics and topics[0] in (keccak(text=PAIR_CREATED), keccak(text=POOL_CREATED)):
            pair = [decode(["address"], topic)[0] for topic in topics[1:3]]
            terms: dict[str, Any] = {}
            if topics[0] == keccak(text=PAIR_CREATED):
                address, _ = decode(["address", "uint256"], data)
            else:
                spacing, address = decode(["int24", "address"], data)
                [fee] = decode(["uint24"], topics[3])
                terms = {"fee": str(Decimal(fee) / 10**6), "tick_spacing": spacing}
            tokens.update(pair)
            pools[address] = terms | {"pair": pair, "factory": one["address"], "blockchain": f"eip155:{chain}"}
    return tokens, pools


SWAPS = ("uint256,uint256,uint256,uint256,address", "address,int256,int256,uint160,uint128,int24")
REAL = {
    "eth_getLogs_block_18000000.json": (291, 141, 2, 27, 2, datetime(2023, 8, 26, 16, 21, 35, tzinfo=UTC)),
    "ethereum-etl_logs_17173049_17173050.jsonl.xz": (681, 282, 9, 69, 10, datetime(2023, 5, 2, 12, 20, 11, tzinfo=UTC)),
}


@pytest.mark.parametrize("name", REAL)
def test_real_blocks(name: str, real_data: Path) -> None:
    count, transfers, nfts, v2_swaps, v3_swaps, time = REAL[name]
    others = count - transfers - nfts
    payload = read(real_data / "evm" / name)
    logs = json.loads(payload)[1]["result"] if name.endswith(".json") else list(map(json.loads, payload.splitlines()))
    assert len(logs) == count
    heads = Counter(one["topics"][0] for one in logs if one["topics"])
    v2, v3 = ("0x" + keccak(text=f"Swap(address,{rest})").hex() for rest in SWAPS)
    assert (heads[v2], heads[v3]) == (v2_swaps, v3_swaps)
    assert named("evm-logs").can_parse(payload[:65536])
    assert named(SOURCE).heading(stream(payload)) == Heading("eip155:1", time, is_listing=False)
    results = list(named(SOURCE).parse(stream(payload), None))
    assert tally(results) == {"token": transfers, "nft_transfer": 1, "other_event": 1}
    reasons = {r.code: r.reason for r in results if isinstance(r, Reject)}
    assert reasons["nft_transfer"].startswith(f"{nfts} Transfers with four topics")
    assert reasons["other_event"].startswith(f"{others} logs of ")
    assert f" {v2_swaps} × {v2}" in reasons["other_event"]
    tokens, pools = independent(logs, 1)
    assert {r.record.address for r in results if isinstance(r, Parsed) and isinstance(r.record, Token)} == tokens
    assert pools == {}


def test_real_pools(real_data: Path) -> None:
    """The collection wraps each log; every one is given to the importer by itself, told its blockchain."""
    vectors = json.loads(read(real_data / "evm" / "pool_and_pair_created_logs.json"))
    assert len(vectors) == 8
    dexes = []
    for vector in vectors:
        chain = CHAINS[vector["chain"]]
        tokens, pools = independent([vector["log"]], chain)
        *found_tokens, found = records(parse(vector["log"], source=f"evm-logs:eip155:{chain}"))
        assert [token.address for token in found_tokens] == sorted(tokens)
        [(address, expected)] = pools.items()
        assert found.address == address
        assert found.tokens == tuple(type(found.tokens[0])(instrument_id=token.id) for token in found_tokens)
        stated = {key: found.known().get(key) for key in expected if key != "pair"}
        assert stated == {key: value for key, value in expected.items() if key != "pair"}
        assert [token.address for token in found_tokens] == expected["pair"]
        dexes.append(found.dex)
    assert dexes == ["uniswap_v3"] * 3 + ["uniswap_v2", "quickswap_v2", "uniswap_v3", "uniswap_v3", None]


def test_tokens_of_pools_are_remembered_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Once, "LIMIT", 2)
    assert tally(parse(pair(), pair())) == {"token": 2, "pool": 2}
    others = pair("0x" + "33" * 20, "0x" + "44" * 20)
    assert tally(parse(pair(), others, pair())) == {"token": 6, "pool": 3}


def test_signatures_are_counted_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evm_logs, "MAX_SIGNATURES", 2)
    strangers = [log(LOW, f"E{n}(uint256)", data=(1,)) for n in (1, 2, 3, 1)]
    assert reject(parse(*strangers)).reason.startswith("4 logs of 2 other events")


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_logs_with_any_value_anywhere(data: st.DataObject) -> None:
    logs = [transfer(), pair(), v3(), v4()]
    one = data.draw(st.sampled_from(logs))
    key = data.draw(st.sampled_from(sorted(one)) | st.text(max_size=5))
    if key == "topics" and data.draw(st.booleans()):
        one["topics"][data.draw(st.integers(0, 2))] = data.draw(JSON)
    else:
        one[key] = data.draw(JSON)
    check(named(SOURCE), json.dumps(logs).encode())
    check(named(SOURCE), "\n".join(map(json.dumps, logs)).encode())
    check(named(SOURCE), json.dumps([{"jsonrpc": "2.0", "result": logs, key: data.draw(JSON)}]).encode())
