"""`catalog snapshot`: files that need no database to read."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from catalog.errors import NotFound
from cli import exits, output
from cli.session import open_catalog, session

if TYPE_CHECKING:
    from catalog.snapshot.writer import SnapshotInfo

app = typer.Typer(help="Write snapshot files, prove them, and look into them.", no_args_is_help=True)

IdsOption = Annotated[Literal["64", "128"] | None, typer.Option(help="Width of references; the catalog's by default.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]
PathArgument = Annotated[str, typer.Argument(metavar="PATH", help="The snapshot file.")]


@app.command()
def export(
    path: PathArgument,
    ids: IdsOption = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="SEQ", help="Write a delta: what changed after this sequence, or after this snapshot."),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Write a full snapshot, or a delta. The same state of the catalog gives the same bytes."""
    with open_catalog() as catalog:
        start = int(since) if since is not None and re.fullmatch(r"-?[0-9]{1,19}", since) else since
        info = catalog.export_snapshot(path, ids=int(ids) if ids else None, force=force, since=start)
    output.fields(_written(info))


@app.command(name="apply")
def apply_(
    base: Annotated[str, typer.Argument(metavar="SNAPSHOT", help="A full snapshot.")],
    deltas: Annotated[list[str], typer.Argument(metavar="DELTA…", help="The deltas that follow it, in their order.")],
    target: Annotated[str, typer.Option("--to", metavar="PATH", help="The full snapshot to write.")],
    force: ForceOption = False,
) -> None:
    """Make a snapshot and its deltas into the full snapshot of the later state. Needs no database."""
    from catalog.snapshot.apply import apply

    output.fields(_written(apply(base, deltas, target, force=force)))


@app.command()
def nightly(
    directory: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where to publish; made if need be.")],
    keep: Annotated[int, typer.Option(min=1, help="How many snapshots stay in the directory.")] = 14,
    ids: IdsOption = None,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write Parquet files beside it.")] = False,
    sign: Annotated[
        Path | None, typer.Option("--sign", metavar="KEY", help="Sign it with this Ed25519 private key (PEM).")
    ] = None,
    max_shrink: Annotated[
        float, typer.Option(metavar="PERCENT", min=0, max=100, help="Hold it when more of a record type is gone.")
    ] = 10.0,
    confirm: Annotated[bool, typer.Option("--confirm", help="Publish what would be held.")] = False,
) -> None:
    """Publish the catalog: export, prove, compare with the last one, switch `latest`, prune. Exit code 1 when held."""
    from catalog.services.nightly import Plan

    plan = Plan(directory, keep, int(ids) if ids else None, parquet, sign, max_shrink, confirm)
    with open_catalog() as catalog:
        report = catalog.nightly(plan).to_json()
    output.fields(report if session.json else {n: v for n, v in report.items() if v and n != "manifest"})
    if report["state"] == "held":
        reasons = "; ".join(report["reasons"])
        output.error(f"not published: {reasons}", "look at it, then repeat with --confirm")
        raise typer.Exit(exits.NO)


@app.command()
def runs(
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 20,
) -> None:
    """List the nightly runs, newest first: what each published, or why it did not."""
    with open_catalog() as catalog:
        found = catalog.nightly_runs(limit)
    columns = ("number", "state", "started_at", "finished_at", "as_of_sequence", "file_name", "reason")
    output.rows(found, None if session.json else columns)


@app.command()
def sign(
    path: PathArgument,
    key: Annotated[Path, typer.Option("--key", metavar="KEY", help="An Ed25519 private key (PEM).")],
) -> None:
    """Put a signature beside a snapshot, once every byte of it is proved by its digest."""
    from catalog.snapshot.signature import write_signature

    output.fields({"signature": str(write_signature(path, key))})


@app.command()
def verify(
    path: PathArgument,
    public_key: Annotated[
        Path | None, typer.Option(metavar="KEY", help="The file must be signed by this key's owner (PEM).")
    ] = None,
) -> None:
    """Read every byte of a snapshot and list all that is wrong with it. Exit code 1 when something is."""
    from catalog.snapshot.signature import check
    from catalog.snapshot.verify import verify as prove

    # a link is followed once, so that the signature is looked for beside the file that was read
    report = prove(path if public_key is None else os.path.realpath(path))
    if public_key is not None and report.ok:
        check(report.path, report.digest, public_key)
        output.note(f"signed by the owner of {public_key}")
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


def _written(info: SnapshotInfo) -> dict[str, Any]:
    return {"path": str(info.path), "digest": info.digest.hex(), "size": info.size, "counts": info.counts}
