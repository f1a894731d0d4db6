"""The nightly run: what it publishes, what it holds back, and what a killed one leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_postgresql.executors import NoopExecutor

from catalog import Catalog
from catalog.domain import Asset, Listing, Stock, Token
from catalog.errors import Busy, InvalidRecord, SnapshotCorrupt
from catalog.repositories import nightly as runs
from catalog.services import agreement, export
from catalog.services.nightly import NightlyReport, Plan
from catalog.snapshot import Snapshot, SnapshotError
from catalog.snapshot.apply import apply
from catalog.snapshot.extra import load
from catalog.snapshot.faults import DeltaRefused
from catalog.snapshot.publication import Publication
from catalog.snapshot.verify import verify
from catalog.snapshot.writer import write_snapshot
from tests.conftest import Server
from tests.make import make
from tests.snapshot import support
from tests.snapshot.test_signature import key_pair

USDC = make(Token, blockchain="eip155:1", address=f"0x{1:040x}", decimals=6, symbol="USDC")
APPLE = make(Stock, mic="XNAS", isin="US0378331005", ticker="AAPL", currency="USD")


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    catalog.register_many([USDC, APPLE, *assets(40)])
    return catalog


def assets(count: int) -> list[Asset]:
    return [make(Asset, exchange="binance", symbol=f"COIN{n}") for n in range(count)]


def publish(catalog: Catalog, directory: Path, **options: Any) -> NightlyReport:
    return catalog.nightly(Plan(directory, **options))


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def last_run(catalog: Catalog) -> runs.NightlyRun:
    with catalog.transaction() as cursor:
        return runs.page(cursor, 1)[0]


def test_the_first_night(filled: Catalog, tmp_path: Path) -> None:
    report = publish(filled, tmp_path / "published")
    assert report.state == "published"
    path = report.path
    assert path is not None
    assert (tmp_path / "published" / "latest").resolve() == path.resolve()
    assert (tmp_path / "published" / "latest").readlink() == Path(path.name)
    assert verify(path).ok
    manifest = json.loads(path.with_suffix(".json").read_text())
    with Snapshot.open(path) as snapshot:
        assert manifest["digest"] == snapshot.digest.hex()
        assert manifest["counts"] == snapshot.counts
        assert manifest["as_of_sequence"] == snapshot.as_of_sequence
        assert manifest["schema_revision"] == snapshot.header.schema_revision
    assert manifest["size"] == path.stat().st_size
    assert manifest["seconds"].keys() == {"export", "verify", "agree", "total"}
    run = last_run(filled)
    assert (run.state, run.file_name, run.manifest) == ("published", path.name, manifest)
    filled.export_snapshot(str(tmp_path / "plain"))
    assert path.read_bytes() == (tmp_path / "plain").read_bytes()


def test_parquet_beside_it(filled: Catalog, tmp_path: Path) -> None:
    report = publish(filled, tmp_path, parquet=True)
    assert report.path is not None
    assert report.manifest is not None
    beside = report.path.with_suffix(".parquet")
    assert report.manifest["parquet"]["asset"]["rows"] == 40
    assert sorted(path.name for path in beside.iterdir()) == sorted(
        file["file"] for file in report.manifest["parquet"].values()
    )
    assert load("pyarrow.parquet").read_table(beside / "token.parquet").column("decimals").to_pylist() == [6]
    assert publish(filled, tmp_path, parquet=True).state == "unchanged"
    filled.register(make(Asset, exchange="binance", symbol="ONE-MORE"))
    publish(filled, tmp_path, keep=1)
    assert not beside.exists()


def test_only_what_is_missing_is_made(filled: Catalog, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    directory = tmp_path / "published"
    path = publish(filled, directory).path
    assert path is not None
    inode = path.stat().st_ino
    report = publish(filled, directory, parquet=True, signing_key=private)
    assert (report.state, report.reasons) == ("unchanged", ["made what was missing: the signature, the Parquet files"])
    manifest = json.loads(path.with_suffix(".json").read_text())
    assert (manifest["parquet"].keys() >= {"token", "asset"}, manifest["signature"]) == (True, f"{path.name}.sig")
    assert path.stat().st_ino == inode
    Snapshot.open(directory / "latest", public_key=public).close()
    path.with_suffix(".json").unlink()
    assert publish(filled, directory).reasons == ["made what was missing: the manifest"]
    assert json.loads(path.with_suffix(".json").read_text())["digest"] == manifest["digest"]
    assert publish(filled, directory).reasons == []


def test_a_signature_beside_it(filled: Catalog, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    report = publish(filled, tmp_path / "published", signing_key=private)
    assert report.manifest is not None
    assert (tmp_path / "published" / report.manifest["signature"]).exists()
    Snapshot.open(tmp_path / "published" / "latest", public_key=public).close()
    filled.register(make(Asset, exchange="binance", symbol="ONE-MORE"))
    with pytest.raises(SnapshotError, match="cannot read the key"):
        publish(filled, tmp_path / "published", signing_key=tmp_path / "nowhere")
    assert Publication(tmp_path / "published").latest() == report.path


def test_a_line_whose_isin_is_learnt_is_published(filled: Catalog, tmp_path: Path) -> None:
    """The old id becomes an alias of the same thing, which happens every day."""
    filled.register(make(Stock, mic="XNAS", ticker="MSFT", currency="USD"))
    publish(filled, tmp_path)
    filled.register(make(Stock, mic="XNAS", isin="US5949181045", ticker="MSFT", currency="USD"))
    assert publish(filled, tmp_path).state == "published"


def test_an_unchanged_catalog_publishes_nothing(filled: Catalog, tmp_path: Path) -> None:
    publish(filled, tmp_path)
    before = names(tmp_path)
    report = publish(filled, tmp_path)
    assert (report.state, report.reasons) == ("unchanged", [])
    assert names(tmp_path) == before
    assert last_run(filled).state == "unchanged"


def test_a_new_code_alone_is_a_change(filled: Catalog, tmp_path: Path) -> None:
    publish(filled, tmp_path)
    with filled.transaction() as cursor:
        cursor.execute("SELECT * FROM blockchains LIMIT 0")
        columns = ", ".join(c.name for c in cursor.description or () if c.name not in ("blockchain", "code"))
        cursor.execute(
            f"""INSERT INTO blockchains (blockchain, code, {columns})
            SELECT 'eip155:31337', 32769, {columns} FROM blockchains WHERE blockchain = 'eip155:1'"""
        )
    assert publish(filled, tmp_path).state == "published"


def test_only_so_many_are_kept(catalog: Catalog, tmp_path: Path) -> None:
    reports = []
    for n, asset in enumerate(assets(5)):
        catalog.register(asset)
        reports.append(publish(catalog, tmp_path, keep=2))
        assert len(Publication(tmp_path).published()) == min(2, n + 1)
    assert Publication(tmp_path).published() == [report.path for report in reports[-2:]]
    assert [len(report.pruned) for report in reports] == [0, 0, 1, 1, 1]
    assert len([name for name in names(tmp_path) if name.endswith(".json")]) == 2


def test_a_shrink_is_held(filled: Catalog, tmp_path: Path) -> None:
    first = publish(filled, tmp_path).path
    for asset in assets(12):
        filled.instruments.retire(asset.id)
    report = publish(filled, tmp_path)
    assert (report.state, report.reasons) == ("held", ["12 of 40 asset are gone"])
    assert Publication(tmp_path).latest() == first
    assert not [name for name in names(tmp_path) if "candidate" in name]
    run = last_run(filled)
    assert (run.state, run.reason) == ("held", "12 of 40 asset are gone")
    assert publish(filled, tmp_path, max_shrink_percent=50).state == "published"


def test_a_breaking_change_is_held_until_it_is_confirmed(filled: Catalog, tmp_path: Path) -> None:
    publish(filled, tmp_path)
    filled.instruments.update(USDC.id, {"decimals": 18}, confirm_breaking=True)
    report = publish(filled, tmp_path)
    assert report.state == "held"
    assert report.reasons == ["1 breaking: token USDC decimals 6 → 18"]
    report = publish(filled, tmp_path, is_confirmed=True)
    assert report.state == "published"
    assert report.manifest is not None
    assert report.manifest["confirmed"] == report.reasons


def test_a_catalog_that_went_back_in_time_is_held(
    filled: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(filled, tmp_path)
    path = Publication(tmp_path).latest()
    assert path is not None
    with Snapshot.open(path) as snapshot:
        header = snapshot.header
    future = support.header([], catalog_id=header.catalog_id, as_of_sequence=10**9)
    write_snapshot(tmp_path / "catalog-001000000000-0000000000000000.snap", future, support.VOCABULARIES, [])
    (tmp_path / "latest").unlink()
    (tmp_path / "latest").symlink_to("catalog-001000000000-0000000000000000.snap")
    report = publish(filled, tmp_path)
    assert report.state == "held"
    assert report.reasons[0].endswith("and 1000000000 was published already")


def test_another_catalogs_directory_is_refused(filled: Catalog, tmp_path: Path) -> None:
    name = "catalog-000000000001-0000000000000000.snap"
    support.write(tmp_path / name, support.universe())
    (tmp_path / "latest").symlink_to(name)
    with pytest.raises(SnapshotError, match="has snapshots of the catalog 000102"):
        publish(filled, tmp_path, is_confirmed=True)
    assert Publication(tmp_path).latest() == tmp_path / name
    assert last_run(filled).state == "failed"


def test_a_broken_latest_is_replaced_and_told(filled: Catalog, tmp_path: Path) -> None:
    (tmp_path / "latest").write_bytes(b"broken")
    report = publish(filled, tmp_path)
    assert report.state == "published"
    assert report.reasons[0].startswith("latest is no good snapshot: ")


def test_a_published_file_that_was_spoilt_is_replaced(filled: Catalog, tmp_path: Path) -> None:
    path = publish(filled, tmp_path).path
    assert path is not None
    whole = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(whole[:-600] + bytes((whole[-600] ^ 1,)) + whole[-599:])
    report = publish(filled, tmp_path)
    assert (report.state, report.path) == ("published", path)
    assert "is no good snapshot" in report.reasons[0]
    assert path.read_bytes() == whole


def test_a_file_that_does_not_agree_with_the_database_is_not_published(
    filled: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = export.write

    def spoilt(view: export.View, path: Path, **options: Any) -> Any:
        _, header = write(view, path, **options)
        with Snapshot.open(path) as snapshot:
            entries = [support.entry_of(r, 1) for r in snapshot.records() if r.record != "listing"]
            codes = {n: {v: c for c, v in named.items()} for n, named in snapshot.vocabularies.items()}
        for n, entry in enumerate(entries):
            if entry.record == "token":
                entries[n] = entry._replace(values={**entry.values, "decimals": 7})
        header = replace(header, counts=support.count(entries))
        return write_snapshot(path, header, codes, support.in_order(entries), force=True), header

    monkeypatch.setattr(export, "write", spoilt)
    with pytest.raises(SnapshotCorrupt) as refused:
        publish(filled, tmp_path)
    assert "decimals: 7 in the file, 6 in the database" in str(refused.value)
    assert Publication(tmp_path).latest() is None
    run = last_run(filled)
    assert (run.state, run.reason) == ("failed", str(refused.value))


def test_what_the_file_lacks_is_found(filled: Catalog, tmp_path: Path) -> None:
    filled.listings.register(make(Listing, instrument_id=APPLE.id, venue_id=nasdaq(filled), symbol="APPL"))
    filled.export_snapshot(str(tmp_path / "early"))
    with Snapshot.open(tmp_path / "early") as snapshot:
        with export.consistent_view(filled.engine) as view:
            assert agreement.disagreements(view.cursor, snapshot) == []
        filled.register_many([make(Token, blockchain="eip155:1", address=f"0x{2:040x}", decimals=6)])
        with export.consistent_view(filled.engine) as view:
            (problem,) = agreement.disagreements(view.cursor, snapshot)
    assert problem == "the database has 2 of token that is not retired, the file 1"


def nasdaq(catalog: Catalog) -> str:
    (venue,) = catalog.find("XNAS")
    return venue.id


def test_a_second_run_is_refused(filled: Catalog, tmp_path: Path) -> None:
    with Publication(tmp_path).locked(), pytest.raises(Busy, match="another run"):
        publish(filled, tmp_path)


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_directory_that_is_none(filled: Catalog, tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(SnapshotError, match="cannot use"):
        publish(filled, tmp_path / where)


KILLED = """
import os, signal, sys
from pathlib import Path
from catalog import Catalog
from catalog.services.nightly import Plan
from catalog.snapshot import publication
calls, at = [0], int(sys.argv[3])
def killing(name, real):
    def call(*args, **named):
        calls[0] += 1
        if calls[0] == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **named)
    setattr(os, name, call)
