"""Journeys through review and clusters, by the keyboard, in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path
from time import sleep

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import insert, select

from indexer.keys import create_key
from indexer.store import Store, open_store
from indexer.store.models import ReviewItemRow
from indexer.types import QueueKind, ReviewState, Scope
from search_api.client import Lookalike
from support.accessibility import violations
from support.browser import Tab, open_tab
from support.commands import PHOTOS, Index
from support.extent import extent
from support.index_copies import copied
from support.zoom import faults_when_zoomed

KNOWN = (
    "aqueduct",
    "bee",
    "camels",
    "chickens",
    "clownfish",
    "crab",
    "hedgehog",
    "kingfisher",
    "koala",
    "moose",
    "sheep",
    "swans",
)
FAMILY = 24
COPIES = 49  # more than a page of a cluster shows
DESK = "/console/review/retro_match"
POLICY = """
format = 1
name = "with-reasons"

[[rules]]
id = "known-copy"
action = "block"
tier = "exact"

[[decision_reasons]]
id = "copy"
words = "A copy of the entry"
text = "Section 2: known material, also cropped or recoloured."

[[decision_reasons]]
id = "context"
words = "Harmless in context"
"""


@pytest.fixture(scope="module")
def index(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, console_database: str | None
) -> Index:
    """Index copies of photos that are found to be unsafe later; only fingerprints count."""
    rules = {
        "LOOKALIKE_NEAR_DUPLICATE_LOG_ODDS": "1000",
        "LOOKALIKE_LOOKALIKE_LOG_ODDS": "1000",
        "LOOKALIKE_TWO_PERSON_SEVERITY": "critical",
        "LOOKALIKE_QUERY_VIEWS": "none",
    }
    index = Index(tmp_path_factory.mktemp("home"), console_database, rules)
    index.run_here("init", "--model", tiny_model)
    folder = tmp_path_factory.mktemp("copies")
    for name, count in (dict.fromkeys(KNOWN, 1) | {"coffee": COPIES, "red-panda": 1}).items():
        data = (PHOTOS / f"{name}.jpg").read_bytes()
        for number in range(count):
            folder.joinpath(f"{name}-{number}.jpg").write_bytes(data + bytes([number]))
    index.run_here("index", "add", folder)
    for bank, severity, names in (
        ("known", "high", KNOWN),
        ("copied", "medium", ("coffee",)),
        ("grave", "critical", ("red-panda",)),
    ):
        index.run_here("bank", "create", bank, "--severity", severity)
        index.run_here("bank", "add", bank, *(PHOTOS / f"{name}.jpg" for name in names))
    index.run_here("retro-scan", "run")
    index.run_here("cluster", "run")
    return index


def token_of(index: Index, name: str) -> str:
    scopes = [Scope.ANALYST, Scope.BANK_WRITE, Scope.ADMIN]
    with open_store(index.settings.resolved_database_url) as store:
        return create_key(store, name, scopes).token


@pytest.fixture(scope="module")
def spare(index: Index, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """Copy the index before anybody uses it."""
    with copied(index, tmp_path_factory.mktemp("spare") / "home") as spare:
        yield spare


@pytest.fixture(scope="module")
def tokens(index: Index, spare: Index) -> dict[str, str]:
    assert spare.home.exists()
    return {name: token_of(index, name) for name in ("ana", "bo")}


@pytest.fixture(scope="module")
def server(index: Index, tokens: dict[str, str]) -> Iterator[httpx.Client]:
    assert tokens
    with index.serve() as client:
        yield client


@pytest.fixture
def tab(browser: Browser, server: httpx.Client, tokens: dict[str, str]) -> Iterator[Tab]:
    with open_tab(browser, str(server.base_url)) as tab:
        sign_in(tab.page, tokens["ana"])
        yield tab


@pytest.fixture(scope="module")
def api(server: httpx.Client, tokens: dict[str, str]) -> Iterator[Lookalike]:
    with Lookalike(str(server.base_url), tokens["ana"]) as client:
        yield client


def sign_in(page: Page, token: str) -> None:
    page.goto("/console/login")
    page.get_by_label("Key").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/console$"))
    page.wait_for_load_state()


def sit_down(page: Page, path: str) -> None:
    """Open a desk, and wait for its first item."""
    page.goto(path)
    expect(page.locator("[data-stage] [data-card]")).to_be_visible()


def all_saved(page: Page) -> None:
    expect(page.locator("[data-saved-words]")).to_have_text("All saved")


def next_items(page: Page) -> list[float]:
    """Return how long each next item took to be seen, in milliseconds."""
    measured = page.evaluate("performance.getEntriesByName('next item').map(each => each.duration)")
    return [float(each) for each in measured]


def work_through(page: Page, count: int) -> dict[int, str]:
    """Decide a queue by keys, each tenth decision twice; return the outcomes by item."""
    said: dict[int, str] = {}
    for number in range(count):
        card = page.locator("[data-stage] [data-card]")
        item = int(str(card.get_attribute("data-ids")).strip("[]"))
        key, outcome = (("1", "confirmed"), ("2", "rejected"))[number % 2]
        page.keyboard.press(key)
        expect(page.locator(f"[data-stage] [data-ids='[{item}]']")).to_have_count(0)
        if number % 10 == 0:
            page.keyboard.press("u")
            expect(page.locator(f"[data-stage] [data-ids='[{item}]']")).to_be_visible()
            page.keyboard.press(key)
            expect(page.locator(f"[data-stage] [data-ids='[{item}]']")).to_have_count(0)
        said[item] = outcome
    expect(
        page.get_by_text(re.compile("Nothing is left here|Nothing here for you"))
    ).to_be_visible()
    all_saved(page)
    return said


def test_settled_stays_settled_when_a_queue_is_worked_by_the_keyboard_alone(
    tab: Tab, api: Lookalike
) -> None:
    page = tab.page
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page).to_have_url(re.compile("/console/review$"))
    page.wait_for_load_state()
    page.get_by_role("link", name="Review Retro-matches of known").press("Enter")
    expect(page.locator("[data-stage] [data-card]")).to_be_visible()

    said = work_through(page, len(KNOWN))

    decided = {each.id: each.outcome for each in api.reviews(bank="known")}
    assert decided == said
    assert len(said) == len(KNOWN)
    p95 = float(np.percentile(next_items(page), 95))
    print(f"next item, 95th percentile: {p95:.0f} ms")  # noqa: T201
    assert p95 < 1000  # below 100 on a quiet machine
    page.reload()
    expect(page.get_by_text("Nothing is left here")).to_be_visible()
    assert tab.complaints == []


@pytest.mark.long
@pytest.mark.slow
def test_a_queue_of_200_is_worked_by_the_keyboard_alone(
    browser: Browser, spare: Index, tmp_path: Path
) -> None:
    with copied(spare, tmp_path / "home") as own:
        with open_store(own.settings.resolved_database_url) as store:
            fill_queue(store, 200)
        token = token_of(own, "cy")
        with own.serve() as server, open_tab(browser, str(server.base_url)) as tab:
            work_200(server, tab, token)


def work_200(server: httpx.Client, tab: Tab, token: str) -> None:
    sign_in(tab.page, token)
    sit_down(tab.page, "/console/review/uncertain")
    said = work_through(tab.page, 200)
    with Lookalike(str(server.base_url), token) as api:
        assert {each.id: each.outcome for each in api.reviews(queue=QueueKind.UNCERTAIN)} == said
    p95 = float(np.percentile(next_items(tab.page), 95))
    print(f"next item of 200, 95th percentile: {p95:.0f} ms")  # noqa: T201


def fill_queue(store: Store, count: int) -> None:
    """Queue copies of an item in a queue of their own."""
    with store.writer() as writer:
        table = ReviewItemRow.__table__
        wanted = select(table).where(table.c.severity == "high").limit(1)
        row = dict(writer.connection.execute(wanted).mappings().one())
        row |= {"queue": "uncertain", "state": "open", "outcome": None, "decided_by": None}
        made_up = [
            {**row, "id": 10_000 + number, "query_sha256": number.to_bytes(32, "big")}
            for number in range(count)
        ]
        writer.connection.execute(insert(ReviewItemRow), made_up)


@pytest.mark.long
def test_a_family_of_24_is_decided_at_once_but_for_the_one_left_out(
    tab: Tab, api: Lookalike
) -> None:
    page = tab.page
    sit_down(page, f"{DESK}?bank=copied")
    page.keyboard.press("f")
    members, family = page.get_by_role("option"), page.locator("[data-stage] [data-card]")
    expect(members).to_have_count(FAMILY)
    first = family.get_attribute("data-ids")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(page.locator("[data-chosen]")).to_have_text(str(FAMILY - 1))
    page.keyboard.press("1")
    expect(members).to_have_count(1)
    page.keyboard.press("u")
    expect(members).to_have_count(FAMILY)
    page.keyboard.press("1")
    expect(members).to_have_count(1)
    page.keyboard.press("2")
    expect(members).to_have_count(FAMILY)  # the large group goes on
    assert family.get_attribute("data-ids") != first
    all_saved(page)

    outcomes = [each.outcome for each in api.reviews(bank="copied")]
    assert (outcomes.count("confirmed"), outcomes.count("rejected")) == (FAMILY - 1, 1)
    page.goto(f"{DESK}?bank=copied&family=true")
    page.get_by_label("Name of the view").fill("copies at once")
    page.get_by_role("button", name="Save these filters").click()
    expect(page.get_by_role("link", name="copies at once")).to_be_visible()
    page.goto("/console/review")
    page.get_by_role("link", name="copies at once").click()
    expect(page).to_have_url(re.compile(r"\?bank=copied&family=true$"))
    assert tab.complaints == []


@pytest.mark.long
def test_reasons_history_and_honest_queue_figures(tab: Tab, api: Lookalike) -> None:
    page = tab.page
    before = len([*api.reviews(bank="copied", state=ReviewState.OPEN)])
    sit_down(page, f"{DESK}?bank=copied")
    shown = page.locator("[data-stage] [data-card]").get_attribute("data-ids")
    page.keyboard.press("n")
    page.keyboard.type("section 2 names it")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    all_saved(page)

    other = page.context.new_page()
    for path in ("/console/review", "/console"):
        other.goto(path)
        cells = other.get_by_role("row", name=re.compile("copied")).get_by_role("cell")
        expect(cells.nth(2)).to_have_text(str(before - 1))  # open
        expect(cells.nth(3)).not_to_have_text("0")  # with people now: this desk has some
    decided = int(str(shown).strip("[]"))
    other.goto(f"/console/review/items/{decided}")
    expect(other.get_by_role("main")).to_contain_text("section 2 names it")
    entry = next(each.entry_id for each in api.reviews(bank="copied") if each.id == decided)
    other.goto(f"/console/entries/{entry}")
    expect(other.get_by_role("row", name=re.compile("confirmed .* section 2"))).to_be_visible()
    other.close()


def test_large_groups_page(tab: Tab) -> None:
    page = tab.page
    page.goto("/console/clusters")
    page.get_by_role("rowheader").first.get_by_role("link").click()
    members = page.get_by_role("region", name="All images").get_by_role("listitem")
    expect(members).to_have_count(48)
    page.get_by_role("link", name="Next").click()
    expect(members).to_have_count(COPIES + 1 - 48)


def test_a_reveal_lasts_while_space_is_held_and_is_listed_with_its_reason(
    tab: Tab, api: Lookalike
) -> None:
    page = tab.page
    sit_down(page, f"{DESK}?bank=grave")
    page.keyboard.press("Space")
    page.get_by_label("Reason").fill("the veil hides the face")
    page.keyboard.press("Enter")
    page.keyboard.down("Space")
    clear = page.get_by_alt_text("The picture without its veil")
    expect(clear).to_be_visible()
    with page.expect_response(re.compile("/end$")):
        page.keyboard.up("Space")

    expect(clear).to_have_count(0)
    expect(page.locator("[data-exposure]")).to_contain_text("1 picture revealed")
    [reveal] = api.reveals()
    assert (reveal.reason, reveal.name) == ("the veil hides the face", "ana")
    assert reveal.ended_at is not None
    page.keyboard.press("q")
    expect(page).to_have_url(re.compile("/console/review$"))
    page.goto("/console/operations/audit?action=reveal")
    expect(page.get_by_role("table")).to_contain_text("the veil hides the face")


def test_two_persons_sign_and_the_second_does_not_see_what_the_first_said(
    tab: Tab, browser: Browser, server: httpx.Client, tokens: dict[str, str], api: Lookalike
) -> None:
    page = tab.page
    sit_down(page, f"{DESK}?bank=grave")
    expect(page.get_by_text("a second person signs after you")).to_be_visible()
    page.keyboard.press("1")
    all_saved(page)
    page.goto("/console/review/second_signature")
    expect(page.get_by_text("for another person's signature than yours")).to_be_visible()

    with open_tab(browser, str(server.base_url)) as other:
        sign_in(other.page, tokens["bo"])
        sit_down(other.page, "/console/review/second_signature")
        stage = other.page.locator("[data-stage]")
        expect(stage.get_by_text("second signature: yours decides")).to_be_visible()
        expect(stage.locator(".pair img")).to_have_count(2)
        assert "onfirmed" not in str(stage.text_content())
        other.page.keyboard.press("1")
        all_saved(other.page)

    [first, second] = api.reviews(bank="grave")
    assert (first.outcome, first.awaits_signature) == ("confirmed", False)
    assert (second.outcome, second.decision_id) == ("confirmed", first.decision_id)


@pytest.mark.long
def test_a_decision_offline_is_saved_later_and_a_lost_lease_is_told_in_words(
    browser: Browser, spare: Index, tmp_path: Path
) -> None:
    with copied(spare, tmp_path / "home") as waiting:
        lose_connection(browser, waiting, tmp_path)


def lose_connection(browser: Browser, waiting: Index, tmp_path: Path) -> None:
    with open_store(waiting.settings.resolved_database_url) as store:
        fill_queue(store, 10)
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    waiting.run_here("policy", "use", policy)
    ana, bo = token_of(waiting, "ana"), token_of(waiting, "bo")
    with waiting.serve() as server, open_tab(browser, str(server.base_url)) as tab:
        page, saved = tab.page, tab.page.locator("[data-saved-words]")
        sign_in(page, ana)
        sit_down(page, "/console/review/uncertain")
        page.keyboard.press("1")  # the policy lists reasons: one must be chosen
        expect(page.get_by_text("Choose the reason: then it is confirmed.")).to_be_visible()
        page.context.set_offline(True)
        page.keyboard.press("4")
        expect(page.get_by_text("Section 2: known material")).to_be_visible()
        page.keyboard.press("2")
        expect(saved).to_contain_text("2 not yet saved")
        page.context.set_offline(False)
        expect(saved).to_have_text("All saved")
        with Lookalike(str(server.base_url), ana) as api, Lookalike(str(server.base_url), bo) as b:
            decided = [
                each for each in api.reviews(queue=QueueKind.UNCERTAIN) if each.state == "decided"
            ]
            assert [(each.outcome, each.reason) for each in decided] == [
                ("confirmed", "copy"),
                ("rejected", "copy"),
            ]

            shown = page.locator("[data-stage] [data-card]").get_attribute("data-ids")
            take_over(api, b, int(str(shown).strip("[]")))
            page.keyboard.press("1")
            expect(page.get_by_role("alert").last).to_contain_text("Another person has review")


def take_over(ana: Lookalike, bo: Lookalike, item: int) -> None:
    """Let another person get an item; the first one's page may ask for more meanwhile."""
    for _ in range(50):
        open_ones = ana.reviews(queue=QueueKind.UNCERTAIN, state=ReviewState.OPEN)
        ana.release_review_leases([each.id for each in open_ones])
        if item in [each.id for each in bo.lease_reviews(QueueKind.UNCERTAIN, 24).items]:
            return
    pytest.fail(f"review {item} could not be taken over", pytrace=False)


