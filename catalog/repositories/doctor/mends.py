"""SQL that mends what has no command, for an operator to look at and run. The doctor itself runs none of it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import AddConstraint

from catalog.tables import metadata


def add_constraint(table: str, name: str) -> str:
    """Give a table a constraint of ours again, in our own words: the server's, said again, are not always the same."""
    for constraint in metadata.tables[table].constraints:
        # else the table would be made without it from now on
        statement = AddConstraint(constraint, isolate_from_table=False)
        words = " ".join(str(statement.compile(dialect=postgresql.dialect())).split())  # type: ignore[no-untyped-call]
        if f" CONSTRAINT {name} " in words:
            return words
    raise LookupError(f"{table} has no constraint {name}")


def fail_runs(numbers: Iterable[int]) -> str:
    """Say of import runs that they were killed."""
    listed = ", ".join(str(number) for number in numbers)
    return (
        "UPDATE import_runs SET state = 'failed', finished_at = clock_timestamp(), failure = 'it was killed' "
        f"WHERE run_id IN ({listed})"
    )


def set_counter(last: int) -> str:
    """Let the counter of the change log stand at the last change."""
    return f"UPDATE change_counter SET last_sequence = {last}"


def recode(table: str, column: str, codes: Iterable[tuple[str, int]]) -> str:
    """Give words of a vocabulary the codes that they have on the wire."""
    return "; ".join(f"UPDATE {table} SET code = {code} WHERE {column} = '{word}'" for word, code in codes)
