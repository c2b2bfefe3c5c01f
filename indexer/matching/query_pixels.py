"""Pixels of a query: what templates and local features are looked for in."""

from functools import cached_property

from indexer.verification import Grey
from indexer.verification.cell_grid import CellGrid
from indexer.verification.geometry import Agreement, compare_hands
from indexer.verification.local_features import Features, find_in_query


class QueryPixels:
    """The whole first frame of a query, and what was found out about it.

    A query is asked in two steps, so what the first found is not looked for again. Not safe to use
    from several threads.

    Parameters
    ----------
    grey : ndarray of shape (h, w), uint8
        As `verification.shrink` makes it.
    """

    def __init__(self, grey: Grey) -> None:
        self.grey = grey
        self._verified: dict[int, Agreement] = {}

    @cached_property
    def hands(self) -> tuple[Features, Features]:
        """Its local features, as it is and mirrored."""
        return find_in_query(self.grey)

    @cached_property
    def cells(self) -> CellGrid:
        """Its cells."""
        return CellGrid.of(self.grey)

    def unverified(self, image_ids: list[int]) -> list[int]:
        """Return the images that it was not verified against yet."""
        return [image_id for image_id in image_ids if image_id not in self._verified]

    def verify(self, image_id: int, features: Features) -> None:
        """Count the inliers of a stored image and remember them."""
        self._verified[image_id] = compare_hands(self.hands, features)

    def agreement(self, image_id: int | None) -> Agreement | None:
        """Return what was found about an image; None where it was not verified."""
        return None if image_id is None else self._verified.get(image_id)
