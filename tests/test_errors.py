"""Foreign text on its way to people: what cannot be seen is escaped, what can be read is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import escape, is_hidden, quote


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("US\u200bDC", r"US\u200bDC"), ("a\u200c\u200db", r"a\u200c\u200db"), ("\ufeffa", r"\ufeffa"),  # zero-width
        ("\u202eCDSU\u202c", r"\u202eCDSU\u202c"), ("\u2066a\u2069", r"\u2066a\u2069"), ("\u200e", r"\u200e"),  # bidi
        ("\u0301a", r"\u0301a"), ("a \u0301", r"a \u0301"), ("a\u3164\u0301", r"a\u3164\u0301"),  # marks alone
        ("a" + "\u0301" * 6, "a" + "\u0301" * 4 + r"\u0301" * 2),  # a pile of marks
        ("A\ufe0f", r"A\ufe0f"), ("A\U000e0100", r"A\U000e0100"), ("\u1820\u180b", "\u1820\\u180b"),  # selectors
        ("1\ufe0f", r"1\ufe0f"), ("a\u034fb", r"a\u034fb"), ("\U000e0041", r"\U000e0041"),  # tags
        ("\u3164", r"\u3164"), ("\uffa0", r"\uffa0"), ("\u115f\u1160", r"\u115f\u1160"),  # Hangul fillers
        ("a\u00a0b", r"a\xa0b"), ("a\u2003b", r"a\u2003b"), ("\u2800", r"\u2800"), ("a\u00adb", r"a\xadb"),  # blanks
        ("\u0378", r"\u0378"), ("\ue000", r"\ue000"), ("\U0010ffff", r"\U0010ffff"),  # unassigned and private
        ("a\x1b[31m\x00\n\x7f\x9b", r"a\x1b[31m\x00\n\x7f\x9b"), ("\u2028", r"\u2028"), ("\ud800", r"\ud800"),
        ("\u2764\u200d", "\u2764\\u200d"), ("\u200d\u2764", "\\u200d\u2764"), ("a\u200d\u2764", "a\\u200d\u2764"),
    ],
)  # fmt: skip
def test_what_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    assert escape(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "USDC", "币安人生", "größe", "cafe\u0301", "ไทยน้ำ", "हिन्दी", "Việt", "עברית", "русский", "₿ € ™ ½", "a\\b`c",
        "\U0001f525", "\u2764\ufe0f", "\u2764\ufe0f\u200d\U0001f525", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f44d\U0001f3fd", "1\ufe0f\u20e3", "\u00a9\ufe0f", "\U0001f1eb\U0001f1f7",
    ],
)  # fmt: skip
def test_what_can_be_read_stays(text: str) -> None:
    assert escape(text) == text
    assert quote(text) == f"`{text}`"


@given(st.text())
def test_nothing_hidden_is_left(text: str) -> None:
    shown = escape(text)
    assert not any(is_hidden(shown, n) for n in range(len(shown)))
    assert escape(shown) == shown
