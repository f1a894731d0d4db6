"""From a file into the catalog: an ordinary import run at the agreed pace, and behind it the cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from catalog.repositories.driver import Cursor
from catalog.services.ingest.limits import Stopped, Throttle
from catalog.services.ingest.transport import SourceError
from catalog.services.report import ImportReport
from catalog.services.run import BATCH

if TYPE_CHECKING:
    from catalog.services.catalog import Catalog

T = TypeVar("T")
#: Told what happens: the name of a followed source, a word for the event, and its facts.
Tell = Callable[[str, str, dict[str, Any]], None]
#: Moves a cursor, given the run that imported what lies before it (None: there was nothing to import).
Move = Callable[[Cursor, int | None], None]


@dataclass(frozen=True)
class Delivery:
    """A file that one source sent: which followed source it is, whose importer reads it, and when it came.

    `is_part`: it is no full listing, so that nothing vanished because it is not in it.
    """

    name: str
    source: str
    feed: str | None
    file: Path
    received_at: datetime
    is_part: bool
    accept_shrink: bool = False
    suspend_missing: bool = False


class Intake:
    """Imports payloads one after the other, since they share the pace and the memory."""

    def __init__(self, catalog: Catalog, throttle: Throttle, tell: Tell) -> None:
        self._catalog, self._throttle, self._tell = catalog, throttle, tell
        self._turn = asyncio.Lock()

    async def take(self, delivery: Delivery, move: Move) -> ImportReport:
        """Import a payload, then move its cursor; cancelled, it ends behind the batch that runs, and moves nothing.

        The cursor also stays where the run registered nothing because its listing has shrunk.

        Raises SourceError or PayloadError when the payload cannot be read to its end (what came before stays, the cursor
        does too), and DatabaseUnavailable.
        """
        async with self._turn:
            work = asyncio.ensure_future(asyncio.to_thread(self._take, delivery, move))
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                await asyncio.wait([work])
                if isinstance(stopped := work.exception(), Stopped):
                    self._tell(delivery.name, "stopped", {"reason": str(stopped)})
                raise

    async def note(self, move: Move) -> None:
        """Move a cursor past what needs no import. Raises DatabaseUnavailable."""
        await self.ask(lambda cursor: move(cursor, None))

    async def ask(self, question: Callable[[Cursor], T]) -> T:
        """Whatever a function finds with a cursor, in a transaction of its own. Raises DatabaseUnavailable."""
        return await asyncio.to_thread(self._ask, question)

    def _ask(self, question: Callable[[Cursor], T]) -> T:
        with self._catalog.transaction() as cursor:
            return question(cursor)

    def _take(self, delivery: Delivery, move: Move) -> ImportReport:
        done = 0

        def progress(phase: str, number: int) -> None:
            nonlocal done
            if phase == "registering":
                self._throttle.take(number - done)
                done = number
            else:
                self._throttle.check()

        report = self._catalog.import_file(
            delivery.source,
            str(delivery.file),
            observed_at=delivery.received_at,
            feed=delivery.feed,
            accept_shrink=delivery.accept_shrink,
            suspend_missing=delivery.suspend_missing,
            progress=progress,
            is_part=delivery.is_part,
            batch_size=min(self._throttle.rate, BATCH),
            name=delivery.file.stem,
        )
        if report.failure is not None:
            self._tell(delivery.name, "broken", report.to_json())
            raise SourceError(f"its payload is broken: {report.failure}; what came before was imported")
        if report.stopped is not None:
            self._tell(delivery.name, "held", report.to_json())
            return report
        self._ask(lambda cursor: move(cursor, report.run_id))
        self._tell(delivery.name, "imported", report.to_json())
        return report
