"""Codebook: the coarse quantizer of a view, centroids that short codes find the nearest of.

Every segment of the view shares it, so that a query is compared with the centroids once.
"""

import math
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from uuid import uuid4

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.errors import SnapshotMismatch
from indexer.types import Embeddings
from indexer.vectors.base import Sink
from indexer.vectors.faiss_files import read_faiss, write_faiss
from indexer.vectors.faiss_threads import faiss_threads
from indexer.vectors.spherical_kmeans import spherical_kmeans, two_level_kmeans

LISTS_PER_ROOT: Final = 32
"""Lists for each root of the vectors' number: so a list has sqrt(n) / 32 vectors."""
TRAINING_VECTORS: Final = 16
"""Vectors for each centroid that the training looks at."""
_LEAST_MEMBERS: Final = 8  # vectors a list, on average
_ROUNDS: Final = 8  # of each k-means
_GROUPS: Final = 12
"""Groups of centroids, of the root of their number, that a vector is compared with when it is
assigned: its list is that of the nearest centroid 9 times in 10 (10,000 centroids, measured)."""
_STEP: Final = 8192  # vectors assigned at a time
_LEAST_CODED: Final = 1024
"""Centroids from which they have codes: fewer are compared as quickly without."""
_CODED_TOGETHER: Final = 2
"""Dimensions that four bits of a code stand for; with four, twice as many lists are mistaken."""
_CODE_BITS: Final = 4  # the only ones that FAISS looks up in registers
_COMPARED: Final = 1.5
"""Centroids that are compared exactly, for each list wanted: as good as comparing all of them."""
_KINDS: Final = (faiss.IndexFlatIP, faiss.IndexRefineFlat)


class Probes(NamedTuple):
    """The lists that a search looks into, for each of n queries, in no particular order."""

    lists: NDArray[np.int64]  # (n, p); -1 where a query has fewer
    similarities: NDArray[np.float32]  # (n, p), cosine of query and centroid


