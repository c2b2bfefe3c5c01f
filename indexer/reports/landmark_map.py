"""Landmark map: a plane laid out once by some images, beside which all others are placed."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from indexer.reports.map import Axes, Places, find_axes
from indexer.types import Embeddings

MOST: Final = 5_000
"""Landmarks: they are laid out in half a minute."""
LEAST: Final = 50
"""Images below which there are too few neighbours for a layout."""
_PERPLEXITY: Final = 30  # neighbours, about, that the layout keeps together
_ITERATIONS: Final = 750
_BESIDE: Final = 3  # gaps between landmarks that a unit of difference from one is drawn as
_EXAGGERATION: Final = 12.0  # of similarities in the first third, so that clusters find together
_SEED: Final = 0
_BLOCK: Final = 1_000  # vectors compared with the landmarks at a time
_START: Final = 1e-4  # standard deviation of the places that the layout begins with


@dataclass(frozen=True, slots=True)
class LandmarkMap:
    """Landmarks and their places; the same vector always has the same place.

    A landmark's nearest vectors lie around it, as they differ from it along the two widest
    directions. Places by the nearest landmark keep more neighbours than those by a regression of
    the layout, which fails on images that it was not fitted to (ADR 5).
    """

    vectors: Embeddings
    """(m, d)"""
    places: Places
    """(m, 2)"""
    axes: Axes
    gap: float
    """Median distance of a landmark from the nearest other on the map."""

    @classmethod
    def of(cls, vectors: Embeddings, places: Places) -> Self:
        """Make the map of landmarks whose places are known.

        Parameters
        ----------
        vectors : ndarray of shape (m, d), float32, unit rows
            Two or more.
        places : ndarray of shape (m, 2), float32
        """
        return cls(vectors, places, find_axes([vectors], vectors.shape[1]), _gap(places))

    def place(self, vectors: Embeddings) -> Places:
        """Lay vectors on the map.

        Parameters
        ----------
        vectors : ndarray of shape (n, d), float32, unit rows

        Returns
        -------
        ndarray of shape (n, 2), float32
        """
        nearest = np.concatenate(
            [
                (vectors[start : start + _BLOCK] @ self.vectors.T).argmax(axis=1)
                for start in range(0, max(len(vectors), 1), _BLOCK)
            ]
        )
        beside = self.axes.place(vectors) - self.axes.place(self.vectors[nearest])
        places: Places = (self.places[nearest] + _BESIDE * self.gap * beside).astype(np.float32)
        return places


def lay_out(vectors: Embeddings, start: Places | None = None) -> Places:
    """Lay vectors out in a plane so that neighbours stay together: t-SNE with Barnes-Hut.

    Van der Maaten, Accelerating t-SNE using tree-based algorithms, JMLR 15, 2014.

    Parameters
    ----------
    vectors : ndarray of shape (m, d), float32, unit rows
        At least `LEAST`.
    start : ndarray of shape (m, 2), float32, optional
        Places in an earlier map, whose arrangement is kept; the principal axes by default.

    Returns
    -------
    ndarray of shape (m, 2), float32
    """
    from sklearn.manifold import TSNE

    if start is None:
        start = find_axes([vectors], vectors.shape[1]).place(vectors)
        start = start * (_START / max(float(start.std()), 1e-12))
        exaggeration = _EXAGGERATION
    else:
        exaggeration = 1.0  # clusters are where they belong
    made = TSNE(
        perplexity=min(_PERPLEXITY, (len(vectors) - 1) / 3),
        early_exaggeration=exaggeration,
        metric="cosine",
        init=start.astype(np.float32),
        max_iter=_ITERATIONS,
        random_state=_SEED,
    )
    return np.asarray(made.fit_transform(vectors), np.float32)


def _gap(places: Places) -> float:
    """Return the median distance of places from the nearest other one."""
    from scipy.spatial import KDTree

    distances, _ = KDTree(places).query(places, k=2)
    return float(np.median(distances[:, 1]))
