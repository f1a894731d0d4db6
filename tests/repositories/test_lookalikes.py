"""Flags and verification in the database: whoever came first, whatever operators said, also by the thousand."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog import Catalog
from catalog.domain import Asset, Currency, Etf, Listing, Native, Record, Stock, Token, Venue
from catalog.domain.lookalikes import appearance, is_lookalike
from catalog.errors import InvalidRecord, NotFound
from catalog.services.catalog import BATCH

FAKE = "USD\u0421"
TESTEX = Venue(slug="testex", name="Test Exchange", venue_type="crypto_exchange")


def address(number: int) -> str:
    return f"0x{number:040x}"


def token(number: int, symbol: str = "USDC", **more: Any) -> Token:
    return Token(blockchain="eip155:1", address=address(number), symbol=symbol, decimals=6, **more)


Hearsay = Callable[..., None]


@pytest.fixture
def hearsay(tmp_path: Path) -> Hearsay:
    """Import tokens as a community list says them: nobody is verified by that."""
    numbers = itertools.count()

    def say(catalog: Catalog, *tokens: Token) -> None:
        rows = [
            {"chainId": 1, "address": t.address, "symbol": t.symbol, "name": t.name or "x", "decimals": 6}
            for t in tokens
        ]
        path = tmp_path / f"{next(numbers)}.json"
        path.write_text(json.dumps({"name": path.stem, "timestamp": "2026-01-01T00:00:00Z", "tokens": rows}))
        catalog.import_file("token-list", str(path))

    return say


def flagged(catalog: Catalog) -> list[tuple[str, str, str]]:
    return sorted((line["field"], line["spelling"], line["resembles"]) for line in catalog.flags(1000))


def test_a_look_alike_is_flagged_whoever_came_first(fresh_catalog: Callable[[], Catalog], hearsay: Hearsay) -> None:
    real, fake = token(1, name="USD Coin"), token(2, FAKE, name="USD C\u043ein")
    steps: list[Callable[[Catalog], object]] = [
        lambda c: c.register(real),
        lambda c: hearsay(c, fake),
        lambda c: hearsay(c, token(3, name="USD coin"), token(4, "usdc"), token(5, "USDC.e")),
    ]
    expected = [("name", "USD C\u043ein", "USD Coin"), ("symbol", FAKE, "USDC")]
    for order in itertools.permutations(steps):
        catalog = fresh_catalog()
        for step in order:
            step(catalog)
        assert flagged(catalog) == expected
        line = catalog.flags(1)[0]
        assert (line["id"], line["resembles_id"], line["place"]) == (fake.id, real.id, "eip155:1")


def test_a_namesake_is_not_verified_and_no_look_alike(catalog: Catalog, hearsay: Hearsay) -> None:
    catalog.register(token(9))
    hearsay(catalog, token(1), token(2, FAKE))
    found = catalog.find("USDC", by="symbol")
    assert [r.id for r in found] == [token(9).id, token(1).id]
    assert catalog.verified(found) == {token(9).id}
    assert [r.id for r in catalog.look_alikes("USDC")] == [token(2).id]
    assert catalog.look_alikes("USDC", source="eip155:137") == []
    assert {r.id for r in catalog.look_alikes(FAKE)} == {token(9).id, token(1).id}
    assert catalog.look_alikes("\u200b") == []


def test_what_a_verified_one_is_called_is_no_disguise(catalog: Catalog, hearsay: Hearsay) -> None:
    """USDI and USD1 look alike, and both are well known: only who spells it in a third way is flagged."""
    catalog.register(token(1, "USDI"))
    catalog.register(token(2, "USD1"))
    hearsay(catalog, token(3, "USDI"), token(4, "usd1"), token(5, "USDl"))
    assert flagged(catalog) == [("symbol", "USDl", "USD1"), ("symbol", "USDl", "USDI")]


def test_who_is_verified(catalog: Catalog, hearsay: Hearsay) -> None:
    catalog.register(TESTEX)
    records: tuple[Record, ...] = (
        token(1), Native(blockchain="eip155:1", symbol="ETH"), Currency(iso_code="EUR"),
        Asset(exchange="testex", symbol="USDC"), Stock(mic="XNAS", ticker="USDC", currency="USD"),
    )  # fmt: skip
    for record in records:
        catalog.register(record)
    hearsay(catalog, token(2))
    assert catalog.verified([*records, token(2), TESTEX]) == {r.id for r in records}


def test_only_who_calls_it_by_a_symbol_verifies_it(catalog: Catalog, hearsay: Hearsay) -> None:
    """Suspending a fake is a word of the operator too, and no word for it."""
    hearsay(catalog, token(1))
    catalog.instruments.suspend(token(1).id)
    assert catalog.verified([token(1)]) == set()
    catalog.instruments.update(token(1).id, {"symbol": "USDC"})
    catalog.instruments.resume(token(1).id)
    assert catalog.verified([token(1)]) == {token(1).id}


@pytest.mark.parametrize(("authority", "precedence", "verifies"), [
    ("community", 50, False), ("curated", 40, True), ("venue", 30, True), ("chain", 20, False), ("reference", 60, False),
])  # fmt: skip
def test_a_word_counts_by_who_says_it(
    catalog: Catalog, hearsay: Hearsay, authority: str, precedence: int, verifies: bool
) -> None:
    hearsay(catalog, token(1))
    with catalog.transaction() as cursor:
        cursor.execute(
            "UPDATE sources SET authority = %s, precedence = %s WHERE source = 'token-list'", [authority, precedence]
        )
    assert (token(1).id in catalog.verified([token(1)])) is verifies


def test_a_list_that_an_operator_trusts_verifies_at_once(catalog: Catalog, hearsay: Hearsay) -> None:
    hearsay(catalog, token(1))
    with catalog.transaction() as cursor:
        cursor.execute("UPDATE feeds SET precedence = 40 WHERE source = 'token-list'")
    hearsay(catalog, token(2, FAKE))
    assert catalog.verified([token(1), token(2)]) == {token(1).id}
    assert flagged(catalog) == [("symbol", FAKE, "USDC")]


def test_an_operator_decides(catalog: Catalog, hearsay: Hearsay) -> None:
    catalog.register(token(1))
    hearsay(catalog, token(2, FAKE))
    said = catalog.instruments.verify(token(2).id, "it is what it is")
    assert (said["instrument_id"], said["is_verified"], said["actor"]) == (token(2).id, True, "tester")
    assert said["reason"] == "it is what it is"
    assert catalog.instruments.verify(token(2).id) == said  # saying it again changes nothing
    assert flagged(catalog) == []
    assert catalog.instruments.unverify(token(2).id)["is_verified"] is False
    assert flagged(catalog) == [("symbol", FAKE, "USDC")]
    catalog.instruments.unverify(token(1).id)
    assert flagged(catalog) == []
    with catalog.transaction() as cursor:
        cursor.execute("SELECT is_verified, actor FROM verifications ORDER BY number")
        assert cursor.fetchall() == [(True, "tester"), (False, "tester"), (False, "tester")]
    with pytest.raises(NotFound):
        catalog.instruments.verify("0" * 32)
    with pytest.raises(InvalidRecord):
        catalog.venues.verify(Venue(mic="XNAS").id)


def test_a_decision_follows_the_line_whose_isin_is_learnt(catalog: Catalog) -> None:
    line = Stock(mic="XNAS", ticker="AAPL", currency="USD")
    catalog.register(line)
    catalog.instruments.unverify(line.id)
    apple = Stock(mic="XNAS", isin="US0378331005", ticker="AAPL", currency="USD")
    catalog.register(apple)
    assert catalog.verified([apple]) == set()


def test_skeletons_follow_what_is_written(catalog: Catalog) -> None:
    catalog.register(token(1, "A0A", name="First"))
    assert skeletons(catalog, token(1)) == ("AOA", "FlRST")
    catalog.instruments.update(token(1).id, {"symbol": FAKE})
    assert skeletons(catalog, token(1)) == ("USDC", "FlRST")
    catalog.register(Etf(mic="XNAS", ticker="0X", currency="USD"))
    assert skeletons(catalog, Etf(mic="XNAS", ticker="0X", currency="USD")) == ("OX", None)


def skeletons(catalog: Catalog, record: Record) -> tuple[str | None, str | None]:
    with catalog.transaction() as cursor:
        cursor.execute("SELECT symbol_skeleton, name_skeleton FROM instruments WHERE id = %s", [record.id])
        found = cursor.fetchone()
    assert found is not None
    return found


def test_refresh_mends_what_other_data_made(catalog: Catalog) -> None:
    catalog.register(token(1, "A0A", name="First"))
    catalog.register(token(2, "\u200b"))
    assert catalog.refresh_skeletons() == 0
    with catalog.transaction() as cursor:
        cursor.execute("UPDATE instruments SET symbol_skeleton = 'x', name_skeleton = NULL")
    assert catalog.refresh_skeletons() == 2
    assert skeletons(catalog, token(1)) == ("AOA", "FlRST")
    assert skeletons(catalog, token(2)) == (None, None)


def test_listings_and_others_are_neither(catalog: Catalog) -> None:
    catalog.register(TESTEX)
    catalog.register(token(1))
    catalog.register(Listing(instrument_id=token(1).id, venue_id=TESTEX.id, symbol="USDC"))
    assert catalog.verified(catalog.find("testex")) == set()


def test_a_whole_batch_has_its_skeletons(catalog: Catalog) -> None:
    """One more than fits in a batch, with symbols of all kinds: each row is what its record says."""
    letters = "AIl10O\u0421\u041e"
    count = BATCH // 10 + 1
    symbols = ["".join(c) for c in itertools.islice(itertools.product(letters, repeat=5), count)]
    catalog.register_many(token(n, symbol) for n, symbol in enumerate(symbols, start=1))
    with catalog.transaction() as cursor:
        cursor.execute("SELECT t.symbol, i.symbol_skeleton FROM tokens t JOIN instruments i USING (id)")
        rows = cursor.fetchall()
    assert len(rows) == count
    assert [(s, found) for s, found in rows if appearance(s) != found] == []


def test_the_real_lists(catalog: Catalog, real_data: Path) -> None:
    """12,000 tokens of five lists beside Binance's assets: few are flagged, and each of them is what it is said to be."""
    catalog.import_file("binance", str(real_data / "binance" / "spot_exchangeInfo_2021-08-26.json.xz"))
    for path in sorted((real_data / "tokenlists").iterdir()):
        catalog.import_file("token-list", str(path))
    assert flagged(catalog) == [("symbol", "0G", "OG"), ("symbol", "0NE", "ONE")]
    with catalog.transaction() as cursor:
        cursor.execute("UPDATE feeds SET precedence = 40 WHERE name IN ('CoinGecko', 'Uniswap Labs Default')")
        assert cursor.rowcount == 2
    found = flagged(catalog)
    assert {"1MT", "Al", "PS1", "OXS"} <= {spelling for _, spelling, _ in found}
    assert len(found) < 10
    assert all(is_lookalike(spelling, resembles) for _, spelling, resembles in found)
