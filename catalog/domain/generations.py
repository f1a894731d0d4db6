"""Generations of codes that their owner gave to someone new: which holder a code meant at a moment."""

from __future__ import annotations

from datetime import datetime

from catalog.domain.vocabulary import REUSED_CODES
from catalog.errors import InvalidRecord


def generation_in_force(exchange: str, code: str, moment: datetime | None) -> str | None:
    """The generation of `code` at `moment`: None for the first holder, then `2`, `3` …

    A change takes effect at its moment. Raises InvalidRecord with the code `ambiguous_generation` when the code has
    had several holders and there is no moment to choose by.
    """
    changes = REUSED_CODES.get((exchange, code), ())
    if not changes:
        return None
    if moment is None:
        raise InvalidRecord(
            "symbol",
            code,
            f"{exchange} gave this code to {len(changes) + 1} holders and the payload has no time of its own",
            code="ambiguous_generation",
            hint="say with --observed-at when the payload was made",
        )
    passed = sum(datetime.fromisoformat(change) <= moment for change in changes)
    return str(passed + 1) if passed else None


def latest_generation(*generations: str | None) -> str | None:
    """The highest of several generations: that of a pair whose symbol is made of reused codes."""
    return max((g for g in generations if g is not None), key=int, default=None)
