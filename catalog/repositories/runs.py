"""Import runs as rows: begun, what they saw, what they rejected, and how they ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from catalog.domain.base import Record
from catalog.domain.golden import Feed
from catalog.domain.identity import LISTING_KIND
from catalog.errors import CatalogError
from catalog.repositories.driver import Cursor, copy_rows
from catalog.repositories.statements import Key

_COLUMNS = """r.run_id, r.source, f.name, encode(r.payload_hash, 'hex'), r.file_name, r.observed_at, r.actor, r.state,
    r.started_at, r.finished_at, r.rows_seen, r.rows_expected, r.report, r.failure"""
_NAMES = (
    "run_id", "source", "feed", "payload_hash", "file_name", "observed_at", "actor", "state", "started_at", "finished_at",
    "rows_seen", "rows_expected", "report", "failure",
)  # fmt: skip


class Begun(NamedTuple):
    """What is known of a run when it begins: who speaks in which payload, for which time, in how many rows."""

    feed: Feed
    payload_hash: bytes
    file_name: str
    observed_at: datetime
    actor: str
    argument: str | None
    is_time_stated: bool
    is_listing: bool
    rows_seen: int
    rows_expected: int | None
    retry_of: int | None


class Listing(NamedTuple):
    """A run over a full listing of a feed: its number, how many rows it had, and how many of them it rejected."""

    run_id: int
    rows: int
    rejects: int


class Past(NamedTuple):
    """What it takes to do a run again."""

    source: str
    argument: str | None
    feed: str
    payload_hash: bytes
    file_name: str
    observed_at: datetime
    is_time_stated: bool
    is_listing: bool


def begin(cursor: Cursor, run: Begun) -> int:
    """Open a run; returns its number."""
    columns = ", ".join(Begun._fields[1:])
    cursor.execute(
        f"""INSERT INTO import_runs (source, feed_id, {columns})
        VALUES (%s, %s, {", ".join(["%s"] * len(run[1:]))}) RETURNING run_id""",
        [run.feed.source, run.feed.feed_id, *run[1:]],
    )
    found = cursor.fetchone()
    assert found is not None
    return int(found[0])


def last_listing(cursor: Cursor, feed: Feed, before: datetime) -> Listing | None:
    """The newest complete run over a listing of this feed that is older than a time."""
    cursor.execute(
        """SELECT run_id, rows_seen, (SELECT count(*) FROM import_rejects j WHERE j.run_id = r.run_id)
        FROM import_runs r
        WHERE feed_id = %s AND state = 'done' AND is_listing AND observed_at < %s AND rows_seen IS NOT NULL
        ORDER BY observed_at DESC, run_id DESC LIMIT 1""",
        [feed.feed_id, before],
    )
    found = cursor.fetchone()
    return Listing(*found) if found else None


def past(cursor: Cursor, run_id: int) -> Past | None:
    """A run, as it has to be done again."""
    cursor.execute(
        """SELECT r.source, r.argument, f.name, r.payload_hash, r.file_name, r.observed_at, r.is_time_stated,
        r.is_listing FROM import_runs r JOIN feeds f USING (feed_id) WHERE r.run_id = %s""",
        [run_id],
    )
    found = cursor.fetchone()
    return Past(*found)._replace(payload_hash=bytes(found[3])) if found else None


def rejected_places(cursor: Cursor, run_id: int) -> frozenset[str]:
    """Where the rows stand that a run rejected."""
    cursor.execute("SELECT DISTINCT place FROM import_rejects WHERE run_id = %s", [run_id])
    return frozenset(place for (place,) in cursor.fetchall())


def missing(cursor: Cursor, run_id: int, before: int) -> set[Key]:
    """The records that the listing `before` had and that of `run_id` has not.

    An alias counts as what it stands for by now; what was rejected then, and is no record to this day, does not count.
    """
    query = f"""SELECT s.kind, coalesce(i.target_id, u.id) FROM sightings s CROSS JOIN unnest(s.ids) u(id)
        LEFT JOIN identities i ON i.kind = s.kind AND i.id = u.id
        WHERE s.run_id = %s AND CASE WHEN s.kind = {LISTING_KIND} THEN EXISTS (SELECT 1 FROM listings l WHERE l.id = u.id)
            ELSE i.id IS NOT NULL AND (i.target_id IS NOT NULL OR NOT i.is_alias) END"""
    cursor.execute(f"{query} EXCEPT {query}", [before, run_id])
    return {Key(*cells) for cells in cursor.fetchall()}


def seen_by(cursor: Cursor, keys: Iterable[Key]) -> list[dict[str, Any]]:
    """The runs that saw one of these records, the oldest first."""
    wanted = list(keys)
    cursor.execute(
        """SELECT r.run_id, r.source || ':' || f.name, encode(r.payload_hash, 'hex'), r.file_name, r.observed_at, r.state
        FROM import_runs r JOIN feeds f USING (feed_id) WHERE EXISTS (
            SELECT 1 FROM sightings s JOIN unnest(%s::smallint[], %s::uuid[]) w(kind, id)
            ON w.kind = s.kind AND w.id = ANY(s.ids) WHERE s.run_id = r.run_id)
        ORDER BY r.run_id""",
        [[k.kind for k in wanted], [k.id for k in wanted]],
    )
    names = ("run_id", "feed", "payload_hash", "file_name", "observed_at", "state")
    return [dict(zip(names, cells, strict=True)) for cells in cursor.fetchall()]


def reject_late(cursor: Cursor, run_id: int, refused: Sequence[tuple[str, CatalogError, Record]]) -> None:
    """Add to the rejects of a run records of it that waited, and were refused when their time came."""
    if refused:
        reject(
            cursor,
            run_id,
            (
                (place, error.code, str(error), record.canonical_json()[:4096], record.record)
                for place, error, record in refused
            ),
        )


def saw(cursor: Cursor, run_id: int | None, number: int, keys: Iterable[Key]) -> None:
    """Note which records a batch of the run saw."""
    by_kind: dict[int, list[UUID]] = {}
    for key in keys:
        by_kind.setdefault(key.kind, []).append(key.id)
    copy_rows(
        cursor,
        "sightings",
        ("run_id", "number", "kind", "ids"),
        [(run_id, number, k, ids) for k, ids in by_kind.items()],
    )


def reject(cursor: Cursor, run_id: int | None, rejects: Iterable[Sequence[str]]) -> None:
    """Keep the rejected rows: (place, code, reason, row, record) each, numbered on from those that the run has.

    The run is locked: what it brought can be released, and refused, by another writer before it has ended.
    """
    cursor.execute("SELECT 1 FROM import_runs WHERE run_id = %s FOR NO KEY UPDATE", [run_id])
    cursor.execute("SELECT coalesce(max(number), 0) FROM import_rejects WHERE run_id = %s", [run_id])
    found = cursor.fetchone()
    first = found[0] + 1 if found else 1
    rows = ((run_id, number, *cells) for number, cells in enumerate(rejects, first))
    copy_rows(cursor, "import_rejects", ("run_id", "number", "place", "code", "reason", "row", "record"), rows)


def finish(cursor: Cursor, run_id: int | None, state: str, report: Jsonb, failure: str | None) -> None:
    """Close a run."""
    cursor.execute(
        "UPDATE import_runs SET state = %s, finished_at = clock_timestamp(), report = %s, failure = %s WHERE run_id = %s",
        [state, report, failure, run_id],
    )


def page(cursor: Cursor, *, after: int = 0, limit: int = 100) -> list[Mapping[str, Any]]:
    """Runs in the order they began."""
    cursor.execute(
        f"SELECT {_COLUMNS} FROM import_runs r JOIN feeds f USING (feed_id) WHERE r.run_id > %s ORDER BY r.run_id LIMIT %s",
        [after, limit],
    )
    return [dict(zip(_NAMES, cells, strict=True)) for cells in cursor.fetchall()]


def get(cursor: Cursor, run_id: int) -> Mapping[str, Any] | None:
    """One run."""
    found = page(cursor, after=run_id - 1, limit=1)
    return found[0] if found and found[0]["run_id"] == run_id else None


def rejects(cursor: Cursor, run_id: int) -> list[dict[str, Any]]:
    """The rejected rows of a run, in order."""
    names = ("number", "place", "record", "code", "reason", "row")
    cursor.execute(f"SELECT {', '.join(names)} FROM import_rejects WHERE run_id = %s ORDER BY number", [run_id])
    return [dict(zip(names, cells, strict=True)) for cells in cursor.fetchall()]


def of_payload(cursor: Cursor, payload_hash: bytes) -> tuple[int, str] | None:
    """The newest run that read a payload, and the name of its file."""
    cursor.execute(
        "SELECT run_id, file_name FROM import_runs WHERE payload_hash = %s ORDER BY run_id DESC LIMIT 1", [payload_hash]
    )
    found = cursor.fetchone()
    return (found[0], found[1]) if found else None
