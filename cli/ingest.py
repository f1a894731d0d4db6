"""`catalog ingest`: following sources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import exits, output
from cli.session import open_catalog

app = typer.Typer(help="Follow sources: poll them, and import what is new.", no_args_is_help=True)


@app.command()
def run(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="What to follow; see docs/ingesting.md.")],
    once: Annotated[bool, typer.Option("--once", help="Poll every source once, and end.")] = False,
) -> None:
    """Follow sources until SIGTERM or SIGINT. Prints a line for each event.

    With --once, exit code 1 when something was rejected, disputed or refused, 2 when a source could not be read.
    """
    from catalog.services.ingest import configuration, loop

    wanted = configuration.load(config)
    with open_catalog() as catalog:
        outcome = loop.run(catalog, wanted, output.event, once=once)
    if outcome.is_stopped or not once:
        return
    if not outcome.is_readable:
        raise typer.Exit(exits.COULD_NOT_RUN)
    if not outcome.is_clean:
        raise typer.Exit(exits.NO)
