"""Letting go of what waits: records whose need is there are registered, in transactions of their own."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import groupby

from sqlalchemy import Connection, Engine

from catalog.repositories import bulk, feeds, runs, waiting
from catalog.repositories.driver import cursor_of
from catalog.repositories.statements import Author, Key, Outcome, key_of
from catalog.services import writing

BATCH = 10_000


def release(engine: Engine, author: Author, keys: Iterable[Key] | None = None) -> int:
    """Register what waits no longer: for one of `keys`, or (None) for anything that is there by now.

    Comes after the commit that brought what was waited for, so that of two writers of which one brings a token and the
    other its pool, whoever commits last finds both. What is released may be what something else waits for. Each
    statement keeps the run that brought it, and what is refused now is added to the rejects of that run; the changes
    are those of whoever brought what was waited for. Returns how many records that were.
    """
    done = 0
    wanted = None if keys is None else set(keys)
    while wanted is None or wanted:
        part = writing.run(engine, partial(_release, author=author, keys=wanted), author)
        writing.audit(engine, part.collisions, author)
        done += sum(word in ("registered", "updated", "unchanged") for word in part.results.values())
        if not part.records:
            break
        if wanted is not None:
            # more may wait for the same; and what was put back, nobody else has seen meanwhile
            wanted |= part.arrived | {waits.needs for waits in part.waiting}
    return done


def _release(connection: Connection, author: Author, keys: Iterable[Key] | None) -> Outcome:
    cursor = cursor_of(connection)
    due = waiting.take_due(cursor, keys, BATCH)
    feeds.hold(cursor, {d.submission.feed.source for d in due})
    whole = Outcome()
    for run_id, group in groupby(sorted(due, key=lambda d: d.run_id), key=lambda d: d.run_id):
        submissions = [d.submission for d in group]
        part = bulk.register(connection, submissions, Author(author.actor, author.reason, run_id))
        waiting.keep(cursor, part.waiting, run_id)
        places = {key_of(s.record): s.place for s in submissions}
        still = {key_of(w.submission.record) for w in part.waiting}
        refused = [(places.get(key_of(r), ""), e, r) for r, e in part.failed if key_of(r) not in still]
        runs.reject_late(cursor, run_id, refused)
        bulk.join(whole, part)
    return whole
