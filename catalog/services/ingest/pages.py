"""Polling an HTTP source: one answer, or page after page; what is the same as the last time is not imported again.

A page is a payload of its own and never a full listing: what is missing from it may stand on the next one.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx
from blake3 import blake3

from catalog.errors import quote
from catalog.repositories import ingest as rows
from catalog.repositories.driver import Cursor
from catalog.services.ingest.configuration import HttpSource
from catalog.services.ingest.intake import Delivery
from catalog.services.ingest.surroundings import Surroundings
from catalog.services.ingest.transport import Answer, Request, SourceError

MAX_PAGES = 10_000
#: A page is looked into for the name of the next one, which takes memory.
MAX_PAGE_BYTES = 64 << 20
T = TypeVar("T")


class PagePoller:
    """One HTTP source."""

    def __init__(self, source: HttpSource, at: Surroundings, number: int) -> None:
        self.source, self._at = source, at
        self._url = source.target
        self._file = at.file(source.name, number)
        asked = [source.source, source.feed, self._url, source.pages and source.pages.model_dump()]
        self._request = blake3(json.dumps(asked).encode()).digest()

    async def poll(self) -> bool:
        """Fetch all pages and import those that are new; whether nothing was rejected or disputed.

        Raises SourceError, PayloadError, DatabaseUnavailable.
        """
        is_clean = True
        url, seen = self._url, set[str]()
        try:
            for number in count():
                is_clean &= await self._page(url, number)
                following = self._following()
                if self.source.pages is None or following is None:
                    break
                if following in seen or number + 1 == MAX_PAGES:
                    raise SourceError(f"its pages do not end: page {number + 1} leads to {quote(following)} again")
                seen.add(following)
                url = str(httpx.URL(self._url).copy_set_param(self.source.pages.parameter, following))
            await self._persist(
                lambda: self._at.intake.ask(lambda c: rows.forget_pages(c, self.source.name, number + 1))
            )
        finally:
            self._file.unlink(missing_ok=True)
        return is_clean

    async def _page(self, url: str, number: int) -> bool:
        name, intake = self.source.name, self._at.intake
        known = await self._persist(lambda: intake.ask(lambda c: rows.page(c, name, number, self._request)))
        answer = await self._ask(url, known)

        def move(cursor: Cursor, run_id: int | None) -> None:
            rows.move_page(cursor, name, number, self._request, _page_of(answer, known), run_id)

        if known is not None and (answer.is_unchanged or answer.payload_hash == known.payload_hash):
            await self._persist(lambda: intake.note(move))
            self._at.tell(name, "unchanged", {"page": number} if self.source.pages else {})
            return True
        delivery = Delivery(
            name,
            self.source.source,
            self.source.feed,
            self._file,
            answer.received_at,
            is_part=self.source.pages is not None,
            accept_shrink=self.source.accept_shrink,
            suspend_missing=self.source.suspend_missing,
        )
        return (await self._persist(lambda: intake.take(delivery, move))).is_clean

    async def _ask(self, url: str, known: rows.Page | None) -> Answer:
        """The page; only where there are no further ones does "not modified" say all that is needed."""
        headers, max_bytes = self.source.plain_headers(), self._at.max_bytes
        if self.source.pages is not None:
            max_bytes = min(max_bytes, MAX_PAGE_BYTES)
        elif known is not None:
            headers |= {"If-None-Match": known.etag} if known.etag else {}
            headers |= {"If-Modified-Since": known.last_modified} if known.last_modified else {}
        request = Request(url, headers)
        return await self._persist(lambda: self._at.transport.ask(request, self._file, max_bytes))

    def _following(self) -> str | None:
        """What names the next page; None behind the last one. Raises SourceError."""
        if self.source.pages is None:
            return None
        pointer = self.source.pages.pointer
        value = _json(self._file)
        parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
        for part in parts[:-1]:
            value = value.get(part) if isinstance(value, dict) else None
        if not isinstance(value, dict):
            raise SourceError(f"a page has nothing at `{pointer}` that could name the next one")
        following = value.get(parts[-1])
        if following is None or following == "":
            return None
        if isinstance(following, bool) or not isinstance(following, str | int):
            raise SourceError(f"a page has {quote(json.dumps(following))} at `{pointer}`, which names no page")
        return str(following)

    async def _persist(self, step: Callable[[], Awaitable[T]]) -> T:
        return await self._at.persist(self.source.name, step)


def _page_of(answer: Answer, known: rows.Page | None) -> rows.Page:
    if known is not None and answer.is_unchanged:
        return rows.Page(known.payload_hash, answer.etag or known.etag, answer.last_modified or known.last_modified)
    return rows.Page(answer.payload_hash, answer.etag, answer.last_modified)


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise SourceError(f"a page is no JSON, so that nothing names the next one: {error}") from None
