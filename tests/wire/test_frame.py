"""Headers and streams: the document's example, short input, round trip, any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import ChecksumMismatch, DecodeError, LimitExceeded, Truncated, UnsupportedVersion
from catalog.wire.frame import HEADER_SIZE, decode_message, decode_stream, encode_header, encode_message
from catalog.wire.layout import INDEX, MAX_RECORD

EXAMPLE = bytes.fromhex("efbeadde 7f 01 00 00 09000000 0700000000000000 0500000000000000 2639f4cb") + b"123456789"


def test_the_header_is_that_of_the_document() -> None:
    assert encode_message(0x7F, b"123456789", 7, 5) == EXAMPLE
    assert len(encode_header(0x7F, b"", 0, 0)) == HEADER_SIZE == 32
    assert decode_message(EXAMPLE, 0) == (0, 0x7F, 7, 5, b"123456789")


@pytest.mark.parametrize("size", range(len(EXAMPLE)))
def test_a_message_cut_anywhere_is_truncated(size: int) -> None:
    with pytest.raises(Truncated):
        decode_message(EXAMPLE[:size], 0)


@given(st.integers(0, 255), st.binary(max_size=300), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_what_is_encoded_is_decoded(type: int, payload: bytes, sequence: int, timestamp: int) -> None:
    data = b"xx" + encode_message(type, payload, sequence, timestamp)
    message = decode_message(data, 2)
    assert message == (2, type, sequence, timestamp, payload)
    assert message.end == len(data)


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda tail: EXAMPLE[:20] + tail))
def test_any_bytes_decode_or_raise_decode_error(data: bytes) -> None:
    try:
        end = sum(HEADER_SIZE + len(m.payload) for m in decode_stream(data))
    except DecodeError as error:
        end = error.offset
    assert 0 <= end <= len(data)


@pytest.mark.parametrize("at", range(len(EXAMPLE)))
def test_every_byte_of_a_message_matters(at: int) -> None:
    broken = bytearray(EXAMPLE)
    broken[at] ^= 1
    if at == 4 or 12 <= at < 28:  # type, sequence, timestamp: the digest of the file covers them
        assert decode_message(bytes(broken), 0) != decode_message(EXAMPLE, 0)
    else:
        with pytest.raises(DecodeError):
            decode_message(bytes(broken), 0)


def test_what_is_wrong_has_its_own_error() -> None:
    with pytest.raises(UnsupportedVersion, match="at byte 5, version: expected 1, found 2"):
        decode_message(EXAMPLE[:5] + b"\2" + EXAMPLE[6:], 0)
    with pytest.raises(ChecksumMismatch, match="at byte 28, checksum: expected 0x"):
        decode_message(EXAMPLE[:-1] + b"8", 0)
    with pytest.raises(DecodeError, match="at byte 0, magic"):
        decode_message(b"\0" * 64, 0)
    with pytest.raises(Truncated):
        decode_message(EXAMPLE, -1)


def test_only_an_index_may_be_large() -> None:
    payload = bytes(MAX_RECORD + 1)
    assert decode_message(encode_message(INDEX, payload, 0, 0), 0).payload == payload
    with pytest.raises(LimitExceeded, match="payload_size"):
        decode_message(encode_message(1, payload, 0, 0), 0)


def test_a_stream_ends_where_it_is_told() -> None:
    data = EXAMPLE * 3
    assert [m.offset for m in decode_stream(data)] == [0, 41, 82]
    assert [m.offset for m in decode_stream(data, 41, 82)] == [41]
    with pytest.raises(Truncated):
        list(decode_stream(data, 0, 50))
