"""The README tells the truth: its commands run in order on a fresh catalog, its Python blocks pass, its links exist."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/glossary.md", "docs/decisions.md", "docs/ids.md", "docs/lifecycle.md", "docs/reporting.md", "docs/source-map.md",
)  # fmt: skip
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
COMMAND_LINE = "import sys; from cli.app import main; sys.exit(main())"
EXIT = re.compile(r"\s+# exit (\d)$")


def commands(text: str) -> list[str]:
    """The lines of a console or bash block that a reader types."""
    return [line.removeprefix("$ ") for line in text.splitlines() if line and not line.startswith("#")]


def run(arguments: list[str], folder: Path, database_url: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"CATALOG_DATABASE_URL": database_url, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_what_the_readme_shows_works(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()  # a folder without __init__: the package itself comes from PYTHONPATH
    shutil.copy(ROOT / "catalog" / "sample.jsonl", tmp_path / "catalog")
    ran = 0
    for language, text in BLOCKS:
        if language == "python":
            done = run(["-c", text], tmp_path, database_url)
            assert done.returncode == 0, f"{text}\n{done.stderr}"
            ran += 1
            continue
        for command in commands(text):
            if command.startswith("echo "):
                subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
                continue
            if not command.startswith("catalog "):
                continue
            expected = int(found[1]) if (found := EXIT.search(command)) else 0
            done = run(["-c", COMMAND_LINE, *shlex.split(EXIT.sub("", command))[1:]], tmp_path, database_url)
            assert done.returncode == expected, f"{command}\n{done.stdout}\n{done.stderr}"
            ran += 1
    assert ran > 20


def test_make_commands_are_targets() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = [
        line.split()[1]
        for document in DOCUMENTS
        for _, text in re.findall(
            r"^```(\w+)\n(.*?)^```", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
        for line in commands(text)
        if line.startswith("make ")
    ]
    assert {"demo", "test"} <= set(named) <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    file = ROOT / document
    for target in re.findall(r"\]\(([^)#:]+)\)", file.read_text(encoding="utf-8")):
        assert (file.parent / target).exists(), target


def test_the_ids_of_the_glossary_are_those_of_the_sample() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    sources = (ROOT / "catalog" / "sample-sources.md").read_text(encoding="utf-8")
    ids = re.findall(r"`([0-9a-f]{32})`", glossary)
    alias = "efc3d26fdf1e1d2f07d7e6cd32040c34"
    assert len(ids) == 9
    assert [id for id in ids if f"| `{id}` |" not in sources] == [alias]
