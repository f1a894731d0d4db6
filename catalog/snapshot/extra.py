"""Libraries that only some of a snapshot's uses need: they come with an extra, and are loaded where they are used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from catalog.errors import CatalogError


class MissingExtra(CatalogError, ImportError):
    """Something was asked for that needs libraries which are not installed."""

    code = "missing_extra"

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            f"this needs {library}, which is not installed", f"run: pip install 'instrument-catalog[{extra}]'"
        )
        self.library = library


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Around imports of what the extra brings. Raises MissingExtra when one of them is not there."""
    try:
        yield
    except ImportError as error:
        raise MissingExtra((error.name or extra).partition(".")[0], extra) from error


def load(module: str) -> Any:
    """A module of numpy or pyarrow, untyped. Raises MissingExtra when it cannot be imported."""
    with needing("arrow"):
        return import_module(module)
