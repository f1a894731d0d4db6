"""The model: frozen records, their identities and ids, identifiers and vocabularies. Knows of no database."""

from catalog.domain.base import Record
from catalog.domain.brokers import BrokerContract
from catalog.domain.derivatives import Future, Option
from catalog.domain.events import EventField, EventType
from catalog.domain.identity import Id, InstrumentId, compute_id
from catalog.domain.instruments import Asset, Currency, Etf, Native, Stock, Token
from catalog.domain.listings import Listing
from catalog.domain.pairs import Pair
from catalog.domain.pools import Pool, PoolToken
from catalog.domain.records import RECORDS, parse_record
from catalog.domain.securities import Security
from catalog.domain.synthetics import Synthetic, SyntheticComponent
from catalog.domain.venues import Venue

__all__ = [
    "RECORDS",
    "Asset",
    "BrokerContract",
    "Currency",
    "Etf",
    "EventField",
    "EventType",
    "Future",
    "Id",
    "InstrumentId",
    "Listing",
    "Native",
    "Option",
    "Pair",
    "Pool",
    "PoolToken",
    "Record",
    "Security",
    "Stock",
    "Synthetic",
    "SyntheticComponent",
    "Token",
    "Venue",
    "compute_id",
    "parse_record",
]
