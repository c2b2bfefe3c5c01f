"""Evidence of review items: what a verdict rests on, kept as it was."""

from collections.abc import Sequence
from typing import Final

from indexer.errors import NotFoundError
from indexer.store import Catalog
from indexer.thresholds.bounds import Threshold
from indexer.thresholds.resolution import ThresholdResolver
from indexer.thresholds.threshold_interval import threshold_interval
from indexer.types import (
    BankKind,
    Match,
    NearMiss,
    ReviewEvidence,
    Signal,
    SignalReading,
    Tier,
    Verdict,
)

_NEAREST: Final = 5  # others beside the match


class EvidenceReader:
    """Reads the evidence of matches, within one transaction.

    Parameters
    ----------
    catalog : Catalog
    resolver : ThresholdResolver
        The bounds that hold now.
    """

    def __init__(self, catalog: Catalog, resolver: ThresholdResolver) -> None:
        self._catalog = catalog
        self._resolver = resolver
        self._intervals: dict[int, tuple[float, float] | None] = {}

    def of_match(self, match: Match, others: Sequence[Match] = ()) -> ReviewEvidence:
        """Return the evidence of a match, with the nearest of the others beside it."""
        return ReviewEvidence(
            tier=match.tier,
            decided_by=match.decided_by,
            signals=self._readings(match),
            contributions=match.evidence,
            nearest=tuple(_miss(other) for other in others if other is not match)[:_NEAREST],
        )

    def of_verdict(self, verdict: Verdict) -> ReviewEvidence:
        """Return the evidence of an upload: of its strongest match, or of the nearest miss."""
        match = strongest(verdict)
        policy = verdict.policy
        return ReviewEvidence(
            tier=verdict.tier,
            decided_by=match.decided_by if match else None,
            signals=self._readings(match) if match else (),
            contributions=match.evidence if match else (),
            nearest=tuple(_miss(each) for each in verdict.matches if each is not match)[:_NEAREST],
            probabilities=verdict.probabilities,
            opinions=verdict.opinions,
            action=verdict.action,
            rule=policy.rule if policy else None,
            two_person=policy.two_person if policy else False,
        )

    def _readings(self, match: Match) -> tuple[SignalReading, ...]:
        bounds = self._resolver.for_bank(match.bank)
        fused = bounds.near_duplicate if match.tier is Tier.NEAR_DUPLICATE else bounds.lookalike
        readings = []
        if match.pdq_distance is not None:
            bits = float(match.pdq_distance)
            readings.append(self._reading(Signal.PDQ, "bits", bits, bounds.pdq))
        if match.similarity is not None:
            readings.append(SignalReading(Signal.EMBEDDING, "cosine", match.similarity))
        if match.log_odds is not None:
            readings.append(self._reading(Signal.FUSED, "nats", match.log_odds, fused))
        return tuple(readings)

    def _reading(self, signal: Signal, unit: str, value: float, bound: Threshold) -> SignalReading:
        low, high = self._interval(bound.card_id) or (None, None)
        return SignalReading(
            signal, unit, value, bound.value, low, high, bound.source, bound.card_id
        )

    def _interval(self, card_id: int | None) -> tuple[float, float] | None:
        if card_id is None:
            return None
        if card_id not in self._intervals:
            try:
                self._intervals[card_id] = threshold_interval(self._catalog.cards.get(card_id))
            except NotFoundError:
                self._intervals[card_id] = None
        return self._intervals[card_id]


def strongest(verdict: Verdict) -> Match | None:
    """Return the match that a review of an upload is about.

    It is the strongest with a block bank that is not suppressed; then with the gallery; then the
    nearest miss. None where the index holds nothing to compare with.
    """
    counted = [
        match
        for match in verdict.matches
        if match.suppressed_by is None and match.bank_kind is not BankKind.ALLOW
    ]
    of_banks = [match for match in counted if match.entry_id is not None]
    return next(iter([*of_banks, *counted]), verdict.nearest)


def _miss(match: Match) -> NearMiss:
    return NearMiss(
        tier=match.tier,
        bank=match.bank,
        entry_id=match.entry_id,
        image_id=match.image_id,
        pdq_distance=match.pdq_distance,
        similarity=match.similarity,
        log_odds=match.log_odds,
    )
