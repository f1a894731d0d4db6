from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from catalog import Catalog
from catalog.domain import Stock, Venue
from catalog.domain.reference import REFERENCE_TIME, market
from catalog.errors import PayloadError
from catalog.importers import iso10383
from catalog.importers.base import Parsed, Reject
from catalog.importers.registry import named
from tests.importers.support import parse, read, record, records, reject, stream
from tests.importers.test_documentation import table
from tests.states import state

FILE = "iso/iso10383_mic_2025.csv.xz"
NEW = (
    "MIC", "OPERATING MIC", "OPRT/SGMT", "MARKET NAME-INSTITUTION DESCRIPTION", "LEGAL ENTITY NAME", "LEI",
    "MARKET CATEGORY CODE", "ACRONYM", "ISO COUNTRY CODE (ISO 3166)", "CITY", "WEBSITE", "STATUS", "CREATION DATE",
    "LAST UPDATE DATE", "LAST VALIDATION DATE", "EXPIRY DATE", "COMMENTS",
)  # fmt: skip
OLD = (
    "COUNTRY", "ISO COUNTRY CODE (ISO 3166)", "MIC", "OPERATING MIC", "O/S", "NAME-INSTITUTION DESCRIPTION", "ACRONYM",
    "CITY", "WEBSITE", "STATUS DATE", "STATUS", "CREATION DATE",
)  # fmt: skip
GOOD = {
    "MIC": "XNAS",
    "OPERATING MIC": "XNAS",
    "OPRT/SGMT": "OPRT",
    "O/S": "O",
    "MARKET NAME-INSTITUTION DESCRIPTION": "NASDAQ",
    "NAME-INSTITUTION DESCRIPTION": "NASDAQ",
    "COUNTRY": "UNITED STATES OF AMERICA",
    "ISO COUNTRY CODE (ISO 3166)": "US",
    "CITY": "NEW YORK",
    "WEBSITE": "WWW.NASDAQ.COM",
    "STATUS": "ACTIVE",
    "LAST UPDATE DATE": "20250526",
    "STATUS DATE": "MAY 2025",
}


def payload(*rows: dict[str, str], header: tuple[str, ...] = NEW) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(header)
    for row in rows:
        writer.writerow([row.get(name, "") for name in header])
    return file.getvalue()


def one(header: tuple[str, ...] = NEW, **changes: str) -> Any:
    """What becomes of a good row with other values; `_` in a name stands for a blank."""
    row = GOOD | {name.replace("_", " "): value for name, value in changes.items()}
    return record(parse("iso10383", payload(row, header=header)))


def refused(**changes: str) -> tuple[str, str]:
    row = GOOD | {name.replace("_", " "): value for name, value in changes.items()}
    found = reject(parse("iso10383", payload(row)))
    return found.code, found.record


@pytest.mark.parametrize("header", [NEW, OLD, tuple(name.replace(" ", "_") for name in NEW[:1]) + NEW[1:]])
def test_both_headers_say_the_same(header: tuple[str, ...]) -> None:
    text = payload(GOOD, header=header)
    assert named("iso10383").can_parse(text.encode())
    assert one(header).known() == {
        "record": "venue",
        "status": "active",
        "mic": "XNAS",
        "operating_mic": "XNAS",
        "name": "NASDAQ",
        "country": "US",
        "city": "New York",
        "website": "www.nasdaq.com",
    }


def test_underscores_for_blanks() -> None:
    text = payload(GOOD).replace("OPERATING MIC", "OPERATING_MIC").replace("OPRT/SGMT", "OPRT_SGMT")
    assert record(parse("iso10383", text)) == one()


def test_the_time_is_the_newest_day_of_a_change() -> None:
    importer = named("iso10383")
    older, newer = GOOD | {"LAST UPDATE DATE": "20240229"}, GOOD | {"LAST UPDATE DATE": "20250210"}
    for rows in ([older, newer], [newer, older]):
        heading = importer.heading(stream(payload(*rows)))
        assert (heading.feed, heading.observed_at) == ("list", datetime(2025, 2, 10, tzinfo=UTC))
    assert importer.heading(stream(payload(GOOD, header=OLD))).observed_at == datetime(2025, 5, 1, tzinfo=UTC)
    for none in ("", "20230229", "99991231", "SOON", "MAI 2025", "Before JUNE 2005"):
        assert importer.heading(stream(payload(GOOD | {"LAST UPDATE DATE": none}))).observed_at is None


