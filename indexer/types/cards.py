"""Threshold cards: thresholds with their calibration."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from indexer.types.described import described
from indexer.types.verdicts import Signal, Tier


class RateUnit(StrEnum):
    """What a false-positive rate is a share of.

    `upload`: of innocent pictures, each searched among all references, those with at least one
    match. `comparison`: of comparisons of one innocent picture with one reference, those that
    match; an upload that is compared with N references meets up to N times as many.
    """

    UPLOAD = "upload"
    COMPARISON = "comparison"


@dataclass(frozen=True, slots=True)
class CardBound:
    """What of a card is needed to judge: which bound it replaces, and where."""

    card_id: int
    signal: Signal  # pdq or fused
    tier: Tier  # near_duplicate or lookalike
    space_id: int | None  # None for pdq, which no model makes
    bank: str | None  # None for every bank and the gallery
    value: float  # bits for pdq (at most), log-odds for fused (at least)


@described
@dataclass(frozen=True, slots=True)
class Histogram:
    """How innocent pictures score: counts a bin, all bins equally wide, lowest score first.

    For pdq the score is the distance in bits, and lower is closer.
    """

    low: float
    """Where the first bin begins."""
    width: float
    """Of a bin."""
    comparisons: tuple[int, ...]
    """Comparisons by their score."""
    uploads: tuple[int, ...]
    """Innocent pictures by the score of their closest reference."""


@described
@dataclass(frozen=True, slots=True)
class NewCard:
    """A threshold, and the calibration that chose it, ready to be written."""

    signal: Signal
    """pdq or fused; embedding on cards of earlier versions."""
    tier: Tier
    """near_duplicate or lookalike."""
    bank: str | None
    """The bank that it is for; null for every bank and the gallery."""
    space_id: int | None
    """The embedding space; null for pdq, which no model makes."""
    value: float
    """The bound: bits for pdq (at most), log-odds for fused (at least)."""
    unit: RateUnit
    """What the rates are a share of: uploads or comparisons."""
    target_rate: float
    """The false-positive rate that was asked for."""
    false_positives: int
    """Innocent uploads, or comparisons, that reach the bound."""
    comparisons: int
    """Comparisons of an innocent picture with a reference."""
    rate_low: float
    """Lower end of the 95 % confidence interval of the rate at the bound."""
    rate_high: float
    """Upper end of it."""
    source_count: int | None
    """How many sources (folders, or uploaders) the innocent pictures are from; null if too few."""
    prediction_low: float | None
    """From here the rate of as many other sources lies with 95 % probability; null without them."""
    prediction_high: float | None
    """Up to here."""
    background: str
    """What was taken as innocent."""
    background_images: int
    """How many pictures that is."""
    reference_count: int
    """How many references each of them was compared with."""
    histogram: Histogram
    """How they scored."""

    @property
    def trials(self) -> int:
        """What the rate is a share of: how many uploads, or comparisons."""
        return self.background_images if self.unit is RateUnit.UPLOAD else self.comparisons

    @property
    def rate(self) -> float:
        """The false-positive rate that was measured at the bound."""
        return self.false_positives / self.trials


@dataclass(frozen=True, slots=True)
class ThresholdCard(NewCard):
    """A threshold card as it is stored."""

    id: int
    """What answers cite."""
    space: str | None
    """Fingerprint of the embedding space; null for pdq."""
    created_at: datetime
    """When it was calibrated."""
    retired_at: datetime | None
    """When a newer card took its place; null while it is in force."""
