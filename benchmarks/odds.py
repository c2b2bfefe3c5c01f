"""Do log-odds mean the same everywhere? On other kinds of pictures, and among more of them.

Packages: as calibration.py, for the log-odds and one comparison in 10,000 alone. Whole source
packages of DEV's distractors are held out, 20 times over; a threshold is calibrated on the rest,
and its rate on what was held out is held against the interval of the card.

Galleries: uploads are asked about among strangers, whole pictures, PDQ in 8 orientations, scored as
calibration scores them, no verification. At some bounds the uploads with a false match are counted:
one bound should have one rate, whatever the size.

- real: DEV's queries without a reference among some of its references, and all
- made up: uploads and strangers of kinds within kinds (made_up_kinds.py), with random PDQ, the bias
  of each upload the mean one; of a small gallery there are 100, each with other strangers

Example: python benchmarks/odds.py ../shared/bench/dev
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from calibration import TRAITS, WEIGHING, by_package, load, outcomes
from dev_set import DEFAULT, load_dev_set
from indexer.model import load_encoder
from indexer.runtime.cpu import limit_library_threads
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.thresholds.background_folder import as_pictures, measure_files
from indexer.thresholds.pairwise_scores import Measure
from indexer.thresholds.picture_matrix import NO_ID, Pictures
from indexer.thresholds.rate_intervals import clopper_pearson
from indexer.types import RateUnit, Signal, cost_of, count_comparisons
from made_up_kinds import MadeUpKinds

SPLITS = 20
TARGET = 1e-4  # of comparisons
GALLERIES = (10, 1_000, 100_000, 1_000_000)
CHUNK = 5_000  # strangers scored at a time
BLOCKS = 100  # galleries of one size at most
BOUNDS = (1.0, 2.0, 3.0, 4.0)  # nats, beside the bounds in force
SEED = 5
Greatest = dict[int, NDArray[np.float32]]
"""By size of the gallery: greatest log-odds, (uploads, galleries), comparisons taken off."""


def print_packages(folder: Path, splits: int) -> None:
    """Print how often the rate on held-out packages lies within the interval of the card."""
    pictures, packages = load(folder, None)
    halves = [by_package(packages, seed) for seed in range(splits)]
    found = list(outcomes(pictures, halves, Signal.FUSED, RateUnit.COMPARISON, TARGET))
    print(
        f"{len(pictures)} distractors of {len(set(packages))} packages, {TARGET:g} of comparisons: "
        f"**{sum(each.holds for each in found)} of {len(found)}** held-out rates lie within the "
        f"interval of their card; the median is {median(each.held_out for each in found):.2g}, and "
        f"the median bound {median(each.card.value for each in found):.2f} nats."
    )


def load_real(paths: Sequence[Path]) -> Pictures:
    """Hash and embed files."""
    encoder, settings = load_encoder(SHIPPED_MODEL), Settings()
    measured = measure_files(paths, encoder, settings)
    return as_pictures(measured, [NO_ID] * len(measured), encoder.card.dimension, settings)


def make_up(world: MadeUpKinds, count: int, orientations: int, seed: int) -> Pictures:
    """Make up pictures, the same from the same seed."""
    random = np.random.default_rng(seed)
    return Pictures(
        ids=np.full(count, NO_ID, np.int64),
        names=[""] * count,
        embeddings=world.draw(count, random),
        pdq=random.integers(0, 256, (count, orientations, 32), np.uint8),
        hashable=np.ones(count, bool),
    )


def among_real(folder: Path, sizes: Sequence[int]) -> Greatest:
    """Return each real upload's greatest log-odds in galleries of some references, and of all."""
    dev = load_dev_set(folder)
    uploads = load_real([case.query for case in dev.cases if case.reference is None])
    references = load_real(dev.references)
    stored = replace(references, pdq=references.pdq[:, :1])  # in one orientation
    log_odds, _ = Measure(Signal.FUSED, WEIGHING).compare(uploads, stored)
    random = np.random.default_rng(SEED)
    found = {}
    for size in [*(size for size in sizes if size < len(stored)), len(stored)]:
        chosen = [
            random.choice(len(stored), size, replace=False)
            for _ in range(1 if size == len(stored) else BLOCKS)
        ]
        greatest = np.stack([log_odds[:, rows].max(axis=1) for rows in chosen], axis=1)
        found[size] = greatest - np.float32(cost_of(size))
    return found


def among_made_up(count: int, sizes: Sequence[int]) -> Greatest:
    """Return the same of made-up uploads; galleries of one size have no stranger in common."""
    world = MadeUpKinds(SEED)
    uploads = make_up(world, count, 8, SEED)
    usual = np.float32(TRAITS.fusion.bias)
    measure = Measure(
        Signal.FUSED, replace(WEIGHING, query_bias=lambda rows: np.full(len(rows), usual))
    )
    most = max(sizes)
    found = {
        size: np.full((count, min(BLOCKS, most // size)), -np.inf, np.float32) for size in sizes
    }
    for start in range(0, most, CHUNK):
        strangers = make_up(world, min(CHUNK, most - start), 1, SEED + 1 + start)
        log_odds, _ = measure.compare(uploads, strangers)
        for size, greatest in found.items():
            gallery = (start + np.arange(len(strangers))) // size
            for column in range(gallery[0], min(gallery[-1] + 1, greatest.shape[1])):
                here = log_odds[:, gallery == column].max(axis=1)
                greatest[:, column] = np.maximum(greatest[:, column], here)
    counted = cost_of(count_comparisons(1))  # by `measure`, for one reference
    return {
        size: greatest - np.float32(cost_of(count_comparisons(size)) - counted)
        for size, greatest in found.items()
    }


def gallery_rows(found: Greatest) -> Iterator[str]:
    """Yield a table: the share of uploads that reach each bound, by size, and how far apart.

    The intervals are those of one gallery, for all are asked about with the same uploads.
    """
    fusion = TRAITS.fusion
    bounds = dict.fromkeys(BOUNDS, "") | {
        fusion.lookalike: ", lookalike",
        fusion.near_duplicate: ", near duplicate",
    }
    yield f"| bound, nats | {' | '.join(f'{size:,}' for size in found)} | largest / smallest |"
    yield "|---" * (2 + len(found)) + "|"
    for bound, name in sorted(bounds.items()):
        shares = [float((greatest >= bound).mean()) for greatest in found.values()]
        ratio = f"{max(shares) / min(shares):.2f}" if min(shares) else ""
        uploads = len(next(iter(found.values())))
        cells = " | ".join(rate_of(share, uploads) for share in shares)
        yield f"| {bound:g}{name} | {cells} | {ratio} |"


def rate_of(share: float, uploads: int) -> str:
    """Write a share with its 95 % interval."""
    interval = clopper_pearson(share * uploads, uploads)
    return f"{share:.2g} ({interval.low:.2g} to {interval.high:.2g})"


def main() -> None:
    """Print both."""
    limit_library_threads()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--uploads", type=int, default=2000, help="made-up pictures asked about")
    parser.add_argument("--galleries", type=int, nargs="+", default=GALLERIES)
    arguments = parser.parse_args()
    if arguments.splits:
        print_packages(arguments.folder, arguments.splits)
    for name, found in (
        ("real", among_real(arguments.folder, (10, 100, 1_000))),
        ("made-up", among_made_up(arguments.uploads, arguments.galleries)),
    ):
        uploads = len(next(iter(found.values())))
        print(f"\n{uploads} {name} uploads; share with a false match by size of the gallery:\n")
        for row in gallery_rows(found):
            print(row, flush=True)


if __name__ == "__main__":
    main()
