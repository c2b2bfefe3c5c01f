import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from indexer.store import open_store
from support.browser import Tab, open_tab
from support.commands import PHOTOS, Index
from support.running import until

NAME = "Ana <b>& co</b>"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Index:
    """Make an index of one photo, one bank and one retro-scan, whose server asks for keys."""
    home = tmp_path_factory.mktemp("home")
    index = Index(home, extra={"LOOKALIKE_SERVE_ACCESS": "keys"})
    index.run_here("init", "--model", tiny_model)
    index.run_here("bank", "create", "known-unsafe", "--severity", "high")
    index.run_here("bank", "add", "known-unsafe", PHOTOS / "crab.jpg")
    return index


@pytest.fixture(scope="module")
def client(index: Index) -> Iterator[httpx.Client]:
    """Start a server, shared by the tests of this file."""
    with index.serve() as client:
        yield client


@pytest.fixture
def tab(browser: Browser, client: httpx.Client) -> Iterator[Tab]:
    with open_tab(browser, str(client.base_url)) as tab:
        yield tab


def make_key(index: Index, *scopes: str) -> tuple[int, str]:
    """Return a new key's id and its token."""
    options = [word for scope in scopes for word in ("--scope", scope)]
    created = index.run_here("key", "create", "--name", NAME, *options, "--json").json
    return created["key"]["id"], created["token"]


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Key").fill(token)
    page.get_by_role("button", name="Sign in").click()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


# --- in a browser --------------------------------------------------------------------------------


def test_an_analyst_signs_in_sees_the_index_and_signs_out(tab: Tab, index: Index) -> None:
    page = tab.page
    _, token = make_key(index, "analyst")
    page.goto("/console")
    expect(page).to_have_url(re.compile(r"/console/login\?next=/console$"))
    assert tab.complaints == []

    sign_in(page, f"{token[:-4]}0000")
    expect(page.get_by_role("alert")).to_contain_text("does not work")
    (complaint,) = tab.complaints
    assert "401" in complaint  # the answer's status, and nothing about the policy
    sign_in(page, token)

    expect(page).to_have_url(re.compile("/console$"))
    expect(page.get_by_text(f"Signed in with {NAME}")).to_be_visible()  # as text, not as HTML
    expect(page.get_by_role("heading", name="Today", level=1)).to_be_visible()
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/console/login$"))
    assert page.context.cookies("http://127.0.0.1/console") == []
    page.goto("/console")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert tab.complaints == [complaint]
    assert tab.foreign == []


def test_a_key_that_only_checks_pictures_does_not_sign_in(tab: Tab, index: Index) -> None:
    tab.page.goto("/console/login")

    sign_in(tab.page, make_key(index, "check", "bank:write")[1])

    expect(tab.page.get_by_role("alert")).to_contain_text("requires the scope analyst or admin")


@pytest.mark.long
def test_the_documentation_shows_the_routes_under_the_policy(tab: Tab, index: Index) -> None:
    page = tab.page
    page.goto("/docs")
    sign_in(page, make_key(index, "admin")[1])

    expect(page).to_have_url(re.compile("/docs$"))
    expect(page.locator(".opblock-summary", has_text="/v1/search").first).to_be_visible()
    keys = page.locator(".opblock-summary", has_text="/v1/keys").first

    def is_scrolled_to_keys() -> bool:  # of so many routes only those in sight are drawn
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(200)
        return keys.is_visible()

    until(is_scrolled_to_keys)
    keys.click()
    page.get_by_role("button", name="Try it out").click()
    page.locator(".opblock-body textarea").fill('{"name": "from the page", "scopes": ["check"]}')
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response .response-col_status")).to_contain_text(
        "200"
    )
    assert "from the page" in {key["name"] for key in index.run_here("key", "list", "--json").json}
    assert tab.complaints == []
    assert tab.foreign == []


