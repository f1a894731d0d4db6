"""The rest of the model: derivatives, pools, broker contracts, synthetics, event types; successions and decisions.

Locks: ACCESS EXCLUSIVE for a moment on assets, equities, pairs, listings, venues, catalog_info, alias_claims, disputes
and changes (new columns and rules, read through once); SHARE on identities and observations while an index is made.
"""

from __future__ import annotations

from alembic import op

revision = "0002_model"
down_revision = "0001_spine"
branch_labels = None
depends_on = None

FUNCTIONS = """
CREATE OR REPLACE FUNCTION is_wire_decimal(value numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN value NOT IN ('NaN', 'Infinity', '-Infinity')
    AND length(btrim(replace(abs(value)::text, '.', ''), '0')) <= 18
    AND scale(trim_scale(value)) <= 128
    AND length(trim_scale(value)::text) - length(rtrim(trim_scale(value)::text, '0')) <= 127;

CREATE FUNCTION is_key_list(list text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN cardinality(list) BETWEEN 1 AND 64
    AND array_position(list, NULL) IS NULL
    AND NOT EXISTS (SELECT FROM unnest(list) AS e
        WHERE octet_length(e) NOT BETWEEN 1 AND 255 OR e IS NOT NFC NORMALIZED)
    AND list = ARRAY(SELECT DISTINCT e COLLATE "C" FROM unnest(list) AS e ORDER BY 1);

COMMENT ON FUNCTION is_key_list(text[]) IS 'Whether a list fits the wire: 1 to 64 keys in ascending order, each once'
"""

