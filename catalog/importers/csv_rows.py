"""CSV row by row in bounded memory (RFC 4180, UTF-8): one broken row is one reject, and the next ones still count.

The csv module is fed line by line. Where a row breaks (a stray quote, a wrong number of fields), only the line on which
it starts is given up: reading goes on at the very next line, so that an unclosed quote cannot swallow the good rows
behind it.

The header is found, not assumed: by its columns, in one of the first lines, with whichever delimiter it has. What
stands above it is no row, nor is a comment (`#`) or a line that the importer knows as its trailer.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from catalog.domain.base import Record
from catalog.errors import CatalogError, PayloadError, quote
from catalog.importers.base import MAX_ROW, Parsed, Reject, rejected, show_bytes
from catalog.importers.lines import BOM, Line, read_lines

#: The longest row, and so the longest line and field, in bytes.
MAX_ROW_BYTES = 1 << 20
#: What may separate the fields of a header. Fields between `|` are never quoted: a `"` there is a character.
DELIMITERS = (",", ";", "\t", "|")
#: The header is looked for in so many lines, within so many bytes.
MAX_PREAMBLE_LINES, MAX_PREAMBLE_BYTES = 20, 64 << 10
#: How a line begins that is no row, wherever it stands.
COMMENT = b"#"

CODES = {
    "malformed_row": "a quote that is not closed or not alone, or a row of another number of fields than the header",
    "invalid_utf8": "the line is not UTF-8 (the place has the column, in bytes)",
    "nul_byte": "the line has a NUL byte",
    "row_too_long": f"the row is longer than {MAX_ROW_BYTES >> 20} MiB; it was read past",
}


class CsvRow(NamedTuple):
    """One row: where its first line is (`line 12`), its fields, its raw text."""

    place: str
    fields: list[str]
    text: str


class Header(NamedTuple):
    """Where a header is (line number from 1), what separates its fields, and their names."""

    line: int
    delimiter: str
    names: frozenset[str]


def find_header(head: bytes, columns: frozenset[str]) -> Header | None:
    """The first line of `head` that has all `columns`; None when there is none."""
    for line in read_lines(io.BytesIO(head[:MAX_PREAMBLE_BYTES]), MAX_PREAMBLE_BYTES):
        if line.number > MAX_PREAMBLE_LINES:
            break
        for delimiter in DELIMITERS:
            try:
                rows = list(csv.reader([line.data.decode(errors="replace")], delimiter=delimiter))
            except csv.Error:
                continue
            names = frozenset(field.strip() for row in rows for field in row)
            if names >= columns:
                return Header(line.number, delimiter, names)
    return None


class _Feed:
    """The lines of the stream as the csv module wants them, remembering those of the row that is being read."""

    def __init__(self, stream: BinaryIO, header: Header | None, no_rows: tuple[bytes, ...], encoding: str) -> None:
        self._lines = read_lines(stream, MAX_ROW_BYTES)
        self._first = header.line if header else 1
        self._no_rows = no_rows
        self._encoding = encoding
        self._pending: deque[Line] = deque()
        self.row: list[Line] = []
        self._size = 0
        self.fault: tuple[str, str, str] | None = None

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        """The next line of the row; raises csv.Error where a line cannot be part of one."""
        line = self._next_line()
        while not self.row and (line.number < self._first or line.data.startswith(self._no_rows)):
            line = self._next_line()
        self.row.append(line)
        self._size += len(line.data)
        if line.is_too_long or self._size > MAX_ROW_BYTES:
            raise self._broken("", "row_too_long", f"a row may have {MAX_ROW_BYTES} bytes")
        if b"\0" in line.data:
            raise self._broken(f", column {line.data.index(0) + 1}", "nul_byte", "a NUL byte is no text")
        try:
            return line.data.decode(self._encoding)
        except UnicodeDecodeError as error:
            raise self._broken(f", column {error.start + 1}", "invalid_utf8", "not UTF-8") from None

    def _next_line(self) -> Line:
        return self._pending.popleft() if self._pending else next(self._lines)

    def _broken(self, column: str, code: str, reason: str) -> csv.Error:
        if len(self.row) == 1:  # otherwise the line is judged again when its own turn comes
            self.fault = (column, code, reason)
        return csv.Error(f"no row ends before line {self.row[-1].number}, and {reason}")

    def next_row(self) -> None:
        """Forgets the lines of the finished row."""
        self.row, self._size, self.fault = [], 0, None

    def give_back(self) -> None:
        """Puts all lines but the first back, to be read as rows of their own."""
        self._pending.extendleft(reversed(self.row[1:]))


def read_csv(
    stream: BinaryIO,
    columns: frozenset[str],
    record: str = "stock",
    trailers: tuple[bytes, ...] = (),
    encoding: str = "utf-8",
) -> Iterator[list[str] | CsvRow | Reject]:
    """First the header, then a CsvRow or a Reject (of a `record`) for every row that is not blank.

    `trailers` are beginnings of lines that are no rows. Raises PayloadError when the header cannot be read or lacks
    one of `columns`.
    """
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_BYTES))
    stream.seek(0)
    found = find_header(stream.read(MAX_PREAMBLE_BYTES), columns)
    feed = _Feed(stream, found, (COMMENT, *trailers), encoding)
    delimiter = found.delimiter if found else ","
    if delimiter == "|":
        rows = csv.reader(feed, strict=True, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    else:
        rows = csv.reader(feed, strict=True, delimiter=delimiter)
    header: list[str] | None = None
    while True:
        feed.next_row()
        try:
            fields = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            if header is None:
                reason = feed.fault[2] if feed.fault else error
                raise PayloadError(f"the header cannot be read: {reason}", f"line {feed.row[0].number}") from None
            yield _reject(feed, str(error), record)
            feed.give_back()
            continue
        if not fields:
            continue
        if header is None:
            header = _header(fields, columns, f"line {feed.row[0].number}")
            yield header
        elif len(fields) == len(header):
            yield CsvRow(f"line {feed.row[0].number}", fields, _text(feed))
        else:
            yield _reject(feed, f"{len(fields)} fields, the header has {len(header)}", record)
            feed.give_back()
    if header is None:
        raise PayloadError("the payload is empty")


def parse_rows(
    stream: BinaryIO, columns: frozenset[str], record: str, make: Callable[[dict[str, str]], Record]
) -> Iterator[Parsed | Reject]:
    """What `make` makes of every row: it is given the fields that are not blank, trimmed, by their column."""
    header: list[str] = []
    for row in read_csv(stream, columns, record):
        if isinstance(row, Reject):
            yield row
        elif isinstance(row, CsvRow):
            stated = {name: value for name, field in zip(header, row.fields, strict=True) if (value := field.strip())}
            try:
                yield Parsed(make(stated), row.place)
            except CatalogError as error:
                yield rejected(row.place, error, row.text, record)
        else:
            header = row


def is_named_header(head: bytes, name_of: Callable[[str], str], required: frozenset[str]) -> bool:
    """Whether the first line of `head` is a header whose columns, by `name_of`, have all `required` names."""
    first = head.removeprefix(BOM).partition(b"\n")[0].decode("latin-1")
    try:
        [header] = csv.reader([first])
    except (csv.Error, ValueError):
        return False
    return required <= set(map(name_of, header))


def read_named(
    stream: BinaryIO,
    record: str,
    name_of: Callable[[str], str],
    required: frozenset[str],
    unset: frozenset[str] = frozenset(),
) -> Iterator[tuple[CsvRow | Reject, dict[str, str]]]:
    """Every row with what it states, by our names; a broken one as a reject that states nothing.

    `name_of` gives our name of a column, empty for one that is not read; words in `unset` state nothing. Raises
    PayloadError when the header has no column for one of the `required` names.
    """
    names: list[str] = []
    for row in read_csv(stream, frozenset(), record, encoding=encoding_of(stream)):
        if isinstance(row, list):
            names = list(map(name_of, row))
            if missing := sorted(required.difference(names)):
                raise PayloadError(f"the header has no column for {', '.join(map(quote, missing))}", "line 1")
        elif isinstance(row, Reject):
            yield row, {}
        else:
            cells = ((name, cell.strip()) for name, cell in zip(names, row.fields, strict=True))
            yield row, {name: cell for name, cell in cells if name and cell and cell not in unset}


def encoding_of(stream: BinaryIO) -> str:
    """`cp1252` for what spreadsheets export in Western Europe, else `utf-8`.

    A single line that is UTF-8 and more than ASCII settles it: a byte that got broken on the way must not change what
    the other rows say.
    """
    is_utf8 = True
    for line in read_lines(stream, MAX_ROW_BYTES):
        if line.data.isascii() or line.is_too_long:
            continue
        try:
            line.data.decode()
        except UnicodeDecodeError:
            is_utf8 = False
        else:
            return "utf-8"
    return "utf-8" if is_utf8 else "cp1252"


def _header(fields: list[str], columns: frozenset[str], place: str) -> list[str]:
    header = [f.strip() for f in fields]
    if missing := sorted(columns.difference(header)):
        raise PayloadError(f"the header lacks {', '.join(quote(m) for m in missing)}", place)
    if len(set(header)) != len(header):
        raise PayloadError("the header names a column twice", place)
    return header


def _text(feed: _Feed) -> str:
    return show_bytes(b"".join([line.data for line in feed.row]))


def _reject(feed: _Feed, reason: str, record: str) -> Reject:
    column, code, why = feed.fault or ("", "malformed_row", reason)
    return Reject(f"line {feed.row[0].number}{column}", code, why, show_bytes(feed.row[0].data)[:MAX_ROW], record)
