"""`catalog ingest run`: exit codes, and a line for each event."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.services.ingest.conftest import http, token, tokens
from tests.services.ingest.servers import Answer, Server, send, status


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (send(tokens(1)), 0),
        (send({**tokens(1), "tokens": [token(1), {"chainId": 1}]}), 1),
        (send(json.dumps(tokens(1, 2))[:-10]), 2),
        (status(404), 2),
    ],
)
def test_exit_codes(catalog: Run, tmp_path: Path, answer: Answer, code: int) -> None:
    file = tmp_path / "ingest.toml"
    with Server(answer) as server:
        file.write_text(http(server.url))
        done = catalog("ingest", "run", str(file), "--once", "--json")
    assert done.code == code
    assert done.err == ""
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert all(line["name"] == "list" and line["time"].endswith("Z") for line in lines)
    assert lines[0] | {"time": ""} == {
        "time": "", "name": "list", "event": "following", "at": "http://127.0.0.1", "every": 900.0,
    }  # fmt: skip
    assert lines[-1]["event"] == ("imported" if code < 2 else "failed")


def test_lines_for_people(catalog: Run, tmp_path: Path) -> None:
    file = tmp_path / "ingest.toml"
    with Server(send(tokens(1))) as server:
        file.write_text(http(server.url))
        [_, line] = catalog("ingest", "run", str(file), "--once").out.splitlines()
    assert "  list  imported  run_id=1  source=token-list  " in line
    assert "  registered=1  " in line


def test_a_bad_configuration_is_one_line_and_a_hint(catalog: Run, tmp_path: Path) -> None:
    file = tmp_path / "ingest.toml"
    file.write_text("[ingest]\nregistrations_per_second = 20000\n" + http("http://127.0.0.1/"))
    done = catalog("ingest", "run", str(file))
    assert (done.code, done.out) == (2, "")
    assert done.lines[0].endswith("`ingest.registrations_per_second` is too large: at most 10000 is allowed")
    assert done.lines[1].startswith("hint: ")
