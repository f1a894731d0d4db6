"""What one snapshot file has and another has not: records, aliases, successions, tombstones and codes, one by one.

The sections of both files are sorted alike, so each is read once, side by side with its counterpart, and nothing is
kept. Where both files write a thing in the same way, runs of equal messages are passed over as bytes; else values are
compared, with references as whole ids and codes as names, so that the width of ids makes no difference.

A difference is *breaking* when somebody who goes on as before would be wrong without noticing: a field that decides
what numbers mean (`BREAKING` of the record's class) has another value, an id means something else than it did, or a
code does. What was unknown before and is known now breaks nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import dropwhile, groupby, takewhile
from operator import itemgetter
from pathlib import Path
from struct import Struct
from typing import Any, Literal, NamedTuple, TypeAlias
from zlib import crc32

from catalog.domain.identity import Id, decode_identity, event_type_number
from catalog.domain.records import RECORDS
from catalog.errors import DecodeError, quote
from catalog.snapshot.entries import SuccessionEntry, TombstoneEntry
from catalog.snapshot.faults import SnapshotError
from catalog.snapshot.reader import Snapshot
from catalog.snapshot.show import header_facts, plain, rfc3339
from catalog.wire import layout
from catalog.wire.frame import HEADER, HEADER_SIZE, Message, decode_message
from catalog.wire.layout import KIND_CODES, KIND_NAMES, LAYOUTS, MAGIC, MESSAGE_KINDS, VERSION, Field
from catalog.wire.messages import count_name, decode_tombstone

Action: TypeAlias = Literal["added", "removed", "changed"]
Group: TypeAlias = Literal["breaking", "removed", "changed", "added"]
#: The groups in the order in which they are told.
GROUPS: tuple[Group, ...] = ("breaking", "removed", "changed", "added")
#: How many differences of each group a report keeps unless told otherwise.
LIMIT = 1000
_ALIAS_FIELDS = ("target", "identity")
#: Fields that say what prices and sizes are in. Feeds may differ on them; who goes on as before must not.
_MEANING = {"pair": ("base_id", "quote_id"), "pool": ("tokens",)}
#: What a header has behind its first 8 bytes: payload size, sequence, time and checksum.
_BEHIND_TYPE = Struct("<IQQI")
_SHORT = 8  # bytes of an id in a file with 64-bit ids


class FieldChange(NamedTuple):
    """One field before and after, in its JSON form; None is unknown."""

    field: str
    before: Any
    after: Any
    is_breaking: bool = False


class Difference(NamedTuple):
    """One thing that only one file has (its `fields` are then all of its fields), or that both have differently.

    `record` is a record's type, or `alias`, `succession`, `tombstone` or `vocabulary` (one name of it and its code).
    `id` is the id as JSON shows it; of a listing its key, of a succession the predecessor, of a code its vocabulary.
    `label` names the thing for people. `is_tombstoned` says of what was removed whether the later file has a tombstone
    for it, of what was added whether the earlier one had; None where the format has no tombstones.
    """

    action: Action
    record: str
    id: str | int
    label: str | None
    fields: tuple[FieldChange, ...]
    is_tombstoned: bool | None = None

    @property
    def is_breaking(self) -> bool:
        return any(field.is_breaking for field in self.fields)

    @property
    def group(self) -> Group:
        """`breaking` if it is, else its action."""
        return "breaking" if self.is_breaking else self.action

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON-ready values."""
        values = self._asdict() | {"fields": [field._asdict() for field in self.fields]}
        return values | {"is_breaking": self.is_breaking}


