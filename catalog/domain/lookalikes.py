"""Look-alikes: texts that people take for another one. UTS 39, Unicode Security Mechanisms, by way of ICU.

Two texts are confusable when they have the same skeleton. A skeleton is for comparing and never for showing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

#: Bytes of the longest skeleton that is kept: nobody reads more than that as one symbol or name.
MAX_SKELETON_BYTES = 255
_BLANKS = re.compile(r"[\s\u2800]+")
_LEFT_TO_RIGHT = 0


def skeleton(text: str) -> str:
    """The skeleton of a text as it is shown in a line that runs from left to right (`bidiSkeleton` of UTS 39).

    Ignorable characters are gone, what looks alike is one character, letters keep their case.
    """
    return str(_checker().getBidiSkeleton(_LEFT_TO_RIGHT, text))


def symbol_skeleton(symbol: str) -> str | None:
    """What a symbol looks like in capitals, as symbols are mostly written; None when nothing of it can be seen.

    An l among capitals stays as it is: `LlNK` passes for `LINK`, and nobody takes it for `LLNK`.
    """
    return _kept(skeleton(_in_capitals(_plain(symbol))))


def name_skeleton(name: str) -> str | None:
    """What a name looks like, whatever its case; None for one that is too long to be taken for another."""
    if len(name) > MAX_SKELETON_BYTES:
        return None
    return _kept(skeleton(_plain(name)).casefold())


def is_same(one: str, other: str) -> bool:
    """Whether two texts differ in nothing but case and blanks, which happens a lot and deceives nobody."""
    return _folded(one) == _folded(other)


def is_lookalike(symbol: str, well_known: str) -> bool:
    """Whether a symbol looks like a well-known one and is another text."""
    shown = symbol_skeleton(symbol)
    return shown is not None and shown == symbol_skeleton(well_known) and not is_same(symbol, well_known)


def in_ascii(text: str) -> str:
    """The text in ASCII, everything else as escapes: what looks alike looks different."""
    return text.encode("unicode_escape").decode("ascii")


def spelt(text: str) -> str:
    """The text in ASCII with the names of what is escaped in it: `USD\\u0421` (U+0421 CYRILLIC CAPITAL LETTER ES)."""
    strange = dict.fromkeys(c for c in text if not c.isascii())
    names = ", ".join(f"U+{ord(c):04X} {unicodedata.name(c, 'without a name')}" for c in strange)
    return f"`{in_ascii(text)}`" + (f" ({names})" if names else "")


def _plain(text: str) -> str:
    """Compatibility forms (full-width, mathematical, circled) as the letters they stand for, blanks as one space."""
    return _BLANKS.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def _in_capitals(text: str) -> str:
    if "l" not in text:
        return text.upper()
    around = f" {text} "
    return "".join(
        c if c == "l" and not (around[n].islower() or around[n + 2].islower()) else c.upper()
        for n, c in enumerate(text)
    )


def _kept(found: str) -> str | None:
    return found if found and len(found.encode()) <= MAX_SKELETON_BYTES else None


def _folded(text: str) -> str:
    return _BLANKS.sub(" ", text).strip().casefold()


@cache
def _checker() -> Any:
    import icu  # type: ignore[import-untyped]  # 10 ms and 11 MB, for those who write or look for look-alikes

    return icu.SpoofChecker()


def data_version() -> str:
    """The version of Unicode whose confusable characters are known here."""
    import icu

    return str(icu.UNICODE_VERSION)