class Codebook:
    """Centroids, unit vectors; if they are many, with a short code of each.

    The codes are of product quantization, four bits for two dimensions, which FAISS compares by
    look-ups in registers (André, Kermarrec and Le Scouarnec, 2015): in a third of the time of a
    byte a dimension.

    Parameters
    ----------
    id_ : str
        32 hex digits, another for each training.
    index : faiss.IndexFlat or IndexRefineFlat
        The centroids as FAISS has them, by themselves or with codes before them.
    trained_on : int
        Vectors that the view had.
    """

    def __init__(self, id_: str, index: Any, trained_on: int) -> None:
        self.id = id_
        self.trained_on = trained_on
        self._index = index
        self._parameters: Any = None
        flat = index
        if isinstance(index, faiss.IndexRefineFlat):
            self._parameters = faiss.IndexRefineSearchParameters()
            self._parameters.k_factor = _COMPARED
            flat = faiss.downcast_index(index.refine_index)
        self.flat: Any = flat
        count, dimension = index.ntotal, index.d
        matrix = faiss.rev_swig_ptr(self.flat.get_xb(), count * dimension)
        self.centroids: Embeddings = matrix.reshape(count, dimension)  # in the index's memory

    def __len__(self) -> int:
        return len(self.centroids)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.centroids.shape[1])

    @cached_property
    def rotation(self) -> NDArray[np.float32]:
        """A random rotation, (d, d) float32, always the same; RaBitQ encodes v @ rotation."""
        random = np.random.default_rng(self.dimension)
        normal = random.standard_normal((self.dimension, self.dimension))
        rotation: NDArray[np.float32] = np.linalg.qr(normal)[0].astype(np.float32)
        return rotation

    @cached_property
    def rotated(self) -> Any:
        """The centroids, rotated, as FAISS has them."""
        flat = faiss.IndexFlatIP(self.dimension)
        flat.add(self.centroids @ self.rotation)
        return flat

    @classmethod
    def train(
        cls,
        sample: Embeddings,
        count: int,
        *,
        seed: int = 0,
        threads: int = 1,
        on_progress: Callable[[], None] = lambda: None,
    ) -> Self:
        """Learn the centroids for a view of `count` vectors from a sample of them.

        Parameters
        ----------
        sample : ndarray of shape (n, d), float32, unit rows
            See `sample_size`.
        count : int
        seed : int
        threads : int
        on_progress : callable
            Called now and then; what it raises ends the work.
        """
        lists = min(list_count(count), len(sample))
        centroids = two_level_kmeans(
            sample, lists, rounds=_ROUNDS, seed=seed, threads=threads, on_progress=on_progress
        )
        with faiss_threads(threads):
            return cls(uuid4().hex, _index_of(centroids), count)

    def assign(self, vectors: Embeddings) -> NDArray[np.int64]:
        """Return each vector's list, (n,) int64: mostly that of the nearest centroid."""
        lists = np.empty(len(vectors), np.int64)
        for start in range(0, len(vectors), _STEP):
            part = slice(start, start + _STEP)
            lists[part] = self._assign(vectors[part])
        return lists

    def nearest(self, queries: Embeddings, count: int) -> Probes:
        """Find the lists nearest to each query, as far as codes tell them apart.

        Parameters
        ----------
        queries : ndarray of shape (n, d), float32, unit rows
        count : int
            Lists for each query; all if there are not more.
        """
        if count >= len(self):
            return self.every_list(queries)
        similarities, lists = self._index.search(queries, count, params=self._parameters)
        return Probes(lists, similarities)

    @cached_property
    def _groups(self) -> tuple[Embeddings, list[NDArray[np.int64]]]:
        """Groups of like centroids: the direction of each, (g, d), and its members."""
        count = max(1, round(math.sqrt(len(self))))
        labels, directions = spherical_kmeans(self.centroids, count, rounds=_ROUNDS)
        order = np.argsort(labels, kind="stable")
        ends = np.cumsum(np.bincount(labels, minlength=count))
        return directions, np.split(order, ends[:-1])

    def _assign(self, vectors: Embeddings) -> NDArray[np.int64]:
        """Compare vectors with the members of the nearest groups, in matrices."""
        directions, groups = self._groups
        count = min(_GROUPS, len(groups))
        nearest = np.argpartition(-(vectors @ directions.T), count - 1, axis=1)[:, :count]
        best = np.full(len(vectors), -np.inf, np.float32)
        lists = np.zeros(len(vectors), np.int64)
        for group, members in enumerate(groups):
            rows = np.flatnonzero((nearest == group).any(axis=1))
            if len(rows) and len(members):
                similarities = vectors[rows] @ self.centroids[members].T
                places = similarities.argmax(axis=1)
                found = similarities[np.arange(len(rows)), places]
                nearer = found > best[rows]
                best[rows[nearer]] = found[nearer]
                lists[rows[nearer]] = members[places[nearer]]
        return lists

    def similarities(self, queries: Embeddings) -> NDArray[np.float32]:
        """Return the cosines of queries and centroids, (n, len(self)) float32."""
        cosines: NDArray[np.float32] = queries @ self.centroids.T
        return cosines

    def every_list(self, queries: Embeddings) -> Probes:
        """Return all lists for each query, in no particular order."""
        lists = np.broadcast_to(np.arange(len(self)), (len(queries), len(self)))
        return Probes(lists.copy(), self.similarities(queries))

    def write(self, sink: Sink) -> None:
        """Write the centroids and their codes in FAISS's format."""
        write_faiss(self._index, sink)

    @classmethod
    def read(cls, path: Path, id_: str, trained_on: int, dimension: int) -> Self:
        """Read what `write` wrote; the rest is in the manifest.

        Raises
        ------
        SnapshotMismatch
            The file holds something else.
        """
        index = read_faiss(path)
        if not isinstance(index, _KINDS) or index.d != dimension:
            raise SnapshotMismatch(
                f"{path} holds a {type(index).__name__} of {index.d} dimensions, expected "
                f"centroids of {dimension}. Delete its folder: the view is rebuilt from the log."
            )
        return cls(id_, index, trained_on)


def _index_of(centroids: Embeddings) -> Any:
    """Return an index of centroids; what FAISS learns codes from is always the same."""
    dimension = centroids.shape[1]
    index: Any = faiss.IndexFlatIP(dimension)
    if len(centroids) >= _LEAST_CODED:
        parts = dimension // math.gcd(dimension, _CODED_TOGETHER)
        codes = faiss.IndexPQFastScan(dimension, parts, _CODE_BITS, faiss.METRIC_INNER_PRODUCT)
        index = faiss.IndexRefineFlat(codes)
        index.train(centroids)
    index.add(centroids)
    return index


def list_count(vectors: int) -> int:
    """Return how many lists a view of so many vectors is divided into."""
    return max(1, min(round(LISTS_PER_ROOT * math.sqrt(vectors)), vectors // _LEAST_MEMBERS))


def sample_size(vectors: int) -> int:
    """Return how many vectors of a view its codebook is trained on."""
    return min(vectors, TRAINING_VECTORS * list_count(vectors))
