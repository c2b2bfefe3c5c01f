"""What guards the audit log is looked at: triggers, key, and the head that the server logs."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from indexer.audit_verification import verify_store
from indexer.errors import AuditUnguarded, DatabaseReplaced
from indexer.store import Store, open_store
from indexer.store.database.address import parse_address
from indexer.types import BankKind
from indexer.upkeep.audit_checks import examine_audit
from support.commands import Index
from support.running import running, until

SABOTAGE = {
    "sqlite": {
        "update is missing": ["DROP TRIGGER audit_refuses_update"],
        "gaps is missing": ["DROP TRIGGER audit_refuses_gaps"],
        "delete does something else": [
            "DROP TRIGGER audit_refuses_delete",
            "CREATE TRIGGER audit_refuses_delete BEFORE DELETE ON audit BEGIN SELECT 1; END",
        ],
        "eve is not this program's": [
            "CREATE TRIGGER eve BEFORE INSERT ON audit BEGIN SELECT RAISE(IGNORE); END"
        ],
    },
    "postgresql": {
        "changes is missing": ["DROP TRIGGER audit_refuses_changes ON audit"],
        "changes is disabled": ["ALTER TABLE audit DISABLE TRIGGER audit_refuses_changes"],
        "changes does something else": [
            (
                "CREATE OR REPLACE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RETURN NULL; END $$"
            )
        ],
        "eve is not this program's": [
            (
                "CREATE TRIGGER eve BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION "
                "audit_refuses()"
            )
        ],
    },
}


def execute(url: str, *statements: str) -> None:
    engine = create_engine(parse_address(url))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def fill(store: Store) -> None:
    with store.writer() as writer:
        writer.banks.create("unsafe", BankKind.BLOCK)


def ignore(*_: Any) -> None:
    pass


def states(store: Store) -> dict[str, str]:
    return {finding.what: finding.state.value for finding in examine_audit(store)}


@pytest.mark.postgres
@pytest.mark.parametrize("number", range(4))
def test_a_trigger_that_is_not_the_right_one_is_found(
    store: Store, database_url: str, number: int
) -> None:
    fill(store)
    assert verify_store(store, None, None, ignore).head.number == 1
    assert states(store)["audit log"] == "ok"
    flaw, statements = [*SABOTAGE[database_url.partition(":")[0].partition("+")[0]].items()][number]

    execute(database_url, *statements)

    with pytest.raises(AuditUnguarded, match=flaw):
        verify_store(store, None, None, ignore)
    assert states(store)["audit log"] == "problem"


def test_doctor_tells_another_key_than_the_one_that_sealed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(database_url, b"a secret") as store:
        assert states(store)["audit key"] == "ok"
        fill(store)
        assert states(store)["audit key"] == "warning"
        monkeypatch.setenv("LOOKALIKE_AUDIT_KEY", "another")
        assert states(store)["audit key"] == "problem"
        monkeypatch.setenv("LOOKALIKE_AUDIT_KEY", "a secret")
        assert states(store)["audit key"] == "ok"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    index = Index(tmp_path_factory.mktemp("home"))
    index.run_here("init")
    index.run_here("bank", "create", "unsafe")
    return index


@pytest.mark.slow
def test_the_head_that_a_server_logs_when_it_stops_shows_rows_that_were_cut_off(
    index: Index,
) -> None:
    with running(index) as server:
        index.run_here("bank", "create", "worse")
        assert server.stop() == 0
        [head] = re.findall(r"audit head .*head=(\S+)", server.log)

    index.run_here("audit", "verify", "--expect", head)
    execute(
        f"sqlite:///{index.home}/lookalike.db",
        "DROP TRIGGER audit_refuses_delete",
        "DELETE FROM audit WHERE number = (SELECT MAX(number) FROM audit)",
        "CREATE TRIGGER audit_refuses_delete BEFORE DELETE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    )
    index.run_here("audit", "verify")
    assert "audit_broken" in index.run_here("audit", "verify", "--expect", head, code=3).stderr


@pytest.mark.parametrize("since", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
def test_a_moment_that_no_database_can_hold_is_refused(index: Index, since: str) -> None:
    assert "Error (invalid" in index.run_here("audit", "list", "--since", since, code=2).stderr


@pytest.mark.long
@pytest.mark.slow
def test_a_database_that_is_replaced_under_a_server_is_noticed(
    index: Index, tmp_path: Path
) -> None:
    database = index.home / "lookalike.db"
    backup = tmp_path / "backup.db"
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        connection.execute(text(f"VACUUM INTO '{backup}'"))
    engine.dispose()
    photo = next((Path(__file__).parents[1] / "photos").glob("*.jpg")).read_bytes()
    with running(index) as server:
        assert server.search(photo).status_code == 200
        assert server.get("/v1/audit?since=9999-12-31T23:59:59-12:00").status_code == 422
        for path in index.home.glob("lookalike.db*"):
            path.rename(tmp_path / path.name)
        backup.rename(database)

        refused = server.search(photo)

        assert (refused.status_code, refused.json()["title"]) == (503, "database_replaced")
        until(lambda: server.get("/readyz").json().get("title") == "database_replaced")
        assert server.get("/readyz").status_code == 503
        assert server.get("/healthz").status_code == 200
        until(lambda: "database replaced" in server.log)
    with running(index) as server:
        assert server.search(photo).status_code == 200


def test_another_log_at_the_same_address_is_refused(store: Store, database_url: str) -> None:
    execute(database_url, "UPDATE catalog_info SET log_id = 'another'")

    with pytest.raises(DatabaseReplaced, match="holds the log another"):
        fill(store)

    execute(database_url, f"UPDATE catalog_info SET log_id = '{store.log_id}'")
    with pytest.raises(DatabaseReplaced, match="started again"), store.reader():
        pass  # what was seen of the other one stays


def test_a_database_without_tables_in_its_place_is_refused(store: Store, database_url: str) -> None:
    execute(database_url, "DROP TABLE catalog_info")

    with pytest.raises(DatabaseReplaced), store.reader():
        pass
