"""One examination: the checks in their order, each on its own, whatever becomes of the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from catalog import __version__
from catalog.database import migrations
from catalog.errors import DatabaseUnavailable, InvalidRecord
from catalog.repositories.doctor import server
from catalog.services.doctor import derivation, ids, intake, log, records, schema
from catalog.services.doctor import server as servers
from catalog.services.doctor.examination import Check, Examination, Scope
from catalog.services.doctor.report import Finding, Report, Result

#: All checks, in the order in which they are made. docs/doctor.md has a section for each.
CHECKS: tuple[Check, ...] = (
    Check("connection", "the server: its version, encoding, connections", servers.connection, needs_schema=False),
    Check("extensions", "nothing needs an extension", servers.extensions, needs_schema=False),
    Check("collation", "text sorts as when the indexes were made", servers.collation, needs_schema=False),
    Check("clock", "clocks agree, nothing is dated ahead", servers.clock, needs_schema=False),
    Check("schema", "revision, columns, views, functions, comments", schema.schema, needs_schema=False),
    Check("constraints", "there, valid, enforced", schema.constraints),
    Check("indexes", "there, valid", schema.indexes),
    Check("triggers", "there, switched on", schema.triggers),
    Check("numbering", "numbers of rows do not run out", schema.numbering),
    Check("vocabulary", "wire codes are those of this program", schema.vocabulary),
    Check("ids", "recomputed from their identities", ids.ids),
    Check("id-width", "wide enough; no collisions", ids.width),
    Check("records", "valid, with the id of their fields", records.valid),
    Check("derivation", "what follows from the observations", derivation.derived),
    Check("orphans", "ids, records, observations, aliases, lists", records.orphans),
    Check("references", "what rows name is there", records.references),
    Check("text", "normal form C", records.text),
    Check("changes", "no gaps, in order, counter right", log.changes),
    Check("history", "former states without overlap and hole", log.history),
    Check("payloads", "bytes are what their hashes say", intake.payloads),
    Check("runs", "import runs have somebody who runs them", intake.runs),
    Check("waiting", "nothing waits for what is there", intake.waits),
    Check("precedence", "every voice has its weight", intake.precedence),
    Check("due", "what is over has been applied", intake.due),
    Check("nightly", "the last snapshot is good and new", intake.nightly),
    Check("vacuum", "dead rows, statistics, transaction numbers", servers.vacuum, needs_schema=False),
    Check("locks", "nobody waits long", servers.locks, needs_schema=False),
    Check("transactions", "none is open for long", servers.transactions, needs_schema=False),
)

Told = Callable[[str], None]


def examine(engine: Engine, scope: Scope, only: Iterable[str] | None = None, tell: Told | None = None) -> Report:
    """Make the checks (all, or `only` those named) and report; `tell` hears the name of each before it begins.

    Nothing is changed. Raises InvalidRecord for a check that there is not, DatabaseUnavailable when the database does
    not answer, stops answering, or lets this role read nothing.
    """
    chosen = _chosen(only)
    started = time.perf_counter()
    exam = Examination(engine, scope)
    versions = _versions(exam)
    results = []
    for check in chosen:
        if tell is not None:
            tell(check.name)
        results.append(_look(exam, check))
    return Report(versions, results, scope.is_full, time.perf_counter() - started)


def _chosen(only: Iterable[str] | None) -> Sequence[Check]:
    if only is None:
        return CHECKS
    wanted = set(only)
    unknown = sorted(wanted - {check.name for check in CHECKS})
    if unknown:
        names = ", ".join(check.name for check in CHECKS)
        raise InvalidRecord("check", unknown[0], f"one of {names} is expected")
    return [check for check in CHECKS if check.name in wanted]


def _versions(exam: Examination) -> dict[str, str | None]:
    try:
        with exam.opened():
            revision = exam.revision
            return {
                "program": __version__, "server": server.version(exam.cursor)[1],
                "schema": revision, "expected_schema": migrations.head(),
            }  # fmt: skip
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
        hint = "name a role that may read the tables; a reader of the schema reporting may not"
        raise DatabaseUnavailable("this role may not read the catalog's tables", hint) from None


def _look(exam: Examination, check: Check) -> Result:
    """One check. Whatever goes wrong with it is its result; only a database that is gone ends the examination."""
    started = time.perf_counter()
    findings: list[Finding] = []
    reason = mend = None
    if check.needs_schema and not exam.is_ours:
        state, reason, mend = "skipped", "the schema is not this program's", "`catalog db check` says what to do"
    else:
        try:
            with exam.opened():
                findings = list(check.look(exam))
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a check that fails is a finding, and the others go on
            state, reason, mend = _failure(exam, error.orig if isinstance(error, DBAPIError) else error)
        else:
            state = "ok" if not findings else "advice" if all(f.is_advice for f in findings) else "finding"
    return Result(check.name, check.about, state, findings, reason, mend, time.perf_counter() - started)


def _failure(exam: Examination, error: BaseException | None) -> tuple[str, str, str]:
    """What became of a check that could not be carried through: its state, the reason, and what to do."""
    words = (str(error).strip() or "no reason given").splitlines()[0]
    match error:
        case psycopg.errors.InsufficientPrivilege():
            return "skipped", f"this role may not: {words}", "repeat it as a role that may read and write all tables"
        case psycopg.errors.QueryCanceled():
            reason = f"it was not done in {exam.scope.timeout_seconds:g} seconds"
            return "error", reason, "repeat it with a longer --timeout, when it is quiet"
        case psycopg.errors.LockNotAvailable():
            reason = f"somebody holds what it reads for more than {server.LOCK_MILLISECONDS // 1000} seconds"
            return "error", reason, "`catalog doctor --only locks,transactions`; then repeat it"
    return "error", f"{type(error).__name__}: {words}", "`catalog doctor --only schema` first; then repeat it"
