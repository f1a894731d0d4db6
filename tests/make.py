"""Records from JSON-like values: text for decimals, days and times, mappings for parts, as users of JSON write them."""

from __future__ import annotations

from typing import Any, TypeVar

from catalog.domain import Record

R = TypeVar("R", bound=Record)


def make(model: type[R], **fields: Any) -> R:
    """A record; the model checks what the type checker cannot."""
    return model(**fields)
