"""Columns: every cell is what the reader of single records gives, for every type; and what breaks the format is said."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.domain import Record
from catalog.domain.base import Part
from catalog.domain.decimals import to_mantissa
from catalog.errors import (
    CatalogError,
    ChecksumMismatch,
    DecodeError,
    InvalidRecord,
    LimitExceeded,
    NotFound,
    Truncated,
)
from catalog.snapshot import Snapshot, columns, extra, places, vectors
from catalog.snapshot.columns import RECORD_TYPES, arrow_schema
from catalog.snapshot.entries import AliasEntry, AnyEntry, Entry, SuccessionEntry, TombstoneEntry
from catalog.snapshot.faults import InexactDecimal
from catalog.wire.frame import HEADER_SIZE, Message, decode_message, decode_stream
from catalog.wire.layout import CODE_OF, INSTRUMENT, KIND_NAMES, LAYOUTS
from catalog.wire.messages import END_SIZE
from tests.records import record_of
from tests.snapshot import support
from tests.snapshot.support import AAPL, BTC, HOME, NASDAQ, PAIR, POOL, USDT
from tests.snapshot.test_evolution import version_3
from tests.test_round_trip import CODES

pa, polars, duckdb = extra.load("pyarrow"), extra.load("polars"), extra.load("duckdb")
quick = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@pytest.fixture(params=[64, 128])
def snapshot(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Snapshot]:
    path = tmp_path / "universe.snap"
    support.write(path, support.universe(), request.param)
    with Snapshot.open(path, copy=request.param == 128) as opened:
        yield opened


def cell(value: Any, *, text: bool = False) -> Any:
    """What a cell of a table is for a value of a record."""
    if isinstance(value, Part):
        return {name: cell(getattr(value, name), text=text) for name in type(value).model_fields}
    if isinstance(value, tuple | list):
        return [cell(element, text=text) for element in value]
    if isinstance(value, Decimal) and text:
        return format(value, "f")
    return value


def row(record: Record, *, text: bool = False) -> dict[str, Any]:
    """What the row of a record is, but for its last change."""
    own = {"id": record.id} if record.record != "listing" else {}
    names = [field.name for field in LAYOUTS[record.record].fields]
    return own | {name: cell(getattr(record, name), text=text) for name in names}


def rows(table: Any) -> list[dict[str, Any]]:
    """The rows of a table, times of changes in nanoseconds; the table is proved to be as Arrow wants it."""
    table.validate(full=True)
    changed = table["changed_at"].cast(pa.int64())
    found: list[dict[str, Any]] = table.set_column(table.num_columns - 1, "changed_at", changed).to_pylist()
    return found


def without_change(table: Any) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in ("sequence", "changed_at")} for row in rows(table)]


# --- cells ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_cell_is_the_field_of_the_record(snapshot: Snapshot, name: str) -> None:
    for form in ("decimal128", "text"):
        table = snapshot.to_arrow(name, decimals=form)
        assert table.schema == arrow_schema(name, decimals=form)
        expected = [row(record, text=form == "text") for record in snapshot.records(name)]
        assert without_change(table) == expected != []
    table = snapshot.to_arrow(name)
    entries = [e for e in support.universe() if isinstance(e, Entry) and e.record == name]
    assert [(r["sequence"], r["changed_at"]) for r in rows(table)] == [(e.sequence, e.timestamp_ns) for e in entries]


def test_aliases_successions_and_tombstones_are_columns_too(snapshot: Snapshot) -> None:
    assert rows(snapshot.to_arrow("alias")) == [
        {"id": a.id.hex(), "kind": "instrument", "target": a.target and a.target.hex(), "identity": a.identity}
        | {"sequence": a.sequence, "changed_at": a.timestamp_ns}
        for a in snapshot.aliases()
    ]
    assert rows(snapshot.to_arrow("succession")) == [
        {
            "kind": KIND_NAMES[s.kind],
            "predecessor": s.predecessor.hex(),
            "successor": s.successor.hex(),
            "succession_kind": s.succession_kind,
            "ratio": s.ratio,
            "effective_at": datetime.fromtimestamp(s.effective_ns // 10**9, UTC),
            "is_in_effect": s.is_in_effect,
            "sequence": s.sequence,
            "changed_at": s.timestamp_ns,
        }
        for s in snapshot.successions()
    ]
    assert rows(snapshot.to_arrow("tombstone")) == [
        {"kind": KIND_NAMES[t.kind], "record": t.record, "id": t.id.hex()}
        | {"sequence": t.sequence, "changed_at": t.timestamp_ns}
        for t in snapshot.tombstones()
    ]
    for name in ("alias", "succession", "tombstone"):
        assert snapshot.to_arrow(name).schema == arrow_schema(name)
        assert snapshot.to_arrow(name).num_rows == 2


@pytest.mark.parametrize("threads", [1, 3])
def test_rows_that_are_decoded_apart_are_the_same(
    snapshot: Snapshot, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {name: snapshot.to_arrow(name) for name in RECORD_TYPES}
    for limit in ("ROWS", "SPAN"):
        with monkeypatch.context() as patch:
            patch.setattr(columns, limit, 1)
            for name, table in whole.items():
                batches = list(snapshot.to_batches(name, threads=threads))
                assert [batch.num_rows for batch in batches] == [1] * table.num_rows
                assert pa.Table.from_batches(batches).equals(table)


@pytest.mark.parametrize("name", RECORD_TYPES)
def test_no_records_make_an_empty_table(tmp_path: Path, name: str) -> None:
    support.write(tmp_path / "empty.snap", [], 64)
    with Snapshot.open(tmp_path / "empty.snap") as snapshot:
        table = snapshot.to_arrow(name)
        assert table.num_rows == 0
        assert table.schema == arrow_schema(name)
        assert list(snapshot.to_batches(name)) == []


def test_what_is_no_record_type_is_not_found(snapshot: Snapshot) -> None:
    for call in (snapshot.to_arrow, snapshot.to_batches, arrow_schema):
        with pytest.raises(NotFound, match="no record type `fish`"):
            call("fish")
        with pytest.raises(InvalidRecord, match="one of decimal128, text is expected"):
            call("token", decimals="float")  # type: ignore[arg-type]


def test_the_schema_is_what_the_documentation_says() -> None:
    lines = [
        "id: string not null",
        "status: dictionary<values=string, indices=int32, ordered=0> not null",
        "blockchain: dictionary<values=string, indices=int32, ordered=0> not null",
        "address: string not null",
        "token_id: string",
        "symbol: string",
        "name: string",
        "decimals: uint8",
        "token_standard: dictionary<values=string, indices=int32, ordered=0>",
        "sequence: uint64 not null",
        "changed_at: timestamp[ns, tz=UTC] not null",
    ]
    assert arrow_schema("token").to_string().splitlines() == lines
    assert arrow_schema("listing").names[0] == "status"
    assert str(arrow_schema("venue").field("session_open").type) == "time32[s]"
    assert str(arrow_schema("venue").field("blockchains").type) == "list<item: string not null>"
    assert str(arrow_schema("option").field("expiry_date").type) == "date32[day]"
    assert str(arrow_schema("option").field("expires_at").type) == "timestamp[us, tz=UTC]"
    assert str(arrow_schema("pair").field("tick_size").type) == "decimal128(38, 18)"
    tokens = "list<item: struct<instrument_id: string not null, weight: {}> not null>"
    assert str(arrow_schema("pool").field("tokens").type) == tokens.format("decimal128(38, 18)")
    assert str(arrow_schema("pool", decimals="text").field("tokens").type) == tokens.format("string")


# --- made-up records ------------------------------------------------------------------------------------------------


def filler(kind: str, id: str) -> Entry:
    """A record that answers to an id that others name; no reader would take it for a good one."""
    values: dict[str, dict[str, Any]] = {
        "instrument": {"exchange": "e", "symbol": "s"},
        "venue": {"slug": "v"},
        "pair": {"exchange": "e", "symbol": "s", "base_id": id, "quote_id": id, "market_kind": "spot"},
        "pool": {"blockchain": "eip155:1", "address": "a", "tokens": []},
    }
    record = {"instrument": "asset"}.get(kind, kind)
    return Entry(record, bytes.fromhex(id), 1, 1, values[kind] | {"status": "active"})


def with_references(records: Iterable[Record]) -> list[AnyEntry]:
    """The records, and something behind every id that they name."""
    records = list(records)
    entries = {(record.kind, key_of(record)): support.entry_of(record) for record in records}
    for record in records:
        for _, kind, id in record.references():
            entries.setdefault((kind, str(id)), filler(kind, id))
    return support.in_order(entries.values())


def key_of(record: Record) -> str:
    """What no two records of a file share: the id, or what identifies a listing."""
    return "/".join(record.identity) if record.record == "listing" else record.id


def is_exact(value: Any) -> bool:
    """Whether all decimals in a cell have an exact decimal128(38, 18)."""
    if isinstance(value, dict):
        return all(map(is_exact, value.values()))
    if isinstance(value, list):
        return all(map(is_exact, value))
    if not isinstance(value, Decimal):
        return True
    return exact(*to_mantissa(value)) is not None


@pytest.mark.parametrize("id_bits", [64, 128])
@pytest.mark.parametrize("name", LAYOUTS)
def test_made_up_records_keep_every_value(name: str, id_bits: int, tmp_path: Path) -> None:
    path = tmp_path / "made.snap"

    @quick
    @given(st.lists(record_of(name), min_size=1, max_size=4, unique_by=key_of))
    def check(records: list[Record]) -> None:
        entries = with_references(records)
        support.write(path, entries, id_bits, CODES, as_of_sequence=1)
        order = {id: n for n, id in enumerate(e.id for e in entries if isinstance(e, Entry))}
        ids = {None if name == "listing" else record.id for record in records}
        if name == "listing":
            records.sort(key=lambda r: (r.instrument_id, r.venue_id, (r.symbol or "").encode()))  # type: ignore[attr-defined]
        else:
            records.sort(key=lambda record: order[record.id.bytes])
        with Snapshot.open(path) as snapshot:
            text = [r for r in without_change(snapshot.to_arrow(name, decimals="text")) if r.get("id") in ids]
            assert text == [row(record, text=True) for record in records]
            expected = [row(record) for record in records]
            if is_exact(expected):
                found = without_change(snapshot.to_arrow(name))
                assert [r for r in found if r.get("id") in ids] == expected
            else:
                with pytest.raises(InexactDecimal, match="does not hold exactly"):
                    snapshot.to_arrow(name)

    check()


# --- decimals -------------------------------------------------------------------------------------------------------

EDGES = [
    (0, 0),
    (1, -18),
    (-1, -18),
    (999_999_999_999_999_999, -18),
    (999_999_999_999_999_999, 2),
    (-999_999_999_999_999_999, 2),
    (1, 19),
    (-9, 19),
    (123_456_789_012_345_678, -9),
    (2**38, 8),  # its lower 64 bits are zeros
    (-(2**38), 8),
]
BEYOND = [(1, -19), (1, 20), (-1, 127), (999_999_999_999_999_999, 3), (11, 19), (1, -128), (123, -20)]
mantissas = st.integers(-(10**18) + 1, 10**18 - 1).filter(lambda m: m % 10)
numbers = st.lists(st.tuples(mantissas, st.integers(-128, 127)) | st.sampled_from(EDGES + BEYOND), min_size=1)


def as_arrays(pairs: list[tuple[int, int]]) -> tuple[Any, Any]:
    mantissas, exponents = zip(*pairs, strict=True)
    return np.array(mantissas, np.int64), np.array(exponents, np.int64)


def exact(mantissa: int, exponent: int) -> int | None:
    """mantissa × 10^(exponent + 18) when it is a whole number of at most 38 digits."""
    value = mantissa * 10 ** (exponent + 18) if exponent >= -18 else 0 if not mantissa else None
    return value if value is not None and abs(value) < 10**38 else None


@settings(deadline=None)
@given(numbers)
def test_decimals_are_exact_or_refused(pairs: list[tuple[int, int]]) -> None:
    fit = vectors.fits(*as_arrays(pairs))
    assert fit.tolist() == [exact(*pair) is not None for pair in pairs]
    fitting = [pair for pair, fits in zip(pairs, fit, strict=True) if fits]
    if fitting:
        words = vectors.to_decimal128(*as_arrays(fitting))
        found = [int.from_bytes(word.tobytes(), "little", signed=True) for word in words]
        assert found == [exact(*pair) for pair in fitting]


@settings(deadline=None)
@given(numbers)
def test_texts_of_decimals_are_canonical(pairs: list[tuple[int, int]]) -> None:
    texts = vectors.to_decimal_text(*as_arrays(pairs)).to_pylist()
    assert texts == [format(Decimal(mantissa).scaleb(exponent), "f") for mantissa, exponent in pairs]


def test_only_one_form_of_a_decimal_is_canonical() -> None:
    good = [*EDGES, *BEYOND]
    bad = [(10, 0), (0, 1), (0, -1), (-20, 3), (10**18, 0), (10**18 + 1, 0), (-(10**18) - 1, 0), (-(2**63), 0)]
    assert vectors.is_canonical(*as_arrays(good)).all()
    assert not vectors.is_canonical(*as_arrays(bad)).any()


def with_tick(mantissa: int, exponent: int) -> list[AnyEntry]:
    tick = Decimal(mantissa).scaleb(exponent)
    pair = support.entry_of(PAIR)
    entries = [*map(support.entry_of, (BTC, USDT)), pair._replace(values={**pair.values, "maker_fee_bps": tick})]
    return support.numbered(entries)


@pytest.mark.parametrize("pair", EDGES)
def test_a_decimal_at_the_edge_is_exact(pair: tuple[int, int], tmp_path: Path) -> None:
    support.write(tmp_path / "edge.snap", with_tick(*pair))
    with Snapshot.open(tmp_path / "edge.snap") as snapshot:
        assert snapshot.to_arrow("pair")["maker_fee_bps"].to_pylist() == [Decimal(pair[0]).scaleb(pair[1])]


@pytest.mark.parametrize("pair", BEYOND)
def test_a_decimal_beyond_the_edge_is_named_and_is_had_as_text(pair: tuple[int, int], tmp_path: Path) -> None:
    support.write(tmp_path / "beyond.snap", with_tick(*pair))
    value = format(Decimal(pair[0]).scaleb(pair[1]), "f")
    with Snapshot.open(tmp_path / "beyond.snap") as snapshot:
        with pytest.raises(InexactDecimal) as caught:
            snapshot.to_arrow("pair")
        assert caught.value.record == "pair"
        assert caught.value.id == PAIR.id
        assert caught.value.field == "maker_fee_bps"
        assert caught.value.value == value
        assert caught.value.hint == 'ask for the decimals as text: decimals="text"'
        assert snapshot.to_arrow("pair", decimals="text")["maker_fee_bps"].to_pylist() == [value]


def test_the_row_of_a_decimal_inside_a_list_is_named(tmp_path: Path) -> None:
    weighted = support.entry_of(support.WEIGHTED)
    tokens = [{"instrument_id": support.ETHER.id, "weight": Decimal("1e-30")}] * 2
    weighted = weighted._replace(values={**weighted.values, "tokens": tokens})
    others = map(support.entry_of, (support.TOKEN, support.ETHER, POOL))
    support.write(tmp_path / "pool.snap", support.numbered([*others, weighted]))
    with Snapshot.open(tmp_path / "pool.snap") as snapshot:
        message = f"tokens.weight of pool `{support.WEIGHTED.id}` is `0.0{'0' * 28}1`"
        with pytest.raises(InexactDecimal, match=message):
            snapshot.to_arrow("pool")


# --- texts, lists and places ----------------------------------------------------------------------------------------


def test_texts_and_lists_of_every_length(tmp_path: Path) -> None:
    names = [None, "", "x" * 65_535, "é☃😀" * 20, "a", None, "日本"]
    words = [None, tuple(f"w{n:04}" for n in range(1024)), ("é", "☃", "😀"), ("a" * 255,), None, ("a", "b"), None]
    entries = [
        Entry("venue", bytes((n,)) * 16, n, n, {"status": "active", "slug": f"v{n}", "name": name, "blockchains": keys})
        for n, (name, keys) in enumerate(zip(names, words, strict=True))
    ]
    pools = [
        Entry(
            "pool", bytes((n,)) * 16, n, n,
            {"status": "active", "blockchain": "eip155:1", "address": "a",
             "tokens": [{"instrument_id": BTC.id, "weight": Decimal(k) or None} for k in range(count)]},
        )
        for n, count in enumerate([0, 1, 1024, 0, 3])
    ]  # fmt: skip
    support.write(tmp_path / "long.snap", [*entries, support.entry_of(BTC), *pools])
    with Snapshot.open(tmp_path / "long.snap") as snapshot:
        table = snapshot.to_arrow("venue")
        assert table["name"].to_pylist() == names
        assert table["blockchains"].to_pylist() == [None if keys is None else list(keys) for keys in words]
        tokens = snapshot.to_arrow("pool")["tokens"].to_pylist()
        assert [len(of_pool) for of_pool in tokens] == [0, 1, 1024, 0, 3]
        assert tokens[2][1000] == {"instrument_id": BTC.id, "weight": Decimal(1000)}
        assert tokens[2][0] == tokens[4][0] == {"instrument_id": BTC.id, "weight": None}


def test_days_before_1970_and_at_the_ends_of_the_calendar(tmp_path: Path) -> None:
    days = ["0001-01-01", "1969-12-31", "1970-01-01", "9999-12-31"]
    options = []
    for n, day in enumerate(days, start=1):
        entry = support.entry_of(support.BTC_PUT)
        expiry = datetime.fromisoformat(day).date()
        options.append(entry._replace(id=bytes((n,)) * 16, values={**entry.values, "expiry_date": expiry}))
    support.write(tmp_path / "days.snap", support.in_order([*options, support.entry_of(BTC)]))
    with Snapshot.open(tmp_path / "days.snap") as snapshot:
        assert [str(day) for day in snapshot.to_arrow("option")["expiry_date"].to_pylist()] == days


def test_many_listings_of_one_instrument_stand_in_file_order(tmp_path: Path) -> None:
    listings = [
        support.entry_of(record)._replace(values={**support.entry_of(record).values, "symbol": f"S{n:03}"})
        for record in (HOME, support.PLAIN_LISTING)
        for n in range(100)
    ]
    others = map(support.entry_of, (NASDAQ, support.BINANCE, AAPL, BTC))
    support.write(tmp_path / "listings.snap", support.numbered([*others, *listings]))
    with Snapshot.open(tmp_path / "listings.snap") as snapshot:
        table = snapshot.to_arrow("listing")
        assert table["sequence"].to_pylist() == sorted(table["sequence"].to_pylist())
        assert without_change(table) == [row(record) for record in snapshot.records("listing")]
        assert table.num_rows == 200


# --- other programs -------------------------------------------------------------------------------------------------


def test_polars_pandas_and_duckdb_read_the_same(snapshot: Snapshot) -> None:
    for name in RECORD_TYPES:
        table = snapshot.to_arrow(name)
        frame: Any = polars.from_arrow(table)
        assert frame.height == duckdb.from_arrow(table).count("*").fetchall()[0][0] == len(table.to_pandas())
        assert frame.columns == table.column_names == list(table.to_pandas().columns)
    pair = snapshot.to_arrow("pair")
    columns = ["symbol", "status", "base_id", "tick_size", "taker_fee_bps", "min_price", "max_price"]
    expected = tuple(getattr(PAIR, name) for name in columns)
    assert polars.from_arrow(pair).select(columns).rows() == [expected]
    (found,) = duckdb.from_arrow(pair).select(*columns).fetchall()
    assert found == expected
    data = pair.to_pandas()[columns].iloc[0]
    assert tuple(None if value is None else value for value in data) == expected
    venue: Any = polars.from_arrow(snapshot.to_arrow("venue"))
    opening = venue.filter(polars.col("mic") == "XNAS").select("session_open", "blockchains").rows()
    assert opening == [(NASDAQ.session_open, None)]
    fields = "SELECT name, fields[2].field_type, fields[2].max_length FROM t WHERE name = 'alert'"
    assert duckdb.from_arrow(snapshot.to_arrow("event_type")).query("t", fields).fetchall() == [("alert", "array", 8)]


# --- bytes that break the format ------------------------------------------------------------------------------------


def sealed(data: bytearray) -> bytes:
    """The bytes with the digest and the checksum of the end made right again."""
    end = len(data) - HEADER_SIZE - END_SIZE
    data[-32:] = blake3(bytes(data[:end])).digest()
    data[end + 28 : end + 32] = struct.pack("<I", crc32(data[end + HEADER_SIZE :]))
    return bytes(data)


def with_payload(data: bytes, message: Message, payload: bytes) -> bytes:
    """The file with another payload, of at most the same size, in one message."""
    changed = bytearray(data)
    start = message.offset + HEADER_SIZE
    changed[start : start + len(payload)] = payload
    changed[message.offset + 8 : message.offset + 12] = struct.pack("<I", len(payload))
    changed[message.offset + 28 : message.offset + 32] = struct.pack("<I", crc32(payload))
    return sealed(changed)


def careful(snapshot: Snapshot, offsets: list[int]) -> list[dict[str, Any]]:
    """The rows as the decoder of single records gives them."""
    found = []
    for offset in offsets:
        message = decode_message(snapshot.data, offset)
        record, id, values = snapshot.decode(message)
        texts = {field.name: as_text(values.get(field.name)) for field in LAYOUTS[record].fields}
        found.append(({"id": id.hex()} if id else {}) | texts)
    return found


def as_text(value: Any) -> Any:
    """A decoded value as a cell, its decimals as text."""
    if isinstance(value, tuple):
        return [as_text(element) for element in (value._asdict().items() if hasattr(value, "_asdict") else value)]
    return format(value, "f") if isinstance(value, Decimal) else value


def flat(value: Any) -> Any:
    """Mappings as lists of pairs, as `as_text` has them."""
    if isinstance(value, dict):
        return [[name, flat(inner)] for name, inner in value.items()]
    return [flat(inner) for inner in value] if isinstance(value, list) else value


def attempt(call: Any) -> Any:
    """What a call gives, or the error that it raises as words."""
    try:
        return call()
    except CatalogError as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("id_bits", [64, 128])
@pytest.mark.parametrize("name", LAYOUTS)
def test_changed_payloads_are_read_or_refused_like_single_records(name: str, id_bits: int, tmp_path: Path) -> None:
    good, random = support.golden(f"v2-{id_bits}"), Random(name)
    messages = [m for m in decode_stream(good) if is_of(m, name)]
    path = tmp_path / "changed.snap"
    outcomes = set()
    first = 17 if CODE_OF[name][0] == INSTRUMENT else 0 if name == "listing" else 16
    for _ in range(120):
        message = random.choice(messages)
        payload = bytearray(message.payload)
        if random.random() < 0.2:
            del payload[random.randrange(first + 1, len(payload)) :]
        for _ in range(random.choice([0, 1, 1, 2])):
            payload[random.randrange(first, len(payload))] = random.choice(
                [0, 1, 2, 0x7F, 0x80, 0xFF, random.randrange(256)]
            )
        path.write_bytes(with_payload(good, message, bytes(payload)))
        with Snapshot.open(path, copy=True) as snapshot:
            expected = attempt(lambda: careful(snapshot, [m.offset for m in messages]))
            found = attempt(lambda: without_change(snapshot.to_arrow(name, decimals="text")))
        if isinstance(expected, list):
            expected = [dict(zip(r, map(flat, r.values()), strict=True)) for r in expected]
            assert [dict(zip(r, map(flat, r.values()), strict=True)) for r in found] == expected
        else:
            assert found == expected
        outcomes.add(type(expected))
    assert outcomes == {str, list}


def is_of(message: Message, name: str) -> bool:
    code, subtype = CODE_OF[name]
    return message.type == code and (code != 1 or message.payload[16] == subtype)


@pytest.mark.parametrize("id_bits", [64, 128])
def test_changed_bytes_anywhere_raise_typed_errors_only(id_bits: int, tmp_path: Path) -> None:
    """Headers, indexes, aliases, successions and tombstones among them, with a digest that is right."""
    good, random = support.golden(f"v2-{id_bits}"), Random(id_bits)
    path, refused = tmp_path / "changed.snap", 0
    for _ in range(250):
        changed = bytearray(good)
        at = random.randrange(len(good) - HEADER_SIZE - END_SIZE)
        changed[at] = random.choice([changed[at] ^ 1 << random.randrange(8), 0, 0xFF, 0x80])
        path.write_bytes(sealed(changed))
        try:
            with Snapshot.open(path, copy=True) as snapshot:
                for name in RECORD_TYPES:
                    snapshot.to_arrow(name, threads=1).validate(full=True)
        except CatalogError:
            refused += 1
    assert 50 < refused < 250


@pytest.mark.parametrize("name", ["alias", "succession", "tombstone"])
def test_what_is_no_record_is_refused_by_its_decoder(name: str, tmp_path: Path) -> None:
    good = support.golden("v2-64")
    message = next(m for m in decode_stream(good) if is_of(m, name))
    path = tmp_path / "cut.snap"
    for size in range(len(message.payload)):
        path.write_bytes(with_payload(good, message, message.payload[:size]))
        with Snapshot.open(path) as snapshot, pytest.raises(DecodeError if name == "tombstone" else Truncated):
            snapshot.to_arrow(name)
    path.write_bytes(with_payload(good, message, b"\xfe" * len(message.payload)))
    with Snapshot.open(path) as snapshot:
        if name == "tombstone":  # of a newer format's kind and type
            assert snapshot.to_arrow(name).to_pylist()[0]["record"] == "0xfe/254"
        else:
            with pytest.raises(DecodeError, match="kind"):
                snapshot.to_arrow(name)


def test_a_flipped_bit_is_found_before_anything_is_read(tmp_path: Path) -> None:
    good = support.golden("v2-64")
    path = tmp_path / "flipped.snap"
    path.write_bytes(good.replace(b"Nasdaq", b"Nasdap"))
    with Snapshot.open(path) as snapshot:
        for call in (snapshot.to_arrow, snapshot.to_batches):
            with pytest.raises(ChecksumMismatch, match=f"at byte {len(good) - 32}, end.digest: expected"):
                call("currency")
    path.write_bytes(good[:-1])
    with pytest.raises(CatalogError):
        Snapshot.open(path)


def test_a_moment_that_arrow_cannot_say_is_refused(tmp_path: Path) -> None:
    good = bytearray(support.golden("v2-64"))
    message = next(m for m in decode_stream(bytes(good)) if is_of(m, "currency"))
    good[message.offset + 27] = 0x80
    (tmp_path / "late.snap").write_bytes(sealed(good))
    with Snapshot.open(tmp_path / "late.snap") as snapshot:
        expected = f"at byte {message.offset + 20}, timestamp: expected at most {2**63 - 1}, found"
        with pytest.raises(DecodeError, match=expected):
            snapshot.to_arrow("currency")


@pytest.mark.parametrize("id_bits", [64, 128])
def test_an_index_that_hides_a_record_is_found_out(id_bits: int, tmp_path: Path) -> None:
    good = bytearray(support.golden(f"v2-{id_bits}"))
    with Snapshot.open(written(tmp_path, bytes(good))) as snapshot:
        heads = snapshot.index_heads()
    size = heads[1].slot_size
    for code, name in ((1, "stock"), (8, "listing"), (3, "venue")):
        changed = bytearray(good)
        head = heads[code]
        for n in range(head.num_slots):
            slot = head.ofs_slots + n * size
            changed[slot : slot + size] = bytes(size)
        with (
            Snapshot.open(written(tmp_path, sealed(changed))) as snapshot,
            pytest.raises(DecodeError, match=f"counts: expected 0 of {name}"),
        ):
            snapshot.to_arrow(name)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def test_lists_of_an_index_that_lie_are_refused(tmp_path: Path) -> None:
    """Two instruments with three listings each: a list of three for each of them."""
    listings = [
        support.entry_of(record)._replace(values={**support.entry_of(record).values, "symbol": symbol})
        for record in (HOME, support.PLAIN_LISTING)
        for symbol in "ABC"
    ]
    others = map(support.entry_of, (NASDAQ, support.BINANCE, AAPL, BTC))
    path = tmp_path / "lists.snap"
    support.write(path, support.numbered([*others, *listings]))
    with Snapshot.open(path) as snapshot:
        head = snapshot.index_heads()[8]
        assert snapshot.to_arrow("listing").num_rows == 6
    good = path.read_bytes()
    places = range(head.ofs_slots, head.ofs_postings, head.slot_size)
    value = next(at + 8 for at in places if any(good[at : at + head.slot_size]))
    lists = head.ofs_postings
    assert head.num_postings == 8
    lies = {
        "a list behind the index": [(value, 1 << 63 | head.end)],
        "a list before the postings": [(value, 1 << 63 | lists - 8)],
        "a list off the grid": [(value, 1 << 63 | lists + 4)],
        "one list twice": [(value, 1 << 63 | lists + 32)],
        "a count above all": [(lists, 1 << 63)],
        "a count of too many": [(lists, 4)],
        "a list that ends outside": [(lists, 0), (lists + 32, 5)],
        "a place behind the file": [(lists + 8, 1 << 40)],
        "a record twice": [(lists + 8, int.from_bytes(good[lists + 16 : lists + 24], "little"))],
        "a place without a message": [(lists + 8, 33)],
    }
    for lie, changes in lies.items():
        data = bytearray(good)
        for at, number in changes:
            data[at : at + 8] = u64(number)
        with Snapshot.open(written(tmp_path, sealed(data))) as snapshot:
            error = attempt(lambda: snapshot.to_arrow("listing"))
            assert isinstance(error, str), lie


def test_slots_of_an_id_index_that_lie_are_refused(tmp_path: Path) -> None:
    good = support.golden("v2-64")
    with Snapshot.open(written(tmp_path, good)) as snapshot:
        head = snapshot.index_heads()[3]
    places = range(head.ofs_slots, head.ofs_postings, head.slot_size)
    first, second = [at + 8 for at in places if any(good[at : at + head.slot_size])][:2]
    one, other = good[first : first + 8], good[second : second + 8]
    lies = {
        "a place behind the file": [(first, u64(1 << 40))],
        "a list": [(first, u64(1 << 63 | head.ofs_postings))],
        "the end of the file": [(first, u64(len(good) - 40))],
        "the same record twice": [(first, other)],
        "records in another order": [(first, other), (second, one)],
    }
    for lie, changes in lies.items():
        data = bytearray(good)
        for at, number in changes:
            data[at : at + 8] = number
        with Snapshot.open(written(tmp_path, sealed(data))) as snapshot:
            error = attempt(lambda: snapshot.to_arrow("venue"))
            assert str(error).startswith("DecodeError: "), lie
            assert "index.value" in error, lie


@pytest.mark.parametrize("place", [0, 3, 5, 6, 7, 10, 11])
def test_a_broken_header_is_refused_as_by_single_records(place: int, tmp_path: Path) -> None:
    data = bytearray(support.golden("v2-64"))
    message = next(m for m in decode_stream(bytes(data)) if is_of(m, "currency"))
    data[message.offset + place] ^= 0x40
    with Snapshot.open(written(tmp_path, sealed(data))) as snapshot:
        expected = attempt(lambda: decode_message(snapshot.data, message.offset))
        found = attempt(lambda: snapshot.to_arrow("currency"))
        assert isinstance(expected, str)
        assert found == expected


def test_a_key_of_no_bytes_is_refused(tmp_path: Path) -> None:
    good = support.golden("v2-64")
    for name, place in (("currency", 18), ("asset", 18), ("pair", 33)):
        message = next(m for m in decode_stream(good) if is_of(m, name))
        payload = message.payload[:place] + b"\0" + message.payload[place + 1 + message.payload[place] :]
        with (
            Snapshot.open(written(tmp_path, with_payload(good, message, payload))) as snapshot,
            pytest.raises(DecodeError, match="expected a key of 1 to 255 bytes, found an empty one"),
        ):
            snapshot.to_arrow(name)


def test_days_and_times_outside_their_limits_are_refused_as_by_single_records(tmp_path: Path) -> None:
    good = support.golden("v2-128")
    expiry, end, opening = -719_162, u64(1_798_859_045_000_006_000), struct.pack("<I", 9 * 3600 + 1800)
    changes = [
        ("option", None, struct.pack("<i", expiry), True),
        ("option", None, struct.pack("<i", expiry - 1), False),
        ("option", None, struct.pack("<i", 2_932_896), True),
        ("option", None, struct.pack("<i", 2_932_897), False),
        ("asset", end, u64(9_214_646_400_000_000_000 - 1000), True),
        ("asset", end, u64(9_214_646_400_000_000_000), False),
        ("asset", end, u64(1001), False),
        ("venue", opening, struct.pack("<I", 86_399), True),
        ("venue", opening, struct.pack("<I", 86_400), False),
    ]
    for name, old, new, is_good in changes:
        message = next(m for m in decode_stream(good) if is_of(m, name) and (old is None or old in m.payload))
        at = message.payload.index(old) if old else 20 + (4 if message.payload[18] else -1)  # behind `osi_root`
        payload = message.payload[:at] + new + message.payload[at + len(new) :]
        with Snapshot.open(written(tmp_path, with_payload(good, message, payload))) as snapshot:
            expected = attempt(lambda: careful(snapshot, [message.offset]))  # noqa: B023
            found = attempt(lambda: rows(snapshot.to_arrow(name)))  # noqa: B023
        assert isinstance(found, list) == isinstance(expected, list) == is_good
        if not is_good:
            assert found == expected


def test_a_list_of_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    words = tuple(f"w{n:04}" for n in range(1024))
    venue = Entry("venue", b"v" * 16, 1, 1, {"status": "active", "slug": "v", "blockchains": words})
    path = tmp_path / "words.snap"
    support.write(path, [venue, support.entry_of(BTC)])
    good = path.read_bytes()
    message = next(m for m in decode_stream(good) if is_of(m, "venue"))
    count = struct.pack("<H", 1024)
    for more, what in ((1023, None), (1025, "expected at most 1024, found 1025")):
        payload = message.payload.replace(count + b"\x05w", struct.pack("<H", more) + b"\x05w") + b"\x05w9999"
        with Snapshot.open(written(tmp_path, with_payload(good, message, payload))) as snapshot:
            if what:
                with pytest.raises(LimitExceeded, match=what):
                    snapshot.to_arrow("venue")
            else:
                assert len(snapshot.to_arrow("venue")["blockchains"][0]) == 1023


def test_a_message_that_swallows_the_next_is_refused(tmp_path: Path) -> None:
    """For a reader of single records these would be the unknown fields of a newer format."""
    good = support.golden("v2-64")
    first, second = [m for m in decode_stream(good) if is_of(m, "venue")][:2]
    swallowed = good[first.offset + HEADER_SIZE : second.end]
    with Snapshot.open(written(tmp_path, with_payload(good, first, swallowed))) as snapshot:
        with pytest.raises(DecodeError, match=r"venue\.payload_size: expected a payload that ends before the next"):
            snapshot.to_arrow("venue")
        assert snapshot.to_arrow("currency").num_rows == 1


def test_an_index_that_finds_another_id_is_refused(tmp_path: Path) -> None:
    good = support.golden("v2-64")
    message = next(m for m in decode_stream(good) if is_of(m, "pair"))
    named, wrong = BTC.id.bytes[:8], BTC.id.bytes[:7] + bytes((BTC.id.bytes[7] ^ 1,))
    with Snapshot.open(written(tmp_path, good)) as snapshot:
        head = snapshot.index_heads()[1]
    changed = bytearray(with_payload(good, message, message.payload.replace(named, wrong)))
    slot = changed.index(named, head.ofs_slots)
    changed[slot : slot + 8] = wrong
    expected = f"expected the id `{wrong.hex()}`, which the index has here"
    with (
        Snapshot.open(written(tmp_path, sealed(changed))) as snapshot,
        pytest.raises(DecodeError, match=expected),
    ):
        snapshot.to_arrow("pair")


def written(directory: Path, data: bytes) -> Path:
    path = directory / "file.snap"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("id_bits", [64, 128])
def test_what_a_newer_format_adds_is_passed_over(id_bits: int, tmp_path: Path) -> None:
    with Snapshot.open(written(tmp_path, version_3(id_bits))) as snapshot:
        for name in LAYOUTS:
            found = without_change(snapshot.to_arrow(name))
            assert found == [row(record) for record in snapshot.records(name)] != []
        for name in ("alias", "succession", "tombstone"):
            assert snapshot.to_arrow(name).num_rows == 2


def test_an_instrument_of_a_newer_type_hides_no_other(tmp_path: Path) -> None:
    good = support.golden("v2-64")
    message = next(m for m in decode_stream(good) if is_of(m, "currency"))
    payload = message.payload[:16] + b"\x0a" + message.payload[17:]
    with Snapshot.open(written(tmp_path, with_payload(good, message, payload))) as snapshot:
        assert without_change(snapshot.to_arrow("stock")) == [row(AAPL)]
        assert snapshot.to_arrow("alias").num_rows == 2


# --- life -----------------------------------------------------------------------------------------------------------


def test_a_snapshot_closes_while_its_columns_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "ROWS", 1)
    support.write(tmp_path / "universe.snap", support.universe())
    snapshot = Snapshot.open(tmp_path / "universe.snap")
    batches = snapshot.to_batches("venue", threads=1)
    kept = next(batches)
    snapshot.close()
    assert kept.num_rows == 1
    kept.validate(full=True)
    with pytest.raises(ValueError, match="the snapshot is closed"):
        next(batches)
    another = Snapshot.open(tmp_path / "universe.snap")
    another.close()
    for closed in (snapshot, another):
        with pytest.raises(ValueError, match="the snapshot is closed"):
            closed.to_arrow("venue")


def test_the_digest_is_proved_once(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot.to_arrow("token")
    monkeypatch.setattr("catalog.snapshot.mapped.blake3", None)
    assert snapshot.to_arrow("token").num_rows == 1


def test_without_the_libraries_it_is_said_how_to_get_them(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("columns", "places", "vectors", "parquet"):
        monkeypatch.delitem(sys.modules, f"catalog.snapshot.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(extra.MissingExtra, match="this needs pyarrow, which is not installed") as caught:
        snapshot.to_arrow("token")
    assert caught.value.hint == "run: pip install 'instrument-catalog[arrow]'"


def test_look_ups_do_without_the_libraries(tmp_path: Path) -> None:
    support.write(tmp_path / "universe.snap", support.universe())
    code = (
        "import sys; from catalog.snapshot import Snapshot\n"
        f"with Snapshot.open(sys.argv[1]) as s: s.get({str(AAPL.id)!r})\n"
        "assert not {'numpy', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "universe.snap"], check=True)


def test_entries_of_all_kinds_were_looked_at() -> None:
    kinds = {type(entry) for entry in support.universe()}
    assert kinds == {Entry, AliasEntry, SuccessionEntry, TombstoneEntry}
    assert places.HEADER_START == 0x01_00_DEADBEEF
