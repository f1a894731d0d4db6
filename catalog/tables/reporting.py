"""The schema `reporting`: views for people who write SQL. What is here stays; a view may gain columns at its end.

A view is data: its columns with their comments, and where they come from. A column that a table has under the same name
takes the table's comment, so that nothing is described twice. Columns that cost something (symbols of other records,
lists, times from the change log) are subqueries, which PostgreSQL leaves out when nobody asks for them.

No statement here has a per cent sign: SQLAlchemy's DDL would read it as a placeholder.

(Long, because it is a list: one view after the other.)
"""

# ruff: noqa: S608 - SQL is put together from what stands here, and takes nothing from outside

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import DDL, event

from catalog.domain.identity import KIND_NAMES, KINDS, LISTING_KIND
from catalog.tables.brokers import BrokerContractRow
from catalog.tables.calendars import VenueCalendarRow, VenueHolidayRow, VenueSessionRow
from catalog.tables.changes import ChangeRow
from catalog.tables.derivatives import FutureRow, OptionRow
from catalog.tables.disputes import DisputeRow
from catalog.tables.events import EventTypeRow
from catalog.tables.instruments import AssetRow, CurrencyRow, EquityRow, InstrumentRow, TokenRow
from catalog.tables.listings import ListingRow
from catalog.tables.lookalikes import IS_VERIFIED
from catalog.tables.metadata import Base
from catalog.tables.pairs import PairRow
from catalog.tables.pools import PoolRow
from catalog.tables.runs import ImportRun
from catalog.tables.securities import SecurityRow
from catalog.tables.successions import SuccessionRow
from catalog.tables.synthetics import SyntheticRow
from catalog.tables.venues import VenueRow

SCHEMA = "reporting"
SCHEMA_COMMENT = "Views for people who write SQL: ids as hex digits, names for codes. Read only"


@dataclass(frozen=True)
class Column:
    """A column of a view: its name, the SQL that it is, and its comment."""

    name: str
    expression: str
    comment: str


@dataclass(frozen=True)
class View:
    """A view: what one row of it is (the comment), its columns, and `FROM …` with whatever follows."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    source: str

    def statements(self) -> Iterator[str]:
        """The statements that make it."""
        columns = ",\n    ".join(f"{c.expression} AS {c.name}" for c in self.columns)
        name = f"{SCHEMA}.{self.name}"
        yield f"CREATE VIEW {name} AS SELECT\n    {columns}\n{self.source}"
        yield f"COMMENT ON VIEW {name} IS {_literal(self.comment)}"
        for column in self.columns:
            yield f"COMMENT ON COLUMN {name}.{column.name} IS {_literal(column.comment)}"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# Columns


def _same(alias: str, row: Any, names: str) -> tuple[Column, ...]:
    """Columns that are a table's own, name and comment included."""
    return tuple(Column(n, f"{alias}.{n}", row.__table__.columns[n].comment) for n in names.split())


def _comment(row: Any) -> str:
    """The comment of a table, for a view with the same rows."""
    return str(row.__table__.comment)


def _hex(id: str) -> str:
    return f"replace({id}::text, '-', '')"


def _own_id(id: str, comment: str) -> tuple[Column, ...]:
    return (
        Column("id", _hex(id), f"{comment}, 32 hex digits"),
        Column("id64", f"left({_hex(id)}, 16)", "64-bit form of the id: its first 16 digits"),
        Column("uuid", id, "The id as PostgreSQL's uuid. A filter on it uses an index; digits without dashes will do"),
    )


#: Where the symbol of an instrument of each type stands.
_SYMBOLS = {
    "token": "tokens.symbol", "native": "natives.symbol", "asset": "assets.symbol", "stock": "equities.ticker",
    "etf": "equities.ticker", "currency": "currencies.iso_code", "future": "futures.symbol", "option": "options.symbol",
    "synthetic": "synthetics.name",
}  # fmt: skip


def _symbol_of(i: str) -> str:
    """The symbol of an instrument, whatever its type calls it: one look-up by key, in the table of its type."""
    cases = []
    for record, place in _SYMBOLS.items():
        table, _, column = place.partition(".")
        cases.append(f"WHEN '{record}' THEN (SELECT own.{column} FROM {table} own WHERE own.id = {i}.id)")
    return f"CASE {i}.record {' '.join(cases)} END"


