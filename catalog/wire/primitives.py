"""The types that fields are made of (docs/protocol.md §4), read with care: each reader proves the bounds first.

These are the readers that say what is wrong and where. The compiled codecs are faster and fall back on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from functools import lru_cache
from itertools import pairwise
from struct import Struct
from typing import Any

from catalog.errors import DecodeError, InvalidRecord, LimitExceeded, Truncated
from catalog.wire.layout import MAX_DIGITS

U8 = Struct("<B")
U16 = Struct("<H")
U32 = Struct("<I")
U64 = Struct("<Q")
I32 = Struct("<i")
DECIMAL = Struct("<qb")
_EXACT = Context(prec=MAX_DIGITS + 1, Emax=999, Emin=-999)
_ZERO = Decimal(0)
_LIMIT = 10**MAX_DIGITS
_DAY_ZERO = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END_OF_TIME = 9_214_646_400_000_000_000  # 2262-01-01
_MICROSECOND = timedelta(microseconds=1)
DAY_SECONDS = 86_400


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

    def number(self, struct: Struct, field: str) -> int:
        """A number in the form of `struct`."""
        found: int = struct.unpack(self.take(struct.size, field))[0]
        return found

    def proved(self, struct: Struct, make: Callable[[int], Any], field: str, expected: str) -> Any:
        """What `make` makes of a number; a ValueError of it is a DecodeError here."""
        start = self.at
        number = self.number(struct, field)
        try:
            return make(number)
        except ValueError:
            raise DecodeError(self.base + start, field, expected, number) from None

    def count(self, limit: int, field: str) -> int:
        """The u16 number of elements that follow, within `limit`."""
        return self.limited(self.u16(field), limit, field)

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


@lru_cache(maxsize=8192, typed=True)
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


def to_day(days: int) -> date:
    """The day `days` after 1970-01-01. Raises ValueError outside the years 1 to 9999."""
    return date.fromordinal(_DAY_ZERO + days)


def to_moment(nanoseconds: int) -> datetime:
    """The moment so many nanoseconds after 1970, in UTC. Raises ValueError from 2262 on and for parts of a microsecond."""
    if nanoseconds % 1000 or nanoseconds >= END_OF_TIME:
        raise ValueError("whole microseconds before 2262")
    return _EPOCH + nanoseconds // 1000 * _MICROSECOND


def to_nanoseconds(nanoseconds: int) -> int:
    """The number itself, when it is a moment. Raises ValueError like `to_moment`."""
    if nanoseconds % 1000 or not 0 <= nanoseconds < END_OF_TIME:
        raise ValueError("whole microseconds before 2262")
    return nanoseconds


def to_clock(seconds: int) -> time:
    """The time of day so many seconds after midnight. Raises ValueError for a day or more."""
    if seconds >= DAY_SECONDS:
        raise ValueError("less than a day")
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60)


def to_flag(number: int) -> bool:
    """False or True of 0 or 1. Raises ValueError for any other number."""
    if number > 1:
        raise ValueError("0 or 1")
    return number == 1


def encode_day(value: date) -> bytes:
    """Days after 1970-01-01 as i32."""
    if isinstance(value, datetime):
        raise TypeError("a day is expected")
    return I32.pack(value.toordinal() - _DAY_ZERO)


def encode_moment(value: datetime) -> bytes:
    """Nanoseconds after 1970 as u64. Raises ValueError outside 1970 to 2261."""
    number = (value - _EPOCH) // _MICROSECOND * 1000
    if not 0 <= number < END_OF_TIME:
        raise ValueError("a time from 1970 to 2261")
    return U64.pack(number)


def encode_clock(value: time) -> bytes:
    """Seconds after midnight as u32. Raises ValueError for parts of a second."""
    if type(value) is not time or value.tzinfo is not None:
        raise TypeError("a time of day without a zone")
    if value.microsecond:
        raise ValueError("whole seconds")
    return U32.pack(value.hour * 3600 + value.minute * 60 + value.second)


def encode_flag(value: bool) -> bytes:
    """One byte, 0 or 1."""
    if value is not True and value is not False:
        raise TypeError("true or false")
    return b"\1" if value else b"\0"


def encode_number(struct: Struct, value: int) -> bytes:
    """A number in the form of `struct`; a flag is no number."""
    if type(value) is not int:
        raise TypeError("a number")
    return struct.pack(value)


def encode_keys(value: Sequence[str], limit: int) -> bytes:
    """u16 count, then the keys, which ascend strictly."""
    if isinstance(value, str) or not 0 < len(value) <= limit or not ascends(value):
        raise ValueError(f"1 to {limit} keys in ascending order")
    return U16.pack(len(value)) + b"".join([encode_key(v) for v in value])


def ascends(keys: Sequence[str]) -> bool:
    """Whether keys ascend strictly by their UTF-8 bytes, which is the order of their code points."""
    return all(one < other for one, other in pairwise(keys))


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
