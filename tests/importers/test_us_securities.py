from __future__ import annotations

import pytest

from catalog.importers.us_securities import NOT_EQUITIES, kind_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Apple Inc. - Common Stock", "stock"),
        ("Apple Inc. Common Stock", "stock"),
        ("Apple Inc. - Class A common ", "stock"),
        ("Nano Labs Ltd - American Depositary Shares, each representing two units", "stock"),
        ("Some Bank - Depositary Shares, each representing a 1/400th interest in Preferred Stock", "stock"),
        ("Some Bank - 7% Cumulative Trust Preferred Securities", "stock"),
        ("Some Partners L.P. - Common Units Representing Limited Partnership Interests", "stock"),
        ("Some Partners L.P. - 6.5% Class A Cumulative Redeemable Preferred Units", "stock"),
        ("Some Trust - Units of Beneficial Interest", "stock"),
        ("Some Fund - Closed End Fund", "stock"),
        ("Unit Corporation Common Stock", "stock"),
        ("Gold Rights Ltd - Common Stock", "stock"),
        ("Right On Note Warrant Unit Brands Inc. Common Stock", "stock"),
        ("Some Corp - Warrant", "warrant"),
        ("Some Corp Warrant expiring 2/27/28", "warrant"),
        ("Some Corp Right", "right"),
        ("Some Corp - Tranche 2 Warrants", "warrant"),
        ("Some Corp - Series A Common Stock Purchase Warrants", "warrant"),
        ("Some Corp - Warrants to purchase American Depositary Shares", "warrant"),
        ("Some Corp - Rights", "right"),
        ("Some Corp - Share Rights", "right"),
        ("Some Corp - Contingent Value Rights", "right"),
        ("Some Corp - Unit.", "unit"),
        ("Some Corp - Tangible Equity Units", "unit"),
        ("Some Corp Units, each consisting of one Class A Ordinary Share and one-half of one warrant", "unit"),
        ("Some Corp - 5.25% Senior Notes due 2030", "debt"),
        ("Some Corp - Junior Subordinated Debentures due 2066", "debt"),
        ("ETRACS Gold Shares Covered Call ETNs due February 2, 2033", "debt"),
        ("AdvisorShares Dorsey Wright ADR ETF", "etf"),
        ("US Treasury 10 Year Note ETF", "etf"),
        ("PGIM Nasdaq-100 Buffer 12 ETF - April", "etf"),
        ("PIMCO Active Exchange-Traded Fund", "etf"),
        ("SPDR Gold Trust, SPDR Gold Shares", None),
        ("BERKSHIRE HATHAWAY Class B", None),
        ("Invesco QQQ Trust, Series 1", None),
        ("Some Opportunities Fund", None),
        ("Wright Notebooks United", None),
        ("", None),
        (" - ", None),
    ],
)
def test_the_first_words_that_tell_a_kind_decide(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind
    assert kind_of(name.upper()) == kind


def test_what_has_no_record_says_what_it_is() -> None:
    assert all("no record" in what for what in NOT_EQUITIES.values())
    assert not {"stock", "etf"} & NOT_EQUITIES.keys()
