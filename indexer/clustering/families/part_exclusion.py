"""Exclusion of links that are about a frame, by the pictures within the images, without pixels."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.clustering.families.pair_evidence import ImagePairs
from indexer.clustering.families.piece_table import Rows
from indexer.store import ScopedPieces, Store
from indexer.types import Fusion, Space
from indexer.verification.frame_groups import LEAST_IMAGES
from indexer.verification.placed_parts import PlacedParts, find_other_content, share_picture

_STEP: Final = 128  # links looked at at a time

_Test = Callable[[PlacedParts, PlacedParts, Fusion], object]


class PartExclusion:
    """Finds links between images that hold different pictures at one place.

    Several images that are joined by such links have one frame. A link between any two of them is
    then about the frame as well, unless a picture within them is the same.

    Parameters
    ----------
    store : Store
    scoped : ScopedPieces
    space : Space
    fusion : Fusion
    min_quality : int
        PDQ quality, 0 to 100, below which a picture is too flat to be compared by it.
    """

    def __init__(
        self, store: Store, scoped: ScopedPieces, space: Space, fusion: Fusion, min_quality: int
    ) -> None:
        self._store = store
        self._ids = scoped.images.ids
        self._has_parts = np.bincount(scoped.owners, minlength=len(self._ids)) > 1
        self._space = space
        self._fusion = fusion
        self._min_quality = min_quality
        self._found = np.zeros((0, 2), np.int64)  # rows of images, in all calls

    def framed(
        self, links: ImagePairs, asked: NDArray[np.bool_], on_step: Callable[[], None]
    ) -> NDArray[np.bool_]:
        """Return which links are about a frame alone, (m,).

        Parameters
        ----------
        links : ImagePairs
        asked : ndarray of shape (m,), bool
            Those that are looked at.
        on_step : callable
            Called now and then; what it raises ends it.
        """
        rows = np.stack([links.left, links.right], axis=1)
        framed = np.zeros(len(rows), np.bool_)
        chosen = np.flatnonzero(asked & self._has_parts[rows].all(axis=1))
        framed[chosen] = [*self._look(rows[chosen], find_other_content, on_step)]
        self._found = np.concatenate([self._found, rows[framed]])
        groups = self._groups()
        joined = groups[links.left] == groups[links.right]
        unsure = np.flatnonzero(asked & ~framed & joined & (groups[links.left] >= 0))
        framed[unsure] = [not same for same in self._look(rows[unsure], share_picture, on_step)]
        return framed

    def _groups(self) -> Rows:
        """Return the group of each image that shares a frame with enough others, else -1."""
        n = len(self._ids)
        if not len(self._found):
            return np.full(n, -1)
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        left, right = self._found.T
        graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n, n))
        _, groups = connected_components(graph, directed=False)
        large = np.bincount(groups)[groups] >= LEAST_IMAGES
        found: Rows = np.where(large, groups, -1).astype(np.int64)
        return found

    def _look(self, rows: Rows, test: _Test, on_step: Callable[[], None]) -> Iterator[bool]:
        """Yield whether a test holds for the images of each link."""
        for start in range(0, len(rows), _STEP):
            step = self._ids[rows[start : start + _STEP]]
            with self._store.reader() as catalog:
                records = catalog.images.get_many(
                    np.unique(step).tolist(), self._space.id, with_embedding=True
                )
            parts = {i: PlacedParts.of_record(r, self._min_quality) for i, r in records.items()}
            for left, right in step.tolist():
                known = left in parts and right in parts  # either may be removed by now
                yield known and bool(test(parts[left], parts[right], self._fusion))
            on_step()
