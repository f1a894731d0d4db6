"""The types that fields are made of (docs/protocol.md §4), read with care: each reader proves the bounds first.

These are the readers that say what is wrong and where. The compiled codecs are faster and fall back on them.
"""

from __future__ import annotations

from decimal import Context, Decimal
from functools import lru_cache
from struct import Struct
from typing import Any

from catalog.errors import DecodeError, InvalidRecord, LimitExceeded, Truncated
from catalog.wire.layout import MAX_DIGITS

U16 = Struct("<H")
U32 = Struct("<I")
U64 = Struct("<Q")
DECIMAL = Struct("<qb")
_EXACT = Context(prec=MAX_DIGITS + 1, Emax=999, Emin=-999)
_ZERO = Decimal(0)
_LIMIT = 10**MAX_DIGITS


class Cursor:
    """A place in a payload. `base` is the payload's place in the file, so that errors name the file's offset."""

    __slots__ = ("at", "base", "data", "end")

    def __init__(self, data: bytes, at: int = 0, base: int = 0) -> None:
        self.data, self.at, self.base, self.end = data, at, base, len(data)

    def take(self, size: int, field: str) -> bytes:
        """The next `size` bytes; raises Truncated when fewer are left."""
        start = self.at
        if size > self.end - start:
            raise Truncated(self.base + start, field, f"{size} bytes", self.end - start)
        self.at = start + size
        return self.data[start : self.at]

    def u8(self, field: str) -> int:
        return self.take(1, field)[0]

    def u16(self, field: str) -> int:
        return int.from_bytes(self.take(2, field), "little")

    def u32(self, field: str) -> int:
        return int.from_bytes(self.take(4, field), "little")

    def u64(self, field: str) -> int:
        return int.from_bytes(self.take(8, field), "little")

    def key(self, field: str) -> str:
        """u8 length (1–255) and UTF-8."""
        start, size = self.at, self.u8(field)
        if not size:
            raise DecodeError(self.base + start, field, "a key of 1 to 255 bytes", "an empty one")
        return self._text(size, field)

    def text(self, field: str) -> str:
        """u16 length (0–65,535) and UTF-8."""
        return self._text(self.u16(field), field)

    def decimal(self, field: str) -> Decimal:
        """i64 mantissa and i8 exponent, canonical."""
        start = self.at
        mantissa, exponent = DECIMAL.unpack(self.take(DECIMAL.size, field))
        try:
            return to_decimal(mantissa, exponent)
        except ValueError as error:
            raise DecodeError(
                self.base + start, field, f"a canonical decimal ({error})", f"{mantissa}e{exponent}"
            ) from None

    def present(self, field: str) -> bool:
        """One presence byte, 0 or 1."""
        start, flag = self.at, self.u8(field)
        if flag > 1:
            raise DecodeError(self.base + start, field, "a presence byte of 0 or 1", flag)
        return flag == 1

    def code(self, width: int, names: dict[int, str], field: str, vocabulary: str) -> str:
        """A code of `width` bytes, as the name that the file's vocabulary gives it."""
        start, code = self.at, int.from_bytes(self.take(width, field), "little")
        if code not in names:
            raise DecodeError(self.base + start, field, f"a code of the vocabulary `{vocabulary}`", code)
        return names[code]

    def limited(self, size: int, limit: int, field: str) -> int:
        """`size`, when it is within `limit`."""
        if size > limit:
            raise LimitExceeded(self.base + self.at, field, f"at most {limit}", size)
        return size

    def _text(self, size: int, field: str) -> str:
        start = self.at
        data = self.take(size, field)
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise DecodeError(self.base + start + error.start, field, "UTF-8", data[error.start : error.end]) from None


def to_decimal(mantissa: int, exponent: int) -> Decimal:
    """The Decimal of mantissa × 10^exponent. Raises ValueError unless the pair is the canonical one of its value."""
    if not mantissa:
        if exponent:
            raise ValueError("zero has the exponent 0")
        return _ZERO
    if not -_LIMIT < mantissa < _LIMIT:
        raise ValueError(f"at most {MAX_DIGITS} digits")
    if mantissa % 10 == 0:
        raise ValueError("no trailing zeros in the mantissa")
    if exponent > 0 and exponent + len(str(abs(mantissa))) <= MAX_DIGITS:
        return Decimal(mantissa * 10**exponent)
    return Decimal(mantissa).scaleb(exponent, _EXACT)


@lru_cache(maxsize=8192)
def encode_decimal(value: Decimal) -> bytes:
    """The nine bytes of a Decimal. Raises ValueError for what has no exact wire form."""
    if not value.is_finite():
        raise ValueError("a finite Decimal is expected")
    if not value:
        return DECIMAL.pack(0, 0)
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    mantissa = int("".join(map(str, digits)))
    while mantissa % 10 == 0:
        mantissa //= 10
        exponent += 1
    if mantissa >= _LIMIT or not -128 <= exponent <= 127:
        raise ValueError(f"at most {MAX_DIGITS} digits and an exponent from -128 to 127 are allowed")
    return DECIMAL.pack(-mantissa if sign else mantissa, exponent)


def encode_key(value: str, field: str = "key") -> bytes:
    """u8 length and UTF-8. Raises InvalidRecord for what is empty, too long or no text."""
    data = _utf8(value, field)
    if not 0 < len(data) <= 0xFF:
        raise InvalidRecord(field, value, f"{len(data)} bytes; a key has 1 to 255")
    return bytes((len(data),)) + data


def encode_text(value: str, field: str = "text") -> bytes:
    """u16 length and UTF-8. Raises InvalidRecord for what is too long or no text."""
    data = _utf8(value, field)
    if len(data) > 0xFFFF:
        raise InvalidRecord(field, value, f"{len(data)} bytes; at most 65,535 are allowed")
    return U16.pack(len(data)) + data


def encode_u8(value: Any, field: str) -> bytes:
    if type(value) is not int or not 0 <= value <= 0xFF:
        raise InvalidRecord(field, value, "a number from 0 to 255 is expected")
    return bytes((value,))


def encode_exact(value: Decimal, field: str) -> bytes:
    try:
        return encode_decimal(value)
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidRecord(field, value, str(error)) from None


def encode_id(value: str, width: int, field: str) -> bytes:
    """The first `width` bytes of an id given as 32 hex digits."""
    try:
        data = bytes.fromhex(value)
    except (ValueError, TypeError):
        data = b""
    if len(data) != 16:
        raise InvalidRecord(field, value, "32 hex digits are expected")
    return data[:width]


def _utf8(value: object, field: str) -> bytes:
    if not isinstance(value, str):
        raise InvalidRecord(field, value, "text is expected")
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise InvalidRecord(field, value, "a lone surrogate is not text") from None
