"""JSON Lines: one JSON value per line, each line on its own, so that a broken one costs no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import BinaryIO

from catalog.importers.base import Reject, show_bytes
from catalog.importers.json_document import Row, lower_first
from catalog.importers.json_values import ValueDecoder
from catalog.importers.lines import Line, read_lines

MAX_LINE = 16 << 20
CODES = {
    "invalid_json": "the line is not one JSON value (the place has the column)",
    "invalid_utf8": "the line is not UTF-8 (the place has the column, in bytes)",
    "line_too_long": f"the line is longer than {MAX_LINE >> 20} MiB; it was read past",
}
_BLANKS = " \t\r\n"


def read_json_lines(stream: BinaryIO) -> Iterator[Row | Reject]:
    """The value of every line that is not blank, or a reject for a line that has none."""
    decoder = ValueDecoder(strict=True)
    for line in read_lines(stream, MAX_LINE):
        if line.data.strip(_BLANKS.encode()) or line.is_too_long:
            yield _row(line, decoder)


def _row(line: Line, decoder: ValueDecoder) -> Row | Reject:
    place, row = f"line {line.number}", show_bytes(line.data)
    if line.is_too_long:
        return Reject(place, "line_too_long", f"a line may have {MAX_LINE} bytes", row, "")
    try:
        text = line.data.decode().strip(_BLANKS)
    except UnicodeDecodeError as error:
        return Reject(f"{place}, column {error.start + 1}", "invalid_utf8", "not UTF-8", row, "")
    try:
        value, end, problem = decoder.decode(text)
        if end != len(text):
            raise json.JSONDecodeError("extra data behind the object", text, end)
    except json.JSONDecodeError as error:
        column = error.pos + 1 + len(line.data) - len(line.data.lstrip(_BLANKS.encode()))
        return Reject(f"{place}, column {column}", "invalid_json", lower_first(error.msg), row, "")
    except RecursionError:
        return Reject(place, "invalid_json", "nested too deeply", row, "")
    return Row(None, True, place, value, row, problem)
