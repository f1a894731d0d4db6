"""Checks of records: valid, and none without what it belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from catalog.errors import CatalogError
from catalog.repositories import mapping, search
from catalog.repositories.doctor import orphans as rows
from catalog.repositories.doctor import records as pages
from catalog.repositories.doctor.rows import Found
from catalog.repositories.statements import Key, key_of
from catalog.services.doctor.examination import Examination
from catalog.services.doctor.report import ANEW, Finding, Tally

RESTORE = "restore from a backup or a snapshot"


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
