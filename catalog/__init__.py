"""A relational catalog of everything tradeable, in which one id never means two things.

`Catalog` is loaded on first use, so that `import catalog` (and the snapshot reader below it) stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catalog.services.catalog import Catalog

__all__ = ["Catalog", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "Catalog":
        from catalog.services.catalog import Catalog

        return Catalog
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