def test_bulk_has_a_preview_when_a_cluster_is_named_from_its_exemplars_and_banked(
    tab: Tab, api: Lookalike
) -> None:
    page = tab.page
    page.goto("/console/clusters")
    page.get_by_role("rowheader").first.get_by_role("link").click()  # the largest comes first
    exemplars = page.get_by_role("region", name="What stands for it")
    expect(exemplars.get_by_role("group").first).to_be_visible()
    page.wait_for_load_state()
    before = page.get_by_role("heading", level=1).text_content()
    page.get_by_role("button", name="Name…").click()
    page.get_by_label("Name", exact=True).fill("cups of coffee")
    page.get_by_role("button", name="Show what it touches").click()
    expect(page.get_by_text("It will be called")).to_contain_text("cups of coffee")
    page.get_by_role("button", name="Call it so").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("cups of coffee")
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(str(before))

    count = COPIES + 1  # with the photo itself
    held = {bank: api.bank(bank).entry_count for bank in ("grave", "known")}
    told = {
        "grave": "awaits a second signature",
        "known": f"{count} of {count} images joined known.",
    }
    for bank, words in told.items():
        page.get_by_role("button", name="Bank…").click()
        page.get_by_label("Bank", exact=True).select_option(bank)
        page.get_by_role("button", name="Show what it touches").click()
        page.get_by_role("button", name=f"Add {count} to {bank}").click()
        expect(page.get_by_text(words).first).to_be_visible()
        if bank == "grave":  # another action on the cluster would have to wait for it
            page.get_by_role("status").get_by_role("button", name="Undo").last.click()
            expect(page.get_by_text("a bank that nobody signed")).to_be_visible()
    assert api.bank("grave").entry_count == held["grave"]
    assert api.bank("known").entry_count == held["known"] + count
    assert tab.complaints == []


