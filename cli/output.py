"""All printing. stdout is data, stderr is talk; text that came from outside can't steer the terminal."""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from catalog.errors import CatalogError, escape, is_hidden
from catalog.settings import mask_url
from cli.session import session

if TYPE_CHECKING:
    from catalog.domain.base import Record
    from catalog.services.doctor import Report
    from catalog.snapshot.diff import Difference, DiffReport, FieldChange

Row = Mapping[str, Any]
Progress = Callable[[str, int], None]

_UNSAFE = re.compile(r"[^\n -~]")
_LABELS = ("symbol", "ticker", "iso_code", "isin", "mic", "slug", "pool_id", "address", "dex")
_PLACES = ("broker", "mic", "blockchain", "exchange", "event_source")
_GAP = "  "


def prepare_streams() -> None:
    """Let no terminal's poor encoding turn output into an exception."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


# Data


def value(data: Any) -> None:
    """One JSON value, indented on a terminal."""
    _write(_json(data, indent=2 if sys.stdout.isatty() else None))


def json_line(data: Any) -> None:
    """One line of JSON lines, at once."""
    _write(_json(data))
    sys.stdout.flush()


def text(line: str) -> None:
    """A line that is an answer by itself, such as an id."""
    _write(escape(line))


def help_text(page: str) -> None:
    """A page of our own help on stderr, for a command that was called without what it needs."""
    sys.stderr.write(page.rstrip("\n") + "\n")


def fields(data: Row, *, short: str | None = None) -> None:
    """One object: JSON, or a line per field; `short` is all that people get, if given."""
    if session.json:
        value(data)
    elif short is not None:
        text(short)
    else:
        _print_fields(data)


def record(found: Record, *, short: str | None = None) -> None:
    """One record."""
    fields(found.to_json(), short=short)


def records(found: Sequence[Record]) -> None:
    """An array of records; for people one line each, and nothing for none."""
    if session.json:
        value([r.to_json() for r in found])
    elif found:
        _print_table([_summary(r.to_json()) for r in found])


def found(records: Sequence[Record], alike: Sequence[Record], verified: Collection[str]) -> None:
    """What a search found, with a word on whether each instrument is verified; `alike` are spelt in ASCII for people."""
    if session.json:
        value([_with_verdict(r, verified) for r in (*records, *alike)])
        return
    from catalog.domain.lookalikes import in_ascii

    lines = [_summary(_with_verdict(r, verified)) for r in records]
    for record in alike:
        line = _summary(_with_verdict(record, verified))
        lines.append(line | {"symbol": in_ascii(line["symbol"])})
    if lines:
        _print_table(lines)


def rows(data: Sequence[Row], columns: Sequence[str] | None = None) -> None:
    """An array of objects; for people a table of `columns` (default: all)."""
    if session.json:
        value(list(data))
    else:
        _print_table([{c: row.get(c) for c in columns} for row in data] if columns else data)


def follow_line(change: Row) -> None:
    """One change for people, at once."""
    names = ("sequence", "changed_at", "action", "record", "record_id", "listing", "actor", "reason", "difference")
    _write(_GAP.join(_cell(change[name]) for name in names if change.get(name) is not None))
    sys.stdout.flush()


def event(facts: Row) -> None:
    """One event on one line, at once: JSON, or `name=value` for people."""
    if session.json:
        json_line(facts)
        return
    first = [_cell(facts[name]) for name in ("time", "name", "event")]
    rest = [f"{k}={_cell(v)}" for k, v in facts.items() if k not in ("time", "name", "event", "by_record")]
    _write(_GAP.join(first + rest))
    sys.stdout.flush()


def import_reports(reports: Sequence[Row]) -> None:
    """One report as an object, several as an array; for people the counts, by record type."""
    if session.json:
        value(reports[0] if len(reports) == 1 else list(reports))
        return
    for report in reports:
        counts = report.get("by_record", {})
        _print_fields({k: v for k, v in report.items() if k not in ("by_record", "differences")})
        if counts:
            _print_table([{"record": name, **words} for name, words in counts.items()])
        if report.get("differences"):
            _print_table([_difference(d) for d in report["differences"]])


def import_run(run: Row) -> None:
    """A past run; for people its report as a table."""
    if session.json:
        value(run)
        return
    report = run.get("report") or {}
    _print_fields({k: v for k, v in run.items() if k != "report"})
    _print_fields({k: v for k, v in report.items() if k not in (*run, "by_record", "dry_run")})
    _print_table([{"record": name, **words} for name, words in report.get("by_record", {}).items()])


def provenance(found: Row) -> None:
    """Where the values of a record come from; for people the runs, and a line per voice of each field."""
    if session.json:
        value(found)
        return
    _print_fields({"id": found["id"], "record": found["record"]})
    _print_table(
        [{k: run[k] for k in ("run_id", "feed", "observed_at", "file_name", "state")} for run in found["runs"]]
    )
    lines: list[Row] = []
    for name, story in found["fields"].items():
        won = story.get("won") or {}
        lines.append({"field": name, "value": story["value"], "rule": story["rule"], **_voice(won)})
        for word in ("agreed", "lost"):
            lines += [{"value": v["value"], "rule": word, **_voice(v)} for v in story.get(word, ())]
    names = ("field", "value", "rule", "feed", "precedence", "observed_at", "payload")
    _print_table([{n: line.get(n) for n in names} for line in lines])


def _voice(voice: Row) -> Row:
    short = {"payload": voice["payload"][:16]} if voice.get("payload") else {}
    return {k: voice[k] for k in ("feed", "precedence", "observed_at") if k in voice} | short


def dispute(found: Row) -> None:
    """One dispute; for people a line per field, and then each side with its number."""
    if session.json:
        value(found)
        return
    _print_fields({k: v for k, v in found.items() if k not in ("sides", "subject")})
    subject = found.get("subject")
    if subject:
        _print_fields({"subject": {k: v for k, v in subject.items() if k != "id64"}})
    for side in found["sides"]:
        _write("")
        _print_fields(side)


def object_with_lists(data: Row, lists: Mapping[str, Iterable[Row]]) -> None:
    """One JSON object: `data`, and lists that are written element by element, since they may be long."""
    sys.stdout.write(_json(data)[:-1])
    for name, elements in lists.items():
        sys.stdout.write(f",\n{_json(name)}: [")
        for n, element in enumerate(elements):
            sys.stdout.write(("," if n else "") + "\n" + _json(element))
        sys.stdout.write("]")
    _write("}")


def differences(report: DiffReport, limit: int) -> None:
    """What two snapshots have differently, for people: the header's facts, at most `limit` differences, their number."""
    if not report.is_same_catalog:
        _write("these are snapshots of two catalogs")
    for fact in report.header:
        _write(_field_change(fact))
    found = [difference for kept in report.first.values() for difference in kept][:limit]
    for difference in found:
        _print_difference(difference)
    total = sum(report.sizes.values())
    if total > len(found):
        _write(f"… and {total - len(found)} more (--limit {total} lists all)")
    sizes = ", ".join(f"{size} {name}" for name, size in report.sizes.items() if size)
    _write(f"{total} difference{'s' if total > 1 else ''}: {sizes}" if total else "no differences")
    if not report.is_whole:
        note("one of the files has a newer format: what this version does not know of it was not compared")


