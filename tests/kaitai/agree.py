"""Whether the parser that Kaitai Struct makes of docs/registry.ksy reads a snapshot file as the package does.

    python -m tests.kaitai.agree [--parser PARSER] [FILE…]

PARSER is what compile.mjs wrote, build/kaitai/registry.py unless said. Every value of every message is compared; the
first that differs, or that one side cannot read, ends the program with 1. Without a FILE it takes the golden files, a
delta, files with every field filled, one of version 1 and a made-up version 3; and damaged files, which both must refuse.
"""

from __future__ import annotations

import argparse
import importlib.util
import mmap
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from struct import Struct
from typing import Any
from zlib import crc32

from catalog.errors import CatalogError, DecodeError
from catalog.snapshot import Snapshot
from catalog.snapshot.show import cat
from catalog.wire import layout
from catalog.wire.frame import HEADER_SIZE, Message, decode_stream
from catalog.wire.layout import LAYOUTS, Field
from catalog.wire.messages import (
    IndexHead,
    count_name,
    decode_alias,
    decode_end,
    decode_index_head,
    decode_snapshot,
    decode_succession,
    decode_tombstone,
    decode_vocabulary,
)
from tests.kaitai.damaged import damaged_files
from tests.kaitai.filled import FULL_VOCABULARIES, filled_universe
from tests.snapshot import support
from tests.snapshot.test_evolution import version_3

PARSER = Path(__file__).parents[2] / "build" / "kaitai" / "registry.py"
_SMALL = 1 << 20  # bytes of a file that the generated parser reads at once, too
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_ZERO = date(1970, 1, 1)
_MIDNIGHT = datetime(2000, 1, 1)  # noqa: DTZ001 - of a day without a zone


class Disagreement(Exception):
    """The two readers say different things."""


def their_messages(parser: Any, path: Path) -> Iterator[tuple[int, Any]]:
    """(offset, message) of the generated parser, which keeps none but the first: the loop is here, not in it."""

    class Registry(parser.Registry):  # type: ignore[misc]
        def _read(self) -> None:
            self.messages = [parser.Registry.Message(self._io, self, self)]

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        io = parser.KaitaiStream(data)
        root = Registry(io)
        message, offset = root.messages[0], 0
        while True:
            yield offset, message
            if message.type == parser.Registry.MessageType.snapshot_end:
                return
            offset = io.pos()
            message = parser.Registry.Message(io, root, root)


