"""A snapshot as Parquet files, one per record type, for programs that read tables and nothing of ours."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from io import RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from catalog.snapshot.columns import RECORD_TYPES, ROWS, ColumnReader, column_schema
from catalog.snapshot.extra import load
from catalog.snapshot.faults import InexactDecimal, SnapshotError
from catalog.snapshot.writer import _Output

if TYPE_CHECKING:
    from catalog.snapshot.reader import Snapshot

pa, pq = load("pyarrow"), load("pyarrow.parquet")

#: Rows of a row group, or a few more: what is held in memory, and the least that a reader reads.
GROUP = 131_072


class ParquetFile(NamedTuple):
    """A file that was written: its path and rows, and which decimals are texts there (`tick_size`, `tokens.weight`).

    A decimal column is text when some value has no exact decimal128(38, 18).
    """

    path: Path
    rows: int
    text_decimals: tuple[str, ...]


def write_parquet(
    snapshot: Snapshot, directory: str | os.PathLike[str], *, force: bool = False, threads: int | None = None
) -> dict[str, ParquetFile]:
    """Write `<record type>.parquet` into `directory` for every type that has records; also alias, succession, tombstone.

    The columns are those of `columns.arrow_schema`, compressed with zstd; the metadata names `catalog_id`, `digest`,
    `as_of_sequence` and `as_of_ns` of the snapshot. The same snapshot gives the same bytes with the same pyarrow. A
    directory that is not there is made. The files take their names when all are written, each at once; with `force`
    they replace others, and files of types that have no records are removed.

    Raises SnapshotError when a file cannot be put there, and what `Snapshot.to_arrow` raises but InexactDecimal.
    """
    place = Path(directory)
    targets = {record_type: place / f"{record_type}.parquet" for record_type in RECORD_TYPES}
    _prepare(place, [] if force else targets.values())
    reader = ColumnReader(snapshot, threads)
    outputs: list[_Output] = []
    files: dict[str, ParquetFile] = {}
    with ExitStack() as stack:
        for record_type in sorted(snapshot.counts.keys() & targets.keys(), key=RECORD_TYPES.index):
            target = targets[record_type]
            as_text: set[str] = set()
            while record_type not in files:
                with ExitStack() as attempt:
                    output = attempt.enter_context(_Output(target, force=force))
                    try:
                        rows = _write(reader, record_type, as_text, output)
                    except InexactDecimal as error:
                        as_text.add(error.field)  # once more, with this column as text
                        continue
                    files[record_type] = ParquetFile(target, rows, tuple(sorted(as_text)))
                    outputs.append(output)
                    stack.push(attempt.pop_all())
        for output in outputs:
            output.publish()
    for record_type in targets.keys() - files.keys() if force else ():
        targets[record_type].unlink(missing_ok=True)
    return files


def _prepare(place: Path, targets: Iterable[Path]) -> None:
    """Make the directory, and see that none of these files is there."""
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise SnapshotError(place, "write", error.strerror or str(error)) from error
    for target in targets:
        if os.path.lexists(target):
            raise SnapshotError(target, "write", "it exists", "name another directory, or replace it with force")


def _write(reader: ColumnReader, record_type: str, as_text: set[str], output: _Output) -> int:
    """Write the records of a type, a row group at a time; how many there are."""
    snapshot = reader.snapshot
    metadata = {
        "catalog_id": snapshot.header.catalog_id.hex(),
        "digest": snapshot.digest.hex(),
        "as_of_sequence": str(snapshot.as_of_sequence),
        "as_of_ns": str(snapshot.as_of_ns),
    }
    schema = column_schema(record_type, as_text).with_metadata(metadata)
    rows = 0
    with pq.ParquetWriter(pa.PythonFile(_Sink(output), "w"), schema, compression="zstd") as writer:
        for group in _groups(reader.batches(record_type, as_text)):
            writer.write_table(pa.Table.from_batches(group).cast(schema), row_group_size=GROUP + ROWS)
            rows += sum(batch.num_rows for batch in group)
    return rows


def _groups(batches: Iterator[Any]) -> Iterator[list[Any]]:
    """The batches by as many as make a row group."""
    group: list[Any] = []
    for batch in batches:
        group.append(batch)
        if sum(batch.num_rows for batch in group) >= GROUP:
            yield group
            group = []
    if group:
        yield group


class _Sink(RawIOBase):
    """An output as a file that pyarrow can write to."""

    def __init__(self, output: _Output) -> None:
        self._output = output

    def writable(self) -> bool:
        return True

    def write(self, chunk: Any) -> int:
        self._output.write(chunk)
        return len(chunk)
