"""Who names whom: the foreign keys between records, read off the schema; and what an id stands for by now.

A feed's reference is stored as it was said. What it means today, behind aliases and successions, is worked out each time
a record is derived, so that it makes no difference which of them came first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from catalog.domain.identity import KIND_NAMES, LISTING_KIND
from catalog.domain.records import RECORDS
from catalog.domain.vocabulary import CONTINUING_SUCCESSIONS
from catalog.repositories import mapping
from catalog.repositories.driver import Cursor
from catalog.repositories.statements import INSTRUMENT, Key

#: Fields that mean "what trades there now", and so follow when a line trades on under another identity.
FOLLOWING = frozenset(
    [
        ("broker_contract", "instrument_id"),
        ("future", "underlying_id"),
        ("option", "underlying_id"),
        ("synthetic", "components.instrument_id"),
    ]
)


class Reference(NamedTuple):
    """A foreign key from the table of a record (or of its list field) to that of another record."""

    head: str
    kind: int
    table: str
    column: str
    target_head: str
    target_table: str
    target_column: str


@cache
def references() -> tuple[Reference, ...]:
    """Every foreign key between records. `head` is the table that has the record's id and status."""
    heads = {t: noun.tables[0] for noun in mapping.NOUNS.values() for t in (*noun.tables, *dict(noun.lists).values())}
    kinds = {noun.tables[0]: noun.kind for noun in mapping.NOUNS.values()}
    found = []
    for name, head in heads.items():
        for key in sorted(mapping.table_of(name).foreign_keys, key=lambda f: str(f.parent.name)):
            target = key.column.table.name
            if target in heads and key.parent.name != "id":
                found.append(
                    Reference(head, kinds[head], name, key.parent.name, heads[target], target, key.column.name)
                )
    return tuple(found)


def naming(cursor: Cursor, ids: Iterable[UUID]) -> set[Key]:
    """The records, whatever their status, that name one of these instruments; listings are not among them."""
    wanted = list(ids)
    found: set[Key] = set()
    for r in references() if wanted else ():
        if r.target_table == "instruments" and r.head != "listings":
            cursor.execute(f"SELECT DISTINCT id FROM {r.table} WHERE {r.column} = ANY(%s)", [wanted])
            found |= {Key(r.kind, id) for (id,) in cursor.fetchall()}
    return found


def in_use_by(cursor: Cursor, key: Key, limit: int = 8) -> list[Key]:
    """Records not retired that name this one, and that would be left with something retired."""
    found: list[Key] = []
    for r in references():
        # the listing at home follows its instrument
        away = " AND NOT r.is_home" if r.kind == LISTING_KIND and key.kind == INSTRUMENT else ""
        if key.kind != mapping.KIND_CODES[_kind_of(r.target_head)]:
            continue
        joined = "" if r.table == r.head else f"JOIN {r.table} x ON x.id = r.id"
        own = "r" if r.table == r.head else "x"
        target = "" if r.target_column == "id" else f"JOIN {r.target_table} t ON t.{r.target_column} = {own}.{r.column}"
        condition = f"{own}.{r.column} = %s" if r.target_column == "id" else "t.id = %s"
        cursor.execute(
            f"""SELECT DISTINCT r.id FROM {r.head} r {joined} {target}
            WHERE {condition} AND r.status <> 'retired'{away} LIMIT %s""",
            [key.id, limit],
        )
        found += [Key(r.kind, id) for (id,) in cursor.fetchall()]
    return list(dict.fromkeys(found))[:limit]


def chain_left(cursor: Cursor, token: UUID, other: UUID) -> str | None:
    """The blockchain of a pool that holds a token, if another instrument is not of it; pools hold what is on theirs."""
    cursor.execute(
        """SELECT p.blockchain FROM pool_tokens t JOIN pools p USING (id) WHERE t.instrument_id = %(token)s
        AND p.blockchain NOT IN (SELECT blockchain FROM tokens WHERE id = %(other)s
            UNION ALL SELECT blockchain FROM natives WHERE id = %(other)s) LIMIT 1""",
        {"token": token, "other": other},
    )
    found = cursor.fetchone()
    return str(found[0]) if found else None


@cache
def _kind_of(head: str) -> str:
    return next(KIND_NAMES[noun.kind] for noun in mapping.NOUNS.values() if noun.tables[0] == head)