class Comparison:
    """Compares one file; `messages` and `values` count what was the same so far."""

    def __init__(self, parser: Any, path: Path) -> None:
        self.parser, self.path = parser, path
        self.messages = self.values = 0
        self.codes: dict[str, dict[int, str]] = {}  # as the generated parser reads them
        self._at = 0

    def run(self) -> None:
        """Raises Disagreement at the first difference."""
        with Snapshot.open(self.path) as self.snapshot:
            self._width = self.snapshot.header.id_bits // 8
            theirs = their_messages(self.parser, self.path)
            for message, (offset, other) in zip(decode_stream(self.snapshot.data), theirs, strict=True):
                self._at = message.offset
                self._compare_message(message, offset, other)
                self.messages += 1
            if self.snapshot.size <= _SMALL:
                with self.parser.Registry.from_file(self.path) as whole:
                    self._same("messages when read at once", self.messages, len(whole.messages))

    def _same(self, what: str, ours: object, theirs: object) -> None:
        if ours != theirs or type(ours) is not type(theirs):
            raise Disagreement(f"message at byte {self._at}, {what}: {ours!r} here, {theirs!r} there")
        self.values += 1

    def _same_fields(self, what: str, ours: Any, theirs: Any, names: tuple[str, ...]) -> None:
        for name in names:
            self._same(f"{what}.{name}", getattr(ours, name), _plain(getattr(theirs, name)))

    def _compare_message(self, ours: Message, offset: int, theirs: Any) -> None:
        self._same("offset", ours.offset, offset)
        self._same("type", ours.type, int(theirs.type))
        self._same("sequence", ours.sequence, theirs.sequence)
        self._same("timestamp", ours.timestamp_ns, theirs.timestamp)
        self._same("payload_size", len(ours.payload), theirs.payload_size)
        self._same("checksum", crc32(ours.payload), theirs.checksum)
        compare = _COMPARE.get(ours.type)
        if compare is None:
            self._same("payload", ours.payload, theirs.payload)
            return
        self._same("payload", ours.payload, theirs._raw_payload)
        if ours.type == layout.INSTRUMENT and not self.snapshot.knows(ours):
            self._same("payload", ours.payload, theirs.payload.record)
            return
        payload = theirs.payload.record if ours.type == layout.INSTRUMENT else theirs.payload
        compare(self, ours, payload)
        if self.snapshot.header.format_version == layout.FORMAT_VERSION:
            self._same("end of the payload", len(ours.payload), payload._io.pos())

    def _compare_snapshot(self, message: Message, theirs: Any) -> None:
        ours = decode_snapshot(message.payload, message.offset + HEADER_SIZE)
        names = ("format_version", "contents", "id_bits", "catalog_id", "base_sequence", "as_of_sequence")
        self._same_fields("snapshot", ours, theirs, names)
        self._same("snapshot.as_of", ours.as_of_ns, theirs.as_of)
        self._same("snapshot.horizon", ours.horizon_ns, theirs.horizon)
        self._same("snapshot.num_counts", len(ours.counts), theirs.num_counts)
        for (name, count), row in zip(ours.counts.items(), theirs.counts, strict=True):
            self._same("snapshot.counts", name, count_name((int(row.message), int(row.subtype))))
            self._same(f"snapshot.counts, {name}", count, row.count)
        self._same("snapshot.schema_revision", ours.schema_revision, theirs.schema_revision.value)
        self._same("snapshot.base_as_of", ours.base_as_of_ns, getattr(theirs, "base_as_of", None))

    def _compare_vocabulary(self, message: Message, theirs: Any) -> None:
        name, codes = decode_vocabulary(message.payload, message.offset + HEADER_SIZE)
        self._same("vocabulary.name", name, theirs.name.value)
        self._same("vocabulary.num_codes", len(codes), theirs.num_codes)
        for (code, value), row in zip(codes.items(), theirs.codes, strict=True):
            self._same(f"vocabulary {name}, code", code, row.code)
            self._same(f"vocabulary {name}, name of {code}", value, row.name.value)
        self.codes[theirs.name.value] = {row.code: row.name.value for row in theirs.codes}

    def _compare_record(self, message: Message, theirs: Any) -> None:
        record, id, values = self.snapshot.decode(message)
        table = LAYOUTS[record]
        if table.has_id:
            self._same(f"{record}.id", id, theirs.id)
        if table.message == layout.INSTRUMENT:
            self._same(f"{record}.instrument_type", table.subtype, int(theirs.instrument_type))
        for field in table.fields:
            self._compare_field(record, field, values.get(field.name), theirs)

    def _compare_field(self, path: str, field: Field, ours: Any, theirs: Any) -> None:
        what = f"{path}.{field.name}"
        if field.since > 1 and not hasattr(theirs, field.name):  # the payload ends before it
            self._same(what, ours, None)
            return
        found = getattr(theirs, field.name)
        if field.type == "list":
            self._same(f"{path}.num_{field.name}", len(ours), getattr(theirs, f"num_{field.name}"))
            for n, (one, other) in enumerate(zip(ours, found, strict=True)):
                for item in field.items:
                    self._compare_field(f"{what}.{n}", item, getattr(one, item.name), other)
            return
        if field.optional:
            self._same(f"{what}, presence", ours is not None, bool(found.presence))
            if not found.presence:
                return
        if field.type == "ref":
            value = found.value if field.optional else found
            self._same(what, ours[: 2 * self._width], value.hex())
        elif field.domain:
            self._same(what, ours, self.codes[field.domain].get(found.value))
        else:
            self._same(what, ours, _VALUES[field.type](found))

    def _compare_alias(self, message: Message, theirs: Any) -> None:
        ours = decode_alias(message.payload, message.offset + HEADER_SIZE, self._width)
        self._same("alias.id", ours.id, theirs.id)
        self._same("alias.kind", ours.kind, int(theirs.kind))
        self._same("alias.target", ours.target, theirs.target.value if theirs.target.presence else None)
        self._same("alias.len_identity", len(ours.identity), theirs.len_identity)
        self._same("alias.identity", ours.identity, theirs._raw_identity)
        parts = [part.value.encode() for part in theirs.identity.parts]
        self._same("alias.identity", ours.identity, b"".join(len(p).to_bytes(4, "little") + p for p in parts))

    def _compare_succession(self, message: Message, theirs: Any) -> None:
        ours = decode_succession(message.payload, message.offset + HEADER_SIZE, self._width)
        self._same_fields("succession", ours, theirs, ("kind", "predecessor", "successor"))
        self._same("succession.succession_kind", ours.succession_kind, theirs.succession_kind.value)
        self._same("succession.ratio", ours.ratio, _decimal(theirs.ratio) if theirs.ratio.presence else None)
        self._same("succession.effective_at", ours.effective_ns, theirs.effective_at.value)
        self._same("succession.is_in_effect", ours.is_in_effect, bool(theirs.is_in_effect.value))

    def _compare_tombstone(self, message: Message, theirs: Any) -> None:
        ours = decode_tombstone(message.payload, message.offset + HEADER_SIZE, self._width)
        self._same_fields("tombstone", ours, theirs, ("kind", "id"))
        self._same(
            "tombstone.record", ours.record, count_name((int(theirs.record_message), int(theirs.record_subtype)))
        )

    def _compare_index(self, message: Message, theirs: Any) -> None:
        ours = decode_index_head(message.payload, message.offset, len(message.payload), self._width)
        self._same_fields("index", ours, theirs, IndexHead._fields)
        self._same("index.padding", ours.ofs_slots - message.offset - 64, len(theirs.padding))
        data = self.snapshot.data
        slots = Struct(f"<{self._width}sQ").iter_unpack(data[ours.ofs_slots : ours.ofs_postings])
        for n, ((key, value), slot) in enumerate(zip(slots, theirs.slots, strict=True)):
            self._same(f"index.slots.{n}.key", key, slot.key)
            self._same(f"index.slots.{n}.value", value, slot.value)
        postings = Struct("<Q").iter_unpack(data[ours.ofs_postings : ours.end])
        for n, ((offset,), other) in enumerate(zip(postings, theirs.postings, strict=True)):
            self._same(f"index.postings.{n}", offset, other)

    def _compare_end(self, message: Message, theirs: Any) -> None:
        ours = decode_end(message.payload, message.offset + HEADER_SIZE)
        self._same_fields("end", ours, theirs, ("num_messages", "file_size", "digest"))
        for name in ("sections", "indexes"):
            for n, (offset, other) in enumerate(zip(getattr(ours, name), getattr(theirs, name), strict=True)):
                self._same(f"end.{name}.{n}", offset, other)
        self._same("messages of the file", ours.num_messages, self.messages + 1)


