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
from sqlalchemy import Connection

from catalog.domain.consistency import believed
from catalog.domain.golden import Golden, Observation, merge
from catalog.domain.identity import LISTING_KIND
from catalog.errors import Busy, CatalogError, Conflict
from catalog.repositories import (
    changes,
    disputes,
    equities,
    faults,
    feeds,
    identities,
    listings,
    observations,
    references,
)
from catalog.repositories.derivation import Derivation
from catalog.repositories.disputes import Draft
from catalog.repositories.driver import Cursor, cursor_of
from catalog.repositories.identities import Held
from catalog.repositories.intake import Intake
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
    key_of,
    security_key,
)

MAX_ATTEMPTS = 6
AGAIN = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure, psycopg.errors.UniqueViolation)


class Again(Busy):
    """Another writer changed what this batch had looked at before it got its locks."""

    def __init__(self) -> None:
        super().__init__("the catalog", "other writers were in the way each time it was tried")


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
    cursor = cursor_of(connection)
    feeds.hold(cursor, {s.feed.source for s in submissions})
    _register_groups(cursor, list(groups.values()), author, outcome)
    return outcome


def rederive(
    connection: Connection,
    keys: Iterable[Key],
    author: Author,
    *,
    aliases: Iterable[UUID] = (),
    rewired: Iterable[UUID] = (),
) -> Outcome:
    """Derive records anew from what was said of them: after a decision, a succession, or when their time has come."""
    outcome = Outcome()
    _Batch(cursor_of(connection), author, outcome, {}).touch(keys, aliases, rewired)
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
        except (Again, psycopg.Error) as error:
            cursor.execute("ROLLBACK TO SAVEPOINT batch")
            if isinstance(error, (Again, *AGAIN)) and attempt < MAX_ATTEMPTS:
                continue
            if isinstance(error, AGAIN) and not faults.is_row_fault(error):
                raise Again from None
            if isinstance(error, Again) or not faults.is_row_fault(error):
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
    whole.created |= part.created
    whole.waiting += part.waiting


