"""Payloads on their way in: opened, decompressed into a temporary file, measured and hashed; and kept in the catalog."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import zstandard
from blake3 import blake3

from catalog.errors import PayloadError
from catalog.repositories.driver import Cursor

CHUNK = 8 << 20
_OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}


@dataclass(frozen=True)
class Payload:
    """A payload as a seekable stream of its decompressed bytes."""

    name: str
    stream: BinaryIO
    size: int
    payload_hash: bytes
    modified_at: datetime

    @property
    def stem(self) -> str:
        """The file's name without its folder and endings."""
        return Path(self.name).name.split(".")[0] or "standard-input"

    def head(self) -> bytes:
        """The first 64 KiB."""
        self.stream.seek(0)
        return self.stream.read(65_536)


@contextmanager
def opened(path: str) -> Iterator[Payload]:
    """Open a payload: a file (also .gz, .xz, .zst), or `-` for standard input. Raises PayloadError."""
    with tempfile.TemporaryFile() as spool:
        hasher, size = blake3(), 0
        try:
            with _source(path) as source:
                while block := source.read(1 << 20):
                    hasher.update(block)
                    size += len(block)
                    spool.write(block)
            modified = datetime.now(UTC) if path == "-" else datetime.fromtimestamp(Path(path).stat().st_mtime, UTC)
        except IsADirectoryError:
            raise PayloadError(f"`{path}` is a directory", hint="name the files in it") from None
        except FileNotFoundError:
            raise PayloadError(f"`{path}` does not exist", hint="check the path") from None
        except (OSError, EOFError, lzma.LZMAError, zstandard.ZstdError) as error:
            raise PayloadError(
                f"`{path}` cannot be read: {error}", hint="is it whole, and what its ending says?"
            ) from None
        yield Payload(
            path, cast("BinaryIO", spool), size, hasher.digest(), modified.replace(microsecond=modified.microsecond)
        )


def in_memory(name: str, data: bytes, at: datetime) -> Payload:
    """A payload that was made here, at that moment."""
    return Payload(name, io.BytesIO(data), len(data), blake3(data).digest(), at)


@contextmanager
def _source(path: str) -> Iterator[IO[bytes]]:
    if path == "-":
        yield sys.stdin.buffer
    elif path.endswith(".zst"):
        with Path(path).open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as reader:
            yield cast("IO[bytes]", reader)
    else:
        opener = _OPENERS.get(Path(path).suffix, open)
        with cast("IO[bytes]", opener(path, "rb")) as stream:
            yield stream


def store(cursor: Cursor, payload: Payload) -> None:
    """Keep a payload in the catalog, once."""
    cursor.execute(
        "INSERT INTO payloads (payload_hash, size) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        [payload.payload_hash, payload.size],
    )
    if cursor.rowcount:
        compress = zstandard.ZstdCompressor(level=6).compress
        payload.stream.seek(0)
        number = 0
        while block := payload.stream.read(CHUNK):
            cursor.execute(
                "INSERT INTO payload_chunks VALUES (%s, %s, %s)", [payload.payload_hash, number, compress(block)]
            )
            number += 1


def fetch(cursor: Cursor, payload_hash: bytes) -> bytes:
    """A stored payload, whole."""
    cursor.execute("SELECT data FROM payload_chunks WHERE payload_hash = %s ORDER BY number", [payload_hash])
    return b"".join(zstandard.ZstdDecompressor().decompress(bytes(data), CHUNK) for (data,) in cursor.fetchall())