def health(report: Report) -> None:
    """What the doctor found: a line per check, then each finding with its examples and what mends it."""
    if session.json:
        value(report.to_json())
        return
    lines: list[Row] = []
    for result in report.results:
        said = [finding.what for finding in result.findings] or [result.reason or result.about]
        lines.append({"check": result.name, "state": result.state, "what": "; ".join(said)})
    _print_table(lines)
    for result in report.results:
        for finding in result.findings:
            figures = [str(finding.count)] if finding.count > 1 else []
            figures += [str(finding.value)] if finding.value is not None else []
            _write("")
            _write(escape(f"{result.name}: {finding.what}" + (f" ({'; '.join(figures)})" if figures else "")))
            for example in finding.examples:
                _write(escape(f"    {example}"))
            _write(escape(f"  mend: {finding.mend}"))
        if result.reason:
            _write("")
            _write(escape(f"{result.name}: {result.reason}"))
            _write(escape(f"  mend: {result.mend}"))


def table(data: Sequence[Row]) -> None:
    """A table for people, whatever the options say."""
    _print_table(data)


# Talk


def note(line: str) -> None:
    """A remark on stderr; silent with --quiet."""
    if not session.quiet:
        sys.stderr.write(escape(line) + "\n")
        sys.stderr.flush()


def error(message: str, hint: str | None = None) -> None:
    """`error: what happened`, then `hint: the next step`, each on one line and without passwords."""
    sys.stdout.flush()
    lines = [f"error: {mask_url(_one_line(message)).rstrip('.')}"]
    if hint:
        lines.append(f"hint: {mask_url(_one_line(hint))}")
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def catalog_error(problem: CatalogError) -> None:
    """One of our own errors."""
    error(str(problem), problem.hint)


