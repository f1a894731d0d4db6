"""The nightly snapshot: export, prove, compare with the last one, publish, prune; each run is noted in the catalog."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from catalog.domain.calendar import format_moment
from catalog.errors import CatalogError, InvalidRecord, SnapshotCorrupt
from catalog.repositories import nightly as runs
from catalog.repositories import snapshots
from catalog.repositories.contents import nanoseconds
from catalog.repositories.driver import cursor_of
from catalog.services import agreement, export
from catalog.services.export import View
from catalog.snapshot import signature as signatures
from catalog.snapshot.diff import Difference, DiffReport, compare
from catalog.snapshot.faults import SnapshotError
from catalog.snapshot.publication import Publication, file_name, sidecar
from catalog.snapshot.reader import Snapshot
from catalog.snapshot.verify import verify
from catalog.snapshot.writer import SnapshotHeader, SnapshotInfo
from catalog.wire.layout import FORMAT_VERSION
from catalog.wire.messages import SnapshotMessage

#: A record type that shrinks by more than this share of itself stops publication.
MAX_SHRINK_PERCENT = 10.0
#: It never stops for fewer records than this: a small catalog would be held each time something ends.
MIN_SHRINK = 10
KEEP = 14
_SHOWN = 5


@dataclass(frozen=True)
class Plan:
    """What a nightly run is asked to do."""

    directory: Path
    keep: int = KEEP
    ids: int | None = None
    parquet: bool = False
    signing_key: Path | None = None
    max_shrink_percent: float = MAX_SHRINK_PERCENT
    is_confirmed: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.max_shrink_percent <= 100:
            raise InvalidRecord("max_shrink_percent", self.max_shrink_percent, "0 to 100 is expected")
        if self.keep < 1:
            raise InvalidRecord("keep", self.keep, "at least 1 is expected")


@dataclass
class NightlyReport:
    """What became of a run: published, unchanged, or held for the `reasons`; `manifest` is that of the file.

    Of what was published, `reasons` are those for which it would have been held, and remarks.
    """

    state: str
    path: Path | None
    as_of_sequence: int | None
    reasons: list[str] = field(default_factory=list)
    manifest: dict[str, Any] | None = None
    pruned: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As JSON-ready values."""
        path = None if self.path is None else str(self.path)
        return self.__dict__ | {"path": path}


def run(engine: Engine, plan: Plan, actor: str) -> NightlyReport:
    """Publish the catalog as it is now into a directory, unless nothing changed or something speaks against it.

    Raises Busy when another run is at work there, SnapshotCorrupt when the file that was just written does not hold,
    SnapshotError when the directory cannot be written. Whatever happens, `latest` leads to a whole file or is not
    there, and the run is noted in the catalog.
    """
    publication = Publication(plan.directory)
    with publication.locked():
        directory = export.readable(str(publication.directory.resolve()))
        with engine.begin() as connection:
            number = runs.start(cursor_of(connection), directory, actor)
        work = _Run(engine, publication, plan)
        try:
            report = work.run()
        except BaseException as error:
            reason = str(error) or type(error).__name__
            with suppress(Exception):
                _finish(engine, number, work.published or NightlyReport("failed", None, None), reason)
            raise
        _finish(engine, number, report)
    return report


def _finish(engine: Engine, number: int, report: NightlyReport, *reasons: str) -> None:
    """Note how a run ended. What went wrong behind a publication does not take it back."""
    with engine.begin() as connection:
        runs.finish(
            cursor_of(connection),
            number,
            report.state,
            file_name=None if report.path is None else export.readable(report.path.name),
            as_of_sequence=report.as_of_sequence,
            manifest=report.manifest,
            reason="; ".join((*report.reasons, *reasons)) or None,
        )


def _told(difference: Difference) -> str:
    changes = ", ".join(f"{f.field} {f.before} → {f.after}" for f in difference.fields if f.is_breaking)
    return f"{difference.record} {difference.label or difference.id} {changes}"


