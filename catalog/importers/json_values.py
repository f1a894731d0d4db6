"""JSON values decoded without loss: no floats, no silent duplicate keys, no number long enough to hurt.

What RFC 8259 leaves to the reader is a problem of the value here, not a silent choice: a key given twice, `NaN`, a
number of hundreds of digits. Decoding goes on behind it, so that only the row that holds it is rejected.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from catalog.domain.decimals import MAX_TEXT, canonical_decimal
from catalog.errors import InvalidIdentifier, InvalidRecord, quote

CODES = {
    "duplicate_key": "an object of the row has a key twice",
    "invalid_number": "`NaN`, `Infinity`, or a number longer than any decimal",
}


class ValueDecoder:
    """Decodes one value at a time. `strict` refuses raw control characters inside strings, as the standard does."""

    def __init__(self, strict: bool) -> None:
        self._problem: InvalidRecord | None = None
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_float=self._decimal,
            parse_int=self._integer,
            parse_constant=self._constant,
            strict=strict,
        )

    def decode(self, text: str, start: int = 0) -> tuple[Any, int, InvalidRecord | None]:
        """(value, where it ends, its first problem) of the value at `start`.

        Raises JSONDecodeError for what is not JSON and RecursionError for what is nested too deeply.
        """
        self._problem = None
        value, end = self._decoder.raw_decode(text, start)
        return value, end, self._problem

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            self._note(InvalidRecord("key", twice, "it is given twice", code="duplicate_key"))
        return value

    def _decimal(self, text: str) -> Decimal:
        if len(text) <= MAX_TEXT:
            try:
                return Decimal(text)
            except InvalidOperation:
                pass
        return self._refuse_number(text)

    def _integer(self, text: str) -> int:
        return int(text) if len(text) <= MAX_TEXT else int(self._refuse_number(text))

    def _constant(self, text: str) -> Decimal:
        return self._refuse_number(text)

    def _refuse_number(self, text: str) -> Decimal:
        self._note(InvalidRecord("number", text[:60], "not a number that a decimal can hold", code="invalid_number"))
        return Decimal(0)

    def _note(self, problem: InvalidRecord) -> None:
        self._problem = self._problem or problem


def require_object(value: object) -> dict[str, Any]:
    """`value` as the JSON object that a row has to be."""
    if not isinstance(value, dict):
        raise InvalidRecord("row", type(value).__name__, "a JSON object is expected", code="not_an_object")
    return value


def optional_text(row: dict[str, Any], key: str, code: str = "") -> str | None:
    """The trimmed text under `key`; None when it is absent, null or blank.

    Raises InvalidRecord for other types, with the given code (`invalid_<key>` without one).
    """
    value = row.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRecord(key, quote(value), "text is expected", code=code or f"invalid_{key}")
    return value.strip() or None


def optional_decimal(value: object, name: str, code: str, *, is_signed: bool = False) -> Decimal | None:
    """The canonical decimal that `value` states, in text or as a number; None for null and for blank text.

    Raises InvalidRecord, which names the field `name` and has the given code, for what is no decimal, or is negative
    where it may not be.
    """
    if is_unset(value):
        return None
    try:
        number = canonical_decimal(value.strip() if isinstance(value, str) else value)
    except InvalidIdentifier as error:
        raise InvalidRecord(name, value, error.reason, code=code) from None
    if number < 0 and not is_signed:
        raise InvalidRecord(name, value, "negative", code=code)
    return number


def whole_number(value: object) -> int | None:
    """The whole number that an int, an integral `18.0` or digits in text state exactly; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, Decimal) and value.adjusted() < 40 and value == value.to_integral_value():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 40:
        return int(value)
    return None


def is_unset(value: object) -> bool:
    """Whether a field states nothing: null or blank text."""
    return value is None or (isinstance(value, str) and not value.strip())
