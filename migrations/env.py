"""Alembic's entry: runs the revisions on the connection that the migrations runner hands over.

The runner (`catalog.database.migrations`) holds the advisory lock and sets the timeouts; for a developer's
`alembic revision --autogenerate` this file opens its own connection from CATALOG_DATABASE_URL.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from catalog.tables import metadata


def run(connection: Connection) -> None:
    """Apply what was asked for in one transaction per revision."""
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
else:
    from catalog.database.engine import make_engine
    from catalog.settings import resolve

    with make_engine(resolve().database_url or "postgresql://").connect() as own_connection:
        run(own_connection)
        own_connection.commit()
