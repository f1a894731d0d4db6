from __future__ import annotations

import pytest

from catalog.errors import PayloadError
from catalog.importers.base import Reject
from catalog.importers.csv_rows import MAX_PREAMBLE_LINES, CsvRow, Header, find_header, read_csv
from tests.importers.support import stream

COLUMNS = frozenset({"a", "b"})


def read(text: str | bytes, trailers: tuple[bytes, ...] = ()) -> list[list[str] | CsvRow | Reject]:
    return list(read_csv(stream(text), COLUMNS, "etf", trailers))


def fields(text: str | bytes, trailers: tuple[bytes, ...] = ()) -> list[list[str]]:
    found = read(text, trailers)[1:]
    assert all(isinstance(row, CsvRow) for row in found), found
    return [row.fields for row in found if isinstance(row, CsvRow)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_that_of_the_header(delimiter: str) -> None:
    text = "a,b,c\n1,2,3\n".replace(",", delimiter)
    assert read(text)[0] == ["a", "b", "c"]
    assert fields(text) == [["1", "2", "3"]]
    assert find_header(text.encode(), COLUMNS) == Header(1, delimiter, frozenset("abc"))


def test_other_delimiters_are_characters() -> None:
    assert fields("a;b\n1,5;2|3\n") == [["1,5", "2|3"]]
    assert fields('a;b\n"1;5";"2\n3"\n') == [["1;5", "2\n3"]]


def test_between_bars_nothing_is_quoted() -> None:
    assert fields('a|b\n"1|2"\n"|x"y\n') == [['"1', '2"'], ['"', 'x"y']]


def test_a_preamble_is_no_row() -> None:
    text = "\ufeffList of things; as of today\n\n# a,comment\na,b\n1,2\n"
    assert fields(text) == [["1", "2"]]
    found = read(text)[1]
    assert isinstance(found, CsvRow)
    assert found.place == "line 5"


def test_a_header_is_not_looked_for_for_ever() -> None:
    assert find_header(b"x\n" * (MAX_PREAMBLE_LINES - 1) + b"a,b\n", COLUMNS) is not None
    assert find_header(b"x\n" * MAX_PREAMBLE_LINES + b"a,b\n", COLUMNS) is None
    with pytest.raises(PayloadError, match="lacks `a`, `b`"):
        read("x\n" * MAX_PREAMBLE_LINES + "a,b\n")


def test_comments_and_trailers_are_no_rows() -> None:
    text = 'a,b\n# one "quote\n1,2\n#\nEnd of file: 3 rows\n3,4\n'
    assert fields(text, (b"End of file",)) == [["1", "2"], ["3", "4"]]
    assert [type(row) for row in read(text)[1:]] == [CsvRow, Reject, CsvRow]


def test_within_a_quoted_field_a_comment_is_text() -> None:
    assert fields('a,b\n"1\n# not a comment\nEnd",2\n', (b"End",)) == [["1\n# not a comment\nEnd", "2"]]


def test_an_unclosed_quote_swallows_no_trailer() -> None:
    found = read('a,b\n"1,2\n3,4\nEnd of file\n', (b"End",))[1:]
    assert [row.place for row in found if isinstance(row, CsvRow)] == ["line 3"]
    assert [(row.place, row.code, row.record) for row in found if isinstance(row, Reject)] == [
        ("line 2", "malformed_row", "etf")
    ]


@pytest.mark.parametrize("head", [b"", b"\x00", b"\xff\xfe", b'"', b"a\n", b"a,b"[:2], b"a\rb,a"])
def test_no_header(head: bytes) -> None:
    assert find_header(head, COLUMNS) is None
