"""Measure the console over many images: first paint, and the memory of a long session.

The catalogue is made up: embeddings in families (families_at_scale.py), real photos as thumbnails,
a cluster run that was extended, a block bank, a queue, quarantined files, webhook deliveries. A
real server with one worker answers, on the same machine as the browser.

First contentful paint is what Chromium says of a page that it opens in a context without a cache.
The session decides one item after the other by keys; heap and nodes are taken after a collection.

Example: python benchmarks/console.py --images 100000 --items 3000
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page
from sqlalchemy import insert

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from commands import run
from families_at_scale import Maker, fill
from incremental import new_index
from indexer.embedding_space import bound_space
from indexer.store import Store, open_store
from indexer.store.models import ThumbnailRow, WebhookDeliveryRow
from indexer.types import (
    BankKind,
    NearMiss,
    NewReviewItem,
    QueueKind,
    ReviewEvidence,
    Signal,
    SignalReading,
    SkippedSource,
    Tier,
    WebhookEvent,
)
from serving import ours, quantile, server
from support.browser import running_browser

PHOTOS = Path(__file__).parents[1] / "photos"
DAY = 0.01  # of the images come after the first run
BANKED = 0.05  # of the images are in the block bank
ENTRIES = 100  # that items of the queue match
QUARANTINED, DELIVERED = 2_000, 20_000
SIDE, QUALITY = 352, 30  # of a thumbnail; the product keeps 85, which takes 2 GB here
STEP = 5_000
SPARE = 100  # items that are left at the end of a session
FIRST = 100  # items after which the memory of the session is taken first
SCREENS = {
    "Today": "/console",
    "Search": "/console/search",
    "Search, verdict on a stored image": "/console/search?q=7",
    "Review": "/console/review",
    "Review, desk": "/console/review/uncertain",
    "Clusters": "/console/clusters",
    "Cluster, the largest": "/console/clusters/{cluster}",
    "Banks": "/console/banks",
    "Bank": "/console/banks/known",
    "Bank, thresholds": "/console/banks/known/thresholds",
    "Bank, import": "/console/banks/known/import",
    "Entry": "/console/entries/1",
    "Images": "/console/images",
    "Images of a bank": "/console/images?bank=known",
    "Image": "/console/images/7",
    "Operations": "/console/operations",
    "Operations, quarantine": "/console/operations/quarantine",
    "Operations, webhooks": "/console/operations/webhooks",
    "Operations, keys": "/console/operations/keys",
    "Operations, audit": "/console/operations/audit",
    "Settings": "/console/settings",
}
PAINT = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const loaded = performance.getEntriesByType("resource");
  const scripts = loaded.filter(each => new URL(each.name).pathname.endsWith(".js"));
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return paint && {
    paint: paint.startTime,
    answer: page.responseEnd,
    script: scripts.reduce((sum, each) => sum + each.decodedBodySize, 0),
  };
}"""


def thumbnails() -> list[bytes]:
    """Return the bundled photos as small JPEGs."""
    made = []
    for photo in sorted(PHOTOS.glob("*.jpg")):
        with Image.open(photo) as image:
            image.thumbnail((SIDE, SIDE))
            image.save(buffer := BytesIO(), "JPEG", quality=QUALITY)
        made.append(buffer.getvalue())
    return made


def make_catalogue(home: Path, images: int, items: int) -> None:
    """Fill an index."""
    environment = new_index(home)
    day = int(images * DAY)
    with open_store(f"sqlite:///{home / 'lookalike.db'}") as store:
        space = bound_space(store)
        random = np.random.default_rng(0)
        maker = Maker(random.standard_normal((2_000, space.dimension), np.float32) + 0.5)
        pictures = maker.pictures(random.permutation(maker.families(images)), 0)
        fill(store, space, (next(pictures) for _ in range(images - day)), 0)
        run(environment, "cluster", "run")
        fill_banks(store, images - day)
        fill(store, space, pictures, images - day)
        run(environment, "cluster", "run", "--since-last")
        fill_thumbnails(store, images)
        fill_queue(store, items)
        fill_operations(store)


def fill_banks(store: Store, images: int) -> None:
    """Put every twentieth image into a block bank, and some into an allow bank."""
    every = int(1 / BANKED)
    with store.writer() as writer:
        known = writer.banks.create("known", BankKind.BLOCK)
        harmless = writer.banks.create("harmless", BankKind.ALLOW)
        writer.entries.add(known.id, range(1, images + 1, every))
        writer.entries.add(harmless.id, range(2, images + 1, 10 * every))


def fill_thumbnails(store: Store, images: int) -> None:
    """Give every image a thumbnail."""
    rows = zip(range(1, images + 1), cycle(thumbnails()), strict=False)
    while some := [{"image_id": image, "jpeg": jpeg} for image, jpeg in islice(rows, STEP)]:
        with store.writer() as writer:
            writer.connection.execute(insert(ThumbnailRow), some)


def fill_queue(store: Store, items: int) -> None:
    """Queue items about images of no bank, each with a match and three near misses."""
    nearest = tuple(
        NearMiss(Tier.NONE, "known", entry, 20 * entry - 19, 60, 0.6, -2.0) for entry in (1, 2, 3)
    )
    evidence = ReviewEvidence(
        tier=Tier.NEAR_DUPLICATE,
        decided_by=Signal.PDQ,
        signals=(
            SignalReading(Signal.PDQ, "bits", 8, 31),
            SignalReading(Signal.EMBEDDING, "cosine", 0.93, 0.9),
            SignalReading(Signal.FUSED, "nats", 6.2, 4.6),
        ),
        nearest=nearest,
    )
    made = [
        NewReviewItem(
            QueueKind.UNCERTAIN, evidence, image_id=3 * number + 3, entry_id=number % ENTRIES + 1
        )
        for number in range(items)
    ]
    with store.writer() as writer:
        writer.reviews.add(made)


