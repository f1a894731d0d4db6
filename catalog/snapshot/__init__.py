"""Snapshot files: written once, searched in place. No database; and no pydantic before a record is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catalog.snapshot.columns import arrow_schema as arrow_schema
    from catalog.snapshot.faults import SnapshotError
    from catalog.snapshot.follow import Follower
    from catalog.snapshot.parquet import write_parquet as write_parquet
    from catalog.snapshot.reader import Snapshot
    from catalog.snapshot.verify import VerifyReport
    from catalog.snapshot.writer import SnapshotWriter, write_snapshot

# What needs the extra `arrow` is left out, so that a star brings no library that is not there.
__all__ = ["Follower", "Snapshot", "SnapshotError", "SnapshotWriter", "VerifyReport", "write_snapshot"]

_HOMES = {
    "Follower": "follow",
    "Snapshot": "reader",
    "SnapshotError": "faults",
    "SnapshotWriter": "writer",
    "VerifyReport": "verify",
    "arrow_schema": "columns",
    "write_parquet": "parquet",
    "write_snapshot": "writer",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        # kept, since importing the submodule `verify` has just put the module under the function's name
        globals()[name] = value = getattr(import_module(f"catalog.snapshot.{_HOMES[name]}"), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
