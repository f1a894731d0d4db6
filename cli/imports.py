"""`catalog import` and `catalog imports`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.context import catalog, moment
from cli.output import fields, out, table

runs = typer.Typer(no_args_is_help=True)


def import_(
    source: Annotated[str, typer.Argument(help="auto, jsonl, token-list, binance or finance-database.")],
    files: Annotated[list[str], typer.Argument(help="Payloads; - for standard input; .gz, .xz and .zst are opened.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the difference it would make.")] = False,
    observed_at: Annotated[str | None, typer.Option(help="Time it speaks for, if it does not say.")] = None,
    feed: Annotated[str | None, typer.Option(help="Name of the feed [default: the payload's own].")] = None,
    tolerate: Annotated[str | None, typer.Option(help="`rejects`: expected rejects are no failure.")] = None,
) -> None:
    """Import payloads. Exit 1 when anything was rejected, held back or refused."""
    if tolerate not in (None, "rejects"):
        raise typer.BadParameter("only `rejects` can be tolerated")
    at = moment(observed_at)
    reports = []
    with catalog() as opened:
        for file in files:
            reports.append(
                opened.import_file(source, file, dry_run=dry_run, observed_at=at, feed=feed, progress=out.progress())
            )
            out.clear_progress()
    shown = [r.to_json() for r in reports]
    out.data(shown if len(shown) > 1 else shown[0], lambda _: [line for r in shown for line in _report(r)])
    for report in reports:
        if report.failure:
            out.error(report.failure, "what came before it was registered; mend the file and import it again")
    if any(r.failure for r in reports):
        raise typer.Exit(2)
    if any(not r.is_clean and not (tolerate and _only_rejects(r.to_json())) for r in reports):
        raise typer.Exit(1)


def _only_rejects(report: dict[str, Any]) -> bool:
    return not (report["conflicts"] or report["collisions"] or report["disputes"])


def _report(report: dict[str, Any]) -> list[str]:
    words = ("seen", "registered", "updated", "unchanged", "rejected", "conflicts", "collisions")
    rows = [{"record": name, **counts} for name, counts in report["by_record"].items()]
    rows.append({"record": "all", **{w: report[w] for w in words}})
    lines = table(rows, ("record", *words))
    lines += [f"{d['action']} {d['record']}: {d['before']} → {d['after']}" for d in report.get("differences") or ()]
    what = "dry run, nothing written" if report["dry_run"] else f"run {report['run_id']}"
    lines.append(f"{report['source']}: {what}, {report['disputes']} disputes, {report['seconds']} s")
    if report["rejected"] and not report["dry_run"]:
        lines.append(f"see `catalog imports rejects {report['run_id']}`")
    return lines


@runs.command("list")
def list_(
    after: Annotated[int, typer.Option(help="Runs after this number.")] = 0,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 100,
) -> None:
    """List import runs, oldest first."""
    with catalog() as opened:
        found = opened.imports(after, limit)
    out.data(
        found, lambda rows: table(rows, ("run_id", "source", "feed", "state", "file_name", "observed_at", "actor"))
    )


@runs.command()
def show(run: Annotated[int, typer.Argument(help="Number of the run.")]) -> None:
    """Show one run with its report."""
    with catalog() as opened:
        out.data(opened.import_run(run), fields)


@runs.command()
def rejects(run: Annotated[int, typer.Argument(help="Number of the run.")]) -> None:
    """List the rejected rows of a run, with their places and reasons."""
    with catalog() as opened:
        found = opened.import_rejects(run)
    out.data(found, lambda rows: table(rows, ("number", "place", "record", "code", "reason")))
