"""Look-alikes: the examples of UTS 39, what passes for a symbol and what does not, and that it is an equivalence."""

from __future__ import annotations

import itertools
import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.domain.lookalikes import (
    MAX_SKELETON_BYTES,
    appearance,
    data_version,
    in_ascii,
    is_lookalike,
    is_same,
    skeleton,
    spelt,
)

#: Characters that Unicode's table replaces by what has a further replacement once it is decomposed.
LOOSE_ENDS = "\u01c4\u01c5\u01c6\u048b\u321d"


def reads_from_left(character: str) -> bool:
    """Whether it stands where it is written: no letter and no control of the other direction."""
    return unicodedata.bidirectional(character) not in ("R", "AL", "AN") and unicodedata.category(character)[0] != "C"


LEFT_TO_RIGHT = st.text(st.characters(exclude_characters=LOOSE_ENDS).filter(reads_from_left))
SYMBOLS = st.text(
    st.sampled_from("ILl1|Oo0rnmSs5UuCcDd\u0421\u0441\u041e\u0456\u0399\uff2c\u200b\u202e\u0301 "), max_size=6
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("paypal", "p\u0430yp\u0430l"),  # Cyrillic a
        ("scope", "\u0455\u0441\u043e\u0440\u0435"),  # all Cyrillic
        ("l", "I"), ("1", "l"), ("|", "I"), ("0", "O"), ("m", "rn"), ("w", "\u0461"),
        ("\u03bf", "o"), ("\u01c0", "l"), ("\u2010", "\u2011"), ("\u017f", "f"),
        ("A1<\u05e9", "\u0391\u05e9>1"),  # in the order it is shown in: the standard's own example
        ("USDC", "\u202eCDSU"), ("USDC", "US\u200bDC"), ("USDC", "USDC\u3164"), ("USDC", "USDC\U000e0041"),
        ("\u00e9", "e\u0301"),
    ],
)  # fmt: skip
def test_confusable_by_the_standard(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), [("I", "L"), ("USDC", "USDT"), ("S", "5"), ("\u00e9", "e"), ("B", "8")])
def test_not_confusable_by_the_standard(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


def test_the_data_is_recent() -> None:
    assert int(data_version().split(".")[0]) >= 16


@pytest.mark.parametrize(
    ("symbol", "known"),
    [
        ("\uff55sd\u0421", "USDC"), ("USD\u0421", "USDC"), ("\uff35\uff33\uff24\uff23", "USDC"),
        ("\U0001d54c\U0001d54a\U0001d53b\u2102", "USDC"), ("\u24e4\u24e2\u24d3\u24d2", "USDC"),
        ("\ua4f4\ua4e2\ua4d3\ua4da", "USDC"), ("\u0391\u0391V\u0395", "AAVE"), ("WETH\ufe0f", "WETH"),
        ("USDC\u200b", "USDC"), ("\u202eCDSU", "USDC"), ("USDC\u2800", "USDC"), ("ETH0", "ETHO"), ("0NE", "ONE"),
        ("USD1", "USDI"), ("USDl", "USD1"), ("LlNK", "LINK"), ("lNCH", "INCH"), ("l", "I"), ("PayPaI", "PayPal"),
        ("arnUSDC", "amUSDC"), ("\u0422\u0435ther USD", "Tether USD"), ("\u0422ETHER USD", "Tether  usd"),
        ("\u2764\ufe0f", "\u2764"),
    ],
)  # fmt: skip
def test_look_alikes(symbol: str, known: str) -> None:
    assert is_lookalike(symbol, known)
    assert is_lookalike(known, symbol)


@pytest.mark.parametrize(
    ("symbol", "known"),
    [
        ("USDC", "USDC"), ("usdc", "USDC"), ("wBTC", "WBTC"), ("USD  Coin", "usd coin"), (" USDC", "USDC"),  # the same
        ("USDC.e", "USDC"), ("USDT", "USDC"), ("USDCE", "USDC"), ("aUSDC", "USDC"), ("\U0001f525USDC", "USDC"),
        ("ITC", "LTC"), ("LOL", "IOI"), ("LlNK", "LLNK"), ("stlOS", "STIOS"),  # an I is no L, but a small l
        ("RN", "M"), ("U\u0323SDC", "USDC"), ("USD\u20ae", "USDT"), ("\u200b", "USDC"), ("\u200b", "\u200d"),
    ],
)  # fmt: skip
def test_others(symbol: str, known: str) -> None:
    assert not is_lookalike(symbol, known)


def test_what_cannot_be_seen_or_read_has_no_appearance() -> None:
    assert appearance("") is None
    assert appearance("\u200b\u202e\u3164\ufe0f") is None
    assert appearance("\u2800 \u00a0") is None
    assert appearance("A" * MAX_SKELETON_BYTES) == "A" * MAX_SKELETON_BYTES
    assert appearance("A" * (MAX_SKELETON_BYTES + 1)) is None
    assert appearance("\ufdfa" * 85) is None  # 255 bytes, which stand for much more


@given(LEFT_TO_RIGHT)
def test_a_skeleton_is_its_own(text: str) -> None:
    assert skeleton(skeleton(text)) == skeleton(text)


def test_every_character_has_a_skeleton_of_its_own_but_for_loose_ends() -> None:
    characters = [c for c in map(chr, range(sys.maxunicode + 1)) if reads_from_left(c)]
    assert len(characters) > 100_000
    assert {c for c in characters if skeleton(skeleton(c)) != skeleton(c)} <= set(LOOSE_ENDS)


@given(st.text())
def test_an_appearance_fits_its_column(text: str) -> None:
    found = appearance(text)
    assert found is None or 1 <= len(found.encode(errors="surrogatepass")) <= MAX_SKELETON_BYTES


@given(st.lists(SYMBOLS, min_size=3, max_size=3))
def test_sharing_an_appearance_is_an_equivalence(symbols: list[str]) -> None:
    """Reflexive, symmetric, transitive: a look-alike is what shares an appearance and is not the same."""
    for one, other in itertools.product(symbols, repeat=2):
        shares = appearance(one) is not None and appearance(one) == appearance(other)
        assert is_lookalike(one, other) == is_lookalike(other, one) == (shares and not is_same(one, other))
    a, b, c = symbols
    if is_lookalike(a, b) and is_lookalike(b, c):
        assert is_lookalike(a, c) or is_same(a, c)


@given(st.text())  # lone surrogates too
def test_ascii_tells_all_apart(text: str) -> None:
    shown = in_ascii(text)
    assert re.fullmatch("[ -~]*", shown)
    assert shown.encode().decode("unicode_escape") == text


def test_spellings_name_what_is_strange() -> None:
    assert spelt("USDC") == "`USDC`"
    assert spelt("USD\u0421") == r"`USD\u0421` (U+0421 CYRILLIC CAPITAL LETTER ES)"
    assert spelt("\ue000") == r"`\ue000` (U+E000 without a name)"
