"""Every recorded payload through the engine: counted, the same in any order, and nothing new the second time."""

from __future__ import annotations

import lzma
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.importers.registry import IMPORTERS, detect
from tests.importers.support import TOLD, read
from tests.states import state

AT = datetime(2026, 9, 1, tzinfo=UTC)
WORDS = ("registered", "updated", "unchanged", "rejected", "conflicts", "collisions")
#: No payload of a source: vectors for tests, and a table of cross listings that no importer is for.
OTHERS = ("README.md", "identifiers/", "evm/pool_and", "tradfi/adanos")
#: Of the long tables this many lines are enough here; they have tests of their own that read them whole.
LINES = 1500


@pytest.fixture(scope="module")
def payloads(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Path]]:
    """Source and file of each payload, the long tables cut."""
    folder = tmp_path_factory.mktemp("payloads")
    found = {}
    for path in sorted(p for p in real_data.rglob("*") if p.is_file()):
        name = path.relative_to(real_data).as_posix()
        if name.startswith(OTHERS):
            continue
        source = TOLD.get(path.name) or detect(read(path)[:65536]).source
        if path.stat().st_size > 200_000 and ".csv" in path.name:
            cut = folder / path.name
            with lzma.open(cut, "wb") if path.suffix == ".xz" else cut.open("wb") as out:
                out.write(b"".join(read(path).splitlines(keepends=True)[:LINES]))
            path = cut
        found[name] = (source, path)
    return found


def run(catalog: Catalog, source: str, path: Path) -> dict[str, int]:
    report = catalog.import_file(source, str(path), observed_at=AT).to_json()
    assert report["seen"] == sum(report[word] for word in WORDS)
    assert report["collisions"] == 0
    assert "failure" not in report
    assert "stopped" not in report
    assert {r["code"] for r in catalog.import_rejects(report["run_id"])} <= ENGINE_CODES | set(
        IMPORTERS[source.partition(":")[0]].codes
    )
    return {word: report[word] for word in (*WORDS, "disputes", "waiting")}


#: What the engine refuses of a good row.
ENGINE_CODES = {
    "missing_decimals", "unknown_instrument", "unknown_broker_contract", "unknown_mic", "unknown_exchange",
    "unknown_blockchain", "unknown_venue",
}  # fmt: skip


def test_three_orders_and_a_second_time(
    payloads: dict[str, tuple[str, Path]], fresh_catalog: Callable[[], Catalog]
) -> None:
    shuffled = list(payloads)
    random.Random(5).shuffle(shuffled)
    states = []
    for order in (list(payloads), list(payloads)[::-1], shuffled):
        with fresh_catalog() as catalog:
            for name in order:
                counts = run(catalog, *payloads[name])
                assert sum(counts.values()), name
            states.append(state(catalog))
            if order is shuffled:
                last = catalog.stats()["last_sequence"]
                for name in order:
                    counts = run(catalog, *payloads[name])
                    assert counts["registered"] == counts["updated"] == 0, name
                assert catalog.stats()["last_sequence"] == last
                assert state(catalog) == states[-1]
    for table, rows in states[0].items():
        assert rows == states[1][table] == states[2][table], table
