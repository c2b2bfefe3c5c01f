"""Threshold interval: the bounds that a calibration cannot tell from the one it chose."""

from collections.abc import Iterator
from itertools import accumulate

from indexer.thresholds.rate_intervals import clopper_pearson
from indexer.types import NewCard, RateUnit, Signal


def threshold_interval(card: NewCard) -> tuple[float, float]:
    """Return the bounds around a card's at which its target rate is still plausible.

    Plausible is a rate within the 95 % confidence interval (Clopper and Pearson 1934) of what the
    card's histogram counts at that bound.

    Returns
    -------
    tuple of float
        The lowest and the highest such bound, in the card's own scale: bits for pdq, nats for
        fused. Both are the card's bound where the histogram has no bin of it.
    """
    histogram, is_pdq = card.histogram, card.signal is Signal.PDQ
    per_upload = card.unit is RateUnit.UPLOAD
    counts = list(histogram.uploads if per_upload else histogram.comparisons)
    reaching = list(accumulate(counts if is_pdq else reversed(counts)))
    if not is_pdq:
        reaching.reverse()
    here = round((card.value - histogram.low) / histogram.width)
    plausible = [card.value]
    for step in (-1, 1):
        for edge in _edges(here, step, len(reaching)):
            if card.target_rate not in clopper_pearson(reaching[edge], card.trials):
                break
            plausible.append(round(histogram.low + edge * histogram.width, 6))
    return min(plausible), max(plausible)


def _edges(here: int, step: int, count: int) -> Iterator[int]:
    """Yield the bins from one outwards."""
    edge = here + step
    while 0 <= edge < count:
        yield edge
        edge += step
