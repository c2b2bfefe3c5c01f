"""Does the rate of a threshold card hold on other innocent pictures? Calibrates on half, measures.

The DEV benchmark's distractors are split into halves, many times over. On one half a threshold is
calibrated, each picture compared with all others; on the other half the false-positive rate at that
threshold is counted, and held against the interval of the card. Twice: with the pictures dealt out
at random, and with whole source packages, so that the other half holds other kinds of pictures.

Example: python benchmarks/calibration.py ../shared/bench/dev
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from dev_set import DEFAULT
from indexer.errors import InputError
from indexer.model import load_encoder, load_traits
from indexer.runtime.cpu import limit_library_threads
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.thresholds import Weighing
from indexer.thresholds.background_folder import as_pictures, measure_files
from indexer.thresholds.calibration import Sample, calibrate
from indexer.thresholds.calibration_targets import CalibrationTarget, tiers_of
from indexer.thresholds.pairwise_scores import Measure
from indexer.thresholds.picture_matrix import Pictures, number_sources
from indexer.thresholds.rate_intervals import count_false_positives, trials
from indexer.thresholds.score_histogram import count_scores
from indexer.types import NewCard, RateUnit, Signal, query_bias

SPLITS = 20
TARGETS = ((RateUnit.COMPARISON, 1e-4), (RateUnit.UPLOAD, 1e-4), (RateUnit.UPLOAD, 1e-2))
TRAITS = load_traits(SHIPPED_MODEL)
BIAS = partial(query_bias, background=TRAITS.background, otherwise=TRAITS.fusion.bias)
WEIGHING = Weighing(TRAITS.fusion, BIAS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A card of one half, and the rate on the other."""

    card: NewCard
    held_out: float

    @property
    def holds(self) -> bool:
        """Whether that rate lies within the confidence interval of the card."""
        return self.card.rate_low <= self.held_out <= self.card.rate_high

    @property
    def is_predicted(self) -> bool:
        """Whether it lies where the card expects that of other sources."""
        low, high = self.card.prediction_low, self.card.prediction_high
        return low is not None and high is not None and low <= self.held_out <= high


def load(folder: Path, limit: int | None) -> tuple[Pictures, list[str]]:
    """Measure the distractors; return them with the package that each comes from, its source."""
    with (folder / "refs.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["role"] == "distractor"][:limit]
    package = {folder / row["reference_path"]: row["source_package"] for row in rows}
    encoder, settings = load_encoder(SHIPPED_MODEL), Settings()
    measured = measure_files(list(package), encoder, settings)
    ids = range(1, len(measured) + 1)
    pictures = as_pictures(measured, ids, encoder.card.dimension, settings)
    packages = [package[file.path] for file in measured]
    return replace(pictures, sources=number_sources(packages)), packages


def at_random(pictures: Pictures, seed: int) -> np.ndarray:
    """Deal the pictures out; return which are in the first half."""
    half = np.zeros(len(pictures), bool)
    half[np.random.default_rng(seed).permutation(len(pictures))[: len(pictures) // 2]] = True
    return half


def by_package(packages: list[str], seed: int) -> np.ndarray:
    """Deal whole packages out, so that the halves are about as large as each other."""
    names, counts = np.unique(packages, return_counts=True)
    chosen, size = [], 0
    for row in np.random.default_rng(seed).permutation(len(names)):
        if size + counts[row] <= len(packages) // 2:
            chosen.append(names[row])
            size += counts[row]
    return np.isin(packages, chosen)


def held_out_rate(pictures: Pictures, signal: Signal, card: NewCard) -> float:
    """Count the false-positive rate among pictures at the bound of a card."""
    measure = Measure(signal, replace(WEIGHING, references=len(pictures) - 1))
    counted = count_scores(measure, pictures, pictures, highest_rate=0.05)
    bound = -card.value if signal is Signal.PDQ else card.value
    return count_false_positives(counted, card.unit, bound) / trials(counted, card.unit)


def outcomes(
    pictures: Pictures, halves: list[np.ndarray], signal: Signal, unit: RateUnit, target: float
) -> Iterator[Outcome]:
    """Calibrate on each first half and measure on the second."""
    aim = CalibrationTarget(signal, tiers_of(signal)[0], None, 1, target, unit)
    for half in halves:
        ours, theirs = (pictures.take(np.flatnonzero(side)) for side in (half, ~half))
        sample = Sample(ours, ours, "half of the distractors", None)
        try:
            card = calibrate(aim, sample, WEIGHING, pdq_max_distance=256).card
        except InputError as error:
            print(f"<!-- {signal}, {unit}, {target:g}: {error} -->")
            continue
        yield Outcome(card, held_out_rate(theirs, signal, card))


def main() -> None:
    """Print a table for each way of splitting."""
    limit_library_threads()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--limit", type=int, help="distractors used at most")
    parser.add_argument("--splits", type=int, default=SPLITS)
    arguments = parser.parse_args()
    pictures, packages = load(arguments.folder, arguments.limit)
    seeds = range(arguments.splits)
    ways = {
        "pictures at random": [at_random(pictures, seed) for seed in seeds],
        "whole packages": [by_package(packages, seed) for seed in seeds],
    }
    print(f"{len(pictures)} distractors of {len(set(packages))} packages, {len(seeds)} splits")
    for way, halves in ways.items():
        print(f"\n### Split: {way}\n")
        print("| signal | target | bound | card: rate (95 %) | other half | within | predicted |")
        print("|---|---|---|---|---|---|---|")
        for signal in (Signal.FUSED, Signal.PDQ):
            for unit, target in TARGETS:
                found = list(outcomes(pictures, halves, signal, unit, target))
                first = found[0]
                print(
                    f"| {signal} | {target:g} of {unit}s | {median(o.card.value for o in found):g} "
                    f"| {first.card.rate:.2g} ({first.card.rate_low:.2g} to "
                    f"{first.card.rate_high:.2g}) | {first.held_out:.2g} "
                    f"(median {median(o.held_out for o in found):.2g}) "
                    f"| {sum(o.holds for o in found)} of {len(found)} "
                    f"| {sum(o.is_predicted for o in found)} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
