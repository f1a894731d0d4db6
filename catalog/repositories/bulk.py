"""Registration: one code path for one record and for fifty thousand.

A batch goes through fixed steps inside the caller's transaction: what is unchanged is left alone without a lock; new
ids are inserted and existing ones locked, both in the order (kind, id), so that writers never wait in a circle; aliases
are settled; observations stored; records derived anew from their observations and written where they differ; disputes
opened or closed; and last, behind the counter's lock, the changes logged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import psycopg
from blake3 import blake3
from sqlalchemy import Connection

from catalog.domain.base import Record
from catalog.domain.golden import Observation, golden, merge
from catalog.domain.identity import LISTING_KIND
from catalog.domain.instruments import EQUITIES, Token
from catalog.domain.records import RECORDS
from catalog.domain.reference import REFERENCE_TIME
from catalog.domain.screening import (
    implied_security,
    implied_venue,
    of_the_line,
    screen,
    venue_key,
)  # fmt: skip
from catalog.errors import CatalogError, Conflict, InvalidRecord, UnknownReference
from catalog.repositories import changes, disputes, equities, faults, feeds, identities, observations
from catalog.repositories.derivation import Derivation
from catalog.repositories.disputes import Draft
from catalog.repositories.driver import Cursor, cursor_of
from catalog.repositories.identities import Held
from catalog.repositories.statements import (
    INSTRUMENT,
    SECURITY,
    Author,
    Claim,
    Collision,
    Key,
    Outcome,
    Statement,
    Submission,
    claims_of,
    fold,
    key_of,
    references_of,
    security_key,
    statement_of,
)  # fmt: skip

MAX_ATTEMPTS = 4
_AGAIN = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, psycopg.errors.UniqueViolation)


class _Again(Exception):
    """Another writer changed what this batch had looked at before it got its locks."""


class _Collided(Exception):
    """Ids of this batch belong to other identities; it starts over without the records that wanted them."""

    def __init__(self, refused: dict[Key, Collision]) -> None:
        super().__init__()
        self.refused = refused


def register(connection: Connection, submissions: Sequence[Submission], author: Author) -> Outcome:
    """Register a batch in the connection's transaction, and say what became of each record.

    Conflicts with concurrent writers are resolved by going over it again; a row that the database refuses is singled
    out by halving, and never stops the others.
    """
    groups: dict[Key, list[Submission]] = {}
    for submission in submissions:
        groups.setdefault(key_of(submission.record), []).append(submission)
    outcome = Outcome()
    _register_groups(cursor_of(connection), list(groups.values()), author, outcome)
    return outcome


def log_changes(connection: Connection, outcome: Outcome, author: Author) -> int | None:
    """Write a batch's changes: the last thing before the caller commits."""
    return changes.append(cursor_of(connection), outcome.changes, author)


def _register_groups(cursor: Cursor, groups: list[list[Submission]], author: Author, outcome: Outcome) -> None:
    refused: dict[Key, Collision] = {}
    attempt = 0
    while True:
        attempt += 1
        cursor.execute("SAVEPOINT batch")
        part = Outcome()
        try:
            _Batch(cursor, author, part, refused).run([s for group in groups for s in group])
        except _Collided as collided:
            cursor.execute("ROLLBACK TO SAVEPOINT batch")
            refused |= collided.refused
            attempt -= 1
        except (_Again, psycopg.Error) as error:
            cursor.execute("ROLLBACK TO SAVEPOINT batch")
            if isinstance(error, (_Again, *_AGAIN)) and attempt < MAX_ATTEMPTS:
                continue
            if isinstance(error, _Again) or not faults.is_row_fault(error):
                raise
            if len(groups) == 1:
                _blame(groups[0], faults.translate(error), outcome)
                return
            middle = len(groups) // 2
            _register_groups(cursor, groups[:middle], author, outcome)
            _register_groups(cursor, groups[middle:], author, outcome)
            return
        else:
            cursor.execute("RELEASE SAVEPOINT batch")
            join(outcome, part)
            return


