"""How far followed sources have been read, as rows. Whoever moves a cursor does so behind the import that it stands for."""

from __future__ import annotations

from typing import NamedTuple

from catalog.repositories.driver import Cursor


class Page(NamedTuple):
    """What was last imported of one page; `etag` and `last_modified` are what came with it."""

    payload_hash: bytes
    etag: str | None
    last_modified: str | None


class Block(NamedTuple):
    """The last block whose logs were imported; the hash is `0x` and 64 lower-case hex digits."""

    number: int
    hash: str


def page(cursor: Cursor, name: str, number: int, request: bytes) -> Page | None:
    """What was imported of a page of this source, if it was asked for in the same way."""
    cursor.execute(
        "SELECT payload_hash, etag, last_modified FROM ingest_pages WHERE name = %s AND page = %s AND request = %s",
        [name, number, request],
    )
    found = cursor.fetchone()
    return None if found is None else Page(bytes(found[0]), found[1], found[2])


def move_page(cursor: Cursor, name: str, number: int, request: bytes, now: Page, run_id: int | None) -> None:
    """Note what was imported of a page; without a run, that it was found unchanged."""
    cursor.execute(
        """INSERT INTO ingest_pages (name, page, request, payload_hash, etag, last_modified, run_id)
        VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (name, page) DO UPDATE SET request = excluded.request,
        payload_hash = excluded.payload_hash, etag = excluded.etag, last_modified = excluded.last_modified,
        run_id = coalesce(excluded.run_id, ingest_pages.run_id), polled_at = excluded.polled_at""",
        [name, number, request, *now, run_id],
    )


def forget_pages(cursor: Cursor, name: str, first: int) -> None:
    """Forget the pages from `first` on: the answer has fewer now."""
    cursor.execute("DELETE FROM ingest_pages WHERE name = %s AND page >= %s", [name, first])


def block(cursor: Cursor, name: str, request: bytes) -> Block | None:
    """The last block that was read of this source, if the same logs were asked for."""
    cursor.execute(
        "SELECT block_number, block_hash FROM ingest_blocks WHERE name = %s AND request = %s", [name, request]
    )
    found = cursor.fetchone()
    return None if found is None else Block(*found)


def move_block(cursor: Cursor, name: str, request: bytes, now: Block, run_id: int | None) -> None:
    """Note the last block that was read; without a run, that it and those before it had no logs."""
    cursor.execute(
        """INSERT INTO ingest_blocks (name, request, block_number, block_hash, run_id) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (name) DO UPDATE SET request = excluded.request, block_number = excluded.block_number,
        block_hash = excluded.block_hash, run_id = coalesce(excluded.run_id, ingest_blocks.run_id),
        polled_at = excluded.polled_at""",
        [name, request, *now, run_id],
    )
