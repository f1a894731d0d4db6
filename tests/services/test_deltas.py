"""Deltas of a catalog: what they hold, and that a snapshot with its deltas is the later snapshot, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.domain import Listing, Stock, Token, Venue
from catalog.errors import InvalidRecord
from catalog.repositories import feeds
from catalog.repositories.statements import Author, Submission
from catalog.services import export, writing
from catalog.snapshot import Snapshot
from catalog.snapshot.apply import apply
from catalog.snapshot.faults import DeltaRefused
from catalog.snapshot.verify import verify
from tests.fuzz.histories import HORIZON, History
from tests.make import make

USDC = make(Token, blockchain="eip155:1", address=f"0x{1:040x}", decimals=6, symbol="USDC")
DAI = make(Token, blockchain="eip155:1", address=f"0x{2:040x}", decimals=18, symbol="DAI")
EARLY = make(Stock, mic="XNAS", ticker="AAPL", currency="USD")
APPLE = make(Stock, mic="XNAS", isin="US0378331005", ticker="AAPL", currency="USD")
NYSE = make(Venue, mic="XNYS")


def exported(catalog: Catalog, path: Path, since: int | None = None) -> Path:
    catalog.export_snapshot(str(path), since=since)
    assert not verify(path).problems
    return path


def sequence(catalog: Catalog) -> int:
    found: int = catalog.stats()["last_sequence"]
    return found


def names(path: Path) -> dict[str, int]:
    with Snapshot.open(path) as snapshot:
        return snapshot.counts


@pytest.mark.parametrize("seed", range(6))
def test_random_histories(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(export, "HORIZON", HORIZON)
    history = History(catalog, seed, tmp_path)
    history.run(stretches=4)
    assert history.stretches == 4


def test_a_delta_has_what_changed_and_what_that_names(catalog: Catalog, tmp_path: Path) -> None:
    catalog.register_many([USDC, DAI, EARLY, NYSE])
    before = sequence(catalog)
    catalog.listings.register(make(Listing, instrument_id=EARLY.id, venue_id=NYSE.id, symbol="AAPL"))
    path = exported(catalog, tmp_path / "delta", since=before)
    # the line, its market and the venue have not changed
    assert names(path) == {"listing": 1, "stock": 1, "venue": 2}
    with Snapshot.open(path) as delta:
        assert (delta.header.base_sequence, delta.as_of_sequence) == (before, before + 1)


def test_a_delta_without_a_change_is_empty(catalog: Catalog, tmp_path: Path) -> None:
    catalog.register_many([USDC])
    base = exported(catalog, tmp_path / "base")
    path = exported(catalog, tmp_path / "delta", since=sequence(catalog))
    assert names(path) == {}
    apply(base, [path], tmp_path / "same")
    assert (tmp_path / "same").read_bytes() == base.read_bytes()


def test_what_was_retired_leaves_a_tombstone(catalog: Catalog, tmp_path: Path) -> None:
    catalog.register_many([USDC, DAI])
    before = sequence(catalog)
    catalog.instruments.retire(DAI.id)
    path = exported(catalog, tmp_path / "delta", since=before)
    assert names(path) == {"tombstone": 1}


def test_an_alias_whose_target_is_decided_is_in_the_delta(catalog: Catalog, tmp_path: Path) -> None:
    """No field of a record changes then: the ticker was the same line's already."""
    other = make(Stock, mic="XNAS", isin="US5949181045", ticker="AAPL", currency="USD")
    catalog.register_many([APPLE, other])
    base = exported(catalog, tmp_path / "base")
    with Snapshot.open(base) as snapshot:
        assert [alias.target for alias in snapshot.aliases()] == [None]
    before = sequence(catalog)
    (dispute,) = [d for d in catalog.disputes() if d["rule"] == "ticker_conflict"]
    catalog.accept_dispute(dispute["number"], side=1)
    path = exported(catalog, tmp_path / "delta", since=before)
    with Snapshot.open(path) as delta:
        (alias,) = delta.aliases()
        assert alias.target is not None
        assert before < alias.sequence <= delta.as_of_sequence
    apply(base, [path], tmp_path / "later")
    assert (tmp_path / "later").read_bytes() == exported(catalog, tmp_path / "full").read_bytes()


def test_a_record_that_became_an_alias_is_one_in_the_delta(catalog: Catalog, tmp_path: Path) -> None:
    catalog.register_many([EARLY])
    base = exported(catalog, tmp_path / "base")
    before = sequence(catalog)
    catalog.instruments.register(APPLE)
    path = exported(catalog, tmp_path / "delta", since=before)
    with Snapshot.open(path) as delta:
        assert [alias.id for alias in delta.aliases()] == [EARLY.id.bytes]
        assert {gone.record for gone in delta.tombstones()} == {"listing"}
    apply(base, [path], tmp_path / "later")
    with Snapshot.open(tmp_path / "later") as later:
        assert later.get(EARLY.id).id == APPLE.id


def test_a_succession_that_takes_effect_is_logged_and_in_the_delta(catalog: Catalog, tmp_path: Path) -> None:
    catalog.register_many([USDC, DAI])
    when = datetime.now(UTC) + timedelta(seconds=0.2)
    catalog.instruments.supersede(USDC.id, DAI.id, "split_off", effective_at=when)
    base = exported(catalog, tmp_path / "base")
    before = sequence(catalog)
    while datetime.now(UTC) < when:
        pass
    catalog.apply_due()
    assert sequence(catalog) == before + 1  # neither record changes by a split-off
    path = exported(catalog, tmp_path / "delta", since=before)
    with Snapshot.open(path) as delta:
        assert [s.is_in_effect for s in delta.successions()] == [True]
    apply(base, [path], tmp_path / "later")
    assert (tmp_path / "later").read_bytes() == exported(catalog, tmp_path / "full").read_bytes()


