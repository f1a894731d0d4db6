"""The codec tables: every number and every field order of docs/protocol.md, once.

Nothing here is ever renumbered or reordered. A field is added at the end of its record, a code after the last one.
It is long because it is one table: a reader of the protocol finds every number in this place.
"""

from __future__ import annotations

from typing import NamedTuple

MAGIC = 0xDEADBEEF
VERSION = 1  # of the header: another one means that older readers must stop
FORMAT_VERSION = 2  # of the file: a higher one has additions that older readers skip

INSTRUMENT = 0x01
POOL = 0x02
PAIR = 0x03
BROKER_CONTRACT = 0x04
INSTRUMENT_UPDATE = 0x05
VENUE = 0x06
LISTING = 0x07
SECURITY = 0x08
EVENT_TYPE = 0x09
SYNTHETIC = 0x0A
TOMBSTONE = 0x0B
ALIAS = 0x0C
VOCABULARY = 0x0D
SUCCESSION = 0x0E
SNAPSHOT = 0x21
INDEX = 0x23
END = 0x24

#: The order of the sections of a snapshot file.
SECTION_ORDER = (
    SECURITY,
    VENUE,
    INSTRUMENT,
    SYNTHETIC,
    ALIAS,
    LISTING,
    POOL,
    PAIR,
    BROKER_CONTRACT,
    EVENT_TYPE,
    SUCCESSION,
    TOMBSTONE,
)

MAX_PAYLOAD = 0xFFFF_FFFF
MAX_RECORD = 0x10_0000  # 1 MiB: the payload of any message but an index
MAX_KEY = 0xFF
MAX_TEXT = 0xFFFF
MAX_CODES = 0xFFFF  # of one vocabulary
MAX_ITEMS = 1024  # of one list
MAX_DAYS = 2932896  # since 1970-01-01: 9999-12-31, the last day of the calendar
MAX_COUNTS = 256  # entries of the count table in 0x21
MAX_DIGITS = 18
FIRST_LOCAL_CODE = 0x8000  # codes from here on mean something in one file only

FULL = 1
DELTA = 2

ID_SIZE = 16
NO_SUBTYPE = 0


class Field(NamedTuple):
    """One field of a record: `type` as docs/protocol.md names it, `domain` the vocabulary or the kind it refers to.

    A `list` has `items`, the fields of each element in order. A field that came `since` a later format version than 1
    is optional, stands behind all older ones, and has no bytes at the end of a payload when it is null.
    """

    name: str
    type: str
    optional: bool = False
    domain: str = ""
    items: tuple[Field, ...] = ()
    since: int = 1


class RecordLayout(NamedTuple):
    """One record type: its message, its subtype byte (instruments only), the kind of its id, its fields in order."""

    record: str
    message: int
    subtype: int
    kind: str
    fields: tuple[Field, ...]

    @property
    def has_id(self) -> bool:
        return self.message != LISTING


def _key(name: str) -> Field:
    return Field(name, "key")


def _optional(type: str, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, type, optional=True) for name in names)


def _code(vocabulary: str, name: str = "", *, optional: bool = True) -> Field:
    return Field(name or vocabulary, "code8", optional, vocabulary)


def _reference(name: str, kind: str = "instrument", *, optional: bool = True) -> Field:
    return Field(name, "ref", optional, kind)


