"""What-if table of a threshold: innocent pictures and known copies at bounds near it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

import numpy as np

from indexer.settings import Settings
from indexer.store import Catalog
from indexer.thresholds.background_set import stored_pictures
from indexer.thresholds.pairwise_scores import Measure, Weighing
from indexer.types import NewCard, Signal

_STEPS: Final = (-10, -4, -2, 0, 2, 4, 10)  # bins: of a quarter nat, of a bit for PDQ


@dataclass(frozen=True, slots=True)
class Position:
    """A bound near a card's, and what it would let through."""

    value: float
    """Bits for pdq (at most), log-odds for fused (at least)."""
    comparisons: int
    """Comparisons of innocent pictures that reach it."""
    uploads: int
    """Innocent pictures with at least one such comparison."""
    found: int | None
    """Known copies that reach it; null where none are known."""


def positions(card: NewCard, copies: Sequence[float] = ()) -> list[Position]:
    """Say what bounds near that of a card would do.

    The bounds are bins' edges; the one in the middle is the nearest to the card's own.

    Parameters
    ----------
    card : NewCard
    copies : sequence of float
        What known copies score by the card's signal.
    """
    histogram, downwards = card.histogram, card.signal is Signal.PDQ
    reaching = _reaching(histogram.comparisons, downwards=downwards)
    uploads = _reaching(histogram.uploads, downwards=downwards)
    here = round((card.value - histogram.low) / histogram.width)
    found = []
    for step in _STEPS:
        edge = here + step
        if not 0 <= edge < len(reaching):
            continue
        value = round(histogram.low + edge * histogram.width, 6)
        within = sum(score <= value if downwards else score >= value for score in copies)
        position = Position(value, reaching[edge], uploads[edge], within if copies else None)
        found.append(position)
    return found


def copy_scores(
    catalog: Catalog, card: NewCard, settings: Settings, weighing: Weighing
) -> list[float]:
    """Score the pairs that analysts confirmed as copies, by the signal of a card.

    Only pairs of which the index holds both pictures, with an embedding in the card's space.
    """
    space = catalog.spaces.get(card.space_id) if card.space_id else catalog.spaces.active()
    pairs = catalog.samples.confirmed_pairs()
    if space is None or not pairs:
        return []
    pictures = stored_pictures(catalog, np.unique(np.array(pairs, np.int64)), space, settings)
    row = {image: number for number, image in enumerate(pictures.ids.tolist())}
    measure = Measure(card.signal, replace(weighing, references=card.reference_count))
    turn = -1 if card.signal is Signal.PDQ else 1
    scores = []
    for query, copy in pairs:
        if query in row and copy in row:
            ours, theirs = (pictures.take(np.array([row[image]])) for image in (query, copy))
            closeness, _ = measure.compare(ours, theirs)
            scores.append(turn * float(closeness[0, 0]))
    return scores


def _reaching(counts: Sequence[int], *, downwards: bool) -> list[int]:
    """Return for each bin's lower edge how many reach it: score that or more; for PDQ, or less."""
    if downwards:
        return list(accumulate(counts))
    return list(accumulate(reversed(counts)))[::-1]
