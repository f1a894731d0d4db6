"""Checks of ids: recomputed from the identities behind them, and wide enough."""

from __future__ import annotations

from collections.abc import Iterator

from catalog.domain.identity import KIND_NAMES, KINDS, Id, decode_identity, digest, event_type_number
from catalog.errors import show_identity
from catalog.repositories.doctor import intake, records
from catalog.repositories.identities import short_key
from catalog.repositories.statements import Key, listing_key
from catalog.services.doctor.examination import Examination
from catalog.services.doctor.report import Finding, Tally

#: Instruments from which on, and kinds of sources with which, ids should have 128 bits.
MANY_INSTRUMENTS = 100_000
RESTORE = "restore from a backup or a snapshot: nothing else knows what the id stood for"


def ids(exam: Examination) -> Iterator[Finding]:
    """Every id is what its canonical identity hashes to, in its long form and in its short one."""
    wrong, short, listings, numbers = Tally(), Tally(), Tally(), Tally()
    start, rows = exam.scope.start, exam.scope.rows
    for name, kind in KINDS.items():
        for id, id64, identity in records.identities(exam.cursor, kind, start, rows):
            found = digest(name, bytes(identity))
            if found != id.bytes:
                wrong.add(f"{KIND_NAMES[kind]} {id.hex}: {_shown(bytes(identity))} hashes to {found.hex()}")
            if id64 != short_key(Key(kind, id)):
                short.add(f"{KIND_NAMES[kind]} {id.hex}: {id64}")
    for id, instrument, venue, symbol in records.listings(exam.cursor, start, rows):
        if listing_key(instrument.hex, venue.hex, symbol) != id:
            listings.add(f"{instrument.hex}@{venue.hex}" + (f":{symbol}" if symbol else ""))
    for id, number in records.event_numbers(exam.cursor, start, rows):
        if event_type_number(Id(id.bytes)) != number:
            numbers.add(f"event-type {id.hex}: {number}")
    yield from wrong.findings("ids are not what their identities hash to", RESTORE)
    yield from short.findings(
        "the 64-bit form is not the beginning of the id", "UPDATE identities SET id64 = … (see docs/ids.md)"
    )
    yield from listings.findings(
        "rows of listings are not keyed by their instrument, venue and symbol", "restore from a backup or a snapshot"
    )
    yield from numbers.findings(
        "numbers of event types are not the beginning of their ids",
        "UPDATE event_types SET number = … (see docs/ids.md)",
    )


def _shown(identity: bytes) -> str:
    try:
        return show_identity(decode_identity(identity))
    except UnicodeDecodeError:
        return identity.hex()


def width(exam: Examination) -> Iterator[Finding]:
    """Ids are wide enough for what is in the catalog, and nothing was refused because they are not."""
    found = intake.width(exam.cursor, MANY_INSTRUMENTS)
    collided = intake.collisions(exam.cursor)
    if collided.number:
        yield Finding(
            "records were refused because their ids are taken",
            "`catalog collisions list`" + ("; `catalog ids widen`, then import them again" if found.bits == 64 else ""),
            count=collided.number, examples=collided.examples,
        )  # fmt: skip
    if found.bits == 64 and found.instruments > MANY_INSTRUMENTS:
        yield Finding(
            f"ids have 64 bits, and there are more than {MANY_INSTRUMENTS:,} instruments", "`catalog ids widen`",
            is_advice=True,
        )  # fmt: skip
    if found.bits == 64 and found.chain_sources:
        yield Finding(
            "ids have 64 bits, and blockchains are read: two token addresses of one id can be made within an hour",
            "`catalog ids widen`", examples=found.chain_sources, is_advice=True,
        )  # fmt: skip
