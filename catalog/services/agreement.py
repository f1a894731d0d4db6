"""Proves a full snapshot against the database that it was written from: every record, field by field.

It does not read as the export does: records are loaded by the ids that the file has, in their JSON form, and what the
file lacks of what is not retired is found by counting. Of successions only the number is compared; what retired records
are in the file because others name them, `verify` proves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from catalog.domain.identity import LISTING_KIND
from catalog.domain.vocabulary import ALIASING_SUCCESSIONS
from catalog.repositories import mapping
from catalog.repositories.contents import SUCCESSIONS
from catalog.repositories.driver import Cursor
from catalog.snapshot.apply import listing_digest
from catalog.snapshot.reader import Snapshot

T = TypeVar("T")
PAGE = 5_000
MAX_PROBLEMS = 20


def disagreements(cursor: Cursor, snapshot: Snapshot) -> list[str]:
    """What the file and the database say differently, as sentences; at most MAX_PROBLEMS of them."""
    found: list[str] = []
    for problem in _all(cursor, snapshot):
        found.append(problem)
        if len(found) == MAX_PROBLEMS:
            break
    return found


def _all(cursor: Cursor, snapshot: Snapshot) -> Iterator[str]:
    for record in mapping.NOUNS:
        yield from _records(cursor, snapshot, record)
    yield from _aliases(cursor, snapshot)
    cursor.execute(SUCCESSIONS.format("count(*)"), [sorted(ALIASING_SUCCESSIONS)])
    yield from _counted(cursor, "succession", snapshot.counts.get("succession", 0))


def _records(cursor: Cursor, snapshot: Snapshot, record: str) -> Iterator[str]:
    noun = mapping.NOUNS[record]
    num_current = 0
    for page in _pages(snapshot.records(record)):
        said: dict[UUID, dict[str, Any]] = {}
        for found in page:
            values = found.known()
            num_current += values["status"] != "retired"
            key = listing_digest(values) if noun.kind == LISTING_KIND else found.id.bytes
            said[UUID(bytes=key)] = values
        stored = mapping.load(cursor, record, said)
        for id, values in said.items():
            if values != stored.get(id):
                yield _difference(f"{record} {id.hex}", values, stored.get(id, {}))
    cursor.execute(
        f"SELECT count(*) FROM {noun.tables[0]} t0 WHERE {mapping.of_type(record)} AND t0.status <> 'retired'"  # noqa: S608 - our own names
    )
    yield from _counted(cursor, f"{record} that is not retired", num_current)


def _aliases(cursor: Cursor, snapshot: Snapshot) -> Iterator[str]:
    num_current = 0
    for page in _pages(snapshot.aliases()):
        ids = [UUID(bytes=alias.id) for alias in page]
        cursor.execute(
            """SELECT i.id, i.target_id, i.identity, i.target_id IS NULL OR t.status <> 'retired' FROM identities i
            LEFT JOIN instruments t ON t.id = i.target_id WHERE i.kind = 1 AND i.is_alias AND i.id = ANY(%s)""",
            [ids],
        )
        stored = {id.bytes: (target and target.bytes, bytes(identity), now) for id, target, identity, now in cursor}
        for alias in page:
            target, identity, is_current = stored.get(alias.id, (None, b"", False))
            num_current += is_current
            if (alias.target, alias.identity) != (target, identity):
                yield f"alias {alias.id.hex()}: the file and the database say differently what it stands for"
    cursor.execute(
        """SELECT count(*) FROM identities i LEFT JOIN instruments t ON t.id = i.target_id
        WHERE i.kind = 1 AND i.is_alias AND (i.target_id IS NULL OR t.status <> 'retired')"""
    )
    yield from _counted(cursor, "alias of what is not retired", num_current)


def _pages(found: Iterator[T]) -> Iterator[list[T]]:
    while page := list(islice(found, PAGE)):
        yield page


def _counted(cursor: Cursor, what: str, in_file: int) -> Iterable[str]:
    found = cursor.fetchone()
    assert found is not None
    if found[0] != in_file:
        yield f"the database has {found[0]} of {what}, the file {in_file}"


def _difference(what: str, said: dict[str, Any], stored: dict[str, Any]) -> str:
    if not stored:
        return f"{what} is not in the database"
    name = min(n for n in said.keys() | stored.keys() if said.get(n) != stored.get(n))
    return f"{what}.{name}: {said.get(name)!r} in the file, {stored.get(name)!r} in the database"