def _other(alias: str, id: str, prefix: str, comment: str, *parts: str) -> tuple[Column, ...]:
    """Another instrument, joined as `alias`: its id, and its symbol and name if asked for."""
    columns = {
        "symbol": Column(f"{prefix}_symbol", _symbol_of(alias), f"Its symbol ({prefix}_id)"),
        "name": Column(f"{prefix}_name", f"{alias}.name", f"Its name ({prefix}_id)"),
    }
    return (Column(f"{prefix}_id", _hex(id), f"{comment}: instrument id"), *(columns[part] for part in parts))


def _blockchain(alias: str, row: Any) -> tuple[Column, ...]:
    name = Column("blockchain_name", "b.name", "What people call the blockchain")
    return (*_same(alias, row, "blockchain"), name)


def _at(kind: str, id: str, order: str) -> str:
    return f"""(SELECT c.changed_at FROM changes c
        WHERE c.kind = {KINDS[kind]} AND c.record_id = {id} ORDER BY c.sequence{order} LIMIT 1)"""


def _kind(alias: str) -> Column:
    cases = " ".join(f"WHEN {code} THEN '{name}'" for code, name in KIND_NAMES.items())
    return Column("kind", f"CASE {alias}.kind {cases} END", "Kind of the id: instrument, security, venue …")


def _subject(alias: str, name: str, comment: str) -> tuple[Column, ...]:
    """The id of any record. A listing has none, but the key under which everyone knows it."""
    key = f"{_hex('l.instrument_id')} || '@' || {_hex('l.venue_id')} || coalesce(':' || l.symbol, '')"
    return (
        Column(name, f"CASE WHEN {alias}.kind <> {LISTING_KIND} THEN {_hex(f'{alias}.{name}')} END", comment),
        Column("listing", key, "Key of a listing, which has no id: INSTRUMENT@VENUE:SYMBOL"),
    )


def _subject_join(alias: str, name: str) -> str:
    return f"LEFT JOIN listings l ON {alias}.kind = {LISTING_KIND} AND l.id = {alias}.{name}"


_VENUE_NAME = Column("venue_name", "coalesce(m.name, x.name)", "Name of the market or exchange")


def _venue_joins(alias: str) -> str:
    """By MIC or by slug: two joins on unique keys, since one with OR could use no index."""
    return f"LEFT JOIN venues m ON m.mic = {alias}.mic\nLEFT JOIN venues x ON x.slug = {alias}.exchange"


# Instruments of every type

_TYPES = {"expense_ratio": "numeric", "delist_at": "timestamptz"}
_FIELDS = (
    "symbol", "name", "isin", "cusip", "figi", "composite_figi", "share_class_figi", "sedol", "currency", "price_unit",
    "mic", "exchange", "blockchain", "address", "country", "sector", "industry", "underlying_index", "expense_ratio",
    "delist_at",
)  # fmt: skip


def _branch(joins: str, **known: str) -> str:
    unknown = {f: f"NULL::{_TYPES.get(f, 'text')}" for f in _FIELDS}
    cells = ", ".join(f"{cell} AS {f}" for f, cell in (unknown | {"name": "i.name"} | known).items())
    return _wrapped(f"SELECT i.id, i.record, i.decimals, i.status, {cells} FROM instruments i {joins}")


def _wrapped(query: str) -> str:
    return textwrap.fill(query, 110, subsequent_indent=" " * 8, break_long_words=False, break_on_hyphens=False)


_LINE = {
    f: f"e.{f}"
    for f in _FIELDS
    if f in EquityRow.__table__.columns and f not in ("cusip", "share_class_figi", "sector")
} | {"symbol": "e.ticker"}
_CONTRACT = {f: f"f.{f}" for f in ("symbol", "currency", "mic", "exchange", "delist_at")}

