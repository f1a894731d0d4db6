"""`catalog lifecycle`: what is due by the calendar."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import exits, inputs, output
from cli.session import open_catalog, session

app = typer.Typer(help="Delistings, expiries and successions: what is coming, and what is due.", no_args_is_help=True)

_COLUMNS = ("at", "what", "record", "kind", "id", "successor", "ratio")
_APPLIED = (*_COLUMNS, "error")


@app.command()
def upcoming(
    days: Annotated[int, typer.Option(help="How many days ahead.", min=0, max=36_500)] = 7,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Count from then; now by default.")] = None,
) -> None:
    """List what will change in the next days; what is overdue comes first."""
    moment = inputs.moment(at)
    with open_catalog() as catalog:
        output.rows(catalog.upcoming(days, moment), _COLUMNS)


@app.command()
def apply(
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Up to then; now by default, never later than now.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the change log.")] = None,
) -> None:
    """Apply what is due: retire what is delisted or expired, let successions take effect. Doing it twice is harmless."""
    session.judges = True
    moment = inputs.moment(until)
    with open_catalog() as catalog:
        found = catalog.apply_due(moment, reason)
    output.rows(found, _APPLIED if any("error" in due for due in found) else _COLUMNS)
    if any("error" in due for due in found):
        output.error("not everything could be applied", "mend what its error names; it stays due")
        raise typer.Exit(exits.NO)