def test_the_words_for_statuses() -> None:
    for word, status in iso10383.STATUSES.items():
        assert one(STATUS=word).status == status
    for word in ("", "PENDING", "active"):
        assert refused(STATUS=word) == ("invalid_status", "venue")


def test_categories_that_say_what_a_venue_is() -> None:
    assert one(MARKET_CATEGORY_CODE="DCMS").venue_type == "futures_exchange"
    for code in ("RMKT", "NSPD", "XXXX", ""):
        assert one(MARKET_CATEGORY_CODE=code).venue_type is None


def test_operating_mics_and_segments() -> None:
    segment = GOOD | {"MIC": "XNGS", "OPRT/SGMT": "SGMT"}
    assert record(parse("iso10383", payload(segment))).operating_mic == "XNAS"
    assert one(OPERATING_MIC="").operating_mic == "XNAS"
    for wrong in (
        {"OPERATING MIC": "XNYS"},
        {"OPRT/SGMT": ""},
        {"OPRT/SGMT": "X"},
        {"OPRT/SGMT": "SGMT", "OPERATING MIC": ""},
    ):
        assert refused(**wrong) == ("wrong_level", "venue")


def test_what_stands_for_nothing_is_nothing() -> None:
    row = GOOD | {"CITY": "N/A", "WEBSITE": "ZZ", "ISO COUNTRY CODE (ISO 3166)": "ZZ"}
    nowhere = record(parse("iso10383", payload(row)))
    assert (nowhere.city, nowhere.website, nowhere.country) == (None, None, None)


def test_text_in_small_letters_is_left_as_it_is() -> None:
    venue = one(CITY="Frankfurt am Main", WEBSITE="example.com/Rules")
    assert (venue.city, venue.website) == ("Frankfurt am Main", "example.com/Rules")


def test_rejects() -> None:
    assert refused(MIC="") == ("missing_mic", "venue")
    assert refused(MIC="XNA") == ("invalid_mic", "venue")
    assert refused(OPERATING_MIC="xnas", **{"OPRT/SGMT": "SGMT"}) == ("invalid_mic", "venue")
    assert refused(LEI="549300L8X1Q78ERXFD07") == ("invalid_lei", "venue")
    assert refused(**{"ISO COUNTRY CODE (ISO 3166)": "AN"}) == ("invalid_country", "venue")
    assert refused(**{"MARKET NAME-INSTITUTION DESCRIPTION": "a\x1bb"}) == ("invalid_name", "venue")
    assert refused(CITY="a\x1bb") == ("invalid_city", "venue")
    assert refused(WEBSITE="a\x1bb") == ("invalid_website", "venue")
    broken = parse("iso10383", payload(GOOD) + "XNAS\n" + payload(GOOD).splitlines()[1] + "\n")
    assert [type(r) for r in broken] == [Parsed, Reject, Parsed]
    assert (reject(broken).code, reject(broken).record) == ("malformed_row", "venue")


def test_a_header_that_lacks_a_column() -> None:
    with pytest.raises(PayloadError, match="the header has no column for `country`, `status` at line 1"):
        parse("iso10383", "MIC,OPERATING MIC,O/S,NAME-INSTITUTION DESCRIPTION\n")


def test_exports_of_spreadsheets() -> None:
    rows = [GOOD | {"CITY": "MÁLAGA"}, GOOD | {"CITY": "ZÜRICH", "COMMENTS": "“BÖRSE” – …"}]
    assert [v.city for v in records(parse("iso10383", payload(*rows).encode("cp1252")))] == ["Málaga", "Zürich"]
    assert [v.city for v in records(parse("iso10383", payload(*rows).encode("utf-8-sig")))] == ["Málaga", "Zürich"]


