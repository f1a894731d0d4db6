"""What US directories say a security is: a share, a fund, or something the catalog has no record for; by its name.

US listings carry warrants, rights, units and notes beside shares and funds, and say so in words: `Apple Inc. - Common
Stock`. The first words that tell a kind decide, so that a unit of a share and a warrant is a unit.
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["stock", "etf", "warrant", "right", "unit", "debt"]

#: The kinds that have no record of their own, with what they are.
NOT_EQUITIES: dict[str, str] = {
    "warrant": "a warrant, which the catalog has no record for",
    "right": "a right, which the catalog has no record for",
    "unit": "a unit of several securities, which the catalog has no record for",
    "debt": "a note or another debt security, which the catalog has no record for",
}

_FUND = re.compile(r"\b(?:ETFs?|exchange[- ]traded funds?|NextShares)\b", re.IGNORECASE)
_NOTE = re.compile(r"\b(?:ETNs?|exchange[- ]traded notes?)\b", re.IGNORECASE)
_SHARE_WORD = (
    r"stocks?|shares?|ord|ADSs?|ADRs?|preferred|preference|depositary|common(?=\s*$)|closed[- ]end fund"
    r"|business development company|real estate investment trust"
)
# In a name that is not divided, `Gold Shares` may be a fund: only a word before it says that it is a share.
_SURE_SHARE_WORD = (
    r"(?:common|ordinary|capital|preferred|preference|registered|registry|voting|depositary|depository)"
    r"(?: \w+)?? (?:stock|shares?|securities)|ADSs?|ADRs?|closed[- ]end fund"
)
# A word in the singular may be of a company (`Unit Corporation`), but not where the name ends or goes on like this.
_LAST = r"(?=\W*$|\W*[,(\d]|\s+(?:each|consisting|due|expiring)\b)"


def _kinds(share_word: str) -> re.Pattern[str]:
    """The words for all kinds. At one place the first alternative wins: `Common Stock Purchase Warrants` are warrants,
    `Units of Beneficial Interest` and `Preferred Units` are shares in all but name, `Share Rights` are rights.
    """
    return re.compile(
        r"\b(?:"
        rf"(?P<warrant>(?:(?:common|ordinary) (?:stock|shares?) )?(?:purchase )?(?:warrants|warrant{_LAST}))"
        rf"|(?P<right>(?:(?:common|ordinary) )?(?:stock |shares? )?(?:purchase |subscription )?(?:rights|right{_LAST}))"
        rf"|(?P<debt>notes|note{_LAST}|debentures?|bonds? due)"
        r"|(?P<stock>units? (?:of beneficial|representing (?:limited|an? ))"
        rf"|(?:common|preferred|depositary|partnership) units?|{share_word})"
        rf"|(?P<unit>units|unit{_LAST})"
        r")(?=\d*\b)",
        re.IGNORECASE,
    )


_SECURITY_WORDS, _NAME_WORDS = _kinds(_SHARE_WORD), _kinds(_SURE_SHARE_WORD)
# Nasdaq's form: the issuer, a dash between blanks, the security. Funds have no such part.
_PARTS = re.compile(r"\s-\s")


def kind_of(name: str) -> Kind | None:
    """What the words of a security's name say that it is; None when they do not say it.

    The part behind the issuer counts first, where there is one: `Gold Rights Ltd - Common Stock` is a stock.
    """
    issuer, *rest = _PARTS.split(name, maxsplit=1)
    for part, words in ((rest[0] if rest else "", _SECURITY_WORDS), (issuer, _NAME_WORDS)):
        if _FUND.search(part):
            return "etf"
        if _NOTE.search(part):
            return "debt"
        if match := words.search(part):
            return match.lastgroup  # type: ignore[return-value]
    return None
