"""What the lists of markets of crypto exchanges have in common: assets that only show in the markets made of them.

An importer reads its payload twice: once for the assets, so that each comes once and before what names it, and once
for the markets, so that none has to be kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from catalog.domain import text
from catalog.domain.base import Record
from catalog.domain.generations import generation_in_force, latest_generation
from catalog.domain.instruments import Asset
from catalog.errors import CatalogError, InvalidRecord, PayloadError
from catalog.importers.base import Parsed, Reject, rejected
from catalog.importers.json_document import Row
from catalog.importers.json_values import CODES as VALUE_CODES
from catalog.importers.json_values import optional_text, require_object

#: The codes of what is done here, less those of single fields (`invalid_<name>` of `required_key`).
CODES = VALUE_CODES | {
    "ambiguous_generation": "the exchange has reused the code, and neither the payload nor --observed-at says when",
}


class Mention(NamedTuple):
    """An asset that a market names: its code, the field that names it, and its precision where the market has one.

    A precision that is no whole number from 0 to 255 is unknown; `...` says that the field never comes with one.
    """

    code: str
    key: str
    precision: object = ...


@dataclass
class _Seen:
    """An asset as the markets show it: where first, with which precisions; then its record, or why there is none."""

    place: str
    precisions: set[int | None] = field(default_factory=set)
    record: Asset | CatalogError | None = None


class Assets:
    """The assets of one payload of one exchange, at the moment that it speaks of."""

    def __init__(
        self,
        exchange: str,
        moment: datetime | None,
        rows: Iterable[Row],
        mentions: Callable[[dict[str, Any]], Iterable[Mention]],
    ) -> None:
        """Gathers what `mentions` finds in the rows, as far as they can be read."""
        self._exchange, self._moment = exchange, moment
        self._seen: dict[str, _Seen] = {}
        try:
            for row in rows:
                self._note(row, mentions)
        except PayloadError:
            pass  # the second reading raises it, behind the good markets

    def _note(self, row: Row, mentions: Callable[[dict[str, Any]], Iterable[Mention]]) -> None:
        if row.problem or not isinstance(row.value, dict):
            return
        try:
            found = list(mentions(row.value))
        except CatalogError:
            return
        for code, key, precision in found:
            seen = self._seen.setdefault(code, _Seen(f"{row.place}/{key}"))
            if precision is not ...:
                seen.precisions.add(_decimals(precision))

    def results(self) -> Iterator[Parsed | Reject]:
        """Every asset once, in the order in which they first appear; `find` knows them from then on."""
        for code, seen in self._seen.items():
            try:
                generation = generation_in_force(self._exchange, code, self._moment)
            except CatalogError as error:
                seen.record = error
                yield rejected(seen.place, error, code, "asset")
                continue
            fields: dict[str, Any] = {"generation": generation} if generation else {}
            if len(seen.precisions) == 1 and (precision := next(iter(seen.precisions))) is not None:
                fields["decimals"] = precision
            seen.record = Asset(exchange=self._exchange, symbol=code, **fields)
            yield Parsed(seen.record, seen.place)

    def find(self, code: str) -> Asset:
        """The asset of a code that a row mentions. Raises the reason why it was refused."""
        record = self._seen[code].record
        if isinstance(record, CatalogError):
            raise record.with_traceback(None)
        assert record is not None
        return record


def _decimals(value: object) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 255
    return value if is_number else None  # type: ignore[return-value]


def optional_key(row: dict[str, Any], key: str, name: str) -> str | None:
    """The symbol, code or word under `key`, None where there is none; what cannot be one is `invalid_<name>`."""
    value = optional_text(row, key, f"invalid_{name}")
    return None if value is None else text.key(value, name)


def required_key(row: dict[str, Any], key: str, name: str) -> str:
    """The same, where its absence is `missing_symbol`."""
    value = optional_key(row, key, name)
    if value is None:
        raise InvalidRecord(key, "nothing", "it is required", code="missing_symbol")
    return value


def market_generation(exchange: str, symbol: str, moment: datetime | None, *assets: Asset | None) -> dict[str, str]:
    """The generation of a market, where it has one.

    A symbol made of a reused code was reused with it, unless the table has moments for the symbol itself.
    """
    generation = generation_in_force(exchange, symbol, moment) or latest_generation(
        *(asset.generation for asset in assets if asset)
    )
    return {"generation": generation} if generation else {}


def read_market(row: Row, record: str, make: Callable[[dict[str, Any]], Record]) -> Parsed | Reject:
    """What `make` makes of a row, or the reject that its refusal is."""
    try:
        if row.problem:
            raise row.problem
        return Parsed(make(require_object(row.value)), row.place)
    except CatalogError as error:
        return rejected(row.place, error, row.text, record)
