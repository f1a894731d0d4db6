"""Reader roles: they read the views of `reporting`, and everything else that one can try is refused.

Roles belong to the whole server, so each has a name of its own and is dropped at the end. The embedded server lets in
only its owner; the tests let their roles in by its pg_hba.conf, since settings of a role count from its login on.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import errors
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import create_engine

from catalog import Catalog
from catalog.database import migrations
from catalog.database.engine import make_engine
from catalog.domain import Token, Venue
from catalog.errors import DatabaseUnavailable, SchemaBehind
from catalog.services.readers import Reader, ReaderNotPermitted, ReaderRefused, grant_reader
from catalog.tables import metadata, reporting
from tests.conftest import Server

LogIn = Callable[[str], str]
Admin = psycopg.Connection[tuple[object, ...]]
_number = itertools.count(1)


#: What one could try, as far as no other test does.
ATTEMPTS = [
    "CREATE TABLE public.mine (a int)",
    "CREATE TABLE reporting.mine (a int)",
    "CREATE TABLE mine AS SELECT * FROM tokens",
    "SELECT * INTO mine FROM tokens",
    "CREATE TEMP TABLE mine (a int)",
    "CREATE TEMP TABLE mine AS SELECT * FROM tokens",
    "CREATE TEMP VIEW mine AS SELECT * FROM tokens",
    "CREATE TEMP SEQUENCE mine",
    "CREATE SEQUENCE public.mine",
    "CREATE VIEW public.mine AS SELECT 1",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE FUNCTION reporting.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE TYPE public.mine AS (a int)",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "CREATE PUBLICATION mine",
    "CREATE FOREIGN DATA WRAPPER mine",
    "DROP VIEW tokens",
    "DROP SCHEMA reporting CASCADE",
    "ALTER VIEW venues RENAME TO mine",
    "ALTER VIEW venues SET (security_invoker = on)",
    "CREATE OR REPLACE VIEW venues AS SELECT 1",
    "COMMENT ON VIEW venues IS 'mine'",
    "CREATE RULE mine AS ON INSERT TO venues DO INSTEAD NOTHING",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CREATEDB",
    "GRANT pg_read_all_data TO CURRENT_USER",
    "GRANT pg_write_all_data TO CURRENT_USER",
    "GRANT SELECT ON public.tokens TO CURRENT_USER",
    "SET ROLE catalog",
    "SET SESSION AUTHORIZATION catalog",
    "SET session_replication_role = replica",
    "ALTER SYSTEM SET work_mem = '1GB'",
    "SELECT pg_reload_conf()",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_largeobject",
    "SELECT nextval('public.disputes_number_seq')",
    "SELECT setval('public.disputes_number_seq', 9)",
    "SELECT last_value FROM public.disputes_number_seq",
    "COPY (SELECT 1) TO '/tmp/mine'",
    "COPY tokens TO PROGRAM 'cat'",
    "COPY public.tokens FROM PROGRAM 'true'",
    "COPY public.tokens FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_create(0)",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT query_to_xml('SELECT * FROM public.tokens', true, true, '')",
    "DO $$ BEGIN DELETE FROM public.tokens; END $$",
    "DO LANGUAGE plpgsql $$ BEGIN EXECUTE 'CREATE TEMP TABLE mine (a int)'; END $$",
    "DECLARE mine CURSOR WITH HOLD FOR SELECT * FROM public.tokens",
    "EXPLAIN ANALYZE DELETE FROM public.tokens",
    "ALTER DEFAULT PRIVILEGES FOR ROLE catalog GRANT ALL ON TABLES TO PUBLIC",
    "ALTER DATABASE postgres SET search_path = public",
    "ALTER ROLE ALL SET search_path = public",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'catalog' LIMIT 1",
]


def grant(url: str, name: str) -> Reader:
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            reader = grant_reader(connection, name)
            connection.commit()
            return reader
    finally:
        engine.dispose()


@pytest.fixture
def admin(database_url: str) -> Iterator[Admin]:
    """The server's owner in the database of this test."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def role(admin: Admin) -> Iterator[Callable[..., str]]:
    """`role(attributes)` makes a role; without attributes it only gives a name. All are dropped at the end."""
    names: list[str] = []

    def make(attributes: str | None = None) -> str:
        name = f"test reader % {next(_number)}"
        names.append(name)
        if attributes is not None:
            admin.execute(SQL("CREATE ROLE {} " + attributes).format(Identifier(name)))
        return name

    yield make
    for name in reversed(names):
        if admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
            for statement in ("REASSIGN OWNED BY {} TO CURRENT_USER", "DROP OWNED BY {}", "DROP ROLE {}"):
                admin.execute(SQL(statement).format(Identifier(name)))


