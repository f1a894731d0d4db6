"""Other names of a pair: a column of pairs, and the last one of its view.

Locks: ACCESS EXCLUSIVE on pairs, for as long as an index over no values takes to make: the new column is empty, and its
CHECKs read the rows once. The view is replaced where it stands, so that its readers keep their rights.
"""

from __future__ import annotations

from alembic import op

revision = "0009_names"
down_revision = "0008_ingest"
branch_labels = None
depends_on = None

VIEW = """
CREATE OR REPLACE VIEW reporting.exchange_pairs AS SELECT
    replace(p.id::text, '-', '') AS id,
    left(replace(p.id::text, '-', ''), 16) AS id64,
    p.id AS uuid,
    p.exchange AS exchange,
    x.name AS venue_name,
    p.market_kind AS market_kind,
    p.symbol AS symbol,
    p.generation AS generation,
    replace(p.base_id::text, '-', '') AS base_id,
    CASE i.record WHEN 'token' THEN (SELECT own.symbol FROM tokens own WHERE own.id = i.id) WHEN 'native' THEN (SELECT own.symbol FROM natives own WHERE own.id = i.id) WHEN 'asset' THEN (SELECT own.symbol FROM assets own WHERE own.id = i.id) WHEN 'stock' THEN (SELECT own.ticker FROM equities own WHERE own.id = i.id) WHEN 'etf' THEN (SELECT own.ticker FROM equities own WHERE own.id = i.id) WHEN 'currency' THEN (SELECT own.iso_code FROM currencies own WHERE own.id = i.id) WHEN 'future' THEN (SELECT own.symbol FROM futures own WHERE own.id = i.id) WHEN 'option' THEN (SELECT own.symbol FROM options own WHERE own.id = i.id) WHEN 'synthetic' THEN (SELECT own.name FROM synthetics own WHERE own.id = i.id) END AS base_symbol,
    i.name AS base_name,
    replace(p.quote_id::text, '-', '') AS quote_id,
    CASE q.record WHEN 'token' THEN (SELECT own.symbol FROM tokens own WHERE own.id = q.id) WHEN 'native' THEN (SELECT own.symbol FROM natives own WHERE own.id = q.id) WHEN 'asset' THEN (SELECT own.symbol FROM assets own WHERE own.id = q.id) WHEN 'stock' THEN (SELECT own.ticker FROM equities own WHERE own.id = q.id) WHEN 'etf' THEN (SELECT own.ticker FROM equities own WHERE own.id = q.id) WHEN 'currency' THEN (SELECT own.iso_code FROM currencies own WHERE own.id = q.id) WHEN 'future' THEN (SELECT own.symbol FROM futures own WHERE own.id = q.id) WHEN 'option' THEN (SELECT own.symbol FROM options own WHERE own.id = q.id) WHEN 'synthetic' THEN (SELECT own.name FROM synthetics own WHERE own.id = q.id) END AS quote_symbol,
    q.name AS quote_name,
    p.tick_size AS tick_size,
    p.lot_size AS lot_size,
    p.min_quantity AS min_quantity,
    p.max_quantity AS max_quantity,
    p.min_price AS min_price,
    p.max_price AS max_price,
    p.min_notional AS min_notional,
    p.maker_fee_bps AS maker_fee_bps,
    p.taker_fee_bps AS taker_fee_bps,
    p.venue_status AS venue_status,
    p.delist_at AS delist_at,
    p.status AS status{others}
FROM pairs p
LEFT JOIN venues x ON x.slug = p.exchange
LEFT JOIN instruments i ON i.id = p.base_id
LEFT JOIN instruments q ON q.id = p.quote_id
"""

OTHERS = ",\n    p.other_symbols AS other_symbols"

UPGRADE = """
ALTER TABLE pairs
    ADD COLUMN other_symbols text[],
    ADD CONSTRAINT ck_pairs__other_symbols_keys CHECK (is_key_list(other_symbols)),
    ADD CONSTRAINT ck_pairs__others_are_others CHECK (symbol <> ALL (other_symbols));

COMMENT ON COLUMN pairs.other_symbols IS 'The exchange''s other names of this market';

CREATE INDEX ix_pairs__other_symbols ON pairs USING gin (other_symbols)
"""

