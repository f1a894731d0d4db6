"""The records of one kind as users handle them: `catalog.instruments`, `catalog.pairs`, `catalog.pools` …"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from catalog.domain.base import Record
from catalog.domain.identity import Id, event_type_number
from catalog.domain.records import RECORDS
from catalog.domain.text import free_text
from catalog.errors import Ambiguous, BreakingChange, InUse, InvalidRecord, NotFound
from catalog.repositories import changes, lookalikes, mapping, references, search, successions
from catalog.repositories.driver import Cursor
from catalog.repositories.statements import Key
from catalog.services import lifecycle
from catalog.services.shapes import change_line, succession_line, verification_line

if TYPE_CHECKING:
    from catalog.services.catalog import Catalog, RegisterReport

Rows = list[dict[str, Any]]
#: Each noun with the kind of its ids and its record types.
NOUNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "instrument": ("instrument", tuple(r for r, noun in mapping.NOUNS.items() if noun.kind == 1)),
    "security": ("security", ("security",)),
    "venue": ("venue", ("venue",)),
    "listing": ("listing", ("listing",)),
    "pool": ("pool", ("pool",)),
    "pair": ("pair", ("pair",)),
    "broker": ("broker-contract", ("broker_contract",)),
    "event": ("event-type", ("event_type",)),
    "synthetic": ("instrument", ("synthetic",)),
}


class Noun:
    """The records of one kind."""

    def __init__(self, catalog: Catalog, name: str) -> None:
        self.catalog, self.name = catalog, name
        self.kind, self.records = NOUNS[name]

    def register(self, record: Record, reason: str | None = None) -> Id | str:
        """Register one record; returns its id. Raises IdCollision, Conflict, InvalidRecord."""
        self._check(record)
        return self.catalog.register(record, reason)

    def register_many(self, records: Iterable[Record], reason: str | None = None) -> RegisterReport:
        """Register any number of records."""
        return self.catalog.register_many((self._check(r) for r in records), reason)

    def get(self, id: str | int) -> Record:
        """The record with this id (a listing's key, an event type's number). Raises NotFound; an alias answers with its
        target."""
        with self.catalog.transaction() as cursor:
            found = search.get(cursor, self._key(cursor, id))
        if found is None or found.record not in self.records:
            raise NotFound(self.name, id, "`catalog find KEY` looks everywhere")
        return found

    def find(self, at: datetime | None = None, source: str | None = None, **identifier: str) -> list[Record]:
        """All records of this kind with an identifier: `find(isin=…)`, or cusip, figi, symbol, address, exchange_symbol."""
        if len(identifier) != 1:
            raise InvalidRecord("identifier", ", ".join(identifier), "exactly one is expected")
        ((by, key),) = identifier.items()
        found = self.catalog.find(key, by.replace("_", "-"), source, at)
        return [r for r in found if r.record in self.records]

    def list(
        self, after: str | None = None, limit: int = 100, record: str | None = None, status: str | None = None
    ) -> list[Record]:
        """The next records after an id, in the order of ids."""
        if record is not None and record not in self.records:
            raise InvalidRecord("record", record, f"one of {', '.join(self.records)} is expected")
        with self.catalog.transaction() as cursor:
            start = None if after is None else self._key(cursor, after).id
            return search.page(cursor, (record,) if record else self.records, after=start, limit=limit, status=status)

    def update(
        self, id: str | int, fields: dict[str, Any], confirm_breaking: bool = False, reason: str | None = None
    ) -> Record:
        """State fields of a record as its operator, which overrules every feed.

        Raises BreakingChange unless confirmed, InUse for a retirement while others need the record (see `retire`).
        """
        if fields.get("status") == "retired":
            self._refuse_in_use(id)
        return self._state(id, fields, confirm_breaking, reason)

    def _state(self, id: str | int, fields: dict[str, Any], confirm_breaking: bool, reason: str | None) -> Record:
        old = self.get(id)
        model = type(old)
        by_ticker = getattr(old, "isin", None) is not None
        for name, value in fields.items():
            before = getattr(old, name, None)
            if name in old.IDENTITY and before != value and not (name == "ticker" and by_ticker):
                hint = "register the other identity instead"
                raise InvalidRecord(name, value, "it is part of the identity", hint=hint)
            if name in old.BREAKING and before not in (None, value) and not confirm_breaking:
                raise BreakingChange(str(id), name, before, value)
        # the new values must go with all the others; of what has an ISIN only the identity, since the rest claims ids
        needed = set(model.model_fields) - {"record"}
        if "isin" in needed:
            needed = {*old.IDENTITY, *(n for n, f in model.model_fields.items() if f.is_required())}
        kept = {n: getattr(old, n) for n in needed if getattr(old, n) is not None and n not in fields}
        if by_ticker:
            kept.pop("ticker", None)
        self.catalog.register(model(**kept, **fields), reason, stated=frozenset(fields))
        return self.get(id)

    def suspend(self, id: str | int, reason: str | None = None) -> Record:
        """Suspend a record."""
        return self.update(id, {"status": "suspended"}, reason=reason)

    def retire(self, id: str | int, reason: str | None = None, force: bool = False) -> Record:
        """Retire a record. It stays, with its id, for ever. Raises InUse when others need it, unless `force` is given."""
        if not force:
            self._refuse_in_use(id)
        return self._state(id, {"status": "retired"}, False, reason)

    def resume(self, id: str | int, reason: str | None = None) -> Record:
        """Make a suspended record active again."""
        return self.update(id, {"status": "active"}, reason=reason)

    def relist(self, id: str | int, reason: str | None = None) -> Record:
        """Make a retired record active again: the same thing trades once more."""
        return self.update(id, {"status": "active"}, reason=reason)

    def verify(self, id: str, reason: str | None = None) -> dict[str, Any]:
        """Say that an instrument is what its symbol and name say, whatever feeds do. Raises NotFound."""
        return self._decide(id, True, reason)

    def unverify(self, id: str, reason: str | None = None) -> dict[str, Any]:
        """Say that an instrument is not, or not known to be, what its symbol and name say. Raises NotFound."""
        return self._decide(id, False, reason)

    def supersede(
        self,
        id: str,
        successor: str,
        kind: str,
        ratio: Decimal | None = None,
        effective_at: datetime | None = None,
        reason: str | None = None,
    ) -> dict[str, Any]:
        """Record that another record follows this one, from `effective_at` (default: now) on.

        `kind` is learnt, corrected (both make the old id an alias of the new one), isin_change, redenomination,
        migration, merger or split_off; `ratio` is units of the successor for one of the predecessor. What is due in the
        future is applied by `catalog.apply_due`. Raises NotFound, InvalidRecord (a cycle among them), Conflict.
        """
        if self.kind == "listing":
            raise InvalidRecord("record", "listing", "a listing has no successor; its instrument has")
        with self.catalog.transaction() as cursor:
            keys = self._key(cursor, id), self._key(cursor, successor)
        done = lifecycle.supersede(self.catalog.engine, keys, kind, ratio, effective_at, self.catalog.author(reason))
        return succession_line(done)

    def successions(self, id: str) -> Rows:
        """What a record follows, and what follows it, oldest first."""
        with self.catalog.transaction() as cursor:
            return [succession_line(s) for s in successions.of(cursor, self._key(cursor, id))]

    def history(self, id: str | int) -> Rows:
        """What happened to a record, oldest first: every change, with the state that it ended."""
        with self.catalog.transaction() as cursor:
            key = self._key(cursor, id)
            former = {f.until_sequence: f for f in changes.history(cursor, key)}
            found = changes.of_record(cursor, key)
        if not found:
            raise NotFound(self.name, id)
        return [change_line(c) | ({"before": former[c.sequence].image} if c.sequence in former else {}) for c in found]

    def _decide(self, id: str, is_verified: bool, reason: str | None) -> dict[str, Any]:
        if self.kind != "instrument":
            raise InvalidRecord("record", self.name, "only instruments are verified")
        instrument = UUID(hex=self.get(id).id)
        said = None if reason is None else free_text(reason, "reason")
        with self.catalog.transaction() as cursor:
            return verification_line(lookalikes.decide(cursor, instrument, is_verified, self.catalog.actor, said))

    def _refuse_in_use(self, id: str | int) -> None:
        with self.catalog.transaction() as cursor:
            key = search.resolve(cursor, self._key(cursor, id))
            names = [_name(cursor, user) for user in references.in_use_by(cursor, key)]
        if names:
            raise InUse(self.name, str(id), names)

    def _check(self, record: Record) -> Record:
        if record.record not in self.records:
            raise InvalidRecord("record", record.record, f"one of {', '.join(self.records)} is expected")
        return record

    def _key(self, cursor: Cursor, id: str | int) -> Key:
        if self.name == "listing":
            return search.listing_from_key(cursor, str(id))
        text = str(id)
        if self.kind == "event-type" and text.isascii() and text.isdigit() and len(text) <= 10:
            found = search.by_number(cursor, int(text))
            if not found:
                raise NotFound(self.name, id)
            return found[0]
        if len(text) == 16 and all(c in "0123456789abcdef" for c in text):
            return self._wide(cursor, text)
        return Key(mapping.KIND_CODES[self.kind], UUID(hex=Id(text)))

    def _wide(self, cursor: Cursor, id64: str) -> Key:
        kind = mapping.KIND_CODES[self.kind]
        low, high = UUID(hex=id64 + "0" * 16), UUID(hex=id64 + "f" * 16)
        cursor.execute("SELECT id FROM identities WHERE kind = %s AND id BETWEEN %s AND %s", [kind, low, high])
        ids = [row[0] for row in cursor.fetchall()]
        if len(ids) > 1:
            raise Ambiguous(self.name, id64, [i.hex for i in ids])
        if not ids:
            raise NotFound(self.name, id64)
        return Key(kind, ids[0])


def _name(cursor: Cursor, key: Key) -> str:
    """How people call a record that stands in the way: its type and id."""
    found = search.get(cursor, key)
    if found is None:
        return key.id.hex
    if found.record == "listing":
        return f"listing {getattr(found, 'key')}"  # noqa: B009 - only listings have it
    shown = event_type_number(found.id) if found.record == "event_type" else found.id
    return f"{found.record} {shown}"


assert {record for _, records in NOUNS.values() for record in records} == set(RECORDS)
