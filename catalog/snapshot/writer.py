"""Writes a snapshot file: records in order, streamed; then the indexes; then the end. Plain data in, no database.

The same entries give the same bytes. The file appears under its name complete, synced and read-only, or not at all.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from catalog.errors import InvalidRecord, quote
from catalog.snapshot.entries import AliasEntry, AnyEntry, Entry, SuccessionEntry, TombstoneEntry
from catalog.snapshot.faults import SnapshotContentError, SnapshotError
from catalog.snapshot.index import Indexes
from catalog.wire import layout
from catalog.wire.frame import HEADER_SIZE, check_payload_size, encode_header
from catalog.wire.layout import KIND_CODES, LAYOUTS
from catalog.wire.messages import (
    END_SIZE,
    EndMessage,
    SnapshotMessage,
    Succession,
    encode_alias,
    encode_end,
    encode_snapshot,
    encode_succession,
    encode_tombstone,
    encode_vocabulary,
)
from catalog.wire.records import RecordEncoder, record_encoder

_BATCH = 1 << 20
__all__ = [
    "AliasEntry",
    "Entry",
    "SnapshotHeader",
    "SnapshotInfo",
    "SnapshotWriter",
    "SuccessionEntry",
    "TombstoneEntry",
    "write_snapshot",
]

_SECTION_RANK = {message: rank for rank, message in enumerate(layout.SECTION_ORDER)}


@dataclass(frozen=True)
class SnapshotHeader:
    """What the file says of itself; `counts` per record name (and `alias`, `tombstone`), proved when it ends.

    A delta has the sequence and the time of the state that it starts from; in a full file they are 0 and None. An older
    `format_version` is for entries that have nothing of what came later.
    """

    catalog_id: bytes
    id_bits: int
    schema_revision: str
    base_sequence: int
    as_of_sequence: int
    as_of_ns: int
    horizon_ns: int
    counts: Mapping[str, int]
    base_as_of_ns: int | None = None
    format_version: int = layout.FORMAT_VERSION


class SnapshotInfo(NamedTuple):
    """What was written: the file, its BLAKE3 digest (of all bytes before the end message), size and counts."""

    path: Path
    digest: bytes
    size: int
    counts: dict[str, int]


def write_snapshot(
    path: str | os.PathLike[str],
    header: SnapshotHeader,
    vocabularies: Mapping[str, Mapping[str, int]],
    entries: Iterable[AnyEntry],
    *,
    force: bool = False,
) -> SnapshotInfo:
    """Write `entries`, already in the order of the file, to a new file at `path`.

    Raises SnapshotError when the file cannot be put there (an existing one only gives way to `force`),
    SnapshotContentError when the entries are not what the header says, InvalidRecord for a value without a wire form.
    Nothing is left behind by a failure.
    """
    target = Path(path)
    with _Output(target, force=force) as output:
        writer = SnapshotWriter(output, header, vocabularies)
        writer.write(entries)
        info = writer.finish()
        output.publish()
    return info


class SnapshotWriter:
    """The stream of messages behind `write_snapshot`: `write` any number of times, then `finish` once."""

    def __init__(self, output: _Output, header: SnapshotHeader, vocabularies: Mapping[str, Mapping[str, int]]) -> None:
        self._output, self._header = output, header
        self._width = header.id_bits // 8
        self._hash = blake3()
        self._pending: list[bytes | bytearray] = []
        self._pending_size = 0
        self._offset = 0
        self._num_messages = 0
        self._counts: dict[str, int] = dict.fromkeys(header.counts, 0)
        self._sections = [0] * layout.NUM_SECTION_PLACES
        self._section, self._last = -1, b""
        self._indexes = Indexes(self._width)
        self._codes = {name: dict(vocabularies.get(name, {})) for name in layout.VOCABULARIES}
        self._encoders: dict[str, tuple[RecordEncoder, int, bool]] = {}
        unknown = set(vocabularies) - set(layout.VOCABULARIES)
        if unknown:
            raise InvalidRecord("vocabulary", min(unknown), f"one of {', '.join(layout.VOCABULARIES)}")
        self._open()

    def _open(self) -> None:
        header = self._header
        contents = layout.DELTA if header.base_sequence else layout.FULL
        counts = {name: count for name, count in header.counts.items() if count}
        self._frame(
            layout.SNAPSHOT,
            encode_snapshot(
                SnapshotMessage(
                    header.format_version,
                    contents,
                    header.id_bits,
                    header.catalog_id,
                    header.base_sequence,
                    header.as_of_sequence,
                    header.as_of_ns,
                    header.horizon_ns,
                    counts,
                    header.schema_revision,
                    header.base_as_of_ns,
                )
            ),
        )
        for name, codes in sorted(self._codes.items()):
            self._frame(layout.VOCABULARY, encode_vocabulary(name, codes))

    def write(self, entries: Iterable[AnyEntry]) -> None:
        """Append entries; raises SnapshotContentError for one that is out of order."""
        for entry in entries:
            if isinstance(entry, Entry):
                self._write_record(entry)
            elif isinstance(entry, AliasEntry):
                self._write_alias(entry)
            elif isinstance(entry, SuccessionEntry):
                self._write_succession(entry)
            else:
                self._write_tombstone(entry)

    def _write_record(self, entry: Entry) -> None:
        record, key, sequence, timestamp_ns, values = entry
        encoder = self._encoders.get(record)
        if encoder is None:
            if record not in LAYOUTS:
                raise InvalidRecord("record", record, f"one of {', '.join(LAYOUTS)} is expected")
            encode = record_encoder(record, self._codes, self._width)
            encoder = self._encoders[record] = encode, LAYOUTS[record].message, LAYOUTS[record].has_id
        encode, message, has_id = encoder
        payload = encode(key, values)
        if has_id:
            self._place(record, message, key)
        else:
            symbol = (values.get("symbol") or "").encode()
            self._place(record, message, bytes.fromhex(values["instrument_id"] + values["venue_id"]) + symbol)
        self._indexes.add_record(record, key, values, self._offset)
        self._emit(message, payload, sequence, timestamp_ns)

    def _write_alias(self, entry: AliasEntry) -> None:
        self._place("alias", layout.ALIAS, entry.id)
        self._indexes.add_id(KIND_CODES["instrument"], entry.id, self._offset)
        payload = encode_alias(entry.id, entry.target, entry.identity, self._width)
        self._emit(layout.ALIAS, payload, entry.sequence, entry.timestamp_ns)

    def _write_succession(self, entry: SuccessionEntry) -> None:
        code = self._codes["succession_kind"].get(entry.succession_kind)
        if code is None:
            raise InvalidRecord("succession_kind", entry.succession_kind, "not in the vocabulary `succession_kind`")
        self._place(
            "succession", layout.SUCCESSION, succession_order(entry.kind, entry.predecessor, entry.successor, code)
        )
        for id in (entry.predecessor, entry.successor):
            self._indexes.add_reference(layout.INDEX_SUCCESSION, id, self._offset)
        message = Succession(
            entry.kind, entry.predecessor, entry.successor, code, entry.ratio, entry.effective_ns, entry.is_in_effect
        )
        self._emit(layout.SUCCESSION, encode_succession(message, self._width), entry.sequence, entry.timestamp_ns)

    def _write_tombstone(self, entry: TombstoneEntry) -> None:
        self._place("tombstone", layout.TOMBSTONE, bytes((entry.kind,)) + entry.id[: self._width])
        payload = encode_tombstone(entry.kind, entry.id, entry.record, self._width)
        self._emit(layout.TOMBSTONE, payload, entry.sequence, entry.timestamp_ns)

    def _place(self, record: str, message: int, key: bytes) -> None:
        """Count the entry that comes next, and prove that it may stand behind the last one."""
        if message != self._section:
            if _SECTION_RANK[message] <= _SECTION_RANK.get(self._section, -1):
                raise SnapshotContentError(f"{record} {quote(key)} comes after the section of its type has ended")
            self._section = message
            self._sections[message] = self._offset
        elif key <= self._last:
            last = quote(self._last)
            raise SnapshotContentError(f"{record} {quote(key)} comes after {last} but does not sort behind it")
        self._last = key
        try:
            self._counts[record] += 1
        except KeyError:
            self._counts[record] = 1

    def _frame(self, message: int, payload: bytes | bytearray) -> None:
        self._emit(message, payload, self._header.as_of_sequence, self._header.as_of_ns)

    def _emit(self, message: int, payload: bytes | bytearray, sequence: int, timestamp_ns: int) -> None:
        if len(payload) > layout.MAX_RECORD and message != layout.INDEX:
            raise InvalidRecord("payload", f"{len(payload)} bytes", f"a message has at most {layout.MAX_RECORD}")
        if sequence > self._header.as_of_sequence:
            raise SnapshotContentError(f"a change has the number {sequence}, which is behind the snapshot's own")
        self._pending += (encode_header(message, payload, sequence, timestamp_ns), payload)
        size = HEADER_SIZE + len(payload)
        self._offset += size
        self._pending_size += size
        self._num_messages += 1
        if self._pending_size >= _BATCH:
            self._flush(hashed=True)

    def _flush(self, *, hashed: bool) -> None:
        large = (
            self._pending.pop() if self._pending and len(self._pending[-1]) >= _BATCH else b""
        )  # an index: not to be copied again
        for chunk in (b"".join(self._pending), large):
            if hashed:
                self._hash.update(chunk)
            self._output.write(chunk)
        self._pending.clear()
        self._pending_size = 0

    def finish(self) -> SnapshotInfo:
        """Write the indexes and the end. Raises SnapshotContentError when the counts are not the header's."""
        wanted = {name: count for name, count in self._header.counts.items() if count}
        counted = {name: count for name, count in self._counts.items() if count}
        if wanted != counted:
            names = sorted(n for n in wanted | counted if wanted.get(n) != counted.get(n))
            found = ", ".join(f"{n}: {counted.get(n, 0)}, announced {wanted.get(n, 0)}" for n in names)
            raise SnapshotContentError(f"the entries are not as many as the header says ({found})")
        places = [0] * layout.NUM_INDEX_PLACES
        for code in self._indexes.codes():
            places[code] = self._offset
            payload = self._indexes.build(code, self._offset)
            check_payload_size(len(payload))
            self._frame(layout.INDEX, payload)
        self._flush(hashed=True)
        digest = self._hash.digest()
        size = self._offset + HEADER_SIZE + END_SIZE
        end = EndMessage(tuple(self._sections), tuple(places), self._num_messages + 1, size, digest)
        self._frame(layout.END, encode_end(end))
        self._flush(hashed=False)
        return SnapshotInfo(self._output.target, digest, size, counted)