for name in ("rename", "fsync", "symlink", "open", "unlink", "fchmod", "replace"):
    killing(name, getattr(os, name))
with Catalog.open(sys.argv[1]) as catalog:
    calls[0] = 0
    catalog.nightly(Plan(Path(sys.argv[2]), keep=1))
print(calls[0])
"""


def test_killed_anywhere_it_leaves_the_last_one(filled: Catalog, database_url: str, tmp_path: Path) -> None:
    """Killed before each of its calls that touch the disk, and after random times."""
    first = publish(filled, tmp_path, keep=1).path
    assert first is not None
    whole = first.read_bytes()
    filled.register(make(Asset, exchange="binance", symbol="ONE-MORE"))
    killed = 0
    for at in range(1, 60):
        done = subprocess.run([sys.executable, "-c", KILLED, database_url, str(tmp_path), str(at)], check=False)
        if done.returncode != -signal.SIGKILL:
            break
        killed += 1
        latest = Publication(tmp_path).latest()
        assert latest is not None
        assert latest.read_bytes() == whole or verify(latest).ok
    assert killed >= 10
    report = publish(filled, tmp_path, keep=1)
    assert report.state in ("published", "unchanged")
    left = [name for name in names(tmp_path) if not name.startswith("catalog-")]
    assert left == [".nightly.lock", "latest"]
    assert len(Publication(tmp_path).published()) == 1
    with filled.transaction() as cursor:
        states = {run.state for run in runs.page(cursor, 100)}
    assert "running" not in states
    assert "failed" in states


def test_killed_runs_are_noted(filled: Catalog, tmp_path: Path) -> None:
    with filled.transaction() as cursor:
        runs.start(cursor, str(tmp_path.resolve()), "somebody")
    publish(filled, tmp_path)
    with filled.transaction() as cursor:
        newest, older = runs.page(cursor)
    assert (newest.state, older.state, older.reason) == (
        "published",
        "failed",
        "it was killed, or could not say how it ended",
    )


def test_a_full_disk_says_so(filled: Catalog, tmp_path: Path) -> None:
    publish(filled, tmp_path)
    filled.register(make(Asset, exchange="binance", symbol="ONE-MORE"))
    before = names(tmp_path)
    script = f"""
