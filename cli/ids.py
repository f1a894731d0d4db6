"""`catalog id`, `catalog ids`, `catalog collisions`: ids, what is behind them, and what could not have one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from catalog.errors import CatalogError
from cli import exits, inputs, output
from cli.session import open_catalog, session

app = typer.Typer(help="Compute and explain ids.", no_args_is_help=True)
width_app = typer.Typer(help="The width of ids.", no_args_is_help=True)
collisions_app = typer.Typer(help="Identities that were refused because their id was taken.", no_args_is_help=True)


@app.command()
def compute(file: Annotated[str, typer.Argument(help="A JSON file, or `-` for standard input.")]) -> None:
    """Print the id of a record's identity. Needs `record` and the fields that identify it, and no database."""
    from catalog.domain.claims import describe

    session.judges = True
    items, is_single = inputs.read_items(file)
    found: list[dict[str, Any]] = []
    code = exits.DONE
    for item in items:
        try:
            if item.problem is not None:
                raise item.problem
            found.append(describe(item.value))
        except CatalogError as error:
            if is_single:
                raise
            code = exits.NO
            found.append({"place": item.place, "code": error.code, "reason": str(error)})
            output.error(f"{item.place}: {error}", error.hint)
    if session.json:
        output.value(found[0] if is_single else found)
    else:
        for line in found:
            if "id" in line:
                output.text(str(line["id"]))
    if code:
        raise typer.Exit(code)


@app.command()
def explain(id: Annotated[str, typer.Argument(metavar="ID", help="32 hex digits; an event type's number.")]) -> None:
    """Show the canonical identities behind an id of this catalog."""
    with open_catalog() as catalog:
        output.rows(catalog.explain(id))


@width_app.command()
def status() -> None:
    """Show the width of ids, how many there are, and collisions so far."""
    with open_catalog() as catalog:
        output.fields(catalog.id_status())


@width_app.command()
def widen() -> None:
    """Let ids differ in all their 128 bits. No table is rewritten; what a collision refused can then be registered."""
    with open_catalog() as catalog:
        output.fields(catalog.widen_ids())


@width_app.command()
def narrow() -> None:
    """Go back to 64 bits, unless two ids share theirs by now."""
    session.judges = True
    with open_catalog() as catalog:
        output.fields(catalog.narrow_ids())


@collisions_app.command("list")
def list_collisions() -> None:
    """List the collision audit, oldest first."""
    with open_catalog() as catalog:
        output.rows(catalog.collisions())
