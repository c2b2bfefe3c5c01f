"""Made-up reports of any size: what is written does not depend on where it comes from."""

from datetime import UTC, datetime, timedelta

import numpy as np

from indexer.reports.report_tree import (
    BankHit,
    Change,
    ClusterReport,
    Count,
    Day,
    Members,
    NearEntry,
    Picture,
    Report,
    Spread,
    Summary,
    Within,
)
from indexer.types import ClusterAlgorithm, ClusterRun, ClusterScope, LineageEvent, RunState, Tier

MOMENT = datetime(2026, 11, 28, 12, tzinfo=UTC)
GREY = "data:image/gif;base64,R0lGODdhAQABAIAAAAAAAAAAACwAAAAAAQABAAACAkQBADs="


def made_up_report(images: int, clusters: int = 4) -> Report:
    """Make a report about so many images; a cluster is a blot on the map, one in ten is noise."""
    random = np.random.default_rng(0)
    place = random.integers(0, clusters, images)
    noise = np.arange(images) % 10 == 9
    centres = random.uniform(-1, 1, (clusters, 2))
    spots = centres[place] + 0.05 * random.standard_normal((images, 2))
    ids = np.arange(1, images + 1)
    told = tuple(
        _cluster(number + 1, ids[(place == number) & ~noise].tolist()) for number in range(clusters)
    )
    days = tuple(Day((MOMENT - timedelta(back)).date(), back + 1) for back in range(9, -1, -1))
    return Report(
        run=ClusterRun(
            id=2,
            algorithm=ClusterAlgorithm.HDBSCAN,
            parameters={"min_cluster_size": 5, "seed": 0},
            scope=ClusterScope(),
            model="ab" * 32,
            watermark=images,
            previous_run=1,
            state=RunState.DONE,
            images=images,
            clusters=clusters,
            noise=int(noise.sum()),
            created_at=MOMENT,
            finished_at=MOMENT,
        ),
        model="shipped",
        made_at=MOMENT,
        version="0.1.0",
        summary=Summary(
            images=images,
            clusters=clusters,
            noise=int(noise.sum()),
            assigned=0,
            removed=0,
            first_seen=MOMENT,
            last_seen=MOMENT,
            events={LineageEvent.GROWN: clusters},
            changes=tuple(
                Change(LineageEvent.GROWN, c.id, c.name, None, None, c.size // 2, c.size)
                for c in told
            ),
            changed_parameters=None,
            alerts=(),
            within=(Within(0.1, images // 2, clusters), Within(0.2, images, clusters)),
            growth=days,
            hours=(),
        ),
        clusters=tuple(sorted(told, key=lambda c: -c.size)),
        members=Members(
            image_ids=tuple(ids.tolist()),
            cluster_ids=tuple(
                None if alone else int(number) + 1
                for number, alone in zip(place, noise, strict=True)
            ),
            probabilities=(1.0,) * images,
            outlier_scores=(0.0,) * images,
            distances=tuple(None if alone else 0.1 for alone in noise),
            assigned=(False,) * images,
            x=tuple(spots[:, 0].tolist()),
            y=tuple(spots[:, 1].tolist()),
            added_at=(MOMENT,) * images,
            labels=("photo",) * images,
            sources=("/pictures/a.jpg",) * images,
            uploaders=(None,) * images,
        ),
    )


def _cluster(number: int, ids: list[int]) -> ClusterReport:
    days = (Day(MOMENT.date(), len(ids)),)
    picture = Picture(ids[0] if ids else 0, "/pictures/a.jpg", 0.0, 0.0, GREY)
    return ClusterReport(
        id=number,
        name=f"family {number}",
        note=None,
        size=len(ids),
        growth_per_day=1.5,
        growth_per_hour=None,
        growth=days,
        hours=(),
        first_seen=MOMENT,
        last_seen=MOMENT,
        event=LineageEvent.GROWN,
        size_before=len(ids) // 2,
        classes=(Count("photo", len(ids)),),
        banks=(BankHit("unsafe", "block", "high", 1),),
        nearest_entries=(NearEntry(1, "unsafe", 1, 0.97, Tier.NEAR_DUPLICATE),),
        sources=Spread((Count("/pictures", len(ids)),), 0, 0, 0),
        uploaders=Spread((), 0, 0, len(ids)),
        radius=0.2,
        max_pair_distance=0.3,
        mean_distance=0.1,
        within=(Within(0.1, len(ids) // 2, 1), Within(0.2, len(ids), 1)),
        medoid=picture,
        exemplars=(),
        outliers=(),
    )
