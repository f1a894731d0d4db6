"""The change log under concurrent writers: contiguous, in commit order, each seen once by a poller."""

from __future__ import annotations

import random
import threading
from contextlib import suppress

from catalog import Catalog
from catalog.domain import Record, Stock, Token
from catalog.errors import CatalogError


def _records(seed: int) -> list[Record]:
    chance = random.Random(seed)
    found: list[Record] = []
    for _ in range(40):
        n = chance.randrange(1, 30)
        found.append(Token(blockchain="eip155:1", address=f"0x{n:040x}", decimals=18, symbol=f"S{chance.randrange(5)}"))
        found.append(Stock(mic="XNAS", ticker=f"T{n}", currency="USD", name=f"N{chance.randrange(5)}"))
        found.append(Token(blockchain="eip155:999999", address=f"0x{n:040x}", decimals=18))
    return found


def test_a_poller_sees_each_change_once_in_order(database_url: str) -> None:
    failures: list[BaseException] = []

    def write(seed: int) -> None:
        try:
            with Catalog.open(database_url, actor=f"writer {seed}") as catalog:
                records = _records(seed)
                for n in range(0, len(records), 6):
                    if seed % 2:
                        catalog.register_many(records[n : n + 6])
                    else:
                        for record in records[n : n + 6]:
                            with suppress(CatalogError):
                                catalog.register(record)
        except BaseException as error:
            failures.append(error)
            raise

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(4)]
    seen: list[int] = []
    with Catalog.open(database_url) as catalog:
        for writer in writers:
            writer.start()
        while any(w.is_alive() for w in writers) or catalog.changes(seen[-1] if seen else 0):
            seen += [c["sequence"] for c in catalog.changes(seen[-1] if seen else 0, limit=7)]
        assert not failures
        assert seen == list(range(1, catalog.stats()["last_sequence"] + 1))
        every = catalog.changes(limit=10_000)
        assert [c["changed_at"] for c in every] == sorted(c["changed_at"] for c in every)
        assert catalog.stats()["by_record"]["token"] > 10
