"""`catalog instrument`, `security`, `venue`, `listing`, `pool`, `pair`, `broker`, `event`, `synthetic`: the same commands
for records of each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from catalog.errors import CatalogError, DatabaseUnavailable, InvalidRecord, SchemaMismatch
from cli import calendars, exits, inputs, output
from cli.session import open_catalog, session

if TYPE_CHECKING:
    from catalog.domain.base import Record
    from catalog.services.nouns import Noun

NOUNS = {
    "instrument": "Tokens, coins, exchange assets, stocks, funds, currencies, futures, options and synthetics.",
    "security": "What an ISIN names, wherever it trades.",
    "venue": "Markets, crypto exchanges and brokers.",
    "listing": "Instruments on venues; a listing's ID is INSTRUMENT@VENUE[:SYMBOL].",
    "pool": "Liquidity pools with two or more tokens.",
    "pair": "Spot pairs of crypto exchanges.",
    "broker": "Broker contracts: instruments as brokers offer them.",
    "event": "Event types: schemas of binary events; an event type's ID is its number.",
    "synthetic": "Synthetics: instruments that are a formula over others.",
}
_ACTIONS = {
    "suspend": "Suspend a record: it stays, and is not to be traded for now.",
    "resume": "Make a suspended record active again.",
    "relist": "Make a retired record active again: the same thing trades once more.",
}
_STATUS_AFTER = {"suspend": "suspended", "resume": "active", "relist": "active"}
_WORDS = ("registered", "updated", "unchanged", "rejected", "conflicts", "collisions")

IdArgument = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The id, 32 or 16 hex digits; of a listing its key INSTRUMENT@VENUE[:SYMBOL], of an event type its number.",
    ),
]
ReasonOption = Annotated[str | None, typer.Option(help="Why, for the change log.")]
DecisionOption = Annotated[str | None, typer.Option("--reason", help="Why; kept with the decision.")]


def build(name: str) -> typer.Typer:
    """The commands of one noun."""
    app = typer.Typer(help=NOUNS[name], no_args_is_help=True)
    commands = [_register, _show, _list, _update, *(_action(action) for action in _ACTIONS), _retire, _history]
    if name != "listing":
        commands += [_supersede, _successions]
    if name == "instrument":
        commands += [_verify, _unverify]
    if name == "event":
        commands.append(_standard)
    for command in commands:
        command(app, name)
    if name == "venue":
        calendars.add_to(app)
    return app


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _register(app: typer.Typer, noun: str) -> None:
    @app.command(
        help=f"Register {noun} records: a JSON object, an array, or JSON lines. Every field that is given becomes the "
        "operator's word, which overrules feeds from then on; `update` states only some."
    )
    def register(
        file: Annotated[str, typer.Argument(help="The file, or `-` for standard input.")], reason: ReasonOption = None
    ) -> None:
        session.judges = True
        items, is_single = inputs.read_items(file)
        with open_catalog() as catalog:
            target = catalog.nouns[noun]
            if is_single:
                id, disputes = catalog.register_one(_parse(items[0], target), reason)
                found = target.get(str(id))
                output.record(found, short=str(id) if noun == "listing" else str(found.shown_id))
                if disputes:
                    output.error("it is registered, and disagrees with others", "see `catalog disputes list`")
                    raise typer.Exit(exits.NO)
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
            output.note(f"hint: --after {getattr(last, 'key', None) or last.shown_id} shows the next ones")


def _update(app: typer.Typer, noun: str) -> None:
    @app.command(help=f"State some fields of {_a(noun)} as its operator, which overrules every feed.")
    def update(
        id: IdArgument,
        fields: Annotated[list[str], typer.Argument(metavar="FIELD=VALUE...", help="What is true from now on.")],
        confirm_breaking: Annotated[
            bool,
            typer.Option(
                "--confirm-breaking", help="Allow a change of what a number means (decimals, contract_multiplier)."
            ),
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
            session.judges = True
            with open_catalog() as catalog:
                changed = getattr(catalog.nouns[noun], action)(id, reason=reason)
            output.record(changed, short=f"{id} is {changed.status}")
            if changed.status != _STATUS_AFTER[action]:
                output.error(
                    f"it stays {changed.status}",
                    "a dispute or its calendar holds it: see `catalog disputes list --state all`, and its delist_at",
                )
                raise typer.Exit(exits.NO)

    return add


def _retire(app: typer.Typer, noun: str) -> None:
    @app.command(help="Retire a record. It stays, with its id, for ever. Refused while others need it.")
    def retire(
        id: IdArgument,
        reason: ReasonOption = None,
        force: Annotated[bool, typer.Option("--force", help="Even if others need it.")] = False,
    ) -> None:
        session.judges = True
        with open_catalog() as catalog:
            changed = catalog.nouns[noun].retire(id, reason=reason, force=force)
        output.record(changed, short=f"{id} is {changed.status}")


def _supersede(app: typer.Typer, noun: str) -> None:
    @app.command(help=f"Record that another {noun} follows this one.")
    def supersede(
        id: IdArgument,
        successor: Annotated[str, typer.Argument(metavar="SUCCESSOR", help="The id of what follows.")],
        kind: Annotated[
            Literal["learnt", "corrected", "isin_change", "redenomination", "migration", "merger", "split_off"],
            typer.Option(help="How. learnt and corrected make the old id an alias of the new one."),
        ],
        ratio: Annotated[
            str | None, typer.Option(help="Units of the successor for one of the predecessor, such as 0.1.")
        ] = None,
        effective_at: Annotated[
            str | None, typer.Option(metavar="TIME", help="From when on; now by default. A later one is scheduled.")
        ] = None,
        reason: ReasonOption = None,
    ) -> None:
        session.judges = True
        moment = inputs.moment(effective_at)
        with open_catalog() as catalog:
            done = catalog.nouns[noun].supersede(id, successor, kind, inputs.decimal(ratio), moment, reason)
        output.fields(done)


def _successions(app: typer.Typer, noun: str) -> None:
    @app.command(help=f"Show what {_a(noun)} follows, and what follows it.")
    def successions(id: IdArgument) -> None:
        with open_catalog() as catalog:
            output.rows(catalog.nouns[noun].successions(id))


def _verify(app: typer.Typer, noun: str) -> None:
    @app.command(help=f"Say that {_a(noun)} is what its symbol and name say: `find` gives it first.")
    def verify(id: IdArgument, reason: DecisionOption = None) -> None:
        with open_catalog() as catalog:
            output.fields(catalog.nouns[noun].verify(id, reason))


def _unverify(app: typer.Typer, noun: str) -> None:
    @app.command(help=f"Say that {_a(noun)} is not, or not known to be, what its symbol and name say.")
    def unverify(id: IdArgument, reason: DecisionOption = None) -> None:
        with open_catalog() as catalog:
            output.fields(catalog.nouns[noun].unverify(id, reason))


def _standard(app: typer.Typer, noun: str) -> None:
    @app.command(help="Register the event types that come with the catalog: version 1 as published, 2 as corrected.")
    def standard(reason: ReasonOption = None) -> None:
        from catalog.domain.standard_events import STANDARD_EVENTS

        with open_catalog() as catalog:
            report = catalog.nouns[noun].register_many(STANDARD_EVENTS, reason)
        counts = {word: getattr(report, word) for word in _WORDS}
        output.fields({"seen": sum(counts.values()), **counts})
        if report.errors:
            raise report.errors[0][1]


def _history(app: typer.Typer, noun: str) -> None:
    @app.command(help=f"Show every change of {_a(noun)}, oldest first.")
    def history(id: IdArgument) -> None:
        with open_catalog() as catalog:
            found = catalog.nouns[noun].history(id)
        output.rows(found, ("sequence", "action", "changed_at", "actor", "reason", "run_id", "difference"))
