"""The change log: contiguous, in the order of commit, written behind the last lock that a transaction takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from catalog.domain.identity import LISTING_KIND
from catalog.repositories.driver import Cursor, copy_rows
from catalog.repositories.statements import Author, Change, Key

MAX_PAGE = 10_000
_COLUMNS = (
    "sequence",
    "kind",
    "record_id",
    "record",
    "action",
    "changed_at",
    "actor",
    "reason",
    "run_id",
    "difference",
)


def append(cursor: Cursor, changes: Sequence[Change], author: Author) -> int | None:
    """Write the changes of this transaction, last of all, and the former states into the history.

    Takes the counter's row, which every writer holds until it commits: hence no gap, and no reader that asks for
    "after n" can miss one. Returns the last sequence given; None when there was nothing to write.
    """
    if not changes:
        return None
    cursor.execute(
        """UPDATE change_counter SET last_sequence = last_sequence + %s,
        last_changed_at = greatest(clock_timestamp(), last_changed_at + interval '1 microsecond')
        RETURNING last_sequence, last_changed_at""",
        [len(changes)],
    )
    found = cursor.fetchone()
    assert found is not None
    last, changed_at = found
    first = last - len(changes) + 1
    _keep_former_states(cursor, changes, first, changed_at)
    copy_rows(
        cursor,
        "changes",
        _COLUMNS,
        (
            (
                first + n,
                change.key.kind,
                change.key.id,
                change.record,
                change.action,
                changed_at,
                author.actor,
                author.reason,
                author.run_id,
                difference(change),
            )
            for n, change in enumerate(changes)
        ),
    )
    return int(last)


def difference(change: Change) -> Jsonb | None:
    """What changed: `{field: [before, after]}`; nothing for a new record, whose fields are all new."""
    if change.action == "supersede" or (change.action == "alias" and change.before is None):
        return Jsonb({name: [None, value] for name, value in (change.after or {}).items()})
    if change.before is None:
        # a listing has no id that a follower could look up, so its key goes along
        key = {k: [None, v] for k, v in (change.after or {}).items() if k in ("instrument_id", "venue_id", "symbol")}
        return Jsonb(key) if change.key.kind == LISTING_KIND else None
    after = change.after or {}
    names = sorted(change.before.keys() | after.keys())
    return Jsonb({n: [change.before.get(n), after.get(n)] for n in names if change.before.get(n) != after.get(n)})


def _keep_former_states(cursor: Cursor, changes: Sequence[Change], first: int, changed_at: datetime) -> None:
    former: list[tuple[int, Change]] = []
    seen: set[Key] = set()
    for n, change in enumerate(changes):
        # what a record was between two changes of one transaction was never there for anybody
        if change.before is not None and change.key not in seen:
            former.append((n, change))
        if change.action != "supersede":
            seen.add(change.key)
    if not former:
        return
    cursor.execute(
        """INSERT INTO history (kind, record_id, until_sequence, from_sequence, valid_from, valid_to, image)
        SELECT w.kind, w.id, w.until, last.sequence, last.changed_at, %s, w.image
        FROM unnest(%s::smallint[], %s::uuid[], %s::bigint[], %s::jsonb[]) AS w(kind, id, until, image)
        CROSS JOIN LATERAL (
            SELECT c.sequence, c.changed_at FROM changes c
            WHERE c.kind = w.kind AND c.record_id = w.id AND c.action <> 'supersede' -- which leaves the record as it is
            ORDER BY c.sequence DESC LIMIT 1) AS last""",
        [
            changed_at,
            [c.key.kind for _, c in former],
            [c.key.id for _, c in former],
            [first + n for n, _ in former],
            [Jsonb(c.before) for _, c in former],
        ],
    )


class LoggedChange(NamedTuple):
    """One line of the change log."""

    sequence: int
    kind: int
    record_id: UUID
    record: str
    action: str
    changed_at: datetime
    actor: str
    reason: str | None
    run_id: int | None
    difference: dict[str, Any] | None


def after(cursor: Cursor, sequence: int, limit: int = 1000) -> list[LoggedChange]:
    """The next changes after `sequence`, oldest first."""
    cursor.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM changes WHERE sequence > %s ORDER BY sequence LIMIT %s",
        [sequence, min(limit, MAX_PAGE)],
    )
    return [LoggedChange(*cells) for cells in cursor.fetchall()]


def last_sequence(cursor: Cursor) -> tuple[int, datetime]:
    """The last sequence given and its time."""
    cursor.execute("SELECT last_sequence, last_changed_at FROM change_counter")
    found = cursor.fetchone()
    assert found is not None
    return found[0], found[1]


class FormerState(NamedTuple):
    """A record as it was for a time: `[valid_from, valid_to)`."""

    valid_from: datetime
    valid_to: datetime
    until_sequence: int
    image: dict[str, Any]


def history(cursor: Cursor, key: Key) -> list[FormerState]:
    """The former states of a record, oldest first."""
    cursor.execute(
        """SELECT valid_from, valid_to, until_sequence, image FROM history
        WHERE kind = %s AND record_id = %s ORDER BY until_sequence""",
        key,
    )
    return [FormerState(*cells) for cells in cursor.fetchall()]


def of_record(cursor: Cursor, key: Key) -> list[LoggedChange]:
    """All logged changes of a record, oldest first."""
    cursor.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM changes WHERE kind = %s AND record_id = %s ORDER BY sequence", key
    )
    return [LoggedChange(*cells) for cells in cursor.fetchall()]
