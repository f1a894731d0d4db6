"""`catalog lookalikes`: instruments that pass for others."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import output
from cli.session import open_catalog, session

app = typer.Typer(help="Instruments whose symbol or name looks like that of a verified one.", no_args_is_help=True)

_COLUMNS = ("id", "record", "place", "field", "spelling", "resembles", "resembles_id", "since", "status")


@app.command("list")
def list_(limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100_000)] = 100) -> None:
    """List them, those that came last first, spelt in ASCII. `catalog instrument verify ID` takes one off the list."""
    from catalog.domain.lookalikes import in_ascii

    with open_catalog() as catalog:
        found = catalog.flags(limit)
    if not session.json:
        found = [line | {name: in_ascii(line[name]) for name in ("spelling", "resembles")} for line in found]
    output.rows(found, _COLUMNS)
    if len(found) == limit:
        output.note(f"hint: there may be more; --limit {limit * 10} shows them")


@app.command()
def refresh() -> None:
    """Work out anew what every symbol and name looks like: after an update of the package that knows Unicode."""
    from catalog.domain.lookalikes import data_version

    with open_catalog() as catalog:
        changed = catalog.refresh_skeletons()
    output.fields({"unicode": data_version(), "changed": changed})
