"""Bounds of links between stored images: the thresholds in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from indexer.thresholds import ThresholdResolver
from indexer.types import ClusterAlgorithm


@dataclass(frozen=True, slots=True)
class LinkBounds:
    """From where two stored images are of one family."""

    min_log_odds: float  # nats, with the comparisons counted ...
    max_pdq_distance: float  # ... or at most so many bits
    verified: bool  # whether local features count
    fusion: str  # version of what weighs the evidence

    @classmethod
    def in_force(
        cls, thresholds: ThresholdResolver, algorithm: ClusterAlgorithm, *, verified: bool
    ) -> Self:
        """Return the thresholds that hold for the gallery: of lookalikes, or near duplicates."""
        of_gallery = thresholds.for_bank(None)
        near = algorithm is ClusterAlgorithm.NEAR_DUPLICATES
        bound = of_gallery.near_duplicate if near else of_gallery.lookalike
        return cls(bound.value, of_gallery.pdq.value, verified, thresholds.fusion.version)

    @classmethod
    def of_run(cls, parameters: Mapping[str, Any]) -> Self:
        """Return those of a run, by its parameters."""
        names = ("min_log_odds", "max_pdq_distance", "verify", "fusion")
        return cls(*(parameters[name] for name in names))

    def parameters(self) -> dict[str, Any]:
        """Return them as those of a run."""
        return {
            "min_log_odds": self.min_log_odds,
            "max_pdq_distance": self.max_pdq_distance,
            "verify": self.verified,
            "fusion": self.fusion,
        }
