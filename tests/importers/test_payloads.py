"""Every source has a small payload of its own, and reads it as it should; adding both adds them to these tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from catalog.importers.base import Heading, Parsed
from catalog.importers.registry import IMPORTERS
from tests.importers.support import EXPECTED, PAYLOADS, importer_for, stream

SOURCES = pytest.mark.parametrize("source", IMPORTERS)


def test_every_source_has_a_payload() -> None:
    assert set(PAYLOADS) == set(IMPORTERS)
    readme = (Path(__file__).parent / "payloads" / "README.md").read_text()
    assert {name.partition(".")[0] for name in re.findall(r"^\| `(.+?)`", readme, re.MULTILINE)} == set(IMPORTERS)


@SOURCES
def test_the_payload_is_known_by_its_own_importer_only(source: str) -> None:
    # A payload that leaves its exchange unsaid cannot be known by anybody.
    knowing = [] if source == "ccxt" else [source]
    assert [name for name, importer in IMPORTERS.items() if importer.can_parse(PAYLOADS[source])] == knowing


@SOURCES
def test_the_payload_gives_the_expected_records(source: str) -> None:
    importer = importer_for(source)
    heading = importer.heading(stream(PAYLOADS[source]))
    assert isinstance(heading, Heading)
    results = list(importer.parse(stream(PAYLOADS[source]), heading.observed_at))
    assert all(isinstance(result, Parsed) for result in results), results
    assert [r.record.canonical_json() for r in results if isinstance(r, Parsed)] == EXPECTED[source]
    for result in results:
        assert isinstance(result, Parsed)
        assert set(result.through) <= set(result.record.REFERENCES)
        assert set(result.through.values()) <= {
            id for id in result.through.values() if re.fullmatch("[0-9a-f]{32}", id)
        }
