"""No importer opens a connection: here, whoever tries fails."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True, scope="module")
def no_network() -> Iterator[None]:
    """Refuses every connection and every look-up of a name."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("an importer wants the network")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, refuse)
        for name in ("create_connection", "getaddrinfo", "gethostbyname"):
            patch.setattr(socket, name, refuse)
        yield
