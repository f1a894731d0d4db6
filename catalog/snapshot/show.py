"""A snapshot file for people: its summary, its messages one by one as JSON-ready values, and what answers to a key."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from catalog.domain.base import Record
from catalog.domain.calendar import format_clock, format_moment
from catalog.domain.identity import Id, event_type_number
from catalog.errors import InvalidIdentifier, NotFound
from catalog.snapshot.reader import Snapshot
from catalog.wire import layout
from catalog.wire.frame import HEADER_SIZE, Message, decode_message
from catalog.wire.messages import (
    INDEX_HEAD,
    SnapshotMessage,
    decode_end,
    decode_index_head,
    decode_snapshot,
    decode_tombstone,
    decode_vocabulary,
)

_NAMES = {
    layout.VOCABULARY: "vocabulary",
    layout.SNAPSHOT: "snapshot",
    layout.INDEX: "index",
    layout.END: "end",
    layout.ALIAS: "alias",
    layout.SUCCESSION: "succession",
    layout.TOMBSTONE: "tombstone",
}


def show(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What the file says of itself: header, counts, digest, size, vocabularies and indexes. Raises DecodeError."""
    with Snapshot.open(path) as snapshot:
        summary = header_facts(snapshot.header)
        return summary | {
            "digest": snapshot.digest.hex(),
            "size": snapshot.size,
            "instruments": len(snapshot),
            "indexes": {
                layout.INDEX_NAMES.get(code, str(code)): head._asdict() for code, head in snapshot.index_heads().items()
            },
        }


def cat(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """Every message of the file in order: offset, type, sequence, time, and its content under its name.

    Raises DecodeError at the first message that cannot be read; those before it have been given by then.
    """
    with Snapshot.open(path) as snapshot:
        offset = 0
        while offset < snapshot.size:
            message = decode_message(snapshot.data, offset)
            name, content = _content(snapshot, message)
            yield {
                "offset": offset,
                "type": f"0x{message.type:02x}",
                "message": name,
                "sequence": message.sequence,
                "changed_at": rfc3339(message.timestamp_ns),
                "content": content,
            }
            offset = message.end


def find(snapshot: Snapshot, key: str) -> list[Record]:
    """All records that answer to `key`, whatever it is: id, ISIN, CUSIP, FIGI, symbol, address, or `EXCHANGE SYMBOL`."""
    found: dict[str, Record] = {}

    def add(records: list[Record]) -> None:
        for record in records:
            found.setdefault(f"{record.kind} {record.id}", record)

    for kind in layout.KIND_CODES:
        with suppress(NotFound, InvalidIdentifier):
            add([snapshot.get(key, kind)])
    if key.isascii() and key.isdigit():
        with suppress(NotFound):
            add([snapshot.event_type(int(key))])
    look_ups: list[Callable[[str], list[Record]]] = [
        snapshot.by_isin,
        snapshot.by_cusip,
        snapshot.by_figi,
        snapshot.by_symbol,
    ]
    for look_up in look_ups:
        add(look_up(key))
    with suppress(InvalidIdentifier):  # a wrong checksum in a mixed-case address: nothing answers to that
        add(snapshot.by_address(key))
    exchange, _, symbol = key.replace(":", " ", 1).partition(" ")
    if symbol:
        add(snapshot.by_exchange_symbol(exchange, symbol))
    return list(found.values())


def rfc3339(nanoseconds: int) -> str:
    """Nanoseconds since the epoch as RFC 3339 in UTC, to the microsecond or, where that would lose some, all nine."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    try:
        text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{nanoseconds} ns"  # beyond the year 9999, which only a broken file says
    digits = f"{rest:09d}"
    return f"{text}.{digits[:6] if digits.endswith('000') else digits}Z"


def header_facts(header: SnapshotMessage) -> dict[str, Any]:
    """What the header says, in JSON form."""
    base = {} if header.base_as_of_ns is None else {"base_as_of": rfc3339(header.base_as_of_ns)}
    return {
        "format_version": header.format_version,
        "contents": "delta" if header.contents == layout.DELTA else "full",
        "id_bits": header.id_bits,
        "catalog_id": header.catalog_id.hex(),
        "base_sequence": header.base_sequence,
        **base,
        "as_of_sequence": header.as_of_sequence,
        "as_of": rfc3339(header.as_of_ns),
        "horizon": rfc3339(header.horizon_ns),
        "counts": header.counts,
        "schema_revision": header.schema_revision,
    }


def _content(snapshot: Snapshot, message: Message) -> tuple[str, dict[str, Any]]:
    base, width = message.offset + HEADER_SIZE, snapshot.header.id_bits // 8
    name = _NAMES.get(message.type, "unknown")
    if message.type == layout.SNAPSHOT:
        return name, header_facts(decode_snapshot(message.payload, base))
    if message.type == layout.VOCABULARY:
        vocabulary, codes = decode_vocabulary(message.payload, base)
        return name, {"name": vocabulary, "codes": {value: code for code, value in codes.items()}}
    if message.type == layout.ALIAS:
        alias = snapshot.alias_entry(message)
        return name, {
            "id": alias.id.hex(),
            "target": alias.target and alias.target.hex(),
            "identity": alias.identity.hex(),
        }
    if message.type == layout.SUCCESSION:
        entry = snapshot.succession_entry(message)
        return name, {
            "kind": layout.KIND_NAMES[entry.kind],
            "predecessor": entry.predecessor.hex(),
            "successor": entry.successor.hex(),
            "succession_kind": entry.succession_kind,
            "ratio": plain(entry.ratio),
            "effective_at": rfc3339(entry.effective_ns),
            "is_in_effect": entry.is_in_effect,
        }
    if message.type == layout.TOMBSTONE:
        gone = decode_tombstone(message.payload, base, width)
        return name, {"record": gone.record, "kind": layout.KIND_NAMES.get(gone.kind, gone.kind), "id": gone.id.hex()}
    if message.type == layout.INDEX:
        head = decode_index_head(message.payload[: INDEX_HEAD.size], message.offset, len(message.payload), width)
        return name, {"name": layout.INDEX_NAMES.get(head.code, str(head.code))} | head._asdict()
    if message.type == layout.END:
        end = decode_end(message.payload, base)
        indexes = {layout.INDEX_NAMES.get(code, str(code)): at for code, at in enumerate(end.indexes) if at}
        sections = {f"0x{code:02x}": at for code, at in enumerate(end.sections) if at}
        sizes = {"num_messages": end.num_messages, "file_size": end.file_size, "digest": end.digest.hex()}
        return name, {"sections": sections, "indexes": indexes} | sizes
    if not snapshot.knows(message):
        return name, {"payload_size": len(message.payload)}
    record, key, values = snapshot.decode(message)
    head_values: dict[str, Any] = {"record": record}
    if record == "event_type":
        head_values["id"] = event_type_number(Id(key))
    elif key:
        head_values |= {"id": key.hex(), "id64": key[:8].hex()}
    return record, head_values | {field: plain(value) for field, value in values.items()}


def plain(value: object) -> Any:
    """A decoded value in its JSON form."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return format_clock(value)
    if isinstance(value, tuple):
        if hasattr(value, "_asdict"):
            return {name: plain(said) for name, said in value._asdict().items() if said is not None}
        return [plain(element) for element in value]
    return value
