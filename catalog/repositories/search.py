"""Finding records: by id, by every public identifier, page by page, and as they were at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from catalog.domain.base import Record
from catalog.domain.identity import KINDS, decode_identity
from catalog.domain.records import RECORDS
from catalog.errors import Ambiguous, InvalidRecord
from catalog.repositories import lookalikes, mapping
from catalog.repositories.driver import Cursor
from catalog.repositories.statements import Key, listing_key

MAX_PAGE = 1000
_HEX_ID = re.compile(r"[0-9a-f]{32}")
SCHEMES = ("id", "isin", "cusip", "figi", "symbol", "address", "exchange-symbol")
_I, _S, _V, _P = KINDS["instrument"], KINDS["security"], KINDS["venue"], KINDS["pair"]
_POOL, _BROKER, _EVENT = KINDS["pool"], KINDS["broker-contract"], KINDS["event-type"]

#: For each scheme the queries that give (kind, id) for `%(key)s`.
_QUERIES: dict[str, tuple[str, ...]] = {
    "isin": (
        f"SELECT {_S}, id FROM securities WHERE isin = %(key)s",
        f"SELECT {_I}, id FROM equities WHERE isin = %(key)s",
    ),
    "cusip": (
        f"SELECT {_S}, id FROM securities WHERE cusip = %(key)s",
        f"SELECT {_I}, e.id FROM equities e JOIN securities s USING (isin) WHERE s.cusip = %(key)s",
        f"SELECT {_I}, id FROM equities WHERE cusip = %(key)s",
    ),
    "figi": (
        f"SELECT {_S}, id FROM securities WHERE share_class_figi = %(key)s",
        f"SELECT {_I}, id FROM equities WHERE figi = %(key)s",
        f"SELECT {_I}, id FROM equities WHERE composite_figi = %(key)s",
        f"SELECT {_I}, id FROM equities WHERE share_class_figi = %(key)s",
    ),
    "symbol": (
        f"SELECT {_I}, id FROM tokens WHERE symbol = %(key)s",
        f"SELECT {_I}, id FROM natives WHERE symbol = %(key)s",
        f"SELECT {_I}, id FROM assets WHERE symbol = %(key)s",
        f"SELECT {_I}, id FROM equities WHERE ticker = %(key)s",
        f"SELECT {_I}, id FROM currencies WHERE iso_code = %(key)s",
        f"SELECT {_I}, id FROM futures WHERE symbol = %(key)s",
        f"SELECT {_I}, id FROM options WHERE symbol = %(key)s",
        f"SELECT {_I}, id FROM synthetics WHERE name = %(key)s",
        f"SELECT {_P}, id FROM pairs WHERE symbol = %(key)s OR other_symbols @> ARRAY[%(key)s]",
        f"SELECT {_BROKER}, id FROM broker_contracts WHERE symbol = %(key)s",
        f"SELECT {_EVENT}, id FROM event_types WHERE name = %(key)s",
        f"SELECT {_V}, id FROM venues WHERE %(key)s IN (mic, slug)",
    ),
    "address": (
        f"SELECT {_I}, id FROM tokens WHERE address IN (%(key)s, lower(%(key)s))",
        f"SELECT {_POOL}, id FROM pools WHERE address IN (%(key)s, lower(%(key)s))",
    ),
    "exchange-symbol": (
        f"""SELECT {_P}, id FROM pairs
        WHERE exchange = %(exchange)s AND (symbol = %(key)s OR other_symbols @> ARRAY[%(key)s])""",
        f"SELECT {_I}, id FROM assets WHERE exchange = %(exchange)s AND symbol = %(key)s",
        f"SELECT {_I}, id FROM futures WHERE %(exchange)s IN (exchange, mic) AND symbol = %(key)s",
        f"SELECT {_I}, id FROM options WHERE %(exchange)s IN (exchange, mic) AND symbol = %(key)s",
        f"SELECT {_BROKER}, id FROM broker_contracts WHERE broker = %(exchange)s AND symbol = %(key)s",
        f"""SELECT {_I}, l.instrument_id FROM listings l JOIN venues v ON v.id = l.venue_id
        WHERE %(exchange)s IN (v.mic, v.slug) AND l.symbol = %(key)s""",
    ),
}
#: Records that are found by what identifies them, which never was another one.
_NAMED = frozenset(["synthetic", "event_type", "venue"])
#: Fields that each scheme looks at, to find former states by.
_FIELDS = {
    "isin": ("isin",),
    "cusip": ("cusip",),
    "figi": ("figi", "composite_figi", "share_class_figi"),
    "symbol": ("symbol", "ticker", "iso_code", "other_symbols"),
    "address": ("address",),
    "exchange-symbol": ("symbol", "ticker", "other_symbols"),
}
#: Those that hold several.
_LISTS = frozenset(["other_symbols"])


def to_record(values: dict[str, Any]) -> Record:
    """The record of stored values."""
    return RECORDS[values["record"]](**{k: v for k, v in values.items() if k != "record"})


def get(cursor: Cursor, key: Key) -> Record | None:
    """One record by its key; an alias answers with its target."""
    found = get_many(cursor, [resolve(cursor, key)])
    return found[0] if found else None


def get_many(cursor: Cursor, keys: Iterable[Key]) -> list[Record]:
    """Those of the records that exist, in the order asked for."""
    wanted = list(dict.fromkeys(keys))
    values: dict[Key, dict[str, Any]] = {}
    for kind in {k.kind for k in wanted}:
        loaded = mapping.load_kind(cursor, kind, [k.id for k in wanted if k.kind == kind])
        values |= {Key(kind, id): v for id, v in loaded.items()}
    return [to_record(values[k]) for k in wanted if k in values]


def resolve(cursor: Cursor, key: Key) -> Key:
    """The key itself, or that of the instrument it is an alias of."""
    cursor.execute("SELECT target_id FROM identities WHERE kind = %s AND id = %s AND is_alias", key)
    found = cursor.fetchone()
    return Key(key.kind, found[0]) if found and found[0] else key


def page(
    cursor: Cursor, records: tuple[str, ...], *, after: UUID | None, limit: int, status: str | None
) -> list[Record]:
    """The next records of these types after an id, in the order of ids (keyset paging)."""
    found: list[tuple[UUID, dict[str, Any]]] = []
    for record in records:
        conditions, values = [mapping.of_type(record)], []
        if after is not None:
            conditions.append("t0.id > %s")
            values.append(after)
        if status is not None:
            conditions.append("t0.status = %s")
            values.append(status)  # type: ignore[arg-type]
        cursor.execute(
            f"{mapping.select(record)} WHERE {' AND '.join(conditions)} ORDER BY t0.id LIMIT %s",
            [*values, min(limit, MAX_PAGE)],
        )
        found += [(cells[0], mapping.to_values(record, cells[1:])) for cells in cursor.fetchall()]
    found.sort(key=lambda f: f[0])
    return [to_record(values) for _, values in found[: min(limit, MAX_PAGE)]]


def find(
    cursor: Cursor, key: str, by: str | None = None, source: str | None = None, at: datetime | None = None
) -> list[Record]:
    """All records that answer to a key, by one scheme or by any, instruments that nobody verified last.

    `source` keeps one exchange, market or blockchain.
    """
    if by is not None and by not in SCHEMES:
        raise InvalidRecord("by", by, f"one of {', '.join(SCHEMES)} is expected")
    keys = _candidates(cursor, key, by, source, at)
    found = get_many(cursor, keys) if at is None else _as_of(cursor, keys, key, by, at)
    kept = [r for r in found if source is None or source in _sources(r) or by == "exchange-symbol"]
    known = verified(cursor, kept)
    return sorted(kept, key=lambda r: r.kind == "instrument" and r.id not in known)


def verified(cursor: Cursor, records: Iterable[Record]) -> set[str]:
    """The ids of those instruments among the records that are verified."""
    ids = [UUID(hex=r.id) for r in records if r.kind == "instrument"]
    return {id.hex for id in lookalikes.verified(cursor, ids)} if ids else set()


def resembling(cursor: Cursor, symbol: str, source: str | None = None) -> list[Record]:
    """The instruments whose symbols look like this one and are spelt otherwise, verified ones first."""
    found = [r for r in get_many(cursor, lookalikes.resembling(cursor, symbol)) if source in (None, *_sources(r))]
    known = verified(cursor, found)
    return sorted(found, key=lambda r: r.id not in known)


def _candidates(cursor: Cursor, key: str, by: str | None, source: str | None, at: datetime | None) -> list[Key]:
    keys: list[Key] = []
    hex_id = key.lower().removeprefix("0x")
    if by in (None, "id") and len(hex_id) == 32 and all(c in "0123456789abcdef" for c in hex_id):
        cursor.execute("SELECT kind, id FROM identities WHERE id = %s ORDER BY kind", [UUID(hex=hex_id)])
        keys += [resolve(cursor, Key(*row)) for row in cursor.fetchall()]
    if by in (None, "id") and key.isascii() and key.isdigit() and len(key) <= 10:
        keys += by_number(cursor, int(key))
    exchange, colon, symbol = key.partition(":")
    for scheme, queries in _QUERIES.items():
        if by not in (None, scheme):
            continue
        params = {"key": key, "exchange": source}
        if scheme == "exchange-symbol" and source is None:
            if not colon:
                continue
            params = {"key": symbol, "exchange": exchange}
        for query in queries:
            cursor.execute(f"{query} ORDER BY 2", params)
            keys += [Key(*row) for row in cursor.fetchall()]
        if at is not None:
            for field in _FIELDS[scheme]:
                cursor.execute(
                    """SELECT DISTINCT kind, record_id FROM history
                    WHERE kind < 8 AND image @> jsonb_build_object(%s::text, %s::jsonb) ORDER BY 2""",
                    [field, Jsonb([params["key"]] if field in _LISTS else params["key"])],
                )
                keys += [Key(*row) for row in cursor.fetchall()]
    return list(dict.fromkeys(keys))


def by_number(cursor: Cursor, number: int) -> list[Key]:
    """The event type that is shown as this number."""
    cursor.execute("SELECT id FROM event_types WHERE number = %s", [number])
    return [Key(_EVENT, id) for (id,) in cursor.fetchall()]


def state_at(cursor: Cursor, key: Key, at: datetime) -> dict[str, Any] | None:
    """The values of a record as they were at a time; None before it was registered."""
    cursor.execute(
        "SELECT image FROM history WHERE kind = %s AND record_id = %s AND valid_from <= %s AND valid_to > %s",
        [*key, at, at],
    )
    found = cursor.fetchone()
    if found is not None:
        return dict(found[0])
    cursor.execute("SELECT 1 FROM changes WHERE kind = %s AND record_id = %s AND changed_at <= %s LIMIT 1", [*key, at])
    return mapping.load_kind(cursor, key.kind, [key.id]).get(key.id) if cursor.fetchone() else None


def _as_of(cursor: Cursor, keys: list[Key], key: str, by: str | None, at: datetime) -> list[Record]:
    fields = {f for scheme, names in _FIELDS.items() if by in (None, scheme) for f in names}
    wanted = {key, key.lower(), key.partition(":")[2]}
    found = []
    for candidate in keys:
        values = state_at(cursor, candidate, at)
        if values is not None and (
            by == "id"
            or candidate.id.hex == key
            or values["record"] in _NAMED
            or any(wanted.intersection(values.get(f) or () if f in _LISTS else [values.get(f)]) for f in fields)
        ):
            found.append(to_record(values))
    return found


def _sources(record: Record) -> set[str]:
    names = ("exchange", "mic", "segment_mic", "blockchain", "slug", "broker")
    return {value for name in names if (value := getattr(record, name, None))}


def explain(cursor: Cursor, id: UUID) -> list[dict[str, Any]]:
    """The identities behind an id, of each kind that has it."""
    names = {code: name for name, code in KINDS.items()}
    cursor.execute("SELECT kind, identity, is_alias, target_id FROM identities WHERE id = %s ORDER BY kind", [id])
    return [
        {
            "kind": names[kind],
            "id": id.hex,
            "id64": id.hex[:16],
            "identity": list(decode_identity(bytes(identity))),
            "is_alias": is_alias,
            "target": target.hex if target else None,
        }
        for kind, identity, is_alias, target in cursor.fetchall()
    ]


def listing_from_key(cursor: Cursor, text: str) -> Key:
    """The key of a listing from its name `INSTRUMENT@VENUE[:SYMBOL]`; the symbol is needed where there are several.

    Raises InvalidRecord, Ambiguous.
    """
    instrument, at, rest = text.partition("@")
    venue, colon, symbol = rest.partition(":")
    if not at:
        raise InvalidRecord("listing", text, "INSTRUMENT@VENUE[:SYMBOL] is expected")
    key = Key(mapping.KIND_CODES["listing"], listing_key(instrument, venue, symbol))
    if colon or not all(_HEX_ID.fullmatch(id) for id in (instrument, venue)):
        return key
    cursor.execute(
        "SELECT id, symbol FROM listings WHERE instrument_id = %s AND venue_id = %s ORDER BY symbol",
        [UUID(hex=instrument), UUID(hex=venue)],
    )
    found = cursor.fetchall()
    if len(found) > 1 and key.id not in [id for id, _ in found]:
        raise Ambiguous("listing", text, [f"{text}:{local}" for _, local in found])
    return Key(key.kind, found[0][0]) if len(found) == 1 else key


def listing_names(cursor: Cursor, ids: Iterable[UUID]) -> dict[UUID, str]:
    """What users call the listings in these rows: `INSTRUMENT@VENUE[:SYMBOL]`."""
    found = mapping.load_kind(cursor, mapping.KIND_CODES["listing"], list(ids))
    return {id: str(getattr(to_record(values), "key")) for id, values in found.items()}  # noqa: B009


def counts(cursor: Cursor) -> dict[str, int]:
    """Records per type, all statuses together."""
    found = dict.fromkeys(RECORDS, 0)
    cursor.execute("SELECT record, count(*) FROM instruments GROUP BY record")
    found |= dict(cursor.fetchall())
    for record, noun in mapping.NOUNS.items():
        if noun.tables[0] != "instruments":
            cursor.execute(f"SELECT count(*) FROM {noun.tables[0]}")
            row = cursor.fetchone()
            assert row is not None
            found[record] = row[0]
    return found