#: One branch per type, so that a filter on a symbol or identifier goes down to the index of each table. Lines with and
#: without an ISIN are two branches for the same reason: what belongs to the security stands in another table.
_INSTRUMENTS = "\n    UNION ALL ".join(
    (
        _branch("JOIN tokens t ON t.id = i.id", **{f: f"t.{f}" for f in ("symbol", "blockchain", "address")}),
        _branch("JOIN natives n ON n.id = i.id", symbol="n.symbol", blockchain="n.blockchain"),
        _branch("JOIN assets a ON a.id = i.id", **{f: f"a.{f}" for f in ("symbol", "exchange", "delist_at")}),
        _branch(
            "JOIN equities e ON e.id = i.id JOIN securities s ON s.isin = e.isin",
            **_LINE, cusip="s.cusip", share_class_figi="s.share_class_figi", sector="coalesce(e.sector, s.sector)",
        ),
        _branch(
            "JOIN equities e ON e.id = i.id WHERE e.isin IS NULL",
            **_LINE, cusip="e.cusip", share_class_figi="e.share_class_figi", sector="e.sector",
        ),
        _branch("JOIN currencies c ON c.id = i.id", symbol="c.iso_code", country="c.country"),
        _branch("JOIN futures f ON f.id = i.id", **_CONTRACT),
        _branch("JOIN options f ON f.id = i.id", **_CONTRACT),
        _branch("JOIN synthetics y ON y.id = i.id", symbol="y.name", name="y.name"),
    )
)  # fmt: skip

INSTRUMENTS = View(
    "instruments",
    "Everything that has an instrument id and a price, of every type",
    (
        *_own_id("u.id", "Instrument id"),
        *_same("u", InstrumentRow, "record"),
        Column("symbol", "u.symbol", "Symbol, ticker, ISO 4217 code or name of a synthetic; many may share one"),
        *_same("u", InstrumentRow, "name"),
        *_same("u", EquityRow, "isin"),
        Column("cusip", "u.cusip", "CUSIP: that of the security, or of the line while it has no ISIN"),
        *_same("u", EquityRow, "figi composite_figi"),
        Column("share_class_figi", "u.share_class_figi", "FIGI of the share class"),
        *_same("u", EquityRow, "sedol"),
        Column("currency", "u.currency", "Currency of the price of a line or contract, major unit, ISO 4217"),
        *_same("u", EquityRow, "price_unit"),
        Column("mic", "u.mic", "Home market of a line, exchange of a contract: MIC, ISO 10383"),
        *_same("u", AssetRow, "exchange"),
        _VENUE_NAME,
        *_blockchain("u", TokenRow),
        *_same("u", TokenRow, "address"),
        *_same("u", InstrumentRow, "decimals"),
        Column("country", "u.country", "Country of the company or currency, ISO 3166 alpha-2"),
        *_same("u", EquityRow, "sector industry underlying_index expense_ratio"),
        Column("delist_at", "u.delist_at", "From when on it trades no more"),
        *_same("u", InstrumentRow, "status"),
        Column("registered_at", _at("instrument", "u.id", ""), "When it came into this catalog"),
        Column("last_changed_at", _at("instrument", "u.id", " DESC"), "When it changed last"),
    ),
    f"""FROM (
    {_INSTRUMENTS}
) u
{_venue_joins("u")}
LEFT JOIN blockchains b ON b.blockchain = u.blockchain""",
)

TOKENS = View(
    "tokens",
    "Tokens and native coins of blockchains; the same address on two chains is two tokens",
    (
        *_own_id("u.id", "Instrument id"),
        Column("symbol", "u.symbol", "Symbol; many tokens may share one"),
        *_same("u", InstrumentRow, "name"),
        *_blockchain("u", TokenRow),
        Column("address", "u.address", "Contract or mint address in its normal form; NULL for a native coin"),
        *_same("u", TokenRow, "token_id token_standard"),
        Column("is_native", "u.is_native", "True for the coin of the blockchain, which is at no address"),
        *_same("u", InstrumentRow, "decimals status"),
    ),
    """FROM (
    SELECT i.id, i.name, i.decimals, i.status, t.symbol, t.blockchain, t.address, t.token_id, t.token_standard,
        false AS is_native FROM instruments i JOIN tokens t ON t.id = i.id
    UNION ALL SELECT i.id, i.name, i.decimals, i.status, n.symbol, n.blockchain, NULL::text, NULL::text, NULL::text,
        true FROM instruments i JOIN natives n ON n.id = i.id
) u
LEFT JOIN blockchains b ON b.blockchain = u.blockchain""",
)

CURRENCIES = View(
    "currencies",
    _comment(CurrencyRow),
    (
        *_own_id("c.id", "Instrument id"),
        *_same("c", CurrencyRow, "iso_code numeric_code"),
        *_same("i", InstrumentRow, "name decimals"),
        *_same("c", CurrencyRow, "country"),
        *_same("i", InstrumentRow, "status"),
    ),
    "FROM currencies c\nJOIN instruments i ON i.id = c.id",
)

_COMMON = [c.name for c in FutureRow.__table__.columns if c.name in OptionRow.__table__.columns]


