"""`catalog lookalikes`, and what `find` says of who is verified and who only looks like it."""

from __future__ import annotations

import json

import pytest

from catalog import Catalog
from catalog.domain import Token
from tests.cli.conftest import APPLE, USDC, Run

FAKE = Token(blockchain="eip155:1", address="0x" + "f" * 40, symbol="USD\u0421", name="USD Coin", decimals=6)
NAMESAKE = Token(blockchain="eip155:1", address="0x" + "1" * 40, symbol="USDC", name="Mine", decimals=6)


@pytest.fixture
def fakes(sample: Run, database_url: str) -> Run:
    """The sample, with a look-alike and a namesake of its USDC that nobody verified."""
    with Catalog.open(database_url, actor="tester") as catalog:
        for record in (NAMESAKE, FAKE):
            catalog.register(record)
            catalog.instruments.unverify(record.id)
    return sample


def test_find_gives_verified_ones_first_and_says_so(fakes: Run) -> None:
    found = fakes("find", "USDC", "--by", "symbol", "--json").json
    instruments = [r for r in found if "verified" in r]
    assert [r["verified"] for r in instruments] == [True] * (len(instruments) - 1) + [False]
    assert found[-1]["id"] == NAMESAKE.id
    assert list(found[-1])[:4] == ["record", "id", "id64", "verified"]
    lines = fakes("find", "USDC", "--by", "symbol").out.splitlines()
    assert lines[0].split()[-1] == "verified"
    assert [line.split()[-1] for line in lines[1:]] == ["yes"] * (len(lines) - 2) + ["no"]


def test_find_names_look_alikes(fakes: Run) -> None:
    done = fakes("find", "USDC")
    assert FAKE.id not in done.out
    assert done.err == (
        "1 more looks like `USDC`, spelt otherwise: `USD\\u0421` (U+0421 CYRILLIC CAPITAL LETTER ES); "
        "--look-alikes shows them\n"
    )
    assert fakes("find", "USDC", "--quiet").err == ""
    assert fakes("find", "USDC", "--by", "address").err.count("look") == 0
    shown = fakes("find", "USDC", "--look-alikes")
    assert shown.err == ""
    last = shown.out.splitlines()[-1]
    assert last.split() == ["token", FAKE.id, r"USD\u0421", "eip155:1", "USD", "Coin", "active", "no"]
    assert fakes("find", "USDC", "--look-alikes", "--json").json[-1]["symbol"] == FAKE.symbol
    assert fakes("find", "USDC", "--look-alikes", "--source", "eip155:137", "--json").json[-1]["symbol"] == "USDC"


def test_find_names_whom_an_unknown_symbol_looks_like(fakes: Run) -> None:
    key = "\u0405\u041eL"
    done = fakes("find", key)
    assert done.code == 1
    assert (
        "like `\\u0405\\u041eL` (U+0405 CYRILLIC CAPITAL LETTER DZE, U+041E CYRILLIC CAPITAL LETTER O)" in done.lines[0]
    )
    assert done.lines[0].endswith("spelt otherwise: `SOL`; --look-alikes shows them")
    done = fakes("find", key, "--look-alikes", "--json")
    assert done.code == 0
    assert {r["symbol"] for r in done.json} == {"SOL"}


def test_what_find_prints_can_be_fed_back(fakes: Run) -> None:
    found = [r for r in fakes("find", "USDC", "--json").json if "verified" in r]
    for record in found:
        again = fakes("instrument", "register", "-", "--json", stdin=json.dumps(record))
        assert (again.code, again.json["id"]) == (0, record["id"])
        assert fakes("id", "compute", "-", "--json", stdin=json.dumps(record)).json["id"] == record["id"]
        assert "verified" in fakes("schema", record["record"]).json["properties"]
    lines = "".join(f"{json.dumps(record)}\n" for record in found)
    assert fakes("import", "jsonl", "-", "--json", stdin=lines).json["rejected"] == 0


def test_look_alikes_are_listed(fakes: Run) -> None:
    assert [(r["id"], r["spelling"], r["resembles"]) for r in fakes("lookalikes", "list", "--json").json] == [
        (FAKE.id, FAKE.symbol, "USDC")
    ]
    done = fakes("lookalikes", "list")
    assert done.out.splitlines()[1].split()[:6] == [FAKE.id, "token", "eip155:1", "symbol", r"USD\u0421", "USDC"]
    assert "--limit 10 shows them" in fakes("lookalikes", "list", "--limit", "1").err
    assert fakes("lookalikes", "list", "--limit", "0").code == 2


def test_an_operator_verifies(fakes: Run) -> None:
    done = fakes("instrument", "verify", FAKE.id, "--reason", "asked the issuer", "--json")
    assert done.code == 0
    assert (done.json["instrument_id"], done.json["is_verified"]) == (FAKE.id, True)
    assert done.json["reason"] == "asked the issuer"
    assert fakes("lookalikes", "list", "--json").json == []
    assert fakes("instrument", "unverify", USDC).code == 0
    assert fakes("find", USDC, "--json").json[0]["verified"] is False
    assert fakes("instrument", "verify", "0" * 32).code == 1
    assert fakes("security", "verify", APPLE).code == 2  # there is no such command


def test_skeletons_are_refreshed(fakes: Run) -> None:
    done = fakes("lookalikes", "refresh", "--json")
    assert done.json["changed"] == 0
    assert done.json["unicode"]
