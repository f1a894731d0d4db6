"""`catalog disputes`: the quarantine desk."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cli import output
from cli.session import open_catalog, session

app = typer.Typer(help="Look at what is held back, and decide.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="N", help="The dispute's number.", min=1)]


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
def show(number: Number) -> None:
    """Show a dispute: what each side says and in which payload, the rule that noticed, what accepting would do."""
    with open_catalog() as catalog:
        output.dispute(catalog.dispute(number))


@app.command()
def accept(
    number: Number,
    side: Annotated[
        int | None, typer.Option(metavar="K", help="Which side; not needed where there is one.", min=1)
    ] = None,
    value: Annotated[
        str | None, typer.Option(help="A value of your own for a disputed field, instead of a side's.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; kept with the decision.")] = None,
) -> None:
    """Decide a dispute for one of its sides, and apply that."""
    if side is not None and value is not None:
        raise typer.BadParameter("either --side or --value, not both")
    session.judges = True
    with open_catalog() as catalog:
        output.dispute(catalog.accept_dispute(number, side, value, reason))


@app.command()
def reject(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why; kept with the decision.")],
) -> None:
    """Decide a dispute for none of its sides. What is held back stays so, and the same words do not ask again."""
    session.judges = True
    with open_catalog() as catalog:
        output.dispute(catalog.reject_dispute(number, reason))
