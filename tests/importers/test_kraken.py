from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import Asset, Id, Pair
from catalog.domain.vocabulary import REUSED_CODES
from catalog.errors import PayloadError
from catalog.importers import kraken
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.kraken import KrakenImporter
from tests.importers.support import parse, read, records, reject, stream, tally, until_broken
from tests.importers.test_documentation import DOCS, table


def row(base: str = "XXBT", quote: str = "ZUSD", **changes: Any) -> dict[str, Any]:
    pair: dict[str, Any] = {"altname": "XBTUSD", "wsname": "XBT/USD", "base": base, "quote": quote}
    pair |= {"pair_decimals": 1, "lot_decimals": 8, "lot_multiplier": 1, "leverage_buy": [2, 3]}
    pair |= {"fees": [[0, 0.26], [50000, 0.24]], "fees_maker": [[0, 0.16], [10000000, 0]], "ordermin": "0.0002"}
    return {k: v for k, v in (pair | changes).items() if v is not ...}


def payload(**pairs: Any) -> dict[str, Any]:
    return {"error": [], "result": pairs}


def pair(**changes: Any) -> Pair:
    found = records(parse("kraken", payload(XXBTZUSD=row(**changes))))[-1]
    assert isinstance(found, Pair)
    return found


def test_assets_come_once_and_before_the_pairs() -> None:
    results = parse("kraken", payload(XXBTZUSD=row(), XETHZUSD=row("XETH"), XETHXXBT=row("XETH", "XXBT")))
    assert [(r.symbol, p.place) for p in results for r in records([p])] == [
        ("XXBT", "/result/XXBTZUSD/base"),
        ("ZUSD", "/result/XXBTZUSD/quote"),
        ("XETH", "/result/XETHZUSD/base"),
        ("XXBTZUSD", "/result/XXBTZUSD"),
        ("XETHZUSD", "/result/XETHZUSD"),
        ("XETHXXBT", "/result/XETHXXBT"),
    ]
    assert results[0] == Parsed(Asset(exchange="kraken", symbol="XXBT"), "/result/XXBTZUSD/base")


def test_a_pair_as_it_was_in_2021() -> None:
    assert pair().known() == {
        "record": "pair",
        "exchange": "kraken",
        "market_kind": "spot",
        "symbol": "XXBTZUSD",
        "base_id": Asset(exchange="kraken", symbol="XXBT").id,
        "quote_id": Asset(exchange="kraken", symbol="ZUSD").id,
        "tick_size": "0.1",
        "lot_size": "0.00000001",
        "min_quantity": "0.0002",
        "taker_fee_bps": "26",
        "maker_fee_bps": "16",
        "other_symbols": ["XBT/USD", "XBTUSD"],
    }


def test_a_pair_as_it_is_now() -> None:
    found = pair(tick_size="0.5", costmin="0.50", cost_decimals=5, status="online", execution_venue="international")
    assert found.known() == pair().known() | {
        "tick_size": "0.5",
        "min_notional": "0.5",
        "status": "active",
        "venue_status": "online",
    }


@pytest.mark.parametrize(
    ("altname", "wsname", "others"),
    [
        ("XBTUSD", "XBT/USD", ("XBT/USD", "XBTUSD")),
        ("XDGUSD", "XDG/USD", ("XDG/USD", "XDGUSD")),
        ("XXBTZUSD", "XBT/USD", ("XBT/USD",)),
        ("XBTUSD.d", ..., ("XBTUSD.d",)),
        ("same", "same", ("same",)),
        (" XBTUSD ", None, ("XBTUSD",)),
        ("XXBTZUSD ", "", None),
        (..., ..., None),
    ],
)
def test_the_names_are_other_symbols_and_never_the_identity(altname: Any, wsname: Any, others: Any) -> None:
    found = pair(altname=altname, wsname=wsname)
    assert found.other_symbols == others
    assert ("other_symbols" in found.model_fields_set) is (others is not None)
    assert (found.id, found.symbol) == (pair().id, "XXBTZUSD")
    assert (found.base_id, found.quote_id) == (pair().base_id, pair().quote_id)


def test_a_dark_pool_is_a_spot_pair_of_its_own() -> None:
    dark = row(pair_decimals=3, altname="XBTUSD.d", wsname=..., ordermin=..., fees_maker=..., fees=[[0, 0.36]])
    lit, found = records(parse("kraken", payload(XXBTZUSD=row()) | {"result": {"A": row(), "XXBTZUSD.d": dark}}))[-2:]
    assert (found.symbol, found.market_kind) == ("XXBTZUSD.d", "spot")
    assert (found.base_id, found.quote_id) == (lit.base_id, lit.quote_id)
    assert found.id != lit.id
    assert (found.tick_size, found.taker_fee_bps, found.maker_fee_bps) == (Decimal("0.001"), 36, None)


@pytest.mark.parametrize(
    ("places", "step"), [(0, "1"), (1, "0.1"), (10, "0.0000000001"), ("5", "0.00001"), (128, "1e-128")]
)
def test_a_number_of_places_is_a_step(places: Any, step: str) -> None:
    found = pair(pair_decimals=places, lot_decimals=places)
    assert found.tick_size == found.lot_size == Decimal(step)


