"""numpy and pyarrow, which only columns need: they come with the extra `arrow`, and are loaded where they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from catalog.errors import CatalogError


class MissingExtra(CatalogError, ImportError):
    """Columns were asked for, and the libraries that hold them are not installed."""

    code = "missing_extra"

    def __init__(self, library: str) -> None:
        super().__init__(
            f"columns need {library}, which is not installed", "run: pip install 'instrument-catalog[arrow]'"
        )
        self.library = library


def load(module: str) -> Any:
    """A module of numpy or pyarrow, untyped. Raises MissingExtra when it cannot be imported."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(module.partition(".")[0]) from error
