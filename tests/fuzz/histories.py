"""Random histories of a small catalog, and the proof that a snapshot and its deltas are what a full export would be.

`python -m tests.fuzz.histories --count 200 --seed 0` runs a campaign on a server of its own; a few of its histories are
an ordinary test (tests/services/test_deltas.py). A failure names the seed that makes it again.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from catalog import Catalog
from catalog.database.embedded import EmbeddedServer
from catalog.database.migrations import upgrade
from catalog.domain import (
    Asset,
    BrokerContract,
    Currency,
    Etf,
    EventType,
    Future,
    Listing,
    Native,
    Option,
    Pair,
    Pool,
    Record,
    Security,
    Stock,
    Synthetic,
    Token,
    Venue,
)
from catalog.domain.identifiers import cusip_check_digit
from catalog.errors import CatalogError
from catalog.repositories import feeds
from catalog.repositories.statements import Author, Submission
from catalog.services import export, writing
from catalog.services.nouns import Noun
from catalog.snapshot import Snapshot
from catalog.snapshot.apply import apply
from catalog.snapshot.verify import verify
from tests.make import make

ISINS = ("US0378331005", "US5949181045", "US0231351067", "US30303M1027", "GB0002634946", "IE00B5BMR087")
TICKERS = ("AA", "BB", "CC")
#: Of Bermuda, so that they fit any ISIN that is neither American nor Canadian.
CUSIPS = tuple(body + cusip_check_digit(body) for body in ("G0000AAA", "G0000BBB"))
FEEDS = (("finance-database", "one"), ("finance-database", "two"), ("jsonl", "three"), ("operator", "operator"))
SUCCESSIONS = ("isin_change", "redenomination", "corrected", "learnt", "migration", "merger", "split_off")
OTHER_SYMBOLS = (None, ("A/B",), ("A-B", "A/B"))
STATUSES = ("active", "active", "suspended", "retired")
#: So short that tombstones fall behind it while a history runs.
HORIZON = timedelta(seconds=0.4)


class History:
    """One catalog's life, step by step at random; deltas are taken on the way."""

    def __init__(self, catalog: Catalog, seed: int, folder: Path) -> None:
        self.catalog, self.random, self.folder = catalog, random.Random(seed), folder
        self.records = list(_universe(self.random))
        self.bits = self.random.choice((64, 128))
        self.files: list[Path] = []
        self.stretches = 0

    def run(self, stretches: int) -> None:
        """Live, and after each stretch compare the snapshot and its deltas with a fresh export."""
        self._say()
        self.steps(10)
        self.files.append(self._export("base", since=None))
        for n in range(stretches):
            self.steps(self.random.randint(0, 12))
            self._compare(n)

    def _compare(self, n: int) -> None:
        with Snapshot.open(self.files[-1]) as last:
            since = last.as_of_sequence
        fresh = self._export(f"full-{n}", since=None)
        delta = self._export(f"delta-{n}", since=since)
        for path in (fresh, delta):
            problems = verify(path).problems
            assert not problems, problems
        for name, base, deltas in (
            ("one", self._previous_full(n), [delta]),
            ("all", self.files[0], [*self.files[1:], delta]),
        ):
            applied = self.folder / f"{name}-{n}"
            apply(base, deltas, applied)
            assert applied.read_bytes() == fresh.read_bytes(), f"{name} {n}: {_difference(applied, fresh)}"
        self.files.append(delta)
        self.stretches += 1

    def _previous_full(self, n: int) -> Path:
        return self.folder / f"full-{n - 1}" if n else self.files[0]

    def _export(self, name: str, since: int | None) -> Path:
        path = self.folder / name
        self.catalog.export_snapshot(str(path), ids=self.bits, since=since)
        return path

    def steps(self, count: int) -> None:
        """Live for so many random steps."""
        steps: list[tuple[Callable[[], object], int]] = [
            (self._say, 8),
            (self._update, 3),
            (self._unname, 3),
            (self._relist, 1),
            (self._supersede, 2),
            (self._decide, 2),
            (self._apply_due, 1),
        ]
        for step, _ in self.random.choices(steps, [weight for _, weight in steps], k=count):
            with suppress(CatalogError):  # what is not allowed changes nothing, and is proved elsewhere
                step()

    def _say(self) -> None:
        said = [self._restated(r) for r in self.random.sample(self.records, self.random.randint(1, 5))]
        feed, at = self.random.choice(FEEDS), datetime(2024, 1, self.random.randint(1, 28), tzinfo=UTC)
        with self.catalog.transaction() as cursor:
            known = feeds.operator(cursor) if feed[0] == "operator" else feeds.ensure(cursor, *feed)
        writing.write(self.catalog.engine, [Submission(r, known, at, bytes(32)) for r in said], Author("tester"))

    def _restated(self, record: Record) -> Record:
        changed: dict[str, Any] = {}
        if self.random.random() < 0.3:
            changed["status"] = self.random.choice(STATUSES)
        if isinstance(record, Token) and self.random.random() < 0.2:
            changed["decimals"] = self.random.choice((6, 18))
        if isinstance(record, Stock | Etf) and record.isin and self.random.random() < 0.4:
            changed["ticker"] = self.random.choice(TICKERS)
        if isinstance(record, Future) and self.random.random() < 0.2:
            changed["contract_multiplier"] = self.random.choice(("1", "10"))
        if isinstance(record, Pair) and self.random.random() < 0.4:
            changed["other_symbols"] = self.random.choice(OTHER_SYMBOLS)
        if isinstance(record, Security) and record.isin[:2] not in ("US", "CA") and self.random.random() < 0.4:
            changed["cusip"] = self.random.choice(CUSIPS)
        if (
            "name" in type(record).model_fields
            and record.record not in ("synthetic", "event_type")
            and self.random.random() < 0.3
        ):
            changed["name"] = self.random.choice(("One", "Two"))
        return record.replace(**changed)

    def _update(self) -> None:
        record = self.random.choice([r for r in self.records if r.kind != "listing"])
        noun = self._noun(record.record)
        if self.random.random() < 0.3:
            noun.retire(record.id, force=True)
        else:
            noun.update(record.id, {"status": self.random.choice(STATUSES)})

    def _unname(self) -> None:
        """Retire something that others name, or one of those that name it."""
        record = self.random.choice([r for r in self.records if r.references() and r.kind != "listing"])
        if self.random.random() < 0.5:
            found, noun = record, self._noun(record.record)
        else:
            _, kind, id = self.random.choice(list(record.references()))
            found = next(r for r in self.records if r.kind == kind and r.id == id)
            noun = self._noun(found.record)
        noun.retire(found.id, force=True)

    def _noun(self, record: str) -> Noun:
        return next(noun for noun in self.catalog.nouns.values() if record in noun.records)

    def _relist(self) -> None:
        """Let something that was retired trade again."""
        noun = self.random.choice(list(self.catalog.nouns.values()))
        found = noun.list(limit=100, status="retired")
        if found and noun.name != "listing":
            noun.relist(self.random.choice(found).id)

    def _supersede(self) -> None:
        kind = self.random.choice(("token", "stock", "venue", "pool", "asset", "security", "event_type"))
        old, new = self.random.sample([r for r in self.records if r.record == kind], 2)
        noun = self._noun(kind)
        when = datetime.now(UTC) + timedelta(seconds=self.random.choice((-86400, -1, 0.05, 0.3)))
        noun.supersede(old.id, new.id, self.random.choice(SUCCESSIONS), effective_at=when)

    def _decide(self) -> None:
        found = self.catalog.disputes()
        if found:
            number = self.random.choice(found)["number"]
            if self.random.random() < 0.7:
                self.catalog.accept_dispute(number)
            else:
                self.catalog.reject_dispute(number, "no")

    def _apply_due(self) -> None:
        self.catalog.apply_due()


