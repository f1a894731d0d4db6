"""From what was handed in to one statement per record and feed: doubts held back, references looked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from blake3 import blake3

from catalog.domain.base import Record
from catalog.domain.identity import KIND_NAMES, KINDS
from catalog.domain.instruments import EQUITIES, Native, Token
from catalog.domain.pools import Pool
from catalog.domain.reference import REFERENCE_TIME
from catalog.domain.screening import OF_THE_LINE, implied_security, implied_venue, of_the_line, screen, venue_keys
from catalog.domain.synthetics import Synthetic
from catalog.domain.venues import Venue
from catalog.errors import CatalogError, Conflict, InvalidRecord, UnknownReference
from catalog.repositories import disputes, feeds, identities, synthetics
from catalog.repositories.disputes import Draft
from catalog.repositories.driver import Cursor
from catalog.repositories.feeds import REFERENCE_FEED, REFERENCE_SOURCE
from catalog.repositories.statements import (
    INSTRUMENT,
    Claim,
    Collision,
    Key,
    Outcome,
    Statement,
    Submission,
    Waiting,
    claims_of,
    fold,
    key_of,
    references_of,
    statement_of,
)

if TYPE_CHECKING:
    from catalog.repositories.identities import Held


# The venues with one of these codes, and whether the reference tables have spoken of them.
_VENUES = f"""SELECT {{field}}, EXISTS (
        SELECT FROM observations o JOIN feeds f USING (feed_id)
        WHERE o.kind = {KINDS["venue"]} AND o.stated_id = v.id AND f.source = %s AND f.name = %s)
    FROM venues v WHERE {{field}} = ANY(%s)"""


class Intake:
    """A batch as it comes in. What is left in `statements` can be registered; `drafts` are the doubts about the rest."""

    def __init__(self, cursor: Cursor, outcome: Outcome) -> None:
        self.cursor, self.outcome = cursor, outcome
        self.unknown_venues: set[tuple[str, str]] = set()
        self.statements: dict[tuple[Key, int], Statement] = {}
        self.claims: dict[UUID, list[Claim]] = {}
        self.drafts: list[Draft] = []
        self._told: dict[tuple[Key, int], list[Submission]] = {}

    def take(self, submissions: Sequence[Submission]) -> None:
        """Unfold the submissions, and take out what names something that is not there."""
        self._unfold(self._resolved(submissions))
        self.claims = claims_of(list(self.statements.values()))
        self._check_references()

    def fail(self, key: Key, record: Record, error: CatalogError) -> None:
        """Note why a record could not be registered."""
        self.outcome.errors[key] = error
        self.outcome.failed.append((record, error))

    def reject(self, statement: Statement, error: CatalogError, needs: Key | None = None) -> None:
        """Note that a record is refused: for good, or until what it `needs` is there, when whoever brought it may wait."""
        self._refuse(statement.key, statement.record, error)
        if needs is not None:
            told = self._told.get((statement.key, statement.observation.feed.feed_id), ())
            field = error.field if isinstance(error, InvalidRecord) else ""
            self.outcome.waiting += [Waiting(s, needs, field) for s in told if s.may_wait]

    def _refuse(self, key: Key, record: Record, error: CatalogError) -> None:
        self.outcome.results[key] = "rejected"
        self.fail(key, record, error)
        self.outcome.rejects.append((record, error))

    # -- references by a broker's symbol --------------------------------------------------------------------------

    def _resolved(self, submissions: Sequence[Submission]) -> Sequence[Submission]:
        """The submissions with the instruments of the broker contracts that they name; those without one are refused."""
        wanted = {id for s in submissions for id in s.through.values()}
        if not wanted:
            return submissions
        self.cursor.execute(
            "SELECT id, instrument_id FROM broker_contracts WHERE id = ANY(%s) AND instrument_id IS NOT NULL",
            [[UUID(hex=id) for id in wanted]],
        )
        known = {id.hex: instrument.hex for id, instrument in self.cursor.fetchall()}
        resolved = []
        for submission in submissions:
            record, error = submission.record, None
            for field, contract in submission.through.items():
                if contract in known:
                    record = with_field(record, field, known[contract])
                else:
                    error = UnknownReference(field, contract, "broker_contract", "it has to name its instrument first")
                    needs = Key(KINDS["broker-contract"], UUID(hex=contract))
                    self._refuse(key_of(record), record, error)
                    self.outcome.records[key_of(record)] = record.record
                    self.outcome.waiting += [Waiting(submission, needs, field)] if submission.may_wait else []
                    break
            if error is None:
                resolved.append(replace(submission, record=record))
        return resolved

    # -- one statement per record and feed ------------------------------------------------------------------------

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
            self._told[(key, feed_id)] = group
            for submission in self._believed(key, group):
                by_key.setdefault((key, feed_id), []).append(statement_of(submission, of_the_line(submission.record)))
                security = implied_security(submission.record)
                if security is not None:
                    implied = statement_of(submission, security, beside=OF_THE_LINE)
                    by_key.setdefault((implied.key, feed_id), []).append(implied)
                    self.outcome.records[implied.key] = "security"
        self.statements = {key: fold(group) for key, group in by_key.items()}

    def _collide_inside(self, key: Key, record: Record, existing: bytes, refused: bytes) -> None:
        """Two identities of one batch have one id: the first goes on, the other is counted under a key of its own."""
        collision = Collision(key.kind, key.id, existing, refused, 128)
        own = Key(key.kind, UUID(bytes=blake3(refused).digest(length=16)))
        self.outcome.records[own] = record.record
        self.outcome.results[own] = "collisions"
        self.fail(own, record, identities.collision_error(collision))
        if collision not in self.outcome.collisions:
            self.outcome.collisions.append(collision)

    def _believed(self, key: Key, group: list[Submission]) -> list[Submission]:
        """The rows of one record in one payload that may be registered; the others are put before the desk."""
        believed = []
        for submission in group:
            if submission.is_decided:
                believed.append(submission)
                continue
            screened = screen(submission.record)
            for doubt in screened.doubts:
                side = disputes.side(submission, doubt.said)
                self.drafts.append(
                    Draft(doubt.rule, key_of(doubt.subject), doubt.field, [side], str(doubt.said.get("cusip")))
                )
            if screened.record is not None:
                believed.append(replace(submission, record=screened.record))
        if not believed:
            self.outcome.results[key] = "conflicts"
            cusip = getattr(group[0].record, "cusip", "")
            reason = "held back, its ISIN and CUSIP contradict each other:"
            self.fail(key, group[0].record, Conflict("cusip", cusip, None, reason))
        tickers = {
            s.record.ticker for s in believed if isinstance(s.record, EQUITIES) and s.record.isin and s.record.ticker
        }
        if len(tickers) > 1:
            sides = [disputes.side(s, s.record.known()) for s in believed]
            self.drafts.append(Draft("line_conflict", key, "ticker", disputes.unite([], sides), group[0].feed.label))
            self.outcome.results[key] = "conflicts"
            error = Conflict("line", ", ".join(sorted(tickers)), None, "several tickers for one line:")
            self.fail(key, group[0].record, error)
            return []
        return believed

    def _venues_needed(self, submissions: Sequence[Submission]) -> list[Statement]:
        """What reference tables say of venues that records name by code, where they have not said it yet.

        They are asked for venues that are there already, too: whether somebody else spoke first must make no difference.
        """
        silent = {named for submission in submissions for named in venue_keys(submission.record)}
        held: set[tuple[str, str]] = set()
        for field in ("mic", "slug"):
            codes = [code for f, code in silent if f == field]
            if codes:
                self.cursor.execute(_VENUES.format(field=field), [REFERENCE_SOURCE, REFERENCE_FEED, codes])
                for code, is_spoken_of in self.cursor.fetchall():
                    held.add((field, code))
                    if is_spoken_of:
                        silent.remove((field, code))
        found: list[Statement] = []
        for named in sorted(silent):
            venue = implied_venue(*named)
            if venue is not None:
                feed = feeds.reference(self.cursor)
                found.append(statement_of(Submission(venue, feed, REFERENCE_TIME), venue, is_counted=False))
            elif named not in held:
                self.unknown_venues.add(named)
        stated = {key_of(s.record) for s in submissions}
        self.unknown_venues = {
            (field, code)
            for field, code in self.unknown_venues
            if key_of(Venue(mic=code) if field == "mic" else Venue(slug=code)) not in stated
        }
        return found

    # -- whatever a record names must be there --------------------------------------------------------------------

    def _check_references(self) -> None:
        self.cursor.execute("SELECT blockchain FROM blockchains")
        blockchains = {name for (name,) in self.cursor.fetchall()}
        named = {key for s in self.statements.values() for row in s.rows for _, key in references_of(row)}
        incomplete = {s.key for s in self.statements.values() if all(map(_is_incomplete, s.rows))}
        present = identities.find(self.cursor, named | incomplete)
        for pair in [p for p in self.statements if p[0] in incomplete - present.keys()]:
            if getattr(self.statements[pair].record, "blockchain", None) not in blockchains:
                continue
            statement = self.statements.pop(pair)
            missing = InvalidRecord("decimals", "nothing", "a new token needs them", code="missing_decimals")
            self.reject(statement, missing, needs=statement.key)
        chains = self._chains()
        cycles = synthetics.cycles(
            self.cursor, {s.key.id: s.record for s in self.statements.values() if isinstance(s.record, Synthetic)}
        )
        # what is refused takes along what names it
        while refused := self._unsound(blockchains, present, chains, cycles):
            for pair, error, needs in refused:
                self.reject(self.statements.pop(pair), error, needs)

    def _unsound(
        self,
        blockchains: set[str],
        present: dict[Key, Held],
        chains: dict[str, str],
        cycles: dict[UUID, list[str]],
    ) -> list[tuple[tuple[Key, int], CatalogError, Key | None]]:
        """The statements that cannot be registered beside those that are left, why, and what each could wait for."""
        stated = {k for k, _ in self.statements}
        stated |= {Key(INSTRUMENT, c.alias) for k in list(stated) for c in self.claims.get(k.id, ())}
        found = []
        for pair, statement in self.statements.items():
            error, needs = None, None
            for row in statement.rows:
                error, needs = self._missing(row, blockchains, present, stated)
                error = error or _wrong_chain(row, chains)
                if error is not None:
                    break
            if error is None and statement.key.id in cycles:
                reason = "a synthetic cannot be made of itself"
                error = InvalidRecord("components", " → ".join(cycles[statement.key.id]), reason, code="cycle")
            if error is not None:
                found.append((pair, error, needs))
        return found

    def _missing(
        self, record: Record, blockchains: set[str], present: dict[Key, Held], stated: set[Key]
    ) -> tuple[CatalogError | None, Key | None]:
        """What is wrong with a record's references, and what it could wait for."""
        blockchain = getattr(record, "blockchain", None)
        if blockchain is not None and blockchain not in blockchains:
            hint = "add it to the table `blockchains` first"
            return UnknownReference("blockchain", blockchain, "blockchain", hint), None
        for field, code in venue_keys(record):
            if (field, code) in self.unknown_venues:
                what = "mic" if field == "mic" else "exchange"
                return UnknownReference(what, code, what, "register the venue first"), None
        for path, key in references_of(record):
            held = present.get(key)
            if held is None and key not in stated:
                what = KIND_NAMES[key.kind].replace("-", "_")
                return UnknownReference(path, key.id.hex, what, "register it first"), key
            if held is not None and held.is_alias and held.target is None and _is_needed(record, path):
                reason = "several instruments claim this alias"
                return InvalidRecord(path, key.id.hex, reason, code="ambiguous_alias"), None
        return None, None

    def _chains(self) -> dict[str, str]:
        """The blockchain of every token that a pool of this batch names."""
        wanted = {
            token.instrument_id
            for s in self.statements.values()
            for row in s.rows
            if isinstance(row, Pool)
            for token in row.tokens
        }
        if not wanted:
            return {}
        found = {
            s.key.id.hex: s.record.blockchain for s in self.statements.values() if isinstance(s.record, Token | Native)
        }
        ids = [UUID(hex=id) for id in wanted]
        for table in ("tokens", "natives"):
            self.cursor.execute(
                f"""SELECT id, blockchain FROM {table} WHERE id = ANY(%(ids)s)
                UNION SELECT i.id, t.blockchain FROM identities i JOIN {table} t ON t.id = i.target_id
                WHERE i.kind = 1 AND i.is_alias AND i.id = ANY(%(ids)s)""",
                {"ids": ids},
            )
            found |= {id.hex: blockchain for id, blockchain in self.cursor.fetchall()}
        return found


def _is_incomplete(record: Record) -> bool:
    """Whether it is a token without decimals, which only says something of a token that is known."""
    return isinstance(record, Token) and record.decimals is None


def with_field(record: Record, field: str, value: object) -> Record:
    """The record with one more field, looked at like any other."""
    return type(record)(**{name: said for name, said in record.known().items() if name != "record"} | {field: value})


def _is_needed(record: Record, path: str) -> bool:
    """Whether a record cannot be without this reference. A listing waits in quarantine for an alias to be decided."""
    if record.record == "listing":
        return False
    field = type(record).model_fields[path.partition(".")[0]]
    return field.is_required()


def _wrong_chain(record: Record, chains: dict[str, str]) -> CatalogError | None:
    if isinstance(record, Pool):
        for n, token in enumerate(record.tokens):
            if chains.get(token.instrument_id) != record.blockchain:
                reason = f"not a token or the native coin of {record.blockchain}"
                return InvalidRecord(f"tokens.{n}.instrument_id", token.instrument_id, reason, code="wrong_blockchain")
    return None
