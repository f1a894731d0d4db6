"""Instruments into NautilusTrader's Parquet catalog; run by the Python in whose environment it is installed.

`PYTHON nautilus_peer.py ROWS FOLDER`: ROWS has one JSON object per line (kind, id, symbol, currencies, increments as
text). Prints as JSON: the seconds to build the instruments, those to write them, how many there were, and the version.
It imports nothing of this project.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any


def main() -> None:
    """Build and write what the command line names."""
    rows = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    model = import_module("nautilus_trader.model")
    instruments = import_module("nautilus_trader.model.instruments")
    catalog = import_module("nautilus_trader.persistence.catalog").ParquetDataCatalog(sys.argv[2])
    start = perf_counter()
    built = [made for row in rows if (made := _build(row, model, instruments)) is not None]
    middle = perf_counter()
    catalog.write_data(built)
    end = perf_counter()
    version = import_module("nautilus_trader").__version__
    print(json.dumps({"build": middle - start, "write": end - middle, "count": len(built), "version": version}))


def _build(row: dict[str, Any], model: Any, instruments: Any) -> Any:
    """The instrument of a row; None for one that this model cannot hold (more places, or larger, than it has)."""
    try:
        common: dict[str, Any] = {
            "instrument_id": model.InstrumentId.from_str(row["id"]),
            "raw_symbol": model.Symbol(row["symbol"]),
            "ts_event": 0,
            "ts_init": 0,
        }
        price = model.Price.from_str(row["tick"])
        if row["kind"] == "equity":
            return instruments.Equity(
                currency=model.Currency.from_str(row["currency"]),
                price_precision=price.precision,
                price_increment=price,
                lot_size=model.Quantity.from_int(1),
                isin=row["isin"],
                **common,
            )
        size = model.Quantity.from_str(row["lot"])
        limits = {
            name: model.Quantity.from_str(row[name]) for name in ("min_quantity", "max_quantity") if row.get(name)
        }
        return instruments.CurrencyPair(
            base_currency=_currency(row["base"], model),
            quote_currency=_currency(row["quote"], model),
            price_precision=price.precision,
            size_precision=size.precision,
            price_increment=price,
            size_increment=size,
            **limits,
            **common,
        )
    except ValueError:
        return None


def _currency(code: str, model: Any) -> Any:
    """The currency of that code; one that it does not know is taken for a crypto currency of eight places."""
    known = model.Currency.from_str(code)
    return (
        known
        if known is not None
        else model.Currency(code, 8, 0, code, import_module("nautilus_trader.model.enums").CurrencyType.CRYPTO)
    )


if __name__ == "__main__":
    main()
