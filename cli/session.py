"""What holds for one run of the program: the global options, and which database they mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.settings import resolve

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from catalog.services.catalog import Catalog


@dataclass
class Session:
    """The global options. `judges` is set by commands whose input is a record: a bad one is then an answer (exit 1)."""

    database_url: str | None = None
    json: bool = False
    quiet: bool = False
    traceback: bool = False
    judges: bool = False

    def reset(self) -> None:
        """Forget an earlier run in the same process."""
        self.__init__()  # type: ignore[misc]


session = Session()


def open_catalog() -> Catalog:
    """The catalog that the options name. A context manager. Raises DatabaseUnavailable, SchemaBehind, SchemaAhead."""
    from catalog.services.catalog import Catalog

    return Catalog.open(session.database_url)


@contextmanager
def server_url() -> Iterator[str]:
    """URL of the database that the options name, whatever its schema; the embedded server runs while it is used."""
    settings = resolve(session.database_url)
    if settings.database_url is not None:
        yield settings.database_url
        return
    from catalog.database.embedded import EmbeddedServer

    with EmbeddedServer(settings.data_directory) as server:
        yield server.start()


@contextmanager
def connection() -> Iterator[Connection]:
    """A plain connection to that database. Raises DatabaseUnavailable."""
    from sqlalchemy.exc import DBAPIError

    from catalog.database.engine import is_connection_failure, make_engine, unavailable

    with server_url() as url:
        engine = make_engine(url)
        try:
            with engine.connect() as opened:
                yield opened
        except DBAPIError as error:
            if is_connection_failure(error):
                raise unavailable(error, url) from None
            raise
        finally:
            engine.dispose()
