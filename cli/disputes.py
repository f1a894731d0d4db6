"""`catalog disputes`: the quarantine desk."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cli import output
from cli.session import open_catalog

app = typer.Typer(help="Look at what is held back until somebody decides.", no_args_is_help=True)


@app.command("list")
def list_(
    state: Annotated[Literal["open", "accepted", "rejected", "all"], typer.Option(help="Which disputes.")] = "open",
    after: Annotated[int, typer.Option(metavar="N", help="Begin behind this dispute.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = 100,
) -> None:
    """List disputes in the order they were opened."""
    with open_catalog() as catalog:
        found = catalog.disputes(state=None if state == "all" else state, after=after, limit=limit)
    output.rows(found, ("number", "rule", "kind", "subject_id", "field", "state", "opened_at"))
    if len(found) == limit:
        output.note(f"hint: --after {found[-1]['number']} shows the next ones")


@app.command()
def show(number: Annotated[int, typer.Argument(metavar="N", help="The dispute's number.")]) -> None:
    """Show a dispute with what each side says."""
    with open_catalog() as catalog:
        output.fields(catalog.dispute(number))
