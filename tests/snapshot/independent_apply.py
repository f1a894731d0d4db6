"""A second way from a full snapshot file and its deltas to the later full file, written from `docs/protocol.md` §12 and
the independent decoder alone: it shares no line with the package.

The numbers in comments are sections of the document, of §12 where they stand alone.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from blake3 import blake3

from tests.snapshot.independent_decoder import (
    CODE_SIZES,
    ELEMENTS,
    ID_INDEXES,
    KINDS,
    LAYOUTS,
    SECTION_ORDER,
    Cursor,
    Decoded,
    Message,
    Values,
    decode,
    index_payload,
    need,
)

Key = tuple[Any, ...]
NAMING_CODES = {"mic": "mic", "exchange": "slug", "broker": "slug"}  # 7: what names a venue, and by which of its fields
FRAMED = struct.Struct("<IBBBBIQQI")
HEAD = struct.Struct("<HBB16sQQQQH")


class Thing(NamedTuple):
    """A message of a record, an alias, a succession or a tombstone, with its fields."""

    type: int
    sequence: int
    timestamp: int
    payload: bytes
    values: Values

    @property
    def row(self) -> tuple[int, int]:
        return (self.type, self.payload[16] if self.type == 0x01 else 0)


def apply(base: bytes, deltas: list[bytes]) -> bytes:
    """The later full file; `Refused` when a delta does not apply to the file before it."""
    files = [decode(data) for data in (base, *deltas)]
    _check(files)
    last, found = files[-1], dict[Key, Thing]()
    for file in files:
        if file is not files[0]:
            # Of each delta for itself, so that several at once give what one after the other gives.
            gone = [v for v in file.of("tombstone") if v["gone"] == "alias"]
            aliases = {("instrument", _short(v["id"], file.width)) for v in (*file.of("alias"), *gone)}
            found = {key: thing for key, thing in found.items() if not aliases & {*_sides(key)}}  # step 2
        found |= {_key(thing.values, file.width): thing for thing in things_of(file, last)}  # step 1
    dropped = _unnamed(found, last.width)  # step 3
    tombs = {key: _tombstone(found[key], last.width) for key in dropped if key[0] != "listing"}  # step 5
    kept = [thing for key, thing in (found | tombs).items() if key not in dropped or key in tombs]
    kept = [thing for thing in kept if not dropped & {*_target(thing.values, last.width)}]  # step 4
    data = assemble(last, [thing for thing in kept if _stays(thing, last.head["horizon"])])  # step 6
    decode(data)  # a delta that is not of this base leaves references to nothing
    return data


def _check(files: list[Decoded]) -> None:
    need(len(files) > 1, "no delta", 0)
    for place, (file, before) in enumerate(_with_the_one_before(files)):
        need(not file.newer, "a version that is not fully known", 0)
        need(file.head["contents"] == (2 if place else 1), "contents", 0)
        if before is not None:
            for name in ("catalog_id", "id_bits"):
                need(file.head[name] == before.head[name], name, 0)
            need(file.head["base_sequence"] == before.head["as_of_sequence"], "base_sequence", 0)
            need(file.head["base_as_of"] == before.head["as_of"], "base_as_of", 0)
            need(file.head["as_of_sequence"] >= file.head["base_sequence"], "as_of_sequence", 0)
            need(file.head["format_version"] >= before.head["format_version"], "format_version", 0)


def _with_the_one_before(files: list[Decoded]) -> Iterator[tuple[Decoded, Decoded | None]]:
    """Each file with the one before it."""
    yield from zip(files, [None, *files], strict=False)


def _short(id: str, width: int) -> bytes:
    return bytes.fromhex(id)[:width]


def things_of(file: Decoded, last: Decoded) -> Iterator[Thing]:
    """All that a file speaks of, with the codes of the last file."""
    # Codes that belong to a file may mean something else in the next one (6.2).
    same = all(codes.items() <= last.vocabularies[name].items() for name, codes in file.vocabularies.items())
    for message in file.messages:
        if (values := file.by_offset.get(message.offset)) is not None:
            payload = message.payload if same else _recoded(file, message, last)
            yield Thing(message.type, message.sequence, message.timestamp, payload, values)


class _Coded(Cursor):
    """Notes where codes stand and what they mean."""

    def __init__(self, file: Decoded, message: Message) -> None:
        super().__init__(file, message)
        self.codes: list[tuple[int, str, str]] = []

    def code(self, vocabulary: str) -> str:
        at = self.at
        name = super().code(vocabulary)
        self.codes.append((at, vocabulary, name))
        return name


def _recoded(file: Decoded, message: Message, last: Decoded) -> bytes:
    """The payload with the codes of the last file."""
    row = (message.type, message.payload[16] if message.type == 0x01 else 0)
    cursor, payload = _Coded(file, message), bytearray(message.payload)
    cursor.fields(LAYOUTS[row].split()[1:])
    for at, vocabulary, name in cursor.codes:
        codes = {meaning: code for code, meaning in last.vocabularies[vocabulary].items()}
        need(name in codes, f"{vocabulary} lacks {name}", message.offset)
        size = CODE_SIZES[vocabulary]
        payload[at : at + size] = codes[name].to_bytes(size, "little")
    return bytes(payload)


def _kind(values: Values) -> str:
    match values["record"]:
        case "tombstone":
            return str(values["kind"])
        case "listing":
            return "listing"
    return KINDS[ID_INDEXES.get(values["record"], 1) - 1]


def _key(values: Values, width: int) -> Key:
    """What a thing is known by across files (step 1)."""
    match values["record"]:
        case "listing":  # 5.4
            parts = [values["instrument_id"], values["venue_id"], values["symbol"] or ""]
            message = b"".join(struct.pack("<I", len(part)) + part for part in map(str.encode, parts))
            return ("listing", blake3(message, derive_key_context="instrument-catalog v1 listing").digest(width))
        case "succession":
            sides = [_short(values[name], width) for name in ("predecessor", "successor")]
            return ("succession", values["kind"], *sides, values["succession_kind"])
    return (_kind(values), _short(values["id"], width))


def _sides(key: Key) -> Iterator[Key]:
    if key[0] == "succession":
        yield from ((key[1], key[2]), (key[1], key[3]))


def _target(values: Values, width: int) -> Iterator[Key]:
    if values["record"] == "alias" and values["target"] is not None:
        yield ("instrument", _short(values["target"], width))


REFERENCES = {  # 5.2: by record, the fields and the kinds that they are of
    layout.split()[0]: [
        (name, int(form.rstrip("?")[3:]))
        for name, _, form in (field.partition(":") for field in layout.split()[1:])
        if form.startswith("ref") and form.rstrip("?") != "ref"
    ]
    for layout in [*LAYOUTS.values(), *(f"{name} {layout}" for name, (_, _, layout) in ELEMENTS.items())]
}


def _names(values: Values, width: int) -> Iterator[Key]:
    """What a record names by ids."""
    record = values["record"]
    for name, kind in REFERENCES[record]:
        if values.get(name) is not None:
            yield (KINDS[kind - 1], _short(values[name], width))
    for name in ELEMENTS.keys() & values.keys():
        for element in values[name]:
            yield from _names(element | {"record": name}, width)
    if record == "succession":
        yield from _sides(_key(values, width))


def _unnamed(found: dict[Key, Thing], width: int) -> set[Key]:
    """The retired records that nothing names (step 3)."""
    by_code: dict[tuple[str, Any], Key] = {}
    for key, thing in found.items():
        for field in {"venue": ("mic", "slug"), "security": ("isin",)}.get(thing.values["record"], ()):
            if thing.values[field] is not None:
                by_code[field, thing.values[field]] = key
    records = {key for key, thing in found.items() if thing.values["record"] not in ("alias", "tombstone")}
    named = {key for key in records if found[key].values.get("status") != "retired"}
    ahead = list(named)
    while ahead:
        values = found[ahead.pop()].values
        codes = [(NAMING_CODES.get(name, name), values.get(name)) for name in (*NAMING_CODES, "isin")]
        reached = {*_names(values, width), *(by_code[code] for code in codes if code in by_code)}
        ahead += (reached & records) - named
        named |= reached & records
    return records - named


def _tombstone(thing: Thing, width: int) -> Thing:
    """What a dropped record leaves."""
    kind, id = _kind(thing.values), thing.payload[:width]
    payload = bytes([KINDS.index(kind) + 1, *thing.row]) + id
    values = {"record": "tombstone", "kind": kind, "id": id.hex(), "gone": thing.values["record"]}
    return Thing(0x0B, thing.sequence, thing.timestamp, payload, values)


def _stays(thing: Thing, horizon: int) -> bool:
    """Whether the later file has it, if it is a tombstone (step 5)."""
    passing = thing.values["record"] == "tombstone" and (
        thing.values["kind"] == "listing" or thing.values["gone"] == "alias" or thing.timestamp <= horizon
    )
    return not passing


class _Later(Decoded):
    """Enough of a file that is being made to tell the keys of its records."""

    def __init__(self, like: Decoded, things: Iterable[Thing]) -> None:
        self.width, self.vocabularies = like.width, like.vocabularies
        self.venues = {t.payload[: self.width]: t.values for t in things if t.type == 0x06}

    def get(self, kind: int, id: str) -> Values | None:
        venue = self.venues.get(_short(id, self.width))
        need(kind == 3 and venue is not None, f"no venue {id}", 0)
        return venue

    def place(self, values: Values) -> Any:
        return self._place(values)


def assemble(
    like: Decoded, things: list[Thing], contents: int = 1, base_sequence: int = 0, base_as_of: int | None = None
) -> bytes:
    """A file of these records with the header and the vocabularies of another (step 6); a delta with its base."""
    later, made = _Later(like, things), _Writer(like.head["as_of_sequence"], like.head["as_of"])
    things = sorted(things, key=lambda t: (SECTION_ORDER.index(t.type), later.place(t.values)))
    rows = [thing.row for thing in things]
    counts = b"".join(struct.pack("<BBQ", *row, rows.count(row)) for row in sorted(set(rows)))
    head = [like.head[name] for name in ("as_of_sequence", "as_of", "horizon")]
    bits, catalog_id = like.head["id_bits"], like.head["catalog_id"]
    frame = HEAD.pack(like.head["format_version"], contents, bits, catalog_id, base_sequence, *head, len(set(rows)))
    revision = like.head["schema_revision"].encode()
    base = b"" if base_as_of is None else struct.pack("<Q", base_as_of)
    made.frame(0x21, frame + counts + bytes([len(revision)]) + revision + base)
    for message in like.messages:
        if message.type == 0x0D:
            made.frame(0x0D, message.payload)
    sections, indexes = [0] * 16, [0] * 32
    entries: dict[int, dict[bytes, list[int]]] = {}
    for thing in things:
        offset = made.message(thing.type, thing.sequence, thing.timestamp, thing.payload)
        sections[thing.type] = sections[thing.type] or offset
        for code, key in {(code, key[: like.width]) for code, key in later.keys(thing.values)}:
            entries.setdefault(code, {}).setdefault(key, []).append(offset)
    for code in sorted(entries):
        indexes[code] = made.frame(0x23, index_payload(code, like.width, len(made.data), entries[code]))
    size = len(made.data) + 32 + 432
    numbers = struct.pack("<50Q", *sections, *indexes, made.count + 1, size)
    made.frame(0x24, numbers + blake3(made.data).digest())
    return bytes(made.data)


class _Writer:
    def __init__(self, sequence: int, timestamp: int) -> None:
        self.data, self.count, self.now = bytearray(), 0, (sequence, timestamp)

    def message(self, type: int, sequence: int, timestamp: int, payload: bytes) -> int:
        """Where it stands."""
        offset = len(self.data)
        head = (0xDEADBEEF, type, 1, 0, 0, len(payload), sequence, timestamp, zlib.crc32(payload))
        self.data += FRAMED.pack(*head) + payload
        self.count += 1
        return offset

    def frame(self, type: int, payload: bytes) -> int:
        return self.message(type, *self.now, payload)
