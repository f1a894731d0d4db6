"""The whole chain: record → row → record → wire → record → JSON → record, for generated records of every type."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from catalog.domain import RECORDS, Native, Record, parse_record
from catalog.domain.screening import of_the_line
from catalog.domain.vocabulary import BLOCKCHAINS, VOCABULARIES
from catalog.repositories import mapping, nouns, search
from catalog.repositories.driver import Cursor
from catalog.repositories.statements import key_of
from catalog.wire.layout import LAYOUTS
from catalog.wire.records import prefix_size, record_decoder, record_encoder
from tests.records import record_of, records

CODES = VOCABULARIES | {"blockchain": {chain.caip2: chain.code for chain in BLOCKCHAINS.values()}}
NAMES = {name: {code: value for value, code in codes.items()} for name, codes in CODES.items()}
WIDTHS = (8, 16)

# Fifty of each type; records are big, and building one takes as long as testing it.
quick = settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def through_json(record: Record) -> Record:
    return parse_record(json.loads(json.dumps(record.to_json())))


def payload_of(record: Record, values: dict[str, Any], width: int) -> bytes:
    id = b"" if record.record == "listing" else record.id.bytes
    return record_encoder(record.record, CODES, width)(id, values)


def fields_of(record: Record) -> dict[str, Any]:
    """The fields as the wire takes them."""
    return {name: getattr(record, name) for name in type(record).model_fields if name != "record"}


def through_wire(record: Record, width: int, values: dict[str, Any] | None = None) -> Record:
    """The record that a reader makes of the payload of `record` (or of `values`, which are the same in another form)."""
    payload = payload_of(record, values or fields_of(record), width)
    ids = {(kind, bytes.fromhex(id)[:width]): id for _, kind, id in record.references()}
    decode = record_decoder(record.record, NAMES, width, lambda reference, kind: ids[kind, reference])
    layout = LAYOUTS[record.record]
    if layout.has_id:
        assert payload[:16] == record.id.bytes
    assert len(payload) >= prefix_size(layout) + len(layout.fields)
    return RECORDS[record.record](**decode(payload, 0))


def through_database(cursor: Cursor, record: Record) -> tuple[Record, dict[str, Any]]:
    """The record that its rows make, and the values of these rows as a snapshot is written from them."""
    key, noun = key_of(record), mapping.NOUNS[record.record]
    nouns.insert(cursor, {key: record.known() | {"status": record.status}})
    stored = mapping.load(cursor, record.record, [key.id])[key.id]
    cursor.execute(f"{mapping.select(record.record)} WHERE t0.id = %s", [key.id])
    ((_, *cells),) = cursor.fetchall()
    named, natives = zip(noun.fields, cells, strict=True), mapping.natives(noun)
    return search.to_record(stored), {n: natives[n](c) if n in natives else c for n, c in named if c is not None}


def same(one: Record, other: Record) -> bool:
    return one == other and one.canonical_json() == other.canonical_json() and one.identity == other.identity


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_survives_json_and_wire(name: str) -> None:
    @quick
    @given(record_of(name))
    def check(record: Record) -> None:
        assert same(through_json(record), record)
        for width in WIDTHS:
            assert same(through_wire(record, width), record)

    check()


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_survives_the_whole_chain(name: str, database_url: str) -> None:
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # what it refers to is not there
        connection.commit()

        @settings(quick, max_examples=16, derandomize=True, database=None)
        @given(record_of(name))
        def check(record: Record) -> None:
            record = of_the_line(record)  # an equity with an ISIN leaves to its security what belongs to that
            with connection.transaction(force_rollback=True):
                found, cells = through_database(cursor, record)
            assert same(found, record)
            for width in WIDTHS:
                assert payload_of(found, cells, width) == payload_of(record, fields_of(record), width)
                assert same(through_json(through_wire(found, width, cells)), record)

        check()


@quick
@given(records())
def test_the_values_of_a_record_make_it_again(record: Record) -> None:
    """What observations, history and the change log keep of a record is all of it, and is JSON."""
    values = record.known()
    assert json.loads(json.dumps(values)) == values
    assert same(search.to_record(values), record)


def test_what_a_record_does_not_say_is_not_said_for_it() -> None:
    plain = Native(blockchain="eip155:1")
    assert "status" not in plain.known()
    assert through_json(plain).known() == plain.known() | {"status": "active"}
