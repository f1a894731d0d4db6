"""Fixtures for all tests: a throw-away PostgreSQL server, and databases cloned from a migrated template.

The server is the embedded one (the wheel's PostgreSQL 18), or whichever `CATALOG_TEST_POSTGRES_BIN` has the programs
of. It is never optional: without it the database tests fail. The only tests that skip are those on real payloads, when
`CATALOG_REAL_DATA` does not say where they are.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from pytest_postgresql import factories
from pytest_postgresql.executors import NoopExecutor

from catalog import Catalog
from catalog.database.embedded import EmbeddedServer

DATABASE_FIXTURES = {"database_server", "migrated_server", "postgres_bin"}
MEMORY = Path("/dev/shm")
MEMORY_BYTES = 6 << 30

_number = itertools.count(1)


def pytest_configure() -> None:
    """Hear SIGINT, so that the programs that tests start do: a shell's background jobs ignore it, and their children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `database` every test that needs a server, directly or through its fixtures."""
    for item in items:
        if DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.database)


@dataclass(frozen=True)
class Server:
    """The running server in the words of pytest-postgresql, which clones databases on it."""

    url: str
    admin: psycopg.Connection
    host: str
    port: int
    user: str
    password: str
    options: str = ""
    maintenance_dbname: str = "postgres"
    template_dbname: str | None = None

    @classmethod
    def at(cls, url: str, admin: psycopg.Connection) -> Server:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        return cls(url, admin, query["host"][0], int(query["port"][0]), parts.username or "", parts.password or "")

    def url_of(self, name: str) -> str:
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """URL of a new database, a copy of `template`, dropped at the end with whoever is still connected to it.

        Takes a third of the time of pytest-postgresql's janitor: it keeps its connection, and copies files instead of
        logging pages, which is quick where nothing is synced.
        """
        name = f"test_{next(_number)}"
        self.admin.execute(
            SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(*map(Identifier, (name, template)))
        )
        try:
            yield self.url_of(name)
        finally:
            self.admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture(scope="session")
def scratch_directory() -> Iterator[Path]:
    """A temporary directory that a server run for root can get through (pytest's own are closed to it).

    In memory where there is room: a clone is 300 new files, which take 10 ms there and up to 150 ms on a disk.
    """
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    directory = Path(tempfile.mkdtemp(prefix="catalog-tests-", dir=MEMORY if in_memory else None))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session", autouse=True)
def _own_surroundings(scratch_directory: Path) -> Iterator[None]:
    """No test sees the caller's database or touches the caller's catalog."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CATALOG_DATABASE_URL", raising=False)
        patch.setenv("XDG_DATA_HOME", str(scratch_directory / "data"))
        yield


@pytest.fixture(scope="session")
def postgres_bin() -> Path | None:
    """The folder of the PostgreSQL programs under test; None means the wheel's."""
    value = os.environ.get("CATALOG_TEST_POSTGRES_BIN")
    return Path(value) if value else None


@pytest.fixture(scope="session")
def database_server(scratch_directory: Path, postgres_bin: Path | None) -> Iterator[Server]:
    """The server of this session. It keeps nothing safe from a crash, which makes it fast."""
    with EmbeddedServer(scratch_directory / "server", postgres_bin, durable=False) as server:
        url = server.start()
        maintenance = urlsplit(url)._replace(path="/postgres").geturl()
        with psycopg.connect(maintenance, autocommit=True) as admin:
            yield Server.at(url, admin)


def _migrate(*, host: str, port: int, user: str, password: str, dbname: str, **_: object) -> None:
    from catalog.database.migrations import upgrade

    upgrade(f"postgresql://{user}:{password}@/{dbname}?host={host}&port={port}")


migrated_server = factories.postgresql_noproc(depends_on="database_server", dbname="catalog_tests", load=[_migrate])
"""The same server with a template database on it, migrated once by the project's own runner."""


@pytest.fixture
def database_url(database_server: Server, migrated_server: NoopExecutor) -> Iterator[str]:
    """URL of a fresh, migrated database for this test alone."""
    with database_server.database(migrated_server.template_dbname) as url:
        yield url


@pytest.fixture
def empty_database_url(database_server: Server) -> Iterator[str]:
    """URL of a fresh database without a schema."""
    with database_server.database() as url:
        yield url


@pytest.fixture
def template_url(database_server: Server, migrated_server: NoopExecutor) -> str:
    """URL of the migrated template itself: to read its catalog, never to write. Leave no connection open."""
    return database_server.url_of(migrated_server.template_dbname)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real payloads."""
    value = os.environ.get("CATALOG_REAL_DATA")
    if not value:
        pytest.skip("CATALOG_REAL_DATA is not set")
    return Path(value)


@pytest.fixture
def catalog(database_url: str) -> Iterator[Catalog]:
    with Catalog.open(database_url, actor="tester") as opened:
        yield opened


@pytest.fixture
def fresh_catalog(database_server: Server, migrated_server: NoopExecutor) -> Iterator[Callable[[], Catalog]]:
    """`fresh_catalog()` gives an empty catalog of its own, as often as it is called."""
    with ExitStack() as stack:

        def make() -> Catalog:
            url = stack.enter_context(database_server.database(migrated_server.template_dbname))
            return stack.enter_context(Catalog.open(url, actor="tester"))

        yield make
