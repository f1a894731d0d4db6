"""From golden copies to rows: what the records of a batch should be, compared with what they are, and written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from catalog.domain.golden import Golden, golden
from catalog.domain.identity import LISTING_KIND
from catalog.domain.screening import OF_THE_SECURITY
from catalog.domain.vocabulary import PRECEDENCE
from catalog.repositories import (
    disputes,
    equities,
    identities,
    lifecycle,
    listings,
    lookalikes,
    mapping,
    nouns,
    observations,
    references,
)
from catalog.repositories.disputes import Draft
from catalog.repositories.driver import Cursor
from catalog.repositories.equities import Settled
from catalog.repositories.statements import BESIDE, INSTRUMENT, SECURITY, Change, Claim, Key

EQUITY_RECORDS = ("stock", "etf")
_ACTIONS = {
    ("active", "suspended"): "suspend",
    ("active", "retired"): "retire",
    ("suspended", "retired"): "retire",
    ("suspended", "active"): "resume",
    ("retired", "active"): "relist",
}
Values = dict[str, Any]


class Derivation:
    """Derives and writes the records of one batch. `fresh` ones are new with a single voice, and need no comparison."""

    def __init__(
        self,
        cursor: Cursor,
        copies: dict[Key, Golden],
        fresh: set[Key],
        settled: Settled,
        claims: Mapping[UUID, list[Claim]],
        lost: set[Key],
    ) -> None:
        self.cursor, self.copies, self.fresh, self.settled, self.claims = cursor, copies, fresh, settled, claims
        self.lost = lost
        self.calendar = lifecycle.Calendar.load(cursor, copies)
        self.wanted: dict[Key, Values] = {}
        self.home: set[UUID] = set()
        self.drafts: list[Draft] = []
        self.changes: list[Change] = []

    def run(self) -> None:
        """All steps, in order."""
        self._contested_cusips()
        for key, copy in self.copies.items():
            self.wanted[key] = self._values(key, copy)
        self._resolve_references()
        self._allot_tickers()
        self._add_home_listings()
        self._write()
        slow = [key for key in self.wanted if key not in self.fresh]
        disputes.close_derived(self.cursor, slow, {d.dispute_key for d in self.drafts})

    def _values(self, key: Key, copy: Golden) -> Values:
        values = {name: value for name, value in copy.values.items() if not name.startswith(BESIDE)}
        for name, value in copy.values.items():
            if name.startswith(BESIDE):
                values.setdefault(name.removeprefix(BESIDE), value)
        status = values.get("status", "active")
        values["status"] = "suspended" if copy.is_suspended and status == "active" else status
        if self.calendar.is_over(key, values, copy):
            values["status"] = "retired"
        if values["record"] in EQUITY_RECORDS:
            if "isin" in values:
                for name in (*OF_THE_SECURITY, "generation"):
                    values.pop(name, None)
            if values["record"] == "stock":
                values.pop("underlying_index", None)
                values.pop("expense_ratio", None)
        self.drafts += [Draft(d.rule, key, d.field, d.sides) for d in copy.disputes]
        return values

    def _resolve_references(self) -> None:
        """Put what each reference means by now in its place; what nobody can tell is left out and disputed."""
        named = [references.instruments_named(v) for k, v in self.wanted.items() if k.kind != LISTING_KIND]
        ids: set[UUID] = set().union(*named)
        known = references.resolution(self.cursor, ids) if ids else references.Resolution()
        for key, values in list(self.wanted.items()) if known.aliases or known.heirs else ():
            unclear = references.resolve(values, known)
            if unclear:
                self._hold(key, values, unclear)
        spoken = {k: v for k, v in self.wanted.items() if k.kind == LISTING_KIND}
        for key, instrument in listings.instruments(self.cursor, spoken).items():
            if instrument is not None:
                self.wanted[key]["instrument_id"] = instrument.hex

    def _hold(self, key: Key, values: Values, unclear: list[tuple[str, str]]) -> None:
        """Suspend a record that names what several instruments may be. What it cannot be without, it keeps as it was."""
        needed = [name for name, _ in unclear if name in values]
        if needed:
            current = mapping.load_kind(self.cursor, key.kind, [key.id]).get(key.id, {})
            values |= {name: current[name] for name in needed if name in current}
        if values["status"] == "active":
            values["status"] = "suspended"
        for name in dict.fromkeys(name for name, _ in unclear):
            sides = [{"reference": stated} for field, stated in unclear if field == name]
            self.drafts.append(Draft("ambiguous_reference", key, name, sides))

    # -- values that must be unique -------------------------------------------------------------------------------

    def _allot_tickers(self) -> None:
        """Of those who claim one ticker, the greatest voice gets it; the others go without.

        A line without an ISIN comes first: its ticker is its identity.
        """
        for alias, claimants in self.settled.groups.items():
            candidates: dict[tuple[str, str | None], list[tuple[Any, Key]]] = {}
            for id, ticker in claimants.items():
                key = Key(INSTRUMENT, id)
                values = self.wanted.get(key)
                if values is not None and values.get("ticker") == ticker and values["status"] != "retired":
                    voice = self.copies[key].winners["ticker"]
                    winner = ("isin" not in values, id == self.settled.chosen.get(alias), voice)
                    candidates.setdefault((ticker, values.get("line")), []).append((winner, key))
            for rivals in candidates.values():
                rivals.sort(reverse=True)
                for _, loser in rivals[1:]:
                    if "isin" in self.wanted[loser]:
                        self.wanted[loser].pop("ticker")

    def _contested_cusips(self) -> None:
        """A CUSIP that two securities have by their feeds' words goes to neither; the rivals are derived along."""
        own = {
            key: copy.values["cusip"]
            for key, copy in self.copies.items()
            if key.kind == SECURITY and "cusip" in copy.values
        }
        rivals = self._rivals(own)
        if rivals:
            identities.lock(self.cursor, rivals)
            self.calendar.add(self.cursor, rivals)
            for key, said in observations.of_subjects(self.cursor, rivals).items():
                self.copies[key] = golden(said, ())
        holders: dict[str, list[Key]] = {}
        for key, copy in self.copies.items():
            if key.kind == SECURITY and "cusip" in copy.values:
                holders.setdefault(copy.values["cusip"], []).append(key)
        for cusip, keys in holders.items():
            decided = [k for k in keys if self.copies[k].winners["cusip"][0] == -PRECEDENCE["operator"]]
            if len(keys) > 1 and len(decided) == 1:
                for key in keys:
                    if key != decided[0]:
                        del self.copies[key].values["cusip"]
            elif len(keys) > 1:
                sides = sorted(
                    ({"isin": self.copies[k].values["isin"], "cusip": cusip} for k in keys), key=lambda s: s["isin"]
                )
                for key in keys:
                    del self.copies[key].values["cusip"]
                    self.drafts.append(Draft("cusip_conflict", key, "cusip", sides))

    def _rivals(self, own: Mapping[Key, str]) -> set[Key]:
        rivals: set[Key] = set()
        if own:
            self.cursor.execute(
                """SELECT DISTINCT subject_id FROM observations
                WHERE kind = 2 AND statement ? 'cusip' AND statement ->> 'cusip' = ANY(%s)""",
                [list(set(own.values()))],
            )
            rivals |= {Key(SECURITY, id) for (id,) in self.cursor.fetchall()}
        slow = [k.id for k in self.copies if k.kind == SECURITY and k not in self.fresh]
        if slow:
            self.cursor.execute(
                """SELECT DISTINCT o.subject_id FROM disputes d, jsonb_array_elements(d.sides) side
                JOIN observations o ON o.kind = 2 AND o.statement ? 'cusip' AND o.statement ->> 'cusip' = side ->> 'cusip'
                WHERE d.rule = 'cusip_conflict' AND d.state = 'open' AND d.kind = 2 AND d.subject_id = ANY(%s)""",
                [slow],
            )
            rivals |= {Key(SECURITY, id) for (id,) in self.cursor.fetchall()}
        return rivals - self.copies.keys()

    # -- listings at home -----------------------------------------------------------------------------------------

    def _add_home_listings(self) -> None:
        lines = {k: v for k, v in self.wanted.items() if k.kind == INSTRUMENT and v["record"] in EQUITY_RECORDS}
        tickers = {key.id: {c.ticker for c in self.claims.get(key.id, [])} for key in lines}
        slow = [key.id for key in lines if key not in self.fresh]
        for claimants in equities.claims_by(self.cursor, slow).values() if slow else ():
            for id, ticker in claimants.items():
                tickers[id].add(ticker)
        derived: dict[Key, Values] = {}
        for key, values in lines.items():
            own = tickers[key.id] if "isin" in values else {values["ticker"]}
            for ticker in own:
                listing, said = nouns.home_listing(key.id, values, ticker)
                derived[listing] = said
                if key in self.fresh and listing not in self.wanted:
                    self.fresh.add(listing)
        slow_listings = {k for k in derived if k not in self.fresh}
        spoken = observations.of_subjects(self.cursor, slow_listings - self.wanted.keys())
        for listing, said in derived.items():
            if listing in self.copies:
                copy: Golden | None = self.copies[listing]
            else:
                copy = golden(spoken[listing], ()) if listing in spoken else None
            self.wanted[listing] = self._home_listing(listing, said, copy)
        self.home = {k.id for k in derived}
        spoken_of = {k for k in self.wanted if k.kind == LISTING_KIND and k not in self.fresh} | self.lost
        self._keep_home(sorted(spoken_of - derived.keys()))

    def _home_listing(self, key: Key, said: Values, copy: Golden | None) -> Values:
        """What follows from the instrument, and what was said of the listing itself."""
        if copy is None:
            return said
        values = {**said, **{n: v for n, v in copy.values.items() if n != "instrument_id"}}
        if self.calendar.is_over(key, values, copy):
            values["status"] = "retired"
        return values

    def _keep_home(self, listings: list[Key]) -> None:
        """A statement about a home listing adds to what follows from the instrument, and does not replace it.

        Without one the listing is there all the same, as long as the instrument is.
        """
        if not listings:
            return
        converted = [stated for stated, _ in self.settled.converted]
        self.cursor.execute(
            """SELECT id, instrument_id, symbol FROM listings
            WHERE is_home AND id = ANY(%s) AND NOT instrument_id = ANY(%s)""",
            [[k.id for k in listings], converted],
        )
        rows = self.cursor.fetchall()
        lines = mapping.load_kind(self.cursor, INSTRUMENT, {instrument for _, instrument, _ in rows})
        for _, instrument, symbol in rows:
            key, said = nouns.home_listing(instrument, lines[instrument], symbol)
            self.wanted[key] = self._home_listing(key, said, self.copies.get(key))

    # -- rows -----------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        current: dict[Key, Values] = {}
        self.lost -= self.wanted.keys()
        slow = [k for k in self.wanted if k not in self.fresh]
        for kind in sorted({k.kind for k in (*slow, *self.lost)}):
            ids = [k.id for k in (*slow, *self.lost) if k.kind == kind]
            current |= {Key(kind, id): values for id, values in mapping.load_kind(self.cursor, kind, ids).items()}
        order = {name: n for n, name in enumerate(mapping.NOUNS)}
        changed = {k: v for k, v in self.wanted.items() if current.get(k) != v}
        new = {k: v for k, v in changed.items() if k not in current}
        old = {k: v for k, v in changed.items() if k in current}
        self._make_room(old, current)
        converting = mapping.load_kind(self.cursor, INSTRUMENT, [stated for stated, _ in self.settled.converted])
        nouns.retire_tickers(self.cursor, converting)
        nouns.insert(self.cursor, new)
        nouns.update(self.cursor, old)
        self._remove_lost(current)
        for stated, target in self.settled.converted:
            if stated in converting:
                self._convert(stated, target, converting[stated])
        if converting:
            disputes.close_gone(self.cursor, converting)
        self.home &= {k.id for k in self.wanted}
        if self.home:
            nouns.mark_home(self.cursor, self.home)
        for key, values in sorted(changed.items(), key=lambda c: order[c[1]["record"]]):
            before = current.get(key)
            action = "register" if before is None else _ACTIONS.get((before["status"], values["status"]), "update")
            self.changes.append(Change(key, values["record"], action, before, values))

    def _make_room(self, old: Mapping[Key, Values], current: Mapping[Key, Values]) -> None:
        for table, column in (("equities", "ticker"), ("securities", "cusip")):
            moving = [
                key.id for key, values in old.items()
                if mapping.NOUNS[values["record"]].tables[-1] == table and current[key].get(column) not in (None, values.get(column))
            ]  # fmt: skip
            # a by-ticker line never changes its ticker, which is its identity
            if moving:
                nouns.release(self.cursor, table, column, moving)
        leaving = [
            key.id for key, values in old.items()
            if values["record"] in EQUITY_RECORDS and values["status"] == "retired" != current[key]["status"]
        ]  # fmt: skip
        nouns.retire_tickers(self.cursor, leaving)

    def _remove_lost(self, current: Mapping[Key, Values]) -> None:
        """Take out listings whose instrument is another one now: what was said of them counts for rows of that one."""
        gone = [key for key in sorted(self.lost) if key in current]
        if gone:
            self.cursor.execute("DELETE FROM listings WHERE id = ANY(%s)", [[key.id for key in gone]])
            self.changes += [Change(key, "listing", "move", current[key], {}) for key in gone]

    def _convert(self, stated: UUID, target: UUID | None, before: Values) -> None:
        """An instrument that became an alias goes; what referred to it refers to the target by now."""
        lookalikes.move_decisions(self.cursor, stated, target)
        nouns.delete_instrument(self.cursor, stated, before["record"])
        after = {"alias_of": target.hex} if target is not None else {}
        self.changes.append(Change(Key(INSTRUMENT, stated), before["record"], "alias", before, after))
