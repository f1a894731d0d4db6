from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import Native, Token
from catalog.domain.vocabulary import SOLANA
from catalog.errors import PayloadError
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.token_list import TokenListImporter
from tests.importers.support import parse, read, record, records, reject, stream, tally

ADDRESS = "0x" + "ab" * 20
MINT = "So11111111111111111111111111111111111111112"
LIST = {"name": "Ours", "timestamp": "2025-01-02T03:04:05+01:00", "version": {"major": 1}}


def row(**changes: Any) -> dict[str, Any]:
    token = {"chainId": 1, "address": ADDRESS, "symbol": "T", "name": "Token", "decimals": 18} | changes
    return {k: v for k, v in token.items() if v is not ...}


def one(**changes: Any) -> Any:
    return record(parse("token-list", [row(**changes)]))


def refused(**changes: Any) -> str:
    return reject(parse("token-list", [row(**changes)])).code


def test_both_shapes_give_the_same_tokens() -> None:
    tokens = [row(), row(chainId=137)]
    as_list, bare = parse("token-list", LIST | {"tokens": tokens}), parse("token-list", tokens)
    assert records(as_list) == records(bare)
    assert [r.place for r in as_list] == ["/tokens/0", "/tokens/1"]
    assert [r.place for r in bare] == ["/0", "/1"]


def test_a_token_states_what_the_row_states() -> None:
    assert one() == Token(blockchain="eip155:1", address=ADDRESS, symbol="T", name="Token", decimals=18)
    assert one().model_fields_set == {"blockchain", "address", "symbol", "name", "decimals"}


def test_the_heading_is_the_list_s_own() -> None:
    importer = TokenListImporter()
    expected = Heading("Ours", datetime(2025, 1, 2, 2, 4, 5, tzinfo=UTC))
    assert importer.heading(stream(LIST | {"tokens": [row()]})) == expected
    assert importer.heading(stream({"tokens": [row()]} | LIST)) == expected
    assert importer.heading(stream([row()])) == Heading("")


@pytest.mark.parametrize(
    "time", [None, 5, "", "yesterday", "2025-01-02", "2025-01-02T03:04:05", "0001-01-01T00:00:00+02:00"]
)
def test_a_time_that_is_none_is_not_known(time: Any) -> None:
    assert TokenListImporter().heading(stream(LIST | {"timestamp": time})).observed_at is None


@pytest.mark.parametrize("name", [None, 7, "", "  ", "a\x00b", "\ud800", "x" * 256])
def test_a_name_that_is_none_is_left_to_the_file(name: Any) -> None:
    assert TokenListImporter().heading(stream(LIST | {"name": name})).feed == ""


def test_a_broken_list_still_has_the_heading_that_came_before() -> None:
    payload = '{"name": "Ours", "tokens": [{"a": 1}, oops'
    assert TokenListImporter().heading(stream(payload)) == Heading("Ours")
    with pytest.raises(PayloadError):
        TokenListImporter().heading(stream('{"name": "Ours", oops'))


@pytest.mark.parametrize("chain_id", [101, -1, 501000101, 1151111081099710, "101"])
def test_solana_has_many_numbers(chain_id: Any) -> None:
    token = one(chainId=chain_id, address=MINT)
    assert (token.record, token.blockchain, token.address) == ("token", SOLANA, MINT)


@pytest.mark.parametrize(
    ("chain_id", "address"),
    [
        (1, "0x" + "0" * 40),
        (43114, "0x" + "0" * 40),
        (999_999, "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"),
        (137, "0x0000000000000000000000000000000000001010"),
        (42220, "0x471EcE3750Da237f93B8E339c536989b8978a438"),
        (1151111081099710, "1" * 32),
    ],
)
def test_native_aliases_are_the_native_coin(chain_id: int, address: str) -> None:
    coin = one(chainId=chain_id, address=address, symbol="C", name=...)
    assert isinstance(coin, Native)
    assert coin.known() == {"record": "native", "blockchain": coin.blockchain, "symbol": "C", "decimals": 18}


