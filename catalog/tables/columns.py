"""The vocabulary of columns: each name says what a column holds, and carries its type and its CHECK."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import BigInteger, Date, DateTime, LargeBinary, Numeric, SmallInteger, Text, Time
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as PgUuid
from sqlalchemy.orm import mapped_column

#: The SQL of each rule; `{column}` is the column. A NULL passes, as everywhere in SQL.
RULES = {
    "key": "octet_length({column}) BETWEEN 1 AND 255 AND {column} IS NFC NORMALIZED",
    "text": "octet_length({column}) BETWEEN 1 AND 65535 AND {column} IS NFC NORMALIZED",
    "amount": "{column} >= 0 AND is_wire_decimal({column})",
    "increment": "{column} > 0 AND is_wire_decimal({column})",
    "signed": "is_wire_decimal({column})",
    "isin": "{column} ~ '^[A-Z]{{2}}[A-Z0-9]{{9}}[0-9]$'",
    "cusip": "{column} ~ '^[A-Z0-9*@#]{{8}}[0-9]$'",
    "figi": "{column} ~ '^[A-Z]{{2}}G[A-Z0-9]{{8}}[0-9]$'",
    "sedol": "{column} ~ '^[A-Z0-9]{{6}}[0-9]$'",
    "lei": "{column} ~ '^[A-Z0-9]{{18}}[0-9]{{2}}$'",
    "mic": "{column} ~ '^[A-Z0-9]{{4}}$'",
    "slug": "{column} ~ '^[a-z0-9_]{{1,64}}$'",
    "currency": "{column} ~ '^[A-Z]{{3}}$'",
    "country": "{column} ~ '^[A-Z]{{2}}$'",
    "cfi": "{column} ~ '^[A-Z]{{6}}$'",
    "generation": "{column} ~ '^([2-9]|[1-9][0-9]{{1,4}})$'",
    "line": "{column} ~ '^[A-Z0-9]{{1,32}}$'",
    "decimals": "{column} BETWEEN 0 AND 255",
    "hash": "octet_length({column}) = 32",
    "natural": "{column} BETWEEN 0 AND 4294967295",
    "positive": "{column} BETWEEN 1 AND 4294967295",
    "nanoseconds": "{column} > 0",
    "moment": "{column} >= '1970-01-01 00:00:00+00' AND {column} < '2262-01-01 00:00:00+00'",
    "end": "{column} >= '1970-01-01 00:00:00+00' AND {column} < '2099-01-01 00:00:00+00'",
    "clock": "{column} < '24:00:00' AND date_trunc('second', {column}::interval) = {column}::interval",
    "zone": "{column} ~ '^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$' AND octet_length({column}) <= 64",
    "keys": "is_key_list({column})",
    "field_name": "{column} ~ '^[a-z_][a-z0-9_]{{0,63}}$'",
    "skeleton": "octet_length({column}) BETWEEN 1 AND 255",
    "name": "{column} ~ '^[A-Za-z_][A-Za-z0-9_]{{0,63}}$'",
}

TYPE_MAP: dict[Any, Any] = {
    str: Text(),
    int: BigInteger(),
    Decimal: Numeric(),
    datetime: DateTime(timezone=True),
    date: Date(),
    time: Time(),
    bytes: LargeBinary(),
    UUID: PgUuid(as_uuid=True),
    dict[str, Any]: JSONB(),
    list[Any]: JSONB(),
}


def _text(rule: str) -> Any:
    return mapped_column(Text, info={"rule": rule})


def _number(rule: str) -> Any:
    return mapped_column(Numeric, info={"rule": rule})


Key = Annotated[str, _text("key")]
FreeText = Annotated[str, _text("text")]
Isin = Annotated[str, _text("isin")]
Cusip = Annotated[str, _text("cusip")]
Figi = Annotated[str, _text("figi")]
Sedol = Annotated[str, _text("sedol")]
Lei = Annotated[str, _text("lei")]
Mic = Annotated[str, _text("mic")]
Slug = Annotated[str, _text("slug")]
CurrencyCode = Annotated[str, _text("currency")]
CountryCode = Annotated[str, _text("country")]
Cfi = Annotated[str, _text("cfi")]
Generation = Annotated[str, _text("generation")]
Line = Annotated[str, _text("line")]
Amount = Annotated[Decimal, _number("amount")]
Increment = Annotated[Decimal, _number("increment")]
Signed = Annotated[Decimal, _number("signed")]
Decimals = Annotated[int, mapped_column(SmallInteger, info={"rule": "decimals"})]
Code = Annotated[int, mapped_column(SmallInteger)]
Day = Annotated[date, mapped_column(Date)]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True), info={"rule": "moment"})]
EndMoment = Annotated[datetime, mapped_column(DateTime(timezone=True), info={"rule": "end"})]
Clock = Annotated[time, mapped_column(Time, info={"rule": "clock"})]
Zone = Annotated[str, _text("zone")]
Skeleton = Annotated[str, _text("skeleton")]
Name = Annotated[str, _text("name")]
FieldName = Annotated[str, _text("field_name")]
Natural = Annotated[int, mapped_column(BigInteger, info={"rule": "natural"})]
Positive = Annotated[int, mapped_column(BigInteger, info={"rule": "positive"})]
Nanoseconds = Annotated[int, mapped_column(BigInteger, info={"rule": "nanoseconds"})]
Keys = Annotated[list[str], mapped_column(ARRAY(Text), info={"rule": "keys"})]
Hash = Annotated[bytes, mapped_column(LargeBinary, info={"rule": "hash"})]
Uuids = Annotated[list[UUID], mapped_column(ARRAY(PgUuid(as_uuid=True)))]
Texts = Annotated[list[str], mapped_column(ARRAY(Text))]
Json = Annotated[Any, mapped_column(JSONB)]
