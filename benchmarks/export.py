"""The export of a catalog against COPY: `python -m benchmarks.export --sizes 100000`, on a server of its own.

The peer reads the same columns in the same order with `COPY … TO STDOUT (FORMAT binary)` and throws them away.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from benchmarks.database import fill
from benchmarks.harness import (
    Figure,
    Goal,
    Report,
    Step,
    describe_machine,
    fresh,
    measure,
    print_report,
    show,
    write_json,
    write_markdown,
)
from benchmarks.universe import Universe
from catalog.database import migrations
from catalog.database.embedded import EmbeddedServer
from catalog.database.engine import make_engine
from catalog.repositories import mapping, snapshots
from catalog.repositories.contents import Contents
from catalog.services import export as exporting

INTRO = """
The export of a full snapshot with all its indexes, from a database that holds nothing else, against a plain binary COPY
of the same columns in the same order. Both run in processes of their own, by turns.
"""


def export(url: str, path: str) -> dict[str, float]:
    """Write the snapshot."""
    engine = make_engine(url)
    start = perf_counter()
    exporting.export_snapshot(engine, path, force=True)
    engine.dispose()
    return {"seconds": perf_counter() - start}


def copy(url: str) -> dict[str, float]:
    """Read the same columns and do nothing with them."""
    engine = make_engine(url)
    start = perf_counter()
    with exporting.consistent_view(engine) as view:
        contents = Contents(view.cursor)
        for record in mapping.NOUNS:
            query, parameters = snapshots.record_query(contents, record)
            copied = f"COPY ({query}) TO STDOUT (FORMAT binary)"
            with view.cursor.connection.cursor().copy(copied, parameters) as chunks:
                for _ in chunks:
                    pass
    engine.dispose()
    return {"seconds": perf_counter() - start}


def run(size: int, rounds: int, folder: Path) -> list[Figure]:
    """Both for a universe of `size` instruments."""
    universe, order, path = Universe(size), folder / "order", folder / "catalog.snap"
    universe.prepare(order)
    peak = Figure("export: peak memory of the process", "B")
    with EmbeddedServer(folder / "server", durable=False) as server:
        url = server.start()
        migrations.upgrade(url)
        records = fill(url, universe, order)

        def export_it() -> float:
            found = fresh("benchmarks.export:export", url, path)
            peak.values.append(found["peak"])
            return found["seconds"]

        steps = [
            Step("export, per record", export_it, records),
            Step(
                "limit: binary COPY of the same columns, per record",
                lambda: fresh("benchmarks.export:copy", url)["seconds"],
                records,
            ),
        ]
        one, other = measure(steps, rounds)
    ratios = [a / b for a, b in zip(one.values, other.values, strict=True)]
    return [one, other, Figure("export to COPY", "x", ratios), peak]


def judge(report: Report, size: int) -> list[Goal]:
    """The goals for the export at `size` instruments."""
    ratio, peak = report.get(size, "export to COPY"), report.get(size, "export: peak memory of the process")
    assert ratio is not None
    assert peak is not None
    return [
        Goal(f"export ({size:,})", "at most 2 × COPY", show(ratio.median, "x"), ratio.median <= 2),
        Goal(f"memory of the export ({size:,})", "under 256 MiB", show(peak.median, "B"), peak.median < 256 * 2**20),
    ]


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    sizes: Callable[[str], list[int]] = lambda text: [int(size) for size in text.split(",")]  # noqa: E731
    parser.add_argument("--sizes", type=sizes, default=[100_000, 1_000_000], help="numbers of instruments, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write every value to this file")
    parser.add_argument("--markdown", type=Path, help="write a page of documentation to this file")
    asked = parser.parse_args(arguments)
    report = Report("Export", INTRO.strip(), describe_machine())
    for size in asked.sizes:
        print(f"filling a catalog with {size:,} instruments", file=sys.stderr)
        folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
        folder.chmod(0o711)  # a server run for root is another user
        try:
            report.figures[size] = run(size, asked.rounds, folder)
        finally:
            shutil.rmtree(folder)
    report.goals = judge(report, max(asked.sizes))
    if asked.json:
        write_json(report, asked.json)
    if asked.markdown:
        write_markdown(report, asked.markdown)
    print_report(report)
    return report


if __name__ == "__main__":
    main()