def _blame(group: list[Submission], error: CatalogError, outcome: Outcome) -> None:
    key = key_of(group[0].record)
    outcome.results[key] = "conflicts" if isinstance(error, Conflict) else "rejected"
    outcome.records[key] = group[0].record.record
    outcome.errors[key] = error
    outcome.failed.append((group[0].record, error))
    if not isinstance(error, Conflict):
        outcome.rejects += [(s.record, error) for s in group[:1]]


def join(whole: Outcome, part: Outcome) -> None:
    """Add the outcome of one batch to that of a whole run."""
    for key, word in part.results.items():
        if whole.results.get(key) in (None, "unchanged"):
            whole.results[key] = word
    whole.records |= part.records
    whole.errors |= part.errors
    whole.failed += part.failed
    whole.rejects += part.rejects
    whole.collisions += part.collisions
    whole.disputes |= part.disputes
    whole.changes += part.changes


class _Batch:
    """One batch's way through the steps. Its attributes are what the steps leave for one another."""

    def __init__(self, cursor: Cursor, author: Author, outcome: Outcome, refused: dict[Key, Collision]) -> None:
        self.cursor, self.author, self.outcome, self.refused = cursor, author, outcome, refused
        self.unknown_venues: set[tuple[str, str]] = set()
        self.statements: dict[tuple[Key, int], Statement] = {}
        self.drafts: list[Draft] = []
        self.held: dict[Key, Held] = {}
        self.created: set[Key] = set()
        self.claims: dict[UUID, list[Claim]] = {}
        self.known: set[tuple[Key, int]] = set()

    def run(self, submissions: Sequence[Submission]) -> None:
        self._unfold(submissions)
        self._resolvereferences_of()
        self._look_up()
        work = self._changed()
        if work:
            self._take_ids(work)
            work = [s for s in work if self.outcome.results.get(s.key) not in ("collisions", "rejected")]
            stated = [s.key.id for s in work if s.key.kind == INSTRUMENT and s.key not in self.created]
            settled = equities.settle_aliases(self.cursor, self._claims(work), stated, self.held, self.created)
            self.drafts += settled.drafts
            self._store(work, settled)
            self._derive(work, settled)
        disputes.open_drafts(self.cursor, self.drafts, self.author.run_id)
        self.outcome.disputes |= {d.dispute_key for d in self.drafts}

    # -- step 1: from what was handed in to one statement per record and feed ------------------------------------

    def _unfold(self, submissions: Sequence[Submission]) -> None:
        reference = self._venues_needed(submissions)
        by_key: dict[tuple[Key, int], list[Statement]] = {}
        for statement in reference:
            by_key.setdefault((statement.key, statement.observation.feed.feed_id), []).append(statement)
        groups: dict[tuple[Key, int], list[Submission]] = {}
        first: dict[Key, bytes] = {}
        for submission in submissions:
            key, identity = key_of(submission.record), submission.record.identity_bytes()
            if first.setdefault(key, identity) == identity:
                groups.setdefault((key, submission.feed.feed_id), []).append(submission)
            else:
                self._collide_inside(key, submission.record, first[key], identity)
        for (key, feed_id), group in groups.items():
            self.outcome.records[key] = group[0].record.record
            believed = self._believed(key, group)
            for submission in believed:
                by_key.setdefault((key, feed_id), []).append(statement_of(submission, of_the_line(submission.record)))
                security = implied_security(submission.record)
                if security is not None:
                    implied = statement_of(submission, security)
                    by_key.setdefault((implied.key, feed_id), []).append(implied)
                    self.outcome.records[implied.key] = "security"
        self.statements = {key: fold(group) for key, group in by_key.items()}

    def _collide_inside(self, key: Key, record: Record, existing: bytes, refused: bytes) -> None:
        """Two identities of one batch have one id: the first goes on, the other is counted under a key of its own."""
        collision = Collision(key.kind, key.id, existing, refused, 128)
        own = Key(key.kind, UUID(bytes=blake3(refused).digest(length=16)))
        self.outcome.records[own] = record.record
        self.outcome.results[own] = "collisions"
        self._fail(own, record, identities.collision_error(collision))
        if collision not in self.outcome.collisions:
            self.outcome.collisions.append(collision)

    def _fail(self, key: Key, record: Record, error: CatalogError) -> None:
        self.outcome.errors[key] = error
        self.outcome.failed.append((record, error))

    def _believed(self, key: Key, group: list[Submission]) -> list[Submission]:
        """The rows of one record in one payload that may be registered; the others are put before the desk."""
        believed = []
        for submission in group:
            screened = screen(submission.record)
            for doubt in screened.doubts:
                side = doubt.said | {"feed": submission.feed.label}
                self.drafts.append(
                    Draft(doubt.rule, key_of(doubt.subject), doubt.field, [side], str(doubt.said.get("cusip")))
                )
            if screened.record is not None:
                believed.append(
                    Submission(screened.record, submission.feed, submission.observed_at, submission.payload_hash)
                )
        if not believed:
            self.outcome.results[key] = "conflicts"
            cusip = getattr(group[0].record, "cusip", "")
            reason = "held back, its ISIN and CUSIP contradict each other:"
            self._fail(key, group[0].record, Conflict("cusip", cusip, None, reason))
        tickers = {
            s.record.ticker for s in believed if isinstance(s.record, EQUITIES) and s.record.isin and s.record.ticker
        }
        if len(tickers) > 1:
            sides = [s.record.known() | {"feed": s.feed.label} for s in believed]
            unique = {observations.canonical(side): side for side in sides}
            self.drafts.append(
                Draft("line_conflict", key, "ticker", [unique[k] for k in sorted(unique)], group[0].feed.label)
            )
            self.outcome.results[key] = "conflicts"
            error = Conflict("line", ", ".join(sorted(tickers)), None, "several tickers for one line:")
            self._fail(key, group[0].record, error)
            return []
        return believed

    def _venues_needed(self, submissions: Sequence[Submission]) -> list[Statement]:
        """Reference statements of venues that records name by code and the catalog lacks."""
        wanted: dict[tuple[str, str], Record] = {}
        for submission in submissions:
            named = venue_key(submission.record)
            if named is not None:
                wanted.setdefault(named, submission.record)
        missing = set(wanted)
        for field in ("mic", "slug"):
            codes = [code for f, code in wanted if f == field]
            if codes:
                self.cursor.execute(f"SELECT {field} FROM venues WHERE {field} = ANY(%s)", [codes])
                missing -= {(field, code) for (code,) in self.cursor.fetchall()}
        self.unknown_venues = set()
        found: list[Statement] = []
        feed = feeds.reference(self.cursor) if missing else None
        for named in sorted(missing):
            venue = implied_venue(wanted[named])
            if venue is None or feed is None:
                self.unknown_venues.add(named)
            else:
                found.append(statement_of(Submission(venue, feed, REFERENCE_TIME), venue, is_counted=False))
        stated = {key_of(s.record) for s in submissions}
        self.unknown_venues = {n for n in self.unknown_venues if key_of(RECORDS["venue"](**dict([n]))) not in stated}
        return found

    # -- step 2: whatever a record names must be there ------------------------------------------------------------

    def _resolvereferences_of(self) -> None:
        self.cursor.execute("SELECT blockchain FROM blockchains")
        blockchains = {name for (name,) in self.cursor.fetchall()}
        named = {Key(kind, id) for s in self.statements.values() for _, kind, id in references_of(s.record)}
        stated = {k for k, _ in self.statements}
        present = identities.find(self.cursor, named - stated)
        for pair, statement in list(self.statements.items()):
            error = self._missing(statement.record, blockchains, present, stated)
            if error is not None:
                self._reject(statement, error)
                del self.statements[pair]
                continue
            moved = {}
            for field, kind, id in references_of(statement.record):
                held = present.get(Key(kind, id))
                if held is not None and held.target is not None:
                    moved[field] = held.target.hex
            if moved:
                del self.statements[pair]
                fresh = statement.record.replace(**moved)
                o = statement.observation
                again = statement_of(Submission(fresh, o.feed, o.stamp.observed_at, o.stamp.payload_hash), fresh)
                self.statements[(again.key, pair[1])] = again
                self.outcome.records[again.key] = fresh.record

    def _missing(
        self, record: Record, blockchains: set[str], present: dict[Key, Held], stated: set[Key]
    ) -> CatalogError | None:
        blockchain = getattr(record, "blockchain", None)
        if blockchain is not None and blockchain not in blockchains:
            return UnknownReference("blockchain", blockchain, "blockchain", "add it to the table `blockchains` first")
        named = venue_key(record)
        if named is not None and named in self.unknown_venues:
            what = "mic" if named[0] == "mic" else "exchange"
            return UnknownReference(what, named[1], what, "register the venue first")
        for field, kind, id in references_of(record):
            key = Key(kind, id)
            held = present.get(key)
            if held is None and key not in stated:
                return UnknownReference(
                    field, id.hex, "instrument" if kind == INSTRUMENT else "venue", "register it first"
                )
            if held is not None and held.is_alias and held.target is None:
                return InvalidRecord(field, id.hex, "several instruments claim this alias", code="ambiguous_alias")
        return None

    # -- step 3: what is known already ----------------------------------------------------------------------------

    def _look_up(self) -> None:
        statements = list(self.statements.values())
        self.claims = claims_of(statements)
        aliases = {Key(INSTRUMENT, c.alias) for claims in self.claims.values() for c in claims}
        stated = {s.key for s in statements}
        self.held = identities.find(self.cursor, {k for k in stated if k.kind != LISTING_KIND} | aliases)

    def _changed(self) -> list[Statement]:
        """The statements that say anything new; those that collide with an id in use are taken out."""
        before = observations.of_feeds(
            self.cursor,
            [k for k, _ in self.statements if k in self.held or k.kind == LISTING_KIND],
            {feed for _, feed in self.statements},
        )
        self.known = set(before)
        claimed = equities.claims(self.cursor, [c.alias for claims in self.claims.values() for c in claims])
        work = []
        for pair, statement in sorted(self.statements.items(), key=lambda p: p[0][0].kind != SECURITY):
            held = self.held.get(statement.key)
            refused = self.refused.get(statement.key) or self.refused.get(security_key(statement))
            if refused is not None:
                self._refuse(statement, refused)
                continue
            if held is not None and held.identity != statement.identity:
                self._collide(statement, held.identity, 128)
                continue
            taken = next((c for c in self.claims.get(statement.key.id, []) if self._is_taken(c)), None)
            if taken is not None:
                alias = Key(INSTRUMENT, taken.alias)
                self._collide(statement, self.held[alias].identity, 128, alias.id, taken.identity)
                continue
            old = before.get(pair)
            if old is not None:
                statement.observation = merge(old, statement.observation, statement.record.BREAKING)
            if old == statement.observation and all(
                statement.key.id in claimed.get(c.alias, {}) for c in self.claims.get(statement.key.id, [])
            ):
                in_quarantine = held is not None and held.is_alias and held.target is None
                self.outcome.results.setdefault(statement.key, "conflicts" if in_quarantine else "unchanged")
            elif held is None and isinstance(statement.record, Token) and statement.record.decimals is None:
                self._reject(
                    statement, InvalidRecord("decimals", "nothing", "a new token needs them", code="missing_decimals")
                )
            else:
                work.append(statement)
        return work

    def _is_taken(self, claim: Claim) -> bool:
        held = self.held.get(Key(INSTRUMENT, claim.alias))
        return held is not None and held.identity != claim.identity

    # -- step 4: ids: insert the new, lock the old, in one order --------------------------------------------------

    def _take_ids(self, work: list[Statement]) -> None:
        claims = self._claims(work)
        new: dict[Key, tuple[Key, bytes, bool]] = {}
        for claim in (c for found in claims.values() for c in found):
            new[Key(INSTRUMENT, claim.alias)] = (Key(INSTRUMENT, claim.alias), claim.identity, True)
        for s in work:
            if s.key.kind == LISTING_KIND:
                continue
            # an id that is stated and claimed in one batch is the alias from the start
            _, identity, _ = new.setdefault(s.key, (s.key, s.identity, False))
            if identity != s.identity:
                raise _Collided({s.key: Collision(s.key.kind, s.key.id, identity, s.identity, 128)})
        missing = [n for key, n in new.items() if key not in self.held]
        self.created = identities.insert(self.cursor, missing)
        late = [n for n in missing if n[0] not in self.created]
        if late:
            self._explain_late(late, work)
        existing = [key for key in new if key not in self.created]
        locked = identities.lock(self.cursor, set(existing) | equities.closure(self.cursor, existing))
        if not equities.closure(self.cursor, existing) <= set(locked):
            raise _Again
        self.held |= locked
        for key in self.created:
            self.held[key] = Held(new[key][1], new[key][2], None)

    def _explain_late(self, late: list[tuple[Key, bytes, bool]], work: list[Statement]) -> None:
        """Ids that another writer took first, or whose first 8 bytes belong to another id."""
        now = identities.find(self.cursor, [key for key, _, _ in late])
        refused: dict[Key, Collision] = {}
        for key, identity, _ in late:
            held = now.get(key)
            if held is not None and held.identity == identity:
                raise _Again
            existing = held.identity if held is not None else identities.holder_of_id64(self.cursor, key)
            if existing is None:
                raise _Again
            for statement in work:
                claims = self.claims.get(statement.key.id, [])
                if statement.key == key or (key.kind == INSTRUMENT and any(c.alias == key.id for c in claims)):
                    refused[statement.key] = Collision(key.kind, key.id, existing, identity, 128 if held else 64)
        raise _Collided(refused)

    def _claims(self, work: Iterable[Statement]) -> dict[UUID, list[Claim]]:
        return {s.key.id: self.claims[s.key.id] for s in work if s.key.kind == INSTRUMENT and s.key.id in self.claims}

    # -- step 5: observations, then the records that follow from them ---------------------------------------------

    def _store(self, work: list[Statement], settled: equities.Settled) -> None:
        rows = []
        for statement in work:
            subject = self._subject(statement.key)
            rows.append((statement, subject))
            if subject is None:
                self.outcome.results[statement.key] = "conflicts"
                error = Conflict("alias", statement.key.id.hex, None, "several claim this ticker:")
                self._fail(statement.key, statement.record, error)
                self.drafts.append(equities.quarantined(statement))
        observations.write(self.cursor, rows, self.known, self.author.run_id)
        for stated, subject in settled.moves:
            observations.move(self.cursor, INSTRUMENT, stated, subject)

    def _subject(self, key: Key) -> UUID | None:
        held = self.held.get(key)
        return held.target if held is not None and held.is_alias else key.id

    def _derive(self, work: list[Statement], settled: equities.Settled) -> None:
        touched: dict[Key, list[Statement]] = {}
        for statement in work:
            subject = self._subject(statement.key)
            if subject is not None:
                touched.setdefault(Key(statement.key.kind, subject), []).append(statement)
        fresh = {
            key for key, said in touched.items()
            if key in self.created and len(said) == 1 and said[0].key == key and key.id not in settled.shared
        }  # fmt: skip
        affected = (set(touched) | {Key(INSTRUMENT, id) for id in settled.affected}) - fresh
        voices: dict[Key, list[Observation]] = observations.of_subjects(self.cursor, affected)
        voices |= {key: [touched[key][0].observation] for key in fresh}
        copies = {key: golden(said, RECORDS[said[0].values["record"]].BREAKING) for key, said in voices.items()}
        settle = Derivation(self.cursor, copies, fresh, settled, self.claims)
        settle.run()
        self.drafts += settle.drafts
        for change in settle.changes:
            self.outcome.changes.append(change)
        words = {c.key: "registered" if c.action == "register" else "updated" for c in settle.changes}
        for key, said in touched.items():
            for statement in said:
                self.outcome.results[statement.key] = words.get(key, "unchanged")

    # -- refusals ---------------------------------------------------------------------------------------------------

    def _reject(self, statement: Statement, error: CatalogError) -> None:
        self.outcome.results[statement.key] = "rejected"
        self._fail(statement.key, statement.record, error)
        self.outcome.rejects.append((statement.record, error))

    def _collide(
        self, statement: Statement, existing: bytes, bits: int, id: UUID | None = None, refused: bytes | None = None
    ) -> None:
        self._refuse(
            statement,
            Collision(statement.key.kind, id or statement.key.id, existing, refused or statement.identity, bits),
        )

    def _refuse(self, statement: Statement, collision: Collision) -> None:
        self.refused[statement.key] = collision
        self.outcome.results[statement.key] = "collisions"
        self._fail(statement.key, statement.record, identities.collision_error(collision))
        if collision not in self.outcome.collisions:
            self.outcome.collisions.append(collision)
