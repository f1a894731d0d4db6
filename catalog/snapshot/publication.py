"""A directory of published snapshots: `latest` is a link to the newest, the others stay for as long as they are kept.

Everything is made under a hidden name and gets its own by a rename, `latest` last of all; so whoever looks sees one
whole state; what a killed run left behind is hidden, or a whole snapshot that `latest` did not come to lead to.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from catalog.errors import Busy
from catalog.snapshot.faults import SnapshotError
from catalog.snapshot.files import put_file

LATEST = "latest"
_LOCK = ".nightly.lock"
_NAME = re.compile(r"catalog-([0-9]{12,19})-[0-9a-f]{16}\.snap")
_SIDECARS = ("snap.sig", "json", "parquet")
_LEFT = re.compile(r"\.{1,2}(candidate|latest|publishing)\..*")


class Publication:
    """One directory, made if need be. Raises SnapshotError when it cannot be written."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise SnapshotError(self.directory, "use", "it is not a directory", "name a directory") from error
        except OSError as error:
            raise SnapshotError(self.directory, "use", error.strerror or str(error)) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second run out, and clear away what a killed one left. Raises Busy when one is at work."""
        with _errors(self.directory):
            lock = os.open(self.directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(str(self.directory), "another run is publishing there") from None
            except OSError as error:
                raise SnapshotError(self.directory, "lock", error.strerror or str(error)) from error
            with _errors(self.directory):
                self._clear()
            yield
        finally:
            os.close(lock)

    def probe(self) -> None:
        """Prove that files can be made and given names there. Raises SnapshotError."""
        link = self.directory / LATEST
        if link.is_dir() and not link.is_symlink():
            raise SnapshotError(link, "replace", "it is a directory", "move it out of the way")
        with _errors(self.directory):
            probe = self.directory / ".publishing.probe"
            put_file(probe, b"", self.directory / ".publishing.probe.new")
            probe.unlink()

    def mark_checked(self) -> None:
        """Say that `latest` is the newest by now: its link's own time is that of the last run that found it so."""
        with _errors(self.directory):
            os.utime(self.directory / LATEST, follow_symlinks=False)

    def discard(self) -> None:
        """Remove the candidates, if they were not published."""
        with _errors(self.directory):
            _remove(self.candidate)
            _remove(self.candidate_parquet)

    def _clear(self) -> None:
        for left in list(self.directory.iterdir()):
            if _LEFT.fullmatch(left.name):
                _remove(left)
        known = {path.stem for path in self.published()}
        for beside in list(self.directory.iterdir()):
            stem, _, kind = beside.name.partition(".")
            if kind in _SIDECARS and _NAME.fullmatch(f"{stem}.snap") and stem not in known:
                _remove(beside)

    @property
    def candidate(self) -> Path:
        """Where the snapshot is made that is to be published."""
        return self.directory / ".candidate.snap"

    @property
    def candidate_parquet(self) -> Path:
        """Where its Parquet files are made."""
        return self.directory / ".candidate.parquet"

    def published(self) -> list[Path]:
        """The snapshots in the directory, in the order in which they were written.

        That is the order of their sequences, unless the catalog was restored from a backup.
        """
        with _errors(self.directory):
            paths = [path for path in self.directory.iterdir() if _NAME.fullmatch(path.name)]
            return sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def has(self, path: Path, kind: str) -> bool:
        """Whether something of this kind stands beside a published snapshot."""
        with _errors(path):
            return sidecar(path, kind).exists()

    def read(self, path: Path, kind: str) -> bytes:
        """What stands beside a published snapshot; nothing when it is not there."""
        with _errors(path):
            return sidecar(path, kind).read_bytes() if sidecar(path, kind).exists() else b""

    def latest(self) -> Path | None:
        """The file that `latest` leads to; None when there is none."""
        link = self.directory / LATEST
        with _errors(link):
            if not link.exists():
                return None
            return self.directory / link.readlink() if link.is_symlink() else link

    def publish(self, name: str, manifest: Mapping[str, Any], signature: bytes | None) -> Path:
        """Give the candidates their names, put signature and manifest beside them, and switch `latest`."""
        path = self.directory / name
        with _errors(path):
            self._put_beside(path, signature)
            self.candidate.rename(path)
            self._write_manifest(path, manifest)
            link = self.directory / ".latest.tmp"
            link.symlink_to(name)
            link.rename(self.directory / LATEST)
            self._sync()
        return path

    def complete(self, path: Path, manifest: Mapping[str, Any], signature: bytes | None) -> None:
        """Put what was missing beside a published snapshot, and say so in its manifest."""
        with _errors(path):
            self._put_beside(path, signature)
            self._write_manifest(path, manifest)

    def _put_beside(self, path: Path, signature: bytes | None) -> None:
        if self.candidate_parquet.exists():
            beside, old = sidecar(path, "parquet"), self.directory / ".publishing.old.parquet"
            if beside.exists():
                beside.rename(old)
            self.candidate_parquet.rename(beside)
            _remove(old)
        if signature is not None:
            self._write(sidecar(path, "snap.sig"), signature)

    def _write_manifest(self, path: Path, manifest: Mapping[str, Any]) -> None:
        text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False)
        self._write(sidecar(path, "json"), text.encode("utf-8", "backslashreplace") + b"\n")
        self._sync()

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest `keep` snapshots, with what stands beside them. `latest` always stays."""
        latest = os.path.realpath(self.directory / LATEST)
        published = self.published()
        names = [path for path in published if os.path.realpath(path) != latest]
        going = names[: max(0, len(published) - keep)]
        with _errors(self.directory):
            for path in going:
                path.unlink()
                self._remove_beside(path)
        return [path.name for path in going]

    def _remove_beside(self, path: Path) -> None:
        for kind in _SIDECARS:
            _remove(sidecar(path, kind))

    def _write(self, path: Path, data: bytes) -> None:
        put_file(path, data, self.directory / f".publishing.{path.name}")

    def _sync(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def file_name(sequence: int, digest: bytes) -> str:
    """The name of a published snapshot: no two contents share one."""
    return f"catalog-{sequence:012d}-{digest.hex()[:16]}.snap"


def sidecar(path: Path, kind: str) -> Path:
    """What stands beside a published snapshot: `json` the manifest, `snap.sig` the signature, `parquet` a directory."""
    return path.with_name(f"{path.stem}.{kind}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SnapshotError(path, "publish", error.strerror or str(error)) from error