def test_parts_of_a_page_are_fetched_after_its_scripts_have_set_the_policy(tab: Tab) -> None:
    def late(route: Route) -> None:
        sleep(0.5)
        route.continue_()

    tab.page.route("**/static/markup.js", late)
    tab.page.goto("/console/clusters")

    expect(tab.page.locator("[data-told]")).to_be_visible()
    assert tab.complaints == []


def test_review_and_clusters_are_accessible_and_usable_at_400_percent(tab: Tab) -> None:
    page, found = tab.page, {}
    [cluster] = re.findall(
        r"/console/clusters/(\d+)\?", tab.page.request.get("/console/clusters").text()
    )[:1]
    some = {
        f"{DESK}?family=true": "[data-stage] :is([data-card], [data-none])",
        "/console/review/items/1": "h1",
        "/console/clusters": "[data-told]",
        f"/console/clusters/{cluster}": "h1",
    }
    others = {"/console/review": "h1", DESK: "[data-stage] :is([data-card], [data-none])"}
    page.emulate_media(reduced_motion="reduce")  # colours change at once
    for path, there in extent(some, some | others).items():
        page.emulate_media(color_scheme="light", forced_colors="none")
        page.goto(path)
        expect(page.locator(there)).to_be_visible()
        found[path, "light"] = violations(page)
        page.emulate_media(color_scheme="dark")
        found[path, "dark"] = violations(page, "color-contrast")
        page.emulate_media(forced_colors="active")
        found[path, "forced"] = violations(page, "color-contrast", "target-size")
        found[path, "zoomed"] = faults_when_zoomed(page)
        assert page.locator("h1").count() == 1, path

    assert {where: what for where, what in found.items() if what} == {}
    assert tab.foreign == []
