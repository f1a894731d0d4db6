"""A second decoder of snapshot files, written from `docs/protocol.md` alone: it shares no line with the package.

`decode(data)` checks everything that the document lets a reader check and gives plain dicts. The numbers in comments
are sections of the document.
"""

from __future__ import annotations

import struct
import zlib
from decimal import Decimal
from typing import Any, NamedTuple

from blake3 import blake3

Values = dict[str, Any]

KINDS = ("instrument", "security", "venue", "pool", "pair", "broker-contract", "event-type", "listing")  # 2
SECTION_ORDER = (0x08, 0x06, 0x01, 0x0A, 0x0C, 0x07, 0x02, 0x03, 0x04, 0x09, 0x0B)  # 7
VOCABULARIES = ["blockchain", "market_kind", "status", "token_standard", "venue_type"]  # 6.2
CODE_SIZES = {"blockchain": 2, "market_kind": 1, "status": 1, "token_standard": 1, "venue_type": 1}
LAST = 32 + 432  # 8.5

_EQUITY = (
    "id:id instrument_type:u8 status:code mic:key segment_mic:key? isin:key? ticker:key? currency:key price_unit:key? "
    "line:key? generation:key? name:text? cusip:key? figi:key? composite_figi:key? share_class_figi:key? sedol:key? "
    "sector:text? industry:text? country:key?"
)
LAYOUTS = {  # 5.2, by message type and instrument_type
    (0x08, 0): "security id:id status:code isin:key cusip:key? share_class_figi:key? name:text? issuer_lei:key? "
    "cfi:key? sector:text? country:key?",
    (0x06, 0): "venue id:id status:code mic:key? slug:key? name:text? venue_type:code? operating_mic:key? "
    "country:key? city:text? timezone:text? website:text? lei:key?",
    (0x01, 1): "token id:id instrument_type:u8 status:code blockchain:code address:key token_id:key? symbol:key? "
    "name:text? decimals:u8? token_standard:code?",
    (0x01, 9): "native id:id instrument_type:u8 status:code blockchain:code symbol:key? name:text? decimals:u8?",
    (0x01, 8): "asset id:id instrument_type:u8 status:code exchange:key symbol:key generation:key? name:text? "
    "decimals:u8?",
    (0x01, 6): "currency id:id instrument_type:u8 status:code iso_code:key name:text? numeric_code:key? decimals:u8? "
    "country:key?",
    (0x01, 2): "stock " + _EQUITY,
    (0x01, 3): "etf " + _EQUITY + " underlying_index:text? expense_ratio:decimal?",
    (0x07, 0): "listing status:code instrument_id:ref1 venue_id:ref3 symbol:key? currency:key? tick_size:decimal? "
    "lot_size:decimal?",
    (0x03, 0): "pair id:id status:code base_id:ref1 quote_id:ref1 exchange:key market_kind:code symbol:key "
    "generation:key? tick_size:decimal? lot_size:decimal? min_quantity:decimal? max_quantity:decimal? "
    "min_price:decimal? max_price:decimal? min_notional:decimal? maker_fee_bps:decimal? taker_fee_bps:decimal? "
    "venue_status:key?",
    (0x0C, 0): "alias id:id kind:u8 target:ref1? identity:identity",  # 5.3
    (0x0B, 0): "tombstone kind:u8 record_message:u8 record_subtype:u8 id:short",  # 5.4
}
SYMBOL, ISIN, CUSIP, FIGI, ADDRESS, EXCHANGE_SYMBOL, PAIR_LEGS = range(16, 23)  # 8.1


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
            fields.append(message[at + 4 : end].decode())
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
            case "u8":
                return self.number(1)
            case "key":
                return self.key()
            case "text":
                return self.string(self.number(2))
            case "decimal":
                return self.decimal()
            case "identity":
                return self.identity()
        return self.code(name)


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
    """A file: `head`, `end`, `vocabularies`, and its messages `by_offset` as dicts with `record` and all fields."""

    def __init__(self, data: bytes) -> None:
        need(len(data) >= 32 + LAST, "truncated", len(data))  # 10
        self.data = data
        self.vocabularies: dict[str, dict[int, str]] = {}
        first, last = self.message(0), self.message(len(data) - LAST)
        self.head, self.end = self._read_head(first), self._read_end(last)
        self.width: int = self.head["id_bits"] // 8
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
        head["counts"] = {row[:2]: row[2] for row in rows}
        head["schema_revision"] = cursor.key()
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
        need(places == sorted(places) and places.count(0) == places.count(91) == 1, "order of messages", 0)
        now = (self.head["as_of_sequence"], self.head["as_of"])
        for message in self.messages:
            at = self.changes[message.offset]
            frames = message.type in (0x21, 0x0D, 0x23, 0x24)
            need(at == now if frames else at[0] <= now[0] and at[1] <= now[1], "sequence or time", message.offset)
        sections, indexes = [0] * 16, [0] * 32
        for message in reversed(self.messages):
            if message.type in SECTION_ORDER:
                sections[message.type] = message.offset
            elif message.type == 0x23:
                indexes[message.payload[0]] = message.offset
        found = (tuple(sections), tuple(indexes), len(self.messages))
        need(found == (self.end["sections"], self.end["indexes"], self.end["num_messages"]), "message 0x24", 0)
        codes = [m.payload[0] for m in self.messages if m.type == 0x23]
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
                self.vocabularies[name] = dict(rows)
        need(list(self.vocabularies) == VOCABULARIES, "vocabularies", 0)

    def full_id(self, kind: int, short: bytes) -> bytes:
        """The id that a `ref` means: found by the index of its kind (4), in the record that it leads to."""
        found = self.indexes[kind].find(short) if kind in self.indexes else []
        need(len(found) == 1, f"reference {short.hex()}", 0)
        full = self.message(found[0]).payload[:16]
        need(full.startswith(short), f"reference {short.hex()}", found[0])
        return full

    def _layout(self, message: Message) -> str | None:
        need(message.type != 0x01 or len(message.payload) > 16, "truncated", message.offset)
        return LAYOUTS.get((message.type, message.payload[16] if message.type == 0x01 else 0))

    def _record(self, message: Message) -> Values | None:
        if (layout := self._layout(message)) is None:
            return None
        record, *fields = layout.split()
        cursor = Cursor(self, message)
        values: Values = {"record": record}
        for name, _, form in (field.partition(":") for field in fields):
            values[name] = cursor.field(name, form)
        newer = self.head["format_version"] > 1
        need(newer or cursor.at == len(message.payload), "bytes left over", message.offset)
        values.pop("instrument_type", None)
        if record == "tombstone":
            gone = LAYOUTS[values.pop("record_message"), values.pop("record_subtype")]
            values |= {"kind": KINDS[values["kind"] - 1], "gone": gone.split()[0]}
        return values

    def _check_records(self) -> None:  # 6.1, 7
        counts: dict[tuple[int, int], int] = {}
        order: dict[int, list[Any]] = {}
        for message in self.messages:
            if (values := self.by_offset.get(message.offset)) is None:
                continue
            row = (message.type, message.payload[16] if message.type == 0x01 else 0)
            counts[row] = counts.get(row, 0) + 1
            if message.type == 0x07:
                symbol = values["symbol"]
                place: Any = (values["instrument_id"], values["venue_id"], b"" if symbol is None else symbol.encode())
            else:
                place = (KINDS.index(values["kind"]), values["id"]) if message.type == 0x0B else values["id"]
            order.setdefault(message.type, []).append(place)
            if values["record"] == "alias":
                need(values["kind"] == 1, "kind of an alias", message.offset)
                target = values["target"] and self.get(1, values["target"])
                need(target is None or target["record"] != "alias", "target of an alias", message.offset)
        need(counts == self.head["counts"], "counts", 0)
        need(all(o == sorted(set(o)) for o in order.values()), "order of records", 0)

    def keys(self, values: Values) -> set[tuple[int, bytes]]:
        """(Index, key bytes before they are cut to the width) of a record (8.1)."""
        record, found = values["record"], []
        if record == "tombstone":
            return set()
        if record == "listing":
            venue = self.get(3, values["venue_id"])
            assert venue is not None
            found = [(EXCHANGE_SYMBOL, _exchange_symbol(venue["mic"] or venue["slug"], values["symbol"]))]
            return {(8, bytes.fromhex(values["instrument_id"])), *_hashed(found)}
        kind = {"security": 2, "venue": 3, "pair": 5}.get(record, 1)
        if record in ("token", "native", "asset"):
            found.append((SYMBOL, _utf8(values["symbol"])))
        if record in ("stock", "etf"):
            found.append((SYMBOL, _utf8(values["ticker"])))
            found += [(FIGI, _utf8(values[name])) for name in ("figi", "composite_figi")]
            found.append((EXCHANGE_SYMBOL, _exchange_symbol(values["mic"], values["ticker"])))
        if record in ("stock", "etf", "security"):
            found += [(ISIN, _utf8(values["isin"])), (CUSIP, _utf8(values["cusip"]))]
            found.append((FIGI, _utf8(values["share_class_figi"])))
        if record in ("asset", "pair"):
            found.append((EXCHANGE_SYMBOL, _exchange_symbol(values["exchange"], values["symbol"])))
        if record == "currency":
            found.append((SYMBOL, _utf8(values["iso_code"])))
        if record == "token":
            found.append((ADDRESS, _utf8(values["address"])))
        if record == "pair":
            legs = [bytes.fromhex(values[leg])[: self.width] for leg in ("base_id", "quote_id")]
            found.append((PAIR_LEGS, b"".join(legs)))
        return {(kind, bytes.fromhex(values["id"])), *_hashed(found)}

    def _check_indexes(self) -> None:
        entries: dict[int, dict[bytes, list[int]]] = {}
        for offset, values in self.by_offset.items():
            for code, key in {(code, key[: self.width]) for code, key in self.keys(values)}:
                entries.setdefault(code, {}).setdefault(key, []).append(offset)
        need(set(entries) == set(self.indexes), "set of indexes", 0)
        for message in self.messages:
            if message.type == 0x23:
                code = message.payload[0]
                expected = index_payload(code, self.width, message.offset, entries[code])
                need(message.payload == expected, f"bytes of index {code}", message.offset)

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
        legs = b"".join(bytes.fromhex(leg)[: self.width] for leg in (base, quote))
        return self._found(PAIR_LEGS, blake3(legs).digest())

    def listings_of(self, instrument: str) -> list[Values]:
        return self._found(8, bytes.fromhex(instrument))

    def of(self, *records: str) -> list[Values]:
        """All messages of these records, in the order of the file."""
        return [values for values in self.by_offset.values() if values["record"] in records]


def decode(data: bytes) -> Decoded:
    """Read a whole file and refuse it for anything that the document calls an error."""
    return Decoded(data)


def _utf8(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _exchange_symbol(exchange: str, symbol: str | None) -> bytes | None:
    if symbol is None:
        return None
    return b"".join(bytes([len(part)]) + part for part in (exchange.encode(), symbol.encode()))


def _hashed(found: list[tuple[int, bytes | None]]) -> set[tuple[int, bytes]]:
    return {(code, blake3(message).digest()) for code, message in found if message is not None}
