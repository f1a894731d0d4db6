"""Feeds broken snapshot files to everything that reads them: `python -m tests.fuzz.snapshot --count 100000 --seed 1`.

Of any bytes, a reader gives an answer or a CatalogError, in less than a second and a few megabytes; and `verify` says
yes only to bytes that the writer would write from what the file holds. All else is a finding, printed with the numbers
that make the same mutant again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from catalog.errors import CatalogError, DecodeError
from catalog.snapshot.entries import AnyEntry, Entry
from catalog.snapshot.reader import Snapshot
from catalog.snapshot.show import cat, find, show
from catalog.snapshot.verify import verify
from catalog.snapshot.writer import SnapshotHeader, write_snapshot
from catalog.wire import layout
from catalog.wire.frame import decode_stream
from catalog.wire.layout import KIND_CODES
from tests.fuzz.files import good_files
from tests.fuzz.mutations import Mutant, mutant

MAX_SECONDS = 1.0
MAX_GROWTH = 64 << 20
HANGS = 5.0
MAX_TEXT = 2000
_MANY = 8  # look-ups of one sort in one mutant, at most


class Hangs(BaseException):
    """Raised by the clock into a call that does not end."""


class Verdict(NamedTuple):
    """What became of one mutant: findings, what `verify` said, and the errors of all other calls by type."""

    number: int
    findings: list[str]
    verified: str
    errors: set[str]


def judge(number: int, broken: Mutant, path: Path) -> Verdict:
    """Write the mutant to `path` and call everything there is on it."""
    path.write_bytes(broken.data)
    court = _Court(len(broken.data))
    report = court.call("verify", lambda: verify(path))
    if report is None:
        verified = "error"
    elif not report.ok:
        verified = "refused"
        court.expect(all(len(p.message) <= MAX_TEXT for p in report.problems), "verify: a problem without end")
        court.expect(report.problems == sorted(report.problems), "verify: problems out of order")
        court.expect(all(0 <= p.offset <= len(broken.data) for p in report.problems), "verify: an offset outside")
    else:
        verified = court.call("write again", lambda: _compare(path)) or "ok, but cannot be written again"
        court.expect(verified in _HONEST, f"verify: {verified}")
        if broken.data == broken.good.data:
            verified = "ok, unchanged"
    for name, call in _calls(number, path):
        court.call(name, call)
    _look_up(court, number, broken, path)
    return Verdict(number, court.findings, verified, court.errors)


_SAME, _NEWER, _OTHER = "ok, the writer's bytes", "ok, a newer format", "ok, but not the writer's bytes"
_HONEST = (_SAME, _NEWER)


def _compare(path: Path) -> str:
    """What the file is that `verify` found good: the writer must make its bytes from what it holds."""
    with Snapshot.open(path) as snapshot:
        header = snapshot.header
        if header.format_version > layout.FORMAT_VERSION:
            return _NEWER
        told = SnapshotHeader(
            header.catalog_id, header.id_bits, header.schema_revision, header.base_sequence,
            header.as_of_sequence, header.as_of_ns, header.horizon_ns, header.counts, header.base_as_of_ns, header.format_version,
        )  # fmt: skip
        codes = {name: {value: code for code, value in named.items()} for name, named in snapshot.vocabularies.items()}
        again = path.with_suffix(".again")
        write_snapshot(again, told, codes, _entries(snapshot), force=True)
        return _SAME if again.read_bytes() == path.read_bytes() else _OTHER


def _entries(snapshot: Snapshot) -> Iterator[AnyEntry]:
    special: dict[int, Callable[[], Iterator[AnyEntry]]] = {
        layout.ALIAS: snapshot.aliases,
        layout.SUCCESSION: snapshot.successions,
        layout.TOMBSTONE: lambda: (t._replace(id=t.id.ljust(16, b"\0")) for t in snapshot.tombstones()),
    }
    seen = set()
    for message in decode_stream(snapshot.data):
        if message.type in special and message.type not in seen:
            seen.add(message.type)
            yield from special[message.type]()
        elif snapshot.knows(message):
            record, id, values = snapshot.decode(message)
            yield Entry(record, id, message.sequence, message.timestamp_ns, values)


class _Court:
    """Makes calls and keeps what they did wrong."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.findings: list[str] = []
        self.errors: set[str] = set()

    def expect(self, holds: bool, finding: str) -> None:
        if not holds:
            self.findings.append(finding)

    def call(self, name: str, call: Callable[[], Any]) -> Any:
        """What `call` returns; None after an error. Whatever it should not do becomes a finding."""
        start = time.process_time()
        signal.setitimer(signal.ITIMER_VIRTUAL, HANGS)
        try:
            return call()
        except CatalogError as error:
            self._weigh(name, error)
        except Hangs:
            self.findings.append(f"{name}: hangs")
        except Exception as error:  # noqa: BLE001 - anything else is what is looked for
            self.findings.append(f"{name}: {type(error).__name__}: {str(error)[:200]} ({_origin(error)})")
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            spent = time.process_time() - start
            if spent > MAX_SECONDS:
                self.findings.append(f"{name}: took {spent:.1f} s")
        return None

    def _weigh(self, name: str, error: CatalogError) -> None:
        self.errors.add(type(error).__name__)
        text = str(error)
        self.expect(len(text) <= MAX_TEXT, f"{name}: an error of {len(text)} characters: {text[:100]}")
        if isinstance(error, DecodeError):
            self.expect(f"at byte {error.offset}" in text, f"{name}: an error without its place: {text}")
            self.expect(0 <= error.offset <= self.size, f"{name}: a place outside the file: {text}")


