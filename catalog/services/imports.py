"""Import runs: a payload through its importer into the catalog, with every row accounted for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine

from catalog.domain.base import Record
from catalog.domain.golden import Feed
from catalog.domain.instruments import EQUITIES
from catalog.domain.vocabulary import Authority
from catalog.errors import PayloadError, escape
from catalog.importers.base import Importer, Reject
from catalog.importers.registry import detect, named
from catalog.repositories import bulk, feeds, runs
from catalog.repositories.driver import cursor_of
from catalog.repositories.mapping import NOUNS
from catalog.repositories.statements import Author, Key, Outcome, Submission, key_of
from catalog.services import payloads, writing

BATCH = 50_000
WORDS = ("registered", "updated", "unchanged", "rejected", "conflicts", "collisions")
Progress = Callable[[str, int], None]
_ORDER = {record: n for n, record in enumerate(NOUNS)}


@dataclass
class ImportReport:
    """What a run did, counted in distinct records that the payload describes. `seen` is the sum of the six words."""

    source: str
    payload_hash: str
    dry_run: bool
    run_id: int | None = None
    by_record: dict[str, dict[str, int]] = field(default_factory=dict)
    disputes: int = 0
    seconds: float = 0.0
    failure: str | None = None
    differences: list[dict[str, Any]] | None = None

    @property
    def totals(self) -> dict[str, int]:
        """The counts over all record types."""
        return {word: sum(c[word] for c in self.by_record.values()) for word in WORDS}

    @property
    def is_clean(self) -> bool:
        """Whether nothing was rejected, held back or refused."""
        totals = self.totals
        return not (self.failure or self.disputes or totals["rejected"] or totals["conflicts"] or totals["collisions"])

    def count(self, record: str, word: str, number: int = 1) -> None:
        """Add to a count."""
        counts = self.by_record.setdefault(record, {"seen": 0, **dict.fromkeys(WORDS, 0)})
        counts["seen"] += number
        counts[word] += number

    def to_json(self) -> dict[str, Any]:
        """The report as users see it."""
        totals = self.totals
        report: dict[str, Any] = {
            "run_id": self.run_id,
            "source": self.source,
            "payload_hash": self.payload_hash,
            "dry_run": self.dry_run,
            "seen": sum(totals.values()),
            **totals,
            "disputes": self.disputes,
            "by_record": dict(sorted(self.by_record.items())),
            "seconds": round(self.seconds, 3),
        }
        if self.failure is not None:
            report["failure"] = self.failure
        if self.differences is not None:
            report["differences"] = self.differences
        return report


@dataclass
class _Rows:
    """What an importer gave: records by key (several rows may speak of one), their places, and the rejects."""

    groups: dict[Key, list[Record]] = field(default_factory=dict)
    places: dict[Key, str] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    failure: str | None = None


def import_file(
    engine: Engine,
    source: str,
    path: str,
    *,
    actor: str,
    dry_run: bool = False,
    observed_at: datetime | None = None,
    feed: str | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import one payload. Good rows are registered whatever else is wrong; see the report for the rest.

    Raises PayloadError when nothing could be read at all.
    """
    with payloads.opened(path) as payload:
        return import_payload(
            engine, source, payload, actor=actor, dry_run=dry_run, observed_at=observed_at, feed=feed, progress=progress
        )


