"""`catalog doctor`: everything that must hold in a catalog, looked at."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import exits, output
from cli.session import server_url

_ONLY = typer.Option(metavar="CHECK", help="Only this check; again, or with commas, for several.", show_default=False)
_FULL = typer.Option("--full", help="Look at all rows, and not only at a sample of 100,000 of each kind.")


def doctor(
    only: Annotated[list[str] | None, _ONLY] = None,
    full: Annotated[bool, _FULL] = False,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="How long one statement may take.", min=0.001, max=2_000_000)
    ] = 60,
    nightly_hours: Annotated[
        float, typer.Option(metavar="HOURS", help="From when on a nightly snapshot is too old.", min=0)
    ] = 36,
) -> None:
    """Look whether everything holds: server, schema, ids, records, change log, payloads, runs, locks. Changes nothing.

    Each finding comes with the command that mends it. Exit code 1 when there is one that is more than advice.
    """
    from catalog.database.engine import make_engine
    from catalog.services.doctor import Limits, Scope, examine

    scope = Scope(is_full=full, timeout_seconds=timeout, limits=Limits(nightly_hours=nightly_hours))
    names = None if only is None else [name for words in only for name in words.split(",")]
    with server_url() as url, output.progress("doctor") as progress:
        engine = make_engine(url)
        try:
            report = examine(engine, scope, names, progress and (lambda name: progress(name, 0)))
        finally:
            engine.dispose()
    output.health(report)
    if not report.is_content:
        raise typer.Exit(exits.NO)
