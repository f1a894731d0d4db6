"""One snapshot for many: threads that all come first, and a child after a fork."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import NotFound
from catalog.snapshot import Snapshot, build
from tests.snapshot import support
from tests.snapshot.support import AAPL, ALIASES, APPLE, BTC, ES, ETHER, LUNA, PAIR, POOL, SWAP, TOKEN, USDC, USDT

THREADS = 8


@pytest.fixture(autouse=True)
def _impatient() -> Iterator[None]:
    """Threads take turns as often as they can, so that whatever can come between two steps does."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture(params=[64, 128])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    place = tmp_path / "universe.snap"
    support.write(place, support.universe(), request.param)
    return place


def in_threads(work: Callable[[int], object]) -> None:
    """Do it in all threads at the same moment; the first failure is raised here."""
    barrier = threading.Barrier(THREADS)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            barrier.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def look_ups(snapshot: Snapshot) -> list[Callable[[], object]]:
    """Every look-up that there is, each of which says whether its answer is right."""
    by_id = [r for r in support.RECORDS if r.record != "listing"]

    def expect(found: Any, expected: Any) -> None:
        assert found == expected

    def expect_none(id: bytes) -> None:
        with pytest.raises(NotFound):
            snapshot.get(id)

    looks: list[Callable[[], object]] = [
        *(lambda r=r: expect(snapshot.get(r.id, r.kind), r) for r in by_id),
        *(lambda r=r: expect(snapshot.view(r.id, r.kind).values()["status"], r.status) for r in by_id),
        lambda: expect(snapshot.get(ALIASES[0].id), AAPL),
        lambda: expect_none(ALIASES[1].id),
        lambda: expect_none(bytes(16)),
        lambda: expect(snapshot.by_isin("US0378331005"), [APPLE, AAPL]),
        lambda: expect(snapshot.by_cusip("037833100"), [APPLE, AAPL]),
        lambda: expect(snapshot.by_figi("BBG000B9XRY4"), [AAPL]),
        lambda: expect(snapshot.by_symbol("BTC"), [BTC]),
        lambda: expect(snapshot.by_address(USDC, "eip155:1"), [TOKEN]),
        lambda: expect(snapshot.by_exchange_symbol("binance", "BTCUSDT"), [support.PERPETUAL, PAIR]),
        lambda: expect(snapshot.by_exchange_symbol("XNAS", "AAPL"), [AAPL]),
        lambda: expect(snapshot.pairs_for(BTC.id, USDT.id), [PAIR]),
        lambda: expect(POOL in snapshot.pools_for(ETHER.id, TOKEN.id), True),
        lambda: expect(snapshot.listings_of(AAPL.id), [support.HOME]),
        lambda: expect(snapshot.options_of(AAPL.id), [support.AAPL_CALL]),
        lambda: expect(len(snapshot.derivatives_of(BTC.id)), 2),
        lambda: expect(snapshot.broker_contracts_of(ES.id), [support.ALPACA_ES]),
        lambda: expect(snapshot.event_type(int(SWAP.shown_id)), SWAP),
        lambda: expect(len(snapshot.successions_of(LUNA.id)), 1),
        lambda: expect(len(list(snapshot)), support.INSTRUMENTS),
        lambda: expect({r.record for r in snapshot.records()}, {r.record for r in support.RECORDS}),
        lambda: expect(len(list(snapshot.aliases())), len(ALIASES)),
        lambda: expect(len(list(snapshot.successions())), 2),
        lambda: expect(len(list(snapshot.tombstones())), 2),
        lambda: expect(len(snapshot.index_heads()), 20),
        lambda: expect(len(snapshot.vocabularies), 14),
    ]
    return looks


def all_look_ups(snapshot: Snapshot, first: int = 0) -> None:
    looks = look_ups(snapshot)
    for n in range(len(looks)):
        looks[(first + n) % len(looks)]()


