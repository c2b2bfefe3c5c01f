"""Parameters of a cluster run, and which of them each algorithm uses."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from indexer.errors import InputError
from indexer.types import ClusterAlgorithm

FAMILIES: Final = frozenset({ClusterAlgorithm.FAMILIES, ClusterAlgorithm.NEAR_DUPLICATES})
"""The algorithms that find copies of one picture."""
_USED: Final = {
    ClusterAlgorithm.FAMILIES: {"verify", "seed"},
    ClusterAlgorithm.NEAR_DUPLICATES: {"verify", "seed"},
    ClusterAlgorithm.HDBSCAN: {"min_cluster_size", "min_samples", "max_link", "seed"},
    ClusterAlgorithm.KMEANS: {"k", "seed"},
}
_FARTHEST: Final = 2  # cosine distance of opposite vectors
_LEAST: Final = 2  # images: one is no cluster


@dataclass(frozen=True, slots=True)
class ClusterParameters:
    """How a run clusters; each algorithm uses its own."""

    min_cluster_size: int = 5  # hdbscan: images that a cluster has at least
    min_samples: int = 5  # hdbscan: how many must lie close for a place to be dense
    max_link: float = 0.3  # hdbscan: cosine distance beyond which nothing is linked
    k: int | None = None  # kmeans: clusters; chosen when None
    seed: int = 0
    verify: bool = True  # families, near_duplicates: whether thumbnails are compared

    def of(self, algorithm: ClusterAlgorithm) -> dict[str, Any]:
        """Return those that an algorithm uses.

        Raises
        ------
        InputError
            One of them is out of bounds.
        """
        if self.min_cluster_size < _LEAST or self.min_samples < 1:
            raise InputError(
                "The minimum cluster size must be at least 2 and the minimum samples at "
                f"least 1; got {self.min_cluster_size} and {self.min_samples}."
            )
        if self.k is not None and self.k < 1:
            raise InputError(f"The number of clusters must be at least 1, got {self.k}.")
        if self.seed < 0:
            raise InputError(f"A seed must be at least 0, got {self.seed}.")
        if not 0 <= self.max_link <= _FARTHEST:
            raise InputError(f"A cosine distance must be from 0 to 2, got {self.max_link}.")
        return {name: value for name, value in asdict(self).items() if name in _USED[algorithm]}
