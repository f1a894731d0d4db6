from __future__ import annotations

import tracemalloc
from decimal import Decimal
from typing import Any

import pytest

from catalog.errors import PayloadError
from catalog.importers import json_document
from catalog.importers.json_document import Row, read_array, read_head, read_rows
from tests.importers.support import endless, stream

ROWS = frozenset({"rows"})


def places(payload: Any) -> list[tuple[str, Any]]:
    return [(r.place, r.value) for r in read_rows(stream(payload), ROWS)]


def broken(payload: bytes | str) -> tuple[list[Row], PayloadError]:
    rows: list[Row] = []
    try:
        for row in read_rows(stream(payload), ROWS):
            rows.append(row)  # noqa: PERF402 - what came before the break is looked at
    except PayloadError as error:
        return rows, error
    raise AssertionError("the document is not broken")


def test_members_and_elements_come_in_order_with_their_pointers() -> None:
    assert places('{"a": 1, "rows": [ {"b": []} , 2 ], "c/~": "d"}') == [
        ("/a", 1),
        ("/rows/0", {"b": []}),
        ("/rows/1", 2),
        ("/c~1~0", "d"),
    ]
    assert places('[1, "x"]') == [("/0", 1), ("/1", "x")]
    assert places("{}") == []


def test_arrays_further_down_are_read_one_by_one_too() -> None:
    text = '{"a": {"x": 1, "rows": [2, {"rows": [3]}], "y": {}}, "rows": [4], "a/rows": [5], "b": {"rows": [6]}}'
    found = [(r.member, r.place, r.value, r.is_element) for r in read_rows(stream(text), frozenset({"a/rows"}))]
    assert found == [
        ("a/x", "/a/x", 1, False),
        ("a/rows", "/a/rows/0", 2, True),
        ("a/rows", "/a/rows/1", {"rows": [3]}, True),
        ("a/y", "/a/y", {}, False),
        ("rows", "/rows", [4], False),
        ("a/rows", "/a~1rows", [5], False),
        ("b", "/b", {"rows": [6]}, False),
    ]
    assert [r.value for r in read_array(stream('{"a": {"b": {"rows": [1, 2]}}}'), "a/b/rows")] == [1, 2]
    assert [r.place for r in read_rows(stream('{"a": {}}'), frozenset({"a/rows"}))] == []
    assert [r.place for r in read_rows(stream('{"a": 5}'), frozenset({"a/rows"}))] == ["/a"]
    for text in ('{"a": {"x": 1, "x": 2}}', '{"a": {"rows": [1', '{"a": {"rows": [1]', '{"a": {,}}'):
        with pytest.raises(PayloadError):
            list(read_rows(stream(text), frozenset({"a/rows"})))


def test_an_empty_array_is_one_row() -> None:
    [row] = read_rows(stream('{"rows": []}'), ROWS)
    assert (row.place, row.value, row.is_element) == ("/rows", [], False)


def members(payload: str) -> list[Row]:
    return list(read_rows(stream(payload), ROWS, frozenset({"by_key"})))


def test_the_members_of_an_object_come_one_by_one_with_their_keys() -> None:
    text = '{"a": {"b": 1}, "by_key": { "x/~": {"y": 2} ,"\\u0007": [3]}, "rows": {"z": 4}}'
    assert [(r.member, r.is_element, r.place, r.value, r.key) for r in members(text)] == [
        ("a", False, "/a", {"b": 1}, ""),
        ("by_key", True, "/by_key/x~1~0", {"y": 2}, "x/~"),
        ("by_key", True, "/by_key/\\x07", [3], "\x07"),
        ("rows", False, "/rows", {"z": 4}, ""),
    ]
    assert [(r.place, r.value, r.is_element) for r in members('{"by_key": {}}')] == [("/by_key", {}, False)]
    assert [(r.place, r.value, r.is_element) for r in members('{"by_key": [1]}')] == [("/by_key", [1], False)]


def test_a_key_given_twice_is_a_problem_of_the_later_member() -> None:
    first, second, third = members('{"by_key": {"x": 1, "x": 2, "y": 3}}')
    assert (first.problem, third.problem) == (None, None)
    assert second.problem is not None
    assert (second.problem.code, second.place) == ("duplicate_key", "/by_key/x")


def test_an_object_that_breaks_gives_the_members_before() -> None:
    rows = read_rows(stream('{"by_key": {"x": 1,\n"y": 2, "z" 3}}'), ROWS, frozenset({"by_key"}))
    assert [next(rows).key, next(rows).key] == ["x", "y"]
    with pytest.raises(PayloadError, match="line 2, column 13"):
        next(rows)


def test_the_document_may_have_to_be_an_array() -> None:
    assert [r.value for r in read_array(stream("[1, 2]"), None, may_be_document=True)] == [1, 2]
    assert list(read_array(stream("[]"), None, may_be_document=True)) == []
    for document in ("{}", '{"message": [1]}', "7"):
        with pytest.raises(PayloadError):
            list(read_array(stream(document), None, may_be_document=True))


def test_numbers_are_exact() -> None:
    [(_, value)] = places('{"a": [0.1, 1e400, 12345678901234567890123, 18.0]}')
    assert value == [Decimal("0.1"), Decimal("1e400"), 12345678901234567890123, Decimal("18.0")]
    assert not any(isinstance(v, float) for v in value)


