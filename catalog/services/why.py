"""`why`: the runs that saw a record, and for each field who said its value, and who said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.domain.calendar import format_moment
from catalog.domain.identity import KIND_NAMES
from catalog.domain.provenance import RULES, Story, Voice, stories
from catalog.domain.records import RECORDS
from catalog.errors import Ambiguous, InvalidRecord, NotFound
from catalog.repositories import mapping, observations, runs, search
from catalog.repositories.driver import Cursor
from catalog.repositories.statements import BESIDE, Key, key_of

#: Fields that stand otherwise in the record than their feeds say, because something follows from something else.
FOLLOWS = "it follows from other records, from its calendar, or is held back by a dispute"


def why(cursor: Cursor, id: str, field: str | None = None) -> dict[str, Any]:
    """What is known of where the values of a record (an id, or a listing's key) come from.

    Raises NotFound, Ambiguous for an id that two kinds share, InvalidRecord for a field that the record has not.
    """
    key = _key(cursor, id)
    current = mapping.load_kind(cursor, key.kind, [key.id]).get(key.id)
    if current is None:
        raise NotFound("record", key.id.hex, "`catalog find` looks for it by any key")
    record = current["record"]
    fields = [name for name in RECORDS[record].model_fields if name != "record"]
    if field is not None and field not in fields:
        raise InvalidRecord("field", field, f"a {record} has none of that name; it has {', '.join(fields)}")
    voices = observations.of_subjects(cursor, [key]).get(key, [])
    told = stories(voices, BESIDE) if voices else {}
    stated = observations.stated_ids(cursor, key)
    seen = runs.seen_by(cursor, [key, *stated])
    files = {run["payload_hash"]: run["file_name"] for run in seen}
    return {
        "id": search.listing_names(cursor, [key.id])[key.id] if record == "listing" else key.id.hex,
        "record": record,
        "runs": [{**run, "observed_at": format_moment(run["observed_at"])} for run in seen],
        "fields": {
            name: _line(told.get(name), current.get(name), files)
            for name in fields
            if (field is None or name == field) and (name in told or name in current)
        },
    }


def _key(cursor: Cursor, id: str) -> Key:
    if "@" in id:
        return search.listing_from_key(cursor, id)
    found = [key_of(record) for record in search.find(cursor, id, "id")]
    if len(found) > 1:
        raise Ambiguous("record", id, [f"{KIND_NAMES[key.kind]} {key.id.hex}" for key in found])
    if not found:
        raise NotFound("record", id, "`catalog find` looks for it by any key")
    return found[0]


def _line(story: Story | None, stands: Any, files: Mapping[str, str]) -> dict[str, Any]:
    if story is None:
        return {"value": stands, "rule": "derived", "because": FOLLOWS}
    line: dict[str, Any] = {"value": stands}
    if stands == story.value:
        line |= {"rule": story.rule, "because": RULES[story.rule]}
    else:
        line |= {"rule": "derived", "because": FOLLOWS, "said": story.value}
    if story.won is not None:
        line |= {"won": _voice(story.won, files)}
    line["agreed"] = [_voice(voice, files) for voice in story.agreed]
    line["lost"] = [_voice(voice, files) for voice in story.lost]
    return line


def _voice(voice: Voice, files: Mapping[str, str]) -> dict[str, Any]:
    stamp = voice.said.stamp
    payload = stamp.payload_hash.hex() or None
    return {
        "feed": voice.feed.label,
        "value": voice.said.value,
        "precedence": voice.precedence,
        "observed_at": format_moment(stamp.observed_at),
        "payload": payload,
        "file_name": files.get(payload or ""),
    }
