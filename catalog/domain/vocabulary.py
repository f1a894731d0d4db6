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
    "stock_exchange",
    "crypto_exchange",
    "futures_exchange",
    "options_exchange",
    "dex",
    "broker",
    "otc",
    "other",
    "hybrid_exchange",
]
MarketKind = Literal["spot"]
OptionKind = Literal["call", "put"]
ExerciseStyle = Literal["american", "european", "bermudan"]
SettlementType = Literal["cash", "physical"]
PoolType = Literal["constant_product", "concentrated_liquidity", "stable_swap", "weighted", "custom"]
Measure = Literal["price", "days_to_expiry"]
EventSource = Literal["defi", "cex", "tradfi", "internal"]
EventPriority = Literal["critical", "high", "standard", "low", "background"]
SuccessionKind = Literal["learnt", "corrected", "isin_change", "redenomination", "migration", "merger", "split_off"]

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
    "hybrid_exchange": 9,
}
MARKET_KINDS: dict[str, int] = {"spot": 1}
OPTION_KINDS: dict[str, int] = {"call": 1, "put": 2}
EXERCISE_STYLES: dict[str, int] = {"american": 1, "european": 2, "bermudan": 3}
SETTLEMENT_TYPES: dict[str, int] = {"cash": 1, "physical": 2}
POOL_TYPES: dict[str, int] = {
    "constant_product": 1,
    "concentrated_liquidity": 2,
    "stable_swap": 3,
    "weighted": 4,
    "custom": 5,
}
#: What a synthetic takes of a component: its price, or the days until it expires.
MEASURES: dict[str, int] = {"price": 1, "days_to_expiry": 2}
EVENT_SOURCES: dict[str, int] = {"defi": 1, "cex": 2, "tradfi": 3, "internal": 4}
EVENT_PRIORITIES: dict[str, int] = {"critical": 1, "high": 2, "standard": 3, "low": 4, "background": 5}
#: Types of an event's fields: (code, bytes; 0: as wide as the schema's ids; None: of variable size).
_FIELD_TYPES: dict[str, tuple[int, int | None]] = {
    "instrument_id": (1, 0),
    "pool_id": (2, 0),
    "uint64": (3, 8),
    "float64": (4, 8),
    "string": (5, None),
    "timestamp": (6, 8),
    "address": (7, 20),
    "hash": (8, 32),
    "array": (9, None),
    "pair_id": (10, 0),
    "venue_id": (11, 0),
    "security_id": (12, 0),
    "boolean": (13, 1),
    "uint8": (14, 1),
    "uint16": (15, 2),
    "uint32": (16, 4),
    "uint128": (17, 16),
    "uint160": (18, 20),
    "uint256": (19, 32),
    "int32": (20, 4),
    "int64": (21, 8),
    "int128": (22, 16),
    "int256": (23, 32),
    "decimal": (24, 9),
}
EVENT_FIELD_TYPES: dict[str, int] = {name: code for name, (code, _) in _FIELD_TYPES.items()}
EVENT_FIELD_SIZES: dict[str, int | None] = {name: size for name, (_, size) in _FIELD_TYPES.items()}
#: How one thing follows another. The first two mean that both are one thing: the old id becomes an alias.
SUCCESSION_KINDS: dict[str, int] = {
    "learnt": 1,
    "corrected": 2,
    "isin_change": 3,
    "redenomination": 4,
    "migration": 5,
    "merger": 6,
    "split_off": 7,
}
#: The old id becomes an alias of the new one, and everything that referred to it follows.
ALIASING_SUCCESSIONS = frozenset(["learnt", "corrected"])
#: The same line trades on under another identity: what means "what trades there now" follows, and nothing else.
CONTINUING_SUCCESSIONS = frozenset(["isin_change", "redenomination"])
#: Instruments of different types that can follow each other; the other types are followed by their own only.
SUCCEEDING_EACH_OTHER: tuple[frozenset[str], ...] = (
    frozenset(["token", "native", "asset"]),
    frozenset(["stock", "etf"]),
)
#: The predecessor goes on beside its successor.
LASTING_SUCCESSIONS = frozenset(["split_off"])

#: Every vocabulary that has codes on the wire, but the blockchains.
VOCABULARIES: dict[str, dict[str, int]] = {
    "component_measure": MEASURES,
    "event_field_type": EVENT_FIELD_TYPES,
    "event_priority": EVENT_PRIORITIES,
    "event_source": EVENT_SOURCES,
    "exercise_style": EXERCISE_STYLES,
    "market_kind": MARKET_KINDS,
    "option_kind": OPTION_KINDS,
    "pool_type": POOL_TYPES,
    "settlement_type": SETTLEMENT_TYPES,
    "status": STATUSES,
    "succession_kind": SUCCESSION_KINDS,
    "token_standard": TOKEN_STANDARDS,
    "venue_type": VENUE_TYPES,
}

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

#: What kind of voice a source is, and who is believed before whom: the lowest number wins. An operator may change it for
#: a source, a feed or a field.
Authority = Literal["operator", "chain", "venue", "curated", "community", "reference"]
PRECEDENCE: dict[Authority, int] = {
    "operator": 10,
    "chain": 20,
    "venue": 30,
    "curated": 40,
    "community": 50,
    "reference": 60,
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

#: What ccxt calls exchanges of the table, where that is another name; its `coinbase` is a venue of its own.
CCXT_NAMES: dict[str, str] = {
    "binanceusdm": "binance",
    "binancecoinm": "binance",
    "coinbaseexchange": "coinbase",
    "krakenfutures": "kraken_futures",
}

#: Trading platforms, never the exchange that lists a contract.
PLATFORMS = frozenset(["GLBX"])

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
