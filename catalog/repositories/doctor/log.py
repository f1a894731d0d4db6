"""The change log and the history: without gaps, in order, one after the other."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from catalog.repositories.doctor.rows import Found, count, part_of
from catalog.repositories.driver import Cursor

#: Days for which changes are kept at least; what is older may have been given up.
KEPT_DAYS = 400
#: Changes that leave no former state behind: of what was not there, or is as it was.
_WITHOUT_FORMER = "'register', 'supersede', 'alias'"


class Log(NamedTuple):
    """The change log as a whole, and what its counter says."""

    number: int
    first: int | None
    last: int | None
    last_at: datetime | None
    counter: int
    counter_at: datetime
    may_be_pruned: bool


def log(cursor: Cursor) -> Log | None:
    """The log; None when there is no counter."""
    cursor.execute(
        f"""SELECT l.number, l.first, l.last, (SELECT changed_at FROM changes WHERE sequence = l.last),
            c.last_sequence, c.last_changed_at,
            (SELECT created_at < clock_timestamp() - interval '{KEPT_DAYS} days' FROM catalog_info)
        FROM change_counter c, (SELECT count(*) AS number, min(sequence) AS first, max(sequence) AS last FROM changes) l"""
    )
    found = cursor.fetchone()
    return Log(*found) if found else None


def counter(cursor: Cursor) -> tuple[int, datetime] | None:
    """The last sequence given and its time; None when there is no counter."""
    cursor.execute("SELECT last_sequence, last_changed_at FROM change_counter")
    found = cursor.fetchone()
    return (found[0], found[1]) if found else None


def gaps(cursor: Cursor) -> Found:
    """Where sequences are missing between two that are there."""
    return count(
        cursor,
        """SELECT CASE WHEN next = sequence + 2 THEN (sequence + 1)::text ELSE format('%s to %s', sequence + 1, next - 1) END
        FROM (SELECT sequence, lead(sequence) OVER (ORDER BY sequence) AS next FROM changes) c WHERE next > sequence + 1""",
    )


def out_of_order(cursor: Cursor, rows: int | None) -> Found:
    """Changes dated before the one that precedes them; of the last `rows`, if given."""
    last = "" if rows is None else f"WHERE sequence > (SELECT max(sequence) FROM changes) - {rows:d}"
    return count(
        cursor,
        f"""SELECT sequence FROM (
            SELECT sequence, changed_at, lag(changed_at) OVER (ORDER BY sequence) AS before FROM changes {last}) c
        WHERE changed_at < before""",
    )


def published_ahead(cursor: Cursor, last: int) -> Found:
    """Snapshots that hold changes which this catalog has not made."""
    return count(
        cursor,
        """SELECT format('%%s, as of %%s', file_name, as_of_sequence) FROM (
            SELECT file_name, as_of_sequence FROM snapshots
            UNION SELECT file_name, as_of_sequence FROM nightly_runs WHERE state = 'published') s
        WHERE as_of_sequence > %s ORDER BY as_of_sequence DESC""",
        [last],
    )


_STATE = "format('%s %s until %s', h.kind, replace(h.record_id::text, '-', ''), h.until_sequence)"
_PRECEDING = """CROSS JOIN LATERAL (
    SELECT p.valid_to, p.until_sequence FROM history p
    WHERE p.kind = h.kind AND p.record_id = h.record_id AND p.until_sequence < h.until_sequence
    ORDER BY p.until_sequence DESC LIMIT 1) p"""


def backward_states(cursor: Cursor, rows: int | None) -> Found:
    """Former states that end before they begin."""
    source = part_of(cursor, "history", "h", rows)
    return count(
        cursor, f"SELECT {_STATE} FROM {source} WHERE h.valid_from >= h.valid_to OR h.from_sequence >= h.until_sequence"
    )


def overlapping_states(cursor: Cursor, rows: int | None) -> Found:
    """Former states that begin while the one before still holds."""
    source = part_of(cursor, "history", "h", rows)
    return count(
        cursor,
        f"""SELECT {_STATE} FROM {source} {_PRECEDING}
        WHERE p.valid_to > h.valid_from OR p.until_sequence > h.from_sequence""",
    )


def holes_between_states(cursor: Cursor, rows: int | None) -> Found:
    """Former states that begin later than the one before ended, though the record was not made anew then."""
    source = part_of(cursor, "history", "h", rows)
    return count(
        cursor,
        f"""SELECT {_STATE} FROM {source} {_PRECEDING}
        WHERE p.valid_to < h.valid_from AND NOT EXISTS (SELECT FROM changes c WHERE c.sequence = h.from_sequence AND c.action = 'register')""",
    )


def states_without_change(cursor: Cursor, rows: int | None) -> Found:
    """Former states whose end or beginning is no change of that record at that time, as far back as the log goes."""
    source = part_of(cursor, "history", "h", rows)
    return count(
        cursor,
        f"""SELECT {_STATE} FROM {source}
        WHERE h.from_sequence >= (SELECT min(sequence) FROM changes) AND NOT (
            EXISTS (SELECT FROM changes c WHERE c.sequence = h.until_sequence
                AND (c.kind, c.record_id, c.changed_at) = (h.kind, h.record_id, h.valid_to))
            AND EXISTS (SELECT FROM changes c WHERE c.sequence = h.from_sequence
                AND (c.kind, c.record_id, c.changed_at) = (h.kind, h.record_id, h.valid_from)))""",
    )


def changes_without_state(cursor: Cursor, rows: int | None) -> Found:
    """Changes that left no former state behind, and should have."""
    source = part_of(cursor, "changes", "c", rows)
    return count(
        cursor,
        f"""SELECT c.sequence FROM {source} WHERE c.action NOT IN ({_WITHOUT_FORMER})
            AND c.changed_at > clock_timestamp() - interval '{KEPT_DAYS} days'
            AND NOT EXISTS (SELECT FROM history h
                WHERE (h.kind, h.record_id, h.until_sequence) = (c.kind, c.record_id, c.sequence))
            -- what came and went in one transaction was never there for anybody
            AND c.changed_at IS DISTINCT FROM (SELECT b.changed_at FROM changes b
                WHERE b.kind = c.kind AND b.record_id = c.record_id AND b.sequence < c.sequence AND b.action <> 'supersede'
                ORDER BY b.sequence DESC LIMIT 1)""",
    )
