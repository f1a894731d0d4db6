"""Import runs on real payloads: the arithmetic holds, nothing is lost, order does not matter."""

from __future__ import annotations

import io
import json
import lzma
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from catalog import Catalog
from catalog.errors import PayloadError
from catalog.importers.base import Parsed, Reject
from catalog.importers.jsonl import JsonlImporter
from catalog.repositories import contents
from catalog.repositories.mapping import select, to_values
from catalog.repositories.search import to_record
from catalog.services import payloads
from catalog.snapshot import Snapshot
from tests.states import state

FINANCE = "tradfi/financedatabase_equities_concat_2026-08-16.csv.xz"
AT = datetime(2026, 8, 16, tzinfo=UTC)
WORDS = ("registered", "updated", "unchanged", "rejected", "conflicts", "collisions")


def test_finance_database_twice_and_shuffled(
    real_data: Path, tmp_path: Path, fresh_catalog: Callable[[], Catalog]
) -> None:
    with fresh_catalog() as catalog:
        first = catalog.import_file("finance-database", str(real_data / FINANCE), observed_at=AT).to_json()
        assert first["seen"] == sum(first[w] for w in WORDS)
        assert first["conflicts"] == 323
        assert first["collisions"] == 0
        last = catalog.stats()["last_sequence"]
        again = catalog.import_file("finance-database", str(real_data / FINANCE), observed_at=AT).to_json()
        assert again["registered"] == again["updated"] == 0
        assert {w: again[w] for w in ("rejected", "conflicts", "disputes")} == {
            w: first[w] for w in ("rejected", "conflicts", "disputes")
        }
        assert catalog.stats()["last_sequence"] == last
        assert len([r for r in catalog.find("US0378331005", by="isin") if r.record == "stock"]) >= 12
        held = state(catalog)
        _snapshot_equals_repository(catalog, tmp_path)
    shuffled = tmp_path / "shuffled.csv"
    _shuffle(real_data / FINANCE, shuffled)
    with fresh_catalog() as catalog:
        other = catalog.import_file("finance-database", str(shuffled), observed_at=AT).to_json()
        assert {w: other[w] for w in WORDS} == {w: first[w] for w in WORDS}
        for table, rows in state(catalog).items():
            assert rows == held[table], table


def _shuffle(source: Path, target: Path) -> None:
    import csv

    with lzma.open(source, "rt", newline="", encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream))
    random.Random(7).shuffle(rows)
    with target.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])


def _snapshot_equals_repository(catalog: Catalog, folder: Path) -> None:
    catalog.export_snapshot(str(folder / "one.snap"))
    catalog.export_snapshot(str(folder / "two.snap"))
    assert (folder / "one.snap").read_bytes() == (folder / "two.snap").read_bytes()
    with Snapshot.open(folder / "one.snap") as snapshot:
        checked = 0
        for name, noun in catalog.nouns.items():
            after = None
            while page := noun.list(after=after, limit=1000):
                for record in page:
                    if record.status != "retired" and name != "listing":
                        assert snapshot.get(record.id, kind=name) == record
                        checked += 1
                if name == "listing":
                    break
                after = record.id
        assert checked > 60_000
        with catalog.transaction() as cursor:
            cursor.execute(select("listing") + " WHERE t0.status <> 'retired'")
            held = [to_record(to_values("listing", cells[1:])) for cells in cursor.fetchall()]
        assert len(held) > 60_000
        assert {r.key: r for r in snapshot.records("listing")} == {r.key: r for r in held}  # type: ignore[attr-defined]


def test_token_lists_in_two_orders(real_data: Path, fresh_catalog: Callable[[], Catalog]) -> None:
    files = sorted((real_data / "tokenlists").iterdir())
    states = []
    for order in (files, files[::-1]):
        with fresh_catalog() as catalog:
            for file in order:
                report = catalog.import_file("auto", str(file), observed_at=AT).to_json()
                assert report["seen"] == sum(report[w] for w in WORDS)
            states.append(state(catalog))
            assert catalog.stats()["by_record"]["token"] >= 10_363
    for table, rows in states[0].items():
        assert rows == states[1][table], table


