"""The quarantine desk: what is held back, shown with both sides, accepted or rejected by an operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine

from catalog.domain.base import Record
from catalog.domain.golden import PROVENANCE
from catalog.domain.records import parse_record
from catalog.errors import Conflict, InvalidRecord, NotFound
from catalog.repositories import bulk, disputes, mapping, runs, search
from catalog.repositories.disputes import Dispute
from catalog.repositories.driver import Cursor, cursor_of
from catalog.repositories.statements import Author, Key, Outcome
from catalog.services import writing
from catalog.services.shapes import dispute_line

#: What each rule noticed, and what accepting a side of it does.
RULES: dict[str, tuple[str, str]] = {
    "breaking_conflict": (
        "feeds of the same standing disagree on a field that decides what a number means; the record is suspended",
        "the accepted side's value becomes the operator's word",
    ),
    "breaking_change": (
        "a feed changed its own word on a field that decides what a number means; its first word stands",
        "the new value becomes the operator's word",
    ),
    "ticker_conflict": (
        "several instruments claim one ticker on one market in one currency; its by-ticker id stands for none of them",
        "the accepted instrument gets the ticker and the by-ticker id",
    ),
    "ambiguous_ticker": (
        "a row without an ISIN carries a ticker that several instruments claim; it counts for none of them",
        "decided together with the ticker_conflict of the same subject",
    ),
    "ambiguous_reference": (
        "a record names an id that several instruments claim; the field is unknown and the record suspended",
        "decided together with the ticker_conflict about that id",
    ),
    "inconsistent_record": (
        "what several feeds say of the record does not go together; the greatest voices that do are believed",
        "all that the accepted side says becomes the operator's word",
    ),
    "cusip_conflict": (
        "two securities claim one CUSIP; neither has it",
        "the accepted security gets the CUSIP",
    ),
    "cusip_held_back": (
        "a CUSIP cannot belong to the ISIN beside it; the security was registered without it",
        "the security gets the CUSIP all the same",
    ),
    "cusip_contradicts_isin": (
        "on a US or Canadian market the CUSIP contradicts the ISIN; the whole row was held back",
        "the row is registered as it stands",
    ),
    "line_conflict": (
        "one payload has several tickers for one line; none of its rows was registered",
        "the accepted row is registered",
    ),
}
#: Rules that are decided with another dispute.
_ELSEWHERE = ("ambiguous_ticker", "ambiguous_reference")


def show(engine: Engine, number: int) -> dict[str, Any]:
    """A dispute with its sides, where each was said, the rule that noticed, and what accepting would do."""
    with engine.connect() as connection:
        cursor = cursor_of(connection)
        found = _get(cursor, number)
        line = dispute_line(found)
        for side in line["sides"]:
            side |= _where(cursor, side)
        subject = search.get(cursor, Key(found.kind, found.subject_id))
        noticed, accepting = RULES.get(found.rule, ("", ""))
    shown = None if subject is None else subject.to_json()
    return line | {"noticed": noticed, "accepting": accepting, "subject": shown}


def _where(cursor: Cursor, side: Mapping[str, Any]) -> dict[str, Any]:
    """The newest run that brought a side's payload."""
    if "payload" not in side:
        return {}
    found = runs.of_payload(cursor, bytes.fromhex(side["payload"]))
    return {} if found is None else {"payload_run": found[0], "payload_file": found[1]}


def accept(engine: Engine, number: int, side: int | None, value: str | None, author: Author) -> dict[str, Any]:
    """Decide for one side, apply it, and note who and why, in one transaction.

    `value` decides a disputed field for what no side says. Raises NotFound, Conflict (decided already), InvalidRecord.
    """

    def work(connection: Connection) -> Outcome:
        cursor = cursor_of(connection)
        dispute = _open(cursor, number)
        chosen = _chosen(dispute, side, value)
        disputes.decide(cursor, number, "accepted", author.actor, author.reason, chosen)
        return _apply(connection, dispute, chosen, author)

    writing.run(engine, work, author)
    return show(engine, number)


def reject(engine: Engine, number: int, author: Author) -> dict[str, Any]:
    """Decide for no side. What is held back stays so; the same words do not open the dispute again."""

    def work(connection: Connection) -> Outcome:
        cursor = cursor_of(connection)
        _open(cursor, number)
        disputes.decide(cursor, number, "rejected", author.actor, author.reason)
        return Outcome()

    writing.run(engine, work, author)
    return show(engine, number)