def _contracts(table: str, rest: str) -> str:
    cells = ", ".join(f"f.{name}" for name in _COMMON)
    return _wrapped(
        f"SELECT i.record, i.name, i.status, {cells}, {rest} FROM {table} f JOIN instruments i ON i.id = f.id"
    )


_FUTURES = _contracts(
    "futures",
    "f.last_trading_date AS expiry_date, f.last_trading_date IS NULL AS is_perpetual, f.is_inverse, "
    "NULL::text AS osi_root, NULL::text AS option_kind, NULL::numeric AS strike_price, NULL::text AS exercise_style, "
    "NULL::boolean AS is_adjusted, NULL::text AS deliverable",
)
_OPTIONS = _contracts(
    "options",
    "f.expiry_date, false, NULL::boolean, f.osi_root, f.option_kind, f.strike_price, f.exercise_style, f.is_adjusted, "
    "f.deliverable",
)

DERIVATIVES = View(
    "derivatives",
    "Futures, perpetuals and options",
    (
        *_own_id("u.id", "Instrument id"),
        Column("record", "u.record", "Type: future (a perpetual too) or option"),
        *_same("u", FutureRow, "symbol"),
        *_same("u", InstrumentRow, "name"),
        *_same("u", FutureRow, "product mic exchange"),
        _VENUE_NAME,
        *_same("u", FutureRow, "segment generation"),
        Column("is_perpetual", "u.is_perpetual", "True for a future without an expiry"),
        Column("expiry_date", "u.expiry_date", "Expiry of an option, last trading date of a future, venue's calendar"),
        *_same("u", FutureRow, "first_trading_date expires_at"),
        *_same("u", OptionRow, "option_kind strike_price exercise_style osi_root"),
        *_other("o", "u.underlying_id", "underlying", "What the contract is on", "symbol", "name"),
        *_other("q", "u.quote_id", "quote", "Asset that prices are in", "symbol"),
        *_other("z", "u.settlement_id", "settlement", "Asset that it settles in", "symbol"),
        *_other("g", "u.margin_id", "margin", "Asset that margin is paid in", "symbol"),
        *_same("u", FutureRow, "currency contract_multiplier is_inverse settlement_type"),
        *_same("u", OptionRow, "is_adjusted deliverable"),
        *_same("u", FutureRow, "tick_size lot_size min_quantity max_quantity min_price max_price min_notional"),
        *_same("u", FutureRow, "maker_fee_bps taker_fee_bps delist_at venue_status"),
        *_same("u", InstrumentRow, "status"),
    ),
    f"""FROM (
    {_FUTURES}
    UNION ALL {_OPTIONS}
) u
{_venue_joins("u")}
LEFT JOIN instruments o ON o.id = u.underlying_id
LEFT JOIN instruments q ON q.id = u.quote_id
LEFT JOIN instruments z ON z.id = u.settlement_id
LEFT JOIN instruments g ON g.id = u.margin_id""",
)

_COMPONENT = "coalesce(c.instrument_id, c.pair_id, c.pool_id)"
_COMPONENT_KIND = """CASE WHEN c.instrument_id IS NOT NULL THEN 'instrument' WHEN c.pair_id IS NOT NULL THEN 'pair'
        ELSE 'pool' END"""


def _components(expression: str) -> str:
    return f"ARRAY(SELECT {expression} FROM synthetic_components c WHERE c.id = y.id ORDER BY c.position)"


SYNTHETICS = View(
    "synthetics",
    _comment(SyntheticRow),
    (
        *_own_id("y.id", "Instrument id"),
        *_same("y", SyntheticRow, "name formula"),
        Column("variables", _components("c.variable"), "Names in the formula, in the order of the components"),
        Column("component_kinds", _components(_COMPONENT_KIND), "What each of them is: instrument, pair or pool"),
        Column("component_ids", _components(_hex(_COMPONENT)), "Id of each of them, 32 hex digits"),
        Column("measures", _components("c.measure"), "What is taken of each of them: price or days_to_expiry"),
        *_same("y", SyntheticRow, "update_interval_ns min_value max_value outlier_threshold stale_after_ns"),
        *_same("i", InstrumentRow, "status"),
    ),
    "FROM synthetics y\nJOIN instruments i ON i.id = y.id",
)

# Securities, venues, listings

