"""Lists of markets with any value in any field: a row becomes a record or a reject, and never takes others with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.importers.base import Parsed
from catalog.importers.registry import named
from tests.importers import test_binance_futures as futures
from tests.importers import test_coinbase as coinbase
from tests.importers import test_kraken as kraken
from tests.importers.support import until_broken
from tests.importers.test_mutations import JSON, check

SENTINELS = st.sampled_from(
    [0, "0", -1, 2**31 - 1, 2**63 - 1, 4133404800000, 10**30, 0.1, True, "1e127", "-0", "0." + "9" * 30, [[0, 1]], " "]
)
#: Three good rows, and the document that they make.
LISTS: dict[str, tuple[list[dict[str, Any]], Callable[[list[Any]], Any]]] = {
    "binance-futures": (
        [
            futures.row("LTC"),
            futures.row("LUNA", contractType="NEXT_QUARTER", deliveryDate=futures.EXPIRY),
            futures.row("ETH"),
        ],
        lambda rows: futures.payload(*rows),
    ),
    "coinbase": ([coinbase.row("LTC"), coinbase.row("LUNA", status="offline"), coinbase.row("ETH")], list),
    "kraken": (
        [kraken.row("XLTC"), kraken.row("LUNA", status="cancel_only"), kraken.row("XETH")],
        lambda rows: kraken.payload(**dict(zip("ABC", rows, strict=True))),
    ),
}


@pytest.mark.parametrize("source", LISTS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_row_with_any_values_harms_no_other(source: str, data: st.DataObject) -> None:
    good, document = LISTS[source]
    whole, _ = until_broken(named(source), json.dumps(document(good)).encode())
    assert all(isinstance(result, Parsed) for result in whole)
    first, last = whole[-3], whole[-1]
    row = dict(good[1])
    for _ in range(data.draw(st.integers(1, 3))):
        key = data.draw(st.sampled_from([*sorted(good[1]), "auction_mode", "tick_size", "costmin", "contractSize"]))
        if data.draw(st.booleans()):
            row[key] = data.draw(JSON | SENTINELS)
        else:
            row.pop(key, None)
    payload = json.dumps(document([good[0], row, good[2]])).encode()
    check(named(source), payload)
    results, error = until_broken(named(source), payload)
    assert error is None
    assert (results[-3], results[-1]) == (first, last)
