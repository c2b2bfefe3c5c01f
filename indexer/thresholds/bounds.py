"""Threshold bounds of the tiers, and the judgement of evidence by them."""

from dataclasses import dataclass

from indexer.types import Evidence, Judgement, Signal, Tier

FROM_SETTINGS = "settings"
FROM_MODEL = "model"
FROM_REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound and its origin, so that an answer can cite it."""

    value: float
    source: str  # request, card N, settings or model
    card_id: int | None = None  # the threshold card that chose it


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The bounds of the tiers, as they hold for one bank or for the gallery.

    `pdq` is a Hamming distance in bits (at most); the others are log-odds in nats (at least).
    """

    pdq: Threshold
    near_duplicate: Threshold
    lookalike: Threshold

    def judge(self, evidence: Evidence) -> Judgement:
        """Return the first tier that holds, and the signal and bound that decided it.

        A bare fingerprint, which has no similarity, is held to the bound in bits alone. When none
        holds, the judgement cites the bound that was missed.
        """
        if evidence.same_bytes or evidence.same_md5:
            digest = Signal.SHA256 if evidence.same_bytes else Signal.MD5
            return Judgement(Tier.EXACT, digest, None, None)
        if evidence.pdq_distance is not None and evidence.pdq_distance <= self.pdq.value:
            return _judgement(Tier.NEAR_DUPLICATE, Signal.PDQ, self.pdq)
        log_odds = evidence.log_odds
        if evidence.similarity is None or log_odds is None:
            return _judgement(Tier.NONE, Signal.PDQ, self.pdq)
        if log_odds >= self.near_duplicate.value:
            return _judgement(Tier.NEAR_DUPLICATE, Signal.FUSED, self.near_duplicate)
        tier = Tier.LOOKALIKE if log_odds >= self.lookalike.value else Tier.NONE
        return _judgement(tier, Signal.FUSED, self.lookalike)


def _judgement(tier: Tier, signal: Signal, threshold: Threshold) -> Judgement:
    return Judgement(tier, signal, threshold.value, threshold.source, threshold.card_id)
