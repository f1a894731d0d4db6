"""The root: global options, usage errors, exit codes, and what help costs."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from catalog.errors import CatalogError, Conflict, DatabaseUnavailable, InvalidRecord, NotFound, PayloadError
from cli import app, exits
from cli.session import session
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "cli"]
HEAVY = ("sqlalchemy", "pydantic", "rich", "alembic", "psycopg", "blake3")


def spawn(*words: str, **surroundings: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | surroundings
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=60, check=False, env=environment, cwd=ROOT
    )


def all_commands() -> list[list[str]]:
    """Every command and group, as the words that name it."""
    found: list[list[str]] = []

    def visit(command: Any, words: list[str]) -> None:
        found.append(words)
        for name, child in getattr(command, "commands", {}).items():
            visit(child, [*words, name])

    visit(typer.main.get_command(app.app), [])
    return found


def test_help_loads_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "cli", "--help"],
        capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert not loaded.intersection(HEAVY)


def test_help_comes_within_its_budget() -> None:
    def seconds() -> float:
        """Processor time, which a busy machine does not stretch."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        spawn("--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.25


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_every_command_has_help(run: Run, words: list[str]) -> None:
    done = run(*words, "--help")
    assert (done.code, done.err) == (0, "")
    usage, _, rest = done.out.partition("\n\n")
    assert usage.startswith("Usage: catalog")
    assert rest.strip()


def test_there_are_the_commands_of_the_contract() -> None:
    named = {" ".join(words) for words in all_commands()}
    for noun in ("instrument", "security", "venue", "listing", "pair"):
        actions = ("register", "show", "list", "update", "suspend", "retire", "resume", "relist", "history")
        assert {f"{noun} {action}" for action in actions} <= named
    assert {
        "demo", "db upgrade", "db downgrade", "db current", "db check", "import", "imports list", "imports show",
        "imports rejects", "disputes list", "disputes show", "find", "id compute", "id explain", "ids status",
        "collisions list", "snapshot export", "snapshot verify", "snapshot show", "snapshot cat", "changes", "stats", "schema",
        "doctor",
    } <= named  # fmt: skip


def test_version(run: Run) -> None:
    done = run("--version")
    assert done.code == 0
    assert done.out.startswith("instrument-catalog ")


@pytest.mark.parametrize(
    ("words", "front"),
    [
        (["stats", "--json"], ["--json", "stats"]),
        (["find", "X", "--quiet", "--json"], ["--quiet", "--json", "find", "X"]),
        (["stats", "--database-url", "u"], ["--database-url", "u", "stats"]),
        (["stats", "--database-url=u"], ["--database-url=u", "stats"]),
        (["find", "--", "--json"], ["find", "--", "--json"]),
        (["stats", "--database-url"], ["--database-url", "stats"]),
    ],
)
def test_global_options_may_stand_anywhere(words: list[str], front: list[str]) -> None:
    assert app.hoist(words) == front


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["find"],
        ["find", "a", "b"],
        ["changes", "--after", "x"],
        ["changes", "--limit", "0"],
        ["--nonsense"],
    ],
)
def test_a_usage_error_is_one_line_and_a_hint(run: Run, words: list[str]) -> None:
    done = run(*words)
    assert (done.code, done.out) == (2, "")
    assert [line.partition(":")[0] for line in done.lines] == ["error", "hint"]
    assert not done.lines[0].endswith(".")


@pytest.mark.parametrize("words", [[], ["instrument"], ["snapshot"]])
def test_a_group_alone_shows_its_help_and_is_no_success(run: Run, words: list[str]) -> None:
    done = run(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: catalog")


def test_words_that_are_not_utf8_are_refused(run: Run) -> None:
    done = run("find", "a\udcff\x1b[31m")
    assert done.code == 2
    assert done.lines[0] == r"error: `a\udcff\x1b[31m` is not UTF-8"


@pytest.mark.parametrize(
    ("error", "judges", "code"),
    [
        (NotFound("record", "x"), False, 1),
        (Conflict("isin", "x", None), False, 1),
        (InvalidRecord("name", "x", "no"), True, 1),
        (InvalidRecord("limit", "x", "no"), False, 2),
        (PayloadError("broken"), True, 2),
        (DatabaseUnavailable("down"), True, 2),
    ],
)
def test_exit_codes(error: CatalogError, judges: bool, code: int) -> None:
    session.judges = judges
    try:
        assert exits.code_of(error) == code
    finally:
        session.reset()


@pytest.mark.parametrize("traceback", [[], ["--traceback"]])
def test_an_unreachable_database_keeps_its_password(run: Run, traceback: list[str]) -> None:
    url = "postgresql://reader:hunter2@127.0.0.1:1/nowhere?sslpassword=hunter2"
    done = run("stats", "--database-url", url, *traceback)
    assert done.code == 2
    assert "error: the database is not available" in done.err
    assert "hint: " in done.err
    assert "hunter2" not in done.err + done.out
    assert ("Traceback" in done.err) == bool(traceback)


def test_a_defect_is_one_line_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: list[str]) -> int:
        raise RuntimeError("boom\npostgresql://u:hunter2@h/d \x1b[2J")

    monkeypatch.setattr(app, "_run", fail)
    done = run("stats")
    assert done.code == 2
    assert done.lines[0] == r"error: RuntimeError: boom postgresql://u:***@h/d \x1b[2J"
    assert "--traceback" in done.lines[1]
    assert len(done.lines) == 2


def test_an_interruption_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "_run", interrupt)
    done = run("stats")
    assert done.code == 2
    assert done.lines[0] == "error: interrupted"


def test_a_reader_that_has_enough_is_no_error() -> None:
    with subprocess.Popen(
        [*COMMAND, "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_shell_completion_names_commands_and_sources() -> None:
    done = spawn(_CATALOG_COMPLETE="complete_bash", COMP_WORDS="catalog import tok", COMP_CWORD="2")
    assert (done.stdout.split(), done.stderr) == (["token-list"], "")
    done = spawn(_CATALOG_COMPLETE="complete_bash", COMP_WORDS="catalog sn", COMP_CWORD="1")
    assert done.stdout.split() == ["snapshot"]


def test_following_the_changes_ends_quietly(database_url: str) -> None:
    with subprocess.Popen(
        [*COMMAND, "changes", "--follow", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "CATALOG_DATABASE_URL": database_url},
    ) as process:  # fmt: skip
        done = spawn("venue", "register", str(ROOT / "tests" / "cli" / "venue.json"), CATALOG_DATABASE_URL=database_url)
        assert done.returncode == 0, done.stderr
        assert process.stdout is not None
        assert '"action": "register"' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
