"""Letting go of what waits: records whose need is there are registered, in transactions of their own."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from sqlalchemy import Connection, Engine

from catalog.repositories import bulk, runs, waiting
from catalog.repositories.driver import cursor_of
from catalog.repositories.statements import Author, Key, Outcome, key_of
from catalog.services import writing

BATCH = 10_000


def release(engine: Engine, author: Author, keys: Iterable[Key] | None = None) -> int:
    """Register what waits no longer: for one of `keys`, or (None) for anything that is there by now.

    Comes after the commit that brought what was waited for, so that of two writers of which one brings a token and the
    other its pool, whoever commits last finds both. What is released may be what something else waits for. Each record
    keeps the run that brought it; what is refused now is added to that run's rejects. Returns how many were registered
    or updated.
    """
    done = 0
    wanted = None if keys is None else set(keys)
    while wanted is None or wanted:
        part = writing.run(engine, lambda connection: _release(connection, author, wanted), author)
        writing.audit(engine, part.collisions, author)
        done += sum(word in ("registered", "updated", "unchanged") for word in part.results.values())
        if not part.records:
            break
        if wanted is not None:
            wanted = part.arrived
    return done


def _release(connection: Connection, author: Author, keys: Iterable[Key] | None) -> Outcome:
    cursor = cursor_of(connection)
    due = waiting.take_due(cursor, keys, BATCH)
    whole = Outcome()
    for run_id, group in groupby(sorted(due, key=lambda d: d.run_id), key=lambda d: d.run_id):
        submissions = [d.submission for d in group]
        part = bulk.register(connection, submissions, Author(author.actor, author.reason, run_id))
        waiting.keep(cursor, part.waiting, run_id)
        places = {key_of(s.record): s.place for s in submissions}
        still = {key_of(w.submission.record) for w in part.waiting}
        refused = [(places.get(key_of(r), ""), e, r) for r, e in part.rejects if key_of(r) not in still]
        runs.reject_late(cursor, run_id, refused)
        bulk.join(whole, part)
    return whole
