"""Threshold calibration: the lowest bound whose false-positive rate is at most the target.

Nothing is extrapolated: where the pictures are too few to show the target rate, the bound lies
just above the closest pair, and the interval of the card says what that proves.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import floor
from typing import Final

import numpy as np

from indexer.errors import InputError
from indexer.thresholds.calibration_targets import EPSILON, CalibrationTarget
from indexer.thresholds.pairwise_scores import CopyRule, Measure, Weighing
from indexer.thresholds.picture_matrix import Pictures, Sources
from indexer.thresholds.rate_intervals import (
    LEAST_SOURCES,
    count_false_positives,
    prediction_interval,
    rate_interval,
    scores,
    trials,
)
from indexer.thresholds.score_histogram import ScoreHistogram, count_scores
from indexer.types import Histogram, NewCard, RateUnit, Signal

LEAST_PICTURES: Final = 2
_SHOWN_PAIRS: Final = 10
_NAMED_PAIRS: Final = 3  # in a message


@dataclass(frozen=True, slots=True)
class Sample:
    """What a calibration looks at."""

    queries: Pictures  # innocent
    references: Pictures  # the same object where each picture is compared with the others
    background: str  # what the queries are, in words
    copies: CopyRule | None  # what is left out as no stranger; None: nothing but itself

    @property
    def comparisons(self) -> int:
        """How many references each picture is compared with."""
        return len(self.references) - (self.queries is self.references)

    @property
    def sources(self) -> Sources | None:
        """The sources of the queries, from 0; None where they are too few, or not known."""
        if self.queries.sources is None:
            return None
        numbers, sources = np.unique(self.queries.sources, return_inverse=True)
        return sources if len(numbers) >= LEAST_SOURCES else None

    def check(self) -> None:
        """Make sure that there is something to compare.

        Raises
        ------
        InputError
            There are too few pictures.
        """
        if len(self.queries) < LEAST_PICTURES:
            raise InputError(
                f"There are too few innocent images to calibrate with: {len(self.queries)} "
                f"({self.background}). Use thousands; at least {LEAST_PICTURES} are required."
            )
        if not len(self.references):
            raise InputError(
                "There is no reference to compare with: the bank has no enabled entry with "
                "this signal. `lookalike bank show` lists the entries of a bank."
            )


@dataclass(frozen=True, slots=True)
class ClosePair:
    """Two pictures that are taken for strangers and are much alike."""

    query: str
    reference: str
    value: float  # bits for pdq, log-odds for fused


@dataclass(frozen=True, slots=True)
class Calibration:
    """A card, and what to look at before it is trusted."""

    card: NewCard
    closest: tuple[ClosePair, ...]  # closest first; copies among them make the bound too strict


def calibrate(
    aim: CalibrationTarget,
    sample: Sample,
    weighing: Weighing,
    *,
    pdq_max_distance: float,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Calibration:
    """Choose the lowest bound that no more than the target rate of innocents reaches.

    Parameters
    ----------
    aim : CalibrationTarget
    sample : Sample
    weighing : Weighing
        The number of references is that of the sample.
    pdq_max_distance : float
        Bits that a PDQ bound never exceeds. Strangers are so far apart that a rate alone would
        allow about 90, where PDQ has no power to tell copies any more.
    on_progress : callable
        Called with the number of queries done, and of all.

    Raises
    ------
    InputError
        The aim is impossible, there are too few pictures, or so many are identical that no bound
        reaches the target.
    """
    aim.check()
    sample.check()
    measure = Measure(aim.signal, replace(weighing, references=sample.comparisons), sample.copies)
    counted = count_scores(
        measure,
        sample.queries,
        sample.references,
        highest_rate=aim.target,
        on_progress=on_progress,
    )
    if not counted.comparisons:
        raise InputError(
            "There is nothing to compare: the innocent images and the references are the "
            "same images, or copies of each other. Use other innocent images."
        )
    unit = aim.unit_for(counted.queries)
    bound = _choose_bound(counted, unit, aim.target, sample, measure)
    if aim.signal is Signal.PDQ:
        bound = max(bound, -pdq_max_distance)
    return Calibration(_card(aim, sample, counted, unit, bound), tuple(_closest(sample, counted)))


def _choose_bound(
    counted: ScoreHistogram, unit: RateUnit, target: float, sample: Sample, measure: Measure
) -> float:
    """Return the least closeness that no more than the target rate reaches.

    Raises
    ------
    InputError
        Even the greatest closeness there is is reached more often.
    """
    allowed = floor(target * trials(counted, unit) + EPSILON)
    first_left_out = float(scores(counted, unit)[allowed])
    bound = counted.scale.bound_above(max(first_left_out, counted.scale.low))
    if bound > measure.strictest(sample.queries.pdq.shape[1]):
        worst = "; ".join(
            f"{pair.query} and {pair.reference}"
            for pair in _closest(sample, counted)[:_NAMED_PAIRS]
        )
        raise InputError(
            f"No threshold is strict enough for a rate of {target:g}: too many of the "
            "innocent images are as similar to a reference as possible. Remove copies from "
            f"them ({worst})."
        )
    return bound


def _card(
    aim: CalibrationTarget, sample: Sample, counted: ScoreHistogram, unit: RateUnit, bound: float
) -> NewCard:
    sources = sample.sources
    interval = rate_interval(counted, unit, bound, sources)
    others = None if sources is None else prediction_interval(counted, unit, bound, sources)
    return NewCard(
        signal=aim.signal,
        tier=aim.tier,
        bank=aim.bank,
        space_id=None if aim.signal is Signal.PDQ else aim.space_id,
        value=counted.scale.as_value(bound),
        unit=unit,
        target_rate=aim.target,
        false_positives=count_false_positives(counted, unit, bound),
        comparisons=counted.comparisons,
        rate_low=interval.low,
        rate_high=interval.high,
        source_count=None if sources is None else int(sources.max()) + 1,
        prediction_low=None if others is None else others.low,
        prediction_high=None if others is None else others.high,
        background=sample.background,
        background_images=counted.queries,
        reference_count=counted.references,
        histogram=_histogram(counted),
    )


def _histogram(counted: ScoreHistogram) -> Histogram:
    """Return the counts from the lowest score on, which for PDQ is the closest."""
    scale, turn = counted.scale, -1 if counted.scale.signal is Signal.PDQ else 1
    return Histogram(
        low=min(scale.as_value(scale.low), scale.as_value(scale.high)),
        width=scale.bin_width,
        comparisons=tuple(counted.histogram[::turn].tolist()),
        uploads=tuple(counted.uploads[::turn].tolist()),
    )


def _closest(sample: Sample, counted: ScoreHistogram) -> list[ClosePair]:
    """Return the closest pairs, each once where the pictures are compared with each other."""
    chosen: dict[tuple[int, int], float] = {}
    pairs = zip(
        counted.tail.tolist(),
        counted.tail_queries.tolist(),
        counted.tail_references.tolist(),
        strict=True,
    )
    for closeness, query, reference in pairs:
        if len(chosen) == _SHOWN_PAIRS:
            break
        if not (counted.is_square and (reference, query) in chosen):
            chosen[query, reference] = counted.scale.as_value(closeness)
    return [
        ClosePair(sample.queries.names[query], sample.references.names[reference], value)
        for (query, reference), value in chosen.items()
    ]
