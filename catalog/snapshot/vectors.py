"""Fields of many records at once: from places in the file to Arrow arrays, without a step per row.

A `Cursor` stands at one place in each of many payloads and moves over a field in all of them; `Bytes` picks what
stands at many places. Neither believes the bytes: each place is proved to lie inside its payload before it is read.
What is wrong is not explained here, only `Refused`; the decoder of single records is then asked.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from catalog.snapshot.extra import load
from catalog.wire.frame import Buffer
from catalog.wire.layout import ID_SIZE, MAX_DIGITS, MAX_ITEMS, VOCABULARIES, Field

np, pa, pc = load("numpy"), load("pyarrow"), load("pyarrow.compute")

Array: TypeAlias = Any  # of numpy, or of pyarrow

#: What decimals have as numbers: 38 digits, 18 of them behind the point.
PRECISION, SCALE = 38, 18
_SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "bool": 1, "date": 4, "time": 8, "clock": 4, "decimal": 9}
_SIZES |= {"id": ID_SIZE, "kind": 1, "record": 2, "subtype": 1}
#: Bytes of the length, or of the count of elements, that stands before a field of variable size.
_LENGTHS = {"key": 1, "text": 2, "binary": 2, "keys": 2, "list": 2}
#: A list of keys, as a list of elements with one field.
KEY_ITEMS = (Field("", "key"),)


class Refused(Exception):
    """The bytes of some row are not what the protocol says they are."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(field, expected)
        self.field, self.expected = field, expected


def refuse(bad: Array, field: str, expected: str) -> None:
    """Raise Refused when any row is bad."""
    if bad.any():
        raise Refused(field, expected)


class Bytes:
    """The bytes of a file from `base` on, many places at a time. Places count from `base`."""

    def __init__(self, data: Buffer, base: int = 0) -> None:
        self.u8 = np.frombuffer(data, np.uint8, len(data) - base, base)
        self._source = pa.py_buffer(data).slice(base)

    def numbers(self, dtype: Any, at: Array) -> Array:
        """The numbers (or structures) that stand at these places. Raises IndexError outside the file."""
        dtype = np.dtype(dtype)
        size = dtype.itemsize
        windows = np.ndarray((max(0, len(self.u8) - size + 1),), f"V{size}", self.u8, 0, (1,))
        return windows[at].view(dtype)

    def binaries(self, start: Array, size: Array) -> Array:
        """The bytes of these (ascending) stretches, which the caller has proved, as Arrow binaries.

        In Arrow one offset ends a value and begins the next. So the file is taken as an array in which every other
        value is one of ours, and those are copied out.
        """
        if not len(start):
            return pa.array([], pa.binary())
        edges = np.empty(2 * len(start), np.int32)
        edges[::2] = start
        edges[1::2] = start + size
        every = pa.Array.from_buffers(pa.binary(), len(edges) - 1, [None, pa.py_buffer(edges), self._source])
        return pc.take(every, pa.array(np.arange(0, len(edges), 2)), boundscheck=False)


class Span(NamedTuple):
    """Where one field stands in every row.

    `present` says which rows have it, None that all have; `start` is the place of its bytes and `size` their number.
    Of a list, `size` is the number of elements, `elements` stands at the first field of each, and `start` is nowhere.
    """

    present: Array | None
    start: Array
    size: Array
    elements: Cursor | None = None


