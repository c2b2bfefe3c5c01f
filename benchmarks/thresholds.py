"""Which cosine similarity separates copies from strangers? Chooses the default thresholds.

Every query of the DEV benchmark is compared with every reference. For each bound the pairs above it
are counted: precision is the share of true copies among them, recall the share of all copies.
The defaults are the lowest bounds, rounded up to two digits, at which precision reaches 0.99
(near duplicate) and 0.90 (lookalike).

Example: python benchmarks/thresholds.py ../shared/bench/dev
"""

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path

import numpy as np

from dev_set import DEFAULT, load_dev_set
from indexer.images import decode
from indexer.model import load_encoder
from indexer.parallelism import limit_library_threads
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.types import Embeddings

PRECISIONS = (0.999, 0.99, 0.95, 0.90, 0.80)


def embed(paths: list[Path]) -> Embeddings:
    """Return (n, d) unit embeddings of the pictures."""
    encoder = load_encoder(SHIPPED_MODEL)
    limits = Settings().image_limits

    def encode(path: Path) -> Embeddings:
        return encoder.encode([decode(path.read_bytes(), limits).rgb]).embeddings

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.concatenate(list(pool.map(encode, paths)))


def main() -> None:
    """Print the bound for each precision."""
    limit_library_threads()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    dev = load_dev_set(parser.parse_args().folder)
    references = list(dev.references)
    column = {path: index for index, path in enumerate(references)}

    similarity = embed([case.query for case in dev.cases]) @ embed(references).T
    copy = np.zeros(similarity.shape, bool)
    for row, case in enumerate(dev.cases):
        if case.reference is not None:
            copy[row, column[case.reference]] = True

    order = np.argsort(-similarity, axis=None)
    bounds = similarity.ravel()[order]
    found = np.cumsum(copy.ravel()[order])
    precision = found / np.arange(1, len(found) + 1)
    print(f"{len(dev.cases)} queries, {len(references)} references, {copy.sum()} copies")
    print("| precision | cosine at least | default | recall |")
    print("|---|---|---|---|")
    for wanted in PRECISIONS:
        last = np.flatnonzero(precision >= wanted).max()
        bound = bounds[last]
        print(
            f"| {wanted} | {bound:.4f} | {ceil(bound * 100) / 100:.2f} "
            f"| {found[last] / copy.sum():.3f} |"
        )


if __name__ == "__main__":
    main()
