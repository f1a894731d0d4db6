"""The importers by name, and which of them a payload is for."""

from __future__ import annotations

from catalog.errors import PayloadError
from catalog.importers.base import Importer
from catalog.importers.binance import BinanceImporter
from catalog.importers.finance_database import FinanceDatabaseImporter
from catalog.importers.jsonl import JsonlImporter
from catalog.importers.token_list import TokenListImporter

#: How much of a payload `detect` looks at, in bytes.
HEAD_SIZE = 64 << 10

IMPORTERS: dict[str, Importer] = {
    importer.source: importer
    for importer in (JsonlImporter(), FinanceDatabaseImporter(), TokenListImporter(), BinanceImporter())
}


def detect(head: bytes) -> Importer:
    """The one importer that can read a payload which begins with `head`. Raises PayloadError for none or several."""
    able = [importer for importer in IMPORTERS.values() if importer.can_parse(head[:HEAD_SIZE])]
    if len(able) == 1:
        return able[0]
    names = ", ".join(importer.source for importer in able or IMPORTERS.values())
    what = "more than one importer can read this payload" if able else "no importer knows this payload"
    raise PayloadError(what, hint=f"name the source: {names}")