def _plain(value: Any) -> Any:
    """A number of an enum as a number."""
    return int(value) if isinstance(value, int) else value


def _decimal(found: Any) -> Decimal:
    return Decimal(found.mantissa).scaleb(found.exponent)


def _number(found: Any) -> Any:
    """A number, or the one inside what may be null."""
    return found if isinstance(found, int) else found.value


_COMPARE: dict[int, Callable[[Comparison, Message, Any], None]] = {
    layout.SNAPSHOT: Comparison._compare_snapshot,
    layout.VOCABULARY: Comparison._compare_vocabulary,
    layout.ALIAS: Comparison._compare_alias,
    layout.SUCCESSION: Comparison._compare_succession,
    layout.TOMBSTONE: Comparison._compare_tombstone,
    layout.INDEX: Comparison._compare_index,
    layout.END: Comparison._compare_end,
    **{table.message: Comparison._compare_record for table in LAYOUTS.values()},
}
#: What the generated parser gives for a type of field, as the package's reader gives it.
_VALUES: dict[str, Callable[[Any], Any]] = {
    "key": lambda found: found.value,
    "text": lambda found: found.value,
    "u8": _number,
    "u32": _number,
    "u64": _number,
    "bool": lambda found: found.value == 1,
    "decimal": _decimal,
    "date": lambda found: _DAY_ZERO + timedelta(days=found.value),
    "time": lambda found: _EPOCH + timedelta(microseconds=found.value // 1000),
    "clock": lambda found: (_MIDNIGHT + timedelta(seconds=found.value)).time(),
    "keys": lambda found: tuple(key.value for key in found.values),
}


def agree(parser: Any, path: Path, name: str) -> bool:
    """Compare one file and print how it went."""
    comparison = Comparison(parser, path)
    try:
        comparison.run()
    except Disagreement as error:
        print(f"{name}: {error}")
    except CatalogError as error:
        print(f"{name}: the package cannot read it: {error}")
    except (EOFError, ValueError, AttributeError, ArithmeticError, parser.kaitaistruct.KaitaiStructError) as error:
        print(f"{name}: the generated parser fails in message {comparison.messages}: {error}")
    else:
        print(f"{name}: the same: {comparison.messages} messages, {comparison.values} values")
        return True
    return False


def refused(parser: Any, folder: Path) -> bool:
    """Damage the golden file in many ways, and print the first damage that not both sides refuse."""
    path = folder / "damaged.snap"
    files = damaged_files()
    for what, data in files.items():
        path.write_bytes(data)
        for reader, read in (("the package", cat(path)), ("the generated parser", their_messages(parser, path))):
            try:
                deque(read, 0)
            except (DecodeError, EOFError, ValueError, parser.kaitaistruct.KaitaiStructError):
                continue
            print(f"{what}: {reader} does not refuse it")
            return False
    print(f"damaged files: both refuse {len(files)}")
    return True


def made_up(folder: Path) -> dict[str, Path]:
    """The files that are compared when none is named, each with ids of either width."""
    names = [f"{name}-{bits}" for bits in (64, 128) for name in ("golden", "delta", "filled", "version-1", "version-3")]
    files = {name: folder / f"{name}.snap" for name in names}
    for bits in (64, 128):
        files[f"golden-{bits}"].write_bytes(support.golden(f"v2-{bits}"))
        support.write(files[f"delta-{bits}"], support.universe(), bits, base_sequence=3)
        support.write(files[f"filled-{bits}"], filled_universe(), bits, FULL_VOCABULARIES)
        files[f"version-1-{bits}"].write_bytes(support.golden(f"v1-{bits}"))
        files[f"version-3-{bits}"].write_bytes(version_3(bits))
    return files


def load(path: Path) -> Any:
    """The generated parser."""
    spec = importlib.util.spec_from_file_location("registry", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    arguments.add_argument("--parser", type=Path, default=PARSER)
    arguments.add_argument("files", type=Path, nargs="*", metavar="FILE")
    given = arguments.parse_args()
    if not given.parser.is_file():
        print(f"error: there is no {given.parser}; run `make kaitai`", file=sys.stderr)
        return 2
    parser = load(given.parser)
    with tempfile.TemporaryDirectory() as folder:
        files = {str(path): path for path in given.files} or made_up(Path(folder))
        same = all(agree(parser, path, name) for name, path in files.items())
        return 0 if same and (given.files or refused(parser, Path(folder))) else 1


if __name__ == "__main__":
    sys.exit(main())