SECURITIES = View(
    "securities",
    _comment(SecurityRow),
    (
        *_own_id("s.id", "Security id"),
        *_same("s", SecurityRow, "isin cusip share_class_figi name issuer_lei cfi sector country status"),
    ),
    "FROM securities s",
)

VENUES = View(
    "venues",
    _comment(VenueRow),
    (
        *_own_id("v.id", "Venue id"),
        *_same("v", VenueRow, "mic slug name venue_type operating_mic country city timezone website lei"),
        *_same("v", VenueRow, "session_open session_close clearing_house contract_types exercise_styles blockchains"),
        *_same("v", VenueRow, "status"),
    ),
    "FROM venues v",
)

_VENUE = (
    Column("venue_id", _hex("l.venue_id"), "The venue: venue id"),
    *_same("v", VenueRow, "mic slug"),
    Column("venue_name", "v.name", "Name of the market or firm"),
)

LISTINGS = View(
    "listings",
    _comment(ListingRow),
    (
        *_other("i", "l.instrument_id", "instrument", "The instrument", "symbol", "name"),
        Column("instrument_uuid", "l.instrument_id", "The instrument id as uuid: a filter on it uses an index"),
        *_same("i", InstrumentRow, "record"),
        *_same("e", EquityRow, "isin"),
        *_VENUE,
        *_same("l", ListingRow, "symbol currency tick_size lot_size delist_at is_home status"),
    ),
    """FROM listings l
JOIN instruments i ON i.id = l.instrument_id
JOIN venues v ON v.id = l.venue_id
LEFT JOIN equities e ON e.id = l.instrument_id""",
)

#: A subquery and not a window: a filter on the venue must not change the count, nor have all rows sorted first.
_VENUE_COUNT = """(SELECT count(DISTINCT o.venue_id) FROM equities n JOIN listings o ON o.instrument_id = n.id
        WHERE n.isin = s.isin AND o.status <> 'retired')"""

CROSS_LISTINGS = View(
    "cross_listings",
    "Each ISIN with all its venues: one row per ISIN, line and listing",
    (
        *_same("s", SecurityRow, "isin"),
        Column("security_name", "s.name", "Name of the issue"),
        Column("security_id", _hex("s.id"), "The security: security id"),
        Column("instrument_id", _hex("e.id"), "The line that is listed: instrument id"),
        *_same("e", EquityRow, "ticker"),
        Column("home_mic", "e.mic", "MIC of the line's home market, ISO 10383"),
        *_VENUE,
        *_same("l", ListingRow, "symbol"),
        Column("currency", "coalesce(l.currency, e.currency)", "Currency of the price here, ISO 4217"),
        *_same("e", EquityRow, "price_unit"),
        *_same("l", ListingRow, "is_home"),
        Column("venue_count", _VENUE_COUNT, "Venues on which the ISIN is listed; retired listings do not count"),
        *_same("l", ListingRow, "status"),
    ),
    """FROM securities s
JOIN equities e ON e.isin = s.isin
JOIN listings l ON l.instrument_id = e.id
JOIN venues v ON v.id = l.venue_id""",
)

# Pools, pairs, broker contracts, event types

_POOL_TOKENS = "FROM pool_tokens k JOIN instruments i ON i.id = k.instrument_id WHERE k.id = p.id"

POOLS = View(
    "pools",
    _comment(PoolRow),
    (
        *_own_id("p.id", "Pool id"),
        *_blockchain("p", PoolRow),
        *_same("p", PoolRow, "address pool_id name dex pool_type algorithm"),
        Column(
            "token_ids",
            f"ARRAY(SELECT {_hex('k.instrument_id')} FROM pool_tokens k WHERE k.id = p.id ORDER BY k.position)",
            "Its tokens in the contract's order: instrument ids",
        ),
        Column(
            "token_symbols",
            f"ARRAY(SELECT {_symbol_of('i')} {_POOL_TOKENS} ORDER BY k.position)",
            "Symbols of its tokens, in the order of token_ids",
        ),
        Column(
            "weights",
            """(SELECT array_agg(k.weight ORDER BY k.position) FILTER (WHERE k.weight IS NOT NULL)
        FROM pool_tokens k WHERE k.id = p.id)""",
            "Weights of its tokens as fractions, in the order of token_ids; NULL for a pool without weights",
        ),
        *_same("p", PoolRow, "fee"),
        Column("fee_bps", "trim_scale(p.fee * 10000)", "Fee of a swap, basis points"),
        *_same("p", PoolRow, "is_dynamic_fee tick_spacing hooks factory status"),
    ),
    "FROM pools p\nLEFT JOIN blockchains b ON b.blockchain = p.blockchain",
)

