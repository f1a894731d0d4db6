"""Records to payloads and back: one straight-line function per record type, compiled from the tables of `layout`.

A record of twenty-five fields passes here a million times in an export and within microseconds in a look-up; a loop
over field objects costs three times as much. So the loop runs once, over the table, and writes the function. What the
fast function can't take it does not explain: the careful one, a loop over the same table, is called to name offset
and field.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping
from functools import lru_cache
from struct import error as struct_error
from typing import Any

from catalog.errors import DecodeError, InvalidRecord, Truncated
from catalog.wire import primitives
from catalog.wire.layout import ID_SIZE, INSTRUMENT, LAYOUTS, MAX_ITEMS, VOCABULARIES, Field, RecordLayout
from catalog.wire.primitives import Cursor

#: Codes of a file: vocabulary name → code → name.
Names = dict[str, dict[int, str]]
#: The 32 digits behind a reference: (bytes as they stand in the file, kind) → text. Raises LookupError for none.
Resolve = Callable[[bytes, str], str]
RecordEncoder = Callable[[bytes, Mapping[str, Any]], bytes]
#: (payload, place of the payload in the file) → field name → value; unknown trailing bytes are left alone.
RecordDecoder = Callable[[bytes, int], dict[str, Any]]
_FastDecoder = Callable[[bytes], tuple[dict[str, Any], int]]

_FAST_FAULTS = (LookupError, TypeError, AttributeError, ValueError, OverflowError, struct_error)


def prefix_size(layout: RecordLayout) -> int:
    """The bytes before the first field: the id, and the subtype of an instrument."""
    return (ID_SIZE if layout.has_id else 0) + (1 if layout.message == INSTRUMENT else 0)


# --- encoding -------------------------------------------------------------------------------------------------------


def record_encoder(record: str, codes: Mapping[str, Mapping[str, int]], width: int) -> RecordEncoder:
    """The function that makes payloads of `record` in a file with ids of `width` bytes and these vocabulary codes.

    It takes the 16-byte id (`b""` for a listing) and the fields by name; a name that is absent or None is null, a
    name that the layout lacks is left out. Raises InvalidRecord with the field that has no wire form.
    """
    layout = LAYOUTS[record]
    packed = {
        name: {value: code.to_bytes(VOCABULARIES[name], "little") for value, code in codes.get(name, {}).items()}
        for name in VOCABULARIES
    }
    fast = _compiled_encoder(record, width)(packed)

    def encode(id: bytes, values: Mapping[str, Any]) -> bytes:
        try:
            return fast(id, values)
        except _FAST_FAULTS:
            return _encode_carefully(layout, width, packed, id, values)

    return encode


@lru_cache(maxsize=64)
def _compiled_encoder(record: str, width: int) -> Callable[[dict[str, dict[str, bytes]]], RecordEncoder]:
    layout = LAYOUTS[record]
    lines = ["def make(codes):", *(f" c_{name} = codes[{name!r}]" for name in VOCABULARIES)]
    for field in layout.fields:
        if field.items:
            lines += [f" def item_{field.name}(values):", "  get = getattr(values, '__dict__', values).get"]
            lines += _encode_body(field.items, width)
            lines.append(f"  return join(({', '.join(f'f{n}' for n in range(len(field.items)))},))")
    lines += [" def encode(id, values):"]
    lines += [f"  if len(id) != {ID_SIZE if layout.has_id else 0}: raise ValueError", "  get = values.get"]
    lines += _encode_body(layout.fields, width)
    lines += _without_trailing_nulls(layout.fields)
    pieces = ["id" if layout.has_id else "b''"]
    if layout.message == INSTRUMENT:
        pieces.append(repr(bytes((layout.subtype,))))
    pieces += [f"f{n}" for n in range(len(layout.fields))]
    lines += [f"  return join(({', '.join(pieces)}))", " return encode"]
    names: dict[str, Any] = {
        "join": b"".join,
        "key": {n: bytes((n,)) for n in range(1, 256)},
        "optional_key": {n: bytes((1, n)) for n in range(1, 256)},
        "u8": {n: bytes((n,)) for n in range(256)},
        "size": primitives.U16.pack,
        "count": {n: primitives.U16.pack(n) for n in range(MAX_ITEMS + 1)},
        "decimal": primitives.encode_decimal,
        "reference": primitives.encode_id,
        "day": primitives.encode_day,
        "moment": primitives.encode_moment,
        "clock": primitives.encode_clock,
        "flag": primitives.encode_flag,
        "keys": primitives.encode_keys,
        "number": primitives.encode_number,
        "U32": primitives.U32,
        "U64": primitives.U64,
    }
    make: Callable[[dict[str, dict[str, bytes]]], RecordEncoder] = _compile(lines, names, f"encode {record}")
    return make


def _encode_body(fields: tuple[Field, ...], width: int) -> list[str]:
    lines = []
    for n, field in enumerate(fields):
        lines.append(f"  v = get({field.name!r})")
        pad = "  "
        if field.optional:
            lines += [f"  if v is None: f{n} = b'\\x00'", "  else:"]
            pad = "   "
        lines += [pad + line for line in _encode_lines(n, field, width)]
    return lines


def _without_trailing_nulls(fields: tuple[Field, ...]) -> list[str]:
    """Lines that take the null byte from added fields behind which nothing stands."""
    lines, behind = [], ""
    for n, field in reversed(list(enumerate(fields))):
        if field.since == 1:
            break
        lines.append(f"  if f{n} == b'\\x00'{behind}: f{n} = b''")
        behind = f" and not f{n}"
    return lines


#: The expression that encodes a value `v` of each plain type.
_ENCODED = {
    "u8": "u8[v if v.__class__ is int else None]",
    "u32": "number(U32, v)",
    "u64": "number(U64, v)",
    "bool": "flag(v)",
    "decimal": "decimal(v)",
    "date": "day(v)",
    "time": "moment(v)",
    "clock": "clock(v)",
    "keys": f"keys(v, {MAX_ITEMS})",
}


def _encode_lines(n: int, field: Field, width: int) -> list[str]:
    mark = "b'\\x01' + " if field.optional else ""
    match field.type:
        case "key":
            return ["b = v.encode()", f"f{n} = {'optional_key' if field.optional else 'key'}[len(b)] + b"]
        case "text":
            return ["b = v.encode()", f"f{n} = {mark}size(len(b)) + b"]
        case "ref":
            return [f"f{n} = {mark}reference(v, {width}, {field.name!r})"]
        case "code8" | "code16":
            return [f"f{n} = {mark}c_{field.domain}[v]"]
        case "list":
            return [f"f{n} = {mark}count[len(v)] + join([item_{field.name}(x) for x in v])"]
    return [f"f{n} = {mark}{_ENCODED[field.type]}"]


def _encode_carefully(
    layout: RecordLayout, width: int, packed: dict[str, dict[str, bytes]], id: bytes, values: Mapping[str, Any]
) -> bytes:
    if len(id) != (ID_SIZE if layout.has_id else 0):
        raise InvalidRecord("id", id, "16 bytes are expected (none for a listing)")
    head = id + (bytes((layout.subtype,)) if layout.message == INSTRUMENT else b"")
    return head + _encode_fields(layout.fields, layout.record, values, width, packed)


def _encode_fields(
    fields: tuple[Field, ...], path: str, values: Mapping[str, Any], width: int, packed: dict[str, dict[str, bytes]]
) -> bytes:
    parts = []
    for field in fields:
        inner = f"{path}.{field.name}"
        value = values.get(field.name)
        if value is None:
            if not field.optional:
                raise InvalidRecord(inner, "nothing", "a value is required")
            parts.append(b"\0")
            continue
        mark = b"\1" if field.optional else b""
        parts.append(mark + _encode_field(field, inner, value, width, packed))
    while fields[len(parts) - 1].since > 1 and parts[-1] == b"\0":
        parts.pop()
    return b"".join(parts)


_PLAIN: dict[str, tuple[Callable[[Any], bytes], str]] = {
    "bool": (primitives.encode_flag, "true or false is expected"),
    "date": (primitives.encode_day, "a day is expected"),
    "time": (primitives.encode_moment, "a time with a zone, from 1970 to 2261, is expected"),
    "clock": (primitives.encode_clock, "a time of day in whole seconds is expected"),
    "u32": (lambda value: primitives.encode_number(primitives.U32, value), "an unsigned number of 32 bits is expected"),
    "u64": (lambda value: primitives.encode_number(primitives.U64, value), "an unsigned number of 64 bits is expected"),
    "keys": (lambda value: primitives.encode_keys(value, MAX_ITEMS), f"1 to {MAX_ITEMS} keys are expected"),
}


def _encode_field(field: Field, path: str, value: Any, width: int, packed: dict[str, dict[str, bytes]]) -> bytes:
    match field.type:
        case "key":
            return primitives.encode_key(value, path)
        case "text":
            return primitives.encode_text(value, path)
        case "u8":
            return primitives.encode_u8(value, path)
        case "decimal":
            return primitives.encode_exact(value, path)
        case "ref":
            return primitives.encode_id(value, width, path)
        case "list":
            return _encode_list(field, path, value, width, packed)
        case "code8" | "code16":
            code = packed[field.domain].get(value)
            if code is None:
                raise InvalidRecord(path, value, f"not in the vocabulary `{field.domain}`")
            return code
    encode, reason = _PLAIN[field.type]
    try:
        return encode(value)
    except (ValueError, TypeError, AttributeError, OverflowError, struct_error):
        raise InvalidRecord(path, value, reason) from None


def _encode_list(field: Field, path: str, value: Any, width: int, packed: dict[str, dict[str, bytes]]) -> bytes:
    if not isinstance(value, list | tuple) or len(value) > MAX_ITEMS:
        raise InvalidRecord(path, value, f"a list of at most {MAX_ITEMS} is expected")
    elements = [
        _encode_fields(field.items, f"{path}.{n}", _mapping(element, f"{path}.{n}"), width, packed)
        for n, element in enumerate(value)
    ]
    return primitives.U16.pack(len(elements)) + b"".join(elements)


def _mapping(element: Any, path: str) -> Mapping[str, Any]:
    """An element of a list as names and values: a mapping, an object with attributes, or what a decoder gave."""
    if isinstance(element, Mapping):
        return element
    if isinstance(element, tuple) and hasattr(element, "_asdict"):
        found: Mapping[str, Any] = element._asdict()
        return found
    if hasattr(element, "__dict__"):
        attributes: dict[str, Any] = vars(element)
        return attributes
    raise InvalidRecord(path, element, "an object is expected")


# --- decoding -------------------------------------------------------------------------------------------------------


def record_decoder(record: str, names: Names, width: int, resolve: Resolve) -> RecordDecoder:
    """The function that reads payloads of `record`: (payload, its place in the file) → fields that are not null.

    Raises a DecodeError with offset and field. The id and subtype before the fields are the caller's to compare.
    """
    layout = LAYOUTS[record]
    fast = _compiled_decoder(record, width)(names, resolve)

    def decode(payload: bytes, base: int) -> dict[str, Any]:
        try:
            values, end = fast(payload)
        except DecodeError:
            raise
        except _FAST_FAULTS:
            return decode_carefully(layout, payload, base, names, width, resolve)
        if end > len(payload):
            return decode_carefully(layout, payload, base, names, width, resolve)
        return values

    return decode


@lru_cache(maxsize=64)
def _compiled_decoder(record: str, width: int) -> Callable[[Names, Resolve], _FastDecoder]:
    layout = LAYOUTS[record]
    lines = ["def make(codes, resolve):"]
    lines += [f" c_{name} = codes.get({name!r}, empty)" for name in VOCABULARIES]
    lines += [" def decode(p):", f"  o = {prefix_size(layout)}", "  v = {}"]
    lines += _decode_body(layout.fields, width, "  ", "v[{!r}]")
    lines += ["  return v, o", " return decode"]
    names: dict[str, Any] = {
        "empty": {},
        "decimal": primitives.DECIMAL.unpack_from,
        "number": primitives.to_decimal,
        "u32": primitives.U32.unpack_from,
        "u64": primitives.U64.unpack_from,
        "i32": primitives.I32.unpack_from,
        "day": primitives.to_day,
        "moment": primitives.to_moment,
        "clock": primitives.to_clock,
        "flag": primitives.to_flag,
        "ascends": primitives.ascends,
    }
    names |= {f"Item_{field.name}": item_type(record, field) for field in layout.fields if field.items}
    make: Callable[[Names, Resolve], _FastDecoder] = _compile(lines, names, f"decode {record}")
    return make


@lru_cache(maxsize=64)
def item_type(record: str, field: Field) -> Any:
    """The named tuple that an element of a list field is decoded to."""
    return namedtuple(f"{record}_{field.name}", [item.name for item in field.items])


def _decode_body(fields: tuple[Field, ...], width: int, pad: str, target: str) -> list[str]:
    """Lines that decode fields one after the other; `target` makes the place for a field's name."""
    lines = []
    for field in fields:
        place = target.format(field.name)
        inner = pad
        if field.since > 1:
            lines.append(f"{pad}if o < len(p):")
            inner = pad = f"{pad} "
        if field.optional:
            if not target.startswith("v["):
                lines.append(f"{pad}{place} = None")
            lines += [f"{pad}n = p[o]", f"{pad}o += 1", f"{pad}if n:", f"{pad} if n != 1: raise ValueError"]
            inner = pad + " "
        lines += [inner + line for line in _decode_lines(field, place, width)]
    return lines


