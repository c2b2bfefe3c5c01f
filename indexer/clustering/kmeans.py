"""K-means, with the number of clusters given or chosen by silhouette."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.spherical_kmeans import spherical_kmeans

_SAMPLE: Final = 20_000  # vectors that the number is chosen on
_STEP: Final = 1.5  # between one number that is tried and the next


def kmeans(
    vectors: Embeddings, k: int | None, *, seed: int = 0, threads: int = 1
) -> NDArray[np.int64]:
    """Divide vectors into k clusters by spherical k-means.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
    k : int or None
        As many as there are vectors at most; chosen when None, see `choose_k`.
    seed : int
    threads : int
        The same number gives the same answer on one machine.

    Returns
    -------
    ndarray of shape (n,), int64
        Clusters numbered from 0, none of them empty.
    """
    if len(vectors) < 2:  # noqa: PLR2004 -- one vector is one cluster
        return np.zeros(len(vectors), np.int64)
    k = choose_k(vectors, seed=seed, threads=threads) if k is None else min(k, len(vectors))
    labels, _ = spherical_kmeans(vectors, k, seed=seed, threads=threads)
    _, numbered = np.unique(labels, return_inverse=True)
    return numbered.astype(np.int64)


def choose_k(vectors: Embeddings, *, seed: int = 0, threads: int = 1) -> int:
    """Choose the number of clusters with the best simplified silhouette on a sample.

    The silhouette compares how near a vector is to its own centroid and to the next one (Hruschka,
    de Castro and Campello, 2004), so that no pairs of vectors are compared. Numbers are tried from
    2 to the square root of the sample's size, each half as large again as the last.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
        At least 2.
    """
    random = np.random.default_rng(seed)
    size = min(len(vectors), _SAMPLE)
    sample = vectors[np.sort(random.choice(len(vectors), size, replace=False))]
    scores = {k: _silhouette(sample, k, seed, threads) for k in _numbers(size)}
    return max(scores, key=lambda k: (scores[k], -k))


def _numbers(size: int) -> Iterator[int]:
    k = 2.0
    while k <= max(2, size**0.5):
        yield int(k)
        k *= _STEP


def _silhouette(sample: Embeddings, k: int, seed: int, threads: int) -> float:
    _, centroids = spherical_kmeans(sample, k, seed=seed, threads=threads)
    distances = np.sort(1 - sample @ centroids.T, axis=1)[:, :2]
    own, other = distances[:, 0], np.maximum(distances[:, 1], 1e-9)
    return float((1 - np.clip(own / other, 0, 1)).mean())
