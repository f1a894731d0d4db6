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
from sqlalchemy import Engine

from catalog.domain.calendar import format_moment
from catalog.errors import PayloadError
from catalog.repositories.driver import Cursor, cursor_of

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
        """INSERT INTO payloads (payload_hash, size) VALUES (%s, %s)
        ON CONFLICT (payload_hash) DO UPDATE SET pruned_at = NULL WHERE payloads.pruned_at IS NOT NULL""",
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


@contextmanager
def restored(engine: Engine, payload_hash: bytes, name: str, modified_at: datetime) -> Iterator[Payload]:
    """A stored payload, as it was. Raises PayloadError when it was pruned or is not what its hash says."""
    with tempfile.TemporaryFile() as spool:
        hasher, size = blake3(), 0
        with engine.connect() as connection:
            for block in _stored(cursor_of(connection), payload_hash):
                hasher.update(block)
                size += len(block)
                spool.write(block)
        if hasher.digest() != payload_hash:
            raise PayloadError(
                f"the stored bytes of payload `{payload_hash.hex()}` are not what was stored",
                hint="`catalog doctor --full --only payloads` looks at all of them",
            )
        yield Payload(name, cast("BinaryIO", spool), size, payload_hash, modified_at)


def _stored(cursor: Cursor, payload_hash: bytes) -> Iterator[bytes]:
    # the lock keeps a prune from taking the rest while the first of it is read
    cursor.execute("SELECT pruned_at FROM payloads WHERE payload_hash = %s FOR SHARE", [payload_hash])
    found = cursor.fetchone()
    if found is not None and found[0] is not None:
        moment = format_moment(found[0])
        raise PayloadError(
            f"the bytes of payload `{payload_hash.hex()}` were pruned at {moment}", hint="import its file again"
        )
    number = 0
    while True:
        values = [payload_hash, number]
        cursor.execute("SELECT data FROM payload_chunks WHERE payload_hash = %s AND number = %s", values)
        found = cursor.fetchone()
        if found is None:
            return
        yield zstandard.ZstdDecompressor().decompress(bytes(found[0]), CHUNK)
        number += 1


def prune(cursor: Cursor, before: datetime, keep: int) -> tuple[int, int]:
    """Give up the bytes of payloads of which no run began after `before`, but for the last `keep` of each feed.

    What was said of records stays. Returns how many payloads that were, and their size in bytes.
    """
    cursor.execute(
        """WITH numbered AS (
            SELECT payload_hash, started_at, state,
                dense_rank() OVER (PARTITION BY feed_id ORDER BY observed_at DESC, payload_hash) AS place FROM import_runs
        ), kept AS (
            SELECT payload_hash FROM numbered WHERE started_at >= %(before)s OR place <= %(keep)s OR state = 'running'
        ), gone AS (
            UPDATE payloads SET pruned_at = clock_timestamp()
            WHERE pruned_at IS NULL AND stored_at < %(before)s AND payload_hash NOT IN (SELECT payload_hash FROM kept)
            RETURNING payload_hash, size
        ), chunks AS (DELETE FROM payload_chunks USING gone WHERE payload_chunks.payload_hash = gone.payload_hash)
        SELECT count(*), coalesce(sum(size), 0) FROM gone""",
        {"before": before, "keep": keep},
    )
    found = cursor.fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


def fetch(cursor: Cursor, payload_hash: bytes) -> bytes:
    """A stored payload, whole."""
    cursor.execute("SELECT data FROM payload_chunks WHERE payload_hash = %s ORDER BY number", [payload_hash])
    return b"".join(zstandard.ZstdDecompressor().decompress(bytes(data), CHUNK) for (data,) in cursor.fetchall())
