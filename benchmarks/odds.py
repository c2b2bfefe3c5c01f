"""Log-odds in galleries of any size: the false matches of an upload at some bounds.

Uploads are asked about among strangers, whole pictures, PDQ in 8 orientations, no verification. At
some bounds the false matches of an upload are counted, and the uploads that have one: a bound
should have one rate, whatever the size. A gallery below 1,000 counts as 1,000, which
makes its rate lower; it is counted as it is as well.

- real: DEV's queries without a reference among some of its references, and all
- made up: uploads and strangers of kinds within kinds (made_up_kinds.py), with random PDQ, the bias
  of each upload the mean one; of a small gallery there are 100, each with other strangers

Example: python benchmarks/odds.py ../shared/bench/dev
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration import TRAITS, WEIGHING
from dev_set import DEFAULT, load_dev_set
from indexer.model import load_encoder
from indexer.runtime.cpu import limit_library_threads
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.thresholds.background_folder import as_pictures, measure_files
from indexer.thresholds.pairwise_scores import Measure
from indexer.thresholds.picture_matrix import NO_ID, Pictures
from indexer.types import LogOdds, Signal, cost_of, count_comparisons
from made_up_kinds import MadeUpKinds

GALLERIES = (10, 1_000, 100_000, 1_000_000)
CHUNK = 5_000  # strangers scored at a time
BLOCKS = 100  # galleries of one size at most
BOUNDS = sorted((1.0, 2.0, 3.0, 4.0, TRAITS.fusion.lookalike, TRAITS.fusion.near_duplicate))
CHANCE = 84  # bits
PAIRS = 200_000  # whose PDQ are compared at a time
FLOOR = np.float32(cost_of(count_comparisons(1)))  # taken off by `Measure` for one reference
SEED = 5


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


class FalseMatches:
    """How many strangers of each gallery reach each bound, by upload."""

    def __init__(self, uploads: int, size: int, galleries: int, counted: int) -> None:
        self.size = size
        self._cost = cost_of(counted)
        self.name = f"{size:,}" if counted == size else f"{size:,}, counted as {counted:,}"
        self.is_exact = counted == size
        self.galleries = galleries
        self.uploads = uploads
        self._counts = np.zeros((len(BOUNDS), uploads, galleries), np.int32)

    @property
    def least(self) -> float:
        """The least log-odds that count, the size of the gallery not taken off."""
        return BOUNDS[0] + self._cost

    def add(
        self, uploads: NDArray[np.int64], strangers: NDArray[np.int64], log_odds: LogOdds
    ) -> None:
        """Count pairs; strangers are numbered from 0, gallery after gallery."""
        gallery = strangers // self.size
        for row, bound in enumerate(BOUNDS):
            reached = (log_odds >= bound + self._cost) & (gallery < self.galleries)
            np.add.at(self._counts[row], (uploads[reached], gallery[reached]), 1)

    def rates(self, row: int) -> tuple[float, float]:
        """Return the matches per upload at one of the bounds, and the share that has one."""
        counts = self._counts[row]
        return float(counts.mean()), float((counts > 0).mean())


def galleries_of(uploads: int, size: int, galleries: int) -> list[FalseMatches]:
    """Return what counts in galleries of one size: as so many, and as many as it counts for."""
    return [
        FalseMatches(uploads, size, galleries, counted)
        for counted in sorted({size, count_comparisons(size)})
    ]


def among_real(folder: Path, sizes: Sequence[int]) -> list[FalseMatches]:
    """Count the matches of real uploads in galleries of some references, and of all."""
    dev = load_dev_set(folder)
    uploads = load_real([case.query for case in dev.cases if case.reference is None])
    references = load_real(dev.references)
    stored = replace(references, pdq=references.pdq[:, :1])  # in one orientation
    log_odds = Measure(Signal.FUSED, WEIGHING).compare(uploads, stored)[0] + FLOOR
    order = np.random.default_rng(SEED).permutation(len(stored))
    rows, columns = np.nonzero(log_odds >= BOUNDS[0])
    found = []
    for size in [*(size for size in sizes if size < len(stored)), len(stored)]:
        of_size = galleries_of(len(uploads), size, len(stored) // size)
        for matches in of_size:
            matches.add(rows, order[columns], log_odds[rows, columns])
        found += of_size
    return found


def among_made_up(count: int, sizes: Sequence[int]) -> list[FalseMatches]:
    """Count the matches of made-up uploads; galleries of one size have no stranger in common."""
    world, most = MadeUpKinds(SEED), max(sizes)
    uploads = make_up(world, count, 8, SEED)
    found = [
        matches
        for size in sizes
        for matches in galleries_of(count, size, min(BLOCKS, most // size))
    ]
    for start in range(0, most, CHUNK):
        strangers = make_up(world, min(CHUNK, most - start), 1, SEED + 1 + start)
        open_ones = [each for each in found if start < each.size * each.galleries]
        pairs = close_pairs(uploads, strangers, min(each.least for each in open_ones))
        for matches in open_ones:
            matches.add(pairs[0], pairs[1] + start, pairs[2])
    return found


def close_pairs(
    uploads: Pictures, strangers: Pictures, least: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], LogOdds]:
    """Return the pairs that reach some log-odds, the size of the gallery not taken off.

    Pairs that PDQ alone finds, within `CHANCE` bits, are left out: of random bits there are a few
    hundred among two billion pairs.
    """
    fusion = TRAITS.fusion
    orientations = uploads.pdq.shape[1]
    nearest = float(fusion.of_pdq(CHANCE))
    similar = fusion.least_similarity(least, orientations, nearest) + fusion.bias
    cosines = uploads.embeddings @ strangers.embeddings.T
    rows, columns = np.nonzero(cosines >= np.float32(similar))
    log_odds = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), PAIRS):
        some = slice(start, start + PAIRS)
        ours, theirs = uploads.pdq[rows[some]], strangers.pdq[columns[some]]
        differing = ours.view(np.uint64) ^ theirs.view(np.uint64)
        bits = np.bitwise_count(differing).sum(axis=2, dtype=np.int16).min(axis=1)
        normalised = cosines[rows[some], columns[some]] - np.float32(fusion.bias)
        log_odds[some] = fusion.weigh(normalised, bits) - np.float32(cost_of(orientations))
    reached = log_odds >= least
    return rows[reached], columns[reached], log_odds[reached]


def gallery_rows(found: Sequence[FalseMatches]) -> Iterator[str]:
    """Yield a table: matches per upload at each bound and, in brackets, uploads with a match."""
    fusion = TRAITS.fusion
    names = {fusion.lookalike: ", lookalike", fusion.near_duplicate: ", near duplicate"}
    sizes = " | ".join(each.name for each in found)
    yield f"| bound, nats | exp(-bound) | {sizes} | largest / smallest |"
    yield "|---" * (3 + len(found)) + "|"
    for row, bound in enumerate(BOUNDS):
        rates = [each.rates(row) for each in found]
        counts = [count for each, (count, _) in zip(found, rates, strict=True) if each.is_exact]
        ratio = f"{max(counts) / min(counts):.2f}" if min(counts) else ""
        cells = " | ".join(f"{count:.2g} ({share:.2g})" for count, share in rates)
        yield f"| {bound:g}{names.get(bound, '')} | {np.exp(-bound):.2g} | {cells} | {ratio} |"


def main() -> None:
    """Print a table of real galleries and one of made-up ones."""
    limit_library_threads()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--uploads", type=int, default=2000, help="made-up pictures asked about")
    parser.add_argument("--galleries", type=int, nargs="+", default=GALLERIES)
    arguments = parser.parse_args()
    for name, found in (
        ("real", among_real(arguments.folder, (10, 100, 1_000))),
        ("made-up", among_made_up(arguments.uploads, arguments.galleries)),
    ):
        print(
            f"\n{found[0].uploads} {name} uploads; matches per upload and, in brackets, the share "
            "with a match, by size of the gallery:\n"
        )
        for row in gallery_rows(found):
            print(row, flush=True)


if __name__ == "__main__":
    main()
