"""Data of a report: one state of the catalog, read once."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from indexer.clustering.cluster_parameters import FAMILIES
from indexer.errors import InputError, LookalikeError, NotFoundError
from indexer.model import load_traits
from indexer.reports.family_discs import FamilyDiscs
from indexer.reports.image_columns import Columns, Placement, principal_axes, read_columns
from indexer.reports.landmark_map import LandmarkMap
from indexer.reports.nearest_known import nearest_entries
from indexer.reports.report_tree import BankHit, NearEntry
from indexer.settings import Settings
from indexer.store import Catalog, ClusterReach
from indexer.thresholds import choose_thresholds
from indexer.types import COMMON_FUSION, Cluster, ClusterRun, Fusion, Lineage, RunState, Space

_PAGE: Final = 1000
_YOUNG: Final = timedelta(days=3)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Material:
    """A cluster run with all that the catalog knows about its images."""

    run: ClusterRun
    space: Space
    clusters: tuple[Cluster, ...]
    """The largest first."""
    lineage: tuple[Lineage, ...]
    names: dict[int, str]
    """Of the clusters that the lineage tells of."""
    columns: Columns
    sources: dict[int, tuple[str, str | None]]
    """The newest source of each image, and who sent it."""
    banks: dict[int, tuple[BankHit, ...]]
    """By cluster."""
    nearest: dict[int, tuple[NearEntry, ...]]
    """By cluster."""
    is_young: bool
    """Whether all images were added within three days, so that hours tell more than days."""


def gather(
    catalog: Catalog,
    settings: Settings,
    run: ClusterRun,
    plane: LandmarkMap | None,
    on_progress: Progress,
) -> Material:
    """Read what a report about a run is made from.

    Parameters
    ----------
    catalog : Catalog
    settings : Settings
        Their thresholds judge what is near to a bank.
    run : ClusterRun
    plane : LandmarkMap, optional
        The map of its space; without one the images are laid along their principal axes.
    on_progress : callable
        Called with the name of a stage, and how much of how much is done.
    """
    space = space_of(catalog, run)
    done, readings = 0, 1 if plane else 2

    def advance(count: int) -> None:
        nonlocal done
        done += count
        on_progress("reading", done, readings * run.images)

    reach = catalog.clusters.reach(run.id)
    placement = (
        placement_on(catalog, run, reach, plane)
        if plane
        else Placement(principal_axes(catalog, run, space, advance))
    )
    columns = read_columns(catalog, reach, space, placement, advance)
    on_progress("comparing with banks", 0, 1)
    thresholds = choose_thresholds(
        settings,
        catalog.cards.bounds(space.id),
        space_id=space.id,
        fusion=_fusion(settings.model or space.model),
    )
    entries = catalog.cluster_reports.block_entries(space, datetime.now(UTC))
    hits: defaultdict[int, list[BankHit]] = defaultdict(list)
    for share in catalog.cluster_reports.bank_shares(run.id):
        hit = BankHit(share.bank, share.kind, share.severity, share.members)
        hits[share.cluster_id].append(hit)
    moments = columns.added_at
    return Material(
        run=run,
        space=space,
        clusters=tuple(sorted(_clusters(catalog, run.id), key=lambda c: (-c.size, c.id))),
        lineage=tuple(_lineage(catalog, run.id)),
        names=catalog.clusters.lineage_names(run.id),
        columns=columns,
        sources=catalog.cluster_reports.sources(run.id),
        banks={cluster_id: tuple(found) for cluster_id, found in hits.items()},
        nearest=nearest_entries(_to_match(catalog, reach, run, space), entries, thresholds),
        is_young=bool(moments) and max(moments) - min(moments) <= _YOUNG,
    )


def _to_match(catalog: Catalog, reach: ClusterReach, run: ClusterRun, space: Space) -> ClusterReach:
    """Return the clusters with the medoids' embeddings in the space that matches are made in.

    A run of semantic embeddings has others. Clusters whose medoid has left the index are omitted.
    """
    if catalog.cluster_runs.semantic_space(run) is None:
        return reach
    clusters = catalog.clusters.medoids(run.id)
    ids = np.array(sorted(clusters), np.int64)
    medoids = {
        clusters[image_id]: vector
        for scoped in catalog.cluster_scopes.vectors_of(ids, space)
        for image_id, vector in zip(scoped.ids.tolist(), scoped.vectors, strict=True)
    }
    rows = [row for row, own in enumerate(reach.cluster_ids.tolist()) if own in medoids]
    kept = reach.cluster_ids[rows]
    return ClusterReach(
        run_id=reach.run_id,
        cluster_ids=kept,
        names=tuple(reach.names[row] for row in rows),
        medoids=np.array([medoids[own] for own in kept.tolist()], np.float32).reshape(
            len(rows), space.dimension
        ),
        radii=reach.radii[rows],
    )


def placement_on(
    catalog: Catalog, run: ClusterRun, reach: ClusterReach, plane: LandmarkMap
) -> Placement:
    """Return how the images of a run are laid on the map of their space.

    Parameters
    ----------
    catalog : Catalog
    run : ClusterRun
    reach : ClusterReach
        The clusters of the run.
    plane : LandmarkMap
    """
    discs = None
    if run.algorithm in FAMILIES and len(reach.cluster_ids):
        discs = FamilyDiscs.of(plane, reach, catalog.clusters.sizes(run.id))
    return Placement(plane, discs)


def find_run(catalog: Catalog, run_id: int | None) -> ClusterRun:
    """Return the run to report, the newest finished one by default.

    Raises
    ------
    NotFoundError
        There is no such run.
    InputError
        The run did not come to its end, or its embeddings were dropped.
    """
    if run_id is None:
        space = catalog.spaces.active()
        newest = catalog.cluster_runs.newest(space.id) if space else None
        if newest is None:
            raise NotFoundError(
                "There is no finished cluster run yet. Run `lookalike cluster run`."
            )
        return newest
    run = catalog.cluster_runs.get(run_id)
    space = catalog.spaces.find(run.model)
    if space and not catalog.spaces.is_usable(space.id):
        raise InputError(
            f"Cluster run {run_id} is of space {run.model[:12]}, whose embeddings were dropped "
            "when the index was brought over to another model. Report a newer run: `lookalike "
            "cluster run` makes one."
        )
    if run.state is not RunState.DONE:
        raise InputError(
            f"Cluster run {run_id} is {run.state}; only one that is done can be reported. "
            "`lookalike cluster list` shows the runs."
        )
    return run


def space_of(catalog: Catalog, run: ClusterRun) -> Space:
    """Return the space that a run was made in."""
    space = catalog.spaces.find(run.model)
    if space is None:  # the foreign key of the run forbids it
        raise LookupError(run.model)
    return space


def _fusion(reference: str) -> Fusion:
    """Return the weights that come with a model; common ones where it is not at hand."""
    try:
        return load_traits(reference).fusion
    except LookalikeError:
        return COMMON_FUSION


def _clusters(catalog: Catalog, run_id: int) -> Iterator[Cluster]:
    last = 0
    while page := catalog.clusters.page(run_id, after_id=last, limit=_PAGE):
        yield from page
        last = page[-1].id


def _lineage(catalog: Catalog, run_id: int) -> Iterator[Lineage]:
    last = 0
    while page := catalog.clusters.lineage(run_id, after_id=last, limit=_PAGE):
        yield from page
        last = page[-1].id
