"""Exit codes: 0 done, 1 the answer is no, 2 could not run."""

from __future__ import annotations

from catalog.errors import (
    Ambiguous,
    BreakingChange,
    CatalogError,
    Conflict,
    IdCollision,
    InUse,
    InvalidIdentifier,
    InvalidRecord,
    NotFound,
    SignatureRefused,
    SnapshotCorrupt,
)
from cli.session import session

DONE, NO, COULD_NOT_RUN = 0, 1, 2

_ANSWERS = (Ambiguous, BreakingChange, Conflict, IdCollision, InUse, NotFound, SignatureRefused, SnapshotCorrupt)
_JUDGEMENTS = (InvalidIdentifier, InvalidRecord)


def code_of(error: CatalogError) -> int:
    """The exit code that an error means. An invalid value is a usage error unless the command was asked to judge it."""
    if isinstance(error, _ANSWERS) or (session.judges and isinstance(error, _JUDGEMENTS)):
        return NO
    return COULD_NOT_RUN
