"""`jsonl`: our own canonical records, one JSON object per line, any mix of record types."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import BinaryIO

from catalog.domain.records import RECORDS, parse_record
from catalog.domain.vocabulary import Authority
from catalog.errors import CatalogError
from catalog.importers.base import Heading, Parsed, Reject, rejected, show_bytes
from catalog.importers.json_document import lower_first
from catalog.importers.json_values import CODES as VALUE_CODES
from catalog.importers.json_values import ValueDecoder
from catalog.importers.lines import BOM, Line, read_lines

MAX_LINE = 16 << 20
#: What the rules of the records themselves refuse, whatever its field is called.
RECORD_CODES = {
    "invalid_record": "a value that the field cannot have: another type, or outside its range",
    "missing_field": "a required field is absent",
    "unknown_field": "the record type has no such field",
    "unknown_record": "`record` is absent or names no record type",
    "wrong_id": "`id` or `id64` is not that of the identity",
    "cycle": "a synthetic that would be made of itself",
    "unknown_variable": "the formula names what is no component",
    "unused_component": "the formula does not use a component",
    "invalid_address": "not an address of the blockchain, or one that means its native coin",
    "invalid_blockchain": "not a CAIP-2 name of a namespace whose addresses can be normalised",
    "invalid_country": "not an ISO 3166 alpha-2 code",
    "invalid_currency": "not an ISO 4217 code",
    "invalid_cusip": "not a CUSIP: its form or check digit",
    "invalid_date": "not a day such as 2026-12-18",
    "invalid_decimal": "not a finite number of at most 18 digits with an exponent from -128 to 127",
    "invalid_figi": "not a FIGI: its form or check digit",
    "invalid_formula": "not a formula of numbers, names, + - * / ^ and known functions, or one that has no value",
    "invalid_id": "not 32 lower-case hex digits",
    "invalid_isin": "not an ISIN: its form, prefix or check digit",
    "invalid_key": "a symbol, ticker or code that is empty, over 255 bytes, or has control characters or lone surrogates",
    "invalid_lei": "not an LEI: its form or check digits",
    "invalid_mic": "not four capital letters or digits",
    "invalid_pool_id": "not `0x` and 64 lower-case hex digits",
    "invalid_sedol": "not a SEDOL: its form or check digit",
    "invalid_slug": "not lower-case letters, digits and `_`",
    "invalid_text": "free text that is over 65,535 bytes, or has control characters or lone surrogates",
    "invalid_time": "not a time with a zone, to the microsecond, from 1970 to 2261",
    "invalid_time_of_day": "not a time of day such as 09:30",
    "invalid_token_id": "not a decimal number below 2^256",
}
_BLANKS = " \t\r\n"


class JsonlImporter:
    """Canonical records as `catalog … show --json` prints them."""

    source = "jsonl"
    authority: Authority = "curated"
    codes: Mapping[str, str] = (
        VALUE_CODES
        | RECORD_CODES
        | {
            "invalid_json": "the line is not one JSON value (the place has the column)",
            "invalid_utf8": "the line is not UTF-8 (the place has the column, in bytes)",
            "line_too_long": f"the line is longer than {MAX_LINE >> 20} MiB; it was read past",
        }
    )

    def can_parse(self, head: bytes) -> bool:
        """Whether the first line that is not blank begins an object that has a `record`."""
        first = head.removeprefix(BOM).lstrip()
        line, _, _ = first.partition(b"\n")
        if not line.startswith(b"{") or b'"record"' not in line:
            return False
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return len(line) == len(first)  # a line longer than the head
        return isinstance(value, dict) and "record" in value

    def heading(self, stream: BinaryIO) -> Heading:  # noqa: ARG002
        """The feed `jsonl`; records of ours have no time of their own."""
        return Heading("jsonl", is_listing=False)

    def parse(self, stream: BinaryIO, observed_at: datetime | None) -> Iterator[Parsed | Reject]:  # noqa: ARG002
        """A record, or a reject, for every line that is not blank."""
        decoder = ValueDecoder(strict=True)
        for line in read_lines(stream, MAX_LINE):
            if line.data.strip(_BLANKS.encode()) or line.is_too_long:
                yield _row(line, decoder)


def _row(line: Line, decoder: ValueDecoder) -> Parsed | Reject:
    place, row = f"line {line.number}", show_bytes(line.data)
    if line.is_too_long:
        return Reject(place, "line_too_long", f"a line may have {MAX_LINE} bytes", row, "")
    try:
        text = line.data.decode().strip(_BLANKS)
    except UnicodeDecodeError as error:
        return Reject(f"{place}, column {error.start + 1}", "invalid_utf8", "not UTF-8", row, "")
    try:
        value, end, problem = decoder.decode(text)
        if end != len(text):
            raise json.JSONDecodeError("extra data behind the object", text, end)
    except json.JSONDecodeError as error:
        column = error.pos + 1 + len(line.data) - len(line.data.lstrip(_BLANKS.encode()))
        return Reject(f"{place}, column {column}", "invalid_json", lower_first(error.msg), row, "")
    except RecursionError:
        return Reject(place, "invalid_json", "nested too deeply", row, "")
    name = value.get("record") if isinstance(value, dict) else None
    record = name if isinstance(name, str) and name in RECORDS else ""
    try:
        if problem:
            raise problem
        return Parsed(parse_record(value), place)
    except CatalogError as error:
        return rejected(place, error, row, record)


IMPORTER = JsonlImporter()
