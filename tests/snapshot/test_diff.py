"""What two files have differently: every kind of difference, in both widths of ids, and what is no difference."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.domain import Record
from catalog.errors import ChecksumMismatch, DecodeError
from catalog.snapshot import SnapshotError
from catalog.snapshot.diff import Count, Difference, FieldChange, compare, diff, group
from catalog.snapshot.entries import AliasEntry, AnyEntry, TombstoneEntry
from catalog.wire.frame import decode_stream
from tests.snapshot import support
from tests.snapshot.support import (
    AAPL,
    ALERT,
    ALIASES,
    ALPACA_ES,
    APPLE,
    BASIS,
    BTC,
    DOLLAR,
    ES,
    ETHER,
    HOME,
    LUNA,
    NASDAQ,
    PAIR,
    POOL,
    SPY,
    SUCCESSIONS,
    TOKEN,
    TOMBSTONES,
    VOCABULARIES,
)
from tests.snapshot.test_evolution import version_3

WIDTHS = [(64, 64), (128, 128), (64, 128), (128, 64)]
_IDS = ["64-64", "128-128", "64-128", "128-64"]


class Files:
    """Two files beside each other: the universe, and the universe with changes."""

    def __init__(self, directory: Path, widths: tuple[int, int]) -> None:
        self.before, self.after = directory / "before.snap", directory / "after.snap"
        self.widths = widths

    def write(self, before: Iterable[AnyEntry], after: Iterable[AnyEntry], **after_header: Any) -> list[Difference]:
        support.write(self.before, support.numbered(before), self.widths[0])
        support.write(self.after, support.numbered(after), self.widths[1], **after_header)
        return list(diff(self.before, self.after))


@pytest.fixture(params=WIDTHS, ids=_IDS)
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return Files(tmp_path, request.param)


def without(*gone: Record | AnyEntry) -> list[AnyEntry]:
    """The universe without some."""
    unwanted = [support.entry_of(one) if isinstance(one, Record) else one for one in gone]

    def stays(entry: AnyEntry) -> bool:
        return not any(entry._replace(sequence=u.sequence, timestamp_ns=u.timestamp_ns) == u for u in unwanted)

    return list(filter(stays, support.universe()))


def changed(record: Record, **changes: Any) -> list[AnyEntry]:
    """The universe with other values of one record."""
    entry = support.entry_of(record)
    return [*without(record), entry._replace(values=dict(entry.values) | changes)]


def only(found: list[Difference]) -> Difference:
    assert len(found) == 1, found
    return found[0]


def test_the_same_content_has_no_difference(files: Files) -> None:
    assert files.write(support.universe(), support.universe()) == []
    report = compare(files.before, files.after)
    assert (report.is_equal, report.is_same_catalog, report.is_whole) == (True, True, True)
    assert (report.counts, report.total) == ({}, Count())
    assert [fact.field for fact in report.header] == (["id_bits"] if len(set(files.widths)) == 2 else [])


def test_a_newer_change_number_alone_is_no_difference(files: Files) -> None:
    later = [entry._replace(sequence=entry.sequence + 1) for entry in support.universe()]
    support.write(files.before, support.universe(), files.widths[0])
    support.write(files.after, later, files.widths[1])
    assert list(diff(files.before, files.after)) == []


@pytest.mark.parametrize(
    ("record", "field", "value", "before", "after"),
    [
        (TOKEN, "name", None, "USD Coin", None),
        (AAPL, "status", "suspended", "active", "suspended"),
        (APPLE, "issuer_lei", None, "HWUPKR0MPOU8FGXBT394", None),
        (NASDAQ, "session_open", None, "09:30", None),
        (PAIR, "tick_size", Decimal("0.5"), "0.01", "0.5"),
        (POOL, "fee", Decimal("0.003"), "0.0005", "0.003"),
        (ES, "underlying_id", str(BTC.id), None, str(BTC.id)),
        (ES, "first_trading_date", None, "2021-09-20", None),
        (DOLLAR, "decimals", 3, 2, 3),
        (BASIS, "stale_after_ns", 7, 5_000_000_000, 7),
        (HOME, "currency", None, "USD", None),
        (ALPACA_ES, "margin_currency", "EUR", "USD", "EUR"),
        (ALERT, "priority", "critical", "low", "critical"),
        (support.LUNC, "delist_at", None, "2027-01-02T03:04:05.000006Z", None),
    ],
)
def test_a_changed_field_is_told_as_json_has_it(
    files: Files, record: Record, field: str, value: Any, before: Any, after: Any
) -> None:
    found = only(files.write(support.universe(), changed(record, **{field: value})))
    assert (found.action, found.record, found.is_breaking, found.group) == (
        "changed", record.record, False, "changed",
    )  # fmt: skip
    assert found.id == (record.shown_id if record is not HOME else f"{AAPL.id}@{NASDAQ.id}:AAPL")
    assert found.fields == (FieldChange(field, before, after),)
    assert json.loads(json.dumps(found.to_json()))["fields"][0]["after"] == after


def test_lists_are_compared_whole(files: Files) -> None:
    tokens = [{"instrument_id": str(token.instrument_id)} for token in reversed(POOL.tokens)]
    (field,) = only(files.write(support.universe(), changed(POOL, tokens=tokens))).fields
    assert (field.field, field.after) == ("tokens", tokens)
    assert field.before == tokens[::-1]


@pytest.mark.parametrize(
    ("record", "field", "value"),
    [
        (TOKEN, "decimals", 18),
        (TOKEN, "decimals", None),
        (ETHER, "decimals", 6),
        (ES, "contract_multiplier", Decimal(5)),
        (support.AAPL_CALL, "contract_multiplier", Decimal(10)),
        (ALPACA_ES, "contract_multiplier", None),
        (PAIR, "quote_id", str(ETHER.id)),
        (POOL, "tokens", [{"instrument_id": str(token.instrument_id)} for token in reversed(POOL.tokens)]),
    ],
)
def test_what_decides_the_meaning_of_numbers_breaks(files: Files, record: Record, field: str, value: Any) -> None:
    found = only(files.write(support.universe(), changed(record, **{field: value}, status="retired")))
    assert [(f.field, f.is_breaking) for f in found.fields if f.field != "status"] == [(field, True)]
    assert (found.is_breaking, found.group, found.action) == (True, "breaking", "changed")
    report = compare(files.before, files.after)
    assert report.breaking == [found]
    assert report.counts == {record.record: Count(changed=1, breaking=1)}
    assert report.sizes == {"breaking": 1, "removed": 0, "changed": 0, "added": 0}


def test_what_becomes_known_breaks_nothing(files: Files) -> None:
    found = only(files.write(changed(TOKEN, decimals=None), support.universe()))
    assert found.fields == (FieldChange("decimals", None, 6),)
    assert not found.is_breaking


@pytest.mark.parametrize(
    ("record", "label"),
    [
        (APPLE, "US0378331005"),
        (support.CME, "XCME"),
        (support.ALPACA, "alpaca"),
        (TOKEN, "USDC"),
        (BTC, "binance:BTC"),
        (AAPL, "XNAS:AAPL"),
        (DOLLAR, "USD"),
        (ES, "XCME:ESZ6"),
        (support.AAPL_CALL, "AAPL  270115C00200000"),
        (BASIS, "Basis"),
        (HOME, "XNAS:AAPL"),
        (support.PLAIN_LISTING, "binance"),
        (POOL, POOL.address),
        (PAIR, "binance:BTCUSDT"),
        (ALPACA_ES, "alpaca:ESZ6"),
        (ALERT, "alert 2"),
    ],
)
def test_every_type_of_record_comes_and_goes(tmp_path: Path, record: Record, label: str) -> None:
    files = Files(tmp_path, (128, 128))  # whole ids: here a record may be gone that others name
    entry = support.entry_of(record)
    rest = without(record)
    gone = next(d for d in files.write([*rest, entry], rest) if d.record == record.record)
    assert (gone.action, gone.label, gone.is_breaking) == ("removed", label, False)
    assert gone.is_tombstoned is (None if record.record == "listing" else False)
    told = {field.field: field.before for field in gone.fields}
    known = {k: v for k, v in record.to_json().items() if k not in ("record", "id", "id64")}
    assert told == known
    come = next(d for d in files.write(rest, [*rest, entry]) if d.record == record.record)
    assert (come.action, come.label, come.id) == ("added", label, gone.id)
    assert {field.field: field.after for field in come.fields} == known


def test_a_tombstone_is_told_with_what_it_stands_for(files: Files) -> None:
    grave = TombstoneEntry(1, SPY.id.bytes, "etf", 0, 0)
    gone = only(files.write(support.universe(), [*without(SPY), grave]))
    assert (gone.action, gone.record, gone.is_tombstoned) == ("removed", "etf", True)
    back = only(files.write([*without(SPY), grave], support.universe()))
    assert (back.action, back.record, back.is_tombstoned) == ("added", "etf", True)


def test_a_tombstone_may_come_and_go_alone(files: Files) -> None:
    found = files.write(without(TOMBSTONES[0]), without(TOMBSTONES[1]))
    assert {(d.action, d.record, d.label, d.is_breaking) for d in found} == {
        ("added", "tombstone", "instrument", False),
        ("removed", "tombstone", "pair", False),
    }
    assert compare(files.before, files.after).counts == {"tombstone": Count(added=1, removed=1)}


def test_an_id_of_another_type_breaks(files: Files) -> None:
    stock, other = support.entry_of(AAPL), support.entry_of(SPY)
    after = [*without(AAPL), other._replace(id=stock.id)]
    found = only(files.write(support.universe(), after))
    assert (found.record, found.id, found.is_breaking) == ("stock", AAPL.id, True)
    assert found.fields[0] == FieldChange("record", "stock", "etf", is_breaking=True)
    assert FieldChange("ticker", "AAPL", "SPY") in found.fields
    assert FieldChange("underlying_index", None, "S&P 500") in found.fields


def test_an_instrument_that_is_a_synthetic_breaks_both_ways(files: Files) -> None:
    basis = support.entry_of(BASIS)._replace(id=LUNA.id.bytes)
    instrument, synthetic = without(SUCCESSIONS[0]), [*without(LUNA, SUCCESSIONS[0]), basis]
    found = only(files.write(instrument, synthetic))
    assert found.fields[0] == FieldChange("record", "asset", "synthetic", is_breaking=True)
    found = only(files.write(synthetic, instrument))
    assert found.fields[0] == FieldChange("record", "synthetic", "asset", is_breaking=True)


def test_a_record_that_becomes_an_alias_breaks_when_nothing_answers(files: Files) -> None:
    alias = AliasEntry(SPY.id.bytes, AAPL.id.bytes, 0, 0, b"\x01\0\0\0x")
    record, aliased = support.universe(), [*without(SPY), alias]
    found = only(files.write(record, aliased))
    assert (found.action, found.record, found.label, found.id) == ("changed", "etf", "ARCX:SPY", SPY.id)
    assert found.fields == (
        FieldChange("record", "etf", "alias"),
        FieldChange("target", None, str(AAPL.id)),
    )
    disputed = [*without(SPY), alias._replace(target=None)]
    assert only(files.write(record, disputed)).fields == (FieldChange("record", "etf", "alias", is_breaking=True),)
    found = only(files.write(aliased, record))
    assert (found.record, found.is_breaking) == ("alias", True)
    assert found.fields[0] == FieldChange("record", "alias", "etf", is_breaking=True)


@pytest.mark.parametrize(
    ("before", "after", "is_breaking"), [(AAPL, SPY, True), (AAPL, None, True), (None, AAPL, False)]
)
def test_an_alias_that_leads_elsewhere_breaks(
    files: Files, before: Record | None, after: Record | None, is_breaking: bool
) -> None:
    alias = ALIASES[0]
    one, other = (alias._replace(target=None if r is None else r.id.bytes) for r in (before, after))
    found = only(files.write([*without(alias), one], [*without(alias), other]))
    assert (found.record, found.id, found.label) == ("alias", alias.id.hex(), "equity-by-ticker / XNAS / AAPL / USD")
    assert found.fields == (
        FieldChange("target", before and str(before.id), after and str(after.id), is_breaking=is_breaking),
    )


def test_aliases_come_and_go(files: Files) -> None:
    found = only(files.write(without(ALIASES[0]), support.universe()))
    assert (found.action, found.record, found.is_breaking) == ("added", "alias", False)
    found = only(files.write(support.universe(), without(ALIASES[0])))
    assert (found.action, found.fields[0]) == ("removed", FieldChange("target", str(AAPL.id), None))


def test_successions_come_change_and_go(files: Files) -> None:
    migration, isin = SUCCESSIONS
    done = isin._replace(is_in_effect=True, ratio=Decimal(2), effective_ns=support.AS_OF_NS)
    found = files.write(support.universe(), [*without(*SUCCESSIONS), done])
    assert [(d.action, d.record, d.id) for d in found] == [
        ("removed", "succession", LUNA.id),
        ("changed", "succession", APPLE.id),
    ]
    assert [(f.field, f.after) for f in found[1].fields] == [
        ("ratio", "2"), ("effective_at", "2023-11-14T22:13:20.000001Z"), ("is_in_effect", True),
    ]  # fmt: skip
    found = files.write(without(migration), support.universe())
    assert {f.field: f.after for f in only(found).fields} == {
        "kind": "instrument", "successor": support.LUNC.id, "succession_kind": "migration", "ratio": "1",
        "effective_at": "2022-05-28T00:00:00.000000Z", "is_in_effect": True,
    }  # fmt: skip


def test_a_code_that_means_something_else_breaks(files: Files) -> None:
    names = VOCABULARIES["blockchain"]
    support.write(files.before, support.universe(), files.widths[0])
    vocabularies = VOCABULARIES | {"blockchain": {**names, "eip155:31337": 0x8001, "eip155:10": 8}}
    support.write(files.after, support.universe(), files.widths[1], vocabularies)
    found = list(diff(files.before, files.after))
    assert found == [
        Difference("added", "vocabulary", "blockchain", "eip155:10", (FieldChange("code", None, 8),)),
        Difference(
            "changed", "vocabulary", "blockchain", "eip155:31337",
            (FieldChange("code", 0x8000, 0x8001, is_breaking=True),),
        ),
    ]  # fmt: skip


def test_a_code_that_is_given_away_breaks(files: Files) -> None:
    support.write(files.before, support.universe(), files.widths[0])
    for names, is_breaking in (({"eip155:1": 1}, False), ({"eip155:1": 1, "eip155:7": 0x8000}, True)):
        support.write(files.after, support.universe(), files.widths[1], VOCABULARIES | {"blockchain": names})
        gone = next(d for d in diff(files.before, files.after) if d.action == "removed")
        assert (gone.label, gone.is_breaking) == ("eip155:31337", is_breaking)
        if is_breaking:
            assert gone.fields[1] == FieldChange("value", "eip155:31337", "eip155:7", is_breaking=True)


def test_codes_are_compared_by_what_they_mean(files: Files) -> None:
    """With every code another one, all bytes differ and no record does; with two swapped, equal bytes are different."""
    support.write(files.before, support.universe(), files.widths[0])
    moved = VOCABULARIES | {
        name: {value: code + 100 for value, code in codes.items() if code < 100}
        for name, codes in VOCABULARIES.items()
        if name not in ("succession_kind", "blockchain")
    }
    moved["succession_kind"] = {"isin_change": 9, "migration": 2}
    support.write(files.after, support.universe(), files.widths[1], moved)
    found = list(diff(files.before, files.after))
    assert {d.record for d in found} == {"vocabulary"}
    assert all(d.is_breaking for d in found)
    swapped = VOCABULARIES | {"status": {"active": 2, "suspended": 1, "retired": 3}}
    support.write(files.after, support.universe(), files.widths[1], swapped)
    assert {d.record for d in diff(files.before, files.after)} == {"vocabulary"}
    support.write(files.after, support.numbered(changed(AAPL, status="suspended")), files.widths[1], swapped)
    assert {d.record for d in diff(files.before, files.after)} == {"vocabulary", "stock"}


def test_successions_are_compared_in_whatever_order_their_codes_stand(files: Files) -> None:
    both = [SUCCESSIONS[0], SUCCESSIONS[0]._replace(succession_kind="isin_change")]
    rest = without(*SUCCESSIONS)
    tombs = [entry for entry in rest if isinstance(entry, TombstoneEntry)]
    head = [entry for entry in rest if entry not in tombs]
    support.write(files.before, [*head, *both[::-1], *tombs], files.widths[0])
    codes = VOCABULARIES | {"succession_kind": {"isin_change": 5, "migration": 3}}
    support.write(files.after, [*head, *both, *tombs], files.widths[1], codes)
    assert {d.record for d in diff(files.before, files.after)} == {"vocabulary"}


def test_another_catalog_is_said_first(files: Files) -> None:
    assert files.write(support.universe(), support.universe(), catalog_id=bytes(16), schema_revision="0002") == []
    report = compare(files.before, files.after)
    assert (report.is_equal, report.is_same_catalog) == (False, False)
    assert report.header[0] == FieldChange("catalog_id", bytes(range(16)).hex(), "0" * 32, is_breaking=True)
    assert report.header[-1] == FieldChange("schema_revision", "0001_golden", "0002")


def test_facts_of_the_header_alone_are_no_difference(files: Files) -> None:
    later = {"schema_revision": "0002", "as_of_ns": support.AS_OF_NS + 1000, "as_of_sequence": 99}
    assert files.write(support.universe(), support.universe(), **later) == []
    report = compare(files.before, files.after)
    assert report.is_equal
    assert {fact.field for fact in report.header} >= {"schema_revision", "as_of", "as_of_sequence"}


def test_a_64_bit_id_that_means_another_breaks(tmp_path: Path) -> None:
    files = Files(tmp_path, (64, 64))
    heir = support.entry_of(SPY)._replace(id=SPY.id.bytes[:8] + bytes(8))
    gone, come = files.write(support.universe(), [*without(SPY), heir])[::-1]
    assert (gone.action, gone.is_breaking, come.action) == ("removed", True, "added")
    assert gone.fields[0] == FieldChange("id", str(SPY.id), heir.id.hex(), is_breaking=True)
    files = Files(tmp_path, (128, 128))
    assert not any(d.is_breaking for d in files.write(support.universe(), [*without(SPY), heir]))


@pytest.mark.parametrize("spoilt", ["before", "after", "both"])
def test_a_broken_file_is_an_error_that_names_it(files: Files, spoilt: str) -> None:
    files.write(support.universe(), changed(TOKEN, decimals=18))
    if spoilt == "both":  # equal bytes are proved, too
        files.before.unlink()
        files.before.write_bytes(files.after.read_bytes())
    for path in (files.before, files.after):
        if spoilt in (path.stem, "both"):
            data = bytearray(path.read_bytes())
            data[next(m.end for m in decode_stream(bytes(data)) if m.type == 0x01) - 1] ^= 1
            path.unlink()
            path.write_bytes(data)
    with pytest.raises(ChecksumMismatch) as caught:
        compare(files.before, files.after)
    assert (files.after if spoilt == "after" else files.before).name in str(caught.value.hint)


def test_what_is_no_snapshot_is_an_error_that_names_it(files: Files) -> None:
    files.write([], [])
    files.after.unlink()
    files.after.write_bytes(bytes(1000))
    with pytest.raises(DecodeError) as caught:
        list(diff(files.before, files.after))
    assert "after.snap" in str(caught.value.hint)
    files.after.unlink()
    with pytest.raises(SnapshotError, match=r"cannot open .*after\.snap"):
        list(diff(files.before, files.after))


def test_records_out_of_order_are_an_error(files: Files) -> None:
    files.write(support.universe(), without(SPY))
    data = files.after.read_bytes()
    first, second = [m for m in decode_stream(data) if m.type == 0x07][:2]
    swapped = data[second.offset : second.end] + data[first.offset : first.end]
    files.after.unlink()
    files.after.write_bytes(data[: first.offset] + swapped + data[second.end :])
    with pytest.raises(DecodeError, match="order"):
        list(diff(files.before, files.after))


def test_a_delta_is_refused(files: Files) -> None:
    with pytest.raises(SnapshotError, match="it is a delta"):
        files.write(support.universe(), support.universe(), base_sequence=1)
    for pair in ((files.before, files.after), (files.after, files.before)):
        with pytest.raises(SnapshotError, match=r"cannot compare .*after\.snap`: it is a delta"):
            compare(*pair)


@pytest.mark.parametrize("id_bits", [64, 128])
def test_of_a_newer_format_what_is_known_is_compared(tmp_path: Path, id_bits: int) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    support.write(old, support.universe(), id_bits)
    new.write_bytes(version_3(id_bits))
    report = compare(old, new)
    assert not report.is_whole
    assert [fact.field for fact in report.header] == ["format_version"]
    assert [(d.action, d.record, d.label) for kept in report.first.values() for d in kept] == [
        ("added", "vocabulary", "z"),
        ("added", "0x01/10", None),
    ]
    assert compare(new, new).is_equal


def many(number: int) -> list[AnyEntry]:
    """So many assets."""
    entry = support.entry_of(BTC)
    return [
        entry._replace(id=(n << 64).to_bytes(16), values=dict(entry.values) | {"symbol": f"A{n}"})
        for n in range(1, number + 1)
    ]


def test_a_report_keeps_no_more_than_it_may(tmp_path: Path) -> None:
    files = Files(tmp_path, (64, 64))
    assert len(files.write(many(3000), [])) == 3000
    report = compare(files.before, files.after, limit=5)
    assert report.sizes["removed"] == report.total.removed == 3000
    assert [len(kept) for kept in report.first.values()] == [0, 5, 0, 0]
    told = list(group(report, "removed"))
    assert len(told) == 3000
    assert told[:5] == report.first["removed"]
    assert list(group(report, "added")) == []
    support.write(files.after, many(1), 64)
    with pytest.raises(SnapshotError, match="it has been replaced meanwhile"):
        list(group(report, "removed"))


def test_memory_does_not_grow_with_the_differences(tmp_path: Path) -> None:
    files = Files(tmp_path, (64, 128))
    peaks = []
    for number in (500, 5000):
        support.write(files.before, support.numbered(many(number)), 64)
        support.write(files.after, [], 128)
        compare(files.before, files.after, limit=10)  # tables and classes are made once
        tracemalloc.start()
        assert compare(files.before, files.after, limit=10).total == Count(removed=number)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 50_000
