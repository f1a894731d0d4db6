"""The schema `reporting`: views for people who write SQL.

Locks: ACCESS SHARE on the tables that a view reads, for a moment: neither readers nor writers notice.
"""

from __future__ import annotations

from alembic import op

revision = "0003_reporting"
down_revision = "0002_model"
branch_labels = None
depends_on = None

VIEWS = """
CREATE SCHEMA reporting;

COMMENT ON SCHEMA reporting IS 'Views for people who write SQL: ids as hex digits, names for codes. Read only';

CREATE VIEW reporting.instruments AS SELECT
    replace(u.id::text, '-', '') AS id,
    left(replace(u.id::text, '-', ''), 16) AS id64,
    u.id AS uuid,
    u.record AS record,
    u.symbol AS symbol,
    u.name AS name,
    u.isin AS isin,
    u.cusip AS cusip,
    u.figi AS figi,
    u.composite_figi AS composite_figi,
    u.share_class_figi AS share_class_figi,
    u.sedol AS sedol,
    u.currency AS currency,
    u.price_unit AS price_unit,
    u.mic AS mic,
    u.exchange AS exchange,
    coalesce(m.name, x.name) AS venue_name,
    u.blockchain AS blockchain,
    b.name AS blockchain_name,
    u.address AS address,
    u.decimals AS decimals,
    u.country AS country,
    u.sector AS sector,
    u.industry AS industry,
    u.underlying_index AS underlying_index,
    u.expense_ratio AS expense_ratio,
    u.delist_at AS delist_at,
    u.status AS status,
    (SELECT c.changed_at FROM changes c
        WHERE c.kind = 1 AND c.record_id = u.id ORDER BY c.sequence LIMIT 1) AS registered_at,
    (SELECT c.changed_at FROM changes c
        WHERE c.kind = 1 AND c.record_id = u.id ORDER BY c.sequence DESC LIMIT 1) AS last_changed_at
FROM (
    SELECT i.id, i.record, i.decimals, i.status, t.symbol AS symbol, i.name AS name, NULL::text AS isin,
        NULL::text AS cusip, NULL::text AS figi, NULL::text AS composite_figi, NULL::text AS share_class_figi,
        NULL::text AS sedol, NULL::text AS currency, NULL::text AS price_unit, NULL::text AS mic, NULL::text
        AS exchange, t.blockchain AS blockchain, t.address AS address, NULL::text AS country, NULL::text AS
        sector, NULL::text AS industry, NULL::text AS underlying_index, NULL::numeric AS expense_ratio,
        NULL::timestamptz AS delist_at FROM instruments i JOIN tokens t ON t.id = i.id
    UNION ALL SELECT i.id, i.record, i.decimals, i.status, n.symbol AS symbol, i.name AS name, NULL::text AS isin,
        NULL::text AS cusip, NULL::text AS figi, NULL::text AS composite_figi, NULL::text AS share_class_figi,
        NULL::text AS sedol, NULL::text AS currency, NULL::text AS price_unit, NULL::text AS mic, NULL::text
        AS exchange, n.blockchain AS blockchain, NULL::text AS address, NULL::text AS country, NULL::text AS
        sector, NULL::text AS industry, NULL::text AS underlying_index, NULL::numeric AS expense_ratio,
        NULL::timestamptz AS delist_at FROM instruments i JOIN natives n ON n.id = i.id
    UNION ALL SELECT i.id, i.record, i.decimals, i.status, a.symbol AS symbol, i.name AS name, NULL::text AS isin,
        NULL::text AS cusip, NULL::text AS figi, NULL::text AS composite_figi, NULL::text AS share_class_figi,
        NULL::text AS sedol, NULL::text AS currency, NULL::text AS price_unit, NULL::text AS mic, a.exchange
        AS exchange, NULL::text AS blockchain, NULL::text AS address, NULL::text AS country, NULL::text AS
        sector, NULL::text AS industry, NULL::text AS underlying_index, NULL::numeric AS expense_ratio,
        a.delist_at AS delist_at FROM instruments i JOIN assets a ON a.id = i.id
    UNION ALL SELECT i.id, i.record, i.decimals, i.status, e.ticker AS symbol, i.name AS name, e.isin AS isin, s.cusip AS
        cusip, e.figi AS figi, e.composite_figi AS composite_figi, s.share_class_figi AS share_class_figi,
        e.sedol AS sedol, e.currency AS currency, e.price_unit AS price_unit, e.mic AS mic, NULL::text AS
        exchange, NULL::text AS blockchain, NULL::text AS address, e.country AS country, coalesce(e.sector,
        s.sector) AS sector, e.industry AS industry, e.underlying_index AS underlying_index, e.expense_ratio
        AS expense_ratio, e.delist_at AS delist_at FROM instruments i JOIN equities e ON e.id = i.id JOIN
        securities s ON s.isin = e.isin
    UNION ALL SELECT i.id, i.record, i.decimals, i.status, e.ticker AS symbol, i.name AS name, e.isin AS isin, e.cusip AS
        cusip, e.figi AS figi, e.composite_figi AS composite_figi, e.share_class_figi AS share_class_figi,
        e.sedol AS sedol, e.currency AS currency, e.price_unit AS price_unit, e.mic AS mic, NULL::text AS
        exchange, NULL::text AS blockchain, NULL::text AS address, e.country AS country, e.sector AS sector,
        e.industry AS industry, e.underlying_index AS underlying_index, e.expense_ratio AS expense_ratio,
        e.delist_at AS delist_at FROM instruments i JOIN equities e ON e.id = i.id WHERE e.isin IS NULL
    UNION ALL SELECT i.id, i.record, i.decimals, i.status, c.iso_code AS symbol, i.name AS name, NULL::text AS isin,
        NULL::text AS cusip, NULL::text AS figi, NULL::text AS composite_figi, NULL::text AS share_class_figi,
        NULL::text AS sedol, NULL::text AS currency, NULL::text AS price_unit, NULL::text AS mic, NULL::text
        AS exchange, NULL::text AS blockchain, NULL::text AS address, c.country AS country, NULL::text AS
        sector, NULL::text AS industry, NULL::text AS underlying_index, NULL::numeric AS expense_ratio,
        NULL::timestamptz AS delist_at FROM instruments i JOIN currencies c ON c.id = i.id
    UNION ALL SELECT i.id, i.record, i.decimals, i.status, f.symbol AS symbol, i.name AS name, NULL::text AS isin,
        NULL::text AS cusip, NULL::text AS figi, NULL::text AS composite_figi, NULL::text AS share_class_figi,
        NULL::text AS sedol, f.currency AS currency, NULL::text AS price_unit, f.mic AS mic, f.exchange AS
        exchange, NULL::text AS blockchain, NULL::text AS address, NULL::text AS country, NULL::text AS
        sector, NULL::text AS industry, NULL::text AS underlying_index, NULL::numeric AS expense_ratio,
        f.delist_at AS delist_at FROM instruments i JOIN futures f ON f.id = i.id
    UNION ALL SELECT i.id, i.record, i.decimals, i.status, f.symbol AS symbol, i.name AS name, NULL::text AS isin,
        NULL::text AS cusip, NULL::text AS figi, NULL::text AS composite_figi, NULL::text AS share_class_figi,
        NULL::text AS sedol, f.currency AS currency, NULL::text AS price_unit, f.mic AS mic, f.exchange AS
        exchange, NULL::text AS blockchain, NULL::text AS address, NULL::text AS country, NULL::text AS
        sector, NULL::text AS industry, NULL::text AS underlying_index, NULL::numeric AS expense_ratio,
        f.delist_at AS delist_at FROM instruments i JOIN options f ON f.id = i.id
    UNION ALL SELECT i.id, i.record, i.decimals, i.status, y.name AS symbol, y.name AS name, NULL::text AS isin, NULL::text
        AS cusip, NULL::text AS figi, NULL::text AS composite_figi, NULL::text AS share_class_figi, NULL::text
        AS sedol, NULL::text AS currency, NULL::text AS price_unit, NULL::text AS mic, NULL::text AS exchange,
        NULL::text AS blockchain, NULL::text AS address, NULL::text AS country, NULL::text AS sector,
        NULL::text AS industry, NULL::text AS underlying_index, NULL::numeric AS expense_ratio,
        NULL::timestamptz AS delist_at FROM instruments i JOIN synthetics y ON y.id = i.id
) u
LEFT JOIN venues m ON m.mic = u.mic
LEFT JOIN venues x ON x.slug = u.exchange
LEFT JOIN blockchains b ON b.blockchain = u.blockchain;

COMMENT ON VIEW reporting.instruments IS 'Everything that has an instrument id and a price, of every type';

COMMENT ON COLUMN reporting.instruments.id IS 'Instrument id, 32 hex digits';

COMMENT ON COLUMN reporting.instruments.id64 IS '64-bit form of the id: its first 16 digits';

COMMENT ON COLUMN reporting.instruments.uuid IS 'The id as PostgreSQL''s uuid. A filter on it uses an index; digits without dashes will do';

COMMENT ON COLUMN reporting.instruments.record IS 'Type: token, stock, etf …';

COMMENT ON COLUMN reporting.instruments.symbol IS 'Symbol, ticker, ISO 4217 code or name of a synthetic; many may share one';

COMMENT ON COLUMN reporting.instruments.name IS 'Name';

COMMENT ON COLUMN reporting.instruments.isin IS 'ISIN of the security, if known';

COMMENT ON COLUMN reporting.instruments.cusip IS 'CUSIP: that of the security, or of the line while it has no ISIN';

COMMENT ON COLUMN reporting.instruments.figi IS 'FIGI of this line, OMG';

COMMENT ON COLUMN reporting.instruments.composite_figi IS 'FIGI of the country composite';

COMMENT ON COLUMN reporting.instruments.share_class_figi IS 'FIGI of the share class';

COMMENT ON COLUMN reporting.instruments.sedol IS 'SEDOL, London Stock Exchange';

COMMENT ON COLUMN reporting.instruments.currency IS 'Currency of the price of a line or contract, major unit, ISO 4217';

COMMENT ON COLUMN reporting.instruments.price_unit IS 'GBX, ILA or ZAC when quoted in a hundredth of it';

COMMENT ON COLUMN reporting.instruments.mic IS 'Home market of a line, exchange of a contract: MIC, ISO 10383';

COMMENT ON COLUMN reporting.instruments.exchange IS 'Slug of the exchange';

COMMENT ON COLUMN reporting.instruments.venue_name IS 'Name of the market or exchange';

COMMENT ON COLUMN reporting.instruments.blockchain IS 'CAIP-2 blockchain';

COMMENT ON COLUMN reporting.instruments.blockchain_name IS 'What people call the blockchain';

COMMENT ON COLUMN reporting.instruments.address IS 'Contract or mint address in its normal form';

COMMENT ON COLUMN reporting.instruments.decimals IS 'Decimal places of the smallest unit; NULL when unknown or while feeds disagree';

COMMENT ON COLUMN reporting.instruments.country IS 'Country of the company or currency, ISO 3166 alpha-2';

COMMENT ON COLUMN reporting.instruments.sector IS 'Sector';

COMMENT ON COLUMN reporting.instruments.industry IS 'Industry';

COMMENT ON COLUMN reporting.instruments.underlying_index IS 'Index that an ETF follows';

COMMENT ON COLUMN reporting.instruments.expense_ratio IS 'Yearly costs of an ETF as a fraction';

COMMENT ON COLUMN reporting.instruments.delist_at IS 'From when on it trades no more';

COMMENT ON COLUMN reporting.instruments.status IS 'active, suspended or retired';

COMMENT ON COLUMN reporting.instruments.registered_at IS 'When it came into this catalog';

COMMENT ON COLUMN reporting.instruments.last_changed_at IS 'When it changed last';

CREATE VIEW reporting.securities AS SELECT
    replace(s.id::text, '-', '') AS id,
    left(replace(s.id::text, '-', ''), 16) AS id64,
    s.id AS uuid,
    s.isin AS isin,
    s.cusip AS cusip,
    s.share_class_figi AS share_class_figi,
    s.name AS name,
    s.issuer_lei AS issuer_lei,
    s.cfi AS cfi,
    s.sector AS sector,
    s.country AS country,
    s.status AS status
FROM securities s;

COMMENT ON VIEW reporting.securities IS 'One row per ISIN, with what belongs to it and not to a market';

COMMENT ON COLUMN reporting.securities.id IS 'Security id, 32 hex digits';

COMMENT ON COLUMN reporting.securities.id64 IS '64-bit form of the id: its first 16 digits';

COMMENT ON COLUMN reporting.securities.uuid IS 'The id as PostgreSQL''s uuid. A filter on it uses an index; digits without dashes will do';

COMMENT ON COLUMN reporting.securities.isin IS 'ISIN, ISO 6166';

COMMENT ON COLUMN reporting.securities.cusip IS 'CUSIP or CINS; NULL while two claim it';

COMMENT ON COLUMN reporting.securities.share_class_figi IS 'FIGI of the share class';

COMMENT ON COLUMN reporting.securities.name IS 'Name of the issue';

COMMENT ON COLUMN reporting.securities.issuer_lei IS 'LEI of the issuer, ISO 17442';

COMMENT ON COLUMN reporting.securities.cfi IS 'Classification, ISO 10962';

COMMENT ON COLUMN reporting.securities.sector IS 'Sector of the issuer';

COMMENT ON COLUMN reporting.securities.country IS 'Country of the issuer, ISO 3166 alpha-2';

COMMENT ON COLUMN reporting.securities.status IS 'active, suspended or retired';

CREATE VIEW reporting.tokens AS SELECT
    replace(u.id::text, '-', '') AS id,
    left(replace(u.id::text, '-', ''), 16) AS id64,
    u.id AS uuid,
    u.symbol AS symbol,
    u.name AS name,
    u.blockchain AS blockchain,
    b.name AS blockchain_name,
    u.address AS address,
    u.token_id AS token_id,
    u.token_standard AS token_standard,
    u.is_native AS is_native,
    u.decimals AS decimals,
    u.status AS status
FROM (
    SELECT i.id, i.name, i.decimals, i.status, t.symbol, t.blockchain, t.address, t.token_id, t.token_standard,
        false AS is_native FROM instruments i JOIN tokens t ON t.id = i.id
    UNION ALL SELECT i.id, i.name, i.decimals, i.status, n.symbol, n.blockchain, NULL::text, NULL::text, NULL::text,
        true FROM instruments i JOIN natives n ON n.id = i.id
) u
LEFT JOIN blockchains b ON b.blockchain = u.blockchain;

COMMENT ON VIEW reporting.tokens IS 'Tokens and native coins of blockchains; the same address on two chains is two tokens';

COMMENT ON COLUMN reporting.tokens.id IS 'Instrument id, 32 hex digits';

COMMENT ON COLUMN reporting.tokens.id64 IS '64-bit form of the id: its first 16 digits';

COMMENT ON COLUMN reporting.tokens.uuid IS 'The id as PostgreSQL''s uuid. A filter on it uses an index; digits without dashes will do';

COMMENT ON COLUMN reporting.tokens.symbol IS 'Symbol; many tokens may share one';

COMMENT ON COLUMN reporting.tokens.name IS 'Name';

COMMENT ON COLUMN reporting.tokens.blockchain IS 'CAIP-2 blockchain';

COMMENT ON COLUMN reporting.tokens.blockchain_name IS 'What people call the blockchain';

COMMENT ON COLUMN reporting.tokens.address IS 'Contract or mint address in its normal form; NULL for a native coin';

COMMENT ON COLUMN reporting.tokens.token_id IS 'Number inside the contract; NULL for fungible tokens';

COMMENT ON COLUMN reporting.tokens.token_standard IS 'Contract standard';

COMMENT ON COLUMN reporting.tokens.is_native IS 'True for the coin of the blockchain, which is at no address';

COMMENT ON COLUMN reporting.tokens.decimals IS 'Decimal places of the smallest unit; NULL when unknown or while feeds disagree';

COMMENT ON COLUMN reporting.tokens.status IS 'active, suspended or retired';

CREATE VIEW reporting.currencies AS SELECT
    replace(c.id::text, '-', '') AS id,
    left(replace(c.id::text, '-', ''), 16) AS id64,
    c.id AS uuid,
    c.iso_code AS iso_code,
    c.numeric_code AS numeric_code,
    i.name AS name,
    i.decimals AS decimals,
    c.country AS country,
    i.status AS status
FROM currencies c
JOIN instruments i ON i.id = c.id;

COMMENT ON VIEW reporting.currencies IS 'Currencies of ISO 4217';

COMMENT ON COLUMN reporting.currencies.id IS 'Instrument id, 32 hex digits';

COMMENT ON COLUMN reporting.currencies.id64 IS '64-bit form of the id: its first 16 digits';

COMMENT ON COLUMN reporting.currencies.uuid IS 'The id as PostgreSQL''s uuid. A filter on it uses an index; digits without dashes will do';

COMMENT ON COLUMN reporting.currencies.iso_code IS 'ISO 4217 alphabetic code';

COMMENT ON COLUMN reporting.currencies.numeric_code IS 'ISO 4217 numeric code; several may share one';

COMMENT ON COLUMN reporting.currencies.name IS 'Name';

COMMENT ON COLUMN reporting.currencies.decimals IS 'Decimal places of the smallest unit; NULL when unknown or while feeds disagree';

COMMENT ON COLUMN reporting.currencies.country IS 'Country, when it is the currency of one';

COMMENT ON COLUMN reporting.currencies.status IS 'active, suspended or retired';

CREATE VIEW reporting.venues AS SELECT
    replace(v.id::text, '-', '') AS id,
    left(replace(v.id::text, '-', ''), 16) AS id64,
    v.id AS uuid,
    v.mic AS mic,
    v.slug AS slug,
    v.name AS name,
    v.venue_type AS venue_type,
    v.operating_mic AS operating_mic,
    v.country AS country,
    v.city AS city,
    v.timezone AS timezone,
    v.website AS website,
    v.lei AS lei,
    v.session_open AS session_open,
    v.session_close AS session_close,
    v.clearing_house AS clearing_house,
    v.contract_types AS contract_types,
    v.exercise_styles AS exercise_styles,
    v.blockchains AS blockchains,
    v.status AS status
FROM venues v;

COMMENT ON VIEW reporting.venues IS 'Markets (by MIC) and crypto exchanges or brokers (by slug)';

COMMENT ON COLUMN reporting.venues.id IS 'Venue id, 32 hex digits';

COMMENT ON COLUMN reporting.venues.id64 IS '64-bit form of the id: its first 16 digits';

COMMENT ON COLUMN reporting.venues.uuid IS 'The id as PostgreSQL''s uuid. A filter on it uses an index; digits without dashes will do';

COMMENT ON COLUMN reporting.venues.mic IS 'Market Identifier Code, ISO 10383';

COMMENT ON COLUMN reporting.venues.slug IS 'Our name of an exchange or broker without a MIC here';

COMMENT ON COLUMN reporting.venues.name IS 'Name of the market or firm';

COMMENT ON COLUMN reporting.venues.venue_type IS 'Kind of place';

COMMENT ON COLUMN reporting.venues.operating_mic IS 'MIC of the operator, ISO 10383';

COMMENT ON COLUMN reporting.venues.country IS 'ISO 3166 alpha-2 country';

COMMENT ON COLUMN reporting.venues.city IS 'City';

COMMENT ON COLUMN reporting.venues.timezone IS 'IANA time zone of its sessions';

COMMENT ON COLUMN reporting.venues.website IS 'Website';

COMMENT ON COLUMN reporting.venues.lei IS 'LEI of the operator, ISO 17442';

COMMENT ON COLUMN reporting.venues.session_open IS 'Opening of a regular session, local time';

COMMENT ON COLUMN reporting.venues.session_close IS 'Close of a regular session, local time';

COMMENT ON COLUMN reporting.venues.clearing_house IS 'Who clears what trades there';

COMMENT ON COLUMN reporting.venues.contract_types IS 'Kinds of contracts, in the venue''s own words';

COMMENT ON COLUMN reporting.venues.exercise_styles IS 'Exercise styles of its options';

COMMENT ON COLUMN reporting.venues.blockchains IS 'CAIP-2 names of the blockchains that it supports';

COMMENT ON COLUMN reporting.venues.status IS 'active, suspended or retired';

CREATE VIEW reporting.listings AS SELECT
    replace(l.instrument_id::text, '-', '') AS instrument_id,
    CASE i.record WHEN 'token' THEN (SELECT own.symbol FROM tokens own WHERE own.id = i.id) WHEN 'native' THEN (SELECT own.symbol FROM natives own WHERE own.id = i.id) WHEN 'asset' THEN (SELECT own.symbol FROM assets own WHERE own.id = i.id) WHEN 'stock' THEN (SELECT own.ticker FROM equities own WHERE own.id = i.id) WHEN 'etf' THEN (SELECT own.ticker FROM equities own WHERE own.id = i.id) WHEN 'currency' THEN (SELECT own.iso_code FROM currencies own WHERE own.id = i.id) WHEN 'future' THEN (SELECT own.symbol FROM futures own WHERE own.id = i.id) WHEN 'option' THEN (SELECT own.symbol FROM options own WHERE own.id = i.id) WHEN 'synthetic' THEN (SELECT own.name FROM synthetics own WHERE own.id = i.id) END AS instrument_symbol,
    i.name AS instrument_name,
    l.instrument_id AS instrument_uuid,
    i.record AS record,
    e.isin AS isin,
    replace(l.venue_id::text, '-', '') AS venue_id,
    v.mic AS mic,
    v.slug AS slug,
    v.name AS venue_name,
    l.symbol AS symbol,
    l.currency AS currency,
    l.tick_size AS tick_size,
    l.lot_size AS lot_size,
    l.delist_at AS delist_at,
    l.is_home AS is_home,
    l.status AS status
FROM listings l
JOIN instruments i ON i.id = l.instrument_id
JOIN venues v ON v.id = l.venue_id
LEFT JOIN equities e ON e.id = l.instrument_id;

COMMENT ON VIEW reporting.listings IS 'Where an instrument trades and under which symbol, its home market included';

COMMENT ON COLUMN reporting.listings.instrument_id IS 'The instrument: instrument id';

COMMENT ON COLUMN reporting.listings.instrument_symbol IS 'Its symbol (instrument_id)';

COMMENT ON COLUMN reporting.listings.instrument_name IS 'Its name (instrument_id)';

COMMENT ON COLUMN reporting.listings.instrument_uuid IS 'The instrument id as uuid: a filter on it uses an index';

COMMENT ON COLUMN reporting.listings.record IS 'Type: token, stock, etf …';

COMMENT ON COLUMN reporting.listings.isin IS 'ISIN of the security, if known';

COMMENT ON COLUMN reporting.listings.venue_id IS 'The venue: venue id';

COMMENT ON COLUMN reporting.listings.mic IS 'Market Identifier Code, ISO 10383';

COMMENT ON COLUMN reporting.listings.slug IS 'Our name of an exchange or broker without a MIC here';

COMMENT ON COLUMN reporting.listings.venue_name IS 'Name of the market or firm';

COMMENT ON COLUMN reporting.listings.symbol IS 'Local symbol';

COMMENT ON COLUMN reporting.listings.currency IS 'Currency of the price here, ISO 4217';

COMMENT ON COLUMN reporting.listings.tick_size IS 'Smallest price step';

COMMENT ON COLUMN reporting.listings.lot_size IS 'Smallest quantity step';

COMMENT ON COLUMN reporting.listings.delist_at IS 'From when on it trades no more on this venue';

COMMENT ON COLUMN reporting.listings.is_home IS 'True on the home market: the row follows its instrument';

COMMENT ON COLUMN reporting.listings.status IS 'active, suspended or retired';

CREATE VIEW reporting.cross_listings AS SELECT
    s.isin AS isin,
    s.name AS security_name,
    replace(s.id::text, '-', '') AS security_id,
    replace(e.id::text, '-', '') AS instrument_id,
    e.ticker AS ticker,
    e.mic AS home_mic,
    replace(l.venue_id::text, '-', '') AS venue_id,
    v.mic AS mic,
    v.slug AS slug,
    v.name AS venue_name,
    l.symbol AS symbol,
    coalesce(l.currency, e.currency) AS currency,
    e.price_unit AS price_unit,
    l.is_home AS is_home,
    (SELECT count(DISTINCT o.venue_id) FROM equities n JOIN listings o ON o.instrument_id = n.id
        WHERE n.isin = s.isin AND o.status <> 'retired') AS venue_count,
    l.status AS status
FROM securities s
JOIN equities e ON e.isin = s.isin
JOIN listings l ON l.instrument_id = e.id
JOIN venues v ON v.id = l.venue_id;

COMMENT ON VIEW reporting.cross_listings IS 'Each ISIN with all its venues: one row per ISIN, line and listing';

COMMENT ON COLUMN reporting.cross_listings.isin IS 'ISIN, ISO 6166';

COMMENT ON COLUMN reporting.cross_listings.security_name IS 'Name of the issue';

COMMENT ON COLUMN reporting.cross_listings.security_id IS 'The security: security id';

COMMENT ON COLUMN reporting.cross_listings.instrument_id IS 'The line that is listed: instrument id';

COMMENT ON COLUMN reporting.cross_listings.ticker IS 'Ticker on the home market; NULL while another holds it';

COMMENT ON COLUMN reporting.cross_listings.home_mic IS 'MIC of the line''s home market, ISO 10383';

COMMENT ON COLUMN reporting.cross_listings.venue_id IS 'The venue: venue id';

COMMENT ON COLUMN reporting.cross_listings.mic IS 'Market Identifier Code, ISO 10383';

COMMENT ON COLUMN reporting.cross_listings.slug IS 'Our name of an exchange or broker without a MIC here';

COMMENT ON COLUMN reporting.cross_listings.venue_name IS 'Name of the market or firm';

COMMENT ON COLUMN reporting.cross_listings.symbol IS 'Local symbol';

COMMENT ON COLUMN reporting.cross_listings.currency IS 'Currency of the price here, ISO 4217';

COMMENT ON COLUMN reporting.cross_listings.price_unit IS 'GBX, ILA or ZAC when quoted in a hundredth of it';

COMMENT ON COLUMN reporting.cross_listings.is_home IS 'True on the home market: the row follows its instrument';

COMMENT ON COLUMN reporting.cross_listings.venue_count IS 'Venues on which the ISIN is listed; retired listings do not count';

COMMENT ON COLUMN reporting.cross_listings.status IS 'active, suspended or retired';

CREATE VIEW reporting.pools AS SELECT
    replace(p.id::text, '-', '') AS id,
    left(replace(p.id::text, '-', ''), 16) AS id64,
    p.id AS uuid,
    p.blockchain AS blockchain,
    b.name AS blockchain_name,
    p.address AS address,
    p.pool_id AS pool_id,
    p.name AS name,
    p.dex AS dex,
    p.pool_type AS pool_type,
    p.algorithm AS algorithm,
    ARRAY(SELECT replace(k.instrument_id::text, '-', '') FROM pool_tokens k WHERE k.id = p.id ORDER BY k.position) AS token_ids,
    ARRAY(SELECT CASE i.record WHEN 'token' THEN (SELECT own.symbol FROM tokens own WHERE own.id = i.id) WHEN 'native' THEN (SELECT own.symbol FROM natives own WHERE own.id = i.id) WHEN 'asset' THEN (SELECT own.symbol FROM assets own WHERE own.id = i.id) WHEN 'stock' THEN (SELECT own.ticker FROM equities own WHERE own.id = i.id) WHEN 'etf' THEN (SELECT own.ticker FROM equities own WHERE own.id = i.id) WHEN 'currency' THEN (SELECT own.iso_code FROM currencies own WHERE own.id = i.id) WHEN 'future' THEN (SELECT own.symbol FROM futures own WHERE own.id = i.id) WHEN 'option' THEN (SELECT own.symbol FROM options own WHERE own.id = i.id) WHEN 'synthetic' THEN (SELECT own.name FROM synthetics own WHERE own.id = i.id) END FROM pool_tokens k JOIN instruments i ON i.id = k.instrument_id WHERE k.id = p.id ORDER BY k.position) AS token_symbols,
    (SELECT array_agg(k.weight ORDER BY k.position) FILTER (WHERE k.weight IS NOT NULL)
        FROM pool_tokens k WHERE k.id = p.id) AS weights,
    p.fee AS fee,
    trim_scale(p.fee * 10000) AS fee_bps,
    p.is_dynamic_fee AS is_dynamic_fee,
    p.tick_spacing AS tick_spacing,
    p.hooks AS hooks,
    p.factory AS factory,
    p.status AS status
FROM pools p
LEFT JOIN blockchains b ON b.blockchain = p.blockchain;

COMMENT ON VIEW reporting.pools IS 'Pools of decentralised exchanges';

COMMENT ON COLUMN reporting.pools.id IS 'Pool id, 32 hex digits';

COMMENT ON COLUMN reporting.pools.id64 IS '64-bit form of the id: its first 16 digits';

COMMENT ON COLUMN reporting.pools.uuid IS 'The id as PostgreSQL''s uuid. A filter on it uses an index; digits without dashes will do';

COMMENT ON COLUMN reporting.pools.blockchain IS 'CAIP-2 blockchain';

COMMENT ON COLUMN reporting.pools.blockchain_name IS 'What people call the blockchain';

COMMENT ON COLUMN reporting.pools.address IS 'Contract address in its normal form';

COMMENT ON COLUMN reporting.pools.pool_id IS '0x and 64 hex digits: the pool inside a singleton contract';

COMMENT ON COLUMN reporting.pools.name IS 'Name';

COMMENT ON COLUMN reporting.pools.dex IS 'The exchange and version, such as uniswap_v3';

COMMENT ON COLUMN reporting.pools.pool_type IS 'How it makes its price';

COMMENT ON COLUMN reporting.pools.algorithm IS 'Name of a custom algorithm';

COMMENT ON COLUMN reporting.pools.token_ids IS 'Its tokens in the contract''s order: instrument ids';

COMMENT ON COLUMN reporting.pools.token_symbols IS 'Symbols of its tokens, in the order of token_ids';

COMMENT ON COLUMN reporting.pools.weights IS 'Weights of its tokens as fractions, in the order of token_ids; NULL for a pool without weights';

COMMENT ON COLUMN reporting.pools.fee IS 'Fee of a swap, exact fraction: 0.003 is 30 basis points';

COMMENT ON COLUMN reporting.pools.fee_bps IS 'Fee of a swap, basis points';

COMMENT ON COLUMN reporting.pools.is_dynamic_fee IS 'True when a hook sets the fee; there is none then';

COMMENT ON COLUMN reporting.pools.tick_spacing IS 'Ticks between usable prices';

COMMENT ON COLUMN reporting.pools.hooks IS 'Address of the hook contract; the zero address for none';

COMMENT ON COLUMN reporting.pools.factory IS 'Address of the contract that made the pool';

COMMENT ON COLUMN reporting.pools.status IS 'active, suspended or retired';

CREATE VIEW reporting.exchange_pairs AS SELECT
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
    p.status AS status
FROM pairs p
LEFT JOIN venues x ON x.slug = p.exchange
LEFT JOIN instruments i ON i.id = p.base_id
LEFT JOIN instruments q ON q.id = p.quote_id;

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

COMMENT ON COLUMN reporting.exchange_pairs.status IS 'active, suspended or retired';

CREATE VIEW reporting.derivatives AS SELECT
    replace(u.id::text, '-', '') AS id,
    left(replace(u.id::text, '-', ''), 16) AS id64,
    u.id AS uuid,
    u.record AS record,
    u.symbol AS symbol,
    u.name AS name,
    u.product AS product,
    u.mic AS mic,
    u.exchange AS exchange,
    coalesce(m.name, x.name) AS venue_name,
    u.segment AS segment,
    u.generation AS generation,
    u.is_perpetual AS is_perpetual,
    u.expiry_date AS expiry_date,
    u.first_trading_date AS first_trading_date,
    u.expires_at AS expires_at,
    u.option_kind AS option_kind,
    u.strike_price AS strike_price,
    u.exercise_style AS exercise_style,
    u.osi_root AS osi_root,
    replace(u.underlying_id::text, '-', '') AS underlying_id,
    CASE o.record WHEN 'token' THEN (SELECT own.symbol FROM tokens own WHERE own.id = o.id) WHEN 'native' THEN (SELECT own.symbol FROM natives own WHERE own.id = o.id) WHEN 'asset' THEN (SELECT own.symbol FROM assets own WHERE own.id = o.id) WHEN 'stock' THEN (SELECT own.ticker FROM equities own WHERE own.id = o.id) WHEN 'etf' THEN (SELECT own.ticker FROM equities own WHERE own.id = o.id) WHEN 'currency' THEN (SELECT own.iso_code FROM currencies own WHERE own.id = o.id) WHEN 'future' THEN (SELECT own.symbol FROM futures own WHERE own.id = o.id) WHEN 'option' THEN (SELECT own.symbol FROM options own WHERE own.id = o.id) WHEN 'synthetic' THEN (SELECT own.name FROM synthetics own WHERE own.id = o.id) END AS underlying_symbol,
    o.name AS underlying_name,
    replace(u.quote_id::text, '-', '') AS quote_id,
    CASE q.record WHEN 'token' THEN (SELECT own.symbol FROM tokens own WHERE own.id = q.id) WHEN 'native' THEN (SELECT own.symbol FROM natives own WHERE own.id = q.id) WHEN 'asset' THEN (SELECT own.symbol FROM assets own WHERE own.id = q.id) WHEN 'stock' THEN (SELECT own.ticker FROM equities own WHERE own.id = q.id) WHEN 'etf' THEN (SELECT own.ticker FROM equities own WHERE own.id = q.id) WHEN 'currency' THEN (SELECT own.iso_code FROM currencies own WHERE own.id = q.id) WHEN 'future' THEN (SELECT own.symbol FROM futures own WHERE own.id = q.id) WHEN 'option' THEN (SELECT own.symbol FROM options own WHERE own.id = q.id) WHEN 'synthetic' THEN (SELECT own.name FROM synthetics own WHERE own.id = q.id) END AS quote_symbol,
    replace(u.settlement_id::text, '-', '') AS settlement_id,
    CASE z.record WHEN 'token' THEN (SELECT own.symbol FROM tokens own WHERE own.id = z.id) WHEN 'native' THEN (SELECT own.symbol FROM natives own WHERE own.id = z.id) WHEN 'asset' THEN (SELECT own.symbol FROM assets own WHERE own.id = z.id) WHEN 'stock' THEN (SELECT own.ticker FROM equities own WHERE own.id = z.id) WHEN 'etf' THEN (SELECT own.ticker FROM equities own WHERE own.id = z.id) WHEN 'currency' THEN (SELECT own.iso_code FROM currencies own WHERE own.id = z.id) WHEN 'future' THEN (SELECT own.symbol FROM futures own WHERE own.id = z.id) WHEN 'option' THEN (SELECT own.symbol FROM options own WHERE own.id = z.id) WHEN 'synthetic' THEN (SELECT own.name FROM synthetics own WHERE own.id = z.id) END AS settlement_symbol,
    replace(u.margin_id::text, '-', '') AS margin_id,
    CASE g.record WHEN 'token' THEN (SELECT own.symbol FROM tokens own WHERE own.id = g.id) WHEN 'native' THEN (SELECT own.symbol FROM natives own WHERE own.id = g.id) WHEN 'asset' THEN (SELECT own.symbol FROM assets own WHERE own.id = g.id) WHEN 'stock' THEN (SELECT own.ticker FROM equities own WHERE own.id = g.id) WHEN 'etf' THEN (SELECT own.ticker FROM equities own WHERE own.id = g.id) WHEN 'currency' THEN (SELECT own.iso_code FROM currencies own WHERE own.id = g.id) WHEN 'future' THEN (SELECT own.symbol FROM futures own WHERE own.id = g.id) WHEN 'option' THEN (SELECT own.symbol FROM options own WHERE own.id = g.id) WHEN 'synthetic' THEN (SELECT own.name FROM synthetics own WHERE own.id = g.id) END AS margin_symbol,
    u.currency AS currency,
    u.contract_multiplier AS contract_multiplier,
    u.is_inverse AS is_inverse,
    u.settlement_type AS settlement_type,
    u.is_adjusted AS is_adjusted,
    u.deliverable AS deliverable,
    u.tick_size AS tick_size,
    u.lot_size AS lot_size,
    u.min_quantity AS min_quantity,
    u.max_quantity AS max_quantity,
    u.min_price AS min_price,
    u.max_price AS max_price,
    u.min_notional AS min_notional,
    u.maker_fee_bps AS maker_fee_bps,
    u.taker_fee_bps AS taker_fee_bps,
    u.delist_at AS delist_at,
    u.venue_status AS venue_status,
    u.status AS status
FROM (
    SELECT i.record, i.name, i.status, f.id, f.mic, f.exchange, f.segment, f.symbol, f.generation, f.product,
        f.underlying_id, f.quote_id, f.settlement_id, f.margin_id, f.currency, f.contract_multiplier,
        f.tick_size, f.lot_size, f.min_quantity, f.max_quantity, f.min_price, f.max_price, f.min_notional,
        f.maker_fee_bps, f.taker_fee_bps, f.settlement_type, f.first_trading_date, f.expires_at, f.delist_at,
        f.venue_status, f.last_trading_date AS expiry_date, f.last_trading_date IS NULL AS is_perpetual,
        f.is_inverse, NULL::text AS osi_root, NULL::text AS option_kind, NULL::numeric AS strike_price,
        NULL::text AS exercise_style, NULL::boolean AS is_adjusted, NULL::text AS deliverable FROM futures f
        JOIN instruments i ON i.id = f.id
    UNION ALL SELECT i.record, i.name, i.status, f.id, f.mic, f.exchange, f.segment, f.symbol, f.generation, f.product,
        f.underlying_id, f.quote_id, f.settlement_id, f.margin_id, f.currency, f.contract_multiplier,
        f.tick_size, f.lot_size, f.min_quantity, f.max_quantity, f.min_price, f.max_price, f.min_notional,
        f.maker_fee_bps, f.taker_fee_bps, f.settlement_type, f.first_trading_date, f.expires_at, f.delist_at,
        f.venue_status, f.expiry_date, false, NULL::boolean, f.osi_root, f.option_kind, f.strike_price,
        f.exercise_style, f.is_adjusted, f.deliverable FROM options f JOIN instruments i ON i.id = f.id
) u
LEFT JOIN venues m ON m.mic = u.mic
LEFT JOIN venues x ON x.slug = u.exchange
LEFT JOIN instruments o ON o.id = u.underlying_id
LEFT JOIN instruments q ON q.id = u.quote_id
LEFT JOIN instruments z ON z.id = u.settlement_id
LEFT JOIN instruments g ON g.id = u.margin_id;

COMMENT ON VIEW reporting.derivatives IS 'Futures, perpetuals and options';

COMMENT ON COLUMN reporting.derivatives.id IS 'Instrument id, 32 hex digits';

COMMENT ON COLUMN reporting.derivatives.id64 IS '64-bit form of the id: its first 16 digits';

COMMENT ON COLUMN reporting.derivatives.uuid IS 'The id as PostgreSQL''s uuid. A filter on it uses an index; digits without dashes will do';

COMMENT ON COLUMN reporting.derivatives.record IS 'Type: future (a perpetual too) or option';

COMMENT ON COLUMN reporting.derivatives.symbol IS 'The exchange''s own symbol; the OSI symbol of OCC options';

COMMENT ON COLUMN reporting.derivatives.name IS 'Name';

COMMENT ON COLUMN reporting.derivatives.product IS 'The exchange''s root code, such as ES';

COMMENT ON COLUMN reporting.derivatives.mic IS 'MIC of the exchange that lists it';

COMMENT ON COLUMN reporting.derivatives.exchange IS 'Slug of the exchange';

COMMENT ON COLUMN reporting.derivatives.venue_name IS 'Name of the market or exchange';

COMMENT ON COLUMN reporting.derivatives.segment IS 'Part of the exchange, such as usdm';

COMMENT ON COLUMN reporting.derivatives.generation IS '2, 3 … for a later holder of a reused symbol';

COMMENT ON COLUMN reporting.derivatives.is_perpetual IS 'True for a future without an expiry';

COMMENT ON COLUMN reporting.derivatives.expiry_date IS 'Expiry of an option, last trading date of a future, venue''s calendar';

COMMENT ON COLUMN reporting.derivatives.first_trading_date IS 'First day of trading, venue''s calendar';

COMMENT ON COLUMN reporting.derivatives.expires_at IS 'The exact moment of expiration, if known';

COMMENT ON COLUMN reporting.derivatives.option_kind IS 'call or put';

COMMENT ON COLUMN reporting.derivatives.strike_price IS 'Strike price';

COMMENT ON COLUMN reporting.derivatives.exercise_style IS 'american, european or bermudan';

COMMENT ON COLUMN reporting.derivatives.osi_root IS 'Root of the OSI symbol, of options cleared by OCC';

COMMENT ON COLUMN reporting.derivatives.underlying_id IS 'What the contract is on: instrument id';

COMMENT ON COLUMN reporting.derivatives.underlying_symbol IS 'Its symbol (underlying_id)';

COMMENT ON COLUMN reporting.derivatives.underlying_name IS 'Its name (underlying_id)';

COMMENT ON COLUMN reporting.derivatives.quote_id IS 'Asset that prices are in: instrument id';

COMMENT ON COLUMN reporting.derivatives.quote_symbol IS 'Its symbol (quote_id)';

COMMENT ON COLUMN reporting.derivatives.settlement_id IS 'Asset that it settles in: instrument id';

COMMENT ON COLUMN reporting.derivatives.settlement_symbol IS 'Its symbol (settlement_id)';

COMMENT ON COLUMN reporting.derivatives.margin_id IS 'Asset that margin is paid in: instrument id';

COMMENT ON COLUMN reporting.derivatives.margin_symbol IS 'Its symbol (margin_id)';

COMMENT ON COLUMN reporting.derivatives.currency IS 'Currency of the price, ISO 4217';

COMMENT ON COLUMN reporting.derivatives.contract_multiplier IS 'How much of the underlying one contract is; NULL when unknown or while feeds disagree';

COMMENT ON COLUMN reporting.derivatives.is_inverse IS 'True when settled in what it is on';

COMMENT ON COLUMN reporting.derivatives.settlement_type IS 'cash or physical';

COMMENT ON COLUMN reporting.derivatives.is_adjusted IS 'True when a corporate action changed what it delivers';

COMMENT ON COLUMN reporting.derivatives.deliverable IS 'What one contract delivers, in words';

COMMENT ON COLUMN reporting.derivatives.tick_size IS 'Smallest price step';

COMMENT ON COLUMN reporting.derivatives.lot_size IS 'Smallest quantity step, in contracts';

COMMENT ON COLUMN reporting.derivatives.min_quantity IS 'Smallest order, in contracts';

COMMENT ON COLUMN reporting.derivatives.max_quantity IS 'Largest order, in contracts';

COMMENT ON COLUMN reporting.derivatives.min_price IS 'Lowest price';

COMMENT ON COLUMN reporting.derivatives.max_price IS 'Highest price';

COMMENT ON COLUMN reporting.derivatives.min_notional IS 'Smallest order value';

COMMENT ON COLUMN reporting.derivatives.maker_fee_bps IS 'Fee of a resting order, basis points';

COMMENT ON COLUMN reporting.derivatives.taker_fee_bps IS 'Fee of an order that takes, basis points';

COMMENT ON COLUMN reporting.derivatives.delist_at IS 'From when on it trades no more';

COMMENT ON COLUMN reporting.derivatives.venue_status IS 'The exchange''s own word for the status';

COMMENT ON COLUMN reporting.derivatives.status IS 'active, suspended or retired';

CREATE VIEW reporting.synthetics AS SELECT
    replace(y.id::text, '-', '') AS id,
    left(replace(y.id::text, '-', ''), 16) AS id64,
    y.id AS uuid,
    y.name AS name,
    y.formula AS formula,
    ARRAY(SELECT c.variable FROM synthetic_components c WHERE c.id = y.id ORDER BY c.position) AS variables,
    ARRAY(SELECT CASE WHEN c.instrument_id IS NOT NULL THEN 'instrument' WHEN c.pair_id IS NOT NULL THEN 'pair'
        ELSE 'pool' END FROM synthetic_components c WHERE c.id = y.id ORDER BY c.position) AS component_kinds,
    ARRAY(SELECT replace(coalesce(c.instrument_id, c.pair_id, c.pool_id)::text, '-', '') FROM synthetic_components c WHERE c.id = y.id ORDER BY c.position) AS component_ids,
    ARRAY(SELECT c.measure FROM synthetic_components c WHERE c.id = y.id ORDER BY c.position) AS measures,
    y.update_interval_ns AS update_interval_ns,
    y.min_value AS min_value,
    y.max_value AS max_value,
    y.outlier_threshold AS outlier_threshold,
    y.stale_after_ns AS stale_after_ns,
    i.status AS status
FROM synthetics y
JOIN instruments i ON i.id = y.id;

COMMENT ON VIEW reporting.synthetics IS 'Instruments that are a formula over others; only defined here, never evaluated';

COMMENT ON COLUMN reporting.synthetics.id IS 'Instrument id, 32 hex digits';

COMMENT ON COLUMN reporting.synthetics.id64 IS '64-bit form of the id: its first 16 digits';

COMMENT ON COLUMN reporting.synthetics.uuid IS 'The id as PostgreSQL''s uuid. A filter on it uses an index; digits without dashes will do';

COMMENT ON COLUMN reporting.synthetics.name IS 'Its name, which identifies it';

COMMENT ON COLUMN reporting.synthetics.formula IS 'The formula in its canonical spelling';

COMMENT ON COLUMN reporting.synthetics.variables IS 'Names in the formula, in the order of the components';

COMMENT ON COLUMN reporting.synthetics.component_kinds IS 'What each of them is: instrument, pair or pool';

COMMENT ON COLUMN reporting.synthetics.component_ids IS 'Id of each of them, 32 hex digits';

COMMENT ON COLUMN reporting.synthetics.measures IS 'What is taken of each of them: price or days_to_expiry';

COMMENT ON COLUMN reporting.synthetics.update_interval_ns IS 'Nanoseconds between two evaluations';

COMMENT ON COLUMN reporting.synthetics.min_value IS 'The lowest value that can be believed';

COMMENT ON COLUMN reporting.synthetics.max_value IS 'The highest value that can be believed';

COMMENT ON COLUMN reporting.synthetics.outlier_threshold IS 'Standard deviations that make an outlier';

COMMENT ON COLUMN reporting.synthetics.stale_after_ns IS 'Greatest age of a price, nanoseconds';

COMMENT ON COLUMN reporting.synthetics.status IS 'active, suspended or retired';

CREATE VIEW reporting.broker_contracts AS SELECT
    replace(k.id::text, '-', '') AS id,
    left(replace(k.id::text, '-', ''), 16) AS id64,
    k.id AS uuid,
    k.broker AS broker,
    x.name AS broker_name,
    k.symbol AS symbol,
    k.generation AS generation,
    k.name AS name,
    replace(k.instrument_id::text, '-', '') AS instrument_id,
    CASE i.record WHEN 'token' THEN (SELECT own.symbol FROM tokens own WHERE own.id = i.id) WHEN 'native' THEN (SELECT own.symbol FROM natives own WHERE own.id = i.id) WHEN 'asset' THEN (SELECT own.symbol FROM assets own WHERE own.id = i.id) WHEN 'stock' THEN (SELECT own.ticker FROM equities own WHERE own.id = i.id) WHEN 'etf' THEN (SELECT own.ticker FROM equities own WHERE own.id = i.id) WHEN 'currency' THEN (SELECT own.iso_code FROM currencies own WHERE own.id = i.id) WHEN 'future' THEN (SELECT own.symbol FROM futures own WHERE own.id = i.id) WHEN 'option' THEN (SELECT own.symbol FROM options own WHERE own.id = i.id) WHEN 'synthetic' THEN (SELECT own.name FROM synthetics own WHERE own.id = i.id) END AS instrument_symbol,
    i.name AS instrument_name,
    k.mic AS mic,
    m.name AS venue_name,
    k.timezone AS timezone,
    k.session_open AS session_open,
    k.session_close AS session_close,
    k.pre_market_open AS pre_market_open,
    k.pre_market_close AS pre_market_close,
    k.after_hours_open AS after_hours_open,
    k.after_hours_close AS after_hours_close,
    k.shares_outstanding AS shares_outstanding,
    k.dividend_yield AS dividend_yield,
    k.contract_multiplier AS contract_multiplier,
    k.tick_value AS tick_value,
    k.settlement_type AS settlement_type,
    k.premium_multiplier AS premium_multiplier,
    k.margin_currency AS margin_currency,
    k.initial_margin AS initial_margin,
    k.maintenance_margin AS maintenance_margin,
    k.long_margin_rate AS long_margin_rate,
    k.short_margin_rate AS short_margin_rate,
    k.tick_size AS tick_size,
    k.lot_size AS lot_size,
    k.min_quantity AS min_quantity,
    k.is_tradable AS is_tradable,
    k.is_marginable AS is_marginable,
    k.is_shortable AS is_shortable,
    k.is_easy_to_borrow AS is_easy_to_borrow,
    k.is_fractionable AS is_fractionable,
    k.venue_status AS venue_status,
    k.delist_at AS delist_at,
    k.status AS status
FROM broker_contracts k
LEFT JOIN venues x ON x.slug = k.broker
LEFT JOIN venues m ON m.mic = k.mic
LEFT JOIN instruments i ON i.id = k.instrument_id;

COMMENT ON VIEW reporting.broker_contracts IS 'Instruments as brokers offer them';

COMMENT ON COLUMN reporting.broker_contracts.id IS 'Broker contract id, 32 hex digits';

COMMENT ON COLUMN reporting.broker_contracts.id64 IS '64-bit form of the id: its first 16 digits';

COMMENT ON COLUMN reporting.broker_contracts.uuid IS 'The id as PostgreSQL''s uuid. A filter on it uses an index; digits without dashes will do';

COMMENT ON COLUMN reporting.broker_contracts.broker IS 'Slug of the broker';

COMMENT ON COLUMN reporting.broker_contracts.broker_name IS 'Name of the broker';

COMMENT ON COLUMN reporting.broker_contracts.symbol IS 'The broker''s own symbol';

COMMENT ON COLUMN reporting.broker_contracts.generation IS '2, 3 … for a later holder of a reused symbol';

COMMENT ON COLUMN reporting.broker_contracts.name IS 'Name';

COMMENT ON COLUMN reporting.broker_contracts.instrument_id IS 'What it is: instrument id';

COMMENT ON COLUMN reporting.broker_contracts.instrument_symbol IS 'Its symbol (instrument_id)';

COMMENT ON COLUMN reporting.broker_contracts.instrument_name IS 'Its name (instrument_id)';

COMMENT ON COLUMN reporting.broker_contracts.mic IS 'Market that the broker routes to';

COMMENT ON COLUMN reporting.broker_contracts.venue_name IS 'Name of the market that the broker routes to';

COMMENT ON COLUMN reporting.broker_contracts.timezone IS 'IANA time zone of the session times';

COMMENT ON COLUMN reporting.broker_contracts.session_open IS 'Opening of a regular session, local time';

COMMENT ON COLUMN reporting.broker_contracts.session_close IS 'Close; before the opening when on the next day';

COMMENT ON COLUMN reporting.broker_contracts.pre_market_open IS 'Beginning of trading before the session';

COMMENT ON COLUMN reporting.broker_contracts.pre_market_close IS 'End of trading before the session';

COMMENT ON COLUMN reporting.broker_contracts.after_hours_open IS 'Beginning of trading after the session';

COMMENT ON COLUMN reporting.broker_contracts.after_hours_close IS 'End of trading after the session';

COMMENT ON COLUMN reporting.broker_contracts.shares_outstanding IS 'Shares in existence, of a stock';

COMMENT ON COLUMN reporting.broker_contracts.dividend_yield IS 'Yearly dividends over price, of a stock, fraction';

COMMENT ON COLUMN reporting.broker_contracts.contract_multiplier IS 'How much of the underlying one contract is; NULL when unknown or while feeds disagree';

COMMENT ON COLUMN reporting.broker_contracts.tick_value IS 'Worth of one tick of one contract, of a future';

COMMENT ON COLUMN reporting.broker_contracts.settlement_type IS 'cash or physical, of a future';

COMMENT ON COLUMN reporting.broker_contracts.premium_multiplier IS 'What an option''s premium is multiplied with';

COMMENT ON COLUMN reporting.broker_contracts.margin_currency IS 'Currency of the margins, ISO 4217';

COMMENT ON COLUMN reporting.broker_contracts.initial_margin IS 'Margin to open one contract';

COMMENT ON COLUMN reporting.broker_contracts.maintenance_margin IS 'Margin to keep one contract';

COMMENT ON COLUMN reporting.broker_contracts.long_margin_rate IS 'Margin of a long position, fraction of its value';

COMMENT ON COLUMN reporting.broker_contracts.short_margin_rate IS 'Margin of a short position, fraction';

COMMENT ON COLUMN reporting.broker_contracts.tick_size IS 'Smallest price step';

COMMENT ON COLUMN reporting.broker_contracts.lot_size IS 'Smallest quantity step';

COMMENT ON COLUMN reporting.broker_contracts.min_quantity IS 'Smallest order';

COMMENT ON COLUMN reporting.broker_contracts.is_tradable IS 'Whether it can be traded now';

COMMENT ON COLUMN reporting.broker_contracts.is_marginable IS 'Whether it can be bought on margin';

COMMENT ON COLUMN reporting.broker_contracts.is_shortable IS 'Whether it can be sold short';

COMMENT ON COLUMN reporting.broker_contracts.is_easy_to_borrow IS 'Whether it can be borrowed without asking';

COMMENT ON COLUMN reporting.broker_contracts.is_fractionable IS 'Whether parts of one unit can be traded';

COMMENT ON COLUMN reporting.broker_contracts.venue_status IS 'The broker''s own word for the status';

COMMENT ON COLUMN reporting.broker_contracts.delist_at IS 'From when on the broker offers it no more';

COMMENT ON COLUMN reporting.broker_contracts.status IS 'active, suspended or retired';

CREATE VIEW reporting.event_types AS SELECT
    t.number AS number,
    replace(t.id::text, '-', '') AS id,
    t.name AS name,
    t.version AS version,
    t.event_source AS event_source,
    t.blockchain AS blockchain,
    b.name AS blockchain_name,
    t.protocol AS protocol,
    t.exchange AS exchange,
    t.stream_type AS stream_type,
    t.broker AS broker,
    t.feed_type AS feed_type,
    t.component AS component,
    t.event_class AS event_class,
    t.priority AS priority,
    t.id_bits AS id_bits,
    t.size_hint AS size_hint,
    (SELECT count(*) FROM event_fields f WHERE f.id = t.id) AS field_count,
    (SELECT jsonb_agg(jsonb_strip_nulls(jsonb_build_object('name', f.name, 'field_type', f.field_type, 'byte_offset', f.byte_offset, 'is_required', f.is_required, 'max_length', f.max_length, 'element_type', f.element_type)) ORDER BY f.position)
        FROM event_fields f WHERE f.id = t.id) AS fields,
    t.status AS status
FROM event_types t
LEFT JOIN blockchains b ON b.blockchain = t.blockchain;

COMMENT ON VIEW reporting.event_types IS 'Schemas of binary events, one row per name and version';

COMMENT ON COLUMN reporting.event_types.number IS 'The id as it is shown: its first 4 bytes as u32, little-endian';

COMMENT ON COLUMN reporting.event_types.id IS 'Event type id, 32 hex digits';

COMMENT ON COLUMN reporting.event_types.name IS 'Name of the event';

COMMENT ON COLUMN reporting.event_types.version IS '1, 2, 3 …';

COMMENT ON COLUMN reporting.event_types.event_source IS 'defi, cex, tradfi or internal';

COMMENT ON COLUMN reporting.event_types.blockchain IS 'CAIP-2 blockchain of a defi event';

COMMENT ON COLUMN reporting.event_types.blockchain_name IS 'What people call the blockchain';

COMMENT ON COLUMN reporting.event_types.protocol IS 'Protocol of a defi event, such as uniswap_v3';

COMMENT ON COLUMN reporting.event_types.exchange IS 'Exchange of a cex event';

COMMENT ON COLUMN reporting.event_types.stream_type IS 'Stream of a cex event, such as trade';

COMMENT ON COLUMN reporting.event_types.broker IS 'Broker of a tradfi event';

COMMENT ON COLUMN reporting.event_types.feed_type IS 'Feed of a tradfi event, such as quotes';

COMMENT ON COLUMN reporting.event_types.component IS 'Component that makes an internal event';

COMMENT ON COLUMN reporting.event_types.event_class IS 'Class of an internal event, such as alert';

COMMENT ON COLUMN reporting.event_types.priority IS 'How soon it is to be processed';

COMMENT ON COLUMN reporting.event_types.id_bits IS 'Width of the ids in the event';

COMMENT ON COLUMN reporting.event_types.size_hint IS 'Bytes of an event of fixed size';

COMMENT ON COLUMN reporting.event_types.field_count IS 'Number of its fields';

COMMENT ON COLUMN reporting.event_types.fields IS 'Its fields in order, each an object: name, field_type, byte_offset, is_required …';

COMMENT ON COLUMN reporting.event_types.status IS 'active, suspended or retired';

CREATE VIEW reporting.changes AS SELECT
    h.sequence AS sequence,
    CASE h.kind WHEN 1 THEN 'instrument' WHEN 2 THEN 'security' WHEN 3 THEN 'venue' WHEN 4 THEN 'pool' WHEN 5 THEN 'pair' WHEN 6 THEN 'broker-contract' WHEN 7 THEN 'event-type' WHEN 8 THEN 'listing' END AS kind,
    h.record AS record,
    CASE WHEN h.kind <> 8 THEN replace(h.record_id::text, '-', '') END AS record_id,
    replace(l.instrument_id::text, '-', '') || '@' || replace(l.venue_id::text, '-', '') || coalesce(':' || l.symbol, '') AS listing,
    h.action AS action,
    h.changed_at AS changed_at,
    h.actor AS actor,
    h.reason AS reason,
    h.run_id AS run_id,
    h.difference AS difference
FROM changes h
LEFT JOIN listings l ON h.kind = 8 AND l.id = h.record_id;

COMMENT ON VIEW reporting.changes IS 'Every change of every record, in the order of commit, without gaps';

COMMENT ON COLUMN reporting.changes.sequence IS '1, 2, 3 … no gaps';

COMMENT ON COLUMN reporting.changes.kind IS 'Kind of the id: instrument, security, venue …';

COMMENT ON COLUMN reporting.changes.record IS 'Type of the record';

COMMENT ON COLUMN reporting.changes.record_id IS 'Id of the record, 32 hex digits; NULL for a listing';

COMMENT ON COLUMN reporting.changes.listing IS 'Key of a listing, which has no id: INSTRUMENT@VENUE:SYMBOL';

COMMENT ON COLUMN reporting.changes.action IS 'What happened';

COMMENT ON COLUMN reporting.changes.changed_at IS 'When; rises with the sequence from commit to commit';

COMMENT ON COLUMN reporting.changes.actor IS 'Who did it';

COMMENT ON COLUMN reporting.changes.reason IS 'Why';

COMMENT ON COLUMN reporting.changes.run_id IS 'The import run it belongs to';

COMMENT ON COLUMN reporting.changes.difference IS 'Changed fields as [before, after]; NULL for a registration';

CREATE VIEW reporting.successions AS SELECT
    CASE n.kind WHEN 1 THEN 'instrument' WHEN 2 THEN 'security' WHEN 3 THEN 'venue' WHEN 4 THEN 'pool' WHEN 5 THEN 'pair' WHEN 6 THEN 'broker-contract' WHEN 7 THEN 'event-type' WHEN 8 THEN 'listing' END AS kind,
    replace(n.predecessor_id::text, '-', '') AS predecessor_id,
    replace(n.successor_id::text, '-', '') AS successor_id,
    n.succession_kind AS succession_kind,
    n.ratio AS ratio,
    n.effective_at AS effective_at,
    n.is_in_effect AS is_in_effect,
    n.actor AS actor,
    n.reason AS reason,
    n.recorded_at AS recorded_at
FROM successions n;

COMMENT ON VIEW reporting.successions IS 'Which record follows which; many may follow one, and one may follow many';

COMMENT ON COLUMN reporting.successions.kind IS 'Kind of the id: instrument, security, venue …';

COMMENT ON COLUMN reporting.successions.predecessor_id IS 'What was there before: its id, 32 hex digits';

COMMENT ON COLUMN reporting.successions.successor_id IS 'What is there instead: its id, 32 hex digits';

COMMENT ON COLUMN reporting.successions.succession_kind IS 'learnt, corrected, isin_change …';

COMMENT ON COLUMN reporting.successions.ratio IS 'Units of the successor for one of the predecessor';

COMMENT ON COLUMN reporting.successions.effective_at IS 'From when on';

COMMENT ON COLUMN reporting.successions.is_in_effect IS 'Whether it has been applied to the records';

COMMENT ON COLUMN reporting.successions.actor IS 'Who said so';

COMMENT ON COLUMN reporting.successions.reason IS 'Why';

COMMENT ON COLUMN reporting.successions.recorded_at IS 'When it was recorded';

CREATE VIEW reporting.disputes AS SELECT
    d.number AS number,
    d.rule AS rule,
    CASE d.kind WHEN 1 THEN 'instrument' WHEN 2 THEN 'security' WHEN 3 THEN 'venue' WHEN 4 THEN 'pool' WHEN 5 THEN 'pair' WHEN 6 THEN 'broker-contract' WHEN 7 THEN 'event-type' WHEN 8 THEN 'listing' END AS kind,
    CASE WHEN d.kind <> 8 THEN replace(d.subject_id::text, '-', '') END AS subject_id,
    replace(l.instrument_id::text, '-', '') || '@' || replace(l.venue_id::text, '-', '') || coalesce(':' || l.symbol, '') AS listing,
    d.field AS field,
    d.sides AS sides,
    d.state AS state,
    d.opened_at AS opened_at,
    d.run_id AS run_id,
    d.decided_at AS decided_at,
    d.decided_by AS decided_by,
    d.reason AS reason,
    d.chosen AS chosen
FROM disputes d
LEFT JOIN listings l ON d.kind = 8 AND l.id = d.subject_id;

COMMENT ON VIEW reporting.disputes IS 'What awaits an operator''s decision, with both sides, and what was decided';

COMMENT ON COLUMN reporting.disputes.number IS 'Number of the dispute';

COMMENT ON COLUMN reporting.disputes.rule IS 'The rule that opened it, such as line_conflict';

COMMENT ON COLUMN reporting.disputes.kind IS 'Kind of the id: instrument, security, venue …';

COMMENT ON COLUMN reporting.disputes.subject_id IS 'Id that the dispute is about, registered or not, 32 hex digits; NULL for a listing';

COMMENT ON COLUMN reporting.disputes.listing IS 'Key of a listing, which has no id: INSTRUMENT@VENUE:SYMBOL';

COMMENT ON COLUMN reporting.disputes.field IS 'The disputed field, when it is one';

COMMENT ON COLUMN reporting.disputes.sides IS 'What each side says, and which feed says it';

COMMENT ON COLUMN reporting.disputes.state IS 'open, accepted or rejected';

COMMENT ON COLUMN reporting.disputes.opened_at IS 'When it was opened';

COMMENT ON COLUMN reporting.disputes.run_id IS 'The import run that opened it';

COMMENT ON COLUMN reporting.disputes.decided_at IS 'When it was decided';

COMMENT ON COLUMN reporting.disputes.decided_by IS 'Who decided';

COMMENT ON COLUMN reporting.disputes.reason IS 'Why it was decided so';

COMMENT ON COLUMN reporting.disputes.chosen IS 'The side that was accepted';

CREATE VIEW reporting.import_runs AS SELECT
    r.run_id AS run_id,
    r.source AS source,
    f.name AS feed,
    r.file_name AS file_name,
    encode(r.payload_hash, 'hex') AS payload_hash,
    r.observed_at AS observed_at,
    r.actor AS actor,
    r.state AS state,
    r.started_at AS started_at,
    r.finished_at AS finished_at,
    (r.report ->> 'seen')::bigint AS seen,
    (r.report ->> 'registered')::bigint AS registered,
    (r.report ->> 'updated')::bigint AS updated,
    (r.report ->> 'unchanged')::bigint AS unchanged,
    (r.report ->> 'rejected')::bigint AS rejected,
    (r.report ->> 'conflicts')::bigint AS conflicts,
    (r.report ->> 'collisions')::bigint AS collisions,
    (r.report ->> 'disputes')::bigint AS disputes,
    r.report -> 'by_record' AS by_record,
    r.failure AS failure
FROM import_runs r
JOIN feeds f ON f.feed_id = r.feed_id;

COMMENT ON VIEW reporting.import_runs IS 'Runs of importers: one row per payload given to one';

COMMENT ON COLUMN reporting.import_runs.run_id IS 'Number of the run';

COMMENT ON COLUMN reporting.import_runs.source IS 'Source whose importer read the payload';

COMMENT ON COLUMN reporting.import_runs.feed IS 'Feed that spoke: its name within the source';

COMMENT ON COLUMN reporting.import_runs.file_name IS 'Name of the file, or - for standard input';

COMMENT ON COLUMN reporting.import_runs.payload_hash IS 'BLAKE3 of the payload, 64 hex digits';

COMMENT ON COLUMN reporting.import_runs.observed_at IS 'Time for which the payload speaks';

COMMENT ON COLUMN reporting.import_runs.actor IS 'Who started it';

COMMENT ON COLUMN reporting.import_runs.state IS 'running, done or failed';

COMMENT ON COLUMN reporting.import_runs.started_at IS 'When it started';

COMMENT ON COLUMN reporting.import_runs.finished_at IS 'When it ended';

COMMENT ON COLUMN reporting.import_runs.seen IS 'Distinct records that the payload describes; NULL while it runs';

COMMENT ON COLUMN reporting.import_runs.registered IS 'Records that were new; NULL while it runs';

COMMENT ON COLUMN reporting.import_runs.updated IS 'Records that changed; NULL while it runs';

COMMENT ON COLUMN reporting.import_runs.unchanged IS 'Records that were known already; NULL while it runs';

COMMENT ON COLUMN reporting.import_runs.rejected IS 'Rows that could not become records; NULL while it runs';

COMMENT ON COLUMN reporting.import_runs.conflicts IS 'Records held back because they contradict others; NULL while it runs';

COMMENT ON COLUMN reporting.import_runs.collisions IS 'Records refused because their id belongs to another identity; NULL while it runs';

COMMENT ON COLUMN reporting.import_runs.disputes IS 'Disputes that the run opened; NULL while it runs';

COMMENT ON COLUMN reporting.import_runs.by_record IS 'The same counts for each record type';

COMMENT ON COLUMN reporting.import_runs.failure IS 'Why it failed'
"""

NEW_VIEWS = (
    "instruments",
    "securities",
    "tokens",
    "currencies",
    "venues",
    "listings",
    "cross_listings",
    "pools",
    "exchange_pairs",
    "derivatives",
    "synthetics",
    "broker_contracts",
    "event_types",
    "changes",
    "successions",
    "disputes",
    "import_runs",
)


def upgrade() -> None:
    connection = op.get_bind()
    for statement in VIEWS.split(";\n\n"):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    connection = op.get_bind()
    for view in NEW_VIEWS:
        connection.exec_driver_sql(f"DROP VIEW reporting.{view}")
    connection.exec_driver_sql("DROP SCHEMA reporting")
