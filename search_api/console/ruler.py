"""Evidence rulers: one scale for each signal of a match, with its bound and the nearest misses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from indexer.thresholds import Thresholds
from indexer.types import Match, Signal, ThresholdCard, Tier

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
    found = [*_pdq(match, thresholds, others, card), *_log_odds(match, thresholds, others, card)]
    if match.similarity is not None:
        found.append(_cosine(match, others))
    return sorted(found, key=lambda ruler: not ruler.decides)


def _pdq(
    match: Match, thresholds: Thresholds, others: Sequence[Match], card: ThresholdCard | None
) -> Iterator[Ruler]:
    if match.pdq_distance is None:
        return
    scale, bound = _Scale(_MOST_BITS, 0), thresholds.pdq.value
    within = match.pdq_distance <= bound
    said = "near duplicate" if within else "beyond the bound"
    yield Ruler(
        signal=Signal.PDQ,
        name="PDQ",
        words=f"{match.pdq_distance} bits of {bound:g}: {said}",
        tier=Tier.NEAR_DUPLICATE if within else Tier.NONE,
        far=f"{_MOST_BITS} bits",
        close="0",
        dot=scale.place(match.pdq_distance),
        bounds=(Bound(scale.place(bound), f"{bound:g}"),),
        interval=_interval(card, Signal.PDQ, scale),
        misses=_places(scale, [each.pdq_distance for each in others]),
        decides=match.decided_by is Signal.PDQ,
    )


def _log_odds(
    match: Match, thresholds: Thresholds, others: Sequence[Match], card: ThresholdCard | None
) -> Iterator[Ruler]:
    if match.log_odds is None:
        return
    value = match.log_odds
    scale = _Scale(min(_NATS[0], value - _ROOM), max(_NATS[1], value + _ROOM))
    near, alike = thresholds.near_duplicate.value, thresholds.lookalike.value
    tier, bound = Tier.NONE, alike
    if value >= alike:
        tier = Tier.LOOKALIKE
    if value >= near:
        tier, bound = Tier.NEAR_DUPLICATE, near
    said = {Tier.NONE: "below the bound", Tier.LOOKALIKE: "lookalike"}.get(tier, "near duplicate")
    bounds = [Bound(scale.place(alike), f"{alike:.1f}")]
    if near != alike:
        bounds.append(Bound(scale.place(near), f"{near:.1f}"))
    yield Ruler(
        signal=Signal.FUSED,
        name="Log-odds",
        words=f"{value:.1f} nats of {bound:.1f}: {said}",
        tier=tier,
        far=f"{scale.far:.0f} nats",
        close=f"{scale.close:.0f}",
        dot=scale.place(value),
        bounds=tuple(bounds),
        interval=_interval(card, Signal.FUSED, scale),
        misses=_places(scale, [each.log_odds for each in others]),
        decides=match.decided_by in (Signal.FUSED, Signal.GEOMETRY),
    )


def _cosine(match: Match, others: Sequence[Match]) -> Ruler:
    value, scale = match.similarity or 0.0, _Scale(0, 1)
    return Ruler(
        signal=Signal.EMBEDDING,
        name="Cosine",
        words=f"{value:.3f}; it counts within the log-odds",
        tier=match.tier,
        far="0",
        close="1",
        dot=scale.place(value),
        bounds=(),
        interval=None,
        misses=_places(scale, [each.similarity for each in others]),
        decides=match.decided_by is Signal.EMBEDDING,
    )


def _places(scale: _Scale, values: Sequence[float | None]) -> tuple[float, ...]:
    return tuple(sorted({scale.place(value) for value in values if value is not None}))


def _interval(
    card: ThresholdCard | None, signal: Signal, scale: _Scale
) -> tuple[float, float] | None:
    """Return where the share of innocent pictures that match lies within the card's interval."""
    if card is None or card.signal is not signal:
        return None
    low, high = bounds_within(card)
    ends = sorted((scale.place(low), scale.place(high)))
    return ends[0], max(0.4, round(ends[1] - ends[0], 2))


def bounds_within(card: ThresholdCard) -> tuple[float, float]:
    """Return the least and the greatest bound whose rate lies in the 95 % interval of a card.

    The rates are those of the card's histogram, so the ends are edges of its bins.
    """
    histogram, is_distance = card.histogram, card.signal is Signal.PDQ
    counts = histogram.uploads if card.unit == "upload" else histogram.comparisons
    reaching = list(accumulate(counts if is_distance else counts[::-1]))
    edges = [histogram.low + histogram.width * step for step in range(len(counts) + 1)]
    sides = edges[1:] if is_distance else edges[-2::-1]
    inside = [
        side
        for side, number in zip(sides, reaching, strict=True)
        if card.rate_low <= number / card.trials <= card.rate_high
    ]
    return min([card.value, *inside]), max([card.value, *inside])
