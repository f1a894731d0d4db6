"""One small universe with a record of every type, as records and as what the writer takes; and writing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from catalog.domain import Asset, Currency, Etf, Listing, Native, Pair, Record, Security, Stock, Token, Venue
from catalog.domain.identity import digest, encode_identity
from catalog.snapshot.entries import AliasEntry, AnyEntry, Entry, TombstoneEntry
from catalog.snapshot.writer import SnapshotHeader, SnapshotInfo, write_snapshot
from catalog.wire.layout import CODE_OF, LAYOUTS, SECTION_ORDER

GOLDEN = Path(__file__).parent / "golden"
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
AS_OF_NS = 1_700_000_000_000_001_000
HORIZON_NS = 1_692_224_000_000_001_000
FIRST_NS = 1_600_000_000_000_000_000
VOCABULARIES: dict[str, dict[str, int]] = {
    "blockchain": {"eip155:1": 1, "eip155:31337": 0x8000},
    "market_kind": {"spot": 1},
    "status": {"active": 1, "suspended": 2, "retired": 3},
    "token_standard": {"erc20": 1},
    "venue_type": {"stock_exchange": 1, "crypto_exchange": 2},
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
NASDAQ = Venue(
    mic="XNAS",
    name="Nasdaq",
    venue_type="stock_exchange",
    operating_mic="XNAS",
    country="US",
    city="New York",
    timezone="America/New_York",
)
BINANCE = Venue(slug="binance", name="Binance", venue_type="crypto_exchange", website="https://www.binance.com/")
TOKEN = Token(blockchain="eip155:1", address=USDC, symbol="USDC", name="USD Coin", decimals=6, token_standard="erc20")
ETHER = Native(blockchain="eip155:1", symbol="ETH", name="Ether", decimals=18)
BTC = Asset(exchange="binance", symbol="BTC")
USDT = Asset(exchange="binance", symbol="USDT")
LUNA = Asset(exchange="binance", symbol="LUNA", generation="2", status="suspended")
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
)
RECORDS: list[Record] = [
    APPLE, NASDAQ, BINANCE, TOKEN, ETHER, BTC, USDT, LUNA, AAPL, SPY, DOLLAR, HOME, PLAIN_LISTING, PAIR,
]  # fmt: skip
AAPL_TICKER = ("equity-by-ticker", "XNAS", "AAPL", "USD", "")
DISPUTED = ("equity-by-ticker", "XETR", "APC", "EUR", "")


def id_of(*identity: str, kind: str = "instrument") -> bytes:
    return digest(kind, encode_identity(identity))


ALIASES = [
    AliasEntry(id_of(*AAPL_TICKER), AAPL.id.bytes, 0, 0, encode_identity(AAPL_TICKER)),
    AliasEntry(id_of(*DISPUTED), None, 0, 0, encode_identity(DISPUTED)),
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
    counts: dict[str, int] = {}
    for entry in entries:
        name = (
            "alias"
            if isinstance(entry, AliasEntry)
            else "tombstone"
            if isinstance(entry, TombstoneEntry)
            else entry.record
        )
        counts[name] = counts.get(name, 0) + 1
    return counts


def universe() -> list[AnyEntry]:
    """Everything above, in file order."""
    return numbered([*map(entry_of, RECORDS), *ALIASES, *TOMBSTONES])


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
