"""Identifiers: our fast checks say what python-stdnum says; gaps of the standard library of numbers are closed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import cusip as stdnum_cusip
from stdnum import figi as stdnum_figi
from stdnum import isin as stdnum_isin

from catalog.domain import identifiers
from catalog.errors import CatalogError, InvalidIdentifier

_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@given(
    st.sampled_from(["US", "DE", "GB", "XS", "CA"]),
    st.text(_CHARACTERS, min_size=9, max_size=9),
    st.sampled_from("0123456789"),
)
def test_isin_agrees_with_stdnum(prefix: str, body: str, digit: str) -> None:
    value = prefix + body + digit
    assert _accepts(identifiers.isin, value) == stdnum_isin.is_valid(value)
    right = prefix + body + identifiers.isin_check_digit(prefix + body)
    assert _accepts(identifiers.isin, right)
    assert stdnum_isin.is_valid(right)


@given(st.text(_CHARACTERS + "*@#", min_size=8, max_size=8), st.sampled_from("0123456789"))
def test_cusip_agrees_with_stdnum(body: str, digit: str) -> None:
    assert _accepts(identifiers.cusip, body + digit) == stdnum_cusip.is_valid(body + digit)


@given(
    st.sampled_from(["BBG", "KKG", "ZXG", "BSG", "GBG", "VGG", "BAG", "1BG", "BBB"]),
    st.text("0123456789BCDFGHJKLMNPQRSTVWXYZA", min_size=8, max_size=8),
)
def test_figi_agrees_with_stdnum(prefix: str, body: str) -> None:
    for digit in "0123456789":  # one of them is right
        value = prefix + body + digit
        assert _accepts(identifiers.figi, value) == stdnum_figi.is_valid(value)


@pytest.mark.parametrize(
    "value", ["us0378331005", " US0378331005", "US 0378331005", "ZZ0378331005", "US0378331006", "BBG000B9XRY4"]
)
def test_isin_refuses(value: str) -> None:
    with pytest.raises(InvalidIdentifier):
        identifiers.isin(value)


def test_a_figi_in_the_isin_column_is_called_one() -> None:
    with pytest.raises(InvalidIdentifier, match="this is a FIGI"):
        identifiers.isin("BBG000B9XRY4")


@pytest.mark.parametrize("prefix", ["EZ", "XS", "EU", "XC", "XD", "XF", "QS", "CS", "AN"])
def test_prefixes_that_are_no_countries(prefix: str) -> None:
    body = prefix + "000000001"
    assert identifiers.isin(body + identifiers.isin_check_digit(body))


@pytest.mark.parametrize(
    ("value", "fine"),
    [
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", True),
        ("0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED", True),
        ("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", True),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed", False),
        ("5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", False),
        ("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae", False),
    ],
)
def test_evm_addresses(value: str, fine: bool) -> None:
    assert _accepts(identifiers.evm_address, value) is fine


def test_solana_addresses_keep_their_case() -> None:
    usdc = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
    assert identifiers.solana_address(usdc) == usdc
    assert not _accepts(identifiers.solana_address, usdc.lower())
    assert not _accepts(identifiers.solana_address, usdc[:-1] + "0")


@given(st.text(max_size=40))
def test_any_text_is_taken_or_refused(value: str) -> None:
    for check in (identifiers.isin, identifiers.cusip, identifiers.figi, identifiers.sedol, identifiers.lei, identifiers.mic,
                  identifiers.caip2, identifiers.evm_address, identifiers.solana_address, identifiers.token_id):  # fmt: skip
        _accepts(check, value)


def _accepts(check: object, value: str) -> bool:
    try:
        check(value)  # type: ignore[operator]
    except CatalogError:
        return False
    return True
