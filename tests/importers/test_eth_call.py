from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.domain import Native, Token
from catalog.errors import PayloadError
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.registry import named
from tests.importers.support import parse, record, reject, stream, tally
from tests.importers.test_mutations import JSON, check

ADDRESS = "0x" + "11" * 20
EIGHTEEN = f"0x{18:064x}"
HEAD = {"blockchain": "eip155:1", "blockNumber": "0x112a880", "blockTimestamp": "0x64ea268f"}


def string(text: str) -> str:
    return "0x" + encode(["string"], [text]).hex()


def word(data: bytes) -> str:
    return "0x" + data.ljust(32, b"\0").hex()


def read(**answers: Any) -> list[Parsed | Reject]:
    row = {"address": ADDRESS, "decimals": EIGHTEEN, "symbol": string("S"), "name": string("N")} | answers
    return parse("eth-call", HEAD | {"tokens": [row]})


def test_a_token_says_what_it_answers() -> None:
    expected = Token(blockchain="eip155:1", address=ADDRESS, decimals=18, symbol="S", name="N")
    assert record(read()) == expected
    assert record(read()).model_fields_set == expected.model_fields_set


def test_the_heading_is_the_blockchain_and_its_block() -> None:
    payload: dict[str, Any] = HEAD | {"tokens": []}
    moment = datetime(2023, 8, 26, 16, 21, 35, tzinfo=UTC)
    assert named("eth-call").heading(stream(payload)) == Heading("eip155:1", moment, is_listing=False)
    times: list[Any] = [None, 5, "0x", "0x0", "0xffffffffffffffff", "soon"]
    for time in times:
        assert named("eth-call").heading(stream(payload | {"blockTimestamp": time})).observed_at is None


@pytest.mark.parametrize("blockchain", [None, 5, "ethereum", "solana:x", "eip155:0"])
def test_a_payload_without_its_blockchain(blockchain: Any) -> None:
    payloads: list[dict[str, Any]] = [HEAD | {"blockchain": blockchain, "tokens": []}, {"tokens": []} | HEAD]
    for payload in payloads:
        with pytest.raises(PayloadError):
            parse("eth-call", payload)


@pytest.mark.parametrize("symbol", [b"MKR", "币".encode(), b"x" * 32])
def test_old_contracts_answer_in_32_bytes(symbol: bytes) -> None:
    assert record(read(symbol=word(symbol))).symbol == symbol.decode()


@pytest.mark.parametrize("answer", [None, "0x", word(b""), string(""), string("  "), string("\0\0")])
def test_no_symbol_is_no_fault(answer: Any) -> None:
    assert record(read(symbol=answer, name=answer)).known() == {
        "record": "token",
        "blockchain": "eip155:1",
        "address": ADDRESS,
        "decimals": 18,
    }


def test_zeros_behind_a_string_are_padding() -> None:
    assert record(read(symbol=string("USDC\0\0"))).symbol == "USDC"
    unpadded = string("USDC")[:-56]
    assert record(read(symbol=unpadded)).symbol == "USDC"


@pytest.mark.parametrize("decimals", [0, 1, 6, 18, 255])
def test_decimals(decimals: int) -> None:
    assert record(read(decimals=f"0x{decimals:064x}")).decimals == decimals


@pytest.mark.parametrize("answer", [None, "0x", ...])
def test_without_decimals_the_token_waits_on(answer: Any) -> None:
    found = reject(read(decimals=None if answer is ... else answer))
    assert (found.code, found.place, found.record) == ("missing_decimals", "/tokens/0", "token")


@pytest.mark.parametrize(
    "answer",
    [
        f"0x{256:064x}",
        "0x" + "ff" * 32,
        "0x12",
        EIGHTEEN + "00",
        EIGHTEEN * 2,
        string("18"),
        {"length": 9000},
        18,
        "x",
        [],
    ],
)
def test_decimals_that_are_none(answer: Any) -> None:
    assert reject(read(decimals=answer)).code == "invalid_decimals"


HUGE = "0x" + f"{32:064x}" + "f" * 64
FAR = "0x" + "f" * 64 + f"{4:064x}" + "00" * 32


@pytest.mark.parametrize(
    "answer",
    [
        word(b"\xff\xfe"),
        "0x" + encode(["bytes"], [b"\xff\xfe"]).hex(),
        string("a\x00b"),
        string("\x1b[2J"),
        word(b"a\x00b"),
        string("x" * 256),
        HUGE,
        FAR,
        "0xab",
        "0x" + "ab" * 33,
        {"length": 100_000},
        {"length": "x"},
        {},
        7,
        "nonsense",
    ],
)
def test_a_symbol_that_is_none_costs_the_token_nothing_else(answer: Any) -> None:
    results = read(symbol=answer)
    assert tally(results) == {"token": 1, "invalid_symbol": 1}
    assert record([r for r in results if isinstance(r, Parsed)]).name == "N"
    assert "symbol" not in record([r for r in results if isinstance(r, Parsed)]).model_fields_set
    assert reject(results).place == "/tokens/0/symbol"


def test_a_name_may_be_longer_than_a_symbol() -> None:
    assert record(read(name=string("n" * 1514))).name == "n" * 1514
    assert tally(read(name=string("a\x00b"))) == {"token": 1, "invalid_name": 1}


def test_the_native_coin_behind_an_address() -> None:
    celo = HEAD | {"blockchain": "eip155:42220"}
    row = {"address": "0x471ece3750da237f93b8e339c536989b8978a438", "decimals": EIGHTEEN, "symbol": string("CELO")}
    assert record(parse("eth-call", celo | {"tokens": [row]})) == Native(
        blockchain="eip155:42220", decimals=18, symbol="CELO"
    )


def test_bad_rows_stop_nothing() -> None:
    good = {"address": ADDRESS, "decimals": EIGHTEEN}
    rows: list[Any] = [good, 5, {"decimals": EIGHTEEN}, good | {"address": "0x12"}, good | {"address": ADDRESS}]
    assert tally(parse("eth-call", HEAD | {"tokens": rows})) == {
        "token": 2,
        "not_an_object": 1,
        "missing_address": 1,
        "invalid_address": 1,
    }


@given(
    key=st.sampled_from(["address", "decimals", "symbol", "name", "x"]),
    value=JSON | st.binary(max_size=200).map(lambda data: "0x" + data.hex()),
)
@settings(max_examples=150, deadline=None)
def test_answers_with_any_value_anywhere(key: str, value: Any) -> None:
    row = {"address": ADDRESS, "decimals": EIGHTEEN, "symbol": string("S")} | {key: value}
    check(named("eth-call"), json.dumps(HEAD | {"tokens": [row]}).encode())
