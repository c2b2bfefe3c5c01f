"""Pattern search: pictures of a kind, where all copies of one picture count once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.cluster_parameters import ChosenParameters, ClusterParameters
from indexer.clustering.kmeans import kmeans
from indexer.clustering.partition import Partition
from indexer.embedding_space import open_encoder
from indexer.errors import InputError, LookalikeError
from indexer.settings import Settings
from indexer.store import SEMANTIC, Catalog, ScopedVectors, Store
from indexer.types import ClusterAlgorithm, ClusterRun, ClusterScope, Keys, Space
from indexer.vectors.knn_graph import EXACT_UP_TO

if TYPE_CHECKING:
    from indexer.clustering.pattern_graph import PatternGraph  # loads scipy's graphs

_KEPT_BEYOND: Final = EXACT_UP_TO  # images; up to there a new graph takes seconds


def semantic_space(store: Store, settings: Settings, space: Space) -> Space | None:
    """Return the space of the semantic embeddings that patterns are found in.

    Returns
    -------
    Space or None
        None for a model without semantic embeddings: patterns are then found in its own ones.

    Raises
    ------
    InputError
        The model has semantic embeddings, and no image of the index does.
    """
    with store.reader() as catalog:
        found = catalog.spaces.semantic(space.id)
        if found is not None or not catalog.images.page(limit=1):
            return found
    try:
        card = open_encoder(space.model, settings).card
    except LookalikeError:  # not at hand: what it said of the images is in the database
        return None
    if card.fingerprint == space.fingerprint and card.semantic is not None:
        raise InputError(
            "No image has a semantic embedding yet, by which pictures of a kind are found: all "
            "were added by an earlier version. `lookalike model reembed` computes what is missing."
        )
    return None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a person should know of a run of patterns."""

    left_out: int
    """Images in scope without a semantic embedding, which it could not cluster."""
    counts_copies: bool
    """Whether each copy of a picture counts, for there was no run of families before."""


def limits_of(store: Store, run: ClusterRun, space: Space) -> Limits:
    """Return what limits a run of hdbscan or kmeans."""
    with store.reader() as catalog:
        counts_copies = _families_before(catalog, run, space) is None
        semantic = catalog.cluster_runs.semantic_space(run)
        if semantic is None:
            return Limits(0, counts_copies)
        ids = (catalog.cluster_scopes.ids(run.scope, space, each) for each in (None, semantic))
        in_scope, embedded = ids
    missing = np.setdiff1d(in_scope, embedded, assume_unique=True)
    return Limits(len(missing), counts_copies)


def standing_for(catalog: Catalog, run: ClusterRun, space: Space, image_ids: Keys) -> Keys:
    """Return which image stands for each one: of a family of copies its hub.

    The families are those of the newest run before this one over the same scope, or else over all
    images.

    Parameters
    ----------
    catalog : Catalog
    run : ClusterRun
    space : Space
        That of the index.
    image_ids : ndarray of shape (n,), int64
        Ascending.

    Returns
    -------
    ndarray of shape (n,), int64
        Row numbers: the image's own where it is in no family; of a family whose hub is not among
        the images, that of its first member.
    """
    own = np.arange(len(image_ids))
    families = _families_before(catalog, run, space)
    if families is None:
        return own
    known = catalog.cluster_members.membership(families.id)
    hubs = catalog.clusters.medoids(families.id)
    family = np.full(len(image_ids), -1)
    _, rows, places = np.intersect1d(
        image_ids, known.image_ids, assume_unique=True, return_indices=True
    )
    family[rows] = known.cluster_ids[places]
    first: dict[int, int] = {}
    for row in rows[family[rows] >= 0].tolist():
        if int(image_ids[row]) in hubs or int(family[row]) not in first:
            first[int(family[row])] = row
    return np.array([first.get(one, row) for row, one in enumerate(family.tolist())], np.int64)


def _families_before(catalog: Catalog, run: ClusterRun, space: Space) -> ClusterRun | None:
    found = (
        catalog.cluster_runs.newest(space.id, ClusterAlgorithm.FAMILIES, scope, before=run.id)
        for scope in (run.scope, ClusterScope())
    )
    return next((each for each in found if each), None)


def chosen_for(run: ClusterRun, points: int) -> ChosenParameters:
    """Return the parameters of a run with what it leaves open chosen for so many images."""
    return ClusterParameters.of_run(run.parameters).chosen(
        points, semantic=SEMANTIC in run.parameters
    )


class Patterns(NamedTuple):
    """What a run found, and what it may leave for the next."""

    partition: Partition
    graph: "PatternGraph | None"
    """Of hdbscan over so many images that the next run had better begin with it."""


def find_patterns(
    run: ClusterRun,
    scoped: ScopedVectors,
    stands: NDArray[np.int64],
    *,
    threads: int,
    kept: "PatternGraph | None" = None,
    on_progress: Callable[[int], None] = lambda _count: None,
) -> Patterns:
    """Cluster one image of each family, and let its copies join it.

    Parameters
    ----------
    run : ClusterRun
        Of hdbscan or kmeans. What it leaves open is chosen by the number of images that stand for
        themselves.
    scoped : ScopedVectors
    stands : ndarray of shape (n,), int64
        The row that stands for each, as `standing_for` returns it.
    threads : int
        Cores that are used.
    kept : PatternGraph, optional
        What an earlier run left, to begin with.
    on_progress : callable
        Called with the number of images compared since the last call; what it raises ends it.
    """
    rows, point = np.unique(stands, return_inverse=True)
    ids, vectors, chosen = scoped.ids[rows], scoped.vectors[rows], chosen_for(run, len(rows))
    graph = None
    if run.algorithm is ClusterAlgorithm.KMEANS:
        on_progress(0)
        labels = kmeans(vectors, chosen.k, seed=chosen.seed, threads=threads)
        on_progress(len(rows))
        found = Partition(labels, np.ones(len(rows)), np.zeros(len(rows)))
    else:
        from indexer.clustering.pattern_graph import PatternGraph

        find = kept.updated if kept else PatternGraph.build
        graph = find(ids, vectors, chosen, threads=threads, on_progress=on_progress)
        found = graph.divide(chosen.min_cluster_size)
    partitioned = replace(
        found,
        labels=found.labels[point],
        probabilities=found.probabilities[point],
        outlier_scores=found.outlier_scores[point],
        is_apart=stands == np.arange(len(stands)),
    )
    return Patterns(partitioned, graph if graph and len(rows) > _KEPT_BEYOND else None)
