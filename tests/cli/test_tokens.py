"""`catalog tokens resolve`: what contracts say, registered as a statement of the chain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.conftest import Run
from tests.node import FakeNode, running, token

A, B, C = ("0x" + byte * 20 for byte in ("a1", "b2", "c3"))


@pytest.fixture
def fake() -> Iterator[FakeNode]:
    with running(FakeNode(contracts={A: token(6, "USDC"), B: {}})) as node:
        yield node


def test_what_contracts_say_is_registered(catalog: Run, fake: FakeNode) -> None:
    done = catalog("tokens", "resolve", "--rpc", fake.url, A, "--json")
    assert done.code == 0, done.err
    assert done.json["by_record"]["token"]["registered"] == 1
    [found] = catalog("find", A, "--json").json
    assert (found["blockchain"], found["symbol"], found["decimals"]) == ("eip155:1", "USDC", 6)
    [run] = catalog("imports", "list", "--json").json
    assert (run["source"], run["feed"]) == ("eth-call", "eip155:1")
    again = catalog("tokens", "resolve", "--rpc", fake.url, A, "--blockchain", "eip155:1", "--json")
    assert again.json["unchanged"] == 1


def test_what_a_contract_does_not_say_is_told(catalog: Run, fake: FakeNode) -> None:
    done = catalog("tokens", "resolve", "--rpc", fake.url, A, B, "--json")
    assert done.code == 1
    assert (done.json["registered"], done.json["rejected"]) == (1, 1)
    [reject] = catalog("imports", "rejects", str(done.json["run_id"]), "--json").json
    assert (reject["place"], reject["code"]) == ("/tokens/1", "missing_decimals")
    assert catalog("tokens", "resolve", "--rpc", fake.url, B, "--tolerate", "rejects").code == 0


def test_a_dry_run_and_a_limit(catalog: Run, fake: FakeNode) -> None:
    done = catalog("tokens", "resolve", "--rpc", fake.url, A, B, "--limit", "1", "--dry-run", "--json")
    assert (done.code, done.json["dry_run"], done.json["seen"]) == (0, True, 1)
    assert catalog("find", A, "--json").json == []


def test_a_node_of_another_blockchain(catalog: Run, fake: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATALOG_RPC_URL", fake.url)
    done = catalog("tokens", "resolve", A, "--blockchain", "eip155:10")
    assert done.code == 2
    assert done.lines == [
        "error: the node is of `eip155:1`, not of `eip155:10`",
        "hint: name a node of that blockchain",
    ]


@pytest.mark.parametrize("address", ["0x12", "0x" + "0" * 40])
def test_addresses_that_are_no_token(catalog: Run, fake: FakeNode, address: str) -> None:
    assert catalog("tokens", "resolve", "--rpc", fake.url, address).code == 2


def test_a_node_that_is_not_there_keeps_its_key(catalog: Run) -> None:
    done = catalog("tokens", "resolve", "--rpc", "ftp://127.0.0.1/secret-key", A)
    assert done.code == 2
    assert "secret-key" not in done.err + done.out


def test_what_came_before_the_node_gave_up_is_registered(catalog: Run, fake: FakeNode) -> None:
    many = [f"0x{n:040x}" for n in range(0x1000, 0x1000 + 150)]
    fake.contracts = {address: token() for address in many}
    fake.faults = [None, None, None, 404]
    done = catalog("tokens", "resolve", "--rpc", fake.url, *many, "--json")
    assert done.code == 2
    assert done.json["registered"] == 100
    assert "100 of 150 tokens were asked: the node 127.0.0.1 answers with HTTP 404" in done.err