NUMBERS = (
    ("tick_size", "PRICE_FILTER", "tickSize"),
    ("min_price", "PRICE_FILTER", "minPrice"),
    ("max_price", "PRICE_FILTER", "maxPrice"),
    ("lot_size", "LOT_SIZE", "stepSize"),
    ("min_quantity", "LOT_SIZE", "minQty"),
    ("max_quantity", "LOT_SIZE", "maxQty"),
    ("min_notional", "MIN_NOTIONAL", "minNotional"),
)


def test_binance_numbers_equal_the_payloads(real_data: Path, catalog: Catalog) -> None:
    path = real_data / "binance/spot_exchangeInfo_2021-08-26.json.xz"
    report = catalog.import_file("auto", str(path)).to_json()
    symbols = json.loads(lzma.decompress(path.read_bytes()))["symbols"]
    assets = {s[side] for s in symbols for side in ("baseAsset", "quoteAsset")}
    assert report["by_record"]["pair"]["registered"] == len(symbols) == 1608
    assert report["by_record"]["asset"]["registered"] == len(assets)
    stored: dict[str, dict[str, Any]] = {}
    after = None
    while page := catalog.pairs.list(after=after, limit=1000):
        stored |= {(known := pair.to_json())["symbol"]: known for pair in page}
        after = page[-1].id
    for symbol in symbols:
        filters = {f["filterType"]: f for f in symbol["filters"]}
        pair = stored[symbol["symbol"]]
        for field, kind, name in NUMBERS:
            sent = Decimal(filters[kind][name])
            assert Decimal(pair[field]) == sent if field in pair else sent == 0, (symbol["symbol"], field)
        assert pair["status"] == ("active" if symbol["status"] == "TRADING" else "suspended")


LINES = [
    '{"record": "token", "blockchain": "eip155:1", "address": "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", "decimals": 6}',
    '{"record": "stock", "mic": "XNAS", "isin": "US0378331006", "currency": "USD"}',
    '{"record": "asset", "exchange": "binance", "symbol": "a\\u0000b"}',
    '{"record": "pair", "exchange": "binance", "symbol": "X", "base_id": "00", "quote_id": "00"}',
    "{broken",
    '{"record": "native", "blockchain": "eip155:1", "symbol": "ETH", "decimals": 18}',
]


def test_rejects_are_kept_with_their_place(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(LINES))
    report = catalog.import_file("jsonl", str(path)).to_json()
    assert (report["registered"], report["rejected"], report["seen"]) == (2, 4, 6)
    rejects = catalog.import_rejects(report["run_id"])
    assert [r["place"].split(",")[0] for r in rejects] == ["line 2", "line 3", "line 4", "line 5"]
    assert rejects[0]["code"] == "invalid_isin"
    with catalog.transaction() as cursor:
        assert payloads.fetch(cursor, bytes.fromhex(report["payload_hash"])) == path.read_bytes()


def test_a_dry_run_tells_the_difference_and_changes_nothing(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text(LINES[0])
    report = catalog.import_file("jsonl", str(path), dry_run=True).to_json()
    assert (report["registered"], report["dry_run"], report["run_id"]) == (1, True, None)
    assert report["differences"][0]["after"]["decimals"] == 6
    assert catalog.stats()["last_sequence"] == 0
    assert catalog.imports() == []


@pytest.mark.parametrize("name", ["missing.jsonl", ".", "broken.gz", "broken.xz", "broken.zst"])
def test_what_cannot_be_opened_says_so(catalog: Catalog, tmp_path: Path, name: str) -> None:
    if name.startswith("broken"):
        (tmp_path / name).write_bytes(b"not compressed at all")
    with pytest.raises(PayloadError):
        catalog.import_file("jsonl", str(tmp_path / name))


def test_a_failure_is_kept_whatever_it_quotes(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jsonl").write_text(LINES[0])
    read = JsonlImporter.parse

    def breaks(self: JsonlImporter, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:
        yield from read(self, stream, observed_at)
        raise PayloadError("no end after `\x00\ud800`")

    monkeypatch.setattr(JsonlImporter, "parse", breaks)
    report = catalog.import_file("jsonl", str(tmp_path / "a.jsonl")).to_json()
    assert report["registered"] == 1
    assert catalog.import_run(report["run_id"])["failure"] == "no end after `\\x00\\ud800`"


def test_standard_input(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LINES[0].encode())))
    assert catalog.import_file("auto", "-").to_json()["registered"] == 1


def test_times_are_exact() -> None:
    assert contents.nanoseconds(datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)) == 1767225600000001000
