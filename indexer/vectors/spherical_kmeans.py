"""Spherical k-means: a given number of directions that unit vectors gather around."""

from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.faiss_threads import faiss_threads

_ROUNDS: Final = 20
_SAMPLE: Final = 256  # vectors for each centroid that the training looks at


def spherical_kmeans(
    vectors: Embeddings, k: int, *, seed: int = 0, threads: int = 1
) -> tuple[NDArray[np.int64], Embeddings]:
    """Assign each vector to one of k directions (Dhillon and Modha, 2001), with FAISS.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32, unit rows
        At least k of them.
    k : int
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
            niter=_ROUNDS,
            seed=seed,
            spherical=True,
            min_points_per_centroid=1,
            max_points_per_centroid=_SAMPLE,
        )
        kmeans.train(vectors)
        _, labels = kmeans.index.search(vectors, 1)
    return labels[:, 0].astype(np.int64), np.asarray(kmeans.centroids).reshape(k, -1)
