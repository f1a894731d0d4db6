"""Tickers: the by-ticker id as an alias of the line that has an ISIN, and who may carry a ticker that two claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from catalog.domain.calendar import format_moment
from catalog.domain.golden import Observation
from catalog.repositories import disputes, observations, successions
from catalog.repositories.disputes import Draft
from catalog.repositories.driver import Cursor
from catalog.repositories.identities import Held
from catalog.repositories.statements import INSTRUMENT, Change, Claim, Key, Statement


@dataclass
class Settled:
    """What settling aliases led to.

    `groups` has every alias that several claim, with its claimants, and `chosen` the one that it stands for all the
    same; `judged` are those that an operator decided about; `affected` the instruments to derive anew; `moves` which
    stated ids now count for whom; `converted` the instruments that became aliases, and of what; `retargeted` the
    aliases that are new or stand for another one now; `rewired` the instruments whose referrers may mean another one
    now.
    """

    groups: dict[UUID, dict[UUID, str]] = field(default_factory=dict)
    judged: set[UUID] = field(default_factory=set)
    chosen: dict[UUID, UUID] = field(default_factory=dict)
    affected: set[UUID] = field(default_factory=set)
    moves: list[tuple[UUID, UUID | None]] = field(default_factory=list)
    converted: list[tuple[UUID, UUID | None]] = field(default_factory=list)
    retargeted: dict[UUID, UUID | None] = field(default_factory=dict)
    rewired: set[UUID] = field(default_factory=set)
    drafts: list[Draft] = field(default_factory=list)

    @property
    def shared(self) -> set[UUID]:
        """The instruments that claim a ticker together with another."""
        return {claimant for claimants in self.groups.values() for claimant in claimants}


def claims(cursor: Cursor, aliases: Iterable[UUID]) -> dict[UUID, dict[UUID, str]]:
    """Who claims these aliases, and for which ticker."""
    cursor.execute("SELECT alias_id, claimant_id, ticker FROM alias_claims WHERE alias_id = ANY(%s)", [list(aliases)])
    return _by_alias(cursor)


def claims_by(cursor: Cursor, claimants: Iterable[UUID]) -> dict[UUID, dict[UUID, str]]:
    """What these instruments claim, as `claims` gives it."""
    cursor.execute(
        "SELECT alias_id, claimant_id, ticker FROM alias_claims WHERE claimant_id = ANY(%s)", [list(claimants)]
    )
    return _by_alias(cursor)


def _by_alias(cursor: Cursor) -> dict[UUID, dict[UUID, str]]:
    found: dict[UUID, dict[UUID, str]] = {}
    for alias, claimant, ticker in cursor.fetchall():
        found.setdefault(alias, {})[claimant] = ticker
    return found


def inherit(cursor: Cursor, old: UUID, new: UUID) -> set[UUID]:
    """Let one instrument make the claims of another, which is an alias of it by now. Returns the aliases."""
    cursor.execute(
        """WITH gone AS (DELETE FROM alias_claims WHERE claimant_id = %s RETURNING alias_id, ticker, is_chosen)
        INSERT INTO alias_claims (alias_id, claimant_id, ticker, is_chosen) SELECT alias_id, %s, ticker, is_chosen FROM gone
        ON CONFLICT (alias_id, claimant_id)
        DO UPDATE SET is_chosen = alias_claims.is_chosen OR excluded.is_chosen RETURNING alias_id""",
        [old, new],
    )
    return {alias for (alias,) in cursor.fetchall()}


def claim_own_ticker(cursor: Cursor, old: UUID, new: UUID) -> None:
    """Let an instrument claim the ticker of a line without an ISIN that is an alias of it by now."""
    cursor.execute(
        """INSERT INTO alias_claims (alias_id, claimant_id, ticker)
        SELECT o.id, n.id, o.ticker FROM equities o, equities n
        WHERE o.id = %s AND o.isin IS NULL AND n.id = %s AND n.isin IS NOT NULL
            AND (o.mic, o.currency) = (n.mic, n.currency)
        ON CONFLICT (alias_id, claimant_id) DO NOTHING""",
        [old, new],
    )


def closure(cursor: Cursor, keys: Iterable[Key]) -> set[Key]:
    """The instruments that a change of these ids may touch: their aliases' targets and all who share a claim, or share
    one with somebody who does."""
    ids = [k.id for k in keys if k.kind == INSTRUMENT]
    if not ids:
        return set()
    cursor.execute(
        """WITH RECURSIVE touched(alias_id) AS (
            SELECT alias_id FROM (
                SELECT alias_id FROM alias_claims WHERE alias_id = ANY(%(ids)s)
                UNION SELECT alias_id FROM alias_claims WHERE claimant_id = ANY(%(ids)s)) AS own
            UNION SELECT further.alias_id FROM touched JOIN alias_claims shared USING (alias_id)
            JOIN alias_claims further ON further.claimant_id = shared.claimant_id)
        SELECT alias_id FROM touched UNION SELECT claimant_id FROM alias_claims JOIN touched USING (alias_id)
        UNION SELECT id FROM identities WHERE kind = 1 AND target_id = ANY(%(ids)s)""",
        {"ids": ids},
    )
    return {Key(INSTRUMENT, id) for (id,) in cursor.fetchall()}


def settle_aliases(
    cursor: Cursor,
    made: Mapping[UUID, list[Claim]],
    stated: Iterable[UUID],
    held: dict[Key, Held],
    created: set[Key],
    again: Iterable[UUID] = (),
) -> Settled:
    """Enter the claims of a batch, and let each alias stand for whom it should.

    That is the instrument that an operator decided for; else the only claimant that no other one of them succeeds;
    else nobody. `made` are the claims by claimant, `stated` the instruments that the batch speaks of, `again` aliases
    to look at without a new claim; `held` (locked) is updated.
    """
    settled = Settled()
    wanted: dict[UUID, dict[UUID, str]] = {alias: {} for alias in again}
    for claimant, own in made.items():
        for claim in own:
            wanted.setdefault(claim.alias, {})[claimant] = claim.ticker
    before = claims(cursor, [a for a in wanted if Key(INSTRUMENT, a) not in created])
    everyone = {alias: before.get(alias, {}) | wanted[alias] for alias in wanted}
    decided = _decided(cursor, everyone, settled.judged)
    entered: list[tuple[UUID, UUID, str]] = []
    retargeted: list[tuple[UUID, UUID | None]] = []
    forced = set(again)
    for alias in sorted(wanted):
        key, known, claimants = Key(INSTRUMENT, alias), before.get(alias, {}), everyone[alias]
        new = claimants.keys() - known.keys()
        entered += [(alias, claimant, claimants[claimant]) for claimant in sorted(new)]
        target = decided.get(alias)
        if len(claimants) > 1:
            settled.groups[alias] = claimants
            if target is not None:
                settled.chosen[alias] = target
        if not new and alias not in forced:
            continue
        old = held[key]
        if key in created or not old.is_alias or old.target != target:
            settled.retargeted[alias] = target
        along = _retarget(cursor, settled, alias, old, target, is_new=key in created)
        settled.retargeted |= dict.fromkeys(along, target)
        for id in (alias, *along):
            retargeted.append((id, target))
            if Key(INSTRUMENT, id) in held:
                held[Key(INSTRUMENT, id)] = Held(held[Key(INSTRUMENT, id)].identity, True, target)
    _write(cursor, entered, retargeted)
    clear = [alias for alias, target in retargeted if target is not None]
    disputes.close_aliases(cursor, clear, [a for a in clear if a not in settled.groups or a not in settled.judged])
    _add_groups_of(cursor, settled, {*stated, *(c for c in made if Key(INSTRUMENT, c) not in created)}, wanted)
    settled.affected |= settled.shared
    settled.drafts += [
        conflict(alias, claimants)
        for alias, claimants in settled.groups.items()
        # who was decided about is not asked about again, but somebody who came later is
        if alias not in settled.chosen or alias in settled.judged
    ]
    return settled


def _retarget(
    cursor: Cursor, settled: Settled, alias: UUID, old: Held, target: UUID | None, *, is_new: bool
) -> list[UUID]:
    """Note what follows from an id that stands for `target` from now on; returns the aliases that go along with it."""
    along: list[UUID] = []
    if not old.is_alias:
        settled.converted.append((alias, target))
        settled.rewired.add(alias)
        cursor.execute("SELECT id FROM identities WHERE kind = 1 AND target_id = %s ORDER BY id", [alias])
        along = [id for (id,) in cursor.fetchall()]
        settled.moves += [(id, target) for id in along]
        settled.rewired |= set(along)
    if not is_new:
        settled.moves.append((alias, target))
        settled.affected |= {i for i in (old.target, target) if i is not None}
        settled.rewired |= {alias} if old.target is None else {alias, old.target}
        if target is None:
            settled.drafts += _quarantine_all(cursor, alias)
        else:
            successions.repoint(cursor, INSTRUMENT, {alias: target})
    return along


def _add_groups_of(cursor: Cursor, settled: Settled, stated: set[UUID], wanted: Mapping[UUID, object]) -> None:
    """Add the aliases that whatever is derived anew claimed together with others before this batch."""
    seen: set[UUID] = set()
    while new := (stated | settled.shared | settled.affected) - seen:
        seen |= new
        own = [alias for alias in claims_by(cursor, new) if alias not in settled.groups and alias not in wanted]
        shared = {alias: claimants for alias, claimants in claims(cursor, own).items() if len(claimants) > 1}
        settled.groups |= shared
        found = _decided(cursor, shared, settled.judged)
        settled.chosen |= {alias: target for alias, target in found.items() if target is not None}


def _decided(cursor: Cursor, everyone: Mapping[UUID, Mapping[UUID, str]], judged: set[UUID]) -> dict[UUID, UUID | None]:
    """Whom each alias stands for: an operator's choice (then it is put into `judged`), else the one claimant left."""
    aliases = list(everyone)
    if not aliases:
        return {}
    chosen: dict[UUID, UUID] = successions.became(cursor, INSTRUMENT, aliases)
    cursor.execute("SELECT alias_id, claimant_id FROM alias_claims WHERE is_chosen AND alias_id = ANY(%s)", [aliases])
    chosen |= dict(cursor.fetchall())
    judged.update(chosen)
    shared = {id for claimants in everyone.values() if len(claimants) > 1 for id in claimants}
    succeeded = successions.followed(cursor, INSTRUMENT, shared)
    found: dict[UUID, UUID | None] = {}
    for alias, claimants in everyone.items():
        # an operator's choice goes on to whatever follows the chosen one
        own = chosen.get(alias)
        among = claimants.keys() if own is None else (succeeded.get(own, frozenset()) & claimants.keys()) or {own}
        left = [c for c in among if not succeeded.get(c, frozenset()) & among]
        found[alias] = left[0] if len(left) == 1 else None
    return found