EXCHANGE_PAIRS = View(
    "exchange_pairs",
    _comment(PairRow),
    (
        *_own_id("p.id", "Pair id"),
        *_same("p", PairRow, "exchange"),
        Column("venue_name", "x.name", "Name of the exchange"),
        *_same("p", PairRow, "market_kind symbol generation"),
        *_other("i", "p.base_id", "base", "What is bought and sold", "symbol", "name"),
        *_other("q", "p.quote_id", "quote", "What it is paid in", "symbol", "name"),
        *_same("p", PairRow, "tick_size lot_size min_quantity max_quantity min_price max_price min_notional"),
        *_same("p", PairRow, "maker_fee_bps taker_fee_bps venue_status delist_at status other_symbols"),
    ),
    """FROM pairs p
LEFT JOIN venues x ON x.slug = p.exchange
LEFT JOIN instruments i ON i.id = p.base_id
LEFT JOIN instruments q ON q.id = p.quote_id""",
)

BROKER_CONTRACTS = View(
    "broker_contracts",
    _comment(BrokerContractRow),
    (
        *_own_id("k.id", "Broker contract id"),
        *_same("k", BrokerContractRow, "broker"),
        Column("broker_name", "x.name", "Name of the broker"),
        *_same("k", BrokerContractRow, "symbol generation name"),
        *_other("i", "k.instrument_id", "instrument", "What it is", "symbol", "name"),
        *_same("k", BrokerContractRow, "mic"),
        Column("venue_name", "m.name", "Name of the market that the broker routes to"),
        *_same(
            "k",
            BrokerContractRow,
            "timezone session_open session_close pre_market_open pre_market_close after_hours_open after_hours_close "
            "shares_outstanding dividend_yield contract_multiplier tick_value settlement_type premium_multiplier "
            "margin_currency initial_margin maintenance_margin long_margin_rate short_margin_rate tick_size lot_size "
            "min_quantity is_tradable is_marginable is_shortable is_easy_to_borrow is_fractionable venue_status "
            "delist_at status",
        ),
    ),
    """FROM broker_contracts k
LEFT JOIN venues x ON x.slug = k.broker
LEFT JOIN venues m ON m.mic = k.mic
LEFT JOIN instruments i ON i.id = k.instrument_id""",
)

_FIELD_NAMES = ("name", "field_type", "byte_offset", "is_required", "max_length", "element_type")
_FIELD = ", ".join(f"'{name}', f.{name}" for name in _FIELD_NAMES)

EVENT_TYPES = View(
    "event_types",
    _comment(EventTypeRow),
    (
        *_same("t", EventTypeRow, "number"),
        Column("id", _hex("t.id"), "Event type id, 32 hex digits"),
        *_same("t", EventTypeRow, "name version event_source"),
        *_blockchain("t", EventTypeRow),
        *_same("t", EventTypeRow, "protocol exchange stream_type broker feed_type component event_class"),
        *_same("t", EventTypeRow, "priority id_bits size_hint"),
        Column("field_count", "(SELECT count(*) FROM event_fields f WHERE f.id = t.id)", "Number of its fields"),
        Column(
            "fields",
            f"""(SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object({_FIELD})) ORDER BY f.position)
        FROM event_fields f WHERE f.id = t.id)""",
            "Its fields in order, each an object: name, field_type, byte_offset, is_required …",
        ),
        *_same("t", EventTypeRow, "status"),
    ),
    "FROM event_types t\nLEFT JOIN blockchains b ON b.blockchain = t.blockchain",
)

# What happened

CHANGES = View(
    "changes",
    _comment(ChangeRow),
    (
        *_same("h", ChangeRow, "sequence"),
        _kind("h"),
        *_same("h", ChangeRow, "record"),
        *_subject("h", "record_id", "Id of the record, 32 hex digits; NULL for a listing"),
        *_same("h", ChangeRow, "action changed_at actor reason run_id difference"),
    ),
    f"FROM changes h\n{_subject_join('h', 'record_id')}",
)

