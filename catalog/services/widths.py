"""The width of ids: 64 bits while no two share their first 8 bytes, or all 128. No table is rewritten by a change."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from sqlalchemy import Engine

from catalog.domain.identity import KIND_NAMES
from catalog.errors import Busy, Conflict
from catalog.repositories.driver import Cursor, cursor_of

LOCK_TIMEOUT = "5s"
#: The index of the first 8 bytes in each mode; docs/ids.md says what it is for.
UNIQUE_INDEX, PLAIN_INDEX = "uq_identities__kind_id64", "ix_identities__kind_id64"


def widen(engine: Engine) -> None:
    """Turn the catalog to 128-bit mode, in which two ids may share their first 8 bytes. Does nothing when it is there.

    Raises Busy when a writer holds the table of ids for more than a few seconds; nothing is changed then.
    """

    def change(cursor: Cursor) -> None:
        cursor.execute(f"CREATE INDEX {PLAIN_INDEX} ON identities (kind, id64)")
        cursor.execute(f"DROP INDEX {UNIQUE_INDEX}")

    _switch(engine, 128, change)


def narrow(engine: Engine) -> None:
    """Turn the catalog back to 64-bit mode. Does nothing when it is there.

    Raises Conflict with the two ids when some share their first 8 bytes, and Busy as `widen` does.
    """

    def change(cursor: Cursor) -> None:
        cursor.execute(
            "SELECT kind, array_agg(id ORDER BY id) FROM identities GROUP BY kind, id64 HAVING count(*) > 1 LIMIT 1"
        )
        found = cursor.fetchone()
        if found is not None:
            kind, (one, other, *_) = found
            shared = f"{KIND_NAMES[kind]} {one.hex[:16]}"
            raise Conflict("id64", shared, other.hex, "two ids share their first 64 bits:")
        cursor.execute(f"CREATE UNIQUE INDEX {UNIQUE_INDEX} ON identities (kind, id64)")
        cursor.execute(f"DROP INDEX {PLAIN_INDEX}")

    _switch(engine, 64, change)


def _switch(engine: Engine, bits: int, change: Callable[[Cursor], None]) -> None:
    with engine.connect() as connection:
        cursor = cursor_of(connection)
        try:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            cursor.execute("LOCK TABLE identities IN ACCESS EXCLUSIVE MODE")
            cursor.execute("UPDATE catalog_info SET id_bits = %s WHERE id_bits <> %s", [bits, bits])
            if cursor.rowcount:
                change(cursor)
            connection.commit()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            connection.rollback()
            raise Busy("the width of ids", "somebody is writing, perhaps a bulk load") from None