TABLES = """
CREATE TABLE component_measures (
    component_measure TEXT NOT NULL,
    code SMALLINT NOT NULL,
    CONSTRAINT pk_component_measures PRIMARY KEY (component_measure),
    CONSTRAINT uq_component_measures__code UNIQUE (code)
);

COMMENT ON TABLE component_measures IS 'What a synthetic takes of a component';

COMMENT ON COLUMN component_measures.component_measure IS 'price or days_to_expiry';

COMMENT ON COLUMN component_measures.code IS 'Code on the wire';

CREATE TABLE event_field_types (
    event_field_type TEXT NOT NULL,
    code SMALLINT NOT NULL,
    CONSTRAINT pk_event_field_types PRIMARY KEY (event_field_type),
    CONSTRAINT uq_event_field_types__code UNIQUE (code)
);

COMMENT ON TABLE event_field_types IS 'What the fields of events are';

COMMENT ON COLUMN event_field_types.event_field_type IS 'Name, such as instrument_id';

COMMENT ON COLUMN event_field_types.code IS 'Code on the wire';

CREATE TABLE event_priorities (
    event_priority TEXT NOT NULL,
    code SMALLINT NOT NULL,
    CONSTRAINT pk_event_priorities PRIMARY KEY (event_priority),
    CONSTRAINT uq_event_priorities__code UNIQUE (code)
);

COMMENT ON TABLE event_priorities IS 'How soon an event is to be processed';

COMMENT ON COLUMN event_priorities.event_priority IS 'critical, high, standard …';

COMMENT ON COLUMN event_priorities.code IS 'Code on the wire';

CREATE TABLE event_sources (
    event_source TEXT NOT NULL,
    code SMALLINT NOT NULL,
    CONSTRAINT pk_event_sources PRIMARY KEY (event_source),
    CONSTRAINT uq_event_sources__code UNIQUE (code)
);

COMMENT ON TABLE event_sources IS 'Where events come from';

COMMENT ON COLUMN event_sources.event_source IS 'defi, cex, tradfi or internal';

COMMENT ON COLUMN event_sources.code IS 'Code on the wire';

CREATE TABLE exercise_styles (
    exercise_style TEXT NOT NULL,
    code SMALLINT NOT NULL,
    CONSTRAINT pk_exercise_styles PRIMARY KEY (exercise_style),
    CONSTRAINT uq_exercise_styles__code UNIQUE (code)
);

COMMENT ON TABLE exercise_styles IS 'When an option may be exercised';

COMMENT ON COLUMN exercise_styles.exercise_style IS 'american, european or bermudan';

COMMENT ON COLUMN exercise_styles.code IS 'Code on the wire';

CREATE TABLE option_kinds (
    option_kind TEXT NOT NULL,
    code SMALLINT NOT NULL,
    CONSTRAINT pk_option_kinds PRIMARY KEY (option_kind),
    CONSTRAINT uq_option_kinds__code UNIQUE (code)
);

COMMENT ON TABLE option_kinds IS 'What an option gives the right to do';

COMMENT ON COLUMN option_kinds.option_kind IS 'call or put';

COMMENT ON COLUMN option_kinds.code IS 'Code on the wire';

CREATE TABLE pool_types (
    pool_type TEXT NOT NULL,
    code SMALLINT NOT NULL,
    CONSTRAINT pk_pool_types PRIMARY KEY (pool_type),
    CONSTRAINT uq_pool_types__code UNIQUE (code)
);

COMMENT ON TABLE pool_types IS 'How a pool makes its price';

COMMENT ON COLUMN pool_types.pool_type IS 'Name, such as constant_product';

COMMENT ON COLUMN pool_types.code IS 'Code on the wire';

CREATE TABLE settlement_types (
    settlement_type TEXT NOT NULL,
    code SMALLINT NOT NULL,
    CONSTRAINT pk_settlement_types PRIMARY KEY (settlement_type),
    CONSTRAINT uq_settlement_types__code UNIQUE (code)
);

COMMENT ON TABLE settlement_types IS 'How a contract is settled';

COMMENT ON COLUMN settlement_types.settlement_type IS 'cash or physical';

COMMENT ON COLUMN settlement_types.code IS 'Code on the wire';

CREATE TABLE succession_kinds (
    succession_kind TEXT NOT NULL,
    code SMALLINT NOT NULL,
    CONSTRAINT pk_succession_kinds PRIMARY KEY (succession_kind),
    CONSTRAINT uq_succession_kinds__code UNIQUE (code)
);

COMMENT ON TABLE succession_kinds IS 'How one record follows another';

COMMENT ON COLUMN succession_kinds.succession_kind IS 'Name, such as isin_change';

COMMENT ON COLUMN succession_kinds.code IS 'Code on the wire';

CREATE TABLE event_types (
    id UUID NOT NULL,
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    event_source TEXT NOT NULL,
    blockchain TEXT,
    protocol TEXT,
    exchange TEXT,
    stream_type TEXT,
    broker TEXT,
    feed_type TEXT,
    component TEXT,
    event_class TEXT,
    priority TEXT NOT NULL,
    id_bits SMALLINT NOT NULL,
    size_hint BIGINT,
    status TEXT NOT NULL,
    CONSTRAINT pk_event_types PRIMARY KEY (id),
    CONSTRAINT uq_event_types__name_version UNIQUE (name, version),
    CONSTRAINT ck_event_types__version_range CHECK (version BETWEEN 1 AND 999999999),
    CONSTRAINT ck_event_types__id_bits_known CHECK (id_bits IN (64, 128)),
    CONSTRAINT ck_event_types__described_by_its_source CHECK (num_nonnulls(blockchain, protocol) = CASE WHEN event_source = 'defi' THEN 2 ELSE 0 END
            AND num_nonnulls(exchange, stream_type) = CASE WHEN event_source = 'cex' THEN 2 ELSE 0 END
            AND num_nonnulls(broker, feed_type) = CASE WHEN event_source = 'tradfi' THEN 2 ELSE 0 END
            AND num_nonnulls(component, event_class) = CASE WHEN event_source = 'internal' THEN 2 ELSE 0 END),
    CONSTRAINT uq_event_types__number UNIQUE (number),
    CONSTRAINT fk_event_types__event_source FOREIGN KEY(event_source) REFERENCES event_sources (event_source),
    CONSTRAINT fk_event_types__blockchain FOREIGN KEY(blockchain) REFERENCES blockchains (blockchain),
    CONSTRAINT fk_event_types__priority FOREIGN KEY(priority) REFERENCES event_priorities (event_priority),
    CONSTRAINT fk_event_types__status FOREIGN KEY(status) REFERENCES statuses (status),
    CONSTRAINT ck_event_types__name_key CHECK (octet_length(name) BETWEEN 1 AND 255 AND name IS NFC NORMALIZED),
    CONSTRAINT ck_event_types__protocol_key CHECK (octet_length(protocol) BETWEEN 1 AND 255 AND protocol IS NFC NORMALIZED),
    CONSTRAINT ck_event_types__exchange_slug CHECK (exchange ~ '^[a-z0-9_]{1,64}$'),
    CONSTRAINT ck_event_types__stream_type_key CHECK (octet_length(stream_type) BETWEEN 1 AND 255 AND stream_type IS NFC NORMALIZED),
    CONSTRAINT ck_event_types__broker_slug CHECK (broker ~ '^[a-z0-9_]{1,64}$'),
    CONSTRAINT ck_event_types__feed_type_key CHECK (octet_length(feed_type) BETWEEN 1 AND 255 AND feed_type IS NFC NORMALIZED),
    CONSTRAINT ck_event_types__component_key CHECK (octet_length(component) BETWEEN 1 AND 255 AND component IS NFC NORMALIZED),
    CONSTRAINT ck_event_types__event_class_key CHECK (octet_length(event_class) BETWEEN 1 AND 255 AND event_class IS NFC NORMALIZED),
    CONSTRAINT ck_event_types__size_hint_positive CHECK (size_hint BETWEEN 1 AND 4294967295)
);

COMMENT ON TABLE event_types IS 'Schemas of binary events, one row per name and version';

COMMENT ON COLUMN event_types.id IS 'Event type id, all 16 bytes';

COMMENT ON COLUMN event_types.number IS 'The id as it is shown: its first 4 bytes as u32, little-endian';

COMMENT ON COLUMN event_types.name IS 'Name of the event';

COMMENT ON COLUMN event_types.version IS '1, 2, 3 …';

COMMENT ON COLUMN event_types.event_source IS 'defi, cex, tradfi or internal';

COMMENT ON COLUMN event_types.blockchain IS 'CAIP-2 blockchain of a defi event';

COMMENT ON COLUMN event_types.protocol IS 'Protocol of a defi event, such as uniswap_v3';

COMMENT ON COLUMN event_types.exchange IS 'Exchange of a cex event';

COMMENT ON COLUMN event_types.stream_type IS 'Stream of a cex event, such as trade';

COMMENT ON COLUMN event_types.broker IS 'Broker of a tradfi event';

COMMENT ON COLUMN event_types.feed_type IS 'Feed of a tradfi event, such as quotes';

COMMENT ON COLUMN event_types.component IS 'Component that makes an internal event';

COMMENT ON COLUMN event_types.event_class IS 'Class of an internal event, such as alert';

COMMENT ON COLUMN event_types.priority IS 'How soon it is to be processed';

COMMENT ON COLUMN event_types.id_bits IS 'Width of the ids in the event';

COMMENT ON COLUMN event_types.size_hint IS 'Bytes of an event of fixed size';

COMMENT ON COLUMN event_types.status IS 'active, suspended or retired';

CREATE TABLE pools (
    id UUID NOT NULL,
    blockchain TEXT NOT NULL,
    address TEXT NOT NULL,
    pool_id TEXT,
    name TEXT,
    dex TEXT,
    pool_type TEXT,
    algorithm TEXT,
    fee NUMERIC,
    is_dynamic_fee BOOLEAN,
    tick_spacing BIGINT,
    hooks TEXT,
    factory TEXT,
    status TEXT NOT NULL,
    CONSTRAINT pk_pools PRIMARY KEY (id),
    CONSTRAINT uq_pools__blockchain_address_pool_id UNIQUE NULLS NOT DISTINCT (blockchain, address, pool_id),
    CONSTRAINT ck_pools__pool_id_form CHECK (pool_id ~ '^0x[0-9a-f]{64}$'),
    CONSTRAINT ck_pools__fee_is_a_fraction CHECK (fee <= 1),
    CONSTRAINT ck_pools__dynamic_fee_is_no_fee CHECK (NOT (is_dynamic_fee AND fee IS NOT NULL)),
    CONSTRAINT ck_pools__algorithm_of_custom CHECK (coalesce(pool_type = 'custom', false) = (algorithm IS NOT NULL)),
    CONSTRAINT fk_pools__blockchain FOREIGN KEY(blockchain) REFERENCES blockchains (blockchain),
    CONSTRAINT fk_pools__pool_type FOREIGN KEY(pool_type) REFERENCES pool_types (pool_type),
    CONSTRAINT fk_pools__status FOREIGN KEY(status) REFERENCES statuses (status),
    CONSTRAINT ck_pools__address_key CHECK (octet_length(address) BETWEEN 1 AND 255 AND address IS NFC NORMALIZED),
    CONSTRAINT ck_pools__name_text CHECK (octet_length(name) BETWEEN 1 AND 65535 AND name IS NFC NORMALIZED),
    CONSTRAINT ck_pools__dex_key CHECK (octet_length(dex) BETWEEN 1 AND 255 AND dex IS NFC NORMALIZED),
    CONSTRAINT ck_pools__algorithm_key CHECK (octet_length(algorithm) BETWEEN 1 AND 255 AND algorithm IS NFC NORMALIZED),
    CONSTRAINT ck_pools__fee_amount CHECK (fee >= 0 AND is_wire_decimal(fee)),
    CONSTRAINT ck_pools__tick_spacing_positive CHECK (tick_spacing BETWEEN 1 AND 4294967295),
    CONSTRAINT ck_pools__hooks_key CHECK (octet_length(hooks) BETWEEN 1 AND 255 AND hooks IS NFC NORMALIZED),
    CONSTRAINT ck_pools__factory_key CHECK (octet_length(factory) BETWEEN 1 AND 255 AND factory IS NFC NORMALIZED)
);

CREATE INDEX ix_pools__address ON pools (address);

CREATE INDEX ix_pools__dex ON pools (dex);

COMMENT ON TABLE pools IS 'Pools of decentralised exchanges';

COMMENT ON COLUMN pools.id IS 'Pool id';

COMMENT ON COLUMN pools.blockchain IS 'CAIP-2 blockchain';

COMMENT ON COLUMN pools.address IS 'Contract address in its normal form';

COMMENT ON COLUMN pools.pool_id IS '0x and 64 hex digits: the pool inside a singleton contract';

COMMENT ON COLUMN pools.name IS 'Name';

COMMENT ON COLUMN pools.dex IS 'The exchange and version, such as uniswap_v3';

COMMENT ON COLUMN pools.pool_type IS 'How it makes its price';

COMMENT ON COLUMN pools.algorithm IS 'Name of a custom algorithm';

COMMENT ON COLUMN pools.fee IS 'Fee of a swap, exact fraction: 0.003 is 30 basis points';

COMMENT ON COLUMN pools.is_dynamic_fee IS 'True when a hook sets the fee; there is none then';

COMMENT ON COLUMN pools.tick_spacing IS 'Ticks between usable prices';

COMMENT ON COLUMN pools.hooks IS 'Address of the hook contract; the zero address for none';

COMMENT ON COLUMN pools.factory IS 'Address of the contract that made the pool';

COMMENT ON COLUMN pools.status IS 'active, suspended or retired';

CREATE TABLE broker_contracts (
    id UUID NOT NULL,
    broker TEXT NOT NULL,
    symbol TEXT NOT NULL,
    generation TEXT,
    instrument_id UUID,
    mic TEXT,
    name TEXT,
    timezone TEXT,
    session_open TIME WITHOUT TIME ZONE,
    session_close TIME WITHOUT TIME ZONE,
    pre_market_open TIME WITHOUT TIME ZONE,
    pre_market_close TIME WITHOUT TIME ZONE,
    after_hours_open TIME WITHOUT TIME ZONE,
    after_hours_close TIME WITHOUT TIME ZONE,
    shares_outstanding NUMERIC,
    dividend_yield NUMERIC,
    contract_multiplier NUMERIC,
    tick_value NUMERIC,
    settlement_type TEXT,
    premium_multiplier NUMERIC,
    margin_currency TEXT,
    initial_margin NUMERIC,
    maintenance_margin NUMERIC,
    long_margin_rate NUMERIC,
    short_margin_rate NUMERIC,
    tick_size NUMERIC,
    lot_size NUMERIC,
    min_quantity NUMERIC,
    is_tradable BOOLEAN,
    is_marginable BOOLEAN,
    is_shortable BOOLEAN,
    is_easy_to_borrow BOOLEAN,
    is_fractionable BOOLEAN,
    venue_status TEXT,
    delist_at TIMESTAMP WITH TIME ZONE,
    status TEXT NOT NULL,
    CONSTRAINT pk_broker_contracts PRIMARY KEY (id),
    CONSTRAINT uq_broker_contracts__broker_symbol_generation UNIQUE NULLS NOT DISTINCT (broker, symbol, generation),
    CONSTRAINT ck_broker_contracts__whole_session CHECK ((session_open IS NULL) = (session_close IS NULL)),
    CONSTRAINT ck_broker_contracts__session_in_a_zone CHECK (timezone IS NOT NULL OR coalesce(session_open, pre_market_open, after_hours_open) IS NULL),
    CONSTRAINT ck_broker_contracts__whole_pre_market CHECK ((pre_market_open IS NULL) = (pre_market_close IS NULL)),
    CONSTRAINT ck_broker_contracts__whole_after_hours CHECK ((after_hours_open IS NULL) = (after_hours_close IS NULL)),
    CONSTRAINT ck_broker_contracts__details_of_one_kind CHECK ((num_nonnulls(shares_outstanding, dividend_yield) > 0)::int
            + (num_nonnulls(tick_value, settlement_type) > 0)::int + (premium_multiplier IS NOT NULL)::int <= 1),
    CONSTRAINT fk_broker_contracts__broker FOREIGN KEY(broker) REFERENCES venues (slug),
    CONSTRAINT fk_broker_contracts__instrument_id FOREIGN KEY(instrument_id) REFERENCES instruments (id),
    CONSTRAINT fk_broker_contracts__mic FOREIGN KEY(mic) REFERENCES venues (mic),
    CONSTRAINT fk_broker_contracts__settlement_type FOREIGN KEY(settlement_type) REFERENCES settlement_types (settlement_type),
    CONSTRAINT fk_broker_contracts__status FOREIGN KEY(status) REFERENCES statuses (status),
    CONSTRAINT ck_broker_contracts__symbol_key CHECK (octet_length(symbol) BETWEEN 1 AND 255 AND symbol IS NFC NORMALIZED),
    CONSTRAINT ck_broker_contracts__generation_generation CHECK (generation ~ '^([2-9]|[1-9][0-9]{1,4})$'),
    CONSTRAINT ck_broker_contracts__mic_mic CHECK (mic ~ '^[A-Z0-9]{4}$'),
    CONSTRAINT ck_broker_contracts__name_text CHECK (octet_length(name) BETWEEN 1 AND 65535 AND name IS NFC NORMALIZED),
    CONSTRAINT ck_broker_contracts__timezone_zone CHECK (timezone ~ '^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$' AND octet_length(timezone) <= 64),
    CONSTRAINT ck_broker_contracts__session_open_clock CHECK (session_open < '24:00:00' AND date_trunc('second', session_open::interval) = session_open::interval),
    CONSTRAINT ck_broker_contracts__session_close_clock CHECK (session_close < '24:00:00' AND date_trunc('second', session_close::interval) = session_close::interval),
    CONSTRAINT ck_broker_contracts__pre_market_open_clock CHECK (pre_market_open < '24:00:00' AND date_trunc('second', pre_market_open::interval) = pre_market_open::interval),
    CONSTRAINT ck_broker_contracts__pre_market_close_clock CHECK (pre_market_close < '24:00:00' AND date_trunc('second', pre_market_close::interval) = pre_market_close::interval),
    CONSTRAINT ck_broker_contracts__after_hours_open_clock CHECK (after_hours_open < '24:00:00' AND date_trunc('second', after_hours_open::interval) = after_hours_open::interval),
    CONSTRAINT ck_broker_contracts__after_hours_close_clock CHECK (after_hours_close < '24:00:00' AND date_trunc('second', after_hours_close::interval) = after_hours_close::interval),
    CONSTRAINT ck_broker_contracts__shares_outstanding_amount CHECK (shares_outstanding >= 0 AND is_wire_decimal(shares_outstanding)),
    CONSTRAINT ck_broker_contracts__dividend_yield_amount CHECK (dividend_yield >= 0 AND is_wire_decimal(dividend_yield)),
    CONSTRAINT ck_broker_contracts__contract_multiplier_increment CHECK (contract_multiplier > 0 AND is_wire_decimal(contract_multiplier)),
    CONSTRAINT ck_broker_contracts__tick_value_increment CHECK (tick_value > 0 AND is_wire_decimal(tick_value)),
    CONSTRAINT ck_broker_contracts__premium_multiplier_increment CHECK (premium_multiplier > 0 AND is_wire_decimal(premium_multiplier)),
    CONSTRAINT ck_broker_contracts__margin_currency_currency CHECK (margin_currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_broker_contracts__initial_margin_amount CHECK (initial_margin >= 0 AND is_wire_decimal(initial_margin)),
    CONSTRAINT ck_broker_contracts__maintenance_margin_amount CHECK (maintenance_margin >= 0 AND is_wire_decimal(maintenance_margin)),
    CONSTRAINT ck_broker_contracts__long_margin_rate_amount CHECK (long_margin_rate >= 0 AND is_wire_decimal(long_margin_rate)),
    CONSTRAINT ck_broker_contracts__short_margin_rate_amount CHECK (short_margin_rate >= 0 AND is_wire_decimal(short_margin_rate)),
    CONSTRAINT ck_broker_contracts__tick_size_increment CHECK (tick_size > 0 AND is_wire_decimal(tick_size)),
    CONSTRAINT ck_broker_contracts__lot_size_increment CHECK (lot_size > 0 AND is_wire_decimal(lot_size)),
    CONSTRAINT ck_broker_contracts__min_quantity_amount CHECK (min_quantity >= 0 AND is_wire_decimal(min_quantity)),
    CONSTRAINT ck_broker_contracts__venue_status_key CHECK (octet_length(venue_status) BETWEEN 1 AND 255 AND venue_status IS NFC NORMALIZED),
    CONSTRAINT ck_broker_contracts__delist_at_end CHECK (delist_at >= '1970-01-01 00:00:00+00' AND delist_at < '2099-01-01 00:00:00+00')
);

CREATE INDEX ix_broker_contracts__instrument_id ON broker_contracts (instrument_id);

CREATE INDEX ix_broker_contracts__symbol ON broker_contracts (symbol);

COMMENT ON TABLE broker_contracts IS 'Instruments as brokers offer them';

COMMENT ON COLUMN broker_contracts.id IS 'Broker contract id';

COMMENT ON COLUMN broker_contracts.broker IS 'Slug of the broker';

COMMENT ON COLUMN broker_contracts.symbol IS 'The broker''s own symbol';

COMMENT ON COLUMN broker_contracts.generation IS '2, 3 … for a later holder of a reused symbol';

COMMENT ON COLUMN broker_contracts.instrument_id IS 'What it is; NULL while several instruments may be meant';

COMMENT ON COLUMN broker_contracts.mic IS 'Market that the broker routes to';

COMMENT ON COLUMN broker_contracts.name IS 'Name';

COMMENT ON COLUMN broker_contracts.timezone IS 'IANA time zone of the session times';

COMMENT ON COLUMN broker_contracts.session_open IS 'Opening of a regular session, local time';

COMMENT ON COLUMN broker_contracts.session_close IS 'Close; before the opening when on the next day';

COMMENT ON COLUMN broker_contracts.pre_market_open IS 'Beginning of trading before the session';

COMMENT ON COLUMN broker_contracts.pre_market_close IS 'End of trading before the session';

COMMENT ON COLUMN broker_contracts.after_hours_open IS 'Beginning of trading after the session';

COMMENT ON COLUMN broker_contracts.after_hours_close IS 'End of trading after the session';

COMMENT ON COLUMN broker_contracts.shares_outstanding IS 'Shares in existence, of a stock';

COMMENT ON COLUMN broker_contracts.dividend_yield IS 'Yearly dividends over price, of a stock, fraction';

COMMENT ON COLUMN broker_contracts.contract_multiplier IS 'How much of the underlying one contract is; NULL when unknown or while feeds disagree';

COMMENT ON COLUMN broker_contracts.tick_value IS 'Worth of one tick of one contract, of a future';

COMMENT ON COLUMN broker_contracts.settlement_type IS 'cash or physical, of a future';

COMMENT ON COLUMN broker_contracts.premium_multiplier IS 'What an option''s premium is multiplied with';

COMMENT ON COLUMN broker_contracts.margin_currency IS 'Currency of the margins, ISO 4217';

COMMENT ON COLUMN broker_contracts.initial_margin IS 'Margin to open one contract';

COMMENT ON COLUMN broker_contracts.maintenance_margin IS 'Margin to keep one contract';

COMMENT ON COLUMN broker_contracts.long_margin_rate IS 'Margin of a long position, fraction of its value';

COMMENT ON COLUMN broker_contracts.short_margin_rate IS 'Margin of a short position, fraction';

COMMENT ON COLUMN broker_contracts.tick_size IS 'Smallest price step';

COMMENT ON COLUMN broker_contracts.lot_size IS 'Smallest quantity step';

COMMENT ON COLUMN broker_contracts.min_quantity IS 'Smallest order';

COMMENT ON COLUMN broker_contracts.is_tradable IS 'Whether it can be traded now';

COMMENT ON COLUMN broker_contracts.is_marginable IS 'Whether it can be bought on margin';

COMMENT ON COLUMN broker_contracts.is_shortable IS 'Whether it can be sold short';

COMMENT ON COLUMN broker_contracts.is_easy_to_borrow IS 'Whether it can be borrowed without asking';

COMMENT ON COLUMN broker_contracts.is_fractionable IS 'Whether parts of one unit can be traded';

COMMENT ON COLUMN broker_contracts.venue_status IS 'The broker''s own word for the status';

COMMENT ON COLUMN broker_contracts.delist_at IS 'From when on the broker offers it no more';

COMMENT ON COLUMN broker_contracts.status IS 'active, suspended or retired';

CREATE TABLE event_fields (
    id UUID NOT NULL,
    position SMALLINT NOT NULL,
    name TEXT NOT NULL,
    field_type TEXT NOT NULL,
    byte_offset BIGINT,
    is_required BOOLEAN NOT NULL,
    max_length BIGINT,
    element_type TEXT,
    CONSTRAINT pk_event_fields PRIMARY KEY (id, position),
    CONSTRAINT uq_event_fields__id_name UNIQUE (id, name),
    CONSTRAINT ck_event_fields__max_length_of_variable CHECK ((field_type IN ('string', 'array')) = (max_length IS NOT NULL)),
    CONSTRAINT ck_event_fields__element_type_of_array CHECK ((field_type = 'array') = (element_type IS NOT NULL)),
    CONSTRAINT fk_event_fields__id FOREIGN KEY(id) REFERENCES event_types (id),
    CONSTRAINT fk_event_fields__field_type FOREIGN KEY(field_type) REFERENCES event_field_types (event_field_type),
    CONSTRAINT fk_event_fields__element_type FOREIGN KEY(element_type) REFERENCES event_field_types (event_field_type),
    CONSTRAINT ck_event_fields__name_field_name CHECK (name ~ '^[a-z_][a-z0-9_]{0,63}$'),
    CONSTRAINT ck_event_fields__byte_offset_natural CHECK (byte_offset BETWEEN 0 AND 4294967295),
    CONSTRAINT ck_event_fields__max_length_positive CHECK (max_length BETWEEN 1 AND 4294967295)
);

COMMENT ON TABLE event_fields IS 'The fields of each event type';

COMMENT ON COLUMN event_fields.id IS 'The event type';

COMMENT ON COLUMN event_fields.position IS '0, 1, 2 …';

COMMENT ON COLUMN event_fields.name IS 'Name of the field';

COMMENT ON COLUMN event_fields.field_type IS 'Its type';

COMMENT ON COLUMN event_fields.byte_offset IS 'Where it begins, bytes from the event''s first one';

COMMENT ON COLUMN event_fields.is_required IS 'Whether every event has it';

COMMENT ON COLUMN event_fields.max_length IS 'Bytes of a string, elements of an array, at most';

COMMENT ON COLUMN event_fields.element_type IS 'Type of an array''s elements';

CREATE TABLE futures (
    last_trading_date DATE,
    is_inverse BOOLEAN,
    id UUID NOT NULL,
    mic TEXT,
    exchange TEXT,
    segment TEXT,
    symbol TEXT NOT NULL,
    generation TEXT,
    product TEXT,
    underlying_id UUID,
    quote_id UUID,
    settlement_id UUID,
    margin_id UUID,
    currency TEXT,
    contract_multiplier NUMERIC,
    tick_size NUMERIC,
    lot_size NUMERIC,
    min_quantity NUMERIC,
    max_quantity NUMERIC,
    min_price NUMERIC,
    max_price NUMERIC,
    min_notional NUMERIC,
    maker_fee_bps NUMERIC,
    taker_fee_bps NUMERIC,
    settlement_type TEXT,
    first_trading_date DATE,
    expires_at TIMESTAMP WITH TIME ZONE,
    delist_at TIMESTAMP WITH TIME ZONE,
    venue_status TEXT,
    CONSTRAINT pk_futures PRIMARY KEY (id),
    CONSTRAINT uq_futures__identity UNIQUE NULLS NOT DISTINCT (mic, exchange, segment, symbol, last_trading_date, generation),
    CONSTRAINT ck_futures__mic_or_exchange CHECK (num_nonnulls(mic, exchange) = 1),
    CONSTRAINT ck_futures__listed_before_its_end CHECK (first_trading_date <= last_trading_date),
    CONSTRAINT ck_futures__a_perpetual_does_not_expire CHECK (expires_at IS NULL OR last_trading_date IS NOT NULL),
    CONSTRAINT ck_futures__no_sentinel CHECK (last_trading_date < '2099-01-01'),
    CONSTRAINT fk_futures__id FOREIGN KEY(id) REFERENCES instruments (id),
    CONSTRAINT fk_futures__mic FOREIGN KEY(mic) REFERENCES venues (mic),
    CONSTRAINT fk_futures__exchange FOREIGN KEY(exchange) REFERENCES venues (slug),
    CONSTRAINT fk_futures__underlying_id FOREIGN KEY(underlying_id) REFERENCES instruments (id),
    CONSTRAINT fk_futures__quote_id FOREIGN KEY(quote_id) REFERENCES instruments (id),
    CONSTRAINT fk_futures__settlement_id FOREIGN KEY(settlement_id) REFERENCES instruments (id),
    CONSTRAINT fk_futures__margin_id FOREIGN KEY(margin_id) REFERENCES instruments (id),
    CONSTRAINT fk_futures__settlement_type FOREIGN KEY(settlement_type) REFERENCES settlement_types (settlement_type),
    CONSTRAINT ck_futures__mic_mic CHECK (mic ~ '^[A-Z0-9]{4}$'),
    CONSTRAINT ck_futures__segment_key CHECK (octet_length(segment) BETWEEN 1 AND 255 AND segment IS NFC NORMALIZED),
    CONSTRAINT ck_futures__symbol_key CHECK (octet_length(symbol) BETWEEN 1 AND 255 AND symbol IS NFC NORMALIZED),
    CONSTRAINT ck_futures__generation_generation CHECK (generation ~ '^([2-9]|[1-9][0-9]{1,4})$'),
    CONSTRAINT ck_futures__product_key CHECK (octet_length(product) BETWEEN 1 AND 255 AND product IS NFC NORMALIZED),
    CONSTRAINT ck_futures__currency_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_futures__contract_multiplier_increment CHECK (contract_multiplier > 0 AND is_wire_decimal(contract_multiplier)),
    CONSTRAINT ck_futures__tick_size_increment CHECK (tick_size > 0 AND is_wire_decimal(tick_size)),
    CONSTRAINT ck_futures__lot_size_increment CHECK (lot_size > 0 AND is_wire_decimal(lot_size)),
    CONSTRAINT ck_futures__min_quantity_amount CHECK (min_quantity >= 0 AND is_wire_decimal(min_quantity)),
    CONSTRAINT ck_futures__max_quantity_amount CHECK (max_quantity >= 0 AND is_wire_decimal(max_quantity)),
    CONSTRAINT ck_futures__min_price_amount CHECK (min_price >= 0 AND is_wire_decimal(min_price)),
    CONSTRAINT ck_futures__max_price_amount CHECK (max_price >= 0 AND is_wire_decimal(max_price)),
    CONSTRAINT ck_futures__min_notional_amount CHECK (min_notional >= 0 AND is_wire_decimal(min_notional)),
    CONSTRAINT ck_futures__maker_fee_bps_signed CHECK (is_wire_decimal(maker_fee_bps)),
    CONSTRAINT ck_futures__taker_fee_bps_signed CHECK (is_wire_decimal(taker_fee_bps)),
    CONSTRAINT ck_futures__expires_at_moment CHECK (expires_at >= '1970-01-01 00:00:00+00' AND expires_at < '2262-01-01 00:00:00+00'),
    CONSTRAINT ck_futures__delist_at_end CHECK (delist_at >= '1970-01-01 00:00:00+00' AND delist_at < '2099-01-01 00:00:00+00'),
    CONSTRAINT ck_futures__venue_status_key CHECK (octet_length(venue_status) BETWEEN 1 AND 255 AND venue_status IS NFC NORMALIZED)
);

CREATE INDEX ix_futures__last_trading_date ON futures (last_trading_date);

CREATE INDEX ix_futures__margin_id ON futures (margin_id);

CREATE INDEX ix_futures__product ON futures (product);

CREATE INDEX ix_futures__quote_id ON futures (quote_id);

CREATE INDEX ix_futures__settlement_id ON futures (settlement_id);

CREATE INDEX ix_futures__symbol ON futures (symbol);

CREATE INDEX ix_futures__underlying_id ON futures (underlying_id);

COMMENT ON TABLE futures IS 'Futures and perpetuals';

COMMENT ON COLUMN futures.last_trading_date IS 'Last day of trading, venue''s calendar; NULL for a perpetual';

COMMENT ON COLUMN futures.is_inverse IS 'True when settled in what it is on';

COMMENT ON COLUMN futures.id IS 'Instrument id';

COMMENT ON COLUMN futures.mic IS 'MIC of the exchange that lists it';

COMMENT ON COLUMN futures.exchange IS 'Slug of the exchange';

COMMENT ON COLUMN futures.segment IS 'Part of the exchange, such as usdm';

COMMENT ON COLUMN futures.symbol IS 'The exchange''s own symbol; the OSI symbol of OCC options';

COMMENT ON COLUMN futures.generation IS '2, 3 … for a later holder of a reused symbol';

COMMENT ON COLUMN futures.product IS 'The exchange''s root code, such as ES';

COMMENT ON COLUMN futures.underlying_id IS 'What the contract is on';

COMMENT ON COLUMN futures.quote_id IS 'Asset that prices are in';

COMMENT ON COLUMN futures.settlement_id IS 'Asset that it settles in';

COMMENT ON COLUMN futures.margin_id IS 'Asset that margin is paid in';

COMMENT ON COLUMN futures.currency IS 'Currency of the price, ISO 4217';

COMMENT ON COLUMN futures.contract_multiplier IS 'How much of the underlying one contract is; NULL when unknown or while feeds disagree';

COMMENT ON COLUMN futures.tick_size IS 'Smallest price step';

COMMENT ON COLUMN futures.lot_size IS 'Smallest quantity step, in contracts';

COMMENT ON COLUMN futures.min_quantity IS 'Smallest order, in contracts';

COMMENT ON COLUMN futures.max_quantity IS 'Largest order, in contracts';

COMMENT ON COLUMN futures.min_price IS 'Lowest price';

COMMENT ON COLUMN futures.max_price IS 'Highest price';

COMMENT ON COLUMN futures.min_notional IS 'Smallest order value';

COMMENT ON COLUMN futures.maker_fee_bps IS 'Fee of a resting order, basis points';

COMMENT ON COLUMN futures.taker_fee_bps IS 'Fee of an order that takes, basis points';

COMMENT ON COLUMN futures.settlement_type IS 'cash or physical';

COMMENT ON COLUMN futures.first_trading_date IS 'First day of trading, venue''s calendar';

COMMENT ON COLUMN futures.expires_at IS 'The exact moment of expiration, if known';

COMMENT ON COLUMN futures.delist_at IS 'From when on it trades no more';

COMMENT ON COLUMN futures.venue_status IS 'The exchange''s own word for the status';

CREATE TABLE options (
    osi_root TEXT,
    expiry_date DATE NOT NULL,
    option_kind TEXT NOT NULL,
    strike_price NUMERIC NOT NULL,
    exercise_style TEXT,
    is_adjusted BOOLEAN,
    deliverable TEXT,
    id UUID NOT NULL,
    mic TEXT,
    exchange TEXT,
    segment TEXT,
    symbol TEXT NOT NULL,
    generation TEXT,
    product TEXT,
    underlying_id UUID,
    quote_id UUID,
    settlement_id UUID,
    margin_id UUID,
    currency TEXT,
    contract_multiplier NUMERIC,
    tick_size NUMERIC,
    lot_size NUMERIC,
    min_quantity NUMERIC,
    max_quantity NUMERIC,
    min_price NUMERIC,
    max_price NUMERIC,
    min_notional NUMERIC,
    maker_fee_bps NUMERIC,
    taker_fee_bps NUMERIC,
    settlement_type TEXT,
    first_trading_date DATE,
    expires_at TIMESTAMP WITH TIME ZONE,
    delist_at TIMESTAMP WITH TIME ZONE,
    venue_status TEXT,
    CONSTRAINT pk_options PRIMARY KEY (id),
    CONSTRAINT ck_options__osi_root_or_exchange CHECK (num_nonnulls(osi_root, mic, exchange) = 1),
    CONSTRAINT ck_options__osi_root_form CHECK (osi_root ~ '^[A-Z0-9]{1,6}$'),
    CONSTRAINT ck_options__listed_before_its_end CHECK (first_trading_date <= expiry_date),
    CONSTRAINT fk_options__option_kind FOREIGN KEY(option_kind) REFERENCES option_kinds (option_kind),
    CONSTRAINT fk_options__exercise_style FOREIGN KEY(exercise_style) REFERENCES exercise_styles (exercise_style),
    CONSTRAINT fk_options__id FOREIGN KEY(id) REFERENCES instruments (id),
    CONSTRAINT fk_options__mic FOREIGN KEY(mic) REFERENCES venues (mic),
    CONSTRAINT fk_options__exchange FOREIGN KEY(exchange) REFERENCES venues (slug),
    CONSTRAINT fk_options__underlying_id FOREIGN KEY(underlying_id) REFERENCES instruments (id),
    CONSTRAINT fk_options__quote_id FOREIGN KEY(quote_id) REFERENCES instruments (id),
    CONSTRAINT fk_options__settlement_id FOREIGN KEY(settlement_id) REFERENCES instruments (id),
    CONSTRAINT fk_options__margin_id FOREIGN KEY(margin_id) REFERENCES instruments (id),
    CONSTRAINT fk_options__settlement_type FOREIGN KEY(settlement_type) REFERENCES settlement_types (settlement_type),
    CONSTRAINT ck_options__strike_price_increment CHECK (strike_price > 0 AND is_wire_decimal(strike_price)),
    CONSTRAINT ck_options__deliverable_text CHECK (octet_length(deliverable) BETWEEN 1 AND 65535 AND deliverable IS NFC NORMALIZED),
    CONSTRAINT ck_options__mic_mic CHECK (mic ~ '^[A-Z0-9]{4}$'),
    CONSTRAINT ck_options__segment_key CHECK (octet_length(segment) BETWEEN 1 AND 255 AND segment IS NFC NORMALIZED),
    CONSTRAINT ck_options__symbol_key CHECK (octet_length(symbol) BETWEEN 1 AND 255 AND symbol IS NFC NORMALIZED),
    CONSTRAINT ck_options__generation_generation CHECK (generation ~ '^([2-9]|[1-9][0-9]{1,4})$'),
    CONSTRAINT ck_options__product_key CHECK (octet_length(product) BETWEEN 1 AND 255 AND product IS NFC NORMALIZED),
    CONSTRAINT ck_options__currency_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_options__contract_multiplier_increment CHECK (contract_multiplier > 0 AND is_wire_decimal(contract_multiplier)),
    CONSTRAINT ck_options__tick_size_increment CHECK (tick_size > 0 AND is_wire_decimal(tick_size)),
    CONSTRAINT ck_options__lot_size_increment CHECK (lot_size > 0 AND is_wire_decimal(lot_size)),
    CONSTRAINT ck_options__min_quantity_amount CHECK (min_quantity >= 0 AND is_wire_decimal(min_quantity)),
    CONSTRAINT ck_options__max_quantity_amount CHECK (max_quantity >= 0 AND is_wire_decimal(max_quantity)),
    CONSTRAINT ck_options__min_price_amount CHECK (min_price >= 0 AND is_wire_decimal(min_price)),
    CONSTRAINT ck_options__max_price_amount CHECK (max_price >= 0 AND is_wire_decimal(max_price)),
    CONSTRAINT ck_options__min_notional_amount CHECK (min_notional >= 0 AND is_wire_decimal(min_notional)),
    CONSTRAINT ck_options__maker_fee_bps_signed CHECK (is_wire_decimal(maker_fee_bps)),
    CONSTRAINT ck_options__taker_fee_bps_signed CHECK (is_wire_decimal(taker_fee_bps)),
    CONSTRAINT ck_options__expires_at_moment CHECK (expires_at >= '1970-01-01 00:00:00+00' AND expires_at < '2262-01-01 00:00:00+00'),
    CONSTRAINT ck_options__delist_at_end CHECK (delist_at >= '1970-01-01 00:00:00+00' AND delist_at < '2099-01-01 00:00:00+00'),
    CONSTRAINT ck_options__venue_status_key CHECK (octet_length(venue_status) BETWEEN 1 AND 255 AND venue_status IS NFC NORMALIZED)
);

CREATE INDEX ix_options__expiry_date ON options (expiry_date);

CREATE INDEX ix_options__margin_id ON options (margin_id);

CREATE INDEX ix_options__product ON options (product);

CREATE INDEX ix_options__quote_id ON options (quote_id);

CREATE INDEX ix_options__settlement_id ON options (settlement_id);

CREATE INDEX ix_options__symbol ON options (symbol);

CREATE INDEX ix_options__underlying_id ON options (underlying_id);

CREATE UNIQUE INDEX uq_options__identity ON options (mic, exchange, segment, symbol, expiry_date, generation) NULLS NOT DISTINCT WHERE osi_root IS NULL;

CREATE UNIQUE INDEX uq_options__osi_root_expiry_date_option_kind_strike_price ON options (osi_root, expiry_date, option_kind, strike_price) WHERE osi_root IS NOT NULL;

COMMENT ON TABLE options IS 'Options: cleared by OCC (with an OSI root), or of one exchange';

COMMENT ON COLUMN options.osi_root IS 'Root of the OSI symbol, of options cleared by OCC';

COMMENT ON COLUMN options.expiry_date IS 'Day of expiration, venue''s calendar';

COMMENT ON COLUMN options.option_kind IS 'call or put';

COMMENT ON COLUMN options.strike_price IS 'Strike price';

COMMENT ON COLUMN options.exercise_style IS 'american, european or bermudan';

COMMENT ON COLUMN options.is_adjusted IS 'True when a corporate action changed what it delivers';

COMMENT ON COLUMN options.deliverable IS 'What one contract delivers, in words';

COMMENT ON COLUMN options.id IS 'Instrument id';

COMMENT ON COLUMN options.mic IS 'MIC of the exchange that lists it';

COMMENT ON COLUMN options.exchange IS 'Slug of the exchange';

COMMENT ON COLUMN options.segment IS 'Part of the exchange, such as usdm';

COMMENT ON COLUMN options.symbol IS 'The exchange''s own symbol; the OSI symbol of OCC options';

COMMENT ON COLUMN options.generation IS '2, 3 … for a later holder of a reused symbol';

COMMENT ON COLUMN options.product IS 'The exchange''s root code, such as ES';

COMMENT ON COLUMN options.underlying_id IS 'What the contract is on';

COMMENT ON COLUMN options.quote_id IS 'Asset that prices are in';

COMMENT ON COLUMN options.settlement_id IS 'Asset that it settles in';

COMMENT ON COLUMN options.margin_id IS 'Asset that margin is paid in';

COMMENT ON COLUMN options.currency IS 'Currency of the price, ISO 4217';

COMMENT ON COLUMN options.contract_multiplier IS 'How much of the underlying one contract is; NULL when unknown or while feeds disagree';

COMMENT ON COLUMN options.tick_size IS 'Smallest price step';

COMMENT ON COLUMN options.lot_size IS 'Smallest quantity step, in contracts';

COMMENT ON COLUMN options.min_quantity IS 'Smallest order, in contracts';

COMMENT ON COLUMN options.max_quantity IS 'Largest order, in contracts';

COMMENT ON COLUMN options.min_price IS 'Lowest price';

COMMENT ON COLUMN options.max_price IS 'Highest price';

COMMENT ON COLUMN options.min_notional IS 'Smallest order value';

COMMENT ON COLUMN options.maker_fee_bps IS 'Fee of a resting order, basis points';

COMMENT ON COLUMN options.taker_fee_bps IS 'Fee of an order that takes, basis points';

COMMENT ON COLUMN options.settlement_type IS 'cash or physical';

COMMENT ON COLUMN options.first_trading_date IS 'First day of trading, venue''s calendar';

COMMENT ON COLUMN options.expires_at IS 'The exact moment of expiration, if known';

COMMENT ON COLUMN options.delist_at IS 'From when on it trades no more';

COMMENT ON COLUMN options.venue_status IS 'The exchange''s own word for the status';

CREATE TABLE pool_tokens (
    id UUID NOT NULL,
    position SMALLINT NOT NULL,
    instrument_id UUID NOT NULL,
    weight NUMERIC,
    CONSTRAINT pk_pool_tokens PRIMARY KEY (id, position),
    CONSTRAINT uq_pool_tokens__id_instrument_id UNIQUE (id, instrument_id),
    CONSTRAINT fk_pool_tokens__id FOREIGN KEY(id) REFERENCES pools (id),
    CONSTRAINT fk_pool_tokens__instrument_id FOREIGN KEY(instrument_id) REFERENCES instruments (id),
    CONSTRAINT ck_pool_tokens__weight_increment CHECK (weight > 0 AND is_wire_decimal(weight))
);

CREATE INDEX ix_pool_tokens__instrument_id ON pool_tokens (instrument_id);

COMMENT ON TABLE pool_tokens IS 'The tokens of each pool, two or more';

COMMENT ON COLUMN pool_tokens.id IS 'The pool';

COMMENT ON COLUMN pool_tokens.position IS '0, 1, 2 …';

COMMENT ON COLUMN pool_tokens.instrument_id IS 'The token or native coin';

COMMENT ON COLUMN pool_tokens.weight IS 'Its weight as a fraction; all weights make 1';

CREATE TABLE synthetics (
    id UUID NOT NULL,
    name TEXT NOT NULL,
    formula TEXT NOT NULL,
    update_interval_ns BIGINT,
    min_value NUMERIC,
    max_value NUMERIC,
    outlier_threshold NUMERIC,
    stale_after_ns BIGINT,
    CONSTRAINT pk_synthetics PRIMARY KEY (id),
    CONSTRAINT ck_synthetics__range CHECK (min_value <= max_value),
    CONSTRAINT fk_synthetics__id FOREIGN KEY(id) REFERENCES instruments (id),
    CONSTRAINT uq_synthetics__name UNIQUE (name),
    CONSTRAINT ck_synthetics__name_key CHECK (octet_length(name) BETWEEN 1 AND 255 AND name IS NFC NORMALIZED),
    CONSTRAINT ck_synthetics__formula_text CHECK (octet_length(formula) BETWEEN 1 AND 65535 AND formula IS NFC NORMALIZED),
    CONSTRAINT ck_synthetics__update_interval_ns_nanoseconds CHECK (update_interval_ns > 0),
    CONSTRAINT ck_synthetics__min_value_signed CHECK (is_wire_decimal(min_value)),
    CONSTRAINT ck_synthetics__max_value_signed CHECK (is_wire_decimal(max_value)),
    CONSTRAINT ck_synthetics__outlier_threshold_increment CHECK (outlier_threshold > 0 AND is_wire_decimal(outlier_threshold)),
    CONSTRAINT ck_synthetics__stale_after_ns_nanoseconds CHECK (stale_after_ns > 0)
);

COMMENT ON TABLE synthetics IS 'Instruments that are a formula over others; only defined here, never evaluated';

COMMENT ON COLUMN synthetics.id IS 'Instrument id';

COMMENT ON COLUMN synthetics.name IS 'Its name, which identifies it';

COMMENT ON COLUMN synthetics.formula IS 'The formula in its canonical spelling';

COMMENT ON COLUMN synthetics.update_interval_ns IS 'Nanoseconds between two evaluations';

COMMENT ON COLUMN synthetics.min_value IS 'The lowest value that can be believed';

COMMENT ON COLUMN synthetics.max_value IS 'The highest value that can be believed';

COMMENT ON COLUMN synthetics.outlier_threshold IS 'Standard deviations that make an outlier';

COMMENT ON COLUMN synthetics.stale_after_ns IS 'Greatest age of a price, nanoseconds';

CREATE TABLE successions (
    kind SMALLINT NOT NULL,
    predecessor_id UUID NOT NULL,
    successor_id UUID NOT NULL,
    succession_kind TEXT NOT NULL,
    ratio NUMERIC,
    effective_at TIMESTAMP WITH TIME ZONE NOT NULL,
    is_in_effect BOOLEAN NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT,
    recorded_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT pk_successions PRIMARY KEY (kind, predecessor_id, successor_id),
    CONSTRAINT fk_successions__kind_predecessor_id FOREIGN KEY(kind, predecessor_id) REFERENCES identities (kind, id),
    CONSTRAINT fk_successions__kind_successor_id FOREIGN KEY(kind, successor_id) REFERENCES identities (kind, id),
    CONSTRAINT ck_successions__two_records CHECK (predecessor_id <> successor_id),
    CONSTRAINT fk_successions__succession_kind FOREIGN KEY(succession_kind) REFERENCES succession_kinds (succession_kind),
    CONSTRAINT ck_successions__ratio_increment CHECK (ratio > 0 AND is_wire_decimal(ratio)),
    CONSTRAINT ck_successions__effective_at_moment CHECK (effective_at >= '1970-01-01 00:00:00+00' AND effective_at < '2262-01-01 00:00:00+00'),
    CONSTRAINT ck_successions__reason_text CHECK (octet_length(reason) BETWEEN 1 AND 65535 AND reason IS NFC NORMALIZED)
);

CREATE INDEX ix_successions__effective_at ON successions (effective_at) WHERE NOT is_in_effect;

CREATE INDEX ix_successions__kind_successor_id ON successions (kind, successor_id);

COMMENT ON TABLE successions IS 'Which record follows which; many may follow one, and one may follow many';

COMMENT ON COLUMN successions.kind IS 'Kind of both ids';

COMMENT ON COLUMN successions.predecessor_id IS 'What was there before';

COMMENT ON COLUMN successions.successor_id IS 'What is there instead';

COMMENT ON COLUMN successions.succession_kind IS 'learnt, corrected, isin_change …';

COMMENT ON COLUMN successions.ratio IS 'Units of the successor for one of the predecessor';

COMMENT ON COLUMN successions.effective_at IS 'From when on';

COMMENT ON COLUMN successions.is_in_effect IS 'Whether it has been applied to the records';

COMMENT ON COLUMN successions.actor IS 'Who said so';

COMMENT ON COLUMN successions.reason IS 'Why';

COMMENT ON COLUMN successions.recorded_at IS 'When it was recorded';

CREATE TABLE synthetic_components (
    id UUID NOT NULL,
    position SMALLINT NOT NULL,
    variable TEXT NOT NULL,
    instrument_id UUID,
    pair_id UUID,
    pool_id UUID,
    measure TEXT NOT NULL,
    CONSTRAINT pk_synthetic_components PRIMARY KEY (id, position),
    CONSTRAINT uq_synthetic_components__id_variable UNIQUE (id, variable),
    CONSTRAINT ck_synthetic_components__one_target CHECK (num_nonnulls(instrument_id, pair_id, pool_id) = 1),
    CONSTRAINT fk_synthetic_components__id FOREIGN KEY(id) REFERENCES synthetics (id),
    CONSTRAINT fk_synthetic_components__instrument_id FOREIGN KEY(instrument_id) REFERENCES instruments (id),
    CONSTRAINT fk_synthetic_components__pair_id FOREIGN KEY(pair_id) REFERENCES pairs (id),
    CONSTRAINT fk_synthetic_components__pool_id FOREIGN KEY(pool_id) REFERENCES pools (id),
    CONSTRAINT fk_synthetic_components__measure FOREIGN KEY(measure) REFERENCES component_measures (component_measure),
    CONSTRAINT ck_synthetic_components__variable_name CHECK (variable ~ '^[A-Za-z_][A-Za-z0-9_]{0,63}$')
);

CREATE INDEX ix_synthetic_components__instrument_id ON synthetic_components (instrument_id);

CREATE INDEX ix_synthetic_components__pair_id ON synthetic_components (pair_id);

CREATE INDEX ix_synthetic_components__pool_id ON synthetic_components (pool_id);

COMMENT ON TABLE synthetic_components IS 'What the variables of each formula stand for';

COMMENT ON COLUMN synthetic_components.id IS 'The synthetic';

COMMENT ON COLUMN synthetic_components.position IS '0, 1, 2 …';

COMMENT ON COLUMN synthetic_components.variable IS 'Its name in the formula';

COMMENT ON COLUMN synthetic_components.instrument_id IS 'The instrument, if it is one';

COMMENT ON COLUMN synthetic_components.pair_id IS 'The pair, if it is one';

COMMENT ON COLUMN synthetic_components.pool_id IS 'The pool, if it is one';

COMMENT ON COLUMN synthetic_components.measure IS 'What is taken: its price, or days to its expiry'
"""