SUCCESSIONS = View(
    "successions",
    _comment(SuccessionRow),
    (
        _kind("n"),
        Column("predecessor_id", _hex("n.predecessor_id"), "What was there before: its id, 32 hex digits"),
        Column("successor_id", _hex("n.successor_id"), "What is there instead: its id, 32 hex digits"),
        *_same("n", SuccessionRow, "succession_kind ratio effective_at is_in_effect actor reason recorded_at"),
    ),
    "FROM successions n",
)

DISPUTES = View(
    "disputes",
    _comment(DisputeRow),
    (
        *_same("d", DisputeRow, "number rule"),
        _kind("d"),
        *_subject(
            "d", "subject_id", "Id that the dispute is about, registered or not, 32 hex digits; NULL for a listing"
        ),
        *_same("d", DisputeRow, "field sides state opened_at run_id decided_at decided_by reason chosen"),
    ),
    f"FROM disputes d\n{_subject_join('d', 'subject_id')}",
)

_COUNTS = {
    "seen": "Distinct records that the payload describes",
    "registered": "Records that were new",
    "updated": "Records that changed",
    "unchanged": "Records that were known already",
    "rejected": "Rows that could not become records",
    "conflicts": "Records held back because they contradict others",
    "collisions": "Records refused because their id belongs to another identity",
    "disputes": "Disputes that the run opened",
}

IMPORT_RUNS = View(
    "import_runs",
    _comment(ImportRun),
    (
        *_same("r", ImportRun, "run_id source"),
        Column("feed", "f.name", "Feed that spoke: its name within the source"),
        *_same("r", ImportRun, "file_name"),
        Column("payload_hash", "encode(r.payload_hash, 'hex')", "BLAKE3 of the payload, 64 hex digits"),
        *_same("r", ImportRun, "observed_at actor state started_at finished_at"),
        *(Column(n, f"(r.report ->> '{n}')::bigint", f"{c}; NULL while it runs") for n, c in _COUNTS.items()),
        Column("by_record", "r.report -> 'by_record'", "The same counts for each record type"),
        *_same("r", ImportRun, "failure"),
    ),
    "FROM import_runs r\nJOIN feeds f ON f.feed_id = r.feed_id",
)

# Trading calendars

_MARKET = (
    Column("mic", "v.mic", "MIC of the market, ISO 10383"),
    Column("venue_name", "v.name", "Name of the market"),
)


def _local(name: str) -> Column:
    comment = str(VenueSessionRow.__table__.columns[f"{name}_at"].comment)
    return Column(f"{name}_local", f"timezone(k.timezone, s.{name}_at)", f"{comment}. Day and time in timezone")


SESSIONS = View(
    "sessions",
    _comment(VenueSessionRow),
    (
        *_MARKET,
        *_same("s", VenueSessionRow, "day opens_at closes_at break_starts_at break_ends_at is_short"),
        *_same("k", VenueCalendarRow, "timezone"),
        *(_local(name) for name in ("opens", "closes", "break_starts", "break_ends")),
        Column("venue_id", _hex("s.venue_id"), "The venue: venue id"),
        *_same("s", VenueSessionRow, "run_id"),
    ),
    "FROM venue_sessions s\nJOIN venue_calendars k ON k.venue_id = s.venue_id\nJOIN venues v ON v.id = s.venue_id",
)

HOLIDAYS = View(
    "holidays",
    _comment(VenueHolidayRow),
    (
        *_MARKET,
        *_same("h", VenueHolidayRow, "day"),
        Column("venue_id", _hex("h.venue_id"), "The venue: venue id"),
        *_same("h", VenueHolidayRow, "run_id"),
    ),
    "FROM venue_holidays h\nJOIN venues v ON v.id = h.venue_id",
)

# Who is who

_SYMBOLS_OF = {record: place for record, place in _SYMBOLS.items() if record not in ("future", "option", "synthetic")}


def _called(record: str) -> str:
    """What instruments of a type are called: a row for the symbol and one for the name."""
    table, _, column = _SYMBOLS_OF[record].partition(".")
    places = (f"own.{p}" if p in Base.metadata.tables[table].columns else "NULL" for p in ("exchange", "blockchain"))
    return _wrapped(
        f"SELECT i.id, i.record, w.field, w.spelling, w.skeleton, {', '.join(places)} FROM instruments i "
        f"JOIN {table} own ON own.id = i.id CROSS JOIN LATERAL (VALUES ('symbol', own.{column}, i.symbol_skeleton), "
        f"('name', i.name, i.name_skeleton)) w(field, spelling, skeleton) "
        f"WHERE i.record = '{record}' AND w.skeleton IS NOT NULL"
    )