def _origin(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"


def _calls(number: int, path: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    yield "show", lambda: show(path)
    yield "cat", lambda: _exhaust(cat(path))
    yield "open the other way", lambda: Snapshot.open(path, copy=number % 2 == 0).close()


def _exhaust(items: Any) -> None:
    for _ in items:
        pass


def _look_up(court: _Court, number: int, broken: Mutant, path: Path) -> None:
    snapshot = court.call("open", lambda: Snapshot.open(path, copy=number % 2 == 1))
    if snapshot is None:
        return
    with snapshot:
        for name, call in _look_ups(snapshot, Random(number), broken):
            court.call(name, call)


def _look_ups(snapshot: Snapshot, random: Random, broken: Mutant) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every look-up and walk, by keys that the good file has and by some that it has not."""

    def some(keys: list[Any]) -> list[Any]:
        return keys if len(keys) <= _MANY else random.sample(keys, _MANY)

    def by(look_up: Callable[..., Any], *arguments: object) -> tuple[str, Callable[[], Any]]:
        return look_up.__name__, partial(look_up, *arguments)

    keys = broken.good.keys
    yield "iterate", partial(_exhaust, snapshot)
    for walk in (snapshot.records, snapshot.aliases, snapshot.successions, snapshot.tombstones):
        yield walk.__name__, partial(_walk, walk)
    yield "records of one type", partial(_walk, snapshot.records, "stock")
    yield "index_heads", snapshot.index_heads
    yield "vocabularies", lambda: snapshot.vocabularies
    for id, kind in [*some(keys.ids), ("00" * 16, "instrument"), (random.randbytes(16).hex(), random.choice(_KINDS))]:
        yield by(snapshot.locate, id, kind)
        yield "get", partial(_answers, snapshot, id, kind)
        yield "view", partial(_view, snapshot, id, kind)
        yield by(snapshot.successions_of, id, kind)
        if kind == "instrument":
            yield from (
                by(f, id) for f in (snapshot.listings_of, snapshot.derivatives_of, snapshot.broker_contracts_of)
            )
            other = random.choice(keys.ids)[0] if keys.ids else id
            yield by(snapshot.pairs_for, id, other)
            yield by(snapshot.pools_for, id, other)
    for look_up, texts in keys.texts.items():
        yield from (by(getattr(snapshot, look_up), text) for text in [*some(texts), "nothing"])
    for exchange, symbol in [*some(keys.exchanges), ("nothing", "here")]:
        yield by(snapshot.by_exchange_symbol, exchange, symbol)
    for event in [*keys.numbers, random.getrandbits(32)]:
        yield by(snapshot.event_type, event)
    yield from (by(find, snapshot, key) for key in ("US0378331005", "binance BTCUSDT"))


def _walk(walk: Callable[..., Any], *arguments: object) -> None:
    _exhaust(walk(*arguments))


def _view(snapshot: Snapshot, id: str, kind: str) -> None:
    snapshot.view(id, kind).values()


_KINDS = [kind for kind in KIND_CODES if kind != "listing"]


def _answers(snapshot: Snapshot, id: str, kind: str) -> None:
    """What answers to an id has this id, unless it is an alias."""
    offset = snapshot.locate(id, kind)
    record = snapshot.get(id, kind)
    if offset is not None and snapshot.data[offset + 4] != layout.ALIAS:
        assert record.id == id, f"{id} is answered by {record.id}"


# --- the campaign ---------------------------------------------------------------------------------------------------


class Campaign:
    """Many mutants in several processes, so that the death of one is seen."""

    def __init__(self, seed: int, numbers: range, workers: int, seconds: float | None, save: Path | None) -> None:
        self.seed, self.numbers, self.workers, self.save = seed, numbers, workers, save
        self.until = time.monotonic() + seconds if seconds else float("inf")
        self.verified: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.findings: list[tuple[int, str]] = []
        self.done = 0
        self.growth = 0

    def run(self) -> None:
        """Try all numbers, or as many as there is time for."""
        good_files()  # made once, before there are children
        context = multiprocessing.get_context("fork")
        running: dict[Any, tuple[Any, range, list[int]]] = {}

        def start(numbers: range) -> None:
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_work, args=(self.seed, numbers, theirs), daemon=True)
            process.start()
            theirs.close()
            running[ours] = process, numbers, [0]

        for first in range(min(self.workers, len(self.numbers))):
            start(self.numbers[first :: self.workers])
        while running and time.monotonic() < self.until:
            for pipe in wait(list(running), timeout=1):
                assert isinstance(pipe, Connection)
                process, numbers, tried = running[pipe]
                try:
                    verdict, growth = pipe.recv()
                except EOFError:
                    del running[pipe]
                    process.join()
                    rest = numbers[tried[0] :]
                    if rest:  # it died over the first one that it has not answered
                        self._note(rest[0], f"the process ended with {process.exitcode}")
                        if len(rest) > 1:
                            start(rest[1:])
                    continue
                tried[0] += 1
                self._take(verdict, growth)
        for process, _, _ in running.values():
            process.terminate()

    def _take(self, verdict: Verdict, growth: int) -> None:
        self.done += 1
        self.verified[verdict.verified] += 1
        self.errors.update(verdict.errors)
        self.growth = max(self.growth, growth)
        for finding in dict.fromkeys(verdict.findings):
            self._note(verdict.number, finding)

    def _note(self, number: int, finding: str) -> None:
        self.findings.append((number, finding))
        broken = mutant(self.seed, number)
        print(f"FINDING seed {self.seed} number {number} of {broken.good.name} ({broken.story}): {finding}", flush=True)
        if self.save is not None:
            self.save.mkdir(parents=True, exist_ok=True)
            (self.save / f"{self.seed}-{number}.snap").write_bytes(broken.data)


def _work(seed: int, numbers: range, results: Connection) -> None:
    """Judge the mutants with these numbers, in a process of its own with a limit on its memory."""
    signal.signal(signal.SIGVTALRM, ring)
    with TemporaryDirectory(prefix="fuzz-") as directory:
        path = Path(directory) / "mutant"
        for good in good_files():  # warm: imports and compiled codecs are no growth
            judge(0, Mutant(good, good.data, "good"), path)
        limit_memory()
        before = _peak()
        with suppress(BrokenPipeError):
            for number in numbers:
                results.send((judge(number, mutant(seed, number), path), _peak() - before))


def limit_memory() -> None:
    """Forbid this process to grow by more than MAX_GROWTH from here on, where the system tells its size."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + MAX_GROWTH
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def ring(*_: object) -> None:
    """What the clock does to a call that does not end; `judge` relies on it as the handler of SIGVTALRM."""
    raise Hangs


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign; 1 when there are findings."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz.snapshot", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--count", type=int, default=100_000, help="how many mutants")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, help="stop after so long")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--save", type=Path, metavar="DIR", help="keep the mutants that were findings there")
    told = parser.parse_args(arguments)
    started = time.monotonic()
    numbers = range(told.first, told.first + told.count)
    campaign = Campaign(told.seed, numbers, told.workers, told.seconds, told.save)
    campaign.run()
    print(
        f"{campaign.done} mutants, seed {told.seed}, {time.monotonic() - started:.0f} s, most memory {campaign.growth >> 10} KiB"
    )
    print("verify: " + ", ".join(f"{name} {n}" for name, n in campaign.verified.most_common()))
    print("mutants with an error: " + ", ".join(f"{name} {n}" for name, n in campaign.errors.most_common()))
    print(f"findings: {len(campaign.findings)}")
    return 1 if campaign.findings else 0


if __name__ == "__main__":
    sys.exit(main())