def test_an_alias_of_one_chain_is_a_token_on_another() -> None:
    assert isinstance(one(chainId=1, address="0x0000000000000000000000000000000000001010"), Token)


@pytest.mark.parametrize("decimals", [18, "18", "018"])
def test_decimals_in_all_their_spellings(decimals: Any) -> None:
    assert one(decimals=decimals).decimals == 18


@pytest.mark.parametrize("decimals", ["18.0", "1.8e1", "180E-1"])
def test_a_number_with_a_point_is_whole_or_refused(decimals: str) -> None:
    payload = json.dumps([row(decimals="#")]).replace('"#"', decimals)
    assert record(parse("token-list", payload)).decimals == 18
    assert reject(parse("token-list", payload.replace(decimals, "18.5"))).code == "invalid_decimals"


@pytest.mark.parametrize("decimals", [-1, 256, 10**30, True, "x", "18.0", " 18", "-1", "１８", [], {}])
def test_decimals_that_are_none(decimals: Any) -> None:
    assert refused(decimals=decimals) == "invalid_decimals"


@pytest.mark.parametrize("decimals", [..., None, ""])
def test_decimals_are_required(decimals: Any) -> None:
    assert refused(decimals=decimals) == "missing_decimals"


@pytest.mark.parametrize("number", ["1e400", "1e-400", "1e25"])
def test_numbers_out_of_this_world(number: str) -> None:
    for key, code in (("decimals", "invalid_decimals"), ("chainId", "invalid_chain_id")):
        payload = json.dumps([row(**{key: "#"})]).replace('"#"', number)
        assert reject(parse("token-list", payload)).code == code


@pytest.mark.parametrize("chain_id", [0, -2, 1.5, "one", "", "-1", True, [], 2**64, 10**300])
def test_a_chain_id_is_a_number_above_zero(chain_id: Any) -> None:
    assert refused(chainId=chain_id) == "invalid_chain_id"


def test_what_is_required_and_absent() -> None:
    assert refused(chainId=...) == refused(chainId=None) == "missing_chain_id"
    assert refused(address=...) == refused(address=None) == refused(address=" ") == "missing_address"


@pytest.mark.parametrize("value", ["", " \n", None, ...])
def test_an_empty_symbol_or_name_is_unknown(value: Any) -> None:
    token = one(symbol=value, name=value)
    assert token.known() == {"record": "token", "blockchain": "eip155:1", "address": ADDRESS, "decimals": 18}


def test_blanks_around_symbol_and_name_go() -> None:
    token = one(symbol=" $ W ", name="\tA\nB ")
    assert (token.symbol, token.name) == ("$ W", "A\nB")


@pytest.mark.parametrize("symbol", ["NA", "TRUE", "💎", "\u200b", "币", "x" * 110, "€" * 85])
def test_strange_symbols_are_real(symbol: str) -> None:
    assert one(symbol=symbol).symbol == symbol


@pytest.mark.parametrize("value", ["a\x00b", "\x1b[31m", "a\x85b", "\ud800", 5, True, ["a"]])
def test_text_that_is_none(value: Any) -> None:
    assert refused(symbol=value) == "invalid_symbol"
    assert refused(name=value) == "invalid_name"


def test_lengths_are_bytes() -> None:
    assert refused(symbol="€" * 86) == "invalid_symbol"
    assert one(name="n" * 65_535).name == "n" * 65_535
    assert refused(name="€" * 21_846) == "invalid_name"


@pytest.mark.parametrize("tail", ["#code", "/", "/#code", " ", "\n"])
def test_what_is_pasted_behind_an_address_goes(tail: str) -> None:
    assert one(address=ADDRESS + tail).address == ADDRESS


