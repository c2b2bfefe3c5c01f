"""Made-up maps of any size: blots of power-law sizes, some noise, classes, banks and ages."""

from datetime import UTC, datetime, timedelta

import numpy as np

from indexer.reports.run_map import Frame, LaidOut, RunMap
from indexer.store import MapPoints
from indexer.types import Bank, BankKind

MOMENT = datetime(2026, 11, 28, 12, tzinfo=UTC)


def made_up_map(images: int, clusters: int = 40, seed: int = 0) -> bytes:
    """Return the packed map of a made-up run: one image in five is in no cluster."""
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, clusters + 1)
    place = random.choice(clusters, images, p=weights / weights.sum()) + 1
    noise = random.random(images) < 0.2
    centres = random.uniform(-1, 1, (clusters + 1, 2))
    spread = 0.02 + 0.5 * np.sqrt(np.concatenate([[0], weights]) / weights.sum()) / 4
    places = centres[place] + spread[place, None] * random.standard_normal((images, 2))
    places[noise] = random.uniform(-1.1, 1.1, (int(noise.sum()), 2))
    frame = Frame.around(places.astype(np.float32))
    cluster_ids = np.where(noise, -1, place)
    ids = np.arange(1, images + 1)
    first = {
        number: int(ids[cluster_ids == number][0]) for number in set(cluster_ids.tolist()) - {-1}
    }
    held = np.where(cluster_ids == 3, 1, np.where(cluster_ids == 5, 2, 0))
    seconds = np.sort(random.uniform(0, 90 * 86_400, images))
    banks = [
        Bank(number, name, kind, MOMENT, 9, True, None, None, None, None)  # noqa: FBT003 -- enabled
        for number, name, kind in [
            (1, "known-unsafe", BankKind.BLOCK),
            (2, "harmless", BankKind.ALLOW),
        ]
    ]
    sizes = {number: int((cluster_ids == number).sum()) for number in first}
    return RunMap(
        run_id=1,
        made_at=MOMENT,
        points=MapPoints(
            image_ids=ids,
            cluster_ids=cluster_ids,
            added_at=(MOMENT - timedelta(90)).timestamp() + seconds,
            label_codes=(place * 7 + (random.random(images) < 0.1)) % 5,
            labels=("photo", "drawing", "screenshot", "meme", "chart"),
        ),
        laid=LaidOut(frame, frame.steps(places.astype(np.float32)), MOMENT.isoformat()),
        clusters=tuple(
            (number, f"family-{number}", first[number])
            for number in sorted(first, key=lambda each: -sizes[each])
        ),
        classes=("photo", "drawing", "screenshot", "meme", "chart"),
        banks=tuple(banks),
        bank_places=held,
    ).packed()
