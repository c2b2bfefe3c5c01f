"""Do patterns gather pictures of a kind? On labelled pictures, by several embeddings of them.

The pictures are in a folder for each kind, or DEV's references with the kinds that refs.csv says.
Each way is measured by the adjusted mutual information of its clusters and the kinds (Vinh, Epps
and Bailey, 2010): 0 is chance, 1 the same division. Images in no cluster are a cluster of their
own. Copies are taken out first, as a run does: of pictures within 31 bits of PDQ or at cosine 0.75
in the copy descriptor's space one is kept.

Ways: the copy descriptor, by which patterns were found before; raw pixels, 32 by 32; the features
that the network's classifier sees, as they are and whitened on other pictures (--train) to several
lengths; the model's semantic embeddings. Columns: k-means with as many clusters as folders, and
with twice and four times as many; HDBSCAN with what a run chooses (clusters, share in none), and
with the best of its grid. The grid's best is chosen on half A, all figures are of half B; halves
are by the hash of a file's name. --cache keeps what the network gave.

Example: python benchmarks/patterns.py openclipart/png --folders animals food people --most 270
"""

import argparse
import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import adjusted_mutual_info_score

from indexer.clustering.cluster_parameters import ChosenParameters, ClusterParameters
from indexer.clustering.kmeans import kmeans
from indexer.clustering.partition import divide, graph_of
from indexer.errors import InputError
from indexer.images.decode import decode
from indexer.images.fingerprints import hamming, pdq
from indexer.model.descriptor import Descriptor, Tap
from indexer.model.descriptor_head import attach_taps
from indexer.model.preprocessing import Preprocessor
from indexer.model.references import resolve
from indexer.model.torch_loading import LoadedModel, load_model
from indexer.model.training.semantic_fit import whiten
from indexer.settings import SHIPPED_MODEL, Settings

Labels = NDArray[np.int64]
Rows = NDArray[np.float32]
WAYS: Final = ("copy", "raw", "pooled", "semantic")
SIZES: Final = (32, 64, 128, 256)
SIDE: Final = 32  # px of the raw pixels
BITS, COSINE = 31, 0.75  # of copies
GRID: Final = tuple(product((5, 10, 20), (2, 5, 10), (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)))
SEEDS: Final = 3


@dataclass(frozen=True, slots=True)
class Features:
    """What the network gives for pictures, in one pass each."""

    names: list[str]  # kind/file
    hashes: NDArray[np.uint8]  # (n, 32)
    rows: dict[str, Rows]  # copy, raw, pooled and semantic, (n, d) each; d = 0 where there are none


class Extractor:
    """Asks the network of a model."""

    def __init__(self, reference: str) -> None:
        self._model: LoadedModel = load_model(resolve(reference), torch.device("cpu"))
        self._limits = Settings().image_limits
        self._prepare = Preprocessor(self._model.card)
        pooled = Descriptor("pooled", "", (Tap("global_pool", 1.0),), 1, {})
        self._taps = attach_taps(self._model.network, pooled, Path("this benchmark"))

    def features(self, pictures: Iterable[tuple[Path, str]], kept: Path | None) -> Features:
        """Return those of all pictures that can be read, from the file that keeps them if any."""
        if not kept or not kept.is_file():
            found = {"names": [], "hashes": [], **{way: [] for way in WAYS}}
            for path, kind in pictures:
                for name, value in self._ask(path, kind).items():
                    found[name].append(value)
            if not kept:
                return _features(found)
            np.savez(kept, allow_pickle=False, **found)
        with np.load(kept, allow_pickle=False) as stored:
            return _features(dict(stored))

    def _ask(self, path: Path, kind: str) -> dict[str, Any]:
        try:
            rgb = decode(path.read_bytes(), self._limits).rgb
        except InputError:
            return {}
        with torch.inference_mode():
            outputs = self._model.one_pass(torch.from_numpy(self._prepare(rgb)[np.newaxis]))
            [pooled] = self._taps.take()
        small = Image.fromarray(rgb).resize((SIDE, SIDE), Image.Resampling.BOX)
        return {
            "names": f"{kind}/{path.name}",
            "hashes": np.frombuffer(pdq(rgb).bits, np.uint8),
            "raw": np.asarray(small, np.float32).ravel() - 128,
            "pooled": pooled[0].numpy(),
            "copy": outputs[1][0].numpy(),
            "semantic": outputs[2][0].numpy() if outputs[2:] else np.empty(0, np.float32),
        }


def _features(found: dict[str, Any]) -> Features:
    rows = {way: np.array(found[way], np.float32) for way in WAYS}
    return Features(list(found["names"]), np.array(found["hashes"]), rows)