#: How the plain types of fixed size are decoded at `o`: expression and bytes.
_DECODED = {
    "u8": ("p[o]", 1),
    "u32": ("u32(p, o)[0]", 4),
    "u64": ("u64(p, o)[0]", 8),
    "bool": ("flag(p[o])", 1),
    "decimal": ("number(*decimal(p, o))", 9),
    "date": ("day(i32(p, o)[0])", 4),
    "time": ("moment(u64(p, o)[0])", 8),
    "clock": ("clock(u32(p, o)[0])", 4),
}
_KEY_LINES = ["n = p[o] + 1", "if n == 1: raise ValueError"]


def _decode_lines(field: Field, target: str, width: int) -> list[str]:
    match field.type:
        case "key":
            return [*_KEY_LINES, f"{target} = p[o + 1 : o + n].decode()", "o += n"]
        case "text":
            return ["n = p[o] + (p[o + 1] << 8) + 2", f"{target} = p[o + 2 : o + n].decode()", "o += n"]
        case "ref":
            return [
                f"if o + {width} > len(p): raise ValueError",
                f"{target} = resolve(p[o : o + {width}], {field.domain!r})",
                f"o += {width}",
            ]
        case "code8":
            return [f"{target} = c_{field.domain}[p[o]]", "o += 1"]
        case "code16":
            return [f"{target} = c_{field.domain}[p[o] + (p[o + 1] << 8)]", "o += 2"]
        case "keys":
            body = [*_KEY_LINES, "k.append(p[o + 1 : o + n].decode())", "o += n"]
            check = "if not m or not ascends(k): raise ValueError"
            return [*_COUNT_LINES, *_loop(body), check, f"{target} = tuple(k)"]
        case "list":
            body = _decode_body(field.items, width, "", "i_{}")
            names = ", ".join(f"i_{item.name}" for item in field.items)
            return [*_COUNT_LINES, *_loop([*body, f"k.append(Item_{field.name}({names}))"]), f"{target} = tuple(k)"]
    expression, size = _DECODED[field.type]
    return [f"{target} = {expression}", f"o += {size}"]


