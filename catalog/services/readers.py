"""Reader roles: PostgreSQL roles that read the views of the schema `reporting`, and can do nothing else.

What a role may do is what it was granted, and what everybody (PUBLIC) may do in this database. So making a reader also
takes from everybody what would let a reader write: temporary tables, new objects in `public`, and (which only a
superuser can take) new large objects. Then it is asked what the role could do; if that is too much, nothing was done.
`default_transaction_read_only` is a comfort, no boundary: anyone may switch it off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from psycopg import sql
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from catalog.database import migrations
from catalog.errors import CatalogError, quote
from catalog.repositories.driver import Cursor, cursor_of

SCHEMA = sql.Identifier("reporting")
#: PostgreSQL cuts longer names without a word (NAMEDATALEN).
NAME_BYTES = 63
_RESERVED = ("public", "none")
_ATTRIBUTES = {
    "rolsuper": "it is a superuser",
    "rolcreaterole": "it may create roles",
    "rolcreatedb": "it may create databases",
    "rolreplication": "it may replicate",
    "rolbypassrls": "it passes by row security",
}
_LARGE_OBJECT_MAKERS = ("lo_create(oid)", "lo_creat(integer)", "lo_from_bytea(oid, bytea)")
_LARGE_OBJECTS = "make large objects"


class ReaderRefused(CatalogError, ValueError):
    """A role that cannot become a reader, and why. Nothing was changed."""

    code = "reader_refused"

    def __init__(self, name: str, reason: str, hint: str | None = None) -> None:
        super().__init__(f"{quote(name)} cannot be a reader: {reason}", hint)
        self.name, self.reason = name, reason


class ReaderNotPermitted(CatalogError, PermissionError):
    """Who is connected may not make readers. Nothing was changed."""

    code = "reader_not_permitted"

    def __init__(self, name: str, reason: str, hint: str) -> None:
        super().__init__(f"cannot make the reader {quote(name)}: {reason}", hint)
        self.name, self.reason = name, reason


@dataclass(frozen=True)
class Reader:
    """A reader as it was made: `is_new` when the role was created, the number of views that it reads, and what it can
    still do that only a superuser could forbid."""

    name: str
    database: str
    is_new: bool
    views: int
    remaining: tuple[str, ...]

    @property
    def password_statement(self) -> str:
        """The statement that gives it a password, which is to be filled in."""
        return sql.SQL("ALTER ROLE {} PASSWORD '…'").format(sql.Identifier(self.name)).as_string()


class _Surroundings(NamedTuple):
    user: str
    login: str
    database: str
    is_superuser: bool
    may_create_roles: bool
    owner: str


def grant_reader(connection: Connection, name: str) -> Reader:
    """Make `name` a reader of this database, in the connection's transaction; the caller commits.

    The role is created if there is none, to log in, without a password. Doing it again changes nothing.
    Raises ReaderRefused, ReaderNotPermitted, SchemaBehind, SchemaAhead.
    """
    _check_name(name)
    _require_current(connection, name)
    cursor = cursor_of(connection)
    around = _look_around(cursor)
    if name in (around.user, around.login, around.owner):
        raise ReaderRefused(name, "it owns the catalog, or is who is connected now", "name another role")
    role = _role(cursor, name)
    if role is not None:
        _refuse_what_is_more(cursor, name, role)
    elif not (around.is_superuser or around.may_create_roles):
        raise ReaderNotPermitted(
            name,
            f"{quote(around.user)} may not create roles",
            "have it done by a superuser, or let a superuser run ALTER ROLE … CREATEROLE first",
        )
    try:
        if role is None:
            _execute(
                cursor,
                "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT",
                sql.Identifier(name),
            )
        _grant(cursor, name, around)
        _take_from_everybody(cursor, around)
    except InsufficientPrivilege as error:
        reason = str(error.diag.message_primary or error)
        hint = f"do it as a superuser, or as {quote(around.owner)}, which owns the schema reporting, with a new role"
        raise ReaderNotPermitted(name, reason, hint) from None
    return Reader(name, around.database, role is None, _count_views(cursor), _remaining(cursor, name))


def _check_name(name: str) -> None:
    if not name or "\0" in name or len(name.encode("utf-8", "surrogatepass")) > NAME_BYTES:
        raise ReaderRefused(name, f"a role's name has 1 to {NAME_BYTES} bytes", "choose a short name")
    if name in _RESERVED or name.startswith("pg_"):
        raise ReaderRefused(name, "PostgreSQL keeps this name for itself", "choose a name that does not begin with pg_")


def _require_current(connection: Connection, name: str) -> None:
    try:
        migrations.require_current(connection)
    except DBAPIError as error:
        if not isinstance(error.orig, InsufficientPrivilege):
            raise
        reason = str(error.orig.diag.message_primary or error.orig)
        raise ReaderNotPermitted(name, reason, "do it as the role that owns the catalog, or as a superuser") from None


def _look_around(cursor: Cursor) -> _Surroundings:
    cursor.execute(
        """SELECT current_user, session_user, current_database(), r.rolsuper, r.rolcreaterole, pg_get_userbyid(n.nspowner)
        FROM pg_roles r, pg_namespace n WHERE r.rolname = current_user AND n.nspname = 'reporting'"""
    )
    found = cursor.fetchone()
    assert found is not None
    return _Surroundings(*found)


def _role(cursor: Cursor, name: str) -> dict[str, Any] | None:
    names = ("oid", *_ATTRIBUTES)
    query = sql.SQL("SELECT {} FROM pg_roles WHERE rolname = %s").format(
        sql.SQL(", ").join(sql.Identifier(n) for n in names)
    )
    cursor.execute(query, [name])
    found = cursor.fetchone()
    return None if found is None else dict(zip(names, found, strict=True))


def _refuse_what_is_more(cursor: Cursor, name: str, role: dict[str, Any]) -> None:
    """Refuse a role that exists and is more than a reader. What it was granted directly shows at the end."""
    hint = "name a role that does not exist yet: it will be created"
    for attribute, reason in _ATTRIBUTES.items():
        if role[attribute]:
            raise ReaderRefused(name, reason, hint)
    cursor.execute("SELECT pg_get_userbyid(roleid) FROM pg_auth_members WHERE member = %s ORDER BY 1", [role["oid"]])
    groups = [group for (group,) in cursor.fetchall()]
    if groups:
        raise ReaderRefused(name, f"it is a member of {quote(', '.join(groups))}", hint)
    cursor.execute(
        """SELECT pg_describe_object(s.classid, s.objid, s.objsubid) FROM pg_shdepend s
        JOIN pg_database d ON d.datname = current_database()
        WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = %s AND s.deptype = 'o'
            AND (s.dbid = d.oid OR (s.classid = 'pg_database'::regclass AND s.objid = d.oid))
        ORDER BY 1 LIMIT 1""",
        [role["oid"]],
    )
    owned = cursor.fetchone()
    if owned is not None:
        raise ReaderRefused(name, f"it owns {quote(owned[0])}", hint)


def _grant(cursor: Cursor, name: str, around: _Surroundings) -> None:
    reader, database = sql.Identifier(name), sql.Identifier(around.database)
    _execute(cursor, "GRANT CONNECT ON DATABASE {} TO {}", database, reader)
    _execute(cursor, "GRANT USAGE ON SCHEMA {} TO {}", SCHEMA, reader)
    _execute(cursor, "GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}", SCHEMA, reader)
    _execute(
        cursor,
        "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} GRANT SELECT ON TABLES TO {}",
        sql.Identifier(around.owner), SCHEMA, reader,
    )  # fmt: skip
    _execute(cursor, "ALTER ROLE {} IN DATABASE {} SET default_transaction_read_only = on", reader, database)
    _execute(cursor, "ALTER ROLE {} IN DATABASE {} SET search_path = {}", reader, database, SCHEMA)


def _take_from_everybody(cursor: Cursor, around: _Surroundings) -> None:
    """Take from PUBLIC what would let a reader write or read more. What is not there any more is not touched."""
    for schema, relation in _fetch(cursor, _OPEN_TABLES):
        _execute(cursor, "REVOKE ALL ON {} FROM PUBLIC", sql.Identifier(schema, relation))
    if _is(cursor, "SELECT has_schema_privilege('public', 'public', 'CREATE')"):
        _execute(cursor, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    if _is(cursor, "SELECT has_database_privilege('public', current_database(), 'TEMPORARY')"):
        _execute(cursor, "REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC", sql.Identifier(around.database))
    if around.is_superuser:
        for function in _LARGE_OBJECT_MAKERS:
            if _is(cursor, "SELECT has_function_privilege('public', %s, 'EXECUTE')", f"pg_catalog.{function}"):
                _execute(cursor, "REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC", sql.SQL(f"pg_catalog.{function}"))


def _remaining(cursor: Cursor, name: str) -> tuple[str, ...]:
    """What the role can still do and only a superuser could forbid. Raises ReaderRefused when it can do too much."""
    powers = [power for (power,) in _fetch(cursor, _POWERS, {"role": name})]
    if powers:
        more = f" and {len(powers) - 1} more" if len(powers) > 1 else ""
        raise ReaderRefused(
            name,
            f"it would have {quote(powers[0])}{more}",
            "take that from it, or from PUBLIC, as the owner (REVOKE … FROM …); then try again",
        )
    if not _is(cursor, "SELECT has_database_privilege(%s, current_database(), 'CONNECT')", name):
        raise ReaderRefused(name, "it may not connect to this database", "let the database's owner grant CONNECT to it")
    makers = [f"pg_catalog.{function}" for function in _LARGE_OBJECT_MAKERS]
    can = [m for m in makers if _is(cursor, "SELECT has_function_privilege(%s, %s, 'EXECUTE')", name, m)]
    return (_LARGE_OBJECTS,) if can else ()


def _count_views(cursor: Cursor) -> int:
    query = "SELECT count(*) FROM pg_class WHERE relnamespace = 'reporting'::regnamespace AND relkind = 'v'"
    return int(_fetch(cursor, query)[0][0])


def _execute(cursor: Cursor, statement: str, *names: sql.Composable) -> None:
    cursor.execute(sql.SQL(statement).format(*names))


def _fetch(cursor: Cursor, query: str, values: Any = None) -> list[tuple[Any, ...]]:
    cursor.execute(query, values)
    return cursor.fetchall()


def _is(cursor: Cursor, query: str, *values: object) -> bool:
    return bool(_fetch(cursor, query, values or None)[0][0])


#: Tables and sequences of the schema `public` on which everybody has a right: none, unless someone granted it.
_OPEN_TABLES = """
SELECT DISTINCT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND (
    EXISTS (SELECT FROM aclexplode(c.relacl) g WHERE g.grantee = 0)
    OR EXISTS (SELECT FROM pg_attribute a, aclexplode(a.attacl) g WHERE a.attrelid = c.oid AND g.grantee = 0))
