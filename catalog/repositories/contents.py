"""What belongs into a snapshot file, as conditions on the tables: of a full one, and of a delta."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from catalog.domain.identity import KINDS, LISTING_KIND
from catalog.domain.vocabulary import ALIASING_SUCCESSIONS
from catalog.repositories import mapping, references
from catalog.repositories.driver import Cursor
from catalog.snapshot.entries import TombstoneEntry

#: A part of a WHERE clause, and its parameters.
Condition = tuple[str, list[Any]]

#: The last change of an alias is what was logged of it last; else it came with the registration of its target.
ALIASES = """SELECT {} FROM identities i LEFT JOIN instruments t0 ON t0.id = i.target_id
    LEFT JOIN LATERAL (SELECT l.sequence, l.changed_at FROM changes l WHERE l.kind = 1
        AND (l.record_id = i.id OR (l.record_id = i.target_id AND l.action = 'register'))
        ORDER BY l.record_id = i.id DESC, l.sequence DESC LIMIT 1) c ON true
    WHERE {}"""
#: Its sequence and time. Of an alias from before such changes were logged nothing is known: it has always been so.
ALIAS_CHANGE = "coalesce(c.sequence, 0), coalesce(c.changed_at, 'epoch')"
#: A side that became an alias is no record any more: the alias says all that there is to say.
SUCCESSIONS = """SELECT {} FROM successions s JOIN succession_kinds k USING (succession_kind)
    WHERE NOT (s.is_in_effect AND s.succession_kind = ANY(%s)) AND NOT EXISTS (SELECT 1 FROM identities i
        WHERE i.kind = s.kind AND i.id IN (s.predecessor_id, s.successor_id) AND i.is_alias)"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Per kind of ids the table that has the id and the status of its records.
_HEADS = {noun.kind: noun.tables[0] for noun in mapping.NOUNS.values()}


class Contents:
    """What is in a full snapshot: all records not retired, and every retired one that something in it names.

    `named` has those, by the head table of their records: the rows to be read beside the ones that are not retired.
    """

    base_sequence = 0

    def __init__(self, cursor: Cursor) -> None:
        self.named: dict[str, set[UUID]] = {}
        for reference in references.references():
            self._add(cursor, reference, "r.status <> 'retired'", [])
        self._add_successions(cursor)
        waiting = {head: set(ids) for head, ids in self.named.items()}
        while any(waiting.values()):
            before = {head: set(ids) for head, ids in self.named.items()}
            for reference in references.references():
                ids = list(waiting.get(reference.head, ()))
                if ids:
                    self._add(cursor, reference, "r.id = ANY(%s)", [ids])
            waiting = {head: ids - before.get(head, set()) for head, ids in self.named.items()}

    def _add(self, cursor: Cursor, reference: references.Reference, condition: str, values: list[Any]) -> None:
        """Note the retired records that records of `condition` name by one foreign key."""
        r = reference
        own = "r" if r.table == r.head else "x"
        joined = "" if r.table == r.head else f"JOIN {r.table} x ON x.id = r.id"
        target = "t0" if r.target_table == r.target_head else "t1"
        table = "" if target == "t0" else f"JOIN {r.target_table} t1 ON t1.id = t0.id"
        cursor.execute(
            f"""SELECT t0.id FROM {r.target_head} t0 {table} WHERE t0.status = 'retired' AND EXISTS (
                SELECT FROM {r.head} r {joined} WHERE {own}.{r.column} = {target}.{r.target_column} AND {condition})""",
            values,
        )
        self.named.setdefault(r.target_head, set()).update(id for (id,) in cursor.fetchall())

    def _add_successions(self, cursor: Cursor) -> None:
        """Note the retired sides of all successions in the file."""
        for kind, head in _HEADS.items():
            sides = SUCCESSIONS.format("unnest(ARRAY[s.predecessor_id, s.successor_id])")
            cursor.execute(
                f"SELECT id FROM {head} WHERE status = 'retired' AND id IN ({sides} AND s.kind = %s)",
                [sorted(ALIASING_SUCCESSIONS), kind],
            )
            self.named.setdefault(head, set()).update(id for (id,) in cursor.fetchall())

    def condition(self, record: str) -> Condition:
        """The condition for records of a type that are in the file."""
        head = mapping.NOUNS[record].tables[0]
        extra = sorted(self.named.get(head, ()))
        if not extra:
            return f"{mapping.of_type(record)} AND t0.status <> 'retired'", []
        return f"{mapping.of_type(record)} AND (t0.status <> 'retired' OR t0.id = ANY(%s))", [extra]

    def aliases(self) -> Condition:
        """The condition for aliases that are in the file: those whose target is, and those without one."""
        extra = sorted(self.named.get("instruments", ()))
        return (
            "i.kind = 1 AND i.is_alias AND (i.target_id IS NULL OR t0.status <> 'retired' OR t0.id = ANY(%s))",
            [extra],
        )

    def successions(self) -> Condition:
        """The condition for successions that are in the file."""
        return "true", []

    def tombstones(self, cursor: Cursor, horizon: datetime) -> list[TombstoneEntry]:
        """What was retired after the horizon and is named by nothing in the file. Listings and aliases leave none."""
        found: list[TombstoneEntry] = []
        for record, noun in mapping.NOUNS.items():
            if noun.kind != LISTING_KIND:
                condition, values = self.condition(record)
                gone = f"t0.status = 'retired' AND {mapping.of_type(record)} AND NOT ({condition})"
                found += _gone(cursor, record, f"{gone} AND c.changed_at > %s", [*values, horizon])
        return sorted(found, key=lambda t: (t.kind, t.id))


