"""Records in which every field is there, with values near the limits of their types, and records with none but must.

They are no records that the catalog would take: only the wire format holds for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from catalog.snapshot.entries import AnyEntry, Entry
from catalog.wire.layout import LAYOUTS, VOCABULARIES, Field, RecordLayout
from tests.snapshot import support

#: Every vocabulary of the universe, and as many codes at the end of its range as a record has fields.
FULL_VOCABULARIES = {
    name: support.VOCABULARIES[name] | {f"{name} {n}": (1 << 8 * width) - n for n in range(1, 60)}
    for name, width in VOCABULARIES.items()
}
_FIXED = {("event_type", "id_bits"): 128, ("event_type", "version"): 999_999_999}  # what the document limits further
_IDS = {
    kind: [str(record.id) for record in support.RECORDS if record.kind == kind]
    for kind in ("instrument", "venue", "pair", "pool")
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(2261, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def filled_universe() -> list[AnyEntry]:
    """The universe of the golden files and, for each record type, two filled records and a bare one."""
    filled = [_entry(table, variant) for table in LAYOUTS.values() for variant in range(3)]
    return support.numbered([*support.universe(), *filled])


def _entry(table: RecordLayout, variant: int) -> Entry:
    numbers = count(1)
    fields = table.fields if variant < 2 else [field for field in table.fields if not field.optional]
    values = {field.name: _value(table.record, field, variant, numbers) for field in fields}
    if table.record in ("future", "option"):  # their symbol is always there
        values["symbol"] = f"{table.record} {variant}"
    id = support.id_of(table.record, str(variant), kind=table.kind) if table.has_id else b""
    return Entry(table.record, id, 0, 0, values)


def _value(record: str, field: Field, variant: int, numbers: Iterator[int]) -> Any:
    """A value that no other field of the record has. The first variant has the low end of the type, the others the high."""
    n, low = next(numbers), variant == 0
    match field.type:
        case "key":
            return f"{field.name} {variant}" if low else (field.name + "~" * 255)[:255]
        case "text":
            return field.name if low else field.name + "é" * (1000 + n)
        case "decimal":
            return Decimal(-(10 * n + 1)).scaleb(-n) if low else Decimal(10**17 + n * 10 + 1).scaleb(n)
        case "bool":
            return n % 2 == variant
        case "date":
            return date(1, 1, 1) + timedelta(n) if low else date(9999, 12, 31) - timedelta(n)
        case "time":
            return _EPOCH + timedelta(microseconds=n) if low else _LAST - timedelta(microseconds=n)
        case "clock":
            return time(0, 0, n) if low else time(23, 59, 59 - n)
        case "keys":
            return (field.name,) if low else (field.name, "~" * 200)
        case "code8" | "code16":
            return f"{field.domain} {n}"
        case "ref":
            ids = _IDS[field.domain]
            return ids[(n + variant) % len(ids)]
        case "list":
            return [
                {item.name: _value(record, item, variant, numbers) for item in field.items} for _ in range(2 + variant)
            ]
    bits = 8 * {"u8": 1, "u32": 4, "u64": 8}[field.type]
    return _FIXED.get((record, field.name), n if low else (1 << min(bits, 63)) - n)
