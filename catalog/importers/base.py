"""What an importer is: a pure reader of one kind of payload, bytes in and domain records out.

An importer never touches the database, the network or the clock. It states what the payload says; merging, conflicts
and disputes are the business of the import service.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from catalog.domain.base import Record
from catalog.domain.vocabulary import Authority
from catalog.errors import CatalogError, escape

#: A reject carries at most this many characters of its row; all of it is in the stored payload.
MAX_ROW = 4096


class Parsed(NamedTuple):
    """One record that the payload describes, and where (a JSON pointer such as `/tokens/17`, or `line 12`).

    `through` are references that the payload makes by a broker's symbol: field of the record → id of the broker
    contract whose instrument it is.
    """

    record: Record
    place: str
    through: Mapping[str, str] = MappingProxyType({})


class Reject(NamedTuple):
    """One row that cannot become a record: where, a reason code, a sentence, the row as text, its record type.

    `row` is cut at MAX_ROW and otherwise as it came, control characters and NUL included; bytes that are not UTF-8
    stand in it as `\\xff`. `record` is empty when the row does not say what it is.
    """

    place: str
    code: str
    reason: str
    row: str
    record: str


@dataclass(frozen=True)
class Heading:
    """What a payload says of itself: the feed's name (list name, exchange, market) and its own time, if any.

    An empty `feed` means that the payload has no name: the import then uses the file's. `is_listing` says that it lists
    all that its feed has, so that a short one is suspicious and what it leaves out has vanished; a page, a range of
    blocks or a handful of records does not.
    """

    feed: str
    observed_at: datetime | None = None
    is_listing: bool = True


class Importer(Protocol):
    """One source. `source` is its name on the command line and in the table of precedence."""

    source: str
    #: What kind of voice it is, until an operator says otherwise.
    authority: Authority
    #: Every code its rejects can have, with what it means (docs/sources has a page for each source that lists the same).
    codes: Mapping[str, str]

    def can_parse(self, head: bytes) -> bool:
        """Whether a payload that begins with `head` (64 KiB at most) is one of ours and of no other importer."""
        ...

    def heading(self, stream: BinaryIO) -> Heading:
        """The payload's own feed name and time. Raises PayloadError when the payload is broken before they come."""
        ...

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        """Every row of the payload, in memory that does not grow with it.

        `observed_at` is the payload's own time or what the operator said, never a file's modification time.
        Raises PayloadError, with the place, where the payload cannot be read any further; every row before that
        place has been given by then.
        """
        ...


@runtime_checkable
class Told(Protocol):
    """An importer that takes, behind its name and a colon, what its payload does not say itself: `ccxt:kraken`."""

    def told(self, argument: str) -> Importer:
        """The importer that knows it. Raises PayloadError, which says what is expected, for an argument that is none."""
        ...


def rejected(place: str, error: CatalogError, row: str, record: str) -> Reject:
    """The reject that `error` makes of a row."""
    return Reject(place, error.code, escape(str(error)), row[:MAX_ROW], record)


def show_bytes(data: bytes) -> str:
    """The beginning of a raw row as text, with what is not UTF-8 as `\\xff`."""
    return data[: MAX_ROW * 4].decode(errors="backslashreplace")[:MAX_ROW]
