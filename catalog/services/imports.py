"""Importing: payloads from files, and stored ones again."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Engine

from catalog.errors import NotFound, PayloadError
from catalog.importers.base import Importer
from catalog.importers.registry import detect, named
from catalog.repositories import runs
from catalog.repositories.driver import cursor_of
from catalog.services import payloads
from catalog.services.report import ImportReport
from catalog.services.run import BATCH, Order, Progress, Run, row_of


def import_file(
    engine: Engine,
    source: str,
    path: str,
    *,
    actor: str,
    dry_run: bool = False,
    observed_at: datetime | None = None,
    feed: str | None = None,
    accept_shrink: bool = False,
    suspend_missing: bool = False,
    progress: Progress | None = None,
    is_part: bool = False,
    batch_size: int = BATCH,
    name: str | None = None,
) -> ImportReport:
    """Import one payload. Good rows are registered whatever else is wrong; see the report for the rest.

    `source` is an importer's name, with what the payload leaves unsaid behind a colon (`ccxt:kraken`), or `auto`.
    A listing that is much shorter than the last one of its feed registers nothing, unless `accept_shrink`; with
    `suspend_missing` what vanished from a listing is suspended. `is_part` says that the payload is no listing, such as
    a page of one. `progress` is told behind each batch of about `batch_size` records, and may end the run there by
    raising what it likes. `name` is what the payload is called instead of `path`. Raises PayloadError when nothing could be read at all.
    """
    order = Order(
        actor, dry_run, observed_at, feed, accept_shrink, suspend_missing, progress=progress, is_part=is_part,
        batch_size=batch_size,
    )  # fmt: skip
    with payloads.opened(path) as payload:
        return import_payload(engine, source, replace(payload, name=name or payload.name), order)


def import_payload(engine: Engine, source: str, payload: payloads.Payload, order: Order) -> ImportReport:
    """Import a payload that is open already; see `import_file`."""
    if source == "auto":
        return _run(engine, payload, detect(payload.head()), None, order)
    argument = source.partition(":")[2] or None
    return _run(engine, payload, named(source), argument, order)


def replay(
    engine: Engine,
    run_id: int,
    *,
    actor: str,
    dry_run: bool = False,
    accept_shrink: bool = False,
    suspend_missing: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import the stored payload of a run again, as the same feed and for the same time, with the importer of today.

    Raises NotFound when there is no such run, PayloadError when its payload was pruned.
    """
    return _again(engine, run_id, Order(actor, dry_run, None, None, accept_shrink, suspend_missing, progress=progress))


def retry(
    engine: Engine, run_id: int, *, actor: str, dry_run: bool = False, progress: Progress | None = None
) -> ImportReport:
    """Import those rows of a run's stored payload again that it rejected. Raises as `replay` does."""
    with engine.connect() as connection:
        places = frozenset(map(row_of, runs.rejected_places(cursor_of(connection), run_id)))
    return _again(engine, run_id, Order(actor, dry_run, retry_of=run_id, only=places, progress=progress))


def _again(engine: Engine, run_id: int, order: Order) -> ImportReport:
    with engine.connect() as connection:
        past = runs.past(cursor_of(connection), run_id)
    if past is None:
        raise NotFound("import run", run_id, "`catalog imports list` shows them")
    source = past.source if past.argument is None else f"{past.source}:{past.argument}"
    told = Order(
        order.actor, order.dry_run, past.observed_at if past.is_time_stated else None, past.feed, order.accept_shrink,
        order.suspend_missing, order.retry_of, order.only, order.progress, not past.is_listing,
    )  # fmt: skip
    with payloads.restored(engine, past.payload_hash, past.file_name, past.observed_at) as payload:
        return _run(engine, payload, named(source), past.argument, told)


def _run(
    engine: Engine, payload: payloads.Payload, importer: Importer, argument: str | None, order: Order
) -> ImportReport:
    started = time.perf_counter()
    with Run(engine, payload, importer, argument, order) as run:
        run.read()
        run.go()
    run.report.seconds = time.perf_counter() - started
    return run.report


__all__ = ["ImportReport", "PayloadError", "import_file", "import_payload", "replay", "retry"]
