"""The audit log as the commands show it, and as programs that are killed leave it."""

import json
import os
import signal
import sqlite3
from functools import partial
from pathlib import Path
from time import sleep

import pytest

from indexer.audit_chain import ChainCheck
from indexer.runtime.actor import Actor, acting_as
from indexer.store import open_store
from indexer.store.log.audit_guard import SQLITE_TRIGGERS
from indexer.types import BankKind
from support.commands import PHOTOS, Index
from support.forked import run_each, start, start_call

ROWS = 60  # that each of two processes writes


@pytest.fixture
def index(tmp_path: Path, database_url: str) -> Index:
    index = Index(tmp_path / "home", database_url)
    for name in ("unsafe", "worse"):
        index.run_here("bank", "create", name)
    index.run_here("bank", "disable", "worse")
    return index


@pytest.fixture
def sqlite_index(tmp_path: Path, migrated_sqlite: Path) -> Index:
    home = tmp_path / "home"
    home.mkdir()
    (home / "lookalike.db").write_bytes(migrated_sqlite.read_bytes())
    index = Index(home)
    for name in ("unsafe", "worse"):
        index.run_here("bank", "create", name)
    return index


def tamper(index: Index, statement: str) -> None:
    """Do what someone does who may change the database, triggers and all."""
    connection = sqlite3.connect(index.home / "lookalike.db")
    for name in ("update", "delete", "gaps"):
        connection.execute(f"DROP TRIGGER IF EXISTS audit_refuses_{name}")
    connection.execute(statement)
    for trigger in SQLITE_TRIGGERS.values():  # so that only the rows tell
        connection.execute(trigger)
    connection.commit()
    connection.close()


def test_the_list_says_who_did_what(index: Index) -> None:
    listed = index.run_here("audit", "list", "--json").json
    newest = index.run_here("audit", "list", "--newest", "--limit", "1", "--json").json
    one_bank = index.run_here(
        "audit", "list", "--subject", "bank:1", "--since", "1h", "--json"
    ).json

    assert [row["action"] for row in listed] == ["bank.create", "bank.create", "bank.disable"]
    assert {row["actor"]["kind"] for row in listed} == {"user"}
    assert newest == listed[-1:]
    assert one_bank == listed[:1]
    assert listed[0]["detail"] == {"kind": "block", "name": "unsafe"}
    assert "bank.disable" in index.run_here("audit", "list", "--action", "bank.d").stdout
    assert index.run_here("audit", "list", "--since", "yesterday", "--json").json == listed
    index.run_here("audit", "list", "--since", "last week", code=2)


@pytest.mark.slow
def test_a_process_of_the_command_proves_and_exports_the_log(index: Index, tmp_path: Path) -> None:
    proof = json.loads(start(index, "audit", "verify", "--json").finish())
    start(index, "audit", "export", tmp_path / "audit.jsonl").finish()
    exported = index.run_here("audit", "export", "-").stdout
    elsewhere = Index(tmp_path / "elsewhere", "sqlite:////nowhere/at/all.db")

    assert proof["head"]["number"] == 3
    assert (tmp_path / "audit.jsonl").read_text() == exported
    again = elsewhere.run_here("audit", "verify", "--file", tmp_path / "audit.jsonl", "--json").json
    assert again == proof


def test_an_export_that_cannot_be_written_says_so(sqlite_index: Index, tmp_path: Path) -> None:
    failed = sqlite_index.run_here("audit", "export", tmp_path / "none/audit.jsonl", code=5)

    assert "audit_not_written" in failed.stderr


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE audit SET actor_name = 'eve' WHERE number = 1", 1),
        ("UPDATE audit SET detail = detail || ' ' WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 1", 1),
        ("UPDATE audit SET number = 7 WHERE number = 2", 2),
        ("UPDATE audit SET number = 0 WHERE number = 1", 1),
    ],
)
def test_what_was_tampered_with_is_named(sqlite_index: Index, statement: str, row: int) -> None:
    tamper(sqlite_index, statement)

    failed = sqlite_index.run_here("audit", "verify", code=3)

    assert f"broken at row {row}:" in failed.stderr


def test_rows_cut_off_at_the_end_are_missed_by_a_head_kept_elsewhere(sqlite_index: Index) -> None:
    head = sqlite_index.run_here("audit", "verify").stdout.split()[-1]
    sqlite_index.run_here("audit", "verify", "--expect", head)
    tamper(sqlite_index, "DELETE FROM audit WHERE number = 2")

    sqlite_index.run_here("audit", "verify")
    failed = sqlite_index.run_here("audit", "verify", "--expect", head, code=3)

    assert "ends at row 1" in failed.stderr
    sqlite_index.run_here("audit", "verify", "--expect", "two", code=2)


def test_a_key_from_the_environment_seals_and_is_asked_for(sqlite_index: Index) -> None:
    sealed = Index(sqlite_index.home, extra={"LOOKALIKE_AUDIT_KEY": "a secret"})
    sealed.run_here("bank", "create", "sealed")

    assert sealed.run_here("audit", "verify", "--json").json["keyed"] == 1
    assert "1 rows were not checked" in sqlite_index.run_here("audit", "verify").stdout
    refused = sqlite_index.run_here("bank", "create", "another", code=2)
    assert "LOOKALIKE_AUDIT_KEY" in refused.stderr


def test_purging_an_image_keeps_the_chain_and_leaves_nothing_of_it_there(tmp_path: Path) -> None:
    index = Index(tmp_path / "home")
    index.run_here("init")
    index.run_here("bank", "create", "unsafe")
    index.run_here("index", "add", PHOTOS / "bee.jpg", "--bank", "unsafe")
    index.run_here("index", "remove", "1", "--purge")

    rows = index.run_here("audit", "list", "--json").json

    assert [row["action"] for row in rows][-2:] == ["entry.add", "image.purge"]
    assert {row["actor"]["kind"] for row in rows} == {"user"}  # whichever thread wrote it
    assert "bee.jpg" not in json.dumps(rows)
    index.run_here("audit", "verify")


# --- several processes, and one that is killed ---------------------------------------------------


def write_on(url: str, name: str, count: int) -> None:
    """Make banks, one transaction each, on behalf of a user of this name."""
    with open_store(url) as store, acting_as(Actor("user", name)):
        for number in range(count):
            with store.writer() as writer:
                writer.banks.create(f"{name}{number}", BankKind.BLOCK)


def actors(url: str) -> list[str]:
    """Return who wrote the rows of a chain that holds."""
    with open_store(url) as store, store.reader() as catalog:
        check = ChainCheck(store.log_id)
        names = []
        for row in catalog.audit.all():
            check.take(row)
            names.append(row.actor.name)
    return names


@pytest.mark.postgres
@pytest.mark.slow
def test_two_processes_write_one_chain(database_url: str) -> None:
    codes = run_each(*(partial(write_on, database_url, name, ROWS) for name in ("ana", "jo")))

    assert codes == [0, 0]
    assert sorted(actors(database_url)) == ["ana"] * ROWS + ["jo"] * ROWS


@pytest.mark.slow
def test_a_writer_that_is_killed_leaves_as_many_rows_as_changes(database_url: str) -> None:
    writer = start_call(partial(write_on, database_url, "ana", 100_000))
    while len(actors(database_url)) < 5:
        sleep(0.02)
    assert writer.pid is not None
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()

    names = actors(database_url)
    with open_store(database_url) as store, store.reader() as catalog:
        assert len(catalog.banks.all()) == len(names)
