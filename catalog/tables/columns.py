"""The vocabulary of columns: each name says what a column holds, and carries its type and its CHECK."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, LargeBinary, Numeric, SmallInteger, Text
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
}

TYPE_MAP: dict[Any, Any] = {
    str: Text(),
    int: BigInteger(),
    Decimal: Numeric(),
    datetime: DateTime(timezone=True),
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
Hash = Annotated[bytes, mapped_column(LargeBinary, info={"rule": "hash"})]
Uuids = Annotated[list[UUID], mapped_column(ARRAY(PgUuid(as_uuid=True)))]
Texts = Annotated[list[str], mapped_column(ARRAY(Text))]
Json = Annotated[Any, mapped_column(JSONB)]
