from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import BrokerContract, Option
from catalog.errors import PayloadError
from catalog.importers.alpaca_options import AlpacaOptionsImporter
from catalog.importers.base import Parsed
from tests.importers.support import parse, records, reject, stream, tally

CALL: dict[str, Any] = {
    "symbol": "AAPL250620C00100000",
    "name": "AAPL Jun 20 2025 100 Call",
    "status": "active",
    "tradable": True,
    "expiration_date": "2025-06-20",
    "root_symbol": "AAPL",
    "underlying_symbol": "AAPL",
    "type": "call",
    "style": "american",
    "strike_price": "100",
    "multiplier": "100",
    "size": "100",
}
SHARES = {"type": "equity", "symbol": "AAPL", "amount": "100"}


def row(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in (CALL | changes).items() if value is not ...}


def page(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"option_contracts": list(rows), "next_page_token": None}


def both(**changes: Any) -> tuple[Option, BrokerContract]:
    option, contract = records(parse("alpaca-options", page(row(**changes))))
    assert isinstance(option, Option)
    assert isinstance(contract, BrokerContract)
    return option, contract


def refused(**changes: Any) -> str:
    results = parse("alpaca-options", page(row(), row(**changes), row()))
    found = reject(results)
    assert (found.place, found.record) == ("/option_contracts/1", "option")
    assert tally(results) == {"option": 2, "broker_contract": 2, found.code: 1}
    return found.code


def test_a_contract_is_an_option_and_a_contract_on_it() -> None:
    option, contract = both()
    assert option.identity == ("occ-option", "AAPL", "2025-06-20", "C", "100")
    assert option.known() == {
        "record": "option", "osi_root": "AAPL", "expiry_date": "2025-06-20", "option_kind": "call", "strike_price": "100",
        "symbol": "AAPL  250620C00100000", "exercise_style": "american", "contract_multiplier": "100", "currency": "USD",
        "name": "AAPL Jun 20 2025 100 Call",
    }  # fmt: skip
    assert contract.known() == {
        "record": "broker_contract", "broker": "alpaca", "symbol": "AAPL250620C00100000", "instrument_id": str(option.id),
        "name": "AAPL Jun 20 2025 100 Call", "contract_multiplier": "100", "premium_multiplier": "100",
        "is_tradable": True, "venue_status": "active", "status": "active",
    }  # fmt: skip


def test_the_underlying_is_what_the_broker_calls_so() -> None:
    option, contract = parse("alpaca-options", page(row()))
    assert isinstance(option, Parsed)
    assert isinstance(contract, Parsed)
    assert option.through == {"underlying_id": str(BrokerContract(broker="alpaca", symbol="AAPL").id)}
    assert contract.through == {}
    [alone, _] = parse("alpaca-options", page(row(underlying_symbol=None)))
    assert isinstance(alone, Parsed)
    assert alone.through == {}


def test_terms_of_other_contracts() -> None:
    option, _ = both(
        symbol="SPY240119P00340500", root_symbol="SPY", expiration_date="2024-01-19", type="put", strike_price=340.5
    )
    assert option.identity == ("occ-option", "SPY", "2024-01-19", "P", "340.5")
    assert both(style="european")[0].exercise_style == "european"
    assert both(style=None)[0].exercise_style is None


def test_sizes() -> None:
    option, contract = both(size="12", multiplier="100.0")
    assert option.contract_multiplier == contract.contract_multiplier == 12
    assert contract.premium_multiplier == 100
    option, contract = both(size=..., multiplier=None)
    assert (option.contract_multiplier, contract.contract_multiplier, contract.premium_multiplier) == (None, None, None)


@pytest.mark.parametrize(
    ("deliverables", "is_adjusted", "text"),
    [
        (None, None, None),
        ([], None, None),
        ([SHARES], False, "100 AAPL"),
        ([SHARES | {"amount": 100}], False, "100 AAPL"),
        ([SHARES | {"amount": "150"}], True, "150 AAPL"),
        ([SHARES | {"symbol": "AAPL1"}], True, "100 AAPL1"),
        ([SHARES, {"type": "cash", "symbol": "USD", "amount": "33.40"}], True, "100 AAPL + 33.4 USD"),
        ([SHARES, {"type": "cash", "amount": "33.40"}], True, "100 AAPL + 33.4 USD"),
        ([SHARES | {"amount": None}], True, "AAPL"),
    ],
)
def test_deliverables(deliverables: Any, is_adjusted: bool | None, text: str | None) -> None:
    option, _ = both(deliverables=deliverables)
    assert (option.is_adjusted, option.deliverable) == (is_adjusted, text)


