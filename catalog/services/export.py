"""Snapshot files of a catalog: one consistent view, streamed to a file that appears whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from catalog.database import migrations
from catalog.errors import InvalidRecord
from catalog.repositories import changes, snapshots
from catalog.repositories.contents import Contents, DeltaContents, nanoseconds
from catalog.repositories.driver import Cursor, cursor_of
from catalog.snapshot.faults import DeltaRefused
from catalog.snapshot.reader import Snapshot
from catalog.snapshot.writer import SnapshotHeader, SnapshotInfo, write_snapshot
from catalog.wire.messages import SnapshotMessage

HORIZON = timedelta(days=90)


@dataclass(frozen=True)
class View:
    """The catalog as it is at one moment, whatever others write meanwhile."""

    connection: Connection
    cursor: Cursor
    catalog_id: bytes
    id_bits: int
    schema_revision: str
    as_of_sequence: int
    as_of: datetime

    def width(self, ids: int | None) -> int:
        """The bits of references in a file: as asked for, by default the catalog's. Raises InvalidRecord for fewer."""
        if ids is not None and ids < self.id_bits:
            reason = f"this catalog's ids need {self.id_bits} bits"
            raise InvalidRecord("ids", ids, reason, hint=f"use --ids {self.id_bits}")
        return ids or self.id_bits


@contextmanager
def consistent_view(engine: Engine) -> Iterator[View]:
    """One moment of the catalog, for as long as it is needed."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        cursor = cursor_of(connection)
        as_of, as_of_at = changes.last_sequence(cursor)
        cursor.execute("SELECT catalog_id, id_bits FROM catalog_info")
        found = cursor.fetchone()
        assert found is not None
        revision = migrations.current(connection) or ""
        yield View(connection, cursor, bytes(found[0]), found[1], revision, as_of, as_of_at)
        connection.rollback()


#: What a delta starts from: a sequence, or a snapshot file.
Since = int | str | os.PathLike[str]


def export_snapshot(
    engine: Engine, path: str, *, ids: int | None = None, since: Since | None = None, force: bool = False
) -> SnapshotInfo:
    """Write a snapshot of the catalog as it is at one moment, and note it in the table `snapshots`.

    It is a full one, or with `since` a delta: what changed after that sequence, or after that snapshot file. `ids` is
    the width of references, the catalog's own by default; 64 is refused in a catalog of 128 bits. The same state gives
    the same bytes. Raises SnapshotError when the file cannot be put there, InvalidRecord for a sequence that no delta
    can start from, DeltaRefused for a file whose state the catalog never had, or whose ids have another width.
    """
    with consistent_view(engine) as view:
        info, header = write(view, Path(path), ids=ids, since=since, force=force)
    note(engine, info, header, Path(path).name)
    return info


def write(
    view: View, path: Path, *, ids: int | None = None, since: Since | None = None, force: bool = False
) -> tuple[SnapshotInfo, SnapshotHeader]:
    """Write the file of a view, and return what it says of itself."""
    cursor = view.cursor
    start = since
    if start is not None and not isinstance(start, int):
        base = _state_of(view, start, ids)
        start, ids = base.as_of_sequence, base.id_bits
    id_bits = view.width(ids)
    contents = Contents(cursor) if start is None else _delta(cursor, start, view.as_of_sequence)
    base_as_of = None if start is None else nanoseconds(_changed_at(cursor, start))
    horizon = view.as_of - HORIZON
    header = SnapshotHeader(
        catalog_id=view.catalog_id,
        id_bits=id_bits,
        schema_revision=view.schema_revision,
        base_sequence=contents.base_sequence,
        as_of_sequence=view.as_of_sequence,
        as_of_ns=nanoseconds(view.as_of),
        horizon_ns=nanoseconds(horizon),
        counts=snapshots.counts(cursor, contents, horizon),
        base_as_of_ns=base_as_of,
    )
    entries = snapshots.entries(cursor.connection, contents, horizon)
    return write_snapshot(path, header, snapshots.vocabularies(cursor), entries, force=force), header


def note(engine: Engine, info: SnapshotInfo, header: SnapshotHeader, name: str) -> None:
    """Put a written file into the table `snapshots`."""
    with engine.begin() as connection:
        connection.execute(
            text(
                """INSERT INTO snapshots (file_name, digest, id_bits, base_sequence, as_of_sequence, size, counts)
                VALUES (:name, :digest, :bits, :base, :as_of, :size, CAST(:counts AS jsonb))"""
            ),
            {
                "name": readable(name),
                "digest": info.digest,
                "bits": header.id_bits,
                "base": header.base_sequence,
                "as_of": header.as_of_sequence,
                "size": info.size,
                "counts": json.dumps(info.counts, sort_keys=True),
            },
        )


def readable(name: str) -> str:
    """A file's name as text that the database takes: bytes that are not UTF-8 are shown as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _delta(cursor: Cursor, since: int, as_of: int) -> DeltaContents:
    if since < 1:
        raise InvalidRecord("since", since, "a delta starts from a change", hint="leave it out for a full snapshot")
    if since > as_of:
        raise InvalidRecord("since", since, f"the last change of this catalog is {as_of}")
    return DeltaContents(cursor, since)


def _state_of(view: View, path: str | os.PathLike[str], ids: int | None) -> SnapshotMessage:
    """What a snapshot file says of itself, proved to be a state of this catalog that a delta can go on from."""
    with Snapshot.open(path) as snapshot:
        header, place = snapshot.header, snapshot.path
    if header.catalog_id != view.catalog_id:
        raise DeltaRefused(
            place, f"it is of the catalog {header.catalog_id.hex()}, and this one is {view.catalog_id.hex()}"
        )
    if is_forked(view, header):
        reason = f"the change {header.as_of_sequence} of this catalog is another one than the file's"
        raise DeltaRefused(place, reason, "the catalog was restored meanwhile: take a full snapshot")
    if header.id_bits < view.id_bits or ids not in (None, header.id_bits):
        reason = f"its ids have {header.id_bits} bits, and those of the delta {ids or view.id_bits}"
        raise DeltaRefused(place, reason, "take a full snapshot of that width")
    return header


def is_forked(view: View, header: SnapshotMessage) -> bool:
    """Whether the last change of a file, though not ahead of the catalog, is none of the catalog's: it was restored from
    a backup meanwhile, and went on differently. A change that is no longer kept is given the benefit of the doubt."""
    view.cursor.execute("SELECT changed_at FROM changes WHERE sequence = %s", [header.as_of_sequence])
    found = view.cursor.fetchone()
    return found is not None and nanoseconds(found[0]) != header.as_of_ns


def _changed_at(cursor: Cursor, sequence: int) -> datetime:
    cursor.execute("SELECT changed_at FROM changes WHERE sequence = %s", [sequence])
    found = cursor.fetchone()
    if found is None:
        hint = "make a full snapshot"
        raise InvalidRecord("since", sequence, "this change is no longer kept", code="changes_gone", hint=hint)
    moment: datetime = found[0]
    return moment
