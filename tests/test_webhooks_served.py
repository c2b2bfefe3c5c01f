"""Webhooks by command and over HTTP, delivered by real servers."""

from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook as Verifier

from indexer.store import Store, open_store
from support.commands import PHOTOS, Index
from support.forked import start
from support.running import until
from support.web import Web, in_turn, page, running

RULES = {
    "LOOKALIKE_SERVE_WEBHOOK_PRIVATE_HOSTS": "127.0.0.1",
    "LOOKALIKE_SERVE_WEBHOOK_TIMEOUT": "1",
    "LOOKALIKE_SERVE_WEBHOOK_RETRY": "0.1",
    "LOOKALIKE_SERVE_WEBHOOK_INTERVAL": "0.1",
    "LOOKALIKE_FLOOD_MIN_HITS": "3",
    "LOOKALIKE_FLOOD_P_VALUE": "0.1",
    "LOOKALIKE_SERVE_HITS_INTERVAL": "0.1",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Index:
    """Block two photos."""
    home = tmp_path_factory.mktemp("home")
    index = Index(home, extra={"LOOKALIKE_MODEL": str(tiny_model), **RULES})
    index.run_here("init")
    index.run_here("bank", "create", "unsafe")
    index.run_here("bank", "add", "unsafe", PHOTOS / "hedgehog.jpg", PHOTOS / "coffee.jpg")
    return index


@pytest.fixture(scope="module")
def client(index: Index) -> Iterator[httpx.Client]:
    with index.serve() as client:
        yield client


@pytest.fixture
def store(index: Index) -> Iterator[Store]:
    with open_store(index.settings.resolved_database_url) as store:
        yield store


@pytest.fixture
def web() -> Iterator[Web]:
    with running() as web:
        web.pages["/hook"] = page(status=204)
        yield web


def answer(response: httpx.Response) -> Any:
    assert response.status_code == HTTPStatus.OK, response.text
    return response.json()


def create(client: httpx.Client, url: str, *events: str) -> Any:
    return answer(client.post("/v1/webhooks", json={"url": url, "events": events}))


# --- over HTTP -----------------------------------------------------------------------------------


def test_a_flood_is_told_through_failures_until_it_is_taken(client: httpx.Client, web: Web) -> None:
    answers = [page(status=500), page(status=503), page(status=204)]
    web.pages["/hook"] = in_turn(*answers)
    made = create(client, web.url("/hook"), "flood_flag")
    picture = (PHOTOS / "hedgehog.jpg").read_bytes()

    for _ in range(5):
        answer(client.post("/v1/search", files={"image": ("a.jpg", picture)}))

    path = f"/v1/webhooks/{made['webhook']['id']}/deliveries"
    until(lambda: any(answer(client.get(path, params={"state": "delivered"}))["items"]))
    [delivery] = answer(client.get(path))["items"]
    assert (delivery["attempts"], delivery["event"]) == (3, "flood_flag")
    told = Verifier(made["secret"]).verify(web.bodies[-1], web.requests[-1][1])
    assert told["data"]["bank"] == "unsafe"
    assert len(set(web.bodies)) == 1


def test_a_webhook_is_made_changed_tested_and_removed(client: httpx.Client, web: Web) -> None:
    made = create(client, web.url("/hook"), "retro_match", "flood_flag")
    webhook, path = made["webhook"], f"/v1/webhooks/{made['webhook']['id']}"
    assert answer(client.get(path)) == webhook
    assert webhook in answer(client.get("/v1/webhooks"))["items"]
    assert made["secret"] not in client.get("/v1/webhooks").text

    changed = answer(client.patch(path, json={"events": ["flood_flag"], "description": "pager"}))
    assert changed == webhook | {"events": ["flood_flag"], "description": "pager"}
    rotated = answer(client.post(f"{path}/rotate-secret"))
    assert rotated["webhook"] == changed
    ping = answer(client.post(f"{path}/test"))
    assert (ping["event"], ping["state"]) == ("ping", "pending")
    until(lambda: web.bodies)
    assert Verifier(rotated["secret"]).verify(web.bodies[0], web.requests[0][1])["type"] == "ping"
    until(lambda: answer(client.get(f"{path}/deliveries"))["items"][0]["state"] == "delivered")
    retried = client.post(f"{path}/deliveries/{ping['id']}/retry")
    assert retried.status_code == HTTPStatus.UNPROCESSABLE_ENTITY

    assert answer(client.delete(path)) == changed
    assert client.get(path).status_code == HTTPStatus.NOT_FOUND
    assert client.get(f"{path}/deliveries").status_code == HTTPStatus.NOT_FOUND
    assert client.delete(path).status_code == HTTPStatus.NOT_FOUND


def test_lists_are_given_in_pages(client: httpx.Client, web: Web) -> None:
    made = [create(client, web.url("/hook"), "flood_flag")["webhook"]["id"] for _ in range(3)]

    seen, cursor = list[int](), None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        part = answer(client.get("/v1/webhooks", params=params))
        seen += [webhook["id"] for webhook in part["items"]]
        if (cursor := part["next_cursor"]) is None:
            break

    assert seen == sorted(set(seen))
    assert set(made) <= set(seen)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "http://hooks.example.org/", "events": ["ping"]}, 422, "invalid_request"),
        ({"url": "http://hooks.example.org/", "events": ["flood_flag"]}, 400, "fetch_refused"),
        ({"url": "https://a:b@hooks.example.org/", "events": ["flood_flag"]}, 400, "fetch_refused"),
        ({"url": "https://hooks.example.org/", "events": []}, 422, "invalid_request"),
    ],
)
def test_a_webhook_that_cannot_be_is_refused(
    client: httpx.Client, body: Any, status: int, code: str
) -> None:
    response = client.post("/v1/webhooks", json=body)

    assert (response.status_code, response.json()["title"]) == (status, code)


