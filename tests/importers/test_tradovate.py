from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import BrokerContract, Future
from catalog.errors import PayloadError
from catalog.importers.tradovate import ACTIVE_CONTRACTS, ACTIVE_PRODUCTS, EXCHANGES, TradovateImporter
from tests.importers.support import parse, records, reject, stream, tally, until_broken
from tests.importers.test_documentation import DOCS, names, table

TABLES: dict[str, dict[str, Any]] = {
    "contracts": {"id": 1, "name": "ESZ6", "contractMaturityId": 2, "status": "DefinitionChecked"},
    "maturities": {"id": 2, "productId": 3, "expirationMonth": 202612, "expirationDate": "2026-12-18T14:30Z"},
    "products": {
        "id": 3, "name": "ES", "currencyId": 1, "productType": "Futures", "description": "E-Mini S&P 500", "exchangeId": 4,
        "status": "Verified", "valuePerPoint": 50.0, "tickSize": 0.25,
    },
    "exchanges": {"id": 4, "name": "CME"},
    "currencies": {"id": 1, "name": "USD", "symbol": "$"},
}  # fmt: skip


def payload(**changes: dict[str, Any]) -> dict[str, Any]:
    """One row per table; `changes` are of the table's row, and `...` takes a field away."""
    return {
        name: [{k: v for k, v in (row | changes.get(name, {})).items() if v is not ...}] for name, row in TABLES.items()
    }


def both(**changes: dict[str, Any]) -> tuple[Future, BrokerContract]:
    future, contract = records(parse("tradovate", payload(**changes)))
    assert isinstance(future, Future)
    assert isinstance(contract, BrokerContract)
    return future, contract


def refused(**changes: dict[str, Any]) -> str:
    found = reject(parse("tradovate", payload(**changes)))
    assert (found.place, found.record) == ("/contracts/0", "future")
    return found.code


def test_a_contract_is_a_future_and_a_contract_on_it() -> None:
    future, contract = both()
    assert future.known() == {
        "record": "future", "mic": "XCME", "symbol": "ESZ6", "last_trading_date": "2026-12-18", "product": "ES",
        "name": "E-Mini S&P 500", "currency": "USD", "contract_multiplier": "50", "tick_size": "0.25",
        "expires_at": "2026-12-18T14:30:00Z",
    }  # fmt: skip
    assert str(future.id) == contract.instrument_id == "9b57dbf3bf84e4de1d2f18ad925895c3"
    assert contract.known() == {
        "record": "broker_contract", "broker": "tradovate", "symbol": "ESZ6", "instrument_id": str(future.id),
        "mic": "XCME", "name": "E-Mini S&P 500", "contract_multiplier": "50", "tick_size": "0.25", "tick_value": "12.5",
        "status": "active", "venue_status": "DefinitionChecked",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "mic"), [(name, mic) for name, (mic, _) in EXCHANGES.items()])
def test_the_mic_is_that_of_the_listing_exchange(name: str, mic: str) -> None:
    future, contract = both(exchanges={"name": name})
    assert future.mic == contract.mic == mic
    assert mic != "GLBX"


@pytest.mark.parametrize(
    ("exchange", "stated", "day", "moment"),
    [
        ("CME", "2026-12-18T14:30Z", date(2026, 12, 18), datetime(2026, 12, 18, 14, 30, tzinfo=UTC)),
        ("CME", "2026-12-18T00:00:00Z", date(2026, 12, 18), None),
        ("CME", "2026-12-18T00:00:00.000Z", date(2026, 12, 18), None),
        ("CME", "2026-12-18", date(2026, 12, 18), None),
        ("CME", "2026-12-19T05:30:00Z", date(2026, 12, 18), datetime(2026, 12, 19, 5, 30, tzinfo=UTC)),
        ("NYMEX", "2026-12-19T05:30:00Z", date(2026, 12, 19), datetime(2026, 12, 19, 5, 30, tzinfo=UTC)),
        ("NYMEX", "2026-07-19T03:30:00Z", date(2026, 7, 18), datetime(2026, 7, 19, 3, 30, tzinfo=UTC)),
    ],
)
def test_the_last_day_is_that_of_the_exchange(exchange: str, stated: str, day: date, moment: datetime | None) -> None:
    future, _ = both(exchanges={"name": exchange}, maturities={"expirationDate": stated})
    assert (future.last_trading_date, future.expires_at) == (day, moment)


def test_numbers_are_exact() -> None:
    _, contract = both(products={"tickSize": 0.015625, "valuePerPoint": 1000})
    assert contract.tick_value == Decimal("15.625")
    text = json.dumps(payload()).replace("50.0", "123456789.012345678").replace("0.25", "0.12345678901234567")
    future, contract = records(parse("tradovate", text))
    assert (future.tick_size, contract.tick_value) == (Decimal("0.12345678901234567"), None)
    for missing in ("tickSize", "valuePerPoint"):
        assert both(products={missing: None})[1].tick_value is None


@pytest.mark.parametrize(
    ("contract", "product", "status", "word"),
    [
        ("DefinitionChecked", "Verified", "active", "DefinitionChecked"),
        ("DefinitionChecked", "ReadyToTrade", "active", "DefinitionChecked"),
        ("DefinitionChecked", None, "active", "DefinitionChecked"),
        (None, "Verified", "active", "Verified"),
        ("DefinitionChecked", "Locked", "suspended", "Locked"),
        ("Expired", "Verified", "suspended", "Expired"),
        ("Expired", "Inactive", "suspended", "Expired"),
        (None, "ReadyForContracts", "suspended", "ReadyForContracts"),
    ],
)
def test_statuses(contract: str | None, product: str | None, status: str, word: str) -> None:
    future, offered = both(contracts={"status": contract}, products={"status": product})
    assert (offered.status, offered.venue_status) == (status, word)
    assert not {"status", "venue_status"} & future.model_fields_set


