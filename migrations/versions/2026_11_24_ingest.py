"""How far followed sources have been read.

Locks: on `import_runs`, against writers, for the moment in which the references to it are made.
"""

from __future__ import annotations

from alembic import op

revision = "0008_ingest"
down_revision = "0007_lookalikes"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE ingest_pages (
    name text NOT NULL,
    page integer NOT NULL,
    request bytea NOT NULL,
    payload_hash bytea NOT NULL,
    etag text,
    last_modified text,
    run_id bigint,
    polled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_ingest_pages PRIMARY KEY (name, page),
    CONSTRAINT fk_ingest_pages__run_id FOREIGN KEY (run_id) REFERENCES import_runs (run_id) ON DELETE SET NULL,
    CONSTRAINT ck_ingest_pages__request_hash CHECK (octet_length(request) = 32),
    CONSTRAINT ck_ingest_pages__payload_hash_hash CHECK (octet_length(payload_hash) = 32)
);

CREATE INDEX ix_ingest_pages__run_id ON ingest_pages (run_id);

COMMENT ON TABLE ingest_pages IS 'What was last imported of each followed HTTP source, page by page';

COMMENT ON COLUMN ingest_pages.name IS 'Name of the followed source';

COMMENT ON COLUMN ingest_pages.page IS '0, 1, 2 … in the answer; 0 where it has no pages';

COMMENT ON COLUMN ingest_pages.request IS 'BLAKE3 of what was asked: the row holds for this request alone';

COMMENT ON COLUMN ingest_pages.payload_hash IS 'BLAKE3 of the payload that was imported';

COMMENT ON COLUMN ingest_pages.etag IS 'ETag that came with it';

COMMENT ON COLUMN ingest_pages.last_modified IS 'Last-Modified that came with it';

COMMENT ON COLUMN ingest_pages.run_id IS 'The run that imported it';

COMMENT ON COLUMN ingest_pages.polled_at IS 'When it was last imported or found unchanged';

CREATE TABLE ingest_blocks (
    name text NOT NULL,
    request bytea NOT NULL,
    block_number bigint NOT NULL,
    block_hash text NOT NULL,
    run_id bigint,
    polled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_ingest_blocks PRIMARY KEY (name),
    CONSTRAINT fk_ingest_blocks__run_id FOREIGN KEY (run_id) REFERENCES import_runs (run_id) ON DELETE SET NULL,
    CONSTRAINT ck_ingest_blocks__request_hash CHECK (octet_length(request) = 32),
    CONSTRAINT ck_ingest_blocks__block_number_natural CHECK (block_number >= 0),
    CONSTRAINT ck_ingest_blocks__block_hash_form CHECK (block_hash ~ '^0x[0-9a-f]{64}$')
);

CREATE INDEX ix_ingest_blocks__run_id ON ingest_blocks (run_id);

COMMENT ON TABLE ingest_blocks IS 'The last block whose logs were imported of each followed chain';

COMMENT ON COLUMN ingest_blocks.name IS 'Name of the followed source';

COMMENT ON COLUMN ingest_blocks.request IS 'BLAKE3 of chain, addresses, topics and first block: the row holds for these alone';

COMMENT ON COLUMN ingest_blocks.block_number IS 'The last block that was read';

COMMENT ON COLUMN ingest_blocks.block_hash IS 'Its hash, by which a re-org is seen';

COMMENT ON COLUMN ingest_blocks.run_id IS 'The last run that imported logs';

COMMENT ON COLUMN ingest_blocks.polled_at IS 'When it was last read'
"""


def upgrade() -> None:
    connection = op.get_bind()
    for statement in TABLES.split(";\n\n"):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    op.drop_table("ingest_blocks")
    op.drop_table("ingest_pages")