class Count(NamedTuple):
    """How many differences there are; those that are `breaking` are among the other three, too."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    breaking: int = 0


class DiffReport(NamedTuple):
    """All differences counted, and the first of each group.

    `header` has the facts in which the files' headers differ. They describe the files and are no differences of
    content; but files of two catalogs are never equal, as nothing ties their histories together. `counts` are per
    record type, those with a difference only; `sizes` per group, and `first` the first differences of each; `digests` say which files it is about.
    `is_whole` is False when a file has a newer format: what this version does not know was not compared.
    """

    before: Path
    after: Path
    digests: tuple[bytes, bytes]
    header: tuple[FieldChange, ...]
    counts: dict[str, Count]
    sizes: dict[Group, int]
    first: dict[Group, list[Difference]]
    is_whole: bool

    @property
    def is_same_catalog(self) -> bool:
        return all(fact.field != "catalog_id" for fact in self.header)

    @property
    def is_equal(self) -> bool:
        """Whether both files have the same content, of the same catalog."""
        return self.is_same_catalog and not self.counts

    @property
    def breaking(self) -> list[Difference]:
        """The breaking differences that were kept; `sizes["breaking"]` is their full number."""
        return self.first["breaking"]

    @property
    def total(self) -> Count:
        """The counts of all record types together."""
        return Count(*map(sum, zip(Count(), *self.counts.values(), strict=True)))

    def to_json(self) -> dict[str, Any]:
        """All but the differences themselves, as JSON-ready values."""
        return {
            "before": str(self.before),
            "after": str(self.after),
            "is_equal": self.is_equal,
            "is_same_catalog": self.is_same_catalog,
            "is_whole": self.is_whole,
            "header": [fact._asdict() for fact in self.header],
            "total": self.total._asdict(),
            "counts": {record: count._asdict() for record, count in self.counts.items()},
        }


def diff(before: str | os.PathLike[str], after: str | os.PathLike[str]) -> Iterator[Difference]:
    """Every difference between two full snapshots: of codes first, then of records in file order.

    Raises SnapshotError when a file cannot be opened or is a delta, DecodeError when its bytes break the format.
    """
    with _opened(before, after) as (one, other):
        yield from _Comparison(one, other)


def compare(before: str | os.PathLike[str], after: str | os.PathLike[str], *, limit: int = LIMIT) -> DiffReport:
    """All differences counted, and the first `limit` of each group kept. Raises what `diff` raises."""
    with _opened(before, after) as (one, other):
        counts: dict[str, dict[str, int]] = {}
        sizes = dict.fromkeys(GROUPS, 0)
        first: dict[Group, list[Difference]] = {group: [] for group in GROUPS}
        for difference in _Comparison(one, other):
            count = counts.setdefault(difference.record, dict.fromkeys(Count._fields, 0))
            count[difference.action] += 1
            count["breaking"] += difference.is_breaking
            group = difference.group
            sizes[group] += 1
            if len(first[group]) < limit:
                first[group].append(difference)
        newest = max(one.header.format_version, other.header.format_version)
        return DiffReport(
            one.path,
            other.path,
            (one.digest, other.digest),
            _header_changes(one, other),
            {record: Count(**count) for record, count in counts.items()},
            sizes,
            first,
            newest <= layout.FORMAT_VERSION,
        )


def group(report: DiffReport, name: Group) -> Iterator[Difference]:
    """All differences of one group; the files are read again when the report did not keep all of them.

    Raises what `diff` raises, and SnapshotError when a file is not the one that the report is about.
    """
    if len(report.first[name]) == report.sizes[name]:
        yield from report.first[name]
        return
    with _opened(report.before, report.after) as (one, other):
        for file, digest in zip((one, other), report.digests, strict=True):
            if file.digest != digest:
                raise SnapshotError(file.path, "read again", "it has been replaced meanwhile", "compare again")
        yield from (difference for difference in _Comparison(one, other) if difference.group == name)


def _header_changes(one: Snapshot, other: Snapshot) -> tuple[FieldChange, ...]:
    """The facts that differ, the catalog first. Counts are left out: the differences have them."""
    before, after = header_facts(one.header), header_facts(other.header)
    names = ["catalog_id", *(name for name in before if name not in ("catalog_id", "counts"))]
    return tuple(FieldChange(n, before[n], after[n], n == "catalog_id") for n in names if before[n] != after[n])


@contextmanager
def _opened(before: str | os.PathLike[str], after: str | os.PathLike[str]) -> Iterator[tuple[Snapshot, Snapshot]]:
    with _open(before) as one, _open(after) as other:
        yield one, other


def _open(path: str | os.PathLike[str]) -> Snapshot:
    with _reading(Path(path)):
        snapshot = Snapshot.open(path)
    if snapshot.header.contents == layout.DELTA:
        snapshot.close()
        hint = "compare the full snapshots of before and after"
        raise SnapshotError(snapshot.path, "compare", "it is a delta, which lacks all that did not change", hint)
    return snapshot


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Lets an error say which of the two files it is about."""
    try:
        yield
    except DecodeError as error:
        _blame(error, path)
        raise


