"""A second decoder of snapshot files, written from `docs/protocol.md` and `docs/ids.md` alone: it shares no line with
the package.

`decode(data)` checks everything that the document lets a reader check and gives plain dicts: dates, times and clocks as
`date`, `datetime` in UTC and `time`, decimals as `Decimal`, keys as tuples, elements of lists as dicts without nulls.
The numbers in comments are sections of the document.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import combinations, pairwise
from typing import Any, NamedTuple

from blake3 import blake3

Values = dict[str, Any]

KINDS = ("instrument", "security", "venue", "pool", "pair", "broker-contract", "event-type", "listing")  # 2
SECTION_ORDER = (0x08, 0x06, 0x01, 0x0A, 0x0C, 0x07, 0x02, 0x03, 0x04, 0x09, 0x0E, 0x0B)  # 7
FRAMES = (0x21, 0x0D, 0x23, 0x24)
TARGETS = ((), (0x01, 0x0A), (0x08,), (0x06,), (0x02,), (0x03,), (0x04,), (0x09,), (0x07,))  # 2, by kind
VOCABULARIES = [  # 6.2
    "blockchain",
    "component_measure",
    "event_field_type",
    "event_priority",
    "event_source",
    "exercise_style",
    "market_kind",
    "option_kind",
    "pool_type",
    "settlement_type",
    "status",
    "succession_kind",
    "token_standard",
    "venue_type",
]
CODE_SIZES = dict.fromkeys(VOCABULARIES, 1) | {"blockchain": 2}
VOCABULARY_OF = {  # of the fields that are not called like it
    "measure": "component_measure",
    "priority": "event_priority",
    "field_type": "event_field_type",
    "element_type": "event_field_type",
}
LAST = 32 + 432  # 8.5

_EQUITY = (
    "id:id instrument_type:u8 status:code mic:key segment_mic:key? isin:key? ticker:key? currency:key price_unit:key? "
    "line:key? generation:key? name:text? cusip:key? figi:key? composite_figi:key? share_class_figi:key? sedol:key? "
    "sector:text? industry:text? country:key? delist_at:time?"
)
_DERIVATIVE = (
    "mic:key? exchange:key? segment:key? symbol:key? generation:key? name:text? product:key? underlying_id:ref1? "
    "quote_id:ref1? settlement_id:ref1? margin_id:ref1? currency:key? contract_multiplier:decimal? tick_size:decimal? "
    "lot_size:decimal? min_quantity:decimal? max_quantity:decimal? min_price:decimal? max_price:decimal? "
    "min_notional:decimal? maker_fee_bps:decimal? taker_fee_bps:decimal? settlement_type:code? "
    "first_trading_date:date? expires_at:time? delist_at:time? venue_status:key?"
)
LAYOUTS = {  # 5.2, by message type and instrument_type; `?2` is an added field (5), with its version
    (0x08, 0): "security id:id status:code isin:key cusip:key? share_class_figi:key? name:text? issuer_lei:key? "
    "cfi:key? sector:text? country:key?",
    (0x06, 0): "venue id:id status:code mic:key? slug:key? name:text? venue_type:code? operating_mic:key? "
    "country:key? city:text? timezone:text? website:text? lei:key? session_open:clock? session_close:clock? "
    "clearing_house:text? contract_types:keys? exercise_styles:keys? blockchains:keys?",
    (0x01, 1): "token id:id instrument_type:u8 status:code blockchain:code address:key token_id:key? symbol:key? "
    "name:text? decimals:u8? token_standard:code?",
    (0x01, 9): "native id:id instrument_type:u8 status:code blockchain:code symbol:key? name:text? decimals:u8?",
    (0x01, 8): "asset id:id instrument_type:u8 status:code exchange:key symbol:key generation:key? name:text? "
    "decimals:u8? delist_at:time?",
    (0x01, 6): "currency id:id instrument_type:u8 status:code iso_code:key name:text? numeric_code:key? decimals:u8? "
    "country:key?",
    (0x01, 2): "stock " + _EQUITY,
    (0x01, 3): "etf " + _EQUITY + " underlying_index:text? expense_ratio:decimal?",
    (0x01, 4): "future id:id instrument_type:u8 status:code last_trading_date:date? is_inverse:bool? " + _DERIVATIVE,
    (0x01, 5): "option id:id instrument_type:u8 status:code osi_root:key? expiry_date:date option_kind:code "
    "strike_price:decimal exercise_style:code? is_adjusted:bool? deliverable:text? " + _DERIVATIVE,
    (0x0A, 0): "synthetic id:id status:code name:key formula:text components:list update_interval_ns:u64? "
    "min_value:decimal? max_value:decimal? outlier_threshold:decimal? stale_after_ns:u64?",
    (0x07, 0): "listing status:code instrument_id:ref1 venue_id:ref3 symbol:key? currency:key? tick_size:decimal? "
    "lot_size:decimal? delist_at:time?",
    (0x02, 0): "pool id:id status:code blockchain:code address:key pool_id:key? tokens:list name:text? dex:key? "
    "pool_type:code? algorithm:key? fee:decimal? is_dynamic_fee:bool? tick_spacing:u32? hooks:key? factory:key?",
    (0x03, 0): "pair id:id status:code base_id:ref1 quote_id:ref1 exchange:key market_kind:code symbol:key "
    "generation:key? tick_size:decimal? lot_size:decimal? min_quantity:decimal? max_quantity:decimal? "
    "min_price:decimal? max_price:decimal? min_notional:decimal? maker_fee_bps:decimal? taker_fee_bps:decimal? "
    "venue_status:key? delist_at:time? other_symbols:keys?2",
    (0x04, 0): "broker_contract id:id status:code broker:key symbol:key generation:key? instrument_id:ref1? mic:key? "
    "name:text? timezone:key? session_open:clock? session_close:clock? pre_market_open:clock? pre_market_close:clock? "
    "after_hours_open:clock? after_hours_close:clock? shares_outstanding:decimal? dividend_yield:decimal? "
    "contract_multiplier:decimal? tick_value:decimal? settlement_type:code? premium_multiplier:decimal? "
    "margin_currency:key? initial_margin:decimal? maintenance_margin:decimal? long_margin_rate:decimal? "
    "short_margin_rate:decimal? tick_size:decimal? lot_size:decimal? min_quantity:decimal? is_tradable:bool? "
    "is_marginable:bool? is_shortable:bool? is_easy_to_borrow:bool? is_fractionable:bool? venue_status:key? "
    "delist_at:time?",
    (0x09, 0): "event_type id:id status:code name:key version:u32 event_source:code blockchain:code? protocol:key? "
    "exchange:key? stream_type:key? broker:key? feed_type:key? component:key? event_class:key? priority:code "
    "id_bits:u8 size_hint:u32? fields:list",
    (0x0C, 0): "alias id:id kind:u8 target:ref1? identity:identity",  # 5.3
    (0x0B, 0): "tombstone kind:u8 record_message:u8 record_subtype:u8 id:short",  # 5.4
    (0x0E, 0): "succession kind:u8 predecessor:ref successor:ref succession_kind:code ratio:decimal? "  # 5.5
    "effective_at:time is_in_effect:bool",
}
ELEMENTS = {  # 5.2, by the name of the list, with the least and the greatest count
    "components": (1, 256, "variable:key instrument_id:ref1? pair_id:ref5? pool_id:ref4? measure:code"),
    "tokens": (2, 64, "instrument_id:ref1 weight:decimal?"),
    "fields": (
        1,
        1024,
        "name:key field_type:code byte_offset:u32? is_required:bool max_length:u32? element_type:code?",
    ),
}

(  # 8.1
    SYMBOL,
    ISIN,
    CUSIP,
    FIGI,
    ADDRESS,
    EXCHANGE_SYMBOL,
    PAIR_LEGS,
    POOL_LEGS,
    UNDERLYING,
    BROKER_CONTRACTS,
    EVENT_NUMBER,
    SUCCESSIONS,
) = range(16, 28)
LISTINGS = 8
ID_INDEXES = {"security": 2, "venue": 3, "pool": 4, "pair": 5, "broker_contract": 6, "event_type": 7}  # else 1
_EQUITY_KEYS = (
    (SYMBOL, "ticker"),
    (ISIN, "isin"),
    (CUSIP, "cusip"),
    (FIGI, "figi"),
    (FIGI, "composite_figi"),
    (FIGI, "share_class_figi"),
)
TEXT_KEYS: dict[str, tuple[tuple[int, str], ...]] = {
    "security": ((ISIN, "isin"), (CUSIP, "cusip"), (FIGI, "share_class_figi")),
    "token": ((SYMBOL, "symbol"), (ADDRESS, "address")),
    "pool": ((ADDRESS, "address"),),
    "currency": ((SYMBOL, "iso_code"),),
    "synthetic": ((SYMBOL, "name"),),
    "stock": _EQUITY_KEYS,
    "etf": _EQUITY_KEYS,
} | dict.fromkeys(("native", "asset", "future", "option"), ((SYMBOL, "symbol"),))
EXCHANGE_KEYS = {
    "asset": ("exchange", "symbol"),
    "pair": ("exchange", "symbol"),
    "broker_contract": ("broker", "symbol"),
    "stock": ("mic", "ticker"),
    "etf": ("mic", "ticker"),
}
NAMED_KEYS = {
    "listing": ((LISTINGS, "instrument_id"),),
    "future": ((UNDERLYING, "underlying_id"),),
    "option": ((UNDERLYING, "underlying_id"),),
    "broker_contract": ((BROKER_CONTRACTS, "instrument_id"),),
    "succession": ((SUCCESSIONS, "predecessor"), (SUCCESSIONS, "successor")),
}


class Refused(ValueError):
    """The document calls these bytes an error."""


def need(condition: bool, what: str, offset: int) -> None:
    if not condition:
        raise Refused(f"{what} at {offset}")


class Message(NamedTuple):
    offset: int
    type: int
    sequence: int
    timestamp: int
    payload: bytes

    @property
    def end(self) -> int:
        return self.offset + 32 + len(self.payload)


class Cursor:
    """Takes fields (4) off a payload, one behind the other."""

    def __init__(self, file: Decoded, message: Message) -> None:
        self.file, self.data, self.at, self.offset = file, message.payload, 0, message.offset + 32

    def take(self, size: int) -> bytes:
        need(size <= len(self.data) - self.at, "truncated", self.offset + self.at)
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def string(self, length: int) -> str:
        try:
            return self.take(length).decode("utf-8", "strict")
        except UnicodeDecodeError as error:
            raise Refused(f"no UTF-8 at {self.offset + self.at}") from error

    def key(self) -> str:
        length = self.number(1)
        need(length > 0, "empty key", self.offset + self.at)
        return self.string(length)

    def decimal(self) -> Decimal:
        mantissa, exponent = struct.unpack("<qb", self.take(9))
        good = mantissa % 10 != 0 if mantissa else exponent == 0
        need(good and abs(mantissa) < 10**18, "decimal", self.offset + self.at)
        return Decimal((int(mantissa < 0), tuple(map(int, str(abs(mantissa)))), exponent))

    def day(self) -> date:
        (days,) = struct.unpack("<i", self.take(4))
        need(-719162 <= days <= 2932896, "date", self.offset + self.at)
        return date(1970, 1, 1) + timedelta(days)

    def moment(self) -> datetime:
        nanoseconds = self.number(8)
        good = nanoseconds % 1000 == 0 and nanoseconds < 9214646400000000000
        need(good, "time", self.offset + self.at)
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000)

    def clock(self) -> time:
        seconds = self.number(4)
        need(seconds < 86400, "clock", self.offset + self.at)
        return time(seconds // 3600, seconds // 60 % 60, seconds % 60)

    def truth(self) -> bool:
        value = self.number(1)
        need(value in (0, 1), "bool", self.offset + self.at)
        return value == 1

    def keys(self) -> tuple[str, ...]:
        count = self.number(2)
        need(1 <= count <= 1024, "count of keys", self.offset + self.at)
        found = tuple(self.key() for _ in range(count))
        need(all(a.encode() < b.encode() for a, b in pairwise(found)), "order of keys", self.offset + self.at)
        return found

    def elements(self, name: str) -> list[Values]:
        least, most, layout = ELEMENTS[name]
        count = self.number(2)
        need(least <= count <= most, f"count of {name}", self.offset + self.at)
        found = [self.fields(layout.split()) for _ in range(count)]
        return [{name: value for name, value in e.items() if value is not None} for e in found]

    def fields(self, layout: list[str]) -> Values:
        values: Values = {}
        for name, _, form in (field.partition(":") for field in layout):
            if form == "ref":  # to the record's own kind
                need(1 <= values["kind"] <= 7, "kind", self.offset)
                form = f"ref{values['kind']}"
            values[name] = self.added(name, form) if form[-1].isdigit() and "?" in form else self.field(name, form)
        return values

    def added(self, name: str, form: str) -> Any:
        """A field that came with a later version than 1 (5)."""
        form, _, version = form.partition("?")
        if self.at == len(self.data):
            return None
        value = self.field(name, f"{form}?")
        need(value is None or self.file.head["format_version"] >= int(version), f"{name} in this version", self.offset)
        need(value is not None or self.at < len(self.data), f"a null {name} at the end", self.offset)
        return value

    def code(self, vocabulary: str) -> str:
        code = self.number(CODE_SIZES[vocabulary])
        need(code in self.file.vocabularies[vocabulary], f"{vocabulary} {code}", self.offset + self.at)
        return self.file.vocabularies[vocabulary][code]

    def identity(self) -> list[str]:
        message, fields = self.take(self.number(2)), []
        at = 0
        while at < len(message):
            need(at + 4 <= len(message), "identity", self.offset + self.at)
            end = at + 4 + int.from_bytes(message[at : at + 4], "little")
            need(end <= len(message), "identity", self.offset + self.at)
            try:
                fields.append(message[at + 4 : end].decode("utf-8", "strict"))
            except UnicodeDecodeError as error:
                raise Refused(f"no UTF-8 at {self.offset + self.at}") from error
            at = end
        digest = blake3(message, derive_key_context="instrument-catalog v1 instrument").digest(16)
        need(digest == self.data[:16], "id of an identity", self.offset)
        return fields

    def field(self, name: str, type: str) -> Any:
        if type.endswith("?"):
            presence = self.number(1)
            need(presence in (0, 1), "presence byte", self.offset + self.at)
            return self.field(name, type[:-1]) if presence else None
        if type.startswith("ref"):
            return self.file.full_id(int(type[3:]), self.take(self.file.width)).hex()
        match type:
            case "id":
                return self.take(16).hex()
            case "short":
                return self.take(self.file.width).hex()
            case "u8" | "u32" | "u64":
                return self.number(int(type[1:]) // 8)
            case "text":
                return self.string(self.number(2))
            case "list":
                return self.elements(name)
            case "code":
                return self.code(VOCABULARY_OF.get(name, name))
        plain: dict[str, Callable[[], Any]] = {
            "key": self.key,
            "decimal": self.decimal,
            "bool": self.truth,
            "date": self.day,
            "time": self.moment,
            "clock": self.clock,
            "keys": self.keys,
            "identity": self.identity,
        }
        return plain[type]()


class Index(NamedTuple):
    """An index message (8.2) with the reading of its slots (8.3) and postings (8.4)."""

    data: bytes
    end: int
    code: int
    width: int
    num_home: int
    num_slots: int
    max_probe: int
    num_postings: int
    ofs_slots: int

    @classmethod
    def of(cls, data: bytes, message: Message, width: int) -> Index:
        need(len(message.payload) >= 32, "truncated index", message.offset)
        head = struct.unpack("<BBHIIIIIQ", message.payload[:32])
        code, key_width, reserved, keys, home, slots, probe, postings, ofs = head
        need((key_width, reserved, home) == (width, 0, 2 * keys), "index head", message.offset)
        need(keys >= 1 and probe >= 1 and slots == home + probe - 1, "index head", message.offset)
        need(ofs == (message.offset + 64 + 63) // 64 * 64, "ofs_slots", message.offset)
        need(ofs + (width + 8) * slots + 8 * postings == message.end, "size of the index", message.offset)
        need(not any(data[message.offset + 64 : ofs]), "padding", message.offset)
        return cls(data, message.end, code, width, home, slots, probe, postings, ofs)

    def find(self, key: bytes) -> list[int]:
        """Offsets of the messages that answer."""
        home = int.from_bytes(key[:4], "big") * self.num_home >> 32
        for slot in range(home, home + self.max_probe):
            at = self.ofs_slots + slot * (self.width + 8)
            (value,) = struct.unpack_from("<Q", self.data, at + self.width)
            found = self.data[at : at + self.width]
            if value == 0 or found > key:
                break
            if found == key:
                return self.answers(value)
        return []

    def answers(self, value: int) -> list[int]:
        if not value >> 63:
            return [value]
        at = value & (1 << 63) - 1
        first = self.ofs_slots + (self.width + 8) * self.num_slots
        need(first <= at <= self.end - 24 and at % 8 == 0, "list outside the postings", at)
        (count,) = struct.unpack_from("<Q", self.data, at)
        need(2 <= count <= (self.end - at - 8) // 8, "length of a list", at)
        return list(struct.unpack_from(f"<{count}Q", self.data, at + 8))


def index_payload(code: int, width: int, offset: int, entries: dict[bytes, list[int]]) -> bytes:
    """The one payload (8.2 to 8.4) of an index with these entries whose message stands at `offset`."""
    num_home, probe, last, places = 2 * len(entries), 1, -1, []
    for key in sorted(entries):
        home = int.from_bytes(key[:4], "big") * num_home >> 32
        last = max(home, last + 1)
        probe = max(probe, last - home + 1)
        places.append((last, key))
    num_slots, ofs = num_home + probe - 1, -(-(offset + 64) // 64) * 64
    slots, postings = bytearray((width + 8) * num_slots), b""
    for place, key in places:
        value, *more = offsets = sorted(entries[key])
        if more:
            value = ofs + len(slots) + len(postings) | 1 << 63
            postings += struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets)
        slots[place * (width + 8) : (place + 1) * (width + 8)] = key + struct.pack("<Q", value)
    head = struct.pack("<BBHIIIIIQ", code, width, 0, len(entries), num_home, num_slots, probe, len(postings) // 8, ofs)
    return head.ljust(ofs - offset - 32, b"\0") + slots + postings


class Decoded:
    """A file: `head`, `end`, `vocabularies`, and its messages `by_offset` as dicts with `record` and all fields.

    `unresolved` has (record, field, code) of what a record names by code (7) without its venue or security in the file.
    """

    def __init__(self, data: bytes) -> None:
        need(len(data) >= 32 + LAST, "truncated", len(data))  # 10
        self.data = data
        self.vocabularies: dict[str, dict[int, str]] = {}
        first, last = self.message(0), self.message(len(data) - LAST)
        self.head, self.end = self._read_head(first), self._read_end(last)
        self.width: int = self.head["id_bits"] // 8
        self.newer = self.head["format_version"] > 2  # 9
        self.messages = self._walk(last)
        self.changes = {m.offset: (m.sequence, m.timestamp) for m in self.messages}
        self._check_frame()
        self.indexes = {i.code: i for m in self.messages if m.type == 0x23 for i in [Index.of(data, m, self.width)]}
        self._read_vocabularies()
        self.by_offset: dict[int, Values] = {}
        for message in self.messages:
            if (values := self._record(message)) is not None:
                self.by_offset[message.offset] = values
        self._check_records()
        self._check_indexes()
        self.unresolved = list(self._unresolved())

    def message(self, offset: int) -> Message:
        """The message at an offset, its header and checksum checked (3)."""
        need(offset + 32 <= len(self.data), "truncated header", offset)
        fields = struct.unpack_from("<IBBBBIQQI", self.data, offset)
        magic, kind, version, flags, reserved, size, sequence, timestamp, checksum = fields
        need((magic, version, flags, reserved) == (0xDEADBEEF, 1, 0, 0), "header", offset)
        need(kind == 0x23 or size <= 1 << 20, "payload_size", offset)
        payload = self.data[offset + 32 : offset + 32 + size]
        need(len(payload) == size, "truncated payload", offset)
        need(zlib.crc32(payload) == checksum, "checksum", offset)
        return Message(offset, kind, sequence, timestamp, payload)

    def _read_head(self, message: Message) -> Values:  # 6.1
        need(message.type == 0x21 and len(message.payload) >= 54, "message 0x21", 0)
        names = "format_version contents id_bits catalog_id base_sequence as_of_sequence as_of horizon num_counts"
        head: Values = dict(zip(names.split(), struct.unpack("<HBB16sQQQQH", message.payload[:54]), strict=True))
        need(head["format_version"] >= 1 and head["id_bits"] in (64, 128), "message 0x21", 0)
        need(head["contents"] in (1, 2) and (head["base_sequence"] > 0) == (head["contents"] == 2), "contents", 0)
        need(head["num_counts"] <= 256, "num_counts", 0)
        cursor = Cursor(self, message)
        cursor.take(54)
        rows = [struct.unpack("<BBQ", cursor.take(10)) for _ in range(head["num_counts"])]
        need(rows == sorted({row[:2]: row for row in rows}.values()), "order of counts", 0)
        need(all(row[2] for row in rows), "count of 0", 0)
        need(sum(row[2] for row in rows) <= len(self.data) // 32, "counts", 0)
        head["counts"] = {row[:2]: row[2] for row in rows}
        head["schema_revision"] = cursor.key()
        if head["contents"] == 2:
            head["base_as_of"] = cursor.number(8)
        return head

    def _read_end(self, message: Message) -> Values:  # 8.5
        need(message.type == 0x24 and len(message.payload) == 432, "message 0x24", message.offset)
        numbers = struct.unpack("<50Q", message.payload[:400])
        need(numbers[49] == len(self.data), "file_size", message.offset)
        need(message.payload[400:] == blake3(self.data[: message.offset]).digest(), "digest", message.offset)
        names = ("sections", "indexes", "num_messages", "digest")
        return dict(zip(names, (numbers[:16], numbers[16:48], numbers[48], message.payload[400:].hex()), strict=True))

    def _walk(self, last: Message) -> list[Message]:
        messages, offset = [], 0
        while offset < len(self.data):
            messages.append(self.message(offset))
            offset = messages[-1].end
        need(messages[-1] == last, "the last message", offset)
        return messages

    def _check_frame(self) -> None:  # 3, 7, 8.5
        place = {0x21: 0, 0x0D: 1, 0x23: 90, 0x24: 91} | {t: 2 + i for i, t in enumerate(SECTION_ORDER)}
        places = [place[m.type] for m in self.messages if m.type in place]
        need(self.newer or len(places) == len(self.messages), "unknown message", 0)
        need(places == sorted(places) and places.count(0) == places.count(91) == 1, "order of messages", 0)
        now = (self.head["as_of_sequence"], self.head["as_of"])
        for message in self.messages:
            at = self.changes[message.offset]
            good = at == now if message.type in FRAMES else at[0] <= now[0] and at[1] <= now[1]
            need(good, "sequence or time", message.offset)
        sections, indexes = [0] * 16, [0] * 32
        for message in reversed(self.messages):
            if message.type < 16 and message.type != 0x0D:
                sections[message.type] = message.offset
            elif message.type == 0x23:
                need(message.payload[:1] < b"\x20", "code of an index", message.offset)
                indexes[int.from_bytes(message.payload[:1])] = message.offset
        found = (tuple(sections), tuple(indexes), len(self.messages))
        need(found == (self.end["sections"], self.end["indexes"], self.end["num_messages"]), "message 0x24", 0)
        codes = [m.payload[:1] for m in self.messages if m.type == 0x23]
        need(codes == sorted(set(codes)), "order of indexes", 0)

    def _read_vocabularies(self) -> None:  # 6.2
        for message in self.messages:
            if message.type == 0x0D:
                cursor = Cursor(self, message)
                name = cursor.key()
                rows = [(cursor.number(2), cursor.key()) for _ in range(cursor.number(2))]
                codes = [code for code, _ in rows]
                need(codes == sorted(set(codes)) and 0 not in codes, "codes", message.offset)
                need(len({text for _, text in rows}) == len(rows), "names of codes", message.offset)
                need(name not in self.vocabularies, "vocabulary stands twice", message.offset)
                need(self.newer or cursor.at == len(message.payload), "bytes left over", message.offset)
                self.vocabularies[name] = dict(rows)
        names = list(self.vocabularies)
        need(names == VOCABULARIES or (self.newer and set(VOCABULARIES) < set(names)), "vocabularies", 0)
        need(names == sorted(names, key=str.encode), "order of vocabularies", 0)

    def full_id(self, kind: int, short: bytes) -> bytes:
        """The id that a `ref` means: found by the index of its kind (4), in the full record that it leads to (7)."""
        found = self.indexes[kind].find(short) if kind in self.indexes else []
        need(len(found) == 1, f"reference {short.hex()}", 0)
        target = self.message(found[0])
        good = target.type in TARGETS[kind] and target.payload[:16].startswith(short)
        need(good, f"reference {short.hex()}", found[0])
        return target.payload[:16]

    def _row(self, message: Message) -> tuple[int, int]:
        need(message.type != 0x01 or len(message.payload) > 16, "truncated", message.offset)
        return (message.type, message.payload[16] if message.type == 0x01 else 0)

    def _record(self, message: Message) -> Values | None:
        if (layout := LAYOUTS.get(self._row(message))) is None:
            need(self.newer or message.type in FRAMES, "unknown instrument type", message.offset)
            return None
        record, *fields = layout.split()
        cursor = Cursor(self, message)
        values: Values = {"record": record} | cursor.fields(fields)
        need(self.newer or cursor.at == len(message.payload), "bytes left over", message.offset)
        values.pop("instrument_type", None)
        if record == "tombstone":
            row = (values.pop("record_message"), values.pop("record_subtype"))
            gone = LAYOUTS.get(row, "").split()[:1]
            aliased = row == (0x0C, 0) and values["kind"] == 1
            known = 1 <= values["kind"] <= 8 and (row[0] in TARGETS[values["kind"]] or aliased)
            need(self.newer or (bool(gone) and known), "kind of a tombstone", message.offset)
            need(values["kind"] != 8 or self.head["contents"] == 2, "tombstone of a listing", message.offset)
            values["gone"] = gone[0] if gone else None
        if record in ("tombstone", "succession") and 1 <= values["kind"] <= 8:
            values["kind"] = KINDS[values["kind"] - 1]
        return values

    def _place(self, values: Values) -> Any:
        """What the records of a section are sorted by (7)."""
        match values["record"]:
            case "listing":
                symbol = values["symbol"]
                return (values["instrument_id"], values["venue_id"], b"" if symbol is None else symbol.encode())
            case "succession":
                codes = {name: code for code, name in self.vocabularies["succession_kind"].items()}
                kind = KINDS.index(values["kind"])
                return (kind, values["predecessor"], values["successor"], codes[values["succession_kind"]])
            case "tombstone":
                return (KINDS.index(values["kind"]) if values["kind"] in KINDS else values["kind"], values["id"])
        return values["id"]

    def _check_records(self) -> None:  # 5, 6.1, 7
        counts: dict[tuple[int, int], int] = {}
        order: dict[int, list[Any]] = {}
        for message in self.messages:
            if (values := self.by_offset.get(message.offset)) is None:
                continue
            counts[self._row(message)] = counts.get(self._row(message), 0) + 1
            order.setdefault(message.type, []).append(self._place(values))
            record = values["record"]
            if (fields := identity(values)) is not None:
                kind = KINDS[ID_INDEXES.get(record, 1) - 1]
                need(id_of(kind, fields).hex() == values["id"], f"id of a {record}", message.offset)
            for rule in RULES.get(record, ()):
                need(rule(values), f"rule of a {record}: {(rule.__doc__ or '').rstrip('.')}", message.offset)
            self._check_reach(message, values)
        need(
            counts == {row: n for row, n in self.head["counts"].items() if row in LAYOUTS or not self.newer},
            "counts",
            0,
        )
        need(all(o == sorted(set(o)) for o in order.values()), "order of records", 0)

    def _check_reach(self, message: Message, values: Values) -> None:
        """The rules that need more than the record."""
        if values["record"] == "alias":
            need(values["kind"] == 1, "kind of an alias", message.offset)
        if values["record"] == "tombstone" and values["kind"] in KINDS[:7]:
            index = self.indexes.get(KINDS.index(values["kind"]) + 1)
            need(index is None or not index.find(bytes.fromhex(values["id"])), "tombstone and record", message.offset)
        if values["record"] == "succession" and values["is_in_effect"]:
            begun = (values["effective_at"] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
            need(begun * 1000 <= self.head["as_of"], "in effect and ahead", message.offset)
        for token in values["tokens"] if values["record"] == "pool" else ():
            found = self.get(1, token["instrument_id"])
            good = found is None or (
                found["record"] in ("token", "native") and found["blockchain"] == values["blockchain"]
            )
            need(good, "token of a pool", message.offset)

    def _unresolved(self) -> Iterator[tuple[str, str, str]]:
        venues, securities = self.of("venue"), self.of("security")
        slugs = {v["slug"] for v in venues}
        known = {"mic": {v["mic"] for v in venues}, "exchange": slugs, "broker": slugs}
        known["isin"] = {v["isin"] for v in securities}
        for values in self.by_offset.values():
            for field, codes in known.items():
                if (code := values.get(field)) is not None and code not in codes:
                    yield (values["record"], field, code)

    def keys(self, values: Values) -> set[tuple[int, bytes]]:
        """(Index, key bytes before they are cut to the width) of a record (8.1)."""
        record = values["record"]
        if record == "tombstone":
            return set()
        named = [(code, values[name]) for code, name in NAMED_KEYS.get(record, ())]
        if "id" in values:
            named.append((ID_INDEXES.get(record, 1), values["id"]))
        hashed = [(code, _utf8(values[name])) for code, name in TEXT_KEYS.get(record, ())]
        if record in EXCHANGE_KEYS:
            exchange, symbol = EXCHANGE_KEYS[record]
            symbols = (values[symbol], *(values.get("other_symbols") or ()))
            hashed += [(EXCHANGE_SYMBOL, _exchange_symbol(values[exchange], text)) for text in symbols]
        if record in ("future", "option"):
            hashed.append((EXCHANGE_SYMBOL, _exchange_symbol(values["mic"] or values["exchange"], values["symbol"])))
        if record == "listing":
            venue = self.get(3, values["venue_id"])
            assert venue is not None
            hashed.append((EXCHANGE_SYMBOL, _exchange_symbol(venue["mic"] or venue["slug"], values["symbol"])))
        if record == "pair":
            hashed.append((PAIR_LEGS, self._legs(values["base_id"], values["quote_id"])))
        if record == "pool":
            tokens = sorted(token["instrument_id"] for token in values["tokens"])
            hashed += [(POOL_LEGS, self._legs(*legs)) for legs in combinations(tokens, 2)]
        if record == "event_type":
            hashed.append((EVENT_NUMBER, bytes.fromhex(values["id"])[:4]))
        return {(code, bytes.fromhex(id)) for code, id in named if id is not None} | _hashed(hashed)

    def _legs(self, *ids: str) -> bytes:
        return b"".join(bytes.fromhex(id)[: self.width] for id in ids)

    def _check_indexes(self) -> None:
        entries: dict[int, dict[bytes, list[int]]] = {}
        for offset, values in self.by_offset.items():
            for code, key in {(code, key[: self.width]) for code, key in self.keys(values)}:
                entries.setdefault(code, {}).setdefault(key, []).append(offset)
        for code in range(1, 8):
            need(all(len(found) == 1 for found in entries.get(code, {}).values()), f"two ids in index {code}", 0)
        need(set(entries) == set(self.indexes) or self.newer, "set of indexes", 0)
        for message in self.messages:
            if message.type == 0x23 and not self.newer:
                code = message.payload[0]
                expected = index_payload(code, self.width, message.offset, entries[code])
                need(message.payload == expected, f"bytes of index {code}", message.offset)
        for code, found in entries.items() if self.newer else ():  # it may have entries of unknown messages
            for key, offsets in found.items():
                there = code in self.indexes and set(offsets) <= set(self.indexes[code].find(key))
                need(there, f"key of index {code}", offsets[0])

    def _found(self, code: int, key: bytes) -> list[Values]:
        offsets = self.indexes[code].find(key[: self.width]) if code in self.indexes else []
        return [v for v in (self.by_offset[o] for o in offsets) if (code, key) in self.keys(v)]

    def get(self, kind: int, id: str) -> Values | None:
        """The record or alias with an id of 32 digits, by the index of its kind."""
        offsets = self.indexes[kind].find(bytes.fromhex(id)[: self.width]) if kind in self.indexes else []
        message = self.message(offsets[0]) if offsets else None
        if message is None or message.payload[:16].hex() != id:
            return None
        return self.by_offset.get(message.offset) or self._record(message)

    def by_key(self, code: int, text: str) -> list[Values]:
        """All records with a key of the indexes 16 to 20."""
        return self._found(code, blake3(text.encode()).digest())

    def by_exchange_symbol(self, exchange: str, symbol: str) -> list[Values]:
        return self._found(EXCHANGE_SYMBOL, blake3(_exchange_symbol(exchange, symbol) or b"").digest())

    def by_legs(self, base: str, quote: str) -> list[Values]:
        return self._found(PAIR_LEGS, blake3(self._legs(base, quote)).digest())

    def by_pool_legs(self, one: str, other: str) -> list[Values]:
        return self._found(POOL_LEGS, blake3(self._legs(*sorted((one, other)))).digest())

    def by_number(self, number: int) -> list[Values]:
        """Event types by the number that they are shown as."""
        return self._found(EVENT_NUMBER, blake3(struct.pack("<I", number)).digest())

    def listings_of(self, instrument: str) -> list[Values]:
        return self._found(LISTINGS, bytes.fromhex(instrument))

    def derivatives_of(self, underlying: str) -> list[Values]:
        return self._found(UNDERLYING, bytes.fromhex(underlying))

    def contracts_of(self, instrument: str) -> list[Values]:
        return self._found(BROKER_CONTRACTS, bytes.fromhex(instrument))

    def successions_of(self, id: str) -> list[Values]:
        """All successions that name an id, on either side."""
        return self._found(SUCCESSIONS, bytes.fromhex(id))

    def of(self, *records: str) -> list[Values]:
        """All messages of these records, in the order of the file."""
        return [values for values in self.by_offset.values() if values["record"] in records]


def decode(data: bytes) -> Decoded:
    """Read a whole file and refuse it for anything that the document calls an error."""
    return Decoded(data)


def _utf8(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _exchange_symbol(exchange: str | None, symbol: str | None) -> bytes | None:
    if exchange is None or symbol is None:
        return None
    return b"".join(bytes([len(part)]) + part for part in (exchange.encode(), symbol.encode()))


def _hashed(found: list[tuple[int, bytes | None]]) -> set[tuple[int, bytes]]:
    return {(code, blake3(message).digest()) for code, message in found if message is not None}


# Ids (docs/ids.md).

IDENTITIES = {  # the fields behind the tag; none of a listing, which has no id
    "token": "blockchain address token_id",
    "native": "blockchain",
    "asset": "exchange symbol generation",
    "equity": "mic isin currency line",
    "equity-by-ticker": "mic ticker currency generation",
    "future": "mic|exchange segment symbol last_trading_date generation",
    "occ-option": "osi_root expiry_date option_kind strike_price",
    "option": "mic|exchange segment symbol expiry_date generation",
    "currency": "iso_code",
    "synthetic": "name",
    "security": "isin",
    "mic": "mic",
    "slug": "slug",
    "pool": "blockchain address pool_id",
    "pair": "exchange market_kind symbol generation",
    "broker_contract": "broker symbol generation",
    "event_type": "name version",
}
_WITHOUT_TAG = ("security", "pool", "pair", "broker_contract", "event_type")


def id_of(kind: str, fields: list[str]) -> bytes:
    message = b"".join(struct.pack("<I", len(part)) + part for part in map(str.encode, fields))
    return blake3(message, derive_key_context=f"instrument-catalog v1 {kind}").digest(16)


def identity(values: Values) -> list[str] | None:
    """The identity of a record, with the tag in front; null when its id is no matter of its fields."""
    tag = values["record"]
    if tag in ("stock", "etf"):
        tag = "equity-by-ticker" if values["isin"] is None else "equity"
    if tag == "venue":
        tag = "slug" if values["mic"] is None else "mic"
    if tag == "option" and values["osi_root"] is not None:
        tag = "occ-option"
    if tag not in IDENTITIES:
        return None
    parts = [_part(values, names.split("|")) for names in IDENTITIES[tag].split()]
    return parts if tag in _WITHOUT_TAG else [tag, *parts]


def _part(values: Values, names: list[str]) -> str:
    value = next((values[name] for name in names if values[name] is not None), "")
    if isinstance(value, Decimal):
        return format(value, "f")
    return {"call": "C", "put": "P"}.get(str(value), str(value)) if names == ["option_kind"] else str(value)


# What the tables of 5.2 and 5.5 ask of a record.


def _present(values: Values, *names: str) -> int:
    return sum(values.get(name) is not None for name in names)


def _above(values: Values, *names: str) -> bool:
    return all(values[name] is None or values[name] > 0 for name in names)


def _unique(elements: list[Values], name: str) -> bool:
    return len({e[name] for e in elements}) == len(elements)


def _before_2099(values: Values) -> bool:
    """delist_at."""
    return values["delist_at"] is None or values["delist_at"].year < 2099


def _others(values: Values) -> bool:
    """other_symbols."""
    others = values["other_symbols"] or ()
    return values["symbol"] not in others and len(others) <= 64


def _steps(values: Values) -> bool:
    """Steps are above 0."""
    return _above(values, "tick_size", "lot_size")


def _venue(values: Values) -> bool:
    """One of mic and slug."""
    return _present(values, "mic", "slug") == 1


def _token(values: Values) -> bool:
    """token_id."""
    number = values["token_id"]
    return number is None or (re.fullmatch("0|[1-9][0-9]*", number) is not None and int(number) < 1 << 256)


def _equity(values: Values) -> bool:
    """What an ISIN allows."""
    if values["isin"] is None:
        return values["ticker"] is not None and values["line"] is None
    return values["generation"] is None


def _derivative(values: Values) -> bool:
    """Symbol, and one of the names of the market."""
    market = [name for name in ("osi_root", "mic", "exchange") if values.get(name) is not None]
    if market == ["osi_root"] and (_present(values, "segment", "generation") or len(values["symbol"] or "") != 21):
        return False
    return len(market) == 1 and values["symbol"] is not None


def _option(values: Values) -> bool:
    """strike_price."""
    return _above(values, "strike_price")


def _synthetic(values: Values) -> bool:
    """Intervals and outlier_threshold."""
    intervals = [values[name] for name in ("update_interval_ns", "stale_after_ns") if values[name] is not None]
    return all(0 < interval < 1 << 63 for interval in intervals) and _above(values, "outlier_threshold")


def _components(values: Values) -> bool:
    """Components."""
    found = values["components"]
    names = all(re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,63}", c["variable"]) for c in found)
    return names and _unique(found, "variable") and all(_present(c, *_REFERENCES) == 1 for c in found)


_REFERENCES = ("instrument_id", "pair_id", "pool_id")


def _pool(values: Values) -> bool:
    """Fields of a pool."""
    custom = (values["pool_type"] == "custom") == (values["algorithm"] is not None)
    fee = values["fee"] is None or (values["fee"] <= 1 and not values["is_dynamic_fee"])
    return custom and fee and values["tick_spacing"] != 0


def _tokens(values: Values) -> bool:
    """Tokens."""
    found = values["tokens"]
    weights = [token["weight"] for token in found if "weight" in token]
    given = not weights or (len(weights) == len(found) and min(weights) > 0 and _sum(weights) == 1)
    return given and _unique(found, "instrument_id")


def _sum(values: list[Decimal]) -> Decimal:
    """Exact, whatever the digits."""
    exponent = min(int(value.as_tuple().exponent) for value in values)
    total = sum(int(value.scaleb(-exponent)) for value in values)
    return Decimal((0, tuple(map(int, str(total))), exponent))


def _sessions(values: Values) -> bool:
    """Sessions."""
    times = [(f"{name}_open", f"{name}_close") for name in ("session", "pre_market", "after_hours")]
    present = [_present(values, *both) for both in times]
    return 1 not in present and (not any(present) or values["timezone"] is not None)


def _contract(values: Values) -> bool:
    """Fields of a stock, a future and an option."""
    groups = (("shares_outstanding", "dividend_yield"), ("tick_value", "settlement_type"), ("premium_multiplier",))
    exclusive = sum(_present(values, *names) > 0 for names in groups) <= 1
    return exclusive and _above(values, "tick_value", "premium_multiplier")


SOURCES = {
    "defi": {"blockchain", "protocol"},
    "cex": {"exchange", "stream_type"},
    "tradfi": {"broker", "feed_type"},
    "internal": {"component", "event_class"},
}
FIELD_SIZES = {
    **dict.fromkeys(("boolean", "uint8"), 1),
    "uint16": 2,
    **dict.fromkeys(("uint32", "int32"), 4),
    **dict.fromkeys(("uint64", "int64", "float64", "timestamp"), 8),
    "decimal": 9,
    **dict.fromkeys(("uint128", "int128"), 16),
    **dict.fromkeys(("address", "uint160"), 20),
    **dict.fromkeys(("uint256", "int256", "hash"), 32),
}


def _event_type(values: Values) -> bool:
    """Fields of an event type."""
    asked = SOURCES.get(values["event_source"])
    given = {name for names in SOURCES.values() for name in names if values[name] is not None}
    numbers = 1 <= values["version"] <= 999999999 and values["id_bits"] in (64, 128) and values["size_hint"] != 0
    return numbers and asked in (None, given)


def _event_fields(values: Values) -> bool:
    """Fields of an event."""
    found = values["fields"]
    for field in found:
        kind = field["field_type"]
        lengths = ("max_length" in field) == (kind in ("string", "array"))
        if not lengths or ("element_type" in field) != (kind == "array"):
            return False
    return _unique(found, "name") and all(re.fullmatch("[a-z_][a-z0-9_]{0,63}", f["name"]) for f in found)


def _event_layout(values: Values) -> bool:
    """Places of the fields of an event."""
    ids = dict.fromkeys(("instrument_id", "pool_id", "pair_id", "venue_id", "security_id"), values["id_bits"] // 8)
    sizes = [(f.get("byte_offset"), (FIELD_SIZES | ids).get(f["field_type"])) for f in values["fields"]]
    spans = sorted((at, at + size) for at, size in sizes if at is not None and size is not None)
    hint = values["size_hint"]
    inside = hint is None or (len(spans) == len(sizes) and all(end <= hint for _, end in spans))
    return inside and all(a[1] <= b[0] for a, b in pairwise(spans))


def _succession(values: Values) -> bool:
    """Ratio, and no other id of the same thing."""
    same = values["succession_kind"] in ("learnt", "corrected")
    return _above(values, "ratio") and not (same and values["is_in_effect"])


RULES: dict[str, tuple[Callable[[Values], bool], ...]] = {
    "venue": (_venue,),
    "token": (_token,),
    "asset": (_before_2099,),
    "stock": (_equity, _before_2099),
    "etf": (_equity, _before_2099),
    "listing": (_before_2099,),
    "pair": (_before_2099, _others),
    "future": (_derivative, _steps, _before_2099),
    "option": (_derivative, _option, _steps, _before_2099),
    "synthetic": (_synthetic, _components),
    "pool": (_pool, _tokens),
    "broker_contract": (_sessions, _contract, _steps, _before_2099),
    "event_type": (_event_type, _event_fields, _event_layout),
    "succession": (_succession,),
}
