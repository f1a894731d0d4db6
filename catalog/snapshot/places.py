"""Where all records of a type stand in a snapshot file, found in its indexes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.errors import DecodeError, LimitExceeded
from catalog.snapshot.extra import load
from catalog.snapshot.index import LIST_BIT
from catalog.snapshot.vectors import Array, Bytes
from catalog.wire import layout
from catalog.wire.frame import HEADER_SIZE, decode_message
from catalog.wire.layout import CODE_OF, ID_SIZE, INSTRUMENT, KIND_CODES
from catalog.wire.messages import END_SIZE

if TYPE_CHECKING:
    from catalog.snapshot.reader import Snapshot

np = load("numpy")

#: The first 8 bytes of every header, as a number, but for the message type.
HEADER_START = layout.MAGIC | layout.VERSION << 40


class Places:
    """Where records stand, as the indexes say."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot, self._width = snapshot, snapshot.header.id_bits // 8
        self._data = snapshot.data
        self._bytes = Bytes(self._data)
        #: A message begins at or before this place, unless it is the last one.
        self._last = snapshot.size - END_SIZE - 2 * HEADER_SIZE

    def of(self, record_type: str) -> Array:
        """The offsets of all records of this type, ascending."""
        message, subtype = CODE_OF[record_type]
        if record_type == "tombstone":
            return self._tombstones()
        if record_type == "listing":
            offsets = np.sort(self._postings(layout.INDEX_LISTINGS))
        elif record_type == "succession":
            offsets = np.unique(self._postings(layout.INDEX_SUCCESSION))
        else:
            offsets = self.slots(KIND_CODES[layout.MESSAGE_KINDS[message]])["value"].astype(np.int64)
        types = self._bytes.u8[offsets + 4]
        offsets = offsets[types == message]
        if message == INSTRUMENT:
            offsets = offsets[self._bytes.u8[offsets + HEADER_SIZE + ID_SIZE] == subtype]
        if not (offsets[1:] > offsets[:-1]).all():
            first = int(offsets[(offsets[1:] <= offsets[:-1]).argmax()])
            raise DecodeError(first, "index.value", f"each {record_type} once, in the order of the file", "others")
        return offsets

    def slots(self, index: int, limit: int | None = None) -> Array:
        """The slots of an index that are in use, their values proved to be places of messages."""
        head = self._snapshot.index_head(index)
        slot = np.dtype([("key", ">u8" if self._width == 8 else "V16"), ("value", "<u8")])
        if head is None:
            return np.empty(0, slot)
        slots = np.frombuffer(self._data, slot, head.num_slots, head.ofs_slots)
        slots = slots[slots["value"] != 0]
        bad = slots["value"] > (self._last if limit is None else limit)
        if bad.any():
            found = int(slots["value"][bad.argmax()])
            raise DecodeError(head.ofs_slots, "index.value", f"an offset of at most {self._last}", found)
        return slots

    def _postings(self, index: int) -> Array:
        """The offsets of all messages that an index of many answers finds, some perhaps twice."""
        head = self._snapshot.index_head(index)
        if head is None:
            return np.empty(0, np.int64)
        values = self.slots(index, (1 << 64) - 1)["value"]
        is_list = values >= LIST_BIT
        postings = np.frombuffer(self._data, "<u8", head.num_postings, head.ofs_postings)
        places = values[is_list] - np.uint64(LIST_BIT)
        if (places % np.uint64(8)).any() or (places < head.ofs_postings).any() or (places >= head.end).any():
            raise DecodeError(head.ofs_slots, "index.value", f"lists from {head.ofs_postings} to {head.end}", "others")
        starts = ((places - np.uint64(head.ofs_postings)) // np.uint64(8)).astype(np.int64)
        counts = postings[starts]
        room = head.num_postings - len(starts)
        if (counts > room).any() or counts.sum() > room:
            raise LimitExceeded(head.ofs_postings, "index.count", f"at most {room} together", int(counts.max()))
        counts = counts.astype(np.int64)
        if (starts + counts >= head.num_postings).any():
            raise LimitExceeded(head.ofs_postings, "index.count", "lists inside the index", int(counts.max()))
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        found = np.concatenate([values[~is_list], postings[np.repeat(starts + 1, counts) + within]])
        if (found > self._last).any():
            raise DecodeError(head.ofs_postings, "index.value", f"offsets of at most {self._last}", int(found.max()))
        return found.astype(np.int64)

    def _tombstones(self) -> Array:
        """No index has them; but they are all of one size, one after the other, unless a newer format wrote them."""
        count = self._snapshot.header.counts.get("tombstone", 0)
        first = next(self._snapshot.section_offsets(layout.TOMBSTONE), None)
        if first is None:
            return np.empty(0, np.int64)
        step = HEADER_SIZE + 3 + self._width
        offsets = first + step * np.arange(min(count, (self._last - first) // step + 1))
        start = self._bytes.numbers("<u8", offsets)
        sizes = self._bytes.numbers("<u4", offsets + 8)
        after = int(offsets[-1]) + step if len(offsets) else first
        alike = (start == HEADER_START | layout.TOMBSTONE << 32).all() and (sizes == step - HEADER_SIZE).all()
        if alike and decode_message(self._data, after).type in (layout.INDEX, layout.END):
            return offsets
        return np.fromiter(self._snapshot.section_offsets(layout.TOMBSTONE), np.int64)