COMMENT = "COMMENT ON COLUMN reporting.exchange_pairs.other_symbols IS 'The exchange''s other names of this market'"

#: What only this revision can hold goes. A view loses no column but by being made anew.
DOWNGRADE = """
DROP VIEW reporting.exchange_pairs;

ALTER TABLE pairs DROP COLUMN other_symbols;

UPDATE observations SET statement = statement - 'other_symbols', older = nullif(older - 'other_symbols', '{}')
WHERE kind = 5 AND (statement ? 'other_symbols' OR older ? 'other_symbols');

UPDATE waiting SET statement = statement - 'other_symbols' WHERE kind = 5 AND statement ? 'other_symbols';

UPDATE history SET image = image - 'other_symbols' WHERE kind = 5 AND image ? 'other_symbols'
"""

COMMENTS = """
COMMENT ON VIEW reporting.exchange_pairs IS 'Two assets that a crypto exchange trades against each other';

COMMENT ON COLUMN reporting.exchange_pairs.id IS 'Pair id, 32 hex digits';

COMMENT ON COLUMN reporting.exchange_pairs.id64 IS '64-bit form of the id: its first 16 digits';

COMMENT ON COLUMN reporting.exchange_pairs.uuid IS 'The id as PostgreSQL''s uuid. A filter on it uses an index; digits without dashes will do';

COMMENT ON COLUMN reporting.exchange_pairs.exchange IS 'Slug of the exchange';

COMMENT ON COLUMN reporting.exchange_pairs.venue_name IS 'Name of the exchange';

COMMENT ON COLUMN reporting.exchange_pairs.market_kind IS 'spot';

COMMENT ON COLUMN reporting.exchange_pairs.symbol IS 'The exchange''s own symbol';

COMMENT ON COLUMN reporting.exchange_pairs.generation IS '2, 3 … for a later holder of a reused symbol';

COMMENT ON COLUMN reporting.exchange_pairs.base_id IS 'What is bought and sold: instrument id';

COMMENT ON COLUMN reporting.exchange_pairs.base_symbol IS 'Its symbol (base_id)';

COMMENT ON COLUMN reporting.exchange_pairs.base_name IS 'Its name (base_id)';

COMMENT ON COLUMN reporting.exchange_pairs.quote_id IS 'What it is paid in: instrument id';

COMMENT ON COLUMN reporting.exchange_pairs.quote_symbol IS 'Its symbol (quote_id)';

COMMENT ON COLUMN reporting.exchange_pairs.quote_name IS 'Its name (quote_id)';

COMMENT ON COLUMN reporting.exchange_pairs.tick_size IS 'Smallest price step, in quote';

COMMENT ON COLUMN reporting.exchange_pairs.lot_size IS 'Smallest quantity step, in base';

COMMENT ON COLUMN reporting.exchange_pairs.min_quantity IS 'Smallest order, in base';

COMMENT ON COLUMN reporting.exchange_pairs.max_quantity IS 'Largest order, in base';

COMMENT ON COLUMN reporting.exchange_pairs.min_price IS 'Lowest price, in quote';

COMMENT ON COLUMN reporting.exchange_pairs.max_price IS 'Highest price, in quote';

COMMENT ON COLUMN reporting.exchange_pairs.min_notional IS 'Smallest order value, in quote';

COMMENT ON COLUMN reporting.exchange_pairs.maker_fee_bps IS 'Fee of a resting order, basis points';

COMMENT ON COLUMN reporting.exchange_pairs.taker_fee_bps IS 'Fee of an order that takes, basis points';

COMMENT ON COLUMN reporting.exchange_pairs.venue_status IS 'The exchange''s own word for the status';

COMMENT ON COLUMN reporting.exchange_pairs.delist_at IS 'From when on it trades no more';

COMMENT ON COLUMN reporting.exchange_pairs.status IS 'active, suspended or retired'
"""


def upgrade() -> None:
    connection = op.get_bind()
    for statement in (*UPGRADE.split(";\n\n"), VIEW.format(others=OTHERS), COMMENT):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    connection = op.get_bind()
    for statement in (*DOWNGRADE.split(";\n\n"), VIEW.format(others=""), *COMMENTS.split(";\n\n")):
        connection.exec_driver_sql(statement)
