"""Strategies for valid records of every type, with every field in reach and values at the limits of the wire.

`record_of(name)` builds records of one type, `records()` of any. The status is always said, so that a record that was
written out and read again says neither more nor less than before.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal
from functools import cache
from hashlib import blake2b
from itertools import pairwise
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import base58
from hypothesis import strategies as st
from stdnum import cusip, figi, isin
from stdnum.gb import sedol
from stdnum.iso7064 import mod_97_10

from catalog.domain import RECORDS, Record, base, events, identifiers, instruments
from catalog.domain.calendar import NEVER
from catalog.domain.formulas import FUNCTIONS, parse_formula
from catalog.domain.vocabulary import BLOCKCHAINS, EVENT_FIELD_SIZES, EXCHANGES, PLATFORMS, PRICE_UNITS, native_aliases
from catalog.errors import InvalidRecord

Strategy = st.SearchStrategy[Any]
Draw = st.DrawFn
_WIDE = Context(prec=30, Emax=999, Emin=-999)

# --- values ---------------------------------------------------------------------------------------------------------


def _fits(least: int, most: int) -> Callable[[str], bool]:
    return lambda text: least <= len(text.encode()) <= most


def _drawn(alphabet: str, size: int, least: int | None = None) -> st.SearchStrategy[str]:
    return st.text(st.sampled_from(alphabet), min_size=size if least is None else least, max_size=size)


def _regex(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)


# What Unicode has not assigned yet, Python and PostgreSQL may normalise by different editions of the standard.
_CHARACTERS = st.characters(exclude_categories=["Cc", "Cn", "Cs"])
_ANY_TEXT = st.text(_CHARACTERS | st.sampled_from("aé\u0301한\u1112\u1161\u11abÅ☃😀"), min_size=1, max_size=12)
_NFC = _ANY_TEXT.map(lambda text: unicodedata.normalize("NFC", text))
KEYS = (_NFC.map(str.strip) | st.sampled_from(["A", "x" * 255, "é" * 127, "a b\\c\"'", "{,}"])).filter(_fits(1, 255))
TEXTS = (_NFC | st.sampled_from(["x" * 65_535, "a\tb\r\n\\.", " ", "\\N", "0"])).filter(_fits(1, 65_535))
KEY_SETS = st.lists(KEYS, min_size=1, max_size=4).map(lambda keys: tuple(sorted(set(keys))))

_MANTISSAS = st.integers(1, 10**18 - 1).filter(lambda mantissa: mantissa % 10)
INCREMENTS = st.builds(
    lambda mantissa, exponent: Decimal(mantissa).scaleb(exponent, _WIDE),
    _MANTISSAS | st.sampled_from([1, 10**18 - 1]),
    st.integers(-128, 127) | st.sampled_from([-128, -18, -17, -1, 0, 1, 17, 18, 127]),
)
AMOUNTS = INCREMENTS | st.just(Decimal(0))
SIGNED = AMOUNTS | INCREMENTS.map(lambda number: -number)
FRACTIONS = st.sampled_from([Decimal(0), Decimal(1), Decimal("0.003"), Decimal("1e-128")]) | st.builds(
    lambda mantissa, exponent: Decimal(mantissa).scaleb(exponent, _WIDE), _MANTISSAS, st.integers(-128, -18)
)

DAYS = st.dates() | st.sampled_from([date.min, date(1969, 12, 31), date(1970, 1, 1), date.max])
TRADING_DAYS = st.dates(max_value=date(2098, 12, 31))
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2261, 12, 31, 23, 59, 59, 999_999), timezones=st.just(UTC))  # noqa: DTZ001
END_MOMENTS = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001
    datetime(NEVER.year - 1, 12, 31, 23, 59, 59, 999_999),  # noqa: DTZ001
    timezones=st.just(UTC),
)
CLOCKS = st.builds(time, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
ZONES = st.sampled_from(["UTC", "America/New_York", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "A" * 64])

_BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CONSONANTS = "BCDFGHJKLMNPQRSTVWXYZ"
ISINS = st.builds(
    lambda prefix, body: prefix + body + isin.calc_check_digit(prefix + body),
    st.sampled_from(sorted(identifiers.isin_prefixes())),
    _drawn(_BASE36, 9),
)
CUSIPS = _drawn(_BASE36 + "*@#", 8).map(lambda body: body + cusip.calc_check_digit(body))
FIGIS = st.builds(
    lambda head, body: f"{head}G{body}{figi.calc_check_digit(f'{head}G{body}')}",
    _drawn(_CONSONANTS, 2).filter(lambda head: head not in ("BS", "BM", "GG", "GB", "GH", "KY", "VG")),
    _drawn(_CONSONANTS + "0123456789", 8),
)
SEDOLS = st.builds(
    lambda body: body + sedol.calc_check_digit(body),
    _drawn("0123456789", 6) | st.builds(str.__add__, _drawn(_CONSONANTS, 1), _drawn(_CONSONANTS + "0123456789", 5)),
)
LEIS = _drawn(_BASE36, 18).map(lambda body: body + mod_97_10.calc_check_digits(body))
MICS = _drawn(_BASE36, 4) | st.sampled_from(["XNAS", "XNGS", "XETA", "XJPX", "XLON"])
LISTING_MICS = MICS.filter(lambda mic: mic not in PLATFORMS)
SLUGS = _drawn("abcdefghijklmnopqrstuvwxyz0123456789_", 64, 1) | st.sampled_from(sorted(EXCHANGES))
CHAINS = st.sampled_from(sorted(BLOCKCHAINS))
# As in every catalog of 64 bits, no two ids share their first 8 bytes.
IDS = st.binary(min_size=8, max_size=8).map(lambda head: (head + blake2b(head, digest_size=8).digest()).hex())
HASHES = st.binary(min_size=32, max_size=32).map(lambda data: "0x" + data.hex())
TOKEN_IDS = st.integers(0, 2**256 - 1).map(str)
NAMES = _regex("[A-Za-z_][A-Za-z0-9_]{0,7}") | st.sampled_from(["x" * 64, "_"])


def addresses(blockchain: str, *, native: bool = False) -> st.SearchStrategy[str]:
    """Addresses of a blockchain in their normal form; with `native` those too that mean its native coin."""
    if blockchain.startswith("eip155:"):
        found = st.binary(min_size=20, max_size=20).map(lambda data: "0x" + data.hex())
    else:
        found = st.binary(min_size=32, max_size=32).map(lambda data: base58.b58encode(data).decode())
    aliases = native_aliases(blockchain)
    return found | st.sampled_from(aliases) if native else found.filter(lambda address: address not in aliases)


# --- fields by their types ------------------------------------------------------------------------------------------

_TYPES: tuple[tuple[Any, Strategy], ...] = (
    (base.Key, KEYS),
    (base.Text, TEXTS),
    (base.Keys, KEY_SETS),
    (base.Amount, AMOUNTS),
    (base.Increment, INCREMENTS),
    (base.Signed, SIGNED),
    (base.Isin, ISINS),
    (base.Cusip, CUSIPS),
    (base.Figi, FIGIS),
    (base.Sedol, SEDOLS),
    (base.Lei, LEIS),
    (base.Mic, MICS),
    (base.Slug, SLUGS),
    (base.Caip2, CHAINS),
    (base.CurrencyCode, st.sampled_from(sorted(identifiers.currencies()))),
    (base.CountryCode, st.sampled_from(sorted(identifiers.countries()))),
    (base.IdText, IDS),
    (base.Generation, st.integers(2, 99_999).map(str)),
    (base.Day, DAYS),
    (base.Moment, MOMENTS),
    (base.EndMoment, END_MOMENTS),
    (base.Clock, CLOCKS),
    (base.Zone, ZONES),
    (base.Nanoseconds, st.integers(1, 2**63 - 1)),
    (base.Natural, st.integers(0, 2**32 - 1)),
    (base.Positive, st.integers(1, 2**32 - 1)),
    (instruments.Decimals, st.integers(0, 255)),
    (instruments.Line, _drawn(_BASE36, 32, 1)),
    (bool, st.booleans()),
)


def _of_type(annotation: Any) -> Strategy:
    for known, strategy in _TYPES:
        if annotation is known:
            return strategy
    origin = get_origin(annotation)
    if origin is Literal:
        return st.sampled_from(get_args(annotation))
    if origin in (Union, UnionType):
        (inner,) = (a for a in get_args(annotation) if a is not type(None))
        return _of_type(inner)
    if origin is Annotated:
        for limit in (limit for field in annotation.__metadata__ for limit in getattr(field, "metadata", ())):
            if pattern := getattr(limit, "pattern", None):
                return _regex(pattern.removeprefix("^").removesuffix("$"))
    raise TypeError(f"no strategy for {annotation}")


@cache
def _hints(model: type[Any]) -> dict[str, Any]:
    return get_type_hints(model, include_extras=True)


def facts(record: str, *without: str, **own: Strategy) -> st.SearchStrategy[dict[str, Any]]:
    """Values of the fields of a record type: each optional one is there or not. `own` replaces strategies by name and
    makes those fields required; `without` leaves fields out."""
    model = RECORDS[record]
    required: dict[str, Strategy] = {"status": st.sampled_from(["active", "suspended", "retired"])}
    optional: dict[str, Strategy] = {}
    for name, field in model.model_fields.items():
        if name in required or name in ("record", *without, *own):
            continue
        (required if field.is_required() else optional)[name] = _of_type(_hints(model)[name])
    return st.fixed_dictionaries(required | own, optional=optional)


def _maybe(draw: Draw, values: dict[str, Any], **strategies: Strategy) -> None:
    """Give each of these fields a value, or none."""
    for name, strategy in strategies.items():
        if draw(st.booleans()):
            values[name] = draw(strategy)


def _sessions(draw: Draw, values: dict[str, Any], *sessions: str) -> None:
    """Give each of these sessions both ends, or none; with one of them there is a time zone."""
    for session in sessions:
        if draw(st.booleans()):
            values[f"{session}_open"], values[f"{session}_close"] = draw(st.tuples(CLOCKS, CLOCKS))
            values.setdefault("timezone", draw(ZONES))


# --- record types ---------------------------------------------------------------------------------------------------


@st.composite
def _token(draw: Draw) -> dict[str, Any]:
    values = draw(facts("token", "address", "token_id"))
    values["address"] = draw(addresses(values["blockchain"]))
    _maybe(draw, values, token_id=TOKEN_IDS)
    return values


@st.composite
def _equity(draw: Draw, record: str) -> dict[str, Any]:
    if draw(st.booleans()):
        values = draw(facts(record, "generation", isin=ISINS))
    else:
        values = draw(facts(record, "isin", "line", ticker=KEYS))
    if "price_unit" in values:  # a hundredth of the currency
        values["currency"] = PRICE_UNITS[values["price_unit"]]
    return values


@st.composite
def _contract(draw: Draw, record: str, end: str, days: Strategy) -> dict[str, Any]:
    """A future or option of an exchange: its place, its symbol and two dates in order."""
    values = draw(
        facts(record, "mic", "exchange", "segment", "osi_root", "first_trading_date", end, "expires_at", symbol=KEYS)
    )
    if draw(st.booleans()):
        values["mic"] = draw(LISTING_MICS)
    else:
        values["exchange"] = draw(st.sampled_from(["binance", "bybit"]) | SLUGS)
        segments = EXCHANGES[values["exchange"]].segments if values["exchange"] in EXCHANGES else ()
        if segments:
            _maybe(draw, values, segment=st.sampled_from(segments))
    first, values[end] = sorted(draw(st.tuples(days, days)))
    _maybe(draw, values, first_trading_date=st.just(first), expires_at=MOMENTS)
    return values


@st.composite
def _future(draw: Draw) -> dict[str, Any]:
    values = draw(_contract("future", "last_trading_date", TRADING_DAYS))
    if draw(st.booleans()):  # a perpetual
        values.pop("last_trading_date")
        values.pop("expires_at", None)
    return values


@st.composite
def _option(draw: Draw) -> dict[str, Any]:
    if draw(st.booleans()):
        return draw(_contract("option", "expiry_date", DAYS))
    values = draw(
        facts(
            "option", "mic", "exchange", "segment", "symbol", "generation", "first_trading_date", "expiry_date",
            osi_root=_drawn(_BASE36, 6, 1),
            strike_price=st.integers(1, 99_999_999).map(lambda mills: Decimal(mills).scaleb(-3)),
        )
    )  # fmt: skip
    first, values["expiry_date"] = sorted(draw(st.tuples(DAYS, DAYS)))
    _maybe(draw, values, first_trading_date=st.just(first))
    return values


@st.composite
def _venue(draw: Draw) -> dict[str, Any]:
    values = draw(facts("venue", "mic", "slug", "session_open", "session_close"))
    if draw(st.booleans()):
        values["mic"] = draw(MICS)
    else:
        values["slug"] = draw(SLUGS)
    _sessions(draw, values, "session")
    return values


@st.composite
def _pair(draw: Draw) -> dict[str, Any]:
    values = draw(facts("pair"))
    others = tuple(symbol for symbol in values.pop("other_symbols", ()) if symbol != values["symbol"])
    return values | ({"other_symbols": others} if others else {})


@st.composite
def _pool(draw: Draw) -> dict[str, Any]:
    values = draw(facts("pool", "address", "pool_id", "tokens", "algorithm", "fee", "hooks", "factory", "pool_type"))
    chain = values["blockchain"]
    values["address"] = draw(addresses(chain, native=True))
    _maybe(draw, values, pool_id=HASHES, hooks=addresses(chain, native=True), factory=addresses(chain), fee=FRACTIONS)
    if values.get("is_dynamic_fee"):
        values.pop("fee", None)
    ids = draw(st.lists(IDS, min_size=2, max_size=5, unique=True))
    values["tokens"] = [{"instrument_id": id} for id in ids]
    _maybe(draw, values, pool_type=_of_type(_hints(RECORDS["pool"])["pool_type"]))
    if values.get("pool_type") == "custom":
        values["algorithm"] = draw(KEYS)
    if values.get("pool_type") == "weighted" or draw(st.booleans()):
        for token, weight in zip(values["tokens"], draw(_weights(len(ids))), strict=True):
            token["weight"] = weight
    return values


@st.composite
def _weights(draw: Draw, count: int) -> list[Decimal]:
    """That many positive decimals that add up to exactly 1."""
    places = draw(st.integers(1, 18))
    cuts = draw(st.lists(st.integers(1, 10**places - 1), min_size=count - 1, max_size=count - 1, unique=True))
    edges = [0, *sorted(cuts), 10**places]
    return [Decimal(b - a).scaleb(-places) for a, b in pairwise(edges)]


@st.composite
def _broker_contract(draw: Draw) -> dict[str, Any]:
    sessions = ("session", "pre_market", "after_hours")
    edges = [f"{session}_{edge}" for session in sessions for edge in ("open", "close")]
    details: dict[str, dict[str, Strategy]] = {
        "stock": {"shares_outstanding": AMOUNTS, "dividend_yield": AMOUNTS},
        "future": {"tick_value": INCREMENTS, "settlement_type": st.sampled_from(["cash", "physical"])},
        "option": {"premium_multiplier": INCREMENTS},
    }
    values = draw(facts("broker_contract", *edges, *(name for names in details.values() for name in names)))
    _sessions(draw, values, *sessions)
    _maybe(draw, values, **details[draw(st.sampled_from(sorted(details)))])
    return values


_FIXED_TYPES = sorted(name for name, size in EVENT_FIELD_SIZES.items() if size is not None)


@st.composite
def _event_type(draw: Draw) -> dict[str, Any]:
    described = [name for names in events.SOURCE_FIELDS.values() for name in names]
    values = draw(facts("event_type", "fields", "size_hint", *described, version=st.integers(1, events.MAX_VERSION)))
    values |= {
        name: draw(_of_type(_hints(RECORDS["event_type"])[name]))
        for name in events.SOURCE_FIELDS[values["event_source"]]
    }
    is_fixed = draw(st.booleans())
    names = draw(st.lists(_regex("[a-z_][a-z0-9_]{0,7}"), min_size=1, max_size=6, unique=True))
    fields, end = [], 0
    for name in names:
        kind = draw(st.sampled_from(_FIXED_TYPES if is_fixed else sorted(EVENT_FIELD_SIZES)))
        field: dict[str, Any] = {"name": name, "field_type": kind}
        _maybe(draw, field, is_required=st.booleans())
        size = EVENT_FIELD_SIZES[kind]
        if size is None:
            field["max_length"] = draw(st.integers(1, 2**32 - 1))
        elif is_fixed or draw(st.booleans()):
            field["byte_offset"] = end + draw(st.integers(0, 3) | st.just(0))
            end = field["byte_offset"] + (size or values.get("id_bits", 64) // 8)
        if kind == "array":
            field["element_type"] = draw(st.sampled_from(_FIXED_TYPES))
        fields.append(field)
    if is_fixed:
        values["size_hint"] = end + draw(st.integers(0, 8) | st.just(2**32 - 1 - end))
    values["fields"] = draw(st.permutations(fields))
    return values


def formulas(names: Iterable[str]) -> st.SearchStrategy[str]:
    """Formulas over some of these names; each gives a number for some values of them."""
    numbers = _MANTISSAS.map(lambda n: f"{Decimal(n).scaleb(-9):f}") | st.sampled_from(["1", "0", "365", "0.5"])
    leaves = st.sampled_from(sorted(names)) | numbers

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.builds(lambda a, op, b: f"{a}{op}{b}", inner, st.sampled_from(["+", " - ", "*", " / ", "^"]), inner),
            inner.map(lambda a: f"-{a}"),
            inner.map(lambda a: f"( {a})"),
            st.builds(lambda f, a: f"{f}({a})", st.sampled_from(["abs", "exp", "ln", "sqrt"]), inner),
            st.builds(
                lambda f, a: f"{f}({', '.join(a)})", st.sampled_from(["max", "min"]), st.lists(inner, min_size=2)
            ),
        )

    return st.recursive(leaves, grow, max_leaves=6).filter(_is_formula)


def _is_formula(text: str) -> bool:
    try:
        return bool(parse_formula(text).names)
    except InvalidRecord:
        return False


@st.composite
def _synthetic(draw: Draw) -> dict[str, Any]:
    values = draw(facts("synthetic", "formula", "components", "min_value", "max_value"))
    variables = draw(st.lists(NAMES.filter(lambda n: n not in FUNCTIONS), min_size=1, max_size=4, unique=True))
    values["formula"] = draw(formulas(variables))
    components = []
    for name in parse_formula(values["formula"]).names:
        target = draw(st.sampled_from(["instrument_id", "pair_id", "pool_id"]))
        component = {"variable": name, target: draw(IDS)}
        if target == "instrument_id":
            _maybe(draw, component, measure=st.sampled_from(["price", "days_to_expiry"]))
        components.append(component)
    values["components"] = draw(st.permutations(components))
    low, high = sorted(draw(st.tuples(SIGNED, SIGNED)))
    _maybe(draw, values, min_value=st.just(low), max_value=st.just(high))
    return values


_BUILDERS: dict[str, Strategy] = {
    "token": _token(),
    "stock": _equity("stock"),
    "etf": _equity("etf"),
    "future": _future(),
    "option": _option(),
    "synthetic": _synthetic(),
    "venue": _venue(),
    "pair": _pair(),
    "pool": _pool(),
    "broker_contract": _broker_contract(),
    "event_type": _event_type(),
}


@cache
def record_of(name: str) -> st.SearchStrategy[Record]:
    """Valid records of one type."""
    return (_BUILDERS[name] if name in _BUILDERS else facts(name)).map(lambda values: RECORDS[name](**values))


def records() -> st.SearchStrategy[Record]:
    """Valid records of all types."""
    return st.sampled_from(sorted(RECORDS)).flatmap(record_of)
