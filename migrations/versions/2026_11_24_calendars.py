"""Trading calendars: sessions and holidays of venues, with their views.

Locks: SHARE ROW EXCLUSIVE on `venues` and `import_runs` for the foreign keys, for a moment: readers do not notice.
"""

from __future__ import annotations

from alembic import op

revision = "0006_calendars"
down_revision = "0005_intake"
branch_labels = None
depends_on = None

STATEMENTS = """
CREATE TABLE venue_calendars (
    venue_id uuid NOT NULL,
    covered datemultirange NOT NULL,
    timezone text NOT NULL,
    calendar text NOT NULL,
    library_version text NOT NULL,
    run_id bigint NOT NULL,
    CONSTRAINT pk_venue_calendars PRIMARY KEY (venue_id),
    CONSTRAINT ck_venue_calendars__timezone_known CHECK (timezone(timezone, timestamp '2000-01-01 00:00:00') IS NOT NULL),
    CONSTRAINT fk_venue_calendars__venue_id FOREIGN KEY(venue_id) REFERENCES venues (id),
    CONSTRAINT fk_venue_calendars__run_id FOREIGN KEY(run_id) REFERENCES import_runs (run_id),
    CONSTRAINT ck_venue_calendars__timezone_zone CHECK (timezone ~ '^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$' AND octet_length(timezone) <= 64),
    CONSTRAINT ck_venue_calendars__calendar_key CHECK (octet_length(calendar) BETWEEN 1 AND 255 AND calendar IS NFC NORMALIZED),
    CONSTRAINT ck_venue_calendars__library_version_key CHECK (octet_length(library_version) BETWEEN 1 AND 255 AND library_version IS NFC NORMALIZED)
);

COMMENT ON TABLE venue_calendars IS 'Trading calendars of venues: which days are known, and who says so';

COMMENT ON COLUMN venue_calendars.venue_id IS 'The venue';

COMMENT ON COLUMN venue_calendars.covered IS 'The days of which everything is known: one without a session is one without trading';

COMMENT ON COLUMN venue_calendars.timezone IS 'IANA time zone of its hours';

COMMENT ON COLUMN venue_calendars.calendar IS 'What exchange_calendars calls it';

COMMENT ON COLUMN venue_calendars.library_version IS 'Version of exchange_calendars that said it last';

COMMENT ON COLUMN venue_calendars.run_id IS 'The import run that changed this row last';

CREATE TABLE venue_sessions (
    venue_id uuid NOT NULL,
    day date NOT NULL,
    opens_at timestamptz NOT NULL,
    closes_at timestamptz NOT NULL,
    break_starts_at timestamptz,
    break_ends_at timestamptz,
    is_short boolean NOT NULL,
    run_id bigint NOT NULL,
    CONSTRAINT pk_venue_sessions PRIMARY KEY (venue_id, day),
    CONSTRAINT ex_venue_sessions__no_overlap EXCLUDE USING gist (numrange(uuid_hash_extended(venue_id, 0)::numeric, uuid_hash_extended(venue_id, 0)::numeric, '[]') WITH &&, tstzrange(opens_at, closes_at) WITH &&),
    CONSTRAINT ck_venue_sessions__closes_after_opening CHECK (opens_at < closes_at),
    CONSTRAINT ck_venue_sessions__whole_break CHECK ((break_starts_at IS NULL) = (break_ends_at IS NULL)),
    CONSTRAINT ck_venue_sessions__break_inside CHECK (opens_at < break_starts_at AND break_starts_at < break_ends_at AND break_ends_at < closes_at),
    CONSTRAINT fk_venue_sessions__venue_id FOREIGN KEY(venue_id) REFERENCES venue_calendars (venue_id),
    CONSTRAINT fk_venue_sessions__run_id FOREIGN KEY(run_id) REFERENCES import_runs (run_id),
    CONSTRAINT ck_venue_sessions__opens_at_moment CHECK (opens_at >= '1970-01-01 00:00:00+00' AND opens_at < '2262-01-01 00:00:00+00'),
    CONSTRAINT ck_venue_sessions__closes_at_moment CHECK (closes_at >= '1970-01-01 00:00:00+00' AND closes_at < '2262-01-01 00:00:00+00'),
    CONSTRAINT ck_venue_sessions__break_starts_at_moment CHECK (break_starts_at >= '1970-01-01 00:00:00+00' AND break_starts_at < '2262-01-01 00:00:00+00'),
    CONSTRAINT ck_venue_sessions__break_ends_at_moment CHECK (break_ends_at >= '1970-01-01 00:00:00+00' AND break_ends_at < '2262-01-01 00:00:00+00')
);

COMMENT ON TABLE venue_sessions IS 'Trading sessions of venues';

COMMENT ON COLUMN venue_sessions.venue_id IS 'The venue';

COMMENT ON COLUMN venue_sessions.day IS 'The day that the venue counts it to; it may open the evening before';

COMMENT ON COLUMN venue_sessions.opens_at IS 'When it opens';

COMMENT ON COLUMN venue_sessions.closes_at IS 'When it closes; at that moment it is closed';

COMMENT ON COLUMN venue_sessions.break_starts_at IS 'When its break starts; NULL for none';

COMMENT ON COLUMN venue_sessions.break_ends_at IS 'When its break ends; at that moment it is open';

COMMENT ON COLUMN venue_sessions.is_short IS 'True when there is less time to trade than in a regular session: a late opening, an early close';

COMMENT ON COLUMN venue_sessions.run_id IS 'The import run that wrote it';

CREATE TABLE venue_holidays (
    venue_id uuid NOT NULL,
    day date NOT NULL,
    run_id bigint NOT NULL,
    CONSTRAINT pk_venue_holidays PRIMARY KEY (venue_id, day),
    CONSTRAINT fk_venue_holidays__venue_id FOREIGN KEY(venue_id) REFERENCES venue_calendars (venue_id),
    CONSTRAINT fk_venue_holidays__run_id FOREIGN KEY(run_id) REFERENCES import_runs (run_id)
);

COMMENT ON TABLE venue_holidays IS 'Holidays of venues: days of the week on which there are sessions, without one';

COMMENT ON COLUMN venue_holidays.venue_id IS 'The venue';

COMMENT ON COLUMN venue_holidays.day IS 'The day';

COMMENT ON COLUMN venue_holidays.run_id IS 'The import run that wrote it';

CREATE VIEW reporting.sessions AS SELECT
    v.mic AS mic,
    v.name AS venue_name,
    s.day AS day,
    s.opens_at AS opens_at,
    s.closes_at AS closes_at,
    s.break_starts_at AS break_starts_at,
    s.break_ends_at AS break_ends_at,
    s.is_short AS is_short,
    k.timezone AS timezone,
    timezone(k.timezone, s.opens_at) AS opens_local,
    timezone(k.timezone, s.closes_at) AS closes_local,
    timezone(k.timezone, s.break_starts_at) AS break_starts_local,
    timezone(k.timezone, s.break_ends_at) AS break_ends_local,
    replace(s.venue_id::text, '-', '') AS venue_id,
    s.run_id AS run_id
FROM venue_sessions s
JOIN venue_calendars k ON k.venue_id = s.venue_id
JOIN venues v ON v.id = s.venue_id;

COMMENT ON VIEW reporting.sessions IS 'Trading sessions of venues';

COMMENT ON COLUMN reporting.sessions.mic IS 'MIC of the market, ISO 10383';

COMMENT ON COLUMN reporting.sessions.venue_name IS 'Name of the market';

COMMENT ON COLUMN reporting.sessions.day IS 'The day that the venue counts it to; it may open the evening before';

COMMENT ON COLUMN reporting.sessions.opens_at IS 'When it opens';

COMMENT ON COLUMN reporting.sessions.closes_at IS 'When it closes; at that moment it is closed';

COMMENT ON COLUMN reporting.sessions.break_starts_at IS 'When its break starts; NULL for none';

COMMENT ON COLUMN reporting.sessions.break_ends_at IS 'When its break ends; at that moment it is open';

COMMENT ON COLUMN reporting.sessions.is_short IS 'True when there is less time to trade than in a regular session: a late opening, an early close';

COMMENT ON COLUMN reporting.sessions.timezone IS 'IANA time zone of its hours';

COMMENT ON COLUMN reporting.sessions.opens_local IS 'When it opens. Day and time in timezone';

COMMENT ON COLUMN reporting.sessions.closes_local IS 'When it closes; at that moment it is closed. Day and time in timezone';

COMMENT ON COLUMN reporting.sessions.break_starts_local IS 'When its break starts; NULL for none. Day and time in timezone';

COMMENT ON COLUMN reporting.sessions.break_ends_local IS 'When its break ends; at that moment it is open. Day and time in timezone';

COMMENT ON COLUMN reporting.sessions.venue_id IS 'The venue: venue id';

COMMENT ON COLUMN reporting.sessions.run_id IS 'The import run that wrote it';

CREATE VIEW reporting.holidays AS SELECT
    v.mic AS mic,
    v.name AS venue_name,
    h.day AS day,
    replace(h.venue_id::text, '-', '') AS venue_id,
    h.run_id AS run_id
FROM venue_holidays h
JOIN venues v ON v.id = h.venue_id;

COMMENT ON VIEW reporting.holidays IS 'Holidays of venues: days of the week on which there are sessions, without one';

COMMENT ON COLUMN reporting.holidays.mic IS 'MIC of the market, ISO 10383';

COMMENT ON COLUMN reporting.holidays.venue_name IS 'Name of the market';

COMMENT ON COLUMN reporting.holidays.day IS 'The day';

COMMENT ON COLUMN reporting.holidays.venue_id IS 'The venue: venue id';

COMMENT ON COLUMN reporting.holidays.run_id IS 'The import run that wrote it'
"""


def upgrade() -> None:
    connection = op.get_bind()
    for statement in STATEMENTS.split(";\n\n"):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    connection = op.get_bind()
    for view in ("holidays", "sessions"):
        connection.exec_driver_sql(f"DROP VIEW reporting.{view}")
    for table in ("venue_holidays", "venue_sessions", "venue_calendars"):
        connection.exec_driver_sql(f"DROP TABLE {table}")
