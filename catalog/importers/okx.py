"""`okx`: the instruments of OKX, that is spot and margin pairs, swaps, futures and options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, BinaryIO

from catalog.domain.derivatives import Future, Option
from catalog.domain.instruments import Asset
from catalog.domain.pairs import Pair
from catalog.domain.vocabulary import Authority, Status
from catalog.errors import InvalidRecord
from catalog.importers import exchange_values as rows
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.exchange_values import Assets, known
from catalog.importers.json_document import read_array, read_head

EXCHANGE = "okx"
#: The exchange's words for an instrument's state; any other word means that it does not trade, at least for now.
STATUSES: dict[str, Status] = {"live": "active", "expired": "retired"}
#: The word for an instrument that exists for tests only, and what its family begins with.
TEST = "test"
#: The category of contracts on something that the exchange itself keeps accounts in.
CRYPTO = "1"
_RECORDS = {"SPOT": "pair", "MARGIN": "pair", "SWAP": "future", "FUTURES": "future", "OPTION": "option"}


class OkxImporter:
    """`{code, msg, data: [{instType, instId, …}]}` of GET /api/v5/public/instruments."""

    source = "okx"
    authority: Authority = "venue"
    codes: Mapping[str, str] = {
        **rows.CODES,
        "unknown_type": "the instType is none of SPOT, MARGIN, SWAP, FUTURES and OPTION",
        "unknown_contract_type": "the ctType is neither linear nor inverse nor blank",
        "invalid_underlying": "the uly is not two codes with a dash between them",
        "test_instrument": "an instrument that exists for tests only",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether `data` holds objects with instType, instId and a state."""
        return any(
            r.is_element and isinstance(r.value, dict) and r.value.keys() >= {"instType", "instId", "state"}
            for r in read_head(head, frozenset({"data"}))
        )

    def heading(self, stream: BinaryIO) -> Heading:
        """The feed is the instType, with the family behind it where all rows are options of one; there is no time."""
        members, (kind, family) = rows.survey(stream, "data", frozenset({"code"}), ("instType", "instFamily"))
        rows.check_answer(members, "code")
        return Heading(rows.feed_name((kind or "").lower(), family if kind == "OPTION" else None))

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        """Every instrument, behind the assets that it is the first to name."""
        self.heading(stream)
        return rows.parse_rows(read_array(stream, "data"), Assets(EXCHANGE, observed_at), _record, _record_type)


def _record_type(row: Any) -> str:
    kind = row.get("instType") if isinstance(row, dict) else None
    return _RECORDS.get(kind, "") if isinstance(kind, str) else ""


def _record(row: dict[str, Any], place: str, assets: Assets) -> Pair | Future | Option:
    kind = rows.word(row, "instType")
    if kind not in _RECORDS:
        raise InvalidRecord("instType", kind or "nothing", "no type that we know", code="unknown_type")
    symbol = rows.symbol(row, "instId")
    if rows.word(row, "state") == TEST or (rows.word(row, "instFamily") or "").startswith(TEST.upper()):
        raise InvalidRecord("instId", symbol, "it exists for tests only", code="test_instrument")
    if kind == "MARGIN":
        return Pair(symbol=symbol, **_pair(row, place, assets))
    if kind == "SPOT":
        limits = known(max_quantity=rows.maximum(row, "maxLmtSz"), delist_at=rows.end(row, "expTime"))
        return Pair(symbol=symbol, **_pair(row, place, assets), **limits, **_status(row))
    terms = _contract(row, place, assets)
    if kind == "OPTION":
        return _option(row, symbol, terms)
    if (contract_type := rows.word(row, "ctType")) is not None:
        if contract_type not in ("linear", "inverse"):
            raise InvalidRecord("ctType", contract_type, "linear or inverse", code="unknown_contract_type")
        terms["is_inverse"] = contract_type == "inverse"
    if kind == "SWAP":
        terms |= known(delist_at=rows.end(row, "expTime"))
    else:
        expires_at = rows.expiry(row, "expTime")
        terms |= {"last_trading_date": expires_at.date(), "expires_at": expires_at, "settlement_type": "cash"}
    return Future(symbol=symbol, **terms)


def _pair(row: dict[str, Any], place: str, assets: Assets) -> dict[str, Any]:
    """What spot and margin say of one and the same pair."""
    base = rows.asset(row, "baseCcy", place, assets)
    quote = rows.asset(row, "quoteCcy", place, assets)
    return {"exchange": EXCHANGE, "market_kind": "spot", "base_id": base.id, "quote_id": quote.id, **_sizes(row)}


def _sizes(row: dict[str, Any]) -> dict[str, Any]:
    return known(
        tick_size=rows.positive(row, "tickSz"),
        lot_size=rows.positive(row, "lotSz"),
        min_quantity=rows.amount(row, "minSz"),
    )


def _status(row: dict[str, Any]) -> dict[str, Any]:
    state = rows.word(row, "state")
    return {"venue_status": state, "status": STATUSES.get(state, "suspended")} if state else {}


def _contract(row: dict[str, Any], place: str, assets: Assets) -> dict[str, Any]:
    """What swaps, futures and options have in common."""
    underlying, quote = _underlying(row, place, assets)
    settlement = rows.optional_asset(row, "settleCcy", place, assets)
    value, multiplier = rows.positive(row, "ctVal"), rows.positive(row, "ctMult")
    listed = rows.moment(row, "listTime")
    return {
        "exchange": EXCHANGE,
        **_sizes(row),
        **_status(row),
        **known(
            product=rows.word(row, "instFamily"),
            underlying_id=underlying and underlying.id,
            quote_id=quote and quote.id,
            settlement_id=settlement and settlement.id,
            margin_id=settlement and settlement.id,
            contract_multiplier=rows.product("ctVal", value, multiplier) if value and multiplier else None,
            max_quantity=rows.maximum(row, "maxLmtSz"),
            first_trading_date=listed and listed.date(),
        ),
    }


def _underlying(row: dict[str, Any], place: str, assets: Assets) -> tuple[Asset | None, Asset | None]:
    """The two assets of an index such as `BTC-USD`.

    An option that is settled in what it is on is also quoted in it. The underlying of a stock or commodity contract is
    no asset of the exchange.
    """
    index = rows.word(row, "uly")
    if index is None:
        return None, None
    base, _, rest = index.partition("-")
    # A suffix such as `_UM` tells families of contracts apart and is no part of the code.
    quote = rest.partition("_")[0]
    if not (base and quote) or "-" in rest:
        raise InvalidRecord("uly", index, "two codes such as `BTC-USD` are expected", code="invalid_underlying")
    if row.get("instType") == "OPTION" and rows.word(row, "settleCcy") == base:
        quote = base
    is_asset = rows.word(row, "instCategory") in (None, CRYPTO)
    return (
        assets.asset(base, f"{place}/uly") if is_asset else None,
        assets.asset(quote, f"{place}/uly"),
    )


def _option(row: dict[str, Any], symbol: str, terms: dict[str, Any]) -> Option:
    expires_at = rows.expiry(row, "expTime")
    return Option(
        symbol=symbol,
        expiry_date=expires_at.date(),
        expires_at=expires_at,
        option_kind=rows.option_kind(row, "optType"),
        strike_price=rows.strike(row, "stk"),
        exercise_style="european",
        settlement_type="cash",
        **terms,
    )


IMPORTER = OkxImporter()
