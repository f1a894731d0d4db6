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

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from catalog.database import migrations
from catalog.database.engine import is_connection_failure, make_engine, unavailable
from catalog.domain.base import Record
from catalog.domain.identity import KIND_NAMES, KINDS, Id, decode_identity
from catalog.domain.records import RECORDS
from catalog.errors import Ambiguous, BreakingChange, CatalogError, InvalidRecord, NotFound
from catalog.repositories import changes, disputes, feeds, mapping, runs, search
from catalog.repositories.driver import Cursor, cursor_of
from catalog.repositories.statements import Author, Key, Outcome, Submission, key_of
from catalog.services import imports, writing

if TYPE_CHECKING:
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
        self.nouns: dict[str, Noun] = {
            name: Noun(self, name, records)
            for name, records in {
                "instrument": tuple(r for r in RECORDS if mapping.NOUNS[r].kind == KINDS["instrument"]),
                "security": ("security",),
                "venue": ("venue",),
                "listing": ("listing",),
                "pair": ("pair",),
            }.items()
        }
        self.instruments = self.nouns["instrument"]
        self.securities = self.nouns["security"]
        self.venues = self.nouns["venue"]
        self.listings = self.nouns["listing"]
        self.pairs = self.nouns["pair"]

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
                migrations.require_current(connection)
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
        try:
            with self.engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            if is_connection_failure(error):
                raise unavailable(error, self._url) from None
            raise

    # -- writing --------------------------------------------------------------------------------------------------

    def register(self, record: Record, reason: str | None = None) -> Id | str:
        """Register one record as this catalog's operator; returns its id (a listing's key).

        Registering what is known already changes nothing. Raises IdCollision, Conflict, InvalidRecord.
        """
        with self.transaction() as cursor:
            feed = feeds.operator(cursor)
        submission = Submission(record, feed, datetime.now(UTC))
        outcome = writing.write(self.engine, [submission], Author(self.actor, reason), all_or_nothing=True)
        if outcome.errors:
            raise outcome.errors.get(key_of(record)) or next(iter(outcome.errors.values()))
        if record.kind == "listing":
            return str(getattr(record, "key"))  # noqa: B009 - only listings have it
        with self.transaction() as cursor:
            return Id(search.resolve(cursor, key_of(record)).id.bytes)

    def register_many(self, records: Iterable[Record], reason: str | None = None) -> RegisterReport:
        """Register any number of records, in batches with a transaction each; a bad one never stops the others."""
        with self.transaction() as cursor:
            feed = feeds.operator(cursor)
        whole, now = Outcome(), datetime.now(UTC)
        batch: list[Record] = []
        author = Author(self.actor, reason)

        def flush() -> None:
            from catalog.repositories import bulk

            ordered = sorted(batch, key=lambda r: imports.record_order(r.record))
            bulk.join(whole, writing.write(self.engine, [Submission(r, feed, now) for r in ordered], author))
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
        """All records that answer to a key; `by` names the scheme, `at` a time to look at."""
        with self.transaction() as cursor:
            return search.find(cursor, key, by, source, at)

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
                "last_changed_at": _time(changed_at) if last else None,
            }

    def changes(self, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """The change log after a sequence number, oldest first."""
        with self.transaction() as cursor:
            return [_change(c) for c in changes.after(cursor, after, limit)]

    def explain(self, id: str) -> list[dict[str, Any]]:
        """The canonical identities behind an id."""
        with self.transaction() as cursor:
            found = search.explain(cursor, UUID(hex=Id(id)))
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
                    "refused": list(decode_identity(bytes(refused))), "id_bits": bits, "occurred_at": _time(at),
                    "attempts": attempts, "actor": actor, "run_id": run,
                }
                for n, kind, id, held, refused, bits, at, attempts, actor, run in cursor.fetchall()
            ]  # fmt: skip

    def disputes(self, state: str | None = "open", after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """The quarantine desk, in the order the disputes were opened."""
        with self.transaction() as cursor:
            return [_dispute(d) for d in disputes.page(cursor, state=state, after=after, limit=limit)]

    def dispute(self, number: int) -> dict[str, Any]:
        """One dispute with both sides."""
        with self.transaction() as cursor:
            found = disputes.get(cursor, number)
        if found is None:
            raise NotFound("dispute", number, "`catalog disputes list` shows the open ones")
        return _dispute(found)

    # -- runs and files -------------------------------------------------------------------------------------------

    def import_file(self, source: str, path: str, **options: Any) -> imports.ImportReport:
        """Import a payload; see `catalog.services.imports.import_file` for the options."""
        return imports.import_file(self.engine, source, path, actor=self.actor, **options)

    def imports(self, after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """Import runs, oldest first."""
        with self.transaction() as cursor:
            return [_plain(run) for run in runs.page(cursor, after=after, limit=limit)]

    def import_run(self, run_id: int) -> dict[str, Any]:
        """One import run with its report."""
        with self.transaction() as cursor:
            found = runs.get(cursor, run_id)
        if found is None:
            raise NotFound("import run", run_id, "`catalog imports list` shows them")
        return _plain(found)

    def import_rejects(self, run_id: int) -> list[dict[str, Any]]:
        """The rejected rows of a run."""
        self.import_run(run_id)
        with self.transaction() as cursor:
            return runs.rejects(cursor, run_id)

    def export_snapshot(self, path: str, ids: int | None = None, force: bool = False) -> SnapshotInfo:
        """Write a full snapshot; the same state gives the same bytes."""
        from catalog.services import export

        return export.export_snapshot(self.engine, path, ids=ids, force=force)


class Noun:
    """The records of one kind: `catalog.instruments`, `catalog.pairs` …"""

    def __init__(self, catalog: Catalog, name: str, records: tuple[str, ...]) -> None:
        self.catalog, self.name, self.records = catalog, name, records

    def register(self, record: Record, reason: str | None = None) -> Id | str:
        """Register one record; returns its id. Raises IdCollision, Conflict, InvalidRecord."""
        self._check(record)
        return self.catalog.register(record, reason)

    def register_many(self, records: Iterable[Record], reason: str | None = None) -> RegisterReport:
        """Register any number of records."""
        return self.catalog.register_many((self._check(r) for r in records), reason)

    def get(self, id: str) -> Record:
        """The record with this id (a listing's key). Raises NotFound; an alias answers with its target."""
        with self.catalog.transaction() as cursor:
            found = search.get(cursor, self._key(id))
        if found is None:
            raise NotFound(self.name, id, "`catalog find KEY` looks everywhere")
        return found

    def find(self, at: datetime | None = None, source: str | None = None, **identifier: str) -> list[Record]:
        """All records of this kind with an identifier: `find(isin=…)`, or cusip, figi, symbol, address, exchange_symbol."""
        if len(identifier) != 1:
            raise InvalidRecord("identifier", ", ".join(identifier), "exactly one is expected")
        ((by, key),) = identifier.items()
        found = self.catalog.find(key, by.replace("_", "-"), source, at)
        return [r for r in found if r.record in self.records]

    def list(
        self, after: str | None = None, limit: int = 100, record: str | None = None, status: str | None = None
    ) -> list[Record]:
        """The next records after an id, in the order of ids."""
        if record is not None and record not in self.records:
            raise InvalidRecord("record", record, f"one of {', '.join(self.records)} is expected")
        with self.catalog.transaction() as cursor:
            start = None if after is None else self._key(after).id
            return search.page(cursor, (record,) if record else self.records, after=start, limit=limit, status=status)

    def update(
        self, id: str, fields: dict[str, Any], confirm_breaking: bool = False, reason: str | None = None
    ) -> Record:
        """State fields of a record as its operator, which overrules every feed. Raises BreakingChange unless confirmed."""
        old = self.get(id)
        model = type(old)
        for name, value in fields.items():
            if (
                name in old.IDENTITY
                and getattr(old, name, None) != value
                and not (name == "ticker" and getattr(old, "isin", None))
            ):
                raise InvalidRecord(
                    name, value, "it is part of the identity", hint="register the other identity instead"
                )
            before = getattr(old, name, None)
            if name in old.BREAKING and before not in (None, value) and not confirm_breaking:
                raise BreakingChange(id, name, before, value)
        kept = {n: getattr(old, n) for n in old.IDENTITY if getattr(old, n) is not None and n not in fields}
        if "ticker" in kept and getattr(old, "isin", None):
            del kept["ticker"]
        self.catalog.register(model(**kept, **fields), reason)
        return self.get(id)

    def suspend(self, id: str, reason: str | None = None) -> Record:
        """Suspend a record."""
        return self.update(id, {"status": "suspended"}, reason=reason)

    def retire(self, id: str, reason: str | None = None) -> Record:
        """Retire a record. It stays, with its id, for ever."""
        return self.update(id, {"status": "retired"}, reason=reason)

    def resume(self, id: str, reason: str | None = None) -> Record:
        """Make a suspended record active again."""
        return self.update(id, {"status": "active"}, reason=reason)

    def relist(self, id: str, reason: str | None = None) -> Record:
        """Make a retired record active again: the same thing trades once more."""
        return self.update(id, {"status": "active"}, reason=reason)

    def history(self, id: str) -> Rows:
        """What happened to a record, oldest first: every change, with the state that it ended."""
        key = self._key(id)
        with self.catalog.transaction() as cursor:
            former = {f.until_sequence: f for f in changes.history(cursor, key)}
            found = changes.of_record(cursor, key)
        if not found:
            raise NotFound(self.name, id)
        return [_change(c) | ({"before": former[c.sequence].image} if c.sequence in former else {}) for c in found]

    def _check(self, record: Record) -> Record:
        if record.record not in self.records:
            raise InvalidRecord("record", record.record, f"one of {', '.join(self.records)} is expected")
        return record

    def _key(self, id: str) -> Key:
        if self.name == "listing":
            return search.listing_from_key(id)
        if len(id) == 16 and all(c in "0123456789abcdef" for c in id):
            return self._wide(id)
        return Key(mapping.KIND_CODES[self.name], UUID(hex=Id(id)))

    def _wide(self, id64: str) -> Key:
        kind = mapping.KIND_CODES[self.name]
        low, high = UUID(hex=id64 + "0" * 16), UUID(hex=id64 + "f" * 16)
        with self.catalog.transaction() as cursor:
            cursor.execute("SELECT id FROM identities WHERE kind = %s AND id BETWEEN %s AND %s", [kind, low, high])
            ids = [row[0] for row in cursor.fetchall()]
        if len(ids) > 1:
            raise Ambiguous(self.name, id64, [i.hex for i in ids])
        if not ids:
            raise NotFound(self.name, id64)
        return Key(kind, ids[0])


def _user() -> str:
    with suppress(KeyError, OSError):
        return os.environ.get("CATALOG_ACTOR") or getpass.getuser()
    return "unknown"


def _scalar(cursor: Cursor, query: str) -> Any:
    cursor.execute(query)
    found = cursor.fetchone()
    assert found is not None
    return found[0]


def _time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _plain(values: Any) -> dict[str, Any]:
    return {k: _time(v) if isinstance(v, datetime) else v for k, v in values.items()}


def _change(change: changes.LoggedChange) -> dict[str, Any]:
    line = _plain(change._asdict())
    line["kind"] = KIND_NAMES[change.kind]
    line["record_id"] = change.record_id.hex
    if line["kind"] == "listing":
        del line["record_id"]
    return line


def _dispute(dispute: disputes.Dispute) -> dict[str, Any]:
    line = _plain(dispute._asdict())
    return line | {"kind": KIND_NAMES[dispute.kind], "subject_id": dispute.subject_id.hex}
