"""Other symbols of a pair: it is found by each of them, now and as of a time, by way of an index."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from catalog import Catalog
from catalog.domain import Asset, Pair, Venue
from catalog.errors import InvalidRecord
from catalog.repositories import search
from catalog.repositories.driver import Cursor

BASE, QUOTE = (Asset(exchange="kraken", symbol=symbol) for symbol in ("XXBT", "ZUSD"))
PAIR = Pair(
    exchange="kraken", symbol="XXBTZUSD", base_id=BASE.id, quote_id=QUOTE.id, other_symbols=("XBTUSD", "XBT/USD")
)
#: Its symbol is another name of PAIR.
NAMESAKE = Pair(exchange="kraken", symbol="XBTUSD", base_id=QUOTE.id, quote_id=BASE.id)


@pytest.fixture
def kraken(catalog: Catalog) -> Catalog:
    for record in (Venue(slug="kraken", venue_type="crypto_exchange"), BASE, QUOTE, PAIR):
        catalog.register(record)
    return catalog


def found(catalog: Catalog, key: str, *how: Any, **more: Any) -> list[str]:
    return [getattr(record, "symbol", "") for record in catalog.find(key, *how, **more)]


def test_a_pair_is_found_by_each_of_its_symbols(kraken: Catalog) -> None:
    for key in ("XXBTZUSD", "XBT/USD", "XBTUSD"):
        assert found(kraken, key) == found(kraken, key, "symbol") == ["XXBTZUSD"]
        assert found(kraken, f"kraken:{key}", "exchange-symbol") == found(kraken, f"kraken:{key}") == ["XXBTZUSD"]
        assert found(kraken, key, "symbol", source="kraken") == ["XXBTZUSD"]
        assert kraken.pairs.find(exchange_symbol=f"kraken:{key}") == kraken.pairs.find(symbol=key) == [PAIR]
        assert found(kraken, f"binance:{key}") == found(kraken, key, source="binance") == []
    for key in ("XBT", "XBT/USD,XBTUSD", "{XBTUSD}", "xbt/usd", "%"):
        assert found(kraken, key) == found(kraken, f"kraken:{key}") == []


def test_what_has_it_as_its_symbol_is_found_too(kraken: Catalog) -> None:
    kraken.register(NAMESAKE)
    assert sorted(found(kraken, "XBTUSD")) == sorted(found(kraken, "kraken:XBTUSD")) == ["XBTUSD", "XXBTZUSD"]
    assert found(kraken, "XBT/USD") == ["XXBTZUSD"]


def test_former_names_find_it_at_their_time(kraken: Catalog) -> None:
    then = datetime.now(UTC)
    kraken.pairs.update(PAIR.id, {"other_symbols": ["BTC/USD"]})
    now = datetime.now(UTC)
    assert (found(kraken, "XBT/USD"), found(kraken, "BTC/USD")) == ([], ["XXBTZUSD"])
    for key, how in (("XBT/USD", "symbol"), ("kraken:XBT/USD", "exchange-symbol")):
        assert found(kraken, key, how, at=then) == ["XXBTZUSD"]
        assert found(kraken, key, how, at=now) == []
        assert found(kraken, key.replace("XBT/", "BTC/"), how, at=then) == []
        assert found(kraken, key.replace("XBT/", "BTC/"), how, at=now) == ["XXBTZUSD"]


def test_they_are_an_update_and_no_other_pair(kraken: Catalog) -> None:
    renamed = PAIR.replace(other_symbols=("BTC/USD",))
    assert renamed.id == PAIR.id
    kraken.register(renamed)
    (last,) = kraken.changes(after=kraken.stats()["last_sequence"] - 1)
    assert last["action"] == "update"
    assert last["difference"] == {"other_symbols": [["XBT/USD", "XBTUSD"], ["BTC/USD"]]}
    assert kraken.pairs.get(PAIR.id) == renamed


@pytest.mark.parametrize("scheme", ["symbol", "exchange-symbol"])
def test_the_index_serves_the_look_up(kraken: Catalog, scheme: str) -> None:
    (query,) = [query for query in search._QUERIES[scheme] if "other_symbols" in query]
    with kraken.transaction() as cursor:
        cursor.execute(
            """INSERT INTO pairs (id, exchange, market_kind, symbol, base_id, quote_id, status, other_symbols)
            SELECT gen_random_uuid(), 'kraken', 'spot', 'S' || n, %s, %s, 'active', ARRAY['N' || n, 'O' || n]
            FROM generate_series(1, 5000) AS n""",
            [BASE.id, QUOTE.id],
        )
        cursor.execute("ANALYZE pairs")
        plan = explained(cursor, query, {"key": "O77", "exchange": "kraken"})
    assert "Bitmap Index Scan on ix_pairs__other_symbols" in plan
    assert "Seq Scan" not in plan


def explained(cursor: Cursor, query: str, params: dict[str, str]) -> str:
    cursor.execute(f"EXPLAIN {query}", params)
    return "\n".join(line for (line,) in cursor.fetchall())


@pytest.mark.parametrize(
    ("value", "constraint"),
    [
        ("ARRAY['b', 'a']", "ck_pairs__other_symbols_keys"),
        ("ARRAY['a', 'a']", "ck_pairs__other_symbols_keys"),
        ("ARRAY['']", "ck_pairs__other_symbols_keys"),
        ("'{}'", "ck_pairs__other_symbols_keys"),
        ("ARRAY['A', 'XXBTZUSD']", "ck_pairs__others_are_others"),
    ],
)
def test_the_database_holds_no_other_form(kraken: Catalog, value: str, constraint: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as caught, kraken.transaction() as cursor:
        cursor.execute(f"UPDATE pairs SET other_symbols = {value}")
    assert caught.value.diag.constraint_name == constraint


def test_the_symbol_itself_is_none_of_them() -> None:
    with pytest.raises(InvalidRecord, match="`XXBTZUSD`: it is the symbol itself; leave it out") as caught:
        PAIR.replace(other_symbols=("A", "XXBTZUSD"))
    assert caught.value.field == "other_symbols"
    assert PAIR.other_symbols == ("XBT/USD", "XBTUSD")