def _universe(rng: random.Random) -> Iterator[Record]:
    """Records that get in each other's way: shared tickers, references in all directions."""
    venues = [make(Venue, mic=mic) for mic in ("XNAS", "XNYS", "ARCX")] + [
        make(Venue, slug=slug) for slug in ("binance", "alpaca")
    ]
    yield from venues
    lines: list[Record] = []
    for isin in rng.sample(ISINS, 4):
        kind = rng.choice((Stock, Stock, Etf))
        lines.append(make(kind, mic=rng.choice(("XNAS", "XNAS", "XNYS")), isin=isin, currency="USD"))
    lines += [make(Stock, mic="XNAS", ticker=ticker, currency="USD") for ticker in TICKERS]
    tokens: list[Record] = [
        make(Token, blockchain="eip155:1", address=f"0x{n + 1:040x}", decimals=18) for n in range(4)
    ]
    assets: list[Record] = [make(Asset, exchange="binance", symbol=symbol) for symbol in ("LUNA", "LUNC", "USDT")]
    yield from (*lines, *tokens, *assets)
    yield from (make(Security, isin=isin) for isin in ISINS)
    yield make(Native, blockchain="eip155:1", symbol="ETH", decimals=18)
    yield make(Currency, iso_code="USD")
    yield make(Asset, exchange="binance", symbol="LUNA", generation="2")
    pairs = [
        make(Pair, exchange="binance", symbol=symbol, base_id=asset.id, quote_id=assets[2].id)
        for symbol, asset in (("LUNAUSDT", assets[0]), ("LUNCUSDT", assets[1]))
    ]
    yield from pairs
    perpetual = make(
        Future, exchange="binance", segment="usdm", symbol="LUNAUSDT", contract_multiplier="1",
        underlying_id=assets[0].id, quote_id=assets[2].id, settlement_id=assets[2].id, margin_id=rng.choice(assets).id,
    )  # fmt: skip
    yield perpetual
    trade = [{"name": "price", "field_type": "decimal"}]
    for version in (1, 2):
        yield make(
            EventType, name="trade", version=version, event_source="cex", exchange="binance", stream_type="trade",
            priority="high", fields=trade,
        )  # fmt: skip
    pools = []
    for n in (8, 9):
        legs = rng.sample(tokens, 2)
        address, named = f"0x{str(n) * 40}", [{"instrument_id": leg.id} for leg in legs]
        pools.append(make(Pool, blockchain="eip155:1", address=address, tokens=named))
    yield from pools
    for n in range(3):
        yield make(BrokerContract, broker="alpaca", symbol=f"X{n}", instrument_id=rng.choice(lines).id)
        yield make(
            Listing, instrument_id=rng.choice(lines).id, venue_id=rng.choice(venues[:3]).id, symbol=rng.choice(TICKERS)
        )
    line = rng.choice(lines)
    yield make(
        Option, osi_root="AA", expiry_date="2027-01-15", option_kind="call", strike_price="10", underlying_id=line.id
    )
    components = [{"variable": "A", "instrument_id": rng.choice([*lines, perpetual]).id}]
    half = make(Synthetic, name="HALF", formula="A / 2", components=components)
    yield half
    components = [
        {"variable": "A", "instrument_id": half.id},
        {"variable": "B", "pair_id": rng.choice(pairs).id},
        {"variable": "C", "pool_id": rng.choice(pools).id},
    ]
    yield make(Synthetic, name="SPREAD", formula="A - B * C", components=components)


