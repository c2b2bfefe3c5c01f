"""Made-up pictures of kinds within kinds, so that a few strangers are much alike, as real ones are.

A picture belongs to one of four kinds, of four kinds within that, and so on. Each kind adds a
random direction of its own to the vectors of its pictures. So two pictures share one more kind a
quarter as often, and are nearer by as much each time: the share of comparisons that reach some
log-odds falls exponentially, however many pictures there are. Vectors that only have the mean and
the spread of real ones, or lie between real ones, have no such tail.

The sizes are those at which that tail is the one of 1,449 pictures of other packages than DEV's,
each with those of other packages (2 million pairs, but for those within 80 bits of PDQ), with the
fusion 2a593aa1; fit them again for another. Log-odds of 3 to 10 nats, the size of the gallery not
taken off, are reached 0.83 to 1.3 times as often as there. Of 1,448 pictures of packages that were
held out they are reached 1.3 to 2 times as often up to 8 nats, and 4 times at 9 and 10; of DEV's
unrelated queries and references, 0.7 to 1.7 times. Beyond 10 nats the tail is extrapolated: so few
pictures do not show it. Real kinds are alike in their PDQ as well; here the embedding carries all.
"""

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings

DIMENSION = 512
KINDS = 4  # of each kind
LEVELS = 15
_FIRST, _STEP = 0.038, 0.064  # of the squared length: of the first level, and each other one
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
