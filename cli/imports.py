"""`catalog import` and `catalog imports`: payloads into the catalog, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from catalog.errors import DatabaseUnavailable, PayloadError, SchemaMismatch
from cli import exits, inputs, output
from cli.session import open_catalog

if TYPE_CHECKING:
    from catalog.services.report import ImportReport

app = typer.Typer(help="Look at past import runs, and do them again.", no_args_is_help=True)

_RUN_COLUMNS = ("run_id", "source", "feed", "file_name", "state", "rows_seen", "started_at", "failure")
_RUN = typer.Argument(help="The run's number.")
_DRY_RUN = typer.Option("--dry-run", help="Change nothing; report what would change.")
_ACCEPT_SHRINK = typer.Option(
    "--accept-shrink", help="Believe a listing that has under 80 % of the rows of the last one of its feed."
)
_SUSPEND_MISSING = typer.Option(
    "--suspend-missing", help="Suspend what the last listing had and this one has not, until it is listed again."
)
_TOLERATE = typer.Option(help="`rejects`: rejected rows are expected; exit 0.")
Tolerated = Literal["rejects"]


def _sources(incomplete: str) -> list[str]:
    from catalog.importers.registry import IMPORTERS

    return [name for name in ("auto", *IMPORTERS) if name.startswith(incomplete)]


def import_(
    source: Annotated[
        str,
        typer.Argument(
            help="The importer's name, or `auto`; behind a colon what the payload does not say: ccxt:kraken.",
            autocompletion=_sources,
            show_default=False,
        ),
    ],
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Payloads, also .gz, .xz, .zst; `-` for standard input.")
    ],
    dry_run: Annotated[bool, _DRY_RUN] = False,
    observed_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When the payload was true, if it does not say so itself.")
    ] = None,
    feed: Annotated[str | None, typer.Option(help="Whose voice it is, if not the payload's own name.")] = None,
    accept_shrink: Annotated[bool, _ACCEPT_SHRINK] = False,
    suspend_missing: Annotated[bool, _SUSPEND_MISSING] = False,
    tolerate: Annotated[Tolerated | None, _TOLERATE] = None,
) -> None:
    """Import payloads. Good records are registered whatever else is wrong; the report accounts for every one.

    Exit code 1 when something was rejected, disputed, refused or stopped, 2 when a payload could not be read to its end.
    """
    spoken_at = inputs.moment(observed_at)
    reports: list[Mapping[str, Any]] = []
    code = exits.DONE
    with open_catalog() as catalog:
        for path in files:
            try:
                with output.progress(path) as progress:
                    report = catalog.import_file(
                        source, path, dry_run=dry_run, observed_at=spoken_at, feed=feed, accept_shrink=accept_shrink,
                        suspend_missing=suspend_missing, progress=progress,
                    )  # fmt: skip
            except PayloadError as problem:
                if isinstance(problem, DatabaseUnavailable | SchemaMismatch) or len(files) == 1:
                    raise
                output.catalog_error(problem)
                reports.append({"source": source, "file_name": path, "failure": str(problem)})
                code = exits.COULD_NOT_RUN
                continue
            reports.append(report.to_json())
            code = max(code, judge(path, report, tolerate is not None))
    output.import_reports(reports)
    if code:
        raise typer.Exit(code)


def judge(name: str, report: ImportReport, tolerates_rejects: bool) -> int:
    """The exit code that a report means; says what is wrong and what to do next. `name` is what was imported."""
    if report.failure is not None:
        kept = report.stopped or _what_was_kept(report.dry_run, report.run_id)
        output.error(f"`{name}`: {report.failure}", kept)
        return exits.COULD_NOT_RUN
    if report.stopped is not None:
        hint = "look whether the payload is whole; --accept-shrink believes it"
        output.error(f"`{name}`: {report.stopped}", hint)
        return exits.NO
    if report.not_suspended is not None:
        output.note(f"nothing was suspended: {report.not_suspended}")
    if report.missing:
        output.note(
            f"hint: {report.missing} records of the listing before are not in this one"
            + (f"; `catalog imports missing {report.run_id}` shows them" if report.run_id is not None else "")
        )
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
def show(run: Annotated[int, _RUN]) -> None:
    """Show one run with its report."""
    with open_catalog() as catalog:
        output.import_run(catalog.import_run(run))


@app.command()
def rejects(run: Annotated[int, _RUN]) -> None:
    """List what a run rejected: the place in the payload, a reason code and a sentence."""
    with open_catalog() as catalog:
        output.rows(catalog.import_rejects(run), ("place", "record", "code", "reason"))


def _report_again(run: int, report: ImportReport, tolerates_rejects: bool) -> None:
    output.import_reports([report.to_json()])
    if code := judge(f"run {run}", report, tolerates_rejects):
        raise typer.Exit(code)


@app.command()
def replay(
    run: Annotated[int, _RUN],
    dry_run: Annotated[bool, _DRY_RUN] = False,
    accept_shrink: Annotated[bool, _ACCEPT_SHRINK] = False,
    suspend_missing: Annotated[bool, _SUSPEND_MISSING] = False,
    tolerate: Annotated[Tolerated | None, _TOLERATE] = None,
) -> None:
    """Import a run's stored payload again, for the same feed and time, with the importer of today."""
    with open_catalog() as catalog, output.progress(f"run {run}") as progress:
        report = catalog.replay(
            run, dry_run=dry_run, accept_shrink=accept_shrink, suspend_missing=suspend_missing, progress=progress
        )
    _report_again(run, report, tolerate is not None)


@app.command()
def retry(
    run: Annotated[int, _RUN],
    dry_run: Annotated[bool, _DRY_RUN] = False,
    tolerate: Annotated[Tolerated | None, _TOLERATE] = None,
) -> None:
    """Import those rows of a run's stored payload again that it rejected."""
    with open_catalog() as catalog, output.progress(f"run {run}") as progress:
        report = catalog.retry(run, dry_run=dry_run, progress=progress)
    _report_again(run, report, tolerate is not None)


@app.command()
def waiting(
    run: Annotated[int | None, typer.Option(help="Only what this run brought.", show_default=False)] = None,
    after: Annotated[int, typer.Option(metavar="N", help="Begin behind this number.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=10_000)] = 100,
) -> None:
    """List records that wait for what they name: a token, an asset, an underlying, or their own decimals."""
    with open_catalog() as catalog:
        found = catalog.waiting(run, after=after, limit=limit)
    output.rows(found, ("number", "record", "id", "needs", "needs_id", "field", "feed", "place", "run_id"))


@app.command()
def release() -> None:
    """Register what waits for something that is there by now; every import does so at its end."""
    with open_catalog() as catalog:
        output.fields({"released": catalog.release_waiting()})


@app.command()
def missing(run: Annotated[int, _RUN]) -> None:
    """List what the listing before a run's had and the run's had not."""
    with open_catalog() as catalog:
        output.rows(catalog.missing(run))


@app.command()
def sources() -> None:
    """Count what each feed brought: runs, rows, records, what waits, rejects by code."""
    with open_catalog() as catalog:
        output.rows(catalog.feed_statistics())


@app.command()
def prune(
    days: Annotated[int, typer.Option(help="Keep the payloads of runs that began in so many days.", min=0)] = 90,
    keep: Annotated[int, typer.Option(help="Keep the last payloads of each feed, however old.", min=0)] = 1,
) -> None:
    """Give up the bytes of old payloads. What they said stays; they can't be replayed any more."""
    with open_catalog() as catalog:
        output.fields(catalog.prune_payloads(datetime.now(UTC) - timedelta(days=days), keep))
