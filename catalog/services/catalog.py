"""The catalog as Python users see it, and as the command line calls it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from psycopg import OperationalError
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, ProgrammingError

from catalog.database import migrations
from catalog.database.engine import is_connection_failure, make_engine, unavailable
from catalog.domain.base import Record
from catalog.domain.calendar import format_moment
from catalog.domain.identity import KIND_NAMES, Id, decode_identity
from catalog.errors import CatalogError, DatabaseUnavailable, NotFound
from catalog.repositories import changes, disputes, feeds, lookalikes, runs, search, waiting
from catalog.repositories import nightly as nightly_rows
from catalog.repositories.driver import Cursor, cursor_of
from catalog.repositories.statements import Author, Outcome, Submission, key_of
from catalog.services import absences, desk, imports, lifecycle, payloads, releases, run, widths, writing
from catalog.services.nouns import NOUNS, Noun
from catalog.services.shapes import change_line, dispute_line, due_line, flag_line, plain
from catalog.services.venues import Venues
from catalog.settings import mask_url

if TYPE_CHECKING:
    from catalog.services.nightly import NightlyReport, Plan
    from catalog.snapshot.writer import SnapshotInfo

BATCH = 50_000
Rows = list[dict[str, Any]]


@dataclass
class RegisterReport:
    """What became of many registrations: counts in distinct records, and the errors with their records."""

    registered: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    conflicts: int = 0
    collisions: int = 0
    disputes: int = 0
    errors: list[tuple[Record, CatalogError]] = field(default_factory=list)


class Catalog:
    """A connection to one catalog. Open it with `Catalog.open`; it is a context manager."""

    def __init__(self, url: str, actor: str | None, stop: Any = None) -> None:
        self.engine = make_engine(url)
        self.actor = actor or _user()
        self._stop = stop
        self._url = url
        self.venues = Venues(self)
        self.nouns: dict[str, Noun] = {name: Noun(self, name) for name in NOUNS} | {"venue": self.venues}
        self.instruments = self.nouns["instrument"]
        self.securities = self.nouns["security"]
        self.listings = self.nouns["listing"]
        self.pools = self.nouns["pool"]
        self.pairs = self.nouns["pair"]
        self.broker_contracts = self.nouns["broker"]
        self.event_types = self.nouns["event"]
        self.synthetics = self.nouns["synthetic"]

    @classmethod
    def open(cls, url: str | None = None, *, actor: str | None = None) -> Self:
        """Open the catalog at `url` (a `postgresql://` URL), else CATALOG_DATABASE_URL, else the embedded server's.

        Raises DatabaseUnavailable, SchemaBehind (`catalog db upgrade` makes the schema), SchemaAhead.
        """
        from catalog.settings import resolve

        stop = None
        chosen = resolve(url).database_url
        if chosen is None:
            from catalog.database.embedded import EmbeddedServer

            server = EmbeddedServer(resolve(url).data_directory)
            chosen = server.start()
            stop = server.stop
        catalog = cls(chosen, actor, stop)
        try:
            with catalog.connected() as connection:
                try:
                    migrations.require_current(connection)
                except ProgrammingError as error:
                    if not isinstance(error.orig, InsufficientPrivilege):
                        raise
                    reason = f"this role may not read the catalog's tables ({mask_url(chosen)})"
                    hint = "a reader reads the views of the schema reporting, with any SQL client"
                    raise DatabaseUnavailable(reason, hint) from None
        except BaseException:
            catalog.close()
            raise
        return catalog

    def close(self) -> None:
        """Give back the connections; the embedded server stops when nobody else uses it."""
        self.engine.dispose()
        if self._stop is not None:
            self._stop()
            self._stop = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """A cursor in a transaction that is committed at the end, and rolled back on an error."""
        with self.connected() as connection:
            yield cursor_of(connection)
            connection.commit()

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection; raises DatabaseUnavailable when there is none to be had, or it is lost."""
        with self._answering(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Around work with connections; raises DatabaseUnavailable when they are lost."""
        try:
            yield
        except DBAPIError as error:
            if is_connection_failure(error):
                raise unavailable(error, self._url) from None
            raise
        except OperationalError as error:
            if error.sqlstate not in (None, "57P01", "57P02", "57P03"):
                raise
            reason = (str(error).strip() or "the connection is lost").splitlines()[0]
            raise DatabaseUnavailable(reason, "what was not finished was not done") from None

    # -- writing --------------------------------------------------------------------------------------------------

    def author(self, reason: str | None = None) -> Author:
        """Whoever writes through this catalog."""
        return Author(self.actor, reason)

    def register(self, record: Record, reason: str | None = None, *, stated: frozenset[str] | None = None) -> Id | str:
        """Register one record as this catalog's operator; returns its id (a listing's key).

        Registering what is known already changes nothing. `stated` keeps the statement to some fields.
        Raises IdCollision, Conflict, InvalidRecord.
        """
        return self.register_one(record, reason, stated=stated)[0]

    def register_one(
        self, record: Record, reason: str | None = None, *, stated: frozenset[str] | None = None
    ) -> tuple[Id | str, int]:
        """Register one record as `register` does; also returns how many disputes that opened."""
        with self.transaction() as cursor:
            submission = writing.by_operator(cursor, record, stated)
        outcome = writing.write(self.engine, [submission], self.author(reason), all_or_nothing=True)
        if outcome.errors:
            raise outcome.errors.get(key_of(record)) or next(iter(outcome.errors.values()))
        releases.release(self.engine, self.author(reason), outcome.arrived)
        if record.kind == "listing":
            return str(getattr(record, "key")), len(outcome.disputes)  # noqa: B009 - only listings have it
        with self.transaction() as cursor:
            return Id(search.resolve(cursor, key_of(record)).id.bytes), len(outcome.disputes)

    def register_many(self, records: Iterable[Record], reason: str | None = None) -> RegisterReport:
        """Register any number of records, in batches with a transaction each; a bad one never stops the others."""
        with self.transaction() as cursor:
            feed = feeds.operator(cursor)
        whole, now = Outcome(), datetime.now(UTC)
        batch: list[Record] = []
        author = Author(self.actor, reason)

        def flush() -> None:
            from catalog.repositories import bulk

            ordered = sorted(batch, key=lambda r: run.record_order(r.record))
            part = writing.write(self.engine, [Submission(r, feed, now) for r in ordered], author)
            releases.release(self.engine, author, part.arrived)
            bulk.join(whole, part)
            batch.clear()

        for record in records:
            batch.append(record)
            if len(batch) >= BATCH:
                flush()
        if batch:
            flush()
        report = RegisterReport(disputes=len(whole.disputes))
        for key in whole.records:
            word = whole.results[key]
            setattr(report, word, getattr(report, word) + 1)
        report.errors = whole.failed
        return report

    # -- reading --------------------------------------------------------------------------------------------------

    def find(
        self, key: str, by: str | None = None, source: str | None = None, at: datetime | None = None
    ) -> list[Record]:
        """All records that answer to a key; `by` names the scheme, `at` a time to look at.

        Instruments that nobody verified come last. `verified` tells which they are, `look_alikes` who passes for them.
        """
        with self.transaction() as cursor:
            return search.find(cursor, key, by, source, at)

    def verified(self, records: Iterable[Record]) -> set[str]:
        """The ids of those instruments among the records that are what they are called: by the word of an operator, a
        venue or a curated list, or because nobody outside can make such a thing."""
        with self.transaction() as cursor:
            return search.verified(cursor, records)

    def look_alikes(self, symbol: str, source: str | None = None) -> list[Record]:
        """The instruments whose symbols look like this one and are spelt otherwise, verified ones first."""
        with self.transaction() as cursor:
            return search.resembling(cursor, symbol, source)

    def flags(self, limit: int = 100) -> Rows:
        """Instruments that nobody verified and whose symbol or name looks like that of a verified one, newest first."""
        with self.transaction() as cursor:
            return [flag_line(flag) for flag in lookalikes.flags(cursor, limit)]

    def refresh_skeletons(self) -> int:
        """Work out anew what all symbols and names look like, after an update of Unicode's data; returns how many changed."""
        with self.transaction() as cursor:
            return lookalikes.refresh(cursor)

    def stats(self) -> dict[str, Any]:
        """Counts: records per type, aliases, open disputes, collisions, the last change."""
        with self.transaction() as cursor:
            last, changed_at = changes.last_sequence(cursor)
            return {
                "by_record": search.counts(cursor),
                "aliases": _scalar(cursor, "SELECT count(*) FROM identities WHERE is_alias"),
                "open_disputes": _scalar(cursor, "SELECT count(*) FROM disputes WHERE state = 'open'"),
                "collisions": _scalar(cursor, "SELECT count(*) FROM id_collisions"),
                "last_sequence": last,
                "last_changed_at": format_moment(changed_at) if last else None,
            }

    def changes(self, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """The change log after a sequence number, oldest first."""
        with self.transaction() as cursor:
            found = changes.after(cursor, after, limit)
            listings = search.listing_names(cursor, {c.record_id for c in found if c.record == "listing"})
            return [change_line(c, listings.get(c.record_id)) for c in found]

    def explain(self, id: str) -> list[dict[str, Any]]:
        """The canonical identities behind an id."""
        with self.transaction() as cursor:
            by_number = search.by_number(cursor, int(id)) if id.isascii() and id.isdigit() and len(id) <= 10 else []
            found = search.explain(cursor, by_number[0].id if by_number else UUID(hex=Id(id)))
        if not found:
            raise NotFound("id", id, "`catalog id compute` gives the id of an identity")
        return found

    def id_status(self) -> dict[str, Any]:
        """Width of ids, how many there are, and collisions so far."""
        with self.transaction() as cursor:
            return {
                "id_bits": _scalar(cursor, "SELECT id_bits FROM catalog_info"),
                "catalog_id": _scalar(cursor, "SELECT encode(catalog_id, 'hex') FROM catalog_info"),
                "ids": _scalar(cursor, "SELECT count(*) FROM identities"),
                "aliases": _scalar(cursor, "SELECT count(*) FROM identities WHERE is_alias"),
                "collisions": _scalar(cursor, "SELECT count(*) FROM id_collisions"),
            }

    def collisions(self) -> list[dict[str, Any]]:
        """The collision audit, oldest first."""
        with self.transaction() as cursor:
            cursor.execute(
                """SELECT number, kind, id, existing_identity, refused_identity, id_bits, occurred_at, attempts, actor, run_id
                FROM id_collisions ORDER BY number"""
            )
            return [
                {
                    "number": n, "kind": KIND_NAMES[kind], "id": id.hex, "existing": list(decode_identity(bytes(held))),
                    "refused": list(decode_identity(bytes(refused))), "id_bits": bits, "occurred_at": format_moment(at),
                    "attempts": attempts, "actor": actor, "run_id": run,
                }
                for n, kind, id, held, refused, bits, at, attempts, actor, run in cursor.fetchall()
            ]  # fmt: skip

    # -- the desk, the calendar, the width of ids -----------------------------------------------------------------

    def disputes(self, state: str | None = "open", after: int = 0, limit: int = 100) -> Rows:
        """The quarantine desk, in the order the disputes were opened."""
        with self.transaction() as cursor:
            return [dispute_line(d) for d in disputes.page(cursor, state=state, after=after, limit=limit)]

    def dispute(self, number: int) -> dict[str, Any]:
        """One dispute with its sides. Raises NotFound."""
        return desk.show(self.engine, number)

    def accept_dispute(
        self, number: int, side: int | None = None, value: str | None = None, reason: str | None = None
    ) -> dict[str, Any]:
        """Decide a dispute for one of its sides (or for a value of your own), and apply that. Raises NotFound, Conflict."""
        return desk.accept(self.engine, number, side, value, self.author(reason or f"dispute {number} accepted"))

    def reject_dispute(self, number: int, reason: str) -> dict[str, Any]:
        """Decide a dispute for none of its sides: what is held back stays so, and the same words do not ask again."""
        return desk.reject(self.engine, number, self.author(reason))

    def upcoming(self, days: int = 7, at: datetime | None = None) -> Rows:
        """What will change in the next days: delistings, expiries, first trading days, successions. Overdue ones first."""
        return [due_line(due) for due in lifecycle.upcoming(self.engine, days, at)]

    def apply_due(self, until: datetime | None = None, reason: str | None = None) -> Rows:
        """Apply what is due by now: delisted and expired records are retired, successions take effect. Says what was."""
        moment = datetime.now(UTC) if until is None else until
        return [due_line(due) for due in lifecycle.apply_due(self.engine, moment, self.author(reason))]

    def widen_ids(self) -> dict[str, Any]:
        """Let ids differ in all their 128 bits, and not only in the first 64. Raises Busy while others write."""
        widths.widen(self.engine)
        return self.id_status()

    def narrow_ids(self) -> dict[str, Any]:
        """Go back to 64 bits. Raises Conflict when two ids share their first 64 bits, Busy while others write."""
        widths.narrow(self.engine)
        return self.id_status()

    # -- runs and files -------------------------------------------------------------------------------------------

    def import_file(self, source: str, path: str, **options: Any) -> imports.ImportReport:
        """Import a payload; see `catalog.services.imports.import_file` for the options."""
        with self._answering():
            return imports.import_file(self.engine, source, path, actor=self.actor, **options)

    def replay(self, run_id: int, **options: Any) -> imports.ImportReport:
        """Import a run's stored payload again; see `catalog.services.imports.replay`. Raises NotFound, PayloadError."""
        return imports.replay(self.engine, run_id, actor=self.actor, **options)

    def retry(self, run_id: int, **options: Any) -> imports.ImportReport:
        """Import the rows again that a run rejected; see `catalog.services.imports.retry`. Raises NotFound, PayloadError."""
        self.import_run(run_id)
        return imports.retry(self.engine, run_id, actor=self.actor, **options)

    def why(self, id: str, field: str | None = None) -> dict[str, Any]:
        """Where the values of a record come from; see `catalog.services.why.why`. Raises NotFound, InvalidRecord."""
        from catalog.services import why

        with self.transaction() as cursor:
            return why.why(cursor, id, field)

    def precedence(self) -> Rows:
        """Who is believed before whom: sources, and the feeds and fields that differ from theirs."""
        from catalog.services import precedence

        return precedence.table(self.engine)

    def set_precedence(self, source: str, value: int | None, reason: str | None = None, **scope: str | None) -> int:
        """Change who is believed before whom; see `catalog.services.precedence.change`. Returns how many records changed."""
        from catalog.services import precedence

        return precedence.change(self.engine, source, value, self.author(reason), **scope)

    def waiting(self, run_id: int | None = None, after: int = 0, limit: int = 100) -> Rows:
        """Records that wait for what they name, in the order in which they came."""
        with self.transaction() as cursor:
            return [plain(found) for found in waiting.page(cursor, run_id=run_id, after=after, limit=limit)]

    def release_waiting(self) -> int:
        """Register whatever waits for something that is there by now; every import does so at its end."""
        return releases.release(self.engine, self.author())

    def missing(self, run_id: int) -> Rows:
        """What the listing before a run's had and the run's had not. Raises NotFound."""
        return absences.missing(self.engine, run_id)

    def feed_statistics(self) -> Rows:
        """What each feed brought so far."""
        with self.transaction() as cursor:
            return [plain(found) for found in feeds.statistics(cursor)]

    def prune_payloads(self, before: datetime, keep: int = 1) -> dict[str, int]:
        """Give up the bytes of old payloads, but for the last ones of each feed; see `catalog.services.payloads.prune`."""
        with self.transaction() as cursor:
            number, size = payloads.prune(cursor, before, keep)
        return {"payloads": number, "bytes": size}

    def resolve_tokens(
        self,
        node_url: str,
        addresses: Iterable[str] | None = None,
        blockchain: str | None = None,
        limit: int = 1000,
        **options: Any,
    ) -> imports.ImportReport | None:
        """Ask a node for decimals, symbols and names of tokens and import what their contracts answer.

        `addresses` are on the node's blockchain, which has to be `blockchain` if that is said; without them those tokens
        are asked that wait for their decimals (None when none does). The options are those of an import. Raises
        NodeError.
        """
        from catalog.services import resolver
        from catalog.services.node import Node

        with Node(node_url) as node:
            found = resolver.blockchain_of(node, blockchain)
            if addresses is None:
                with self.transaction() as cursor:
                    wanted = waiting.tokens(cursor, found, limit)
                if not wanted:
                    return None
            else:
                wanted = resolver.explicit(found, addresses)
            resolution = resolver.resolve(node, wanted, found, limit)
        name = f"eth-call-{found.replace(':', '-')}-{int(resolution.block_number, 16)}.json"
        order = run.Order(self.actor, **options)
        payload = payloads.in_memory(name, resolution.payload(), datetime.now(UTC))
        report = imports.import_payload(self.engine, "eth-call", payload, order)
        if resolution.failure is not None:
            asked = f"{len(resolution.answers)} of {resolution.wanted} tokens were asked"
            report.failure = f"{asked}: {resolution.failure}"
        return report

    def imports(self, after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """Import runs, oldest first."""
        with self.transaction() as cursor:
            return [plain(found) for found in runs.page(cursor, after=after, limit=limit)]

    def import_run(self, run_id: int) -> dict[str, Any]:
        """One import run with its report."""
        with self.transaction() as cursor:
            found = runs.get(cursor, run_id)
        if found is None:
            raise NotFound("import run", run_id, "`catalog imports list` shows them")
        return plain(found)

    def import_rejects(self, run_id: int) -> list[dict[str, Any]]:
        """The rejected rows of a run."""
        self.import_run(run_id)
        with self.transaction() as cursor:
            return runs.rejects(cursor, run_id)

    def export_snapshot(
        self, path: str, ids: int | None = None, force: bool = False, since: int | str | None = None
    ) -> SnapshotInfo:
        """Write a full snapshot, or a delta: what changed after a sequence, or after a snapshot file."""
        from catalog.services import export

        with self._answering():
            return export.export_snapshot(self.engine, path, ids=ids, since=since, force=force)

    def nightly(self, plan: Plan) -> NightlyReport:
        """Publish the catalog into a directory, unless nothing changed or something speaks against it."""
        from catalog.services import nightly

        with self._answering():
            return nightly.run(self.engine, plan, self.actor)

    def nightly_runs(self, limit: int = 20) -> Rows:
        """The last nightly runs, newest first."""
        with self.transaction() as cursor:
            return [plain(run._asdict()) for run in nightly_rows.page(cursor, limit)]


def _user() -> str:
    with suppress(KeyError, OSError):
        return os.environ.get("CATALOG_ACTOR") or getpass.getuser()
    return "unknown"


def _scalar(cursor: Cursor, query: str) -> Any:
    cursor.execute(query)
    found = cursor.fetchone()
    assert found is not None
    return found[0]
