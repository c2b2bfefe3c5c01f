"""When two pictures match: the thresholds, and where each came from."""

from dataclasses import dataclass

from indexer.errors import InputError
from indexer.settings import Settings
from indexer.types import Evidence, Judgement, Signal, Tier

FROM_SETTINGS = "settings"
FROM_REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound and its origin, so that an answer can cite it."""

    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The bounds of the tiers.

    `pdq` is a Hamming distance in bits (at most); the other two are cosine similarities (at least).
    """

    pdq: Threshold
    near_duplicate: Threshold
    lookalike: Threshold

    def judge(self, evidence: Evidence) -> Judgement:
        """Return the first tier that holds, and the signal and bound that decided it.

        When none holds, the judgement cites the lookalike bound that was missed.
        """
        if evidence.same_bytes:
            return Judgement(Tier.EXACT, Signal.SHA256, None, None)
        if evidence.pdq_distance is not None and evidence.pdq_distance <= self.pdq.value:
            return _judgement(Tier.NEAR_DUPLICATE, Signal.PDQ, self.pdq)
        if evidence.similarity >= self.near_duplicate.value:
            return _judgement(Tier.NEAR_DUPLICATE, Signal.EMBEDDING, self.near_duplicate)
        tier = Tier.LOOKALIKE if evidence.similarity >= self.lookalike.value else Tier.NONE
        return _judgement(tier, Signal.EMBEDDING, self.lookalike)


def choose_thresholds(settings: Settings, lookalike: float | None = None) -> Thresholds:
    """Take the thresholds of the settings; a `lookalike` bound given with the request wins.

    The near-duplicate bound never lies below the lookalike bound.

    Raises
    ------
    InputError
        `lookalike` is not a cosine similarity.
    """
    near_duplicate = Threshold(settings.near_duplicate_similarity, FROM_SETTINGS)
    if lookalike is None:
        bound = Threshold(settings.lookalike_similarity, FROM_SETTINGS)
    elif -1 <= lookalike <= 1:
        bound = Threshold(lookalike, FROM_REQUEST)
    else:
        raise InputError(
            f"The threshold is {lookalike}; it is a cosine similarity and lies between -1 and 1."
        )
    return Thresholds(
        pdq=Threshold(settings.pdq_max_distance, FROM_SETTINGS),
        near_duplicate=max(near_duplicate, bound, key=lambda threshold: threshold.value),
        lookalike=bound,
    )


def _judgement(tier: Tier, signal: Signal, threshold: Threshold) -> Judgement:
    return Judgement(tier, signal, threshold.value, threshold.source)
