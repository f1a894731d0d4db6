"""`catalog id` and `catalog ids`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.context import catalog, read_objects
from cli.output import fields, out

one = typer.Typer(no_args_is_help=True)
width = typer.Typer(no_args_is_help=True)


@one.command()
def compute(
    file: Annotated[str, typer.Argument(help="JSON with `record` and the identity's fields; - for stdin.")],
) -> None:
    """Compute the id of an identity. Needs no database."""
    from catalog.domain.claims import identity_of
    from catalog.domain.identity import compute_id, event_type_number
    from catalog.errors import InvalidRecord

    found: list[dict[str, Any]] = []
    for value in read_objects(file):
        if not isinstance(value, dict):
            raise InvalidRecord("record", type(value).__name__, "a JSON object is expected")
        kind, identity = identity_of(value)
        id = compute_id(kind, identity)
        number = kind == "event-type"
        found.append(
            {"id": event_type_number(id) if number else str(id), **({} if number else {"id64": id.id64})}
            | {"record": value["record"], "kind": kind, "identity": list(identity)}
        )
    out.data(found[0] if len(found) == 1 else found, lambda _: [line for f in found for line in fields(f)])


@one.command()
def explain(id: Annotated[str, typer.Argument(help="32 digits.")]) -> None:
    """Print the canonical identity behind an id."""
    with catalog() as opened:
        found = opened.explain(id)
    out.data(found, lambda rows: [line for row in rows for line in fields(row)])


@width.command()
def status() -> None:
    """Print the width of ids, how many there are, and collisions so far."""
    with catalog() as opened:
        out.data(opened.id_status(), fields)
