"""Look-alikes: texts that people take for another one. UTS 39, Unicode Security Mechanisms, by way of ICU.

Two texts are confusable when they have the same skeleton. A skeleton is for comparing and never for showing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

#: Bytes of the longest skeleton that is kept: nobody takes more than that for another symbol or name.
MAX_SKELETON_BYTES = 255
#: Letters that pass for another one beside small letters, or away from them.
_FALSE_L = re.compile("(?<=[a-z])I")
_LONE_L = re.compile("(?<![a-z])(l)(?![a-z])")
_BRAILLE_BLANK = "\u2800"
_LEFT_TO_RIGHT = 0


def skeleton(text: str) -> str:
    """The skeleton of a text as it is shown in a line that runs from left to right (`bidiSkeleton` of UTS 39).

    Ignorable characters are gone, what looks alike is one character, letters keep their case.
    """
    return str(_checker().getBidiSkeleton(_LEFT_TO_RIGHT, text))


def appearance(text: str) -> str | None:
    """The skeleton of a symbol or name in capitals, whatever its case; None when nothing of it can be seen, or too much.

    Where case decides what a letter passes for, it is looked at first: an l among capitals stays as it is (`LlNK` passes
    for `LINK`, and nobody takes it for `LLNK`), an I behind a small letter is an l (`PayPaI`), and a small rn an m.
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).replace(_BRAILLE_BLANK, " ").split())
    if "I" in plain:
        plain = _FALSE_L.sub("l", plain)
    plain = plain.replace("rn", "m")
    if "l" in plain:
        shown = "".join(part if part == "l" else part.upper() for part in _LONE_L.split(plain))
    else:
        shown = plain.upper()
    found = skeleton(shown)
    return found if found and len(found.encode(errors="surrogatepass")) <= MAX_SKELETON_BYTES else None


def is_same(one: str, other: str) -> bool:
    """Whether two texts differ in nothing but case and blanks, which happens a lot and deceives nobody."""
    return _folded(one) == _folded(other)


def is_lookalike(symbol: str, well_known: str) -> bool:
    """Whether a symbol looks like a well-known one and is another text."""
    shown = appearance(symbol)
    return shown is not None and shown == appearance(well_known) and not is_same(symbol, well_known)


def in_ascii(text: str) -> str:
    """The text in ASCII, everything else as escapes: what looks alike looks different."""
    return text.encode("unicode_escape").decode("ascii")


def spelt(text: str) -> str:
    """The text in ASCII with the names of what is escaped in it: `USD\\u0421` (U+0421 CYRILLIC CAPITAL LETTER ES)."""
    strange = dict.fromkeys(c for c in text if not c.isascii())
    names = ", ".join(f"U+{ord(c):04X} {unicodedata.name(c, 'without a name')}" for c in strange)
    return f"`{in_ascii(text)}`" + (f" ({names})" if names else "")


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


@cache
def _checker() -> Any:
    import icu  # type: ignore[import-untyped]  # 10 ms and 11 MB, for those who write or look for look-alikes

    return icu.SpoofChecker()


def data_version() -> str:
    """The version of Unicode whose confusable characters are known here."""
    import icu

    return str(icu.UNICODE_VERSION)