def _blame(error: DecodeError, path: Path) -> None:
    error.hint = error.hint or f"the file is {quote(str(path))}; `catalog snapshot verify` lists all that is wrong"


class _State(NamedTuple):
    """What an id stands for in one file."""

    record: str
    id: bytes
    values: Mapping[str, Any]


class _Comparison:
    """Both files, section by section."""

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self._before, self._after = before, after
        with _reading(before.path):
            old = before.vocabularies
        with _reading(after.path):
            new = after.vocabularies
        #: Whether every code that both files have means the same in both.
        self._codes_agree = all(
            old[name][code] == new[name][code] for name in old.keys() & new for code in old[name].keys() & new[name]
        )
        self._widths = before.header.id_bits // 8, after.header.id_bits // 8
        #: Whether equal bytes mean equal records, whatever is in them.
        self._as_bytes = self._codes_agree and self._widths[0] == self._widths[1]

    def __iter__(self) -> Iterator[Difference]:
        yield from self._vocabularies()
        for section in layout.SECTION_ORDER:
            if section == layout.SUCCESSION:
                yield from self._successions()
            elif section == layout.TOMBSTONE:
                yield from self._tombstones()
            else:
                yield from self._records(section)

    def _vocabularies(self) -> Iterator[Difference]:
        old, new = self._before.vocabularies, self._after.vocabularies
        for name in sorted(old.keys() | new):
            meant, means = old.get(name, {}), new.get(name, {})
            had = {value: code for code, value in meant.items()}
            has = {value: code for code, value in means.items()}
            for value in sorted(had.keys() | has):
                before, after = had.get(value), has.get(value)
                if before == after:
                    continue
                fields = [FieldChange("code", before, after, before is not None and after is not None)]
                if before is not None and after is None and before in means:
                    fields.append(FieldChange("value", value, means[before], is_breaking=True))
                yield Difference(_action(before, after), "vocabulary", name, value, tuple(fields))

    def _records(self, section: int) -> Iterator[Difference]:
        kind = MESSAGE_KINDS[section]
        old, new = _walk(self._before, section), _walk(self._after, section)
        buried_before, buried_after = _Tombstones(self._before, kind), _Tombstones(self._after, kind)

        def pass_equal() -> None:
            if self._as_bytes:
                _pass_equal(old, new)

        for one, other in _side_by_side(old, new, pass_equal):
            if one is None:
                assert other is not None
                found = self._added(other, kind, buried_before)
            elif other is None:
                found = self._removed(one, kind, buried_after)
            else:
                found = self._both(one, other)
            if found is not None:
                yield found

    def _both(self, one: Message, other: Message) -> Difference | None:
        speaks_for_itself = self._as_bytes or (self._codes_agree and _subtype(one) in _WITHOUT_REFERENCES)
        if speaks_for_itself and one.payload == other.payload:
            return None
        return self._changed(_state(self._before, one), _state(self._after, other))

    def _changed(self, old: _State, new: _State) -> Difference | None:
        changes = _changes(old, new)
        if not changes:
            return None
        if new.record == "alias" and old.record != "alias" and new.values["target"] is not None:
            changes += self._taken_over(old, new.values["target"])
        return Difference("changed", old.record, _shown_id(old), _label(self._before, old), changes)

    def _taken_over(self, old: _State, target: str) -> tuple[FieldChange, ...]:
        """In which fields that say what numbers mean an id answers differently, now that it is an alias."""
        with _reading(self._after.path):
            place = self._after.locate(target)
            heir = None if place is None else _state(self._after, decode_message(self._after.data, place))
        values = {} if heir is None else heir.values
        pairs = [(name, old.values.get(name), values.get(name)) for name in _breaking(old.record)]
        return tuple(
            FieldChange(name, plain(before), plain(after), is_breaking=True)
            for name, before, after in pairs
            if before is not None and before != after
        )

    def _removed(self, message: Message, kind: str, tombstones: _Tombstones) -> Difference | None:
        old = _state(self._before, message)
        if kind == "instrument":
            with _reading(self._after.path):
                place = self._after.locate(old.id)
                elsewhere = None if place is None else decode_message(self._after.data, place)
            if elsewhere is not None:  # in another section: it is an alias now, or a synthetic, or neither any more
                return self._changed(old, _state(self._after, elsewhere))
        fields = [FieldChange(name, plain(value), None) for name, value in old.values.items()]
        if old.id and self._widths == (_SHORT, _SHORT):
            with _reading(self._after.path):
                heir = self._after.whole_id(old.id[:_SHORT], kind)
            if heir is not None:  # whoever holds the 64-bit form of the id now means another one
                fields.insert(0, FieldChange("id", old.id.hex(), heir.hex(), is_breaking=True))
        label = _label(self._before, old)
        return Difference("removed", old.record, _shown_id(old), label, tuple(fields), tombstones.have(old.id))

    def _added(self, message: Message, kind: str, tombstones: _Tombstones) -> Difference | None:
        new = _state(self._after, message)
        if kind == "instrument":
            with _reading(self._before.path):
                if self._before.locate(new.id) is not None:
                    return None  # it has changed its section, which was told already
        fields = tuple(FieldChange(name, None, plain(value)) for name, value in new.values.items())
        label = _label(self._after, new)
        return Difference("added", new.record, _shown_id(new), label, fields, tombstones.have(new.id))

    def _successions(self) -> Iterator[Difference]:
        for one, other in _side_by_side(_succession_walk(self._before), _succession_walk(self._after)):
            before, after = _succession_values(one), _succession_values(other)
            fields = tuple(
                FieldChange(name, before.get(name), after.get(name))
                for name in (before or after)
                if before.get(name) != after.get(name)
            )
            if not fields:
                continue
            entry: SuccessionEntry = one or other
            label = f"{KIND_NAMES[entry.kind]} {entry.succession_kind} to {entry.successor.hex()}"
            yield Difference(_action(one, other), "succession", entry.predecessor.hex(), label, fields)

    def _tombstones(self) -> Iterator[Difference]:
        """Tombstones of what was neither removed nor added between the files: those told of their tombstones."""
        width = min(self._widths)
        walks = _tombstone_walk(self._before, width), _tombstone_walk(self._after, width)
        for one, other in _side_by_side(*walks):
            entry, elsewhere = (one, self._after) if one is not None else (other, self._before)
            assert entry is not None
            before, after = one and one.record, other and other.record
            if before == after or ((one is None or other is None) and _has(elsewhere, entry)):
                continue
            kind = KIND_NAMES.get(entry.kind, str(entry.kind))
            fields = (FieldChange("record", before, after),)
            yield Difference(_action(one, other), "tombstone", entry.id.hex(), kind, fields)


