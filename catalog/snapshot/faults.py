"""What goes wrong with snapshot files as files, and with what is to be written into them."""

from __future__ import annotations

from pathlib import Path

from catalog.errors import CatalogError, quote


class SnapshotError(CatalogError, OSError):
    """A snapshot file that cannot be opened, or not written where it was asked for."""

    code = "snapshot_error"

    def __init__(self, path: Path, what: str, reason: str, hint: str | None = None) -> None:
        super().__init__(f"cannot {what} {quote(str(path))}: {reason}", hint)
        self.path, self.reason = path, reason


class SnapshotContentError(CatalogError, ValueError):
    """Entries that do not make a snapshot: out of order, miscounted, or two ids that the file could not tell apart."""

    code = "snapshot_content"


class DeltaRefused(CatalogError, ValueError):
    """A file that cannot be applied to a snapshot: a gap, another catalog's, an older one."""

    code = "delta_refused"

    def __init__(self, path: Path, reason: str, hint: str | None = None) -> None:
        super().__init__(f"cannot apply {quote(str(path))}: {reason}", hint)
        self.path, self.reason = path, reason


class InexactDecimal(CatalogError, ValueError):
    """A decimal that the columns of a table cannot hold exactly: `field` is its column."""

    code = "inexact_decimal"

    def __init__(self, record: str, id: str, field: str, value: str) -> None:
        named = f"{record} {quote(id)}" if id else f"a {record}"
        super().__init__(
            f"{field} of {named} is {quote(value)}, which decimal128(38, 18) does not hold exactly",
            'ask for the decimals as text: decimals="text"',
        )
        self.record, self.id, self.field, self.value = record, id, field, value