def test_places_may_be_written_with_a_fraction_of_zero() -> None:
    assert records(parse("kraken", json.dumps(payload(XXBTZUSD=row(lot_decimals=2.0)))))[-1].lot_size == Decimal("0.01")


def test_what_is_unset_is_unknown() -> None:
    for nothing in ("", None, ...):
        keys = ("pair_decimals", "lot_decimals", "ordermin", "fees", "fees_maker", "costmin", "lot_multiplier")
        found = pair(**dict.fromkeys(keys, nothing) | {"fees": [] if nothing == "" else nothing, "fees_maker": []})
        stated = {"record", "exchange", "market_kind", "symbol", "base_id", "quote_id", "other_symbols"}
        assert found.known().keys() == stated
    assert pair(tick_size="0").tick_size == Decimal("0.1")


@pytest.mark.parametrize(
    ("percent", "bps"),
    [("0.26", "26"), ("0", "0"), ("0.0", "0"), ("1", "100"), ("-0.02", "-2"), ("0.0000000000000001", "1e-14")],
)
def test_fees_are_exact_whatever_the_number_is_written_like(percent: str, bps: str) -> None:
    for written in (percent, f'"{percent}"'):
        text = json.dumps(payload(XXBTZUSD=row(fees=[[0, "#"], [5, 1]], fees_maker="#"))).replace('"#"', written, 1)
        found = records(parse("kraken", text.replace('"#"', f"[[0.0, {written}]]")))[-1]
        assert found.taker_fee_bps == found.maker_fee_bps == Decimal(bps)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("online", "active"),
        ("limit_only", "active"),
        ("cancel_only", "suspended"),
        ("post_only", "suspended"),
        ("reduce_only", "suspended"),
        ("new_word", "suspended"),
    ],
)
def test_status(word: str, status: str) -> None:
    assert (pair(status=word).status, pair(status=word).venue_status) == (status, word)


def test_no_status_says_nothing() -> None:
    for value in (..., None, ""):
        assert not {"status", "venue_status"} & pair(status=value).model_fields_set


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"base": ...}, "missing_symbol"),
        ({"base": 5}, "invalid_base"),
        ({"base": "A\x00"}, "invalid_base"),
        ({"quote": " "}, "missing_symbol"),
        ({"quote": "x" * 256}, "invalid_quote"),
        ({"altname": 5}, "invalid_other_symbol"),
        ({"wsname": ["XBT/USD"]}, "invalid_other_symbol"),
        ({"wsname": "x" * 256}, "invalid_other_symbol"),
        ({"altname": "\x1b"}, "invalid_other_symbol"),
        ({"status": 5}, "invalid_status"),
        ({"status": "\x1b"}, "invalid_status"),
        ({"ordermin": "x"}, "invalid_amount"),
        ({"costmin": "-1"}, "invalid_amount"),
        ({"tick_size": ["1"]}, "invalid_amount"),
        ({"pair_decimals": -1}, "invalid_precision"),
        ({"pair_decimals": 129}, "invalid_precision"),
        ({"lot_decimals": 1.5}, "invalid_precision"),
        ({"lot_decimals": True}, "invalid_precision"),
        ({"lot_decimals": "eight"}, "invalid_precision"),
        ({"fees": "0.26"}, "invalid_fee"),
        ({"fees": [0.26]}, "invalid_fee"),
        ({"fees": [[0]]}, "invalid_fee"),
        ({"fees": [[0, "x"]]}, "invalid_fee"),
        ({"fees": [[0, None]]}, "invalid_fee"),
        ({"fees": [[0, 101]]}, "invalid_fee"),
        ({"fees_maker": [[0, "1e127"]]}, "invalid_fee"),
        ({"fees_maker": {"0": 1}}, "invalid_fee"),
        ({"lot_multiplier": 10}, "unknown_lot_multiplier"),
        ({"lot_multiplier": True}, "unknown_lot_multiplier"),
    ],
)
def test_a_bad_pair_stops_nothing(changes: dict[str, Any], code: str) -> None:
    results = parse("kraken", payload(XETHZUSD=row("XETH"), BAD=row(**changes), XLTCZUSD=row("XLTC")))
    found = reject(results)
    assert (found.code, found.place, found.record) == (code, "/result/BAD", "pair")
    assert [r.record.symbol for r in results if isinstance(r, Parsed) and isinstance(r.record, Pair)] == [
        "XETHZUSD",
        "XLTCZUSD",
    ]


def test_keys_are_what_they_are() -> None:
    keys = {"": row(), "\x1b[2J": row(), "x" * 256: row(), " A/~ ": row(), "B": 5}
    results = parse("kraken", payload(**keys))
    assert [(r.code, r.place[:18]) for r in results if isinstance(r, Reject)] == [
        ("missing_symbol", "/result/"),
        ("invalid_symbol", "/result/\\x1b[2J"),
        ("invalid_symbol", "/result/xxxxxxxxxx"),
        ("not_an_object", "/result/B"),
    ]
    assert results[-2].place == "/result/ A~1~0 "
    assert isinstance(results[-2], Parsed)
    assert results[-2].record.identity == ("kraken", "spot", "A/~", "")