import resource, signal, sys
from pathlib import Path
from catalog import Catalog
from catalog.services.nightly import Plan
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Catalog.open(sys.argv[1]) as catalog:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    catalog.nightly(Plan(Path({str(tmp_path)!r})))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, filled.engine.url.render_as_string(hide_password=False)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "SnapshotError: cannot write" in done.stderr
    assert names(tmp_path) == before
    assert last_run(filled).state == "failed"


def test_a_catalog_that_was_restored_does_not_continue_what_was_published(
    database_server: Server, migrated_server: NoopExecutor, tmp_path: Path
) -> None:
    """A backup is a copy of the database; what was done after it has the same sequences in both."""
    published = tmp_path / "published"
    with database_server.database(migrated_server.template_dbname) as url:
        with Catalog.open(url, actor="tester") as catalog:
            catalog.register_many([USDC, APPLE])
            publish(catalog, published)
        with database_server.database(urlsplit(url).path[1:]) as backup:
            with Catalog.open(url, actor="tester") as catalog:
                catalog.instruments.update(USDC.id, {"name": "Lost"})
                lost = publish(catalog, published).path
            assert lost is not None
            with Catalog.open(backup, actor="tester") as catalog:
                assert publish(catalog, published).reasons[0].endswith("was published already")
                catalog.instruments.update(USDC.id, {"name": "Kept"})
                for _ in range(2):  # at the sequence that was published, and behind it
                    report = publish(catalog, published)
                    assert report.state == "held"
                    assert report.reasons[0].endswith("is another one than the catalog's, which was restored")
                    catalog.instruments.update(APPLE.id, {"name": "Apple"})
                with pytest.raises(DeltaRefused, match="of this catalog is another one than the file's"):
                    catalog.export_snapshot(str(tmp_path / "delta"), since=str(lost))
                with Snapshot.open(lost) as snapshot:
                    catalog.export_snapshot(str(tmp_path / "delta"), since=snapshot.as_of_sequence)
                with pytest.raises(DeltaRefused, match="is another one than the snapshot's"):
                    apply(lost, [tmp_path / "delta"], tmp_path / "applied")
                assert publish(catalog, published, is_confirmed=True).state == "published"