# --- reading the files ----------------------------------------------------------------------------------------------


class _Walk(Iterator[tuple[Any, Any]]):
    """(key, thing) of every message of a section, in order. `offset` is the place of the next message."""

    def __init__(self, file: Snapshot, section: int, read: Callable[[Message], tuple[Any, Any]]) -> None:
        self.file, self.section, self.data = file, section, file.data
        self.offset = file.section_offset(section) or file.size
        self._read, self._last = read, None  # type: Callable[[Message], tuple[Any, Any]], Any

    def __next__(self) -> tuple[Any, Any]:
        file, offset = self.file, self.offset
        try:
            while offset < file.size and not file.is_behind(offset, self.section):
                message = decode_message(self.data, offset)
                self.offset = offset = message.end
                if message.type == self.section:
                    found = self._read(message)
                    if self._last is not None and found[0] < self._last:
                        expected = "a record that sorts behind the one before it"
                        raise DecodeError(message.offset, "order", expected, "one that sorts before it")
                    self._last = found[0]
                    return found
        except DecodeError as error:
            _blame(error, file.path)
            raise
        raise StopIteration


def _walk(file: Snapshot, section: int) -> _Walk:
    if section == layout.LISTING:
        return _Walk(file, section, lambda message: (_listing_key(file.decode(message)[2]), message))
    return _Walk(file, section, lambda message: (message.payload[:16], message))


