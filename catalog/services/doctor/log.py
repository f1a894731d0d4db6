"""Checks of the change log and the history."""

from __future__ import annotations

from collections.abc import Iterator

from catalog.domain.calendar import format_moment
from catalog.repositories.doctor import log as rows
from catalog.repositories.doctor import mends
from catalog.services.doctor.examination import Examination
from catalog.services.doctor.report import Finding

FOLLOWERS = "publish a full snapshot (`catalog snapshot export`), and let followers begin anew with it"


def changes(exam: Examination) -> Iterator[Finding]:
    """The change log has no gap, is in order, and ends where its counter says."""
    log = rows.log(exam.cursor)
    if log is None:
        yield Finding(
            "the counter of the change log is gone: nobody can write",
            "INSERT INTO change_counter (last_sequence, last_changed_at) SELECT coalesce(max(sequence), 0), "
            "coalesce(max(changed_at), now()) FROM changes",
        )
        return
    last = log.last or 0
    if log.counter != last and not (log.number == 0 and log.may_be_pruned):
        yield Finding(
            "the counter of the change log is not at its last change",
            mends.set_counter(last) if log.counter < last else FOLLOWERS,
            value=f"counter {log.counter}, last change {last}",
        )
    if log.first is not None and log.number != last - log.first + 1:
        found = rows.gaps(exam.cursor)
        yield Finding(
            "the change log has gaps", f"restore the missing changes from a backup, or {FOLLOWERS}",
            value=f"{last - log.first + 1 - log.number} changes are missing", count=found.number, examples=found.examples,
        )  # fmt: skip
    if log.first is not None and log.first > 1 and not log.may_be_pruned:
        yield Finding(
            f"the change log has lost its beginning, though the catalog is younger than {rows.KEPT_DAYS} days",
            f"restore the missing changes from a backup, or {FOLLOWERS}", value=f"begins at {log.first}",
        )  # fmt: skip
    if log.last_at is not None and log.last_at != log.counter_at and log.counter == last:
        yield Finding(
            "the time of the counter is not that of the last change",
            "UPDATE change_counter SET last_changed_at = (SELECT max(changed_at) FROM changes)",
            value=format_moment(log.counter_at), examples=[format_moment(log.last_at)],
        )  # fmt: skip
    found = rows.out_of_order(exam.cursor, exam.scope.rows)
    if found.number:
        yield Finding(
            "changes are dated before the one that precedes them", "restore the times from a backup",
            count=found.number, examples=found.examples,
        )  # fmt: skip
    found = rows.published_ahead(exam.cursor, max(log.counter, last))
    if found.number:
        yield Finding(
            "snapshots were published that hold more changes than this catalog has made: it was set back",
            "`catalog snapshot nightly --confirm`, and let followers begin anew with that",
            count=found.number, examples=found.examples,
        )  # fmt: skip


def history(exam: Examination) -> Iterator[Finding]:
    """Former states follow each other without a hole, one at a time, each between two changes."""
    for what, found in (
        ("former states end before they begin", rows.backward_states(exam.cursor, exam.scope.rows)),
        ("former states overlap", rows.overlapping_states(exam.cursor, exam.scope.rows)),
        ("there are holes between former states", rows.holes_between_states(exam.cursor, exam.scope.rows)),
        ("former states do not begin and end with changes", rows.states_without_change(exam.cursor, exam.scope.rows)),
        ("changes left no former state behind", rows.changes_without_state(exam.cursor, exam.scope.rows)),
    ):
        if found.number:
            yield Finding(
                what, "restore these rows of `history` from a backup: only looking back (--at) is wrong without them",
                count=found.number, examples=found.examples,
            )  # fmt: skip
