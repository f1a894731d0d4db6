"""Exact decimals: canonical on entry, equal in value, within what the wire holds."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.decimals import canonical_decimal, format_decimal, from_mantissa, to_mantissa
from catalog.errors import InvalidIdentifier


@pytest.mark.parametrize(
    ("given_value", "text"),
    [
        ("1.500", "1.5"),
        ("1e3", "1000"),
        ("-0", "0"),
        ("0.000", "0"),
        (10**30, "1" + "0" * 30),
        ("  7 ", "7"),
        ("1e-128", "0." + "0" * 127 + "1"),
    ],
)
def test_canonical(given_value: object, text: str) -> None:
    assert format_decimal(canonical_decimal(given_value)) == text


@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", "1e400", "1e-129", "", "abc", "1_000", "٣", "1" * 300, 0.1, True, None, Decimal("9" * 5000), 10**400, "1234567890.123456789"],
    ids=lambda v: str(v)[:20],
)  # fmt: skip
def test_refused(value: object) -> None:
    with pytest.raises(InvalidIdentifier):
        canonical_decimal(value)


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(-128, 100))
def test_mantissa_round_trip(mantissa: int, exponent: int) -> None:
    value = from_mantissa(mantissa, exponent)
    assert value == Decimal(mantissa).scaleb(exponent)
    assert from_mantissa(*to_mantissa(value)) == value
    assert canonical_decimal(format_decimal(value)) == value
