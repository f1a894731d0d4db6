"""Snapshot files of a catalog: one consistent view, streamed to a file that appears whole or not at all."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, text

from catalog.database import migrations
from catalog.errors import InvalidRecord
from catalog.repositories import changes, snapshots
from catalog.repositories.contents import Contents, DeltaContents, nanoseconds
from catalog.repositories.driver import Cursor, cursor_of
from catalog.snapshot.writer import SnapshotHeader, SnapshotInfo, write_snapshot

HORIZON = timedelta(days=90)


def export_snapshot(
    engine: Engine, path: str, *, ids: int | None = None, since: int | None = None, force: bool = False
) -> SnapshotInfo:
    """Write a snapshot of the catalog as it is at one moment, and note it in the table `snapshots`.

    It is a full one, or with `since` a delta: what changed after that sequence. `ids` is the width of references, the
    catalog's own by default; 64 is refused in a catalog of 128 bits. The same state gives the same bytes. Raises
    SnapshotError when the file cannot be put there, InvalidRecord for a `since` that no delta can start from.
    """
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        cursor = cursor_of(connection)
        as_of, as_of_at = changes.last_sequence(cursor)
        cursor.execute("SELECT catalog_id, id_bits FROM catalog_info")
        found = cursor.fetchone()
        assert found is not None
        catalog_id, id_bits = found
        if ids is not None and ids < id_bits:
            raise InvalidRecord("ids", ids, f"this catalog's ids need {id_bits} bits", hint=f"use --ids {id_bits}")
        horizon = as_of_at - HORIZON
        contents = Contents(cursor) if since is None else _delta(cursor, since, as_of)
        header = SnapshotHeader(
            catalog_id=bytes(catalog_id),
            id_bits=ids or id_bits,
            schema_revision=migrations.current(connection) or "",
            base_sequence=contents.base_sequence,
            as_of_sequence=as_of,
            as_of_ns=nanoseconds(as_of_at),
            horizon_ns=nanoseconds(horizon),
            counts=snapshots.counts(cursor, contents, horizon),
        )
        info = write_snapshot(
            path,
            header,
            snapshots.vocabularies(cursor),
            snapshots.entries(cursor.connection, contents, horizon),
            force=force,
        )
        connection.rollback()
    with engine.begin() as connection:
        connection.execute(
            text(
                """INSERT INTO snapshots (file_name, digest, id_bits, base_sequence, as_of_sequence, size, counts)
                VALUES (:name, :digest, :bits, :base, :as_of, :size, CAST(:counts AS jsonb))"""
            ),
            {
                "name": Path(path).name,
                "digest": info.digest,
                "bits": header.id_bits,
                "base": header.base_sequence,
                "as_of": as_of,
                "size": info.size,
                "counts": _json(info.counts),
            },
        )
    return info


def _delta(cursor: Cursor, since: int, as_of: int) -> DeltaContents:
    if since < 1:
        raise InvalidRecord("since", since, "a delta starts from a change", hint="leave it out for a full snapshot")
    if since > as_of:
        raise InvalidRecord("since", since, f"the last change of this catalog is {as_of}")
    cursor.execute("SELECT coalesce(min(sequence), %s) FROM changes", [as_of + 1])
    found = cursor.fetchone()
    assert found is not None
    (oldest,) = found
    if since < oldest - 1:
        hint = "make a full snapshot"
        raise InvalidRecord("since", since, f"changes are kept from {oldest} on", code="changes_gone", hint=hint)
    return DeltaContents(cursor, since)


def _json(counts: dict[str, int]) -> str:
    import json

    return json.dumps(counts, sort_keys=True)
