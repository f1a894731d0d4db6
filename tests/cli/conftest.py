"""Runs commands inside this process, which is quick, and keeps what they said."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from cli.app import main
from cli.session import session

SAMPLE = Path(__file__).parents[2] / "catalog" / "sample.jsonl"
APPLE = "bab9c8dc24815bbdcc4a47f18643879f"
USDC = "de16575aee83f5b239f1490846f29f2a"


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


class Run(Protocol):
    def __call__(self, *words: str, stdin: str | bytes | None = None) -> Done: ...


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run one command."""

    def call(*words: str, stdin: str | bytes | None = None) -> Done:
        data = stdin.encode() if isinstance(stdin, str) else stdin or b""
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        capsys.readouterr()
        code = main(list(words))
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    yield call
    session.reset()


@pytest.fixture
def catalog(run: Run, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run one command on an empty, migrated catalog of this test alone."""
    monkeypatch.setenv("CATALOG_DATABASE_URL", database_url)
    return run


@pytest.fixture
def sample(catalog: Run) -> Run:
    """Run one command on a catalog that holds the bundled sample."""
    assert catalog("import", "jsonl", str(SAMPLE), "--observed-at", "2026-11-01").code == 0
    return catalog


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], str]:
    """A file with this text."""

    def make(text: str) -> str:
        path = tmp_path / "input.json"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return make
