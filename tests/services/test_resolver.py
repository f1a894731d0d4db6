from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from eth_abi.abi import encode

from catalog.domain import Token
from catalog.errors import InvalidIdentifier, InvalidRecord
from catalog.importers.base import Parsed, Reject
from catalog.importers.registry import detect
from catalog.services import node as node_module
from catalog.services import resolver
from catalog.services.node import CallFailed, Node, NodeError
from catalog.services.resolver import QUESTIONS, blockchain_of, resolve
from tests.node import AGGREGATE3, FUNCTIONS, MULTICALL3, FakeNode, error, running, selector, token

ADDRESSES = [f"0x{n:040x}" for n in range(0x1000, 0x1000 + 250)]
A, B, C, D = ADDRESSES[:4]
MAINNET = "eip155:1"
MKR = {"decimals": encode(["uint256"], [18]), "symbol": b"MKR".ljust(32, b"\0"), "name": b"Maker".ljust(32, b"\0")}


@pytest.fixture
def fake() -> Iterator[FakeNode]:
    with running(FakeNode()) as node:
        yield node


def client(fake: FakeNode, waits: list[float] | None = None, **options: Any) -> Node:
    sleep = (lambda _: None) if waits is None else waits.append
    return Node(fake.url, **{"timeout": 0.3, "attempts": 4, "sleep": sleep} | options)


def asked(fake: FakeNode, *addresses: str, waits: list[float] | None = None, **options: Any) -> dict[str, Any]:
    """The records and reject codes by address that come of asking, through the importer."""
    with client(fake, waits, **options) as node:
        resolution = resolve(node, [(MAINNET, address) for address in addresses], MAINNET)
    payload = resolution.payload()
    importer = detect(payload)
    assert importer.source == "eth-call"
    found: dict[str, Any] = {}
    for result in importer.parse(io.BytesIO(payload), None):
        if isinstance(result, Parsed):
            assert isinstance(result.record, Token)
            found[result.record.address] = result.record
        else:
            found[json.loads(result.row)["address"]] = result.code
    return found


def described(address: str, decimals: int = 18, symbol: str = "TOK", name: str = "Token") -> Token:
    return Token(blockchain=MAINNET, address=address, decimals=decimals, symbol=symbol, name=name)


def test_the_selectors_are_those_of_the_functions() -> None:
    assert {selector(f"{name}()"): name for name in ("decimals", "symbol", "name")} == FUNCTIONS
    assert {data: name for name, data in QUESTIONS.items()} == FUNCTIONS
    assert f"0x{resolver._AGGREGATE3}" == AGGREGATE3
    assert resolver.MULTICALL3 == MULTICALL3


@pytest.mark.parametrize(("has_multicall", "takes_batches"), [(True, True), (False, True), (False, False)])
def test_every_way_of_asking_gives_the_same(fake: FakeNode, has_multicall: bool, takes_batches: bool) -> None:
    fake.has_multicall, fake.takes_batches = has_multicall, takes_batches
    fake.contracts = {A: token(6, "USDC", "USD Coin"), B: MKR, C: {"decimals": encode(["uint8"], [0])}, D: {}}
    nowhere = ADDRESSES[4]
    assert asked(fake, A, B, C, D, nowhere) == {
        A: described(A, 6, "USDC", "USD Coin"),
        B: described(B, 18, "MKR", "Maker"),
        C: Token(blockchain=MAINNET, address=C, decimals=0),
        D: "missing_decimals",
        nowhere: "missing_decimals",
    }
    calls = [r for r in fake.requests if isinstance(r, list) or r["method"] == "eth_call"]
    assert len(calls) == (1 if has_multicall else 2 if takes_batches else 2 + 15)


def test_many_tokens_go_in_few_calls(fake: FakeNode) -> None:
    fake.contracts = {address: token(n % 20, f"T{n}") for n, address in enumerate(ADDRESSES)}
    found = asked(fake, *ADDRESSES)
    assert found == {address: described(address, n % 20, f"T{n}") for n, address in enumerate(ADDRESSES)}
    assert len(fake.requests) == 1 + 3


