"""Sets of unit vectors to search, with their queries and the true answers, kept on disk.

real
    The embeddings of the DEV references by the shipped model, mixtures of two of them (`draw_like`)
    where there are not enough, and edited copies of both, three for each on average (geometric).
    An edit is what a real one does to an embedding: of a random pair of a DEV query and its
    reference the cosine is kept exactly, and the direction as far as it is tangent to the new
    original. Queries are DEV's own embeddings: copies whose pairs no edit was taken from, and
    strangers.
random
    Evenly distributed directions, the queries as well: no structure, the worst case for whatever
    looks at a part.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from indexer.evaluation.made_up_images import draw_like
from indexer.types import Embeddings
from search_contestant import Gallery

K: Final = 10
TAGS: Final = 100
SHARES: Final = (1, 10, 50)
"""Filters: rows whose tag is below, so per cent of the gallery."""
RANGE_HITS: Final = 20
"""Rows at least as near as the threshold of range queries, on average over the queries."""
_QUERIES: Final = 1_000
_COPIES: Final = 3
_BLOCK: Final = 50_000
_DIMENSION: Final = 512


@dataclass(frozen=True, slots=True)
class VectorSet:
    """A gallery, queries and what is true of them."""

    gallery: Gallery
    queries: Embeddings  # (q, d) float32 unit rows
    least: NDArray[np.float32]
    """Cosine similarity of the k-th nearest, (q, 1 + filters): among all, and under each filter."""
    threshold: float  # of range queries
    within: NDArray[np.int64]  # (q,), rows at least as near as that


def load_set(folder: Path) -> VectorSet:
    """Open what `make_set` wrote."""
    threshold = float(np.load(folder / "threshold.npy"))
    return VectorSet(
        Gallery(np.load(folder / "vectors.npy", mmap_mode="r"), np.load(folder / "tags.npy")),
        np.load(folder / "queries.npy"),
        np.load(folder / "least.npy"),
        threshold,
        np.load(folder / "within.npy"),
    )


def make_set(name: str, count: int, folder: Path, bench: Path, cache: Path) -> None:
    """Write a set into a folder, unless it is there.

    Parameters
    ----------
    name : str
        `real` or `random`.
    count : int
        Vectors of the gallery.
    folder : Path
    bench : Path
        The DEV benchmark.
    cache : Path
        Folder that keeps the embeddings of the benchmark.
    """
    if (folder / "within.npy").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng([20261130, count])
    vectors = open_memmap(folder / "vectors.npy", "w+", np.float32, (count, _DIMENSION))
    if name == "real":
        queries = _fill_real(vectors, load_embedded(bench, cache), random)
    else:
        for start in range(0, count, _BLOCK):
            part = vectors[start : start + _BLOCK]
            part[:] = _unit(random.standard_normal(part.shape, np.float32))
        queries = _unit(random.standard_normal((_QUERIES, _DIMENSION), np.float32))
    vectors.flush()
    tags = random.integers(0, TAGS, count)
    np.save(folder / "tags.npy", tags)
    np.save(folder / "queries.npy", queries)
    _write_truth(folder, vectors, tags, queries)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Embeddings of the DEV benchmark."""

    references: Embeddings
    queries: Embeddings
    reference_of: NDArray[np.int64]  # of each query, -1 for a stranger


def load_embedded(bench: Path, cache: Path) -> Embedded:
    """Embed the benchmark by the shipped model, or read what was kept."""
    kept = cache / "embedded.npz"
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(kept, **_embed(bench, cache))
    with np.load(kept) as arrays:
        return Embedded(arrays["references"], arrays["queries"], arrays["reference_of"])


