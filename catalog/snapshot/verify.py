"""Proves a snapshot file: every byte is what a writer would have written from the records that the file holds.

First every header and checksum is read, on behind damage as long as one message leads to the next. Only when all of
them hold is the content judged, since damage in one place shows as contradictions in many. Then records are decoded,
validated by the domain and encoded again; indexes are made anew and compared byte by byte; and the digest covers what
both might agree on by mistake. So no change of any byte passes, whoever made checksums match.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from mmap import mmap
from pathlib import Path
from typing import Any, NamedTuple

from blake3 import blake3

from catalog.domain import text
from catalog.errors import CatalogError, DecodeError, SnapshotCorrupt, quote
from catalog.snapshot.build import build_record
from catalog.snapshot.index import Indexes
from catalog.snapshot.mapped import map_file
from catalog.snapshot.reader import Snapshot
from catalog.snapshot.writer import succession_order
from catalog.wire import layout
from catalog.wire.frame import HEADER_SIZE, Buffer, Message, decode_message, decode_stream, refuse_header
from catalog.wire.layout import KIND_CODES, KIND_NAMES, LAYOUTS
from catalog.wire.messages import (
    Succession,
    decode_alias,
    decode_end,
    decode_succession,
    decode_tombstone,
    decode_vocabulary,
    encode_alias,
    encode_snapshot,
    encode_succession,
    encode_tombstone,
    encode_vocabulary,
)
from catalog.wire.records import RecordEncoder, record_encoder, references

MAX_PROBLEMS = 100
_CHUNK = 1 << 22
_KNOWN_SECTIONS = {*layout.MESSAGE_KINDS, layout.SUCCESSION, layout.TOMBSTONE}
_RANK = {message: rank for rank, message in enumerate(layout.SECTION_ORDER)}


class Problem(NamedTuple):
    """One thing that is wrong, and the byte of the file where it shows. The sentence names the message with that byte."""

    offset: int
    message: str


class VerifyReport(NamedTuple):
    """What `verify` found; the file is good when there are no problems.

    At most MAX_PROBLEMS are listed, by their offset. `digest` is empty and `counts` too when the file is too damaged to
    be opened, or its messages are.
    """

    path: Path
    size: int
    digest: bytes
    num_messages: int
    counts: dict[str, int]
    problems: list[Problem]

    @property
    def ok(self) -> bool:
        return not self.problems


def verify(path: str | os.PathLike[str]) -> VerifyReport:
    """Read the whole file and list all that is wrong with it. Raises SnapshotError when there is no file to read."""
    place = Path(path)
    with ExitStack() as stack:
        try:
            data = map_file(place)
        except DecodeError as error:
            return VerifyReport(place, place.stat().st_size, b"", 0, {}, [_problem(error, 0)])
        if isinstance(data, mmap):
            stack.enter_context(data)
        num_messages, problems = _find_damage(data)
        report = VerifyReport(place, len(data), b"", num_messages, {}, problems)
        if report.ok:
            try:
                report = _Verifier(Snapshot(data, place)).run()
            except CatalogError as error:
                report.problems.append(_problem(error, 0))
        return report._replace(problems=list(_named(data, sorted(report.problems))))


def _find_damage(data: Buffer) -> tuple[int, list[Problem]]:
    """(number of messages, what is wrong with headers and checksums): all, unless a message does not lead to the next."""
    problems: list[Problem] = []
    start = offset = num_messages = 0
    while offset < len(data) and len(problems) < MAX_PROBLEMS:
        num_messages += 1
        start = offset
        try:
            offset = decode_message(data, start).end
        except DecodeError as error:
            problems.append(_problem(error, start))
            offset = _message_end(data, start)
            if not _leads_on(data, offset):
                return num_messages, problems
    if not problems and data[start + 4] != layout.END:
        expected = "0x24 (snapshot end) in the last message"
        problems.append(_problem(DecodeError(start + 4, "type", expected, f"0x{data[start + 4]:02x}"), start))
    return num_messages, problems


def _message_end(data: Buffer, offset: int) -> int:
    """Where the message at `offset` ends by its own account; the end of the file for one that has no whole header."""
    if offset + HEADER_SIZE > len(data):
        return len(data)
    return offset + HEADER_SIZE + int.from_bytes(data[offset + 8 : offset + 12], "little")


def _leads_on(data: Buffer, offset: int) -> bool:
    """Whether the file ends at `offset`, or goes on there with a header that holds."""
    if offset + HEADER_SIZE > len(data):
        return offset == len(data)
    try:
        refuse_header(data, offset)
    except DecodeError:
        return False
    return True


def _named(data: Buffer, problems: list[Problem]) -> Iterator[Problem]:
    """The problems, sorted by offset, each with the name and place of the message that its byte lies in."""
    start = end = 0
    for offset, sentence in problems:
        while end <= offset < len(data):
            start, end = end, _message_end(data, end)
        if offset < end and start + 4 < len(data):
            name = f"{layout.MESSAGE_NAMES.get(data[start + 4], 'message')} (0x{data[start + 4]:02x})"
            sentence = f"{sentence}, in the {name} at byte {start}"
        yield Problem(offset, sentence)


class _TooMany(Exception):
    pass


class _Verifier:
    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.data = snapshot.data
        self.header = snapshot.header
        self.width = self.header.id_bits // 8
        #: A file of a newer format may hold messages, codes and trailing bytes that this version passes over.
        self.newer = self.header.format_version > layout.FORMAT_VERSION
        self.problems: list[Problem] = []
        self.counts: dict[str, int] = {}
        self.sections = [0] * layout.NUM_SECTION_PLACES
        self.places = [0] * layout.NUM_INDEX_PLACES
        self.num_messages = 0
        self.is_partial = False
        self.order: tuple[Any, ...] = (-1,)
        self.vocabularies: list[str] = []
        self.indexes = Indexes(self.width)
        self.encoders: dict[str, RecordEncoder] = {}
        self.checks: dict[int, Callable[[Message], None]] = dict.fromkeys(
            (table.message for table in LAYOUTS.values()), self._check_record
        )
        self.checks |= {
            layout.SNAPSHOT: self._check_snapshot,
            layout.VOCABULARY: self._check_vocabulary,
            layout.ALIAS: self._check_alias,
            layout.SUCCESSION: self._check_succession,
            layout.TOMBSTONE: self._check_tombstone,
            layout.INDEX: self._check_index,
            layout.END: self._check_end,
        }

    def run(self) -> VerifyReport:
        try:
            self._read_messages()
            self._check_sums()
        except _TooMany:
            pass
        snapshot = self.snapshot
        return VerifyReport(
            snapshot.path, snapshot.size, snapshot.digest, self.num_messages, self.counts, self.problems
        )

    def note(self, offset: int, message: str) -> None:
        problem = Problem(offset, message)
        if problem not in self.problems:
            self.problems.append(problem)
        if len(self.problems) >= MAX_PROBLEMS:
            raise _TooMany

    def pass_over(self, offset: int, message: str) -> None:
        """Note a problem of a message that is then left out, so that nobody knows what counts and indexes should be."""
        self.is_partial = True
        self.note(offset, message)

    def expect(self, offset: int, field: str, expected: object, found: object) -> None:
        if expected != found:
            self.note(offset, str(DecodeError(offset, field, _short(expected), _short(found))))

    def _read_messages(self) -> None:
        for message in decode_stream(self.data):
            self.num_messages += 1
            check = self.checks.get(message.type)
            if check is not None:
                try:
                    check(message)
                except CatalogError as error:
                    place, sentence = _problem(error, message.offset)
                    # a field that is missing begins where its message ends: the last byte stands for it
                    self.pass_over(place - (place == message.end), sentence)
            elif not self.newer:
                place = message.offset + 4
                self.pass_over(place, f"at byte {place}, type: 0x{message.type:02x} is no message of this format")

    def _frame(self, message: Message) -> None:
        self.expect(message.offset + 12, "sequence", self.header.as_of_sequence, message.sequence)
        self.expect(message.offset + 20, "timestamp", self.header.as_of_ns, message.timestamp_ns)

    def _bytes(self, message: Message, encoded: bytes | bytearray) -> None:
        """The payload is these bytes; in a newer file more may follow."""
        payload = message.payload[: len(encoded)] if self.newer else message.payload
        if payload != encoded:
            first = next((n for n, (a, b) in enumerate(zip(encoded, payload, strict=False)) if a != b), len(payload))
            place = message.offset + HEADER_SIZE + min(first, len(encoded))
            self.note(place, f"at byte {place}: the payload is not the one form that its content has")

    def _check_snapshot(self, message: Message) -> None:
        self._frame(message)
        if message.offset:
            self.pass_over(message.offset, f"at byte {message.offset}: a second snapshot header")
            return
        header = self.header
        unknown = [name for name in header.counts if name not in layout.CODE_OF]
        if unknown and not self.newer:
            self.note(HEADER_SIZE, f"counts names the unknown record type {unknown[0]}")
        if not unknown:
            self._bytes(message, encode_snapshot(header))
        self._check_key(message, "schema_revision", header.schema_revision)
        delta = layout.DELTA if header.base_sequence else layout.FULL
        self.expect(HEADER_SIZE + 2, "contents", delta, header.contents)
        if header.base_as_of_ns is not None and header.base_as_of_ns > header.as_of_ns:
            self.expect(HEADER_SIZE, "base_as_of", f"at most {header.as_of_ns}", header.base_as_of_ns)
        if 0 in header.counts.values():
            self.note(HEADER_SIZE, "counts lists a record type without records")

    def _check_vocabulary(self, message: Message) -> None:
        self._frame(message)
        name, codes = decode_vocabulary(message.payload, message.offset + HEADER_SIZE)
        if self.order != (-1,) or (self.vocabularies and name <= self.vocabularies[-1]):
            self.note(message.offset, f"at byte {message.offset}: the vocabulary `{name}` stands in the wrong place")
        self.vocabularies.append(name)
        for value in (name, *codes.values()):
            self._check_key(message, "vocabulary", value)
        if name in layout.VOCABULARIES:
            self._bytes(message, encode_vocabulary(name, {value: code for code, value in codes.items()}))
        elif not self.newer:
            self.note(message.offset, f"at byte {message.offset}: there is no vocabulary `{name}` in this format")

    def _check_key(self, message: Message, field: str, value: str) -> None:
        """The text of a key is in the form that docs/protocol.md §4 asks for; those of records the domain proves."""
        if text.key(value, field) != value:
            self.note(message.offset, f"at byte {message.offset}, {field}: {quote(value)} is not in its normal form")

    def _place(self, message: Message, name: str, key: tuple[Any, ...]) -> None:
        order = (_RANK[message.type], *key)
        if order <= self.order:
            self.note(message.offset, f"at byte {message.offset}: this {name} is out of order")
        self.order = order
        self.counts[name] = self.counts.get(name, 0) + 1
        self.sections[message.type] = self.sections[message.type] or message.offset
        header = self.header
        if message.sequence > header.as_of_sequence:
            self.expect(message.offset + 12, "sequence", f"at most {header.as_of_sequence}", message.sequence)
        if message.timestamp_ns > header.as_of_ns:
            self.expect(message.offset + 20, "timestamp", f"at most {header.as_of_ns}", message.timestamp_ns)

    def _check_record(self, message: Message) -> None:
        if self.newer and not self.snapshot.knows(message):
            return
        record, key, values = self.snapshot.decode(message)
        table = LAYOUTS[record]
        if table.has_id:
            self._place(message, record, (key,))
        else:
            symbol = values.get("symbol", "").encode()
            self._place(message, record, (values["instrument_id"], values["venue_id"], symbol))
        for path, id, kind in references(table.fields, values):
            self._check_reference(message, record, path, id, kind)
        for field in reversed(table.fields):
            if field.since <= self.header.format_version:
                break
            if field.name in values:
                place = f"at byte {message.offset}, {record}.{field.name}"
                self.note(message.offset, f"{place}: there is no such field before format version {field.since}")
        encode = self.encoders.get(record)
        if encode is None:
            codes = {name: {v: c for c, v in named.items()} for name, named in self.snapshot.vocabularies.items()}
            encode = self.encoders[record] = record_encoder(record, codes, self.width)
        built = build_record(record, key, values, message.offset)
        self._bytes(message, encode(key, built.__dict__))
        self.indexes.add_record(record, key, values, message.offset)

    def _check_reference(self, message: Message, record: str, field: str, id: str, kind: str) -> None:
        offset = self.snapshot.locate(id, kind)
        if offset is None or self.data[offset + 4] == layout.ALIAS:
            found = "an alias" if offset else "none"
            place = f"at byte {message.offset}, {record}.{field}"
            self.note(message.offset, f"{place}: expected the {kind} `{id}` in the file, found {found}")

    def _check_alias(self, message: Message) -> None:
        from catalog.domain.identity import decode_identity, digest, encode_identity

        alias = decode_alias(message.payload, message.offset + HEADER_SIZE, self.width)
        self._place(message, "alias", (alias.id,))
        entry = self.snapshot.alias_entry(message)
        self._bytes(message, encode_alias(entry.id, entry.target, entry.identity, self.width))
        try:
            plain = encode_identity(decode_identity(alias.identity)) == alias.identity
        except UnicodeDecodeError:
            plain = False
        if not plain or digest("instrument", alias.identity) != alias.id:
            self.note(message.offset + HEADER_SIZE, f"at byte {message.offset}: this alias is not its identity's id")
        if entry.target is not None:
            self._check_reference(message, "alias", "target", entry.target.hex(), "instrument")
        self.indexes.add_id(KIND_CODES["instrument"], alias.id, message.offset)

    def _check_succession(self, message: Message) -> None:
        entry = self.snapshot.succession_entry(message)
        code = decode_succession(message.payload, message.offset + HEADER_SIZE, self.width).succession_kind
        self._place(message, "succession", (succession_order(entry.kind, entry.predecessor, entry.successor, code),))
        wire = Succession(
            entry.kind, entry.predecessor, entry.successor, code, entry.ratio, entry.effective_ns, entry.is_in_effect
        )
        self._bytes(message, encode_succession(wire, self.width))
        place = f"at byte {message.offset}, succession"
        if entry.predecessor == entry.successor:
            self.note(message.offset, f"{place}: a record does not succeed itself")
        if entry.ratio is not None and entry.ratio <= 0:
            self.note(message.offset, f"{place}.ratio: expected a number above 0, found {entry.ratio}")
        if entry.is_in_effect and entry.effective_ns > self.header.as_of_ns:
            self.note(message.offset, f"{place}.effective_at: in effect, and behind the time of the file")
        for field, id in (("predecessor", entry.predecessor), ("successor", entry.successor)):
            self._check_reference(message, "succession", field, id.hex(), KIND_NAMES[entry.kind])
            self.indexes.add_reference(layout.INDEX_SUCCESSION, id, message.offset)

    def _check_tombstone(self, message: Message) -> None:
        found = decode_tombstone(message.payload, message.offset + HEADER_SIZE, self.width)
        is_known = found.record in layout.CODE_OF
        if not is_known and not self.newer:
            place = message.offset
            self.pass_over(place, f"at byte {place}: a tombstone of the unknown type {found.record}")
            return
        self._place(message, "tombstone", (found.kind, found.id))
        if not is_known:
            return
        kind = layout.MESSAGE_KINDS.get(layout.CODE_OF[found.record][0])
        if found.kind != KIND_CODES.get(kind or ""):
            self.note(
                message.offset + HEADER_SIZE, f"at byte {message.offset}: {found.record} has not this kind of ids"
            )
            return
        listing = KIND_CODES["listing"]
        if found.record in ("listing", "alias") and self.header.contents == layout.FULL:
            self.note(message.offset, f"at byte {message.offset}: a tombstone of a {found.record} in a full snapshot")
        if found.kind != listing and self.snapshot.has_reference(found.id, KIND_NAMES[found.kind]):
            told = f"at byte {message.offset}: the {found.record} `{found.id.hex()}` is in the file, and so is its tombstone"
            self.note(message.offset, told)
        self._bytes(message, encode_tombstone(found.kind, found.id, found.record, self.width))

    def _check_index(self, message: Message) -> None:
        self._frame(message)
        code = message.payload[0] if message.payload else 0
        if code not in layout.INDEX_NAMES and self.newer:
            return
        belongs = code in (layout.INDEX_NAMES if self.is_partial else self.indexes.codes())
        if not belongs or any(self.places[code:]):
            name = layout.INDEX_NAMES.get(code, f"index {code}")
            self.note(message.offset, f"at byte {message.offset}: no index `{name}` belongs here")
            return
        self.places[code] = message.offset
        self.order = (len(_RANK),)  # behind all sections
        if not self.is_partial:
            self._bytes(message, self.indexes.build(code, message.offset))

    def _check_end(self, message: Message) -> None:
        self._frame(message)
        if message.end != self.snapshot.size:
            self.pass_over(message.offset, f"at byte {message.offset}: an end before the end of the file")
            return
        base = message.offset + HEADER_SIZE
        found = decode_end(message.payload, base)
        if self.newer:  # places that this version does not know may be taken
            found = found._replace(
                sections=tuple(n if i in _KNOWN_SECTIONS else 0 for i, n in enumerate(found.sections)),
                indexes=tuple(n if i in layout.INDEX_NAMES else 0 for i, n in enumerate(found.indexes)),
            )
        if not self.is_partial:
            for code in self.indexes.codes():
                self.note(message.offset, f"the index `{layout.INDEX_NAMES[code]}` is missing")
            for n, (expected, place) in enumerate(zip(self.sections, found.sections, strict=True)):
                self.expect(base + 8 * n, f"end.sections.{n}", expected, place)
            for n, (expected, place) in enumerate(zip(self.places, found.indexes, strict=True)):
                self.expect(base + 128 + 8 * n, f"end.indexes.{n}", expected, place)
        self.expect(base + 384, "end.num_messages", self.num_messages, found.num_messages)
        self._check_digest(base + 400, message.offset, found.digest)

    def _check_digest(self, offset: int, end: int, found: bytes) -> None:
        expected = self._digest(end)
        if expected != found:
            error = DecodeError(offset, "end.digest", expected.hex(), found.hex())
            hint = "; all else holds, so that it may be a sequence or timestamp of a record: no checksum covers those"
            self.note(offset, f"{error}{'' if self.problems else hint}")

    def _digest(self, end: int) -> bytes:
        digest = blake3()
        for start in range(0, end, _CHUNK):
            digest.update(self.data[start : min(end, start + _CHUNK)])
        return digest.digest()

    def _check_sums(self) -> None:
        if self.is_partial:
            return
        known = {name: n for name, n in self.header.counts.items() if not self.newer or name in layout.CODE_OF}
        wrong = sorted(n for n in known | self.counts if known.get(n) != self.counts.get(n))
        told, counted = ({name: counts.get(name, 0) for name in wrong} for counts in (known, self.counts))
        self.expect(HEADER_SIZE, "counts", counted, told)
        missing = set(layout.VOCABULARIES) - set(self.vocabularies)
        if missing:
            self.note(0, f"the vocabulary `{min(missing)}` is missing")


def _problem(error: CatalogError, offset: int) -> Problem:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, DecodeError):
        cause = cause.__cause__
    if isinstance(cause, DecodeError):
        offset = cause.offset
    message = str(error) if isinstance(error, DecodeError | SnapshotCorrupt) else f"at byte {offset}: {error}"
    return Problem(offset, message)


def _short(value: object) -> object:
    told = value.hex() if isinstance(value, bytes) else str(value)
    return told if len(told) <= 200 else f"{told[:200]}…"
