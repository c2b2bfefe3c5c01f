"""Detail agreement: whether local features in a region of two images are the same.

Pixels of two photos may correlate, as both are light above and dark below. Their local features do
not: of two pictures that are copies many agree, of strangers next to none.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.verification.cell_grid import GRID, Cells, Extent
from indexer.verification.geometry import find_inliers
from indexer.verification.local_features import Features
from indexer.verification.recurring_details import RecurringDetails

_PLENTY: Final = 20  # features of a region in either image, from which they can tell strangers
_CHANCE: Final = 4  # inliers that strangers have at most
_COPY: Final = 8  # inliers from which a region shows the same
_COPY_SHARE: Final = 0.1  # share of its features that these are: more than a border that is shared
_OTHER_SHARE: Final = 0.05  # share of them below which it shows something else
_AT_PLACE: Final = 0.012  # of a side, between the places of a feature in two images
_EQUAL: Final = 0.9  # cosine of descriptors; of strangers' at one place 1 in 100 images has one

Hands = tuple[Features, Features]
"""Local features of an image as it is and mirrored, in one order."""


class DetailAgreement:
    """The local features of two images of one shape; compared when they are first needed.

    Parameters
    ----------
    hands : callable
        Returns the features of the query, as it is and mirrored, in one order.
    stored : callable
        Returns the features of the stored image.
    in_place : bool
        Whether verification found that inliers lie at the same places of both.
    recurring : RecurringDetails, optional
        Those of the query that images of the stored image's template have.
    """

    def __init__(
        self,
        hands: Callable[[], Hands],
        stored: Callable[[], Features],
        *,
        in_place: bool = False,
        recurring: RecurringDetails | None = None,
    ) -> None:
        self.in_place: Final = in_place
        self._recurring = recurring
        self._find_hands = hands
        self._find_stored = stored

    @cached_property
    def _hands(self) -> Hands:
        return self._find_hands()

    @cached_property
    def _stored(self) -> Features:
        return self._find_stored()

    @cached_property
    def _places(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Where the features of both lie, as shares of width and height, (n, 2) and (m, 2)."""
        return self._hands[0].places, self._stored.places

    @cached_property
    def _equal(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which features of either have their equal at that place of the other, and only there.

        In a pattern that repeats, some are equal at any place.
        """
        ours, theirs = self._places
        near = (np.abs(ours[:, np.newaxis] - theirs[np.newaxis]) <= _AT_PLACE).all(axis=2)
        cosines = self._hands[0].descriptors @ self._stored.descriptors.T
        elsewhere = np.where(near, -1, cosines).max(axis=1, initial=-1)
        equal = near & (cosines >= np.maximum(_EQUAL, elsewhere)[:, np.newaxis])
        return equal.any(axis=1), equal.any(axis=0)

    def count_equal(self, region: Cells | None = None) -> int:
        """Count features that are equal at one place of both, as those of drawn controls are.

        Parameters
        ----------
        region : ndarray of shape (16, 16), bool, optional
            The cells in which they are counted.
        """
        chosen = np.ones((GRID, GRID), np.bool_) if region is None else region
        inside = (chosen[_cells(places)] for places in self._places)
        pairs = zip(self._equal, inside, strict=True)
        return int(min((equal & here).sum() for equal, here in pairs))

    def are_plenty(self, region: Cells) -> bool:
        """Return whether both images have enough in some cells to tell strangers.

        Parameters
        ----------
        region : ndarray of shape (16, 16), bool
        """
        return min(int(region[_cells(places)].sum()) for places in self._places) >= _PLENTY

    def compare(self, region: Cells) -> bool | None:
        """Return whether some cells show the same, be it moved or mirrored; None for too little.

        A line of text or a row of icons says nothing: applications have them at several places.

        Parameters
        ----------
        region : ndarray of shape (16, 16), bool
        """
        ours, theirs = (region[_cells(places)] for places in self._places)
        return self._compare(ours, theirs)

    def lie_in_place(self, region: Cells) -> bool:
        """Return whether features in some cells that agree do so at the same places of both."""
        ours, theirs = (region[_cells(places)] for places in self._places)
        query, stored = _select(self._hands[0], ours), _select(self._stored, theirs)
        return find_inliers(query, stored).is_in_place(query.size, stored.size)

    def compare_places(self, query: Extent, stored: Extent) -> bool | None:
        """Return whether a rectangle of the query shows what another one of the stored image does.

        None for too little, as for `compare`.
        """
        ours, theirs = self._places
        return self._compare(query.holds(ours), stored.holds(theirs))

    def recur_in(self, extent: Extent) -> bool:
        """Return whether a rectangle of the query shows what most images of a template do."""
        return self._recurring is not None and self._recurring.fill(extent)

    def _compare(self, ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> bool | None:
        """Compare some features of the query with some of the stored image."""
        least = int(min(ours.sum(), theirs.sum()))
        if least < _COPY:
            return None
        stored = _select(self._stored, theirs)
        hands = (find_inliers(_select(hand, ours), stored) for hand in self._hands)
        found = max(hands, key=lambda inliers: inliers.count)
        if found.count >= max(_COPY, _COPY_SHARE * least) and not found.is_in_line:
            return True
        few = max(_CHANCE, _OTHER_SHARE * least)
        return False if least >= _PLENTY and found.count <= few else None


def _cells(places: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows and columns of the cells that places lie in."""
    columns, rows = np.clip((places * GRID).astype(np.intp), 0, GRID - 1).T
    return rows, columns


def _select(features: Features, chosen: NDArray[np.bool_]) -> Features:
    return Features(features.points[chosen], features.descriptors[chosen], features.size)
