"""What vanished from a full listing: found, and on request suspended until it is listed again.

That a listing leaves a record out is said by a voice of its own, the feed's name with ` (absent)` behind it. It says one
thing, that the record is suspended, and is taken back by the next payload of any feed that has the record.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine

from catalog.domain.base import Record
from catalog.domain.golden import Feed
from catalog.domain.identity import LISTING_KIND
from catalog.errors import NotFound
from catalog.repositories import bulk, feeds, runs, search
from catalog.repositories.driver import Cursor, cursor_of
from catalog.repositories.intake import with_field
from catalog.repositories.statements import Author, Key, Outcome, Submission, key_of
from catalog.services import writing

BATCH = 10_000


class Absences(NamedTuple):
    """What the last listing of a feed had and that of a run has not, and how many rows the last one had rejected."""

    keys: list[Key]
    rejects_before: int


def look(engine: Engine, feed: Feed, author: Author, observed_at: datetime) -> Absences | None:
    """What vanished since the last listing of this feed; None when there was none before."""
    assert author.run_id is not None
    with engine.connect() as connection:
        cursor = cursor_of(connection)
        before = runs.last_listing(cursor, feed, observed_at)
        if before is None:
            return None
        return Absences(sorted(runs.missing(cursor, author.run_id, before.run_id)), before.rejects)


def missing(engine: Engine, run_id: int) -> list[dict[str, Any]]:
    """What the listing before that of a run had and it had not, as the catalog knows it now. Raises NotFound."""
    with engine.connect() as connection:
        cursor = cursor_of(connection)
        ran = runs.past(cursor, run_id)
        if ran is None:
            raise NotFound("import run", run_id, "`catalog imports list` shows them")
        feed = feeds.ensure(cursor, ran.source, ran.feed)
        before = runs.last_listing(cursor, feed, ran.observed_at)
        gone = sorted(runs.missing(cursor, run_id, before.run_id)) if before else []
        names = search.listing_names(cursor, [key.id for key in gone if key.kind == LISTING_KIND])
        return [
            {"id": names.get(key_of(record).id, getattr(record, "id", "")), **_summary(record)}
            for record in search.get_many(cursor, gone)
        ]


def _summary(record: Record) -> dict[str, Any]:
    names = ("record", "symbol", "ticker", "name", "status")
    return {name: said for name in names if (said := getattr(record, name, None)) is not None}


def suspend(
    engine: Engine, feed: Feed, found: Iterable[Key], author: Author, observed_at: datetime, payload_hash: bytes
) -> int:
    """Suspend what is missing, where no other feed speaks of it and it is active; returns how many records that is."""
    author = Author(author.actor, f"missing from {feed.label}", author.run_id)
    done = 0
    keys = list(found)
    for start in range(0, len(keys), BATCH):
        some = keys[start : start + BATCH]
        asked = set(some)
        work = partial(
            _suspend, feed=feed, keys=some, author=author, observed_at=observed_at, payload_hash=payload_hash
        )
        part = writing.run(engine, work, author)
        done += sum(change.action == "suspend" and change.key in asked for change in part.changes)
    return done


def _suspend(
    connection: Connection, feed: Feed, keys: list[Key], author: Author, observed_at: datetime, payload_hash: bytes
) -> Outcome:
    cursor = cursor_of(connection)
    absent = feeds.beside(cursor, feed, feeds.ABSENT)
    alone = _spoken_of_by(cursor, keys, feed, observed_at)
    submissions = [
        Submission(
            with_field(record, "status", "suspended"), absent, observed_at, payload_hash, stated=frozenset(["status"])
        )
        for record in search.get_many(cursor, alone)
        if record.status == "active"
    ]
    return bulk.register(connection, submissions, author)


def _spoken_of_by(cursor: Cursor, keys: Iterable[Key], feed: Feed, observed_at: datetime) -> list[Key]:
    """Those of the records of which this feed alone speaks, and last spoke before that time.

    Operators and published tables do not count, nor does a feed whose own last listing has left the record out. A later
    listing of this feed, imported already, may have them again.
    """
    wanted = list(keys)
    cursor.execute(
        """SELECT o.kind, o.subject_id FROM observations o JOIN unnest(%s::smallint[], %s::uuid[]) w(kind, id)
        ON w.kind = o.kind AND w.id = o.stated_id
        WHERE o.feed_id = %s AND o.subject_id = o.stated_id AND o.observed_at < %s AND NOT EXISTS (
            SELECT 1 FROM observations p JOIN feeds f USING (feed_id) JOIN sources s USING (source)
            WHERE p.kind = o.kind AND p.subject_id = o.subject_id AND p.feed_id <> o.feed_id
                AND right(f.name, %s) <> %s AND s.authority NOT IN ('operator', 'reference')
                AND NOT EXISTS (
                    SELECT 1 FROM import_runs r WHERE r.feed_id = p.feed_id AND r.state = 'done' AND r.is_listing
                        AND r.observed_at > p.observed_at))
        ORDER BY 1, 2""",
        [[k.kind for k in wanted], [k.id for k in wanted], feed.feed_id, observed_at, len(feeds.ABSENT), feeds.ABSENT],
    )
    return [Key(*cells) for cells in cursor.fetchall()]


def withdraw(connection: Connection, part: Outcome, author: Author, observed_at: datetime) -> None:
    """Take back what any listing said of the absence of records that this batch has seen, and add what follows to its
    outcome."""
    cursor = cursor_of(connection)
    voices = feeds.absences(cursor)
    if not voices:
        return
    seen = list(part.records)
    cursor.execute(
        """DELETE FROM observations o USING unnest(%s::smallint[], %s::uuid[]) w(kind, id)
        WHERE o.kind = w.kind AND o.stated_id = w.id AND o.feed_id = ANY(%s) AND o.observed_at <= %s
        RETURNING o.kind, o.subject_id""",
        [[k.kind for k in seen], [k.id for k in seen], voices, observed_at],
    )
    back = [Key(kind, subject) for kind, subject in cursor.fetchall() if isinstance(subject, UUID)]
    if back:
        again = bulk.rederive(connection, back, author)
        for change in again.changes:
            if part.results.get(change.key) == "unchanged":
                part.results[change.key] = "updated"
        bulk.join(part, again)
