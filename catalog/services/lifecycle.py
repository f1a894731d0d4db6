"""What happens to records after they were born: successions, and what is due by the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, Engine

from catalog.domain.calendar import format_moment, moment
from catalog.domain.decimals import canonical_decimal, format_decimal
from catalog.domain.identity import KIND_NAMES
from catalog.domain.vocabulary import (
    ALIASING_SUCCESSIONS,
    CONTINUING_SUCCESSIONS,
    SUCCEEDING_EACH_OTHER,
    SUCCESSION_KINDS,
)
from catalog.errors import CatalogError, Conflict, InvalidRecord, NotFound
from catalog.repositories import bulk, equities, identities, lifecycle, mapping, references, successions
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
        other = successions.between(cursor, predecessor.kind, predecessor.id, successor.id)
        if other is not None:
            reason = f"these two are recorded already, as {other.succession_kind}:"
            raise Conflict("succession", kind, predecessor.id.hex, reason)
        _check(cursor, keys, kind)
        successions.insert(cursor, wanted)
        outcome = _apply(connection, wanted, author) if wanted.is_in_effect else Outcome()
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
    old, new = (mapping.load_kind(cursor, k.kind, [k.id])[k.id]["record"] for k in keys)
    if kind in ALIASING_SUCCESSIONS and mapping.NOUNS[old].tables != mapping.NOUNS[new].tables:
        raise InvalidRecord("successor", successor.id.hex, f"a {old} and a {new} cannot be one thing")
    if kind in ALIASING_SUCCESSIONS and (chain := references.chain_left(cursor, predecessor.id, successor.id)):
        reason = f"not of {chain}, where a pool holds the predecessor"
        raise InvalidRecord("successor", successor.id.hex, reason, code="wrong_blockchain")
    if (
        predecessor.kind == INSTRUMENT
        and old != new
        and not any({old, new} <= group for group in SUCCEEDING_EACH_OTHER)
    ):
        raise InvalidRecord("successor", successor.id.hex, f"a {new} cannot follow a {old}")


def _recorded(cursor: Cursor, new: Succession) -> Change:
    """The change log's entry, one when it is recorded and one when it takes effect: it stands with the predecessor."""
    key = Key(new.kind, new.predecessor)
    loaded = mapping.load_kind(cursor, key.kind, [key.id]).get(key.id)
    if loaded is None:  # it has just become an alias
        loaded = mapping.load_kind(cursor, key.kind, [new.successor])[new.successor]
    said = {
        "successor": new.successor.hex,
        "kind": new.succession_kind,
        "effective_at": format_moment(new.effective_at),
        "is_in_effect": new.is_in_effect,
    }
    if new.ratio is not None:
        said["ratio"] = format_decimal(new.ratio)
    return Change(key, loaded["record"], "supersede", None, {"succession": said})


def _apply(connection: Connection, s: Succession, author: Author) -> Outcome:
    """Let a succession take effect on the records: it is marked already."""
    cursor = cursor_of(connection)
    keys = {Key(s.kind, s.predecessor), Key(s.kind, s.successor)}
    aliases: set[UUID] = set()
    rewired: set[UUID] = set()
    if s.kind == INSTRUMENT:
        # those who claim a ticker together with what came before may have it to themselves now
        aliases |= equities.claims_by(cursor, successions.leading_to(cursor, s.kind, s.predecessor)).keys()
    if s.succession_kind in ALIASING_SUCCESSIONS | CONTINUING_SUCCESSIONS:
        rewired |= {s.predecessor, *successions.followed(cursor, s.kind, [s.predecessor])[s.predecessor]}
    if s.succession_kind in ALIASING_SUCCESSIONS:
        successions.repoint(cursor, s.kind, {s.predecessor: s.successor})
        equities.inherit(cursor, s.predecessor, s.successor)
        equities.claim_own_ticker(cursor, s.predecessor, s.successor)
        aliases.add(s.predecessor)
        keys.discard(Key(s.kind, s.predecessor))
    return bulk.rederive(connection, keys, author, aliases=aliases, rewired=rewired)


def apply_due(engine: Engine, until: datetime, author: Author) -> list[Due]:
    """Apply everything that is due until a moment: delistings, expiries, successions. Returns what was.

    Each succession has a transaction of its own, and so have all ends together: one that cannot be applied does not
    stop the others. It stays due, and is returned with its `error`. Doing it again for the same moment changes nothing.
    Raises InvalidRecord for a moment that lies ahead.
    """
    until = moment(until)
    if until > datetime.now(UTC):
        raise InvalidRecord("until", until.isoformat(), "it lies ahead; what will be due is listed by `upcoming`")
    with engine.begin() as connection:
        lifecycle.advance(cursor_of(connection), until)
    applied = [*_succeed(engine, until, author), *_end(engine, until, author)]
    return sorted(applied, key=lifecycle.order)


def _succeed(engine: Engine, until: datetime, author: Author) -> list[Due]:
    """Let the successions that are due take effect, one after the other."""
    applied: list[Due] = []
    refused: set[tuple[int, UUID, UUID]] = set()
    chosen: list[Succession] = []

    def work(connection: Connection) -> Outcome:
        cursor = cursor_of(connection)
        chosen[:] = [s for s in successions.due(cursor, until) if s[:3] not in refused][:1]
        if not chosen:
            return Outcome()
        successions.put_in_effect(cursor, chosen)
        outcome = _apply(connection, chosen[0], author)
        outcome.changes.insert(0, _recorded(cursor, chosen[0]._replace(is_in_effect=True)))
        return outcome

    while True:
        try:
            writing.run(engine, work, author)
        except CatalogError as error:
            (failed,) = chosen
            refused.add(failed[:3])
            applied += [_failed(due, error) for due in lifecycle.succeeding_now([failed])]
        else:
            if not chosen:
                return applied
            applied += lifecycle.succeeding_now(chosen)


def _end(engine: Engine, until: datetime, author: Author) -> list[Due]:
    """Retire what has ended: all together, or one by one when one of them is in the way."""
    with engine.connect() as connection:
        ends = lifecycle.ending(cursor_of(connection), None, until)
    if not ends:
        return []
    try:
        return _end_these(engine, ends, author)
    except CatalogError:
        applied: list[Due] = []
        for due in ends:
            try:
                applied += _end_these(engine, [due], author)
            except CatalogError as error:
                applied.append(_failed(due, error))
        return applied


def _end_these(engine: Engine, ends: list[Due], author: Author) -> list[Due]:
    outcome = writing.run(engine, lambda connection: bulk.rederive(connection, {d.key for d in ends}, author), author)
    changed = {change.key for change in outcome.changes}
    return [due for due in ends if due.key in changed]


def _failed(due: Due, error: CatalogError) -> Due:
    return due._replace(detail=due.detail | {"error": str(error)})


def upcoming(engine: Engine, days: int, at: datetime | None = None) -> list[Due]:
    """What will happen in the days after a moment (default: now), in the order of time; what is overdue comes first."""
    start = datetime.now(UTC) if at is None else moment(at)
    end = start + timedelta(days=days)
    with engine.connect() as connection:
        cursor = cursor_of(connection)
        ends = lifecycle.ending(cursor, None, end)
        found = [*ends, *lifecycle.beginning(cursor, start, end), *lifecycle.succeeding(cursor, end)]
    return sorted(found, key=lifecycle.order)
