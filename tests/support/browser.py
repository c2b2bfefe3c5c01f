"""A headless Chromium that keeps what its console says."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

expect.set_options(timeout=60_000)  # ms; a busy machine is slow to draw
CHROMIUM = "/usr/bin/chromium"
MISSING = (
    "There is no /usr/bin/chromium, which the tests of the console need: `apt-get install chromium`"
)
_FLAGS = [
    "--no-sandbox",  # the suite may run as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
]
WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""What lets a machine without a graphics card draw by WebGL."""

COLOURS = """([selector, least]) => {
  const [drawn, copy] = [document.querySelector(selector), document.createElement("canvas")];
  [copy.width, copy.height] = [drawn.width, drawn.height];
  const plane = copy.getContext("2d");
  plane.drawImage(drawn, 0, 0);
  const { buffer } = plane.getImageData(0, 0, copy.width, copy.height).data;
  return new Set(new Uint32Array(buffer)).size > least;
}"""
"""Tells whether a canvas has more than so many colours."""


@contextmanager
def running_browser(*flags: str) -> Iterator[Browser]:
    """Run Chromium, with further flags."""
    if shutil.which(CHROMIUM) is None:
        pytest.fail(MISSING, pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Tab:
    """A page of a browser that has no cookies yet, and what went wrong in it."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the browser's console: refusals by the policy are among them."""
    foreign: list[str] = field(default_factory=list)
    """URLs on other hosts that were asked for."""

    def note(self, message: ConsoleMessage) -> None:
        """Keep a message if it is a complaint; remarks of the GL driver on its speed are none."""
        if message.type in {"error", "warning"} and "GL Driver Message" not in message.text:
            self.complaints.append(message.text)


@contextmanager
def open_tab(browser: Browser, base_url: str, *, dark: bool = False) -> Iterator[Tab]:
    """Open a tab in a context of its own."""
    context = browser.new_context(
        base_url=base_url,
        color_scheme="dark" if dark else "light",
        viewport={"width": 1100, "height": 800},
    )
    tab = Tab(context.new_page())
    tab.page.on("console", tab.note)
    tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((base_url, "data:", "blob:"))
            else tab.foreign.append(request.url)
        ),
    )
    try:
        yield tab
    finally:
        context.close()
