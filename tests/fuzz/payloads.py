"""Payloads taken apart without any importer: rows, where they stand, and what is around them.

The rows of a JSON document are the elements of its outermost array (or object) of objects; those of any other text are its
lines, a quoted line break kept together. `take_apart` reads whatever bytes come, and `cut` makes a small payload of a
large one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from catalog.errors import escape

#: How many rows a cut payload has.
ROWS = 10
_LONGEST = 40  # elements of what is not the rows
_DEPTH = 4


class Num(str):
    """A JSON number as it was written."""

    __slots__ = ()


class Raw(str):
    """Text to be written as it is, JSON or not."""

    __slots__ = ()


class Obj(list[tuple[str, Any]]):
    """A JSON object: its pairs in their order, a key given twice included."""


class Row(NamedTuple):
    """A row: its place as importers name it, its text, and where the text ends in the payload, in bytes."""

    place: str
    text: str
    end: int


@dataclass
class Apart:
    """A payload taken apart. `around` is everything but the rows; `tree` and `path` are there for JSON documents."""

    form: str  # "json" or "lines"
    rows: list[Row]
    around: str
    data: bytes
    tree: Any = None
    path: tuple[Any, ...] = ()
    lines: list[bytes] = field(default_factory=list)


_DECODER = json.JSONDecoder(
    object_pairs_hook=Obj, parse_float=Num, parse_int=Num, parse_constant=Num, strict=False
)  # fmt: skip


def read_json(data: bytes) -> Any:
    """The document as a tree; raises ValueError or RecursionError for what is none."""
    text = data.decode("utf-8-sig")
    value, end = _DECODER.raw_decode(text, len(text) - len(text.lstrip(" \t\r\n")))
    if text[end:].strip(" \t\r\n"):
        raise ValueError("something behind the document")
    return value


def dump(value: Any) -> str:
    """The tree as JSON on one line, equal trees as equal text."""
    if isinstance(value, Raw | Num):
        return str(value)
    if isinstance(value, Obj):
        return "{" + ",".join(f"{_quote(k)}:{dump(v)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    return _quote(value) if isinstance(value, str) else json.dumps(value)


def _quote(text: str) -> str:
    return str(text) if isinstance(text, Raw) else json.dumps(text, ensure_ascii=not _is_text(text))


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    """The value under a path of keys and indexes; None when there is none."""
    for step in path:
        if isinstance(tree, Obj) and isinstance(step, str):
            tree = next((v for k, v in tree if k == step), None)
        elif isinstance(tree, list) and not isinstance(tree, Obj) and isinstance(step, int) and step < len(tree):
            tree = tree[step]
        else:
            return None
    return tree


def elements(container: Any) -> list[tuple[str, Any]]:
    """What a container holds, by the last part of its pointer."""
    if isinstance(container, Obj):
        return [(escape(k.replace("~", "~0").replace("/", "~1")), v) for k, v in container]
    return [(str(n), v) for n, v in enumerate(container)] if isinstance(container, list) else []


def _containers(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[bool, int, int, tuple[Any, ...]]]:
    """Every container of nothing but objects as (whether it has several, how deep it is, how many, path)."""
    inner = elements(tree)
    if inner and all(isinstance(v, Obj) for _, v in inner) and (not isinstance(tree, Obj) or len(inner) > 1):
        yield len(inner) > 2, -len(path), len(inner), path
    if len(path) < _DEPTH:
        steps = tree if isinstance(tree, Obj) else list(enumerate(tree)) if isinstance(tree, list) else []
        for step, value in steps[:_LONGEST]:
            yield from _containers(value, (*path, step))


def take_apart(data: bytes, like: Apart | None = None) -> Apart | None:
    """The payload's rows; of a payload that is `like` another, those in the same place. None for broken JSON."""
    if like.form == "json" if like else data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        try:
            tree = read_json(data)
        except (ValueError, RecursionError):
            return _lines(data) if like is None else None
        path = like.path if like else max(_containers(tree), key=lambda c: c[:3], default=(False, 0, 0, ()))[3]
        try:
            return _document(data, tree, path)
        except RecursionError:
            return None
    return _lines(data)


