from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import BrokerContract, Etf, Stock
from catalog.errors import PayloadError
from catalog.importers import alpaca
from catalog.importers.alpaca import ACTIVE_STATUSES, CLASSES, EXCHANGES, AlpacaImporter
from catalog.importers.base import Parsed
from tests.importers.support import parse, records, reject, stream, tally
from tests.importers.test_documentation import DOCS, names, table

APPLE: dict[str, Any] = {
    "id": "x",
    "class": "us_equity",
    "exchange": "NASDAQ",
    "symbol": "AAPL",
    "name": "Apple Inc. Common Stock",
    "status": "active",
    "tradable": True,
}


def row(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in (APPLE | changes).items() if value is not ...}


def both(**changes: Any) -> list[Any]:
    return records(parse("alpaca", [row(**changes)]))


def contract(**changes: Any) -> BrokerContract:
    last = both(**changes)[-1]
    assert isinstance(last, BrokerContract)
    return last


def refused(**changes: Any) -> str:
    results = parse("alpaca", [row(), row(**changes), row()])
    found = reject(results)
    assert (found.place, found.record) == ("/1", "broker_contract")
    assert tally(results) == {"stock": 2, "broker_contract": 2, found.code: 1}
    return found.code


def test_an_asset_is_a_line_and_a_contract_on_it() -> None:
    line, offered = both()
    assert line.known() == {
        "record": "stock", "mic": "XNAS", "ticker": "AAPL", "currency": "USD", "name": "Apple Inc. Common Stock",
    }  # fmt: skip
    assert offered.instrument_id == str(line.id) == "efc3d26fdf1e1d2f07d7e6cd32040c34"
    assert (offered.broker, offered.symbol, offered.mic, offered.is_tradable) == ("alpaca", "AAPL", "XNAS", True)
    assert (offered.status, offered.venue_status) == ("active", "active")
    assert offered.is_shortable is None


def test_the_name_says_which_line_it_is() -> None:
    fund, offered = both(symbol="SPY", exchange="ARCA", name="SPDR S&P 500 ETF Trust")
    assert isinstance(fund, Etf)
    assert offered.instrument_id == str(Etf(mic="ARCX", ticker="SPY", currency="USD").id)
    # a share and a fund have one id: the line can be named before anybody has said which it is
    [waiting] = both(symbol="BRK.B", exchange="NYSE", name="BERKSHIRE HATHAWAY Class B")
    assert waiting.instrument_id == str(Stock(mic="XNYS", ticker="BRK.B", currency="USD").id)
    [unnamed] = both(name=None)
    assert unnamed.instrument_id == str(Stock(mic="XNAS", ticker="AAPL", currency="USD").id)


@pytest.mark.parametrize("what", ["Warrants", "Rights", "Units", "5.25% Notes due 2030"])
def test_what_has_no_record_is_a_contract_on_nothing(what: str) -> None:
    [offered] = both(symbol="HPAIW", name=f"Helport AI Limited {what}")
    assert (offered.instrument_id, offered.mic) == (None, "XNAS")


@pytest.mark.parametrize("symbol", ["ABR.PRD", "AAC.WS", "BRK/B", "T.PRA", "12345"])
def test_a_symbol_that_is_no_ticker_names_no_line(symbol: str) -> None:
    [offered] = both(symbol=symbol, name="Something Common Stock")
    assert (offered.symbol, offered.instrument_id) == (symbol, None)


def test_other_classes_and_no_exchange() -> None:
    for changes in (
        {"class": "crypto", "exchange": "CRYPTO", "symbol": "BTC/USD"},
        {"class": "us_option"},
        {"exchange": ""},
    ):
        [offered] = both(**changes)
        assert (offered.instrument_id, offered.mic) == (None, None)


def test_the_margins_are_fractions_of_per_cents() -> None:
    offered = contract(
        margin_requirement_long="30", margin_requirement_short="100.5", maintenance_margin_requirement=25
    )
    assert (str(offered.long_margin_rate), str(offered.short_margin_rate)) == ("0.3", "1.005")
    assert str(contract(maintenance_margin_requirement=32.5).long_margin_rate) == "0.325"
    assert str(contract(margin_requirement_long=0).long_margin_rate) == "0"
    assert contract(margin_requirement_long=None).long_margin_rate is None


def test_sizes_and_steps_keep_their_digits() -> None:
    offered = contract(min_order_size="0.000012", min_trade_increment="0.000000001", price_increment="0.50")
    assert offered.known().items() >= {
        "min_quantity": "0.000012", "lot_size": "0.000000001", "tick_size": "0.5",
    }.items()  # fmt: skip
    off = contract(min_order_size="0", min_trade_increment="0", price_increment=0)
    assert off.min_quantity == 0
    assert (off.lot_size, off.tick_size) == (None, None)


def test_flags() -> None:
    flags = {"marginable": False, "shortable": True, "easy_to_borrow": False, "fractionable": True}
    offered = contract(**flags, tradable=None)
    assert [getattr(offered, f"is_{name}") for name in flags] == list(flags.values())
    assert offered.is_tradable is None


@pytest.mark.parametrize("word", ["inactive", "Active", "halted"])
def test_every_other_status_is_suspended_and_kept(word: str) -> None:
    line, offered = both(status=word)
    assert (offered.status, offered.venue_status) == ("suspended", word)
    assert "status" not in line.model_fields_set
    assert "status" not in contract(status=None).model_fields_set


