"""Journeys through the console in a real browser, against a real server."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from indexer.types import Match, Signal, Tier
from search_api.console.pages import render
from search_api.console.verdict_card import VerdictCard
from support.accessibility import violations
from support.browser import Tab, open_tab
from support.commands import PHOTOS, Index
from support.extent import extent
from support.running import until
from support.verdicts import verdict
from support.web import Web, running
from support.web import page as web_page
from support.zoom import faults_when_zoomed

PAGES = (
    "/console",
    "/console/search",
    "/console/search?q=1",
    "/console/review",
    "/console/clusters",
    "/console/clusters/1",
    "/console/banks",
    "/console/banks/known-unsafe",
    "/console/banks/known-unsafe?view=fingerprints",
    "/console/banks/known-unsafe/thresholds",
    "/console/banks/known-unsafe/import",
    "/console/entries/1",
    "/console/images",
    "/console/images/1",
    "/console/operations",
    "/console/operations/quarantine",
    "/console/operations/webhooks",
    "/console/operations/keys",
    "/console/operations/audit",
    "/console/settings",
    "/console/nothing",
    "/console/login",
)
DROP = """([name, type, bytes]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
  const event = new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer });
  document.querySelector("[data-drop]").dispatchEvent(event);
}"""
PASTE = """([name, type, bytes]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
  document.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, clipboardData: transfer }));
}"""


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    """Run a site that the server may ask."""
    with running() as web:
        yield web


@pytest.fixture(scope="module")
def index(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_model: Path,
    console_database: str | None,
    web: Web,
) -> Index:
    """Make an index of five photos, two banks and a file that cannot be read."""
    loopback = {
        "LOOKALIKE_SERVE_FETCH_HOSTS": f"http://{web.place}",
        "LOOKALIKE_SERVE_FETCH_PRIVATE_HOSTS": "127.0.0.1",
        "LOOKALIKE_SERVE_WEBHOOK_PRIVATE_HOSTS": "127.0.0.1",
        "LOOKALIKE_SERVE_WEBHOOK_INTERVAL": "0.1",
    }
    index = Index(tmp_path_factory.mktemp("home"), console_database, loopback)
    index.run_here("init", "--model", tiny_model)
    index.run_here("bank", "create", "known-unsafe", "--severity", "high")
    index.run_here("bank", "create", "harmless", "--kind", "allow")
    index.run_here("bank", "add", "known-unsafe", PHOTOS / "crab.jpg")
    index.run_here("index", "add", *(PHOTOS / f"{name}.jpg" for name in ("bee", "koala", "moose")))
    index.run_here("cluster", "run", "--algorithm", "kmeans", "-k", 2)
    broken = index.home / "broken.jpg"
    broken.write_bytes((PHOTOS / "swans.jpg").read_bytes()[:2000])
    index.run_here("index", "add", broken, code=2)
    return index


@pytest.fixture(scope="module")
def client(index: Index) -> Iterator[httpx.Client]:
    with index.serve() as client:
        yield client


@pytest.fixture
def tab(browser: Browser, client: httpx.Client) -> Iterator[Tab]:
    with open_tab(browser, str(client.base_url)) as tab:
        yield tab


def sent(photo: str) -> list[object]:
    return [photo, "image/jpeg", list((PHOTOS / photo).read_bytes())]


def show(page: Page, path: str) -> None:
    page.goto(path)  # until all scripts have run


def test_every_page_is_accessible_in_light_dark_and_forced_colours_and_at_400_percent(
    tab: Tab,
) -> None:
    page, found = tab.page, {}
    page.emulate_media(reduced_motion="reduce")  # no colour on its way to another
    for path in extent(PAGES[::3], PAGES):
        page.emulate_media(color_scheme="light", forced_colors="none")
        page.goto(path)
        expect(page.locator("main .skeleton")).to_have_count(0)
        found[path, "light"] = violations(page)
        page.emulate_media(color_scheme="dark")
        found[path, "dark"] = violations(page, "color-contrast")
        page.emulate_media(forced_colors="active")
        found[path, "forced"] = violations(page, "color-contrast", "target-size")
        found[path, "zoomed"] = faults_when_zoomed(page)
        assert page.locator("h1").count() == 1, path
        assert page.title().endswith("· Lookalike")

    assert {where: what for where, what in found.items() if what} == {}
    assert tab.foreign == []
    assert [each for each in tab.complaints if "404" not in each] == []


def test_a_dropped_picture_is_confirmed_into_a_bank_and_taken_back_by_keys_alone(
    tab: Tab, client: httpx.Client
) -> None:
    page = tab.page
    show(page, "/console")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_url("**/console/search")
    page.evaluate(DROP, sent("crab.jpg"))
    verdict = page.get_by_role("article", name="Verdict on crab.jpg")
    expect(verdict.get_by_role("heading", name="exact copy")).to_be_visible()
    expect(verdict).to_be_focused()
    veil = verdict.get_by_alt_text("The query, veiled")
    assert str(veil.get_attribute("src")).startswith("data:image/jpeg;base64,")
    assert "blob:" not in page.content()  # the picture itself is nowhere in the page

    page.keyboard.press("n")
    page.keyboard.type("as listed")
    page.keyboard.press("Escape")
    verdict.focus()
    page.keyboard.press("1")

    expect(verdict.locator(".decided")).to_contain_text("Confirmed by anybody")
    expect(verdict.locator(".decided")).to_contain_text("as listed")
    [decision] = client.get("/v1/decisions").json()["items"]
    assert (decision["outcome"], decision["note"]) == ("confirmed", "as listed")
    verdict.focus()
    page.keyboard.press("u")
    expect(verdict.locator(".decided")).to_have_text("Not decided.")
    assert client.get("/v1/decisions").json()["items"] == []
    assert tab.complaints == []


def test_a_pasted_picture_joins_a_bank_and_leaves_it_with_undo(
    tab: Tab, client: httpx.Client
) -> None:
    page = tab.page
    show(page, "/console/search")
    page.evaluate(PASTE, sent("bee.jpg"))
    verdict = page.get_by_role("article", name="Verdict on bee.jpg")
    verdict.get_by_label("Add the query to").select_option("known-unsafe")
    verdict.get_by_role("button", name="Confirm").click()

    expect(verdict.locator(".decided")).to_contain_text("in known-unsafe")
    assert client.get("/v1/banks/known-unsafe").json()["entry_count"] == 2
    page.get_by_role("button", name="Undo").click()

    expect(verdict.locator(".decided")).to_have_text("Not decided.")
    assert client.get("/v1/banks/known-unsafe").json()["entry_count"] == 1


def test_see_what_differs_large_side_by_side_flickering_and_swiped(tab: Tab) -> None:
    page = tab.page
    show(page, "/console/search")
    page.evaluate(DROP, sent("crab.jpg"))
    expect(page.get_by_role("article", name="Verdict on crab.jpg")).to_be_focused()

    page.keyboard.press("c")
    board = page.locator(".comparison")
    expect(board.get_by_role("img")).to_have_count(2)
    expect(board.locator(".regions circle").first).to_be_attached()
    for key, mode in (("2", "flicker"), ("3", "swipe")):
        page.keyboard.press(key)
        expect(board).to_have_attribute("data-mode", mode)
    board.get_by_label("Swipe", exact=True).last.fill("20")
    page.keyboard.press("Escape")

    expect(board).not_to_be_visible()
    assert tab.complaints == []


def test_an_id_and_a_hash_are_looked_up_and_a_wrong_one_is_said_so(tab: Tab) -> None:
    page = tab.page
    show(page, "/console/search?q=1")
    expect(page.get_by_role("article", name=re.compile("Verdict on"))).to_have_count(1)
    field = page.get_by_label("Image id, URL or fingerprint")

    field.fill("nonsense")
    field.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("neither an image id, a URL, nor")
    field.fill("0" * 63 + "1")
    field.press("Enter")
    expect(page.get_by_role("article", name=re.compile("Verdict on sha256"))).to_be_visible()


def test_keys_for_everything_are_shown_by_default(tab: Tab) -> None:
    page = tab.page
    show(page, "/console/search?q=1")
    expect(page.get_by_role("article", name=re.compile("Verdict on"))).to_have_count(1)
    shown = {cap.strip() for cap in page.locator("kbd:visible").all_inner_texts()}
    assert {"g t", "g s", "g r", "g c", "g b", "g i", "g o", "?", "1", "2", "3", "c"} <= shown
    page.keyboard.press("?")
    overlay = page.get_by_role("dialog", name="Keys")
    expect(overlay.get_by_text("Go to or do anything")).to_be_visible()
    bound = {term.replace("\n", " ").strip() for term in overlay.locator("dt").all_inner_texts()}
    assert shown - bound <= {"Enter"}  # what a button says, the table that binds it says too
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("operations")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/console/operations$"))


def test_keys_never_fight_and_are_remapped_or_switched_off_by_the_person(
    tab: Tab, client: httpx.Client
) -> None:
    page = tab.page
    show(page, "/console/settings")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("g")  # the dialog owns the keys now
    page.keyboard.press("i")
    page.keyboard.press("Escape")
    field = page.get_by_label("Banks", exact=True)
    field.fill("g i")  # typed into a field, it goes nowhere
    field.press("Enter")
    expect(page.get_by_text("“g i” is already Images.")).to_be_visible()
    field.fill("g x")
    field.press("Enter")
    page.get_by_role("heading", name="Settings").click()
    page.keyboard.press("g")
    page.keyboard.press("Alt+x")  # with Ctrl, Alt or Meta it is the browser's
    expect(page).to_have_url(re.compile("/console/settings$"))
    page.keyboard.press("g")
    page.keyboard.press("x")
    expect(page).to_have_url(re.compile("/console/banks$"))

    show(page, "/console/settings")
    page.get_by_label("Single keys work").uncheck()
    page.get_by_role("heading", name="Settings").click()
    page.keyboard.press("g")
    page.keyboard.press("x")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Go to or do")).to_be_visible()
    expect(page).to_have_url(re.compile("/console/settings$"))
    kept = client.put("/v1/me/settings", json={}).json()  # for the tests that follow
    assert kept["keys_enabled"]


def test_a_bank_page_matches_by_url_or_hash_with_distance_and_content_id_and_removes(
    tab: Tab, client: httpx.Client, web: Web
) -> None:
    page = tab.page
    crab = client.get("/v1/images/1").json()
    web.pages["/crab.jpg"] = web_page((PHOTOS / "crab.jpg").read_bytes())
    show(page, "/console/banks/known-unsafe")
    field = page.get_by_label("Image id, URL or fingerprint")
    row = page.get_by_role("row", name=re.compile("Entry 1 "))
    for asked, tier, bits in (
        (web.url("/crab.jpg"), "exact copy", "0"),
        (f"pdq:{crab['pdq']}", "near duplicate", "0"),
        (crab["sha256"], "exact copy", ""),
    ):
        field.fill(asked)
        field.press("Enter")
        expect(page.locator("#matches h2")).to_contain_text(asked.removeprefix("pdq:")[-9:])
        expect(row.get_by_role("cell").nth(0)).to_have_text(tier)
        expect(row.get_by_role("cell").nth(1)).to_have_text(bits)
        expect(row.get_by_role("link", name="image 1")).to_be_visible()
    row.get_by_role("button", name="Remove").click()
    expect(row.get_by_text("removed, matches nothing")).to_be_visible()
    assert client.get("/v1/entries/1").status_code == 404
    page.keyboard.press("u")
    expect(page.get_by_text("Entry 1 is in known-unsafe again.")).to_be_visible()
    expect(row.get_by_role("button", name="Remove")).to_be_visible()
    assert client.get("/v1/entries/1").json()["bank"] == "known-unsafe"
    assert tab.complaints == []


def test_filters_are_saved_as_a_view_and_kept_in_the_address(tab: Tab) -> None:
    page = tab.page
    show(page, "/console/images")
    page.get_by_label("In bank").select_option("known-unsafe")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile("bank=known-unsafe"))
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Name of the view").fill("known")
    page.get_by_role("button", name="Save these filters").click()
    expect(page.get_by_role("link", name="known", exact=True)).to_be_visible()
    show(page, "/console/images")

    page.get_by_role("link", name="known", exact=True).click()

    expect(page.locator("tbody tr")).to_have_count(1)


def test_bulk_has_a_preview_before_an_import_is_carried_out(
    tab: Tab, client: httpx.Client, tmp_path: Path
) -> None:
    page = tab.page
    listed = tmp_path / "partner.csv"
    listed.write_text(f"type,value\nsha256,{'ab' * 32}\nsha256,nonsense\n")
    show(page, "/console/banks/harmless/import")
    page.get_by_label("List").set_input_files(listed)
    page.get_by_role("button", name="Show what it would change").click()

    expect(page.get_by_role("row", name="new 1")).to_be_visible()
    expect(page.get_by_role("row", name="rows that cannot be used 1")).to_be_visible()
    assert client.get("/v1/banks/harmless").json()["entry_count"] == 0
    page.get_by_role("button", name="Import 1 and withdraw 0").click()

    expect(page.get_by_text("1 entry added to harmless.")).to_be_visible()
    assert client.get("/v1/banks/harmless").json()["entry_count"] == 1


def test_a_quarantined_file_is_retried_once_it_is_whole(tab: Tab, index: Index) -> None:
    page = tab.page
    show(page, "/console/operations/quarantine")
    row = page.get_by_role("row", name=re.compile("broken.jpg"))
    row.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("0 indexed, 1 still cannot be.")).to_be_visible()
    (index.home / "broken.jpg").write_bytes((PHOTOS / "swans.jpg").read_bytes())

    row.get_by_role("button", name="Retry").click()

    expect(page.get_by_text("1 indexed, 0 still cannot be.")).to_be_visible()
    expect(page.get_by_text("Nothing is in quarantine")).to_be_visible()


def test_undo_takes_a_disabled_entry_back_and_a_purge_that_has_none_asks_for_the_number(
    tab: Tab, client: httpx.Client
) -> None:
    page = tab.page
    show(page, "/console/entries/1")
    page.get_by_role("button", name="Disable…").click()
    page.get_by_role("button", name="Disable", exact=True).click()
    expect(page.locator("#entry-state")).to_contain_text("disabled by hand")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#entry-state")).to_contain_text("enabled")

    show(page, "/console/images/4")
    page.get_by_role("button", name="Purge…").click()
    page.get_by_label("Type 4 to confirm").fill("5")
    page.get_by_role("button", name="Erase it for good").click()
    assert client.get("/v1/images/4").status_code == 200
    page.get_by_label("Type 4 to confirm").fill("4")
    page.get_by_role("button", name="Erase it for good").click()
    expect(page).to_have_url(re.compile("/console/images$"))
    assert client.get("/v1/images/4").status_code == 404


def test_a_threshold_is_moved_to_see_what_it_would_change(
    tab: Tab, client: httpx.Client, index: Index
) -> None:
    page = tab.page
    show(page, "/console/search?q=2")
    verdict = page.get_by_role("article", name=re.compile("Verdict on"))
    verdict.get_by_text("What another bound would change").press("Enter")
    bound, told = verdict.get_by_role("slider"), verdict.get_by_role("status")
    expect(told).to_contain_text("nats, as now")
    bound.press("Home")
    expect(told).to_contain_text(re.compile(r"^-8\.00 nats: (\d+) of \1 compared would match"))
    bound.press("End")
    expect(told).to_contain_text(re.compile(r"^24\.00 nats: 0 of \d+ compared would match"))

    before = client.get("/v1/banks/known-unsafe").json()
    index.run_here("threshold", "calibrate", "--bank", "known-unsafe", "--signal", "pdq")
    show(page, "/console/banks/known-unsafe/thresholds")
    card = page.locator("[data-card]")
    line = card.locator("line.threshold")
    place = line.get_attribute("x1")
    expect(card.get_by_role("status")).to_contain_text("as now")
    card.get_by_role("slider").press("End")
    expect(card.get_by_role("status")).to_contain_text("innocent pictures would match")
    expect(card.get_by_role("status")).to_contain_text("Nothing is changed")
    assert line.get_attribute("x1") != place
    assert client.get("/v1/banks/known-unsafe").json() == before
    assert tab.complaints == []


def test_a_delivery_that_was_given_up_is_sent_again(
    tab: Tab, client: httpx.Client, web: Web
) -> None:
    page = tab.page
    web.pages["/hook"] = web_page(status=410)  # gone: it is not asked again
    asked_before = len(web.requests)
    body = {"url": web.url("/hook"), "events": ["flood_flag"]}
    hook = client.post("/v1/webhooks", json=body).json()["webhook"]["id"]
    client.post(f"/v1/webhooks/{hook}/test")
    path = f"/v1/webhooks/{hook}/deliveries"
    until(lambda: client.get(path).json()["items"][0]["state"] == "dead")
    show(page, "/console/operations")
    page.get_by_role("link", name="Webhooks").press("Enter")
    expect(page).to_have_url(re.compile("/webhooks$"))
    page.wait_for_load_state()
    page.get_by_label("Deliveries").select_option("dead")
    expect(page).to_have_url(re.compile("state=dead"))
    page.wait_for_load_state()
    web.pages["/hook"] = web_page(status=204)
    receiver = page.get_by_role("region", name=web.url("/hook")).first
    receiver.get_by_role("button", name="Enable").press("Enter")
    expect(receiver.get_by_text("disabled, nothing is sent")).to_have_count(0)
    receiver.get_by_role("button", name="Send again").press("Enter")

    expect(page.get_by_text(re.compile(r"Delivery \d+ is sent again\."))).to_be_visible()
    until(lambda: client.get(path).json()["items"][0]["state"] == "delivered")
    asked_since = web.requests[asked_before:]
    told = [headers["webhook-id"] for asked, headers in asked_since if asked == "/hook"]
    assert len(told) > 1
    assert len(set(told)) == 1  # the same event again
    show(page, "/console/operations/webhooks?state=delivered")
    expect(page.get_by_role("row", name=re.compile("ping delivered"))).to_be_visible()
    client.delete(f"/v1/webhooks/{hook}")
    assert tab.complaints == []


# --- without a browser ---------------------------------------------------------------------------


def test_copies_are_kept_apart_from_lookalikes() -> None:
    tiers = (Tier.EXACT, Tier.NEAR_DUPLICATE, Tier.LOOKALIKE, Tier.LOOKALIKE)
    matches = tuple(
        Match(
            tier, Signal.FUSED, 5.0, "model", None, 0.9, 8, 6.0, None, None, None, image, "", None
        )
        for image, tier in enumerate(tiers, 1)
    )
    card = VerdictCard(
        verdict=replace(verdict(), tier=Tier.EXACT, matches=matches),
        best=matches[0],
        rulers=[],
        others=list(matches[1:]),
        misses=[],
        decisions=[],
        banks=[],
        pictures=frozenset(),
        thresholds=(5.0, 8.0),
        query_veil=None,
    )

    page = bytes(render("parts/verdict.html", card=card, can_bank=False).body).decode()

    _, copies, lookalikes = page.split("<details open><summary>")
    assert copies.startswith("1 further copy<")
    assert lookalikes.startswith("2 further lookalikes<")
    for part, image, glyph in ((copies, 2, "near_duplicate"), (lookalikes, 3, "lookalike")):
        assert f"/console/images/{image}" in part
        assert f"#tier-{glyph}" in part
    assert "#tier-lookalike" not in copies


def test_errors_are_pages_in_words_for_a_browser_and_problems_for_a_program(
    client: httpx.Client,
) -> None:
    page = client.get("/console/images/999", headers={"Accept": "text/html"})
    part = client.get("/console/images/999", headers={"Accept": "text/html", "HX-Request": "true"})

    assert (page.status_code, part.status_code) == (404, 404)
    assert "There is nothing here" in page.text
    assert "No image 999" in page.text or "no image 999" in page.text
    assert '<hx-partial hx-target="#toasts"' in part.text
    assert part.headers["hx-reswap"] == "none"
    problem = client.get("/v1/images/999", headers={"Accept": "text/html"})
    assert problem.headers["content-type"] == "application/problem+json"


def test_no_policy_of_a_page_is_unsafe(client: httpx.Client) -> None:
    for path in (*PAGES, "/docs", "/console/login", "/static/console.js"):
        policy = client.get(path).headers["content-security-policy"]
        assert "unsafe" not in policy, path