@pytest.mark.parametrize("since", [0, -1, 1000])
def test_no_delta_starts_from_there(catalog: Catalog, tmp_path: Path, since: int) -> None:
    catalog.register_many([USDC])
    with pytest.raises(InvalidRecord) as refused:
        catalog.export_snapshot(str(tmp_path / "delta"), since=since)
    assert refused.value.field == "since"
    assert not list(tmp_path.iterdir())


def test_changes_that_are_gone_say_so(catalog: Catalog, tmp_path: Path) -> None:
    catalog.register_many([USDC, DAI])
    with catalog.transaction() as cursor:
        cursor.execute("DELETE FROM changes WHERE sequence <= 2")
    with pytest.raises(InvalidRecord) as refused:
        catalog.export_snapshot(str(tmp_path / "delta"), since=1)
    assert refused.value.code == "changes_gone"


@pytest.mark.parametrize("id_bits", [64, 128])
def test_a_succession_goes_with_a_side_that_is_neither_record_nor_alias_any_more(
    catalog: Catalog, tmp_path: Path, id_bits: int
) -> None:
    """Between the two files one became an alias of the other, which was then retired: neither is left."""
    catalog.register_many([USDC, DAI])
    when = datetime.now(UTC) + timedelta(seconds=0.2)
    catalog.instruments.supersede(USDC.id, DAI.id, "corrected", effective_at=when)
    base, delta = tmp_path / "base", tmp_path / "delta"
    catalog.export_snapshot(str(base), ids=id_bits)
    while datetime.now(UTC) < when:
        pass
    catalog.apply_due()
    catalog.instruments.retire(DAI.id, force=True)
    catalog.export_snapshot(str(delta), ids=id_bits, since=str(base))
    apply(base, [delta], tmp_path / "later")
    assert not verify(tmp_path / "later").problems
    catalog.export_snapshot(str(tmp_path / "full"), ids=id_bits)
    assert (tmp_path / "later").read_bytes() == (tmp_path / "full").read_bytes()


def test_one_more_who_claims_a_ticker_in_vain_changes_no_file(catalog: Catalog, tmp_path: Path) -> None:
    """The alias stands for nobody before and after, and the newcomer has a ticker from a greater voice."""
    shared = [make(Stock, mic="XNAS", isin=i, ticker="AAPL", currency="USD") for i in (APPLE.isin, "US5949181045")]
    with catalog.transaction() as cursor:
        one, two = (feeds.ensure(cursor, "finance-database", name) for name in ("one", "two"))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    say = [Submission(record, one, at, bytes(32)) for record in shared]
    writing.write(catalog.engine, say, Author("tester"))
    third = make(Stock, mic="XNAS", isin="US0231351067", ticker="AMZN", currency="USD")
    catalog.register(third)
    base = exported(catalog, tmp_path / "base")
    writing.write(catalog.engine, [Submission(third.replace(ticker="AAPL"), two, at, bytes(32))], Author("tester"))
    with Snapshot.open(base) as snapshot:
        delta = exported(catalog, tmp_path / "delta", since=snapshot.as_of_sequence)
    apply(base, [delta], tmp_path / "later")
    assert (tmp_path / "later").read_bytes() == exported(catalog, tmp_path / "full").read_bytes()


def test_a_delta_from_a_file_has_the_files_width(catalog: Catalog, tmp_path: Path) -> None:
    catalog.register_many([USDC])
    base, narrow = tmp_path / "base", tmp_path / "narrow"
    catalog.export_snapshot(str(base), ids=128)
    catalog.export_snapshot(str(narrow), ids=64)
    catalog.register(DAI)
    catalog.export_snapshot(str(tmp_path / "delta"), since=str(base))
    apply(base, [tmp_path / "delta"], tmp_path / "later")
    with pytest.raises(DeltaRefused, match="its ids have 128 bits, and those of the delta 64"):
        catalog.export_snapshot(str(tmp_path / "other"), since=str(base), ids=64)
    catalog.widen_ids()
    with pytest.raises(DeltaRefused, match="its ids have 64 bits, and those of the delta 128"):
        catalog.export_snapshot(str(tmp_path / "other"), since=str(narrow))
    assert not (tmp_path / "other").exists()


def test_aliases_from_before_their_changes_were_logged(catalog: Catalog, tmp_path: Path) -> None:
    shared = [make(Stock, mic="XNAS", isin=i, ticker="AAPL", currency="USD") for i in (APPLE.isin, "US5949181045")]
    catalog.register_many(shared)
    with catalog.transaction() as cursor:
        cursor.execute("DELETE FROM changes WHERE action = 'alias'")
    catalog.register(DAI)
    base = exported(catalog, tmp_path / "base")
    with Snapshot.open(base) as snapshot:
        assert [(alias.target, alias.sequence) for alias in snapshot.aliases()] == [(None, 0)]
    catalog.register(USDC)
    delta = tmp_path / "delta"
    catalog.export_snapshot(str(delta), since=str(base))
    apply(base, [delta], tmp_path / "later")
    assert (tmp_path / "later").read_bytes() == exported(catalog, tmp_path / "full").read_bytes()


def test_an_empty_catalog_has_a_snapshot_and_no_delta(catalog: Catalog, tmp_path: Path) -> None:
    base = exported(catalog, tmp_path / "base")
    assert names(base) == {}
    with pytest.raises(InvalidRecord, match="a delta starts from a change"):
        catalog.export_snapshot(str(tmp_path / "delta"), since=str(base))