def test_the_session_lets_the_page_read_and_not_change_without_its_token(
    tab: Tab, index: Index
) -> None:
    tab.page.goto("/console/login")
    sign_in(tab.page, make_key(index, "admin")[1])
    token = tab.page.locator("form [name=csrf]").get_attribute("value")
    asking = """async ([path, method, headers]) =>
        (await fetch(path, {method, headers})).status"""

    def status(path: str, method: str, headers: dict[str, str]) -> int:
        return int(tab.page.evaluate(asking, [path, method, headers]))

    assert status("/v1/keys", "GET", {}) == 200
    assert status("/v1/keys/999/revoke", "POST", {}) == 403
    assert status("/v1/keys/999/revoke", "POST", {"X-CSRF-Token": "0" * 64}) == 403
    assert status("/v1/keys/999/revoke", "POST", {"X-CSRF-Token": token or ""}) == 404


def test_revoking_the_key_signs_out(tab: Tab, index: Index) -> None:
    key_id, token = make_key(index, "analyst")
    tab.page.goto("/console/login")
    sign_in(tab.page, token)
    expect(tab.page.get_by_role("heading", name="Today", level=1)).to_be_visible()

    index.run_here("key", "revoke", key_id)

    def is_asked_to_sign_in() -> bool:
        tab.page.reload()
        return tab.page.get_by_role("button", name="Sign in").is_visible()

    until(is_asked_to_sign_in)


# --- without one ---------------------------------------------------------------------------------


def test_a_running_server_heeds_a_key_made_meanwhile_and_lets_go_of_it_within_seconds(
    client: httpx.Client, index: Index
) -> None:
    key_id, token = make_key(index, "analyst")
    assert client.get("/v1/keys", headers=bearer(token)).status_code == 403
    assert client.get("/v1/floods", headers=bearer(token)).json()["items"] == []

    index.run_here("key", "revoke", key_id)

    until(lambda: client.get("/v1/floods", headers=bearer(token)).status_code != 200)


def test_what_is_done_with_a_key_is_put_down_to_it(client: httpx.Client, index: Index) -> None:
    key_id, token = make_key(index, "admin")
    body = {"name": "another", "scopes": ["check"]}
    headers = {**bearer(token), "X-Request-ID": "of-this-test"}

    made = client.post("/v1/keys", json=body, headers=headers).json()["key"]

    with open_store(index.settings.resolved_database_url) as store, store.reader() as catalog:
        (event,) = [row for row in catalog.audit.all() if row.request_id == "of-this-test"]
    assert (event.action, event.subject, event.subject_id) == ("key.create", "key", str(made["id"]))
    assert (event.actor.kind, event.actor.name) == ("key", f"{NAME} ({key_id})")
    assert event.actor.address == "127.0.0.1"
    assert json.loads(event.detail)["scopes"] == ["check"]


@pytest.mark.parametrize(
    "form",
    [
        {"key": "lk_x"},
        {"key": "lk_x", "csrf": "0" * 64},
        {"key": "lk_x", "csrf": "\xff"},
    ],
    ids=str,
)
def test_a_log_in_form_that_is_not_ours_is_refused(
    client: httpx.Client, form: dict[str, str]
) -> None:
    client.cookies.set("lookalike_login", "1" * 64)

    refused = client.post("/console/login", data=form)

    client.cookies.clear()
    assert refused.status_code == 403
    assert "Try again" in refused.text
    assert "lookalike_session" not in refused.headers.get("set-cookie", "")


@pytest.mark.parametrize("behind", ["//example.org", "https://example.org", "/\\example.org", "x"])
def test_signing_in_leads_nowhere_else(client: httpx.Client, behind: str) -> None:
    page = client.get("/console/login", params={"next": behind})

    assert 'name="next" value="/console"' in page.text
    client.cookies.clear()


def test_a_large_form_is_not_read(client: httpx.Client) -> None:
    assert client.post("/console/login", data={"key": "x" * 5000}).status_code == 422


def test_the_root_leads_to_the_console_and_serve_names_it(client: httpx.Client) -> None:
    led = client.get("/", follow_redirects=False)

    assert (led.status_code, led.headers["location"]) == (303, "/console")
    page = client.get("/", headers={"Accept": "text/html"}, follow_redirects=True)
    assert page.url.path == "/console/login"
