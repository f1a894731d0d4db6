"""Disputes, collisions, the change log, counts and schemas."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cli.context import catalog
from cli.output import fields, out, table

disputes = typer.Typer(no_args_is_help=True)
collisions = typer.Typer(no_args_is_help=True)
POLL_SECONDS = 0.5


@disputes.command("list")
def list_disputes(
    state: Annotated[str, typer.Option(help="open, accepted, rejected or all.")] = "open",
    after: Annotated[int, typer.Option(help="Disputes after this number.")] = 0,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 100,
) -> None:
    """List what awaits a decision."""
    with catalog() as opened:
        found = opened.disputes(None if state == "all" else state, after, limit)
    out.data(found, lambda rows: table(rows, ("number", "rule", "kind", "subject_id", "field", "state", "opened_at")))


@disputes.command("show")
def show_dispute(number: Annotated[int, typer.Argument(help="Number of the dispute.")]) -> None:
    """Show one dispute with all its sides."""
    with catalog() as opened:
        found = opened.dispute(number)
    out.data(
        found, lambda d: [*fields({k: v for k, v in d.items() if k != "sides"}), *(f"side  {s}" for s in d["sides"])]
    )


@collisions.command("list")
def list_collisions() -> None:
    """List identities that were refused because their id belongs to another one."""
    with catalog() as opened:
        found = opened.collisions()
    out.data(found, lambda rows: table(rows, ("number", "kind", "id", "existing", "refused", "id_bits", "attempts")))


def changes(
    after: Annotated[int, typer.Option(help="Changes after this sequence.")] = 0,
    limit: Annotated[int, typer.Option(help="At most so many.")] = 1000,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with new changes until interrupted.")] = False,
) -> None:
    """Print the change log, oldest first."""
    with catalog() as opened:
        found = opened.changes(after, limit)
        if not follow:
            columns = ("sequence", "changed_at", "action", "record", "record_id", "actor", "reason")
            out.data(found, lambda rows: table(rows, columns))
            return
        while True:
            out.stream(found)
            if found:
                after = found[-1]["sequence"]
            else:
                time.sleep(POLL_SECONDS)
            found = opened.changes(after, limit)


def stats() -> None:
    """Count records, aliases, disputes and changes."""
    with catalog() as opened:
        found = opened.stats()
    out.data(found, lambda s: [*fields(s["by_record"]), *fields({k: v for k, v in s.items() if k != "by_record"})])


def schema(record: Annotated[str | None, typer.Argument(help="A record type [default: all].")] = None) -> None:
    """Print the JSON Schema of a record type, or of all."""
    from catalog.domain.records import RECORDS
    from catalog.errors import NotFound

    if record is not None and record not in RECORDS:
        raise NotFound("record type", record, f"one of {', '.join(RECORDS)}")
    found = {name: model.model_json_schema() for name, model in RECORDS.items()}
    out.data(found[record] if record else found)
