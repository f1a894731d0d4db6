"""Instruments: one row each in `instruments`, and one in the table of their type (derivatives and synthetics have
modules of their own)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import (
    Amount,
    CountryCode,
    CurrencyCode,
    Cusip,
    Decimals,
    EndMoment,
    Figi,
    FreeText,
    Generation,
    Isin,
    Key,
    Line,
    Mic,
    Sedol,
    Skeleton,
)
from catalog.tables.metadata import Base

OfInstrument = Annotated[UUID, mapped_column(ForeignKey("instruments.id"), primary_key=True, comment="Instrument id")]


class InstrumentRow(Base):
    __tablename__ = "instruments"
    __table_args__ = (
        Index("ix_instruments__record_id", "record", "id"),
        Index(
            "ix_instruments__symbol_skeleton", "symbol_skeleton", postgresql_where=text("symbol_skeleton IS NOT NULL")
        ),
        {"comment": "Everything that has an instrument id and a price"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, comment="Instrument id")
    record: Mapped[str] = mapped_column(ForeignKey("record_types.record"), comment="Type: token, stock, etf …")
    name: Mapped[FreeText | None] = mapped_column(comment="Name")
    decimals: Mapped[Decimals | None] = mapped_column(
        comment="Decimal places of the smallest unit; NULL when unknown or while feeds disagree"
    )
    status: Mapped[str] = mapped_column(ForeignKey("statuses.status"), comment="active, suspended or retired")
    symbol_skeleton: Mapped[Skeleton | None] = mapped_column(
        comment="What its symbol looks like (UTS 39); NULL for contracts and synthetics"
    )
    name_skeleton: Mapped[Skeleton | None] = mapped_column(comment="What its name looks like (UTS 39)")


class TokenRow(Base):
    __tablename__ = "tokens"
    __table_args__ = (
        UniqueConstraint("blockchain", "address", "token_id", postgresql_nulls_not_distinct=True),
        {"comment": "Tokens on a blockchain; the same address on two chains is two tokens"},
    )

    id: Mapped[OfInstrument]
    blockchain: Mapped[str] = mapped_column(ForeignKey("blockchains.blockchain"), comment="CAIP-2 blockchain")
    address: Mapped[Key] = mapped_column(index=True, comment="Contract or mint address in its normal form")
    token_id: Mapped[Key | None] = mapped_column(comment="Number inside the contract; NULL for fungible tokens")
    symbol: Mapped[Key | None] = mapped_column(index=True, comment="Symbol; many tokens may share one")
    token_standard: Mapped[str | None] = mapped_column(
        ForeignKey("token_standards.token_standard"), comment="Contract standard"
    )


class NativeRow(Base):
    __tablename__ = "natives"
    __table_args__ = {"comment": "Native coins, one per blockchain"}

    id: Mapped[OfInstrument]
    blockchain: Mapped[str] = mapped_column(
        ForeignKey("blockchains.blockchain"), unique=True, comment="CAIP-2 blockchain"
    )
    symbol: Mapped[Key | None] = mapped_column(index=True, comment="Symbol")


class AssetRow(Base):
    __tablename__ = "assets"
    __table_args__ = (
        UniqueConstraint("exchange", "symbol", "generation", postgresql_nulls_not_distinct=True),
        {"comment": "What a crypto exchange keeps accounts in"},
    )

    id: Mapped[OfInstrument]
    exchange: Mapped[str] = mapped_column(ForeignKey("venues.slug"), comment="Slug of the exchange")
    symbol: Mapped[Key] = mapped_column(index=True, comment="The exchange's own code")
    generation: Mapped[Generation | None] = mapped_column(comment="2, 3 … for a later holder of a reused code")
    delist_at: Mapped[EndMoment | None] = mapped_column(comment="From when on the exchange has it no more")


class EquityRow(Base):
    __tablename__ = "equities"
    __table_args__ = (
        Index(
            "uq_equities__mic_ticker_currency_line",
            "mic",
            "ticker",
            "currency",
            "line",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("ticker IS NOT NULL AND NOT is_retired"),
        ),
        CheckConstraint("isin IS NULL OR (cusip IS NULL AND share_class_figi IS NULL)", name="of_the_security"),
        CheckConstraint("isin IS NOT NULL OR (ticker IS NOT NULL AND line IS NULL)", name="identified"),
        CheckConstraint("isin IS NULL OR generation IS NULL", name="generation_without_isin"),
        CheckConstraint("price_unit IN ('GBX', 'ILA', 'ZAC')", name="price_unit_known"),
        CheckConstraint(
            "price_unit IS NULL OR (price_unit, currency) IN (('GBX', 'GBP'), ('ILA', 'ILS'), ('ZAC', 'ZAR'))",
            name="price_unit_of_currency",
        ),
        {"comment": "Stocks and ETFs: lines on one home market in one currency"},
    )

    id: Mapped[OfInstrument]
    mic: Mapped[Mic] = mapped_column(ForeignKey("venues.mic"), comment="Market MIC of the home market, ISO 10383")
    segment_mic: Mapped[Mic | None] = mapped_column(comment="Tier of the market, when the feed named one")
    isin: Mapped[Isin | None] = mapped_column(
        ForeignKey("securities.isin"), index=True, comment="ISIN of the security, if known"
    )
    ticker: Mapped[Key | None] = mapped_column(
        index=True, comment="Ticker on the home market; NULL while another holds it"
    )
    currency: Mapped[CurrencyCode] = mapped_column(comment="Currency of the price, major unit, ISO 4217")
    price_unit: Mapped[str | None] = mapped_column(Text, comment="GBX, ILA or ZAC when quoted in a hundredth of it")
    line: Mapped[Line | None] = mapped_column(comment="Book, on markets that run several in one currency")
    generation: Mapped[Generation | None] = mapped_column(comment="2, 3 … for a later holder of a reused ticker")
    cusip: Mapped[Cusip | None] = mapped_column(
        index=True, comment="CUSIP of a line without an ISIN; may propose a security"
    )
    figi: Mapped[Figi | None] = mapped_column(index=True, comment="FIGI of this line, OMG")
    composite_figi: Mapped[Figi | None] = mapped_column(index=True, comment="FIGI of the country composite")
    share_class_figi: Mapped[Figi | None] = mapped_column(
        index=True, comment="Share-class FIGI of a line without an ISIN"
    )
    sedol: Mapped[Sedol | None] = mapped_column(index=True, comment="SEDOL, London Stock Exchange")
    sector: Mapped[FreeText | None] = mapped_column(comment="Sector")
    industry: Mapped[FreeText | None] = mapped_column(comment="Industry")
    country: Mapped[CountryCode | None] = mapped_column(comment="Country of the company, ISO 3166 alpha-2")
    underlying_index: Mapped[FreeText | None] = mapped_column(comment="Index that an ETF follows")
    expense_ratio: Mapped[Amount | None] = mapped_column(comment="Yearly costs of an ETF as a fraction")
    delist_at: Mapped[EndMoment | None] = mapped_column(comment="From when on it trades no more on its home market")
    is_retired: Mapped[bool] = mapped_column(comment="As in instruments.status; frees the ticker for another")


class CurrencyRow(Base):
    __tablename__ = "currencies"
    __table_args__ = (
        CheckConstraint("numeric_code ~ '^[0-9]{3}$'", name="numeric_code_form"),
        {"comment": "Currencies of ISO 4217"},
    )

    id: Mapped[OfInstrument]
    iso_code: Mapped[CurrencyCode] = mapped_column(unique=True, comment="ISO 4217 alphabetic code")
    numeric_code: Mapped[str | None] = mapped_column(Text, comment="ISO 4217 numeric code; several may share one")
    country: Mapped[CountryCode | None] = mapped_column(comment="Country, when it is the currency of one")
