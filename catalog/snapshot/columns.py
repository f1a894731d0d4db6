"""All records of one type as columns: Arrow tables straight from the file, millions of rows a second.

No record is made, and no step is taken per row: where the records stand comes from the indexes, and their fields are
read one after the other in many records at once (`vectors`). The whole file is proved by its digest before; what
breaks the format nonetheless is given to the decoder of single records, which says what is wrong and where.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from catalog.errors import DecodeError, InvalidRecord, NotFound
from catalog.snapshot import vectors
from catalog.snapshot.extra import load
from catalog.snapshot.faults import InexactDecimal
from catalog.snapshot.places import HEADER_START, Places
from catalog.snapshot.vectors import KEY_ITEMS, PRECISION, SCALE, Array, Bytes, Cursor, Refused, Span, refuse
from catalog.wire import layout
from catalog.wire.frame import HEADER_SIZE, decode_message
from catalog.wire.layout import CODE_OF, ID_SIZE, INSTRUMENT, KIND_CODES, KIND_NAMES, LAYOUTS, MAX_RECORD, Field
from catalog.wire.messages import END_SIZE, count_name, decode_tombstone
from catalog.wire.primitives import DAY_SECONDS, END_OF_TIME, to_decimal

if TYPE_CHECKING:
    from catalog.snapshot.reader import Snapshot

np, pa, pc = load("numpy"), load("pyarrow"), load("pyarrow.compute")

#: Rows that are decoded together: few enough for a processor's cache, enough for what each step costs.
ROWS = 32_768
#: Bytes of the file that rows which are decoded together may span: places among them are numbers of 32 bits.
SPAN = 1 << 26
MAX_THREADS = 8  # more would wait for each other
DECIMALS = ("decimal128", "text")

_ALIAS = (
    Field("id", "id"),
    Field("kind", "kind", domain="instrument"),
    Field("target", "ref", optional=True, domain="instrument"),
    Field("identity", "binary"),
)
_SUCCESSION = (
    Field("kind", "kind", domain="any id"),
    Field("predecessor", "ref"),  # of the kind that the row says
    Field("successor", "ref"),
    Field("succession_kind", "code8", domain="succession_kind"),
    Field("ratio", "decimal", optional=True),
    Field("effective_at", "time"),
    Field("is_in_effect", "bool"),
)
_TOMBSTONE = (Field("kind", "kind"), Field("record", "record"), Field("id", "own"))
#: What columns can be had of: every record type, and the three that are no records.
RECORD_TYPES = tuple(CODE_OF)

_TYPES = {
    "id": pa.string(),
    "ref": pa.string(),
    "own": pa.string(),
    "kind": pa.string(),
    "record": pa.string(),
    "key": pa.string(),
    "text": pa.string(),
    "binary": pa.binary(),
    "u8": pa.uint8(),
    "u16": pa.uint16(),
    "u32": pa.uint32(),
    "u64": pa.uint64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "time": pa.timestamp("us", "UTC"),
    "clock": pa.time32("s"),
    "decimal": pa.decimal128(PRECISION, SCALE),
    "code8": pa.dictionary(pa.int32(), pa.string()),
    "code16": pa.dictionary(pa.int32(), pa.string()),
    "keys": pa.list_(pa.field("item", pa.string(), nullable=False)),
}
_CHANGE = (pa.field("sequence", pa.uint64(), nullable=False), pa.field("changed_at", pa.timestamp("ns", "UTC"), False))
_NUMBERS = {"u8": "u1", "u16": "<u2", "u32": "<u4", "u64": "<u8", "date": "<i4", "clock": "<u4", "time": "<u8"}
_HEADER = np.dtype([("start", "<u8"), ("size", "<u4"), ("sequence", "<u8"), ("timestamp", "<u8"), ("checksum", "<u4")])
_HALVES = np.dtype([("head", ">u8"), ("tail", "V8")])  # of an id
_END_OF_ARROW = 1 << 63  # its times are signed
_FIRST_DAY = -719_162  # 0001-01-01
_KIND_TEXTS = pa.array([KIND_NAMES.get(code, f"0x{code:02x}") for code in range(256)])
_KINDS = {
    "": np.ones(256, np.bool_),
    "instrument": np.arange(256) == KIND_CODES["instrument"],
    "any id": np.isin(np.arange(256), [code for name, code in KIND_CODES.items() if name != "listing"]),
}


def arrow_schema(record_type: str, *, decimals: str = "decimal128") -> Any:
    """The `pyarrow.Schema` of the columns of a record type, the same for every file.

    `id` (32 hex digits; a listing has none), the fields in the order of docs/protocol.md, then `sequence` and
    `changed_at` of the last change. Raises NotFound for what is no record type.
    """
    return column_schema(record_type, _as_text(record_type, decimals))


def to_table(snapshot: Snapshot, record_type: str, *, decimals: str = "decimal128", threads: int | None = None) -> Any:
    """What `Snapshot.to_arrow` gives."""
    batches = to_batches(snapshot, record_type, decimals=decimals, threads=threads)
    return pa.Table.from_batches(batches, arrow_schema(record_type, decimals=decimals))


def to_batches(
    snapshot: Snapshot, record_type: str, *, decimals: str = "decimal128", threads: int | None = None
) -> Iterator[Any]:
    """What `Snapshot.to_batches` gives."""
    return ColumnReader(snapshot, threads).batches(record_type, _as_text(record_type, decimals))


def _as_text(record_type: str, decimals: str) -> frozenset[str]:
    """The decimal columns that are wanted as text."""
    if record_type not in RECORD_TYPES:
        raise NotFound("record type", record_type, f"one of {', '.join(RECORD_TYPES)}")
    if decimals not in DECIMALS:
        raise InvalidRecord("decimals", decimals, f"one of {', '.join(DECIMALS)} is expected")
    return decimal_columns(_fields(record_type)) if decimals == "text" else frozenset()


def decimal_columns(fields: tuple[Field, ...], path: str = "") -> frozenset[str]:
    """The paths (`tick_size`, `tokens.weight`) of all decimals among these fields."""
    found = {path + field.name for field in fields if field.type == "decimal"}
    return frozenset(found.union(*(decimal_columns(field.items, f"{field.name}.") for field in fields if field.items)))


def _fields(record_type: str) -> tuple[Field, ...]:
    """Everything that stands in the payload, in order."""
    extra = {"alias": _ALIAS, "succession": _SUCCESSION, "tombstone": _TOMBSTONE}
    if record_type in extra:
        return extra[record_type]
    table = LAYOUTS[record_type]
    head: tuple[Field, ...] = (Field("id", "id"),) if table.has_id else ()
    if table.message == INSTRUMENT:
        head += (Field("instrument_type", "subtype"),)
    return head + table.fields


def column_schema(record_type: str, as_text: Collection[str]) -> Any:
    """The columns of a record type, of which the decimals of `as_text` are texts."""
    fields = [_arrow_field(field, as_text) for field in _fields(record_type) if field.type != "subtype"]
    return pa.schema([*fields, *_CHANGE])


def _arrow_field(field: Field, as_text: Collection[str], path: str = "") -> Any:
    if field.items:
        inner = pa.struct([_arrow_field(item, as_text, f"{field.name}.") for item in field.items])
        kind = pa.list_(pa.field("item", inner, nullable=False))
    elif path + field.name in as_text or (path and field.type == "code8"):
        kind = pa.string()  # dictionaries inside lists are more than most programs take
    else:
        kind = _TYPES[field.type]
    return pa.field(field.name, kind, field.optional)


class ColumnReader:
    """Reads the record types of a snapshot, by so many threads (one per processor, at most 8, when None).

    What it learns of the indexes it keeps, so that one reader is best for several types.
    """

    def __init__(self, snapshot: Snapshot, threads: int | None = None) -> None:
        self.snapshot = snapshot
        self.width = snapshot.header.id_bits // 8
        self._threads = threads or min(os.cpu_count() or 1, MAX_THREADS)
        self._dictionaries = {
            name: _dictionary(snapshot.vocabularies.get(name, {}), size) for name, size in layout.VOCABULARIES.items()
        }
        self._id_tables: dict[str, tuple[Array, Array]] = {}

    def batches(self, record_type: str, as_text: Collection[str] = ()) -> Iterator[Any]:
        """Record batches with the columns of `arrow_schema`, in file order; the decimals of `as_text` are texts.

        Raises ChecksumMismatch unless the file is what its digest says, a DecodeError for what breaks the format, and
        InexactDecimal for a decimal that has no exact decimal128(38, 18).
        """
        self.snapshot.prove()
        schema = column_schema(record_type, as_text)
        rows = Places(self.snapshot).of(record_type)
        said = self.snapshot.header.counts.get(record_type, 0)
        if len(rows) != said:
            raise DecodeError(HEADER_SIZE, "counts", f"{len(rows)} of {record_type}, as in the indexes", said)

        def decode(chunk: Array) -> Any:
            return _Chunk(self, record_type, as_text, chunk).decode(schema)

        return _in_order(decode, _chunks(rows), self._threads)

    def id_table(self, kind: str) -> tuple[Array, Array]:
        """Of a file with 64-bit ids: all ids of a kind, their first 8 bytes as ascending numbers, and their last 8."""
        if kind not in self._id_tables:
            slots = Places(self.snapshot).slots(KIND_CODES[kind])
            keys, offsets = slots["key"].astype(np.uint64), slots["value"].astype(np.int64) + HEADER_SIZE
            if not (keys[1:] > keys[:-1]).all():
                raise DecodeError(0, f"index {kind} id", "keys in ascending order", "others")
            ids = Bytes(self.snapshot.data).numbers(_HALVES, offsets)
            bad = ids["head"] != slots["key"]
            if bad.any():
                at = int(offsets[bad.argmax()])
                expected = f"the id `{keys[bad][0]:016x}`, which the index has here"
                raise DecodeError(at, "id", expected, self.snapshot.data[at : at + ID_SIZE].hex())
            self._id_tables[kind] = keys, np.ascontiguousarray(ids["tail"])
        return self._id_tables[kind]

    def dictionary(self, vocabulary: str) -> tuple[Array, Array]:
        """The names of a vocabulary, and per code the place among them (-1 for what is no code)."""
        return self._dictionaries[vocabulary]


def _dictionary(names: dict[int, str], size: int) -> tuple[Array, Array]:
    places = np.full(1 << 8 * size, -1, np.int32)
    codes = sorted(names)
    places[codes] = np.arange(len(codes))
    return pa.array([names[code] for code in codes], pa.string()), places


def _in_order(work: Callable[[Any], Any], chunks: Iterator[Any], threads: int) -> Iterator[Any]:
    """The results in the order of the chunks; never more than a few are worked on or waiting."""
    if threads == 1:
        yield from map(work, chunks)
        return
    pending: deque[Future[Any]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for chunk in chunks:
                pending.append(pool.submit(work, chunk))
                if len(pending) > 2 * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def _chunks(rows: Array) -> Iterator[Array]:
    """The rows in parts that are decoded together."""
    start = 0
    while start < len(rows):
        within = int(np.searchsorted(rows, rows[start] + SPAN))
        end = min(start + ROWS, within)
        yield rows[start:end]
        start = end


class _Chunk:
    """Records of one type, at `rows`, of which columns are made."""

    def __init__(self, reader: ColumnReader, record_type: str, as_text: Collection[str], rows: Array) -> None:
        self._reader, self._record, self._as_text, self._rows = reader, record_type, as_text, rows
        self._bytes = Bytes(reader.snapshot.data, int(rows[0]))
        self._kinds: Array = None

    def decode(self, schema: Any) -> Any:
        """The columns as a record batch. Raises a DecodeError or InexactDecimal."""
        try:
            return pa.RecordBatch.from_arrays(list(self._columns()), schema=schema)
        except Refused as refused:
            raise self._explained(refused) from refused

    def _columns(self) -> Iterator[Array]:
        at = self._rows - self._rows[0]
        head = self._bytes.numbers(_HEADER, at)
        room = len(self._bytes.u8) - HEADER_SIZE - END_SIZE - HEADER_SIZE
        size = head["size"].astype(np.int64)
        end = at + HEADER_SIZE + size
        cursor = Cursor(self._bytes, self._reader.width, at + HEADER_SIZE, end)
        start = HEADER_START | CODE_OF[self._record][0] << 32
        refuse(head["start"] != start, "header", "the header of a record")
        refuse((size > MAX_RECORD) | (size > room - at), "payload_size", "a payload inside the file")
        refuse(end[:-1] > at[1:], "payload_size", "a payload that ends before the next message")
        refuse(head["timestamp"] >= _END_OF_ARROW, "timestamp", "a time that Arrow can say")
        for field in _fields(self._record):
            span = cursor.next(field)
            if field.type != "subtype":
                yield self._column(field, span)
        yield vectors.plain(pa.uint64(), head["sequence"], None)
        yield vectors.plain(_CHANGE[1].type, head["timestamp"], None)

    def _column(self, field: Field, span: Span, path: str = "") -> Array:
        present = span.present
        if present is not None:
            if not present.any() and field.type not in ("code8", "code16"):
                return pa.nulls(len(present), _arrow_field(field, self._as_text, path).type)
            if present.all():
                span = span._replace(present=None)
        match field.type:
            case "key" | "text" | "binary":
                return self._strings(field, span)
            case "keys" | "list":
                return self._list(field, span)
        at = span.start if span.present is None else span.start[span.present]
        match field.type:
            case "id" | "own" | "ref":
                return vectors.hex_digits(self._ids(field, at), span.present)
            case "code8" | "code16":
                return self._codes(field, at, span.present, path)
            case "decimal":
                return self._decimals(field, at, span.present, path)
            case "kind":
                self._kinds = self._bytes.u8[at]
                refuse(~_KINDS[field.domain][self._kinds], field.name, "a kind of ids")
                return _KIND_TEXTS.take(pa.array(self._kinds))
            case "record":
                return self._record_names(at)
        return self._numbers(field, at, span.present)

    def _strings(self, field: Field, span: Span) -> Array:
        try:
            return vectors.strings(_TYPES[field.type], self._bytes, span)
        except pa.ArrowInvalid:
            raise Refused(field.name, "UTF-8") from None

    def _numbers(self, field: Field, at: Array, present: Array | None) -> Array:
        kind = _TYPES[field.type]
        if field.type == "bool":
            flags = self._bytes.u8[at]
            refuse(flags > 1, field.name, "a flag of 0 or 1")
            return vectors.plain(kind, flags.view(np.bool_), present)
        values = self._bytes.numbers(_NUMBERS[field.type], at)
        match field.type:
            case "date":
                bad = (values < _FIRST_DAY) | (values > layout.MAX_DAYS)
                refuse(bad, field.name, "a day of the years 1 to 9999")
            case "clock":
                refuse(values >= DAY_SECONDS, field.name, "seconds of a day")
            case "time":
                micros = values // np.uint64(1000)
                bad = (values >= END_OF_TIME) | (micros * np.uint64(1000) != values)
                refuse(bad, field.name, "nanoseconds before 2262, in whole microseconds")
                values = micros
        return vectors.plain(kind, values, present)

    def _codes(self, field: Field, at: Array, present: Array | None, path: str) -> Array:
        names, places = self._reader.dictionary(field.domain)
        codes = self._bytes.numbers("u1" if field.type == "code8" else "<u2", at)
        found = places[codes]
        refuse(found < 0, field.name, f"a code of the vocabulary `{field.domain}`")
        indices = vectors.plain(pa.int32(), found, present)
        if path:
            return names.take(indices)
        return pa.DictionaryArray.from_arrays(indices, names, safe=False)

    def _decimals(self, field: Field, at: Array, present: Array | None, path: str) -> Array:
        numbers = self._bytes.numbers(vectors.DECIMAL, at)
        mantissa = numbers["mantissa"].astype(np.int64)
        exponent = numbers["exponent"].astype(np.int64)
        refuse(~vectors.is_canonical(mantissa, exponent), field.name, "a canonical decimal")
        name = path + field.name
        if name in self._as_text:
            texts = vectors.to_decimal_text(mantissa, exponent)
            if present is None:
                return texts
            places = np.zeros(len(present), np.int64)
            places[present] = np.arange(len(at))
            return texts.take(pa.array(places, mask=~present))
        fit = vectors.fits(mantissa, exponent)
        if not fit.all():
            bad = fit.argmin()
            value = to_decimal(int(mantissa[bad]), int(exponent[bad]))
            row = int(np.searchsorted(self._rows, self._rows[0] + at[bad], "right")) - 1
            raise InexactDecimal(self._record, self._id(row), name, format(value, "f"))
        return vectors.plain(_TYPES["decimal"], vectors.to_decimal128(mantissa, exponent), present)

    def _list(self, field: Field, span: Span) -> Array:
        elements = span.elements
        assert elements is not None
        kind = _arrow_field(field, self._as_text).type
        items = field.items or KEY_ITEMS
        path = f"{field.name}."
        columns = [self._column(item, elements.next(item), path) for item in items]
        if not field.items:
            self._prove_order(columns[0], span, field)
            return vectors.lists(kind, span.size, span.present, columns[0])
        struct = pa.StructArray.from_arrays(columns, fields=list(kind.value_type))
        return vectors.lists(kind, span.size, span.present, struct)

    def _prove_order(self, keys: Array, span: Span, field: Field) -> None:
        """The keys of a row ascend by their bytes."""
        follows = np.ones(len(keys), np.bool_)
        follows[(np.cumsum(span.size, dtype=np.int64) - span.size)[span.size > 0]] = False
        later = np.flatnonzero(follows)
        plain = keys.cast(pa.binary())
        ascends = pc.greater(plain.take(pa.array(later)), plain.take(pa.array(later - 1)))
        refuse(~ascends.to_numpy(zero_copy_only=False), field.name, "keys in ascending order, each once")

    def _ids(self, field: Field, at: Array) -> Array:
        """Ids as bytes; of references, the 16 bytes of what they mean."""
        width = ID_SIZE if field.type == "id" else self._reader.width
        if field.type != "ref" or width == ID_SIZE:
            return self._bytes.numbers(f"V{width}", at)
        references = self._bytes.numbers(">u8", at)
        if field.domain:
            return self._search(field, references, field.domain)
        found = np.empty(len(at), "V16")
        for code in np.unique(self._kinds):
            of_kind = self._kinds == code
            found[of_kind] = self._search(field, references[of_kind], KIND_NAMES[int(code)])
        return found

    def _search(self, field: Field, references: Array, kind: str) -> Array:
        keys, tails = self._reader.id_table(kind)
        wanted = references.astype(np.uint64)
        order = np.argsort(wanted)  # one place is found near the other: a few times faster
        places = np.empty(len(wanted), np.int64)
        places[order] = np.searchsorted(keys, wanted[order])
        places[places == len(keys)] = 0
        if not len(keys) or (keys[places] != wanted).any():
            raise Refused(field.name, f"the id of a record of the kind {kind} in this file")
        ids = np.empty(len(wanted), _HALVES)
        ids["head"], ids["tail"] = references, tails[places]
        return ids.view("V16")

    def _record_names(self, at: Array) -> Array:
        codes, places = np.unique(self._bytes.numbers("<u2", at), return_inverse=True)
        names = pa.array([count_name((int(code) & 255, int(code) >> 8)) for code in codes], pa.string())
        return names.take(pa.array(places))

    def _id(self, row: int) -> str:
        start = int(self._rows[row]) + HEADER_SIZE
        first = _fields(self._record)[0]
        return self._reader.snapshot.data[start : start + ID_SIZE].hex() if first.type == "id" else ""

    def _explained(self, refused: Refused) -> DecodeError:
        """What is wrong, unless the decoder of single records raises it itself."""
        snapshot = self._reader.snapshot
        for offset in map(int, self._rows):
            message = decode_message(snapshot.data, offset)
            match self._record:
                case "alias":
                    snapshot.alias_entry(message)
                case "succession":
                    snapshot.succession_entry(message)
                case "tombstone":
                    decode_tombstone(message.payload, offset + HEADER_SIZE, self._reader.width)
                case _:
                    snapshot.decode(message)
            if message.timestamp_ns >= _END_OF_ARROW:
                return DecodeError(offset + 20, "timestamp", f"at most {_END_OF_ARROW - 1}", message.timestamp_ns)
        first = int(self._rows[0])
        return DecodeError(first, f"{self._record}.{refused.field}", refused.expected, "something else, here or behind")
