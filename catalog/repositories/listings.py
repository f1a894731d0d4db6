"""Listings: which row an observation of one counts for, when its instrument has become another or an alias."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from catalog.domain.identity import LISTING_KIND
from catalog.repositories.driver import Cursor
from catalog.repositories.references import Resolution, resolution
from catalog.repositories.statements import Key, listing_key


def instruments(cursor: Cursor, stated: Mapping[Key, Mapping[str, Any]]) -> dict[Key, UUID | None]:
    """For the values of each listing the instrument that is listed; None when several may be meant.

    A listing away from home follows its line to another identity. At home it stays: the other one has its own there.
    """
    ids = {UUID(hex=values["instrument_id"]) for values in stated.values()}
    if not ids:
        return {}
    known = resolution(cursor, ids)
    if not known.aliases and not known.heirs:
        return {key: UUID(hex=values["instrument_id"]) for key, values in stated.items()}
    homes = _homes(cursor, ids | set(known.heirs) | {i for i in known.aliases.values() if i is not None})
    return {key: _instrument(values, known, homes) for key, values in stated.items()}


def subjects(cursor: Cursor, stated: Mapping[Key, Mapping[str, Any]]) -> dict[Key, UUID | None]:
    """For each stated listing the key of the row that it counts for; None when several instruments may be meant."""
    found: dict[Key, UUID | None] = {}
    for key, instrument in instruments(cursor, stated).items():
        values = stated[key]
        found[key] = instrument and listing_key(instrument.hex, values["venue_id"], values.get("symbol", ""))
    return found


def _instrument(values: Mapping[str, Any], known: Resolution, homes: Mapping[UUID, UUID]) -> UUID | None:
    venue, seen = UUID(hex=values["venue_id"]), set[UUID]()
    now = known.now(UUID(hex=values["instrument_id"]), following=False)
    while now is not None and now in known.heirs and homes.get(now) != venue and now not in seen:
        seen.add(now)
        now = known.now(known.heirs[now], following=False)
    return now


def _homes(cursor: Cursor, instruments: Iterable[UUID]) -> dict[UUID, UUID]:
    cursor.execute(
        "SELECT e.id, v.id FROM equities e JOIN venues v USING (mic) WHERE e.id = ANY(%s)", [list(instruments)]
    )
    return dict(cursor.fetchall())


def settle_anew(cursor: Cursor, instruments: Iterable[UUID]) -> tuple[set[Key], set[Key]]:
    """Let every observation of a listing of these instruments count for the row that it belongs to now.

    Returns the rows that gained one, and those that lost one.
    """
    named = [id.hex for id in instruments]
    if not named:
        return set(), set()
    cursor.execute(
        """SELECT stated_id, subject_id, statement FROM observations
        WHERE kind = 8 AND statement ->> 'instrument_id' = ANY(%s)""",
        [named],
    )
    rows = cursor.fetchall()
    wanted = subjects(cursor, {Key(LISTING_KIND, stated): statement for stated, _, statement in rows})
    gained: set[Key] = set()
    lost: set[Key] = set()
    for stated, before, _ in rows:
        after = wanted[Key(LISTING_KIND, stated)]
        if after == before:
            continue
        gained |= {Key(LISTING_KIND, after)} if after is not None else set()
        lost |= {Key(LISTING_KIND, before)} if before is not None else set()
        cursor.execute("UPDATE observations SET subject_id = %s WHERE kind = 8 AND stated_id = %s", [after, stated])
    return gained, lost


def at_home(cursor: Cursor, instruments: Iterable[UUID]) -> set[Key]:
    """The listings at home of these instruments."""
    cursor.execute("SELECT id FROM listings WHERE is_home AND instrument_id = ANY(%s)", [list(instruments)])
    return {Key(LISTING_KIND, id) for (id,) in cursor.fetchall()}
