"""One import run: the rows that an importer gives, batch by batch into the catalog, every one accounted for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from psycopg.types.json import Jsonb
from sqlalchemy import Connection, Engine

from catalog.domain import text
from catalog.domain.base import Record
from catalog.domain.golden import Feed
from catalog.domain.instruments import EQUITIES
from catalog.domain.securities import Security
from catalog.errors import InvalidIdentifier, PayloadError, escape, quote
from catalog.importers.base import MAX_ROW, Importer, Reject
from catalog.repositories import bulk, feeds, runs, waiting
from catalog.repositories.driver import cursor_of
from catalog.repositories.mapping import NOUNS
from catalog.repositories.statements import Author, Key, Outcome, Submission, key_of
from catalog.services import absences, payloads, releases, writing
from catalog.services.report import ImportReport
from catalog.services.spool import Spool

#: Records per transaction. Larger batches are no faster, and take some 15 KiB of memory for each record.
BATCH = 5_000
#: A listing with fewer of a hundred rows than this, compared with the last one of its feed, is not believed.
EXPECTED_PERCENT = 80
Progress = Callable[[str, int], None]
_ORDER = {record: n for n, record in enumerate(NOUNS)}
# A security and its lines go together: whoever brings a line brings its security.
_ORDER["security"] = _ORDER["etf"] = _ORDER["stock"]


def record_order(record: str) -> int:
    """The place of a record type in the order in which references can be made."""
    return _ORDER[record]


@dataclass(frozen=True)
class Order:
    """What an import is told: who imports, and how. `only` are the places of the rows that count (None: all do).

    `is_part` says that the payload is no listing, whatever its importer says. `progress` is told behind each batch of
    about `batch_size` records, and may end the run there by raising what it likes.
    """

    actor: str
    dry_run: bool = False
    observed_at: datetime | None = None
    feed: str | None = None
    accept_shrink: bool = False
    suspend_missing: bool = False
    retry_of: int | None = None
    only: frozenset[str] | None = None
    progress: Progress | None = None
    is_part: bool = False
    batch_size: int = BATCH


class Entry(NamedTuple):
    """A record of the payload on its way, and its key."""

    key: Key
    parsed_record: Record
    place: str
    through: dict[str, str]

    @property
    def words(self) -> tuple[str, ...]:
        """What the row says, whatever it looks like."""
        return (self.parsed_record.canonical_json(), *sorted(self.through.values()))

    @property
    def isin(self) -> str:
        """What keeps rows together: all lines of one ISIN are settled in one transaction."""
        record = self.parsed_record
        return (record.isin or "") if isinstance(record, (*EQUITIES, Security)) else ""


class Run:
    """A run on its way: read, begun, batch by batch, finished. A context manager, for its temporary files."""

    def __init__(
        self, engine: Engine, payload: payloads.Payload, importer: Importer, argument: str | None, order: Order
    ) -> None:
        self.engine, self.payload, self.importer, self.argument, self.order = engine, payload, importer, argument, order
        heading = importer.heading(payload.stream)
        self.own_time = heading.observed_at or order.observed_at
        self.observed_at = self.own_time or payload.modified_at
        self.feed_name = _feed_name(order.feed or heading.feed or escape(payload.stem))
        self.is_listing = heading.is_listing and order.only is None and not order.is_part
        self.author = Author(order.actor)
        self.report = ImportReport(importer.source, payload.payload_hash.hex(), order.dry_run)
        self._open = ExitStack()
        self._entries = self._open.enter_context(Spool[Entry]())
        self._rejects = self._open.enter_context(Spool[Reject]())
        self._disputes: set[str] = set()
        self._failure: str | None = None

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    # -- reading --------------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Read the payload. Raises PayloadError when there is nothing in it before it breaks."""
        number = 0
        try:
            for parsed in self.importer.parse(self.payload.stream, self.own_time):
                number += 1
                if isinstance(parsed, Reject):
                    if self._is_wanted(parsed.place):
                        self._reject(parsed)
                else:
                    entry = Entry(key_of(parsed.record), parsed.record, parsed.place, dict(parsed.through))
                    self._entries.add((_ORDER[parsed.record.record], entry.isin, *entry.key), entry)
                if number % 1000 == 0:
                    self._tell("reading", number)
        except PayloadError as error:
            if not len(self._entries):
                raise
            self._failure = escape_nul(str(error))
        self.report.rows = number

    def _is_wanted(self, place: str) -> bool:
        return self.order.only is None or row_of(place) in self.order.only

    def _reject(self, reject: Reject) -> None:
        self._rejects.add(0, reject)
        self.report.count(reject.record or "unknown", "rejected")

    def _groups(self) -> Iterator[list[Entry]]:
        """All rows of one record, record by record; of rows that say the same, the first."""
        group: list[Entry] = []
        said: set[tuple[str, ...]] = set()
        for entry in self._entries:
            if group and entry.key != group[0].key:
                yield group
                group, said = [], set()
            if group and self.order.only is None:
                said = said or {group[0].words}
                if entry.words in said:
                    continue
                said.add(entry.words)
            group.append(entry)
        if group:
            yield group

    def _batches(self) -> Iterator[list[Entry]]:
        """The records in the order of their references, cut so that all rows of one ISIN stay together."""
        batch: list[Entry] = []
        last = ""
        for group in self._groups():
            if not any(self._is_wanted(entry.place) for entry in group):
                continue
            isin = group[0].isin
            if len(batch) >= self.order.batch_size and (not isin or isin != last):
                yield batch
                batch = []
            batch += group
            last = isin
        if batch:
            yield batch

    # -- writing --------------------------------------------------------------------------------------------------

    def go(self) -> None:
        """Register what was read; what is wrong with a row never stops the others."""
        if self.order.dry_run:
            self._dry()
            return
        with self.engine.connect() as connection:
            feed = self._begin(connection)
            connection.commit()
        try:
            if self.report.stopped is None:
                self._register(feed)
        except BaseException as error:
            self._finish("failed", escape_nul(f"{type(error).__name__}: {error}"))
            raise
        if self.report.stopped is not None:
            self._finish("stopped", self.report.stopped)
        else:
            self._finish("failed" if self._failure else "done", self._failure)

    def _register(self, feed: Feed) -> None:
        done = 0
        for number, batch in enumerate(self._batches()):
            with self.engine.connect() as connection:
                part = self._batch(connection, feed, batch, number)
                connection.commit()
            writing.audit(self.engine, part.collisions, self.author)
            self._count(part, batch)
            done += len(part.records)
            self._tell("registering", done)
        self.report.released = releases.release(self.engine, self.author)
        if self.is_listing and self._failure is None:
            found = absences.look(self.engine, feed, self.author, self.observed_at)
            if found is not None:
                self.report.missing = len(found.keys)
                if self.order.suspend_missing and len(self._rejects) > found.rejects_before:
                    self.report.suspended = 0
                    self.report.not_suspended = (
                        f"{len(self._rejects)} rows were rejected, and {found.rejects_before} of the listing before: "
                        "what is missing may be among them"
                    )
                elif self.order.suspend_missing:
                    self.report.suspended = absences.suspend(
                        self.engine, feed, found.keys, self.author, self.observed_at, self.payload.payload_hash
                    )

    def _dry(self) -> None:
        """The same, in one transaction that is taken back."""
        differences = []
        with self.engine.connect() as connection:
            feed = self._begin(connection)
            if self.report.stopped is None:
                for number, batch in enumerate(self._batches()):
                    part = self._batch(connection, feed, batch, number)
                    self._count(part, batch)
                    differences += part.changes
            connection.rollback()
        self.report.run_id = None
        self.report.failure = self._failure
        self.report.differences = [
            {"record": c.record, "action": c.action, "before": c.before, "after": c.after} for c in differences
        ]

    def _begin(self, connection: Connection) -> Feed:
        cursor = cursor_of(connection)
        feed = feeds.ensure(cursor, self.importer.source, self.feed_name, self.importer.authority)
        payloads.store(cursor, self.payload)
        last = runs.last_listing(cursor, feed, self.observed_at) if self.is_listing else None
        self.report.rows_expected = last.rows if last else None
        self.report.run_id = runs.begin(
            cursor,
            runs.Begun(
                feed, self.payload.payload_hash, escape_nul(self.payload.name), self.observed_at, self.author.actor, self.argument,
                self.own_time is not None, self.is_listing, self.report.rows, self.report.rows_expected,
                self.order.retry_of,
            ),
        )  # fmt: skip
        self.author = replace(self.author, run_id=self.report.run_id)
        if last and self.report.rows * 100 < last.rows * EXPECTED_PERCENT and not self.order.accept_shrink:
            self.report.stopped = (
                f"{self.report.rows} rows, and the listing before it (run {last.run_id}) had {last.rows}: "
                f"under {EXPECTED_PERCENT} %, so nothing was registered"
            )
        return feed

    def _batch(self, connection: Connection, feed: Feed, batch: list[Entry], number: int) -> Outcome:
        cursor = cursor_of(connection)
        submissions = [
            Submission(
                e.parsed_record, feed, self.observed_at, self.payload.payload_hash, through=e.through, may_wait=True,
                place=e.place,
            )
            for e in batch
        ]  # fmt: skip
        part = bulk.register(connection, submissions, self.author)
        absences.withdraw(connection, part, self.author, self.observed_at)
        waiting.keep(cursor, part.waiting, self.author.run_id)
        runs.saw(cursor, self.author.run_id, number, part.records)
        bulk.log_changes(connection, part, self.author)
        return part

    def _count(self, part: Outcome, batch: list[Entry]) -> None:
        for key, record in part.records.items():
            self.report.count(record, part.results[key])
        self._disputes |= part.disputes
        self.report.disputes = len(self._disputes)
        self.report.waiting += len({key_of(w.submission.record) for w in part.waiting})
        places: dict[Key, str] = {}
        for entry in batch:
            places.setdefault(entry.key, entry.place)
        for refused, error in part.rejects:
            place = places.get(key_of(refused), "")
            row = refused.canonical_json()[:MAX_ROW]
            self._rejects.add(0, Reject(place, error.code, str(error), row, refused.record))

    def _finish(self, state: str, failure: str | None) -> None:
        self.report.failure = self._failure if state == "stopped" else failure
        with self.engine.connect() as connection:
            cursor = cursor_of(connection)
            runs.reject(cursor, self.report.run_id, (tuple(escape_nul(part) for part in r) for r in self._rejects))
            runs.finish(cursor, self.report.run_id, state, Jsonb(self.report.to_json()), failure)
            connection.commit()

    def _tell(self, what: str, number: int) -> None:
        if self.order.progress is not None:
            self.order.progress(what, number)


def row_of(place: str) -> str:
    """The row in which a place is: `line 3` of `line 3, column 7`."""
    return place.partition(", column ")[0] if place.startswith("line ") else place


def _feed_name(name: str) -> str:
    """The name of a feed as it is kept. Raises PayloadError for one that no feed can have."""
    hint = "--feed gives it another name"
    try:
        feed = text.key(name, "feed name")
    except InvalidIdentifier as error:
        raise PayloadError(str(error), hint=hint) from None
    if feed.endswith(feeds.ABSENT):
        raise PayloadError(f"the feed name {quote(feed)} is kept for what vanished from another feed", hint=hint)
    longest = text.MAX_KEY_BYTES - len(feeds.ABSENT)
    if len(feed.encode()) > longest:
        raise PayloadError(f"the feed name {quote(feed)} is longer than {longest} bytes", hint=hint)
    return feed


def escape_nul(said: str) -> str:
    """Text that the database can hold: U+0000 and lone surrogates as escapes."""
    try:
        said.encode()
    except UnicodeEncodeError:
        return escape(said)
    return said.replace("\x00", "\\x00")
