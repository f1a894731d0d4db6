"""What an importer is: a pure reader of one kind of payload, bytes in and domain records out.

An importer never touches the database, the network or the clock. It states what the payload says; merging, conflicts
and disputes are the business of the import service.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, NamedTuple, Protocol

from catalog.domain.base import Record


class Parsed(NamedTuple):
    """One record that the payload describes, and where (a JSON pointer such as `/tokens/17`, or `line 12`)."""

    record: Record
    place: str


class Reject(NamedTuple):
    """One row that cannot become a record: where, a reason code, a sentence, the row as text, its record type."""

    place: str
    code: str
    reason: str
    row: str
    record: str


@dataclass(frozen=True)
class Heading:
    """What a payload says of itself: the feed's name (list name, exchange, market) and its own time, if any."""

    feed: str
    observed_at: datetime | None = None


class Importer(Protocol):
    """One source. `source` is its name on the command line and in the table of precedence."""

    source: str

    def can_parse(self, head: bytes) -> bool:
        """Whether a payload that begins with `head` (64 KiB at most) is one of ours and of no other importer."""
        ...

    def heading(self, stream: BinaryIO) -> Heading:
        """The payload's own feed name and time. Raises PayloadError when the payload is broken before they come."""
        ...

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        """Every row of the payload, in memory that does not grow with it.

        `observed_at` is the payload's own time or what the operator said, never a file's modification time.
        Raises PayloadError, with the place, where the payload cannot be read any further.
        """
        ...
