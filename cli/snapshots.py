"""`catalog snapshot`: files that need no database to read."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from catalog.errors import NotFound
from cli import exits, output
from cli.session import open_catalog, session

app = typer.Typer(help="Write snapshot files, prove them, and look into them.", no_args_is_help=True)

PathArgument = Annotated[str, typer.Argument(metavar="PATH", help="The snapshot file.")]


@app.command()
def export(
    path: PathArgument,
    ids: Annotated[
        Literal["64", "128"] | None, typer.Option(help="Width of references; the catalog's by default.")
    ] = None,
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
    from catalog.snapshot.verify import verify as prove

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
    key: Annotated[
        str | None, typer.Argument(help="An id, ISIN, CUSIP, FIGI, symbol, address, or EXCHANGE:SYMBOL.")
    ] = None,
) -> None:
    """Show what a snapshot says of itself, or all records in it that answer to a key."""
    from catalog.snapshot import Snapshot
    from catalog.snapshot import show as shown

    if key is None:
        output.fields(shown.show(path))
        return
    with Snapshot.open(path) as snapshot:
        found = shown.find(snapshot, key)
    output.records(found)
    if not found:
        raise NotFound("record", key, "`catalog snapshot cat` prints all that is in the file")


@app.command()
def cat(path: PathArgument) -> None:
    """Print every message of a snapshot in order, as JSON lines."""
    from catalog.snapshot.show import cat as messages

    for message in messages(path):
        output.json_line(message)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="The earlier snapshot file.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="The later one; its ids may have another width.")],
    limit: Annotated[int, typer.Option(min=0, help="Most differences to list for people; --json has all.")] = 200,
) -> None:
    """List what two snapshots have differently, breaking differences first. Exit code 1 when something differs.

    Breaking is what makes those wrong who go on as before: another number of decimals or contract multiplier, an id or
    a code that means something else, an alias that leads elsewhere. Facts of the header alone (time, width, revision)
    are told and are no difference; another catalog is one.
    """
    from catalog.snapshot import diff as compared

    report = compared.compare(before, after, limit=compared.LIMIT if session.json else limit)
    if session.json:
        output.object_with_lists(
            report.to_json(),
            {name: (found.to_json() for found in compared.group(report, name)) for name in compared.GROUPS},
        )
    else:
        output.differences(report, limit)
    if not report.is_equal:
        raise typer.Exit(exits.NO)
