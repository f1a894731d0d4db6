"""From decoded fields to a domain record. This is where pydantic comes in, so the reader imports it late.

Validating a stock takes as long as all the rest of a look-up together, and a process asks for the same instruments
again and again. So when a record is asked for again, the values that its fields' validators have accepted as they are
count as good from then on; a record whose values are all known is put together without asking the validators, and only
the rules between its fields are run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blake3 import blake3

from catalog.domain.base import Record
from catalog.domain.identity import KINDS, Id
from catalog.domain.records import RECORDS
from catalog.domain.vocabulary import RECORD_KINDS
from catalog.errors import CatalogError, DecodeError, SnapshotCorrupt

#: Known values per field; a field that has reached it forgets all of them.
MAX_KNOWN = 8192
_LENGTHS = [n.to_bytes(4, "little") for n in range(256)]
#: Per record type, a hasher that has its context already: copying it is cheaper than deriving the key again.
_HASHERS = {
    record: blake3(derive_key_context=f"instrument-catalog v1 {kind}")
    for record, kind in RECORD_KINDS.items()
    if kind in KINDS
}
_set = object.__setattr__


def build_record(record: str, id: bytes, values: dict[str, Any], offset: int) -> Record:
    """The validated record at `offset`, its id proved to be the one of its identity.

    Raises SnapshotCorrupt when the model refuses the values, or when the file names another id.
    """
    try:
        found = RECORDS[record](**values)
    except CatalogError as error:
        raise SnapshotCorrupt(f"the {record} at byte {offset} is not valid: {error}") from error
    if id:
        _prove_id(found, record, id, offset)
    return found


class Builder:
    """`build_record` with a memory for values, one per record type and snapshot.

    Threads share it without a lock. A value that was known stays good when another thread clears the memory; and one
    that is known, but whose list is not there (yet, or any more), sends the record the long way.
    """

    def __init__(self, record: str) -> None:
        self._record, self._class = record, RECORDS[record]
        self._known: dict[str, set[Any]] = {name: set() for name in self._class.model_fields}
        self._defaults = {name: field.default for name, field in self._class.model_fields.items()}
        #: Places that were asked for: a record that comes again is worth remembering, and most never do.
        self._asked: set[int] = set()
        #: List fields: what the model made of a decoded list.
        self._lists: dict[str, dict[Any, Any]] = {name: {} for name in self._class.LISTS}
        rules = self._class.__pydantic_decorators__.model_validators
        self._before: list[Callable[[Any], Any]] = [
            getattr(self._class, n) for n, rule in rules.items() if rule.info.mode == "before"
        ]
        self._after: list[Callable[[Any], Any]] = [
            getattr(self._class, n) for n, rule in rules.items() if rule.info.mode == "after"
        ]
        assert len(rules) == len(self._before) + len(self._after), "a wrapping validator cannot be run by itself"

    def __call__(self, id: bytes, values: dict[str, Any], offset: int) -> Record:
        known = self._known
        for name, value in values.items():
            if value not in known[name]:
                break
        else:
            found = self._assemble(values)
            if found is not None:
                if id:
                    _prove_id(found, self._record, id, offset)
                return found
        found = build_record(self._record, id, values, offset)
        if offset in self._asked:
            self._learn(found, values)
        else:
            if len(self._asked) >= MAX_KNOWN:
                self._asked.clear()
            self._asked.add(offset)
        return found

    def _assemble(self, values: dict[str, Any]) -> Record | None:
        """The record of known values; None when a rule between the fields has something to say."""
        try:
            for rule in self._before:
                if rule(values) is not values:
                    return None
            found = self._class.__new__(self._class)
            _set(found, "__dict__", self._defaults | values)
            for name, made in self._lists.items():
                if name in values:
                    found.__dict__[name] = made[values[name]]  # a LookupError when it was cleared since
            _set(found, "__pydantic_fields_set__", set(values))
            _set(found, "__pydantic_extra__", None)
            _set(found, "__pydantic_private__", None)
            for rule in self._after:
                rule(found)
        except (ValueError, LookupError):
            return None
        return found

    def _learn(self, found: Record, values: dict[str, Any]) -> None:
        fields = found.__dict__
        for name, value in values.items():
            made = self._lists.get(name)
            if made is not None or fields[name] == value:
                if made is not None:
                    if len(made) >= MAX_KNOWN:
                        made.clear()
                    made[value] = fields[name]
                known = self._known[name]
                if len(known) >= MAX_KNOWN:
                    known.clear()
                known.add(value)  # last, since it says that all the rest is there


def _prove_id(found: Record, record: str, id: bytes, offset: int) -> None:
    """Set the id that the file gives, once it is proved to be the hash of the identity."""
    parts: list[bytes] = []
    for field in found.identity:  # encoded like domain.identity.encode_identity; all are keys, at most 255 bytes each
        data = field.encode()
        parts += (_LENGTHS[len(data)], data)
    hasher = _HASHERS[record].copy()
    hasher.update(b"".join(parts))
    computed = hasher.digest(length=16)
    if computed != id:
        raise SnapshotCorrupt(f"the {record} at byte {offset} is not the one its id names") from DecodeError(
            offset + 32, f"{record}.id", computed.hex(), id.hex()
        )
    found.__dict__["id"] = str.__new__(Id, id.hex())