def test_a_cusip_belongs_to_the_line() -> None:
    line, _ = both(cusip="037833100")
    assert line.cusip == "037833100"
    assert refused(cusip="037833101") == refused(cusip=5) == "invalid_cusip"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": ""}, "missing_symbol"),
        ({"symbol": ...}, "missing_symbol"),
        ({"symbol": 5}, "invalid_symbol"),
        ({"symbol": "A\x1bB"}, "invalid_symbol"),
        ({"name": []}, "invalid_name"),
        ({"name": "a\x81"}, "invalid_name"),
        ({"class": ...}, "missing_class"),
        ({"class": 1}, "invalid_class"),
        ({"class": "us_bond"}, "unknown_class"),
        ({"exchange": "ASCX"}, "unknown_exchange"),
        ({"exchange": {}}, "invalid_exchange"),
        ({"tradable": "true"}, "invalid_flag"),
        ({"tradable": 1}, "invalid_flag"),
        ({"status": 1}, "invalid_status"),
        ({"status": "\x00"}, "invalid_status"),
        ({"min_order_size": "one"}, "invalid_number"),
        ({"min_order_size": "-1"}, "invalid_number"),
        ({"margin_requirement_long": "1" * 19}, "invalid_number"),
        ({"margin_requirement_long": "1e-127"}, "invalid_number"),
        ({"margin_requirement_short": []}, "invalid_number"),
        ({"maintenance_margin_requirement": True}, "invalid_number"),
    ],
)
def test_a_bad_asset_stops_nothing(changes: dict[str, Any], code: str) -> None:
    assert refused(**changes) == code


def test_what_is_no_asset() -> None:
    assert reject(parse("alpaca", "[5]")).code == "not_an_object"
    assert reject(parse("alpaca", '[{"symbol": "A", "symbol": "B"}]')).code == "duplicate_key"
    assert reject(parse("alpaca", '[{"symbol": "A", "x": NaN}]')).code == "invalid_number"
    assert parse("alpaca", "[]") == []
    for text in ("", "5", '"x"', '{"code": 40110000, "message": "request is not authorized"}', '[{"a": 1}, {'):
        with pytest.raises(PayloadError):
            parse("alpaca", text)


def test_one_asset_alone() -> None:
    results = parse("alpaca", row())
    assert [type(r.record) for r in results if isinstance(r, Parsed)] == [Stock, BrokerContract]
    found = reject(parse("alpaca", row(exchange="MOON")))
    assert (found.code, found.place) == ("unknown_exchange", "")
    assert json.loads(found.row) == row(exchange="MOON")
    assert reject(parse("alpaca", '{"symbol": "A", "class": "crypto", "x": NaN}')).code == "invalid_number"


def test_an_object_that_goes_on_is_no_asset() -> None:
    with pytest.raises(PayloadError, match="at most 256 members"):
        parse("alpaca", row(**{f"x{n}": n for n in range(300)}))


def test_the_head() -> None:
    importer = AlpacaImporter()
    for known in ([row()], row(), [row()] * 500):
        assert importer.can_parse(json.dumps(known).encode()[:65536])
    for other in ([], {}, [{"symbol": "A"}], {"symbol": "A", "class": "x"}, "x", [[row()]]):
        assert not importer.can_parse(json.dumps(other).encode())
    assert importer.heading(stream([row()])).feed == "assets"


def test_the_page_has_the_tables() -> None:
    page = (DOCS / "sources" / "alpaca.md").read_text()
    assert table(page, "exchange") == EXCHANGES
    assert set(table(page, "class")) == CLASSES
    assert {w for w, s in table(page, "status word").items() if s == "active"} == ACTIVE_STATUSES
    stated = {name for cell in table(page, "payload") for name in names(cell)} | set(alpaca._FLAGS)
    assert {theirs for theirs, _, _ in alpaca._NUMBERS} <= stated


def test_real_assets(real_data: Path) -> None:
    results = parse("alpaca", (real_data / "alpaca" / "assets_sample_2026-10-04.json").read_bytes())
    assert tally(results) == {"broker_contract": 6, "stock": 2}
    found = {r.symbol: r for r in records(results) if isinstance(r, BrokerContract)}
    assert {s: (c.mic, c.is_tradable) for s, c in found.items()} == {
        "AAPL": ("XNAS", True), "BRK.B": ("XNYS", True), "HPAIW": ("XNAS", True), "GLLRF": ("OTCM", False),
        "KVAUF": ("OTCM", False), "PRIAF": ("OTCM", False),
    }  # fmt: skip
    assert {s for s, c in found.items() if c.instrument_id is None} == {"HPAIW", "GLLRF", "KVAUF"}
    assert {r.ticker for r in records(results) if isinstance(r, Stock)} == {"AAPL", "PRIAF"}


def test_the_real_example(real_data: Path) -> None:
    line, offered = records(parse("alpaca", (real_data / "alpaca" / "asset_full_fields_example.json").read_bytes()))
    assert isinstance(line, Stock)
    assert offered.known().items() >= {
        "long_margin_rate": "0.3", "short_margin_rate": "1", "is_fractionable": True, "is_easy_to_borrow": True,
    }.items()  # fmt: skip