#: Tables that were there before: new columns, rules and indexes.
CHANGES = """
ALTER TABLE assets ADD COLUMN delist_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE assets ADD CONSTRAINT ck_assets__delist_at_end CHECK (delist_at >= '1970-01-01 00:00:00+00' AND delist_at < '2099-01-01 00:00:00+00');

COMMENT ON COLUMN assets.delist_at IS 'From when on the exchange has it no more';

ALTER TABLE equities ADD COLUMN delist_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE equities ADD CONSTRAINT ck_equities__delist_at_end CHECK (delist_at >= '1970-01-01 00:00:00+00' AND delist_at < '2099-01-01 00:00:00+00');

COMMENT ON COLUMN equities.delist_at IS 'From when on it trades no more on its home market';

ALTER TABLE pairs ADD COLUMN delist_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE pairs ADD CONSTRAINT ck_pairs__delist_at_end CHECK (delist_at >= '1970-01-01 00:00:00+00' AND delist_at < '2099-01-01 00:00:00+00');

COMMENT ON COLUMN pairs.delist_at IS 'From when on it trades no more';

ALTER TABLE listings ADD COLUMN delist_at TIMESTAMP WITH TIME ZONE;

ALTER TABLE listings ADD CONSTRAINT ck_listings__delist_at_end CHECK (delist_at >= '1970-01-01 00:00:00+00' AND delist_at < '2099-01-01 00:00:00+00');

COMMENT ON COLUMN listings.delist_at IS 'From when on it trades no more on this venue';

ALTER TABLE venues ADD COLUMN session_open TIME WITHOUT TIME ZONE;

ALTER TABLE venues ADD CONSTRAINT ck_venues__session_open_clock CHECK (session_open < '24:00:00' AND date_trunc('second', session_open::interval) = session_open::interval);

COMMENT ON COLUMN venues.session_open IS 'Opening of a regular session, local time';

ALTER TABLE venues ADD COLUMN session_close TIME WITHOUT TIME ZONE;

ALTER TABLE venues ADD CONSTRAINT ck_venues__session_close_clock CHECK (session_close < '24:00:00' AND date_trunc('second', session_close::interval) = session_close::interval);

COMMENT ON COLUMN venues.session_close IS 'Close of a regular session, local time';

ALTER TABLE venues ADD COLUMN clearing_house TEXT;

ALTER TABLE venues ADD CONSTRAINT ck_venues__clearing_house_text CHECK (octet_length(clearing_house) BETWEEN 1 AND 65535 AND clearing_house IS NFC NORMALIZED);

COMMENT ON COLUMN venues.clearing_house IS 'Who clears what trades there';

ALTER TABLE venues ADD COLUMN contract_types TEXT[];

ALTER TABLE venues ADD CONSTRAINT ck_venues__contract_types_keys CHECK (is_key_list(contract_types));

COMMENT ON COLUMN venues.contract_types IS 'Kinds of contracts, in the venue''s own words';

ALTER TABLE venues ADD COLUMN exercise_styles TEXT[];

ALTER TABLE venues ADD CONSTRAINT ck_venues__exercise_styles_keys CHECK (is_key_list(exercise_styles));

COMMENT ON COLUMN venues.exercise_styles IS 'Exercise styles of its options';

ALTER TABLE venues ADD COLUMN blockchains TEXT[];

ALTER TABLE venues ADD CONSTRAINT ck_venues__blockchains_keys CHECK (is_key_list(blockchains));

COMMENT ON COLUMN venues.blockchains IS 'CAIP-2 names of the blockchains that it supports';

ALTER TABLE catalog_info ADD COLUMN applied_until TIMESTAMP WITH TIME ZONE;

COMMENT ON COLUMN catalog_info.applied_until IS 'What was due until then (delistings, expiries, successions) has been applied; NULL for nothing';

ALTER TABLE alias_claims ADD COLUMN is_chosen BOOLEAN DEFAULT false NOT NULL;

COMMENT ON COLUMN alias_claims.is_chosen IS 'True for the claimant that an operator decided for';

CREATE UNIQUE INDEX uq_alias_claims__chosen ON alias_claims (alias_id) WHERE is_chosen;

ALTER TABLE disputes ADD COLUMN chosen JSONB;

COMMENT ON COLUMN disputes.chosen IS 'The side that was accepted';

ALTER TABLE disputes DROP CONSTRAINT uq_disputes__dispute_key;

CREATE UNIQUE INDEX uq_disputes__open_dispute_key ON disputes (dispute_key) WHERE state = 'open';

CREATE INDEX ix_disputes__dispute_key ON disputes (dispute_key);

COMMENT ON COLUMN disputes.dispute_key IS 'What it is about: one open dispute per key';

CREATE UNIQUE INDEX uq_identities__event_type_number ON identities (id64) WHERE kind = 7;

COMMENT ON COLUMN identities.id64 IS 'First 8 bytes (4 of an event type), so mapped that they sort as the id does';

CREATE INDEX ix_observations__listing_instrument ON observations ((statement ->> 'instrument_id')) WHERE kind = 8;

ALTER TABLE changes DROP CONSTRAINT ck_changes__action_known;

ALTER TABLE changes ADD CONSTRAINT ck_changes__action_known CHECK (action IN ('register', 'update', 'suspend', 'retire', 'resume', 'relist', 'alias', 'move', 'remove', 'supersede'));

ALTER TABLE equities ADD CONSTRAINT ck_equities__price_unit_of_currency CHECK (price_unit IS NULL OR (price_unit, currency) IN (('GBX', 'GBP'), ('ILA', 'ILS'), ('ZAC', 'ZAR')));

ALTER TABLE venues ADD CONSTRAINT ck_venues__whole_session CHECK ((session_open IS NULL) = (session_close IS NULL));

ALTER TABLE venues ADD CONSTRAINT ck_venues__session_in_a_zone CHECK (session_open IS NULL OR timezone IS NOT NULL)
"""

