"""Every id that was ever given, the identity behind it, and what an alias stands for: the heart of the catalog."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Code, Key
from catalog.tables.metadata import Base


class CatalogInfo(Base):
    __tablename__ = "catalog_info"
    __table_args__ = (
        CheckConstraint("only_row", name="only_row"),
        CheckConstraint("octet_length(catalog_id) = 16", name="catalog_id_length"),
        CheckConstraint("id_bits IN (64, 128)", name="id_bits_known"),
        {"comment": "The catalog itself: one row"},
    )

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"), comment="Always true")
    catalog_id: Mapped[bytes] = mapped_column(comment="16 random bytes made when the catalog was created")
    id_bits: Mapped[Code] = mapped_column(comment="Width of ids: 64 while no two share their first 8 bytes, or 128")
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"), comment="When the catalog was created")
    applied_until: Mapped[datetime | None] = mapped_column(
        comment="What was due until then (delistings, expiries, successions) has been applied; NULL for nothing"
    )


class IdentityRow(Base):
    __tablename__ = "identities"
    __table_args__ = (
        Index("uq_identities__kind_id64", "kind", "id64", unique=True),
        Index("uq_identities__event_type_number", "id64", unique=True, postgresql_where=text("kind = 7")),
        CheckConstraint("kind BETWEEN 1 AND 7", name="kind_known"),
        CheckConstraint("is_alias OR target_id IS NULL", name="target_of_alias"),
        Index("ix_identities__target_id", "target_id", postgresql_where=text("target_id IS NOT NULL")),
        {"comment": "Every id with the canonical identity that hashes to it; ids are unique within their kind"},
    )

    kind: Mapped[Code] = mapped_column(primary_key=True, comment="1 instrument 2 security 3 venue 4 pool 5 pair …")
    id: Mapped[UUID] = mapped_column(primary_key=True, comment="The id: 16 bytes of BLAKE3 over the identity")
    id64: Mapped[int] = mapped_column(
        BigInteger, comment="First 8 bytes (4 of an event type), so mapped that they sort as the id does"
    )
    identity: Mapped[bytes] = mapped_column(comment="Canonical identity: each field as u32-LE length and UTF-8")
    is_alias: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="True for an id that is not the current one of its instrument"
    )
    target_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("instruments.id", deferrable=True, initially="DEFERRED"),
        comment="What an alias stands for; NULL while several claim it",
    )


class AliasClaim(Base):
    __tablename__ = "alias_claims"
    __table_args__ = (
        Index("uq_alias_claims__chosen", "alias_id", unique=True, postgresql_where=text("is_chosen")),
        {"comment": "Which instruments claim an alias: the by-ticker id of every ticker they ever had"},
    )

    alias_id: Mapped[UUID] = mapped_column(primary_key=True, comment="The claimed id")
    claimant_id: Mapped[UUID] = mapped_column(
        ForeignKey("instruments.id", deferrable=True, initially="DEFERRED"),
        primary_key=True,
        index=True,
        comment="The instrument that claims it",
    )
    ticker: Mapped[Key] = mapped_column(comment="The ticker that made the claim")
    is_chosen: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="True for the claimant that an operator decided for"
    )


class IdCollisionRow(Base):
    __tablename__ = "id_collisions"
    __table_args__ = (
        UniqueConstraint("kind", "refused_identity", "existing_identity"),
        {
            "comment": "Attempts to register an identity whose id belongs to another one. By value: nothing is referred to"
        },
    )

    number: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, comment="Number of the collision")
    kind: Mapped[Code] = mapped_column(comment="Kind of the id")
    id: Mapped[UUID] = mapped_column(comment="Id of the refused identity")
    existing_identity: Mapped[bytes] = mapped_column(comment="Canonical identity that holds the id")
    refused_identity: Mapped[bytes] = mapped_column(comment="Canonical identity that was refused")
    id_bits: Mapped[int] = mapped_column(SmallInteger, comment="Width at which the two agree")
    occurred_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), comment="First attempt")
    attempts: Mapped[int] = mapped_column(BigInteger, server_default=text("1"), comment="How often it was tried")
    actor: Mapped[str] = mapped_column(Text, comment="Who tried first")
    run_id: Mapped[int | None] = mapped_column(comment="Import run of the first attempt")
