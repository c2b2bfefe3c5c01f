"""Recurring details: local features of a query that most images of a template have.

An application fills a panel, such as a list of comments, with other words each time, and the
panel's height varies. So it is not in the mask of the frame, and yet two panels of one height are
nearly the same. Their details belong to the frame: most images of the template have them somewhere.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from indexer.verification.cell_grid import Extent
from indexer.verification.local_features import Features

_LEAST_IMAGES: Final = 3  # of the template, that show other content than the query
_LEAST: Final = 8  # features of a region, below which they tell nothing
_ALIKE: Final = 0.9  # cosine of descriptors of one detail
_MOST: Final = 0.5  # share of the images that have it, and of a region's features that recur
# Of a panel's features 0.77 to 0.98 recur so, of a photo's up to 0.16.


class RecurringDetails:
    """The local features of a query that images of a template have, whatever they show.

    Parameters
    ----------
    find_query : callable
        Returns the features of the query; called when they are first needed.
    find_others : callable
        Returns the features of some images of the template, none of which may show the query's
        content: its details would recur, too.
    """

    def __init__(
        self, find_query: Callable[[], Features], find_others: Callable[[], Sequence[Features]]
    ) -> None:
        self._find_query = find_query
        self._find_others = find_others

    def fill(self, extent: Extent) -> bool:
        """Return whether most features in a rectangle of the query recur; false for too few."""
        here = extent.holds(self._find_query().places)
        return bool(here.sum() >= _LEAST and self._recurring[here].mean() >= _MOST)

    @cached_property
    def _recurring(self) -> NDArray[np.bool_]:
        """Which features of the query recur, (n,)."""
        ours, others = self._find_query().descriptors, self._find_others()
        if len(others) < _LEAST_IMAGES:
            return np.zeros(len(ours), np.bool_)
        nearest = [(ours @ other.descriptors.T).max(axis=1, initial=-1) for other in others]
        recurring: NDArray[np.bool_] = (np.stack(nearest) >= _ALIKE).mean(axis=0) >= _MOST
        return recurring
