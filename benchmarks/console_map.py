"""How quick is the console's map? Its bytes, how soon it is drawn, and how smoothly it moves.

A server with a small index serves the page; the file of its map is replaced by a made-up one. In
headless Chromium, by default with WebGL in software (SwiftShader): a graphics card is quicker. The
map is dragged by one pointer event a frame; a frame is one that the browser gave out. Where drawing
takes longer than a frame the map moves as a picture; the last column is how long after the drag it
is drawn anew.

Example: python benchmarks/console_map.py 100000 1000000
"""

import argparse
import gzip
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from indexer.reports import open_map_file
from indexer.store import open_store
from support.browser import WEBGL, open_tab, running_browser
from support.commands import PHOTOS, Index
from support.maps import made_up_map
from support.models import make_tiny

SECONDS = 4.0
DRAG = """async seconds => {
  const stage = document.querySelector("[data-stage]");
  const { left, top, width, height } = stage.getBoundingClientRect();
  const send = (name, x, y) => stage.dispatchEvent(new PointerEvent(name, {
    pointerId: 7, button: 0, bubbles: true,
    clientX: left + width / 2 + x, clientY: top + height / 2 + y,
  }));
  stage.setPointerCapture = () => undefined; // there is no pointer of that number
  send("pointerdown", 0, 0);
  const times = [];
  await new Promise(done => {
    const step = now => {
      times.push(now);
      const turn = (now - times[0]) / 400;
      send("pointermove", 120 * Math.sin(turn), 80 * Math.sin(2 * turn));
      if (now - times[0] < 1000 * seconds) requestAnimationFrame(step); else done();
    };
    requestAnimationFrame(step);
  });
  send("pointerup", 0, 0);
  const [canvas, rested] = [stage.querySelector("canvas"), performance.now()];
  const wait = () => new Promise(requestAnimationFrame);
  for (await wait(); canvas.style.transform; ) await wait();
  const gaps = times.slice(1).map((time, place) => time - times[place]);
  gaps.sort((one, other) => one - other);
  const frames = 1000 * gaps.length / (times.at(-1) - times[0]);
  const sharp = performance.now() - rested;
  return { frames, slowest: gaps[Math.floor(0.95 * gaps.length)], sharp };
}"""


def main() -> None:
    """Print a row for each number of points."""
    parser = argparse.ArgumentParser(description="Measure the console's map.")
    parser.add_argument("points", type=int, nargs="+", help="such as 100000 1000000")
    parser.add_argument("--clusters", type=int, default=2_000)
    parser.add_argument("--card", action="store_true", help="draw by a graphics card")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lookalike-map-") as folder:
        index = Index(Path(folder, "home"))
        index.run_here("init", "--model", make_tiny(Path(folder, "model")))
        index.run_here("index", "add", PHOTOS / "bee.jpg", PHOTOS / "koala.jpg")
        index.run_here("cluster", "run", "--algorithm", "kmeans", "-k", 2)
        with open_store(index.settings.resolved_database_url) as store:
            open_map_file(store, index.settings)
        [kept] = index.settings.maps_folder.iterdir()
        flags = () if a.card else WEBGL
        with index.serve() as client, running_browser(*flags) as browser:
            script = client.get("/console/scatterplot.js").content
            packed = len(gzip.compress(script, 9))
            print(
                f"script of the map: {len(script) / 1000:.0f} KB, {packed / 1000:.0f} KB compressed"
            )
            print(
                "| points | map.bin | drawn after | frames a second | 95 of 100 frames within "
                "| drawn anew after |"
            )
            print("|---|---|---|---|---|---|")
            for points in a.points:
                made = made_up_map(points, a.clusters)
                kept.write_bytes(made)
                with open_tab(browser, str(client.base_url)) as tab:
                    seconds = drawn(tab.page)
                    moved = tab.page.evaluate(DRAG, SECONDS)
                print(
                    f"| {points:,} | {len(made) / 1e6:.1f} MB | {seconds:.1f} s "
                    f"| {moved['frames']:.0f} | {moved['slowest']:.0f} ms "
                    f"| {moved['sharp'] / 1000:.1f} s |"
                )


def drawn(page: Page) -> float:
    """Return the seconds until the map is drawn and named."""
    begun = time.perf_counter()
    page.goto("/console/clusters/map")
    page.locator("[data-settled]").wait_for(state="attached", timeout=300_000)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
