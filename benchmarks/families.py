"""Are families of real pictures right? On the DEV benchmark's references and queries, as one index.

Both are indexed together and clustered by default, without thumbnails, without local features as
well, as near duplicates, and in the ways that others group images: connected components over PDQ or
cosine, a cosine graph of each image's two nearest as fastdup has it, complete linkage, HDBSCAN. Two
pictures belong together if one is an edited copy of the other, or both are of one picture.

Columns: pairwise precision over all pairs by the labels of DEV; the same with the pairs right that
families_reviewed.csv, next to this file, calls "same"; without pairs of two references of which no
query is made, which the labels say nothing of; the share of the copies that are with their
original; B-cubed F1; and precision, copies and F1 for half B, the half on which nothing was chosen.
The list was judged by eye. "same": one photo, drawing or page is in both, edited, in other colours,
or within a window or a page. "ground": other content on one background, in one surface, scene or
style. "other": nothing in common. A wrong pair that is not in the list stays wrong, and is printed.

Example: python benchmarks/families.py ../shared/bench/dev --home /tmp/families
"""

import argparse
import csv
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

from commands import COMMAND
from dev_set import DEFAULT
from indexer.clustering.cluster_parameters import ChosenParameters, ClusterParameters
from indexer.clustering.partition import divide, graph_of
from indexer.clustering.runs import ClusterRunner
from indexer.evaluation import load_benchmark
from indexer.images.fingerprints import hamming
from indexer.settings import Settings
from indexer.store import ScopedPieces, Store, open_store
from indexer.types import ClusterAlgorithm, ClusterScope
from robustness_sets import half_of

Labels = NDArray[np.int64]
BITS, COSINE = 31, 0.9
SAME = 10  # bits within which two references would be one picture
LINKS = (0.2, 0.3, 0.4, 0.5)
REVIEWED = Path(__file__).with_name("families_reviewed.csv")


@dataclass(frozen=True, slots=True)
class Truth:
    """What belongs together, by row of the index."""

    families: Labels  # (n,)
    copies: Labels  # rows of edited copies
    originals: Labels  # the row of the original of each
    unlabelled: NDArray[np.bool_]  # (n,), references that no query is made of
    half_b: NDArray[np.bool_]  # (n,)
    references: Labels  # rows of the references
    names: list[str]  # n, of the files
    reviewed: dict[tuple[int, int], str]  # verdict on two rows, the lower first

    @property
    def same(self) -> Labels:
        """Pairs that were found to show one picture, (m, 2)."""
        pairs = [pair for pair, verdict in self.reviewed.items() if verdict == "same"]
        return np.array(pairs, np.int64).reshape(-1, 2)


def build_index(folder: Path, home: Path) -> None:
    """Index references and queries, unless that was done."""
    environment = {**os.environ, "LOOKALIKE_HOME": str(home)}
    subprocess.run([COMMAND, "init"], env=environment, check=True, capture_output=True)
    add = [COMMAND, "index", "add", str(folder / "refs"), str(folder / "queries")]
    subprocess.run(add, env=environment, check=True, capture_output=True)


def read(store: Store, folder: Path) -> tuple[ScopedPieces, Truth]:
    """Read what is stored, and match it with the ground truth by the names of the files."""
    with store.reader() as catalog:
        space = catalog.spaces.active()
        if space is None:
            raise SystemExit("The index is not bound to a model.")
        pieces = catalog.cluster_scopes.pieces(ClusterScope(), space)
        records = catalog.images.get_many(pieces.images.ids.tolist())
    rows = {
        Path(source).name: row
        for row, record in enumerate(records.values())
        for source in record.sources
    }
    dev = load_benchmark(folder)
    of_row = np.arange(len(records))
    half_b = np.zeros(len(records), np.bool_)
    labelled = set()
    pairs = []
    for case in dev.cases:
        row = rows[Path(case.query).name]
        half_b[row] = half_of(case) == "B"
        if case.reference:
            original = rows[Path(case.reference).name]
            of_row[row], half_b[original] = original, half_b[row]
            labelled.add(original)
            pairs.append((row, original))
    references = np.array([rows[Path(name).name] for name in dev.references])
    unlabelled = np.zeros(len(records), np.bool_)
    unlabelled[references] = True
    unlabelled[[*labelled]] = False
    copies, originals = np.array(pairs).T
    names = {row: name for name, row in rows.items()}
    with REVIEWED.open(newline="", encoding="utf-8") as file:
        reviewed = {
            (min(one, other), max(one, other)): line["verdict"]
            for line in csv.DictReader(file)
            for one, other in [(rows[line["one"]], rows[line["other"]])]
        }
    return pieces, Truth(
        families=of_row,
        copies=copies,
        originals=originals,
        unlabelled=unlabelled,
        half_b=half_b,
        references=references,
        names=[names[row] for row in range(len(records))],
        reviewed=reviewed,
    )