def _difference(a: Path, b: Path) -> str:
    """The first entries of either file that the other one does not have."""
    from catalog.snapshot.show import cat

    def lines(path: Path) -> list[str]:
        return [
            f"{m['message']} {m['sequence']} {m['content']}" for m in cat(path) if m["message"] not in ("index", "end")
        ]

    mine, theirs = lines(a), lines(b)
    only = [f"- {x}" for x in mine if x not in theirs] + [f"+ {x}" for x in theirs if x not in mine]
    return "\n".join(only[:8])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stretches", type=int, default=6)
    arguments = parser.parse_args()
    export.HORIZON = HORIZON
    failed = compared = 0
    with tempfile.TemporaryDirectory() as scratch, EmbeddedServer(Path(scratch) / "server", durable=False) as server:
        url = urlsplit(server.start())
        with psycopg.connect(url._replace(path="/postgres").geturl(), autocommit=True) as admin:
            for seed in range(arguments.seed, arguments.seed + arguments.count):
                name = f"history_{seed}"
                own = url._replace(path=f"/{name}").geturl()
                admin.execute(f"CREATE DATABASE {name}".encode())
                upgrade(own)
                folder = Path(scratch) / name
                folder.mkdir()
                with Catalog.open(own, actor="tester") as catalog:
                    history = History(catalog, seed, folder)
                    try:
                        history.run(arguments.stretches)
                    except Exception as error:  # noqa: BLE001 - a campaign goes on
                        failed += 1
                        print(f"seed {seed}: {type(error).__name__}: {str(error)[:3000]}", flush=True)
                    compared += history.stretches
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
    print(
        f"{arguments.count} histories from seed {arguments.seed}: {compared} states compared, {failed} histories failed"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
