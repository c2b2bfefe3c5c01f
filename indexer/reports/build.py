"""Construction of the report about a cluster run."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

import indexer
from indexer.clustering.alerts import AlertRules, changed_parameters, find_alerts
from indexer.clustering.pattern_search import standing_for
from indexer.reports.alternatives import MOST, clustered_anew, left_of
from indexer.reports.cluster_facts import describe, within
from indexer.reports.kept_map import open_map
from indexer.reports.report_data import Material, Progress, find_run, gather, space_of
from indexer.reports.report_pictures import Obscurer, wanted
from indexer.reports.report_tree import (
    Alternative,
    Change,
    ClusterReport,
    MapFacts,
    Members,
    Neighbours,
    Picture,
    Report,
    Summary,
)
from indexer.reports.shares import days_of, hours_of
from indexer.reports.urgency import urgency
from indexer.settings import Settings
from indexer.store import Catalog, Store
from indexer.types import ClusterAlgorithm, Embeddings, Lineage, LineageEvent
from indexer.vectors.knn_graph import build_knn_graph

_NEIGHBOURS: Final = 10
_RARE_FIRST: Final = (
    LineageEvent.NEW,
    LineageEvent.MERGED,
    LineageEvent.SPLIT,
    LineageEvent.GONE,
    LineageEvent.GROWN,
    LineageEvent.CONTINUED,
)
_NO_ROWS: Final = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """What costs time or room, and is not wanted of every report."""

    pictures: int = 0
    """Most pictures, those of the most urgent clusters first."""
    alternatives: bool = False
    """Whether other bounds and sizes are tried: up to 20,000 images of hdbscan anew, in seconds."""
    neighbours: bool = False
    """Whether each image's nearest others are found: all vectors are in memory then."""
    new_map: bool = False
    """Whether the map of the space is laid out anew."""


def build_report(
    store: Store,
    settings: Settings,
    run_id: int | None = None,
    options: ReportOptions | None = None,
    *,
    on_progress: Progress = lambda _stage, _done, _of: None,
) -> Report:
    """Gather what an analyst wants to know of a cluster run.

    Images that have left the index since the run are counted, and left out otherwise.

    Parameters
    ----------
    store : Store
    settings : Settings
    run_id : int, optional
        The newest finished run by default.
    options : ReportOptions, optional
        No pictures and no neighbours by default.
    on_progress : callable
        Called with the name of a stage, and how much of how much is done.

    Raises
    ------
    NotFoundError
        There is no such run.
    InputError
        The run did not come to its end.
    """
    options = options or ReportOptions()
    with store.reader() as catalog:
        run = find_run(catalog, run_id)
        space, semantic = space_of(catalog, run), catalog.cluster_runs.semantic_space(run)
    kept = open_map(
        store,
        space,
        semantic,
        renew=options.new_map,
        on_progress=lambda done, of: on_progress("laying out the map", done, of),
    )
    with store.reader() as catalog:
        plane = kept[0] if kept else None
        material = gather(catalog, settings, run, plane, on_progress)
        changed = changed_parameters(catalog, material.run)
        clusters = _describe(material, is_compared=changed is None)
        if options.pictures:
            on_progress("pictures", 0, options.pictures)
            obscurer = Obscurer(catalog, settings.image_limits)
            clusters = _with_pictures(clusters, obscurer, options.pictures)
        neighbours: Neighbours | None = None
        if options.neighbours:
            on_progress("neighbours", 0, len(material.columns.image_ids))
            neighbours = _neighbours(_vectors(catalog, material), settings)
        others: tuple[Alternative, ...] = ()
        if options.alternatives:
            on_progress("other bounds", 0, len(material.columns.image_ids))
            others = tuple(_alternatives(catalog, material, settings))
    return Report(
        run=material.run,
        model=_model_name(material.space.model),
        made_at=datetime.now(UTC),
        version=indexer.__version__,
        summary=replace(
            _summarise(material, changed),
            alerts=tuple(find_alerts(store, AlertRules(), material.run.id)),
            alternatives=others,
        ),
        clusters=clusters,
        members=_members(material, neighbours),
        map=MapFacts(kept[1].created_at, kept[1].images, len(kept[0].vectors)) if kept else None,
    )


def _model_name(reference: str) -> str:
    """Return a model's name without the folders of this machine."""
    return reference if reference.startswith("hf-hub:") else Path(reference).name


def _describe(material: Material, *, is_compared: bool) -> tuple[ClusterReport, ...]:
    rows = material.columns.rows_of_clusters()
    changes = {
        step.cluster_id: step
        for step in material.lineage
        if step.size_after and step.event is not LineageEvent.MERGED
    }
    first = material.run.previous_run is None
    described = (
        describe(c, rows.get(c.id, _NO_ROWS), None if first else changes.get(c.id), material)
        for c in material.clusters
    )
    return tuple(sorted(described, key=lambda each: urgency(each, is_compared=is_compared)))