class Cursor:
    """A place in each of many payloads: `at`, with `end` behind the payload. All lie inside `source`."""

    def __init__(self, source: Bytes, width: int, at: Array, end: Array) -> None:
        self.source, self.width, self.at, self.end = source, width, at, end

    def next(self, field: Field) -> Span:
        """Where the field at the cursor stands; the cursor moves behind it. Raises Refused."""
        at, present, flag = self.at, None, 1
        if field.optional:
            flag = self.source.u8[at]
            if field.since > 1:  # a payload that ends here has no presence byte
                is_over = at == self.end
                flag, at = np.where(is_over, 0, flag).astype(np.uint8), at - is_over
            refuse(flag > 1, field.name, "a presence byte of 0 or 1")
            present = flag.view(np.bool_)
            at = at + 1
        head = _LENGTHS.get(field.type, 0)
        if not head:
            size = self._fixed_size(field) * flag
            self._move(at + size, field)
            return Span(present, at, size)
        size = self.source.u8[at] if head == 1 else self.source.numbers("<u2", at)
        if present is not None:
            size = size * flag
            head = head * flag
        if field.type in ("key", "keys"):
            refuse(size < flag, field.name, "at least one byte, or key")
        start = at + head
        if field.type in ("list", "keys"):
            self._move(start, field)
            refuse(size > MAX_ITEMS, field.name, f"at most {MAX_ITEMS}")
            return Span(present, start, size, self._elements(field, field.items or KEY_ITEMS, size.astype(np.int64)))
        self._move(start + size, field)
        return Span(present, start, size)

    def _move(self, at: Array, field: Field) -> None:
        refuse(at > self.end, field.name, "a field that ends inside its payload")
        self.at = at

    def _fixed_size(self, field: Field) -> int:
        if field.type in ("code8", "code16"):
            return VOCABULARIES[field.domain]
        return _SIZES.get(field.type, self.width)  # all others are references

    def _elements(self, field: Field, items: tuple[Field, ...], counts: Array) -> Cursor:
        """Walk over as many elements as each row has; a cursor for all of them, row by row."""
        refuse(counts > self.end - self.at, field.name, "elements that lie inside the payload")
        first = np.cumsum(counts) - counts
        rows = np.repeat(np.arange(len(counts)), counts)
        starts = np.empty(len(rows), np.int64)
        active = np.flatnonzero(counts)
        walk = Cursor(self.source, self.width, self.at[active], self.end[active])
        number = 0
        while len(active):
            starts[first[active] + number] = walk.at
            for item in items:
                walk.next(item)
            number += 1
            more = counts[active] > number
            if not more.all():
                self.at[active] = walk.at
                active = active[more]
                walk = Cursor(self.source, self.width, walk.at[more], walk.end[more])
        return Cursor(self.source, self.width, starts, self.end[rows])


# --- arrays ---------------------------------------------------------------------------------------------------------


def validity(present: Array | None) -> Array | None:
    """Which rows have a value, as Arrow says it: a bit each."""
    return None if present is None else pa.py_buffer(np.packbits(present, bitorder="little"))


def plain(type: Array, values: Array, present: Array | None) -> Array:
    """An array of fixed-size values, given for the rows that have one; nulls are zeros underneath."""
    if present is not None:
        full = np.zeros((len(present), *values.shape[1:]), values.dtype)
        full[present] = values
        values = full
    data = np.packbits(values, bitorder="little") if type == pa.bool_() else np.ascontiguousarray(values)
    return pa.Array.from_buffers(type, len(values), [validity(present), pa.py_buffer(data)])


def strings(type: Array, source: Bytes, span: Span) -> Array:
    """The texts (or bytes) of a span. Raises ArrowInvalid when a text is not UTF-8."""
    found = source.binaries(span.start, span.size)
    if not _is_ascii(found):
        found = found.cast(type)  # which proves that it is UTF-8
    return pa.Array.from_buffers(type, len(found), [validity(span.present), *found.buffers()[1:]])


def _is_ascii(binaries: Array) -> bool:
    data = binaries.buffers()[2]
    return data is None or not data.size or bool(np.frombuffer(data, np.int8).min() >= 0)


#: Two bytes, as a number → their four hex digits.
_HEX = np.frombuffer(np.arange(1 << 16, dtype="<u2").tobytes().hex().encode(), "<u4")


def hex_digits(ids: Array, present: Array | None) -> Array:
    """Ids as text, given as void elements of 8 or 16 bytes for the rows that have one."""
    size = 2 * ids.dtype.itemsize
    digits = _HEX[ids.view("<u2")]
    if present is None:
        offsets = np.arange(0, size * len(ids) + 1, size, dtype=np.int32)
    else:
        offsets = np.zeros(len(present) + 1, np.int32)
        np.cumsum(present, out=offsets[1:])
        offsets *= size
    buffers = [validity(present), pa.py_buffer(offsets), pa.py_buffer(digits)]
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)


