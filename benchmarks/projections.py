"""How should a report's map be drawn? Ways by neighbours, by families and by stability.

On the DEV benchmark's references and queries as one index (that of families.py). Each way is fitted
to the images without 60 whole families and without 15 of 100 of the others, and places all of them.

Columns: trustworthiness (scikit-learn, 15 neighbours, cosine); of how many images of a family the
nearest other image on the map is of that family, among those that the way was fitted to, held-out
copies of pictures that it knows, and families that it does not know (half B of each in brackets);
seconds to fit; seconds to place 50,000 vectors; and how far the median image moves when the index
has a tenth more, as a share of the map's spread. A way that is kept is not fitted again then; the
figure in brackets is what it would be. UMAP and PaCMAP are measured where `umap-learn` and `pacmap`
are installed; the project needs neither.

Example: python benchmarks/projections.py ../shared/bench/dev --home /tmp/families
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from sklearn.manifold import trustworthiness
from sklearn.neural_network import MLPRegressor

from dev_set import DEFAULT
from families import Truth, build_index, ours, read
from indexer.reports.family_discs import FamilyDiscs
from indexer.reports.landmark_map import LandmarkMap, lay_out
from indexer.reports.map import find_axes
from indexer.settings import Settings
from indexer.store import Store, open_store

Array = NDArray[np.float32]
Place = Callable[[Array], Array]
Fit = Callable[[Array, Array | None], Place]
SEED = 0
POINTS = 50_000
FAMILIES, SHARE = 60, 0.15  # held out
NEIGHBOURS = 15


@dataclass(frozen=True, slots=True)
class Split:
    """Which images are fitted to, and which are looked at."""

    vectors: Array
    families: NDArray[np.int64]  # of each image
    fitted: NDArray[np.bool_]
    looked_at: dict[str, NDArray[np.int64]]  # rows that share a family with another
    half_b: NDArray[np.bool_]


def split(vectors: Array, truth: Truth) -> Split:
    """Hold out whole families, and single images of the others."""
    random = np.random.default_rng(SEED)
    _, number, sizes = np.unique(truth.families, return_inverse=True, return_counts=True)
    shared = sizes[number] > 1
    held = random.choice(np.unique(number[shared]), FAMILIES, replace=False)
    unknown = np.isin(number, held)
    single = ~unknown & (random.random(len(vectors)) < SHARE)
    fitted = ~unknown & ~single
    kinds = {"fitted": fitted, "known": single, "unknown": unknown}
    rows = {name: np.flatnonzero(each & shared) for name, each in kinds.items()}
    return Split(vectors, number, fitted, rows, truth.half_b)


def by_axes(vectors: Array, _start: Array | None) -> Place:
    """Project on the two principal directions."""
    return find_axes([vectors], vectors.shape[1]).place


def by_landmarks(vectors: Array, start: Array | None) -> Place:
    """Lay the vectors out, and others beside the nearest of them, as reports do."""
    return LandmarkMap.of(vectors, lay_out(vectors, start)).place


def by_network(vectors: Array, start: Array | None) -> Place:
    """Lay the vectors out, and fit a network to their places: a parametric t-SNE."""
    places = lay_out(vectors, start)
    middle, spread = places.mean(axis=0), float(places.std())
    random = np.random.default_rng(SEED)
    many = np.concatenate([vectors, *(turned(vectors, random) for _ in range(10))])
    network = MLPRegressor(hidden_layer_sizes=(512, 256), max_iter=15, random_state=SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged
        network.fit(many, np.tile((places - middle) / spread, (11, 1)))
    return lambda others: np.asarray(network.predict(others), np.float32)


def by_umap(vectors: Array, _start: Array | None) -> Place:
    """Fit UMAP, begun from PCA, seeded; others are placed by its `transform`."""
    import umap

    made = umap.UMAP(n_neighbors=NEIGHBOURS, metric="cosine", init="pca", random_state=SEED)
    made.fit(vectors)
    return lambda others: np.asarray(made.transform(others), np.float32)


def by_pacmap(vectors: Array, _start: Array | None) -> Place:
    """Fit PaCMAP, begun from PCA, seeded; others are placed by its `transform`."""
    import pacmap

    made = pacmap.PaCMAP(n_components=2, random_state=SEED, save_tree=True)
    made.fit_transform(vectors, init="pca")
    return lambda others: np.asarray(made.transform(others), np.float32)


def turned(vectors: Array, random: np.random.Generator) -> Array:
    """Turn vectors by noise to a cosine of 0.75 to 0.98, somewhat as altered copies are."""
    noise = random.standard_normal(vectors.shape, np.float32)
    noise -= (noise * vectors).sum(axis=1, keepdims=True) * vectors
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    cosine = random.uniform(0.75, 0.98, (len(vectors), 1)).astype(np.float32)
    return np.asarray(cosine * vectors + np.sqrt(1 - cosine**2) * noise, np.float32)


def beside_family(places: Array, rows: NDArray[np.int64], families: NDArray[np.int64]) -> float:
    """Return of how many rows the nearest other image is of their family, 0 to 1."""
    if not len(rows):
        return float("nan")
    _, near = KDTree(places).query(places[rows], k=2)
    other = np.where(near[:, 0] == rows, near[:, 1], near[:, 0])
    return float((families[other] == families[rows]).mean())


def columns(places: Array, on: Split) -> str:
    """Return trustworthiness, and the shares of images beside one of their family."""
    trust = trustworthiness(on.vectors, places, n_neighbors=NEIGHBOURS, metric="cosine")
    told = [f"{trust:.3f}"]
    for rows in on.looked_at.values():
        half = rows[on.half_b[rows]]
        shares = [beside_family(places, each, on.families) for each in (rows, half)]
        told.append(f"{shares[0]:.3f} ({shares[1]:.3f})")
    return " | ".join(told)


def moved(before: Array, after: Array) -> float:
    """Return how far the median of places has moved, as a share of their spread."""
    scale = np.sqrt(((after - after.mean(axis=0)) ** 2).sum(axis=1).mean())
    return float(np.median(np.linalg.norm(after - before, axis=1)) / scale)


def row(name: str, fit: Fit, on: Split, *, is_kept: bool) -> tuple[str, Place]:
    """Measure one way."""
    begun = time.perf_counter()
    place = fit(on.vectors[on.fitted], None)
    fitting = time.perf_counter() - begun
    places = place(on.vectors)
    random = np.random.default_rng(SEED)
    many = turned(on.vectors[random.integers(0, len(on.vectors), POINTS)], random)
    begun = time.perf_counter()
    place(many)
    placing = time.perf_counter() - begun
    more = np.flatnonzero(on.fitted)
    fewer = more[: round(len(more) / 1.1)]
    early = fit(on.vectors[fewer], None)
    again = fit(on.vectors[more], early(on.vectors[more]))
    anew = moved(early(on.vectors[fewer]), again(on.vectors[fewer]))
    stays = f"0 ({anew:.2f})" if is_kept else f"{anew:.2f}"
    told = f"| {name} | {columns(places, on)} | {fitting:.0f} | {placing:.1f} | {stays} |"
    return told, place


def with_discs(store: Store, settings: Settings, plane: LandmarkMap, on: Split) -> Array:
    """Place the members of the families that a run finds on their discs, as reports do."""
    labels, _ = ours(store, settings)
    with store.reader() as catalog:
        space = catalog.spaces.active()
        run = catalog.cluster_runs.newest(space.id) if space else None
        if run is None:
            raise SystemExit("The run was not kept.")
        reach, sizes = catalog.clusters.reach(run.id), catalog.clusters.sizes(run.id)
    discs = FamilyDiscs.of(plane, reach, sizes)
    places = plane.place(on.vectors)
    member = np.flatnonzero(labels >= 0)
    hubs = reach.medoids[np.searchsorted(reach.cluster_ids, labels[member])]
    distances = 1 - np.einsum("nd,nd->n", on.vectors[member], hubs).astype(np.float64)
    places[member] = discs.place(on.vectors[member], labels[member], np.clip(distances, 0, 2))
    return places


def ways() -> Iterator[tuple[str, Fit, bool]]:
    """Yield name, way, and whether what is fitted can be kept."""
    yield "principal axes", by_axes, False
    yield "landmarks", by_landmarks, True
    yield "network fitted to the layout", by_network, True
    if find_spec("umap"):
        yield "UMAP", by_umap, True
    if find_spec("pacmap"):
        yield "PaCMAP", by_pacmap, True


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
            on = split(pieces.images.vectors, truth)
            held = ", ".join(f"{len(rows)} {name}" for name, rows in on.looked_at.items())
            print(f"{len(on.vectors):,} images; of families: {held}\n")
            print(
                "| way | trustworthiness | fitted | known | unknown | s to fit | s to place "
                f"{POINTS:,} | moved |\n|---|---|---|---|---|---|---|---|"
            )
            print(f"| all dimensions | {columns(on.vectors, on)} | | | |", flush=True)
            for name, fit, is_kept in ways():
                told, place = row(name, fit, on, is_kept=is_kept)
                print(told, flush=True)
                if fit is by_landmarks:
                    places = with_discs(store, settings, place.__self__, on)  # type: ignore[attr-defined]
                    print(f"| landmarks, families on discs | {columns(places, on)} | | | |")


if __name__ == "__main__":
    main()
