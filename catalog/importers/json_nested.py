"""Arrays that lie deeper in a JSON document, read element by element: `data/pools`, or `*/result` of every answer.

The same reader and the same promises as json_document, which reads the document's own members and arrays.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import BinaryIO

from catalog.errors import PayloadError, escape, quote
from catalog.importers.json_document import Row, _Reader

Path = tuple[str, ...]


def read_nested(stream: BinaryIO, *paths: str) -> Iterator[Row]:
    """The document's values in their order, the arrays at `paths` element by element.

    A path is keys with `/` between them; `*` is every element of an array. What lies on the way to a path is opened;
    everything beside it is one row. A row's `member` is its path, and that of its array for an element. An empty array
    is one row, itself. Raises PayloadError, with line and column, where the document stops being JSON.
    """
    reader = _Reader(stream)
    if reader.peek() == "":
        raise PayloadError("the payload is empty")
    yield from _walk(reader, (), "", frozenset(tuple(path.split("/")) for path in paths))
    reader.finish()


def read_nested_head(head: bytes, *paths: str) -> list[Row]:
    """The values that are complete in the first bytes of a document; nothing of what is no JSON."""
    rows: list[Row] = []
    with contextlib.suppress(PayloadError):
        for row in read_nested(io.BytesIO(head), *paths):
            rows.append(row)  # noqa: PERF402 - what came before the break is kept
    return rows


def _walk(reader: _Reader, path: Path, place: str, paths: frozenset[Path]) -> Iterator[Row]:
    opening = reader.peek()
    if opening == "[" and path in paths:
        yield from _elements(reader, path, place, None)
    elif opening == "[" and (*path, "*") in {wanted[: len(path) + 1] for wanted in paths}:
        yield from _elements(reader, path, place, paths)
    elif opening == "{" and any(len(wanted) > len(path) and wanted[: len(path)] == path for wanted in paths):
        yield from _members(reader, path, place, paths)
    else:
        yield reader.value("/".join(path), place)


def _elements(reader: _Reader, path: Path, place: str, paths: frozenset[Path] | None) -> Iterator[Row]:
    """The elements of an array as rows, or opened themselves when there are `paths` inside them."""
    member = "/".join(path)
    reader.take("[")
    if reader.peek() == "]":
        reader.take("]")
        yield Row(member, False, place, [], "[]", None)
        return
    number = 0
    while True:
        if paths is None:
            yield reader.value(member, f"{place}/{number}", is_element=True)
        else:
            yield from _walk(reader, (*path, "*"), f"{place}/{number}", paths)
        if reader.take(",]") == "]":
            return
        number += 1


def _members(reader: _Reader, path: Path, place: str, paths: frozenset[Path]) -> Iterator[Row]:
    reader.take("{")
    if reader.peek() == "}":
        reader.take("}")
        return
    seen: set[str] = set()
    while True:
        if reader.peek() != '"':
            reader.take('"')
        key: str = reader.value("", "").value
        reader.take(":")
        if key in seen:
            raise reader.error(f"the key {quote(key)} is given twice")
        seen.add(key)
        step = escape(key.replace("~", "~0").replace("/", "~1"))
        yield from _walk(reader, (*path, key), f"{place}/{step}", paths)
        if reader.take(",}") == "}":
            return
