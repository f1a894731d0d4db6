"""`deribit`: the instruments of Deribit, that is spot pairs, perpetuals, futures and options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from catalog.domain.derivatives import Future, Option
from catalog.domain.pairs import Pair
from catalog.domain.vocabulary import Authority, Status
from catalog.errors import InvalidRecord, PayloadError
from catalog.importers import exchange_values as rows
from catalog.importers.base import Heading, Parsed, Reject
from catalog.importers.exchange_values import Assets, known
from catalog.importers.json_document import read_array, read_head

EXCHANGE = "deribit"
#: The exchange's words for the state of an instrument's book; in any other it does not trade, at least for now.
STATUSES: dict[str, Status] = {"open": "active", "delivered": "retired", "archivized": "retired"}
#: Combinations of instruments, which are none themselves.
COMBINATIONS = frozenset({"future_combo", "option_combo"})
_RECORDS = {"spot": "pair", "future": "future", "option": "option"}


class DeribitImporter:
    """`{result: [{kind, instrument_name, …}], usOut, testnet}` of public/get_instruments."""

    source = "deribit"
    authority: Authority = "venue"
    codes: Mapping[str, str] = {
        **rows.CODES,
        "unknown_type": "the kind is none of spot, future and option, nor a combination",
        "unknown_contract_type": "the instrument_type (or future_type) is neither linear nor reversed",
        "combination": "a combination of futures or options (future_combo, option_combo)",
        "invalid_activity": "is_active is neither true nor false",
    }

    def can_parse(self, head: bytes) -> bool:
        """Whether `result` holds objects with instrument_name, kind and base_currency."""
        return any(
            r.is_element
            and isinstance(r.value, dict)
            and r.value.keys() >= {"instrument_name", "kind", "base_currency"}
            for r in read_head(head, frozenset({"result"}))
        )

    def heading(self, stream: BinaryIO) -> Heading:
        """The feed is the kind and the settlement currency, where all rows have the same; the time is `usOut`."""
        members, (kind, currency) = rows.survey(
            stream, "result", frozenset({"testnet", "usOut"}), ("kind", "settlement_currency")
        )
        if members.get("testnet") is True:
            raise PayloadError("the answer comes from the test network", "/testnet")
        time = members.get("usOut")
        moment = None
        if isinstance(time, int) and 0 < time < 4_000_000_000_000_000:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)
        return Heading(rows.feed_name(kind, currency), moment)

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        """Every instrument, behind the assets that it is the first to name."""
        self.heading(stream)
        return rows.parse_rows(read_array(stream, "result"), Assets(EXCHANGE, observed_at), _record, _record_type)


def _record_type(row: Any) -> str:
    kind = row.get("kind") if isinstance(row, dict) else None
    return _RECORDS.get(kind, "") if isinstance(kind, str) else ""


def _record(row: dict[str, Any], place: str, assets: Assets) -> Pair | Future | Option:
    kind = rows.word(row, "kind")
    symbol = rows.symbol(row, "instrument_name")
    if kind in COMBINATIONS:
        raise InvalidRecord("kind", kind, "a combination of instruments is none itself", code="combination")
    if kind == "spot":
        return _pair(row, symbol, place, assets)
    if kind == "option":
        return _option(row, symbol, _contract(row, place, assets))
    if kind == "future":
        return _future(row, symbol, _contract(row, place, assets))
    raise InvalidRecord("kind", kind or "nothing", "no kind that we know", code="unknown_type")


def _pair(row: dict[str, Any], symbol: str, place: str, assets: Assets) -> Pair:
    smallest = rows.amount(row, "min_trade_amount")
    return Pair(
        exchange=EXCHANGE,
        market_kind="spot",
        symbol=symbol,
        base_id=rows.asset(row, "base_currency", place, assets).id,
        quote_id=rows.asset(row, "quote_currency", place, assets).id,
        **known(lot_size=smallest or None, min_quantity=smallest, delist_at=rows.end(row, "expiration_timestamp")),
        **_prices(row),
    )


def _prices(row: dict[str, Any]) -> dict[str, Any]:
    """Tick, fees and status, which all kinds have."""
    return known(
        tick_size=rows.positive(row, "tick_size"),
        maker_fee_bps=rows.basis_points(row, "maker_commission"),
        taker_fee_bps=rows.basis_points(row, "taker_commission"),
        **_status(row),
    )


def _status(row: dict[str, Any]) -> dict[str, Any]:
    """Of the book's state, and of is_active, which is all that older answers have."""
    state, is_active = rows.word(row, "state"), row.get("is_active")
    if is_active is not None and not isinstance(is_active, bool):
        raise InvalidRecord("is_active", is_active, "true or false is expected", code="invalid_activity")
    status: Status | None = None
    if state:
        status = STATUSES.get(state, "suspended")
    elif is_active is not None:
        status = "active" if is_active else "suspended"
    if status == "active" and is_active is False:
        status = "suspended"
    return known(venue_status=state, status=status)


def _contract(row: dict[str, Any], place: str, assets: Assets) -> dict[str, Any]:
    """What perpetuals, futures and options have in common."""
    underlying = rows.asset(row, "base_currency", place, assets)
    quote = rows.asset(row, "quote_currency", place, assets)
    settlement = rows.optional_asset(row, "settlement_currency", place, assets)
    size = rows.positive(row, "contract_size")
    # The amount is in the underlying, or in dollars where the contract is reversed; ours is in contracts.
    amount = rows.amount(row, "min_trade_amount")
    smallest = rows.quotient("min_trade_amount", amount, size) if amount is not None and size else None
    created = rows.moment(row, "creation_timestamp")
    return {
        "exchange": EXCHANGE,
        "underlying_id": underlying.id,
        "quote_id": quote.id,
        **known(
            settlement_id=settlement and settlement.id,
            margin_id=settlement and settlement.id,
            contract_multiplier=size,
            lot_size=smallest or None,
            min_quantity=smallest,
            first_trading_date=created and created.date(),
        ),
        **_prices(row),
    }


def _future(row: dict[str, Any], symbol: str, terms: dict[str, Any]) -> Future:
    form = rows.word(row, "instrument_type") or rows.word(row, "future_type")
    if form is not None:
        if form not in ("linear", "reversed"):
            raise InvalidRecord("instrument_type", form, "linear or reversed", code="unknown_contract_type")
        terms["is_inverse"] = form == "reversed"
    if rows.word(row, "settlement_period") == "perpetual":
        terms |= known(delist_at=rows.end(row, "expiration_timestamp"))
    else:
        expires_at = rows.expiry(row, "expiration_timestamp")
        terms |= {"last_trading_date": expires_at.date(), "expires_at": expires_at, "settlement_type": "cash"}
    return Future(symbol=symbol, **terms)


def _option(row: dict[str, Any], symbol: str, terms: dict[str, Any]) -> Option:
    expires_at = rows.expiry(row, "expiration_timestamp")
    return Option(
        symbol=symbol,
        expiry_date=expires_at.date(),
        expires_at=expires_at,
        option_kind=rows.option_kind(row, "option_type"),
        strike_price=rows.strike(row, "strike"),
        exercise_style="european",
        settlement_type="cash",
        **terms,
    )


IMPORTER = DeribitImporter()
