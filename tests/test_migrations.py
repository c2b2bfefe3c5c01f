import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text

from indexer.errors import (
    DatabaseUnavailable,
    IndexNotInitialised,
    SchemaMismatch,
    SettingsError,
)
from indexer.store import (
    Arrival,
    BankDetails,
    NewRetroMatch,
    check,
    current,
    open_store,
    upgrade,
)
from indexer.store.database.migrate import configuration
from indexer.store.models import REVISION
from indexer.types import (
    BankKind,
    KnownSource,
    NewDecision,
    Outcome,
    Pdq,
    ReviewFilter,
    Severity,
    Signal,
    SourceStamp,
    Tier,
)
from support.calibration import aim, calibrated, strangers
from support.catalog import add, bare_pdq, bind, new_image
from support.forked import run_each

pytestmark = pytest.mark.postgres


def execute(url: str, statement: str) -> None:
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        connection.execute(statement)
        connection.commit()
        connection.close()
    else:
        with psycopg.connect(url) as connection:
            connection.execute(statement)


def test_the_models_name_the_newest_migration() -> None:
    scripts = ScriptDirectory.from_config(configuration("sqlite:///unused.db"))
    assert scripts.get_heads() == [REVISION]


def test_every_migration_file_starts_with_its_revision_so_that_names_sort_by_date() -> None:
    scripts = ScriptDirectory.from_config(configuration("sqlite:///unused.db"))
    for script in scripts.walk_revisions():
        assert Path(script.path).name.startswith(f"{script.revision}_")


def test_upgrading_makes_the_schema_that_the_models_describe(empty_database_url: str) -> None:
    assert current(empty_database_url) is None
    upgrade(empty_database_url)
    assert current(empty_database_url) == REVISION
    check(empty_database_url)


def test_upgrading_twice_keeps_the_identity_of_the_log(empty_database_url: str) -> None:
    upgrade(empty_database_url)
    with open_store(empty_database_url) as store:
        log_id = store.log_id
    upgrade(empty_database_url)
    with open_store(empty_database_url) as store:
        assert store.log_id == log_id


def test_the_migrations_can_be_undone_and_done_again(empty_database_url: str) -> None:
    upgrade(empty_database_url)
    command.downgrade(configuration(empty_database_url), "base")
    assert current(empty_database_url) is None
    upgrade(empty_database_url)
    check(empty_database_url)


def test_upgrading_keeps_what_the_catalog_holds(empty_database_url: str) -> None:
    url = empty_database_url
    command.upgrade(configuration(url), "202611230001")
    blob = r"'\x{}'" if url.startswith("postgres") else "x'{}'"
    values = {"blob": blob.format("00" * 32), "moment": "'2026-01-02 03:04:05+00:00'"}
    for row in (
        "spaces VALUES (1, 'ab', 'm', 'a', 8, '[\"photo\"]', {moment})",
        "images VALUES (7, {blob}, {blob}, {blob}, 99, 3, 2, 'PNG', 1, 5, {moment}, NULL)",
        "sources VALUES (1, 7, '/a.png', {blob}, 5, 1234567890, {moment}, NULL)",
        "embeddings VALUES (7, 1, {blob})",
        "classifications VALUES (7, 1, 'photo', '{{\"photo\": 1.0}}')",
        "banks VALUES (3, 'unsafe', 'block', {moment})",
        "entries VALUES (4, 3, 7, {moment}, {moment})",
        "entries VALUES (5, 3, 7, {moment}, NULL)",
        "changes VALUES (1, 'image', 7, 'added', {moment})",
        "changes VALUES (2, 'bank', 3, 'added', {moment})",
        "changes VALUES (3, 'entry', 4, 'removed', {moment})",
        "changes VALUES (4, 'entry', 5, 'added', {moment})",
    ):
        execute(url, "INSERT INTO " + row.format(**values))
    for _ in range(2):
        upgrade(url)
        check(url)
        with open_store(url) as store, store.reader() as catalog:
            record = catalog.images.get_many([7], with_embedding=True)[7]
            assert record.probabilities == {"photo": 1.0}
            assert record.embedding is not None
            assert record.embedding.tolist() == [0] * 8
            assert (record.pdq, record.sources) == (Pdq(bytes(32), 99), ("/a.png",))
            [source] = catalog.connection.execute(text("SELECT size, version FROM sources"))
            assert tuple(source) == (5, "1234567890")
            assert [entry.id for entry in record.entries] == [5]
            bank = catalog.banks.get("unsafe")
            assert (bank.kind, bank.entry_count, bank.enabled) == (BankKind.BLOCK, 1, True)
            assert catalog.entries.get(5).image_id == 7
            assert catalog.repair.problems(sample=0) == []
        command.downgrade(configuration(url), "202611230001")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE images SET md5 = NULL",
        "UPDATE images SET pdq = sha256 || sha256",
        "UPDATE images SET sha256 = sha256 || sha256",
        "UPDATE images SET purged_at = created_at",
    ],
)
def test_the_database_itself_refuses_half_an_image(database_url: str, statement: str) -> None:
    with open_store(database_url) as store:
        add(store, bind(store), 1)
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError), match="ck_images"):
        execute(database_url, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET image_id = NULL",
        "UPDATE entries SET fingerprint_kind = 'pdq'",
        "UPDATE entries SET image_id = NULL, fingerprint_kind = 'sha1', fingerprint = {whole}",
        "UPDATE entries SET image_id = NULL, fingerprint_kind = 'pdq', fingerprint = {half}",
        "UPDATE entries SET image_id = NULL, fingerprint_kind = 'md5', fingerprint = {whole}",
        "UPDATE entries SET image_id = NULL, fingerprint = {whole}",
        "UPDATE entries SET removed_at = created_at",
        "UPDATE entries SET removed_by = 'user'",
        "UPDATE entries SET removed_at = created_at, removed_by = 'nobody'",
        "UPDATE entries SET disabled_reason = 'boredom'",
        "UPDATE banks SET severity = 'dire'",
        "UPDATE banks SET kind = 'grey'",
        "UPDATE changes SET operation = 'lost'",
    ],
)
def test_the_database_itself_refuses_a_malformed_entry(database_url: str, statement: str) -> None:
    with open_store(database_url) as store:
        with store.writer() as writer:
            bank = writer.banks.create("unsafe", BankKind.BLOCK)
        add(store, bind(store), 1, bank_id=bank.id)
    blob = r"'\x{}'" if database_url.startswith("postgres") else "x'{}'"
    statement = statement.format(whole=blob.format("ab" * 32), half=blob.format("ab" * 16))
    with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError), match=r"ck_\w+"):
        execute(database_url, statement)