def _write(cursor: Cursor, entered: list[tuple[UUID, UUID, str]], retargeted: list[tuple[UUID, UUID | None]]) -> None:
    if entered:
        cursor.execute(
            """INSERT INTO alias_claims (alias_id, claimant_id, ticker)
            SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[])""",
            [list(column) for column in zip(*entered, strict=True)],
        )
    if retargeted:
        cursor.execute(
            """UPDATE identities i SET is_alias = true, target_id = w.target
            FROM unnest(%s::uuid[], %s::uuid[]) AS w(id, target) WHERE i.kind = 1 AND i.id = w.id""",
            [list(column) for column in zip(*retargeted, strict=True)],
        )


def changes_of(cursor: Cursor, settled: Settled, logged: Iterable[Change]) -> list[Change]:
    """The entries of the change log for aliases that are new or stand for another instrument now.

    The registration of an instrument speaks for the aliases that it claims from the start, and that of an instrument
    which became an alias is logged with its former state.
    """
    registered = {c.key.id for c in logged if c.action == "register" and c.key.kind == INSTRUMENT}
    converted = {stated for stated, _ in settled.converted}
    wanted = {a: t for a, t in settled.retargeted.items() if a not in converted and t not in registered}
    if not wanted:
        return []
    cursor.execute(
        """SELECT w.id, i.record FROM unnest(%s::uuid[], %s::uuid[]) AS w(id, target) JOIN instruments i ON i.id =
            coalesce(w.target, (SELECT claimant_id FROM alias_claims WHERE alias_id = w.id ORDER BY claimant_id LIMIT 1))
        ORDER BY w.id""",
        [list(wanted), list(wanted.values())],
    )
    found = []
    for alias, record in cursor.fetchall():
        target = wanted[alias]
        after = {"alias_of": None if target is None else target.hex}
        found.append(Change(Key(INSTRUMENT, alias), record, "alias", None, after))
    return found


def conflict(alias: UUID, claimants: Mapping[UUID, str]) -> Draft:
    """The dispute about a ticker that several ISINs claim on one market in one currency."""
    sides: list[dict[str, Any]] = [{"instrument_id": id.hex, "ticker": claimants[id]} for id in sorted(claimants)]
    return Draft("ticker_conflict", Key(INSTRUMENT, alias), "ticker", sides)


def quarantined(statement: Statement) -> Draft:
    """The dispute about a record without an ISIN whose ticker several claim."""
    o = statement.observation
    return Draft("ambiguous_ticker", statement.key, "ticker", [said_by(o)], o.feed.label)


def _quarantine_all(cursor: Cursor, alias: UUID) -> list[Draft]:
    return [
        Draft("ambiguous_ticker", key, "ticker", [said_by(o)], o.feed.label)
        for key, _, o in observations.of_stated(cursor, INSTRUMENT, [alias])
    ]


def said_by(said: Observation) -> dict[str, Any]:
    """One side of a dispute: all that a feed says of a record, when and in which payload."""
    found = {**said.values, "feed": said.feed.label, "observed_at": format_moment(said.stamp.observed_at)}
    return found | ({"payload": said.stamp.payload_hash.hex()} if said.stamp.payload_hash else {})