def _succession_walk(file: Snapshot) -> Iterator[tuple[Any, SuccessionEntry]]:
    """Successions in an order that does not depend on the file's codes."""

    def read(message: Message) -> tuple[Any, SuccessionEntry]:
        entry = file.succession_entry(message)
        return (entry.kind, entry.predecessor, entry.successor), entry

    for key, entries in groupby(_Walk(file, layout.SUCCESSION, read), key=itemgetter(0)):
        for _, entry in sorted(entries, key=lambda found: found[1].succession_kind):
            yield (*key, entry.succession_kind), entry


def _tombstone_walk(file: Snapshot, width: int) -> _Walk:
    own_width = file.header.id_bits // 8

    def read(message: Message) -> tuple[Any, TombstoneEntry]:
        found = decode_tombstone(message.payload, message.offset + HEADER_SIZE, own_width)
        entry = TombstoneEntry(found.kind, found.id, found.record, message.sequence, message.timestamp_ns)
        return (entry.kind, entry.id[:width]), entry

    return _Walk(file, layout.TOMBSTONE, read)


def _side_by_side(
    old: Iterator[tuple[Any, Any]], new: Iterator[tuple[Any, Any]], pass_equal: Callable[[], None] = lambda: None
) -> Iterator[tuple[Any, Any]]:
    """The things of two sorted walks, those with the same key together and the others with None.

    `pass_equal` is called whenever both walks stand behind something that they share.
    """
    pass_equal()
    one, other = next(old, None), next(new, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            assert one is not None
            yield one[1], None
            one = next(old, None)
        elif one is None or other[0] < one[0]:
            yield None, other[1]
            other = next(new, None)
        else:
            yield one[1], other[1]
            pass_equal()
            one, other = next(old, None), next(new, None)


def _pass_equal(old: _Walk, new: _Walk) -> None:
    """Move both walks over messages that are the same to the byte; the first that is not is left to explain itself."""
    data, others = old.data, new.data
    at, other, end = old.offset, new.offset, old.file.size - HEADER_SIZE
    begins, rest = HEADER.pack(MAGIC, old.section, VERSION, 0, 0, 0, 0, 0, 0)[:8], _BEHIND_TYPE.unpack_from
    while at < end and data[at : at + 8] == begins:
        length, _, _, checksum = rest(data, at + 8)
        start, stop = at + HEADER_SIZE, at + HEADER_SIZE + length
        size = stop - at
        if data[at:stop] != others[other : other + size] or crc32(data[start:stop]) != checksum:
            break
        at, other = stop, other + size
    old.offset, new.offset = at, other


class _Tombstones:
    """Those of one kind in one file, asked for ids that ascend."""

    def __init__(self, file: Snapshot, kind: str) -> None:
        code = KIND_CODES[kind]
        rest = dropwhile(lambda found: found.kind < code, file.tombstones())
        self._ids = (found.id for found in takewhile(lambda found: found.kind == code, rest))
        self._next: bytes | None = b""
        self._path, self._width = file.path, file.header.id_bits // 8

    def have(self, id: bytes) -> bool | None:
        """Whether there is one for this id; None for a listing, which has no id."""
        if not id:
            return None
        wanted = id[: self._width]
        with _reading(self._path):
            while self._next is not None and self._next < wanted:
                self._next = next(self._ids, None)
        return self._next == wanted


def _has(file: Snapshot, tombstone: TombstoneEntry) -> bool:
    """Whether the file has a record (or alias) with the id of a tombstone of the other file."""
    kind = KIND_NAMES.get(tombstone.kind, "listing")
    if kind == "listing":
        return False
    with _reading(file.path):
        return file.whole_id(tombstone.id, kind) is not None


def _state(file: Snapshot, message: Message) -> _State:
    with _reading(file.path):
        if message.type == layout.ALIAS:
            alias = file.alias_entry(message)
            target = alias.target and alias.target.hex()
            return _State("alias", alias.id, {"target": target, "identity": alias.identity.hex()})
        if not file.knows(message):
            return _State(count_name(_subtype(message)), message.payload[:16], {})
        return _State(*file.decode(message))


# --- what is told of them -------------------------------------------------------------------------------------------


def _action(one: object, other: object) -> Action:
    if one is None:
        return "added"
    return "removed" if other is None else "changed"


def _changes(old: _State, new: _State) -> tuple[FieldChange, ...]:
    names: list[str] = list(_fields(old.record) or _fields(new.record))
    changes = []
    if old.record != new.record:
        # an id that became an alias answers with its target, which is the same thing under another identity
        is_answered = new.record == "alias" and new.values["target"] is not None
        changes.append(FieldChange("record", old.record, new.record, is_breaking=not is_answered))
        if "alias" in (old.record, new.record):
            names = ["target"]  # of an alias and a record there is nothing else to compare
        else:
            names += [name for name in _fields(new.record) if name not in names]
    breaking = _ALIAS_FIELDS if old.record == "alias" else _breaking(old.record)
    for name in names:
        before, after = old.values.get(name), new.values.get(name)
        if before != after:
            changes.append(FieldChange(name, plain(before), plain(after), name in breaking and before is not None))
    return tuple(changes)


def _fields(record: str) -> tuple[str, ...]:
    if record == "alias":
        return _ALIAS_FIELDS
    return tuple(field.name for field in LAYOUTS[record].fields) if record in LAYOUTS else ()


def _breaking(record: str) -> tuple[str, ...]:
    return (*RECORDS[record].BREAKING, *_MEANING.get(record, ())) if record in RECORDS else ()


def _succession_values(entry: SuccessionEntry | None) -> dict[str, Any]:
    if entry is None:
        return {}
    return {
        "kind": KIND_NAMES[entry.kind],
        "successor": entry.successor.hex(),
        "succession_kind": entry.succession_kind,
        "ratio": plain(entry.ratio),
        "effective_at": rfc3339(entry.effective_ns),
        "is_in_effect": entry.is_in_effect,
    }


def _shown_id(state: _State) -> str | int:
    if state.record == "event_type":
        return event_type_number(Id(state.id))
    if state.id:
        return state.id.hex()
    instrument, venue, symbol = _listing_key(state.values)
    return f"{instrument}@{venue}:{symbol}" if symbol else f"{instrument}@{venue}"


def _listing_key(values: Mapping[str, Any]) -> tuple[str, str, str]:
    return values["instrument_id"], values["venue_id"], values.get("symbol", "")


def _label(file: Snapshot, state: _State) -> str | None:
    """What people call it: where that is enough, the key by which `show` finds it."""
    record, values = state.record, state.values
    if record == "alias":
        return _identity(values["identity"])
    if record == "event_type":
        return f"{values['name']} {values['version']}"
    if record == "listing":
        return _exchange_symbol(_venue(file, values["venue_id"]), values.get("symbol"))
    if record in layout.EXCHANGE_SYMBOLS:
        exchanges, symbol = layout.EXCHANGE_SYMBOLS[record]
        exchange = next((values[name] for name in exchanges if name in values), None)
        if symbol in values:
            return _exchange_symbol(exchange, values[symbol])
    names = [name for name, _ in layout.INDEXED_FIELDS.get(record, ())]
    return next((values[name] for name in (*names, "mic", "slug", "name") if name in values), None)


def _exchange_symbol(exchange: str | None, symbol: str | None) -> str | None:
    return f"{exchange}:{symbol}" if exchange and symbol else exchange or symbol


def _venue(file: Snapshot, id: str) -> str | None:
    with _reading(file.path):
        place = file.locate(id, "venue")
        if place is None:
            return None
        view = file.view_at(place)
        name: str | None = view.mic or view.slug
        return name


def _identity(digits: str) -> str | None:
    try:
        return " / ".join(decode_identity(bytes.fromhex(digits))).rstrip(" /")
    except ValueError:  # broken; but the id and the bytes are told
        return None


def _subtype(message: Message) -> tuple[int, int]:
    return message.type, message.payload[16] if message.type == layout.INSTRUMENT and len(message.payload) > 16 else 0


def _names_others(fields: tuple[Field, ...]) -> bool:
    return any(field.type == "ref" or _names_others(field.items) for field in fields)


#: The records whose bytes do not depend on the width of ids.
_WITHOUT_REFERENCES = frozenset(
    (table.message, table.subtype) for table in LAYOUTS.values() if not _names_others(table.fields)
)