class _Batch:
    """One batch's way through the steps. Its attributes are what the steps leave for one another."""

    def __init__(self, cursor: Cursor, author: Author, outcome: Outcome, refused: dict[Key, Collision]) -> None:
        self.cursor, self.author, self.outcome, self.refused = cursor, author, outcome, refused
        self.intake = Intake(cursor, outcome)
        self.drafts: list[Draft] = self.intake.drafts
        self.held: dict[Key, Held] = {}
        self.created: set[Key] = set()
        self.known: set[tuple[Key, int]] = set()
        self.rows_of_listings: dict[Key, UUID | None] = {}

    @property
    def statements(self) -> dict[tuple[Key, int], Statement]:
        """What is left of the batch to be registered."""
        return self.intake.statements

    @property
    def claims(self) -> dict[UUID, list[Claim]]:
        """The claims that its equities make."""
        return self.intake.claims

    def run(self, submissions: Sequence[Submission]) -> None:
        """Register what was handed in."""
        self.intake.take(submissions)
        self._look_up()
        work = self._changed()
        if work:
            self._take_ids(work)
            self.outcome.created |= self.created
            work = [s for s in work if self.outcome.results.get(s.key) not in ("collisions", "rejected")]
            old = {s.key for s in work if s.key.kind == INSTRUMENT} - self.created
            stated = [id for key in old if (id := self._claimant(key)) is not None]
            settled = equities.settle_aliases(self.cursor, self._claims(work), stated, self.held, self.created)
            self._finish(work, settled)
        self._open_drafts()

    def touch(self, keys: Iterable[Key], aliases: Iterable[UUID] = (), rewired: Iterable[UUID] = ()) -> None:
        """Derive records anew without a new statement, and let aliases stand for whom they should by now.

        `rewired` are instruments whose referrers may mean another one.
        """
        wanted, again = set(keys), list(aliases)
        stood_for = {Key(INSTRUMENT, alias) for alias in again}
        closure = equities.closure(self.cursor, wanted | stood_for) | stood_for
        self.held = identities.lock(self.cursor, {k for k in wanted | closure if k.kind != LISTING_KIND})
        stated = [k.id for k in wanted if k.kind == INSTRUMENT]
        settled = equities.settle_aliases(self.cursor, {}, stated, self.held, set(), again)
        settled.rewired |= set(rewired)
        self._finish([], settled, wanted)
        self._open_drafts()

    def _finish(self, work: list[Statement], settled: equities.Settled, touched: Iterable[Key] = ()) -> None:
        self.drafts += settled.drafts
        self._store(work, settled)
        self._derive(work, settled, set(touched))

    def _open_drafts(self) -> None:
        self.outcome.disputes |= disputes.open_drafts(self.cursor, self.drafts, self.author.run_id)

    # -- step 3: what is known already ----------------------------------------------------------------------------

    def _look_up(self) -> None:
        aliases = {Key(INSTRUMENT, c.alias) for claims in self.claims.values() for c in claims}
        stated = {k for k, _ in self.statements}
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
                self._claimant(statement.key) in (c.alias, *claimed.get(c.alias, ()))
                for c in self.claims.get(statement.key.id, [])
            ):
                in_quarantine = held is not None and held.is_alias and held.target is None
                self.outcome.results.setdefault(statement.key, "conflicts" if in_quarantine else "unchanged")
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
            raise Again
        self.held |= locked
        for key in self.created:
            self.held[key] = Held(new[key][1], new[key][2], None)

    def _explain_late(self, late: list[tuple[Key, bytes, bool]], work: list[Statement]) -> None:
        """Ids that another writer took first, or whose short form belongs to another id."""
        now = identities.find(self.cursor, [key for key, _, _ in late])
        refused: dict[Key, Collision] = {}
        for key, identity, _ in late:
            held = now.get(key)
            if held is not None and held.identity == identity:
                raise Again
            existing = held.identity if held is not None else identities.holder_of_short(self.cursor, key)
            if existing is None:
                raise Again
            bits = 128 if held else identities.short_bits(key)
            for statement in work:
                claims = self.claims.get(statement.key.id, [])
                if statement.key == key or (key.kind == INSTRUMENT and any(c.alias == key.id for c in claims)):
                    refused[statement.key] = Collision(key.kind, key.id, existing, identity, bits)
        raise _Collided(refused)

    def _claims(self, work: Iterable[Statement]) -> dict[UUID, list[Claim]]:
        """The claims of a batch, by the instrument that makes them."""
        found: dict[UUID, list[Claim]] = {}
        for s in work:
            claimant = self._claimant(s.key)
            if s.key.kind == INSTRUMENT and s.key.id in self.claims and claimant is not None:
                # what an alias says of the ticker of the line that it stands for is no claim on that line
                own = [claim for claim in self.claims[s.key.id] if claim.alias != claimant]
                found.setdefault(claimant, []).extend(own)
        return found

    def _claimant(self, key: Key) -> UUID | None:
        """The instrument that a stated one is: what an alias stands for, or itself."""
        held = self.held.get(key)
        return held.target if held is not None and held.is_alias else key.id

    # -- step 5: observations, then the records that follow from them ---------------------------------------------

    def _store(self, work: list[Statement], settled: equities.Settled) -> None:
        listed = {s.key: s.observation.values for s in work if s.key.kind == LISTING_KIND}
        self.rows_of_listings = listings.subjects(self.cursor, listed)
        rows = []
        for statement in work:
            subject = self._subject(statement.key)
            rows.append((statement, subject))
            if subject is None:
                self.outcome.results[statement.key] = "conflicts"
                error = Conflict("alias", statement.key.id.hex, None, "several claim this ticker:")
                self.intake.fail(statement.key, statement.record, error)
                if statement.key.kind == INSTRUMENT:
                    self.drafts.append(equities.quarantined(statement))
        observations.write(self.cursor, rows, self.known, self.author.run_id)
        for stated, subject in settled.moves:
            observations.move(self.cursor, INSTRUMENT, stated, subject)

    def _subject(self, key: Key) -> UUID | None:
        if key.kind == LISTING_KIND:
            return self.rows_of_listings[key]
        return self._claimant(key)

    def _derive(self, work: list[Statement], settled: equities.Settled, again: set[Key]) -> None:
        touched: dict[Key, list[Statement]] = {}
        for statement in work:
            subject = self._subject(statement.key)
            if subject is not None:
                touched.setdefault(Key(statement.key.kind, subject), []).append(statement)
        fresh = {
            key for key, said in touched.items()
            if key in self.created and len(said) == 1 and said[0].key == key and key.id not in settled.affected
        }  # fmt: skip
        lost = self._rewire(settled, again)
        affected = (set(touched) | {Key(INSTRUMENT, id) for id in settled.affected} | again) - fresh
        voices: dict[Key, list[Observation]] = observations.of_subjects(self.cursor, affected)
        voices |= {key: [touched[key][0].observation] for key in fresh}
        copies = {key: self._believed(key, said) for key, said in voices.items()}
        settle = Derivation(self.cursor, copies, fresh, settled, self.claims, lost)
        settle.run()
        self.drafts += settle.drafts
        self.outcome.changes += settle.changes
        self.outcome.changes += equities.changes_of(self.cursor, settled, settle.changes)
        words = {c.key: "registered" if c.action == "register" else "updated" for c in settle.changes}
        for key, said in touched.items():
            for statement in said:
                self.outcome.results[statement.key] = words.get(key, "unchanged")

    def _believed(self, key: Key, said: list[Observation]) -> Golden:
        copy, is_whole = believed(said)
        if not is_whole:
            self.drafts.append(Draft("inconsistent_record", key, None, [equities.said_by(voice) for voice in said]))
        return copy

    def _rewire(self, settled: equities.Settled, again: set[Key]) -> set[Key]:
        """Add to `again` whatever names an instrument that became another, and listings that are spoken of otherwise.

        Returns the listings of which nobody may speak now, or whose instrument is gone.
        """
        if not settled.rewired:
            return set()
        naming = references.naming(self.cursor, settled.rewired)
        naming |= disputes.unclear_about(self.cursor, settled.rewired)
        identities.lock(self.cursor, naming)
        gained, lost = listings.settle_anew(self.cursor, references.behind(self.cursor, settled.rewired))
        again |= naming | gained | lost
        return lost | listings.at_home(self.cursor, [stated for stated, _ in settled.converted])

    # -- refusals ---------------------------------------------------------------------------------------------------

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
        self.intake.fail(statement.key, statement.record, identities.collision_error(collision))
        if collision not in self.outcome.collisions:
            self.outcome.collisions.append(collision)
