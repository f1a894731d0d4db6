"""Successions as rows: who follows whom, and what of it is in effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from catalog.domain.vocabulary import ALIASING_SUCCESSIONS, LASTING_SUCCESSIONS
from catalog.repositories.driver import Cursor
from catalog.repositories.statements import Key


class Succession(NamedTuple):
    """One record follows another. `ratio` is how many units of the successor there are for one of the predecessor."""

    kind: int
    predecessor: UUID
    successor: UUID
    succession_kind: str
    ratio: Decimal | None
    effective_at: datetime
    is_in_effect: bool
    actor: str
    reason: str | None
    recorded_at: datetime | None = None


_COLUMNS = """kind, predecessor_id, successor_id, succession_kind, ratio, effective_at, is_in_effect, actor, reason,
    recorded_at"""


def of(cursor: Cursor, key: Key) -> list[Succession]:
    """The successions in which a record is one side, oldest first."""
    cursor.execute(
        f"""SELECT {_COLUMNS} FROM successions WHERE kind = %s AND %s IN (predecessor_id, successor_id)
        ORDER BY effective_at, predecessor_id, successor_id, succession_kind""",
        key,
    )
    return [Succession(*cells) for cells in cursor.fetchall()]


def find(cursor: Cursor, wanted: Succession) -> Succession | None:
    """The stored succession of this kind between these two."""
    cursor.execute(
        f"SELECT {_COLUMNS} FROM successions WHERE (kind, predecessor_id, successor_id, succession_kind) = (%s, %s, %s, %s)",
        wanted[:4],
    )
    found = cursor.fetchone()
    return Succession(*found) if found else None


def between(cursor: Cursor, kind: int, predecessor: UUID, successor: UUID) -> Succession | None:
    """The stored succession between these two, of whatever kind: there is one at most."""
    cursor.execute(
        f"SELECT {_COLUMNS} FROM successions WHERE (kind, predecessor_id, successor_id) = (%s, %s, %s)",
        [kind, predecessor, successor],
    )
    found = cursor.fetchone()
    return Succession(*found) if found else None


def repoint(cursor: Cursor, kind: int, now: Mapping[UUID, UUID]) -> None:
    """Let what is recorded about ids that became aliases be about what they stand for.

    What made an id an alias stays with it. What would let a record follow itself, or says what is recorded already,
    goes.
    """
    if not now:
        return
    cursor.execute(
        f"""SELECT {_COLUMNS} FROM successions
        WHERE kind = %(kind)s AND (predecessor_id = ANY(%(old)s) OR successor_id = ANY(%(old)s))
        ORDER BY effective_at, predecessor_id, successor_id""",
        {"kind": kind, "old": list(now)},
    )
    for s in [Succession(*cells) for cells in cursor.fetchall()]:
        is_done = s.is_in_effect and s.succession_kind in ALIASING_SUCCESSIONS
        predecessor = s.predecessor if is_done else now.get(s.predecessor, s.predecessor)
        successor = now.get(s.successor, s.successor)
        if (predecessor, successor) == (s.predecessor, s.successor):
            continue
        if predecessor == successor or between(cursor, kind, predecessor, successor):
            cursor.execute("DELETE FROM successions WHERE (kind, predecessor_id, successor_id) = (%s, %s, %s)", s[:3])
        else:
            cursor.execute(
                """UPDATE successions SET predecessor_id = %s, successor_id = %s
                WHERE (kind, predecessor_id, successor_id) = (%s, %s, %s)""",
                [predecessor, successor, *s[:3]],
            )


def insert(cursor: Cursor, new: Succession) -> None:
    """Store a succession. The database refuses one that would lead back to its own predecessor."""
    cursor.execute(
        """INSERT INTO successions (kind, predecessor_id, successor_id, succession_kind, ratio, effective_at,
        is_in_effect, actor, reason) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        new[:9],
    )


def due(cursor: Cursor, until: datetime) -> list[Succession]:
    """The successions that are not in effect and should be by then, in the order of their times."""
    cursor.execute(
        f"""SELECT {_COLUMNS} FROM successions WHERE NOT is_in_effect AND effective_at <= %s
        ORDER BY effective_at, kind, predecessor_id, successor_id, succession_kind""",
        [until],
    )
    return [Succession(*cells) for cells in cursor.fetchall()]


