from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import CatalogError, InvalidRecord
from catalog.importers import exchange_values as values
from catalog.importers.base import Parsed
from catalog.importers.registry import HEAD_SIZE, detect
from tests.importers.support import PAYLOADS, importer_for, stream
from tests.importers.test_mutations import JSON, check

SOURCES = ["bybit", "ccxt", "deribit", "okx"]
CODES = set(values.CODES)


def each(*found: Any) -> tuple[Any, ...]:
    """The values, whatever they are."""
    return found


def refused(read: Any, value: Any) -> str:
    with pytest.raises(CatalogError) as caught:
        read({"x": value}, "x")
    assert caught.value.code in CODES
    return caught.value.code


def test_amounts() -> None:
    for read in (values.amount, values.positive, values.maximum, values.signed):
        assert [read({"x": value}, "x") for value in each(None, "", " ")] == [None] * 3
        assert read({}, "x") is None
        assert read({"x": " 0.50 "}, "x") == read({"x": Decimal("0.5")}, "x") == Decimal("0.5")
        for value in each("x", "$1", "1%", "1_0", "NaN", True, [], {}, 1.5, "٣", 10**18 + 1):
            assert refused(read, value) == "invalid_amount"
    for read in (values.amount, values.positive, values.maximum):
        assert refused(read, "-1") == "invalid_amount"
    assert values.amount({"x": "0.000"}, "x") == 0
    assert values.positive({"x": "0"}, "x") is values.maximum({"x": 0}, "x") is None


def test_no_limit() -> None:
    for value in each(2**31 - 1, 2**63 - 1, str(2**63 - 1), Decimal("9.223372036854776E+18"), "2147483647.00"):
        assert values.maximum({"x": value}, "x") is None
    for value in each(2**31, "2147483646", "x", None, [], 1.5):
        assert not values.is_no_limit(value)


def test_products_and_quotients_are_exact() -> None:
    assert values.basis_points({"x": "-0.00025"}, "x") == Decimal("-2.5")
    assert values.quotient("x", Decimal("0.3"), Decimal("0.1")) == 3
    for first, second in ((1, 3), (2, Decimal("0.7"))):
        with pytest.raises(InvalidRecord) as caught:
            values.quotient("x", Decimal(first), Decimal(second))
        assert caught.value.code == "invalid_amount"
    # 1.0000000000000001 ^ 2 rounds to fewer digits than it has
    with pytest.raises(InvalidRecord):
        values.product("x", Decimal("1.0000000000000001"), Decimal("1.0000000000000001"))


def test_times() -> None:
    moment = datetime(2023, 11, 14, 22, 13, 20, 5000, tzinfo=UTC)
    for value in each(1_700_000_000_005, "1700000000005", Decimal(1_700_000_000_005), Decimal("1700000000005.0")):
        assert values.moment({"x": value}, "x") == values.end({"x": value}, "x") == moment
    for value in each(None, "", 0, "0", Decimal(0)):
        assert values.moment({"x": value}, "x") is values.end({"x": value}, "x") is None
        assert refused(values.expiry, value) == "missing_expiry"
    for value in each(4_133_404_800_000, 4_133_404_802_000, 4_070_908_800_000, 2**63 - 1, 32_503_708_800_000, 10**19):
        assert values.end({"x": value}, "x") is None
        assert refused(values.moment, value) == "invalid_time"
        assert refused(values.expiry, value) == "missing_expiry"
    assert values.end({"x": 4_070_908_799_999}, "x") == datetime(2098, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    for value in each(-1, "x", "2020-01-01", 1.5, Decimal("1.5"), True, [], "1" * 41, Decimal("1e50")):
        assert refused(values.end, value) == "invalid_time"


def test_words() -> None:
    assert values.word({"x": " a b "}, "x") == "a b"
    assert [values.word({"x": value}, "x") for value in each(None, "", "\t")] == [None] * 3
    for value in each(5, True, [], "a\x00", "x" * 256, "\ud800"):
        assert refused(values.word, value) == "invalid_text"
    assert refused(values.symbol, "") == "missing_symbol"
    assert refused(values.code, None) == "missing_asset"
    assert refused(values.group, []) == "not_an_object"
    assert [values.option_kind({"x": w}, "x") for w in ("C", "Call", "call", "P", "PUT")] == ["call"] * 3 + ["put"] * 2


def test_feed_names() -> None:
    assert values.feed_name("option", None, "BTC") == "option BTC"
    assert values.feed_name(None) == values.feed_name("x" * 256) == values.feed_name("\x00") == ""


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a document."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


PLACES = {source: list(places(json.loads(PAYLOADS[source]))) for source in SOURCES}


@pytest.mark.parametrize("source", SOURCES)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_any_value_anywhere(source: str, data: st.DataObject) -> None:
    document = copy.deepcopy(json.loads(PAYLOADS[source]))
    for _ in range(data.draw(st.integers(1, 2))):
        *path, last = data.draw(st.sampled_from(PLACES[source]))
        inner = document
        try:
            for key in path:
                inner = inner[key]
            if data.draw(st.booleans()):
                inner[last] = data.draw(JSON | st.sampled_from(["-1", "0", "4133404800000", 1e-300, 2**63 - 1]))
            else:
                del inner[last]
        except (KeyError, IndexError, TypeError):
            continue
    check(importer_for(source), json.dumps(document).encode())


@pytest.mark.parametrize("source", ["bybit", "deribit", "okx"])
def test_long_payloads_are_known_by_their_beginning(source: str) -> None:
    payload = PAYLOADS[source]
    first, last = payload.index(b"[\n") + 2, payload.index(b"\n]")
    long = payload[:first] + b",\n".join([payload[first:last]] * 100) + payload[last:]
    assert len(long) > 2 * HEAD_SIZE
    assert detect(long[:HEAD_SIZE]).source == detect(long[:5000]).source == source
    assert importer_for(source).heading(stream(long)) == importer_for(source).heading(stream(payload))


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_row_twice_gives_the_same_record_twice(source: str) -> None:
    importer = importer_for(source)
    document = json.loads(PAYLOADS[source])
    if source == "ccxt":
        document = [*document.values(), *document.values()]
    else:
        inner = document["result"] if source == "bybit" else document
        key = {"bybit": "list", "deribit": "result", "okx": "data"}[source]
        inner[key] = inner[key] * 2
    once = [r.record for r in importer.parse(stream(PAYLOADS[source]), None) if isinstance(r, Parsed)]
    twice = [r.record for r in importer.parse(stream(document), None) if isinstance(r, Parsed)]
    assert twice[: len(once)] == once
    assert twice[len(once) :] == [r for r in once if r.record not in ("asset", "venue")]