@dataclass
class Resolution:
    """What instrument ids stand for: aliases with their targets (None: several claim it), and who trades on for whom."""

    aliases: dict[UUID, UUID | None] = field(default_factory=dict)
    heirs: dict[UUID, UUID] = field(default_factory=dict)

    def now(self, id: UUID, *, following: bool) -> UUID | None:
        """The instrument that an id stands for, through aliases and (when `following`) through continuations."""
        seen: set[UUID] = set()
        current: UUID | None = id
        while current is not None and current not in seen:
            seen.add(current)
            if current in self.aliases:
                current = self.aliases[current]
            elif following and current in self.heirs:
                current = self.heirs[current]
            else:
                break
        return current


def resolution(cursor: Cursor, ids: Iterable[UUID]) -> Resolution:
    """What these instrument ids stand for, as far as the chains go."""
    found = Resolution()
    wanted, seen = set(ids), set[UUID]()
    while wanted:
        seen |= wanted
        asked = list(wanted)
        cursor.execute(
            "SELECT id, target_id FROM identities WHERE kind = 1 AND is_alias AND id = ANY(%s)",
            [asked],
        )
        found.aliases |= dict(cursor.fetchall())
        cursor.execute(
            """SELECT predecessor_id, successor_id FROM successions WHERE kind = 1 AND is_in_effect
            AND succession_kind = ANY(%s) AND predecessor_id = ANY(%s) ORDER BY effective_at, successor_id""",
            [sorted(CONTINUING_SUCCESSIONS), asked],
        )
        found.heirs |= dict(cursor.fetchall())
        wanted = {i for i in (*found.aliases.values(), *found.heirs.values()) if i is not None} - seen
    return found


def behind(cursor: Cursor, ids: Iterable[UUID]) -> set[UUID]:
    """These instruments, and every id that stands or stood for one of them: aliases, and lines that went on as them."""
    cursor.execute(
        """WITH RECURSIVE line(id) AS (SELECT unnest(%s::uuid[]) UNION SELECT further.id FROM line CROSS JOIN LATERAL (
            SELECT i.id FROM identities i WHERE i.kind = 1 AND i.target_id = line.id
            UNION SELECT s.predecessor_id FROM successions s WHERE s.kind = 1 AND s.successor_id = line.id
                AND s.is_in_effect AND s.succession_kind = ANY(%s)) AS further)
        SELECT id FROM line""",
        [list(ids), sorted(CONTINUING_SUCCESSIONS)],
    )
    return {id for (id,) in cursor.fetchall()}


def instruments_named(values: Mapping[str, Any]) -> set[UUID]:
    """The instruments that the stated values of a record name."""
    model = RECORDS[values["record"]]
    ids = {values[name] for name, kind in model.REFERENCES.items() if kind == "instrument" and name in values}
    for name, part in model.LISTS.items():
        for inner, kind in part.REFERENCES.items():
            if kind == "instrument":
                ids |= {element[inner] for element in values.get(name, ()) if inner in element}
    return {UUID(hex=id) for id in ids}


def resolve(values: dict[str, Any], known: Resolution) -> list[tuple[str, str]]:
    """Put what each reference stands for now into the values of a record.

    A reference that several instruments may be meant by is returned as (field, id as it was stated), and taken out
    where the record can do without.
    """
    record, model = values["record"], RECORDS[values["record"]]
    unclear = []
    for name, kind in model.REFERENCES.items():
        if kind == "instrument" and name in values and record != "listing":
            now = known.now(UUID(hex=values[name]), following=(record, name) in FOLLOWING)
            if now is not None:
                values[name] = now.hex
                continue
            unclear.append((name, values[name]))
            if not model.model_fields[name].is_required():
                del values[name]
    for name, part in model.LISTS.items():
        named = [inner for inner, kind in part.REFERENCES.items() if kind == "instrument"]
        if named and name in values:
            values[name] = [_resolved(element, record, name, named, known, unclear) for element in values[name]]
    return unclear


def _resolved(
    element: Mapping[str, Any],
    record: str,
    name: str,
    named: list[str],
    known: Resolution,
    unclear: list[tuple[str, str]],
) -> dict[str, Any]:
    changed = dict(element)
    for inner in named:
        if inner in changed:
            now = known.now(UUID(hex=changed[inner]), following=(record, f"{name}.{inner}") in FOLLOWING)
            if now is None:
                unclear.append((name, changed[inner]))
            else:
                changed[inner] = now.hex
    return changed
