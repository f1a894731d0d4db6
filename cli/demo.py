"""`catalog demo`: the main job end to end, on the embedded server and the bundled sample."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli import exits, output
from cli.session import session

if TYPE_CHECKING:
    from catalog.domain.base import Record
    from catalog.snapshot import Snapshot

#: When the sample was checked against its sources; fixed, so that a second run says nothing new.
SAMPLE_OBSERVED_AT = datetime(2026, 11, 1, tzinfo=UTC)
ROUNDS, LOOPS = 5, 200

USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
USDC_ID = "de16575aee83f5b239f1490846f29f2a"
WETH_ID = "bc20248dad2d63b7fe60439236d02908"
APPLE_ID = "bab9c8dc24815bbdcc4a47f18643879f"
BINANCE_ETH_USDT = ("0f07a43d5a2f22c05ec239ffdc776925", "6f17f7d154f17a7842f7621bba3b5ab6")
OSI = "AAPL  270115C00200000"
FIGI = "BBG000B9XRY4"
SWAP = 2318513829


def demo() -> None:
    """Import the bundled sample, export a snapshot, prove it, and look things up in it.

    Runs on this user's embedded server (or on --database-url, if given); a second run changes nothing.
    """
    with _server() as url, tempfile.TemporaryDirectory(prefix="catalog-demo-") as folder:
        path = str(Path(folder) / "catalog.snap")
        report = _import_and_export(url, path)
        found = _read(path)
    shown, kinds, look_ups = found
    if session.json:
        output.value({"import": report, "snapshot": shown, "one_of_each": kinds, "look_ups": look_ups})
    else:
        output.table(kinds)
        output.text("")
        output.table(look_ups)
    if not shown["ok"] or not all(line["count"] for line in kinds) or not all(line["found"] for line in look_ups):
        output.error(
            "the demo did not find what it put in", "report this with the output of `catalog demo --traceback`"
        )
        raise typer.Exit(exits.NO)


@contextmanager
def _server() -> Iterator[str]:
    if session.database_url is not None:
        yield session.database_url
        return
    from catalog.database.embedded import EmbeddedServer
    from catalog.settings import data_directory

    with _step("start the embedded PostgreSQL"):
        server = EmbeddedServer(data_directory())
        url = server.start()
    try:
        yield url
    finally:
        server.stop()


def _import_and_export(url: str, path: str) -> dict[str, Any]:
    from importlib.resources import as_file, files

    from catalog.database import migrations
    from catalog.services.catalog import Catalog

    with _step("migrate the schema"):
        migrations.upgrade(url)
    with Catalog.open(url) as catalog:
        with _step("import the bundled sample"), as_file(files("catalog") / "sample.jsonl") as sample:
            report = catalog.import_file("jsonl", str(sample), feed="sample", observed_at=SAMPLE_OBSERVED_AT).to_json()
        words = ("seen", "registered", "updated", "unchanged", "rejected", "disputes")
        output.note("  " + ", ".join(f"{report[word]} {word}" for word in words))
        with _step("export a snapshot"):
            catalog.export_snapshot(path)
    return report


def _read(path: str) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    from catalog.snapshot import Snapshot
    from catalog.snapshot.verify import verify

    with _step("verify every byte of it"):
        report = verify(path)
    shown = {"ok": report.ok, "size": report.size, "digest": report.digest.hex(), "counts": report.counts}
    output.note(f"  {report.size:,} bytes, {report.num_messages} messages, digest {report.digest.hex()[:16]}…")
    for problem in report.problems:
        output.error(f"the snapshot is corrupt: {problem.message}")
    with Snapshot.open(path) as snapshot:
        return shown, _one_of_each(snapshot), [_line(*question) for question in _questions(snapshot)]


def _one_of_each(snapshot: Snapshot) -> list[dict[str, Any]]:
    """A line per record type: how many there are, and one of them."""
    from catalog.domain.records import RECORDS

    lines = []
    for record in RECORDS:
        first = next(snapshot.records(record), None)
        line = {"record": record, "count": snapshot.counts.get(record, 0)}
        lines.append(line | ({} if first is None else {"one of them": _name(first), "at": _where(first)}))
    return lines


def _name(record: Record) -> str:
    for name in ("formula", "symbol", "ticker", "iso_code", "name", "isin", "mic", "slug", "address"):
        value = getattr(record, name, None)
        if value:
            return str(value)
    return str(record.shown_id)


def _questions(snapshot: Snapshot) -> list[tuple[str, str, Callable[[], list[Record]]]]:
    def by_id() -> list[Record]:
        return [snapshot.get(USDC_ID)] if snapshot.locate(USDC_ID) is not None else []

    return [
        ("ISIN", "US0378331005", lambda: snapshot.by_isin("US0378331005")),
        ("CUSIP", "037833100", lambda: snapshot.by_cusip("037833100")),
        ("address", USDC, lambda: snapshot.by_address(USDC)),
        ("symbol", "USDC", lambda: snapshot.by_symbol("USDC")),
        ("id", USDC_ID, by_id),
        ("OSI symbol", OSI, lambda: snapshot.by_symbol(OSI)),
        ("options of", "Apple", lambda: snapshot.options_of(APPLE_ID)),
        ("FIGI", FIGI, lambda: snapshot.by_figi(FIGI)),
        ("exchange symbol", "binance BTCUSDT", lambda: snapshot.by_exchange_symbol("binance", "BTCUSDT")),
        ("pools for", "USDC, WETH", lambda: snapshot.pools_for(USDC_ID, WETH_ID)),
        ("pairs for", "ETH, USDT", lambda: snapshot.pairs_for(*BINANCE_ETH_USDT)),
        ("brokers of", "Apple", lambda: snapshot.broker_contracts_of(APPLE_ID)),
        ("event type", str(SWAP), lambda: [snapshot.event_type(SWAP)]),
    ]


def _line(by: str, key: str, ask: Callable[[], list[Record]]) -> dict[str, Any]:
    """One look-up: what it found, and the best mean time of some rounds, full records included."""
    found = ask()
    best = min(_round(ask) for _ in range(ROUNDS))
    names = [f"{r.record} {_where(r)}" for r in found]
    more = f", and {len(names) - 3} more" if len(names) > 3 else ""
    return {
        "look-up": by,
        "key": key,
        "found": len(found),
        "records": ", ".join(names[:3]) + more,
        "µs": round(best, 1),
    }


def _where(record: Record) -> str:
    for name in ("mic", "blockchain", "exchange", "broker", "isin", "osi_root", "event_source"):
        value = getattr(record, name, None)
        if value:
            return str(value)
    return str(getattr(record, "key", "") or record.shown_id)


def _round(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(LOOPS):
        ask()
    return (time.perf_counter() - started) / LOOPS * 1e6


@contextmanager
def _step(what: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    output.note(f"{what}: {time.perf_counter() - started:.2f} s")
