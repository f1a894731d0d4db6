"""Runs of the nightly snapshot, as rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from catalog.repositories.driver import Cursor


class NightlyRun(NamedTuple):
    """One run: what became of it, and the reasons and remarks that it gave."""

    number: int
    directory: str
    actor: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    file_name: str | None
    as_of_sequence: int | None
    manifest: dict[str, Any] | None
    reason: str | None


def start(cursor: Cursor, directory: str, actor: str) -> int:
    """Note a run that begins. Runs of this directory that never said how they ended are noted as failed: no two are at
    work at once, as each has the directory's lock."""
    cursor.execute(
        """UPDATE nightly_runs SET state = 'failed', finished_at = clock_timestamp(), reason = 'it was killed, or could not say how it ended'
        WHERE directory = %s AND state = 'running'""",
        [directory],
    )
    cursor.execute("INSERT INTO nightly_runs (directory, actor) VALUES (%s, %s) RETURNING number", [directory, actor])
    found = cursor.fetchone()
    assert found is not None
    return int(found[0])


def finish(
    cursor: Cursor,
    number: int,
    state: str,
    *,
    file_name: str | None = None,
    as_of_sequence: int | None = None,
    manifest: dict[str, Any] | None = None,
    reason: str | None = None,
) -> None:
    """Note how a run ended."""
    cursor.execute(
        """UPDATE nightly_runs SET state = %s, finished_at = clock_timestamp(), file_name = %s, as_of_sequence = %s,
        manifest = %s, reason = %s WHERE number = %s""",
        [state, file_name, as_of_sequence, None if manifest is None else Jsonb(manifest), reason, number],
    )


def page(cursor: Cursor, limit: int = 20) -> list[NightlyRun]:
    """The last runs, newest first."""
    cursor.execute(f"SELECT {', '.join(NightlyRun._fields)} FROM nightly_runs ORDER BY number DESC LIMIT %s", [limit])
    return [NightlyRun(*cells) for cells in cursor.fetchall()]
