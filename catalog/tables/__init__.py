"""The schema: one module per noun, all joined to one MetaData. `catalog.tables.metadata` names the conventions."""

from catalog.tables import (  # noqa: F401 - importing a module is what puts its tables into the metadata
    brokers,
    calendars,
    changes,
    derivatives,
    disputes,
    events,
    identities,
    ingest,
    instruments,
    listings,
    lookalikes,
    observations,
    pairs,
    pools,
    reporting,
    runs,
    securities,
    snapshots,
    successions,
    synthetics,
    venues,
    vocabularies,
    waiting,
)
from catalog.tables.metadata import Base

metadata = Base.metadata

__all__ = ["Base", "metadata"]
