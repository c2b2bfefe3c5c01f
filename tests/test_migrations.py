import multiprocessing
import sqlite3
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory

from indexer.errors import (
    DatabaseUnavailable,
    IndexNotInitialised,
    SchemaMismatch,
    SettingsError,
)
from indexer.store import check, current, open_store, upgrade
from indexer.store.migrate import configuration
from indexer.store.models import REVISION


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


@pytest.mark.slow
def test_four_processes_can_upgrade_one_database_at_once(empty_database_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=upgrade, args=(empty_database_url,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
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
        ("mysql://host/name", "mysql, which is not supported"),
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
