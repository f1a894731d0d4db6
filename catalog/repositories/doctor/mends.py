"""SQL that mends what has no command, for an operator to look at and run. The doctor itself runs none of it."""

from __future__ import annotations

from collections.abc import Iterable


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
