"""Ways to break a snapshot file: raw bytes, whole messages, and single fields known by the tables of the format.

`mutant(seed, number)` is a function of its arguments alone. The first numbers are the first good file, cut at each of
its lengths; of all others about half have their sums made right again after the change, so that what is tried is the
reader and not the checksum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import NamedTuple

from catalog.snapshot.index import LIST_BIT
from catalog.wire import layout
from catalog.wire.frame import HEADER_SIZE
from catalog.wire.layout import LAYOUTS, Field
from catalog.wire.messages import INDEX_HEAD, IndexHead
from catalog.wire.records import prefix_size
from tests.fuzz.files import (
    U64,
    Good,
    Part,
    good_files,
    put_together,
    settle_content,
    settle_places,
    settle_sums,
    take_apart,
)

_FIXED = {
    "u8": 1,
    "u32": 4,
    "u64": 8,
    "bool": 1,
    "decimal": 9,
    "date": 4,
    "time": 8,
    "clock": 4,
    "code8": 1,
    "code16": 2,
}
_BAD_TEXTS = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\0", b"\n", b"e\xcc\x81", b" "]
_TABLES = {(table.message, table.subtype): table for table in LAYOUTS.values()}


class Mutant(NamedTuple):
    """A broken file: the good one that it comes from, its bytes, and what was done to it."""

    good: Good
    data: bytes
    story: str


class Span(NamedTuple):
    """Where a field, its length or its presence byte stands in a payload."""

    name: str
    type: str
    start: int
    end: int


def mutant(seed: int, number: int) -> Mutant:
    """The mutant with this number."""
    goods = good_files()
    if number < len(goods[0].data):
        return Mutant(goods[0], goods[0].data[:number], f"cut at {number}")
    random = Random(f"{seed}/{number}")
    good = random.choice(goods)
    settled = random.random() < 0.5
    if random.random() < 0.4:
        data, story = good.data, []
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            data, what = random.choice(_ON_BYTES)(random, data)
            story.append(what)
        if settled:
            data = settle_sums(data)
            story.append("sums settled")
        return Mutant(good, data, "; ".join(story))
    parts = take_apart(good.data)
    story = [random.choice(_ON_PARTS)(random, parts, good) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    data = put_together(parts)
    if settled:
        how = random.choice(("sums", "places", "content"))
        if how != "sums" and parts:
            {"places": settle_places, "content": settle_content}[how](parts)
            data = put_together(parts)
        if not any(part.lies for part in parts):
            data = settle_sums(data)
        story.append(f"{how} settled")
    return Mutant(good, data, "; ".join(story))


def a_number(random: Random, size: int, near: tuple[int, ...] = ()) -> int:
    """A number of `size` bytes that is likely to hurt."""
    top = (1 << 8 * size) - 1
    some = (0, 1, 2, 7, 8, 64, 1024, 1025, top, top - 1, top >> 1, (top >> 1) + 1, random.randint(0, top))
    return random.choice((*some, *near, *(n + random.choice((-1, 1)) for n in near))) & top


# --- raw bytes ------------------------------------------------------------------------------------------------------


def _slice(random: Random, data: bytes, most: int = 80) -> tuple[int, int]:
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.randint(1, most))


def _flip(random: Random, data: bytes) -> tuple[bytes, str]:
    found = bytearray(data)
    if not found:
        return data, "nothing to flip"
    at, bit = random.randrange(len(found)), random.randrange(8)
    found[at] ^= 1 << bit
    return bytes(found), f"bit {bit} of byte {at} flipped"


def _overwrite(random: Random, data: bytes) -> tuple[bytes, str]:
    start, end = _slice(random, data)
    size = end - start
    filling = random.choice((bytes(size), b"\xff" * size, random.randbytes(size), b"\xef\xbe\xad\xde" * (size // 4)))
    return data[:start] + filling + data[start + len(filling) :], f"{len(filling)} bytes from {start} overwritten"


def _number(random: Random, data: bytes) -> tuple[bytes, str]:
    size = random.choice((1, 2, 4, 8))
    at = random.randrange(max(1, len(data) - size))
    if random.random() < 0.5:
        at -= at % size
    value = a_number(random, size, (len(data), at))
    return data[:at] + value.to_bytes(size, "little") + data[at + size :], f"u{8 * size} at {at} set to {value}"


def _delete(random: Random, data: bytes) -> tuple[bytes, str]:
    start, end = _slice(random, data)
    return data[:start] + data[end:], f"bytes {start} to {end} deleted"


def _insert(random: Random, data: bytes) -> tuple[bytes, str]:
    at = random.randrange(len(data) + 1)
    start, end = _slice(random, data)
    piece = random.choice((data[start:end], random.randbytes(random.randint(1, 40)), bytes(random.randint(1, 40))))
    return data[:at] + piece + data[at:], f"{len(piece)} bytes inserted at {at}"


def _swap(random: Random, data: bytes) -> tuple[bytes, str]:
    a, b = sorted((random.randrange(len(data) + 1), random.randrange(len(data) + 1)))
    size = min(random.randint(1, 600), (b - a) or 1)
    swapped = data[:a] + data[b : b + size] + data[a + size : b] + data[a : a + size] + data[b + size :]
    return swapped, f"{size} bytes at {a} and {b} swapped"


def _cut(random: Random, data: bytes) -> tuple[bytes, str]:
    size = random.randrange(len(data) + 1)
    return data[:size], f"cut at {size}"


def _whole(random: Random, data: bytes) -> tuple[bytes, str]:
    size = random.choice((0, 1, 31, 32, 495, 496, 497, len(data)))
    what, found = random.choice(
        (
            ("empty", b""),
            ("zeros", bytes(size)),
            ("all ones", b"\xff" * size),
            ("noise", random.randbytes(size)),
            ("magic all over", (b"\xef\xbe\xad\xde" * len(data))[:size]),
            ("another magic", b"\xef\xbe\xad\xdf" + data[4:]),
            ("twice", data + data),
            ("one byte more", data + b"\0"),
            ("only begin and end", data[: HEADER_SIZE + int.from_bytes(data[8:12], "little")] + data[-464:]),
        )
    )
    return found, what


_ON_BYTES: tuple[Callable[[Random, bytes], tuple[bytes, str]], ...] = (
    _flip, _flip, _flip, _flip, _overwrite, _number, _number, _delete, _insert, _swap, _cut, _whole,
)  # fmt: skip


# --- whole messages -------------------------------------------------------------------------------------------------


def _pick(random: Random, parts: list[Part], *types: int) -> int | None:
    found = [n for n, part in enumerate(parts) if not types or part.type in types]
    return random.choice(found) if found else None


def _shuffle_messages(random: Random, parts: list[Part], good: Good) -> str:
    n, m = _pick(random, parts), _pick(random, parts)
    if n is None or m is None:
        return "nothing to shuffle"
    what = random.choice(("drop", "double", "swap", "move", "drop section", "double section", "swap payloads"))
    section = [part for part in parts if part.type == parts[n].type]
    if what == "drop":
        del parts[n]
    elif what == "double":
        parts.insert(m, _copy(parts[n]))
    elif what == "swap":
        parts[n], parts[m] = parts[m], parts[n]
    elif what == "move":
        parts.insert(m, parts.pop(n))
    elif what == "drop section":
        parts[:] = [part for part in parts if part.type != parts[n].type]
    elif what == "double section":
        parts[m:m] = map(_copy, section)
    else:
        parts[n].payload, parts[m].payload = parts[m].payload, parts[n].payload
    return f"{what} {n}, {m}"


def _copy(part: Part) -> Part:
    return Part(part.type, part.payload, part.sequence, part.timestamp, part.place, dict(part.lies))


def _retype(random: Random, parts: list[Part], good: Good) -> str:
    n = _pick(random, parts)
    if n is None:
        return "nothing to retype"
    parts[n].type = random.choice((*layout.SECTION_ORDER, 0, 5, 0x0D, 0x0F, 0x21, 0x22, 0x23, 0x24, 0x25, 0xFF))
    return f"message {n} becomes 0x{parts[n].type:02x}"


def _stranger(random: Random, parts: list[Part], good: Good) -> str:
    n = random.randrange(len(parts) + 1)
    payload = random.choice((b"", bytes(40), random.randbytes(60), b"\xef\xbe\xad\xde" * 10))
    kind = random.choice((0, 0x05, 0x0F, 0x20, 0x40, 0x0B, 0x0D, 0x23, 0x24, random.randrange(256)))
    parts.insert(n, Part(kind, payload, random.choice((0, 1, 2**64 - 1)), 0, 0))
    return f"a message 0x{kind:02x} put in at {n}"


def _header_field(random: Random, parts: list[Part], good: Good) -> str:
    n = _pick(random, parts)
    if n is None:
        return "no header to change"
    name, size = random.choice(
        (("magic", 4), ("version", 1), ("flags", 1), ("reserved", 1), ("payload_size", 4), ("checksum", 4))
        + (("sequence", 8), ("timestamp", 8)) * 3
    )
    value = a_number(random, size, (len(parts[n].payload), len(good.data)))
    if name in ("sequence", "timestamp"):
        value = a_number(random, 8, (parts[n].sequence, parts[n].timestamp, parts[-1].sequence, parts[-1].timestamp))
        setattr(parts[n], name, value)
    else:
        parts[n].lies[name] = value
    return f"{name} of message {n} says {value}"


def _lengthen(random: Random, parts: list[Part], good: Good) -> str:
    n = _pick(random, parts)
    if n is None:
        return "nothing to lengthen"
    payload = parts[n].payload
    if random.random() < 0.5:
        size = random.randint(0, len(payload))
        parts[n].payload = payload[:size]
        return f"payload of message {n} cut at {size}"
    parts[n].payload = payload + random.choice((b"\0", random.randbytes(9), bytes(64)))
    return f"payload of message {n} lengthened"


# --- fields ---------------------------------------------------------------------------------------------------------


def spans(part: Part, width: int) -> list[Span]:
    """Where the fields of a good payload stand, with the lengths, counts and presence bytes before them."""
    walk = _Walk(part.payload, width)
    match part.type:
        case layout.SNAPSHOT:
            walk.numbers(_SNAPSHOT_FIELDS)
            for _ in range(int.from_bytes(part.payload[52:54], "little")):
                walk.numbers((("message", 1), ("subtype", 1), ("count", 8)))
            walk.field(Field("schema_revision", "key"))
        case layout.VOCABULARY:
            walk.field(Field("name", "key"))
            for _ in range(walk.fixed("num_codes", "u16", 2)):
                walk.fixed("code", "code16", 2)
                walk.field(Field("value", "key"))
        case layout.ALIAS:
            walk.numbers((("id", 16), ("kind", 1)))
            walk.field(Field("target", "ref", optional=True))
            walk.fixed("identity", "bytes", walk.fixed("len_identity", "u16", 2))
        case layout.TOMBSTONE:
            walk.numbers((("kind", 1), ("record_message", 1), ("record_subtype", 1)))
            walk.field(Field("id", "ref"))
        case layout.SUCCESSION:
            walk.fixed("kind", "u8", 1)
            walk.fields(_SUCCESSION_FIELDS)
        case layout.INDEX:
            walk.numbers(zip(IndexHead._fields, (1, 1, 2, 4, 4, 4, 4, 4, 8), strict=True))
        case layout.END:
            walk.numbers([(f"sections.{n}", 8) for n in range(16)] + [(f"indexes.{n}", 8) for n in range(32)])
            walk.numbers((("num_messages", 8), ("file_size", 8), ("digest", 32)))
        case _:
            table = _TABLES[part.type, part.payload[16] if part.type == layout.INSTRUMENT else 0]
            walk.numbers([("id", 16)] * table.has_id + [("instrument_type", 1)] * (prefix_size(table) == 17))
            walk.fields(table.fields)
    return walk.found


_SNAPSHOT_FIELDS = (
    ("format_version", 2), ("contents", 1), ("id_bits", 1), ("catalog_id", 16), ("base_sequence", 8),
    ("as_of_sequence", 8), ("as_of", 8), ("horizon", 8), ("num_counts", 2),
)  # fmt: skip
_SUCCESSION_FIELDS = (
    Field("predecessor", "ref"),
    Field("successor", "ref"),
    Field("succession_kind", "code8"),
    Field("ratio", "decimal", optional=True),
    Field("effective_at", "time"),
    Field("is_in_effect", "bool"),
)


class _Walk:
    """Goes through a good payload and notes where everything stands."""

    def __init__(self, payload: bytes, width: int) -> None:
        self.payload, self.width, self.at = payload, width, 0
        self.found: list[Span] = []

    def fixed(self, name: str, type: str, size: int) -> int:
        """Note a field of `size` bytes; what it says as a number."""
        start, self.at = self.at, self.at + size
        self.found.append(Span(name, type, start, self.at))
        return int.from_bytes(self.payload[start : self.at], "little")

    def numbers(self, named: Iterable[tuple[str, int]]) -> None:
        """Note fields given by name and size; what is longer than a number is bytes."""
        for name, size in named:
            self.fixed(name, f"u{8 * size}" if size <= 8 else "bytes", size)

    def fields(self, fields: Iterable[Field]) -> None:
        """Note fields of the tables."""
        for field in fields:
            self.field(field)

    def field(self, field: Field) -> None:
        """Note a field of the tables: its presence byte, its count and elements, or itself with its length."""
        if field.since > 1 and self.at == len(self.payload):
            return
        if field.optional and not self.fixed(field.name, "presence", 1):
            return
        if field.type in ("key", "text"):
            size = 1 if field.type == "key" else 2
            length = int.from_bytes(self.payload[self.at : self.at + size], "little")
            self.fixed(field.name, field.type, size + length)
        elif field.type in ("keys", "list"):
            for _ in range(self.fixed(field.name, "count", 2)):
                for item in field.items or (Field(field.name, "key"),):
                    self.field(item)
        else:
            self.fixed(field.name, field.type, self.width if field.type == "ref" else _FIXED[field.type])


def _one_field(random: Random, parts: list[Part], good: Good) -> str:
    n = _pick(random, parts)
    if n is None:
        return "no field to change"
    part = parts[n]
    try:
        span = random.choice(spans(part, good.width))
    except (LookupError, ValueError):
        return f"message {n} has no fields any more"
    old = part.payload[span.start : span.end]
    new = _changed(random, span, old, parts, good)
    part.payload = part.payload[: span.start] + new + part.payload[span.end :]
    return f"{span.name} ({span.type}) of message {n}, 0x{part.type:02x}, set to {new[:24].hex() or 'nothing'}"


def _changed(random: Random, span: Span, old: bytes, parts: list[Part], good: Good) -> bytes:
    size = len(old)
    match span.type:
        case "presence":
            return bytes((random.choice((0, 1, 2, 0x80, 0xFF)),))
        case "key" | "text":
            return _changed_text(random, span.type, old)
        case "id" | "ref" | "bytes":
            other = bytes.fromhex(random.choice(good.keys.ids)[0]) if good.keys.ids else bytes(16)
            return random.choice((bytes(size), b"\xff" * size, random.randbytes(size), other[:size], old[:-1], b""))
        case "decimal":
            mantissa = random.choice((0, 1, -1, 10, 5 * 10**17, 10**18 - 1, 10**18, -(2**63), 2**63 - 1))
            exponent = random.choice((0, 1, -1, -18, 18, 100, 127, -128))
            return mantissa.to_bytes(8, "little", signed=True) + exponent.to_bytes(1, "little", signed=True)
        case "date" | "time" | "clock":
            edges = (86399, 86400, 2932896, 2932897, 9214646400000000000, 9214646399999999000, 9214646399999999999)
            return (random.choice(edges) & ((1 << 8 * size) - 1) if random.random() < 0.5 else
                    a_number(random, size)).to_bytes(size, "little")  # fmt: skip
    if random.random() < 0.1:
        return old[:-1]
    near = [int.from_bytes(old, "little"), len(good.data), len(good.data) - 464]
    near += [part.place for part in random.choices(parts, k=2)]
    return a_number(random, size, tuple(near)).to_bytes(size, "little")


def _changed_text(random: Random, type: str, old: bytes) -> bytes:
    size = 1 if type == "key" else 2
    length, said = old[:size], old[size:]
    if random.random() < 0.4:
        return a_number(random, size, (len(said),)).to_bytes(size, "little") + said
    bad = random.choice(_BAD_TEXTS)
    at = random.randint(0, len(said))
    other = random.choice((bad, said[:at] + bad + said[at:], said.lower(), said[::-1], b"A" * 255, said[:-1], b""))
    limit = (1 << 8 * size) - 1
    return (min(len(other), limit).to_bytes(size, "little") if random.random() < 0.9 else length) + other[:limit]


# --- indexes --------------------------------------------------------------------------------------------------------


def _one_index(random: Random, parts: list[Part], good: Good) -> str:
    n = _pick(random, parts, layout.INDEX)
    if n is None or len(parts[n].payload) < INDEX_HEAD.size:
        return "no index to change"
    part = parts[n]
    head = IndexHead(*INDEX_HEAD.unpack_from(part.payload))
    payload = bytearray(part.payload)
    first = head.ofs_slots - part.place - HEADER_SIZE
    last = first + head.num_slots * head.slot_size
    if not first < last <= len(payload) or head.key_width not in (8, 16):
        return "an index that has no slots any more"
    slots = range(first, last, head.slot_size)
    taken = [at for at in slots if any(payload[at : at + head.slot_size])] or [first]
    at = random.choice(taken)
    what = random.choice(("value", "value", "key", "full", "loop", "clear", "swap", "postings", "probe", "bit"))
    if what == "value":
        U64.pack_into(payload, at + head.key_width, _an_offset(random, parts, good))
    elif what == "postings" and last <= len(payload) - 8:
        place = random.randrange(last, len(payload) - 7, 8)
        U64.pack_into(payload, place, random.choice((_an_offset(random, parts, good), a_number(random, 2))))
    elif what == "probe":
        payload[: INDEX_HEAD.size] = _lying_head(random, head)
    elif what == "bit":
        payload[random.randrange(INDEX_HEAD.size, len(payload))] ^= 1 << random.randrange(8)
    else:
        _change_slots(random, payload, what, at, slots, taken)
    part.payload = bytes(payload)
    return f"{what} in index {head.code} at {at}"


def _lying_head(random: Random, head: IndexHead) -> bytes:
    """A head whose probes may never end; half of the time its numbers agree with each other and with the slots."""
    probe = a_number(random, 4, (head.max_probe, head.num_slots))
    homes = max(0, head.num_slots + 1 - probe) if random.random() < 0.5 else head.num_home
    total = (homes + probe - 1) & 0xFFFF_FFFF
    return INDEX_HEAD.pack(*head._replace(max_probe=probe, num_home=homes, num_slots=total))


def _change_slots(random: Random, payload: bytearray, what: str, at: int, slots: range, taken: list[int]) -> None:
    size = slots.step
    one = bytes(payload[at : at + size])
    if what == "key":
        other = random.choice(taken)
        key = random.choice((bytes(16), b"\xff" * 16, random.randbytes(16), bytes(payload[other : other + 16])))
        payload[at : at + size - 8] = key[: size - 8]
    elif what == "clear":
        payload[at : at + size] = bytes(size)
    elif what == "swap":
        other = random.choice(slots)
        payload[at : at + size], payload[other : other + size] = payload[other : other + size], one
    elif what == "full":  # no empty slot ends a search
        for slot in slots:
            if slot not in taken:
                payload[slot : slot + size] = random.randbytes(size)
    elif what == "loop":
        for slot in slots:
            payload[slot : slot + size] = one


def _an_offset(random: Random, parts: list[Part], good: Good) -> int:
    size = len(good.data)
    message = random.choice(parts).place
    plain = (0, 1, 31, message, message + 1, message + 32, size - 464, size - 463, size - 48, size - 40, size - 1, size)
    offset = random.choice((*plain, size + 8, 2**62, 2**63 - 1, random.randrange(size), message))
    return offset | LIST_BIT if random.random() < 0.35 else offset


_ON_PARTS: tuple[Callable[[Random, list[Part], Good], str], ...] = (
    _shuffle_messages, _shuffle_messages, _retype, _stranger, _header_field, _header_field, _lengthen,
    _one_field, _one_field, _one_field, _one_field, _one_field, _one_field, _one_index, _one_index, _one_index,
)  # fmt: skip
