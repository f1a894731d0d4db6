"""A full snapshot and the deltas that follow it, made into the full snapshot of the later state (docs/protocol.md §12).

What comes out is what an export of that state would have written, byte for byte.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from heapq import merge
from itertools import pairwise
from typing import Any, NamedTuple

from catalog.domain.identity import digest, encode_identity
from catalog.snapshot.entries import AliasEntry, AnyEntry, Entry, SuccessionEntry, TombstoneEntry
from catalog.snapshot.faults import DeltaRefused
from catalog.snapshot.reader import Snapshot
from catalog.snapshot.writer import SnapshotHeader, SnapshotInfo, succession_order, write_snapshot
from catalog.wire import layout
from catalog.wire.frame import Message
from catalog.wire.layout import KIND_CODES, LAYOUTS
from catalog.wire.records import references

_LISTING = KIND_CODES["listing"]
_INSTRUMENT = KIND_CODES["instrument"]
#: What an entry is about, across files: a kind and an id in the file's width, or what makes a succession.
Subject = tuple[Any, ...]


def apply(
    base: str | os.PathLike[str],
    deltas: Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    *,
    force: bool = False,
) -> SnapshotInfo:
    """Write to `target` the full snapshot that `base` and `deltas`, one after the other, lead to.

    Every byte of the inputs is proved by their digests first. Raises DeltaRefused when they do not belong together,
    DecodeError or SnapshotError when one of them cannot be read or `target` not be written.
    """
    with ExitStack() as stack:
        sources = [stack.enter_context(Snapshot.open(path)) for path in (base, *deltas)]
        for source in sources:
            source.prove()
        _check_chain(sources)
        last = sources[-1]
        state = _State(sources)
        header = SnapshotHeader(
            catalog_id=last.header.catalog_id,
            id_bits=last.header.id_bits,
            schema_revision=last.header.schema_revision,
            base_sequence=0,
            as_of_sequence=last.header.as_of_sequence,
            as_of_ns=last.header.as_of_ns,
            horizon_ns=last.header.horizon_ns,
            counts=Counter(_name(entry) for entry in state.entries()),
            format_version=last.header.format_version,
        )
        vocabularies = {name: {v: code for code, v in codes.items()} for name, codes in last.vocabularies.items()}
        return write_snapshot(target, header, vocabularies, state.entries(), force=force)


def _check_chain(sources: Sequence[Snapshot]) -> None:
    base = sources[0]
    for source in sources:
        if source.header.format_version > layout.FORMAT_VERSION:
            version = source.header.format_version
            raise DeltaRefused(source.path, f"its format version {version} is newer than this program's", "update it")
    if base.header.contents != layout.FULL:
        raise DeltaRefused(base.path, "it is a delta itself", "name a full snapshot first, then the deltas")
    for before, delta in pairwise(sources):
        old, new = before.header, delta.header
        if new.contents != layout.DELTA:
            raise DeltaRefused(delta.path, "it is a full snapshot, not a delta", "it needs nothing applied to it")
        if new.catalog_id != old.catalog_id:
            theirs, ours = new.catalog_id.hex(), old.catalog_id.hex()
            raise DeltaRefused(delta.path, f"it is of the catalog {theirs}, and the snapshot of {ours}")
        if new.id_bits != old.id_bits:
            reason = f"its ids have {new.id_bits} bits, and those of the snapshot {old.id_bits}"
            raise DeltaRefused(delta.path, reason, "take a full snapshot of that width")
        if new.format_version < old.format_version:
            reason = f"its format version is {new.format_version}, and the snapshot's is {old.format_version} already"
            raise DeltaRefused(delta.path, reason, "take a full snapshot")
        if new.as_of_sequence < old.as_of_sequence:
            reason = f"it ends at {new.as_of_sequence}, and the snapshot is at {old.as_of_sequence} already"
            raise DeltaRefused(delta.path, reason, "nothing is to be done")
        if new.base_sequence != old.as_of_sequence:
            reason = f"it starts from {new.base_sequence}, and the snapshot is at {old.as_of_sequence}"
            raise DeltaRefused(delta.path, reason, f"make one with --since {old.as_of_sequence}")
        if new.base_as_of_ns != old.as_of_ns:
            reason = f"the change {new.base_sequence} that it starts from is another one than the snapshot's"
            raise DeltaRefused(delta.path, reason, "the catalog was restored meanwhile: take a full snapshot")


class _Retired(NamedTuple):
    """A retired record, and the ids that it names."""

    entry: Entry
    named: frozenset[Subject]


class _State:
    """The state behind a full snapshot and its deltas: of each subject what the last file says of it.

    A retired record that nothing names any more is not in it, nor are its aliases; where a delta says that an id is an
    alias now, what was recorded of it as a record is gone.
    """

    def __init__(self, sources: Sequence[Snapshot]) -> None:
        self._sources = sources
        self._width = sources[0].header.id_bits // 8
        self._last: dict[Subject, int] = {}
        #: The ids that are, or were, aliases in a delta (in the file's width), with the last one that says so.
        self._aliases: dict[bytes, int] = {}
        for n, delta in enumerate(sources[1:], 1):
            for message_type in layout.SECTION_ORDER:
                for _, entry in self._section(delta, message_type):
                    self._last[self._subject(entry)] = n
                    if isinstance(entry, AliasEntry) or (isinstance(entry, TombstoneEntry) and entry.record == "alias"):
                        self._aliases[entry.id[: self._width]] = n
        self._has_listings = any(subject[0] == _LISTING for subject in self._last)
        self._left = self._unnamed()

    def entries(self) -> Iterator[AnyEntry]:
        """Every entry of the full snapshot, in the order of the file."""
        for message_type in layout.SECTION_ORDER[:-1]:
            yield from (entry for entry in self._latest(message_type) if not self._is_gone(entry))
        yield from self._tombstones()

    def _is_gone(self, entry: AnyEntry) -> bool:
        if isinstance(entry, AliasEntry):
            return entry.target is not None and (_INSTRUMENT, entry.target) in self._left
        return isinstance(entry, Entry) and bool(self._left) and (_kind(entry), entry.id) in self._left

    def _tombstones(self) -> Iterator[TombstoneEntry]:
        """Those of the files, and of what nothing names any more; listings and aliases have none in a full snapshot."""
        horizon = self._sources[-1].header.horizon_ns
        found = [t for t in self._latest(layout.TOMBSTONE) if isinstance(t, TombstoneEntry)]
        found += [
            TombstoneEntry(kind, id, retired.entry.record, retired.entry.sequence, retired.entry.timestamp_ns)
            for (kind, id), retired in self._left.items()
        ]
        kept = (t for t in found if t.kind != _LISTING and t.record != "alias" and t.timestamp_ns > horizon)
        yield from sorted(kept, key=lambda t: (t.kind, t.id[: self._width]))

    # -- what the files say last of each subject ------------------------------------------------------------------

    def _latest(self, message_type: int) -> Iterator[AnyEntry]:
        streams = [self._current(n, message_type) for n in range(len(self._sources))]
        return (entry for _, entry in merge(*streams, key=lambda pair: pair[0]))

    def _current(self, n: int, message_type: int) -> Iterator[tuple[Any, AnyEntry]]:
        """What the file n says in a section, and no later one says otherwise."""
        for order, entry in self._section(self._sources[n], message_type):
            if isinstance(entry, SuccessionEntry) and self._is_superseded(n, entry):
                continue
            is_settled = message_type == layout.LISTING and not self._has_listings
            if is_settled or self._last.get(self._subject(entry), 0) == n:
                yield order, entry

    def _section(self, source: Snapshot, message_type: int) -> Iterator[tuple[Any, AnyEntry]]:
        """The entries of a section with what they are sorted by."""
        if message_type == layout.ALIAS:
            yield from ((alias.id, alias) for alias in source.aliases())
        elif message_type == layout.TOMBSTONE:
            yield from (((gone.kind, gone.id), gone) for gone in source.tombstones())
        elif message_type == layout.SUCCESSION:
            codes = {name: code for code, name in source.vocabularies.get("succession_kind", {}).items()}
            for s in source.successions():
                yield succession_order(s.kind, s.predecessor, s.successor, codes[s.succession_kind]), s
        else:
            for message in source.messages(message_type):
                entry = _entry(source, message)
                if message_type == layout.LISTING:
                    values = entry.values
                    yield (values["instrument_id"], values["venue_id"], values.get("symbol", "").encode()), entry
                else:
                    yield entry.id, entry

    def _subject(self, entry: AnyEntry) -> Subject:
        if isinstance(entry, SuccessionEntry):
            return ("succession", entry.kind, entry.predecessor, entry.successor, entry.succession_kind)
        if isinstance(entry, TombstoneEntry):
            return entry.kind, entry.id[: self._width]
        if isinstance(entry, AliasEntry):
            return _INSTRUMENT, entry.id[: self._width]
        if entry.record == "listing":
            return _LISTING, listing_digest(entry.values)[: self._width]
        return _kind(entry), entry.id[: self._width]

    # -- retired records stay as long as something names them -----------------------------------------------------

    def _unnamed(self) -> dict[Subject, _Retired]:
        """The retired records that nothing in the state names, directly or through retired ones that are named."""
        retired: dict[Subject, _Retired] = {}
        codes: dict[tuple[str, str], Subject] = {}
        sections = layout.SECTION_ORDER[:-1]
        for entry in (e for message_type in sections for e in self._latest(message_type)):
            if isinstance(entry, Entry) and entry.values["status"] == "retired":
                subject = (_kind(entry), entry.id)
                retired[subject] = _Retired(entry, frozenset())
                for field in layout.CODES_NAMING.get(entry.record, ()):
                    if field in entry.values:
                        codes[field, entry.values[field]] = subject
        if not retired:
            return {}
        waiting: set[Subject] = set()
        for entry in (e for message_type in sections for e in self._latest(message_type)):
            if isinstance(entry, Entry):
                subject = (_kind(entry), entry.id)
                named = frozenset(_named(entry, codes) & retired.keys())
                if subject in retired:
                    retired[subject] = _Retired(entry, named)
                else:
                    waiting |= named
            elif isinstance(entry, SuccessionEntry):
                waiting |= {(entry.kind, side) for side in (entry.predecessor, entry.successor)} & retired.keys()
        while waiting:
            found = retired.pop(waiting.pop())
            waiting |= found.named & retired.keys()
        return retired

    def _is_superseded(self, n: int, entry: SuccessionEntry) -> bool:
        """Whether a side of a succession of the file n is, or was, an alias in a later one."""
        sides = (entry.predecessor[: self._width], entry.successor[: self._width])
        return entry.kind == _INSTRUMENT and any(self._aliases.get(side, 0) > n for side in sides)


def listing_digest(values: Mapping[str, Any]) -> bytes:
    """The 16 bytes that stand for a listing in a tombstone."""
    return digest("listing", encode_identity((values["instrument_id"], values["venue_id"], values.get("symbol") or "")))


def _entry(source: Snapshot, message: Message) -> Entry:
    record, id, values = source.decode(message)
    return Entry(record, id, message.sequence, message.timestamp_ns, values)


def _kind(entry: Entry) -> int:
    return KIND_CODES[LAYOUTS[entry.record].kind]


def _named(entry: Entry, codes: Mapping[tuple[str, str], Subject]) -> set[Subject]:
    """The records that an entry names by their ids, and those of `codes` that it names by a code."""
    found: set[Subject] = {
        (KIND_CODES[kind], bytes.fromhex(id)) for _, id, kind in references(LAYOUTS[entry.record].fields, entry.values)
    }
    for field, code in layout.CODE_REFERENCES.get(entry.record, ()):
        subject = codes.get((code, entry.values.get(field, "")))
        if subject is not None:
            found.add(subject)
    return found


def _name(entry: AnyEntry) -> str:
    if isinstance(entry, AliasEntry):
        return "alias"
    if isinstance(entry, SuccessionEntry):
        return "succession"
    return "tombstone" if isinstance(entry, TombstoneEntry) else entry.record
