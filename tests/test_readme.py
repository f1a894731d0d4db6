"""The README tells the truth: its commands run in order on a fresh catalog, its Python blocks pass, its links exist."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from cli.app import app, hoist

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/glossary.md", "docs/decisions.md", "docs/ids.md", "docs/importing.md", "docs/ingesting.md", "docs/calendars.md", "docs/lifecycle.md", "docs/lookalikes.md", "docs/reporting.md", "docs/source-map.md", "docs/protocol.md", "docs/publishing.md", "docs/columns.md", "docs/benchmarks.md", "docs/doctor.md",
)  # fmt: skip
#: Pages whose blocks run from the first to the last, and what has been done before.
TOLD = {
    "README.md": (),
    "docs/publishing.md": ("catalog import jsonl catalog/sample.jsonl",),
}
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


def blocks(document: str) -> list[tuple[str, str]]:
    """The fenced blocks of a page that name their language, with it."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", TOLD)
def test_what_a_page_shows_works(database_url: str, tmp_path: Path, document: str) -> None:
    (tmp_path / "catalog").mkdir()  # a folder without __init__: the package itself comes from PYTHONPATH
    shutil.copy(ROOT / "catalog" / "sample.jsonl", tmp_path / "catalog")
    ran = 0
    for language, text in [("console", "\n".join(TOLD[document])), *blocks(document)]:
        if language == "python":
            done = run(["-c", text], tmp_path, database_url)
            assert done.returncode == 0, f"{text}\n{done.stderr}"
            ran += 1
            continue
        for command in commands(text):
            if command.startswith(("echo ", "openssl ")):
                subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True)
                continue
            if not command.startswith("catalog "):
                continue
            expected = int(found[1]) if (found := EXIT.search(command)) else 0
            done = run(["-c", COMMAND_LINE, *shlex.split(EXIT.sub("", command))[1:]], tmp_path, database_url)
            assert done.returncode == expected, f"{command}\n{done.stdout}\n{done.stderr}"
            ran += 1
    assert ran > 12


def test_make_commands_are_targets() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = [
        line.split()[1]
        for document in DOCUMENTS
        for _, text in blocks(document)
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


def test_the_unit_and_the_cron_line_run_a_command_that_there_is() -> None:
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment]
    unit.read(ROOT / "docs" / "systemd" / "catalog-snapshot.service")
    cron = next(t for t in (ROOT / "docs" / "publishing.md").read_text().splitlines() if t.startswith("10 2 * * *"))
    for line in (unit["Service"]["ExecStart"], cron.partition("CATALOG_DATABASE_URL=")[2].partition(" ")[2]):
        program, *words = shlex.split(line.removesuffix(" >/dev/null"))
        assert Path(program).name == "catalog"
        command = typer.main.get_command(app)
        with command.make_context("catalog", hoist(words)) as context:
            name, group, rest = command.resolve_command(context, words[words.index("snapshot") :])  # type: ignore[attr-defined]
            _, nightly, left = group.resolve_command(context, rest)
            assert (name, nightly.make_context("nightly", left).params["keep"]) == ("snapshot", 14)
    timer = configparser.ConfigParser()
    timer.read(ROOT / "docs" / "systemd" / "catalog-snapshot.timer")
    assert timer["Timer"]["OnCalendar"].endswith("UTC")
