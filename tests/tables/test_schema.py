"""The schema twice: by its revisions and by its definition; and up, down and up again with data in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

import catalog as package
from catalog import Catalog
from catalog.database import migrations, schema
from catalog.database.engine import make_engine
from catalog.domain import RECORDS, Security, Token, vocabulary
from catalog.errors import SchemaAhead, SchemaBehind, SchemaDiverged, SchemaMismatch
from catalog.repositories.mapping import NOUNS, table_of
from catalog.tables import metadata, reporting
from tests.conftest import Server

SAMPLE = Path(package.__file__).parent / "sample.jsonl"
USDC = "de16575aee83f5b239f1490846f29f2a"


def test_revisions_and_definition_make_the_same_schema(empty_database_url: str, database_url: str) -> None:
    twin, migrated = make_engine(empty_database_url), make_engine(database_url)
    metadata.create_all(twin)
    with twin.connect() as one, migrated.connect() as other:
        assert schema.differences(schema.describe(one), schema.describe(other)) == []
        assert schema.differences(schema.describe(other), schema.expected()) == []
        views = schema.view_definitions(one)
        assert len(views) == len(reporting.VIEWS)
        assert views == schema.view_definitions(other)
    twin.dispose()
    migrated.dispose()


def test_up_down_up_with_data(database_url: str) -> None:
    with Catalog.open(database_url) as catalog:
        catalog.register(Token(blockchain="eip155:1", address="0x" + "1" * 40, decimals=18))
    migrations.downgrade(database_url, "base")
    engine = make_engine(database_url)
    with engine.connect() as connection:
        assert schema.describe(connection) == {}
    migrations.upgrade(database_url)
    with engine.connect() as connection:
        assert migrations.check(connection).state == "current"
    engine.dispose()


def test_the_definition_can_be_dropped(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    metadata.create_all(engine)
    metadata.drop_all(engine)
    with engine.connect() as connection:
        assert {name for name in schema.describe(connection) if "refuse_" not in name} == set()
    engine.dispose()


def test_a_view_that_reads_something_else_is_seen(database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER VIEW reporting.venues SET (security_invoker = true)"))
        state = migrations.check(connection)
        assert [d.partition(" reads")[0] for d in state.differences] == [
            "view reporting.venues differs: security_invoker=true"
        ]
        connection.execute(text("DROP VIEW reporting.venues"))
        state = migrations.check(connection)
        assert state.state == "diverged"
        assert "view reporting.venues is missing" in state.differences
        assert "comment reporting.venues.mic is missing" in state.differences
    engine.dispose()


def test_wide_ids_have_a_plain_index(database_url: str) -> None:
    wide = "CREATE INDEX ix_identities__kind_id64 ON identities (kind, id64)"
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE catalog_info SET id_bits = 128"))
        assert migrations.check(connection).differences == [
            "index ix_identities__kind_id64 is missing",
            "index uq_identities__kind_id64 is not ours",
        ]
        connection.execute(text("DROP INDEX uq_identities__kind_id64"))
        connection.execute(text(wide))
        assert migrations.check(connection).state == "current"
        connection.execute(text("DROP INDEX ix_identities__kind_id64"))
        connection.execute(text(wide.replace("INDEX", "UNIQUE INDEX")))
        assert migrations.check(connection).state == "diverged"
        connection.execute(text("UPDATE catalog_info SET id_bits = 64"))
        assert migrations.check(connection).differences == [
            "index ix_identities__kind_id64 is not ours",
            "index uq_identities__kind_id64 is missing",
        ]
        connection.execute(text("ALTER TABLE catalog_info DROP COLUMN id_bits"))
        assert "column catalog_info.id_bits is missing" in migrations.check(connection).differences
    engine.dispose()


def test_each_revision_goes_down_and_up_with_data(database_url: str, empty_database_url: str) -> None:
    """With a record of every type, a succession, a decided dispute and its successor: down a step leaves exactly what
    that step makes, and up again the catalog works on."""
    migrations.upgrade(empty_database_url, "0001_spine")
    clean = make_engine(empty_database_url)
    with clean.connect() as connection:
        spine = schema.describe(connection)
    clean.dispose()
    fill(database_url)
    engine = make_engine(database_url)
    for revision in ("0002_model", "0001_spine"):
        migrations.downgrade(database_url, revision)
    with engine.connect() as connection:
        assert schema.differences(schema.describe(connection), spine) == []
        left = connection.execute(text("SELECT count(*), max(sequence), min(sequence) FROM changes")).one()
        assert left[0] == left[1] - left[2] + 1
        assert connection.execute(text("SELECT count(*) FROM tokens")).scalar()
    migrations.upgrade(database_url)
    with engine.connect() as connection:
        assert migrations.check(connection).state == "current"
    engine.dispose()
    fill(database_url)


def test_existing_rows_get_their_skeletons(database_url: str) -> None:
    query = text("SELECT id, symbol_skeleton, name_skeleton FROM instruments ORDER BY id")
    with Catalog.open(database_url) as catalog:
        catalog.import_file("jsonl", str(SAMPLE), feed="sample")
        catalog.register(Token(blockchain="eip155:1", address="0x" + "1" * 40, decimals=18, symbol="USD\u0421"))
        catalog.register(Token(blockchain="eip155:1", address="0x" + "2" * 40, decimals=18, symbol="\u200b"))
        catalog.instruments.verify(USDC)
    engine = make_engine(database_url)
    with engine.connect() as connection:
        before = connection.execute(query).all()
    migrations.downgrade(database_url, "0006_calendars")
    migrations.upgrade(database_url)
    with engine.connect() as connection:
        assert connection.execute(query).all() == before
        assert sum(symbol is not None for _, symbol, _ in before) > 20
        assert migrations.check(connection).state == "current"
    engine.dispose()


def test_down_takes_other_symbols_from_all_that_an_older_program_reads(database_url: str) -> None:
    pair, names = "0d3a5d225749b30b2a9d385db4227557", ["XBT/USD", "XBTUSD"]
    with Catalog.open(database_url) as catalog:
        catalog.import_file("jsonl", str(SAMPLE), feed="sample")
        catalog.pairs.update(pair, {"other_symbols": [*names, "XBT-USD"]})
        catalog.pairs.update(pair, {"tick_size": "0.5"})
    where = {"observations": "statement", "history": "image"}
    engine = make_engine(database_url)

    def holding() -> list[int]:
        with engine.connect() as connection:
            counts = [f"(SELECT count(*) FROM {t} WHERE {c} ? 'other_symbols')" for t, c in where.items()]
            return list(connection.exec_driver_sql(f"SELECT {', '.join(counts)}").one())

    assert 0 not in holding()
    migrations.downgrade(database_url, "0008_ingest")
    assert holding() == [0, 0]
    with engine.connect() as connection:
        assert (
            connection.execute(
                text("SELECT tick_size::text FROM reporting.exchange_pairs WHERE id = :id"), {"id": pair}
            ).scalar()
            == "0.5"
        )
    migrations.upgrade(database_url)
    with Catalog.open(database_url) as catalog:
        assert [catalog.pairs.get(pair).to_json().get(name) for name in ("other_symbols", "tick_size")] == [None, "0.5"]
        catalog.import_file("jsonl", str(SAMPLE), feed="sample")
    engine.dispose()


def fill(database_url: str) -> None:
    """The sample, a succession, and a dispute that was rejected and came again with another side."""
    token = Token(blockchain="eip155:1", address="0x" + "1" * 40, decimals=18)
    with Catalog.open(database_url) as catalog:
        catalog.import_file("jsonl", str(SAMPLE), feed="sample")
        catalog.register(token)
        catalog.instruments.supersede(token.id, USDC, "migration")
        for cusip in ("037833100", "594918104"):
            catalog.register(Security(isin="IE00B5BMR087", cusip=cusip))
            for dispute in catalog.disputes():
                catalog.reject_dispute(dispute["number"], "no")


def test_one_head() -> None:
    assert migrations.head() in migrations.known_revisions()


def test_behind_ahead_and_diverged_are_told_apart(empty_database_url: str, database_url: str) -> None:
    with pytest.raises(SchemaBehind):
        Catalog.open(empty_database_url)
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE tokens DROP CONSTRAINT ck_tokens__symbol_key"))
        state = migrations.check(connection)
        assert state.state == "diverged"
        assert state.differences == ["constraint tokens.ck_tokens__symbol_key is missing"]
        assert isinstance(state.problem(), SchemaDiverged)
        connection.execute(text("UPDATE alembic_version SET version_num = 'from the future'"))
    with pytest.raises(SchemaAhead):
        Catalog.open(database_url)
    with pytest.raises(SchemaAhead):
        migrations.upgrade(database_url)
    engine.dispose()


def test_every_field_of_every_record_has_a_column() -> None:
    for record, noun in NOUNS.items():
        fields = set(RECORDS[record].model_fields) - RECORDS[record].LISTS.keys()
        columns = {c.name for table in noun.tables for c in table_of(table).columns}
        assert fields - columns <= {"record"}, record
        for field, table in noun.lists:
            elements = set(RECORDS[record].LISTS[field].model_fields)
            assert elements == {c.name for c in table_of(table).columns} - {"id", "position"}, (record, field)
        assert {field for field, _ in noun.lists} == RECORDS[record].LISTS.keys()


def test_every_table_and_column_has_a_comment() -> None:
    for table in metadata.tables.values():
        assert table.comment, table.name
        assert not [c.name for c in table.columns if not c.comment], table.name


def test_shipped_vocabularies_are_rows(database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.connect() as connection:
        rows = {r.blockchain: r for r in connection.execute(text("SELECT * FROM blockchains"))}
        assert {b: (r.name, r.code, r.address_format, tuple(r.native_aliases)) for b, r in rows.items()} == {
            b.caip2: (b.name, b.code, b.address_format, b.native_aliases) for b in vocabulary.BLOCKCHAINS.values()
        }
        for table, column, wanted in (
            ("statuses", "status", vocabulary.STATUSES),
            ("venue_types", "venue_type", vocabulary.VENUE_TYPES),
            ("token_standards", "token_standard", vocabulary.TOKEN_STANDARDS),
        ):
            found = connection.execute(text(f"SELECT {column}, code FROM {table}"))
            assert {name: code for name, code in found} == wanted  # noqa: C416
    engine.dispose()


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("0", True), ("123456789012345678", True), ("1234567890123456789", False), ("1e-128", True), ("1e-129", False),
        ("1e100", True), ("NaN", False), ("-0.5", True), ("1234567890.12345678", True), ("1234567890.123456789", False),
    ],
)  # fmt: skip
def test_wire_decimal(database_url: str, value: str, fits: bool) -> None:
    engine = make_engine(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT is_wire_decimal(CAST(:v AS numeric))"), {"v": value}).scalar() is fits
    engine.dispose()


def test_a_database_without_unicode_is_refused(database_server: Server) -> None:
    name = "without_unicode"
    database_server.admin.execute(
        f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    try:
        with pytest.raises(SchemaMismatch, match="SQL_ASCII") as caught:
            migrations.upgrade(database_server.url_of(name))
        assert "ENCODING 'UTF8'" in str(caught.value.hint)
    finally:
        database_server.admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
