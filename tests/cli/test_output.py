"""Printing: foreign text, JSON, tables, and who sees progress."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from catalog.errors import is_hidden
from cli import output
from cli.session import session

HOSTILE = "a\x1b[31m\u202eb\x9b2J\x7f\u2028c\ud800\u3164\u2800 \u0301x\ufe0f"


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    session.reset()
    yield
    session.reset()


def printable(text: str) -> bool:
    return not any(is_hidden(line, n) for line in text.split("\n") for n in range(len(line)))


@pytest.mark.parametrize("data", [HOSTILE, {"name": HOSTILE}, [HOSTILE, "größe", "币安人生"]])
def test_json_is_safe_and_means_the_same(capsys: pytest.CaptureFixture[str], data: object) -> None:
    output.value(data)
    said = capsys.readouterr().out
    assert printable(said)
    assert json.loads(said) == data
    assert ("币" in said) == ("币" in str(data))


def test_tables_fields_and_lines_escape_foreign_text(capsys: pytest.CaptureFixture[str]) -> None:
    output.rows([{"name": HOSTILE, "more": {"x": HOSTILE}, "n": None, "yes": True}])
    output.fields({"name": HOSTILE})
    output.text(HOSTILE)
    output.note(HOSTILE)
    output.error(f"{HOSTILE}\nsecond line.", HOSTILE)
    said = capsys.readouterr()
    assert printable(said.out)
    assert printable(said.err)
    assert said.err.count("\n") == 3


def test_a_terminal_gets_a_table_without_markup(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    output.rows([{"[bold]x[/bold]": "[link=http://evil]click[/link]", "name": HOSTILE}])
    said = capsys.readouterr().out
    assert "[link=http://evil]click[/link]" in said.replace("\n", "")
    assert "\x1b[3" not in said
    assert "\u202e" not in said


def test_columns_stand_under_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    output.rows([{"a": "longer than its name", "b": 1}, {"a": "x", "b": 22}], ("a", "b"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.index(word) for line, word in zip(lines, ("b", "1", "22"), strict=True)] == [22, 22, 22]


def test_nobody_watches_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    with output.progress("file") as progress:
        assert progress is None
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    session.quiet = True
    with output.progress("file") as progress:
        assert progress is None


def test_progress_is_for_terminals(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    with output.progress("[red]file\x1b[2J") as progress:
        assert progress is not None
        progress("reading", 12_000)
    said = capsys.readouterr()
    assert said.out == ""
    assert "\x1b[2J" not in said.err


def test_quiet_hides_remarks_and_not_errors(capsys: pytest.CaptureFixture[str]) -> None:
    session.quiet = True
    output.note("a remark")
    output.error("it failed")
    assert capsys.readouterr().err == "error: it failed\n"
