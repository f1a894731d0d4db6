"""Runs polls in this process, with real sockets and a real database; only our own waiting is not waited for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pytest

from catalog import Catalog
from catalog.domain.instruments import Token
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.registry import IMPORTERS
from catalog.services.ingest import configuration, loop
from catalog.services.ingest.limits import Clock
from catalog.services.ingest.loop import Outcome
from tests.services.ingest.servers import Answer, Server

#: Timeouts that the file can't have, since it counts in whole seconds.
QUICK = {"connect_timeout": 2.0, "read_timeout": 0.3, "total_timeout": 0.6}


def token(number: int) -> dict[str, Any]:
    return {"chainId": 1, "address": address(number), "symbol": f"T{number}", "name": f"Token {number}", "decimals": 18}


def address(number: int) -> str:
    return f"0x{number:040x}"


def tokens(*numbers: int) -> dict[str, Any]:
    """A token list of these tokens; none of them is zero, which means the native coin."""
    return {"name": "test", "timestamp": "2026-11-01T00:00:00Z", "version": {}, "tokens": [token(n) for n in numbers]}


@dataclass
class FakeClock:
    """A clock that sleepers put forward."""

    time: float = 1000.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)

    def wait(self, stopping: threading.Event, seconds: float) -> bool:
        self.slept.append(seconds)
        self.time += seconds
        return stopping.is_set()

    def clock(self) -> Clock:
        return Clock(lambda: self.time, self.sleep, self.wait)


@dataclass
class Done:
    """How following ended, and the events that were told."""

    outcome: Outcome
    events: list[dict[str, Any]]
    clock: FakeClock

    def named(self, event: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["event"] == event]

    def only(self, event: str) -> dict[str, Any]:
        [one] = self.named(event)
        return one

    @property
    def words(self) -> list[str]:
        return [e["event"] for e in self.events if e["event"] not in ("following", "read")]


class Follow(Protocol):
    def __call__(
        self,
        *sources: str,
        ingest: str = "",
        once: bool = True,
        hear: Callable[[dict[str, Any]], None] | None = None,
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
        on: Catalog | None = None,
    ) -> Done: ...


@pytest.fixture
def follow(request: pytest.FixtureRequest, tmp_path: Path) -> Follow:
    """Follow sources that are written as TOML, each once or until told to stop; `hear` hears each event."""

    def call(
        *sources: str,
        ingest: str = "",
        once: bool = True,
        hear: Callable[[dict[str, Any]], None] | None = None,
        clock: Clock | None = None,
        environ: Mapping[str, str] | None = None,
        on: Catalog | None = None,
    ) -> Done:
        file = tmp_path / "ingest.toml"
        file.write_text("\n".join([ingest, *sources]), "utf-8")
        wanted = configuration.load(file, environ)
        wanted = wanted.model_copy(update={"ingest": wanted.ingest.model_copy(update=QUICK)})
        events: list[dict[str, Any]] = []
        fake = FakeClock()

        def tell(event: dict[str, Any]) -> None:
            events.append(event)
            if hear is not None:
                hear(event)

        catalog = on or request.getfixturevalue("catalog")
        return Done(loop.run(catalog, wanted, tell, once=once, clock=clock or fake.clock()), events, fake)

    return call


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """`serve(answer, …)` starts a server that gives these answers."""
    with ExitStack() as stack:

        def start(*answers: Answer) -> Server:
            return stack.enter_context(Server(*answers))

        yield start


def http(url: str, more: str = "", name: str = "list") -> str:
    return f'[[source]]\nname = "{name}"\nsource = "token-list"\nurl = "{url}"\nevery = "15m"\n{more}\n'


def chain(url: str, more: str = "", **keys: int) -> str:
    given = {"from_block": 1, "max_range": 10, "confirmations": 2, "reorg_depth": 5} | keys
    lines = "\n".join(f"{name} = {value}" for name, value in given.items())
    return (
        f'[[source]]\nname = "pools"\nsource = "evm-logs"\nrpc = "{url}"\nblockchain = "eip155:1"\nevery = "12s"\n'
        f"{lines}\n{more}\n"
    )


def stop() -> None:
    """What systemd does to this process."""
    os.kill(os.getpid(), signal.SIGTERM)


def held(catalog: Catalog) -> set[int]:
    """The numbers of the tokens that the catalog holds."""
    with catalog.transaction() as cursor:
        cursor.execute("SELECT address FROM tokens")
        return {int(found, 16) for (found,) in cursor.fetchall()}


def runs(catalog: Catalog) -> list[str]:
    """The states of the import runs, oldest first."""
    return [run["state"] for run in catalog.imports()]


class LogStub:
    """A token for the address of each log."""

    source = "evm-logs"
    authority = "chain"
    codes: Mapping[str, str] = {}

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []

    def can_parse(self, head: bytes) -> bool:
        return b'"blockchain"' in head

    def heading(self, stream: BinaryIO) -> Heading:
        return Heading("")

    def parse(self, stream: BinaryIO, observed_at: object) -> Iterator[Parsed | Reject]:
        stream.seek(0)
        document = json.load(stream)
        self.documents.append(document)
        for n, log in enumerate(document["result"]):
            record = Token(blockchain=document["blockchain"], address=log["address"], decimals=18)
            yield Parsed(record, f"/result/{n}")


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> LogStub:
    """In the place of the importer `evm-logs`: each log is a token, so that it is seen which ones arrive."""
    importer = LogStub()
    monkeypatch.setitem(IMPORTERS, "evm-logs", importer)
    return importer
