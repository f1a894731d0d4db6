"""Rows of the database as the JSON-ready dictionaries that users see."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from catalog.domain.calendar import format_moment
from catalog.domain.decimals import format_decimal
from catalog.domain.identity import KIND_NAMES, Id, event_type_number
from catalog.repositories import changes, disputes, lifecycle, lookalikes, successions
from catalog.repositories.statements import Key


def plain(values: Any) -> dict[str, Any]:
    """A mapping with its times as text."""
    return {k: format_moment(v) if isinstance(v, datetime) else v for k, v in values.items()}


def shown_id(key: Key) -> str | int:
    """An id as users see it; an event type's is its number."""
    return event_type_number(Id(key.id.bytes)) if KIND_NAMES[key.kind] == "event-type" else key.id.hex


def change_line(change: changes.LoggedChange, listing: str | None = None) -> dict[str, Any]:
    """One line of the change log; a listing has no id, but its key."""
    line = plain(change._asdict())
    line["kind"] = KIND_NAMES[change.kind]
    line["record_id"] = shown_id(Key(change.kind, change.record_id))
    if line["kind"] == "listing":
        del line["record_id"]
        if listing is not None:
            line["listing"] = listing
    return line


def dispute_line(dispute: disputes.Dispute) -> dict[str, Any]:
    """One dispute with its sides, numbered as `accept --side` takes them."""
    line = plain(dispute._asdict())
    line["sides"] = [{"side": n, **side} for n, side in enumerate(dispute.sides, start=1)]
    return line | {"kind": KIND_NAMES[dispute.kind], "subject_id": dispute.subject_id.hex}


def succession_line(succession: successions.Succession) -> dict[str, Any]:
    """One succession."""
    kind = KIND_NAMES[succession.kind]
    return {
        "kind": kind,
        "predecessor": shown_id(Key(succession.kind, succession.predecessor)),
        "successor": shown_id(Key(succession.kind, succession.successor)),
        "succession_kind": succession.succession_kind,
        "ratio": None if succession.ratio is None else format_decimal(succession.ratio),
        "effective_at": format_moment(succession.effective_at),
        "is_in_effect": succession.is_in_effect,
        "actor": succession.actor,
        "reason": succession.reason,
    }


def due_line(due: lifecycle.Due) -> dict[str, Any]:
    """Something that happens at a moment."""
    detail = dict(due.detail)
    if detail.get("ratio") is not None:
        detail["ratio"] = format_decimal(detail["ratio"])
    return {
        "at": format_moment(due.at),
        "what": due.what,
        "record": due.record,
        "kind": KIND_NAMES[due.key.kind],
        "id": shown_id(due.key),
    } | {k: v for k, v in detail.items() if v is not None}


def flag_line(flag: lookalikes.Flag) -> dict[str, Any]:
    """One instrument that looks like a verified one."""
    return plain(flag._asdict()) | {"id": flag.id.hex, "resembles_id": flag.resembles_id.hex}


def verification_line(said: lookalikes.Verification) -> dict[str, Any]:
    """What an operator said of an instrument."""
    return plain(said._asdict()) | {"instrument_id": said.instrument_id.hex}
