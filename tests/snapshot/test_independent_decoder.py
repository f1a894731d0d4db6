"""The document alone is enough: a decoder written from it reads what the package writes, to the last field and byte."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from pydantic import BaseModel

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
    KINDS,
    SYMBOL,
    Decoded,
    Refused,
    decode,
)

SAMPLE = Path(package.__file__).parent / "sample.jsonl"
GOLDEN = Path(__file__).parent / "golden"
KIND_CODES = {kind: code for code, kind in enumerate(KINDS[:7], start=1)}
RECORDS = (
    "security",
    "venue",
    "token",
    "native",
    "asset",
    "currency",
    "stock",
    "etf",
    "future",
    "option",
    "synthetic",
    "listing",
    "pool",
    "pair",
    "broker_contract",
    "event_type",
)
SYMBOL_FIELDS = {"stock": "ticker", "etf": "ticker", "currency": "iso_code", "synthetic": "name"}
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
        opened.instruments.retire(opened.pairs.list(limit=1)[0].to_json()["base_id"], force=True)
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
        expected[name] = simple(getattr(record, name))
    if not isinstance(record, Listing):
        expected["id"] = full_id(record, values)
    assert values.keys() == expected.keys()
    return expected


def simple(value: object) -> Any:
    if isinstance(value, BaseModel):
        fields = {name: simple(getattr(value, name)) for name in type(value).model_fields}
        return {name: field for name, field in fields.items() if field is not None}
    if isinstance(value, list | tuple):
        parts = [simple(part) for part in value]
        return tuple(parts) if all(isinstance(part, str) for part in parts) else parts
    return str(value) if isinstance(value, str) else value


def number(id: str) -> str:
    """An event type's id as docs/ids.md shows it."""
    return str(int.from_bytes(bytes.fromhex(id)[:4], "little"))


def full_id(record: Record, values: dict[str, Any]) -> str:
    """The id of the package's record in 32 digits, also where the package shows a number for it."""
    shown = str(getattr(record, "id", ""))
    return str(values["id"]) if record.record == "event_type" and shown == number(values["id"]) else shown


