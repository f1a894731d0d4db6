"""A short campaign over every importer, and proof that the judge sees what it is there to see."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO

import pytest

from catalog.domain import Token
from catalog.importers import binance_rows
from catalog.importers.base import Importer, Parsed, Reject
from catalog.importers.json_values import optional_decimal
from catalog.importers.registry import IMPORTERS, named
from tests.fuzz.importers import case, judges
from tests.fuzz.oracle import ring

SEED = 5
CASES = 250


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    before = signal.signal(signal.SIGVTALRM, ring)
    yield
    signal.signal(signal.SIGVTALRM, before)


def findings(source: str, importer: Importer | None = None, cases: int = CASES) -> list[str]:
    """Everything that is wrong in the first cases of a source, with the number of the case."""
    known = judges(source, importer, with_real=False)
    return [
        f"seed {SEED} number {n} of {made.name} ({made.mutant.story}): {finding}"
        for n in range(cases)
        for made in [case(SEED, n, source, known)]
        for finding in made.judge.judge(made.mutant.data)
    ]


@pytest.mark.parametrize("source", IMPORTERS)
def test_damaged_payloads(source: str) -> None:
    assert not findings(source)


def test_a_case_can_be_repeated() -> None:
    known = judges("binance", with_real=False)
    one, same = (case(SEED, 7, "binance", known).mutant for _ in range(2))
    assert one == same
    assert len({case(SEED, n, "binance", known).mutant.data for n in range(100)}) > 90


class Planted:
    """An importer with a bug."""

    def __init__(self, source: str) -> None:
        self._right = named(source)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._right, name)

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        yield from self._right.parse(stream, observed_at)


class Drops(Planted):
    """Says nothing of rows that it cannot read."""

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        yield from (r for r in super().parse(stream, observed_at) if isinstance(r, Parsed))


class Remembers(Planted):
    """Takes the decimals of the row before."""

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        last = None
        for result in super().parse(stream, observed_at):
            if isinstance(result, Parsed) and isinstance(result.record, Token):
                record = result.record if last is None else result.record.replace(decimals=last)
                last = result.record.decimals
                yield result._replace(record=record)
            else:
                yield result


class Crashes(Planted):
    """Believes that every payload is UTF-8 to its end."""

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        stream.read().decode()
        yield from super().parse(stream, observed_at)


class Swallows(Planted):
    """Ends quietly where the payload breaks."""

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        try:
            yield from super().parse(stream, observed_at)
        except ValueError:
            return


class Guesses(Planted):
    """Writes a name of its own over what is not there."""

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        for result in super().parse(stream, observed_at):
            if isinstance(result, Parsed) and getattr(result.record, "symbol", "x") is None:
                yield result._replace(record=result.record.replace(symbol="UNKNOWN"))
            else:
                yield result


class Undeclared(Planted):
    """Has rejects of a code that nobody knows."""

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        for result in super().parse(stream, observed_at):
            yield result._replace(code="oops") if isinstance(result, Reject) else result


class Hangs(Planted):
    """Never ends over a NUL."""

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        while b"\\u0000" in stream.read():
            stream.seek(0)
        yield from super().parse(stream, observed_at)


@pytest.mark.parametrize(
    ("bug", "seen"),
    [
        (Drops, "the row is lost"),
        (Remembers, "untouched"),
        (Crashes, "UnicodeDecodeError"),
        (Swallows, "broken JSON was read to its end"),
        (Guesses, "symbol is 'UNKNOWN', which is not in its row"),
        (Undeclared, "the code oops is not declared"),
    ],
)
def test_bugs_are_seen(bug: type[Planted], seen: str) -> None:
    importer: Any = bug("token-list")
    assert any(seen in finding for finding in findings("token-list", importer))


def test_a_float_on_the_way_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = optional_decimal

    def rounded(value: Any, name: str, code: str) -> Decimal | None:
        try:
            return right(str(float(value)), name, code) if value not in (None, "") else None
        except (TypeError, ValueError, OverflowError):
            return right(value, name, code)

    monkeypatch.setattr(binance_rows, "optional_decimal", rounded)
    assert any("which is not in its row" in finding for finding in findings("binance", cases=1500))


def test_a_hang_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.oracle.HANGS", 0.05)
    importer: Any = Hangs("token-list")
    assert any("parse: hangs" in finding for finding in findings("token-list", importer, cases=600))
