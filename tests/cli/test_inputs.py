"""What commands take in: JSON in three shapes, times, assignments; and all that is none of these."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from catalog.domain import Stock, Token
from catalog.errors import InvalidRecord, PayloadError
from cli import inputs

Write = Callable[[str], str]


@pytest.mark.parametrize(
    ("text", "values", "is_single"),
    [
        ('{"a": 1}', [{"a": 1}], True),
        ('\ufeff\n {"a":\n 1}\n', [{"a": 1}], True),
        ('[{"a": 1}, 2]', [{"a": 1}, 2], False),
        ('[{"a": 1}]', [{"a": 1}], False),
        ("[]", [], False),
        ('{"a": 1}\n\n{"a": 2}\n', [{"a": 1}, {"a": 2}], False),
        ('{"a": 1}\r\n{"a": 2}', [{"a": 1}, {"a": 2}], False),
    ],
)
def test_three_shapes(write: Write, text: str, values: list[object], is_single: bool) -> None:
    items, single = inputs.read_items(write(text))
    assert ([item.value for item in items], single) == (values, is_single)


def test_a_broken_line_does_not_stop_the_others(write: Write) -> None:
    items, _ = inputs.read_items(write('{"a": 1}\n{"a": \n{"a": 1, "a": 2}\n{"a": 3} x\n{"a": NaN}\n{"a": 4}'))
    assert [item.place for item in items if item.problem is None] == ["line 1", "line 6"]
    codes = [item.problem.code for item in items if item.problem is not None]
    assert codes == ["invalid_json", "duplicate_key", "invalid_json", "invalid_number"]


@pytest.mark.parametrize("text", ["", " \n ", "{", "nonsense", '{"a": 1', "[1, 2", "\x00", "[" * 100_000])
def test_what_is_not_json_is_unreadable(write: Write, text: str) -> None:
    with pytest.raises(PayloadError) as caught:
        inputs.read_items(write(text))
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_an_array_with_a_key_twice_is_invalid(write: Write) -> None:
    with pytest.raises(InvalidRecord, match="twice"):
        inputs.read_items(write('[{"a": 1, "a": 2}]'))


@pytest.mark.parametrize("name", ["missing.json", ".", "a\x00b"])
def test_what_is_no_file_is_unreadable(tmp_path: Path, name: str) -> None:
    with pytest.raises(PayloadError):
        inputs.read_items(str(tmp_path / name))


def test_bytes_that_are_not_utf8_are_unreadable(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b'{"name": "gr\xf6\xdfe"}')
    with pytest.raises(PayloadError, match="byte 12"):
        inputs.read_items(str(tmp_path / "latin"))


def test_a_file_that_would_fill_the_memory_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_BYTES", 10)
    with pytest.raises(PayloadError, match="larger"):
        inputs.read_items(write('"123456789"'))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T12:00:00Z", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("2026-11-01T12:00:00+02:00", datetime(2026, 11, 1, 10, tzinfo=UTC)),
    ],
)
def test_times(text: str, expected: datetime) -> None:
    assert inputs.moment(text) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-01T12:00:00", "2026-13-01", "2026-11-01T25:00:00Z"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        inputs.moment(text)


def test_no_time_at_all() -> None:
    assert inputs.moment(None) is None


def test_assignments() -> None:
    assert inputs.assignments(Token, ["decimals=6", "name=a=b"]) == {"decimals": 6, "name": "a=b"}
    assert inputs.assignments(Stock, ["ticker=123"]) == {"ticker": "123"}


@pytest.mark.parametrize(
    "words",
    [
        ["name"],
        ["name="],
        ["=x"],
        ["nope=1"],
        ["record=native"],
        ["name=a", "name=b"],
        ["decimals=x"],
        ["decimals=1.5"],
    ],
)
def test_what_is_no_assignment(words: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        inputs.assignments(Token, words)
