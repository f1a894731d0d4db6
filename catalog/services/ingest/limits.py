"""How fast: requests per host, registrations per second; and the clock that this goes by."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from catalog.services.ingest.configuration import Configuration


class Stopped(Exception):
    """The program was told to stop while an import ran."""

    def __init__(self) -> None:
        super().__init__("told to stop between two batches; the payload will be imported again")


@dataclass(frozen=True)
class Clock:
    """Time in seconds, and two ways to let it pass: in the event loop, and in a thread that may be told to stop."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    wait: Callable[[threading.Event, float], bool] = threading.Event.wait


class Hosts:
    """What each host is spared: so many connections at once, and requests no closer than its rate allows."""

    def __init__(self, configuration: Configuration, clock: Clock) -> None:
        self._configuration, self._clock = configuration, clock
        self._connections: dict[str, asyncio.Semaphore] = {}
        self._next_at: dict[str, float] = {}

    @asynccontextmanager
    async def visiting(self, host: str) -> AsyncIterator[None]:
        """For the time of one request and its answer."""
        general, own = self._configuration.ingest, self._configuration.host.get(host)
        rate = (own and own.requests_per_second) or general.requests_per_second
        most = (own and own.connections) or general.connections
        async with self._connections.setdefault(host, asyncio.Semaphore(most)):
            now = self._clock.now()
            start = max(now, self._next_at.get(host, now))
            self._next_at[host] = start + 1 / rate
            if start > now:
                await self._clock.sleep(start - now)
            yield


class Throttle:
    """A bucket that fills with `rate` registrations a second, up to one second's worth. Used by one thread at a time.

    A batch is taken out once it is committed; what is then owed is waited for before the next one.
    """

    def __init__(self, rate: int, clock: Clock) -> None:
        self.rate, self.stopping = rate, threading.Event()
        self._clock, self._level, self._filled_at = clock, float(rate), clock.now()

    def take(self, count: int) -> None:
        """Take `count` out, and wait until nothing is owed. Raises Stopped."""
        now = self._clock.now()
        self._level = min(float(self.rate), self._level + (now - self._filled_at) * self.rate) - count
        self._filled_at = now
        if self._level < 0:
            self._clock.wait(self.stopping, -self._level / self.rate)
        self.check()

    def check(self) -> None:
        """Raises Stopped when the program was told to stop."""
        if self.stopping.is_set():
            raise Stopped
