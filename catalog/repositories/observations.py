"""Observations as rows: what each feed says of each record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from catalog.domain.base import canonical
from catalog.domain.golden import Feed, Observation, Said, Stamp
from catalog.domain.identity import LISTING_KIND
from catalog.domain.records import RECORDS
from catalog.repositories import feeds
from catalog.repositories.driver import Cursor, copy_rows
from catalog.repositories.statements import Key, Statement

_COLUMNS = "o.kind, o.stated_id, o.subject_id, o.observed_at, o.payload_hash, o.statement, o.older, o.earliest"
_FEED = "f.feed_id, f.source, f.name, coalesce(f.precedence, s.precedence)"
_FROM = "observations o JOIN feeds f USING (feed_id) JOIN sources s USING (source)"
COLUMNS = (
    "kind", "stated_id", "feed_id", "subject_id", "observed_at", "payload_hash", "statement", "older", "earliest", "run_id",
)  # fmt: skip

Stated = tuple[Key, UUID | None, Observation]


def of_feeds(cursor: Cursor, keys: Iterable[Key], feed_ids: Iterable[int]) -> dict[tuple[Key, int], Observation]:
    """What these feeds said of these stated ids before."""
    wanted = list(keys)
    if not wanted:
        return {}
    cursor.execute(
        f"""SELECT {_COLUMNS}, {_FEED} FROM unnest(%s::smallint[], %s::uuid[]) AS w(kind, stated_id)
        JOIN observations o USING (kind, stated_id) JOIN feeds f USING (feed_id) JOIN sources s USING (source)
        WHERE o.feed_id = ANY(%s)""",
        [[k.kind for k in wanted], [k.id for k in wanted], list(feed_ids)],
    )
    return {(key, o.feed.feed_id): o for key, _, o in _read_all(cursor)}


def of_subjects(cursor: Cursor, subjects: Iterable[Key]) -> dict[Key, list[Observation]]:
    """Everything that counts for these records."""
    wanted = list(subjects)
    if not wanted:
        return {}
    cursor.execute(
        f"""SELECT {_COLUMNS}, {_FEED} FROM unnest(%s::smallint[], %s::uuid[]) AS w(kind, subject_id)
        JOIN observations o USING (kind, subject_id) JOIN feeds f USING (feed_id) JOIN sources s USING (source)""",
        [[k.kind for k in wanted], [k.id for k in wanted]],
    )
    found: dict[Key, list[Observation]] = {}
    strange: list[tuple[Key, Observation]] = []
    markets: dict[Key, tuple[Any, Any]] = {}
    for key, subject, observation in _read_all(cursor):
        assert subject is not None
        of = Key(key.kind, subject)
        if subject != key.id and key.kind != LISTING_KIND:
            strange.append((of, observation))
            continue
        found.setdefault(of, []).append(observation)
        if "isin" in observation.values:
            markets[of] = _market(observation)
    for of, observation in strange:
        here = markets.get(of) == _market(observation)
        found.setdefault(of, []).append(without_identity(observation, keep_ticker=here))
    return found


def _market(observation: Observation) -> tuple[Any, Any]:
    return observation.values.get("mic"), observation.values.get("currency")


def without_identity(observation: Observation, *, keep_ticker: bool = True) -> Observation:
    """What was said of an alias, without what identified it: that is not the identity of what it stands for.

    A ticker is an attribute of a line with an ISIN, and stays with such a one on the same market.
    """
    identity = set(RECORDS[observation.values["record"]].IDENTITY) - ({"ticker"} if keep_ticker else set())
    return replace(
        observation,
        values={n: v for n, v in observation.values.items() if n not in identity},
        older={n: s for n, s in observation.older.items() if n not in identity},
    )


def of_stated(cursor: Cursor, kind: int, stated: Iterable[UUID]) -> list[Stated]:
    """Everything that was said of these stated ids, in quarantine or not."""
    cursor.execute(
        f"SELECT {_COLUMNS}, {_FEED} FROM {_FROM} WHERE o.kind = %s AND o.stated_id = ANY(%s)", [kind, list(stated)]
    )
    return list(_read_all(cursor))


def stated_ids(cursor: Cursor, subject: Key) -> list[Key]:
    """The ids under which feeds speak of a record: its own, and aliases."""
    cursor.execute("SELECT DISTINCT stated_id FROM observations WHERE kind = %s AND subject_id = %s", subject)
    return [Key(subject.kind, id) for (id,) in cursor.fetchall()]


def move(cursor: Cursor, kind: int, stated: UUID, subject: UUID | None) -> None:
    """Let everything said of a stated id count for another subject (None: for none, in quarantine)."""
    cursor.execute(
        "UPDATE observations SET subject_id = %s WHERE kind = %s AND stated_id = %s", [subject, kind, stated]
    )


def write(
    cursor: Cursor, statements: Iterable[tuple[Statement, UUID | None]], known: set[tuple[Key, int]], run_id: int | None
) -> None:
    """Store statements (already merged with what their feeds said before) with the subject that each counts for."""
    fresh: list[tuple[Any, ...]] = []
    changed: list[tuple[Any, ...]] = []
    for statement, subject in statements:
        cells = _cells(statement, subject, run_id)
        (changed if (statement.key, statement.observation.feed.feed_id) in known else fresh).append(cells)
    if fresh:
        copy_rows(cursor, "observations", COLUMNS, fresh)
    if changed:
        cursor.executemany(
            """UPDATE observations SET subject_id = %s, observed_at = %s, payload_hash = %s, statement = %s, older = %s,
            earliest = %s, run_id = %s WHERE kind = %s AND stated_id = %s AND feed_id = %s""",
            [(*cells[3:], *cells[:3]) for cells in changed],
        )


def _cells(statement: Statement, subject: UUID | None, run_id: int | None) -> tuple[Any, ...]:
    o = statement.observation
    return (
        statement.key.kind,
        statement.key.id,
        o.feed.feed_id,
        subject,
        o.stamp.observed_at,
        o.stamp.payload_hash,
        Jsonb(o.values),
        _store(o.older),
        _store(o.earliest),
        run_id,
    )


def _store(said: Mapping[str, Said]) -> Jsonb | None:
    if not said:
        return None
    return Jsonb(
        {
            name: [s.value, s.stamp.observed_at.isoformat(), s.stamp.payload_hash.hex(), s.stamp.canonical]
            for name, s in said.items()
        }
    )


def _restore(stored: Mapping[str, list[Any]] | None) -> dict[str, Said]:
    return {
        name: Said(value, Stamp(datetime.fromisoformat(at), bytes.fromhex(payload), canonical))
        for name, (value, at, payload, canonical) in (stored or {}).items()
    }


def _read_all(cursor: Cursor) -> Iterator[Stated]:
    rows = cursor.fetchall()
    exceptions = feeds.exceptions(cursor) if rows else {}
    known: dict[int, Feed] = {}
    for kind, stated, subject, observed_at, payload, values, older, earliest, feed_id, source, name, precedence in rows:
        voice = known.get(feed_id)
        if voice is None:
            voice = known[feed_id] = Feed(feed_id, source, name, precedence, exceptions.get(source, {}))
        stamp = Stamp(observed_at, bytes(payload), canonical(dict(values)))
        yield Key(kind, stated), subject, Observation(voice, stamp, values, _restore(older), _restore(earliest))
