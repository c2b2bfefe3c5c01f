"""Image pair: two images of one shape, and whether a region of both shows the same."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from indexer.verification.cell_grid import (
    GRID,
    CellGrid,
    CellMap,
    Cells,
    Extent,
    cells_within,
    correlate_edges,
)
from indexer.verification.detail_agreement import DetailAgreement

_STRANGE: Final = 0.15  # correlation of edges up to which a region shows something else


@dataclass(frozen=True, slots=True)
class ImagePair:
    """Two images of one shape, and how their cells correlate."""

    query: CellGrid
    stored: CellGrid
    cells: CellMap
    details: DetailAgreement | None = None

    @property
    def is_aligned(self) -> bool:
        """Whether verification found inliers at the same places of both."""
        return self.details is not None and self.details.in_place

    def is_copy(self, extent: Extent) -> bool | None:
        """Return whether a rectangle shows the same; None if unknown."""
        region = np.zeros((GRID, GRID), np.bool_)
        region[cells_within(extent)] = True
        return self.compare(region)

    def compare(self, region: Cells) -> bool | None:
        """Return whether some cells show the same; None without local features, or if unknown.

        Where there are too few local features, edges may still tell something else.
        """
        if self.details is None:
            return None
        copy = self.details.compare(region)
        if copy is None and not self.details.are_plenty(region):
            alike = correlate_edges(self.query, self.stored, region)
            return False if alike is not None and alike <= _STRANGE else None
        return copy
