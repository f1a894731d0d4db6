"""The check that costs most: records derived anew from what feeds said of them, compared, and taken back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import psycopg

from catalog.domain.identity import KIND_NAMES, LISTING_KIND
from catalog.errors import Busy, quote
from catalog.repositories import bulk
from catalog.repositories.doctor import records as pages
from catalog.repositories.doctor import server
from catalog.repositories.driver import Cursor, cursor_of
from catalog.repositories.statements import Author, Change, Key
from catalog.services.doctor.examination import Examination
from catalog.services.doctor.report import ANEW, Finding, Tally

#: Records that are derived anew in one transaction, which keeps them locked so long: a fraction of a second.
BATCH = 500
#: The part of a sample that is derived anew, since that takes so much longer than to look at it.
DERIVED_SHARE = 10
ATTEMPTS = 3
_BUSY = (psycopg.errors.SerializationFailure, psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


def derived(exam: Examination) -> Iterator[Finding]:
    """Records and disputes are what follows from the observations. Needs the right to write, and takes all back."""
    if server.setting(exam.cursor).is_standby:
        yield Finding(
            "a standby takes no writes, so nothing was derived", "repeat it on the primary server", is_advice=True
        )
        return
    wrong, refused, disputes, busy = Tally(), Tally(), Tally(), Tally()
    share = None if exam.scope.is_full else max(exam.scope.sample // DERIVED_SHARE, 1)
    first: Key | None = None
    for kind in (*(kind for kind in pages.HEADS if kind != LISTING_KIND), LISTING_KIND):
        for batch in _batches(pages.keys(exam.cursor, kind, exam.scope.start, share)):
            for found in _again(exam, batch):
                some = f"{KIND_NAMES[kind]} {found.keys[0].id.hex}"
                if len(found.keys) > 1:
                    some += f" and {len(found.keys) - 1} more"
                if found.is_busy:
                    busy.add(some)
                if found.refusal is not None:
                    refused.add(f"{some}: {found.refusal}")
                if found.has_other_disputes:
                    disputes.add(some)
                for change in found.changes:
                    first = first or change.key
                    wrong.add(_difference(change))
    yield from wrong.findings(
        "records are not what follows from what feeds said of them", _derive_anew(exam.cursor, first)
    )
    yield from refused.findings(
        "the database refuses what follows from what feeds said", "mend what the other checks find, then look again"
    )
    yield from disputes.findings("disputes are open that should not be, or are not that should be", ANEW)
    if busy.count:
        yield Finding(
            "some records could not be looked at: others were writing them", "repeat when it is quiet",
            count=busy.count, examples=busy.examples, is_advice=True,
        )  # fmt: skip


class Derived(NamedTuple):
    """What deriving some records anew would change; nothing is known when others were writing, or it was refused."""

    keys: list[Key]
    changes: Sequence[Change] = ()
    has_other_disputes: bool = False
    is_busy: bool = False
    refusal: str | None = None


def _batches(keys: Iterator[Key]) -> Iterator[list[Key]]:
    while batch := list(islice(keys, BATCH)):
        yield batch


def _again(exam: Examination, keys: list[Key]) -> Iterator[Derived]:
    """Derive records anew, and take it back. What the database refuses is singled out by halving."""
    for _ in range(ATTEMPTS):
        try:
            found = _derive(exam, keys)
        except (Busy, *_BUSY):
            continue
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            if len(keys) == 1:
                yield Derived(keys, refusal=str(error).splitlines()[0])
            else:
                middle = len(keys) // 2
                yield from _again(exam, keys[:middle])
                yield from _again(exam, keys[middle:])
        else:
            yield found
        return
    yield Derived(keys, is_busy=True)


def _derive(exam: Examination, keys: list[Key]) -> Derived:
    with exam.scratch() as connection:
        cursor = cursor_of(connection)
        before = pages.open_disputes(cursor)
        outcome = bulk.rederive(connection, keys, Author("doctor"))
        return Derived(keys, outcome.changes, pages.open_disputes(cursor) != before)


def _difference(change: Change) -> str:
    before, after = change.before or {}, change.after or {}
    said = [
        f"{name} {_value(before.get(name))}, should be {_value(after.get(name))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    words = "it is missing" if change.before is None else "; ".join(said[:3])
    return f"{change.record} {change.key.id.hex}: {words}"


def _value(value: Any) -> str:
    return "unknown" if value is None else quote(value, 60)


def _derive_anew(cursor: Cursor, key: Key | None) -> str:
    """The command that derives anew what a source speaks of, the first wrong record among it."""
    said = None if key is None else pages.speaker(cursor, key)
    return ANEW if said is None else f"`catalog precedence set {said[0]} {said[1]}`: derives anew whatever it speaks of"
