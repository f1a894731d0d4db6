"""`catalog snapshot`: written, verified, looked into."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.context import catalog
from cli.output import fields, out, record_lines

app = typer.Typer(no_args_is_help=True)
PathArgument = Annotated[str, typer.Argument(help="A snapshot file.")]


@app.command()
def export(
    path: Annotated[str, typer.Argument(help="The file to write.")],
    ids: Annotated[int | None, typer.Option(help="Width of references, 64 or 128 [default: the catalog's].")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a full snapshot; the same state gives the same bytes."""
    if ids not in (None, 64, 128):
        raise typer.BadParameter("--ids is 64 or 128")
    with catalog() as opened:
        info = opened.export_snapshot(path, ids, force)
    shown = {"path": str(info.path), "digest": info.digest.hex(), "size": info.size, "counts": info.counts}
    out.data(shown, fields)


@app.command()
def verify(path: PathArgument) -> None:
    """Check every byte of a snapshot; exit 1 and name the first bad one unless all is well."""
    from catalog.snapshot import verify as check

    report = check(_file(path))
    shown = {"path": path, "ok": report.ok, "problems": [p._asdict() for p in report.problems]}
    out.data(shown, lambda r: ["ok"] if r["ok"] else [f"at byte {p['offset']}: {p['message']}" for p in r["problems"]])
    if not report.ok:
        raise typer.Exit(1)


@app.command()
def show(
    path: PathArgument,
    key: Annotated[str | None, typer.Argument(help="An id, ISIN, CUSIP, FIGI, symbol or address.")] = None,
) -> None:
    """Show what a snapshot says of itself, or every record that answers to a key."""
    from catalog.snapshot import Snapshot

    with Snapshot.open(_file(path)) as snapshot:
        if key is None:
            out.data(_heading(snapshot), fields)
            return
        found = _search(snapshot, key)
    out.data([r.to_json() for r in found], lambda _: record_lines(found))
    if not found:
        raise typer.Exit(1)


@app.command()
def cat(path: PathArgument) -> None:
    """Print every message of a snapshot in order, as JSON lines."""
    from catalog.snapshot import cat as messages

    out.stream(messages(_file(path)))


def _file(path: str) -> str:
    from pathlib import Path

    from catalog.errors import PayloadError

    if not Path(path).is_file():
        raise PayloadError(
            f"`{path}` is {'a directory' if Path(path).is_dir() else 'not there'}", hint="name a snapshot file"
        )
    return path


def _heading(snapshot: Any) -> dict[str, Any]:
    return {
        "as_of_sequence": snapshot.as_of_sequence,
        "as_of_ns": snapshot.as_of_ns,
        "digest": snapshot.digest if isinstance(snapshot.digest, str) else snapshot.digest.hex(),
        "size": snapshot.size,
        "counts": snapshot.counts,
    }


def _search(snapshot: Any, key: str) -> list[Any]:
    from catalog.errors import CatalogError

    found: list[Any] = []
    if len(key) in (16, 32):
        for kind in ("instrument", "security", "venue", "pair"):
            try:
                found.append(snapshot.get(key, kind=kind))
            except CatalogError:
                continue
    for look in (snapshot.by_isin, snapshot.by_cusip, snapshot.by_figi, snapshot.by_symbol, snapshot.by_address):
        try:
            found += look(key)
        except CatalogError:
            continue
    exchange, colon, symbol = key.partition(":")
    if colon:
        found += snapshot.by_exchange_symbol(exchange, symbol)
    return list({(r.record, getattr(r, "key", None) or r.id): r for r in found}.values())
