"""docs/adding-a-source.md, step by step, in a copy of the project: its files are written, its commands run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from catalog import Catalog

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/adding-a-source.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([^`\n]+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
LINES = re.findall(r"`([^`\n]+)`[^`\n]*:\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
[COMMANDS] = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
_CATALOG = "import sys; from cli.app import main; sys.exit(main())"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with everything that the page says."""
    for name in ("catalog", "cli", "migrations", "tests", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("alembic.ini", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for name, text in FILES.items():
        assert not (tmp_path / name).exists()
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name, line in LINES:
        with (tmp_path / name).open("a", encoding="utf-8") as file:
            file.write(line)
    return tmp_path


def run(project: Path, arguments: list[str], database_url: str) -> str:
    """What a command prints, which has to succeed."""
    environment = os.environ | {"PYTHONPATH": str(project), "CATALOG_DATABASE_URL": database_url, "NO_COLOR": "1"}
    environment.pop("CATALOG_REAL_DATA", None)
    done = subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_has_every_file_of_a_source() -> None:
    assert set(FILES) == {
        "catalog/importers/example_exchange.py",
        "tests/importers/payloads/example-exchange.json",
        "tests/importers/payloads/example-exchange.expected.jsonl",
        "docs/sources/example-exchange.md",
        "tests/importers/test_example_exchange.py",
    }
    assert [name for name, _ in LINES] == ["tests/importers/payloads/README.md", "docs/importing.md"]


def test_the_commands_of_the_page(project: Path, database_url: str) -> None:
    commands = [line.removeprefix("$ ") for line in COMMANDS.splitlines()]
    printed = []
    for command in commands:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)]
        arguments = words[1:] if words[0] == "python" else ["-c", _CATALOG, *words[1:]]
        printed.append(run(project, arguments, database_url))
    tested, fuzzed, _, found = printed
    count = re.search(r"(\d+) passed", tested)
    assert count is not None
    assert int(count[1]) > 15
    assert "example-exchange: 500 cases, 0 findings" in fuzzed
    assert "ABC-USD" in found


def test_the_payload_of_the_page_is_in_the_catalog(project: Path, database_url: str) -> None:
    payload = str(project / "tests/importers/payloads/example-exchange.json")
    report = json.loads(run(project, ["-c", _CATALOG, "--json", "import", "auto", payload], database_url))
    assert (report["source"], report["seen"], report["registered"]) == ("example-exchange", 6, 6)
    again = json.loads(run(project, ["-c", _CATALOG, "--json", "import", "auto", payload], database_url))
    assert (again["seen"], again["unchanged"]) == (6, 6)
    lines = FILES["tests/importers/payloads/example-exchange.expected.jsonl"].splitlines()
    wanted = {line for line in lines if '"record":"pair"' in line}
    with Catalog.open(database_url) as catalog:
        held = {pair.canonical_json() for pair in catalog.pairs.list(limit=10)}
    assert held == wanted


def test_the_code_of_the_page_is_checked(project: Path) -> None:
    """The strict checks of this project, over the module and its test."""
    files = ["catalog/importers/example_exchange.py", "tests/importers/test_example_exchange.py"]
    for tool in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]):
        done = subprocess.run(
            [sys.executable, "-m", *tool, *files], cwd=project, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
