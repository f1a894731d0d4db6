"""All printing: data on stdout, talk on stderr, foreign text escaped, secrets masked."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from catalog.errors import CatalogError, escape
from catalog.settings import mask_url


class Output:
    """How this run prints: as JSON or for people, with or without talk."""

    def __init__(self) -> None:
        self.is_json = False
        self.is_quiet = False
        self.has_traceback = False

    def data(self, value: Any, text: Callable[[Any], Iterable[str]] | None = None) -> None:
        """Print a result: JSON when asked for, else the lines that `text` makes of it."""
        if self.is_json or text is None:
            self.line(json.dumps(value, ensure_ascii=False, indent=None if self.is_json else 1), is_safe=True)
        else:
            for line in text(value):
                self.line(line)

    def line(self, text: str, *, is_safe: bool = False) -> None:
        """One line on stdout. JSON is safe once what a terminal would act on is escaped."""
        shown = _escape_json(text) if is_safe else escape(text.replace("\t", "    "))
        sys.stdout.write(shown + "\n")

    def stream(self, values: Iterable[Any]) -> None:
        """JSON lines, each as soon as it is known."""
        for value in values:
            self.line(json.dumps(value, ensure_ascii=False), is_safe=True)
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """Talk: one line on stderr, unless quiet."""
        if not self.is_quiet:
            sys.stderr.write(escape(text) + "\n")

    def error(self, message: str, hint: str | None = None) -> None:
        """What happened and the next step, on stderr."""
        sys.stderr.write(f"error: {escape(mask_url(message))}\n")
        if hint:
            sys.stderr.write(f"hint: {escape(mask_url(hint))}\n")

    def progress(self) -> Callable[[str, int], None] | None:
        """A counter on stderr; None unless a person is watching."""
        if self.is_quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            return None

        def show(stage: str, number: int) -> None:
            sys.stderr.write(f"\r\x1b[2K{stage}: {number:,}")
            sys.stderr.flush()

        return show

    def clear_progress(self) -> None:
        """Take the counter away again."""
        if not self.is_quiet and sys.stderr.isatty():
            sys.stderr.write("\r\x1b[2K")


out = Output()


def _escape_json(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[str]:
    """Rows as aligned text under their column names."""
    cells = [[_cell(row.get(c)) for c in columns] for row in rows]
    widths = [max(len(c), *(len(row[n]) for row in cells)) if cells else len(c) for n, c in enumerate(columns)]
    lines = ["  ".join(c.ljust(w) for c, w in zip(columns, widths, strict=True)).rstrip()]
    return lines + ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]


def fields(value: Mapping[str, Any]) -> list[str]:
    """One thing as `name  value` lines."""
    width = max((len(k) for k in value), default=0)
    return [f"{k.ljust(width)}  {_cell(v, 2000)}" for k, v in value.items() if v is not None]


def _cell(value: Any, limit: int = 60) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = escape(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def record_lines(records: Sequence[Any]) -> list[str]:
    """Records for people: what they are and what they are called."""
    rows = []
    for record in records:
        known = record.to_json()
        rows.append(
            {
                "record": known["record"],
                "id": known.get("id") or getattr(record, "key", ""),
                "symbol": known.get("symbol") or known.get("ticker") or known.get("iso_code") or known.get("mic"),
                "where": known.get("blockchain") or known.get("exchange") or known.get("mic") or known.get("venue_id"),
                "currency": known.get("currency"),
                "identifier": known.get("isin") or known.get("address"),
                "name": known.get("name"),
                "status": known.get("status"),
            }
        )
    return table(rows, ("record", "id", "symbol", "where", "currency", "identifier", "name", "status"))


def exit_code(error: CatalogError) -> int:
    """1 when the answer is no, 2 when the command could not run."""
    from catalog import errors

    cannot_run = (errors.DatabaseUnavailable, errors.SchemaMismatch, errors.PayloadError)
    return 2 if isinstance(error, cannot_run) or error.code in ("usage", "snapshot_target") else 1
