"""Logs of a chain: every range once, behind the head, also when the node refuses ranges or the chain changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog import Catalog
from catalog.repositories import ingest as rows
from tests.services.ingest.conftest import Follow, LogStub, address, chain, held, runs
from tests.services.ingest.servers import Answer, Node, Server, Visit, block_hash, redirect, send, status

Serve = Callable[..., Server]


def cursor_of(catalog: Catalog) -> tuple[int, str] | None:
    with catalog.transaction() as cursor:
        cursor.execute("SELECT block_number, block_hash FROM ingest_blocks WHERE name = 'pools'")
        found = cursor.fetchone()
    return None if found is None else (found[0], found[1])


def at(*blocks: int) -> dict[int, list[str]]:
    """A log in each of these blocks, of the address with the block's number."""
    return {n: [address(n)] for n in blocks}


def test_ranges_up_to_what_is_confirmed_and_on_from_there(
    follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub
) -> None:
    node = Node(27, at(1, 10, 11, 25, 26, 37))
    server = serve(node)
    done = follow(chain(server.url))
    assert node.ranges() == [(1, 10), (11, 20), (21, 25)]
    assert done.words == ["imported"] * 3
    assert held(catalog) == {1, 10, 11, 25}
    assert cursor_of(catalog) == (25, block_hash(25))
    node.calls.clear()
    assert follow(chain(server.url)).words == []  # nothing new: nothing is asked
    assert node.ranges() == []
    node.head = 40
    assert follow(chain(server.url)).words == ["imported"] * 2
    assert node.ranges() == [(26, 35), (36, 38)]
    assert held(catalog) == {1, 10, 11, 25, 26, 37}
    assert cursor_of(catalog) == (38, block_hash(38))


def test_what_is_handed_over(follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub) -> None:
    node = Node(12, at(3))
    topic = f"0x{'Ab' * 32}"
    more = f'addresses = ["0x{"C" * 40}"]\ntopics = [["{topic}"], []]'
    follow(chain(serve(node).url, more))
    [(_, asked)] = [call for call in node.calls if call[0] == "eth_getLogs"]
    assert asked == [
        {"fromBlock": "0x1", "toBlock": "0xa", "address": [f"0x{'c' * 40}"], "topics": [[topic.lower()], None]}
    ]
    [document] = stub.documents
    assert {k: document[k] for k in ("blockchain", "fromBlock", "toBlock")} == {
        "blockchain": "eip155:1", "fromBlock": "0x1", "toBlock": "0xa",
    }  # fmt: skip
    assert [log["address"] for log in document["result"]] == [address(3)]
    [run] = catalog.imports()
    assert (run["source"], run["feed"]) == ("evm-logs", "pools")


def test_the_importer_gets_what_it_takes_from_a_file(
    follow: Follow, serve: Serve, fresh_catalog: Callable[[], Catalog]
) -> None:
    file = Path(__file__).parents[2] / "importers" / "payloads" / "evm-logs.json"
    document = json.loads(file.read_bytes())
    start, end = int(document["fromBlock"], 16), int(document["toBlock"], 16)
    node = Node(end + 2, chain="0x2105")

    def answer(visit: Visit) -> None:
        if b"eth_getLogs" in visit.body:
            send({"jsonrpc": "2.0", "id": 1, "result": document["result"]})(visit)
        else:
            node(visit)

    source = chain(serve(answer).url, from_block=start, max_range=end - start + 1).replace("eip155:1", "eip155:8453")
    followed, imported = fresh_catalog(), fresh_catalog()
    report = follow(source, on=followed).only("imported")
    of_file = imported.import_file("evm-logs", str(file)).to_json()
    assert report["by_record"] == of_file["by_record"]
    assert report["registered"] > 0
    assert followed.stats()["by_record"] == imported.stats()["by_record"]
    assert follow(source, on=followed).words == []


def test_ranges_without_logs_make_no_run(follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub) -> None:
    done = follow(chain(serve(Node(40)).url))
    assert [event["logs"] for event in done.named("read")] == [0] * 4
    assert runs(catalog) == []
    assert cursor_of(catalog) == (38, block_hash(38))


def test_before_the_first_block_there_is_nothing_to_do(
    follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub
) -> None:
    done = follow(chain(serve(Node(100)).url, from_block=99))
    assert done.words == []
    assert done.outcome.is_readable
    assert cursor_of(catalog) is None


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        ("block range is too wide", 200), ("exceed maximum block range: 4", 200), ("requested too many blocks", 200),
        ("query returned more than 10000 results", 200), ("Log response size exceeded.", 400),
        ("eth_getLogs is limited to a 10,000 range", 200), ("logs matched by query exceeds limit of 10000", 200),
        ("query timeout exceeded", 200), ("limit exceeded", 200), ("anything", 413),
    ],
)  # fmt: skip
def test_a_range_that_the_node_refuses_is_halved(
    follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub, refusal: str, code: int
) -> None:
    node = Node(42, at(*range(1, 41)), max_blocks=4, refusal=refusal, refusal_status=code)
    done = follow(chain(serve(node).url, max_range=16))
    assert [event["blocks"] for event in done.named("halved")] == [8, 4, 4]
    read = [r for r in node.ranges() if r[1] - r[0] < 4]
    assert [n for start, end in read for n in range(start, end + 1)] == list(range(1, 41))
    assert (8, 15) not in read  # … and what it does accept is tried to be doubled, after a while
    assert node.ranges()[-4:] == [(29, 32), (33, 40), (33, 36), (37, 40)]
    assert held(catalog) == set(range(1, 41))


def test_many_logs_in_one_range(follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub) -> None:
    node = Node(10, {1: [address(1)], 2: [address(n) for n in range(2, 8)], 3: [address(8)]}, max_logs=6)
    follow(chain(serve(node).url))
    assert held(catalog) == set(range(1, 9))


