"""Feeds: who speaks, with the precedence that the tables give them now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from catalog.domain.golden import OPERATOR_SOURCE, Feed
from catalog.domain.vocabulary import PRECEDENCE, Authority
from catalog.errors import InvalidRecord
from catalog.repositories.driver import Cursor
from catalog.repositories.statements import Key

#: The feed of the tables that are shipped; an imported list of the same source is another one.
REFERENCE_SOURCE, REFERENCE_FEED = "iso10383", "markets"
#: Behind the name of a feed: the voice that says what vanished from it, believed as much as the feed itself.
ABSENT = " (absent)"

_QUERY = """SELECT f.feed_id, f.source, f.name, coalesce(f.precedence, s.precedence)
    FROM feeds f JOIN sources s USING (source) WHERE f.source = %s AND f.name = %s"""


def ensure(cursor: Cursor, source: str, name: str, authority: Authority | None = None) -> Feed:
    """The feed of that name, made if it is new, and so is its source if somebody says what kind of voice it is.

    Raises InvalidRecord for a source of which nobody knows that.
    """
    cursor.execute(_QUERY, [source, name])
    found = cursor.fetchone()
    if found is None:
        if authority is not None:
            values = [source, authority, PRECEDENCE[authority]]
            cursor.execute("INSERT INTO sources VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", values)
        cursor.execute("SELECT 1 FROM sources WHERE source = %s", [source])
        if cursor.fetchone() is None:
            raise InvalidRecord("source", source, "the table `sources` does not know it", code="unknown_source")
        cursor.execute("INSERT INTO feeds (source, name) VALUES (%s, %s) ON CONFLICT DO NOTHING", [source, name])
        cursor.execute(_QUERY, [source, name])
        found = cursor.fetchone()
        assert found is not None
    feed_id, _, _, precedence = found
    return Feed(feed_id, source, name, precedence, exceptions(cursor).get(source, {}))


def absences(cursor: Cursor) -> list[int]:
    """The numbers of the voices that say what vanished from a listing."""
    cursor.execute("SELECT feed_id FROM feeds WHERE right(name, %s) = %s", [len(ABSENT), ABSENT])
    return [feed_id for (feed_id,) in cursor.fetchall()]


def beside(cursor: Cursor, feed: Feed, suffix: str) -> Feed:
    """A feed beside another, believed as much as that one."""
    cursor.execute(
        """INSERT INTO feeds (source, name, precedence) SELECT source, name || %s, precedence FROM feeds WHERE feed_id = %s
        ON CONFLICT (source, name) DO UPDATE SET precedence = excluded.precedence
            WHERE feeds.precedence IS DISTINCT FROM excluded.precedence""",
        [suffix, feed.feed_id],
    )
    return ensure(cursor, feed.source, feed.name + suffix)


def hold(cursor: Cursor, sources: Iterable[str]) -> None:
    """Keep who is believed before whom from changing until the transaction ends, for sources that say something new.

    A change derives the records anew of which a source speaks; it cannot see what is not committed yet.
    """
    wanted = sorted(set(sources) - {OPERATOR_SOURCE})
    if wanted:
        cursor.execute("SELECT 1 FROM sources WHERE source = ANY(%s) ORDER BY source FOR SHARE", [wanted])


def exceptions(cursor: Cursor) -> dict[str, dict[tuple[str, str], int]]:
    """The fields of which a source is believed otherwise, by source."""
    cursor.execute("SELECT source, record, field, precedence FROM field_precedence")
    found: dict[str, dict[tuple[str, str], int]] = {}
    for source, record, field, precedence in cursor.fetchall():
        found.setdefault(source, {})[record, field] = precedence
    return found


def set_precedence(
    cursor: Cursor, source: str, precedence: int | None, *, feed: str | None, record: str | None, field: str | None
) -> bool:
    """Let a source, a feed or a field be believed otherwise (None: as before); False when there is no such voice."""
    cursor.execute("SELECT authority FROM sources WHERE source = %s FOR UPDATE", [source])
    found = cursor.fetchone()
    if found is None:
        return False
    if feed is not None:
        names = [feed, feed + ABSENT]
        cursor.execute(
            "UPDATE feeds SET precedence = %s WHERE source = %s AND name = ANY(%s)", [precedence, source, names]
        )
        return bool(cursor.rowcount)
    if field is None:
        authority: Authority = found[0]
        value = PRECEDENCE[authority] if precedence is None else precedence
        cursor.execute("UPDATE sources SET precedence = %s WHERE source = %s", [value, source])
    else:
        where = [source, record, field]
        cursor.execute("DELETE FROM field_precedence WHERE source = %s AND record = %s AND field = %s", where)
        if precedence is not None:
            cursor.execute("INSERT INTO field_precedence VALUES (%s, %s, %s, %s)", [*where, precedence])
    return True


def spoken_of(cursor: Cursor, source: str, feed: str | None, field: str | None) -> list[Key]:
    """The records of which a source (one of its feeds; only where it says something of a field) speaks, in order."""
    cursor.execute(
        """SELECT DISTINCT o.kind, o.subject_id FROM observations o JOIN feeds f USING (feed_id)
        WHERE f.source = %(source)s AND o.subject_id IS NOT NULL
            AND (%(feed)s::text IS NULL OR f.name = %(feed)s)
            AND (%(field)s::text IS NULL OR o.statement ? %(field)s OR o.older ? %(field)s)
        ORDER BY 1, 2""",
        {"source": source, "feed": feed, "field": field},
    )
    return [Key(*cells) for cells in cursor.fetchall()]


def precedences(cursor: Cursor) -> list[dict[str, Any]]:
    """The table of precedence, the most believed first: sources, feeds that differ from theirs, and fields that do."""
    cursor.execute(
        """SELECT precedence, authority, source, NULL AS feed, NULL AS record, NULL AS field FROM sources
        UNION ALL SELECT f.precedence, s.authority, f.source, f.name, NULL, NULL
            FROM feeds f JOIN sources s USING (source) WHERE f.precedence IS NOT NULL
        UNION ALL SELECT p.precedence, s.authority, p.source, NULL, p.record, p.field
            FROM field_precedence p JOIN sources s USING (source)
        ORDER BY 1, 3, 4 NULLS FIRST, 5 NULLS FIRST, 6"""
    )
    names = ("precedence", "authority", "source", "feed", "record", "field")
    return [
        {name: cell for name, cell in zip(names, cells, strict=True) if cell is not None} for cells in cursor.fetchall()
    ]


def statistics(cursor: Cursor) -> list[dict[str, Any]]:
    """What each feed brought so far: runs by their end, when it last spoke, rows, records it speaks of, rejects."""
    cursor.execute(
        """SELECT f.source, f.name, count(*) AS runs, count(*) FILTER (WHERE r.state <> 'done'),
            max(r.started_at), max(r.observed_at), coalesce(sum(r.rows_seen), 0)::bigint,
            (SELECT count(*) FROM observations o WHERE o.feed_id = f.feed_id),
            (SELECT count(*) FROM waiting w WHERE w.feed_id = f.feed_id),
            (SELECT jsonb_object_agg(code, number) FROM (
                SELECT j.code, count(*) AS number FROM import_rejects j JOIN import_runs q USING (run_id)
                WHERE q.feed_id = f.feed_id GROUP BY j.code) codes)
        FROM import_runs r JOIN feeds f USING (feed_id) GROUP BY f.feed_id ORDER BY f.source, f.name"""
    )
    names = (
        "source", "feed", "runs", "not_done", "last_run_at", "observed_at", "rows", "records", "waiting", "rejects",
    )  # fmt: skip
    return [dict(zip(names, cells, strict=True)) for cells in cursor.fetchall()]


def reference(cursor: Cursor) -> Feed:
    """The feed of published tables, which every other voice overrules."""
    return ensure(cursor, REFERENCE_SOURCE, REFERENCE_FEED)


def operator(cursor: Cursor) -> Feed:
    """The feed of this catalog's operators."""
    return ensure(cursor, OPERATOR_SOURCE, "operator")
