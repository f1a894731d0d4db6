"""The hand-made files of tests/snapshot/golden: every release of the format reads and writes them as they stand.

They were laid out from docs/protocol.md with `struct` alone. Never make them anew with the code they check.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from catalog.domain import Record
from catalog.snapshot import Snapshot
from catalog.snapshot.verify import verify
from tests.snapshot import support

FILES = [("v2-64", 64), ("v2-128", 128)]


@pytest.fixture(params=FILES, ids=[name for name, _ in FILES])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, int]:
    name, bits = request.param
    path = tmp_path / name
    path.write_bytes(support.golden(name))
    return path, bits


def test_the_golden_file_is_good(file: tuple[Path, int]) -> None:
    assert verify(file[0]).problems == []


def test_its_records_are_read(file: tuple[Path, int]) -> None:
    with Snapshot.open(file[0]) as snapshot:
        found = list(snapshot.records())
        expected = [
            r for e in support.universe() for r in support.RECORDS if support.entry_of(r)[4] == getattr(e, "values", 0)
        ]
        assert found == expected
        assert list(snapshot) == sorted((r for r in support.RECORDS if r.kind == "instrument"), key=key_of)
        assert [e._replace(sequence=0, timestamp_ns=0) for e in snapshot.aliases()] == sorted(support.ALIASES)
        width = file[1] // 8
        assert [(t.kind, t.id, t.record) for t in snapshot.tombstones()] == [
            (t.kind, t.id[:width], t.record) for t in support.TOMBSTONES
        ]


def test_its_successions_are_read(file: tuple[Path, int]) -> None:
    luna, lunc = "4cfdcad2c50b845959b6f65ebcc21aec", "f0d0eebcafbe16a5cfab7759df318bd8"
    apple, microsoft = "8043e009842c9efbd9389d368cc4cd21", "be419f50467446566aa06302c91b08e6"
    with Snapshot.open(file[0]) as snapshot:
        assert [
            (s.kind, s.predecessor.hex(), s.successor.hex(), s.succession_kind, s.ratio, s.effective_ns, s.is_in_effect)
            for s in snapshot.successions()
        ] == [
            (1, luna, lunc, "migration", Decimal(1), 1653696000000000000, True),
            (2, apple, microsoft, "isin_change", None, 1800000000000000000, False),
        ]
        assert [(s.sequence, s.timestamp_ns) for s in snapshot.successions()] == [
            (32, 1600000000000032000),
            (33, 1600000000000033000),
        ]


def test_its_header_is_read(file: tuple[Path, int]) -> None:
    with Snapshot.open(file[0]) as snapshot:
        assert snapshot.header.id_bits == file[1]
        assert snapshot.header.catalog_id == bytes(range(16))
        assert snapshot.header.schema_revision == "0001_golden"
        assert snapshot.header.horizon_ns == support.HORIZON_NS
        assert (snapshot.as_of_sequence, snapshot.as_of_ns) == (35, support.AS_OF_NS)
        assert len(snapshot) == 14
        assert snapshot.vocabularies["blockchain"] == {1: "eip155:1", 0x8000: "eip155:31337"}
        assert snapshot.vocabularies["component_measure"] == {1: "price", 2: "days_to_expiry"}
        assert len(snapshot.vocabularies) == 14


def test_the_writer_makes_its_bytes(file: tuple[Path, int], tmp_path: Path) -> None:
    written = tmp_path / "written"
    info = support.write(written, support.universe(), file[1])
    assert written.read_bytes() == file[0].read_bytes()
    with Snapshot.open(written) as snapshot:
        assert (info.digest, info.size) == (snapshot.digest, len(written.read_bytes()))


def key_of(record: Record) -> str:
    return record.id
