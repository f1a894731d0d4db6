"""What commands take in: files of JSON, times, `FIELD=VALUE`."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from json import JSONDecodeError
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from catalog.errors import InvalidRecord, PayloadError, quote

if TYPE_CHECKING:
    from catalog.domain.base import Record
    from catalog.importers.json_values import ValueDecoder

MAX_BYTES = 256 << 20
_FLAGS = {"true": True, "yes": True, "false": False, "no": False}


class Item(NamedTuple):
    """One JSON value of an input: where it stood, and why it is no good (then `value` is None)."""

    value: Any
    place: str
    problem: InvalidRecord | None


def read_text(path: str) -> str:
    """The text of a file, or of standard input for `-`. Raises PayloadError."""
    try:
        if path == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise PayloadError(f"{quote(path)} is a directory", hint="name a file, or `-` for standard input") from None
    except FileNotFoundError:
        raise PayloadError(f"{quote(path)} does not exist", hint="check the path") from None
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise PayloadError(f"{quote(path)} cannot be read: {what}", hint="check the path") from None
    if len(data) > MAX_BYTES:
        reason = f"{quote(path)} is larger than {MAX_BYTES >> 20} MiB"
        raise PayloadError(reason, hint="`catalog import jsonl` takes files of any size")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PayloadError(f"{quote(path)} is not UTF-8", f"byte {error.start}", "convert it to UTF-8") from None


def read_items(path: str) -> tuple[list[Item], bool]:
    """The JSON values of a file: one object, an array, or JSON lines; and whether it was a single object.

    Raises PayloadError when it is none of these. In JSON lines a broken line is an item with a problem, so that it
    does not stop the others.
    """
    from catalog.importers.json_values import ValueDecoder

    text, decoder = read_text(path), ValueDecoder(strict=True)
    start = len(text) - len(text.lstrip())
    if start == len(text):
        raise PayloadError(f"{quote(path)} is empty", hint="a JSON object, an array or JSON lines are expected")
    try:
        value, end, problem = decoder.decode(text, start)
    except JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise PayloadError(f"{quote(path)} is not JSON: {_lower(error.msg)}", place, "mend the file") from None
    except RecursionError:
        raise PayloadError(f"{quote(path)} is nested too deeply", hint="records are flat objects") from None
    if text[end:].strip():
        return _read_lines(text, decoder), False
    if not isinstance(value, list):
        return [Item(value, "", problem)], True
    if problem is not None:  # it can't be said which element has it
        raise problem
    return [Item(element, f"/{n}", None) for n, element in enumerate(value)], False


def _read_lines(text: str, decoder: ValueDecoder) -> list[Item]:
    items = []
    for number, line in enumerate(text.split("\n"), start=1):
        row = line.strip()
        if not row:
            continue
        place, value = f"line {number}", None
        try:
            value, end, problem = decoder.decode(row)
            if end != len(row):
                raise JSONDecodeError("extra data behind the value", row, end)
        except JSONDecodeError as error:
            problem = InvalidRecord("line", row[:60], f"not JSON: {_lower(error.msg)}", code="invalid_json")
        except RecursionError:
            problem = InvalidRecord("line", row[:60], "nested too deeply", code="invalid_json")
        items.append(Item(None if problem else value, place, problem))
    return items


def moment(text: str | None) -> datetime | None:
    """A time of RFC 3339, or a day (its first moment in UTC)."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-01-31"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        value = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{quote(text)} is not a time, such as `2026-01-31T12:00:00Z`") from None
    if value.tzinfo is None:
        raise typer.BadParameter(f"{quote(text)} has no zone; end it with `Z` for UTC")
    return value


def day(text: str | None) -> date | None:
    """A day, such as `2026-01-31`."""
    from catalog.domain.calendar import day as parsed

    return None if text is None else parsed(text)


def assignments(model: type[Record], words: list[str]) -> dict[str, Any]:
    """`FIELD=VALUE` words as values of a record type's fields."""
    properties = model.model_json_schema()["properties"]
    given: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not text:
            raise typer.BadParameter(f"{quote(word)} is not FIELD=VALUE")
        if name not in properties or name == "record":
            names = ", ".join(n for n in properties if n != "record")
            raise typer.BadParameter(
                f"a {model.model_fields['record'].default} has no field {quote(name)}, but {names}"
            )
        if name in given:
            raise typer.BadParameter(f"{quote(name)} is given twice")
        given[name] = _value(name, text, properties[name])
    return given


def decimal(text: str | None) -> Decimal | None:
    """An exact number."""
    from catalog.domain.decimals import canonical_decimal

    return None if text is None else canonical_decimal(text)


def _value(name: str, text: str, schema: dict[str, Any]) -> Any:
    """The text as the type that the field has: a number, yes or no, JSON for a list, else text."""
    types = {option.get("type") for option in schema.get("anyOf", [schema])}
    if "integer" in types:
        return _number(name, text)
    if "boolean" in types:
        if text not in _FLAGS:
            raise typer.BadParameter(f"{name} is true or false, not {quote(text)}")
        return _FLAGS[text]
    if "array" in types:
        from catalog.importers.json_values import ValueDecoder

        try:
            value, end, problem = ValueDecoder(strict=True).decode(text)
        except (JSONDecodeError, RecursionError):
            raise typer.BadParameter(f"{name} is a JSON array, not {quote(text)}") from None
        if problem is not None or text[end:].strip() or not isinstance(value, list):
            raise typer.BadParameter(f"{name} is a JSON array, not {quote(text)}")
        return value
    if text == "null":
        raise typer.BadParameter(f"{name} cannot be set to nothing; leave it, or state what is true")
    return text


def _number(name: str, text: str) -> int:
    if not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > 20:
        raise typer.BadParameter(f"{name} is a whole number, not {quote(text)}")
    return int(text)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
