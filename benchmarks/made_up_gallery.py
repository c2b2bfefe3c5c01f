"""Made-up gallery: unit vectors of any number, block by block, each block from its number alone.

A vector is the direction of its topic, its family and an edit, added up. Topics (2,000, of Zipf's
popularity) and families are normally distributed with a spectrum that falls off as that of learnt
embeddings does, so that of 512 dimensions about 90 count (by participation ratio). Families have
power-law sizes from 1 to 200, and half of all vectors are in families of at most a few; an edit is
weak (cosine 0.99 to its family's origin) to strong (0.75).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

DIMENSION: Final = 512
BLOCK: Final = 16_384
_TOPICS: Final = 2_000
_TOPIC_SHARE: Final = 0.35  # of a family's direction, squared
_LARGEST: Final = 200  # members of a family; sizes s are drawn with p(s) ~ s ** -2
_WEAKEST, _STRONGEST = 0.15, 0.9  # an edit's length beside that of its family's origin
_FALL: Final = 24  # dimensions after which the spectrum has fallen to a half


class MadeUpGallery:
    """Blocks of vectors that depend on the seed and their number only."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._spectrum = (1 / (1 + np.arange(DIMENSION) / _FALL)).astype(np.float32)
        self._spectrum /= np.linalg.norm(self._spectrum)
        random = np.random.default_rng(seed)
        self._topics = self._normal(random, _TOPICS)
        popularity = 1 / np.arange(1, _TOPICS + 1)
        self._popularity = popularity / popularity.sum()

    def block(self, number: int) -> NDArray[np.float32]:
        """Return `BLOCK` unit vectors, (16,384, 512) float32; families lie within one block."""
        random = np.random.default_rng([self._seed, 1, number])
        sizes = np.minimum(1 / (1 - random.random(BLOCK)), _LARGEST).astype(np.int64)
        families = np.repeat(np.arange(BLOCK), sizes)[:BLOCK]
        count = int(families[-1]) + 1
        topics = random.choice(_TOPICS, count, p=self._popularity)
        origins = self._normal(random, count)
        origins *= (1 - _TOPIC_SHARE) ** 0.5
        origins += _TOPIC_SHARE**0.5 * self._topics[topics]
        vectors = self._normal(random, BLOCK)
        vectors *= random.uniform(_WEAKEST, _STRONGEST, (BLOCK, 1)).astype(np.float32)
        vectors += origins[random.permutation(families)]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def _normal(self, random: np.random.Generator, count: int) -> NDArray[np.float32]:
        """Return normal vectors, whose squared length is 1 on average."""
        vectors = random.standard_normal((count, DIMENSION), np.float32)
        vectors *= self._spectrum
        return vectors
