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
    "uq_futures__identity": "contract",
    "uq_options__identity": "contract",
    "uq_options__osi_root_expiry_date_option_kind_strike_price": "osi_terms",
    "uq_pools__blockchain_address_pool_id": "pool",
    "uq_pool_tokens__id_instrument_id": "pool_token",
    "uq_broker_contracts__broker_symbol_generation": "broker_symbol",
    "uq_synthetics__name": "synthetic_name",
    "uq_event_types__name_version": "event_name",
    "uq_event_types__number": "event_type_number",
}
#: Rules that speak of more than one row: (field, code, reason).
CHECKS = {
    "ck_synthetic_components__no_cycle": ("components", "cycle", "a synthetic cannot be made of itself"),
    "ck_successions__no_cycle": ("successor", "cycle", "a record cannot succeed itself"),
}
_FOREIGN = {
    "blockchain": "blockchain", "mic": "venue", "exchange": "venue", "broker": "venue", "venue_id": "venue",
}  # fmt: skip


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
        if name in CHECKS:
            field, code, reason = CHECKS[name]
            return InvalidRecord(field, (error.diag.message_detail or "").strip(), reason, code=code)
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