def test_going_back_keeps_images_in_banks_and_loses_bare_fingerprints(database_url: str) -> None:
    with open_store(database_url) as store:
        with store.writer() as writer:
            kept, gone = (writer.banks.create(n, BankKind.BLOCK) for n in ("kept", "gone"))
            writer.entries.add_fingerprint(kept.id, bare_pdq(1))
        [image_id] = add(store, bind(store), 1, bank_id=kept.id)
        with store.writer() as writer:
            writer.entries.add(gone.id, [image_id])
            writer.banks.edit("kept", enabled=False)
            writer.banks.remove("gone")
    command.downgrade(configuration(database_url), "202611240001")
    upgrade(database_url)
    with open_store(database_url) as store, store.reader() as catalog:
        [bank] = catalog.banks.all()
        [entry] = catalog.images.get(image_id).entries
        assert (bank.name, bank.entry_count, bank.enabled) == ("kept", 1, True)
        assert (entry.bank, entry.image_id) == ("kept", image_id)


def test_going_back_keeps_the_images_without_parts_and_purged_ones(database_url: str) -> None:
    with open_store(database_url) as store:
        space = bind(store)
        kept, purged = add(store, space, 1, 2, frames=2)
        with store.writer() as writer:
            unknown = Arrival(SourceStamp("s3://bucket/1.jpg", None, "etag-1"))
            writer.images.add_sources([(kept, unknown)])
            writer.images.purge([purged])
    command.downgrade(configuration(database_url), "202611230001")
    upgrade(database_url)
    with open_store(database_url) as store, store.reader() as catalog:
        [record] = catalog.images.page()
        assert (record.id, len(record.sources)) == (kept, 2)
        assert catalog.gauges.counts().parts == 0
        assert catalog.sources.known(["s3://bucket/1.jpg"]) == {
            "s3://bucket/1.jpg": KnownSource(kept, -1, "-1")
        }


def test_cards_of_former_scores_retire_and_those_of_bits_stay(database_url: str) -> None:
    card = calibrated(aim(), strangers(50, 0)).card
    with open_store(database_url) as store:
        space_id = bind(store).id
        with store.writer() as writer:
            pdq, fused, cosine = (
                writer.cards.add(replace(card, signal=signal, tier=tier, space_id=space)).id
                for signal, tier, space in (
                    (Signal.PDQ, Tier.NEAR_DUPLICATE, None),
                    (Signal.FUSED, Tier.LOOKALIKE, space_id),
                    (Signal.EMBEDDING, Tier.LOOKALIKE, space_id),
                )
            )
    command.downgrade(configuration(database_url), "202611280006")

    upgrade(database_url)

    check(database_url)
    with open_store(database_url) as store, store.reader() as catalog:
        assert [bound.card_id for bound in catalog.cards.bounds(space_id)] == [pdq]
        retired = [each for each in catalog.cards.page(retired=True) if each.retired_at]
        assert {each.id for each in retired} == {fused, cosine}
        assert all(each.retired_at >= each.created_at for each in retired)


