"""What the store answers to reports, many members at a time."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from indexer.types import Embeddings, Keys


@dataclass(frozen=True, slots=True)
class MemberPart:
    """Some of the images of a cluster run, by ascending id."""

    image_ids: Keys
    """(n,)"""
    cluster_ids: Keys
    """(n,); -1 for noise."""
    probabilities: NDArray[np.float64]
    """(n,), 0 to 1."""
    outlier_scores: NDArray[np.float64]
    """(n,), 0 to 1."""
    assigned: NDArray[np.bool_]
    """(n,), whether each was assigned after the run."""
    added_at: tuple[datetime, ...]
    vectors: Embeddings
    """(n, d), of the whole first frames."""
    labels: tuple[str | None, ...]
    """The most probable class of each."""


@dataclass(frozen=True, slots=True)
class BankShare:
    """How many members of a cluster a bank holds."""

    cluster_id: int
    bank: str
    kind: str
    severity: str | None
    members: int


@dataclass(frozen=True, slots=True)
class EntryVectors:
    """Some of the entries of block banks, by ascending id."""

    entry_ids: Keys
    """(n,)"""
    banks: tuple[str, ...]
    image_ids: Keys
    """(n,)"""
    vectors: Embeddings
    """(n, d), of the whole first frames of their images."""
