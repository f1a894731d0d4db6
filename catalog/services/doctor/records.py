"""Checks of records: valid, what follows from what feeds said, and none without what it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import psycopg

from catalog.domain.identity import KIND_NAMES, LISTING_KIND
from catalog.errors import Busy, CatalogError, quote
from catalog.repositories import bulk, mapping, search
from catalog.repositories.doctor import orphans as rows
from catalog.repositories.doctor import records as pages
from catalog.repositories.doctor import server
from catalog.repositories.doctor.rows import Found
from catalog.repositories.driver import Cursor, cursor_of
from catalog.repositories.statements import Author, Change, Key, key_of
from catalog.services.doctor.examination import Examination
from catalog.services.doctor.report import Finding, Tally

#: Records that are derived anew in one transaction, which keeps them locked so long: a fraction of a second.
BATCH = 500
#: The part of a sample that is derived anew, since that takes so much longer than to look at it.
DERIVED_SHARE = 10
ATTEMPTS = 3
_BUSY = (psycopg.errors.SerializationFailure, psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)
RESTORE = "restore from a backup or a snapshot"
ANEW = "`catalog precedence set SOURCE N` with the number that it has derives anew whatever the source speaks of"


def valid(exam: Examination) -> Iterator[Finding]:
    """Every record is one that could be registered today, under the id that it has."""
    wrong, strange = Tally(), Tally()
    for record, noun in mapping.NOUNS.items():
        for id, values in pages.values(exam.cursor, record, exam.scope.start, exam.scope.rows):
            try:
                found = key_of(search.to_record(values))
            except CatalogError as error:
                wrong.add(f"{record} {id.hex}: {error}")
            else:
                if found != Key(noun.kind, id):
                    strange.add(f"{record} {id.hex}: its fields are those of {found.id.hex}")
    yield from wrong.findings("records are not valid", RESTORE + ", or correct them with SQL, constraint by constraint")
    yield from strange.findings("records have the fields of another identity", RESTORE)


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
            with exam.scratch() as connection:
                cursor = cursor_of(connection)
                before = pages.open_disputes(cursor)
                outcome = bulk.rederive(connection, keys, Author("doctor"))
                yield Derived(keys, outcome.changes, pages.open_disputes(cursor) != before)
                return
        except (Busy, *_BUSY):
            continue
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            if len(keys) == 1:
                yield Derived(keys, refusal=str(error).splitlines()[0])
            else:
                middle = len(keys) // 2
                yield from _again(exam, keys[:middle])
                yield from _again(exam, keys[middle:])
            return
    yield Derived(keys, is_busy=True)


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


def orphans(exam: Examination) -> Iterator[Finding]:
    """Ids have their records, records their ids, observations and changes; aliases stand for somebody; lists are whole."""
    cursor, limit = exam.cursor, exam.scope.rows
    again = f"{ANEW}; without an observation: {RESTORE}"
    for what, mend, named in (
        ("ids without a record", again, rows.identities_without_record(cursor, limit)),
        ("records without their id", RESTORE, rows.records_without_identity(cursor, limit)),
        ("instruments without the row of their type, or the other way round", RESTORE, rows.records_of_no_type(cursor, limit)),
        ("observations of records that are not there", again, rows.observations_of_nothing(cursor, limit)),
        ("observations that count for another record than their id stands for", RESTORE,
         [("", rows.observations_of_others(cursor, limit))]),
        ("records of which no feed says anything", "register them again: `catalog … show ID --json | catalog … register -`",
         rows.records_unspoken_of(cursor, limit)),
        ("records of which the change log tells nothing: no follower ever hears of them",
         "publish a full snapshot (`catalog snapshot export`), and let followers begin anew with it",
         rows.records_unlogged(cursor, limit)),
        ("aliases that stand for nobody, without a dispute", "register a line with that ticker again, which settles it",
         [("", rows.aliases_of_nobody(cursor, limit))]),
        ("claims on what is no alias", "DELETE FROM alias_claims WHERE alias_id = '…'",
         [("", rows.claims_on_nothing(cursor, limit))]),
        ("lists that are too short or have a hole", ANEW, rows.broken_lists(cursor, limit)),
    ):  # fmt: skip
        yield from _summed(what, mend, named)


def references(exam: Examination) -> Iterator[Finding]:
    """What rows name by a foreign key is there, whatever the constraint was told."""
    mend = "restore what is missing, or DELETE what names it; then ALTER TABLE … VALIDATE CONSTRAINT"
    yield from _summed("rows name what is not there", mend, rows.dangling_references(exam.cursor, exam.scope.rows))


def text(exam: Examination) -> Iterator[Finding]:
    """Text is in Unicode's normal form C, so that equal words are equal bytes."""
    mend = "UPDATE … SET … = normalize(…, NFC), then `catalog doctor --only ids`"
    yield from _summed("text is not in normal form C", mend, rows.text_not_normal(exam.cursor, exam.scope.rows))


def _summed(what: str, mend: str, named: Iterable[tuple[str, Found]]) -> Iterator[Finding]:
    """One finding for all tables or kinds together."""
    tally = Tally()
    places = []
    for name, found in named:
        for example in found.examples:
            tally.add(example)
        tally.count += found.number - len(found.examples)
        places += [name] if found.number and name else []
    if tally.count:
        yield Finding(what, mend, value=", ".join(places) or None, count=tally.count, examples=tally.examples)