def _embed(bench: Path, cache: Path) -> dict[str, NDArray[np.generic]]:
    from indexer.images.decode import decode
    from indexer.model import load_encoder
    from indexer.settings import SHIPPED_MODEL, Settings

    encoder = load_encoder(SHIPPED_MODEL, "cpu", cache=cache / "models")
    limits = Settings().image_limits

    def embed(names: list[str]) -> Embeddings:
        pictures = (decode((bench / name).read_bytes(), limits).rgb for name in names)
        return np.concatenate([encoder.encode([rgb]).embeddings for rgb in pictures])

    with (bench / "ground_truth.csv").open(newline="") as file:
        cases = [(row["query_path"], row["reference_path"]) for row in csv.DictReader(file)]
    references = sorted(f"refs/{path.name}" for path in (bench / "refs").iterdir())
    row_of = {name: row for row, name in enumerate(references)}
    return {
        "references": embed(references),
        "queries": embed([query for query, _ in cases]),
        "reference_of": np.array([row_of.get(name, -1) for _, name in cases]),
    }


def _fill_real(vectors: Embeddings, real: Embedded, random: np.random.Generator) -> Embeddings:
    """Write the gallery; return the queries."""
    order = random.permutation(len(real.queries))
    copies = order[real.reference_of[order] >= 0]
    taken, asked = copies[: len(copies) // 2], copies[len(copies) // 2 :]
    origins, edited = real.references[real.reference_of[taken]], real.queries[taken]
    count = len(vectors)
    written = 0
    references = real.references
    while written < count:
        if written:
            size = min(_BLOCK // (1 + _COPIES), count - written)
            originals = draw_like(references, size, random)
        else:
            originals = references[:count]
        sizes = random.geometric(1 / (1 + _COPIES), len(originals)) - 1
        families = np.repeat(np.arange(len(originals)), sizes)
        pairs = random.integers(len(taken), size=len(families))
        made = edit_like(originals[families], origins[pairs], edited[pairs])
        block = np.concatenate([originals, made])[: count - written]
        vectors[written : written + len(block)] = block
        written += len(block)
    vectors[:] = vectors[random.permutation(count)] if count <= 2 * _BLOCK else vectors
    strangers = order[real.reference_of[order] < 0]
    chosen = random.permutation(np.concatenate([asked, strangers]))[:_QUERIES]
    return real.queries[chosen]


def edit_like(originals: Embeddings, origins: Embeddings, copies: Embeddings) -> Embeddings:
    """Move vectors as edits moved others: by the same angle, in the direction nearest to theirs.

    All are of shape (n, d), float32 unit rows: row i of `originals` is moved as row i of
    `origins` was to row i of `copies`.
    """
    cosine = np.sum(origins * copies, axis=1, keepdims=True)
    away = copies - cosine * origins
    tangent = away - np.sum(away * originals, axis=1, keepdims=True) * originals
    lengths = np.linalg.norm(tangent, axis=1, keepdims=True)
    direction = tangent / np.where(lengths > 0, lengths, 1)
    return _unit(cosine * originals + np.sqrt(np.maximum(0, 1 - cosine**2)) * direction)


def _write_truth(
    folder: Path, vectors: Embeddings, tags: NDArray[np.int64], queries: Embeddings
) -> None:
    """Compare every query with every vector, block by block."""
    shares = (TAGS, *SHARES)
    best = np.full((len(shares), len(queries), K), -2, np.float32)
    top = np.zeros((0,), np.float32)
    wanted = RANGE_HITS * len(queries)
    for start in range(0, len(vectors), _BLOCK):
        scores = queries @ vectors[start : start + _BLOCK].T
        for number, share in enumerate(shares):
            allowed = scores[:, tags[start : start + _BLOCK] < share]
            joined = np.concatenate([best[number], allowed], axis=1)
            best[number] = np.partition(joined, -K, axis=1)[:, -K:]
        top = np.concatenate([top, scores[scores > (top.min() if len(top) >= wanted else -2)]])
        if len(top) > wanted:
            top = np.partition(top, -wanted)[-wanted:]
    threshold = np.float32(top.min())
    np.save(folder / "least.npy", best.min(axis=2).T)
    np.save(folder / "threshold.npy", threshold)
    within = np.zeros(len(queries), np.int64)
    for start in range(0, len(vectors), _BLOCK):
        within += np.count_nonzero(queries @ vectors[start : start + _BLOCK].T >= threshold, axis=1)
    np.save(folder / "within.npy", within)


def _unit(vectors: Embeddings) -> Embeddings:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / lengths).astype(np.float32)
