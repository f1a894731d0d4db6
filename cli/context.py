"""What every command needs: the catalog it speaks to, and records from files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.errors import PayloadError

if TYPE_CHECKING:
    from catalog.domain.base import Record
    from catalog.services.catalog import Catalog


class State:
    """The global options of this run."""

    database_url: str | None = None


state = State()


@contextmanager
def catalog() -> Iterator[Catalog]:
    """The catalog that the options name, closed at the end."""
    from catalog.services.catalog import Catalog

    with Catalog.open(state.database_url) as opened:
        yield opened


@contextmanager
def database() -> Iterator[str]:
    """The URL of the database that the options name; the embedded server runs meanwhile."""
    from catalog.settings import resolve

    settings = resolve(state.database_url)
    if settings.database_url is not None:
        yield settings.database_url
        return
    from catalog.database.embedded import EmbeddedServer

    with EmbeddedServer(settings.data_directory) as server:
        yield server.start()


def moment(text: str | None) -> datetime | None:
    """A time of the command line: RFC 3339, or a date (its first moment in UTC)."""
    if text is None:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise PayloadError(f"`{text}` is no time", hint="write it as 2026-08-16 or 2026-08-16T12:00:00Z") from None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def read_text(path: str) -> str:
    """A file's text, or standard input for `-`. Raises PayloadError."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return data.decode("utf-8-sig")
    except IsADirectoryError:
        raise PayloadError(f"`{path}` is a directory", hint="name a file") from None
    except OSError as error:
        raise PayloadError(f"`{path}` cannot be read: {error.strerror}", hint="check the path") from None
    except UnicodeDecodeError as error:
        raise PayloadError(f"`{path}` is not UTF-8", f"byte {error.start}") from None


def read_objects(path: str) -> list[Any]:
    """The JSON objects of a file: one, an array of them, or one per line."""
    import json
    from decimal import Decimal

    text = read_text(path)
    try:
        value = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as whole:
        try:
            return [json.loads(line, parse_float=Decimal) for line in text.splitlines() if line.strip()]
        except json.JSONDecodeError:
            place = f"line {whole.lineno}, column {whole.colno}"
            raise PayloadError(f"`{path}` is not JSON: {whole.msg}", place) from None
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"`{path}` is not JSON: {error}") from None
    return value if isinstance(value, list) else [value]


def read_records(path: str) -> list[Record]:
    """The records of a file. Raises PayloadError, InvalidRecord or InvalidIdentifier."""
    from catalog.domain.records import parse_record

    return [parse_record(value) for value in read_objects(path)]
