"""Synthetics of synthetics: which of them would be made of themselves. The database refuses the same by a trigger."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from catalog.domain.synthetics import Synthetic
from catalog.repositories.driver import Cursor


def cycles(cursor: Cursor, stated: Mapping[UUID, Synthetic]) -> dict[UUID, list[str]]:
    """The stated synthetics that lead back to themselves, with the names on the way; their own words count as given."""
    if not stated:
        return {}
    parts = {id: _instruments(record) for id, record in stated.items()}
    names = {id: record.name for id, record in stated.items()}
    wanted = {part for named in parts.values() for part in named} - parts.keys()
    while wanted:
        cursor.execute(
            """SELECT s.id, s.name, array_remove(array_agg(c.instrument_id), NULL)
            FROM synthetics s JOIN synthetic_components c USING (id) WHERE s.id = ANY(%s) GROUP BY s.id, s.name""",
            [list(wanted)],
        )
        found = cursor.fetchall()
        for id, name, components in found:
            parts[id], names[id] = list(components), name
        wanted = {part for id, _, _ in found for part in parts[id]} - parts.keys()
    return {id: way for id in stated if (way := _way_back(id, parts, names))}


def _instruments(record: Synthetic) -> list[UUID]:
    return [UUID(hex=c.instrument_id) for c in record.components if c.instrument_id is not None]


def _way_back(start: UUID, parts: Mapping[UUID, list[UUID]], names: Mapping[UUID, str]) -> list[str]:
    """The names from `start` back to it, by breadth; nothing when there is no such way."""
    before: dict[UUID, UUID] = {}
    waiting = [start]
    for current in waiting:
        for part in parts.get(current, ()):
            if part == start:
                way = [names[start]]
                while current != start:
                    way.append(names[current])
                    current = before[current]
                return [names[start], *reversed(way)]
            if part not in before and part in parts:
                before[part] = current
                waiting.append(part)
    return []
