"""Exchanges' payloads become rows: everything is registered, a second run changes nothing, margin leaves spot alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from catalog import Catalog
from catalog.domain import Asset, Pair

PAYLOADS = Path(__file__).parents[1] / "importers" / "payloads"
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("source", ["bybit", "deribit", "okx", "ccxt:bullish"])
def test_everything_is_registered_once(catalog: Catalog, source: str) -> None:
    name = source.partition(":")[0]
    payload = str(PAYLOADS / f"{name}.json")
    expected = (PAYLOADS / f"{name}.expected.jsonl").read_text().splitlines()
    first = catalog.import_file(source, payload, observed_at=AT).to_json()
    # One pair of OKX is told twice, by its spot and by its margin instrument.
    assert first["registered"] == first["seen"] == len(expected) - (source == "okx")
    assert (first["source"], first["disputes"]) == (name, 0)
    last = catalog.stats()["last_sequence"]
    second = catalog.import_file(source, payload, observed_at=AT).to_json()
    assert second["unchanged"] == second["seen"] == first["seen"]
    assert catalog.stats()["last_sequence"] == last


def test_margin_of_okx_does_not_suspend_the_pair(catalog: Catalog) -> None:
    catalog.import_file("okx", str(PAYLOADS / "okx.json"), observed_at=AT)
    [base, quote] = [Asset(exchange="okx", symbol=code).id for code in ("SOL", "USDC")]
    pair = Pair(exchange="okx", symbol="SOL-USDC", base_id=base, quote_id=quote)
    [found] = catalog.find(pair.id, by="id")
    assert (found.status, found.to_json()["venue_status"]) == ("active", "live")