def _get(cursor: Cursor, number: int, *, locked: bool = False) -> Dispute:
    found = disputes.get(cursor, number, locked=locked)
    if found is None:
        raise NotFound("dispute", number, "`catalog disputes list` shows the open ones")
    return found


def _open(cursor: Cursor, number: int) -> Dispute:
    found = _get(cursor, number, locked=True)
    if found.state != "open":
        who = f"{found.state} by {found.decided_by}"
        raise Conflict("dispute", number, None, f"{who} already:")
    return found


def _chosen(dispute: Dispute, side: int | None, value: str | None) -> dict[str, Any]:
    """The side that is accepted; a value of the operator's own makes one."""
    if dispute.rule in _ELSEWHERE:
        raise InvalidRecord(
            "dispute", dispute.number, "decided together with another one", code="decided_elsewhere",
            hint=f"accept a side of the ticker_conflict instead: {RULES[dispute.rule][1]}",
        )  # fmt: skip
    if value is not None:
        if dispute.rule not in ("breaking_conflict", "breaking_change"):
            raise InvalidRecord("value", value, "only a disputed value can be replaced by another one")
        return {"value": value}
    if side is None:
        if len(dispute.sides) > 1:
            raise InvalidRecord(
                "side", "nothing", f"one of 1 to {len(dispute.sides)} is expected", code="missing_field"
            )
        side = 1
    if not 1 <= side <= len(dispute.sides):
        raise InvalidRecord("side", side, f"one of 1 to {len(dispute.sides)} is expected")
    return dict(dispute.sides[side - 1])


def _apply(connection: Connection, dispute: Dispute, chosen: Mapping[str, Any], author: Author) -> Outcome:
    key = Key(dispute.kind, dispute.subject_id)
    match dispute.rule:
        case "ticker_conflict":
            return _choose_claimant(connection, dispute, chosen, author)
        case "breaking_conflict" | "breaking_change":
            assert dispute.field is not None
            record = _with(cursor_of(connection), key, {dispute.field: chosen.get("now", chosen["value"])})
            return _state(connection, record, author, dispute.field)
        case "cusip_conflict" | "cusip_held_back":
            said = {"record": "security", "isin": chosen["isin"], "cusip": chosen["cusip"]}
            return _state(connection, parse_record(said), author, "cusip")
        case "line_conflict" | "cusip_contradicts_isin" | "inconsistent_record":
            hidden = {*PROVENANCE, "feed"}
            record = parse_record({k: v for k, v in chosen.items() if k not in hidden})
            return _state(connection, record, author)
    raise InvalidRecord("dispute", dispute.number, f"no way to accept the rule {dispute.rule} is known")


def _with(cursor: Cursor, key: Key, said: Mapping[str, Any]) -> Record:
    """The present record with other values: one the model accepts, or an error that says why not."""
    values = mapping.load_kind(cursor, key.kind, [key.id]).get(key.id)
    if values is None:
        raise NotFound("record", key.id.hex, "the dispute is about a record that is gone")
    return search.to_record(values | {n: _number(v) for n, v in said.items()})


def _number(value: Any) -> Any:
    """A whole number that was typed as text."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 4 else value


def _state(connection: Connection, record: Record, author: Author, *fields: str) -> Outcome:
    """Let the operator say so, within this transaction: these fields, or all of the record."""
    stated = frozenset(fields) if fields else None
    submission = writing.by_operator(cursor_of(connection), record, stated, is_decided=True)
    outcome = bulk.register(connection, [submission], author)
    if outcome.errors:
        raise next(iter(outcome.errors.values()))
    return outcome


def _choose_claimant(connection: Connection, dispute: Dispute, chosen: Mapping[str, Any], author: Author) -> Outcome:
    cursor = cursor_of(connection)
    alias, claimant = dispute.subject_id, UUID(hex=chosen["instrument_id"])
    cursor.execute("UPDATE alias_claims SET is_chosen = false WHERE alias_id = %s AND is_chosen", [alias])
    cursor.execute(
        "UPDATE alias_claims SET is_chosen = true WHERE alias_id = %s AND claimant_id = %s", [alias, claimant]
    )
    if not cursor.rowcount:
        raise NotFound("claimant", claimant.hex, "it claims this ticker no more; look at the dispute again")
    keys = {Key(dispute.kind, UUID(hex=side["instrument_id"])) for side in dispute.sides}
    return bulk.rederive(connection, keys, author, aliases=[alias])
