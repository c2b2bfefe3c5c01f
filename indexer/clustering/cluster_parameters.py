"""Parameters of a cluster run, and which of them each algorithm uses."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Self

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


_FEWEST: Final = 5  # images that a cluster has at least, in the smallest index
_BY_ROOT: Final = 8  # square root of the images over the least size of a cluster
_BY_KIND: Final = (2, 0.4)
"""min_samples and max_link in a semantic space, which whitening makes much like any other."""
_OTHERWISE: Final = (5, 0.3)
"""The same for the pooled features of a model without semantic embeddings."""


@dataclass(frozen=True, slots=True)
class ChosenParameters:
    """How patterns are found, with nothing of hdbscan left to choose."""

    min_cluster_size: int  # images, copies aside, that a cluster has at least
    min_samples: int  # how many must lie close for a place to be dense
    max_link: float  # cosine distance beyond which nothing is linked
    k: int | None = None  # of kmeans; chosen by what it finds when None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ClusterParameters:
    """How a run clusters; each algorithm uses its own. What is None is chosen by the run."""

    min_cluster_size: int | None = None  # hdbscan: images, copies aside, that a cluster has
    min_samples: int | None = None  # hdbscan: how many must lie close for a place to be dense
    max_link: float | None = None  # hdbscan: cosine distance beyond which nothing is linked
    k: int | None = None  # kmeans: clusters
    seed: int = 0
    verify: bool = True  # families, near_duplicates: whether local features are compared

    @classmethod
    def of_run(cls, said: dict[str, Any]) -> Self:
        """Take those of a run, which may say more of itself."""
        return cls(**{field.name: said[field.name] for field in fields(cls) if field.name in said})

    def chosen(self, points: int, *, semantic: bool) -> ChosenParameters:
        """Choose those of hdbscan that are None.

        The least size of a cluster grows with the square root of the images, so that the number of
        clusters does too and a person can look through them: an eighth of it, at least 5. The other
        two were compared on labelled pictures (benchmarks/patterns.py).

        Parameters
        ----------
        points : int
            Images, of copies one.
        semantic : bool
            Whether they are clustered by semantic embeddings.
        """
        size = max(_FEWEST, round(points**0.5 / _BY_ROOT))
        samples, link = _BY_KIND if semantic else _OTHERWISE
        return ChosenParameters(
            min_cluster_size=size if self.min_cluster_size is None else self.min_cluster_size,
            min_samples=samples if self.min_samples is None else self.min_samples,
            max_link=link if self.max_link is None else self.max_link,
            k=self.k,
            seed=self.seed,
        )

    def of(self, algorithm: ClusterAlgorithm) -> dict[str, Any]:
        """Return those that an algorithm uses.

        Raises
        ------
        InputError
            One of them is out of bounds.
        """
        if self.min_cluster_size is not None and self.min_cluster_size < _LEAST:
            raise InputError(
                f"The minimum cluster size must be at least 2, got {self.min_cluster_size}."
            )
        if self.min_samples is not None and self.min_samples < 1:
            raise InputError(f"The minimum samples must be at least 1, got {self.min_samples}.")
        if self.k is not None and self.k < 1:
            raise InputError(f"The number of clusters must be at least 1, got {self.k}.")
        if self.seed < 0:
            raise InputError(f"A seed must be at least 0, got {self.seed}.")
        if self.max_link is not None and not 0 <= self.max_link <= _FARTHEST:
            raise InputError(f"A cosine distance must be from 0 to 2, got {self.max_link}.")
        return {name: value for name, value in asdict(self).items() if name in _USED[algorithm]}
