"""`catalog why` and `catalog precedence`: where values come from, and who is believed."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import output
from cli.session import open_catalog

app = typer.Typer(help="Who is believed before whom; the lowest number comes first.", no_args_is_help=True)

_SOURCE = typer.Argument(help="The source, such as `token-list`.")
_FEED = typer.Option(help="Only this feed of it.", show_default=False)
_RECORD = typer.Option(help="Only about this type of record, with --field.", show_default=False)
_FIELD = typer.Option(help="Only about this field, with --record.", show_default=False)
_REASON = typer.Option(help="Why; stands in the change log.", show_default=False)


def why(
    id: Annotated[str, typer.Argument(help="An id, or the key of a listing.")],
    field: Annotated[str | None, typer.Argument(help="Only this field.", show_default=False)] = None,
) -> None:
    """Show for each field who said its value, for which time and by which rule, and what the others said."""
    with open_catalog() as catalog:
        output.provenance(catalog.why(id, field))


@app.command("list")
def list_() -> None:
    """List sources with their precedence, and the feeds and fields that differ."""
    with open_catalog() as catalog:
        output.rows(catalog.precedence(), ("precedence", "authority", "source", "feed", "record", "field"))


@app.command("set")
def set_(
    source: Annotated[str, _SOURCE],
    precedence: Annotated[int, typer.Argument(help="From 11 to 999; 10 is the operator's own.")],
    feed: Annotated[str | None, _FEED] = None,
    record: Annotated[str | None, _RECORD] = None,
    field: Annotated[str | None, _FIELD] = None,
    reason: Annotated[str | None, _REASON] = None,
) -> None:
    """Believe a source, one of its feeds, or one field otherwise. What follows for the records is applied at once."""
    with open_catalog() as catalog:
        changed = catalog.set_precedence(source, precedence, reason, feed=feed, record=record, field=field)
    output.fields({"changed": changed})


@app.command()
def clear(
    source: Annotated[str, _SOURCE],
    feed: Annotated[str | None, _FEED] = None,
    record: Annotated[str | None, _RECORD] = None,
    field: Annotated[str | None, _FIELD] = None,
    reason: Annotated[str | None, _REASON] = None,
) -> None:
    """Believe a source, feed or field as at first again."""
    with open_catalog() as catalog:
        changed = catalog.set_precedence(source, None, reason, feed=feed, record=record, field=field)
    output.fields({"changed": changed})
