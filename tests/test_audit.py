"""What is changed is written down in the same transaction, and nobody can take it back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from indexer.audit_chain import ChainCheck
from indexer.errors import AuditBroken, SettingsError
from indexer.runtime.actor import Actor, acting_as
from indexer.store import BankDetails, Store, Writer, open_store
from indexer.store.database.address import parse_address
from indexer.store.database.engine import make_engine
from indexer.store.values import AuditQuery
from indexer.types import (
    AuditEvent,
    AuditRecord,
    BankKind,
    FoundTemplate,
    ListedFingerprint,
    NewDecision,
    Outcome,
    Tier,
)
from support.catalog import add, bare_pdq, bind, item, new_image

pytestmark = pytest.mark.postgres

ANALYST = Actor("user", "ana", "192.0.2.1")


def rows(store: Store) -> list[AuditRecord]:
    with store.reader() as catalog:
        return list(catalog.audit.all())


def check(store: Store, key: bytes | None = None) -> ChainCheck:
    following = ChainCheck(store.log_id, key)
    for row in rows(store):
        following.take(row)
    following.finish()
    return following


def assert_refused(url: str, statement: str) -> None:
    engine = make_engine(parse_address(url))
    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def listed(number: int) -> ListedFingerprint:
    return ListedFingerprint(source=None, external_id=str(number), fingerprint=bare_pdq(number))


def decide(entry: int) -> NewDecision:
    return NewDecision(new_image(9).sha256, Outcome.REJECTED, entry_id=entry, note="a private note")


# Each method that writes banks, entries, images out of sight or verdicts, and the action it leaves.
CHANGES: dict[str, tuple[str, Callable[[Writer], Any]]] = {
    "create_bank": ("bank.create", lambda w: w.banks.create("new", BankKind.ALLOW)),
    "edit_bank": (
        "bank.edit",
        lambda w: w.banks.edit("known", details=BankDetails(notes="a private note")),
    ),
    "disable_bank": ("bank.disable", lambda w: w.banks.edit("known", enabled=False)),
    "remove_bank": ("bank.remove", lambda w: w.banks.remove("known")),
    "add_entries": ("entry.add", lambda w: w.entries.add(1, [3])),
    "add_images": ("entry.add", lambda w: w.images.add([item(7, bank_id=1)], 1)),
    "add_sources": ("entry.add", lambda w: w.images.add_sources([(3, item(3, bank_id=1)[1])])),
    "add_fingerprint": ("entry.add", lambda w: w.entries.add_fingerprint(1, bare_pdq(5))),
    "disable_entries": ("entry.disable", lambda w: w.entries.disable([1, 2])),
    "remove_entries": ("entry.remove", lambda w: w.entries.remove([1, 2])),
    "upsert_list": ("list.import", lambda w: w.lists.upsert(1, [listed(n) for n in range(9)], "l")),
    "remove_images": ("image.remove", lambda w: w.images.remove([1, 2])),
    "purge_images": ("image.purge", lambda w: w.images.purge([1, 2])),
    "close_sources": ("image.remove", lambda w: w.sources.close([1], remove_orphans=True)),
    "decide": ("decision.add", lambda w: w.decisions.add(decide(1))),
    "begin_retro_scan": ("retro_scan.start", lambda w: w.retro_scans.begin(1, 1, 1, 2)),
    "learn_template": (
        "template.learn",
        lambda w: w.templates.add(FoundTemplate(bytes(32), (1, 2))),
    ),
    "use_policy": ("policy.use", lambda w: w.policies.put_in_force("uploads", "format = 1")),
    "flag_flood": ("flood.flag", lambda w: w.floods.flag(1, datetime.now(UTC), 9, 0.5)),
}


@pytest.fixture
def filled(store: Store) -> Store:
    """Fill the store with three images, two of them entries of bank `known`."""
    space = bind(store)
    with store.writer() as writer:
        bank = writer.banks.create("known", BankKind.BLOCK)
    add(store, space, 1, 2, bank_id=bank.id)
    add(store, space, 3)
    return store


@pytest.mark.parametrize(("action", "change"), CHANGES.values(), ids=CHANGES)
def test_a_change_leaves_one_row_with_who_made_it(
    filled: Store, action: str, change: Callable[[Writer], Any]
) -> None:
    before = rows(filled)

    with acting_as(ANALYST, "request-1"), filled.writer() as writer:
        change(writer)

    [row] = rows(filled)[len(before) :]
    assert (row.action, row.actor, row.request_id) == (action, ANALYST, "request-1")
    assert "private" not in row.detail
    check(filled)


def test_a_change_of_nothing_leaves_no_row(filled: Store) -> None:
    before = rows(filled)

    with filled.writer() as writer:
        writer.banks.create("known", BankKind.BLOCK)
        writer.banks.edit("known", enabled=True)
        writer.entries.add(1, [1])
        writer.entries.enable([1, 2])
        writer.entries.remove([99])
        writer.images.remove([99])

    assert rows(filled) == before


def test_what_is_rolled_back_was_never_written_down(filled: Store) -> None:
    before = rows(filled)

    def fail() -> None:
        with filled.writer() as writer:
            writer.banks.create("another", BankKind.BLOCK)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert rows(filled) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor_name = 'somebody else' WHERE number = 1",
        "DELETE FROM audit WHERE number = 1",
        "DELETE FROM audit",
    ],
)
def test_the_database_itself_refuses_to_change_a_row(
    filled: Store, database_url: str, statement: str
) -> None:
    before = rows(filled)

    assert_refused(database_url, statement)

    assert rows(filled) == before


def test_sqlite_refuses_to_replace_a_row_and_to_leave_a_gap(filled: Store) -> None:
    if not filled.location.startswith("sqlite"):
        pytest.skip("Postgres asks its trigger of UPDATE whatever the way")
    rest = "version, at, actor_kind, actor_name, action, subject, detail, method, previous, hash"
    for number in (1, 99):
        copy = f"SELECT {number}, {rest} FROM audit WHERE number = 1"
        assert_refused(filled.location, f"INSERT OR REPLACE INTO audit (number, {rest}) {copy}")


def test_postgres_refuses_to_empty_the_table(filled: Store, database_url: str) -> None:
    if filled.location.startswith("sqlite"):
        pytest.skip("SQLite has no TRUNCATE")
    assert_refused(database_url, "TRUNCATE audit")


def test_text_of_any_origin_is_hashed_as_it_reads_back(filled: Store) -> None:
    actor = Actor("key", "odd\0\udcff\x7f é", "\udcff")
    detail = {"odd": ["\0\udcff\u2028", float("nan"), 1e300, {"b": 1, "a": Tier.NONE}]}
    event = AuditEvent(datetime.now(UTC), actor, "\0", "search", "query", "\udcff\0", detail)

    with filled.writer() as writer:
        writer.audit.append([event, event])

    check(filled)


def test_a_key_seals_the_rows_from_then_on(filled: Store, database_url: str) -> None:
    with open_store(database_url, b"secret") as sealed, sealed.writer() as writer:
        writer.banks.create("sealed", BankKind.BLOCK)

    assert check(filled, b"secret").keyed == 1
    assert check(filled).unchecked == 1
    with pytest.raises(AuditBroken, match="LOOKALIKE_AUDIT_KEY"):
        check(filled, b"another")
    with filled.writer() as writer, pytest.raises(SettingsError, match="LOOKALIKE_AUDIT_KEY"):
        writer.banks.create("unsealed", BankKind.BLOCK)


def test_pages_of_the_log_go_both_ways(filled: Store) -> None:
    numbers = [row.number for row in rows(filled)]
    with filled.reader() as catalog:
        assert [row.number for row in catalog.audit.page(AuditQuery())] == numbers
        newest = catalog.audit.page(AuditQuery(newest_first=True), limit=1)
        [before] = catalog.audit.page(AuditQuery(newest_first=True, cursor=numbers[-1]), limit=1)
        assert [newest[0].number, before.number] == numbers[:-3:-1]
        of_banks = catalog.audit.page(
            AuditQuery(action="bank.", subject="bank:1", actor="lookalike")
        )
        assert [row.action for row in of_banks] == ["bank.create"]
        later = datetime.now(UTC) + timedelta(days=1)
        assert catalog.audit.page(AuditQuery(since=later)) == []
