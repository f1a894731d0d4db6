"""Following: each source in a task of its own, until told to stop; or each once."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from catalog.domain.calendar import format_moment
from catalog.errors import CatalogError
from catalog.services.ingest.configuration import AnySource, Configuration, HttpSource
from catalog.services.ingest.intake import Intake
from catalog.services.ingest.limits import Clock, Hosts, Throttle
from catalog.services.ingest.logs import LogPoller
from catalog.services.ingest.pages import PagePoller
from catalog.services.ingest.surroundings import Surroundings
from catalog.services.ingest.transport import Transport
from catalog.settings import MASK

if TYPE_CHECKING:
    from catalog.services.catalog import Catalog

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass
class Outcome:
    """How it went: whether told to stop, whether some source could not be read, and whether all that came was clean."""

    is_stopped: bool = False
    is_readable: bool = True
    is_clean: bool = True


def run(
    catalog: Catalog,
    configuration: Configuration,
    tell: Callable[[dict[str, Any]], None],
    *,
    once: bool = False,
    clock: Clock | None = None,
) -> Outcome:
    """Follow the sources until SIGTERM or SIGINT; or, with `once`, poll each of them once.

    `tell` gets an event at a time, without secrets. Called from the main thread.
    """
    return asyncio.run(_Loop(catalog, configuration, tell, once, clock or Clock()).run())


class _Loop:
    def __init__(
        self,
        catalog: Catalog,
        configuration: Configuration,
        tell: Callable[[dict[str, Any]], None],
        once: bool,
        clock: Clock,
    ) -> None:
        self.catalog, self.configuration, self.once, self.clock = catalog, configuration, once, clock
        self.outcome = Outcome()
        self._write = tell
        self._secrets = configuration.secrets()

    async def run(self) -> Outcome:
        limits = self.configuration.ingest
        throttle = Throttle(limits.registrations_per_second, self.clock)
        hosts = Hosts(self.configuration, self.clock)
        with tempfile.TemporaryDirectory(prefix="catalog-ingest-") as folder:
            async with Transport(limits, hosts) as transport:
                surroundings = Surroundings(
                    transport=transport,
                    intake=Intake(self.catalog, throttle, self.tell),
                    folder=Path(folder),
                    tell=self.tell,
                    clock=self.clock,
                    max_backoff=limits.max_backoff,
                    max_bytes=limits.max_body_mib << 20,
                    is_once=self.once,
                )
                tasks = [
                    asyncio.create_task(self._follow(source, surroundings, number))
                    for number, source in enumerate(self.configuration.source)
                ]

                def stop() -> None:
                    if not self.outcome.is_stopped:
                        self.outcome.is_stopped = True
                        throttle.stopping.set()
                        for task in tasks:
                            task.cancel()

                loop = asyncio.get_running_loop()
                for number in _SIGNALS:
                    loop.add_signal_handler(number, stop)
                for error in await asyncio.gather(*tasks, return_exceptions=True):
                    if isinstance(error, Exception):  # nobody hears any more what is told
                        raise error
        return self.outcome

    async def _follow(self, source: AnySource, surroundings: Surroundings, number: int) -> None:
        if isinstance(source, HttpSource):
            poller: PagePoller | LogPoller = PagePoller(source, surroundings, number)
        else:
            poller = LogPoller(source, surroundings, number)
        parts = urlsplit(source.target)
        self.tell(source.name, "following", {"at": f"{parts.scheme}://{parts.hostname}", "every": source.every})
        while True:
            started = self.clock.now()
            await self._poll(poller)
            if self.once:
                return
            await self.clock.sleep(max(0.0, started + source.every - self.clock.now()))

    async def _poll(self, poller: PagePoller | LogPoller) -> None:
        """One poll; whatever goes wrong with one source does not end the others."""
        name = poller.source.name
        try:
            is_clean = await poller.poll()
            self.outcome.is_clean &= is_clean
        except CatalogError as error:
            self.outcome.is_readable = False
            self.tell(name, "failed", {"reason": str(error), "code": error.code})
        except Exception as error:  # noqa: BLE001 - a defect met by one source
            self.outcome.is_readable = False
            self.tell(name, "failed", {"reason": f"{type(error).__name__}: {error}", "code": "defect"})

    def tell(self, name: str, event: str, facts: dict[str, Any]) -> None:
        """Hand an event on, with every secret in it replaced."""
        self._write({"time": format_moment(datetime.now(UTC)), "name": name, "event": event} | self._masked(facts))

    def _masked(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {k: self._masked(v) for k, v in value.items()}
        if isinstance(value, str):
            for secret in self._secrets:
                value = value.replace(secret, MASK)
        return value
