"""Text rules: what a key and what free text may hold (and every one of them is also a CHECK in the database)."""

from __future__ import annotations

import unicodedata

from catalog.errors import InvalidIdentifier

MAX_KEY_BYTES = 255
MAX_TEXT_BYTES = 65_535
_ALLOWED_CONTROLS = frozenset("\t\n\r")


def key(value: str, scheme: str = "key") -> str:
    """A symbol, ticker, code or name that identifies: NFC, trimmed, 1–255 UTF-8 bytes, no control characters."""
    if value.isascii():
        text = value.strip()
        size = len(text)
    else:
        text = _normal(value, scheme).strip()
        size = len(text.encode())
    if not text:
        raise InvalidIdentifier(scheme, value, "empty")
    if size > MAX_KEY_BYTES:
        raise InvalidIdentifier(scheme, value, f"{size} bytes, at most {MAX_KEY_BYTES} are allowed")
    if not text.isprintable():
        _refuse_controls(text, value, scheme, frozenset())
    return text


def free_text(value: str, scheme: str = "text") -> str:
    """A name or description: NFC, 1–65,535 UTF-8 bytes, no control characters but tab and line breaks."""
    text = value if value.isascii() else _normal(value, scheme)
    size = len(text) if text.isascii() else len(text.encode())
    if not text:
        raise InvalidIdentifier(scheme, value, "empty", "leave out what is unknown")
    if size > MAX_TEXT_BYTES:
        raise InvalidIdentifier(scheme, value[:60], f"{size} bytes, at most {MAX_TEXT_BYTES} are allowed")
    if not text.isprintable():
        _refuse_controls(text, value, scheme, _ALLOWED_CONTROLS)
    return text


def _normal(value: str, scheme: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidIdentifier(scheme, value, "a lone surrogate is not text") from None
    return unicodedata.normalize("NFC", value)


def _refuse_controls(text: str, value: str, scheme: str, allowed: frozenset[str]) -> None:
    for character in text:
        if unicodedata.category(character) == "Cc" and character not in allowed:
            raise InvalidIdentifier(scheme, value, f"contains the control character U+{ord(character):04X}")
