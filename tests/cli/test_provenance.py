"""`catalog why` and `catalog precedence`."""

from __future__ import annotations

from tests.cli.conftest import USDC, Run


def test_why(sample: Run) -> None:
    done = sample("why", USDC)
    assert done.code == 0
    assert "decimals" in done.out
    assert "jsonl:jsonl" in done.out
    told = sample("why", USDC, "decimals", "--json").json
    assert list(told["fields"]) == ["decimals"]
    assert (told["fields"]["decimals"]["value"], told["fields"]["decimals"]["rule"]) == (6, "only")


def test_why_says_what_is_wrong(sample: Run) -> None:
    assert sample("why", "0" * 32).code == 1
    done = sample("why", USDC, "isin")
    assert done.code == 2
    assert "a token has none of that name" in done.err


def test_precedence(sample: Run) -> None:
    table = sample("precedence", "list", "--json").json
    assert {"precedence": 40, "authority": "curated", "source": "jsonl"} in table
    assert sample("precedence", "set", "jsonl", "45", "--json").json == {"changed": 0}
    assert sample("precedence", "set", "jsonl", "44", "--record", "token", "--field", "name").code == 0
    assert sample("precedence", "clear", "jsonl", "--record", "token", "--field", "name").code == 0
    assert sample("precedence", "clear", "jsonl").code == 0
    assert sample("precedence", "list", "--json").json == table
    done = sample("precedence", "set", "jsonl", "10")
    assert (done.code, "the operator's own" in done.err) == (2, True)
