"""`catalog snapshot`: files that need no database to read."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from catalog.errors import InvalidIdentifier, NotFound
from cli import exits, output
from cli.session import open_catalog, session

if TYPE_CHECKING:
    from catalog.domain.base import Record
    from catalog.snapshot import Snapshot

app = typer.Typer(help="Write snapshot files, prove them, and look into them.", no_args_is_help=True)

PathArgument = Annotated[str, typer.Argument(metavar="PATH", help="The snapshot file.")]


@app.command()
def export(
    path: PathArgument,
    ids: Annotated[Literal["64", "128"] | None, typer.Option(help="Width of references; the catalog's by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a full snapshot. The same state of the catalog gives the same bytes."""
    with open_catalog() as catalog:
        info = catalog.export_snapshot(path, ids=int(ids) if ids else None, force=force)
    shown = {"path": str(info.path), "digest": info.digest.hex(), "size": info.size, "counts": info.counts}
    output.fields(shown)


@app.command()
def verify(path: PathArgument) -> None:
    """Read every byte of a snapshot and list all that is wrong with it. Exit code 1 when something is."""
    from catalog.snapshot import verify as prove

    report = prove(path)
    problems = [{"offset": p.offset, "message": p.message} for p in report.problems]
    shown = {
        "path": str(report.path), "ok": report.ok, "size": report.size, "digest": report.digest.hex() or None,
        "messages": report.num_messages, "counts": report.counts,
    }  # fmt: skip
    output.fields(shown | {"problems": problems} if session.json else shown)
    if not report.ok:
        for problem in problems:
            output.error(f"the snapshot is corrupt: {problem['message']}")
        raise typer.Exit(exits.NO)


@app.command()
def show(
    path: PathArgument,
    key: Annotated[str | None, typer.Argument(help="An id, ISIN, CUSIP, FIGI, symbol, address, or EXCHANGE:SYMBOL.")] = None,
) -> None:
    """Show what a snapshot says of itself, or all records in it that answer to a key."""
    from catalog.snapshot import Snapshot

    with Snapshot.open(path) as snapshot:
        if key is None:
            output.fields(_about(snapshot))
            return
        found = matches(snapshot, key)
        output.records(found)
        if not found:
            raise NotFound("record", key, "`catalog snapshot cat` prints all that is in the file")


@app.command()
def cat(path: PathArgument) -> None:
    """Print every message of a snapshot in order, as JSON lines."""
    from catalog import snapshot

    for message in snapshot.cat(path):
        output.json_line(message)


def _about(snapshot: Snapshot) -> dict[str, Any]:
    header = snapshot.header
    as_of = datetime.fromtimestamp(snapshot.as_of_ns // 10**9, UTC).replace(microsecond=snapshot.as_of_ns // 1000 % 10**6)
    return {
        "path": str(snapshot.path),
        "digest": snapshot.digest.hex(),
        "size": snapshot.size,
        "id_bits": header.id_bits,
        "as_of_sequence": snapshot.as_of_sequence,
        "as_of": as_of.isoformat().replace("+00:00", "Z"),
        "instruments": len(snapshot),
        "counts": snapshot.counts,
    }


def matches(snapshot: Snapshot, key: str) -> list[Record]:
    """All records of a snapshot that answer to a key, whatever the key is, each once."""
    from catalog.domain.identity import KINDS, compute_id

    found: list[Record] = []
    hex_id = key.lower().removeprefix("0x")
    if len(hex_id) == 32 and not set(hex_id) - set("0123456789abcdef"):
        for kind in KINDS:
            with suppress(NotFound):
                found.append(snapshot.get(hex_id, kind))
    for look_up in (snapshot.by_isin, snapshot.by_cusip, snapshot.by_figi, snapshot.by_symbol):
        found += look_up(key)
    with suppress(InvalidIdentifier):
        found += snapshot.by_address(key)
    exchange, colon, symbol = key.partition(":")
    if colon:
        found += snapshot.by_exchange_symbol(exchange, symbol)
    for scheme in ("mic", "slug"):
        with suppress(NotFound):
            found.append(snapshot.get(compute_id("venue", (scheme, key)), "venue"))
    return list({r.canonical_json(): r for r in found}.values())