class _Run:
    def __init__(self, engine: Engine, publication: Publication, plan: Plan) -> None:
        self.engine, self.publication, self.plan = engine, publication, plan
        self.started, self.seconds = time.monotonic(), dict[str, float]()
        self.remarks: list[str] = []
        #: What was published, from the moment on when `latest` was switched.
        self.published: NightlyReport | None = None

    def run(self) -> NightlyReport:
        if self.plan.signing_key is not None:  # a key that cannot be used is told tonight, even if nothing changed
            signatures.sign(bytes(32), self.plan.signing_key)
        self.publication.probe()
        report = self._publish()
        if report.state != "held":
            self.publication.mark_checked()
        return report

    def _publish(self) -> NightlyReport:
        last = self._last()
        with export.consistent_view(self.engine) as view:
            if last is not None:
                self._check_catalog(last, view)
            if last is not None and self._is_unchanged(last, view):
                report = self._complete(last)
                report.pruned = self.publication.prune(self.plan.keep)
                return report
            try:
                info, header = self._write(view)
                self._prove(view, info)
                difference, reasons = self._compare(view, last, header)
                if reasons and not self.plan.is_confirmed:
                    return NightlyReport("held", None, view.as_of_sequence, reasons + self.remarks)
                parquet = self._parquet(info.path) if self.plan.parquet else None
                signature = self._sign(info)
                path = self.publication.directory / file_name(header.as_of_sequence, info.digest)
                manifest = self._manifest(path, info, header, difference, reasons, parquet)
                self.publication.publish(path.name, manifest, signature)
                told = reasons + self.remarks
                report = self.published = NightlyReport("published", path, header.as_of_sequence, told, manifest)
            finally:
                self.publication.discard()
        export.note(self.engine, info, header, path.name)
        report.pruned = self.publication.prune(self.plan.keep)
        return report

    def _last(self) -> Path | None:
        """The snapshot to compare with: where `latest` leads to, else the newest whose bytes are as they were written."""
        latest = self.publication.latest()
        for path in dict.fromkeys([*([latest] if latest else []), *reversed(self.publication.published())]):
            try:
                with Snapshot.open(path) as snapshot:
                    snapshot.prove()
            except CatalogError as error:
                self.remarks.append(f"{export.readable(path.name)} is no good snapshot: {error}")
            else:
                return path
        return None

    def _is_unchanged(self, last: Path, view: View) -> bool:
        if last != self.publication.latest():
            return False
        with Snapshot.open(last) as snapshot:
            header = snapshot.header
            codes = {
                name: {value: code for code, value in named.items()} for name, named in snapshot.vocabularies.items()
            }
            return (
                (header.catalog_id, header.as_of_sequence, header.schema_revision, header.id_bits)
                == (view.catalog_id, view.as_of_sequence, view.schema_revision, view.width(self.plan.ids))
                and header.as_of_ns == nanoseconds(view.as_of)
                and codes == snapshots.vocabularies(view.cursor)
            )

    def _complete(self, last: Path) -> NightlyReport:
        """Make what is asked for and does not stand beside the published snapshot: the snapshot itself stays."""
        with Snapshot.open(last) as snapshot:
            info = SnapshotInfo(last, snapshot.digest, snapshot.size, snapshot.counts)
            header = snapshot.header
        manifest, made = self._manifest_of(last), []
        if not manifest:
            manifest = self._manifest(last, info, header, None, [], None) | {"signature": None}
            made.append("the manifest")
        signature = self._sign(info)
        if signature is not None and self.publication.read(last, "snap.sig") != signature:  # one key, one signature
            manifest["signature"] = sidecar(last, "snap.sig").name
            made.append("the signature")
        else:
            signature = None
        try:
            if self.plan.parquet and not self.publication.has(last, "parquet"):
                manifest["parquet"] = self._parquet(last)
                made.append("the Parquet files")
            if made:
                self.publication.complete(last, manifest, signature)
        finally:
            self.publication.discard()
        reasons = [f"made what was missing: {', '.join(made)}"] if made else []
        return NightlyReport("unchanged", last, header.as_of_sequence, reasons + self.remarks, manifest)

    def _manifest_of(self, path: Path) -> dict[str, Any]:
        """The manifest of a published snapshot; nothing when there is none that can be read."""
        try:
            found = json.loads(self.publication.read(path, "json"))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _check_catalog(self, last: Path, view: View) -> None:
        with Snapshot.open(last) as snapshot:
            theirs = snapshot.header.catalog_id
        if theirs != view.catalog_id:
            reason = f"it has snapshots of the catalog {theirs.hex()}"
            hint = "every catalog needs a directory of its own"
            raise SnapshotError(self.publication.directory, "publish", reason, hint)

    def _write(self, view: View) -> tuple[SnapshotInfo, SnapshotHeader]:
        with self._timed("export"):
            return export.write(view, self.publication.candidate, ids=self.plan.ids)

    def _prove(self, view: View, info: SnapshotInfo) -> None:
        """Prove the file against itself and against the database, both as they are on the disk now."""
        with self._timed("verify"):
            report = verify(info.path)
            problems = [problem.message for problem in report.problems]
            if not problems and report.digest != info.digest:
                problems = ["its digest is not the one that was written"]
        if not problems:
            with self._timed("agree"), Snapshot.open(info.path) as snapshot:
                problems = agreement.disagreements(view.cursor, snapshot)
        if problems:
            raise SnapshotCorrupt("the file just written does not hold: " + "; ".join(problems[:_SHOWN]))

    def _compare(self, view: View, last: Path | None, header: SnapshotHeader) -> tuple[DiffReport | None, list[str]]:
        """What became different since the last one, and what of it speaks against publication."""
        if last is None:
            return None, []
        with self._timed("compare"), Snapshot.open(last) as before:
            difference = compare(last, self.publication.candidate, limit=_SHOWN)
            counts = before.counts
        reasons = []
        at = before.header.as_of_sequence
        if at > header.as_of_sequence:
            reasons.append(f"the catalog is at {header.as_of_sequence}, and {at} was published already")
        elif export.is_forked(view, before.header):
            reasons.append(f"the change {at} that was published is another one than the catalog's, which was restored")
        if difference.sizes["breaking"]:
            number = difference.sizes["breaking"]
            shown = "; ".join(_told(d) for d in difference.breaking)
            more = f"; and {number - _SHOWN} more" if number > _SHOWN else ""
            reasons.append(f"{number} breaking: {shown}{more}")
        for record, count in counts.items():
            lost = count - header.counts.get(record, 0)
            if record != "tombstone" and lost >= MIN_SHRINK and lost * 100 > count * self.plan.max_shrink_percent:
                reasons.append(f"{lost} of {count} {record} are gone")
        return difference, reasons

    def _parquet(self, path: Path) -> dict[str, Any]:
        from catalog.snapshot.parquet import write_parquet

        with self._timed("parquet"), Snapshot.open(path) as snapshot:
            files = write_parquet(snapshot, self.publication.candidate_parquet)
        return {
            record: {
                "file": file.path.name,
                "rows": file.rows,
                "size": file.path.stat().st_size,
                "text_decimals": list(file.text_decimals),
            }
            for record, file in files.items()
        }

    def _sign(self, info: SnapshotInfo) -> bytes | None:
        key = self.plan.signing_key
        return None if key is None else signatures.sign(info.digest, key)

    def _manifest(
        self,
        path: Path,
        info: SnapshotInfo,
        header: SnapshotHeader | SnapshotMessage,
        difference: DiffReport | None,
        reasons: list[str],
        parquet: dict[str, Any] | None,
    ) -> dict[str, Any]:
        total = time.monotonic() - self.started
        return {
            "file": path.name,
            "size": info.size,
            "digest": info.digest.hex(),
            "format_version": FORMAT_VERSION,
            "id_bits": header.id_bits,
            "catalog_id": header.catalog_id.hex(),
            "schema_revision": header.schema_revision,
            "as_of_sequence": header.as_of_sequence,
            "counts": info.counts,
            "previous": difference and export.readable(difference.before.name),
            "differences": difference and {name: count._asdict() for name, count in difference.counts.items()},
            "confirmed": reasons,
            "parquet": parquet,
            "signature": sidecar(path, "snap.sig").name if self.plan.signing_key else None,
            "published_at": format_moment(datetime.now(UTC)),
            "seconds": {name: round(s, 3) for name, s in {**self.seconds, "total": total}.items()},
        }

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[what] = time.monotonic() - start
