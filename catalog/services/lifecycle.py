"""What happens to records after they were born: successions, and what is due by the calendar."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, Engine

from catalog.domain.calendar import moment
from catalog.domain.decimals import canonical_decimal
from catalog.domain.identity import KIND_NAMES
from catalog.domain.vocabulary import ALIASING_SUCCESSIONS, CONTINUING_SUCCESSIONS, SUCCESSION_KINDS
from catalog.errors import Conflict, InvalidRecord, NotFound
from catalog.repositories import bulk, equities, identities, lifecycle, mapping, successions
from catalog.repositories.driver import Cursor, cursor_of
from catalog.repositories.lifecycle import Due
from catalog.repositories.statements import INSTRUMENT, Author, Change, Key, Outcome
from catalog.repositories.successions import Succession
from catalog.services import writing


def supersede(
    engine: Engine,
    keys: tuple[Key, Key],
    kind: str,
    ratio: Decimal | None,
    effective_at: datetime | None,
    author: Author,
) -> Succession:
    """Store that the second record follows the first, and apply it when its time has come already.

    Saying the same again changes nothing. Raises NotFound, InvalidRecord (code `cycle` for one that leads back),
    Conflict when it was said differently before.
    """
    if kind not in SUCCESSION_KINDS:
        raise InvalidRecord("kind", kind, f"one of {', '.join(SUCCESSION_KINDS)} is expected")
    if ratio is not None and canonical_decimal(ratio) <= 0:
        raise InvalidRecord("ratio", ratio, "must be above zero")
    now = datetime.now(UTC)
    at = now if effective_at is None else moment(effective_at)
    predecessor, successor = keys
    wanted = Succession(
        predecessor.kind, predecessor.id, successor.id, kind, None if ratio is None else canonical_decimal(ratio),
        at, at <= now, author.actor, author.reason,
    )  # fmt: skip

    def work(connection: Connection) -> Outcome:
        cursor = cursor_of(connection)
        known = successions.find(cursor, wanted)
        if known is not None:
            if known.ratio != wanted.ratio or (effective_at is not None and known.effective_at != at):
                raise Conflict("succession", kind, predecessor.id.hex, "recorded already with another ratio or time:")
            return Outcome()
        _check(cursor, keys, kind)
        successions.insert(cursor, wanted)
        outcome = _apply(connection, [wanted], author) if wanted.is_in_effect else Outcome()
        outcome.changes.insert(0, _recorded(cursor, wanted))
        return outcome

    writing.run(engine, work, author)
    with engine.connect() as connection:
        found = successions.find(cursor_of(connection), wanted)
    assert found is not None
    return found


def _check(cursor: Cursor, keys: tuple[Key, Key], kind: str) -> None:
    held = identities.lock(cursor, keys)
    for key, name in zip(keys, ("predecessor", "successor"), strict=True):
        what = KIND_NAMES[key.kind]
        if key not in held:
            raise NotFound(what, key.id.hex, f"the {name} must be registered first")
        if held[key].is_alias:
            target = held[key].target
            hint = f"name what it stands for: {target.hex}" if target else "decide its dispute first"
            raise InvalidRecord(name, key.id.hex, "an alias; only records follow each other", hint=hint)
    predecessor, successor = keys
    if predecessor.id == successor.id:
        raise InvalidRecord("successor", successor.id.hex, "a record cannot succeed itself", code="cycle")
    if successions.leads_back(cursor, predecessor.kind, predecessor.id, successor.id):
        raise InvalidRecord("successor", successor.id.hex, "it is followed by its predecessor already", code="cycle")
    if kind in ALIASING_SUCCESSIONS | CONTINUING_SUCCESSIONS and predecessor.kind != INSTRUMENT:
        raise InvalidRecord("kind", kind, f"only of instruments, not of a {KIND_NAMES[predecessor.kind]}")
    if kind in ALIASING_SUCCESSIONS:
        old, new = (mapping.load_kind(cursor, k.kind, [k.id])[k.id]["record"] for k in keys)
        if mapping.NOUNS[old].tables != mapping.NOUNS[new].tables:
            raise InvalidRecord("successor", successor.id.hex, f"a {old} and a {new} cannot be one thing")


def _recorded(cursor: Cursor, new: Succession) -> Change:
    """The change log's entry: it stands with the predecessor."""
    key = Key(new.kind, new.predecessor)
    loaded = mapping.load_kind(cursor, key.kind, [key.id]).get(key.id)
    if loaded is None:  # it has just become an alias
        loaded = mapping.load_kind(cursor, key.kind, [new.successor])[new.successor]
    said = {"successor": new.successor.hex, "kind": new.succession_kind, "effective_at": new.effective_at.isoformat()}
    return Change(key, loaded["record"], "supersede", None, {"succession": said})


def _apply(connection: Connection, which: Iterable[Succession], author: Author) -> Outcome:
    """Let successions take effect on the records: they are marked already."""
    cursor = cursor_of(connection)
    keys: set[Key] = set()
    aliases: set[UUID] = set()
    rewired: set[UUID] = set()
    for s in which:
        keys |= {Key(s.kind, s.predecessor), Key(s.kind, s.successor)}
        if s.kind == INSTRUMENT:
            # those who claim a ticker together with the predecessor may have it to themselves now
            aliases |= equities.claims_by(cursor, [s.predecessor]).keys()
        if s.succession_kind in ALIASING_SUCCESSIONS:
            equities.inherit(cursor, s.predecessor, s.successor)
            aliases.add(s.predecessor)
            keys.discard(Key(s.kind, s.predecessor))
        if s.succession_kind in ALIASING_SUCCESSIONS | CONTINUING_SUCCESSIONS:
            rewired.add(s.predecessor)
    return bulk.rederive(connection, keys, author, aliases=aliases, rewired=rewired)


def apply_due(engine: Engine, until: datetime, author: Author) -> list[Due]:
    """Apply everything that is due until a moment: delistings, expiries, successions. Returns what was.

    Doing it again for the same moment changes nothing. Raises InvalidRecord for a moment that lies ahead.
    """
    until = moment(until)
    if until > datetime.now(UTC):
        raise InvalidRecord("until", until.isoformat(), "it lies ahead; what will be due is listed by `upcoming`")
    applied: list[Due] = []

    def work(connection: Connection) -> Outcome:
        cursor = cursor_of(connection)
        applied.clear()
        lifecycle.advance(cursor, until)
        late = successions.due(cursor, until)
        successions.put_in_effect(cursor, late)
        ends = lifecycle.ending(cursor, None, until)
        applied.extend([*lifecycle.succeeding_now(late), *ends])
        outcome = _apply(connection, late, author) if late else Outcome()
        over = {due.key for due in ends}
        if over:
            bulk.join(outcome, bulk.rederive(connection, over, author))
        return outcome

    outcome = writing.run(engine, work, author)
    changed = {change.key for change in outcome.changes}
    return [due for due in sorted(applied, key=lifecycle.order) if due.key in changed or due.what == "succeed"]


def upcoming(engine: Engine, days: int, at: datetime | None = None) -> list[Due]:
    """What will happen in the days after a moment (default: now), in the order of time; what is overdue comes first."""
    start = datetime.now(UTC) if at is None else moment(at)
    end = start + timedelta(days=days)
    with engine.connect() as connection:
        cursor = cursor_of(connection)
        ends = lifecycle.ending(cursor, None, end)
        found = [*ends, *lifecycle.beginning(cursor, start, end), *lifecycle.succeeding(cursor, end)]
    return sorted(found, key=lifecycle.order)
