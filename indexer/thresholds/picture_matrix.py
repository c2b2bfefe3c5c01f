"""Picture matrix of a calibration: one row for the whole first frame of each picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from indexer.errors import InputError
from indexer.types import Embeddings, Keys, PdqBits

Sources = NDArray[np.int64]
"""(n,) int64, numbers of the sources of n pictures: of their folders, or of who uploaded them."""

NO_ID: Final = 0
"""Id of pictures that the index does not hold."""
FAR: Final = 256
"""Bits between two pictures of which one is too flat to hash: PDQ never takes them for copies."""


def number_sources(names: Sequence[str]) -> Sources:
    """Return numbers for the names of n pictures' sources, (n,) int64."""
    return np.unique(np.array(names, np.str_), return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures that are scored against others.

    Pictures of the same id are the same, and never strangers.
    """

    ids: Keys  # (n,) image ids; `NO_ID` where the index does not hold the picture
    names: Sequence[str]  # n, for people
    embeddings: Embeddings  # (n, d); rows of zeros where only a fingerprint is known
    pdq: PdqBits  # (n, o, 32): o orientations
    hashable: NDArray[np.bool_]  # (n,): not too flat for PDQ
    sources: Sources | None = None  # (n,); None where they are not known

    def __post_init__(self) -> None:
        """Refuse embeddings from which no rate can be measured.

        Raises
        ------
        InputError
            An embedding is not finite.
        """
        if not np.isfinite(self.embeddings).all():
            raise InputError(
                "An embedding of the calibration images is not finite. Run `lookalike "
                "verify` to find it."
            )

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: slice | NDArray[np.int64]) -> Self:
        """Return some of the rows."""
        chosen = range(len(self))[rows] if isinstance(rows, slice) else rows.tolist()
        return type(self)(
            ids=self.ids[rows],
            names=[self.names[row] for row in chosen],
            embeddings=self.embeddings[rows],
            pdq=self.pdq[rows],
            hashable=self.hashable[rows],
            sources=None if self.sources is None else self.sources[rows],
        )