def test_another_catalogs_file_is_no_start(filled: Catalog, tmp_path: Path) -> None:
    support.write(tmp_path / "other", support.universe())
    with pytest.raises(DeltaRefused, match="it is of the catalog 000102"):
        filled.export_snapshot(str(tmp_path / "delta"), since=str(tmp_path / "other"))


def test_a_quiet_night_finds_what_would_fail_the_next_one(filled: Catalog, tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    other, other_public = key_pair(tmp_path, "other")
    directory = tmp_path / "published"
    path = publish(filled, directory, signing_key=private).path
    assert path is not None
    assert publish(filled, directory, signing_key=private).state == "unchanged"
    with pytest.raises(SnapshotError, match="cannot read the key"):
        publish(filled, directory, signing_key=tmp_path / "nowhere")
    with pytest.raises(SnapshotError, match="no private Ed25519 key"):
        publish(filled, directory, signing_key=public)
    report = publish(filled, directory, signing_key=other)
    assert (report.state, report.reasons) == ("unchanged", ["made what was missing: the signature"])
    Snapshot.open(path, public_key=other_public).close()
    (directory / ".publishing.probe").mkdir()  # whatever keeps files from being made there, also for root
    (directory / ".publishing.probe" / "in the way").touch()
    with pytest.raises(SnapshotError, match="cannot publish"):
        Publication(directory).probe()


def test_each_run_that_finds_all_well_is_seen_by_those_who_follow(filled: Catalog, tmp_path: Path) -> None:
    publish(filled, tmp_path)
    os.utime(tmp_path / "latest", (1_000_000_000, 1_000_000_000), follow_symlinks=False)
    with Snapshot.follow(tmp_path) as follower:
        assert follower.checked_age(1_000_000_060) == 60
        publish(filled, tmp_path)
        assert follower.checked_age() < 60
        assert not follower.refresh()


@pytest.mark.parametrize("through_link", [False, True])
def test_what_was_just_published_stays_however_the_directory_is_named(
    filled: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, through_link: bool
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    directory = Path("link" if through_link else "real")
    for n in range(3):
        filled.register(make(Asset, exchange="binance", symbol=f"MORE{n}"))
        report = publish(filled, directory, keep=1)
        assert verify(directory / "latest").ok
        assert len(Publication(directory).published()) == 1
        assert len(report.pruned) == (n > 0)


def test_what_is_published_is_noted_whatever_happens_then(
    filled: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> list[str]:
        raise SnapshotError(tmp_path, "publish", "Input/output error")

    monkeypatch.setattr(Publication, "prune", broken)
    with pytest.raises(SnapshotError, match="Input/output error"):
        publish(filled, tmp_path)
    run = last_run(filled)
    assert (run.state, run.reason) == ("published", f"cannot publish `{tmp_path}`: Input/output error")
    assert run.manifest is not None


def test_a_directory_named_latest_is_told_and_nothing_is_left(filled: Catalog, tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    for _ in range(2):
        with pytest.raises(SnapshotError, match="latest`: it is a directory"):
            publish(filled, tmp_path)
        assert names(tmp_path) == [".nightly.lock", "latest"]


def test_a_link_to_a_name_that_is_not_utf_8(filled: Catalog, tmp_path: Path) -> None:
    path = publish(filled, tmp_path).path
    assert path is not None
    strange = os.fsdecode(b"strange-\xff.snap")
    (tmp_path / strange).write_bytes(path.read_bytes())
    (tmp_path / "latest").unlink()
    (tmp_path / "latest").symlink_to(strange)
    filled.register(make(Asset, exchange="binance", symbol="ONE-MORE"))
    report = publish(filled, tmp_path)
    assert report.manifest is not None
    assert report.manifest["previous"] == "strange-\\xff.snap"


def test_foreign_files_are_left_alone(filled: Catalog, tmp_path: Path) -> None:
    foreign = [
        "catalog-٠٠٠٠٠٠٠٠٠٠٠١-0123456789abcdef.snap",
        "catalog-000000000001-0123456789abcdef.txt",
        "catalog-1.snap",
    ]
    for name in foreign:
        (tmp_path / name).write_text("mine")
    publish(filled, tmp_path, keep=1)
    assert set(foreign) <= set(names(tmp_path))


@pytest.mark.parametrize("wrong", [{"max_shrink_percent": float("nan")}, {"max_shrink_percent": -1}, {"keep": 0}])
def test_a_plan_that_makes_no_sense(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord):
        Plan(tmp_path, **wrong)


def test_a_token_that_was_corrected_to_one_with_other_decimals_is_held(filled: Catalog, tmp_path: Path) -> None:
    """The old id answers with the new one, whose numbers mean something else."""
    other = make(Token, blockchain="eip155:1", address=f"0x{2:040x}", decimals=18, symbol="USDC")
    filled.register(other)
    publish(filled, tmp_path)
    filled.instruments.supersede(USDC.id, other.id, "corrected")
    report = publish(filled, tmp_path)
    assert report.reasons == ["1 breaking: token USDC decimals 6 → 18"]


def test_the_newest_are_kept_also_after_a_restore(tmp_path: Path) -> None:
    """Then the sequences of what was published before are higher."""
    publication = Publication(tmp_path)
    written = [f"catalog-{n:012d}-{n:016x}.snap" for n in (100, 101, 102, 50, 51)]
    for n, name in enumerate(written):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (n + 1, n + 1))
    (tmp_path / "latest").symlink_to(written[-1])
    assert publication.prune(2) == written[:3]
    assert [path.name for path in publication.published()] == written[3:]
