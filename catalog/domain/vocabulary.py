"""The small vocabularies: blockchains, statuses, standards, venue types, exchanges and markets.

What stands here is shipped and has a wire code that never changes; the database holds the same rows (put there by the
migrations) and may hold more, since adding a blockchain is data and not code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Status = Literal["active", "suspended", "retired"]
TokenStandard = Literal["erc20", "erc721", "erc1155", "spl", "spl_2022"]
VenueType = Literal[
    "stock_exchange", "crypto_exchange", "futures_exchange", "options_exchange", "dex", "broker", "otc", "other"
]
MarketKind = Literal["spot"]

STATUSES: dict[str, int] = {"active": 1, "suspended": 2, "retired": 3}
TOKEN_STANDARDS: dict[str, int] = {"erc20": 1, "erc721": 2, "erc1155": 3, "spl": 4, "spl_2022": 5}
VENUE_TYPES: dict[str, int] = {
    "stock_exchange": 1,
    "crypto_exchange": 2,
    "futures_exchange": 3,
    "options_exchange": 4,
    "dex": 5,
    "broker": 6,
    "otc": 7,
    "other": 8,
}
MARKET_KINDS: dict[str, int] = {"spot": 1}

#: Record types with the kind of their ids; the wire codes of instruments are the source design's.
RECORD_KINDS: dict[str, str] = {
    "token": "instrument",
    "native": "instrument",
    "asset": "instrument",
    "stock": "instrument",
    "etf": "instrument",
    "future": "instrument",
    "option": "instrument",
    "currency": "instrument",
    "synthetic": "instrument",
    "security": "security",
    "venue": "venue",
    "listing": "listing",
    "pool": "pool",
    "pair": "pair",
    "broker_contract": "broker-contract",
    "event_type": "event-type",
}
INSTRUMENT_TYPES: dict[str, int] = {
    "token": 1,
    "stock": 2,
    "etf": 3,
    "future": 4,
    "option": 5,
    "currency": 6,
    "asset": 8,
    "native": 9,
}

#: Who is believed before whom: the lowest number wins (an operator may change it per feed in the table `feeds`).
PRECEDENCE: dict[str, int] = {"operator": 10, "chain": 20, "venue": 30, "curated": 40, "community": 50, "reference": 60}
#: What kind of voice each shipped source is.
SOURCE_AUTHORITY: dict[str, str] = {
    "operator": "operator",
    "jsonl": "curated",
    "binance": "venue",
    "token-list": "community",
    "finance-database": "community",
    "iso10383": "reference",
    "catalog": "reference",
}


@dataclass(frozen=True)
class Blockchain:
    """One blockchain: CAIP-2 name, what people call it, its wire code, and the addresses that mean its native coin."""

    caip2: str
    name: str
    code: int
    native_aliases: tuple[str, ...] = field(default=())

    @property
    def address_format(self) -> str:
        return "evm" if self.caip2.startswith("eip155:") else "base58"


SOLANA = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
_EVM_NATIVE = ("0x" + "0" * 40, "0x" + "e" * 40)
_OWN_NATIVE = {
    137: "0x0000000000000000000000000000000000001010",
    42220: "0x471ece3750da237f93b8e339c536989b8978a438",
    324: "0x000000000000000000000000000000000000800a",
    5000: "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0000",
}
# In the order of their wire codes, which start at 1; append only. None is Solana.
_CHAINS: tuple[tuple[int | None, str], ...] = (
    (1, "Ethereum"),
    (137, "Polygon"),
    (56, "BNB Smart Chain"),
    (42161, "Arbitrum One"),
    (None, "Solana"),
    (43114, "Avalanche C-Chain"),
    (8453, "Base"),
    (10, "OP Mainnet"),
    (100, "Gnosis"),
    (42220, "Celo"),
    (324, "ZKsync Era"),
    (5000, "Mantle"),
    (59144, "Linea"),
    (534352, "Scroll"),
    (81457, "Blast"),
    (7777777, "Zora"),
    (250, "Fantom"),
    (25, "Cronos"),
    (1284, "Moonbeam"),
    (1285, "Moonriver"),
    (42170, "Arbitrum Nova"),
    (1101, "Polygon zkEVM"),
    (1088, "Metis"),
    (288, "Boba"),
    (128, "Huobi ECO Chain"),
    (66, "OKXChain"),
    (1313161554, "Aurora"),
    (1666600000, "Harmony"),
    (122, "Fuse"),
    (2222, "Kava"),
    (130, "Unichain"),
    (146, "Sonic"),
    (80094, "Berachain"),
    (480, "World Chain"),
    (34443, "Mode"),
    (169, "Manta Pacific"),
    (204, "opBNB"),
    (2020, "Ronin"),
    (252, "Fraxtal"),
    (57073, "Ink"),
)


def _blockchain(code: int, chain_id: int | None, name: str) -> Blockchain:
    if chain_id is None:
        return Blockchain(SOLANA, name, code, ("1" * 32,))
    own = (_OWN_NATIVE[chain_id],) if chain_id in _OWN_NATIVE else ()
    return Blockchain(f"eip155:{chain_id}", name, code, _EVM_NATIVE + own)


BLOCKCHAINS: dict[str, Blockchain] = {
    b.caip2: b for b in (_blockchain(code, chain_id, name) for code, (chain_id, name) in enumerate(_CHAINS, start=1))
}


def native_aliases(blockchain: str) -> tuple[str, ...]:
    """The normalised addresses that mean the native coin of `blockchain` (also of one that is not shipped)."""
    known = BLOCKCHAINS.get(blockchain)
    return known.native_aliases if known else _EVM_NATIVE if blockchain.startswith("eip155:") else ()


@dataclass(frozen=True)
class Exchange:
    """A crypto exchange or broker that identities name by slug: its name, type and market segments."""

    slug: str
    name: str
    venue_type: VenueType
    segments: tuple[str, ...] = ()


EXCHANGES: dict[str, Exchange] = {
    e.slug: e
    for e in (
        Exchange("binance", "Binance", "crypto_exchange", ("usdm", "coinm")),
        Exchange("coinbase", "Coinbase Exchange", "crypto_exchange"),
        Exchange("kraken", "Kraken", "crypto_exchange"),
        Exchange("kraken_futures", "Kraken Futures", "crypto_exchange"),
        Exchange("okx", "OKX", "crypto_exchange"),
        Exchange("bybit", "Bybit", "crypto_exchange", ("linear", "inverse")),
        Exchange("deribit", "Deribit", "crypto_exchange"),
        Exchange("alpaca", "Alpaca", "broker"),
        Exchange("tradovate", "Tradovate", "broker"),
    )
}

#: Codes that their owner gave to someone new: (exchange, code) → moments (RFC 3339) at which generation 2, 3 … began.
REUSED_CODES: dict[tuple[str, str], tuple[str, ...]] = {("binance", "LUNA"): ("2022-05-28T00:00:00Z",)}

#: Tiers of one order book, folded to the market that an equity's identity names.
MARKET_MICS: dict[str, str] = {
    "XNGS": "XNAS",
    "XNMS": "XNAS",
    "XNCM": "XNAS",
    "XETA": "XETR",
    "XETB": "XETR",
    "XJPX": "XTKS",
}

#: Prices quoted in a hundredth of the major unit.
PRICE_UNITS: dict[str, str] = {"GBX": "GBP", "GBp": "GBP", "ILA": "ILS", "ZAC": "ZAR", "ZAc": "ZAR"}
_CANONICAL_UNITS = {"GBp": "GBX", "ZAc": "ZAC"}


def market_mic(mic: str) -> str:
    """The MIC that stands in an equity's identity: tiers of one book are folded, everything else is itself."""
    return MARKET_MICS.get(mic, mic)


def split_price_unit(code: str) -> tuple[str, str | None]:
    """(major currency, price unit): `GBX` is (`GBP`, `GBX`), `EUR` is (`EUR`, None)."""
    major = PRICE_UNITS.get(code)
    return (major, _CANONICAL_UNITS.get(code, code)) if major else (code, None)
