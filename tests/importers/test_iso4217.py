from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from catalog import Catalog
from catalog.domain.instruments import Currency
from catalog.errors import PayloadError
from catalog.importers.base import Parsed, Reject
from catalog.importers.registry import named
from tests.importers.support import parse, read, record, records, reject, stream

FILE = "iso/iso4217_codes-all.csv"
HEADER = "Entity,Currency,AlphabeticCode,NumericCode,MinorUnit,WithdrawalDate\n"


def currencies(*rows: str, header: str = HEADER) -> list[Parsed | Reject]:
    return parse("iso4217", header + "\n".join(rows))


def one(*rows: str) -> Any:
    """The currency that all rows give."""
    found = set(records(currencies(*rows)))
    assert len(found) == 1
    return found.pop()


def test_rows_of_one_code_are_one_currency() -> None:
    euro = one("AUSTRIA,Euro,EUR,978,2,", "FRANCE,Euro,EUR,978,2,")
    assert euro == Currency(iso_code="EUR", name="Euro", numeric_code="978", decimals=2, status="active")
    assert one("FRANCE,Euro,EUR,978,2,").country == "FR"


def test_withdrawn_in_one_country_and_in_force_in_another() -> None:
    rows = ("INDONESIA,Rupiah,IDR,360,2,", "TIMOR-LESTE,Rupiah old,IDR,360,,2002-07")
    for order in (rows, rows[::-1]):
        rupiah = one(*order)
        assert (rupiah.status, rupiah.country, rupiah.name, rupiah.decimals) == ("active", "ID", "Rupiah", 2)


def test_withdrawn_everywhere() -> None:
    rows = ("CROATIA,Croatian Kuna,HRK,191,,2015-06", "CROATIA,Kuna,HRK,191,,2023-01", "FRANCE,Euro,EUR,978,2,")
    [first, second, _] = records(currencies(*rows))
    assert first == second
    assert (first.status, first.name, first.decimals, first.country) == ("retired", "Kuna", None, "HR")


def test_dates_of_the_past_have_many_forms() -> None:
    rows = ["PERU,Sol,PES,604,,1985-07", "PERU,Later,PES,604,,1989 to 1990", "FRANCE,Euro,EUR,978,2,"]
    assert records(currencies(*rows))[0].name == "Later"


def test_a_list_of_the_past_retires_nothing() -> None:
    euro = one("SERBIA AND MONTENEGRO,Euro,EUR,978,,2006-10")
    assert "status" not in euro.known()


@pytest.mark.parametrize(
    ("header", "feed"),
    [
        (HEADER, "codes"),
        ("ENTITY,Currency,Alphabetic Code,Numeric Code,Minor unit\n", "list-one"),
        ("CtryNm,CcyNm,Ccy,CcyNbr,CcyMnrUnts\n", "list-one"),
        ("CtryNm,CcyNm,Ccy,CcyNbr,WthdrwlDt\n", "list-three"),
    ],
)
def test_headers(header: str, feed: str) -> None:
    importer = named("iso4217")
    assert importer.can_parse(header.encode())
    assert importer.heading(stream(header)).feed == feed
    row = f"FRANCE,Euro,EUR,978,{'1999-01' if feed == 'list-three' else '2'}" + ("," if feed == "codes" else "")
    assert record(currencies(row, header=header)).numeric_code == "978"


def test_minor_units() -> None:
    for none in ("-", "–", "N.A.", ""):
        assert one(f"ZZ08_Gold,Gold,XAU,959,{none},").decimals is None
    assert one("JAPAN,Yen,JPY,392,0,").decimals == 0
    for wrong in ("x", "12", "2.0", "٢"):
        assert reject(currencies(f"JAPAN,Yen,JPY,392,{wrong},")).code == "invalid_minor_unit"


@pytest.mark.parametrize(
    ("entity", "country"),
    [
        ("CONGO (THE)", "CG"),
        ("CONGO (THE DEMOCRATIC REPUBLIC OF THE)", "CD"),
        ("KOREA (THE REPUBLIC OF)", "KR"),
        ("KOREA (THE DEMOCRATIC PEOPLE’S REPUBLIC OF)", "KP"),
        ("LAO PEOPLE’S DEMOCRATIC REPUBLIC (THE)", "LA"),
        ("TÜRKİYE", "TR"),
        ("CÔTE D'IVOIRE", "CI"),
        ("UNITED STATES OF AMERICA (THE)", "US"),
        ("TAIWAN (PROVINCE OF CHINA)", "TW"),
        ("EUROPEAN UNION", None),
        ("ZZ08_Gold", None),
        ("", None),
    ],
)
def test_names_of_countries(entity: str, country: str | None) -> None:
    assert one(f"{entity},Lek,ALL,008,2,").country == country


