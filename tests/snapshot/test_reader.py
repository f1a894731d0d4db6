"""Look-ups in a file: every key, every kind of id argument, both id widths, many answers, misses."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.domain import Asset, Record, Stock, Token
from catalog.errors import DecodeError, InvalidIdentifier, NotFound, Truncated
from catalog.snapshot import Snapshot, SnapshotError
from catalog.wire.frame import decode_message, encode_message
from catalog.wire.layout import INSTRUMENT
from tests.snapshot import support
from tests.snapshot.support import AAPL, APPLE, BINANCE, BTC, DOLLAR, ETHER, HOME, LUNA, NASDAQ, PAIR, SPY, TOKEN, USDT


@pytest.fixture(params=[64, 128])
def snapshot(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    path = tmp_path / "universe.snap"
    support.write(path, support.universe(), request.param)
    with Snapshot.open(path, copy=request.param == 128) as opened:
        yield opened


def test_ids_are_located_as_text_bytes_and_id(snapshot: Snapshot) -> None:
    offset = snapshot.locate(AAPL.id)
    assert offset is not None
    assert snapshot.locate(str(AAPL.id)) == snapshot.locate(AAPL.id.bytes) == offset
    assert snapshot.locate(bytearray(AAPL.id.bytes)) == offset  # type: ignore[arg-type]
    assert snapshot.get_at(offset) == AAPL
    assert snapshot.locate(APPLE.id) is None
    assert snapshot.locate(APPLE.id, "security") is not None


@pytest.mark.parametrize("id", ["0" * 32, "f" * 32, AAPL.id[:16] + "0" * 16, "0" * 31 + "1"])
def test_what_is_not_there_is_not_located(snapshot: Snapshot, id: str) -> None:
    assert snapshot.locate(id) is None
    with pytest.raises(NotFound, match=id):
        snapshot.get(id)


@pytest.mark.parametrize(
    "id", ["", "xyz", "0" * 31, "0" * 33, "00" * 17, b"", b"0" * 15, b"0" * 17, 7, None, AAPL.id[:16]]
)
def test_what_is_no_id_is_refused(snapshot: Snapshot, id: Any) -> None:
    for call in (snapshot.locate, snapshot.get, snapshot.view, snapshot.listings_of):
        with pytest.raises(InvalidIdentifier, match="invalid id"):
            call(id)
    with pytest.raises(InvalidIdentifier, match="invalid kind"):
        snapshot.locate(AAPL.id, "fish")


def test_every_record_is_got_by_its_id(snapshot: Snapshot) -> None:
    for record in support.RECORDS:
        if record.record != "listing":
            found = snapshot.get(record.id, record.kind)
            assert found == record
            assert found.id == record.id
            assert found.__dict__["id"] == record.id  # set from the file, once it is proved


def test_an_alias_answers_with_its_target(snapshot: Snapshot) -> None:
    alias, disputed = support.ALIASES
    assert snapshot.locate(alias.id) != snapshot.locate(AAPL.id)
    assert snapshot.get(alias.id) == AAPL
    assert snapshot.view(alias.id).id == AAPL.id
    with pytest.raises(NotFound, match=disputed.id.hex()) as caught:
        snapshot.get(disputed.id)
    assert "a dispute is open" in str(caught.value.hint)


def test_a_view_decodes_single_fields(snapshot: Snapshot) -> None:
    view = snapshot.view(PAIR.id, "pair")
    assert (view.record, view.id, view.sequence) == ("pair", PAIR.id, 27)
    assert view.changed_at_ns == support.FIRST_NS + 27_000
    assert view.tick_size == Decimal("0.01")
    assert view.base_id == BTC.id
    assert view.max_price is None
    assert view.venue_status == "TRADING"
    assert view.values() == {n: v for n, v in support.entry_of(PAIR).values.items() if v is not None}
    with pytest.raises(AttributeError, match="a pair has no field 'isin'"):
        _ = view.isin
    assert "View of pair" in repr(view)


def test_every_key_finds_its_records(snapshot: Snapshot) -> None:
    assert snapshot.by_isin("US0378331005") == [APPLE, AAPL]
    assert snapshot.by_cusip("037833100") == [APPLE, AAPL]
    assert snapshot.by_figi("BBG000B9XRY4") == [AAPL]
    assert snapshot.by_figi("BBG001S5N8V8") == [APPLE]
    assert snapshot.by_symbol("AAPL") == [AAPL]
    assert snapshot.by_symbol("USD") == [DOLLAR]
    assert snapshot.by_symbol("ETH") == [ETHER]
    assert snapshot.by_exchange_symbol("binance", "BTC") == [BTC]
    assert snapshot.by_exchange_symbol("binance", "BTCUSDT") == [support.PERPETUAL, PAIR]
    assert snapshot.by_exchange_symbol("binance", "BTC-USDT") == [PAIR]
    assert snapshot.by_exchange_symbol("binance", "BTC/USDT") == [PAIR]
    assert snapshot.by_exchange_symbol("binance", "LUNA") == [LUNA]
    assert snapshot.by_exchange_symbol("XNAS", "AAPL") == [AAPL]
    assert snapshot.by_exchange_symbol("ARCX", "SPY") == [SPY]
    assert snapshot.pairs_for(BTC.id, USDT.id) == [PAIR]
    assert snapshot.pairs_for(USDT.id, BTC.id) == []
    assert snapshot.listings_of(AAPL.id) == [HOME]
    assert snapshot.listings_of(SPY.id) == []


def test_keys_that_nothing_has_give_nothing(snapshot: Snapshot) -> None:
    assert snapshot.by_isin("CA82509L1076") == []
    assert snapshot.by_cusip("594918104") == []
    assert snapshot.by_figi("BBG000BPH459") == []
    assert snapshot.by_symbol("") == snapshot.by_symbol("aapl") == []
    assert snapshot.by_exchange_symbol("XNAS", "BTC") == []
    assert snapshot.by_exchange_symbol("alpaca", "BTC/USDT") == []
    assert snapshot.by_address("0x" + "1" * 40) == []


def test_addresses_are_normalised(snapshot: Snapshot) -> None:
    checksummed = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"
    assert snapshot.by_address(support.USDC) == snapshot.by_address(checksummed) == [TOKEN]
    assert (
        snapshot.by_address(checksummed, "eip155:1")
        == snapshot.by_address(checksummed, blockchain="eip155:1")
        == [TOKEN]
    )
    assert snapshot.by_address(checksummed, "eip155:10") == []
    with pytest.raises(InvalidIdentifier, match="EIP-55"):
        snapshot.by_address(checksummed.replace("A0b", "a0B"))


def test_records_are_given_by_type(snapshot: Snapshot) -> None:
    assert list(snapshot.records("venue")) == sorted([NASDAQ, BINANCE, support.CME, support.ALPACA], key=id_of)
    assert list(snapshot.records("asset")) == sorted([BTC, USDT, LUNA, support.LUNC], key=id_of)
    assert [r.record for r in snapshot.records("pair")] == ["pair"]
    with pytest.raises(NotFound):
        next(snapshot.records("fish"))
    assert len(list(snapshot)) == len(snapshot) == support.INSTRUMENTS
    assert snapshot.counts["asset"] == 4


def test_one_key_with_many_answers_gives_all(tmp_path: Path) -> None:
    chains = ["eip155:1", "eip155:31337"]
    records: list[Record] = [
        Token(blockchain=chain, address=f"0x{n:040x}", symbol="SPAM", token_id=None)
        for n in range(1, 200)
        for chain in chains
    ]
    lines = [Stock(mic=mic, isin="US0378331005", currency="USD", ticker="SPAM") for mic in ("XNAS", "XETR", "XLON")]
    records += lines
    for bits in (64, 128):
        path = tmp_path / f"{bits}.snap"
        support.write(path, support.numbered(map(support.entry_of, records)), bits)
        with Snapshot.open(path) as snapshot:
            assert snapshot.by_symbol("SPAM") == sorted(records, key=id_of)
            assert snapshot.by_isin("US0378331005") == sorted(lines, key=id_of)
            one = snapshot.by_address("0x" + f"{7:040x}")
            assert {getattr(r, "blockchain", "") for r in one} == set(chains)
            assert len(snapshot.by_address("0x" + f"{7:040x}", chains[1])) == 1
            offsets = snapshot.locate_symbol("SPAM")
            assert len(offsets) == len(records)
            assert list(offsets) == sorted(offsets)


def test_a_foreign_hash_in_a_narrow_file_is_no_answer(tmp_path: Path) -> None:
    """Two ids that share 64 bits: the file has one of them, and the other one is not in it."""
    path = tmp_path / "one.snap"
    support.write(path, support.numbered([support.entry_of(AAPL)]), 64)
    with Snapshot.open(path) as snapshot:
        other = AAPL.id.bytes[:8] + bytes(8)
        assert snapshot.locate(other) is None
        with pytest.raises(NotFound):
            snapshot.get(other)


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 10**9), max_size=60), st.sampled_from([64, 128]))
def test_what_is_written_is_found(numbers: set[int], bits: int) -> None:
    from tempfile import TemporaryDirectory

    records = [Asset(exchange="binance", symbol=f"S{n}") for n in numbers]
    with TemporaryDirectory() as directory:
        path = Path(directory) / "x.snap"
        support.write(path, support.numbered(map(support.entry_of, records)), bits)
        with Snapshot.open(path) as snapshot:
            assert list(snapshot) == sorted(records, key=id_of)
            assert all(snapshot.get(r.id) == r for r in records)
            assert all(snapshot.by_symbol(r.symbol) == [r] for r in records)
            assert all(snapshot.locate(os.urandom(16)) is None for _ in range(20))


def test_an_empty_snapshot_answers_nothing(tmp_path: Path) -> None:
    path = tmp_path / "empty.snap"
    support.write(path, [], 64)
    with Snapshot.open(path) as snapshot:
        assert len(snapshot) == 0
        assert [*snapshot, *snapshot.records(), *snapshot.aliases(), *snapshot.tombstones()] == []
        assert snapshot.locate(AAPL.id) is None
        assert snapshot.by_symbol("AAPL") == []


def test_a_closed_snapshot_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.snap"
    support.write(path, support.universe(), 64)
    for copy in (False, True):
        snapshot = Snapshot.open(path, copy=copy)
        snapshot.close()
        snapshot.close()
        for call in (snapshot.locate, snapshot.get):
            with pytest.raises(ValueError, match="closed"):
                call(AAPL.id)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="No such file"):
        Snapshot.open(tmp_path / "none.snap")
    with pytest.raises(SnapshotError, match="directory"):
        Snapshot.open(tmp_path)
    for content in (b"", b"x" * 495, bytes(10_000), b"{}" * 5000):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(DecodeError):
            Snapshot.open(tmp_path / "bad")


def test_a_replaced_file_leaves_the_open_one_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.snap"
    support.write(path, support.universe(), 64)
    with Snapshot.open(path) as snapshot:
        support.write(path, [], 64)
        assert snapshot.get(AAPL.id) == AAPL
    with Snapshot.open(path) as snapshot:
        assert len(snapshot) == 0


def test_threads_share_a_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "x.snap"
    support.write(path, support.universe(), 64)
    wrong: list[object] = []
    with Snapshot.open(path) as snapshot:

        def look() -> None:
            for _ in range(50):
                for record in (AAPL, TOKEN, BTC):
                    if snapshot.get(record.id) != record or snapshot.by_symbol("AAPL") != [AAPL]:
                        wrong.append(record)  # noqa: PERF401 - an event, not a list in the making

        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_the_reader_starts_light(tmp_path: Path) -> None:
    """Import, open, locate and view load neither SQLAlchemy nor pydantic, and stay below 20 MiB."""
    path = tmp_path / "x.snap"
    support.write(path, support.universe(), 64)
    program = """
