"""Look-alikes and verification as rows: who is verified, who looks like whom, and the skeletons that tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from catalog.domain.lookalikes import appearance, is_lookalike
from catalog.repositories import mapping
from catalog.repositories.driver import Cursor, copy_rows
from catalog.repositories.mapping import SYMBOL_FIELDS
from catalog.repositories.statements import INSTRUMENT, Key
from catalog.tables.lookalikes import IS_VERIFIED

#: Rows that are worked on at once.
PAGE = 50_000


class Flag(NamedTuple):
    """An instrument that resembles a verified one: `field` says by which of its words, `since` when the later of the two
    came into the catalog."""

    id: UUID
    record: str
    place: str | None
    field: str
    spelling: str
    resembles: str
    resembles_id: UUID
    since: datetime
    status: str


class Verification(NamedTuple):
    """What an operator said of an instrument."""

    instrument_id: UUID
    is_verified: bool
    actor: str
    reason: str | None
    decided_at: datetime


def verified(cursor: Cursor, ids: Iterable[UUID]) -> set[UUID]:
    """Those of the instruments that are verified."""
    cursor.execute(f"SELECT i.id FROM instruments i WHERE i.id = ANY(%s) AND {IS_VERIFIED}", [list(ids)])
    return {id for (id,) in cursor.fetchall()}


def decide(cursor: Cursor, instrument: UUID, is_verified: bool, actor: str, reason: str | None) -> Verification:
    """Store what an operator says of an instrument; saying it again changes nothing."""
    said = last_decision(cursor, instrument)
    if said is None or said.is_verified is not is_verified:
        cursor.execute(
            "INSERT INTO verifications (instrument_id, is_verified, actor, reason) VALUES (%s, %s, %s, %s)",
            [instrument, is_verified, actor, reason],
        )
        said = last_decision(cursor, instrument)
    assert said is not None
    return said


def last_decision(cursor: Cursor, instrument: UUID) -> Verification | None:
    """What an operator said of an instrument last."""
    cursor.execute(
        f"""SELECT {", ".join(Verification._fields)} FROM verifications
        WHERE instrument_id = %s ORDER BY number DESC LIMIT 1""",
        [instrument],
    )
    found = cursor.fetchone()
    return Verification(*found) if found else None


def move_decisions(cursor: Cursor, stated: UUID, target: UUID | None) -> None:
    """Let what was said of an instrument that became an alias count for what it stands for; in quarantine it is void."""
    if target is not None:
        cursor.execute("UPDATE verifications SET instrument_id = %s WHERE instrument_id = %s", [target, stated])


def resembling(cursor: Cursor, symbol: str) -> list[Key]:
    """The instruments whose symbols look like this one and are other texts, in the order of their ids."""
    skeleton = appearance(symbol)
    if skeleton is None:
        return []
    found: set[UUID] = set()
    for record in SYMBOL_FIELDS:
        cursor.execute(f"SELECT t0.id, {_symbol(record)} {_rows(record)} AND t0.symbol_skeleton = %s", [skeleton])
        found |= {id for id, other in cursor.fetchall() if other is not None and is_lookalike(other, symbol)}
    return [Key(INSTRUMENT, id) for id in sorted(found)]


def flags(cursor: Cursor, limit: int) -> list[Flag]:
    """Instruments that nobody verified and that look like verified ones, those that came last first."""
    cursor.execute(
        """SELECT uuid, record, coalesce(exchange, blockchain), field, spelling, resembles, resembles_uuid, since, status
        FROM reporting.lookalikes ORDER BY since DESC, uuid, field, resembles LIMIT %s""",
        [limit],
    )
    return [Flag(*cells) for cells in cursor.fetchall()]


def refresh(cursor: Cursor) -> int:
    """Work out all skeletons anew, for those that an earlier version of Unicode's data made; returns how many differ."""
    cursor.execute("CREATE TEMPORARY TABLE new_skeletons (id uuid, symbol text, name text) ON COMMIT DROP")
    changed = 0
    for record in SYMBOL_FIELDS:
        for page in _pages(cursor, record):
            cursor.execute("TRUNCATE new_skeletons")
            copy_rows(cursor, "new_skeletons", ("id", "symbol", "name"), page)
            cursor.execute(
                """UPDATE instruments i SET symbol_skeleton = n.symbol, name_skeleton = n.name FROM new_skeletons n
                WHERE i.id = n.id AND (i.symbol_skeleton, i.name_skeleton) IS DISTINCT FROM (n.symbol, n.name)"""
            )
            changed += cursor.rowcount
    return changed


def _pages(cursor: Cursor, record: str) -> Iterator[list[tuple[UUID, str | None, str | None]]]:
    """The skeletons of all instruments of a type, some at a time in the order of their ids."""
    after = UUID(int=0)
    while True:
        cursor.execute(
            f"SELECT t0.id, {_symbol(record)}, t0.name {_rows(record)} AND t0.id > %s ORDER BY t0.id LIMIT %s",
            [after, PAGE],
        )
        found = cursor.fetchall()
        if not found:
            return
        after = found[-1][0]
        yield [(id, *_skeletons(symbol, name)) for id, symbol, name in found]


def _skeletons(symbol: str | None, name: str | None) -> tuple[str | None, str | None]:
    return None if symbol is None else appearance(symbol), None if name is None else appearance(name)


def _symbol(record: str) -> str:
    return f"t1.{SYMBOL_FIELDS[record]}"


def _rows(record: str) -> str:
    table = mapping.NOUNS[record].tables[-1]
    return f"FROM instruments t0 JOIN {table} t1 ON t1.id = t0.id WHERE t0.record = '{record}'"
