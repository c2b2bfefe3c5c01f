"""Images whose embeddings lie in families: around an axis each, or far from everything."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from indexer.clustering.cluster_parameters import ClusterParameters
from indexer.clustering.runs import ClusterRunner
from indexer.settings import Settings
from indexer.store import Store
from indexer.types import (
    ClusterAlgorithm,
    ClusterRun,
    ClusterScope,
    Embeddings,
    NewImage,
    SemanticEmbeddings,
    Space,
    SpaceTraits,
)
from support.catalog import DIMENSION, arrival, new_image

EVERYTHING = ClusterScope()
SEMANTIC_SPACE = "5e" * 32


def near_axis(axis: int, seed: int, spread: float = 0.05) -> Embeddings:
    """Make a unit vector close to a coordinate axis."""
    random = np.random.default_rng(seed)
    vector = np.eye(DIMENSION)[axis] + spread * random.standard_normal(DIMENSION)
    unit: Embeddings = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def beside(axis: int, other: int, seed: int) -> Embeddings:
    """Make a unit vector of a narrow family at cosine 0.75 to an axis, towards another one."""
    noise = 0.03 * np.random.default_rng(seed).standard_normal(DIMENSION)
    vector = 0.75 * np.eye(DIMENSION)[axis] + 0.66 * np.eye(DIMENSION)[other] + noise
    unit: Embeddings = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def add_vectors(
    store: Store,
    space: Space,
    vectors: dict[int, Embeddings],
    bank_id: int | None = None,
    semantics: dict[int, Embeddings] | None = None,
) -> list[int]:
    """Add an image for each seed, with this embedding; return their ids in that order.

    A space of more dimensions, or of more labels, gets nothing but zeros there. `semantics` are
    the semantic embeddings of those that have one.
    """
    shown = {
        seed: SemanticEmbeddings(SEMANTIC_SPACE, vector)
        for seed, vector in (semantics or {}).items()
    }
    images = {
        seed: replace(_fitted(new_image(seed), vectors[seed], space), semantic=shown.get(seed))
        for seed in vectors
    }
    items = [(image, arrival(f"{seed}.jpg", bank_id=bank_id)) for seed, image in images.items()]
    with store.writer() as writer:
        writer.images.add(items, space.id)
        ids = writer.images.ids_by_sha256([image.sha256 for image in images.values()])
    return [ids[image.sha256] for image in images.values()]


def _fitted(image: NewImage, vector: Embeddings, space: Space) -> NewImage:
    labels = len(space.labels) - image.probabilities.size
    return replace(
        image,
        embedding=np.pad(vector, (0, space.dimension - vector.size)),
        probabilities=np.pad(image.probabilities, (0, labels)),
    )


def add_family(
    store: Store, space: Space, axis: int, seeds: Iterable[int], bank_id: int | None = None
) -> list[int]:
    """Add a family of images around an axis."""
    return add_vectors(store, space, {seed: near_axis(axis, seed) for seed in seeds}, bank_id)


def clustered(
    store: Store,
    algorithm: ClusterAlgorithm = ClusterAlgorithm.HDBSCAN,
    scope: ClusterScope = EVERYTHING,
    **parameters: Any,
) -> ClusterRun:
    """Run a clustering to its end."""
    runner = ClusterRunner(store, Settings(worker_threads=1), SpaceTraits())
    return runner.run(algorithm, scope, ClusterParameters(**parameters))


def members_of(store: Store, run: ClusterRun) -> dict[int, set[int]]:
    """Return the images of each cluster of a run; noise is cluster -1."""
    with store.reader() as catalog:
        found = catalog.cluster_members.membership(run.id)
    clusters: dict[int, set[int]] = {}
    for image, cluster in zip(found.image_ids.tolist(), found.cluster_ids.tolist(), strict=True):
        clusters.setdefault(cluster, set()).add(image)
    return clusters
