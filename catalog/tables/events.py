"""Event types: the schemas of binary events."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Code, FieldName, Key, Natural, Positive, Slug
from catalog.tables.metadata import Base


class EventTypeRow(Base):
    __tablename__ = "event_types"
    __table_args__ = (
        UniqueConstraint("name", "version"),
        CheckConstraint("version BETWEEN 1 AND 999999999", name="version_range"),
        CheckConstraint("id_bits IN (64, 128)", name="id_bits_known"),
        CheckConstraint(
            """num_nonnulls(blockchain, protocol) = CASE WHEN event_source = 'defi' THEN 2 ELSE 0 END
            AND num_nonnulls(exchange, stream_type) = CASE WHEN event_source = 'cex' THEN 2 ELSE 0 END
            AND num_nonnulls(broker, feed_type) = CASE WHEN event_source = 'tradfi' THEN 2 ELSE 0 END
            AND num_nonnulls(component, event_class) = CASE WHEN event_source = 'internal' THEN 2 ELSE 0 END""",
            name="described_by_its_source",
        ),
        {"comment": "Schemas of binary events, one row per name and version"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, comment="Event type id, all 16 bytes")
    number: Mapped[int] = mapped_column(
        BigInteger, unique=True, comment="The id as it is shown: its first 4 bytes as u32, little-endian"
    )
    name: Mapped[Key] = mapped_column(comment="Name of the event")
    version: Mapped[int] = mapped_column(comment="1, 2, 3 …")
    event_source: Mapped[str] = mapped_column(
        ForeignKey("event_sources.event_source"), comment="defi, cex, tradfi or internal"
    )
    blockchain: Mapped[str | None] = mapped_column(
        ForeignKey("blockchains.blockchain"), comment="CAIP-2 blockchain of a defi event"
    )
    protocol: Mapped[Key | None] = mapped_column(comment="Protocol of a defi event, such as uniswap_v3")
    exchange: Mapped[Slug | None] = mapped_column(comment="Exchange of a cex event")
    stream_type: Mapped[Key | None] = mapped_column(comment="Stream of a cex event, such as trade")
    broker: Mapped[Slug | None] = mapped_column(comment="Broker of a tradfi event")
    feed_type: Mapped[Key | None] = mapped_column(comment="Feed of a tradfi event, such as quotes")
    component: Mapped[Key | None] = mapped_column(comment="Component that makes an internal event")
    event_class: Mapped[Key | None] = mapped_column(comment="Class of an internal event, such as alert")
    priority: Mapped[str] = mapped_column(
        ForeignKey("event_priorities.event_priority"), comment="How soon it is to be processed"
    )
    id_bits: Mapped[Code] = mapped_column(comment="Width of the ids in the event")
    size_hint: Mapped[Positive | None] = mapped_column(comment="Bytes of an event of fixed size")
    status: Mapped[str] = mapped_column(ForeignKey("statuses.status"), comment="active, suspended or retired")


class EventFieldRow(Base):
    __tablename__ = "event_fields"
    __table_args__ = (
        UniqueConstraint("id", "name"),
        CheckConstraint(
            "(field_type IN ('string', 'array')) = (max_length IS NOT NULL)", name="max_length_of_variable"
        ),
        CheckConstraint("(field_type = 'array') = (element_type IS NOT NULL)", name="element_type_of_array"),
        {"comment": "The fields of each event type"},
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("event_types.id"), primary_key=True, comment="The event type")
    position: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, comment="0, 1, 2 …")
    name: Mapped[FieldName] = mapped_column(comment="Name of the field")
    field_type: Mapped[str] = mapped_column(ForeignKey("event_field_types.event_field_type"), comment="Its type")
    byte_offset: Mapped[Natural | None] = mapped_column(comment="Where it begins, bytes from the event's first one")
    is_required: Mapped[bool] = mapped_column(comment="Whether every event has it")
    max_length: Mapped[Positive | None] = mapped_column(comment="Bytes of a string, elements of an array, at most")
    element_type: Mapped[str | None] = mapped_column(
        ForeignKey("event_field_types.event_field_type"), comment="Type of an array's elements"
    )
