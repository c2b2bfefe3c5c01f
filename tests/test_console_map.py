"""The map of the console in a real browser: points by WebGL, a plain canvas without it."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from support.browser import Tab, open_tab
from support.commands import PHOTOS, Index
from support.maps import made_up_map

pytestmark = pytest.mark.long
POINTS = 3_000
BLOTS = 40
COLOURS = """least => {
  const [drawn, copy] = [document.querySelector(".stage canvas"), document.createElement("canvas")];
  [copy.width, copy.height] = [drawn.width, drawn.height];
  const plane = copy.getContext("2d");
  plane.drawImage(drawn, 0, 0);
  const { buffer } = plane.getImageData(0, 0, copy.width, copy.height).data;
  return new Set(new Uint32Array(buffer)).size > least;
}"""


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
def tab(browser: Browser, client: httpx.Client) -> Iterator[Tab]:
    with open_tab(browser, str(client.base_url)) as tab:
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
    return [each for each in tab.complaints if not re.search(r"GL Driver Message|404", each)]


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


def test_without_webgl_a_plain_canvas_shows_the_same(
    client: httpx.Client, many: bytes, browser: Browser
) -> None:
    with open_tab(browser, str(client.base_url)) as tab:
        tab.page.route("**/scatterplot.js", lambda route: route.fulfill(body=""))
        show_many(tab.page, many)
        expect(tab.page.locator(f'[data-drawn="canvas {POINTS}"]')).to_be_visible()
        tab.page.wait_for_function(COLOURS, arg=8)
        tab.page.keyboard.press(".")
        expect(tab.page.locator("[data-said]")).to_contain_text("selected.")
