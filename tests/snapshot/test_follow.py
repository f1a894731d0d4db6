"""Following a directory: the newest good snapshot, swapped under those who read, and refused when it is not good."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import DecodeError, InvalidRecord, SignatureRefused
from catalog.snapshot import Follower, Snapshot, SnapshotError
from catalog.snapshot.signature import write_signature
from tests.snapshot import support
from tests.snapshot.support import AAPL, TOKEN
from tests.snapshot.test_signature import key_pair

RECORDS = [AAPL.replace(name=f"Apple {n}") for n in range(8)]


def write(directory: Path, number: int, name: str = "", id_bits: int = 64, **header: Any) -> Path:
    """The universe as the `number`-th snapshot: the name of a stock says which, and so does the sequence."""
    entry = support.entry_of(RECORDS[number % len(RECORDS)])
    entries = [
        entry._replace(sequence=e.sequence, timestamp_ns=e.timestamp_ns) if getattr(e, "id", b"") == entry.id else e
        for e in support.universe()
    ]
    path = directory / (name or f"{number:06d}.snap")
    support.write(path, entries, id_bits, **{"as_of_sequence": 1000 + number} | header)
    return path


def publish(directory: Path, number: int, **options: Any) -> Path:
    """Write it, and let `latest` name it."""
    path = write(directory, number, **options)
    point(directory, path.name)
    return path


def point(directory: Path, target: str) -> None:
    """Let `latest` name another file, in one step."""
    (directory / ".latest").symlink_to(target)
    (directory / ".latest").rename(directory / "latest")


def number_of(snapshot: Snapshot) -> int:
    return snapshot.as_of_sequence - 1000


def mappings(name: str) -> int:
    """How often a file is mapped into this process."""
    return sum(name in line for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines())


def eventually(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.005)
    return is_so()


@pytest.mark.parametrize("link", [True, False])
def test_the_newest_is_followed(tmp_path: Path, link: bool) -> None:
    publish(tmp_path, 0) if link else write(tmp_path, 0, "latest")
    follower = Snapshot.follow(str(tmp_path))
    assert isinstance(follower, Follower)
    first = follower.snapshot
    assert (follower.directory, follower.swaps, follower.last_error) == (tmp_path, 0, None)
    assert not follower.refresh()
    assert follower.snapshot is first
    publish(tmp_path, 1, id_bits=128) if link else write(tmp_path, 1, "latest", 128)
    assert follower.snapshot is first
    assert follower.refresh()
    assert not follower.refresh()
    assert (follower.swaps, follower.snapshot.header.id_bits) == (1, 128)
    assert follower.snapshot.get(AAPL.id) == RECORDS[1]
    assert first.get(AAPL.id) == RECORDS[0]  # whoever has the old one keeps it


def test_the_same_sequence_may_be_published_again(tmp_path: Path) -> None:
    publish(tmp_path, 3)
    follower = Snapshot.follow(tmp_path)
    publish(tmp_path, 3)
    assert follower.refresh()
    assert (follower.swaps, follower.last_error) == (1, None)


@pytest.mark.parametrize("content", ["nothing", "dangling", "directory"])
def test_there_must_be_one_to_begin_with(tmp_path: Path, content: str) -> None:
    if content == "dangling":
        point(tmp_path, "gone.snap")
    elif content == "directory":
        (tmp_path / "latest").mkdir()
    with pytest.raises(SnapshotError, match="latest"):
        Snapshot.follow(tmp_path)
    with pytest.raises(SnapshotError):
        Snapshot.follow(tmp_path / "missing")


def test_the_first_one_must_be_good(tmp_path: Path) -> None:
    (tmp_path / "latest").write_bytes(bytes(1000))
    with pytest.raises(DecodeError):
        Snapshot.follow(tmp_path)
    publish(tmp_path, 0, base_sequence=1)
    with pytest.raises(SnapshotError, match="it is a delta"):
        Snapshot.follow(tmp_path)


def cut(directory: Path) -> None:
    path = publish(directory, 6)
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:-1])


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (cut, DecodeError, "the file is not complete"),
        (lambda d: publish(d, 6, catalog_id=bytes(16)), SnapshotError, "of the catalog `0{32}`"),
        (lambda d: publish(d, 4), SnapshotError, "ends with the change 1004, and the current one with 1005"),
        (lambda d: publish(d, 6, base_sequence=5), SnapshotError, "it is a delta"),
        (lambda d: point(d, "gone.snap"), SnapshotError, "No such file"),
        (lambda d: (d / "latest").unlink(), SnapshotError, "No such file"),
    ],
    ids=["broken", "another catalog", "older", "delta", "dangling", "gone"],
)
def test_what_is_not_good_is_refused(
    tmp_path: Path, spoil: Callable[[Path], Any], kind: type[Exception], words: str
) -> None:
    publish(tmp_path, 5)
    follower = Snapshot.follow(tmp_path)
    current = follower.snapshot
    spoil(tmp_path)
    for _ in range(2):
        assert not follower.refresh()
        assert isinstance(follower.last_error, kind)
        with pytest.raises(kind, match=words):
            raise follower.last_error
        assert follower.snapshot is current
        assert (follower.swaps, mappings("000006.snap"), mappings("000004.snap")) == (0, 0, 0)
    publish(tmp_path, 7)
    assert follower.refresh()
    assert (follower.last_error, follower.swaps, number_of(follower.snapshot)) == (None, 1, 7)


@pytest.mark.parametrize("spoil", [cut, lambda d: publish(d, 4), lambda d: point(d, "gone.snap")])
def test_an_error_keeps_nothing_open(tmp_path: Path, spoil: Callable[[Path], Any]) -> None:
    publish(tmp_path, 5)
    follower = Snapshot.follow(tmp_path)
    spoil(tmp_path)
    gc.collect()
    gc.disable()
    try:
        assert not follower.refresh()
        error = follower.last_error
        assert error is not None
        del follower
        assert mappings(".snap") == 0
    finally:
        gc.enable()


def test_an_error_is_over_when_the_old_one_is_back(tmp_path: Path) -> None:
    path = publish(tmp_path, 5)
    follower = Snapshot.follow(tmp_path)
    publish(tmp_path, 4)
    assert not follower.refresh()
    assert follower.last_error is not None
    point(tmp_path, path.name)
    assert not follower.refresh()
    assert follower.last_error is None


def test_the_old_mapping_goes_with_its_last_reader(tmp_path: Path) -> None:
    """Without help of the garbage collector, which may not come for long, and without a warning."""
    old = publish(tmp_path, 0)
    follower = Snapshot.follow(tmp_path)
    gc.collect()
    gc.disable()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            reader = follower.snapshot
            for record in support.RECORDS:  # all that is filled at first use
                assert record.record == "listing" or reader.get(record.id, record.kind).id == record.id
            view, walk = reader.view(AAPL.id), iter(reader)
            next(walk)
            publish(tmp_path, 1)
            old.unlink()
            assert follower.refresh()
            assert mappings(old.name) == 1
            assert reader.by_symbol("AAPL") == [RECORDS[0]]
            del reader, walk
            assert mappings(old.name) == 1
            assert view.name == "Apple 0"
            del view
            assert mappings(old.name) == 0
            assert mappings("000001.snap") == 1
            del follower
            assert mappings("000001.snap") == 0
            gc.collect()
        assert [str(warning.message) for warning in caught] == []
    finally:
        gc.enable()


def test_ages(tmp_path: Path) -> None:
    path = publish(tmp_path, 0)
    os.utime(path, (2_000_000_000, 2_000_000_100))
    follower = Snapshot.follow(tmp_path)
    as_of = support.AS_OF_NS / 1e9
    assert follower.as_of_age(as_of + 60) == pytest.approx(60)
    assert follower.published_age(2_000_000_160) == pytest.approx(60)
    assert follower.as_of_age() == pytest.approx(time.time() - as_of, abs=60)
    assert follower.published_age() == pytest.approx(time.time() - 2_000_000_100, abs=60)
    path = publish(tmp_path, 1, as_of_ns=support.AS_OF_NS + 30_000_000_000)
    os.utime(path, (2_000_000_000, 2_000_000_200))
    assert follower.refresh()
    assert follower.as_of_age(as_of + 60) == pytest.approx(30)
    assert follower.published_age(2_000_000_260) == pytest.approx(60)


def test_a_thread_refreshes_until_it_is_stopped(tmp_path: Path) -> None:
    publish(tmp_path, 0)
    with Snapshot.follow(tmp_path).start(0.01) as follower:
        with pytest.raises(RuntimeError, match="started already"):
            follower.start(1)
        publish(tmp_path, 1)
        assert eventually(lambda: number_of(follower.snapshot) == 1)
        cut(tmp_path)
        assert eventually(lambda: follower.last_error is not None)
        publish(tmp_path, 7)
        assert eventually(lambda: number_of(follower.snapshot) == 7)
        assert eventually(lambda: follower.last_error is None)
    assert not any(thread.name == "snapshot-follower" for thread in threading.enumerate())
    assert number_of(follower.snapshot) == 7  # which outlives the thread
    follower.stop()
    follower.start(60)  # and stops at once, however long the interval is
    begun = time.monotonic()
    follower.stop()
    assert time.monotonic() - begun < 10


def test_the_thread_ends_with_its_follower(tmp_path: Path) -> None:
    publish(tmp_path, 0)
    follower = Snapshot.follow(tmp_path).start(0.01)
    assert any(thread.name == "snapshot-follower" for thread in threading.enumerate())
    del follower
    assert eventually(lambda: not any(t.name == "snapshot-follower" for t in threading.enumerate()))
    assert mappings("000000.snap") == 0


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf")])
def test_an_interval_is_above_zero(tmp_path: Path, interval: float) -> None:
    publish(tmp_path, 0)
    with pytest.raises(InvalidRecord, match="interval_seconds"):
        Snapshot.follow(tmp_path).start(interval)


def test_no_look_up_is_lost_while_files_are_swapped(tmp_path: Path) -> None:
    """Each result belongs to one whole file: the name that a record has is that of the snapshot's own number."""
    swaps, readers = 200, 6
    publish(tmp_path, 0)
    paths = [write(tmp_path, number) for number in range(1, swaps + 1)]
    follower = Snapshot.follow(tmp_path)
    done = threading.Event()
    failures: list[BaseException] = []
    seen: list[set[int]] = [set() for _ in range(readers)]

    def read(numbers: set[int]) -> None:
        try:
            last = 0
            while not done.is_set():
                snapshot = follower.snapshot
                number = number_of(snapshot)
                assert number >= last
                last = number
                expected = RECORDS[number % len(RECORDS)]
                assert snapshot.get(AAPL.id) == expected
                assert snapshot.by_symbol("AAPL") == [expected]
                assert snapshot.view(AAPL.id).name == expected.name
                assert snapshot.get(TOKEN.id) == TOKEN
                numbers.add(number)
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    threads = [threading.Thread(target=read, args=(numbers,)) for numbers in seen]
    for thread in threads:
        thread.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        for number, path in enumerate(paths, start=1):
            point(tmp_path, path.name)
            assert follower.refresh()
            path.with_name(f"{number - 1:06d}.snap").unlink()
            wanted = readers if number == swaps else 1  # each file is read by some, the last one by all
            assert eventually(lambda n=number, w=wanted: bool(failures) or sum(n in ns for ns in seen) >= w)  # type: ignore[misc]
    finally:
        done.set()
        sys.setswitchinterval(interval)
        for thread in threads:
            thread.join()
    assert failures == []
    assert follower.swaps == swaps
    assert eventually(lambda: mappings(".snap") == 1)


