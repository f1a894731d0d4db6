"""From what feeds say to what the catalog holds: observations, how they merge, and the golden copy of a record.

Nothing here depends on the order of arrival: every choice is made by stamps, and stamps are totally ordered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from catalog.domain.calendar import format_moment

OPERATOR_SOURCE = "operator"
#: What a side of a dispute says of where it comes from, beside what it says.
PROVENANCE = frozenset(["observed_at", "payload"])


class Stamp(NamedTuple):
    """When and by what a thing was said; the greater stamp is believed among feeds of one precedence."""

    observed_at: datetime
    payload_hash: bytes
    canonical: str


class Said(NamedTuple):
    """A value and the stamp of the statement that said it."""

    value: Any
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Feed:
    """One voice: `source` and `name` say whose, the lowest `precedence` is believed first.

    `exceptions` are the fields of which it is believed otherwise: (record type, field) → precedence.
    """

    feed_id: int
    source: str
    name: str
    precedence: int
    exceptions: Mapping[tuple[str, str], int] = field(default_factory=dict, hash=False, compare=False)

    @property
    def label(self) -> str:
        """How people see it: `token-list:CoinGecko`."""
        return f"{self.source}:{self.name}"

    def precedence_of(self, record: str, name: str) -> int:
        """How much it is believed about one field."""
        return self.exceptions.get((record, name), self.precedence) if self.exceptions else self.precedence


@dataclass(frozen=True, slots=True)
class Observation:
    """What one feed says of one record: its newest statement (`values`), fields that only older statements know
    (`older`), and for breaking fields what it said first, when that was not the newest (`earliest`)."""

    feed: Feed
    stamp: Stamp
    values: Mapping[str, Any]
    older: Mapping[str, Said] = field(default_factory=dict)
    earliest: Mapping[str, Said] = field(default_factory=dict)

    def said(self, name: str) -> Said | None:
        """What this feed says of a field now; None when it never said anything."""
        if name in self.values:
            return Said(self.values[name], self.stamp)
        return self.older.get(name)

    def precedence_of(self, name: str) -> int:
        """How much its feed is believed about a field of this record."""
        return self.feed.precedence_of(self.values.get("record", ""), name)

    def first(self, name: str) -> Said | None:
        """What this feed said of a breaking field first."""
        return self.earliest.get(name) or self.said(name)

    def fields(self) -> set[str]:
        """All fields that it ever said something of."""
        return set(self.values) | set(self.older)


def merge(one: Observation, other: Observation, breaking: Iterable[str]) -> Observation:
    """Two observations of one record by one feed as one, whichever came first."""
    newest, oldest = (one, other) if one.stamp >= other.stamp else (other, one)
    older: dict[str, Said] = {}
    for name in (newest.fields() | oldest.fields()) - set(newest.values):
        candidates = [s for s in (newest.said(name), oldest.said(name)) if s is not None]
        older[name] = max(candidates, key=lambda s: s.stamp)
    earliest: dict[str, Said] = {}
    for name in breaking:
        firsts = [s for s in (newest.first(name), oldest.first(name)) if s is not None]
        if firsts:
            first = min(firsts, key=lambda s: s.stamp)
            if first.stamp != newest.stamp:
                earliest[name] = first
    return Observation(newest.feed, newest.stamp, newest.values, older, earliest)


class FieldDispute(NamedTuple):
    """Feeds disagree on a field: the rule that noticed, the field, and what each side says."""

    rule: str
    field: str
    sides: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Golden:
    """The golden copy: a value per known field, who won each, and what is disputed."""

    values: dict[str, Any]
    winners: dict[str, tuple[int, Stamp]]
    disputes: list[FieldDispute]
    #: When the operator, or the best of the feeds that speak of it, last said that the record is not retired.
    last_alive: datetime | None = None

    @property
    def is_suspended(self) -> bool:
        """Whether a breaking field is unsettled, which suspends the record."""
        return any(d.rule == "breaking_conflict" for d in self.disputes)


def rank(precedence: int, stamp: Stamp) -> tuple[int, Stamp]:
    """The order in which voices win: the greatest is believed."""
    return (-precedence, stamp)


def golden(observations: Iterable[Observation], breaking: Iterable[str]) -> Golden:
    """Derive a record from all observations of it, field by field.

    A breaking field is the operator's newest word; else what the feeds of the highest precedence said first, if they
    agree; else it is left out and disputed. Any other field is the word of the greatest (precedence, stamp).
    """
    voices = list(observations)
    values: dict[str, Any] = {}
    winners: dict[str, tuple[int, Stamp]] = {}
    disputes: list[FieldDispute] = []
    decisive = frozenset(breaking)
    for name in sorted(set().union(*(v.fields() for v in voices)) - decisive):
        best = max(
            (
                (*rank(v.precedence_of(name), said.stamp), said.value)
                for v in voices
                if (said := v.said(name)) is not None
            ),
            key=lambda r: r[:2],
        )
        values[name] = best[2]
        winners[name] = best[:2]
    for name in sorted(decisive):
        speaking = [v for v in voices if v.first(name) is not None]
        if speaking:
            _settle(name, speaking, values, winners, disputes)
    return Golden(values, winners, disputes, _last_alive(voices))


def _last_alive(voices: list[Observation]) -> datetime | None:
    speaking = [(v, said) for v in voices if (said := v.said("status")) is not None]
    feeds = [v.precedence_of("status") for v, _ in speaking if v.feed.source != OPERATOR_SOURCE]
    believed = [
        said for v, said in speaking if v.feed.source == OPERATOR_SOURCE or v.precedence_of("status") == min(feeds)
    ]
    return max((s.stamp.observed_at for s in believed if s.value != "retired"), default=None)


def _settle(
    name: str,
    speaking: list[Observation],
    values: dict[str, Any],
    winners: dict[str, tuple[int, Stamp]],
    disputes: list[FieldDispute],
) -> None:
    top = min(v.precedence_of(name) for v in speaking)
    highest = [v for v in speaking if v.precedence_of(name) == top]
    confirmed = [v for v in highest if v.feed.source == OPERATOR_SOURCE]
    deciding = confirmed or highest
    words = []
    for voice in deciding:
        word = voice.said(name) if confirmed else voice.first(name)
        assert word is not None
        words.append((voice, word))
    if confirmed:
        words = [max(words, key=lambda w: w[1].stamp)]
    if len({word.value for _, word in words}) == 1:
        values[name] = words[0][1].value
        winners[name] = max(rank(v.precedence_of(name), w.stamp) for v, w in words)
        changed = [v for v in deciding if not confirmed and (now := v.said(name)) and now.value != values[name]]
        if changed:
            disputes.append(FieldDispute("breaking_change", name, [_side(v, name) for v in _ordered(changed)]))
    else:
        disputes.append(FieldDispute("breaking_conflict", name, [_side(v, name) for v in _ordered(highest)]))


def _ordered(voices: list[Observation]) -> list[Observation]:
    return sorted(voices, key=lambda v: v.feed.label)


def _side(voice: Observation, name: str) -> dict[str, Any]:
    first, now = voice.first(name), voice.said(name)
    assert first is not None
    side = {"feed": voice.feed.label, "value": first.value}
    spoken = first
    if now is not None and now.value != first.value:
        side["now"] = now.value
        spoken = now
    side["observed_at"] = format_moment(spoken.stamp.observed_at)
    if spoken.stamp.payload_hash:
        side["payload"] = spoken.stamp.payload_hash.hex()
    return side
