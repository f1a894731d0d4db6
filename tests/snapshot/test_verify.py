"""`verify` proves every byte; and whatever the bytes are, nothing crashes, hangs or lies."""

from __future__ import annotations

import random
import struct
from contextlib import suppress
from pathlib import Path
from zlib import crc32

import pytest

from catalog.errors import CatalogError, DecodeError, Truncated
from catalog.snapshot import Snapshot, SnapshotError
from catalog.snapshot.entries import TombstoneEntry
from catalog.snapshot.show import cat
from catalog.snapshot.verify import verify
from tests.fuzz.files import put_together, settle_places, take_apart
from tests.snapshot import support
from tests.snapshot.support import AAPL, TOKEN

FILES = ["v2-64", "v2-128"]


@pytest.mark.parametrize("name", FILES)
def test_a_flip_of_any_byte_is_refused_where_it_is(name: str, tmp_path: Path) -> None:
    """The first problem lies in the flipped message and names it, or is the digest where no checksum covers the byte."""
    good = support.golden(name)
    path = tmp_path / "flipped"
    generator = random.Random(name)
    messages = messages_of(good)
    for start, size in messages:
        for at in range(start, start + 32 + size, 1 if name == "v2-64" else 7):
            flipped = bytearray(good)
            flipped[at] ^= 1 << generator.randrange(8)
            path.write_bytes(flipped)
            problem = verify(path).problems[0]
            if start <= problem.offset < start + 32 + size:
                assert problem.message.endswith(f" (0x{flipped[start + 4]:02x}) at byte {start}"), at
            else:
                assert start + 12 <= at < start + 28, (at, problem)
                assert problem.offset == messages[-1][0] + 32 + 400
                assert "no checksum covers those, in the end (0x24)" in problem.message


def test_damage_is_told_message_by_message(tmp_path: Path) -> None:
    """Behind a broken header or payload whose size leads to the next header the search goes on; and it names damage alone."""
    good = support.golden("v2-64")
    path = tmp_path / "damaged"
    starts = [start for start, _ in messages_of(good)]
    data = bytearray(good)
    damaged = [starts[3] + 40, starts[20] + 5, starts[40] + 28, starts[-1] + 100]
    for at in damaged:
        data[at] ^= 1
    path.write_bytes(data)
    problems = verify(path).problems
    assert [p.offset for p in problems] == [starts[3] + 28, starts[20] + 5, starts[40] + 28, starts[-1] + 28]
    assert problems[1].message.startswith(f"at byte {starts[20] + 5}, version: expected 1, found 0, in the venue")
    data[starts[20] + 8] ^= 1  # and now it does not lead on
    path.write_bytes(data)
    assert [p.offset for p in verify(path).problems] == [starts[3] + 28, starts[20] + 5]


def test_a_file_cut_between_messages_names_the_last_one(tmp_path: Path) -> None:
    good = support.golden("v2-64")
    path = tmp_path / "cut"
    last = messages_of(good)[-2][0]
    path.write_bytes(good[: messages_of(good)[-1][0]])
    (problem,) = verify(path).problems
    assert problem.offset == last + 4
    assert problem.message == (
        f"at byte {last + 4}, type: expected 0x24 (snapshot end) in the last message, found 0x23, "
        f"in the index (0x23) at byte {last}"
    )


def test_a_message_that_is_passed_over_brings_no_other_into_question(tmp_path: Path) -> None:
    """Counts, indexes and sections cannot be judged without it, and are not."""
    good = support.golden("v2-64")
    path = tmp_path / "bad"
    start = next(start for start, _ in messages_of(good) if good[start + 4] == 0x08)
    for kind in (0x41, 0x21, 0x24, 0x09, 0x0B):
        data = bytearray(good)
        data[start + 4] = kind
        path.write_bytes(data)
        *here, digest = verify(path).problems
        assert here
        assert all(problem.message.endswith(f" (0x{kind:02x}) at byte {start}") for problem in here)
        assert "end.digest" in digest.message