def test_the_status_is_the_contracts() -> None:
    option, contract = both(status="inactive")
    assert (contract.status, contract.venue_status) == ("suspended", "inactive")
    assert "status" not in option.model_fields_set


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": ...}, "missing_symbol"),
        ({"symbol": 5}, "invalid_symbol"),
        ({"symbol": "AAPL250620C00100001"}, "symbol_mismatch"),
        ({"type": "put"}, "symbol_mismatch"),
        ({"strike_price": "101"}, "symbol_mismatch"),
        ({"expiration_date": "2025-06-21"}, "symbol_mismatch"),
        ({"root_symbol": ""}, "missing_term"),
        ({"expiration_date": None}, "missing_term"),
        ({"type": ...}, "missing_term"),
        ({"strike_price": ""}, "missing_term"),
        ({"root_symbol": "aapl"}, "invalid_term"),
        ({"root_symbol": 5}, "invalid_term"),
        ({"expiration_date": "20250620"}, "invalid_term"),
        ({"expiration_date": "2025-02-30"}, "invalid_term"),
        ({"type": "straddle"}, "invalid_term"),
        ({"style": "asian"}, "invalid_term"),
        ({"style": ["american"]}, "invalid_term"),
        ({"strike_price": "0"}, "invalid_term"),
        ({"strike_price": "100000"}, "invalid_term"),
        ({"strike_price": "1.0005"}, "invalid_term"),
        ({"strike_price": "ten"}, "invalid_number"),
        ({"size": "0"}, "invalid_number"),
        ({"multiplier": "-1"}, "invalid_number"),
        ({"underlying_symbol": 1}, "invalid_underlying_symbol"),
        ({"underlying_symbol": "\x07"}, "invalid_underlying_symbol"),
        ({"deliverables": {}}, "invalid_deliverables"),
        ({"deliverables": [1]}, "invalid_deliverables"),
        ({"deliverables": [{"type": "equity", "amount": "1"}]}, "invalid_deliverables"),
        ({"deliverables": [SHARES | {"symbol": "\x07"}]}, "invalid_deliverables"),
        ({"deliverables": [SHARES | {"amount": "x"}]}, "invalid_number"),
        ({"tradable": "yes"}, "invalid_flag"),
        ({"name": 1}, "invalid_name"),
        ({"status": {}}, "invalid_status"),
    ],
)
def test_a_bad_contract_stops_nothing(changes: dict[str, Any], code: str) -> None:
    assert refused(**changes) == code


def test_the_bare_array_and_what_is_no_page() -> None:
    assert tally(parse("alpaca-options", [row()])) == {"option": 1, "broker_contract": 1}
    assert parse("alpaca-options", page()) == []
    assert reject(parse("alpaca-options", "[1]")).code == "not_an_object"
    for text in ("", "{}", '{"option_contracts": 5}', '{"message": "forbidden"}'):
        with pytest.raises(PayloadError):
            parse("alpaca-options", text)


def test_the_head() -> None:
    importer = AlpacaOptionsImporter()
    for known in (page(row()), [row()], page(*[row()] * 500)):
        assert importer.can_parse(json.dumps(known).encode()[:65536])
    for other in ([], {}, page(), [{"symbol": "A"}]):
        assert not importer.can_parse(json.dumps(other).encode())
    assert importer.heading(stream(page(row()))).feed == "option contracts"


def test_the_real_example(real_data: Path) -> None:
    results = parse("alpaca-options", (real_data / "alpaca" / "option_contracts_example.json").read_bytes())
    option, contract = records(results)
    assert str(option.id) == contract.instrument_id == "01a61204459e92794775f8e9f8467275"
    assert (option.deliverable, option.is_adjusted) == ("100 AAPL", False)