def test_without_a_status_nothing_is_said() -> None:
    _, contract = both(contracts={"status": ...}, products={"status": ...})
    assert "status" not in contract.model_fields_set


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"contracts": {"contractMaturityId": 9}}, "missing_maturity"),
        ({"contracts": {"contractMaturityId": ...}}, "missing_maturity"),
        ({"contracts": {"contractMaturityId": True}}, "missing_maturity"),
        ({"contracts": {"contractMaturityId": []}}, "missing_maturity"),
        ({"maturities": {"productId": 9}}, "missing_product"),
        ({"products": {"exchangeId": 9}}, "missing_exchange"),
        ({"products": {"currencyId": None}}, "missing_currency"),
        ({"products": {"productType": "Options"}}, "not_a_future"),
        ({"products": {"productType": "Continuous"}}, "not_a_future"),
        ({"products": {"productType": ...}}, "not_a_future"),
        ({"products": {"productType": 1}}, "not_a_future"),
        ({"contracts": {"name": " "}}, "missing_name"),
        ({"products": {"name": ...}}, "missing_name"),
        ({"exchanges": {"name": 1}}, "invalid_name"),
        ({"contracts": {"name": "a\x07"}}, "invalid_name"),
        ({"exchanges": {"name": "GLBX"}}, "unknown_exchange"),
        ({"exchanges": {"name": "MOON"}}, "unknown_exchange"),
        ({"currencies": {"name": "Dollar"}}, "unknown_currency"),
        ({"maturities": {"expirationDate": ...}}, "missing_expiration_date"),
        ({"maturities": {"expirationDate": "soon"}}, "invalid_expiration_date"),
        ({"maturities": {"expirationDate": 20261218}}, "invalid_expiration_date"),
        ({"maturities": {"expirationDate": "2026-12-18T14:30"}}, "invalid_expiration_date"),
        ({"maturities": {"expirationDate": "2099-12-18T14:30Z"}}, "invalid_expiration_date"),
        ({"products": {"description": 1}}, "invalid_description"),
        ({"contracts": {"status": 1}}, "invalid_status"),
        ({"products": {"status": "\x07"}}, "invalid_status"),
        ({"products": {"tickSize": 0}}, "invalid_number"),
        ({"products": {"tickSize": -0.25}}, "invalid_number"),
        ({"products": {"valuePerPoint": "many"}}, "invalid_number"),
        ({"products": {"valuePerPoint": False}}, "invalid_number"),
    ],
)
def test_a_reject_says_what_is_missing(changes: dict[str, Any], code: str) -> None:
    assert refused(**changes) == code


@pytest.mark.parametrize(("table", "what"), [("maturities", "maturity"), ("products", "product"), ("exchanges", "exchange"), ("currencies", "currency")])  # fmt: skip
def test_a_table_that_is_not_there(table: str, what: str) -> None:
    document = payload()
    del document[table]
    assert reject(parse("tradovate", document)).code == f"missing_{what}"


def test_the_tables_may_stand_anywhere() -> None:
    document = payload()
    backwards = dict(reversed(document.items()))
    assert records(parse("tradovate", backwards)) == records(parse("tradovate", document))


def test_bad_rows_of_tables_stop_nothing() -> None:
    document = payload()
    document["products"] += [5, {"name": "NQ"}, {"id": "3"}, {"id": True}]
    results = parse("tradovate", document)
    assert tally(results) == {"future": 1, "broker_contract": 1, "not_an_object": 1, "missing_id": 3}
    text = json.dumps(document).replace('{"id": "3"}', '{"id": 8, "id": 9}')
    assert tally(parse("tradovate", text))["duplicate_key"] == 1


def test_two_rows_under_one_id() -> None:
    document = payload()
    document["products"] *= 2
    assert len(records(parse("tradovate", document))) == 2
    document["products"][1] = document["products"][1] | {"valuePerPoint": 5}
    assert reject(parse("tradovate", document)).code == "duplicate_id"


def test_a_broken_document_gives_what_came_before() -> None:
    document = json.dumps(payload())
    found, error = until_broken(TradovateImporter(), document[:-1].encode())
    assert error is not None
    assert tally(found) == {"future": 1, "broker_contract": 1}
    for text in ("", "5", "{}", '{"contracts": 5}'):
        with pytest.raises(PayloadError):
            parse("tradovate", text)


def test_the_head() -> None:
    importer = TradovateImporter()
    document = payload()
    for known in (
        document,
        document["contracts"],
        {"products": document["products"]},
        {"maturities": document["maturities"]},
    ):
        assert importer.can_parse(json.dumps(known).encode())
    for other in ([], {}, [{"id": 1, "name": "x"}], {"products": [{"id": "BTC-USD"}]}, {"contracts": [{"id": 1}]}):
        assert not importer.can_parse(json.dumps(other).encode())
    assert importer.heading(stream(document)).feed == "contracts"


def test_the_page_has_the_tables() -> None:
    page = (DOCS / "sources" / "tradovate.md").read_text()
    assert table(page, "exchange") == {name: mic for name, (mic, _) in EXCHANGES.items()}
    assert all(f"| `{zone}` |" in page for _, zone in EXCHANGES.values())
    active = [names(words) for words, status in table(page, "status word").items() if status == "active"]
    assert active == [["contract", *sorted(ACTIVE_CONTRACTS)], ["product", *sorted(ACTIVE_PRODUCTS)]]


def test_real_contracts_lack_what_says_what_they_are(real_data: Path) -> None:
    results = parse("tradovate", (real_data / "tradovate" / "contract_suggest_ES_docs.json").read_bytes())
    assert tally(results) == {"missing_maturity": 3}
