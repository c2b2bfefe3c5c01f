"""Are near-duplicate groups of real pictures right? On the DEV benchmark's references and copies.

All references and queries are embedded with the shipped model and grouped as `cluster run
--algorithm near_duplicates` does, at several bounds. Two pictures belong together if one is an
edited copy of the other, or both are of one picture. Precision is the share of pairs within a group
that do; recall the share of all such pairs that are in one group. What no edited copy is made of
counts as a family of its own, also where two packages hold crops of one stock photo.

Example: python benchmarks/near_duplicates.py ../shared/bench/dev
"""

import argparse
import csv
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from dev_set import DEFAULT, load_dev_set
from indexer.clustering.complete_linkage import near_duplicate_groups
from indexer.embedding_space import decode_size
from indexer.images.decode import decode
from indexer.model import load_encoder
from indexer.settings import SHIPPED_MODEL, Settings
from indexer.vectors.knn_graph import build_knn_graph

DISTANCES = (0.05, 0.06, 0.07, 0.08, 0.1, 0.15, 0.2)
NEIGHBOURS = 16  # as in a run


def families(folder: Path) -> dict[Path, str]:
    """Return which picture each file is, or was made of."""
    names = {path: path.name for path in load_dev_set(folder).references}
    with (folder / "ground_truth.csv").open(newline="") as rows:
        for row in csv.DictReader(rows):
            reference = row["reference_path"]
            names[folder / row["query_path"]] = (
                Path(reference).name if reference else row["source_path"]
            )
    return names


def pairs(sizes: Counter[str]) -> int:
    """Count the pairs within sets of these sizes."""
    return sum(size * (size - 1) // 2 for size in sizes.values())


def main() -> None:
    """Print a row for each bound."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT)
    arguments = parser.parse_args()
    names = families(arguments.folder)
    encoder = load_encoder(SHIPPED_MODEL, "cpu")
    limits = Settings().image_limits
    vectors = np.concatenate(
        [
            encoder.encode(
                [decode(path.read_bytes(), limits, at_least=decode_size(encoder)).rgb]
            ).embeddings
            for path in names
        ]
    )
    neighbours = build_knn_graph(vectors, NEIGHBOURS)
    wanted = pairs(Counter(names.values()))
    print(f"{len(names):,} pictures, {wanted:,} pairs that belong together\n")
    print("| largest distance | groups | largest group | pairs | precision | recall |")
    print("|---|---|---|---|---|---|")
    for distance in DISTANCES:
        labels = near_duplicate_groups(vectors, neighbours, 1 - distance)
        groups: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for label, name in zip(labels.tolist(), names.values(), strict=True):
            if label >= 0:
                groups[label][name] += 1
        found = pairs(Counter({str(k): each.total() for k, each in groups.items()}))
        right = sum(pairs(each) for each in groups.values())
        largest = max((each.total() for each in groups.values()), default=0)
        share = f"{right / found:.4f}" if found else ""
        print(
            f"| {distance} | {len(groups):,} | {largest} | {found:,} | {share} "
            f"| {right / wanted:.3f} |"
        )


if __name__ == "__main__":
    main()
