"""Draw the pictures of docs/console.md: `make screenshots`."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageOps
from playwright.sync_api import Page

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "demo")]

from edited_copies import write_copies

from support.browser import WEBGL, open_tab, running_browser
from support.commands import PHOTOS, Index

DOCS = Path(__file__).parents[1] / "docs"
SCREENS = {
    "today": "/console",
    "review": "/console/review",
    "desk": "/console/review/retro_match",
    "clusters": "/console/clusters",
    "cluster": "/console/clusters/1",
    "banks": "/console/banks/known-unsafe",
    "thresholds": "/console/banks/known-unsafe/thresholds",
    "entry": "/console/entries/1",
    "images": "/console/images",
    "image": "/console/images/1",
    "operations": "/console/operations",
    "quarantine": "/console/operations/quarantine",
    "audit": "/console/operations/audit",
    "settings": "/console/settings",
}
KNOWN = (
    "coffee",
    "hedgehog",
    "crab",
    "bee",
    "koala",
    "kingfisher",
    "red-panda",
    "windmills-at-the-water",
)
CAMPAIGNS = (
    {"coffee": (0, 2), "camels": (0, 3), "hedgehog": (0, 1)},
    {"coffee": (2, 8), "camels": (3, 7), "hedgehog": (1, 5), "moose": (0, 4)},
)
"""How many copies are uploaded on two days, and which: the first number is left out before."""
NEUTRAL = """folder => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    walker.currentNode.data = walker.currentNode.data.replaceAll(folder, "/srv");
  }
}"""
"""Names no folder of the machine that draws."""
MOST = 200_000  # bytes of a picture


def main() -> None:
    with (
        TemporaryDirectory(prefix="lookalike-screens-") as folder,
        running_browser(*WEBGL) as browser,
    ):
        index = Index(Path(folder, "home"))
        uploads = fill(index, Path(folder))
        with index.serve() as client:
            for dark in (False, True):
                with open_tab(browser, str(client.base_url), dark=dark) as tab:
                    tab.page.set_viewport_size({"width": 1280, "height": 800})
                    draw(tab.page, "dark" if dark else "light", uploads)


def fill(index: Index, folder: Path) -> list[Path]:
    """Make an index of real photos; return altered copies to search with."""
    index.run_here("init")
    index.run_here("index", "add", PHOTOS)
    index.run_here("bank", "create", "known-unsafe", "--severity", "high", "--category", "spam")
    index.run_here("bank", "create", "harmless", "--kind", "allow")
    index.run_here("bank", "add", "known-unsafe", *(PHOTOS / f"{name}.jpg" for name in KNOWN))
    index.run_here("bank", "add", "harmless", PHOTOS / "swans.jpg")
    broken = folder / "broken.jpg"
    broken.write_bytes((PHOTOS / "sheep.jpg").read_bytes()[:3000])
    index.run_here("index", "add", broken, code=2)
    index.run_here("threshold", "calibrate", "--bank", "known-unsafe")
    for day, copies in enumerate(CAMPAIGNS):
        for name, (after, count) in copies.items():
            write_copies(PHOTOS / f"{name}.jpg", folder / f"day-{day}", count, after)
        index.run_here("index", "add", folder / f"day-{day}")
        index.run_here("cluster", "run")
    index.run_here("bank", "create", "reported", "--severity", "medium", "--category", "spam")
    index.run_here("bank", "add", "reported", PHOTOS / "camels.jpg")
    index.run_here("retro-scan", "run", "--bank", "reported")
    mirrored, smaller = folder / "mirrored-crop.jpg", folder / "smaller.jpg"
    with Image.open(PHOTOS / "coffee.jpg") as photo:
        ImageOps.mirror(photo).crop((30, 20, 450, 300)).save(mirrored, quality=60)
    with Image.open(PHOTOS / "hedgehog.jpg") as photo:
        photo.resize((photo.width // 2, photo.height // 2)).save(smaller, quality=70)
    return [smaller, mirrored]


def draw(page: Page, theme: str, uploads: list[Path]) -> None:
    for name, path in SCREENS.items():
        page.goto(path)
        neutralise(page, uploads)
        save(page, f"{name}-{theme}")
    draw_map(page, theme)
    page.goto("/console/search")
    page.locator("[data-files]").set_input_files([str(path) for path in uploads])
    page.locator("[data-verdict]").nth(len(uploads) - 1).wait_for()
    neutralise(page, uploads)
    page.locator("[data-verdict]").first.evaluate("card => card.scrollIntoView({ block: 'start' })")
    save(page, f"search-{theme}")
    page.keyboard.press("c")
    page.locator(".comparison").wait_for()
    save(page, f"compare-{theme}")


def draw_map(page: Page, theme: str) -> None:
    page.goto("/console/clusters/map")
    page.locator("[data-settled]").wait_for(state="attached")
    save(page, f"map-{theme}")
    page.keyboard.press(".")
    page.keyboard.press("t")
    page.locator("#map-table tbody tr").first.wait_for()
    page.wait_for_timeout(1000)  # until the map rests
    page.wait_for_function("!document.querySelector('.stage canvas').style.transform")
    save(page, f"map-table-{theme}")


def neutralise(page: Page, uploads: list[Path]) -> None:
    for folder in (PHOTOS.parent, uploads[0].parent):
        page.evaluate(NEUTRAL, str(folder))


def save(page: Page, name: str) -> None:
    """Write a picture of what is seen, with as few colours as it needs."""
    page.wait_for_load_state("networkidle")  # pictures in view have come; the others are lazy
    file = DOCS / f"console-{name}.png"
    page.screenshot(path=file)
    with Image.open(file) as drawn:
        drawn.convert("RGB").quantize(192, dither=Image.Dither.NONE).save(file, optimize=True)
    size = file.stat().st_size
    print(f"{file} {size:,} bytes")
    if size > MOST:
        raise SystemExit(f"{file} has more than {MOST:,} bytes.")


if __name__ == "__main__":
    main()
