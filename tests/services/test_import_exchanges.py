"""Recorded lists of markets of three exchanges, through the engine: what is stored, twice, and in any order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from catalog import Catalog
from tests.services.test_imports import WORDS
from tests.states import state

FILES = {
    "binance": "binance/spot_exchangeInfo_2021-08-26.json.xz",
    "binance-futures": "binance/usdm_futures_exchangeInfo_2021-07-22.json",
    "coinbase": "coinbase/products_2021-04-17.json",
    "kraken": "kraken/AssetPairs_2021-04-17.json",
}
#: Seen, rejected.
COUNTS = {"binance": (2053, 0), "binance-futures": (240, 1), "coinbase": (220, 0), "kraken": (368, 0)}
AT = datetime(2021, 7, 1, tzinfo=UTC)


def test_three_orders_and_a_second_run(real_data: Path, fresh_catalog: Callable[[], Catalog]) -> None:
    sources = list(FILES)
    held = []
    for order in (sources, sources[::-1], [sources[1], sources[3], sources[0], sources[2]]):
        with fresh_catalog() as catalog:
            for source in order:
                report = catalog.import_file("auto", str(real_data / FILES[source]), observed_at=AT).to_json()
                assert report["source"] == source
                assert (report["seen"], report["rejected"]) == COUNTS[source]
                assert report["seen"] == sum(report[word] for word in WORDS)
                assert (report["conflicts"], report["collisions"], report["disputes"]) == (0, 0, 0)
            held.append(state(catalog))
            if order == sources:
                last = catalog.stats()["last_sequence"]
                again = [
                    catalog.import_file("auto", str(real_data / file), observed_at=AT).to_json()
                    for file in FILES.values()
                ]
                assert {(r["registered"], r["updated"]) for r in again} == {(0, 0)}
                assert [r["rejected"] for r in again] == [COUNTS[r["source"]][1] for r in again]
                assert catalog.stats()["last_sequence"] == last
                counts = catalog.stats()["by_record"]
                assert (counts["pair"], counts["future"]) == (1608 + 162 + 304, 121)
                assert [r.record for r in catalog.find("binance:BTCUSDT", by="exchange-symbol")] == ["pair", "future"]
    for other in held[1:]:
        for table, rows in held[0].items():
            assert rows == other[table], table