@pytest.mark.parametrize(
    "address",
    [
        "0x" + "ab" * 19,
        ADDRESS + "#readContract",
        ADDRESS + "//",
        ADDRESS[2:],
        ADDRESS.replace("0x", "0X"),
        "0x" + "g" * 40,
        "0x" + "Ab" * 20,
        "FvwEAhmxKfeiG8SnEvq42hc6whRyY3EFYAvebMqDNDGCgxN5Z",
        MINT,
        "0x" + "ａ" * 40,
        5,
        [ADDRESS],
    ],
)
def test_addresses_that_are_none(address: Any) -> None:
    assert refused(address=address) == "invalid_address"


@pytest.mark.parametrize("address", [MINT.replace("o", "0"), MINT[:-1], ADDRESS, MINT + "1" * 10, "0" * 40])
def test_solana_addresses_that_are_none(address: str) -> None:
    assert refused(chainId=101, address=address) == "invalid_address"


def test_bad_rows_stop_nothing() -> None:
    results = parse("token-list", LIST | {"tokens": [row(), 5, None, [], row(chainId=5, decimals=[]), row(chainId=10)]})
    assert tally(results) == {"token": 2, "not_an_object": 3, "invalid_decimals": 1}
    assert [r.place for r in results if isinstance(r, Reject)] == ["/tokens/1", "/tokens/2", "/tokens/3", "/tokens/4"]
    assert all(r.record == "token" for r in results if isinstance(r, Reject))


def test_a_reject_shows_the_row_as_it_came() -> None:
    found = reject(parse("token-list", '[{"chainId": 1,\n "address": "\\u001b[2J"}]'))
    assert found.row == '{"chainId": 1,\n "address": "\\u001b[2J"}'
    assert "\x1b" not in found.reason


def test_an_empty_list_is_a_list_and_nothing_else_is() -> None:
    assert parse("token-list", LIST | {"tokens": []}) == parse("token-list", []) == []
    payloads: tuple[Any, ...] = ({"tokens": {}}, {"tokens": None}, LIST, {})
    for payload in payloads:
        with pytest.raises(PayloadError):
            parse("token-list", payload)


REAL = {
    "smoldapp_coingecko.json.xz": {"token": 8338, "native": 1},
    "smoldapp_jupiter.json": {"token": 1620},
    "smoldapp_uniswap.json": {"token": 906, "native": 2},
    "viaprotocol_all_avax.json": {"token": 1032, "native": 1, "invalid_address": 1},
    "viaprotocol_all_polygon.json": {"token": 1539, "native": 1},
}


@pytest.mark.parametrize("name", REAL)
def test_real_lists_give_every_valid_address(name: str, real_data: Path) -> None:
    payload = read(real_data / "tokenlists" / name)
    document = json.loads(payload)
    tokens = document["tokens"] if isinstance(document, dict) else document
    results = parse("token-list", payload)
    assert tally(results) == REAL[name]
    wanted = {
        SOLANA + a if c == 1151111081099710 else f"eip155:{c}" + a.lower()
        for c, a in ((t["chainId"], t["address"]) for t in tokens)
        if c == 1151111081099710 or re.fullmatch(r"0x[0-9a-fA-F]{40}", a)
    }
    found = {
        r.record.blockchain + r.record.address for r in results if isinstance(r, Parsed) and isinstance(r.record, Token)
    }
    coins = {r.record.blockchain for r in results if isinstance(r, Parsed) and isinstance(r.record, Native)}
    assert found <= wanted
    assert {w.partition("0x")[0] for w in wanted - found} == coins
    for result, token in zip(results, tokens, strict=True):
        if isinstance(result, Parsed):
            assert isinstance(result.record, Token | Native)
            assert (result.record.symbol or "", result.record.decimals) == (token["symbol"].strip(), token["decimals"])


def test_real_lists_say_who_and_when(real_data: Path) -> None:
    heading = TokenListImporter().heading(stream(read(real_data / "tokenlists" / "smoldapp_jupiter.json")))
    assert heading == Heading("Jupiter Verified Token List", datetime(2024, 11, 8, 10, 58, 41, tzinfo=UTC))
