"""`catalog find`, and the same commands for every noun: register, show, list, update, life and history."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from cli.context import catalog, moment, read_records
from cli.output import fields, out, record_lines, table

NOUNS = ("instrument", "security", "venue", "listing", "pair")
Reason = Annotated[str | None, typer.Option(help="Why, for the change log.")]
IdArgument = Annotated[str, typer.Argument(help="Id, 32 or 16 digits; of a listing INSTRUMENT@VENUE[:SYMBOL].")]


def find(
    key: Annotated[str, typer.Argument(help="An id, ISIN, CUSIP, FIGI, symbol, address, or EXCHANGE:SYMBOL.")],
    by: Annotated[str | None, typer.Option(help="id, isin, cusip, figi, symbol, address or exchange-symbol.")] = None,
    source: Annotated[str | None, typer.Option(help="One exchange, market or blockchain.")] = None,
    at: Annotated[str | None, typer.Option(help="As the catalog was at this time.")] = None,
) -> None:
    """Print every record that answers to a key; exit 1 when there is none."""
    with catalog() as opened:
        found = opened.find(key, by, source, moment(at))
    out.data([r.to_json() for r in found], lambda _: record_lines(found))
    if not found:
        out.say(f"nothing answers to `{key}`")
        raise typer.Exit(1)


def commands(noun: str) -> typer.Typer:
    """The commands of one noun."""
    app = typer.Typer(no_args_is_help=True)

    @app.command()
    def register(
        file: Annotated[str, typer.Argument(help="JSON: an object, an array, or one per line; - for standard input.")],
        reason: Reason = None,
    ) -> None:
        """Register records as this catalog's operator; print their ids."""
        records = read_records(file)
        with catalog() as opened:
            ids = [opened.nouns[noun].register(record, reason) for record in records]
            shown = [{"record": r.record, "id": str(i)} for r, i in zip(records, ids, strict=True)]
        out.data(shown if len(shown) != 1 else shown[0], lambda _: [s["id"] for s in shown])

    @app.command()
    def show(id: IdArgument) -> None:
        """Show one record."""
        with catalog() as opened:
            out.data(opened.nouns[noun].get(id).to_json(), fields)

    @app.command("list")
    def list_(
        after: Annotated[str | None, typer.Option(help="Records after this id.")] = None,
        limit: Annotated[int, typer.Option(help="At most so many (1,000).")] = 100,
        record: Annotated[str | None, typer.Option(help="One record type.")] = None,
        status: Annotated[str | None, typer.Option(help="active, suspended or retired.")] = None,
    ) -> None:
        """List records in the order of their ids."""
        with catalog() as opened:
            found = opened.nouns[noun].list(after, limit, record, status)
        out.data([r.to_json() for r in found], lambda _: record_lines(found))

    @app.command()
    def update(
        id: IdArgument,
        changes: Annotated[list[str], typer.Argument(help="FIELD=VALUE; a VALUE that is JSON is taken as such.")],
        confirm_breaking: Annotated[
            bool, typer.Option("--confirm-breaking", help="Change what decides what a number means.")
        ] = False,
        reason: Reason = None,
    ) -> None:
        """State fields as this catalog's operator, who overrules every feed."""
        with catalog() as opened:
            values = dict(_assignment(c) for c in changes)
            found = opened.nouns[noun].update(id, values, confirm_breaking, reason)
            out.data(found.to_json(), fields)

    for action, does in (
        ("suspend", "Suspend a record."),
        ("retire", "Retire a record; it stays, with its id, for ever."),
        ("resume", "Make a suspended record active again."),
        ("relist", "Make a retired record active again."),
    ):
        app.command(action, help=does)(_lifecycle(noun, action))

    @app.command()
    def history(id: IdArgument) -> None:
        """List what happened to a record, oldest first."""
        with catalog() as opened:
            found = opened.nouns[noun].history(id)
        out.data(found, lambda rows: table(rows, ("sequence", "changed_at", "action", "actor", "reason", "difference")))

    return app


def _lifecycle(noun: str, action: str) -> Any:
    def command(id: IdArgument, reason: Reason = None) -> None:
        with catalog() as opened:
            out.data(getattr(opened.nouns[noun], action)(id, reason).to_json(), fields)

    return command


def _assignment(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"`{text}` is not FIELD=VALUE")
    if value.isdigit() and name == "decimals":
        return name, json.loads(value)
    return name, value
