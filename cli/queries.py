"""Commands that only look: `find`, `changes`, `stats`, `schema`."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from catalog.errors import NotFound
from cli import inputs, output
from cli.session import open_catalog, session

if TYPE_CHECKING:
    from catalog.domain.base import Record
    from catalog.services.catalog import Catalog

POLL_SECONDS = 1.0
#: Spellings that a remark names.
MAX_NAMED = 5

Scheme = Literal["id", "isin", "cusip", "figi", "symbol", "address", "exchange-symbol"]


def find(
    key: Annotated[str, typer.Argument(help="An id or any public identifier; EXCHANGE:SYMBOL for an exchange's own.")],
    by: Annotated[Scheme | None, typer.Option(help="What the key is; anything by default.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this exchange, market or blockchain.")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Look at the catalog as it was then.")] = None,
    look_alikes: Annotated[
        bool, typer.Option("--look-alikes", help="Also instruments whose symbol looks the same and is spelt otherwise.")
    ] = False,
) -> None:
    """Find all records that answer to a key, instruments that nobody verified last."""
    moment = inputs.moment(at)
    with open_catalog() as catalog:
        found = catalog.find(key, by=by, source=source, at=moment)
        alike = catalog.look_alikes(key, source) if by in (None, "symbol") and moment is None else []
        shown = alike if look_alikes else []
        output.found(found, shown, catalog.verified([*found, *shown]))
    if alike and not look_alikes:
        output.note(_resemblance(key, alike))
    if not found and not shown:
        raise NotFound("record", key, "`catalog instrument list` shows what there is")


def _resemblance(key: str, alike: list[Record]) -> str:
    from catalog.domain.lookalikes import spelt

    words = list(dict.fromkeys(spelt(str(getattr(record, "symbol"))) for record in alike))  # noqa: B009
    named = ", ".join(words[:MAX_NAMED]) + (", …" if len(words) > MAX_NAMED else "")
    many = f"{len(alike)} more look" if len(alike) > 1 else "1 more looks"
    return f"{many} like {spelt(key)}, spelt otherwise: {named}; --look-alikes shows them"


def changes(
    after: Annotated[int, typer.Option(metavar="N", help="Begin behind this sequence number.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="How many at most (at a time, with --follow).", min=1, max=10_000)] = 1000,
    follow: Annotated[bool, typer.Option("--follow", help="Go on as changes come, as JSON lines with --json.")] = False,
) -> None:
    """Print the change log: contiguous, in the order of commit."""
    with open_catalog() as catalog:
        if not follow:
            output.rows(
                catalog.changes(after=after, limit=limit),
                ("sequence", "record", "action", "record_id", "changed_at", "actor", "reason", "run_id"),
            )
            return
        with suppress(KeyboardInterrupt):  # the one way to end it
            _follow(catalog, after, limit)


def _follow(catalog: Catalog, after: int, limit: int) -> None:
    while True:
        found = catalog.changes(after=after, limit=limit)
        for change in found:
            after = change["sequence"]
            if session.json:
                output.json_line(change)
            else:
                output.follow_line(change)
        if len(found) < limit:
            time.sleep(POLL_SECONDS)


def stats() -> None:
    """Count what is in the catalog; `by_record` has all statuses together."""
    with open_catalog() as catalog:
        found = catalog.stats()
    if session.json:
        output.value(found)
    else:
        output.table([{"record": name, "count": count} for name, count in found["by_record"].items()])
        output.fields({k: v for k, v in found.items() if k != "by_record"})


def schema(
    record: Annotated[str | None, typer.Argument(help="A record type; all of them by default.")] = None,
) -> None:
    """Print the JSON Schema of records, as they are printed and taken."""
    from catalog.domain.identity import KINDS
    from catalog.domain.records import RECORDS
    from catalog.domain.vocabulary import RECORD_KINDS

    if record is not None and record not in RECORDS:
        raise typer.BadParameter(f"`{record}` is not one of {', '.join(RECORDS)}", param_hint="RECORD")
    found = {
        name: _schema(model, RECORD_KINDS[name] if RECORD_KINDS[name] in KINDS else None)
        for name, model in RECORDS.items()
        if record in (None, name)
    }
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    if record is not None:
        output.value(dialect | found[record])
    else:
        references = [{"$ref": f"#/$defs/{name}"} for name in found]
        output.value(dialect | {"title": "Record", "oneOf": references, "$defs": found})


def _schema(model: Any, kind: str | None) -> dict[str, Any]:
    shown: dict[str, Any] = model.model_json_schema()
    ids: dict[str, Any] = {
        "id": {"type": "string", "pattern": "^[0-9a-f]{32}$", "description": "checked, not trusted"},
        "id64": {"type": "string", "pattern": "^[0-9a-f]{16}$", "description": "the first 16 digits of the id"},
    }
    if kind == "event-type":
        ids = {"id": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1, "description": "checked, not trusted"}}
    if kind == "instrument":
        ids["verified"] = {"type": "boolean", "description": "added by `find`, ignored when read"}
    record = shown["properties"].pop("record")
    shown["properties"] = {"record": record} | (ids if kind else {}) | shown["properties"]
    shown["required"] = ["record", *shown.get("required", [])]
    return shown