_STATUS = Field("status", "code8", domain="status")
_BLOCKCHAIN = Field("blockchain", "code16", domain="blockchain")
_EQUITY = (
    _STATUS,
    _key("mic"),
    *_optional("key", "segment_mic", "isin", "ticker"),
    _key("currency"),
    *_optional("key", "price_unit", "line", "generation"),
    *_optional("text", "name"),
    *_optional("key", "cusip", "figi", "composite_figi", "share_class_figi", "sedol"),
    *_optional("text", "sector", "industry"),
    *_optional("key", "country"),
    *_optional("time", "delist_at"),
)
#: What futures and options have in common, behind the fields of their own.
_CONTRACT = (
    *_optional("key", "mic", "exchange", "segment", "symbol", "generation"),
    *_optional("text", "name"),
    *_optional("key", "product"),
    *(_reference(name) for name in ("underlying_id", "quote_id", "settlement_id", "margin_id")),
    *_optional("key", "currency"),
    *_optional(
        "decimal",
        "contract_multiplier",
        "tick_size",
        "lot_size",
        "min_quantity",
        "max_quantity",
        "min_price",
        "max_price",
        "min_notional",
        "maker_fee_bps",
        "taker_fee_bps",
    ),
    _code("settlement_type"),
    *_optional("date", "first_trading_date"),
    *_optional("time", "expires_at", "delist_at"),
    *_optional("key", "venue_status"),
)