def test_garbage_of_one_contract_costs_no_other(fake: FakeNode) -> None:
    garbage = {"decimals": b"\xff" * 32, "symbol": b"\xff" * 77, "name": b"\x01"}
    not_utf8 = token() | {"symbol": encode(["bytes"], [b"\xff\xfe"])}
    gigantic = token() | {"symbol": encode(["string"], ["x" * 100_000])}
    fake.contracts = {A: garbage, B: not_utf8, C: gigantic, D: token()}
    with client(fake) as node:
        resolution = resolve(node, [(MAINNET, address) for address in (A, B, C, D)], MAINNET)
    assert resolution.answers[C]["symbol"] == {"length": 100_064}
    assert len(resolution.payload()) < 4000
    results = list(detect(resolution.payload()).parse(io.BytesIO(resolution.payload()), None))
    said = [(r.place, r.code) if isinstance(r, Reject) else (r.place, r.record.known().get("symbol")) for r in results]
    assert said == [
        ("/tokens/0", "invalid_decimals"),
        ("/tokens/1", None),
        ("/tokens/1/symbol", "invalid_symbol"),
        ("/tokens/2", None),
        ("/tokens/2/symbol", "invalid_symbol"),
        ("/tokens/3", "TOK"),
    ]


def test_a_contract_that_spoils_common_calls_is_found_by_halving(fake: FakeNode) -> None:
    fake.contracts = {address: token() for address in ADDRESSES[:64]}
    fake.poison = ADDRESSES[37]
    assert asked(fake, *ADDRESSES[:64]) == {address: described(address) for address in ADDRESSES[:64]}
    assert len(fake.requests) < 20


def test_only_tokens_of_the_blockchain_are_asked_and_each_once(fake: FakeNode) -> None:
    fake.contracts = {A: token()}
    tokens = [("eip155:10", B), (MAINNET, A), (MAINNET, A)]
    tokens += [(MAINNET, "0x" + "0" * 40), (MAINNET, "0x" + "e" * 40), (MAINNET, C), (MAINNET, D)]
    with client(fake) as node:
        assert list(resolve(node, tokens, MAINNET).answers) == [A, C, D]
        assert list(resolve(node, tokens, MAINNET, limit=2).answers) == [A, C]
        assert resolve(node, [], MAINNET).answers == {}


def test_tokens_named_by_hand() -> None:
    assert resolver.explicit(MAINNET, [A]) == [(MAINNET, A)]
    with pytest.raises(InvalidIdentifier):
        resolver.explicit(MAINNET, ["0x12"])
    with pytest.raises(InvalidRecord, match="native coin"):
        resolver.explicit(MAINNET, ["0x" + "0" * 40])


def test_all_are_asked_at_one_block_which_the_payload_names(fake: FakeNode) -> None:
    fake.has_multicall = False
    with client(fake) as node:
        resolution = resolve(node, [(MAINNET, A)], MAINNET)
    head = json.loads(resolution.payload())
    assert (head["blockchain"], head["blockNumber"], head["blockTimestamp"]) == (MAINNET, "0x112a880", "0x64ea268f")


def test_a_node_of_another_blockchain_is_refused(fake: FakeNode) -> None:
    fake.chain_id = 8453
    with client(fake) as node:
        assert blockchain_of(node) == blockchain_of(node, "eip155:8453") == "eip155:8453"
        with pytest.raises(NodeError, match="`eip155:8453`, not of `eip155:1`"):
            blockchain_of(node, MAINNET)


@pytest.mark.parametrize(
    "fault",
    [
        429,
        500,
        502,
        503,
        "cut",
        "hang",
        "{oops",
        "",
        "[]",
        "5",
        "[" * 100_000,
        '{"id": 999, "result": "0x"}',
        error(-32005, "limit exceeded"),
        error(-32000, "Too Many Requests"),
        error(-32000, "header not found"),
    ],
)
def test_what_may_pass_is_asked_again(fake: FakeNode, fault: Any) -> None:
    fake.contracts = {A: token()}
    for place in range(2):
        fake.faults = [None] * place + [fault, fault]
        waits: list[float] = []
        assert asked(fake, A, waits=waits) == {A: described(A)}
        assert len(waits) == 2
        assert all(0 <= wait <= 30 for wait in waits)


