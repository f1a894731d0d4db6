"""Successions as rows: who follows whom, and what of it is in effect."""

from __future__ import annotations

from collections.abc import Iterable
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


def leads_back(cursor: Cursor, kind: int, predecessor: UUID, successor: UUID) -> bool:
    """Whether the successor is followed by its predecessor already, in effect or not."""
    cursor.execute(
        """WITH RECURSIVE line(id) AS (SELECT %(successor)s::uuid UNION
            SELECT s.successor_id FROM line JOIN successions s ON s.predecessor_id = line.id WHERE s.kind = %(kind)s)
        SELECT 1 FROM line WHERE id = %(predecessor)s""",
        {"kind": kind, "predecessor": predecessor, "successor": successor},
    )
    return cursor.fetchone() is not None