VOCABULARIES = """
INSERT INTO component_measures (component_measure, code) VALUES
    ('price', 1),
    ('days_to_expiry', 2);

INSERT INTO event_field_types (event_field_type, code) VALUES
    ('instrument_id', 1),
    ('pool_id', 2),
    ('uint64', 3),
    ('float64', 4),
    ('string', 5),
    ('timestamp', 6),
    ('address', 7),
    ('hash', 8),
    ('array', 9),
    ('pair_id', 10),
    ('venue_id', 11),
    ('security_id', 12),
    ('boolean', 13),
    ('uint8', 14),
    ('uint16', 15),
    ('uint32', 16),
    ('uint128', 17),
    ('uint160', 18),
    ('uint256', 19),
    ('int32', 20),
    ('int64', 21),
    ('int128', 22),
    ('int256', 23),
    ('decimal', 24);

INSERT INTO event_priorities (event_priority, code) VALUES
    ('critical', 1),
    ('high', 2),
    ('standard', 3),
    ('low', 4),
    ('background', 5);

INSERT INTO event_sources (event_source, code) VALUES
    ('defi', 1),
    ('cex', 2),
    ('tradfi', 3),
    ('internal', 4);

INSERT INTO exercise_styles (exercise_style, code) VALUES
    ('american', 1),
    ('european', 2),
    ('bermudan', 3);

INSERT INTO option_kinds (option_kind, code) VALUES
    ('call', 1),
    ('put', 2);

INSERT INTO pool_types (pool_type, code) VALUES
    ('constant_product', 1),
    ('concentrated_liquidity', 2),
    ('stable_swap', 3),
    ('weighted', 4),
    ('custom', 5);

INSERT INTO settlement_types (settlement_type, code) VALUES
    ('cash', 1),
    ('physical', 2);

INSERT INTO succession_kinds (succession_kind, code) VALUES
    ('learnt', 1),
    ('corrected', 2),
    ('isin_change', 3),
    ('redenomination', 4),
    ('migration', 5),
    ('merger', 6),
    ('split_off', 7);

INSERT INTO venue_types (venue_type, code) VALUES
    ('hybrid_exchange', 9)
"""

