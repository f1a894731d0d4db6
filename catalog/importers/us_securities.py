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
# At one place the first alternative wins: `Common Stock Purchase Warrants` are warrants, `Units of Beneficial Interest`
# and `Preferred Units` are shares in all but name, `Share Rights` are rights.
_KINDS = re.compile(
    r"\b(?:"
    r"(?P<warrant>(?:(?:common|ordinary) (?:stock|shares?) )?(?:purchase )?warrants?)"
    r"|(?P<right>(?:(?:common|ordinary) )?(?:stock |shares? )?(?:purchase |subscription )?rights?)"
    r"|(?P<debt>notes?|debentures?|bonds? due)"
    r"|(?P<stock>units? (?:of beneficial|representing (?:limited|an? ))|(?:common|preferred|depositary|partnership) units?"
    r"|stocks?|shares?|ord|ADSs?|ADRs?|preferred|preference|depositary|common(?=\s*$)|closed[- ]end fund"
    r"|business development company|real estate investment trust)"
    r"|(?P<unit>units|unit(?=\W*$|\W*[,(\d]|\s+(?:each|consisting)))"
    r")(?=\d*\b)",
    re.IGNORECASE,
)
# Nasdaq's form: the issuer, a dash between blanks, the security. Funds have no such part.
_PARTS = re.compile(r"\s-\s")


def kind_of(name: str) -> Kind | None:
    """What the words of a security's name say that it is; None when they do not say it.

    Only the part behind the issuer counts, where there is one: `Gold Rights Ltd - Common Stock` is a stock.
    """
    issuer, *rest = _PARTS.split(name, maxsplit=1)
    for part in (*rest, issuer):
        if _FUND.search(part):
            return "etf"
        if _NOTE.search(part):
            return "debt"
        if match := _KINDS.search(part):
            return match.lastgroup  # type: ignore[return-value]
    # Nasdaq names a fund without a word for its kind and without a dash: only the last word tells.
    return "etf" if not rest and name.split()[-1:] == ["Fund"] else None
