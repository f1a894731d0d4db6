"""The quarantine desk's rows. A dispute has a key of its own making, so that the same doubt is never opened twice.

A decided dispute is remembered with its sides: whoever brings one of them again is not asked about, and a side that
was not there opens a new dispute.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.types.json import Jsonb

from catalog.domain.calendar import format_moment
from catalog.domain.golden import PROVENANCE
from catalog.repositories.driver import Cursor
from catalog.repositories.statements import Key, Submission

#: Rules whose disputes follow from the observations: they vanish when the disagreement does.
DERIVED_RULES = (
    "breaking_conflict", "breaking_change", "ticker_conflict", "cusip_conflict", "ambiguous_reference",
    "inconsistent_record",
)  # fmt: skip
#: Rules about an alias that several claim: they vanish when it has a target.
ALIAS_RULES = ("ticker_conflict", "ambiguous_ticker")


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
    chosen: Any


_COLUMNS = (
    "number, rule, kind, subject_id, field, sides, state, opened_at, run_id, decided_at, decided_by, reason, chosen"
)


def side(submission: Submission, said: Mapping[str, Any]) -> dict[str, Any]:
    """One side of a dispute about a row: what it says, which feed says it, when, and in which payload."""
    found = {**said, "feed": submission.feed.label, "observed_at": format_moment(submission.observed_at)}
    return found | ({"payload": submission.payload_hash.hex()} if submission.payload_hash else {})


def unite(one: Iterable[Mapping[str, Any]], other: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The sides of both, each once with its latest time and payload, in a fixed order."""
    found: dict[str, dict[str, Any]] = {}
    for said in (*one, *other):
        words = content(said)
        known = found.get(words)
        if known is None or _when(said) > _when(known):
            found[words] = dict(said)
    return [found[words] for words in sorted(found)]


def content(said: Mapping[str, Any]) -> str:
    """What a side says, without when and in which payload: two sides with the same content are one."""
    return json.dumps({k: v for k, v in said.items() if k not in PROVENANCE}, sort_keys=True, ensure_ascii=False)


def _when(said: Mapping[str, Any]) -> tuple[str, str]:
    # text sorts as time does here: one form, one zone; a fraction only makes it greater within its second
    return str(said.get("observed_at", "")).removesuffix("Z"), str(said.get("payload", ""))


def open_drafts(cursor: Cursor, drafts: Iterable[Draft], run_id: int | None) -> set[str]:
    """Open disputes; returns the keys of those that are open now.

    One that is open already takes the new sides: a derived one instead of its own, any other beside them. Sides that
    an operator has decided about already are not asked about again.
    """
    wanted: dict[str, Draft] = {}
    for draft in drafts:
        key = draft.dispute_key
        known = wanted.get(key)
        wanted[key] = draft._replace(sides=unite(known.sides if known else [], draft.sides))
    if not wanted:
        return set()
    cursor.execute(
        "SELECT dispute_key, state, sides FROM disputes WHERE dispute_key = ANY(%s) ORDER BY number FOR UPDATE",
        [sorted(wanted)],
    )
    open_now: dict[str, list[dict[str, Any]]] = {}
    decided: dict[str, set[str]] = {}
    for key, state, sides in cursor.fetchall():
        if state == "open":
            open_now[key] = sides
        else:
            decided.setdefault(key, set()).update(content(s) for s in sides)
    new, changed = [], []
    opened: set[str] = set()
    for key in sorted(wanted):
        draft = wanted[key]
        if key in open_now:
            sides = draft.sides if draft.rule in DERIVED_RULES else unite(open_now[key], draft.sides)
            if sides != open_now[key]:
                changed.append((Jsonb(sides), key))
        elif all(content(s) in decided.get(key, ()) for s in draft.sides):
            continue
        else:
            new.append((key, draft.rule, draft.subject.kind, draft.subject.id, draft.field, Jsonb(draft.sides), run_id))
        opened.add(key)
    if changed:
        cursor.executemany("UPDATE disputes SET sides = %s WHERE dispute_key = %s AND state = 'open'", changed)
    if new:
        cursor.executemany(
            """INSERT INTO disputes (dispute_key, rule, kind, subject_id, field, sides, run_id)
            VALUES (%s, %s, %s, %s, %s, %s, %s)""",
            new,
        )
    return opened


def unclear_about(cursor: Cursor, aliases: Iterable[UUID]) -> set[Key]:
    """The records that are without a reference because one of these aliases stood for nobody, decided about or not."""
    found: set[Key] = set()
    for alias in aliases:
        cursor.execute(
            "SELECT DISTINCT kind, subject_id FROM disputes WHERE rule = 'ambiguous_reference' AND sides @> %s",
            [Jsonb([{"reference": alias.hex}])],
        )
        found |= {Key(kind, id) for kind, id in cursor.fetchall()}
    return found


def close_gone(cursor: Cursor, instruments: Iterable[UUID]) -> None:
    """Remove open disputes about records that became aliases: what was said of them is of another record now."""
    rules = [rule for rule in DERIVED_RULES if rule not in ALIAS_RULES]
    cursor.execute(
        "DELETE FROM disputes WHERE state = 'open' AND kind = 1 AND rule = ANY(%s) AND subject_id = ANY(%s)",
        [rules, list(instruments)],
    )


def close_aliases(cursor: Cursor, aliases: Iterable[UUID], settled: Iterable[UUID]) -> None:
    """Remove open disputes about aliases that stand for somebody now; about the ticker itself only for `settled` ones."""
    cursor.execute(
        """DELETE FROM disputes WHERE state = 'open' AND kind = 1 AND (
            rule = 'ambiguous_ticker' AND subject_id = ANY(%s) OR rule = 'ticker_conflict' AND subject_id = ANY(%s))""",
        [list(aliases), list(settled)],
    )


def decide(cursor: Cursor, number: int, state: str, actor: str, reason: str | None, chosen: Any = None) -> None:
    """Write an operator's decision. The caller has locked the row and seen that it is open."""
    cursor.execute(
        """UPDATE disputes SET state = %s, decided_at = clock_timestamp(), decided_by = %s, reason = %s, chosen = %s
        WHERE number = %s""",
        [state, actor, reason, None if chosen is None else Jsonb(chosen), number],
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


def get(cursor: Cursor, number: int, *, locked: bool = False) -> Dispute | None:
    """One dispute by its number, locked until the transaction ends if wanted."""
    cursor.execute(f"SELECT {_COLUMNS} FROM disputes WHERE number = %s {'FOR UPDATE' if locked else ''}", [number])
    found = cursor.fetchone()
    return Dispute(*found) if found else None
