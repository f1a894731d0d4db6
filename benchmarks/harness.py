"""Runs steps interleaved, takes medians, and writes what it found as table, JSON and Markdown."""

from __future__ import annotations

import gc
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

_PACKAGES = ("blake3", "databento-dbn", "lmdb", "numpy", "pyarrow", "pydantic")


class Step(NamedTuple):
    """Something to be timed: `run` does `per` operations. A float that it returns is the seconds that it took by its
    own clock, for what runs in another process or has parts that do not count.

    `rounds` bounds how often a slow step runs; a step without it runs once more, untimed, before the others.
    """

    name: str
    run: Callable[[], object]
    per: int = 1
    rounds: int | None = None


@dataclass
class Figure:
    """One measured thing: a value per round in `unit` (`s` seconds an operation, `B` bytes, `x` a ratio)."""

    name: str
    unit: str
    values: list[float] = field(default_factory=list)
    note: str = ""

    @property
    def median(self) -> float:
        return median(self.values)


@dataclass
class Goal:
    """What was wanted, what was found, and whether that is enough; None when it was not measured."""

    what: str
    limit: str
    found: str
    met: bool | None


@dataclass
class Report:
    """Everything of one run: figures by number of instruments, and the goals; `intro` says how to read them."""

    title: str
    intro: str
    machine: dict[str, str]
    figures: dict[int, list[Figure]] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)

    def get(self, size: int, name: str) -> Figure | None:
        """The figure of this name, if it was measured."""
        return next((f for f in self.figures.get(size, []) if f.name == name and f.values), None)


def measure(steps: Iterable[Step], rounds: int) -> list[Figure]:
    """Time all steps in every round, one after the other, so that a slow minute of the machine hits all of them.

    The garbage collector runs between the steps, not in them.
    """
    timed = [(step, Figure(step.name, "s")) for step in steps]
    for step, _ in timed:
        if step.rounds is None:
            step.run()
    for n in range(rounds):
        for step, figure in timed:
            if n >= (step.rounds or rounds):
                continue
            gc.collect()
            gc.disable()
            start = perf_counter()
            own = step.run()
            seconds = own if isinstance(own, float) else perf_counter() - start
            gc.enable()
            figure.values.append(seconds / step.per)
    return [figure for _, figure in timed]


def each(function: Callable[[Any], object], keys: Sequence[Any]) -> Callable[[], float]:
    """A step that calls `function` with one key after the other.

    Its own clock reads every hundred keys, and the median of these counts for all: a moment in which the processor
    belonged to another process is none of ours.
    """
    parts = [keys[at : at + 100] for at in range(0, len(keys), 100)]

    def run() -> float:
        spent = []
        for part in parts:
            start = perf_counter()
            for key in part:
                function(key)
            spent.append((perf_counter() - start) / len(part))
        return median(spent) * len(keys)

    return run


def fresh(function: str, *arguments: object) -> dict[str, float]:
    """The figures of `MODULE:FUNCTION`, run in a new process (see `benchmarks.child`). Raises RuntimeError if it fails."""
    command = [sys.executable, "-m", "benchmarks.child", function, *map(str, arguments)]
    root = str(Path(__file__).parent.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": path})
    if done.returncode:
        raise RuntimeError(f"{function} failed with exit code {done.returncode}:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def describe_machine() -> dict[str, str]:
    """What the figures depend on: processor, memory, versions."""
    cpu = _first_line("/proc/cpuinfo", "model name")
    memory = int(_first_line("/proc/meminfo", "MemTotal").split()[0] or 0) / 2**20
    found = {
        "processor": f"{cpu or platform.processor()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _first_line(path: str, name: str) -> str:
    with Path(path).open(encoding="utf-8") as file:
        return next((line.partition(":")[2].strip() for line in file if line.startswith(name)), "0")


def show(value: float, unit: str) -> str:
    """A value with three digits and the prefix that people would choose."""
    if unit == "s":
        for scale, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")):
            if value >= scale:
                return f"{value / scale:.3g} {name}" if value < 1000 * scale else f"{value:,.0f} s"
    if unit == "B":
        for scale, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
            if value >= scale:
                return f"{value / scale:.4g} {name}"
        return f"{value:.0f} B"
    return f"{value:.3g} ×" if unit == "x" else f"{value:.3g} {unit}"


def rows(figures: list[Figure]) -> list[tuple[str, str, str, str]]:
    """(name, median, from … to, note) of every figure, as text."""
    found = []
    for f in figures:
        if f.values:
            spread = f"{show(min(f.values), f.unit)} … {show(max(f.values), f.unit)}" if len(f.values) > 1 else ""
            found.append((f.name, show(f.median, f.unit), spread, f.note))
        else:
            found.append((f.name, "not run", "", f.note))
    return found


def scaling(report: Report) -> list[list[str]]:
    """What was measured at every size: a heading, then (name, median at each size …, ratio of the last two)."""
    sizes = sorted(report.figures)
    if len(sizes) < 2:
        return []
    found = [["step", *(f"{size:,}" for size in sizes), "ratio of the last two"]]
    for figure in report.figures[sizes[0]]:
        same = [report.get(size, figure.name) for size in sizes]
        values = [f.median for f in same if f is not None]
        if len(values) == len(sizes):
            shown = [show(value, figure.unit) for value in values]
            found.append([figure.name, *shown, show(values[-1] / values[-2], "x")])
    return found


def print_report(report: Report) -> None:
    """Tables for the terminal."""
    console = Console()
    console.print(", ".join(f"{name} {value}" for name, value in report.machine.items()), highlight=False)
    for size, figures in report.figures.items():
        table = Table("step", "median", "least … most", "", title=f"{report.title}: {size:,} instruments")
        for row in rows(figures):
            table.add_row(*row)
        console.print(table)
    heading, *body = scaling(report) or [[]]
    if body:
        table = Table(*heading, title="From size to size")
        for line in body:
            table.add_row(*line)
        console.print(table)
    table = Table("goal", "limit", "found", "met", title="Goals")
    for goal in report.goals:
        table.add_row(goal.what, goal.limit, goal.found, _VERDICT[goal.met])
    console.print(table)


_VERDICT = {True: "yes", False: "NO", None: "not measured"}


def write_json(report: Report, path: Path) -> None:
    """Every value of every round."""
    path.write_text(json.dumps(asdict(report), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_markdown(report: Report, path: Path) -> None:
    """The page for people: machine, goals, one table per size."""
    lines = [f"# {report.title}", "", report.intro, ""]
    lines += [f"- {name}: {value}" for name, value in report.machine.items()]
    lines += ["", "## Goals", "", *markdown_table(("Goal", "Limit", "Found", "Met"), [
        (g.what, g.limit, g.found, _VERDICT[g.met]) for g in report.goals
    ])]  # fmt: skip
    heading, *body = scaling(report) or [[]]
    if body:
        lines += ["", "## From size to size", "", *markdown_table(heading, body)]
    for size, figures in report.figures.items():
        heading = ["Step", "Median", "Least … most", "Note"]
        lines += ["", f"## {size:,} instruments", "", *markdown_table(heading, rows(figures))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def print_table(title: str, lines: Sequence[Sequence[str]]) -> None:
    """A table for the terminal: its heading, then its rows."""
    table = Table(*lines[0], title=title)
    for line in lines[1:]:
        table.add_row(*line)
    Console().print(table)


def markdown_table(heading: Sequence[str], body: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    table = [heading, ["---"] * len(heading), *body]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]
