"""Spherical k-means: a given number of directions that unit vectors gather around."""

from collections.abc import Callable
from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.faiss_threads import faiss_threads

_ROUNDS: Final = 20
_SAMPLE: Final = 256  # vectors for each centroid that the training looks at


def spherical_kmeans(
    vectors: Embeddings, k: int, *, rounds: int = _ROUNDS, seed: int = 0, threads: int = 1
) -> tuple[NDArray[np.int64], Embeddings]:
    """Assign each vector to one of k directions (Dhillon and Modha, 2001), with FAISS.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
        At least k of them.
    k : int
    rounds : int
    seed : int
    threads : int

    Returns
    -------
    labels : ndarray of shape (n,), int64
        Row of the centroid that is most alike; a centroid may be nobody's.
    centroids : ndarray of shape (k, d), float32, unit rows
    """
    with faiss_threads(threads):
        kmeans = faiss.Kmeans(
            vectors.shape[1],
            k,
            niter=rounds,
            seed=seed,
            spherical=True,
            min_points_per_centroid=1,
            max_points_per_centroid=_SAMPLE,
        )
        kmeans.train(vectors)
        _, labels = kmeans.index.search(vectors, 1)
    return labels[:, 0].astype(np.int64), np.asarray(kmeans.centroids).reshape(k, -1)


def two_level_kmeans(
    vectors: Embeddings,
    k: int,
    *,
    rounds: int = _ROUNDS,
    seed: int = 0,
    threads: int = 1,
    on_progress: Callable[[], None] = lambda: None,
) -> Embeddings:
    """Find about k directions by k-means within the groups of a first k-means of sqrt(k).

    Costs n * sqrt(k) comparisons a round instead of n * k. Each group gets as many directions as it
    has vectors, in proportion.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
        At least k of them.
    k : int
    rounds : int
        Of each k-means.
    seed : int
    threads : int
    on_progress : callable
        Called now and then; what it raises ends the work.

    Returns
    -------
    ndarray of shape (about k, d), float32, unit rows
    """
    first = max(1, round(k**0.5))
    labels, centroids = spherical_kmeans(vectors, first, rounds=rounds, seed=seed, threads=threads)
    sizes = np.bincount(labels, minlength=first)
    shares = np.clip(np.rint(sizes * (k / len(vectors))).astype(np.int64), 1, None)
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(sizes)
    found = []
    for group in np.flatnonzero(sizes):
        on_progress()
        members = order[ends[group] - sizes[group] : ends[group]]
        share = min(int(shares[group]), len(members))
        if share == 1:
            found.append(centroids[group : group + 1])
        else:
            found.append(
                spherical_kmeans(
                    vectors[members], share, rounds=rounds, seed=seed + 1, threads=threads
                )[1]
            )
    return np.concatenate(found)
