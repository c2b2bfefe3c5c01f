"""The HTML report in a real browser: a file, no network, a map to move about in, a print."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from indexer.reports import save_report
from indexer.types import ReportFormat
from support.browser import COLOURS, Tab, open_tab
from support.reports import made_up_report

MANY = 50_000


@pytest.fixture(scope="module")
def browser(webgl_browser: Browser) -> Browser:
    return webgl_browser


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a report about 50,000 images."""
    file = tmp_path_factory.mktemp("report") / "report.html"
    save_report(made_up_report(MANY, clusters=40), ReportFormat.HTML, file)
    return file


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("report") / "report.html"
    save_report(made_up_report(60), ReportFormat.HTML, file)
    return file


@pytest.fixture(params=[False, True], ids=["light", "dark"])
def dark(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def shown(tab: Tab, file: Path) -> Page:
    """Open a report with the network off."""
    tab.page.context.set_offline(offline=True)
    tab.page.goto(file.as_uri())
    return tab.page


@pytest.mark.long
def test_the_map_of_50_000_points_draws_and_answers_a_click(browser: Browser, large: Path) -> None:
    with open_tab(browser, large.as_uri()) as tab:
        page = shown(tab, large)
        expect(page.locator(f'#map[data-drawn="{MANY}"]')).to_be_visible()
        page.wait_for_function(COLOURS, arg=["#map canvas", 100])
        stage = page.locator(".stage")
        stage.scroll_into_view_if_needed()
        label = page.locator(".labels span:visible").first
        name, box, frame = label.text_content(), label.bounding_box(), stage.bounding_box()
        assert box
        assert frame

        at = box["x"] + box["width"] / 2, box["y"] + 26  # the medoid that the name stands above
        page.mouse.move(*at, steps=4)
        expect(page.locator(".tip")).to_contain_text("image")
        page.mouse.click(*at)
        expect(page.locator("#map [role=status]")).to_contain_text("images. ")
        assert page.locator("#map select").input_value() != "0"

        before = label.bounding_box()
        page.mouse.move(frame["x"] + 40, frame["y"] + 300)
        page.mouse.down()
        page.mouse.move(frame["x"] + 140, frame["y"] + 340, steps=5)
        page.mouse.up()
        page.mouse.wheel(0, -300)
        page.wait_for_function(
            "([name, x]) => [...document.querySelectorAll('.labels span')].some(each => "
            "each.textContent === name && Math.abs(each.getBoundingClientRect().x - x) > 20)",
            arg=[name, before["x"] if before else 0],
        )
    assert tab.complaints == []
    assert tab.foreign == []


def test_a_report_asks_for_nothing_and_complains_of_nothing(
    browser: Browser, small: Path, *, dark: bool
) -> None:
    with open_tab(browser, small.as_uri(), dark=dark) as tab:
        page = shown(tab, small)
        expect(page.locator("#map[data-drawn]")).to_be_visible()
        expect(page.locator("#growth figure svg")).to_be_visible()
        expect(page.locator("#thresholds figure svg")).to_be_visible()
        expect(page.locator("article.cluster")).to_have_count(4)

    assert tab.complaints == []
    assert tab.foreign == []


def test_its_policy_lets_no_request_out(browser: Browser, small: Path) -> None:
    with open_tab(browser, small.as_uri()) as tab:
        page = shown(tab, small)
        page.context.set_offline(offline=False)
        refused = page.evaluate("fetch('http://127.0.0.1:9/').then(() => '', e => e.message)")
        page.evaluate("document.body.append(Object.assign(new Image(), {src: '//127.0.0.1:9/a'}))")

    assert refused
    policy = small.read_text().partition('Content-Security-Policy" content="')[2].partition('"')[0]
    assert "default-src 'none'" in policy.replace("&#39;", "'")
    assert "unsafe-eval" not in policy
    assert len([c for c in tab.complaints if "Content Security Policy" in c]) >= 2


def test_a_cluster_is_shown_by_its_button_and_by_keyboard(browser: Browser, small: Path) -> None:
    with open_tab(browser, small.as_uri()) as tab:
        page = shown(tab, small)
        expect(page.locator("#map[data-drawn]")).to_be_visible()
        status = page.locator("#map [role=status]")

        page.locator("article.cluster").nth(1).get_by_role("button", name="Show on the map").click()
        expect(status).to_contain_text("family")
        first = status.text_content()
        page.locator("#map select").press("ArrowDown")
        expect(status).not_to_have_text(first or "")
        page.get_by_role("button", name="Whole map").click()
        expect(status).to_be_empty()


def test_the_reader_chooses_size_and_veil_of_all_pictures(browser: Browser, small: Path) -> None:
    with open_tab(browser, small.as_uri()) as tab:
        page = shown(tab, small)
        picture = page.locator("button.picture img").first
        look = "each => [getComputedStyle(each).filter, getComputedStyle(each).visibility]"
        width = picture.bounding_box()

        page.get_by_label("Veil").select_option("less blurred")
        assert picture.evaluate(look) == ["grayscale(1)", "visible"]
        page.get_by_label("Veil").select_option("hidden")
        assert picture.evaluate(look)[1] == "hidden"
        page.locator("button.picture").first.click()
        assert picture.evaluate(look) == ["grayscale(1)", "visible"]
        page.locator("select[name=size]").select_option("large")

        wider = picture.bounding_box()
        assert width
        assert wider
        assert wider["width"] > 1.5 * width["width"]


def test_a_cluster_says_what_to_type(browser: Browser, small: Path) -> None:
    with open_tab(browser, small.as_uri()) as tab:
        page = shown(tab, small)
        typed = page.locator("article.cluster").first.locator(".commands code").all_text_contents()

    assert [line.split()[:3] for line in typed] == [
        ["lookalike", "cluster", act] for act in ("show", "label", "bank")
    ]
    assert typed[-1].endswith(" unsafe")


def test_tables_sort_and_filter(browser: Browser, small: Path) -> None:
    with open_tab(browser, small.as_uri()) as tab:
        page = shown(tab, small)
        names = page.locator("#table-clusters tbody th")
        heading = page.locator("#table-clusters thead th").first

        heading.get_by_role("button").click()
        descending = names.all_text_contents()
        expect(heading).to_have_attribute("aria-sort", "descending")
        heading.get_by_role("button").click()

        assert names.all_text_contents() == descending[::-1] == sorted(descending)
        page.get_by_role("searchbox").fill("family 3")
        expect(page.locator("#table-clusters tbody tr:visible")).to_have_count(1)


def test_pictures_are_blurred_until_they_are_clicked(browser: Browser, small: Path) -> None:
    with open_tab(browser, small.as_uri()) as tab:
        picture = shown(tab, small).locator("button.picture").first
        look = "each => getComputedStyle(each.firstElementChild).filter"

        assert "blur" in picture.evaluate(look)
        picture.click()
        assert picture.evaluate(look) == "grayscale(1)"
        picture.press("Enter")
        assert "blur" in picture.evaluate(look)


def test_it_prints_with_a_picture_of_the_map(browser: Browser, large: Path) -> None:
    with open_tab(browser, large.as_uri(), dark=True) as tab:
        page = shown(tab, large)
        expect(page.locator("#map[data-drawn]")).to_be_visible()
        page.emulate_media(media="print")
        expect(page.locator("img.printed")).to_be_visible()
        expect(page.locator(".stage")).to_be_hidden()
        expect(page.locator(".sign")).to_be_visible()
        drawn = page.locator("img.printed").evaluate("each => [each.naturalWidth, each.src.length]")
        white = page.evaluate("getComputedStyle(document.body).backgroundColor")
        pdf = page.pdf(format="A4", print_background=True)

    assert drawn[0] == 1400
    assert drawn[1] > 20_000  # an empty canvas is smaller
    assert white == "rgb(255, 255, 255)"
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") > 5
    assert b"/Font" in pdf  # text, not a picture of text


def test_without_webgl_a_picture_of_the_map_is_shown(browser: Browser, small: Path) -> None:
    with open_tab(browser, small.as_uri()) as tab:
        tab.page.add_init_script(
            "const real = HTMLCanvasElement.prototype.getContext;"
            "HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {"
            "  return kind.startsWith('webgl') ? null : real.call(this, kind, ...rest); };"
        )
        page = shown(tab, small)
        expect(page.locator("img.printed")).to_be_visible()
        expect(page.locator(".stage")).to_be_hidden()

    assert tab.complaints == []
