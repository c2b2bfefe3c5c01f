"""Which score separates copies from strangers? Chooses the default thresholds.

Every query of the DEV benchmark is compared with every reference, by the embedding and by the fused
score, as calibration compares them. For each bound the pairs above it are counted: precision is the
share of true copies among them, recall the share of all copies.
The defaults are the lowest bounds, rounded up to two digits, at which precision reaches 0.99
(near duplicate, by the embedding) and 0.90 (lookalike, by either).

Example: python benchmarks/thresholds.py ../shared/bench/dev
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dev_set import DEFAULT, DevSet, load_dev_set
from indexer.matching.fusion import pdq_term, query_bias
from indexer.model import Encoder, load_background, load_encoder
from indexer.runtime.cpu import limit_library_threads
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.thresholds import Fusion
from indexer.thresholds.background_folder import as_pictures, measure_files
from indexer.thresholds.pairwise_scores import Measure
from indexer.thresholds.picture_matrix import NO_ID, Pictures
from indexer.types import Signal

PRECISIONS = (0.999, 0.99, 0.95, 0.90, 0.80)
FUSION = Fusion(pdq_term, partial(query_bias, background=load_background(SHIPPED_MODEL)))


def load(paths: Sequence[Path], encoder: Encoder) -> Pictures:
    """Hash and embed pictures, a row each.

    Raises
    ------
    SystemExit
        A picture cannot be read: the rows would not be those of the ground truth.
    """
    settings = Settings()
    measured = measure_files(paths, encoder, settings)
    if len(measured) < len(paths):
        raise SystemExit("Some pictures of the benchmark cannot be read; see the log above.")
    return as_pictures(measured, [NO_ID] * len(measured), encoder.card.dimension, settings)


def true_copies(dev: DevSet) -> NDArray[np.bool_]:
    """Return which reference each query is a copy of, (queries, references)."""
    column = {path: index for index, path in enumerate(dev.references)}
    copy = np.zeros((len(dev.cases), len(dev.references)), bool)
    for row, case in enumerate(dev.cases):
        if case.reference is not None:
            copy[row, column[case.reference]] = True
    return copy


def print_bounds(signal: Signal, scores: NDArray[np.float32], copy: NDArray[np.bool_]) -> None:
    """Print the bound for each precision."""
    order = np.argsort(-scores, axis=None)
    bounds = scores.ravel()[order]
    found = np.cumsum(copy.ravel()[order])
    precision = found / np.arange(1, len(found) + 1)
    print(f"\n| precision | {signal} at least | rounded up | recall |")
    print("|---|---|---|---|")
    for wanted in PRECISIONS:
        last = np.flatnonzero(precision >= wanted).max()
        bound = bounds[last]
        print(
            f"| {wanted} | {bound:.4f} | {ceil(bound * 100) / 100:.2f} "
            f"| {found[last] / copy.sum():.3f} |"
        )


def main() -> None:
    """Print a table for each signal."""
    limit_library_threads()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    dev = load_dev_set(parser.parse_args().folder)
    encoder = load_encoder(SHIPPED_MODEL)
    queries = load([case.query for case in dev.cases], encoder)
    references = load(dev.references, encoder)
    # Stored pictures are hashed in one orientation, queries in eight.
    references = replace(references, pdq=references.pdq[:, :1])
    copy = true_copies(dev)
    print(f"{len(dev.cases)} queries, {len(references)} references, {copy.sum()} copies")
    for signal in (Signal.EMBEDDING, Signal.FUSED):
        closeness, _ = Measure(signal, FUSION).compare(queries, references)
        print_bounds(signal, closeness, copy)


if __name__ == "__main__":
    main()
