"""Codes sq8: each dimension of a vector as a signed byte, on a grid of its own.

The grid of a dimension has 256 steps from its least to its greatest value in the segment, so no
value is clipped: a few clipped values would make the bound on the error useless. FAISS compares
bytes with bytes in 0.3 to 0.4 of the time of float32 vectors. Its own `QT_8bit`, which does not
round the query, takes 0.75.
"""

from pathlib import Path
from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.base import Bitmap, Sink
from indexer.vectors.codes.base import UNIT_ROUNDOFF, Nominees
from indexer.vectors.codes.byte_grid import (
    HIGHEST,
    LOWEST,
    SLACK,
    greatest_length,
    grid_between,
    lengths_of,
    round_queries,
)
from indexer.vectors.codes.scalar_index import (
    ScalarCodes,
    allocate,
    memory_of,
    read_codes,
    write_codes,
)
from indexer.vectors.faiss_selection import bitmap_parameters

_QUANTIZER: Final = faiss.ScalarQuantizer.QT_8bit_direct_signed
_BLOCK: Final = 8192  # rows encoded at a time


class Sq8Codes(ScalarCodes):
    """Vectors in a byte a dimension; see `SegmentCodes`.

    Parameters
    ----------
    index : faiss.IndexScalarQuantizer
    grid : ndarray of shape (2, d), float64
        See `grid_between`.
    eps : float
        Greatest distance of a vector from what its bytes stand for.
    longest : float
        Greatest length of a row of bytes.
    """

    def __init__(
        self,
        index: faiss.IndexScalarQuantizer,
        grid: NDArray[np.float64],
        eps: float,
        longest: float,
    ) -> None:
        super().__init__(index, eps)
        self._grid = grid
        self._longest = longest

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return super().nbytes + self._grid.nbytes

    def nominate(self, queries: Embeddings, k: int, bitmap: Bitmap | None) -> Nominees:
        """Return the k rows of highest approximate similarity; FAISS's sums are of integers."""
        asked = round_queries(queries, self._grid)
        sums, rows = self._index.search(
            asked.rounded.astype(np.float32), k, params=bitmap_parameters(bitmap)
        )
        similarities = asked.units[:, None] * sums + asked.constants[:, None]
        similarities[rows < 0] = -np.inf
        lengths = lengths_of(queries.astype(np.float64))
        # Sums beyond 2 ** 24 and the similarities are rounded to float32.
        rounding = 2 * UNIT_ROUNDOFF * (asked.units * np.abs(sums).max(axis=1, initial=0.0) + 1)
        errors = (self._eps * lengths + asked.lost * self._longest + rounding) * SLACK
        return Nominees(similarities.astype(np.float32), rows, errors)

    def write(self, sink: Sink) -> None:
        """Write the bounds, the grid and the bytes."""
        bounds = np.zeros_like(self._grid[0])
        bounds[:2] = self._eps, self._longest
        write_codes(sink, np.stack([*self._grid, bounds]), self._index)


class Sq8Kind:
    """A byte a dimension; see `CodeKind`."""

    def build(self, vectors: Embeddings) -> Sq8Codes:
        """Encode the vectors of one segment; see `CodeKind`."""
        index = allocate(len(vectors), vectors.shape[1], _QUANTIZER)
        codes = memory_of(index)
        grid = grid_between(vectors.min(axis=0), vectors.max(axis=0))
        step, origin = grid
        divisor = np.where(step > 0, step, 1.0)
        eps, longest = 0.0, 0.0
        for start in range(0, len(vectors), _BLOCK):
            block = vectors[start : start + _BLOCK].astype(np.float64) - origin
            values = np.clip(np.rint(block / divisor), LOWEST, HIGHEST)
            codes[start : start + _BLOCK] = index.sa_encode(values.astype(np.float32))
            longest = max(longest, greatest_length(values))
            eps = max(eps, greatest_length(block - values * step))
        return Sq8Codes(index, grid, eps * SLACK, longest * SLACK)

    def read(self, path: Path) -> Sq8Codes:
        """Read what `Sq8Codes.write` wrote; see `CodeKind`."""
        facts, index = read_codes(path, _QUANTIZER)
        return Sq8Codes(index, facts[:2], *facts[2, :2].tolist())


SQ8: Final = Sq8Kind()