@pytest.mark.slow
def test_four_processes_can_upgrade_one_database_at_once(empty_database_url: str) -> None:
    assert run_each(*[partial(upgrade, empty_database_url)] * 4) == [0, 0, 0, 0]
    check(empty_database_url)
    open_store(empty_database_url).close()


def test_upgrading_creates_the_folder_of_a_sqlite_file(tmp_path: Path) -> None:
    upgrade(f"sqlite:///{tmp_path}/new/folder/lookalike.db")
    assert (tmp_path / "new/folder/lookalike.db").exists()


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match=r"folder .*file/sub .*LOOKALIKE_HOME"):
        upgrade(f"sqlite:///{tmp_path}/file/sub/lookalike.db")


def test_a_database_without_a_schema_asks_for_init(empty_database_url: str) -> None:
    with pytest.raises(IndexNotInitialised, match="lookalike init"):
        open_store(empty_database_url)
    with pytest.raises(IndexNotInitialised, match="lookalike init"):
        check(empty_database_url)


def test_looking_for_a_sqlite_file_does_not_create_it(tmp_path: Path) -> None:
    assert current(f"sqlite:///{tmp_path}/lookalike.db") is None
    assert list(tmp_path.iterdir()) == []


def test_an_older_schema_asks_for_an_upgrade(database_url: str) -> None:
    execute(database_url, "UPDATE alembic_version SET version_num = '202001010000'")
    with pytest.raises(SchemaMismatch, match="lookalike db upgrade"):
        open_store(database_url)


def test_a_newer_schema_asks_for_a_newer_program(database_url: str) -> None:
    execute(database_url, "UPDATE alembic_version SET version_num = '299912312359'")
    for action in (open_store, upgrade, check):
        with pytest.raises(SchemaMismatch, match="Upgrade this program"):
            action(database_url)


def test_a_schema_changed_by_hand_is_told_with_the_difference(database_url: str) -> None:
    execute(database_url, "DROP INDEX ix_entries_image_id")
    with pytest.raises(SchemaMismatch, match="ix_entries_image_id"):
        check(database_url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("my database", "is not a database URL"),
        ("postgresql://host:port/name", "is not a database URL"),
        ("mysql://host/name", "unsupported driver mysql"),
        ("sqlite://", "without a file"),
        ("sqlite:///:memory:", "without a file"),
    ],
)
def test_an_address_that_cannot_be_used_is_a_setting_to_correct(url: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        open_store(url)


def test_an_unreachable_server_is_named_without_its_password() -> None:
    url = "postgresql://analyst:hunter2@127.0.0.1:1/lookalike?password=hunter3&connect_timeout=2"
    with pytest.raises(DatabaseUnavailable, match=r"analyst:\*\*\*@127\.0\.0\.1:1/") as caught:
        open_store(url)
    assert "hunter" not in str(caught.value)


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "lookalike.db"
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(DatabaseUnavailable, match="not a database"):
        open_store(f"sqlite:///{file}")


def test_what_waited_for_a_decision_becomes_review_items(empty_database_url: str) -> None:
    url = empty_database_url
    upgrade(url)
    with open_store(url) as store:
        space = bind(store)
        with store.writer() as writer:
            details = BankDetails(severity=Severity.CRITICAL)
            bank = writer.banks.create("unsafe", BankKind.BLOCK, details)
        add(store, space, 1, bank_id=bank.id)
        images = add(store, space, 2, 3)
        found = [
            NewRetroMatch(1, image, Tier.LOOKALIKE, Signal.PDQ, 0.9, 6, 31.0) for image in images
        ]
        with store.writer() as writer:
            scan = writer.retro_scans.begin(None, space.id, 1, writer.log.head())
            writer.retro_scans.advance(scan, writer.log.head(), 1, found)
            decided = NewDecision(new_image(2).sha256, Outcome.CONFIRMED, entry_id=1)
            writer.decisions.add(decided)
            writer.floods.flag(1, datetime(2026, 11, 30, tzinfo=UTC), 412, 6.25)
    command.downgrade(configuration(url), "202611301810")
    upgrade(url)

    with open_store(url) as store, store.reader() as catalog:
        match, flood = catalog.reviews.page(ReviewFilter())
    assert (match.queue, match.image_id, match.entry_id) == ("retro_match", images[1], 1)
    assert (match.bank, match.severity) == ("unsafe", Severity.CRITICAL)
    [bits, cosine] = match.evidence.signals
    assert (bits.value, bits.threshold, cosine.value) == (6.0, 31.0, 0.9)
    assert (flood.queue, flood.flood_id, flood.evidence.count) == ("flood", 1, 412)