_LAYOUTS = (
    RecordLayout(
        "token",
        INSTRUMENT,
        1,
        "instrument",
        (
            _STATUS,
            _BLOCKCHAIN,
            _key("address"),
            *_optional("key", "token_id", "symbol"),
            *_optional("text", "name"),
            *_optional("u8", "decimals"),
            Field("token_standard", "code8", optional=True, domain="token_standard"),
        ),
    ),
    RecordLayout("stock", INSTRUMENT, 2, "instrument", _EQUITY),
    RecordLayout(
        "etf",
        INSTRUMENT,
        3,
        "instrument",
        (*_EQUITY, *_optional("text", "underlying_index"), *_optional("decimal", "expense_ratio")),
    ),
    RecordLayout(
        "future",
        INSTRUMENT,
        4,
        "instrument",
        (_STATUS, *_optional("date", "last_trading_date"), *_optional("bool", "is_inverse"), *_CONTRACT),
    ),
    RecordLayout(
        "option",
        INSTRUMENT,
        5,
        "instrument",
        (
            _STATUS,
            *_optional("key", "osi_root"),
            Field("expiry_date", "date"),
            _code("option_kind", optional=False),
            Field("strike_price", "decimal"),
            _code("exercise_style"),
            *_optional("bool", "is_adjusted"),
            *_optional("text", "deliverable"),
            *_CONTRACT,
        ),
    ),
    RecordLayout(
        "currency",
        INSTRUMENT,
        6,
        "instrument",
        (
            _STATUS,
            _key("iso_code"),
            *_optional("text", "name"),
            *_optional("key", "numeric_code"),
            *_optional("u8", "decimals"),
            *_optional("key", "country"),
        ),
    ),
    RecordLayout(
        "asset",
        INSTRUMENT,
        8,
        "instrument",
        (
            _STATUS,
            _key("exchange"),
            _key("symbol"),
            *_optional("key", "generation"),
            *_optional("text", "name"),
            *_optional("u8", "decimals"),
            *_optional("time", "delist_at"),
        ),
    ),
    RecordLayout(
        "native",
        INSTRUMENT,
        9,
        "instrument",
        (_STATUS, _BLOCKCHAIN, *_optional("key", "symbol"), *_optional("text", "name"), *_optional("u8", "decimals")),
    ),
    RecordLayout(
        "pair",
        PAIR,
        NO_SUBTYPE,
        "pair",
        (
            _STATUS,
            Field("base_id", "ref", domain="instrument"),
            Field("quote_id", "ref", domain="instrument"),
            _key("exchange"),
            Field("market_kind", "code8", domain="market_kind"),
            _key("symbol"),
            *_optional("key", "generation"),
            *_optional(
                "decimal",
                "tick_size",
                "lot_size",
                "min_quantity",
                "max_quantity",
                "min_price",
                "max_price",
                "min_notional",
                "maker_fee_bps",
                "taker_fee_bps",
            ),
            *_optional("key", "venue_status"),
            *_optional("time", "delist_at"),
            Field("other_symbols", "keys", optional=True, since=2),
        ),
    ),
    RecordLayout(
        "pool",
        POOL,
        NO_SUBTYPE,
        "pool",
        (
            _STATUS,
            _BLOCKCHAIN,
            _key("address"),
            *_optional("key", "pool_id"),
            Field(
                "tokens",
                "list",
                items=(_reference("instrument_id", optional=False), Field("weight", "decimal", optional=True)),
            ),
            *_optional("text", "name"),
            *_optional("key", "dex"),
            _code("pool_type"),
            *_optional("key", "algorithm"),
            *_optional("decimal", "fee"),
            *_optional("bool", "is_dynamic_fee"),
            *_optional("u32", "tick_spacing"),
            *_optional("key", "hooks", "factory"),
        ),
    ),
    RecordLayout(
        "broker_contract",
        BROKER_CONTRACT,
        NO_SUBTYPE,
        "broker-contract",
        (
            _STATUS,
            _key("broker"),
            _key("symbol"),
            *_optional("key", "generation"),
            _reference("instrument_id"),
            *_optional("key", "mic"),
            *_optional("text", "name"),
            *_optional("key", "timezone"),
            *_optional("clock", "session_open", "session_close", "pre_market_open", "pre_market_close"),
            *_optional("clock", "after_hours_open", "after_hours_close"),
            *_optional("decimal", "shares_outstanding", "dividend_yield", "contract_multiplier", "tick_value"),
            _code("settlement_type"),
            *_optional("decimal", "premium_multiplier"),
            *_optional("key", "margin_currency"),
            *_optional("decimal", "initial_margin", "maintenance_margin", "long_margin_rate", "short_margin_rate"),
            *_optional("decimal", "tick_size", "lot_size", "min_quantity"),
            *_optional("bool", "is_tradable", "is_marginable", "is_shortable", "is_easy_to_borrow"),
            *_optional("bool", "is_fractionable"),
            *_optional("key", "venue_status"),
            *_optional("time", "delist_at"),
        ),
    ),
    RecordLayout(
        "event_type",
        EVENT_TYPE,
        NO_SUBTYPE,
        "event-type",
        (
            _STATUS,
            _key("name"),
            Field("version", "u32"),
            _code("event_source", optional=False),
            Field("blockchain", "code16", optional=True, domain="blockchain"),
            *_optional("key", "protocol", "exchange", "stream_type", "broker", "feed_type", "component", "event_class"),
            _code("event_priority", "priority", optional=False),
            Field("id_bits", "u8"),
            *_optional("u32", "size_hint"),
            Field(
                "fields",
                "list",
                items=(
                    _key("name"),
                    _code("event_field_type", "field_type", optional=False),
                    *_optional("u32", "byte_offset"),
                    Field("is_required", "bool"),
                    *_optional("u32", "max_length"),
                    _code("event_field_type", "element_type"),
                ),
            ),
        ),
    ),
    RecordLayout(
        "synthetic",
        SYNTHETIC,
        NO_SUBTYPE,
        "instrument",
        (
            _STATUS,
            _key("name"),
            Field("formula", "text"),
            Field(
                "components",
                "list",
                items=(
                    _key("variable"),
                    _reference("instrument_id"),
                    _reference("pair_id", "pair"),
                    _reference("pool_id", "pool"),
                    _code("component_measure", "measure", optional=False),
                ),
            ),
            *_optional("u64", "update_interval_ns"),
            *_optional("decimal", "min_value", "max_value", "outlier_threshold"),
            *_optional("u64", "stale_after_ns"),
        ),
    ),
    RecordLayout(
        "venue",
        VENUE,
        NO_SUBTYPE,
        "venue",
        (
            _STATUS,
            *_optional("key", "mic", "slug"),
            *_optional("text", "name"),
            Field("venue_type", "code8", optional=True, domain="venue_type"),
            *_optional("key", "operating_mic", "country"),
            *_optional("text", "city", "timezone", "website"),
            *_optional("key", "lei"),
            *_optional("clock", "session_open", "session_close"),
            *_optional("text", "clearing_house"),
            *_optional("keys", "contract_types", "exercise_styles", "blockchains"),
        ),
    ),
    RecordLayout(
        "listing",
        LISTING,
        NO_SUBTYPE,
        "listing",
        (
            _STATUS,
            Field("instrument_id", "ref", domain="instrument"),
            Field("venue_id", "ref", domain="venue"),
            *_optional("key", "symbol", "currency"),
            *_optional("decimal", "tick_size", "lot_size"),
            *_optional("time", "delist_at"),
        ),
    ),
    RecordLayout(
        "security",
        SECURITY,
        NO_SUBTYPE,
        "security",
        (
            _STATUS,
            _key("isin"),
            *_optional("key", "cusip", "share_class_figi"),
            *_optional("text", "name"),
            *_optional("key", "issuer_lei", "cfi"),
            *_optional("text", "sector"),
            *_optional("key", "country"),
        ),
    ),
)

