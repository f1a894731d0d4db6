"""Framing messages: round trip, short input, any bytes, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import DecodeError, InvalidRecord, LimitExceeded, Truncated, UnsupportedVersion
from catalog.wire import messages as m

SNAPSHOT = m.SnapshotMessage(1, 1, 64, bytes(range(16)), 0, 9, 10, 11, {"token": 3, "alias": 1}, "0001")
ID, OTHER = bytes(range(16)), bytes(range(16, 32))
END = m.EndMessage(tuple(range(16)), tuple(range(32)), 5, 600, bytes(32))
DECODERS: dict[str, tuple[bytes, Callable[[bytes], Any]]] = {
    "snapshot": (m.encode_snapshot(SNAPSHOT), lambda p: m.decode_snapshot(p, 32)),
    "vocabulary": (m.encode_vocabulary("status", {"b": 2, "a": 1}), lambda p: m.decode_vocabulary(p, 32)),
    "alias": (m.encode_alias(ID, OTHER, b"identity", 8), lambda p: m.decode_alias(p, 32, 8)),
    "tombstone": (m.encode_tombstone(1, ID, "stock", 8), lambda p: m.decode_tombstone(p, 32, 8)),
    "end": (m.encode_end(END), lambda p: m.decode_end(p, 32)),
}


def test_what_is_encoded_is_decoded() -> None:
    found = {name: decode(payload) for name, (payload, decode) in DECODERS.items()}
    assert found["snapshot"] == SNAPSHOT
    assert found["vocabulary"] == ("status", {1: "a", 2: "b"})
    assert found["alias"] == (ID, 1, OTHER[:8], b"identity")
    assert found["tombstone"] == (1, ID[:8], "stock")
    assert found["end"] == END
    assert m.decode_alias(m.encode_alias(ID, None, b"", 16), 32, 16).target is None


@pytest.mark.parametrize("name", DECODERS)
def test_payloads_cut_anywhere_are_refused(name: str) -> None:
    payload, decode = DECODERS[name]
    for size in range(len(payload)):
        with pytest.raises(DecodeError) as caught:
            decode(payload[:size])
        assert isinstance(caught.value, Truncated) or name == "end"


@given(st.sampled_from(sorted(DECODERS)), st.binary(max_size=200), st.integers(0, 100))
def test_any_bytes_decode_or_raise_decode_error(name: str, data: bytes, kept: int) -> None:
    payload, decode = DECODERS[name]
    with suppress(DecodeError):
        decode(payload[:kept] + data)


def test_a_newer_format_may_add_but_not_the_version_0() -> None:
    assert m.decode_snapshot(m.encode_snapshot(SNAPSHOT._replace(format_version=2)) + b"more", 32).format_version == 2
    with pytest.raises(UnsupportedVersion, match="at byte 32, format_version"):
        m.decode_snapshot(m.encode_snapshot(SNAPSHOT._replace(format_version=0)), 32)


@pytest.mark.parametrize(
    "changes",
    [
        {"id_bits": 32},
        {"catalog_id": b""},
        {"horizon_ns": -1},
        {"as_of_ns": 1 << 64},
        {"counts": {"fish": 1}},
        {"schema_revision": ""},
    ],
)
def test_a_header_without_a_wire_form_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord):
        m.encode_snapshot(SNAPSHOT._replace(**changes))


def test_vocabularies_are_one_to_one() -> None:
    with pytest.raises(InvalidRecord, match="one code"):
        m.encode_vocabulary("status", {"a": 1, "b": 1})
    for code in (0, 256):
        with pytest.raises(InvalidRecord):
            m.encode_vocabulary("status", {"a": code})
    with pytest.raises(DecodeError, match="expected a code above 2 and below 65536, found 1"):
        m.decode_vocabulary(b"\1v" + b"\2\0" + b"\2\0\1a" + b"\1\0\1b", 0)
    with pytest.raises(DecodeError, match="each value once"):
        m.decode_vocabulary(b"\1v" + b"\2\0" + b"\1\0\1a" + b"\2\0\1a", 0)


def test_tombstones_and_aliases_are_checked() -> None:
    for arguments in ((1, ID, "fish", 8), (9, ID, "stock", 8), (1, ID[:8], "stock", 16), (1, ID[:4], "stock", 8)):
        with pytest.raises(InvalidRecord):
            m.encode_tombstone(*arguments)
    with pytest.raises(InvalidRecord):
        m.encode_alias(ID[:8], None, b"", 8)
    with pytest.raises(InvalidRecord):
        m.encode_alias(ID, None, bytes(65_536), 8)
    with pytest.raises(DecodeError, match=r"alias.kind: expected 1 \(instrument\), found 2"):
        m.decode_alias(ID + b"\2\0\0\0", 0, 8)


HEAD = m.IndexHead(1, 8, 0, 2, 4, 5, 2, 3, 64)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"key_width": 16}, DecodeError),
        ({"reserved": 1}, DecodeError),
        ({"num_home": 0}, DecodeError),
        ({"max_probe": 0}, DecodeError),
        ({"num_slots": 0xFFFF_FFFF}, DecodeError),
        ({"num_home": 0xFFFF_0000, "num_slots": 0xFFFF_0001}, LimitExceeded),
        ({"num_postings": 0xFFFF_FFFF}, LimitExceeded),
        ({"ofs_slots": 128}, DecodeError),
        ({"ofs_slots": 1 << 63}, DecodeError),
    ],
)
def test_an_index_head_stays_inside_its_message(changes: dict[str, int], error: type[DecodeError]) -> None:
    size = HEAD.end - 32
    assert m.decode_index_head(m.INDEX_HEAD.pack(*HEAD), 0, size, 8) == HEAD
    with pytest.raises(error):
        m.decode_index_head(m.INDEX_HEAD.pack(*HEAD._replace(**changes)), 0, size, 8)
    with pytest.raises(LimitExceeded):
        m.decode_index_head(m.INDEX_HEAD.pack(*HEAD), 0, size - 1, 8)


def test_slots_begin_on_a_cache_line() -> None:
    assert [m.slots_offset(offset) for offset in (0, 1, 63, 64, 65)] == [64, 128, 128, 128, 192]


@pytest.mark.parametrize("nanoseconds", [1, 999, 9_214_646_400_000_000_000, 2**64 - 1])
def test_a_succession_takes_effect_at_a_moment(nanoseconds: int) -> None:
    """Whole microseconds before 2262, like every other time."""
    good = m.Succession(1, ID, OTHER, 5, None, 1000, True)
    payload = bytearray(m.encode_succession(good, 16))
    assert m.decode_succession(bytes(payload), 32, 16) == good
    payload[-9:-1] = nanoseconds.to_bytes(8, "little")
    with pytest.raises(DecodeError, match=f"at byte 67, succession.effective_at: expected .*, found {nanoseconds}"):
        m.decode_succession(bytes(payload), 32, 16)
    with pytest.raises(InvalidRecord, match=r"succession\.effective_at"):
        m.encode_succession(good._replace(effective_ns=nanoseconds), 16)
