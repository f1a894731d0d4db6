from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from catalog.domain.vocabulary import PRECEDENCE
from catalog.errors import PayloadError
from catalog.importers import registry
from catalog.importers.registry import HEAD_SIZE, IMPORTERS, detect

#: Which importer a recorded payload is for. The others are for none: vectors for tests, and a table of cross listings.
EXPECTED = {
    "alpaca/asset": "alpaca",
    "alpaca/option": "alpaca-options",
    "binance/spot_": "binance",
    "binance/usdm_": "binance-futures",
    "coinbase/": "coinbase",
    "evm/eth": "evm-logs",
    "iso/iso10383": "iso10383",
    "iso/iso4217": "iso4217",
    "kraken/": "kraken",
    "pools/": "pool-list",
    "tokenlists/": "token-list",
    "tradfi/financedatabase_equities": "finance-database",
    "tradfi/investpy_etfs": "investpy-etfs",
    "tradfi/investpy_stocks": "investpy-stocks",
    "tradfi/nasdaq": "nasdaq-directory",
    "tradovate/": "tradovate",
}


def test_every_source_is_believed_somehow() -> None:
    assert {importer.authority for importer in IMPORTERS.values()} <= set(PRECEDENCE)
    assert all(importer.source == name for name, importer in IMPORTERS.items())


def test_every_real_payload_is_known_by_its_own_importer_only(real_data: Path) -> None:
    files = [path for path in sorted(real_data.rglob("*")) if path.is_file()]
    assert len(files) > 20
    for path in files:
        with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
            head = file.read(HEAD_SIZE)
        name = path.relative_to(real_data).as_posix()
        able = [source for source, importer in IMPORTERS.items() if importer.can_parse(head)]
        assert able == [
            source for prefix, source in EXPECTED.items() if name.startswith(prefix) and source in IMPORTERS
        ], name


def test_detection_says_what_to_do_when_nobody_knows() -> None:
    for head in (b"\x00\xff", b"{}", b"a,b\n"):
        with pytest.raises(PayloadError, match="no importer knows") as caught:
            detect(head)
        assert caught.value.hint == f"name the source: {', '.join(IMPORTERS)}"


def test_detection_says_what_to_do_when_several_know(monkeypatch: pytest.MonkeyPatch) -> None:
    assert detect(b'{"record": "currency", "iso_code": "USD"}').source == "jsonl"
    monkeypatch.setitem(registry.IMPORTERS, "twin", IMPORTERS["jsonl"])
    with pytest.raises(PayloadError, match="more than one"):
        detect(b'{"record": "currency", "iso_code": "USD"}')
