"""Where the values of a record come from: for each field the voice that won, by which rule, and what the others said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from catalog.domain.consistency import believed
from catalog.domain.golden import OPERATOR_SOURCE, Feed, Observation, Said, rank
from catalog.domain.records import RECORDS

#: Why a value stands, in the words that users see.
RULES = {
    "only": "nobody else speaks of it",
    "precedence": "the feed is believed before the others",
    "newest": "of feeds that are believed alike, it spoke last",
    "payload": "of feeds that are believed alike and spoke for one time, the greater payload hash decides",
    "confirmed": "the operator said so",
    "first_stated": "what the best feeds said first, and they agree",
    "disputed": "the best feeds disagree, so it is unknown until an operator decides",
    "inconsistent": "what this voice says does not go together with the rest of the record",
}


@dataclass(frozen=True)
class Voice:
    """What one feed says of a field: the value, for which time, in which payload, and how much it is believed."""

    feed: Feed
    said: Said
    precedence: int


@dataclass(frozen=True)
class Story:
    """A field's value (None: unknown), the rule that decided, who won, who says the same, who says otherwise."""

    value: Any
    rule: str
    won: Voice | None
    agreed: list[Voice]
    lost: list[Voice]


def stories(voices: Sequence[Observation], prefix: str = "beside.") -> dict[str, Story]:
    """The story of each field that anybody speaks of.

    What is said by the way, under a name that begins with `prefix`, counts where nobody speaks of the field outright.
    The rules are those of `catalog.domain.golden`: this asks it who won, and does not decide again.
    """
    copy, _ = believed(voices)
    breaking = RECORDS[copy.values["record"]].BREAKING
    names = set().union(*(voice.fields() for voice in voices)) - {"record"}
    outright = {name for name in names if not name.startswith(prefix)}
    found = {name: _story(name, voices, copy.values, copy.winners, breaking) for name in outright}
    for name in names - outright:
        if (plain := name.removeprefix(prefix)) not in outright:
            found[plain] = _story(name, voices, copy.values, copy.winners, breaking)
    return dict(sorted(found.items()))


def _story(
    name: str, voices: Sequence[Observation], values: dict[str, Any], winners: dict[str, Any], breaking: Sequence[str]
) -> Story:
    spoken = []
    for voice in voices:
        said = voice.first(name) if name in breaking and voice.feed.source != OPERATOR_SOURCE else voice.said(name)
        if said is not None:
            spoken.append(Voice(voice.feed, said, voice.precedence_of(name)))
    spoken.sort(key=lambda v: rank(v.precedence, v.said.stamp), reverse=True)
    if name not in values:
        return Story(None, "disputed" if name in breaking else "inconsistent", None, [], spoken)
    won = next(v for v in spoken if rank(v.precedence, v.said.stamp) == winners[name])
    others = [v for v in spoken if v is not won]
    agreed = [v for v in others if v.said.value == won.said.value]
    lost = [v for v in others if v.said.value != won.said.value]
    return Story(won.said.value, _rule(name in breaking, won, others), won, agreed, lost)


def _rule(is_breaking: bool, won: Voice, others: list[Voice]) -> str:
    if is_breaking and others:
        return "confirmed" if won.feed.source == OPERATOR_SOURCE else "first_stated"
    if not others:
        return "only"
    best = others[0]
    if won.precedence != best.precedence:
        return "precedence"
    return "newest" if won.said.stamp.observed_at != best.said.stamp.observed_at else "payload"