def _document(data: bytes, tree: Any, path: tuple[Any, ...]) -> Apart:
    pointer = "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
    container = at(tree, path)
    is_object = isinstance(container, Obj)
    rows = [
        Row(f"{pointer}/{name}", f"{name}: {dump(value)}" if is_object else dump(value), 0)
        for name, value in elements(container)
    ]
    return Apart("json", rows, dump(_without(tree, path)), data, tree, path)


def _without(tree: Any, path: tuple[Any, ...]) -> Any:
    if not path:
        return None
    step, *rest = path
    if isinstance(tree, Obj):
        return Obj((k, _without(v, tuple(rest)) if k == step else v) for k, v in tree)
    if isinstance(tree, list):
        return [_without(v, tuple(rest)) if n == step else v for n, v in enumerate(tree)]
    return tree


def _lines(data: bytes) -> Apart:
    rows, lines, end, number = [], logical_lines(data), 0, 1
    for line in lines:
        end += len(line)
        rows.append(Row(f"line {number}", _text(line).rstrip("\r\n"), end))
        number += line.count(b"\n")
    return Apart("lines", rows, "", data, lines=lines)


def _text(line: bytes) -> str:
    """The line as text; what is not UTF-8 in both of the ways in which it may be read."""
    text = line.decode(errors="backslashreplace")
    try:
        line.decode()
    except UnicodeDecodeError:
        text += line.decode("cp1252", errors="backslashreplace")
    return text


def logical_lines(data: bytes) -> list[bytes]:
    """The lines, those that a quoted field joins as one, as long as every quote is closed."""
    found: list[bytes] = []
    held = b""
    is_json = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"
    for line in data.splitlines(keepends=True) if b"\n" not in data else re.findall(rb"[^\n]*\n|[^\n]+$", data):
        held += line
        if is_json or held.count(b'"') % 2 == 0:
            found.append(held)
            held = b""
    return found + re.findall(rb"[^\n]*\n|[^\n]+$", held)


def write(tree: Any, path: tuple[Any, ...]) -> tuple[bytes, list[int]]:
    """The document with a line for every row; where each row ends, in bytes."""
    out: list[bytes] = []
    ends: list[int] = []
    _write(tree, path, out, ends)
    return b"".join(out), ends


def _write(tree: Any, path: tuple[Any, ...] | None, out: list[bytes], ends: list[int]) -> None:
    is_object = isinstance(tree, Obj)
    if path is None or not isinstance(tree, list):
        out.append(_encode(dump(tree)))
        return
    out.append(b"{\n" if is_object else b"[\n")
    for n, item in enumerate(tree):
        step, value = item if is_object else (n, item)
        out.append((b",\n" if n else b"") + (_encode(_quote(str(step))) + b":" if is_object else b""))
        if path:
            _write(value, path[1:] if step == path[0] else None, out, ends)
        else:
            out.append(_encode(dump(value)))
            ends.append(sum(map(len, out)))
    out.append(b"\n}" if is_object else b"\n]")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def cut(data: bytes) -> Apart:
    """A small payload of the same shape: the first rows, and of other long arrays the beginning."""
    apart = take_apart(data)
    assert apart is not None
    if apart.form == "lines":
        return _lines(b"".join(apart.lines[: ROWS + 1]))
    tree = _shorten(apart.tree, apart.path)
    written, ends = write(tree, apart.path)
    found = _document(written, tree, apart.path)
    found.rows = [row._replace(end=end) for row, end in zip(found.rows, ends, strict=True)]
    return found


def _shorten(tree: Any, path: tuple[Any, ...] | None) -> Any:
    if isinstance(tree, Obj):
        items = tree[:ROWS] if path == () else tree
        return Obj((k, _shorten(v, path[1:] if path and k == path[0] else None)) for k, v in items)
    if isinstance(tree, list):
        items = tree[: ROWS if path == () else max(_LONGEST, 0)]
        return [_shorten(v, path[1:] if path and n == path[0] else None) for n, v in enumerate(items)]
    return tree
