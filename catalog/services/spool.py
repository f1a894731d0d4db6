"""Items in the order of their keys, however many there are: what does not fit in memory waits on disk, sorted."""

from __future__ import annotations

import heapq
import pickle
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from operator import itemgetter
from typing import IO, Any, Generic, TypeVar

T = TypeVar("T")
#: How many items are kept in memory. A record takes about 2 KiB.
MEMORY = 20_000
#: How many files are merged into one: few are open at a time, and each item is written again seldom.
MERGED = 50


class Spool(Generic[T]):
    """Takes items with a key each, and gives them back sorted by key; equal keys keep their order.

    A context manager: its temporary files go with it. They hold nothing but what this process wrote, and are read by
    nothing else.
    """

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._fresh: list[tuple[Any, int, T]] = []
        self._levels: list[list[IO[bytes]]] = []
        self._open = ExitStack()
        self._count = 0

    def __enter__(self) -> Spool[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def __len__(self) -> int:
        return self._count

    def add(self, key: Any, item: T) -> None:
        """Take an item."""
        self._fresh.append((key, self._count, item))
        self._count += 1
        if len(self._fresh) >= self._memory:
            self._spill()

    def _spill(self) -> None:
        self._fresh.sort(key=itemgetter(0, 1))
        self._keep(self._fresh, 0)
        self._fresh = []

    def _keep(self, entries: Iterable[tuple[Any, int, T]], level: int) -> None:
        """Write sorted entries to a file of a level; where there are many, they become one of the next level."""
        file = self._open.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        for entry in entries:
            pickle.dump(entry, file, protocol=pickle.HIGHEST_PROTOCOL)
        if level == len(self._levels):
            self._levels.append([])
        self._levels[level].append(file)
        if len(self._levels[level]) == MERGED:
            files, self._levels[level] = self._levels[level], []
            self._keep(heapq.merge(*map(self._read, files), key=itemgetter(0, 1)), level + 1)
            for merged in files:
                merged.close()

    def __iter__(self) -> Iterator[T]:
        """Every item in order; may be asked for again."""
        self._fresh.sort(key=itemgetter(0, 1))
        files = [file for level in self._levels for file in level]
        parts = [*map(self._read, files), iter(self._fresh)]
        return (item for _, _, item in heapq.merge(*parts, key=itemgetter(0, 1)))

    @staticmethod
    def _read(file: IO[bytes]) -> Iterator[tuple[Any, int, T]]:
        file.seek(0)
        while True:
            try:
                yield pickle.load(file)  # noqa: S301 - written above, by this process
            except EOFError:
                return
