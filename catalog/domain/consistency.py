"""Records whose fields must go together: what to believe when several feeds say parts of them that do not."""

from __future__ import annotations

from collections.abc import Sequence

from catalog.domain.golden import OPERATOR_SOURCE, Golden, Observation, golden, rank
from catalog.domain.records import RECORDS
from catalog.errors import InvalidRecord

#: Record types with rules over more than one field that no identity holds together.
COMPOSED = frozenset(["broker_contract", "event_type", "future", "option", "pool", "synthetic", "venue"])


def believed(voices: Sequence[Observation]) -> tuple[Golden, bool]:
    """The golden copy of a record, and whether that is all that is to be said: no voice had to be left out, or the
    operator has said the whole record.

    Where what they say of a composed record does not make one together, the weakest voices are left out until the rest
    does; where none does so with the greatest one, the greatest that makes a record by itself is believed. It makes no
    difference in which order they spoke.
    """
    record = voices[0].values["record"]
    breaking = RECORDS[record].BREAKING
    whole = golden(voices, breaking)
    if len(voices) == 1 or record not in COMPOSED or _is_record(whole):
        return whole, True
    ordered = sorted(voices, key=lambda v: rank(v.feed.precedence, v.stamp), reverse=True)
    among = [ordered[:n] for n in range(len(ordered) - 1, 0, -1)] + [[voice] for voice in ordered[1:]]
    for some in among:
        copy = golden(some, breaking)
        if _is_record(copy):
            is_settled = some[0].feed.source == OPERATOR_SOURCE and _is_record(golden(some[:1], breaking))
            return copy, is_settled
    return whole, False


def _is_record(copy: Golden) -> bool:
    try:
        RECORDS[copy.values["record"]](**{name: value for name, value in copy.values.items() if name != "record"})
    except InvalidRecord:
        return False
    return True
