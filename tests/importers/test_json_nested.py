from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from catalog.errors import PayloadError
from catalog.importers.json_nested import read_nested, read_nested_head
from tests.importers.support import endless, stream


def places(payload: Any, *paths: str) -> list[tuple[str, Any]]:
    return [(r.place, r.value) for r in read_nested(stream(payload), *paths)]


def test_arrays_on_the_way_are_opened_and_what_is_beside_is_one_row() -> None:
    payload = {"a": [1], "data": {"b": {"c": 2}, "rows": [3, [4]], "d/~": 5}, "rows": [6]}
    assert places(payload, "data/rows") == [
        ("/a", [1]),
        ("/data/b", {"c": 2}),
        ("/data/rows/0", 3),
        ("/data/rows/1", [4]),
        ("/data/d~1~0", 5),
        ("/rows", [6]),
    ]
    assert [r.place for r in read_nested(stream(payload), "rows", "data/rows") if r.is_element] == [
        "/data/rows/0",
        "/data/rows/1",
        "/rows/0",
    ]


def test_a_star_is_every_element() -> None:
    payload: list[Any] = [{"id": 1, "result": [{"x": 1}]}, 5, {"result": []}, {"result": {"y": 2}}, {}, []]
    rows = list(read_nested(stream(payload), "*/result"))
    assert [(r.place, r.value, r.member, r.is_element) for r in rows] == [
        ("/0/id", 1, "*/id", False),
        ("/0/result/0", {"x": 1}, "*/result", True),
        ("/1", 5, "*", False),
        ("/2/result", [], "*/result", False),
        ("/3/result", {"y": 2}, "*/result", False),
        ("/5", [], "*", False),
    ]


@pytest.mark.parametrize(
    "payload", ["", " ", "{", '{"a"', '{"a": {"rows": [1', '{"a": {"rows": [1, 2]}} x', "[1 2]", "{1: 2}"]
)
def test_a_broken_document_is_an_error_with_its_place(payload: str) -> None:
    with pytest.raises(PayloadError):
        places(payload, "a/rows")


def test_a_key_given_twice_inside() -> None:
    with pytest.raises(PayloadError, match=r"`rows` is given twice at line 1, column 27"):
        places('{"a": {"rows": [], "rows": []}}', "a/rows")
    [row] = read_nested(stream('{"a": {"rows": [{"b": 1, "b": 2}]}}'), "a/rows")
    assert row.problem is not None
    assert row.problem.code == "duplicate_key"


def test_what_comes_before_the_break_is_given() -> None:
    head = json.dumps({"data": {"n": 1, "rows": [1, 2]}})[:-4]
    assert [r.value for r in read_nested_head(head.encode(), "data/rows")] == [1, 1]


@pytest.mark.parametrize(
    ("head", "tail", "path"), [(b'[{"result": [0', b"]}]", "*/result"), (b'{"a": {"rows": [0', b"]}}", "a/rows")]
)
def test_memory_does_not_grow_with_the_document(head: bytes, tail: bytes, path: str) -> None:
    tracemalloc.start()
    row = b', {"a": "' + b"x" * 4000 + b'"}'
    count = sum(1 for _ in read_nested(endless(head, row, 32 << 20, tail), path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count > 8_000
    assert peak < 8 << 20
