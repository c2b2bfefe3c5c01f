"""How long databases are waited for, and how their failures are told."""

import re
import sqlite3
import time
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from indexer.errors import DatabaseUnavailable
from indexer.runtime.timing import Timing, listening
from indexer.store import LOG_LOCK_HELD, LOG_LOCK_WAITED, open_store, upgrade
from support.commands import Index

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_timeout_of_a_sqlite_url_wins_over_ours(database_url: str) -> None:
    with open_store(database_url) as store, store.writer():
        begun = time.monotonic()
        with (
            open_store(f"{database_url}?timeout=0.2") as hasty,
            pytest.raises(DatabaseUnavailable, match=r"\(database is locked\)"),
            hasty.writer(),
        ):
            pass
        assert 0.2 <= time.monotonic() - begun < 25


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_timeout_of_a_sqlite_url_holds_for_the_switch_to_wal_and_for_migrations(
    database_url: str,
) -> None:
    file = database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        with pytest.raises(DatabaseUnavailable, match="locked"):
            open_store(f"{database_url}?timeout=0.2")
        other.rollback()
        upgrade(database_url)  # so that there is nothing to do but to wait for the lock
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailable, match="locked"):
            upgrade(f"{database_url}?timeout=0.2")
        assert time.monotonic() - begun < 25


def test_a_postgres_database_that_is_not_there_is_told_how_to_make_it(
    postgres_url: str, tmp_path: Path
) -> None:
    url = postgres_url.replace("/postgres?", "/not_there?")

    done = Index(tmp_path / "home", url).run_here("status", code=5)
    nobody = postgres_url.replace("//postgres:", "//nobody:")
    refused = Index(tmp_path / "home", nobody).run_here("status", code=5)

    assert re.search(
        r"`createdb -h \S+ -U postgres not_there`, then run `lookalike init`", done.stderr
    )
    assert "Check that it is running" not in done.stderr
    assert "user's name and password" in refused.stderr


def test_what_libpq_says_in_several_lines_is_told_in_one(tmp_path: Path) -> None:
    nowhere = f"postgresql://postgres@/lookalike?host={tmp_path}"
    with pytest.raises(psycopg.OperationalError) as several, psycopg.connect(nowhere):
        pass
    assert "\n" in str(several.value).strip()

    with pytest.raises(
        DatabaseUnavailable, match=r"cannot be used now \(conn.*\?\)\. Check"
    ) as told:
        open_store(nowhere)

    assert "\n" not in str(told.value)
    assert " ".join(str(several.value).split()) in str(told.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"no database at all " * 500, "not a database"), (None, "malformed")],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_damaged_sqlite_is_to_be_restored_rather_than_tried_again(
    database_url: str, content: bytes | None, reason: str
) -> None:
    file = Path(database_url.removeprefix("sqlite:///"))
    whole = file.read_bytes()
    file.write_bytes(content or whole[:4096] + bytes(len(whole) - 4096))
    with pytest.raises(DatabaseUnavailable, match=reason) as told:
        open_store(database_url)
    assert str(told.value).endswith("restore it from a backup.")


def test_connections_are_as_many_as_the_threads_that_ask(database_url: str) -> None:
    with open_store(database_url) as store, ExitStack() as held:
        catalogs = [held.enter_context(store.reader()) for _ in range(20)]
        assert {catalog.gauges.counts().images for catalog in catalogs} == {0}


def test_writers_say_how_long_they_waited_for_the_lock_and_held_it(database_url: str) -> None:
    heard: list[Timing] = []
    writing, held = Event(), 0.05

    def write(seconds: float) -> None:
        with open_store(database_url) as store, store.writer():
            writing.set()
            time.sleep(seconds)

    first, second = Thread(target=write, args=(held,)), Thread(target=write, args=(0.0,))
    with listening(heard.append):
        first.start()
        writing.wait()
        second.start()
        first.join()
        second.join()

    waited = [timing.seconds for timing in heard if timing.stage == LOG_LOCK_WAITED]
    kept = [timing.seconds for timing in heard if timing.stage == LOG_LOCK_HELD]
    assert len(waited) == len(kept) == 2
    assert held <= max(kept) < 25
    assert waited[0] < waited[1] < max(kept)
    assert min(kept) < held


def test_a_lease_of_reviews_waits_for_the_log_only_in_sqlite(database_url: str) -> None:
    heard: list[Timing] = []
    with open_store(database_url) as store, listening(heard.append), store.leasing():
        pass

    assert bool(heard) == database_url.startswith("sqlite")
