"""`catalog id compute`: every record type, from its identity fields alone; and the commands on stored ids."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import APPLE, SAMPLE, Run

SINGLETON = "0x21c67e77068de97969ba93d4aab21826d33ca12bb9f565d8496e8fda8a82ca27"
BTC_USDT = {"exchange": "binance", "segment": "usdm", "symbol": "BTCUSDT"}

#: (identity fields, the identity that docs/ids.md makes of them)
IDENTITIES: list[tuple[dict[str, object], list[str]]] = [
    (
        {"record": "token", "blockchain": "eip155:1", "address": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"},
        ["token", "eip155:1", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", ""],
    ),
    ({"record": "native", "blockchain": "eip155:1"}, ["native", "eip155:1"]),
    (
        {"record": "asset", "exchange": "binance", "symbol": "LUNA", "generation": "2"},
        ["asset", "binance", "LUNA", "2"],
    ),
    (
        {"record": "stock", "mic": "XNGS", "isin": "US0378331005", "currency": "USD", "ticker": "AAPL"},
        ["equity", "XNAS", "US0378331005", "USD", ""],
    ),
    (
        {"record": "etf", "mic": "XLON", "ticker": "ABC", "currency": "GBX"},
        ["equity-by-ticker", "XLON", "ABC", "GBP", ""],
    ),
    (
        {"record": "future", "mic": "XCME", "symbol": "ESZ6", "last_trading_date": "2026-12-18"},
        ["future", "XCME", "", "ESZ6", "2026-12-18", ""],
    ),
    ({"record": "future", **BTC_USDT, "last_trading_date": ""}, ["future", "binance", "usdm", "BTCUSDT", "", ""]),
    (
        {
            "record": "option",
            "osi_root": "SPY",
            "expiry_date": "2024-01-19",
            "option_kind": "put",
            "strike_price": "340.50",
        },
        ["occ-option", "SPY", "2024-01-19", "P", "340.5"],
    ),
    (
        {"record": "option", "exchange": "deribit", "symbol": "BTC-27JUN25-100000-C", "expiry_date": "2025-06-27"},
        ["option", "deribit", "", "BTC-27JUN25-100000-C", "2025-06-27", ""],
    ),
    ({"record": "currency", "iso_code": "USD"}, ["currency", "USD"]),
    ({"record": "synthetic", "name": "ETH Basis Spread"}, ["synthetic", "ETH Basis Spread"]),
    ({"record": "security", "isin": "US0378331005"}, ["US0378331005"]),
    ({"record": "venue", "mic": "XNAS"}, ["mic", "XNAS"]),
    ({"record": "venue", "slug": "binance"}, ["slug", "binance"]),
    (
        {"record": "pool", "blockchain": "eip155:1", "address": f"0x{'0' * 40}", "pool_id": SINGLETON},
        ["eip155:1", f"0x{'0' * 40}", SINGLETON],
    ),
    ({"record": "pair", "exchange": "kraken", "symbol": "XXBTZUSD"}, ["kraken", "spot", "XXBTZUSD", ""]),
    ({"record": "broker_contract", "broker": "alpaca", "symbol": "AAPL"}, ["alpaca", "AAPL", ""]),
    ({"record": "event_type", "name": "uniswap_v3_swap", "version": 1}, ["uniswap_v3_swap", "1"]),
]


@pytest.mark.parametrize(("fields", "identity"), IDENTITIES, ids=lambda v: v["record"] if isinstance(v, dict) else "")
def test_identities_of_all_record_types(run: Run, fields: dict[str, object], identity: list[str]) -> None:
    done = run("--json", "id", "compute", "-", stdin=json.dumps(fields))
    assert done.code == 0, done.err
    assert done.json["identity"] == identity


def test_known_ids(run: Run) -> None:
    apple = {"record": "stock", "mic": "XNAS", "isin": "US0378331005", "currency": "USD"}
    done = run("id", "compute", "-", "--json", stdin=json.dumps(apple))
    assert (done.json["id"], done.json["id64"]) == (APPLE, APPLE[:16])
    assert run("id", "compute", "-", stdin=json.dumps(apple)).out == f"{APPLE}\n"
    assert run("id", "compute", "-", stdin=json.dumps(apple | {"id": APPLE})).code == 0


def test_the_id_of_an_event_type_is_a_number(run: Run) -> None:
    done = run(
        "id", "compute", "-", "--json", stdin='{"record": "event_type", "name": "uniswap_v3_swap", "version": "1"}'
    )
    assert isinstance(done.json["id"], int)
    assert "id64" not in done.json


def test_several_give_an_array_and_a_bad_one_does_not_stop_them(run: Run) -> None:
    done = run(
        "id", "compute", "-", "--json", stdin='{"record": "native", "blockchain": "eip155:1"}\n{"record": "x"}\n'
    )
    assert done.code == 1
    assert [line.get("code") for line in done.json] == [None, "unknown_record"]
    assert done.lines[0].startswith("error: line 2: ")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"record": "listing"},
        {"record": "security", "isin": "US0378331006"},
        {"record": "security", "isin": "BBG000B9XRY4"},
        {"record": "currency", "iso_code": "USD", "id": "0" * 32},
        {"record": "token", "blockchain": "eip155:1", "address": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB49"},
        {"record": "token", "blockchain": "bip122:x", "address": "x"},
        {"record": "future", "symbol": "ESZ6"},
        {"record": "future", "mic": "XCME", "exchange": "binance", "symbol": "ESZ6"},
        {"record": "future", "mic": "XCME", "symbol": "ESZ6", "last_trading_date": "20261218"},
        {"record": "future", "mic": "XCME", "symbol": "ES\x1b[2JZ6"},
        {
            "record": "option",
            "osi_root": "A",
            "expiry_date": "2024-01-19",
            "option_kind": "put",
            "strike_price": "1e400",
        },
        {
            "record": "option",
            "osi_root": "A",
            "expiry_date": "2024-01-19",
            "option_kind": "straddle",
            "strike_price": "1",
        },
        {"record": "option", "osi_root": "A", "expiry_date": "2024-01-19", "option_kind": "put", "strike_price": "-1"},
        {"record": "option", "osi_root": "A", "expiry_date": "2024-01-19", "option_kind": "put"},
        {"record": "synthetic", "name": "x" * 256},
        {"record": "synthetic", "name": 7},
        {"record": "pair", "exchange": "kraken", "symbol": "X", "generation": "1"},
        {"record": "broker_contract", "broker": "alpaca", "symbol": "X", "generation": "01"},
        {"record": "event_type", "name": "x", "version": True},
    ],
)
def test_no_identity_is_exit_1_and_one_clean_line(run: Run, fields: dict[str, object]) -> None:
    done = run("id", "compute", "-", stdin=json.dumps(fields))
    assert (done.code, done.out) == (1, "")
    assert done.lines[0].startswith("error: ")
    assert len(done.lines) <= 2
    assert "\x1b" not in done.err


@pytest.mark.parametrize("stdin", ["", "{", "[1, 2"])
def test_what_is_not_json_is_exit_2(run: Run, stdin: str) -> None:
    assert run("id", "compute", "-", stdin=stdin).code == 2


def test_the_sample_computes_to_what_is_stored(sample: Run) -> None:
    lines = [line for line in SAMPLE.read_text(encoding="utf-8").splitlines() if '"listing"' not in line]
    computed = sample("id", "compute", "-", "--json", stdin="\n".join(lines)).json
    stored = [
        record["id"]
        for noun in ("instrument", "security", "venue", "pair", "pool", "broker", "event")
        for record in sample(noun, "list", "--limit", "1000", "--json").json
    ]
    assert sorted(map(str, stored)) == sorted(str(line["id"]) for line in computed)


def test_explain(sample: Run) -> None:
    (found,) = sample("id", "explain", APPLE, "--json").json
    assert found["identity"] == ["equity", "XNAS", "US0378331005", "USD", ""]
    assert sample("id", "explain", "0" * 32).code == 1
    assert sample("id", "explain", "nonsense").code == 2


def test_status_and_collisions(sample: Run) -> None:
    assert sample("ids", "status", "--json").json["id_bits"] == 64
    assert sample("collisions", "list", "--json").json == []
