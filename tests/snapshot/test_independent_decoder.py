"""The document alone is enough: a decoder written from it reads what the package writes, to the last field and byte."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

import catalog as package
from catalog import Catalog
from catalog.domain import Listing, Record, Stock
from catalog.snapshot import Snapshot, write_snapshot
from catalog.snapshot.entries import TombstoneEntry
from catalog.snapshot.writer import SnapshotHeader
from tests.snapshot.independent_decoder import (
    ADDRESS,
    CUSIP,
    FIGI,
    ISIN,
    SYMBOL,
    Decoded,
    Refused,
    decode,
)

SAMPLE = Path(package.__file__).parent / "sample.jsonl"
KIND_CODES = {"instrument": 1, "security": 2, "venue": 3, "pair": 5}
RECORDS = ("security", "venue", "token", "native", "asset", "currency", "stock", "etf", "listing", "pair")
APPLE = "US0378331005"


@pytest.fixture
def catalog(database_url: str) -> Iterator[Catalog]:
    """The sample with a suspended record and two retired ones (one that pairs name, one that nothing names), and two
    equities that dispute a ticker."""
    with Catalog.open(database_url) as opened:
        opened.import_file("jsonl", str(SAMPLE))
        for isin in ("US5949181045", "US0231351067"):
            opened.register(Stock(mic="XNAS", isin=isin, ticker="TWICE", currency="USD", name="Crème Ⅻ"))
        euro, yen = (opened.instruments.find(symbol=code)[0] for code in ("EUR", "JPY"))
        opened.instruments.suspend(str(euro.id))
        opened.instruments.retire(str(yen.id))
        opened.instruments.retire(opened.pairs.list(limit=1)[0].to_json()["base_id"])
        yield opened


@pytest.fixture(params=[64, 128])
def path(catalog: Catalog, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    target = tmp_path / "catalog.snapshot"
    catalog.export_snapshot(str(target), ids=request.param)
    assert decode(target.read_bytes()).head["id_bits"] == request.param
    return target


def plain(record: Record, values: dict[str, Any]) -> dict[str, Any]:
    """What `values` ought to be, by the record of the package."""
    expected: dict[str, Any] = {"record": record.record}
    for name in type(record).model_fields.keys() - {"record"}:
        value = getattr(record, name)
        expected[name] = str(value) if isinstance(value, str) else value
    if not isinstance(record, Listing):
        expected["id"] = str(record.id)
    assert values.keys() == expected.keys()
    return expected


def as_json(values: dict[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in values.items() if value is not None}
    return known | ({"id64": known["id"][:16]} if "id" in known else {})


def with_decimals(values: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    return {n: Decimal(v) if isinstance(like.get(n), Decimal) else v for n, v in values.items()}


def test_every_field_of_every_record(path: Path) -> None:
    ours = decode(path.read_bytes())
    with Snapshot.open(path) as snapshot:
        theirs = list(snapshot.records())
        found = ours.of(*RECORDS)
        assert [values["record"] for values in found] == [r.record for r in theirs]
        assert {values["record"] for values in found} == set(RECORDS)
        for values, record in zip(found, theirs, strict=True):
            assert values == plain(record, values)
        assert {v["status"] for v in found} == {"active", "suspended", "retired"}
        assert ours.end["digest"] == snapshot.digest.hex()
        assert ours.head["as_of_sequence"] == snapshot.as_of_sequence
        assert ours.head["as_of"] == snapshot.as_of_ns
        assert sum(ours.head["counts"].values()) == sum(snapshot.counts.values())


def test_every_alias(path: Path) -> None:
    ours = decode(path.read_bytes())
    with Snapshot.open(path) as snapshot:
        theirs = list(snapshot.aliases())
        found = ours.of("alias")
        assert [v["id"] for v in found] == [a.id.hex() for a in theirs]
        assert [v["target"] for v in found] == [a.target and a.target.hex() for a in theirs]
        tickers = {v["identity"][2]: v["target"] for v in found}
        assert tickers["TWICE"] is None
        assert tickers["AAPL"] == str(snapshot.get(next(v["id"] for v in found if v["identity"][2] == "AAPL")).id)
        assert [v["identity"][0] for v in found] == ["equity-by-ticker"] * len(found)
        changes = [ours.changes[o] for o, v in ours.by_offset.items() if v["record"] == "alias"]
        assert changes == [(a.sequence, a.timestamp_ns) for a in theirs]


def test_the_file_says_what_the_database_says(path: Path, catalog: Catalog) -> None:
    ours = decode(path.read_bytes())
    (tombstone,) = ours.of("tombstone")
    (yen,) = catalog.instruments.find(symbol="JPY")
    width = ours.head["id_bits"] // 4
    assert tombstone == {
        "record": "tombstone",
        "kind": "instrument",
        "id": str(yen.id)[:width],
        "gone": "currency",
    }
    gone, compared = {str(yen.id)}, 0
    for noun in catalog.nouns.values():
        stored = [v for v in (r.to_json() for r in noun.list(limit=1000)) if v.get("id") not in gone]
        found = [as_json(v) for v in ours.of(*noun.records)]
        order = "symbol" if noun.name == "listing" else "id"
        stored.sort(key=lambda v: (v.get("instrument_id", ""), v.get("venue_id", ""), v[order]))
        found.sort(key=lambda v: (v.get("instrument_id", ""), v.get("venue_id", ""), v[order]))
        assert found == [with_decimals(v, like) for v, like in zip(stored, found, strict=True)]
        compared += len(found)
    assert (
        compared == len(ours.of(*RECORDS)) == len(SAMPLE.read_text(encoding="utf-8").splitlines()) + 6 - 1
    )  # each stock with its security and listing


def test_look_up_by_id(path: Path) -> None:
    ours = decode(path.read_bytes())
    with Snapshot.open(path) as snapshot:
        for kind, code in KIND_CODES.items():
            records = [r for r in snapshot.records() if r.kind == kind]
            assert records
            for record in records:
                values = ours.get(code, str(record.id))
                assert values is not None
                assert values == plain(snapshot.get(record.id, kind), values)
                assert ours.get(code, str(record.id)[:-1] + ("0" if str(record.id)[-1] != "0" else "1")) is None
            assert ours.get(code, "00" * 16) is ours.get(code, "ff" * 16) is None
        for alias in ours.of("alias"):
            assert ours.get(1, alias["id"]) is alias
        for record in snapshot:
            assert names(ours.listings_of(str(record.id))) == keys(snapshot.listings_of(record.id))


def test_look_up_by_key(path: Path) -> None:
    ours = decode(path.read_bytes())
    with Snapshot.open(path) as snapshot:
        looked_up = 0
        for record in snapshot.records():
            for field, code, search in (
                ("isin", ISIN, snapshot.by_isin),
                ("figi", FIGI, snapshot.by_figi),
                ("share_class_figi", FIGI, snapshot.by_figi),
                ("address", ADDRESS, snapshot.by_address),
            ):
                if (text := getattr(record, field, None)) is not None:
                    assert names(ours.by_key(code, text)) == keys(search(text))
                    looked_up += 1
            if record.kind == "instrument":
                name = {"stock": "ticker", "etf": "ticker", "currency": "iso_code"}.get(record.record, "symbol")
                if (text := getattr(record, name)) is not None:
                    assert names(ours.by_key(SYMBOL, text)) == keys(snapshot.by_symbol(text))
                    assert str(record.id) in names(ours.by_key(SYMBOL, text))
            if record.record in ("asset", "pair"):
                exchange, symbol = getattr(record, "exchange", ""), getattr(record, "symbol", "")
                found = ours.by_exchange_symbol(exchange, symbol)
                assert names(found) == keys(snapshot.by_exchange_symbol(exchange, symbol))
                assert str(record.id) in names(found)
            if record.record == "pair":
                legs = getattr(record, "base_id", ""), getattr(record, "quote_id", "")
                assert names(ours.by_legs(*legs)) == keys(snapshot.pairs_for(*legs))
        assert looked_up > 10
    assert [v["record"] for v in ours.by_key(ISIN, APPLE)] == ["security", "stock", "stock", "stock"]
    assert [v["isin"] for v in ours.by_key(CUSIP, "037833100")] == [APPLE]
    assert ours.by_key(ISIN, "US0000000000") == ours.by_key(SYMBOL, "no such symbol") == []


def names(found: list[dict[str, Any]]) -> list[str]:
    return [v["id"] if "id" in v else f"{v['instrument_id']}@{v['venue_id']}:{v['symbol']}" for v in found]


def keys(records: list[Record]) -> list[str]:
    return [f"{r.instrument_id}@{r.venue_id}:{r.symbol}" if isinstance(r, Listing) else str(r.id) for r in records]


def test_any_changed_byte_is_refused(path: Path) -> None:
    data = path.read_bytes()
    places = {*range(100), *range(0, len(data), 23), *range(len(data) - 464, len(data))}
    for place in places:
        broken = bytearray(data)
        broken[place] ^= 1 << place % 8
        with pytest.raises(Refused):
            decode(bytes(broken))
    for cut in (0, 495, len(data) // 2, len(data) - 1):
        with pytest.raises(Refused):
            decode(data[:cut])


@pytest.mark.parametrize("bits", [64, 128])
def test_tombstones(tmp_path: Path, bits: int) -> None:
    width = bits // 8
    parts = ("11" * 16, "22" * 16, "AAPL")
    key = b"".join(len(p).to_bytes(4, "little") + p.encode() for p in parts)
    listing = blake3(key, derive_key_context="instrument-catalog v1 listing").digest(16)
    entries = [
        TombstoneEntry(1, bytes([1]) * 16, "asset", 7, 70),
        TombstoneEntry(1, bytes([2]) * 16, "alias", 8, 80),
        TombstoneEntry(2, bytes(16), "security", 9, 90),
        TombstoneEntry(5, bytes(16), "pair", 9, 90),
        TombstoneEntry(8, listing, "listing", 9, 91),
    ]
    header = SnapshotHeader(bytes(range(16)), bits, "0001", 6, 9, 91, 0, {"tombstone": len(entries)})
    write_snapshot(tmp_path / "delta", header, {}, entries)
    ours = decode((tmp_path / "delta").read_bytes())
    assert ours.head["contents"] == 2
    assert ours.head["base_sequence"] == 6
    assert ours.of("tombstone") == [
        {"record": "tombstone", "kind": kind, "id": e.id[:width].hex(), "gone": e.record}
        for kind, e in zip(("instrument", "instrument", "security", "pair", "listing"), entries, strict=True)
    ]
    assert [ours.changes[o] for o in ours.by_offset] == [(e.sequence, e.timestamp_ns) for e in entries]
    assert isinstance(ours, Decoded)
    assert ours.indexes == {}
