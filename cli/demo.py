"""`catalog demo`: the main job end to end, on the embedded server and the bundled sample."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from cli.output import out, table

#: What the demo looks up: (by, key), all of it in the sample.
LOOK_UPS = (
    ("isin", "US0378331005"),
    ("isin", "CA82509L1076"),
    ("cusip", "037833100"),
    ("address", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"),
    ("symbol", "USDC"),
    ("symbol", "BTC"),
    ("id", "bab9c8dc24815bbdcc4a47f18643879f"),
)
ROUNDS = 200


def demo() -> None:
    """Import the bundled sample, export a snapshot, verify it, and look things up in it."""
    from catalog.database import migrations
    from catalog.database.embedded import EmbeddedServer
    from catalog.services.catalog import Catalog
    from catalog.settings import resolve
    from catalog.snapshot import Snapshot
    from catalog.snapshot.verify import verify
    from cli.context import moment

    with EmbeddedServer(resolve().data_directory) as server, tempfile.TemporaryDirectory() as folder:
        url = server.start()
        out.say("1. the embedded PostgreSQL is up; migrating")
        migrations.upgrade(url)
        with Catalog.open(url) as catalog, as_file(files("catalog") / "sample.jsonl") as sample:
            out.say("2. importing the bundled sample")
            report = catalog.import_file("jsonl", str(sample), feed="sample", observed_at=moment("2026-11-01"))
            path = str(Path(folder) / "catalog.snap")
            out.say("3. exporting a snapshot and verifying it")
            info = catalog.export_snapshot(path)
            checked = verify(path)
            by_record = catalog.stats()["by_record"]
        with Snapshot.open(path) as snapshot:
            rows = [_look_up(snapshot, by, key) for by, key in LOOK_UPS]
    result = {
        "import": report.to_json(),
        "by_record": by_record,
        "snapshot": {"size": info.size, "digest": info.digest.hex(), "verified": checked.ok},
        "look_ups": rows,
    }
    out.data(result, lambda _: _lines(report.to_json(), by_record, result, rows))
    if not checked.ok or report.failure:
        raise SystemExit(1)


def _look_up(snapshot: Any, by: str, key: str) -> dict[str, Any]:
    look: Callable[[], Any] = (
        (lambda: snapshot.get(key)) if by == "id" else (lambda: getattr(snapshot, f"by_{by}")(key))
    )
    found = look()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        look()
        times.append(time.perf_counter_ns() - start)
    records = found if isinstance(found, list) else [found]
    return {
        "by": by,
        "key": key,
        "microseconds": round(sorted(times)[ROUNDS // 2] / 1000, 1),
        "found": ", ".join(_name(r.to_json()) for r in records),
    }


def _name(record: dict[str, Any]) -> str:
    symbol = record.get("symbol") or record.get("ticker") or record.get("isin") or record.get("iso_code")
    where = record.get("mic") or record.get("exchange") or record.get("blockchain")
    return f"{record['record']} {symbol}" + (f"@{where}" if where else "")


def _lines(
    report: dict[str, Any], by_record: dict[str, int], result: dict[str, Any], rows: list[dict[str, Any]]
) -> list[str]:
    words = ("registered", "updated", "unchanged", "rejected", "conflicts", "collisions")
    snapshot = result["snapshot"]
    return [
        "imported: " + ", ".join(f"{report[w]} {w}" for w in words),
        "in the catalog: " + ", ".join(f"{n} {record}" for record, n in by_record.items() if n),
        f"snapshot: {snapshot['size']:,} bytes, {'verified' if snapshot['verified'] else 'NOT VERIFIED'}, {snapshot['digest']}",
        "",
        *table(rows, ("by", "key", "microseconds", "found")),
    ]
