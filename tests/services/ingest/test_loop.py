"""Following over time: restarts of everything, signals at bad moments, and the pace of registration."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from catalog import Catalog
from catalog.database import migrations
from catalog.database.embedded import EmbeddedServer
from catalog.services.ingest.limits import Clock, Stopped, Throttle
from catalog.services.ingest.pages import PagePoller
from tests.importers.support import read
from tests.services.ingest.conftest import FakeClock, Follow, held, http, runs, stop, token, tokens
from tests.services.ingest.servers import Server, Visit, drip, hang_up, send, status

Serve = Callable[..., Server]
ROOT = Path(__file__).parents[3]


def test_polls_come_again_until_told_to_stop(follow: Follow, serve: Serve, catalog: Catalog) -> None:
    server = serve(send(tokens(1)), status(404), send("<html>"), hang_up, send(tokens(1)), send(tokens(2)))

    def hear(event: dict[str, Any]) -> None:
        if event.get("registered") and len(server.visits) > 1:
            stop()

    done = follow(http(server.url), once=False, hear=hear)
    assert done.words == ["imported", "failed", "failed", "trouble", "unchanged", "imported"]
    assert done.outcome.is_stopped
    assert held(catalog) == {1, 2}
    assert len([seconds for seconds in done.clock.slept if seconds > 800]) == 4


def test_the_interval_is_from_start_to_start(follow: Follow, serve: Serve) -> None:
    clock = FakeClock()

    def slow(visit: Visit) -> None:
        clock.time += 100
        send(tokens(1))(visit)
        if len(server.visits) == 3:
            stop()

    server = serve(slow)
    follow(http(server.url), once=False, clock=clock.clock())
    assert [seconds for seconds in clock.slept if seconds > 1] == [800, 800]


def test_a_defect_met_by_one_source_ends_no_other(
    follow: Follow, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll = PagePoller.poll

    async def fail(self: PagePoller) -> bool:
        if self.source.name == "bad":
            raise ZeroDivisionError
        return await poll(self)

    monkeypatch.setattr(PagePoller, "poll", fail)
    server = serve(send(tokens(1)))
    done = follow(http(server.url, name="bad"), http(server.url, name="good"))
    assert (done.only("failed")["name"], done.only("failed")["code"]) == ("bad", "defect")
    assert done.only("imported")["name"] == "good"


def test_one_unclean_source_is_enough(follow: Follow, serve: Serve) -> None:
    def slowly(visit: Visit) -> None:
        time.sleep(0.2)
        send(tokens(1))(visit)

    unclean = serve(send([{"chainId": 1, "address": "0x0", "decimals": 1}]))
    done = follow(http(serve(slowly).url, name="slow"), http(unclean.url, name="unclean"))
    assert [event["name"] for event in done.named("imported")] == ["unclean", "slow"]
    assert not done.outcome.is_clean


def test_it_ends_when_nobody_listens(follow: Follow, serve: Serve) -> None:
    def hear(event: dict[str, Any]) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        follow(http(serve(send(tokens(1))).url), once=False, hear=hear)


# The pace


def test_the_throttle() -> None:
    clock = FakeClock()
    throttle = Throttle(1000, clock.clock())
    throttle.take(1000)  # a second's worth is there at once
    assert clock.slept == []
    for _ in range(5):
        throttle.take(1000)
    throttle.take(10)
    assert clock.time - 1000 == pytest.approx(5.01)
    clock.time += 100
    throttle.take(2000)  # but no more than a second's worth is saved up
    assert clock.slept[-1] == pytest.approx(1)
    throttle.stopping.set()
    with pytest.raises(Stopped):
        throttle.take(1)


def test_registrations_keep_the_pace_within_a_payload_and_across(
    follow: Follow, serve: Serve, catalog: Catalog
) -> None:
    server, other = serve(send(tokens(*range(1, 251)))), serve(send(tokens(*range(251, 301))))
    sources = http(server.url), http(other.url, name="other")
    done = follow(*sources, ingest="[ingest]\nregistrations_per_second = 100\n")
    assert held(catalog) == set(range(1, 301))
    assert len([seconds for seconds in done.clock.slept if seconds >= 0.5]) >= 2  # not one long wait
    assert sum(seconds for seconds in done.clock.slept if seconds >= 0.5) == pytest.approx(2, abs=0.3)


# Signals


def test_a_signal_in_the_middle_of_an_import_ends_it_behind_its_batch(
    follow: Follow, serve: Serve, catalog: Catalog
) -> None:
    def wait(stopping: threading.Event, _: float) -> bool:
        stop()
        return stopping.wait(10)

    server = serve(send(tokens(*range(1, 31))))
    clock = FakeClock()
    slow = Clock(lambda: clock.time, clock.sleep, wait)
    limit = "[ingest]\nregistrations_per_second = 10\n"
    done = follow(http(server.url), ingest=limit, once=False, clock=slow)
    assert done.words == ["stopped"]
    assert done.outcome.is_stopped
    assert len(held(catalog)) == 20  # ten at once, ten more on credit
    assert runs(catalog) == ["failed"]
    assert "will be imported again" in catalog.imports()[0]["failure"]
    again = follow(http(server.url)).only("imported")
    assert (again["registered"], again["unchanged"]) == (10, 20)
    assert follow(http(server.url)).words == ["unchanged"]


def test_a_signal_while_it_waits(follow: Follow, serve: Serve) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):

        async def sleep(_: float, number: signal.Signals = number) -> None:
            os.kill(os.getpid(), number)
            import asyncio

            await asyncio.sleep(60)

        done = follow(http(serve(status(500)).url), once=False, clock=Clock(sleep=sleep))
        assert done.words == ["trouble"]
        assert done.outcome.is_stopped


# Processes


def start(file: Path, url: str, *words: str, code: str = "") -> subprocess.Popen[str]:
    """`catalog ingest run`, after some other code if need be."""
    program = f"import os, sys\n{code}\nfrom cli.app import main\nsys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", program, "--json", "ingest", "run", str(file), *words],
        env=os.environ | {"CATALOG_DATABASE_URL": url, "PYTHONPATH": str(ROOT), "TMPDIR": str(file.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def events(done: subprocess.Popen[str]) -> list[dict[str, Any]]:
    out, err = done.communicate(timeout=30)
    assert err == ""
    return [event for line in out.splitlines() if (event := json.loads(line))["event"] != "following"]


def test_sigterm_while_a_slow_body_comes_in(serve: Serve, tmp_path: Path, database_url: str, catalog: Catalog) -> None:
    server = serve(drip)
    file = tmp_path / "ingest.toml"
    file.write_text(http(server.url))
    process = start(file, database_url)
    deadline = time.monotonic() + 20
    while not server.visits and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    assert events(process) == []
    assert process.returncode == 0
    assert time.monotonic() - begin < 5  # far less than the body would take
    assert runs(catalog) == []


IN_BETWEEN = "import catalog.repositories.ingest as rows\nrows.move_page = lambda *_: os.kill(os.getpid(), 9)"
BEHIND_A_BATCH = """from catalog.services.ingest.limits import Throttle
Throttle.take = lambda *_: os.kill(os.getpid(), 9)"""


@pytest.mark.parametrize(("kill", "state", "kept"), [(IN_BETWEEN, "done", 3), (BEHIND_A_BATCH, "running", 2)])
def test_killed_before_the_cursor_moves_nothing_is_doubled_or_missed(
    serve: Serve, tmp_path: Path, database_url: str, catalog: Catalog, kill: str, state: str, kept: int
) -> None:
    server = serve(send(tokens(1, 2, 3), ETag='"one"'), send(tokens(1, 2, 3, 4), ETag='"two"'))
    file = tmp_path / "ingest.toml"
    file.write_text("[ingest]\nregistrations_per_second = 2\n" + http(server.url))
    process = start(file, database_url, "--once", code=kill)
    assert [event["event"] for event in events(process)] == []
    assert process.returncode == -signal.SIGKILL
    assert (runs(catalog), len(held(catalog))) == ([state], kept)
    sequence = catalog.stats()["last_sequence"]
    process = start(file, database_url, "--once")
    [event] = events(process)
    assert process.returncode == 0
    assert (event["registered"], event["updated"], event["unchanged"]) == (4 - kept, 0, kept)
    assert "If-None-Match" not in server.visits[-1].headers
    assert held(catalog) == {1, 2, 3, 4}
    assert catalog.stats()["last_sequence"] == sequence + 4 - kept
    process = start(file, database_url, "--once")
    assert [event["event"] for event in events(process)] == ["unchanged"]


# The database


@pytest.fixture
def own_server(scratch_directory: Path, postgres_bin: Path | None) -> Iterator[EmbeddedServer]:
    """A server that may be stopped."""
    folder = scratch_directory / "ingest"
    folder.mkdir()
    with EmbeddedServer(folder / "data", postgres_bin, durable=False) as server:
        yield server
    shutil.rmtree(folder)


def test_the_database_may_go_and_come_back(own_server: EmbeddedServer, follow: Follow, serve: Serve) -> None:
    """Once while the answer comes, and once more while the source is waited for: the payload is imported either way."""
    url = own_server.start()
    migrations.upgrade(url)

    def and_stop(*numbers: int) -> Callable[[Visit], None]:
        def answer(visit: Visit) -> None:
            own_server.stop()
            send(tokens(*numbers))(visit)

        return answer

    server = serve(send(tokens(1)), and_stop(1, 2), send(tokens(1, 2, 3)))

    def hear(event: dict[str, Any]) -> None:
        if event["event"] == "trouble":
            assert "database" in event["reason"]
            if event["attempt"] == 2:
                own_server.start()
        elif event.get("seen") == 2:
            own_server.stop()
        elif event.get("seen") == 3:
            stop()

    with Catalog.open(url, actor="tester") as opened:
        done = follow(http(server.url), once=False, hear=hear, on=opened)
        assert done.outcome.is_stopped
        assert "failed" not in done.words
        assert [e["registered"] for e in done.named("imported")] == [1, 1, 1]
        assert done.words.count("trouble") >= 4
        assert held(opened) == {1, 2, 3}
        assert len(server.visits) == 3  # the payload was not fetched anew: it was there


def test_the_database_may_go_in_the_middle_of_an_import(
    own_server: EmbeddedServer, follow: Follow, serve: Serve
) -> None:
    url = own_server.start()
    migrations.upgrade(url)
    clock = FakeClock()

    def wait(stopping: threading.Event, seconds: float) -> bool:
        if clock.time == 1000:
            own_server.stop()
        return clock.wait(stopping, seconds)

    def hear(event: dict[str, Any]) -> None:
        if event["event"] == "trouble":
            own_server.start()

    with Catalog.open(url, actor="tester") as opened:
        slow = Clock(lambda: clock.time, clock.sleep, wait)
        limit = "[ingest]\nregistrations_per_second = 2\n"
        done = follow(http(serve(send(tokens(1, 2, 3, 4, 5))).url), ingest=limit, hear=hear, clock=slow, on=opened)
        assert done.words[0] == "trouble"
        assert (done.only("imported")["registered"], done.only("imported")["unchanged"]) == (1, 4)
        assert held(opened) == {1, 2, 3, 4, 5}


def test_a_database_that_stays_away_fails_a_single_poll(
    own_server: EmbeddedServer, follow: Follow, serve: Serve
) -> None:
    url = own_server.start()
    migrations.upgrade(url)
    server = serve(send(tokens(1)))
    with Catalog.open(url, actor="tester") as opened:
        own_server.stop()
        done = follow(http(server.url), on=opened)
    assert done.words == ["trouble"] * 4 + ["failed"]
    assert done.only("failed")["code"] == "database_unavailable"
    assert server.visits == []


def test_the_binance_importer(follow: Follow, serve: Serve, catalog: Catalog) -> None:
    symbols = [{"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": []}]
    server = serve(send({"timezone": "UTC", "serverTime": 1_790_000_000_000, "symbols": symbols}))
    source = http(server.url).replace("token-list", "binance")
    done = follow(source.replace("every", 'feed = "main"\nevery'))
    assert done.only("imported")["registered"] == 3
    [run] = catalog.imports()
    assert (run["source"], run["feed"]) == ("binance", "main")


def test_real_payloads(follow: Follow, serve: Serve, catalog: Catalog, real_data: Path) -> None:
    """Each one gives what `catalog import` makes of the file, and nothing the second time."""
    files = ("binance/spot_exchangeInfo_2021-08-26.json.xz", "tokenlists/smoldapp_uniswap.json")
    bodies = [read(real_data / file) for file in files]
    answers = [send(gzip.compress(body), Content_Encoding="gzip", ETag='"one"') for body in bodies]
    spot, uniswap = (serve(answer) for answer in answers)
    sources = http(spot.url, name="spot").replace("token-list", "binance"), http(uniswap.url)
    limit = "[ingest]\nregistrations_per_second = 10000\n"
    done = follow(*sources, ingest=limit)
    reports = {event["name"]: event for event in done.named("imported")}
    assert reports["spot"]["by_record"]["pair"]["registered"] == 1608
    assert reports["list"]["rows"] == 908
    assert {n: r["payload_hash"] for n, r in reports.items()} == {
        name: blake3(body).hexdigest() for name, body in zip(("spot", "list"), bodies, strict=True)
    }
    assert sorted(follow(*sources, ingest=limit).words) == ["unchanged"] * 2
    assert {run["feed"] for run in catalog.imports()} == {"spot", "Uniswap Labs Default"}


def test_a_payload_without_a_name_is_called_as_its_source_is(follow: Follow, serve: Serve, catalog: Catalog) -> None:
    follow(http(serve(send(json.dumps([token(1)]))).url, name="my list/v1.0"))
    assert catalog.imports()[0]["feed"] == "my list_v1_0"
