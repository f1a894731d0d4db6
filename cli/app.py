"""`catalog`: the root of the command line.

Command modules load nothing heavy before a command runs, so that help and completion come at once.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from catalog import __version__
from catalog.errors import CatalogError, DatabaseUnavailable, quote
from cli import (
    database,
    demo,
    disputes,
    doctor,
    exits,
    ids,
    imports,
    ingest,
    lifecycle,
    lookalikes,
    nouns,
    output,
    provenance,
    queries,
    snapshots,
    tokens,
)
from cli.session import session

PROGRAM = "catalog"
_COMPLETION_VARIABLE = f"_{PROGRAM.upper()}_COMPLETE"
_FLAGS = frozenset({"--json", "--quiet", "--traceback"})
_VALUED = "--database-url"
#: What a server says that goes away, or that never answered.
_GONE = (None, "57P01", "57P02", "57P03")

app = typer.Typer(
    name=PROGRAM,
    help="A relational catalog of tradeable instruments with permanent ids.",
    epilog="--database-url, --json, --quiet and --traceback may also stand behind the command. "
    "Exit codes: 0 done, 1 the answer is no, 2 could not run.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(database.app, name="db")
app.add_typer(imports.app, name="imports")
app.add_typer(ingest.app, name="ingest")
app.add_typer(disputes.app, name="disputes")
app.add_typer(lifecycle.app, name="lifecycle")
app.add_typer(provenance.app, name="precedence")
app.add_typer(lookalikes.app, name="lookalikes")
for noun in nouns.NOUNS:
    app.add_typer(nouns.build(noun), name=noun)
app.add_typer(ids.app, name="id")
app.add_typer(ids.width_app, name="ids")
app.add_typer(ids.collisions_app, name="collisions")
app.add_typer(snapshots.app, name="snapshot")
app.add_typer(tokens.app, name="tokens")
app.command("demo")(demo.demo)
app.command("import")(imports.import_)
app.command("find")(queries.find)
app.command("changes")(queries.changes)
app.command("why")(provenance.why)
app.command("stats")(queries.stats)
app.command("doctor")(doctor.doctor)
app.command("schema")(queries.schema)


def _show_version(wanted: bool) -> None:
    if wanted:
        output.text(f"instrument-catalog {__version__}")
        raise typer.Exit(exits.DONE)


@app.callback()
def options(
    database_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The database; else CATALOG_DATABASE_URL, else the embedded server."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print data as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no remarks and no progress.")] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Print where an error came from.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    session.database_url, session.json, session.quiet, session.traceback = database_url, json, quiet, traceback


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    session.reset()
    output.prepare_streams()
    words = sys.argv[1:] if arguments is None else arguments
    session.traceback = "--traceback" in words  # an error may come before options are parsed
    try:
        code = _refuse_bytes(words) or _run(words)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        output.error("interrupted", "what was committed stays; the same command goes on from there")
        return exits.COULD_NOT_RUN
    except BrokenPipeError:
        # the reader has seen enough; nothing must be written to it at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.DONE
    except Exception as error:  # noqa: BLE001 - the last resort: a bug gets one line too
        return _report(error)
    return code


def _refuse_bytes(words: list[str]) -> int:
    """A word that is not UTF-8 can be neither looked up nor kept, so it is refused before anything happens."""
    for word in words:
        if any("\ud800" <= character <= "\udfff" for character in word):
            output.error(f"{quote(word)} is not UTF-8", "rename the file, or mend the terminal's encoding")
            return exits.COULD_NOT_RUN
    return exits.DONE


def _run(words: list[str]) -> int:
    command = typer.main.get_command(app)
    if _COMPLETION_VARIABLE in os.environ:
        command.main(prog_name=PROGRAM, complete_var=_COMPLETION_VARIABLE)
    try:
        with command.make_context(PROGRAM, hoist(words)) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    return exits.DONE


def hoist(words: list[str]) -> list[str]:
    """The words with global options in front, where the parser looks for them; nothing behind `--` is touched."""
    front: list[str] = []
    rest: list[str] = []
    remaining = iter(words)
    for word in remaining:
        if word == "--":
            rest += [word, *remaining]
        elif word in _FLAGS or word.startswith(f"{_VALUED}="):
            front.append(word)
        elif word == _VALUED:
            front += [word, *(value for value in [next(remaining, None)] if value is not None)]
        else:
            rest.append(word)
    return front + rest


def _report(error: Exception) -> int:
    if session.traceback:
        output.stack(error)
    error = _lost_connection(error) or error
    if isinstance(error, CatalogError):
        output.catalog_error(error)
        return exits.code_of(error)
    if hasattr(error, "format_message"):  # Typer keeps the class of usage errors to itself
        return _report_usage(error)
    hint = None if session.traceback else "this is a defect; repeat with --traceback and report it"
    output.error(f"{type(error).__name__}: {error}", hint)
    return exits.COULD_NOT_RUN


def _lost_connection(error: Exception) -> CatalogError | None:
    """A connection that broke in the middle of a command, as what it is."""
    from psycopg import OperationalError
    from sqlalchemy.exc import DBAPIError

    cause = error.orig if isinstance(error, DBAPIError) else error
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if not isinstance(cause, OperationalError) or not (lost or cause.sqlstate in _GONE):
        return None
    reason = (str(cause).strip() or "the connection is lost").splitlines()[0]
    return DatabaseUnavailable(reason, "what was not finished was not done; check the server and try again")


def _report_usage(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":
        output.help_text(error.format_message())
        return exits.COULD_NOT_RUN
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else PROGRAM
    message = error.format_message().replace("Value error, ", "")
    output.error(message[:1].lower() + message[1:], f"`{path} --help` shows what it takes")
    return exits.COULD_NOT_RUN


if __name__ == "__main__":
    sys.exit(main())
