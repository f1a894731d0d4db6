"""`catalog venue calendar`, `catalog venue sessions` and `catalog venue holidays`: when venues trade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalog.errors import CatalogError, DatabaseUnavailable, SchemaMismatch
from cli import exits, inputs, output
from cli.session import open_catalog, session

if TYPE_CHECKING:
    from datetime import datetime

MicArgument = Annotated[str, typer.Argument(metavar="MIC", help="The market, ISO 10383.")]
FromOption = Annotated[
    str | None, typer.Option("--from", metavar="DAY", help="The first day; default: the first one known.")
]
ToOption = Annotated[str | None, typer.Option("--to", metavar="DAY", help="The last day; default: the last one known.")]


def add_to(venue: typer.Typer) -> None:
    """Give the commands to `catalog venue`."""
    calendar = typer.Typer(help="Keep trading calendars up to date.", no_args_is_help=True)
    calendar.command()(update)
    calendar.command()(keep)
    venue.add_typer(calendar, name="calendar")
    venue.command()(sessions)
    venue.command()(holidays)


def update(
    mics: Annotated[
        list[str] | None, typer.Argument(metavar="MIC...", help="The markets, ISO 10383.", show_default=False)
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="The first day; default: 1 January of last year.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="The last day; default: 31 December of next year.")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Every market of this catalog of which exchange_calendars has a calendar.")
    ] = False,
) -> None:
    """Take hours, sessions and holidays of markets from the library exchange_calendars. A second run changes nothing.

    By default as far as the library knows, if it knows less than these days. One market that fails does not stop the
    others.
    """
    if bool(mics) == all_:
        raise typer.BadParameter("name markets by their MICs, or give --all")
    days = inputs.day(first), inputs.day(last)
    reports: list[dict[str, Any]] = []
    code = exits.DONE
    with open_catalog() as catalog:
        wanted = catalog.venues.with_calendar() if all_ else list(dict.fromkeys(mics or ()))
        for mic in wanted:
            try:
                reports.append(catalog.venues.update_calendar(mic, *days).to_json())
            except CatalogError as problem:
                if isinstance(problem, DatabaseUnavailable | SchemaMismatch) or len(wanted) == 1:
                    raise
                output.catalog_error(problem)
                code = max(code, exits.code_of(problem))
    output.rows(reports)
    if code:
        raise typer.Exit(code)


def keep(run: Annotated[int, typer.Argument(metavar="RUN", help="The import run that read the calendar.")]) -> None:
    """Keep the sessions and holidays of a calendar that was imported from a file, or replayed."""
    with open_catalog() as catalog:
        report = catalog.venues.keep_calendar(run)
    output.fields(report.to_json())


def sessions(mic: MicArgument, first: FromOption = None, last: ToOption = None) -> None:
    """List the sessions of a market, by default all that are known.

    A table has the market's local times, with the day where it is another one; --json has UTC.
    """
    from zoneinfo import ZoneInfo

    from catalog.services.shapes import plain

    days = inputs.day(first), inputs.day(last)
    with open_catalog() as catalog:
        found = catalog.venues.sessions(mic, *days)
        zone = ZoneInfo(catalog.venues.timezone(mic))
    if session.json:
        output.rows([plain(s._asdict()) | {"day": s.day.isoformat()} for s in found])
        return

    def local(moment: datetime | None, day: str) -> str | None:
        if moment is None:
            return None
        shown = moment.astimezone(zone)
        return shown.strftime("%H:%M" if shown.date().isoformat() == day else "%Y-%m-%d %H:%M")

    lines = []
    for s in found:
        day = s.day.isoformat()
        lines.append(
            {
                "day": day, "opens": local(s.opens_at, day), "closes": local(s.closes_at, day),
                "break_starts": local(s.break_starts_at, day), "break_ends": local(s.break_ends_at, day),
                "is_short": s.is_short,
            }
        )  # fmt: skip
    output.rows(lines)
    output.note(f"times are local: {zone.key}")


def holidays(mic: MicArgument, first: FromOption = None, last: ToOption = None) -> None:
    """List the holidays of a market, by default all that are known: days of its week without a session."""
    days = inputs.day(first), inputs.day(last)
    with open_catalog() as catalog:
        found = catalog.venues.holidays(mic, *days)
    output.rows([{"day": day.isoformat(), "weekday": f"{day:%A}"} for day in found])
