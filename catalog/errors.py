"""The one small tree of errors that users of the catalog meet.

Each class takes the facts in its constructor and composes the message itself, so that callers can act on the facts
and people can read the sentence. Each is also a subclass of the built-in that a Python programmer would expect.
`hint` is the next step, printed by the command line below the message.
"""

from __future__ import annotations

import re
import unicodedata


class CatalogError(Exception):
    """Base of every error the catalog raises on purpose.

    `code` is the stable, machine-readable name of the reason (rejects and JSON errors carry it).
    """

    code = "error"
    hint: str | None = None

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint


class InvalidIdentifier(CatalogError, ValueError):
    """A public identifier (ISIN, CUSIP, address, MIC …) that its standard does not allow."""

    def __init__(self, scheme: str, value: object, reason: str, hint: str | None = None) -> None:
        super().__init__(f"invalid {scheme} {quote(value)}: {reason}", hint)
        self.scheme, self.value, self.reason = scheme, value, reason

    @property
    def code(self) -> str:  # type: ignore[override]
        return f"invalid_{self.scheme.lower().replace(' ', '_').replace('-', '_')}"


class InvalidRecord(CatalogError, ValueError):
    """A record whose field breaks a rule of the model: `field` is its path, `value` what was given."""

    code = "invalid_record"

    def __init__(self, field: str, value: object, reason: str, *, code: str | None = None, hint: str | None = None):
        super().__init__(f"invalid {_shorten(escape(field))} {quote(value)}: {reason}", hint)
        self.field, self.value, self.reason = field, value, reason
        if code is not None:
            self.code = code


class UnknownReference(InvalidRecord):
    """A record names something (a venue, an asset, a blockchain) that the catalog does not hold."""

    def __init__(self, field: str, value: object, what: str, hint: str | None = None) -> None:
        noun = what.replace("_", " ")
        super().__init__(field, value, f"no such {noun} in the catalog", code=f"unknown_{what}", hint=hint)


class NotFound(CatalogError, LookupError):
    """Nothing in the catalog (or the snapshot) answers to this key."""

    code = "not_found"

    def __init__(self, what: str, key: object, hint: str | None = None) -> None:
        super().__init__(f"no {what} {quote(key)}", hint)
        self.what, self.key = what, key


class Ambiguous(CatalogError, LookupError):
    """One was asked for and several answer; `candidates` are their ids."""

    code = "ambiguous"

    def __init__(self, what: str, key: object, candidates: list[str]) -> None:
        super().__init__(
            f"{len(candidates)} answer to {what} {quote(key)}", f"name one of: {', '.join(candidates[:8])}"
        )
        self.key, self.candidates = key, candidates


class Conflict(CatalogError, ValueError):
    """A value that must be unique is held by another record, or a record is held back by a dispute."""

    code = "conflict"

    def __init__(self, constraint: str, value: object, holder: str | None, reason: str | None = None) -> None:
        held = f", held by `{holder}`" if holder else ""
        super().__init__(
            f"{reason or constraint.replace('_', ' ')} {quote(value)}{held}",
            "see `catalog disputes list`, or retire the holder first",
        )
        self.constraint, self.value, self.holder = constraint, value, holder


class InUse(CatalogError, ValueError):
    """A record that others need cannot be retired before them; `users` are some of those, as type and id."""

    code = "in_use"

    def __init__(self, what: str, id: str, users: list[str]) -> None:
        super().__init__(
            f"the {what} {quote(id)} is needed by {', '.join(quote(user) for user in users)}",
            "retire or supersede those first, or retire it with --force",
        )
        self.id, self.users = id, users


class IdCollision(CatalogError, ValueError):
    """Two different identities share one id. Nothing was registered; the attempt is in `id_collisions`."""

    code = "id_collision"

    def __init__(self, kind: str, id: str, existing: tuple[str, ...], refused: tuple[str, ...]) -> None:
        super().__init__(
            f"{kind} id `{id}` belongs to {show_identity(existing)}; {show_identity(refused)} hashes to the same id",
            "nothing was registered; see `catalog collisions list`",
        )
        self.kind, self.id, self.existing, self.refused = kind, id, existing, refused


class BreakingChange(CatalogError, ValueError):
    """A change of a field that decides what a number means (decimals, contract multiplier)."""

    code = "breaking_change"

    def __init__(self, id: str, field: str, old: object, new: object) -> None:
        super().__init__(
            f"{field} of `{id}` would change from {quote(old)} to {quote(new)}",
            "repeat with --confirm-breaking if the new value is right",
        )
        self.id, self.field, self.old, self.new = id, field, old, new


class DecodeError(CatalogError, ValueError):
    """Bytes that are not what the protocol says: where, which field, what was expected and what was there."""

    code = "decode_error"

    def __init__(self, offset: int, field: str, expected: object, found: object) -> None:
        super().__init__(f"at byte {offset}, {field}: expected {expected}, found {found}")
        self.offset, self.field, self.expected, self.found = offset, field, expected, found


class Truncated(DecodeError):
    """The bytes end before the field does."""

    code = "truncated"


class ChecksumMismatch(DecodeError):
    """A CRC-32 or BLAKE3 digest does not match the bytes it covers."""

    code = "checksum_mismatch"


class UnsupportedVersion(DecodeError):
    """Written by a newer format than this reader knows."""

    code = "unsupported_version"


class LimitExceeded(DecodeError):
    """A length or count passes its limit in docs/protocol.md."""

    code = "limit_exceeded"


