"""The map of the console in a real browser: points by WebGL, a plain canvas without it."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from support.accessibility import violations
from support.browser import COLOURS, Tab, open_tab
from support.commands import PHOTOS, Index
from support.maps import made_up_map

POINTS = 3_000
BLOTS = 40


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[httpx.Client]:
    """Serve five photos in two clusters, one of them in a bank."""
    index = Index(tmp_path_factory.mktemp("home"))
    index.run_here("init", "--model", tiny_model)
    index.run_here("bank", "create", "known-unsafe", "--severity", "high")
    index.run_here("bank", "add", "known-unsafe", PHOTOS / "crab.jpg")
    names = ("bee", "koala", "moose", "swans")
    index.run_here("index", "add", *(PHOTOS / f"{name}.jpg" for name in names))
    index.run_here("cluster", "run", "--algorithm", "kmeans", "-k", 2)
    with index.serve() as client:
        yield client


@pytest.fixture
def tab(webgl_browser: Browser, client: httpx.Client) -> Iterator[Tab]:
    with open_tab(webgl_browser, str(client.base_url)) as tab:
        yield tab


@pytest.fixture(scope="module")
def many() -> bytes:
    return made_up_map(POINTS, BLOTS)


def show(page: Page, query: str = "") -> None:
    page.goto(f"/console/clusters/map{query}")
    expect(page.locator(".map.ready")).to_be_visible()
    expect(page.locator("[data-settled]")).to_be_attached()


def show_many(page: Page, packed: bytes, query: str = "") -> None:
    """Show a made-up map in place of the server's."""

    def answer(route: Route) -> None:
        route.fulfill(body=gzip.decompress(packed), content_type="application/octet-stream")

    page.route("**/map.bin", answer)
    show(page, query)


def complaints(tab: Tab) -> list[str]:
    # the made-up clusters have no pictures here
    return [each for each in tab.complaints if "404" not in each]


@pytest.mark.long
def test_pictures_and_names_are_on_the_map_at_every_zoom(tab: Tab, client: httpx.Client) -> None:
    page = tab.page
    page.emulate_media(reduced_motion="reduce")
    page.goto("/console/clusters")
    page.get_by_role("link", name="Map", exact=True).click()
    expect(page.locator('.map.ready[data-drawn="webgl 5"]')).to_be_visible()
    clusters = client.get("/v1/cluster-runs/1/clusters").json()["items"]
    legend, said = page.locator("[data-legend] li"), page.locator("[data-said]")
    expect(legend).to_have_count(2)
    for place, cluster in enumerate(clusters):
        expect(legend.nth(place)).to_contain_text(cluster["name"])
        expect(legend.nth(place).locator(".number")).to_have_text(str(cluster["size"]))
    page.keyboard.press(".")  # its cluster is in the middle from here on
    expect(said).to_contain_text(cluster_words(clusters[0]["size"]))
    pin = page.locator(f'.pin.pictured[data-cluster="{clusters[0]["id"]}"]')
    for key in ("+", *"-----", "0"):
        page.keyboard.press(key)
        expect(pin.locator(".name")).to_have_text(clusters[0]["name"])
        expect(pin.locator("img[data-veiled]")).to_be_visible()
    page.keyboard.press("t")
    expect(page.locator("#map-table tbody tr")).to_have_count(clusters[0]["size"])
    page.wait_for_function("id => location.hash.includes(`cluster=${id}`)", arg=clusters[0]["id"])
    page.get_by_label("Colour by").select_option("bank")
    expect(legend.first).to_contain_text("known-unsafe (block)")
    expect(legend.first.locator(".number")).to_have_text("1")

    found = {"light": violations(page)}
    page.emulate_media(color_scheme="dark")
    found["dark"] = violations(page, "color-contrast")
    page.emulate_media(forced_colors="active")
    found["forced"] = violations(page, "color-contrast", "target-size")
    page.set_viewport_size({"width": 360, "height": 640})
    if page.evaluate("document.documentElement.scrollWidth") > 360:
        found["360"] = ["is wider than the window"]
    assert {where: what for where, what in found.items() if what} == {}
    page.locator("[data-stage]").focus()
    page.keyboard.press("?")
    expect(page.locator("#help")).to_contain_text("Draw a lasso")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(said).to_contain_text("Nothing is selected.")
    assert complaints(tab) == []
    assert tab.foreign == []