_CALLED = "\n        UNION ALL ".join(_called(record) for record in _SYMBOLS_OF)

#: Verification is looked at for those alone who share a skeleton and are spelt in several ways. Lines of shares and
#: funds are not flagged: their tickers and names are given by their markets, not by whoever made them. Neither is what a
#: verified instrument is called in the same letters: that is a namesake.
LOOKALIKES = View(
    "lookalikes",
    "Instruments that nobody verified and that look like a verified one: one row for each word that resembles another",
    (
        *_own_id("a.id", "Instrument id"),
        *_same("a", InstrumentRow, "record"),
        Column("field", "a.field", "What looks like another's: symbol or name"),
        Column("spelling", "a.spelling", "That symbol or name. It may hold characters that cannot be seen"),
        Column("resembles", "a.known_spelling", "What it looks like: the symbol or name of a verified instrument"),
        Column(
            "resembles_id", _hex("a.known_id"), "That instrument, the first of those with this symbol or name: its id"
        ),
        Column("resembles_uuid", "a.known_id", "That id as PostgreSQL's uuid"),
        *_same("a", AssetRow, "exchange"),
        *_same("a", TokenRow, "blockchain"),
        Column(
            "since",
            f"greatest({_at('instrument', 'a.id', '')}, {_at('instrument', 'a.known_id', '')})",
            "When the later of the two came into this catalog",
        ),
        *_same("a", InstrumentRow, "status"),
    ),
    f"""FROM (
    WITH called (id, record, field, spelling, skeleton, exchange, blockchain) AS (
        {_CALLED}
    ), spelt AS (
        SELECT *, lower(regexp_replace(btrim(spelling), '\\s+', ' ', 'g')) AS folded FROM called
    ), doubtful AS (
        SELECT field, skeleton FROM spelt GROUP BY field, skeleton HAVING min(folded) <> max(folded)
    ), judged AS MATERIALIZED (
        SELECT s.*, i.status, {IS_VERIFIED} AS is_verified
        FROM spelt s JOIN doubtful d USING (field, skeleton) JOIN instruments i ON i.id = s.id
    ), known AS (
        SELECT DISTINCT ON (field, skeleton, folded) * FROM judged WHERE is_verified ORDER BY field, skeleton, folded, id
    )
    SELECT a.*, k.id AS known_id, k.spelling AS known_spelling
    FROM judged a JOIN known k ON k.field = a.field AND k.skeleton = a.skeleton AND k.folded <> a.folded
    WHERE NOT a.is_verified AND a.record NOT IN ('stock', 'etf') AND NOT EXISTS (
        SELECT FROM known n WHERE n.field = a.field AND n.skeleton = a.skeleton AND n.folded = a.folded)
) a""",
)

VERIFIED_INSTRUMENTS = View(
    "verified_instruments",
    "Instruments that are what they are called, by the word of an operator, a venue or a curated list",
    (
        *_own_id("i.id", "Instrument id"),
        *_same("i", InstrumentRow, "record"),
        Column("symbol", _symbol_of("i"), "Symbol, ticker, ISO 4217 code or name of a synthetic"),
        *_same("i", InstrumentRow, "name status"),
    ),
    f"FROM instruments i\nWHERE {IS_VERIFIED}",
)

VIEWS = (
    INSTRUMENTS, SECURITIES, TOKENS, CURRENCIES, VENUES, LISTINGS, CROSS_LISTINGS, POOLS, EXCHANGE_PAIRS, DERIVATIVES,
    SYNTHETICS, BROKER_CONTRACTS, EVENT_TYPES, CHANGES, SUCCESSIONS, DISPUTES, IMPORT_RUNS,
    SESSIONS, HOLIDAYS,
    VERIFIED_INSTRUMENTS, LOOKALIKES,
)  # fmt: skip


def statements() -> Iterator[str]:
    """All statements that make the schema, in order."""
    yield f"CREATE SCHEMA {SCHEMA}"
    yield f"COMMENT ON SCHEMA {SCHEMA} IS {_literal(SCHEMA_COMMENT)}"
    for view in VIEWS:
        yield from view.statements()


for _statement in statements():
    event.listen(Base.metadata, "after_create", DDL(_statement))  # type: ignore[no-untyped-call]
event.listen(Base.metadata, "before_drop", DDL(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))  # type: ignore[no-untyped-call]