class SnapshotCorrupt(CatalogError, ValueError):
    """A snapshot file that must not be used; the cause is usually a chained DecodeError."""

    code = "snapshot_corrupt"


class SignatureRefused(CatalogError, ValueError):
    """A snapshot file without the signature that was asked for, or with one that is not of it. `path` is the signature's."""

    code = "signature_refused"

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"the signature {quote(str(path))} is refused: {reason}", "do not use the file")
        self.path, self.reason = path, reason


class PayloadError(CatalogError, ValueError):
    """A payload that cannot be read as what it claims to be (broken JSON, wrong header, not UTF-8).

    `place` says where: a line and column, a JSON pointer, or a byte offset.
    """

    code = "payload_unreadable"

    def __init__(self, reason: str, place: str | None = None, hint: str | None = None) -> None:
        super().__init__(f"{reason} at {place}" if place else reason, hint)
        self.reason, self.place = reason, place


class InvalidConfiguration(CatalogError, ValueError):
    """A configuration file that cannot be followed: `key` is the path of what is wrong, empty for the file as a whole."""

    code = "invalid_configuration"

    def __init__(self, path: object, key: str, reason: str) -> None:
        super().__init__(f"{quote(str(path))}: {f'{quote(key)} ' if key else ''}{reason}", "see docs/ingesting.md")
        self.path, self.key, self.reason = path, key, reason


class DatabaseUnavailable(CatalogError, ConnectionError):
    """No server answers, it refuses us, or it cannot be started."""

    code = "database_unavailable"

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(f"the database is not available: {reason}", hint or "check CATALOG_DATABASE_URL")


class Busy(CatalogError, RuntimeError):
    """Others are writing what this needs for itself. Nothing was changed."""

    code = "busy"

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what} cannot be changed now: {reason}", "nothing was changed; try again when it is quiet")


class SchemaMismatch(CatalogError, RuntimeError):
    """The database's schema is not the one this program was written for."""

    code = "schema_mismatch"


class SchemaBehind(SchemaMismatch):
    """The database lacks migrations that this program needs."""

    code = "schema_behind"

    def __init__(self, current: str | None, wanted: str) -> None:
        super().__init__(
            f"the schema is behind: at `{current or 'empty'}`, this program needs `{wanted}`",
            "run `catalog db upgrade`",
        )


class SchemaAhead(SchemaMismatch):
    """The database has migrations that this program does not know."""

    code = "schema_ahead"

    def __init__(self, current: str, wanted: str) -> None:
        super().__init__(
            f"the schema is ahead: at `{current}`, this program knows up to `{wanted}`", "upgrade instrument-catalog"
        )


class SchemaDiverged(SchemaMismatch):
    """The database says that it is at our revision, but its tables are not what that revision makes."""

    code = "schema_diverged"

    def __init__(self, differences: list[str]) -> None:
        super().__init__(
            f"the schema differs from its revision: {'; '.join(differences[:5])}",
            "compare with `catalog db check --json`, then mend by hand or restore",
        )
        self.differences = differences


#: Characters without a glyph among letters, marks and symbols.
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U0001d159\U000e0100-\U000e01ef]"
)
_PICTURE = re.compile("[\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]")
#: Marks on one letter; no script needs more.
_MAX_MARKS = 4


def quote(value: object, limit: int = 120) -> str:
    """The value in backticks, on one line, with invisible and control characters escaped, cut at `limit`."""
    if isinstance(value, bytes):
        text = value.hex()
    elif isinstance(value, str):
        text = escape(value)
    else:
        text = escape(str(value))
    return f"`{_shorten(text, limit)}`"


def _shorten(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else f"{text[:limit]}…"


def escape(text: str) -> str:
    """`text` with everything that a terminal might act on or that cannot be seen as `\\x1b`-like escapes.

    Escaped are controls, formats (zero-width, bidi, tags), surrogates, private and unassigned characters, blanks other than
    the space, fillers, variation selectors, and combining marks that stand alone or pile up. Emoji stay whole: the joiners
    and selectors inside them are what makes them one picture.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if is_hidden(text, n) else c for n, c in enumerate(text))


def is_hidden(text: str, place: int) -> bool:
    """Whether the character at this place cannot be seen as what it is, or might steer a terminal."""
    character = text[place]
    if " " <= character <= "~":
        return False
    if character in "\u200d\ufe0e\ufe0f" and _is_inside_emoji(text, place):
        return False
    if not character.isprintable() or _FILLERS.match(character):
        return True
    return unicodedata.category(character) in ("Mn", "Me") and _is_stray_mark(text, place)


def _is_inside_emoji(text: str, place: int) -> bool:
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if text[place] == "\u200d":
        return bool(_PICTURE.match(after) and (_PICTURE.match(before) or before == "\ufe0f"))
    return bool(_PICTURE.match(before)) or (before in tuple("0123456789#*") and after == "\u20e3")


def _is_stray_mark(text: str, place: int) -> bool:
    start = place
    while start > 0 and unicodedata.category(text[start - 1]) in ("Mn", "Me"):
        start -= 1
        if place - start >= _MAX_MARKS:
            return True
    return start == 0 or text[start - 1].isspace() or is_hidden(text, start - 1)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def show_identity(fields: tuple[str, ...]) -> str:
    """An identity's fields for people: `token / eip155:1 / 0x…`."""
    return quote(" / ".join(fields))
