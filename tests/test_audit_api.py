"""The server writes down what is looked up, and shows it."""

from collections.abc import Iterator
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from indexer.audit_chain import ChainCheck
from indexer.errors import AuditUnavailable, DatabaseUnavailable
from indexer.runtime.actor import Actor, acting_as
from indexer.store import Store, open_store
from indexer.types import AuditRecord
from search_api.jobs.lookup_audit import Lookup, LookupAudit
from support.commands import PHOTOS, Index
from support.forked import start
from support.running import until

KNOWN = (PHOTOS / "hedgehog.jpg").read_bytes()
DIGEST = sha256(KNOWN).hexdigest()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Index:
    extra = {"LOOKALIKE_MODEL": str(tiny_model), "LOOKALIKE_SERVE_AUDIT_INTERVAL": "0.1"}
    index = Index(tmp_path_factory.mktemp("filled"), extra=extra)
    index.run_here("init")
    index.run_here("bank", "create", "unsafe")
    index.run_here("bank", "add", "unsafe", PHOTOS / "hedgehog.jpg")
    return index


@pytest.fixture
def index(filled: Index, tmp_path: Path) -> Index:
    return filled.copy(tmp_path / "home")


@pytest.fixture
def client(index: Index) -> Iterator[httpx.Client]:
    with index.serve() as client:
        yield client


def answer(response: httpx.Response) -> Any:
    assert response.status_code == HTTPStatus.OK, response.text
    return response.json()


def lookups(client: httpx.Client, count: int) -> list[dict[str, Any]]:
    """Wait until so many lookups are written down."""
    until(lambda: len(lookups_now(client)) >= count)
    return lookups_now(client)


def rows(store: Store) -> list[AuditRecord]:
    check = ChainCheck(store.log_id)
    with store.reader() as catalog:
        found = list(catalog.audit.all())
    for row in found:
        check.take(row)
    return found


def test_every_kind_of_lookup_is_written_down_with_its_request(client: httpx.Client) -> None:
    files = {"image": ("private name.jpg", KNOWN)}
    asked = [
        client.post("/v1/search", files=files, params={"k": 3, "bank": "unsafe"}),
        client.post("/v1/classify", files=files),
        client.get("/v1/images/1"),
        client.get("/v1/images/1/similar"),
    ]
    verdict, classified, *_ = map(answer, asked)

    found = lookups(client, 4)

    assert [row["action"] for row in found] == [
        "lookup.search",
        "lookup.classify",
        "lookup.image",
        "lookup.similar",
    ]
    assert [row["request_id"] for row in found] == [r.headers["X-Request-ID"] for r in asked]
    assert [row["subject_id"] for row in found] == [DIGEST, DIGEST, "1", "1"]
    assert found[0]["detail"] == {
        "asked": ["unsafe"],
        "banks": ["unsafe"],
        "entries": verdict["hits"],
        "hits": 1,
        "k": 3,
        "model": classified["model"],
        "tier": "exact",
    }
    assert "private" not in str(found)


def test_a_refused_lookup_leaves_no_row(client: httpx.Client) -> None:
    client.post("/v1/search", files={"image": ("a.jpg", b"no picture")})
    client.get("/v1/images/99")
    answer(client.get("/v1/images/1"))

    assert [row["subject_id"] for row in lookups(client, 1)] == ["1"]


def test_the_log_is_read_in_pages_either_way(client: httpx.Client) -> None:
    every = answer(client.get("/v1/audit"))["items"]
    head = answer(client.get("/v1/audit/head"))
    first = answer(client.get("/v1/audit", params={"limit": 1, "newest_first": True}))
    parameters = {"limit": 1, "newest_first": True, "cursor": first["next_cursor"]}
    second = answer(client.get("/v1/audit", params=parameters))

    assert [*first["items"], *second["items"]] == every[:-3:-1]
    assert (head["number"], head["hash"]) == (every[-1]["number"], every[-1]["hash"])
    narrow = {"action": "entry.", "subject": "bank", "since": "2026-01-01T00:00:00"}
    assert [row["action"] for row in answer(client.get("/v1/audit", params=narrow))["items"]] == [
        "entry.add"
    ]
    nobody = answer(client.get("/v1/audit", params={"actor": "nobody"}))
    assert nobody == {"items": [], "next_cursor": None}


def test_lookups_are_written_when_the_server_stops(index: Index) -> None:
    slow = Index(index.home, extra={**index.extra, "LOOKALIKE_SERVE_AUDIT_INTERVAL": "3600"})
    with slow.serve() as client:
        answer(client.get("/v1/images/1"))
        assert lookups_now(client) == []

    with open_store(index.settings.resolved_database_url) as store:
        assert rows(store)[-1].action == Lookup.IMAGE


def lookups_now(client: httpx.Client) -> list[Any]:
    return list(answer(client.get("/v1/audit", params={"action": "lookup."}))["items"])


def test_a_server_that_is_killed_leaves_a_chain_that_holds(index: Index) -> None:
    server = start(index, "serve", "--port", 0)
    with httpx.Client(base_url=server.address(), timeout=60) as client:
        answer(client.get("/v1/images/1"))
        assert lookups(client, 1)
        for _ in range(20):
            answer(client.get("/v1/images/1"))
        server.kill()

    with open_store(index.settings.resolved_database_url) as store:
        rows(store)


# --- the log of lookups by itself ----------------------------------------------------------------


def test_what_is_recorded_keeps_who_asked_and_in_which_order(store: Store) -> None:
    with LookupAudit(store, interval=0.01, capacity=10_000) as log:
        for number in range(2_500):  # more than one transaction takes
            with acting_as(Actor("key", f"key {number % 2}", "192.0.2.1"), f"request {number}"):
                log.record(Lookup.SEARCH, subject_id=number)

    written = rows(store)
    assert [row.subject_id for row in written] == [str(number) for number in range(2_500)]
    assert [row.request_id for row in written] == [f"request {number}" for number in range(2_500)]
    assert {row.actor.name for row in written} == {"key 0", "key 1"}


def test_when_the_database_is_away_nothing_is_lost_and_what_is_too_much_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LookupAudit(store, interval=3600, capacity=3)
    with monkeypatch.context() as away:
        away.setattr("indexer.store.store.writing", _fail)
        for number in range(3):
            log.record(Lookup.SEARCH, subject_id=number)
        with pytest.raises(DatabaseUnavailable):
            log.flush()
        with pytest.raises(AuditUnavailable, match="3 lookups"):
            log.record(Lookup.SEARCH, subject_id="one too many")

    log.flush()
    log.record(Lookup.SEARCH, subject_id=3)
    log.flush()

    assert [row.subject_id for row in rows(store)] == ["0", "1", "2", "3"]


def _fail(*_: object) -> Any:
    raise DatabaseUnavailable


def test_a_full_log_of_lookups_is_answered_503(index: Index) -> None:
    stuck = {"LOOKALIKE_SERVE_AUDIT_INTERVAL": "3600", "LOOKALIKE_SERVE_AUDIT_QUEUE": "1"}
    with Index(index.home, extra={**index.extra, **stuck}).serve() as client:
        answer(client.get("/v1/images/1"))
        refused = client.get("/v1/images/1")

    assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert refused.json()["title"] == "audit_unavailable"
    assert refused.headers["Retry-After"]
