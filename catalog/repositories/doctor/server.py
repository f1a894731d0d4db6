"""The server: its versions, its clock, its sessions and their locks, and what vacuum has done."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from catalog.repositories.doctor.rows import Found, count
from catalog.repositories.driver import Cursor

#: How long a check waits for a lock that somebody holds.
LOCK_MILLISECONDS = 2000


def begin(cursor: Cursor, timeout_seconds: float, *, is_read_only: bool) -> None:
    """Let the transaction, which has just begun, see one moment, and end statements that take too long."""
    cursor.execute(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, {'READ ONLY' if is_read_only else 'READ WRITE'}")
    cursor.execute(
        "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
        [f"{max(int(timeout_seconds * 1000), 1)}ms", f"{LOCK_MILLISECONDS}ms"],
    )


def version(cursor: Cursor) -> tuple[int, str]:
    """The server's version: as a number (150004) and in its own words."""
    cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
    found: tuple[int, str] = _one(cursor)
    return found


class Setting(NamedTuple):
    """What a server says of itself and this database."""

    encoding: str
    is_standby: bool
    replication_role: str
    connections: int
    max_connections: int


def setting(cursor: Cursor) -> Setting:
    """What this one says."""
    cursor.execute(
        """SELECT current_setting('server_encoding'), pg_is_in_recovery(), current_setting('session_replication_role'),
            (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
            current_setting('max_connections')::int"""
    )
    return Setting(*_one(cursor))


def needed_extensions(cursor: Cursor) -> Found:
    """Objects of ours that an extension other than PL/pgSQL brought, or that need one."""
    return count(
        cursor,
        """SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0) || ' needs the extension ' || e.extname
        FROM pg_depend m JOIN pg_extension e ON m.refclassid = 'pg_extension'::regclass AND m.refobjid = e.oid
        JOIN pg_depend d ON d.refclassid = m.classid AND d.refobjid = m.objid AND d.deptype IN ('n', 'a')
        WHERE m.deptype = 'e' AND e.extname <> 'plpgsql' AND d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass,
                'pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_rewrite'::regclass, 'pg_trigger'::regclass)
            AND NOT EXISTS (SELECT FROM pg_depend o
                WHERE o.classid = d.classid AND o.objid = d.objid AND o.deptype = 'e')""",
    )


def outdated_collations(cursor: Cursor) -> Found:
    """The database's collation when the system's sorts otherwise by now than when the indexes were made."""
    return count(
        cursor,
        """SELECT format('%s: made with %s, the system has %s', datname, datcollversion,
            pg_database_collation_actual_version(oid)) FROM pg_database
        WHERE datname = current_database() AND datcollversion <> pg_database_collation_actual_version(oid)""",
    )


def clock(cursor: Cursor) -> datetime:
    """What the server's clock says now."""
    cursor.execute("SELECT clock_timestamp()")
    found: datetime = _one(cursor)[0]
    return found


class Session(NamedTuple):
    """A session of this database that is in the way: who, since how many seconds, and what it does."""

    pid: int
    user: str | None
    application: str | None
    seconds: float
    doing: str

    def __str__(self) -> str:
        who = f"{self.user or 'somebody'} ({self.application or 'no name'})"
        return f"pid {self.pid}, {who}: {self.doing} for {self.seconds:.0f} s"


def sees_others(cursor: Cursor) -> bool:
    """Whether this role may know what the sessions of others do."""
    cursor.execute("SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')")
    return bool(_one(cursor)[0])


_SESSION = "a.pid, a.usename, a.application_name, extract(epoch FROM clock_timestamp() - {since})::float8, {doing}"


def blockers(cursor: Cursor, seconds: float) -> list[Session]:
    """Sessions that hold a lock for which another one has waited that long."""
    cursor.execute(
        f"""SELECT DISTINCT ON (a.pid) {
            _SESSION.format(
                since="l.waitstart",
                doing="format('holds up pid %%s, which waits for %%s', l.pid, coalesce(l.relation::regclass::text, l.locktype))",
            )
        }
        FROM pg_locks l CROSS JOIN LATERAL unnest(pg_blocking_pids(l.pid)) AS b(pid) JOIN pg_stat_activity a ON a.pid = b.pid
        WHERE NOT l.granted AND l.waitstart <= clock_timestamp() - make_interval(secs => %s)
            AND a.datname = current_database() ORDER BY a.pid, l.waitstart""",
        [seconds],
    )
    return [Session(*cells) for cells in cursor.fetchall()]


def long_transactions(cursor: Cursor, idle_seconds: float, seconds: float) -> list[Session]:
    """Sessions that idle in a transaction, or whose transaction is old."""
    cursor.execute(
        f"""SELECT {
            _SESSION.format(
                since="CASE WHEN a.state LIKE 'idle in%%' THEN a.state_change ELSE a.xact_start END",
                doing="CASE WHEN a.state LIKE 'idle in%%' THEN a.state ELSE 'in one transaction' END",
            )
        }
        FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND (
            a.state LIKE 'idle in transaction%%' AND a.state_change <= clock_timestamp() - make_interval(secs => %s)
            OR a.xact_start <= clock_timestamp() - make_interval(secs => %s)) ORDER BY a.pid""",
        [idle_seconds, seconds],
    )
    return [Session(*cells) for cells in cursor.fetchall()]


def prepared_transactions(cursor: Cursor, seconds: float) -> Found:
    """Transactions that were prepared and left: they hold their locks until somebody ends them."""
    return count(
        cursor,
        """SELECT gid FROM pg_prepared_xacts WHERE database = current_database()
            AND prepared <= clock_timestamp() - make_interval(secs => %s) ORDER BY prepared""",
        [seconds],
    )


class Vacuum(NamedTuple):
    """A table's rows, dead ones among them, and whether it was ever vacuumed and analysed."""

    table: str
    live: int
    dead: int
    is_vacuumed: bool
    is_analysed: bool


def vacuum(cursor: Cursor, least: int) -> list[Vacuum]:
    """The tables that have at least so many rows, dead or alive."""
    cursor.execute(
        """SELECT relname, n_live_tup, n_dead_tup, coalesce(last_vacuum, last_autovacuum) IS NOT NULL,
            coalesce(last_analyze, last_autoanalyze) IS NOT NULL
        FROM pg_stat_user_tables WHERE schemaname = 'public' AND n_live_tup + n_dead_tup >= %s ORDER BY relname""",
        [least],
    )
    return [Vacuum(*cells) for cells in cursor.fetchall()]


def transaction_age(cursor: Cursor) -> tuple[int, int]:
    """How many transactions old the oldest row of this database is, and at which age vacuum is forced."""
    cursor.execute(
        """SELECT age(datfrozenxid), current_setting('autovacuum_freeze_max_age')::int
        FROM pg_database WHERE datname = current_database()"""
    )
    found: tuple[int, int] = _one(cursor)
    return found


def _one(cursor: Cursor) -> Any:
    row = cursor.fetchone()
    assert row is not None
    return row
