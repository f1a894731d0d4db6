"""What the database refused, as our own errors: told apart by the constraint's name, never by the message."""

from __future__ import annotations

import psycopg

from catalog.errors import CatalogError, Conflict, InvalidRecord

#: Unique constraints of secondary identifiers, and what people call them.
UNIQUE = {
    "uq_equities__mic_ticker_currency_line": "ticker",
    "uq_securities__isin": "isin",
    "uq_securities__cusip": "cusip",
    "uq_tokens__blockchain_address_token_id": "token_address",
    "uq_natives__blockchain": "native_coin",
    "uq_assets__exchange_symbol_generation": "asset_code",
    "uq_pairs__exchange_market_kind_symbol_generation": "pair_symbol",
    "uq_venues__mic": "mic",
    "uq_venues__slug": "slug",
    "uq_currencies__iso_code": "iso_code",
    "uq_listings__instrument_id_venue_id_symbol": "listing",
}
_FOREIGN = {"blockchain": "blockchain", "mic": "venue", "exchange": "venue", "venue_id": "venue"}


def translate(error: psycopg.Error) -> CatalogError:
    """The error that names the value, for a constraint that a write violated; re-raises what is no such thing."""
    name = error.diag.constraint_name or ""
    detail = (error.diag.message_detail or "").partition("=(")[2].partition(")")[0]
    if isinstance(error, psycopg.errors.UniqueViolation):
        return Conflict(UNIQUE.get(name, name), detail or name, None, f"already taken: {UNIQUE.get(name, name)}")
    if isinstance(error, psycopg.errors.ForeignKeyViolation):
        column = name.partition("__")[2]
        return InvalidRecord(
            column, detail, "the catalog has no such row", code=f"unknown_{_FOREIGN.get(column, column)}"
        )
    if isinstance(error, psycopg.errors.CheckViolation):
        return InvalidRecord(
            name.partition("__")[2], detail or name, "the database's rule refuses it", code="refused_by_check"
        )
    if isinstance(error, psycopg.errors.DataError):
        return InvalidRecord(
            "value", (error.diag.message_primary or "").strip(), "the database cannot hold it", code="refused_by_type"
        )
    raise error


def is_row_fault(error: psycopg.Error) -> bool:
    """Whether a single row's content is to blame, so that the others may go on without it."""
    return isinstance(error, psycopg.IntegrityError | psycopg.DataError)