def _with_pictures(
    clusters: Sequence[ClusterReport], obscurer: Obscurer, most: int
) -> tuple[ClusterReport, ...]:
    sources = {
        picture.image_id: picture.source
        for cluster in clusters
        for picture in (cluster.medoid, *cluster.exemplars, *cluster.outliers)
    }
    groups = ([p.image_id for p in (c.medoid, *c.exemplars, *c.outliers)] for c in clusters)
    made = obscurer.pictures({i: sources[i] for i in wanted(groups, most)})

    def of(pictures: Sequence[Picture]) -> tuple[Picture, ...]:
        return tuple(replace(p, thumbnail=made.get(p.image_id)) for p in pictures)

    return tuple(
        replace(c, medoid=of([c.medoid])[0], exemplars=of(c.exemplars), outliers=of(c.outliers))
        for c in clusters
    )


def _summarise(material: Material, changed_parameters: str | None) -> Summary:
    run, columns = material.run, material.columns
    first = run.previous_run is None
    lineage = () if first else material.lineage
    moments = columns.added_at
    rows = columns.rows_of_clusters()
    return Summary(
        images=run.images,
        clusters=run.clusters,
        noise=run.noise,
        assigned=int(columns.assigned.sum()),
        removed=max(run.images + int(columns.assigned.sum()) - len(columns.image_ids), 0),
        first_seen=min(moments, default=None),
        last_seen=max(moments, default=None),
        events=dict(Counter(step.event for step in lineage)),
        changes=tuple(
            Change(
                event=step.event,
                cluster_id=step.cluster_id,
                name=material.names.get(step.cluster_id, ""),
                other_id=step.other_id,
                other_name=material.names.get(step.other_id) if step.other_id else None,
                size_before=step.size_before,
                size_after=step.size_after,
            )
            for step in sorted(lineage, key=_telling)
        ),
        changed_parameters=changed_parameters,
        alerts=(),
        within=within(columns.distances[each] for each in rows.values()),
        growth=days_of(moments),
        hours=hours_of(moments) if material.is_young else (),
    )


def _telling(step: Lineage) -> tuple[int, int, int]:
    """Sort what is told of clusters: what changed most first, of equal changes the rarest.

    What split off is a new cluster: its size before is that of the one that it was in.
    """
    is_part = step.event is LineageEvent.SPLIT
    change = step.size_after if is_part else abs(step.size_after - step.size_before)
    return -change, _RARE_FIRST.index(step.event), step.cluster_id


def _alternatives(
    catalog: Catalog, material: Material, settings: Settings
) -> Iterator[Alternative]:
    run, columns = material.run, material.columns
    if run.algorithm is ClusterAlgorithm.HDBSCAN and len(columns.image_ids) <= MOST:
        vectors = _vectors(catalog, material)
        stands = standing_for(catalog, run, material.space, columns.image_ids)
        yield from clustered_anew(run, vectors, stands, settings.worker_threads)
    yield from left_of(run, columns)


def _vectors(catalog: Catalog, material: Material) -> Embeddings:
    """Read the vectors of all images into one array."""
    space = material.space
    dimension = catalog.cluster_reports.dimension(material.run.id, space)
    vectors = np.empty((len(material.columns.image_ids), dimension), np.float32)
    done = 0
    for part in catalog.cluster_reports.members(material.run.id, space):
        vectors[done : done + len(part.vectors)] = part.vectors
        done += len(part.vectors)
    return vectors


def _neighbours(vectors: Embeddings, settings: Settings) -> Neighbours:
    found = build_knn_graph(vectors, _NEIGHBOURS, threads=settings.worker_threads)
    return Neighbours(
        rows=tuple(map(tuple, found.rows.tolist())),
        distances=tuple(map(tuple, np.clip(1 - found.similarities, 0, 2).round(6).tolist())),
    )


def _members(material: Material, neighbours: Neighbours | None) -> Members:
    columns = material.columns
    ids: list[int] = columns.image_ids.tolist()
    known: Sequence[tuple[str | None, str | None]] = [
        material.sources.get(i, (None, None)) for i in ids
    ]
    return Members(
        image_ids=tuple(ids),
        cluster_ids=tuple(None if i < 0 else i for i in columns.cluster_ids.tolist()),
        probabilities=_rounded(columns.probabilities),
        outlier_scores=_rounded(columns.outlier_scores),
        distances=tuple(None if np.isnan(d) else d for d in columns.distances.round(6).tolist()),
        assigned=tuple(columns.assigned.tolist()),
        x=_rounded(columns.places[:, 0]),
        y=_rounded(columns.places[:, 1]),
        added_at=columns.added_at,
        labels=columns.labels,
        sources=tuple(source for source, _ in known),
        uploaders=tuple(uploader for _, uploader in known),
        neighbours=neighbours,
    )


def _rounded(numbers: Any) -> tuple[float, ...]:
    return tuple(np.asarray(numbers, np.float64).round(6).tolist())