def test_one_broken_byte_does_not_change_the_encoding_of_other_rows() -> None:
    good, broken = payload(GOOD | {"CITY": "MÁLAGA"}, GOOD | {"CITY": "ZÜRICH"}).encode().split("Ü".encode())
    results = parse("iso10383", good + b"\xdc" + broken)
    assert (results[0].record.city, reject(results).code) == ("Málaga", "invalid_utf8")  # type: ignore[union-attr]


def test_the_page_has_the_tables() -> None:
    page = (Path(__file__).parents[2] / "docs/sources/iso10383.md").read_text()
    assert table(page, "status word") == iso10383.STATUSES
    assert {word: kind.strip("`") for word, kind in table(page, "category").items()} == iso10383.VENUE_TYPES


def test_the_recorded_list(real_data: Path) -> None:
    results = parse("iso10383", read(real_data / FILE))
    venues = records(results)
    assert Counter(venue.status for venue in venues) == {"active": 2256, "retired": 511}
    assert Counter(venue.venue_type for venue in venues) == {
        None: 2638, "other": 113, "futures_exchange": 15, "otc": 1
    }  # fmt: skip
    assert {venue.mic for venue in venues if venue.country is None} == {"BILT", "XOFF", "XXXX"}
    assert len({venue.mic for venue in venues}) == 2767
    assert named("iso10383").heading(stream(read(real_data / FILE))).observed_at == datetime(2025, 5, 26, tzinfo=UTC)
    rows = csv.DictReader(io.StringIO(read(real_data / FILE).decode(), newline=""))
    for row, venue in zip(rows, venues, strict=True):
        assert (row["MIC"], row["OPERATING_MIC"], row["LEI"]) == (venue.mic, venue.operating_mic, venue.lei or "")
        assert row["MARKET_NAME_INSTITUTION_DESCRIPTION"].strip() == venue.name
        assert (row["STATUS"] == "EXPIRED") == (venue.status == "retired")


def held(catalog: Catalog) -> Venue:
    """The Nasdaq of the catalog."""
    venue = catalog.venues.get(Venue(mic="XNAS").id)
    assert isinstance(venue, Venue)
    return venue


def test_a_newer_list_wins_over_the_shipped_table_in_either_order(
    tmp_path: Path, fresh_catalog: Callable[[], Catalog]
) -> None:
    file = tmp_path / "list.csv"
    file.write_text(payload(GOOD | {"MARKET NAME-INSTITUTION DESCRIPTION": "NEW NAME", "WEBSITE": ""}))
    stock = Stock(mic="XNAS", ticker="AAPL", currency="USD")
    shipped = market("XNAS")
    assert shipped is not None
    states = []
    for is_first in (True, False):
        with fresh_catalog() as catalog:
            if not is_first:
                catalog.instruments.register(stock)
            assert catalog.import_file("auto", str(file)).to_json()["seen"] == 1
            if is_first:
                catalog.instruments.register(stock)
            venue = held(catalog)
            assert (venue.name, venue.website) == ("NEW NAME", shipped.website)
            states.append(state(catalog))
    assert states[0] == states[1]


def test_an_older_list_loses_against_the_shipped_table(tmp_path: Path, fresh_catalog: Callable[[], Catalog]) -> None:
    file = tmp_path / "list.csv"
    file.write_text(payload(GOOD | {"MARKET NAME-INSTITUTION DESCRIPTION": "OLD", "LAST UPDATE DATE": "20200101"}))
    assert date(2020, 1, 1) < REFERENCE_TIME.date()
    shipped = market("XNAS")
    assert shipped is not None
    with fresh_catalog() as catalog:
        catalog.import_file("iso10383", str(file))
        assert held(catalog).name == "OLD"
        catalog.instruments.register(Stock(mic="XNAS", ticker="AAPL", currency="USD"))
        assert held(catalog).name == shipped.name


def test_the_recorded_list_twice(real_data: Path, fresh_catalog: Callable[[], Catalog]) -> None:
    with fresh_catalog() as catalog:
        first = catalog.import_file("auto", str(real_data / FILE)).to_json()
        assert (first["seen"], first["registered"], first["rejected"]) == (2767, 2767, 0)
        again = catalog.import_file("auto", str(real_data / FILE)).to_json()
        assert (again["seen"], again["unchanged"]) == (2767, 2767)
