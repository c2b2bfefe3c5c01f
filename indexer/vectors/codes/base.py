"""Protocol of segment codes, the plug-in point for libraries that compress or index vectors.

A segment of vectors is sealed: codes are built once, never added to and never removed from. They
only nominate rows. What they nominate is compared on the exact float32 vectors, so an approximate
similarity is never part of an answer.

A plug-in is an object with the methods of `CodeKind`, named by an entry point of the group
`lookalike.segment_codes`; `LOOKALIKE_VECTOR_CODES` chooses it by the entry point's name.
"""

from pathlib import Path
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings
from indexer.vectors.base import Bitmap, Sink
from indexer.vectors.results import Similarities

UNIT_ROUNDOFF: Final = 2.0**-24
"""Of float32: half the distance from 1 to the next number."""


class Nominees(NamedTuple):
    """The rows that codes hold for the nearest to n queries."""

    similarities: Similarities  # (n, k), approximate, highest first; -inf where there is no row
    rows: NDArray[np.int64]  # (n, k); -1 where there are fewer than k
    errors: NDArray[np.float64]  # (n,), of any row's similarity, at most; infinite if not proven


class SegmentCodes(Protocol):
    """Codes of one segment; searched by many threads at once, never changed."""

    def __len__(self) -> int:
        """Count the rows."""

    @property
    def eps(self) -> float:
        """Greatest distance of a vector from what its code stands for.

        Infinite where nothing is proven: such codes are not used for searches that must be exact.
        Of others, the nominees must be the best by approximate similarity, as many as asked for,
        and their similarities wrong by `Nominees.errors` at most: by this distance, by rounding the
        query and by rounding sums.
        """

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""

    def nominate(self, queries: Embeddings, k: int, bitmap: Bitmap | None) -> Nominees:
        """Return the k rows that seem nearest to each query.

        Parameters
        ----------
        queries : ndarray of shape (n, d), float32 unit rows
        k : int
            At least 1, at most the number of allowed rows.
        bitmap : ndarray of uint8, or None
            One bit a row, least significant bit first, set where the row may be nominated.
        """

    def write(self, sink: Sink) -> None:
        """Write the codes and all that reading them takes."""


class CodeKind(Protocol):
    """A kind of codes."""

    def build(self, vectors: Embeddings) -> SegmentCodes:
        """Encode the vectors of one segment.

        Parameters
        ----------
        vectors : ndarray of shape (n, d), float32 unit rows
            May be a mapped file: read it in blocks.
        """

    def read(self, path: Path) -> SegmentCodes:
        """Read what `SegmentCodes.write` wrote; the caller has verified its checksum.

        Raises
        ------
        SnapshotMismatch
            It holds something else.
        OSError
            It could not be read.
        """