def test_a_node_may_say_how_long_to_wait(fake: FakeNode) -> None:
    fake.headers = {"Retry-After": "7"}
    fake.faults = [429]
    waits: list[float] = []
    asked(fake, A, waits=waits)
    fake.headers, fake.faults = {"Retry-After": "86400"}, [503]
    asked(fake, A, waits=waits)
    assert waits == [7, 60]
    fake.headers, fake.faults = {"Retry-After": "Tue, 24 Nov 2026 00:00:00 GMT"}, [503]
    asked(fake, A, waits=waits)
    assert waits[2] <= 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(500, "HTTP 500"), ("cut", "cannot be reached"), ("hang", "in time"), ("{oops", "no JSON"), ("[]", "an object")],
)
def test_what_does_not_pass_is_given_up(fake: FakeNode, fault: Any, reason: str) -> None:
    fake.faults = [fault] * 9
    with client(fake, attempts=3) as node, pytest.raises(NodeError, match=reason):
        node.call("eth_chainId", [])
    assert len(fake.requests) == 3


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (401, "HTTP 401"),
        (403, "HTTP 403"),
        (404, "HTTP 404"),
        (301, "HTTP 301"),
        (error(-32601, "the method is not there"), "not there"),
        (lambda _: {"id": 1}, "no result"),
        (lambda _: {"id": 1, "error": "odd"}, "odd"),
        (lambda _: {"id": 1, "result": "odd"}, "`odd` where a number is expected"),
        (lambda _: {"id": 1, "result": None}, "where a number is expected"),
    ],
)
def test_what_will_not_pass_is_said_at_once(fake: FakeNode, fault: Any, reason: str) -> None:
    fake.faults = [fault]
    with client(fake) as node, pytest.raises(NodeError, match=reason) as caught:
        blockchain_of(node)
    assert len(fake.requests) == 1
    assert "secret-key" not in str(caught.value)


def test_answers_without_end_are_not_read_to_it(fake: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "MAX_ANSWER", 10_000)
    fake.contracts = {A: token() | {"symbol": encode(["string"], ["x" * 50_000])}, B: token()}
    found = asked(fake, A, B)
    assert found[B] == described(B)
    assert found[A] == Token(blockchain=MAINNET, address=A, decimals=18, name="Token")


def test_an_answer_that_drips_is_given_up(fake: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "MAX_SECONDS", -1.0)
    with client(fake, attempts=2) as node, pytest.raises(NodeError, match="takes longer"):
        node.call("eth_chainId", [])


def test_a_batch_that_is_answered_in_part_is_asked_again(fake: FakeNode) -> None:
    fake.has_multicall = False
    fake.contracts = {A: token()}
    fake.faults = [None, None, lambda request: fake.answer(request)[1:], lambda _: [5, None, {}]]
    assert asked(fake, A) == {A: described(A)}
    assert [len(r) for r in fake.requests if isinstance(r, list)] == [3, 3, 3]


@pytest.mark.parametrize("returned", ["0x12", "0x" + "00" * 64, "0x" + "ff" * 64])
def test_another_contract_in_the_place_of_multicall(fake: FakeNode, returned: str) -> None:
    fake.contracts = {A: token()}
    fake.faults = [None, lambda request: {"id": request["id"], "result": returned}]
    assert asked(fake, A) == {A: described(A)}


def test_a_node_that_talks_nonsense_in_the_place_of_bytes(fake: FakeNode) -> None:
    fake.faults = [None, lambda request: {"id": request["id"], "result": "0xzz"}]
    with client(fake) as node, pytest.raises(NodeError, match="where bytes are expected"):
        resolve(node, [(MAINNET, A)], MAINNET)
    fake.faults = [lambda request: {"id": request["id"], "result": None}]
    with client(fake) as node, pytest.raises(NodeError, match="no latest block"):
        resolve(node, [(MAINNET, A)], MAINNET)


def test_what_was_answered_before_the_node_gave_up_is_kept(fake: FakeNode) -> None:
    fake.contracts = {address: token() for address in ADDRESSES}
    fake.faults = [None, None, *[500] * 4]
    with client(fake) as node:
        resolution = resolve(node, [(MAINNET, address) for address in ADDRESSES], MAINNET)
    assert list(resolution.answers) == ADDRESSES[:100]
    assert resolution.wanted == 250
    assert "HTTP 500" in str(resolution.failure)
    assert resolution.payload().count(b'"address"') == 100


def test_failures_of_contracts_are_answers(fake: FakeNode) -> None:
    for code, message in (
        (3, ""),
        (-32000, "execution reverted: no"),
        (-32015, "VM execution error"),
        (-32000, "out of gas"),
    ):
        fake.faults = [error(code, message)]
        with client(fake) as node, pytest.raises(CallFailed):
            node.call("eth_call", [])
    assert len(fake.requests) == 4


@pytest.mark.parametrize("url", ["", "node", "ftp://node", "http://", "file:///etc/passwd"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(NodeError, match="no URL of a node"):
        Node(url)
