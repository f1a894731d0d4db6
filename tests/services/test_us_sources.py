"""What several sources say of one US line comes together: the exchange's directory, a database with ISINs, a broker."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

from catalog import Catalog
from catalog.domain import BrokerContract, Listing, Stock

AT = datetime(2026, 11, 24, tzinfo=UTC)
DIRECTORY = """Symbol|Security Name|Market Category|Test Issue|Financial Status|Round Lot Size|ETF|NextShares
AAPL|Apple Inc. - Common Stock|Q|N|N|40|N|N
File Creation Time: 1124202621:30|||||||
"""
DATABASE = """symbol,name,currency,sector,industry,exchange,mic,country,isin,cusip,figi,composite_figi,shareclass_figi,delisted
AAPL,Apple,USD,,,NMS,XNAS,,US0378331005,037833100,,,,True
"""
ASSET = {
    "class": "us_equity",
    "exchange": "NASDAQ",
    "symbol": "AAPL",
    "name": "Apple Inc. Common Stock",
    "status": "active",
    "tradable": True,
}
PAYLOADS = {"nasdaq-directory": DIRECTORY, "finance-database": DATABASE, "alpaca": json.dumps([ASSET])}


def test_in_any_order_they_are_one_line(tmp_path: Path, fresh_catalog: Callable[[], Catalog]) -> None:
    for source, payload in PAYLOADS.items():
        (tmp_path / source).write_text(payload)
    line = Stock(mic="XNAS", isin="US0378331005", currency="USD")
    for order in permutations(PAYLOADS):
        with fresh_catalog() as catalog:
            for source in order:
                report = catalog.import_file(source, str(tmp_path / source), observed_at=AT).to_json()
                assert report["rejected"] == report["conflicts"] == report["disputes"] == 0, order
            found = {record.record: record for record in catalog.find("AAPL")}
            stock, contract = found["stock"], found["broker_contract"]
            assert isinstance(stock, Stock)
            assert isinstance(contract, BrokerContract)
            assert contract.instrument_id == str(stock.id) == str(line.id)
            # the exchange knows best what it lists, and how it is called
            assert (stock.name, stock.segment_mic, stock.status) == ("Apple Inc. - Common Stock", "XNGS", "active")
            [listing] = [r for r in catalog.listings.list() if isinstance(r, Listing)]
            assert (listing.instrument_id, listing.symbol, str(listing.lot_size)) == (str(line.id), "AAPL", "40")