def cluster_words(size: int) -> str:
    return f"{size} {'image' if size == 1 else 'images'} selected."


@pytest.mark.long
def test_a_lasso_a_colour_and_a_view_are_in_the_address_and_come_back_with_it(
    tab: Tab, many: bytes
) -> None:
    page = tab.page
    page.emulate_media(reduced_motion="reduce")
    show_many(page, many, "#by=class")
    expect(page.locator(f'[data-drawn="webgl {POINTS}"]')).to_be_visible()
    box = page.locator("[data-stage]").bounding_box()
    assert box
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("l")
    expect(page.locator("[data-lasso]")).to_have_attribute("aria-pressed", "true")
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle[0] - 150, middle[1] - 150)
    page.mouse.down()
    for across, down in ((150, -150), (150, 150), (-150, 150), (-150, -140)):
        page.mouse.move(middle[0] + across, middle[1] + down, steps=6)
    page.mouse.up()
    said = page.locator("[data-said]")
    expect(said).to_contain_text("selected.")
    expect(page.locator("[data-lasso]")).to_have_attribute("aria-pressed", "false")
    selected = said.text_content() or ""

    page.keyboard.press("t")
    rows = page.locator("#map-table tbody tr")
    expect(page.locator("#map-table caption")).to_contain_text(selected)
    count = int(selected.split()[0].replace(",", ""))
    assert rows.count() == min(count, 200)
    page.get_by_role("button", name="Image", exact=True).click()
    ids = [int(text.removeprefix("Image ")) for text in rows.locator("th").all_text_contents()]
    assert ids == sorted(ids)
    page.wait_for_function("location.hash.includes('lasso') && location.hash.includes('view')")

    page.reload()
    expect(page.locator(".map.ready")).to_be_visible()
    expect(said).to_have_text(selected)
    expect(page.locator("[data-by]")).to_have_value("class")
    assert complaints(tab) == []


@pytest.mark.long
def test_the_legend_hides_and_singles_out_and_the_map_counts_what_is_left(
    tab: Tab, many: bytes
) -> None:
    page = tab.page
    show_many(page, many, "#by=bank")
    said = page.locator("[data-said]")
    expect(said).to_contain_text("3,000 images in view")
    first = page.locator("[data-legend] li").first
    count = first.locator(".number").text_content() or ""

    first.get_by_role("button", name="Only known-unsafe").click()
    expect(said).to_contain_text(f"{count} images in view")
    first.get_by_role("button", name="Only known-unsafe").click()
    expect(said).to_contain_text("3,000 images in view")
    first.get_by_role("button").first.click()
    expect(said).to_contain_text(f"{POINTS - int(count):,} images in view")
    assert "hide=known-unsafe" in page.url
    page.locator("[data-by]").select_option("age")
    expect(page.locator("[data-legend] li").first).to_contain_text("the newest hour")
    assert complaints(tab) == []


@pytest.mark.long
def test_without_webgl_a_plain_canvas_shows_the_same(
    client: httpx.Client, many: bytes, webgl_browser: Browser
) -> None:
    with open_tab(webgl_browser, str(client.base_url)) as tab:
        tab.page.route("**/scatterplot.js", lambda route: route.fulfill(body=""))
        show_many(tab.page, many)
        expect(tab.page.locator(f'[data-drawn="canvas {POINTS}"]')).to_be_visible()
        tab.page.wait_for_function(COLOURS, arg=[".stage canvas", 8])
        tab.page.keyboard.press(".")
        expect(tab.page.locator("[data-said]")).to_contain_text("selected.")
