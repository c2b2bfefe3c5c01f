"""Precision and recall by log-odds: which of them separate copies from strangers.

Every query of the DEV benchmark is compared with every reference, as calibration compares them. For
each bound the pairs above it are counted: precision is the share of true copies among them, recall
the share of all copies.

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
from indexer.model import Encoder, load_encoder, load_traits
from indexer.runtime.cpu import limit_library_threads
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.thresholds import Weighing
from indexer.thresholds.background_folder import as_pictures, measure_files
from indexer.thresholds.pairwise_scores import Measure
from indexer.thresholds.picture_matrix import NO_ID, Pictures
from indexer.types import Signal, query_bias

PRECISIONS = (0.999, 0.99, 0.95, 0.90, 0.80)
TRAITS = load_traits(SHIPPED_MODEL)
BIAS = partial(query_bias, background=TRAITS.background, otherwise=TRAITS.fusion.bias)
WEIGHING = Weighing(TRAITS.fusion, BIAS)


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


def print_bounds(scores: NDArray[np.float32], copy: NDArray[np.bool_]) -> None:
    """Print the bound for each precision."""
    order = np.argsort(-scores, axis=None)
    bounds = scores.ravel()[order]
    found = np.cumsum(copy.ravel()[order])
    precision = found / np.arange(1, len(found) + 1)
    print("\n| precision | log-odds at least | rounded up | recall |")
    print("|---|---|---|---|")
    for wanted in PRECISIONS:
        last = np.flatnonzero(precision >= wanted).max()
        bound = bounds[last]
        print(
            f"| {wanted} | {bound:.2f} | {ceil(bound * 10) / 10:.1f} "
            f"| {found[last] / copy.sum():.3f} |"
        )


def main() -> None:
    """Print the table."""
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
    weighing = replace(WEIGHING, references=len(references))
    closeness, _ = Measure(Signal.FUSED, weighing).compare(queries, references)
    print_bounds(closeness, copy)


if __name__ == "__main__":
    main()
