"""Made-up pictures of kinds within kinds, so that a few strangers are much alike, as real ones are.

A picture belongs to one of ten kinds, of ten kinds within that, and so on. Each kind adds a random
direction of its own to the vectors of its pictures. So two pictures share one more kind a tenth as
often, and are nearer by as much each time: the share of comparisons that reach some log-odds falls
exponentially, however many pictures there are. Vectors that only have the mean and the spread of
real ones, or lie between real ones, have no such tail.

The sizes are those at which that tail is the one of DEV's unrelated queries and references, whole,
in eight orientations: of real comparisons 5.4e-3, 6.5e-4, 7.4e-5 and 8.1e-6 reach 4, 6, 8 and 10
nats before those of the gallery are taken off, of these 4.7e-3, 6.1e-4, 8.2e-5 and 9.4e-6 (with
the fusion 6a6f6bbc; fit them again for another). Beyond, the tail is extrapolated: no benchmark has
enough real pictures to show it. Real kinds are alike in their PDQ as well; here the embedding
carries all, which makes its own tail a little heavier than real ones are.
"""

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings

DIMENSION = 512
KINDS = 4  # of each kind
LEVELS = 15
_FIRST, _STEP = 0.185, 0.108  # of the squared length: of the first level, and each other one
_ROWS = 4096  # directions are made of one of so many times one of so many patterns of signs
_MIX = tuple(np.uint64(number) for number in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


class MadeUpKinds:
    """A world of kinds within kinds."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self._directions = random.standard_normal((_ROWS, DIMENSION), np.float32)
        self._signs = random.choice(np.array([-1, 1], np.float32), (_ROWS, DIMENSION))

    def draw(self, count: int, random: np.random.Generator) -> Embeddings:
        """Draw vectors of pictures.

        Returns
        -------
        ndarray of shape (count, 512), float32, unit rows
        """
        own = 1 - _FIRST - (LEVELS - 1) * _STEP
        vectors = own**0.5 * random.standard_normal((count, DIMENSION), np.float32)
        kind = np.zeros(count, np.uint64)
        for level in range(LEVELS):
            chosen = random.integers(0, KINDS, count, np.uint64)
            kind = kind * np.uint64(KINDS) + chosen + np.uint64(1)  # no two levels share a number
            mixed = mix(kind)
            direction = self._directions[mixed % _ROWS] * self._signs[(mixed >> 20) % _ROWS]
            vectors += (_STEP if level else _FIRST) ** 0.5 * direction
        unit: Embeddings = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit.astype(np.float32)


def mix(numbers: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Scramble whole numbers (SplitMix64, Steele et al. 2014), to 63 bits."""
    for shift, factor in zip((30, 27), _MIX, strict=True):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * factor
    return ((numbers ^ (numbers >> np.uint64(31))) >> np.uint64(1)).astype(np.int64)
