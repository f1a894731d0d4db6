"""The pages of docs/sources say what the code does: the codes, the tables, the fields."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from catalog import domain
from catalog.domain.vocabulary import SOLANA
from catalog.importers import binance_rows, finance_markets, token_list
from catalog.importers.registry import IMPORTERS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def sections() -> dict[str, str]:
    """The page of each source."""
    return {path.stem: path.read_text() for path in sorted((DOCS / "sources").glob("*.md"))}


def table(text: str, heading: str) -> dict[str, str]:
    """First and second cell of each row of the table whose header starts with `heading`."""
    [body] = re.findall(rf"^\| {re.escape(heading)} \|.*\n\|[- |]+\|\n((?:\|.*\n)+)", text, flags=re.MULTILINE)
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in body.splitlines()]
    return {plain(cells[0]): plain(cells[1]) for cells in rows}


def plain(cell: str) -> str:
    """The cell, out of its code span if it is one."""
    return cell[1:-1] if re.fullmatch(r"`[^`]*`", cell) else cell


def names(cell: str) -> list[str]:
    return re.findall(r"[^\s,`]+", cell)


def test_every_source_has_its_page(sections: dict[str, str]) -> None:
    assert set(sections) == set(IMPORTERS)
    listed = re.findall(
        r"^\| \[`(.+)`\]\(sources/(.+)\.md\) \| (.+) \|$", (DOCS / "importing.md").read_text(), re.MULTILINE
    )
    assert {(name, file) for name, file, _ in listed} == {(source, source) for source in IMPORTERS}
    assert {name: f"# `{name}`: {title}" for name, _, title in listed} == {
        name: page.splitlines()[0] for name, page in sections.items()
    }


@pytest.mark.parametrize("source", IMPORTERS)
def test_the_codes_are_those_of_the_importer(source: str, sections: dict[str, str]) -> None:
    assert table(sections[source], "code") == IMPORTERS[source].codes


def test_the_markets_are_those_of_the_tables(sections: dict[str, str]) -> None:
    text = sections["finance-database"]
    suffixes = {code: suffix for suffix, codes in table(text, "suffix").items() for code in names(codes)}
    assert suffixes == {code: suffix or "none" for code, suffix in finance_markets.SUFFIXES.items()}
    assert table(text, "exchange") == finance_markets.MICS
    currencies = {mic: code for code, mics in table(text, "currency").items() for mic in names(mics)}
    assert currencies == finance_markets.SINGLE_CURRENCIES
    assert table(text, "country in the file") == finance_markets.COUNTRIES


def test_statuses_chains_and_tails(sections: dict[str, str]) -> None:
    assert {
        w for w, s in table(sections["binance"], "status word").items() if s == "active"
    } == binance_rows.ACTIVE_STATUSES
    chains = table(sections["token-list"], "chainId")
    assert {int(n) for n in names(next(c for c, to in chains.items() if to == SOLANA))} == token_list.SOLANA_CHAIN_IDS
    for tail in token_list.PASTED_TAILS:
        assert f"`{tail}`" in sections["token-list"]


def test_canonical_lines_know_every_code_of_the_domain() -> None:
    """The rules of the records are spread over the domain; their codes are gathered in one table."""
    codes: set[str] = set()
    for path in Path(domain.__file__).parent.glob("*.py"):
        if path.stem == "generations":
            continue
        source = path.read_text()
        schemes = re.findall(r'InvalidIdentifier\(\s*"([^"]+)"', source) + re.findall(r'scheme: str = "(\w+)"', source)
        codes |= {f"invalid_{s.lower().replace(' ', '_')}" for s in schemes}
        codes |= set(re.findall(r'code="(\w+)"', source))
    codes -= {"invalid_kind"}  # compute_id's own: no record has another kind
    assert codes <= set(IMPORTERS["jsonl"].codes)
