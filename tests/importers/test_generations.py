from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from catalog.domain.generations import generation_in_force, latest_generation
from catalog.domain.vocabulary import REUSED_CODES
from catalog.errors import InvalidRecord

CHANGE = datetime(2022, 5, 28, tzinfo=UTC)


def test_a_code_that_was_never_reused_needs_no_moment() -> None:
    assert generation_in_force("binance", "BTC", None) is None
    assert generation_in_force("kraken", "LUNA", None) is None


def test_the_new_holder_begins_at_the_moment() -> None:
    assert generation_in_force("binance", "LUNA", CHANGE - timedelta(microseconds=1)) is None
    assert generation_in_force("binance", "LUNA", CHANGE) == "2"
    assert generation_in_force("binance", "LUNA", CHANGE.astimezone(timezone(timedelta(hours=-9)))) == "2"


def test_a_third_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REUSED_CODES, ("kraken", "X"), ("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"))
    years = {year: generation_in_force("kraken", "X", datetime(year, 6, 1, tzinfo=UTC)) for year in (2019, 2020, 2021)}
    assert years == {2019: None, 2020: "2", 2021: "3"}


def test_without_a_moment_a_reused_code_is_nobody_s() -> None:
    with pytest.raises(InvalidRecord, match="2 holders") as caught:
        generation_in_force("binance", "LUNA", None)
    assert caught.value.code == "ambiguous_generation"
    assert caught.value.hint


def test_the_latest_of_several() -> None:
    assert latest_generation(None, None) is None
    assert latest_generation("2", None) == "2"
    assert latest_generation("9", "10") == "10"
