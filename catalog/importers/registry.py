"""The importers by name, and which of them a payload is for.

Every module of this package that has an `IMPORTER` (or several `IMPORTERS`) is a source: adding a file adds it.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from catalog import importers as package
from catalog.errors import PayloadError
from catalog.importers.base import Importer, Told

#: How much of a payload `detect` looks at, in bytes.
HEAD_SIZE = 64 << 10


def _discover() -> Iterator[Importer]:
    for found in pkgutil.iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{found.name}")
        if hasattr(module, "IMPORTER"):
            yield module.IMPORTER
        yield from getattr(module, "IMPORTERS", ())


IMPORTERS: dict[str, Importer] = {i.source: i for i in sorted(_discover(), key=lambda i: i.source)}


def named(source: str) -> Importer:
    """The importer of a source's name, such as `binance`, or `ccxt:kraken` with what the payload does not say itself.

    Raises PayloadError for a name that no importer has, or an argument that this one does not take.
    """
    name, colon, argument = source.partition(":")
    if name == "auto":
        raise PayloadError("`auto` takes nothing behind its name", hint=f"name the source: {', '.join(IMPORTERS)}")
    if name not in IMPORTERS:
        raise PayloadError(f"no importer is called `{name}`", hint=f"one of: auto, {', '.join(IMPORTERS)}")
    importer = IMPORTERS[name]
    if not colon:
        return importer
    if not isinstance(importer, Told):
        raise PayloadError(
            f"`{name}` takes nothing behind its name, and `{argument}` stands there", hint=f"write `{name}`"
        )
    return importer.told(argument)


def detect(head: bytes) -> Importer:
    """The one importer that can read a payload which begins with `head`. Raises PayloadError for none or several."""
    if not head.strip():
        raise PayloadError("the payload is empty")
    able = [importer for importer in IMPORTERS.values() if importer.can_parse(head[:HEAD_SIZE])]
    if len(able) == 1:
        return able[0]
    names = ", ".join(importer.source for importer in able or IMPORTERS.values())
    what = "more than one importer can read this payload" if able else "no importer knows this payload"
    raise PayloadError(what, hint=f"name the source: {names}")
