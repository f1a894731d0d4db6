"""Checks of what comes in and goes out: payloads, import runs, what waits, precedence, what is due, nightly runs."""

from __future__ import annotations

from collections.abc import Iterator

import zstandard
from blake3 import blake3

from catalog.domain.golden import OPERATOR_SOURCE
from catalog.domain.records import RECORDS
from catalog.domain.vocabulary import PRECEDENCE
from catalog.repositories import lifecycle, waiting
from catalog.repositories.doctor import intake as rows
from catalog.repositories.doctor import mends, server
from catalog.repositories.driver import Cursor
from catalog.services import payloads as stored
from catalog.services.doctor.examination import Examination
from catalog.services.doctor.report import SHOWN, Finding, Tally

#: Bytes of payloads, as they were received, that are hashed unless all are.
PAYLOAD_BYTES = 256 << 20
#: Hours after which a run is looked at even if it seems to be at work.
LONG_RUN_HOURS = 24


def payloads(exam: Examination) -> Iterator[Finding]:
    """Stored payloads are whole: their pieces are what their hashes say."""
    wrong, left = Tally(), Tally()
    budget = PAYLOAD_BYTES
    for payload in rows.payloads(exam.cursor, exam.scope.start.bytes):
        if budget <= 0 and not exam.scope.is_full:
            break
        if payload.is_pruned:
            if next(rows.chunks(exam.cursor, payload.payload_hash), None) is not None:
                left.add(payload.payload_hash.hex())
            continue
        budget -= payload.size
        fault = _fault(exam.cursor, payload)
        if fault is not None:
            reader = rows.reader_of(exam.cursor, payload.payload_hash)
            wrong.add(f"{payload.payload_hash.hex()} ({reader or 'of no run'}): {fault}")
    yield from wrong.findings(
        "stored payloads are damaged: they cannot be replayed",
        "DELETE FROM payload_chunks WHERE payload_hash = '…'; UPDATE payloads SET pruned_at = now() WHERE payload_hash = '…'; "
        "then import the file again, which stores it anew",
    )
    yield from left.findings(
        "payloads that were given up still have bytes", "DELETE FROM payload_chunks WHERE payload_hash = '…'"
    )


def _fault(cursor: Cursor, payload: rows.StoredPayload) -> str | None:
    hasher, size = blake3(), 0
    for expected, (number, data) in enumerate(rows.chunks(cursor, payload.payload_hash)):
        if number != expected:
            return f"piece {expected} is missing"
        try:
            block = zstandard.ZstdDecompressor().decompress(data, stored.CHUNK)
        except zstandard.ZstdError as error:
            return f"piece {number} cannot be decompressed: {error}"
        hasher.update(block)
        size += len(block)
    if size != payload.size:
        return f"{size} bytes, and {payload.size} were stored"
    return None if hasher.digest() == payload.payload_hash else f"its bytes hash to {hasher.hexdigest()}"


def runs(exam: Examination) -> Iterator[Finding]:
    """Import runs that are running have somebody who runs them."""
    hours = exam.scope.limits.run_hours
    found = rows.open_runs(exam.cursor)
    gone = [run for run in found if run.hours >= hours and not run.num_older_sessions]
    long = [run for run in found if run.hours >= LONG_RUN_HOURS and run not in gone]
    if gone:
        yield Finding(
            "import runs are called running, and whoever ran them is gone",
            _fail(gone) + "; " + "; ".join(f"`catalog imports replay {run.run_id}`" for run in gone[:SHOWN]),
            value=f"{max(run.hours for run in gone):.1f} hours", count=len(gone), examples=[_run(r) for r in gone[:SHOWN]],
        )  # fmt: skip
    if long:
        yield Finding(
            f"import runs take more than {LONG_RUN_HOURS} hours", f"if nothing runs them: {_fail(long)}",
            value=f"{max(run.hours for run in long):.1f} hours", count=len(long), examples=[_run(r) for r in long[:SHOWN]],
        )  # fmt: skip


def _run(run: rows.OpenRun) -> str:
    return f"run {run.run_id}, {run.file_name}, for {run.hours:.1f} hours"


def _fail(found: list[rows.OpenRun]) -> str:
    return mends.fail_runs(run.run_id for run in found)


def waits(exam: Examination) -> Iterator[Finding]:
    """Nothing waits for what is there already."""
    number, first = waiting.overdue(exam.cursor, SHOWN)
    if number:
        # a run releases what it made ready at its end
        at_work = any(run.num_older_sessions for run in rows.open_runs(exam.cursor))
        yield Finding(
            "records wait for what is there by now", "`catalog imports release`", count=number,
            examples=[f"waiting record {n}" for n in first], is_advice=at_work,
        )  # fmt: skip


def precedence(exam: Examination) -> Iterator[Finding]:
    """Every voice has a known kind, and a weight that it may have."""
    unknown, outside, fields = Tally(), Tally(), Tally()
    strongest = PRECEDENCE["operator"]
    for who, authority, number, record, field in rows.voices(exam.cursor):
        if authority not in PRECEDENCE:
            unknown.add(f"{who}: {authority}")
        if not (number == strongest if who.partition(":")[0] == OPERATOR_SOURCE else number > strongest):
            outside.add(f"{who}: {number}")
        if record is not None and (record not in RECORDS or field not in RECORDS[record].model_fields):
            fields.add(f"{who}: {record}.{field}")
    words = ", ".join(PRECEDENCE)
    yield from unknown.findings("sources are of an unknown kind", f"let sources.authority be one of {words}")
    yield from outside.findings(
        f"voices weigh as much as the operator, whose {strongest} is for nobody else",
        "`catalog precedence set SOURCE N`, or `catalog precedence clear SOURCE`",
    )
    yield from fields.findings(
        "precedence is given for fields that no record has",
        "DELETE FROM field_precedence WHERE source = … AND field = …",
    )


def due(exam: Examination) -> Iterator[Finding]:
    """What is over by the calendar has been applied."""
    moment = server.clock(exam.cursor)
    found = [*lifecycle.ending(exam.cursor, None, moment), *lifecycle.succeeding(exam.cursor, moment)]
    if found:
        shown = [f"{d.what} {d.record} {d.key.id.hex}" for d in found[:SHOWN]]
        yield Finding(
            "records are over, or followed by others, and this was not applied", "`catalog lifecycle apply`",
            count=len(found), examples=shown, is_advice=True,
        )  # fmt: skip


def nightly(exam: Examination) -> Iterator[Finding]:
    """Of each directory into which snapshots are published: the last run ended well, and not long ago."""
    limit = exam.scope.limits.nightly_hours
    for night in rows.last_nights(exam.cursor):
        run = f"run {night.number} into {night.directory}"
        command = f"catalog snapshot nightly --dir {night.directory}"
        if night.state == "held":
            yield Finding(
                "the last nightly run was held", f"look at its reasons, then `{command} --confirm`",
                value=night.reason, examples=[run],
            )  # fmt: skip
        elif night.state == "failed":
            yield Finding("the last nightly run failed", f"`{command}`", value=night.reason, examples=[run])
        elif night.state == "running" and night.hours >= limit:
            yield Finding(
                "the last nightly run never said how it ended", f"`{command}`, which notes it as failed",
                value=f"{night.hours:.0f} hours", examples=[run],
            )  # fmt: skip
        elif night.hours_since_good is not None and night.hours_since_good >= limit:
            yield Finding(
                "no nightly run has ended well for long", f"`{command}`; is its timer on?",
                value=f"{night.hours_since_good:.0f} hours", examples=[run],
            )  # fmt: skip
