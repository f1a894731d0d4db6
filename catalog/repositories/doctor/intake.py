"""What came in and what goes out: payloads, import runs, what waits, who is believed, nightly runs, collisions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from catalog.domain.identity import KINDS
from catalog.repositories.doctor.rows import Found, count
from catalog.repositories.driver import Cursor

#: The name under which every connection of the catalog's programs appears.
APPLICATION = "instrument-catalog"


class StoredPayload(NamedTuple):
    """A payload, and whether its bytes were given up."""

    payload_hash: bytes
    size: int
    is_pruned: bool


def payloads(cursor: Cursor, start: bytes) -> Iterator[StoredPayload]:
    """All payloads in the order of their hashes, from one on and round."""
    for bound in ("payload_hash >= %s", "payload_hash < %s"):
        last = b""
        while True:
            cursor.execute(
                f"""SELECT payload_hash, size, pruned_at IS NOT NULL FROM payloads
                WHERE {bound} AND payload_hash > %s ORDER BY payload_hash LIMIT 100""",
                [start, last],
            )
            page = [StoredPayload(bytes(digest), size, pruned) for digest, size, pruned in cursor.fetchall()]
            yield from page
            if not page:
                break
            last = page[-1].payload_hash


def chunks(cursor: Cursor, payload_hash: bytes) -> Iterator[tuple[int, bytes]]:
    """The stored pieces of a payload with their numbers, one in memory at a time."""
    number = -1
    while True:
        cursor.execute(
            "SELECT number, data FROM payload_chunks WHERE payload_hash = %s AND number > %s ORDER BY number LIMIT 1",
            [payload_hash, number],
        )
        found = cursor.fetchone()
        if found is None:
            return
        number = found[0]
        yield number, bytes(found[1])


def reader_of(cursor: Cursor, payload_hash: bytes) -> str | None:
    """The last run that read a payload, with the name of its file."""
    cursor.execute(
        """SELECT format('run %%s, %%s', run_id, file_name) FROM import_runs
        WHERE payload_hash = %s ORDER BY run_id DESC LIMIT 1""",
        [payload_hash],
    )
    found = cursor.fetchone()
    return str(found[0]) if found else None


class OpenRun(NamedTuple):
    """A run that has not said how it ended, since how many hours, and what sessions there are that could be its own."""

    run_id: int
    file_name: str
    hours: float
    num_sessions: int
    num_older_sessions: int


def open_runs(cursor: Cursor) -> list[OpenRun]:
    """All of them, oldest first. A session whose beginning this role may not see counts as older than any run."""
    cursor.execute(
        """SELECT r.run_id, r.file_name, extract(epoch FROM clock_timestamp() - r.started_at)::float8 / 3600,
            count(a.pid), count(a.pid) FILTER (WHERE a.backend_start IS NULL OR a.backend_start <= r.started_at)
        FROM import_runs r LEFT JOIN pg_stat_activity a
            ON a.datname = current_database() AND a.application_name = %s AND a.pid <> pg_backend_pid()
        WHERE r.state = 'running' GROUP BY r.run_id ORDER BY r.run_id""",
        [APPLICATION],
    )
    return [OpenRun(*cells) for cells in cursor.fetchall()]


def runs_ahead(cursor: Cursor, moment: datetime) -> Found:
    """Runs over payloads that speak for a time after a moment."""
    return count(
        cursor,
        "SELECT format('run %%s, %%s', run_id, file_name) FROM import_runs WHERE observed_at > %s ORDER BY run_id",
        [moment],
    )


class LastNight(NamedTuple):
    """The last nightly run into a directory, and for how many hours none has ended well there."""

    directory: str
    number: int
    state: str
    hours: float
    reason: str | None
    hours_since_good: float | None


def last_nights(cursor: Cursor) -> list[LastNight]:
    """One for each directory."""
    cursor.execute(
        """SELECT DISTINCT ON (directory) directory, number, state,
            extract(epoch FROM clock_timestamp() - started_at)::float8 / 3600, reason,
            extract(epoch FROM clock_timestamp() - max(finished_at)
                FILTER (WHERE state IN ('published', 'unchanged')) OVER (PARTITION BY directory))::float8 / 3600
        FROM nightly_runs ORDER BY directory, number DESC"""
    )
    return [LastNight(*cells) for cells in cursor.fetchall()]


class Width(NamedTuple):
    """The width of ids, and what speaks about it: about how many instruments, and sources that read blockchains."""

    bits: int
    instruments: int
    chain_sources: list[str]


def width(cursor: Cursor, enough: int) -> Width:
    """What this catalog has; instruments are counted up to one more than `enough`."""
    cursor.execute(
        f"""SELECT id_bits, (SELECT count(*) FROM (SELECT FROM instruments LIMIT {enough + 1:d}) i),
            ARRAY(SELECT DISTINCT source FROM import_runs JOIN sources USING (source) WHERE authority = 'chain' ORDER BY 1)
        FROM catalog_info"""
    )
    found = cursor.fetchone()
    assert found is not None
    return Width(*found)


def collisions(cursor: Cursor) -> Found:
    """Collisions of which the refused identity has not been registered since."""
    return count(
        cursor,
        f"""SELECT format('collision %s, %s bits', c.number, c.id_bits) FROM id_collisions c
        WHERE c.kind <> {KINDS["event-type"]} AND NOT EXISTS (
            SELECT FROM identities i WHERE i.kind = c.kind AND i.identity = c.refused_identity AND i.id = c.id)
        ORDER BY c.number""",
    )


def voices(cursor: Cursor) -> list[tuple[str, str, int, str | None, str | None]]:
    """(source or source:feed, authority, precedence, record, field) of everyone whose word has a weight."""
    cursor.execute(
        """SELECT source, authority, precedence::int, NULL, NULL FROM sources
        UNION ALL SELECT f.source || ':' || f.name, s.authority, f.precedence::int, NULL, NULL
            FROM feeds f JOIN sources s USING (source) WHERE f.precedence IS NOT NULL
        UNION ALL SELECT p.source, s.authority, p.precedence::int, p.record, p.field
            FROM field_precedence p JOIN sources s USING (source) ORDER BY 1, 4 NULLS FIRST, 5"""
    )
    return [(who, authority, number, record, field) for who, authority, number, record, field in cursor.fetchall()]