@pytest.fixture
def log_in(admin: Admin, database_url: str) -> Iterator[LogIn]:
    """`log_in(role)` gives the URL with which the role logs in, with a password."""
    row = admin.execute("SHOW hba_file").fetchone()
    assert row is not None
    file = Path(str(row[0]))
    before = file.read_text("utf-8")

    def url(name: str) -> str:
        password = secrets.token_hex(8)
        admin.execute(SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(name), Literal(password)))
        with file.open("a", encoding="utf-8") as lines:
            lines.write(f'local all "{name}" scram-sha-256\n')
        admin.execute("SELECT pg_reload_conf()")
        parts = urlsplit(database_url)
        quoted = name.replace("%", "%25").replace(" ", "%20")
        found = parts._replace(netloc=f"{quoted}:{password}@").geturl()
        for _ in range(500):
            try:
                psycopg.connect(found).close()
                return found
            except psycopg.OperationalError:  # the server has not read the file yet
                time.sleep(0.01)
        raise AssertionError(f"{name} cannot log in")

    yield url
    file.write_text(before, "utf-8")
    admin.execute("SELECT pg_reload_conf()")


@pytest.fixture
def reader(role: Callable[..., str], log_in: LogIn, database_url: str) -> Iterator[Admin]:
    """A session of a new reader, which has switched off the comfort of read-only transactions."""
    with Catalog.open(database_url, actor="tester") as catalog:
        catalog.register(Venue(mic="XNAS"))
        catalog.register(Token(blockchain="eip155:1", address="0x" + "1" * 40, symbol="ONE", decimals=6))
    name = role()
    made = grant(database_url, name)
    assert made == Reader(name, urlsplit(database_url).path[1:], True, len(reporting.VIEWS), ())
    with psycopg.connect(log_in(name), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        yield connection


def test_it_reads_every_view_by_its_plain_name(reader: Admin) -> None:
    for view in reporting.VIEWS:
        reader.execute(SQL("SELECT * FROM {}").format(Identifier(view.name)))
    assert reader.execute("SELECT symbol FROM tokens").fetchall() == [("ONE",)]
    assert reader.execute("SELECT count(*) FROM changes").fetchone() == (2,)
    said = "SELECT col_description('venues'::regclass, 1)"
    assert reader.execute(said).fetchone() == ("Venue id, 32 hex digits",)


def test_it_cannot_open_the_catalog_itself(role: Callable[..., str], log_in: LogIn, database_url: str) -> None:
    name = role()
    grant(database_url, name)
    with pytest.raises(DatabaseUnavailable, match="may not read") as caught:
        Catalog.open(log_in(name))
    assert "reporting" in str(caught.value.hint)


def test_its_sessions_begin_read_only(reader: Admin) -> None:
    reader.execute("RESET default_transaction_read_only")
    assert reader.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
    assert reader.execute("SHOW search_path").fetchone() == ("reporting",)
    assert reader.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_it_reads_no_table(reader: Admin, admin: Admin) -> None:
    relations = [
        str(name)
        for (name,) in admin.execute("SELECT relname FROM pg_class WHERE relnamespace = 2200 AND relkind = 'r'")
    ]
    assert set(metadata.tables) < set(relations)
    for name in relations:
        table = Identifier("public", name)
        for statement in (
            "SELECT * FROM {}",
            "SELECT FROM {}",
            "SELECT count(*) FROM {}",
            "COPY {} TO STDOUT",
            "TABLE {}",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                reader.execute(SQL(statement).format(table))
    # nor what the planner noted of the values in them
    assert reader.execute("SELECT count(*) FROM pg_stats WHERE schemaname = 'public'").fetchone() == (0,)


def test_it_writes_no_table_and_no_view(reader: Admin, admin: Admin) -> None:
    targets = [(("reporting", view.name), view.columns[0].name) for view in reporting.VIEWS]
    targets += [(("public", name), next(iter(table.columns)).name) for name, table in metadata.tables.items()]
    # what could not be written by anyone (a view with a join) says so before the rights are looked at
    refusals = (errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState, errors.WrongObjectType)
    for path, column in targets:
        for statement in (
            "INSERT INTO {} DEFAULT VALUES", "UPDATE {} SET {} = NULL", "DELETE FROM {}", "TRUNCATE {}", "BEGIN; LOCK TABLE {}",
            "SELECT * FROM {} FOR UPDATE", "COPY {} FROM STDIN", "MERGE INTO {} USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
        ):  # fmt: skip
            query = SQL(statement).format(Identifier(*path), Identifier(column))
            with pytest.raises(errors.Error) as caught:
                reader.execute(query)
            reader.rollback()
            refused = isinstance(caught.value, refusals) or caught.value.sqlstate in ("0A000", "42809")
            assert refused, f"{query.as_string()}: {caught.value}"
    simple = ("securities", "venues", "successions")
    for name in simple:  # views that PostgreSQL would let an owner write through
        with pytest.raises(errors.InsufficientPrivilege):
            reader.execute(SQL("DELETE FROM {}").format(Identifier(name)))
    assert admin.execute("SELECT (SELECT count(*) FROM venues), (SELECT count(*) FROM tokens)").fetchone() == (1, 1)


def refused(session: Admin, statement: str) -> bool:
    try:
        session.execute(statement.encode())
    except errors.InsufficientPrivilege:
        return True
    return False


def test_it_can_do_nothing_else(reader: Admin) -> None:
    assert [statement for statement in ATTEMPTS if not refused(reader, statement)] == []


def test_what_a_reader_tries_leaves_no_trace(reader: Admin, admin: Admin, database_url: str) -> None:
    """And what everybody may do to oneself gives it nothing: its own password and its own settings."""
    reader.execute("ALTER ROLE CURRENT_USER PASSWORD 'mine'")
    reader.execute("ALTER ROLE CURRENT_USER SET default_transaction_read_only = off")
    with pytest.raises(errors.InsufficientPrivilege):
        reader.execute("SELECT * FROM public.tokens")
    engine = make_engine(database_url)
    with engine.connect() as connection:
        assert migrations.check(connection).state == "current"
    engine.dispose()


def test_views_of_later_are_read_too(reader: Admin, admin: Admin) -> None:
    admin.execute("CREATE VIEW reporting.later AS SELECT mic FROM venues")
    assert reader.execute("SELECT mic FROM later").fetchall() == [("XNAS",)]
    with pytest.raises(errors.InsufficientPrivilege):
        reader.execute("INSERT INTO later VALUES ('XNYS')")


def test_granting_again_changes_nothing(role: Callable[..., str], admin: Admin, database_url: str) -> None:
    name = role()
    queries = (
        "SELECT relname, relacl::text FROM pg_class WHERE relnamespace = 'reporting'::regnamespace ORDER BY 1",
        "SELECT defaclacl::text FROM pg_default_acl", "SELECT nspacl::text FROM pg_namespace ORDER BY oid",
        "SELECT setconfig::text FROM pg_db_role_setting ORDER BY 1", "SELECT datacl::text FROM pg_database ORDER BY oid",
    )  # fmt: skip
    assert grant(database_url, name).is_new
    before = [admin.execute(query.encode()).fetchall() for query in queries]
    assert not grant(database_url, name).is_new
    assert [admin.execute(query.encode()).fetchall() for query in queries] == before


def test_a_role_that_exists_may_become_a_reader(role: Callable[..., str], database_url: str) -> None:
    assert not grant(database_url, role("LOGIN PASSWORD 'x'")).is_new
    assert not grant(database_url, role("NOLOGIN")).is_new


def test_schema_may_go_down_and_up_with_readers(role: Callable[..., str], database_url: str) -> None:
    name = role()
    grant(database_url, name)
    migrations.downgrade(database_url, "0002_model")
    with pytest.raises(SchemaBehind):
        grant(database_url, name)
    migrations.upgrade(database_url)
    grant(database_url, name)


def test_what_everybody_was_given_is_taken(role: Callable[..., str], admin: Admin, database_url: str) -> None:
    admin.execute("GRANT SELECT ON tokens TO PUBLIC")
    admin.execute("GRANT INSERT (id) ON venues TO PUBLIC")
    admin.execute("GRANT USAGE ON SEQUENCE disputes_number_seq TO PUBLIC")
    admin.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    name = role()
    grant(database_url, name)
    admin.execute(SQL("SET ROLE {}").format(Identifier(name)))
    for statement in (
        "SELECT * FROM public.tokens", "INSERT INTO public.venues (id) VALUES (NULL)", "CREATE TABLE public.mine (a int)",
        "SELECT nextval('public.disputes_number_seq')",
    ):  # fmt: skip
        with pytest.raises(errors.InsufficientPrivilege):
            admin.execute(statement.encode())
    admin.execute("RESET ROLE")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "1 to 63 bytes"),
        ("x" * 64, "1 to 63 bytes"),
        ("é" * 32, "1 to 63 bytes"),
        ("a\0b", "1 to 63 bytes"),
        ("pg_reader", "keeps this name"),
        ("public", "keeps this name"),
        ("none", "keeps this name"),
        ("catalog", "owns the catalog"),
    ],
)
def test_names_that_cannot_be(database_url: str, name: str, reason: str) -> None:
    with pytest.raises(ReaderRefused, match=reason):
        grant(database_url, name)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ("SUPERUSER", "is a superuser"),
        ("CREATEROLE", "may create roles"),
        ("CREATEDB", "may create databases"),
        ("REPLICATION", "may replicate"),
        ("BYPASSRLS", "passes by row security"),
        ("IN ROLE pg_read_all_data", "member of `pg_read_all_data`"),
    ],
)
def test_roles_that_are_more(
    role: Callable[..., str], admin: Admin, database_url: str, attributes: str, reason: str
) -> None:
    with pytest.raises(ReaderRefused, match=reason):
        grant(database_url, role(attributes))


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("ALTER TABLE history OWNER TO {}", "owns `table history`"),
        ("CREATE SCHEMA mine AUTHORIZATION {}", "owns `schema mine`"),
        ("GRANT SELECT ON tokens TO {}", "would have `SELECT on public.tokens`"),
        ("GRANT SELECT (symbol) ON tokens TO {}", "would have `SELECT on public.tokens`"),
        ("GRANT ALL ON tokens TO {}", "and 6 more"),
        ("GRANT DELETE ON reporting.venues TO {}", "would have `DELETE on reporting.venues`"),
        ("GRANT SELECT ON pg_authid TO {}", "would have `SELECT on pg_catalog.pg_authid`"),
        ("GRANT USAGE ON SEQUENCE disputes_number_seq TO {}", "USAGE on sequence public.disputes_number_seq"),
        ("GRANT CREATE ON SCHEMA reporting TO {}", "CREATE on schema reporting"),
        ("GRANT CREATE ON DATABASE {database} TO {}", "CREATE on database"),
        ("GRANT TEMPORARY ON DATABASE {database} TO {}", "TEMPORARY on database"),
    ],
)
def test_roles_that_have_more(
    role: Callable[..., str], admin: Admin, database_url: str, statement: str, reason: str
) -> None:
    name = role("LOGIN")
    database = Identifier(urlsplit(database_url).path[1:])
    admin.execute(SQL(statement).format(Identifier(name), database=database))
    with pytest.raises(ReaderRefused, match=reason) as caught:
        grant(database_url, name)
    assert caught.value.hint
    # and nothing was done
    query = "SELECT has_schema_privilege(%s, 'reporting', 'USAGE'), has_database_privilege('public', current_database(), 'TEMP')"
    usage = "CREATE ON SCHEMA" in statement
    assert admin.execute(query, [name]).fetchone() in ((False, True), (usage, True))


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE TABLE other.data (a int); GRANT SELECT ON other.data TO PUBLIC", "SELECT on other.data"),
        ("CREATE FUNCTION other.f() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 1", "runs with the rights of its owner"),
        ("GRANT CREATE ON SCHEMA other TO PUBLIC", "CREATE on schema other"),
    ],
)  # fmt: skip
def test_what_everybody_has_elsewhere_is_said(
    role: Callable[..., str], admin: Admin, database_url: str, statement: str, reason: str
) -> None:
    admin.execute(b"CREATE SCHEMA other; " + statement.encode())
    name = role()
    with pytest.raises(ReaderRefused, match=reason):
        grant(database_url, name)
    assert admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone() is None


