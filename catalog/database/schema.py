"""What a database's schema is made of, as text that can be compared: with another database, or with what should be."""

from __future__ import annotations

import json
from importlib.resources import files

from sqlalchemy import Connection, text

_PARTS = {
    "column": """
        SELECT format('%s.%s', c.relname, a.attname),
               concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                         'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid),
                         'IDENTITY ' || nullif(a.attidentity, '')::text, 'COLLATE ' || nullif(col.collname, 'default'))
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        LEFT JOIN pg_collation col ON col.oid = a.attcollation
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraint": """
        SELECT format('%s.%s', c.relname, o.conname),
               pg_get_constraintdef(o.oid) || CASE WHEN o.convalidated THEN '' ELSE ' NOT VALID' END
        FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
        WHERE c.relnamespace = 'public'::regnamespace AND o.contype IN ('c', 'f', 'p', 'u', 'x')""",
    "index": """
        SELECT c.relname, pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relnamespace = 'public'::regnamespace""",
    "view": """
        SELECT relname, pg_get_viewdef(oid) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'""",
    "function": """
        SELECT oid::regprocedure::text, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "trigger": """
        SELECT format('%s.%s', c.relname, t.tgname), pg_get_triggerdef(t.oid)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal""",
    "comment": """
        SELECT concat_ws('.', c.relname, a.attname), d.description
        FROM pg_description d JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
        WHERE c.relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT d.objoid::regprocedure::text, d.description FROM pg_description d JOIN pg_proc p ON p.oid = d.objoid
        WHERE d.classoid = 'pg_proc'::regclass AND p.pronamespace = 'public'::regnamespace""",
}
EXPECTED = "expected_schema.json"


def describe(connection: Connection) -> dict[str, str]:
    """Every table column, constraint, index, view, function, trigger and comment, by `KIND NAME`.

    Alembic's own version table is left out: it is not part of the schema.
    """
    found: dict[str, str] = {}
    for part, query in _PARTS.items():
        for name, definition in connection.execute(text(query)):
            if not str(name).startswith("alembic_version"):
                found[f"{part} {name}"] = " ".join(str(definition).split())
    return found


def expected() -> dict[str, str]:
    """The description that the newest revision leads to, shipped beside the revisions."""
    content: dict[str, str] = json.loads((files("migrations") / EXPECTED).read_text("utf-8"))
    return content


def differences(found: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """What is missing, extra or different, one sentence each, sorted."""
    return sorted(
        [f"{name} is missing" for name in wanted.keys() - found.keys()]
        + [f"{name} is not ours" for name in found.keys() - wanted.keys()]
        + [f"{name} differs: {found[name]}" for name in found.keys() & wanted.keys() if found[name] != wanted[name]]
    )
