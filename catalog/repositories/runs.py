"""Import runs as rows: begun, what they saw, what they rejected, and how they ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from catalog.domain.golden import Feed
from catalog.repositories.driver import Cursor, copy_rows
from catalog.repositories.statements import Key

_COLUMNS = """r.run_id, r.source, f.name, encode(r.payload_hash, 'hex'), r.file_name, r.observed_at, r.actor, r.state,
    r.started_at, r.finished_at, r.report, r.failure"""
_NAMES = (
    "run_id", "source", "feed", "payload_hash", "file_name", "observed_at", "actor", "state", "started_at", "finished_at",
    "report", "failure",
)  # fmt: skip


def begin(cursor: Cursor, feed: Feed, payload_hash: bytes, file_name: str, observed_at: datetime, actor: str) -> int:
    """Open a run; returns its number."""
    cursor.execute(
        """INSERT INTO import_runs (source, feed_id, payload_hash, file_name, observed_at, actor)
        VALUES (%s, %s, %s, %s, %s, %s) RETURNING run_id""",
        [feed.source, feed.feed_id, payload_hash, file_name, observed_at, actor],
    )
    found = cursor.fetchone()
    assert found is not None
    return int(found[0])


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


def reject(cursor: Cursor, run_id: int | None, rejects: Sequence[Sequence[str]]) -> None:
    """Keep the rejected rows: (place, code, reason, row, record) each."""
    rows = [(run_id, number, *cells) for number, cells in enumerate(rejects, start=1)]
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
