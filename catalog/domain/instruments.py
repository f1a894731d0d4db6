"""Instruments: what has an id and a price. Each class is one record type; the class attributes say what identifies it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from catalog.domain import identifiers
from catalog.domain.base import (
    Amount,
    Caip2,
    CountryCode,
    CurrencyCode,
    Cusip,
    EndMoment,
    Figi,
    Generation,
    Isin,
    Key,
    Mic,
    Record,
    Sedol,
    Slug,
    Text,
)
from catalog.domain.vocabulary import (
    MARKET_MICS,
    PRICE_UNITS,
    TokenStandard,
    market_mic,
    native_aliases,
    split_price_unit,
)
from catalog.errors import InvalidIdentifier, InvalidRecord

Decimals = Annotated[int, Field(ge=0, le=255)]
Line = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,32}$")]


class Token(Record):
    """A token of a contract or mint on a blockchain. One address on two chains is two tokens."""

    record: Literal["token"] = "token"
    blockchain: Caip2
    address: str
    token_id: Annotated[str, BeforeValidator(identifiers.token_id)] | None = None
    symbol: Key | None = None
    name: Text | None = None
    decimals: Decimals | None = None
    token_standard: TokenStandard | None = None

    IDENTITY: ClassVar = ("blockchain", "address", "token_id")
    BREAKING: ClassVar = ("decimals",)

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("blockchain"), str) and isinstance(data.get("address"), str):
            blockchain = identifiers.caip2(data["blockchain"])
            address = identifiers.address(blockchain, data["address"])
            if address in native_aliases(blockchain):
                raise InvalidIdentifier(
                    "address", address, f"it means the native coin of {blockchain}", "register it as a `native`"
                )
            if address != data["address"]:
                return data | {"address": address}
        return data

    @property
    def identity(self) -> tuple[str, ...]:
        return ("token", self.blockchain, self.address, self.token_id or "")


class Native(Record):
    """The native coin of a blockchain: one per chain, at no contract."""

    record: Literal["native"] = "native"
    blockchain: Caip2
    symbol: Key | None = None
    name: Text | None = None
    decimals: Decimals | None = None

    IDENTITY: ClassVar = ("blockchain",)
    BREAKING: ClassVar = ("decimals",)

    @property
    def identity(self) -> tuple[str, ...]:
        return ("native", self.blockchain)


class Asset(Record):
    """What a crypto exchange keeps accounts in, under the exchange's own code (`symbol`)."""

    record: Literal["asset"] = "asset"
    exchange: Slug
    symbol: Key
    generation: Generation | None = None
    name: Text | None = None
    decimals: Decimals | None = None
    delist_at: EndMoment = None

    IDENTITY: ClassVar = ("exchange", "symbol", "generation")

    @property
    def identity(self) -> tuple[str, ...]:
        return ("asset", self.exchange, self.symbol, self.generation or "")


class _Equity(Record):
    """A line of a stock or fund on one home market, in one currency.

    `mic` is the market MIC: tiers of one book are folded on entry and kept as `segment_mic`. `currency` is the major
    unit; a quotation in pence or cents is `price_unit`. With an ISIN, CUSIP and share-class FIGI belong to the
    security, which the engine makes of them; without one they stay here.
    """

    mic: Mic
    segment_mic: Mic | None = None
    isin: Isin | None = None
    ticker: Key | None = None
    currency: CurrencyCode
    price_unit: Annotated[str, Field(pattern=r"^(GBX|ILA|ZAC)$")] | None = None
    line: Line | None = None
    generation: Generation | None = None
    name: Text | None = None
    cusip: Cusip | None = None
    figi: Figi | None = None
    composite_figi: Figi | None = None
    share_class_figi: Figi | None = None
    sedol: Sedol | None = None
    sector: Text | None = None
    industry: Text | None = None
    country: CountryCode | None = None
    delist_at: EndMoment = None

    IDENTITY: ClassVar = ("mic", "isin", "ticker", "currency", "line", "generation")

    @model_validator(mode="before")
    @classmethod
    def _fold(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        mic, currency = data.get("mic"), data.get("currency")
        if mic.__class__ is currency.__class__ is str and mic not in MARKET_MICS and currency not in PRICE_UNITS:
            return data
        changes: dict[str, Any] = {}
        if isinstance(mic, str) and market_mic(mic) != mic:
            changes = {"mic": market_mic(mic), "segment_mic": data.get("segment_mic") or mic}
        if isinstance(currency, str):
            major, unit = split_price_unit(currency)
            if unit:
                changes |= {"currency": major, "price_unit": unit}
        return data | changes if changes else data

    @model_validator(mode="after")
    def _identified(self) -> _Equity:
        if self.price_unit is not None and PRICE_UNITS[self.price_unit] != self.currency:
            raise InvalidRecord("price_unit", self.price_unit, f"a hundredth of {PRICE_UNITS[self.price_unit]}")
        if self.isin is None:
            if self.ticker is None:
                raise InvalidRecord("isin", "nothing", "an ISIN or a ticker is required", code="missing_field")
            if self.line is not None:
                raise InvalidRecord("line", self.line, "only a line with an ISIN has one")
        elif self.generation is not None:
            raise InvalidRecord("generation", self.generation, "only a ticker without an ISIN has one")
        return self

    @property
    def identity(self) -> tuple[str, ...]:
        if self.isin is None:
            return ("equity-by-ticker", self.mic, self.ticker or "", self.currency, self.generation or "")
        return ("equity", self.mic, self.isin, self.currency, self.line or "")

    @property
    def symbol(self) -> str | None:
        """The ticker, under the name that all instruments answer to."""
        return self.ticker


class Stock(_Equity):
    """A share, depositary receipt or similar line."""

    record: Literal["stock"] = "stock"


class Etf(_Equity):
    """A line of an exchange-traded fund."""

    record: Literal["etf"] = "etf"
    underlying_index: Text | None = None
    expense_ratio: Amount | None = None


class Currency(Record):
    """A currency of ISO 4217; `decimals` is its minor unit."""

    record: Literal["currency"] = "currency"
    iso_code: CurrencyCode
    name: Text | None = None
    numeric_code: Annotated[str, Field(pattern=r"^[0-9]{3}$")] | None = None
    decimals: Decimals | None = None
    country: CountryCode | None = None

    IDENTITY: ClassVar = ("iso_code",)

    @property
    def identity(self) -> tuple[str, ...]:
        return ("currency", self.iso_code)

    @property
    def symbol(self) -> str:
        """The ISO code, under the name that all instruments answer to."""
        return self.iso_code


Equity = Stock | Etf
EQUITIES = (Stock, Etf)


def ticker_identity(equity: Equity, ticker: str) -> tuple[str, ...]:
    """The by-ticker identity that an equity with an ISIN claims as an alias for `ticker`."""
    return ("equity-by-ticker", equity.mic, ticker, equity.currency, "")