def import_payload(
    engine: Engine,
    source: str,
    payload: payloads.Payload,
    *,
    actor: str,
    dry_run: bool = False,
    observed_at: datetime | None = None,
    feed: str | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a payload that is open already; see `import_file`."""
    started = time.perf_counter()
    importer = detect(payload.head()) if source == "auto" else named(source)
    heading = importer.heading(payload.stream)
    own_time = heading.observed_at or observed_at
    spoken_at = own_time or payload.modified_at
    rows = _read(importer, payload, own_time, progress)
    report = ImportReport(importer.source, payload.payload_hash.hex(), dry_run)
    name = feed or heading.feed or payload.stem
    author = Author(actor)
    run = _Run(engine, payload, importer.source, importer.authority, name, spoken_at, author, report, rows, progress)
    run.go()
    report.seconds = time.perf_counter() - started
    return report


def _read(importer: Importer, payload: payloads.Payload, own_time: datetime | None, progress: Progress | None) -> _Rows:
    rows = _Rows()
    try:
        for number, parsed in enumerate(importer.parse(payload.stream, own_time), start=1):
            if isinstance(parsed, Reject):
                rows.rejects.append(parsed)
            else:
                key = key_of(parsed.record)
                rows.groups.setdefault(key, []).append(parsed.record)
                rows.places.setdefault(key, parsed.place)
            if progress is not None and number % 1000 == 0:
                progress("reading", number)
    except PayloadError as error:
        if not rows.groups:
            raise
        rows.failure = str(error)
    return rows


def batches(groups: dict[Key, list[Record]]) -> Iterator[list[Record]]:
    """The records in the order of their references, cut so that all rows of one ISIN stay together."""
    ordered = sorted(groups.values(), key=lambda g: (_ORDER[g[0].record], _isin(g[0])))
    batch: list[Record] = []
    last = ""
    for group in ordered:
        isin = _isin(group[0])
        if len(batch) >= BATCH and (not isin or isin != last):
            yield batch
            batch = []
        batch += group
        last = isin
    if batch:
        yield batch


def record_order(record: str) -> int:
    """The place of a record type in the order in which references can be made."""
    return _ORDER[record]


def _isin(record: Record) -> str:
    return (record.isin or "") if isinstance(record, EQUITIES) else ""


@dataclass
class _Run:
    """One run on its way: begun, batch by batch, finished."""

    engine: Engine
    payload: payloads.Payload
    source: str
    authority: Authority
    feed_name: str
    observed_at: datetime
    author: Author
    report: ImportReport
    rows: _Rows
    progress: Progress | None

    def go(self) -> None:
        if self.report.dry_run:
            self._dry()
            return
        with self.engine.connect() as connection:
            feed = self._begin(connection)
            connection.commit()
        outcome = Outcome()
        try:
            for number, batch in enumerate(batches(self.rows.groups)):
                with self.engine.connect() as connection:
                    part = self._batch(connection, feed, batch, number)
                    connection.commit()
                writing.audit(self.engine, part.collisions, self.author)
                bulk.join(outcome, part)
                self._tell(len(outcome.results))
            self._count(outcome)
        except BaseException as error:
            self._finish("failed", f"{type(error).__name__}: {error}")
            raise
        self._finish("failed" if self.rows.failure else "done", self.rows.failure)

    def _dry(self) -> None:
        """The same, in one transaction that is taken back."""
        with self.engine.connect() as connection:
            feed = self._begin(connection)
            outcome = Outcome()
            for number, batch in enumerate(batches(self.rows.groups)):
                bulk.join(outcome, self._batch(connection, feed, batch, number))
            connection.rollback()
        self._count(outcome)
        self.report.run_id = None
        self.report.failure = self.rows.failure
        self.report.differences = [
            {"record": c.record, "action": c.action, "before": c.before, "after": c.after} for c in outcome.changes
        ]

    def _begin(self, connection: Connection) -> Feed:
        cursor = cursor_of(connection)
        feed = feeds.ensure(cursor, self.source, self.feed_name, self.authority)
        payloads.store(cursor, self.payload)
        run_id = runs.begin(
            cursor, feed, self.payload.payload_hash, self.payload.name, self.observed_at, self.author.actor
        )
        self.report.run_id = run_id
        self.author = Author(self.author.actor, self.author.reason, run_id)
        return feed

    def _batch(self, connection: Connection, feed: Feed, batch: list[Record], number: int) -> Outcome:
        submissions = [Submission(r, feed, self.observed_at, self.payload.payload_hash) for r in batch]
        part = bulk.register(connection, submissions, self.author)
        runs.saw(cursor_of(connection), self.report.run_id, number, part.records)
        bulk.log_changes(connection, part, self.author)
        return part

    def _count(self, outcome: Outcome) -> None:
        for key, record in outcome.records.items():
            self.report.count(record, outcome.results[key])
        for reject in self.rows.rejects:
            self.report.count(reject.record or "unknown", "rejected")
        self.report.disputes = len(outcome.disputes)
        for refused, error in outcome.rejects:
            place = self.rows.places.get(key_of(refused), "")
            self.rows.rejects.append(
                Reject(place, error.code, str(error), refused.canonical_json()[:4096], refused.record)
            )

    def _finish(self, state: str, failure: str | None) -> None:
        self.report.failure = failure
        with self.engine.connect() as connection:
            cursor = cursor_of(connection)
            runs.reject(cursor, self.report.run_id, [tuple(escape_nul(part) for part in r) for r in self.rows.rejects])
            runs.finish(cursor, self.report.run_id, state, Jsonb(self.report.to_json()), failure)
            connection.commit()

    def _tell(self, number: int) -> None:
        if self.progress is not None:
            self.progress("registering", number)


def escape_nul(text: str) -> str:
    """Text that the database can hold: U+0000 and lone surrogates as escapes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return escape(text)
    return text.replace("\x00", "\\x00")
