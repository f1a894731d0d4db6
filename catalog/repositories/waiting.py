"""Statements that wait: kept until what they name is there, and handed out when it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from blake3 import blake3
from psycopg.types.json import Jsonb

from catalog.domain.golden import Feed
from catalog.domain.identity import KIND_NAMES, KINDS
from catalog.domain.records import RECORDS
from catalog.repositories.driver import Cursor
from catalog.repositories.statements import Key, Submission, Waiting, key_of

_BROKER = KINDS["broker-contract"]
#: A row whose need is there: a broker contract counts when it says which instrument it is.
_IS_DUE = f"""EXISTS (SELECT 1 FROM identities i WHERE i.kind = w.needs_kind AND i.id = w.needs_id)
    AND (w.needs_kind <> {_BROKER} OR EXISTS (
        SELECT 1 FROM broker_contracts b WHERE b.id = w.needs_id AND b.instrument_id IS NOT NULL))"""


class Due(NamedTuple):
    """A statement that waits no longer, and the run that brought it."""

    submission: Submission
    run_id: int


def keep(cursor: Cursor, found: Sequence[Waiting], run_id: int | None) -> None:
    """Keep what waits, each statement once. Of one feed's equal statements the first and the last are enough."""
    if not found or run_id is None:
        return
    cursor.executemany(
        """INSERT INTO waiting (kind, stated_id, feed_id, observed_at, payload_hash, statement_hash, statement, through,
            needs_kind, needs_id, field, place, run_id)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT ON CONSTRAINT uq_waiting__statement
        DO UPDATE SET needs_kind = excluded.needs_kind, needs_id = excluded.needs_id, field = excluded.field
            WHERE (waiting.needs_kind, waiting.needs_id) IS DISTINCT FROM (excluded.needs_kind, excluded.needs_id)""",
        [_cells(w, run_id) for w in sorted(found, key=lambda w: key_of(w.submission.record))],
    )
    cursor.execute(
        """DELETE FROM waiting w USING waiting a, waiting z
        WHERE w.kind = a.kind AND w.stated_id = a.stated_id AND w.feed_id = a.feed_id
            AND w.statement_hash = a.statement_hash AND (a.observed_at, a.payload_hash) < (w.observed_at, w.payload_hash)
            AND w.kind = z.kind AND w.stated_id = z.stated_id AND w.feed_id = z.feed_id
            AND w.statement_hash = z.statement_hash AND (z.observed_at, z.payload_hash) > (w.observed_at, w.payload_hash)
            AND (w.kind, w.stated_id) IN (SELECT * FROM unnest(%s::smallint[], %s::uuid[]))""",
        _columns({key_of(w.submission.record) for w in found}),
    )


def _cells(waits: Waiting, run_id: int) -> tuple[Any, ...]:
    s = waits.submission
    key = key_of(s.record)
    through = Jsonb(dict(s.through)) if s.through else None
    return (
        *key,
        s.feed.feed_id,
        s.observed_at,
        s.payload_hash,
        blake3(f"{s.record.canonical_json()}{json.dumps(dict(s.through), sort_keys=True)}".encode()).digest(),
        Jsonb(s.record.known()),
        through,
        *waits.needs,
        waits.field,
        s.place,
        run_id,
    )


def take_due(cursor: Cursor, keys: Iterable[Key] | None, limit: int) -> list[Due]:
    """Take out statements whose need is there, at most `limit`: those that wait for `keys`, or (None) all.

    The caller registers them in the same transaction. Rows that another writer is releasing are left to it.
    """
    condition, values = _IS_DUE, []
    if keys is not None:
        condition += " AND (w.needs_kind, w.needs_id) IN (SELECT * FROM unnest(%s::smallint[], %s::uuid[]))"
        values = _columns(keys)
    cursor.execute(
        f"""WITH due AS MATERIALIZED (
            SELECT w.waiting_id FROM waiting w WHERE {condition} ORDER BY w.waiting_id LIMIT %s FOR UPDATE SKIP LOCKED
        ), gone AS (DELETE FROM waiting USING due WHERE waiting.waiting_id = due.waiting_id RETURNING waiting.*)
        SELECT g.statement, g.observed_at, g.payload_hash, g.through, g.place, g.run_id,
            f.feed_id, f.source, f.name, coalesce(f.precedence, s.precedence)
        FROM gone g JOIN feeds f USING (feed_id) JOIN sources s USING (source) ORDER BY g.waiting_id""",
        [*values, limit],
    )
    return [_due(*cells) for cells in cursor.fetchall()]


def overdue(cursor: Cursor, shown: int) -> tuple[int, list[int]]:
    """How many statements wait for what is there, and the numbers of the first of them."""
    cursor.execute(
        f"""SELECT count(*), (array_agg(w.waiting_id ORDER BY w.waiting_id))[1:%s] FROM waiting w WHERE {_IS_DUE}""",
        [shown],
    )
    found = cursor.fetchone()
    return (found[0], found[1] or []) if found else (0, [])


def _due(
    statement: Mapping[str, Any],
    observed_at: datetime,
    payload_hash: bytes,
    through: Mapping[str, str] | None,
    place: str,
    run_id: int,
    *feed: Any,
) -> Due:
    record = RECORDS[statement["record"]](**{name: value for name, value in statement.items() if name != "record"})
    submission = Submission(
        record, Feed(*feed), observed_at, bytes(payload_hash), through=through or {}, may_wait=True, place=place
    )
    return Due(submission, run_id)


def _columns(keys: Iterable[Key]) -> list[Any]:
    wanted = list(keys)
    return [[k.kind for k in wanted], [k.id for k in wanted]]


def page(cursor: Cursor, *, run_id: int | None, after: int, limit: int) -> list[dict[str, Any]]:
    """What waits, in the order in which it came; `run_id` keeps to one run's."""
    cursor.execute(
        """SELECT w.waiting_id, w.statement ->> 'record', w.stated_id, f.source || ':' || f.name, w.needs_kind, w.needs_id,
            w.field, w.place, w.run_id, w.since
        FROM waiting w JOIN feeds f USING (feed_id)
        WHERE w.waiting_id > %(after)s AND (%(run)s::bigint IS NULL OR w.run_id = %(run)s)
        ORDER BY w.waiting_id LIMIT %(limit)s""",
        {"after": after, "run": run_id, "limit": limit},
    )
    return [
        {
            "number": number, "record": record, "id": id.hex, "feed": feed, "field": field,
            "needs": _need(UUID(hex=id.hex), kind, needs), "needs_id": needs.hex, "place": place, "run_id": run,
            "since": since,
        }
        for number, record, id, feed, kind, needs, field, place, run, since in cursor.fetchall()
    ]  # fmt: skip


def _need(own: UUID, kind: int, needs: UUID) -> str:
    """What a record waits for, in words."""
    return "decimals" if own == needs else KIND_NAMES[kind].replace("-", "_")


def tokens(cursor: Cursor, blockchain: str | None, limit: int) -> list[tuple[str, str]]:
    """(blockchain, address) of tokens that wait for their decimals, or that pools wait for, the longest first."""
    cursor.execute(
        """SELECT statement ->> 'blockchain', statement ->> 'address' FROM waiting
        WHERE kind = 1 AND statement ->> 'record' = 'token' AND needs_kind = kind AND needs_id = stated_id
            AND (%(blockchain)s::text IS NULL OR statement ->> 'blockchain' = %(blockchain)s)
        GROUP BY 1, 2 ORDER BY min(waiting_id) LIMIT %(limit)s""",
        {"blockchain": blockchain, "limit": limit},
    )
    return [(chain, address) for chain, address in cursor.fetchall()]
