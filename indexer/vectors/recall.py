"""Recall of an approximate search, measured against an exact one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from indexer.errors import RecallTooLow
from indexer.types import Completeness, CompletenessKind, PdqBits, Vectors
from indexer.vectors.results import DistanceHits, Hits, SimilarityHits

NEIGHBOURS: Final = 10
"""Neighbours of each query by which recall is measured, unless said otherwise."""
_ANGLE: Final = 0.2
"""Length of the noise on a stored unit vector: its cosine to what it was is 0.98."""
_FLIPPED: Final = 12  # bits of 256, as between two copies of a picture
_ROUNDING: Final = 1e-5
"""Difference up to which two similarities count as one: engines add in different orders."""

Search = Callable[[Vectors, int], Hits]
"""Finds the k nearest of each query, such as `index.search` or a `partial` of it."""
Closeness = NDArray[np.float64]
"""(n, k): cosine, or negated bits; higher is closer, -inf where there is no key."""


@dataclass(frozen=True, slots=True)
class RecallSample:
    """Counts of what an approximate search found of the true nearest; samples can be added."""

    queries: int = 0
    """Those that have any neighbour."""
    nearest: int = 0
    """True nearest keys of all queries: k of each, or as many as there are."""
    found: int = 0
    """Those of them that were found. One that ties with what was found instead counts."""
    above: int = 0
    """True nearest keys that are at the bound or closer; 0 without a bound."""
    missed_above: int = 0
    """Those of them that were missed."""

    def __add__(self, other: Self) -> "RecallSample":
        return RecallSample(
            self.queries + other.queries,
            self.nearest + other.nearest,
            self.found + other.found,
            self.above + other.above,
            self.missed_above + other.missed_above,
        )

    @property
    def recall(self) -> float:
        """Share of the nearest that was found; 1 where there are none."""
        return self.found / self.nearest if self.nearest else 1.0

    @property
    def completeness(self) -> Completeness:
        """The recall with its 95 % confidence interval; unmeasured without any query."""
        if not self.queries:
            return Completeness(CompletenessKind.UNMEASURED)
        return Completeness.measured(self.recall, self.queries)


def measure_recall(
    approximate: Search,
    exact: Search,
    queries: Vectors,
    k: int = NEIGHBOURS,
    *,
    bound: float | None = None,
) -> RecallSample:
    """Ask both searches the same queries and count what the approximate one missed.

    Parameters
    ----------
    approximate, exact : callable
        Take queries and k, return hits of one kind with true similarities or distances.
    queries : ndarray of shape (n, d), float32 unit rows, or (n, d // 8), uint8
        Not stored vectors themselves, which are easier to find than a query: see `disturbed`.
    k : int
        Neighbours of each query.
    bound : float, optional
        The lowest cosine, or the highest distance in bits, of a neighbour that matters.
    """
    if not len(queries):
        return RecallSample()
    got, true = approximate(queries, k), exact(queries, k)
    got_closeness, true_closeness = closeness_of(got), closeness_of(true)
    present = true.keys >= 0
    worst = got_closeness.min(axis=1, initial=np.inf, keepdims=True)  # -inf where fewer than k
    among = (true.keys[:, :, None] == got.keys[:, None, :]).any(axis=2)
    missed = present & ~among & (true_closeness > worst + _ROUNDING)
    above = np.zeros_like(missed)
    if bound is not None:
        least = bound if isinstance(true, SimilarityHits) else -bound
        above = present & (true_closeness >= least)
    return RecallSample(
        queries=int(present.any(axis=1).sum()),
        nearest=int(present.sum()),
        found=int(present.sum() - missed.sum()),
        above=int(above.sum()),
        missed_above=int((above & missed).sum()),
    )


def require_recall(view: str, completeness: Completeness, target: float) -> None:
    """Refuse an approximate search whose recall is not known to reach the target.

    Parameters
    ----------
    view : str
        Name of what is searched, for the message.
    completeness : Completeness
        As measured.
    target : float
        Least recall, held against the lower end of the interval.

    Raises
    ------
    RecallTooLow
        The lower end is below the target, or nothing was measured.
    """
    if completeness.reaches(target):
        return
    raise RecallTooLow(
        f"The recall of the approximate search of {view} is {completeness.words}; the lower end "
        f"must be at least {target:g}. What was searched before stays in use. Lower "
        "LOOKALIKE_RECALL_TARGET to accept it."
    )


def disturbed(vectors: Vectors, random: np.random.Generator) -> Vectors:
    """Return queries made of stored vectors: turned by a small angle, or with a few bits flipped.

    Near copies are what an approximate index is asked for, and a stored vector itself would be
    looked for exactly where it was put.
    """
    if vectors.dtype == np.uint8:
        return vectors ^ _flips(vectors.shape, random)
    noise = random.standard_normal(vectors.shape)
    noise *= _ANGLE / np.linalg.norm(noise, axis=1, keepdims=True)
    turned = vectors + noise
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    return turned.astype(np.float32)


def closeness_of(hits: Hits) -> Closeness:
    """Return how close each hit is, (n, k): cosine or negated bits, -inf where there is none."""
    if isinstance(hits, SimilarityHits):
        values = hits.similarities.astype(np.float64)
    elif isinstance(hits, DistanceHits):
        values = -hits.distances.astype(np.float64)
    else:
        raise TypeError(f"{type(hits).__name__} has neither similarities nor distances.")
    return np.where(hits.keys >= 0, values, -np.inf)


def _flips(shape: tuple[int, ...], random: np.random.Generator) -> PdqBits:
    """Return (n, 32) bytes with that many bits set in each row."""
    rows, width = shape
    bits = np.zeros((rows, 8 * width), np.uint8)
    bits[:, :_FLIPPED] = 1
    return np.packbits(random.permuted(bits, axis=1), axis=1)
