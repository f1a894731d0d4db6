"""`catalog import SOURCE:BLOCKCHAIN`: what a payload does not say itself is told on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Run

LOW, HIGH, POOL = ("0x" + byte * 20 for byte in ("11", "22", "aa"))
POOLS = [
    {
        "address": POOL,
        "coinsAddresses": [LOW, HIGH],
        "coins": [{"address": address, "symbol": "S", "decimals": "18"} for address in (LOW, HIGH)],
        "registryId": "main",
    }
]
LOGS = [{"address": LOW, "topics": ["0x" + "ab" * 32], "data": "0x", "blockNumber": "0x1"}]


@pytest.mark.parametrize(("source", "payload"), [("pool-list", POOLS), ("evm-logs", LOGS)])
@pytest.mark.parametrize("is_named", [True, False])
def test_an_untold_blockchain_is_asked_for(
    catalog: Run, write: Callable[[str], str], source: str, payload: list[object], is_named: bool
) -> None:
    done = catalog("import", source if is_named else "auto", write(json.dumps(payload)))
    assert done.code == 2
    assert done.lines == [
        "error: the payload does not say of which blockchain it speaks",
        f"hint: say it behind the source: `catalog import {source}:eip155:1 FILE` is Ethereum",
    ]


def test_a_told_blockchain_is_where_the_pools_are(catalog: Run, write: Callable[[str], str]) -> None:
    done = catalog("import", "pool-list:eip155:10", write(json.dumps(POOLS)), "--json")
    assert (done.code, done.json["registered"], done.json["source"]) == (0, 3, "pool-list")
    assert {found["blockchain"] for found in catalog("find", POOL, "--json").json} == {"eip155:10"}


def test_what_was_passed_over_is_in_the_report(catalog: Run, write: Callable[[str], str]) -> None:
    done = catalog("import", "evm-logs:eip155:1", write(json.dumps(LOGS * 3)), "--json")
    assert (done.code, done.json["seen"], done.json["rejected"]) == (1, 1, 1)
    [reject] = catalog("imports", "rejects", str(done.json["run_id"]), "--json").json
    assert (reject["place"], reject["code"]) == ("/0", "other_event")
    assert reject["reason"].startswith("3 logs of 1 other event, ")


@pytest.mark.parametrize("source", ["evm-logs:ethereum", "pool-list:solana:x", "evm-logs:", "eth-call:eip155:1"])
def test_what_is_told_has_to_be_known(catalog: Run, write: Callable[[str], str], source: str) -> None:
    done = catalog("import", source, write("[]"))
    assert (done.code, len(done.lines)) == (2, 2)
