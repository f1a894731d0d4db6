"""Rows a second of every importer, beside ccxt and NautilusTrader: `python -m benchmarks.importers FILE …`.

Without a file it takes, for every source, the largest payload below the folder that CATALOG_REAL_DATA names. ccxt reads
the same bytes offline; NautilusTrader lives in an environment of its own, whose Python `--nautilus` names, and writes
instruments that were built of the same rows. A peer that is absent, or has no such reader, is named as not run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg

from benchmarks.harness import Figure, Step, describe_machine, markdown_table, measure, print_table
from catalog import Catalog
from catalog.database import migrations
from catalog.database.embedded import EmbeddedServer
from catalog.domain import Asset, Pair, Stock
from catalog.domain.decimals import format_decimal
from catalog.errors import PayloadError
from catalog.importers.base import Importer, Parsed, Told
from catalog.importers.registry import detect
from catalog.services.payloads import opened

#: Source → the exchange of ccxt that reads the same payload, its request, and what to ask it for.
CCXT: dict[str, tuple[str, str, list[str]]] = {
    "binance": ("binance", "exchangeInfo", ["spot"]),
    "binance-futures": ("binanceusdm", "exchangeInfo", ["linear"]),
    "coinbase": ("coinbaseexchange", "products", []),
    "kraken": ("kraken", "AssetPairs", []),
}
#: The blockchain of payloads that do not say theirs; it makes no difference for the time.
CHAIN = "eip155:1"
PARSE, IMPORT = "parse", "parse and import"
CCXT_FLOAT, CCXT_TEXT, NAUTILUS = "ccxt, floats", "ccxt, text", "NautilusTrader, build and write"
COLUMNS = (PARSE, IMPORT, CCXT_FLOAT, CCXT_TEXT, NAUTILUS)
_TICK = "0.01"  # of a share: the payloads do not say it, and the peer's model wants one


class Payload(NamedTuple):
    """A payload to be measured: its importer, what an import is told, its unpacked bytes in a file, and the results of
    one reading."""

    importer: Importer
    source: str
    path: Path
    results: list[Any]

    @property
    def rows(self) -> int:
        """The rows of the payload: several records, such as a pair and its assets, may come of one."""
        return len({re.sub(r"^(/[^/]*/[^/]*)/.*", r"\1", result.place) for result in self.results})


class Server(NamedTuple):
    """A database server with a migrated template."""

    url: str
    admin: psycopg.Connection
    numbers: Iterator[int]

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """URL of an empty catalog, which is dropped at the end."""
        name = f"benchmark_{next(self.numbers)}"
        self.admin.execute(f"CREATE DATABASE {name} TEMPLATE benchmark_template STRATEGY file_copy")
        try:
            yield urlsplit(self.url)._replace(path=f"/{name}").geturl()
        finally:
            self.admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def server(folder: Path) -> Iterator[Server]:
    """A server of its own below `folder`."""
    with EmbeddedServer(folder / "server", durable=False) as embedded:
        url = embedded.start()
        at = urlsplit(url)
        with psycopg.connect(at._replace(path="/postgres").geturl(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE benchmark_template")
            migrations.upgrade(at._replace(path="/benchmark_template").geturl())
            yield Server(url, admin, count(1))


def prepare(files: Sequence[Path], folder: Path) -> Iterator[Payload]:
    """Unpack, detect and read the payloads; of a source that has several, only the largest."""
    found: dict[str, Payload] = {}
    for file in files:
        with opened(str(file)) as payload:
            try:
                importer = detect(payload.head())
            except PayloadError:
                continue
            source = importer.source
            if isinstance(importer, Told):
                source, importer = f"{source}:{CHAIN}", importer.told(CHAIN)
            path = folder / f"{importer.source}-{file.name.removesuffix('.xz')}"
            payload.stream.seek(0)
            with path.open("wb") as target:
                shutil.copyfileobj(payload.stream, target)
        results = list(read(importer, path))
        if importer.source not in found or len(results) > len(found[importer.source].results):
            found[importer.source] = Payload(importer, source, path, results)
    yield from (found[source] for source in sorted(found))


def read(importer: Importer, path: Path) -> Iterator[Any]:
    """Everything that the importer makes of a payload, as far as it can be read."""
    with path.open("rb") as stream:
        yield from importer.parse(stream, importer.heading(stream).observed_at)


def steps(payload: Payload, place: Server, folder: Path, nautilus: str | None) -> tuple[list[Step], dict[str, str]]:
    """What can be timed on a payload, and why the rest cannot."""
    importer, _, path, results = payload
    absent: dict[str, str] = {}
    market_reader = _ccxt(importer.source, path)
    found = [
        Step(PARSE, lambda: sum(1 for _ in read(importer, path)), payload.rows),
        Step(IMPORT, partial(_import, payload, place), payload.rows),
    ]
    if isinstance(market_reader, str):
        absent |= {CCXT_FLOAT: market_reader, CCXT_TEXT: market_reader}
    else:
        found.append(Step(CCXT_FLOAT, market_reader(float), payload.rows))
        found.append(Step(CCXT_TEXT, market_reader(str), payload.rows))
    rows = folder / f"{importer.source}.rows"
    written = rows_for_nautilus(results, rows)
    if not written:
        absent[NAUTILUS] = "no pairs or shares"
    elif nautilus is None:
        absent[NAUTILUS] = "not installed"
    else:
        found.append(Step(NAUTILUS, partial(_nautilus, nautilus, rows, folder), rounds=2))
    return found, absent


def _import(payload: Payload, place: Server) -> float:
    with place.fresh() as url, Catalog.open(url, actor="benchmark") as catalog:
        catalog.stats()  # connected
        start = perf_counter()
        catalog.import_file(payload.source, str(payload.path))
        return perf_counter() - start


def _ccxt(source: str, path: Path) -> Callable[[Any], Callable[[], Any]] | str:
    """How ccxt reads the payload with a type for its numbers; or why it does not."""
    if source not in CCXT:
        return "no such reader"
    try:
        ccxt = import_module("ccxt")
    except ImportError:
        return "not installed"
    exchange, request, types = CCXT[source]

    def reader(number: Any) -> Callable[[], Any]:
        offline = getattr(ccxt, exchange)()
        offline.number = number
        offline.options["fetchMarkets"] = {"types": types}
        offline.request = lambda path_, *_, **__: json.loads(path.read_bytes()) if request in path_ else {}
        return lambda: offline.fetch_markets()

    return reader


def rows_for_nautilus(results: Sequence[Any], path: Path, limit: int = 1000) -> int:
    """Write the first pairs and shares as rows for the peer; how many there are."""
    assets = {
        str(r.record.id): r.record.symbol for r in results if isinstance(r, Parsed) and isinstance(r.record, Asset)
    }
    rows: list[dict[str, Any]] = []
    for result in results:
        record = result.record if isinstance(result, Parsed) else None
        if isinstance(record, Pair) and record.tick_size and record.lot_size:
            base, quote = assets.get(str(record.base_id)), assets.get(str(record.quote_id))
            rows.append(
                {
                    "kind": "pair", "id": f"{record.symbol}.{record.exchange.upper()}", "symbol": record.symbol,
                    "base": base, "quote": quote, "tick": format_decimal(record.tick_size),
                    "lot": format_decimal(record.lot_size),
                }
            )  # fmt: skip
        elif isinstance(record, Stock) and record.ticker and record.ticker.isalnum():
            rows.append(
                {
                    "kind": "equity", "id": f"{record.ticker}.{record.mic}", "symbol": record.ticker,
                    "currency": record.currency, "tick": _TICK, "isin": record.isin,
                }
            )  # fmt: skip
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows[:limit]), encoding="utf-8")
    return min(len(rows), limit)


def _nautilus(python: str, rows: Path, folder: Path) -> float:
    """Seconds for one instrument."""
    with tempfile.TemporaryDirectory(dir=folder) as target:
        command = [python, str(Path(__file__).with_name("nautilus_peer.py")), str(rows), target]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{python} failed with exit code {done.returncode}:\n{done.stderr}")
    found = json.loads(done.stdout)
    return float(found["build"] + found["write"]) / max(int(found["count"]), 1)


def table(measured: dict[str, tuple[int, list[Figure], dict[str, str]]]) -> list[list[str]]:
    """Heading and rows: for each source the rows of its payload, and how many a second each reader does."""
    lines = [["source", "rows", *COLUMNS]]
    for source, (rows, figures, absent) in measured.items():
        by_name = {f.name: f"{1 / f.median:,.0f}" for f in figures if f.values}
        lines.append([source, f"{rows:,}", *(by_name.get(name, absent.get(name, "not run")) for name in COLUMNS)])
    return lines


def main(arguments: Sequence[str] | None = None) -> list[list[str]]:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.importers", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("files", type=Path, nargs="*", help="payloads; default: those of CATALOG_REAL_DATA")
    parser.add_argument("--source", action="append", help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nautilus", metavar="PYTHON", help="the Python that has nautilus_trader")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    asked = parser.parse_args(arguments)
    folder = os.environ.get("CATALOG_REAL_DATA")
    files = asked.files or (sorted(p for p in Path(folder).rglob("*") if p.is_file()) if folder else [])
    if not files:
        parser.error("no payload: name files, or set CATALOG_REAL_DATA")
    measured: dict[str, tuple[int, list[Figure], dict[str, str]]] = {}
    with ExitStack() as stack:
        scratch = Path(tempfile.mkdtemp(prefix="benchmark-"))
        stack.callback(shutil.rmtree, scratch)
        scratch.chmod(0o711)  # a server run for root is another user
        place = stack.enter_context(server(scratch))
        for payload in prepare(files, scratch):
            if asked.source and payload.importer.source not in asked.source:
                continue
            print(f"measuring {payload.importer.source}", file=sys.stderr)
            found, absent = steps(payload, place, scratch, asked.nautilus)
            measured[payload.importer.source] = (payload.rows, measure(found, asked.rounds), absent)
    lines = table(measured)
    print(", ".join(f"{name} {value}" for name, value in describe_machine().items()))
    print_table("Importers: rows a second", lines)
    if asked.markdown:
        asked.markdown.write_text("\n".join(markdown_table(lines[0], lines[1:])) + "\n", encoding="utf-8")
    return lines


if __name__ == "__main__":
    main()
