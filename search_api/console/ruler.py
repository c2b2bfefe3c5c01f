"""Evidence rulers: one scale for each signal of a match, with its bound and the nearest misses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from indexer.thresholds import Thresholds
from indexer.thresholds.threshold_interval import threshold_interval
from indexer.types import Match, ReviewEvidence, Signal, ThresholdCard, Tier
from search_api.console.text_filters import TIERS

_MOST_BITS: Final = 128
"""Bits of the far end: two unrelated hashes differ by as many."""
_NATS: Final = (-12.0, 24.0)
"""Log-odds of the ends, unless a match lies beyond."""
_ROOM: Final = 2.0  # nats between a match beyond an end and the new end


@dataclass(frozen=True, slots=True)
class Bound:
    """A threshold on a ruler."""

    place: float
    """Percent of the width from the left."""
    label: str


@dataclass(frozen=True, slots=True)
class Ruler:
    """One signal of one match; farther to the right is closer to a copy."""

    signal: Signal
    name: str
    words: str
    tier: Tier
    """The tier that the dot is drawn in."""
    far: str
    """What the left end stands for."""
    close: str
    """What the right end stands for."""
    dot: float
    """Percent of the width from the left."""
    bounds: tuple[Bound, ...]
    interval: tuple[float, float] | None
    """Left end and width, in percent, of where the rate lies within the calibration's interval."""
    misses: tuple[float, ...]
    """Percent from the left of others that were compared."""
    decides: bool
    """Whether this signal decided the tier."""


@dataclass(frozen=True, slots=True)
class _Scale:
    far: float
    close: float

    def place(self, value: float) -> float:
        """Return where a value lies, in percent from the left."""
        share = (value - self.far) / (self.close - self.far)
        return round(100 * min(1.0, max(0.0, share)), 2)


def rulers_of(
    match: Match,
    thresholds: Thresholds,
    others: Sequence[Match] = (),
    card: ThresholdCard | None = None,
) -> list[Ruler]:
    """Return the rulers of a match, the signal that decided first.

    Parameters
    ----------
    match : Match
    thresholds : Thresholds
        Those that hold for its bank.
    others : sequence of Match
        What else was compared, whose places are drawn as faint ticks.
    card : ThresholdCard, optional
        The card behind the bound that decided.
    """
    found = [*_of_match(match, thresholds, others, card)]
    return sorted(found, key=lambda ruler: not ruler.decides)


def rulers_of_evidence(evidence: ReviewEvidence) -> list[Ruler]:
    """Return the rulers of what was read when an item was made, the signal that decided first."""
    near = evidence.nearest
    found = []
    for each in evidence.signals:
        if each.value is None:
            continue
        decides = each.signal is evidence.decided_by
        ends = None
        if each.threshold_low is not None and each.threshold_high is not None:
            ends = each.threshold_low, each.threshold_high
        if each.signal is Signal.PDQ and each.threshold is not None:
            bits = [other.pdq_distance for other in near]
            found.append(_pdq(each.value, each.threshold, ends, bits, decides=decides))
        elif each.signal is Signal.FUSED and each.threshold is not None:
            tier = evidence.tier or Tier.NONE
            steps = [(each.threshold, tier if tier is Tier.NEAR_DUPLICATE else Tier.LOOKALIKE)]
            nats = [other.log_odds for other in near]
            decides |= evidence.decided_by is Signal.GEOMETRY
            found.append(_log_odds(each.value, steps, ends, nats, decides=decides))
        elif each.signal is Signal.EMBEDDING:
            cosines = [other.similarity for other in near]
            tier = evidence.tier or Tier.NONE
            found.append(_cosine(each.value, tier, cosines, decides=decides))
    return sorted(found, key=lambda ruler: not ruler.decides)


