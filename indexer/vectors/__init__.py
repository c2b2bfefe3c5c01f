"""Derived views over the log: vectors by key, found by nearness.

The engines are imported from their own modules (`faiss_index`, `binary_index`), so that importing
this package loads none of them.
"""

from indexer.vectors.base import KeySet, LocalIndex, VectorIndex
from indexer.vectors.log_view import LogView
from indexer.vectors.results import (
    DistanceHits,
    DistanceRangeHits,
    Hits,
    RangeHits,
    SimilarityHits,
    SimilarityRangeHits,
)
from indexer.vectors.snapshot_policy import SnapshotPolicy
from indexer.vectors.view import VectorView

__all__ = [
    "DistanceHits",
    "DistanceRangeHits",
    "Hits",
    "KeySet",
    "LocalIndex",
    "LogView",
    "RangeHits",
    "SimilarityHits",
    "SimilarityRangeHits",
    "SnapshotPolicy",
    "VectorIndex",
    "VectorView",
]
