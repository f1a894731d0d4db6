"""Made-up instruments in the mix of a real catalog: any number of them, the same ones every time, sorted by id.

Every record is a function of its type and number, and its id is the real one of its identity. So nothing has to be
kept: the order of the ids is worked out once into a file (`prepare`), and a second pass makes the records in that
order, in bounded memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from struct import Struct
from typing import Any

from blake3 import blake3

from catalog.domain.decimals import format_decimal
from catalog.domain.identifiers import cusip_check_digit, isin_check_digit
from catalog.domain.identity import digest, encode_identity
from catalog.snapshot.entries import Entry
from catalog.snapshot.writer import SnapshotHeader

AS_OF_NS = 1_780_000_000_000_000_000
FIRST_NS = 1_600_000_000_000_000_000
VOCABULARIES: dict[str, dict[str, int]] = {
    "blockchain": {"eip155:1": 1, "eip155:137": 2, "eip155:56": 3, "eip155:42161": 4, "eip155:8453": 7},
    "exercise_style": {"american": 1, "european": 2},
    "market_kind": {"spot": 1},
    "option_kind": {"call": 1, "put": 2},
    "pool_type": {"constant_product": 1, "concentrated_liquidity": 2},
    "settlement_type": {"cash": 1, "physical": 2},
    "status": {"active": 1, "suspended": 2, "retired": 3},
    "token_standard": {"erc20": 1},
    "venue_type": {"stock_exchange": 1, "crypto_exchange": 2, "futures_exchange": 3},
}
BLOCKCHAINS = (*VOCABULARIES["blockchain"],)
#: MIC, country, currency of the markets that stocks stand on.
MARKETS = (
    ("XNAS", "US", "USD"), ("XNYS", "US", "USD"), ("XLON", "GB", "GBP"), ("XETR", "DE", "EUR"), ("XPAR", "FR", "EUR"),
    ("XTKS", "JP", "JPY"), ("XHKG", "HK", "HKD"), ("XASX", "AU", "AUD"), ("XTSE", "CA", "CAD"), ("XSWX", "CH", "CHF"),
)  # fmt: skip
EXCHANGES = ("binance", "bybit", "coinbase", "kraken", "okx")
SECTORS = ("Energy", "Financials", "Health Care", "Industrials", "Information Technology", "Materials", "Utilities")
WORDS = ("Alpine", "Atlas", "Birch", "Comet", "Delta", "Ember", "Falcon", "Glacier", "Harbor", "Juniper", "Meridian")
EXPIRIES = tuple(date(2026 + n // 12, n % 12 + 1, 18) for n in range(24))
STRIKES = tuple(Decimal(5 * n) / 2 for n in range(1, 81))
CENT, HUNDRED, ONE, FIVE = Decimal("0.01"), Decimal(100), Decimal(1), Decimal(5)
MAKER_FEE, TAKER_FEE = Decimal("7.5"), Decimal(10)
EXPIRES_AT = {day: datetime(day.year, day.month, day.day, 14, 30, tzinfo=UTC) for day in EXPIRIES}

#: How many of 100 instruments are of each type, and how many other records belong to them.
SHARES = {"token": 55, "stock": 25, "asset": 8, "option": 8, "future": 4, "security": 20, "pair": 8, "pool": 5}
INSTRUMENTS = ("token", "stock", "asset", "option", "future")
_ROW = Struct("<16sBI")
_Made = tuple[tuple[str, ...], dict[str, Any]]


class Universe:
    """`size` instruments with their securities, venues, listings, pools and pairs; a multiple of 100."""

    def __init__(self, size: int) -> None:
        if size < 100 or size % 100:
            raise ValueError(f"a universe has a multiple of 100 instruments, not {size}")
        self.size = size
        self.number = {record: size * share // 100 for record, share in SHARES.items()}
        self._makers: dict[str, Callable[[int], _Made]] = {
            "security": self._security,
            "token": self._token,
            "stock": self._stock,
            "asset": self._asset,
            "option": self._option,
            "future": self._future,
            "pool": self._pool,
            "pair": self._pair,
        }
        self._venues = sorted(map(self._venue, (*[m[0] for m in MARKETS], "XCME", *EXCHANGES)), key=lambda e: e.id)
        self._venue_ids = {e.values.get("mic") or e.values["slug"]: e.id.hex() for e in self._venues}
        self._tether = {exchange: self.id("asset", n).hex() for n, exchange in enumerate(EXCHANGES)}

    @property
    def header(self) -> SnapshotHeader:
        """What a snapshot of this universe says of itself."""
        stocks = self.number["stock"]
        counts = self.number | {"venue": len(self._venues), "listing": stocks + (stocks + 9) // 10}
        return SnapshotHeader(bytes(range(16)), 64, "benchmark", 0, self.size * 2, AS_OF_NS, FIRST_NS, counts)

    def id(self, record: str, number: int) -> bytes:
        """The id of the `number`th record of a type."""
        kind = record if record in ("security", "pool", "pair") else "instrument"
        return digest(kind, encode_identity(self._makers[record](number)[0]))

    def prepare(self, order: Path) -> None:
        """Write the ids of all records into the file `order`, sorted as a snapshot wants them."""
        with order.open("wb") as out:
            for section in (("security",), INSTRUMENTS, ("pool",), ("pair",)):
                buckets = [bytearray() for _ in range(256)]
                for record in section:
                    code = list(self._makers).index(record)
                    for n in range(self.number[record]):
                        id = self.id(record, n)
                        buckets[id[0]] += _ROW.pack(id, code, n)
                for bucket in buckets:
                    out.write(b"".join(sorted(bucket[at : at + _ROW.size] for at in range(0, len(bucket), _ROW.size))))

    def entries(self, order: Path) -> Iterator[Entry]:
        """All entries in the order of a snapshot file; `order` is what `prepare` wrote."""
        first, last = self.number["security"], self.number["security"] + self.size
        end = last + self.number["pool"] + self.number["pair"]
        yield from self._rows(order, 0, first)
        yield from self._venues
        yield from self._rows(order, first, last)
        yield from self._listings(order, first, last)
        yield from self._rows(order, last, end)

    def instruments(self, order: Path) -> Iterator[tuple[str, bytes, int]]:
        """(type, id, number) of every instrument, sorted by id."""
        return self._order(order, self.number["security"], self.number["security"] + self.size)

    def values(self, record: str, number: int) -> dict[str, Any]:
        """The fields of the `number`th record of a type."""
        return self._makers[record](number)[1]

    def _order(self, order: Path, first: int, last: int) -> Iterator[tuple[str, bytes, int]]:
        names = list(self._makers)
        with order.open("rb") as file:
            file.seek(first * _ROW.size)
            left = last - first
            while left:
                chunk = file.read(min(left, 4096) * _ROW.size)
                left -= len(chunk) // _ROW.size
                for id, code, number in _ROW.iter_unpack(chunk):
                    yield names[code], id, number

    def _rows(self, order: Path, first: int, last: int) -> Iterator[Entry]:
        for record, id, number in self._order(order, first, last):
            sequence = number + 1
            yield Entry(record, id, sequence, FIRST_NS + sequence * 1000, self._makers[record](number)[1])

    def _listings(self, order: Path, first: int, last: int) -> Iterator[Entry]:
        for record, id, number in self._order(order, first, last):
            if record == "stock":
                stock = self._stock(number)[1]
                listed = {"status": "active", "instrument_id": id.hex(), "symbol": stock["ticker"]}
                listed |= {"currency": stock["currency"], "tick_size": CENT, "lot_size": ONE}
                for venue in sorted(self._venue_ids[mic] for mic in self._places(number)):
                    yield Entry("listing", b"", number + 1, FIRST_NS, listed | {"venue_id": venue})

    def _places(self, number: int) -> tuple[str, ...]:
        """Where a stock is listed: at its home market, and every tenth on another one."""
        home = MARKETS[number % 10][0]
        return (home,) if number % 10 else (home, "XNYS")

    def _venue(self, code: str) -> Entry:
        field = "mic" if code.isupper() else "slug"
        values = {"status": "active", field: code, "name": f"Venue {code}"}
        return Entry("venue", digest("venue", encode_identity((field, code))), 1, FIRST_NS, values)

    def _token(self, n: int) -> _Made:
        chance = blake3(b"token %d" % n).digest()
        chain, address = BLOCKCHAINS[n % 5], f"0x{chance[:20].hex()}"
        symbol = word(int.from_bytes(chance[21:25], "little") % (self.size // 2))  # two tokens share one, on average
        return ("token", chain, address, ""), {
            "status": "active" if chance[25] > 5 else "suspended",
            "blockchain": chain,
            "address": address,
            "symbol": symbol,
            "name": f"{WORDS[chance[26] % len(WORDS)]} {symbol.title()}",
            "decimals": 6 if chance[27] < 32 else 18,
            "token_standard": "erc20",
        }

    def _isin(self, n: int) -> tuple[str, str | None, str]:
        """(ISIN, CUSIP, country) of security n; only those of the United States have a CUSIP."""
        country = MARKETS[n % 10][1]
        if country == "US":
            body = f"{n:08d}"
            cusip = body + cusip_check_digit(body)
            return f"US{cusip}{isin_check_digit('US' + cusip)}", cusip, country
        body = f"{country}{n:09d}"
        return body + isin_check_digit(body), None, country

    def _security(self, n: int) -> _Made:
        isin, cusip, country = self._isin(n)
        return (isin,), {
            "status": "active",
            "isin": isin,
            "cusip": cusip,
            "share_class_figi": figi_of(2 * n + 1),
            "name": f"{WORDS[n % len(WORDS)]} {word(n).title()} Holdings",
            "cfi": "ESVUFR",
            "sector": SECTORS[n % len(SECTORS)],
            "country": country,
        }

    def _stock(self, n: int) -> _Made:
        """Five stocks to four securities: every fifth stock is a second line of its neighbour's security."""
        isin, _, country = self._isin(n - n // 5 - (n % 5 == 4))
        mic, _, currency = MARKETS[n % 10]
        return ("equity", mic, isin, currency, ""), {
            "status": "active",
            "mic": mic,
            "isin": isin,
            "ticker": word(n),
            "currency": currency,
            "name": f"{WORDS[n % len(WORDS)]} {word(n).title()} Holdings",
            "figi": figi_of(2 * n),
            "sector": SECTORS[n % len(SECTORS)],
            "country": country,
        }

    def _asset(self, n: int) -> _Made:
        exchange = EXCHANGES[n % 5]
        symbol = word(n // 5 + 26**3)
        return ("asset", exchange, symbol, ""), {"status": "active", "exchange": exchange, "symbol": symbol}

    def _option(self, n: int) -> _Made:
        stock = n // 160 * 10 % self.number["stock"]
        root, kind = word(stock), ("call", "put")[n % 2]
        day, strike = EXPIRIES[n // 160 % 24], STRIKES[n // 2 % 80]
        return ("occ-option", root, day.isoformat(), kind[0].upper(), format_decimal(strike)), {
            "status": "active",
            "osi_root": root,
            "expiry_date": day,
            "option_kind": kind,
            "strike_price": strike,
            "exercise_style": "american",
            "symbol": f"{root:<6}{day:%y%m%d}{kind[0].upper()}{int(strike * 1000):08d}",
            "underlying_id": self.id("stock", stock).hex(),
            "currency": "USD",
            "contract_multiplier": HUNDRED,
            "settlement_type": "physical",
        }

    def _future(self, n: int) -> _Made:
        product, day = word(n // 24), EXPIRIES[n % 24]
        symbol = f"{product}{'FGHJKMNQUVXZ'[day.month - 1]}{day.year}"
        return ("future", "XCME", "", symbol, day.isoformat(), ""), {
            "status": "active",
            "last_trading_date": day,
            "mic": "XCME",
            "symbol": symbol,
            "name": f"{product} future {day:%B %Y}",
            "product": product,
            "currency": "USD",
            "contract_multiplier": FIVE,
            "tick_size": CENT,
            "settlement_type": "cash",
            "expires_at": EXPIRES_AT[day],
        }

    def _pool(self, n: int) -> _Made:
        chance = blake3(b"pool %d" % n).digest()
        chain, address = BLOCKCHAINS[n % 5], f"0x{chance[:20].hex()}"
        first = 35 * n % (self.number["token"] - 5) + n % 5  # both tokens are on the chain of the pool
        tokens = [self.id("token", first), self.id("token", first + 5)]
        return (chain, address, ""), {
            "status": "active",
            "blockchain": chain,
            "address": address,
            "tokens": [{"instrument_id": token.hex()} for token in tokens],
            "dex": "uniswap_v2",
            "pool_type": "constant_product",
            "fee": Decimal("0.003"),
        }

    def _pair(self, n: int) -> _Made:
        exchange = EXCHANGES[n % 5]
        symbol = f"{word(n // 5 + 26**3)}USDT"
        return (exchange, "spot", symbol, ""), {
            "status": "active",
            "base_id": self.id("asset", n).hex(),
            "quote_id": self._tether[exchange],
            "exchange": exchange,
            "market_kind": "spot",
            "symbol": symbol,
            "tick_size": CENT,
            "lot_size": Decimal("0.0001"),
            "min_notional": FIVE,
            "maker_fee_bps": MAKER_FEE,
            "taker_fee_bps": TAKER_FEE,
            "venue_status": "TRADING",
        }


def word(n: int) -> str:
    """The `n`th word of capital letters: A … Z, AA, AB …"""
    letters = ""
    n += 1
    while n:
        n, letter = divmod(n - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


def figi_of(n: int) -> str:
    """The `n`th FIGI."""
    body = f"BBG{n:08d}"
    return body + cusip_check_digit(body)
