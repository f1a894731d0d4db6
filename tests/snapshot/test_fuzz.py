"""A few hundred broken files through everything that reads them; `python -m tests.fuzz.snapshot` tries many more."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from catalog.errors import DecodeError
from tests.fuzz.files import good_files, put_together, settle_content, settle_places, settle_sums, take_apart
from tests.fuzz.mutations import Mutant, mutant
from tests.fuzz.snapshot import Hangs, judge, ring

SEED = 20_260


@pytest.mark.parametrize("first", range(100_000, 100_400, 50))
def test_no_broken_file_makes_a_reader_fail(first: int, tmp_path: Path) -> None:
    before = signal.signal(signal.SIGVTALRM, ring)
    try:
        for number in range(first, first + 50):
            broken = mutant(SEED, number)
            findings = judge(number, broken, tmp_path / "mutant").findings
            assert not findings, f"seed {SEED} number {number} of {broken.good.name} ({broken.story}): {findings}"
    finally:
        signal.signal(signal.SIGVTALRM, before)


def test_a_mutant_is_made_by_its_numbers_alone() -> None:
    assert [mutant(1, n) for n in range(100_000, 100_050)] == [mutant(1, n) for n in range(100_000, 100_050)]
    assert mutant(1, 100_000).data != mutant(2, 100_000).data
    assert [len(mutant(1, n).data) for n in (0, 1, 10_383)] == [0, 1, 10_383]


def test_settling_a_good_file_changes_nothing() -> None:
    """What puts sums, places and content right writes what the writer wrote."""
    for good in good_files():
        parts = take_apart(good.data)
        assert settle_sums(good.data) == put_together(parts) == good.data
        settle_places(parts)
        assert put_together(parts) == good.data
        settle_content(parts)
        assert put_together(parts) == good.data


def test_the_judge_sees_what_must_not_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Foreign errors, places outside the file, calls that do not end, and a `verify` that says yes to a broken file."""
    good = good_files()[0]
    broken = Mutant(good, settle_sums(good.data[:1400] + b"\xff" + good.data[1401:]), "one byte")

    def raising(error: BaseException) -> list[str]:
        def fails(path: Path) -> None:
            raise error

        monkeypatch.setattr("tests.fuzz.snapshot.show", fails)
        return judge(1, broken, tmp_path / "mutant").findings

    assert raising(DecodeError(7, "x", 1, 2)) == []
    (finding,) = raising(IndexError("no such byte"))
    assert finding.startswith("show: IndexError: no such byte (test_fuzz.py:")
    assert raising(Hangs()) == ["show: hangs"]
    assert raising(DecodeError(2**40, "x", 1, 2)) == [
        f"show: a place outside the file: at byte {2**40}, x: expected 1, found 2"
    ]
    monkeypatch.setattr("tests.fuzz.snapshot.verify", lambda path: type("Yes", (), {"ok": True}))  # noqa: ARG005
    assert any(finding.startswith("verify: ok, but ") for finding in raising(DecodeError(7, "x", 1, 2)))