def put_in_effect(cursor: Cursor, which: Iterable[Succession]) -> None:
    """Mark successions as applied."""
    for s in which:
        cursor.execute(
            """UPDATE successions SET is_in_effect = true
            WHERE (kind, predecessor_id, successor_id, succession_kind) = (%s, %s, %s, %s)""",
            s[:4],
        )


def ends(cursor: Cursor, keys: Iterable[Key]) -> dict[Key, datetime]:
    """When each of these records was succeeded, where that ends it: the earliest succession in effect."""
    wanted = list(keys)
    if not wanted:
        return {}
    cursor.execute(
        """SELECT s.kind, s.predecessor_id, min(s.effective_at) FROM successions s
        JOIN unnest(%s::smallint[], %s::uuid[]) AS w(kind, id) ON (s.kind, s.predecessor_id) = (w.kind, w.id)
        WHERE s.is_in_effect AND NOT s.succession_kind = ANY(%s) GROUP BY 1, 2""",
        [[k.kind for k in wanted], [k.id for k in wanted], sorted(LASTING_SUCCESSIONS)],
    )
    return {Key(kind, id): at for kind, id, at in cursor.fetchall()}


def became(cursor: Cursor, kind: int, ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """The ids that an operator found to be another one's, with that one."""
    cursor.execute(
        """SELECT predecessor_id, successor_id FROM successions WHERE kind = %s AND is_in_effect
        AND succession_kind = ANY(%s) AND predecessor_id = ANY(%s)""",
        [kind, sorted(ALIASING_SUCCESSIONS), list(ids)],
    )
    return dict(cursor.fetchall())


def followed(cursor: Cursor, kind: int, ids: Iterable[UUID]) -> dict[UUID, frozenset[Any]]:
    """For each id everything that follows it, directly or not, by successions in effect that end it."""
    wanted = list(ids)
    if not wanted:
        return {}
    cursor.execute(
        """WITH RECURSIVE line(first, id) AS (
            SELECT predecessor_id, successor_id FROM successions WHERE kind = %(kind)s AND is_in_effect
                AND NOT succession_kind = ANY(%(lasting)s) AND predecessor_id = ANY(%(ids)s)
            UNION SELECT line.first, s.successor_id FROM line JOIN successions s ON s.predecessor_id = line.id
                WHERE s.kind = %(kind)s AND s.is_in_effect AND NOT s.succession_kind = ANY(%(lasting)s))
        SELECT first, array_agg(id) FROM line GROUP BY first""",
        {"kind": kind, "lasting": sorted(LASTING_SUCCESSIONS), "ids": wanted},
    )
    return {first: frozenset(later) for first, later in cursor.fetchall()}


def leading_to(cursor: Cursor, kind: int, id: UUID) -> set[UUID]:
    """A record and everything that it follows, directly or not, by successions in effect that end what they follow."""
    cursor.execute(
        """WITH RECURSIVE line(id) AS (SELECT %(id)s::uuid
            UNION SELECT s.predecessor_id FROM line JOIN successions s ON s.successor_id = line.id
            WHERE s.kind = %(kind)s AND s.is_in_effect AND NOT s.succession_kind = ANY(%(lasting)s))
        SELECT id FROM line""",
        {"kind": kind, "lasting": sorted(LASTING_SUCCESSIONS), "id": id},
    )
    return {id for (id,) in cursor.fetchall()}


def leads_back(cursor: Cursor, kind: int, predecessor: UUID, successor: UUID) -> bool:
    """Whether the successor is followed by its predecessor already, in effect or not."""
    cursor.execute(
        """WITH RECURSIVE line(id) AS (SELECT %(successor)s::uuid UNION
            SELECT s.successor_id FROM line JOIN successions s ON s.predecessor_id = line.id WHERE s.kind = %(kind)s)
        SELECT 1 FROM line WHERE id = %(predecessor)s""",
        {"kind": kind, "predecessor": predecessor, "successor": successor},
    )
    return cursor.fetchone() is not None
