"""The quarantine desk's rows. A dispute has a key of its own making, so that the same doubt is never opened twice."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from catalog.repositories.driver import Cursor
from catalog.repositories.statements import Key

#: Rules whose disputes follow from the observations: they vanish when the disagreement does.
DERIVED_RULES = ("breaking_conflict", "breaking_change", "ticker_conflict", "cusip_conflict")


class Draft(NamedTuple):
    """A dispute to be opened: its rule, what it is about, the field and what each side says."""

    rule: str
    subject: Key
    field: str | None
    sides: list[dict[str, Any]]
    detail: str = ""

    @property
    def dispute_key(self) -> str:
        """One dispute per rule, subject, field and (for doubts about single rows) feed or value."""
        return "/".join((self.rule, str(self.subject.kind), self.subject.id.hex, self.field or "", self.detail))


class Dispute(NamedTuple):
    """A dispute as the desk shows it."""

    number: int
    rule: str
    kind: int
    subject_id: UUID
    field: str | None
    sides: list[dict[str, Any]]
    state: str
    opened_at: datetime
    run_id: int | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None


_COLUMNS = "number, rule, kind, subject_id, field, sides, state, opened_at, run_id, decided_at, decided_by, reason"


def open_drafts(cursor: Cursor, drafts: Iterable[Draft], run_id: int | None) -> None:
    """Open disputes; one that is open already takes the new sides, one that was decided stays decided.

    A row's sides are united with those that other payloads brought, in a fixed order, so that arrival does not matter.
    """
    rows: dict[str, tuple[Any, ...]] = {}
    for draft in drafts:
        rows[draft.dispute_key] = (
            draft.dispute_key, draft.rule, draft.subject.kind, draft.subject.id, draft.field, Jsonb(draft.sides), run_id,
        )  # fmt: skip
    if rows:
        cursor.executemany(
            """INSERT INTO disputes (dispute_key, rule, kind, subject_id, field, sides, run_id)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (dispute_key) DO UPDATE SET sides = CASE WHEN disputes.rule = ANY(%s) THEN excluded.sides ELSE
                (SELECT jsonb_agg(DISTINCT side ORDER BY side) FROM jsonb_array_elements(disputes.sides || excluded.sides) side)
                END
            WHERE disputes.state = 'open' AND NOT disputes.sides @> excluded.sides""",
            [(*rows[key], list(DERIVED_RULES)) for key in sorted(rows)],
        )


def close_derived(cursor: Cursor, subjects: Iterable[Key], still_open: set[str]) -> None:
    """Remove open disputes that followed from observations which agree by now."""
    wanted = list(subjects)
    if wanted:
        cursor.execute(
            """DELETE FROM disputes WHERE state = 'open' AND rule = ANY(%s) AND NOT dispute_key = ANY(%s)
            AND (kind, subject_id) IN (SELECT * FROM unnest(%s::smallint[], %s::uuid[]))""",
            [list(DERIVED_RULES), list(still_open), [k.kind for k in wanted], [k.id for k in wanted]],
        )


def page(cursor: Cursor, *, state: str | None = "open", after: int = 0, limit: int = 100) -> list[Dispute]:
    """Disputes in the order they were opened."""
    cursor.execute(
        f"""SELECT {_COLUMNS} FROM disputes WHERE number > %s AND (%s::text IS NULL OR state = %s)
        ORDER BY number LIMIT %s""",
        [after, state, state, limit],
    )
    return [Dispute(*cells) for cells in cursor.fetchall()]


def get(cursor: Cursor, number: int) -> Dispute | None:
    """One dispute by its number."""
    cursor.execute(f"SELECT {_COLUMNS} FROM disputes WHERE number = %s", [number])
    found = cursor.fetchone()
    return Dispute(*found) if found else None
