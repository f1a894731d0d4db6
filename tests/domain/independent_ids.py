"""Ids a second time, written from docs/ids.md alone. Nothing of the catalog is imported here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from blake3 import blake3

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
MARKETS = {"XNGS": "XNAS", "XNMS": "XNAS", "XNCM": "XNAS", "XETA": "XETR", "XETB": "XETR", "XJPX": "XTKS"}
MAJOR_UNITS = {"GBX": "GBP", "GBp": "GBP", "ILA": "ILS", "ZAC": "ZAR", "ZAc": "ZAR"}
NATIVE_EVERYWHERE = {"0x" + "0" * 40, "0x" + "e" * 40}
NATIVE = {
    ("eip155:137", "0x0000000000000000000000000000000000001010"),
    ("eip155:42220", "0x471ece3750da237f93b8e339c536989b8978a438"),
    ("eip155:324", "0x000000000000000000000000000000000000800a"),
    ("eip155:5000", "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0000"),
    ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "1" * 32),
}
SEGMENTS = {"binance": {"usdm", "coinm"}, "bybit": {"linear", "inverse"}}
EXCHANGES = {"binance", "coinbase", "kraken", "kraken_futures", "okx", "bybit", "deribit"}
BROKERS = {"alpaca", "tradovate"}

Identity = tuple[str, tuple[str, ...]]


def digest(kind: str, fields: tuple[str, ...]) -> bytes:
    message = b"".join(len(f.encode()).to_bytes(4, "little") + f.encode() for f in fields)
    return blake3(message, derive_key_context=f"instrument-catalog v1 {kind}").digest()[:16]


def compute(kind: str, fields: tuple[str, ...]) -> str:
    return digest(kind, fields).hex()


def id64(kind: str, fields: tuple[str, ...]) -> str:
    return digest(kind, fields)[:8].hex()


def event_type_number(fields: tuple[str, ...]) -> int:
    return int.from_bytes(digest("event-type", fields)[:4], "little")


def rotate(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & (2**64 - 1) if by else value


def keccak256(data: bytes) -> bytes:
    """Of less than 136 bytes: one block."""
    block = bytearray(data + bytes(200 - len(data)))
    block[len(data)] ^= 0x01
    block[135] ^= 0x80
    a = [[int.from_bytes(block[8 * (x + 5 * y) :][:8], "little") for y in range(5)] for x in range(5)]
    register = 1
    for _round in range(24):
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        a = [[a[x][y] ^ c[x - 1] ^ rotate(c[(x + 1) % 5], 1) for y in range(5)] for x in range(5)]
        x, y, lane = 1, 0, a[1][0]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            lane, a[x][y] = a[x][y], rotate(lane, (t + 1) * (t + 2) // 2 % 64)
        a = [[a[x][y] ^ (~a[(x + 1) % 5][y] & a[(x + 2) % 5][y]) for y in range(5)] for x in range(5)]
        for j in range(7):
            register = (register << 1 ^ (register >> 7) * 0x71) % 256
            if register & 2:
                a[0][0] ^= 1 << ((1 << j) - 1)
    return b"".join(a[x][0].to_bytes(8, "little") for x in range(4))


def checksummed(address: str) -> str:
    """EIP-55: a letter is a capital where the hash of the address has a digit from 8 on."""
    digits = address[2:].lower()
    marks = keccak256(digits.encode()).hex()
    return "0x" + "".join(d.upper() if int(m, 16) >= 8 else d for d, m in zip(digits, marks, strict=False))


def need(condition: object, what: str) -> None:
    if not condition:
        raise ValueError(what)


def key(value: object) -> str:
    need(isinstance(value, str), "a key is text")
    text = unicodedata.normalize("NFC", str(value)).strip()
    need("\0" not in text and 1 <= len(text.encode()) <= 255, "a key has 1 to 255 bytes and no U+0000")
    return text


def matching(pattern: str, value: object) -> str:
    text = key(value)
    need(re.fullmatch(pattern, text, re.ASCII), f"{text!r} is not of the form {pattern}")
    return text


def blockchain(value: object) -> str:
    return matching(r"eip155:(0|[1-9][0-9]{0,31})|solana:[-_a-zA-Z0-9]{1,32}", value)


def address(chain: str, value: object) -> str:
    text = key(value)
    if chain.startswith("solana:"):
        number = 0
        for character in matching("[1-9A-HJ-NP-Za-km-z]{32,44}", text):
            number = number * 58 + BASE58.index(character)
        leading = len(text) - len(text.lstrip("1"))
        need(leading + (number.bit_length() + 7) // 8 == 32, "an address of Solana has 32 bytes")
        return text
    digits = matching("0x[0-9a-fA-F]{40}", text)[2:]
    if digits not in (digits.lower(), digits.upper()):
        need(text == checksummed(text), "the checksum is wrong")
    return text.lower()


def token(value: Mapping[str, Any]) -> tuple[str, ...]:
    chain = blockchain(value.get("blockchain"))
    where = address(chain, value.get("address"))
    coin = (chain, where) in NATIVE or (chain.startswith("eip155:") and where in NATIVE_EVERYWHERE)
    need(not coin, "the address means the coin")
    number = value.get("token_id")
    if number is not None:
        need(int(matching("0|[1-9][0-9]*", number)) < 2**256, "a token id is below 2^256")
    return "token", chain, where, "" if number is None else key(number)


def isin(value: object) -> str:
    text = matching("[A-Z]{2}[A-Z0-9]{9}[0-9]", value)
    digits = "".join(str(int(c, 36)) for c in text)
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    need(sum(n // 10 + n % 10 for n in doubled) % 10 == 0, "the check digit is wrong")
    return text


def mic(value: object) -> str:
    return matching("[A-Z0-9]{4}", value)


def currency(value: object) -> str:
    return matching("[A-Z]{3}", value)


def one_of(names: set[str], value: object) -> str:
    text = matching("[a-z0-9_]{1,64}", value)
    need(text in names, f"{text} is not of the table")
    return text


def exchange_slug(value: object) -> str:
    """The table's slug, or ccxt's id of an exchange that has no row; not what ccxt calls one that has."""
    slug = matching("[a-z0-9_]{1,64}", value)
    need(slug not in {"binanceusdm", "binancecoinm", "coinbaseexchange", "krakenfutures"}, "the slug of the table")
    return slug


def generation(value: Mapping[str, Any]) -> str:
    found = value.get("generation")
    return "" if found is None else matching("[2-9]|[1-9][0-9]+", found)


def day(value: object) -> str:
    return date.fromisoformat(matching("[0-9]{4}-[0-9]{2}-[0-9]{2}", value)).isoformat()


def equity(value: Mapping[str, Any]) -> tuple[str, ...]:
    market = mic(value.get("mic"))
    market = MARKETS.get(market, market)
    quoted = key(value.get("currency"))
    major = currency(MAJOR_UNITS.get(quoted, quoted))
    if value.get("isin") is None:
        return "equity-by-ticker", market, key(value.get("ticker")), major, generation(value)
    line = value.get("line")
    return "equity", market, isin(value["isin"]), major, "" if line is None else matching("[A-Z0-9]{1,32}", line)


def derivative(value: Mapping[str, Any]) -> tuple[str, str, str]:
    need((value.get("mic") is None) != (value.get("exchange") is None), "either a MIC or a slug")
    segment = value.get("segment")
    if value.get("mic") is not None:
        market = mic(value["mic"])
        need(market != "GLBX" and segment is None, "the exchange that lists it, and no segment")
        return market, "", key(value.get("symbol"))
    slug = exchange_slug(value.get("exchange"))
    return slug, "" if segment is None else one_of(SEGMENTS.get(slug, set()), segment), key(value.get("symbol"))


def future(value: Mapping[str, Any]) -> tuple[str, ...]:
    last = "" if value.get("last_trading_date") is None else day(value["last_trading_date"])
    return "future", *derivative(value), "" if last >= "2099" else last, generation(value)


def option(value: Mapping[str, Any]) -> tuple[str, ...]:
    expiry = day(value.get("expiry_date"))
    if value.get("osi_root") is None:
        return "option", *derivative(value), expiry, generation(value)
    number = Decimal(matching(r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][0-9]+)?", value.get("strike_price")))
    strike = f"{number:f}"
    strike = strike.rstrip("0").rstrip(".") if "." in strike else strike
    return "occ-option", key(value["osi_root"]), expiry, matching("[CP]", value.get("option_kind")), strike


def pool(value: Mapping[str, Any]) -> tuple[str, ...]:
    chain = blockchain(value.get("blockchain"))
    number = value.get("pool_id")
    found = "" if number is None else matching("0x[0-9a-f]{64}", number)
    return chain, address(chain, value.get("address")), found


def identity(value: Mapping[str, Any]) -> Identity:  # noqa: C901 - one branch for each row of the table
    """The kind and the identity fields of a JSON object. Raises ValueError where there is none."""
    match value.get("record"):
        case "token":
            return "instrument", token(value)
        case "native":
            return "instrument", ("native", blockchain(value.get("blockchain")))
        case "asset":
            owner = exchange_slug(value.get("exchange"))
            return "instrument", ("asset", owner, key(value.get("symbol")), generation(value))
        case "stock" | "etf":
            return "instrument", equity(value)
        case "future":
            return "instrument", future(value)
        case "option":
            return "instrument", option(value)
        case "currency":
            return "instrument", ("currency", currency(value.get("iso_code")))
        case "synthetic":
            return "instrument", ("synthetic", key(value.get("name")))
        case "security":
            return "security", (isin(value.get("isin")),)
        case "venue" if value.get("slug") is None:
            return "venue", ("mic", mic(value.get("mic")))
        case "venue" if value.get("mic") is None:
            return "venue", ("slug", matching("[a-z0-9_]{1,64}", value["slug"]))
        case "pool":
            return "pool", pool(value)
        case "pair":
            owner = exchange_slug(value.get("exchange"))
            market = matching("spot", value.get("market_kind", "spot"))
            return "pair", (owner, market, key(value.get("symbol")), generation(value))
        case "broker_contract":
            return "broker-contract", (
                one_of(EXCHANGES | BROKERS, value.get("broker")),
                key(value.get("symbol")),
                generation(value),
            )
        case "event_type":
            return "event-type", (key(value.get("name")), matching("0|[1-9][0-9]*", str(value.get("version"))))
    raise ValueError("a record type with ids")