def copies_among(pieces: ScopedPieces, truth: Truth) -> int:
    """Count pairs of references that are near-identical by PDQ, upright: wrong labels."""
    clear = np.flatnonzero(pieces.qualities[: len(truth.families)] >= Settings().pdq_min_quality)
    references = np.intersect1d(truth.references, clear)
    bits = hamming(pieces.pdqs[references], pieces.pdqs[references])
    return int((np.triu(bits <= SAME, 1)).sum())


def score(labels: Labels, truth: Truth) -> str:
    """Return the columns of a row."""
    alone = labels < 0
    labels = np.where(alone, labels.max(initial=0) + 1 + np.arange(len(labels)), labels)
    whole = _metrics(labels, truth, np.ones(len(labels), np.bool_))
    half = _metrics(labels, truth, truth.half_b)
    _, sizes = np.unique(labels, return_counts=True)
    return (
        f"{(sizes > 1).sum():,} | {sizes.max()} | {whole.precision:.3f} | {whole.reviewed:.3f} "
        f"| {whole.labelled:.3f} | {whole.copies:.3f} | {whole.f1:.3f} "
        f"| {half.precision:.3f} / {half.copies:.3f} / {half.f1:.3f}"
    )


class Metrics(NamedTuple):
    """How right groups are."""

    precision: float  # of pairs
    reviewed: float  # the same, with pairs of one picture right
    labelled: float  # the same, without pairs of two references of which no query is made
    copies: float  # share with their original
    f1: float  # B-cubed


def _metrics(labels: Labels, truth: Truth, rows: NDArray[np.bool_]) -> Metrics:
    found, families = labels[rows], truth.families[rows]
    both = found * len(labels) + families
    right = _pairs(both)
    unlabelled = truth.unlabelled[rows]
    unknown = _pairs(found[unlabelled]) - _pairs(both[unlabelled])
    together = _pairs(found)
    one, other = truth.same.T
    same = int((rows[one] & rows[other] & (labels[one] == labels[other])).sum())
    counted = rows[truth.copies]
    with_original = labels[truth.copies[counted]] == labels[truth.originals[counted]]
    shared, in_found, in_family = (_sizes(each) for each in (both, found, families))
    precision, recall = (shared / in_found).mean(), (shared / in_family).mean()
    return Metrics(
        right / max(1, together),
        (right + same) / max(1, together),
        right / max(1, together - unknown),
        float(with_original.mean()),
        float(2 * precision * recall / (precision + recall)),
    )


def wrong_pairs(labels: Labels, truth: Truth) -> list[tuple[int, int]]:
    """Return the rows of the pairs that are together and, by the labels, not of one picture."""
    groups = [np.flatnonzero(labels == group) for group in range(labels.max(initial=-1) + 1)]
    return [
        (one, other)
        for members in groups
        for one, other in combinations(members.tolist(), 2)
        if truth.families[one] != truth.families[other]
    ]


def print_wrong(labels: Labels, truth: Truth) -> None:
    """Print how many wrong pairs there are of each verdict, and those without one."""
    pairs = wrong_pairs(labels, truth)
    print("\nWrong pairs:", dict(Counter(truth.reviewed.get(pair, "-") for pair in pairs)))
    for one, other in pairs:
        if (one, other) not in truth.reviewed:
            print(truth.names[one], truth.names[other])


