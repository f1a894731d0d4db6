"""What a writer hands in, unfolded to what the engine works with: one statement per record, with its id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from catalog.domain.base import Record, canonical
from catalog.domain.golden import Feed, Observation, Stamp, merge
from catalog.domain.identity import KINDS, LISTING_KIND, digest, encode_identity
from catalog.domain.instruments import EQUITIES, ticker_identity
from catalog.domain.screening import implied_security
from catalog.errors import CatalogError
from catalog.repositories.mapping import KIND_CODES

INSTRUMENT = KINDS["instrument"]
SECURITY = KINDS["security"]


class Key(NamedTuple):
    """A record inside the database: the code of its kind and its id (of a listing, the key of its row)."""

    kind: int
    id: UUID


@dataclass(frozen=True, slots=True)
class Submission:
    """One record as a feed states it, at a time and in a payload (empty when there was none).

    `is_decided` says that an operator has looked at what contradicts itself in it, and takes it so. `stated` are the
    fields that the feed speaks of, when the record needs others to be one: nothing is said of those. `through` are
    references by a broker's symbol: field → id of the broker contract whose instrument it is. `may_wait` says that the
    record is kept when what it names is not there yet; `place` is where in the payload it stands.
    """

    record: Record
    feed: Feed
    observed_at: datetime
    payload_hash: bytes = b""
    is_decided: bool = False
    stated: frozenset[str] | None = None
    through: Mapping[str, str] = field(default_factory=dict)
    may_wait: bool = False
    place: str = ""


class Waiting(NamedTuple):
    """A submission that waits, what it waits for (its own key: that another feed completes it), and the field."""

    submission: Submission
    needs: Key
    field: str


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes, why, and in which import run."""

    actor: str
    reason: str | None = None
    run_id: int | None = None


@dataclass(slots=True)
class Statement:
    """Everything one feed says of one record in one batch: several rows of a payload are already merged.

    `record` is the row that is believed first, `beneath` are the others, whose fields count where it has none.
    """

    key: Key
    identity: bytes
    record: Record
    observation: Observation
    is_counted: bool = True
    beneath: tuple[Record, ...] = ()

    @property
    def rows(self) -> tuple[Record, ...]:
        """Every row that is merged in it."""
        return self.record, *self.beneath


@dataclass
class Outcome:
    """What became of a batch. `results` has one word per record that was described; errors stand beside it.

    `created` are the ids that are new, aliases included; `waiting` is what was refused and is to be kept until then.
    """

    results: dict[Key, str] = field(default_factory=dict)
    records: dict[Key, str] = field(default_factory=dict)
    errors: dict[Key, CatalogError] = field(default_factory=dict)
    failed: list[tuple[Record, CatalogError]] = field(default_factory=list)
    rejects: list[tuple[Record, CatalogError]] = field(default_factory=list)
    collisions: list[Collision] = field(default_factory=list)
    disputes: set[str] = field(default_factory=set)
    changes: list[Change] = field(default_factory=list)
    created: set[Key] = field(default_factory=set)
    waiting: list[Waiting] = field(default_factory=list)

    @property
    def arrived(self) -> set[Key]:
        """What something may have waited for: new ids, and broker contracts that may say by now what they stand for."""
        return self.created | {c.key for c in self.changes if c.record == "broker_contract"}


class Collision(NamedTuple):
    """An identity that was refused because its id belongs to another one."""

    kind: int
    id: UUID
    existing: bytes
    refused: bytes
    id_bits: int


class Change(NamedTuple):
    """One entry of the change log to be, with the state before it (None for a new record)."""

    key: Key
    record: str
    action: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def key_of(record: Record) -> Key:
    """The key of a record."""
    if record.kind == "listing":
        return Key(LISTING_KIND, listing_key(*record.identity))
    return Key(KIND_CODES[record.kind], UUID(hex=record.id))


def listing_key(instrument_id: str, venue_id: str, symbol: str) -> UUID:
    """The key of a listing's row: never an id, only a fixed-size stand-in for its three-part key."""
    return UUID(bytes=digest("listing", encode_identity((instrument_id, venue_id, symbol))))


#: Before the name of a field that is said beside something else: it holds while no feed says it outright.
BESIDE = "beside."


def statement_of(
    submission: Submission, record: Record, *, is_counted: bool = True, beside: Iterable[str] = ()
) -> Statement:
    """A submission's record (or one that it implies) as a statement; `beside` are fields that it says by the way."""
    values, words = record.known(), record.canonical_json()
    if submission.stated is not None:
        spoken = submission.stated | {"record", *record.IDENTITY}
        values = {name: value for name, value in values.items() if name in spoken}
        words = canonical(values)
    if beside:
        values = {(BESIDE + name if name in beside else name): value for name, value in values.items()}
        words = canonical(values)
    stamp = Stamp(submission.observed_at, submission.payload_hash, words)
    return Statement(
        key_of(record), record.identity_bytes(), record, Observation(submission.feed, stamp, values), is_counted
    )


def fold(statements: list[Statement]) -> Statement:
    """Several statements of one feed about one record as one."""
    first = statements[0]
    if len(statements) == 1:
        return first
    observation = first.observation
    for other in statements[1:]:
        observation = merge(observation, other.observation, first.record.BREAKING)
    newest = next(s for s in statements if s.observation.stamp == observation.stamp)
    beneath = tuple(s.record for s in statements if s is not newest)
    return Statement(
        first.key, first.identity, newest.record, observation, any(s.is_counted for s in statements), beneath
    )


class Claim(NamedTuple):
    """A ticker's by-ticker id, which an equity with an ISIN claims as its alias."""

    alias: UUID
    identity: bytes
    ticker: str


def claims_of(statements: list[Statement]) -> dict[UUID, list[Claim]]:
    """The claims that equities with an ISIN make: every ticker that a feed ever said they have."""
    claims: dict[UUID, list[Claim]] = {}
    for statement in statements:
        record = statement.record
        if isinstance(record, EQUITIES) and record.isin is not None:
            spoken = (
                statement.observation.values.get("ticker"),
                getattr(statement.observation.older.get("ticker"), "value", None),
            )
            for ticker in {t for t in spoken if t}:
                identity = encode_identity(ticker_identity(record, ticker))
                alias = UUID(bytes=digest("instrument", identity))
                claims.setdefault(statement.key.id, []).append(Claim(alias, identity, ticker))
    return claims


def security_key(statement: Statement) -> Key:
    """The security that an equity cannot be registered without; the statement's own key for anything else."""
    security = implied_security(statement.record)
    return statement.key if security is None else key_of(security)


def references_of(record: Record) -> list[tuple[str, Key]]:
    """The ids that a record names: (path of the field, key)."""
    return [(path, Key(KIND_CODES[kind], UUID(hex=id))) for path, kind, id in record.references()]
