"""Feeds: who speaks, with the precedence that the tables give them now."""

from __future__ import annotations

from catalog.domain.golden import OPERATOR_SOURCE, Feed
from catalog.domain.vocabulary import PRECEDENCE, Authority
from catalog.errors import InvalidRecord
from catalog.repositories.driver import Cursor

#: The feed of the tables that are shipped; an imported list of the same source is another one.
REFERENCE_SOURCE, REFERENCE_FEED = "iso10383", "markets"
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
    return Feed(*found)


def reference(cursor: Cursor) -> Feed:
    """The feed of published tables, which every other voice overrules."""
    return ensure(cursor, REFERENCE_SOURCE, REFERENCE_FEED)


def operator(cursor: Cursor) -> Feed:
    """The feed of this catalog's operators."""
    return ensure(cursor, OPERATOR_SOURCE, "operator")