def as_json(values: dict[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in values.items() if value is not None}
    if values["record"] == "event_type":
        return known | {"id": int(number(values["id"]))}
    return known | ({"id64": known["id"][:16]} if "id" in known else {})


def typed(value: Any, like: Any) -> Any:
    """A value of JSON in the type that the decoder gives."""
    match like:
        case Decimal():
            return Decimal(value)
        case datetime():
            return datetime.fromisoformat(value)
        case date():
            return date.fromisoformat(value)
        case time():
            return time.fromisoformat(value)
        case tuple():
            return tuple(value)
        case list() if len(value) == len(like):
            return [typed(part, same) for part, same in zip(value, like, strict=True)]
        case dict():
            return {name: typed(part, like.get(name)) for name, part in value.items()}
    return value


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
        assert ours.unresolved == []


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
    (yen,) = catalog.instruments.find(symbol="JPY")
    (expired,) = catalog.instruments.list(record="option", status="retired")
    width = ours.head["id_bits"] // 4
    assert ours.of("tombstone") == [
        {"record": "tombstone", "kind": "instrument", "id": str(r.id)[:width], "gone": r.record}
        for r in sorted((yen, expired), key=lambda r: r.id)
    ]
    gone, compared = {str(yen.id), str(expired.id)}, 0
    for name, noun in catalog.nouns.items():
        if name == "synthetic":
            continue  # among the instruments
        stored = [v for v in (r.to_json() for r in noun.list(limit=1000)) if v.get("id") not in gone]
        found = [as_json(v) for v in ours.of(*noun.records)]
        if "event_type" in noun.records:
            stored = [{name: value for name, value in v.items() if name != "id64"} for v in stored]
        for rows in (stored, found):
            rows.sort(key=lambda v: str(v.get("id") or [v[name] for name in LISTING_KEY if name in v]))
        assert found == [typed(v, like) for v, like in zip(stored, found, strict=True)]
        compared += len(found)
    assert compared == len(ours.of(*RECORDS))


LISTING_KEY = ("instrument_id", "venue_id", "symbol")


def test_every_succession(path: Path) -> None:
    ours = decode(path.read_bytes())
    with Snapshot.open(path) as snapshot:
        theirs = list(snapshot.successions())
        found = ours.of("succession")
        assert [(KIND_CODES[v["kind"]], v["predecessor"], v["successor"]) for v in found] == [
            (s.kind, s.predecessor.hex(), s.successor.hex()) for s in theirs
        ]
        assert [(v["succession_kind"], v["ratio"], v["is_in_effect"]) for v in found] == [
            (s.succession_kind, s.ratio, s.is_in_effect) for s in theirs
        ]
        moments = [nanoseconds(v["effective_at"]) for v in found]
        assert moments == [s.effective_ns for s in theirs]
        changes = [ours.changes[o] for o, v in ours.by_offset.items() if v["record"] == "succession"]
        assert changes == [(s.sequence, s.timestamp_ns) for s in theirs]
        for values in found:
            assert values in ours.successions_of(values["predecessor"])
            assert values in ours.successions_of(values["successor"])


def nanoseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def test_look_up_by_id(path: Path) -> None:
    ours = decode(path.read_bytes())
    with Snapshot.open(path) as snapshot:
        for kind, code in KIND_CODES.items():
            found = [(v, r) for v, r in zip(ours.of(*RECORDS), snapshot.records(), strict=True) if r.kind == kind]
            assert found
            for values, record in found:
                id = values["id"]
                assert ours.get(code, id) is values
                assert values == plain(snapshot.get(record.id, kind), values)
                assert ours.get(code, id[:-1] + ("0" if id[-1] != "0" else "1")) is None
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
            symbol = getattr(record, SYMBOL_FIELDS.get(record.record, "symbol"), None)
            if record.kind == "instrument" and symbol is not None:
                assert names(ours.by_key(SYMBOL, symbol)) == keys(snapshot.by_symbol(symbol))
                assert str(record.id) in names(ours.by_key(SYMBOL, symbol))
            exchange = next((e for n in EXCHANGE_FIELDS[record.record] if (e := getattr(record, n))), None)
            if exchange is not None and symbol is not None:
                found = ours.by_exchange_symbol(exchange, symbol)
                theirs = keys(snapshot.by_exchange_symbol(exchange, symbol))
                assert sorted({name.partition("@")[0] for name in names(found)}) == sorted(theirs)
                assert str(record.id) in names(found)
            if record.record == "pair":
                legs = getattr(record, "base_id", ""), getattr(record, "quote_id", "")
                assert names(ours.by_legs(*legs)) == keys(snapshot.pairs_for(*legs))
        assert looked_up > 10
    assert [v["record"] for v in ours.by_key(ISIN, APPLE)] == ["security", "stock", "stock", "stock"]
    assert [v["isin"] for v in ours.by_key(CUSIP, "037833100")] == [APPLE]
    assert ours.by_key(ISIN, "US0000000000") == ours.by_key(SYMBOL, "no such symbol") == []


EXCHANGE_FIELDS: dict[str, tuple[str, ...]] = dict.fromkeys(RECORDS, ()) | {
    "asset": ("exchange",),
    "pair": ("exchange",),
    "future": ("mic", "exchange"),
    "option": ("mic", "exchange"),
    "broker_contract": ("broker",),
    "stock": ("mic",),
    "etf": ("mic",),
}


def test_look_up_by_what_a_record_names(path: Path) -> None:
    ours, looked_up = decode(path.read_bytes()), set()
    for values in ours.of(*RECORDS):
        if (underlying := values.get("underlying_id")) is not None:
            assert values in ours.derivatives_of(underlying)
            looked_up.add("underlying")
        if values["record"] == "broker_contract" and values["instrument_id"] is not None:
            assert values in ours.contracts_of(values["instrument_id"])
            looked_up.add("contract")
        if values["record"] == "event_type":
            assert values in ours.by_number(int(number(values["id"])))
            looked_up.add("number")
        for one, other in permutations(values["tokens"], 2) if values["record"] == "pool" else ():
            assert values in ours.by_pool_legs(one["instrument_id"], other["instrument_id"])
            looked_up.add("pool")
    assert looked_up == {"underlying", "contract", "number", "pool"}


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


def golden_lines(bits: int) -> list[str]:
    return (GOLDEN / f"v2-{bits}.hex").read_text(encoding="utf-8").splitlines()


def in_bytes(lines: list[str]) -> bytes:
    return bytes.fromhex("".join(line.partition("#")[0] for line in lines))


@pytest.mark.parametrize("bits", [64, 128])
def test_the_golden_file(bits: int) -> None:
    ours = decode(in_bytes(golden_lines(bits)))
    assert {values["record"] for values in ours.by_offset.values()} == {*RECORDS, "alias", "succession", "tombstone"}
    assert ours.unresolved == [("etf", "mic", "ARCX")]
    assert [ours.changes[o][0] for o in ours.by_offset] == list(range(1, ours.head["as_of_sequence"] + 1))
    (synthetic,) = ours.of("synthetic")
    ours_by_name = {
        c["variable"]: (c["measure"], *(c.keys() - {"variable", "measure"})) for c in synthetic["components"]
    }
    assert ours_by_name == {
        "ES": ("price", "instrument_id"),
        "PAIR": ("price", "pair_id"),
        "POOL": ("price", "pool_id"),
        "DAYS": ("days_to_expiry", "instrument_id"),
    }
    assert [v["delist_at"] for v in ours.by_key(SYMBOL, "LUNC")] == [datetime(2027, 1, 2, 3, 4, 5, 6, UTC)]
    assert [v["after_hours_close"] for v in ours.by_exchange_symbol("alpaca", "AAPL")] == [time(20, 0, 30)]
    assert [v["last_trading_date"] for v in ours.by_exchange_symbol("XCME", "ESZ6")] == [date(2026, 12, 18)]
    assert [v["exercise_styles"] for v in ours.of("venue") if v["mic"] == "XCME"] == [("american", "european")]


BROKEN = [  # message, field, bytes of the same size that the document calls an error, what the decoder says
    ("broker_contract AAPL", "after_hours_close", "01 80 51 01 00", "clock"),
    ("broker_contract AAPL", "is_tradable", "01 02", "bool"),
    ("broker_contract AAPL", "is_tradable", "02 01", "presence byte"),
    ("future ESZ6", "first_trading_date", "01 ff ff ff 7f", "date"),
    ("future ESZ6", "expires_at", "01 01 10 c0 eb 7e 5f f2 18", "time"),
    ("future ESZ6", "tick_size", "01 e7 ff ff ff ff ff ff ff fe", "rule of a future"),
    ("option AAPL", "strike_price", "14 00 00 00 00 00 00 00 01", "decimal"),
    ("venue XCME", "key `american`", "08 7a 6d 65 72 69 63 61 6e", "order of keys"),
    ("venue XCME", "exercise_styles", "01 00 00", "count of keys"),
    ("synthetic Basis", "components:", "00 00", "count of components"),
    ("synthetic Basis", "components[0].measure", "03", "component_measure 3"),
    ("synthetic Basis", "components[1].variable", "04 50 4f 4f 4c", "rule of a synthetic"),
    ("pool Four fifths", "tokens[1].weight", "01 01 00 00 00 00 00 00 00 ff", "rule of a pool"),
    ("event_type uniswap_v3_swap", "fields[1].byte_offset", "01 11 00 00 00", "rule of a event_type"),
    ("event_type uniswap_v3_swap", "id_bits", "20", "rule of a event_type"),
    ("event_type alert", "name", "05 61 6c 65 72 73", "id of a event_type"),
    ("succession of LUNA", "kind", "08", "kind"),
    ("succession of LUNA", "kind", "02", "reference"),
    ("succession of LUNA", "succession_kind", "06", "succession_kind 6"),
    ("succession of US0378331005", "is_in_effect", "01", "in effect and ahead"),
    ("tombstone of a pair", "kind", "01", "kind of a tombstone"),
    ("vocabulary status", "3 `retired`", "02 00 07 72 65 74 69 72 65 64", "codes"),
    ("index underlying", "code", "1c", "message 0x24"),
    ("snapshot end", "sections[14]", "00 00 00 00 00 00 00 00", "message 0x24"),
]


@pytest.mark.parametrize("bits", [64, 128])
@pytest.mark.parametrize(("message", "field", "content", "complaint"), BROKEN)
def test_a_broken_rule_is_refused(bits: int, message: str, field: str, content: str, complaint: str) -> None:
    lines, title = golden_lines(bits), ""
    for place, line in enumerate(lines):
        title = line if line.startswith("# ") and ": message " in line else title
        before, _, comment = line.partition("  # ")
        if message in title and comment.startswith(field):
            assert len(bytes.fromhex(before)) == len(bytes.fromhex(content))
            lines[place] = content
            break
    else:
        pytest.fail(f"no {field} in {message}")
    with pytest.raises(Refused, match=complaint):
        decode(resealed(in_bytes(lines)))


def resealed(data: bytes) -> bytes:
    """With the right checksums and digest."""
    sealed, at = b"", 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at + 8)
        payload = data[at + 32 : at + 32 + size]
        if data[at + 4] == 0x24:
            payload = payload[:400] + blake3(sealed).digest()
        sealed += data[at : at + 28] + struct.pack("<I", zlib.crc32(payload)) + payload
        at += 32 + size
    return sealed


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
    header = SnapshotHeader(bytes(range(16)), bits, "0001", 6, 9, 91, 0, {"tombstone": len(entries)}, 60)
    write_snapshot(tmp_path / "delta", header, {}, entries)
    ours = decode((tmp_path / "delta").read_bytes())
    assert ours.head["contents"] == 2
    assert (ours.head["base_sequence"], ours.head["base_as_of"]) == (6, 60)
    assert ours.of("tombstone") == [
        {"record": "tombstone", "kind": kind, "id": e.id[:width].hex(), "gone": e.record}
        for kind, e in zip(("instrument", "instrument", "security", "pair", "listing"), entries, strict=True)
    ]
    assert [ours.changes[o] for o in ours.by_offset] == [(e.sequence, e.timestamp_ns) for e in entries]
    assert isinstance(ours, Decoded)
    assert ours.indexes == {}
