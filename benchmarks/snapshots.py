"""Snapshot files against their peers, their limits and the goals: `python -m benchmarks.snapshots --sizes 100000,1000000`.

Every look-up takes keys at random from all records, of a file that is in the page cache.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from time import process_time
from typing import Any

from blake3 import blake3

from benchmarks.harness import (
    Figure,
    Goal,
    Report,
    Step,
    describe_machine,
    each,
    fresh,
    measure,
    print_report,
    show,
    write_json,
    write_markdown,
)
from benchmarks.peers import PEERS, World
from benchmarks.universe import VOCABULARIES, Universe
from catalog.snapshot import Snapshot, write_snapshot
from catalog.snapshot.entries import Entry
from catalog.snapshot.index import hash_key
from catalog.snapshot.verify import verify
from catalog.wire.frame import decode_message, decode_stream
from catalog.wire.layout import INSTRUMENT

SAMPLE = 20_000
LOCATED = "opened, 1,000 ids located"
#: How much larger a figure of ten times as many instruments may be and still be called the same.
SAME = 1.3
#: Parts of the library that a version may lack: the step, and the module it needs.
OPTIONAL = {
    "to Arrow, per record": "catalog.snapshot.columns",
    "compare with itself, per record": "catalog.snapshot.diff",
    "apply a delta of all futures, per record": "catalog.snapshot.apply",
}
INTRO = """
Each row is a step; all steps of a size run by turns, several times, so that a slow minute of the machine hits all of
them. Look-ups take keys at random from all records of a file that is in the page cache, and are timed by the hundred.
Peers hold the same instruments, and answer on the same machine in the same minutes: absolute times mean little by
themselves, what a peer or a limit takes beside them means more. The instruments are made up in a realistic mix: 55 %
tokens, 25 % stocks, 8 % assets, 8 % options, 4 % futures, and with them securities, listings, pools and pairs, 1.6
records for each instrument. `python -m benchmarks.snapshots --help` says how to run it.
"""


class ReadyEntries:
    """The entries of a universe, made a thousand at a time; `spent` is the processor time that making them took."""

    def __init__(self, universe: Universe, order: Path) -> None:
        self._entries = universe.entries(order)
        self.spent = 0.0

    def __iter__(self) -> Iterator[Entry]:
        start = process_time()
        while batch := list(islice(self._entries, 1000)):
            self.spent += process_time() - start
            yield from batch
            start = process_time()
        self.spent += process_time() - start


def write(size: str, order: str, place: str) -> dict[str, float]:
    """Write the snapshot from ready entries, in a process of its own; its seconds of processor time without making the entries."""
    universe = Universe(int(size))
    entries = ReadyEntries(universe, Path(order))
    start = process_time()
    write_snapshot(place, universe.header, VOCABULARIES, entries, force=True)
    return {"seconds": process_time() - start - entries.spent}


def run(size: int, rounds: int, folder: Path, *, full: bool) -> list[Figure]:
    """All steps for a universe of `size` instruments; when not `full`, without peers and without what takes minutes."""
    universe, order, place = Universe(size), folder / "order", folder / "snapshot"
    universe.prepare(order)
    records = sum(universe.header.counts.values())
    peak = Figure("write: peak memory of the process", "B")

    def write_it() -> float:
        found = fresh("benchmarks.snapshots:write", size, order, place)
        peak.values.append(found["peak"])
        return found["seconds"]

    writing = Step("write, processor time per record", write_it, records, rounds=2)
    written = measure([writing], 1)
    with ExitStack() as stack:
        snapshot = stack.enter_context(Snapshot.open(place))
        sample = Sample(universe)
        made = [
            Figure("size of the file", "B", [snapshot.size], f"{records:,} records"),
            Figure("size of the file, per instrument", "B", [snapshot.size / size]),
        ]
        steps = [writing] if full else []
        steps += [*_look_ups(snapshot, place, sample), *_limits(snapshot, sample)]
        steps += [*_walks(snapshot, place, records), *_optional(universe, order, place, records)] if full else []
        world = World(universe, order, snapshot, sample.ids, folder, stack)
        for name, (package, make) in PEERS.items():
            if not full:
                made.append(Figure(name, "s", note="left out at this size"))
            elif find_spec(package) is None:
                made.append(Figure(name, "s", note=f"{package} is not installed"))
            else:
                peer = make(world)
                made += peer.figures
                steps += peer.steps
        timed = measure(steps, rounds)
        if full:
            written[0].values += timed.pop(0).values
        return [*written, *timed, peak, *_footprint(place, sample, folder, rounds), *made, *_absent(full)]


class Sample:
    """Keys to look up, taken at random from all records."""

    def __init__(self, universe: Universe) -> None:
        chance = random.Random(1)
        size = min(SAMPLE, universe.size)

        def some(record: str, number: int) -> list[int]:
            return [chance.randrange(universe.number[record]) for _ in range(number)]

        def field(record: str, name: str) -> list[str]:
            """`size` values, repeated where only every fifth record has one."""
            found = [value for n in some(record, size) if (value := universe.values(record, n)[name]) is not None]
            return (found * 6)[:size]

        kinds = {"token": 55, "stock": 25, "asset": 8, "option": 8, "future": 4}
        self.ids = [universe.id(r, n) for r, share in kinds.items() for n in some(r, size * share // 100)]
        chance.shuffle(self.ids)
        self.strangers = [chance.randbytes(16) for _ in range(size)]
        self.isins = field("stock", "isin")
        self.cusips = field("security", "cusip")
        self.symbols = field("token", "symbol") + field("stock", "ticker")
        chance.shuffle(self.symbols)
        self.addresses = field("token", "address")


def _look_ups(snapshot: Snapshot, place: Path, sample: Sample) -> list[Step]:
    ids, few = sample.ids, sample.ids[:500] * 10
    data, locate = snapshot.data, snapshot.locate

    def get_any() -> float:
        with Snapshot.open(place) as forgetful:  # one that remembers nothing of the last round
            return each(forgetful.get, ids)()

    def payload(id: bytes) -> bytes:
        offset = locate(id)
        assert offset is not None
        return decode_message(data, offset).payload

    return [
        Step("open", lambda: Snapshot.open(place).close()),
        Step("locate by id", each(locate, ids), len(ids)),
        Step("locate by id, as text", each(locate, [id.hex() for id in ids]), len(ids)),
        Step("locate by id, not there", each(locate, sample.strangers), len(sample.strangers)),
        Step("locate by ISIN", each(snapshot.locate_isin, sample.isins), len(sample.isins)),
        Step("locate by CUSIP", each(snapshot.locate_cusip, sample.cusips), len(sample.cusips)),
        Step("locate by symbol", each(snapshot.locate_symbol, sample.symbols), len(sample.symbols)),
        Step("locate by address", each(snapshot.locate_address, sample.addresses), len(sample.addresses)),
        Step("payload by id", each(payload, ids), len(ids)),
        Step("one field by id (view)", each(lambda id: snapshot.view(id).status, ids), len(ids)),
        Step("get, any instrument", get_any, len(ids)),
        Step("get, the same 500 again and again", each(snapshot.get, few), len(few)),
    ]


def _walks(snapshot: Snapshot, place: Path, records: int) -> list[Step]:
    def decode_all() -> None:
        for message in decode_stream(snapshot.data):
            if message.type == INSTRUMENT:
                snapshot.decode(message)

    def iterate() -> None:
        for _ in snapshot:
            pass

    def verify_it() -> None:
        assert verify(place).ok

    return [
        Step("decode all instruments to plain values", decode_all, len(snapshot), rounds=2),
        Step("iterate all instruments, validated", iterate, len(snapshot), rounds=2),
        Step("verify, per record", verify_it, records, rounds=1),
    ]


def _optional(universe: Universe, order: Path, place: Path, records: int) -> list[Step]:
    def to_arrow() -> None:
        with Snapshot.open(place) as snapshot:
            for record in snapshot.counts:
                snapshot.to_arrow(record)  # type: ignore[attr-defined,unused-ignore]

    def compare() -> None:
        found = import_module("catalog.snapshot.diff").compare(place, place)
        assert not any(found.total)

    def apply() -> None:
        import_module("catalog.snapshot.apply").apply(place, [delta], place.with_name("applied"), force=True)

    delta = place.with_name("delta")
    old = universe.header
    new = replace(old, base_sequence=old.as_of_sequence, base_as_of_ns=old.as_of_ns)
    new = replace(new, as_of_sequence=old.as_of_sequence + 1, counts={"future": universe.number["future"]})
    futures = (e._replace(sequence=new.as_of_sequence) for e in universe.entries(order) if e.record == "future")
    write_snapshot(delta, new, VOCABULARIES, futures)
    found = [Step(name, run, records, rounds=2) for name, run in zip(OPTIONAL, (to_arrow, compare, apply), strict=True)]
    return [step for step in found if _is_there(OPTIONAL[step.name])]


def _is_there(module: str) -> bool:
    return find_spec(module) is not None and (module != "catalog.snapshot.columns" or find_spec("pyarrow") is not None)


def _limits(snapshot: Snapshot, sample: Sample) -> list[Step]:
    """What no look-up, and no reader of the whole file, can undercut on this machine at this time."""
    data, ids = snapshot.data, sample.ids

    def nothing(id: bytes) -> None:
        """What calling a function costs."""

    steps = [
        Step("limit: call of an empty function", each(nothing, ids), len(ids)),
        Step("limit: BLAKE3 of a key", each(hash_key, ids), len(ids)),
        Step("limit: BLAKE3 of the file", lambda: blake3(data).digest(), rounds=3),
    ]
    if find_spec("numpy"):
        numpy: Any = import_module("numpy")
        words = numpy.memmap(snapshot.path, dtype="u8", mode="r", shape=(len(data) // 8,))
        steps.append(Step("limit: read the mapped file once (numpy sum)", words.sum, rounds=3))
    return steps


def _footprint(place: Path, sample: Sample, folder: Path, rounds: int) -> list[Figure]:
    """Memory before the first decoded record, each in processes of their own."""
    ids = folder / "some-ids"
    ids.write_bytes(b"".join(sample.ids[:1000]))
    wanted: list[tuple[str, Sequence[object]]] = [
        ("bare", ()),
        ("opened", (place,)),
        ("located", (place, ids)),
    ]
    names = {"bare": "bare interpreter", "opened": "opened", "located": LOCATED}
    found = {
        name: [fresh(f"benchmarks.footprint:{name}", *arguments) for _ in range(min(rounds, 3))]
        for name, arguments in wanted
    }
    return [
        Figure(f"memory, {names[name]}: {part}", "B", [used[part] for used in runs])
        for name, runs in found.items()
        for part in ("resident", "private")
    ]


def _absent(full: bool) -> list[Figure]:
    if not full:
        return [Figure(name, "s", note="left out at this size") for name in OPTIONAL]
    return [Figure(name, "s", note="not there in this version") for name, m in OPTIONAL.items() if not _is_there(m)]


def judge(report: Report, size: int, large: int | None) -> list[Goal]:
    """The goals for snapshots, at `size` instruments, and how it goes on to `large`."""
    at = f" ({size:,})"
    goals = [
        _below(report, size, f"open{at}", "open", 1e-3),
        _below(report, size, f"memory once opened{at}", "memory, opened: resident", 20 * 2**20),
        _below(report, size, f"memory of its own after 1,000 look-ups{at}", f"memory, {LOCATED}: private", 20 * 2**20),
        _below(report, size, f"locate by id{at}", "locate by id", 1e-6),
        *(
            _below(report, size, f"locate by {key}{at}", f"locate by {key}", 2.5e-6)
            for key in ("ISIN", "CUSIP", "symbol", "address")
        ),
        _below(report, size, f"get{at}", "get, any instrument", 10e-6),
        _below(report, size, f"bulk read into Arrow, per record{at}", "to Arrow, per record", 0.5e-6),
        _below(report, size, f"memory of the writer{at}", "write: peak memory of the process", 256 * 2**20),
    ]
    if large:
        same = ("open", *(f"locate by {key}" for key in ("id", "ISIN", "CUSIP", "symbol", "address")))
        goals += [_ratio(report, size, large, name, SAME) for name in same]
        goals.append(_ratio(report, size, large, "write, processor time per record", 1.3))
    return goals


def _below(report: Report, size: int, what: str, name: str, limit: float) -> Goal:
    figure = report.get(size, name)
    unit = "B" if limit > 1 else "s"
    if figure is None:
        return Goal(what, f"under {show(limit, unit)}", "", None)
    return Goal(what, f"under {show(limit, unit)}", show(figure.median, unit), figure.median < limit)


def _ratio(report: Report, small: int, large: int, name: str, limit: float) -> Goal:
    one, other = report.get(small, name), report.get(large, name)
    what = f"{name}, {large:,} to {small:,}"
    if one is None or other is None:
        return Goal(what, f"at most {show(limit, 'x')}", "", None)
    ratio = other.median / one.median
    return Goal(what, f"at most {show(limit, 'x')}", show(ratio, "x"), ratio <= limit)


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.snapshots", description=__doc__)
    sizes: Callable[[str], list[int]] = lambda text: [int(size) for size in text.split(",")]  # noqa: E731
    parser.add_argument("--sizes", type=sizes, default=[100_000, 1_000_000], help="numbers of instruments, with commas")
    parser.add_argument("--large", type=int, help="one more number, written once, without peers and walks")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the files go (default: a temporary folder)")
    parser.add_argument("--json", type=Path, help="write every value to this file")
    parser.add_argument("--markdown", type=Path, help="write the page of documentation to this file")
    asked = parser.parse_args(arguments)
    report = Report("Snapshots", INTRO.strip(), describe_machine())
    for size in [*asked.sizes, *([asked.large] if asked.large else [])]:
        print(f"measuring {size:,} instruments", file=sys.stderr)
        folder = Path(tempfile.mkdtemp(prefix="benchmark-", dir=asked.folder))
        try:
            report.figures[size] = run(size, asked.rounds, folder, full=size in asked.sizes)
        finally:
            shutil.rmtree(folder)
        report.goals = judge(report, max(asked.sizes), asked.large)
        if asked.json:  # after each size, for a large one takes long
            write_json(report, asked.json)
        if asked.markdown:
            write_markdown(report, asked.markdown)
    print_report(report)
    return report


if __name__ == "__main__":
    main()