def test_threads_may_all_come_first(path: Path) -> None:
    """Every thread begins with another look-up in a snapshot that nobody has used, so that all is filled at once."""
    for _ in range(6):
        with Snapshot.open(path) as snapshot:
            in_threads(lambda number, s=snapshot: all_look_ups(s, number * 9))  # type: ignore[misc]
            in_threads(lambda _, s=snapshot: all_look_ups(s))  # type: ignore[misc]


def test_threads_may_fill_one_table_at_once(path: Path) -> None:
    for number in range(len(look_ups(Snapshot.open(path)))):
        snapshot = Snapshot.open(path)
        look = look_ups(snapshot)[number]
        in_threads(lambda _, look=look: look())  # type: ignore[misc]


def test_known_values_may_be_forgotten_by_another_thread(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A memory of two values per field is cleared all the time, that of lists too, while others read from it."""
    monkeypatch.setattr(build, "MAX_KNOWN", 2)
    with Snapshot.open(path) as snapshot:
        records = [r for r in support.RECORDS if r.record != "listing"]

        def read(number: int) -> None:
            for n in range(12 * len(records)):
                record = records[(n * (number + 1)) % len(records)]
                assert snapshot.get(record.id, record.kind) == record

        in_threads(read)


def test_a_forgotten_list_takes_the_long_way(path: Path) -> None:
    """What a thread finds that has seen a value known just before another one cleared what was made of it."""
    with Snapshot.open(path) as snapshot:
        assert snapshot.get(POOL.id, "pool") == POOL
        place = snapshot.locate(POOL.id, "pool")
        assert place is not None
        record, id, values = snapshot.decode(next(m for m in snapshot._section(2) if m.offset == place))
        builder = build.Builder(record)
        assert builder(id, values, place) == POOL
        builder._lists["tokens"].clear()
        assert builder(id, values, place) == POOL
        assert builder._lists["tokens"]


FIRST_IN_A_PROCESS = """
import sys, threading
from catalog.snapshot import Snapshot
assert "pydantic" not in sys.modules
sys.setswitchinterval(1e-6)
snapshot = Snapshot.open(sys.argv[1])
barrier, names, failures = threading.Barrier(8), set(), []
def look(number):
    try:
        barrier.wait()
        for kind, id in (pair.split("=") for pair in sys.argv[2 + number:] + sys.argv[2:2 + number]):
            names.add(snapshot.get(id, kind).id)
    except BaseException as error:
        failures.append(repr(error))
threads = [threading.Thread(target=look, args=(n,)) for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not failures, failures
assert len(names) == len(sys.argv) - 2
"""


def test_threads_may_bring_in_all_modules_at_once(path: Path) -> None:
    """In a process that has decoded no record yet: the model's classes and its lists of codes come with the first."""
    ids = [f"{record.kind}={record.id}" for record in support.RECORDS if record.record != "listing"]
    done = subprocess.run(
        [sys.executable, "-c", FIRST_IN_A_PROCESS, str(path), *ids],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
@pytest.mark.parametrize("copy", [False, True], ids=["mapped", "copied"])
def test_a_child_and_its_parent_both_look_up(path: Path, used: bool, copy: bool) -> None:
    with Snapshot.open(path, copy=copy) as snapshot:
        if used:
            all_look_ups(snapshot)
        children = []
        for _ in range(3):
            child = os.fork()
            if not child:
                code = 1
                try:
                    all_look_ups(snapshot)
                    code = 0
                finally:
                    os._exit(code)
            children.append(child)
            all_look_ups(snapshot)
        assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
        all_look_ups(snapshot)


def test_workers_of_a_pool_share_what_the_parent_has_open(path: Path) -> None:
    global _shared
    with Snapshot.open(path) as _shared:
        with multiprocessing.get_context("fork").Pool(2) as workers:
            found = workers.map(_symbol, [str(BTC.id), str(ETHER.id), str(TOKEN.id)] * 5)
        assert found == [("BTC", "asset"), ("ETH", "native"), ("USDC", "token")] * 5
        path.unlink()  # and a file without a name is still there for all who have it open
        all_look_ups(_shared)


_shared: Snapshot


def _symbol(id: str) -> Any:
    return _shared.view(id).symbol, _shared.get(id).record
