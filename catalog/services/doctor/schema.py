"""Checks of the schema: revision, constraints, indexes, triggers, numbering, vocabularies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

from catalog.domain.vocabulary import BLOCKCHAINS, VOCABULARIES
from catalog.repositories.doctor import mends, objects, server
from catalog.services.doctor.examination import Examination
from catalog.services.doctor.report import SHOWN, Finding
from catalog.tables import metadata

#: Percent of the numbers of a column that may be given away.
WORN_PERCENT, FULL_PERCENT = 50, 90
BY_HAND = "`catalog db check --json` shows both definitions: mend by hand, or restore"


def schema(exam: Examination) -> Iterator[Finding]:
    """The database is at this program's revision, and its columns, views, functions and comments are that revision's."""
    state = exam.schema_state
    problem = state.problem()
    if problem is not None and state.state != "diverged":
        yield Finding(
            f"the schema is {state.state}", problem.hint or BY_HAND,
            value=state.current or "empty", examples=[f"this program needs {state.wanted}"],
        )  # fmt: skip
    yield from _different(exam, ("column", "view", "function", "comment"), _mend)


def constraints(exam: Examination) -> Iterator[Finding]:
    """Every constraint is there, holds for all rows, and is enforced."""
    yield from _different(exam, ("constraint",), _mend_constraint)
    off = objects.unenforced_constraints(exam.cursor)
    if off:
        yield Finding(
            "constraints are not enforced",
            "; ".join(f"ALTER TABLE {table} ALTER CONSTRAINT {name} ENFORCED" for table, name in off[:SHOWN]),
            count=len(off), examples=[f"{table}.{name}" for table, name in off[:SHOWN]],
        )  # fmt: skip


def indexes(exam: Examination) -> Iterator[Finding]:
    """Every index is there and valid."""
    broken = objects.broken_indexes(exam.cursor)
    known = {name.removeprefix("index ") for name in exam.expected if name.startswith("index ")}
    if broken:
        yield Finding(
            "indexes are invalid: they are kept up at a cost and never used, and a unique one proves nothing",
            "; ".join(f"{'REINDEX' if name in known else 'DROP'} INDEX CONCURRENTLY {name}" for name in broken[:SHOWN]),
            count=len(broken), examples=broken[:SHOWN],
        )  # fmt: skip
    yield from _different(exam, ("index",), _mend, besides=frozenset(broken))


def triggers(exam: Examination) -> Iterator[Finding]:
    """Every trigger is there, those behind foreign keys too, and fires."""
    yield from _different(exam, ("trigger",), _mend)
    off = objects.disabled_triggers(exam.cursor)
    if off:
        tables = sorted({table for table, _ in off})
        yield Finding(
            "triggers are switched off: what they check may have been passed by",
            "; ".join(f"ALTER TABLE {table} ENABLE TRIGGER ALL" for table in tables)
            + "; then `catalog doctor --full --only references,orphans`",
            count=len(off), examples=[f"{table}.{name}" for table, name in off[:SHOWN]],
        )  # fmt: skip
    role = server.setting(exam.cursor).replication_role
    if role != "origin":
        yield Finding(
            "sessions of this role pass by triggers and foreign keys",
            "ALTER ROLE … RESET session_replication_role; ALTER DATABASE … RESET session_replication_role", value=role,
        )  # fmt: skip


def numbering(exam: Examination) -> Iterator[Finding]:
    """Columns that number their rows have numbers left, and the next one is free."""
    for n in objects.numberings(exam.cursor):
        if n.last is None and n.used is None:
            continue
        last = n.last or 0
        if n.used is not None and n.last is not None and n.used > last:
            yield Finding(
                f"the next number of {n.table}.{n.column} is taken: rows will be refused",
                f"SELECT setval('{n.sequence}', {n.used})", value=last, examples=[f"{n.table} has {n.used}"],
            )  # fmt: skip
        percent = max(last, n.used or 0) * 100 // n.limit
        if percent >= WORN_PERCENT:
            yield Finding(
                f"the numbers of {n.table}.{n.column} are nearly used up",
                f"ALTER TABLE {n.table} ALTER COLUMN {n.column} TYPE bigint",
                value=f"{percent} %", is_advice=percent < FULL_PERCENT,
            )  # fmt: skip


def vocabulary(exam: Examination) -> Iterator[Finding]:
    """The small vocabularies have every word of this program, with its code on the wire."""
    shipped = VOCABULARIES | {"blockchain": {b.caip2: b.code for b in BLOCKCHAINS.values()}}
    for column, words in sorted(shipped.items()):
        table = next(t.name for t in metadata.sorted_tables if [c.name for c in t.primary_key.columns] == [column])
        here = objects.vocabulary(exam.cursor, table, column)
        wrong = [word for word, code in words.items() if here.get(word) != code]
        if wrong:
            shown = [f"{w}: code {words[w]}, here {here.get(w, 'missing')}" for w in wrong[:SHOWN]]
            yield Finding(
                f"{table} has other codes than this program: files would mean something else",
                mends.recode(table, column, ((w, words[w]) for w in wrong[:SHOWN])) + "; publish nothing before that",
                count=len(wrong), examples=shown,
            )  # fmt: skip


Mend = Callable[[Examination, str, str, str], str]


def _different(
    exam: Examination, parts: tuple[str, ...], mend: Mend, besides: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """A finding for each part and way in which objects differ from what this program expects."""
    found = sorted(exam.differences(*parts), key=lambda d: (d[0], d[2].partition(":")[0]))
    for (part, how), group in groupby(found, key=lambda d: (d[0], d[2].partition(":")[0])):
        names = [(name, words) for _, name, words in group if name not in besides]
        if names:
            what = {"is missing": "is missing", "is not ours": "is not the catalog's"}.get(how, "differs")
            yield Finding(
                f"{'an' if part == 'index' else 'a'} {part} {what}", "; ".join(mend(exam, part, name, words) for name, words in names[:SHOWN]),
                count=len(names), examples=[name for name, _ in names[:SHOWN]],
            )  # fmt: skip


def _mend(exam: Examination, part: str, name: str, words: str) -> str:
    """The SQL that brings an object back, when its definition says all."""
    wanted = exam.expected.get(f"{part} {name}")
    if part in ("index", "view", "function") and wanted is None:
        return f"DROP {part.upper()} {name}"
    if wanted is not None and part == "comment":
        return f"COMMENT ON {_commented(exam, name)} IS '{wanted.replace(chr(39), chr(39) * 2)}'"
    if wanted is not None and part in ("index", "trigger", "function") and words == "is missing":
        return wanted
    return BY_HAND


def _commented(exam: Examination, name: str) -> str:
    if "(" in name:
        return f"FUNCTION {name}"
    if name == "reporting":
        return "SCHEMA reporting"
    if f"column {name}" in exam.expected:
        return f"COLUMN {name}"
    kind = {"view": "VIEW", "index": "INDEX"}
    return next((f"{kind[k]} {name}" for k in kind if f"{k} {name}" in exam.expected), f"TABLE {name}")


def _mend_constraint(exam: Examination, part: str, name: str, words: str) -> str:
    table, _, own = name.rpartition(".")
    wanted = exam.expected.get(f"{part} {name}")
    if wanted is None:
        return f"ALTER TABLE {table} DROP CONSTRAINT {own}"
    if words.removeprefix("differs: ").replace(" NOT VALID", "") == wanted:
        return f"ALTER TABLE {table} VALIDATE CONSTRAINT {own}"
    add = mends.add_constraint(table, own)
    return add if words == "is missing" else f"ALTER TABLE {table} DROP CONSTRAINT {own}; {add}"