_COUNT_LINES = ["m = p[o] + (p[o + 1] << 8)", f"if m > {MAX_ITEMS}: raise ValueError", "o += 2", "k = []"]


def _loop(body: list[str]) -> list[str]:
    return ["for _ in range(m):", *(f" {line}" for line in body)]


def decode_carefully(
    layout: RecordLayout, payload: bytes, base: int, names: Names, width: int, resolve: Resolve
) -> dict[str, Any]:
    """The fields of a payload, proving each step: the decoder that explains."""
    cursor = Cursor(payload, base=base)
    cursor.take(prefix_size(layout), f"{layout.record}.id")
    reader = FieldReader(cursor, layout.record, names, width, resolve)
    values = {}
    for field in layout.fields:
        value = reader.read(field)
        if value is not None:
            values[field.name] = value
    return values


class FieldReader:
    """Reads one field after the other at a cursor, and says of a bad one where it is and what was expected."""

    def __init__(self, cursor: Cursor, record: str, names: Names, width: int, resolve: Resolve) -> None:
        self.cursor, self.record, self.names, self.width, self.resolve = cursor, record, names, width, resolve

    def read(self, field: Field, path: str = "") -> Any:
        """The field that stands at the cursor, None for a null; the cursor moves behind it."""
        path = f"{path or self.record}.{field.name}"
        if field.since > 1 and self.cursor.at == self.cursor.end:
            return None
        if field.optional and not self.cursor.present(path):
            return None
        match field.type:
            case "ref":
                return self._reference(field, path)
            case "code8" | "code16":
                known = self.names.get(field.domain, {})
                return self.cursor.code(VOCABULARIES[field.domain], known, path, field.domain)
            case "keys":
                return self._keys(path)
            case "list":
                make = item_type(self.record, field)
                count = self.cursor.count(MAX_ITEMS, path)
                return tuple(make(*[self.read(item, f"{path}.{n}") for item in field.items]) for n in range(count))
        return _READERS[field.type](self.cursor, path)

    def _reference(self, field: Field, path: str) -> str:
        cursor = self.cursor
        start, reference = cursor.at, cursor.take(self.width, path)
        try:
            return self.resolve(reference, field.domain)
        except LookupError:
            expected = f"the id of a record of the kind {field.domain} in this file"
            raise DecodeError(cursor.base + start, path, expected, reference) from None

    def _keys(self, path: str) -> tuple[str, ...]:
        start, count = self.cursor.at, self.cursor.count(MAX_ITEMS, path)
        if not count:
            raise DecodeError(self.cursor.base + start, path, "at least one key", 0)
        keys = tuple(self.cursor.key(f"{path}.{n}") for n in range(count))
        if not primitives.ascends(keys):
            raise DecodeError(self.cursor.base + start, path, "keys in ascending order, each once", ", ".join(keys))
        return keys


