"""Small vocabularies as rows: adding a blockchain or a source is data, and what has a wire code keeps it for ever."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Identity, Integer, SmallInteger, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.columns import Code, Key, Texts
from catalog.tables.metadata import Base


class RecordType(Base):
    __tablename__ = "record_types"
    __table_args__ = {"comment": "What a record can be, the kind of its ids, and its code on the wire"}

    record: Mapped[str] = mapped_column(Text, primary_key=True, comment="Name of the record type, such as token")
    kind: Mapped[Code] = mapped_column(comment="Code of the kind of its ids; ids are unique within their kind")
    wire_code: Mapped[Code | None] = mapped_column(
        comment="Instrument type code on the wire; NULL if not an instrument"
    )


class StatusRow(Base):
    __tablename__ = "statuses"
    __table_args__ = {"comment": "Where a record is in its life"}

    status: Mapped[str] = mapped_column(Text, primary_key=True, comment="active, suspended or retired")
    code: Mapped[Code] = mapped_column(unique=True, comment="Code on the wire")


class BlockchainRow(Base):
    __tablename__ = "blockchains"
    __table_args__ = {"comment": "Blockchains that tokens, native coins and pools may live on"}

    blockchain: Mapped[str] = mapped_column(Text, primary_key=True, comment="CAIP-2 name, such as eip155:1")
    name: Mapped[Key] = mapped_column(comment="What people call it")
    code: Mapped[int] = mapped_column(
        Integer, unique=True, comment="Code on the wire: below 32768 assigned, above local"
    )
    address_format: Mapped[str] = mapped_column(Text, comment="evm or base58: how its addresses are normalised")
    native_aliases: Mapped[Texts] = mapped_column(comment="Addresses that mean the native coin")


class TokenStandardRow(Base):
    __tablename__ = "token_standards"
    __table_args__ = {"comment": "Contract standards of tokens"}

    token_standard: Mapped[str] = mapped_column(Text, primary_key=True, comment="Name, such as erc20")
    code: Mapped[Code] = mapped_column(unique=True, comment="Code on the wire")


class VenueTypeRow(Base):
    __tablename__ = "venue_types"
    __table_args__ = {"comment": "What kind of place a venue is"}

    venue_type: Mapped[str] = mapped_column(Text, primary_key=True, comment="Name, such as stock_exchange")
    code: Mapped[Code] = mapped_column(unique=True, comment="Code on the wire")


class MarketKindRow(Base):
    __tablename__ = "market_kinds"
    __table_args__ = {"comment": "Kinds of markets that an exchange pair can be of"}

    market_kind: Mapped[str] = mapped_column(Text, primary_key=True, comment="Name, such as spot")
    code: Mapped[Code] = mapped_column(unique=True, comment="Code on the wire")


class OptionKindRow(Base):
    __tablename__ = "option_kinds"
    __table_args__ = {"comment": "What an option gives the right to do"}

    option_kind: Mapped[str] = mapped_column(Text, primary_key=True, comment="call or put")
    code: Mapped[Code] = mapped_column(unique=True, comment="Code on the wire")


class ExerciseStyleRow(Base):
    __tablename__ = "exercise_styles"
    __table_args__ = {"comment": "When an option may be exercised"}

    exercise_style: Mapped[str] = mapped_column(Text, primary_key=True, comment="american, european or bermudan")
    code: Mapped[Code] = mapped_column(unique=True, comment="Code on the wire")


class SettlementTypeRow(Base):
    __tablename__ = "settlement_types"
    __table_args__ = {"comment": "How a contract is settled"}

    settlement_type: Mapped[str] = mapped_column(Text, primary_key=True, comment="cash or physical")
    code: Mapped[Code] = mapped_column(unique=True, comment="Code on the wire")


class PoolTypeRow(Base):
    __tablename__ = "pool_types"
    __table_args__ = {"comment": "How a pool makes its price"}

    pool_type: Mapped[str] = mapped_column(Text, primary_key=True, comment="Name, such as constant_product")
    code: Mapped[Code] = mapped_column(unique=True, comment="Code on the wire")


class ComponentMeasureRow(Base):
    __tablename__ = "component_measures"
    __table_args__ = {"comment": "What a synthetic takes of a component"}

    component_measure: Mapped[str] = mapped_column(Text, primary_key=True, comment="price or days_to_expiry")
    code: Mapped[Code] = mapped_column(unique=True, comment="Code on the wire")


class EventSourceRow(Base):
    __tablename__ = "event_sources"
    __table_args__ = {"comment": "Where events come from"}

    event_source: Mapped[str] = mapped_column(Text, primary_key=True, comment="defi, cex, tradfi or internal")
    code: Mapped[Code] = mapped_column(unique=True, comment="Code on the wire")


class EventPriorityRow(Base):
    __tablename__ = "event_priorities"
    __table_args__ = {"comment": "How soon an event is to be processed"}

    event_priority: Mapped[str] = mapped_column(Text, primary_key=True, comment="critical, high, standard …")
    code: Mapped[Code] = mapped_column(unique=True, comment="Code on the wire")


class EventFieldTypeRow(Base):
    __tablename__ = "event_field_types"
    __table_args__ = {"comment": "What the fields of events are"}

    event_field_type: Mapped[str] = mapped_column(Text, primary_key=True, comment="Name, such as instrument_id")
    code: Mapped[Code] = mapped_column(unique=True, comment="Code on the wire")


class SuccessionKindRow(Base):
    __tablename__ = "succession_kinds"
    __table_args__ = {"comment": "How one record follows another"}

    succession_kind: Mapped[str] = mapped_column(Text, primary_key=True, comment="Name, such as isin_change")
    code: Mapped[Code] = mapped_column(unique=True, comment="Code on the wire")


class SourceRow(Base):
    __tablename__ = "sources"
    __table_args__ = {"comment": "Who speaks, and who is believed before whom"}

    source: Mapped[str] = mapped_column(Text, primary_key=True, comment="Name of the source, such as binance")
    authority: Mapped[str] = mapped_column(Text, comment="operator, chain, venue, curated, community or reference")
    precedence: Mapped[Code] = mapped_column(comment="The lowest number is believed first")


class FieldPrecedence(Base):
    __tablename__ = "field_precedence"
    __table_args__ = {"comment": "Where a source is believed otherwise for one field than for the rest of a record"}

    source: Mapped[str] = mapped_column(ForeignKey("sources.source"), primary_key=True, comment="The source")
    record: Mapped[str] = mapped_column(Text, primary_key=True, comment="Record type")
    field: Mapped[str] = mapped_column(Text, primary_key=True, comment="Field of the record")
    precedence: Mapped[Code] = mapped_column(comment="The lowest number is believed first")


class FeedRow(Base):
    __tablename__ = "feeds"
    __table_args__ = (
        UniqueConstraint("source", "name"),
        {"comment": "A source's single voices: one token list, one exchange's market, one operator"},
    )

    feed_id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True, comment="Number of the feed")
    source: Mapped[str] = mapped_column(ForeignKey("sources.source"), comment="The source it belongs to")
    name: Mapped[Key] = mapped_column(comment="Name within the source")
    precedence: Mapped[int | None] = mapped_column(
        SmallInteger, comment="Precedence of this feed when it is not that of its source"
    )