def lists(type: Array, counts: Array, present: Array | None, elements: Array) -> Array:
    """Lists with so many of `elements` each."""
    offsets = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=offsets[1:])
    buffers = [validity(present), pa.py_buffer(offsets)]
    return pa.Array.from_buffers(type, len(counts), buffers, children=[elements])


# --- decimals -------------------------------------------------------------------------------------------------------

DECIMAL = np.dtype([("mantissa", "<i8"), ("exponent", "i1")])
_LIMIT = 10**MAX_DIGITS
_POWERS = [10**n for n in range(PRECISION)]
_LOW = np.array([power & 0xFFFF_FFFF_FFFF_FFFF for power in _POWERS], np.uint64)
_HIGH = np.array([power >> 64 for power in _POWERS], np.uint64)
#: Mantissas below this one have at most 38 digits when multiplied by the power.
_ROOM = np.array([min(_LIMIT, 10**PRECISION // power) for power in _POWERS], np.int64)
_32 = np.uint64(32)
_LOW_32 = np.uint64(0xFFFF_FFFF)


def is_canonical(mantissa: Array, exponent: Array) -> Array:
    """Which of these are the one form of their value."""
    zero = mantissa == 0
    in_range = (mantissa > -_LIMIT) & (mantissa < _LIMIT)
    return in_range & np.where(zero, exponent == 0, mantissa != mantissa // 10 * 10)


def fits(mantissa: Array, exponent: Array) -> Array:
    """Which of these canonical decimals decimal128(38, 18) holds exactly."""
    shift = exponent.astype(np.int64) + SCALE
    in_reach = (shift >= 0) & (shift < PRECISION)
    return in_reach & (np.abs(mantissa) < _ROOM[np.where(in_reach, shift, 0)])


def to_decimal128(mantissa: Array, exponent: Array) -> Array:
    """mantissa × 10^(exponent + 18), which fits, as 128 bits: two u64 per row, the lower one first."""
    shift = exponent.astype(np.int64) + SCALE
    number, low_power = np.abs(mantissa).astype(np.uint64), _LOW[shift]
    a, b = number & _LOW_32, number >> _32
    c, d = low_power & _LOW_32, low_power >> _32
    ad, bc = a * d, b * c
    carry = ((a * c >> _32) + (ad & _LOW_32) + (bc & _LOW_32)) >> _32
    low = number * low_power  # the products of 64 bits keep their lower half, which is what is wanted of these two
    high = b * d + (ad >> _32) + (bc >> _32) + carry + number * _HIGH[shift]
    negative = mantissa < 0
    low = np.where(negative, ~low + np.uint64(1), low)
    high = np.where(negative, ~high + (low == 0), high)
    return np.stack([low, high], axis=1)


def to_decimal_text(mantissa: Array, exponent: Array) -> Array:
    """Canonical decimals as their texts, without an exponent."""
    order = np.argsort(exponent, kind="stable")
    mantissa, exponent = mantissa[order], exponent[order]
    digits = pa.array(np.abs(mantissa)).cast(pa.string())
    cuts = np.flatnonzero(np.diff(exponent)) + 1
    parts = [
        _with_point(digits.slice(start, end - start), int(exponent[start]))
        for start, end in zip([0, *cuts], [*cuts, len(order)], strict=True)
        if end > start
    ]
    texts = pa.chunked_array(parts, pa.string()).combine_chunks()
    signs = pa.array(["", "-"]).take(pa.array((mantissa < 0).astype(np.int8)))
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return pc.binary_join_element_wise(signs, texts, "").take(pa.array(back))


def _with_point(digits: Array, exponent: int) -> Array:
    """Digits × 10^exponent as text."""
    if exponent >= 0:
        return pc.binary_join_element_wise(digits, "0" * exponent, "") if exponent else digits
    padded = pc.ascii_lpad(digits, 1 - exponent, "0")
    whole, fraction = pc.utf8_slice_codeunits(padded, 0, exponent), pc.utf8_slice_codeunits(padded, exponent)
    return pc.binary_join_element_wise(whole, fraction, ".")