def stack(problem: BaseException) -> None:
    """The traceback, for --traceback, without passwords."""
    shown = mask_url("".join(traceback.format_exception(problem)))
    sys.stderr.write("".join(f"{escape(line)}\n" for line in shown.splitlines()))


@contextmanager
def progress(title: str) -> Iterator[Progress | None]:
    """A counter on stderr, only on a terminal; None elsewhere."""
    if session.quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(), TextColumn("{task.description}", markup=False), TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
    )  # fmt: skip
    with Bar(*columns, console=Console(stderr=True, markup=False, highlight=False), transient=True) as bar:
        task = bar.add_task(escape(title), total=None)

        def report(phase: str, number: int) -> None:
            bar.update(task, description=escape(f"{title}: {phase}"), completed=number)

        yield report


# Shapes


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")


def _one_line(message: str) -> str:
    return escape(" ".join(part.strip() for part in message.splitlines() if part.strip()))


def _json(data: Any, indent: int | None = None) -> str:
    shown = json.dumps(data, ensure_ascii=False, indent=indent)
    return shown if shown.isascii() and shown.isprintable() else _UNSAFE.sub(_json_escape, shown)


def _json_escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1] if is_hidden(match.string, match.start()) else match[0]


def _cell(data: Any) -> str:
    if data is None:
        return ""
    if isinstance(data, str):
        return escape(data)
    if isinstance(data, bool):
        return "yes" if data else "no"
    return _json(data) if isinstance(data, dict | list) else str(data)


def _with_verdict(found: Record, verified: Collection[str]) -> dict[str, Any]:
    """A record's JSON; an instrument's says whether it is verified, right behind its ids."""
    data = found.to_json()
    if found.kind != "instrument":
        return data
    head = {name: data.pop(name) for name in ("record", "id", "id64")}
    return head | {"verified": found.id in verified} | data


def _summary(data: Row) -> dict[str, Any]:
    id = data.get("id")
    if id is None:
        symbol = data.get("symbol")
        id = f"{data.get('instrument_id')}@{data.get('venue_id')}" + (f":{symbol}" if symbol else "")
    label = next((data[name] for name in _LABELS if name in data), None)
    if data["record"] == "event_type":
        label = f"version {data['version']}"
    place = next((data[name] for name in _PLACES if name in data and data[name] != label), None)
    return {
        "record": data["record"], "id": id, "symbol": label, "at": place, "name": data.get("name"), "status": data["status"],
    } | {k: data[k] for k in ("verified",) if k in data}  # fmt: skip


def _difference(data: Row) -> Row:
    after, before = data.get("after") or {}, data.get("before") or {}
    changed = {k: v for k, v in after.items() if before.get(k) != v}
    return {"record": data.get("record"), "action": data.get("action"), "values": changed}


def _print_difference(found: Difference) -> None:
    words = [found.action, found.record, str(found.id), *([found.label] if found.label else [])]
    if found.is_breaking:
        words.insert(0, "breaking:")
    if found.is_tombstoned is not None and found.action == "removed":
        words.append("(with a tombstone)" if found.is_tombstoned else "(without a tombstone)")
    elif found.is_tombstoned:
        words.append("(had a tombstone)")
    _write(escape(" ".join(words)))
    for field in found.fields:
        if found.action == "changed" or found.record == "vocabulary" or field.is_breaking:
            _write(f"    {_field_change(field)}")


def _field_change(change: FieldChange) -> str:
    before, after = ("(unknown)" if said is None else _cell(said) for said in (change.before, change.after))
    return f"{escape(change.field)}: {before} → {after}{'  (breaking)' if change.is_breaking else ''}"


def _print_fields(data: Row) -> None:
    shown = {k: v for k, v in data.items() if v is not None}
    width = max((len(k) for k in shown), default=0)
    for name, content in shown.items():
        _write(f"{name:<{width}}{_GAP}{_cell(content)}")


def _print_table(data: Iterable[Row]) -> None:
    lines = [{name: _cell(content) for name, content in row.items()} for row in data]
    if not lines:
        note("(none)")
        return
    names = list(dict.fromkeys(name for line in lines for name in line))
    cells = [[line.get(name, "") for name in names] for line in lines]
    if sys.stdout.isatty():
        _print_rich(names, cells)
        return
    widths = [max(len(row[n]) for row in [names, *cells]) for n in range(len(names))]
    for row in [names, *cells]:
        _write(_GAP.join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_rich(names: list[str], cells: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in names:
        # an id is only good whole
        shown.add_column(Text(name), overflow="fold", no_wrap=name == "id")
    for row in cells:
        shown.add_row(*map(Text, row))
    Console(markup=False, highlight=False).print(shown)
