"""What every poll works with: the transport, the intake, a folder, someone to tell, and patience."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    stop_never,
)
from tenacity.wait import wait_random_exponential

from catalog.errors import DatabaseUnavailable
from catalog.services.ingest.intake import Intake, Tell
from catalog.services.ingest.limits import Clock
from catalog.services.ingest.transport import PassingError, Transport

#: Polling once, this is how often a step is tried, and how many seconds that may take before it is given up.
ATTEMPTS = 5
PATIENCE = 120.0
T = TypeVar("T")


@dataclass(frozen=True)
class Surroundings:
    """Shared by all sources. `is_once`: every source is polled once, so that no step is tried for ever."""

    transport: Transport
    intake: Intake
    folder: Path
    tell: Tell
    clock: Clock
    max_backoff: float
    max_bytes: int
    is_once: bool

    def file(self, name: str, number: int) -> Path:
        """Where a source's answers are kept while they are imported. A payload without a name is called as the file is."""
        folder = self.folder / str(number)
        folder.mkdir()
        return folder / re.sub(r"[^\w -]", "_", name)[:60]

    async def persist(self, name: str, step: Callable[[], Awaitable[T]]) -> T:
        """Do a step again until it succeeds, while what hinders it may pass: the server's trouble, or the database's.

        The wait is random below a bound that doubles each time, and at least what the server asked for.
        """

        def tell(state: RetryCallState) -> None:
            error = state.outcome and state.outcome.exception()
            self.tell(
                name,
                "trouble",
                {"reason": str(error), "attempt": state.attempt_number, "wait": round(state.upcoming_sleep, 1)},
            )

        async def attempt() -> T:
            return await step()

        retrying = AsyncRetrying(
            retry=retry_if_exception_type((PassingError, DatabaseUnavailable)),
            wait=self._wait,
            stop=stop_after_attempt(ATTEMPTS) | stop_before_delay(PATIENCE) if self.is_once else stop_never,
            sleep=self.clock.sleep,
            before_sleep=tell,
            reraise=True,
        )
        return await retrying(attempt)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome and state.outcome.exception()
        asked = error.retry_after if isinstance(error, PassingError) else None
        return max(wait_random_exponential(multiplier=2, max=self.max_backoff, min=0.2)(state), asked or 0.0)