LAYOUTS: dict[str, RecordLayout] = {layout.record: layout for layout in _LAYOUTS}
#: (message type, subtype) → record name; aliases and tombstones are counted under their own names.
RECORD_OF: dict[tuple[int, int], str] = {(layout.message, layout.subtype): layout.record for layout in _LAYOUTS} | {
    (ALIAS, NO_SUBTYPE): "alias",
    (SUCCESSION, NO_SUBTYPE): "succession",
    (TOMBSTONE, NO_SUBTYPE): "tombstone",
}
CODE_OF: dict[str, tuple[int, int]] = {name: codes for codes, name in RECORD_OF.items()}
INSTRUMENT_RECORDS = tuple(layout.record for layout in _LAYOUTS if layout.kind == "instrument")

#: Kinds of ids, and of the indexes that find their records. A listing has no id of its own.
KIND_CODES = {
    "instrument": 1,
    "security": 2,
    "venue": 3,
    "pool": 4,
    "pair": 5,
    "broker-contract": 6,
    "event-type": 7,
    "listing": 8,
}
KIND_NAMES = {code: name for name, code in KIND_CODES.items()}
MESSAGE_KINDS = {layout.message: layout.kind for layout in _LAYOUTS} | {ALIAS: "instrument"}

#: What messages are called, by their type.
MESSAGE_NAMES = {layout.message: layout.record for layout in _LAYOUTS} | {
    INSTRUMENT: "instrument",
    TOMBSTONE: "tombstone",
    ALIAS: "alias",
    VOCABULARY: "vocabulary",
    SUCCESSION: "succession",
    SNAPSHOT: "snapshot",
    INDEX: "index",
    END: "end",
}

#: Vocabularies with the bytes of their codes.
VOCABULARIES = {
    "blockchain": 2,
    "component_measure": 1,
    "event_field_type": 1,
    "event_priority": 1,
    "event_source": 1,
    "exercise_style": 1,
    "market_kind": 1,
    "option_kind": 1,
    "pool_type": 1,
    "settlement_type": 1,
    "status": 1,
    "succession_kind": 1,
    "token_standard": 1,
    "venue_type": 1,
}

# Index codes 1–7 find records by the id of that kind; each key has one answer.
INDEX_LISTINGS = 8  # listings by the id of their instrument
INDEX_SYMBOL = 16
INDEX_ISIN = 17
INDEX_CUSIP = 18
INDEX_FIGI = 19
INDEX_ADDRESS = 20
INDEX_EXCHANGE_SYMBOL = 21
INDEX_PAIR_LEGS = 22
INDEX_POOL_LEGS = 23  # pools by each two of their tokens, the lesser id first
INDEX_UNDERLYING = 24  # futures and options by the id of what they are on
INDEX_INSTRUMENT = 25  # broker contracts by the id of their instrument
INDEX_NUMBER = 26  # event types by their number
INDEX_SUCCESSION = 27  # successions by the id on either side
INDEX_NAMES = {
    1: "instrument id",
    2: "security id",
    3: "venue id",
    4: "pool id",
    5: "pair id",
    6: "broker-contract id",
    7: "event-type id",
    INDEX_LISTINGS: "listings",
    INDEX_SYMBOL: "symbol",
    INDEX_ISIN: "isin",
    INDEX_CUSIP: "cusip",
    INDEX_FIGI: "figi",
    INDEX_ADDRESS: "address",
    INDEX_EXCHANGE_SYMBOL: "exchange symbol",
    INDEX_PAIR_LEGS: "pair legs",
    INDEX_POOL_LEGS: "pool legs",
    INDEX_UNDERLYING: "underlying",
    INDEX_INSTRUMENT: "broker contracts",
    INDEX_NUMBER: "event type number",
    INDEX_SUCCESSION: "successions",
}
LAST_ID_INDEX = 7
NUM_INDEX_PLACES = 32
NUM_SECTION_PLACES = 16

