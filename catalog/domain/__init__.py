"""The model: frozen records, their identities and ids, identifiers and vocabularies. Knows of no database."""

from catalog.domain.base import Record
from catalog.domain.identity import Id, InstrumentId, compute_id
from catalog.domain.instruments import Asset, Currency, Etf, Native, Stock, Token
from catalog.domain.listings import Listing
from catalog.domain.pairs import Pair
from catalog.domain.records import RECORDS, parse_record
from catalog.domain.securities import Security
from catalog.domain.venues import Venue

__all__ = [
    "RECORDS",
    "Asset",
    "Currency",
    "Etf",
    "Id",
    "InstrumentId",
    "Listing",
    "Native",
    "Pair",
    "Record",
    "Security",
    "Stock",
    "Token",
    "Venue",
    "compute_id",
    "parse_record",
]
