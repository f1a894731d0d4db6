"""The configuration: what it takes, and errors that name the key and show no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.errors import InvalidConfiguration
from catalog.services.ingest.configuration import HttpSource, LogSource, load
from tests.services.ingest.conftest import address

WHOLE = """
[ingest]
registrations_per_second = 10000
[host."api.example.org"]
requests_per_second = 10
[[source]]
name = "one"
source = "binance"
url = "https://api.example.org/list"
every = "15m"
headers = {X-Key = {env = "KEY"}, Accept = "application/json"}
pages = {parameter = "cursor", from = "/result/next"}
[[source]]
name = "two"
source = "evm-logs"
rpc = {env = "RPC"}
blockchain = "eip155:1"
every = "12s"
from_block = 5
addresses = ["ADDRESS"]
topics = [["TOPIC"], []]
""".replace("ADDRESS", address(7)).replace("TOPIC", f"0x{'a' * 64}")
ENVIRON = {"KEY": "do-not-tell", "RPC": "https://node.example/v2/do-not-tell"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ingest.toml"


def test_a_whole_file(file: Path) -> None:
    file.write_text(WHOLE)
    found = load(file, ENVIRON)
    one, two = found.source
    assert isinstance(one, HttpSource)
    assert isinstance(two, LogSource)
    assert (one.every, two.every, two.rpc.get_secret_value()) == (900, 12, ENVIRON["RPC"])
    assert (two.max_range, two.confirmations, two.reorg_depth) == (2000, 12, 64)
    assert one.headers["X-Key"].get_secret_value() == "do-not-tell"
    assert "do-not-tell" not in f"{found!r} {found}"


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        ("10000", "10001", "`ingest.registrations_per_second` is too large: at most 10000 is allowed"),
        ("10000", "0", "`ingest.registrations_per_second` is too small: at least 1 is expected"),
        ("10000", '"5"', "`ingest.registrations_per_second` is wrong"),
        ("[ingest]", "[ingst]", "`ingst` is not a key"),
        ("requests_per_second = 10", "requests = 10", "`host.api.example.org.requests` is not a key"),
        ("every", "evry", "`source[0].every` is missing"),
        ("from_block", "form_block", "`source[1].from_block` is missing"),
        ("15m", "0m", "`source[0].every` is not a duration"),
        ('"15m"', "15", "`source[0].every` is not a duration"),
        ("binance", "bnance", "`source[0].source` cannot be `bnance`: no importer is called `bnance`"),
        ("https://api", "ftp://api", "`source[0].url` is no URL"),
        ("https://api.example.org", "https:", "`source[0].url` is no URL"),
        ("org/list", "org:x/list", "`source[0].url` is no URL"),
        ('"KEY"', '"NO_KEY"', "`source[0].headers.X-Key` names the environment variable `NO_KEY`, which is not set"),
        ('{env = "KEY"}', '{emv = "KEY"}', '`source[0].headers.X-Key` is neither text nor {env = "NAME"}'),
        ("X-Key", '"X Key"', "`source[0].headers.X Key"),
        ('"application/json"', '"a\\nb"', "`source[0].headers.Accept` is no value of a header"),
        ("from = ", "form = ", "`source[0].pages.from` is missing"),
        ("every = ", "suspend_missing = true\nevery = ", "`source[0]` has `pages` and `suspend_missing`"),
        ("/result/next", "result.next", "`source[0].pages.from` is wrong"),
        ("eip155:1", "eip155:0", "`source[1].blockchain` is `eip155:0`, which is no EVM chain of the catalog"),
        (address(7), "0x7", "`source[1].addresses[0]` is `0x7`, which is not an address"),
        ("a" * 64, "a" * 63, "`source[1].topics[0][0]` is"),
        ('"two"', '"one"', "`source[1].name` is `one`, as another one's is"),
        ('"two"', '""', "`source[1].name`"),
        ("evm-logs", "binance", "`source[1].source` is wrong"),
        ("from_block = 5", "from_block = -5", "`source[1].from_block` is too small"),
        ("[ingest]", "[ingest", "is not TOML: expected"),
    ],
)
def test_errors_name_the_key(file: Path, before: str, after: str, error: str) -> None:
    assert before in WHOLE
    file.write_text(WHOLE.replace(before, after, 1))
    with pytest.raises(InvalidConfiguration) as caught:
        load(file, ENVIRON)
    assert error in str(caught.value)
    assert "do-not-tell" not in str(caught.value)


def test_a_secret_that_is_wrong_is_not_shown(file: Path) -> None:
    file.write_text(WHOLE)
    for environ in (
        ENVIRON | {"RPC": "do-not-tell"},
        ENVIRON | {"KEY": "do-not-tell\n"},
        {"KEY": "do-not-tell", "RPC": ""},
    ):
        with pytest.raises(InvalidConfiguration) as caught:
            load(file, environ)
        assert "do-not-tell" not in str(caught.value)


def test_no_file_no_text_no_source(file: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="cannot be read: No such file"):
        load(file)
    file.write_bytes(b"# \xff")
    with pytest.raises(InvalidConfiguration, match="not UTF-8 at byte 2"):
        load(file)
    file.write_text("")
    with pytest.raises(InvalidConfiguration, match="`source` is missing"):
        load(file)