def test_many_may_refresh_at_once(tmp_path: Path) -> None:
    publish(tmp_path, 0)
    follower = Snapshot.follow(tmp_path)
    for number in range(1, 20):
        publish(tmp_path, number)
        barrier = threading.Barrier(4)
        answers: list[bool] = []

        def refresh(barrier: threading.Barrier = barrier, answers: list[bool] = answers) -> None:
            barrier.wait()
            answers.append(follower.refresh())

        threads = [threading.Thread(target=refresh) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [False, False, False, True]
    assert follower.swaps == 19


IN_CHILD = """
import os, signal, sys, threading
from pathlib import Path
from catalog.snapshot import Snapshot
from tests.snapshot.test_follow import AAPL, RECORDS, number_of, publish

directory = Path(sys.argv[1])
publish(directory, 0)
follower = Snapshot.follow(directory).start(0.001)
held, free = threading.Event(), threading.Event()
def hold():
    with follower._lock:
        held.set()
        free.wait()
threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if not child:
    code = 1
    try:
        signal.alarm(60)
        assert follower.snapshot.get(AAPL.id) == RECORDS[0]
        assert not follower.refresh()
        publish(directory, 1)
        assert follower.refresh()
        assert follower.snapshot.get(AAPL.id) == RECORDS[1]
        with follower.start(0.001):
            publish(directory, 2)
            while number_of(follower.snapshot) != 2:
                pass
        code = 0
    finally:
        os._exit(code)
assert follower.snapshot.get(AAPL.id) == RECORDS[0]
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
free.set()
while number_of(follower.snapshot) != 2:
    pass
follower.stop()
"""


def test_a_follower_works_on_in_a_child(tmp_path: Path) -> None:
    """Forked while another thread is in the midst of a refresh, and with the thread of the parent left behind."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", IN_CHILD, str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_only_what_is_signed_is_followed(tmp_path: Path) -> None:
    private, public = key_pair(tmp_path)
    write_signature(publish(tmp_path, 5), private)
    follower = Snapshot.follow(tmp_path, public_key=public)
    newer = publish(tmp_path, 6)
    assert not follower.refresh()
    assert isinstance(follower.last_error, SignatureRefused)
    write_signature(newer, private)
    assert follower.refresh()
    assert follower.snapshot.as_of_sequence == 1006