def test_a_key_given_twice_is_refused_the_second_time() -> None:
    text = json.dumps(payload(A=row(), B=row(pair_decimals=2))).replace('"B"', '"A"')
    results = parse("kraken", text)
    assert tally(results) == {"asset": 2, "pair": 1, "duplicate_key": 1}
    assert isinstance(results[2], Parsed)
    assert isinstance(results[2].record, Pair)
    assert results[2].record.tick_size == Decimal("0.1")


def test_an_answer_that_is_an_error_is_refused_with_its_words() -> None:
    for document in (
        {"error": ["EQuery:Unknown asset pair"]},
        {"error": ["EQuery:Unknown asset pair"], "result": {"A": row()}},
        {"error": "EQuery:Unknown asset pair", "result": {}},
    ):
        with pytest.raises(PayloadError, match="EQuery:Unknown asset pair"):
            parse("kraken", document)


def test_what_is_no_answer() -> None:
    documents: tuple[Any, ...] = ({"error": []}, {"result": [row()]}, {"result": None}, [row()], {})
    for document in documents:
        with pytest.raises(PayloadError):
            parse("kraken", document)
        assert not KrakenImporter().can_parse(json.dumps(document).encode())
    assert parse("kraken", {"error": None, "result": {}}) == []
    assert KrakenImporter().can_parse(json.dumps({"result": {"A": row(wsname=...)}, "error": []}).encode())


def test_the_heading() -> None:
    assert KrakenImporter().heading(stream(payload())) == Heading("spot")


def test_a_reused_code_takes_its_pairs_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REUSED_CODES, ("kraken", "LUNA"), ("2022-05-28T00:00:00Z",))
    document = payload(LUNAUSD=row("LUNA"), XXBTZUSD=row())
    new = records(parse("kraken", document, datetime(2022, 6, 1, tzinfo=UTC)))
    assert {r.symbol for r in new if r.generation == "2"} == {"LUNA", "LUNAUSD"}
    assert tally(parse("kraken", document)) == {"asset": 2, "pair": 1, "ambiguous_generation": 2}


def test_a_truncated_payload_gives_what_is_whole() -> None:
    text = json.dumps(payload(A=row("XETH"), B=row("XLTC"), C=row("XXRP")))
    results, error = until_broken(KrakenImporter(), text[: text.index("XXRP")].encode())
    assert tally(results) == {"asset": 3, "pair": 2}
    assert error is not None
    assert error.place == f"line 1, column {text.index('XXRP') + 1}"


def test_the_page_says_what_the_tables_do() -> None:
    words = table((DOCS / "sources" / "kraken.md").read_text(), "status word")
    assert {word for word, status in words.items() if status == "active"} == kraken.ACTIVE_STATUSES


def test_the_real_payload(real_data: Path) -> None:
    raw = read(real_data / "kraken" / "AssetPairs_2021-04-17.json")
    theirs = json.loads(raw, parse_float=str, parse_int=str)["result"]
    results = parse("kraken", raw)
    assert tally(results) == {"pair": 304, "asset": 64}
    assets = {r.record.id: r.record.symbol for r in results if isinstance(r, Parsed) and isinstance(r.record, Asset)}
    pairs = [r.record for r in results if isinstance(r, Parsed) and isinstance(r.record, Pair)]
    assert [p.symbol for p in pairs] == list(theirs)
    for found in pairs:
        said = theirs[found.symbol]
        assert (assets[Id(found.base_id)], assets[Id(found.quote_id)]) == (said["base"], said["quote"])
        assert found.tick_size == Decimal(f"1e-{said['pair_decimals']}")
        assert found.lot_size == Decimal(f"1e-{said['lot_decimals']}")
        assert found.min_quantity == (Decimal(said["ordermin"]) if "ordermin" in said else None)
        assert found.taker_fee_bps == 100 * Decimal(said["fees"][0][1])
        assert found.maker_fee_bps == (100 * Decimal(said["fees_maker"][0][1]) if "fees_maker" in said else None)
        assert not found.model_fields_set & {"status", "venue_status", "min_notional"}
        names = {said["altname"], said.get("wsname", said["altname"])} - {found.symbol}
        assert found.other_symbols == (tuple(sorted(names)) or None)
        assert 1 <= len(names) <= 2
    dark = [p for p in pairs if p.symbol.endswith(".d")]
    assert all(p.other_symbols is not None and len(p.other_symbols) == 1 for p in dark)
    assert [p.symbol for p in dark] == [key for key, said in theirs.items() if "wsname" not in said]
    assert len(dark) == 11
    assert {"XXBT", "XXDG"} <= set(assets.values())
    assert not {"XBT", "BTC", "XDG", "DOGE"} & set(assets.values())
