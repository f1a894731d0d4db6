"""Ways to break a payload: values of its JSON or cells of its CSV, whole rows, raw bytes.

`mutant(random, good, others)` is a function of its arguments alone: the same random numbers make the same payload.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any, NamedTuple

from tests.fuzz.payloads import Apart, Num, Obj, Raw, elements, read_json, write

HOSTILE = [
    "", " ", "\0", "a\0b", "\ud800", "\udfff\ud800", "\u202eevil\u202c", "\u200b", "\x1b[2J\x1b]0;x\x07", "x" * 100_000, "💎" * 300,
    "'; DROP TABLE instruments; --", "../../../../etc/passwd", "=cmd|' /C calc'!A0", "+1+1", "@SUM(1)", "-2+3", "{{7*7}}", "%s%n%d",
    "null", "NaN", "Infinity", "-0", "1e400", "1e-400", "0x10", "1_000", "١٢٣", "1,5", "$1.00", " 1 ", "+1", "1.", ".5", "00", "-1",
    "9" * 400, "0." + "0" * 200 + "1", "9007199254740993", "0.1234567890123456789", "123456789012345678", "9223372036854775808",
    "4133404800000", "2147483647", "2099-01-01", "0000-00-00", "9999-12-31", "US0378331005", "USD", "BTC", "LUNA", "eip155:1",
    "0x" + "0" * 40, "0x" + "E" * 40, "0xABCDEF0000000000000000000000000000000001", "é", "e\u0301", "ﬀ", "Ⅳ", "\ufeff", "\n", "\r\n", "\t", '"', "\\",
]  # fmt: skip
NUMBERS = [
    "0", "-0", "-0.0", "1", "-1", "1e400", "-1e400", "1e-400", "1" + "0" * 400, "9" * 18, "9" * 19, "0.1234567890123456789",
    "0.12345678901234567", "18.0", "1.8e1", "1e2", "255", "256", "4294967296", "9223372036854775808", "NaN", "Infinity", "-Infinity", "1E+128",
    "1e-128", "1e127", "4133404800000", "1" + "0" * 5000,
]  # fmt: skip
SNIPPETS = [
    b"\0", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b'"', b'""', b"\n", b"\r", b"\r\n", b",", b";", b"\t", b"{", b"}", b"[", b"]", b"\\", b"\\ud800",
    b"NaN", b"1e999999999999999999", b"-", b"\x1b[2J", b"9" * 500, b"[" * 100_000, b'{"a":' * 3000, b"\xef\xbb\xbf", b"null", b'"a":1,"a":2,',
    "“".encode(), b"#", b"//", b"/*", b"\xfe\xff", b"x" * 100_000,
]  # fmt: skip
_ENCODINGS = ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp1252", "latin-1", "utf-7", "cp037"]


class Mutant(NamedTuple):
    """A broken payload, and what was done to it."""

    data: bytes
    story: str


def mutant(random: Random, good: Apart, others: list[bytes]) -> Mutant:
    """`good` with one to three changes, the last of which may be to its bytes."""
    data, stories = good.data, list[str]()
    if random.random() < 0.7:
        change = _change_document if good.form == "json" else _change_lines
        data, stories = change(random, good)
    if not stories or random.random() < 0.1:
        name = random.choice(list(_BYTES))
        data = _BYTES[name](random, data, others)
        stories.append(name)
    return Mutant(data, ", ".join(stories))


# --- JSON documents ------------------------------------------------------------------------------------------------


def _change_document(random: Random, good: Apart) -> tuple[bytes, list[str]]:
    tree = deepcopy(good.tree)
    rows: Any = tree
    for step in good.path:
        rows = next(v for k, v in rows if k == step) if isinstance(rows, Obj) else rows[step]
    stories = []
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        where = random.random()
        if where < 0.15 or not rows:
            stories.append(_change_rows(random, rows))
        elif where < 0.9:
            number = random.randrange(len(rows))
            row = rows[number][1] if isinstance(rows, Obj) else rows[number]
            stories.append(f"row {number}: {change_value(random, row, rows)}")
        else:
            stories.append(f"document: {change_value(random, tree, rows)}")
    return write(tree, good.path)[0], stories


def _change_rows(random: Random, rows: list[Any]) -> str:
    """Rows given twice, left out, exchanged, or something else in their place."""
    name = random.choice(["twice", "left out", "exchanged", "something else", "added"])
    if not rows:
        return "no rows"
    a, b = random.randrange(len(rows)), random.randrange(len(rows))
    key = rows[b][0] if isinstance(rows, Obj) else None
    strange: Any = random.choice([None, True, "x", [], Obj(), [[]], Num("5"), Obj([("a", None)])])
    if name == "twice":
        rows.insert(a, deepcopy(rows[b]))
    elif name == "left out":
        del rows[a]
    elif name == "exchanged":
        rows[a], rows[b] = rows[b], rows[a]
    elif name == "something else":
        rows[b] = strange if key is None else (key, strange)
    else:
        rows.insert(a, strange if key is None else (f"{key}x", strange))
    return f"{name} ({a}, {b})"


def change_value(random: Random, root: Any, rows: Any) -> str:
    """Change something somewhere below `root`, a container."""
    places: list[tuple[Any, int]] = []
    stack = [root]
    while stack:
        container = stack.pop()
        if isinstance(container, list) and (container is root or container is not rows):
            places += [(container, n) for n in range(len(container))]
            stack += [v for _, v in elements(container)]
    if not places:
        return "nothing"
    container, n = random.choice(places)
    is_object = isinstance(container, Obj)
    key, value = container[n] if is_object else (str(n), container[n])
    name = random.choice(_VALUES_OF_OBJECTS if is_object else _VALUES)
    if name == "drop":
        del container[n]
    elif name == "twice":
        container.insert(n, (key, _other(random, value, rows)) if is_object else deepcopy(value))
    elif name == "curly key":
        container[n] = (f"“{key}”", value)
    elif name == "other key":
        container[n] = (random.choice([key.upper(), f" {key}", f"{key}\0", "", "__proto__", key[:-1]]), value)
    else:
        value = _replace(random, name, value, rows)
        container[n] = (key, value) if is_object else value
    return f"{name} at `{key[:40]}`"


_VALUES = ["drop", "twice", "type", "number", "hostile", "hostile", "nested", "of another row", "digits", "blanks"]
_VALUES_OF_OBJECTS = [*_VALUES, "drop", "curly key", "other key"]


def _replace(random: Random, name: str, value: Any, rows: Any) -> Any:
    if name == "number":
        text = random.choice(NUMBERS)
        return Num(text) if random.random() < 0.6 else text
    if name == "hostile":
        return random.choice(HOSTILE)
    if name == "nested":
        return random.choice([[value], Obj([("a", value)]), [[[value]]], Raw("[" * 3000 + "]" * 3000)])
    if name == "of another row":
        return _other(random, value, rows)
    if name == "digits" and isinstance(value, str) and not isinstance(value, Raw) and value:
        return type(value)(_twiddle(random, value))
    if name == "blanks" and isinstance(value, str):
        return f" {value}\t"
    if isinstance(value, Num):
        return str(value)
    if isinstance(value, str):
        return Num(value) if value.isdigit() else [value]
    return random.choice([None, True, False, "", "x", [], Obj(), Num("0"), Num("1.5")])


def _twiddle(random: Random, text: str) -> str:
    n = random.randrange(len(text))
    return text[:n] + random.choice("0123456789abcXYZ.-") + text[n + random.choice([0, 1]) :]


def _other(random: Random, value: Any, rows: Any) -> Any:
    """A value of the same type from any row."""
    found: list[Any] = []
    stack = [rows]
    while stack:
        current = stack.pop()
        if isinstance(current, list):
            stack += [v for _, v in elements(current)]
        if type(current) is type(value) and current is not rows:
            found.append(current)
    return deepcopy(random.choice(found)) if found else value


# --- lines ---------------------------------------------------------------------------------------------------------


def _change_lines(random: Random, good: Apart) -> tuple[bytes, list[str]]:
    lines = list(good.lines)
    stories = []
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        if len(lines) < 2:
            break
        first = 0 if random.random() < 0.05 or lines[0].startswith(b"{") else 1
        n, other = (random.randrange(first, len(lines)) for _ in range(2))
        if random.random() < 0.2:
            stories.append(_change_order(random, lines, n, other))
        else:
            changed = _change_line(random, lines, n, other)
            stories.append(f"line {n}: {changed}")
    return b"".join(lines), stories


def _change_order(random: Random, lines: list[bytes], n: int, other: int) -> str:
    name = random.choice(["twice", "left out", "exchanged", "blank", "strange"])
    if name == "twice":
        lines.insert(n, lines[other])
    elif name == "left out":
        del lines[n]
    elif name == "exchanged":
        lines[n], lines[other] = lines[other], lines[n]
    else:
        lines.insert(
            n, b"\n" if name == "blank" else random.choice([b"null\n", b"x\n", b'"\n', b",,,\n", b"{}\n", b"[]\n"])
        )
    return name


def _change_line(random: Random, lines: list[bytes], n: int, other: int) -> str:
    """A change to the JSON of a line, or to one of its cells."""
    end = lines[n][len(lines[n].rstrip(b"\r\n")) :]
    try:
        tree = read_json(lines[n])
        if isinstance(tree, list) and tree:
            story = change_value(random, tree, [tree, read_json(lines[other])])
            lines[n] = write(tree, ("no rows",))[0].replace(b"\n", b"") + end
            return story
    except (ValueError, RecursionError):
        pass
    try:
        text = lines[n].decode()
        separator = max(",;|\t", key=lines[0].decode().count)
        [cells] = csv.reader([text], delimiter=separator)
        [others] = csv.reader([lines[other].decode()], delimiter=separator)
    except (ValueError, csv.Error):
        return "unchanged"
    if not cells or not others:
        return "unchanged"
    cell = random.randrange(len(cells))
    name = random.choice(["hostile", "number", "of another row", "digits", "empty", "one less", "one more"])
    if name == "one less":
        del cells[cell]
    elif name == "one more":
        cells.insert(cell, "x")
    elif name == "of another row":
        cells[cell] = others[min(cell, len(others) - 1)]
    elif name == "digits" and cells[cell]:
        cells[cell] = _twiddle(random, cells[cell])
    else:
        cells[cell] = random.choice({"hostile": HOSTILE, "number": NUMBERS}.get(name, [""]))
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="").writerow(cells)
    lines[n] = out.getvalue().encode("utf-8", "surrogatepass") + end
    return f"{name} in cell {cell}"


# --- bytes ---------------------------------------------------------------------------------------------------------


def _truncate(random: Random, data: bytes, others: list[bytes]) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _flip(random: Random, data: bytes, others: list[bytes]) -> bytes:
    flipped = bytearray(data)
    for _ in range(random.choice([1, 1, 2, 8]) if data else 0):
        flipped[random.randrange(len(flipped))] ^= 1 << random.randrange(8)
    return bytes(flipped)


def _insert(random: Random, data: bytes, others: list[bytes]) -> bytes:
    n = random.randrange(len(data) + 1)
    return data[:n] + random.choice(SNIPPETS) + data[n:]


def _delete(random: Random, data: bytes, others: list[bytes]) -> bytes:
    n = random.randrange(len(data) + 1)
    return data[:n] + data[n + random.choice([1, 2, 10, 100]) :]


def _splice(random: Random, data: bytes, others: list[bytes]) -> bytes:
    other = random.choice(others)
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def _twice(random: Random, data: bytes, others: list[bytes]) -> bytes:
    n = random.randrange(len(data) + 1)
    size = random.choice([1, 10, 100, 1000])
    return data[:n] + data[n : n + size] + data[n:]


def _encode(random: Random, data: bytes, others: list[bytes]) -> bytes:
    return data.decode(errors="replace").encode(random.choice(_ENCODINGS), errors="replace")


def _curl(random: Random, data: bytes, others: list[bytes]) -> bytes:
    return data.replace(b'"', "“".encode(), random.choice([1, 2, 5]))


_BYTES: dict[str, Callable[[Random, bytes, list[bytes]], bytes]] = {
    "truncated": _truncate,
    "bits flipped": _flip,
    "bytes put in": _insert,
    "bytes left out": _delete,
    "spliced": _splice,
    "bytes twice": _twice,
    "encoded otherwise": _encode,
    "curly quotes": _curl,
}
