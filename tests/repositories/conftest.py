"""A catalog per test, or several of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from pytest_postgresql.executors import NoopExecutor

from catalog import Catalog
from tests.conftest import Server


@pytest.fixture
def catalog(database_url: str) -> Iterator[Catalog]:
    with Catalog.open(database_url, actor="tester") as opened:
        yield opened


@pytest.fixture
def fresh_catalog(database_server: Server, migrated_server: NoopExecutor) -> Iterator[Callable[[], Catalog]]:
    """`fresh_catalog()` gives an empty catalog of its own, as often as it is called."""
    with ExitStack() as stack:

        def make() -> Catalog:
            return Catalog.open(
                stack.enter_context(database_server.database(migrated_server.template_dbname)), actor="tester"
            )

        yield make
