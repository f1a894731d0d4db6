"""`catalog instrument`, `security`, `venue`, `listing`, `pair`: the same commands for records of each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from catalog.errors import CatalogError, DatabaseUnavailable, InvalidRecord, SchemaMismatch
from cli import exits, inputs, output
from cli.session import open_catalog, session

if TYPE_CHECKING:
    from catalog.domain.base import Record
    from catalog.services.catalog import Noun

NOUNS = {
    "instrument": "Tokens, native coins, exchange assets, stocks, funds and currencies.",
    "security": "What an ISIN names, wherever it trades.",
    "venue": "Markets, crypto exchanges and brokers.",
    "listing": "Instruments on venues; a listing's ID is INSTRUMENT@VENUE[:SYMBOL].",
    "pair": "Spot pairs of crypto exchanges.",
}
_ACTIONS = {
    "suspend": "Suspend a record: it stays, and is not to be traded for now.",
    "retire": "Retire a record. It stays, with its id, for ever.",
    "resume": "Make a suspended record active again.",
    "relist": "Make a retired record active again: the same thing trades once more.",
}
_WORDS = ("registered", "updated", "unchanged", "rejected", "conflicts", "collisions")

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The id, 32 or 16 hex digits; a listing's key.")]
ReasonOption = Annotated[str | None, typer.Option(help="Why, for the change log.")]


def build(name: str) -> typer.Typer:
    """The commands of one noun."""
    app = typer.Typer(help=NOUNS[name], no_args_is_help=True)
    for command in (_register, _show, _list, _update, *(_action(name) for name in _ACTIONS), _history):
        command(app, name)
    return app


def _register(app: typer.Typer, noun: str) -> None:
    @app.command(help=f"Register {noun} records: a JSON object, an array, or JSON lines.")
    def register(
        file: Annotated[str, typer.Argument(help="The file, or `-` for standard input.")], reason: ReasonOption = None
    ) -> None:
        session.judges = True
        items, is_single = inputs.read_items(file)
        with open_catalog() as catalog:
            target = catalog.nouns[noun]
            if is_single:
                id = target.register(_parse(items[0], target), reason)
                output.record(target.get(str(id)), short=str(id))
            else:
                _register_many(target, items, reason)


def _parse(item: inputs.Item, noun: Noun) -> Record:
    from catalog.domain.records import parse_record

    if item.problem is not None:
        raise item.problem
    found = parse_record(item.value)
    if found.record not in noun.records:
        raise InvalidRecord(
            "record",
            found.record,
            f"one of {', '.join(noun.records)} is expected",
            hint="`catalog import jsonl` takes any mix",
        )
    return found


def _register_many(noun: Noun, items: list[inputs.Item], reason: str | None) -> None:
    good: list[Record] = []
    problems: list[dict[str, Any]] = []
    for item in items:
        try:
            good.append(_parse(item, noun))
        except (DatabaseUnavailable, SchemaMismatch):
            raise
        except CatalogError as error:
            problems.append({"place": item.place, "code": error.code, "reason": str(error)})
    report = noun.catalog.register_many(good, reason)
    counts = {word: getattr(report, word) for word in _WORDS}
    counts["rejected"] += len(problems)
    for record, refusal in report.errors:
        id = str(getattr(record, "key", "") or record.id)
        problems.append({"id": id, "code": refusal.code, "reason": str(refusal)})
    shown = {"seen": sum(counts.values()), **counts, "disputes": report.disputes}
    if session.json:
        output.value(shown | {"errors": problems})
    else:
        output.fields(shown)
        for problem in problems:
            output.error(f"{problem.get('place') or problem.get('id')}: {problem['reason']}")
    if problems or report.disputes or counts["rejected"] or counts["conflicts"] or counts["collisions"]:
        raise typer.Exit(exits.NO)


def _show(app: typer.Typer, noun: str) -> None:
    @app.command(help=f"Show one {noun}; an alias answers with its target.")
    def show(id: IdArgument) -> None:
        with open_catalog() as catalog:
            output.record(catalog.nouns[noun].get(id))


def _list(app: typer.Typer, noun: str) -> None:
    @app.command("list", help=f"List {noun} records in the order of their ids.")
    def list_(
        after: Annotated[str | None, typer.Option(metavar="ID", help="Begin behind this id.")] = None,
        limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=1000)] = 100,
        record: Annotated[str | None, typer.Option(help="Only this record type.")] = None,
        status: Annotated[
            Literal["active", "suspended", "retired"] | None, typer.Option(help="Only this status.")
        ] = None,
    ) -> None:
        with open_catalog() as catalog:
            found = catalog.nouns[noun].list(after=after, limit=limit, record=record, status=status)
        output.records(found)
        if len(found) == limit:
            last = found[-1]
            output.note(f"hint: --after {getattr(last, 'key', None) or last.id} shows the next ones")


def _update(app: typer.Typer, noun: str) -> None:
    @app.command(help=f"State fields of a {noun} as its operator, which overrules every feed.")
    def update(
        id: IdArgument,
        fields: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help="What is true from now on.")],
        confirm_breaking: Annotated[
            bool, typer.Option("--confirm-breaking", help="Allow a change of what a number means (decimals).")
        ] = False,
        reason: ReasonOption = None,
    ) -> None:
        with open_catalog() as catalog:
            target = catalog.nouns[noun]
            values = inputs.assignments(type(target.get(id)), fields)
            session.judges = True
            changed = target.update(id, values, confirm_breaking=confirm_breaking, reason=reason)
        output.record(changed)


def _action(action: str) -> Callable[[typer.Typer, str], None]:
    def add(app: typer.Typer, noun: str) -> None:
        @app.command(action, help=_ACTIONS[action])
        def act(id: IdArgument, reason: ReasonOption = None) -> None:
            with open_catalog() as catalog:
                changed = getattr(catalog.nouns[noun], action)(id, reason=reason)
            output.record(changed, short=f"{id} is {changed.status}")

    return add


def _history(app: typer.Typer, noun: str) -> None:
    @app.command(help=f"Show every change of a {noun}, oldest first.")
    def history(id: IdArgument) -> None:
        with open_catalog() as catalog:
            found = catalog.nouns[noun].history(id)
        output.rows(found, ("sequence", "action", "changed_at", "actor", "reason", "run_id", "difference"))
