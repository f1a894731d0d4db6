"""What else one could keep instruments in: a dict, SQLite, LMDB, an Arrow file, DBN. Each holds the same instruments.

A peer is made once, from the snapshot's own messages or from the fields of the instruments, and then has steps that
run beside those of the snapshot. `PEERS` names the package that each needs; one that is missing is said to be so. The packages
are imported by name, so that these modules can be checked where they are not installed.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from benchmarks.child import memory
from benchmarks.harness import Figure, Step, each, fresh
from benchmarks.universe import Universe
from catalog.snapshot import Snapshot
from catalog.wire.frame import decode_stream
from catalog.wire.layout import INSTRUMENT

#: The fields of instruments that an Arrow file has as columns.
COLUMNS = (
    "status", "symbol", "ticker", "name", "blockchain", "address", "decimals", "token_standard", "mic", "exchange", "isin",
    "currency", "figi", "sector", "country", "osi_root", "option_kind", "underlying_id",
)  # fmt: skip
_DBN_CHUNK = 1 << 20


class World(NamedTuple):
    """What peers are made from; `keys` are the ids (16 bytes) that all look up, `folder` is for their files, and what
    is open at the end goes on the `stack`."""

    universe: Universe
    order: Path
    snapshot: Snapshot
    keys: list[bytes]
    folder: Path
    stack: ExitStack

    def payloads(self) -> Iterator[tuple[bytes, bytes]]:
        """(id, payload) of every instrument, sorted by id."""
        for message in decode_stream(self.snapshot.data):
            if message.type == INSTRUMENT:
                yield message.payload[:16], message.payload

    def records(self) -> Iterator[tuple[bytes, str, dict[str, Any]]]:
        """(id, type, fields) of every instrument, sorted by id."""
        for record, id, number in self.universe.instruments(self.order):
            yield id, record, self.universe.values(record, number)


class Made(NamedTuple):
    """A peer that is ready: what making it took, and its steps."""

    figures: list[Figure]
    steps: list[Step]


def dictionary(world: World) -> Made:
    """A Python dict from id to fields, pickled. A process of its own loads it, so that its memory can be told."""
    place, keys = world.folder / "dict.pickle", world.folder / "keys"
    keys.write_bytes(b"".join(world.keys))
    built = fresh("benchmarks.peers:pickle_dictionary", world.universe.size, world.order, place)
    weights = Figure("dict: memory once loaded", "B")
    look_ups = Figure("dict: look-up by id", "s")

    def load() -> float:
        found = fresh("benchmarks.peers:load_dictionary", place, keys)
        weights.values.append(found["weight"])
        look_ups.values.append(found["look_up"])
        return found["load"]

    size = Figure("dict: pickle", "B", [place.stat().st_size])
    made = Figure("dict: make the pickle", "s", [built["seconds"] / world.universe.size], "per instrument")
    return Made([made, size, look_ups, weights], [Step("dict: load the pickle", load, rounds=3)])


def pickle_dictionary(size: str, order: str, place: str) -> dict[str, float]:
    """Make the dict and pickle it; seconds of the dump alone."""
    universe = Universe(int(size))
    found = {id: (record, universe.values(record, n)) for record, id, n in universe.instruments(Path(order))}
    start = perf_counter()
    with Path(place).open("wb") as file:
        pickle.dump(found, file, protocol=5)
    return {"seconds": perf_counter() - start}


def load_dictionary(place: str, keys: str) -> dict[str, float]:
    """Seconds to load the dict, and for one look-up; the bytes of its own memory that the process then has more."""
    data = Path(keys).read_bytes()
    ids = [data[at : at + 16] for at in range(0, len(data), 16)]
    before = memory()["private"]
    start = perf_counter()
    with Path(place).open("rb") as file:
        found = pickle.load(file)  # noqa: S301 - written above
    load = perf_counter() - start
    look_up = each(found.__getitem__, ids)
    return {
        "load": load,
        "look_up": min(look_up(), look_up()) / len(ids),
        "weight": memory()["private"] - before,  # now, while the dict is there
    }


def sqlite(world: World) -> Made:
    """SQLite: id → payload in a table that is its primary key's tree, mapped into memory."""
    place = world.folder / "sqlite"
    start = perf_counter()
    with sqlite3.connect(place) as connection:
        connection.execute("CREATE TABLE instrument (id BLOB PRIMARY KEY, payload BLOB NOT NULL) WITHOUT ROWID")
        connection.executemany("INSERT INTO instrument VALUES (?, ?)", world.payloads())
    connection.close()
    seconds = perf_counter() - start

    def open_it() -> sqlite3.Connection:
        connection = sqlite3.connect(f"{place.as_uri()}?mode=ro", uri=True)
        connection.execute("PRAGMA mmap_size = 17179869184")
        connection.execute("SELECT 1 FROM instrument LIMIT 1").fetchone()  # before this nothing has been read
        return connection

    def read_all() -> None:
        for _ in connection.execute("SELECT payload FROM instrument"):
            pass

    connection = open_it()
    world.stack.callback(connection.close)
    find = connection.cursor().execute
    return Made(
        _made("SQLite", seconds, world, place.stat().st_size),
        [
            Step("SQLite: open", lambda: open_it().close()),
            Step(
                "SQLite: payload by id",
                each(lambda id: find("SELECT payload FROM instrument WHERE id = ?", (id,)).fetchone()[0], world.keys),
                len(world.keys),
            ),
            Step("SQLite: read all payloads", read_all, world.universe.size),
        ],
    )


