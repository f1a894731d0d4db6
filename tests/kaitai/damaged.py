"""The golden file with damage that a reader must refuse: fixed values and limits of docs/protocol.md, broken."""

from __future__ import annotations

from datetime import date
from zlib import crc32

from catalog.wire import layout
from catalog.wire.frame import HEADER_SIZE, decode_stream
from catalog.wire.primitives import I32, U32, U64, encode_day
from tests.snapshot import support

_LUNC_ENDS = 1_798_859_045_000_006_000  # 2027-01-02T03:04:05.000006Z
_END_OF_TIME = 9_214_646_400_000_000_000  # 2262-01-01
_AAPL, _LUNA = support.AAPL.id.bytes[:8], support.LUNA.id.bytes[:8]
#: (What is wrong, type of message, bytes of it, what stands there instead.)
_DAMAGES = (
    ("magic", layout.SECURITY, b"\xef\xbe\xad\xde", b"\xef\xbe\xad\xdf"),
    ("version 2", layout.SECURITY, b"\x08\1\0\0", b"\x08\2\0\0"),
    ("flags 1", layout.SECURITY, b"\x08\1\0\0", b"\x08\1\1\0"),
    ("reserved 1", layout.SECURITY, b"\x08\1\0\0", b"\x08\1\0\1"),
    ("format_version 0", layout.SNAPSHOT, b"\2\0\1\x40", b"\0\0\1\x40"),
    ("contents 3", layout.SNAPSHOT, b"\2\0\1\x40", b"\2\0\3\x40"),
    ("ids of 65 bits", layout.SNAPSHOT, b"\2\0\1\x40", b"\2\0\1\x41"),
    ("257 counts", layout.SNAPSHOT, b"\x13\0\1\1", b"\1\1\1\1"),
    ("code 0 in a vocabulary", layout.VOCABULARY, b"\1\0\x08eip155:1", b"\0\0\x08eip155:1"),
    ("code 0", layout.SECURITY, b"\1\x0cUS0378331005", b"\0\x0cUS0378331005"),
    ("key of no byte", layout.SECURITY, b"\x0cUS0378331005", b"\0US0378331005"),
    ("presence byte 2", layout.SECURITY, b"US0378331005\1", b"US0378331005\2"),
    ("no UTF-8", layout.SECURITY, b"Apple Inc.", b"Apple\xffInc."),
    ("text behind the end", layout.SECURITY, b"\x0a\0Apple Inc.", b"\0\1Apple Inc."),
    ("86400 seconds of a day", layout.VENUE, I32.pack(34_200), I32.pack(86_400)),
    ("no keys", layout.VENUE, b"\1\2\0\6future", b"\1\0\0\6future"),
    ("1025 keys", layout.VENUE, b"\1\2\0\6future", b"\1\1\4\6future"),
    ("truth value 2", layout.INSTRUMENT, b"\1\0\0\1\7binance", b"\1\2\0\1\7binance"),
    ("year 10000", layout.INSTRUMENT, encode_day(date(2026, 12, 18)), I32.pack(layout.MAX_DAYS + 1)),
    ("year 2262", layout.INSTRUMENT, b"\1" + U64.pack(_LUNC_ENDS), b"\1" + U64.pack(_END_OF_TIME)),
    ("19 digits", layout.PAIR, U64.pack(10**18 - 1), U64.pack(10**18 + 1)),
    ("zero with an exponent", layout.PAIR, b"\1" + bytes(9), b"\1" + bytes(8) + b"\1"),
    ("presence byte 2 of an added field", layout.PAIR, b"\1\2\0\x08BTC-USDT", b"\2\2\0\x08BTC-USDT"),
    ("added keys behind the end", layout.PAIR, b"\1\2\0\x08BTC-USDT", b"\1\3\0\x08BTC-USDT"),
    ("alias of a venue", layout.ALIAS, b"\1\1" + _AAPL, b"\3\1" + _AAPL),
    ("succession of a listing", layout.SUCCESSION, b"\1" + _LUNA, b"\x08" + _LUNA),
    ("keys of 9 bytes", layout.INDEX, b"\1\x08\0\0", b"\1\x09\0\0"),
    ("reserved in an index", layout.INDEX, b"\1\x08\0\0", b"\1\x08\1\0"),
)


def damaged_files() -> dict[str, bytes]:
    """What is wrong, and the file. All checksums but the digest are right."""
    good = support.golden("v2-64")
    files = {what: _damage(good, number, right, wrong) for what, number, right, wrong in _DAMAGES}
    files["one byte less"] = good[:-1]
    files["no end"] = good[:-464]
    return files


def _damage(good: bytes, type: int, right: bytes, wrong: bytes) -> bytes:
    """The file with `wrong` in the first message of the type that has `right`."""
    message = next(m for m in decode_stream(good) if m.type == type and right in good[m.offset : m.end])
    data = bytearray(good[message.offset : message.end].replace(right, wrong, 1))
    data[28:32] = U32.pack(crc32(data[HEADER_SIZE:]))
    return good[: message.offset] + data + good[message.end :]