class DeltaContents(Contents):
    """What is in a delta: of a full snapshot, what changed after `base_sequence` and whatever that names.

    What changed and is not in the full snapshot (any more) leaves a tombstone, whenever it was retired.
    """

    def __init__(self, cursor: Cursor, base_sequence: int) -> None:
        super().__init__(cursor)
        self.base_sequence = base_sequence
        #: What changed records, aliases and successions name, by head table: in the delta whether changed or not.
        self._drawn: dict[str, set[UUID]] = {head: set() for head in _HEADS.values()}
        self._draw(cursor)

    def condition(self, record: str) -> Condition:
        noun = mapping.NOUNS[record]
        condition, values = super().condition(record)
        drawn = sorted(self._drawn[noun.tables[0]])
        return f"{condition} AND t0.id IN ({self._changed(noun.kind)} UNION SELECT unnest(%s::uuid[]))", [
            *values,
            drawn,
        ]

    def aliases(self) -> Condition:
        condition, values = super().aliases()
        touched, more = self._touched_aliases()
        return f"{condition} AND {touched}", [*values, *more]

    def successions(self) -> Condition:
        sides = []
        for kind in _HEADS:
            speaking = self._speaking(kind)
            sides.append(f"s.kind = {kind} AND (s.predecessor_id IN ({speaking}) OR s.successor_id IN ({speaking}))")
        return f"({' OR '.join(sides)})", []

    def tombstones(self, cursor: Cursor, horizon: datetime) -> list[TombstoneEntry]:  # noqa: ARG002 - at any time
        found = self._gone_listings(cursor) + self._gone_aliases(cursor)
        for record, noun in mapping.NOUNS.items():
            if noun.kind != LISTING_KIND:
                condition, values = self.condition(record)
                changed = f"{mapping.of_type(record)} AND t0.id IN ({self._changed(noun.kind)})"
                found += _gone(cursor, record, f"{changed} AND NOT ({condition})", values)
        return sorted(found, key=lambda t: (t.kind, t.id))

    def _gone_listings(self, cursor: Cursor) -> list[TombstoneEntry]:
        """Listings that were retired, or whose instrument became another one."""
        cursor.execute(
            f"""SELECT record_id, max(sequence), max(changed_at) FROM changes c
            WHERE c.kind = {LISTING_KIND} AND c.sequence > %s
                AND NOT EXISTS (SELECT FROM listings t0 WHERE t0.id = c.record_id AND t0.status <> 'retired')
            GROUP BY record_id""",
            [self.base_sequence],
        )
        return [_tombstone(LISTING_KIND, "listing", *row) for row in cursor.fetchall()]

    def _gone_aliases(self, cursor: Cursor) -> list[TombstoneEntry]:
        """Aliases of what is not in the file any more."""
        inside, values = super().aliases()
        touched, more = self._touched_aliases()
        condition = f"i.kind = 1 AND i.is_alias AND {touched} AND NOT ({inside})"
        cursor.execute(ALIASES.format(f"i.id, {ALIAS_CHANGE}", condition), [*more, *values])
        return [_tombstone(KINDS["instrument"], "alias", *row) for row in cursor.fetchall()]

    def _changed(self, kind: int) -> str:
        """The ids of this kind that changed."""
        return f"SELECT record_id FROM changes WHERE kind = {kind} AND sequence > {self.base_sequence:d}"

    def _speaking(self, kind: int) -> str:
        """The ids that changed, and what changed aliases stand for: what was said of the alias is said of that now."""
        changed = self._changed(kind)
        return f"""{changed} UNION SELECT target_id FROM identities
            WHERE kind = {kind} AND target_id IS NOT NULL AND id IN ({changed})"""

    def _touched_aliases(self) -> Condition:
        """The condition for aliases that changed, whose claimants changed, or whose target is in the delta."""
        changed, speaking = self._changed(KINDS["instrument"]), self._speaking(KINDS["instrument"])
        claimed = f"SELECT alias_id FROM alias_claims WHERE claimant_id IN ({speaking})"
        targets = f"{speaking} UNION SELECT unnest(%s::uuid[])"
        return f"(i.id IN ({changed} UNION {claimed}) OR i.target_id IN ({targets}))", [
            sorted(self._drawn["instruments"])
        ]

    def _draw(self, cursor: Cursor) -> None:
        """Find everything that what changed names, and what that names in turn."""
        drawn = self._drawn
        for reference in references.references():
            drawn[reference.target_head] |= _targets(cursor, reference, self._changed(reference.kind), [])
        condition, values = self.aliases()
        cursor.execute(ALIASES.format("i.target_id", f"{condition} AND i.target_id IS NOT NULL"), values)
        drawn["instruments"].update(id for (id,) in cursor.fetchall())
        condition, values = self.successions()
        query = f"{SUCCESSIONS.format('s.kind, s.predecessor_id, s.successor_id')} AND {condition}"
        cursor.execute(query, [sorted(ALIASING_SUCCESSIONS), *values])
        for kind, *sides in cursor.fetchall():
            drawn[_HEADS[kind]].update(sides)
        waiting = {head: set(ids) for head, ids in drawn.items()}
        while any(waiting.values()):
            before = {head: set(ids) for head, ids in drawn.items()}
            for reference in references.references():
                ids = list(waiting[reference.head])
                if ids:
                    drawn[reference.target_head] |= _targets(cursor, reference, "SELECT unnest(%s::uuid[])", [ids])
            waiting = {head: ids - before[head] for head, ids in drawn.items()}