def test_an_answer_that_is_too_large_is_a_range_too_large(
    follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub
) -> None:
    node = Node(10, {n: [address(1000 * n + m) for m in range(1, 1001)] for n in range(1, 9)})
    done = follow(chain(serve(node).url), ingest="[ingest]\nmax_body_mib = 1\n")
    assert done.words[:1] == ["halved"]
    assert len(held(catalog)) == 8000


def test_one_block_that_is_too_much(follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub) -> None:
    node = Node(10, {3: [address(1), address(2)]}, max_logs=1)
    done = follow(chain(serve(node).url))
    assert "block 3 alone is too much" in done.only("failed")["reason"]
    assert cursor_of(catalog) == (2, block_hash(2))


def error(code: int, message: str) -> Answer:
    return send({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}})


@pytest.mark.parametrize(
    "trouble",
    [
        error(-32005, "daily request count exceeded, request rate limited"), error(-32000, "header not found"),
        status(500), status(429), send("<html>bad gateway</html>"), send("[]"), send({"jsonrpc": "2.0", "id": 1}),
        send('{"jsonrpc": "2.0", "id": 1, "resu'),
    ],
)  # fmt: skip
def test_the_nodes_trouble_passes(
    follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub, trouble: Answer
) -> None:
    node = Node(22, at(5, 15))
    for good in range(4):
        server = serve(*[node] * good, trouble, node)
        done = follow(chain(server.url, name_of_this(good)))
        assert done.words[0] == "trouble"
        assert done.outcome.is_readable
    assert held(catalog) == {5, 15}


def name_of_this(number: int) -> str:
    """A filter of its own, so that each of several polls begins at the first block."""
    return f'addresses = ["{address(number + 1)}"]'


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (error(-32601, "no such method"), "no such method"),
        (send({"result": "one"}), "no number"),
        (send({"result": 1}), "no number"),
        (send({"result": "0x" + "f" * 16}), "no number"),
        (redirect("/elsewhere", 308), "redirects a POST"),
        (status(401), "status 401"),
        (Node(1, chain="0x89"), "one of `eip155:137`, not of `eip155:1`"),
    ],
)
def test_what_asking_again_would_not_help(
    follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub, answer: Answer, reason: str
) -> None:
    server = serve(answer)
    done = follow(chain(server.url))
    assert done.words == ["failed"]
    assert reason in done.only("failed")["reason"]
    assert len(server.visits) == 1
    assert cursor_of(catalog) is None


def test_logs_that_are_no_array(follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub) -> None:
    node = Node(10)
    server = serve(node, node, node, send({"result": {"logs": []}}))
    assert "no array" in follow(chain(server.url)).only("failed")["reason"]
    assert cursor_of(catalog) is None


def test_a_reorg_between_two_polls_is_read_again(follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub) -> None:
    node = Node(22, at(5, 18, 19))
    server = serve(node)
    follow(chain(server.url))
    assert cursor_of(catalog) == (20, block_hash(20))
    node.calls.clear()
    node.forked_from, node.head, node.logs = 18, 24, at(5, 17, 19, 21)
    done = follow(chain(server.url))
    told = done.only("reorg")
    assert (told["block"], told["was"], told["now"]) == (20, block_hash(20), block_hash(20, "b"))
    assert told["read_again_from"] == 16
    assert node.ranges() == [(16, 22)]
    assert held(catalog) == {5, 17, 18, 19, 21}
    assert cursor_of(catalog) == (22, block_hash(22, "b"))
    assert follow(chain(server.url)).words == []


def test_a_reorg_goes_back_no_further_than_the_first_block(
    follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub
) -> None:
    node = Node(14)
    server = serve(node)
    follow(chain(server.url, from_block=10))
    node.forked_from = 1
    assert follow(chain(server.url, from_block=10)).only("reorg")["read_again_from"] == 10


def test_a_reorg_while_a_range_is_read_is_seen_by_the_next_poll(
    follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub
) -> None:
    node = Node(12, at(8))

    def forks(visit: Any) -> None:
        node.forked_from, node.logs = 7, at(9)
        node(visit)

    server = serve(node, node, node, forks, node)
    follow(chain(server.url))
    assert follow(chain(server.url)).only("reorg")["read_again_from"] == 6
    assert held(catalog) == {9}


def test_a_node_that_is_behind_is_waited_for(follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub) -> None:
    node, late = Node(32), Node(15)
    server = serve(node)
    follow(chain(server.url))
    server.answers = [late, late, node]
    done = follow(chain(server.url))
    assert "has no block 30" in done.only("trouble")["reason"]
    assert cursor_of(catalog) == (30, block_hash(30))


def test_another_filter_begins_anew(follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub) -> None:
    node = Node(12)
    server = serve(node)
    for more, keys in (
        ("", {}),
        ("", {"max_range": 100}),
        (f'addresses = ["{address(1)}"]', {}),
        ("", {"from_block": 2}),
    ):
        follow(chain(server.url, more, **keys))
    assert node.ranges() == [(1, 10), (1, 10), (2, 10)]


def test_what_fails_between_import_and_cursor_is_read_again(
    follow: Follow, serve: Serve, catalog: Catalog, stub: LogStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("in between")

    node = Node(12, at(5, 6))
    server = serve(node)
    with monkeypatch.context() as patch:
        patch.setattr(rows, "move_block", fail)
        assert follow(chain(server.url)).only("failed")["reason"] == "RuntimeError: in between"
    assert cursor_of(catalog) is None
    again = follow(chain(server.url)).only("imported")
    assert (again["registered"], again["unchanged"]) == (0, 2)
    assert held(catalog) == {5, 6}
