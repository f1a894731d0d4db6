"""What a database's schema is made of, as text that can be compared: with another database, or with what should be."""

from __future__ import annotations

import json
from importlib.resources import files

from sqlalchemy import Connection, text

#: Objects of `public` are named plainly, those of our other schema with it in front.
_OURS = "n.nspname IN ('public', 'reporting')"
_PREFIX = "CASE WHEN n.nspname <> 'public' THEN n.nspname || '.' ELSE '' END"

_PARTS = {
    "column": f"""
        SELECT format('%s%s.%s', {_PREFIX}, c.relname, a.attname),
               concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                         'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid),
                         'IDENTITY ' || nullif(a.attidentity, '')::text, 'COLLATE ' || nullif(col.collname, 'default'))
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        LEFT JOIN pg_collation col ON col.oid = a.attcollation
        WHERE {_OURS} AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraint": f"""
        SELECT format('%s%s.%s', {_PREFIX}, c.relname, o.conname),
               pg_get_constraintdef(o.oid) || CASE WHEN o.convalidated THEN '' ELSE ' NOT VALID' END
        FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS} AND o.contype IN ('c', 'f', 'p', 'u', 'x')""",
    "index": f"""
        SELECT {_PREFIX} || c.relname,
               pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS}""",
    # Each version of PostgreSQL spells a view in its own way, so that what a view reads stands for what it says.
    "view": f"""
        SELECT {_PREFIX} || c.relname,
               concat_ws(' ', array_to_string(c.reloptions, ' '), 'reads', (
                   SELECT string_agg(read.name, ', ' ORDER BY read.name COLLATE "C") FROM (
                       SELECT DISTINCT concat_ws('.', t.relname, a.attname) AS name
                       FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                       JOIN pg_class t ON d.refclassid = 'pg_class'::regclass AND t.oid = d.refobjid
                       LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid AND a.attnum > 0
                       WHERE w.ev_class = c.oid AND t.oid <> c.oid) AS read))
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS} AND c.relkind = 'v'""",
    "function": f"""
        SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {_OURS}""",
    "trigger": f"""
        SELECT format('%s%s.%s', {_PREFIX}, c.relname, t.tgname), pg_get_triggerdef(t.oid)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE {_OURS} AND NOT t.tgisinternal""",
    "comment": f"""
        SELECT {_PREFIX} || concat_ws('.', c.relname, a.attname), d.description
        FROM pg_description d JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass
        JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
        WHERE {_OURS}
        UNION ALL
        SELECT d.objoid::regprocedure::text, d.description
        FROM pg_description d JOIN pg_proc p ON p.oid = d.objoid JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE d.classoid = 'pg_proc'::regclass AND {_OURS}
        UNION ALL
        SELECT n.nspname, d.description FROM pg_description d JOIN pg_namespace n ON n.oid = d.objoid
        WHERE d.classoid = 'pg_namespace'::regclass AND {_OURS} AND n.nspname <> 'public'""",
}
EXPECTED = "expected_schema.json"

_UNIQUE_ID64 = "index uq_identities__kind_id64"
#: What takes its place when two ids of a kind share their first half, and the catalog's ids have 128 bits.
_PLAIN_ID64 = (
    "index ix_identities__kind_id64",
    "CREATE INDEX ix_identities__kind_id64 ON public.identities USING btree (kind, id64)",
)


def describe(connection: Connection) -> dict[str, str]:
    """Every table column, constraint, index, view, function, trigger and comment, by `KIND NAME`.

    The same schema is described alike by every version of PostgreSQL. Alembic's own version table is left out: it is
    not part of the schema.
    """
    found: dict[str, str] = {}
    for part, query in _PARTS.items():
        for name, definition in connection.execute(text(query)):
            if not str(name).startswith("alembic_version"):
                found[f"{part} {name}"] = " ".join(str(definition).split())
    return found


def view_definitions(connection: Connection) -> dict[str, str]:
    """Every view as this server spells it: good for comparing two databases of one server, and for nothing else."""
    query = f"""SELECT {_PREFIX} || c.relname, pg_get_viewdef(c.oid)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS} AND c.relkind = 'v'"""
    return {str(name): str(definition) for name, definition in connection.execute(text(query))}


def id_bits(connection: Connection) -> int:
    """Width of the catalog's ids: 64 or 128; 64 for a database that does not say, whatever else is wrong with it."""
    if connection.execute(text("SELECT to_regclass('public.catalog_info')")).scalar() is None:
        return 64
    # by way of JSON, which has no missing column to complain of
    said = connection.execute(text("SELECT to_jsonb(i) ->> 'id_bits' FROM public.catalog_info i LIMIT 1")).scalar()
    return 128 if said == "128" else 64


def expected(id_bits: int = 64) -> dict[str, str]:
    """The description that the newest revision leads to, shipped beside the revisions.

    With ids of 128 bits the index of the 64-bit form is no longer unique, and is called otherwise.
    """
    content: dict[str, str] = json.loads((files("migrations") / EXPECTED).read_text("utf-8"))
    if id_bits == 128:
        del content[_UNIQUE_ID64]
        content.update([_PLAIN_ID64])
    return content


def differences(found: dict[str, str], wanted: dict[str, str]) -> list[str]:
    """What is missing, extra or different, one sentence each, sorted."""
    return sorted(
        [f"{name} is missing" for name in wanted.keys() - found.keys()]
        + [f"{name} is not ours" for name in found.keys() - wanted.keys()]
        + [f"{name} differs: {found[name]}" for name in found.keys() & wanted.keys() if found[name] != wanted[name]]
    )