def fill_operations(store: Store) -> None:
    """Write quarantined files, and deliveries of which every hundredth is dead."""
    now = datetime.now(UTC)
    broken = [
        SkippedSource(f"/data/{number}.jpg", ("truncated", "empty")[number % 2], "It ends early.")
        for number in range(QUARANTINED)
    ]
    with store.writer() as writer:
        writer.quarantine.add(broken)
        hook = writer.webhooks.create("https://example.org/", list(WebhookEvent), "whsec_", None)
        rows = [
            {
                "webhook_id": hook.id,
                "message_id": f"msg_{number}",
                "event": WebhookEvent.FLOOD_FLAG.value,
                "payload": "{}",
                "created_at": now - timedelta(seconds=DELIVERED - number),
                "attempts": 1,
                "delivered_at": None if number % 100 == 0 else now,
                "dead_at": now if number % 100 == 0 else None,
                "last_status": 500 if number % 100 == 0 else 204,
            }
            for number in range(DELIVERED)
        ]
        writer.connection.execute(insert(WebhookDeliveryRow), rows)


def largest_cluster(store: Store) -> int:
    """Return the id of the largest cluster of the newest run."""
    with store.reader() as catalog:
        [newest] = catalog.cluster_runs.latest(limit=1)
        sizes = catalog.clusters.sizes(newest.id)
    return max(sizes, key=lambda each: sizes[each])


def paint(browser: Browser, url: str) -> dict[str, float]:
    """Open a page in a context of its own; return times in milliseconds and bytes of script."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        page = context.new_page()
        page.goto(url, wait_until="load")
        handle = page.wait_for_function(PAINT)
        found: dict[str, float] = handle.json_value()
        return found
    finally:
        context.close()


def report_paints(browser: Browser, url: str, loads: int, cluster: int) -> None:
    """Print a row for each screen."""
    print("| screen | first paint, ms: p50 | p95 | the server's answer, p50 | script, KiB |")
    print("|---|---|---|---|---|")
    for name, path in SCREENS.items():
        address = url + path.format(cluster=cluster)
        paint(browser, address)  # the first one compiles the template
        taken = [paint(browser, address) for _ in range(loads)]
        paints, answers = [each["paint"] for each in taken], [each["answer"] for each in taken]
        print(
            f"| {name} | {quantile(paints, 0.5):.0f} | {quantile(paints, 0.95):.0f} "
            f"| {quantile(answers, 0.5):.0f} | {taken[0]['script'] / 1024:.0f} |",
            flush=True,
        )


def memory_of(page: Page) -> dict[str, float]:
    """Return heap bytes, nodes and listeners of a page, after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    metrics: Any = session.send("Performance.getMetrics")["metrics"]
    session.detach()
    return {each["name"]: each["value"] for each in metrics}


def work(page: Page, items: int) -> Iterator[int]:
    """Decide items by keys, each twentieth twice; yield how many are decided."""
    stage = page.locator("[data-stage] [data-card]")
    for number in range(1, items + 1):
        stage.wait_for()
        shown = stage.get_attribute("data-ids")
        page.keyboard.press("12"[number % 2])
        gone = f"[data-stage] [data-ids='{shown}']"
        page.locator(gone).wait_for(state="detached")
        if number % 20 == 0:
            page.keyboard.press("u")
            page.locator(gone).wait_for()
            page.keyboard.press("1")
            page.locator(gone).wait_for(state="detached")
        yield number


def report_session(browser: Browser, url: str, items: int) -> None:
    """Print the memory of a page in which a queue is worked."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{url}/console/review/uncertain")
    print("\n| items decided | JavaScript heap, MiB | DOM nodes | listeners |\n|---|---|---|---|")
    marks = {FIRST, items // 2, items}
    for decided in work(page, items):
        if decided in marks:
            found = memory_of(page)
            print(
                f"| {decided:,} | {found['JSHeapUsedSize'] / 2**20:.1f} "
                f"| {found['Nodes']:,.0f} | {found['JSEventListeners']:,.0f} |",
                flush=True,
            )
    next_items: Sequence[float] = page.evaluate(
        "performance.getEntriesByName('next item').map(each => each.duration)"
    )
    print(
        f"\nFrom a key to the next item on the screen: p50 {quantile(next_items, 0.5):.0f} ms, "
        f"p95 {quantile(next_items, 0.95):.0f} ms, {len(next_items):,} times"
    )
    context.close()


def main() -> None:
    """Make the catalogue, unless it is there; measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=3_000, help="items of the session; 0 for none")
    parser.add_argument("--loads", type=int, default=20, help="of each screen; 0 for none")
    parser.add_argument("--home", type=Path, help="keep the index here, and take it again")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_browser() as browser:
        home = a.home or Path(folder)
        if not (home / "lookalike.db").exists():
            make_catalogue(home, a.images, a.items + SPARE)
        named = {"LOOKALIKE_HOME": str(home), "LOOKALIKE_LOG_LEVEL": "WARNING"}
        environment = {**os.environ, **named}
        with open_store(f"sqlite:///{home / 'lookalike.db'}") as store:
            cluster = largest_cluster(store)
        print(f"{a.images:,} images, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}\n")
        with server(ours(1), environment) as running:
            if a.loads:
                report_paints(browser, running.url, a.loads, cluster)
            if a.items:
                report_session(browser, running.url, a.items)


if __name__ == "__main__":
    main()
