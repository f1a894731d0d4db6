"""What a catalog holds, without what depends on the way there: sequences, runs, payloads, times."""

from __future__ import annotations

import json
from typing import Any

from catalog import Catalog
from catalog.repositories.mapping import NOUNS, load, select

_TABLES = {
    "identities": "SELECT kind, id, identity, is_alias, target_id FROM identities",
    "alias_claims": "SELECT alias_id, claimant_id, ticker FROM alias_claims",
    "disputes": """SELECT dispute_key, rule, kind, subject_id, field, state, (SELECT jsonb_agg(s - 'payload' - 'observed_at')
        FROM jsonb_array_elements(sides) WITH ORDINALITY AS e(s, n)) FROM disputes""",
    "listings": "SELECT id, is_home FROM listings",
    "equities": "SELECT id, is_retired FROM equities",
    "successions": "SELECT kind, predecessor_id, successor_id, succession_kind, ratio, is_in_effect FROM successions",
    "subjects": """SELECT o.kind, o.stated_id, f.source, f.name, o.subject_id, o.statement
        FROM observations o JOIN feeds f USING (feed_id)""",
    "waiting": """SELECT w.kind, w.stated_id, f.source, f.name, w.statement, w.through, w.needs_kind, w.needs_id
        FROM waiting w JOIN feeds f USING (feed_id)""",
}


def state(catalog: Catalog) -> dict[str, list[str]]:
    """Every record, alias and dispute of the catalog as sorted lines of text."""
    found: dict[str, list[str]] = {}
    with catalog.transaction() as cursor:
        for name, query in _TABLES.items():
            cursor.execute(query)
            found[name] = sorted(_line(row) for row in cursor.fetchall())
        for record in NOUNS:
            cursor.execute(select(record))
            ids = [row[0] for row in cursor.fetchall()]
            found[record] = sorted(_line((str(id), v)) for id, v in load(cursor, record, ids).items())
    return found


def _line(row: tuple[Any, ...]) -> str:
    return json.dumps(
        [bytes(c).hex() if isinstance(c, bytes | memoryview) else c for c in row], default=str, sort_keys=True
    )