ORDER BY 1, 2
"""

#: Everything that a role may do beyond reading the views of `reporting` and what PostgreSQL's own catalogs show to all.
_POWERS = """
SELECT p.privilege || ' on ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p(privilege)
CROSS JOIN LATERAL (
    SELECT CASE WHEN p.privilege IN ('DELETE', 'TRUNCATE', 'TRIGGER')
        THEN has_table_privilege(%(role)s, c.oid, p.privilege)
        ELSE has_any_column_privilege(%(role)s, c.oid, p.privilege) END AS has_it,
    CASE WHEN p.privilege IN ('DELETE', 'TRUNCATE', 'TRIGGER')
        THEN has_table_privilege('public', c.oid, p.privilege)
        ELSE has_any_column_privilege('public', c.oid, p.privilege) END AS all_have_it) AS h
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND h.has_it
    AND NOT (n.nspname = 'reporting' AND p.privilege = 'SELECT')
    AND NOT (n.nspname IN ('pg_catalog', 'information_schema') AND h.all_have_it)
UNION ALL
SELECT p.privilege || ' on sequence ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS p(privilege)
WHERE CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(%(role)s, c.oid, p.privilege) END
UNION ALL
SELECT 'CREATE on schema ' || quote_ident(n.nspname) FROM pg_namespace n
WHERE has_schema_privilege(%(role)s, n.oid, 'CREATE')
UNION ALL
SELECT p.privilege || ' on database ' || quote_ident(current_database())
FROM unnest(ARRAY['CREATE', 'TEMPORARY']) AS p(privilege)
WHERE has_database_privilege(%(role)s, current_database(), p.privilege)
UNION ALL
SELECT 'EXECUTE on ' || f.oid::regprocedure::text || ', which runs with the rights of its owner'
FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
WHERE f.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND has_function_privilege(%(role)s, f.oid, 'EXECUTE')
ORDER BY 1
"""
