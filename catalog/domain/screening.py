"""What a record says besides itself, and what of it can't be believed: pure rules, applied before anything is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from catalog.domain.base import Record
from catalog.domain.brokers import BrokerContract
from catalog.domain.derivatives import Future, Option
from catalog.domain.instruments import EQUITIES, Asset
from catalog.domain.pairs import Pair
from catalog.domain.reference import exchange, market
from catalog.domain.securities import Security, cusip_fits
from catalog.domain.venues import Venue

#: Markets where the CUSIP is home, so that an ISIN which contradicts it is the suspect.
CUSIP_COUNTRIES = frozenset(["US", "CA"])
#: What belongs to the security as soon as there is an ISIN.
OF_THE_SECURITY = ("cusip", "share_class_figi")
#: What a line has too: what it says of its security in these holds while nobody speaks of the security outright.
OF_THE_LINE = ("name", "sector", "country")


class Doubt(NamedTuple):
    """Why a value or a whole record is held back: the rule, what it is about, the field, what was said."""

    rule: str
    subject: Record
    field: str
    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Screened:
    """A record as it may be registered (None: quarantined whole), with its doubts."""

    record: Record | None
    doubts: list[Doubt] = field(default_factory=list)


def screen(record: Record) -> Screened:
    """Hold back what contradicts itself: a CUSIP that cannot belong to the ISIN beside it.

    On a US or Canadian market the whole row is quarantined; elsewhere it goes on without its CUSIP.
    """
    if isinstance(record, EQUITIES) and record.isin and record.cusip and not cusip_fits(record.isin, record.cusip):
        venue = market(record.mic)
        if venue is not None and venue.country in CUSIP_COUNTRIES:
            return Screened(None, [Doubt("cusip_contradicts_isin", record, "isin", record.known())])
        security = Security(isin=record.isin)
        said = {"cusip": record.cusip, "isin": record.isin}
        return Screened(without(record, "cusip"), [Doubt("cusip_held_back", security, "cusip", said)])
    if isinstance(record, Security) and record.cusip and not cusip_fits(record.isin, record.cusip):
        said = {"cusip": record.cusip, "isin": record.isin}
        return Screened(without(record, "cusip"), [Doubt("cusip_held_back", Security(isin=record.isin), "cusip", said)])
    return Screened(record)


def without(record: Record, *fields: str) -> Record:
    """The record as if it had not said anything of `fields`."""
    return type(record)(**{n: getattr(record, n) for n in record.model_fields_set if n not in fields})


def implied_security(record: Record) -> Security | None:
    """The security that an equity with an ISIN speaks of, with what belongs to it."""
    if not isinstance(record, EQUITIES) or record.isin is None:
        return None
    said: dict[str, Any] = {"cusip": record.cusip, "share_class_figi": record.share_class_figi, "name": record.name}
    said |= {"sector": record.sector, "country": record.country}
    return Security(isin=record.isin, **{k: v for k, v in said.items() if v is not None})


def of_the_line(record: Record) -> Record:
    """An equity with an ISIN without what belongs to its security; any other record as it is."""
    if isinstance(record, EQUITIES) and record.isin and (record.cusip or record.share_class_figi):
        return without(record, *OF_THE_SECURITY)
    return record


def implied_venue(field: str, code: str) -> Venue | None:
    """The venue with this `mic` or `slug` as reference tables know it; None when they don't."""
    return market(code) if field == "mic" else exchange(code)


def venue_keys(record: Record) -> list[tuple[str, str]]:
    """The venues that a record names by code, as (field, code): `("mic", "XNAS")`, `("slug", "binance")`."""
    if isinstance(record, EQUITIES):
        return [("mic", record.mic)]
    if isinstance(record, Asset | Pair):
        return [("slug", record.exchange)]
    if isinstance(record, BrokerContract):
        return [("slug", record.broker)] + ([("mic", record.mic)] if record.mic else [])
    if isinstance(record, Future | Option):
        return [(field, code) for field, code in (("mic", record.mic), ("slug", record.exchange)) if code]
    return []
