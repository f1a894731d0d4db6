"""Two identities under one id: made by cutting the hash short, alone and with two writers racing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from blake3 import blake3

from catalog import Catalog
from catalog.domain import Security, Stock, Token, Venue
from catalog.domain import identity as identities
from catalog.errors import CatalogError, IdCollision
from catalog.repositories import statements

Cut = Callable[[int], None]


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Cut:
    """`cut(n)`: only the first n bytes of every id are the hash; n = -8 keeps the others and fixes the first 8."""

    def shorten(size: int) -> None:
        def digest(kind: str, message: bytes) -> bytes:
            full = blake3(message, derive_key_context=f"instrument-catalog v1 {kind}").digest(length=16)
            return bytes(8) + full[8:] if size < 0 else full[:size].ljust(16, b"\0")

        monkeypatch.setattr(identities, "digest", digest)
        monkeypatch.setattr(statements, "digest", digest)

    return shorten


def token(n: int) -> Token:
    return Token(blockchain="eip155:1", address=f"0x{n:040x}", decimals=18)


@pytest.mark.parametrize("size", [0, -8])
def test_the_second_identity_is_refused_and_audited(catalog: Catalog, cut: Cut, size: int) -> None:
    cut(size)
    catalog.instruments.register(token(1))
    before = catalog.stats()
    with pytest.raises(IdCollision) as caught:
        catalog.instruments.register(token(2))
    assert caught.value.existing[2].endswith("1")
    assert caught.value.refused[2].endswith("2")
    assert catalog.stats()["by_record"] == before["by_record"]
    assert catalog.stats()["last_sequence"] == before["last_sequence"]
    (audit,) = catalog.collisions()
    assert (audit["existing"], audit["refused"]) == (list(caught.value.existing), list(caught.value.refused))
    assert catalog.instruments.register(token(1)) == token(1).id


@pytest.mark.parametrize("size", [0, -8])
def test_bulk_refuses_only_the_colliding_one(catalog: Catalog, cut: Cut, size: int) -> None:
    cut(size)
    report = catalog.register_many([token(1), token(2), Venue(mic="XNAS")])
    assert (report.registered, report.collisions) == (2, 1)
    assert len(catalog.collisions()) == 1


@pytest.mark.parametrize("kind", ["security", "venue", "stock"])
def test_every_kind_is_checked(catalog: Catalog, cut: Cut, kind: str) -> None:
    cut(0)
    pairs: dict[str, tuple[Any, Any]] = {
        "security": (Security(isin="US0378331005"), Security(isin="US5949181045")),
        "venue": (Venue(mic="XNAS"), Venue(mic="XNYS")),
        "stock": (token(1), Stock(mic="XNAS", ticker="A", currency="USD")),
    }
    one, two = pairs[kind]
    catalog.register(one)
    with pytest.raises(IdCollision):
        catalog.register(two)


def test_a_stock_whose_security_collides_is_not_half_registered(catalog: Catalog, cut: Cut) -> None:
    catalog.register(Venue(mic="XNAS"))
    catalog.register(Security(isin="US5949181045"))
    with catalog.transaction() as cursor:
        wanted = Security(isin="US0378331005").id
        cursor.execute("UPDATE identities SET id = %s WHERE kind = 2", [wanted])
    with pytest.raises(IdCollision):
        catalog.register(Stock(mic="XNAS", isin="US0378331005", ticker="AAPL", currency="USD"))
    assert catalog.stats()["by_record"]["stock"] == 0


def test_two_writers_race_and_one_wins(database_url: str, cut: Cut) -> None:
    cut(0)
    errors: list[CatalogError] = []
    start = threading.Barrier(2)

    def register(n: int) -> None:
        with Catalog.open(database_url) as own:
            start.wait()
            try:
                own.instruments.register(token(n))
            except CatalogError as error:
                errors.append(error)

    threads = [threading.Thread(target=register, args=(n,)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [type(e) for e in errors] == [IdCollision]
    with Catalog.open(database_url) as catalog:
        assert catalog.stats()["by_record"]["token"] == 1
        assert len(catalog.collisions()) == 1