@pytest.mark.parametrize("name", FILES)
def test_a_flip_with_the_checksum_made_right_is_refused(name: str, tmp_path: Path) -> None:
    """The CRC of the message and the digest of the file follow the flip, so that the content itself is judged."""
    good = support.golden(name)
    path = tmp_path / "flipped"
    generator = random.Random(name)
    for start, size in messages_of(good):
        for at in {start + 32 + generator.randrange(size) for _ in range(12)} if size else ():
            flipped = bytearray(good)
            flipped[at] ^= 1 << generator.randrange(8)
            path.write_bytes(mended(flipped))
            report = verify(path)
            if report.ok:  # the digest was mended back, or the flip is the honest content of another file
                assert path.read_bytes() == good or content_differs(path, name)
            look_everywhere(path)


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_at_any_length_is_refused(name: str, tmp_path: Path) -> None:
    good = support.golden(name)
    path = tmp_path / "cut"
    for size in range(0, len(good), 1 if name == "v2-64" else 7):
        path.write_bytes(good[:size])
        with pytest.raises(DecodeError):
            Snapshot.open(path)
        if size % 50 == 0:
            assert not verify(path).ok
    path.write_bytes(good + b"\0")
    assert not verify(path).ok
    path.write_bytes(good + good)
    assert not verify(path).ok


def test_a_half_file_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(support.golden("v2-64")[:100])
    with pytest.raises(Truncated, match="at byte 0, snapshot: expected at least 496 bytes, found 100"):
        Snapshot.open(path)


@pytest.mark.parametrize("seed", range(20))
def test_mutated_files_never_crash_a_reader(seed: int, tmp_path: Path) -> None:
    generator = random.Random(seed)
    path = tmp_path / "mutated"
    good = support.golden(FILES[seed % 2])
    for _ in range(20):
        data = bytearray(good)
        for _ in range(generator.randint(1, 6)):
            at = generator.randrange(len(data))
            change = generator.choice(["byte", "number", "cut", "double"])
            if change == "byte":
                data[at] = generator.randrange(256)
            elif change == "number":
                size = generator.choice([2, 4, 8])
                data[at : at + size] = generator.choice([0, 1, 2 ** (8 * size) - 1, 2**15]).to_bytes(size, "little")[
                    : len(data) - at
                ]
            elif change == "cut":
                del data[at : at + generator.randint(1, 40)]
            else:
                data[at:at] = data[at : at + generator.randint(1, 40)]
        path.write_bytes(mended(data) if generator.random() < 0.5 else data)
        with suppress(CatalogError):
            report = verify(path)
            assert not report.ok or path.read_bytes() == good or content_differs(path, FILES[seed % 2])
        look_everywhere(path)


def test_all_problems_are_listed_with_their_place(tmp_path: Path) -> None:
    data = bytearray(support.golden("v2-64"))
    path = tmp_path / "bad"
    starts = messages_of(bytes(data))
    first = next(n for n, (offset, _) in enumerate(starts) if data[offset + 4] == 0x08)
    data[starts[first][0] + 12] ^= 0x40  # a sequence beyond the file's
    path.write_bytes(data)
    report = verify(path)
    assert report.problems[0].offset == starts[first][0] + 12
    assert "sequence: expected at most 35, found" in report.problems[0].message
    assert any("end.digest" in p.message for p in report.problems)
    with pytest.raises(SnapshotError):
        verify(tmp_path / "none")


def test_lies_that_only_the_content_shows(tmp_path: Path) -> None:
    """Records written as they are not: each is found by its own rule, and not only by a sum."""
    path = tmp_path / "bad"
    stock = support.entry_of(AAPL)
    cases = {
        "not the one its id names": [stock._replace(values={**stock.values, "mic": "XETR"})],
        "check digit": [stock._replace(values={**stock.values, "isin": "US0378331006"})],
        "not the one form": [stock._replace(values={**stock.values, "sector": "Cafe\u0301"})],
        "listing.instrument_id: expected the id of": [support.entry_of(support.NASDAQ), support.entry_of(support.HOME)],
    }
    for words, entries in cases.items():
        support.write(path, support.numbered(entries), 64)
        problems = verify(path).problems
        assert any(words in p.message for p in problems), (words, problems)


