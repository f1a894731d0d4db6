"""One small universe with a record of every type, as records and as what the writer takes; and writing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from catalog.domain import (
    Asset,
    BrokerContract,
    Currency,
    Etf,
    EventType,
    Future,
    Listing,
    Native,
    Option,
    Pair,
    Pool,
    Record,
    Security,
    Stock,
    Synthetic,
    Token,
    Venue,
)
from catalog.domain.identity import digest, encode_identity
from catalog.snapshot.entries import AliasEntry, AnyEntry, Entry, SuccessionEntry, TombstoneEntry
from catalog.snapshot.writer import SnapshotHeader, SnapshotInfo, write_snapshot
from catalog.wire.layout import CODE_OF, LAYOUTS, SECTION_ORDER
from tests.make import make

GOLDEN = Path(__file__).parent / "golden"
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
AS_OF_NS = 1_700_000_000_000_001_000
HORIZON_NS = 1_692_224_000_000_001_000
FIRST_NS = 1_600_000_000_000_000_000
VOCABULARIES: dict[str, dict[str, int]] = {
    "blockchain": {"eip155:1": 1, "eip155:31337": 0x8000},
    "component_measure": {"price": 1, "days_to_expiry": 2},
    "event_field_type": {"instrument_id": 1, "uint64": 3, "string": 5, "array": 9, "decimal": 24},
    "event_priority": {"critical": 1, "low": 4},
    "event_source": {"defi": 1, "internal": 4},
    "exercise_style": {"american": 1, "european": 2},
    "market_kind": {"spot": 1},
    "option_kind": {"call": 1, "put": 2},
    "pool_type": {"concentrated_liquidity": 2, "weighted": 4},
    "settlement_type": {"cash": 1, "physical": 2},
    "status": {"active": 1, "suspended": 2, "retired": 3},
    "succession_kind": {"isin_change": 3, "migration": 5},
    "token_standard": {"erc20": 1},
    "venue_type": {"stock_exchange": 1, "crypto_exchange": 2, "futures_exchange": 3, "broker": 6},
}

APPLE = Security(
    isin="US0378331005",
    cusip="037833100",
    share_class_figi="BBG001S5N8V8",
    name="Apple Inc.",
    issuer_lei="HWUPKR0MPOU8FGXBT394",
    cfi="ESVUFR",
    country="US",
)
NASDAQ = make(
    Venue,
    mic="XNAS",
    name="Nasdaq",
    venue_type="stock_exchange",
    operating_mic="XNAS",
    country="US",
    city="New York",
    timezone="America/New_York",
    session_open="09:30",
    session_close="16:00",
)
CME = make(
    Venue,
    mic="XCME",
    name="CME",
    venue_type="futures_exchange",
    clearing_house="CME Clearing",
    contract_types=("future", "option on future"),
    exercise_styles=("american", "european"),
)
ALPACA = make(Venue, slug="alpaca", name="Alpaca", venue_type="broker", blockchains=("eip155:1",))
BINANCE = make(Venue, slug="binance", name="Binance", venue_type="crypto_exchange", website="https://www.binance.com/")
TOKEN = Token(blockchain="eip155:1", address=USDC, symbol="USDC", name="USD Coin", decimals=6, token_standard="erc20")
ETHER = Native(blockchain="eip155:1", symbol="ETH", name="Ether", decimals=18)
BTC = make(Asset, exchange="binance", symbol="BTC")
USDT = make(Asset, exchange="binance", symbol="USDT")
LUNA = make(Asset, exchange="binance", symbol="LUNA", generation="2", status="suspended")
AAPL = Stock(
    mic="XNAS",
    isin="US0378331005",
    ticker="AAPL",
    currency="USD",
    name="Apple Inc.",
    figi="BBG000B9XRY4",
    composite_figi="BBG000B9XRY4",
    sector="Informatique & matériel",
    country="US",
)
SPY = Etf(
    mic="ARCX",
    ticker="SPY",
    currency="USD",
    name="SPDR S&P 500 ETF Trust",
    country="US",
    underlying_index="S&P 500",
    expense_ratio=Decimal("0.000945"),
)
DOLLAR = Currency(iso_code="USD", name="US Dollar", numeric_code="840", decimals=2, country="US")
HOME = Listing(
    instrument_id=AAPL.id,
    venue_id=NASDAQ.id,
    symbol="AAPL",
    currency="USD",
    tick_size=Decimal("0.01"),
    lot_size=Decimal(100),
)
PLAIN_LISTING = Listing(instrument_id=BTC.id, venue_id=BINANCE.id)
PAIR = Pair(
    exchange="binance",
    symbol="BTCUSDT",
    base_id=BTC.id,
    quote_id=USDT.id,
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00001"),
    min_quantity=Decimal("0.00001"),
    max_quantity=Decimal(9000),
    min_price=Decimal(0),
    min_notional=Decimal(5),
    maker_fee_bps=Decimal("-0.5"),
    taker_fee_bps=Decimal("9.99999999999999999"),
    venue_status="TRADING",
    other_symbols=("BTC-USDT", "BTC/USDT"),
)
LUNC = make(Asset, exchange="binance", symbol="LUNC", delist_at="2027-01-02T03:04:05.000006Z")
ES = make(
    Future,
    mic="XCME",
    symbol="ESZ6",
    last_trading_date="2026-12-18",
    name="E-mini S&P 500, December 2026",
    product="ES",
    currency="USD",
    contract_multiplier="50",
    tick_size="0.25",
    settlement_type="cash",
    first_trading_date="2021-09-20",
    expires_at="2026-12-18T14:30:00Z",
)
PERPETUAL = make(
    Future,
    exchange="binance",
    segment="usdm",
    symbol="BTCUSDT",
    is_inverse=False,
    underlying_id=BTC.id,
    quote_id=USDT.id,
    settlement_id=USDT.id,
    margin_id=USDT.id,
    contract_multiplier="1",
    venue_status="TRADING",
)
AAPL_CALL = make(
    Option,
    osi_root="AAPL",
    expiry_date="2027-01-15",
    option_kind="call",
    strike_price="200",
    exercise_style="american",
    underlying_id=AAPL.id,
    currency="USD",
    contract_multiplier="100",
    settlement_type="physical",
    is_adjusted=False,
)
BTC_PUT = make(
    Option,
    exchange="binance",
    symbol="BTC-261225-100000-P",
    expiry_date="2026-12-25",
    option_kind="put",
    strike_price="100000",
    exercise_style="european",
    underlying_id=BTC.id,
    deliverable="1 BTC",
)
POOL = make(
    Pool,
    blockchain="eip155:1",
    address="0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640",
    tokens=[{"instrument_id": TOKEN.id}, {"instrument_id": ETHER.id}],
    dex="uniswap_v3",
    pool_type="concentrated_liquidity",
    fee="0.0005",
    tick_spacing=10,
    factory="0x1f98431c8ad98523631ae4a59f267346ea31f984",
)
WEIGHTED = make(
    Pool,
    blockchain="eip155:1",
    address="0x000000000004444c5dc75cb358380d2e3de08a90",
    pool_id="0x21c67e77068de97969ba93d4aab21826d33ca12bb9f565d8496e8fda8a82ca27",
    tokens=[{"instrument_id": ETHER.id, "weight": "0.8"}, {"instrument_id": TOKEN.id, "weight": "0.2"}],
    name="Four fifths",
    pool_type="weighted",
    is_dynamic_fee=True,
    hooks="0x0000000000000000000000000000000000000000",
)
ALPACA_AAPL = make(
    BrokerContract,
    broker="alpaca",
    symbol="AAPL",
    instrument_id=AAPL.id,
    mic="XNAS",
    timezone="America/New_York",
    session_open="09:30",
    session_close="16:00",
    pre_market_open="04:00",
    pre_market_close="09:30",
    after_hours_open="16:00",
    after_hours_close="20:00:30",
    shares_outstanding="14681140000",
    dividend_yield="0.0038",
    long_margin_rate="0.3",
    is_tradable=True,
    is_fractionable=True,
    is_easy_to_borrow=False,
)
ALPACA_ES = make(
    BrokerContract,
    broker="alpaca",
    symbol="ESZ6",
    instrument_id=ES.id,
    contract_multiplier="50",
    tick_value="12.5",
    settlement_type="cash",
    margin_currency="USD",
    initial_margin="23000",
    maintenance_margin="21000",
)
SWAP = make(
    EventType,
    name="uniswap_v3_swap",
    version=1,
    event_source="defi",
    blockchain="eip155:1",
    protocol="uniswap_v3",
    priority="critical",
    size_hint=24,
    fields=[
        {"name": "token", "field_type": "instrument_id", "byte_offset": 0},
        {"name": "amount", "field_type": "uint64", "byte_offset": 16, "is_required": False},
    ],
)
ALERT = make(
    EventType,
    name="alert",
    version=2,
    event_source="internal",
    component="risk",
    event_class="alert",
    priority="low",
    id_bits=128,
    fields=[
        {"name": "text", "field_type": "string", "max_length": 200},
        {"name": "values", "field_type": "array", "max_length": 8, "element_type": "decimal"},
    ],
)
BASIS = make(
    Synthetic,
    name="Basis",
    formula="(ES - PAIR) / (POOL * DAYS)",
    components=[
        {"variable": "ES", "instrument_id": ES.id},
        {"variable": "PAIR", "pair_id": PAIR.id},
        {"variable": "POOL", "pool_id": POOL.id},
        {"variable": "DAYS", "instrument_id": ES.id, "measure": "days_to_expiry"},
    ],
    update_interval_ns=1_000_000_000,
    min_value="-0.5",
    max_value="0.5",
    outlier_threshold="3",
    stale_after_ns=5_000_000_000,
)
LATER = Security(isin="US5949181045")
RECORDS: list[Record] = [
    APPLE, LATER, NASDAQ, BINANCE, CME, ALPACA, TOKEN, ETHER, BTC, USDT, LUNA, LUNC, AAPL, SPY, DOLLAR, ES, PERPETUAL, AAPL_CALL,
    BTC_PUT, BASIS, HOME, PLAIN_LISTING, POOL, WEIGHTED, PAIR, ALPACA_AAPL, ALPACA_ES, SWAP, ALERT,
]  # fmt: skip
INSTRUMENTS = sum(record.kind == "instrument" for record in RECORDS)
AAPL_TICKER = ("equity-by-ticker", "XNAS", "AAPL", "USD", "")
DISPUTED = ("equity-by-ticker", "XETR", "APC", "EUR", "")


def id_of(*identity: str, kind: str = "instrument") -> bytes:
    return digest(kind, encode_identity(identity))


ALIASES = [
    AliasEntry(id_of(*AAPL_TICKER), AAPL.id.bytes, 0, 0, encode_identity(AAPL_TICKER)),
    AliasEntry(id_of(*DISPUTED), None, 0, 0, encode_identity(DISPUTED)),
]
SUCCESSIONS = [
    SuccessionEntry(1, LUNA.id.bytes, LUNC.id.bytes, "migration", Decimal(1), 1_653_696_000_000_000_000, True, 0, 0),
    SuccessionEntry(2, APPLE.id.bytes, LATER.id.bytes, "isin_change", None, 1_800_000_000_000_000_000, False, 0, 0),
]
TOMBSTONES = [
    TombstoneEntry(1, id_of("equity-by-ticker", "XNYS", "TWTR", "USD", ""), "stock", 0, 0),
    TombstoneEntry(5, id_of("binance", "spot", "BCCBTC", "", kind="pair"), "pair", 0, 0),
]


def entry_of(record: Record, sequence: int = 1, timestamp_ns: int = FIRST_NS) -> Entry:
    values: dict[str, Any] = {name: getattr(record, name) for name in type(record).model_fields if name != "record"}
    return Entry(record.record, b"" if record.record == "listing" else record.id.bytes, sequence, timestamp_ns, values)


def in_order(entries: Iterable[AnyEntry]) -> list[AnyEntry]:
    """The entries as a file orders them."""

    def place(entry: AnyEntry) -> tuple[Any, ...]:
        if isinstance(entry, AliasEntry):
            return SECTION_ORDER.index(CODE_OF["alias"][0]), entry.id
        if isinstance(entry, SuccessionEntry):
            code = VOCABULARIES["succession_kind"][entry.succession_kind]
            key = bytes((entry.kind,)) + entry.predecessor + entry.successor + bytes((code,))
            return SECTION_ORDER.index(CODE_OF["succession"][0]), key
        if isinstance(entry, TombstoneEntry):
            return SECTION_ORDER.index(CODE_OF["tombstone"][0]), bytes((entry.kind,)) + entry.id
        values, rank = entry.values, SECTION_ORDER.index(LAYOUTS[entry.record].message)
        if entry.id:
            return rank, entry.id
        legs = bytes.fromhex(values["instrument_id"] + values["venue_id"])
        return rank, legs + (values.get("symbol") or "").encode()

    return sorted(entries, key=place)


def numbered(entries: Iterable[AnyEntry]) -> list[AnyEntry]:
    """The entries in file order with the sequences 1, 2, 3 … and a microsecond between their times."""
    ordered = enumerate(in_order(entries), start=1)
    return [entry._replace(sequence=n, timestamp_ns=FIRST_NS + n * 1000) for n, entry in ordered]


def count(entries: Iterable[AnyEntry]) -> dict[str, int]:
    names = {AliasEntry: "alias", SuccessionEntry: "succession", TombstoneEntry: "tombstone"}
    return dict(Counter(entry.record if isinstance(entry, Entry) else names[type(entry)] for entry in entries))


def universe() -> list[AnyEntry]:
    """Everything above, in file order."""
    return numbered([*map(entry_of, RECORDS), *ALIASES, *SUCCESSIONS, *TOMBSTONES])


def header(entries: Iterable[AnyEntry], id_bits: int = 64, **changes: Any) -> SnapshotHeader:
    entries = list(entries)
    sequence = max((entry.sequence for entry in entries), default=0)
    values: dict[str, Any] = {
        "catalog_id": bytes(range(16)),
        "id_bits": id_bits,
        "schema_revision": "0001_golden",
        "base_sequence": 0,
        "as_of_sequence": sequence,
        "as_of_ns": AS_OF_NS,
        "horizon_ns": HORIZON_NS,
        "counts": count(entries),
    }
    if changes.get("base_sequence"):
        values["base_as_of_ns"] = AS_OF_NS
    return SnapshotHeader(**values | changes)


def write(
    path: Path,
    entries: Iterable[AnyEntry],
    id_bits: int = 64,
    vocabularies: Mapping[str, Mapping[str, int]] = VOCABULARIES,
    **changes: Any,
) -> SnapshotInfo:
    entries = list(entries)
    return write_snapshot(path, header(entries, id_bits, **changes), vocabularies, entries, force=True)


def golden(name: str) -> bytes:
    """The bytes of a hand-commented hex file."""
    lines = (GOLDEN / f"{name}.hex").read_text(encoding="utf-8").splitlines()
    return bytes.fromhex(" ".join(line.partition("#")[0] for line in lines))