@pytest.fixture
def owned_url(role: Callable[..., str], log_in: LogIn, admin: Admin, database_server: Server) -> Iterator[str]:
    """URL of a catalog whose owner is no superuser, but may create roles: as on a server that others run."""
    owner = role("LOGIN CREATEROLE")
    with ExitStack() as stack:
        database = urlsplit(stack.enter_context(database_server.database())).path[1:]
        database_server.admin.execute(
            SQL("ALTER DATABASE {} OWNER TO {}").format(Identifier(database), Identifier(owner))
        )
        url = urlsplit(log_in(owner))._replace(path=f"/{database}").geturl()
        migrations.upgrade(url)
        yield url


def test_an_ordinary_owner_makes_readers(
    owned_url: str, role: Callable[..., str], log_in: LogIn, database_server: Server
) -> None:
    name = role()
    made = grant(owned_url, name)
    assert made.remaining == ("make large objects",)
    assert not grant(owned_url, name).is_new
    path = urlsplit(owned_url).path
    with psycopg.connect(urlsplit(log_in(name))._replace(path=path).geturl(), autocommit=True) as connection:
        connection.execute("SELECT * FROM tokens")
        connection.execute("SET default_transaction_read_only = off")
        for statement in (
            "SELECT * FROM public.tokens",
            "CREATE TEMP TABLE mine (a int)",
            "CREATE TABLE public.mine (a int)",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    # a superuser takes what the owner could not
    assert grant(database_server.url_of(path[1:]), name).remaining == ()
    # the owner still works with its own catalog
    with Catalog.open(owned_url) as catalog:
        catalog.register(Venue(mic="XNAS"))


def test_who_may_not_create_roles_is_told(owned_url: str, role: Callable[..., str], admin: Admin) -> None:
    owner = admin.execute("SELECT rolname FROM pg_roles WHERE rolcreaterole AND NOT rolsuper").fetchone()
    assert owner is not None
    admin.execute(SQL("ALTER ROLE {} NOCREATEROLE").format(Identifier(str(owner[0]))))
    with pytest.raises(ReaderNotPermitted, match="may not create roles") as caught:
        grant(owned_url, role())
    assert "CREATEROLE" in str(caught.value.hint)


def test_who_does_not_own_the_catalog_is_told(
    role: Callable[..., str], log_in: LogIn, admin: Admin, database_url: str
) -> None:
    other = role("LOGIN CREATEROLE")
    url = log_in(other)
    with pytest.raises(ReaderNotPermitted, match="permission denied for table alembic_version"):
        grant(url, role())
    admin.execute(SQL("GRANT SELECT ON alembic_version TO {}").format(Identifier(other)))
    with pytest.raises(ReaderNotPermitted, match="permission denied for schema reporting") as caught:
        grant(url, role())
    assert "`catalog`" in str(caught.value.hint)
    with pytest.raises(ReaderRefused, match="is who is connected now"):
        grant(url, other)


def test_a_group_role_does_not_hide_who_is_connected(admin: Admin, role: Callable[..., str], database_url: str) -> None:
    """`SET ROLE` in the URL's options: neither the role nor the login behind it may become a reader."""
    name = role("SUPERUSER NOLOGIN")
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        connection.exec_driver_sql(SQL("SET ROLE {}").format(Identifier(name)).as_string().replace("%", "%%"))
        for refused in (name, "catalog"):
            with pytest.raises(ReaderRefused, match="owns the catalog"):
                grant_reader(connection, refused)
    engine.dispose()