def _pairs(labels: Labels) -> int:
    _, sizes = np.unique(labels, return_counts=True)
    return int((sizes * (sizes - 1) // 2).sum())


def _sizes(labels: Labels) -> Labels:
    _, inverse, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return sizes[inverse]


def others(pieces: ScopedPieces, truth: Truth) -> Iterator[tuple[str, Labels]]:
    """Yield the names and groups of the other ways, by the whole images."""
    vectors = pieces.images.vectors
    n = len(vectors)
    cosines = np.clip(vectors @ vectors.T, -1, 1)
    bits = hamming(pieces.pdqs[:n], pieces.pdqs[:n])
    flat = pieces.qualities[:n] < Settings().pdq_min_quality
    bits[flat], bits[:, flat] = 256, 256
    yield (
        f"components, PDQ <= {BITS} or cosine >= {COSINE}",
        components((bits <= BITS) | (cosines >= COSINE)),
    )
    yield f"components, cosine >= {COSINE} (as imagededup)", components(cosines >= COSINE)
    np.fill_diagonal(cosines, -1)
    nearest = np.argsort(-cosines, axis=1)[:, :2]
    near = np.zeros((n, n), np.bool_)
    np.put_along_axis(near, nearest, np.take_along_axis(cosines, nearest, 1) >= COSINE, 1)
    yield f"components, cosine >= {COSINE} of the nearest two (as fastdup)", components(near)
    np.fill_diagonal(cosines, 1)
    distances = squareform(1 - cosines, checks=False)
    tree = linkage(distances, "complete")
    yield "complete linkage, distance <= 0.08", fcluster(tree, 0.08, "distance")
    best: tuple[float, str, Labels] = (0.0, "", np.zeros(n, np.int64))
    for least, samples in ((5, 5), (3, 2), (2, 2), (2, 1)):
        for link in LINKS:
            parameters = ChosenParameters(least, samples, link)
            labels = divide(graph_of(vectors, parameters, threads=1), parameters).labels
            name = f"HDBSCAN, size {least}, samples {samples}, link {link}"
            if (least, link) == (5, 0.3):
                yield f"{name} (default)", labels
            alone = np.where(labels < 0, n + np.arange(n), labels)
            f1 = _metrics(alone, truth, ~truth.half_b).f1
            best = max(best, (f1, name, labels), key=lambda each: each[0])
    yield f"{best[1]} (best B-cubed F1 on half A)", best[2]


def components(linked: NDArray[np.bool_]) -> Labels:
    """Return the connected components of a graph."""
    found: Labels = connected_components(coo_array(linked), directed=False)[1].astype(np.int64)
    return found


def ours(store: Store, settings: Settings, **how: Any) -> tuple[Labels, float]:
    """Run a clustering, and return the groups by row and the seconds."""
    algorithm = how.pop("algorithm", ClusterAlgorithm.FAMILIES)
    begun = time.perf_counter()
    run = ClusterRunner(store, settings).run(algorithm, ClusterScope(), ClusterParameters(**how))
    seconds = time.perf_counter() - begun
    with store.reader() as catalog:
        return catalog.cluster_members.membership(run.id).cluster_ids, seconds


def main() -> None:
    """Print a row for each way."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    parser.add_argument("--home", type=Path, help="an index, made where it is not there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = arguments.home or Path(scratch)
        if not (home / "lookalike.db").exists():
            build_index(arguments.folder, home)
        settings = Settings(home=home)
        with open_store(settings.resolved_database_url) as store:
            pieces, truth = read(store, arguments.folder)
            print(f"{len(pieces.images.ids):,} images, {len(pieces.owners):,} pieces")
            print(f"{copies_among(pieces, truth)} pairs of references within {SAME} bits\n")
            print(
                "| way | groups | largest | precision | reviewed | without unlabelled | copies "
                "| B-cubed F1 | half B: precision / copies / F1 |\n" + 9 * "|---" + "|"
            )
            blind = settings.model_copy(update={"keep_thumbnails": False})
            default = np.zeros(0, np.int64)
            for name, kept, how in (
                ("**families** (default)", settings, {}),
                ("families, features without thumbnails", blind, {}),
                ("families, neither", blind, {"verify": False}),
                ("near_duplicates", settings, {"algorithm": ClusterAlgorithm.NEAR_DUPLICATES}),
            ):
                labels, seconds = ours(store, kept, **how)
                print(f"| {name}, {seconds:.0f} s | {score(labels, truth)} |", flush=True)
                default = default if len(default) else labels
            for name, labels in others(pieces, truth):
                print(f"| {name} | {score(labels, truth)} |", flush=True)
            print_wrong(default, truth)


if __name__ == "__main__":
    main()
