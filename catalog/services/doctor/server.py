"""Checks of the server: versions, extensions, collation, clock, sessions, vacuum."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from catalog.domain.calendar import format_moment
from catalog.repositories.doctor import intake, log, server
from catalog.services.doctor import examination
from catalog.services.doctor.examination import Examination
from catalog.services.doctor.report import SHOWN, Finding

#: The oldest PostgreSQL that the catalog runs on.
OLDEST = 150_000
#: Percent of the server's connections in use, from which on there may soon be none.
CROWDED_PERCENT = 90
#: Tables with fewer rows than this are never called bloated.
SMALL_TABLE = 10_000
#: Transactions after which the server refuses to write (2^31, less a reserve), and the share of it that is too much.
LAST_TRANSACTION, OLD_PERCENT = 2_000_000_000, 50


def connection(exam: Examination) -> Iterator[Finding]:
    """The server is PostgreSQL 15 or newer, keeps UTF-8, takes writes, and has connections left."""
    number, words = server.version(exam.cursor)
    if number < OLDEST:
        yield Finding(
            "the server is older than PostgreSQL 15",
            "pg_upgrade, or pg_dump and restore to a newer server",
            value=words,
        )
    said = server.setting(exam.cursor)
    if said.encoding != "UTF8":
        yield Finding(
            "the database is not encoded in UTF-8", "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0; pg_restore into it",
            value=said.encoding,
        )  # fmt: skip
    if said.is_standby:
        yield Finding(
            "the server is a standby: nobody can write here", "name the primary server in CATALOG_DATABASE_URL",
            is_advice=True,
        )  # fmt: skip
    if said.connections * 100 >= said.max_connections * CROWDED_PERCENT:
        yield Finding(
            "nearly all connections of the server are in use", "ALTER SYSTEM SET max_connections = …; or put pgbouncer before it",
            value=f"{said.connections} of {said.max_connections}", is_advice=True,
        )  # fmt: skip


def extensions(exam: Examination) -> Iterator[Finding]:
    """Nothing of the catalog needs an extension."""
    found = server.needed_extensions(exam.cursor)
    if found.number:
        yield Finding(
            "objects need an extension, which the catalog promises not to",
            "DROP EXTENSION … CASCADE, then `catalog db check --json` for what went with it",
            count=found.number, examples=found.examples,
        )  # fmt: skip


def collation(exam: Examination) -> Iterator[Finding]:
    """The system sorts text as it did when the indexes were made."""
    found = server.outdated_collations(exam.cursor)
    if found.number:
        yield Finding(
            "the system's collation is another one than the indexes were made with: look-ups may miss rows",
            "REINDEX DATABASE; ALTER DATABASE … REFRESH COLLATION VERSION",
            count=found.number, examples=found.examples,
        )  # fmt: skip


def clock(exam: Examination) -> Iterator[Finding]:
    """The clocks of this machine and the server agree, and nothing is dated ahead of them."""
    before = examination.now()
    there = server.clock(exam.cursor)
    after = examination.now()
    limit = timedelta(seconds=exam.scope.limits.skew_seconds)
    skew = max(there - after, before - there)
    if skew > limit:
        yield Finding(
            "the clocks of this machine and the server differ", "let both follow a time server (timedatectl set-ntp true)",
            value=f"{skew.total_seconds():.1f} s",
        )  # fmt: skip
    if not exam.is_ours:
        return
    last = log.counter(exam.cursor)
    if last is not None and last[1] > there + limit:
        yield Finding(
            "the last change is dated ahead of the server's clock: changes will be dated behind it until then",
            "set the server's clock (timedatectl set-ntp true), and wait until it has passed that moment",
            value=format_moment(last[1]), examples=[f"change {last[0]}"],
        )  # fmt: skip
    ahead = intake.runs_ahead(exam.cursor, there + timedelta(days=1))
    if ahead.number:
        yield Finding(
            "payloads speak for a time that lies ahead: what they say is believed until then",
            "`catalog imports replay RUN` cannot mend it; import the file anew with --observed-at, as another feed",
            count=ahead.number, examples=ahead.examples, is_advice=True,
        )  # fmt: skip


def locks(exam: Examination) -> Iterator[Finding]:
    """Nobody waits long for a lock."""
    found = server.blockers(exam.cursor, exam.scope.limits.lock_seconds)
    if found:
        yield Finding(
            "sessions hold locks that others wait for", _terminate(found), value=f"{max(s.seconds for s in found):.0f} s",
            count=len(found), examples=[str(s) for s in found[:SHOWN]],
        )  # fmt: skip
    left = server.prepared_transactions(exam.cursor, exam.scope.limits.transaction_seconds)
    if left.number:
        yield Finding(
            "prepared transactions were left behind, with their locks", "ROLLBACK PREPARED '…'",
            count=left.number, examples=left.examples,
        )  # fmt: skip


def transactions(exam: Examination) -> Iterator[Finding]:
    """No session idles in a transaction, and none is in one for hours."""
    limits = exam.scope.limits
    found = server.long_transactions(exam.cursor, limits.idle_seconds, limits.transaction_seconds)
    if found:
        yield Finding(
            "transactions are open for long: they hold locks, and vacuum back", _terminate(found),
            value=f"{max(s.seconds for s in found):.0f} s", count=len(found), examples=[str(s) for s in found[:SHOWN]],
        )  # fmt: skip
    if not server.sees_others(exam.cursor):
        yield Finding("this role may not see what the sessions of others do", "GRANT pg_monitor TO …", is_advice=True)


def _terminate(sessions: list[server.Session]) -> str:
    return "; ".join(f"SELECT pg_terminate_backend({s.pid})" for s in sessions[:SHOWN])


def vacuum(exam: Examination) -> Iterator[Finding]:
    """Tables are vacuumed and analysed, not full of dead rows, and transaction numbers are far from running out."""
    tables = server.vacuum(exam.cursor, SMALL_TABLE)
    for what, chosen, word in (
        ("tables have more dead rows than live ones", [t for t in tables if t.dead > t.live], False),
        ("tables have many dead rows", [t for t in tables if t.live >= t.dead > t.live // 4], True),
        ("tables were never vacuumed", [t for t in tables if not t.is_vacuumed], True),
        ("tables were never analysed: plans are guesses", [t for t in tables if not t.is_analysed], True),
    ):
        if chosen:
            names = ", ".join(t.table for t in chosen)
            shown = [f"{t.table}: {t.live} live rows, {t.dead} dead" for t in chosen[:SHOWN]]
            yield Finding(what, f"VACUUM (ANALYZE) {names}", count=len(chosen), examples=shown, is_advice=word)
    age, forced = server.transaction_age(exam.cursor)
    if age * 100 > LAST_TRANSACTION * OLD_PERCENT:
        yield Finding("transaction numbers run out: vacuum does not keep up", "VACUUM (FREEZE)", value=age)
    elif age > forced * 2:
        yield Finding("vacuum lags behind with old rows", "VACUUM (FREEZE)", value=age, is_advice=True)
