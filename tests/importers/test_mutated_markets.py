"""Lists of markets with any value in any field: a row becomes a record or a reject, and never takes others with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.importers.base import Parsed, Reject
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


@pytest.mark.parametrize("source", LISTS)
def test_a_forged_first_row_with_curly_quotes_in_its_keys(source: str) -> None:
    good, document = LISTS[source]
    forged = {f"“{key}”": value for key, value in good[0].items()}
    payload = json.dumps(document([forged, *good[1:]])).encode()
    assert named(source).can_parse(payload)
    results, error = until_broken(named(source), payload)
    assert error is None
    assert [r.code for r in results if isinstance(r, Reject)] == ["missing_symbol"]
    assert [isinstance(r, Parsed) for r in results[-3:]] == [False, True, True]


@pytest.mark.parametrize("source", LISTS)
def test_two_pages_spliced_into_one_file(source: str) -> None:
    good, document = LISTS[source]
    page = json.dumps(document(good)).encode()
    whole, _ = until_broken(named(source), page)
    results, error = until_broken(named(source), page + page)
    assert results == whole
    assert error is not None
    assert error.place == f"line 1, column {len(page) + 1}"


@pytest.mark.parametrize("source", LISTS)
@pytest.mark.parametrize("code", ["币安人生", "NA", "NAN", "TRUE", "null", "1e5", "A B", "💎", "a"])
def test_codes_are_text_whatever_they_look_like(source: str, code: str) -> None:
    good, document = LISTS[source]
    base = {"binance-futures": "baseAsset", "coinbase": "base_currency", "kraken": "base"}[source]
    row = good[0] | {base: f" {code} "}
    results, _ = until_broken(named(source), json.dumps(document([row, *good[1:]]), ensure_ascii=False).encode())
    first = results[0]
    assert isinstance(first, Parsed)
    assert first.record.identity == ("asset", source.removesuffix("-futures"), code, "")
