"""`catalog import` and `catalog imports`: payloads into the catalog, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import typer

from catalog.errors import DatabaseUnavailable, PayloadError, SchemaMismatch
from cli import exits, inputs, output
from cli.session import open_catalog

app = typer.Typer(help="Look at past import runs.", no_args_is_help=True)

_RUN_COLUMNS = ("run_id", "source", "feed", "file_name", "state", "started_at", "failure")


def _sources(incomplete: str) -> list[str]:
    from catalog.importers.registry import IMPORTERS

    return [name for name in ("auto", *IMPORTERS) if name.startswith(incomplete)]


def import_(
    source: Annotated[
        str, typer.Argument(help="The importer's name, or `auto`.", autocompletion=_sources, show_default=False)
    ],
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Payloads, also .gz, .xz, .zst; `-` for standard input.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; report what would change.")] = False,
    observed_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When the payload was true, if it does not say so itself.")
    ] = None,
    feed: Annotated[str | None, typer.Option(help="Whose voice it is, if not the payload's own name.")] = None,
    tolerate: Annotated[
        Literal["rejects"] | None, typer.Option(help="`rejects`: rejected rows are expected; exit 0.")
    ] = None,
) -> None:
    """Import payloads. Good records are registered whatever else is wrong; the report accounts for every one.

    Exit code 1 when something was rejected, disputed or refused, 2 when a payload could not be read to its end.
    """
    spoken_at = inputs.moment(observed_at)
    reports: list[Mapping[str, Any]] = []
    code = exits.DONE
    with open_catalog() as catalog:
        for path in files:
            try:
                with output.progress(path) as progress:
                    report = catalog.import_file(
                        source, path, dry_run=dry_run, observed_at=spoken_at, feed=feed, progress=progress
                    )
            except PayloadError as problem:
                if isinstance(problem, DatabaseUnavailable | SchemaMismatch) or len(files) == 1:
                    raise
                output.catalog_error(problem)
                reports.append({"source": source, "file_name": path, "failure": str(problem)})
                code = exits.COULD_NOT_RUN
                continue
            reports.append(report.to_json())
            if report.failure is not None:
                output.error(f"`{path}`: {report.failure}", _what_was_kept(dry_run, report.run_id))
            code = max(code, judge(report, tolerate is not None))
    output.import_reports(reports)
    if code:
        raise typer.Exit(code)


def judge(report: Any, tolerates_rejects: bool) -> int:
    """The exit code that a report means, with what to do next on standard error."""
    if report.failure is not None:
        return exits.COULD_NOT_RUN
    if report.is_clean:
        return exits.DONE
    totals = report.totals
    held_back = report.disputes or totals["conflicts"] or totals["collisions"]
    if not held_back and tolerates_rejects:
        return exits.DONE
    if report.run_id is not None:
        if totals["rejected"]:
            output.note(f"hint: `catalog imports rejects {report.run_id}` shows each reject with its reason")
        if held_back:
            output.note("hint: `catalog disputes list` shows what is held back")
    return exits.NO


def _what_was_kept(dry_run: bool, run_id: int | None) -> str:
    return (
        "nothing was changed" if dry_run else f"what came before it was imported; see `catalog imports show {run_id}`"
    )


@app.command("list")
def list_(
    after: Annotated[int, typer.Option(metavar="RUN", help="Begin behind this run.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = 100,
) -> None:
    """List import runs, oldest first."""
    with open_catalog() as catalog:
        found = catalog.imports(after=after, limit=limit)
    output.rows(found, _RUN_COLUMNS)


@app.command()
def show(run: Annotated[int, typer.Argument(help="The run's number.")]) -> None:
    """Show one run with its report."""
    with open_catalog() as catalog:
        output.import_run(catalog.import_run(run))


@app.command()
def rejects(run: Annotated[int, typer.Argument(help="The run's number.")]) -> None:
    """List what a run rejected: the place in the payload, a reason code and a sentence."""
    with open_catalog() as catalog:
        output.rows(catalog.import_rejects(run), ("place", "record", "code", "reason"))