def lmdb(world: World) -> Made:
    """LMDB: id → payload."""
    library: Any = import_module("lmdb")
    place = world.folder / "lmdb"
    start = perf_counter()
    with library.open(str(place), map_size=1 << 40, subdir=False) as made, made.begin(write=True) as transaction:
        transaction.cursor().putmulti(world.payloads(), append=True)
    seconds = perf_counter() - start

    def read_all() -> None:
        for _ in transaction.cursor():
            pass

    opened = world.stack.enter_context(library.open(str(place), subdir=False, readonly=True, lock=False))
    transaction = world.stack.enter_context(opened.begin())
    return Made(
        _made("LMDB", seconds, world, place.stat().st_blocks * 512),
        [
            Step("LMDB: payload by id", each(transaction.get, world.keys), len(world.keys)),
            Step("LMDB: read all payloads", read_all, world.universe.size),
        ],
    )


def arrow(world: World) -> Made:
    """An Arrow IPC file of the instruments, sorted by id: columns of their fields, one batch."""
    numpy: Any = import_module("numpy")
    pyarrow: Any = import_module("pyarrow")
    ipc: Any = import_module("pyarrow.ipc")
    schema = pyarrow.schema(
        [
            ("id", pyarrow.binary(16)),
            ("record", pyarrow.string()),
            *((name, pyarrow.uint8() if name == "decimals" else pyarrow.string()) for name in COLUMNS),
        ]
    )
    place = world.folder / "arrow"
    start = perf_counter()
    records, batches = world.records(), []
    while batch := list(islice(records, 50_000)):
        columns: list[Any] = [[id for id, _, _ in batch], [record for _, record, _ in batch]]
        columns += [[values.get(name) for _, _, values in batch] for name in COLUMNS]
        arrays = [pyarrow.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)]
        batches.append(pyarrow.record_batch(arrays, schema=schema))
    with ipc.new_file(str(place), schema) as file:
        file.write_table(pyarrow.Table.from_batches(batches).combine_chunks())
    seconds = perf_counter() - start
    del batches

    def open_it() -> Any:
        return ipc.open_file(pyarrow.memory_map(str(place))).read_all()

    table = open_it()
    ids = numpy.frombuffer(table["id"].chunk(0).buffers()[1], dtype="S16")
    rows = world.keys[:1000]
    return Made(
        _made("Arrow", seconds, world, place.stat().st_size),
        [
            Step("Arrow: open", open_it),
            Step("Arrow: row number by id", each(ids.searchsorted, world.keys), len(world.keys)),
            Step(
                "Arrow: one row as a dict",
                each(lambda id: table.slice(ids.searchsorted(id), 1).to_pylist(), rows),
                len(rows),
            ),
            Step(
                "Arrow: read all into memory",
                lambda: ipc.open_file(pyarrow.OSFile(str(place), "rb")).read_all(),
                world.universe.size,
            ),
        ],
    )


def dbn(world: World) -> Made:
    """Databento's DBN: as many instrument definitions of fixed size, which name about as much as ours do."""
    library: Any = import_module("databento_dbn")
    place = world.folder / "dbn"
    start = perf_counter()
    metadata = library.Metadata(
        "XNAS.ITCH", 0, library.SType.RAW_SYMBOL, library.SType.INSTRUMENT_ID, library.Schema.DEFINITION
    )
    stock, add = library.InstrumentClass.STOCK, library.SecurityUpdateAction.ADD
    with place.open("wb") as file:
        file.write(bytes(metadata))
        for n, (_, _, values) in enumerate(world.records()):
            symbol = values.get("ticker") or values["symbol"]
            message = library.InstrumentDefMsg(
                1,
                n,
                0,
                0,
                10_000_000,
                1_000_000_000,
                symbol,
                symbol[:10],
                "STK",
                stock,
                add,
                currency="USD",
                exchange="XNAS",
            )
            file.write(bytes(message))
    seconds = perf_counter() - start

    def decode_all() -> None:
        decoder = library.DBNDecoder()
        count = 0
        with place.open("rb") as file:
            while chunk := file.read(_DBN_CHUNK):
                decoder.write(chunk)
                count += len(decoder.decode())
        assert count == world.universe.size + 1

    figures = _made("DBN", seconds, world, place.stat().st_size)
    return Made(figures, [Step("DBN: decode all", decode_all, world.universe.size)])


def _made(name: str, seconds: float, world: World, size: int) -> list[Figure]:
    return [
        Figure(f"{name}: make the file", "s", [seconds / world.universe.size], "per instrument"),
        Figure(f"{name}: size of the file", "B", [size]),
    ]


PEERS: dict[str, tuple[str, Callable[[World], Made]]] = {
    "dict": ("pickle", dictionary),
    "SQLite": ("sqlite3", sqlite),
    "LMDB": ("lmdb", lmdb),
    "Arrow": ("pyarrow", arrow),
    "DBN": ("databento_dbn", dbn),
}
