"""Records that are put together from known values are those that the constructor makes; and nothing else passes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from catalog.domain import Record, Stock, Venue
from catalog.errors import SnapshotCorrupt
from catalog.snapshot import build
from catalog.snapshot.build import Builder, build_record
from tests.snapshot import support
from tests.snapshot.support import AAPL, NASDAQ, TOKEN


def values_of(record: Record) -> dict[str, Any]:
    return {name: value for name, value in support.entry_of(record).values.items() if value is not None}


def key_of(record: Record) -> bytes:
    return b"" if record.record == "listing" else record.id.bytes


def remembering(record_type: str, *records: Record) -> Builder:
    """A builder that knows the values of these records: each was asked for twice."""
    builder = Builder(record_type)
    for offset, record in enumerate(records, start=1):
        for _ in range(2):
            assert builder(key_of(record), values_of(record), offset) == record
    return builder


@pytest.mark.parametrize("record", support.RECORDS, ids=lambda r: r.record)
def test_the_second_record_equals_the_first(record: Record) -> None:
    builder = Builder(record.record)
    made = [builder(key_of(record), values_of(record), 0) for _ in range(3)]
    for found in made:
        assert found == record
        assert found.model_fields_set == made[0].model_fields_set
        assert found.to_json() == record.to_json() if key_of(record) else found.known() == made[0].known()
        assert repr(found) == repr(made[0])
    assert made[1].replace(status="retired").status == "retired"


def test_known_values_are_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = remembering("stock", AAPL)
    monkeypatch.setattr(build, "build_record", None)
    assert builder(AAPL.id.bytes, values_of(AAPL), 0) == AAPL


def test_a_record_that_never_comes_again_is_not_remembered() -> None:
    builder = Builder("token")
    for n in range(1, 9):
        record = TOKEN.replace(address=f"0x{n:040x}")
        assert builder(record.id.bytes, values_of(record), n) == record
    assert not any(builder._known.values())


def test_values_known_of_other_records_do_not_make_an_invalid_one() -> None:
    """Each value is good, and together they break a rule between fields or name another id."""
    builder = remembering("stock", AAPL, Stock(mic="XNYS", ticker="F", currency="USD", generation="2"))
    with pytest.raises(SnapshotCorrupt, match="only a ticker without an ISIN has one"):
        builder(AAPL.id.bytes, values_of(AAPL) | {"generation": "2"}, 7)
    with pytest.raises(SnapshotCorrupt, match="at byte 7 is not the one its id names"):
        builder(AAPL.id.bytes, values_of(AAPL) | {"mic": "XNYS"}, 7)
    venues = remembering("venue", NASDAQ, Venue(slug="kraken"))
    with pytest.raises(SnapshotCorrupt, match="either a MIC or a slug"):
        venues(NASDAQ.id.bytes, values_of(NASDAQ) | {"slug": "kraken"}, 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [("isin", "US0378331006"), ("currency", "QQQ"), ("ticker", "A\x00"), ("figi", "nonsense"), ("country", "ZZ")],
)
def test_bad_values_are_refused_every_time(field: str, value: str) -> None:
    builder = remembering("stock", AAPL)
    for _ in range(3):
        with pytest.raises(SnapshotCorrupt, match="the stock at byte 9 is not valid"):
            builder(AAPL.id.bytes, values_of(AAPL) | {field: value}, 9)


def test_what_the_model_changes_is_not_remembered() -> None:
    """A folded MIC is not canonical on the wire: it never takes the short way."""
    builder = Builder("stock")
    values = values_of(AAPL) | {"mic": "XNGS"}
    for _ in range(3):
        assert getattr(builder(AAPL.id.bytes, values, 0), "segment_mic", None) == "XNGS"


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "MAX_KNOWN", 4)
    builder = Builder("token")
    for n in range(1, 30):
        record = TOKEN.replace(address=f"0x{n:040x}", symbol=f"T{n}")
        for _ in range(2):
            assert builder(record.id.bytes, values_of(record), n) == record
        assert f"T{n}" in builder._known["symbol"]
        assert all(len(known) <= 4 for known in (*builder._known.values(), builder._asked))


def test_a_listing_has_no_id_to_prove() -> None:
    found = build_record("listing", b"", values_of(support.HOME), 0)
    assert getattr(found, "tick_size", None) == Decimal("0.01")
    assert "id" not in found.__dict__