import sys
from catalog.snapshot import Snapshot
path, id = sys.argv[1:]
with Snapshot.open(path) as snapshot:
    assert snapshot.locate(id) and snapshot.locate_isin("US0378331005")
    assert snapshot.view(id).ticker == "AAPL"
    heavy = {"sqlalchemy", "pydantic", "psycopg", "numpy", "catalog.domain"} & set(sys.modules)
    assert not heavy, heavy
    if sys.platform == "linux":
        status = open("/proc/self/status").read()
        resident = int(status.partition("VmRSS:")[2].split()[0])
        assert resident < 20 * 1024, resident
    assert snapshot.get(id).ticker == "AAPL"
    assert "pydantic" in sys.modules and "sqlalchemy" not in sys.modules
"""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", program, str(path), AAPL.id]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def id_of(record: Record) -> str:
    return record.id


def test_what_is_on_an_instrument(snapshot: Snapshot) -> None:
    assert snapshot.options_of(AAPL.id) == [support.AAPL_CALL]
    on_bitcoin = sorted((support.PERPETUAL, support.BTC_PUT), key=lambda r: r.id)
    assert snapshot.derivatives_of(BTC.id) == on_bitcoin
    assert snapshot.options_of(ETHER.id) == []
    assert snapshot.broker_contracts_of(AAPL.id) == [support.ALPACA_AAPL]


def test_pools_by_two_of_their_tokens(snapshot: Snapshot) -> None:
    both = sorted((support.POOL, support.WEIGHTED), key=lambda r: r.id)
    assert snapshot.pools_for(TOKEN.id, ETHER.id) == both
    assert snapshot.pools_for(ETHER.id, TOKEN.id) == both
    assert snapshot.pools_for(ETHER.id, BTC.id) == []
    assert snapshot.pools_for(ETHER.id, ETHER.id) == []


def test_derivatives_and_synthetics_by_symbol(snapshot: Snapshot) -> None:
    assert snapshot.by_symbol("AAPL  270115C00200000") == [support.AAPL_CALL]
    assert snapshot.by_symbol("Basis") == [support.BASIS]
    assert snapshot.by_exchange_symbol("XCME", "ESZ6") == [support.ES]
    assert snapshot.by_exchange_symbol("alpaca", "ESZ6") == [support.ALPACA_ES]
    assert snapshot.by_address(support.POOL.address) == [support.POOL]


def test_event_types_by_their_number(snapshot: Snapshot) -> None:
    assert snapshot.event_type(2318513829) == support.SWAP
    for number in (0, -1, 1 << 32):
        with pytest.raises(NotFound):
            snapshot.event_type(number)


def test_successions_from_both_sides(snapshot: Snapshot) -> None:
    (one,) = snapshot.successions_of(LUNA.id)
    assert (one.succession_kind, one.ratio, one.is_in_effect) == ("migration", Decimal(1), True)
    assert snapshot.successions_of(support.LUNC.id) == [one]
    assert snapshot.successions_of(BTC.id) == []
    (later,) = snapshot.successions_of(APPLE.id, "security")
    assert (later.successor, later.ratio, later.is_in_effect) == (support.LATER.id.bytes, None, False)
    assert list(snapshot.successions()) == [one, later]


def test_a_list_is_seen_without_validation(snapshot: Snapshot) -> None:
    view = snapshot.view(support.WEIGHTED.id, "pool")
    assert [(t.instrument_id, t.weight) for t in view.tokens] == [
        (ETHER.id, Decimal("0.8")),
        (TOKEN.id, Decimal("0.2")),
    ]
    assert snapshot.view(support.BASIS.id).components[3].measure == "days_to_expiry"


def test_a_record_with_lists_is_remembered_whole(snapshot: Snapshot) -> None:
    for record in (support.POOL, support.WEIGHTED, support.BASIS, support.SWAP, support.ALERT):
        for _ in range(3):
            again = snapshot.get(record.id, record.kind)
            assert again == record
            assert again.to_json() == record.to_json()


@pytest.mark.parametrize(
    ("words", "posting", "value"),
    [
        ("index.value: expected an offset of at most", None, 2**40),
        ("index.value: expected a list from", None, 2**63 + 8),
        ("index.count: expected at most", 0, 2**40),
        ("index.postings: expected two or more ascending", 0, 1),
        ("index.postings: expected two or more ascending", 2, 1),
        ("index.postings: expected two or more ascending", 2, 2**40),
    ],
)
def test_an_index_that_points_outside_says_so(words: str, posting: int | None, value: int, tmp_path: Path) -> None:
    """The error lies in the index and not where that points to."""
    path = tmp_path / "x.snap"
    support.write(path, support.universe(), 64)
    with Snapshot.open(path, copy=True) as snapshot:
        head, data = snapshot.index_heads()[17], bytearray(snapshot.data)
    place = slot_of(head, data) if posting is None else head.ofs_postings + 8 * posting
    data[place : place + 8] = value.to_bytes(8, "little")
    path.chmod(0o600)
    path.write_bytes(data)
    with Snapshot.open(path) as snapshot, pytest.raises(DecodeError, match=words) as caught:
        snapshot.by_isin("US0378331005")
    assert head.ofs_slots <= caught.value.offset < head.end


def slot_of(head: Any, data: bytearray) -> int:
    """Where the value is that points to a list."""
    places = range(head.ofs_slots + 8, head.ofs_postings, 16)
    return next(place for place in places if data[place + 7] & 0x80)


def test_an_instrument_that_ends_before_its_type_is_not_passed_over(tmp_path: Path) -> None:
    """It could be of a type that this version does not know, and is cut all the same."""
    path = tmp_path / "cut.snap"
    data = bytearray(support.write(path, support.universe()).path.read_bytes())
    with Snapshot.open(path) as whole:
        at = whole.locate(AAPL.id)
        assert at is not None
        payload = data[at + 32 : at + 48]
    short = encode_message(INSTRUMENT, bytes(payload), 1, 0)
    rest = encode_message(0x70, bytes(len(decode_message(bytes(data), at).payload) - len(payload) - 32), 1, 0)
    data[at : at + len(short) + len(rest)] = short + rest
    path.chmod(0o644)
    path.write_bytes(data)
    with Snapshot.open(path, copy=True) as cut, pytest.raises(Truncated, match="instrument_type"):
        list(cut.records())


@pytest.mark.parametrize("copy", [False, True])
def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path: Path, copy: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SnapshotError, match="it is not a file"):
        Snapshot.open(tmp_path / "pipe", copy=copy)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 98, 463, 495])
def test_too_few_bytes_are_told(size: int) -> None:
    data = support.golden("v2-64")[:size]
    with pytest.raises(DecodeError):
        Snapshot(data, Path("memory"))
