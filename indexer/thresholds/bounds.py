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

    `pdq` is a Hamming distance in bits (at most), `near_duplicate` and `lookalike` are cosine
    similarities (at least), `fused` is a fused score from which a match is a lookalike, too, and
    `inliers` so many details in the same arrangement (None: they do not decide).
    """

    pdq: Threshold
    near_duplicate: Threshold
    lookalike: Threshold
    fused: Threshold
    inliers: Threshold | None = None

    def judge(self, evidence: Evidence) -> Judgement:
        """Return the first tier that holds, and the signal and bound that decided it.

        When none holds, the judgement cites the lookalike bound that was missed, or the PDQ bound
        where there is no similarity to measure, as with a bare fingerprint.
        """
        if evidence.same_bytes:
            return Judgement(Tier.EXACT, Signal.SHA256, None, None)
        if evidence.same_md5:
            return Judgement(Tier.EXACT, Signal.MD5, None, None)
        if evidence.pdq_distance is not None and evidence.pdq_distance <= self.pdq.value:
            return _judgement(Tier.NEAR_DUPLICATE, Signal.PDQ, self.pdq)
        return self._judge_scores(evidence)

    def _judge_scores(self, evidence: Evidence) -> Judgement:
        if evidence.similarity is None:
            return _judgement(Tier.NONE, Signal.PDQ, self.pdq)
        if evidence.similarity >= self.near_duplicate.value:
            return _judgement(Tier.NEAR_DUPLICATE, Signal.EMBEDDING, self.near_duplicate)
        if evidence.similarity >= self.lookalike.value:
            return _judgement(Tier.LOOKALIKE, Signal.EMBEDDING, self.lookalike)
        if evidence.fused is not None and evidence.fused >= self.fused.value:
            return _judgement(Tier.LOOKALIKE, Signal.FUSED, self.fused)
        return self._judge_details(evidence)

    def _judge_details(self, evidence: Evidence) -> Judgement:
        if evidence.inliers is not None and self.inliers and evidence.inliers >= self.inliers.value:
            return _judgement(Tier.LOOKALIKE, Signal.GEOMETRY, self.inliers)
        return _judgement(Tier.NONE, Signal.EMBEDDING, self.lookalike)


def _judgement(tier: Tier, signal: Signal, threshold: Threshold) -> Judgement:
    return Judgement(tier, signal, threshold.value, threshold.source, threshold.card_id)
