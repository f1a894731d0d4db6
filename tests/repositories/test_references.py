"""What a record names must be there, of the right kind and chain; and no synthetic is made of itself, whoever writes."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread

import psycopg
import pytest

from catalog import Catalog
from catalog.domain import (
    Asset,
    BrokerContract,
    Future,
    Native,
    Option,
    Pair,
    Pool,
    Record,
    Security,
    Stock,
    Synthetic,
    Token,
)
from catalog.errors import CatalogError, InvalidRecord, UnknownReference
from tests.make import make

ETHER = Native(blockchain="eip155:1", symbol="ETH", decimals=18)
WETH = Token(blockchain="eip155:1", address="0x" + "c" * 40, symbol="WETH", decimals=18)
BASE = Token(blockchain="eip155:8453", address="0x" + "c" * 40, symbol="WETH", decimals=18)
BTC, USDT = Asset(exchange="binance", symbol="BTC"), Asset(exchange="binance", symbol="USDT")
PAIR = Pair(exchange="binance", symbol="BTCUSDT", base_id=BTC.id, quote_id=USDT.id)


def pool(*tokens: Record) -> Pool:
    return make(Pool, blockchain="eip155:1", address="0x" + "1" * 40, tokens=[{"instrument_id": t.id} for t in tokens])


def synthetic(name: str, *parts: Record) -> Synthetic:
    names = [f"V{n}" for n, _ in enumerate(parts)]
    fields = {"pair": "pair_id", "pool": "pool_id"}
    components = [{"variable": n, fields.get(p.kind, "instrument_id"): p.id} for n, p in zip(names, parts, strict=True)]
    return make(Synthetic, name=name, formula=" + ".join(names), components=components)


UNKNOWN = [
    (pool(ETHER, WETH), "tokens.0.instrument_id", "unknown_instrument"),
    (PAIR, "base_id", "unknown_instrument"),
    (BrokerContract(broker="alpaca", symbol="X", instrument_id=WETH.id), "instrument_id", "unknown_instrument"),
    (BrokerContract(broker="alpaca", symbol="X", mic="ZZZZ"), "mic", "unknown_mic"),
    (BrokerContract(broker="nobody", symbol="X"), "exchange", "unknown_exchange"),
    (make(Future, mic="ZZZZ", symbol="X"), "mic", "unknown_mic"),
    (
        make(
            Option, osi_root="X", expiry_date="2027-01-15", option_kind="put", strike_price="1", underlying_id=WETH.id
        ),
        "underlying_id",
        "unknown_instrument",
    ),
    (synthetic("S", PAIR), "components.0.pair_id", "unknown_pair"),
    (synthetic("S", pool(ETHER, WETH)), "components.0.pool_id", "unknown_pool"),
]


@pytest.mark.parametrize(("record", "field", "code"), UNKNOWN)
def test_what_is_not_there_is_said(catalog: Catalog, record: Record, field: str, code: str) -> None:
    with pytest.raises(UnknownReference) as caught:
        catalog.register(record)
    assert (caught.value.field, caught.value.code) == (field, code)
    assert catalog.stats()["last_sequence"] == 0


def test_a_pool_holds_tokens_of_its_chain(catalog: Catalog) -> None:
    for record in (ETHER, WETH, BASE, BTC):
        catalog.register(record)
    for stranger in (BASE, BTC):
        with pytest.raises(InvalidRecord) as caught:
            catalog.register(pool(ETHER, stranger))
        assert caught.value.code == "wrong_blockchain"
    catalog.register(pool(ETHER, WETH))


def test_one_batch_may_name_what_it_brings(catalog: Catalog) -> None:
    report = catalog.register_many([pool(ETHER, WETH), synthetic("S", PAIR), WETH, ETHER, PAIR, USDT, BTC])
    assert (report.registered, report.errors) == (7, [])


def test_a_bad_one_stops_no_other(catalog: Catalog) -> None:
    report = catalog.register_many([ETHER, WETH, pool(ETHER, BASE), synthetic("S", PAIR), USDT])
    assert (report.registered, report.rejected) == (3, 2)


def test_no_circle_of_synthetics(catalog: Catalog) -> None:
    catalog.register(BTC)
    one, two = synthetic("one", BTC), synthetic("two", synthetic("one", BTC))
    catalog.register(one)
    catalog.register(two)
    with pytest.raises(InvalidRecord) as caught:
        catalog.register(synthetic("one", two))
    assert caught.value.code == "cycle"
    assert "one → two → one" in str(caught.value)
    assert catalog.synthetics.get(one.id) == one
    a, b = synthetic("a", synthetic("b", BTC)), synthetic("b", synthetic("a", BTC))
    report = catalog.register_many([a, b])
    assert (report.registered, report.rejected) == (0, 2)


def test_two_writers_cannot_close_a_circle_together(catalog: Catalog) -> None:
    catalog.register(BTC)
    one, two = synthetic("one", BTC), synthetic("two", BTC)
    catalog.register(one)
    catalog.register(two)
    outcomes: list[str] = []
    start = Barrier(2)

    def write(record: Synthetic) -> None:
        start.wait()
        try:
            catalog.register(record)
            outcomes.append("done")
        except CatalogError as error:
            outcomes.append(error.code)

    threads = [Thread(target=write, args=(r,)) for r in (synthetic("one", two), synthetic("two", one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["cycle", "done"]


def test_the_database_itself_refuses_a_circle(catalog: Catalog, database_url: str) -> None:
    catalog.register(BTC)
    one = synthetic("one", BTC)
    catalog.register(one)
    catalog.register(synthetic("two", one))
    with psycopg.connect(database_url) as sql, pytest.raises(psycopg.errors.CheckViolation):
        sql.execute(
            """UPDATE synthetic_components SET instrument_id = (SELECT id FROM synthetics WHERE name = 'two')
            WHERE id = (SELECT id FROM synthetics WHERE name = 'one')"""
        )


def test_a_security_is_named_by_who_speaks_of_it(fresh_catalog: Callable[[], Catalog]) -> None:
    """What a row says of its security by the way holds only while nobody speaks of the security outright."""
    security = Security(isin="US0378331005", name="Apple Inc. common stock")
    line = Stock(mic="XNAS", isin="US0378331005", ticker="AAPL", currency="USD", name="Apple", country="US")
    for order in ((security, line), (line, security)):
        catalog = fresh_catalog()
        for record in order:
            catalog.register(record)
        found = catalog.securities.get(security.id).to_json()
        assert (found["name"], found["country"]) == ("Apple Inc. common stock", "US")
    catalog = fresh_catalog()
    catalog.register(line)
    assert catalog.securities.get(security.id).to_json()["name"] == "Apple"
