"""The schema's history: dated, immutable revisions that Alembic applies. They travel in the wheel."""