def succession_order(kind: int, predecessor: bytes, successor: bytes, code: int) -> bytes:
    """What successions are sorted by, bytewise."""
    return bytes((kind,)) + predecessor + successor + bytes((code,))


class _Output:
    """A temporary file beside the target that becomes the target, or goes away.

    The temporary file is locked while it is written, so that one without a lock is known to be left from a killed run.
    """

    def __init__(self, target: Path, *, force: bool) -> None:
        self.target, self._force = target, force
        self._published = False

    def __enter__(self) -> _Output:
        target = self.target
        try:
            target.stat()
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._failure(error) from error
        if target.is_dir():
            raise SnapshotError(target, "write", "it is a directory", "name a file inside it")
        if not target.parent.is_dir():
            raise SnapshotError(target, "write", f"there is no directory `{target.parent}`", "make it first")
        if not self._force and os.path.lexists(target):
            raise SnapshotError(target, "write", "it exists", "repeat with --force to replace it")
        self._temporary = target.parent / f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
        try:
            self._remove_stale()
            self._descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._failure(error) from error
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._published:
            self._temporary.unlink(missing_ok=True)
        os.close(self._descriptor)

    def write(self, chunk: bytes | bytearray) -> None:
        view = memoryview(chunk)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise self._failure(error) from error

    def publish(self) -> None:
        """Sync, make read-only, and give it the target's name; without force the target must still be absent."""
        try:
            os.fsync(self._descriptor)
            os.fchmod(self._descriptor, 0o444)
            if self._force or not self._linked():
                self._temporary.rename(self.target)
            self._published = True
            directory = os.open(self.target.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except FileExistsError as error:
            raise SnapshotError(self.target, "write", "it exists", "repeat with --force to replace it") from error
        except OSError as error:
            raise self._failure(error) from error

    def _linked(self) -> bool:
        """Whether the file took its name as a new one; False where the file system has no links."""
        try:
            os.link(self._temporary, self.target)
        except FileExistsError:
            raise
        except OSError:
            return False
        self._temporary.unlink()
        return True

    def _remove_stale(self) -> None:
        for left in self.target.parent.glob(f".{_escaped(self.target.name)}.*.tmp"):
            try:
                descriptor = os.open(left, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink(missing_ok=True)
            except OSError:
                pass
            finally:
                os.close(descriptor)

    def _failure(self, error: OSError) -> SnapshotError:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        hint = "free some space; nothing was published" if full else None
        return SnapshotError(self.target, "write", error.strerror or str(error), hint)


def _escaped(name: str) -> str:
    return glob.escape(name)
