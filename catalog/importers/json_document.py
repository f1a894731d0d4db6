"""One large JSON document read row by row: its members, and the elements of its arrays and objects, one at a time.

A value is decoded whole by the standard library as soon as enough of it has been read, so memory is bounded by the
longest row (at most MAX_VALUE characters), and every error knows its line and column.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from catalog.errors import InvalidRecord, PayloadError, escape, quote
from catalog.importers.base import MAX_ROW
from catalog.importers.json_values import ValueDecoder

MAX_VALUE = 16 << 20
_STEP = 1 << 18
_BLANKS = " \t\n\r"
# Closer than this to the end of what was read, a value or an error may only look finished (`12.` of `12.5`).
_MARGIN = 32


class Row(NamedTuple):
    """One value: its JSON pointer, itself, the beginning of its raw text, what is wrong with it.

    `member` is the member of the document that it is, or of whose array or object it is an element; None when the
    document itself is the array. `key` is the one under which an element of an object stands.
    """

    member: str | None
    is_element: bool
    place: str
    value: Any
    text: str
    problem: InvalidRecord | None
    key: str = ""


class _Reader:
    """A window of decoded text that moves along the stream."""

    def __init__(self, stream: BinaryIO) -> None:
        stream.seek(0)
        self._stream = stream
        self._utf8 = codecs.getincrementaldecoder("utf-8-sig")()
        self._values = ValueDecoder(strict=False)
        self._text, self._at = "", 0
        self._line, self._column = 1, 1
        self._is_at_end = False
        self._is_text = True

    def peek(self) -> str:
        """The next character that is not blank; empty at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANKS:
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, wanted: str) -> str:
        """Moves past the next character, which has to be one of `wanted`."""
        found = self.peek()
        if not found:
            raise self._early_end(self._at)
        if found not in wanted:
            names = " or ".join(f"`{c}`" for c in wanted)
            raise self.error(f"{names} is expected, found {quote(found)}")
        self._at += 1
        return found

    def value(self, member: str | None, place: str, is_element: bool = False) -> Row:
        """Moves past the next value."""
        self.peek()
        while True:
            try:
                value, end, problem = self._values.decode(self._text, self._at)
            except RecursionError:
                raise self.error("a value is nested too deeply") from None
            except json.JSONDecodeError as error:
                is_cut = error.msg.startswith("Unterminated") or error.pos > len(self._text) - _MARGIN
                if is_cut and self._more():
                    continue
                if error.msg.startswith("Unterminated") or error.pos >= len(self._text):
                    raise self._early_end(len(self._text)) from None
                raise self.error(lower_first(error.msg), error.pos) from None
            if len(self._text) - end < _MARGIN and self._more():
                continue
            text = self._text[self._at : min(end, self._at + MAX_ROW)]
            self._at = end
            return Row(member, is_element, place, value, text, problem)

    def finish(self) -> None:
        """Nothing but blanks may follow."""
        if found := self.peek():
            raise self.error(f"nothing is expected behind the document, found {quote(found)}")
        if not self._is_text:
            raise self._early_end(self._at)

    def error(self, reason: str, at: int | None = None) -> PayloadError:
        """A PayloadError that names the line and column of the character `at` of the window (where it stands now)."""
        line, column = self._position(self._at if at is None else at)
        return PayloadError(reason, f"line {line}, column {column}")

    def _early_end(self, at: int) -> PayloadError:
        return self.error("the document ends too early" if self._is_text else "not UTF-8", at)

    def _position(self, at: int) -> tuple[int, int]:
        breaks = self._text.count("\n", 0, at)
        if not breaks:
            return self._line, self._column + at
        return self._line + breaks, at - self._text.rfind("\n", 0, at)

    def _more(self) -> bool:
        """Reads on, at least doubling what is pending; False, and nothing has moved, at the end of the stream."""
        if self._is_at_end:
            return False
        pending = len(self._text) - self._at
        if pending > MAX_VALUE:
            raise self.error(f"a value is longer than {MAX_VALUE} characters")
        fresh = self._read(max(_STEP, pending))
        if not fresh:
            return False
        self._line, self._column = self._position(self._at)
        self._text, self._at = self._text[self._at :] + fresh, 0
        return True

    def _read(self, size: int) -> str:
        """The next decoded text, empty only at the end; what is not UTF-8 ends the stream there."""
        fresh = ""
        while not fresh and not self._is_at_end:
            data = self._stream.read(size)
            self._is_at_end = not data
            try:
                fresh = self._utf8.decode(data, final=not data)
            except UnicodeDecodeError as error:
                fresh = bytes(error.object[: error.start]).decode("utf-8-sig" if not self._text else "utf-8")
                self._is_at_end, self._is_text = True, False
        return fresh


