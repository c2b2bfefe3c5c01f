"""A request that is sent again is carried out once, whichever worker it reaches."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from indexer.errors import RequestKeyReused
from indexer.store import Answer, RequestKey, Store
from indexer.types import BankKind
from support.commands import PHOTOS, Index
from support.forked import Forked, start

pytestmark = pytest.mark.postgres

REPLAYED = "idempotent-replayed"
KEY = RequestKey("key 1", "k")
ONE, OTHER = bytes(32), bytes(range(32))
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


# --- in the store --------------------------------------------------------------------------------


def test_an_answer_is_found_by_its_key_its_caller_and_its_request(store: Store) -> None:
    answer = Answer(201, b'{"id": 1}')
    with store.writer() as writer:
        writer.answers.remember(KEY, ONE, answer)

    with store.reader() as catalog:
        assert catalog.answers.get(KEY, ONE, LONG_AGO) == answer
        assert catalog.answers.get(RequestKey("key 2", "k"), OTHER, LONG_AGO) is None
        assert catalog.answers.get(RequestKey("key 1", "l"), OTHER, LONG_AGO) is None
        assert catalog.answers.get(KEY, ONE, datetime.now(UTC) + timedelta(1)) is None
        with pytest.raises(RequestKeyReused):
            catalog.answers.get(KEY, OTHER, LONG_AGO)


def test_an_answer_is_there_if_and_only_if_its_change_is(store: Store) -> None:
    def change_and_fail() -> None:
        with store.writer() as writer:
            store.joining(writer).writer().__enter__().banks.create("b", BankKind.BLOCK)
            writer.answers.remember(KEY, ONE, Answer(201, b""))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        change_and_fail()

    with store.reader() as catalog:
        assert catalog.banks.all() == []
        assert catalog.answers.get(KEY, ONE, LONG_AGO) is None


def test_answers_are_forgotten_a_day_later(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.writer() as writer:
        day_before = datetime.now(UTC) - timedelta(hours=24, seconds=1)
        monkeypatch.setattr(writer.answers, "_now", day_before)
        writer.answers.remember(KEY, ONE, Answer(200, b"old"))
    with store.writer() as writer:
        writer.answers.remember(KEY, OTHER, Answer(200, b"new"))  # the key is free again

    with store.reader() as catalog:
        assert catalog.answers.get(KEY, OTHER, LONG_AGO) == Answer(200, b"new")


# --- over HTTP, two servers on one index ---------------------------------------------------------


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Index:
    index = Index(tmp_path_factory.mktemp("home"), extra={"LOOKALIKE_MODEL": str(tiny_model)})
    index.run_here("init")
    return index


@pytest.fixture(scope="module")
def server(index: Index) -> Iterator[httpx.Client]:
    with index.serve() as client:
        yield client


@contextmanager
def another(index: Index) -> Iterator[tuple[httpx.Client, Forked]]:
    """Start a further server, and kill it if the caller has not."""
    server = start(index, "serve", "--port", 0)
    try:
        with httpx.Client(base_url=server.address(), timeout=60) as client:
            yield client, server
    finally:
        server.process.kill()


def make(client: httpx.Client, name: str, key: str, **fields: Any) -> httpx.Response:
    return client.post("/v1/banks", json={"name": name, **fields}, headers={"Idempotency-Key": key})


def test_a_request_again_gets_the_first_answer_and_another_one_is_refused(
    server: httpx.Client,
) -> None:
    first = make(server, "one", "a", notes="first")
    server.patch("/v1/banks/one", json={"notes": "changed since"})

    again = make(server, "one", "a", notes="first")
    other = make(server, "two", "a")

    assert (first.status_code, again.status_code) == (HTTPStatus.CREATED, HTTPStatus.CREATED)
    assert again.json() == first.json()
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    assert other.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert other.json()["title"] == "idempotency_key_reused"
    assert server.get("/v1/banks/two").status_code == HTTPStatus.NOT_FOUND


def test_a_removal_again_is_no_longer_not_found(server: httpx.Client) -> None:
    make(server, "doomed", "b")
    removals = [
        server.delete("/v1/banks/doomed", headers={"Idempotency-Key": "c"}) for _ in range(2)
    ]

    assert [response.status_code for response in removals] == [HTTPStatus.OK, HTTPStatus.OK]
    assert removals[0].json() == removals[1].json()
    assert server.delete("/v1/banks/doomed").status_code == HTTPStatus.NOT_FOUND


def test_what_failed_may_be_sent_again_with_the_same_key(server: httpx.Client) -> None:
    def add() -> httpx.Response:
        return server.post(
            "/v1/banks/late/entries",
            json={"fingerprint": {"kind": "md5", "value": "ab" * 16}},
            headers={"Idempotency-Key": "d"},
        )

    assert add().status_code == HTTPStatus.NOT_FOUND
    make(server, "late", "e")
    assert add().status_code == HTTPStatus.CREATED


@pytest.mark.parametrize("key", ["", "a b", "ä".encode(), "x" * 256])
def test_a_key_that_is_none_is_refused(server: httpx.Client, key: str | bytes) -> None:
    response = server.post("/v1/banks", json={"name": "no"}, headers={"Idempotency-Key": key})

    assert response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert server.get("/v1/banks/no").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.slow
def test_at_two_servers_at_once_and_after_a_kill_it_is_carried_out_once(
    server: httpx.Client, index: Index
) -> None:
    make(server, "shared", "f")
    picture = (PHOTOS / "bee.jpg").read_bytes()

    def upload(client: httpx.Client) -> httpx.Response:
        return client.post(  # the form's boundary is another one each time
            "/v1/banks/shared/entries/upload",
            files={"image": ("bee.jpg", picture)},
            headers={"Idempotency-Key": "g"},
        )

    with another(index) as (second, process):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(upload, [server, second] * 4))
        made = make(second, "survivor", "h")
        process.kill()

    assert {response.status_code for response in answers} == {HTTPStatus.CREATED}
    assert len({response.content for response in answers}) == 1
    assert sum(REPLAYED in response.headers for response in answers) == len(answers) - 1
    again = make(server, "survivor", "h")
    assert (again.json(), again.headers.get(REPLAYED)) == (made.json(), "true")
