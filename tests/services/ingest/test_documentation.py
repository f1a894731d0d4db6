"""docs/ingesting.md says what the code does: the example loads, the tables are whole, the unit runs a command."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from pathlib import Path

import pytest
import typer

import catalog as package
from catalog.services.ingest.configuration import (
    HostLimits,
    HttpSource,
    Limits,
    LogSource,
    Pages,
    Section,
    _duration,
    load,
)
from cli.app import app, hoist

ROOT = Path(package.__file__).parents[1]
PAGE = (ROOT / "docs" / "ingesting.md").read_text("utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """The further cells of each row of the table behind this text, by its first cell."""
    found = re.search(r"^\|[- |]+\|\n((?:\|.*\n)+)", PAGE.partition(heading)[2], re.MULTILINE)
    assert found is not None
    lines = [[cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in found[1].splitlines()]
    return {cells[0].strip("`"): cells[1:] for cells in lines}


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    [example] = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "ingest.toml"
    file.write_text(example)
    environ = {"LIST_URL": "https://a.example/", "LIST_KEY": "key", "ETHEREUM_RPC": "https://b.example/"}
    names = [source.name for source in load(file, environ).source]
    assert names == ["binance spot", "a list of ours", "uniswap v3 pools"]


@pytest.mark.parametrize(
    ("heading", "section"),
    [("`[ingest]`, all", Limits), ("`[[source]]` with `url`", HttpSource), ("`[[source]]` with `rpc`", LogSource)],
)
def test_every_key_is_listed_with_its_default(heading: str, section: type[Section]) -> None:
    listed = rows(heading)
    assert listed.keys() == section.model_fields.keys()
    for name, (default, _) in listed.items():
        field = section.model_fields[name]
        if default == "required":
            assert field.is_required(), name
        elif default == "none":
            assert not field.default, name
            assert not field.is_required(), name
        else:
            assert (
                json.loads(default) == field.default
                if default in ("true", "false")
                else field.default == (int(default) if default.isdigit() else _duration(default))
            ), name


def test_hosts_and_pages_are_told() -> None:
    for section in (HostLimits, Pages):
        for name, field in section.model_fields.items():
            assert f"`{field.alias or name}`" in PAGE


def test_every_event_is_listed() -> None:
    code = "".join(file.read_text("utf-8") for file in (ROOT / "catalog/services/ingest").glob("*.py"))
    told = set(re.findall(r"\btell\([^\"()]*\"(\w+)\"", code)) | set(
        re.findall(r"\b_tell\((?:[\w.]+, )?\"(\w+)\"", code)
    )
    assert told == rows("## What it prints").keys()
    assert len(told) == 11


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


def test_the_unit_runs_a_command_that_there_is() -> None:
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment]
    unit.read(ROOT / "docs" / "systemd" / "catalog-ingest.service")
    program, *words = shlex.split(unit["Service"]["ExecStart"])
    assert Path(program).name == "catalog"
    with typer.main.get_command(app).make_context("catalog", hoist(words)) as context:
        group_name, group, rest = context.command.resolve_command(context, words[words.index("ingest") :])  # type: ignore[attr-defined]
        name, run, left = group.resolve_command(context, rest)
        assert (group_name, name, run.make_context("run", left).params["config"]) == (
            "ingest", "run", Path("/etc/catalog/ingest.toml"),
        )  # fmt: skip
