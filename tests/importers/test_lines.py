from __future__ import annotations

import io

from catalog.importers.lines import read_lines
from tests.importers.support import endless


def numbered(data: bytes, limit: int = 8) -> list[tuple[int, bytes, bool]]:
    return [(line.number, line.data, line.is_too_long) for line in read_lines(io.BytesIO(data), limit)]


def test_lines_keep_their_ends_and_numbers() -> None:
    assert numbered(b"a\n\nb\r\nc") == [(1, b"a\n", False), (2, b"\n", False), (3, b"b\r\n", False), (4, b"c", False)]


def test_a_byte_order_mark_is_removed_only_at_the_beginning() -> None:
    assert numbered(b"\xef\xbb\xbfa\n\xef\xbb\xbf") == [(1, b"a\n", False), (2, b"\xef\xbb\xbf", False)]


def test_a_line_of_just_the_limit_is_whole() -> None:
    assert numbered(b"12345678\n12345678") == [(1, b"12345678\n", False), (2, b"12345678", False)]


def test_a_longer_line_is_read_past() -> None:
    assert numbered(b"123456789" * 3 + b"\nb\n") == [(1, b"123456789", True), (2, b"b\n", False)]
    assert numbered(b"123456789") == [(1, b"123456789", True)]


def test_no_bytes_are_no_lines() -> None:
    assert numbered(b"") == []


def test_a_line_of_two_gigabytes_needs_no_memory() -> None:
    lines = read_lines(endless(b"", b"x" * 4096, 2 << 30, b"\nlast\n"), 100)
    assert [(line.number, len(line.data), line.is_too_long) for line in lines] == [(1, 101, True), (2, 5, False)]
