"""Follows a directory into which snapshots are published: whoever looks things up always has the newest good one.

A publisher writes each snapshot under a name of its own and then lets `latest` name it: a relative symbolic link in the
same directory that is made under another name and renamed over the old one. (A file itself named `latest` that is
replaced by renaming does as well.) Nothing is copied, nobody waits, and no look-up meets half a change: a reader has
one whole file or the next.
"""

from __future__ import annotations

import os
import time
import weakref
from math import isfinite
from pathlib import Path
from threading import Event, Lock, Thread, current_thread
from typing import NamedTuple, Self

from catalog.errors import CatalogError, InvalidRecord, SignatureRefused
from catalog.snapshot.faults import SnapshotError
from catalog.snapshot.publication import LATEST
from catalog.snapshot.reader import Snapshot
from catalog.wire import layout

#: A publisher may remove a file between our reading the link and opening what it names.
_ATTEMPTS = 3


class _Current(NamedTuple):
    """What is followed now, as one value, so that it is replaced by one assignment.

    `stamp` tells one published file from another: target of the link, device, inode, size and time of change.
    """

    snapshot: Snapshot
    stamp: tuple[str, int, int, int, int]
    published_at: float


class Follower:
    """The newest snapshot of a directory; made by `Snapshot.follow`.

    `snapshot` is the current one. Take it once for look-ups that belong together: whoever holds it keeps it, even when
    a newer one has come and the file is gone from the directory; its memory is given back with the last reference, so
    it is never closed. `refresh` looks for a newer one, and `start` does so at an interval, in a thread.

    All of it may be used by many threads, and in a child after a fork; the thread of `start` stays with the parent.
    """

    def __init__(self, directory: str | os.PathLike[str], *, public_key: str | os.PathLike[str] | None = None) -> None:
        """With `public_key` only files that its owner signed are followed, as in `Snapshot.open`.

        Raises SnapshotError when there is no `latest` to open, DecodeError when it is no good snapshot,
        SignatureRefused.
        """
        self._directory, self._public_key = Path(directory), public_key
        self._lock = Lock()
        self._thread: Thread | None = None
        self._stopping = Event()
        self._error: CatalogError | None = None
        self._swaps = 0
        self._current = self._open()
        _followers.add(self)

    @property
    def directory(self) -> Path:
        return self._directory

    @property
    def snapshot(self) -> Snapshot:
        """The current snapshot, never None. Do not close it: others may have it, too."""
        return self._current.snapshot

    @property
    def swaps(self) -> int:
        """How often a newer snapshot has become the current one."""
        return self._swaps

    @property
    def last_error(self) -> CatalogError | None:
        """Why the last `refresh` left things as they were; None when it found nothing wrong."""
        return self._error

    def as_of_age(self, now: float | None = None) -> float:
        """Seconds since the last change that the current snapshot covers: how old what it says may be.

        It grows also while nothing changes in the catalog. `now` is in seconds since 1970, the clock's by default.
        """
        return (time.time() if now is None else now) - self.snapshot.as_of_ns / 1e9

    def published_age(self, now: float | None = None) -> float:
        """Seconds since the file of the current snapshot was written; grows while nothing changes in the catalog."""
        return (time.time() if now is None else now) - self._current.published_at

    def checked_age(self, now: float | None = None) -> float:
        """Seconds since `latest` was found, or made, the newest: a publisher that has stopped shows here.

        Each run of `catalog snapshot nightly` that publishes, or finds nothing changed, gives the link its time.
        Raises SnapshotError when there is no `latest`.
        """
        latest = self._directory / LATEST
        try:
            checked_at = latest.lstat().st_mtime
        except OSError as error:
            raise SnapshotError(latest, "follow", error.strerror or str(error)) from error
        return (time.time() if now is None else now) - checked_at

    def refresh(self) -> bool:
        """Make what `latest` now names the current snapshot. True when that is another file than before.

        What is broken, of another catalog or older than the current one is refused: nothing changes then, and
        `last_error` says why. (To go back to an older state on purpose, begin with a new Follower.)
        """
        with self._lock:
            try:
                found = self._newer()
            except CatalogError as error:
                self._error = _without_frames(error)
                return False
            self._error = None
            if found is None:
                return False
            self._current = found
            self._swaps += 1
            return True

    def start(self, interval_seconds: float) -> Self:
        """Refresh at this interval, in a thread that ends with `stop`, with the process, or with the last reference.

        Raises InvalidRecord for an interval that is not above 0, RuntimeError when it runs already.
        """
        if not (isfinite(interval_seconds) and interval_seconds > 0):
            raise InvalidRecord("interval_seconds", interval_seconds, "a number of seconds above 0 is expected")
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                raise RuntimeError("this follower is started already; stop it first")
            self._stopping = Event()
            arguments = (weakref.ref(self), self._stopping, interval_seconds)
            self._thread = Thread(target=_refresh_at, args=arguments, name="snapshot-follower", daemon=True)
            self._thread.start()
        return self

    def stop(self) -> None:
        """End the thread of `start`, and wait for it. The snapshot stays."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stopping.set()
        if thread is not None and thread is not current_thread():
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _newer(self) -> _Current | None:
        """What `latest` names, when it is another file than the current one and may follow it."""
        current = self._current
        if self._look()[1] == current.stamp:
            return None
        found = self._open()
        try:
            _check(found.snapshot, current.snapshot)
        except SnapshotError:
            found.snapshot.close()
            raise
        return found

    def _open(self) -> _Current:
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._open_once()
            except (SnapshotError, SignatureRefused):  # it was pruned meanwhile, and its signature with it
                continue
        return self._open_once()

    def _open_once(self) -> _Current:
        # A file that is replaced between the two steps is newer than its stamp, and the next refresh opens it again.
        place, stamp = self._look()
        snapshot = Snapshot.open(place, public_key=self._public_key)
        if snapshot.header.contents == layout.DELTA:
            snapshot.close()
            raise SnapshotError(place, "follow", "it is a delta", "publish full snapshots")
        return _Current(snapshot, stamp, stamp[-1] / 1e9)

    def _look(self) -> tuple[Path, tuple[str, int, int, int, int]]:
        """The file that `latest` names now, and its stamp."""
        latest = self._directory / LATEST
        try:
            target = latest.readlink() if latest.is_symlink() else Path(LATEST)
            found = (self._directory / target).stat()
        except OSError as error:
            hint = "publish a snapshot under this name, or let it be a link to one"
            raise SnapshotError(latest, "follow", error.strerror or str(error), hint) from error
        return self._directory / target, (str(target), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _check(found: Snapshot, current: Snapshot) -> None:
    """Raises SnapshotError unless `found` may take the place of `current`."""
    if found.header.catalog_id != current.header.catalog_id:
        ours, theirs = current.header.catalog_id.hex(), found.header.catalog_id.hex()
        reason = f"it is of the catalog `{theirs}`, and the current one of `{ours}`"
        raise SnapshotError(found.path, "follow", reason, "publish each catalog into a directory of its own")
    if found.as_of_sequence < current.as_of_sequence:
        reason = f"it ends with the change {found.as_of_sequence}, and the current one with {current.as_of_sequence}"
        raise SnapshotError(found.path, "follow", reason, "to go back on purpose, begin to follow anew")


def _without_frames(error: CatalogError) -> CatalogError:
    """The error, to be kept: the frames of its traceback would keep this follower, and all that it has open."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


def _refresh_at(follower: weakref.ref[Follower], stopping: Event, interval_seconds: float) -> None:
    while not stopping.wait(interval_seconds):
        found = follower()
        if found is None:
            return
        found.refresh()
        del found  # while this thread waits, the follower may go


_followers: weakref.WeakSet[Follower] = weakref.WeakSet()


def _renew_in_child() -> None:
    """After a fork the child has no other thread, but the locks as those threads left them."""
    for follower in list(_followers):
        follower._lock, follower._thread, follower._stopping = Lock(), None, Event()


os.register_at_fork(after_in_child=_renew_in_child)