def test_what_a_tombstone_says_is_true(tmp_path: Path) -> None:
    """What is gone is not in the file; and a full file does not speak of listings that are gone."""
    path = tmp_path / "bad"
    stock = support.entry_of(AAPL)
    alias, _ = support.ALIASES
    gone = TombstoneEntry(8, bytes(16), "listing", 0, 0)
    for bits in (64, 128):
        for record, id in (("stock", stock.id), ("stock", alias.id)):
            entries = support.numbered([stock, alias, TombstoneEntry(1, id, record, 0, 0)])
            support.write(path, entries, bits)
            (problem,) = verify(path).problems
            assert f"the stock `{id[: bits // 8].hex()}` is in the file, and so is its tombstone" in problem.message
        support.write(path, support.numbered([gone]), bits)
        (problem,) = verify(path).problems
        assert "a tombstone of a listing in a full snapshot, in the tombstone (0x0b)" in problem.message
        support.write(path, support.numbered([gone]), bits, base_sequence=1)
        assert verify(path).ok


def test_an_index_among_the_records_is_refused(tmp_path: Path) -> None:
    """All instruments stand before it, all offsets and sums are right: only its place is wrong."""
    path = tmp_path / "bad"
    parts = take_apart(support.golden("v2-64"))
    index = next(n for n, part in enumerate(parts) if part.type == 0x23)
    event = next(n for n, part in enumerate(parts) if part.type == 0x09)
    parts.insert(event, parts.pop(index))
    settle_places(parts)
    path.write_bytes(put_together(parts))
    (problem,) = verify(path).problems
    assert "this event_type is out of order, in the event_type (0x09) at byte" in problem.message


@pytest.mark.parametrize("value", ["e\u0301", " x", "a\nb", "a\0b"])
def test_keys_of_the_frame_are_in_their_normal_form(value: str, tmp_path: Path) -> None:
    path = tmp_path / "bad"
    support.write(path, [], 64, vocabularies=support.VOCABULARIES | {"venue_type": {value: 1}})
    assert [p.message for p in verify(path).problems if "vocabulary" in p.message]
    support.write(path, [], 64, schema_revision=value)
    assert [p.message for p in verify(path).problems if "schema_revision" in p.message]


def messages_of(data: bytes) -> list[tuple[int, int]]:
    """(offset, payload size) of each message of a good file, read from the headers alone."""
    found, at = [], 0
    while at + 32 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 8)
        found.append((at, size))
        at += 32 + size
    return found


def mended(data: bytearray) -> bytes:
    """The bytes with every checksum made right again that can be reached."""
    from blake3 import blake3

    at = 0
    while at + 32 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 8)
        if at + 32 + size > len(data):
            break
        if data[at + 4] == 0x24 and size == 432:
            data[at + 32 + 400 : at + 32 + 432] = blake3(bytes(data[:at])).digest()
        struct.pack_into("<I", data, at + 28, crc32(data[at + 32 : at + 32 + size]))
        at += 32 + size
    return bytes(data)


def content_differs(path: Path, name: str) -> bool:
    golden = path.with_suffix(".golden")
    golden.write_bytes(support.golden(name))
    return list(cat(path)) != list(cat(golden))


def look_everywhere(path: Path) -> None:
    """Every look-up and every walk: an answer or a CatalogError, and an answer is what was asked for."""
    try:
        snapshot = Snapshot.open(path)
    except CatalogError:
        return
    with snapshot:
        for record in support.RECORDS:
            if record.record != "listing":
                with suppress(CatalogError):
                    assert snapshot.get(record.id, record.kind).id == record.id
                with suppress(CatalogError):
                    snapshot.view(record.id, record.kind).values()
        for alias in support.ALIASES:
            with suppress(CatalogError):
                snapshot.get(alias.id)
        for call in (
            lambda: snapshot.by_isin("US0378331005"),
            lambda: snapshot.by_cusip("037833100"),
            lambda: snapshot.by_figi("BBG000B9XRY4"),
            lambda: snapshot.by_symbol("AAPL"),
            lambda: snapshot.by_address(TOKEN.address),
            lambda: snapshot.by_exchange_symbol("XNAS", "AAPL"),
            lambda: snapshot.pairs_for(support.BTC.id, support.USDT.id),
            lambda: snapshot.listings_of(AAPL.id),
            lambda: list(snapshot),
            lambda: list(snapshot.records()),
            lambda: list(snapshot.aliases()),
            lambda: list(snapshot.tombstones()),
            lambda: list(cat(path)),
        ):
            with suppress(CatalogError):
                call()