def _targets(cursor: Cursor, r: references.Reference, naming: str, values: list[Any]) -> set[UUID]:
    """What the records of the query `naming` name by one foreign key."""
    cursor.execute(
        f"""SELECT DISTINCT t.id FROM {r.table} x JOIN {r.target_table} t ON t.{r.target_column} = x.{r.column}
        WHERE x.id IN ({naming})""",
        values,
    )
    return {id for (id,) in cursor.fetchall()}


def _gone(cursor: Cursor, record: str, condition: str, values: list[Any]) -> list[TombstoneEntry]:
    """Tombstones of the records of a type that meet a condition, with their last change."""
    noun = mapping.NOUNS[record]
    cursor.execute(
        f"""SELECT t0.id, c.sequence, c.changed_at FROM {noun.tables[0]} t0 CROSS JOIN LATERAL (
        SELECT sequence, changed_at FROM changes WHERE kind = {noun.kind} AND record_id = t0.id
        ORDER BY sequence DESC LIMIT 1) c WHERE {condition}""",
        values,
    )
    return [_tombstone(noun.kind, record, *row) for row in cursor.fetchall()]


def _tombstone(kind: int, record: str, id: UUID, sequence: int, changed_at: datetime) -> TombstoneEntry:
    return TombstoneEntry(kind, id.bytes, record, sequence, nanoseconds(changed_at))


def nanoseconds(at: datetime) -> int:
    """Whole nanoseconds since the epoch, exact."""
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000
