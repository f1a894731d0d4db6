"""The table of ids: looking up, inserting with a check for collisions, and locking in one order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from catalog.domain.identity import KIND_NAMES, KINDS, Id, decode_identity, id64_key
from catalog.errors import IdCollision
from catalog.repositories.driver import Cursor
from catalog.repositories.statements import Collision, Key


class Held(NamedTuple):
    """An id as it is stored: the identity behind it, and what it stands for if it is an alias."""

    identity: bytes
    is_alias: bool
    target: UUID | None


_COLUMNS = "i.kind, i.id, i.identity, i.is_alias, i.target_id"
_WANTED = "unnest(%s::smallint[], %s::uuid[]) AS wanted(kind, id)"


def find(cursor: Cursor, keys: Iterable[Key]) -> dict[Key, Held]:
    """Those of the ids that exist, without a lock."""
    return _rows(cursor, f"SELECT {_COLUMNS} FROM {_WANTED} JOIN identities i USING (kind, id)", keys)


def lock(cursor: Cursor, keys: Iterable[Key]) -> dict[Key, Held]:
    """Lock those of the ids that exist until the transaction ends, in the one order that all writers keep."""
    query = f"""
        SELECT {_COLUMNS} FROM identities i
        WHERE (i.kind, i.id) IN (SELECT kind, id FROM {_WANTED}) ORDER BY i.kind, i.id FOR NO KEY UPDATE"""
    return _rows(cursor, query, keys)


def insert(cursor: Cursor, new: Sequence[tuple[Key, bytes, bool]]) -> set[Key]:
    """Insert ids (key, identity, is_alias), in order, where neither the id nor its 64-bit form is taken.

    Returns the inserted ones. Waits for other writers that are inserting the same ids.
    """
    if not new:
        return set()
    ordered = sorted(new, key=lambda n: n[0])
    cursor.execute(
        """
        INSERT INTO identities (kind, id, id64, identity, is_alias)
        SELECT * FROM unnest(%s::smallint[], %s::uuid[], %s::bigint[], %s::bytea[], %s::boolean[])
        ON CONFLICT DO NOTHING RETURNING kind, id""",
        [
            [key.kind for key, _, _ in ordered],
            [key.id for key, _, _ in ordered],
            [short_key(key) for key, _, _ in ordered],
            [identity for _, identity, _ in ordered],
            [is_alias for _, _, is_alias in ordered],
        ],
    )
    return {Key(kind, id) for kind, id in cursor.fetchall()}


def short_key(key: Key) -> int:
    """The short form of an id as the database has it: of 8 bytes, or of the 4 that an event type is shown as."""
    size = short_bits(key) // 8
    return id64_key(key.id.bytes[:size].ljust(8, b"\0"))


def short_bits(key: Key) -> int:
    """The bits of the short form."""
    return 32 if key.kind == KINDS["event-type"] else 64


def holder_of_short(cursor: Cursor, key: Key) -> bytes | None:
    """The identity whose id begins with the same short form, if there is one."""
    cursor.execute("SELECT identity FROM identities WHERE kind = %s AND id64 = %s", [key.kind, short_key(key)])
    found = cursor.fetchone()
    return found[0] if found else None


def collision_error(collision: Collision) -> IdCollision:
    """The error for people."""
    return IdCollision(
        KIND_NAMES[collision.kind],
        Id(collision.id.bytes),
        decode_identity(collision.existing),
        decode_identity(collision.refused),
    )


def record_collisions(cursor: Cursor, collisions: Iterable[Collision], actor: str, run_id: int | None) -> None:
    """Write the audit rows; a repeated attempt is counted on its first row."""
    for collision in collisions:
        cursor.execute(
            """
            INSERT INTO id_collisions (kind, id, existing_identity, refused_identity, id_bits, actor, run_id)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (kind, refused_identity, existing_identity) DO UPDATE SET attempts = id_collisions.attempts + 1""",
            [*collision, actor, run_id],
        )


def _rows(cursor: Cursor, query: str, keys: Iterable[Key]) -> dict[Key, Held]:
    wanted = list(keys)
    if not wanted:
        return {}
    cursor.execute(query, [[k.kind for k in wanted], [k.id for k in wanted]])
    return {
        Key(kind, id): Held(bytes(identity), alias, target) for kind, id, identity, alias, target in cursor.fetchall()
    }
