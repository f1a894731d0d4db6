"""`catalog db`: the schema up, down, and where it stands."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.context import database
from cli.output import fields, out

app = typer.Typer(no_args_is_help=True)


@app.command()
def upgrade(revision: Annotated[str, typer.Argument(help="Revision to go to.")] = "head") -> None:
    """Bring the schema up to a revision."""
    from catalog.database import migrations

    with database() as url:
        migrations.upgrade(url, revision)
        out.data(_state(url), fields)


@app.command()
def downgrade(revision: Annotated[str, typer.Argument(help="Revision to go back to; base for none.")]) -> None:
    """Take the schema back down to a revision. Tables that go take their rows along."""
    from catalog.database import migrations

    with database() as url:
        migrations.downgrade(url, revision)
        out.data(_state(url), fields)


@app.command()
def current() -> None:
    """Print the revision that the database is at."""
    with database() as url:
        out.data(_state(url), fields)


@app.command()
def check() -> None:
    """Say whether the schema is current, behind, ahead or diverged; exit 1 unless current."""
    with database() as url:
        found = _state(url)
    out.data(found, fields)
    if found["state"] != "current":
        raise typer.Exit(1)


def _state(url: str) -> dict[str, Any]:
    from dataclasses import asdict

    from sqlalchemy.exc import DBAPIError

    from catalog.database import migrations
    from catalog.database.engine import is_connection_failure, make_engine, unavailable

    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return asdict(migrations.check(connection))
    except DBAPIError as error:
        if is_connection_failure(error):
            raise unavailable(error, url) from None
        raise
    finally:
        engine.dispose()
