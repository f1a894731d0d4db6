"""Liquidity pools and their tokens."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Amount, FreeText, Increment, Key, Positive
from catalog.tables.metadata import Base


class PoolRow(Base):
    __tablename__ = "pools"
    __table_args__ = (
        UniqueConstraint("blockchain", "address", "pool_id", postgresql_nulls_not_distinct=True),
        CheckConstraint("pool_id ~ '^0x[0-9a-f]{64}$'", name="pool_id_form"),
        CheckConstraint("fee <= 1", name="fee_is_a_fraction"),
        CheckConstraint("NOT (is_dynamic_fee AND fee IS NOT NULL)", name="dynamic_fee_is_no_fee"),
        CheckConstraint("coalesce(pool_type = 'custom', false) = (algorithm IS NOT NULL)", name="algorithm_of_custom"),
        {"comment": "Pools of decentralised exchanges"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, comment="Pool id")
    blockchain: Mapped[str] = mapped_column(ForeignKey("blockchains.blockchain"), comment="CAIP-2 blockchain")
    address: Mapped[Key] = mapped_column(index=True, comment="Contract address in its normal form")
    pool_id: Mapped[str | None] = mapped_column(comment="0x and 64 hex digits: the pool inside a singleton contract")
    name: Mapped[FreeText | None] = mapped_column(comment="Name")
    dex: Mapped[Key | None] = mapped_column(index=True, comment="The exchange and version, such as uniswap_v3")
    pool_type: Mapped[str | None] = mapped_column(ForeignKey("pool_types.pool_type"), comment="How it makes its price")
    algorithm: Mapped[Key | None] = mapped_column(comment="Name of a custom algorithm")
    fee: Mapped[Amount | None] = mapped_column(comment="Fee of a swap, exact fraction: 0.003 is 30 basis points")
    is_dynamic_fee: Mapped[bool | None] = mapped_column(comment="True when a hook sets the fee; there is none then")
    tick_spacing: Mapped[Positive | None] = mapped_column(comment="Ticks between usable prices")
    hooks: Mapped[Key | None] = mapped_column(comment="Address of the hook contract; the zero address for none")
    factory: Mapped[Key | None] = mapped_column(comment="Address of the contract that made the pool")
    status: Mapped[str] = mapped_column(ForeignKey("statuses.status"), comment="active, suspended or retired")


class PoolTokenRow(Base):
    __tablename__ = "pool_tokens"
    __table_args__ = (
        UniqueConstraint("id", "instrument_id"),
        {"comment": "The tokens of each pool, two or more"},
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("pools.id"), primary_key=True, comment="The pool")
    position: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, comment="0, 1, 2 …")
    instrument_id: Mapped[UUID] = mapped_column(
        ForeignKey("instruments.id"), index=True, comment="The token or native coin"
    )
    weight: Mapped[Increment | None] = mapped_column(comment="Its weight as a fraction; all weights make 1")
