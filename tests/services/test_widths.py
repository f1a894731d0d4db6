"""Ids in both widths: a forced collision refused, the catalog widened, the record registered, nothing else moved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from blake3 import blake3

from catalog import Catalog
from catalog.database import migrations
from catalog.domain import EventType, Token
from catalog.domain import identity as identities
from catalog.errors import Ambiguous, Busy, Conflict, IdCollision, InvalidRecord
from catalog.repositories import statements
from catalog.services import widths
from catalog.snapshot import Snapshot
from catalog.snapshot.verify import verify
from tests.make import make
from tests.states import state


def token(n: int) -> Token:
    return Token(blockchain="eip155:1", address=f"0x{n:040x}", decimals=18)


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """`cut(n)`: the first n bytes of every id are zeros from now on."""

    def shorten(size: int) -> None:
        def digest(kind: str, message: bytes) -> bytes:
            full = blake3(message, derive_key_context=f"instrument-catalog v1 {kind}").digest(length=16)
            return bytes(size) + full[size:]

        monkeypatch.setattr(identities, "digest", digest)
        monkeypatch.setattr(statements, "digest", digest)

    return shorten


def checked(catalog: Catalog) -> str:
    with catalog.connected() as connection:
        return migrations.check(connection).state


def test_a_collision_is_refused_then_widened_then_registered(
    catalog: Catalog, cut: Callable[[int], None], tmp_path: Path
) -> None:
    cut(8)
    catalog.register(token(1))
    with pytest.raises(IdCollision):
        catalog.register(token(2))
    before, sequence = state(catalog), catalog.stats()["last_sequence"]
    assert catalog.widen_ids()["id_bits"] == 128
    assert checked(catalog) == "current"
    assert state(catalog) == before
    assert catalog.stats()["last_sequence"] == sequence
    assert catalog.register(token(2)) == token(2).id
    assert catalog.instruments.get(token(1).id) == token(1)
    assert catalog.instruments.get(token(2).id) == token(2)
    with pytest.raises(Ambiguous):
        catalog.instruments.get("0" * 16)
    with pytest.raises(InvalidRecord):
        catalog.export_snapshot(str(tmp_path / "narrow.snap"), ids=64)
    catalog.export_snapshot(str(tmp_path / "wide.snap"))
    with Snapshot.open(tmp_path / "wide.snap") as snapshot:
        assert snapshot.header.id_bits == 128
        assert len(snapshot) == 2
    with pytest.raises(Conflict) as caught:
        catalog.narrow_ids()
    assert caught.value.holder in (token(1).id, token(2).id)
    assert catalog.id_status()["id_bits"] == 128
    assert catalog.collisions()[0]["attempts"] == 1


def test_the_same_id_collides_in_both_widths(catalog: Catalog, cut: Callable[[int], None]) -> None:
    cut(16)
    catalog.widen_ids()
    catalog.register(token(1))
    with pytest.raises(IdCollision):
        catalog.register(token(2))


def test_event_types_collide_in_their_first_four_bytes(catalog: Catalog, cut: Callable[[int], None]) -> None:
    def event(name: str) -> EventType:
        fields = [{"name": "a", "field_type": "uint64"}]
        return make(
            EventType,
            name=name,
            version=1,
            event_source="internal",
            component="c",
            event_class="d",
            priority="low",
            fields=fields,
        )

    cut(4)
    catalog.register(event("one"))
    for widen in (False, True):
        if widen:
            catalog.widen_ids()
        with pytest.raises(IdCollision):
            catalog.register(event("two"))
    (audit,) = catalog.collisions()
    assert (audit["kind"], audit["attempts"]) == ("event-type", 2)


def test_there_and_back(catalog: Catalog, tmp_path: Path) -> None:
    for n in range(1, 50):
        catalog.register(token(n))
    before = state(catalog)
    for _ in range(2):
        assert catalog.widen_ids()["id_bits"] == 128
        assert catalog.widen_ids()["id_bits"] == 128
        assert catalog.narrow_ids()["id_bits"] == 64
        assert catalog.narrow_ids()["id_bits"] == 64
    assert state(catalog) == before
    assert checked(catalog) == "current"
    catalog.export_snapshot(str(tmp_path / "a"), ids=64)
    catalog.export_snapshot(str(tmp_path / "b"), ids=128)
    assert verify(tmp_path / "a").problems == verify(tmp_path / "b").problems == []


def test_widening_waits_for_no_bulk_load(catalog: Catalog, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(widths, "LOCK_TIMEOUT", "100ms")
    with psycopg.connect(database_url) as loading:
        loading.execute("LOCK TABLE identities IN ROW EXCLUSIVE MODE")
        with pytest.raises(Busy, match="bulk load"):
            catalog.widen_ids()
        with pytest.raises(Busy):
            catalog.narrow_ids() if catalog.id_status()["id_bits"] == 128 else catalog.widen_ids()
        assert catalog.id_status()["id_bits"] == 64
    assert checked(catalog) == "current"
    assert catalog.widen_ids()["id_bits"] == 128