def pictures_of(folder: Path, kinds: Sequence[str], most: int) -> Iterator[tuple[Path, str]]:
    """Yield some pictures of each kind, chosen by the hash of their names.

    The kind is that of refs.csv, where the folder has one, as the DEV benchmark does, or else the
    name of the folder in it.
    """
    by_kind: dict[str, list[Path]] = {}
    if (folder / "refs.csv").is_file():
        with (folder / "refs.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                by_kind.setdefault(row["kind"], []).append(folder / row["reference_path"])
    else:
        for path in folder.rglob("*"):
            if path.suffix in {".png", ".jpg"}:
                by_kind.setdefault(path.relative_to(folder).parts[0], []).append(path)
    for kind in kinds or sorted(by_kind):
        for path in sorted(by_kind[kind], key=_hash)[:most]:
            yield path, kind


def _hash(path: Path) -> str:
    return hashlib.sha256(path.name.encode()).hexdigest()


def unit(rows: NDArray[np.floating]) -> Rows:
    """Return rows of length 1."""
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def first_of_copies(features: Features) -> Labels:
    """Return the first row of each group of copies, ascending."""
    vectors, bits = unit(features.rows["copy"]), features.hashes
    is_pair = (vectors @ vectors.T >= COSINE) | (hamming(bits, bits) <= BITS)
    _, groups = connected_components(coo_array(is_pair))
    return np.unique(groups, return_index=True)[1]


def ways(features: Features, train: Features | None) -> Iterator[tuple[str, Rows, bool]]:
    """Yield each embedding of the pictures, and whether a run would take it for semantic."""
    yield "copy descriptor (before)", unit(features.rows["copy"]), False
    yield f"raw pixels, {SIDE} x {SIDE}", unit(features.rows["raw"]), False
    pooled = features.rows["pooled"]
    yield "pooled features", unit(pooled), False
    if train:
        projection, bias = whiten(train.rows["pooled"].astype(np.float16), max(SIZES))
        whitened = pooled @ projection.T + bias
        for size in SIZES:
            yield f"pooled features, whitened to {size}", unit(whitened[:, :size]), True
    if features.rows["semantic"].size:
        yield "semantic embeddings", unit(features.rows["semantic"]), True


def scores(
    vectors: Rows, kinds: Labels, best: tuple[int, int, float], *, semantic: bool
) -> list[float]:
    """Return the columns of a way."""
    folders = len(np.unique(kinds))
    found = [
        float(np.mean([_ami(kinds, kmeans(vectors, k, seed=seed)) for seed in range(SEEDS)]))
        for k in (folders, 2 * folders, 4 * folders)
    ]
    chosen = ClusterParameters().chosen(len(vectors), semantic=semantic)
    labels = divide(graph_of(vectors, chosen, threads=1), chosen).labels
    found += [_ami(kinds, labels), float(labels.max() + 1), float((labels < 0).mean())]
    own = ChosenParameters(*best)
    return [*found, _ami(kinds, divide(graph_of(vectors, own, threads=1), own).labels)]


def best_of_grid(vectors: Rows, kinds: Labels) -> tuple[int, int, float]:
    """Return the parameters of HDBSCAN that agree most with the folders."""
    graph = graph_of(vectors, ChosenParameters(5, 5, 2.0), threads=1)
    return max(GRID, key=lambda each: _ami(kinds, divide(graph, ChosenParameters(*each)).labels))


def _ami(kinds: Labels, labels: Labels) -> float:
    return float(adjusted_mutual_info_score(kinds, labels))


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--folders", nargs="+", default=[], help="all by default")
    parser.add_argument("--most", type=int, default=270, help="pictures of a folder")
    parser.add_argument("--train", type=Path, help="folder of other pictures to whiten by")
    parser.add_argument("--cache", type=Path, help="folder to keep features in")
    parser.add_argument("--model", default=SHIPPED_MODEL)
    given = parser.parse_args()
    torch.set_num_threads(1)
    extractor, train = Extractor(given.model), None
    cache: Path | None = given.cache
    wanted = pictures_of(given.folder, given.folders, given.most)
    features = extractor.features(wanted, cache and cache / f"{given.folder.name}.npz")
    if given.train:
        others = ((path, "") for path in sorted(given.train.iterdir()))
        train = extractor.features(others, cache and cache / "train.npz")
    kept = first_of_copies(features)
    names = [features.names[row] for row in kept]
    _, kinds = np.unique([name.partition("/")[0] for name in names], return_inverse=True)
    half_b = np.array([int(_hash(Path(name)), 16) % 2 for name in names], np.bool_)
    print(f"{len(features.names)} pictures, {len(kept)} without copies, {half_b.sum()} in half B")
    print("| embedding | k-means, k folders | 2k | 4k | HDBSCAN | clusters | in none | its best |")
    print("|---|---|---|---|---|---|---|---|")
    for way, vectors, semantic in ways(features, train):
        own = vectors[kept]
        best = best_of_grid(own[~half_b], kinds[~half_b])
        *found, clusters, none, by_grid = scores(
            own[half_b], kinds[half_b], best, semantic=semantic
        )
        figures = " | ".join(f"{each:.3f}" for each in found)
        print(f"| {way} | {figures} | {clusters:.0f} | {none:.2f} | {by_grid:.3f} {best} |")


if __name__ == "__main__":
    main()
