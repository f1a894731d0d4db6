"""Damaged payloads through every importer: `python -m tests.fuzz.importers --count 10000 --seed 1 [--source binance]`.

The good payloads are those of tests/importers/payloads, and the recorded ones that CATALOG_REAL_DATA leads to, cut to
their first rows. A finding names the source, the seed and the number of its case; `--first NUMBER --count 1` repeats it.
"""

from __future__ import annotations

import argparse
import lzma
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from random import Random
from typing import NamedTuple

from catalog.errors import PayloadError
from catalog.importers.base import Importer
from catalog.importers.registry import HEAD_SIZE, IMPORTERS, named
from tests.fuzz.damage import Mutant, mutant
from tests.fuzz.oracle import Judge, Rules, ring
from tests.fuzz.payloads import cut
from tests.importers.support import PAYLOADS, TOLD, importer_for, read

MAX_GROWTH = 512 << 20
#: How the rows of a source depend on others, see `Judge`.
RELATIONS = {"evm-logs": "summed", "exchange-calendars": "linked", "tradovate": "joined"}

#: Sizes that a source gives in coins or dollars, and we in contracts.
QUOTIENTS = {
    "deribit": {f"{kind}.{size}" for kind in ("future", "option") for size in ("lot_size", "min_quantity")},
}


class Case(NamedTuple):
    """One mutant of one good payload."""

    name: str
    judge: Judge
    mutant: Mutant


@cache
def real_payloads() -> dict[str, dict[str, bytes]]:
    """The recorded payloads of each source, by file name."""
    found: dict[str, dict[str, bytes]] = {}
    folder = os.environ.get("CATALOG_REAL_DATA")
    for path in sorted(Path(folder).rglob("*")) if folder else []:
        if not path.is_file():
            continue
        with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
            head = file.read(HEAD_SIZE)
        for source, importer in IMPORTERS.items():
            if importer.can_parse(head):
                found.setdefault(source, {})[path.name] = read(path)
    return found


def judges(source: str, importer: Importer | None = None, *, with_real: bool = True) -> dict[str, Judge]:
    """A judge for every good payload of a source, by the payload's name."""
    importer = importer or importer_for(source)
    good = {"ours": PAYLOADS[source]} | (real_payloads().get(source, {}) if with_real else {})
    found, rules = {}, Rules(quotients=QUOTIENTS.get(source, set()))
    for name, data in good.items():
        apart = cut(data)
        reader = named(TOLD[name]) if name in TOLD else importer
        try:
            moment = reader.heading(BytesIO(apart.data)).observed_at
            judge = Judge(reader, apart, moment, rules, relation=RELATIONS.get(source, ""))
        except PayloadError as error:
            if name == "ours":
                raise
            print(f"{source}: {name} is left out: {error}")
            continue
        if judge.has_records:
            found[name] = judge
    assert found, f"no payload of {source} has a record"
    return found


def case(seed: int, number: int, source: str, known: dict[str, Judge]) -> Case:
    """The case of that number: a function of its arguments and the good payloads alone."""
    random = Random(f"{seed}/{source}/{number}")
    name = random.choice(sorted(known))
    return Case(name, known[name], mutant(random, known[name].good, list(PAYLOADS.values())))


def limit_memory() -> None:
    """Forbid this process to grow by more than MAX_GROWTH from here on, where the system tells its size."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        most = pages * os.sysconf("SC_PAGE_SIZE") + MAX_GROWTH
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def campaign(source: str, seed: int, numbers: range, save: Path | None = None) -> int:
    """How many findings there are among the cases with these numbers; each is printed."""
    known = judges(source)
    findings = 0
    for number in numbers:
        name, judge, broken = case(seed, number, source, known)
        for finding in judge.judge(broken.data)[:3]:
            findings += 1
            print(f"FINDING {source} seed {seed} number {number} of {name} ({broken.story}): {finding}", flush=True)
            if save is not None:
                save.mkdir(parents=True, exist_ok=True)
                (save / f"{source}-{seed}-{number}").write_bytes(broken.data)
    return findings


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign; 1 when there are findings."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz.importers", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--count", type=int, default=10_000, help="how many cases of each source")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--source", choices=list(IMPORTERS), action="append", help="only this one; may be repeated")
    parser.add_argument("--save", type=Path, metavar="DIR", help="keep the payloads that were findings there")
    told = parser.parse_args(arguments)
    signal.signal(signal.SIGVTALRM, ring)
    real_payloads()
    limit_memory()
    total = 0
    for source in told.source or IMPORTERS:
        started = time.monotonic()
        found = campaign(source, told.seed, range(told.first, told.first + told.count), told.save)
        total += found
        print(f"{source}: {told.count} cases, {found} findings, {time.monotonic() - started:.0f} s", flush=True)
    print(f"findings: {total}")
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
