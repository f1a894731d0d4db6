"""Records to payloads and back: one straight-line function per record type, compiled from the tables of `layout`.

A record of twenty-five fields passes here a million times in an export and within microseconds in a look-up; a loop
over field objects costs three times as much. So the loop runs once, over the table, and writes the function. What the
fast function can't take it does not explain: the careful one, a loop over the same table, is called to name offset
and field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from struct import error as struct_error
from typing import Any

from catalog.errors import DecodeError, InvalidRecord, Truncated
from catalog.wire import primitives
from catalog.wire.layout import ID_SIZE, INSTRUMENT, LAYOUTS, VOCABULARIES, Field, RecordLayout
from catalog.wire.primitives import Cursor

#: Codes of a file: vocabulary name → code → name.
Names = dict[str, dict[int, str]]
#: The 32 digits behind a reference: (bytes as they stand in the file, kind) → text. Raises LookupError for none.
Resolve = Callable[[bytes, str], str]
RecordEncoder = Callable[[bytes, Mapping[str, Any]], bytes]
#: (payload, place of the payload in the file) → field name → value; unknown trailing bytes are left alone.
RecordDecoder = Callable[[bytes, int], dict[str, Any]]
_FastDecoder = Callable[[bytes], tuple[dict[str, Any], int]]

_FAST_FAULTS = (LookupError, TypeError, AttributeError, ValueError, struct_error)


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
    lines = ["def make(codes):", *(f" c_{name} = codes[{name!r}]" for name in VOCABULARIES), " def encode(id, values):"]
    lines += [f"  if len(id) != {ID_SIZE if layout.has_id else 0}: raise ValueError", "  get = values.get"]
    pieces = ["id" if layout.has_id else "b''"]
    if layout.message == INSTRUMENT:
        pieces.append(repr(bytes((layout.subtype,))))
    for n, field in enumerate(layout.fields):
        lines.append(f"  v = get({field.name!r})")
        pad = "  "
        if field.optional:
            lines += [f"  if v is None: f{n} = b'\\x00'", "  else:"]
            pad = "   "
        lines += [pad + line for line in _encode_lines(n, field, width)]
        pieces.append(f"f{n}")
    lines += [f"  return join(({', '.join(pieces)}))", " return encode"]
    names: dict[str, Any] = {
        "join": b"".join,
        "key": {n: bytes((n,)) for n in range(1, 256)},
        "optional_key": {n: bytes((1, n)) for n in range(1, 256)},
        "u8": {n: bytes((n,)) for n in range(256)},
        "text_size": primitives.U16.pack,
        "decimal": primitives.encode_decimal,
        "reference": primitives.encode_id,
    }
    make: Callable[[dict[str, dict[str, bytes]]], RecordEncoder] = _compile(lines, names, f"encode {record}")
    return make


def _encode_lines(n: int, field: Field, width: int) -> list[str]:
    mark = "b'\\x01' + " if field.optional else ""
    match field.type:
        case "key":
            return ["b = v.encode()", f"f{n} = {'optional_key' if field.optional else 'key'}[len(b)] + b"]
        case "text":
            return ["b = v.encode()", f"f{n} = {mark}text_size(len(b)) + b"]
        case "u8":
            return [f"f{n} = {mark}u8[v]"]
        case "decimal":
            return [f"f{n} = {mark}decimal(v)"]
        case "ref":
            return [f"f{n} = {mark}reference(v, {width}, {field.name!r})"]
        case "code8" | "code16":
            return [f"f{n} = {mark}c_{field.domain}[v]"]
    raise AssertionError(field.type)


def _encode_carefully(
    layout: RecordLayout, width: int, packed: dict[str, dict[str, bytes]], id: bytes, values: Mapping[str, Any]
) -> bytes:
    if len(id) != (ID_SIZE if layout.has_id else 0):
        raise InvalidRecord("id", id, "16 bytes are expected (none for a listing)")
    parts = [id, bytes((layout.subtype,)) if layout.message == INSTRUMENT else b""]
    for field in layout.fields:
        path = f"{layout.record}.{field.name}"
        value = values.get(field.name)
        if value is None:
            if not field.optional:
                raise InvalidRecord(path, "nothing", "a value is required")
            parts.append(b"\0")
            continue
        if field.optional:
            parts.append(b"\1")
        parts.append(_encode_field(field, path, value, width, packed))
    return b"".join(parts)


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
    code = packed[field.domain].get(value)
    if code is None:
        raise InvalidRecord(path, value, f"not in the vocabulary `{field.domain}`")
    return code


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
    for field in layout.fields:
        pad = "  "
        if field.optional:
            lines += ["  n = p[o]", "  o += 1", "  if n:", "   if n != 1: raise ValueError"]
            pad = "   "
        lines += [pad + line for line in _decode_lines(field, width)]
    lines += ["  return v, o", " return decode"]
    names: dict[str, Any] = {"empty": {}, "decimal": primitives.DECIMAL.unpack_from, "number": primitives.to_decimal}
    make: Callable[[Names, Resolve], _FastDecoder] = _compile(lines, names, f"decode {record}")
    return make


def _decode_lines(field: Field, width: int) -> list[str]:
    target = f"v[{field.name!r}]"
    match field.type:
        case "key":
            return ["n = p[o] + 1", "if n == 1: raise ValueError", f"{target} = p[o + 1 : o + n].decode()", "o += n"]
        case "text":
            return ["n = p[o] + (p[o + 1] << 8) + 2", f"{target} = p[o + 2 : o + n].decode()", "o += n"]
        case "u8":
            return [f"{target} = p[o]", "o += 1"]
        case "decimal":
            return [f"{target} = number(*decimal(p, o))", "o += 9"]
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
    raise AssertionError(field.type)


def decode_carefully(
    layout: RecordLayout, payload: bytes, base: int, names: Names, width: int, resolve: Resolve
) -> dict[str, Any]:
    """The fields of a payload, proving each step: the decoder that explains."""
    cursor = Cursor(payload, base=base)
    cursor.take(prefix_size(layout), f"{layout.record}.id")
    values = {}
    for field in layout.fields:
        value = decode_field(cursor, layout, field, names, width, resolve)
        if value is not None:
            values[field.name] = value
    return values


def decode_field(cursor: Cursor, layout: RecordLayout, field: Field, names: Names, width: int, resolve: Resolve) -> Any:
    """The field that stands at the cursor, None for a null; the cursor moves behind it."""
    path = f"{layout.record}.{field.name}"
    if field.optional and not cursor.present(path):
        return None
    match field.type:
        case "key":
            return cursor.key(path)
        case "text":
            return cursor.text(path)
        case "u8":
            return cursor.u8(path)
        case "decimal":
            return cursor.decimal(path)
        case "ref":
            start, reference = cursor.at, cursor.take(width, path)
            try:
                return resolve(reference, field.domain)
            except LookupError:
                expected = f"the id of a record of the kind {field.domain} in this file"
                raise DecodeError(cursor.base + start, path, expected, reference) from None
    return cursor.code(VOCABULARIES[field.domain], names.get(field.domain, {}), path, field.domain)


def split_prefix(layout: RecordLayout, payload: bytes, base: int) -> bytes:
    """The id that a record begins with (`b""` for a listing), its size proved."""
    size = prefix_size(layout)
    if len(payload) < size:
        raise Truncated(base, f"{layout.record}.id", f"{size} bytes", len(payload))
    return payload[:ID_SIZE] if layout.has_id else b""


def _compile(lines: list[str], names: dict[str, Any], what: str) -> Any:
    exec(compile("\n".join(lines), f"<{what}>", "exec"), names)  # noqa: S102 - our own table, no input from outside
    return names["make"]