@pytest.mark.parametrize("size", range(1, 40))
def test_no_value_is_cut_where_a_read_ends(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_document, "_STEP", size)
    text = '{"n": -12.5e-3, "rows": [{"é": "ü\\u00e9\\n"}, true, null, 7], "last": 123.25}'
    assert places(text) == [
        ("/n", Decimal("-0.0125")),
        ("/rows/0", {"é": "üé\n"}),
        ("/rows/1", True),
        ("/rows/2", None),
        ("/rows/3", 7),
        ("/last", Decimal("123.25")),
    ]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ('{"a": 1, "a": 2}', "duplicate_key"),
        ('{"b": [{"a": 1, "a": 1}]}', "duplicate_key"),
        ("[NaN]", "invalid_number"),
        ("[-Infinity]", "invalid_number"),
        (f"[{'9' * 401}]", "invalid_number"),
        (f"[0.{'9' * 401}]", "invalid_number"),
        ("[1e99999999999999999999]", "invalid_number"),
    ],
)
def test_what_json_leaves_open_is_a_problem_of_its_row_only(value: str, code: str) -> None:
    first, second = read_rows(stream(f'{{"rows": [{value}, 2]}}'), ROWS)
    assert first.problem is not None
    assert first.problem.code == code
    assert (second.value, second.problem) == (2, None)


def test_lone_surrogates_arrive_as_they_are() -> None:
    assert places('["\\ud800"]') == [("/0", "\ud800")]


def test_raw_text_is_the_payload_s_own_and_cut() -> None:
    first, second = read_rows(stream('{"rows": [{"a" :\t"\\ud800"}, "' + "x" * 9000 + '"]}'), ROWS)
    assert first.text == '{"a" :\t"\\ud800"}'
    assert len(second.text) == 4096


@pytest.mark.parametrize(
    ("payload", "count", "place", "reason"),
    [
        ("", 0, None, "the payload is empty"),
        ("   ", 0, None, "the payload is empty"),
        ("7", 0, "line 1, column 1", "`{` or `[` is expected"),
        ("{", 0, "line 1, column 2", "ends too early"),
        ('{"a', 0, "line 1, column 4", "ends too early"),
        ('{"a"', 0, "line 1, column 5", "ends too early"),
        ('{"a": 1', 1, "line 1, column 8", "ends too early"),
        ('{"a": 1,}', 1, "line 1, column 9", '`"` is expected'),
        ("{“a”: 1}", 0, "line 1, column 2", '`"` is expected'),
        ("[1\n,\n2 3]", 2, "line 3, column 3", "`,` or `]` is expected"),
        ("[1,\n  {]", 1, "line 2, column 4", "expecting property name"),
        ("[1,]", 1, "line 1, column 4", "expecting value"),
        ("[1] x", 1, "line 1, column 5", "nothing is expected behind"),
        ('{"a": 1, "a": 2}', 1, "line 1, column 14", "given twice"),
        ('[1, "\ud800"]', 1, "line 1, column 6", "not UTF-8"),
        ("[1] \ud800", 1, "line 1, column 5", "not UTF-8"),
        ("[1, " + "[" * 100_000, 1, "line 1, column 5", "nested too deeply"),
    ],
)
def test_a_broken_document_says_where_and_loses_nothing_before(
    payload: str, count: int, place: str | None, reason: str
) -> None:
    rows, error = broken(payload.encode("utf-8", "surrogatepass"))
    assert len(rows) == count
    assert error.place == place
    assert reason in str(error)


def test_the_place_counts_from_the_beginning_of_the_document() -> None:
    text = "[\n" + '{"a": "' + "x" * 1000 + '"},\n' * 1 + '{"a": 1},\n' * 100_000 + "oops]"
    rows, error = broken(text)
    assert len(rows) == 100_001
    assert error.place == "line 100003, column 1"


def test_a_byte_order_mark_is_tolerated() -> None:
    assert places(b"\xef\xbb\xbf[1]") == [("/0", 1)]


def test_memory_does_not_grow_with_the_document() -> None:
    tracemalloc.start()
    row = b', {"a": "' + b"x" * 4000 + b'", "i": [1, 2, 3]}'
    count = sum(1 for _ in read_rows(endless(b"[0", row, 64 << 20, b"]"), ROWS))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count > 16_000
    assert peak < 8 << 20


def test_a_value_of_two_gigabytes_is_refused_in_bounded_memory() -> None:
    tracemalloc.start()
    with pytest.raises(PayloadError, match="longer than"):
        list(read_rows(endless(b'["', b"x" * 4096, 2 << 30, b'"]'), ROWS))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * json_document.MAX_VALUE


def test_an_array_is_found_by_name_or_as_the_document() -> None:
    assert [r.place for r in read_array(stream('{"rows": [1], "": [2]}'), "rows")] == ["/rows/0"]
    assert [r.place for r in read_array(stream("[1]"), "rows", may_be_document=True)] == ["/0"]
    assert not list(read_array(stream("[]"), "rows", may_be_document=True))
    assert not list(read_array(stream('{"rows": []}'), "rows"))
    for payload in ("[1]", "{}", '{"": 1, "other": []}'):
        with pytest.raises(PayloadError, match="no array `rows`"):
            list(read_array(stream(payload), "rows"))
    with pytest.raises(PayloadError, match="an array is expected at /rows"):
        list(read_array(stream('{"rows": {}}'), "rows"))


def test_a_head_gives_what_is_whole_in_it() -> None:
    assert [r.value for r in read_head(b'{"a": 1, "rows": [{"b": 2}, {"c', ROWS)] == [1, {"b": 2}]
    assert [r.value for r in read_head('[1, "é"]'.encode()[:-3], ROWS)] == [1]
    assert read_head(b"\x89PNG\r\n", ROWS) == []