def test_rejects() -> None:
    for row, code in (
        ("ANTARCTICA,No universal currency,,,,", "missing_code"),
        ("X,Y,QQQ,001,2,", "invalid_currency"),
        ("X,Y,EUR,97,2,", "invalid_number"),
        ("X,a\x1bb,EUR,978,2,", "invalid_name"),
        ("X,Y,EUR,978,2", "malformed_row"),
    ):
        found = reject(currencies(row, "FRANCE,Euro,EUR,978,2,"))
        assert (found.code, found.record, found.place) == (code, "currency", "line 2")
    assert one("X,Gold-Franc,XFO,,,2006-10").numeric_code is None


def test_the_row_that_contradicts_most_is_refused() -> None:
    rows = ("AUSTRIA,Euro,EUR,978,2,", "FRANCE,Euro,EUR,979,2,", "SPAIN,Euro,EUR,978,2,")
    results = currencies(*rows)
    assert (reject(results).code, reject(results).place) == ("contradiction", "line 3")
    assert {r.record.numeric_code for r in results if isinstance(r, Parsed)} == {"978"}  # type: ignore[attr-defined]
    assert [r.code for r in currencies(*rows[:2]) if isinstance(r, Reject)] == ["contradiction"] * 2


def test_what_an_older_row_says_is_no_contradiction() -> None:
    rows = ("PERU,Sol,PEN,604,2,", "PERU,Nuevo Sol,PEN,605,3,2015-12")
    assert (one(*rows).numeric_code, one(*rows).decimals) == ("604", 2)


def test_a_header_that_lacks_a_column() -> None:
    with pytest.raises(PayloadError, match="the header has no column for `number` at line 1"):
        parse("iso4217", "Entity,Currency,AlphabeticCode\n")
    with pytest.raises(PayloadError, match="empty"):
        named("iso4217").heading(stream(""))


def test_the_recorded_table(real_data: Path) -> None:
    results = parse("iso4217", read(real_data / FILE))
    assert len(results) == 449
    rejects = [r for r in results if isinstance(r, Reject)]
    assert [(r.code, r.row.partition(",No")[0]) for r in rejects] == [
        ("missing_code", "ANTARCTICA"),
        ("missing_code", '"PALESTINE, STATE OF"'),
        ("missing_code", "SOUTH GEORGIA AND THE SOUTH SANDWICH ISLANDS"),
    ]
    found = {r.record for r in results if isinstance(r, Parsed)}
    assert len(found) == len({c.iso_code for c in found}) == 307  # type: ignore[attr-defined]
    known: dict[str, Any] = {c.iso_code: c for c in found}  # type: ignore[attr-defined]
    assert Counter(c.status for c in found) == {"active": 178, "retired": 129}
    assert Counter(c.decimals for c in known.values()) == {None: 142, 2: 139, 0: 17, 3: 7, 4: 2}
    shared = Counter(c.numeric_code for c in known.values() if c.numeric_code)
    assert sum(1 for count in shared.values() if count > 1) == 35
    assert (known["BOP"].numeric_code, known["BOB"].numeric_code) == ("068", "068")
    assert {code for code in known if known[code].status == "retired"} >= {"HRK", "DEM", "AOK", "ANG"}
    assert known["EUR"].country is known["USD"].country is None
    assert (known["TRY"].country, known["TRY"].name) == ("TR", "Turkish Lira")


def test_the_recorded_table_twice(real_data: Path, fresh_catalog: Callable[[], Catalog]) -> None:
    with fresh_catalog() as catalog:
        first = catalog.import_file("auto", str(real_data / FILE)).to_json()
        assert (first["seen"], first["registered"], first["rejected"]) == (310, 307, 3)
        again = catalog.import_file("auto", str(real_data / FILE)).to_json()
        assert (again["seen"], again["unchanged"], again["rejected"]) == (310, 307, 3)