RULES = """
CREATE FUNCTION refuse_synthetic_cycles() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    culprit text;
BEGIN
    IF NOT EXISTS (SELECT FROM changed c JOIN synthetics s ON s.id = c.instrument_id) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('catalog synthetic_components', 0));
    WITH RECURSIVE way(first, part) AS (
        SELECT id, instrument_id FROM changed WHERE instrument_id IS NOT NULL
        UNION SELECT way.first, c.instrument_id FROM way JOIN synthetic_components c ON c.id = way.part
            WHERE c.instrument_id IS NOT NULL)
    SELECT s.name INTO culprit FROM way JOIN synthetics s ON s.id = way.first WHERE way.first = way.part LIMIT 1;
    IF culprit IS NOT NULL THEN
        RAISE EXCEPTION 'the synthetic is made of itself' USING ERRCODE = 'check_violation', DETAIL = culprit,
            CONSTRAINT = 'ck_synthetic_components__no_cycle', TABLE = 'synthetic_components';
    END IF;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION refuse_synthetic_cycles() IS 'Refuses a synthetic that would be made of itself';

CREATE TRIGGER refuse_cycles AFTER INSERT ON synthetic_components REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_synthetic_cycles();

CREATE TRIGGER refuse_cycles_of_updates AFTER UPDATE ON synthetic_components REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_synthetic_cycles();

CREATE FUNCTION refuse_succession_cycles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('catalog successions', 0));
    IF EXISTS (
        WITH RECURSIVE line(first, kind, id) AS (
            SELECT predecessor_id, kind, successor_id FROM changed
            UNION SELECT line.first, line.kind, s.successor_id FROM line
                JOIN successions s ON (s.kind, s.predecessor_id) = (line.kind, line.id))
        SELECT FROM line WHERE first = id) THEN
        RAISE EXCEPTION 'the record succeeds itself' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'ck_successions__no_cycle', TABLE = 'successions';
    END IF;
    RETURN NULL;
END $$;

COMMENT ON FUNCTION refuse_succession_cycles() IS 'Refuses a succession that leads back to its own predecessor';

CREATE TRIGGER refuse_cycles AFTER INSERT ON successions REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_succession_cycles()
"""

