"""Exports while eight writers work: each file is whole, and is the state at its own sequence."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event, Thread
from typing import Any

from catalog import Catalog
from catalog.domain import Record
from catalog.domain.identity import LISTING_KIND
from catalog.repositories.mapping import NOUNS, load, select
from catalog.snapshot import Snapshot
from catalog.snapshot.apply import apply, listing_digest
from catalog.snapshot.verify import verify
from tests.fuzz.histories import History

WRITERS, EXPORTS = 8, 6


def state_at(catalog: Catalog, sequence: int) -> dict[tuple[int, bytes], dict[str, Any]]:
    """Every record as it was at a sequence, from the change log and the history alone."""
    states: dict[tuple[int, bytes], dict[str, Any]] = {}
    with catalog.transaction() as cursor:
        for record, noun in NOUNS.items():
            cursor.execute(select(record))
            now = load(cursor, record, [row[0] for row in cursor.fetchall()])
            cursor.execute(
                """SELECT record_id FROM changes WHERE kind = %(kind)s AND sequence <= %(at)s
                EXCEPT SELECT record_id FROM history WHERE kind = %(kind)s AND until_sequence > %(at)s""",
                {"kind": noun.kind, "at": sequence},
            )
            unchanged = {id for (id,) in cursor.fetchall()}
            states |= {(noun.kind, id.bytes): values for id, values in now.items() if id in unchanged}
        cursor.execute(
            "SELECT kind, record_id, image FROM history WHERE from_sequence <= %(at)s AND until_sequence > %(at)s",
            {"at": sequence},
        )
        states |= {(kind, id.bytes): image for kind, id, image in cursor.fetchall()}
    return {key: values for key, values in states.items() if values}


def key_of(record: Record) -> tuple[int, bytes]:
    """The key of a record's row in the database."""
    kind = NOUNS[record.record].kind
    return kind, listing_digest(record.known()) if kind == LISTING_KIND else record.id.bytes


def test_every_export_is_the_state_at_its_sequence(catalog: Catalog, tmp_path: Path) -> None:
    url = catalog.engine.url.render_as_string(hide_password=False)
    done = Event()
    faults: list[BaseException] = []

    def write(seed: int) -> None:
        try:
            with Catalog.open(url, actor=f"writer {seed}") as own:
                # all of them draw on the same records, each in an order of its own
                history = History(own, 7, tmp_path)
                history.random.seed(seed)
                while not done.is_set():
                    history.steps(1)
        except BaseException as error:  # noqa: BLE001 - told by the test
            faults.append(error)

    writers = [Thread(target=write, args=(seed,)) for seed in range(WRITERS)]
    for writer in writers:
        writer.start()
    files = []
    try:
        while catalog.stats()["last_sequence"] < 30 and not faults:
            pass
        for n in range(EXPORTS):
            before = catalog.stats()["last_sequence"]
            catalog.export_snapshot(str(tmp_path / f"full-{n}"))
            files.append(tmp_path / f"full-{n}")
            while catalog.stats()["last_sequence"] < before + 10 and not faults:
                pass
    finally:
        done.set()
        for writer in writers:
            writer.join()
    assert not faults, faults
    for path in files:
        assert verify(path).problems == []
        with Snapshot.open(path) as snapshot:
            expected = state_at(catalog, snapshot.as_of_sequence)
            found = {key_of(record): record.known() for record in snapshot.records()}
        assert len(found) >= 12
        assert {key for key, values in expected.items() if values["status"] != "retired"} <= found.keys()
        for key, values in found.items():
            assert json.dumps(values, sort_keys=True) == json.dumps(expected[key], sort_keys=True)
    with Snapshot.open(files[0]) as first, Snapshot.open(files[-1]) as last:
        assert first.as_of_sequence < last.as_of_sequence
        since = first.as_of_sequence
    # what the writers did since is what a delta says
    catalog.export_snapshot(str(tmp_path / "delta"), since=since)
    catalog.export_snapshot(str(tmp_path / "end"))
    apply(files[0], [tmp_path / "delta"], tmp_path / "applied")
    assert (tmp_path / "applied").read_bytes() == (tmp_path / "end").read_bytes()
