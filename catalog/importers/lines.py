"""Lines of a byte stream in bounded memory: a line over the limit is read past, and the next ones still count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

BOM = b"\xef\xbb\xbf"
_STEP = 1 << 20


class Line(NamedTuple):
    """One physical line: its number from 1, its bytes with the line end, and whether only its beginning is here."""

    number: int
    data: bytes
    is_too_long: bool


def read_lines(stream: BinaryIO, limit: int) -> Iterator[Line]:
    """Every line of `stream` from its beginning, a byte order mark removed; `limit` is the longest line in bytes."""
    stream.seek(0)
    number = 0
    while data := stream.readline(limit + 1):
        number += 1
        if number == 1:
            data = data.removeprefix(BOM)
        is_too_long = len(data) > limit and not data.endswith(b"\n")
        yield Line(number, data, is_too_long)
        if is_too_long:
            del data
            while (rest := stream.readline(_STEP)) and not rest.endswith(b"\n"):
                pass
