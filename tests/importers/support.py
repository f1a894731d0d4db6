"""What the tests of importers share: payloads from Python values, and the results taken apart."""

from __future__ import annotations

import io
import json
import lzma
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from catalog.errors import PayloadError
from catalog.importers.base import Importer, Parsed, Reject
from catalog.importers.registry import named

_FOLDER = Path(__file__).parent / "payloads"
#: What is told to an importer beside its payload in the folder.
UNSAID: dict[str, str] = {"ccxt": "bullish", "pool-list": "eip155:1"}
#: The same for recorded payloads, by the file's name.
TOLD: dict[str, str] = {
    "eth_getLogs_block_18000000.json": "evm-logs:eip155:1",
    "ethereum-etl_logs_17173049_17173050.jsonl.xz": "evm-logs:eip155:1",
    "degenbot_first_200_aerodrome_v2.json": "pool-list:eip155:8453",
    "degenbot_first_200_pancakeswap_v2.json": "pool-list:eip155:8453",
    "degenbot_first_200_uniswap_v3_mainnet.json": "pool-list:eip155:1",
    "degenbot_first_200_uniswap_v4_mainnet.json": "pool-list:eip155:1",
}
#: One good payload for each source, and the records that it describes, as canonical lines.
PAYLOADS: dict[str, bytes] = {
    path.stem: path.read_bytes()
    for path in sorted(_FOLDER.iterdir())
    if path.name != "README.md" and not path.stem.endswith(".expected")
}
EXPECTED: dict[str, list[str]] = {
    source: (_FOLDER / f"{source}.expected.jsonl").read_text().splitlines() for source in PAYLOADS
}


def importer_for(source: str) -> Importer:
    """The importer of a source, told what its payload in the folder leaves unsaid."""
    return named(f"{source}:{UNSAID[source]}") if source in UNSAID else named(source)


def stream(payload: bytes | str | list[Any] | dict[str, Any]) -> BinaryIO:
    """A payload of bytes, text, or a value to be written as JSON."""
    if isinstance(payload, list | dict):
        payload = json.dumps(payload)
    return io.BytesIO(payload.encode() if isinstance(payload, str) else payload)


def parse(source: str, payload: Any, observed_at: datetime | None = None) -> list[Parsed | Reject]:
    """Everything that the importer `source` (`okx`, or `ccxt:kraken`) makes of a payload."""
    return list(named(source).parse(stream(payload), observed_at))


def records(results: list[Parsed | Reject]) -> list[Any]:
    """The records, each of which has to be one."""
    assert not (rejects := [r for r in results if isinstance(r, Reject)]), rejects
    return [r.record for r in results if isinstance(r, Parsed)]


def record(results: list[Parsed | Reject]) -> Any:
    """The only record."""
    [only] = records(results)
    return only


def reject(results: list[Parsed | Reject]) -> Reject:
    """The only reject among the results."""
    [only] = [r for r in results if isinstance(r, Reject)]
    return only


def tally(results: list[Parsed | Reject]) -> dict[str, int]:
    """How many records of each type and rejects of each code."""
    return dict(Counter(r.code if isinstance(r, Reject) else r.record.record for r in results))


def until_broken(importer: Importer, payload: bytes) -> tuple[list[Parsed | Reject], PayloadError | None]:
    """What the importer gives before the payload breaks, and how it breaks; any other exception is a failure."""
    results: list[Parsed | Reject] = []
    try:
        results.extend(_each(importer, payload))
    except PayloadError as error:
        return results, error
    return results, None


def _each(importer: Importer, payload: bytes) -> Iterator[Parsed | Reject]:
    yield from importer.parse(io.BytesIO(payload), None)


def read(path: Path) -> bytes:
    """A real payload, decompressed."""
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


class Endless(io.RawIOBase):
    """A stream of `head`, `middle` repeated up to `size` bytes, and `tail`, that never exists in memory at once."""

    def __init__(self, head: bytes, middle: bytes, size: int, tail: bytes) -> None:
        self._head, self._middle, self._tail = head, middle, tail
        self._size = size // len(middle) * len(middle)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        assert whence == 0
        self._at = offset
        return offset

    def readinto(self, buffer: Any) -> int:
        data = self._slice(min(len(buffer), 1 << 16))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _slice(self, count: int) -> bytes:
        at = self._at
        if at < len(self._head):
            return self._head[at : at + count]
        at -= len(self._head)
        if at < self._size:
            start = at % len(self._middle)
            return (self._middle * (count // len(self._middle) + 2))[start : start + min(count, self._size - at)]
        return self._tail[at - self._size :][:count]


def endless(head: bytes, middle: bytes, size: int, tail: bytes) -> BinaryIO:
    """A buffered `Endless`."""
    return cast("BinaryIO", io.BufferedReader(Endless(head, middle, size, tail), 1 << 16))