# --- by command ----------------------------------------------------------------------------------


def test_a_webhook_is_used_by_command_alone(tmp_path: Path, tiny_model: Path, web: Web) -> None:
    index = Index(tmp_path, extra={"LOOKALIKE_MODEL": str(tiny_model), **RULES})
    index.run_here("init")
    url, event = web.url("/hook"), ("--event", "retro_match")

    made = index.run_here("webhook", "create", url, *event, "--json").json
    number = made["webhook"]["id"]
    assert url in index.run_here("webhook", "list").stdout
    assert index.run_here("webhook", "show", number, "--json").json == made["webhook"]
    index.run_here("webhook", "create", url, code=2)  # no event
    index.run_here("webhook", "create", "http://hooks.example.org/", *event, code=2)
    edited = index.run_here("webhook", "edit", number, "--description", "pager")
    assert "pager" in edited.stdout
    rotated = index.run_here("webhook", "rotate-secret", number)
    assert "whsec_" in rotated.stdout
    assert made["secret"] not in rotated.stdout

    assert index.run_here("webhook", "test", number, "--json").json["state"] == "delivered"
    assert "0 delivered, 0 failed" in index.run_here("webhook", "deliver").stdout
    web.pages["/hook"] = page(status=410)  # it says that it is gone
    dead = index.run_here("webhook", "test", number, "--json").json
    assert (dead["state"], dead["last_status"]) == ("dead", 410)
    assert "disabled" in index.run_here("webhook", "show", number).stdout
    listed = index.run_here("webhook", "deliveries", number, "--dead", "--json").json
    assert [each["id"] for each in listed] == [dead["id"]]

    web.pages["/hook"] = page()
    index.run_here("webhook", "enable", number)
    index.run_here("webhook", "retry", dead["id"])
    assert "1 delivered, 0 failed" in index.run_here("webhook", "deliver").stdout
    assert "disabled" in index.run_here("webhook", "disable", number).stdout
    index.run_here("webhook", "remove", number)
    index.run_here("webhook", "show", number, code=4)
    assert "audit" not in index.run_here("webhook", "list").stderr


# --- deaths --------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.slow
def test_what_a_killed_server_had_claimed_is_delivered_after_its_restart(
    index: Index, store: Store, web: Web
) -> None:
    asked, hanging = Event(), Event()

    def hang(_request: object) -> None:
        asked.set()
        hanging.wait(30)

    web.pages["/hook"] = hang
    made = index.run_here(
        "webhook", "create", web.url("/hook"), "--event", "retro_match", "--json"
    ).json
    impatient = replace(index, extra={**index.extra, "LOOKALIKE_SERVE_WEBHOOK_TIMEOUT": "2"})
    server = start(impatient, "serve", "--port", 0)
    server.address()
    with store.writer() as writer:
        ping = writer.webhooks.ping(made["webhook"]["id"])
    assert asked.wait(60)
    server.kill()
    hanging.set()
    web.pages["/hook"] = page()

    with store.reader() as catalog:
        assert catalog.deliveries.get(ping.id).state == "pending"
    with index.serve():
        until(lambda: state_of(store, ping.id) == "delivered")
    ids = {headers["webhook-id"] for _, headers in web.requests}
    assert ids == {ping.message_id}
    assert len(web.requests) >= 2


def state_of(store: Store, delivery_id: int) -> str:
    with store.reader() as catalog:
        return catalog.deliveries.get(delivery_id).state
