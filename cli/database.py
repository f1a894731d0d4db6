"""`catalog db`: migrations."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import exits, output
from cli.session import connection, server_url

app = typer.Typer(help="Move the database's schema up and down, and say where it stands.", no_args_is_help=True)


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


def _say_where() -> None:
    from catalog.database import migrations

    with connection() as opened:
        found = migrations.current(opened)
    output.fields({"current": found}, short=f"the schema is at {found or 'nothing: it is empty'}")