_U8 = primitives.U8
_READERS: dict[str, Callable[[Cursor, str], Any]] = {
    "key": Cursor.key,
    "text": Cursor.text,
    "u8": Cursor.u8,
    "u32": Cursor.u32,
    "u64": Cursor.u64,
    "decimal": Cursor.decimal,
    "bool": lambda cursor, path: cursor.proved(_U8, primitives.to_flag, path, "a flag of 0 or 1"),
    "date": lambda cursor, path: cursor.proved(
        primitives.I32, primitives.to_day, path, "days since 1970 within the years 1 to 9999"
    ),
    "time": lambda cursor, path: cursor.proved(
        primitives.U64, primitives.to_moment, path, "nanoseconds before 2262, in whole microseconds"
    ),
    "clock": lambda cursor, path: cursor.proved(
        primitives.U32, primitives.to_clock, path, "seconds of a day, below 86400"
    ),
}


def split_prefix(layout: RecordLayout, payload: bytes, base: int) -> bytes:
    """The id that a record begins with (`b""` for a listing), its size proved."""
    size = prefix_size(layout)
    if len(payload) < size:
        raise Truncated(base, f"{layout.record}.id", f"{size} bytes", len(payload))
    return payload[:ID_SIZE] if layout.has_id else b""


def references(fields: tuple[Field, ...], values: Any) -> list[tuple[str, str, str]]:
    """(path, id, kind) of every id that the decoded fields name, those inside lists too."""
    found: list[tuple[str, str, str]] = []
    for field in fields:
        value = values.get(field.name)
        if field.type == "ref" and value is not None:
            found.append((field.name, value, field.domain))
        for n, element in enumerate(value or ()) if field.items else ():
            inner = references(field.items, element._asdict())
            found += [(f"{field.name}.{n}.{path}", id, kind) for path, id, kind in inner]
    return found


def _compile(lines: list[str], names: dict[str, Any], what: str) -> Any:
    exec(compile("\n".join(lines), f"<{what}>", "exec"), names)  # noqa: S102 - our own table, no input from outside
    return names["make"]
