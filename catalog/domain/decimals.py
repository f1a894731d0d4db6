"""Exact decimals: the one form in which a price, size, fee or tick exists here.

Canonical means no exponent, no trailing zeros, no `-0`, finite, at most 18 significant digits and an exponent from
-128 to 127 (so that every value fits the wire's i64 mantissa and i8 exponent). A canonical value equals the value
that was sent; the digits as sent stay in the payload.
"""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation

from catalog.errors import InvalidIdentifier

MAX_DIGITS = 18
MIN_EXPONENT, MAX_EXPONENT = -128, 127
MAX_TEXT = 400  # longer input is refused unread; the longest canonical value has 146 digits

_EXACT = Context(prec=MAX_DIGITS + 1)
_ZERO = Decimal(0)


def canonical_decimal(value: object) -> Decimal:
    """`value` (text, int or Decimal) as its canonical Decimal.

    Raises InvalidIdentifier for floats (they have lost digits already), NaN, infinities, what is not a number, and
    what has more than 18 significant digits or an exponent outside -128…127.
    """
    number = _number(value)
    if not number.is_finite():
        raise InvalidIdentifier("decimal", value, "not finite")
    if number.is_zero():
        return _ZERO
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if len(digits) > MAX_TEXT:
        raise InvalidIdentifier("decimal", f"a number of {len(digits)} digits", f"more than {MAX_DIGITS} digits")
    while digits[-1] == 0:
        digits = digits[:-1]
        exponent += 1
    if len(digits) > MAX_DIGITS and exponent <= 0:
        raise InvalidIdentifier("decimal", value, f"more than {MAX_DIGITS} significant digits")
    if exponent > 0 and len(digits) + exponent <= MAX_DIGITS:
        digits, exponent = digits + (0,) * exponent, 0
    if len(digits) > MAX_DIGITS:
        raise InvalidIdentifier("decimal", value, f"more than {MAX_DIGITS} significant digits")
    if not MIN_EXPONENT <= exponent <= MAX_EXPONENT:
        raise InvalidIdentifier("decimal", value, f"exponent {exponent} is outside {MIN_EXPONENT}…{MAX_EXPONENT}")
    return Decimal((sign, digits, exponent))


def _number(value: object) -> Decimal:
    """The Decimal that text, an int or a Decimal is; refuses floats and what would cost too much to read."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise InvalidIdentifier("decimal", value, f"longer than {MAX_TEXT} characters")
        if "_" in value or not value.isascii():
            raise InvalidIdentifier("decimal", value, "not a number")
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise InvalidIdentifier("decimal", value, "not a number") from None
    elif isinstance(value, int) and not isinstance(value, bool):
        if value.bit_length() > 1024:
            raise InvalidIdentifier("decimal", "an integer over 1024 bits", f"more than {MAX_DIGITS} digits")
        number = Decimal(value)
    elif isinstance(value, float):
        raise InvalidIdentifier("decimal", value, "a float is not exact; give text")
    else:
        raise InvalidIdentifier("decimal", value, "not a number")
    return number


def format_decimal(value: Decimal) -> str:
    """The canonical text of a canonical Decimal: digits, no exponent (`0.00000001`, `1000`)."""
    return format(value, "f")


def to_mantissa(value: Decimal) -> tuple[int, int]:
    """(mantissa, exponent) of a canonical Decimal, with no trailing zero in the mantissa; zero is (0, 0)."""
    if value.is_zero():
        return 0, 0
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    mantissa = int("".join(map(str, digits)))
    while mantissa % 10 == 0:
        mantissa //= 10
        exponent += 1
    return (-mantissa if sign else mantissa), exponent


def from_mantissa(mantissa: int, exponent: int) -> Decimal:
    """The canonical Decimal of mantissa × 10^exponent; raises InvalidIdentifier when it breaks the limits."""
    return canonical_decimal(Decimal(mantissa).scaleb(exponent, _EXACT) if mantissa else _ZERO)