def read_rows(stream: BinaryIO, arrays: frozenset[str], objects: frozenset[str] = frozenset()) -> Iterator[Row]:
    """The document's values in their order: members of an object, and one by one the elements of some of them.

    Those are the members in `arrays` that are arrays, and in `objects` that are objects; an empty one is one row,
    itself. One further down is named by its pointer without the first slash (`result/list`); the members of the objects
    on the way to it are given one by one too, under such names. Raises PayloadError, with line and column, where the
    document stops being JSON; what comes before has been given by then.
    """
    reader = _Reader(stream)
    if reader.peek() == "":
        raise PayloadError("the payload is empty")
    if reader.peek() == "[":
        yield from _elements(reader, None, "")
    else:
        reader.take("{[")
        yield from _values(reader, "", frozenset("/" + a for a in arrays), frozenset("/" + o for o in objects))
    reader.finish()


def _values(reader: _Reader, inside: str, arrays: frozenset[str], objects: frozenset[str]) -> Iterator[Row]:
    """The values of the object at the pointer `inside`, whose brace has been taken."""
    seen: set[str] = set()
    for key in _keys(reader):
        if key in seen:
            raise reader.error(f"the key {quote(key)} is given twice")
        seen.add(key)
        place = f"{inside}/{_step(key)}"
        member = place[1:] if inside else key
        if place in arrays and reader.peek() == "[":
            yield from _elements(reader, member, place)
        elif place in objects and reader.peek() == "{":
            yield from _members(reader, member, place)
        elif any(name.startswith(f"{place}/") for name in arrays | objects) and reader.peek() == "{":
            reader.take("{")
            yield from _values(reader, place, arrays, objects)
        else:
            yield reader.value(member, place)


def _keys(reader: _Reader) -> Iterator[str]:
    """The keys of an object whose brace has been taken; the value of each has to be read before the next one."""
    if reader.peek() == "}":
        reader.take("}")
        return
    while True:
        if reader.peek() != '"':
            reader.take('"')
        key: str = reader.value("", "").value
        reader.take(":")
        yield key
        if reader.take(",}") == "}":
            return


def _step(key: str) -> str:
    """A key as a part of a JSON pointer, without what a terminal would not show."""
    return escape(key.replace("~", "~0").replace("/", "~1"))


def _members(reader: _Reader, member: str, place: str) -> Iterator[Row]:
    reader.take("{")
    seen: set[str] = set()
    for key in _keys(reader):
        row = reader.value(member, f"{place}/{_step(key)}", is_element=True)
        problem = InvalidRecord("key", key, "it is given twice", code="duplicate_key") if key in seen else row.problem
        seen.add(key)
        yield row._replace(key=key, problem=problem)
    if not seen:
        yield Row(member, False, place, {}, "{}", None)


def _elements(reader: _Reader, member: str | None, place: str) -> Iterator[Row]:
    reader.take("[")
    if reader.peek() == "]":
        reader.take("]")
        yield Row(member, False, place, [], "[]", None)
        return
    number = 0
    while True:
        yield reader.value(member, f"{place}/{number}", is_element=True)
        if reader.take(",]") == "]":
            return
        number += 1


def read_array(stream: BinaryIO, name: str | None, may_be_document: bool = False) -> Iterator[Row]:
    """The elements of the member `name` (or `outer/name`), or of a document that is an array.

    Without a name it has to be the latter. Raises PayloadError when there is no such array.
    """
    is_there = False
    for row in read_rows(stream, frozenset() if name is None else frozenset({name})):
        if row.member == name or (row.member is None and may_be_document):
            if row.is_element:
                yield row
            elif row.value != []:
                raise PayloadError("an array is expected", row.place)
            is_there = True
    if not is_there:
        raise PayloadError(f"there is no array `{name}`" if name else "the document is no array")


def read_head(head: bytes, arrays: frozenset[str], objects: frozenset[str] = frozenset()) -> list[Row]:
    """The values that are complete in the first bytes of a document; nothing of what is no JSON."""
    rows: list[Row] = []
    with contextlib.suppress(PayloadError):
        for row in read_rows(io.BytesIO(head), arrays, objects):
            rows.append(row)  # noqa: PERF402 - what came before the break is kept
    return rows


def lower_first(text: str) -> str:
    """`text` with a small first letter: the standard library's messages in our sentences."""
    return text[:1].lower() + text[1:]