#: Which text fields of a record are keys of which index.
INDEXED_FIELDS: dict[str, tuple[tuple[str, int], ...]] = {
    "token": (("symbol", INDEX_SYMBOL), ("address", INDEX_ADDRESS)),
    "native": (("symbol", INDEX_SYMBOL),),
    "asset": (("symbol", INDEX_SYMBOL),),
    "currency": (("iso_code", INDEX_SYMBOL),),
    "future": (("symbol", INDEX_SYMBOL),),
    "option": (("symbol", INDEX_SYMBOL),),
    "synthetic": (("name", INDEX_SYMBOL),),
    "security": (("isin", INDEX_ISIN), ("cusip", INDEX_CUSIP), ("share_class_figi", INDEX_FIGI)),
    "pool": (("address", INDEX_ADDRESS),),
}
INDEXED_FIELDS["stock"] = INDEXED_FIELDS["etf"] = (
    ("ticker", INDEX_SYMBOL),
    ("isin", INDEX_ISIN),
    ("cusip", INDEX_CUSIP),
    ("figi", INDEX_FIGI),
    ("composite_figi", INDEX_FIGI),
    ("share_class_figi", INDEX_FIGI),
)
#: (fields of which one is the exchange, field of the symbol); a listing's exchange is the MIC or slug of its venue.
EXCHANGE_SYMBOLS: dict[str, tuple[tuple[str, ...], str]] = {
    "asset": (("exchange",), "symbol"),
    "pair": (("exchange",), "symbol"),
    "stock": (("mic",), "ticker"),
    "etf": (("mic",), "ticker"),
    "future": (("mic", "exchange"), "symbol"),
    "option": (("mic", "exchange"), "symbol"),
    "broker_contract": (("broker",), "symbol"),
}
#: Fields with further symbols of a record, which the same exchange knows it by.
OTHER_SYMBOLS = {"pair": "other_symbols"}
#: Records found by the id in one of their fields, through an index whose key is that id.
INDEXED_REFERENCES: dict[str, tuple[str, int]] = {
    "listing": ("instrument_id", INDEX_LISTINGS),
    "future": ("underlying_id", INDEX_UNDERLYING),
    "option": ("underlying_id", INDEX_UNDERLYING),
    "broker_contract": ("instrument_id", INDEX_INSTRUMENT),
}
#: Indexes whose key is an id as it stands; all others from 16 on have a hash.
REFERENCE_INDEXES = frozenset([INDEX_LISTINGS, INDEX_UNDERLYING, INDEX_INSTRUMENT])

#: Records that others name by a code, and those codes.
CODES_NAMING: dict[str, tuple[str, ...]] = {"venue": ("mic", "slug"), "security": ("isin",)}
#: Fields that name a record by one of its codes: (field, code). Such a record is in the file when the catalog has it.
CODE_REFERENCES: dict[str, tuple[tuple[str, str], ...]] = {
    "asset": (("exchange", "slug"),),
    "stock": (("mic", "mic"), ("isin", "isin")),
    "etf": (("mic", "mic"), ("isin", "isin")),
    "future": (("mic", "mic"), ("exchange", "slug")),
    "option": (("mic", "mic"), ("exchange", "slug")),
    "pair": (("exchange", "slug"),),
    "broker_contract": (("broker", "slug"), ("mic", "mic")),
}
