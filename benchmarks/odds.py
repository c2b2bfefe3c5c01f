"""Do log-odds mean the same everywhere? On other kinds of pictures, and among more of them.

Packages: as calibration.py, for the log-odds and one comparison in 10,000 alone. Whole source
packages of DEV's distractors are held out, 20 times over; a threshold is calibrated on the rest,
and its rate on what was held out is held against the interval of the card.

Galleries: DEV's references and its queries without one are asked about among 10, 1,000, 100,000
and 1,000,000 made-up strangers: whole pictures, PDQ in 8 orientations, scored as calibration scores
them, no verification. At some bounds the uploads with a false match are counted: one bound should
have one rate, whatever the size. Of a small gallery there are 100, each with other strangers.

Example: python benchmarks/odds.py ../shared/bench/dev
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from calibration import TRAITS, WEIGHING, by_package, load, outcomes
from dev_set import DEFAULT, load_dev_set
from indexer.evaluation.made_up_images import draw_like
from indexer.model import load_encoder
from indexer.runtime.cpu import limit_library_threads
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.thresholds.background_folder import as_pictures, measure_files
from indexer.thresholds.pairwise_scores import Measure
from indexer.thresholds.picture_matrix import NO_ID, Pictures
from indexer.thresholds.rate_intervals import clopper_pearson
from indexer.types import RateUnit, Signal, cost_of, count_comparisons

SPLITS = 20
TARGET = 1e-4  # of comparisons
GALLERIES = (10, 1_000, 100_000, 1_000_000)
CHUNK = 10_000  # strangers scored at a time
BLOCKS = 100  # galleries of one size at most
BOUNDS = (1.0, 2.0, 3.0, 4.0)  # nats, beside the bounds in force
SEED = 5


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


def load_uploads(folder: Path, limit: int | None) -> Pictures:
    """Hash and embed the references, and the queries that have none."""
    dev = load_dev_set(folder)
    strangers = [case.query for case in dev.cases if case.reference is None]
    encoder, settings = load_encoder(SHIPPED_MODEL), Settings()
    measured = measure_files([*strangers, *dev.references][:limit], encoder, settings)
    return as_pictures(measured, [NO_ID] * len(measured), encoder.card.dimension, settings)


def made_up(count: int, random: np.random.Generator) -> Pictures:
    """Return strangers, made up as `lookalike evaluate --strangers` makes them up."""
    if TRAITS.background is None:
        raise SystemExit("The shipped model has no background to draw strangers like.")
    return Pictures(
        ids=np.full(count, NO_ID, np.int64),
        names=[""] * count,
        embeddings=draw_like(TRAITS.background, count, random),
        pdq=random.integers(0, 256, (count, 1, 32), np.uint8),
        hashable=np.ones(count, bool),
    )


def greatest_log_odds(uploads: Pictures, sizes: Sequence[int]) -> dict[int, NDArray[np.float32]]:
    """Return each upload's greatest log-odds in galleries of made-up strangers.

    Returns
    -------
    dict of int to ndarray of shape (uploads, galleries), float32
        By size; galleries of one size have no stranger in common.
    """
    random = np.random.default_rng(SEED)
    measure = Measure(Signal.FUSED, WEIGHING)  # the gallery's comparisons are taken off below
    most = max(sizes)
    found = {
        size: np.full((len(uploads), min(BLOCKS, most // size)), -np.inf, np.float32)
        for size in sizes
    }
    for start in range(0, most, CHUNK):
        strangers = made_up(min(CHUNK, most - start), random)
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


def gallery_rows(uploads: Pictures, sizes: Sequence[int]) -> Iterator[str]:
    """Yield a table: the share of uploads that reach each bound, by size, and how far apart.

    The intervals are those of one gallery, for all are asked about with the same uploads.
    """
    greatest = greatest_log_odds(uploads, sizes)
    fusion = TRAITS.fusion
    bounds = dict.fromkeys(BOUNDS, "") | {
        fusion.lookalike: ", lookalike",
        fusion.near_duplicate: ", near duplicate",
    }
    yield f"| bound, nats | {' | '.join(f'{size:,}' for size in sizes)} | largest / smallest |"
    yield "|---" * (2 + len(sizes)) + "|"
    for bound, name in sorted(bounds.items()):
        shares = [float((greatest[size] >= bound).mean()) for size in sizes]
        ratio = f"{max(shares) / min(shares):.2f}" if min(shares) else ""
        cells = " | ".join(rate_of(share, len(uploads)) for share in shares)
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
    parser.add_argument("--uploads", type=int, help="pictures asked about at most")
    parser.add_argument("--galleries", type=int, nargs="+", default=GALLERIES)
    arguments = parser.parse_args()
    if arguments.splits:
        print_packages(arguments.folder, arguments.splits)
    uploads = load_uploads(arguments.folder, arguments.uploads)
    print(f"\n{len(uploads)} uploads; share with a false match among made-up strangers:\n")
    for row in gallery_rows(uploads, arguments.galleries):
        print(row, flush=True)


if __name__ == "__main__":
    main()
