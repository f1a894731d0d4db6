"""The `catalog` command: global options, the groups of commands, and what errors become."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from catalog.errors import CatalogError
from cli import database, demo, desk, ids, imports, nouns, snapshots
from cli.context import state
from cli.output import exit_code, out

app = typer.Typer(
    help="A relational catalog of everything tradeable, in which one id never means two things.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
)
app.add_typer(database.app, name="db", help="Migrations of the schema.")
app.add_typer(imports.runs, name="imports", help="Past import runs.")
app.add_typer(desk.disputes, name="disputes", help="The quarantine desk.")
app.add_typer(desk.collisions, name="collisions", help="The audit of refused ids.")
app.add_typer(ids.one, name="id", help="One id: computed, or explained.")
app.add_typer(ids.width, name="ids", help="The width of all ids.")
app.add_typer(snapshots.app, name="snapshot", help="Snapshot files.")
for noun in nouns.NOUNS:
    app.add_typer(nouns.commands(noun), name=noun, help=f"Register, show and change: {noun}.")
app.command("import")(imports.import_)
app.command("demo")(demo.demo)
app.command("find")(nouns.find)
app.command("changes")(desk.changes)
app.command("stats")(desk.stats)
app.command("schema")(desk.schema)

#: Options that may stand anywhere on the line.
_ANYWHERE = ("--json", "--quiet", "--traceback")


def _version(asked: bool) -> None:
    if asked:
        from catalog import __version__

        out.line(f"catalog {__version__}")
        raise typer.Exit


@app.callback()
def options(
    database_url: Annotated[
        str | None, typer.Option(help="PostgreSQL to use [default: CATALOG_DATABASE_URL, else the embedded server].")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print data as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No talk on stderr, only errors.")] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where an error comes from.")] = False,
    _show_version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Global options."""
    state.database_url = database_url
    out.is_json, out.is_quiet, out.has_traceback = json, quiet, traceback


def hoisted(arguments: list[str]) -> list[str]:
    """The arguments with `--json` and its like in front, wherever they stood before a `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    front = [a for a in arguments[:end] if a in _ANYWHERE]
    return front + [a for a in arguments[:end] if a not in _ANYWHERE] + arguments[end:]


def main() -> None:
    """Run the command; exit with 0 done, 1 the answer is no, 2 could not run."""
    try:
        app(args=hoisted(sys.argv[1:]), prog_name="catalog", standalone_mode=True)
    except CatalogError as error:
        if out.has_traceback:
            raise
        out.clear_progress()
        out.error(str(error), error.hint)
        sys.exit(exit_code(error))
    except KeyboardInterrupt:
        out.error("interrupted", "what was committed stays; the same command goes on from there")
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if out.has_traceback:
            raise
        out.clear_progress()
        out.error(
            f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no details'}",
            "run it again with --traceback, and report it",
        )
        sys.exit(2)
