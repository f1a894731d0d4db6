"""What ends by itself: delistings, expiries and successions, up to the moment until which they have been applied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from catalog.domain.calendar import DAY_IS_OVER, end_of_day
from catalog.domain.golden import Golden
from catalog.domain.identity import KINDS, LISTING_KIND
from catalog.repositories import successions
from catalog.repositories.driver import Cursor
from catalog.repositories.statements import INSTRUMENT, Key

#: The day on which each kind of contract ends.
_LAST_DAYS = {"future": "last_trading_date", "option": "expiry_date"}
_PAIR, _BROKER = KINDS["pair"], KINDS["broker-contract"]
#: (what happens, kind, record, query of (id, moment)): what is not retired and has a moment at which it is over.
_ENDS: tuple[tuple[str, int, str, str], ...] = (
    *(
        ("delist", INSTRUMENT, record, f"SELECT x.id, x.delist_at FROM {table} x JOIN instruments i USING (id)")
        for record, table in (("asset", "assets"), ("equity", "equities"), ("future", "futures"), ("option", "options"))
    ),
    ("delist", _PAIR, "pair", "SELECT x.id, x.delist_at FROM pairs x JOIN pairs i USING (id)"),
    ("delist", LISTING_KIND, "listing", "SELECT x.id, x.delist_at FROM listings x JOIN listings i USING (id)"),
    (
        "delist", _BROKER, "broker_contract",
        "SELECT x.id, x.delist_at FROM broker_contracts x JOIN broker_contracts i USING (id)",
    ),
    *(
        (
            "expire", INSTRUMENT, record,
            f"""SELECT x.id, coalesce(x.expires_at, x.{day}::timestamp AT TIME ZONE 'UTC' + interval '36 hours')
            FROM {record}s x JOIN instruments i USING (id)""",
        )
        for record, day in _LAST_DAYS.items()
    ),
)  # fmt: skip
assert timedelta(hours=36) == DAY_IS_OVER


def applied_until(cursor: Cursor) -> datetime | None:
    """The moment until which everything that was due has been applied; None when nothing ever was."""
    cursor.execute("SELECT applied_until FROM catalog_info")
    found = cursor.fetchone()
    return found[0] if found else None


def advance(cursor: Cursor, until: datetime) -> None:
    """Move that moment forward, never back. Holds the catalog's row until the transaction ends."""
    cursor.execute("UPDATE catalog_info SET applied_until = greatest(applied_until, %s)", [until])


@dataclass
class Calendar:
    """When the records of a batch end, as far as that has been applied."""

    until: datetime | None = None
    succeeded: dict[Key, datetime] = field(default_factory=dict)

    @classmethod
    def load(cls, cursor: Cursor, keys: Iterable[Key]) -> Calendar:
        """The calendar for these records."""
        return cls(applied_until(cursor), successions.ends(cursor, keys))

    def add(self, cursor: Cursor, keys: Iterable[Key]) -> None:
        """Take up more records."""
        self.succeeded |= successions.ends(cursor, keys)

    def is_over(self, key: Key, values: Mapping[str, Any], copy: Golden) -> bool:
        """Whether a record has ended, and nobody has said since then that it is there all the same."""
        ends = [at for at in (_end(values), _expiry(values)) if at is not None and self.until and at <= self.until]
        if key in self.succeeded:
            ends.append(self.succeeded[key])
        if not ends:
            return False
        return copy.last_alive is None or copy.last_alive < min(ends)


def _end(values: Mapping[str, Any]) -> datetime | None:
    return datetime.fromisoformat(values["delist_at"]) if "delist_at" in values else None


def _expiry(values: Mapping[str, Any]) -> datetime | None:
    if "expires_at" in values:
        return datetime.fromisoformat(values["expires_at"])
    day = values.get(_LAST_DAYS.get(values["record"], ""))
    return end_of_day(date.fromisoformat(day)) if day else None


class Due(NamedTuple):
    """Something that happens at a moment: `delist`, `expire`, `begin` or `succeed`."""

    at: datetime
    what: str
    key: Key
    record: str
    detail: dict[str, Any]


def ending(cursor: Cursor, after: datetime | None, until: datetime) -> list[Due]:
    """What ends in (after, until] and is not retired, in the order of time."""
    found = []
    for what, kind, record, query in _ENDS:
        cursor.execute(
            f"SELECT id, at FROM ({query} WHERE i.status <> 'retired') AS e(id, at) WHERE at <= %s AND (%s::timestamptz IS NULL OR at > %s)",
            [until, after, after],
        )
        found += [Due(at, what, Key(kind, id), record, {}) for id, at in cursor.fetchall()]
    return sorted(found, key=order)


def order(due: Due) -> tuple[Any, ...]:
    """By time, then by what happens and to whom."""
    return due[:4]


def beginning(cursor: Cursor, after: datetime, until: datetime) -> list[Due]:
    """Contracts whose first trading day begins in (after, until]."""
    found = []
    for record in _LAST_DAYS:
        cursor.execute(
            f"SELECT id, first_trading_date FROM {record}s WHERE first_trading_date BETWEEN %s AND %s",
            [after.date(), until.date()],
        )
        for id, day in cursor.fetchall():
            at = datetime.combine(day, time(), UTC)
            if after < at <= until:
                found.append(Due(at, "begin", Key(INSTRUMENT, id), record, {}))
    return sorted(found, key=order)


def succeeding(cursor: Cursor, until: datetime) -> list[Due]:
    """Successions that are not in effect and should be by then; those that are overdue too."""
    return [_succession(s) for s in successions.due(cursor, until)]


def succeeding_now(which: Iterable[successions.Succession]) -> list[Due]:
    """Successions as what happens at their moments."""
    return [_succession(s) for s in which]


def _succession(s: successions.Succession) -> Due:
    detail = {"successor": s.successor.hex, "ratio": s.ratio}
    return Due(s.effective_at, "succeed", Key(s.kind, s.predecessor), s.succession_kind, detail)
