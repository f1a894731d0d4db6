"""The declarative base, the naming convention, and the SQL functions that CHECKs use.

A column's rule (`info={"rule": …}`, set by the vocabulary in `columns`) becomes a CHECK named
`ck_<table>__<column>_<rule>` when its table is finished, so that no table can forget one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import DDL, CheckConstraint, MetaData, Table, event
from sqlalchemy.orm import DeclarativeBase

from catalog.tables.columns import RULES, TYPE_MAP

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s__%(column_0_N_name)s",
    "uq": "uq_%(table_name)s__%(column_0_N_name)s",
    "ix": "ix_%(table_name)s__%(column_0_N_name)s",
    "ck": "ck_%(table_name)s__%(constraint_name)s",
}


class Base(DeclarativeBase):
    """Base of all tables. They are definitions: statements are written in Core style, nothing is loaded lazily."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = TYPE_MAP

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        table = cls.__dict__.get("__table__")
        if isinstance(table, Table):
            _add_checks(table)


def _add_checks(table: Table) -> None:
    for column in table.columns:
        rule = column.info.get("rule")
        if rule is not None:
            table.append_constraint(
                CheckConstraint(RULES[rule].format(column=column.name), name=f"{column.name}_{rule}")
            )


#: True when a numeric fits the wire: at most 18 significant digits, exponent from -128 to 127.
WIRE_DECIMAL = """
CREATE FUNCTION is_wire_decimal(value numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN value NOT IN ('NaN', 'Infinity', '-Infinity')
    AND length(btrim(replace(abs(value)::text, '.', ''), '0')) <= 18
    AND scale(trim_scale(value)) <= 128
    AND length(trim_scale(value)::text) - length(rtrim(trim_scale(value)::text, '0')) <= 127
"""
WIRE_DECIMAL_COMMENT = (
    "COMMENT ON FUNCTION is_wire_decimal(numeric) IS "
    "'Whether a number fits the wire: at most 18 significant digits, exponent from -128 to 127'"
)

#: True when a list is what the wire's `keys` can be: sorted, each once, each a key.
KEY_LIST = """
CREATE FUNCTION is_key_list(list text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN cardinality(list) BETWEEN 1 AND 64
    AND array_position(list, NULL) IS NULL
    AND NOT EXISTS (SELECT FROM unnest(list) AS e
        WHERE octet_length(e) NOT BETWEEN 1 AND 255 OR e IS NOT NFC NORMALIZED)
    AND list = ARRAY(SELECT DISTINCT e COLLATE "C" FROM unnest(list) AS e ORDER BY 1)
"""
KEY_LIST_COMMENT = (
    "COMMENT ON FUNCTION is_key_list(text[]) IS "
    "'Whether a list fits the wire: 1 to 64 keys in ascending order, each once'"
)

for statement in (WIRE_DECIMAL, WIRE_DECIMAL_COMMENT, KEY_LIST, KEY_LIST_COMMENT):
    event.listen(Base.metadata, "before_create", DDL(statement))  # type: ignore[no-untyped-call]
for function in ("is_wire_decimal(numeric)", "is_key_list(text[])"):
    event.listen(Base.metadata, "after_drop", DDL(f"DROP FUNCTION IF EXISTS {function}"))  # type: ignore[no-untyped-call]


def on_table(table: Any, *statements: str) -> None:
    """Run statements whenever the table has been made: functions, triggers and their comments."""
    for statement in statements:
        event.listen(table, "after_create", DDL(statement))  # type: ignore[no-untyped-call]
