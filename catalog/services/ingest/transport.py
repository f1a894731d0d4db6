"""One request and its answer, in a file: with time limits, a bound on size, guarded redirects, and a kind for each failure."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
from blake3 import blake3

from catalog import __version__
from catalog.errors import CatalogError, quote
from catalog.services.ingest.configuration import Limits
from catalog.services.ingest.limits import Hosts

MAX_REDIRECTS = 5
MAX_RETRY_AFTER = 86_400.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Answers behind which the same request may fare better: too early, too often, or the server's own trouble.
_PASSING = frozenset({408, 425, 429})
_CONDITIONS = frozenset({"if-none-match", "if-modified-since"})
_PIECE = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS


class SourceError(CatalogError):
    """A source could not be read this time, and asking again at once would not help."""

    code = "source_unreadable"


class PassingError(SourceError):
    """A source could not be read, for a reason that may pass; `retry_after` is what the server asked for, in seconds."""

    code = "source_in_trouble"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooLarge(SourceError):
    """The answer is larger than the bound."""

    code = "source_too_large"


@dataclass(frozen=True)
class Request:
    """What is asked. `headers` are for this host alone; a `body` is JSON and makes it a POST."""

    url: str
    headers: Mapping[str, str]
    body: bytes | None = None


@dataclass(frozen=True)
class Answer:
    """What came: in full in the file, or nothing because it is what was there before (`is_unchanged`)."""

    is_unchanged: bool
    payload_hash: bytes
    etag: str | None
    last_modified: str | None
    received_at: datetime


class Transport:
    """The HTTP client that all sources share. An async context manager."""

    def __init__(self, limits: Limits, hosts: Hosts) -> None:
        self._limits, self._hosts = limits, hosts
        timeout = httpx.Timeout(limits.read_timeout, connect=limits.connect_timeout)
        headers = {"User-Agent": f"instrument-catalog/{__version__}", "Accept-Encoding": "gzip"}
        self._client = httpx.AsyncClient(timeout=timeout, headers=headers, follow_redirects=False)

    async def __aenter__(self) -> Transport:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(self, request: Request, file: Path, max_bytes: int) -> Answer:
        """Send a request and write the answer's body, decompressed, to a file. Raises SourceError."""
        try:
            return await self._follow(request, file, max_bytes)
        except TimeoutError:
            raise PassingError(f"the answer took longer than {self._limits.total_timeout:g} seconds") from None
        except httpx.InvalidURL as error:
            raise SourceError(f"it leads to what is no URL: {error}") from None
        except httpx.TimeoutException as error:
            raise PassingError(f"no answer in time: {type(error).__name__}") from None
        except httpx.TransportError as error:
            raise PassingError(f"the connection failed: {str(error) or type(error).__name__}") from None

    async def _follow(self, request: Request, file: Path, max_bytes: int) -> Answer:
        url, headers = httpx.URL(request.url), dict(request.headers)
        for _ in range(MAX_REDIRECTS + 1):
            method = "GET" if request.body is None else "POST"
            outgoing = self._client.build_request(method, url, headers=headers, content=request.body)
            async with self._hosts.visiting(url.host), asyncio.timeout(self._limits.total_timeout):
                response = await self._client.send(outgoing, stream=True)
                try:
                    if response.status_code not in _REDIRECTS:
                        return await _receive(response, file, max_bytes)
                finally:
                    await response.aclose()
            target = _redirected(request, url, response)
            if not _is_same_host(url, target):
                headers = {}
            url = target
        raise SourceError(f"it redirects more than {MAX_REDIRECTS} times")


def _redirected(request: Request, url: httpx.URL, response: httpx.Response) -> httpx.URL:
    if request.body is not None:
        raise SourceError("it redirects a POST, which is not followed; name the final URL")
    location = response.headers.get("Location")
    if location is None:
        raise SourceError(f"it redirects (status {response.status_code}) without saying where to")
    target = url.join(location)
    if target.scheme not in ("http", "https") or not target.host:
        raise SourceError(f"it redirects to the scheme {quote(target.scheme)}, which is not followed")
    if url.scheme == "https" and target.scheme == "http":
        raise SourceError("it redirects from https to http, which is not followed")
    return target


def _is_same_host(url: httpx.URL, target: httpx.URL) -> bool:
    """Whether both are one server: what was meant for it, such as a key, may be sent to the other."""
    if url.host != target.host:
        return False
    is_upgrade = (url.scheme, target.scheme) == ("http", "https") and url.port is None and target.port is None
    return is_upgrade or (url.scheme, url.port) == (target.scheme, target.port)


async def _receive(response: httpx.Response, file: Path, max_bytes: int) -> Answer:
    status = response.status_code
    etag, last_modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    now = datetime.now(UTC)
    if status == 304 and _CONDITIONS.intersection(response.request.headers):
        return Answer(True, b"", etag, last_modified, now)
    if status in _PASSING or status >= 500:
        raise PassingError(f"it answers with status {status}", _retry_after(response.headers.get("Retry-After"), now))
    if status == 413:
        raise TooLarge("it answers with status 413: the request asks for too much")
    if status != 200 and not (status == 400 and response.request.method == "POST"):  # where nodes say what is wrong
        raise SourceError(f"it answers with status {status}")
    hasher, size = blake3(), 0
    with file.open("wb") as target:
        async for piece in _decompressed(response):
            size += len(piece)
            if size > max_bytes:
                raise TooLarge(f"the answer is larger than {max_bytes >> 20} MiB")
            hasher.update(piece)
            target.write(piece)
    return Answer(False, hasher.digest(), etag, last_modified, now)


async def _decompressed(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body in pieces of at most 1 MiB, however far it was compressed."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("gzip", "identity"):
        raise SourceError(f"the answer is compressed as {quote(encoding)}, which was not asked for")
    inflater = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    async for raw in response.aiter_raw():
        if inflater is None:
            yield raw
            continue
        try:
            for piece in _inflated(inflater, raw):
                yield piece
        except zlib.error as error:
            raise PassingError(f"the answer is no gzip stream: {error}") from None
    if inflater is not None and not inflater.eof:
        raise PassingError("the answer's gzip stream is cut off")


def _inflated(inflater: Any, raw: bytes) -> Iterator[bytes]:
    while not inflater.eof:
        piece = inflater.decompress(raw, _PIECE)
        yield piece
        raw = inflater.unconsumed_tail
        if not raw and len(piece) < _PIECE:
            return


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that the server asks to wait, as a number or a date; at most a day."""
    if value is None:
        return None
    if value.strip().isdecimal() and len(value) < 10:
        seconds = float(value)
    else:
        try:
            until = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)
