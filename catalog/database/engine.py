"""Connections: one engine per URL, always psycopg 3, always UTC, with errors that say which database it was."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from catalog.errors import CatalogError, DatabaseUnavailable
from catalog.settings import mask_url

CONNECT_TIMEOUT_SECONDS = 10


def make_engine(url: str) -> Engine:
    """An engine for a `postgresql://` URL. Raises DatabaseUnavailable when the URL makes no sense."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUnavailable(
            "its URL cannot be read", "write it as postgresql://user:password@host/name"
        ) from None
    if parsed.get_backend_name() != "postgresql":
        raise DatabaseUnavailable(f"`{parsed.get_backend_name()}` is not PostgreSQL", "name a postgresql:// database")
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_size=2,
        max_overflow=8,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": "instrument-catalog",
            "client_encoding": "utf8",
            "options": "-c timezone=UTC -c client_min_messages=warning -c jit=off",
        },
    )


def unavailable(error: DBAPIError, url: str) -> CatalogError:
    """A driver's failure to connect (or a lost connection) as our own error, with the password masked."""
    first_line = str(error.orig or error).strip().splitlines()[0]
    return DatabaseUnavailable(f"{mask_url(first_line)} ({mask_url(url)})")


def is_connection_failure(error: DBAPIError) -> bool:
    """Whether the database could not be reached or went away, as opposed to refusing a statement."""
    return bool(error.connection_invalidated) or (
        isinstance(error, OperationalError)
        and getattr(error.orig, "sqlstate", None) in (None, "57P01", "57P02", "57P03")
    )