NEW_TABLES = (
    "synthetic_components",
    "successions",
    "synthetics",
    "pool_tokens",
    "options",
    "futures",
    "event_fields",
    "broker_contracts",
    "pools",
    "event_types",
    "succession_kinds",
    "settlement_types",
    "pool_types",
    "option_kinds",
    "exercise_styles",
    "event_sources",
    "event_priorities",
    "event_field_types",
    "component_measures",
)

#: What only this revision can hold goes; the change log keeps its numbers.
DOWNGRADE = """
DELETE FROM listings WHERE instrument_id IN (SELECT id FROM instruments WHERE record IN ('future', 'option', 'synthetic'));

DELETE FROM pairs WHERE EXISTS (SELECT 1 FROM instruments i WHERE i.id IN (base_id, quote_id) AND i.record IN ('future', 'option', 'synthetic'));

DELETE FROM observations WHERE kind IN (4, 6, 7) OR subject_id IN (SELECT id FROM instruments WHERE record IN ('future', 'option', 'synthetic'));

DELETE FROM identities WHERE kind IN (4, 6, 7) OR (kind = 1 AND id IN (SELECT id FROM instruments WHERE record IN ('future', 'option', 'synthetic')));

DELETE FROM instruments WHERE record IN ('future', 'option', 'synthetic');

UPDATE venues SET venue_type = 'other' WHERE venue_type = 'hybrid_exchange';

DELETE FROM venue_types WHERE venue_type = 'hybrid_exchange';

ALTER TABLE equities DROP CONSTRAINT ck_equities__price_unit_of_currency;

ALTER TABLE assets DROP COLUMN delist_at;

ALTER TABLE equities DROP COLUMN delist_at;

ALTER TABLE pairs DROP COLUMN delist_at;

ALTER TABLE listings DROP COLUMN delist_at;

ALTER TABLE venues DROP COLUMN session_open;

ALTER TABLE venues DROP COLUMN session_close;

ALTER TABLE venues DROP COLUMN clearing_house;

ALTER TABLE venues DROP COLUMN contract_types;

ALTER TABLE venues DROP COLUMN exercise_styles;

ALTER TABLE venues DROP COLUMN blockchains;

ALTER TABLE catalog_info DROP COLUMN applied_until;

ALTER TABLE alias_claims DROP COLUMN is_chosen;

ALTER TABLE disputes DROP COLUMN chosen;

DROP INDEX ix_observations__listing_instrument;

DROP INDEX uq_identities__event_type_number;

COMMENT ON COLUMN identities.id64 IS 'First 8 bytes, so mapped that they sort as the id does';

DELETE FROM disputes d WHERE state <> 'open' AND EXISTS (SELECT 1 FROM disputes e WHERE e.dispute_key = d.dispute_key AND e.number > d.number);

DELETE FROM disputes d WHERE EXISTS (SELECT 1 FROM disputes e WHERE e.dispute_key = d.dispute_key AND e.number > d.number);

DROP INDEX uq_disputes__open_dispute_key;

DROP INDEX ix_disputes__dispute_key;

ALTER TABLE disputes ADD CONSTRAINT uq_disputes__dispute_key UNIQUE (dispute_key);

COMMENT ON COLUMN disputes.dispute_key IS 'What it is about: one dispute per key';

UPDATE changes SET action = 'update' WHERE action = 'supersede';

ALTER TABLE changes DROP CONSTRAINT ck_changes__action_known;

ALTER TABLE changes ADD CONSTRAINT ck_changes__action_known CHECK (action IN ('register', 'update', 'suspend', 'retire', 'resume', 'relist', 'alias', 'move', 'remove'));

CREATE OR REPLACE FUNCTION is_wire_decimal(value numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN value NOT IN ('NaN', 'Infinity', '-Infinity')
    AND length(btrim(replace(abs(value)::text, '.', ''), '0')) <= 18
    AND scale(trim_scale(value)) <= 128
    AND abs(value) < 1e145
"""


def upgrade() -> None:
    connection = op.get_bind()
    for script in (FUNCTIONS, TABLES, CHANGES, RULES, VOCABULARIES):
        for statement in script.split(";\n\n"):
            connection.exec_driver_sql(statement)


def downgrade() -> None:
    connection = op.get_bind()
    for table in NEW_TABLES:
        connection.exec_driver_sql(f"DROP TABLE {table}")
    for function in ("refuse_synthetic_cycles", "refuse_succession_cycles"):
        connection.exec_driver_sql(f"DROP FUNCTION {function}()")
    for statement in DOWNGRADE.split(";\n\n"):
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("DROP FUNCTION is_key_list(text[])")
