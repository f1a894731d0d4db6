"""`catalog db`: migrations, and who may read."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import exits, output
from cli.session import connection, server_url, session

app = typer.Typer(
    help="Move the database's schema up and down, say where it stands, and make readers.", no_args_is_help=True
)


@app.command()
def upgrade(
    revision: Annotated[str, typer.Argument(help="The revision to go up to.", show_default=True)] = "head",
) -> None:
    """Apply migrations, by default all."""
    from catalog.database import migrations

    with server_url() as url:
        migrations.upgrade(url, revision)
    _say_where()


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="The revision to go down to; `base` for an empty database.")],
) -> None:
    """Take migrations back. What only newer revisions can hold is lost."""
    from catalog.database import migrations

    with server_url() as url:
        migrations.downgrade(url, revision)
    _say_where()


@app.command()
def current() -> None:
    """Print the revision that the database is at."""
    from catalog.database import migrations

    with connection() as opened:
        found = migrations.current(opened)
    output.fields({"current": found, "wanted": migrations.head()}, short=found or "empty")


@app.command()
def check() -> None:
    """Compare the database with this program: current, behind, ahead or diverged. Exit code 0 only when current."""
    from catalog.database import migrations

    with connection() as opened:
        state = migrations.check(opened)
    shown = {
        "state": state.state, "current": state.current, "wanted": state.wanted, "differences": state.differences,
    }  # fmt: skip
    output.fields(shown, short=state.state)
    problem = state.problem()
    if problem is not None:
        output.catalog_error(problem)
        raise typer.Exit(exits.NO)


@app.command("grant-reader")
def grant_reader(
    name: Annotated[str, typer.Argument(help="The role; it is created if there is none.")],
) -> None:
    """Make a role that reads the views of the schema `reporting`, and nothing else. Doing it again changes nothing.

    It also takes from everybody (PUBLIC) the right to make temporary tables in this database, objects in the schema
    public and, when done by a superuser, large objects.
    """
    from catalog.services import readers
    from catalog.settings import resolve

    with connection() as opened:
        reader = readers.grant_reader(opened, name)
        opened.commit()
    shown = {
        "role": reader.name, "database": reader.database, "created": reader.is_new, "views": reader.views,
        "remaining": list(reader.remaining),
    }  # fmt: skip
    output.fields(shown, short=f"{reader.name} reads the {reader.views} views of reporting")
    for remaining in reader.remaining:
        output.note(f"it can still {remaining}: only a superuser can forbid that, by the same command")
    if resolve(session.database_url).database_url is None:
        output.note(
            "hint: the embedded server lets in nobody but its owner; try the role with SET ROLE and SET search_path TO reporting"
        )
    elif reader.is_new:
        output.note(f"hint: it has no password yet; give it one: {reader.password_statement}")


def _say_where() -> None:
    from catalog.database import migrations

    with connection() as opened:
        found = migrations.current(opened)
    output.fields({"current": found}, short=f"the schema is at {found or 'nothing: it is empty'}")