def _of_match(
    match: Match, thresholds: Thresholds, others: Sequence[Match], card: ThresholdCard | None
) -> Iterator[Ruler]:
    decided_by = match.decided_by
    if match.pdq_distance is not None:
        bits = [each.pdq_distance for each in others]
        ends, decides = _ends(card, Signal.PDQ), decided_by is Signal.PDQ
        yield _pdq(match.pdq_distance, thresholds.pdq.value, ends, bits, decides=decides)
    if match.log_odds is not None:
        near, alike = thresholds.near_duplicate.value, thresholds.lookalike.value
        steps = [(alike, Tier.LOOKALIKE), (near, Tier.NEAR_DUPLICATE)]
        steps = steps if near != alike else steps[1:]
        nats, ends = [each.log_odds for each in others], _ends(card, Signal.FUSED)
        decides = decided_by in (Signal.FUSED, Signal.GEOMETRY)
        yield _log_odds(match.log_odds, steps, ends, nats, decides=decides)
    if match.similarity is not None:
        cosines = [each.similarity for each in others]
        decides = decided_by is Signal.EMBEDDING
        yield _cosine(match.similarity, match.tier, cosines, decides=decides)


def _pdq(
    value: float,
    bound: float,
    ends: tuple[float, float] | None,
    others: Sequence[float | None],
    *,
    decides: bool,
) -> Ruler:
    scale, within = _Scale(_MOST_BITS, 0), value <= bound
    said = "near duplicate" if within else "beyond the bound"
    return Ruler(
        signal=Signal.PDQ,
        name="PDQ",
        words=f"{value:g} bits of {bound:g}: {said}",
        tier=Tier.NEAR_DUPLICATE if within else Tier.NONE,
        far=f"{_MOST_BITS} bits",
        close="0",
        dot=scale.place(value),
        bounds=(Bound(scale.place(bound), f"{bound:g}"),),
        interval=_interval(ends, scale),
        misses=_places(scale, others),
        decides=decides,
    )


def _log_odds(
    value: float,
    steps: Sequence[tuple[float, Tier]],
    ends: tuple[float, float] | None,
    others: Sequence[float | None],
    *,
    decides: bool,
) -> Ruler:
    """Draw log-odds with the bounds of tiers, the lowest first."""
    scale = _Scale(min(_NATS[0], value - _ROOM), max(_NATS[1], value + _ROOM))
    tier, bound, said = Tier.NONE, steps[0][0], "below the bound"
    for least, reached in steps:
        if value >= least:
            tier, bound, said = reached, least, TIERS[reached]
    return Ruler(
        signal=Signal.FUSED,
        name="Log-odds",
        words=f"{value:.1f} nats of {bound:.1f}: {said}",
        tier=tier,
        far=f"{scale.far:.0f} nats",
        close=f"{scale.close:.0f}",
        dot=scale.place(value),
        bounds=tuple(Bound(scale.place(least), f"{least:.1f}") for least, _ in steps),
        interval=_interval(ends, scale),
        misses=_places(scale, others),
        decides=decides,
    )


def _cosine(value: float, tier: Tier, others: Sequence[float | None], *, decides: bool) -> Ruler:
    scale = _Scale(0, 1)
    return Ruler(
        signal=Signal.EMBEDDING,
        name="Cosine",
        words=f"{value:.3f}; it counts within the log-odds",
        tier=tier,
        far="0",
        close="1",
        dot=scale.place(value),
        bounds=(),
        interval=None,
        misses=_places(scale, others),
        decides=decides,
    )


def _places(scale: _Scale, values: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(sorted({scale.place(value) for value in values if value is not None}))


def _ends(card: ThresholdCard | None, signal: Signal) -> tuple[float, float] | None:
    """Return the bounds whose rate lies within the card's interval, if it is a card of a signal."""
    return threshold_interval(card) if card is not None and card.signal is signal else None


def _interval(ends: tuple[float, float] | None, scale: _Scale) -> tuple[float, float] | None:
    """Return where an interval of bounds lies: its left end and its width, in percent."""
    if ends is None:
        return None
    left, right = sorted(map(scale.place, ends))
    return left, max(0.4, round(right - left, 2))
