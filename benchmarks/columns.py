"""How fast columns are: `python -m benchmarks.columns [COUNT]` reads made-up tokens, stocks and listings as tables.

Each is read by one thread and by two, and as its peers the same table is read from Arrow IPC and Parquet files. The
seconds are the best of several rounds, and the processor's seconds stand beside them: on a machine that others use
too, these are the ones to compare.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

from catalog.snapshot import Snapshot, write_parquet, write_snapshot
from catalog.snapshot.entries import Entry
from catalog.snapshot.extra import load
from catalog.snapshot.places import Places
from catalog.snapshot.writer import SnapshotHeader

ROUNDS = 5
FIRST_NS = 1_600_000_000_000_000_000
CODES = {"status": {"active": 1}, "blockchain": {"eip155:1": 1}, "token_standard": {"erc20": 1}}
END = datetime(2030, 1, 1, tzinfo=UTC)


def tokens(count: int) -> Iterator[Entry]:
    """`count` tokens in file order."""
    random = Random(1)
    for n, id in enumerate(_ids(count, random), start=1):
        values = {
            "status": "active",
            "blockchain": "eip155:1",
            "address": f"0x{random.randbytes(20).hex()}",
            "symbol": f"T{n % 50_000}",
            "name": f"Made-up token {n}",
            "decimals": 18 if n % 3 else 6,
            "token_standard": "erc20" if n % 7 else None,
        }
        yield Entry("token", id, n, FIRST_NS + n * 1000, values)


def stocks(count: int) -> Iterator[Entry]:
    """`count` stocks in file order; the less common fields are null in some."""
    for n, id in enumerate(_ids(count, Random(2)), start=1):
        values = {
            "status": "active",
            "mic": "XNAS",
            "segment_mic": "XNGS" if n % 2 else None,
            "isin": f"US{n:010}",
            "ticker": f"S{n % 50_000}",
            "currency": "USD",
            "name": f"Made-up Company {n} Inc.",
            "cusip": f"{n:09}" if n % 3 else None,
            "figi": f"BBG{n:09}",
            "composite_figi": f"BBG{n:09}",
            "share_class_figi": f"BBG{n // 2:09}",
            "sedol": f"{n:07}" if n % 4 == 0 else None,
            "sector": "Technology" if n % 5 else None,
            "industry": "Software" if n % 5 else None,
            "country": "US",
            "delist_at": END if n % 100 == 0 else None,
        }
        yield Entry("stock", id, n, FIRST_NS + n * 1000, values)


def listings(count: int) -> Iterator[Entry]:
    """`count` listings, four of each stock on four venues, behind what they name."""
    random = Random(3)
    venues, stocks = _ids(4, random), _ids(count // 4, random)
    for n, id in enumerate(venues):
        yield Entry("venue", id, 1, FIRST_NS, {"status": "active", "slug": f"venue_{n}"})
    for n, id in enumerate(stocks):
        values = {"status": "active", "mic": "XNAS", "ticker": f"S{n}", "currency": "USD"}
        yield Entry("stock", id, 1, FIRST_NS, values)
    for n, id in enumerate(stocks):
        for venue in venues:
            listing = {
                "status": "active",
                "instrument_id": id.hex(),
                "venue_id": venue.hex(),
                "symbol": f"S{n}",
                "tick_size": Decimal("0.01"),
                "lot_size": Decimal(n % 7 * 100) or None,
            }
            yield Entry("listing", b"", 1, FIRST_NS, listing)


def _ids(count: int, random: Random) -> list[bytes]:
    return sorted(random.randbytes(16) for _ in range(count))


def best(run: Callable[[], object]) -> tuple[float, float]:
    """The least seconds that a run takes, and the least of the processor's seconds."""
    found = []
    for _ in range(ROUNDS):
        start, processor = perf_counter(), process_time()
        run()
        found.append((perf_counter() - start, process_time() - processor))
    return min(wall for wall, _ in found), min(used for _, used in found)


def measure(name: str, make: Callable[[int], Iterator[Entry]], count: int, id_bits: int, place: Path) -> None:
    """Write the records, and print how fast they are read."""
    pa, pq = load("pyarrow"), load("pyarrow.parquet")
    counts = {name: count} | ({"venue": 4, "stock": count // 4} if name == "listing" else {})
    header = SnapshotHeader(bytes(16), id_bits, "made-up", 0, count, FIRST_NS + count * 1000, 0, counts)
    path, ipc = place / f"{name}.snap", place / f"{name}.arrow"
    write_snapshot(path, header, CODES, make(count), force=True)
    with Snapshot.open(path) as snapshot:

        def prove() -> None:
            snapshot._is_proved = False
            snapshot.prove()

        def batches() -> None:
            for _ in snapshot.to_batches(name, threads=1):
                pass

        table = snapshot.to_arrow(name)
        with pa.ipc.new_file(ipc, table.schema) as file:
            file.write_table(table)
        parquet = write_parquet(snapshot, place / "tables", force=True)[name].path
        size = f"{path.stat().st_size / 1e6:.0f} MB, table {table.nbytes / 1e6:.0f} MB"
        print(f"{count:,} of {name}, {id_bits}-bit ids, file {size}, Parquet {parquet.stat().st_size / 1e6:.0f} MB")
        del table
        steps: dict[str, Callable[[], Any]] = {
            "digest of the file": prove,
            "places of the records": lambda: Places(snapshot).of(name),
            "to_batches, 1 thread, each let go": batches,
            "to_arrow, 1 thread": lambda: snapshot.to_arrow(name, threads=1),
            "to_arrow, 2 threads": lambda: snapshot.to_arrow(name, threads=2),
            "Arrow IPC, read into memory": lambda: pa.ipc.open_file(pa.OSFile(str(ipc))).read_all(),
            "Parquet, 1 thread": lambda: pq.read_table(parquet, use_threads=False),
            "Parquet, all threads": lambda: pq.read_table(parquet),
        }
        for step, run in steps.items():
            wall, used = best(run)
            print(f"  {step:36} {wall * 1e3:7.0f} ms  {used * 1e3:7.0f} ms cpu  {count / wall / 1e6:6.2f} M/s")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    with TemporaryDirectory() as directory:
        for id_bits in (64, 128):
            for name, make in (("token", tokens), ("stock", stocks), ("listing", listings)):
                measure(name, make, count, id_bits, Path(directory))


if __name__ == "__main__":
    main()
